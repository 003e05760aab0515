#include "store/inbox.h"

#include "base/buf.h"
#include "store/journal_rows.h"
#include "store/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define INBOX_APPLICATION 0x53454931            /* "SEI1" */
#define BATCH_OCTETS_MAX (16 * 1024 * 1024)     /* of evidence in memory */

static const char *const schema_steps[] = {
	"CREATE TABLE requests (id INTEGER PRIMARY KEY AUTOINCREMENT, " RECORD_TABLE ", proof BLOB NOT NULL, "
	"UNIQUE (authority, serial, digest)) STRICT;",
};

static const struct store_schema schema = {
	.name = "inbox of requests for revocation",
	.application = INBOX_APPLICATION,
	.steps = schema_steps,
	.count = sizeof schema_steps / sizeof *schema_steps,
};

struct inbox {
	struct store *store;
	char *journal_path;      /* NULL: worker's */
	pthread_mutex_t lock;    /* of journal */
	struct journal *journal; /* to be read; NULL: not yet */
};

/* ---- open and close ---------------------------------------------------------- */

static enum answer
open_as(const char *path, enum store_access access, const char *journal_path, struct inbox **inbox, struct error *err)
{
	struct inbox *i = calloc(1, sizeof *i);
	enum answer answer = ANSWER_YES;

	*inbox = NULL;
	if (i != NULL && journal_path != NULL)
		i->journal_path = strdup(journal_path);
	if (i == NULL || (journal_path != NULL && i->journal_path == NULL))
		answer = error_cant_tell(err, "memory", "no memory for the inbox");
	if (answer == ANSWER_YES)
		answer = store_open(path, &schema, access, &i->store, err);
	if (answer == ANSWER_YES) {
		pthread_mutex_init(&i->lock, NULL);
		*inbox = i;
		return ANSWER_YES;
	}
	if (i != NULL)
		free(i->journal_path);
	free(i);
	return answer;
}

enum answer
inbox_open(const char *path, const char *journal_path, struct inbox **inbox, struct error *err)
{
	return open_as(path, STORE_WRITE, journal_path, inbox, err);
}

enum answer
inbox_open_to_read(const char *path, struct inbox **inbox, struct error *err)
{
	return open_as(path, STORE_READ, NULL, inbox, err);
}

void
inbox_close(struct inbox *inbox)
{
	if (inbox == NULL)
		return;
	store_close(inbox->store);
	journal_close(inbox->journal);
	pthread_mutex_destroy(&inbox->lock);
	free(inbox->journal_path);
	free(inbox);
}

/* What the journal says of it. */
static enum answer
ask_journal(struct inbox *inbox, const struct record *request, struct journal_receipt *receipt, struct error *err)
{
	enum answer answer = ANSWER_YES;

	pthread_mutex_lock(&inbox->lock);
	if (inbox->journal == NULL)
		answer = journal_open_to_read(inbox->journal_path, &inbox->journal, err);
	pthread_mutex_unlock(&inbox->lock);
	/* That it is no journal, or another version's, says nothing about the request. */
	if (answer != ANSWER_YES)
		return ANSWER_CANT_TELL;
	return journal_find(inbox->journal, request, receipt, err);
}

/* ---- gate: putting --------------------------------------------------------------- */

struct putting {
	struct inbox *inbox;
	const struct inbox_item *items;
	size_t count;
	struct journal_receipt *receipts;
};

static enum answer
find(sqlite3 *db, const struct record *request, struct journal_receipt *receipt, struct error *err)
{
	struct query q;

	*receipt = (struct journal_receipt){.state = JOURNAL_RECEIVED};
	query_init(&q, db, "SELECT received FROM requests WHERE authority = ? AND serial = ? AND digest = ?");
	record_bind_key(&q, request);
	receipt->repeat = query_next(&q);
	receipt->received = receipt->repeat ? query_int(&q, 0) : request->received;
	return query_end(&q, err);
}

