/* lookup: what somebody else knows of an authority's certificates and people: LDAP, or the store.
 *
 * Which certificates have a serial number, and whom an organisation's group lists. Nothing is remembered between look-ups. An
 * entry that does not hold what it should is left out and logged, as the others are as good as before.
 * Threads: any.
 */
#ifndef REVOCATION_LOOKUP_H
#define REVOCATION_LOOKUP_H

#include "directory/directory.h"
#include "revocation/authority.h"
#include "store/enrolments.h"

#define LOOKUP_GROUP_MAX 1000 /* members of one group */

struct lookup {
	const struct authority *authority;
	unsigned password_cost_limit;    /* the configuration's */
	struct directories *directories;
	struct journal *journal;         /* for inventory = enrolled; NULL: it cannot be had now */
	const struct timespec *deadline; /* CLOCK_MONOTONIC */
};

/* YES: *found holds all certificates of the authority with that number, perhaps none; inventory_free() it. CANT_TELL: it
 * cannot be asked now. */
enum answer lookup_serial(const struct lookup *lookup, const struct holder_serial *serial, struct inventory **found,
	struct error *err);

/* YES: *listings are those of the block and of all groups, *count of them, for lookup_listings_free(); they
 * borrow from the authority. CANT_TELL: a group cannot be asked now. */
enum answer lookup_listings(const struct lookup *lookup, struct authorise_listing **listings, size_t *count, struct error *err);
void lookup_listings_free(struct authorise_listing *listings);

#endif
