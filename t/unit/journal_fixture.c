#include "journal_fixture.h"

#include "unit.h"

#include "store_fixture.h"

#include <sqlite3.h>

#include <stdio.h>
#include <string.h>

struct journal *journal;
struct inbox *inbox;
struct told told;

void
open_journal(void)
{
	journal_close(journal);
	ck_assert_int_eq(journal_open(store_fixture_path("journal"), &journal, NULL), ANSWER_YES);
}

void
open_inbox(void)
{
	inbox_close(inbox);
	ck_assert_int_eq(inbox_open(store_fixture_path("inbox"), store_fixture_path("journal"), &inbox, NULL), ANSWER_YES);
}

void
close_all(void)
{
	inbox_close(inbox);
	journal_close(journal);
	inbox = NULL;
	journal = NULL;
}

/* ---- requests --------------------------------------------------------------------- */

/* Number n, of a table that holds so many at a time. */
const struct record *
request(unsigned n)
{
	static struct {
		unsigned char serial[4], digest[32];
		struct record r;
	} table[16];
	unsigned at = n % 16;

	memset(table[at].digest, (int)n, sizeof table[at].digest);
	memcpy(table[at].serial, (unsigned char[]){1, 2, (unsigned char)(n >> 8), (unsigned char)n}, 4);
	table[at].r = (struct record){.authority = "ica", .serial = slice_of(table[at].serial, 4),
		.digest = slice_of(table[at].digest, 32), .issuer = slice_str("0CN=Issuer"), .form = "signed",
		.message_id = "<1@example.cz>", .mail_digest = slice_of(table[at].digest, 32), .queue_id = "4XyZ",
		.client = "192.0.2.1", .language = "cs", .reason = "keyCompromise", .signer = slice_str("certificate"),
		.evidence = slice_str("signed data"), .received = NOW, .quiet = n % 2 == 1};
	return &table[at].r;
}

int64_t
receive(unsigned n)
{
	struct timespec deadline = far_deadline();
	struct journal_receipt receipt;
	struct error err = ERROR_NONE;

	ck_assert_msg(journal_receive(journal, request(n), NOW, "in a test", &deadline, &receipt, &err) == ANSWER_YES, "%s",
		err.words);
	return receipt.id;
}

enum answer
add_with(int64_t id, enum journal_kind kind, int64_t time, const struct notices_item *notice, struct error *err)
{
	struct journal_step step = {.request = id, .kind = kind, .time = time, .who = "worker", .how = "as it should be"};
	struct timespec deadline = far_deadline();

	return journal_add(journal, &step, notice, &deadline, err);
}

enum answer
add(int64_t id, enum journal_kind kind)
{
	return add_with(id, kind, NOW, NULL, NULL);
}

void
each_in_inbox(void (*each)(void *arg, const struct record *request), void *arg)
{
	struct inbox_batch batch = {.more = true};

	while (batch.more) {
		ck_assert_int_eq(inbox_read(inbox, batch.last, &batch, NULL), ANSWER_YES);
		for (size_t i = 0; i < batch.count; i++)
			each(arg, batch.requests[i]);
		inbox_batch_free(&batch);
	}
}

bool
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

const char *
shown(int64_t id)
{
	memset(&told, 0, sizeof told);
	ck_assert_int_eq(journal_show(journal, id, tell_item, tell_step, &told, NULL), ANSWER_YES);
	return told.line;
}

const char *
listed(enum journal_filter filter, int64_t now)
{
	memset(&told, 0, sizeof told);
	ck_assert_int_eq(journal_list(journal, filter, now, tell_item, &told, NULL), ANSWER_YES);
	return told.line;
}

struct journal_head
good_head(void)
{
	struct error err = ERROR_NONE;
	struct journal_head head;
	int64_t bad;

	ck_assert_msg(journal_verify(journal, NULL, &head, &bad, &err) == ANSWER_YES, "%s", err.words);
	return head;
}
/* As somebody who may write the file, and takes what is in the way. */
void
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

bool
compare_request(void *arg, const struct journal_item *item)
{
	const struct record *got = item->request, *want = arg;

	ck_assert_str_eq(got->authority, want->authority);
	ck_assert_str_eq(got->form, want->form);
	ck_assert_str_eq(got->message_id, want->message_id);
	ck_assert_str_eq(got->queue_id, want->queue_id);
	ck_assert_str_eq(got->client, want->client);
	ck_assert_str_eq(got->language, want->language);
	ck_assert_int_eq(got->quiet, want->quiet);
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
