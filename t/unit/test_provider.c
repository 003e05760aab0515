#include "unit.h"

#include "key_fixture.h"
#include "memory_scan.h"

#include "base/control.h"
#include "keys/provider.h"

#include <openssl/cms.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE 20000 /* ms: a slow machine is not a failure */
#define TEXT "Content-Type: text/plain\r\n\r\nP\305\231\303\255li\305\241\r\n"

static struct fixture_keeper keeper;

static void
add_old_key(void)
{
	EVP_PKEY *key = fixture_rsa(1024);
	X509 *certificate = fixture_certificate(key, "old", NULL, NULL);

	fixture_decryption_key("old", key, certificate);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

/* Signers rsa, p256, p384 and p521 with certificates of their own, which decrypt too,
 * and a decryption key "old" that does nothing else. */
static void
setup(void)
{
	static const struct {
		const char *name;
		const char *curve;
	} signers[] = {{"rsa", NULL}, {"p256", "P-256"}, {"p384", "P-384"}, {"p521", "P-521"}};
	struct error err = ERROR_NONE;

	for (size_t i = 0; i < sizeof(signers) / sizeof(signers[0]); i++) {
		EVP_PKEY *key = signers[i].curve == NULL ? fixture_rsa(2048) : fixture_ec(signers[i].curve);
		X509 *certificate = fixture_certificate(key, signers[i].name, NULL, NULL);

		fixture_signer(signers[i].name, key, certificate);
		fixture_decryption_key(signers[i].name, key, certificate);
		X509_free(certificate);
		EVP_PKEY_free(key);
	}
	add_old_key();
	keeper = fixture_keeper_start();
	ck_assert_msg(provider_open(fixture_path("k"), DEADLINE, 8, &err) == ANSWER_YES, "%s", err.words);
}

static void
teardown(void)
{
	provider_close();
	ck_assert_int_eq(fixture_keeper_stop(&keeper), 0);
}

static struct key_identity *
identity(const char *name)
{
	struct key_identity *id = NULL;
	struct error err = ERROR_NONE;

	ck_assert_msg(provider_identity(name, KEY_TO_SIGN, &id, &err) == ANSWER_YES, "%s", err.words);
	return id;
}

/* ---- signing -------------------------------------------------------------- */

static CMS_ContentInfo *
cms_sign(const struct key_identity *id, const EVP_MD *md, bool pss, unsigned extra_flags)
{
	BIO *in = BIO_new_mem_buf(TEXT, -1);
	unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_CADES | CMS_NOSMIMECAP | extra_flags;
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, in, flags);
	CMS_SignerInfo *si = CMS_add1_signer(cms, id->certificate, id->key, md, flags | (pss ? CMS_KEY_PARAM : 0));

	if (si != NULL && pss) {
		EVP_PKEY_CTX *ctx = CMS_SignerInfo_get0_pkey_ctx(si);

		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	if (si == NULL || CMS_final(cms, in, NULL, flags) != 1) {
		CMS_ContentInfo_free(cms);
		cms = NULL;
	}
	BIO_free(in);
	return cms;
}

/* By a plain public key, and after a way through DER, as a reader has it. */
static bool
cms_verify(CMS_ContentInfo *cms, X509 *certificate)
{
	BIO *der = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	X509_STORE *store = X509_STORE_new();
	CMS_ContentInfo *again;
	bool ok;
	char *text;

	ck_assert_int_eq(i2d_CMS_bio(der, cms), 1);
	again = d2i_CMS_bio(der, NULL);
	X509_STORE_add_cert(store, certificate);
	X509_STORE_set_purpose(store, X509_PURPOSE_ANY);
	ok = CMS_verify(again, NULL, store, NULL, out, CMS_BINARY) == 1;
	ok = ok && BIO_get_mem_data(out, &text) == (long)strlen(TEXT) && memcmp(text, TEXT, strlen(TEXT)) == 0;
	CMS_ContentInfo_free(again);
	X509_STORE_free(store);
	BIO_free(der);
	BIO_free(out);
	return ok;
}

static const struct {
	const char *signer;
	const char *md;
	bool pss;
	unsigned flags;
} signing[] = {
	{"rsa", "SHA256", false, 0}, {"rsa", "SHA384", false, 0}, {"rsa", "SHA512", false, 0},
	{"rsa", "SHA256", true, 0}, {"rsa", "SHA384", true, 0}, {"rsa", "SHA512", true, 0},
	{"p256", "SHA256", false, 0}, {"p256", "SHA512", false, 0}, {"p384", "SHA384", false, 0},
	{"p521", "SHA512", false, 0}, {"rsa", "SHA256", false, CMS_USE_KEYID},
	{"rsa", "SHA256", false, CMS_NOATTR}, {"rsa", "SHA256", true, CMS_NOATTR},
	{"p256", "SHA256", false, CMS_NOATTR},
};

START_TEST(test_sign)
{
	struct key_identity *id = identity(signing[_i].signer);
	/* ESS attributes and the lack of all attributes exclude each other. */
	unsigned flags = signing[_i].flags == CMS_USE_KEYID ? 0 : signing[_i].flags;
	CMS_ContentInfo *cms;

	cms = cms_sign(id, EVP_get_digestbyname(signing[_i].md), signing[_i].pss, flags);
	ck_assert_msg(cms != NULL, "%s", ERR_reason_error_string(ERR_peek_last_error()));
	ck_assert(cms_verify(cms, id->certificate));
	ck_assert(!provider_outage());
	CMS_ContentInfo_free(cms);
	key_identity_free(id);
}
END_TEST

/* The salt length and MGF that the AlgorithmIdentifier tells must be those that
 * keeper used: the verification above would fail otherwise. Here: any of them. */
START_TEST(test_pss_parameters)
{
	static const int salts[] = {RSA_PSS_SALTLEN_DIGEST, RSA_PSS_SALTLEN_AUTO, RSA_PSS_SALTLEN_MAX, 0, 20, 64};
	struct key_identity *id = identity("rsa");
	unsigned char signature[1024];

	for (size_t i = 0; i < sizeof(salts) / sizeof(salts[0]); i++) {
		EVP_MD_CTX *md = EVP_MD_CTX_new(), *verify = EVP_MD_CTX_new();
		EVP_PKEY *public = X509_get0_pubkey(id->certificate);
		EVP_PKEY_CTX *ctx, *verify_ctx;
		size_t len = sizeof(signature);

		ck_assert_int_eq(EVP_DigestSignInit(md, &ctx, EVP_sha256(), NULL, id->key), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salts[i]), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha512()), 1);
		ck_assert_int_eq(EVP_DigestSign(md, signature, &len, (const unsigned char *)TEXT, strlen(TEXT)), 1);
		ck_assert_int_eq(EVP_DigestVerifyInit(verify, &verify_ctx, EVP_sha256(), NULL, public), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(verify_ctx, RSA_PKCS1_PSS_PADDING), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_mgf1_md(verify_ctx, EVP_sha512()), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(verify_ctx,
			salts[i] == RSA_PSS_SALTLEN_MAX ? RSA_PSS_SALTLEN_AUTO : salts[i]), 1);
		ck_assert_int_eq(EVP_DigestVerify(verify, signature, len, (const unsigned char *)TEXT, strlen(TEXT)), 1);
		EVP_MD_CTX_free(md);
		EVP_MD_CTX_free(verify);
	}
	key_identity_free(id);
}
END_TEST

