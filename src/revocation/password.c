#include "revocation/password.h"
#include "base/deadline.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRYPT_R 8
#define SCRYPT_P 1
#define PREFIX "$scrypt$ln="
#define PARAMETERS ",r=8,p=1$"

struct password_work {
	unsigned parallel;
	unsigned ln;
	size_t rounds;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t left;  /* a check has ended */
	struct password_usage usage;
};

bool
password_is_valid(struct slice password)
{
	if (password.len < PASSWORD_MIN || password.len > PASSWORD_MAX)
		return false;
	for (size_t i = 0; i < password.len; i++) {
		int c = ascii_lower(password.data[i]);

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z'))
			return false;
	}
	return true;
}

void
password_wipe(void *octets, size_t len)
{
	OPENSSL_cleanse(octets, len);
}

/* ---- the text form ------------------------------------------------------------ */

#define BASE64_SIZE(octets) (((octets) + 2) / 3 * 4 + 1)

static void
write_base64(const unsigned char *octets, size_t len, char *text)
{
	size_t n = (size_t)EVP_EncodeBlock((unsigned char *)text, octets, (int)len);

	while (n > 0 && text[n - 1] == '=')
		text[--n] = '\0';
}

/* Octets read, 0 where it is none. What is odd about it (blanks, bits left over) is noticed by who
 * writes it again and compares. */
static size_t
read_base64(struct slice text, unsigned char *octets, size_t max)
{
	unsigned char padded[BASE64_SIZE(PASSWORD_SALT_MAX)], read[BASE64_SIZE(PASSWORD_SALT_MAX)];
	size_t pad = (4 - text.len % 4) % 4, len;

	if (text.len == 0 || pad == 3 || text.len + pad >= sizeof padded)
		return 0;
	memcpy(padded, text.data, text.len);
	memset(padded + text.len, '=', pad);
	if (EVP_DecodeBlock(read, padded, (int)(text.len + pad)) < 0)
		return 0;
	len = text.len * 3 / 4;
	if (len > max)
		return 0;
	memcpy(octets, read, len);
	return len;
}

void
password_write(const struct password_hash *h, char text[PASSWORD_TEXT_MAX + 1])
{
	char salt[BASE64_SIZE(PASSWORD_SALT_MAX)], hash[BASE64_SIZE(PASSWORD_HASH)];

	write_base64(h->salt, h->salt_len, salt);
	write_base64(h->hash, sizeof h->hash, hash);
	snprintf(text, PASSWORD_TEXT_MAX + 1, PREFIX "%u" PARAMETERS "%s$%s", h->ln, salt, hash);
}

/* What may be a hash: whether each character stands where it should is for who writes it again to see. */
static bool
read_hash(struct slice text, struct password_hash *h)
{
	size_t digits = strlen(PREFIX), comma = slice_find(text, ',', digits), dollar;

	if (comma == text.len || comma > digits + 2)
		return false;
	for (size_t i = digits; i < comma; i++)
		h->ln = h->ln * 10 + (unsigned)(text.data[i] - '0');
	text = slice_sub(text, comma + strlen(PARAMETERS), text.len);
	dollar = slice_find(text, '$', 0);
	h->salt_len = read_base64(slice_sub(text, 0, dollar), h->salt, sizeof h->salt);
	return h->salt_len >= PASSWORD_SALT_MIN &&
		read_base64(slice_sub(text, dollar + 1, text.len), h->hash, sizeof h->hash) == sizeof h->hash;
}

enum answer
password_parse(struct slice text, unsigned ln_max, struct password_hash *hash, struct error *err)
{
	struct password_hash h = {0};
	char again[PASSWORD_TEXT_MAX + 1];
	bool is_hash;

	ERR_clear_error();
	is_hash = text.len <= PASSWORD_TEXT_MAX && read_hash(text, &h);
	ERR_clear_error();
	if (is_hash)
		password_write(&h, again);
	if (!is_hash || !slice_eq_str(text, again) || h.ln < PASSWORD_LN_MIN)
		return error_no(err, "password-hash", "a password's hash is not of the form "
			PREFIX "N" PARAMETERS "salt$hash");
	if (h.ln > ln_max || h.ln > PASSWORD_LN_MAX)
		return error_no(err, "password-cost", "a password's hash has ln=%u: too costly to be checked", h.ln);
	*hash = h;
	return ANSWER_YES;
}

/* ---- scrypt ------------------------------------------------------------------- */

static bool
derive(struct slice password, unsigned ln, const unsigned char *salt, size_t salt_len,
	unsigned char out[PASSWORD_HASH])
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
	EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	uint64_t n = (uint64_t)1 << ln, r = SCRYPT_R, p = SCRYPT_P, most = (n + 16) * SCRYPT_R * 128;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)password.data, password.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, salt_len),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_R, &r),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_P, &p),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &most),
		OSSL_PARAM_construct_end(),
	};
	bool done = ctx != NULL && EVP_KDF_derive(ctx, out, PASSWORD_HASH, params) == 1;

	EVP_KDF_CTX_free(ctx); /* it wipes its copy of the password */
	EVP_KDF_free(kdf);
	return done;
}

static enum answer
no_memory(struct error *err)
{
	error_cant_tell(err, "memory", "no memory to compute a password's hash");
	error_add_openssl(err);
	return ANSWER_CANT_TELL;
}

