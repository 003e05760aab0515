/* deadline: moments of CLOCK_MONOTONIC by which work has to end. All pure but for
 * the clock; safe in every thread.
 */
#ifndef BASE_DEADLINE_H
#define BASE_DEADLINE_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/time.h>
#include <time.h>

struct timespec deadline_in(long milliseconds);
/* Milliseconds from now; 0 where it has passed. */
long deadline_left(const struct timespec *deadline);
struct timespec deadline_earlier(struct timespec a, struct timespec b);
/* What is left, cut into that many equal parts: the end of the first. */
struct timespec deadline_share(const struct timespec *deadline, size_t parts);
/* Sleeps until the next whole multiple of milliseconds, which are not 0, after begun. */
void deadline_sleep_to_multiple(const struct timespec *begun, unsigned milliseconds);
struct timeval deadline_timeval(const struct timespec *deadline);
/* A condition whose pthread_cond_timedwait() takes such moments. */
void deadline_cond_init(pthread_cond_t *cond);

#endif
