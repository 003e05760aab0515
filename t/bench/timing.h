/* timing: do the times of the daemon's answers tell messages apart?
 *
 * Messages of several kinds are sent in one shuffled order over a few connections at once,
 * so that whatever else goes on meets all kinds alike. Each pair of kinds is compared by
 * the statistic of Kolmogorov and Smirnov: the largest difference of the two shares of answers that came
 * up to some time. Alike kinds pass the bound, in any of the pairs, in one run of 1000.
 */
#ifndef TIMING_H
#define TIMING_H

#include "t/mta/mta.h"

#define TIMING_KINDS_MAX 8
#define TIMING_CONNECTIONS_MAX 64

struct timing_job {
	const char *socket;
	const struct mta_message *messages; /* one of each kind */
	size_t kinds;
	size_t tries;                       /* of all kinds together */
	unsigned connections;
};

struct timing_result {
	struct {
		size_t count;
		double p50_ms, p99_ms; /* from the message's end to the verdict on it */
	} kind[TIMING_KINDS_MAX];
	double distance;      /* the largest of any two kinds, 0 to 1 */
	size_t first, second; /* these two */
	double bound;
	char error[512];      /* of a message that was not answered; "": all were */
};

/* False: out of memory or threads, or a message was not answered. */
bool timing_run(const struct timing_job *job, struct timing_result *result);

#endif
