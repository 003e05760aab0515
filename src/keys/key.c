#include "keys/key.h"

#include "base/file.h"
#include "config/config.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEM_BLOCKS_MAX 64 /* of any kind in one file */

/* A whole file. It lies in OpenSSL's secure heap where the process has one, and
 * is wiped. */
struct file {
	const char *path;
	unsigned char *data; /* one NUL more than len */
	size_t len;
};

struct pem_block {
	char *name;
	char *header;
	unsigned char *data;
	long len;
};

/* ---- files ---------------------------------------------------------------- */

static void
file_free(struct file *file)
{
	if (file->data != NULL)
		OPENSSL_secure_clear_free(file->data, file->len + 1);
	file->data = NULL;
	file->len = 0;
}

/* Into memory that is not swapped. code: what a failure is called; a secret that
 * others can read is "key-mode" whatever it is. */
static enum answer
file_load(const char *path, size_t limit, enum file_kind kind, const char *code, struct file *file, struct error *err)
{
	enum answer answer;
	size_t size;
	int fd;

	*file = (struct file){.path = path};
	answer = file_open(path, kind, limit, &fd, &size, err);
	if (answer == ANSWER_YES) {
		file->data = OPENSSL_secure_zalloc(size + 1);
		file->len = size;
		answer = file->data == NULL ? error_cant_tell(err, "memory", "%s: out of memory", path) :
			file_read_into(fd, path, file->data, size, err);
		close(fd);
	}
	if (answer == ANSWER_NO && err != NULL)
		err->code = strcmp(err->code, "file-mode") == 0 ? "key-mode" : code;
	if (answer != ANSWER_YES)
		file_free(file);
	return answer;
}

/* The pass phrase as a NUL-terminated text without its line end. */
static enum answer
pass_phrase_read(const char *path, struct file *file, struct error *err)
{
	enum answer answer;

	*file = (struct file){.path = path};
	if (path == NULL)
		return ANSWER_YES;
	answer = file_load(path, KEY_PASS_PHRASE_MAX + 2, FILE_SECRET, "key-file", file, err);
	if (answer != ANSWER_YES)
		return answer;
	if (file->len > 0 && file->data[file->len - 1] == '\n')
		file->data[--file->len] = '\0';
	if (file->len > 0 && file->data[file->len - 1] == '\r')
		file->data[--file->len] = '\0';
	if (memchr(file->data, '\0', file->len) != NULL)
		answer = error_no(err, "pass-phrase", "%s holds a NUL octet", path);
	else if (file->len > KEY_PASS_PHRASE_MAX)
		answer = error_no(err, "pass-phrase", "the pass phrase in %s is longer than %d octets", path,
			KEY_PASS_PHRASE_MAX);
	if (answer != ANSWER_YES)
		file_free(file);
	return answer;
}

/* ---- PEM ------------------------------------------------------------------ */

static void
pem_block_free(struct pem_block *block)
{
	if (block->data != NULL)
		OPENSSL_secure_clear_free(block->data, (size_t)block->len);
	OPENSSL_secure_free(block->header);
	OPENSSL_secure_free(block->name);
	*block = (struct pem_block){0};
}

static bool
pem_block_next(BIO *bio, struct pem_block *block)
{
	pem_block_free(block);
	if (PEM_read_bio_ex(bio, &block->name, &block->header, &block->data, &block->len, PEM_FLAG_SECURE) == 1)
		return true;
	*block = (struct pem_block){0};
	return false;
}

static bool
is_pem(const struct file *file)
{
	return memmem(file->data, file->len, "-----BEGIN ", 11) != NULL;
}

/* OpenSSL's own callback would prompt on the terminal; this one never does. */
static int
pass_phrase_callback(char *to, int size, int writing, void *arg)
{
	const struct file *pass = arg;

	(void)writing;
	if (pass->data == NULL || pass->len > (size_t)size)
		return -1;
	memcpy(to, pass->data, pass->len);
	return (int)pass->len;
}

