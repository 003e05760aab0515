#include "revocation/schedule.h"
#include "unit.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define T 1769438283 /* when requests were received */
#define HOUR 3600
#define GONE SCHEDULE_AUTHORITIES_MAX

/* One item alone. */
static const struct {
	const char *what;
	struct schedule_item item;
	time_t after; /* seconds from T to now */
	enum schedule_step step;
	enum schedule_warning warning;
} single[] = {
	{"a new one runs at once", {.state = SCHEDULE_WAITING}, 0, SCHEDULE_RUN, SCHEDULE_NO_WARNING},
	{"the second try waits", {.state = SCHEDULE_WAITING, .tries = 1, .last_try = T + 60}, 60 + SCHEDULE_PAUSE - 1,
	    SCHEDULE_NOTHING, SCHEDULE_NO_WARNING},
	{"the second try", {.state = SCHEDULE_WAITING, .tries = 1, .last_try = T + 60}, 60 + SCHEDULE_PAUSE, SCHEDULE_RUN,
	    SCHEDULE_NO_WARNING},
	{"the fourth try waits longer", {.state = SCHEDULE_WAITING, .tries = 3, .last_try = T}, 4 * SCHEDULE_PAUSE - 1,
	    SCHEDULE_NOTHING, SCHEDULE_NO_WARNING},
	{"the fourth try", {.state = SCHEDULE_WAITING, .tries = 3, .last_try = T}, 4 * SCHEDULE_PAUSE, SCHEDULE_RUN,
	    SCHEDULE_NO_WARNING},
	{"no pause is longer than the longest", {.state = SCHEDULE_WAITING, .tries = 4000000000U, .last_try = T},
	    SCHEDULE_PAUSE_MAX, SCHEDULE_RUN, SCHEDULE_NO_WARNING},
	{"a clock that was put back", {.state = SCHEDULE_WAITING, .tries = 9, .last_try = T + 9 * HOUR}, HOUR, SCHEDULE_RUN,
	    SCHEDULE_NO_WARNING},
	{"received tomorrow", {.state = SCHEDULE_WAITING}, -24 * HOUR, SCHEDULE_RUN, SCHEDULE_NO_WARNING},

	{"shortly before half", {.state = SCHEDULE_PERSON}, 12 * HOUR - 1, SCHEDULE_NOTHING, SCHEDULE_NO_WARNING},
	{"half", {.state = SCHEDULE_PERSON}, 12 * HOUR, SCHEDULE_NOTHING, SCHEDULE_HALF},
	{"half, said already", {.state = SCHEDULE_PERSON, .warned = SCHEDULE_HALF}, 13 * HOUR, SCHEDULE_NOTHING,
	    SCHEDULE_NO_WARNING},
	{"nine tenths", {.state = SCHEDULE_PERSON, .warned = SCHEDULE_HALF}, 77760, SCHEDULE_NOTHING, SCHEDULE_NINE_TENTHS},
	{"nine tenths, and half was slept through", {.state = SCHEDULE_PERSON}, 77760, SCHEDULE_NOTHING,
	    SCHEDULE_NINE_TENTHS},
	{"shortly before the deadline", {.state = SCHEDULE_PERSON, .warned = SCHEDULE_NINE_TENTHS}, 24 * HOUR - 1,
	    SCHEDULE_NOTHING, SCHEDULE_NO_WARNING},
	{"overdue", {.state = SCHEDULE_PERSON, .warned = SCHEDULE_NINE_TENTHS}, 24 * HOUR, SCHEDULE_NOTHING,
	    SCHEDULE_OVERDUE},
	{"overdue, said already", {.state = SCHEDULE_PERSON, .warned = SCHEDULE_OVERDUE}, 25 * HOUR, SCHEDULE_NOTHING,
	    SCHEDULE_NO_WARNING},
	{"overdue is tried on", {.state = SCHEDULE_WAITING, .tries = 90, .last_try = T + 100 * HOUR,
	    .warned = SCHEDULE_OVERDUE}, 100 * HOUR + 60, SCHEDULE_NOTHING, SCHEDULE_NO_WARNING},
	{"overdue runs", {.state = SCHEDULE_WAITING}, 9000 * HOUR, SCHEDULE_RUN, SCHEDULE_OVERDUE},
	{"one that runs is late too", {.state = SCHEDULE_RUNNING, .ours = true}, 24 * HOUR, SCHEDULE_NOTHING,
	    SCHEDULE_OVERDUE},
	{"one that has ended never is", {.state = SCHEDULE_ENDED}, 90 * HOUR, SCHEDULE_NOTHING, SCHEDULE_NO_WARNING},

	{"broken off, idempotent", {.state = SCHEDULE_RUNNING, .idempotent = true}, 60, SCHEDULE_RUN, SCHEDULE_NO_WARNING},
	{"broken off, idempotent, after tries", {.state = SCHEDULE_RUNNING, .idempotent = true, .tries = 9,
	    .last_try = T + 59}, 60, SCHEDULE_RUN, SCHEDULE_NO_WARNING},
	{"broken off, not idempotent", {.state = SCHEDULE_RUNNING}, 60, SCHEDULE_ASK_PERSON, SCHEDULE_NO_WARNING},
	{"running", {.state = SCHEDULE_RUNNING, .ours = true, .idempotent = true}, 60, SCHEDULE_NOTHING,
	    SCHEDULE_NO_WARNING},

	{"its authority is gone", {.state = SCHEDULE_WAITING, .authority = GONE}, 0, SCHEDULE_ASK_PERSON,
	    SCHEDULE_NO_WARNING},
	{"its authority is gone, broken off", {.state = SCHEDULE_RUNNING, .authority = GONE, .idempotent = true}, 0,
	    SCHEDULE_ASK_PERSON, SCHEDULE_NO_WARNING},
	{"its authority is gone, and a person knows", {.state = SCHEDULE_PERSON, .authority = GONE}, 0, SCHEDULE_NOTHING,
	    SCHEDULE_NO_WARNING},
};

