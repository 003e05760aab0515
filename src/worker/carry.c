#include "worker/carry.h"

#include "base/log.h"
#include "base/timestamp.h"
#include "revocation/schedule.h"
#include "worker/run.h"
#include "worker/tell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_SHOWN 1000 /* octets of what a command wrote that are kept in the journal */
#define HOW_MAX 2500      /* ... of all words, so that none is cut where the journal cuts */
#define KIND_SIZE 64
#define TEXT_SIZE 1000

_Static_assert(CONFIG_REVOCATIONS_MAX <= SCHEDULE_AUTHORITIES_MAX, "each block is an authority of the schedule");
_Static_assert(SCHEDULE_WITHIN == JOURNAL_DEADLINE, "the plan and the journal have one deadline");

/* An open request, as it was listed last. */
struct open {
	struct journal_pending pending; /* authority points to name */
	char name[RECORD_NAME_MAX + 1];
	const struct authority *authority; /* NULL: it is there no more */
};

struct carry {
	struct work *work;
	struct run *runs[SCHEDULE_AUTHORITIES_MAX]; /* from before BEGUN is written until the result is; NULL: a free place */
	struct open *open;                          /* the oldest first */
	struct schedule_item *items;                /* one to one with open */
	struct schedule_advice *advice;
	size_t count, room;
	int64_t *told;                              /* requests whose operator knows that he has to do it, in order */
	size_t told_count;
	bool no_room;                               /* memory was short while listing */
};

struct carry *
carry_new(struct work *w)
{
	struct carry *c = calloc(1, sizeof *c);

	if (c != NULL)
		c->work = w;
	return c;
}

unsigned
carry_running(struct carry *carry)
{
	unsigned running = 0;

	for (size_t i = 0; i < SCHEDULE_AUTHORITIES_MAX; i++)
		running += carry->runs[i] != NULL && run_started(carry->runs[i]) && run_ended(carry->runs[i]) == NULL;
	return running;
}

static void
log_step(int priority, const struct record *record, int64_t request, const char *event, const char *how)
{
	struct log_line line;

	log_begin(&line, priority, record == NULL ? NULL : record->queue_id, event);
	log_add(&line, "request", "%lld", (long long)request);
	if (record != NULL)
		log_add(&line, "authority", "%s", record->authority);
	log_add(&line, "how", "%s", how);
	log_end(&line);
}

/* ---- one request ------------------------------------------------------------------ */

struct looking {
	struct record *record;
	bool has_done;
	char who[JOURNAL_WHO_MAX + 1], how[JOURNAL_HOW_MAX + 1]; /* of DONE */
	enum journal_kind state;
};

static bool
see_request(void *arg, const struct journal_item *item)
{
	struct looking *l = arg;

	l->record = record_dup(item->request);
	l->state = item->state;
	return l->record != NULL;
}

static bool
see_step(void *arg, int64_t seq, const struct journal_step *step)
{
	struct looking *l = arg;

	(void)seq;
	if (step->kind != JOURNAL_DONE)
		return true;
	l->has_done = true;
	snprintf(l->who, sizeof l->who, "%s", step->who);
	snprintf(l->how, sizeof l->how, "%s", step->how);
	return true;
}

/* The caller frees record. */
static enum answer
look_up(const struct carry *c, int64_t request, struct looking *l, struct error *err)
{
	enum answer answer;

	memset(l, 0, sizeof *l);
	answer = journal_show(c->work->journal, request, see_request, see_step, l, err);
	if (answer == ANSWER_YES && l->record == NULL)
		return error_cant_tell(err, "memory", "no memory for request %lld", (long long)request);
	return answer;
}

/* Where a write could not be told to have been done, it may have been: then the state is what was to be written. */
static enum answer
add(const struct carry *c, int64_t request, enum journal_kind kind, time_t now, const char *how,
	const struct notices_item *notice, struct error *err)
{
	enum answer answer = work_add(c->work, request, kind, now, how, notice, err);
	struct looking l;

	if (answer != ANSWER_NO || strcmp(err->code, "journal-state") != 0 || look_up(c, request, &l, NULL) != ANSWER_YES)
		return answer;
	if (l.state == kind) {
		*err = ERROR_NONE;
		answer = ANSWER_YES;
	}
	free(l.record);
	return answer;
}

