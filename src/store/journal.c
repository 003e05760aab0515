#include "store/journal.h"

#include "store/journal_chain.h"
#include "store/journal_rows.h"
#include "store/notices.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOURNAL_APPLICATION 0x53454a31 /* "SEJ1" */

/* requests and entries are written once; entries go only from the oldest on, behind the base. Of current all could be
 * told from entries, which journal_verify() does. */
static const char *const schema_steps[] = {
	"CREATE TABLE requests (id INTEGER PRIMARY KEY AUTOINCREMENT, " RECORD_TABLE ", "
	"UNIQUE (authority, serial, digest)) STRICT;"
	"CREATE TABLE entries (seq INTEGER PRIMARY KEY, request INTEGER NOT NULL, kind INTEGER NOT NULL, "
	"time INTEGER NOT NULL, who TEXT NOT NULL, how TEXT NOT NULL, content BLOB NOT NULL, previous BLOB NOT NULL, "
	"hash BLOB NOT NULL) STRICT;"
	"CREATE INDEX entries_of_request ON entries (request, seq);"
	"CREATE TABLE current (request INTEGER PRIMARY KEY, state INTEGER NOT NULL, since INTEGER NOT NULL, "
	"noted INTEGER NOT NULL) STRICT;"
	"CREATE INDEX current_by_state ON current (state);"
	"CREATE TABLE base (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;"
	"INSERT INTO base VALUES (1, 0, zeroblob(32));"
	"CREATE TABLE notices (id INTEGER PRIMARY KEY AUTOINCREMENT, authority TEXT NOT NULL, request INTEGER NOT NULL, "
	"kind TEXT NOT NULL, recipient TEXT NOT NULL, message BLOB NOT NULL, created INTEGER NOT NULL, next INTEGER NOT NULL, "
	"attempts INTEGER NOT NULL DEFAULT 0, done INTEGER, refused TEXT NOT NULL DEFAULT '', "
	"UNIQUE (authority, request, kind, recipient)) STRICT;"
	"CREATE INDEX notices_waiting ON notices (next) WHERE done IS NULL;"
	"CREATE TABLE enrolments (authority TEXT NOT NULL, serial BLOB NOT NULL, issuer BLOB NOT NULL, "
	"certificate BLOB NOT NULL, password TEXT NOT NULL, contacts TEXT NOT NULL, time INTEGER NOT NULL, "
	"who TEXT NOT NULL, PRIMARY KEY (authority, serial, issuer)) STRICT;"
	"CREATE TRIGGER requests_stay BEFORE UPDATE ON requests BEGIN SELECT RAISE(ABORT, 'append-only'); END;"
	"CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'append-only'); END;"
	"CREATE TRIGGER entries_kept BEFORE DELETE ON entries WHEN OLD.seq > (SELECT seq FROM base) "
	"BEGIN SELECT RAISE(ABORT, 'append-only'); END;"
	"CREATE TRIGGER requests_kept BEFORE DELETE ON requests WHEN EXISTS "
	"(SELECT 1 FROM entries WHERE request = OLD.id) BEGIN SELECT RAISE(ABORT, 'append-only'); END;",
};

static const struct store_schema schema = {
	.name = "journal of revocations",
	.application = JOURNAL_APPLICATION,
	.steps = schema_steps,
	.count = sizeof schema_steps / sizeof *schema_steps,
};

struct journal {
	struct store *store;
};

static const struct {
	enum journal_kind kind;
	const char *text;
} texts[] = {
	{JOURNAL_RECEIVED, "received"},
	{JOURNAL_WAITING, "waiting"},
	{JOURNAL_ACCEPTED, "accepted"},
	{JOURNAL_REFUSED, "refused"},
	{JOURNAL_BEGUN, "begun"},
	{JOURNAL_FAILED, "failed"},
	{JOURNAL_INTERRUPTED, "interrupted"},
	{JOURNAL_EXECUTED, "executed"},
	{JOURNAL_HALF, "half"},
	{JOURNAL_LATE, "late"},
	{JOURNAL_OVERDUE, "overdue"},
	{JOURNAL_RETRY, "retry"},
	{JOURNAL_DONE, "done"},
	{JOURNAL_PURGED, "purged"},
};

const char *
journal_kind_text(enum journal_kind kind)
{
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (texts[i].kind == kind)
			return texts[i].text;
	return "unknown";
}

bool
journal_is_open(enum journal_kind state)
{
	return state != JOURNAL_REFUSED && state != JOURNAL_EXECUTED;
}

/* ---- open and close ----------------------------------------------------------- */

static enum answer
open_as(const char *path, enum store_access access, struct journal **journal, struct error *err)
{
	struct journal *j = calloc(1, sizeof *j);
	enum answer answer;

	*journal = NULL;
	if (j == NULL)
		return error_cant_tell(err, "memory", "no memory for the journal");
	answer = store_open(path, &schema, access, &j->store, err);
	if (answer == ANSWER_YES)
		*journal = j;
	else
		free(j);
	return answer;
}