/* No padding, and digests that no signature should have any more. */
START_TEST(test_refused_operations)
{
	struct key_identity *id = identity("rsa");
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, id->key, NULL);
	unsigned char block[256] = {0}, out[256];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t len = sizeof(out);

	ck_assert_int_eq(EVP_PKEY_decrypt_init(ctx), 1);
	ck_assert_int_ne(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
	EVP_PKEY_CTX_free(ctx);
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, id->key, NULL);
	ck_assert_int_eq(EVP_PKEY_sign_init(ctx), 1);
	if (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1)
		ck_assert_int_ne(EVP_PKEY_sign(ctx, out, &len, block, sizeof(block)), 1);
	EVP_PKEY_CTX_free(ctx);
	ck_assert_int_ne(EVP_DigestSignInit(md, NULL, EVP_sha1(), NULL, id->key), 1);
	ck_assert_int_ne(EVP_DigestSignInit(md, NULL, EVP_md5(), NULL, id->key), 1);
	EVP_MD_CTX_free(md);
	ck_assert(!provider_outage());
	key_identity_free(id);
}
END_TEST

/* ---- decrypting ----------------------------------------------------------- */

static CMS_ContentInfo *
cms_encrypt(X509 *to, const EVP_CIPHER *cipher, const EVP_MD *oaep, const EVP_MD *mgf, const EVP_MD *kdf)
{
	BIO *in = BIO_new_mem_buf(TEXT, -1);
	unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_KEY_PARAM;
	CMS_ContentInfo *cms = CMS_encrypt(NULL, in, cipher, flags);
	CMS_RecipientInfo *ri = CMS_add1_recipient_cert(cms, to, flags);
	EVP_PKEY_CTX *ctx = CMS_RecipientInfo_get0_pkey_ctx(ri);

	ck_assert_ptr_nonnull(ctx);
	if (oaep != NULL) {
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, oaep), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mgf), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_strdup("label"), 5), 1);
	}
	if (kdf != NULL)
		ck_assert_int_eq(EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, kdf), 1);
	ck_assert_int_eq(CMS_final(cms, in, NULL, flags), 1);
	BIO_free(in);
	return cms;
}

