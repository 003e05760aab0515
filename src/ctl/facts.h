/* facts: what a certificate is, and what a set of authorities says of it, as a tree to be told.
 *
 * sealctl(8) lists the keys.
 */
#ifndef CTL_FACTS_H
#define CTL_FACTS_H

#include "ctl/sets.h"
#include "ctl/report.h"

/* The certificate itself. facts: NULL: they cannot be read, why says. */
json_t *facts_certificate(const struct cert *cert, const struct certfacts *facts, const struct error *why, time_t at);
/* because: why it was checked against this profile. */
json_t *facts_profile(const struct profile *profile, const struct profile_result *result, const char *because);
/* The path to an anchor, or why there is none; what each set says; revocation; qualified or not. */
json_t *facts_chain(const struct sets *s);
json_t *facts_sets(const struct sets *s);
json_t *facts_status(const struct sets *s, time_t at);
json_t *facts_qualified(const struct sets *s);

#endif
