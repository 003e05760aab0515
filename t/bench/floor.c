#include "floor.h"

#include "mail/transfer.h"

#include <malloc.h>
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SIGNATURE_MAX 16384 /* octets of a detached signature in base64 */
#define RUNS_MIN 3

struct loop {
	const struct scene *scene;
	struct slice entity;
	unsigned recipients;
	bool streamed;
	EVP_MD *digest;
	EVP_CIPHER *cipher;
	STACK_OF(X509) *chain;
	STACK_OF(X509) *to;
	unsigned char *text; /* the entity, and room for a signature after it */
	unsigned char *wire; /* room for base64 of all */
	/* Of opening. */
	const struct letter *letter;
	X509_STORE *store;
	bool (*once)(struct loop *l);
};

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t
base64(unsigned char *out, const unsigned char *der, size_t len)
{
	EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
	size_t total = 0;
	int n;

	if (ctx == NULL)
		return 0;
	EVP_EncodeInit(ctx);
	if (EVP_EncodeUpdate(ctx, out, &n, der, (int)len) == 1)
		total = (size_t)n;
	EVP_EncodeFinal(ctx, out + total, &n);
	EVP_ENCODE_CTX_free(ctx);
	return total + (size_t)n;
}

/* Signs and puts the base64 behind the entity; 0: failed. */
static size_t
sign(struct loop *l)
{
	unsigned flags = CMS_BINARY | CMS_DETACHED | CMS_NOSMIMECAP;
	BIO *in = BIO_new_mem_buf(l->entity.data, (int)l->entity.len);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, l->chain, NULL, flags | CMS_PARTIAL);
	unsigned char *der = NULL;
	size_t len = 0;
	int n = -1;

	if (in != NULL && cms != NULL &&
	    CMS_add1_signer(cms, l->scene->seal, l->scene->key, l->digest, flags | CMS_CADES) != NULL &&
	    CMS_final(cms, in, NULL, flags) == 1)
		n = i2d_CMS_ContentInfo(cms, &der);
	if (n > 0 && (size_t)n * 2 < SIGNATURE_MAX)
		len = base64(l->text + l->entity.len, der, (size_t)n);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	return len;
}

static bool
encrypt_buffered(struct loop *l, BIO *in)
{
	CMS_ContentInfo *cms = CMS_encrypt(l->to, in, l->cipher, CMS_BINARY);
	unsigned char *der = NULL;
	int n = cms != NULL ? i2d_CMS_ContentInfo(cms, &der) : -1;
	bool ok = n > 0 && base64(l->wire, der, (size_t)n) > 0;

	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	return ok;
}

static bool
encrypt_streamed(struct loop *l, BIO *in)
{
	unsigned flags = CMS_BINARY | CMS_STREAM;
	CMS_ContentInfo *cms = CMS_encrypt(l->to, NULL, l->cipher, flags);
	BIO *out = BIO_new(BIO_s_mem());
	char *der;
	long n;
	bool ok = cms != NULL && out != NULL && i2d_CMS_bio_stream(out, cms, in, (int)flags) == 1;

	n = ok ? BIO_get_mem_data(out, &der) : 0;
	ok = n > 0 && base64(l->wire, (unsigned char *)der, (size_t)n) > 0;
	BIO_free(out);
	CMS_ContentInfo_free(cms);
	return ok;
}

static bool
seal_once(struct loop *l)
{
	size_t signature = sign(l);
	BIO *in;
	bool ok;

	if (signature == 0 || l->recipients == 0)
		return signature > 0;
	in = BIO_new_mem_buf(l->text, (int)(l->entity.len + signature));
	ok = in != NULL && (l->streamed ? encrypt_streamed(l, in) : encrypt_buffered(l, in));
	BIO_free(in);
	return ok;
}

