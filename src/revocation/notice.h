/* notice: the mails in which a writer is told what was received and what became of it.
 *
 * In Czech, Slovak or English, with the times of receipt and deadline, and, of a certificate that was revoked, the
 * authority's time, which is the one that counts (I.CA CP 4.9.3). All times are UTC. A notice is a message in file
 * form, 7-bit, not yet sealed; it says of itself that it is an automatic reply (RFC 3834 5), and is to be
 * sent from the null address. All functions are pure; any thread.
 */
#ifndef REVOCATION_NOTICE_H
#define REVOCATION_NOTICE_H

#include "base/buf.h"
#include "base/error.h"

#include <time.h>

#define NOTICE_SIZE_MAX 65536
#define NOTICE_WORDS_MAX 1000  /* octets of a person's reason, of the authority's name */
#define NOTICE_SERIAL_DIGITS 40 /* of hex: 20 octets, RFC 5280 4.1.2.2 */

enum notice_kind {
	NOTICE_RECEIVED, /* accepted, and will be carried out */
	NOTICE_REVOKED,
	NOTICE_ALREADY,  /* it was revoked before */
	NOTICE_REFUSED,  /* by a person */
};

enum notice_language { NOTICE_CS, NOTICE_SK, NOTICE_EN };

struct notice {
	enum notice_kind kind;
	enum notice_language language;
	const char *from, *to;       /* addr-specs; to is one that is bound to the certificate */
	const char *message_id;      /* of the notice, with angle brackets */
	const char *in_reply_to;     /* Message-ID of the request, as its writer chose it; NULL: none. One that is
	                              * malformed is left out */
	time_t date;                 /* of the notice */
	const char *authority;       /* its name; UTF-8 */
	const char *serial;          /* hex digits */
	const char *issuer;          /* its name, as numbers are each issuer's own; UTF-8; NULL: it cannot be told */
	time_t received, deadline;
	bool has_revoked_at;         /* REVOKED, ALREADY: the authority said when */
	time_t revoked_at;
	const char *reason;          /* REFUSED: in the person's words, UTF-8; NULL: none were given */
	const char *contact;         /* whom to ask; NULL: nobody is named */
};

/* Appends the message to out. NO: a field above is malformed (code "notice"). CANT_TELL: no memory. */
enum answer notice_write(const struct notice *n, struct buf *out, struct error *err);

/* "cs", "sk", "en". False: none of them. */
bool notice_language_find(const char *name, enum notice_language *language);

#endif
