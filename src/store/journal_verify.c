#include "store/journal_chain.h"
#include "store/journal_rows.h"
#include "store/store.h"

#include <string.h>

struct verifying {
	const struct journal_head *known;
	struct journal_head *head; /* as far as all is well */
	int64_t *bad;
};

static bool
is_hash(struct slice octets, const unsigned char hash[RECORD_DIGEST])
{
	return slice_eq(octets, slice_of(hash, RECORD_DIGEST));
}

static enum answer
fault(const struct verifying *v, int64_t seq, struct error *err, const char *words)
{
	*v->bad = seq;
	return error_no(err, "journal-chain", "entry %lld: %s", (long long)seq, words);
}

/* What cannot be read of the file is not as it was written either. */
static enum answer
unreadable(const struct verifying *v, int64_t seq, const struct error *why, struct error *err)
{
	if (strcmp(why->code, "store-damaged") == 0)
		return fault(v, seq, err, "it, or the request that it is about, cannot be read");
	if (err != NULL)
		*err = *why;
	return ANSWER_CANT_TELL;
}

/* ---- one entry ----------------------------------------------------------------- */

/* Is the request still the one that the entry is about? */
static enum answer
check_content(sqlite3 *db, const struct verifying *v, const struct chain_entry *e, struct error *err)
{
	unsigned char digest[RECORD_DIGEST];
	enum answer answer = ANSWER_YES;
	struct error why = ERROR_NONE;
	struct record request;
	struct query q;
	bool found;

	query_init(&q, db, "SELECT " RECORD_COLUMNS " FROM requests WHERE id = ?");
	query_bind_int(&q, e->request);
	found = query_next(&q);
	if (found) {
		record_read(&q, 0, &request);
		answer = record_digest(&request, digest, err);
	}
	if (query_end(&q, &why) != ANSWER_YES)
		return unreadable(v, e->seq, &why, err);
	if (answer != ANSWER_YES)
		return answer;
	if (!found)
		return fault(v, e->seq, err, "the request that it is about is missing");
	return is_hash(e->content, digest) ? ANSWER_YES : fault(v, e->seq, err, "the request that it is about was changed");
}

