/* A request that gate has received is never lost, never carried out twice, and never on gate's word alone. */
#include "unit.h"

#include "journal_fixture.h"
#include "store_fixture.h"

#include <sqlite3.h>

#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GATE 65534 /* users and groups */
#define WORKER 65533

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
put(unsigned n, struct journal_receipt *receipt, struct error *err)
{
	struct timespec deadline = far_deadline();

	return inbox_put(inbox, request(n), slice_str("proof"), &deadline, receipt, err);
}

static int64_t seen;     /* by the worker */
static unsigned repeats; /* that it took last */

/* As worker does: from behind what it has seen, into the journal. batch: how many were left out, and are there more? */
static unsigned
take(struct inbox_batch *batch)
{
	struct timespec deadline = far_deadline();
	struct error err = ERROR_NONE;
	struct inbox_taken taken;

	ck_assert_msg(inbox_read(inbox, seen, batch, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_msg(inbox_bring(batch, journal, NOW, &deadline, &taken, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_uint_eq(taken.taken + taken.repeats, batch->count);
	seen = batch->last;
	repeats = taken.repeats;
	inbox_batch_free(batch);
	return taken.taken;
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
	struct inbox_batch taken;
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
	seen = 0;
	ck_assert_uint_eq(take(&taken), 0);
	ck_assert_uint_eq(repeats, 1);
	ck_assert_str_eq(listed(JOURNAL_ALL, NOW), "1:accepted 2:received ");
	good_head();
}
END_TEST

/* Lines of one mail: each says what is known of it, and where one cannot be had, none is. */
START_TEST(puts_several_or_none)
{
	struct inbox_item items[3] = {{request(1), SLICE_NONE}, {request(2), SLICE_NONE}, {request(3), SLICE_NONE}};
	struct timespec deadline = far_deadline();
	struct journal_receipt receipts[3];
	struct inbox_batch taken;

	open_inbox();
	ck_assert_int_eq(put(2, &receipts[0], NULL), ANSWER_YES);
	ck_assert_int_eq(inbox_put_all(inbox, items, 3, &deadline, receipts, NULL), ANSWER_YES);
	ck_assert(!receipts[0].repeat && receipts[1].repeat && !receipts[2].repeat);
	ck_assert_uint_eq(take(&taken), 3);
	items[0].request = request(4);
	items[2].request = request(5);
	items[2].proof.len = INBOX_PROOF_MAX + 1;
	ck_assert_int_eq(inbox_put_all(inbox, items, 3, &deadline, receipts, NULL), ANSWER_NO);
	ck_assert_uint_eq(take(&taken), 0);
}
END_TEST

START_TEST(takes_many_in_turn)
{
	struct journal_receipt receipt;
	struct inbox_batch taken;
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

/* So that large evidence does not fill the memory of worker. */
START_TEST(takes_large_ones_in_turn)
{
	static unsigned char large[RECORD_EVIDENCE_MAX];
	struct timespec deadline = far_deadline();
	struct journal_receipt receipt;
	struct inbox_batch taken;

	open_inbox();
	for (unsigned n = 1; n <= 5; n++) {
		struct record r = *request(n);

		r.evidence = slice_of(large, sizeof large);
		ck_assert_int_eq(inbox_put(inbox, &r, SLICE_NONE, &deadline, &receipt, NULL), ANSWER_YES);
	}
	ck_assert_uint_lt(take(&taken), 5);
	ck_assert(taken.more);
	while (taken.more)
		take(&taken);
	ck_assert_str_eq(listed(JOURNAL_ALL, NOW), "1:received 2:received 3:received 4:received 5:received ");
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
	ck_assert_ptr_nonnull(strstr(err.words, store_fixture_path("elsewhere")));
	ck_assert_ptr_nonnull(strstr(err.words, "No such file"));
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
		"language, reason, signer, evidence, 9000000000000000000, quiet, proof, 'accepted', 3 FROM requests;"
		"INSERT INTO requests SELECT NULL, 'large', serial, digest, issuer, form, message_id, mail_digest, queue_id, client, "
		"language, reason, signer, zeroblob(5000000), received, quiet, proof, 'accepted', 3 FROM requests WHERE id = 1;"
		"INSERT INTO requests SELECT NULL, 'early', serial, digest, issuer, form, message_id, mail_digest, queue_id, client, "
		"language, reason, signer, evidence, -1, quiet, proof, 'accepted', 3 FROM requests WHERE id = 1;");
	/* With the log that whoever closes it last may have removed. */
	open_as_gate();
}

static void
take_as_worker(void)
{
	struct inbox_batch taken;
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
	struct inbox_batch taken = {.count = 0};
	struct journal_receipt receipt;

	open_inbox();
	ck_assert_int_eq(put(1, &receipt, NULL), ANSWER_YES);
	inbox_close(inbox);
	inbox = NULL;
	tamper_with("inbox", "ALTER TABLE requests RENAME TO hidden; CREATE VIEW requests AS SELECT * FROM hidden");
	if (inbox_open_to_read(store_fixture_path("inbox"), &inbox, NULL) == ANSWER_YES)
		ck_assert_int_eq(inbox_read(inbox, 0, &taken, NULL), ANSWER_CANT_TELL);
	inbox_batch_free(&taken);
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
	struct inbox_batch taken;

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
check_after_kill(const unsigned char *log, size_t len, bool met[])
{
	int64_t executed = 0;

	if (access(store_fixture_path("journal"), F_OK) != 0)
		return;
	open_journal();
	good_head();
	listed(JOURNAL_ALL, NOW);
	for (int64_t id = 1; id <= 2 && told.line[0] != '\0'; id++)
		if (journal_show(journal, id, tell_item, NULL, &told, NULL) == ANSWER_YES) {
			met[told.item.state] = true;
			executed += told.item.state == JOURNAL_EXECUTED;
		}
	ck_assert_int_ge(executed, count_of(log, len, JOURNAL_EXECUTED));
	close_all();
}

START_TEST(survives_a_kill_at_each_step)
{
	bool met[JOURNAL_EXECUTED + 1] = {false};
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
		check_after_kill(log, len, met);
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
	ck_assert_msg(met[JOURNAL_RECEIVED] && met[JOURNAL_ACCEPTED] && met[JOURNAL_BEGUN] && met[JOURNAL_EXECUTED],
		"some state was never met by a kill");
}
END_TEST

/* ---- many at a time, and killed ------------------------------------------------------------------ */

#define CLIENTS 8

static int told_to;
static struct record pattern; /* of those that many put */

static void *
put_many(void *arg)
{
	struct journal_receipt receipt;
	struct record r = pattern;
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

static void
mark(void *arg, const struct record *r)
{
	unsigned *times = arg;

	times[r->digest.data[0]]++;
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
		each_in_inbox(mark, times);
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

int
main(void)
{
	Suite *s = suite_create("inbox");
	TCase *t = tcase_create("inbox");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 240);
	tcase_add_test(t, brings_requests_into_the_journal);
	tcase_add_test(t, puts_several_or_none);
	tcase_add_test(t, takes_many_in_turn);
	tcase_add_test(t, takes_large_ones_in_turn);
	tcase_add_test(t, takes_nothing_without_the_journal);
	tcase_add_test(t, executes_nothing_on_gates_word);
	tcase_add_test(t, reads_no_view_of_gate);
	tcase_add_test(t, survives_a_kill_at_each_step);
	tcase_add_test(t, loses_none_of_many);
	tcase_add_test(t, tells_when_it_cannot_be_written);
	suite_add_tcase(s, t);
	return unit_run(s);
}
