#include "worker/worker.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/control.h"
#include "base/deadline.h"
#include "base/log.h"
#include "gateway/intake.h"
#include "keys/provider.h"
#include "worker/carry.h"
#include "worker/decide.h"
#include "worker/post.h"
#include "worker/tell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define KEEPER_CONNECTIONS 4
#define TICK 1000            /* ms between two rounds */
#define TICK_BUSY 100        /* ... as long as commands run */
#define MINUTE 60            /* s */
#define HOUR (60 * 60)
#define DAY (24 * 60 * 60)
#define LOCK_NAME "worker.lock"
#define ALARM_SIZE 1000      /* octets */
#define ALARM_NAMES 5        /* that one alarm has */

static struct {
	const struct worker_options *o;
	struct work work;
	struct reader *reader;
	struct decide *decide;
	struct carry *carry;
	struct post *post;
	const char *problem;    /* code of what hinders rounds, as it was logged; NULL: nothing */
	time_t purged, guessed; /* clock_seconds() of the last time */
	time_t alarmed;         /* hour since 1970 of the last alarm about guesses */
} worker;

static void
log_problem(int priority, const char *event, const struct error *err)
{
	struct log_line line;

	log_begin(&line, priority, NULL, event);
	log_add_error(&line, err);
	log_end(&line);
}

/* ---- configuration ------------------------------------------------------------------ */

static enum answer
identity_from_keeper(void *arg, const struct config_signer *files, enum key_use use, struct key_identity **identity,
	struct error *err)
{
	(void)arg;
	return provider_identity(files->name, use, identity, err);
}

/* start: threads, too. */
static enum answer
prepare(struct config *config, bool start, struct gateway **fresh, struct error *err)
{
	enum answer answer = gateway_new_for_worker(config, identity_from_keeper, NULL, fresh, err);

	if (answer == ANSWER_YES && start && (answer = gateway_start(*fresh, err)) != ANSWER_YES)
		gateway_unref(*fresh);
	return answer;
}

static enum answer
load(struct gateway **fresh, struct error *err)
{
	struct config *config;
	enum answer answer = config_parse(worker.o->config_path, &config, NULL, NULL, err);

	if (answer != ANSWER_YES)
		return answer;
	answer = prepare(config, true, fresh, err);
	config_unref(config);
	return answer;
}

/* Commands that run have what they need of the old one, and posts hold it as long as they use it. That it waits for what is being
 * fetched comes after the answer. */
static void
reload(void)
{
	struct error err = ERROR_NONE;
	struct gateway *old = worker.work.gateway, *fresh;
	enum answer answer = load(&fresh, &err);

	if (answer != ANSWER_YES) {
		log_problem(LOG_ERR, "reload-failed", &err);
		control_send(worker.o->control_fd, CONTROL_ERROR);
		return;
	}
	worker.work.gateway = fresh;
	post_use(worker.post, fresh);
	control_send(worker.o->control_fd, CONTROL_KEPT);
	gateway_unref(old);
}

/* ---- start ---------------------------------------------------------------------------- */

static void
ignore_signals(void)
{
	sigset_t none;

	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static enum answer
path_in(const char *directory, const char *name, char path[PATH_MAX], struct error *err)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", directory, name);

	return n > 0 && n < PATH_MAX ? ANSWER_YES : error_no(err, "path", "the name of %s is too long", directory);
}

/* Two of them, perhaps of two run-directories, would run a command twice. The lock ends with this process. */
static enum answer
lock(const char *directory, struct error *err)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[PATH_MAX];
	int fd;

	if (path_in(directory, LOCK_NAME, path, err) != ANSWER_YES)
		return ANSWER_NO;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return error_cant_tell(err, "journal-directory", "cannot open %s: %s", path, strerror(errno));
	if (fcntl(fd, F_SETLK, &whole) == 0)
		return ANSWER_YES;
	if (errno == EACCES || errno == EAGAIN)
		error_cant_tell(err, "journal-directory", "another worker carries out what is in %s", directory);
	else
		error_cant_tell(err, "journal-directory", "cannot lock %s: %s", path, strerror(errno));
	close(fd);
	return ANSWER_CANT_TELL;
}

