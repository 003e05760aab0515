/* work: what a worker has at hand; for the files of this room, and tests. */
#ifndef WORKER_WORK_H
#define WORKER_WORK_H

#include "gateway/claim.h"
#include "store/inbox.h"
#include "store/journal.h"
#include "store/notices.h"

#define WORK_WRITE_MS 30000 /* that a step may take to get into the journal */

struct work {
	struct gateway *gateway;       /* of the configuration in force; changed by the main thread alone */
	struct journal *journal;
	struct proof_key *proof;
	const char *who;               /* in the journal: "worker" */
};

const struct config *work_config(const struct work *w);
const struct authority *work_authority(const struct work *w, const char *name); /* NULL: the block is there no more */

/* journal_add() with the worker's name and patience. notice may be NULL. */
enum answer work_add(const struct work *w, int64_t request, enum journal_kind kind, int64_t now, const char *how,
	const struct notices_item *notice, struct error *err);

/* Whom what becomes of a request is told. Only judging its evidence says that, which may be possible no more when there is
 * something to tell; so the entry of the decision, which is chained, holds it: at the end of its words, behind WORK_TELLS.
 * "": nobody. CANT_TELL: the journal. */
#define WORK_TELLS "; notices go to "
enum answer work_recipient(const struct work *w, int64_t request, char recipient[NOTICES_ADDRESS_MAX + 1], struct error *err);

#endif
