/* entity: what is one MIME entity for S/MIME: signed, CMS, or plain? (RFC 8551 3.10)
 *
 * For opening what came in: the outermost layer only, and any CMS that can be walked, as
 * what others sent is not to be judged by what we would send. What only says so is
 * plain, with the reason. recognise.h has the stricter question about our own protection.
 * Threads: any.
 */
#ifndef SMIME_ENTITY_H
#define SMIME_ENTITY_H

#include "base/error.h"
#include "mail/mime.h"
#include "smime/structure.h"

enum entity_kind {
	ENTITY_PLAIN,
	ENTITY_CLEAR_SIGNED, /* multipart/signed with a SignedData (RFC 8551 3.5.3) */
	ENTITY_CMS,          /* application/pkcs7-mime and what is meant as that */
};

/* Borrows from the part, and cms from decoded too. */
struct entity {
	enum entity_kind kind;
	struct structure cms;            /* unless PLAIN. CLEAR_SIGNED: SIGNED, perhaps with content of its own */
	const struct mime_part *content; /* CLEAR_SIGNED: the first part; else NULL */
	struct slice clear;              /* CLEAR_SIGNED: the first part whole, what is signed */
	const char *claimed;             /* PLAIN: what it says it is though it is not; NULL: nothing. Static text */
	struct error reason;             /* PLAIN: why not; also where readers may disagree about what it is */
	struct buf decoded;              /* octets where there was a transfer encoding */
};

/* CANT_TELL: no memory. Never NO: what is nothing is plain. multipart/signed with another
 * protocol, and multipart/encrypted, are PGP's and plain without a reason. */
enum answer entity_read(const struct mime_part *root, struct entity *e, struct error *err);
void entity_free(struct entity *e);

/* ---- pieces of that, for recognise ------------------------------------------ */

/* "application/pkcs7-mime", "multipart/signed" …; NULL: plain mail. Static text, for the log. */
const char *entity_claim(const struct mime_part *part);
/* The two parts that multipart/signed and multipart/encrypted must have (RFC 1847). */
bool entity_two_parts(const struct mime_part *root, const struct mime_part **first,
	const struct mime_part **second);
bool entity_is_signature_part(const struct mime_part *part);
/* The part's octets without transfer encoding: borrowed where there is none, else in
 * decoded, which the caller has initialised and frees. Errors as mime_decode()'s. */
enum answer entity_octets(const struct mime_part *part, struct buf *decoded, struct slice *octets,
	struct error *err);
/* The same, read as CMS by parse. NO also: they are none. */
typedef bool entity_parser(struct slice octets, struct structure *s);
enum answer entity_parse(const struct mime_part *part, entity_parser *parse, struct buf *decoded,
	struct structure *s, struct error *err);

#endif