/* ---- the end of a request ------------------------------------------------------------ */

struct revoked {
	enum notice_kind kind; /* REVOKED or ALREADY */
	bool has_time;
	time_t at;
	const char *words;
};

static void
write_how(const struct revoked *r, char how[HOW_MAX + 1])
{
	char stamp[TIMESTAMP_LEN + 1];

	timestamp_write(r->at, stamp);
	if (r->has_time && stamp[0] != '\0')
		snprintf(how, HOW_MAX + 1, "%.*s; %s%s", HOW_MAX - 100, r->words, JOURNAL_REVOKED_AT, stamp);
	else
		snprintf(how, HOW_MAX + 1, "%.*s; the authority's time is not known", HOW_MAX - 100, r->words);
}


/* YES: the notice is in message and item. NO: nobody is to be told, or can be. */
static enum answer
write_notice(const struct carry *c, int64_t request, const struct record *record, const struct revoked *r, time_t now,
	char recipient[NOTICES_ADDRESS_MAX + 1], struct buf *message, struct notices_item *item, struct error *err)
{
	struct tell_news news = {.authority = work_authority(c->work, record->authority), .record = record, .request = request,
		.kind = r->kind, .recipient = recipient, .now = now, .has_revoked_at = r->has_time, .revoked_at = r->at};
	enum answer answer = work_recipient(c->work, request, recipient, err);

	if (answer != ANSWER_YES)
		return answer;
	if (news.authority == NULL || recipient[0] == '\0')
		return error_no(err, "notice", "nobody is known who is to be told");
	return tell_writer(&news, message, item, err);
}

/* Once the journal has it as executed there is nothing more to do, so the notice goes with it, and what is wrong with a notice
 * keeps nobody from noting it. */
static enum answer
execute(const struct carry *c, int64_t request, const struct record *record, const struct revoked *r, time_t now,
	struct error *err)
{
	char recipient[NOTICES_ADDRESS_MAX + 1], how[HOW_MAX + 1];
	struct notices_item item;
	struct buf message;
	enum answer answer, told;

	buf_init(&message, TELL_MESSAGE_MAX);
	write_how(r, how);
	told = write_notice(c, request, record, r, now, recipient, &message, &item, err);
	answer = told;
	if (told == ANSWER_YES)
		answer = add(c, request, JOURNAL_EXECUTED, now, how, &item, err);
	if (answer == ANSWER_NO) {
		log_step(LOG_NOTICE, record, request, "revocation-notice", err->words);
		answer = add(c, request, JOURNAL_EXECUTED, now, how, NULL, err);
	}
	if (answer == ANSWER_YES)
		log_step(LOG_NOTICE, record, request, "revoked", how);
	buf_free(&message);
	return answer;
}

/* ---- the end of a run ------------------------------------------------------------------- */

/* One line of ASCII; nothing in it ends with a time that would be taken for the authority's. */
static void
describe(const struct command_result *result, char words[HOW_MAX + 1])
{
	struct slice all = slice_trim(buf_slice(&result->output)), output = slice_sub(all, 0, OUTPUT_SHOWN);
	int len = snprintf(words, HOW_MAX / 2, "command %s%s%s", command_outcome_word(result->outcome),
		result->reason.answer == ANSWER_YES ? "" : ": ", result->reason.words);
	char *at = words + (len < HOW_MAX / 2 ? len : HOW_MAX / 2 - 1);

	if (output.len > 0)
		at += sprintf(at, "; it wrote: \"");
	for (size_t i = 0; i < output.len; i++)
		*at++ = output.data[i] == '\n' ? '|' : output.data[i] < ' ' || output.data[i] > '~' ? '?' : (char)output.data[i];
	strcpy(at, output.len == 0 ? "" : output.len < all.len ? "...\"" : "\"");
}

_Static_assert(HOW_MAX / 2 + OUTPUT_SHOWN + 50 <= HOW_MAX, "what describes a result has room");

static enum answer
ask_person(const struct carry *c, int64_t request, const struct authority *authority, time_t begun, const char *why, time_t now,
	struct error *err)
{
	char kind[KIND_SIZE], subject[TEXT_SIZE];
	enum answer answer;

