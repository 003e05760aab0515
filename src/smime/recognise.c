#include "smime/recognise.h"
#include "smime/entity.h"
#include "smime/pgp.h"
#include "smime/verify.h"

#include <openssl/err.h>

/* ---- what it is ----------------------------------------------------------- */

/* Two readers have to agree that it is CMS. */
static bool
parse_octets(struct slice octets, struct structure *s)
{
	CMS_ContentInfo *cms = structure_parse(octets, s) ? verify_parse_detached(s) : NULL;
	bool parsed = cms != NULL;

	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return parsed;
}

static bool
parse_part(const struct mime_part *part, struct buf *decoded, struct structure *s)
{
	return entity_parse(part, parse_octets, decoded, s, NULL) == ANSWER_YES;
}

static bool
is_envelope(const struct mime_part *part)
{
	struct structure s;
	struct buf decoded;
	bool envelope;

	if (entity_claim(part) == NULL || part->ambiguous || part->child != NULL)
		return false;
	buf_init(&decoded, part->body.len);
	envelope = parse_part(part, &decoded, &s) && s.kind != STRUCTURE_SIGNED;
	buf_free(&decoded);
	return envelope;
}

static bool
add_piece(struct slice piece, void *out)
{
	buf_add_slice(out, piece);
	return !buf_failed(out);
}

static bool
holds_envelope(const struct structure *s)
{
	static const struct mime_limits one = {.depth = 1, .parts = 1}; /* an envelope has no parts */
	struct mime *tree;
	struct buf entity;
	bool envelope = false;

	buf_init(&entity, s->content.whole.len);
	if (der_octets(&s->content, add_piece, &entity) &&
	    mime_parse_entity(buf_slice(&entity), &one, &tree, NULL) == ANSWER_YES) {
		envelope = is_envelope(tree->root);
		mime_free(tree);
	}
	buf_free(&entity);
	return envelope;
}

static enum protection
recognise_pkcs7_mime(const struct mime_part *root, struct buf *decoded, struct recognised *r)
{
	struct structure s;

	if (!parse_part(root, decoded, &s))
		return PROTECTION_NONE;
	if (s.kind == STRUCTURE_SIGNED) {
		if (!s.has_content)
			return PROTECTION_NONE;
		r->envelope_inside = holds_envelope(&s);
		return PROTECTION_SIGNED;
	}
	r->recipient_infos = s.recipient_infos;
	return PROTECTION_ENVELOPED;
}

static enum protection
recognise_multipart_signed(const struct mime_part *root, struct buf *decoded, struct recognised *r)
{
	const struct mime_part *first, *second;
	struct structure s;

	if (!entity_two_parts(root, &first, &second))
		return PROTECTION_NONE;
	if (mime_is(second, "application", "pgp-signature") &&
	    mime_parameter_is(root, "protocol", "application/pgp-signature"))
		return PROTECTION_PGP_SIGNED;
	if (entity_is_signature_part(second) && parse_part(second, decoded, &s) && s.kind == STRUCTURE_SIGNED &&
	    !s.has_content) {
		r->envelope_inside = is_envelope(first);
		return PROTECTION_SIGNED;
	}
	return PROTECTION_NONE;
}

/* RFC 3156 4. */
static enum protection
recognise_multipart_encrypted(const struct mime_part *root, struct buf *decoded)
{
	const struct mime_part *first, *second;
	struct slice octets;

	if (!mime_parameter_is(root, "protocol", "application/pgp-encrypted") || !entity_two_parts(root, &first, &second) ||
	    !mime_is(first, "application", "pgp-encrypted") || !mime_is(second, "application", "octet-stream") ||
	    !slice_eq_str_nocase(slice_trim(first->body), "Version: 1") ||
	    entity_octets(second, decoded, &octets, NULL) != ANSWER_YES || !pgp_is_encrypted(octets))
		return PROTECTION_NONE;
	return PROTECTION_PGP_ENCRYPTED;
}

static enum protection
protection_of(const struct mime_part *root, struct buf *decoded, struct recognised *r)
{
	if (root->ambiguous) /* readers may disagree about what it is, so it is nothing */
		return PROTECTION_NONE;
	if (mime_is(root, "multipart", "signed"))
		return recognise_multipart_signed(root, decoded, r);
	if (mime_is(root, "multipart", "encrypted"))
		return recognise_multipart_encrypted(root, decoded);
	return recognise_pkcs7_mime(root, decoded, r);
}

void
recognise_message(const struct message *m, const struct mime *tree, struct recognised *r)
{
	const char *claim = entity_claim(tree->root);
	struct buf decoded;

	*r = (struct recognised){.protection = PROTECTION_NONE};
	if (claim == NULL)
		return;
	buf_init(&decoded, m->body.len); /* no transfer encoding makes its content longer */
	r->protection = protection_of(tree->root, &decoded, r);
	if (r->protection == PROTECTION_NONE)
		r->claimed = claim;
	buf_free(&decoded);
}

