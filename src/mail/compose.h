/* compose: write MIME that no relay can break.
 *
 * What is signed is 7-bit with CRLF line ends and lines of at most 990 octets
 * (RFC 8551 3.1.1, 3.1.3, transfer.h): 8-bit, long lines, NUL, bare CR or LF, trailing blanks
 * and a leading "From " are made safe by quoted-printable or base64, in nested
 * multiparts too. Content stays the same to the reader, and no octet is
 * re-encoded that need not be: an entity that is safe already is copied as it is.
 */
#ifndef MAIL_COMPOSE_H
#define MAIL_COMPOSE_H

#include "mail/mime.h"
#include "mail/transfer.h"

#define COMPOSE_BOUNDARY_LENGTH 32 /* random characters, 4 bits each */

enum compose_result {
	COMPOSE_DONE,      /* 7-bit, safe for multipart/signed */
	COMPOSE_UNTOUCHED, /* it could not become 7-bit without touching an inner signature or a
	                    * message part, or without taking a side where readers disagree: the
	                    * entity was written with its own octets, and must be sealed opaque.
	                    * *why says what stood in the way. */
	COMPOSE_NO_MEMORY, /* or out's limit was reached */
};

/* The message's content as one MIME entity: its MIME fields (a missing
 * Content-Type is made explicit; MIME-Version is the outer header's and does not go
 * in), an empty line, the body. Fields other than MIME's stay outside. tree is the
 * message's, from mime_parse(). why: static text, NULL but with COMPOSE_UNTOUCHED; may be NULL.
 *
 * What is done to a part, where something a relay may change is in it:
 * - text becomes quoted-printable, or base64 where that is shorter; all else base64.
 *   The decoded octets are those that were there;
 * - quoted-printable stays, its unsafe lines are written anew; base64 keeps its characters
 *   and gets CRLF line ends. Text between them would be read by some: then UNTOUCHED;
 * - an 8-bit name in Content-Type or Content-Disposition that is UTF-8 goes into RFC 2231,
 *   an 8-bit Content-Description into RFC 2047; other 8-bit header lines: UNTOUCHED;
 * - blanks at a header line's end move over its fold, long lines are folded where a blank is;
 * - the label 8bit or binary becomes 7bit, as RFC 1847 2.1 wants it;
 * - a multipart's preamble or epilogue, which no reader shows, is left out.
 * A multipart/signed or multipart/encrypted and a message part are copied as they are, with all
 * that is in them; or UNTOUCHED, where something a relay may change is in them, be it the label
 * 8bit. So is what has an unknown encoding, or an ambiguous part (mime.h). */
enum compose_result compose_entity(const struct mime *tree, struct buf *out, const char **why);

/* Base64 in lines of TRANSFER_BASE64_LINE octets, each ended by CRLF. */
void compose_base64(struct slice data, struct buf *out);

/* A boundary that no line of content begins with: random 16 octets from the
 * caller, written in hex behind "=_" so that quoted-printable cannot hold it. */
#define COMPOSE_BOUNDARY_SIZE (2 + COMPOSE_BOUNDARY_LENGTH + 1)
void compose_boundary(const unsigned char random[16], char boundary[COMPOSE_BOUNDARY_SIZE]);

/* multipart/signed (RFC 1847, RFC 8551 3.5.3), written around the entity so that it
 * is copied once: the Content-Type's value with "\n\t" folds, micalg "sha-256" and so on; what
 * stands before the entity; then, put there by the caller, the entity; and what
 * stands behind it. body is CRLF. */
void compose_signed_type(const char *micalg, const char *boundary, struct buf *content_type);
void compose_signed_open(const char *boundary, struct buf *body);
void compose_signed_close(struct slice signature_der, const char *boundary, struct buf *body);
/* Content-Type's value for application/pkcs7-mime (RFC 8551 3.2), whose body is
 * compose_base64() of the DER. smime_type: "signed-data", "enveloped-data" or
 * "authEnveloped-data". */
void compose_pkcs7_type(const char *smime_type, struct buf *content_type);
/* Content-Disposition's value for application/pkcs7-mime. */
#define COMPOSE_PKCS7_DISPOSITION "attachment; filename=\"smime.p7m\""

/* The header lines that go with such a body when it is itself the inside of
 * another layer: Content-Type, Content-Transfer-Encoding, Content-Disposition, then an empty
 * line. base64: it is compose_pkcs7_type()'s; else compose_signed_type()'s, which has no disposition. */
void compose_entity_header(struct slice content_type, bool base64, struct buf *out);

#endif
