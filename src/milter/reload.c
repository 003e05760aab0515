#include "milter/supervisor.h"

#include "base/clock.h"
#include "base/control.h"
#include "base/log.h"

#include <inttypes.h>
#include <string.h>

/* keeper takes the new text first, because the others ask it for the certificates of
 * new signers; then worker, so that it knows what gates take; then one gate after the other. Whoever
 * cannot ends it, and all who could take the old text again. Gates of new listeners are held until the end, and so is a
 * worker that there was none of. */
#define HELD INT64_MAX

static bool
is_held(const struct child *c)
{
	return c->state == CHILD_WAITING && c->due == HELD;
}

static const struct config_listener *
listener_of(const struct config *config, const struct child *c)
{
	for (size_t i = 0; i < config->listener_count; i++)
		if (strcmp(config->listeners[i].socket, c->socket) == 0)
			return &config->listeners[i];
	return NULL;
}

static bool
is_starting(struct supervisor *s)
{
	for (unsigned i = 0; i < SUPERVISOR_CHILDREN; i++)
		if (supervisor_child(s, i)->state == CHILD_STARTING)
			return true;
	return false;
}

static void
log_reload(int priority, const char *event, const struct error *err)
{
	struct log_line line;

	log_begin(&line, priority, NULL, event);
	if (err != NULL)
		log_add_error(&line, err);
	log_end(&line);
}

/* ---- new and old listeners ----------------------------------------------- */

static struct child *
gate_of(struct supervisor *s, const struct config_listener *listener)
{
	for (unsigned i = 0; i < BUDGET_SLOTS; i++) {
		struct child *c = &s->gate[i];

		if (c->socket != NULL && c->state != CHILD_STOPPING && strcmp(c->socket, listener->socket) == 0)
			return c;
	}
	return NULL;
}

static enum answer
open_new_listeners(struct supervisor *s, struct error *err)
{
	for (size_t i = 0; i < s->candidate->listener_count; i++) {
		const struct config_listener *l = &s->candidate->listeners[i];
		enum answer answer;

		if (gate_of(s, l) != NULL)
			continue;
		answer = supervisor_add_gate(s, l, s->candidate, err);
		if (answer != ANSWER_YES)
			return answer;
		gate_of(s, l)->due = HELD;
	}
	return ANSWER_YES;
}

static void
forget_held(struct supervisor *s)
{
	for (unsigned i = 0; i < BUDGET_SLOTS; i++)
		if (is_held(&s->gate[i]))
			child_forget(&s->gate[i]);
}

static void
update_listener(struct supervisor *s, struct child *c)
{
	const struct config_listener *l = listener_of(s->candidate, c);
	struct error err = ERROR_NONE;

	if (l == NULL) {
		int64_t patience = ((int64_t)s->candidate->stop_timeout + 5) * 1000;

		listen_remove(&c->listening);
		listen_close(&c->listening);
		child_stop(c, clock_ms() + patience);
		if (c->state == CHILD_ABSENT)
			child_forget(c);
	} else if (is_held(c)) {
		c->due = 0;
	} else if (listen_update(l, &s->user, &c->listening, &err) != ANSWER_YES) {
		log_reload(LOG_ERR, "listener-kept-old", &err);
	}
}

/* ---- what worker and gates share ------------------------------------------ */

static enum answer
check_fixed(const char *option, const char *before, const char *now, struct error *err)
{
	if (strcmp(before == NULL ? "" : before, now == NULL ? "" : now) == 0)
		return ANSWER_YES;
	return error_no(err, "reload", "%s was changed, and with revocation blocks that takes a restart", option);
}

/* Gates stay with the folders that they have once taken requests into, and files with the user whose they are. */
static enum answer
check_requests(struct supervisor *s, struct error *err)
{
	const struct config *new = s->candidate;
	enum answer answer = ANSWER_YES;

	if (new->revocation_count == 0)
		return ANSWER_YES;
	if (s->inbox_directory != NULL)
		answer = check_fixed("inbox-directory", s->inbox_directory, new->inbox_directory, err);
	if (answer == ANSWER_YES && s->journal_directory != NULL)
		answer = check_fixed("journal-directory", s->journal_directory, new->journal_directory, err);
	if (answer == ANSWER_YES && s->worker.state != CHILD_ABSENT)
		answer = check_fixed("worker-user", s->worker_user.name, new->worker_user, err);
	return answer == ANSWER_YES ? supervisor_prepare_worker(s, new, err) : answer;
}

/* ---- end ----------------------------------------------------------------- */

static void
end(struct supervisor *s)
{
	config_unref(s->candidate);
	s->candidate = NULL;
	buf_free(&s->old_text);
	s->reload = RELOAD_NONE;
	supervisor_notify("READY=1");
}

static void
warn_of_fixed(const char *option, const char *before, const char *now)
{
	if (strcmp(before == NULL ? "" : before, now == NULL ? "" : now) != 0)
		log_event(LOG_WARNING, "reload", "%s was changed, which takes effect only at a restart", option);
}

