#include "milter/supervisor.h"

#include "base/clock.h"
#include "base/control.h"
#include "base/file.h"
#include "base/log.h"
#include "keys/keeper.h"
#include "milter/gate.h"
#include "milter/notify.h"
#include "milter/version.h"
#include "worker/folders.h"
#include "worker/worker.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define STOP_MARGIN 5000 /* ms that a child gets beyond stop-timeout before it is killed */
#define PATH_SIZE 256    /* octets of a path in run-directory */

static void
log_problem(int priority, const char *event, const struct error *err)
{
	struct log_line line;

	log_begin(&line, priority, NULL, event);
	log_add_error(&line, err);
	log_end(&line);
}

void
supervisor_notify(const char *format, ...)
{
	char state[256];
	va_list args;

	va_start(args, format);
	vsnprintf(state, sizeof state, format, args);
	va_end(args);
	if (notify_send(getenv("NOTIFY_SOCKET"), state) != 0)
		log_event(LOG_WARNING, "cannot-notify", "%s", strerror(errno));
}

/* ---- configuration ------------------------------------------------------- */

static bool
make_text(struct supervisor *s)
{
	s->text_fd = memfd_create("sealmilter.conf", MFD_CLOEXEC);
	snprintf(s->text_path, sizeof s->text_path, "/proc/self/fd/%d", s->text_fd);
	return s->text_fd != -1 && fchmod(s->text_fd, 0444) == 0;
}