	snprintf(kind, sizeof kind, "interrupted-%lld", (long long)begun);
	snprintf(subject, sizeof subject, "request %lld: see what its command did, then retry, done or refuse", (long long)request);
	/* Told first, so that a crash between cannot keep it from him; the kind makes it one. */
	answer = tell_operator(c->work, authority, request, kind, subject, why, now, err);
	return answer == ANSWER_CANT_TELL ? answer : add(c, request, JOURNAL_INTERRUPTED, now, why, NULL, err);
}

static enum answer
record_result(const struct carry *c, const struct run *run, const struct command_result *result, time_t now,
	struct error *err)
{
	const struct record *record = run_record(run);
	char words[HOW_MAX + 1];
	struct revoked revoked = {.kind = result->outcome == COMMAND_DONE ? NOTICE_REVOKED : NOTICE_ALREADY,
		.has_time = result->has_time, .at = result->revoked_at, .words = words};

	describe(result, words);
	switch (result->outcome) {
	case COMMAND_DONE:
	case COMMAND_ALREADY:
		return execute(c, run_request(run), record, &revoked, now, err);
	case COMMAND_PERSON:
		return ask_person(c, run_request(run), work_authority(c->work, record->authority), run_decided(run), words, now, err);
	case COMMAND_TRY_AGAIN:
		break;
	}
	log_step(LOG_WARNING, record, run_request(run), "revocation-failed", words);
	return add(c, run_request(run), JOURNAL_FAILED, now, words, NULL, err);
}

/* Nothing runs that the journal does not have as begun. CANT_TELL: the journal does not take it now, and the run stays. NO: it
 * says that it stands otherwise, and the run is of no use. */
static enum answer
begin(const struct carry *c, struct run *run, time_t now, struct error *err)
{
	enum answer answer = add(c, run_request(run), JOURNAL_BEGUN, now, "", NULL, err);

	if (answer == ANSWER_YES)
		run_start(run);
	return answer;
}

/* Each run as far as it can be brought now. */
static enum answer
settle(struct carry *c, time_t now, struct error *err)
{
	for (size_t i = 0; i < SCHEDULE_AUTHORITIES_MAX; i++) {
		struct run *run = c->runs[i];
		const struct command_result *result = run == NULL ? NULL : run_ended(run);
		enum answer answer;

		if (run == NULL || (run_started(run) && result == NULL))
			continue;
		answer = result == NULL ? begin(c, run, now, err) : record_result(c, run, result, now, err);
		if (answer == ANSWER_CANT_TELL)
			return answer;
		if (answer == ANSWER_NO)
			log_step(LOG_ERR, run_record(run), run_request(run), "revocation-dropped", err->words);
		if (answer == ANSWER_YES && result == NULL)
			continue;
		run_free(run);
		c->runs[i] = NULL;
	}
	return ANSWER_YES;
}

void
carry_free(struct carry *carry)
{
	struct error err = ERROR_NONE;

	if (carry == NULL)
		return;
	for (size_t i = 0; i < SCHEDULE_AUTHORITIES_MAX; i++)
		if (carry->runs[i] != NULL && !run_started(carry->runs[i])) {
			run_free(carry->runs[i]);
			carry->runs[i] = NULL;
		} else if (carry->runs[i] != NULL) {
			run_wait(carry->runs[i]);
		}
	/* What cannot be recorded now is found as begun by the next worker. */
	if (settle(carry, time(NULL), &err) != ANSWER_YES)
		log_step(LOG_ERR, NULL, 0, "revocation-unrecorded", err.words);
	for (size_t i = 0; i < SCHEDULE_AUTHORITIES_MAX; i++)
		run_free(carry->runs[i]);
	free(carry->open);
	free(carry->items);
	free(carry->advice);
	free(carry->told);
	free(carry);
}

/* ---- what is open ------------------------------------------------------------------------ */

static const struct run *
find_run(const struct carry *c, int64_t request)
{
	for (size_t i = 0; i < SCHEDULE_AUTHORITIES_MAX; i++)
		if (c->runs[i] != NULL && run_request(c->runs[i]) == request)
			return c->runs[i];
	return NULL;
}

static bool
can_run(const struct open *o)
{
	return o->authority != NULL && o->authority->config->command.count > 0;
}

