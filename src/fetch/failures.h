/* failures: what has failed of late, and when it may be tried again.
 *
 * Time and chance are arguments: seconds of CLOCK_MONOTONIC, and a number at random. Not for
 * several threads at once.
 */
#ifndef FETCH_FAILURES_H
#define FETCH_FAILURES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define FAILURES_DELAY_MIN 15 /* s */
#define FAILURES_DELAY_MAX 900

struct failures;

/* max: names that are remembered; more: the one that failed longest ago goes. NULL: no memory. */
struct failures *failures_new(size_t max);
void failures_free(struct failures *failures); /* NULL is safe */

/* It failed now, having been begun then: each time the delay doubles, up to a limit, and a part of it
 * is left to chance. What was begun before it failed last adds nothing. Without memory it is forgotten. */
void failures_add(struct failures *failures, const char *name, const struct error *why, time_t begun, time_t now,
	unsigned chance);
void failures_forget(struct failures *failures, const char *name);

/* Is it too early? Then err is CANT_TELL "delayed", whose words say how it failed and when. */
bool failures_delay(const struct failures *failures, const char *name, time_t now, struct error *err);

#endif
