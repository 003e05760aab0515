#include "milter/process.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum answer
process_user_find(const char *name, struct process_user *user, struct error *err)
{
	const struct passwd *entry;

	*user = (struct process_user){.uid = geteuid(), .gid = getegid()};
	if (name == NULL)
		return ANSWER_YES;
	errno = 0;
	entry = getpwnam(name);
	if (entry == NULL)
		return error_no(err, "user", "there is no user %s%s%s", name, errno == 0 ? "" : ": ",
			errno == 0 ? "" : strerror(errno));
	if (geteuid() != 0 && geteuid() != entry->pw_uid)
		return error_no(err, "user", "only root can start processes as user %s", name);
	if (strlen(name) >= sizeof user->name)
		return error_no(err, "user", "the user name %s is too long", name);
	user->given = true;
	strcpy(user->name, name);
	user->uid = entry->pw_uid;
	user->gid = entry->pw_gid;
	return ANSWER_YES;
}

static bool
become(const struct process_user *user)
{
	if (initgroups(user->name, user->gid) != 0 || setgid(user->gid) != 0 || setuid(user->uid) != 0)
		return false;
	/* That the way back is closed is looked at, not believed. */
	return user->uid == 0 || (setuid(0) == -1 && seteuid(0) == -1);
}

enum answer
process_confine(const struct process_user *user, struct error *err)
{
	const struct rlimit none = {0, 0};

	if (user->given && geteuid() == 0 && !become(user))
		return error_no(err, "user", "cannot become user %s: %s", user->name, strerror(errno));
	if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_no(err, "confine", "cannot switch off core dumps and privileges: %s", strerror(errno));
	return ANSWER_YES;
}
