#include "mail/compose.h"
#include "mail/utf8.h"

#include <openssl/evp.h>

#include <stdint.h>
#include <string.h>

#define QUOTED_LINE_MAX 76     /* RFC 2045 6.7 (5) */
#define EXTENDED_LINE_MAX 700  /* octets of an RFC 2231 value that go into one piece */
#define WORD_OCTETS 45         /* of text in an encoded word, which may have 75 characters (RFC 2047 2) */

static const char encoding_field[] = "Content-Transfer-Encoding";

static const char why_ambiguous[] = "its MIME structure can be read in more than one way";
static const char why_encoding[] = "a part has an unknown transfer encoding";
static const char why_signed[] = "an inner signature or encryption holds what a relay may change";
static const char why_message[] = "an inner message holds what a relay may change";
static const char why_header[] = "a MIME header field cannot be made 7-bit";
static const char why_base64[] = "a base64 part holds other text";

/* What is safe */

#define EVERY_OCTET(x) ((uint64_t)0x0101010101010101 * (x))

/* The next octet that may matter: below 14 (CR, LF and NUL are) or above 127. Eight at a
 * time: an octet's high bit is set in the difference where it is below 14, and where it
 * is not but the one before borrowed, that one is found first. */
static size_t
next_odd(struct slice s, size_t at)
{
	uint64_t word;

	for (; s.len - at >= sizeof word; at += sizeof word) {
		memcpy(&word, s.data + at, sizeof word);
		if ((((word - EVERY_OCTET(14)) | word) & EVERY_OCTET(0x80)) != 0)
			break;
	}
	while (at < s.len && s.data[at] >= 14 && s.data[at] < 0x80)
		at++;
	return at;
}

static bool
is_blank(unsigned char c)
{
	return c == ' ' || c == '\t';
}

static bool
begins_from(struct slice line)
{
	return line.len >= 5 && memcmp(line.data, "From ", 5) == 0;
}

/* One line without its line end, 7-bit and without CR, LF and NUL. */
static bool
line_is_safe(struct slice line)
{
	if (line.len == 0)
		return true;
	return line.len <= COMPOSE_LINE_MAX && !is_blank(line.data[line.len - 1]) && !begins_from(line);
}

/* Whole lines that no relay has a reason to change. The last may lack its line end. */
static bool
text_is_safe(struct slice s)
{
	size_t line = 0, at = 0;

	if (s.len == 0)
		return true;
	for (;;) {
		unsigned char c;

		at = next_odd(s, at);
		if (at == s.len)
			return line_is_safe(slice_of(s.data + line, at - line));
		c = s.data[at];
		if (c == '\r' && at + 1 < s.len && s.data[at + 1] == '\n') {
			if (!line_is_safe(slice_of(s.data + line, at - line)))
				return false;
			at += 2;
			line = at;
		} else if (c == '\0' || c == '\r' || c == '\n' || c >= 0x80) {
			return false;
		} else {
			at++;
		}
	}
}

static bool
has_8bit(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] >= 0x80)
			return true;
	return false;
}

/* Quoted-printable */

struct quoted {
	struct buf *out;
	unsigned char line[QUOTED_LINE_MAX];
	size_t column;
	bool soft; /* the line began behind a soft line break */
};

static void
quoted_flush(struct quoted *q, const char *end)
{
	buf_add(q->out, q->line, q->column);
	buf_add_str(q->out, end);
	q->column = 0;
}

/* Characters that stay together; one place is left for a soft line break. */
static void
quoted_put(struct quoted *q, const unsigned char *text, size_t len)
{
	if (q->column + len > QUOTED_LINE_MAX - 1) {
		quoted_flush(q, "=\r\n");
		q->soft = true;
	}
	memcpy(q->line + q->column, text, len);
	q->column += len;
}