static bool
cms_decrypt(CMS_ContentInfo *cms, const struct key_identity *id)
{
	BIO *der = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	CMS_ContentInfo *again;
	char *text;
	bool ok;

	ck_assert_int_eq(i2d_CMS_bio(der, cms), 1);
	again = d2i_CMS_bio(der, NULL);
	ok = CMS_decrypt(again, id->key, id->certificate, NULL, out, CMS_BINARY) == 1;
	ok = ok && BIO_get_mem_data(out, &text) == (long)strlen(TEXT) && memcmp(text, TEXT, strlen(TEXT)) == 0;
	CMS_ContentInfo_free(again);
	BIO_free(der);
	BIO_free(out);
	return ok;
}

static const struct {
	const char *signer;
	const char *cipher;
	const char *oaep;
	const char *mgf;
	const char *kdf;
} encryption[] = {
	{"rsa", "AES-128-CBC", NULL, NULL, NULL}, {"rsa", "AES-256-GCM", NULL, NULL, NULL},
	{"rsa", "AES-256-CBC", "SHA1", "SHA1", NULL}, {"rsa", "AES-256-CBC", "SHA256", "SHA256", NULL},
	{"rsa", "AES-256-GCM", "SHA512", "SHA512", NULL}, {"rsa", "AES-128-GCM", "SHA256", "SHA1", NULL},
	{"p256", "AES-128-CBC", NULL, NULL, "SHA256"}, {"p256", "AES-256-GCM", NULL, NULL, "SHA256"},
	{"p384", "AES-256-CBC", NULL, NULL, "SHA384"}, {"p521", "AES-256-GCM", NULL, NULL, "SHA512"},
	{"p256", "AES-128-CBC", NULL, NULL, NULL}, /* OpenSSL's own default: a SHA-1 KDF */
};

START_TEST(test_decrypt)
{
	struct key_identity *id = identity(encryption[_i].signer);
	CMS_ContentInfo *cms = cms_encrypt(id->certificate, EVP_get_cipherbyname(encryption[_i].cipher),
		encryption[_i].oaep == NULL ? NULL : EVP_get_digestbyname(encryption[_i].oaep),
		encryption[_i].mgf == NULL ? NULL : EVP_get_digestbyname(encryption[_i].mgf),
		encryption[_i].kdf == NULL ? NULL : EVP_get_digestbyname(encryption[_i].kdf));

	provider_outage_clear();
	ck_assert_msg(cms_decrypt(cms, id), "%s", ERR_reason_error_string(ERR_peek_last_error()));
	ck_assert(!provider_outage());
	CMS_ContentInfo_free(cms);
	key_identity_free(id);
}
END_TEST

/* A key of few bits, which OpenSSL's own providers would use for anything. */
START_TEST(test_decryption_key_does_not_sign)
{
	struct key_identity *id = NULL;
	struct error err = ERROR_NONE;
	CMS_ContentInfo *cms;

	ck_assert_int_eq(provider_identity("old", KEY_TO_SIGN, &id, &err), ANSWER_NO);
	ck_assert_ptr_null(id);
	ck_assert_int_eq(provider_identity("old", KEY_TO_DECRYPT, &id, &err), ANSWER_YES);
	ck_assert_str_eq(id->name, "old");
	cms = cms_encrypt(id->certificate, EVP_aes_256_cbc(), NULL, NULL, NULL);
	provider_outage_clear();
	ck_assert(cms_decrypt(cms, id));
	CMS_ContentInfo_free(cms);
	cms = cms_sign(id, EVP_sha256(), false, 0);
	ck_assert(cms == NULL);
	ck_assert(!provider_outage());
	key_identity_free(id);
}
END_TEST

