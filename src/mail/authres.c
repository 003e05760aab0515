#include "mail/authres.h"

#include "base/utf8.h"
#include "mail/address.h"
#include "mail/transfer.h"

#include <string.h>

#define LINE_WANTED 77 /* RFC 5322 2.1.1's 78, with one left for a semicolon */

static bool
is_digit_or_letter(unsigned char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static bool
is_control(unsigned char c)
{
	return (c < ' ' && c != '\t') || c == 0x7f;
}

/* What UTF-8 has besides for control characters and line ends: C1, U+2028, U+2029. */
static bool
is_wide_control(struct slice s, size_t at, size_t len)
{
	const unsigned char *c = s.data + at;

	return (len == 2 && c[0] == 0xc2 && c[1] < 0xa0) ||
	    (len == 3 && c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9));
}

/* Claims */

/* How a reader takes comments. None but the first is right; some are in use. */
struct reading {
	bool comments;
	bool nested;
	bool escapes;
};

/* What could be the id: each beginning of text that may end there, without all that is not ASCII. */
struct candidate {
	char text[AUTHRES_ID_MAX]; /* ASCII in lower case; no dots around it */
	size_t len;
	bool may_end[AUTHRES_ID_MAX + 1];
	bool has_eight_bit, has_encoded_word;
};

static bool
is_id_text(unsigned char c)
{
	return is_digit_or_letter(c) || c == '-' || c == '_' || c == '.';
}

/* False: it is longer than any id. */
static bool
candidate_add(struct candidate *found, size_t dots, unsigned char c)
{
	/* Those before it are as good as not there. */
	dots = found->len == 0 ? 0 : dots;
	if (dots >= sizeof found->text - found->len)
		return false;
	memset(found->text + found->len, '.', dots);
	found->len += dots;
	found->text[found->len++] = (char)ascii_lower(c);
	return true;
}

/* From "(" to behind its end. One without end takes everything: that others look behind it
 * is the reading without comments. */
static size_t
skip_comment(struct slice s, size_t at, const struct reading *how)
{
	size_t depth = 0;

	for (size_t i = at; i < s.len; i++) {
		if (s.data[i] == '\\' && how->escapes)
			i++;
		else if (s.data[i] == '(' && (how->nested || depth == 0))
			depth++;
		else if (s.data[i] == ')' && --depth == 0)
			return i + 1;
	}
	return s.len;
}

/* One reading of what stands before the first semicolon. At everything that does not belong
 * into an id a reader may see its end, or not see anything. */
static void
read_id(struct slice value, const struct reading *how, struct candidate *found)
{
	size_t at = 0, dots = 0;

	*found = (struct candidate){.len = 0};
	while (at < value.len && (value.data[at] != ';' || (found->len == 0 && !found->has_eight_bit))) {
		unsigned char c = value.data[at];

		if (c == '.') {
			dots++;
		} else if (is_id_text(c)) {
			if (!candidate_add(found, dots, c))
				return;
			dots = 0;
		} else {
			found->may_end[found->len] = true;
			found->has_eight_bit = found->has_eight_bit || c >= 0x80;
			if (c == '=' && at + 1 < value.len && value.data[at + 1] == '?')
				found->has_encoded_word = true;
		}
		at = c == '(' && how->comments ? skip_comment(value, at, how) : at + 1;
	}
	found->may_end[found->len] = true;
}

static bool
candidate_is(const struct candidate *found, const struct authres_id *id)
{
	return id->len > 0 && found->may_end[id->len] && memcmp(found->text, id->text, id->len) == 0;
}

static struct slice
without_dots(struct slice s)
{
	while (s.len > 0 && s.data[0] == '.')
		s = slice_sub(s, 1, s.len);
	while (s.len > 0 && s.data[s.len - 1] == '.')
		s.len--;
	return s;
}

