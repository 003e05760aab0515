/* A signature is CAdES-B-B, says what it should, and is made only in the certificate's time. */
#include "unit.h"

#include "key_fixture.h"
#include "base/der.h"
#include "keys/provider.h"
#include "smime/sign.h"
#include "smime_fixture.h"

#include <openssl/err.h>
#include <openssl/ess.h>
#include <openssl/rsa.h>

#include <string.h>

#define LIMIT ((size_t)1 << 20)
#define TEXT "Content-Type: text/plain\r\n\r\nP=C5=99edm=C4=9Bt\r\n"

static const struct fixture_wanted rsa = {0};

static void
setup(void)
{
	ck_assert_int_eq(algorithms_load(NULL), ANSWER_YES);
}

static struct sign_options
options_at(time_t now)
{
	return (struct sign_options){.digest = DIGEST_SHA256, .detached = true, .now = now};
}

static void
must_sign(struct slice entity, const struct key_identity *signer, const struct sign_options *options, struct buf *out)
{
	struct error err = ERROR_NONE;

	buf_init(out, LIMIT);
	ck_assert_msg(sign_entity(entity, signer, options, out, &err) == ANSWER_YES, "%s: %s", err.code, err.words);
}

/* With ESS checks (CMS_CADES), by OpenSSL's own reader. The signer's certificate comes from
 * the message, and is its own anchor. */
static bool
verifies(struct slice der, struct slice content, bool detached, const struct key_identity *signer)
{
	CMS_ContentInfo *cms = fixture_cms(der);
	X509_STORE *store = X509_STORE_new();
	BIO *in = detached ? BIO_new_mem_buf(content.data, (int)content.len) : NULL, *out = BIO_new(BIO_s_mem());
	char *data = NULL;
	long len;
	bool good;

	X509_STORE_add_cert(store, signer->certificate);
	X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
	X509_STORE_set_purpose(store, X509_PURPOSE_ANY);
	ck_assert_int_eq(CMS_is_detached(cms), detached);
	good = CMS_verify(cms, NULL, store, in, out, CMS_BINARY | CMS_CADES) == 1;
	len = BIO_get_mem_data(out, &data);
	good = good && slice_eq(slice_of(data, (size_t)len), content);
	BIO_free(in);
	BIO_free(out);
	X509_STORE_free(store);
	CMS_ContentInfo_free(cms);
	return good;
}

START_TEST(every_form_verifies)
{
	static const char *const curves[] = {NULL, "P-256", "P-384", "P-521"};
	struct fixture_wanted wanted = {.curve = curves[_i]};
	struct key_identity *signer = fixture_identity("seal", &wanted);
	struct slice entity = slice_str(TEXT), other = slice_str("Content-Type: text/plain\r\n\r\nnothing\r\n");
	struct buf der;

	for (int d = DIGEST_SHA256; d <= DIGEST_SHA512; d++)
		for (int pss = 0; pss <= (wanted.curve == NULL); pss++)
			for (int detached = 0; detached <= 1; detached++) {
				struct sign_options options = {.digest = (enum config_digest)d, .detached = detached,
					.rsa_signature = pss ? RSA_SIGNATURE_PSS : RSA_SIGNATURE_PKCS1, .now = FIXTURE_NOW};

				must_sign(entity, signer, &options, &der);
				ck_assert(verifies(buf_slice(&der), entity, detached, signer));
				ck_assert(!verifies(buf_slice(&der), other, detached, signer));
				buf_free(&der);
			}
	key_identity_free(signer);
}
END_TEST

static CMS_SignerInfo *
only_signer(CMS_ContentInfo *cms)
{
	ck_assert_int_eq(sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)), 1);
	return sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);
}