static enum answer
check_entry(sqlite3 *db, const struct verifying *v, const struct chain_entry *e, struct error *err)
{
	unsigned char hash[RECORD_DIGEST];

	if (e->seq != v->head->seq + 1)
		return fault(v, v->head->seq + 1, err, "it is missing");
	if (!is_hash(e->previous, v->head->hash))
		return fault(v, e->seq, err, "it does not follow the one before it");
	if (chain_hash(e, hash, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	if (!is_hash(e->hash, hash))
		return fault(v, e->seq, err, "it was changed");
	if (v->known != NULL && v->known->seq == e->seq && memcmp(v->known->hash, hash, sizeof hash) != 0)
		return fault(v, e->seq, err, "it is not the one that it was when its hash was noted");
	return e->kind == JOURNAL_PURGED ? ANSWER_YES : check_content(db, v, e, err);
}

static enum answer
check_entries(sqlite3 *db, const struct verifying *v, struct error *err)
{
	enum answer answer = ANSWER_YES;
	struct error why = ERROR_NONE;
	struct chain_entry e;
	struct query q;

	query_init(&q, db, "SELECT " CHAIN_COLUMNS " FROM entries ORDER BY seq");
	while (answer == ANSWER_YES && query_next(&q)) {
		chain_read(&q, &e);
		answer = q.rc == SQLITE_ROW ? check_entry(db, v, &e, err) : ANSWER_YES;
		if (answer == ANSWER_YES && q.rc == SQLITE_ROW) {
			v->head->seq = e.seq;
			memcpy(v->head->hash, e.hash.data, sizeof v->head->hash);
		}
	}
	if (query_end(&q, &why) != ANSWER_YES && answer == ANSWER_YES)
		return unreadable(v, v->head->seq + 1, &why, err);
	return answer;
}

/* ---- both ends -------------------------------------------------------------------- */

/* Where something was purged, an entry that is still there says so, and that it ended there. */
static enum answer
check_base(sqlite3 *db, const struct verifying *v, const struct journal_head *base, struct error *err)
{
	bool good = base->seq == 0;
	struct query q;

	query_init(&q, db, "SELECT content FROM entries WHERE kind = ? ORDER BY seq DESC LIMIT 1");
	query_bind_int(&q, JOURNAL_PURGED);
	if (query_next(&q))
		good = is_hash(query_blob(&q, 0), base->hash);
	if (query_end(&q, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	return good ? ANSWER_YES : fault(v, base->seq + 1, err, "what was before it is gone, and no entry says that it was purged");
}

static enum answer
check_end(const struct verifying *v, struct error *err)
{
	if (v->known != NULL && v->known->seq > v->head->seq)
		return fault(v, v->head->seq + 1, err, "it is missing, and so is what followed it when a hash was noted");
	return ANSWER_YES;
}

/* ---- what was derived ------------------------------------------------------------- */

/* Requests without entries, requests that are not listed, and those that are listed as something else. The seq is that of
 * their last entry; 0: there is none. */
#define LAST_STATE "(SELECT kind FROM entries e WHERE e.request = c.request AND kind " KINDS_OF_STATE \
	" ORDER BY seq DESC LIMIT 1)"
#define WARNINGS "(SELECT count(DISTINCT kind) FROM entries e WHERE e.request = c.request AND kind " KINDS_NOTED ")"
#define WHOLE "EXISTS (SELECT 1 FROM entries e WHERE e.request = c.request AND kind = 1)" /* nothing of it was purged */
#define LAST_SEQ(id) "(SELECT coalesce(max(seq), 0) FROM entries e WHERE e.request = " id ")"

static const char derived[] =
	"SELECT " LAST_SEQ("r.id") " FROM requests r LEFT JOIN current c ON c.request = r.id "
	"WHERE c.request IS NULL OR NOT EXISTS (SELECT 1 FROM entries e WHERE e.request = r.id) "
	"UNION ALL "
	"SELECT " LAST_SEQ("c.request") " FROM current c WHERE c.state IS NOT " LAST_STATE " "
	"OR (" WHOLE " AND (c.noted & 1) + (c.noted >> 1 & 1) + (c.noted >> 2 & 1) <> " WARNINGS ") "
	"OR NOT EXISTS (SELECT 1 FROM requests r WHERE r.id = c.request) "
	"ORDER BY 1 LIMIT 1";

static enum answer
check_derived(sqlite3 *db, const struct verifying *v, struct error *err)
{
	int64_t seq = 0;
	struct query q;
	bool found;

	query_init(&q, db, derived);
	found = query_next(&q);
	if (found)
		seq = query_int(&q, 0);
	if (query_end(&q, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	return found ? fault(v, seq, err, "the list of requests does not agree with the entries") : ANSWER_YES;
}

static enum answer
verify(sqlite3 *db, void *arg, struct error *err)
{
	const struct verifying *v = arg;
	struct journal_head base;
	enum answer answer;

	answer = chain_base(db, &base, err);
	*v->head = base;
	if (answer == ANSWER_YES)
		answer = check_entries(db, v, err);
	if (answer == ANSWER_YES)
		answer = check_base(db, v, &base, err);
	if (answer == ANSWER_YES)
		answer = check_end(v, err);
	return answer == ANSWER_YES ? check_derived(db, v, err) : answer;
}

enum answer
journal_verify(struct journal *journal, const struct journal_head *known, struct journal_head *head, int64_t *bad,
	struct error *err)
{
	struct verifying v = {known, head, bad};

	memset(head, 0, sizeof *head);
	*bad = 0;
	return store_read(journal_store(journal), verify, &v, err);
}
