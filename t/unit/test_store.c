/* What was answered YES is on the disk; what could not be is told, and many who write at a time share an fsync. */
#include "unit.h"

#include "store_fixture.h"

#include "store/query.h"
#include "store/store.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 64
#define APPLICATION 4711

static const char *const steps[] = {
	"CREATE TABLE words (word TEXT NOT NULL UNIQUE) STRICT;",
	"ALTER TABLE words ADD COLUMN length INTEGER; UPDATE words SET length = length(word);",
	"CREATE TABLE broken (; ",
};

static const struct store_schema first = {"list of words", APPLICATION, steps, 1},
	second = {"list of words", APPLICATION, steps, 2}, broken = {"list of words", APPLICATION, steps, 3},
	other = {"list of numbers", APPLICATION + 1, steps, 2};

static struct {
	struct store *store;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	bool entered, open; /* the gate that hold() waits at */
	unsigned good, late;
} scene;

static void
set_up(void)
{
	store_fixture_set_up();
	pthread_mutex_init(&scene.lock, NULL);
	pthread_cond_init(&scene.changed, NULL);
	scene.entered = scene.open = false;
	scene.good = scene.late = 0;
	ck_assert_int_eq(store_open(store_fixture_path("words"), &first, STORE_WRITE, &scene.store, NULL), ANSWER_YES);
}

static void
tear_down(void)
{
	store_close(scene.store);
	store_fixture_tear_down();
}

static enum answer
add_word(sqlite3 *db, void *arg, struct error *err)
{
	struct query q;

	query_init(&q, db, "INSERT INTO words (word) VALUES (?)");
	query_bind_text(&q, arg);
	return query_run(&q, err);
}

static enum answer
add_and_refuse(sqlite3 *db, void *arg, struct error *err)
{
	ck_assert_int_eq(add_word(db, arg, NULL), ANSWER_YES);
	return error_no(err, "refused", "%s is no word", (const char *)arg);
}

static enum answer
count_words(sqlite3 *db, void *arg, struct error *err)
{
	struct query q;

	query_init(&q, db, "SELECT count(*) FROM words");
	if (query_next(&q))
		*(int64_t *)arg = query_int(&q, 0);
	return query_end(&q, err);
}

static int64_t
words(struct store *store)
{
	int64_t count = -1;

	ck_assert_int_eq(store_read(store, count_words, &count, NULL), ANSWER_YES);
	return count;
}

static enum answer
write_by(const char *word, struct timespec deadline, struct error *err)
{
	return store_write(scene.store, add_word, (void *)word, &deadline, err);
}

static enum answer
write_word(const char *word)
{
	return write_by(word, far_deadline(), NULL);
}

/* ---- a writer that is held up ------------------------------------------------- */

/* Adds its word, then keeps the writer busy until the gate is open. */
static enum answer
hold(sqlite3 *db, void *arg, struct error *err)
{
	enum answer answer = add_word(db, arg, err);

	pthread_mutex_lock(&scene.lock);
	scene.entered = true;
	pthread_cond_broadcast(&scene.changed);
	while (!scene.open)
		pthread_cond_wait(&scene.changed, &scene.lock);
	pthread_mutex_unlock(&scene.lock);
	return answer;
}

static void *
hold_main(void *arg)
{
	struct timespec deadline = far_deadline();

	ck_assert_int_eq(store_write(scene.store, hold, arg, &deadline, NULL), ANSWER_YES);
	return NULL;
}

static pthread_t
hold_writer(void)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, hold_main, "held"), 0);
	pthread_mutex_lock(&scene.lock);
	while (!scene.entered)
		pthread_cond_wait(&scene.changed, &scene.lock);
	pthread_mutex_unlock(&scene.lock);
	return thread;
}

static void
release_writer(pthread_t thread)
{
	pthread_mutex_lock(&scene.lock);
	scene.open = true;
	pthread_cond_broadcast(&scene.changed);
	pthread_mutex_unlock(&scene.lock);
	pthread_join(thread, NULL);
}

static void
wait_until_waiting(unsigned count)
{
	struct store_counts counts;

	do {
		store_count(scene.store, &counts);
		usleep(1000);
	} while (counts.waiting < count);
}

