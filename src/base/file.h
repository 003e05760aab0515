/* file: read a small file whole, and refuse a secret that others can read; write, and say whose a file is.
 *
 * What is looked at is the opened file, so that nobody can exchange it between
 * look and read. A FIFO or device is refused and never waited for.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/error.h"

#include <sys/types.h>

enum file_kind {
	FILE_PUBLIC,
	FILE_SECRET, /* must belong to root or to this process' user, with no right for group or others */
	FILE_SHARED_SECRET, /* as FILE_SECRET; but where root owns it the group may read, as processes of several users do */
};

/* Opens it and looks at what was opened: *fd is the caller's to close, *size its
 * octets, at most limit. For those who read into memory of their own kind. */
enum answer file_open(const char *path, enum file_kind kind, size_t limit, int *fd, size_t *size,
	struct error *err);
/* Reads exactly so many octets from there to data, which has room for one more:
 * a file that has grown or shrunk meanwhile is refused. */
enum answer file_read_into(int fd, const char *path, unsigned char *data, size_t size, struct error *err);

/* Appends the content to out, whose limit is the file's. NO: err names the file
 * and what is wrong with it (codes "file" and "file-mode"). A secret's caller
 * ends with buf_wipe(). */
enum answer file_read(const char *path, enum file_kind kind, struct buf *out, struct error *err);

/* All octets, in however many pieces. False: errno says why not. */
bool file_write(int fd, struct slice octets);

/* The user's name, or the number where it has none. Any thread. */
#define FILE_USER_SIZE 64
const char *file_user_name(uid_t uid, char name[FILE_USER_SIZE]);

#endif
