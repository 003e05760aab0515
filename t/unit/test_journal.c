/* A request that was received is never lost, never done twice, and what was written about it cannot be changed unseen. */
#include "unit.h"

#include "store_fixture.h"

#include "store/inbox.h"
#include "store/journal.h"
#include "store/notices.h"
#include "store/query.h"

#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW 1800000000
#define DAY (24 * 60 * 60)
#define GATE 65534 /* users and groups */
#define WORKER 65533

static struct journal *journal;
static struct inbox *inbox;

static void
open_journal(void)
{
	journal_close(journal);
	ck_assert_int_eq(journal_open(store_fixture_path("journal"), &journal, NULL), ANSWER_YES);
}

static void
open_inbox(void)
{
	inbox_close(inbox);
	ck_assert_int_eq(inbox_open(store_fixture_path("inbox"), store_fixture_path("journal"), &inbox, NULL), ANSWER_YES);
}

static void
close_all(void)
{
	inbox_close(inbox);
	journal_close(journal);
	inbox = NULL;
	journal = NULL;
}

static void
set_up(void)
{
	store_fixture_set_up();
	open_journal();
}

static void
tear_down(void)
{
	close_all();
	store_fixture_tear_down();
}

/* ---- requests --------------------------------------------------------------------- */

/* Number n, of a table that holds so many at a time. */
static const struct request *
request(unsigned n)
{
	static struct {
		unsigned char serial[4], digest[32];
		struct request r;
	} table[16];
	unsigned at = n % 16;

	memset(table[at].digest, (int)n, sizeof table[at].digest);
	memcpy(table[at].serial, (unsigned char[]){1, 2, (unsigned char)(n >> 8), (unsigned char)n}, 4);
	table[at].r = (struct request){.authority = "ica", .serial = slice_of(table[at].serial, 4),
		.digest = slice_of(table[at].digest, 32), .issuer = slice_str("0CN=Issuer"), .form = "signed",
		.message_id = "<1@example.cz>", .mail_digest = slice_of(table[at].digest, 32), .queue_id = "4XyZ",
		.client = "192.0.2.1", .language = "cs", .reason = "keyCompromise", .signer = slice_str("certificate"),
		.evidence = slice_str("signed data"), .received = NOW};
	return &table[at].r;
}

static int64_t
receive(unsigned n)
{
	struct timespec deadline = far_deadline();
	struct journal_receipt receipt;
	struct error err = ERROR_NONE;

	ck_assert_msg(journal_receive(journal, request(n), NOW, "in a test", &deadline, &receipt, &err) == ANSWER_YES, "%s",
		err.words);
	return receipt.id;
}

static enum answer
add_with(int64_t id, enum journal_kind kind, int64_t time, const struct notice *notice, struct error *err)
{
	struct journal_step step = {.request = id, .kind = kind, .time = time, .who = "worker", .how = "as it should be"};
	struct timespec deadline = far_deadline();

	return journal_add(journal, &step, notice, &deadline, err);
}

static enum answer
add(int64_t id, enum journal_kind kind)
{
	return add_with(id, kind, NOW, NULL, NULL);
}

/* The steps of one request, or the requests of a list, in a line. */
struct told {
	char line[4000];
	struct journal_item item;
};

static bool
tell_item(void *arg, const struct journal_item *item)
{
	struct told *t = arg;
	size_t used = strlen(t->line);

	t->item = *item;
	snprintf(t->line + used, sizeof t->line - used, "%lld:%s ", (long long)item->id, journal_kind_text(item->state));
	return true;
}

static bool
tell_step(void *arg, int64_t seq, const struct journal_step *step)
{
	struct told *t = arg;
	size_t used = strlen(t->line);

	(void)seq;
	snprintf(t->line + used, sizeof t->line - used, "%s ", journal_kind_text(step->kind));
	return true;
}

static struct told told;

static const char *
shown(int64_t id)
{
	memset(&told, 0, sizeof told);
	ck_assert_int_eq(journal_show(journal, id, tell_item, tell_step, &told, NULL), ANSWER_YES);
	return told.line;
}

static const char *
listed(enum journal_filter filter, int64_t now)
{
	memset(&told, 0, sizeof told);
	ck_assert_int_eq(journal_list(journal, filter, now, tell_item, &told, NULL), ANSWER_YES);
	return told.line;
}

static enum answer
verify(const struct journal_head *known, int64_t *bad, struct error *err)
{
	struct journal_head head;

	return journal_verify(journal, known, &head, bad, err);
}

static struct journal_head
good_head(void)
{
	struct error err = ERROR_NONE;
	struct journal_head head;
	int64_t bad;

	ck_assert_msg(journal_verify(journal, NULL, &head, &bad, &err) == ANSWER_YES, "%s", err.words);
	return head;
}

/* ---- what becomes of a request ----------------------------------------------------------- */

START_TEST(writes_down_what_becomes_of_it)
{
	int64_t first = receive(1), second = receive(2);

	ck_assert_int_eq(add(first, JOURNAL_ACCEPTED), ANSWER_YES);
	ck_assert_int_eq(add(second, JOURNAL_REFUSED), ANSWER_YES);
	ck_assert_int_eq(add(first, JOURNAL_BEGUN), ANSWER_YES);
	ck_assert_int_eq(add(first, JOURNAL_FAILED), ANSWER_YES);
	open_journal();
	ck_assert_str_eq(listed(JOURNAL_OPEN, NOW), "1:failed ");
	ck_assert_int_eq(add(first, JOURNAL_BEGUN), ANSWER_YES);
	ck_assert_int_eq(add(first, JOURNAL_EXECUTED), ANSWER_YES);
	ck_assert_str_eq(shown(first), "1:executed received accepted begun failed begun executed ");
	ck_assert_str_eq(shown(second), "2:refused received refused ");
	ck_assert_str_eq(listed(JOURNAL_ALL, NOW), "1:executed 2:refused ");
	ck_assert_str_eq(listed(JOURNAL_OPEN, NOW), "");
	ck_assert_int_eq(good_head().seq, 8);
}
END_TEST

