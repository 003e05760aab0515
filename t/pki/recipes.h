/* recipes: certificates of every profile (pki/profiles.h), and for each rule those that break it alone.
 *
 * A recipe is lines:
 *
 *   s TYPE=TEXT   an attribute of the subject, UTF8String    p TYPE=TEXT   PrintableString
 *   i TYPE=TEXT   IA5String
 *   x NAME=VALUE  an extension as openssl.cnf has it          q STATEMENT VALUE   a QCStatement
 *   key KIND      of authority_key()                          digest NAME
 *   version N     begin DAYS, end DAYS   from now
 *
 * and a change of it: "-TEXT" takes away the lines that begin so, "+LINE" adds one behind them.
 * What goes wrong ends the program. */
#ifndef RECIPES_H
#define RECIPES_H

#include "../unit/authority.h"

#define RECIPE_LINES_MAX 64
#define RECIPE_CHANGES_MAX 8

struct recipe {
	const char *profile;                 /* that it keeps whole */
	const char *lines[RECIPE_LINES_MAX]; /* up to NULL */
};

struct recipe_variant {
	const char *profile; /* or the beginning of several names */
	const char *rule;    /* that it breaks, and no other; NULL: none */
	const char *changes[RECIPE_CHANGES_MAX];
};

/* One for each profile, up to NULL. */
extern const struct recipe recipes[];
/* Other forms of the same that are as good. */
extern const struct recipe_variant recipes_good[];
extern const size_t recipes_good_count;
/* At least one for each rule of each profile. */
extern const struct recipe_variant recipes_breaches[];
extern const size_t recipes_breach_count;

const struct recipe *recipes_find(const char *profile);
bool recipes_apply(const struct recipe_variant *variant, const char *profile);

/* The one authority that issues them. */
X509 *recipes_authority(time_t now);
/* changes: up to NULL, or NULL. authority: recipes_authority()'s. */
X509 *recipes_make(const struct recipe *recipe, const char *const *changes, X509 *authority, time_t now);

#endif
