#include "timing.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_RATE 0.001 /* of a run in which all kinds are alike */

struct try {
	size_t kind;
	double ms;
};

struct run {
	const struct timing_job *job;
	struct try *tries;
	pthread_mutex_t lock;
	size_t next;
	char error[512];
};

/* Always the same order for as many tries (Fisher and Yates). */
static void
shuffle(struct try *tries, size_t count, size_t kinds)
{
	unsigned long state = 1;

	for (size_t i = 0; i < count; i++)
		tries[i].kind = i % kinds;
	for (size_t i = count - 1; i > 0; i--) {
		size_t other, kind = tries[i].kind;

		state = state * 6364136223846793005UL + 1442695040888963407UL;
		other = (state >> 33) % (i + 1);
		tries[i].kind = tries[other].kind;
		tries[other].kind = kind;
	}
}

static struct try *
take_try(struct run *run)
{
	struct try *try = NULL;

	pthread_mutex_lock(&run->lock);
	if (run->next < run->job->tries && run->error[0] == '\0')
		try = &run->tries[run->next++];
	pthread_mutex_unlock(&run->lock);
	return try;
}

static void
note_error(struct run *run, const struct mta *m)
{
	pthread_mutex_lock(&run->lock);
	snprintf(run->error, sizeof run->error, "%s", mta_error(m)[0] != '\0' ? mta_error(m) : "a message was not answered");
	pthread_mutex_unlock(&run->lock);
}

static void *
send_messages(void *arg)
{
	struct mta *m = mta_new(MTA_LIMITS_POSTFIX);
	struct run *run = arg;
	struct try *try;

	while (m != NULL && (try = take_try(run)) != NULL) {
		struct mta_result r = {.verdict = MTA_BROKEN};

		if (!mta_connect(m, run->job->socket) || !mta_negotiate(m, MTA_VERSION, MTA_ACTIONS, MTA_STEPS) ||
		    !mta_send(m, &run->job->messages[try->kind], &r))
			note_error(run, m);
		try->ms = (double)r.content_us / 1000;
		mta_result_clear(&r);
		mta_quit(m);
	}
	mta_free(m);
	return NULL;
}

static bool
send_all(struct run *run)
{
	pthread_t threads[TIMING_CONNECTIONS_MAX];
	unsigned started = 0;

	while (started < run->job->connections && started < TIMING_CONNECTIONS_MAX &&
	    pthread_create(&threads[started], NULL, send_messages, run) == 0)
		started++;
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return started == run->job->connections && run->next == run->job->tries && run->error[0] == '\0';
}

/* ---- statistics ------------------------------------------------------------------ */

static int
compare(const void *a, const void *b)
{
	const struct try *x = a, *y = b;

	if (x->kind != y->kind)
		return (x->kind > y->kind) - (x->kind < y->kind);
	return (x->ms > y->ms) - (x->ms < y->ms);
}

/* Both sorted; times that are equal are passed together. */
static double
distance(const struct try *a, size_t m, const struct try *b, size_t n)
{
	double largest = 0;
	size_t i = 0, k = 0;

	while (i < m && k < n) {
		double ms = a[i].ms < b[k].ms ? a[i].ms : b[k].ms, d;

		while (i < m && a[i].ms <= ms)
			i++;
		while (k < n && b[k].ms <= ms)
			k++;
		d = fabs((double)i / (double)m - (double)k / (double)n);
		if (d > largest)
			largest = d;
	}
	return largest;
}

/* For two samples, out of so many pairs; the limit for many tries (Smirnov 1948). */
static double
bound_of(size_t m, size_t n, size_t pairs)
{
	double rate = ERROR_RATE / (double)pairs;

	return sqrt(-log(rate / 2) / 2 * (double)(m + n) / ((double)m * (double)n));
}

static void
compare_kinds(const struct try *tries, size_t kinds, struct timing_result *result)
{
	const struct try *first[TIMING_KINDS_MAX];
	size_t pairs = kinds * (kinds - 1) / 2;

	for (size_t i = 0; i < kinds; i++) {
		first[i] = tries;
		tries += result->kind[i].count;
		for (size_t k = 0; k < i; k++) {
			double d = distance(first[k], result->kind[k].count, first[i], result->kind[i].count);

			if (d <= result->distance)
				continue;
			result->distance = d;
			result->first = k;
			result->second = i;
		}
	}
	result->bound = bound_of(result->kind[0].count, result->kind[kinds - 1].count, pairs);
}

static void
sum_up(struct try *tries, const struct timing_job *job, struct timing_result *result)
{
	const struct try *at = tries;

	qsort(tries, job->tries, sizeof *tries, compare);
	for (size_t i = 0; i < job->tries; i++)
		result->kind[tries[i].kind].count++;
	for (size_t i = 0; i < job->kinds; i++) {
		size_t count = result->kind[i].count;

		result->kind[i].p50_ms = at[count / 2].ms;
		result->kind[i].p99_ms = at[count * 99 / 100].ms;
		at += count;
	}
	compare_kinds(tries, job->kinds, result);
}

bool
timing_run(const struct timing_job *job, struct timing_result *result)
{
	struct run run = {.job = job, .lock = PTHREAD_MUTEX_INITIALIZER};
	bool ok;

	*result = (struct timing_result){.distance = 0};
	if (job->kinds < 2 || job->kinds > TIMING_KINDS_MAX || job->tries < job->kinds)
		return false;
	run.tries = calloc(job->tries, sizeof *run.tries);
	if (run.tries == NULL)
		return false;
	shuffle(run.tries, job->tries, job->kinds);
	ok = send_all(&run);
	if (ok)
		sum_up(run.tries, job, result);
	memcpy(result->error, run.error, sizeof result->error);
	free(run.tries);
	return ok;
}
