#include "ctl/requests.h"

#include "base/file.h"
#include "gateway/intake.h"
#include "revocation/proof.h"
#include "store/notices.h"
#include "worker/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- a request in words ---------------------------------------------------------- */

static void
put_left(json_t *o, int64_t left)
{
	char text[64];
	int64_t minutes = (left < 0 ? -left : left) / 60;

	snprintf(text, sizeof text, "%s%lld h %lld min", left < 0 ? "overdue by " : "", (long long)(minutes / 60),
		(long long)(minutes % 60));
	tree_put(o, "left", text);
	tree_put_count(o, "left-seconds", left);
}

/* What journal and inbox both know of it. open: what is left until its deadline counts. */
static void
put_record(json_t *o, const struct record *r, bool open, time_t now)
{
	int64_t deadline = r->received + JOURNAL_DEADLINE;

	tree_put(o, "authority", r->authority);
	requests_put_serial(o, r->serial);
	requests_put_name(o, "issuer", r->issuer);
	tree_put(o, "form", r->form);
	requests_put_signer(o, "signer", r->signer);
	tree_put_time(o, "received", (time_t)r->received);
	tree_put_time(o, "deadline", (time_t)deadline);
	if (open) {
		put_left(o, deadline - now);
		tree_put_flag(o, "overdue", now > deadline);
	}
}

static json_t *
item_object(const struct journal_item *item, time_t now)
{
	json_t *o = json_object();

	tree_put_count(o, "number", item->id);
	tree_put(o, "state", journal_kind_text(item->state));
	tree_put_time(o, "since", (time_t)item->since);
	put_record(o, item->request, journal_is_open(item->state), now);
	return o;
}

/* ---- what lies in the inbox -------------------------------------------------------- */

struct waiting {
	struct record **item;
	size_t count;
	unsigned strange; /* that are no requests, which worker leaves there too */
};

/* Takes what the batch holds. */
static enum answer
keep_batch(struct waiting *w, struct inbox_batch *batch, struct error *err)
{
	struct record **more = reallocarray(w->item, w->count + batch->count + 1, sizeof *more);

	if (more == NULL)
		return error_cant_tell(err, "memory", "out of memory");
	w->item = more;
	memcpy(w->item + w->count, batch->requests, batch->count * sizeof *more);
	w->count += batch->count;
	batch->count = 0;
	return ANSWER_YES;
}

static enum answer
read_batches(struct reader *reader, struct waiting *w, struct error *err)
{
	struct inbox_batch batch = {.more = true};
	enum answer answer = ANSWER_YES;

	while (answer == ANSWER_YES && batch.more) {
		answer = reader_batch(reader, batch.last, &batch, err);
		if (answer == ANSWER_YES)
			answer = keep_batch(w, &batch, err);
		w->strange += batch.refused;
		inbox_batch_free(&batch);
	}
	return answer;
}

/* As worker reads it. One that is not there holds nothing. */
static enum answer
read_inbox(const struct requests *r, struct waiting *w, struct error *err)
{
	enum answer answer = ctl_stay_as(r->config, CTL_AS_WORKER, err);
	struct reader *reader = NULL;
	char *path;

	if (answer != ANSWER_YES)
		return answer;
	if (asprintf(&path, "%s/%s", r->config->inbox_directory, INTAKE_INBOX) == -1)
		return error_cant_tell(err, "memory", "out of memory");
	if (access(path, F_OK) == 0 || errno != ENOENT) {
		answer = reader_start(path, path, &reader, err);
		if (answer == ANSWER_YES)
			answer = read_batches(reader, w, err);
		if (answer != ANSWER_YES && strstr(err->words, path) == NULL)
			error_prefix(err, "%s", path);
		reader_stop(reader);
	}
	free(path);
	return answer;
}

static void
forget_waiting(struct waiting *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->item[i]);
	free(w->item);
}

/* ---- list -------------------------------------------------------------------------- */

struct listing {
	const struct ctl_options *o;
	json_t *array;
	size_t overdue;
};

static bool
list_item(void *arg, const struct journal_item *item)
{
	struct listing *l = arg;

	l->overdue += journal_is_open(item->state) && l->o->now > item->deadline;
	json_array_append_new(l->array, item_object(item, l->o->now));
	return true;
}

