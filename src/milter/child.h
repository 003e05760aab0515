/* child: one process of the supervisor's, keeper, worker or gate: started, spoken to,
 * started anew when it dies.
 *
 * The first time at once, then, while it keeps dying, after a pause that grows.
 */
#ifndef MILTER_CHILD_H
#define MILTER_CHILD_H

#include "milter/listen.h"

#include <stdint.h>

enum child_state {
	CHILD_ABSENT,   /* this place is not in use */
	CHILD_WAITING,  /* to be started when it is due */
	CHILD_STARTING, /* has not said CONTROL_UP yet */
	CHILD_UP,
	CHILD_STOPPING, /* was told to leave */
};

struct child {
	enum child_state state;
	const char *single; /* "keeper", "worker": there is one; NULL: a gate */
	char *socket;  /* a gate's listener */
	struct listen_socket listening; /* a gate's */
	pid_t pid;     /* 0: no process */
	int control;   /* our end, -1: none */
	unsigned deaths; /* in a row */
	int64_t since; /* clock_ms(); when it was started */
	int64_t due;   /* clock_ms(); WAITING: when to start. STOPPING: when to kill */
	bool asked;    /* to reload, and has not answered yet */
	bool reloaded; /* has answered that it did */
};

#define CHILD_NONE ((struct child){.control = -1, .listening = {.fd = -1}})

#define CHILD_STABLE 60000   /* ms up after which earlier deaths are forgotten */
#define CHILD_PAUSE 250      /* ms before the second start in a row, doubled each time */
#define CHILD_PAUSE_MAX 10000

const char *child_name(const struct child *c); /* for the log */

/* What the new process does; it gets its end of the control pair and never returns. */
typedef void child_body(void *arg, const struct child *self, int control);

/* False: no process could be made; it stays WAITING, due later. */
bool child_start(struct child *c, child_body *body, void *arg);
/* The process is gone, which was logged; expected or not is seen from the state.
 * After it the child is WAITING, or ABSENT where it was STOPPING. */
void child_died(struct child *c, int status);
void child_stop(struct child *c, int64_t kill_at);
void child_kill(struct child *c);
/* Frees the place. */
void child_forget(struct child *c);

#endif
