#include "store/store.h"

#include "base/deadline.h"
#include "store/query.h"
#include "store/store_open.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#define WRITER_STACK (1024 * 1024) /* octets */
#define LOCK_TRY_MS 50             /* then the writer looks whether anybody still wants it */

enum job_state {
	JOB_QUEUED,
	JOB_TAKEN, /* into a group that has not come to it */
	JOB_RUNS,  /* its arg is in use */
	JOB_DONE,  /* and waits for the COMMIT */
	JOB_ENDED,
};

/* Who waits for it frees it once it has ended; the writer, where he has left before. */
struct job {
	struct job *next;
	store_work *work;
	void *arg;
	enum job_state state;
	bool left;
	pthread_cond_t changed;
	enum answer answer;
	struct error err;
};

struct store {
	pthread_mutex_t lock; /* of all up to counts */
	pthread_cond_t work;  /* there is something to do, or it is over */
	struct job *first;    /* queued, the oldest first */
	struct job **end;
	bool stopping;
	bool locked;          /* the writer waits for another process */
	struct store_counts counts;
	pthread_t thread;
	sqlite3 *writer;      /* the thread's; NULL: opened to be read */
	pthread_mutex_t reading; /* of reader */
	sqlite3 *reader;
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory for the store");
}

/* ---- jobs: the lock is held ---------------------------------------------------- */

static struct job *
job_new(store_work *work, void *arg)
{
	struct job *job = calloc(1, sizeof *job);

	if (job == NULL)
		return NULL;
	job->work = work;
	job->arg = arg;
	job->answer = ANSWER_CANT_TELL;
	deadline_cond_init(&job->changed);
	return job;
}

static void
job_free(struct job *job)
{
	pthread_cond_destroy(&job->changed);
	free(job);
}

static void
set_state(struct job *job, enum job_state state)
{
	job->state = state;
	if (state == JOB_ENDED && job->left)
		job_free(job);
	else
		pthread_cond_signal(&job->changed);
}

/* The first of them, linked by next. */
static struct job *
take_group(struct store *s)
{
	struct job *group = s->first, **end = &group;

	for (unsigned n = 0; *end != NULL && n < STORE_GROUP_MAX; n++) {
		(*end)->state = JOB_TAKEN;
		end = &(*end)->next;
		s->counts.waiting--;
	}
	s->first = *end;
	*end = NULL;
	if (s->first == NULL)
		s->end = &s->first;
	return group;
}

static bool
is_wanted(struct store *s, const struct job *group)
{
	bool wanted = false;

	pthread_mutex_lock(&s->lock);
	for (; group != NULL; group = group->next)
		wanted |= !group->left;
	s->locked = wanted;
	pthread_mutex_unlock(&s->lock);
	return wanted;
}

static void
end_group(struct store *s, struct job *group, bool committed)
{
	pthread_mutex_lock(&s->lock);
	s->locked = false;
	s->counts.commits += committed;
	while (group != NULL) {
		struct job *next = group->next;

		s->counts.written += committed && group->answer == ANSWER_YES;
		set_state(group, JOB_ENDED);
		group = next;
	}
	pthread_mutex_unlock(&s->lock);
}

/* ---- the writer ------------------------------------------------------------------ */

