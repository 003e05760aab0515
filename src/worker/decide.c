#include "worker/decide.h"

#include "base/clock.h"
#include "base/deadline.h"
#include "base/log.h"
#include "gateway/account.h"
#include "worker/tell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 1024          /* requests that are decided in one round */
#define ROUND_MS 10000        /* after which a round ends, so that the supervisor is heard */
#define BATCHES 16            /* taken from the inbox in one round */
#define ANEW 60               /* s after which the inbox is read from its beginning: it may be another one by now */
#define CLAIM_MS 20000        /* that inventory, groups and status of one request may take */
#define TOLD_AGE (7 * 24 * 60 * 60) /* s; what a person decided before that is told to nobody after a restart */
#define HOW_SIZE 2048         /* octets; the address at its end is not cut */
#define SUBJECT_SIZE 64

/* One that is in the journal as received. */
struct undecided {
	int64_t id;
	unsigned tries;
	time_t first, next; /* tries */
};

struct decide {
	struct work *w;
	struct reader *reader;
	int64_t after;      /* the last number of the inbox that is in the journal */
	time_t from_start;  /* when it was last read from its beginning */
	time_t unread;      /* since when the inbox cannot be read; 0: it can */
	int64_t seen;       /* the last entry that was looked at for a person's decision */
	struct undecided *undecided;
	size_t count;
};

/* One request. */
struct matter {
	struct decide *d;
	int64_t id;
	struct record *record;
	const struct authority *authority;
	time_t now;
};

struct decide *
decide_new(struct work *w, struct reader *reader)
{
	struct decide *d = calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	d->w = w;
	d->reader = reader;
	return d;
}

void
decide_free(struct decide *d)
{
	if (d == NULL)
		return;
	free(d->undecided);
	free(d);
}

/* ---- from the inbox ------------------------------------------------------------------ */

/* It is not there before the first request, so that this is worth a word only where it lasts. */
static void
note_unread(struct decide *d, time_t now, const struct error *why)
{
	if (d->unread == 0 || d->unread > now)
		d->unread = now;
	if (now - d->unread >= DECIDE_PATIENCE)
		tell_operator(d->w, NULL, 0, "inbox", "Requests for revocation cannot be read", why->words, now, NULL);
	if (now - d->unread >= DECIDE_PATIENCE)
		d->unread = now;
}

static enum answer
bring(struct decide *d, const struct inbox_batch *batch, time_t now, struct error *err)
{
	const struct timespec deadline = deadline_in(WORK_WRITE_MS);
	struct inbox_taken taken;
	enum answer answer = inbox_bring(batch, d->w->journal, now, &deadline, &taken, err);

	if (answer != ANSWER_YES)
		return answer;
	d->after = batch->last;
	if (batch->refused > 0)
		log_event(LOG_WARNING, "inbox", "%u rows are no requests: gate does not write such", batch->refused);
	return ANSWER_YES;
}

static enum answer
take(struct decide *d, time_t now, bool *more, struct error *err)
{
	struct error why = ERROR_NONE;

	if (now - d->from_start >= ANEW || now < d->from_start) {
		d->after = 0;
		d->from_start = now;
	}
	for (unsigned i = 0; i < BATCHES; i++) {
		struct inbox_batch batch;
		enum answer answer = reader_batch(d->reader, d->after, &batch, &why);

		if (answer == ANSWER_YES) {
			d->unread = 0;
			answer = bring(d, &batch, now, err);
		} else {
			note_unread(d, now, &why);
			batch.more = false;
			answer = ANSWER_YES;
		}
		*more = batch.more;
		inbox_batch_free(&batch);
		if (answer != ANSWER_YES || !*more)
			return answer;
	}
	return ANSWER_YES;
}

/* ---- what is told and written about one ------------------------------------------------- */

static void
log_matter(const struct matter *m, int priority, const char *decision, const char *form, const char *why)
{
	struct log_line line;

	log_begin(&line, priority, m->record->queue_id, "revocation");
	log_add(&line, "request", "%lld", (long long)m->id);
	log_add(&line, "authority", "%s", m->record->authority);
	log_add(&line, "decision", "%s", decision);
	if (form != NULL)
		log_add(&line, "form", "%s", form);
	if (why != NULL && why[0] != '\0')
		log_add(&line, "reason", "%s", why);
	log_end(&line);
}

static void
log_untold(const struct matter *m, const char *how)
{
	struct log_line line;

	log_begin(&line, LOG_NOTICE, m->record->queue_id, "revocation-notice");
	log_add(&line, "request", "%lld", (long long)m->id);
	log_add(&line, "how", "%s", how);
	log_end(&line);
}