static EVP_PKEY *
public_half(EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	const unsigned char *at = der;
	EVP_PKEY *public = d2i_PUBKEY(NULL, &at, len);

	ck_assert_ptr_nonnull(public);
	OPENSSL_free(der);
	return public;
}

/* A peer on another provider's key, as it comes with explicit curve parameters. */
START_TEST(test_derive_with_plain_peer)
{
	struct key_identity *id = identity("p256");
	EVP_PKEY *peer = fixture_ec("P-256"), *public = public_half(peer), *other_curve = fixture_ec("P-384");
	EVP_PKEY *sides[2][2] = {{id->key, public}, {peer, X509_get0_pubkey(id->certificate)}};
	unsigned char secret[2][32];

	for (int i = 0; i < 2; i++) {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, sides[i][0], NULL);
		size_t len = sizeof(secret[i]);

		ck_assert_int_eq(EVP_PKEY_derive_init(ctx), 1);
		ck_assert_int_ne(EVP_PKEY_derive_set_peer(ctx, other_curve), 1);
		ck_assert_int_eq(EVP_PKEY_derive_set_peer(ctx, sides[i][1]), 1);
		if (i == 0) /* without a KDF that would be the raw shared secret */
			ck_assert_int_ne(EVP_PKEY_derive(ctx, secret[i], &len), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_ecdh_kdf_type(ctx, EVP_PKEY_ECDH_KDF_X9_63), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_sha256()), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_ecdh_kdf_outlen(ctx, sizeof(secret[i])), 1);
		len = sizeof(secret[i]);
		ck_assert_int_eq(EVP_PKEY_derive(ctx, secret[i], &len), 1);
		EVP_PKEY_CTX_free(ctx);
	}
	ck_assert_mem_eq(secret[0], secret[1], sizeof(secret[0]));
	EVP_PKEY_free(peer);
	EVP_PKEY_free(public);
	EVP_PKEY_free(other_curve);
	key_identity_free(id);
}
END_TEST

/* A bad ciphertext is no outage. */
START_TEST(test_bad_ciphertext)
{
	struct key_identity *id = identity("rsa");
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, id->key, NULL);
	unsigned char in[256], out[256];
	size_t len = sizeof(out);

	memset(in, 0x42, sizeof(in));
	provider_outage_clear();
	ck_assert_int_eq(EVP_PKEY_decrypt_init(ctx), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
	ck_assert_int_ne(EVP_PKEY_decrypt(ctx, out, &len, in, sizeof(in)), 1);
	ck_assert(!provider_outage());
	EVP_PKEY_CTX_free(ctx);
	key_identity_free(id);
}
END_TEST

/* ---- identities ----------------------------------------------------------- */

START_TEST(test_unknown_signer)
{
	struct key_identity *id = NULL;
	struct error err = ERROR_NONE;

	ck_assert_int_eq(provider_identity("nobody", KEY_TO_SIGN, &id, &err), ANSWER_NO);
	ck_assert_ptr_null(id);
	ck_assert_str_eq(err.code, "no-signer");
	ck_assert_int_eq(provider_identity("nobody", KEY_TO_DECRYPT, &id, &err), ANSWER_NO);
	ck_assert_ptr_null(id);
	ck_assert_str_eq(err.code, "no-decryption-key");
}
END_TEST

START_TEST(test_private_half_cannot_be_had)
{
	static const char *const names[] = {"rsa", "p256"};

	for (int i = 0; i < 2; i++) {
		struct key_identity *id = identity(names[i]);
		OSSL_PARAM *params = NULL;
		BIGNUM *d = NULL;

		ck_assert_int_ne(EVP_PKEY_todata(id->key, EVP_PKEY_KEYPAIR, &params), 1);
		ck_assert_int_ne(EVP_PKEY_get_bn_param(id->key, i == 0 ? OSSL_PKEY_PARAM_RSA_D : OSSL_PKEY_PARAM_PRIV_KEY, &d), 1);
		ck_assert_int_eq(X509_check_private_key(id->certificate, id->key), 1);
		ck_assert_int_eq(EVP_PKEY_get_bits(id->key), i == 0 ? 2048 : 256);
		key_identity_free(id);
	}
}
END_TEST