static enum answer
wrong_pass_phrase(const char *path, const struct file *pass, struct error *err)
{
	ERR_clear_error();
	if (pass->data == NULL)
		return error_no(err, "pass-phrase", "%s is encrypted and there is no pass-phrase-file", path);
	return error_no(err, "pass-phrase", "%s cannot be decrypted: the pass phrase in %s is wrong, or the file damaged",
		path, pass->path);
}

static enum answer
from_pkcs8(const char *path, struct pem_block *block, EVP_PKEY **key, struct error *err)
{
	const unsigned char *at = block->data;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, block->len);

	if (info != NULL && at == block->data + block->len)
		*key = EVP_PKCS82PKEY(info);
	PKCS8_PRIV_KEY_INFO_free(info);
	if (*key != NULL)
		return ANSWER_YES;
	error_no(err, "key-format", "%s holds no key that can be read", path);
	error_add_openssl(err);
	return ANSWER_NO;
}

static enum answer
from_encrypted_pkcs8(const char *path, struct pem_block *block, const struct file *pass, EVP_PKEY **key,
	struct error *err)
{
	const unsigned char *at = block->data;
	X509_SIG *sealed = d2i_X509_SIG(NULL, &at, block->len);
	PKCS8_PRIV_KEY_INFO *info = NULL;
	enum answer answer = ANSWER_YES;

	if (sealed == NULL || at != block->data + block->len) {
		answer = error_no(err, "key-format", "%s holds no key that can be read", path);
		goto out;
	}
	if (pass->data != NULL)
		info = PKCS8_decrypt(sealed, (const char *)pass->data, (int)pass->len);
	if (info == NULL) {
		answer = wrong_pass_phrase(path, pass, err);
		goto out;
	}
	*key = EVP_PKCS82PKEY(info);
	if (*key == NULL) {
		answer = error_no(err, "key-format", "%s holds no key that can be read", path);
		error_add_openssl(err);
	}
out:
	PKCS8_PRIV_KEY_INFO_free(info);
	X509_SIG_free(sealed);
	return answer;
}

/* RFC 1421's encryption, as OpenSSL wrote it before PKCS#8. */
static enum answer
from_traditional(const char *path, struct pem_block *block, int type, const struct file *pass, EVP_PKEY **key,
	struct error *err)
{
	EVP_CIPHER_INFO cipher = {0};
	const unsigned char *at;
	long len = block->len;
	bool encrypted;

	if (PEM_get_EVP_CIPHER_INFO(block->header, &cipher) != 1)
		return error_no(err, "key-format", "%s is encrypted in a way that is not known", path);
	encrypted = cipher.cipher != NULL;
	if (encrypted && PEM_do_header(&cipher, block->data, &len, pass_phrase_callback, (void *)pass) != 1)
		return wrong_pass_phrase(path, pass, err);
	at = block->data;
	*key = d2i_PrivateKey(type, NULL, &at, len);
	if (*key != NULL && at == block->data + len)
		return ANSWER_YES;
	EVP_PKEY_free(*key);
	*key = NULL;
	/* One wrong pass phrase in 256 leaves a padding that looks right. */
	if (encrypted)
		return wrong_pass_phrase(path, pass, err);
	error_no(err, "key-format", "%s holds no key that can be read", path);
	error_add_openssl(err);
	return ANSWER_NO;
}

static enum answer
from_pem(const struct file *file, const struct file *pass, EVP_PKEY **key, struct error *err)
{
	BIO *bio = BIO_new_mem_buf(file->data, (int)file->len);
	enum answer answer = error_no(err, "key-format", "%s holds no PEM private key", file->path);
	struct pem_block block = {0};
	unsigned blocks = 0;

	while (bio != NULL && *key == NULL && blocks++ < PEM_BLOCKS_MAX && pem_block_next(bio, &block)) {
		if (strcmp(block.name, "PRIVATE KEY") == 0)
			answer = from_pkcs8(file->path, &block, key, err);
		else if (strcmp(block.name, "ENCRYPTED PRIVATE KEY") == 0)
			answer = from_encrypted_pkcs8(file->path, &block, pass, key, err);
		else if (strcmp(block.name, "RSA PRIVATE KEY") == 0)
			answer = from_traditional(file->path, &block, EVP_PKEY_RSA, pass, key, err);
		else if (strcmp(block.name, "EC PRIVATE KEY") == 0)
			answer = from_traditional(file->path, &block, EVP_PKEY_EC, pass, key, err);
		else
			continue;
		break;
	}
	pem_block_free(&block);
	BIO_free(bio);
	return answer;
}

