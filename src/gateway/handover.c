#include "gateway/handover.h"

#include "gateway/results.h"
#include "mail/compose.h"
#include "mail/field.h"

#include <openssl/rand.h>

#include <string.h>
#include <strings.h>

/* Octets of the entity's fields, all together. MTAs take no more than 64 KiB in one milter packet
 * (Sendmail), and drop mail for a header that is too long. */
#define HEADER_MAX (16 * 1024)
#define LINE_MAX_CARRIED 998 /* octets without CRLF (RFC 5322 2.1.1) */
#define TEXT_MAX 1024 /* octets of a Content-Type or micalg that we make ourselves */

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "out of memory for the opened message");
}

static enum answer
make_boundary(char boundary[COMPOSE_BOUNDARY_SIZE], struct error *err)
{
	unsigned char random[16];

	if (RAND_bytes(random, sizeof random) != 1)
		return error_cant_tell(err, "random", "no random numbers to be had");
	compose_boundary(random, boundary);
	return ANSWER_YES;
}

/* ---- what is handed on -------------------------------------------------------- */

struct choice {
	size_t at;      /* layers before this one come off */
	bool decrypted; /* one of them was encrypted */
	bool opened;    /* or compressed */
};

/* A signature that could not be looked at stays: nobody has checked it. */
static bool
comes_off(const struct config *config, const struct layer *layer)
{
	if (layer->inside == NULL)
		return false;
	return layer->kind == VERDICT_COMPRESSED ||
		(layer->kind == VERDICT_SIGNED && config->signature == SIGNATURE_STRIP && layer->reason.answer == ANSWER_YES);
}

static struct choice
choose(const struct config *config, const struct layers *l)
{
	struct choice c = {.at = 0};

	for (size_t i = 0; i < l->count; i++)
		if (l->layer[i].kind == VERDICT_ENCRYPTED && l->layer[i].opened)
			c = (struct choice){i + 1, true, true};
	for (; c.at < l->count && comes_off(config, &l->layer[c.at]); c.at++)
		c.opened = c.opened || l->layer[c.at].kind == VERDICT_COMPRESSED;
	return c;
}

/* ---- entities -------------------------------------------------------------------- */

static bool
has_mime_field(const struct mime_part *part)
{
	for (size_t i = 0; i < part->field_count; i++)
		if (mime_is_mime_field(part->fields[i].name))
			return true;
	return false;
}

/* Does an empty line stand between header and body? */
static bool
has_empty_line(const struct mime_part *part)
{
	size_t end = (size_t)(part->body.data - part->whole.data);

	if (end == 0 || part->whole.data[end - 1] != '\n')
		return false;
	end--;
	if (end > 0 && part->whole.data[end - 1] == '\r')
		end--;
	return end == 0 || part->whole.data[end - 1] == '\n';
}

/* Text that was encrypted without any header may begin with what looks like a field
 * ("Password: 1234"); what is a header without a field of MIME's, such as a Subject, is shown, as
 * it would be lost else. */
static struct slice
body_of(const struct mime_part *part)
{
	return has_mime_field(part) || (part->field_count == 0 && has_empty_line(part)) ? part->body : part->whole;
}

static bool
holds_binary(const struct mime_part *root)
{
	for (const struct mime_part *part = root; part != NULL; part = mime_next(root, part))
		if (part->encoding == MIME_BINARY)
			return true;
	return false;
}

/* Lines that an MTA can be given at all (RFC 5322 2.1.1, 2.3). */
static bool
can_be_carried(struct slice s)
{
	size_t lf;

	if (slice_find(s, '\0', 0) < s.len)
		return false;
	for (size_t at = 0; at < s.len; at = lf + 1) {
		lf = slice_find(s, '\n', at);
		if (lf - at > LINE_MAX_CARRIED + 1 || (lf - at > LINE_MAX_CARRIED && s.data[lf - 1] != '\r'))
			return false;
	}
	return true;
}

/* ---- an opaque signature put beside its content -------------------------------------- */

/* Sendmail writes the lines between parts anew, without blanks at their ends; "-- " is none. */
static bool
is_delimiter_with_blanks(struct slice line)
{
	return line.len > 3 && ascii_is_blank(line.data[line.len - 1]) && slice_eq_str(slice_sub(line, 0, 2), "--");
}

