#include "pki/status_query.h"
#include "base/deadline.h"
#include "pki/reasons.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One that is believed. */
struct list {
	struct crl *crl;  /* a reference */
	const char *url;  /* borrowed; NULL: from a file */
	time_t had;
};

/* What is gathered for one certificate. */
struct gathered {
	const struct status_query *query;
	const struct cert *cert;
	size_t issuer;
	struct list *lists;
	size_t count;
	size_t max;
	struct crl_signers signers;
	struct error why;  /* what was tried in vain */
};

/* ---- who signed it? ---------------------------------------------------------- */

/* Authorities issue certificates anew for the same key. */
static bool
is_same_authority(const struct cert *a, const struct cert *b)
{
	return X509_NAME_cmp(X509_get_subject_name(a->x509), X509_get_subject_name(b->x509)) == 0 &&
		EVP_PKEY_eq(X509_get0_pubkey(a->x509), X509_get0_pubkey(b->x509)) == 1;
}

/* The query of a signer's path. False: it cannot be read. */
static bool
look_above(const struct status_query *query, const STACK_OF(X509) *path, struct checker_finding *finding)
{
	struct status_query above = *query;
	struct path_cert **all;
	bool ok;

	if (path_certs_get_path(query->path_certs, path, &all, &above.count, NULL) != ANSWER_YES)
		return false;
	above.path = all;
	above.depth++;
	ok = status_query_path(&above, finding);
	path_certs_release(all, above.count);
	return ok;
}

/* A chain_status: same anchor (RFC 5280 6.3.3 f), and not revoked. Where a status is demanded, it must be there. */
static enum answer
judge_signers_path(void *arg, const STACK_OF(X509) *path, time_t at, struct error *err)
{
	const struct status_query *query = arg;
	const struct cert *anchor = query->path[query->count - 1]->cert;
	struct checker_finding finding;

	(void)at;
	if (X509_cmp(sk_X509_value(path, sk_X509_num(path) - 1), anchor->x509) != 0)
		return error_no(err, "signer", "the CRL's signer chains to another anchor");
	if (!look_above(query, path, &finding))
		return error_cant_tell(err, "memory", "the CRL's signer cannot be looked at");
	if (finding.status.state == STATUS_REVOKED)
		return error_no(err, "signer", "the CRL's signer, or an authority of his, was revoked");
	if (finding.status.state == STATUS_UNKNOWN && query->set->mode == REVOCATION_REQUIRE)
		return error_cant_tell(err, "signer", "the status of the CRL's signer is unknown: %s",
			finding.status.why.words);
	return ANSWER_YES;
}

/* The issuer and those above it have been looked at already. A signer of lists only may speak for
 * itself, as there would be no end otherwise. */
static enum answer
is_believed(const struct gathered *g, const struct crl *crl, struct error *err)
{
	const struct status_query *query = g->query;
	struct chain_question question = {.at = query->at, .status = judge_signers_path,
		.status_arg = (void *)query};
	STACK_OF(X509) *extra;
	enum answer answer;

	for (size_t i = g->issuer; i < query->count; i++)
		if (is_same_authority(crl->signer, query->path[i]->cert))
			return ANSWER_YES;
	if (query->depth >= STATUS_QUERY_DEPTH_MAX)
		return is_same_authority(crl->signer, g->cert) ? ANSWER_YES
			: error_no(err, "signer", "the CRL's signer is too far from the certificate");
	extra = sk_X509_new_null();
	for (size_t i = g->issuer; extra != NULL && i < query->count; i++)
		sk_X509_push(extra, query->path[i]->cert->x509);
	question.extra = extra;
	answer = chain_validate(query->set->store, crl->signer, &question, NULL, err);
	sk_X509_free(extra);
	return answer;
}

/* ---- gathering ----------------------------------------------------------------- */