static bool
is_hex(unsigned char c)
{
	c = (unsigned char)ascii_lower(c);
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static size_t
escape_length(struct slice line, size_t at)
{
	return at + 2 < line.len && is_hex(line.data[at + 1]) && is_hex(line.data[at + 2]) ? 3 : 1;
}

/* A line that a soft line break began may by chance begin like a delimiter, or like an
 * mbox's separator. */
static bool
needs_escape(const struct quoted *q, struct slice line, size_t at, bool encoded)
{
	unsigned char c = line.data[at];
	size_t column = q->column < QUOTED_LINE_MAX - 1 ? q->column : 0;
	bool soft = column == q->column ? q->soft : true;

	if (c == '=')
		return !encoded;
	if (is_blank(c))
		return at + 1 == line.len;
	if (column == 0 && (c == 'F' || c == '-'))
		return c == '-' ? soft : begins_from(slice_sub(line, at, line.len));
	return c < ' ' || c > '~';
}

/* How many octets from at are written as they are, wherever on a line they come to stand
 * but at its beginning. */
static size_t
plain_run(struct slice line, size_t at, size_t room)
{
	size_t n = 0;

	while (n < room && at + n < line.len) {
		unsigned char c = line.data[at + n];

		if ((c <= ' ' || c > '~' || c == '=') && (!is_blank(c) || at + n + 1 == line.len))
			break;
		n++;
	}
	return n;
}

/* encoded: the line is quoted-printable already, and its escapes stay. */
static void
quoted_line(struct quoted *q, struct slice line, bool encoded)
{
	static const char hex[] = "0123456789ABCDEF";

	q->soft = false;
	for (size_t at = 0; at < line.len;) {
		unsigned char c = line.data[at];
		unsigned char escape[3] = {'=', (unsigned char)hex[c >> 4], (unsigned char)hex[c & 15]};
		size_t len = q->column == 0 ? 0 : plain_run(line, at, QUOTED_LINE_MAX - 1 - q->column);

		if (len > 0) {
			quoted_put(q, line.data + at, len);
			at += len;
			continue;
		}
		len = 1;
		if (needs_escape(q, line, at, encoded)) {
			quoted_put(q, escape, sizeof escape);
		} else {
			len = encoded && c == '=' ? escape_length(line, at) : 1;
			quoted_put(q, line.data + at, len);
		}
		at += len;
	}
}

/* The next CRLF at or after from; a lone LF is text like any other octet. */
static size_t
find_crlf(struct slice s, size_t from)
{
	size_t lf = slice_find(s, '\n', from);

	while (lf < s.len && (lf == from || s.data[lf - 1] != '\r'))
		lf = slice_find(s, '\n', lf + 1);
	return lf < s.len ? lf - 1 : s.len;
}

static void
encode_quoted(struct slice s, struct buf *out)
{
	struct quoted q = {.out = out};
	size_t at = 0;

	while (at < s.len) {
		size_t end = find_crlf(s, at);

		quoted_line(&q, slice_sub(s, at, end), false);
		quoted_flush(&q, end < s.len ? "\r\n" : "");
		at = end < s.len ? end + 2 : end;
	}
}

static size_t
quoted_size(struct slice s)
{
	size_t escaped = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.data[i];

		escaped += (c == '=') | (c > '~') | ((c < ' ') & (c != '\t') & (c != '\r') & (c != '\n'));
	}
	return s.len + 2 * escaped + (s.len + 2 * escaped) / QUOTED_LINE_MAX * 3;
}

/* Only what is unsafe is written anew. A line end is a line end here whatever it is
 * made of, and blanks before one are none (RFC 2045 6.7 (3), (4)). */
static void
repair_quoted(struct slice s, struct buf *out)
{
	struct quoted q = {.out = out};
	size_t at = 0;

	while (at < s.len) {
		size_t lf = slice_find(s, '\n', at), end = lf;
		struct slice line;

		if (lf < s.len && end > at && s.data[end - 1] == '\r')
			end--;
		while (end > at && is_blank(s.data[end - 1]))
			end--;
		line = slice_of(s.data + at, end - at);
		if (text_is_safe(line))
			buf_add_slice(out, line);
		else
			quoted_line(&q, line, true);
		quoted_flush(&q, lf < s.len ? "\r\n" : "");
		at = lf < s.len ? lf + 1 : lf;
	}
}

