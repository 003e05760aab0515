/* phrases: the sentences that request a revocation, a table per language.
 *
 * Shipped are Czech, Slovak and English; a configuration adds others. Each is found with
 * and without diacritics, whatever its letters' case and its blanks, and over the end of
 * a line but not over that of a paragraph. The "=" behind a phrase is not part of it.
 */
#ifndef REVOCATION_PHRASES_H
#define REVOCATION_PHRASES_H

#include "revocation/letters.h"

#define PHRASES_ADDED_MAX 64  /* languages, or further forms of one, that a configuration adds */
#define PHRASE_OCTETS_MAX 400 /* of one phrase in UTF-8 */
#define PHRASE_LANGUAGE_MAX 35 /* octets of a language tag (RFC 5646 4.4.1) */

struct phrase {
	const char *language; /* tag, "cs"; in the answer's choice of language */
	const char *number;   /* in UTF-8, with or without the "=" at its end */
	const char *password; /* the same; NULL: this form has none */
};

enum phrase_kind {
	PHRASE_NUMBER,
	PHRASE_PASSWORD,
};

struct phrases; /* only read once made: safe in every thread */

/* What is added is copied. NO: a phrase or tag that is empty, too long, not UTF-8, has
 * "=" or a line end within, or is both a number's and a password's; or too many. CANT_TELL: no memory. */
enum answer phrases_new(const struct phrase *added, size_t count, struct phrases **out, struct error *err);
void phrases_free(struct phrases *p); /* NULL is safe */

struct phrase_found {
	enum phrase_kind kind;
	const char *language; /* the table's */
	size_t end;           /* place behind it */
};

/* Is there a phrase at this place, that no letter or digit follows? The longest counts. */
bool phrases_at(const struct phrases *p, const struct letters *text, size_t at, struct phrase_found *found);
/* Is there one anywhere? */
bool phrases_anywhere(const struct phrases *p, const struct letters *text);

/* The shipped forms, for answers that show how it is written right; NULL behind the last. */
const struct phrase *phrases_shipped(size_t nth);

#endif
