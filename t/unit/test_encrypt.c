/* What is encrypted can be read by each recipient, and is built as the standards ask. */
#include "unit.h"

#include "base/der.h"
#include "smime/encrypt.h"
#include "smime_fixture.h"

#include <openssl/err.h>

#include <string.h>

#define LIMIT ((size_t)1 << 22)
#define TEXT "Content-Type: text/plain\r\n\r\nP=C5=99edm=C4=9Bt\r\n"

#define KINDS FIXTURE_KINDS
static struct key_identity *identities[KINDS];
static struct cert *certs[KINDS];

static void
setup(void)
{
	fixture_kinds(identities, certs);
}

static void
teardown(void)
{
	fixture_kinds_free(identities, certs);
}

static void
must_encrypt(struct slice entity, struct cert *const *to, size_t count, const struct encrypt_options *options,
	struct buf *out)
{
	struct error err = ERROR_NONE;

	buf_init(out, LIMIT);
	ck_assert_msg(encrypt_entity(entity, to, count, options, out, &err) == ANSWER_YES, "%s: %s", err.code,
		err.words);
}

static void
assert_opens(struct slice der, const struct key_identity *identity, struct slice entity)
{
	struct buf plain;

	ck_assert_msg(fixture_decrypt(der, identity, &plain), "%s cannot open it", identity->name);
	unit_assert_slice_eq(buf_slice(&plain), entity);
	buf_free(&plain);
}

/* Around the cipher's block, and where DER's length octets become more. */
START_TEST(every_cipher_and_size)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 111, 112, 127, 128, 239, 240, 255, 256, 65000, 65535, 65536,
		300000};
	struct encrypt_options options = {.cipher = (enum config_cipher)_i};
	struct buf entity, der;

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		buf_init(&entity, LIMIT);
		if (sizes[i] > 0)
			memset(buf_extend(&entity, sizes[i]), 'x', sizes[i]);
		must_encrypt(buf_slice(&entity), &certs[0], 1, &options, &der);
		if (sizes[i] > 0) /* OpenSSL's reader takes no empty content */
			assert_opens(buf_slice(&der), identities[0], buf_slice(&entity));
		buf_free(&der);
		buf_free(&entity);
	}
}
END_TEST

START_TEST(every_transport)
{
	struct buf der;

	for (int c = CIPHER_AES128_CBC; c <= CIPHER_AES256_GCM; c++)
		for (int oaep = 0; oaep <= (_i == 0); oaep++) {
			struct encrypt_options options = {.cipher = (enum config_cipher)c,
				.rsa_transport = oaep ? RSA_TRANSPORT_OAEP : RSA_TRANSPORT_PKCS1};

			must_encrypt(slice_str(TEXT), &certs[_i], 1, &options, &der);
			assert_opens(buf_slice(&der), identities[_i], slice_str(TEXT));
			ck_assert(!fixture_decrypt(buf_slice(&der), identities[(_i + 1) % KINDS], &(struct buf){0}));
			buf_free(&der);
		}
}
END_TEST

START_TEST(to_several)
{
	struct encrypt_options options = {.cipher = CIPHER_AES256_GCM};
	CMS_ContentInfo *cms;
	struct buf der;

	must_encrypt(slice_str(TEXT), certs, KINDS, &options, &der);
	cms = fixture_cms(buf_slice(&der));
	ck_assert_int_eq(sk_CMS_RecipientInfo_num(CMS_get0_RecipientInfos(cms)), KINDS);
	CMS_ContentInfo_free(cms);
	for (size_t i = 0; i < KINDS; i++)
		assert_opens(buf_slice(&der), identities[i], slice_str(TEXT));
	buf_free(&der);
}
END_TEST

/* Every child of the value, and theirs: does one hold exactly this OBJECT IDENTIFIER? */
static bool
names_oid(struct slice der, int nid)
{
	ASN1_OBJECT *object = OBJ_nid2obj(nid);
	unsigned char *encoded = NULL;
	int len = i2d_ASN1_OBJECT(object, &encoded);
	bool found = slice_find_slice(der, slice_of(encoded, (size_t)len)) < der.len;

	OPENSSL_free(encoded);
	return found;
}

/* RFC 8551 2.3: the key wrap is as long as the content key; the KDF's digest is as strong as the
 * curve, and never SHA-1. */
