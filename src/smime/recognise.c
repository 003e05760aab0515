#include "smime/recognise.h"
#include "smime/pgp.h"
#include "smime/structure.h"

#include <openssl/err.h>

#include <string.h>

#define DETACHED_MAX (2 * 1024 * 1024) /* octets of a CMS value without its content */

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
	const struct mime_parameter *name = mime_parameter(part, "name");
	const struct header_field *disposition = mime_field(part, "Content-Disposition");

	return (name != NULL && contains_nocase(name->value, ".p7m")) ||
		(disposition != NULL && contains_nocase(disposition->value, ".p7m"));
}

static bool
is_signature_part(const struct mime_part *part)
{
	return mime_is(part, "application", "pkcs7-signature") || mime_is(part, "application", "x-pkcs7-signature");
}

/* Static text for the log; NULL: plain mail. RFC 8551 3.10. */
static const char *
claim_of(const struct mime_part *part)
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

/* ---- what it is ----------------------------------------------------------- */

static bool
is_identity(const struct mime_part *part)
{
	return part->encoding == MIME_7BIT || part->encoding == MIME_8BIT || part->encoding == MIME_BINARY;
}

/* The part's octets without transfer encoding: borrowed where there is none,
 * else in decoded, which the caller has initialised and frees. */
static bool
part_octets(const struct mime_part *part, struct buf *decoded, struct slice *octets)
{
	if (is_identity(part)) {
		*octets = part->body;
		return true;
	}
	if (mime_decode(part, decoded, NULL) != ANSWER_YES)
		return false;
	*octets = buf_slice(decoded);
	return true;
}

/* By OpenSSL, without the content, so that it copies little; its objects take many
 * times the memory of the octets. */
static CMS_ContentInfo *
parse_detached(const struct structure *s)
{
	CMS_ContentInfo *cms = NULL;
	const unsigned char *at;
	struct buf der;

	buf_init(&der, DETACHED_MAX);
	structure_add_detached(s, &der);
	at = der.data;
	if (!buf_failed(&der))
		cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
	if (cms != NULL && at != der.data + der.len) {
		CMS_ContentInfo_free(cms);
		cms = NULL;
	}
	buf_free(&der);
	return cms;
}

/* Two readers have to agree that it is CMS. */
static bool
parse_octets(struct slice octets, struct structure *s)
{
	CMS_ContentInfo *cms = structure_parse(octets, s) ? parse_detached(s) : NULL;
	bool parsed = cms != NULL;

	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return parsed;
}

static bool
parse_part(const struct mime_part *part, struct buf *decoded, struct structure *s)
{
	struct slice octets;

	if (!part_octets(part, decoded, &octets))
		return false;
	if (parse_octets(octets, s))
		return true;
	/* A message's body ends with a line end, which binary content has not got. */
	return is_identity(part) && octets.len > 2 && memcmp(octets.data + octets.len - 2, "\r\n", 2) == 0 &&
		parse_octets(slice_sub(octets, 0, octets.len - 2), s);
}

/* The two parts that multipart/signed and multipart/encrypted must have (RFC 1847). */
static bool
two_parts(const struct mime_part *root, const struct mime_part **first, const struct mime_part **second)
{
	*first = root->child;
	*second = *first == NULL ? NULL : (*first)->next;
	return *second != NULL && (*second)->next == NULL && !(*second)->ambiguous;
}

