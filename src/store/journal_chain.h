/* journal_chain: the entries of the journal, chained.
 *
 * The hash of an entry is SHA-256 over its format, number, the hash before it and all that it says, each part with
 * its length. The room's own; called within a transaction.
 */
#ifndef STORE_JOURNAL_CHAIN_H
#define STORE_JOURNAL_CHAIN_H

#include "store/journal.h"
#include "store/query.h"

struct chain_entry {
	int64_t seq;            /* 1, 2, 3 ... without a gap */
	int64_t request;        /* 0: about the journal */
	enum journal_kind kind;
	int64_t time;
	const char *who;
	const char *how;
	struct slice content;   /* digest of the request; of PURGED the hash that the journal now begins behind */
	struct slice previous;
	struct slice hash;
};

#define CHAIN_COLUMNS "seq, request, kind, time, who, how, content, previous, hash"

/* From the columns 0 on; borrowed from the row. */
void chain_read(struct query *q, struct chain_entry *entry);
enum answer chain_hash(const struct chain_entry *entry, unsigned char hash[RECORD_DIGEST], struct error *err);
/* Where the journal begins: the number and the hash before its first entry. */
enum answer chain_base(sqlite3 *db, struct journal_head *base, struct error *err);
/* Writes it behind the last. entry: what it says; seq, previous and hash are set here, and are of no use afterwards. */
enum answer chain_append(sqlite3 *db, struct chain_entry *entry, struct error *err);

#endif