static bool
compare_request(void *arg, const struct journal_item *item)
{
	const struct request *got = item->request, *want = arg;

	ck_assert_str_eq(got->authority, want->authority);
	ck_assert_str_eq(got->form, want->form);
	ck_assert_str_eq(got->message_id, want->message_id);
	ck_assert_str_eq(got->queue_id, want->queue_id);
	ck_assert_str_eq(got->client, want->client);
	ck_assert_str_eq(got->language, want->language);
	ck_assert_str_eq(got->reason, want->reason);
	unit_assert_slice_eq(got->serial, want->serial);
	unit_assert_slice_eq(got->digest, want->digest);
	unit_assert_slice_eq(got->issuer, want->issuer);
	unit_assert_slice_eq(got->mail_digest, want->mail_digest);
	unit_assert_slice_eq(got->signer, want->signer);
	unit_assert_slice_eq(got->evidence, want->evidence);
	ck_assert_int_eq(got->received, NOW);
	ck_assert_int_eq(item->deadline, NOW + DAY);
	return true;
}

START_TEST(keeps_all_of_it)
{
	int64_t id = receive(7);

	ck_assert_int_eq(journal_show(journal, id, compare_request, NULL, (void *)request(7), NULL), ANSWER_YES);
	ck_assert_int_eq(journal_show(journal, id + 1, compare_request, NULL, (void *)request(7), NULL), ANSWER_NO);
}
END_TEST

START_TEST(answers_a_repeat)
{
	struct timespec deadline = far_deadline();
	struct journal_receipt receipt;
	struct request again = *request(1);
	int64_t id = receive(1), seq;

	ck_assert_int_eq(add(id, JOURNAL_ACCEPTED), ANSWER_YES);
	seq = good_head().seq;
	again.queue_id = "another";
	again.received = NOW + 1000;
	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(journal_receive(journal, &again, NOW + 1000, "", &deadline, &receipt, NULL), ANSWER_YES);
		ck_assert(receipt.repeat && receipt.id == id && receipt.state == JOURNAL_ACCEPTED && receipt.received == NOW);
	}
	ck_assert_int_eq(good_head().seq, seq);
	again.authority = "cesnet";
	ck_assert_int_eq(journal_find(journal, &again, &receipt, NULL), ANSWER_NO);
	again.authority = "ica";
	again.digest = request(2)->digest;
	ck_assert_int_eq(journal_find(journal, &again, &receipt, NULL), ANSWER_NO);
	again.digest = request(1)->digest;
	again.serial = request(2)->serial;
	ck_assert_int_eq(journal_find(journal, &again, &receipt, NULL), ANSWER_NO);
	again.serial = request(1)->serial;
	ck_assert_int_eq(journal_find(journal, &again, &receipt, NULL), ANSWER_YES);
}
END_TEST

/* The way into each state, and those that may follow. */
static const struct {
	enum journal_kind way[4];
	const char *follow;
} states[] = {
	{{0}, "waiting accepted refused half late overdue retry "},
	{{JOURNAL_WAITING}, "accepted refused half late overdue retry "},
	{{JOURNAL_ACCEPTED}, "refused begun executed half late overdue retry "},
	{{JOURNAL_REFUSED}, ""},
	{{JOURNAL_ACCEPTED, JOURNAL_BEGUN}, "failed interrupted executed half late overdue retry "},
	{{JOURNAL_ACCEPTED, JOURNAL_BEGUN, JOURNAL_FAILED}, "refused begun executed half late overdue retry "},
	{{JOURNAL_ACCEPTED, JOURNAL_BEGUN, JOURNAL_INTERRUPTED}, "refused begun executed half late overdue retry "},
	{{JOURNAL_ACCEPTED, JOURNAL_EXECUTED}, ""},
};

START_TEST(takes_no_step_out_of_order)
{
	struct error err = ERROR_NONE;
	char follow[200] = "";

	for (int kind = 0; kind < 40; kind++) {
		int64_t id = receive((unsigned)kind);

		for (size_t i = 0; i < 4 && states[_i].way[i] != 0; i++)
			ck_assert_int_eq(add(id, states[_i].way[i]), ANSWER_YES);
		if (add_with(id, (enum journal_kind)kind, NOW, NULL, &err) == ANSWER_YES)
			strcat(strcat(follow, journal_kind_text((enum journal_kind)kind)), " ");
		else
			ck_assert_str_eq(err.code, "journal-state");
	}
	ck_assert_str_eq(follow, states[_i].follow);
	ck_assert_int_eq(add_with(1000, JOURNAL_ACCEPTED, NOW, NULL, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "journal-request");
	good_head();
}
END_TEST

/* ---- deadlines ---------------------------------------------------------------------------- */

START_TEST(warns_before_the_deadline)
{
	static const struct {
		int64_t after;
		enum journal_kind kind;
	} moments[] = {{0, 0}, {DAY / 2 - 1, 0}, {DAY / 2, JOURNAL_HALF}, {DAY / 2 + 1, 0}, {DAY / 10 * 9 - 1, 0},
		{DAY / 10 * 9, JOURNAL_LATE}, {DAY, 0}, {DAY + 1, JOURNAL_OVERDUE}, {100 * DAY, 0}};
	int64_t id = receive(1);

	for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
		int64_t now = NOW + moments[i].after;
		enum journal_kind kind;

		shown(id);
		kind = journal_alarm(&told.item, now);
		ck_assert_msg(kind == moments[i].kind, "after %lld s: %d", (long long)moments[i].after, (int)kind);
		if (kind != 0) {
			ck_assert_int_eq(add_with(id, kind, now, NULL, NULL), ANSWER_YES);
			ck_assert_int_eq(add_with(id, kind, now, NULL, NULL), ANSWER_NO);
		}
		ck_assert_str_eq(listed(JOURNAL_PAST_DEADLINE, now), moments[i].after > DAY ? "1:received " : "");
	}
	ck_assert_int_eq(add(id, JOURNAL_REFUSED), ANSWER_YES);
	ck_assert_str_eq(listed(JOURNAL_PAST_DEADLINE, NOW + 100 * DAY), "");
	good_head();
}
END_TEST

