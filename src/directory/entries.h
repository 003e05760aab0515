/* entries: what a directory answered to a search, as it came.
 *
 * Filled by one thread; then only read, by any number of them.
 */
#ifndef DIRECTORY_ENTRIES_H
#define DIRECTORY_ENTRIES_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

#define ENTRIES_MAX 200                      /* of one search */
#define ENTRIES_OCTETS_MAX (8 * 1024 * 1024) /* of memory for all of them, as an estimate */

struct entries_value {
	char *attribute;    /* with its options */
	struct slice value; /* owned */
};

struct entry {
	char *name; /* as the server writes it; for people */
	struct entries_value *values;
	size_t value_count;
};

struct entries {
	struct entry *items;
	size_t count;
	size_t max;
	size_t octets;
	bool left_out; /* there was more */
	bool out_of_memory;
};

struct entries *entries_new(size_t max); /* NULL: no memory */
void entries_free(struct entries *entries); /* NULL is safe */
void entries_clear(struct entries *entries);

void entries_add(struct entries *entries, const char *name);
/* Of the entry that was added last. */
void entries_add_value(struct entries *entries, const char *attribute, struct slice value);

/* The next value of that attribute from *at on, which is 0 at first. Names are compared without letter case, and without
 * `;binary`, which comes back or not as a server likes; with other options it is another attribute. False: no more. */
bool entries_next(const struct entry *entry, const char *attribute, size_t *at, struct slice *value);

#endif
