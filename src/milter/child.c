#include "milter/child.h"

#include "base/clock.h"
#include "base/control.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *
child_name(const struct child *c)
{
	return c->single != NULL ? c->single : "gate";
}

static void
log_child(const struct child *c, int priority, const char *event, const char *what, const char *detail)
{
	struct log_line line;

	log_begin(&line, priority, NULL, event);
	log_add(&line, "child", "%s", child_name(c));
	if (c->socket != NULL)
		log_add(&line, "socket", "%s", c->socket);
	log_add(&line, "pid", "%ld", (long)c->pid);
	if (what != NULL)
		log_add(&line, what, "%s", detail);
	log_end(&line);
}

static void
postpone(struct child *c)
{
	int64_t pause = 0;

	if (c->deaths > 1)
		pause = CHILD_PAUSE;
	for (unsigned i = 2; i < c->deaths && pause < CHILD_PAUSE_MAX; i++)
		pause *= 2;
	c->state = CHILD_WAITING;
	c->due = clock_ms() + (pause > CHILD_PAUSE_MAX ? CHILD_PAUSE_MAX : pause);
}

static bool
cannot_start(struct child *c)
{
	log_event(LOG_ERR, "cannot-start", "%s: %s", child_name(c), strerror(errno));
	c->deaths++;
	postpone(c);
	return false;
}

bool
child_start(struct child *c, child_body *body, void *arg)
{
	int ends[2];
	pid_t pid;

	if (control_pair(ends) != 0)
		return cannot_start(c);
	pid = fork();
	if (pid == -1) {
		cannot_start(c);
		close(ends[0]);
		close(ends[1]);
		return false;
	}
	if (pid == 0) {
		close(ends[0]);
		body(arg, c, ends[1]);
		_exit(1);
	}
	close(ends[1]);
	c->pid = pid;
	c->control = ends[0];
	c->state = CHILD_STARTING;
	c->since = clock_ms();
	return true;
}

static void
log_death(const struct child *c, int status)
{
	char detail[64];

	if (WIFSIGNALED(status)) {
		snprintf(detail, sizeof detail, "%d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
		log_child(c, LOG_ERR, "child-died", "signal", detail);
	} else if (c->state == CHILD_STOPPING && WEXITSTATUS(status) == 0) {
		log_child(c, LOG_INFO, "child-left", NULL, NULL);
	} else {
		snprintf(detail, sizeof detail, "%d", WEXITSTATUS(status));
		log_child(c, LOG_ERR, "child-died", "status", detail);
	}
}

void
child_died(struct child *c, int status)
{
	log_death(c, status);
	if (c->control != -1)
		close(c->control);
	c->control = -1;
	c->pid = 0;
	c->asked = c->reloaded = false;
	if (c->state == CHILD_STOPPING) {
		c->state = CHILD_ABSENT;
		return;
	}
	if (clock_ms() - c->since >= CHILD_STABLE)
		c->deaths = 0;
	c->deaths++;
	postpone(c);
}

void
child_stop(struct child *c, int64_t kill_at)
{
	if (c->state == CHILD_ABSENT || c->state == CHILD_STOPPING)
		return;
	if (c->pid == 0) {
		c->state = CHILD_ABSENT;
		return;
	}
	c->state = CHILD_STOPPING;
	c->due = kill_at;
	/* Should it not hear this, it sees the end of file, and after that the kill. */
	if (control_send(c->control, CONTROL_STOP) != 0) {
		close(c->control);
		c->control = -1;
	}
}

void
child_kill(struct child *c)
{
	log_child(c, LOG_ERR, "child-killed", "detail", "it did not do in time what it was told");
	kill(c->pid, SIGKILL);
}

void
child_forget(struct child *c)
{
	listen_remove(&c->listening);
	listen_close(&c->listening);
	free(c->socket);
	*c = CHILD_NONE;
}
