#include "pki/subjects.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* What the header shows, with the count behind it. */
struct counted_subject {
	struct subject subject; /* first: a struct subject * is a struct counted_subject * */
	atomic_uint references;
};

struct subjects {
	pthread_mutex_t lock; /* of all below */
	struct subject *slot[SUBJECTS_MAX];
};

struct subjects *
subjects_new(void)
{
	struct subjects *s = calloc(1, sizeof *s);

	if (s != NULL)
		pthread_mutex_init(&s->lock, NULL);
	return s;
}

void
subjects_free(struct subjects *subjects)
{
	if (subjects == NULL)
		return;
	for (size_t i = 0; i < SUBJECTS_MAX; i++)
		subject_unref(subjects->slot[i]);
	pthread_mutex_destroy(&subjects->lock);
	free(subjects);
}

static struct subject *
ref(struct subject *subject)
{
	atomic_fetch_add(&((struct counted_subject *)subject)->references, 1);
	return subject;
}

void
subject_unref(struct subject *subject)
{
	if (subject == NULL || atomic_fetch_sub(&((struct counted_subject *)subject)->references, 1) > 1)
		return;
	points_free(&subject->points);
	cert_unref(subject->cert);
	free(subject);
}

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory for a certificate of a path");
}

static enum answer
read_subject(X509 *x509, struct subject **subject, struct error *err)
{
	struct counted_subject *c = calloc(1, sizeof *c);
	enum answer answer;

	if (c == NULL)
		return no_memory(err);
	atomic_init(&c->references, 1);
	answer = cert_from_x509(x509, &c->subject.cert, err);
	if (answer == ANSWER_YES && !points_read(c->subject.cert, &c->subject.points))
		answer = no_memory(err);
	if (answer == ANSWER_YES)
		*subject = &c->subject;
	else
		subject_unref(&c->subject);
	return answer;
}

/* OpenSSL keeps the SHA-1 of what it has verified, which chooses the place and nothing else. NULL: no memory. */
static struct subject **
slot_of(struct subjects *s, const X509 *x509)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;

	if (X509_digest(x509, EVP_sha1(), digest, &len) != 1)
		return NULL;
	return &s->slot[(((size_t)digest[0] << 8) | digest[1]) % SUBJECTS_MAX];
}

static struct subject *
find(struct subjects *s, struct subject **slot, const X509 *x509)
{
	struct subject *found = NULL;

	pthread_mutex_lock(&s->lock);
	/* Octet by octet what was signed; what was had of it depends on nothing else. */
	if (*slot != NULL && X509_cmp((*slot)->cert->x509, x509) == 0)
		found = ref(*slot);
	pthread_mutex_unlock(&s->lock);
	return found;
}

static void
keep(struct subjects *s, struct subject **slot, struct subject *subject)
{
	struct subject *before;

	pthread_mutex_lock(&s->lock);
	before = *slot;
	*slot = ref(subject);
	pthread_mutex_unlock(&s->lock);
	subject_unref(before);
}

enum answer
subjects_get(struct subjects *subjects, X509 *x509, struct subject **subject, struct error *err)
{
	struct subject **slot = slot_of(subjects, x509);
	enum answer answer;

	*subject = NULL;
	if (slot == NULL)
		return no_memory(err);
	*subject = find(subjects, slot, x509);
	if (*subject != NULL)
		return ANSWER_YES;
	answer = read_subject(x509, subject, err);
	if (answer == ANSWER_YES)
		keep(subjects, slot, *subject);
	return answer;
}

enum answer
subjects_get_path(struct subjects *subjects, const STACK_OF(X509) *path, struct subject ***all, size_t *count,
	struct error *err)
{
	size_t made = 0;
	enum answer answer = ANSWER_YES;

	*count = (size_t)sk_X509_num(path);
	*all = calloc(*count + 1, sizeof(struct subject *));
	if (*all == NULL)
		return no_memory(err);
	for (; answer == ANSWER_YES && made < *count; made++)
		answer = subjects_get(subjects, sk_X509_value(path, (int)made), &(*all)[made], err);
	if (answer != ANSWER_YES) {
		subjects_release(*all, made);
		*all = NULL;
	}
	return answer;
}

void
subjects_release(struct subject **all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		subject_unref(all[i]);
	free(all);
}
