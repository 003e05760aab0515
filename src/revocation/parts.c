#include "revocation/parts.h"
#include "revocation/html.h"
#include "revocation/visible.h"

/* One reading of a mail. */
struct reading {
	const struct phrases *phrases;
	size_t octets_left;
	size_t attached_left; /* the same for attachments */
	bool in_quote, in_signature, in_attachment; /* a phrase is */
	bool damaged; /* there were octets that a charset does not have */
	struct error *err;
};

static enum answer read_part(struct reading *r, const struct mime_part *part, unsigned depth, struct request *request);

/* What a part is */

static bool
has_parameter(const struct mime_parameter *parameters, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (slice_starts_nocase(parameters[i].name, name))
			return true;
	return false;
}

static bool
is_attachment(const struct mime_part *part)
{
	const struct header_field *field = mime_field(part, "Content-Disposition");
	struct mime_parameter parameters[MIME_PARAMETERS_MAX];
	struct mime_value value;

	if (has_parameter(part->parameters, part->parameter_count, "name"))
		return true;
	if (field == NULL || !mime_value_parse(field->value, parameters, &value))
		return false;
	return !slice_eq_str_nocase(value.type, "inline") || has_parameter(parameters, value.parameter_count, "filename");
}

static bool
is_text(const struct mime_part *part)
{
	return mime_is(part, "text", "plain") || mime_is(part, "text", "html");
}

/* Texts */

static struct slice
charset_of(const struct mime_part *part)
{
	const struct mime_parameter *charset = mime_parameter(part, "charset");

	return charset == NULL ? slice_str("us-ascii") : charset->value;
}

/* The part's text in UTF-8. NO: it cannot be had; *refusal says why. */
static enum answer
decode_text(struct reading *r, const struct mime_part *part, struct buf *text, enum refusal *refusal)
{
	struct buf octets;
	enum answer a;

	*refusal = REFUSAL_TOO_LARGE;
	if (part->body.len > r->octets_left)
		return ANSWER_NO;
	r->octets_left -= part->body.len;
	*refusal = REFUSAL_CHARSET_UNKNOWN;
	if (!visible_knows_charset(charset_of(part)))
		return ANSWER_NO;
	*refusal = REFUSAL_ENCODING;
	buf_init_secret(&octets, VISIBLE_OCTETS_MAX + 4);
	buf_reserve(&octets, part->body.len + 3); /* see visible_split() */
	a = mime_decode(part, &octets, r->err);
	if (a == ANSWER_YES)
		a = visible_decode(buf_slice(&octets), charset_of(part), text, &r->damaged, r->err);
	buf_wipe(&octets);
	return a;
}

/* The header fields that a mail with protected ones shows to old readers (RFC 9788); they
 * are no text, and the subject is among them. */
static struct slice
without_legacy_display(const struct mime_part *part, struct slice text)
{
	size_t at = 0;

	if (!mime_parameter_is(part, "hp-legacy-display", "1"))
		return text;
	while (at < text.len) {
		size_t lf = slice_find(text, '\n', at);
		bool empty = slice_trim(slice_sub(text, at, lf)).len == 0;

		at = lf + 1;
		if (empty)
			break;
	}
	return slice_sub(text, at, text.len);
}

static enum answer
sort_text(struct reading *r, const struct mime_part *part, struct slice text, struct visible *v, enum refusal *refusal)
{
	struct visible_format format = {
		.flowed = mime_parameter_is(part, "format", "flowed"),
		.delete_space = mime_parameter_is(part, "delsp", "yes"),
	};
	struct buf shown;
	const struct html_text out = {&shown, &v->quoted, &v->hidden};
	enum answer a = ANSWER_YES;

	*refusal = REFUSAL_HTML;
	buf_init_secret(&shown, VISIBLE_GROWTH * VISIBLE_OCTETS_MAX);
	if (mime_is(part, "text", "html")) {
		buf_reserve(&shown, 2 * text.len);
		a = html_read(text, &out, r->err);
		text = buf_slice(&shown);
		format = (struct visible_format){.flowed = false};
	} else {
		text = without_legacy_display(part, text);
	}
	if (a == ANSWER_YES) {
		visible_split(text, format, v);
		if (visible_failed(v))
			a = error_cant_tell(r->err, "memory", "no memory for the text");
	}
	buf_wipe(&shown);
	return a;
}

