#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define USER_ENTRY_SIZE 4096

const char *
file_user_name(uid_t uid, char name[FILE_USER_SIZE])
{
	struct passwd entry, *found = NULL;
	char storage[USER_ENTRY_SIZE];

	if (getpwuid_r(uid, &entry, storage, sizeof storage, &found) == 0 && found != NULL)
		snprintf(name, FILE_USER_SIZE, "%s", entry.pw_name);
	else
		snprintf(name, FILE_USER_SIZE, "%lu", (unsigned long)uid);
	return name;
}

static enum answer
check_secret(const struct stat *st, const char *path, enum file_kind kind, struct error *err)
{
	bool shared = kind == FILE_SHARED_SECRET && st->st_uid == 0;
	char owner[FILE_USER_SIZE], reader[FILE_USER_SIZE];

	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		file_user_name(st->st_uid, owner);
		file_user_name(geteuid(), reader);
		return error_no(err, "file-mode", "%s belongs to user %s, and %s is to read it: chown %s %s", path, owner, reader,
			reader, path);
	}
	if ((st->st_mode & (shared ? 037 : 077)) != 0)
		return error_no(err, "file-mode", "%s can be %s (mode %04o): chmod %s %s", path,
			shared ? "written by group, or read or written by others" : "read or written by group or others",
			(unsigned)(st->st_mode & 07777), shared ? "640" : "600", path);
	return ANSWER_YES;
}

static enum answer
cannot_open(const char *path, int why, struct error *err)
{
	char reader[FILE_USER_SIZE];

	if (why == EACCES)
		return error_no(err, "file", "user %s cannot open %s: %s", file_user_name(geteuid(), reader), path, strerror(why));
	return error_no(err, "file", "cannot open %s: %s", path, strerror(why));
}

enum answer
file_open(const char *path, enum file_kind kind, size_t limit, int *fd, size_t *size, struct error *err)
{
	enum answer answer = ANSWER_YES;
	struct stat st;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd == -1)
		return cannot_open(path, errno, err);
	if (fstat(*fd, &st) == -1)
		answer = error_no(err, "file", "cannot look at %s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		answer = error_no(err, "file", "%s is not a regular file", path);
	else if (kind != FILE_PUBLIC)
		answer = check_secret(&st, path, kind, err);
	if (answer == ANSWER_YES && (st.st_size < 0 || (uintmax_t)st.st_size > limit))
		answer = error_no(err, "file", "%s is larger than %zu octets", path, limit);
	if (answer == ANSWER_YES) {
		*size = (size_t)st.st_size;
		return ANSWER_YES;
	}
	close(*fd);
	*fd = -1;
	return answer;
}

enum answer
file_read_into(int fd, const char *path, unsigned char *data, size_t size, struct error *err)
{
	size_t len = 0;
	ssize_t n;

	/* One octet more than there should be shows a file that grows meanwhile. */
	while (len <= size && (n = read(fd, data + len, size + 1 - len)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return error_no(err, "file", "cannot read %s: %s", path, strerror(errno));
		len += (size_t)n;
	}
	if (len != size)
		return error_no(err, "file", "%s changed while it was read", path);
	return ANSWER_YES;
}

enum answer
file_read(const char *path, enum file_kind kind, struct buf *out, struct error *err)
{
	enum answer answer;
	size_t size;
	int fd;

	answer = file_open(path, kind, out->limit - 1, &fd, &size, err);
	if (answer != ANSWER_YES)
		return answer;
	/* All the room at once: growing would leave copies of a secret behind. */
	if (!buf_reserve(out, size + 1))
		answer = error_cant_tell(err, "memory", "%s: out of memory", path);
	else
		answer = file_read_into(fd, path, out->data + out->len, size, err);
	if (answer == ANSWER_YES)
		out->len += size;
	close(fd);
	return answer;
}

bool
file_write(int fd, struct slice octets)
{
	while (octets.len > 0) {
		ssize_t n = write(fd, octets.data, octets.len);

		if (n == -1 && errno != EINTR)
			return false;
		octets = slice_sub(octets, n == -1 ? 0 : (size_t)n, octets.len);
	}
	return true;
}
