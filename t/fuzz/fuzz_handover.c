/* Handing on. The first octet says what the others came out of: "e" an envelope, "z" compression,
 * "s" an opaque signature, "c" a clear one; in capitals with signature = strip. Promises: what is
 * handed on are MIME fields, each once, and a body, all fit for an MTA; what is signed stays octet
 * for octet, and so does content without parts to whoever reads it; what stays closed is
 * not touched.
 */
#include "fuzz.h"
#include "gateway/handover.h"
#include "mail/field.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_LIMIT ((size_t)64 * 1024 * 1024)
#define LINE_MAX_CARRIED 998
#define FIELDS_OF_CONTENT 7

static const char outer[] = "From: a@example.cz\r\nSubject: outer\r\nMIME-Version: 1.0\r\n"
	"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\nMAo=\r\n";
static const struct mime_limits limits = {50, 1000};

/* ---- what is handed on ------------------------------------------------------------ */

static struct message *
read_outer(void)
{
	struct message *m = message_new(BODY_LIMIT);

	promise(m != NULL && message_read(slice_str(outer), m, NULL) == ANSWER_YES);
	return m;
}

static struct layer
make_layer(char how, const struct mime *tree, struct slice octets)
{
	struct layer layer = {.kind = VERDICT_SIGNED, .reason = ERROR_NONE, .inside = tree->root, .octets = octets};

	layer.opened = how != 's' && how != 'c';
	if (layer.opened)
		layer.kind = how == 'z' ? VERDICT_COMPRESSED : VERDICT_ENCRYPTED;
	layer.entity.kind = how == 'c' ? ENTITY_CLEAR_SIGNED : ENTITY_CMS;
	layer.entity.cms = (struct structure){.kind = STRUCTURE_SIGNED, .has_content = true, .id_data = true};
	return layer;
}

/* ---- promises ----------------------------------------------------------------------- */

static void
check_lines(struct slice s)
{
	size_t lf;

	promise(slice_find(s, '\0', 0) == s.len);
	for (size_t at = 0; at < s.len; at = lf + 1) {
		lf = slice_find(s, '\n', at);
		promise(lf - at <= LINE_MAX_CARRIED + 1);
	}
}

static void
check_fields(const struct edit *e)
{
	size_t added = 0;

	for (size_t i = 0; i < e->field_count; i++) {
		const struct edit_field *f = &e->fields[i];

		promise(mime_is_mime_field(f->name) && f->action != EDIT_FIELD_PREPEND);
		if (f->action == EDIT_FIELD_REMOVE)
			continue;
		promise(strchr(f->value, '\r') == NULL && field_is_safe(f->name, slice_str(f->value)));
		for (size_t k = 0; k < i; k++)
			promise(e->fields[k].action != EDIT_FIELD_ADD || strcasecmp(e->fields[k].name, f->name) != 0);
		added++;
	}
	promise(added >= 2 && added <= 1 + FIELDS_OF_CONTENT);
}

/* Where each line end is LF it becomes CRLF. */
static void
add_canonical(const struct mime_part *part, struct buf *out)
{
	struct slice s = part->body;
	bool as_it_is = part->encoding == MIME_BINARY || slice_find(s, '\r', 0) < s.len || slice_find(s, '\0', 0) < s.len;

	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '\n' && !as_it_is)
			buf_add_byte(out, '\r');
		buf_add_byte(out, s.data[i]);
	}
}

static void
check_same_content(const struct mime_part *before, const struct mime_part *after)
{
	struct buf was, is;

	if (before->ambiguous || !before->has_content_type || before->encoding > MIME_BINARY ||
	    mime_is(before, "message", NULL) || mime_is(before, "multipart", NULL))
		return;
	buf_init(&was, BODY_LIMIT);
	buf_init(&is, BODY_LIMIT);
	add_canonical(before, &was);
	promise(mime_decode(after, &is, NULL) == ANSWER_YES && slice_eq(buf_slice(&is), buf_slice(&was)));
	buf_free(&was);
	buf_free(&is);
}

static void
check_handed_on(const struct inbound *in, const struct edit *e, const struct mime *tree, struct slice octets)
{
	struct message *again = message_new(BODY_LIMIT);
	struct mime *parts;
	struct buf file;

	check_fields(e);
	check_lines(buf_slice(&e->body));
	buf_init(&file, BODY_LIMIT);
	edit_apply(e, in->message, &file);
	promise(!buf_failed(&file) && again != NULL);
	promise(message_read(buf_slice(&file), again, NULL) == ANSWER_YES);
	promise(message_field(again, "Subject", 1) == NULL);
	if (mime_parse(again, &limits, &parts, NULL) == ANSWER_YES) {
		const struct mime_part *root = parts->root, *first = root, *second;

		if (in->content == INBOUND_CLEAR) {
			promise(mime_is(root, "multipart", "signed") && !root->ambiguous && entity_two_parts(root, &first, &second));
			promise(slice_eq(first->whole, octets));
		} else {
			check_same_content(tree->root, root);
		}
		mime_free(parts);
	}
	buf_free(&file);
	message_free(again);
}

static void
check_result(const struct inbound *in, const struct edit *e, const struct mime *tree, struct slice octets)
{
	const struct layer *first = &in->layers.layer[0];

	if (in->content == INBOUND_UNCHANGED) {
		promise(e->field_count == 0 && e->body.len == 0 && !e->replaces_body && !e->return_headers);
		promise(in->kept_closed.answer != ANSWER_CANT_TELL);
		promise(first->kind == VERDICT_SIGNED || in->kept_closed.answer == ANSWER_NO);
		return;
	}
	promise(e->replaces_body && in->kept_closed.answer == ANSWER_YES);
	promise(e->return_headers == (first->kind == VERDICT_ENCRYPTED));
	promise((in->content == INBOUND_OPENED) == first->opened);
	check_handed_on(in, e, tree, octets);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice octets = size == 0 ? SLICE_NONE : slice_of(data + 1, size - 1);
	char how = size == 0 ? 'e' : (char)ascii_lower(data[0]);
	struct config config = {.mime_depth_limit = limits.depth, .mime_part_limit = limits.parts};
	struct layer layer;
	struct inbound in = {.kept_closed = ERROR_NONE, .layers = {.layer = &layer, .count = 1}};
	struct error err = ERROR_NONE;
	struct message *m;
	struct mime *tree;
	struct edit e;

	config.signature = size > 0 && data[0] != (unsigned char)how ? SIGNATURE_STRIP : SIGNATURE_KEEP;
	if (mime_parse_entity(octets, &limits, &tree, NULL) != ANSWER_YES)
		return 0;
	m = read_outer();
	in.message = m;
	layer = make_layer(how, tree, octets);
	edit_init(&e, BODY_LIMIT);
	promise(handover_write(&config, &in, &e, &err) == ANSWER_YES);
	check_result(&in, &e, tree, octets);
	edit_free(&e);
	message_free(m);
	mime_free(tree);
	return 0;
}
