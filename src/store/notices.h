/* notices: mail to be handed over to the MTA, each once.
 *
 * A notice is queued in the transaction of the step that it tells of (journal_add()), or on its own, and stays until
 * it has been handed over or given up. Its key makes it one: the same again is not queued. Where the process dies
 * between the MTA's 250 and notices_done(), the very same message, with the same Message-ID, goes once more: SMTP has
 * no other way.
 *
 * Answers, deadlines and threads are those of store.h; times are in seconds since 1970.
 */
#ifndef STORE_NOTICES_H
#define STORE_NOTICES_H

#include "store/journal.h"

#define NOTICES_ADDRESS_MAX 320              /* octets */
#define NOTICES_MESSAGE_MAX (1024 * 1024)
#define NOTICES_WORDS_MAX 1000               /* ... of why one was refused; more is cut */
#define NOTICES_DELAY_MIN 60                 /* s between attempts, doubled each time */
#define NOTICES_DELAY_MAX (60 * 60)

struct notices_item {
	const char *authority; /* the block of the configuration: whose seal it gets */
	int64_t request;       /* of the journal; 0: it is about none */
	const char *kind;      /* what it tells: "received", "revoked"; with the three others its key */
	const char *recipient; /* as it goes into RCPT TO */
	struct slice message;  /* header and body as they are sent, with CRLF */
	int64_t created;
};

/* NO: "notice": something is missing or too large. One that is there already, even handed over, is none more: YES. */
enum answer notices_add(struct journal *journal, const struct notices_item *notice, const struct timespec *deadline,
	struct error *err);

/* Borrowed for the call, which must not call the journal's functions. False: enough. */
typedef bool notices_each(void *arg, int64_t id, const struct notices_item *notice, unsigned attempts);

/* Those that are to be handed over at that time, the oldest first. */
enum answer notices_due(struct journal *journal, int64_t now, notices_each *each, void *arg, struct error *err);
/* An attempt begins: the next one, unless it is done, comes after a delay that grows. Written before the MTA is
 * asked, so that where it cannot be written what came of it, or the process dies each time, nobody gets the same
 * again and again. NO: "notice": there is none, or it is done. */
enum answer notices_try(struct journal *journal, int64_t id, int64_t now, const struct timespec *deadline,
	struct error *err);
/* The MTA has it: its message is forgotten, that it was sent is not. NO as above. */
enum answer notices_done(struct journal *journal, int64_t id, int64_t now, const struct timespec *deadline,
	struct error *err);
/* The MTA refuses it for good, and it is given up: as notices_done(), and those words stay. */
enum answer notices_refused(struct journal *journal, int64_t id, const char *words, int64_t now,
	const struct timespec *deadline, struct error *err);

/* What became of one. */
struct notices_fate {
	unsigned attempts;   /* that were begun */
	int64_t done;        /* when the MTA took or refused it; 0: it waits */
	const char *refused; /* why; "": it was not */
};

/* Borrowed for the call, as notices_each; the message is empty where it is done. */
typedef bool notices_each_fate(void *arg, const struct notices_item *notice, const struct notices_fate *fate);
/* All that are about that request, the oldest first. */
enum answer notices_list(struct journal *journal, int64_t request, notices_each_fate *each, void *arg, struct error *err);

/* The room's own: within the transaction of db. */
struct sqlite3;
enum answer notices_insert(struct sqlite3 *db, const struct notices_item *notice, struct error *err);

#endif
