#include "pki/issuers.h"

#include "base/clock.h"
#include "fetch/errands.h"
#include "fetch/fetch.h"
#include "pki/certfacts.h"
#include "pki/path.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct remembered {
	char *url;             /* NULL: free */
	STACK_OF(X509) *certs; /* perhaps none */
	time_t had;            /* clock_seconds() */
};

struct issuers {
	const struct config *config;
	struct errands *errands;
	pthread_mutex_t lock; /* over what is below */
	struct remembered item[ISSUERS_REMEMBERED_MAX];
};

/* What a worker is told. */
struct order {
	struct issuers *issuers;
	char *url;
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "out of memory for an issuer's certificate");
}

enum answer
issuers_new(const struct config *config, struct issuers **issuers, struct error *err)
{
	struct issuers *made = calloc(1, sizeof *made);
	enum answer answer;

	*issuers = NULL;
	if (made == NULL)
		return no_memory(err);
	made->config = config;
	answer = errands_new(config->waiting_limit, &made->errands, err);
	if (answer != ANSWER_YES) {
		free(made);
		return answer;
	}
	pthread_mutex_init(&made->lock, NULL);
	*issuers = made;
	return ANSWER_YES;
}

static void
clear(struct remembered *r)
{
	free(r->url);
	sk_X509_pop_free(r->certs, X509_free);
	*r = (struct remembered){.url = NULL};
}

void
issuers_free(struct issuers *issuers)
{
	if (issuers == NULL)
		return;
	errands_free(issuers->errands);
	for (size_t i = 0; i < ISSUERS_REMEMBERED_MAX; i++)
		clear(&issuers->item[i]);
	pthread_mutex_destroy(&issuers->lock);
	free(issuers);
}

/* ---- what an answer holds --------------------------------------------------------- */

static enum answer
add_der(struct slice der, STACK_OF(X509) *certs, struct error *err)
{
	struct cert *cert;
	enum answer answer = cert_parse(der, &cert, err);

	if (answer != ANSWER_YES)
		return answer;
	if (sk_X509_push(certs, cert->x509) > 0)
		X509_up_ref(cert->x509);
	else
		answer = no_memory(err);
	cert_unref(cert);
	return answer;
}

static enum answer
add_pem(struct slice octets, STACK_OF(X509) *certs, struct error *err)
{
	BIO *bio = BIO_new_mem_buf(octets.data, (int)octets.len);
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	enum answer answer = bio == NULL ? no_memory(err) : ANSWER_YES;
	long len;

	for (int i = 0; answer == ANSWER_YES && i < ISSUERS_CERTIFICATES_MAX; i++) {
		if (PEM_read_bio(bio, &name, &header, &der, &len) != 1)
			break;
		if (strcmp(name, PEM_STRING_X509) == 0)
			answer = add_der(slice_of(der, (size_t)len), certs, err);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	BIO_free(bio);
	return answer;
}

static enum answer
add_signed_data(struct slice octets, STACK_OF(X509) *certs, struct error *err)
{
	const unsigned char *at = octets.data;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)octets.len);
	STACK_OF(X509) *inside = NULL;
	enum answer answer = ANSWER_YES;

	if (cms == NULL || at != octets.data + octets.len || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
		answer = error_no(err, "malformed", "neither a certificate nor a SignedData");
	else
		inside = CMS_get1_certs(cms);
	for (int i = 0; answer == ANSWER_YES && i < sk_X509_num(inside) && i < ISSUERS_CERTIFICATES_MAX; i++) {
		struct cert *cert;

		answer = cert_from_x509(sk_X509_value(inside, i), &cert, err);
		if (answer != ANSWER_YES)
			break;
		if (sk_X509_push(certs, cert->x509) > 0)
			X509_up_ref(cert->x509);
		else
			answer = no_memory(err);
		cert_unref(cert);
	}
	sk_X509_pop_free(inside, X509_free);
	CMS_ContentInfo_free(cms);
	return answer;
}

