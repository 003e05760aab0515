#include "pki/path_certs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* What the header shows, with the count behind it. */
struct counted {
	struct path_cert cert; /* first: a struct path_cert * is a struct counted * */
	atomic_uint references;
};

struct path_certs {
	pthread_mutex_t lock; /* of all below */
	struct path_cert *slot[PATH_CERTS_MAX];
};

struct path_certs *
path_certs_new(void)
{
	struct path_certs *s = calloc(1, sizeof *s);

	if (s != NULL)
		pthread_mutex_init(&s->lock, NULL);
	return s;
}

void
path_certs_free(struct path_certs *certs)
{
	if (certs == NULL)
		return;
	for (size_t i = 0; i < PATH_CERTS_MAX; i++)
		path_cert_unref(certs->slot[i]);
	pthread_mutex_destroy(&certs->lock);
	free(certs);
}

static struct path_cert *
ref(struct path_cert *one)
{
	atomic_fetch_add(&((struct counted *)one)->references, 1);
	return one;
}

void
path_cert_unref(struct path_cert *one)
{
	if (one == NULL || atomic_fetch_sub(&((struct counted *)one)->references, 1) > 1)
		return;
	status_urls_free(&one->urls);
	cert_unref(one->cert);
	free(one);
}

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory for a certificate of a path");
}

static enum answer
read_cert(X509 *x509, struct path_cert **one, struct error *err)
{
	struct counted *c = calloc(1, sizeof *c);
	enum answer answer;

	if (c == NULL)
		return no_memory(err);
	atomic_init(&c->references, 1);
	answer = cert_from_x509(x509, &c->cert.cert, err);
	if (answer == ANSWER_YES && !status_urls_read(c->cert.cert, &c->cert.urls))
		answer = no_memory(err);
	if (answer == ANSWER_YES)
		*one = &c->cert;
	else
		path_cert_unref(&c->cert);
	return answer;
}

/* OpenSSL keeps the SHA-1 of what it has verified, which chooses the place and nothing else. NULL: no memory. */
static struct path_cert **
slot_of(struct path_certs *s, const X509 *x509)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;

	if (X509_digest(x509, EVP_sha1(), digest, &len) != 1)
		return NULL;
	return &s->slot[(((size_t)digest[0] << 8) | digest[1]) % PATH_CERTS_MAX];
}

static struct path_cert *
find(struct path_certs *s, struct path_cert **slot, const X509 *x509)
{
	struct path_cert *found = NULL;

	pthread_mutex_lock(&s->lock);
	/* Octet by octet what was signed; what was had of it depends on nothing else. */
	if (*slot != NULL && X509_cmp((*slot)->cert->x509, x509) == 0)
		found = ref(*slot);
	pthread_mutex_unlock(&s->lock);
	return found;
}

static void
keep(struct path_certs *s, struct path_cert **slot, struct path_cert *one)
{
	struct path_cert *before;

	pthread_mutex_lock(&s->lock);
	before = *slot;
	*slot = ref(one);
	pthread_mutex_unlock(&s->lock);
	path_cert_unref(before);
}

enum answer
path_certs_get(struct path_certs *certs, X509 *x509, struct path_cert **one, struct error *err)
{
	struct path_cert **slot = slot_of(certs, x509);
	enum answer answer;

	*one = NULL;
	if (slot == NULL)
		return no_memory(err);
	*one = find(certs, slot, x509);
	if (*one != NULL)
		return ANSWER_YES;
	answer = read_cert(x509, one, err);
	if (answer == ANSWER_YES)
		keep(certs, slot, *one);
	return answer;
}

enum answer
path_certs_get_path(struct path_certs *certs, const STACK_OF(X509) *path, struct path_cert ***all, size_t *count,
	struct error *err)
{
	size_t made = 0;
	enum answer answer = ANSWER_YES;

	*count = (size_t)sk_X509_num(path);
	*all = calloc(*count + 1, sizeof(struct path_cert *));
	if (*all == NULL)
		return no_memory(err);
	for (; answer == ANSWER_YES && made < *count; made++)
		answer = path_certs_get(certs, sk_X509_value(path, (int)made), &(*all)[made], err);
	if (answer != ANSWER_YES) {
		path_certs_release(*all, made);
		*all = NULL;
	}
	return answer;
}

void
path_certs_release(struct path_cert **all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		path_cert_unref(all[i]);
	free(all);
}
