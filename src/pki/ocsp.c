#include "pki/ocsp.h"
#include "base/deadline.h"
#include "fetch/fetch.h"
#include "pki/ocsp_request.h"
#include "pki/reasons.h"

#include <openssl/err.h>
#include <openssl/sha.h>

#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SIZE (2 * SHA256_DIGEST_LENGTH + 1)  /* octets: digests of the issuer's key and the certificate, and what may sign */
#define RESPONDERS_KEPT 16     /* certificates of responders of which equal ones are kept once */

/* In the tree by its key, and in a list by when it was last asked for. */
struct remembered {
	unsigned char key[KEY_SIZE]; /* first: the tree compares it */
	struct remembered *newer;
	struct remembered *older;
	struct status status;        /* GOOD or REVOKED */
	time_t asked;
	struct cert *responder;      /* or NULL */
	char url[];
};

struct ocsp {
	const struct config *config;
	struct errands *errands;
	pthread_mutex_t lock; /* of all below */
	void *tree;           /* of search.h */
	struct remembered *newest;
	struct remembered *oldest;
	size_t count;
	struct cert *responders[RESPONDERS_KEPT];
	size_t next_responder;
};

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, KEY_SIZE);
}

enum answer
ocsp_new(const struct config *config, struct errands *errands, struct ocsp **ocsp, struct error *err)
{
	struct ocsp *o = calloc(1, sizeof *o);

	*ocsp = o;
	if (o == NULL)
		return error_cant_tell(err, "memory", "no memory for what OCSP responders say");
	o->config = config;
	o->errands = errands;
	pthread_mutex_init(&o->lock, NULL);
	return ANSWER_YES;
}

/* ---- what was said: the lock is held --------------------------------------------- */

static void
unlink_entry(struct ocsp *o, struct remembered *r)
{
	*(r->newer != NULL ? &r->newer->older : &o->newest) = r->older;
	*(r->older != NULL ? &r->older->newer : &o->oldest) = r->newer;
}

static void
link_newest(struct ocsp *o, struct remembered *r)
{
	r->newer = NULL;
	r->older = o->newest;
	*(o->newest != NULL ? &o->newest->newer : &o->oldest) = r;
	o->newest = r;
}

static void
drop(struct ocsp *o, struct remembered *r)
{
	tdelete(r, &o->tree, compare);
	unlink_entry(o, r);
	o->count--;
	cert_unref(r->responder);
	free(r);
}

void
ocsp_free(struct ocsp *ocsp)
{
	if (ocsp == NULL)
		return;
	while (ocsp->oldest != NULL)
		drop(ocsp, ocsp->oldest);
	for (size_t i = 0; i < RESPONDERS_KEPT; i++)
		cert_unref(ocsp->responders[i]);
	pthread_mutex_destroy(&ocsp->lock);
	free(ocsp);
}

static struct remembered *
find(const struct ocsp *o, const unsigned char key[KEY_SIZE])
{
	void *node = tfind(key, &o->tree, compare);

	return node == NULL ? NULL : *(struct remembered **)node;
}

/* A certificate takes some ten times what is remembered besides. A reference for the caller. */
static struct cert *
share_responder(struct ocsp *o, struct cert *responder)
{
	if (responder == NULL)
		return NULL;
	for (size_t i = 0; i < RESPONDERS_KEPT; i++)
		if (o->responders[i] != NULL &&
		    memcmp(o->responders[i]->digest, responder->digest, sizeof responder->digest) == 0)
			return cert_ref(o->responders[i]);
	cert_unref(o->responders[o->next_responder]);
	o->responders[o->next_responder] = cert_ref(responder);
	o->next_responder = (o->next_responder + 1) % RESPONDERS_KEPT;
	return cert_ref(responder);
}

static bool
is_final(const struct status *status)
{
	return status->state == STATUS_REVOKED && status->reason != STATUS_CERTIFICATE_HOLD;
}

/* Caches on the way may serve an older answer after a newer one. */
static bool
may_replace(const struct status *before, const struct status *after)
{
	if (is_final(before))
		return false;
	return is_final(after) || after->this_update >= before->this_update;
}

static void
insert(struct ocsp *o, struct remembered *r)
{
	struct remembered *before = find(o, r->key);

	if (before != NULL)
		drop(o, before);
	while (o->count >= OCSP_REMEMBERED_MAX)
		drop(o, o->oldest);
	if (tsearch(r, &o->tree, compare) == NULL) {
		cert_unref(r->responder);
		free(r);
		return;
	}
	link_newest(o, r);
	o->count++;
}

