#include "store/journal_chain.h"

#include "store/digest.h"

#include <string.h>

#define CHAIN_FORMAT 1 /* of what is hashed */

void
chain_read(struct query *q, struct chain_entry *entry)
{
	entry->seq = query_int(q, 0);
	entry->request = query_int(q, 1);
	entry->kind = (enum journal_kind)query_int(q, 2);
	entry->time = query_int(q, 3);
	entry->who = query_text(q, 4);
	entry->how = query_text(q, 5);
	entry->content = query_blob(q, 6);
	entry->previous = query_blob(q, 7);
	entry->hash = query_blob(q, 8);
}

enum answer
chain_hash(const struct chain_entry *e, unsigned char hash[RECORD_DIGEST], struct error *err)
{
	struct digest d;

	digest_begin(&d);
	digest_number(&d, CHAIN_FORMAT);
	digest_number(&d, e->seq);
	digest_octets(&d, e->previous);
	digest_number(&d, e->request);
	digest_number(&d, e->kind);
	digest_number(&d, e->time);
	digest_text(&d, e->who);
	digest_text(&d, e->how);
	digest_octets(&d, e->content);
	return digest_end(&d, hash, err);
}

/* ---- heads -------------------------------------------------------------------- */

static enum answer
ask_head(sqlite3 *db, const char *sql, struct journal_head *head, struct error *err)
{
	struct query q;

	query_init(&q, db, sql);
	if (query_next(&q)) {
		struct slice hash = query_blob(&q, 1);

		head->seq = query_int(&q, 0);
		memset(head->hash, 0, sizeof head->hash);
		if (hash.len == sizeof head->hash)
			memcpy(head->hash, hash.data, hash.len);
	}
	return query_end(&q, err);
}

enum answer
chain_base(sqlite3 *db, struct journal_head *base, struct error *err)
{
	memset(base, 0, sizeof *base);
	return ask_head(db, "SELECT seq, hash FROM base", base, err);
}

/* The last entry, or the base where there is none. */
static enum answer
head_of(sqlite3 *db, struct journal_head *head, struct error *err)
{
	if (chain_base(db, head, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	return ask_head(db, "SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1", head, err);
}

/* ---- writing ------------------------------------------------------------------- */

static enum answer
insert(sqlite3 *db, const struct chain_entry *e, struct error *err)
{
	struct query q;

	query_init(&q, db, "INSERT INTO entries (" CHAIN_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
	query_bind_int(&q, e->seq);
	query_bind_int(&q, e->request);
	query_bind_int(&q, e->kind);
	query_bind_int(&q, e->time);
	query_bind_text(&q, e->who);
	query_bind_text(&q, e->how);
	query_bind_blob(&q, e->content);
	query_bind_blob(&q, e->previous);
	query_bind_blob(&q, e->hash);
	return query_run(&q, err);
}

enum answer
chain_append(sqlite3 *db, struct chain_entry *entry, struct error *err)
{
	unsigned char hash[RECORD_DIGEST];
	struct journal_head head;

	if (head_of(db, &head, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	entry->seq = head.seq + 1;
	entry->previous = slice_of(head.hash, sizeof head.hash);
	if (chain_hash(entry, hash, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	entry->hash = slice_of(hash, sizeof hash);
	return insert(db, entry, err);
}
