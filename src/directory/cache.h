/* cache: what a directory answered lately, by address.
 *
 * Bounded in addresses and in octets; what was not asked for longest goes first.
 * The clock is the caller's: seconds that never run backwards. Threads: all
 * functions but _new and _free may be called from any at once.
 */
#ifndef DIRECTORY_CACHE_H
#define DIRECTORY_CACHE_H

#include "directory/found.h"

#define CACHE_OCTETS_MAX (64 * 1024 * 1024) /* estimated memory of one cache */

struct cache;

/* entries 0: nothing is ever remembered. NULL: no memory. */
struct cache *cache_new(size_t entries, size_t octets);
void cache_free(struct cache *cache);

/* A reference for the caller, or NULL: unknown or expired. *positive is what
 * was given to cache_put(). */
struct found *cache_get(struct cache *cache, const char *key, time_t now, bool *positive);
/* Remembers it for seconds from now on, in place of what was there. Takes a
 * reference of its own. Without memory it is not remembered, which is no error. */
void cache_put(struct cache *cache, const char *key, struct found *found, bool positive, time_t now,
	unsigned seconds);
size_t cache_count(struct cache *cache);

#endif