static void
commit(struct supervisor *s)
{
	struct config *old = s->config;

	warn_of_fixed("user", old->user, s->candidate->user);
	warn_of_fixed("keeper-user", old->keeper_user, s->candidate->keeper_user);
	warn_of_fixed("run-directory", old->run_directory, s->candidate->run_directory);
	for (unsigned i = 0; i < BUDGET_SLOTS; i++)
		if (s->gate[i].socket != NULL && s->gate[i].state != CHILD_STOPPING)
			update_listener(s, &s->gate[i]);
	s->budget->limit = (size_t)s->candidate->memory_limit;
	s->config = s->candidate;
	s->candidate = old;
	supervisor_set_worker(s, old);
	log_reload(LOG_NOTICE, "reloaded", NULL);
	end(s);
}

/* ---- forth and back ------------------------------------------------------ */

static void
ask(struct supervisor *s, struct child *c)
{
	c->asked = true;
	c->reloaded = false;
	s->reload_deadline = clock_ms() + SUPERVISOR_RELOAD_PATIENCE;
	if (c->state == CHILD_WAITING)
		c->due = 0; /* it failed with the old text; its start is its answer */
	else if (control_send(c->control, CONTROL_RELOAD) != 0)
		child_kill(c); /* its death is the answer */
}

static struct child *
next_forth(struct supervisor *s)
{
	if (!s->keeper.reloaded)
		return &s->keeper;
	if (s->worker.state == CHILD_UP && !s->worker.reloaded && s->candidate->revocation_count > 0)
		return &s->worker;
	for (unsigned i = 0; i < BUDGET_SLOTS; i++) {
		struct child *c = &s->gate[i];

		if (c->state == CHILD_UP && !c->reloaded && listener_of(s->candidate, c) != NULL)
			return c;
	}
	return NULL;
}

static struct child *
next_back(struct supervisor *s)
{
	for (unsigned i = 0; i < SUPERVISOR_CHILDREN; i++) {
		struct child *c = supervisor_child(s, i);

		if (c->reloaded && c->state == CHILD_UP)
			return c;
	}
	return NULL;
}

static void
go_on(struct supervisor *s)
{
	struct child *c = s->reload == RELOAD_FORTH ? next_forth(s) : next_back(s);

	if (c != NULL)
		ask(s, c);
	else if (s->reload == RELOAD_FORTH)
		commit(s);
	else
		end(s);
}

static void
turn_back(struct supervisor *s)
{
	s->reload = RELOAD_BACK;
	forget_held(s);
	if (!supervisor_write_text(s, buf_slice(&s->old_text)))
		log_event(LOG_CRIT, "memory", "the old configuration could not be put back: restart sealmilter");
}

void
reload_begin(struct supervisor *s)
{
	struct error err = ERROR_NONE;

	if (is_starting(s))
		return;
	s->reload_wanted = false;
	supervisor_notify("RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_ms() * 1000);
	buf_init(&s->old_text, SUPERVISOR_TEXT_MAX);
	if (supervisor_load(s, &s->candidate, &s->old_text, &err) != ANSWER_YES) {
		s->candidate = NULL;
		log_reload(LOG_ERR, "reload-failed", &err);
		end(s);
		return;
	}
	for (unsigned i = 0; i < SUPERVISOR_CHILDREN; i++)
		supervisor_child(s, i)->reloaded = false;
	s->reload = RELOAD_FORTH;
	if (check_requests(s, &err) != ANSWER_YES || open_new_listeners(s, &err) != ANSWER_YES) {
		log_reload(LOG_ERR, "reload-failed", &err);
		turn_back(s);
	}
	go_on(s);
}

void
reload_answered(struct supervisor *s, struct child *c, bool kept)
{
	if (s->reload == RELOAD_NONE)
		return;
	c->asked = false;
	c->reloaded = kept && s->reload == RELOAD_FORTH;
	if (!kept) {
		log_event(LOG_ERR, "reload-failed", "%s could not take the new configuration%s", child_name(c),
			s->reload == RELOAD_FORTH ? "; the old one stays in force" : " back");
		if (s->reload == RELOAD_FORTH)
			turn_back(s);
	}
	go_on(s);
}

/* A child that says nothing for so long is of no use; its death ends the wait. A worker may have a command running, of which nobody
 * would know what it did: it is not waited for any longer, and reads the text in force once it comes to it. */
void
reload_tick(struct supervisor *s)
{
	if (s->reload == RELOAD_NONE || clock_ms() < s->reload_deadline)
		return;
	s->reload_deadline = INT64_MAX;
	for (unsigned i = 0; i < SUPERVISOR_CHILDREN; i++) {
		struct child *c = supervisor_child(s, i);

		if (c->asked && c == &s->worker && c->state == CHILD_UP)
			reload_answered(s, c, false);
		else if (c->asked && c->pid != 0)
			child_kill(c);
	}
}

void
reload_abandon(struct supervisor *s)
{
	if (s->reload == RELOAD_NONE)
		return;
	forget_held(s);
	config_unref(s->candidate);
	s->candidate = NULL;
	buf_free(&s->old_text);
	s->reload = RELOAD_NONE;
}
