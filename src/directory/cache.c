#include "directory/cache.h"

#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

/* In the tree by its key, and in a list by when it was last asked for. */
struct remembered {
	const char *key; /* = name; the tree compares through it */
	struct found *found;
	bool positive;
	time_t expires;
	size_t octets;
	struct remembered *newer;
	struct remembered *older;
	char name[];
};

struct cache {
	pthread_mutex_t lock; /* of all below */
	void *tree; /* of search.h: balanced, so that no choice of addresses makes it slow */
	struct remembered *newest;
	struct remembered *oldest;
	size_t count;
	size_t octets;
	size_t entries_max;
	size_t octets_max;
};

static int
compare(const void *a, const void *b)
{
	return strcmp(((const struct remembered *)a)->key, ((const struct remembered *)b)->key);
}

struct cache *
cache_new(size_t entries, size_t octets)
{
	struct cache *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	pthread_mutex_init(&c->lock, NULL);
	c->entries_max = entries;
	c->octets_max = octets;
	return c;
}

static void
unlink_entry(struct cache *c, struct remembered *e)
{
	*(e->newer != NULL ? &e->newer->older : &c->newest) = e->older;
	*(e->older != NULL ? &e->older->newer : &c->oldest) = e->newer;
}

static void
link_newest(struct cache *c, struct remembered *e)
{
	e->newer = NULL;
	e->older = c->newest;
	*(c->newest != NULL ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

static void
drop(struct cache *c, struct remembered *e)
{
	tdelete(e, &c->tree, compare);
	unlink_entry(c, e);
	c->count--;
	c->octets -= e->octets;
	found_unref(e->found);
	free(e);
}

static struct remembered *
look(struct cache *c, const char *key)
{
	struct remembered wanted = {.key = key};
	void *node = tfind(&wanted, &c->tree, compare);

	return node == NULL ? NULL : *(struct remembered **)node;
}

void
cache_free(struct cache *cache)
{
	if (cache == NULL)
		return;
	while (cache->oldest != NULL)
		drop(cache, cache->oldest);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

struct found *
cache_get(struct cache *cache, const char *key, time_t now, bool *positive)
{
	struct found *found = NULL;
	struct remembered *e;

	pthread_mutex_lock(&cache->lock);
	e = look(cache, key);
	if (e != NULL && now >= e->expires) {
		drop(cache, e);
	} else if (e != NULL) {
		unlink_entry(cache, e);
		link_newest(cache, e);
		*positive = e->positive;
		found = found_ref(e->found);
	}
	pthread_mutex_unlock(&cache->lock);
	return found;
}

static struct remembered *
entry_new(const char *key, struct found *found)
{
	size_t len = strlen(key) + 1;
	struct remembered *e = calloc(1, sizeof *e + len);

	if (e == NULL)
		return NULL;
	memcpy(e->name, key, len);
	e->key = e->name;
	e->found = found_ref(found);
	e->octets = sizeof *e + len + found->octets;
	return e;
}

static void
insert(struct cache *c, struct remembered *e)
{
	struct remembered *before = look(c, e->key);

	if (before != NULL)
		drop(c, before);
	while (c->oldest != NULL && (c->count >= c->entries_max || c->octets + e->octets > c->octets_max))
		drop(c, c->oldest);
	if (tsearch(e, &c->tree, compare) == NULL) {
		found_unref(e->found);
		free(e);
		return;
	}
	link_newest(c, e);
	c->count++;
	c->octets += e->octets;
}

void
cache_put(struct cache *cache, const char *key, struct found *found, bool positive, time_t now,
	unsigned seconds)
{
	struct remembered *e;

	if (seconds == 0 || cache->entries_max == 0 || found->octets > cache->octets_max)
		return;
	e = entry_new(key, found);
	if (e == NULL)
		return;
	e->positive = positive;
	e->expires = now + (time_t)seconds;
	pthread_mutex_lock(&cache->lock);
	insert(cache, e);
	pthread_mutex_unlock(&cache->lock);
}

size_t
cache_count(struct cache *cache)
{
	size_t count;

	pthread_mutex_lock(&cache->lock);
	count = cache->count;
	pthread_mutex_unlock(&cache->lock);
	return count;
}
