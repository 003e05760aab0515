#include "revocation/request.h"

#include <openssl/crypto.h>

#include <stdlib.h>
#include <string.h>

#define PUNCTUATION ".,;" /* that may follow a number or a password */

/* One reading of a text. */
struct reader {
	const struct phrases *phrases;
	struct letters text;
	struct request *request;
	size_t behind; /* the value that was read last */
	bool open; /* the last number was read well, and a password may follow */
	bool refused; /* the last number was not, and its password is passed over */
};

/* What stands behind "=": its letters, without the punctuation at the end. */
struct value {
	size_t from, to;
	size_t next;    /* behind the punctuation */
	bool punctuated;
};

struct request *
request_new(void)
{
	return calloc(1, sizeof(struct request));
}

void
request_free(struct request *r)
{
	if (r != NULL)
		OPENSSL_cleanse(r, sizeof *r);
	free(r);
}

void
request_refuse(struct request *request, enum refusal refusal, size_t line)
{
	if (request->reason_count < REQUEST_REASONS_MAX)
		request->reasons[request->reason_count++] = (struct request_reason){refusal, line};
}

static void
refuse(struct reader *r, enum refusal refusal)
{
	request_refuse(r->request, refusal, r->request->seen);
}

static bool
is_kind(const struct reader *r, size_t at, enum letter_kind kind)
{
	return at < r->text.count && r->text.at[at].kind == kind;
}

/* A line that is ended, or the text. */
static bool
is_line_end(const struct reader *r, size_t at)
{
	return at >= r->text.count || r->text.at[at].kind == LETTER_LINE || r->text.at[at].kind == LETTER_PARAGRAPH;
}

static bool
is_one_of(uint32_t c, const char *set)
{
	return c > 0 && c < 0x80 && strchr(set, (int)c) != NULL;
}