static enum answer
insert(sqlite3 *db, const struct inbox_item *item, struct error *err)
{
	struct query q;

	query_init(&q, db, "INSERT INTO requests (" RECORD_COLUMNS ", proof) VALUES (" RECORD_PARAMETERS ", ?)");
	record_bind(&q, item->request);
	query_bind_blob(&q, item->proof);
	return query_run(&q, err);
}

/* First the inbox, then the journal: what leaves the one is in the other by then. */
static enum answer
put_one(sqlite3 *db, struct inbox *inbox, const struct inbox_item *item, struct journal_receipt *receipt, struct error *err)
{
	struct journal_receipt known;
	enum answer answer;

	if (find(db, item->request, receipt, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	answer = ask_journal(inbox, item->request, &known, err);
	if (answer == ANSWER_YES)
		*receipt = known;
	if (answer != ANSWER_NO)
		return answer;
	return receipt->repeat ? ANSWER_YES : insert(db, item, err);
}

static enum answer
put(sqlite3 *db, void *arg, struct error *err)
{
	const struct putting *p = arg;
	enum answer answer = ANSWER_YES;

	for (size_t i = 0; i < p->count && answer == ANSWER_YES; i++)
		answer = put_one(db, p->inbox, &p->items[i], &p->receipts[i], err);
	return answer;
}

enum answer
inbox_put(struct inbox *inbox, const struct record *request, struct slice proof, const struct timespec *deadline,
	struct journal_receipt *receipt, struct error *err)
{
	struct inbox_item item = {request, proof};

	return inbox_put_all(inbox, &item, 1, deadline, receipt, err);
}

enum answer
inbox_put_all(struct inbox *inbox, const struct inbox_item *items, size_t count, const struct timespec *deadline,
	struct journal_receipt *receipts, struct error *err)
{
	struct putting p = {inbox, items, count, receipts};

	memset(receipts, 0, count * sizeof *receipts);
	for (size_t i = 0; i < count; i++) {
		if (record_check(items[i].request, err) != ANSWER_YES)
			return ANSWER_NO;
		if (items[i].proof.len > INBOX_PROOF_MAX)
			return error_no(err, "request", "the proof is longer than %d octets", INBOX_PROOF_MAX);
	}
	return store_write(inbox->store, put, &p, deadline, err);
}

/* ---- gate: tidying --------------------------------------------------------------- */

struct tidying {
	struct inbox *inbox;
	uint64_t removed;
};

static enum answer
remove_one(sqlite3 *db, int64_t id, struct error *err)
{
	struct query q;

	query_init(&q, db, "DELETE FROM requests WHERE id = ?");
	query_bind_int(&q, id);
	return query_run(&q, err);
}

static enum answer
tidy(sqlite3 *db, void *arg, struct error *err)
{
	struct tidying *t = arg;
	struct journal_receipt receipt;
	enum answer answer = ANSWER_NO, ended;
	struct record request;
	struct query q;

	t->removed = 0;
	query_init(&q, db, "SELECT id, " RECORD_COLUMNS " FROM requests ORDER BY id");
	while (answer != ANSWER_CANT_TELL && query_next(&q)) {
		record_read(&q, 1, &request);
		answer = ask_journal(t->inbox, &request, &receipt, err);
		if (answer != ANSWER_YES || receipt.state == JOURNAL_RECEIVED)
			continue;
		answer = remove_one(db, query_int(&q, 0), err);
		t->removed++;
	}
	ended = query_end(&q, answer == ANSWER_CANT_TELL ? NULL : err);
	return answer == ANSWER_CANT_TELL ? answer : ended;
}

enum answer
inbox_tidy(struct inbox *inbox, const struct timespec *deadline, uint64_t *removed, struct error *err)
{
	struct tidying t = {.inbox = inbox};
	enum answer answer = store_write(inbox->store, tidy, &t, deadline, err);

	*removed = answer == ANSWER_YES ? t.removed : 0;
	return answer;
}

/* ---- worker ---------------------------------------------------------------------- */

/* What is read is copied: while the journal is locked nobody waits for a file that gate may lock. */
struct reading {
	int64_t after;
	struct inbox_batch *batch;
};

static enum answer
add_to_batch(struct inbox_batch *b, const struct record *request, struct error *err)
{
	if (record_check(request, NULL) != ANSWER_YES) {
		b->refused++;
		return ANSWER_YES;
	}
	b->requests[b->count] = record_dup(request);
	if (b->requests[b->count] == NULL)
		return error_cant_tell(err, "memory", "no memory for a request");
	b->count++;
	return ANSWER_YES;
}

static enum answer
read_batch(sqlite3 *db, void *arg, struct error *err)
{
	const struct reading *r = arg;
	struct inbox_batch *b = r->batch;
	enum answer answer = ANSWER_YES, ended;
	struct record request;
	size_t octets = 0;
	struct query q;

	query_init(&q, db, "SELECT id, " RECORD_COLUMNS " FROM requests WHERE id > ? ORDER BY id");
	query_bind_int(&q, r->after);
	while (answer == ANSWER_YES && query_next(&q)) {
		record_read(&q, 1, &request);
		octets += request.evidence.len + request.signer.len;
		b->more = b->count == INBOX_BATCH || (b->count > 0 && octets > BATCH_OCTETS_MAX);
		if (b->more)
			break;
		answer = add_to_batch(b, &request, err);
		b->last = query_int(&q, 0);
	}
	ended = query_end(&q, answer == ANSWER_YES ? err : NULL);
	return answer == ANSWER_YES ? ended : answer;
}

enum answer
inbox_read(struct inbox *inbox, int64_t after, struct inbox_batch *batch, struct error *err)
{
	struct reading r = {after, batch};

	memset(batch, 0, sizeof *batch);
	batch->last = after;
	return store_read(inbox->store, read_batch, &r, err);
}

void
inbox_batch_free(struct inbox_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		free(batch->requests[i]);
	batch->count = 0;
}

struct bringing {
	const struct inbox_batch *batch;
	int64_t now;
	struct inbox_taken *taken;
};

static enum answer
write_batch(sqlite3 *db, void *arg, struct error *err)
{
	const struct bringing *b = arg;
	struct journal_receipt receipt;
	enum answer answer = ANSWER_YES;

	*b->taken = (struct inbox_taken){0, 0};
	for (size_t i = 0; i < b->batch->count && answer == ANSWER_YES; i++) {
		answer = rows_receive(db, b->batch->requests[i], b->now, "from the inbox", &receipt, err);
		b->taken->taken += answer == ANSWER_YES && !receipt.repeat;
		b->taken->repeats += answer == ANSWER_YES && receipt.repeat;
	}
	return answer;
}

enum answer
inbox_bring(const struct inbox_batch *batch, struct journal *journal, int64_t now, const struct timespec *deadline,
	struct inbox_taken *taken, struct error *err)
{
	struct bringing b = {batch, now, taken};

	*taken = (struct inbox_taken){0, 0};
	return batch->count == 0 ? ANSWER_YES : store_write(journal_store(journal), write_batch, &b, deadline, err);
}

struct proving {
	const struct record *request;
	struct buf *out;
};

static enum answer
read_proof(sqlite3 *db, void *arg, struct error *err)
{
	const struct proving *p = arg;
	enum answer answer;
	struct query q;
	bool found;

	query_init(&q, db, "SELECT proof FROM requests WHERE authority = ? AND serial = ? AND digest = ?");
	record_bind_key(&q, p->request);
	found = query_next(&q);
	if (found && query_blob(&q, 0).len <= INBOX_PROOF_MAX)
		buf_add_slice(p->out, query_blob(&q, 0));
	answer = query_end(&q, err);
	if (answer == ANSWER_YES && !found)
		return error_no(err, "journal-request", "the request is not in the inbox");
	if (answer == ANSWER_YES && buf_failed(p->out))
		return error_cant_tell(err, "memory", "no memory for a proof");
	return answer;
}

enum answer
inbox_proof(struct inbox *inbox, const struct record *request, struct buf *out, struct error *err)
{
	struct proving p = {request, out};

	return store_read(inbox->store, read_proof, &p, err);
}