/* Those that worker has not taken yet: what is in the journal too is listed as that. journal NULL: nothing is there. */
static enum answer
list_waiting(struct listing *l, const struct waiting *w, struct journal *journal, struct error *err)
{
	for (size_t i = 0; i < w->count; i++) {
		bool overdue = l->o->now > w->item[i]->received + JOURNAL_DEADLINE;
		struct journal_receipt receipt;
		enum answer answer = journal == NULL ? ANSWER_NO : journal_find(journal, w->item[i], &receipt, err);
		json_t *o;

		if (answer == ANSWER_CANT_TELL)
			return answer;
		if (answer == ANSWER_YES || (l->o->overdue && !overdue))
			continue;
		o = json_object();
		tree_put(o, "state", "in the inbox");
		put_record(o, w->item[i], true, l->o->now);
		json_array_append_new(l->array, o);
		l->overdue += overdue;
	}
	return ANSWER_YES;
}

/* Each part that can be had is listed, and what cannot is said. */
static enum ctl_status
list_all(struct requests *r, struct listing *l)
{
	const enum journal_filter filter = l->o->overdue ? JOURNAL_PAST_DEADLINE : l->o->open ? JOURNAL_OPEN : JOURNAL_ALL;
	struct error inbox_err = ERROR_NONE, err = ERROR_NONE;
	enum ctl_status status = CTL_DONE;
	struct waiting w = {0};
	enum answer answer;

	if (read_inbox(r, &w, &inbox_err) != ANSWER_YES)
		status = ctl_fail(&inbox_err);
	if (w.strange > 0)
		fprintf(stderr, "sealctl: the inbox holds %u rows that are no requests\n", w.strange);
	answer = requests_open_journal(r, REQUESTS_TO_READ, &err);
	if (answer == ANSWER_YES)
		answer = journal_list(r->journal, filter, l->o->now, list_item, l, &err);
	if (answer != ANSWER_YES)
		status = ctl_fail(&err);
	if (list_waiting(l, &w, r->journal, &err) != ANSWER_YES)
		status = ctl_fail(&err);
	forget_waiting(&w);
	return status;
}

static enum ctl_status
list(const struct ctl_options *o, char **arguments)
{
	struct listing l = {.o = o, .array = json_array()};
	struct error err = ERROR_NONE;
	struct requests r = {0};
	enum ctl_status status;

	(void)arguments;
	status = requests_configure(&r, o, &err) == ANSWER_YES ? list_all(&r, &l) : ctl_fail(&err);
	requests_close(&r);
	if (status == CTL_DONE && json_array_size(l.array) == 0 && !o->json)
		printf("there are no requests%s\n", o->overdue ? " past their deadline" : o->open ? " that are open" : "");
	if (status != CTL_DONE && json_array_size(l.array) == 0)
		json_decref(l.array);
	else if (!report_print(l.array, o->json))
		status = CTL_CANT_TELL;
	return status == CTL_DONE && o->overdue && l.overdue > 0 ? CTL_NO : status;
}

/* ---- show --------------------------------------------------------------------------- */

struct showing {
	const struct ctl_options *o;
	json_t *object, *steps;
	struct buf evidence;
};

static bool
show_item(void *arg, const struct journal_item *item)
{
	struct showing *s = arg;
	const struct record *r = item->request;

	s->object = item_object(item, s->o->now);
	tree_put(s->object, "reason", r->reason[0] == '\0' ? NULL : r->reason);
	tree_put(s->object, "language", r->language[0] == '\0' ? NULL : r->language);
	tree_put(s->object, "message-id", r->message_id[0] == '\0' ? NULL : r->message_id);
	tree_put(s->object, "queue-id", r->queue_id[0] == '\0' ? NULL : r->queue_id);
	tree_put(s->object, "client", r->client[0] == '\0' ? NULL : r->client);
	tree_put_flag(s->object, "quiet", r->quiet);
	requests_put_hex(s->object, "mail-sha256", r->mail_digest);
	requests_put_hex(s->object, "digest", r->digest);
	tree_put_count(s->object, "evidence-octets", (long long)r->evidence.len);
	tree_put_flag(s->object, "evidence-sealed", proof_is_sealed(r->evidence));
	if (s->o->evidence != NULL)
		buf_add_slice(&s->evidence, r->evidence);
	s->steps = json_array();
	json_object_set_new(s->object, "steps", s->steps);
	return true;
}

