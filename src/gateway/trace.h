/* trace: the field that marks mail which came in from outside.
 *
 *     X-Seal-Trace: v=1; t=1795420800; n=5f2c…; h=3a90…
 *
 * h is an HMAC-SHA256 with the trace key over the rest without its white space,
 * which forwarders fold anew. When an inside server sends such a mail out again
 * (forwarding, a mailing list) it is not sealed: it is not the organisation's own. The mark binds no content on purpose, as
 * forwarders change that; whoever copies a mark onto his own mail only keeps
 * that mail from being sealed, and without the key nobody can make one.
 * Threads: a key is only read once loaded.
 */
#ifndef GATEWAY_TRACE_H
#define GATEWAY_TRACE_H

#include "base/buf.h"
#include "base/error.h"

#include <time.h>

#define TRACE_FIELD "X-Seal-Trace"
#define TRACE_KEY_MIN 16   /* octets */
#define TRACE_KEY_MAX 1024
#define TRACE_FIELDS_MAX 50 /* of one message that are looked at */

struct trace_key;

/* The file's octets are the key; others must not be able to read it. */
enum answer trace_key_load(const char *path, struct trace_key **key, struct error *err);
void trace_key_free(struct trace_key *key); /* NULL is safe; wipes */

/* Appends the field's value, leading blank included. random: 16 fresh octets. */
void trace_write(const struct trace_key *key, time_t now, const unsigned char random[16], struct buf *out);
/* Was this value written with this key? */
bool trace_verify(const struct trace_key *key, struct slice value);

#endif
