#include "unit.h"

#include "key_fixture.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASS "tajn\303\251 heslo"

static EVP_PKEY *rsa, *ec;
static X509 *root, *rsa_certificate, *ec_certificate;

static void
setup(void)
{
	rsa = fixture_rsa(2048);
	ec = fixture_ec("P-256");
	root = fixture_certificate(ec, "root", NULL, NULL);
	rsa_certificate = fixture_certificate(rsa, "seal", root, ec);
	ec_certificate = fixture_certificate(ec, "ec seal", NULL, NULL);
	fixture_write_key("rsa.key", rsa, NULL, false);
	fixture_write_certificates("rsa.crt", rsa_certificate, NULL, NULL);
	fixture_write("pass", PASS "\n", strlen(PASS) + 1, 0600);
}

static void
teardown(void)
{
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	X509_free(root);
	X509_free(rsa_certificate);
	X509_free(ec_certificate);
}

/* Names of files in the folder, NULL for none. */
static enum key_use use = KEY_TO_SIGN; /* of load() */

static enum answer
load(const char *key, const char *certificate, const char *chain, const char *pass, struct key_identity **id,
	struct error *err)
{
	char paths[4][300];
	const char *const names[4] = {key, certificate, chain, pass};
	struct config_signer signer = {.name = "seal"};
	char **const fields[4] = {&signer.key, &signer.certificate, &signer.chain, &signer.pass_phrase_file};

	for (int i = 0; i < 4; i++)
		if (names[i] != NULL) {
			snprintf(paths[i], sizeof(paths[i]), "%s", fixture_path(names[i]));
			*fields[i] = paths[i];
		}
	*err = ERROR_NONE;
	ERR_clear_error();
	return key_load(&signer, use, id, err);
}