static bool
show_step(void *arg, int64_t seq, const struct journal_step *step)
{
	const struct showing *s = arg;
	json_t *o = json_object();

	tree_put_count(o, "entry", seq);
	tree_put_time(o, "time", (time_t)step->time);
	tree_put(o, "step", journal_kind_text(step->kind));
	tree_put(o, "who", step->who);
	tree_put(o, "how", step->how);
	json_array_append_new(s->steps, o);
	return true;
}

static bool
show_notice(void *arg, const struct notices_item *notice, const struct notices_fate *fate)
{
	json_t *o = json_object();

	tree_put(o, "kind", notice->kind);
	tree_put(o, "to", notice->recipient);
	tree_put(o, "state", fate->done == 0 ? "queued" : fate->refused[0] == '\0' ? "sent" : "given-up");
	tree_put_time(o, "since", (time_t)(fate->done == 0 ? notice->created : fate->done));
	tree_put_count(o, "attempts", fate->attempts);
	tree_put(o, "refused", fate->refused[0] == '\0' ? NULL : fate->refused);
	json_array_append_new(arg, o);
	return true;
}

/* For whoever called, as whom the file is made, and for nobody else: it may hold a person's words. */
static enum answer
write_evidence(const struct requests *r, const char *path, const struct buf *evidence, struct error *err)
{
	enum answer answer = ctl_read_as(r->config, CTL_AS_STARTED, err);
	int fd;

	if (answer != ANSWER_YES)
		return answer;
	if (buf_failed(evidence))
		return error_cant_tell(err, "memory", "out of memory");
	if (evidence->len == 0)
		return error_no(err, "journal-evidence", "the request has no evidence: %s was not written", path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return error_no(err, "file", "cannot make %s: %s", path, strerror(errno));
	if (!file_write(fd, buf_slice(evidence))) {
		answer = error_cant_tell(err, "file", "cannot write %s: %s", path, strerror(errno));
		unlink(path);
	}
	close(fd);
	return answer;
}

static enum answer
look_up(struct requests *r, const char *number, struct showing *s, struct error *err)
{
	enum answer answer;
	int64_t id;

	answer = requests_number(number, &id, err);
	if (answer == ANSWER_YES)
		answer = requests_configure(r, s->o, err);
	if (answer == ANSWER_YES)
		answer = requests_open_journal(r, REQUESTS_TO_READ, err);
	if (answer == ANSWER_YES)
		answer = journal_show(r->journal, id, show_item, show_step, s, err);
	if (answer == ANSWER_YES) {
		json_t *notices = json_array();

		json_object_set_new(s->object, "notices", notices);
		answer = notices_list(r->journal, id, show_notice, notices, err);
	}
	if (answer == ANSWER_YES && s->o->evidence != NULL)
		answer = write_evidence(r, s->o->evidence, &s->evidence, err);
	return answer;
}

static enum ctl_status
show(const struct ctl_options *o, char **arguments)
{
	struct showing s = {.o = o};
	struct error err = ERROR_NONE;
	struct requests r = {.returns = o->evidence != NULL};
	enum ctl_status status;
	enum answer answer;

	buf_init(&s.evidence, RECORD_EVIDENCE_MAX + 1);
	answer = look_up(&r, arguments[0], &s, &err);
	if (answer == ANSWER_YES) {
		status = report_print(s.object, o->json) ? CTL_DONE : CTL_CANT_TELL;
	} else {
		json_decref(s.object);
		status = requests_fail(answer, &err);
	}
	buf_free(&s.evidence);
	requests_close(&r);
	return status;
}

const struct ctl_command ctl_revocation_list = {"revocation list", "[--open | --overdue]", 0, 0, list};
const struct ctl_command ctl_revocation_show = {"revocation show", "NUMBER", 1, 1, show};
