/* However many want the same, one goes for it, nobody waits in vain, and what fails is left alone a while. */
#include "unit.h"

#include "base/deadline.h"
#include "fetch/errands.h"
#include "fetch/failures.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define MANY 64
#define LONG_MS 60000 /* that no test waits for */

static struct {
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	unsigned begun, released, returned;
	bool open; /* the gate that work() waits at */
	struct errands *errands;
} scene;

/* What one piece of work is to do. */
struct task {
	enum answer answer;
	const char *code;
	bool gate; /* waits until it is open */
};

static void
lock(void)
{
	pthread_mutex_lock(&scene.lock);
}

static void
unlock(void)
{
	pthread_cond_broadcast(&scene.changed);
	pthread_mutex_unlock(&scene.lock);
}

static void
set_up_waiting(unsigned waiting_max)
{
	pthread_mutex_init(&scene.lock, NULL);
	pthread_cond_init(&scene.changed, NULL);
	scene.begun = scene.released = scene.returned = 0;
	scene.open = false;
	ck_assert_int_eq(errands_new(waiting_max, &scene.errands, NULL), ANSWER_YES);
}

static void
set_up(void)
{
	set_up_waiting(2 * MANY);
}

static void
open_gate(void)
{
	lock();
	scene.open = true;
	unlock();
}

/* Until so many have begun. */
static void
wait_begun(unsigned count)
{
	lock();
	while (scene.begun < count)
		pthread_cond_wait(&scene.changed, &scene.lock);
	unlock();
}

static void
tear_down(void)
{
	open_gate();
	errands_free(scene.errands);
}

static enum answer
work(void *arg, struct error *err)
{
	const struct task *task = arg;

	lock();
	scene.begun++;
	pthread_cond_broadcast(&scene.changed);
	while (task->gate && !scene.open)
		pthread_cond_wait(&scene.changed, &scene.lock);
	unlock();
	if (task->answer == ANSWER_NO)
		return error_no(err, task->code, "it is %s", task->code);
	return task->answer == ANSWER_YES ? ANSWER_YES : error_cant_tell(err, task->code, "it is %s", task->code);
}

static void
release(void *arg)
{
	(void)arg;
	lock();
	scene.released++;
	unlock();
}

static enum answer
run(const char *key, const char *host, const struct task *task, long ms, struct error *err)
{
	struct errand errand = {key, host, work, release, (void *)task};
	struct timespec deadline = deadline_in(ms);

	return errands_do(scene.errands, &errand, ms < 0 ? NULL : &deadline, err);
}

/* ---- tests --------------------------------------------------------------------- */

static const struct task good = {ANSWER_YES, NULL, false}, gated = {ANSWER_YES, NULL, true};
static const struct task gone = {ANSWER_CANT_TELL, "network", false}, bad = {ANSWER_NO, "not-found", false};

static void *
want_the_same(void *arg)
{
	struct error err = ERROR_NONE;
	enum answer answer = run("key", "host", &gated, LONG_MS, &err);

	lock();
	scene.returned += answer == ANSWER_YES;
	unlock();
	return arg;
}

START_TEST(many_wait_for_one)
{
	pthread_t threads[MANY];

	for (size_t i = 0; i < MANY; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, want_the_same, NULL), 0);
	/* Those who only join have given back what they brought; the one at work has not. */
	lock();
	while (scene.released < MANY - 1 || scene.begun < 1)
		pthread_cond_wait(&scene.changed, &scene.lock);
	ck_assert_uint_eq(scene.returned, 0);
	unlock();
	open_gate();
	for (size_t i = 0; i < MANY; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(scene.begun, 1);
	ck_assert_uint_eq(scene.returned, MANY);
	ck_assert_uint_eq(scene.released, MANY);
}
END_TEST

START_TEST(what_was_done_is_done_again_when_asked_again)
{
	ck_assert_int_eq(run("key", "host", &good, LONG_MS, NULL), ANSWER_YES);
	ck_assert_int_eq(run("key", "host", &good, LONG_MS, NULL), ANSWER_YES);
	ck_assert_uint_eq(scene.begun, 2);
	ck_assert_uint_eq(scene.released, 2);
}
END_TEST

