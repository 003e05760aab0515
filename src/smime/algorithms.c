#include "smime/algorithms.h"

struct digest {
	const char *name;         /* of the configuration and for people */
	const char *micalg;       /* RFC 8551 3.5.3.2 */
	const char *openssl;
	EVP_MD *fetched;
};

struct cipher {
	const char *name;
	const char *openssl;
	bool authenticates;
	EVP_CIPHER *fetched;
};

static struct digest digests[] = {
	[DIGEST_SHA256] = {.name = "sha256", .micalg = "sha-256", .openssl = "SHA2-256"},
	[DIGEST_SHA384] = {.name = "sha384", .micalg = "sha-384", .openssl = "SHA2-384"},
	[DIGEST_SHA512] = {.name = "sha512", .micalg = "sha-512", .openssl = "SHA2-512"},
};

static struct cipher ciphers[] = {
	[CIPHER_AES128_CBC] = {.name = "aes128-cbc", .openssl = "AES-128-CBC"},
	[CIPHER_AES256_CBC] = {.name = "aes256-cbc", .openssl = "AES-256-CBC"},
	[CIPHER_AES128_GCM] = {.name = "aes128-gcm", .openssl = "AES-128-GCM", .authenticates = true},
	[CIPHER_AES256_GCM] = {.name = "aes256-gcm", .openssl = "AES-256-GCM", .authenticates = true},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What we can read, the strongest first (RFC 8551 2.5.2, 2.7.1). */
static const int capability_nids[] = {
	NID_aes_256_gcm, NID_aes_128_gcm, NID_aes_256_cbc, NID_aes_192_cbc, NID_aes_128_cbc,
};

static struct {
	unsigned char *der;
	int len;
} capabilities;

static bool
build_capabilities(void)
{
	STACK_OF(X509_ALGOR) *list = NULL;
	bool good = true;

	for (size_t i = 0; i < COUNT(capability_nids); i++)
		good = good && CMS_add_simple_smimecap(&list, capability_nids[i], -1) == 1;
	if (good)
		capabilities.len = i2d_X509_ALGORS(list, &capabilities.der);
	sk_X509_ALGOR_pop_free(list, X509_ALGOR_free);
	return good && capabilities.len > 0;
}

enum answer
algorithms_load(struct error *err)
{
	for (size_t i = 0; i < COUNT(digests); i++) {
		if (digests[i].fetched == NULL)
			digests[i].fetched = EVP_MD_fetch(NULL, digests[i].openssl, NULL);
		if (digests[i].fetched == NULL)
			return error_no(err, "no-algorithm", "OpenSSL has no digest %s", digests[i].openssl);
	}
	for (size_t i = 0; i < COUNT(ciphers); i++) {
		if (ciphers[i].fetched == NULL)
			ciphers[i].fetched = EVP_CIPHER_fetch(NULL, ciphers[i].openssl, NULL);
		if (ciphers[i].fetched == NULL)
			return error_no(err, "no-algorithm", "OpenSSL has no cipher %s", ciphers[i].openssl);
	}
	if (capabilities.der == NULL && !build_capabilities())
		return error_no(err, "no-algorithm", "the SMIMECapabilities attribute cannot be built");
	return ANSWER_YES;
}

const EVP_MD *
algorithms_digest(enum config_digest digest)
{
	return digests[digest].fetched;
}

const char *
algorithms_micalg(enum config_digest digest)
{
	return digests[digest].micalg;
}

const char *
algorithms_digest_name(enum config_digest digest)
{
	return digests[digest].name;
}

const EVP_CIPHER *
algorithms_cipher(enum config_cipher cipher)
{
	return ciphers[cipher].fetched;
}

bool
algorithms_cipher_authenticates(enum config_cipher cipher)
{
	return ciphers[cipher].authenticates;
}

const char *
algorithms_cipher_name(enum config_cipher cipher)
{
	return ciphers[cipher].name;
}

struct slice
algorithms_capabilities(void)
{
	return slice_of(capabilities.der, (size_t)capabilities.len);
}
