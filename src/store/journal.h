/* journal: what was asked, decided and done about revocations, and by whom.
 *
 * Append-only: a request is a row that never changes, and what becomes of it are entries behind one another,
 * each of which holds the hash of the one before it and the digest of the request that it is about.
 * journal_verify() names the first entry that is not as it was written. That the end was cut off, or all of it
 * written anew, shows only to somebody who has kept the hash of an earlier head.
 *
 *     received -> [waiting ->] accepted | refused
 *     accepted -> begun -> executed | failed (tried again) | interrupted (waits for a person)
 *
 * Only the worker's user, and root, may write it; all others read. What gate's user hands in comes through the
 * inbox and is received, whatever it says; see HACKING.
 *
 * Times are arguments, in seconds since 1970. Answers, deadlines and threads are those of store.h.
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "base/error.h"
#include "store/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define JOURNAL_DEADLINE (24 * 60 * 60)                  /* s from receipt until it must be carried out */
#define JOURNAL_RETENTION_MIN (3653LL * 24 * 60 * 60)    /* s: ten years */
#define JOURNAL_WHO_MAX 256  /* octets */
#define JOURNAL_HOW_MAX 4000 /* octets; more is cut */
/* How EXECUTED and DONE say when the authority revoked it, where that is known: at the end of their how, with a time in UTC
 * behind it, "revoked-at=2026-01-26T14:38:03Z" (base/timestamp.h). */
#define JOURNAL_REVOKED_AT "revoked-at="

/* The numbers are those in the file. */
enum journal_kind {
	/* States. */
	JOURNAL_RECEIVED = 1,
	JOURNAL_WAITING = 2,     /* for a person's decision */
	JOURNAL_ACCEPTED = 3,
	JOURNAL_REFUSED = 4,     /* the end */
	JOURNAL_BEGUN = 5,       /* the command runs; where nobody is running it, it has been interrupted */
	JOURNAL_FAILED = 6,      /* and will be tried again */
	JOURNAL_INTERRUPTED = 7, /* it was begun, and how it stands a person has to look at: what was done is not known, or
	                          * the command said so */
	JOURNAL_EXECUTED = 8,    /* the end */
	/* What changes no state, of an open request; warnings and alarm once a request. */
	JOURNAL_HALF = 16,       /* warned at half of the deadline */
	JOURNAL_LATE = 17,       /* ... at nine tenths */
	JOURNAL_OVERDUE = 18,    /* alarmed past it */
	JOURNAL_RETRY = 19,      /* somebody wants it to be tried now */
	JOURNAL_DONE = 20,       /* somebody has done by hand what the command would do: worker executes it and tells the writer */
	/* About the journal. */
	JOURNAL_PURGED = 32,     /* what was before it and too old has gone */
};

/* "received" and so on; "unknown". */
const char *journal_kind_text(enum journal_kind kind);
/* Neither refused nor executed. */
bool journal_is_open(enum journal_kind state);

struct journal;
struct store;
struct notices_item;

/* In the worker and for commands that decide something: makes it where it is missing. */
enum answer journal_open(const char *path, struct journal **journal, struct error *err);
/* In all others. CANT_TELL: it is not there yet, or cannot be read now. */
enum answer journal_open_to_read(const char *path, struct journal **journal, struct error *err);
void journal_close(struct journal *journal); /* NULL is safe */
/* For notices.h; stays the journal's. */
struct store *journal_store(struct journal *journal);

/* ---- writing ---------------------------------------------------------------------- */

struct journal_receipt {
	int64_t id;
	bool repeat;             /* it was there already, and nothing was written */
	enum journal_kind state;
	int64_t received;        /* the first time */
};

/* Writes it as received, whatever gate says. A time of receipt later than now becomes now, as the deadline counts
 * from it. NO: "request", of record_check(). */
enum answer journal_receive(struct journal *journal, const struct record *request, int64_t now, const char *how,
	const struct timespec *deadline, struct journal_receipt *receipt, struct error *err);

struct journal_step {
	int64_t request;
	enum journal_kind kind; /* a state or what changes none; not RECEIVED, not PURGED */
	int64_t time;
	const char *who;        /* "worker", "operator root" */
	const char *how;        /* in words: why, or what the command said */
};

/* With a notice (NULL: none) that is queued in the same transaction. NO: "journal-request": there is none of that
 * number; "journal-state": that step does not follow the state that it is in, or was noted already. */
