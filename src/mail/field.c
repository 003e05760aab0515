#include "mail/field.h"

#include "base/utf8.h"
#include "mail/mime.h"
#include "mail/transfer.h"

#include <string.h>

#define EXTENDED_LINE_MAX 700 /* octets of an RFC 2231 value that go into one piece */
#define WORD_OCTETS 45        /* of text in an encoded word, which may have 75 characters (RFC 2047 2) */

bool
field_is_safe(const char *name, struct slice value)
{
	size_t at = 0, first = strlen(name) + 1;

	if (!slice_is_ascii(slice_str(name)))
		return false;
	while (at <= value.len) {
		size_t lf = slice_find(value, '\n', at), end = lf;
		struct slice line;

		if (lf < value.len && end > at && value.data[end - 1] == '\r')
			end--;
		line = slice_of(value.data + at, end - at);
		if (line.len + first > TRANSFER_LINE_MAX)
			return false;
		/* Behind the name and its colon "From " begins no line. */
		if (!transfer_is_safe(at == 0 && line.len > 0 && line.data[0] == 'F' ? slice_sub(line, 1, line.len) : line))
			return false;
		/* What is behind a line end without a blank would be another field. */
		if (at > 0 && (line.len == 0 || !ascii_is_blank(line.data[0])))
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
	struct mime_parameter alone = *p;
	struct mime_part holder = {.parameters = &alone, .parameter_count = 1};
	struct buf text;
	bool possible;

	alone.name = slice_str("x");
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

		if (slice_is_ascii(p->value))
			continue;
		end = (size_t)(p->value.data - value.data) + p->value.len + p->quoted;
		/* Two forms of one name would be left, and a lost quote is a lost end. */
		if (has_extended_twin(&v, p->name) || end > value.len || !slice_is_ascii(slice_sub(value, copied, from)))
			return false;
		buf_add_slice(out, slice_sub(value, copied, from));
		if (!extend_parameter(p, out))
			return false;
		copied = end;
	}
	buf_add_slice(out, slice_sub(value, copied, value.len));
	return slice_is_ascii(slice_sub(value, copied, value.len));
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
		transfer_base64(slice_sub(text, at, end), out);
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
	if (slice_eq_str_nocase(n, "Content-Description") || slice_eq_str_nocase(n, "Subject"))
		return encode_words(value, out);
	return false;
}

/* Where a line of value that begins at from and may have room octets is to end: at a
 * blank with text before it. 0: there is none. */
static size_t
fold_place(struct slice line, size_t room)
{
	for (size_t i = room < line.len ? room : line.len - 1; i > 0; i--)
		if (ascii_is_blank(line.data[i]) && !ascii_is_blank(line.data[i - 1]))
			return i;
	return 0;
}

/* One line, folded where it is too long; a fold before a blank is no content
 * (RFC 5322 2.2.3). used: octets that are on the line already. */
static bool
add_folded(struct slice line, size_t used, struct buf *out)
{
	while (line.len + used > TRANSFER_LINE_MAX) {
		size_t at = used < TRANSFER_LINE_MAX ? fold_place(line, TRANSFER_LINE_MAX - used) : 0;

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
		size_t lf = slice_find(value, '\n', at), end = lf, blanks = line.len, text;

		if (lf < value.len && end > at && value.data[end - 1] == '\r')
			end--;
		if (at > 0 && end > at && !ascii_is_blank(value.data[at]))
			break;
		buf_add(&line, value.data + at, end - at);
		/* What was left from before is blank: not looked at again with each line. */
		text = line.len;
		while (text > blanks && ascii_is_blank(line.data[text - 1]))
			text--;
		if (text > blanks) {
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

bool
field_add(const char *name, struct slice value, struct buf *out)
{
	struct buf seven;
	bool possible = slice_is_ascii(slice_str(name));

	buf_add_str(out, name);
	buf_add_byte(out, ':');
	buf_init(&seven, MESSAGE_HEADER_OCTETS_MAX);
	if (possible && !slice_is_ascii(value)) {
		possible = to_7bit(name, value, &seven);
		value = buf_slice(&seven);
	}
	possible = possible && add_lines(name, value, out);
	buf_add(out, "\r\n", 2);
	buf_free(&seven);
	return possible;
}

void
field_copy_value(struct slice value, struct buf *out)
{
	size_t at = 0;

	while (at <= value.len) {
		size_t lf = slice_find(value, '\n', at), end = lf;

		if (lf < value.len && end > at && value.data[end - 1] == '\r')
			end--;
		if (end > at)
			buf_add(out, value.data + at, end - at);
		buf_add(out, "\r\n", 2);
		at = lf + 1;
	}
}

void
field_copy(const char *name, struct slice value, struct buf *out)
{
	buf_add_str(out, name);
	buf_add_byte(out, ':');
	field_copy_value(value, out);
}