static void
loads(const char *key, const char *certificate, const char *chain, const char *pass, EVP_PKEY *expected, int chain_length)
{
	struct key_identity *id;
	struct error err;

	ck_assert_msg(load(key, certificate, chain, pass, &id, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_str_eq(id->name, "seal");
	ck_assert_int_eq(EVP_PKEY_eq(id->key, expected), 1);
	ck_assert_int_eq(X509_check_private_key(id->certificate, id->key), 1);
	ck_assert_int_eq(sk_X509_num(id->chain), chain_length);
	key_identity_free(id);
}

static void
refuses(const char *key, const char *certificate, const char *chain, const char *pass, const char *code, const char *words)
{
	struct key_identity *id = (struct key_identity *)1;
	struct error err;

	ck_assert_int_eq(load(key, certificate, chain, pass, &id, &err), ANSWER_NO);
	ck_assert_ptr_null(id);
	ck_assert_msg(strcmp(err.code, code) == 0, "%s: %s", err.code, err.words);
	ck_assert_msg(strstr(err.words, words) != NULL, "'%s' is not in '%s'", words, err.words);
	ck_assert_uint_eq(ERR_peek_error(), 0);
}

/* ---- what loads ----------------------------------------------------------- */

START_TEST(test_pem)
{
	fixture_write_key("rsa.old", rsa, NULL, true);
	fixture_write_key("ec.key", ec, NULL, false);
	fixture_write_key("ec.old", ec, NULL, true);
	fixture_write_certificates("ec.crt", ec_certificate, NULL, NULL);
	loads("rsa.key", "rsa.crt", NULL, NULL, rsa, 0);
	loads("rsa.old", "rsa.crt", NULL, NULL, rsa, 0);
	loads("ec.key", "ec.crt", NULL, NULL, ec, 0);
	loads("ec.old", "ec.crt", NULL, NULL, ec, 0);
}
END_TEST

/* As `openssl ecparam -genkey` writes it: the curve in a block before the key. */
START_TEST(test_pem_with_parameters_first)
{
	static const char parameters[] = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
	char all[4000];
	FILE *f;
	size_t n;

	fixture_write_key("ec.old", ec, NULL, true);
	fixture_write_certificates("ec.crt", ec_certificate, NULL, NULL);
	strcpy(all, parameters);
	f = fopen(fixture_path("ec.old"), "r");
	n = fread(all + strlen(parameters), 1, sizeof(all) - sizeof(parameters), f);
	fclose(f);
	fixture_write("ec.both", all, strlen(parameters) + n, 0600);
	loads("ec.both", "ec.crt", NULL, NULL, ec, 0);
}
END_TEST

START_TEST(test_encrypted_pem)
{
	fixture_write_key("rsa.enc", rsa, PASS, false);
	fixture_write_key("rsa.oldenc", rsa, PASS, true);
	loads("rsa.enc", "rsa.crt", NULL, "pass", rsa, 0);
	loads("rsa.oldenc", "rsa.crt", NULL, "pass", rsa, 0);
	fixture_write("pass", PASS "\r\n", strlen(PASS) + 2, 0600);
	loads("rsa.enc", "rsa.crt", NULL, "pass", rsa, 0);
	fixture_write("pass", PASS, strlen(PASS), 0600);
	loads("rsa.enc", "rsa.crt", NULL, "pass", rsa, 0);
	/* One line end is dropped, no more: the second belongs to the pass phrase. */
	fixture_write("pass", PASS "\n\n", strlen(PASS) + 2, 0600);
	refuses("rsa.enc", "rsa.crt", NULL, "pass", "pass-phrase", "wrong");
}
END_TEST

START_TEST(test_chain)
{
	fixture_write_certificates("full.crt", rsa_certificate, root, NULL);
	fixture_write_certificates("root.crt", root, NULL, NULL);
	loads("rsa.key", "full.crt", NULL, NULL, rsa, 1);
	loads("rsa.key", "rsa.crt", "root.crt", NULL, rsa, 1);
	loads("rsa.key", "full.crt", "root.crt", NULL, rsa, 1); /* the same twice is kept once */
	loads("rsa.key", "rsa.crt", "full.crt", NULL, rsa, 1);
}
END_TEST

START_TEST(test_pkcs12)
{
	fixture_write_p12("seal.p12", rsa, rsa_certificate, root, PASS);
	loads("seal.p12", NULL, NULL, "pass", rsa, 1);
	fixture_write_p12("seal.p12", ec, ec_certificate, NULL, PASS);
	loads("seal.p12", NULL, NULL, "pass", ec, 0);
	fixture_write_p12("seal.p12", rsa, rsa_certificate, root, PASS);
	loads("seal.p12", "rsa.crt", NULL, "pass", rsa, 0); /* a file of its own gives the certificate */
	refuses("seal.p12", NULL, NULL, NULL, "pass-phrase", "no pass-phrase-file");
	fixture_write("other", "x", 1, 0600);
	refuses("seal.p12", NULL, NULL, "other", "pass-phrase", "wrong");
	fixture_write_p12("open.p12", rsa, rsa_certificate, NULL, "");
	fixture_write("empty", "\n", 1, 0600);
	loads("open.p12", NULL, NULL, "empty", rsa, 0);
}
END_TEST

START_TEST(test_handle_is_of_the_public_key)
{
	X509 *renewed = fixture_certificate(rsa, "renewed", NULL, NULL);
	unsigned char one[KEY_HANDLE_SIZE], two[KEY_HANDLE_SIZE], three[KEY_HANDLE_SIZE];

	ck_assert(key_handle(rsa_certificate, one) && key_handle(renewed, two) && key_handle(ec_certificate, three));
	ck_assert_mem_eq(one, two, sizeof(one));
	ck_assert_mem_ne(one, three, sizeof(one));
	X509_free(renewed);
}
END_TEST

/* ---- who else can read it ------------------------------------------------- */

START_TEST(test_modes)
{
	static const mode_t bad[] = {0640, 0604, 0660, 0620, 0602, 0610, 0601, 0644, 0777};
	char words[20];

	fixture_write_key("rsa.enc", rsa, PASS, false);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(words, sizeof(words), "(mode %04o)", (unsigned)bad[i]);
		ck_assert_int_eq(chmod(fixture_path("rsa.key"), bad[i]), 0);
		refuses("rsa.key", "rsa.crt", NULL, NULL, "key-mode", words);
		ck_assert_int_eq(chmod(fixture_path("pass"), bad[i]), 0);
		refuses("rsa.enc", "rsa.crt", NULL, "pass", "key-mode", words);
	}
	ck_assert_int_eq(chmod(fixture_path("rsa.key"), 0400), 0);
	ck_assert_int_eq(chmod(fixture_path("rsa.crt"), 0644), 0); /* the certificate is nobody's secret */
	loads("rsa.key", "rsa.crt", NULL, NULL, rsa, 0);
}
END_TEST

START_TEST(test_owner)
{
	ck_assert_int_eq(chown(fixture_path("rsa.key"), 12345, (gid_t)-1), 0);
	refuses("rsa.key", "rsa.crt", NULL, NULL, "key-mode", "belongs to user 12345");
	ck_assert_int_eq(chmod(fixture_path("rsa.crt"), 0644), 0);
	ck_assert_int_eq(seteuid(12345), 0);
	loads("rsa.key", "rsa.crt", NULL, NULL, rsa, 0);
	ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

START_TEST(test_not_a_file)
{
	ck_assert_int_eq(mkfifo(fixture_path("fifo"), 0600), 0);
	ck_assert_int_eq(mkdir(fixture_path("folder"), 0700), 0);
	refuses("fifo", "rsa.crt", NULL, NULL, "key-file", "not a regular file"); /* and does not hang */
	refuses("folder", "rsa.crt", NULL, NULL, "key-file", "not a regular file");
	refuses("rsa.key", "fifo", NULL, NULL, "certificate-file", "not a regular file");
	refuses("missing", "rsa.crt", NULL, NULL, "key-file", "No such file");
	refuses("rsa.key", "missing", NULL, NULL, "certificate-file", "No such file");
	refuses("rsa.key", "rsa.crt", "missing", NULL, "certificate-file", "No such file");
	refuses("rsa.key", "rsa.crt", NULL, "missing", "key-file", "No such file");
	ck_assert_int_eq(symlink("rsa.key", fixture_path("link")), 0);
	loads("link", "rsa.crt", NULL, NULL, rsa, 0);
	ck_assert_int_eq(chmod(fixture_path("rsa.key"), 0644), 0);
	refuses("link", "rsa.crt", NULL, NULL, "key-mode", "mode 0644"); /* that of what it leads to */
}
END_TEST

START_TEST(test_sizes)
{
	char *big = calloc(1, KEY_FILE_MAX + 1);

	fixture_write("big", big, KEY_FILE_MAX + 1, 0600);
	refuses("big", "rsa.crt", NULL, NULL, "key-file", "larger than 262144 octets");
	refuses("rsa.key", "big", NULL, NULL, "certificate-file", "larger than 262144 octets");
	memset(big, 'x', KEY_PASS_PHRASE_MAX + 1);
	fixture_write("long", big, KEY_PASS_PHRASE_MAX + 1, 0600);
	refuses("rsa.key", "rsa.crt", NULL, "long", "pass-phrase", "longer than 1023");
	fixture_write("nul", "a\0b", 3, 0600);
	refuses("rsa.key", "rsa.crt", NULL, "nul", "pass-phrase", "NUL");
	free(big);
}
END_TEST

/* ---- what is in it -------------------------------------------------------- */

START_TEST(test_pass_phrases)
{
	static const char *const files[] = {"rsa.enc", "rsa.oldenc"};
	char wrong[30];

	fixture_write_key("rsa.enc", rsa, PASS, false);
	fixture_write_key("rsa.oldenc", rsa, PASS, true);
	for (int i = 0; i < 2; i++) {
		refuses(files[i], "rsa.crt", NULL, NULL, "pass-phrase", "encrypted and there is no pass-phrase-file");
		/* Among so many, some leave a padding that looks right. */
		for (int j = 0; j < (i == 0 ? 3 : 600); j++) {
			fixture_write("wrong", wrong, (size_t)snprintf(wrong, sizeof(wrong), "wrong %d", j), 0600);
			refuses(files[i], "rsa.crt", NULL, "wrong", "pass-phrase", "wrong");
		}
	}
}
END_TEST

START_TEST(test_mismatch)
{
	EVP_PKEY *other = fixture_rsa(2048);

	fixture_write_key("other.key", other, NULL, false);
	fixture_write_certificates("ec.crt", ec_certificate, NULL, NULL);
	fixture_write_certificates("turned.crt", root, rsa_certificate, NULL);
	refuses("other.key", "rsa.crt", NULL, NULL, "key-mismatch", "is not that of the first certificate");
	refuses("rsa.key", "ec.crt", NULL, NULL, "key-mismatch", "is not that of the first certificate");
	refuses("rsa.key", "turned.crt", NULL, NULL, "key-mismatch", "is not that of the first certificate");
	EVP_PKEY_free(other);
}
END_TEST

/* The certificate's point in the file, and a private number that does not go with it. */
START_TEST(test_halves)
{
	EVP_PKEY *other = fixture_ec("P-256"), *mixed = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	unsigned char point[133], number[32];
	BIGNUM *private = NULL;
	OSSL_PARAM params[4];
	size_t len;

	ck_assert_int_eq(EVP_PKEY_get_octet_string_param(ec, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len), 1);
	ck_assert_int_eq(EVP_PKEY_get_bn_param(other, OSSL_PKEY_PARAM_PRIV_KEY, &private), 1);
	ck_assert_int_eq(BN_bn2nativepad(private, number, sizeof(number)), sizeof(number));
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"P-256", 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, len);
	params[2] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, number, sizeof(number));
	params[3] = OSSL_PARAM_construct_end();
	ck_assert_int_eq(EVP_PKEY_fromdata_init(ctx), 1);
	ck_assert_int_eq(EVP_PKEY_fromdata(ctx, &mixed, EVP_PKEY_KEYPAIR, params), 1);
	fixture_write_key("mixed.key", mixed, NULL, false);
	fixture_write_certificates("ec.crt", ec_certificate, NULL, NULL);
	refuses("mixed.key", "ec.crt", NULL, NULL, "key-mismatch", "do not belong together");
	BN_clear_free(private);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(mixed);
	EVP_PKEY_free(other);
}
END_TEST

