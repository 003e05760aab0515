/* warden: run a program so that nothing of it outlives the call.
 *
 * The program gets a process group of its own, an environment with nothing but PATH, LC_ALL
 * and TZ, "/" as its folder, no standard input, and of our descriptors none. Between it and us
 * stands a process, the warden, to which the kernel gives all of its descendants that lose
 * their parents, in whatever session they are (PR_SET_CHILD_SUBREAPER); it kills them all, be it
 * that the program ends, that its time is up or that we die. It finds them by
 * /proc/thread-self/children. One that may not be killed, as it runs as another user, is waited for.
 * Any thread of a process that does not reap children that it does not know.
 */
#ifndef REVOCATION_WARDEN_H
#define REVOCATION_WARDEN_H

#include "base/buf.h"

enum warden_end {
	WARDEN_EXITED,      /* value: its exit status */
	WARDEN_SIGNAL,      /* value: what killed it, not by us */
	WARDEN_TIME_LIMIT,  /* killed by us */
	WARDEN_NOT_STARTED, /* value: errno; nothing of it has run */
	WARDEN_LOST,        /* the warden was killed, and the program with it; how far it came, nobody knows */
};

struct warden_report {
	enum warden_end end;
	int value;
	bool output_cut;
};

/* Runs the program argv[0], an absolute path, for at most so many seconds. What it writes to standard
 * output and standard error goes to output up to its limit; what is more is read and forgotten. */
void warden_run(char *const argv[], unsigned seconds, struct buf *output, struct warden_report *report);

#endif