/* Takes the reference. False: nobody believes it. */
static bool
add_list(struct gathered *g, struct crl *crl, const char *url, time_t had)
{
	struct error why = ERROR_NONE;

	if (g->count < g->max && is_believed(g, crl, &why) == ANSWER_YES) {
		g->lists[g->count++] = (struct list){.crl = crl, .url = url, .had = had};
		return true;
	}
	if (why.code != NULL)
		reasons_add(&g->why, url == NULL ? "CRL file" : url, &why);
	crl_unref(crl);
	return false;
}

static void
look(const struct gathered *g, size_t first, size_t count, struct status *status)
{
	const struct crl **crls = calloc(count + 1, sizeof(const struct crl *));

	if (crls == NULL) {
		*g->query->broken = true;
		*status = (struct status){.state = STATUS_UNKNOWN};
		return;
	}
	for (size_t i = 0; i < count; i++)
		crls[i] = g->lists[first + i].crl;
	crl_look_up(crls, count, g->cert, g->query->at, status);
	free(crls);
}

/* Makes room for all that may come. */
static bool
add_files(struct gathered *g, size_t urls)
{
	const struct status_query *query = g->query;
	struct crl **crls;
	struct error why = ERROR_NONE;
	size_t count;

	if (crl_cache_files(query->lists, query->set->crls, &g->signers, query->at, &crls, &count, &why) != ANSWER_YES)
		return false;
	g->max = count + urls;
	g->lists = calloc(g->max + 1, sizeof *g->lists);
	for (size_t i = 0; g->lists != NULL && i < count; i++)
		add_list(g, crl_ref(crls[i]), NULL, crls[i]->this_update);
	crl_cache_release(crls, count);
	return g->lists != NULL;
}

/* The list at a URL, of so many that are still to be asked. */
static struct crl *
get(struct gathered *g, const char *url, size_t remaining, time_t *had)
{
	const struct status_query *query = g->query;
	struct timespec share = {0};
	struct error why = ERROR_NONE;
	struct crl *crl;

	if (query->fetch)
		share = deadline_share(query->deadline, remaining);
	if (crl_cache_get(query->lists, url, &g->signers, query->at, query->fetch, query->fetch ? &share : NULL,
	    query->left, &crl, had, &why) == ANSWER_YES)
		return crl;
	reasons_add(&g->why, url, &why);
	return NULL;
}

/* Until one of them, or some together, tell. */
static void
add_urls(struct gathered *g, const struct status_urls *urls)
{
	size_t first = g->count;
	struct status status;

	for (size_t i = 0; i < urls->crl_count; i++) {
		time_t had;
		struct crl *crl = get(g, urls->crl[i], urls->crl_count - i, &had);

		if (crl == NULL || !add_list(g, crl, urls->crl[i], had))
			continue;
		look(g, 0, g->count, &status);
		if (status.state == STATUS_REVOKED)
			return;
		look(g, first, g->count - first, &status);
		if (status.state == STATUS_GOOD)
			return;
		look(g, g->count - 1, 1, &status);
		if (status.why.code != NULL && strcmp(status.why.code, "no-list") == 0) {
			status.why.code = "other-list"; /* there is one, but for others: so it is not held either */
			crl_unref(g->lists[--g->count].crl);
		}
		reasons_add(&g->why, urls->crl[i], &status.why);
	}
}

/* freshestCRL (RFC 5280 4.2.1.15): what was revoked since; without its base it can only revoke. */
static void
add_delta(struct gathered *g, const char *url, size_t remaining)
{
	struct crl *delta, *merged;
	bool used = false;
	time_t had;

	delta = get(g, url, remaining, &had);
	if (delta == NULL)
		return;
	for (size_t i = 0; delta->is_delta && i < g->count; i++)
		if (crl_merge(g->lists[i].crl, delta, &merged, NULL) == ANSWER_YES) {
			crl_unref(g->lists[i].crl);
			g->lists[i].crl = merged;
			used = true;
		}
	if (used)
		crl_unref(delta);
	else
		add_list(g, delta, url, had);
}