/* Base64 */

static size_t
base64_size(size_t len)
{
	size_t characters = (len + 2) / 3 * 4;

	return characters + (characters + COMPOSE_BASE64_LINE - 1) / COMPOSE_BASE64_LINE * 2;
}

void
compose_base64(struct slice data, struct buf *out)
{
	const size_t octets = COMPOSE_BASE64_LINE / 4 * 3;
	size_t at = 0;
	unsigned char *to;

	if (data.len > SIZE_MAX / 2) {
		out->failed = true;
		return;
	}
	to = buf_extend(out, base64_size(data.len));
	while (to != NULL && at < data.len) {
		size_t len = data.len - at < octets ? data.len - at : octets;

		/* Writes a NUL behind the line, where the CR goes. */
		to += EVP_EncodeBlock(to, data.data + at, (int)len);
		*to++ = '\r';
		*to++ = '\n';
		at += len;
	}
}

static bool
is_base64(unsigned char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '+' || c == '/' ||
	    c == '=';
}

/* The characters of one line, in lines that are not too long. */
static bool
repair_base64_line(struct slice line, struct buf *out)
{
	size_t column = 0, from = 0;

	for (size_t i = 0; i <= line.len; i++) {
		if (i < line.len && is_base64(line.data[i]) && column++ < QUOTED_LINE_MAX)
			continue;
		buf_add(out, line.data + from, i - from);
		from = i + 1;
		if (i == line.len)
			break;
		if (is_base64(line.data[i])) {
			buf_add(out, "\r\n", 2);
			from = i;
			column = 1;
		} else if (!is_blank(line.data[i]) && line.data[i] != '\r') {
			return false;
		}
	}
	return true;
}

/* The characters as they are, line by line, each line ended by CRLF. False: something
 * else is between them. */
static bool
repair_base64(struct slice s, struct buf *out)
{
	size_t at = 0;

	while (at < s.len) {
		size_t lf = slice_find(s, '\n', at);

		if (!repair_base64_line(slice_of(s.data + at, lf - at), out))
			return false;
		if (lf < s.len)
			buf_add(out, "\r\n", 2);
		at = lf + 1;
	}
	return true;
}

/* Header fields */

/* A part's field value or the message's own: folds are CRLF or LF. */
static bool
field_is_safe(const char *name, struct slice value)
{
	size_t at = 0, first = strlen(name) + 1;

	while (at <= value.len) {
		size_t lf = slice_find(value, '\n', at), end = lf;
		struct slice line;

		if (lf < value.len && end > at && value.data[end - 1] == '\r')
			end--;
		line = slice_of(value.data + at, end - at);
		if (!text_is_safe(line) || line.len + first > COMPOSE_LINE_MAX)
			return false;
		/* What is behind a line end without a blank would be another field. */
		if (at > 0 && (line.len == 0 || !is_blank(line.data[0])))
			return false;
		first = 0;
		at = lf + 1;
	}
	return true;
}