/* The one value of an attribute that is there once (RFC 5652 11, RFC 8551 2.5). */
static const ASN1_TYPE *
only_value(CMS_SignerInfo *si, int nid)
{
	int at = CMS_signed_get_attr_by_NID(si, nid, -1);
	X509_ATTRIBUTE *attribute;

	ck_assert_msg(at >= 0, "no %s", OBJ_nid2sn(nid));
	ck_assert_msg(CMS_signed_get_attr_by_NID(si, nid, at) < 0, "two %s", OBJ_nid2sn(nid));
	attribute = CMS_signed_get_attr(si, at);
	ck_assert_int_eq(X509_ATTRIBUTE_count(attribute), 1);
	return X509_ATTRIBUTE_get0_type(attribute, 0);
}

START_TEST(attributes_are_those_of_cades_b_b)
{
	struct key_identity *signer = fixture_identity("seal", &rsa);
	struct sign_options options = options_at(FIXTURE_NOW);
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct slice entity = slice_str(TEXT);
	const ASN1_TYPE *value;
	CMS_ContentInfo *cms;
	CMS_SignerInfo *si;
	unsigned len;
	struct buf der;

	options.digest = DIGEST_SHA384;
	must_sign(entity, signer, &options, &der);
	cms = fixture_cms(buf_slice(&der));
	si = only_signer(cms);
	ck_assert_int_eq(CMS_signed_get_attr_count(si), 5);
	ck_assert_int_eq(CMS_unsigned_get_attr_count(si), -1);
	ck_assert_int_eq(OBJ_obj2nid(only_value(si, NID_pkcs9_contentType)->value.object), NID_pkcs7_data);
	value = only_value(si, NID_pkcs9_messageDigest);
	EVP_Digest(entity.data, entity.len, digest, &len, EVP_sha384(), NULL);
	unit_assert_slice_eq(slice_of(value->value.octet_string->data, (size_t)value->value.octet_string->length),
		slice_of(digest, len));
	value = only_value(si, NID_SMIMECapabilities);
	ck_assert_int_eq(value->type, V_ASN1_SEQUENCE);
	unit_assert_slice_eq(slice_of(value->value.sequence->data, (size_t)value->value.sequence->length),
		algorithms_capabilities());
	only_value(si, NID_pkcs9_signingTime);
	only_value(si, NID_id_smime_aa_signingCertificateV2);
	CMS_ContentInfo_free(cms);
	buf_free(&der);
	key_identity_free(signer);
}
END_TEST

/* SHA-256 is ESSCertIDv2's default and is left out in DER; others are named (RFC 5035 4). */
START_TEST(ess_names_the_certificate_with_the_right_digest)
{
	static const struct {
		enum config_digest digest;
		const char *name;
	} rows[] = {{DIGEST_SHA256, "SHA256"}, {DIGEST_SHA384, "SHA384"}, {DIGEST_SHA512, "SHA512"}};
	struct key_identity *signer = fixture_identity("seal", &rsa);
	struct sign_options options = options_at(FIXTURE_NOW);
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct slice value, rest, place;
	const ASN1_TYPE *attribute;
	CMS_ContentInfo *cms;
	unsigned len;
	struct buf der;

	options.digest = rows[_i].digest;
	must_sign(slice_str(TEXT), signer, &options, &der);
	cms = fixture_cms(buf_slice(&der));
	attribute = only_value(only_signer(cms), NID_id_smime_aa_signingCertificateV2);
	value = slice_of(attribute->value.sequence->data, (size_t)attribute->value.sequence->length);
	X509_digest(signer->certificate, EVP_get_digestbyname(rows[_i].name), digest, &len);
	place = slice_of(digest, len);
	ck_assert_uint_lt(slice_find_slice(value, place), value.len);
	rest = slice_str("\x60\x86\x48\x01\x65\x03\x04\x02"); /* the digests' arc */
	ck_assert_int_eq(slice_find_slice(value, rest) < value.len, rows[_i].digest != DIGEST_SHA256);
	CMS_ContentInfo_free(cms);
	buf_free(&der);
	key_identity_free(signer);
}
END_TEST