static bool
is_envelope(const struct mime_part *part)
{
	struct structure s;
	struct buf decoded;
	bool envelope;

	if (claim_of(part) == NULL || part->ambiguous || part->child != NULL)
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

	if (!two_parts(root, &first, &second))
		return PROTECTION_NONE;
	if (mime_is(second, "application", "pgp-signature") &&
	    mime_parameter_is(root, "protocol", "application/pgp-signature"))
		return PROTECTION_PGP_SIGNED;
	if (is_signature_part(second) && parse_part(second, decoded, &s) && s.kind == STRUCTURE_SIGNED &&
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

	if (!mime_parameter_is(root, "protocol", "application/pgp-encrypted") || !two_parts(root, &first, &second) ||
	    !mime_is(first, "application", "pgp-encrypted") || !mime_is(second, "application", "octet-stream") ||
	    !slice_eq_str_nocase(slice_trim(first->body), "Version: 1") ||
	    !part_octets(second, decoded, &octets) || !pgp_is_encrypted(octets))
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
	const char *claim = claim_of(tree->root);
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

#define SIGNERS_TRIED_MAX 8  /* of those that nobody here knows */
#define SIGNER_KEY_MAX 8192  /* bits of their keys */

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

static const EVP_MD *
digest_of(CMS_SignerInfo *si)
{
	X509_ALGOR *algorithm;
	const ASN1_OBJECT *oid;

	CMS_SignerInfo_get0_algs(si, NULL, NULL, &algorithm, NULL);
	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	for (int d = DIGEST_SHA256; d <= DIGEST_SHA512; d++) {
		const EVP_MD *digest = algorithms_digest((enum config_digest)d);

		if (EVP_MD_get_type(digest) == OBJ_obj2nid(oid))
			return digest;
	}
	return NULL; /* nothing that we sign with */
}

static bool
digest_piece(struct slice piece, void *context)
{
	return EVP_DigestUpdate(context, piece.data, piece.len) > 0;
}

/* Text with CRLF line ends, whatever the ends are here (RFC 8551 3.1.1). */
static bool
digest_text(struct slice text, EVP_MD_CTX *ctx)
{
	size_t begin = 0, end;
	bool good = true;

	for (end = slice_find(text, '\n', 0); good && end < text.len; end = slice_find(text, '\n', end + 1)) {
		if (end > 0 && text.data[end - 1] == '\r')
			continue;
		good = EVP_DigestUpdate(ctx, text.data + begin, end - begin) > 0 && EVP_DigestUpdate(ctx, "\r", 1) > 0;
		begin = end;
	}
	return good && EVP_DigestUpdate(ctx, text.data + begin, text.len - begin) > 0;
}

/* Was it signed as the id-data that stands around it? Only the attribute is signed (RFC 5652 11.1). */
static bool
type_matches(CMS_SignerInfo *si)
{
	const ASN1_OBJECT *said = CMS_signed_get0_data_by_OBJ(si, OBJ_nid2obj(NID_pkcs9_contentType), -3,
		V_ASN1_OBJECT);

	return said != NULL && OBJ_obj2nid(said) == NID_pkcs7_data;
}

/* Is the message-digest attribute that of the content that is here? */
static bool
content_matches(CMS_SignerInfo *si, const struct structure *s, struct slice clear)
{
	const ASN1_OCTET_STRING *said = CMS_signed_get0_data_by_OBJ(si, OBJ_nid2obj(NID_pkcs9_messageDigest), -3,
		V_ASN1_OCTET_STRING);
	const EVP_MD *digest = digest_of(si);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char is[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	bool good;

	good = said != NULL && digest != NULL && ctx != NULL && EVP_DigestInit_ex(ctx, digest, NULL) > 0 &&
		(s->has_content ? der_octets(&s->content, digest_piece, ctx) : digest_text(clear, ctx)) &&
		EVP_DigestFinal_ex(ctx, is, &len) > 0 &&
		slice_eq(slice_of(is, len), slice_of(ASN1_STRING_get0_data(said), (size_t)ASN1_STRING_length(said)));
	EVP_MD_CTX_free(ctx);
	return good;
}

/* The key of the certificate that the signer brought along, which anybody may have
 * made: no kind or size that takes long. */
static bool
has_own_key(CMS_SignerInfo *si)
{
	EVP_PKEY *key;
	X509 *own;

	CMS_SignerInfo_get0_algs(si, &key, &own, NULL, NULL);
	return own != NULL && key != NULL && EVP_PKEY_get_bits(key) <= SIGNER_KEY_MAX &&
		(EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS") || EVP_PKEY_is_a(key, "EC"));
}

/* clear: the signed entity, where the SignedData does not hold it. certificate
 * NULL: any that the SignedData holds will do. */
static bool
verify_with(const struct structure *s, struct slice clear, X509 *certificate)
{
	CMS_ContentInfo *cms = parse_detached(s);
	STACK_OF(CMS_SignerInfo) *signers = cms == NULL ? NULL : CMS_get0_SignerInfos(cms);
	int count = sk_CMS_SignerInfo_num(signers);
	bool verified = false;

	if (certificate == NULL && cms != NULL) {
		count = count > SIGNERS_TRIED_MAX ? SIGNERS_TRIED_MAX : count;
		CMS_set1_signers_certs(cms, NULL, 0);
	}
	for (int i = 0; !verified && i < count; i++) {
		CMS_SignerInfo *si = sk_CMS_SignerInfo_value(signers, i);

		if (CMS_signed_get_attr_count(si) <= 0)
			continue;
		if (certificate != NULL ? CMS_SignerInfo_cert_cmp(si, certificate) != 0 : !has_own_key(si))
			continue;
		if (certificate != NULL)
			CMS_SignerInfo_set1_signer_cert(si, certificate);
		verified = type_matches(si) && CMS_SignerInfo_verify(si) > 0 && content_matches(si, s, clear);
	}
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return verified;
}

static bool
is_signed(const struct message *m, const struct mime *tree, X509 *certificate)
{
	const struct mime_part *root = tree->root, *first = NULL, *second = NULL;
	bool clear = mime_is(root, "multipart", "signed");
	struct structure s;
	struct buf decoded;
	bool found = false;

	if (claim_of(root) == NULL || root->ambiguous)
		return false;
	if (clear && (!two_parts(root, &first, &second) || !is_signature_part(second)))
		return false;
	ERR_clear_error();
	buf_init(&decoded, m->body.len);
	if (parse_part(clear ? second : root, &decoded, &s) && s.kind == STRUCTURE_SIGNED &&
	    s.has_content == !clear && (certificate == NULL || names_signer(&s, certificate)))
		found = verify_with(&s, clear ? first->whole : SLICE_NONE, certificate);
	buf_free(&decoded);
	return found;
}

bool
recognise_signed_by(const struct message *m, const struct mime *tree, X509 *certificate)
{
	return is_signed(m, tree, certificate);
}

bool
recognise_intact(const struct message *m, const struct mime *tree)
{
	return is_signed(m, tree, NULL);
}
