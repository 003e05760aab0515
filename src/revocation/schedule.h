/* schedule: what is to be done now about requests that were accepted.
 *
 * Whoever asks for a certificate to be revoked has it revoked within 24 hours (SCHEDULE_WITHIN) of its
 * receipt. So a command that could not do it is tried again, after pauses that grow, without end: past its deadline a
 * request is overdue, never given up. Whatever is waited for, the operator is told when half and nine tenths of
 * the time are gone, and when all is.
 *
 * An authority's commands run one at a time, the one that waits longest first, so that requests that fail again and
 * again cannot keep others from their turn. A run that was recorded as begun and not as ended by a process
 * that is no more may have done all or nothing: it is begun anew only where the command is idempotent, else a
 * person has to look.
 *
 * All pure: the time is an argument. Any thread.
 */
#ifndef REVOCATION_SCHEDULE_H
#define REVOCATION_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define SCHEDULE_WITHIN (24 * 60 * 60) /* s from receipt to the deadline */
#define SCHEDULE_PAUSE 30              /* s after the first try, doubled with each */
#define SCHEDULE_PAUSE_MAX (15 * 60)
#define SCHEDULE_AUTHORITIES_MAX 64

enum schedule_state {
	SCHEDULE_WAITING, /* for its turn, or the next try */
	SCHEDULE_RUNNING, /* a run is on record as begun */
	SCHEDULE_PERSON,  /* for somebody to approve, refuse or look at it */
	SCHEDULE_ENDED,   /* revoked or refused */
};

enum schedule_warning {
	SCHEDULE_NO_WARNING,
	SCHEDULE_HALF,
	SCHEDULE_NINE_TENTHS,
	SCHEDULE_OVERDUE,
};

/* A request, as the journal has it. */
struct schedule_item {
	enum schedule_state state;
	unsigned authority;   /* its place in the configuration; SCHEDULE_AUTHORITIES_MAX: it is there no more */
	bool idempotent;      /* the authority's command is */
	bool ours;            /* RUNNING: the run is of this process, and goes on */
	time_t received;
	unsigned tries;       /* that have ended without success */
	time_t last_try;      /* when the last of them ended; meaningless where there was none */
	enum schedule_warning warned; /* the highest that was given */
};

enum schedule_step {
	SCHEDULE_NOTHING,
	SCHEDULE_RUN,        /* the caller records that it begins, then runs the command */
	SCHEDULE_ASK_PERSON, /* the caller records that it waits for a person */
};

struct schedule_advice {
	enum schedule_step step;
	enum schedule_warning warning; /* to be given now, and not before; the higher one only, where two are due */
};

/* Fills advice[i] for each item. A clock that was put back brings one try too many, never one too few. */
void schedule_plan(const struct schedule_item *items, size_t count, time_t now, struct schedule_advice *advice);

#endif
