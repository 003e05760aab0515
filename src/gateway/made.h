/* made: which envelopes have we made lately?
 *
 * A signature of ours is known again by verifying it; what we have signed and then
 * encrypted cannot be, as nobody here can open it. So the fingerprints of the
 * last MADE_MAX envelopes are kept in shared memory, for all gates. A mail that
 * passes two listeners is then not sealed twice. What was forgotten
 * (too many since, a restart of the supervisor) gets a second, outer seal,
 * which harms nobody. A field in the header would not do: everybody can write one.
 * Threads and processes: all functions may be called from any at once.
 */
#ifndef GATEWAY_MADE_H
#define GATEWAY_MADE_H

#include "base/slice.h"

#define MADE_MAX 65536 /* envelopes; 2 MiB of memory */

struct made;

/* In shared memory, for processes forked later; NULL when there is none. */
struct made *made_new(void);
void made_free(struct made *made); /* NULL is safe */

/* der: the EnvelopedData or AuthEnvelopedData. Only its beginning and end are
 * looked at: the encrypted content keys stand there, which are as good as
 * random, and are never twice the same. */
void made_add(struct made *made, struct slice der);
bool made_has(struct made *made, struct slice der);

#endif