/* Accepted, and nobody is at it: it could be carried out now. */
static bool
is_ready(const struct open *o)
{
	return o->pending.state == JOURNAL_ACCEPTED || o->pending.state == JOURNAL_FAILED ||
		o->pending.state == JOURNAL_INTERRUPTED;
}

static enum schedule_state
state_of(const struct open *o)
{
	switch (o->pending.state) {
	case JOURNAL_BEGUN:
		return SCHEDULE_RUNNING;
	case JOURNAL_ACCEPTED:
	case JOURNAL_FAILED:
		return can_run(o) ? SCHEDULE_WAITING : SCHEDULE_PERSON;
	case JOURNAL_INTERRUPTED:
		return can_run(o) && o->pending.retry ? SCHEDULE_WAITING : SCHEDULE_PERSON;
	default:
		return SCHEDULE_PERSON;
	}
}

static void
fill_item(const struct carry *c, const struct open *o, struct schedule_item *item)
{
	const struct journal_pending *p = &o->pending;

	*item = (struct schedule_item){
		.state = state_of(o),
		.authority = SCHEDULE_AUTHORITIES_MAX,
		.ours = find_run(c, p->id) != NULL,
		.received = p->received,
		.tries = p->failures,
		.last_try = p->last_failure,
		.warned = p->overdue ? SCHEDULE_OVERDUE : p->late ? SCHEDULE_NINE_TENTHS : p->half ? SCHEDULE_HALF :
			SCHEDULE_NO_WARNING,
	};
	if (o->authority == NULL)
		return;
	item->authority = (unsigned)(o->authority->config - work_config(c->work)->revocations);
	item->idempotent = can_run(o) && o->authority->config->command_idempotent;
}

static bool
make_room(struct carry *c)
{
	size_t room = c->room == 0 ? 64 : 2 * c->room;
	struct open *open = reallocarray(c->open, room, sizeof *open);
	struct schedule_item *items;
	struct schedule_advice *advice;

	if (open != NULL)
		c->open = open;
	items = reallocarray(c->items, room, sizeof *items);
	if (items != NULL)
		c->items = items;
	advice = reallocarray(c->advice, room, sizeof *advice);
	if (advice != NULL)
		c->advice = advice;
	if (open == NULL || items == NULL || advice == NULL)
		return false;
	c->room = room;
	return true;
}

static bool
see_pending(void *arg, const struct journal_pending *pending)
{
	struct carry *c = arg;
	struct open *o;

	c->no_room = c->count == c->room && !make_room(c);
	if (c->no_room)
		return false;
	o = &c->open[c->count++];
	o->pending = *pending;
	snprintf(o->name, sizeof o->name, "%s", pending->authority);
	return true;
}

static enum answer
list_open(struct carry *c, struct error *err)
{
	enum answer answer;

	c->count = 0;
	answer = journal_pending(c->work->journal, see_pending, c, err);
	if (answer == ANSWER_YES && c->no_room)
		return error_cant_tell(err, "memory", "no memory for the requests that are open");
	for (size_t i = 0; answer == ANSWER_YES && i < c->count; i++) {
		c->open[i].pending.authority = c->open[i].name;
		c->open[i].authority = work_authority(c->work, c->open[i].name);
		fill_item(c, &c->open[i], &c->items[i]);
	}
	return answer;
}

/* ---- what is done without a run -------------------------------------------------------------- */

/* how without the time at its end, and what leads up to it. */
static void
cut_time(char *how)
{
	char *end = how + strlen(how) - TIMESTAMP_LEN - strlen(JOURNAL_REVOKED_AT);

	while (end > how && strchr(" ,;", end[-1]) != NULL)
		end--;
	*end = '\0';
}

static enum answer
execute_for_person(const struct carry *c, const struct open *o, struct looking *l, time_t now, struct error *err)
{
	struct revoked r = {.kind = NOTICE_REVOKED};
	char words[HOW_MAX + 1];
	int64_t at;

	r.has_time = journal_revoked_at(l->how, &at);
	r.at = r.has_time ? (time_t)at : 0;
	if (r.has_time)
		cut_time(l->how);
	snprintf(words, sizeof words, "%s says: \"%.2000s\"", l->who, l->how);
	r.words = words;
	return execute(c, o->pending.id, l->record, &r, now, err);
}