/* Who was away past the deadline gets the alarm, not all warnings in a row. */
START_TEST(alarms_at_once_when_late)
{
	int64_t id = receive(1);

	shown(id);
	ck_assert_int_eq(journal_alarm(&told.item, NOW + 2 * DAY), JOURNAL_OVERDUE);
	ck_assert_int_eq(add(id, JOURNAL_OVERDUE), ANSWER_YES);
	shown(id);
	ck_assert_int_eq(journal_alarm(&told.item, NOW + 2 * DAY), 0);
}
END_TEST

/* ---- limits ------------------------------------------------------------------------------- */

static unsigned char large[REQUEST_EVIDENCE_MAX + 1];
static char long_text[REQUEST_TEXT_MAX + 2];

START_TEST(refuses_what_is_no_request)
{
	struct slice none = SLICE_NONE, much = slice_of(large, sizeof large), zero = slice_of("\0\1", 2);
	struct timespec deadline = far_deadline();
	struct request wrong[20];
	struct journal_receipt receipt;
	struct error err = ERROR_NONE;
	size_t n = 0;

	memset(long_text, 'x', sizeof long_text - 1);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		wrong[i] = *request(1);
	wrong[n++].authority = "";
	wrong[n++].authority = long_text;
	wrong[n++].serial = none;
	wrong[n++].serial = slice_of(long_text, REQUEST_SERIAL_MAX + 1);
	wrong[n++].serial = zero;
	wrong[n++].digest = slice_of(large, 31);
	wrong[n++].digest = slice_of(large, 33);
	wrong[n++].issuer = none;
	wrong[n++].issuer = much;
	wrong[n++].form = NULL;
	wrong[n++].message_id = long_text;
	wrong[n++].mail_digest = none;
	wrong[n++].queue_id = long_text;
	wrong[n++].client = long_text;
	wrong[n++].language = long_text;
	wrong[n++].reason = long_text;
	wrong[n++].signer = much;
	wrong[n++].evidence = much;
	wrong[n++].received = 0;
	for (size_t i = 0; i < n; i++) {
		ck_assert_msg(journal_receive(journal, &wrong[i], NOW, "", &deadline, &receipt, &err) == ANSWER_NO, "number %zu", i);
		ck_assert_str_eq(err.code, "request");
	}
	ck_assert_str_eq(listed(JOURNAL_ALL, NOW), "");
	wrong[n].evidence = slice_of(large, REQUEST_EVIDENCE_MAX);
	wrong[n].message_id = long_text + 1;
	ck_assert_int_eq(journal_receive(journal, &wrong[n], NOW, "", &deadline, &receipt, &err), ANSWER_YES);
	good_head();
}
END_TEST

/* ---- notices ------------------------------------------------------------------------------- */

struct due {
	unsigned count;
	int64_t id;
	unsigned attempts;
	char message[64];
};

static bool
tell_due(void *arg, int64_t id, const struct notice *notice, unsigned attempts)
{
	struct due *due = arg;

	due->count++;
	due->id = id;
	due->attempts = attempts;
	snprintf(due->message, sizeof due->message, "%.*s", SLICE_FMT(notice->message));
	return true;
}

static struct due
notices_at(int64_t now)
{
	struct due due = {.count = 0};

	ck_assert_int_eq(notices_due(journal, now, tell_due, &due, NULL), ANSWER_YES);
	return due;
}

START_TEST(hands_a_notice_over_once)
{
	struct timespec deadline = far_deadline();
	int64_t id = receive(1), wait = NOTICE_DELAY_MIN, now = NOW;
	struct notice notice = {id, "accepted", "holder@example.cz", slice_str("it was accepted"), NOW};
	struct due due;

	ck_assert_int_eq(add_with(id, JOURNAL_ACCEPTED, NOW, &notice, NULL), ANSWER_YES);
	ck_assert_int_eq(add_with(id, JOURNAL_WAITING, NOW, &notice, NULL), ANSWER_NO);
	ck_assert_int_eq(notices_add(journal, &notice, &deadline, NULL), ANSWER_YES);
	ck_assert_uint_eq(notices_at(NOW - 1).count, 0);
	for (unsigned i = 0; i < 10; i++) {
		open_journal();
		due = notices_at(now);
		ck_assert(due.count == 1 && due.attempts == i);
		ck_assert_str_eq(due.message, "it was accepted");
		ck_assert_int_eq(notices_failed(journal, due.id, now, &deadline, NULL), ANSWER_YES);
		ck_assert_uint_eq(notices_at(now + wait - 1).count, 0);
		now += wait;
		wait = wait * 2 > NOTICE_DELAY_MAX ? NOTICE_DELAY_MAX : wait * 2;
	}
	ck_assert_int_eq(notices_done(journal, due.id, now, &deadline, NULL), ANSWER_YES);
	ck_assert_uint_eq(notices_at(now + 100 * DAY).count, 0);
	ck_assert_int_eq(notices_done(journal, due.id, now, &deadline, NULL), ANSWER_NO);
	ck_assert_int_eq(notices_failed(journal, due.id, now, &deadline, NULL), ANSWER_NO);
	ck_assert_int_eq(notices_add(journal, &notice, &deadline, NULL), ANSWER_YES);
	ck_assert_uint_eq(notices_at(now + 100 * DAY).count, 0);
	notice.kind = "executed";
	ck_assert_int_eq(notices_add(journal, &notice, &deadline, NULL), ANSWER_YES);
	ck_assert_uint_eq(notices_at(now).count, 1);
}
END_TEST