START_TEST(test_rubbish)
{
	static const char damaged[] = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
	static const char certificate[] = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
	unsigned char *der = NULL;
	int len = i2d_X509(rsa_certificate, &der);

	fixture_write("empty", "", 0, 0600);
	fixture_write("noise", "\x30\x82\x01\x00noise", 9, 0600);
	fixture_write("damaged", damaged, strlen(damaged), 0600);
	fixture_write("bad.crt", certificate, strlen(certificate), 0600);
	fixture_write("der.crt", der, (size_t)len, 0600);
	refuses("empty", "rsa.crt", NULL, NULL, "key-format", "neither PEM nor PKCS#12");
	refuses("noise", "rsa.crt", NULL, NULL, "key-format", "neither PEM nor PKCS#12");
	refuses("damaged", "rsa.crt", NULL, NULL, "key-format", "no key that can be read");
	refuses("rsa.crt", "rsa.crt", NULL, NULL, "key-format", "no PEM private key");
	refuses("rsa.key", "bad.crt", NULL, NULL, "certificate-file", "certificate 1 in it cannot be read");
	refuses("rsa.key", "empty", NULL, NULL, "certificate-file", "no PEM certificate");
	refuses("rsa.key", "der.crt", NULL, NULL, "certificate-file", "no PEM certificate");
	refuses("rsa.key", NULL, NULL, NULL, "certificate-file", "no certificate");
	OPENSSL_free(der);
}
END_TEST