/* Is there nothing but a domain name before the first semicolon, and perhaps a version? */
static bool
has_lone_name(struct slice value, struct slice *name)
{
	size_t at = 0, from;

	while (at < value.len && ascii_is_white(value.data[at]))
		at++;
	from = at;
	while (at < value.len && (is_id_text(value.data[at]) || value.data[at] >= 0x80))
		at++;
	*name = without_dots(slice_sub(value, from, at));
	while (at < value.len && (ascii_is_white(value.data[at]) || (value.data[at] >= '0' && value.data[at] <= '9')))
		at++;
	return at == value.len || value.data[at] == ';';
}

/* Of a value that is not ASCII before its first semicolon. What is no domain name there may be
 * anything to others. */
static void
claim_converted(struct slice value, struct authres_id *ids, size_t count)
{
	char labels[ADDRESS_DOMAIN_MAX + 1];
	struct slice name;
	bool is_name = has_lone_name(value, &name) && address_domain_labels(name, labels);

	for (size_t i = 0; i < count; i++)
		if (!is_name || strcmp(labels, ids[i].text) == 0)
			ids[i].claimed = true;
}

void
authres_id_init(struct authres_id *id, struct slice authserv_id)
{
	unsigned char text[AUTHRES_ID_MAX], c;
	size_t len = 0;

	*id = (struct authres_id){.len = 0};
	/* Ours goes the same way as theirs. */
	for (size_t at = 0; at < authserv_id.len; at++) {
		c = authserv_id.data[at];
		if (!is_id_text(c) && c < 0x80)
			continue;
		if (len == sizeof text)
			return;
		text[len++] = c;
	}
	if (address_domain_labels(without_dots(slice_of(text, len)), id->text))
		id->len = strlen(id->text);
}

void
authres_claims(struct slice value, struct authres_id *ids, size_t count)
{
	static const struct reading readings[] = {
		{.comments = true, .nested = true, .escapes = true},
		{.comments = true, .nested = true},
		{.comments = true, .escapes = true},
		{.comments = true},
		{.comments = false},
	};
	bool is_ascii = true;

	for (size_t i = 0; i < count; i++)
		ids[i].claimed = false;
	for (size_t r = 0; r < sizeof readings / sizeof readings[0]; r++) {
		struct candidate found;

		read_id(value, &readings[r], &found);
		is_ascii = is_ascii && !found.has_eight_bit;
		for (size_t i = 0; i < count; i++)
			if (found.has_encoded_word || candidate_is(&found, &ids[i]))
				ids[i].claimed = true;
	}
	if (!is_ascii)
		claim_converted(value, ids, count);
}

/* Reading */

enum kind {
	KIND_WORD,
	KIND_QUOTED,
	KIND_SPECIAL, /* one of ; = / */
	KIND_END,
	KIND_MALFORMED,
};

struct lexeme {
	enum kind kind;
	size_t at;
	struct slice text;
};

struct reader {
	struct slice s;
	size_t at;
	struct lexeme l; /* the one looked at; r->at is behind it */
};

/* Octets of the blank or fold at at, 0 where there is none. A line end without a blank
 * behind it begins another field for some. */
static size_t
white_length(struct slice s, size_t at)
{
	size_t lf = at;

	if (ascii_is_blank(s.data[at]))
		return 1;
	if (s.data[lf] == '\r')
		lf++;
	return lf + 1 < s.len && s.data[lf] == '\n' && ascii_is_blank(s.data[lf + 1]) ? lf + 2 - at : 0;
}

/* Behind the comment or quoted-string that begins at at; 0: it is malformed. */
static size_t
end_of_enclosed(struct slice s, size_t at)
{
	unsigned char open = s.data[at], close = open == '(' ? ')' : '"';
	size_t depth = 1, white;

	for (at++; at < s.len; at++) {
		unsigned char c = s.data[at];

		white = white_length(s, at);
		if (white > 0) {
			at += white - 1;
			continue;
		}
		if (c == close && --depth == 0)
			return at + 1;
		if (c == open)
			depth++;
		if (c == '\\')
			at++;
		if (at >= s.len || is_control(s.data[at]))
			return 0;
	}
	return 0;
}

static bool
is_word(unsigned char c)
{
	return c > ' ' && c != 0x7f && strchr("();\"=/\\", c) == NULL;
}

