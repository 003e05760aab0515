/* folders: where gates and worker hand requests for revocation to each other.
 *
 * What keeps gate's user from writing the journal, and worker from having to trust the inbox, are the rights of the two
 * folders and of those above them (HACKING, STORE).
 */
#ifndef MILTER_FOLDERS_H
#define MILTER_FOLDERS_H

#include "config/config.h"
#include "milter/process.h"

struct folders_users {
	const struct process_user *gate, *keeper, *worker;
};

/* Makes both where they are missing, each with the one above it, and looks at what is there. Where all processes are one user, only
 * that nobody else may write them. NO: users or rights break the design; words say which, what it is and what it should be.
 * CANT_TELL: one cannot be made or looked at. */
enum answer folders_prepare(const struct config *config, const struct folders_users *users, struct error *err);

#endif
