/* folders: where gates and worker hand requests for revocation to each other.
 *
 * What keeps gate's user from writing the journal, and worker from having to trust the inbox, are the rights of the two
 * folders and of those above them (HACKING, STORE).
 */
#ifndef WORKER_FOLDERS_H
#define WORKER_FOLDERS_H

#include "base/error.h"
#include "config/config.h"

#include <sys/types.h>

struct folders_user {
	const char *name; /* NULL: the process stays who it is, which uid and gid say all the same */
	uid_t uid;
	gid_t gid;
};

struct folders_users {
	struct folders_user gate, keeper, worker;
};

/* Makes both where they are missing, each with the one above it, and looks at what is there. Where all processes are one user, only
 * that nobody else may write them. NO: users or rights break the design; words say which, what it is and what it should be.
 * CANT_TELL: one cannot be made or looked at. */
enum answer folders_prepare(const struct config *config, const struct folders_users *users, struct error *err);
/* Only looks, at one of both, which is there. */
enum folders_which { FOLDERS_INBOX, FOLDERS_JOURNAL };
enum answer folders_look(const struct config *config, const struct folders_users *users, enum folders_which which,
	struct error *err);

#endif