/* ---- certificates --------------------------------------------------------- */

/* The first one becomes the identity's certificate, if it has none yet; one
 * that is there already is not kept twice. */
static enum answer
add_certificate(struct key_identity *identity, X509 *certificate, const char *path, struct error *err)
{
	if (identity->certificate == NULL) {
		identity->certificate = certificate;
		return ANSWER_YES;
	}
	bool known = X509_cmp(identity->certificate, certificate) == 0;

	for (int i = 0; !known && i < sk_X509_num(identity->chain); i++)
		known = X509_cmp(sk_X509_value(identity->chain, i), certificate) == 0;
	if (known) {
		X509_free(certificate);
		return ANSWER_YES;
	}
	if (sk_X509_num(identity->chain) >= KEY_CHAIN_MAX) {
		X509_free(certificate);
		return error_no(err, "certificate-file", "%s: more than %d certificates in the chain", path, KEY_CHAIN_MAX);
	}
	if (sk_X509_push(identity->chain, certificate) <= 0) {
		X509_free(certificate);
		return error_cant_tell(err, "memory", "%s: out of memory", path);
	}
	return ANSWER_YES;
}

static enum answer
certificates_from_pem(struct key_identity *identity, const struct file *file, struct error *err)
{
	BIO *bio = BIO_new_mem_buf(file->data, (int)file->len);
	enum answer answer = ANSWER_YES;
	struct pem_block block = {0};
	unsigned blocks = 0, found = 0;

	while (bio != NULL && answer == ANSWER_YES && blocks++ < PEM_BLOCKS_MAX && pem_block_next(bio, &block)) {
		const unsigned char *at = block.data;
		X509 *certificate;

		if (strcmp(block.name, PEM_STRING_X509) != 0 && strcmp(block.name, PEM_STRING_X509_OLD) != 0)
			continue;
		found++;
		certificate = d2i_X509(NULL, &at, block.len);
		if (certificate == NULL || at != block.data + block.len) {
			X509_free(certificate);
			answer = error_no(err, "certificate-file", "%s: certificate %u in it cannot be read", file->path, found);
		} else {
			answer = add_certificate(identity, certificate, file->path, err);
		}
	}
	pem_block_free(&block);
	BIO_free(bio);
	if (answer == ANSWER_YES && found == 0)
		answer = error_no(err, "certificate-file", "%s holds no PEM certificate", file->path);
	return answer;
}

static enum answer
certificates_read(struct key_identity *identity, const char *path, struct error *err)
{
	struct file file;
	enum answer answer = file_load(path, KEY_FILE_MAX, FILE_PUBLIC, "certificate-file", &file, err);

	if (answer == ANSWER_YES)
		answer = certificates_from_pem(identity, &file, err);
	file_free(&file);
	return answer;
}

/* ---- PKCS#12 (RFC 7292) --------------------------------------------------- */