static enum answer
refuse_password(struct error *err)
{
	return error_no(err, "password", "a password has %d to %d characters of 0-9 A-Z a-z", PASSWORD_MIN, PASSWORD_MAX);
}

enum answer
password_make(struct slice password, unsigned ln, const unsigned char salt[PASSWORD_SALT],
	struct password_hash *hash, struct error *err)
{
	struct password_hash h = {.ln = ln, .salt_len = PASSWORD_SALT};

	if (!password_is_valid(password))
		return refuse_password(err);
	ERR_clear_error();
	memcpy(h.salt, salt, PASSWORD_SALT);
	if (!derive(password, ln, h.salt, h.salt_len, h.hash))
		return no_memory(err);
	ERR_clear_error();
	*hash = h;
	return ANSWER_YES;
}

/* ---- checking ----------------------------------------------------------------- */

struct password_work *
password_work_new(unsigned parallel, unsigned ln, size_t rounds)
{
	struct password_work *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	w->parallel = parallel;
	w->ln = ln;
	w->rounds = rounds;
	pthread_mutex_init(&w->lock, NULL);
	deadline_cond_init(&w->left);
	return w;
}

void
password_work_free(struct password_work *w)
{
	if (w == NULL)
		return;
	pthread_cond_destroy(&w->left);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void
password_work_usage(struct password_work *w, struct password_usage *usage)
{
	pthread_mutex_lock(&w->lock);
	*usage = w->usage;
	pthread_mutex_unlock(&w->lock);
}

/* False: the deadline has passed, or so many wait already that it would. */
static bool
enter(struct password_work *w, const struct timespec *deadline)
{
	struct password_usage *u = &w->usage;
	bool entered = true;

	pthread_mutex_lock(&w->lock);
	if (u->running >= w->parallel) {
		entered = u->waiting < PASSWORD_WAITING_MAX;
		u->waiting += entered;
		while (entered && u->running >= w->parallel)
			if (pthread_cond_timedwait(&w->left, &w->lock, deadline) == ETIMEDOUT)
				break;
		u->waiting -= entered;
		entered = entered && u->running < w->parallel;
	}
	if (entered && ++u->running > u->most)
		u->most = u->running;
	pthread_mutex_unlock(&w->lock);
	return entered;
}

static void
leave(struct password_work *w)
{
	pthread_mutex_lock(&w->lock);
	w->usage.running--;
	pthread_cond_signal(&w->left);
	pthread_mutex_unlock(&w->lock);
}

static bool
derive_counted(struct password_work *w, struct slice password, unsigned ln, const struct password_hash *h,
	unsigned char out[PASSWORD_HASH])
{
	pthread_mutex_lock(&w->lock);
	w->usage.cost += (uint64_t)1 << ln;
	pthread_mutex_unlock(&w->lock);
	return derive(password, ln, h->salt, h->salt_len, out);
}

/* One round costs 2^work's ln, whatever the hash's own is: where that is lower, runs for
 * nothing with it and each higher one make up for the rest, as 2^a + 2^a + 2^(a+1) + ... + 2^(b-1) = 2^b. */
static bool
run_round(struct password_work *w, struct slice password, const struct password_hash *h, bool *same)
{
	unsigned char computed[PASSWORD_HASH], for_nothing[PASSWORD_HASH];
	bool done = derive_counted(w, password, h->ln, h, computed);

	for (unsigned ln = h->ln; done && ln < w->ln; ln++)
		done = derive_counted(w, password, ln, h, for_nothing);
	*same = done && CRYPTO_memcmp(computed, h->hash, sizeof computed) == 0;
	password_wipe(computed, sizeof computed);
	password_wipe(for_nothing, sizeof for_nothing);
	return done;
}

static bool
run_rounds(struct password_work *w, struct slice password, const struct password_hash *hashes, size_t count,
	bool *matches)
{
	const struct password_hash nobody = {.ln = w->ln, .salt_len = PASSWORD_SALT};
	bool done = true, ignored;

	for (size_t i = 0; done && i < w->rounds; i++)
		done = run_round(w, password, i < count ? &hashes[i] : &nobody, i < count ? &matches[i] : &ignored);
	if (!done)
		memset(matches, 0, count * sizeof *matches);
	return done;
}

static bool
is_within(const struct password_work *w, const struct password_hash *hashes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (hashes[i].ln > w->ln)
			return false;
	return count <= w->rounds;
}

enum answer
password_check(struct password_work *w, struct slice password, const struct password_hash *hashes,
	size_t count, const struct timespec *deadline, bool *matches, struct error *err)
{
	bool done;

	if (count > 0)
		memset(matches, 0, count * sizeof *matches);
	if (!password_is_valid(password))
		return refuse_password(err);
	if (!is_within(w, hashes, count))
		return error_no(err, "limit", "more hashes of passwords, or costlier ones, than were reckoned with");
	if (!enter(w, deadline))
		return error_cant_tell(err, "password-busy", "too many passwords are being checked now");
	ERR_clear_error();
	done = run_rounds(w, password, hashes, count, matches);
	leave(w);
	if (!done)
		return no_memory(err);
	ERR_clear_error();
	return ANSWER_YES;
}
