#include "revocation/letters.h"

#include <openssl/crypto.h>

#include <stdlib.h>

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#define PARAGRAPH_SEPARATOR 0x2029
#define LINE_ENDS_OF_PARAGRAPH 2
#define NFD_GROWTH 4 /* characters that one becomes at most (UAX 15, 14) */

static bool
is_line_end(ucs4_t c)
{
	return (c >= '\n' && c <= '\r') || c == 0x85 || c == 0x2028 || c == PARAGRAPH_SEPARATOR;
}

/* Embeddings, overrides and isolates make a number look like another. */
static bool
turns_around(ucs4_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static bool
is_left_out(ucs4_t c)
{
	return uc_is_property(c, UC_PROPERTY_DEFAULT_IGNORABLE_CODE_POINT) && !turns_around(c);
}

/* A run of blanks that begins at at; how far it goes. */
static size_t
take_blanks(const uint32_t *text, size_t len, size_t at, struct letter *letter)
{
	unsigned line_ends = 0;

	for (; at < len && (uc_is_property_white_space(text[at]) || is_left_out(text[at])); at++) {
		bool half = text[at] == '\r' && at + 1 < len && text[at + 1] == '\n';

		if (is_line_end(text[at]) && !half && line_ends < LINE_ENDS_OF_PARAGRAPH)
			line_ends++;
		if (text[at] == PARAGRAPH_SEPARATOR)
			line_ends = LINE_ENDS_OF_PARAGRAPH;
	}
	*letter = (struct letter){' ', ' ', LETTER_BLANK};
	if (line_ends > 0)
		letter->kind = line_ends == 1 ? LETTER_LINE : LETTER_PARAGRAPH;
	return at;
}

static size_t
fill(const uint32_t *text, size_t len, struct letter *to)
{
	size_t count = 0;

	for (size_t at = 0; at < len;) {
		ucs4_t c = text[at];

		if (uc_is_property_white_space(c)) {
			at = take_blanks(text, len, at, &to[count++]);
			continue;
		}
		at++;
		if (is_left_out(c))
			continue;
		to[count++] = (struct letter){c, uc_tolower(c),
			uc_is_general_category(c, UC_CATEGORY_M) ? LETTER_MARK : LETTER_TEXT};
	}
	return count;
}

/* In memory as large as it can become: what is outgrown on the way would not be wiped. */
struct points {
	uint32_t *at;
	size_t room, len;
};

static bool
make_room(struct points *p, size_t room)
{
	p->at = calloc(room, sizeof *p->at);
	p->room = p->len = p->at == NULL ? 0 : room;
	return p->at != NULL;
}

static void
points_free(struct points *p)
{
	if (p->at != NULL)
		OPENSSL_cleanse(p->at, p->room * sizeof *p->at);
	free(p->at);
}

/* False: no memory, or it needs more room than Unicode says. */
static bool
take_apart(struct slice utf8, struct points *whole, struct points *apart)
{
	return make_room(whole, utf8.len) && u8_to_u32(utf8.data, utf8.len, whole->at, &whole->len) == whole->at &&
		make_room(apart, NFD_GROWTH * whole->len) &&
		u32_normalize(UNINORM_NFD, whole->at, whole->len, apart->at, &apart->len) == apart->at;
}

enum answer
letters_of(struct slice utf8, struct letters *out, struct error *err)
{
	struct points whole = {NULL, 0, 0}, apart = {NULL, 0, 0};

	*out = (struct letters){NULL, 0};
	if (utf8.len == 0)
		return ANSWER_YES;
	if (u8_check(utf8.data, utf8.len) != NULL)
		return error_no(err, "not-utf-8", "the text is not UTF-8");
	if (take_apart(utf8, &whole, &apart))
		out->at = calloc(apart.len, sizeof *out->at);
	if (out->at != NULL)
		out->count = fill(apart.at, apart.len, out->at);
	points_free(&whole);
	points_free(&apart);
	return out->at == NULL ? error_cant_tell(err, "memory", "no memory for the text") : ANSWER_YES;
}

void
letters_free(struct letters *l)
{
	if (l->at != NULL)
		OPENSSL_cleanse(l->at, l->count * sizeof *l->at);
	free(l->at);
	*l = (struct letters){NULL, 0};
}

size_t
letters_skip_marks(const struct letters *l, size_t at)
{
	while (at < l->count && l->at[at].kind == LETTER_MARK)
		at++;
	return at;
}
