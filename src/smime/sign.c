#include "smime/sign.h"
#include "keys/provider.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include <limits.h>

/* NOSMIMECAP: OpenSSL's own list has 3DES, RC2 and DES in it. PARTIAL: the digest
 * is computed here, not through a chain of BIOs, and the time is the caller's. */
#define SIGN_FLAGS (CMS_PARTIAL | CMS_BINARY | CMS_NOSMIMECAP | CMS_CADES)

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

static bool
set_padding(CMS_SignerInfo *si, const EVP_MD *digest)
{
	EVP_PKEY_CTX *ctx = CMS_SignerInfo_get0_pkey_ctx(si);

	return ctx != NULL && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
		EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0 &&
		EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, digest) > 0;
}

static CMS_SignerInfo *
add_signer(CMS_ContentInfo *cms, const struct key_identity *signer, const struct sign_options *options)
{
	const EVP_MD *digest = algorithms_digest(options->digest);
	bool pss = options->rsa_signature == RSA_SIGNATURE_PSS && EVP_PKEY_is_a(signer->key, "RSA");
	CMS_SignerInfo *si = CMS_add1_signer(cms, signer->certificate, signer->key, digest,
		SIGN_FLAGS | (pss ? CMS_KEY_PARAM : 0));

	if (si == NULL || (pss && !set_padding(si, digest)))
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

static enum answer
write_der(CMS_ContentInfo *cms, struct buf *out, struct error *err)
{
	int len = i2d_CMS_ContentInfo(cms, NULL);
	unsigned char *at;

	if (len <= 0)
		return error_cant_tell(err, "no-memory", "the signature could not be encoded");
	if ((size_t)len > out->limit - out->len)
		return error_no(err, "too-large", "the signed message would have more than %zu octets", out->limit);
	at = buf_extend(out, (size_t)len);
	if (at == NULL)
		return error_cant_tell(err, "no-memory", "no memory for the signature");
	i2d_CMS_ContentInfo(cms, &at);
	return ANSWER_YES;
}

/* The content is lent for as long as the encoding lasts, so that an opaque
 * signature copies it once. */
static enum answer
write_opaque(CMS_ContentInfo *cms, struct slice entity, struct buf *out, struct error *err)
{
	ASN1_OCTET_STRING **content = CMS_get0_content(cms);
	enum answer answer;

	if (content == NULL || *content == NULL)
		return error_cant_tell(err, "no-memory", "the signature could not be encoded");
	ASN1_STRING_set0(*content, (void *)(uintptr_t)entity.data, (int)entity.len);
	answer = write_der(cms, out, err);
	ASN1_STRING_set0(*content, NULL, 0);
	return answer;
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

	if (answer != ANSWER_YES)
		return answer;
	if (entity.len > INT_MAX / 2)
		return error_no(err, "too-large", "the message is too large to be signed");
	ERR_clear_error();
	provider_outage_clear();
	cms = CMS_sign(NULL, NULL, NULL, NULL, SIGN_FLAGS | (options->detached ? CMS_DETACHED : 0));
	si = cms == NULL ? NULL : add_signer(cms, signer, options);
	if (si == NULL || !add_attributes(si, entity, options) || !CMS_SignerInfo_sign(si))
		answer = cannot_sign(signer, err);
	else if (options->detached)
		answer = write_der(cms, out, err);
	else
		answer = write_opaque(cms, entity, out, err);
	CMS_ContentInfo_free(cms);
	return answer;
}