/* Text in a form that lines can be looked for in. */
static enum answer
take_text(struct reading *r, const struct mime_part *part, struct visible *v, enum refusal *refusal)
{
	struct buf text;
	enum answer a;

	buf_init_secret(&text, VISIBLE_GROWTH * VISIBLE_OCTETS_MAX);
	a = decode_text(r, part, &text, refusal);
	if (a == ANSWER_YES)
		a = sort_text(r, part, buf_slice(&text), v, refusal);
	buf_wipe(&text);
	return a;
}

static enum answer
look_for(struct reading *r, const struct buf *text, bool *mentioned)
{
	bool found = false;
	enum answer a = request_mentioned(buf_slice(text), r->phrases, &found, r->err);

	*mentioned = *mentioned || found;
	return a;
}

static enum answer
read_sorted(struct reading *r, const struct visible *v, struct request *request)
{
	bool hidden = false;
	enum answer a = request_read(buf_slice(&v->own), r->phrases, request, r->err);

	if (a == ANSWER_YES)
		a = look_for(r, &v->quoted, &r->in_quote);
	if (a == ANSWER_YES)
		a = look_for(r, &v->signature, &r->in_signature);
	if (a == ANSWER_YES)
		a = look_for(r, &v->hidden, &hidden);
	if (a == ANSWER_YES && hidden)
		request_refuse(request, REFUSAL_HIDDEN, 0);
	return a;
}

static enum answer
read_text(struct reading *r, const struct mime_part *part, struct request *request)
{
	struct visible v;
	enum refusal refusal;
	enum answer a;

	visible_init(&v);
	a = take_text(r, part, &v, &refusal);
	if (a == ANSWER_YES) {
		a = read_sorted(r, &v, request);
	} else if (a == ANSWER_NO) {
		request_refuse(request, refusal, 0);
		a = ANSWER_YES;
	}
	visible_free(&v);
	return a;
}

/* Only to say that the request is in the wrong place; what cannot be read does not matter. */
static enum answer
look_into_attachment(struct reading *r, const struct mime_part *part)
{
	size_t left = r->octets_left;
	bool damaged = r->damaged;
	struct visible v;
	enum refusal refusal;
	enum answer a;

	r->octets_left = r->attached_left;
	visible_init(&v);
	a = take_text(r, part, &v, &refusal);
	if (a == ANSWER_YES)
		a = look_for(r, &v.own, &r->in_attachment);
	visible_free(&v);
	r->attached_left = r->octets_left;
	r->octets_left = left;
	r->damaged = damaged;
	return a == ANSWER_CANT_TELL ? a : ANSWER_YES;
}

/* Multiparts */

/* What is left out here is no text: an invitation or an image beside it. */
static bool
is_alternative(const struct mime_part *part)
{
	return mime_is(part, "text", NULL) || mime_is(part, "multipart", NULL);
}

static enum answer
compare_alternative(struct reading *r, const struct mime_part *part, unsigned depth, struct request *first, bool any)
{
	struct request *other = request_new();
	enum answer a;

	if (other == NULL)
		return error_cant_tell(r->err, "memory", "no memory for a request");
	a = read_part(r, part, depth, other);
	if (a == ANSWER_YES && !any)
		request_append(first, other);
	else if (a == ANSWER_YES && other->reason_count > 0)
		request_refuse(first, other->reasons[0].refusal, other->reasons[0].line);
	else if (a == ANSWER_YES && first->reason_count == 0 && !request_equal(first, other))
		request_refuse(first, REFUSAL_ALTERNATIVES_DIFFER, 0);
	request_free(other);
	return a;
}

static enum answer
read_alternatives(struct reading *r, const struct mime_part *part, unsigned depth, struct request *request)
{
	struct request *first = request_new();
	enum answer a = ANSWER_YES;
	bool any = false;

	if (first == NULL)
		return error_cant_tell(r->err, "memory", "no memory for a request");
	for (const struct mime_part *child = part->child; child != NULL && a == ANSWER_YES; child = child->next) {
		if (!is_alternative(child))
			continue;
		a = compare_alternative(r, child, depth, first, any);
		any = true;
	}
	if (a == ANSWER_YES)
		request_append(request, first);
	request_free(first);
	return a;
}

/* RFC 2387 3.2: the text may be said to be another part than the first. */
static bool
has_other_start(const struct mime_part *part)
{
	const struct mime_parameter *start = mime_parameter(part, "start");
	const struct header_field *id = part->child == NULL ? NULL : mime_field(part->child, "Content-ID");

	return start != NULL && (id == NULL || !slice_eq(slice_trim(start->value), slice_trim(id->value)));
}

