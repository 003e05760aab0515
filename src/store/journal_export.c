#include "store/journal_chain.h"
#include "store/journal_rows.h"
#include "store/store.h"

struct exporting {
	int64_t from, to;
	struct journal_head *base;
	journal_each_entry *each;
	void *arg;
	bool enough;
};

/* The last column: is it the first of its request that is handed out? */
static const char entries[] =
	"SELECT " CHAIN_COLUMNS ", request <> 0 AND NOT EXISTS (SELECT 1 FROM entries b WHERE b.request = e.request "
	"AND b.seq < e.seq AND b.time BETWEEN ?1 AND ?2) FROM entries e WHERE time BETWEEN ?1 AND ?2 ORDER BY seq";
#define COLUMN_FIRST 9

static void
hand_out(struct exporting *x, const struct chain_entry *e, const struct record *request)
{
	const struct journal_step step = {.request = e->request, .kind = e->kind, .time = e->time, .who = e->who, .how = e->how};
	const struct journal_entry entry = {.seq = e->seq, .step = &step, .content = e->content, .previous = e->previous,
		.hash = e->hash};

	x->enough = !x->each(x->arg, &entry, request);
}

static enum answer
hand_out_first(sqlite3 *db, struct exporting *x, const struct chain_entry *e, struct error *err)
{
	struct record request;
	enum answer answer;
	struct query q;
	bool found;

	query_init(&q, db, "SELECT " RECORD_COLUMNS " FROM requests WHERE id = ?");
	query_bind_int(&q, e->request);
	found = query_next(&q);
	if (found) {
		record_read(&q, 0, &request);
		hand_out(x, e, &request);
	}
	answer = query_end(&q, err);
	if (answer == ANSWER_YES && !found)
		return error_cant_tell(err, "store-damaged", "request %lld is missing", (long long)e->request);
	return answer;
}

static enum answer
export(sqlite3 *db, void *arg, struct error *err)
{
	struct exporting *x = arg;
	enum answer answer = chain_base(db, x->base, err), ended;
	struct chain_entry e;
	struct query q;

	query_init(&q, db, entries);
	query_bind_int(&q, x->from);
	query_bind_int(&q, x->to);
	while (answer == ANSWER_YES && !x->enough && query_next(&q)) {
		bool first = query_int(&q, COLUMN_FIRST) != 0;

		chain_read(&q, &e);
		if (q.rc != SQLITE_ROW)
			break;
		if (first)
			answer = hand_out_first(db, x, &e, err);
		else
			hand_out(x, &e, NULL);
	}
	ended = query_end(&q, answer == ANSWER_YES ? err : NULL);
	return answer == ANSWER_YES ? ended : answer;
}

enum answer
journal_export(struct journal *journal, int64_t from, int64_t to, struct journal_head *base, journal_each_entry *each,
	void *arg, struct error *err)
{
	struct exporting x = {.from = from, .to = to, .base = base, .each = each, .arg = arg};

	return store_read(journal_store(journal), export, &x, err);
}