/* Waits for another process as long as anybody waits for us. */
static enum answer
begin(struct store *s, const struct job *group, struct error *err)
{
	int rc;

	/* For want of memory the last one may not have been given up. */
	if (sqlite3_get_autocommit(s->writer) == 0)
		query_script(s->writer, "ROLLBACK", NULL);
	do
		rc = sqlite3_exec(s->writer, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	while ((rc & 0xff) == SQLITE_BUSY && is_wanted(s, group));
	return rc == SQLITE_OK ? ANSWER_YES : query_error(s->writer, rc, err);
}

/* False: who wanted it has left, and its arg may be gone. */
static bool
claim(struct store *s, struct job *job)
{
	bool mine;

	pthread_mutex_lock(&s->lock);
	mine = !job->left;
	if (mine)
		job->state = JOB_RUNS;
	pthread_mutex_unlock(&s->lock);
	return mine;
}

/* False: the transaction is of no use any more. A full disk may have ended it, or what this one did may still be in it. */
static bool
run(struct store *s, struct job *job)
{
	bool begun = query_script(s->writer, "SAVEPOINT job", &job->err) == ANSWER_YES, good = true;

	job->answer = begun ? job->work(s->writer, job->arg, &job->err) : ANSWER_CANT_TELL;
	if (begun)
		good = sqlite3_get_autocommit(s->writer) == 0 && query_script(s->writer,
			job->answer == ANSWER_YES ? "RELEASE job" : "ROLLBACK TO job; RELEASE job", NULL) == ANSWER_YES;
	pthread_mutex_lock(&s->lock);
	set_state(job, JOB_DONE);
	pthread_mutex_unlock(&s->lock);
	return good;
}

/* What one of them saw of another is not there either: so all of them cannot tell. */
static void
fail_all(struct job *group, const struct error *err)
{
	for (; group != NULL; group = group->next) {
		group->answer = ANSWER_CANT_TELL;
		group->err = *err;
	}
}

static void
write_group(struct store *s, struct job *group)
{
	struct error err = ERROR_NONE;
	enum answer answer = begin(s, group, &err);
	bool some = false;

	for (struct job *job = group; job != NULL && answer == ANSWER_YES; job = job->next) {
		if (!claim(s, job))
			continue;
		if (!run(s, job))
			answer = error_cant_tell(&err, "store-full", "the disk or memory is full, or what is written does not get there");
		some |= job->answer == ANSWER_YES;
	}
	if (answer == ANSWER_YES)
		answer = query_script(s->writer, some ? "COMMIT" : "ROLLBACK", &err);
	if (sqlite3_get_autocommit(s->writer) == 0)
		query_script(s->writer, "ROLLBACK", NULL);
	if (answer != ANSWER_YES)
		fail_all(group, &err);
	end_group(s, group, answer == ANSWER_YES && some);
}

static void *
writer_main(void *arg)
{
	struct store *s = arg;

	for (;;) {
		struct job *group;

		pthread_mutex_lock(&s->lock);
		while (s->first == NULL && !s->stopping)
			pthread_cond_wait(&s->work, &s->lock);
		group = take_group(s);
		pthread_mutex_unlock(&s->lock);
		if (group == NULL)
			return NULL;
		write_group(s, group);
	}
}

/* ---- who writes --------------------------------------------------------------- */

/* With the lock held. */
static enum answer
enqueue(struct store *s, struct job *job, struct error *err)
{
	if (s->counts.waiting >= STORE_WAITING_MAX)
		return error_cant_tell(err, "store-busy", "too much waits to be written already");
	*s->end = job;
	s->end = &job->next;
	s->counts.waiting++;
	pthread_cond_signal(&s->work);
	return ANSWER_YES;
}

/* With the lock held. True: it has ended. While the work is done it is waited for, as it uses arg. */
static bool
wait_for(struct store *s, struct job *job, const struct timespec *deadline)
{
	int rc = 0;

	while (job->state != JOB_ENDED && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&job->changed, &s->lock, deadline);
	while (job->state == JOB_RUNS)
		pthread_cond_wait(&job->changed, &s->lock);
	return job->state == JOB_ENDED;
}

/* With the lock held. */
static enum answer
leave(struct store *s, struct job *job, struct error *err)
{
	job->left = true;
	if (s->locked && job->state != JOB_DONE)
		return error_cant_tell(err, "store-locked", "another process has locked the store");
	return error_cant_tell(err, "store-timeout", "it was not written in time");
}

enum answer
store_write(struct store *store, store_work *work, void *arg, const struct timespec *deadline, struct error *err)
{
	struct job *job;
	enum answer answer;
	bool ended = true;

	if (store->writer == NULL)
		return error_cant_tell(err, "store-rights", "the store was opened to be read");
	job = job_new(work, arg);
	if (job == NULL)
		return no_memory(err);
	pthread_mutex_lock(&store->lock);
	answer = enqueue(store, job, err);
	if (answer == ANSWER_YES) {
		ended = wait_for(store, job, deadline);
		answer = ended ? job->answer : leave(store, job, err);
		if (ended && answer != ANSWER_YES && err != NULL)
			*err = job->err;
	}
	if (ended)
		job_free(job);
	pthread_mutex_unlock(&store->lock);
	return answer;
}

/* ---- who reads ------------------------------------------------------------------ */

enum answer
store_read(struct store *store, store_work *work, void *arg, struct error *err)
{
	enum answer answer;

	pthread_mutex_lock(&store->reading);
	answer = query_script(store->reader, "BEGIN", err);
	if (answer == ANSWER_YES)
		answer = work(store->reader, arg, err);
	if (sqlite3_get_autocommit(store->reader) == 0)
		query_script(store->reader, "ROLLBACK", NULL);
	pthread_mutex_unlock(&store->reading);
	return answer;
}

void
store_count(struct store *store, struct store_counts *counts)
{
	pthread_mutex_lock(&store->lock);
	*counts = store->counts;
	pthread_mutex_unlock(&store->lock);
}

/* ---- open and close --------------------------------------------------------------- */

/* The thread takes no signals: those are for others. */
static enum answer
start_writer(struct store *s, struct error *err)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int rc;

	sqlite3_busy_timeout(s->writer, LOCK_TRY_MS);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, WRITER_STACK);
	rc = pthread_create(&s->thread, &attr, writer_main, s);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0 ? ANSWER_YES : no_memory(err);
}

static enum answer
open_both(struct store *s, const char *path, const struct store_schema *schema, enum store_access access,
	struct error *err)
{
	enum answer answer = ANSWER_YES;

	if (access == STORE_WRITE)
		answer = store_open_connection(path, schema, STORE_WRITE, &s->writer, err);
	if (answer == ANSWER_YES)
		answer = store_open_connection(path, schema, STORE_READ, &s->reader, err);
	return answer != ANSWER_YES || access == STORE_READ ? answer : start_writer(s, err);
}

static void
store_free(struct store *s)
{
	sqlite3_close(s->reader);
	sqlite3_close(s->writer); /* last, so that it brings the log into the file */
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->reading);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

enum answer
store_open(const char *path, const struct store_schema *schema, enum store_access access, struct store **store,
	struct error *err)
{
	struct store *s = calloc(1, sizeof *s);
	enum answer answer;

	*store = NULL;
	if (s == NULL)
		return no_memory(err);
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->reading, NULL);
	pthread_cond_init(&s->work, NULL);
	s->end = &s->first;
	answer = open_both(s, path, schema, access, err);
	if (answer == ANSWER_YES)
		*store = s;
	else
		store_free(s);
	return answer;
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	if (store->writer != NULL) {
		pthread_mutex_lock(&store->lock);
		store->stopping = true;
		pthread_cond_signal(&store->work);
		pthread_mutex_unlock(&store->lock);
		pthread_join(store->thread, NULL);
	}
	store_free(store);
}
