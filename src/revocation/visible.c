#include "revocation/visible.h"
#include "base/utf8.h"
#include "mail/transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uniconv.h>

#define CHARACTER_OCTETS_MAX 4 /* in UTF-8 */
#define HEADER_BLOCK_LINES 6 /* lines of a quoted mail's header that are looked at */
#define HEADER_BLOCK_MIN 3   /* of them fields, the first included */
#define FIELD_NAME_MAX 40    /* octets */
#define DIVIDER_DASHES 3
#define DIVIDER_OCTETS_MAX 400

/* Lines of a text, taken one by one. */
struct lines {
	struct slice text;
	size_t at;
	struct visible_format format;
};

enum place {
	PLACE_OWN,
	PLACE_QUOTED, /* until the end */
	PLACE_SIGNATURE,
};

void
visible_init(struct visible *v)
{
	buf_init_secret(&v->own, VISIBLE_GROWTH * VISIBLE_OCTETS_MAX);
	buf_init_secret(&v->quoted, VISIBLE_GROWTH * VISIBLE_OCTETS_MAX);
	buf_init_secret(&v->signature, VISIBLE_GROWTH * VISIBLE_OCTETS_MAX);
	buf_init_secret(&v->hidden, VISIBLE_GROWTH * VISIBLE_OCTETS_MAX);
}

void
visible_free(struct visible *v)
{
	buf_wipe(&v->own);
	buf_wipe(&v->quoted);
	buf_wipe(&v->signature);
	buf_wipe(&v->hidden);
}

bool
visible_failed(const struct visible *v)
{
	return buf_failed(&v->own) || buf_failed(&v->quoted) || buf_failed(&v->signature) || buf_failed(&v->hidden);
}

/* Charsets */

