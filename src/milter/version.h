/* version: may the daemon run with this OpenSSL?
 *
 * What counts is the library that is loaded, not the one that was compiled
 * with. 3.0 before 3.0.22 has memory errors in its CMS code that a mail can reach.
 */
#ifndef MILTER_VERSION_H
#define MILTER_VERSION_H

#include "base/error.h"

/* number: OpenSSL_version_num(). YES: known to be good. NO: known to be bad.
 * CANT_TELL: of a series whose numbers are not known here. */
enum answer version_judge(unsigned long number, struct error *err);

#endif