enum answer journal_add(struct journal *journal, const struct journal_step *step, const struct notices_item *notice,
	const struct timespec *deadline, struct error *err);

/* Removes the oldest entries, as far as all are older than retention seconds, which are at least
 * JOURNAL_RETENTION_MIN, and belong to requests that have come to an end; and requests without entries, with their
 * notices, and as old alarms about none. What is left stays verifiable: an entry says where it now begins. *removed
 * entries have gone. NO: "retention". */
enum answer journal_purge(struct journal *journal, int64_t now, int64_t retention, const char *who,
	const struct timespec *deadline, uint64_t *removed, struct error *err);

/* ---- reading ---------------------------------------------------------------------- */

struct journal_item {
	int64_t id;
	const struct record *request; /* borrowed for the call */
	enum journal_kind state;
	int64_t since;                 /* when it got into it */
	int64_t deadline;              /* by which it is to be executed */
};

enum journal_filter {
	JOURNAL_ALL,
	JOURNAL_OPEN,
	JOURNAL_PAST_DEADLINE, /* open, and its deadline has passed, noted or not */
};

/* Must not call the journal's functions. False: enough. */
typedef bool journal_each(void *arg, const struct journal_item *item);
typedef bool journal_each_step(void *arg, int64_t seq, const struct journal_step *step);

/* The oldest first. now: for JOURNAL_PAST_DEADLINE. */
enum answer journal_list(struct journal *journal, enum journal_filter filter, int64_t now, journal_each *each, void *arg,
	struct error *err);
/* NO: "journal-request". */
enum answer journal_show(struct journal *journal, int64_t id, journal_each *each, journal_each_step *each_step, void *arg,
	struct error *err);
/* The entries about requests behind that number, the oldest first. */
enum answer journal_steps(struct journal *journal, int64_t after, journal_each_step *each, void *arg, struct error *err);
/* When the authority revoked it, as the how of EXECUTED or DONE says. False: it does not. Pure. */
bool journal_revoked_at(const char *how, int64_t *when);
/* Has this one been received (by its key)? NO: it has not. */
enum answer journal_find(struct journal *journal, const struct record *request, struct journal_receipt *receipt,
	struct error *err);

/* What the next step of an open request hangs on. Borrowed for the call. */
struct journal_pending {
	int64_t id;
	const char *authority;
	enum journal_kind state;
	int64_t since;           /* when it got into it */
	int64_t received;
	unsigned failures;       /* FAILED, since somebody wanted it to be tried */
	int64_t last_failure;    /* when the last of all was */
	bool retry, done;        /* was noted since it got into its state */
	bool half, late, overdue;
	bool revoked;            /* another request has had its certificate revoked: journal_revoked() */
};

typedef bool journal_each_pending(void *arg, const struct journal_pending *pending);

/* All that are open, the oldest first. */
enum answer journal_pending(struct journal *journal, journal_each_pending *each, void *arg, struct error *err);

struct journal_revoked {
	int64_t id; /* whose request did it */
	bool has_time;
	int64_t revoked_at;
};

/* Has the certificate of that authority, issuer and serial number been revoked by a request, whichever? NO: "journal-request". */
enum answer journal_revoked(struct journal *journal, const struct record *request, struct journal_revoked *revoked,
	struct error *err);

struct journal_head {
	int64_t seq; /* of the last entry; 0: there is none */
	unsigned char hash[RECORD_DIGEST];
};

/* known: a head of before that must still be part of it, or NULL; one that was purged meanwhile is not looked for.
 * YES: *head is the last one. NO: "journal-chain": *bad is the number of the first entry that is not as it was
 * written, is missing, or where what was derived from the entries differs from them; words say what. */
enum answer journal_verify(struct journal *journal, const struct journal_head *known, struct journal_head *head,
	int64_t *bad, struct error *err);

/* For an auditor: the entries of that time, both ends included, in their order, and in one look. *base, where the journal
 * begins, is filled in before the first call. request: what the entry is about, with the first of its entries that are
 * handed out; else NULL. All is borrowed for the call, which must not call the journal's functions; false: enough. */
struct journal_entry {
	int64_t seq;
	const struct journal_step *step;           /* request 0: about the journal */
	struct slice content, previous, hash;      /* as journal_chain.h has them */
};
typedef bool journal_each_entry(void *arg, const struct journal_entry *entry, const struct record *request);
enum answer journal_export(struct journal *journal, int64_t from, int64_t to, struct journal_head *base,
	journal_each_entry *each, void *arg, struct error *err);

#endif
