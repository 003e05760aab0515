#include "store/store_open.h"

#include "store/query.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAL_KEEP_MAX "4194304" /* octets of the log that stay after a checkpoint */
#define NAMES_MAX 50           /* SQL objects that a file of ours may hold */

/* So that the new name is on the disk before anything is said to be in the file. */
static enum answer
sync_folder(const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	int fd, len;
	bool good;

	len = slash == NULL ? snprintf(folder, sizeof folder, ".") :
		snprintf(folder, sizeof folder, "%.*s", (int)(slash - path + 1), path);
	if (len < 0 || len >= (int)sizeof folder)
		return error_no(err, "file", "the path of %s is too long", path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	good = fd != -1 && fsync(fd) == 0;
	if (fd != -1)
		close(fd);
	return good ? ANSWER_YES : error_cant_tell(err, "store-full", "cannot write %s: %s", folder, strerror(errno));
}

/* Readable by the folder's group, whatever the umask, and by nobody else; its companions get the mode of the file. */
static enum answer
make_file(const char *path, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	bool good;

	if (fd == -1 && errno == EEXIST)
		return ANSWER_YES;
	if (fd == -1)
		return error_cant_tell(err, errno == ENOSPC || errno == EDQUOT ? "store-full" : "store-rights",
			"cannot make %s: %s", path, strerror(errno));
	good = fchmod(fd, 0640) == 0;
	close(fd);
	return good ? sync_folder(path, err) : error_cant_tell(err, "store-rights", "cannot make %s: %s", path, strerror(errno));
}

/* ---- the version ------------------------------------------------------------ */

static enum answer
ask_number(sqlite3 *db, const char *sql, int64_t *number, struct error *err)
{
	struct query q;

	*number = 0;
	query_init(&q, db, sql);
	if (query_next(&q))
		*number = query_int(&q, 0);
	return query_end(&q, err);
}

static enum answer
check_version(sqlite3 *db, const struct store_schema *schema, int64_t application, int64_t version, int64_t objects,
	struct error *err)
{
	const char *path = sqlite3_db_filename(db, "main");
	bool fresh = application == 0 && version == 0 && objects == 0;

	if (!fresh && application != schema->application)
		return error_no(err, "store-schema", "%s is no %s", path, schema->name);
	if (version < 0 || (uint64_t)version > schema->count)
		return error_no(err, "store-schema", "%s is of version %lld, made by a newer version of the program; "
			"this one knows %zu", path, (long long)version, schema->count);
	return ANSWER_YES;
}

static enum answer
ask_version(sqlite3 *db, const struct store_schema *schema, int64_t *version, struct error *err)
{
	int64_t application, objects;

	if (ask_number(db, "PRAGMA application_id", &application, err) != ANSWER_YES ||
	    ask_number(db, "PRAGMA user_version", version, err) != ANSWER_YES ||
	    ask_number(db, "SELECT count(*) FROM sqlite_schema", &objects, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	return check_version(db, schema, application, *version, objects, err);
}

/* In a transaction, which another process waits for that opens it too. */
static enum answer
migrate(sqlite3 *db, const struct store_schema *schema, struct error *err)
{
	char numbers[128];
	enum answer answer;
	int64_t version;

	answer = ask_version(db, schema, &version, err);
	if (answer != ANSWER_YES || (uint64_t)version == schema->count)
		return answer;
	for (size_t i = (size_t)version; i < schema->count && answer == ANSWER_YES; i++)
		answer = query_script(db, schema->steps[i], err);
	snprintf(numbers, sizeof numbers, "PRAGMA application_id = %d; PRAGMA user_version = %zu",
		(int)schema->application, schema->count);
	return answer != ANSWER_YES ? answer : query_script(db, numbers, err);
}

static enum answer
bring_up_to_date(sqlite3 *db, const struct store_schema *schema, struct error *err)
{
	enum answer answer = query_script(db, "BEGIN IMMEDIATE", err);

	if (answer == ANSWER_YES)
		answer = migrate(db, schema, err);
	if (answer == ANSWER_YES)
		answer = query_script(db, "COMMIT", err);
	if (answer != ANSWER_YES && sqlite3_get_autocommit(db) == 0)
		query_script(db, "ROLLBACK", NULL);
	return answer;
}

/* A file that another user writes: what is no table or index of ours could make reading it do something. */
static enum answer
check_foreign(sqlite3 *db, const struct store_schema *schema, struct error *err)
{
	int64_t version, objects;
	enum answer answer;

	answer = ask_version(db, schema, &version, err);
	if (answer != ANSWER_YES)
		return answer;
	if ((uint64_t)version != schema->count)
		return error_cant_tell(err, "store-schema", "the %s is of version %lld, and nobody has brought it up to %zu yet",
			schema->name, (long long)version, schema->count);
	answer = ask_number(db, "SELECT count(*) FROM sqlite_schema", &objects, err);
	if (answer == ANSWER_YES && objects > NAMES_MAX)
		return error_cant_tell(err, "store-damaged", "the %s holds what was not put there by us", schema->name);
	return answer;
}

/* ---- the connection ---------------------------------------------------------- */

/* Views, triggers and the like of a file that somebody else wrote get no say. */
static void
be_careful(sqlite3 *db)
{
	sqlite3_busy_timeout(db, STORE_BUSY_MS);
	sqlite3_extended_result_codes(db, 1);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, STORE_VALUE_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
}

/* WAL is a property of the file; that it could not be had is an answer of the pragma, not an error. */
static enum answer
use_wal(sqlite3 *db, struct error *err)
{
	struct query q;
	bool wal;

	query_init(&q, db, "PRAGMA journal_mode = WAL");
	wal = query_next(&q) && slice_eq_str_nocase(slice_str(query_text(&q, 0)), "wal");
	if (query_end(&q, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	return wal ? ANSWER_YES : error_cant_tell(err, "store", "the file system does not let the store work (no WAL)");
}

/* The log stays when the last one closes: a reader may not make it. */
static enum answer
set_up_writer(sqlite3 *db, struct error *err)
{
	int keep = 1;

	/* Where it may not write SQLite is content to read. */
	if (sqlite3_db_readonly(db, "main") != 0)
		return error_cant_tell(err, "store-rights", "%s may not be written", sqlite3_db_filename(db, "main"));
	sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	if (use_wal(db, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	return query_script(db, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;"
		"PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = " WAL_KEEP_MAX, err);
}

static enum answer
set_up_reader(sqlite3 *db, struct error *err)
{
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	return query_script(db, "PRAGMA query_only = ON; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;"
		"PRAGMA temp_store = MEMORY", err);
}

static enum answer
set_up(sqlite3 *db, const struct store_schema *schema, enum store_access access, struct error *err)
{
	enum answer answer;

	be_careful(db);
	answer = access == STORE_WRITE ? set_up_writer(db, err) : set_up_reader(db, err);
	if (answer == ANSWER_YES)
		answer = access == STORE_WRITE ? bring_up_to_date(db, schema, err) : check_foreign(db, schema, err);
	return answer;
}

/* SQLite alone says neither which file nor why. */
static enum answer
cannot_open(sqlite3 *db, const char *path, int rc, struct error *err)
{
	int reason = db == NULL ? 0 : sqlite3_system_errno(db);

	if ((rc & 0xff) != SQLITE_CANTOPEN || reason == 0)
		return query_error(db, rc, err);
	return error_cant_tell(err, "store-rights", "cannot open %s: %s", path, strerror(reason));
}

void
store_limit_memory(void)
{
	sqlite3_hard_heap_limit64(STORE_FOREIGN_MEMORY);
}

enum answer
store_open_connection(const char *path, const struct store_schema *schema, enum store_access access, sqlite3 **db,
	struct error *err)
{
	int flags = (access == STORE_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX |
		SQLITE_OPEN_PRIVATECACHE;
	enum answer answer = access == STORE_WRITE ? make_file(path, err) : ANSWER_YES;
	int rc;

	*db = NULL;
	if (answer != ANSWER_YES)
		return answer;
	rc = sqlite3_open_v2(path, db, flags, NULL);
	answer = rc == SQLITE_OK ? set_up(*db, schema, access, err) : cannot_open(*db, path, rc, err);
	if (answer != ANSWER_YES) {
		sqlite3_close(*db);
		*db = NULL;
	}
	return answer;
}