/* ---- signatures that are intact -------------------------------------------- */

#define SIGNERS_TRIED_MAX 8     /* of those that nobody here knows */
#define SIGNERS_MAX 100
#define CERTIFICATES_MAX 10000  /* their octets bind them sooner */

/* A cheap look before any cryptography: does a SignerInfo name this certificate? */
static bool
names_signer(const struct structure *s, X509 *certificate)
{
	const ASN1_OCTET_STRING *key_id = X509_get0_subject_key_id(certificate);
	struct slice rest = s->signer_infos, name, serial;
	unsigned char *name_der = NULL, *serial_der = NULL;
	int name_len = i2d_X509_NAME(X509_get_issuer_name(certificate), &name_der);
	int serial_len = i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), &serial_der);
	struct der sid;
	bool found = false;

	name = slice_of(name_der, name_len < 0 ? 0 : (size_t)name_len);
	serial = slice_of(serial_der, serial_len < 0 ? 0 : (size_t)serial_len);
	while (!found && structure_next_signer(&rest, &sid))
		if (sid.tag == DER_SEQUENCE)
			found = slice_eq(slice_sub(sid.content, 0, name.len), name) &&
				slice_eq(slice_sub(sid.content, name.len, sid.content.len), serial);
		else
			found = key_id != NULL && slice_eq(sid.content, slice_of(ASN1_STRING_get0_data(key_id),
				(size_t)ASN1_STRING_length(key_id)));
	OPENSSL_free(name_der);
	OPENSSL_free(serial_der);
	return found;
}

/* As strong as what we sign with ourselves; how long the key is was its owner's choice. */
static bool
is_good(const struct verify_signer *signer)
{
	return signer->intact == VERIFY_INTACT && signer->signed_attributes && !signer->weak_algorithm;
}

static bool
is_intact_with(struct verify *v, size_t i, X509 *certificate)
{
	struct verify_signer signer;
	bool good = verify_one(v, i, certificate, &signer, NULL) == ANSWER_YES && is_good(&signer);

	verify_signer_free(&signer);
	return good;
}

static bool
is_intact(struct verify *v)
{
	size_t count = verify_signer_count(v);

	for (size_t i = 0; i < count && i < SIGNERS_TRIED_MAX; i++)
		if (is_intact_with(v, i, NULL))
			return true;
	return false;
}

static bool
is_by_one_of(const struct structure *s, struct verify *v, struct key_identity *const *identities, size_t count)
{
	for (size_t k = 0; k < count; k++) {
		if (!names_signer(s, identities[k]->certificate))
			continue;
		for (size_t i = 0; i < verify_signer_count(v); i++)
			if (is_intact_with(v, i, identities[k]->certificate))
				return true;
	}
	return false;
}

/* OpenSSL is asked only where the walk has seen one of these. */
static bool
names_one_of(const struct structure *s, struct key_identity *const *identities, size_t count)
{
	for (size_t k = 0; k < count; k++)
		if (names_signer(s, identities[k]->certificate))
			return true;
	return false;
}

/* identities NULL: any certificate that the SignedData holds will do. */
static bool
is_signed(const struct message *m, const struct mime *tree, struct key_identity *const *identities, size_t count)
{
	const struct mime_part *root = tree->root, *first = NULL, *second = NULL;
	bool clear = mime_is(root, "multipart", "signed");
	struct verify *v = NULL;
	struct structure s;
	struct buf decoded;
	bool found = false;

	if (entity_claim(root) == NULL || root->ambiguous)
		return false;
	if (clear && (!entity_two_parts(root, &first, &second) || !entity_is_signature_part(second)))
		return false;
	buf_init(&decoded, m->body.len);
	if (parse_part(clear ? second : root, &decoded, &s) && s.kind == STRUCTURE_SIGNED &&
	    s.has_content == !clear && (identities == NULL || names_one_of(&s, identities, count)) &&
	    verify_open(&s, clear ? first->whole : SLICE_NONE, SIGNERS_MAX, CERTIFICATES_MAX, &v,
		NULL) == ANSWER_YES)
		found = identities == NULL ? is_intact(v) : is_by_one_of(&s, v, identities, count);
	verify_close(v);
	buf_free(&decoded);
	return found;
}

bool
recognise_signed_by(const struct message *m, const struct mime *tree, struct key_identity *const *identities,
	size_t count)
{
	return count > 0 && is_signed(m, tree, identities, count);
}

bool
recognise_intact(const struct message *m, const struct mime *tree)
{
	return is_signed(m, tree, NULL, 0);
}
