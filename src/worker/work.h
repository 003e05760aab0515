/* work: what a worker has at hand; for the files of this room, and tests. */
#ifndef WORKER_WORK_H
#define WORKER_WORK_H

#include "gateway/claim.h"
#include "store/inbox.h"
#include "store/journal.h"

struct work {
	struct gateway *gateway;       /* of the configuration in force; changed by the main thread alone */
	struct journal *journal;
	struct proof_key *proof;
	struct password_work *passwords;
	const char *who;               /* in the journal: "worker" */
};

const struct config *work_config(const struct work *w);
const struct authority *work_authority(const struct work *w, const char *name); /* NULL: the block is there no more */

#endif