enum answer
journal_open(const char *path, struct journal **journal, struct error *err)
{
	return open_as(path, STORE_WRITE, journal, err);
}

enum answer
journal_open_to_read(const char *path, struct journal **journal, struct error *err)
{
	return open_as(path, STORE_READ, journal, err);
}

void
journal_close(struct journal *journal)
{
	if (journal == NULL)
		return;
	store_close(journal->store);
	free(journal);
}

struct store *
journal_store(struct journal *journal)
{
	return journal->store;
}

/* ---- rows ---------------------------------------------------------------------- */

enum answer
rows_find(sqlite3 *db, const struct record *request, struct journal_receipt *receipt, struct error *err)
{
	enum answer answer;
	struct query q;
	bool found;

	query_init(&q, db, "SELECT id, state, received FROM requests JOIN current ON request = id "
		"WHERE authority = ? AND serial = ? AND digest = ?");
	record_bind_key(&q, request);
	found = query_next(&q);
	if (found)
		*receipt = (struct journal_receipt){.id = query_int(&q, 0), .repeat = true,
			.state = (enum journal_kind)query_int(&q, 1), .received = query_int(&q, 2)};
	answer = query_end(&q, err);
	if (answer == ANSWER_YES && !found)
		return error_no(err, "journal-request", "no such request has been received");
	return answer;
}

/* ---- receiving ------------------------------------------------------------------- */

