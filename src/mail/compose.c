#include "mail/compose.h"

#include "base/utf8.h"
#include "mail/field.h"
#include "mail/transfer.h"

#include <string.h>

static const char encoding_field[] = "Content-Transfer-Encoding";

static const char why_ambiguous[] = "its MIME structure can be read in more than one way";
static const char why_encoding[] = "a part has an unknown transfer encoding";
static const char why_signed[] = "an inner signature or encryption holds what a relay may change";
static const char why_message[] = "an inner message holds what a relay may change";
static const char why_header[] = "a MIME header field cannot be made 7-bit";
static const char why_base64[] = "a base64 part holds other text";

static void
add_encoding(const char *encoding, struct buf *out)
{
	buf_printf(out, "%s: %s\r\n", encoding_field, encoding);
}

/* Going through the tree */

struct writer {
	struct buf *out;
	struct slice body;
	size_t copied;    /* octets of body that are in out, or left out of it */
	bool all_safe;    /* the whole body is, and so is every slice of it */
	const char *why;  /* set: it cannot be done */
};

static bool
safe(const struct writer *w, struct slice s)
{
	return w->all_safe || transfer_is_safe(s);
}

/* What is between there and here goes out as it is, and old does not. */
static void
replace(struct writer *w, struct slice old)
{
	size_t from = (size_t)(old.data - w->body.data);

	buf_add(w->out, w->body.data + w->copied, from - w->copied);
	w->copied = from + old.len;
}

/* What must not be touched. */
static const char *
untouchable(const struct mime_part *part)
{
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
		if (mime_is(part, "text", NULL) && transfer_quoted_size(part->body) <= transfer_base64_size(part->body.len))
			return "quoted-printable";
		return "base64";
	}
	return part->encoding == MIME_7BIT ? NULL : "7bit";
}

static void
write_leaf(struct writer *w, const struct mime_part *part, const char *encoding)
{
	replace(w, part->body);
	if (part->encoding == MIME_QUOTED_PRINTABLE) {
		transfer_repair_quoted(part->body, w->out);
	} else if (part->encoding == MIME_BASE64) {
		if (!transfer_repair_base64(part->body, w->out))
			w->why = why_base64;
	} else if (strcmp(encoding, "base64") == 0) {
		compose_base64(part->body, w->out);
		/* The delimiter's own CRLF follows. */
		if (part->parent != NULL && !buf_failed(w->out))
			w->out->len -= 2;
	} else {
		transfer_quoted(part->body, w->out);
	}
}

static void
write_header(struct writer *w, const struct mime_part *part, struct slice header, const char *encoding)
{
	bool said = false;

	replace(w, header);
	for (size_t i = 0; i < part->field_count; i++) {
		const struct header_field *f = &part->fields[i];

		if (encoding != NULL && slice_eq_str_nocase(slice_str(f->name), encoding_field)) {
			add_encoding(encoding, w->out);
			said = true;
		} else if (!field_add(f->name, f->value, w->out)) {
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
	if (unsafe)
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

	if (safe(w, s))
		return;
	replace(w, s);
	g = split_gap(s, preamble);
	if (g.line_end_before)
		buf_add(w->out, "\r\n", 2);
	if (transfer_is_safe(g.before))
		buf_add_slice(w->out, g.before);
	buf_add_slice(w->out, g.delimiter);
	if (g.line_end_after)
		buf_add(w->out, "\r\n", 2);
	if (transfer_is_safe(g.after))
		buf_add_slice(w->out, g.after);
}

static const unsigned char *
end_of(struct slice s)
{
	return s.data + s.len;
}

/* What is not touched must be safe already, under its label too: that stays with it. */
static bool
stays_as_it_is(const struct writer *w, const struct mime_part *part)
{
	struct slice s = part->parent == NULL ? part->body : part->whole;

	return part->encoding != MIME_8BIT && part->encoding != MIME_BINARY && part->encoding != MIME_UNKNOWN_ENCODING &&
		safe(w, s) && !transfer_has_8bit_label(s);
}

/* The parts below root in the order of the text, without recursion. */
static void
write_parts(struct writer *w, const struct mime_part *root)
{
	const struct mime_part *part = root;

	while (w->why == NULL) {
		const char *barrier = untouchable(part);

		if (barrier != NULL && !stays_as_it_is(w, part))
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
	if (slice_is_ascii(body))
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

	for (size_t i = 0; i < root->field_count; i++) {
		const struct header_field *f = &root->fields[i];

		if (!moves_inside(f))
			continue;
		if (encoding != NULL && slice_eq_str_nocase(slice_str(f->name), encoding_field)) {
			add_encoding(encoding, w->out);
			said = true;
		} else if (field_is_safe(f->name, f->value)) {
			field_copy(f->name, f->value, w->out);
		} else if (!field_add(f->name, f->value, w->out)) {
			w->why = why_header;
		}
	}
	if (!root->has_content_type)
		buf_add_str(w->out, default_type(root->body));
	if (encoding != NULL && !said)
		add_encoding(encoding, w->out);
	buf_add(w->out, "\r\n", 2);
	if (unsafe)
		write_leaf(w, root, encoding);
}

static void
compose(struct writer *w, const struct mime_part *root)
{
	/* Where readers disagree, so do relays: Sendmail writes the structure that it sees anew. */
	if (mime_is_ambiguous(root)) {
		w->why = why_ambiguous;
		return;
	}
	w->body = root->body;
	w->all_safe = transfer_is_safe(root->body);
	write_root(w, root);
	write_parts(w, root);
	if (w->why == NULL)
		buf_add(w->out, w->body.data + w->copied, w->body.len - w->copied);
}

/* The entity with its own octets. */
static void
copy_entity(const struct mime_part *root, struct buf *out)
{
	for (size_t i = 0; i < root->field_count; i++)
		if (moves_inside(&root->fields[i]))
			field_copy(root->fields[i].name, root->fields[i].value, out);
	if (!root->has_content_type)
		buf_add_str(out, default_type(root->body));
	buf_add(out, "\r\n", 2);
	buf_add_slice(out, root->body);
}

enum compose_result
compose_entity(const struct mime *tree, struct buf *out, const char **why)
{
	struct writer w = {.out = out};
	size_t start = out->len;

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
compose_base64(struct slice data, struct buf *out)
{
	transfer_base64(data, out);
}

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
	while (at < content_type.len && content_type.data[at] == ' ')
		at++;
	field_copy_value(slice_sub(content_type, at, content_type.len), out);
	add_encoding(base64 ? "base64" : "7bit", out);
	if (base64)
		buf_add_str(out, "Content-Disposition: " COMPOSE_PKCS7_DISPOSITION "\r\n");
	buf_add(out, "\r\n", 2);
}