static bool
skip_cfws(struct reader *r)
{
	while (r->at < r->s.len) {
		size_t white = white_length(r->s, r->at);

		if (white == 0 && r->s.data[r->at] == '(') {
			size_t end = end_of_enclosed(r->s, r->at);

			if (end == 0)
				return false;
			white = end - r->at;
		}
		if (white == 0)
			break;
		r->at += white;
	}
	return true;
}

/* Looks at the next lexeme. */
static void
next(struct reader *r)
{
	bool possible = skip_cfws(r);
	size_t end = r->at;

	r->l.at = r->at;
	if (!possible) {
		r->l.kind = KIND_MALFORMED;
	} else if (end == r->s.len) {
		r->l.kind = KIND_END;
	} else if (r->s.data[end] == '"') {
		end = end_of_enclosed(r->s, end);
		r->l.kind = end == 0 ? KIND_MALFORMED : KIND_QUOTED;
	} else if (is_word(r->s.data[end])) {
		r->l.kind = KIND_WORD;
		while (end < r->s.len && is_word(r->s.data[end]))
			end++;
	} else {
		unsigned char c = r->s.data[end++];

		r->l.kind = c == ';' || c == '=' || c == '/' ? KIND_SPECIAL : KIND_MALFORMED;
	}
	if (r->l.kind == KIND_MALFORMED)
		return;
	r->l.text = slice_sub(r->s, r->at, end);
	r->at = end;
}

static bool
is_special(const struct lexeme *l, char c)
{
	return l->kind == KIND_SPECIAL && l->text.data[0] == (unsigned char)c;
}

static bool
at_end_of_segment(const struct lexeme *l)
{
	return l->kind == KIND_END || is_special(l, ';');
}

/* RFC 5321 4.1.1.1: letters, digits, hyphens */
static bool
is_keyword(const struct lexeme *l)
{
	if (l->kind != KIND_WORD)
		return false;
	for (size_t i = 0; i < l->text.len; i++)
		if (!is_digit_or_letter(l->text.data[i]) && l->text.data[i] != '-')
			return false;
	return true;
}

static bool
is_number(const struct lexeme *l)
{
	if (l->kind != KIND_WORD)
		return false;
	for (size_t i = 0; i < l->text.len; i++)
		if (l->text.data[i] < '0' || l->text.data[i] > '9')
			return false;
	return true;
}

/* authserv-id [ CFWS authres-version ]; the lexeme behind is looked at then. */
static bool
take_id(struct reader *r)
{
	next(r);
	if (r->l.kind != KIND_WORD && r->l.kind != KIND_QUOTED)
		return false;
	next(r);
	if (is_number(&r->l))
		next(r);
	return at_end_of_segment(&r->l);
}

/* The rest of a resinfo from its result on. Another result in it, its semicolon forgotten,
 * is one for careless readers. */
static bool
take_rest(struct reader *r, const char *method)
{
	while (!at_end_of_segment(&r->l)) {
		bool is_method = r->l.kind == KIND_WORD && slice_eq_str_nocase(r->l.text, method);

		if (r->l.kind == KIND_MALFORMED)
			return false;
		next(r);
		if (is_method && (is_special(&r->l, '=') || is_special(&r->l, '/')))
			return false;
	}
	return true;
}

enum segment {
	SEGMENT_EMPTY,
	SEGMENT_METHOD, /* a result of the method */
	SEGMENT_OTHER,  /* a result of another, or "none" */
};

/* Behind a method's name: its version perhaps, "=", and its result, which is then looked at. */
static bool
take_outcome(struct reader *r)
{
	if (is_special(&r->l, '/')) {
		next(r);
		if (!is_number(&r->l))
			return false;
		next(r);
	}
	if (!is_special(&r->l, '='))
		return false;
	next(r);
	return is_keyword(&r->l);
}