static void *
write_main(void *arg)
{
	char word[32];
	enum answer answer;

	snprintf(word, sizeof word, "word %zu", (size_t)arg);
	answer = write_word(word);
	pthread_mutex_lock(&scene.lock);
	scene.good += answer == ANSWER_YES;
	pthread_mutex_unlock(&scene.lock);
	return NULL;
}

/* So many wait behind the one that is held, and then go. */
static void
write_many(void)
{
	pthread_t holder = hold_writer(), threads[MANY];

	for (size_t i = 0; i < MANY; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_main, (void *)i), 0);
	wait_until_waiting(MANY);
	release_writer(holder);
	for (size_t i = 0; i < MANY; i++)
		pthread_join(threads[i], NULL);
}

/* ---- tests -------------------------------------------------------------------------- */

START_TEST(keeps_what_was_written)
{
	struct stat st;

	ck_assert_int_eq(write_word("stays"), ANSWER_YES);
	ck_assert_int_eq(words(scene.store), 1);
	store_close(scene.store);
	ck_assert_int_eq(store_open(store_fixture_path("words"), &first, STORE_WRITE, &scene.store, NULL), ANSWER_YES);
	ck_assert_int_eq(words(scene.store), 1);
	ck_assert_int_eq(stat(store_fixture_path("words"), &st), 0);
	ck_assert_msg((st.st_mode & 07) == 0, "others may look into it: %o", (unsigned)st.st_mode);
	ck_assert_int_eq(stat(store_fixture_path("words-wal"), &st), 0);
	ck_assert_msg((st.st_mode & 07) == 0, "others may look into its log: %o", (unsigned)st.st_mode);
}
END_TEST

/* Each alone costs an fsync; many at a time share one. */
START_TEST(shares_an_fsync)
{
	struct store_counts before, after;
	unsigned alone, together;
	char word[32];

	alone = disk_syncs();
	for (int i = 0; i < MANY; i++) {
		snprintf(word, sizeof word, "alone %d", i);
		ck_assert_int_eq(write_word(word), ANSWER_YES);
	}
	alone = disk_syncs() - alone;
	ck_assert_uint_ge(alone, MANY);
	store_count(scene.store, &before);
	together = disk_syncs();
	write_many();
	together = disk_syncs() - together;
	store_count(scene.store, &after);
	ck_assert_uint_eq(scene.good, MANY);
	ck_assert_uint_eq(after.written - before.written, MANY + 1);
	ck_assert_uint_eq(after.commits - before.commits, 2);
	ck_assert_uint_eq(after.waiting, 0);
	ck_assert_msg(together <= 4, "%u fsyncs for %d at a time, %u one by one", together, MANY, alone);
	ck_assert_int_eq(words(scene.store), 2 * MANY + 1);
}
END_TEST

