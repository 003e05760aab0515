#include "revocation/masked.h"

#include "base/utf8.h"
#include "mail/compose.h"
#include "mail/mime.h"
#include "mail/transfer.h"
#include "revocation/password.h"

#include <openssl/crypto.h>
#include <string.h>

/* Of what is copied there is no NUL, so that this can stand for what was a password. */
#define MARK '\0'
#define DECODE_SLACK 16 /* octets that decoding may ask for beyond what it gives */

struct passwords {
	const struct slice *item;
	size_t count;
};

static bool
is_digit_or_letter(unsigned char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static enum answer
check_passwords(const struct passwords *p, struct error *err)
{
	if (p->count > MASKED_PASSWORDS_MAX)
		return error_no(err, "password", "more than %d passwords are to be masked", MASKED_PASSWORDS_MAX);
	for (size_t i = 0; i < p->count; i++)
		if (!password_is_valid(p->item[i]))
			return error_no(err, "password", "a password has %d to %d letters and digits", PASSWORD_MIN, PASSWORD_MAX);
	return ANSWER_YES;
}

/* Reading as people do */

enum reading {
	READ_PLAIN = 0,
	READ_REFERENCES = 1, /* &#97; */
	READ_TAGS = 2,       /* <b> is not seen */
	READ_PERCENT = 4,    /* %61 */
};

/* The last characters that were read, and where they stand. */
struct window {
	unsigned char c[PASSWORD_MAX];
	size_t from[PASSWORD_MAX];
	size_t len;
};

struct reader {
	unsigned char *text;
	size_t len;
	unsigned how;
	struct window window;
	bool found;
	/* There is none behind here, so nobody looks for it again, which could take for ever. */
	bool no_comment_end, no_quoted_end, no_end;
};

/* One more character. Whatever of the text lies in between belongs to it. */
static void
read_character(struct reader *r, const struct passwords *p, unsigned char c, size_t from, size_t to)
{
	struct window *w = &r->window;

	if (w->len == PASSWORD_MAX) {
		memmove(w->c, w->c + 1, PASSWORD_MAX - 1);
		memmove(w->from, w->from + 1, (PASSWORD_MAX - 1) * sizeof w->from[0]);
		w->len--;
	}
	w->c[w->len] = c;
	w->from[w->len++] = from;
	for (size_t i = 0; i < p->count; i++) {
		size_t len = p->item[i].len;

		if (len > w->len || !slice_eq_nocase(p->item[i], slice_of(w->c + w->len - len, len)))
			continue;
		memset(r->text + w->from[w->len - len], MARK, to - w->from[w->len - len]);
		r->found = true;
	}
}

static int
digit_value(unsigned char c)
{
	c = (unsigned char)ascii_lower(c);
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* A character reference at at: its end, and the character, 0 for one that is no letter or digit. at: there is none. */
static size_t
reference_end(const struct reader *r, size_t at, unsigned char *c)
{
	size_t i = at + 1, digits;
	unsigned base = 10, value = 0;

	*c = 0;
	if (i < r->len && r->text[i] == '#') {
		if (++i < r->len && ascii_lower(r->text[i]) == 'x') {
			base = 16;
			i++;
		}
		for (digits = i; i < r->len && digit_value(r->text[i]) < (int)base; i++)
			value = value > 0xff ? value : value * base + (unsigned)digit_value(r->text[i]);
		*c = value < 0x80 ? (unsigned char)value : 0;
	} else {
		for (digits = i; i < r->len && is_digit_or_letter(r->text[i]); i++)
			;
	}
	if (i == digits)
		return at;
	return i < r->len && r->text[i] == ';' ? i + 1 : i;
}

/* Behind the ">" of a tag, outside of quotes if there is one. at: it ends nowhere. */
static size_t
tag_end(struct reader *r, size_t at)
{
	struct slice all = slice_of(r->text, r->len);
	unsigned char quote = 0;
	size_t end;

	for (size_t i = at; i < r->len && !r->no_quoted_end; i++) {
		unsigned char c = r->text[i];

		if (quote != 0)
			quote = c == quote ? 0 : quote;
		else if (c == '>')
			return i + 1;
		else if ((c == '"' || c == '\'') && r->text[i - 1] == '=')
			quote = c;
	}
	r->no_quoted_end = true;
	end = r->no_end ? r->len : slice_find(all, '>', at);
	r->no_end = end == r->len;
	return r->no_end ? at : end + 1;
}

/* A tag or comment at at. */
static size_t
markup_end(struct reader *r, size_t at)
{
	struct slice rest = slice_of(r->text + at, r->len - at);
	unsigned char next = rest.len > 1 ? rest.data[1] : 0;

	if (!r->no_comment_end && slice_starts_nocase(rest, "<!--")) {
		size_t end = slice_find_slice(rest, slice_str("-->"));

		if (end < rest.len)
			return at + end + 3;
		r->no_comment_end = true;
	}
	if (next != '/' && next != '!' && next != '?' && (next < 'A' || !is_digit_or_letter(next)))
		return at;
	return tag_end(r, at);
}

/* Behind white space at at. With a line end in it, it is not seen, nor are quote marks behind: somebody's program
 * has put them there. */
static size_t
white_end(struct reader *r, size_t at)
{
	bool line_end = false;

	while (at < r->len && (ascii_is_white(r->text[at]) || (line_end && r->text[at] == '>')))
		line_end = r->text[at++] == '\n' || line_end;
	if (!line_end)
		r->window.len = 0;
	return at;
}

/* Behind white space or what is not seen at at; at itself where it is neither. */
static size_t
unseen_end(struct reader *r, size_t at)
{
	unsigned char c = r->text[at];

	if (c < ' ' && !ascii_is_white(c))
		return at + 1;
	if (ascii_is_white(c))
		return white_end(r, at);
	if (c == '<' && (r->how & READ_TAGS) != 0)
		return markup_end(r, at);
	return at;
}

/* The character at at, which may be written as several, and the end of it. */
static size_t
character_end(const struct reader *r, size_t at, unsigned char *c)
{
	size_t end;

	*c = r->text[at];
	if (*c == '&' && (r->how & READ_REFERENCES) != 0 && (end = reference_end(r, at, c)) > at)
		return end;
	if (*c == '%' && (r->how & READ_PERCENT) != 0 && r->len - at > 2 && digit_value(r->text[at + 1]) < 16 &&
	    digit_value(r->text[at + 2]) < 16) {
		*c = (unsigned char)(digit_value(r->text[at + 1]) * 16 + digit_value(r->text[at + 2]));
		return at + 3;
	}
	return at + 1;
}

/* Marks what is a password in this reading. */
static bool
mark(struct buf *text, const struct passwords *p, unsigned how)
{
	struct reader r = {.text = text->data, .len = text->len, .how = how};
	size_t at = 0, end;

	while (at < r.len) {
		unsigned char c;

		if ((end = unseen_end(&r, at)) > at) {
			at = end;
			continue;
		}
		end = character_end(&r, at, &c);
		/* Other characters are between words, but for those that are not ASCII: they may be unseen. */
		if (is_digit_or_letter(c))
			read_character(&r, p, c, at, end);
		else if (c != 0 && c < 0x80)
			r.window.len = 0;
		at = end;
	}
	OPENSSL_cleanse(&r.window, sizeof r.window);
	return r.found;
}

/* Marks all, in each reading that a program may show. */
static bool
mark_all(struct buf *text, const struct passwords *p, bool html)
{
	static const unsigned ways[] = {READ_PLAIN, READ_REFERENCES, READ_REFERENCES | READ_TAGS,
		READ_REFERENCES | READ_PERCENT};
	bool found = false;

	for (size_t i = 0; i < text->len; i++)
		if (text->data[i] == MARK)
			text->data[i] = '?';
	for (size_t i = 0; i < (html ? sizeof ways / sizeof ways[0] : 1); i++)
		found = mark(text, p, ways[i]) || found;
	return found;
}

/* Marks become MASKED_TEXT; how many there were together does not show. */
static void
write_marks(struct slice text, struct buf *out)
{
	size_t at = 0;

	while (at < text.len) {
		size_t end = slice_find(text, MARK, at);

		buf_add_slice(out, slice_sub(text, at, end));
		if (end < text.len)
			buf_add_str(out, MASKED_TEXT);
		while (end < text.len && text.data[end] == MARK)
			end++;
		at = end;
	}
}

/* Charsets */

static bool
is_numbered(struct slice name, const char *prefix)
{
	size_t at = strlen(prefix);

	if (!slice_starts_nocase(name, prefix) || at == name.len)
		return false;
	for (; at < name.len; at++)
		if (name.data[at] < '0' || name.data[at] > '9')
			return false;
	return true;
}

/* In which ASCII's letters and digits have their values, and no other octets show as them. */
static bool
is_searchable(struct slice charset)
{
	return charset.len <= 16 && (slice_eq_str_nocase(charset, "us-ascii") || slice_eq_str_nocase(charset, "utf-8") ||
	    is_numbered(charset, "iso-8859-") || is_numbered(charset, "windows-125"));
}

/* The header */

/* An encoded word at at (RFC 2047 2), decoded. False: there is none, or it cannot be searched, which *hidden says. */
static bool
decode_word(struct slice value, size_t at, struct buf *out, size_t *end, bool *hidden)
{
	struct slice rest = slice_sub(value, at, value.len), charset, text;
	size_t first, second, last;
	bool base64;

	if (!slice_starts_nocase(rest, "=?"))
		return false;
	first = slice_find(rest, '?', 2);
	second = slice_find(rest, '?', first + 1);
	last = slice_find(rest, '?', second + 1);
	if (second != first + 2 || last + 1 >= rest.len || rest.data[last + 1] != '=')
		return false;
	charset = slice_sub(rest, 2, slice_find(slice_sub(rest, 0, first), '*', 2)); /* RFC 2231 5: and a language */
	text = slice_sub(rest, second + 1, last);
	base64 = ascii_lower(rest.data[first + 1]) == 'b';
	*end = at + last + 2;
	if (!is_searchable(charset) || (!base64 && ascii_lower(rest.data[first + 1]) != 'q') ||
	    (base64 ? transfer_decode_base64(text, out, NULL) : transfer_decode_quoted(text, out, NULL)) != ANSWER_YES)
		*hidden = true;
	return !*hidden;
}

/* The value with encoded words decoded; white space between two is none. */
static bool
decode_words(struct slice value, struct buf *out)
{
	size_t at = 0, before_white = 0;
	bool behind_word = false, hidden = false;

	while (at < value.len && !hidden) {
		size_t end = at, len = out->len;

		if (decode_word(value, at, out, &end, &hidden)) {
			if (behind_word) {
				memmove(out->data + before_white, out->data + len, out->len - len);
				out->len -= len - before_white;
			}
			before_white = out->len;
			behind_word = true;
			at = end;
		} else {
			behind_word = behind_word && ascii_is_white(value.data[at]);
			buf_add_byte(out, value.data[at++]);
		}
	}
	return !hidden && !buf_failed(out);
}

/* Does no reading of it show a password? */
static bool
is_clean(struct slice value, const struct passwords *p)
{
	struct buf raw, decoded;
	bool clean;

	buf_init_secret(&raw, value.len);
	buf_init_secret(&decoded, value.len + DECODE_SLACK);
	buf_reserve(&decoded, value.len + DECODE_SLACK);
	buf_add_slice(&raw, value);
	clean = !buf_failed(&raw) && decode_words(value, &decoded) && !mark_all(&raw, p, false) &&
	    !mark_all(&decoded, p, false);
	buf_wipe(&raw);
	buf_wipe(&decoded);
	return clean;
}

static void
write_header(const struct message *m, const struct passwords *p, struct buf *out)
{
	static const char *const copied[] = {"Received", "Date", "From", "Sender", "Reply-To", "To", "Cc", "Subject",
		"Message-ID", "In-Reply-To", "References"};

	for (size_t i = 0; i < m->field_count; i++) {
		const struct header_field *f = &m->fields[i];

		for (size_t j = 0; j < sizeof copied / sizeof copied[0]; j++) {
			if (!slice_eq_str_nocase(slice_str(f->name), copied[j]))
				continue;
			if (is_clean(f->value, p))
				message_write_field(copied[j], f->value, out);
			else if (strcmp(copied[j], "Subject") == 0)
				buf_add_str(out, "Subject: " MASKED_TEXT "\r\n");
		}
	}
}

/* The body */

struct copy {
	const struct passwords *passwords;
	char boundary[COMPOSE_BOUNDARY_SIZE];
	struct buf *out;
};

/* One part of the copy; content is masked. */
static void
write_part(const struct copy *c, const char *subtype, struct slice charset, struct slice content)
{
	bool base64 = transfer_base64_size(content.len) < transfer_quoted_size(content);

	buf_printf(c->out, "\r\n--%s\r\nContent-Type: text/%s; charset=", c->boundary, subtype);
	buf_add_slice(c->out, charset);
	buf_printf(c->out, "\r\nContent-Transfer-Encoding: %s\r\n\r\n", base64 ? "base64" : "quoted-printable");
	if (base64)
		transfer_base64(content, c->out);
	else
		transfer_quoted(content, c->out);
}

static void
write_left_out(const struct copy *c, const struct mime_part *part)
{
	struct buf note, masked;

	buf_init_secret(&note, MESSAGE_HEADER_OCTETS_MAX);
	buf_init(&masked, MESSAGE_HEADER_OCTETS_MAX);
	buf_printf(&note, "[left out: %zu octets of ", part->body.len);
	buf_add_slice(&note, part->type);
	buf_add_byte(&note, '/');
	buf_add_slice(&note, part->subtype);
	buf_add_str(&note, "]\r\n");
	mark_all(&note, c->passwords, false);
	write_marks(buf_slice(&note), &masked);
	if (buf_failed(&note) || buf_failed(&masked))
		c->out->failed = true;
	else
		write_part(c, "plain", slice_str("utf-8"), buf_slice(&masked));
	buf_wipe(&note);
	buf_free(&masked);
}

/* Text that can be searched; its charset, which charset's memory holds where it is named. */
static bool
is_text(const struct mime_part *part, struct buf *charset)
{
	if (part->ambiguous || (!mime_is(part, "text", "plain") && !mime_is(part, "text", "html")))
		return false;
	return mime_parameter(part, "charset") == NULL ||
	    (mime_parameter_text(part, "charset", charset) && is_searchable(buf_slice(charset)));
}

static void
write_text(const struct copy *c, const struct mime_part *part, struct buf *text, struct slice charset)
{
	bool html = mime_is(part, "text", "html");
	struct buf masked;

	if (charset.len == 0)
		charset = slice_str(utf8_is_valid(buf_slice(text)) ? "utf-8" : "unknown-8bit");
	buf_init(&masked, c->out->limit);
	mark_all(text, c->passwords, html);
	write_marks(buf_slice(text), &masked);
	if (buf_failed(&masked))
		c->out->failed = true;
	else
		write_part(c, html ? "html" : "plain", charset, buf_slice(&masked));
	buf_free(&masked);
}

static void
write_leaf(const struct copy *c, const struct mime_part *part)
{
	struct buf text, charset;

	buf_init_secret(&text, part->body.len + DECODE_SLACK);
	buf_init(&charset, MESSAGE_HEADER_OCTETS_MAX);
	/* All at once: memory that it grew out of would not be wiped. */
	if (!buf_reserve(&text, part->body.len + DECODE_SLACK))
		c->out->failed = true;
	else if (is_text(part, &charset) && mime_decode(part, &text, NULL) == ANSWER_YES)
		write_text(c, part, &text, buf_slice(&charset));
	else
		write_left_out(c, part);
	buf_wipe(&text);
	buf_free(&charset);
}

static void
write_body(const struct copy *c, const struct mime_part *root)
{
	static const char note[] = "Copy of a mail in which " MASKED_TEXT " stands for each password.\r\n"
		"What cannot be searched for passwords is left out.\r\n";

	buf_printf(c->out, "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"%s\"\r\n", c->boundary);
	write_part(c, "plain", slice_str("us-ascii"), slice_str(note));
	for (const struct mime_part *part = root; part != NULL; part = mime_next(root, part))
		if (part->child == NULL)
			write_leaf(c, part);
	buf_printf(c->out, "\r\n--%s--\r\n", c->boundary);
}

enum answer
masked_message(const struct message *m, const struct mime_part *entity, const struct slice *passwords, size_t count,
	const unsigned char random[16], struct buf *out, struct error *err)
{
	struct passwords p = {.item = passwords, .count = count};
	struct copy c = {.passwords = &p, .out = out};
	enum answer answer = check_passwords(&p, err);

	if (answer != ANSWER_YES)
		return answer;
	compose_boundary(random, c.boundary);
	write_header(m, &p, out);
	write_body(&c, entity);
	if (buf_failed(out))
		return error_cant_tell(err, "memory", "no memory for the operator's copy, or it is too large");
	return ANSWER_YES;
}
