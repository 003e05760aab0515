#include "config/scan.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 2 /* of blocks within each other; libconfuse says so of more */

struct scanner {
	char *text;
	size_t len;
	size_t at;
	unsigned line;
	struct scan *scan;
	struct problems *problems;
	struct slice word, word_before; /* the last two words or quoted texts */
	unsigned word_line;
	unsigned depth;     /* open braces of blocks */
	unsigned open_line; /* of the outermost of them, or of the list's brace */
	size_t block;       /* entry of the innermost open block, SCAN_NONE at top level */
	bool after_equals;  /* a value or a list begins here */
	bool in_list;
};

static char
peek(const struct scanner *sc, size_t ahead)
{
	return sc->at + ahead < sc->len ? sc->text[sc->at + ahead] : '\0';
}

static bool
add_entry(struct scanner *sc, struct slice name, bool is_block, unsigned line)
{
	struct scan *s = sc->scan;

	if (s->count == s->cap) {
		size_t cap = s->cap == 0 ? 64 : s->cap * 2;
		struct scan_entry *grown = reallocarray(s->entry, cap, sizeof *grown);

		if (grown == NULL) {
			problem_add(sc->problems, 0, "out of memory");
			return false;
		}
		s->entry = grown;
		s->cap = cap;
	}
	s->entry[s->count++] = (struct scan_entry){name, is_block, sc->block, line};
	return true;
}

static void
blank_to_line_end(struct scanner *sc)
{
	while (sc->at < sc->len && sc->text[sc->at] != '\n')
		sc->text[sc->at++] = ' ';
}

static bool
blank_block_comment(struct scanner *sc)
{
	unsigned begin = sc->line;

	while (sc->at < sc->len && !(peek(sc, 0) == '*' && peek(sc, 1) == '/')) {
		if (sc->text[sc->at] == '\n')
			sc->line++;
		else
			sc->text[sc->at] = ' ';
		sc->at++;
	}
	if (sc->at == sc->len) {
		problem_add(sc->problems, begin, "the comment that begins here does not end");
		return false;
	}
	sc->text[sc->at++] = ' ';
	sc->text[sc->at++] = ' ';
	return true;
}

static void
take_word(struct scanner *sc, size_t from, size_t to)
{
	sc->word_before = sc->word;
	sc->word = slice_of(sc->text + from, to - from);
	sc->word_line = sc->line;
	sc->after_equals = false;
}

static bool
refuse_variable(struct scanner *sc)
{
	problem_add(sc->problems, sc->line, "\"${\" is not understood: settings never come from the environment");
	return false;
}

static bool
refuse_control(struct scanner *sc)
{
	problem_add(sc->problems, sc->line, "there is a control character (code %u)",
		(unsigned char)sc->text[sc->at]);
	return false;
}

/* In double quotes \" and \\ are known, in single quotes \' and \\. */
static bool
quoted_text(struct scanner *sc)
{
	char quote = sc->text[sc->at++];
	size_t from = sc->at;

	for (; sc->at < sc->len && sc->text[sc->at] != '\n'; sc->at++) {
		char c = sc->text[sc->at];

		if (c == quote) {
			take_word(sc, from, sc->at);
			sc->at++;
			return true;
		}
		if ((unsigned char)c < ' ' || c == 0x7f)
			return refuse_control(sc);
		if (quote == '"' && c == '$' && peek(sc, 1) == '{')
			return refuse_variable(sc);
		if (c == '\\' && (peek(sc, 1) == quote || peek(sc, 1) == '\\')) {
			sc->at++;
		} else if (c == '\\' && quote == '"') {
			problem_add(sc->problems, sc->line, "a backslash in double quotes is written \"\\\\\"");
			return false;
		}
	}
	problem_add(sc->problems, sc->line, "the quoted text that begins here does not end in its line");
	return false;
}

static bool
ends_word(char c)
{
	return (unsigned char)c <= ' ' || strchr("#\"'={}()+,*\x7f", c) != NULL;
}

