#include "worker/post.h"

#include "base/deadline.h"
#include "base/log.h"
#include "worker/smtp.h"
#include "worker/tell.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUND_MAX 64      /* notices that are taken up at a time */
#define PAUSE_MS 5000     /* between two looks, unless somebody wakes it */
#define PAUSE_AFTER_FAILURE_MS 30000 /* whoever wakes it */
#define GROWTH 8          /* by sealing, with room to spare */
#define EXTRA (256 * 1024)
#define TEXT_SIZE (ERROR_WORDS_MAX + RECORD_NAME_MAX + NOTICES_ADDRESS_MAX + 200)

/* One that is due; what it points to is its own. */
struct posting {
	int64_t id;
	unsigned attempts;
	struct notices_item item;
	char *authority, *kind, *recipient;
	struct buf message;
};

struct batch {
	struct posting item[ROUND_MAX];
	size_t count;
	bool failed; /* no memory */
};

/* ---- what is due -------------------------------------------------------------------- */

static void
posting_free(struct posting *l)
{
	free(l->authority);
	free(l->kind);
	free(l->recipient);
	buf_free(&l->message);
}

static bool
take(void *arg, int64_t id, const struct notices_item *notice, unsigned attempts)
{
	struct batch *b = arg;
	struct posting *l = &b->item[b->count++];

	*l = (struct posting){
		.id = id, .attempts = attempts, .item = *notice, .authority = strdup(notice->authority),
		.kind = strdup(notice->kind), .recipient = strdup(notice->recipient),
	};
	buf_init(&l->message, NOTICES_MESSAGE_MAX);
	buf_add_slice(&l->message, notice->message);
	b->failed = l->authority == NULL || l->kind == NULL || l->recipient == NULL || buf_failed(&l->message);
	l->item.authority = l->authority;
	l->item.kind = l->kind;
	l->item.recipient = l->recipient;
	l->item.message = buf_slice(&l->message);
	return !b->failed && b->count < ROUND_MAX;
}

static bool
is_alarm(const struct posting *l)
{
	return strncmp(l->kind, TELL_ALARM, strlen(TELL_ALARM)) == 0;
}

static void
log_posting(int priority, const char *event, const struct posting *l, const struct error *err)
{
	struct log_line line;

	log_begin(&line, priority, NULL, event);
	log_add(&line, "authority", "%s", l->authority);
	log_add(&line, "request", "%lld", (long long)l->item.request);
	log_add(&line, "kind", "%s", l->kind);
	log_add(&line, "to", "%s", l->recipient);
	if (err != NULL) {
		log_add(&line, "attempt", "%u", l->attempts + 1);
		log_add_error(&line, err);
	}
	log_end(&line);
}

/* ---- one ----------------------------------------------------------------------------- */

static enum answer
seal(const struct work *w, const struct posting *l, time_t now, struct buf *out, struct error *err)
{
	const struct authority *authority = work_authority(w, l->authority);

	if (authority == NULL)
		return error_cant_tell(err, "authority", "there is no revocation block %s any more, whose seal the notice needs",
			l->authority);
	return gateway_seal(w->gateway, authority->config->signer, l->item.message, now, out, err);
}

static enum answer
seal_or_not(const struct work *w, const struct posting *l, time_t now, struct buf *sealed, struct smtp_job *job,
	struct error *err)
{
	enum answer answer = seal(w, l, now, sealed, err);

	if (answer == ANSWER_YES) {
		job->message = buf_slice(sealed);
		return ANSWER_YES;
	}
	error_prefix(err, "it cannot be sealed");
	/* Something may be wrong with just that, which an operator has to hear. */
	if (is_alarm(l)) {
		log_posting(LOG_WARNING, "notice-unsealed", l, err);
		return ANSWER_YES;
	}
	/* Another configuration may do. */
	err->answer = ANSWER_CANT_TELL;
	return ANSWER_CANT_TELL;
}

static enum answer
hand_over(const struct work *w, const struct posting *l, time_t now, struct error *err)
{
	const struct config *c = work_config(w);
	struct smtp_job job = {c->notice_server, c->notice_timeout, l->recipient, l->item.message};
	struct buf sealed;
	enum answer answer;

	buf_init(&sealed, l->item.message.len * GROWTH + EXTRA);
	answer = seal_or_not(w, l, now, &sealed, &job, err);
	if (answer == ANSWER_YES)
		answer = smtp_send(&job, err);
	buf_free(&sealed);
	return answer;
}

static enum answer
tell_of_refusal(const struct work *w, const struct posting *l, time_t now, const struct error *why, struct error *err)
{
	char kind[32], text[TEXT_SIZE];

	snprintf(kind, sizeof kind, "notice-%lld", (long long)l->id);
	snprintf(text, sizeof text, "The mail server refuses a notice for good, so that who wrote the request was not told. "
		"Notice: %s. Recipient: %s. The server says: %s", l->kind, l->recipient, why->words);
	return tell_operator(w, work_authority(w, l->authority), l->item.request, kind, "a notice was refused", text, now,
		err);
}