START_TEST(key_agreement_is_as_strong_as_the_key)
{
	static const int kdf[] = {NID_undef, NID_dhSinglePass_stdDH_sha256kdf_scheme,
		NID_dhSinglePass_stdDH_sha384kdf_scheme, NID_dhSinglePass_stdDH_sha512kdf_scheme};
	static const struct {
		enum config_cipher cipher;
		int wrap;
	} rows[] = {
		{CIPHER_AES128_CBC, NID_id_aes128_wrap}, {CIPHER_AES128_GCM, NID_id_aes128_wrap},
		{CIPHER_AES256_CBC, NID_id_aes256_wrap}, {CIPHER_AES256_GCM, NID_id_aes256_wrap},
	};
	struct buf der;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct encrypt_options options = {.cipher = rows[i].cipher};

		must_encrypt(slice_str(TEXT), &certs[_i], 1, &options, &der);
		for (size_t k = 1; k < KINDS; k++)
			ck_assert_int_eq(names_oid(buf_slice(&der), kdf[k]), k == (size_t)_i);
		ck_assert(names_oid(buf_slice(&der), rows[i].wrap));
		ck_assert(!names_oid(buf_slice(&der), rows[i].wrap == NID_id_aes128_wrap ? NID_id_aes256_wrap :
			NID_id_aes128_wrap));
		buf_free(&der);
	}
}
END_TEST

START_TEST(rsa_transport_is_the_one_wanted)
{
	for (int oaep = 0; oaep <= 1; oaep++) {
		struct encrypt_options options = {.cipher = CIPHER_AES256_CBC,
			.rsa_transport = oaep ? RSA_TRANSPORT_OAEP : RSA_TRANSPORT_PKCS1};
		struct buf der;

		must_encrypt(slice_str(TEXT), &certs[0], 1, &options, &der);
		ck_assert_int_eq(names_oid(buf_slice(&der), NID_rsaesOaep), oaep);
		ck_assert_int_eq(names_oid(buf_slice(&der), NID_mgf1), oaep);
		ck_assert_int_eq(names_oid(buf_slice(&der), NID_sha256), oaep);
		ck_assert(!names_oid(buf_slice(&der), NID_sha1));
		buf_free(&der);
	}
}
END_TEST

START_TEST(content_type_follows_the_cipher)
{
	for (int c = CIPHER_AES128_CBC; c <= CIPHER_AES256_GCM; c++) {
		struct encrypt_options options = {.cipher = (enum config_cipher)c};
		CMS_ContentInfo *cms;
		struct buf der;

		must_encrypt(slice_str(TEXT), &certs[0], 1, &options, &der);
		cms = fixture_cms(buf_slice(&der));
		ck_assert_int_eq(OBJ_obj2nid(CMS_get0_type(cms)), algorithms_cipher_authenticates(options.cipher) ?
			NID_id_smime_ct_authEnvelopedData : NID_pkcs7_enveloped);
		CMS_ContentInfo_free(cms);
		buf_free(&der);
	}
}
END_TEST

START_TEST(output_is_der)
{
	for (int c = CIPHER_AES128_CBC; c <= CIPHER_AES256_GCM; c++) {
		struct encrypt_options options = {.cipher = (enum config_cipher)c};
		unsigned char *again = NULL;
		CMS_ContentInfo *cms;
		struct buf der;
		int len;

		must_encrypt(slice_str(TEXT), certs, KINDS, &options, &der);
		cms = fixture_cms(buf_slice(&der));
		len = i2d_CMS_ContentInfo(cms, &again);
		unit_assert_slice_eq(slice_of(again, (size_t)len), buf_slice(&der));
		OPENSSL_free(again);
		CMS_ContentInfo_free(cms);
		buf_free(&der);
	}
}
END_TEST

START_TEST(no_two_envelopes_are_alike)
{
	struct encrypt_options options = {.cipher = CIPHER_AES256_CBC};
	struct slice a_end, b_end;
	struct buf a, b;

	must_encrypt(slice_str(TEXT), &certs[0], 1, &options, &a);
	must_encrypt(slice_str(TEXT), &certs[0], 1, &options, &b);
	a_end = slice_sub(buf_slice(&a), a.len - 16, a.len);
	b_end = slice_sub(buf_slice(&b), b.len - 16, b.len);
	ck_assert(!slice_eq(a_end, b_end));
	buf_free(&a);
	buf_free(&b);
}
END_TEST