/* That somebody else has decided meanwhile is as good. */
static enum answer
write_down(const struct matter *m, enum journal_kind kind, const char *how, const struct notices_item *notice,
	struct error *err)
{
	enum answer answer = work_add(m->d->w, m->id, kind, m->now, how, notice, err);

	return answer == ANSWER_NO && strcmp(err->code, "journal-state") == 0 ? ANSWER_YES : answer;
}

/* Before it is written down, so that a crash between tells once too often: the mail is the same. NO: it cannot be mailed, only
 * logged, which keeps nothing from being decided. */
static enum answer
alarm_operator(const struct matter *m, const char *kind, const char *subject, const char *why, struct error *err)
{
	return tell_operator(m->d->w, m->authority, m->id, kind, subject, why, m->now, err);
}

static enum answer
refuse(const struct matter *m, const char *why, struct error *err)
{
	char how[HOW_SIZE];

	log_matter(m, LOG_WARNING, "refused", NULL, why);
	snprintf(how, sizeof how, "gate took it, its evidence says otherwise: %s", why);
	if (alarm_operator(m, "refused", "A request that gate took is refused", how, err) == ANSWER_CANT_TELL)
		return ANSWER_CANT_TELL;
	return write_down(m, JOURNAL_REFUSED, how, NULL, err);
}

/* recipient NULL: nobody is told. */
static enum answer
let_wait(const struct matter *m, const char *why, const char *recipient, struct error *err)
{
	char how[HOW_SIZE], subject[SUBJECT_SIZE];

	log_matter(m, LOG_NOTICE, "waiting", NULL, why);
	snprintf(subject, sizeof subject, "request %lld waits: approve or refuse it", (long long)m->id);
	if (alarm_operator(m, "waiting", subject, why, err) == ANSWER_CANT_TELL)
		return ANSWER_CANT_TELL;
	snprintf(how, sizeof how, "%.*s%s%s", ERROR_WORDS_MAX, why, recipient == NULL ? "" : WORK_TELLS,
		recipient == NULL ? "" : recipient);
	return write_down(m, JOURNAL_WAITING, how, NULL, err);
}

/* NO: it cannot be told, which is logged and hinders nothing else. */
static enum answer
write_notice(const struct matter *m, enum notice_kind kind, const char *recipient, const char *reason, struct buf *message,
	struct notices_item *item, struct error *err)
{
	const struct tell_news news = {.authority = m->authority, .record = m->record, .request = m->id, .kind = kind,
		.recipient = recipient, .now = m->now, .reason = reason};
	enum answer answer = tell_writer(&news, message, item, err);

	if (answer == ANSWER_NO)
		log_untold(m, err->words);
	return answer;
}

static const char *
form_text(enum authorise_form form)
{
	switch (form) {
	case AUTHORISE_SIGNED:
		return "signed with the key of the certificate";
	case AUTHORISE_SAME_SUBJECT:
		return "signed with another certificate of the same subject";
	case AUTHORISE_AUTHORISED:
		return "by an authorised person";
	case AUTHORISE_PASSWORD:
		return "with the revocation password";
	}
	return "unknown";
}

static enum answer
take_on(const struct matter *m, enum authorise_form form, const char *recipient, struct error *err)
{
	enum answer answer = ANSWER_NO;
	struct notices_item item;
	struct buf message;
	char how[HOW_SIZE];

	buf_init(&message, TELL_MESSAGE_MAX);
	if (recipient != NULL)
		answer = write_notice(m, NOTICE_RECEIVED, recipient, NULL, &message, &item, err);
	else
		log_untold(m, "no address is bound to the certificate");
	if (answer != ANSWER_CANT_TELL) {
		log_matter(m, LOG_NOTICE, "accepted", account_form_name(form), NULL);
		snprintf(how, sizeof how, "%s%s%s", form_text(form), recipient == NULL ? "" : WORK_TELLS,
			recipient == NULL ? "" : recipient);
		answer = write_down(m, JOURNAL_ACCEPTED, how, answer == ANSWER_YES ? &item : NULL, err);
	}
	buf_free(&message);
	return answer;
}

/* ---- deciding one ------------------------------------------------------------------------- */

static enum answer
act_on(const struct matter *m, const struct claim *claim, struct error *err)
{
	const struct claim_line *line = claim->lines;
	const char *recipient = line->contact_count > 0 && strlen(line->contacts[0]) <= NOTICES_ADDRESS_MAX ?
		line->contacts[0] : NULL;

	if (line->waits)
		return let_wait(m, claim->logged.words, recipient, err);
	if (m->authority->config->approve_by_hand)
		return let_wait(m, "approve-by-hand is set", recipient, err);
	return take_on(m, line->form, recipient, err);
}

