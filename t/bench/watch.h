/* watch: what a process and all its descendants used.
 *
 * CPU comes from each process's own CPU clock (nanoseconds, threads that have
 * ended included), not from the ticks of /proc/PID/stat.
 */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WATCH_PROCESSES_MAX 64

struct watch {
	pid_t pids[WATCH_PROCESSES_MAX]; /* the first is the one that was asked for */
	size_t count;
	uint64_t cpu_ns;    /* user and system, since each process began */
	uint64_t peak_kib;  /* VmHWM, the sum of all */
};

/* False: root is not there, or there are too many. */
bool watch_take(pid_t root, struct watch *w);
/* The same processes, none restarted in between. */
bool watch_same(const struct watch *a, const struct watch *b);
/* Lets VmHWM begin anew; false where the kernel does not let us (then peaks only grow). */
bool watch_reset_peak(const struct watch *w);

#endif
