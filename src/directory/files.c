#include "directory/backend.h"
#include "base/deadline.h"
#include "directory/directory.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX 100000       /* certificate files in one folder */
#define FILES_CHECK_SECONDS 5  /* after which files changed in place are noticed */
#define FILES_SETTLE_SECONDS 1 /* a file changed this shortly before it was read may change again unseen */

/* What tells whether a file or folder is still as it was. */
struct stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
	struct timespec changed;
	bool settled;
};

struct file {
	char *name;
	struct stamp stamp;
	struct found *found;
};

/* An address, and one item of one file that is to be looked at for it. */
struct pointer {
	char *key;
	const struct found_item *item;
};

struct files {
	char *path;
	pthread_mutex_t lock; /* of all below */
	struct file *file;    /* sorted by name */
	size_t count;
	struct pointer *index; /* sorted by key */
	size_t index_count;
	struct stamp folder;
	struct timespec check_at; /* CLOCK_MONOTONIC */
	bool read;
};

/* ---- one file ------------------------------------------------------------ */

static struct stamp
stamp_of(const struct stat *st)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (struct stamp){
		.device = st->st_dev,
		.inode = st->st_ino,
		.size = st->st_size,
		.modified = st->st_mtim,
		.changed = st->st_ctim,
		.settled = labs((long)(now.tv_sec - st->st_ctim.tv_sec)) > FILES_SETTLE_SECONDS,
	};
}

static bool
same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool
unchanged(const struct stamp *before, const struct stamp *now)
{
	return before->settled && before->device == now->device && before->inode == now->inode &&
		before->size == now->size && same_time(before->modified, now->modified) &&
		same_time(before->changed, now->changed);
}

static void
file_clear(struct file *f)
{
	free(f->name);
	found_unref(f->found);
	*f = (struct file){.name = NULL};
}

static const char *
extension(const char *name)
{
	static const char *const known[] = {".pem", ".crt", ".cer", ".der"};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (name[0] != '.' && slice_ends_nocase(slice_str(name), known[i]))
			return name + strlen(name) - strlen(known[i]);
	return NULL;
}

static void
add_from_file(void *arg, struct cert *cert, const struct error *why)
{
	struct found *found = arg;

	if (cert != NULL) {
		found_add(found, cert);
		return;
	}
	log_event(LOG_WARNING, "certificate-unreadable", "%s", why->words);
	found_add_broken(found, why);
}

static bool
file_read(const struct files *d, struct file *f)
{
	struct error why = ERROR_NONE;
	char *path = NULL;

	f->found = found_new();
	if (f->found == NULL || asprintf(&path, "%s/%s", d->path, f->name) < 0)
		return false;
	if (cert_each_in_file(path, add_from_file, f->found, &why) != ANSWER_YES)
		add_from_file(f->found, NULL, &why);
	free(path);
	return !f->found->out_of_memory;
}

/* ---- the folder ---------------------------------------------------------- */

struct scan {
	struct file *file;
	size_t count;
	size_t room;
};

static void
scan_free(struct file *file, size_t count)
{
	for (size_t i = 0; i < count; i++)
		file_clear(&file[i]);
	free(file);
}