/* Only a password leaves no evidence. *proof is wiped by the caller. NO: what was there has gone. */
static enum answer
fetch_proof(const struct matter *m, struct buf *proof, struct error *err)
{
	return m->record->evidence.len > 0 ? ANSWER_YES : reader_proof(m->d->reader, m->record, proof, err);
}

/* CANT_TELL, in why: it stays as it is. YES: *err tells whether it could be written down. */
static enum answer
judge(const struct matter *m, struct slice proof, enum answer *written, struct error *why, struct error *err)
{
	const struct work *w = m->d->w;
	const struct timespec deadline = deadline_in(CLAIM_MS);
	const struct claim_desk desk = {.gateway = w->gateway, .journal = w->journal, .proof = w->proof, .deadline = &deadline};
	enum answer answer;
	struct claim claim;

	claim_record(&desk, m->authority, m->record, proof, m->now, &claim);
	answer = claim.answer;
	if (answer == ANSWER_YES)
		*written = act_on(m, &claim, err);
	else if (answer == ANSWER_NO)
		*written = refuse(m, claim.logged.words, err);
	else
		*why = claim.logged;
	claim_free(&claim);
	return answer == ANSWER_CANT_TELL ? ANSWER_CANT_TELL : ANSWER_YES;
}

static enum answer
decide_one(struct matter *m, enum answer *written, struct error *why, struct error *err)
{
	enum answer answer;
	struct buf proof;

	*written = ANSWER_YES;
	m->authority = work_authority(m->d->w, m->record->authority);
	if (m->authority == NULL)
		return error_cant_tell(why, "authority", "there is no revocation block %s any more", m->record->authority);
	buf_init(&proof, INBOX_PROOF_MAX);
	answer = fetch_proof(m, &proof, why);
	if (answer == ANSWER_YES)
		answer = judge(m, buf_slice(&proof), written, why, err);
	else if (answer == ANSWER_NO) {
		/* It was taken by 250, so a person looks at it. */
		*written = let_wait(m, "the password that came with it has gone from the inbox", NULL, err);
		answer = ANSWER_YES;
	}
	buf_wipe(&proof);
	return answer;
}

static void
put_off(const struct matter *m, struct undecided *u, const struct error *why)
{
	time_t pause = DECIDE_PAUSE;

	for (unsigned i = 0; i < u->tries && pause < DECIDE_PAUSE_MAX; i++)
		pause *= 2;
	if (u->tries++ == 0) {
		u->first = m->now;
		log_matter(m, LOG_WARNING, "not-now", NULL, why->words);
	}
	u->next = m->now + (pause < DECIDE_PAUSE_MAX ? pause : DECIDE_PAUSE_MAX);
	if (m->now - u->first >= DECIDE_PATIENCE)
		alarm_operator(m, "undecided", "A request cannot be judged for some time", why->words, NULL);
}

/* ---- all that are received ------------------------------------------------------------------ */

struct gathering {
	const struct decide *d;
	struct undecided *found;
	size_t count, room, old;
};

/* Both lists are in the order of their numbers. */
static bool
gather_one(void *arg, const struct journal_pending *p)
{
	struct gathering *g = arg;
	struct undecided *new = &g->found[g->count];

	if (p->state != JOURNAL_RECEIVED)
		return true;
	while (g->old < g->d->count && g->d->undecided[g->old].id < p->id)
		g->old++;
	*new = g->old < g->d->count && g->d->undecided[g->old].id == p->id ? g->d->undecided[g->old] :
		(struct undecided){.id = p->id};
	return ++g->count < g->room;
}

static enum answer
gather(struct decide *d, struct error *err)
{
	struct gathering g = {.d = d, .room = d->count + AT_ONCE};
	enum answer answer;

	g.found = calloc(g.room, sizeof *g.found);
	if (g.found == NULL)
		return error_cant_tell(err, "memory", "no memory for what is to be decided");
	answer = journal_pending(d->w->journal, gather_one, &g, err);
	free(d->undecided);
	d->undecided = g.found;
	d->count = g.count;
	return answer;
}

static bool
copy_record(void *arg, const struct journal_item *item)
{
	struct record **copy = arg;

	*copy = record_dup(item->request);
	return false;
}

/* NO: it was purged. */
static enum answer
load(struct decide *d, int64_t id, time_t now, struct matter *m, struct error *err)
{
	enum answer answer;

	*m = (struct matter){.d = d, .id = id, .now = now};
	answer = journal_show(d->w->journal, id, copy_record, NULL, &m->record, err);
	if (answer == ANSWER_YES && m->record == NULL)
		return error_cant_tell(err, "memory", "no memory for a request");
	return answer;
}

