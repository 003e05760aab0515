#include "directory/pool.h"
#include "base/deadline.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

struct pool {
	const struct pool_kind *kind;
	void *shared;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work;  /* a job waits, or the pool stops */
	pthread_cond_t left;  /* the last worker is about to return */
	struct pool_job *first;
	struct pool_job **end;
	unsigned limit;
	unsigned idle;
	unsigned started;     /* entries of threads */
	unsigned alive;
	bool stopping;
	bool orphaned;        /* the last worker frees it */
	pthread_t threads[];
};

struct pool *
pool_new(const struct pool_kind *kind, unsigned workers, void *shared)
{
	struct pool *p = calloc(1, sizeof *p + workers * sizeof(*p->threads));

	if (p == NULL) {
		kind->free_shared(shared);
		return NULL;
	}
	p->kind = kind;
	p->shared = shared;
	p->limit = workers;
	p->end = &p->first;
	pthread_mutex_init(&p->lock, NULL);
	deadline_cond_init(&p->work);
	deadline_cond_init(&p->left);
	return p;
}

static void
destroy(struct pool *p)
{
	p->kind->free_shared(p->shared);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->left);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static struct pool_job *
take_first(struct pool *p)
{
	struct pool_job *job = p->first;

	p->first = job->next;
	if (p->first == NULL)
		p->end = &p->first;
	job->state = JOB_RUNS;
	return job;
}

static void
append(struct pool *p, struct pool_job *job)
{
	job->next = NULL;
	*p->end = job;
	p->end = &job->next;
}

static void
remove_waiting(struct pool *p, struct pool_job *job)
{
	struct pool_job **at = &p->first;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (job->next == NULL)
		p->end = at;
}

/* Called and left with the lock held. */
static void
run_one(struct pool *p, void *worker)
{
	struct pool_job *job = take_first(p);

	pthread_mutex_unlock(&p->lock);
	job->run(job, worker, p->shared);
	pthread_mutex_lock(&p->lock);
	job->state = JOB_ENDED;
	if (job->given_up) {
		pthread_cond_destroy(&job->ended);
		job->free(job);
	} else {
		pthread_cond_signal(&job->ended);
	}
}

/* Called and left with the lock held. False: nothing came for long. */
static bool
wait_for_work(struct pool *p)
{
	struct timespec until = deadline_in(POOL_IDLE_SECONDS * 1000L);
	int rc = 0;

	p->idle++;
	while (p->first == NULL && !p->stopping && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&p->work, &p->lock, &until);
	p->idle--;
	return p->first != NULL || p->stopping;
}

static void *
worker_main(void *arg)
{
	struct pool *p = arg;
	void *worker = calloc(1, p->kind->worker_size);
	bool last_of_all;

	pthread_mutex_lock(&p->lock);
	while (worker != NULL && !p->stopping) {
		if (!wait_for_work(p)) {
			pthread_mutex_unlock(&p->lock);
			p->kind->idle(worker);
			pthread_mutex_lock(&p->lock);
		} else if (!p->stopping) {
			run_one(p, worker);
		}
	}
	pthread_mutex_unlock(&p->lock);
	if (worker != NULL)
		p->kind->idle(worker);
	free(worker);
	pthread_mutex_lock(&p->lock);
	last_of_all = --p->alive == 0 && p->orphaned;
	pthread_cond_signal(&p->left);
	pthread_mutex_unlock(&p->lock);
	if (last_of_all)
		destroy(p);
	return NULL;
}

/* Workers take no signals: those are for the threads that wait for them, and a
 * write to a server that has gone is to fail, not to kill. */
static void
start_worker(struct pool *p)
{
	sigset_t all, before;
	pthread_attr_t attr;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, POOL_STACK);
	if (pthread_create(&p->threads[p->started], &attr, worker_main, p) == 0) {
		p->started++;
		p->alive++;
	}
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static unsigned
waiting_jobs(const struct pool *p)
{
	unsigned n = 0;

	for (const struct pool_job *job = p->first; job != NULL; job = job->next)
		n++;
	return n;
}

bool
pool_run(struct pool *pool, struct pool_job *job, const struct timespec *deadline)
{
	bool ended, free_now = false;
	int rc = 0;

	deadline_cond_init(&job->ended);
	job->state = JOB_WAITS;
	job->given_up = false;
	pthread_mutex_lock(&pool->lock);
	append(pool, job);
	if (waiting_jobs(pool) > pool->idle && pool->started < pool->limit)
		start_worker(pool);
	pthread_cond_signal(&pool->work);
	while (job->state != JOB_ENDED && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&job->ended, &pool->lock, deadline);
	ended = job->state == JOB_ENDED;
	if (job->state == JOB_WAITS) {
		remove_waiting(pool, job);
		free_now = true;
	} else if (!ended) {
		job->given_up = true;
	}
	pthread_mutex_unlock(&pool->lock);
	if (ended || free_now)
		pthread_cond_destroy(&job->ended);
	if (free_now)
		job->free(job);
	return ended;
}

void
pool_free(struct pool *pool)
{
	struct timespec until = deadline_in(POOL_STOP_SECONDS * 1000L);
	bool all_left;
	int rc = 0;

	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->work);
	while (pool->alive > 0 && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&pool->left, &pool->lock, &until);
	all_left = pool->alive == 0;
	pool->orphaned = !all_left;
	for (unsigned i = 0; i < pool->started && !all_left; i++)
		pthread_detach(pool->threads[i]);
	pthread_mutex_unlock(&pool->lock);
	if (!all_left)
		return;
	for (unsigned i = 0; i < pool->started; i++)
		pthread_join(pool->threads[i], NULL);
	destroy(pool);
}