/* RFC 5652 11.3. */
START_TEST(signing_time_is_the_callers)
{
	static const struct {
		time_t now;
		int type;
		const char *text;
	} rows[] = {
		{FIXTURE_NOW, V_ASN1_UTCTIME, "270115080000Z"},
		{2524607999, V_ASN1_UTCTIME, "491231235959Z"},
		{2524608000, V_ASN1_GENERALIZEDTIME, "20500101000000Z"},
	};
	struct key_identity *signer = fixture_identity("seal", &rsa);
	struct sign_options options = options_at(rows[_i].now);
	const ASN1_TYPE *value;
	CMS_ContentInfo *cms;
	struct buf der;

	must_sign(slice_str(TEXT), signer, &options, &der);
	cms = fixture_cms(buf_slice(&der));
	value = only_value(only_signer(cms), NID_pkcs9_signingTime);
	ck_assert_int_eq(value->type, rows[_i].type);
	ck_assert_str_eq((const char *)value->value.asn1_string->data, rows[_i].text);
	CMS_ContentInfo_free(cms);
	buf_free(&der);
	key_identity_free(signer);
}
END_TEST

/* Salt as long as the digest, the mask from the same digest (RFC 4056 3). */
START_TEST(pss_parameters)
{
	struct key_identity *signer = fixture_identity("seal", &rsa);
	struct sign_options options = options_at(FIXTURE_NOW);
	const RSA_PSS_PARAMS *parameters;
	const ASN1_STRING *encoded;
	const ASN1_OBJECT *oid;
	X509_ALGOR *algorithm;
	CMS_ContentInfo *cms;
	struct buf der;
	int type;

	options.digest = DIGEST_SHA512;
	options.rsa_signature = RSA_SIGNATURE_PSS;
	must_sign(slice_str(TEXT), signer, &options, &der);
	cms = fixture_cms(buf_slice(&der));
	CMS_SignerInfo_get0_algs(only_signer(cms), NULL, NULL, NULL, &algorithm);
	X509_ALGOR_get0(&oid, &type, (const void **)&encoded, algorithm);
	ck_assert_int_eq(OBJ_obj2nid(oid), NID_rsassaPss);
	parameters = ASN1_item_unpack(encoded, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
	ck_assert_ptr_nonnull(parameters);
	ck_assert_int_eq(OBJ_obj2nid(parameters->hashAlgorithm->algorithm), NID_sha512);
	ck_assert_int_eq(ASN1_INTEGER_get(parameters->saltLength), 64);
	ck_assert_int_eq(OBJ_obj2nid(parameters->maskGenAlgorithm->algorithm), NID_mgf1);
	RSA_PSS_PARAMS_free((RSA_PSS_PARAMS *)parameters);
	CMS_ContentInfo_free(cms);
	buf_free(&der);
	key_identity_free(signer);
}
END_TEST

START_TEST(chain_is_included)
{
	struct key_identity *signer = fixture_identity("seal", &rsa);
	struct sign_options options = options_at(FIXTURE_NOW);
	STACK_OF(X509) *certificates;
	CMS_ContentInfo *cms;
	struct buf der;

	must_sign(slice_str(TEXT), signer, &options, &der);
	cms = fixture_cms(buf_slice(&der));
	certificates = CMS_get1_certs(cms);
	ck_assert_int_eq(sk_X509_num(certificates), 2);
	ck_assert(X509_cmp(sk_X509_value(certificates, 0), sk_X509_value(certificates, 1)) != 0);
	sk_X509_pop_free(certificates, X509_free);
	CMS_ContentInfo_free(cms);
	buf_free(&der);
	key_identity_free(signer);
}
END_TEST

/* Definite lengths, and the same octets when encoded again. */
START_TEST(output_is_der)
{
	struct key_identity *signer = fixture_identity("seal", &rsa);
	struct sign_options options = options_at(FIXTURE_NOW);
	static const size_t sizes[] = {0, 1, 127, 128, 255, 256, 65535, 65536, 200000};
	unsigned char *again = NULL;
	CMS_ContentInfo *cms;
	struct buf entity, der;
	int len;

	options.detached = false;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		buf_init(&entity, LIMIT);
		if (sizes[i] > 0)
			memset(buf_extend(&entity, sizes[i]), 0, sizes[i]);
		must_sign(buf_slice(&entity), signer, &options, &der);
		ck_assert(verifies(buf_slice(&der), buf_slice(&entity), false, signer));
		cms = fixture_cms(buf_slice(&der));
		len = i2d_CMS_ContentInfo(cms, &again);
		unit_assert_slice_eq(slice_of(again, (size_t)len), buf_slice(&der));
		OPENSSL_free(again);
		again = NULL;
		CMS_ContentInfo_free(cms);
		buf_free(&entity);
		buf_free(&der);
	}
	key_identity_free(signer);
}
END_TEST