START_TEST(an_altered_envelope_is_noticed)
{
	struct encrypt_options options = {.cipher = CIPHER_AES128_GCM};
	struct buf der;

	must_encrypt(slice_str(TEXT), &certs[0], 1, &options, &der);
	der.data[der.len - 1] ^= 1; /* the tag */
	ck_assert(!fixture_decrypt(buf_slice(&der), identities[0], &(struct buf){0}));
	der.data[der.len - 1] ^= 1;
	der.data[der.len - 30] ^= 1; /* the content */
	ck_assert(!fixture_decrypt(buf_slice(&der), identities[0], &(struct buf){0}));
	buf_free(&der);
}
END_TEST

START_TEST(out_is_added_to)
{
	struct encrypt_options options = {.cipher = CIPHER_AES128_CBC};
	struct buf out;

	buf_init(&out, LIMIT);
	buf_add_str(&out, "before");
	ck_assert_int_eq(encrypt_entity(slice_str(TEXT), &certs[0], 1, &options, &out, NULL), ANSWER_YES);
	unit_assert_slice_str(slice_sub(buf_slice(&out), 0, 6), "before");
	assert_opens(slice_sub(buf_slice(&out), 6, out.len), identities[0], slice_str(TEXT));
	buf_free(&out);
}
END_TEST

static void
assert_refused(struct cert *const *to, size_t count, size_t limit, const char *code)
{
	struct encrypt_options options = {.cipher = CIPHER_AES256_GCM};
	struct error err = ERROR_NONE;
	struct buf out;

	buf_init(&out, limit);
	buf_add_str(&out, "before");
	ck_assert_int_eq(encrypt_entity(slice_str(TEXT), to, count, &options, &out, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, code);
	unit_assert_slice_str(buf_slice(&out), "before");
	ck_assert_uint_eq(ERR_peek_error(), 0);
	buf_free(&out);
}

START_TEST(what_cannot_be_is_refused)
{
	static struct cert *many[ENCRYPT_RECIPIENTS_MAX + 1];
	struct fixture_wanted wanted = {.curve = "ED25519"};
	struct key_identity *edwards = fixture_identity("edwards", &wanted);
	struct cert *unfit = fixture_cert(edwards), *mixed[] = {certs[0], unfit};

	assert_refused(certs, 0, LIMIT, "recipients");
	for (size_t i = 0; i < sizeof many / sizeof many[0]; i++)
		many[i] = certs[0];
	assert_refused(many, sizeof many / sizeof many[0], LIMIT, "recipients");
	assert_refused(certs, 1, 200, "too-large");
	/* Not to those who can read it while another cannot. */
	assert_refused(mixed, 2, LIMIT, "recipient-key");
	cert_unref(unfit);
	key_identity_free(edwards);
}
END_TEST

START_TEST(as_many_as_permitted)
{
	static struct cert *many[ENCRYPT_RECIPIENTS_MAX];
	struct encrypt_options options = {.cipher = CIPHER_AES256_GCM};
	struct buf der;

	for (size_t i = 0; i < sizeof many / sizeof many[0]; i++)
		many[i] = certs[i % 2];
	must_encrypt(slice_str(TEXT), many, ENCRYPT_RECIPIENTS_MAX, &options, &der);
	assert_opens(buf_slice(&der), identities[0], slice_str(TEXT));
	buf_free(&der);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("encrypt");
	TCase *t = tcase_create("encrypt");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, every_cipher_and_size, CIPHER_AES128_CBC, CIPHER_AES256_GCM + 1);
	tcase_add_loop_test(t, every_transport, 0, KINDS);
	tcase_add_test(t, to_several);
	tcase_add_loop_test(t, key_agreement_is_as_strong_as_the_key, 1, KINDS);
	tcase_add_test(t, rsa_transport_is_the_one_wanted);
	tcase_add_test(t, content_type_follows_the_cipher);
	tcase_add_test(t, output_is_der);
	tcase_add_test(t, no_two_envelopes_are_alike);
	tcase_add_test(t, an_altered_envelope_is_noticed);
	tcase_add_test(t, out_is_added_to);
	tcase_add_test(t, what_cannot_be_is_refused);
	tcase_add_test(t, as_many_as_permitted);
	suite_add_tcase(s, t);
	return unit_run(s);
}
