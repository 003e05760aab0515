/* inbox: requests that gate has received and worker has not yet dealt with.
 *
 * A file of gate's user: once inbox_put() has said YES, the MTA may be told 250. Worker reads it, writes each request
 * into the journal as received, and judges it there from its evidence; there is nothing in an inbox that could say more.
 * gate removes what the journal holds as decided. Where the journal cannot be read, gate takes nothing: it could
 * not tell a repeat.
 *
 * Answers, deadlines and threads are those of store.h; times are in seconds since 1970.
 */
#ifndef STORE_INBOX_H
#define STORE_INBOX_H

#include "store/journal.h"

#define INBOX_PROOF_MAX (16 * 1024) /* octets */
#define INBOX_BATCH 64              /* requests taken in one transaction */

struct inbox;

/* For gate. The journal is looked into at the path when it is needed, so that it may come later. */
enum answer inbox_open(const char *path, const char *journal_path, struct inbox **inbox, struct error *err);
/* For worker. CANT_TELL: it is not there yet, or cannot be read now. */
enum answer inbox_open_to_read(const char *path, struct inbox **inbox, struct error *err);
void inbox_close(struct inbox *inbox); /* NULL is safe */

/* Of gate. proof: octets for worker that never get into the journal and go with the request (what was encrypted
 * for worker to check a password), may be empty. YES: it is on the disk, now or from before: *receipt says whether it
 * is a repeat and what became of it (RECEIVED as long as worker has not decided; id 0 as long as it is not in the journal).
 * NO: "request". */
enum answer inbox_put(struct inbox *inbox, const struct record *request, struct slice proof,
	const struct timespec *deadline, struct journal_receipt *receipt, struct error *err);
/* The same of several in one transaction: all or none. receipts: count of them. */
struct inbox_item {
	const struct record *request;
	struct slice proof;
};
enum answer inbox_put_all(struct inbox *inbox, const struct inbox_item *items, size_t count, const struct timespec *deadline,
	struct journal_receipt *receipts, struct error *err);
/* Of gate: removes those that are decided. *removed have gone. */
enum answer inbox_tidy(struct inbox *inbox, const struct timespec *deadline, uint64_t *removed, struct error *err);

/* Of worker: the next behind that number of the inbox's (0: from the beginning), copied, at most INBOX_BATCH. What is no
 * request (record_check()) is left out. inbox_batch_free() afterwards, whatever the answer. As gate can spoil the file and the
 * memory behind it, this is best done in a child (worker/reader.h). */
struct inbox_batch {
	struct record *requests[INBOX_BATCH]; /* each for free() */
	size_t count;
	unsigned refused;
	int64_t last; /* the number of the last that was looked at */
	bool more;    /* there may be others */
};
enum answer inbox_read(struct inbox *inbox, int64_t after, struct inbox_batch *batch, struct error *err);
void inbox_batch_free(struct inbox_batch *batch);
/* ... into the journal, in one transaction: taken are new there, repeats were there already. */
struct inbox_taken {
	unsigned taken, repeats;
};
enum answer inbox_bring(const struct inbox_batch *batch, struct journal *journal, int64_t now, const struct timespec *deadline,
	struct inbox_taken *taken, struct error *err);
/* Of worker: the proof of one, appended to out, which its caller ends with buf_wipe(). NO: "journal-request": it is not
 * in the inbox. */
struct buf;
enum answer inbox_proof(struct inbox *inbox, const struct record *request, struct buf *out, struct error *err);

#endif
