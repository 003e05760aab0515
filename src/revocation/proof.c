#include "revocation/proof.h"

#include "base/file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_NAME "proof.key"
#define PUBLIC_NAME "proof.pub"
#define FILE_OCTETS_MAX (16 * 1024)

/*     magic | size of the wrapped key, 2 octets | wrapped key | ciphertext | tag
 *
 * What is wrapped is used once: content key, then nonce. All in front of the ciphertext, and the label, are authenticated
 * with it. No message begins with a NUL. */
static const unsigned char magic[8] = {'\0', 'p', 'r', 'o', 'o', 'f', '1', '\0'};

#define HEAD_OCTETS (sizeof magic + 2)
#define WRAPPED_OCTETS (PROOF_RSA_BITS / 8)
#define KEY_OCTETS 32
#define NONCE_OCTETS 12
#define TAG_OCTETS 16

_Static_assert(HEAD_OCTETS + WRAPPED_OCTETS + TAG_OCTETS <= PROOF_OVERHEAD, "what is sealed is not longer than it may be");

struct proof_key {
	EVP_PKEY *pkey;
};

struct content_key {
	unsigned char octets[KEY_OCTETS + NONCE_OCTETS];
};

/* ---- files ---------------------------------------------------------------------- */

static enum answer
out_of_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "out of memory");
}

static enum answer
path_of(const char *directory, const char *name, const char *end, char path[PATH_MAX], struct error *err)
{
	int len = snprintf(path, PATH_MAX, "%s/%s%s", directory, name, end);

	return len > 0 && len < PATH_MAX ? ANSWER_YES : error_no(err, "proof", "the name of %s is too long", directory);
}

static int
no_pass_phrase(char *buffer, int size, int writing, void *arg)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

/* One key and nothing behind it. NULL: it is none. */
static EVP_PKEY *
parse_pem(struct slice text, bool secret)
{
	BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
	EVP_PKEY *pkey = NULL;

	if (bio == NULL)
		return NULL;
	pkey = secret ? PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL) :
		PEM_read_bio_PUBKEY(bio, NULL, no_pass_phrase, NULL);
	if (pkey != NULL && (BIO_pending(bio) > 0 || !EVP_PKEY_is_a(pkey, "RSA") ||
	    EVP_PKEY_get_bits(pkey) != PROOF_RSA_BITS)) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	BIO_free(bio);
	return pkey;
}

static enum answer
read_key(const char *path, bool secret, EVP_PKEY **pkey, struct error *err)
{
	struct buf text;
	enum answer answer;

	buf_init(&text, FILE_OCTETS_MAX);
	answer = file_read(path, secret ? FILE_SECRET : FILE_PUBLIC, &text, err);
	if (answer == ANSWER_YES) {
		ERR_clear_error();
		*pkey = parse_pem(buf_slice(&text), secret);
		ERR_clear_error();
		if (*pkey == NULL)
			answer = error_no(err, "proof", "%s is no RSA key of %d bits", path, PROOF_RSA_BITS);
	} else if (answer == ANSWER_NO && err != NULL) {
		err->code = "proof";
	}
	buf_wipe(&text);
	return answer;
}

static bool
sync_directory(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd != -1 && fsync(fd) == 0;

	if (fd != -1)
		close(fd);
	return good;
}

/* Whole or not at all: a crash between leaves the old one. */
static enum answer
write_file(const char *directory, const char *name, mode_t mode, struct slice content, struct error *err)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	enum answer answer = path_of(directory, name, "", path, err);
	bool good;
	int fd;

	if (answer == ANSWER_YES)
		answer = path_of(directory, name, ".new", fresh, err);
	if (answer != ANSWER_YES)
		return answer;
	unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd == -1)
		return error_cant_tell(err, "proof", "cannot make %s: %s", fresh, strerror(errno));
	good = fchmod(fd, mode) == 0 && file_write(fd, content) && fsync(fd) == 0;
	good = close(fd) == 0 && good && rename(fresh, path) == 0 && sync_directory(directory);
	if (good)
		return ANSWER_YES;
	answer = error_cant_tell(err, "proof", "cannot write %s: %s", path, strerror(errno));
	unlink(fresh);
	return answer;
}

static enum answer
write_key(const char *directory, bool secret, EVP_PKEY *pkey, struct error *err)
{
	BIO *bio = BIO_new(BIO_s_mem()); /* which wipes what it held */
	enum answer answer;
	char *text = NULL;
	bool good;
	long len = 0;

	ERR_clear_error();
	good = bio != NULL && (secret ? PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) :
		PEM_write_bio_PUBKEY(bio, pkey)) == 1;
	if (good)
		len = BIO_get_mem_data(bio, &text);
	ERR_clear_error();
	answer = good && len > 0 ? write_file(directory, secret ? SECRET_NAME : PUBLIC_NAME, secret ? 0600 : 0644,
		slice_of(text, (size_t)len), err) : out_of_memory(err);
	BIO_free(bio);
	return answer;
}

