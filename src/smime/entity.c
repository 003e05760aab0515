#include "smime/entity.h"

#include <string.h>
#include <strings.h>

#define DECODED_MORE 3 /* octets that base64's decoder wants besides */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what an entity is called --------------------------------------------- */

/* What a part's file names say, those in Content-Type and in Content-Disposition. */
enum naming { NAMED_NOT, NAMED_SMIME, NAMED_OTHERWISE };

/* RFC 8551 3.2.1. */
static bool
is_smime_name(struct slice name)
{
	static const char *const endings[] = {".p7m", ".p7s", ".p7c", ".p7z"};

	for (size_t i = 0; i < COUNT(endings); i++) {
		size_t len = strlen(endings[i]);

		if (name.len > len && slice_eq_str_nocase(slice_sub(name, name.len - len, name.len), endings[i]))
			return true;
	}
	return false;
}

/* Readers differ in which name they take, so all of them count; also RFC 2231's "name*". */
static void
look_at_names(const struct mime_parameter *parameters, size_t count, const char *what, enum naming *naming)
{
	for (size_t i = 0; i < count; i++) {
		struct slice name = parameters[i].name;
		size_t len = strlen(what);

		if (!slice_starts_nocase(name, what) || (name.len > len && name.data[len] != '*'))
			continue;
		if (!is_smime_name(parameters[i].value))
			*naming = NAMED_OTHERWISE;
		else if (*naming == NAMED_NOT)
			*naming = NAMED_SMIME;
	}
}

static enum naming
naming_of(const struct mime_part *part)
{
	struct mime_parameter parameters[MIME_PARAMETERS_MAX];
	enum naming naming = NAMED_NOT;
	struct mime_value value;

	look_at_names(part->parameters, part->parameter_count, "name", &naming);
	for (size_t i = 0; i < part->field_count; i++)
		if (strcasecmp(part->fields[i].name, "Content-Disposition") == 0 &&
		    mime_value_parse(part->fields[i].value, parameters, &value))
			look_at_names(parameters, value.parameter_count, "filename", &naming);
	return naming;
}

/* Readers without S/MIME offer it as a file: one of another name may be shown as what it is
 * not, with the octets that no signature covers. */
static bool
is_named_otherwise(const struct mime_part *part, struct error *why)
{
	if (naming_of(part) != NAMED_OTHERWISE)
		return false;
	error_no(why, "ambiguous", "the signature's file name is none of S/MIME's, such as smime.p7m or smime.p7s");
	return true;
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
	if (mime_is(part, "application", "octet-stream") && naming_of(part) == NAMED_SMIME)
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
	if (answer != ANSWER_YES || (e->cms.kind == STRUCTURE_SIGNED && is_named_otherwise(root, &e->reason)))
		return answer;
	e->kind = ENTITY_CMS;
	e->claimed = NULL;
	return ANSWER_YES;
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
	if (is_named_otherwise(second, &e->reason))
		return ANSWER_NO;
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
