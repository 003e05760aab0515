/* letter: mail as a partner sends it in, clear-signed and then encrypted in CBC to the
 * office's key; and such as somebody sends in who has caught one and alters it.
 */
#ifndef LETTER_H
#define LETTER_H

#include "base/buf.h"
#include "scene.h"

enum letter_kind {
	LETTER_GOOD,
	LETTER_BAD_PADDING,  /* does not decrypt */
	LETTER_NOISE,        /* decrypts to noise */
	LETTER_UNSIGNED,
	LETTER_BAD_SIGNATURE,
	LETTER_KINDS,
};
const char *letter_name(enum letter_kind kind); /* what it does, for the table */

struct letter {
	struct buf header; /* the message's */
	struct buf body;   /* the envelope in base64, as it goes over the wire */
	size_t signed_at, signed_len;       /* where in what is encrypted is what is signed */
	size_t signature_at, signature_len; /* and the signature in base64 */
};

/* All kinds of one entity are of one length. False: said nowhere, but a call failed. l is
 * to be freed in either case. */
bool letter_make(const struct scene *s, struct slice entity, enum letter_kind kind, struct letter *l);
/* A request to revoke the partner's certificate, clear-signed; of no two numbers the same. */
#define LETTER_REVOCATIONS "revoke@bench.test"
bool letter_make_request(const struct scene *s, size_t number, struct letter *l);
void letter_free(struct letter *l);

#endif
