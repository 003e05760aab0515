/* process: what a child of the supervisor takes off before it touches mail or keys.
 */
#ifndef MILTER_PROCESS_H
#define MILTER_PROCESS_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct process_user {
	bool given;
	char name[64];
	uid_t uid;
	gid_t gid;
};

/* name NULL: stay who we are. NO: there is no such user, or only root could
 * become that user. */
enum answer process_user_find(const char *name, struct process_user *user, struct error *err);

/* Becomes that user with its groups, for good; gives up new privileges and core
 * dumps, and keeps the same user's processes out of /proc/self. */
enum answer process_confine(const struct process_user *user, struct error *err);

#endif