/* A PKCS#12 file and a PEM block with something behind the structure. */
START_TEST(test_trailing_octets)
{
	unsigned char *der = NULL, more[3000];
	char pem[5000];
	int len = i2d_X509(rsa_certificate, &der), n;
	FILE *f;

	memcpy(more, der, (size_t)len);
	more[len] = 0;
	n = snprintf(pem, sizeof(pem), "-----BEGIN CERTIFICATE-----\n");
	n += EVP_EncodeBlock((unsigned char *)pem + n, more, len + 1);
	n += snprintf(pem + n, sizeof(pem) - (size_t)n, "\n-----END CERTIFICATE-----\n");
	fixture_write("more.crt", pem, (size_t)n, 0600);
	refuses("rsa.key", "more.crt", NULL, NULL, "certificate-file", "cannot be read");
	fixture_write_p12("seal.p12", ec, ec_certificate, NULL, PASS);
	f = fopen(fixture_path("seal.p12"), "a");
	fputc(0, f);
	fclose(f);
	refuses("seal.p12", NULL, NULL, "pass", "key-format", "neither PEM nor PKCS#12");
	OPENSSL_free(der);
}
END_TEST

static void
refuses_kind(EVP_PKEY *key, const char *words)
{
	X509 *certificate = fixture_certificate(key, "odd", NULL, NULL);

	fixture_write_key("odd.key", key, NULL, false);
	fixture_write_certificates("odd.crt", certificate, NULL, NULL);
	refuses("odd.key", "odd.crt", NULL, NULL, "key-kind", words);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

START_TEST(test_kinds)
{
	refuses_kind(fixture_rsa(1024), "an RSA key of 1024 bits: 2048 to 8192 are allowed");
	refuses_kind(fixture_rsa(2040), "an RSA key of 2040 bits");
	refuses_kind(fixture_ec("secp256k1"), "an EC key on secp256k1");
	refuses_kind(fixture_ec("P-224"), "an EC key on secp224r1");
	refuses_kind(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "neither an RSA nor an EC key");
}
END_TEST

/* Making a key of that size would take a minute; its public half says its size too. */
static void
write_rsa(unsigned bits)
{
	EVP_PKEY *key = fixture_rsa(bits);
	X509 *certificate = fixture_certificate(key, "old", NULL, NULL);

	fixture_write_key("old.key", key, NULL, false);
	fixture_write_certificates("old.crt", certificate, NULL, NULL);
	fixture_write_p12("old.p12", key, certificate, NULL, PASS);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

/* What was encrypted to it years ago must stay readable; nobody should sign with it. */
START_TEST(test_old_key_opens_only)
{
	struct key_identity *id;
	struct error err;

	write_rsa(1024);
	refuses("old.key", "old.crt", NULL, NULL, "key-kind", "1024 bits: 2048 to 8192 are allowed");
	refuses("old.p12", NULL, NULL, "pass", "key-kind", "1024 bits: 2048 to 8192 are allowed");
	use = KEY_TO_DECRYPT;
	ck_assert_msg(load("old.key", "old.crt", NULL, NULL, &id, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_int_eq(EVP_PKEY_get_bits(id->key), 1024);
	key_identity_free(id);
	ck_assert_msg(load("old.p12", NULL, NULL, "pass", &id, &err) == ANSWER_YES, "%s", err.words);
	key_identity_free(id);
	loads("rsa.key", "rsa.crt", NULL, NULL, rsa, 0);
	write_rsa(1008);
	refuses("old.key", "old.crt", NULL, NULL, "key-kind", "1008 bits: 1024 to 8192 are allowed");
	use = KEY_TO_SIGN;
}
END_TEST

START_TEST(test_largest)
{
	static const int bits[] = {8192, 8193};
	struct error err = ERROR_NONE;

	for (int i = 0; i < 2; i++) {
		unsigned char n[1025], e[3] = {1, 0, 1};
		OSSL_PARAM params[] = {
			OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n, sizeof(n)),
			OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, e, sizeof(e)),
			OSSL_PARAM_construct_end(),
		};
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
		EVP_PKEY *key = NULL;

		memset(n, 0xff, sizeof(n));
		n[1024] = (unsigned char)(bits[i] - 8192); /* little-endian */
		EVP_PKEY_fromdata_init(ctx);
		ck_assert_int_eq(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
		ck_assert_int_eq(EVP_PKEY_get_bits(key), bits[i]);
		ck_assert_int_eq(key_check_kind(key, KEY_TO_DECRYPT, &err), i == 0 ? ANSWER_YES : ANSWER_NO);
		EVP_PKEY_free(key);
		EVP_PKEY_CTX_free(ctx);
	}
}
END_TEST

START_TEST(test_chain_limits)
{
	char *all = malloc(KEY_FILE_MAX);
	size_t used = 0;
	FILE *f = fopen(fixture_path("rsa.crt"), "r");

	used = fread(all, 1, 10000, f);
	fclose(f);
	for (int i = 0; i < KEY_CHAIN_MAX + 1; i++) {
		X509 *more = fixture_certificate(ec, "more", NULL, NULL);
		char name[20];

		snprintf(name, sizeof(name), "more.crt");
		fixture_write_certificates(name, more, NULL, NULL);
		f = fopen(fixture_path(name), "r");
		used += fread(all + used, 1, 10000, f);
		fclose(f);
		X509_free(more);
		fixture_write("many.crt", all, used, 0600);
		if (i == KEY_CHAIN_MAX - 1)
			loads("rsa.key", "many.crt", NULL, NULL, rsa, KEY_CHAIN_MAX);
	}
	refuses("rsa.key", "many.crt", NULL, NULL, "certificate-file", "more than 16 certificates");
	free(all);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("key");
	TCase *all = tcase_create("key");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_set_timeout(all, 120);
	tcase_add_test(all, test_pem);
	tcase_add_test(all, test_pem_with_parameters_first);
	tcase_add_test(all, test_encrypted_pem);
	tcase_add_test(all, test_chain);
	tcase_add_test(all, test_pkcs12);
	tcase_add_test(all, test_handle_is_of_the_public_key);
	tcase_add_test(all, test_modes);
	tcase_add_test(all, test_owner);
	tcase_add_test(all, test_not_a_file);
	tcase_add_test(all, test_sizes);
	tcase_add_test(all, test_pass_phrases);
	tcase_add_test(all, test_mismatch);
	tcase_add_test(all, test_halves);
	tcase_add_test(all, test_rubbish);
	tcase_add_test(all, test_trailing_octets);
	tcase_add_test(all, test_kinds);
	tcase_add_test(all, test_old_key_opens_only);
	tcase_add_test(all, test_largest);
	tcase_add_test(all, test_chain_limits);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