/* Everything else in the process stays with the default provider. */
START_TEST(test_other_keys_are_plain)
{
	struct key_identity *id = identity("rsa");
	EVP_PKEY *public = X509_get0_pubkey(id->certificate), *made = fixture_rsa(2048);

	ck_assert_str_eq(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(public)), "default");
	ck_assert_str_eq(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(made)), "default");
	ck_assert_str_eq(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(id->key)), PROVIDER_NAME);
	EVP_PKEY_free(made);
	key_identity_free(id);
}
END_TEST

/* ---- keeper comes and goes ------------------------------------------------ */

static bool
sign_once(const struct key_identity *id)
{
	CMS_ContentInfo *cms = cms_sign(id, EVP_sha256(), false, 0);
	bool ok = cms != NULL && cms_verify(cms, id->certificate);

	CMS_ContentInfo_free(cms);
	return ok;
}

START_TEST(test_changed_key_is_an_outage)
{
	struct key_identity *old = identity("rsa"), *new;
	EVP_PKEY *key = fixture_rsa(2048);
	X509 *certificate = fixture_certificate(key, "new", NULL, NULL);

	fixture_write_key("rsa.key", key, NULL, false);
	ck_assert_int_eq(fixture_keeper_reload(&keeper), CONTROL_ERROR); /* key and certificate do not match */
	ck_assert(sign_once(old));
	fixture_write_certificates("rsa.crt", certificate, NULL, NULL);
	fixture_write_key("+rsa.key", key, NULL, false);
	fixture_write_certificates("+rsa.crt", certificate, NULL, NULL);
	ck_assert_int_eq(fixture_keeper_reload(&keeper), CONTROL_KEPT);
	provider_outage_clear();
	ck_assert(!sign_once(old)); /* never with the new key under the old certificate */
	ck_assert(provider_outage());
	provider_outage_clear();
	new = identity("rsa");
	ck_assert(sign_once(new));
	ck_assert(!provider_outage());
	key_identity_free(old);
	key_identity_free(new);
	X509_free(certificate);
	EVP_PKEY_free(key);
}
END_TEST

struct load {
	const struct key_identity *rsa, *ec;
	atomic_bool stop;
	atomic_uint done, failed, outages;
};

static void *
load_main(void *arg)
{
	struct load *load = arg;
	unsigned n = 0;

	do {
		provider_outage_clear();
		if (sign_once(n++ % 2 == 0 ? load->rsa : load->ec))
			load->done++;
		else
			load->failed++;
		if (provider_outage())
			load->outages++;
	} while (!load->stop);
	return NULL;
}

static void
run_threads(struct load *load, pthread_t *threads, size_t count)
{
	load->rsa = identity("rsa");
	load->ec = identity("p256");
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, load_main, load), 0);
}

