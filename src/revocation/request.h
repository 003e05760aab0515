/* request: the request lines of a text, all of them, in order.
 *
 *     Zadam o zneplatneni certifikatu cislo = N
 *     Heslo pro zneplatneni = P
 *
 * (I.CA's CP 1.12, 4.9.3; the password 4.1.2.) N is decimal, or hexadecimal behind 0x; P
 * belongs to the number before it. The sentence begins a line, or follows a sentence's end
 * in it, and may be *bold*; what follows N or P begins a new sentence, without further
 * numbers, or a new line.
 * Nothing is guessed: whatever is not just so is a reason to refuse. Whether several lines
 * are allowed, and whether a password is needed, is for others to say.
 */
#ifndef REVOCATION_REQUEST_H
#define REVOCATION_REQUEST_H

#include "revocation/password.h"
#include "revocation/phrases.h"
#include "revocation/refusal.h"

#define REQUEST_LINES_MAX 100
#define REQUEST_REASONS_MAX 8       /* kept; the first counts */
#define REQUEST_SERIAL_OCTETS_MAX 20 /* RFC 5280 4.1.2.2 */

struct request_line {
	unsigned char serial[REQUEST_SERIAL_OCTETS_MAX]; /* big endian, without leading zeros: compared as a number */
	size_t serial_len;                               /* 1 or more */
	char password[PASSWORD_MAX + 1];                 /* "": none */
	const char *language;                            /* of the sentence; the phrases' */
};

struct request_reason {
	enum refusal refusal;
	size_t line; /* the request line that it is about, from 1; 0: the mail as a whole */
};

struct request {
	struct request_line lines[REQUEST_LINES_MAX];
	size_t line_count;
	size_t seen; /* sentences with a number, read or refused */
	struct request_reason reasons[REQUEST_REASONS_MAX];
	size_t reason_count; /* any: the mail is to be refused, whatever lines there are */
};

struct request *request_new(void); /* NULL: no memory */
void request_free(struct request *r); /* NULL is safe; wiped */

/* Adds what text says, visible text in UTF-8, to request: lines and reasons, maybe neither.
 * YES: it was read. NO: not UTF-8. CANT_TELL: no memory. */
enum answer request_read(struct slice text, const struct phrases *phrases, struct request *request,
	struct error *err);
/* Is there a request's phrase anywhere in text? Answers as above. */
enum answer request_mentioned(struct slice text, const struct phrases *phrases, bool *mentioned,
	struct error *err);

/* Are the lines the same, with their passwords and in the same order? Languages may differ. */
bool request_equal(const struct request *a, const struct request *b);
/* Adds the lines and reasons of more, which come after. */
void request_append(struct request *request, const struct request *more);
/* Kept while there is room. */
void request_refuse(struct request *request, enum refusal refusal, size_t line);

#endif
