/* crl_disk: lists of revoked certificates in status-directory.
 *
 * The list of a URL is SHA-256(URL) in hexadecimal with ".crl" behind it, so that nothing that a
 * certificate holds becomes a path; beside it, with ".url", stands where it came from and when.
 * What is written replaces what is there atomically, list first: where a process dies between
 * the two, the list is only fetched once more than needed. Several processes share the
 * folder: who writes holds its lock (flock), and looks before whether another was faster.
 *
 * The room's own, for crl_cache.c and crl_files.c. Threads: all functions may be called from any.
 */
#ifndef PKI_CRL_DISK_H
#define PKI_CRL_DISK_H

#include "base/buf.h"
#include "base/error.h"
#include "fetch/fetch.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

#define CRL_DISK_IMPORTED "imported"
#define CRL_DISK_LISTS_MAX 4096 /* of URLs */

/* What tells whether a file is still as it was. */
struct crl_stamp {
	bool there;
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
	struct timespec changed;
};

/* Of a path that cannot be looked at: not there. */
struct crl_stamp crl_stamp_of(const char *path);
bool crl_stamp_same(const struct crl_stamp *a, const struct crl_stamp *b);

/* Where a list came from. */
struct crl_note {
	char url[FETCH_URL_MAX + 1];
	time_t fetched;           /* had, or found unchanged */
	char etag[FETCH_TAG_MAX]; /* "": none */
	time_t modified;          /* its Last-Modified; 0: not known */
};

/* Makes the folder where only it is missing. NO: "folder": it is none, others may write to it, or
 * it cannot be made or entered. */
enum answer crl_disk_prepare(const char *directory, struct error *err);

/* Of the list and of its note. False: too long. */
bool crl_disk_paths(const char *directory, const char *url, char list[PATH_MAX], char note[PATH_MAX]);
/* The note beside a list. */
bool crl_disk_note_path(const char *list, char note[PATH_MAX]);

/* False: there is none, or it is none of ours. */
bool crl_disk_read_note(const char *path, struct crl_note *note);

/* For scandir(): is it a list? */
int crl_disk_is_list(const struct dirent *entry);

/* -1: it cannot be had. Given back by close(). */
int crl_disk_lock(const char *directory);
/* The caller holds the folder's lock from here on. Removes lists of URLs, those first that were had or found
 * unchanged longest ago, until with so many octets at path there are no more than most octets, nor
 * than CRL_DISK_LISTS_MAX lists. */
void crl_disk_make_room(const char *directory, const char *path, size_t octets, uint64_t most);
/* NO: "file". */
enum answer crl_disk_write(const char *directory, const char *path, struct slice octets, struct error *err);
enum answer crl_disk_write_note(const char *directory, const char *path, const struct crl_note *note, struct error *err);

#endif