enum answer
issuers_parse(struct slice octets, STACK_OF(X509) *certs, struct error *err)
{
	enum answer answer;

	ERR_clear_error();
	if (octets.len == 0 || octets.len > ISSUERS_OCTETS_MAX)
		answer = error_no(err, "limit", "%zu octets; from 1 to %d are read", octets.len, ISSUERS_OCTETS_MAX);
	else if (octets.data[0] == '-')
		answer = add_pem(octets, certs, err);
	else if ((answer = add_der(octets, certs, NULL)) == ANSWER_NO)
		answer = add_signed_data(octets, certs, err);
	if (answer == ANSWER_YES && sk_X509_num(certs) == 0)
		answer = error_no(err, "malformed", "no certificate is in it");
	ERR_clear_error();
	return answer;
}

/* ---- what is remembered ------------------------------------------------------------ */

/* Its own place, a free one, or the oldest. */
static struct remembered *
place_for(struct issuers *issuers, const char *url)
{
	struct remembered *best = &issuers->item[0];

	for (size_t i = 0; i < ISSUERS_REMEMBERED_MAX; i++) {
		struct remembered *r = &issuers->item[i];

		if (r->url != NULL && strcmp(r->url, url) == 0)
			return r;
		if (best->url != NULL && (r->url == NULL || r->had < best->had))
			best = r;
	}
	return best;
}

/* Takes certs. Without memory nothing is remembered. */
static void
remember(struct issuers *issuers, const char *url, STACK_OF(X509) *certs)
{
	struct remembered fresh = {.url = strdup(url), .certs = certs, .had = clock_seconds()};
	struct remembered *place;

	if (fresh.url == NULL) {
		clear(&fresh);
		return;
	}
	pthread_mutex_lock(&issuers->lock);
	place = place_for(issuers, url);
	clear(place);
	*place = fresh;
	pthread_mutex_unlock(&issuers->lock);
}

static bool
is_among(const STACK_OF(X509) *certs, const X509 *x509)
{
	for (int i = 0; i < sk_X509_num(certs); i++)
		if (X509_cmp(sk_X509_value(certs, i), x509) == 0)
			return true;
	return false;
}

/* Those remembered that may have issued it. False: nothing is remembered of this URL. */
static bool
recall(struct issuers *issuers, const char *url, X509 *issued, STACK_OF(X509) *helpers, bool *added)
{
	const struct remembered *r;
	bool known;

	pthread_mutex_lock(&issuers->lock);
	r = place_for(issuers, url);
	known = r->url != NULL && strcmp(r->url, url) == 0 && clock_seconds() - r->had < ISSUERS_REMEMBERED_SECONDS;
	for (int i = 0; known && i < sk_X509_num(r->certs); i++) {
		X509 *x509 = sk_X509_value(r->certs, i);

		if (X509_check_issued(x509, issued) != X509_V_OK || is_among(helpers, x509) ||
		    sk_X509_push(helpers, x509) <= 0)
			continue;
		X509_up_ref(x509);
		*added = true;
	}
	pthread_mutex_unlock(&issuers->lock);
	return known;
}

/* ---- fetching ---------------------------------------------------------------------- */

/* That there is none is remembered too: a delay would make "cannot tell" of it. */
static enum answer
fetch(void *arg, struct error *err)
{
	const struct order *order = arg;
	struct fetch_request request = {
		.url = order->url,
		.size_limit = ISSUERS_OCTETS_MAX,
		.same_host = true, /* or aia-hosts would bind nobody */
		.accept = "application/pkix-cert, application/pkcs7-mime",
		.attribute = "cACertificate;binary",
	};
	STACK_OF(X509) *certs = sk_X509_new_null();
	struct fetch_reply reply = {.modified = 0};
	enum answer answer;

	if (certs == NULL)
		return no_memory(err);
	answer = fetch_get(order->issuers->config, &request, &reply, err);
	if (answer == ANSWER_YES) {
		answer = issuers_parse(buf_slice(&reply.body), certs, err);
		if (answer != ANSWER_YES)
			error_prefix(err, "%s", order->url);
	}
	buf_free(&reply.body);
	if (answer == ANSWER_CANT_TELL) {
		sk_X509_pop_free(certs, X509_free);
		return answer;
	}
	remember(order->issuers, order->url, certs);
	return ANSWER_YES;
}

static void
release(void *arg)
{
	struct order *order = arg;

	free(order->url);
	free(order);
}

