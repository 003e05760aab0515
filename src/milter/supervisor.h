/* supervisor: starts keeper, worker and gates, hands on reload and stop, starts anew what dies.
 *
 * It has no threads, reads no mail and opens no connection. SIGHUP reloads,
 * SIGTERM and SIGINT stop. The children never read the configuration file
 * themselves: the supervisor reads and checks it and shares the text in force with them,
 * so that all go by the same one, and one that dies after a failed reload comes back with the old.
 * A worker there is where the configuration has revocation blocks.
 */
#ifndef MILTER_SUPERVISOR_H
#define MILTER_SUPERVISOR_H

#include "base/budget.h"
#include "base/buf.h"
#include "config/config.h"
#include "gateway/made.h"
#include "milter/child.h"

/* Exit statuses of the program. */
#define SUPERVISOR_FAILED 1  /* something could not be had */
#define SUPERVISOR_MISUSED 2 /* usage or configuration */

struct supervisor_options {
	const char *config_path;
	bool to_stderr;            /* log there too once everything is up */
	void (*ready)(void *arg);  /* called when everything is up; NULL: nobody waits */
	void *arg;
};

/* Runs until it was told to stop, or until the first start failed. The
 * program's exit status; all was logged. */
int supervisor_run(const struct supervisor_options *options);

/* ---- for the files of this room ------------------------------------------- */

enum supervisor_phase { PHASE_STARTING, PHASE_RUNNING, PHASE_STOPPING };

enum supervisor_reload {
	RELOAD_NONE,
	RELOAD_FORTH, /* one child after the other takes the new text */
	RELOAD_BACK,  /* one of them could not: those that did take the old text again */
};

struct supervisor {
	const struct supervisor_options *o;
	enum supervisor_phase phase;
	int status;              /* to exit with */
	struct config *config;   /* in force */
	int text_fd;             /* memory that holds its text; others can only read it */
	char text_path[32];      /* the same for every process */
	char keeper_path[256];
	struct process_user user, keeper_user, worker_user;
	char *inbox_directory, *journal_directory; /* that the first worker began with; NULL: there was none yet */
	struct budget *budget;
	struct made *made;
	int keeper_fd, idle_fd, signal_fd, pid_fd;
	struct child keeper, worker;
	struct child gate[BUDGET_SLOTS]; /* the index is the slot in the budget */
	/* reload */
	enum supervisor_reload reload;
	bool reload_wanted;
	struct config *candidate;
	struct buf old_text;
	int64_t reload_deadline;
};

/* All places, whether there is a process or not: keeper, worker, gates. */
#define SUPERVISOR_CHILDREN (2 + BUDGET_SLOTS)
struct child *supervisor_child(struct supervisor *s, unsigned i);
/* Starts the worker, or tells it to end once its commands have, as the configuration in force wants it. before: that it runs
 * with. */
void supervisor_set_worker(struct supervisor *s, const struct config *before);

#define SUPERVISOR_TEXT_MAX (16 * 1024 * 1024) /* octets of a configuration file */
#define SUPERVISOR_RELOAD_PATIENCE 60000       /* ms for one child to reload */

/* Reads the file, checks it, and makes its text the one that children read.
 * YES: *config is the caller's, *old (may be NULL) the text that was there before. */
enum answer supervisor_load(struct supervisor *s, struct config **config, struct buf *old, struct error *err);
bool supervisor_write_text(struct supervisor *s, struct slice text);
/* What the worker of that configuration needs: its user, where none runs yet, and what it shares with the others. NO: that
 * cannot be used as it is. */
enum answer supervisor_prepare_worker(struct supervisor *s, const struct config *config, struct error *err);
/* A free place for a listener, with its socket open. */
enum answer supervisor_add_gate(struct supervisor *s, const struct config_listener *listener,
	const struct config *config, struct error *err);
void supervisor_notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* reload.c. The first begins one where reload_wanted is set; the others are told what happened. */
void reload_begin(struct supervisor *s);
void reload_answered(struct supervisor *s, struct child *c, bool kept);
void reload_tick(struct supervisor *s);
void reload_abandon(struct supervisor *s); /* the supervisor stops */

#endif