/* Told first, so that a crash between cannot keep it from the operator. An alarm about an alarm would have the same fate. */
static enum answer
give_up(const struct work *w, const struct posting *l, time_t now, const struct error *why, struct error *err)
{
	struct timespec deadline;

	log_posting(LOG_ERR, "notice-refused", l, why);
	if (!is_alarm(l) && tell_of_refusal(w, l, now, why, err) == ANSWER_CANT_TELL)
		return ANSWER_CANT_TELL;
	deadline = deadline_in(WORK_WRITE_MS);
	return notices_refused(w->journal, l->id, why->words, now, &deadline, err);
}

static enum answer
deal_with(const struct work *w, const struct posting *l, time_t now, unsigned *sent, struct error *err)
{
	struct timespec deadline = deadline_in(WORK_WRITE_MS);
	struct error why = ERROR_NONE;
	enum answer answer = notices_try(w->journal, l->id, now, &deadline, err);

	if (answer != ANSWER_YES)
		return answer;
	switch (hand_over(w, l, now, &why)) {
	case ANSWER_YES:
		(*sent)++;
		log_posting(LOG_INFO, "notice-sent", l, NULL);
		deadline = deadline_in(WORK_WRITE_MS);
		return notices_done(w->journal, l->id, now, &deadline, err);
	case ANSWER_NO:
		return give_up(w, l, now, &why, err);
	case ANSWER_CANT_TELL:
		break;
	}
	log_posting(LOG_WARNING, "notice-waits", l, &why);
	if (strcmp(why.code, "network") != 0)
		return ANSWER_YES;
	*err = why;
	return ANSWER_CANT_TELL;
}

enum answer
post_round(const struct work *w, time_t now, unsigned *sent, struct error *err)
{
	struct batch *batch = calloc(1, sizeof *batch);
	enum answer answer;

	*sent = 0;
	if (batch == NULL)
		return error_cant_tell(err, "memory", "no memory for notices");
	answer = notices_due(w->journal, now, take, batch, err);
	if (answer == ANSWER_YES && batch->failed)
		answer = error_cant_tell(err, "memory", "no memory for notices");
	for (size_t i = 0; answer == ANSWER_YES && i < batch->count; i++)
		answer = deal_with(w, &batch->item[i], now, sent, err);
	for (size_t i = 0; i < batch->count; i++)
		posting_free(&batch->item[i]);
	free(batch);
	return answer;
}

/* ---- the thread ------------------------------------------------------------------------ */

struct post {
	struct work work;     /* gateway: under lock, with a reference */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t woken;
	bool wake, stop;
};

/* YES: there may be more to do at once. */
static enum answer
one_round(struct post *post)
{
	struct error err = ERROR_NONE;
	struct work work;
	unsigned sent = 0;
	enum answer answer;

	pthread_mutex_lock(&post->lock);
	work = post->work;
	gateway_ref(work.gateway);
	pthread_mutex_unlock(&post->lock);
	answer = post_round(&work, time(NULL), &sent, &err);
	gateway_unref(work.gateway);
	if (answer != ANSWER_YES)
		log_event(LOG_WARNING, "notices-wait", "%s", err.words);
	return answer == ANSWER_YES && sent < ROUND_MAX ? ANSWER_NO : answer;
}

static void *
run(void *arg)
{
	struct post *post = arg;
	enum answer again;

	pthread_mutex_lock(&post->lock);
	while (!post->stop) {
		post->wake = false;
		pthread_mutex_unlock(&post->lock);
		again = one_round(post);
		pthread_mutex_lock(&post->lock);
		if (again != ANSWER_YES) {
			const bool failed = again == ANSWER_CANT_TELL;
			const struct timespec until = deadline_in(failed ? PAUSE_AFTER_FAILURE_MS : PAUSE_MS);

			while (!post->stop && (!post->wake || failed) &&
				pthread_cond_timedwait(&post->woken, &post->lock, &until) == 0)
				;
		}
	}
	pthread_mutex_unlock(&post->lock);
	return NULL;
}

static void
post_free(struct post *post)
{
	gateway_unref(post->work.gateway);
	pthread_cond_destroy(&post->woken);
	pthread_mutex_destroy(&post->lock);
	free(post);
}

enum answer
post_start(const struct work *w, struct post **post, struct error *err)
{
	struct post *p = calloc(1, sizeof *p);

	*post = NULL;
	if (p == NULL)
		return error_cant_tell(err, "memory", "no memory for the thread of notices");
	p->work = *w;
	gateway_ref(p->work.gateway);
	pthread_mutex_init(&p->lock, NULL);
	deadline_cond_init(&p->woken);
	if (pthread_create(&p->thread, NULL, run, p) != 0) {
		post_free(p);
		return error_cant_tell(err, "thread", "no thread for notices");
	}
	*post = p;
	return ANSWER_YES;
}

void
post_wake(struct post *post)
{
	pthread_mutex_lock(&post->lock);
	post->wake = true;
	pthread_cond_signal(&post->woken);
	pthread_mutex_unlock(&post->lock);
}

void
post_use(struct post *post, struct gateway *gateway)
{
	struct gateway *before;

	pthread_mutex_lock(&post->lock);
	before = post->work.gateway;
	post->work.gateway = gateway_ref(gateway);
	pthread_mutex_unlock(&post->lock);
	gateway_unref(before);
}

void
post_stop(struct post *post)
{
	if (post == NULL)
		return;
	pthread_mutex_lock(&post->lock);
	post->stop = true;
	pthread_cond_signal(&post->woken);
	pthread_mutex_unlock(&post->lock);
	pthread_join(post->thread, NULL);
	post_free(post);
}
