#include "smime/sign.h"
#include "keys/provider.h"
#include "smime/structure.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include <limits.h>

/* NOSMIMECAP: OpenSSL's own list has 3DES, RC2 and DES in it. PARTIAL: the digest
 * is computed here, not through a chain of BIOs, and the time is the caller's. */
#define SIGN_FLAGS (CMS_PARTIAL | CMS_BINARY | CMS_DETACHED | CMS_NOSMIMECAP | CMS_CADES)
#define ALGORITHM_MAX 256 /* octets of an AlgorithmIdentifier */
#define OPAQUE_GROWTH 64 /* octets: more than two headers and what all others grow by */

static enum answer
check_dates(const struct key_identity *signer, time_t now, struct error *err)
{
	/* X509_cmp_time: -1 means at or before now, 0 that the time makes no sense. */
	if (X509_cmp_time(X509_get0_notBefore(signer->certificate), &now) >= 0)
		return error_cant_tell(err, "not-yet-valid", "the certificate of signer %s is not yet valid",
			signer->name);
	if (X509_cmp_time(X509_get0_notAfter(signer->certificate), &now) <= 0)
		return error_cant_tell(err, "expired", "the certificate of signer %s has expired", signer->name);
	return ANSWER_YES;
}

/* CMS_final() would write the parameters into the SignerInfo; CMS_SignerInfo_sign()
 * leaves that to us (RFC 4056 3). */
static bool
write_pss_parameters(CMS_SignerInfo *si, EVP_PKEY_CTX *ctx)
{
	unsigned char der[ALGORITHM_MAX];
	OSSL_PARAM wanted[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, der, sizeof der),
		OSSL_PARAM_END,
	};
	const unsigned char *at = der;
	X509_ALGOR *algorithm = NULL, *written;
	bool good;

	if (EVP_PKEY_CTX_get_params(ctx, wanted) > 0 && OSSL_PARAM_modified(&wanted[0]))
		algorithm = d2i_X509_ALGOR(NULL, &at, (long)wanted[0].return_size);
	CMS_SignerInfo_get0_algs(si, NULL, NULL, NULL, &written);
	good = algorithm != NULL && X509_ALGOR_copy(written, algorithm);
	X509_ALGOR_free(algorithm);
	return good;
}

static bool
set_pss(CMS_SignerInfo *si, const EVP_MD *digest)
{
	EVP_PKEY_CTX *ctx = CMS_SignerInfo_get0_pkey_ctx(si);

	return ctx != NULL && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
		EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0 &&
		EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, digest) > 0 && write_pss_parameters(si, ctx);
}

static CMS_SignerInfo *
add_signer(CMS_ContentInfo *cms, const struct key_identity *signer, const struct sign_options *options)
{
	const EVP_MD *digest = algorithms_digest(options->digest);
	bool pss = options->rsa_signature == RSA_SIGNATURE_PSS && EVP_PKEY_is_a(signer->key, "RSA");
	CMS_SignerInfo *si = CMS_add1_signer(cms, signer->certificate, signer->key, digest,
		SIGN_FLAGS | (pss ? CMS_KEY_PARAM : 0));

	if (si == NULL || (pss && !set_pss(si, digest)))
		return NULL;
	for (int i = 0; i < sk_X509_num(signer->chain); i++)
		if (!CMS_add1_cert(cms, sk_X509_value(signer->chain, i)))
			return NULL;
	return si;
}