static enum answer
execute_as_revoked(const struct carry *c, const struct open *o, const struct looking *l, time_t now, struct error *err)
{
	struct revoked r = {.kind = NOTICE_ALREADY};
	struct journal_revoked by;
	char words[100];
	enum answer answer = journal_revoked(c->work->journal, l->record, &by, err);

	if (answer != ANSWER_YES)
		return answer;
	r.has_time = by.has_time;
	r.at = (time_t)by.revoked_at;
	snprintf(words, sizeof words, "revoked already: request %lld did", (long long)by.id);
	r.words = words;
	return execute(c, o->pending.id, l->record, &r, now, err);
}

static enum answer
execute_ready(const struct carry *c, const struct open *o, time_t now, struct error *err)
{
	struct looking l;
	enum answer answer = look_up(c, o->pending.id, &l, err);

	if (answer == ANSWER_YES)
		answer = o->pending.done && l.has_done ? execute_for_person(c, o, &l, now, err) : execute_as_revoked(c, o, &l, now, err);
	free(l.record);
	return answer;
}

/* They cost no run, so that they wait for nobody's turn. */
static enum answer
end_what_needs_no_run(struct carry *c, time_t now, struct error *err)
{
	for (size_t i = 0; i < c->count; i++) {
		enum answer answer;

		if (!is_ready(&c->open[i]) || !(c->open[i].pending.done || c->open[i].pending.revoked))
			continue;
		answer = execute_ready(c, &c->open[i], now, err);
		if (answer == ANSWER_CANT_TELL)
			return answer;
		if (answer == ANSWER_NO)
			log_step(LOG_ERR, NULL, c->open[i].pending.id, "revocation-dropped", err->words);
		c->items[i].state = SCHEDULE_ENDED;
	}
	return ANSWER_YES;
}

/* ---- what somebody has to know ------------------------------------------------------------------ */

static enum answer
warn(const struct carry *c, const struct open *o, enum schedule_warning warning, time_t now, struct error *err)
{
	static const struct {
		enum journal_kind kind;
		const char *words;
	} warnings[] = {
		[SCHEDULE_HALF] = {JOURNAL_HALF, "half of its time is gone"},
		[SCHEDULE_NINE_TENTHS] = {JOURNAL_LATE, "nine tenths of its time are gone"},
		[SCHEDULE_OVERDUE] = {JOURNAL_OVERDUE, "it is OVERDUE"},
	};
	char subject[TEXT_SIZE], text[TEXT_SIZE], since[TIMESTAMP_LEN + 1], by[TIMESTAMP_LEN + 1];
	enum journal_kind kind = warnings[warning].kind;
	enum answer answer;

	timestamp_write(o->pending.since, since);
	timestamp_write(o->pending.received + SCHEDULE_WITHIN, by);
	snprintf(subject, sizeof subject, "request %lld: %s", (long long)o->pending.id, warnings[warning].words);
	snprintf(text, sizeof text, "The certificate is to be revoked by %s. The request is %s since %s, and commands have failed "
		"%u times.", by, journal_kind_text(o->pending.state), since, o->pending.failures);
	answer = tell_operator(c->work, o->authority, o->pending.id, journal_kind_text(kind), subject, text, now, err);
	if (answer != ANSWER_CANT_TELL)
		answer = add(c, o->pending.id, kind, now, text, NULL, err);
	return answer == ANSWER_CANT_TELL ? answer : ANSWER_YES;
}

static enum answer
tell_by_hand(const struct carry *c, const struct open *o, time_t now, struct error *err)
{
	char subject[TEXT_SIZE], text[TEXT_SIZE];

	snprintf(subject, sizeof subject, "request %lld is accepted and to be carried out by hand", (long long)o->pending.id);
	if (o->authority == NULL)
		snprintf(text, sizeof text, "There is no block \"%s\" in the configuration any more.", o->name);
	else
		snprintf(text, sizeof text, "The block has no command. When it has been done, say so by sealctl revocation done.");
	return tell_operator(c->work, o->authority, o->pending.id, "by-hand", subject, text, now, err);
}