static bool
line_is_left_alone(struct slice line)
{
	return line.len <= TRANSFER_LINE_MAX && slice_find(line, '\r', 0) == line.len &&
		!slice_eq_str(slice_sub(line, 0, 5), "From ") && !is_delimiter_with_blanks(line);
}

/* 7-bit lines with CRLF that every MTA leaves as they are. Unlike what compose writes they may end
 * in blanks: it cannot be written better, being signed already, and no MTA was seen to mind. */
static bool
is_left_alone(struct slice s)
{
	size_t lf;

	if (!slice_is_ascii(s) || slice_find(s, '\0', 0) < s.len || transfer_has_8bit_label(s))
		return false;
	for (size_t at = 0; at < s.len; at = lf + 1) {
		size_t end;

		lf = end = slice_find(s, '\n', at);
		if (lf < s.len && (lf == at || s.data[--end] != '\r'))
			return false;
		if (!line_is_left_alone(slice_sub(s, at, end)))
			return false;
	}
	return true;
}

/* Where readers may disagree about the structure, MTAs do, and write it anew. */
static bool
can_be_clear(const struct layer *layer)
{
	const struct mime_part *inside = layer->inside;

	return layer->kind == VERDICT_SIGNED && layer->entity.kind == ENTITY_CMS && layer->entity.cms.id_data &&
		layer->reason.answer == ANSWER_YES && inside != NULL && !mime_is_ambiguous(inside) &&
		has_empty_line(inside) && (inside->field_count == 0 || has_mime_field(inside)) &&
		is_left_alone(layer->octets);
}

/* RFC 8551 3.5.3.2: each digest once. */
static void
add_micalg(const struct verified *v, struct buf *out)
{
	static const char *const known[] = {"MD5", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"};
	size_t found = 0;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		size_t users = 0;

		for (size_t k = 0; k < v->signer_count; k++)
			users += strcmp(v->signers[k].digest, known[i]) == 0;
		if (users > 0 && found > 0)
			buf_add_byte(out, ',');
		for (const char *at = known[i]; users > 0 && *at != '\0'; at++)
			buf_add_byte(out, (unsigned char)ascii_lower(*at));
		found += users;
	}
	if (found < v->signer_count)
		buf_add_str(out, found > 0 ? ",unknown" : "unknown");
}

