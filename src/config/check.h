/* check: what can be seen from several settings together.
 *
 * Names that refer to nothing, settings without effect, settings that defeat each
 * other or that would give the seal or the plain text to somebody who should
 * not have it. Opens nothing and asks nobody.
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config/scan.h"

#include <stdbool.h>

/* scan is of the file that c came from: it tells a given option from a default. */
void config_check(const struct config *c, const struct scan *scan, struct problems *problems);

/* ---- for the files check*.c ---------------------------------------------------- */

struct check {
	const struct config *config;
	const struct scan *scan;
	struct problems *problems;
	size_t block; /* the block's entry in scan, SCAN_NONE at top level */
};

/* The option's line where it was given, else the block's. */
unsigned check_line(const struct check *k, const char *option);
bool check_given(const struct check *k, const char *option);
/* Each of the options, up to NULL, that was given is a problem. */
void check_refuse(const struct check *k, const char *const *option, const char *because);
/* Goes to the block of that kind that is i-th in the file, from the one before it. */
void check_next_block(struct check *k, const char *kind, size_t i);
/* Names of trust blocks, and of what the options anchors and intermediates make. */
void check_trust_names(const struct check *k, const char *option, const struct config_strings *names);

void check_revocations(struct check *k); /* revocation blocks, and the options at top level that are for them */

#endif
