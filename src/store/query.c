#include "store/query.h"

#include <string.h>

void
query_init(struct query *q, sqlite3 *db, const char *sql)
{
	*q = (struct query){.db = db};
	q->rc = sqlite3_prepare_v2(db, sql, -1, &q->stmt, NULL);
}

void
query_bind_int(struct query *q, int64_t value)
{
	if (q->rc == SQLITE_OK)
		q->rc = sqlite3_bind_int64(q->stmt, ++q->bound, value);
}

void
query_bind_text(struct query *q, const char *text)
{
	if (q->rc == SQLITE_OK)
		q->rc = sqlite3_bind_text(q->stmt, ++q->bound, text == NULL ? "" : text, -1, SQLITE_STATIC);
}

void
query_bind_blob(struct query *q, struct slice octets)
{
	if (q->rc == SQLITE_OK)
		q->rc = sqlite3_bind_blob64(q->stmt, ++q->bound, octets.len == 0 ? "" : (const char *)octets.data,
			octets.len, SQLITE_STATIC);
}

bool
query_next(struct query *q)
{
	if (q->rc == SQLITE_OK || q->rc == SQLITE_ROW)
		q->rc = sqlite3_step(q->stmt);
	return q->rc == SQLITE_ROW;
}

int64_t
query_int(struct query *q, int column)
{
	return sqlite3_column_int64(q->stmt, column);
}

const char *
query_text(struct query *q, int column)
{
	const char *text = (const char *)sqlite3_column_text(q->stmt, column);

	if (text == NULL)
		return "";
	if (strlen(text) != (size_t)sqlite3_column_bytes(q->stmt, column))
		q->rc = SQLITE_CORRUPT;
	return text;
}

struct slice
query_blob(struct query *q, int column)
{
	const void *octets = sqlite3_column_blob(q->stmt, column);

	return slice_of(octets, octets == NULL ? 0 : (size_t)sqlite3_column_bytes(q->stmt, column));
}

static bool
is_good(int rc)
{
	return rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE;
}

enum answer
query_end(struct query *q, struct error *err)
{
	enum answer answer = is_good(q->rc) ? ANSWER_YES : query_error(q->db, q->rc, err);

	sqlite3_finalize(q->stmt);
	q->stmt = NULL;
	return answer;
}

enum answer
query_run(struct query *q, struct error *err)
{
	while (query_next(q))
		;
	return query_end(q, err);
}

enum answer
query_script(sqlite3 *db, const char *sql, struct error *err)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? ANSWER_YES : query_error(db, rc, err);
}

static const char *
code_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return "store-locked";
	case SQLITE_FULL:
	case SQLITE_IOERR:
		return "store-full";
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
	case SQLITE_AUTH:
		return "store-rights";
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return "store-damaged";
	case SQLITE_NOMEM:
		return "memory";
	default:
		return "store";
	}
}

enum answer
query_error(sqlite3 *db, int rc, struct error *err)
{
	const char *name = db == NULL ? NULL : sqlite3_db_filename(db, "main");
	const char *slash = name == NULL ? NULL : strrchr(name, '/');

	return error_cant_tell(err, code_of(rc), "%s: %s (%d)", slash == NULL ? "store" : slash + 1,
		db == NULL || (sqlite3_errcode(db) & 0xff) != (rc & 0xff) ? sqlite3_errstr(rc) : sqlite3_errmsg(db), rc);
}
