/* checks: what check-config has found so far, and the parts of it that are files of their own.
 *
 * Everything is looked at, and each thing that is wrong is said: one problem never hides the next.
 */
#ifndef CTL_CHECKS_H
#define CTL_CHECKS_H

#include "ctl/ctl.h"

struct checks {
	const struct config *config;
	time_t now;
	unsigned problems, warnings, unsure;
};

/* Each prints a line. */
void checks_problem(struct checks *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void checks_warning(struct checks *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void checks_error(struct checks *c, const struct error *err);

/* Blocks that take requests for revocation: their files, commands and folders, as gate and as worker. */
void checks_revocations(struct checks *c);

#endif