/* Without memory nothing is remembered, and whoever waits for it is told that it was not fetched. */
static void
remember(struct ocsp *o, const unsigned char key[KEY_SIZE], const struct status *status, time_t asked,
	struct cert *responder, const char *url)
{
	struct remembered *r = calloc(1, sizeof *r + strlen(url) + 1), *before;

	if (r == NULL)
		return;
	memcpy(r->key, key, KEY_SIZE);
	strcpy(r->url, url);
	r->status = *status;
	r->asked = asked;
	pthread_mutex_lock(&o->lock);
	before = find(o, key);
	if (before != NULL && !may_replace(&before->status, status)) {
		before->asked = asked;
		free(r);
	} else {
		r->responder = share_responder(o, responder);
		insert(o, r);
	}
	pthread_mutex_unlock(&o->lock);
}

static bool
is_usable(const struct status *status, time_t at)
{
	time_t end = status->next_update != 0 ? status->next_update : status->this_update + OCSP_RESPONSE_AGE_MAX;

	return is_final(status) || (at >= status->this_update - OCSP_RESPONSE_CLOCK_SKEW && at <= end);
}

static bool
is_fresh(const struct ocsp *o, const struct status *status, time_t asked, time_t at)
{
	return is_final(status) || at - asked < (time_t)o->config->status_max_age;
}

/* ---- asking ------------------------------------------------------------------------ */

/* Where what is asked for goes. */
struct reply {
	struct status *status;
	time_t *asked;
	struct cert **responder;
	const char **url;
};

/* NULL: somebody else said it, whom this inquiry does not ask. */
static const char *
same_url(const struct ocsp_inquiry *inquiry, const char *url)
{
	for (size_t i = 0; i < inquiry->url_count; i++)
		if (strcmp(inquiry->urls[i], url) == 0)
			return inquiry->urls[i];
	return NULL;
}

static bool
recall(struct ocsp *o, const unsigned char key[KEY_SIZE], const struct ocsp_inquiry *inquiry,
	const struct reply *reply)
{
	struct remembered *r;
	const char *url = NULL;

	pthread_mutex_lock(&o->lock);
	r = find(o, key);
	if (r != NULL && is_usable(&r->status, inquiry->at))
		url = same_url(inquiry, r->url);
	if (url != NULL) {
		unlink_entry(o, r);
		link_newest(o, r);
		*reply->status = r->status;
		*reply->asked = r->asked;
		*reply->responder = r->responder == NULL ? NULL : cert_ref(r->responder);
		*reply->url = url;
	}
	pthread_mutex_unlock(&o->lock);
	return url != NULL;
}

/* What a worker needs, after those who asked have left too. */
struct task {
	struct ocsp *ocsp;
	struct cert *cert;
	struct cert *issuer;
	bool accept_weak;
	time_t at;
	unsigned char key[KEY_SIZE];
	char url[];
};

static struct task *
task_new(struct ocsp *o, const struct ocsp_inquiry *inquiry, const unsigned char key[KEY_SIZE], const char *url)
{
	struct task *task = calloc(1, sizeof *task + strlen(url) + 1);

	if (task == NULL)
		return NULL;
	task->ocsp = o;
	task->cert = cert_ref((struct cert *)inquiry->cert);
	task->issuer = cert_ref((struct cert *)inquiry->issuer);
	task->accept_weak = inquiry->accept_weak;
	task->at = inquiry->at;
	memcpy(task->key, key, KEY_SIZE);
	strcpy(task->url, url);
	return task;
}

static void
task_free(void *arg)
{
	struct task *task = arg;

	cert_unref(task->cert);
	cert_unref(task->issuer);
	free(task);
}

/* Whoever asked may have found nothing and come just after another's errand had ended. */
static bool
was_told_meanwhile(struct ocsp *o, const struct task *task)
{
	const struct remembered *r;
	bool told;

	pthread_mutex_lock(&o->lock);
	r = find(o, task->key);
	told = r != NULL && is_usable(&r->status, task->at) && is_fresh(o, &r->status, r->asked, task->at) &&
		strcmp(r->url, task->url) == 0;
	pthread_mutex_unlock(&o->lock);
	return told;
}

static enum answer
ask(void *arg, struct error *err)
{
	struct task *task = arg;
	struct ocsp_question question = {.cert = task->cert, .issuer = task->issuer, .accept_weak = task->accept_weak,
		.at = task->at};
	struct cert *responder;
	struct status status;
	enum answer answer;

	if (was_told_meanwhile(task->ocsp, task))
		return ANSWER_YES;
	answer = ocsp_request_send(task->ocsp->config, task->url, &question, &status, &responder, err);
	if (answer == ANSWER_YES)
		remember(task->ocsp, task->key, &status, task->at, responder, task->url);
	cert_unref(responder);
	return answer;
}

