#include "fetch/errands.h"
#include "base/clock.h"
#include "base/deadline.h"
#include "fetch/failures.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

_Static_assert(ERRANDS_DELAY_MIN == FAILURES_DELAY_MIN && ERRANDS_DELAY_MAX == FAILURES_DELAY_MAX,
	"the delays are those that the header says");

#define WORKER_STACK (1024 * 1024) /* octets */

enum job_state { JOB_QUEUED, JOB_RUNS, JOB_ENDED };

/* In the list until it has ended, and there until the last who waits for it has left. */
struct job {
	struct job *next;
	char *key;
	char *host;
	errand_work *work;
	void (*release)(void *arg);
	void *arg;
	enum job_state state;
	unsigned waiting;
	pthread_cond_t ended;
	enum answer answer;
	struct error err;
};

struct errands {
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work;  /* there is something to do, or it is over */
	struct job *first;    /* queued and running, the oldest first */
	struct job **end;
	unsigned queued;
	unsigned idle;
	unsigned started;     /* entries of threads */
	unsigned waiting;
	unsigned waiting_max;
	bool stopping;
	struct failures *keys;
	struct failures *hosts;
	pthread_t threads[ERRANDS_THREADS];
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory to fetch anything");
}

enum answer
errands_new(unsigned waiting_max, struct errands **errands, struct error *err)
{
	struct errands *e = calloc(1, sizeof *e);

	*errands = NULL;
	if (e == NULL)
		return no_memory(err);
	e->keys = failures_new(ERRANDS_FAILED_MAX);
	e->hosts = failures_new(ERRANDS_FAILED_MAX);
	if (e->keys == NULL || e->hosts == NULL) {
		failures_free(e->keys);
		failures_free(e->hosts);
		free(e);
		return no_memory(err);
	}
	e->waiting_max = waiting_max;
	e->end = &e->first;
	pthread_mutex_init(&e->lock, NULL);
	deadline_cond_init(&e->work);
	*errands = e;
	return ANSWER_YES;
}

/* ---- jobs: the lock is held, where nothing else is said --------------------- */

/* Without the lock. arg stays the caller's where there is no memory. */
static struct job *
job_new(const struct errand *errand)
{
	struct job *job = calloc(1, sizeof *job);

	if (job == NULL)
		return NULL;
	job->key = strdup(errand->key);
	job->host = strdup(errand->host);
	if (job->key == NULL || job->host == NULL) {
		free(job->key);
		free(job->host);
		free(job);
		return NULL;
	}
	job->work = errand->work;
	job->release = errand->release;
	job->arg = errand->arg;
	deadline_cond_init(&job->ended);
	return job;
}

/* Its arg has been released. */
static void
job_free(struct job *job)
{
	pthread_cond_destroy(&job->ended);
	free(job->key);
	free(job->host);
	free(job);
}

static struct job *
find_job(const struct errands *e, const char *key)
{
	struct job *job = e->first;

	while (job != NULL && strcmp(job->key, key) != 0)
		job = job->next;
	return job;
}

static void
append_job(struct errands *e, struct job *job)
{
	*e->end = job;
	e->end = &job->next;
	e->queued++;
}

static void
remove_job(struct errands *e, struct job *job)
{
	struct job **at = &e->first;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (job->next == NULL)
		e->end = at;
	job->next = NULL;
}

/* Whoever waits frees it, the last of them. */
static void
end_job(struct errands *e, struct job *job)
{
	remove_job(e, job);
	job->state = JOB_ENDED;
	if (job->waiting == 0)
		job_free(job);
	else
		pthread_cond_broadcast(&job->ended);
}

static bool
is_host_busy(const struct errands *e, const char *host)
{
	unsigned running = 0;

	for (const struct job *job = e->first; job != NULL; job = job->next)
		running += job->state == JOB_RUNS && strcmp(job->host, host) == 0;
	return running >= ERRANDS_HOST_MAX;
}

/* The oldest whose host is not busy; NULL: there is none. */
static struct job *
take_job(struct errands *e)
{
	struct job *job = e->first;

	while (job != NULL && (job->state != JOB_QUEUED || is_host_busy(e, job->host)))
		job = job->next;
	if (job != NULL) {
		job->state = JOB_RUNS;
		e->queued--;
	}
	return job;
}

/* ---- workers ----------------------------------------------------------------- */

static bool
is_unreachable(enum answer answer, const struct error *err)
{
	return answer == ANSWER_CANT_TELL && err->code != NULL && (strcmp(err->code, "network") == 0 ||
		strcmp(err->code, "timeout") == 0 || strcmp(err->code, "tls") == 0);
}

/* So that not all gateways come back at the same moment; where there is none, they do. */
static unsigned
chance(void)
{
	unsigned number = 0;

	if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number)
		number = 0;
	return number;
}

static void
remember(struct errands *e, const struct job *job, time_t begun)
{
	time_t now = clock_seconds();

	if (job->answer == ANSWER_YES)
		failures_forget(e->keys, job->key);
	else
		failures_add(e->keys, job->key, &job->err, begun, now, chance());
	if (is_unreachable(job->answer, &job->err))
		failures_add(e->hosts, job->host, &job->err, begun, now, chance());
	else
		failures_forget(e->hosts, job->host);
}

/* Called and left with the lock held. The host may have failed since the job was queued. */
static void
run_job(struct errands *e, struct job *job)
{
	time_t begun = clock_seconds();
	bool delayed = failures_delay(e->hosts, job->host, begun, &job->err);

	pthread_mutex_unlock(&e->lock);
	job->answer = delayed ? ANSWER_CANT_TELL : job->work(job->arg, &job->err);
	job->release(job->arg);
	pthread_mutex_lock(&e->lock);
	if (!delayed)
		remember(e, job, begun);
	end_job(e, job);
}