static double
run(struct loop *l, double seconds)
{
	double begun, now;
	unsigned runs = 0;

	if (!l->once(l)) /* caches are warm afterwards */
		return -1;
	begun = cpu_seconds();
	do {
		if (!l->once(l))
			return -1;
		runs++;
		now = cpu_seconds();
	} while (runs < RUNS_MIN || now - begun < seconds);
	return (now - begun) * 1000 / runs;
}

static void
quiet_heap(void)
{
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

static bool
prepare(struct loop *l)
{
	size_t text = l->entity.len + SIGNATURE_MAX;

	quiet_heap();
	l->digest = EVP_MD_fetch(NULL, "SHA256", NULL);
	l->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	l->chain = sk_X509_new_null();
	l->to = sk_X509_new_null();
	l->text = malloc(text);
	l->wire = malloc((text + 65536) / 3 * 4 + text / 32);
	if (l->digest == NULL || l->cipher == NULL || l->chain == NULL || l->to == NULL || l->text == NULL ||
	    l->wire == NULL || sk_X509_push(l->chain, l->scene->intermediate) == 0)
		return false;
	for (unsigned i = 0; i < l->recipients; i++)
		if (sk_X509_push(l->to, l->scene->recipients[i]) == 0)
			return false;
	memcpy(l->text, l->entity.data, l->entity.len);
	return true;
}

double
floor_ms(const struct scene *s, struct slice entity, unsigned recipients, double seconds)
{
	struct loop l = {.scene = s, .entity = entity, .recipients = recipients, .once = seal_once};
	double ms = -1, streamed;

	if (prepare(&l)) {
		ms = run(&l, seconds);
		l.streamed = true;
		streamed = recipients > 0 ? run(&l, seconds) : ms;
		if (ms < 0 || (streamed >= 0 && streamed < ms))
			ms = streamed;
	}
	EVP_MD_free(l.digest);
	EVP_CIPHER_free(l.cipher);
	sk_X509_free(l.chain);
	sk_X509_free(l.to);
	free(l.text);
	free(l.wire);
	return ms;
}

/* ---- opening ---------------------------------------------------------------- */

/* Base64 by mail/transfer, which takes a quarter of the time that OpenSSL takes. */
static CMS_ContentInfo *
read_base64(struct slice text)
{
	CMS_ContentInfo *cms = NULL;
	const unsigned char *at;
	struct buf der;

	buf_init(&der, text.len);
	if (transfer_decode_base64(text, &der, NULL) == ANSWER_YES) {
		at = der.data;
		cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
	}
	buf_free(&der);
	return cms;
}

static bool
verify(struct loop *l, const unsigned char *content)
{
	CMS_ContentInfo *cms = read_base64(slice_of(content + l->letter->signature_at, l->letter->signature_len));
	BIO *in = BIO_new_mem_buf(content + l->letter->signed_at, (int)l->letter->signed_len);
	bool ok = cms != NULL && in != NULL && CMS_verify(cms, NULL, l->store, in, NULL, CMS_BINARY) == 1;

	BIO_free(in);
	CMS_ContentInfo_free(cms);
	return ok;
}

static bool
open_once(struct loop *l)
{
	CMS_ContentInfo *cms = read_base64(buf_slice(&l->letter->body));
	BIO *out = BIO_new(BIO_s_mem());
	char *content;
	bool ok = cms != NULL && out != NULL &&
		CMS_decrypt(cms, l->scene->office_key, l->scene->office, NULL, out, CMS_BINARY) == 1 &&
		BIO_get_mem_data(out, &content) > 0 && verify(l, (unsigned char *)content);

	BIO_free(out);
	CMS_ContentInfo_free(cms);
	return ok;
}

double
floor_open_ms(const struct scene *s, const struct letter *letter, double seconds)
{
	struct loop l = {.scene = s, .letter = letter, .once = open_once, .store = X509_STORE_new()};
	double ms = -1;

	quiet_heap();
	if (l.store != NULL && X509_STORE_add_cert(l.store, s->root) == 1)
		ms = run(&l, seconds);
	X509_STORE_free(l.store);
	return ms;
}