/* A notice that cannot be queued takes its step with it. */
START_TEST(keeps_step_and_notice_together)
{
	int64_t id = receive(1);
	struct notice empty = {id, "accepted", "holder@example.cz", SLICE_NONE, NOW};

	ck_assert_int_eq(add_with(id, JOURNAL_ACCEPTED, NOW, &empty, NULL), ANSWER_NO);
	ck_assert_str_eq(shown(id), "1:received received ");
}
END_TEST

/* ---- the chain ------------------------------------------------------------------------------ */

/* As somebody who may write the file, and takes what is in the way. */
static void
tamper_with(const char *file, const char *sql)
{
	char *why = NULL;
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(store_fixture_path(file), &db), SQLITE_OK);
	sqlite3_exec(db, "DROP TRIGGER IF EXISTS requests_stay; DROP TRIGGER IF EXISTS entries_stay; "
		"DROP TRIGGER IF EXISTS entries_kept; DROP TRIGGER IF EXISTS requests_kept", NULL, NULL, NULL);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &why) == SQLITE_OK, "%s", why);
	sqlite3_close(db);
}

/* Three requests: entries 1 to 3, 4 and 5 accept and refuse, 6 and 7 carry out. */
static void
make_history(void)
{
	int64_t a = receive(1), b = receive(2), c = receive(3);

	ck_assert_int_eq(add(a, JOURNAL_ACCEPTED), ANSWER_YES);
	ck_assert_int_eq(add(b, JOURNAL_REFUSED), ANSWER_YES);
	ck_assert_int_eq(add(a, JOURNAL_BEGUN), ANSWER_YES);
	ck_assert_int_eq(add(a, JOURNAL_EXECUTED), ANSWER_YES);
	ck_assert_int_eq(add(c, JOURNAL_HALF), ANSWER_YES);
}

static const struct {
	const char *sql;
	int64_t bad;
} tamperings[] = {
	{"UPDATE entries SET who = 'somebody else' WHERE seq = 5", 5},
	{"UPDATE entries SET how = '' WHERE seq = 4", 4},
	{"UPDATE entries SET time = time + 1 WHERE seq = 1", 1},
	{"UPDATE entries SET kind = 3 WHERE seq = 5", 5},
	{"UPDATE entries SET request = 2 WHERE seq = 6", 6},
	{"UPDATE entries SET content = zeroblob(32) WHERE seq = 2", 2},
	{"UPDATE entries SET hash = zeroblob(32) WHERE seq = 3", 3},
	{"UPDATE entries SET previous = zeroblob(32) WHERE seq = 3", 3},
	{"UPDATE entries SET previous = x'' WHERE seq = 1", 1},
	{"DELETE FROM entries WHERE seq = 1", 1},
	{"DELETE FROM entries WHERE seq = 4", 4},
	{"DELETE FROM entries WHERE seq IN (3, 6)", 3},
	{"UPDATE entries SET seq = 100 WHERE seq = 6", 6},
	{"UPDATE requests SET evidence = x'00' WHERE id = 1", 1},
	{"UPDATE requests SET serial = x'05' WHERE id = 2", 2},
	{"UPDATE requests SET received = received - 1 WHERE id = 3", 3},
	{"UPDATE requests SET form = 'password' WHERE id = 3", 3},
	{"DELETE FROM requests WHERE id = 2", 2},
	{"UPDATE current SET state = 3 WHERE request = 2", 5},
	{"UPDATE current SET state = 8 WHERE request = 3", 8},
	{"UPDATE current SET noted = 0 WHERE request = 3", 8},
	{"UPDATE current SET noted = 7 WHERE request = 3", 8},
	{"DELETE FROM current WHERE request = 3", 8},
	{"INSERT INTO requests (" REQUEST_COLUMNS ") SELECT 'other', serial, digest, issuer, form, message_id, mail_digest, "
		"queue_id, client, language, reason, signer, evidence, received FROM requests WHERE id = 1", 0},
	{"INSERT INTO entries SELECT seq + 2, request, 8, time, who, how, content, previous, hash FROM entries WHERE seq = 7", 9},
	{"UPDATE base SET seq = 3, hash = (SELECT hash FROM entries WHERE seq = 3); DELETE FROM entries WHERE seq <= 3", 4},
};

START_TEST(finds_what_was_changed)
{
	struct error err = ERROR_NONE;
	int64_t bad;

	make_history();
	good_head();
	tamper_with("journal", tamperings[_i].sql);
	ck_assert_msg(verify(NULL, &bad, &err) == ANSWER_NO, "not found: %s", tamperings[_i].sql);
	ck_assert_str_eq(err.code, "journal-chain");
	ck_assert_msg(bad == tamperings[_i].bad, "%s: entry %lld is named", tamperings[_i].sql, (long long)bad);
}
END_TEST

/* What the chain alone cannot show: the end is gone, or written anew. */
START_TEST(finds_a_lost_end_by_an_old_head)
{
	struct journal_head head;
	int64_t bad;

	make_history();
	head = good_head();
	ck_assert_int_eq(verify(&head, &bad, NULL), ANSWER_YES);
	tamper_with("journal", "DELETE FROM entries WHERE seq = 8; UPDATE current SET noted = 0 WHERE request = 3");
	good_head();
	ck_assert_int_eq(verify(&head, &bad, NULL), ANSWER_NO);
	ck_assert_int_eq(bad, 8);
	ck_assert_int_eq(add(3, JOURNAL_LATE), ANSWER_YES);
	ck_assert_int_eq(add(3, JOURNAL_REFUSED), ANSWER_YES);
	good_head();
	ck_assert_int_eq(verify(&head, &bad, NULL), ANSWER_NO);
	ck_assert_int_eq(bad, 8);
}
END_TEST

