/* lookup: what somebody else knows of an authority's certificates and people: LDAP, or the store.
 *
 * Which certificates have a serial number, and whom an organisation's group lists. Nothing is remembered between
 * look-ups. Who may write there may have anything revoked.
 *
 * Which certificate an entry in LDAP is about its certificate says, and without one its issuer (a name in text,
 * RFC 4514) and its number in decimal; its holder likewise, or the attributes of an organisation. Text has lost how the
 * name was encoded, so it only finds the authority's own, compared as RFC 5280 7.1 says, and that one counts further on.
 * Of several certificates in an entry each is looked at, as people have several.
 *
 * An entry that is surely about another certificate, or another authority's, does not matter. One of which that cannot
 * be told (what is needed is missing, cannot be read, or contradicts itself), or a certificate that is there twice, makes
 * the answer CANT_TELL for this number: left out, it would make one of two certificates look like the only one, and the
 * wrong one be revoked. What else is wrong in an entry (a password's hash, a contact) goes alone. Either is logged with
 * the entry's name.
 *
 * Threads: any.
 */
#ifndef REVOCATION_LOOKUP_H
#define REVOCATION_LOOKUP_H

#include "directory/directory.h"
#include "revocation/authority.h"
#include "store/enrolments.h"

#define LOOKUP_ENTRIES_MAX 100    /* for one number, other authorities' included */
#define LOOKUP_GROUP_MAX 1000     /* members of one group */
#define LOOKUP_LISTINGS_MAX 10000 /* certificates of all groups and files */
#define LOOKUP_GROUP_CERTIFICATE "userCertificate;binary" /* a member's */

struct lookup {
	const struct authority *authority;
	unsigned password_cost_limit;    /* the configuration's; a hash that costs more counts as none */
	struct directories *directories;
	struct journal *journal;         /* for inventory = enrolled; NULL: it cannot be had now */
	const struct timespec *deadline; /* CLOCK_MONOTONIC */
};

/* YES: *found holds all certificates of the authority with that number, perhaps none; inventory_free() it. CANT_TELL: it
 * cannot be asked now; "inventory": see above; "ldap-limit": more than LOOKUP_ENTRIES_MAX. */
enum answer lookup_serial(const struct lookup *lookup, const struct holder_serial *serial, struct inventory **found,
	struct error *err);

/* YES: *listings are those of the block and of all groups, *count of them, for lookup_listings_free(); they borrow from
 * the authority. Groups have member or uniqueMember, each a person; a group within a group lists nobody, nor does a member
 * that is not in the directory. Each member is asked for on its own, so ask only where a signer could be one. CANT_TELL: a
 * group cannot be asked now; "group": there is no such group, or it is larger than the limits above. */
enum answer lookup_listings(const struct lookup *lookup, struct authorise_listing **listings, size_t *count,
	struct error *err);
void lookup_listings_free(struct authorise_listing *listings);

#endif
