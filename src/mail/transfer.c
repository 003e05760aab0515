#include "mail/transfer.h"

#include <openssl/evp.h>

#include <stdint.h>
#include <string.h>

#define QUOTED_LINE_MAX 76 /* RFC 2045 6.7 (5) */

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
	return line.len <= TRANSFER_LINE_MAX && !ascii_is_blank(line.data[line.len - 1]) && !begins_from(line);
}

bool
transfer_is_safe(struct slice s)
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
is_8bit_label(struct slice line)
{
	static const char name[] = "Content-Transfer-Encoding";
	struct slice value;

	if (!slice_starts_nocase(line, name))
		return false;
	value = slice_trim(slice_sub(line, sizeof name, slice_find(line, '\n', 0)));
	return !slice_eq_str_nocase(value, "7bit") && !slice_eq_str_nocase(value, "quoted-printable") &&
		!slice_eq_str_nocase(value, "base64");
}

bool
transfer_has_8bit_label(struct slice text)
{
	for (size_t at = 0; at < text.len; at = slice_find(text, '\n', at) + 1)
		if (is_8bit_label(slice_sub(text, at, text.len)))
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

	/* An "=" that stands for itself may come to stand before a soft line break's own. */
	if (c == '=')
		return !encoded || (escape_length(line, at) == 1 && at + 1 < line.len);
	if (ascii_is_blank(c))
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

		if ((c <= ' ' || c > '~' || c == '=') && (!ascii_is_blank(c) || at + n + 1 == line.len))
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

void
transfer_quoted(struct slice s, struct buf *out)
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

size_t
transfer_quoted_size(struct slice s)
{
	size_t escaped = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.data[i];

		escaped += c == '=' || c > '~' || (c < ' ' && c != '\t' && c != '\r' && c != '\n');
	}
	return s.len + 2 * escaped + (s.len + 2 * escaped) / QUOTED_LINE_MAX * 3;
}

void
transfer_repair_quoted(struct slice s, struct buf *out)
{
	struct quoted q = {.out = out};
	size_t at = 0;

	while (at < s.len) {
		size_t lf = slice_find(s, '\n', at), end = lf;
		struct slice line;

		if (lf < s.len && end > at && s.data[end - 1] == '\r')
			end--;
		while (end > at && ascii_is_blank(s.data[end - 1]))
			end--;
		line = slice_of(s.data + at, end - at);
		if (transfer_is_safe(line))
			buf_add_slice(out, line);
		else
			quoted_line(&q, line, true);
		quoted_flush(&q, lf < s.len ? "\r\n" : "");
		at = lf < s.len ? lf + 1 : lf;
	}
}

/* Base64 */

size_t
transfer_base64_size(size_t len)
{
	size_t characters = (len + 2) / 3 * 4;

	return characters + (characters + TRANSFER_BASE64_LINE - 1) / TRANSFER_BASE64_LINE * 2;
}

void
transfer_base64(struct slice data, struct buf *out)
{
	const size_t octets = TRANSFER_BASE64_LINE / 4 * 3;
	size_t at = 0;
	unsigned char *to;

	if (data.len > SIZE_MAX / 2) {
		out->failed = true;
		return;
	}
	to = buf_extend(out, transfer_base64_size(data.len));
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
		} else if (!ascii_is_blank(line.data[i]) && line.data[i] != '\r') {
			return false;
		}
	}
	return true;
}

bool
transfer_repair_base64(struct slice s, struct buf *out)
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

/* Decoding */

#define NOT_BASE64 0xff

/* RFC 2045 6.8: the value of each character, NOT_BASE64 for the others. */
static const unsigned char base64_value[256] = {
#define X NOT_BASE64
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
	X, X, X, X, X, X, X, X, X, X, X, 62, X, X, X, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, X, X, X, X, X, X,
	X, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, X, X, X, X, X,
	X, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, X, X, X, X, X,
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
#undef X
};

struct base64 {
	unsigned char *to;
	uint32_t bits;
	unsigned held; /* characters in bits: 0 to 3 */
};

