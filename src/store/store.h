/* store: a SQLite database that outlives the process: what was answered YES is on the disk.
 *
 * WAL with synchronous=FULL. One thread writes: it takes what is waiting into one transaction and
 * answers all of them after its COMMIT, so that many who write at a time share one fsync; each
 * piece of work stands in a savepoint of its own, so that one that fails takes nothing with it.
 * Readers see what was committed and do not wait for who writes. Several processes may have the
 * same file open; who may write it is a matter of the file's owner and mode, see HACKING.
 *
 * Whatever goes wrong with the database is CANT_TELL, with the codes of query_error(); "store-timeout"
 * where the deadline came first.
 *
 * Threads: store_write() and store_read() may be called from any. A store is opened after the
 * fork: neither it nor its thread may be carried over one.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define STORE_GROUP_MAX 256   /* pieces of work in one transaction */
#define STORE_WAITING_MAX 1024 /* that may wait at a time; more: CANT_TELL "store-busy" */
#define STORE_BUSY_MS 2000    /* how long a read, or opening, waits for another's lock */
#define STORE_VALUE_MAX (16 * 1024 * 1024) /* octets of one value or row */
#define STORE_FOREIGN_MEMORY (128 * 1024 * 1024) /* see store_limit_memory() */

struct sqlite3;
struct store;

/* What is in it. steps[i] is SQL that leads from version i to i + 1; what has once been released
 * is never changed, only added to. */
struct store_schema {
	const char *name; /* for people: "journal" */
	int32_t application; /* PRAGMA application_id: whose file it is */
	const char *const *steps;
	size_t count;
};

enum store_access {
	STORE_WRITE, /* makes the file where it is missing, and brings an older one up to date */
	STORE_READ,  /* never writes; the file is another user's, who may be hostile */
};

/* Other processes have it open meanwhile, an older version of us too: they go on with what they know.
 * NO: "store-schema": not this kind of file, or made by a newer version. CANT_TELL also: "store-schema": to be
 * read, and not yet brought up to date by who writes it. */
enum answer store_open(const char *path, const struct store_schema *schema, enum store_access access,
	struct store **store, struct error *err);
/* Writes what waits. Nobody may be calling it. NULL is safe. */
void store_close(struct store *store);

/* For a process that does nothing but look into another user's file, before it opens that: SQLite gets STORE_FOREIGN_MEMORY octets
 * and no more, as a table that was made for it has gigabytes sorted in memory. What needs more is CANT_TELL "memory". */
void store_limit_memory(void);

/* Works on db within the transaction, and neither begins nor ends one. What it leaves in arg counts
 * only if store_write() or store_read() answers YES. It must not wait for anything else. */
typedef enum answer store_work(struct sqlite3 *db, void *arg, struct error *err);

/* Of a store that was opened to be written; else CANT_TELL "store-rights". YES: it has been done, and is on the disk. NO:
 * work said so, nothing was changed. CANT_TELL: most likely not; where it is "store-timeout" or "store-full", it may turn
 * out to have been done nevertheless, so what is not to happen twice needs a key that shows it. arg is not used after the
 * return. deadline: CLOCK_MONOTONIC; it bounds waiting for others and for the disk. */
enum answer store_write(struct store *store, store_work *work, void *arg, const struct timespec *deadline,
	struct error *err);
/* One look, consistent in itself, at a time: others wait. Not from within another store_read() of the same store. */
enum answer store_read(struct store *store, store_work *work, void *arg, struct error *err);

struct store_counts {
	uint64_t written;   /* pieces of work that were committed */
	uint64_t commits;   /* transactions */
	unsigned waiting;   /* pieces of work that have not been begun */
};

void store_count(struct store *store, struct store_counts *counts);

#endif