/* The names that programs send, and iconv's. Western ones hold Czech without accents and English. */
static const char *
charset_code(struct slice name)
{
	static const struct {
		const char *name, *code;
	} known[] = {
		{"us-ascii", "ASCII"}, {"ascii", "ASCII"}, {"ansi_x3.4-1968", "ASCII"},
		{"utf-8", "UTF-8"}, {"utf8", "UTF-8"},
		{"iso-8859-2", "ISO-8859-2"}, {"iso8859-2", "ISO-8859-2"}, {"iso_8859-2", "ISO-8859-2"},
		{"latin2", "ISO-8859-2"}, {"l2", "ISO-8859-2"},
		{"windows-1250", "CP1250"}, {"cp1250", "CP1250"}, {"cp-1250", "CP1250"}, {"x-cp1250", "CP1250"},
		{"iso-8859-1", "ISO-8859-1"}, {"iso-8859-15", "ISO-8859-15"}, {"windows-1252", "CP1252"},
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (slice_eq_str_nocase(slice_trim(name), known[i].name))
			return known[i].code;
	return NULL;
}

bool
visible_knows_charset(struct slice charset)
{
	return charset_code(charset) != NULL;
}

/* In UTF-8 each octet that belongs to no character becomes a question mark. */
static void
decode_utf8(struct slice octets, struct buf *out, bool *damaged)
{
	for (size_t at = 0; at < octets.len;) {
		size_t n = utf8_length(octets, at);

		if (n == 0)
			buf_add_byte(out, '?');
		else
			buf_add_slice(out, slice_sub(octets, at, at + n));
		*damaged = *damaged || n == 0;
		at += n == 0 ? 1 : n;
	}
}

/* What an octet above ASCII is in UTF-8. */
struct character {
	bool known;
	size_t len; /* 0: it is none */
	uint8_t text[CHARACTER_OCTETS_MAX];
};

/* False: no memory, or no converter. */
static bool
learn(const char *code, unsigned char octet, struct character *c)
{
	const char one = (char)octet;
	size_t len = sizeof c->text;
	uint8_t *text = u8_conv_from_encoding(code, iconveh_error, &one, 1, NULL, c->text, &len);

	if (text == NULL && errno != EILSEQ)
		return false;
	c->known = true;
	c->len = text == c->text ? len : 0;
	if (text != c->text)
		free(text);
	return true;
}

/* All other charsets are an octet a character, and ASCII below 0x80. Converters leave behind what they were given, on the stack
 * and in memory that they free: so they are given nothing of what passwords consist of. */
static bool
decode_octets(const char *code, struct slice octets, struct buf *out, bool *damaged)
{
	struct character characters[0x80] = {{.known = false}};

	for (size_t i = 0; i < octets.len; i++) {
		unsigned char octet = octets.data[i];
		struct character *c = &characters[octet & 0x7f];

		if (octet < 0x80) {
			buf_add_byte(out, octet);
			continue;
		}
		if (!c->known && !learn(code, octet, c))
			return false;
		if (c->len == 0)
			buf_add_byte(out, '?');
		else
			buf_add(out, c->text, c->len);
		*damaged = *damaged || c->len == 0;
	}
	return true;
}

enum answer
visible_decode(struct slice octets, struct slice charset, struct buf *out, bool *damaged, struct error *err)
{
	const char *code = charset_code(charset);
	bool decoded = true;

	if (code == NULL)
		return ANSWER_YES;
	if (strcmp(code, "UTF-8") == 0)
		decode_utf8(octets, out, damaged);
	else
		decoded = decode_octets(code, octets, out, damaged);
	if (!decoded || buf_failed(out))
		return error_cant_tell(err, "memory", "no memory for the text");
	return ANSWER_YES;
}

/* Lines */

static struct slice
take_line(struct lines *l)
{
	size_t lf = slice_find(l->text, '\n', l->at);
	struct slice line = slice_sub(l->text, l->at, lf);

	l->at = lf < l->text.len ? lf + 1 : lf;
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* Takes the quote marks and RFC 3676's space off the line. */
static size_t
take_depth(struct slice *line, bool flowed)
{
	size_t depth = 0, at = 0, marks = 0;

	/* A space-stuffed line may begin with ">" as text; others indent their marks. */
	for (; at < line->len && (line->data[at] == '>' || (!flowed && ascii_is_blank(line->data[at]))); at++)
		if (line->data[at] == '>') {
			depth++;
			marks = at + 1;
		}
	*line = slice_sub(*line, marks, line->len);
	if (flowed && line->len > 0 && line->data[0] == ' ')
		*line = slice_sub(*line, 1, line->len);
	return depth;
}

static bool
is_separator(struct slice line)
{
	return slice_eq_str(line, "-- ") || slice_eq_str(line, "--");
}

/* The paragraph that begins here, its soft line breaks undone (RFC 3676 4.2), appended to out. */
static size_t
take_paragraph(struct lines *l, struct buf *out)
{
	struct slice line = take_line(l);
	size_t depth = take_depth(&line, l->format.flowed);

	buf_add_slice(out, line);
	while (l->format.flowed && line.len > 0 && line.data[line.len - 1] == ' ' && !is_separator(line) &&
	    l->at < l->text.len) {
		size_t back = l->at;
		struct slice next = take_line(l);

		if (take_depth(&next, true) != depth || is_separator(next)) {
			l->at = back;
			break;
		}
		if (l->format.delete_space && !buf_failed(out))
			out->len--;
		line = next;
		buf_add_slice(out, line);
	}
	return depth;
}

/* What is quoted */

static bool
contains(struct slice line, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= line.len; i++)
		if (slice_starts_nocase(slice_sub(line, i, line.len), word))
			return true;
	return false;
}

static bool
contains_one_of(struct slice line, const char *const *words)
{
	for (; *words != NULL; words++)
		if (contains(line, *words))
			return true;
	return false;
}

/* "-----Original Message-----", as Outlook, Seznam and others set an earlier mail apart. */
static bool
is_divider(struct slice line)
{
	static const char *const words[] = {
		"original message", "original appointment", "forwarded message", "forwarded by", "reply message",
		"původní zpráva", "puvodni zprava", "původní e-mail", "puvodni e-mail", "přeposlaná zpráva",
		"preposlana zprava", "předaná zpráva", "predana zprava", "pôvodná správa", "povodna sprava",
		"pôvodný e-mail", "preposlaná správa", "preposlana sprava", "ursprüngliche nachricht", NULL,
	};
	struct slice s = slice_trim(line);
	size_t dashes = 0;

	while (dashes < s.len && (s.data[dashes] == '-' || s.data[dashes] == '_'))
		dashes++;
	return dashes >= DIVIDER_DASHES && s.len <= DIVIDER_OCTETS_MAX && contains_one_of(s, words);
}

/* "<jana@example.com>" or "[mailto:jana@example.com]". */
static bool
has_marked_address(struct slice line)
{
	for (size_t at = slice_find(line, '<', 0); at < line.len; at = slice_find(line, '<', at + 1)) {
		struct slice inside = slice_sub(line, at + 1, slice_find(line, '>', at));

		if (slice_find(inside, '@', 0) < inside.len && slice_find(inside, ' ', 0) == inside.len)
			return true;
	}
	return contains(line, "[mailto:");
}

/* "On Monday Jana wrote:", as it stands before an earlier mail; with her address in any language. */
static bool
is_attribution(struct slice line)
{
	static const char *const words[] = {"wrote:", "napsal:", "napsala:", "napsal(a):", "napísal:", "napísala:",
		"napísal(a):", "napisal:", "napisala:", "napisal(a):", "schrieb:", NULL};
	struct slice s = slice_trim(line);

	for (size_t i = 0; words[i] != NULL; i++)
		if (slice_ends_nocase(s, words[i]))
			return true;
	return slice_ends_nocase(s, ":") && has_marked_address(s);
}

/* A header field of a mail, as programs show it above what they quote: in bold, it stands between asterisks. */
static struct slice
without_bold(struct slice line)
{
	struct slice s = slice_trim(line);

	while (s.len > 0 && s.data[0] == '*')
		s = slice_sub(s, 1, s.len);
	return s;
}

/* The same in a language that nobody here speaks: "Von: Jana <jana@example.com>". */
static bool
looks_like_field(struct slice line)
{
	struct slice s = without_bold(line);
	size_t colon = slice_find(s, ':', 0);

	return colon > 0 && colon <= FIELD_NAME_MAX && colon + 1 < s.len &&
		(ascii_is_blank(s.data[colon + 1]) || s.data[colon + 1] == '*');
}

static bool
is_shown_field(struct slice line, bool first)
{
	static const char *const names[] = {"from", "od", "odesílatel", "odosielateľ", "von", "sent", "date", "odesláno",
		"odoslané", "datum", "dátum", "to", "komu", "pre", "subject", "předmět", "predmet", "cc", "kopie", "kópia",
		"gesendet", "an", "betreff"};
	const size_t first_names = 5;
	struct slice s = without_bold(line), name;

	name = slice_trim(slice_sub(s, 0, slice_find(s, ':', 0)));
	if (name.len == s.len)
		return false;
	for (size_t i = 0; i < (first ? first_names : sizeof names / sizeof names[0]); i++)
		if (slice_eq_str_nocase(name, names[i]))
			return true;
	return false;
}

static bool
begins_header_block(struct slice line, const struct lines *l)
{
	bool shown = is_shown_field(line, true), addressed = has_marked_address(line);
	unsigned fields = shown ? 1 : 0, alike = 1;
	struct lines ahead = *l;

	if (!shown && !looks_like_field(line))
		return false;
	for (unsigned i = 1; i < HEADER_BLOCK_LINES && ahead.at < ahead.text.len; i++) {
		struct slice next = take_line(&ahead);

		fields += shown && is_shown_field(next, false);
		alike += looks_like_field(next);
		addressed = addressed || (looks_like_field(next) && has_marked_address(next));
	}
	return fields >= HEADER_BLOCK_MIN || (addressed && alike >= HEADER_BLOCK_MIN);
}

/* Does what an attribution announces follow without marks? */
static bool
follows_unmarked(const struct lines *l)
{
	struct lines ahead = *l;

	while (ahead.at < ahead.text.len) {
		struct slice line = take_line(&ahead);

		if (slice_trim(line).len > 0)
			return take_depth(&line, l->format.flowed) == 0;
	}
	return false;
}

/* Sorting */

static bool
is_marked(struct slice line)
{
	return take_depth(&line, false) > 0;
}

static void
add_line(struct buf *to, struct slice line)
{
	buf_add_slice(to, line);
	buf_add_byte(to, '\n');
}

static enum place
place_of(struct slice line, const struct lines *l, enum place before)
{
	if (before == PLACE_QUOTED || is_divider(line) || begins_header_block(line, l))
		return PLACE_QUOTED;
	return is_separator(line) ? PLACE_SIGNATURE : before;
}

void
visible_split(struct slice text, struct visible_format format, struct visible *v)
{
	struct buf *const to[] = {
		[PLACE_OWN] = &v->own, [PLACE_QUOTED] = &v->quoted, [PLACE_SIGNATURE] = &v->signature,
	};
	struct lines l = {.text = text, .format = format};
	enum place place = PLACE_OWN;
	struct buf line;

	buf_init_secret(&line, text.len + 1);
	/* Growing would leave copies behind, and there may be a password in them. */
	buf_reserve(&line, text.len);
	buf_reserve(&v->own, text.len + 2);
	while (l.at < text.len && !buf_failed(&line)) {
		buf_clear(&line);
		if (take_paragraph(&l, &line) > 0 || is_marked(buf_slice(&line))) {
			add_line(&v->quoted, buf_slice(&line));
			buf_add_str(&v->own, "\n\n");
			continue;
		}
		place = place_of(buf_slice(&line), &l, place);
		add_line(to[place], buf_slice(&line));
		if (place == PLACE_OWN && is_attribution(buf_slice(&line)) && follows_unmarked(&l))
			place = PLACE_QUOTED;
	}
	/* What could not be held must not look like the end. */
	if (buf_failed(&line))
		v->own.failed = true;
	buf_wipe(&line);
}

/* Header fields */

/* The encoded word at at (RFC 2047 2), appended to out. Octets that it has; 0: there is none. What
 * cannot be decoded is left out. */
static size_t
take_word(struct slice s, size_t at, struct buf *out)
{
	size_t charset_end, end;
	struct slice charset, text;
	bool damaged;
	struct buf octets;

	if (at + 1 >= s.len || s.data[at] != '=' || s.data[at + 1] != '?')
		return 0;
	charset_end = slice_find(s, '?', at + 2);
	end = slice_find(s, '?', charset_end + 3);
	if (end + 1 >= s.len || s.data[charset_end + 2] != '?' || s.data[end + 1] != '=')
		return 0;
	charset = slice_sub(s, at + 2, charset_end);
	text = slice_sub(s, charset_end + 3, end);
	buf_init_secret(&octets, s.len);
	if (ascii_lower(s.data[charset_end + 1]) == 'b')
		(void)transfer_decode_base64(text, &octets, NULL);
	else
		(void)transfer_decode_quoted(text, &octets, NULL);
	for (size_t i = 0; i < octets.len && ascii_lower(s.data[charset_end + 1]) == 'q'; i++)
		if (octets.data[i] == '_')
			octets.data[i] = ' ';
	(void)visible_decode(buf_slice(&octets), slice_sub(charset, 0, slice_find(charset, '*', 0)), out, &damaged, NULL);
	buf_free(&octets);
	return end + 2 - at;
}

enum answer
visible_field(struct slice value, struct buf *out, struct error *err)
{
	struct slice s = slice_sub(value, 0, VISIBLE_FIELD_MAX);
	bool after_word = false;
	struct buf word;

	buf_init_secret(&word, VISIBLE_GROWTH * VISIBLE_FIELD_MAX);
	for (size_t at = 0, from; at < s.len;) {
		for (from = at; at < s.len && ascii_is_white(s.data[at]);)
			at++;
		buf_clear(&word);
		from = at - from;
		at += take_word(s, at, &word);
		/* Blanks between encoded words are not shown (RFC 2047 6.2). */
		if (from > 0 && !(after_word && word.len > 0))
			buf_add_byte(out, ' ');
		after_word = word.len > 0;
		buf_add_slice(out, buf_slice(&word));
		if (after_word || at >= s.len)
			continue;
		buf_add(out, s.data + at, utf8_length(s, at));
		at += utf8_length(s, at) > 0 ? utf8_length(s, at) : 1;
	}
	buf_free(&word);
	return buf_failed(out) ? error_cant_tell(err, "memory", "no memory for a header field") : ANSWER_YES;
}