/* Once each as long as this process lives; what an operator was mailed before, he is not mailed again. */
static enum answer
tell_what_is_by_hand(struct carry *c, time_t now, struct error *err)
{
	size_t kept = 0, before = 0;
	int64_t *told = calloc(c->count + 1, sizeof *told);
	enum answer answer = ANSWER_YES;

	if (told == NULL)
		return error_cant_tell(err, "memory", "no memory for the requests that are open");
	for (size_t i = 0; i < c->count && answer != ANSWER_CANT_TELL; i++) {
		const struct open *o = &c->open[i];

		if (!is_ready(o) || o->pending.state == JOURNAL_INTERRUPTED || can_run(o) || c->items[i].state == SCHEDULE_ENDED)
			continue;
		while (before < c->told_count && c->told[before] < o->pending.id)
			before++;
		if (before == c->told_count || c->told[before] != o->pending.id)
			answer = tell_by_hand(c, o, now, err);
		if (answer != ANSWER_CANT_TELL)
			told[kept++] = o->pending.id;
	}
	free(c->told);
	c->told = told;
	c->told_count = kept;
	return answer == ANSWER_CANT_TELL ? answer : ANSWER_YES;
}

/* ---- what is run ------------------------------------------------------------------------------- */

static const char broken_off[] = "it was begun by a process that is no more";

static enum answer
start_run(struct carry *c, const struct open *o, time_t now, struct error *err)
{
	struct looking l;
	enum answer answer = look_up(c, o->pending.id, &l, err);
	size_t place = 0;

	while (place < SCHEDULE_AUTHORITIES_MAX && c->runs[place] != NULL)
		place++;
	/* None is free where blocks were replaced by others while their commands run. */
	if (answer == ANSWER_YES && place < SCHEDULE_AUTHORITIES_MAX) {
		answer = run_new(o->authority, o->pending.id, l.record, now, &c->runs[place], err);
		if (answer == ANSWER_YES)
			answer = begin(c, c->runs[place], now, err);
		if (answer == ANSWER_NO) {
			run_free(c->runs[place]);
			c->runs[place] = NULL;
		}
	}
	free(l.record);
	return answer;
}

static enum answer
take_step(struct carry *c, const struct open *o, enum schedule_step step, time_t now, struct error *err)
{
	bool orphan = o->pending.state == JOURNAL_BEGUN;
	char words[TEXT_SIZE];
	enum answer answer = ANSWER_YES;

	switch (step) {
	case SCHEDULE_RUN:
		if (orphan) {
			snprintf(words, sizeof words, "%s; the command is idempotent and is run again", broken_off);
			answer = add(c, o->pending.id, JOURNAL_FAILED, now, words, NULL, err);
		}
		return answer == ANSWER_YES ? start_run(c, o, now, err) : answer;
	case SCHEDULE_ASK_PERSON:
		snprintf(words, sizeof words, "%s; whether it was done is not known", broken_off);
		return ask_person(c, o->pending.id, o->authority, o->pending.since, words, now, err);
	case SCHEDULE_NOTHING:
		break;
	}
	return answer;
}

static enum answer
take_advice(struct carry *c, time_t now, struct error *err)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct open *o = &c->open[i];
		enum answer answer = ANSWER_YES;

		if (c->advice[i].warning != SCHEDULE_NO_WARNING)
			answer = warn(c, o, c->advice[i].warning, now, err);
		if (answer == ANSWER_YES)
			answer = take_step(c, o, c->advice[i].step, now, err);
		if (answer == ANSWER_NO)
			log_step(LOG_ERR, NULL, o->pending.id, "revocation-dropped", err->words);
		if (answer == ANSWER_CANT_TELL)
			return answer;
	}
	return ANSWER_YES;
}

enum answer
carry_plan(struct carry *carry, time_t now, struct error *err)
{
	struct error why = ERROR_NONE;
	enum answer answer = settle(carry, now, &why);

	if (answer == ANSWER_YES)
		answer = list_open(carry, &why);
	if (answer == ANSWER_YES)
		answer = end_what_needs_no_run(carry, now, &why);
	if (answer == ANSWER_YES)
		answer = tell_what_is_by_hand(carry, now, &why);
	if (answer == ANSWER_YES) {
		schedule_plan(carry->items, carry->count, now, carry->advice);
		answer = take_advice(carry, now, &why);
	}
	if (answer != ANSWER_YES && err != NULL)
		*err = why;
	return answer;
}
