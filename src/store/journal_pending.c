#include "store/journal_rows.h"
#include "store/store.h"

/* ---- what is open ---------------------------------------------------------------- */

#define OF_IT "FROM entries e WHERE e.request = c.request AND e.kind "
#define LAST(kinds) "coalesce((SELECT max(e.seq) " OF_IT kinds "), 0)"

_Static_assert(JOURNAL_FAILED == 6 && JOURNAL_EXECUTED == 8 && JOURNAL_RETRY == 19 && JOURNAL_DONE == 20,
	"the numbers of the kinds in SQL are those of the header");

static const char pending_sql[] =
	"SELECT c.request, r.authority, c.state, c.since, r.received, c.noted, "
	"(SELECT count(*) " OF_IT "= 6 AND e.seq > " LAST("= 19") "), "
	"coalesce((SELECT e.time " OF_IT "= 6 ORDER BY e.seq DESC LIMIT 1), 0), "
	LAST("= 19") " > " LAST(KINDS_OF_STATE) ", "
	LAST("= 20") " > " LAST(KINDS_OF_STATE) ", "
	"EXISTS (SELECT 1 FROM requests s JOIN current d ON d.request = s.id WHERE s.authority = r.authority AND "
	"s.serial = r.serial AND s.issuer = r.issuer AND d.state = 8) "
	"FROM current c JOIN requests r ON r.id = c.request WHERE c.state IN " STATES_OPEN " ORDER BY c.request";

struct listing {
	journal_each_pending *each;
	void *arg;
};

static enum answer
list(sqlite3 *db, void *arg, struct error *err)
{
	const struct listing *l = arg;
	struct query q;

	query_init(&q, db, pending_sql);
	while (query_next(&q)) {
		int64_t noted = query_int(&q, 5);
		struct journal_pending p = {.id = query_int(&q, 0), .authority = query_text(&q, 1),
			.state = (enum journal_kind)query_int(&q, 2), .since = query_int(&q, 3), .received = query_int(&q, 4),
			.failures = (unsigned)query_int(&q, 6), .last_failure = query_int(&q, 7), .retry = query_int(&q, 8) != 0,
			.done = query_int(&q, 9) != 0, .half = (noted & NOTED(JOURNAL_HALF)) != 0,
			.late = (noted & NOTED(JOURNAL_LATE)) != 0, .overdue = (noted & NOTED(JOURNAL_OVERDUE)) != 0,
			.revoked = query_int(&q, 10) != 0};

		if (!l->each(l->arg, &p))
			break;
	}
	return query_end(&q, err);
}

enum answer
journal_pending(struct journal *journal, journal_each_pending *each, void *arg, struct error *err)
{
	struct listing l = {each, arg};

	return store_read(journal_store(journal), list, &l, err);
}

/* ---- what was revoked --------------------------------------------------------------- */

struct looking {
	const struct record *request;
	struct journal_revoked *revoked;
};

static enum answer
find(sqlite3 *db, void *arg, struct error *err)
{
	const struct looking *l = arg;
	struct query q;
	bool found;

	query_init(&q, db, "SELECT r.id, e.how FROM requests r JOIN entries e ON e.request = r.id "
		"WHERE r.authority = ? AND r.serial = ? AND r.issuer = ? AND e.kind = ? ORDER BY e.seq LIMIT 1");
	query_bind_text(&q, l->request->authority);
	query_bind_blob(&q, l->request->serial);
	query_bind_blob(&q, l->request->issuer);
	query_bind_int(&q, JOURNAL_EXECUTED);
	found = query_next(&q);
	if (found) {
		l->revoked->id = query_int(&q, 0);
		l->revoked->has_time = journal_revoked_at(query_text(&q, 1), &l->revoked->revoked_at);
	}
	if (query_end(&q, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	return found ? ANSWER_YES : error_no(err, "journal-request", "no request has had it revoked");
}

enum answer
journal_revoked(struct journal *journal, const struct record *request, struct journal_revoked *revoked, struct error *err)
{
	struct looking l = {request, revoked};

	*revoked = (struct journal_revoked){.id = 0};
	return store_read(journal_store(journal), find, &l, err);
}
