/* profile_fixture: certificates from recipes, for profiles. A recipe is lines:
 *
 *   s TYPE=TEXT   an attribute of the subject, UTF8String    p TYPE=TEXT   PrintableString
 *   i TYPE=TEXT   IA5String
 *   x NAME=VALUE  an extension as openssl.cnf has it          q STATEMENT VALUE   a QCStatement
 *   key KIND      of authority_key()                          digest NAME
 *   version N     begin DAYS, end DAYS   from AUTHORITY_NOW
 *
 * and a change of it: "-TEXT" takes away the lines that begin so, "+LINE" adds one behind them.
 * What goes wrong ends the program. */
#ifndef PROFILE_FIXTURE_H
#define PROFILE_FIXTURE_H

#include "authority.h"

#define RECIPE_LINES_MAX 64
#define RECIPE_CHANGES_MAX 8

struct recipe {
	const char *profile;                 /* that it keeps whole */
	const char *lines[RECIPE_LINES_MAX]; /* up to NULL */
};

/* One for each profile, up to NULL. */
extern const struct recipe profile_recipes[];

const struct recipe *profile_recipe(const char *profile);
/* changes: up to NULL, or NULL. */
X509 *profile_x509(const struct recipe *recipe, const char *const *changes);

#endif