static enum answer
read_multipart(struct reading *r, const struct mime_part *part, unsigned depth, struct request *request)
{
	bool first_only = mime_is(part, "multipart", "signed") || mime_is(part, "multipart", "related");
	enum answer a = ANSWER_YES;

	if (depth == PARTS_DEPTH_MAX) {
		request_refuse(request, REFUSAL_DEPTH, 0);
		return ANSWER_YES;
	}
	if (mime_is(part, "multipart", "encrypted"))
		request_refuse(request, REFUSAL_NOT_OPENED, 0);
	if (mime_is(part, "multipart", "related") && has_other_start(part))
		request_refuse(request, REFUSAL_STRUCTURE, 0);
	if (mime_is(part, "multipart", "alternative"))
		return read_alternatives(r, part, depth + 1, request);
	for (const struct mime_part *child = part->child; child != NULL && a == ANSWER_YES; child = child->next) {
		a = read_part(r, child, depth + 1, request);
		if (first_only)
			break;
	}
	return a;
}

static enum answer
read_part(struct reading *r, const struct mime_part *part, unsigned depth, struct request *request)
{
	struct request *own;
	enum answer a;

	if (mime_is(part, "multipart", NULL))
		return read_multipart(r, part, depth, request);
	if (is_attachment(part))
		return is_text(part) ? look_into_attachment(r, part) : ANSWER_YES;
	if (!is_text(part)) {
		if (mime_is(part, "text", NULL))
			request_refuse(request, REFUSAL_TYPE_UNKNOWN, 0);
		return ANSWER_YES;
	}
	own = request_new();
	if (own == NULL)
		return error_cant_tell(r->err, "memory", "no memory for a request");
	a = read_text(r, part, own);
	if (a == ANSWER_YES)
		request_append(request, own);
	request_free(own);
	return a;
}

/* The mail as a whole */

static bool
is_ambiguous(const struct mime_part *root)
{
	for (const struct mime_part *part = root; part != NULL; part = mime_next(root, part))
		if (part->ambiguous)
			return true;
	return false;
}

static bool
is_closed(const struct mime_part *root)
{
	return mime_is(root, "application", "pkcs7-mime") || mime_is(root, "application", "x-pkcs7-mime");
}

/* Where there is no request: what would help the writer most. */
static enum answer
why_none(struct reading *r, const struct mime_part *root, struct slice subject, enum refusal *why)
{
	bool in_subject = false;
	struct buf text;
	enum answer a;

	buf_init_secret(&text, VISIBLE_GROWTH * VISIBLE_FIELD_MAX);
	a = visible_field(subject, &text, r->err);
	if (a == ANSWER_YES)
		a = look_for(r, &text, &in_subject);
	buf_wipe(&text);
	if (is_closed(root))
		*why = REFUSAL_NOT_OPENED;
	else if (in_subject)
		*why = REFUSAL_ONLY_IN_SUBJECT;
	else if (r->in_quote)
		*why = REFUSAL_ONLY_IN_QUOTE;
	else if (r->in_signature)
		*why = REFUSAL_ONLY_IN_SIGNATURE;
	else if (r->in_attachment)
		*why = REFUSAL_ONLY_IN_ATTACHMENT;
	else
		*why = r->damaged ? REFUSAL_CHARSET_WRONG : REFUSAL_NO_REQUEST;
	return a;
}

enum answer
parts_read(const struct mime_part *root, struct slice subject, const struct phrases *phrases,
	struct request *request, struct error *err)
{
	struct reading r = {.phrases = phrases, .octets_left = VISIBLE_OCTETS_MAX,
		.attached_left = VISIBLE_OCTETS_MAX, .err = err};
	enum refusal why = REFUSAL_NO_REQUEST;
	enum answer a = ANSWER_YES;

	if (is_ambiguous(root))
		request_refuse(request, REFUSAL_STRUCTURE, 0);
	else
		a = read_part(&r, root, 0, request);
	if (a == ANSWER_YES && request->reason_count == 0 && request->line_count == 0) {
		a = why_none(&r, root, subject, &why);
		if (a == ANSWER_YES)
			request_refuse(request, why, 0);
	}
	if (a != ANSWER_YES)
		return a;
	if (request->reason_count == 0) {
		/* An attachment's fault may have been noted. */
		if (err != NULL)
			*err = ERROR_NONE;
		return ANSWER_YES;
	}
	why = request->reasons[0].refusal;
	return error_no(err, refusal_code(why), "%s", refusal_words(why));
}
