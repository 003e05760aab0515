/* der: enough of BER to walk a value in place, and of DER to write one.
 *
 * OpenSSL's parser makes an object of every value, so that a hostile message of
 * 25 MiB can become gigabytes; here nothing is allocated and nothing copied.
 * BER is read (indefinite lengths, constructed strings: X.690 8), DER is written.
 * Tag numbers above 30 occur neither in CMS nor in lists of revoked certificates and are refused.
 * All functions are pure and safe in every thread.
 */
#ifndef BASE_DER_H
#define BASE_DER_H

#include "base/buf.h"

#define DER_DEPTH_MAX 16 /* of values with indefinite length, and of constructed strings */

/* Identifier octets (X.690 8.1.2): class, constructed bit, number. */
#define DER_BOOLEAN 0x01
#define DER_INTEGER 0x02
#define DER_BIT_STRING 0x03
#define DER_OCTET_STRING 0x04
#define DER_NULL 0x05
#define DER_OBJECT 0x06
#define DER_ENUMERATED 0x0a
#define DER_UTC_TIME 0x17
#define DER_GENERALIZED_TIME 0x18
#define DER_SEQUENCE 0x30
#define DER_SET 0x31
#define DER_CONSTRUCTED 0x20
#define DER_CONTEXT(n) (0x80 | (n))                   /* primitive, context-specific */
#define DER_CONTEXT_CONSTRUCTED(n) (0xa0 | (n))

struct der {
	unsigned char tag;    /* the identifier octet */
	struct slice content; /* without the end-of-contents octets */
	struct slice whole;   /* with identifier and length */
};

/* Takes the next value off the front of rest. False: nothing is left, or it is
 * malformed; rest is untouched then. */
bool der_next(struct slice *rest, struct der *value);
/* The same, but only a value with that identifier octet. */
bool der_take(struct slice *rest, unsigned char tag, struct der *value);
/* Exactly one value with that identifier octet and nothing behind it. */
bool der_only(struct slice octets, unsigned char tag, struct der *value);

/* Hands the pieces of an OCTET STRING to take in their order: one of a primitive value, all of
 * a constructed one, nested or not. value may be tagged implicitly. False: malformed, or
 * take said false. */
typedef bool der_take_piece(struct slice piece, void *context);
bool der_octets(const struct der *value, der_take_piece *take, void *context);

/* Size of a whole value with so many octets of content. */
size_t der_size(size_t content);
void der_add_header(unsigned char tag, size_t content, struct buf *out);

#endif