static enum answer
try_one(struct decide *d, struct undecided *u, time_t now, struct error *err)
{
	struct error why = ERROR_NONE;
	enum answer answer, written;
	struct matter m;

	answer = load(d, u->id, now, &m, err);
	if (answer != ANSWER_YES)
		return answer == ANSWER_NO ? ANSWER_YES : answer;
	answer = decide_one(&m, &written, &why, err);
	if (answer == ANSWER_CANT_TELL)
		put_off(&m, u, &why);
	free(m.record);
	return answer == ANSWER_CANT_TELL ? ANSWER_YES : written;
}

static enum answer
decide_received(struct decide *d, time_t now, bool *more, struct error *err)
{
	int64_t end = clock_ms() + ROUND_MS;
	enum answer answer = gather(d, err);

	for (size_t i = 0; i < d->count && answer == ANSWER_YES; i++) {
		if (d->undecided[i].next > now && d->undecided[i].next <= now + DECIDE_PAUSE_MAX)
			continue;
		if (clock_ms() >= end) {
			*more = true;
			break;
		}
		answer = try_one(d, &d->undecided[i], now, err);
	}
	return answer;
}

/* ---- what a person has decided ---------------------------------------------------------------- */

#define PERSONS_MAX 64 /* looked at in one round */

struct persons {
	const struct decide *d;
	time_t now;
	int64_t seen;
	struct {
		int64_t seq, request;
		enum journal_kind kind;
		char *how;
	} item[PERSONS_MAX];
	size_t count;
};

static bool
note_person(void *arg, int64_t seq, const struct journal_step *step)
{
	struct persons *p = arg;

	if ((step->kind == JOURNAL_ACCEPTED || step->kind == JOURNAL_REFUSED) && strcmp(step->who, p->d->w->who) != 0 &&
	    step->time >= p->now - TOLD_AGE) {
		char *how = strdup(step->how);

		if (how == NULL)
			return false;
		p->item[p->count].seq = seq;
		p->item[p->count].request = step->request;
		p->item[p->count].kind = step->kind;
		p->item[p->count++].how = how;
	}
	p->seen = seq;
	return p->count < PERSONS_MAX;
}

/* Whether that notice is there already, the queue knows. */
static enum answer
tell_of_person(const struct matter *m, enum journal_kind kind, const char *how, struct error *err)
{
	const struct timespec deadline = deadline_in(WORK_WRITE_MS);
	char recipient[NOTICES_ADDRESS_MAX + 1];
	struct notices_item item;
	struct buf message;
	enum answer answer;

	answer = work_recipient(m->d->w, m->id, recipient, err);
	if (answer != ANSWER_YES || recipient[0] == '\0')
		return answer;
	buf_init(&message, TELL_MESSAGE_MAX);
	answer = write_notice(m, kind == JOURNAL_REFUSED ? NOTICE_REFUSED : NOTICE_RECEIVED, recipient, how, &message, &item, err);
	if (answer == ANSWER_YES)
		answer = notices_add(m->d->w->journal, &item, &deadline, err);
	buf_free(&message);
	return answer == ANSWER_NO ? ANSWER_YES : answer;
}

static enum answer
tell_decision(struct decide *d, int64_t id, enum journal_kind kind, const char *how, time_t now, struct error *err)
{
	struct matter m;
	enum answer answer = load(d, id, now, &m, err);

	if (answer != ANSWER_YES)
		return answer == ANSWER_NO ? ANSWER_YES : answer;
	m.authority = work_authority(d->w, m.record->authority);
	if (m.authority != NULL)
		answer = tell_of_person(&m, kind, how, err);
	free(m.record);
	return answer;
}

/* sealctl decides by itself, and cannot write notices; as it is done while worker is away, nothing but the journal tells of it. */
static enum answer
tell_of_persons(struct decide *d, time_t now, bool *more, struct error *err)
{
	struct persons p = {.d = d, .now = now, .seen = d->seen};
	enum answer answer = journal_steps(d->w->journal, d->seen, note_person, &p, err);

	for (size_t i = 0; i < p.count; i++) {
		if (answer == ANSWER_YES)
			answer = tell_decision(d, p.item[i].request, p.item[i].kind, p.item[i].how, now, err);
		if (answer == ANSWER_YES)
			d->seen = p.item[i].seq;
		free(p.item[i].how);
	}
	if (answer == ANSWER_YES)
		d->seen = p.seen;
	*more |= p.count == PERSONS_MAX;
	return answer;
}

enum answer
decide_all(struct decide *d, time_t now, bool *more, struct error *err)
{
	enum answer answer;

	*more = false;
	answer = take(d, now, more, err);
	if (answer == ANSWER_YES)
		answer = decide_received(d, now, more, err);
	if (answer == ANSWER_YES)
		answer = tell_of_persons(d, now, more, err);
	return answer;
}