START_TEST(lets_nothing_be_changed_by_mistake)
{
	static const char *const mistakes[] = {"UPDATE entries SET who = ''", "DELETE FROM entries", "DELETE FROM requests",
		"UPDATE requests SET form = ''"};
	sqlite3 *db;

	make_history();
	ck_assert_int_eq(sqlite3_open(store_fixture_path("journal"), &db), SQLITE_OK);
	for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
		ck_assert_int_eq(sqlite3_exec(db, mistakes[i], NULL, NULL, NULL), SQLITE_CONSTRAINT);
	sqlite3_close(db);
	good_head();
}
END_TEST

/* ---- purging --------------------------------------------------------------------------------- */

static uint64_t
purge(int64_t now)
{
	struct timespec deadline = far_deadline();
	uint64_t removed;

	ck_assert_int_eq(journal_purge(journal, now, JOURNAL_RETENTION_MIN, "operator", &deadline, &removed, NULL), ANSWER_YES);
	return removed;
}

START_TEST(keeps_ten_years)
{
	struct timespec deadline = far_deadline();
	struct error err = ERROR_NONE;
	uint64_t removed;

	make_history();
	ck_assert_int_eq(journal_purge(journal, NOW + 100 * DAY, JOURNAL_RETENTION_MIN - 1, "operator", &deadline, &removed, &err),
		ANSWER_NO);
	ck_assert_str_eq(err.code, "retention");
	ck_assert_uint_eq(purge(NOW + JOURNAL_RETENTION_MIN), 0);
	ck_assert_int_eq(good_head().seq, 8);
}
END_TEST

/* Request 3 is open: what came before it goes, it and what is behind it stay. */
START_TEST(stays_verifiable_when_purged)
{
	struct journal_head old;
	int64_t late = NOW + JOURNAL_RETENTION_MIN + 1, bad;

	make_history();
	old = good_head();
	ck_assert_uint_eq(purge(late), 2);
	ck_assert_int_eq(good_head().seq, 9);
	ck_assert_int_eq(verify(&old, &bad, NULL), ANSWER_YES);
	ck_assert_str_eq(listed(JOURNAL_ALL, NOW), "1:executed 2:refused 3:received ");
	ck_assert_int_eq(add_with(3, JOURNAL_REFUSED, late, NULL, NULL), ANSWER_YES);
	ck_assert_uint_eq(purge(late), 6);
	ck_assert_str_eq(listed(JOURNAL_ALL, NOW), "3:refused ");
	ck_assert_str_eq(shown(3), "3:refused refused ");
	ck_assert_int_eq(good_head().seq, 11);
	ck_assert_uint_eq(purge(late), 0);
	ck_assert_uint_eq(purge(late + JOURNAL_RETENTION_MIN + 1), 3);
	ck_assert_int_eq(good_head().seq, 12);
	open_journal();
	ck_assert_int_eq(receive(4), 4);
	ck_assert_int_eq(good_head().seq, 13);
	tamper_with("journal", "UPDATE base SET hash = zeroblob(32)");
	ck_assert_int_eq(verify(NULL, &bad, NULL), ANSWER_NO);
	ck_assert_int_eq(bad, 12);
}
END_TEST

/* ---- the inbox -------------------------------------------------------------------------------- */

static enum answer
put(unsigned n, struct journal_receipt *receipt, struct error *err)
{
	struct timespec deadline = far_deadline();

	return inbox_put(inbox, request(n), slice_str("proof"), &deadline, receipt, err);
}

static unsigned
take(struct inbox_taken *taken)
{
	struct timespec deadline = far_deadline();
	struct error err = ERROR_NONE;

	ck_assert_msg(inbox_take(inbox, journal, NOW, &deadline, taken, &err) == ANSWER_YES, "%s", err.words);
	return taken->taken;
}

static uint64_t
tidy(void)
{
	struct timespec deadline = far_deadline();
	uint64_t removed;

	ck_assert_int_eq(inbox_tidy(inbox, &deadline, &removed, NULL), ANSWER_YES);
	return removed;
}

START_TEST(brings_requests_into_the_journal)
{
	struct journal_receipt receipt;
	struct inbox_taken taken;
	struct buf proof;

	open_inbox();
	ck_assert_int_eq(put(1, &receipt, NULL), ANSWER_YES);
	ck_assert(!receipt.repeat);
	ck_assert_int_eq(put(1, &receipt, NULL), ANSWER_YES);
	ck_assert(receipt.repeat && receipt.state == JOURNAL_RECEIVED && receipt.received == NOW);
	ck_assert_int_eq(put(2, &receipt, NULL), ANSWER_YES);
	ck_assert_uint_eq(take(&taken), 2);
	ck_assert_uint_eq(take(&taken), 0);
	ck_assert_str_eq(listed(JOURNAL_ALL, NOW), "1:received 2:received ");
	ck_assert_int_eq(journal_show(journal, 1, compare_request, NULL, (void *)request(1), NULL), ANSWER_YES);
	ck_assert_uint_eq(tidy(), 0);
	buf_init(&proof, INBOX_PROOF_MAX);
	ck_assert_int_eq(inbox_proof(inbox, request(1), &proof, NULL), ANSWER_YES);
	unit_assert_slice_str(buf_slice(&proof), "proof");
	ck_assert_int_eq(add(1, JOURNAL_ACCEPTED), ANSWER_YES);
	ck_assert_uint_eq(tidy(), 1);
	ck_assert_int_eq(inbox_proof(inbox, request(1), &proof, NULL), ANSWER_NO);
	buf_wipe(&proof);
	ck_assert_int_eq(put(1, &receipt, NULL), ANSWER_YES);
	ck_assert(receipt.repeat && receipt.state == JOURNAL_ACCEPTED && receipt.id == 1);
	open_inbox();
	ck_assert_uint_eq(take(&taken), 0);
	ck_assert_uint_eq(taken.repeats, 1);
	ck_assert_str_eq(listed(JOURNAL_ALL, NOW), "1:accepted 2:received ");
	good_head();
}
END_TEST

