#include "base/timestamp.h"
#include "store/journal_rows.h"
#include "store/store.h"

#include <string.h>

/* ---- requests ------------------------------------------------------------------ */

#define ITEM_COLUMNS "SELECT id, state, since, " RECORD_COLUMNS " FROM requests JOIN current ON request = id "

static void
read_item(struct query *q, struct journal_item *item, struct record *request)
{
	record_read(q, 3, request);
	*item = (struct journal_item){.id = query_int(q, 0), .request = request,
		.state = (enum journal_kind)query_int(q, 1), .since = query_int(q, 2),
		.deadline = request->received + JOURNAL_DEADLINE};
}

struct listing {
	enum journal_filter filter;
	int64_t now;
	int64_t id; /* of a request, or the number of an entry */
	journal_each *each;
	journal_each_step *each_step;
	void *arg;
};

static enum answer
list(sqlite3 *db, void *arg, struct error *err)
{
	const struct listing *l = arg;
	struct journal_item item;
	struct record request;
	struct query q;

	query_init(&q, db, l->filter == JOURNAL_ALL ? ITEM_COLUMNS "ORDER BY id" :
		l->filter == JOURNAL_OPEN ? ITEM_COLUMNS "WHERE state IN " STATES_OPEN " ORDER BY id" :
		ITEM_COLUMNS "WHERE state IN " STATES_OPEN " AND received < ? ORDER BY id");
	if (l->filter == JOURNAL_PAST_DEADLINE)
		query_bind_int(&q, l->now - JOURNAL_DEADLINE);
	while (query_next(&q)) {
		read_item(&q, &item, &request);
		if (!l->each(l->arg, &item))
			break;
	}
	return query_end(&q, err);
}

enum answer
journal_list(struct journal *journal, enum journal_filter filter, int64_t now, journal_each *each, void *arg,
	struct error *err)
{
	struct listing l = {.filter = filter, .now = now, .each = each, .arg = arg};

	return store_read(journal_store(journal), list, &l, err);
}

/* ---- one request ------------------------------------------------------------------ */

#define STEP_COLUMNS "SELECT seq, kind, time, who, how, request FROM entries "

static enum answer
show_steps(sqlite3 *db, const char *sql, const struct listing *l, struct error *err)
{
	struct query q;

	query_init(&q, db, sql);
	query_bind_int(&q, l->id);
	while (query_next(&q)) {
		struct journal_step step = {.request = query_int(&q, 5), .kind = (enum journal_kind)query_int(&q, 1),
			.time = query_int(&q, 2), .who = query_text(&q, 3), .how = query_text(&q, 4)};

		if (!l->each_step(l->arg, query_int(&q, 0), &step))
			break;
	}
	return query_end(&q, err);
}

static enum answer
show(sqlite3 *db, void *arg, struct error *err)
{
	const struct listing *l = arg;
	bool found, more = false;
	struct journal_item item;
	struct record request;
	struct query q;

	query_init(&q, db, ITEM_COLUMNS "WHERE id = ?");
	query_bind_int(&q, l->id);
	found = query_next(&q);
	if (found) {
		read_item(&q, &item, &request);
		more = l->each(l->arg, &item);
	}
	if (query_end(&q, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	if (!found)
		return error_no(err, "journal-request", "there is no request %lld", (long long)l->id);
	return more && l->each_step != NULL ?
		show_steps(db, STEP_COLUMNS "WHERE request = ? ORDER BY seq", l, err) : ANSWER_YES;
}

enum answer
journal_show(struct journal *journal, int64_t id, journal_each *each, journal_each_step *each_step, void *arg,
	struct error *err)
{
	struct listing l = {.id = id, .each = each, .each_step = each_step, .arg = arg};

	return store_read(journal_store(journal), show, &l, err);
}

static enum answer
steps(sqlite3 *db, void *arg, struct error *err)
{
	return show_steps(db, STEP_COLUMNS "WHERE seq > ? AND request != 0 ORDER BY seq", arg, err);
}

enum answer
journal_steps(struct journal *journal, int64_t after, journal_each_step *each, void *arg, struct error *err)
{
	struct listing l = {.id = after, .each_step = each, .arg = arg};

	return store_read(journal_store(journal), steps, &l, err);
}

/* What a person or the command wrote may hold the same words: the last counts. */
bool
journal_revoked_at(const char *how, int64_t *when)
{
	const char *at = NULL;
	time_t said;

	for (const char *next = how; (next = strstr(next, JOURNAL_REVOKED_AT)) != NULL; next++)
		at = next + strlen(JOURNAL_REVOKED_AT);
	if (at == NULL || !timestamp_parse(slice_str(at), &said))
		return false;
	*when = said;
	return true;
}

/* ---- by its key --------------------------------------------------------------------- */

struct finding {
	const struct record *request;
	struct journal_receipt *receipt;
};

static enum answer
find(sqlite3 *db, void *arg, struct error *err)
{
	const struct finding *f = arg;

	return rows_find(db, f->request, f->receipt, err);
}

enum answer
journal_find(struct journal *journal, const struct record *request, struct journal_receipt *receipt, struct error *err)
{
	struct finding f = {request, receipt};

	return store_read(journal_store(journal), find, &f, err);
}