/* The entity multipart/signed, in out. */
static enum answer
write_clear(const struct layer *layer, struct buf *out, struct error *err)
{
	char boundary[COMPOSE_BOUNDARY_SIZE];
	struct buf micalg, type, signature;
	bool ok;

	if (make_boundary(boundary, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	buf_init(&micalg, TEXT_MAX);
	buf_init(&type, TEXT_MAX);
	buf_init(&signature, out->limit);
	add_micalg(&layer->verified, &micalg);
	structure_add_detached(&layer->entity.cms, &signature);
	ok = buf_str(&micalg) != NULL && !buf_failed(&signature);
	if (ok) {
		compose_signed_type(buf_str(&micalg), boundary, &type);
		compose_entity_header(buf_slice(&type), false, out);
		compose_signed_open(boundary, out);
		buf_add_slice(out, layer->octets);
		compose_signed_close(buf_slice(&signature), boundary, out);
	}
	ok = ok && !buf_failed(&type) && !buf_failed(out);
	buf_free(&micalg);
	buf_free(&type);
	buf_free(&signature);
	return ok ? ANSWER_YES : no_memory(err);
}

static bool
add_piece(struct slice piece, void *out)
{
	buf_add_slice(out, piece);
	return !buf_failed(out);
}

/* The same the other way, for content that MTAs cannot be given: the signature around it, in base64. */
static enum answer
write_opaque(const struct layer *layer, struct buf *out, struct error *err)
{
	struct buf content, der, type;
	bool ok;

	buf_init(&content, out->limit);
	buf_init(&der, out->limit);
	buf_init(&type, TEXT_MAX);
	verify_canonical(layer->octets, add_piece, &content);
	structure_add_attached(&layer->entity.cms, buf_slice(&content), &der);
	compose_pkcs7_type("signed-data", &type);
	compose_entity_header(buf_slice(&type), true, out);
	compose_base64(buf_slice(&der), out);
	ok = !buf_failed(&content) && !buf_failed(&der) && !buf_failed(&type) && !buf_failed(out);
	buf_free(&content);
	buf_free(&der);
	buf_free(&type);
	return ok ? ANSWER_YES : no_memory(err);
}

/* ---- an entity as it came out of a layer ----------------------------------------------- */

/* The field in a form that no MTA changes. False: there is none. */
static bool
add_safe_field(const char *name, struct slice value, struct buf *out)
{
	size_t from = out->len + strlen(name) + 1;

	return field_add(name, value, out) && !buf_failed(out) && out->len <= HEADER_MAX &&
		field_is_safe(name, slice_of(out->data + from, out->len - 2 - from));
}

/* Of two fields of one name readers may take either: the first was judged, and is the only one to stay. */
static enum answer
add_allowed_fields(const struct mime_part *part, struct buf *out, struct error *err)
{
	static const char *const allowed[] = {
		"Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-Description",
		"Content-ID", "Content-Language", "Content-Location",
	};

	for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
		const struct header_field *field = mime_field(part, allowed[i]);

		if (field == NULL || add_safe_field(allowed[i], field->value, out))
			continue;
		if (buf_failed(out))
			return no_memory(err);
		return error_no(err, "header-field", "its content's field %s is too long, or holds what no header may",
			allowed[i]);
	}
	return ANSWER_YES;
}

/* Lines that all end in LF alone get CRLF, as an MTA would do, and as a signature in
 * it was made (RFC 8551 3.1.1); but not where LF may be no line end. */
static void
add_body(const struct mime_part *part, struct buf *out)
{
	struct slice body = body_of(part);
	size_t lf;

	if (slice_find(body, '\r', 0) < body.len || slice_find(body, '\0', 0) < body.len ||
	    holds_binary(part)) {
		buf_add_slice(out, body);
		return;
	}
	for (size_t at = 0; at < body.len; at = lf + 1) {
		lf = slice_find(body, '\n', at);
		buf_add_slice(out, slice_sub(body, at, lf));
		if (lf < body.len)
			buf_add_str(out, "\r\n");
	}
}

static enum answer
compose(const struct config *config, struct slice entity, struct buf *out, struct error *err)
{
	struct mime_limits limits = {config->mime_depth_limit, config->mime_part_limit};
	enum compose_result composed;
	const char *why;
	struct mime *tree;
	enum answer answer = mime_parse_entity(entity, &limits, &tree, err);

	if (answer != ANSWER_YES)
		return answer;
	composed = compose_entity(tree, out, &why);
	mime_free(tree);
	if (composed == COMPOSE_NO_MEMORY)
		return no_memory(err);
	if (composed == COMPOSE_UNTOUCHED && !can_be_carried(buf_slice(out)))
		return error_no(err, "content", "its content has NUL or lines that are too long, and cannot be encoded: %s", why);
	return ANSWER_YES;
}

/* The entity that part is, in out, without fields that nobody asked for. NO: it cannot be
 * written so that it stays what it is. */
static enum answer
write_entity(const struct config *config, const struct mime_part *part, struct buf *out, struct error *err)
{
	struct buf entity;
	enum answer answer;

	buf_init(&entity, out->limit);
	answer = add_allowed_fields(part, &entity, err);
	if (answer == ANSWER_YES) {
		buf_add_str(&entity, "\r\n");
		add_body(part, &entity);
		answer = buf_failed(&entity) ? no_memory(err) : compose(config, buf_slice(&entity), out, err);
	}
	buf_free(&entity);
	return answer;
}

/* ---- the edit ------------------------------------------------------------------------------ */

static bool
is_mime_field(const void *arg, const struct header_field *field)
{
	(void)arg;
	return mime_is_mime_field(field->name);
}

static bool
add_edit_field(struct edit *e, const struct header_field *field)
{
	struct buf value;
	bool ok;

	buf_init(&value, HEADER_MAX);
	for (size_t i = 0; i < field->value.len; i++)
		if (field->value.data[i] != '\r')
			buf_add_byte(&value, field->value.data[i]);
	ok = !buf_failed(&value) && edit_add_field(e, field->name, buf_slice(&value));
	buf_free(&value);
	return ok;
}

/* The entity in e->body becomes the message's content: its header, which was made safe, moves up. */
static enum answer
move_header(const struct message *m, struct edit *e, struct error *err)
{
	static const struct mime_limits limits = {.depth = MIME_DEPTH_DEFAULT, .parts = MIME_PARTS_DEFAULT};
	size_t end = slice_find_slice(buf_slice(&e->body), slice_str("\r\n\r\n")) + 4;
	struct mime *header;
	enum answer answer = mime_parse_entity(slice_sub(buf_slice(&e->body), 0, end), &limits, &header, err);
	bool ok;

	if (answer != ANSWER_YES)
		return answer;
	ok = edit_remove_fields(e, m, is_mime_field, NULL) && edit_add_field(e, "MIME-Version", slice_str(" 1.0"));
	for (size_t i = 0; ok && i < header->root->field_count; i++)
		ok = add_edit_field(e, &header->root->fields[i]);
	mime_free(header);
	e->body.len -= end;
	memmove(e->body.data, e->body.data + end, e->body.len);
	e->replaces_body = true;
	return ok ? ANSWER_YES : no_memory(err);
}

static enum answer
write_choice(const struct config *config, const struct inbound *in, const struct choice *c, bool clear,
	struct edit *e, struct error *err)
{
	const struct layer *layer = &in->layers.layer[c->at];
	enum answer answer;

	if (clear)
		return write_clear(layer, &e->body, err);
	answer = write_entity(config, layer[-1].inside, &e->body, err);
	if (answer != ANSWER_NO || c->at == in->layers.count || layer->kind != VERDICT_SIGNED ||
	    layer->entity.kind != ENTITY_CLEAR_SIGNED || layer->entity.cms.has_content)
		return answer;
	buf_clear(&e->body);
	return write_opaque(layer, &e->body, err);
}

/* The message's own content, as it came. */
static void
add_closed(const struct message *m, struct buf *out)
{
	for (size_t i = 0; i < m->field_count; i++)
		if (mime_is_mime_field(m->fields[i].name) && strcasecmp(m->fields[i].name, "MIME-Version") != 0)
			field_copy(m->fields[i].name, m->fields[i].value, out);
	buf_add_str(out, "\r\n");
	buf_add_slice(out, buf_slice(&m->body));
}

/* A part around whatever came of it, so that nothing of it stands in the message's header: that goes
 * back to the sender with a notice, who may have altered the envelope to see it there. */
static enum answer
veil(const struct inbound *in, bool closed, struct edit *e, struct error *err)
{
	char boundary[COMPOSE_BOUNDARY_SIZE];
	struct buf body, type;
	bool ok;

	if (make_boundary(boundary, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	buf_init(&type, TEXT_MAX);
	buf_init(&body, e->body.limit);
	buf_printf(&type, " multipart/mixed; boundary=\"%s\"", boundary);
	buf_printf(&body, "--%s\r\n", boundary);
	results_add_layers(&in->layers, &body);
	if (closed)
		add_closed(in->message, &body);
	else
		buf_add_slice(&body, buf_slice(&e->body));
	buf_printf(&body, "\r\n--%s--\r\n", boundary);
	ok = !buf_failed(&body) && edit_remove_fields(e, in->message, is_mime_field, NULL) &&
		edit_add_field(e, "MIME-Version", slice_str(" 1.0")) && edit_add_field(e, "Content-Type", buf_slice(&type));
	buf_free(&type);
	buf_free(&e->body);
	e->body = body;
	e->replaces_body = true;
	return ok ? ANSWER_YES : no_memory(err);
}

static enum answer
finish(const struct inbound *in, bool closed, struct edit *e, struct error *err)
{
	if (in->veiled)
		return veil(in, closed, e, err);
	return closed ? ANSWER_YES : move_header(in->message, e, err);
}

enum answer
handover_write(const struct config *config, struct inbound *in, struct edit *e, struct error *err)
{
	struct choice c = choose(config, &in->layers);
	bool clear = c.at < in->layers.count && can_be_clear(&in->layers.layer[c.at]);
	struct error why = ERROR_NONE;

	in->content = INBOUND_UNCHANGED;
	in->kept_closed = *layers_why_closed(&in->layers);
	if (c.at == 0 && !clear)
		return finish(in, true, e, err);
	switch (write_choice(config, in, &c, clear, e, &why)) {
	case ANSWER_YES:
		break;
	case ANSWER_NO:
		buf_clear(&e->body);
		in->kept_closed = why;
		return finish(in, true, e, err);
	case ANSWER_CANT_TELL:
		*err = why;
		return ANSWER_CANT_TELL;
	}
	if (c.decrypted)
		edit_return_headers(e);
	in->content = c.opened ? INBOUND_OPENED : c.at == 0 ? INBOUND_CLEAR : INBOUND_STRIPPED;
	return finish(in, false, e, err);
}