/* ESS signing-certificate-v2 is there already: CMS_CADES. */
static bool
add_attributes(CMS_SignerInfo *si, struct slice entity, const struct sign_options *options)
{
	struct slice capabilities = algorithms_capabilities();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_len;
	/* UTCTime through 2049, GeneralizedTime after (RFC 5652 11.3). */
	ASN1_TIME *when = ASN1_TIME_set(NULL, options->now);
	bool good;

	good = when != NULL &&
		EVP_Digest(entity.data, entity.len, digest, &digest_len, algorithms_digest(options->digest), NULL) &&
		CMS_signed_add1_attr_by_NID(si, NID_pkcs9_contentType, V_ASN1_OBJECT,
			OBJ_nid2obj(NID_pkcs7_data), -1) &&
		CMS_signed_add1_attr_by_NID(si, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING, digest,
			(int)digest_len) &&
		CMS_signed_add1_attr_by_NID(si, NID_pkcs9_signingTime, when->type, when, -1) &&
		CMS_signed_add1_attr_by_NID(si, NID_SMIMECapabilities, V_ASN1_SEQUENCE, capabilities.data,
			(int)capabilities.len);
	ASN1_TIME_free(when);
	return good;
}

/* An opaque signature is the detached one with the content put in, so that the
 * content is copied once. RFC 5652 5.1, 5.2. */
static void
add_opaque(const struct structure *s, struct slice entity, struct buf *out)
{
	size_t content = der_size(der_size(entity.len));
	size_t data = s->head.len + der_size(s->content_type.len + content) + s->tail.len;

	der_add_header(DER_SEQUENCE, s->type.len + der_size(der_size(data)), out);
	buf_add_slice(out, s->type);
	der_add_header(DER_CONTEXT_CONSTRUCTED(0), der_size(data), out);
	der_add_header(DER_SEQUENCE, data, out);
	buf_add_slice(out, s->head);
	der_add_header(DER_SEQUENCE, s->content_type.len + content, out);
	buf_add_slice(out, s->content_type);
	der_add_header(DER_CONTEXT_CONSTRUCTED(0), der_size(entity.len), out);
	der_add_header(DER_OCTET_STRING, entity.len, out);
	buf_add_slice(out, entity);
	buf_add_slice(out, s->tail);
}

static enum answer
write_signature(struct slice detached, struct slice content, const struct sign_options *options, struct buf *out,
	struct error *err)
{
	size_t size = detached.len + (options->detached ? 0 : content.len + OPAQUE_GROWTH);
	struct structure s;

	if (out->limit < size || out->len > out->limit - size)
		return error_no(err, "too-large", "the signed message would have more than %zu octets", out->limit);
	if (!buf_reserve(out, size))
		return error_cant_tell(err, "memory", "no memory for the signature");
	if (options->detached)
		buf_add_slice(out, detached);
	else if (structure_parse(detached, &s))
		add_opaque(&s, content, out);
	else
		return error_cant_tell(err, "sign-failed", "the signature could not be encoded");
	return ANSWER_YES;
}

static enum answer
cannot_sign(const struct key_identity *signer, struct error *err)
{
	if (provider_outage())
		error_cant_tell(err, "keeper-away", "the key of signer %s cannot be reached now", signer->name);
	else
		error_cant_tell(err, "sign-failed", "signing with the key of signer %s failed", signer->name);
	error_add_openssl(err);
	return ANSWER_CANT_TELL;
}

enum answer
sign_entity(struct slice entity, const struct key_identity *signer, const struct sign_options *options,
	struct buf *out, struct error *err)
{
	enum answer answer = check_dates(signer, options->now, err);
	CMS_ContentInfo *cms;
	CMS_SignerInfo *si;
	unsigned char *der = NULL;
	int len = 0;

	if (answer != ANSWER_YES)
		return answer;
	if (entity.len > INT_MAX / 2)
		return error_no(err, "too-large", "the message is too large to be signed");
	ERR_clear_error();
	provider_outage_clear();
	cms = CMS_sign(NULL, NULL, NULL, NULL, SIGN_FLAGS);
	si = cms == NULL ? NULL : add_signer(cms, signer, options);
	if (si != NULL && add_attributes(si, entity, options) && CMS_SignerInfo_sign(si))
		len = i2d_CMS_ContentInfo(cms, &der);
	if (len > 0)
		answer = write_signature(slice_of(der, (size_t)len), entity, options, out, err);
	else
		answer = cannot_sign(signer, err);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	return answer;
}