bool
supervisor_write_text(struct supervisor *s, struct slice text)
{
	if (ftruncate(s->text_fd, 0) != 0)
		return false;
	for (size_t done = 0; done < text.len;) {
		ssize_t n = pwrite(s->text_fd, text.data + done, text.len - done, (off_t)done);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static void
log_further(void *arg, const char *problem)
{
	(void)arg;
	log_event(LOG_ERR, "configuration", "%s", problem);
}

/* The largest message allowed would be deferred for ever, each time for want of memory. */
static void
warn_of_memory(const struct config *config)
{
	if (config->message_size_limit > config->memory_limit / GATE_MEMORY_FACTOR)
		log_event(LOG_WARNING, "memory-limit", "is less than %d times message-size-limit: the largest messages will "
			"always be deferred", GATE_MEMORY_FACTOR);
}

/* The file is parsed under its own name for the words of its errors; what comes
 * into force is the text that the children get. */
enum answer
supervisor_load(struct supervisor *s, struct config **config, struct buf *old, struct error *err)
{
	struct buf text;
	enum answer answer = config_parse(s->o->config_path, config, log_further, NULL, err);

	if (answer != ANSWER_YES)
		return answer;
	config_unref(*config);
	buf_init(&text, SUPERVISOR_TEXT_MAX);
	answer = file_read(s->o->config_path, FILE_PUBLIC, &text, err);
	if (answer != ANSWER_YES)
		goto out;
	if (old != NULL && (answer = file_read(s->text_path, FILE_PUBLIC, old, err)) != ANSWER_YES)
		goto out;
	if (!supervisor_write_text(s, buf_slice(&text)))
		answer = error_cant_tell(err, "memory", "no memory for the configuration: %s", strerror(errno));
	else
		answer = config_parse(s->text_path, config, NULL, NULL, err);
	if (answer != ANSWER_YES && old != NULL && !supervisor_write_text(s, buf_slice(old)))
		log_event(LOG_CRIT, "memory", "the old configuration could not be put back: restart sealmilter");
	if (answer == ANSWER_YES)
		warn_of_memory(*config);
out:
	buf_free(&text);
	return answer;
}

/* ---- children ------------------------------------------------------------ */

struct child *
supervisor_child(struct supervisor *s, unsigned i)
{
	return i == 0 ? &s->keeper : i == 1 ? &s->worker : &s->gate[i - 2];
}

static bool
is_gate(const struct child *c)
{
	return c->single == NULL;
}

/* What the others have is none of the new child's business; and as long as it
 * held another child's control socket, that one would not notice our death. */
static void
drop_inherited(struct supervisor *s, const struct child *self)
{
	int text = open(s->text_path, O_RDONLY | O_CLOEXEC);
	sigset_t none;

	if (text == -1 || dup3(text, s->text_fd, O_CLOEXEC) == -1)
		_exit(EX_OSERR);
	close(text);
	close(s->signal_fd);
	close(s->pid_fd);
	if (self != &s->keeper)
		close(s->keeper_fd);
	if (!is_gate(self))
		close(s->idle_fd);
	for (unsigned i = 0; i < SUPERVISOR_CHILDREN; i++) {
		const struct child *other = supervisor_child(s, i);

		if (other == self)
			continue;
		if (other->control != -1)
			close(other->control);
		if (other->listening.fd != -1)
			close(other->listening.fd);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
be_keeper(void *arg, const struct child *self, int control)
{
	struct supervisor *s = arg;
	const struct keeper_options options = {
		.config_path = s->text_path, .listen_fd = s->keeper_fd, .control_fd = control,
		.client_uids = &s->user.uid, .client_uid_count = 1,
	};
	struct error err = ERROR_NONE;

	drop_inherited(s, self);
	prctl(PR_SET_NAME, "seal-keeper");
	if (process_confine(&s->keeper_user, &err) != ANSWER_YES) {
		log_problem(LOG_ERR, "keeper-cannot-start", &err);
		_exit(EX_CONFIG);
	}
	_exit(keeper_run(&options));
}

static void
be_gate(void *arg, const struct child *self, int control)
{
	struct supervisor *s = arg;
	char private_path[PATH_SIZE];
	const struct gate_options options = {
		.config_path = s->text_path, .socket = self->socket, .listen_fd = self->listening.fd,
		.idle_fd = s->idle_fd, .private_path = private_path, .keeper_path = s->keeper_path,
		.control_fd = control, .budget = s->budget, .made = s->made, .slot = (unsigned)(self - s->gate), .user = &s->user,
		.to_stderr = s->o->to_stderr,
	};

	drop_inherited(s, self);
	prctl(PR_SET_NAME, "seal-gate");
	snprintf(private_path, sizeof private_path, "%s/gate.%ld", s->config->run_directory, (long)getpid());
	_exit(gate_run(&options));
}

static enum answer
become_worker(void *arg, struct error *err)
{
	return process_confine(arg, err);
}

static void
be_worker(void *arg, const struct child *self, int control)
{
	struct supervisor *s = arg;
	const struct worker_options options = {
		.config_path = s->text_path, .keeper_path = s->keeper_path, .control_fd = control,
		.confine = become_worker, .arg = &s->worker_user, .to_stderr = s->o->to_stderr,
	};

	drop_inherited(s, self);
	prctl(PR_SET_NAME, "seal-worker");
	_exit(worker_run(&options));
}

enum answer
supervisor_add_gate(struct supervisor *s, const struct config_listener *listener, const struct config *config,
	struct error *err)
{
	for (unsigned i = 0; i < BUDGET_SLOTS; i++) {
		struct child *c = &s->gate[i];
		enum answer answer;

		if (c->state != CHILD_ABSENT)
			continue;
		c->socket = strdup(listener->socket);
		if (c->socket == NULL)
			return error_cant_tell(err, "memory", "out of memory");
		answer = listen_open(listener, config->allow_remote_mta, &s->user, &c->listening, err);
		if (answer != ANSWER_YES) {
			child_forget(c);
			return answer;
		}
		c->state = CHILD_WAITING;
		c->due = 0;
		return ANSWER_YES;
	}
	return error_no(err, "listener", "all %d places for listeners are taken, perhaps by some that still finish "
		"their messages", BUDGET_SLOTS);
}

static bool
all_up(struct supervisor *s)
{
	for (unsigned i = 0; i < SUPERVISOR_CHILDREN; i++)
		if (supervisor_child(s, i)->state == CHILD_WAITING || supervisor_child(s, i)->state == CHILD_STARTING)
			return false;
	return true;
}

/* A command may be about to publish a list; who is in its midst has its whole time, and the MTA's messages theirs. */
static int64_t
worker_kill_time(const struct config *config)
{
	unsigned longest = 0;

	for (size_t i = 0; i < config->revocation_count; i++)
		if (config->revocations[i].command_timeout > longest)
			longest = config->revocations[i].command_timeout;
	return clock_ms() + ((int64_t)config->stop_timeout + longest) * 1000 + STOP_MARGIN;
}

void
supervisor_set_worker(struct supervisor *s, const struct config *before)
{
	bool wanted = s->config->revocation_count > 0;

	if (wanted && s->worker.state == CHILD_ABSENT) {
		if (s->inbox_directory == NULL)
			s->inbox_directory = strdup(s->config->inbox_directory);
		if (s->journal_directory == NULL)
			s->journal_directory = strdup(s->config->journal_directory);
		s->worker.state = CHILD_WAITING;
		s->worker.due = 0;
	} else if (!wanted) {
		child_stop(&s->worker, worker_kill_time(before));
	}
}

/* Worker and gates ask keeper for the certificates first of all, so they wait for it. */
static void
start_due(struct supervisor *s)
{
	int64_t now = clock_ms();

	if (s->phase == PHASE_STOPPING)
		return;
	if (s->keeper.state == CHILD_WAITING && s->keeper.due <= now && (s->reload == RELOAD_NONE || s->keeper.asked))
		child_start(&s->keeper, be_keeper, s);
	if (s->keeper.state != CHILD_UP || s->reload != RELOAD_NONE)
		return;
	if (s->worker.state == CHILD_WAITING && s->worker.due <= now)
		child_start(&s->worker, be_worker, s);
	for (unsigned i = 0; i < BUDGET_SLOTS; i++)
		if (s->gate[i].state == CHILD_WAITING && s->gate[i].due <= now)
			child_start(&s->gate[i], be_gate, s);
}

static void
kill_overdue(struct supervisor *s)
{
	int64_t now = clock_ms();

	for (unsigned i = 0; i < SUPERVISOR_CHILDREN; i++) {
		struct child *c = supervisor_child(s, i);

		if (c->state == CHILD_STOPPING && c->due <= now) {
			child_kill(c);
			c->due = INT64_MAX;
		}
	}
}

static struct child *
find_child(struct supervisor *s, pid_t pid)
{
	for (unsigned i = 0; i < SUPERVISOR_CHILDREN; i++)
		if (supervisor_child(s, i)->pid == pid)
			return supervisor_child(s, i);
	return NULL;
}

/* ---- start and stop ------------------------------------------------------ */

static void
begin_stop(struct supervisor *s, int status)
{
	int64_t kill_at = clock_ms() + (s->config == NULL ? 0 : (int64_t)s->config->stop_timeout * 1000) + STOP_MARGIN;

	if (s->phase == PHASE_STOPPING)
		return;
	s->phase = PHASE_STOPPING;
	s->status = status;
	reload_abandon(s);
	supervisor_notify("STOPPING=1\nSTATUS=finishing the messages in hand");
	log_event(LOG_NOTICE, "stopping", "messages in hand are finished first");
	for (unsigned i = 0; i < BUDGET_SLOTS; i++) {
		listen_remove(&s->gate[i].listening);
		listen_close(&s->gate[i].listening);
		child_stop(&s->gate[i], kill_at);
	}
}

/* The gates' last messages need both, and worker's last notices keeper. */
static bool
is_stopped(struct supervisor *s)
{
	if (s->phase != PHASE_STOPPING)
		return false;
	for (unsigned i = 0; i < BUDGET_SLOTS; i++)
		if (s->gate[i].state != CHILD_ABSENT)
			return false;
	child_stop(&s->worker, worker_kill_time(s->config));
	if (s->worker.state != CHILD_ABSENT)
		return false;
	child_stop(&s->keeper, clock_ms() + (int64_t)s->config->stop_timeout * 1000 + STOP_MARGIN);
	return s->keeper.state == CHILD_ABSENT;
}

static void
say_ready(struct supervisor *s)
{
	struct log_line line;
	unsigned gates = 0;

	for (unsigned i = 0; i < BUDGET_SLOTS; i++)
		gates += s->gate[i].state == CHILD_UP;
	log_begin(&line, LOG_NOTICE, NULL, "ready");
	log_add(&line, "listeners", "%u", gates);
	log_add(&line, "configuration", "%s", s->o->config_path);
	log_add(&line, "openssl", "%s", OpenSSL_version(OPENSSL_VERSION_STRING));
	log_end(&line);
	supervisor_notify("READY=1\nSTATUS=serving %u listeners", gates);
	if (s->o->ready != NULL)
		s->o->ready(s->o->arg);
	log_open("sealmilter", s->config->log_facility, s->o->to_stderr);
}

static void
came_up(struct supervisor *s, struct child *c)
{
	if (c->state != CHILD_STARTING)
		return;
	c->state = CHILD_UP;
	if (s->phase == PHASE_STARTING && all_up(s)) {
		s->phase = PHASE_RUNNING;
		say_ready(s);
	} else if (s->phase == PHASE_RUNNING) {
		log_event(LOG_NOTICE, "child-started", "%s%s%s is up again", child_name(c), c->socket == NULL ? "" : " ",
			c->socket == NULL ? "" : c->socket);
	}
}

/* ---- events -------------------------------------------------------------- */

static void
reap(struct supervisor *s)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *c = find_child(s, pid);
		bool was_asked;

		if (c == NULL)
			continue;
		was_asked = c->asked;
		child_died(c, status);
		if (is_gate(c))
			budget_reset_slot(s->budget, (unsigned)(c - s->gate));
		if (is_gate(c) && c->state == CHILD_ABSENT)
			child_forget(c);
		/* A reload may have wanted it back while it still ended. */
		if (c == &s->worker && s->phase == PHASE_RUNNING)
			supervisor_set_worker(s, s->config);
		if (s->phase == PHASE_STARTING)
			begin_stop(s, WIFEXITED(status) && WEXITSTATUS(status) == EX_CONFIG ? SUPERVISOR_MISUSED
				: SUPERVISOR_FAILED);
		else if (was_asked)
			reload_answered(s, c, false);
	}
}

static void
on_signal(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
		switch (info.ssi_signo) {
		case SIGHUP:
			s->reload_wanted = true;
			break;
		case SIGTERM:
		case SIGINT:
			begin_stop(s, 0);
			break;
		default:
			reap(s);
		}
}

static void
on_message(struct supervisor *s, struct child *c)
{
	switch (control_receive(c->control)) {
	case CONTROL_UP:
		came_up(s, c);
		if (c->asked)
			reload_answered(s, c, true);
		break;
	case CONTROL_KEPT:
		if (c->asked)
			reload_answered(s, c, true);
		break;
	case CONTROL_ERROR:
		if (c->asked)
			reload_answered(s, c, false);
		break;
	case CONTROL_NONE:
		break;
	default:
		/* The end of a child is learnt from its status; this end is of no more use. */
		close(c->control);
		c->control = -1;
		if (c->state != CHILD_STOPPING)
			kill(c->pid, SIGKILL);
	}
}

static int
next_due(struct supervisor *s)
{
	int64_t next = s->reload == RELOAD_NONE ? INT64_MAX : s->reload_deadline, now = clock_ms();

	for (unsigned i = 0; i < SUPERVISOR_CHILDREN; i++) {
		const struct child *c = supervisor_child(s, i);
		bool counts = c->state == CHILD_STOPPING || (c->state == CHILD_WAITING && s->reload == RELOAD_NONE &&
			(c == &s->keeper || s->keeper.state == CHILD_UP));

		if (counts && c->due < next)
			next = c->due;
	}
	if (next == INT64_MAX)
		return -1;
	return next <= now ? 0 : next - now > INT_MAX ? INT_MAX : (int)(next - now);
}

static void
wait_for_event(struct supervisor *s)
{
	struct pollfd wait[SUPERVISOR_CHILDREN + 1];

	for (unsigned i = 0; i < SUPERVISOR_CHILDREN; i++)
		wait[i] = (struct pollfd){.fd = supervisor_child(s, i)->control, .events = POLLIN};
	wait[SUPERVISOR_CHILDREN] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
	if (poll(wait, SUPERVISOR_CHILDREN + 1, next_due(s)) <= 0)
		return;
	for (unsigned i = 0; i < SUPERVISOR_CHILDREN; i++)
		if (wait[i].revents != 0)
			on_message(s, supervisor_child(s, i));
	if (wait[SUPERVISOR_CHILDREN].revents != 0)
		on_signal(s);
}

static void
run(struct supervisor *s)
{
	while (!is_stopped(s)) {
		if (s->reload_wanted && s->reload == RELOAD_NONE && s->phase == PHASE_RUNNING)
			reload_begin(s);
		start_due(s);
		kill_overdue(s);
		reload_tick(s);
		wait_for_event(s);
	}
}

/* ---- set-up -------------------------------------------------------------- */

static enum answer
check_openssl(const struct config *config, struct error *err)
{
	enum answer answer = version_judge(OpenSSL_version_num(), err);

	if (answer == ANSWER_YES)
		return ANSWER_YES;
	if (answer == ANSWER_NO && !config->allow_old_openssl)
		return ANSWER_NO;
	log_problem(LOG_WARNING, "openssl", err);
	return ANSWER_YES;
}

/* The lock says that there is one supervisor only; it ends with this process,
 * whatever ends it, and the children do not inherit it. */
static enum answer
lock_pid_file(struct supervisor *s, struct error *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	const char *directory = s->config->run_directory;
	struct stat locked, there;
	char path[PATH_SIZE], pid[32];
	int n;

	if (mkdir(directory, 0755) != 0 && errno != EEXIST)
		return error_cant_tell(err, "run-directory", "cannot make %s: %s", directory, strerror(errno));
	n = snprintf(path, sizeof path, "%s/sealmilter.pid", directory);
	if (n < 0 || (size_t)n >= sizeof path)
		return error_no(err, "run-directory", "the name of run-directory is too long");
	s->pid_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (s->pid_fd == -1)
		return error_cant_tell(err, "run-directory", "cannot open %s: %s", path, strerror(errno));
	if (fcntl(s->pid_fd, F_SETLK, &lock) != 0) {
		close(s->pid_fd);
		s->pid_fd = -1; /* so that the file is not removed */
		return error_cant_tell(err, "run-directory", "another sealmilter runs with run-directory %s", directory);
	}
	/* One that is just leaving may have removed the file between our open and lock. */
	if (fstat(s->pid_fd, &locked) != 0 || stat(path, &there) != 0 || locked.st_ino != there.st_ino) {
		close(s->pid_fd);
		s->pid_fd = -1;
		return error_cant_tell(err, "run-directory", "another sealmilter is just leaving %s: try again", directory);
	}
	n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	if (ftruncate(s->pid_fd, 0) != 0 || write(s->pid_fd, pid, (size_t)n) != n)
		return error_cant_tell(err, "run-directory", "cannot write %s: %s", path, strerror(errno));
	return ANSWER_YES;
}

/* The gates' user asks there, and the worker's by its group, as the owner can be one only. Who else is in that group may connect and
 * is told nothing: keeper looks at who it is. */
static enum answer
share_keeper_socket(const struct supervisor *s, struct error *err)
{
	const struct process_user *worker = &s->worker_user;

	if (!s->user.given && !worker->given)
		return ANSWER_YES;
	if (lchown(s->keeper_path, s->user.uid, worker->given ? worker->gid : s->user.gid) != 0 ||
	    chmod(s->keeper_path, worker->given ? 0660 : 0600) != 0)
		return error_cant_tell(err, "socket", "cannot give %s to those who ask there: %s", s->keeper_path, strerror(errno));
	return ANSWER_YES;
}

static enum answer
open_keeper_socket(struct supervisor *s, struct error *err)
{
	int n = snprintf(s->keeper_path, sizeof s->keeper_path, "%s/keeper.sock", s->config->run_directory);

	if (n < 0 || (size_t)n >= sizeof s->keeper_path)
		return error_no(err, "run-directory", "the name of run-directory is too long");
	s->keeper_fd = keeper_listen(s->keeper_path, 0600, err);
	return s->keeper_fd != -1 ? ANSWER_YES : ANSWER_CANT_TELL;
}

/* For the gates' user, who cannot make it below a directory of root's. Where it cannot be had, a gate keeps
 * lists in memory only, and says so. */
static void
make_status_directory(const struct supervisor *s)
{
	const char *path = s->config->status_directory;
	int fd;

	if (path == NULL || !s->user.given || mkdir(path, 0750) != 0)
		return;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fchown(fd, s->user.uid, s->user.gid) != 0)
		log_event(LOG_WARNING, "status-directory", "cannot give %s to user %s: %s", path, s->user.name, strerror(errno));
	if (fd != -1)
		close(fd);
}

static struct folders_user
folders_user_of(const struct process_user *user)
{
	return (struct folders_user){.name = user->given ? user->name : NULL, .uid = user->uid, .gid = user->gid};
}

static enum answer
prepare_folders(const struct supervisor *s, const struct config *config, struct error *err)
{
	const struct folders_users users = {.gate = folders_user_of(&s->user), .keeper = folders_user_of(&s->keeper_user),
		.worker = folders_user_of(&s->worker_user)};

	return folders_prepare(config, &users, err);
}

enum answer
supervisor_prepare_worker(struct supervisor *s, const struct config *config, struct error *err)
{
	enum answer answer = ANSWER_YES;

	if (s->worker.state == CHILD_ABSENT)
		answer = process_user_find(config->worker_user, &s->worker_user, err);
	if (answer == ANSWER_YES)
		answer = share_keeper_socket(s, err);
	return answer == ANSWER_YES && config->revocation_count > 0 ? prepare_folders(s, config, err) : answer;
}

static enum answer
open_all(struct supervisor *s, struct error *err)
{
	enum answer answer;

	if ((answer = check_openssl(s->config, err)) != ANSWER_YES ||
	    (answer = process_user_find(s->config->user, &s->user, err)) != ANSWER_YES ||
	    (answer = process_user_find(s->config->keeper_user, &s->keeper_user, err)) != ANSWER_YES ||
	    (answer = lock_pid_file(s, err)) != ANSWER_YES || (answer = open_keeper_socket(s, err)) != ANSWER_YES ||
	    (answer = supervisor_prepare_worker(s, s->config, err)) != ANSWER_YES)
		return answer;
	make_status_directory(s);
	s->idle_fd = listen_idle(s->config->run_directory, err);
	if (s->idle_fd == -1)
		return ANSWER_CANT_TELL;
	for (size_t i = 0; i < s->config->listener_count; i++)
		if ((answer = supervisor_add_gate(s, &s->config->listeners[i], s->config, err)) != ANSWER_YES)
			return answer;
	s->budget = budget_new(s->config->memory_limit);
	s->made = made_new();
	return s->budget != NULL && s->made != NULL ? ANSWER_YES : error_cant_tell(err, "memory", "no shared memory: %s", strerror(errno));
}

static enum answer
catch_signals(struct supervisor *s, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); /* ignored, no child would leave a status */
	sigprocmask(SIG_SETMASK, &set, NULL);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signal_fd != -1 ? ANSWER_YES : error_cant_tell(err, "signals", "%s", strerror(errno));
}

