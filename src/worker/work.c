#include "worker/work.h"

#include "base/deadline.h"

#include <stdio.h>
#include <string.h>

const struct config *
work_config(const struct work *w)
{
	return gateway_config(w->gateway);
}

const struct authority *
work_authority(const struct work *w, const char *name)
{
	return authorities_named(gateway_authorities(w->gateway), name);
}

enum answer
work_add(const struct work *w, int64_t request, enum journal_kind kind, int64_t now, const char *how,
	const struct notices_item *notice, struct error *err)
{
	const struct journal_step step = {.request = request, .kind = kind, .time = now, .who = w->who, .how = how};
	const struct timespec deadline = deadline_in(WORK_WRITE_MS);

	return journal_add(w->journal, &step, notice, &deadline, err);
}

struct looking {
	const struct work *w;
	char *recipient;
};

static bool
see_item(void *arg, const struct journal_item *item)
{
	(void)arg;
	(void)item;
	return true;
}

/* Only the worker's own words count: an operator may write anything. Of them the last: a reason before may hold any, too. */
static bool
see_step(void *arg, int64_t seq, const struct journal_step *step)
{
	const struct looking *l = arg;
	const char *at;

	(void)seq;
	if ((step->kind != JOURNAL_ACCEPTED && step->kind != JOURNAL_WAITING) || strcmp(step->who, l->w->who) != 0)
		return true;
	for (at = step->how; (at = strstr(at, WORK_TELLS)) != NULL; at++)
		snprintf(l->recipient, NOTICES_ADDRESS_MAX + 1, "%s", at + strlen(WORK_TELLS));
	return true;
}

enum answer
work_recipient(const struct work *w, int64_t request, char recipient[NOTICES_ADDRESS_MAX + 1], struct error *err)
{
	struct looking l = {w, recipient};

	recipient[0] = '\0';
	return journal_show(w->journal, request, see_item, see_step, &l, err);
}
