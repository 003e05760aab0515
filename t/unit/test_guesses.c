/* Passwords are guessed slowly, for each certificate, from each address and in all, and nobody is shut out for good. */
#include "unit.h"

#include "store_fixture.h"

#include "store/guesses.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define NOW 1800000000
#define YEAR (365 * 24 * 60 * 60)

static struct guesses *guesses;
static struct guesses_limits limits;

static void
open_guesses(void)
{
	guesses_close(guesses);
	ck_assert_int_eq(guesses_open(store_fixture_path("guesses"), &guesses, NULL), ANSWER_YES);
}

static void
set_up(void)
{
	store_fixture_set_up();
	limits = GUESSES_LIMITS;
	open_guesses();
}

static void
tear_down(void)
{
	guesses_close(guesses);
	guesses = NULL;
	store_fixture_tear_down();
}

static struct guess
guess_of(const char *serial, const char *client, int64_t now)
{
	return (struct guess){.authority = "ica", .serial = slice_str(serial), .client = client, .now = now};
}

/* Seconds to wait; 0: it was counted. */
static int64_t
guess_at(const char *serial, const char *client, int64_t now)
{
	struct guess guess = guess_of(serial, client, now);
	struct timespec deadline = far_deadline();
	struct guesses_wait wait;
	struct error err = ERROR_NONE;
	enum answer answer = guesses_begin(guesses, &guess, &limits, &deadline, &wait, &err);

	if (answer == ANSWER_YES)
		ck_assert_int_eq(wait.seconds, 0);
	else {
		ck_assert_int_eq(answer, ANSWER_CANT_TELL);
		ck_assert_str_eq(err.code, "guesses");
		ck_assert_int_gt(wait.seconds, 0);
	}
	return wait.seconds;
}

static enum answer
right_at(const char *serial, const char *client, int64_t now)
{
	struct guess guess = guess_of(serial, client, now);
	struct timespec deadline = far_deadline();

	return guesses_right(guesses, &guess, &deadline, NULL);
}

/* Clients that have not been there; so that only what is tested counts. */
static const char *
new_client(void)
{
	static unsigned number;
	static char text[32];

	number++;
	snprintf(text, sizeof text, "10.%u.%u.1", number / 256, number % 256);
	return text;
}

static const char *
new_serial(void)
{
	static unsigned number;
	static char text[8];

	snprintf(text, sizeof text, "%06u", ++number);
	return text;
}

START_TEST(delays_more_and_more)
{
	int64_t now = NOW, delay = GUESSES_DELAY_MIN;

	for (int i = 0; i < limits.per_serial; i++)
		ck_assert_int_eq(guess_at("A", new_client(), now), 0);
	for (int i = 0; i < 12; i++) {
		ck_assert_int_eq(guess_at("A", new_client(), now), 0);
		ck_assert_int_eq(guess_at("A", new_client(), now), delay);
		open_guesses();
		ck_assert_int_eq(guess_at("A", new_client(), now + delay - 1), 1);
		ck_assert_int_eq(guess_at(new_serial(), new_client(), now), 0);
		now += delay;
		delay = delay * 2 > limits.delay_max ? limits.delay_max : delay * 2;
	}
	ck_assert_int_eq(delay, limits.delay_max);
}
END_TEST

/* Serial numbers of another authority are others. */
START_TEST(counts_each_alone)
{
	struct guess other = guess_of("A", "192.0.2.1", NOW);
	struct timespec deadline = far_deadline();
	struct guesses_wait wait;

	for (int i = 0; i <= limits.per_serial; i++)
		ck_assert_int_eq(guess_at("A", new_client(), NOW), 0);
	ck_assert_int_gt(guess_at("A", new_client(), NOW), 0);
	other.authority = "other";
	ck_assert_int_eq(guesses_begin(guesses, &other, &limits, &deadline, &wait, NULL), ANSWER_YES);
}
END_TEST

START_TEST(counts_clients)
{
	for (int i = 0; i <= limits.per_client; i++)
		ck_assert_int_eq(guess_at(new_serial(), "192.0.2.1", NOW), 0);
	ck_assert_int_eq(guess_at(new_serial(), "192.0.2.1", NOW), GUESSES_DELAY_MIN);
	ck_assert_int_eq(guess_at(new_serial(), "::ffff:192.0.2.1", NOW), GUESSES_DELAY_MIN);
	ck_assert_int_eq(guess_at(new_serial(), "192.0.2.2", NOW), 0);
}
END_TEST

/* One network of IPv6 is one client. */
START_TEST(counts_networks)
{
	char client[64];

	for (int i = 0; i <= limits.per_client; i++) {
		snprintf(client, sizeof client, "2001:db8:1:2:%x::%x", i, i);
		ck_assert_int_eq(guess_at(new_serial(), client, NOW), 0);
	}
	ck_assert_int_eq(guess_at(new_serial(), "2001:db8:1:2:ffff::1", NOW), GUESSES_DELAY_MIN);
	ck_assert_int_eq(guess_at(new_serial(), "2001:db8:1:3::1", NOW), 0);
}
END_TEST

