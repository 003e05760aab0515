/* Names and objects of what is permitted, and what we say of ourselves. */
#include "unit.h"

#include "smime/algorithms.h"

#include <string.h>

static void
setup(void)
{
	struct error err = ERROR_NONE;

	ck_assert_msg(algorithms_load(&err) == ANSWER_YES, "%s", err.words);
}

/* RFC 8551 3.5.3.2. */
START_TEST(digests)
{
	static const struct {
		enum config_digest digest;
		const char *name, *micalg;
		int nid, size;
	} rows[] = {
		{DIGEST_SHA256, "sha256", "sha-256", NID_sha256, 32},
		{DIGEST_SHA384, "sha384", "sha-384", NID_sha384, 48},
		{DIGEST_SHA512, "sha512", "sha-512", NID_sha512, 64},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ck_assert_str_eq(algorithms_digest_name(rows[i].digest), rows[i].name);
		ck_assert_str_eq(algorithms_micalg(rows[i].digest), rows[i].micalg);
		ck_assert_int_eq(EVP_MD_get_type(algorithms_digest(rows[i].digest)), rows[i].nid);
		ck_assert_int_eq(EVP_MD_get_size(algorithms_digest(rows[i].digest)), rows[i].size);
	}
}
END_TEST

START_TEST(ciphers)
{
	static const struct {
		enum config_cipher cipher;
		const char *name;
		int nid;
		bool authenticates;
	} rows[] = {
		{CIPHER_AES128_CBC, "aes128-cbc", NID_aes_128_cbc, false},
		{CIPHER_AES256_CBC, "aes256-cbc", NID_aes_256_cbc, false},
		{CIPHER_AES128_GCM, "aes128-gcm", NID_aes_128_gcm, true},
		{CIPHER_AES256_GCM, "aes256-gcm", NID_aes_256_gcm, true},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ck_assert_str_eq(algorithms_cipher_name(rows[i].cipher), rows[i].name);
		ck_assert_int_eq(EVP_CIPHER_get_nid(algorithms_cipher(rows[i].cipher)), rows[i].nid);
		ck_assert(algorithms_cipher_authenticates(rows[i].cipher) == rows[i].authenticates);
	}
}
END_TEST

START_TEST(loading_again_keeps_what_others_borrow)
{
	const EVP_MD *digest = algorithms_digest(DIGEST_SHA256);
	struct slice capabilities = algorithms_capabilities();

	setup();
	ck_assert_ptr_eq(digest, algorithms_digest(DIGEST_SHA256));
	ck_assert_ptr_eq(capabilities.data, algorithms_capabilities().data);
}
END_TEST

/* Only AES, without parameters, the strongest first: RFC 8551 2.5.2. */
START_TEST(capabilities_name_no_weak_cipher)
{
	static const int wanted[] = {NID_aes_256_gcm, NID_aes_128_gcm, NID_aes_256_cbc, NID_aes_192_cbc,
		NID_aes_128_cbc};
	struct slice der = algorithms_capabilities();
	const unsigned char *at = der.data;
	X509_ALGORS *list = d2i_X509_ALGORS(NULL, &at, (long)der.len);

	ck_assert_ptr_nonnull(list);
	ck_assert_ptr_eq(at, der.data + der.len);
	ck_assert_int_eq(sk_X509_ALGOR_num(list), sizeof wanted / sizeof wanted[0]);
	for (int i = 0; i < sk_X509_ALGOR_num(list); i++) {
		const ASN1_OBJECT *oid;
		int parameters;

		X509_ALGOR_get0(&oid, &parameters, NULL, sk_X509_ALGOR_value(list, i));
		ck_assert_int_eq(OBJ_obj2nid(oid), wanted[i]);
		ck_assert_int_eq(parameters, V_ASN1_UNDEF);
	}
	sk_X509_ALGOR_pop_free(list, X509_ALGOR_free);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("algorithms");
	TCase *t = tcase_create("table");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, digests);
	tcase_add_test(t, ciphers);
	tcase_add_test(t, loading_again_keeps_what_others_borrow);
	tcase_add_test(t, capabilities_name_no_weak_cipher);
	suite_add_tcase(s, t);
	return unit_run(s);
}
