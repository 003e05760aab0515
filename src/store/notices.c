#include "store/notices.h"

#include "store/query.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

static enum answer
check(const struct notices_item *n, struct error *err)
{
	if (n->authority == NULL || n->authority[0] == '\0' || strnlen(n->authority, RECORD_NAME_MAX + 1) > RECORD_NAME_MAX)
		return error_no(err, "notice", "the authority of a notice is missing or its name too long");
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
	query_init(&q, db, "INSERT OR IGNORE INTO notices (authority, request, kind, recipient, message, created, next) "
		"VALUES (?, ?, ?, ?, ?, ?, ?)");
	query_bind_text(&q, n->authority);
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

/* ---- what is there ------------------------------------------------------------ */

#define COLUMNS "id, attempts, authority, request, kind, recipient, message, created"

static void
read_item(struct query *q, struct notices_item *n)
{
	n->authority = query_text(q, 2);
	n->request = query_int(q, 3);
	n->kind = query_text(q, 4);
	n->recipient = query_text(q, 5);
	n->message = query_blob(q, 6);
	n->created = query_int(q, 7);
}

struct due {
	int64_t now;
	notices_each *each;
	void *arg;
};

/* None waits for longer than the longest delay: the clock was put back then, and nobody is to wait for it. */
static enum answer
list_due(sqlite3 *db, void *arg, struct error *err)
{
	const struct due *due = arg;
	struct notices_item n;
	struct query q;

	query_init(&q, db, "SELECT " COLUMNS " FROM notices WHERE done IS NULL AND (next <= ? OR next > ?) ORDER BY id");
	query_bind_int(&q, due->now);
	query_bind_int(&q, due->now + NOTICES_DELAY_MAX);
	while (query_next(&q)) {
		read_item(&q, &n);
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

struct about {
	int64_t request;
	notices_each_fate *each;
	void *arg;
};

static enum answer
list_about(sqlite3 *db, void *arg, struct error *err)
{
	const struct about *about = arg;
	struct notices_fate fate;
	struct notices_item n;
	struct query q;

	query_init(&q, db, "SELECT " COLUMNS ", ifnull(done, 0), refused FROM notices WHERE request = ? ORDER BY id");
	query_bind_int(&q, about->request);
	while (query_next(&q)) {
		read_item(&q, &n);
		fate = (struct notices_fate){(unsigned)query_int(&q, 1), query_int(&q, 8), query_text(&q, 9)};
		if (!about->each(about->arg, &n, &fate))
			break;
	}
	return query_end(&q, err);
}

enum answer
notices_list(struct journal *journal, int64_t request, notices_each_fate *each, void *arg, struct error *err)
{
	struct about about = {request, each, arg};

	return store_read(journal_store(journal), list_about, &about, err);
}

/* ---- what became of one --------------------------------------------------------- */

struct outcome {
	int64_t id, now;
	const char *refused;
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

	query_init(&q, db, "UPDATE notices SET done = ?, refused = ?, message = x'' WHERE id = ? AND done IS NULL");
	query_bind_int(&q, o->now);
	query_bind_text(&q, o->refused);
	query_bind_int(&q, o->id);
	return query_run(&q, err) == ANSWER_YES ? must_change(db, o->id, err) : ANSWER_CANT_TELL;
}

enum answer
notices_done(struct journal *journal, int64_t id, int64_t now, const struct timespec *deadline, struct error *err)
{
	struct outcome o = {id, now, NULL};

	return store_write(journal_store(journal), mark_done, &o, deadline, err);
}

enum answer
notices_refused(struct journal *journal, int64_t id, const char *words, int64_t now, const struct timespec *deadline,
	struct error *err)
{
	char cut[NOTICES_WORDS_MAX + 1];
	struct outcome o = {id, now, cut};

	snprintf(cut, sizeof cut, "%s", words[0] == '\0' ? "refused" : words);
	return store_write(journal_store(journal), mark_done, &o, deadline, err);
}

static enum answer
mark_tried(sqlite3 *db, void *arg, struct error *err)
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
notices_try(struct journal *journal, int64_t id, int64_t now, const struct timespec *deadline, struct error *err)
{
	struct outcome o = {id, now, NULL};

	return store_write(journal_store(journal), mark_tried, &o, deadline, err);
}