static void
clean_up(struct supervisor *s)
{
	char path[PATH_SIZE + 32];

	for (unsigned i = 0; i < BUDGET_SLOTS; i++)
		child_forget(&s->gate[i]);
	if (s->keeper_fd != -1) {
		unlink(s->keeper_path);
		close(s->keeper_fd);
	}
	if (s->pid_fd != -1) {
		snprintf(path, sizeof path, "%s/sealmilter.pid", s->config->run_directory);
		unlink(path);
		close(s->pid_fd);
	}
	free(s->inbox_directory);
	free(s->journal_directory);
	budget_free(s->budget);
	made_free(s->made);
	config_unref(s->config);
}

int
supervisor_run(const struct supervisor_options *options)
{
	static struct supervisor s = {.text_fd = -1, .keeper_fd = -1, .idle_fd = -1, .signal_fd = -1, .pid_fd = -1};
	struct error err = ERROR_NONE;
	enum answer answer;

	s.o = options;
	s.keeper = s.worker = CHILD_NONE;
	s.keeper.single = "keeper";
	s.worker.single = "worker";
	for (unsigned i = 0; i < BUDGET_SLOTS; i++)
		s.gate[i] = CHILD_NONE;
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (!make_text(&s))
		answer = error_cant_tell(&err, "memory", "no memory for the configuration: %s", strerror(errno));
	else
		answer = supervisor_load(&s, &s.config, NULL, &err);
	if (answer == ANSWER_YES) {
		log_open("sealmilter", s.config->log_facility, true);
		if ((answer = open_all(&s, &err)) == ANSWER_YES)
			answer = catch_signals(&s, &err);
	}
	if (answer == ANSWER_YES) {
		s.keeper.state = CHILD_WAITING;
		supervisor_set_worker(&s, s.config);
		run(&s);
		log_event(LOG_NOTICE, "stopped", "with status %d", s.status);
	} else {
		log_problem(LOG_ERR, "cannot-start", &err);
		s.status = answer == ANSWER_NO ? SUPERVISOR_MISUSED : SUPERVISOR_FAILED;
	}
	clean_up(&s);
	return s.status;
}