/* A file counts as one that is fetched: when it is older than status-max-age, others are asked first. */
static bool
is_enough(const struct gathered *g, const struct status *status)
{
	return status->state == STATUS_REVOKED || (status->state == STATUS_GOOD &&
		g->query->at - status->this_update < (time_t)g->query->config->status_max_age);
}

static bool
gather(struct gathered *g, const struct status_urls *urls)
{
	struct status status;

	if (!add_files(g, urls->crl_count + urls->delta_count))
		return false;
	look(g, 0, g->count, &status);
	if (is_enough(g, &status))
		return true;
	/* Where files have only lists for others, that is no reason. */
	if (status.state == STATUS_UNKNOWN && status.why.code != NULL && strcmp(status.why.code, "no-list") != 0)
		reasons_add(&g->why, "CRL file", &status.why);
	add_urls(g, urls);
	for (size_t i = 0; i < urls->delta_count; i++)
		add_delta(g, urls->delta[i], urls->delta_count - i);
	return true;
}

/* ---- the answer ------------------------------------------------------------------ */

static void
name_source(const struct list *list, char source[CHECKER_SOURCE_MAX])
{
	snprintf(source, CHECKER_SOURCE_MAX, "CRL %s%s", list->url == NULL ? "file of " : "",
		list->url == NULL ? list->crl->signer->subject : list->url);
}

/* Which list was it? Of several that told only together, the first. */
static void
find_source(const struct gathered *g, struct status_answer *told)
{
	const struct list *from = &g->lists[0];
	struct status one;

	for (size_t i = g->count; i-- > 0;) {
		look(g, i, 1, &one);
		if (one.state == told->status.state) {
			from = &g->lists[i];
			break;
		}
	}
	name_source(from, told->source);
	told->when = from->had;
}

static void
look_for_holds(const struct gathered *g, struct status_answer *told)
{
	char source[CHECKER_SOURCE_MAX];

	for (size_t i = 0; i < g->count; i++) {
		const struct crl *crl = g->lists[i].crl;

		if (crl->on_hold == 0 || !hold_faults_are_of(crl->authorities[0]))
			continue;
		told->fault = true;
		name_source(&g->lists[i], source);
		hold_faults_log(g->query->hold_faults, source, crl->signer->digest, crl->this_update);
	}
}

static void
conclude(struct gathered *g, struct status_answer *told)
{
	look(g, 0, g->count, &told->status);
	look_for_holds(g, told);
	if (told->status.state != STATUS_UNKNOWN)
		find_source(g, told);
	else if (g->why.code != NULL)
		told->status.why = g->why;
}

/* The issuer and who is above it in the path, then those of the configuration. NULL: no memory. */
static struct cert **
list_signers(const struct status_query *query, size_t issuer, size_t *count)
{
	size_t above = query->count - issuer;
	struct cert **signers = calloc(above + query->set->signer_count, sizeof(struct cert *));

	*count = above + query->set->signer_count;
	for (size_t i = 0; signers != NULL && i < *count; i++)
		signers[i] = i < above ? query->path[issuer + i]->cert : query->set->signers[i - above];
	return signers;
}

void
status_query_lists(const struct status_query *query, const struct path_cert *cert, size_t issuer,
	struct status_answer *told)
{
	struct gathered g = {.query = query, .cert = cert->cert, .issuer = issuer, .why = ERROR_NONE};
	struct cert **signers = list_signers(query, issuer, &g.signers.count);

	*told = (struct status_answer){.status = {.state = STATUS_UNKNOWN}};
	g.signers.certs = signers;
	g.signers.accept_weak = query->set->accept_weak;
	if (signers != NULL && gather(&g, &cert->urls))
		conclude(&g, told);
	else
		*query->broken = true;
	for (size_t i = 0; i < g.count; i++)
		crl_unref(g.lists[i].crl);
	free(g.lists);
	free(signers);
}
