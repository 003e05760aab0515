/* What was written about a request cannot be changed unseen, nor can what becomes of it go another way. */
#include "unit.h"

#include "journal_fixture.h"
#include "store_fixture.h"

#include "store/journal_chain.h"
#include "store/query.h"

#include <sqlite3.h>

#include <stdio.h>
#include <string.h>

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

static enum answer
verify(const struct journal_head *known, int64_t *bad, struct error *err)
{
	struct journal_head head;

	return journal_verify(journal, known, &head, bad, err);
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
	struct record again = *request(1);
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
	{{JOURNAL_ACCEPTED}, "refused begun executed half late overdue retry done "},
	{{JOURNAL_REFUSED}, ""},
	{{JOURNAL_ACCEPTED, JOURNAL_BEGUN}, "failed interrupted executed half late overdue retry "},
	{{JOURNAL_ACCEPTED, JOURNAL_BEGUN, JOURNAL_FAILED}, "refused begun executed half late overdue retry done "},
	{{JOURNAL_ACCEPTED, JOURNAL_BEGUN, JOURNAL_INTERRUPTED}, "refused begun executed half late overdue retry done "},
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

START_TEST(notes_each_warning_once)
{
	static const enum journal_kind warnings[] = {JOURNAL_HALF, JOURNAL_LATE, JOURNAL_OVERDUE};
	int64_t id = receive(1);

	for (size_t i = 0; i < sizeof warnings / sizeof *warnings; i++) {
		ck_assert_int_eq(add(id, warnings[i]), ANSWER_YES);
		ck_assert_int_eq(add(id, warnings[i]), ANSWER_NO);
	}
	ck_assert_str_eq(shown(id), "1:received received half late overdue ");
	ck_assert_int_eq(add(id, JOURNAL_REFUSED), ANSWER_YES);
	good_head();
}
END_TEST

START_TEST(lists_what_is_past_its_deadline)
{
	int64_t id = receive(1);

	ck_assert_str_eq(listed(JOURNAL_PAST_DEADLINE, NOW + DAY), "");
	ck_assert_str_eq(listed(JOURNAL_PAST_DEADLINE, NOW + DAY + 1), "1:received ");
	ck_assert_int_eq(add(id, JOURNAL_REFUSED), ANSWER_YES);
	ck_assert_str_eq(listed(JOURNAL_PAST_DEADLINE, NOW + 100 * DAY), "");
}
END_TEST

/* ---- limits ------------------------------------------------------------------------------- */

static unsigned char large[RECORD_EVIDENCE_MAX + 1];
static char long_text[RECORD_TEXT_MAX + 2];

START_TEST(refuses_what_is_no_request)
{
	struct slice none = SLICE_NONE, much = slice_of(large, sizeof large), zero = slice_of("\0\1", 2);
	struct timespec deadline = far_deadline();
	struct record wrong[20];
	struct journal_receipt receipt;
	struct error err = ERROR_NONE;
	size_t n = 0;

	memset(long_text, 'x', sizeof long_text - 1);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		wrong[i] = *request(1);
	wrong[n++].authority = "";
	wrong[n++].authority = long_text;
	wrong[n++].serial = none;
	wrong[n++].serial = slice_of(long_text, RECORD_SERIAL_MAX + 1);
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
	wrong[n].evidence = slice_of(large, RECORD_EVIDENCE_MAX);
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
tell_due(void *arg, int64_t id, const struct notices_item *notice, unsigned attempts)
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
	int64_t id = receive(1), wait = NOTICES_DELAY_MIN, now = NOW;
	struct notices_item notice = {"ica", id, "accepted", "holder@example.cz", slice_str("it was accepted"), NOW};
	struct due due;

	ck_assert_int_eq(add_with(id, JOURNAL_ACCEPTED, NOW, &notice, NULL), ANSWER_YES);
	ck_assert_int_eq(add_with(id, JOURNAL_WAITING, NOW, &notice, NULL), ANSWER_NO);
	ck_assert_int_eq(notices_add(journal, &notice, &deadline, NULL), ANSWER_YES);
	ck_assert_uint_eq(notices_at(NOW - 1).count, 0);
	ck_assert_uint_eq(notices_at(NOW - NOTICES_DELAY_MAX).count, 0);
	ck_assert_msg(notices_at(NOW - NOTICES_DELAY_MAX - 1).count == 1, "a clock that was put back is waited for");
	for (unsigned i = 0; i < 10; i++) {
		open_journal();
		due = notices_at(now);
		ck_assert(due.count == 1 && due.attempts == i);
		ck_assert_str_eq(due.message, "it was accepted");
		ck_assert_int_eq(notices_try(journal, due.id, now, &deadline, NULL), ANSWER_YES);
		ck_assert_uint_eq(notices_at(now + wait - 1).count, 0);
		now += wait;
		wait = wait * 2 > NOTICES_DELAY_MAX ? NOTICES_DELAY_MAX : wait * 2;
	}
	ck_assert_int_eq(notices_done(journal, due.id, now, &deadline, NULL), ANSWER_YES);
	ck_assert_uint_eq(notices_at(now + 100 * DAY).count, 0);
	ck_assert_int_eq(notices_done(journal, due.id, now, &deadline, NULL), ANSWER_NO);
	ck_assert_int_eq(notices_try(journal, due.id, now, &deadline, NULL), ANSWER_NO);
	ck_assert_int_eq(notices_add(journal, &notice, &deadline, NULL), ANSWER_YES);
	ck_assert_uint_eq(notices_at(now + 100 * DAY).count, 0);
	notice.kind = "executed";
	ck_assert_int_eq(notices_add(journal, &notice, &deadline, NULL), ANSWER_YES);
	ck_assert_uint_eq(notices_at(now).count, 1);
}
END_TEST

static bool
tell_fate(void *arg, const struct notices_item *notice, const struct notices_fate *fate)
{
	char *text = arg;
	size_t len = strlen(text);

	snprintf(text + len, 200 - len, "%s %s %u %lld %s %zu;", notice->authority, notice->kind, fate->attempts,
		(long long)(fate->done == 0 ? 0 : fate->done - NOW), fate->refused, notice->message.len);
	return true;
}

/* One that was refused for good waits no more, and why stays. Of two authorities each has its own. */
START_TEST(gives_a_notice_up)
{
	struct timespec deadline = far_deadline();
	struct notices_item notice = {"ica", 0, "alarm", "operator@example.cz", slice_str("alarm"), NOW};
	char fates[200] = "";
	struct due due;

	ck_assert_int_eq(notices_add(journal, &notice, &deadline, NULL), ANSWER_YES);
	due = notices_at(NOW);
	ck_assert_int_eq(notices_try(journal, due.id, NOW, &deadline, NULL), ANSWER_YES);
	ck_assert_int_eq(notices_refused(journal, due.id, "550 nobody here", NOW + 9, &deadline, NULL), ANSWER_YES);
	ck_assert_int_eq(notices_refused(journal, due.id, "550 nobody here", NOW + 9, &deadline, NULL), ANSWER_NO);
	ck_assert_int_eq(notices_add(journal, &notice, &deadline, NULL), ANSWER_YES);
	ck_assert_uint_eq(notices_at(NOW + 100 * DAY).count, 0);
	notice.authority = "cesnet";
	ck_assert_int_eq(notices_add(journal, &notice, &deadline, NULL), ANSWER_YES);
	ck_assert_uint_eq(notices_at(NOW).count, 1);
	ck_assert_int_eq(notices_list(journal, 0, tell_fate, fates, NULL), ANSWER_YES);
	ck_assert_str_eq(fates, "ica alarm 1 9 550 nobody here 0;cesnet alarm 0 0  5;");
	notice.authority = "";
	ck_assert_int_eq(notices_add(journal, &notice, &deadline, NULL), ANSWER_NO);
}
END_TEST

/* A notice that cannot be queued takes its step with it. */
START_TEST(keeps_step_and_notice_together)
{
	int64_t id = receive(1);
	struct notices_item empty = {"ica", id, "accepted", "holder@example.cz", SLICE_NONE, NOW};

	ck_assert_int_eq(add_with(id, JOURNAL_ACCEPTED, NOW, &empty, NULL), ANSWER_NO);
	ck_assert_str_eq(shown(id), "1:received received ");
}
END_TEST

static bool
measure_words(void *arg, const struct notices_item *notice, const struct notices_fate *fate)
{
	(void)notice;
	*(size_t *)arg = strlen(fate->refused);
	return true;
}

START_TEST(takes_no_notice_that_is_too_large)
{
	static char words[NOTICES_WORDS_MAX + 100];
	struct timespec deadline = far_deadline();
	struct notices_item notice = {"ica", 0, "alarm", "operator@example.cz", slice_of(large, NOTICES_MESSAGE_MAX + 1), NOW};
	char address[NOTICES_ADDRESS_MAX + 2];
	size_t len = 0;

	memset(words, 'x', sizeof words - 1);
	memset(address, 'x', sizeof address - 1);
	address[sizeof address - 1] = '\0';
	ck_assert_int_eq(notices_add(journal, &notice, &deadline, NULL), ANSWER_NO);
	notice.message.len--;
	notice.recipient = address;
	ck_assert_int_eq(notices_add(journal, &notice, &deadline, NULL), ANSWER_NO);
	notice.recipient++;
	ck_assert_int_eq(notices_add(journal, &notice, &deadline, NULL), ANSWER_YES);
	ck_assert_int_eq(notices_refused(journal, notices_at(NOW).id, words, NOW, &deadline, NULL), ANSWER_YES);
	ck_assert_int_eq(notices_list(journal, 0, measure_words, &len, NULL), ANSWER_YES);
	ck_assert_uint_eq(len, NOTICES_WORDS_MAX);
}
END_TEST

START_TEST(wants_to_know_who)
{
	char who[JOURNAL_WHO_MAX + 2] = "";
	struct journal_step step = {.request = receive(1), .kind = JOURNAL_ACCEPTED, .time = NOW, .who = who, .how = ""};
	struct timespec deadline = far_deadline();

	ck_assert_int_eq(journal_add(journal, &step, NULL, &deadline, NULL), ANSWER_NO);
	memset(who, 'x', JOURNAL_WHO_MAX + 1);
	ck_assert_int_eq(journal_add(journal, &step, NULL, &deadline, NULL), ANSWER_NO);
	step.who = who + 1;
	ck_assert_int_eq(journal_add(journal, &step, NULL, &deadline, NULL), ANSWER_YES);
}
END_TEST

/* ---- the chain ------------------------------------------------------------------------------ */

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
	{"UPDATE entries SET who = who || char(0) || 'and more' WHERE seq = 5", 5},
	{"UPDATE requests SET form = form || char(0) || 'and more' WHERE id = 3", 3},
	{"DELETE FROM entries WHERE seq = 1", 1},
	{"DELETE FROM entries WHERE seq = 4", 4},
	{"DELETE FROM entries WHERE seq IN (3, 6)", 3},
	{"UPDATE entries SET seq = 100 WHERE seq = 6", 6},
	{"UPDATE entries SET seq = 100 WHERE seq = 4; UPDATE entries SET seq = 4 WHERE seq = 5;"
		"UPDATE entries SET seq = 5 WHERE seq = 100", 4},
	{"UPDATE entries SET seq = -seq - 1 WHERE seq >= 5; UPDATE entries SET seq = -seq WHERE seq < 0;"
		"INSERT INTO entries SELECT 5, request, kind, time, who, how, content, previous, hash FROM entries WHERE seq = 4", 5},
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
	{"INSERT INTO requests (" RECORD_COLUMNS ") SELECT 'other', serial, digest, issuer, form, message_id, mail_digest, "
		"queue_id, client, language, reason, signer, evidence, received, quiet FROM requests WHERE id = 1", 0},
	{"UPDATE requests SET authority = 'another' WHERE id = 2", 2},
	{"UPDATE requests SET digest = zeroblob(32) WHERE id = 2", 2},
	{"UPDATE requests SET issuer = x'3000' WHERE id = 2", 2},
	{"UPDATE requests SET message_id = message_id || 'x' WHERE id = 2", 2},
	{"UPDATE requests SET mail_digest = zeroblob(32) WHERE id = 2", 2},
	{"UPDATE requests SET queue_id = queue_id || 'x' WHERE id = 2", 2},
	{"UPDATE requests SET client = client || 'x' WHERE id = 2", 2},
	{"UPDATE requests SET language = language || 'x' WHERE id = 2", 2},
	{"UPDATE requests SET reason = reason || 'x' WHERE id = 2", 2},
	{"UPDATE requests SET signer = x'3000' WHERE id = 2", 2},
	{"UPDATE requests SET quiet = 1 - quiet WHERE id = 3", 3},
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

static void
run(sqlite3 *db, const char *sql, struct slice octets)
{
	struct query q;

	query_init(&q, db, sql);
	query_bind_blob(&q, octets);
	ck_assert_int_eq(query_run(&q, NULL), ANSWER_YES);
}

/* Whoever changes an entry and makes its hash anew has to do so with all that follow. */
START_TEST(finds_one_hash_made_anew)
{
	unsigned char hash[RECORD_DIGEST];
	struct chain_entry entry;
	struct query q;
	sqlite3 *db;
	int64_t bad;

	make_history();
	tamper_with("journal", "UPDATE entries SET who = 'somebody else' WHERE seq = 4");
	ck_assert_int_eq(sqlite3_open(store_fixture_path("journal"), &db), SQLITE_OK);
	query_init(&q, db, "SELECT " CHAIN_COLUMNS " FROM entries WHERE seq = 4");
	ck_assert(query_next(&q));
	chain_read(&q, &entry);
	ck_assert_int_eq(chain_hash(&entry, hash, NULL), ANSWER_YES);
	ck_assert_int_eq(query_end(&q, NULL), ANSWER_YES);
	run(db, "UPDATE entries SET hash = ? WHERE seq = 4", slice_of(hash, sizeof hash));
	ck_assert_int_eq(verify(NULL, &bad, NULL), ANSWER_NO);
	ck_assert_int_eq(bad, 5);
	run(db, "UPDATE entries SET previous = ? WHERE seq = 5", slice_of(hash, sizeof hash));
	ck_assert_int_eq(verify(NULL, &bad, NULL), ANSWER_NO);
	ck_assert_int_eq(bad, 5);
	sqlite3_close(db);
}
END_TEST

/* Nor is it enough to put the digest of another request into the entries. */
START_TEST(finds_a_request_exchanged)
{
	struct record other = *request(2);
	unsigned char digest[RECORD_DIGEST];
	sqlite3 *db;
	int64_t bad;

	make_history();
	other.reason = "superseded";
	ck_assert_int_eq(record_digest(&other, digest, NULL), ANSWER_YES);
	tamper_with("journal", "UPDATE requests SET reason = 'superseded' WHERE id = 2");
	ck_assert_int_eq(sqlite3_open(store_fixture_path("journal"), &db), SQLITE_OK);
	run(db, "UPDATE entries SET content = ? WHERE request = 2", slice_of(digest, sizeof digest));
	sqlite3_close(db);
	ck_assert_int_eq(verify(NULL, &bad, NULL), ANSWER_NO);
	ck_assert_int_eq(bad, 2);
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

START_TEST(forgets_alarms_about_no_request)
{
	struct timespec deadline = far_deadline();
	struct notices_item old = {"ica", 0, "alarm-old", "operator@example.cz", slice_str("alarm"), NOW}, waiting = old;
	char fates[200] = "";

	waiting.kind = "alarm-waiting";
	ck_assert_int_eq(notices_add(journal, &old, &deadline, NULL), ANSWER_YES);
	ck_assert_int_eq(notices_done(journal, notices_at(NOW).id, NOW, &deadline, NULL), ANSWER_YES);
	ck_assert_int_eq(notices_add(journal, &waiting, &deadline, NULL), ANSWER_YES);
	purge(NOW + JOURNAL_RETENTION_MIN);
	ck_assert_int_eq(notices_list(journal, 0, tell_fate, fates, NULL), ANSWER_YES);
	ck_assert_ptr_nonnull(strstr(fates, "alarm-old"));
	fates[0] = '\0';
	purge(NOW + JOURNAL_RETENTION_MIN + 1);
	ck_assert_int_eq(notices_list(journal, 0, tell_fate, fates, NULL), ANSWER_YES);
	ck_assert_msg(strstr(fates, "alarm-old") == NULL && strstr(fates, "alarm-waiting") != NULL, "%s", fates);
}
END_TEST

/* ---- what is to be done -------------------------------------------------------------------- */

static bool
tell_pending(void *arg, const struct journal_pending *p)
{
	char *line = arg;
	size_t used = strlen(line);

	snprintf(line + used, 400 - used, "%lld:%s:%s since=%d failed=%u last=%d%s%s%s%s%s; ", (long long)p->id, p->authority,
		journal_kind_text(p->state), (int)(p->since - NOW), p->failures, p->last_failure == 0 ? 0 : (int)(p->last_failure - NOW),
		p->retry ? " retry" : "", p->done ? " done" : "", p->half ? " half" : "", p->late ? " late" : "",
		p->overdue ? " overdue" : "");
	return p->id != 3;
}

static const char *
pending(void)
{
	static char line[400];

	line[0] = '\0';
	ck_assert_int_eq(journal_pending(journal, tell_pending, line, NULL), ANSWER_YES);
	return line;
}

START_TEST(tells_what_is_pending)
{
	int64_t a = receive(1), b = receive(2);

	ck_assert_int_eq(add(b, JOURNAL_REFUSED), ANSWER_YES);
	ck_assert_str_eq(pending(), "1:ica:received since=0 failed=0 last=0; ");
	ck_assert_int_eq(add(a, JOURNAL_ACCEPTED), ANSWER_YES);
	for (int i = 1; i <= 3; i++) {
		ck_assert_int_eq(add_with(a, JOURNAL_BEGUN, NOW + 10 * i, NULL, NULL), ANSWER_YES);
		ck_assert_int_eq(add_with(a, JOURNAL_FAILED, NOW + 10 * i + 5, NULL, NULL), ANSWER_YES);
	}
	ck_assert_str_eq(pending(), "1:ica:failed since=35 failed=3 last=35; ");
	ck_assert_int_eq(add(a, JOURNAL_HALF), ANSWER_YES);
	ck_assert_int_eq(add(a, JOURNAL_RETRY), ANSWER_YES);
	ck_assert_str_eq(pending(), "1:ica:failed since=35 failed=0 last=35 retry half; ");
	ck_assert_int_eq(add_with(a, JOURNAL_BEGUN, NOW + 50, NULL, NULL), ANSWER_YES);
	ck_assert_str_eq(pending(), "1:ica:begun since=50 failed=0 last=35 half; ");
	ck_assert_int_eq(add_with(a, JOURNAL_FAILED, NOW + 60, NULL, NULL), ANSWER_YES);
	ck_assert_int_eq(add(a, JOURNAL_DONE), ANSWER_YES);
	ck_assert_int_eq(add(a, JOURNAL_OVERDUE), ANSWER_YES);
	ck_assert_str_eq(pending(), "1:ica:failed since=60 failed=1 last=60 done half overdue; ");
	ck_assert_int_eq(add(a, JOURNAL_EXECUTED), ANSWER_YES);
	ck_assert_str_eq(pending(), "");
	good_head();
}
END_TEST

/* A certificate is (issuer, serial), at one authority. */
START_TEST(knows_what_was_revoked)
{
	struct journal_step done = {.kind = JOURNAL_EXECUTED, .time = NOW, .who = "worker",
		.how = "the command said: \"revoked-at=2020-01-01T00:00:00Z\", revoked-at=2026-01-26T14:38:03Z"};
	struct timespec deadline = far_deadline();
	struct record again = *request(2);
	struct journal_revoked revoked;
	int64_t a = receive(1), when;

	again.serial = request(1)->serial;
	ck_assert_int_eq(add(a, JOURNAL_ACCEPTED), ANSWER_YES);
	ck_assert_int_eq(journal_revoked(journal, &again, &revoked, NULL), ANSWER_NO);
	done.request = a;
	ck_assert_int_eq(journal_add(journal, &done, NULL, &deadline, NULL), ANSWER_YES);
	ck_assert_int_eq(journal_revoked(journal, &again, &revoked, NULL), ANSWER_YES);
	ck_assert(revoked.id == a && revoked.has_time);
	ck_assert_int_eq(revoked.revoked_at, 1769438283);
	again.issuer = slice_str("0CN=Another");
	ck_assert_int_eq(journal_revoked(journal, &again, &revoked, NULL), ANSWER_NO);
	again = *request(1);
	again.authority = "cesnet";
	ck_assert_int_eq(journal_revoked(journal, &again, &revoked, NULL), ANSWER_NO);
	ck_assert(!journal_revoked_at("", &when));
	ck_assert(!journal_revoked_at("revoked-at=2026-01-26T14:38:03Z by hand", &when));
	ck_assert(!journal_revoked_at("revoked-at=2026-01-26T14:38:03Z, revoked-at=2026-02-30T14:38:03Z", &when));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("journal");
	TCase *t = tcase_create("journal");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 240);
	tcase_add_test(t, writes_down_what_becomes_of_it);
	tcase_add_test(t, keeps_all_of_it);
	tcase_add_test(t, answers_a_repeat);
	tcase_add_loop_test(t, takes_no_step_out_of_order, 0, sizeof states / sizeof *states);
	tcase_add_test(t, notes_each_warning_once);
	tcase_add_test(t, tells_what_is_pending);
	tcase_add_test(t, knows_what_was_revoked);
	tcase_add_test(t, lists_what_is_past_its_deadline);
	tcase_add_test(t, refuses_what_is_no_request);
	tcase_add_test(t, hands_a_notice_over_once);
	tcase_add_test(t, gives_a_notice_up);
	tcase_add_test(t, keeps_step_and_notice_together);
	tcase_add_test(t, takes_no_notice_that_is_too_large);
	tcase_add_test(t, wants_to_know_who);
	tcase_add_loop_test(t, finds_what_was_changed, 0, sizeof tamperings / sizeof *tamperings);
	tcase_add_test(t, finds_one_hash_made_anew);
	tcase_add_test(t, finds_a_request_exchanged);
	tcase_add_test(t, finds_a_lost_end_by_an_old_head);
	tcase_add_test(t, lets_nothing_be_changed_by_mistake);
	tcase_add_test(t, keeps_ten_years);
	tcase_add_test(t, stays_verifiable_when_purged);
	tcase_add_test(t, forgets_alarms_about_no_request);
	suite_add_tcase(s, t);
	return unit_run(s);
}
