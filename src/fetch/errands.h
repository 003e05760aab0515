/* errands: work that several threads wait for, done once by a thread of its own.
 *
 * However many sessions want the same thing, one goes for it. Nobody waits past his own deadline,
 * and not more than waiting-limit at a time in all, nor more than half of that for one host: the others
 * are told at once that it cannot be told, so that one dead server never stops every session. What has
 * failed is not tried again before a delay is over that grows, with jitter, from ERRANDS_DELAY_MIN to
 * ERRANDS_DELAY_MAX seconds, and neither is anything else of a host that could not be reached.
 *
 * Threads: all functions may be called from any, but _new and _free. The worker threads start with
 * the first errand, so that a process may still fork before.
 */
#ifndef FETCH_ERRANDS_H
#define FETCH_ERRANDS_H

#include "base/error.h"

#include <stddef.h>
#include <time.h>

#define ERRANDS_THREADS 8    /* at work at a time */
#define ERRANDS_HOST_MAX 2   /* ... for the same host */
#define ERRANDS_QUEUE_MAX 1024
#define ERRANDS_KEY_MAX 2200 /* octets, with the 0 behind it */
#define ERRANDS_DELAY_MIN 15 /* s */
#define ERRANDS_DELAY_MAX 900
#define ERRANDS_FAILED_MAX 4096 /* failures that are remembered; more: the oldest go */

struct errands;

/* Runs in a worker, and leaves what it found where its owner finds it. */
typedef enum answer errand_work(void *arg, struct error *err);

struct errand {
	const char *key;  /* what it is: the same key is the same work */
	const char *host; /* who is asked: fetch_server()'s */
	errand_work *work;
	void (*release)(void *arg); /* of arg, exactly once, also where the work was not done */
	void *arg;
};

/* waiting_max: threads that may wait at a time. */
enum answer errands_new(unsigned waiting_max, struct errands **errands, struct error *err);
/* Nobody may be waiting. Waits for those at work. */
void errands_free(struct errands *errands); /* NULL is safe */

/* What the work said. deadline: CLOCK_MONOTONIC; NULL: it is not waited for, and the answer is YES
 * once it is on its way or there already. CANT_TELL also: "timeout" (the work goes on), "waiting"
 * (too many wait), "delayed" (it, or the host, has failed: words say when and how, and that it is
 * tried again later). */
enum answer errands_do(struct errands *errands, const struct errand *errand, const struct timespec *deadline,
	struct error *err);

#endif
