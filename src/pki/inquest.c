#include "pki/inquest.h"
#include "base/deadline.h"
#include "pki/tried.h"

#include <stdio.h>
#include <string.h>

typedef void source(const struct inquest *inquest, size_t i, struct told *told);

/* ---- responders ---------------------------------------------------------------- */

static void
say_unknown(struct told *told, const char *url, const struct error *why)
{
	*told = (struct told){.status = {.state = STATUS_UNKNOWN}, .fault = told->fault};
	error_cant_tell(&told->status.why, "responder", "%s: the responder's own status: %s", url, why->words);
}

/* Its certificate is looked for in lists only: a responder that vouches for itself would go round in circles. */
static void
check_responder(const struct inquest *inquest, size_t i, const struct cert *responder, const char *url,
	struct told *told)
{
	size_t used = strlen(told->source);
	struct subject *subject;
	struct told own;
	struct error why;

	if (subjects_get(inquest->subjects, responder->x509, &subject, NULL) != ANSWER_YES) {
		*inquest->broken = true;
		return;
	}
	listed_status(inquest, subject, i + 1, &own);
	subject_unref(subject);
	if (own.status.state == STATUS_REVOKED) {
		error_no(&why, "revoked", "it was revoked");
		say_unknown(told, url, &why);
	} else if (own.status.state == STATUS_UNKNOWN && inquest->set->mode == REVOCATION_REQUIRE)
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
ask_responders(const struct inquest *inquest, size_t i, struct told *told)
{
	const struct cert *cert = inquest->path[i]->cert, *issuer = inquest->path[i + 1]->cert;
	const struct points *points = &inquest->path[i]->points;
	struct ocsp_inquiry inquiry = {.cert = cert, .issuer = issuer, .urls = (const char *const *)points->ocsp,
		.url_count = points->ocsp_count, .accept_weak = inquest->set->accept_weak, .at = inquest->at,
		.fetch = inquest->fetch, .deadline = inquest->deadline, .left = inquest->left};
	struct cert *responder;
	const char *url;

	*told = (struct told){.status = {.state = STATUS_UNKNOWN}};
	ocsp_ask(inquest->ocsp, &inquiry, &told->status, &told->when, &responder, &url);
	if (told->status.state == STATUS_UNKNOWN)
		return;
	snprintf(told->source, sizeof told->source, "OCSP %s", url);
	if (is_on_hold(&told->status) && holds_are_faults(X509_get_issuer_name(cert->x509))) {
		told->fault = true;
		holds_log(inquest->holds, told->source, cert->digest, told->status.this_update);
	}
	if (responder != NULL)
		check_responder(inquest, i, responder, url, told);
	cert_unref(responder);
}

/* ---- both sources ---------------------------------------------------------------- */

static void
look_into_lists(const struct inquest *inquest, size_t i, struct told *told)
{
	listed_status(inquest, inquest->path[i], i + 1, told);
}

/* No source that is named is left without time by the one before it, as no certificate is below. */
static void
ask_first(const struct inquest *inquest, size_t i, source *ask, struct told *told)
{
	const struct points *points = &inquest->path[i]->points;
	struct inquest half = *inquest;
	struct timespec share;

	if (inquest->fetch && points->ocsp_count > 0 && points->crl_count > 0) {
		share = deadline_share(inquest->deadline, 2);
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
join_reasons(const struct told *first, const struct told *second, struct told *told)
{
	const struct error *reasons[] = {&first->status.why, &second->status.why};
	struct error why = ERROR_NONE;

	for (size_t i = 0; i < 2; i++)
		if (reasons[i]->code != NULL && strcmp(reasons[i]->code, "no-responder") != 0 &&
		    (strcmp(reasons[i]->code, "no-list") != 0 || i == 0))
			tried_add(&why, "", reasons[i]);
	*told = (struct told){.status = {.state = STATUS_UNKNOWN}, .fault = first->fault || second->fault};
	error_cant_tell(&told->status.why, "status-unknown", "%s",
		why.code == NULL ? "there is neither a responder nor a list for it" : why.words);
}

/* What the second knows already is looked at too where the first says good. */
static void
ask_both(const struct inquest *inquest, size_t i, struct told *told)
{
	source *first = inquest->set->crl_first ? look_into_lists : ask_responders;
	source *second = inquest->set->crl_first ? ask_responders : look_into_lists;
	struct inquest local = *inquest;
	struct told one, other;

	ask_first(inquest, i, first, &one);
	*told = one;
	if (one.status.state == STATUS_REVOKED)
		return;
	local.fetch = inquest->fetch && one.status.state == STATUS_UNKNOWN;
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
find(struct checker_finding *finding, size_t i, const struct told *told)
{
	*finding = (struct checker_finding){.status = told->status, .of = i, .told = told->when,
		.fault = finding->fault};
	memcpy(finding->source, told->source, sizeof finding->source);
}

bool
inquest_path(const struct inquest *inquest, struct checker_finding *finding)
{
	bool unknown = false;

	*finding = (struct checker_finding){.status = {.state = STATUS_UNKNOWN}};
	error_cant_tell(&finding->status.why, "status-unknown", "nobody can tell the status of an anchor");
	for (size_t i = inquest->count - 1; i-- > 0 && !*inquest->broken;) {
		struct inquest one = *inquest;
		struct timespec share;
		struct told told;

		if (inquest->fetch) {
			share = deadline_share(inquest->deadline, i + 1);
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
	return !*inquest->broken;
}
