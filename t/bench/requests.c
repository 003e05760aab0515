#include "requests.h"

#include "base/deadline.h"
#include "store/inbox.h"

#include <sqlite3.h>

#include <dlfcn.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RECEIVED 1800000000
#define EVIDENCE_OCTETS 8192 /* text, signature and chain of a person's mail */
#define DEADLINE_MS 60000
#define PATH_ROOM (PATH_MAX + 32) /* for a folder, and a name in it */

static atomic_uint fsyncs;

/* These two stand before the C library's, which SQLite calls. */
int
fdatasync(int fd)
{
	static int (*real)(int);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
	fsyncs++;
	return real(fd);
}

int
fsync(int fd)
{
	static int (*real)(int);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "fsync");
	fsyncs++;
	return real(fd);
}

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool
complain(const char *what, const char *why)
{
	fprintf(stderr, "bench: %s: %s\n", what, why);
	return false;
}

/* ---- requests ---------------------------------------------------------------------- */

static unsigned char evidence[EVIDENCE_OCTETS];

struct numbered {
	unsigned char serial[8], digest[RECORD_DIGEST];
	struct record record;
};

static void
make_request(size_t number, struct numbered *n)
{
	memset(n->digest, 0x5a, sizeof n->digest);
	for (size_t i = 0; i < sizeof n->serial; i++)
		n->serial[i] = n->digest[i] = i == 0 ? 1 : (unsigned char)(number >> 8 * (sizeof n->serial - 1 - i));
	n->record = (struct record){.authority = "ica", .serial = slice_of(n->serial, sizeof n->serial),
		.digest = slice_of(n->digest, sizeof n->digest), .issuer = slice_str("0CN=I.CA"), .form = "signed",
		.message_id = "<1@example.cz>", .mail_digest = slice_of(n->digest, sizeof n->digest), .queue_id = "4XyZ",
		.client = "192.0.2.1", .language = "cs", .reason = "", .signer = slice_of(evidence, EVIDENCE_OCTETS / 4),
		.evidence = slice_of(evidence, sizeof evidence), .received = RECEIVED};
}

/* ---- the floor ------------------------------------------------------------------------ */

static bool
insert_each(sqlite3 *db, size_t count)
{
	sqlite3_stmt *insert = NULL;
	int rc = sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		"CREATE TABLE requests (serial BLOB PRIMARY KEY, signer BLOB, evidence BLOB)", NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, "INSERT INTO requests VALUES (?, ?, ?)", -1, &insert, NULL);
	for (size_t i = 0; rc == SQLITE_OK && i < count; i++) {
		struct numbered n;

		make_request(i, &n);
		sqlite3_bind_blob(insert, 1, n.serial, sizeof n.serial, SQLITE_STATIC);
		sqlite3_bind_blob(insert, 2, n.record.signer.data, (int)n.record.signer.len, SQLITE_STATIC);
		sqlite3_bind_blob(insert, 3, evidence, sizeof evidence, SQLITE_STATIC);
		rc = sqlite3_step(insert) == SQLITE_DONE ? sqlite3_reset(insert) : SQLITE_ERROR;
	}
	sqlite3_finalize(insert);
	return rc == SQLITE_OK;
}

static bool
measure_floor(const char *path, size_t count, struct requests_line *line)
{
	unsigned before = fsyncs;
	double begun = now_s();
	sqlite3 *db = NULL;
	bool ok = sqlite3_open(path, &db) == SQLITE_OK && insert_each(db, count);

	*line = (struct requests_line){"a bare COMMIT each", count, 1, now_s() - begun, fsyncs - before, -1};
	if (!ok)
		complain(path, sqlite3_errmsg(db));
	sqlite3_close(db);
	return ok;
}

/* ---- the inbox -------------------------------------------------------------------------- */

struct putting {
	struct inbox *inbox;
	size_t count;
	atomic_size_t next;
	atomic_bool failed;
	double *ms; /* one for each */
};

static void
put(struct putting *p, size_t number)
{
	const struct timespec deadline = deadline_in(DEADLINE_MS);
	struct journal_receipt receipt;
	struct error err = ERROR_NONE;
	struct numbered n;
	double begun = now_s();

	make_request(number, &n);
	if (inbox_put(p->inbox, &n.record, SLICE_NONE, &deadline, &receipt, &err) != ANSWER_YES || receipt.repeat) {
		complain("inbox", receipt.repeat ? "a repeat" : err.words);
		p->failed = true;
	}
	p->ms[number] = (now_s() - begun) * 1000;
}