START_TEST(takes_many_in_turn)
{
	struct journal_receipt receipt;
	struct inbox_taken taken;
	unsigned total = 0, rounds = 0;

	open_inbox();
	for (unsigned n = 0; n < 2 * INBOX_BATCH + 2; n++)
		ck_assert_int_eq(put(n, &receipt, NULL), ANSWER_YES);
	do {
		total += take(&taken);
		rounds++;
	} while (taken.more);
	ck_assert_uint_eq(total, 2 * INBOX_BATCH + 2);
	ck_assert_uint_eq(rounds, 3);
}
END_TEST

/* Without the journal a repeat cannot be told. */
START_TEST(takes_nothing_without_the_journal)
{
	struct journal_receipt receipt;
	struct error err = ERROR_NONE;

	close_all();
	ck_assert_int_eq(inbox_open(store_fixture_path("inbox"), store_fixture_path("elsewhere"), &inbox, NULL), ANSWER_YES);
	ck_assert_int_eq(put(1, &receipt, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-rights");
	ck_assert_int_eq(journal_open(store_fixture_path("elsewhere"), &journal, NULL), ANSWER_YES);
	ck_assert_int_eq(put(1, &receipt, &err), ANSWER_YES);
}
END_TEST

/* ---- whose rights ------------------------------------------------------------------------------ */

/* As that user, where we are root; else as ourselves. */
static void
run_as(unsigned user, void (*work)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(user) != 0 || setuid(user) != 0))
			_exit(1);
		umask(077);
		work();
		close_all();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(status == 0, "as user %u it went wrong (%x)", user, (unsigned)status);
}