static enum answer
open_journal(const struct config *config, struct error *err)
{
	enum answer answer;
	char path[PATH_MAX];

	answer = lock(config->journal_directory, err);
	if (answer == ANSWER_YES)
		answer = path_in(config->journal_directory, INTAKE_JOURNAL, path, err);
	if (answer == ANSWER_YES)
		answer = journal_open(path, &worker.work.journal, err);
	if (answer == ANSWER_YES)
		answer = proof_key_open(config->journal_directory, &worker.work.proof, err);
	return answer;
}

/* First of all, while there is one thread and nothing is held. */
static enum answer
start_reader(const struct config *config, struct error *err)
{
	char inbox[PATH_MAX], guesses[PATH_MAX];
	enum answer answer;

	answer = path_in(config->inbox_directory, INTAKE_INBOX, inbox, err);
	if (answer == ANSWER_YES)
		answer = path_in(config->inbox_directory, INTAKE_GUESSES, guesses, err);
	return answer == ANSWER_YES ? reader_start(inbox, guesses, &worker.reader, err) : answer;
}

static enum answer
start_threads(struct error *err)
{
	enum answer answer = gateway_start(worker.work.gateway, err);

	if (answer != ANSWER_YES)
		return answer;
	worker.decide = decide_new(&worker.work, worker.reader);
	worker.carry = carry_new(&worker.work);
	if (worker.decide == NULL || worker.carry == NULL)
		return error_cant_tell(err, "memory", "out of memory");
	return post_start(&worker.work, &worker.post, err);
}

static enum answer
start(struct error *err)
{
	const struct worker_options *o = worker.o;
	struct config *config;
	enum answer answer = config_parse(o->config_path, &config, NULL, NULL, err);

	if (answer != ANSWER_YES)
		return answer;
	if ((answer = o->confine(o->arg, err)) == ANSWER_YES && (answer = start_reader(config, err)) == ANSWER_YES &&
	    (answer = provider_open(o->keeper_path, config->keeper_deadline, KEEPER_CONNECTIONS, err)) == ANSWER_YES &&
	    (answer = prepare(config, false, &worker.work.gateway, err)) == ANSWER_YES) {
		log_open("sealmilter", config->log_facility, o->to_stderr);
		answer = open_journal(config, err);
	}
	config_unref(config);
	return answer == ANSWER_YES ? start_threads(err) : answer;
}

/* ---- now and then ------------------------------------------------------------------------ */

static void
purge_daily(time_t now)
{
	const struct timespec deadline = deadline_in(WORK_WRITE_MS);
	int64_t retention = JOURNAL_RETENTION_MIN / CONFIG_RETENTION_MIN * work_config(&worker.work)->retention;
	struct error err = ERROR_NONE;
	uint64_t removed;

	if (worker.purged != 0 && clock_seconds() - worker.purged < DAY)
		return;
	worker.purged = clock_seconds();
	if (retention < JOURNAL_RETENTION_MIN)
		retention = JOURNAL_RETENTION_MIN;
	if (journal_purge(worker.work.journal, now, retention, worker.work.who, &deadline, &removed, &err) != ANSWER_YES)
		log_problem(LOG_ERR, "journal-purge", &err);
	else if (removed > 0)
		log_event(LOG_NOTICE, "journal-purge", "%llu entries were older than retention", (unsigned long long)removed);
}

/* "5 under attack: ica 01AB, 192.0.2.1 and others". */
struct attack {
	unsigned count;
	struct buf names;
};

static bool
note_attack(void *arg, const struct guesses_item *item)
{
	struct attack *attack = arg;

	if (item->scope == GUESSES_ALL)
		buf_printf(&attack->names, "%sall together", attack->count == 0 ? "" : ", ");
	else if (attack->count < ALARM_NAMES)
		buf_printf(&attack->names, "%s%s %s", attack->count == 0 ? "" : ", ",
			item->scope == GUESSES_SERIAL ? "certificate" : "client", item->name);
	attack->count++;
	return true;
}

