#include "smime/entity.h"

#include <string.h>

#define DECODED_MORE 3 /* octets that base64's decoder wants besides */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what an entity is called --------------------------------------------- */

static bool
contains_nocase(struct slice s, const char *word)
{
	for (; s.len > 0; s = slice_sub(s, 1, s.len))
		if (slice_starts_nocase(s, word))
			return true;
	return false;
}

/* RFC 8551 3.2.1. A look for ".p7m" is enough: the octets decide, not the name. */
static bool
has_smime_name(const struct mime_part *part)
{
	static const char *const endings[] = {".p7m", ".p7s", ".p7c", ".p7z"};
	const struct mime_parameter *name = mime_parameter(part, "name");
	const struct header_field *disposition = mime_field(part, "Content-Disposition");

	for (size_t i = 0; i < COUNT(endings); i++)
		if ((name != NULL && contains_nocase(name->value, endings[i])) ||
		    (disposition != NULL && contains_nocase(disposition->value, endings[i])))
			return true;
	return false;
}

bool
entity_is_signature_part(const struct mime_part *part)
{
	return mime_is(part, "application", "pkcs7-signature") || mime_is(part, "application", "x-pkcs7-signature");
}

const char *
entity_claim(const struct mime_part *part)
{
	if (mime_is(part, "application", "pkcs7-mime"))
		return "application/pkcs7-mime";
	if (mime_is(part, "application", "x-pkcs7-mime"))
		return "application/x-pkcs7-mime";
	if (mime_is(part, "multipart", "signed"))
		return "multipart/signed";
	if (mime_is(part, "multipart", "encrypted"))
		return "multipart/encrypted";
	if (mime_is(part, "application", "octet-stream") && has_smime_name(part))
		return "application/octet-stream with an S/MIME file name";
	return NULL;
}

bool
entity_two_parts(const struct mime_part *root, const struct mime_part **first, const struct mime_part **second)
{
	*first = root->child;
	*second = *first == NULL ? NULL : (*first)->next;
	return *second != NULL && (*second)->next == NULL && !(*second)->ambiguous;
}

/* ---- what it is ----------------------------------------------------------- */

static bool
is_identity(const struct mime_part *part)
{
	return part->encoding == MIME_7BIT || part->encoding == MIME_8BIT || part->encoding == MIME_BINARY;
}

enum answer
entity_octets(const struct mime_part *part, struct buf *decoded, struct slice *octets, struct error *err)
{
	enum answer answer;

	if (is_identity(part)) {
		*octets = part->body;
		return ANSWER_YES;
	}
	answer = mime_decode(part, decoded, err);
	*octets = buf_slice(decoded);
	return answer;
}

enum answer
entity_parse(const struct mime_part *part, entity_parser *parse, struct buf *decoded, struct structure *s,
	struct error *err)
{
	struct slice octets;
	enum answer answer = entity_octets(part, decoded, &octets, err);

	if (answer != ANSWER_YES)
		return answer;
	if (parse(octets, s))
		return ANSWER_YES;
	/* A message's body ends with a line end, which binary content has not got. */
	if (part->encoding != MIME_BASE64 && octets.len > 2 && memcmp(octets.data + octets.len - 2, "\r\n", 2) == 0 &&
	    parse(slice_sub(octets, 0, octets.len - 2), s))
		return ANSWER_YES;
	return error_no(err, "malformed", "the octets are no CMS value that can be read");
}

/* ---- one entity, to be opened ---------------------------------------------- */

/* Reads the part's octets into e->cms. NO: they are none; e->reason says why. */
static enum answer
read_part(const struct mime_part *part, struct entity *e, struct error *err)
{
	enum answer answer = entity_parse(part, structure_read, &e->decoded, &e->cms, &e->reason);

	if (answer == ANSWER_CANT_TELL && err != NULL)
		*err = e->reason;
	return answer;
}

static enum answer
read_cms(const struct mime_part *root, struct entity *e, struct error *err)
{
	enum answer answer;

	e->claimed = entity_claim(root);
	if (e->claimed == NULL)
		return ANSWER_YES;
	answer = read_part(root, e, err);
	if (answer == ANSWER_YES) {
		e->kind = ENTITY_CMS;
		e->claimed = NULL;
	}
	return answer;
}

static bool
has_protocol(const struct mime_part *root)
{
	return mime_parameter_is(root, "protocol", "application/pkcs7-signature") ||
		mime_parameter_is(root, "protocol", "application/x-pkcs7-signature");
}

static enum answer
read_clear_signed(const struct mime_part *root, struct entity *e, struct error *err)
{
	const struct mime_part *first, *second;
	bool two = entity_two_parts(root, &first, &second);
	bool signature = second != NULL && entity_is_signature_part(second);
	enum answer answer;

	if (!has_protocol(root) && !signature)
		return ANSWER_YES;
	e->claimed = "multipart/signed";
	if (!has_protocol(root))
		return error_no(&e->reason, "malformed", "the protocol parameter does not say application/pkcs7-signature");
	if (!two)
		return error_no(&e->reason, "malformed", "multipart/signed without two parts that all read alike");
	if (!signature)
		return error_no(&e->reason, "malformed", "the second part's type is not application/pkcs7-signature");
	answer = read_part(second, e, err);
	if (answer != ANSWER_YES)
		return answer;
	if (e->cms.kind != STRUCTURE_SIGNED)
		return error_no(&e->reason, "malformed", "there is no signature in the signature's part");
	e->kind = ENTITY_CLEAR_SIGNED;
	e->content = first;
	e->clear = first->whole;
	e->claimed = NULL;
	return ANSWER_YES;
}

static enum answer
read_ambiguous(const struct mime_part *root, struct entity *e)
{
	if (!mime_is(root, "multipart", "encrypted"))
		e->claimed = entity_claim(root);
	return error_no(&e->reason, "ambiguous", "readers may disagree about the MIME structure");
}

enum answer
entity_read(const struct mime_part *root, struct entity *e, struct error *err)
{
	enum answer answer;

	*e = (struct entity){.kind = ENTITY_PLAIN, .reason = ERROR_NONE};
	buf_init(&e->decoded, root->body.len + DECODED_MORE); /* no transfer encoding makes its content longer */
	if (root->ambiguous)
		answer = read_ambiguous(root, e);
	else if (mime_is(root, "multipart", "encrypted"))
		answer = ANSWER_YES;
	else if (mime_is(root, "multipart", "signed"))
		answer = read_clear_signed(root, e, err);
	else
		answer = read_cms(root, e, err);
	if (e->kind == ENTITY_PLAIN)
		e->cms = (struct structure){0};
	return answer == ANSWER_CANT_TELL ? answer : ANSWER_YES;
}

void
entity_free(struct entity *e)
{
	if (e == NULL)
		return;
	buf_free(&e->decoded);
	*e = (struct entity){.kind = ENTITY_PLAIN, .reason = ERROR_NONE};
}