static void *
refuse_main(void *arg)
{
	struct timespec deadline = far_deadline();
	struct error err = ERROR_NONE;

	ck_assert_int_eq(store_write(scene.store, add_and_refuse, arg, &deadline, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "refused");
	return NULL;
}

/* One that is refused leaves nothing, and takes nothing with it. */
START_TEST(keeps_jobs_apart)
{
	pthread_t holder = hold_writer(), refused, good;

	ck_assert_int_eq(pthread_create(&refused, NULL, refuse_main, "bad"), 0);
	wait_until_waiting(1);
	ck_assert_int_eq(pthread_create(&good, NULL, write_main, (void *)1), 0);
	wait_until_waiting(2);
	release_writer(holder);
	pthread_join(refused, NULL);
	pthread_join(good, NULL);
	ck_assert_uint_eq(scene.good, 1);
	ck_assert_int_eq(words(scene.store), 2);
}
END_TEST

START_TEST(does_not_make_readers_wait)
{
	pthread_t holder = hold_writer();

	ck_assert_msg(words(scene.store) == 0, "what was not committed is seen");
	release_writer(holder);
	ck_assert_int_eq(words(scene.store), 1);
}
END_TEST

/* Who has left is not served later: his memory may be gone, and he was told that it was not done. */
START_TEST(forgets_who_has_left)
{
	pthread_t holder = hold_writer();
	struct error err = ERROR_NONE;

	ck_assert_int_eq(write_by("late", near_deadline(), &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-timeout");
	release_writer(holder);
	ck_assert_int_eq(write_word("next"), ANSWER_YES);
	ck_assert_int_eq(words(scene.store), 2);
}
END_TEST

static void *
hold_past_deadline(void *arg)
{
	struct timespec deadline = near_deadline();
	enum answer answer = store_write(scene.store, hold, arg, &deadline, NULL);

	pthread_mutex_lock(&scene.lock);
	ck_assert_msg(scene.open, "it came back while its argument was in use: %d", (int)answer);
	pthread_mutex_unlock(&scene.lock);
	return NULL;
}

START_TEST(leaves_nobody_whose_work_runs)
{
	pthread_t holder;

	ck_assert_int_eq(pthread_create(&holder, NULL, hold_past_deadline, "held"), 0);
	pthread_mutex_lock(&scene.lock);
	while (!scene.entered)
		pthread_cond_wait(&scene.changed, &scene.lock);
	pthread_mutex_unlock(&scene.lock);
	usleep(300000); /* past the near deadline; a store that goes wrong gets its chance */
	release_writer(holder);
}
END_TEST

/* ---- locked by another process ---------------------------------------------------- */

/* Holds the lock until the pipe is closed. */
static pid_t
lock_from_outside(int *until)
{
	int ready[2], end[2];
	sqlite3 *db;
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	ck_assert_int_eq(pipe(end), 0);
	pid = fork();
	if (pid == 0) {
		close(end[1]);
		if (sqlite3_open(store_fixture_path("words"), &db) != SQLITE_OK ||
		    sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK || write(ready[1], "r", 1) != 1)
			_exit(1);
		_exit(read(end[0], &c, 1) == 0 ? 0 : 1);
	}
	close(end[0]);
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	close(ready[0]);
	*until = end[1];
	return pid;
}

/* Also those that nobody waits for any more count, until the writer has come to them. */
START_TEST(takes_no_more_than_can_wait)
{
	pthread_t holder = hold_writer();
	struct error err = ERROR_NONE;

	for (unsigned i = 0; i < STORE_WAITING_MAX; i++)
		ck_assert_int_eq(write_by("late", (struct timespec){0, 0}, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-timeout");
	ck_assert_int_eq(write_by("one more", far_deadline(), &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-busy");
	release_writer(holder);
	while (write_by("next", far_deadline(), &err) != ANSWER_YES)
		ck_assert_str_eq(err.code, "store-busy");
	ck_assert_int_eq(words(scene.store), 2);
}
END_TEST

START_TEST(tells_of_a_lock)
{
	struct error err = ERROR_NONE;
	int until, status;
	pid_t pid;

	/* The child is not to inherit a store. */
	store_close(scene.store);
	pid = lock_from_outside(&until);
	ck_assert_int_eq(store_open(store_fixture_path("words"), &first, STORE_WRITE, &scene.store, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-locked");
	close(until);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(store_open(store_fixture_path("words"), &first, STORE_WRITE, &scene.store, &err), ANSWER_YES);
}
END_TEST

static sqlite3 *
lock_file(void)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(store_fixture_path("words"), &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	return db;
}

START_TEST(waits_no_longer_than_asked)
{
	struct error err = ERROR_NONE;
	sqlite3 *db = lock_file();

	ck_assert_int_eq(write_by("locked out", near_deadline(), &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-locked");
	ck_assert_int_eq(words(scene.store), 0);
	sqlite3_close(db);
	ck_assert_int_eq(write_word("after"), ANSWER_YES);
	ck_assert_msg(words(scene.store) == 1, "what was said not to be written was");
}
END_TEST

/* As long as somebody wants it the lock is waited for. */
START_TEST(waits_for_a_lock)
{
	sqlite3 *db = lock_file();
	struct store_counts counts;
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, write_main, NULL), 0);
	usleep(300000); /* longer than one try takes; a store that goes wrong gets its chance */
	store_count(scene.store, &counts);
	ck_assert_uint_eq(counts.written, 0);
	sqlite3_close(db);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(scene.good, 1);
}
END_TEST

/* ---- full and dying disks ----------------------------------------------------------- */

START_TEST(tells_of_a_full_disk)
{
	struct error err = ERROR_NONE;

	ck_assert_int_eq(write_word("before"), ANSWER_YES);
	disk_set(_i == 0 ? DISK_FULL : DISK_DYING);
	ck_assert_int_eq(write_by("no room", far_deadline(), &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-full");
	ck_assert_int_eq(words(scene.store), 1);
	disk_set(DISK_GOOD);
	ck_assert_int_eq(write_word("after"), ANSWER_YES);
	ck_assert_int_eq(words(scene.store), 2);
}
END_TEST

/* None of a group is told that it was written. */
START_TEST(tells_all_of_a_full_disk)
{
	pthread_t holder = hold_writer(), threads[MANY];

	for (size_t i = 0; i < MANY; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_main, (void *)i), 0);
	wait_until_waiting(MANY);
	release_writer(holder);
	for (size_t i = 0; i < MANY; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(scene.good, MANY);
	disk_set(DISK_FULL);
	scene.good = 0;
	for (size_t i = 0; i < MANY; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_main, (void *)(MANY + i)), 0);
	for (size_t i = 0; i < MANY; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(scene.good, 0);
	ck_assert_int_eq(words(scene.store), MANY + 1);
}
END_TEST

#define LARGE (8 * 1024 * 1024) /* octets: more than stay in memory until the COMMIT */

/* The disk is full in the midst of it, and no longer when it has failed. */
static enum answer
add_large(sqlite3 *db, void *arg, struct error *err)
{
	enum answer answer;
	struct query q;

	(void)arg;
	disk_set(DISK_FULL);
	query_init(&q, db, "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100) "
		"INSERT INTO words (word) SELECT i || hex(zeroblob(?)) FROM n");
	query_bind_int(&q, LARGE / 200);
	answer = query_run(&q, err);
	disk_set(DISK_GOOD);
	ck_assert_int_ne(sqlite3_get_autocommit(db), 0);
	return answer;
}

static void *
large_main(void *arg)
{
	struct timespec deadline = far_deadline();

	(void)arg;
	ck_assert_int_eq(store_write(scene.store, add_large, NULL, &deadline, NULL), ANSWER_CANT_TELL);
	return NULL;
}

/* SQLite gives up the whole transaction then: what follows in the group must not go on as if it were there. */
START_TEST(gives_up_the_group_with_the_transaction)
{
	pthread_t holder = hold_writer(), large, small;

	ck_assert_int_eq(pthread_create(&large, NULL, large_main, NULL), 0);
	wait_until_waiting(1);
	ck_assert_int_eq(pthread_create(&small, NULL, write_main, (void *)1), 0);
	wait_until_waiting(2);
	release_writer(holder);
	pthread_join(large, NULL);
	pthread_join(small, NULL);
	ck_assert_uint_eq(scene.good, 0);
	ck_assert_int_eq(words(scene.store), 1);
	ck_assert_int_eq(write_word("after"), ANSWER_YES);
}
END_TEST

/* What SQLite cannot do for want of memory, for one. */
static struct {
	sqlite3 *db;
	int action; /* SQLITE_SAVEPOINT, SQLITE_TRANSACTION: none of it is rolled back */
} unable;

static int
permit(void *arg, int action, const char *what, const char *ignored, const char *database, const char *trigger)
{
	(void)arg;
	(void)ignored;
	(void)database;
	(void)trigger;
	return action == unable.action && strcmp(what, "ROLLBACK") == 0 ? SQLITE_DENY : SQLITE_OK;
}

static enum answer
add_and_disable(sqlite3 *db, void *arg, struct error *err)
{
	unable.db = db;
	sqlite3_set_authorizer(db, permit, NULL);
	return add_and_refuse(db, arg, err);
}

static void *
disable_main(void *arg)
{
	struct timespec deadline = far_deadline();

	ck_assert_int_eq(store_write(scene.store, add_and_disable, arg, &deadline, NULL), ANSWER_CANT_TELL);
	return NULL;
}

/* What cannot be taken out again must not be committed with what others wrote. */
START_TEST(gives_up_what_cannot_be_taken_out)
{
	pthread_t holder = hold_writer(), refused, small;

	unable.action = SQLITE_SAVEPOINT;
	ck_assert_int_eq(pthread_create(&refused, NULL, disable_main, "bad"), 0);
	wait_until_waiting(1);
	ck_assert_int_eq(pthread_create(&small, NULL, write_main, (void *)1), 0);
	wait_until_waiting(2);
	release_writer(holder);
	pthread_join(refused, NULL);
	pthread_join(small, NULL);
	sqlite3_set_authorizer(unable.db, NULL, NULL);
	ck_assert_uint_eq(scene.good, 0);
	ck_assert_int_eq(words(scene.store), 1);
	ck_assert_int_eq(write_word("after"), ANSWER_YES);
}
END_TEST

START_TEST(goes_on_after_a_transaction_that_could_not_be_given_up)
{
	struct timespec deadline = far_deadline();

	unable.action = SQLITE_TRANSACTION;
	ck_assert_int_eq(store_write(scene.store, add_and_disable, "bad", &deadline, NULL), ANSWER_CANT_TELL);
	sqlite3_set_authorizer(unable.db, NULL, NULL);
	ck_assert_int_eq(write_word("after"), ANSWER_YES);
	ck_assert_int_eq(words(scene.store), 1);
}
END_TEST

/* The kernel itself refuses. */
START_TEST(tells_of_a_real_limit)
{
	struct rlimit before, small;
	struct error err = ERROR_NONE;
	char word[8192];
	int good = 0;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){100000, before.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	do
		snprintf(word, sizeof word, "%08000d", ++good);
	while (good < 100 && write_by(word, far_deadline(), &err) == ANSWER_YES);
	ck_assert_int_lt(good, 100);
	ck_assert_str_eq(err.code, "store-full");
	ck_assert_int_gt(good, 1);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert_msg(words(scene.store) == good - 1, "%d were said to be written, %d are there", good - 1,
		(int)words(scene.store));
	ck_assert_int_eq(write_word("after"), ANSWER_YES);
}
END_TEST

/* ---- versions -------------------------------------------------------------------------- */

static enum answer
sum_lengths(sqlite3 *db, void *arg, struct error *err)
{
	struct query q;

	query_init(&q, db, "SELECT sum(length) FROM words");
	if (query_next(&q))
		*(int64_t *)arg = query_int(&q, 0);
	return query_end(&q, err);
}

static enum answer
open_words(const struct store_schema *schema, enum store_access access, struct error *err)
{
	store_close(scene.store);
	return store_open(store_fixture_path("words"), schema, access, &scene.store, err);
}

START_TEST(brings_an_older_one_up_to_date)
{
	struct error err = ERROR_NONE;
	int64_t sum = 0;

	ck_assert_int_eq(write_word("four"), ANSWER_YES);
	ck_assert_int_eq(write_word("seven"), ANSWER_YES);
	ck_assert_int_eq(open_words(&second, STORE_READ, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-schema");
	ck_assert_int_eq(open_words(&second, STORE_WRITE, &err), ANSWER_YES);
	ck_assert_int_eq(store_read(scene.store, sum_lengths, &sum, NULL), ANSWER_YES);
	ck_assert_int_eq(sum, 9);
	ck_assert_int_eq(open_words(&second, STORE_READ, &err), ANSWER_YES);
}
END_TEST

START_TEST(does_not_touch_a_newer_one)
{
	struct error err = ERROR_NONE;

	ck_assert_int_eq(open_words(&second, STORE_WRITE, NULL), ANSWER_YES);
	ck_assert_int_eq(open_words(&first, STORE_WRITE, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "store-schema");
	ck_assert_int_eq(open_words(&other, STORE_WRITE, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "store-schema");
	ck_assert_int_eq(open_words(&second, STORE_WRITE, NULL), ANSWER_YES);
}
END_TEST

START_TEST(leaves_a_half_way_step_undone)
{
	int64_t sum = 0;

	ck_assert_int_eq(write_word("four"), ANSWER_YES);
	ck_assert_int_eq(open_words(&broken, STORE_WRITE, NULL), ANSWER_CANT_TELL);
	ck_assert_int_eq(open_words(&first, STORE_WRITE, NULL), ANSWER_YES);
	ck_assert_int_eq(store_read(scene.store, sum_lengths, &sum, NULL), ANSWER_CANT_TELL);
	ck_assert_int_eq(words(scene.store), 1);
}
END_TEST

START_TEST(knows_what_is_no_database)
{
	FILE *f = fopen(store_fixture_path("text"), "w");
	struct error err = ERROR_NONE;
	struct store *store;

	ck_assert_ptr_nonnull(f);
	for (int i = 0; i < 1000; i++)
		fputs("this is no database\n", f);
	fclose(f);
	ck_assert_int_eq(store_open(store_fixture_path("text"), &first, STORE_WRITE, &store, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-damaged");
	ck_assert_int_eq(store_open(store_fixture_path("none"), &first, STORE_READ, &store, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-rights");
}
END_TEST

/* ---- killed ------------------------------------------------------------------------------ */

/* Writes words until it dies; of each that was said to be written it tells. */
static void
write_until_killed(int tell, unsigned operation)
{
	char word[32];

	ck_assert_int_eq(open_words(&first, STORE_WRITE, NULL), ANSWER_YES);
	disk_kill_at(operation);
	for (int i = 0; i < 8; i++) {
		snprintf(word, sizeof word, "%u.%d", operation, i);
		if (write_word(word) != ANSWER_YES || write(tell, "w", 1) != 1)
			_exit(1);
	}
	store_close(scene.store);
	_exit(0);
}

/* At each write and fsync, until one goes to its end. */
START_TEST(loses_nothing_when_killed)
{
	int64_t there = 0;
	unsigned landed = 0;
	int status = 0;

	store_close(scene.store);
	scene.store = NULL;
	for (unsigned operation = 1; operation == 1 || WIFSIGNALED(status); operation++) {
		int told[2], count = 0;
		char c;
		pid_t pid;

		ck_assert_int_eq(pipe(told), 0);
		pid = fork();
		if (pid == 0)
			write_until_killed(told[1], operation);
		close(told[1]);
		while (read(told[0], &c, 1) == 1)
			count++;
		close(told[0]);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
		landed += WIFSIGNALED(status);
		ck_assert_int_eq(open_words(&first, STORE_WRITE, NULL), ANSWER_YES);
		ck_assert_msg(words(scene.store) >= there + count && words(scene.store) <= there + count + 1,
			"killed at operation %u: %d were said to be written, %d are there", operation, count,
			(int)(words(scene.store) - there));
		there = words(scene.store);
		store_close(scene.store);
		scene.store = NULL;
	}
	ck_assert_msg(landed >= 16, "only %u kills landed", landed);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store");
	TCase *t = tcase_create("store");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, keeps_what_was_written);
	tcase_add_test(t, shares_an_fsync);
	tcase_add_test(t, keeps_jobs_apart);
	tcase_add_test(t, does_not_make_readers_wait);
	tcase_add_test(t, forgets_who_has_left);
	tcase_add_test(t, leaves_nobody_whose_work_runs);
	tcase_add_test(t, takes_no_more_than_can_wait);
	tcase_add_test(t, tells_of_a_lock);
	tcase_add_test(t, waits_for_a_lock);
	tcase_add_test(t, waits_no_longer_than_asked);
	tcase_add_loop_test(t, tells_of_a_full_disk, 0, 2);
	tcase_add_test(t, tells_all_of_a_full_disk);
	tcase_add_test(t, gives_up_the_group_with_the_transaction);
	tcase_add_test(t, gives_up_what_cannot_be_taken_out);
	tcase_add_test(t, goes_on_after_a_transaction_that_could_not_be_given_up);
	tcase_add_test(t, tells_of_a_real_limit);
	tcase_add_test(t, brings_an_older_one_up_to_date);
	tcase_add_test(t, does_not_touch_a_newer_one);
	tcase_add_test(t, leaves_a_half_way_step_undone);
	tcase_add_test(t, knows_what_is_no_database);
	tcase_add_test(t, loses_nothing_when_killed);
	suite_add_tcase(s, t);
	return unit_run(s);
}
