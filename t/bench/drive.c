#include "drive.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STACK_SIZE (256 * 1024)

struct driver {
	const struct drive_job *job;
	atomic_size_t *next; /* of job's each; shared */
	unsigned number;
	double until;
	pthread_t thread;
	float *ms; /* of each good message */
	size_t count;
	size_t room;
	size_t failed;
	char error[512];
};

static double
now_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool
is_done(const struct drive_job *job, const struct mta_result *r)
{
	if (r->verdict != MTA_ACCEPTED || r->body_replaced == job->unchanged)
		return false;
	if (job->field == NULL)
		return true;
	for (size_t i = 0; i < r->change_count; i++)
		if (r->changes[i].name != NULL && strcasecmp(r->changes[i].name, job->field) == 0 &&
		    r->changes[i].value != NULL && strstr(r->changes[i].value, job->holds) != NULL)
			return true;
	return false;
}

static void
note_failure(struct driver *d, const struct mta *m, const struct mta_result *r)
{
	d->failed++;
	snprintf(d->error, sizeof d->error, "%s %.200s %.200s", mta_verdict_name(r->verdict),
		r->verdict == MTA_NO_RECIPIENT && r->recipient_count > 0 ? r->recipients[0].text : r->reply.text,
		r->verdict == MTA_ACCEPTED ? "but not as it must be" : mta_error(m));
}

static bool
note_time(struct driver *d, double seconds)
{
	if (d->count == d->room) {
		size_t room = d->room == 0 ? 1024 : d->room * 2;
		float *ms = room <= DRIVE_MESSAGES_MAX * 2 ? realloc(d->ms, room * sizeof *ms) : NULL;

		if (ms == NULL)
			return false;
		d->ms = ms;
		d->room = room;
	}
	d->ms[d->count++] = (float)(seconds * 1000);
	return true;
}

/* One message over a connection of its own, as Postfix does it for most clients. */
static bool
send_one(struct driver *d, struct mta *m, const struct mta_message *sent)
{
	struct mta_message message = *sent;
	struct mta_result r = {.verdict = MTA_BROKEN};
	double begun = now_seconds();
	bool good, noted = true;
	char id[32];

	snprintf(id, sizeof id, "4B%02x%06zx", d->number, d->count);
	message.queue_id = id;
	if (mta_connect(m, d->job->socket) && mta_negotiate(m, MTA_VERSION, MTA_ACTIONS, MTA_STEPS))
		(void)mta_send(m, &message, &r);
	good = is_done(d->job, &r);
	if (!good)
		note_failure(d, m, &r);
	mta_result_clear(&r);
	mta_quit(m);
	if (good)
		noted = note_time(d, now_seconds() - begun);
	return noted;
}

/* NULL: no more. */
static const struct mta_message *
next_message(const struct driver *d)
{
	size_t number;

	if (d->job->each == NULL)
		return d->count == 0 || now_seconds() < d->until ? d->job->message : NULL;
	number = atomic_fetch_add(d->next, 1);
	return number < d->job->each_count ? &d->job->each[number] : NULL;
}

static void *
drive(void *arg)
{
	struct driver *d = arg;
	struct mta *m = mta_new(MTA_LIMITS_POSTFIX);
	const struct mta_message *message;

	if (m == NULL)
		return NULL;
	while (d->failed == 0 && (message = next_message(d)) != NULL)
		if (!send_one(d, m, message))
			break;
	mta_free(m);
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static bool
sum_up(struct driver *drivers, unsigned count, struct drive_result *result)
{
	size_t n = 0;
	float *all;

	for (unsigned i = 0; i < count; i++) {
		result->messages += drivers[i].count;
		result->failed += drivers[i].failed;
		if (drivers[i].failed > 0)
			memcpy(result->error, drivers[i].error, sizeof result->error);
	}
	all = malloc((result->messages + 1) * sizeof *all);
	if (all == NULL)
		return false;
	for (unsigned i = 0; i < count; i++) {
		if (drivers[i].count > 0)
			memcpy(all + n, drivers[i].ms, drivers[i].count * sizeof *all);
		n += drivers[i].count;
	}
	qsort(all, n, sizeof *all, compare);
	if (n > 0) {
		result->p50_ms = all[n / 2];
		result->p99_ms = all[n * 99 / 100];
	}
	free(all);
	return true;
}

bool
drive_run(const struct drive_job *job, struct drive_result *result)
{
	struct driver *drivers = calloc(job->connections, sizeof *drivers);
	double begun = now_seconds();
	atomic_size_t next = 0;
	pthread_attr_t attributes;
	unsigned started = 0;
	bool ok;

	*result = (struct drive_result){0};
	if (drivers == NULL || job->connections > DRIVE_CONNECTIONS_MAX) {
		free(drivers);
		return false;
	}
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	for (unsigned i = 0; i < job->connections; i++) {
		drivers[i] = (struct driver){.job = job, .next = &next, .number = i, .until = begun + job->seconds};
		if (pthread_create(&drivers[i].thread, &attributes, drive, &drivers[i]) != 0)
			break;
		started++;
	}
	pthread_attr_destroy(&attributes);
	for (unsigned i = 0; i < started; i++)
		pthread_join(drivers[i].thread, NULL);
	result->seconds = now_seconds() - begun;
	ok = sum_up(drivers, started, result) && started == job->connections;
	for (unsigned i = 0; i < started; i++)
		free(drivers[i].ms);
	free(drivers);
	return ok;
}