START_TEST(test_single)
{
	struct schedule_item item = single[_i].item;
	struct schedule_advice advice;

	item.received = T;
	schedule_plan(&item, 1, T + single[_i].after, &advice);
	ck_assert_msg(advice.step == single[_i].step, "%s: step %d", single[_i].what, advice.step);
	ck_assert_msg(advice.warning == single[_i].warning, "%s: warning %d", single[_i].what, advice.warning);
}
END_TEST

/* Several: who of them has his turn at T + 100. */
static const struct {
	const char *what;
	struct schedule_item items[4];
	const char *runs; /* a letter an item, "-" or "r" */
} turns[] = {
	{"one at a time an authority, the eldest", {
		{.received = T + 2}, {.received = T + 1}, {.received = T + 1, .authority = 1}, {.received = T}}, "--rr"},
	{"of two of one second the first", {
		{.received = T}, {.received = T}, {.received = T}, {.received = T}}, "r---"},
	{"none beside one that runs", {
		{.received = T}, {.received = T + 1, .state = SCHEDULE_RUNNING, .ours = true}, {.received = T},
		{.received = T, .authority = 7}}, "---r"},
	{"one that failed waits behind those that never had a turn", {
		{.received = T - 9000, .tries = 1, .last_try = T + 50}, {.received = T + 60}, {.received = T + 70},
		{.received = T + 90}}, "-r--"},
	{"until it has waited longest", {
		{.received = T - 9000, .tries = 1, .last_try = T + 50}, {.received = T + 85}, {.received = T + 90},
		{.received = T + 95}}, "r---"},
	{"one that has to wait keeps nobody", {
		{.received = T, .tries = 5, .last_try = T + 90}, {.received = T + 99}, {.received = T, .state = SCHEDULE_PERSON},
		{.received = T, .state = SCHEDULE_ENDED}}, "-r--"},
	{"what broke off keeps nobody, where it waits for a person", {
		{.received = T, .state = SCHEDULE_RUNNING}, {.received = T + 99}, {.received = T + 99}, {.received = T + 99}},
	    "pr--"},
	{"what broke off is run one at a time too", {
		{.received = T, .state = SCHEDULE_RUNNING, .idempotent = true}, {.received = T - 1},
		{.received = T + 2, .state = SCHEDULE_RUNNING, .idempotent = true, .authority = 2}, {.received = T, .authority = 2}},
	    "-r-r"},
	{"those of no authority do not wait for each other", {
		{.received = T, .authority = GONE}, {.received = T, .authority = GONE}, {.received = T, .authority = GONE + 9},
		{.received = T, .authority = GONE - 1}}, "pppr"},
};