/* ---- keys ----------------------------------------------------------------------- */

static enum answer
make_key(const char *directory, EVP_PKEY **pkey, struct error *err)
{
	enum answer answer;

	ERR_clear_error();
	*pkey = EVP_RSA_gen(PROOF_RSA_BITS);
	ERR_clear_error();
	if (*pkey == NULL)
		return error_cant_tell(err, "random", "no RSA key can be made now");
	answer = write_key(directory, true, *pkey, err);
	if (answer == ANSWER_YES)
		return answer;
	EVP_PKEY_free(*pkey);
	*pkey = NULL;
	return answer;
}

/* gate seals for what lies there, so that it must be the private one's. */
static enum answer
publish(const char *directory, EVP_PKEY *pkey, struct error *err)
{
	EVP_PKEY *published = NULL;
	char path[PATH_MAX];
	enum answer answer = path_of(directory, PUBLIC_NAME, "", path, err);
	bool is_same;

	if (answer != ANSWER_YES)
		return answer;
	is_same = read_key(path, false, &published, NULL) == ANSWER_YES && EVP_PKEY_eq(published, pkey) == 1;
	EVP_PKEY_free(published);
	ERR_clear_error();
	return is_same ? ANSWER_YES : write_key(directory, false, pkey, err);
}

static enum answer
hand_out(EVP_PKEY *pkey, struct proof_key **key, struct error *err)
{
	*key = malloc(sizeof **key);
	if (*key == NULL) {
		EVP_PKEY_free(pkey);
		return out_of_memory(err);
	}
	(*key)->pkey = pkey;
	return ANSWER_YES;
}

enum answer
proof_key_open(const char *directory, struct proof_key **key, struct error *err)
{
	EVP_PKEY *pkey = NULL;
	char path[PATH_MAX];
	enum answer answer = path_of(directory, SECRET_NAME, "", path, err);

	if (answer != ANSWER_YES)
		return answer;
	if (access(path, F_OK) == 0)
		answer = read_key(path, true, &pkey, err);
	else if (errno == ENOENT)
		answer = make_key(directory, &pkey, err);
	else
		answer = error_cant_tell(err, "proof", "cannot look for %s: %s", path, strerror(errno));
	if (answer == ANSWER_YES)
		answer = publish(directory, pkey, err);
	if (answer == ANSWER_YES)
		return hand_out(pkey, key, err);
	EVP_PKEY_free(pkey);
	return answer;
}

enum answer
proof_key_open_public(const char *directory, struct proof_key **key, struct error *err)
{
	EVP_PKEY *pkey = NULL;
	char path[PATH_MAX];
	enum answer answer = path_of(directory, PUBLIC_NAME, "", path, err);

	if (answer == ANSWER_YES)
		answer = read_key(path, false, &pkey, err);
	if (answer == ANSWER_YES)
		return hand_out(pkey, key, err);
	if (answer == ANSWER_NO) { /* worker makes it, or mends it */
		if (err != NULL)
			err->answer = ANSWER_CANT_TELL;
		answer = ANSWER_CANT_TELL;
	}
	return answer;
}

void
proof_key_free(struct proof_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

/* ---- wrapping ------------------------------------------------------------------- */

static EVP_PKEY_CTX *
oaep(const struct proof_key *key, int (*init)(EVP_PKEY_CTX *ctx))
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);

	if (ctx != NULL && init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) == 1)
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

static bool
wrap(const struct proof_key *key, const struct content_key *content, unsigned char wrapped[WRAPPED_OCTETS])
{
	EVP_PKEY_CTX *ctx = oaep(key, EVP_PKEY_encrypt_init);
	size_t len = WRAPPED_OCTETS;
	bool good = ctx != NULL && EVP_PKEY_encrypt(ctx, wrapped, &len, content->octets, sizeof content->octets) == 1 &&
		len == WRAPPED_OCTETS;

	EVP_PKEY_CTX_free(ctx);
	return good;
}

static bool
unwrap(const struct proof_key *key, struct slice wrapped, struct content_key *content)
{
	EVP_PKEY_CTX *ctx = oaep(key, EVP_PKEY_decrypt_init);
	unsigned char plain[WRAPPED_OCTETS];
	size_t len = sizeof plain;
	bool good = ctx != NULL && EVP_PKEY_decrypt(ctx, plain, &len, wrapped.data, wrapped.len) == 1 &&
		len == sizeof content->octets;

	if (good)
		memcpy(content->octets, plain, sizeof content->octets);
	OPENSSL_cleanse(plain, sizeof plain);
	EVP_PKEY_CTX_free(ctx);
	return good;
}

/* ---- sealing -------------------------------------------------------------------- */

/* Both ways: with the key, and over what stands in front and the label. */
static EVP_CIPHER_CTX *
gcm(const struct content_key *content, struct slice head, struct slice label, int encrypts)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len;

	if (ctx != NULL && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, content->octets, content->octets + KEY_OCTETS,
	    encrypts) == 1 && EVP_CipherUpdate(ctx, NULL, &len, head.data, (int)head.len) == 1 &&
	    (label.len == 0 || EVP_CipherUpdate(ctx, NULL, &len, label.data, (int)label.len) == 1))
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

