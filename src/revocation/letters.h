/* letters: text as it is compared, whatever way people's programs write it.
 *
 * UTF-8 is taken apart (NFD), so that composed and decomposed accents are the same;
 * accents stay as marks of their own, which phrases skip and numbers do not. Blanks of
 * every kind (NBSP, tabs) are one blank, with one line end among them a line end, with
 * more an end of the paragraph. What nobody sees and what changes nothing (soft
 * hyphens, zero width) is left out; what turns the order of writing around stays.
 */
#ifndef REVOCATION_LETTERS_H
#define REVOCATION_LETTERS_H

#include "base/error.h"
#include "base/slice.h"

#include <stdint.h>

enum letter_kind {
	LETTER_TEXT,
	LETTER_MARK,      /* combines with what is before it */
	LETTER_BLANK,     /* one or many, within a line */
	LETTER_LINE,      /* the same with one line end */
	LETTER_PARAGRAPH, /* the same with several */
};

struct letter {
	uint32_t character; /* as written, in NFD */
	uint32_t folded;    /* small; of blanks of every kind a space */
	enum letter_kind kind;
};

struct letters {
	struct letter *at;
	size_t count;
};

/* NO: not UTF-8. CANT_TELL: no memory. *out is the caller's then too, and empty. */
enum answer letters_of(struct slice utf8, struct letters *out, struct error *err);
void letters_free(struct letters *l); /* wiped, as passwords are in it */

/* The first place at or behind at that is no mark; the count where there is none. */
size_t letters_skip_marks(const struct letters *l, size_t at);

#endif
