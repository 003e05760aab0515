/* run: one run of an authority's command for one request, in a thread of its own.
 *
 * Holds copies of all that it needs, so that it goes on whatever becomes of the configuration. The main thread's; the thread is seen
 * only by run_ended().
 */
#ifndef WORKER_RUN_H
#define WORKER_RUN_H

#include "revocation/authority.h"
#include "revocation/command.h"
#include "store/record.h"

struct run;

/* now: when it was decided. CANT_TELL: no memory. */
enum answer run_new(const struct authority *authority, int64_t request, const struct record *record, time_t now,
	struct run **run, struct error *err);
/* Waits for its end. NULL is safe. */
void run_free(struct run *run);

int64_t run_request(const struct run *run);
const struct record *run_record(const struct run *run);
time_t run_decided(const struct run *run);

/* Ends at once where nothing can be run: for want of a thread it is to be tried again; where none of the authority's
 * certificates has the name of the issuer, a person is needed. */
void run_start(struct run *run);
bool run_started(const struct run *run);
/* What became of it, which stays the run's; NULL: it has not been started, or goes on. */
const struct command_result *run_ended(struct run *run);
void run_wait(struct run *run); /* for one that was started */

#endif