START_TEST(counts_all)
{
	int64_t now = NOW;

	for (int i = 0; i < limits.in_all + 20; i++)
		while (guess_at(new_serial(), new_client(), now) != 0)
			now++;
	ck_assert_int_eq(guess_at(new_serial(), new_client(), now), GUESSES_DELAY_ALL_MAX);
	ck_assert_msg(now - NOW > 10 * GUESSES_DELAY_ALL_MAX,
		"20 guesses beyond those that are free took %d s only", (int)(now - NOW));
}
END_TEST

/* What is refused is not counted: who is attacked gets his turn when the delay is over. */
START_TEST(counts_no_refused_guess)
{
	for (int i = 0; i <= limits.per_serial; i++)
		ck_assert_int_eq(guess_at("A", new_client(), NOW), 0);
	for (int i = 0; i < 500; i++)
		ck_assert_int_eq(guess_at("A", "192.0.2.1", NOW), GUESSES_DELAY_MIN);
	ck_assert_int_eq(guess_at("A", "192.0.2.1", NOW + GUESSES_DELAY_MIN), 0);
}
END_TEST

START_TEST(forgets_in_time)
{
	int64_t now = NOW;

	for (int i = 0; i < 12; i++)
		while (guess_at("A", "192.0.2.1", now) != 0)
			now++;
	ck_assert_int_gt(guess_at("A", "192.0.2.1", now), GUESSES_DELAY_MIN);
	now += YEAR;
	for (int i = 0; i < limits.per_serial; i++)
		ck_assert_int_eq(guess_at("A", "192.0.2.1", now), 0);
	ck_assert_int_eq(guess_at("A", "192.0.2.1", now), 0);
	ck_assert_int_eq(guess_at("A", "192.0.2.1", now), GUESSES_DELAY_MIN);
}
END_TEST

START_TEST(outlives_a_clock_set_back)
{
	for (int i = 0; i <= limits.per_serial; i++)
		ck_assert_int_eq(guess_at("A", new_client(), NOW + YEAR), 0);
	ck_assert_int_gt(guess_at("A", new_client(), NOW + YEAR), 0);
	ck_assert_int_eq(guess_at("A", new_client(), NOW), 0);
}
END_TEST

/* Many gates write, and each has taken the time before it waited. */
START_TEST(makes_nobody_wait_for_a_free_guess)
{
	ck_assert_int_eq(guess_at("A", "192.0.2.1", NOW), 0);
	ck_assert_int_eq(guess_at("A", "192.0.2.1", NOW - 1), 0);
	ck_assert_int_eq(right_at("A", "192.0.2.1", NOW), ANSWER_YES);
	ck_assert_int_eq(guess_at("A", "192.0.2.1", NOW - 1), 0);
}
END_TEST

/* Who knows the password is not slowed by what others tried before, nor by how often he writes. */
START_TEST(takes_back_what_was_right)
{
	for (int i = 0; i < limits.per_serial; i++)
		ck_assert_int_eq(guess_at("A", new_client(), NOW), 0);
	for (int i = 0; i < 5 * limits.in_all; i++) {
		ck_assert_int_eq(guess_at("A", "192.0.2.1", NOW), 0);
		ck_assert_int_eq(right_at("A", "192.0.2.1", NOW), ANSWER_YES);
	}
}
END_TEST

/* One right password does not wash off the wrong ones of an address. */
START_TEST(does_not_wash_off_wrong_ones)
{
	for (int i = 0; i < limits.per_client; i++) {
		ck_assert_int_eq(guess_at(new_serial(), "192.0.2.1", NOW), 0);
		ck_assert_int_eq(guess_at("own", "192.0.2.1", NOW), 0);
		ck_assert_int_eq(right_at("own", "192.0.2.1", NOW), ANSWER_YES);
	}
	ck_assert_int_eq(guess_at(new_serial(), "192.0.2.1", NOW), 0);
	ck_assert_int_eq(guess_at(new_serial(), "192.0.2.1", NOW), GUESSES_DELAY_MIN);
}
END_TEST

/* Nobody fills the disk by guessing at ever new numbers; those that count longest ago go first. */
START_TEST(forgets_the_oldest)
{
	sqlite3_stmt *stmt;
	sqlite3 *db;

	ck_assert_int_eq(guess_at("A", "192.0.2.1", NOW), 0);
	ck_assert_int_eq(sqlite3_open(store_fixture_path("guesses"), &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
		"INSERT INTO counts (scope, name, count, last, until) SELECT 0, 'other ' || i, 1, 1, 1 FROM n", NULL, NULL, NULL),
		SQLITE_OK);
	ck_assert_int_eq(guess_at("B", "192.0.2.1", NOW), 0);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT count(*), count(*) FILTER (WHERE last > 1) FROM counts", -1, &stmt, NULL),
		SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	ck_assert_int_le(sqlite3_column_int(stmt, 0), GUESSES_ROWS_MAX);
	ck_assert_int_eq(sqlite3_column_int(stmt, 1), 4);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}
