#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum answer
check_secret(const struct stat *st, const char *path, struct error *err)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return error_no(err, "file-mode", "%s belongs to user %u, neither to root nor to user %u who reads it: chown it",
			path, (unsigned)st->st_uid, (unsigned)geteuid());
	if ((st->st_mode & 077) != 0)
		return error_no(err, "file-mode", "%s can be read or written by group or others (mode %04o): chmod 600 %s",
			path, (unsigned)(st->st_mode & 07777), path);
	return ANSWER_YES;
}

enum answer
file_open(const char *path, enum file_kind kind, size_t limit, int *fd, size_t *size, struct error *err)
{
	enum answer answer = ANSWER_YES;
	struct stat st;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd == -1)
		return error_no(err, "file", "cannot open %s: %s", path, strerror(errno));
	if (fstat(*fd, &st) == -1)
		answer = error_no(err, "file", "cannot look at %s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		answer = error_no(err, "file", "%s is not a regular file", path);
	else if (kind == FILE_SECRET)
		answer = check_secret(&st, path, err);
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
