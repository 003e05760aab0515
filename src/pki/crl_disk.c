#include "pki/crl_disk.h"

#include "base/file.h"

#include <openssl/sha.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define NOTE_MAX 4096 /* octets of a note */
#define TEMPORARY ".new" /* one is enough: who writes holds the lock */

struct crl_stamp
crl_stamp_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return (struct crl_stamp){.there = false};
	return (struct crl_stamp){.there = true, .device = st.st_dev, .inode = st.st_ino, .size = st.st_size,
		.modified = st.st_mtim, .changed = st.st_ctim};
}

static bool
same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool
crl_stamp_same(const struct crl_stamp *a, const struct crl_stamp *b)
{
	if (!a->there || !b->there)
		return a->there == b->there;
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
		same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

/* ---- the folder ---------------------------------------------------------- */

enum answer
crl_disk_prepare(const char *directory, struct error *err)
{
	struct stat st;

	if (mkdir(directory, 0750) != 0 && errno != EEXIST)
		return error_no(err, "folder", "cannot make %s: %s", directory, strerror(errno));
	if (stat(directory, &st) != 0)
		return error_no(err, "folder", "cannot look at %s: %s", directory, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return error_no(err, "folder", "%s is no folder", directory);
	if ((st.st_mode & S_IWOTH) != 0)
		return error_no(err, "folder", "%s can be written by others (mode %04o): chmod o-w %s", directory,
			(unsigned)(st.st_mode & 07777), directory);
	if (access(directory, R_OK | X_OK) != 0)
		return error_no(err, "folder", "cannot enter %s: %s", directory, strerror(errno));
	return ANSWER_YES;
}

int
crl_disk_lock(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (fd != -1 && flock(fd, LOCK_EX) != 0)
		if (errno != EINTR) {
			close(fd);
			return -1;
		}
	return fd;
}

static bool
fits(int len)
{
	return len > 0 && len < PATH_MAX;
}

bool
crl_disk_paths(const char *directory, const char *url, char list[PATH_MAX], char note[PATH_MAX])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char name[2 * SHA256_DIGEST_LENGTH + 1];

	SHA256((const unsigned char *)url, strlen(url), digest);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(name + 2 * i, 3, "%02x", digest[i]);
	return fits(snprintf(list, PATH_MAX, "%s/%s.crl", directory, name)) &&
		fits(snprintf(note, PATH_MAX, "%s/%s.url", directory, name));
}

bool
crl_disk_note_path(const char *list, char note[PATH_MAX])
{
	size_t len = strlen(list);

	return len > 4 && fits(snprintf(note, PATH_MAX, "%.*s.url", (int)len - 4, list));
}

/* ---- how much there is ------------------------------------------------------- */

struct aged {
	const char *name;
	uint64_t size;
	struct timespec when; /* had, or found unchanged */
};

int
crl_disk_is_list(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && slice_ends_nocase(slice_str(entry->d_name), ".crl");
}

static int
compare_times(struct timespec a, struct timespec b)
{
	if (a.tv_sec != b.tv_sec)
		return a.tv_sec < b.tv_sec ? -1 : 1;
	return a.tv_nsec < b.tv_nsec ? -1 : a.tv_nsec > b.tv_nsec;
}

static int
compare_ages(const void *left, const void *right)
{
	const struct aged *a = left, *b = right;

	return compare_times(a->when, b->when);
}

/* False: no list, or it has just gone. */
static bool
look_at(const char *directory, const char *name, struct aged *one)
{
	char list[PATH_MAX], note[PATH_MAX];
	struct stat st;

	if (!fits(snprintf(list, sizeof list, "%s/%s", directory, name)) || lstat(list, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	*one = (struct aged){.name = name, .size = (uint64_t)st.st_size, .when = st.st_mtim};
	if (crl_disk_note_path(list, note) && lstat(note, &st) == 0 && compare_times(st.st_mtim, one->when) > 0)
		one->when = st.st_mtim;
	return true;
}

static void
remove_list(const char *directory, const char *name)
{
	char list[PATH_MAX], note[PATH_MAX];

	if (!fits(snprintf(list, sizeof list, "%s/%s", directory, name)) || !crl_disk_note_path(list, note))
		return;
	unlink(list);
	unlink(note);
}

static void
remove_oldest(const char *directory, struct aged *all, size_t count, uint64_t total, uint64_t most)
{
	if (total <= most && count < CRL_DISK_LISTS_MAX)
		return;
	qsort(all, count, sizeof *all, compare_ages);
	for (size_t i = 0; i < count && (total > most || count - i >= CRL_DISK_LISTS_MAX); i++) {
		remove_list(directory, all[i].name);
		total -= all[i].size;
	}
}

void
crl_disk_make_room(const char *directory, const char *path, size_t octets, uint64_t most)
{
	const char *slash = strrchr(path, '/'), *own = slash == NULL ? path : slash + 1;
	struct dirent **names = NULL;
	int found = scandir(directory, &names, crl_disk_is_list, NULL);
	struct aged *all = found <= 0 ? NULL : calloc((size_t)found, sizeof *all);
	uint64_t total = octets;
	size_t count = 0;

	for (int i = 0; all != NULL && i < found; i++)
		if (strcmp(names[i]->d_name, own) != 0 && look_at(directory, names[i]->d_name, &all[count]))
			total += all[count++].size;
	if (all != NULL)
		remove_oldest(directory, all, count, total, most);
	for (int i = 0; i < found; i++)
		free(names[i]);
	free(names);
	free(all);
}

/* ---- writing --------------------------------------------------------------- */

static enum answer
cannot_write(const char *path, struct error *err)
{
	return error_no(err, "file", "cannot write %s: %s", path, strerror(errno));
}

enum answer
crl_disk_write(const char *directory, const char *path, struct slice octets, struct error *err)
{
	char temporary[PATH_MAX];
	enum answer answer = ANSWER_YES;
	int fd;

	if (!fits(snprintf(temporary, sizeof temporary, "%s/%s", directory, TEMPORARY)))
		return error_no(err, "file", "the path of %s is too long", directory);
	unlink(temporary); /* of one who died */
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd == -1)
		return cannot_write(temporary, err);
	if (!file_write(fd, octets) || fsync(fd) != 0)
		answer = cannot_write(temporary, err);
	close(fd);
	if (answer == ANSWER_YES && rename(temporary, path) != 0)
		answer = cannot_write(path, err);
	if (answer != ANSWER_YES)
		unlink(temporary);
	return answer;
}

enum answer
crl_disk_write_note(const char *directory, const char *path, const struct crl_note *note, struct error *err)
{
	enum answer answer;
	struct buf text;

	buf_init(&text, NOTE_MAX);
	buf_printf(&text, "url %s\nfetched %lld\n", note->url, (long long)note->fetched);
	if (note->etag[0] != '\0' && strpbrk(note->etag, "\r\n") == NULL)
		buf_printf(&text, "etag %s\n", note->etag);
	if (note->modified != 0)
		buf_printf(&text, "modified %lld\n", (long long)note->modified);
	if (buf_failed(&text))
		answer = error_no(err, "file", "%s: too large", path);
	else
		answer = crl_disk_write(directory, path, buf_slice(&text), err);
	buf_free(&text);
	return answer;
}

/* ---- reading --------------------------------------------------------------- */

static void
read_line(char *line, struct crl_note *note)
{
	char *value = strchr(line, ' ');

	if (value == NULL)
		return;
	*value++ = '\0';
	if (strcmp(line, "url") == 0)
		snprintf(note->url, sizeof note->url, "%s", value);
	else if (strcmp(line, "fetched") == 0)
		note->fetched = (time_t)strtoll(value, NULL, 10);
	else if (strcmp(line, "etag") == 0)
		snprintf(note->etag, sizeof note->etag, "%s", value);
	else if (strcmp(line, "modified") == 0)
		note->modified = (time_t)strtoll(value, NULL, 10);
}

bool
crl_disk_read_note(const char *path, struct crl_note *note)
{
	char *text, *line, *rest;
	struct buf octets;

	memset(note, 0, sizeof *note);
	buf_init(&octets, NOTE_MAX);
	text = file_read(path, FILE_PUBLIC, &octets, NULL) == ANSWER_YES ? slice_dup(buf_slice(&octets)) : NULL;
	buf_free(&octets);
	if (text == NULL)
		return false;
	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
		read_line(line, note);
	free(text);
	return note->url[0] != '\0';
}
