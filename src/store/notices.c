#include "store/notices.h"

#include "store/query.h"
#include "store/store.h"

#include <string.h>

static enum answer
check(const struct notices_item *n, struct error *err)
{
	if (n->kind == NULL || n->kind[0] == '\0' || strnlen(n->kind, RECORD_NAME_MAX + 1) > RECORD_NAME_MAX)
		return error_no(err, "notice", "the kind of a notice is missing or too long");
	if (n->recipient == NULL || n->recipient[0] == '\0' ||
	    strnlen(n->recipient, NOTICES_ADDRESS_MAX + 1) > NOTICES_ADDRESS_MAX)
		return error_no(err, "notice", "the recipient of a notice is missing or too long");
	if (n->message.len == 0 || n->message.len > NOTICES_MESSAGE_MAX)
		return error_no(err, "notice", "a notice is empty, or larger than %d octets", NOTICES_MESSAGE_MAX);
	return ANSWER_YES;
}

enum answer
notices_insert(sqlite3 *db, const struct notices_item *n, struct error *err)
{
	struct query q;

	if (check(n, err) != ANSWER_YES)
		return ANSWER_NO;
	query_init(&q, db, "INSERT OR IGNORE INTO notices (request, kind, recipient, message, created, next) "
		"VALUES (?, ?, ?, ?, ?, ?)");
	query_bind_int(&q, n->request);
	query_bind_text(&q, n->kind);
	query_bind_text(&q, n->recipient);
	query_bind_blob(&q, n->message);
	query_bind_int(&q, n->created);
	query_bind_int(&q, n->created);
	return query_run(&q, err);
}

static enum answer
add(sqlite3 *db, void *arg, struct error *err)
{
	return notices_insert(db, arg, err);
}

enum answer
notices_add(struct journal *journal, const struct notices_item *notice, const struct timespec *deadline, struct error *err)
{
	struct notices_item copy = *notice;

	return store_write(journal_store(journal), add, &copy, deadline, err);
}

/* ---- what is due ------------------------------------------------------------- */

struct due {
	int64_t now;
	notices_each *each;
	void *arg;
};

static enum answer
list_due(sqlite3 *db, void *arg, struct error *err)
{
	const struct due *due = arg;
	struct notices_item n;
	struct query q;

	query_init(&q, db, "SELECT id, attempts, request, kind, recipient, message, created FROM notices "
		"WHERE done IS NULL AND next <= ? ORDER BY id");
	query_bind_int(&q, due->now);
	while (query_next(&q)) {
		n.request = query_int(&q, 2);
		n.kind = query_text(&q, 3);
		n.recipient = query_text(&q, 4);
		n.message = query_blob(&q, 5);
		n.created = query_int(&q, 6);
		if (!due->each(due->arg, query_int(&q, 0), &n, (unsigned)query_int(&q, 1)))
			break;
	}
	return query_end(&q, err);
}

enum answer
notices_due(struct journal *journal, int64_t now, notices_each *each, void *arg, struct error *err)
{
	struct due due = {now, each, arg};

	return store_read(journal_store(journal), list_due, &due, err);
}

/* ---- what became of one --------------------------------------------------------- */

struct outcome {
	int64_t id, now;
};

static enum answer
must_change(sqlite3 *db, int64_t id, struct error *err)
{
	if (sqlite3_changes(db) == 1)
		return ANSWER_YES;
	return error_no(err, "notice", "no notice %lld waits to be handed over", (long long)id);
}

static enum answer
mark_done(sqlite3 *db, void *arg, struct error *err)
{
	const struct outcome *o = arg;
	struct query q;

	query_init(&q, db, "UPDATE notices SET done = ?, message = x'' WHERE id = ? AND done IS NULL");
	query_bind_int(&q, o->now);
	query_bind_int(&q, o->id);
	return query_run(&q, err) == ANSWER_YES ? must_change(db, o->id, err) : ANSWER_CANT_TELL;
}

enum answer
notices_done(struct journal *journal, int64_t id, int64_t now, const struct timespec *deadline, struct error *err)
{
	struct outcome o = {id, now};

	return store_write(journal_store(journal), mark_done, &o, deadline, err);
}

static enum answer
mark_failed(sqlite3 *db, void *arg, struct error *err)
{
	const struct outcome *o = arg;
	struct query q;

	query_init(&q, db, "UPDATE notices SET attempts = attempts + 1, next = ? + min(? << min(attempts, 20), ?) "
		"WHERE id = ? AND done IS NULL");
	query_bind_int(&q, o->now);
	query_bind_int(&q, NOTICES_DELAY_MIN);
	query_bind_int(&q, NOTICES_DELAY_MAX);
	query_bind_int(&q, o->id);
	return query_run(&q, err) == ANSWER_YES ? must_change(db, o->id, err) : ANSWER_CANT_TELL;
}

enum answer
notices_failed(struct journal *journal, int64_t id, int64_t now, const struct timespec *deadline, struct error *err)
{
	struct outcome o = {id, now};

	return store_write(journal_store(journal), mark_failed, &o, deadline, err);
}