static bool
is_digit(uint32_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_ascii_letter(uint32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* -1: no hexadecimal digit. */
static int
hex_value(uint32_t c)
{
	if (is_digit(c))
		return (int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (int)(c - 'a') + 10;
	return c >= 'A' && c <= 'F' ? (int)(c - 'A') + 10 : -1;
}

/* Where the sentence begins: a line, a list's entry, or behind the end of another sentence or a
 * greeting. "Nezadam o ..." and "I never said that I request ..." are neither. */
static bool
begins_sentence(const struct reader *r, size_t at)
{
	uint32_t c;

	if (at == 0 || is_line_end(r, at - 1))
		return true;
	if (!is_kind(r, at - 1, LETTER_BLANK))
		return false;
	if (at == 1 || at - 1 == r->behind)
		return true;
	c = r->text.at[at - 2].folded;
	/* en dash, em dash, bullet, middle dot, and an image, which is a character too */
	return is_one_of(c, ".,:;!?)-*") || c == 0x2013 || c == 0x2014 || c == 0x2022 || c == 0xb7 || c == 0xfffc;
}

/* Programs write bold text as *text* where they make plain text of HTML. */
static bool
is_bold(const struct reader *r, size_t at)
{
	return at > 0 && is_kind(r, at - 1, LETTER_TEXT) && r->text.at[at - 1].character == '*' &&
		begins_sentence(r, at - 1);
}

static size_t
skip_blank(const struct reader *r, size_t at)
{
	return is_kind(r, at, LETTER_BLANK) || is_kind(r, at, LETTER_LINE) ? at + 1 : at;
}

/* False: no "=" at at. An empty value has from == to. */
static bool
take_value(const struct reader *r, size_t at, const char *punctuation, struct value *v)
{
	struct phrase_found found;

	at = skip_blank(r, at);
	if (!is_kind(r, at, LETTER_TEXT) || r->text.at[at].character != '=')
		return false;
	at = skip_blank(r, at + 1);
	*v = (struct value){.from = at, .to = at, .next = at};
	if (phrases_at(r->phrases, &r->text, at, &found))
		return true;
	while (is_kind(r, v->to, LETTER_TEXT) || is_kind(r, v->to, LETTER_MARK))
		v->to++;
	v->next = v->to;
	while (v->to > v->from && is_one_of(r->text.at[v->to - 1].character, punctuation))
		v->to--;
	v->punctuated = v->to < v->next;
	return true;
}

/* May the rest of the line, behind a full stop or a comma, belong to the value? A new sentence
 * has no digits, and does not begin with what may be more of a hexadecimal number. */
static bool
rest_is_text(const struct reader *r, size_t at)
{
	bool hex = true;

	for (size_t i = at; !is_line_end(r, i) && !is_kind(r, i, LETTER_BLANK); i++)
		hex = hex && hex_value(r->text.at[i].character) >= 0;
	for (; !is_line_end(r, at); at++)
		if (is_digit(r->text.at[at].character))
			return false;
	return !hex;
}

/* A line that holds nothing but another number, or several. */
static bool
line_is_number(const struct reader *r, size_t at)
{
	if (at >= r->text.count || !is_digit(r->text.at[at].character))
		return false;
	for (; !is_line_end(r, at); at++)
		if (hex_value(r->text.at[at].character) < 0 && !is_one_of(r->text.at[at].folded, PUNCTUATION " x"))
			return false;
	return true;
}

/* Does something follow that may be meant to belong to the value? */
static bool
is_followed(const struct reader *r, const struct value *v, enum phrase_kind kind)
{
	struct phrase_found found;

	if (v->next + 1 >= r->text.count || is_kind(r, v->next, LETTER_PARAGRAPH))
		return false;
	if (is_kind(r, v->next, LETTER_LINE))
		return kind == PHRASE_NUMBER && line_is_number(r, v->next + 1);
	if (phrases_at(r->phrases, &r->text, v->next + 1, &found))
		return false;
	return !v->punctuated || !rest_is_text(r, v->next + 1);
}

/* serial * base + digit. False: it is longer than REQUEST_SERIAL_OCTETS_MAX. */
static bool
add_digit(unsigned char serial[REQUEST_SERIAL_OCTETS_MAX], unsigned base, unsigned digit)
{
	for (size_t i = REQUEST_SERIAL_OCTETS_MAX; i-- > 0;) {
		unsigned n = serial[i] * base + digit;

		serial[i] = (unsigned char)n;
		digit = n >> 8;
	}
	return digit == 0;
}

/* What is wrong with the digits of a number, REFUSAL_COUNT where nothing is. */
static enum refusal
check_digits(const struct reader *r, const struct value *v, size_t from, bool hex)
{
	bool letters = true, digits = true;

	for (size_t i = from; i < v->to; i++) {
		uint32_t c = r->text.at[i].character;

		digits = digits && (hex ? hex_value(c) >= 0 : is_digit(c));
		letters = letters && (is_digit(c) || is_ascii_letter(c));
	}
	if (digits)
		return from < v->to ? REFUSAL_COUNT : REFUSAL_NUMBER_MISSING;
	if (hex)
		return REFUSAL_NUMBER_NOT_HEX;
	return letters ? REFUSAL_NUMBER_LETTERS : REFUSAL_NUMBER_CHARACTERS;
}

/* REFUSAL_COUNT: the number is in line. */
static enum refusal
read_number(const struct reader *r, const struct value *v, struct request_line *line)
{
	unsigned char serial[REQUEST_SERIAL_OCTETS_MAX] = {0};
	bool hex = v->to - v->from >= 2 && r->text.at[v->from].character == '0' && r->text.at[v->from + 1].folded == 'x';
	size_t from = hex ? v->from + 2 : v->from, zeros = 0;
	enum refusal refusal = check_digits(r, v, from, hex);

	if (refusal != REFUSAL_COUNT)
		return refusal;
	for (size_t i = from; i < v->to; i++)
		if (!add_digit(serial, hex ? 16 : 10, (unsigned)hex_value(r->text.at[i].character)))
			return REFUSAL_NUMBER_TOO_LONG;
	while (zeros < sizeof serial && serial[zeros] == 0)
		zeros++;
	/* "00 1a 2b 3c", as some programs show it, is not the number 0. */
	if (is_followed(r, v, PHRASE_NUMBER))
		return REFUSAL_NUMBER_FOLLOWED;
	if (zeros == sizeof serial)
		return REFUSAL_NUMBER_ZERO;
	line->serial_len = sizeof serial - zeros;
	memcpy(line->serial, serial + zeros, line->serial_len);
	return REFUSAL_COUNT;
}

static void
take_number(struct reader *r, const struct value *v, const char *language)
{
	struct request *request = r->request;
	struct request_line line = {.language = language};
	enum refusal refusal = read_number(r, v, &line);

	if (refusal == REFUSAL_COUNT && request->line_count == REQUEST_LINES_MAX)
		refusal = REFUSAL_TOO_MANY;
	r->open = refusal == REFUSAL_COUNT;
	r->refused = !r->open;
	if (r->open)
		request->lines[request->line_count++] = line;
	else
		refuse(r, refusal);
}

/* REFUSAL_COUNT: the password is in line. */
static enum refusal
read_password(const struct reader *r, const struct value *v, struct request_line *line)
{
	size_t len = v->to - v->from;

	if (len == 0)
		return REFUSAL_PASSWORD_MISSING;
	for (size_t i = v->from; i < v->to; i++)
		if (!is_digit(r->text.at[i].character) && !is_ascii_letter(r->text.at[i].character))
			return REFUSAL_PASSWORD_CHARACTERS;
	if (len < PASSWORD_MIN)
		return REFUSAL_PASSWORD_TOO_SHORT;
	if (len > PASSWORD_MAX)
		return REFUSAL_PASSWORD_TOO_LONG;
	if (is_followed(r, v, PHRASE_PASSWORD))
		return REFUSAL_PASSWORD_FOLLOWED;
	if (line->password[0] != '\0')
		return REFUSAL_PASSWORD_TWICE;
	for (size_t i = 0; i < len; i++)
		line->password[i] = (char)r->text.at[v->from + i].character;
	line->password[len] = '\0';
	return REFUSAL_COUNT;
}

static void
take_password(struct reader *r, const struct value *v)
{
	struct request *request = r->request;
	enum refusal refusal = REFUSAL_PASSWORD_FIRST;

	if (r->refused)
		return;
	if (r->open)
		refusal = read_password(r, v, &request->lines[request->line_count - 1]);
	if (refusal != REFUSAL_COUNT)
		refuse(r, refusal);
}

/* A phrase at at; the place from which to look on. */
static size_t
take_phrase(struct reader *r, size_t at, const struct phrase_found *found)
{
	bool bold = is_bold(r, at);
	struct value v;

	if (found->kind == PHRASE_NUMBER) {
		r->request->seen++;
		r->open = false;
		r->refused = true;
	}
	if (!bold && !begins_sentence(r, at)) {
		refuse(r, REFUSAL_INSIDE_SENTENCE);
		return found->end;
	}
	if (!take_value(r, found->end, bold ? PUNCTUATION "*" : PUNCTUATION, &v)) {
		refuse(r, REFUSAL_NO_EQUALS);
		return found->end;
	}
	if (found->kind == PHRASE_NUMBER)
		take_number(r, &v, found->language);
	else
		take_password(r, &v);
	r->behind = v.next;
	return v.next;
}

enum answer
request_read(struct slice text, const struct phrases *phrases, struct request *request, struct error *err)
{
	struct reader r = {.phrases = phrases, .request = request};
	struct phrase_found found;
	enum answer a = letters_of(text, &r.text, err);

	if (a != ANSWER_YES)
		return a;
	for (size_t at = 0; at < r.text.count;)
		at = phrases_at(phrases, &r.text, at, &found) ? take_phrase(&r, at, &found) : at + 1;
	letters_free(&r.text);
	return ANSWER_YES;
}

enum answer
request_mentioned(struct slice text, const struct phrases *phrases, bool *mentioned, struct error *err)
{
	struct letters letters;
	enum answer a = letters_of(text, &letters, err);

	*mentioned = a == ANSWER_YES && phrases_anywhere(phrases, &letters);
	letters_free(&letters);
	return a;
}

static bool
line_equal(const struct request_line *a, const struct request_line *b)
{
	return slice_eq(slice_of(a->serial, a->serial_len), slice_of(b->serial, b->serial_len)) &&
		strcmp(a->password, b->password) == 0;
}

bool
request_equal(const struct request *a, const struct request *b)
{
	if (a->line_count != b->line_count)
		return false;
	for (size_t i = 0; i < a->line_count; i++)
		if (!line_equal(&a->lines[i], &b->lines[i]))
			return false;
	return true;
}

void
request_append(struct request *request, const struct request *more)
{
	size_t count = 0;

	for (; count < more->line_count && request->line_count < REQUEST_LINES_MAX; count++)
		request->lines[request->line_count++] = more->lines[count];
	for (size_t i = 0; i < more->reason_count; i++)
		request_refuse(request, more->reasons[i].refusal,
			more->reasons[i].line == 0 ? 0 : more->reasons[i].line + request->seen);
	if (count < more->line_count)
		request_refuse(request, REFUSAL_TOO_MANY, 0);
	request->seen += more->seen;
}
