#include "store/journal_chain.h"
#include "store/journal_rows.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

struct purging {
	int64_t now, before;
	const char *who;
	uint64_t removed;
};

/* The last entry that may go; its seq is that of before where there is none. */
static enum answer
find_last(sqlite3 *db, int64_t before, struct journal_head *last, struct error *err)
{
	struct query q;

	query_init(&q, db, "SELECT seq, hash FROM entries WHERE seq < coalesce("
		"(SELECT min(seq) FROM entries WHERE time >= ? OR request IN "
		"(SELECT request FROM current WHERE state IN " STATES_OPEN ")), 9223372036854775807) "
		"ORDER BY seq DESC LIMIT 1");
	query_bind_int(&q, before);
	if (query_next(&q) && query_blob(&q, 1).len == sizeof last->hash) {
		last->seq = query_int(&q, 0);
		memcpy(last->hash, query_blob(&q, 1).data, sizeof last->hash);
	}
	return query_end(&q, err);
}

static enum answer
set_base(sqlite3 *db, const struct journal_head *last, struct error *err)
{
	struct query q;

	query_init(&q, db, "UPDATE base SET seq = ?, hash = ?");
	query_bind_int(&q, last->seq);
	query_bind_blob(&q, slice_of(last->hash, sizeof last->hash));
	return query_run(&q, err);
}

static enum answer
remove_entries(sqlite3 *db, int64_t last, struct error *err)
{
	struct query q;

	query_init(&q, db, "DELETE FROM entries WHERE seq <= ?");
	query_bind_int(&q, last);
	if (query_run(&q, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	return query_script(db, "DELETE FROM requests WHERE id NOT IN (SELECT request FROM entries);"
		"DELETE FROM current WHERE request NOT IN (SELECT id FROM requests);"
		"DELETE FROM notices WHERE request != 0 AND request NOT IN (SELECT id FROM requests)", err);
}

/* What is about a request goes with it. */
static enum answer
remove_alarms(sqlite3 *db, int64_t before, struct error *err)
{
	struct query q;

	query_init(&q, db, "DELETE FROM notices WHERE request = 0 AND done < ?");
	query_bind_int(&q, before);
	return query_run(&q, err);
}

static enum answer
say_so(sqlite3 *db, const struct purging *p, const struct journal_head *last, struct error *err)
{
	struct chain_entry entry = {.kind = JOURNAL_PURGED, .time = p->now, .who = p->who,
		.content = slice_of(last->hash, sizeof last->hash)};
	char how[128];

	snprintf(how, sizeof how, "%llu entries, up to %lld", (unsigned long long)p->removed, (long long)last->seq);
	entry.how = how;
	return chain_append(db, &entry, err);
}

static enum answer
purge(sqlite3 *db, void *arg, struct error *err)
{
	struct purging *p = arg;
	struct journal_head base, last;

	if (remove_alarms(db, p->before, err) != ANSWER_YES || chain_base(db, &base, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	last = base;
	if (find_last(db, p->before, &last, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	p->removed = (uint64_t)(last.seq - base.seq);
	if (p->removed == 0)
		return ANSWER_YES;
	/* First, so that the chain is never empty in between. */
	if (say_so(db, p, &last, err) != ANSWER_YES || set_base(db, &last, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	return remove_entries(db, last.seq, err);
}

enum answer
journal_purge(struct journal *journal, int64_t now, int64_t retention, const char *who, const struct timespec *deadline,
	uint64_t *removed, struct error *err)
{
	struct purging p = {.now = now, .before = now - retention, .who = who};
	enum answer answer;

	*removed = 0;
	if (retention < JOURNAL_RETENTION_MIN)
		return error_no(err, "retention", "what was done about revocations is kept for ten years at least");
	answer = store_write(journal_store(journal), purge, &p, deadline, err);
	if (answer == ANSWER_YES)
		*removed = p.removed;
	return answer;
}
