/* query: one SQL statement, bound from the left, read row by row.
 *
 *     struct query q;
 *     query_init(&q, db, "SELECT seq FROM entries WHERE request = ?");
 *     query_bind_int(&q, request);
 *     while (query_next(&q))
 *         … query_int(&q, 0) …
 *     answer = query_end(&q, err);
 *
 * What fails is remembered: further calls do nothing, and query_end() says so. The room's own.
 * A query belongs to one thread; each query_init() is followed by one query_end() or query_run().
 */
#ifndef STORE_QUERY_H
#define STORE_QUERY_H

#include "base/error.h"
#include "base/slice.h"

#include <sqlite3.h>

#include <stdint.h>

struct query {
	sqlite3 *db;
	sqlite3_stmt *stmt;
	int rc;    /* SQLITE_OK, SQLITE_ROW, SQLITE_DONE, or what went wrong */
	int bound; /* parameters so far */
};

void query_init(struct query *q, sqlite3 *db, const char *sql);
void query_bind_int(struct query *q, int64_t value);
/* What is bound is borrowed until the end. NULL is bound as an empty text. */
void query_bind_text(struct query *q, const char *text);
/* An empty slice is bound as an empty blob, not as NULL. */
void query_bind_blob(struct query *q, struct slice octets);

/* Is there another row? */
bool query_next(struct query *q);
/* Of the row that is there, columns from 0. Texts and octets are borrowed until the next call
 * with q; a text is never NULL, and with a NUL in it, which none of ours has, the file is damaged. */
int64_t query_int(struct query *q, int column);
const char *query_text(struct query *q, int column);
struct slice query_blob(struct query *q, int column);

/* CANT_TELL: query_error()'s codes. */
enum answer query_end(struct query *q, struct error *err);
/* For a statement without rows: does it, and ends it. */
enum answer query_run(struct query *q, struct error *err);
/* Several statements without parameters or rows. */
enum answer query_script(sqlite3 *db, const char *sql, struct error *err);

/* CANT_TELL, whatever it was, as none of it says anything about the mail. Codes: "store-locked" (somebody else
 * writes for too long), "store-full" (no room, or what is written does not get to the disk), "store-rights",
 * "store-damaged", "memory", "store" (all else). */
enum answer query_error(sqlite3 *db, int rc, struct error *err);

#endif