START_TEST(out_is_added_to)
{
	struct key_identity *signer = fixture_identity("seal", &rsa);
	struct sign_options options = options_at(FIXTURE_NOW);
	struct buf out;

	buf_init(&out, LIMIT);
	buf_add_str(&out, "before");
	ck_assert_int_eq(sign_entity(slice_str(TEXT), signer, &options, &out, NULL), ANSWER_YES);
	unit_assert_slice_str(slice_sub(buf_slice(&out), 0, 6), "before");
	ck_assert(verifies(slice_sub(buf_slice(&out), 6, out.len), slice_str(TEXT), true, signer));
	buf_free(&out);
	key_identity_free(signer);
}
END_TEST

START_TEST(only_in_the_certificates_time)
{
	static const struct fixture_wanted wanted = {.begin = 1700000000, .end = 1900000000};
	static const struct {
		time_t now;
		const char *code; /* NULL: it signs */
	} rows[] = {
		{1699999999, "not-yet-valid"},
		{1700000001, NULL},
		{1899999999, NULL},
		{1900000001, "expired"},
	};
	struct key_identity *signer = fixture_identity("seal", &wanted);
	struct buf out;

	buf_init(&out, LIMIT);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sign_options options = options_at(rows[i].now);
		struct error err = ERROR_NONE;
		enum answer answer = sign_entity(slice_str(TEXT), signer, &options, &out, &err);

		ck_assert_int_eq(answer, rows[i].code == NULL ? ANSWER_YES : ANSWER_CANT_TELL);
		ck_assert_int_eq(out.len > 0, rows[i].code == NULL);
		if (rows[i].code != NULL) {
			ck_assert_str_eq(err.code, rows[i].code);
			ck_assert_ptr_nonnull(strstr(err.words, "seal"));
		}
		buf_clear(&out);
	}
	buf_free(&out);
	key_identity_free(signer);
}
END_TEST

START_TEST(nonrepudiation_alone_signs)
{
	static const struct fixture_wanted wanted = {.key_usage = "critical,nonRepudiation"};
	struct key_identity *signer = fixture_identity("seal", &wanted);
	struct sign_options options = options_at(FIXTURE_NOW);
	struct buf der;

	must_sign(slice_str(TEXT), signer, &options, &der);
	ck_assert(verifies(buf_slice(&der), slice_str(TEXT), true, signer));
	buf_free(&der);
	key_identity_free(signer);
}
END_TEST

START_TEST(limit_is_a_definite_no)
{
	struct key_identity *signer = fixture_identity("seal", &rsa);
	struct sign_options options = options_at(FIXTURE_NOW);
	struct error err = ERROR_NONE;
	struct buf out;

	buf_init(&out, 1000);
	buf_add_str(&out, "before");
	for (int detached = 0; detached <= 1; detached++) {
		options.detached = detached;
		ck_assert_int_eq(sign_entity(slice_str(TEXT), signer, &options, &out, &err), ANSWER_NO);
		ck_assert_str_eq(err.code, "too-large");
		unit_assert_slice_str(buf_slice(&out), "before");
	}
	buf_free(&out);
	key_identity_free(signer);
}
END_TEST