/* From a semicolon to before the next. */
static bool
take_segment(struct reader *r, const char *method, enum segment *segment)
{
	bool is_none;

	next(r);
	*segment = SEGMENT_EMPTY;
	if (at_end_of_segment(&r->l))
		return true;
	if (!is_keyword(&r->l))
		return false;
	is_none = slice_eq_str_nocase(r->l.text, "none");
	*segment = slice_eq_str_nocase(r->l.text, method) ? SEGMENT_METHOD : SEGMENT_OTHER;
	next(r);
	if (is_none && r->l.kind == KIND_END)
		return true;
	return take_outcome(r) && take_rest(r, method);
}

/* Without what was between, two lines are one: that may be too long. */
static void
add_behind_gap(struct slice text, struct buf *out)
{
	size_t line = out->len, first = slice_find(text, '\n', 0);

	while (line > 0 && out->data[line - 1] != '\n')
		line--;
	if (out->len - line + first + (line == 0 ? sizeof AUTHRES_NAME : 0) > TRANSFER_LINE_MAX) {
		while (out->len > line && ascii_is_white(out->data[out->len - 1]))
			out->len--;
		if (out->len > line)
			buf_add_str(out, "\n\t");
	}
	buf_add_slice(out, text);
}

struct found {
	size_t method, other;
};

/* Counts the results and adds to kept all that are not the method's. False: malformed. */
static bool
walk(struct slice value, const char *method, struct found *found, struct buf *kept)
{
	struct reader r = {.s = value};
	bool gap = false;

	*found = (struct found){.method = 0};
	if (!take_id(&r))
		return false;
	buf_add_slice(kept, slice_sub(value, 0, r.l.at));
	while (r.l.kind != KIND_END) {
		size_t from = r.l.at;
		enum segment segment;

		if (!take_segment(&r, method, &segment))
			return false;
		found->method += segment == SEGMENT_METHOD;
		found->other += segment == SEGMENT_OTHER;
		if (segment != SEGMENT_METHOD && gap)
			add_behind_gap(slice_sub(value, from, r.l.at), kept);
		else if (segment != SEGMENT_METHOD)
			buf_add_slice(kept, slice_sub(value, from, r.l.at));
		gap = segment == SEGMENT_METHOD;
	}
	/* No line of blanks alone is left at the end. */
	while (gap && kept->len > 0 && ascii_is_white(kept->data[kept->len - 1]))
		kept->len--;
	return true;
}

enum authres_left
authres_without(struct slice value, const char *method, struct buf *out)
{
	struct found found;
	struct buf kept;
	enum authres_left left;

	/* A fold for each result that goes is the most that is added. */
	buf_init(&kept, 2 * value.len + 2);
	if (!utf8_is_valid(value) || !walk(value, method, &found, &kept))
		left = AUTHRES_MALFORMED;
	else if (found.method == 0)
		left = AUTHRES_UNTOUCHED;
	else
		left = found.other == 0 ? AUTHRES_NOTHING : AUTHRES_SHORTENED;
	if (left == AUTHRES_SHORTENED) {
		buf_add_slice(out, buf_slice(&kept));
		out->failed = out->failed || buf_failed(&kept);
	}
	buf_free(&kept);
	return left;
}

/* Results that count */

/* A text as it is meant, without quotes; one with a quoted-pair is none. */
static bool
plain_text(const struct lexeme *l, struct slice *text)
{
	if (l->kind == KIND_WORD)
		*text = l->text;
	else if (l->kind == KIND_QUOTED)
		*text = slice_sub(l->text, 1, l->text.len - 1);
	else
		return false;
	return text->len > 0 && slice_find(*text, '\\', 0) == text->len;
}

/* A property's value, and what follows it without a blank, as in "header.b=a/b=": that is none of those that are
 * looked for. False: there is none. */
static bool
take_value(struct reader *r, struct slice *value)
{
	bool is_plain = plain_text(&r->l, value), is_value = r->l.kind == KIND_WORD || r->l.kind == KIND_QUOTED;
	size_t end = r->l.at + r->l.text.len;

	if (!is_value)
		return false;
	next(r);
	while (!at_end_of_segment(&r->l) && r->l.kind != KIND_MALFORMED && r->l.at == end) {
		end += r->l.text.len;
		is_plain = false;
		next(r);
	}
	if (!is_plain)
		*value = SLICE_NONE;
	return r->l.kind != KIND_MALFORMED;
}

