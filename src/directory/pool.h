/* pool: a few threads that wait for slow servers in place of the caller.
 *
 * Name resolution and TLS cannot be told to end at a given moment. Here only a
 * worker waits for them; the caller gets its answer or, at its deadline, goes
 * without, and the worker throws away what comes too late. Workers are started
 * when there is work for them, and each keeps what it needs (a connection).
 */
#ifndef DIRECTORY_POOL_H
#define DIRECTORY_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define POOL_IDLE_SECONDS 60      /* after which a worker is told that it is idle */
#define POOL_STOP_SECONDS 2       /* that pool_free() waits for workers */
#define POOL_STACK (1024 * 1024)  /* octets a worker */

struct pool_kind {
	size_t worker_size;           /* of a worker's own memory, zero at first */
	void (*idle)(void *worker);   /* gives up what costs the server something; also at its end */
	void (*free_shared)(void *shared); /* once no worker is left */
};

/* Work that knows all that it needs: it may outlive its caller's patience. The
 * first member of a larger struct. */
struct pool_job {
	void (*run)(struct pool_job *job, void *worker, void *shared);
	void (*free)(struct pool_job *job);
	/* the pool's */
	struct pool_job *next;
	pthread_cond_t ended;
	enum { JOB_WAITS, JOB_RUNS, JOB_ENDED } state;
	bool given_up;
};

struct pool;

/* shared is the pool's from then on, also when NULL (no memory) is returned. */
struct pool *pool_new(const struct pool_kind *kind, unsigned workers, void *shared);
/* Nobody may be in pool_run(). Workers that still hang after POOL_STOP_SECONDS free
 * the pool when they return. NULL is safe. */
void pool_free(struct pool *pool);

/* Has the job run. True: it did, and is the caller's again, to be freed. False: not
 * before the deadline; the job is the pool's, which frees it. */
bool pool_run(struct pool *pool, struct pool_job *job, const struct timespec *deadline);

#endif