/* One alarm an hour, however many are under attack: whoever guesses is not to choose how much mail the operator gets. */
static void
look_at_guesses(time_t now)
{
	struct attack attack = {.count = 0};
	char kind[64];

	if (clock_seconds() - worker.guessed < MINUTE || now / HOUR == worker.alarmed)
		return;
	worker.guessed = clock_seconds();
	buf_init(&attack.names, ALARM_SIZE);
	if (reader_guesses(worker.reader, now, note_attack, &attack, NULL) == ANSWER_YES && attack.count > 0) {
		snprintf(kind, sizeof kind, "guesses-%lld", (long long)(now / HOUR));
		buf_printf(&attack.names, "%s: their passwords are being guessed, further guesses are slowed down",
			attack.count > ALARM_NAMES ? " and others" : "");
		if (tell_operator(&worker.work, NULL, 0, kind, "Revocation passwords are being guessed",
		    buf_str(&attack.names) == NULL ? "" : buf_str(&attack.names), now, NULL) == ANSWER_YES)
			worker.alarmed = now / HOUR;
	}
	buf_free(&attack.names);
}

/* ---- running ------------------------------------------------------------------------------- */

/* A full disk hinders each round; that is said once, and again when it is over. */
static void
note_problem(enum answer answer, const struct error *err)
{
	if (answer == ANSWER_YES && worker.problem != NULL)
		log_event(LOG_NOTICE, "worker", "goes on");
	else if (answer != ANSWER_YES && (worker.problem == NULL || strcmp(worker.problem, err->code) != 0))
		log_problem(LOG_ERR, "worker", err);
	worker.problem = answer == ANSWER_YES ? NULL : err->code;
}

/* Returns ms until the next one. */
static int
work_round(void)
{
	struct error err = ERROR_NONE;
	time_t now = time(NULL);
	enum answer answer, carried;
	bool more = false;

	answer = decide_all(worker.decide, now, &more, &err);
	carried = carry_plan(worker.carry, now, answer == ANSWER_YES ? &err : NULL);
	note_problem(answer == ANSWER_YES ? carried : answer, &err);
	post_wake(worker.post);
	/* With seal-revocation = require a notice needs its seal's certificate known to be good. */
	gateway_check_seals(worker.work.gateway, false);
	look_at_guesses(now);
	purge_daily(now);
	if (more && answer == ANSWER_YES)
		return 0;
	return carry_running(worker.carry) > 0 ? TICK_BUSY : TICK;
}

/* Until it is told to stop. False: it has to be started anew. */
static bool
obey(void)
{
	struct pollfd control = {.fd = worker.o->control_fd, .events = POLLIN};

	for (;;) {
		/* Never while a command runs: nobody would know what it did. */
		if (reader_is_gone(worker.reader) && carry_running(worker.carry) == 0) {
			log_event(LOG_ERR, "worker", "the process that reads the inbox is gone: this one is started anew");
			return false;
		}
		poll(&control, 1, work_round());
		switch (control_receive(control.fd)) {
		case CONTROL_RELOAD:
			reload();
			break;
		case CONTROL_STOP:
		case CONTROL_GONE:
			return true;
		default:
			break;
		}
	}
}

static void
clean_up(void)
{
	carry_free(worker.carry);
	post_stop(worker.post);
	decide_free(worker.decide);
	reader_stop(worker.reader);
	journal_close(worker.work.journal);
}

int
worker_run(const struct worker_options *options)
{
	struct error err = ERROR_NONE;
	enum answer answer;
	bool told;

	worker.o = options;
	worker.work.who = "worker";
	ignore_signals();
	answer = start(&err);
	if (answer != ANSWER_YES) {
		log_problem(LOG_ERR, "worker-cannot-start", &err);
		return answer == ANSWER_NO ? EX_CONFIG : EX_TEMPFAIL;
	}
	if (control_send(options->control_fd, CONTROL_UP) != 0)
		return EX_OSERR;
	told = obey();
	clean_up();
	return told ? 0 : EX_TEMPFAIL;
}