/* The key, and the certificates unless a file of its own gives them. */
static enum answer
pkcs12_take(struct key_identity *identity, PKCS12 *p12, const struct file *file, const struct file *pass,
	bool certificates, struct error *err)
{
	STACK_OF(X509) *chain = NULL;
	enum answer answer = ANSWER_YES;
	X509 *certificate = NULL;

	if (PKCS12_parse(p12, (const char *)pass->data, &identity->key, &certificate, &chain) != 1) {
		error_no(err, "key-format",
			"%s cannot be opened, though its pass phrase is right; an old cipher? write it anew with openssl pkcs12",
			file->path);
		error_add_openssl(err);
		return ANSWER_NO;
	}
	if (identity->key == NULL)
		answer = error_no(err, "key-format", "%s holds no private key", file->path);
	else if (certificates && certificate == NULL)
		answer = error_no(err, "key-mismatch", "%s holds no certificate of its key", file->path);
	if (certificates && answer == ANSWER_YES) {
		X509_up_ref(certificate);
		answer = add_certificate(identity, certificate, file->path, err);
	}
	while (certificates && answer == ANSWER_YES && sk_X509_num(chain) > 0)
		answer = add_certificate(identity, sk_X509_shift(chain), file->path, err);
	X509_free(certificate);
	sk_X509_pop_free(chain, X509_free);
	return answer;
}

static enum answer
from_pkcs12(struct key_identity *identity, const struct file *file, const struct file *pass, bool certificates,
	struct error *err)
{
	const unsigned char *at = file->data;
	PKCS12 *p12 = d2i_PKCS12(NULL, &at, (long)file->len);
	enum answer answer;

	if (p12 == NULL || at != file->data + file->len) {
		ERR_clear_error();
		answer = error_no(err, "key-format", "%s is neither PEM nor PKCS#12", file->path);
	} else if (!PKCS12_mac_present(p12)) {
		answer = error_no(err, "key-format", "%s has no MAC that guards it", file->path);
	} else if (PKCS12_verify_mac(p12, (const char *)pass->data, (int)pass->len) != 1) {
		answer = wrong_pass_phrase(file->path, pass, err);
	} else {
		answer = pkcs12_take(identity, p12, file, pass, certificates, err);
	}
	PKCS12_free(p12);
	return answer;
}

/* ---- the whole ------------------------------------------------------------ */

const char *
key_use_word(enum key_use use)
{
	return use == KEY_TO_SIGN ? "signer" : "decryption-key";
}

enum answer
key_check_kind(EVP_PKEY *key, enum key_use use, struct error *err)
{
	char group[64];
	int bits = EVP_PKEY_get_bits(key), least = use == KEY_TO_SIGN ? KEY_RSA_BITS_MIN : KEY_RSA_BITS_MIN_DECRYPT;

	if (EVP_PKEY_is_a(key, "RSA")) {
		if (bits < least || bits > KEY_RSA_BITS_MAX)
			return error_no(err, "key-kind", "an RSA key of %d bits: %d to %d are allowed", bits, least,
				KEY_RSA_BITS_MAX);
		return ANSWER_YES;
	}
	if (!EVP_PKEY_is_a(key, "EC"))
		return error_no(err, "key-kind", "neither an RSA nor an EC key");
	if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL) != 1)
		return error_no(err, "key-kind", "an EC key on a curve without a name");
	if (strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0 || strcmp(group, "secp521r1") == 0)
		return ANSWER_YES;
	return error_no(err, "key-kind", "an EC key on %s: P-256, P-384 and P-521 are allowed", group);
}

bool
key_handle(X509 *certificate, unsigned char handle[KEY_HANDLE_SIZE])
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	bool ok = len > 0 && EVP_Digest(der, (size_t)len, handle, NULL, EVP_sha256(), NULL) == 1;

	OPENSSL_free(der);
	return ok;
}

/* X509_check_private_key() compares the public halves alone. With a private one that
 * does not go with them every signature would be made, and none would verify. */
static bool
halves_agree(const struct key_identity *identity)
{
	static const unsigned char text[] = "sealmilter";
	unsigned char signature[KEY_RSA_BITS_MAX / 8];
	size_t len = sizeof(signature);
	EVP_MD_CTX *sign = EVP_MD_CTX_new(), *verify = EVP_MD_CTX_new();
	bool agree = sign != NULL && verify != NULL
	    && EVP_DigestSignInit(sign, NULL, EVP_sha256(), NULL, identity->key) == 1
	    && EVP_DigestSign(sign, signature, &len, text, sizeof(text)) == 1
	    && EVP_DigestVerifyInit(verify, NULL, EVP_sha256(), NULL, X509_get0_pubkey(identity->certificate)) == 1
	    && EVP_DigestVerify(verify, signature, len, text, sizeof(text)) == 1;

	EVP_MD_CTX_free(sign);
	EVP_MD_CTX_free(verify);
	return agree;
}

