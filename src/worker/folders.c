#include "worker/folders.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE_SHARED 02750 /* files in it get the group of the folder, which is the reader's */
#define MODE_OWN 0700
#define MODE_ABOVE 0755

/* One folder, and what it should be like. */
struct folder {
	const char *option, *path;
	bool shared;  /* else one user is all */
	uid_t owner;
	gid_t group;
	uid_t hostile; /* gate's user, who must not be able to put another one in its place; shared only */
};

/* The name, or the number where there is none. */
static const char *
group_name(gid_t gid, char name[FILE_USER_SIZE])
{
	const struct group *entry = getgrgid(gid);

	snprintf(name, FILE_USER_SIZE, "%lu", (unsigned long)gid);
	if (entry != NULL)
		snprintf(name, FILE_USER_SIZE, "%s", entry->gr_name);
	return name;
}

/* ---- making ------------------------------------------------------------------------ */

static enum answer
cannot(const struct folder *f, const char *what, struct error *err)
{
	return error_cant_tell(err, f->option, "%s: cannot %s %s: %s", f->option, what, f->path, strerror(errno));
}

/* The one above it only: a misspelt path shows. */
static void
make_above(const char *path)
{
	char above[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (slash != NULL && slash != path && (size_t)(slash - path) < sizeof above) {
		snprintf(above, sizeof above, "%.*s", (int)(slash - path), path);
		mkdir(above, MODE_ABOVE);
	}
}

static enum answer
make(const struct folder *f, struct error *err)
{
	int fd;
	bool good;

	if (mkdir(f->path, MODE_OWN) != 0) {
		if (errno == ENOENT) {
			make_above(f->path);
			if (mkdir(f->path, MODE_OWN) != 0 && errno != EEXIST)
				return cannot(f, "make", err);
		} else {
			return errno == EEXIST ? ANSWER_YES : cannot(f, "make", err);
		}
	}
	if (!f->shared)
		return ANSWER_YES;
	fd = open(f->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	good = fd != -1 && fchown(fd, f->owner, f->group) == 0 && fchmod(fd, MODE_SHARED) == 0;
	if (!good)
		cannot(f, "set the rights of", err);
	if (fd != -1)
		close(fd);
	return good ? ANSWER_YES : ANSWER_CANT_TELL;
}

/* ---- looking ------------------------------------------------------------------------- */

static enum answer
bad_rights(const struct folder *f, const struct stat *st, struct error *err)
{
	char owner[FILE_USER_SIZE], group[FILE_USER_SIZE], right_owner[FILE_USER_SIZE], right_group[FILE_USER_SIZE];

	file_user_name(st->st_uid, owner);
	group_name(st->st_gid, group);
	file_user_name(f->owner, right_owner);
	group_name(f->group, right_group);
	return error_no(err, f->option, "%s: %s belongs to %s:%s with mode %04o, and must belong to %s:%s with mode %04o: "
		"chown %s:%s %s; chmod %04o %s", f->option, f->path, owner, group, (unsigned)(st->st_mode & 07777),
		right_owner, right_group, MODE_SHARED, right_owner, right_group, f->path, MODE_SHARED, f->path);
}

static enum answer
check(const struct folder *f, struct error *err)
{
	struct stat st;

	if (lstat(f->path, &st) != 0)
		return cannot(f, "look at", err);
	if (!S_ISDIR(st.st_mode))
		return error_no(err, f->option, "%s: %s is not a folder%s", f->option, f->path,
			S_ISLNK(st.st_mode) ? " but a symbolic link: name what it leads to" : "");
	if (!f->shared && (st.st_mode & 022) != 0)
		return error_no(err, f->option, "%s: %s can be written by others (mode %04o): chmod %04o %s", f->option, f->path,
			(unsigned)(st.st_mode & 07777), MODE_OWN, f->path);
	if (f->shared && (st.st_uid != f->owner || st.st_gid != f->group || (st.st_mode & 022) != 0 ||
	    (st.st_mode & MODE_SHARED) != MODE_SHARED))
		return bad_rights(f, &st, err);
	return ANSWER_YES;
}

/* Whoever may write a folder above can put another one in its place, but where only owners may take things away (/tmp). */
static enum answer
check_above(const struct folder *f, const char *above, struct error *err)
{
	char owner[FILE_USER_SIZE];
	struct stat st;

	if (lstat(above, &st) != 0)
		return error_cant_tell(err, f->option, "%s: cannot look at %s: %s", f->option, above, strerror(errno));
	if (st.st_uid == f->hostile && f->hostile != 0)
		return error_no(err, f->option, "%s: %s, above %s, belongs to user %s, who could put another folder in its place: "
			"chown root %s", f->option, above, f->path, file_user_name(st.st_uid, owner), above);
	if ((st.st_mode & 022) != 0 && (st.st_mode & S_ISVTX) == 0)
		return error_no(err, f->option, "%s: %s, above %s, can be written by others (mode %04o), who could put another "
			"folder in its place: chmod go-w %s", f->option, above, f->path, (unsigned)(st.st_mode & 07777), above);
	return ANSWER_YES;
}

static enum answer
check_all_above(const struct folder *f, struct error *err)
{
	char path[PATH_MAX], *slash;

	if (realpath(f->path, path) == NULL)
		return cannot(f, "find", err);
	while ((slash = strrchr(path, '/')) != NULL && slash != path) {
		enum answer answer;

		*slash = '\0';
		answer = check_above(f, path, err);
		if (answer != ANSWER_YES)
			return answer;
	}
	return check_above(f, "/", err);
}

static enum answer
look(const struct folder *f, struct error *err)
{
	enum answer answer = check(f, err);

	return answer == ANSWER_YES && f->shared ? check_all_above(f, err) : answer;
}

/* ---- all -------------------------------------------------------------------------------- */

/* As one user gate could do all that worker may. */
static enum answer
check_users(const struct folders_users *users, struct error *err)
{
	const struct folders_user *worker = &users->worker;

	if (worker->name == NULL)
		return error_no(err, "worker-user", "revocation blocks need worker-user where user is set: whoever reads mail must "
			"not be able to revoke certificates, nor root have to");
	if (worker->uid == users->gate.uid)
		return error_no(err, "worker-user", "worker-user and user are both %s: whoever reads mail could revoke any "
			"certificate", worker->name);
	if (users->keeper.name != NULL && worker->uid == users->keeper.uid)
		return error_no(err, "worker-user", "worker-user and keeper-user are both %s: commands could read private keys",
			worker->name);
	return ANSWER_YES;
}

static bool
is_shared(const struct folders_users *users)
{
	return geteuid() == 0 && (users->gate.name != NULL || users->worker.name != NULL);
}

static struct folder
folder_of(const struct config *config, const struct folders_users *users, enum folders_which which)
{
	if (which == FOLDERS_INBOX)
		return (struct folder){.option = "inbox-directory", .path = config->inbox_directory, .shared = is_shared(users),
			.owner = users->gate.uid, .group = users->worker.gid, .hostile = users->gate.uid};
	return (struct folder){.option = "journal-directory", .path = config->journal_directory, .shared = is_shared(users),
		.owner = users->worker.uid, .group = users->gate.gid, .hostile = users->gate.uid};
}

enum answer
folders_look(const struct config *config, const struct folders_users *users, enum folders_which which, struct error *err)
{
	const struct folder f = folder_of(config, users, which);

	return look(&f, err);
}

enum answer
folders_prepare(const struct config *config, const struct folders_users *users, struct error *err)
{
	static const enum folders_which both[] = {FOLDERS_INBOX, FOLDERS_JOURNAL};
	enum answer answer = is_shared(users) ? check_users(users, err) : ANSWER_YES;

	for (size_t i = 0; answer == ANSWER_YES && i < sizeof both / sizeof *both; i++) {
		const struct folder f = folder_of(config, users, both[i]);

		answer = make(&f, err);
		if (answer == ANSWER_YES)
			answer = look(&f, err);
	}
	return answer;
}