static enum answer
insert_request(sqlite3 *db, const struct record *request, int64_t *id, struct error *err)
{
	struct query q;

	query_init(&q, db, "INSERT INTO requests (" RECORD_COLUMNS ") VALUES (" RECORD_PARAMETERS ")");
	record_bind(&q, request);
	if (query_run(&q, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	*id = sqlite3_last_insert_rowid(db);
	query_init(&q, db, "INSERT INTO current (request, state, since, noted) VALUES (?, ?, ?, 0)");
	query_bind_int(&q, *id);
	query_bind_int(&q, JOURNAL_RECEIVED);
	query_bind_int(&q, request->received);
	return query_run(&q, err);
}

enum answer
rows_receive(sqlite3 *db, const struct record *given, int64_t now, const char *how, struct journal_receipt *receipt,
	struct error *err)
{
	struct chain_entry entry = {.kind = JOURNAL_RECEIVED, .time = now, .who = "worker", .how = how};
	enum answer answer = rows_find(db, given, receipt, err);
	unsigned char content[RECORD_DIGEST];
	struct record request = *given;

	if (answer != ANSWER_NO)
		return answer;
	if (request.received > now)
		request.received = now;
	if (record_digest(&request, content, err) != ANSWER_YES ||
	    insert_request(db, &request, &entry.request, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	entry.content = slice_of(content, sizeof content);
	*receipt = (struct journal_receipt){.id = entry.request, .state = JOURNAL_RECEIVED, .received = request.received};
	return chain_append(db, &entry, err);
}

struct receiving {
	const struct record *request;
	const char *how;
	int64_t now;
	struct journal_receipt *receipt;
};

static enum answer
receive(sqlite3 *db, void *arg, struct error *err)
{
	const struct receiving *r = arg;

	return rows_receive(db, r->request, r->now, r->how, r->receipt, err);
}

enum answer
journal_receive(struct journal *journal, const struct record *request, int64_t now, const char *how,
	const struct timespec *deadline, struct journal_receipt *receipt, struct error *err)
{
	struct receiving r = {.request = request, .how = how, .now = now, .receipt = receipt};

	memset(receipt, 0, sizeof *receipt);
	if (record_check(request, err) != ANSWER_YES)
		return ANSWER_NO;
	return store_write(journal->store, receive, &r, deadline, err);
}

/* ---- steps ----------------------------------------------------------------------- */

#define BIT(kind) (1U << (kind))

/* For each state those that may follow it. */
static const unsigned follows[] = {
	[JOURNAL_RECEIVED] = BIT(JOURNAL_WAITING) | BIT(JOURNAL_ACCEPTED) | BIT(JOURNAL_REFUSED),
	[JOURNAL_WAITING] = BIT(JOURNAL_ACCEPTED) | BIT(JOURNAL_REFUSED),
	[JOURNAL_ACCEPTED] = BIT(JOURNAL_BEGUN) | BIT(JOURNAL_EXECUTED) | BIT(JOURNAL_REFUSED),
	[JOURNAL_REFUSED] = 0,
	[JOURNAL_BEGUN] = BIT(JOURNAL_EXECUTED) | BIT(JOURNAL_FAILED) | BIT(JOURNAL_INTERRUPTED),
	[JOURNAL_FAILED] = BIT(JOURNAL_BEGUN) | BIT(JOURNAL_EXECUTED) | BIT(JOURNAL_REFUSED),
	[JOURNAL_INTERRUPTED] = BIT(JOURNAL_BEGUN) | BIT(JOURNAL_EXECUTED) | BIT(JOURNAL_REFUSED),
	[JOURNAL_EXECUTED] = 0,
};

static bool
is_state(enum journal_kind kind)
{
	return kind >= JOURNAL_RECEIVED && kind <= JOURNAL_EXECUTED;
}

static bool
is_warning(enum journal_kind kind)
{
	return kind >= JOURNAL_HALF && kind <= JOURNAL_OVERDUE;
}

static enum answer
check_step(const struct journal_step *step, enum journal_kind state, int64_t noted, struct error *err)
{
	bool good;

	if (is_state(step->kind))
		good = is_state(state) && (follows[state] & BIT(step->kind)) != 0;
	else if (is_warning(step->kind))
		good = journal_is_open(state) && (noted & NOTED(step->kind)) == 0;
	else if (step->kind == JOURNAL_DONE)
		good = is_state(state) && (follows[state] & BIT(JOURNAL_EXECUTED)) != 0 && state != JOURNAL_BEGUN;
	else
		good = step->kind == JOURNAL_RETRY && journal_is_open(state);
	return good ? ANSWER_YES : error_no(err, "journal-state", "request %lld is %s: it cannot be %s",
		(long long)step->request, journal_kind_text(state), journal_kind_text(step->kind));
}

/* That every later step holds it too keeps it provable once the first have been purged. */
static enum answer
content_of(sqlite3 *db, int64_t id, unsigned char content[RECORD_DIGEST], struct error *err)
{
	struct query q;
	bool found;

	query_init(&q, db, "SELECT content FROM entries WHERE request = ? ORDER BY seq DESC LIMIT 1");
	query_bind_int(&q, id);
	found = query_next(&q) && query_blob(&q, 0).len == RECORD_DIGEST;
	if (found)
		memcpy(content, query_blob(&q, 0).data, RECORD_DIGEST);
	if (query_end(&q, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	return found ? ANSWER_YES : error_cant_tell(err, "store-damaged", "request %lld has no entries", (long long)id);
}

/* The state that it is in, and what was noted. */
static enum answer
find_state(sqlite3 *db, int64_t id, enum journal_kind *state, int64_t *noted, struct error *err)
{
	enum answer answer;
	struct query q;
	bool found;

	*state = JOURNAL_RECEIVED;
	*noted = 0;
	query_init(&q, db, "SELECT state, noted FROM current WHERE request = ?");
	query_bind_int(&q, id);
	found = query_next(&q);
	if (found) {
		*state = (enum journal_kind)query_int(&q, 0);
		*noted = query_int(&q, 1);
	}
	answer = query_end(&q, err);
	if (answer == ANSWER_YES && !found)
		return error_no(err, "journal-request", "there is no request %lld", (long long)id);
	return answer;
}

static enum answer
update_current(sqlite3 *db, const struct journal_step *step, enum journal_kind state, int64_t noted, struct error *err)
{
	struct query q;

	if (is_warning(step->kind))
		noted |= NOTED(step->kind);
	query_init(&q, db, is_state(step->kind) ? "UPDATE current SET state = ?, noted = ?, since = ? WHERE request = ?" :
		"UPDATE current SET state = ?, noted = ? WHERE request = ?");
	query_bind_int(&q, is_state(step->kind) ? step->kind : state);
	query_bind_int(&q, noted);
	if (is_state(step->kind))
		query_bind_int(&q, step->time);
	query_bind_int(&q, step->request);
	return query_run(&q, err);
}

struct adding {
	const struct journal_step *step;
	const struct notices_item *notice;
};

static enum answer
add(sqlite3 *db, void *arg, struct error *err)
{
	const struct adding *a = arg;
	const struct journal_step *step = a->step;
	struct chain_entry entry = {.request = step->request, .kind = step->kind, .time = step->time, .who = step->who};
	char how[JOURNAL_HOW_MAX + 1];
	unsigned char content[RECORD_DIGEST];
	enum journal_kind state;
	enum answer answer;
	int64_t noted;

	answer = find_state(db, step->request, &state, &noted, err);
	if (answer == ANSWER_YES)
		answer = check_step(step, state, noted, err);
	if (answer == ANSWER_YES)
		answer = content_of(db, step->request, content, err);
	snprintf(how, sizeof how, "%s", step->how == NULL ? "" : step->how);
	entry.how = how;
	entry.content = slice_of(content, sizeof content);
	if (answer == ANSWER_YES)
		answer = chain_append(db, &entry, err);
	if (answer == ANSWER_YES)
		answer = update_current(db, step, state, noted, err);
	return answer == ANSWER_YES && a->notice != NULL ? notices_insert(db, a->notice, err) : answer;
}

enum answer
journal_add(struct journal *journal, const struct journal_step *step, const struct notices_item *notice,
	const struct timespec *deadline, struct error *err)
{
	struct adding a = {step, notice};

	if (step->who == NULL || step->who[0] == '\0' || strnlen(step->who, JOURNAL_WHO_MAX + 1) > JOURNAL_WHO_MAX)
		return error_no(err, "journal-state", "who did it is missing or too long");
	return store_write(journal->store, add, &a, deadline, err);
}
