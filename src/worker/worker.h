/* worker: the process that carries revocations out.
 *
 * Only it, under a user of its own, may run authorities' commands and write the journal. It takes what gate has put into the inbox,
 * judges it anew from its evidence, runs what was accepted, and tells writers and operators. One a supervisor; it obeys
 * base/control.h. Its main thread takes, decides and plans, once a second; each authority's commands run in a thread
 * of its own, one at a time, and notices are handed over in another.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "base/error.h"

#include <stdbool.h>

struct worker_options {
	const char *config_path;
	const char *keeper_path;
	int control_fd;
	/* Becomes the worker's user for good, once the configuration was read. */
	enum answer (*confine)(void *arg, struct error *err);
	void *arg;
	bool to_stderr;
};

/* The process' exit status: 0, or EX_CONFIG, EX_TEMPFAIL, EX_OSERR where it cannot start. All was logged. */
int worker_run(const struct worker_options *options);

#endif
