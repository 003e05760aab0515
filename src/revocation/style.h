/* style: does CSS hide text, or may it?
 *
 * CSS is not evaluated: declarations are looked at for what is known to hide text, to cross
 * it out, to move it away or to show other text in its place. Where that cannot be told, it
 * counts as hidden: a request in such text is refused, never carried out.
 */
#ifndef REVOCATION_STYLE_H
#define REVOCATION_STYLE_H

#include "base/buf.h"

#include <stdint.h>

#define STYLE_RULES_MAX 256 /* that hide something or say a colour, counted once for each selector */
#define STYLE_SELECTOR_OCTETS_MAX (16 * 1024) /* of all of them */

struct style_colors { /* 0xrrggbb, or above that one that is not known: nothing can be read in it, or on it */
	uint32_t text;
	uint32_t background;
};

#define STYLE_BLACK_ON_WHITE ((struct style_colors){0x000000, 0xffffff})

/* colors holds the parent's, and afterwards the element's own. */
bool style_hides(struct slice declarations, struct style_colors *colors);
/* Is a line end in the text a line end (white-space: pre)? */
bool style_keeps_lines(struct slice declarations);
/* The colour attribute of an element. */
void style_color(struct slice value, uint32_t *color);

struct style_rule {
	size_t from, len; /* its selector; empty: it may be about any element */
	bool hides;
	struct style_colors colors; /* what it says of them */
};

/* The rules of a mail's style sheets that may hide. */
struct style_sheet {
	struct buf selectors; /* the last compound of each: "div.hide" */
	struct style_rule rules[STYLE_RULES_MAX];
	size_t count;
	bool everything; /* one that hides is not understood, or there are too many: any element may be meant */
};

void style_sheet_init(struct style_sheet *s);
void style_sheet_free(struct style_sheet *s);
/* Adds the rules of a sheet. False: no memory. */
bool style_sheet_add(struct style_sheet *s, struct slice text);
/* May a rule that hides mean this element? classes: separated by blanks. colors: as of style_hides(). */
bool style_sheet_hides(const struct style_sheet *s, struct slice tag, struct slice classes, struct slice id,
	struct style_colors *colors);

#endif