static void
add_percent(struct slice text, struct buf *out)
{
	static const char plain[] = "!#$&+-.^_`|~"; /* RFC 5987's attr-char: RFC 2231's without doubt */

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = text.data[i];

		if ((c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
		    (c != '\0' && strchr(plain, c) != NULL))
			buf_add_byte(out, c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

/* name*=utf-8''…, in pieces name*0*=…; name*1*=… where it is long (RFC 2231 3, 4). */
static void
add_extended(struct slice name, struct slice text, struct buf *out)
{
	size_t at = 0, piece = 0;
	bool whole = 3 * text.len <= EXTENDED_LINE_MAX;

	do {
		size_t end = whole ? text.len : at + EXTENDED_LINE_MAX / 3;

		if (at > 0)
			buf_add_str(out, ";\n ");
		buf_add_slice(out, name);
		if (!whole)
			buf_printf(out, "*%zu", piece++);
		buf_add_str(out, at == 0 ? "*=utf-8''" : "*=");
		add_percent(slice_sub(text, at, end), out);
		at = end;
	} while (at < text.len);
}

/* One parameter, its octets taken out of quotes, folds and quoted-pairs. */
static bool
extend_parameter(const struct mime_parameter *p, struct buf *out)
{
	struct mime_part holder = {.parameter_count = 1};
	struct buf text;
	bool possible;

	holder.parameters[0] = *p;
	holder.parameters[0].name = slice_str("x");
	buf_init(&text, MESSAGE_HEADER_OCTETS_MAX);
	possible = mime_parameter_text(&holder, "x", &text) && utf8_is_valid(buf_slice(&text)) &&
	    slice_find(p->name, '*', 0) == p->name.len;
	if (possible)
		add_extended(p->name, buf_slice(&text), out);
	buf_free(&text);
	return possible;
}

static bool
has_extended_twin(const struct mime_value *v, struct slice name)
{
	for (size_t i = 0; i < v->parameter_count; i++) {
		struct slice other = v->parameters[i].name;

		if (other.len > name.len && other.data[name.len] == '*' &&
		    slice_eq_nocase(slice_sub(other, 0, name.len), name))
			return true;
	}
	return false;
}

/* Each parameter with 8-bit text is put into RFC 2231's form, all else stays. */
static bool
extend_parameters(struct slice value, struct buf *out)
{
	struct mime_parameter parameters[MIME_PARAMETERS_MAX];
	struct mime_value v;
	size_t copied = 0;

	if (!mime_value_parse(value, parameters, &v))
		return false;
	for (size_t i = 0; i < v.parameter_count; i++) {
		const struct mime_parameter *p = &v.parameters[i];
		size_t from = (size_t)(p->name.data - value.data), end;

		if (!has_8bit(p->value))
			continue;
		end = (size_t)(p->value.data - value.data) + p->value.len + p->quoted;
		/* Two forms of one name would be left, and a lost quote is a lost end. */
		if (has_extended_twin(&v, p->name) || end > value.len || has_8bit(slice_sub(value, copied, from)))
			return false;
		buf_add_slice(out, slice_sub(value, copied, from));
		if (!extend_parameter(p, out))
			return false;
		copied = end;
	}
	buf_add_slice(out, slice_sub(value, copied, value.len));
	return !has_8bit(slice_sub(value, copied, value.len));
}

/* Unstructured text as encoded words (RFC 2047), none of which cuts a character. */
static bool
encode_words(struct slice value, struct buf *out)
{
	struct slice text = slice_trim(value);
	size_t at = 0;

	if (!utf8_is_valid(text) || slice_find(text, '\n', 0) < text.len)
		return false;
	while (at < text.len) {
		size_t end = at, len;

		while (end < text.len && end - at + (len = utf8_length(text, end)) <= WORD_OCTETS)
			end += len;
		buf_add_str(out, at == 0 ? " =?utf-8?B?" : "\n =?utf-8?B?");
		compose_base64(slice_sub(text, at, end), out);
		if (buf_failed(out))
			return false;
		out->len -= 2; /* its CRLF */
		buf_add_str(out, "?=");
		at = end;
	}
	return true;
}

static bool
to_7bit(const char *name, struct slice value, struct buf *out)
{
	struct slice n = slice_str(name);

	if (slice_eq_str_nocase(n, "Content-Type") || slice_eq_str_nocase(n, "Content-Disposition"))
		return extend_parameters(value, out);
	if (slice_eq_str_nocase(n, "Content-Description"))
		return encode_words(value, out);
	return false;
}

/* Where a line of value that begins at from and may have room octets is to end: at a
 * blank with text before it. 0: there is none. */
static size_t
fold_place(struct slice line, size_t room)
{
	for (size_t i = room < line.len ? room : line.len - 1; i > 0; i--)
		if (is_blank(line.data[i]) && !is_blank(line.data[i - 1]))
			return i;
	return 0;
}

/* One line, folded where it is too long; a fold before a blank is no content
 * (RFC 5322 2.2.3). used: octets that are on the line already. */
static bool
add_folded(struct slice line, size_t used, struct buf *out)
{
	while (line.len + used > COMPOSE_LINE_MAX) {
		size_t at = used < COMPOSE_LINE_MAX ? fold_place(line, COMPOSE_LINE_MAX - used) : 0;

		if (at == 0)
			return false;
		buf_add(out, line.data, at);
		buf_add(out, "\r\n", 2);
		line = slice_sub(line, at, line.len);
		used = 0;
	}
	buf_add_slice(out, line);
	return true;
}

/* Value's lines with CRLF. Blanks at a line's end go to the next line's beginning: unfolded,
 * the value is what it was. */
static bool
add_lines(const char *name, struct slice value, struct buf *out)
{
	struct buf line;
	size_t at = 0, used = strlen(name) + 1;
	bool possible = true;

	buf_init(&line, MESSAGE_HEADER_OCTETS_MAX);
	while (at <= value.len && possible) {
		size_t lf = slice_find(value, '\n', at), end = lf, text;

		if (lf < value.len && end > at && value.data[end - 1] == '\r')
			end--;
		if (at > 0 && end > at && !is_blank(value.data[at]))
			break;
		buf_add(&line, value.data + at, end - at);
		text = line.len;
		while (text > 0 && is_blank(line.data[text - 1]))
			text--;
		if (text > 0) {
			if (at > 0)
				buf_add(out, "\r\n", 2);
			possible = !buf_failed(&line) && add_folded(slice_of(line.data, text), used, out);
			memmove(line.data, line.data + text, line.len - text);
			line.len -= text;
			used = 0;
		}
		at = lf + 1;
	}
	buf_free(&line);
	return possible && at > value.len;
}

/* The field with its line end, changed as little as makes it safe. */
static bool
add_field(const char *name, struct slice value, struct buf *out)
{
	struct buf seven;
	bool possible = true;

	buf_add_str(out, name);
	buf_add_byte(out, ':');
	buf_init(&seven, MESSAGE_HEADER_OCTETS_MAX);
	if (has_8bit(value)) {
		possible = to_7bit(name, value, &seven);
		value = buf_slice(&seven);
	}
	possible = possible && add_lines(name, value, out);
	buf_add(out, "\r\n", 2);
	buf_free(&seven);
	return possible;
}

/* A value as it is, with CRLF folds and a CRLF behind it. */
static void
copy_value(struct slice value, struct buf *out)
{
	size_t at = 0;

	while (at <= value.len) {
		size_t lf = slice_find(value, '\n', at);

		if (lf > at)
			buf_add(out, value.data + at, lf - at);
		buf_add(out, "\r\n", 2);
		at = lf + 1;
	}
}

static void
copy_field(const struct header_field *field, struct buf *out)
{
	buf_add_str(out, field->name);
	buf_add_byte(out, ':');
	copy_value(field->value, out);
}

static void
add_encoding(const char *encoding, struct buf *out)
{
	buf_printf(out, "%s: %s\r\n", encoding_field, encoding);
}

/* Going through the tree */

struct writer {
	struct buf *out; /* NULL: only look whether there is something to do */
	struct slice body;
	size_t copied;    /* octets of body that are in out, or left out of it */
	bool all_safe;    /* the whole body is, and so is every slice of it */
	bool changed;
	const char *why;  /* set: it cannot be done */
};

static bool
safe(const struct writer *w, struct slice s)
{
	return w->all_safe || text_is_safe(s);
}

static bool
stopped(const struct writer *w)
{
	return w->why != NULL || (w->out == NULL && w->changed);
}

/* What is between there and here goes out as it is, and old does not. False: the
 * caller has nothing to write. */
static bool
replace(struct writer *w, struct slice old)
{
	size_t from = (size_t)(old.data - w->body.data);

	w->changed = true;
	if (w->out == NULL)
		return false;
	buf_add(w->out, w->body.data + w->copied, from - w->copied);
	w->copied = from + old.len;
	return true;
}

/* What must not be touched, or what nobody can touch without taking a side. */
static const char *
untouchable(const struct mime_part *part)
{
	if (part->ambiguous)
		return why_ambiguous;
	if (mime_is(part, "message", NULL))
		return why_message;
	if (mime_is(part, "multipart", "signed") || mime_is(part, "multipart", "encrypted"))
		return why_signed;
	if (part->encoding == MIME_UNKNOWN_ENCODING)
		return why_encoding;
	return NULL;
}

/* A leaf whose body has to be written anew. */
static bool
leaf_is_unsafe(const struct writer *w, const struct mime_part *part)
{
	return untouchable(part) == NULL && part->child == NULL && !safe(w, part->body);
}

/* The encoding that part gets; NULL: the one that it has. */
static const char *
new_encoding(const struct mime_part *part, bool unsafe)
{
	if (untouchable(part) != NULL || part->encoding >= MIME_QUOTED_PRINTABLE)
		return NULL;
	if (unsafe) {
		if (mime_is(part, "text", NULL) && quoted_size(part->body) <= base64_size(part->body.len))
			return "quoted-printable";
		return "base64";
	}
	return part->encoding == MIME_7BIT ? NULL : "7bit";
}

static void
write_leaf(struct writer *w, const struct mime_part *part, const char *encoding)
{
	if (!replace(w, part->body))
		return;
	if (part->encoding == MIME_QUOTED_PRINTABLE) {
		repair_quoted(part->body, w->out);
	} else if (part->encoding == MIME_BASE64) {
		if (!repair_base64(part->body, w->out))
			w->why = why_base64;
	} else if (strcmp(encoding, "base64") == 0) {
		compose_base64(part->body, w->out);
		/* The delimiter's own CRLF follows. */
		if (part->parent != NULL && !buf_failed(w->out))
			w->out->len -= 2;
	} else {
		encode_quoted(part->body, w->out);
	}
}

static void
write_header(struct writer *w, const struct mime_part *part, struct slice header, const char *encoding)
{
	bool said = false;

	if (!replace(w, header))
		return;
	for (size_t i = 0; i < part->field_count; i++) {
		const struct header_field *f = &part->fields[i];

		if (encoding != NULL && slice_eq_str_nocase(slice_str(f->name), encoding_field)) {
			add_encoding(encoding, w->out);
			said = true;
		} else if (!add_field(f->name, f->value, w->out)) {
			w->why = why_header;
		}
	}
	if (encoding != NULL && !said)
		add_encoding(encoding, w->out);
	buf_add(w->out, "\r\n", 2);
}

/* A part below the root: its header, and its body where it is a leaf. */
static void
write_part(struct writer *w, const struct mime_part *part)
{
	struct slice header = slice_of(part->whole.data, (size_t)(part->body.data - part->whole.data));
	bool unsafe = leaf_is_unsafe(w, part);
	const char *encoding = new_encoding(part, unsafe);

	if (encoding != NULL || !safe(w, header))
		write_header(w, part, header, encoding);
	if (!stopped(w) && unsafe)
		write_leaf(w, part, encoding);
}

/* The text between two parts, before the first or behind the last: line end,
 * delimiter, line end, and what else is there. */
struct gap {
	bool line_end_before;
	struct slice before; /* preamble, with its line end */
	struct slice delimiter;
	bool line_end_after;
	struct slice after;  /* epilogue */
};

static size_t
line_end_length(struct slice s)
{
	if (s.len > 1 && s.data[0] == '\r' && s.data[1] == '\n')
		return 2;
	return s.len > 0 && s.data[0] == '\n';
}

static struct gap
split_gap(struct slice s, bool preamble)
{
	struct gap g = {.line_end_before = false};
	size_t at = 0, lf;

	if (preamble) {
		at = s.len > 0 && s.data[s.len - 1] == '\n' ? s.len - 1 : s.len;
		while (at > 0 && s.data[at - 1] != '\n')
			at--;
		g.before = slice_sub(s, 0, at);
	} else {
		at = line_end_length(s);
		g.line_end_before = at > 0;
	}
	lf = slice_find(s, '\n', at);
	g.delimiter = slice_trim(slice_sub(s, at, lf));
	g.line_end_after = lf < s.len;
	g.after = slice_sub(s, lf + 1, s.len);
	return g;
}

static void
write_gap(struct writer *w, const unsigned char *from, const unsigned char *to, bool preamble)
{
	struct slice s = slice_of(from, (size_t)(to - from));
	struct gap g;

	if (safe(w, s) || !replace(w, s))
		return;
	g = split_gap(s, preamble);
	if (g.line_end_before)
		buf_add(w->out, "\r\n", 2);
	if (text_is_safe(g.before))
		buf_add_slice(w->out, g.before);
	buf_add_slice(w->out, g.delimiter);
	if (g.line_end_after)
		buf_add(w->out, "\r\n", 2);
	if (text_is_safe(g.after))
		buf_add_slice(w->out, g.after);
}

static const unsigned char *
end_of(struct slice s)
{
	return s.data + s.len;
}

/* The parts below root in the order of the text, without recursion. */
static void
write_parts(struct writer *w, const struct mime_part *root)
{
	const struct mime_part *part = root;

	while (!stopped(w)) {
		const char *barrier = untouchable(part);

		if (barrier != NULL && !safe(w, part == root ? part->body : part->whole))
			w->why = barrier;
		else if (barrier == NULL && part != root)
			write_part(w, part);
		if (barrier == NULL && part->child != NULL) {
			write_gap(w, part->body.data, part->child->whole.data, true);
			part = part->child;
			continue;
		}
		while (part != root && part->next == NULL) {
			write_gap(w, end_of(part->whole), end_of(part->parent->body), false);
			part = part->parent;
		}
		if (part == root)
			return;
		write_gap(w, end_of(part->whole), part->next->whole.data, false);
		part = part->next;
	}
}

/* RFC 2045 5.2 makes 7-bit text without Content-Type us-ascii. 8-bit text without one
 * is what it looks like, or what RFC 1428 names. */
static const char *
default_type(struct slice body)
{
	if (!has_8bit(body))
		return "Content-Type: text/plain; charset=us-ascii\r\n";
	if (utf8_is_valid(body))
		return "Content-Type: text/plain; charset=utf-8\r\n";
	return "Content-Type: text/plain; charset=unknown-8bit\r\n";
}

static bool
moves_inside(const struct header_field *f)
{
	return mime_is_mime_field(f->name) && !slice_eq_str_nocase(slice_str(f->name), "MIME-Version");
}

/* The root's fields, and its body where that is a leaf. */
static void
write_root(struct writer *w, const struct mime_part *root)
{
	bool unsafe = leaf_is_unsafe(w, root), said = false;
	const char *encoding = new_encoding(root, unsafe);

	w->changed = encoding != NULL || !root->has_content_type;
	for (size_t i = 0; i < root->field_count && !stopped(w); i++) {
		const struct header_field *f = &root->fields[i];

		if (!moves_inside(f))
			continue;
		if (encoding != NULL && slice_eq_str_nocase(slice_str(f->name), encoding_field)) {
			add_encoding(encoding, w->out);
			said = true;
		} else if (!field_is_safe(f->name, f->value)) {
			w->changed = true;
			if (root->ambiguous)
				w->why = why_ambiguous;
			else if (w->out != NULL && !add_field(f->name, f->value, w->out))
				w->why = why_header;
		} else if (w->out != NULL) {
			copy_field(f, w->out);
		}
	}
	if (stopped(w))
		return;
	if (w->out != NULL) {
		if (!root->has_content_type)
			buf_add_str(w->out, default_type(root->body));
		if (encoding != NULL && !said)
			add_encoding(encoding, w->out);
		buf_add(w->out, "\r\n", 2);
	}
	if (unsafe)
		write_leaf(w, root, encoding);
}

static void
compose(struct writer *w, const struct mime_part *root)
{
	w->body = root->body;
	w->all_safe = text_is_safe(root->body);
	write_root(w, root);
	if (!stopped(w))
		write_parts(w, root);
	if (w->out != NULL && w->why == NULL)
		buf_add(w->out, w->body.data + w->copied, w->body.len - w->copied);
}

bool
compose_is_safe(const struct message *m, const struct mime *tree)
{
	struct writer w = {.out = NULL};

	(void)m;
	compose(&w, tree->root);
	return w.why == NULL && !w.changed;
}

/* The entity with its own octets. */
static void
copy_entity(const struct mime_part *root, struct buf *out)
{
	for (size_t i = 0; i < root->field_count; i++)
		if (moves_inside(&root->fields[i]))
			copy_field(&root->fields[i], out);
	if (!root->has_content_type)
		buf_add_str(out, default_type(root->body));
	buf_add(out, "\r\n", 2);
	buf_add_slice(out, root->body);
}

enum compose_result
compose_entity(const struct message *m, const struct mime *tree, struct buf *out, const char **why)
{
	struct writer w = {.out = out};
	size_t start = out->len;

	(void)m;
	compose(&w, tree->root);
	if (why != NULL)
		*why = w.why;
	if (w.why != NULL && !buf_failed(out)) {
		out->len = start;
		copy_entity(tree->root, out);
	}
	if (buf_failed(out))
		return COMPOSE_NO_MEMORY;
	return w.why == NULL ? COMPOSE_DONE : COMPOSE_UNTOUCHED;
}

/* S/MIME's own forms */

void
compose_boundary(const unsigned char random[16], char boundary[COMPOSE_BOUNDARY_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	char *to = boundary;

	*to++ = '=';
	*to++ = '_';
	for (size_t i = 0; i < COMPOSE_BOUNDARY_LENGTH / 2; i++) {
		*to++ = hex[random[i] >> 4];
		*to++ = hex[random[i] & 15];
	}
	*to = '\0';
}

void
compose_signed_type(const char *micalg, const char *boundary, struct buf *content_type)
{
	buf_printf(content_type, "multipart/signed; protocol=\"application/pkcs7-signature\";\n"
	    "\tmicalg=\"%s\"; boundary=\"%s\"", micalg, boundary);
}

void
compose_signed_open(const char *boundary, struct buf *body)
{
	buf_printf(body, "This is a signed message in MIME format (S/MIME).\r\n\r\n--%s\r\n", boundary);
}

void
compose_signed_close(struct slice signature_der, const char *boundary, struct buf *body)
{
	buf_printf(body, "\r\n--%s\r\n"
	    "Content-Type: application/pkcs7-signature; name=\"smime.p7s\"\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "Content-Disposition: attachment; filename=\"smime.p7s\"\r\n"
	    "Content-Description: S/MIME signature\r\n\r\n", boundary);
	compose_base64(signature_der, body);
	buf_printf(body, "\r\n--%s--\r\n", boundary);
}

void
compose_pkcs7_type(const char *smime_type, struct buf *content_type)
{
	buf_printf(content_type, "application/pkcs7-mime; smime-type=%s;\n\tname=\"smime.p7m\"", smime_type);
}

void
compose_entity_header(struct slice content_type, bool base64, struct buf *out)
{
	size_t at = 0;

	buf_add_str(out, "Content-Type: ");
	while (at < content_type.len && is_blank(content_type.data[at]))
		at++;
	copy_value(slice_sub(content_type, at, content_type.len), out);
	add_encoding(base64 ? "base64" : "7bit", out);
	if (base64)
		buf_add_str(out, "Content-Disposition: " COMPOSE_PKCS7_DISPOSITION "\r\n");
	buf_add(out, "\r\n", 2);
}