static void
base64_character(struct base64 *b, unsigned char value)
{
	b->bits = b->bits << 6 | value;
	if (++b->held < 4)
		return;
	*b->to++ = (unsigned char)(b->bits >> 16);
	*b->to++ = (unsigned char)(b->bits >> 8);
	*b->to++ = (unsigned char)b->bits;
	b->held = 0;
	b->bits = 0;
}

/* From the first "=" on: as many as complete the last four, and blanks. */
static bool
base64_end(struct base64 *b, struct slice rest)
{
	unsigned pads = 0;

	for (size_t i = 0; i < rest.len; i++) {
		if (rest.data[i] == '=')
			pads++;
		else if (!ascii_is_white(rest.data[i]))
			return false;
	}
	if (b->held == 1 || (b->held + pads) % 4 != 0 || pads > 2)
		return false;
	if (b->held >= 2)
		*b->to++ = (unsigned char)(b->bits >> (b->held == 2 ? 4 : 10));
	if (b->held == 3)
		*b->to++ = (unsigned char)(b->bits >> 2);
	return true;
}

static bool
base64_decode(struct slice s, struct base64 *b)
{
	size_t i = 0;

	while (i < s.len) {
		const unsigned char *c = s.data + i;
		unsigned char v;

		while (b->held == 0 && s.len - i >= 4) {
			unsigned char v0 = base64_value[c[0]], v1 = base64_value[c[1]];
			unsigned char v2 = base64_value[c[2]], v3 = base64_value[c[3]];

			if ((v0 | v1 | v2 | v3) == NOT_BASE64)
				break;
			b->to[0] = (unsigned char)(v0 << 2 | v1 >> 4);
			b->to[1] = (unsigned char)(v1 << 4 | v2 >> 2);
			b->to[2] = (unsigned char)(v2 << 6 | v3);
			b->to += 3;
			c += 4;
			i += 4;
		}
		if (i == s.len)
			break;
		v = base64_value[*c];
		if (v != NOT_BASE64)
			base64_character(b, v);
		else if (*c == '=')
			break;
		else if (!ascii_is_white(*c))
			return false;
		i++;
	}
	return base64_end(b, slice_sub(s, i, s.len));
}

enum answer
transfer_decode_base64(struct slice body, struct buf *out, struct error *err)
{
	struct base64 b = {.held = 0};
	size_t before = out->len;

	b.to = buf_extend(out, body.len / 4 * 3 + 3);
	if (b.to == NULL)
		return error_cant_tell(err, "memory", "no memory to decode base64");
	if (!base64_decode(body, &b)) {
		out->len = before;
		return error_no(err, "base64", "a part says that it is base64 and is not");
	}
	out->len = (size_t)(b.to - out->data);
	return ANSWER_YES;
}

static int
hex_value(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (unsigned char)ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One line without its line end. False: it ends in a soft line break. */
static bool
decode_quoted_line(struct slice line, struct buf *out)
{
	size_t at = 0;

	while (at < line.len) {
		size_t eq = slice_find(line, '=', at);
		int high, low;

		buf_add(out, line.data + at, eq - at);
		if (eq == line.len)
			return true;
		if (eq + 1 == line.len)
			return false;
		high = hex_value(line.data[eq + 1]);
		low = eq + 2 < line.len ? hex_value(line.data[eq + 2]) : -1;
		at = eq + 1;
		if (high < 0 || low < 0) {
			buf_add_byte(out, '=');
		} else {
			buf_add_byte(out, (unsigned char)(high << 4 | low));
			at = eq + 3;
		}
	}
	return true;
}

enum answer
transfer_decode_quoted(struct slice body, struct buf *out, struct error *err)
{
	size_t at = 0;

	while (at < body.len) {
		size_t lf = slice_find(body, '\n', at), end = lf;
		size_t next = lf < body.len ? lf + 1 : lf;

		if (lf < body.len && end > at && body.data[end - 1] == '\r')
			end--;
		lf = end;
		/* RFC 2045 6.7 (3): blanks at a line's end were added on the way. */
		while (end > at && ascii_is_blank(body.data[end - 1]))
			end--;
		if (decode_quoted_line(slice_of(body.data + at, end - at), out))
			buf_add(out, body.data + lf, next - lf);
		at = next;
	}
	if (buf_failed(out))
		return error_cant_tell(err, "memory", "no memory to decode quoted-printable");
	return ANSWER_YES;
}