static enum answer
check_identity(const struct config_signer *files, enum key_use use, const struct key_identity *identity,
	struct error *err)
{
	const char *path = files->certificate != NULL ? files->certificate : files->key;
	size_t octets = 0;
	enum answer answer = key_check_kind(identity->key, use, err);

	if (answer != ANSWER_YES) {
		error_prefix(err, "%s", files->key);
		return answer;
	}
	if (X509_check_private_key(identity->certificate, identity->key) != 1) {
		ERR_clear_error();
		return error_no(err, "key-mismatch", "the key in %s is not that of the first certificate in %s",
			files->key, path);
	}
	if (!halves_agree(identity)) {
		ERR_clear_error();
		return error_no(err, "key-mismatch", "the private and the public half of the key in %s do not belong together",
			files->key);
	}
	for (int i = -1; i < sk_X509_num(identity->chain); i++) {
		int len = i2d_X509(i < 0 ? identity->certificate : sk_X509_value(identity->chain, i), NULL);

		octets += len > 0 ? (size_t)len : KEY_CERTIFICATES_MAX;
	}
	if (octets > KEY_CERTIFICATES_MAX)
		return error_no(err, "certificate-file", "%s: certificate and chain have more than %d octets", path,
			KEY_CERTIFICATES_MAX);
	return ANSWER_YES;
}

static enum answer
load_key(const struct config_signer *files, struct key_identity *identity, struct error *err)
{
	struct file file = {0}, pass = {0};
	enum answer answer = pass_phrase_read(files->pass_phrase_file, &pass, err);

	if (answer == ANSWER_YES)
		answer = file_load(files->key, KEY_FILE_MAX, FILE_SECRET, "key-file", &file, err);
	if (answer != ANSWER_YES)
		goto out;
	if (is_pem(&file) && files->certificate == NULL)
		answer = error_no(err, "certificate-file", "%s holds a key alone, and there is no certificate", files->key);
	else if (is_pem(&file))
		answer = from_pem(&file, &pass, &identity->key, err);
	else
		answer = from_pkcs12(identity, &file, &pass, files->certificate == NULL, err);
out:
	file_free(&file);
	file_free(&pass);
	return answer;
}

enum answer
key_load(const struct config_signer *files, enum key_use use, struct key_identity **identity, struct error *err)
{
	struct key_identity *new = calloc(1, sizeof(*new));
	enum answer answer;

	*identity = NULL;
	ERR_clear_error();
	if (new == NULL || (new->name = strdup(files->name)) == NULL || (new->chain = sk_X509_new_null()) == NULL) {
		key_identity_free(new);
		return error_cant_tell(err, "memory", "%s %s: out of memory", key_use_word(use), files->name);
	}
	if (strlen(new->name) > KEY_NAME_MAX) {
		key_identity_free(new);
		return error_no(err, "key-name", "the name of a %s is longer than %d octets", key_use_word(use),
			KEY_NAME_MAX);
	}
	answer = load_key(files, new, err);
	if (answer == ANSWER_YES && files->certificate != NULL)
		answer = certificates_read(new, files->certificate, err);
	if (answer == ANSWER_YES && files->chain != NULL)
		answer = certificates_read(new, files->chain, err);
	if (answer == ANSWER_YES)
		answer = check_identity(files, use, new, err);
	ERR_clear_error();
	if (answer == ANSWER_YES)
		*identity = new;
	else
		key_identity_free(new);
	return answer;
}

void
key_identity_free(struct key_identity *identity)
{
	if (identity == NULL)
		return;
	free(identity->name);
	EVP_PKEY_free(identity->key);
	X509_free(identity->certificate);
	sk_X509_pop_free(identity->chain, X509_free);
	free(identity);
}