START_TEST(nobody_waits_past_his_deadline_and_the_work_goes_on)
{
	struct error err = ERROR_NONE;

	ck_assert_int_eq(run("key", "host", &gated, 1, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "timeout");
	ck_assert_ptr_nonnull(strstr(err.words, "host"));
	ck_assert_uint_eq(scene.released, 0);
	open_gate();
	ck_assert_int_eq(run("key", "host", &gated, LONG_MS, &err), ANSWER_YES);
	ck_assert_uint_ge(scene.released, 2);
}
END_TEST

START_TEST(who_does_not_wait_is_told_at_once)
{
	ck_assert_int_eq(run("key", "host", &gated, -1, NULL), ANSWER_YES);
	wait_begun(1);
	ck_assert_int_eq(run("key", "host", &gated, -1, NULL), ANSWER_YES);
	ck_assert_uint_eq(scene.begun, 1);
	open_gate();
}
END_TEST

START_TEST(so_many_wait_and_no_more)
{
	struct error err = ERROR_NONE;
	pthread_t thread;

	errands_free(scene.errands);
	set_up_waiting(1);
	ck_assert_int_eq(pthread_create(&thread, NULL, want_the_same, NULL), 0);
	wait_begun(1);
	/* The thread holds the lock from its enqueueing until it waits: that this one can be at work says
	 * that it does. */
	ck_assert_int_eq(run("other", "other", &good, LONG_MS, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "waiting");
	ck_assert_int_eq(run("key", "host", &gated, LONG_MS, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "waiting");
	ck_assert_int_eq(run("third", "other", &good, -1, &err), ANSWER_YES);
	open_gate();
	pthread_join(thread, NULL);
	ck_assert_uint_eq(scene.returned, 1);
}
END_TEST

START_TEST(half_of_them_wait_for_one_host)
{
	struct error err = ERROR_NONE;
	pthread_t thread;

	errands_free(scene.errands);
	set_up_waiting(2);
	ck_assert_int_eq(pthread_create(&thread, NULL, want_the_same, NULL), 0);
	wait_begun(1); /* as above */
	ck_assert_int_eq(run("second", "host", &good, LONG_MS, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "waiting");
	ck_assert_int_eq(run("other", "other", &good, LONG_MS, &err), ANSWER_YES);
	open_gate();
	pthread_join(thread, NULL);
	ck_assert_uint_eq(scene.returned, 1);
}
END_TEST

START_TEST(a_hung_host_stops_no_other)
{
	char key[16];

	for (int i = 0; i < MANY; i++) {
		snprintf(key, sizeof key, "%d", i);
		ck_assert_int_eq(run(key, "hung", &gated, -1, NULL), ANSWER_YES);
	}
	wait_begun(ERRANDS_HOST_MAX);
	ck_assert_int_eq(run("a", "well", &good, LONG_MS, NULL), ANSWER_YES);
	ck_assert_int_eq(run("b", "well", &good, LONG_MS, NULL), ANSWER_YES);
	ck_assert_uint_eq(scene.begun, ERRANDS_HOST_MAX + 2);
	open_gate();
	wait_begun(MANY + 2);
}
END_TEST

START_TEST(what_failed_is_left_alone)
{
	struct error err = ERROR_NONE;

	ck_assert_int_eq(run("key", "host", &bad, LONG_MS, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "not-found");
	ck_assert_int_eq(run("key", "host", &bad, LONG_MS, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "delayed");
	ck_assert_ptr_nonnull(strstr(err.words, "it is not-found"));
	ck_assert_int_eq(run("key", "host", &bad, -1, &err), ANSWER_CANT_TELL);
	ck_assert_int_eq(run("other", "host", &good, LONG_MS, &err), ANSWER_YES);
	ck_assert_uint_eq(scene.begun, 2);
	ck_assert_uint_eq(scene.released, 4);
}
END_TEST

START_TEST(a_host_that_cannot_be_reached_is_left_alone)
{
	struct error err = ERROR_NONE;

	ck_assert_int_eq(run("key", "host", &gone, LONG_MS, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "network");
	ck_assert_int_eq(run("other", "host", &good, LONG_MS, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "delayed");
	ck_assert_int_eq(run("other", "another", &good, LONG_MS, &err), ANSWER_YES);
	ck_assert_uint_eq(scene.begun, 2);
}
END_TEST

/* Those who queue for a host that turns out to be dead are told so at once. */
START_TEST(a_queue_for_a_dead_host_ends_with_it)
{
	static const struct task dying = {ANSWER_CANT_TELL, "timeout", true};
	struct error err = ERROR_NONE;
	char key[16];

	for (int i = 0; i < MANY; i++) {
		snprintf(key, sizeof key, "%d", i);
		ck_assert_int_eq(run(key, "host", &dying, -1, NULL), ANSWER_YES);
	}
	wait_begun(ERRANDS_HOST_MAX);
	open_gate();
	ck_assert_int_eq(run("63", "host", &dying, LONG_MS, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "delayed");
	ck_assert_uint_eq(scene.begun, ERRANDS_HOST_MAX);
}
END_TEST

START_TEST(what_was_not_done_is_released_at_the_end)
{
	char key[16];

	for (int i = 0; i < MANY; i++) {
		snprintf(key, sizeof key, "%d", i);
		ck_assert_int_eq(run(key, "host", &gated, -1, NULL), ANSWER_YES);
	}
	wait_begun(ERRANDS_HOST_MAX);
	open_gate();
	errands_free(scene.errands);
	ck_assert_uint_eq(scene.released, MANY);
	scene.errands = NULL;
}
END_TEST

START_TEST(no_more_than_the_limit_is_queued)
{
	struct error err = ERROR_NONE;
	char key[16];

	for (int i = 0; i < ERRANDS_QUEUE_MAX + ERRANDS_HOST_MAX; i++) {
		snprintf(key, sizeof key, "%d", i);
		ck_assert_int_eq(run(key, "host", &gated, -1, NULL), ANSWER_YES);
		wait_begun(i < ERRANDS_HOST_MAX ? (unsigned)i + 1 : ERRANDS_HOST_MAX);
	}
	ck_assert_int_eq(run("more", "host", &gated, -1, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "waiting");
	ck_assert_uint_eq(scene.released, 1);
}
END_TEST

/* ---- failures -------------------------------------------------------------------- */

static time_t
delay_after(struct failures *f, const char *name, time_t now)
{
	time_t later = now;

	while (failures_delay(f, name, later, NULL))
		later++;
	return later - now;
}

START_TEST(delays_grow_up_to_a_limit)
{
	struct failures *f = failures_new(10);
	struct error why = ERROR_NONE;
	time_t now = 1000, least = FAILURES_DELAY_MIN, delay;

	error_cant_tell(&why, "network", "away");
	for (unsigned i = 0; i < 20; i++) {
		failures_add(f, "host", &why, now, now, i % 2 == 0 ? 0 : 1234567);
		delay = delay_after(f, "host", now);
		ck_assert_int_ge(delay, least);
		ck_assert_int_le(delay, FAILURES_DELAY_MAX);
		least = 2 * least < FAILURES_DELAY_MAX * 3 / 4 ? 2 * least : FAILURES_DELAY_MAX * 3 / 4;
		now += delay;
	}
	failures_forget(f, "host");
	failures_add(f, "host", &why, now, now, 0);
	ck_assert_int_eq(delay_after(f, "host", now), FAILURES_DELAY_MIN);
	failures_free(f);
}
END_TEST

START_TEST(chance_tells_delays_apart)
{
	struct failures *f = failures_new(10);
	struct error why = ERROR_NONE;

	failures_add(f, "a", &why, 1000, 1000, 0);
	failures_add(f, "b", &why, 1000, 1000, 3);
	ck_assert_int_eq(delay_after(f, "b", 1000) - delay_after(f, "a", 1000), 3);
	failures_free(f);
}
END_TEST

START_TEST(what_failed_together_counts_once)
{
	struct failures *f = failures_new(10);
	struct error why = ERROR_NONE;

	failures_add(f, "host", &why, 1000, 1005, 0);
	failures_add(f, "host", &why, 1001, 1006, 0);
	ck_assert_int_eq(delay_after(f, "host", 1005), FAILURES_DELAY_MIN);
	failures_free(f);
}
END_TEST

START_TEST(the_oldest_failures_go)
{
	struct failures *f = failures_new(3);
	struct error why = ERROR_NONE;
	char name[2] = "a";

	for (; name[0] <= 'd'; name[0]++)
		failures_add(f, name, &why, 1000, 1000, 0);
	ck_assert(!failures_delay(f, "a", 1000, NULL));
	ck_assert(failures_delay(f, "b", 1000, NULL));
	ck_assert(failures_delay(f, "d", 1000, NULL));
	failures_free(f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("errands");
	TCase *t = tcase_create("errands");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, many_wait_for_one);
	tcase_add_test(t, what_was_done_is_done_again_when_asked_again);
	tcase_add_test(t, nobody_waits_past_his_deadline_and_the_work_goes_on);
	tcase_add_test(t, who_does_not_wait_is_told_at_once);
	tcase_add_test(t, so_many_wait_and_no_more);
	tcase_add_test(t, half_of_them_wait_for_one_host);
	tcase_add_test(t, a_hung_host_stops_no_other);
	tcase_add_test(t, what_failed_is_left_alone);
	tcase_add_test(t, a_host_that_cannot_be_reached_is_left_alone);
	tcase_add_test(t, a_queue_for_a_dead_host_ends_with_it);
	tcase_add_test(t, what_was_not_done_is_released_at_the_end);
	tcase_add_test(t, no_more_than_the_limit_is_queued);
	suite_add_tcase(s, t);
	t = tcase_create("failures");
	tcase_add_test(t, delays_grow_up_to_a_limit);
	tcase_add_test(t, chance_tells_delays_apart);
	tcase_add_test(t, what_failed_together_counts_once);
	tcase_add_test(t, the_oldest_failures_go);
	suite_add_tcase(s, t);
	return unit_run(s);
}