START_TEST(test_turns)
{
	struct schedule_advice advice[4];
	char runs[5] = "";

	schedule_plan(turns[_i].items, 4, T + 100, advice);
	for (size_t i = 0; i < 4; i++)
		runs[i] = "-rp"[advice[i].step];
	ck_assert_msg(strcmp(runs, turns[_i].runs) == 0, "%s: %s", turns[_i].what, runs);
}
END_TEST

/* An authority is away for thirty hours, then back; nothing is done but when the schedule says so. */
struct story {
	struct schedule_item items[20];
	unsigned warnings[20];
	unsigned runs[20];
	time_t longest_pause;
	time_t last_run[20];
};

#define LOOK 10 /* seconds between two looks, and of a run */

/* As somebody who carries it out does. */
static void
end_run(struct schedule_item *item, bool done, time_t now)
{
	item->state = done ? SCHEDULE_ENDED : SCHEDULE_WAITING;
	item->tries++;
	item->last_try = now;
}

static void
look(struct story *s, time_t now, bool away)
{
	struct schedule_advice advice[20];
	unsigned running = 0;

	schedule_plan(s->items, 20, now, advice);
	for (size_t i = 0; i < 20; i++) {
		if (advice[i].warning != SCHEDULE_NO_WARNING) {
			ck_assert_int_eq(advice[i].warning, s->items[i].warned + 1);
			s->items[i].warned = advice[i].warning;
			s->warnings[i]++;
		}
		if (advice[i].step != SCHEDULE_RUN)
			continue;
		running++;
		if (s->runs[i]++ > 0 && now - s->last_run[i] > s->longest_pause)
			s->longest_pause = now - s->last_run[i];
		s->last_run[i] = now;
		end_run(&s->items[i], !away, now + LOOK);
	}
	ck_assert_uint_le(running, 1);
}

START_TEST(test_authority_is_away)
{
	static struct story s;
	time_t now = T;

	for (size_t i = 0; i < 20; i++)
		s.items[i].received = T;
	for (; now < T + 30 * HOUR; now += LOOK)
		look(&s, now, true);
	for (size_t i = 0; i < 20; i++) {
		ck_assert_uint_eq(s.warnings[i], 3);
		ck_assert_uint_ge(s.runs[i], 30 * HOUR / (SCHEDULE_PAUSE_MAX + 20 * LOOK));
	}
	/* Each has its turn within the longest pause and a run of each other. */
	ck_assert_int_le(s.longest_pause, SCHEDULE_PAUSE_MAX + 20 * LOOK);
	ck_assert_int_ge(s.longest_pause, SCHEDULE_PAUSE_MAX);
	for (time_t back = now; now <= back + SCHEDULE_PAUSE_MAX + 20 * LOOK; now += LOOK)
		look(&s, now, false);
	for (size_t i = 0; i < 20; i++)
		ck_assert_int_eq(s.items[i].state, SCHEDULE_ENDED);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("schedule");
	TCase *c = tcase_create("schedule");

	tcase_add_loop_test(c, test_single, 0, COUNT(single));
	tcase_add_loop_test(c, test_turns, 0, COUNT(turns));
	tcase_add_test(c, test_authority_is_away);
	suite_add_tcase(s, c);
	return unit_run(s);
}