static enum answer
have_fetched(struct issuers *issuers, const struct issuers_question *q, const char *url, struct error *err)
{
	struct order *order = malloc(sizeof *order);
	char key[ERRANDS_KEY_MAX], server[FETCH_SERVER_MAX];
	struct errand errand = {.key = key, .host = server, .work = fetch, .release = release, .arg = order};

	if (order == NULL || (order->url = strdup(url)) == NULL) {
		free(order);
		return no_memory(err);
	}
	order->issuers = issuers;
	fetch_server(url, server);
	snprintf(key, sizeof key, "issuer %s", url);
	return errands_do(issuers->errands, &errand, q->deadline, err);
}

static bool
is_named(const struct config_strings *hosts, const char *host)
{
	for (size_t i = 0; i < hosts->count; i++)
		if (strcasecmp(hosts->item[i], host) == 0)
			return true;
	return false;
}

static enum answer
ask_place(struct issuers *issuers, const struct issuers_question *q, const char *url, X509 *issued,
	STACK_OF(X509) *helpers, bool *added, struct error *err)
{
	char host[FETCH_HOST_MAX];
	enum answer answer;

	if (strlen(url) > FETCH_URL_MAX || !fetch_host(url, host) || !is_named(q->hosts, host) || *q->places == 0)
		return ANSWER_NO;
	(*q->places)--;
	if (recall(issuers, url, issued, helpers, added))
		return ANSWER_YES;
	if (!q->fetch)
		return error_cant_tell(err, "not-fetched", "%s is not asked now", url);
	if (*q->left == 0)
		return error_cant_tell(err, "fetch-limit", "%s is not asked: fetch-limit is reached", url);
	(*q->left)--;
	answer = have_fetched(issuers, q, url, err);
	if (answer == ANSWER_YES)
		recall(issuers, url, issued, helpers, added);
	return answer;
}

/* ---- who is missing ---------------------------------------------------------------- */

/* NULL: nobody's to be seen. *anchor: the path leads somewhere. */
static X509 *
issuer_of(const struct issuers_question *q, const STACK_OF(X509) *helpers, X509 *issued, bool *anchor)
{
	for (size_t i = 0; i < q->own_count; i++)
		if (X509_check_issued(q->own[i]->x509, issued) == X509_V_OK) {
			*anchor = i < q->anchor_count;
			return q->own[i]->x509;
		}
	for (int i = 0; i < sk_X509_num(helpers); i++)
		if (X509_check_issued(sk_X509_value(helpers, i), issued) == X509_V_OK)
			return sk_X509_value(helpers, i);
	return NULL;
}

/* The certificate whose issuer is not there; NULL: there is none. */
static X509 *
highest(const struct issuers_question *q, const STACK_OF(X509) *helpers)
{
	X509 *at = q->cert->x509;
	bool anchor = false;

	for (int depth = 0; depth < PATH_DEPTH_MAX; depth++) {
		X509 *above;

		if (X509_check_issued(at, at) == X509_V_OK)
			return NULL;
		above = issuer_of(q, helpers, at, &anchor);
		if (above == NULL)
			return at;
		if (anchor)
			return NULL;
		at = above;
	}
	return NULL;
}

enum answer
issuers_add(struct issuers *issuers, const struct issuers_question *question, STACK_OF(X509) *helpers,
	struct error *err)
{
	X509 *at = highest(question, helpers);
	enum answer answer = ANSWER_NO;
	struct certfacts *facts = NULL;
	struct cert *cert = NULL;
	bool added = false;

	if (at != NULL && cert_from_x509(at, &cert, err) == ANSWER_YES && certfacts_read(cert, &facts, err) == ANSWER_YES) {
		const struct certfacts_list *urls = &facts->list[CERTFACTS_ISSUER_URLS];

		for (size_t i = 0; !added && i < urls->count; i++)
			if (ask_place(issuers, question, urls->word[i], at, helpers, &added, err) == ANSWER_CANT_TELL)
				answer = ANSWER_CANT_TELL;
	}
	certfacts_free(facts);
	cert_unref(cert);
	ERR_clear_error();
	return added ? ANSWER_YES : answer;
}
