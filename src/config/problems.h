/* problems: what is wrong with a configuration file, one line each.
 *
 * The first problem goes into the error record, every further one to the
 * caller's report function: an administrator sees all of them at once. One
 * thread at a time.
 */
#ifndef CONFIG_PROBLEMS_H
#define CONFIG_PROBLEMS_H

#include "config/config.h"

#define PROBLEM_WORDS_MAX 480 /* octets of one line; fits ERROR_WORDS_MAX */

struct problems {
	const char *path;
	config_report *report; /* or NULL */
	void *arg;
	struct error *err;     /* or NULL */
	size_t count;
};

/* "PATH:LINE: words"; line 0: it is about the file as a whole. */
void problem_add(struct problems *p, unsigned line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