/* The rest of a resinfo from behind its result: reason and properties, each "word=value". Where the property is there
 * twice, nobody knows which is meant. False: it is not written so. */
static bool
take_property(struct reader *r, const char *property, struct slice *value)
{
	unsigned found = 0;

	while (!at_end_of_segment(&r->l)) {
		bool is_property = r->l.kind == KIND_WORD && slice_eq_str_nocase(r->l.text, property);
		struct slice text;

		if (r->l.kind != KIND_WORD)
			return false;
		next(r);
		if (!is_special(&r->l, '='))
			return false;
		next(r);
		if (!take_value(r, &text))
			return false;
		if (is_property && found++ == 0)
			*value = text;
	}
	if (found != 1)
		*value = SLICE_NONE;
	return true;
}

/* One resinfo of the method; the lexeme behind the method's name is looked at. */
static bool
take_result(struct reader *r, const char *property, bool *passed, struct slice *value)
{
	if (!take_outcome(r))
		return false;
	*passed = slice_eq_str_nocase(r->l.text, "pass");
	next(r);
	return take_property(r, property, value);
}

/* Values of a field whose syntax is known to be right. False: of one of the method's results it is not. */
static bool
collect_passed(struct slice value, const char *method, const char *property, struct slice *values, size_t room,
	struct authres_found *found)
{
	struct reader r = {.s = value};

	if (!take_id(&r))
		return false;
	while (r.l.kind != KIND_END) {
		struct slice is = SLICE_NONE;
		bool passed = false;

		next(&r);
		if (r.l.kind == KIND_WORD && slice_eq_str_nocase(r.l.text, method)) {
			next(&r);
			found->results++;
			if (!take_result(&r, property, &passed, &is))
				return false;
		}
		while (!at_end_of_segment(&r.l))
			next(&r);
		if (passed && is.len > 0 && found->count < room)
			values[found->count++] = is;
	}
	return true;
}

/* As every reader sees it: nothing but characters of domain names are in it. */
static bool
is_of(struct slice value, const char *authserv_id)
{
	struct reader r = {.s = value};
	struct authres_id wanted, id;
	struct slice text;

	next(&r);
	authres_id_init(&wanted, slice_str(authserv_id));
	if (wanted.len == 0 || !plain_text(&r.l, &text))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!is_id_text(text.data[i]))
			return false;
	authres_id_init(&id, text);
	return id.len > 0 && strcmp(id.text, wanted.text) == 0;
}

void
authres_passed(struct slice value, const char *authserv_id, const char *method, const char *property, struct slice *values,
	size_t room, struct authres_found *found)
{
	struct found all;
	struct buf ignored;
	bool is_good;

	*found = (struct authres_found){.results = 0};
	buf_init(&ignored, 2 * value.len + 2);
	is_good = utf8_is_valid(value) && is_of(value, authserv_id) && walk(value, method, &all, &ignored) &&
		!buf_failed(&ignored) && collect_passed(value, method, property, values, room, found);
	buf_free(&ignored);
	found->malformed = !is_good;
	if (!is_good)
		found->count = 0;
}

/* Writing */

struct writer {
	struct buf *out;
	struct buf item; /* what no fold may part from its name: word, value or comment */
	size_t line;     /* octets on this line */
	bool utf8;
};

/* RFC 2045 5.1 */
static bool
is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] <= ' ' || s.data[i] >= 0x7f || strchr("()<>@,;:\\\"/[]?=", s.data[i]) != NULL)
			return false;
	return s.len > 0;
}

/* An address of tokens: of those that pvalue permits without quotes, the ones in which no
 * reader finds anything else. */
static bool
is_plain_address(struct slice s)
{
	struct address a;

	return s.len <= AUTHRES_TEXT_MAX && address_parse(s, &a) && is_token(a.local) && is_token(a.domain) &&
	    a.local.data == s.data;
}