END_TEST

/* ---- many at a time ----------------------------------------------------------------- */

#define MANY 64

static void *
guess_main(void *arg)
{
	*(int64_t *)arg = guess_at("A", "192.0.2.1", NOW);
	return NULL;
}

START_TEST(gives_nothing_to_many_at_a_time)
{
	pthread_t threads[MANY];
	int64_t waits[MANY];
	int tried = 0;

	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, guess_main, &waits[i]), 0);
	for (int i = 0; i < MANY; i++) {
		pthread_join(threads[i], NULL);
		tried += waits[i] == 0;
	}
	ck_assert_int_eq(tried, limits.per_serial + 1);
}
END_TEST

/* Where it cannot be counted, nobody may guess. */
START_TEST(lets_nobody_guess_uncounted)
{
	struct guess guess = guess_of("A", "192.0.2.1", NOW);
	struct timespec deadline = far_deadline();
	struct error err = ERROR_NONE;
	struct guesses_wait wait;

	disk_set(DISK_FULL);
	ck_assert_int_eq(guesses_begin(guesses, &guess, &limits, &deadline, &wait, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-full");
	ck_assert_int_eq(wait.seconds, 0);
}
END_TEST

/* What is configured holds from the next guess on. */
START_TEST(goes_by_its_limits)
{
	limits = (struct guesses_limits){.per_serial = 1, .per_client = 2, .in_all = 1000, .delay_max = 40};
	ck_assert_int_eq(guess_at("A", "192.0.2.1", NOW), 0);
	ck_assert_int_eq(guess_at("A", "192.0.2.1", NOW), 0);
	ck_assert_int_eq(guess_at("A", "192.0.2.2", NOW), GUESSES_DELAY_MIN);
	ck_assert_int_eq(guess_at("B", "192.0.2.1", NOW), 0);
	ck_assert_int_eq(guess_at("C", "192.0.2.1", NOW), GUESSES_DELAY_MIN);
	ck_assert_int_eq(guess_at("A", "192.0.2.2", NOW + 30), 0);
	ck_assert_int_eq(guess_at("A", "192.0.2.2", NOW + 30), 40);
}
END_TEST

/* ---- for the operator's alarm -------------------------------------------------------- */

struct seen {
	char text[1000];
};

static bool
see(void *arg, const struct guesses_item *item)
{
	struct seen *seen = arg;
	size_t used = strlen(seen->text);

	snprintf(seen->text + used, sizeof seen->text - used, "%d '%s' %d times, %d s\n", (int)item->scope, item->name,
		(int)item->count, (int)(item->until - NOW));
	return true;
}

START_TEST(lists_who_is_under_attack)
{
	struct guesses *reader = NULL;
	struct seen seen = {""};

	for (int i = 0; i <= limits.per_serial; i++)
		ck_assert_int_eq(guess_at("A", new_client(), NOW), 0);
	for (int i = 0; i <= limits.per_client; i++)
		ck_assert_int_eq(guess_at(new_serial(), "192.0.2.1", NOW - 1), 0);
	ck_assert_int_eq(guesses_open_to_read(store_fixture_path("guesses"), &reader, NULL), ANSWER_YES);
	ck_assert_int_eq(guesses_list(reader, NOW, see, &seen, NULL), ANSWER_YES);
	ck_assert_str_eq(seen.text, "0 'ica 41' 4 times, 30 s\n1 '192.0.2.1' 11 times, 29 s\n");
	seen.text[0] = '\0';
	ck_assert_int_eq(guesses_list(reader, NOW + 30, see, &seen, NULL), ANSWER_YES);
	ck_assert_str_eq(seen.text, "");
	guesses_close(reader);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("guesses");
	TCase *t = tcase_create("guesses");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, delays_more_and_more);
	tcase_add_test(t, counts_each_alone);
	tcase_add_test(t, counts_clients);
	tcase_add_test(t, counts_networks);
	tcase_add_test(t, counts_all);
	tcase_add_test(t, counts_no_refused_guess);
	tcase_add_test(t, forgets_in_time);
	tcase_add_test(t, outlives_a_clock_set_back);
	tcase_add_test(t, makes_nobody_wait_for_a_free_guess);
	tcase_add_test(t, takes_back_what_was_right);
	tcase_add_test(t, does_not_wash_off_wrong_ones);
	tcase_add_test(t, forgets_the_oldest);
	tcase_add_test(t, gives_nothing_to_many_at_a_time);
	tcase_add_test(t, lets_nobody_guess_uncounted);
	tcase_add_test(t, goes_by_its_limits);
	tcase_add_test(t, lists_who_is_under_attack);
	suite_add_tcase(s, t);
	return unit_run(s);
}