static void *
worker_main(void *arg)
{
	struct errands *e = arg;

	pthread_mutex_lock(&e->lock);
	while (!e->stopping) {
		struct job *job = take_job(e);

		if (job != NULL) {
			run_job(e, job);
			continue;
		}
		e->idle++;
		pthread_cond_wait(&e->work, &e->lock);
		e->idle--;
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

/* Workers take no signals: those are for the threads that wait for them, and a
 * write to a server that has gone is to fail, not to kill. */
static void
start_worker(struct errands *e)
{
	sigset_t all, before;
	pthread_attr_t attr;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, WORKER_STACK);
	if (pthread_create(&e->threads[e->started], &attr, worker_main, e) == 0)
		e->started++;
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void
errands_free(struct errands *errands)
{
	if (errands == NULL)
		return;
	pthread_mutex_lock(&errands->lock);
	errands->stopping = true;
	pthread_cond_broadcast(&errands->work);
	pthread_mutex_unlock(&errands->lock);
	for (unsigned i = 0; i < errands->started; i++)
		pthread_join(errands->threads[i], NULL);
	while (errands->first != NULL) {
		errands->first->release(errands->first->arg);
		end_job(errands, errands->first);
	}
	failures_free(errands->keys);
	failures_free(errands->hosts);
	pthread_cond_destroy(&errands->work);
	pthread_mutex_destroy(&errands->lock);
	free(errands);
}

/* ---- who wants something ------------------------------------------------------- */

/* With the lock held. NO and CANT_TELL: it is not taken. */
static enum answer
enqueue(struct errands *e, struct job *job, struct error *err)
{
	if (failures_delay(e->keys, job->key, clock_seconds(), err) ||
	    failures_delay(e->hosts, job->host, clock_seconds(), err))
		return ANSWER_CANT_TELL;
	if (e->queued >= ERRANDS_QUEUE_MAX)
		return error_cant_tell(err, "waiting", "too much is to be fetched already to ask %s", job->host);
	if (e->queued + 1 > e->idle && e->started < ERRANDS_THREADS)
		start_worker(e);
	if (e->started == 0)
		return no_memory(err);
	append_job(e, job);
	pthread_cond_signal(&e->work);
	return ANSWER_YES;
}

/* With the lock held. Half of those who may wait may do so for one host: that it is dead is known only when
 * the first of them has waited in vain, and meanwhile others are to be had. */
static bool
is_full(const struct errands *e, const char *host)
{
	unsigned for_host = 0;

	for (const struct job *job = e->first; job != NULL; job = job->next)
		if (strcmp(job->host, host) == 0)
			for_host += job->waiting;
	return e->waiting >= e->waiting_max || for_host >= (e->waiting_max + 1) / 2;
}

/* With the lock held. YES: the job stays until wait_for() has been called. */
static enum answer
join(struct errands *e, struct job *job, struct error *err)
{
	if (is_full(e, job->host))
		return error_cant_tell(err, "waiting", "too many wait already to wait for %s", job->host);
	e->waiting++;
	job->waiting++;
	return ANSWER_YES;
}

/* With the lock held. The job may be gone afterwards. */
static enum answer
wait_for(struct errands *e, struct job *job, const struct timespec *deadline, struct error *err)
{
	enum answer answer;
	int rc = 0;

	while (job->state != JOB_ENDED && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&job->ended, &e->lock, deadline);
	e->waiting--;
	job->waiting--;
	if (job->state != JOB_ENDED)
		return error_cant_tell(err, "timeout", "no answer from %s in time", job->host);
	answer = job->answer;
	if (answer != ANSWER_YES && err != NULL)
		*err = job->err;
	if (job->waiting == 0)
		job_free(job);
	return answer;
}

/* *job is the one to wait for, or NULL; *mine what is of no use, as there was one already or may be none. */
static enum answer
begin(struct errands *e, struct job **mine, bool wait, struct job **job, struct error *err)
{
	enum answer answer = ANSWER_YES;

	pthread_mutex_lock(&e->lock);
	*job = find_job(e, (*mine)->key);
	if (*job == NULL) {
		answer = enqueue(e, *mine, err);
		if (answer == ANSWER_YES) {
			*job = *mine;
			*mine = NULL;
		}
	}
	if (*job != NULL && wait)
		answer = join(e, *job, err);
	if (!wait || answer != ANSWER_YES)
		*job = NULL;
	pthread_mutex_unlock(&e->lock);
	return answer;
}

enum answer
errands_do(struct errands *errands, const struct errand *errand, const struct timespec *deadline, struct error *err)
{
	struct job *mine = NULL, *job;
	enum answer answer;

	if (strlen(errand->key) < ERRANDS_KEY_MAX)
		mine = job_new(errand);
	if (mine == NULL) {
		errand->release(errand->arg);
		return strlen(errand->key) < ERRANDS_KEY_MAX ? no_memory(err) : error_no(err, "url", "a URL is too long");
	}
	answer = begin(errands, &mine, deadline != NULL, &job, err);
	if (mine != NULL) {
		mine->release(mine->arg);
		job_free(mine);
	}
	if (job != NULL) {
		pthread_mutex_lock(&errands->lock);
		answer = wait_for(errands, job, deadline, err);
		pthread_mutex_unlock(&errands->lock);
	}
	return answer;
}