static void
join_threads(struct load *load, pthread_t *threads, size_t count)
{
	load->stop = true;
	for (size_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	key_identity_free((struct key_identity *)load->rsa);
	key_identity_free((struct key_identity *)load->ec);
}

static void
wait_for(struct load *load, unsigned more)
{
	unsigned target = load->done + load->failed + more;

	while (load->done + load->failed < target)
		usleep(1000);
}

START_TEST(test_64_threads_share_a_key)
{
	struct load load = {0};
	pthread_t threads[64];

	run_threads(&load, threads, 64);
	wait_for(&load, 200);
	join_threads(&load, threads, 64);
	ck_assert_uint_eq(load.failed, 0);
	ck_assert_uint_eq(load.outages, 0);
}
END_TEST

/* Kills and restarts keeper for each octet that comes, until the end of file. A
 * process of its own, because one with threads had better not fork. */
static pid_t
start_killer(int *commands, int *answers)
{
	int to[2], from[2];
	char command;
	pid_t pid;

	ck_assert_int_eq(pipe(to), 0);
	ck_assert_int_eq(pipe(from), 0);
	fixture_keeper_kill(&keeper);
	pid = fork();
	if (pid == 0) {
		close(to[1]);
		do {
			fixture_keeper_restart(&keeper);
			if (fixture_control_wait(keeper.control_fd) != CONTROL_UP || write(from[1], "u", 1) != 1)
				_exit(1);
			if (read(to[0], &command, 1) != 1)
				command = 0;
			fixture_keeper_kill(&keeper);
		} while (command != 0);
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	*commands = to[1];
	*answers = from[0];
	return pid;
}

START_TEST(test_killed_keeper_loses_nothing)
{
	struct load load = {0};
	pthread_t threads[8];
	int commands, answers;
	pid_t killer = start_killer(&commands, &answers);
	char answer;

	ck_assert_int_eq(read(answers, &answer, 1), 1);
	run_threads(&load, threads, 8);
	for (int i = 0; i < 5; i++) {
		wait_for(&load, 40);
		ck_assert_int_eq(write(commands, "k", 1), 1);
		ck_assert_int_eq(read(answers, &answer, 1), 1);
	}
	wait_for(&load, 40);
	join_threads(&load, threads, 8);
	ck_assert_uint_eq(load.failed, 0);
	ck_assert_uint_eq(load.outages, 0);
	close(commands);
	close(answers);
	waitpid(killer, NULL, 0);
	fixture_keeper_restart(&keeper);
	ck_assert_int_eq(fixture_control_wait(keeper.control_fd), CONTROL_UP);
}
END_TEST

/* CMS_decrypt_set1_pkey then says 1 and goes on with a random key. */
START_TEST(test_keeper_away_is_an_outage)
{
	struct key_identity *rsa, *ec;
	CMS_ContentInfo *to_rsa, *to_ec;
	struct error err = ERROR_NONE;
	struct key_identity *id;

	provider_close();
	ck_assert_int_eq(provider_open(fixture_path("k"), 200, 4, &err), ANSWER_YES);
	rsa = identity("rsa");
	ec = identity("p256");
	to_rsa = cms_encrypt(rsa->certificate, EVP_aes_128_cbc(), NULL, NULL, NULL);
	to_ec = cms_encrypt(ec->certificate, EVP_aes_128_gcm(), NULL, NULL, EVP_sha256());
	ck_assert(cms_decrypt(to_rsa, rsa));
	fixture_keeper_kill(&keeper);
	for (int i = 0; i < 4; i++) {
		provider_outage_clear();
		ck_assert(!(i == 0 ? cms_decrypt(to_rsa, rsa) : i == 1 ? cms_decrypt(to_ec, ec)
			: sign_once(i == 2 ? rsa : ec)));
		ck_assert_msg(provider_outage(), "operation %d", i);
	}
	provider_outage_clear();
	ck_assert_int_eq(provider_identity("rsa", KEY_TO_SIGN, &id, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "keeper-away");
	ck_assert(provider_outage());
	fixture_keeper_restart(&keeper);
	ck_assert_int_eq(fixture_control_wait(keeper.control_fd), CONTROL_UP);
	provider_outage_clear();
	ck_assert(sign_once(rsa) && cms_decrypt(to_ec, ec));
	ck_assert(!provider_outage());
	CMS_ContentInfo_free(to_rsa);
	CMS_ContentInfo_free(to_ec);
	key_identity_free(rsa);
	key_identity_free(ec);
}
END_TEST

START_TEST(test_open_arguments)
{
	char path[200];
	struct error err = ERROR_NONE;

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	ck_assert_int_eq(provider_open(path, 100, 1, &err), ANSWER_NO);
	ck_assert_int_eq(provider_open("/nowhere", 0, 1, &err), ANSWER_NO);
	ck_assert_int_eq(provider_open("/nowhere", 100, 0, &err), ANSWER_NO);
	ck_assert_int_eq(provider_open("/nowhere", 100, PROVIDER_CONNECTIONS_MAX + 1, &err), ANSWER_NO);
	ck_assert_int_eq(provider_open("/nowhere", 100, 1, &err), ANSWER_YES);
	ck_assert_int_eq(provider_open("/nowhere", 100, 1, &err), ANSWER_NO);
	provider_close();
	provider_close();
}
END_TEST

/* ---- memory --------------------------------------------------------------- */

/* In a process that ends, so that no number of the keys is left in this one. */
static void
make_sealed_keys(void)
{
	char lines[1000] = "";
	pid_t pid;
	int status;

	fixture_dir();
	pid = fork();
	if (pid == 0) {
		EVP_PKEY *rsa = fixture_rsa(2048), *ec = fixture_ec("P-256");
		/* Not a constant: that would be in every process of this program. */
		unsigned char random[16];
		char *pass;

		ck_assert_int_eq(RAND_bytes(random, sizeof(random)), 1);
		pass = OPENSSL_buf2hexstr(random, sizeof(random));
		fixture_write("pass", pass, strlen(pass), 0600);
		fixture_write_key("rsa.key", rsa, pass, false);
		fixture_write_key("ec.key", ec, NULL, false);
		fixture_write_certificates("rsa.crt", fixture_certificate(rsa, "rsa", NULL, NULL), NULL, NULL);
		fixture_write_certificates("ec.crt", fixture_certificate(ec, "ec", NULL, NULL), NULL, NULL);
		snprintf(lines, sizeof(lines), "rsa %s %s - %s\n", fixture_path("rsa.key"), fixture_path("rsa.crt"),
			fixture_path("pass"));
		snprintf(lines + strlen(lines), sizeof(lines) - strlen(lines), "p256 %s %s - -\n", fixture_path("ec.key"),
			fixture_path("ec.crt"));
		fixture_signers(lines);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

/* Signs with both keys, says so, and stays to be looked at. */
static pid_t
start_gate(void)
{
	int ends[2];
	pid_t pid;
	char done;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		struct key_identity *rsa, *ec;

		if (provider_open(fixture_path("k"), DEADLINE, 4, NULL) != ANSWER_YES)
			_exit(1);
		rsa = identity("rsa");
		ec = identity("p256");
		for (int i = 0; i < 20; i++)
			if (!sign_once(rsa) || !sign_once(ec))
				_exit(1);
		if (write(ends[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ends[1]);
	ck_assert_int_eq(read(ends[0], &done, 1), 1);
	close(ends[0]);
	return pid;
}

START_TEST(test_keys_are_in_keeper_only)
{
	struct memory_scan scan;
	pid_t gate;

	make_sealed_keys();
	keeper = fixture_keeper_start();
	gate = start_gate();
	/* Only now, when both run, this process loads the keys. */
	memory_scan_init(&scan);
	ck_assert(memory_scan_add_key(&scan, fixture_path("rsa.key"), fixture_path("pass")));
	ck_assert(memory_scan_add_key(&scan, fixture_path("ec.key"), NULL));
	ck_assert_uint_eq(scan.count, 6 * 2 + 1 + 1 + 2 + 1);
	ck_assert_int_gt(memory_scan_process(&scan, keeper.pid), 0);
	ck_assert_uint_ge(memory_scan_hits(&scan, "d little"), 1);
	ck_assert_uint_ge(memory_scan_hits(&scan, "p little"), 1);
	ck_assert_uint_ge(memory_scan_hits(&scan, "qInv"), 1);
	ck_assert_uint_ge(memory_scan_hits(&scan, "scalar"), 1);
	ck_assert_uint_eq(memory_scan_hits(&scan, "PEM"), 0); /* wiped after it was read */
	ck_assert_uint_eq(memory_scan_hits(&scan, "pass"), 0);
	ck_assert_int_gt(memory_scan_process(&scan, gate), 0);
	for (size_t i = 0; i < scan.count; i++)
		ck_assert_msg(scan.needle[i].hits == 0, "gate holds %s", scan.needle[i].name);
	memory_scan_free(&scan);
	kill(gate, SIGKILL);
	waitpid(gate, NULL, 0);
	ck_assert_int_eq(fixture_keeper_stop(&keeper), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("provider");
	TCase *with = tcase_create("with keeper"), *without = tcase_create("without");

	tcase_add_checked_fixture(with, setup, teardown);
	tcase_set_timeout(with, 120);
	tcase_set_timeout(without, 120);
	tcase_add_loop_test(with, test_sign, 0, sizeof(signing) / sizeof(signing[0]));
	tcase_add_test(with, test_pss_parameters);
	tcase_add_test(with, test_refused_operations);
	tcase_add_loop_test(with, test_decrypt, 0, sizeof(encryption) / sizeof(encryption[0]));
	tcase_add_test(with, test_decryption_key_does_not_sign);
	tcase_add_test(with, test_derive_with_plain_peer);
	tcase_add_test(with, test_bad_ciphertext);
	tcase_add_test(with, test_unknown_signer);
	tcase_add_test(with, test_private_half_cannot_be_had);
	tcase_add_test(with, test_other_keys_are_plain);
	tcase_add_test(with, test_changed_key_is_an_outage);
	tcase_add_test(with, test_64_threads_share_a_key);
	tcase_add_test(with, test_killed_keeper_loses_nothing);
	tcase_add_test(with, test_keeper_away_is_an_outage);
	tcase_add_test(without, test_open_arguments);
	tcase_add_test(without, test_keys_are_in_keeper_only);
	suite_add_tcase(suite, with);
	suite_add_tcase(suite, without);
	return unit_run(suite);
}