static int
compare_files(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

/* Takes what was read before where the file has not changed since. */
static enum answer
scan_add(struct files *d, struct scan *s, const char *name, const struct stat *st, struct error *err)
{
	struct file *f, *before;

	if (s->count == FILES_MAX)
		return error_cant_tell(err, "limit", "%s: more than %d files", d->path, FILES_MAX);
	if (s->count == s->room) {
		size_t room = s->room == 0 ? 64 : 2 * s->room;
		struct file *file = reallocarray(s->file, room, sizeof *file);

		if (file == NULL)
			return error_cant_tell(err, "memory", "%s: no memory", d->path);
		s->file = file;
		s->room = room;
	}
	f = &s->file[s->count];
	*f = (struct file){.name = strdup(name), .stamp = stamp_of(st)};
	if (f->name == NULL)
		return error_cant_tell(err, "memory", "%s: no memory", d->path);
	s->count++;
	before = d->count == 0 ? NULL : bsearch(f, d->file, d->count, sizeof *f, compare_files);
	if (before != NULL && unchanged(&before->stamp, &f->stamp))
		f->found = found_ref(before->found);
	else if (!file_read(d, f))
		return error_cant_tell(err, "memory", "%s: no memory", d->path);
	return ANSWER_YES;
}

static enum answer
scan_folder(struct files *d, DIR *dir, struct scan *s, struct error *err)
{
	enum answer answer = ANSWER_YES;
	struct dirent *entry;
	struct stat st;

	while (answer == ANSWER_YES && (errno = 0, entry = readdir(dir)) != NULL) {
		/* One that has gone meanwhile is no longer in the folder. */
		if (extension(entry->d_name) != NULL && fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 &&
			!S_ISDIR(st.st_mode))
			answer = scan_add(d, s, entry->d_name, &st, err);
	}
	if (answer == ANSWER_YES && errno != 0)
		answer = error_cant_tell(err, "folder", "%s: %s", d->path, strerror(errno));
	return answer;
}

/* ---- the index ----------------------------------------------------------- */

static int
compare_pointers(const void *a, const void *b)
{
	return strcmp(((const struct pointer *)a)->key, ((const struct pointer *)b)->key);
}

/* False: no memory. What is no address is found by none. */
static bool
index_add(struct files *d, size_t room, struct slice text, const struct found_item *item)
{
	struct address address;
	char *key;

	if (!address_parse(text, &address) || d->index_count == room)
		return true;
	key = address_key(text);
	if (key == NULL)
		return false;
	d->index[d->index_count++] = (struct pointer){.key = key, .item = item};
	return true;
}

static bool
index_file(struct files *d, size_t room, const struct file *f)
{
	struct slice name = slice_of(f->name, (size_t)(extension(f->name) - f->name));

	for (size_t i = 0; i < f->found->count; i++) {
		const struct found_item *item = &f->found->items[i];

		/* By the file's name too: a certificate without addresses has no other,
		 * and one that does not fit its name is shown as refused. */
		if (!index_add(d, room, name, item))
			return false;
		for (size_t j = 0; item->cert != NULL && j < item->cert->address_count; j++)
			if (!index_add(d, room, slice_str(item->cert->addresses[j]), item))
				return false;
	}
	return true;
}

static void
index_free(struct files *d)
{
	for (size_t i = 0; i < d->index_count; i++)
		free(d->index[i].key);
	free(d->index);
	d->index = NULL;
	d->index_count = 0;
}

static size_t
index_room(const struct files *d)
{
	size_t room = 0;

	for (size_t i = 0; i < d->count; i++)
		for (size_t j = 0; j < d->file[i].found->count; j++) {
			const struct cert *cert = d->file[i].found->items[j].cert;

			room += 1 + (cert == NULL ? 0 : cert->address_count);
		}
	return room;
}

static bool
index_build(struct files *d)
{
	size_t room = index_room(d);

	index_free(d);
	d->index = calloc(room + 1, sizeof *d->index);
	if (d->index == NULL)
		return false;
	for (size_t i = 0; i < d->count; i++)
		if (!index_file(d, room, &d->file[i]))
			return false;
	qsort(d->index, d->index_count, sizeof *d->index, compare_pointers);
	return true;
}

/* ---- the verbs ----------------------------------------------------------- */

static enum answer
read_folder(struct files *d, struct error *err)
{
	struct scan scan = {.file = NULL};
	DIR *dir = opendir(d->path);
	enum answer answer;

	if (dir == NULL)
		return error_cant_tell(err, "folder", "%s: %s", d->path, strerror(errno));
	answer = scan_folder(d, dir, &scan, err);
	closedir(dir);
	if (answer != ANSWER_YES) {
		scan_free(scan.file, scan.count);
		return answer;
	}
	if (scan.count > 0)
		qsort(scan.file, scan.count, sizeof *scan.file, compare_files);
	scan_free(d->file, d->count); /* what did not change is held by the new list too */
	d->file = scan.file;
	d->count = scan.count;
	if (!index_build(d))
		return error_cant_tell(err, "memory", "%s: no memory", d->path);
	return ANSWER_YES;
}

/* The folder's own time tells of files that come, go or are renamed; those
 * written in place are looked at only now and then. */
static enum answer
refresh(struct files *d, struct error *err)
{
	struct stamp now;
	struct stat st;
	enum answer answer;

	if (stat(d->path, &st) != 0)
		return error_cant_tell(err, "folder", "%s: %s", d->path, strerror(errno));
	now = stamp_of(&st);
	if (d->read && unchanged(&d->folder, &now) && deadline_left(&d->check_at) > 0)
		return ANSWER_YES;
	d->read = false;
	answer = read_folder(d, err);
	if (answer != ANSWER_YES)
		return answer;
	d->folder = now;
	d->check_at = deadline_in(FILES_CHECK_SECONDS * 1000L);
	d->read = true;
	return ANSWER_YES;
}

static size_t
first_pointer(const struct files *d, const char *key)
{
	size_t low = 0, high = d->index_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(d->index[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct found *
collect(const struct files *d, const char *key)
{
	struct found *found = found_new();

	if (found == NULL)
		return NULL;
	for (size_t i = first_pointer(d, key); i < d->index_count && strcmp(d->index[i].key, key) == 0; i++) {
		const struct found_item *item = d->index[i].item;

		if (item->cert != NULL)
			found_add(found, item->cert);
		else
			found_add_broken(found, item->refusal);
	}
	if (!found->out_of_memory)
		return found;
	found_unref(found);
	return NULL;
}

static enum answer
files_find(void *state, struct slice address, const struct timespec *deadline, struct found **found,
	struct error *err)
{
	struct files *d = state;
	char *key = address_key(address);
	enum answer answer;

	(void)deadline; /* no network */
	*found = NULL;
	if (key == NULL)
		return error_cant_tell(err, "memory", "no memory for an address");
	pthread_mutex_lock(&d->lock);
	answer = refresh(d, err);
	if (answer == ANSWER_YES)
		*found = collect(d, key);
	pthread_mutex_unlock(&d->lock);
	free(key);
	if (answer == ANSWER_YES && *found == NULL)
		answer = error_cant_tell(err, "memory", "no memory for certificates");
	return answer;
}

static enum answer
files_probe(void *state, const struct timespec *deadline, struct error *err)
{
	struct files *d = state;
	enum answer answer;

	(void)deadline;
	pthread_mutex_lock(&d->lock);
	answer = refresh(d, err);
	pthread_mutex_unlock(&d->lock);
	return answer;
}

static void
files_close(void *state)
{
	struct files *d = state;

	index_free(d);
	scan_free(d->file, d->count);
	pthread_mutex_destroy(&d->lock);
	free(d->path);
	free(d);
}

/* The folder is read once here, so that no message has to wait for that. That it
 * cannot be read yet is said when somebody asks. */
static enum answer
files_open(const struct config_directory *config, void **state, struct error *err)
{
	struct files *d = calloc(1, sizeof *d);

	if (d == NULL || (d->path = strdup(config->path)) == NULL) {
		free(d);
		return error_cant_tell(err, "memory", "no memory for directory %s", config->name);
	}
	pthread_mutex_init(&d->lock, NULL);
	refresh(d, NULL);
	*state = d;
	return ANSWER_YES;
}

const struct backend files_backend = {
	.cached = false,
	.open = files_open,
	.find = files_find,
	.probe = files_probe,
	.close = files_close,
};