/* at has room for head, ciphertext and tag. */
static bool
seal(const struct proof_key *key, const struct content_key *content, struct slice label, struct slice octets,
	unsigned char *at)
{
	const size_t head = HEAD_OCTETS + WRAPPED_OCTETS;
	EVP_CIPHER_CTX *ctx;
	int len = 0, rest = 0;
	bool good;

	memcpy(at, magic, sizeof magic);
	at[sizeof magic] = WRAPPED_OCTETS >> 8;
	at[sizeof magic + 1] = WRAPPED_OCTETS & 0xff;
	if (!wrap(key, content, at + HEAD_OCTETS))
		return false;
	ctx = gcm(content, slice_of(at, head), label, 1);
	good = ctx != NULL &&
		(octets.len == 0 || EVP_CipherUpdate(ctx, at + head, &len, octets.data, (int)octets.len) == 1) &&
		EVP_CipherFinal_ex(ctx, at + head + len, &rest) == 1 && (size_t)len == octets.len && rest == 0 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_OCTETS, at + head + len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return good;
}

enum answer
proof_seal(const struct proof_key *key, struct slice label, struct slice octets, struct buf *out, struct error *err)
{
	struct content_key content;
	enum answer answer = ANSWER_YES;
	unsigned char *at;

	if (octets.len > PROOF_OCTETS_MAX || label.len > PROOF_OCTETS_MAX)
		return error_cant_tell(err, "memory", "more than %d octets are to be sealed", PROOF_OCTETS_MAX);
	ERR_clear_error();
	if (RAND_priv_bytes(content.octets, sizeof content.octets) != 1) {
		ERR_clear_error();
		return error_cant_tell(err, "random", "no random octets can be had now");
	}
	at = buf_extend(out, HEAD_OCTETS + WRAPPED_OCTETS + octets.len + TAG_OCTETS);
	if (at == NULL || !seal(key, &content, label, octets, at))
		answer = out_of_memory(err);
	OPENSSL_cleanse(&content, sizeof content);
	ERR_clear_error();
	return answer;
}

bool
proof_is_sealed(struct slice octets)
{
	return octets.len >= sizeof magic && memcmp(octets.data, magic, sizeof magic) == 0;
}

/* Nothing of it counts before the tag was looked at. */
static bool
unseal(const struct content_key *content, struct slice head, struct slice label, struct slice sealed, unsigned char *at)
{
	EVP_CIPHER_CTX *ctx = gcm(content, head, label, 0);
	unsigned char tag[TAG_OCTETS];
	size_t octets = sealed.len - TAG_OCTETS;
	int len = 0, rest = 0;
	bool good;

	memcpy(tag, sealed.data + octets, TAG_OCTETS);
	good = ctx != NULL && (octets == 0 || EVP_CipherUpdate(ctx, at, &len, sealed.data, (int)octets) == 1) &&
		(size_t)len == octets && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_OCTETS, tag) == 1 &&
		EVP_CipherFinal_ex(ctx, at + len, &rest) == 1 && rest == 0;
	EVP_CIPHER_CTX_free(ctx);
	return good;
}

static bool
is_well_formed(struct slice octets)
{
	return proof_is_sealed(octets) && octets.len >= HEAD_OCTETS + WRAPPED_OCTETS + TAG_OCTETS &&
		octets.len <= PROOF_OCTETS_MAX + PROOF_OVERHEAD &&
		octets.data[sizeof magic] == WRAPPED_OCTETS >> 8 && octets.data[sizeof magic + 1] == (WRAPPED_OCTETS & 0xff);
}

enum answer
proof_open(const struct proof_key *key, struct slice label, struct slice octets, struct buf *out, struct error *err)
{
	const struct slice head = slice_sub(octets, 0, HEAD_OCTETS + WRAPPED_OCTETS);
	const struct slice sealed = slice_sub(octets, head.len, octets.len);
	size_t before = out->len;
	struct content_key content;
	unsigned char nothing, *at;
	bool good;

	if (!is_well_formed(octets) || label.len > PROOF_OCTETS_MAX)
		return error_no(err, "proof", "the proof is malformed");
	ERR_clear_error();
	at = sealed.len == TAG_OCTETS ? &nothing : buf_extend(out, sealed.len - TAG_OCTETS);
	if (at == NULL)
		return out_of_memory(err);
	good = unwrap(key, slice_sub(head, HEAD_OCTETS, head.len), &content) && unseal(&content, head, label, sealed, at);
	if (!good)
		OPENSSL_cleanse(at, sealed.len - TAG_OCTETS);
	out->len = good ? out->len : before;
	OPENSSL_cleanse(&content, sizeof content);
	ERR_clear_error();
	return good ? ANSWER_YES : error_no(err, "proof", "the proof does not open: it was not sealed for this request");
}
