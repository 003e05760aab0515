/* check: what can be seen from several settings together.
 *
 * Names that refer to nothing, settings without effect, settings that defeat each
 * other or that would give the seal or the plain text to somebody who should
 * not have it. Opens nothing and asks nobody.
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config/scan.h"

/* scan is of the file that c came from: it tells a given option from a default. */
void config_check(const struct config *c, const struct scan *scan, struct problems *problems);

#endif