/* Of an authority's key: it may have several certificates for it, and a responder speaks for them all. The
 * whole of it, as parameters are the choice of who makes a certificate. */
static void
digest_authority(const struct cert *issuer, unsigned char digest[SHA256_DIGEST_LENGTH])
{
	if (ASN1_item_digest(ASN1_ITEM_rptr(X509_PUBKEY), EVP_sha256(), X509_get_X509_PUBKEY(issuer->x509), digest, NULL) == 1)
		return;
	ERR_clear_error();
	memcpy(digest, issuer->digest, SHA256_DIGEST_LENGTH);
}

/* A set that accepts weak signatures may have believed what another does not. */
static void
make_key(const struct ocsp_inquiry *inquiry, unsigned char key[KEY_SIZE])
{
	digest_authority(inquiry->issuer, key);
	memcpy(key + SHA256_DIGEST_LENGTH, inquiry->cert->digest, sizeof inquiry->cert->digest);
	key[KEY_SIZE - 1] = inquiry->accept_weak;
}

static void
name_errand(const unsigned char key[KEY_SIZE], const char *url, char name[ERRANDS_KEY_MAX])
{
	char hex[2 * KEY_SIZE + 1];

	for (size_t i = 0; i < KEY_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
	snprintf(name, ERRANDS_KEY_MAX, "ocsp %s %s", url, hex);
}

static bool
is_http(const char *url)
{
	return slice_starts_nocase(slice_str(url), "http://") || slice_starts_nocase(slice_str(url), "https://");
}

static enum answer
ask_one(struct ocsp *o, const unsigned char key[KEY_SIZE], const struct ocsp_inquiry *inquiry, size_t i,
	struct error *err)
{
	const char *url = inquiry->urls[i];
	struct timespec share = deadline_share(inquiry->deadline, inquiry->url_count - i);
	char name[ERRANDS_KEY_MAX], server[FETCH_SERVER_MAX];
	struct errand errand = {.key = name, .host = server, .work = ask, .release = task_free};
	enum answer answer;

	if (!is_http(url) || !fetch_server(url, server))
		return error_no(err, "url", "no OCSP responder can be asked at %s", url);
	if (*inquiry->left == 0)
		return error_cant_tell(err, "fetch-limit", "too much was fetched already to ask %s", url);
	errand.arg = task_new(o, inquiry, key, url);
	if (errand.arg == NULL)
		return error_cant_tell(err, "memory", "no memory to ask %s", url);
	name_errand(key, url, name);
	answer = errands_do(o->errands, &errand, &share, err);
	/* What was put off costs nobody anything. */
	if (answer != ANSWER_CANT_TELL || strcmp(err->code, "delayed") != 0)
		(*inquiry->left)--;
	return answer;
}

static bool
ask_all(struct ocsp *o, const unsigned char key[KEY_SIZE], const struct ocsp_inquiry *inquiry,
	const struct reply *reply, struct error *why)
{
	for (size_t i = 0; i < inquiry->url_count; i++) {
		struct error one = ERROR_NONE;

		if (ask_one(o, key, inquiry, i, &one) == ANSWER_YES) {
			if (recall(o, key, inquiry, reply))
				return true;
			error_no(&one, "not-current", "%s: what was said is not for that time", inquiry->urls[i]);
		}
		reasons_add(why, inquiry->urls[i], &one);
	}
	return false;
}

void
ocsp_ask(struct ocsp *ocsp, const struct ocsp_inquiry *inquiry, struct status *status, time_t *asked,
	struct cert **responder, const char **url)
{
	struct reply reply = {status, asked, responder, url};
	unsigned char key[KEY_SIZE];
	struct error why = ERROR_NONE;
	struct cert *before;
	bool known;

	*status = (struct status){.state = STATUS_UNKNOWN};
	*asked = 0;
	*responder = NULL;
	*url = NULL;
	make_key(inquiry, key);
	known = recall(ocsp, key, inquiry, &reply);
	if (known && (!inquiry->fetch || is_fresh(ocsp, status, *asked, inquiry->at)))
		return;
	before = *responder;
	if (inquiry->url_count == 0)
		error_no(&why, "no-responder", "no OCSP responder is named");
	else if (!inquiry->fetch)
		error_cant_tell(&why, "not-fetched", "no OCSP responder was asked");
	else if (ask_all(ocsp, key, inquiry, &reply, &why))
		cert_unref(before);
	if (status->state == STATUS_UNKNOWN)
		status->why = why;
}