static bool
bare_word(struct scanner *sc)
{
	size_t from = sc->at;

	if (ends_word(sc->text[sc->at])) {
		unsigned char c = (unsigned char)sc->text[sc->at];

		if (c < ' ' || c == 0x7f)
			return refuse_control(sc);
		problem_add(sc->problems, sc->line, "a text with '%c' in it must stand in quotes", c);
		return false;
	}
	for (; sc->at < sc->len && !ends_word(sc->text[sc->at]); sc->at++)
		if (peek(sc, 0) == '$' && peek(sc, 1) == '{')
			return refuse_variable(sc);
	take_word(sc, from, sc->at);
	return true;
}

static bool
equals_sign(struct scanner *sc)
{
	size_t i = sc->scan->count;

	while (i > 0 && (sc->block == SCAN_NONE || i - 1 > sc->block)) {
		const struct scan_entry *e = &sc->scan->entry[--i];

		if (!e->is_block && e->in == sc->block && slice_eq(e->name, sc->word))
			problem_add(sc->problems, sc->word_line, "\"%.*s\" is given twice, first in line %u",
				SLICE_FMT(e->name), e->line);
	}
	sc->after_equals = true;
	return add_entry(sc, sc->word, false, sc->word_line);
}

static bool
open_brace(struct scanner *sc)
{
	if (sc->after_equals) {
		sc->after_equals = false;
		sc->in_list = true;
		sc->open_line = sc->line;
		return true;
	}
	if (sc->depth == 0)
		sc->open_line = sc->line;
	if (sc->depth++ >= DEPTH_MAX)
		return true;
	if (!add_entry(sc, sc->word_before, true, sc->line))
		return false;
	sc->block = sc->scan->count - 1;
	return true;
}

static void
close_brace(struct scanner *sc)
{
	if (sc->in_list) {
		sc->in_list = false;
		return;
	}
	if (sc->depth > 0 && --sc->depth < DEPTH_MAX)
		sc->block = sc->scan->entry[sc->block].in;
}

static bool
comment_or_word(struct scanner *sc)
{
	if (peek(sc, 0) == '/' && peek(sc, 1) == '*')
		return blank_block_comment(sc);
	if (peek(sc, 0) != '/' || peek(sc, 1) != '/')
		return bare_word(sc);
	blank_to_line_end(sc);
	return true;
}

static bool
next_token(struct scanner *sc)
{
	char c = peek(sc, 0);

	switch (c) {
	case '\n':
		sc->line++;
		break;
	case ' ':
	case '\t':
	case '\r':
	case ',':
		break;
	case '#':
		blank_to_line_end(sc);
		return true;
	case '"':
	case '\'':
		return quoted_text(sc);
	case '=':
		if (!equals_sign(sc))
			return false;
		break;
	case '{':
		if (!open_brace(sc))
			return false;
		break;
	case '}':
		close_brace(sc);
		break;
	default:
		return comment_or_word(sc);
	}
	sc->at++;
	return true;
}

bool
scan_text(char *text, size_t len, struct scan *s, struct problems *problems)
{
	struct scanner sc = {.text = text, .len = len, .line = 1, .scan = s, .problems = problems,
		.block = SCAN_NONE};

	while (sc.at < sc.len)
		if (!next_token(&sc))
			return false;
	if (sc.depth > 0 || sc.in_list) {
		problem_add(problems, sc.open_line, "the brace that opens here is never closed");
		return false;
	}
	return true;
}

void
scan_free(struct scan *s)
{
	free(s->entry);
	*s = (struct scan){0};
}

/* Is the entry at i behind the end of that block? */
static bool
is_behind(const struct scan *s, size_t i, size_t block)
{
	return block != SCAN_NONE && (s->entry[i].in == SCAN_NONE || s->entry[i].in < block);
}

size_t
scan_block(const struct scan *s, size_t in, const char *name, size_t after)
{
	size_t i = after != SCAN_NONE ? after + 1 : in != SCAN_NONE ? in + 1 : 0;

	for (; i < s->count && !is_behind(s, i, in); i++)
		if (s->entry[i].is_block && s->entry[i].in == in && slice_eq_str(s->entry[i].name, name))
			return i;
	return SCAN_NONE;
}

unsigned
scan_option(const struct scan *s, size_t in, const char *option)
{
	size_t i = in == SCAN_NONE ? 0 : in + 1;

	for (; i < s->count && !is_behind(s, i, in); i++)
		if (!s->entry[i].is_block && s->entry[i].in == in && slice_eq_str(s->entry[i].name, option))
			return s->entry[i].line;
	return 0;
}
