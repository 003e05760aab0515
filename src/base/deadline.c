#include "base/deadline.h"

#include <errno.h>

#define SECOND_MS 1000L
#define MILLISECOND_NS 1000000L

static struct timespec
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t;
}

static struct timespec
after(struct timespec t, long milliseconds)
{
	t.tv_sec += milliseconds / SECOND_MS;
	t.tv_nsec += milliseconds % SECOND_MS * MILLISECOND_NS;
	if (t.tv_nsec >= SECOND_MS * MILLISECOND_NS) {
		t.tv_nsec -= SECOND_MS * MILLISECOND_NS;
		t.tv_sec++;
	}
	return t;
}

struct timespec
deadline_in(long milliseconds)
{
	return after(now(), milliseconds);
}

void
deadline_sleep_to_multiple(const struct timespec *begun, unsigned milliseconds)
{
	struct timespec t = now();
	long passed = (t.tv_sec - begun->tv_sec) * SECOND_MS + (t.tv_nsec - begun->tv_nsec) / MILLISECOND_NS;

	t = after(*begun, (passed / milliseconds + 1) * milliseconds);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

long
deadline_left(const struct timespec *deadline)
{
	struct timespec t = now();
	long left = (deadline->tv_sec - t.tv_sec) * SECOND_MS + (deadline->tv_nsec - t.tv_nsec) / MILLISECOND_NS;

	return left > 0 ? left : 0;
}

struct timespec
deadline_earlier(struct timespec a, struct timespec b)
{
	if (a.tv_sec != b.tv_sec)
		return a.tv_sec < b.tv_sec ? a : b;
	return a.tv_nsec < b.tv_nsec ? a : b;
}

struct timespec
deadline_share(const struct timespec *deadline, size_t parts)
{
	return deadline_in(deadline_left(deadline) / (long)(parts == 0 ? 1 : parts));
}

struct timeval
deadline_timeval(const struct timespec *deadline)
{
	long left = deadline_left(deadline);

	return (struct timeval){.tv_sec = left / SECOND_MS, .tv_usec = left % SECOND_MS * 1000};
}

void
deadline_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}
