#include "ctl/requests.h"

#include "base/timestamp.h"
#include "base/utf8.h"
#include "revocation/notice.h"

#include <stdio.h>
#include <string.h>

/* What a person may do in which state. The journal would let more follow, for worker. */
struct deed {
	enum journal_kind kind;
	unsigned states;  /* 1 << state */
	const char *name; /* for people: "approved" */
};

#define IN(state) (1U << (state))
#define STUCK (IN(JOURNAL_ACCEPTED) | IN(JOURNAL_FAILED) | IN(JOURNAL_INTERRUPTED))

static const struct deed approving = {JOURNAL_ACCEPTED, IN(JOURNAL_WAITING), "approved"};
static const struct deed refusing = {JOURNAL_REFUSED, IN(JOURNAL_RECEIVED) | IN(JOURNAL_WAITING) | STUCK, "refused"};
static const struct deed retrying = {JOURNAL_RETRY, STUCK, "tried again"};
static const struct deed doing = {JOURNAL_DONE, STUCK, "said to be done"};

static bool
see_state(void *arg, const struct journal_item *item)
{
	*(enum journal_kind *)arg = item->state;
	return true;
}

static const char *
advice(enum journal_kind state)
{
	switch (state) {
	case JOURNAL_RECEIVED: return "worker has not judged it yet";
	case JOURNAL_WAITING: return "it is to be approved or refused first";
	case JOURNAL_BEGUN: return "its command runs, or worker was stopped meanwhile and will say so when it is started";
	case JOURNAL_ACCEPTED: return "worker will carry it out";
	default: return journal_is_open(state) ? "it was approved before" : "it has come to an end";
	}
}

static enum answer
add_step(struct requests *r, int64_t number, const struct deed *deed, const char *how, struct error *err)
{
	struct timespec deadline = requests_deadline();
	struct journal_step step = {.request = number, .kind = deed->kind, .time = time(NULL), .who = r->who, .how = how};
	enum journal_kind state;
	enum answer answer;

	answer = journal_show(r->journal, number, see_state, NULL, &state, err);
	if (answer != ANSWER_YES)
		return answer;
	if ((deed->states & IN(state)) == 0)
		return error_no(err, "journal-state", "request %lld is %s and cannot be %s: %s", (long long)number,
			journal_kind_text(state), deed->name, advice(state));
	return journal_add(r->journal, &step, NULL, &deadline, err);
}

static enum ctl_status
run(const struct ctl_options *o, const char *number, const struct deed *deed, const char *how)
{
	struct error err = ERROR_NONE;
	struct requests r = {0};
	enum answer answer;
	int64_t id;

	answer = requests_number(number, &id, &err);
	if (answer == ANSWER_YES)
		answer = requests_configure(&r, o, &err);
	if (answer == ANSWER_YES)
		answer = requests_open_journal(&r, REQUESTS_TO_WRITE, &err);
	if (answer == ANSWER_YES)
		answer = add_step(&r, id, deed, how, &err);
	requests_close(&r);
	if (answer != ANSWER_YES)
		return requests_fail(answer, &err);
	printf("request %lld: %s\n", (long long)id, journal_kind_text(deed->kind));
	return CTL_DONE;
}

static enum ctl_status
approve(const struct ctl_options *o, char **arguments)
{
	return run(o, arguments[0], &approving, "approved by hand");
}

/* It goes into a notice, so it is what a notice takes. */
static bool
is_line(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > NOTICE_WORDS_MAX || !utf8_is_valid(slice_str(text)))
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return true;
}

static enum ctl_status
refuse(const struct ctl_options *o, char **arguments)
{
	if (o->reason != NULL && is_line(o->reason))
		return run(o, arguments[0], &refusing, o->reason);
	fprintf(stderr, "sealctl: revocation refuse wants --reason with one line of text, at most %d octets, which the writer "
		"of the request is told\n", NOTICE_WORDS_MAX);
	return CTL_USAGE;
}

static enum ctl_status
retry(const struct ctl_options *o, char **arguments)
{
	return run(o, arguments[0], &retrying, "to be tried now");
}

static enum ctl_status
done(const struct ctl_options *o, char **arguments)
{
	char how[128], when[TIMESTAMP_LEN + 1];

	if (!o->at_given)
		return run(o, arguments[0], &doing, "done by hand");
	if (o->now > time(NULL)) {
		fprintf(stderr, "sealctl: --at is in the future: it says when the authority revoked the certificate\n");
		return CTL_USAGE;
	}
	timestamp_write(o->now, when);
	snprintf(how, sizeof how, "done by hand; " JOURNAL_REVOKED_AT "%s", when);
	return run(o, arguments[0], &doing, how);
}

const struct ctl_command ctl_revocation_approve = {"revocation approve", "NUMBER", 1, 1, approve};
const struct ctl_command ctl_revocation_refuse = {"revocation refuse", "NUMBER --reason TEXT", 1, 1, refuse};
const struct ctl_command ctl_revocation_retry = {"revocation retry", "NUMBER", 1, 1, retry};
const struct ctl_command ctl_revocation_done = {"revocation done", "NUMBER [--at TIME]", 1, 1, done};
