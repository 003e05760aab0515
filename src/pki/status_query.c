#include "pki/status_query.h"
#include "base/deadline.h"
#include "pki/reasons.h"

#include <stdio.h>
#include <string.h>

typedef void source(const struct status_query *query, size_t i, struct status_answer *told);

/* ---- responders ---------------------------------------------------------------- */

static void
say_unknown(struct status_answer *told, const char *url, const struct error *why)
{
	*told = (struct status_answer){.status = {.state = STATUS_UNKNOWN}, .fault = told->fault};
	error_cant_tell(&told->status.why, "responder", "%s: the responder's own status: %s", url, why->words);
}

/* Its certificate is looked for in lists only: a responder that vouches for itself would go round in circles. */
static void
check_responder(const struct status_query *query, size_t i, const struct cert *responder, const char *url,
	struct status_answer *told)
{
	size_t used = strlen(told->source);
	struct path_cert *its;
	struct status_answer own;
	struct error why;

	if (path_certs_get(query->path_certs, responder->x509, &its, NULL) != ANSWER_YES) {
		*query->broken = true;
		return;
	}
	status_query_lists(query, its, i + 1, &own);
	path_cert_unref(its);
	if (own.status.state == STATUS_REVOKED) {
		error_no(&why, "revoked", "it was revoked");
		say_unknown(told, url, &why);
	} else if (own.status.state == STATUS_UNKNOWN && query->set->mode == REVOCATION_REQUIRE)
		say_unknown(told, url, &own.status.why);
	else if (own.status.state == STATUS_UNKNOWN)
		snprintf(told->source + used, sizeof told->source - used, " (its own status is unknown)");
}

static bool
is_on_hold(const struct status *status)
{
	return status->state == STATUS_REVOKED && status->reason == STATUS_CERTIFICATE_HOLD;
}

static void
ask_responders(const struct status_query *query, size_t i, struct status_answer *told)
{
	const struct cert *cert = query->path[i]->cert, *issuer = query->path[i + 1]->cert;
	const struct status_urls *urls = &query->path[i]->urls;
	struct ocsp_inquiry inquiry = {.cert = cert, .issuer = issuer, .urls = (const char *const *)urls->ocsp,
		.url_count = urls->ocsp_count, .accept_weak = query->set->accept_weak, .at = query->at,
		.fetch = query->fetch, .deadline = query->deadline, .left = query->left};
	struct cert *responder;
	const char *url;

	*told = (struct status_answer){.status = {.state = STATUS_UNKNOWN}};
	ocsp_ask(query->ocsp, &inquiry, &told->status, &told->when, &responder, &url);
	if (told->status.state == STATUS_UNKNOWN)
		return;
	snprintf(told->source, sizeof told->source, "OCSP %s", url);
	if (is_on_hold(&told->status) && hold_faults_are_of(X509_get_issuer_name(cert->x509))) {
		told->fault = true;
		hold_faults_log(query->hold_faults, told->source, cert->digest, told->status.this_update);
	}
	if (responder != NULL)
		check_responder(query, i, responder, url, told);
	cert_unref(responder);
}

/* ---- both sources ---------------------------------------------------------------- */

static void
look_into_lists(const struct status_query *query, size_t i, struct status_answer *told)
{
	status_query_lists(query, query->path[i], i + 1, told);
}

/* No source that is named is left without time by the one before it, as no certificate is below. */
static void
ask_first(const struct status_query *query, size_t i, source *ask, struct status_answer *told)
{
	const struct status_urls *urls = &query->path[i]->urls;
	struct status_query half = *query;
	struct timespec share;

	if (query->fetch && urls->ocsp_count > 0 && urls->crl_count > 0) {
		share = deadline_share(query->deadline, 2);
		half.deadline = &share;
	}
	ask(&half, i, told);
}

/* A revocation counts whoever says it, but a hold only until it is taken back. */
static bool
overrules(const struct status *second, const struct status *first)
{
	return second->state == STATUS_REVOKED && (!is_on_hold(second) || second->this_update > first->this_update);
}

static void
join_reasons(const struct status_answer *first, const struct status_answer *second, struct status_answer *told)
{
	const struct error *reasons[] = {&first->status.why, &second->status.why};
	struct error why = ERROR_NONE;

	for (size_t i = 0; i < 2; i++)
		if (reasons[i]->code != NULL && strcmp(reasons[i]->code, "no-responder") != 0 &&
		    (strcmp(reasons[i]->code, "no-list") != 0 || i == 0))
			reasons_add(&why, "", reasons[i]);
	*told = (struct status_answer){.status = {.state = STATUS_UNKNOWN}, .fault = first->fault || second->fault};
	error_cant_tell(&told->status.why, "status-unknown", "%s",
		why.code == NULL ? "there is neither a responder nor a list for it" : why.words);
}

/* What the second knows already is looked at too where the first says good. */
static void
ask_both(const struct status_query *query, size_t i, struct status_answer *told)
{
	source *first = query->set->crl_first ? look_into_lists : ask_responders;
	source *second = query->set->crl_first ? ask_responders : look_into_lists;
	struct status_query local = *query;
	struct status_answer one, other;

	ask_first(query, i, first, &one);
	*told = one;
	if (one.status.state == STATUS_REVOKED)
		return;
	local.fetch = query->fetch && one.status.state == STATUS_UNKNOWN;
	second(&local, i, &other);
	if (one.status.state == STATUS_UNKNOWN && other.status.state == STATUS_UNKNOWN) {
		join_reasons(&one, &other, told);
		return;
	}
	if (one.status.state == STATUS_UNKNOWN || overrules(&other.status, &one.status))
		*told = other;
	told->fault = one.fault || other.fault;
}

/* ---- the path -------------------------------------------------------------------- */

static void
find(struct checker_finding *finding, size_t i, const struct status_answer *told)
{
	*finding = (struct checker_finding){.status = told->status, .of = i, .told = told->when,
		.fault = finding->fault};
	memcpy(finding->source, told->source, sizeof finding->source);
}

bool
status_query_path(const struct status_query *query, struct checker_finding *finding)
{
	bool unknown = false;

	*finding = (struct checker_finding){.status = {.state = STATUS_UNKNOWN}};
	error_cant_tell(&finding->status.why, "status-unknown", "nobody can tell the status of an anchor");
	for (size_t i = query->count - 1; i-- > 0 && !*query->broken;) {
		struct status_query one = *query;
		struct timespec share;
		struct status_answer told;

		if (query->fetch) {
			share = deadline_share(query->deadline, i + 1);
			one.deadline = &share;
		}
		ask_both(&one, i, &told);
		finding->fault = finding->fault || told.fault;
		if (told.status.state != STATUS_GOOD || (i == 0 && !unknown))
			find(finding, i, &told);
		unknown = unknown || told.status.state == STATUS_UNKNOWN;
		if (told.status.state == STATUS_REVOKED)
			break;
	}
	return !*query->broken;
}