START_TEST(wrong_key_is_no_definite_no)
{
	struct key_identity *signer = fixture_identity("seal", &rsa), *other = fixture_identity("other", &rsa);
	struct sign_options options = options_at(FIXTURE_NOW);
	struct key_identity mixed = *signer;
	struct error err = ERROR_NONE;
	struct buf out;

	mixed.key = other->key;
	buf_init(&out, LIMIT);
	ck_assert_int_eq(sign_entity(slice_str(TEXT), &mixed, &options, &out, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "sign-failed");
	ck_assert_uint_eq(out.len, 0);
	/* What is left of a failure does no harm to the next message. */
	ERR_raise(ERR_LIB_USER, 1);
	ck_assert_int_eq(sign_entity(slice_str(TEXT), signer, &options, &out, &err), ANSWER_YES);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	buf_free(&out);
	key_identity_free(signer);
	key_identity_free(other);
}
END_TEST

START_TEST(keeper_signs_and_its_absence_is_said)
{
	static const char *const names[] = {"rsa", "p256"};
	struct sign_options options = options_at(time(NULL));
	struct error err = ERROR_NONE;
	struct fixture_keeper keeper;
	struct key_identity *signer;
	struct buf out;
	EVP_PKEY *key = _i == 0 ? fixture_rsa(2048) : fixture_ec("P-256");
	X509 *certificate = fixture_certificate(key, names[_i], NULL, NULL);

	fixture_signer(names[_i], key, certificate);
	keeper = fixture_keeper_start();
	ck_assert_int_eq(provider_open(fixture_path("k"), 300, 2, &err), ANSWER_YES);
	ck_assert_int_eq(provider_identity(names[_i], KEY_TO_SIGN, &signer, &err), ANSWER_YES);
	for (int pss = 0; pss <= 1; pss++) {
		options.rsa_signature = pss ? RSA_SIGNATURE_PSS : RSA_SIGNATURE_PKCS1;
		must_sign(slice_str(TEXT), signer, &options, &out);
		ck_assert(verifies(buf_slice(&out), slice_str(TEXT), true, signer));
		buf_free(&out);
	}
	fixture_keeper_kill(&keeper);
	buf_init(&out, LIMIT);
	ck_assert_int_eq(sign_entity(slice_str(TEXT), signer, &options, &out, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "keeper-away");
	ck_assert_uint_eq(out.len, 0);
	fixture_keeper_restart(&keeper);
	ck_assert_int_eq(sign_entity(slice_str(TEXT), signer, &options, &out, &err), ANSWER_YES);
	buf_free(&out);
	key_identity_free(signer);
	provider_close();
	ck_assert_int_eq(fixture_keeper_stop(&keeper), 0);
	X509_free(certificate);
	EVP_PKEY_free(key);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sign");
	TCase *t = tcase_create("sign"), *k = tcase_create("keeper");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, every_form_verifies, 0, 4);
	tcase_add_test(t, attributes_are_those_of_cades_b_b);
	tcase_add_loop_test(t, ess_names_the_certificate_with_the_right_digest, 0, 3);
	tcase_add_loop_test(t, signing_time_is_the_callers, 0, 3);
	tcase_add_test(t, pss_parameters);
	tcase_add_test(t, chain_is_included);
	tcase_add_test(t, output_is_der);
	tcase_add_test(t, out_is_added_to);
	tcase_add_test(t, only_in_the_certificates_time);
	tcase_add_test(t, nonrepudiation_alone_signs);
	tcase_add_test(t, limit_is_a_definite_no);
	tcase_add_test(t, wrong_key_is_no_definite_no);
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(k, setup, NULL);
	tcase_set_timeout(k, 60);
	tcase_add_loop_test(k, keeper_signs_and_its_absence_is_said, 0, 2);
	suite_add_tcase(s, k);
	return unit_run(s);
}
