#include "smime_fixture.h"

#include "smime/algorithms.h"

#include <check.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define FAR_AWAY ((time_t)2840140800) /* 2060-01-01 */
#define OUTPUT_MAX (64 * 1024 * 1024)

static EVP_PKEY *
new_key(const char *curve)
{
	EVP_PKEY *key;

	if (curve == NULL)
		key = EVP_RSA_gen(2048);
	else if (strcmp(curve, "ED25519") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else
		key = EVP_EC_gen(curve);
	ck_assert_ptr_nonnull(key);
	return key;
}

static void
add_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ck_assert_ptr_nonnull(extension);
	ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static X509 *
new_certificate(EVP_PKEY *key, const char *name, const struct fixture_wanted *wanted)
{
	static long serial = 5000;
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);

	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(certificate, subject);
	ASN1_TIME_set(X509_getm_notBefore(certificate), wanted->begin);
	ASN1_TIME_set(X509_getm_notAfter(certificate), wanted->end == 0 ? FAR_AWAY : wanted->end);
	X509_set_pubkey(certificate, key);
	add_extension(certificate, NID_subject_key_identifier, "hash");
	if (wanted->key_usage != NULL)
		add_extension(certificate, NID_key_usage, wanted->key_usage);
	ck_assert_int_gt(X509_sign(certificate, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()), 0);
	return certificate;
}

struct key_identity *
fixture_identity(const char *name, const struct fixture_wanted *wanted)
{
	static const struct fixture_wanted issuer = {.curve = "P-256"};
	struct key_identity *identity = calloc(1, sizeof *identity);
	EVP_PKEY *issuer_key = new_key(issuer.curve);

	identity->name = strdup(name);
	identity->key = new_key(wanted->curve);
	identity->certificate = new_certificate(identity->key, name, wanted);
	identity->chain = sk_X509_new_null();
	sk_X509_push(identity->chain, new_certificate(issuer_key, "issuer", &issuer));
	EVP_PKEY_free(issuer_key);
	return identity;
}

struct cert *
fixture_cert(const struct key_identity *identity)
{
	struct error err = ERROR_NONE;
	struct cert *cert = NULL;

	ck_assert_msg(cert_from_x509(identity->certificate, &cert, &err) == ANSWER_YES, "%s", err.words);
	return cert;
}

const char *const fixture_curves[FIXTURE_KINDS] = {NULL, "P-256", "P-384", "P-521"};

void
fixture_kinds(struct key_identity *identities[FIXTURE_KINDS], struct cert *certs[FIXTURE_KINDS])
{
	ck_assert_int_eq(algorithms_load(NULL), ANSWER_YES);
	for (size_t i = 0; i < FIXTURE_KINDS; i++) {
		struct fixture_wanted wanted = {.curve = fixture_curves[i]};

		identities[i] = fixture_identity(fixture_curves[i] == NULL ? "rsa" : fixture_curves[i], &wanted);
		certs[i] = fixture_cert(identities[i]);
	}
}

void
fixture_kinds_free(struct key_identity *identities[FIXTURE_KINDS], struct cert *certs[FIXTURE_KINDS])
{
	for (size_t i = 0; i < FIXTURE_KINDS; i++) {
		cert_unref(certs[i]);
		key_identity_free(identities[i]);
	}
}

struct fixture_message
fixture_message(struct slice text)
{
	static const struct mime_limits limits = {.depth = MIME_DEPTH_DEFAULT, .parts = MIME_PARTS_DEFAULT};
	struct fixture_message m = {.message = message_new(OUTPUT_MAX)};
	struct error err = ERROR_NONE;

	ck_assert_ptr_nonnull(m.message);
	ck_assert_msg(message_read(text, m.message, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_msg(mime_parse(m.message, &limits, &m.tree, &err) == ANSWER_YES, "%s", err.words);
	return m;
}

void
fixture_message_free(struct fixture_message *m)
{
	mime_free(m->tree);
	message_free(m->message);
}

CMS_ContentInfo *
fixture_cms(struct slice der)
{
	const unsigned char *at = der.data;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);

	ck_assert_ptr_nonnull(cms);
	ck_assert_ptr_eq(at, der.data + der.len);
	return cms;
}

bool
fixture_decrypt(struct slice der, const struct key_identity *identity, struct buf *out)
{
	CMS_ContentInfo *cms = fixture_cms(der);
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	bool good;

	good = CMS_decrypt(cms, identity->key, identity->certificate, NULL, bio, CMS_BINARY) == 1;
	if (good) {
		long len = BIO_get_mem_data(bio, &data);

		buf_init(out, OUTPUT_MAX);
		buf_add(out, data, (size_t)len);
	}
	BIO_free(bio);
	CMS_ContentInfo_free(cms);
	return good;
}