/* Owned by the one, to be read by the other. */
static void
make_folder(const char *name, unsigned owner, unsigned reader)
{
	ck_assert_int_eq(mkdir(store_fixture_path(name), 0700), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(chown(store_fixture_path(name), owner, reader), 0);
	ck_assert_int_eq(chmod(store_fixture_path(name), 02750), 0);
}

static void
open_as_worker(void)
{
	ck_assert_int_eq(journal_open(store_fixture_path("worker/journal"), &journal, NULL), ANSWER_YES);
}

static void
open_as_gate(void)
{
	struct error err = ERROR_NONE;

	ck_assert_msg(inbox_open(store_fixture_path("gate/inbox"), store_fixture_path("worker/journal"), &inbox, &err) ==
		ANSWER_YES, "%s", err.words);
}

static void
put_as_gate(void)
{
	struct journal_receipt receipt;
	struct error err = ERROR_NONE;

	open_as_gate();
	ck_assert_msg(put(1, &receipt, &err) == ANSWER_YES, "%s", err.words);
}

/* All that gate's user can do: the journal cannot be written, and the inbox says what nobody asks it. */
static void
forge_as_gate(void)
{
	sqlite3 *db;
	int rc;

	if (geteuid() == GATE) {
		struct error err = ERROR_NONE;

		ck_assert_int_eq(journal_open(store_fixture_path("worker/journal"), &journal, &err), ANSWER_CANT_TELL);
		ck_assert_str_eq(err.code, "store-rights");
		rc = sqlite3_open(store_fixture_path("worker/journal"), &db);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(db, "UPDATE current SET state = 3", NULL, NULL, NULL);
		ck_assert_int_eq(rc, SQLITE_READONLY);
		sqlite3_close(db);
		ck_assert_int_ne(unlink(store_fixture_path("worker/journal")), 0);
	}
	tamper_with("gate/inbox", "ALTER TABLE requests ADD COLUMN state TEXT; ALTER TABLE requests ADD COLUMN kind INTEGER;"
		"UPDATE requests SET state = 'accepted', kind = 3;"
		"CREATE TABLE entries (seq INTEGER PRIMARY KEY, request, kind, time, who, how, content, previous, hash);"
		"INSERT INTO entries VALUES (1, 1, 3, 0, 'worker', 'forged', x'', x'', x'');"
		"CREATE TABLE current (request INTEGER PRIMARY KEY, state, since, noted);"
		"INSERT INTO current VALUES (1, 3, 0, 0);"
		"INSERT INTO requests SELECT NULL, 'accepted', serial, digest, issuer, form, message_id, mail_digest, queue_id, client, "
		"language, reason, signer, evidence, 9000000000000000000, proof, 'accepted', 3 FROM requests;"
		"INSERT INTO requests SELECT NULL, 'large', serial, digest, issuer, form, message_id, mail_digest, queue_id, client, "
		"language, reason, signer, zeroblob(5000000), received, proof, 'accepted', 3 FROM requests WHERE id = 1;"
		"INSERT INTO requests SELECT NULL, 'early', serial, digest, issuer, form, message_id, mail_digest, queue_id, client, "
		"language, reason, signer, evidence, -1, proof, 'accepted', 3 FROM requests WHERE id = 1;");
	/* With the log that whoever closes it last may have removed. */
	open_as_gate();
}

static void
take_as_worker(void)
{
	struct inbox_taken taken;
	struct error err = ERROR_NONE;

	open_as_worker();
	ck_assert_msg(inbox_open_to_read(store_fixture_path("gate/inbox"), &inbox, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_uint_eq(take(&taken), 2);
	ck_assert_uint_eq(taken.refused, 2);
	ck_assert_str_eq(listed(JOURNAL_ALL, NOW), "1:received 2:received ");
	ck_assert_msg(told.item.deadline == NOW + DAY, "gate's time of receipt puts off the deadline");
	ck_assert_str_eq(shown(1), "1:received received ");
	ck_assert_str_eq(shown(2), "2:received received ");
	good_head();
}

START_TEST(executes_nothing_on_gates_word)
{
	close_all();
	ck_assert_int_eq(chmod(store_fixture_path(""), 0755), 0);
	make_folder("worker", WORKER, GATE);
	make_folder("gate", GATE, WORKER);
	run_as(WORKER, open_as_worker);
	run_as(GATE, put_as_gate);
	run_as(GATE, forge_as_gate);
	run_as(WORKER, take_as_worker);
}
END_TEST

/* A view in place of the table could make the reader do work of somebody else's choice. */
START_TEST(reads_no_view_of_gate)
{
	struct timespec deadline = far_deadline();
	struct journal_receipt receipt;
	struct inbox_taken taken;

	open_inbox();
	ck_assert_int_eq(put(1, &receipt, NULL), ANSWER_YES);
	inbox_close(inbox);
	inbox = NULL;
	tamper_with("inbox", "ALTER TABLE requests RENAME TO hidden; CREATE VIEW requests AS SELECT * FROM hidden");
	if (inbox_open_to_read(store_fixture_path("inbox"), &inbox, NULL) == ANSWER_YES)
		ck_assert_int_eq(inbox_take(inbox, journal, NOW, &deadline, &taken, NULL), ANSWER_CANT_TELL);
	ck_assert_str_eq(listed(JOURNAL_ALL, NOW), "");
}
END_TEST

/* ---- killed ------------------------------------------------------------------------------------ */

/* What the worker's command leaves behind, once a run. */
static void
run_command(int64_t id)
{
	FILE *f = fopen(store_fixture_path("runs"), "a");

	if (f == NULL || fprintf(f, "%d\n", (int)id) < 0 || fclose(f) != 0)
		_exit(2);
}

static unsigned
runs_of(int64_t id)
{
	FILE *f = fopen(store_fixture_path("runs"), "r");
	unsigned count = 0;
	int one;

	while (f != NULL && fscanf(f, "%d", &one) == 1)
		count += one == id;
	if (f != NULL)
		fclose(f);
	return count;
}

static void
must(enum answer answer)
{
	if (answer != ANSWER_YES)
		_exit(3);
}

/* One step onwards, as the worker goes; false: it is at the end. */
static bool
go_on(int64_t id, int tell)
{
	enum journal_kind state, next;

	shown(id);
	state = told.item.state;
	next = state == JOURNAL_RECEIVED ? JOURNAL_ACCEPTED : state == JOURNAL_BEGUN ? JOURNAL_INTERRUPTED :
		state == JOURNAL_INTERRUPTED ? JOURNAL_EXECUTED : JOURNAL_BEGUN;
	if (!journal_is_open(state))
		return false;
	must(add(id, next));
	if (next == JOURNAL_BEGUN) {
		run_command(id);
		must(add(id, next = JOURNAL_EXECUTED));
	}
	if (write(tell, &(unsigned char){(unsigned char)next}, 1) != 1)
		_exit(4);
	return true;
}

/* Receives two requests and carries them out; whatever was left by one who died is gone on with. */
static void
carry_out(int tell)
{
	struct journal_receipt receipt;
	struct inbox_taken taken;

	open_journal();
	open_inbox();
	for (unsigned n = 1; n <= 2; n++) {
		must(put(n, &receipt, NULL));
		if (write(tell, "r", 1) != 1)
			_exit(4);
	}
	take(&taken);
	for (int64_t id = 1; id <= 2; id++)
		while (go_on(id, tell))
			;
	tidy();
	close_all();
	_exit(0);
}

/* In a child that dies at that operation (0: does not). What it was told to be written, in order. */
static int
in_child(unsigned operation, unsigned char *log, size_t size, size_t *told_count)
{
	int pipes[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		close(pipes[0]);
		disk_kill_at(operation);
		carry_out(pipes[1]);
	}
	close(pipes[1]);
	for (*told_count = 0; (n = read(pipes[0], log + *told_count, size - *told_count)) > 0; )
		*told_count += (size_t)n;
	close(pipes[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static void
start_anew(void)
{
	static const char *const names[] = {"journal", "journal-wal", "journal-shm", "inbox", "inbox-wal", "inbox-shm", "runs"};

	close_all();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(store_fixture_path(names[i]));
}

static unsigned
count_of(const unsigned char *log, size_t len, unsigned char c)
{
	unsigned count = 0;

	for (size_t i = 0; i < len; i++)
		count += log[i] == c;
	return count;
}

/* What was told is there, what is there is whole. */
static void
check_after_kill(const unsigned char *log, size_t len, bool seen[])
{
	int64_t executed = 0;

	if (access(store_fixture_path("journal"), F_OK) != 0)
		return;
	open_journal();
	good_head();
	listed(JOURNAL_ALL, NOW);
	for (int64_t id = 1; id <= 2 && told.line[0] != '\0'; id++)
		if (journal_show(journal, id, tell_item, NULL, &told, NULL) == ANSWER_YES) {
			seen[told.item.state] = true;
			executed += told.item.state == JOURNAL_EXECUTED;
		}
	ck_assert_int_ge(executed, count_of(log, len, JOURNAL_EXECUTED));
	close_all();
}

START_TEST(survives_a_kill_at_each_step)
{
	bool seen[JOURNAL_EXECUTED + 1] = {false};
	unsigned char log[256];
	unsigned landed = 0;
	int status = -1;
	size_t len;

	for (unsigned operation = 1; status != 0; operation++) {
		start_anew();
		status = in_child(operation, log, sizeof log, &len);
		ck_assert_msg(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL), "operation %u: %x", operation,
			(unsigned)status);
		landed += status != 0;
		check_after_kill(log, len, seen);
		/* The next one brings it to its end. */
		ck_assert_int_eq(in_child(0, log, sizeof log, &len), 0);
		open_journal();
		ck_assert_str_eq(listed(JOURNAL_ALL, NOW), "1:executed 2:executed ");
		good_head();
		for (int64_t id = 1; id <= 2; id++)
			ck_assert_msg(runs_of(id) <= 1, "killed at operation %u: request %d was run %u times", operation, (int)id,
				runs_of(id));
	}
	ck_assert_msg(landed > 50, "only %u kills landed", landed);
	ck_assert_msg(seen[JOURNAL_RECEIVED] && seen[JOURNAL_ACCEPTED] && seen[JOURNAL_BEGUN] && seen[JOURNAL_EXECUTED],
		"some state was never met by a kill");
}
END_TEST

/* ---- many at a time, and killed ------------------------------------------------------------------ */

#define CLIENTS 8

static int told_to;
static struct request pattern; /* of those that many put */

static void *
put_many(void *arg)
{
	struct journal_receipt receipt;
	struct request r = pattern;
	unsigned char digest[32] = {0}, number;
	struct timespec deadline = far_deadline();

	for (unsigned n = 0; n < 8; n++) {
		number = (unsigned char)((size_t)arg * 8 + n);
		digest[0] = number;
		r.digest = slice_of(digest, sizeof digest);
		must(inbox_put(inbox, &r, SLICE_NONE, &deadline, &receipt, NULL));
		if (write(told_to, &number, 1) != 1)
			_exit(4);
	}
	return NULL;
}

static void
put_by_many(unsigned operation)
{
	pthread_t threads[CLIENTS];

	open_inbox();
	pattern = *request(1);
	disk_kill_at(operation);
	for (size_t i = 0; i < CLIENTS; i++)
		if (pthread_create(&threads[i], NULL, put_many, (void *)i) != 0)
			_exit(5);
	for (size_t i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
	close_all();
	_exit(0);
}

static bool
mark(void *arg, const struct request *r)
{
	unsigned *times = arg;

	times[r->digest.data[0]]++;
	return true;
}

START_TEST(loses_none_of_many)
{
	unsigned landed = 0;
	int status = -1;

	for (unsigned operation = 1; status != 0 && operation < 60; operation++) {
		unsigned times[256] = {0};
		unsigned char number, acknowledged[256] = {0};
		int pipes[2];
		pid_t pid;

		start_anew();
		open_journal();
		close_all();
		ck_assert_int_eq(pipe(pipes), 0);
		told_to = pipes[1];
		pid = fork();
		if (pid == 0)
			put_by_many(operation);
		close(pipes[1]);
		while (read(pipes[0], &number, 1) == 1)
			acknowledged[number] = 1;
		close(pipes[0]);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
		landed += status != 0;
		open_inbox();
		ck_assert_int_eq(inbox_list(inbox, mark, times, NULL), ANSWER_YES);
		for (int i = 0; i < 256; i++)
			ck_assert_msg(times[i] <= 1 && times[i] >= acknowledged[i], "request %d was said to be there and is there %u times",
				i, times[i]);
	}
	ck_assert_msg(landed > 10, "only %u kills landed", landed);
}
END_TEST

/* ---- full and locked ----------------------------------------------------------------------------- */

START_TEST(tells_when_it_cannot_be_written)
{
	struct timespec deadline = near_deadline();
	struct journal_receipt receipt;
	struct error err = ERROR_NONE;
	sqlite3 *db;

	open_inbox();
	disk_set(DISK_FULL);
	ck_assert_int_eq(put(1, &receipt, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-full");
	disk_set(DISK_GOOD);
	ck_assert_int_eq(sqlite3_open(store_fixture_path("inbox"), &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(inbox_put(inbox, request(1), SLICE_NONE, &deadline, &receipt, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-locked");
	sqlite3_close(db);
	ck_assert_int_eq(put(1, &receipt, &err), ANSWER_YES);
	ck_assert_msg(!receipt.repeat, "what was said not to be written was");
}
END_TEST

static TCase *
journal_tests(void)
{
	TCase *t = tcase_create("journal");

	tcase_add_test(t, writes_down_what_becomes_of_it);
	tcase_add_test(t, keeps_all_of_it);
	tcase_add_test(t, answers_a_repeat);
	tcase_add_loop_test(t, takes_no_step_out_of_order, 0, sizeof states / sizeof *states);
	tcase_add_test(t, warns_before_the_deadline);
	tcase_add_test(t, alarms_at_once_when_late);
	tcase_add_test(t, refuses_what_is_no_request);
	tcase_add_test(t, hands_a_notice_over_once);
	tcase_add_test(t, keeps_step_and_notice_together);
	tcase_add_loop_test(t, finds_what_was_changed, 0, sizeof tamperings / sizeof *tamperings);
	tcase_add_test(t, finds_a_lost_end_by_an_old_head);
	tcase_add_test(t, lets_nothing_be_changed_by_mistake);
	tcase_add_test(t, keeps_ten_years);
	tcase_add_test(t, stays_verifiable_when_purged);
	return t;
}

static TCase *
inbox_tests(void)
{
	TCase *t = tcase_create("inbox");

	tcase_add_test(t, brings_requests_into_the_journal);
	tcase_add_test(t, takes_many_in_turn);
	tcase_add_test(t, takes_nothing_without_the_journal);
	tcase_add_test(t, executes_nothing_on_gates_word);
	tcase_add_test(t, reads_no_view_of_gate);
	tcase_add_test(t, survives_a_kill_at_each_step);
	tcase_add_test(t, loses_none_of_many);
	tcase_add_test(t, tells_when_it_cannot_be_written);
	return t;
}

int
main(void)
{
	TCase *cases[] = {journal_tests(), inbox_tests()};
	Suite *s = suite_create("journal");

	for (size_t i = 0; i < 2; i++) {
		tcase_add_checked_fixture(cases[i], set_up, tear_down);
		tcase_set_timeout(cases[i], 240);
		suite_add_tcase(s, cases[i]);
	}
	return unit_run(s);
}