/* Text between quotes or parentheses: nothing in it ends it. */
static void
add_enclosed(struct writer *w, char open, struct slice text, char close)
{
	size_t from = w->item.len, len;

	buf_add_byte(&w->item, (unsigned char)open);
	for (size_t at = 0; at < text.len; at += len > 0 ? len : 1) {
		unsigned char c = text.data[at];

		if (w->item.len - from > AUTHRES_TEXT_MAX - sizeof "\\xxx...") {
			buf_add_str(&w->item, "...");
			break;
		}
		len = utf8_length(text, at);
		if (len == 0 || (len == 1 && (is_control(c) || c == '\t')) ||
		    (len > 1 && (!w->utf8 || is_wide_control(text, at, len)))) {
			buf_add_byte(&w->item, '?');
			continue;
		}
		if (c == (unsigned char)open || c == (unsigned char)close || c == '\\')
			buf_add_byte(&w->item, '\\');
		buf_add(&w->item, text.data + at, len);
	}
	buf_add_byte(&w->item, (unsigned char)close);
}

static void
add_value(struct writer *w, struct slice value)
{
	if (value.len <= AUTHRES_TEXT_MAX && (is_token(value) || is_plain_address(value)))
		buf_add_slice(&w->item, value);
	else
		add_enclosed(w, '"', value, '"');
}

/* Where a fold may stand in an item, at or after from: before a blank with text before it. */
static size_t
next_blank(struct slice item, size_t from)
{
	for (size_t i = from; i < item.len; i++)
		if (item.data[i] == ' ' && item.data[i - 1] != ' ')
			return i;
	return item.len;
}

/* Puts the item on this line or the next. A fold within it leaves its text as it is, as the
 * blank that is there begins the line (RFC 5322 2.2.3). */
static void
put_item(struct writer *w)
{
	struct slice item = buf_slice(&w->item);
	size_t at = 0, end;

	w->out->failed = w->out->failed || buf_failed(&w->item);
	for (; at < item.len; at = end) {
		size_t blank = at == 0 ? 1 : 0;

		end = next_blank(item, at + 1);
		if (w->line + blank + (end - at) > LINE_WANTED) {
			buf_add_str(w->out, blank ? "\n\t" : "\n");
			w->line = 0;
		} else if (blank) {
			buf_add_byte(w->out, ' ');
		}
		buf_add_slice(w->out, slice_sub(item, at, end));
		w->line += blank + (end - at);
	}
	buf_clear(&w->item);
}

static void
put_result(struct writer *w, const struct authres_result *result)
{
	buf_printf(&w->item, "%s=%s", result->method, result->result);
	put_item(w);
	if (result->comment != NULL) {
		add_enclosed(w, '(', slice_str(result->comment), ')');
		put_item(w);
	}
	if (result->reason != NULL) {
		buf_add_str(&w->item, "reason=");
		add_enclosed(w, '"', slice_str(result->reason), '"');
		put_item(w);
	}
	for (size_t i = 0; i < result->property_count; i++) {
		const struct authres_property *p = &result->properties[i];

		buf_printf(&w->item, "%s.%s=", p->ptype, p->property);
		add_value(w, p->value);
		put_item(w);
	}
}

void
authres_write(const char *authserv_id, const struct authres_result *results, size_t count, bool utf8,
	struct buf *out)
{
	struct writer w = {.out = out, .line = sizeof AUTHRES_NAME, .utf8 = utf8};

	buf_init(&w.item, TRANSFER_LINE_MAX);
	add_value(&w, slice_str(authserv_id));
	/* The id stays on the first line: there careless readers look for it. */
	w.line = 0;
	put_item(&w);
	w.line += sizeof AUTHRES_NAME;
	if (count == 0) {
		buf_add_byte(out, ';');
		buf_add_str(&w.item, "none");
		put_item(&w);
	}
	for (size_t i = 0; i < count; i++) {
		buf_add_byte(out, ';');
		w.line++;
		put_result(&w, &results[i]);
	}
	buf_free(&w.item);
}
