#include "fetch/failures.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#define CHANCE_PARTS 4 /* one part as long as the delay's so many is left to chance */

/* In the tree by its name, and in a list by when it failed last. */
struct failure {
	const char *key; /* = name; the tree compares through it */
	struct failure *newer;
	struct failure *older;
	time_t at;
	time_t until;
	time_t delay;
	char *words;
	char name[];
};

struct failures {
	void *tree; /* of search.h: balanced, so that no choice of names makes it slow */
	struct failure *newest;
	struct failure *oldest;
	size_t count;
	size_t max;
};

static int
compare(const void *a, const void *b)
{
	return strcmp(((const struct failure *)a)->key, ((const struct failure *)b)->key);
}

struct failures *
failures_new(size_t max)
{
	struct failures *f = calloc(1, sizeof *f);

	if (f != NULL)
		f->max = max;
	return f;
}

static void
unlink_failure(struct failures *f, struct failure *one)
{
	*(one->newer != NULL ? &one->newer->older : &f->newest) = one->older;
	*(one->older != NULL ? &one->older->newer : &f->oldest) = one->newer;
}

static void
link_newest(struct failures *f, struct failure *one)
{
	one->newer = NULL;
	one->older = f->newest;
	*(f->newest != NULL ? &f->newest->newer : &f->oldest) = one;
	f->newest = one;
}

static void
drop(struct failures *f, struct failure *one)
{
	tdelete(one, &f->tree, compare);
	unlink_failure(f, one);
	f->count--;
	free(one->words);
	free(one);
}

void
failures_free(struct failures *failures)
{
	if (failures == NULL)
		return;
	while (failures->oldest != NULL)
		drop(failures, failures->oldest);
	free(failures);
}

static struct failure *
find(const struct failures *f, const char *name)
{
	struct failure wanted = {.key = name};
	void *node = tfind(&wanted, &f->tree, compare);

	return node == NULL ? NULL : *(struct failure **)node;
}

static struct failure *
insert(struct failures *f, const char *name)
{
	size_t len = strlen(name) + 1;
	struct failure *one = calloc(1, sizeof *one + len);

	if (one == NULL)
		return NULL;
	memcpy(one->name, name, len);
	one->key = one->name;
	if (tsearch(one, &f->tree, compare) == NULL) {
		free(one);
		return NULL;
	}
	while (f->count >= f->max && f->oldest != NULL)
		drop(f, f->oldest);
	link_newest(f, one);
	f->count++;
	return one;
}

/* With what is left to chance it stays below FAILURES_DELAY_MAX. */
static time_t
next_delay(time_t delay)
{
	time_t most = FAILURES_DELAY_MAX / (CHANCE_PARTS + 1) * CHANCE_PARTS;

	if (delay == 0)
		return FAILURES_DELAY_MIN;
	return 2 * delay < most ? 2 * delay : most;
}

void
failures_add(struct failures *failures, const char *name, const struct error *why, time_t begun, time_t now,
	unsigned chance)
{
	struct failure *one = find(failures, name);

	if (one != NULL && begun <= one->at)
		return;
	if (one == NULL)
		one = insert(failures, name);
	if (one == NULL)
		return;
	unlink_failure(failures, one);
	link_newest(failures, one);
	one->delay = next_delay(one->delay);
	one->at = now;
	one->until = now + one->delay + (time_t)(chance % (unsigned)(one->delay / CHANCE_PARTS + 1));
	free(one->words);
	one->words = strdup(why->words);
}

void
failures_forget(struct failures *failures, const char *name)
{
	struct failure *one = find(failures, name);

	if (one != NULL)
		drop(failures, one);
}

bool
failures_delay(const struct failures *failures, const char *name, time_t now, struct error *err)
{
	const struct failure *one = find(failures, name);

	if (one == NULL || now >= one->until)
		return false;
	error_cant_tell(err, "delayed", "%s (failed %lld s ago, tried again in %lld s)",
		one->words == NULL ? name : one->words, (long long)(now - one->at), (long long)(one->until - now));
	return true;
}
