#include "pki/checker.h"
#include "base/deadline.h"
#include "pki/status_query.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define REFRESH_MS 60000L

struct checker {
	const struct config *config;
	struct errands *errands;
	struct crl_cache *lists;
	struct ocsp *ocsp;
	struct hold_faults *hold_faults;
	struct path_certs *path_certs;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t wake;
	bool stopping;
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory to look for revocations");
}

enum answer
checker_new(const struct config *config, struct checker **checker, struct error *err)
{
	struct checker *c = calloc(1, sizeof *c);
	enum answer answer;

	*checker = NULL;
	if (c == NULL)
		return no_memory(err);
	c->config = config;
	pthread_mutex_init(&c->lock, NULL);
	deadline_cond_init(&c->wake);
	c->hold_faults = hold_faults_new();
	c->path_certs = path_certs_new();
	answer = c->hold_faults == NULL || c->path_certs == NULL ? no_memory(err)
		: errands_new(config->waiting_limit, &c->errands, err);
	if (answer == ANSWER_YES)
		answer = crl_cache_new(config, c->errands, &c->lists, err);
	if (answer == ANSWER_YES)
		answer = ocsp_new(config, c->errands, &c->ocsp, err);
	if (answer == ANSWER_YES)
		*checker = c;
	else
		checker_free(c);
	return answer;
}

/* ---- keeping lists fresh ------------------------------------------------------- */

static void *
refresh(void *arg)
{
	struct checker *c = arg;

	pthread_mutex_lock(&c->lock);
	while (!c->stopping) {
		struct timespec until = deadline_in(REFRESH_MS);
		int rc = 0;

		pthread_mutex_unlock(&c->lock);
		crl_cache_refresh(c->lists, time(NULL));
		pthread_mutex_lock(&c->lock);
		while (!c->stopping && rc != ETIMEDOUT)
			rc = pthread_cond_timedwait(&c->wake, &c->lock, &until);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

enum answer
checker_start(struct checker *checker, struct error *err)
{
	sigset_t all, before;
	int problem;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	problem = pthread_create(&checker->thread, NULL, refresh, checker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (problem != 0)
		return error_cant_tell(err, "thread", "no thread that keeps lists fresh: %s", strerror(problem));
	checker->started = true;
	return ANSWER_YES;
}

/* Errands end first: what is at work uses both memories. */
void
checker_free(struct checker *checker)
{
	if (checker == NULL)
		return;
	if (checker->started) {
		pthread_mutex_lock(&checker->lock);
		checker->stopping = true;
		pthread_cond_signal(&checker->wake);
		pthread_mutex_unlock(&checker->lock);
		pthread_join(checker->thread, NULL);
	}
	errands_free(checker->errands);
	ocsp_free(checker->ocsp);
	crl_cache_free(checker->lists);
	hold_faults_free(checker->hold_faults);
	path_certs_free(checker->path_certs);
	pthread_cond_destroy(&checker->wake);
	pthread_mutex_destroy(&checker->lock);
	free(checker);
}

struct crl_cache *
checker_lists(struct checker *checker)
{
	return checker->lists;
}

/* ---- a path -------------------------------------------------------------------- */

static void
say_revoked(const struct checker_finding *finding, const struct cert *cert, struct error *err)
{
	char since[CERT_DATE_SIZE];

	cert_date(finding->status.since, since);
	error_no(err, "revoked", "revoked since %s, %s", since, status_reason_text(finding->status.reason));
	if (finding->of > 0)
		error_prefix(err, "authority %s", cert->subject);
	if (err != NULL)
		err->section = "RFC 5280 6.3";
}

/* What is found as the set wants it. */
static enum answer
conclude(const struct checker_question *question, const struct checker_finding *finding,
	struct path_cert *const *path, struct error *err)
{
	switch (finding->status.state) {
	case STATUS_GOOD:
		return ANSWER_YES;
	case STATUS_REVOKED:
		say_revoked(finding, path[finding->of]->cert, err);
		return ANSWER_NO;
	case STATUS_UNKNOWN:
		break;
	}
	if (question->set->mode != REVOCATION_REQUIRE)
		return ANSWER_YES;
	error_cant_tell(err, "status-unknown", "%s", finding->status.why.words);
	if (finding->of > 0)
		error_prefix(err, "authority %s", path[finding->of]->cert->subject);
	if (err != NULL)
		err->section = "RFC 5280 6.3";
	return ANSWER_CANT_TELL;
}

static enum answer
look(struct checker *checker, const struct checker_question *question, struct path_cert *const *path, size_t count,
	struct checker_finding *finding, struct error *err)
{
	unsigned none = 0;
	bool broken = false;
	struct status_query query = {.config = checker->config, .lists = checker->lists, .ocsp = checker->ocsp,
		.hold_faults = checker->hold_faults, .path_certs = checker->path_certs, .set = question->set,
		.path = path, .count = count, .at = question->at, .fetch = question->fetch, .deadline = question->deadline,
		.left = question->left == NULL ? &none : question->left, .broken = &broken};

	return status_query_path(&query, finding) ? conclude(question, finding, path, err) : no_memory(err);
}

enum answer
checker_path(struct checker *checker, const struct checker_question *question, struct checker_finding *finding,
	struct error *err)
{
	struct path_cert **path;
	enum answer answer;
	size_t count;

	*finding = (struct checker_finding){.status = {.state = STATUS_UNKNOWN}};
	error_cant_tell(&finding->status.why, "status-unknown", "%s", question->set->mode == REVOCATION_OFF
		? "revocation is not looked at" : "nobody can tell the status of an anchor");
	if (question->set->mode == REVOCATION_OFF || sk_X509_num(question->path) < 2)
		return ANSWER_YES;
	answer = path_certs_get_path(checker->path_certs, question->path, &path, &count, err);
	if (answer != ANSWER_YES)
		return answer;
	answer = look(checker, question, path, count, finding, err);
	path_certs_release(path, count);
	return answer;
}
