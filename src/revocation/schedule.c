#include "revocation/schedule.h"

#include <stdint.h>

#define NOBODY SIZE_MAX

/* Seconds after receipt at which each warning is due. */
static const time_t due_after[] = {
	[SCHEDULE_HALF] = SCHEDULE_WITHIN / 2,
	[SCHEDULE_NINE_TENTHS] = SCHEDULE_WITHIN / 10 * 9,
	[SCHEDULE_OVERDUE] = SCHEDULE_WITHIN,
};

/* What of its time is gone, whether somebody was told or not; none of one that has ended. */
static enum schedule_warning
lateness(const struct schedule_item *item, time_t now)
{
	enum schedule_warning w = SCHEDULE_OVERDUE;

	if (item->state == SCHEDULE_ENDED)
		return SCHEDULE_NO_WARNING;
	while (w > SCHEDULE_NO_WARNING && now < item->received + due_after[w])
		w--;
	return w;
}

static time_t
pause_after(unsigned tries)
{
	time_t pause = SCHEDULE_PAUSE;

	while (--tries > 0 && pause < SCHEDULE_PAUSE_MAX)
		pause *= 2;
	return pause < SCHEDULE_PAUSE_MAX ? pause : SCHEDULE_PAUSE_MAX;
}

/* When a waiting item is due. */
static time_t
due(const struct schedule_item *item, time_t now)
{
	if (item->tries == 0)
		return item->received < now ? item->received : now;
	return item->last_try > now ? now : item->last_try + pause_after(item->tries);
}

/* Whose run nobody watches any more. */
static bool
is_orphan(const struct schedule_item *item)
{
	return item->state == SCHEDULE_RUNNING && !item->ours;
}

static bool
wants_to_run(const struct schedule_item *item)
{
	return item->state == SCHEDULE_WAITING || (is_orphan(item) && item->idempotent);
}

static bool
needs_person(const struct schedule_item *item)
{
	if (item->state == SCHEDULE_WAITING)
		return item->authority >= SCHEDULE_AUTHORITIES_MAX;
	return is_orphan(item) && (!item->idempotent || item->authority >= SCHEDULE_AUTHORITIES_MAX);
}

/* Nothing was waited for before a run that broke off, so it has waited longest. */
static time_t
waits_since(const struct schedule_item *item, time_t now)
{
	return is_orphan(item) ? item->received : due(item, now);
}

static bool
goes_before(const struct schedule_item *a, const struct schedule_item *b, time_t now)
{
	time_t since_a = waits_since(a, now), since_b = waits_since(b, now);

	return since_a != since_b ? since_a < since_b : a->received < b->received;
}

/* Whose turn it is at each authority: an item's place, NOBODY where one runs or none is due. */
static void
choose(const struct schedule_item *items, size_t count, time_t now, size_t turn[SCHEDULE_AUTHORITIES_MAX])
{
	bool busy[SCHEDULE_AUTHORITIES_MAX] = {false};

	for (size_t i = 0; i < SCHEDULE_AUTHORITIES_MAX; i++)
		turn[i] = NOBODY;
	for (size_t i = 0; i < count; i++) {
		const struct schedule_item *item = &items[i];
		size_t *best;

		if (item->authority >= SCHEDULE_AUTHORITIES_MAX)
			continue;
		best = &turn[item->authority];
		if (item->state == SCHEDULE_RUNNING && item->ours)
			busy[item->authority] = true;
		else if (wants_to_run(item) && waits_since(item, now) <= now &&
		    (*best == NOBODY || goes_before(item, &items[*best], now)))
			*best = i;
	}
	for (size_t i = 0; i < SCHEDULE_AUTHORITIES_MAX; i++)
		if (busy[i])
			turn[i] = NOBODY;
}

void
schedule_plan(const struct schedule_item *items, size_t count, time_t now, struct schedule_advice *advice)
{
	size_t turn[SCHEDULE_AUTHORITIES_MAX];

	choose(items, count, now, turn);
	for (size_t i = 0; i < count; i++) {
		const struct schedule_item *item = &items[i];
		enum schedule_warning late = lateness(item, now);

		advice[i] = (struct schedule_advice){.warning = late > item->warned ? late : SCHEDULE_NO_WARNING};
		if (needs_person(item))
			advice[i].step = SCHEDULE_ASK_PERSON;
		else if (item->authority < SCHEDULE_AUTHORITIES_MAX && turn[item->authority] == i)
			advice[i].step = SCHEDULE_RUN;
	}
}