static void *
put_all(void *arg)
{
	struct putting *p = arg;
	size_t number;

	while (!p->failed && (number = atomic_fetch_add(&p->next, 1)) < p->count)
		put(p, number);
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static bool
put_by(struct putting *p, unsigned threads)
{
	pthread_t thread[REQUESTS_THREADS];
	unsigned started = 0;

	while (started < threads && pthread_create(&thread[started], NULL, put_all, p) == 0)
		started++;
	for (unsigned i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	return started == threads && !p->failed;
}

static bool
measure_inbox(const char *path, const char *journal_path, size_t count, unsigned threads, struct requests_line *line)
{
	struct putting p = {.count = count, .ms = calloc(count, sizeof *p.ms)};
	struct error err = ERROR_NONE;
	unsigned before;
	double begun;
	bool ok;

	if (p.ms == NULL || inbox_open(path, journal_path, &p.inbox, &err) != ANSWER_YES) {
		free(p.ms);
		return complain(path, err.words);
	}
	before = fsyncs;
	begun = now_s();
	ok = put_by(&p, threads);
	*line = (struct requests_line){"into the inbox", count, threads, now_s() - begun, fsyncs - before, 0};
	qsort(p.ms, count, sizeof *p.ms, compare);
	line->p99_ms = p.ms[count * 99 / 100];
	inbox_close(p.inbox);
	free(p.ms);
	return ok;
}

/* ---- the journal ------------------------------------------------------------------------- */

static bool
bring_all(struct inbox *inbox, struct journal *journal, size_t *taken, struct error *err)
{
	enum answer answer = ANSWER_YES;
	struct inbox_batch batch = {.more = true};

	for (int64_t after = 0; answer == ANSWER_YES && batch.more; after = batch.last) {
		const struct timespec deadline = deadline_in(DEADLINE_MS);
		struct inbox_taken some = {0};

		answer = inbox_read(inbox, after, &batch, err);
		if (answer == ANSWER_YES)
			answer = inbox_bring(&batch, journal, RECEIVED, &deadline, &some, err);
		*taken += some.taken;
		inbox_batch_free(&batch);
	}
	return answer == ANSWER_YES;
}

static bool
measure_journal(const char *inbox_path, struct journal *journal, size_t count, struct requests_line *line)
{
	struct error err = ERROR_NONE;
	struct inbox *inbox;
	unsigned before;
	size_t taken = 0;
	double begun;
	bool ok;

	if (inbox_open_to_read(inbox_path, &inbox, &err) != ANSWER_YES)
		return complain(inbox_path, err.words);
	before = fsyncs;
	begun = now_s();
	ok = bring_all(inbox, journal, &taken, &err);
	*line = (struct requests_line){"from it into the journal", count, 1, now_s() - begun, fsyncs - before, -1};
	inbox_close(inbox);
	return ok && taken == count ? true : complain("journal", ok ? "some are missing" : err.words);
}

/* ---- all of it --------------------------------------------------------------------------- */

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

bool
requests_folder(const char *below, char *ours, size_t size)
{
	char *absolute = realpath(below, NULL);
	bool ok = absolute != NULL && snprintf(ours, size, "%s/bench-requests.XXXXXX", absolute) < (int)size &&
		mkdtemp(ours) != NULL;

	free(absolute);
	return ok || complain(below, "no folder can be made in it");
}

void
requests_remove(const char *ours)
{
	nftw(ours, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

bool
requests_measure(const char *folder, size_t count, struct requests_figures *f)
{
	char bare[PATH_ROOM], one[PATH_ROOM], many[PATH_ROOM], path[PATH_ROOM];
	struct error err = ERROR_NONE;
	struct journal *journal;
	bool ok;

	snprintf(bare, sizeof bare, "%s/bare", folder);
	snprintf(one, sizeof one, "%s/one", folder);
	snprintf(many, sizeof many, "%s/many", folder);
	snprintf(path, sizeof path, "%s/brought", folder);
	if (journal_open(path, &journal, &err) != ANSWER_YES)
		return complain(path, err.words);
	ok = measure_floor(bare, count, &f->line[REQUESTS_FLOOR]) &&
		measure_inbox(one, path, count, 1, &f->line[REQUESTS_ONE]) &&
		measure_inbox(many, path, count, REQUESTS_THREADS, &f->line[REQUESTS_MANY]) &&
		measure_journal(many, journal, count, &f->line[REQUESTS_JOURNAL]);
	journal_close(journal);
	return ok;
}
