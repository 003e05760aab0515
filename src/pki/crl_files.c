#include "pki/crl_files.h"

#include "base/file.h"
#include "base/log.h"
#include "pki/crl_disk.h"
#include "pki/crl_signers.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct file {
	char *path;
	struct crl_stamp stamp;
	struct crl *crl;         /* NULL: it is none, or cannot be read without its signer */
	bool unsigned_yet;       /* another signer may help ... */
	bool fresh;              /* ... than those it has just been read with */
	struct crl *merged;      /* of crl and delta */
	struct crl *delta;
	bool seen;               /* while a folder is looked at */
};

/* A path of the configuration, for those who accept weak signatures and those who do not. */
struct place {
	char *path;
	bool accept_weak;
	bool may_be_missing;
	bool looked;
	time_t looked_at;
	unsigned again;          /* how often files were read since for others who may have signed them */
	bool told;               /* that it cannot be read */
	struct file *file;
	size_t count;
	struct crl_tried tried;  /* with those files that are unsigned_yet */
};

struct crl_files {
	pthread_mutex_t lock; /* of all below */
	struct place **place;
	size_t count;
	uint64_t size_limit;
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory for lists of revoked certificates");
}

/* ---- one file -------------------------------------------------------------- */

static void
forget_merged(struct file *f)
{
	crl_unref(f->merged);
	crl_unref(f->delta);
	f->merged = f->delta = NULL;
}

static void
file_clear(struct file *f)
{
	forget_merged(f);
	crl_unref(f->crl);
	free(f->path);
}

static void
say_unusable(const struct file *f, const char *event, const struct error *why)
{
	struct log_line line;

	log_begin(&line, LOG_WARNING, NULL, event);
	log_add(&line, "file", "%s", f->path);
	log_add_error(&line, why);
	log_end(&line);
}

enum answer
crl_files_parse(const char *path, uint64_t size_limit, const struct crl_signers *signers, struct crl **crl,
	struct error *err)
{
	struct buf octets;
	enum answer answer;

	*crl = NULL;
	buf_init(&octets, (size_t)size_limit + 1);
	answer = file_read(path, FILE_PUBLIC, &octets, err);
	if (answer == ANSWER_YES)
		answer = crl_parse(buf_slice(&octets), signers->certs, signers->count, signers->accept_weak, crl, err);
	buf_free(&octets);
	return answer;
}

/* The list in the file as it is now takes the place of the one that was in it, unless it is older. */
static enum answer
read_list(const struct crl_files *files, struct file *f, const struct crl_signers *signers, struct error *err)
{
	struct error why = ERROR_NONE;
	struct crl *crl;
	enum answer answer = crl_files_parse(f->path, files->size_limit, signers, &crl, &why);

	f->unsigned_yet = answer == ANSWER_NO && crl_signers_missing(&why);
	if (answer == ANSWER_CANT_TELL) {
		if (err != NULL)
			*err = why;
		return answer;
	}
	if (answer == ANSWER_NO && !f->unsigned_yet)
		say_unusable(f, "crl-unusable", &why);
	if (answer == ANSWER_YES && f->crl != NULL && crl_may_replace(f->crl, crl, &why) != ANSWER_YES &&
	    strcmp(why.code, "older") == 0) {
		say_unusable(f, "crl-refused", &why);
		crl_unref(crl);
		return ANSWER_YES;
	}
	forget_merged(f);
	crl_unref(f->crl);
	f->crl = crl;
	return ANSWER_YES;
}

/* ---- a file or folder ------------------------------------------------------ */

static struct file *
find_file(struct place *p, const char *path)
{
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->file[i].path, path) == 0)
			return &p->file[i];
	return NULL;
}

/* path is taken over. */
static enum answer
look_at_file(const struct crl_files *files, struct place *p, char *path, const struct crl_signers *signers,
	struct error *err)
{
	struct crl_stamp now = crl_stamp_of(path);
	struct file *f = find_file(p, path);

	if (f != NULL) {
		free(path);
		f->seen = true;
		if (crl_stamp_same(&f->stamp, &now))
			return ANSWER_YES;
	} else {
		struct file *more = reallocarray(p->file, p->count + 1, sizeof *more);

		if (more == NULL) {
			free(path);
			return no_memory(err);
		}
		p->file = more;
		f = &p->file[p->count++];
		*f = (struct file){.path = path, .seen = true};
	}
	f->stamp = now;
	f->fresh = true;
	p->tried.count = 0; /* with this one nobody was */
	return read_list(files, f, signers, err);
}

static void
say_unreadable(struct place *p, const char *why)
{
	if (!p->told && !p->may_be_missing)
		log_event(LOG_WARNING, "crl-unusable", "%s: %s", p->path, why);
	p->told = true;
}

static int
is_no_dot_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static enum answer
look_at_folder(const struct crl_files *files, struct place *p, const struct crl_signers *signers, struct error *err)
{
	enum answer answer = ANSWER_YES;
	struct dirent **names;
	int count = scandir(p->path, &names, is_no_dot_file, alphasort);

	if (count < 0) {
		say_unreadable(p, strerror(errno));
		return ANSWER_YES;
	}
	p->told = count > CRL_CACHE_FILES_MAX && p->told;
	if (count > CRL_CACHE_FILES_MAX)
		say_unreadable(p, "more files than are read");
	for (int i = 0; i < count; i++) {
		char *path = NULL;

		if (i < CRL_CACHE_FILES_MAX && answer == ANSWER_YES)
			answer = asprintf(&path, "%s/%s", p->path, names[i]->d_name) < 0 ? no_memory(err)
				: look_at_file(files, p, path, signers, err);
		free(names[i]);
	}
	free(names);
	return answer;
}

static void
drop_unseen(struct place *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->count; i++) {
		if (p->file[i].seen)
			p->file[kept++] = p->file[i];
		else
			file_clear(&p->file[i]);
	}
	p->count = kept;
}

static enum answer
look(const struct crl_files *files, struct place *p, const struct crl_signers *signers, struct error *err)
{
	enum answer answer;
	struct stat st;

	for (size_t i = 0; i < p->count; i++)
		p->file[i].seen = false;
	if (stat(p->path, &st) != 0) {
		say_unreadable(p, strerror(errno));
		answer = ANSWER_YES;
	} else if (S_ISDIR(st.st_mode)) {
		answer = look_at_folder(files, p, signers, err);
	} else {
		char *path = strdup(p->path);

		p->told = false;
		answer = path == NULL ? no_memory(err) : look_at_file(files, p, path, signers, err);
	}
	if (answer == ANSWER_YES)
		drop_unseen(p);
	return answer;
}

/* Those whose signer was not known may be tried again when others come along; but whoever issues
 * certificates may send another one with each message, and meanwhile everybody waits. */
static enum answer
try_again(const struct crl_files *files, struct place *p, const struct crl_signers *signers, struct error *err)
{
	enum answer answer = ANSWER_YES;
	bool read = false;

	if (crl_tried_all(&p->tried, signers) || p->again >= CRL_CACHE_AGAIN_MAX)
		return ANSWER_YES;
	for (size_t i = 0; i < p->count && answer == ANSWER_YES; i++) {
		if (p->file[i].unsigned_yet && !p->file[i].fresh) {
			answer = read_list(files, &p->file[i], signers, err);
			read = true;
		}
		p->file[i].fresh = false;
	}
	p->again += read;
	if (answer == ANSWER_YES)
		crl_tried_add(&p->tried, signers);
	return answer;
}

static enum answer
bring_up_to_date(const struct crl_files *files, struct place *p, const struct crl_signers *signers, time_t at,
	struct error *err)
{
	enum answer answer;

	if (!p->looked || at - p->looked_at >= CRL_CACHE_LOOK_SECONDS || at < p->looked_at) {
		answer = look(files, p, signers, err);
		if (answer != ANSWER_YES)
			return answer;
		p->looked = true;
		p->looked_at = at;
		p->again = 0;
	}
	return try_again(files, p, signers, err);
}

static void
place_free(struct place *p)
{
	for (size_t i = 0; i < p->count; i++)
		file_clear(&p->file[i]);
	free(p->file);
	crl_tried_free(&p->tried);
	free(p->path);
	free(p);
}

/* NULL: no memory. */
static struct place *
find_place(struct crl_files *files, const char *path, bool accept_weak, bool may_be_missing)
{
	struct place **more, *p;

	for (size_t i = 0; i < files->count; i++)
		if (files->place[i]->accept_weak == accept_weak && strcmp(files->place[i]->path, path) == 0)
			return files->place[i];
	more = reallocarray(files->place, files->count + 1, sizeof *more);
	if (more == NULL)
		return NULL;
	files->place = more;
	p = calloc(1, sizeof *p);
	if (p == NULL || (p->path = strdup(path)) == NULL) {
		free(p);
		return NULL;
	}
	p->accept_weak = accept_weak;
	p->may_be_missing = may_be_missing;
	return files->place[files->count++] = p;
}

/* ---- what is found --------------------------------------------------------- */

struct finding {
	struct file **file;
	size_t count;
};

static bool
add_files(struct finding *found, struct place *p, const struct crl_signers *signers)
{
	struct file **more = reallocarray(found->file, found->count + p->count + 1, sizeof *more);

	if (more == NULL)
		return false;
	found->file = more;
	for (size_t i = 0; i < p->count; i++)
		if (p->file[i].crl != NULL && crl_signers_made(signers, p->file[i].crl))
			more[found->count++] = &p->file[i];
	return true;
}

/* The newest delta that belongs to the list: it has all that was in the ones before it. */
static struct crl *
find_delta(const struct finding *found, const struct crl *base)
{
	struct crl *best = NULL;

	for (size_t i = 0; i < found->count; i++) {
		struct crl *delta = found->file[i]->crl;

		if (crl_may_merge(base, delta, NULL) == ANSWER_YES &&
		    (best == NULL || crl_may_replace(best, delta, NULL) == ANSWER_YES))
			best = delta;
	}
	return best;
}

/* Is a list there that has what the delta says, or gets it from a newer one? What such a delta says
 * of certificates on hold may no longer be so. */
static bool
is_spent(const struct finding *found, const struct crl *delta)
{
	struct error why;

	for (size_t i = 0; delta->is_delta && i < found->count; i++)
		if (crl_may_merge(found->file[i]->crl, delta, &why) == ANSWER_YES || strcmp(why.code, "older") == 0)
			return true;
	return false;
}

/* *crl: with its delta where there is one, merged once. */
static enum answer
with_delta(const struct finding *found, struct file *f, struct crl **crl, struct error *err)
{
	struct crl *delta = find_delta(found, f->crl);

	*crl = f->crl;
	if (delta != f->delta)
		forget_merged(f);
	if (delta == NULL)
		return ANSWER_YES;
	if (f->merged == NULL && crl_merge(f->crl, delta, &f->merged, err) == ANSWER_CANT_TELL)
		return ANSWER_CANT_TELL;
	if (f->delta == NULL)
		f->delta = crl_ref(delta);
	if (f->merged != NULL)
		*crl = f->merged;
	return ANSWER_YES;
}

static enum answer
hand_out(const struct finding *found, struct crl ***crls, size_t *count, struct error *err)
{
	*crls = calloc(found->count + 1, sizeof **crls);
	if (*crls == NULL)
		return no_memory(err);
	for (size_t i = 0; i < found->count; i++) {
		struct crl *crl;

		if (is_spent(found, found->file[i]->crl))
			continue;
		if (with_delta(found, found->file[i], &crl, err) != ANSWER_YES) {
			crl_cache_release(*crls, *count);
			*crls = NULL;
			*count = 0;
			return ANSWER_CANT_TELL;
		}
		(*crls)[(*count)++] = crl_ref(crl);
	}
	return ANSWER_YES;
}

/* ---- the verbs --------------------------------------------------------------- */

struct crl_files *
crl_files_new(uint64_t size_limit)
{
	struct crl_files *files = calloc(1, sizeof *files);

	if (files == NULL)
		return NULL;
	pthread_mutex_init(&files->lock, NULL);
	files->size_limit = size_limit;
	return files;
}

void
crl_files_free(struct crl_files *files)
{
	if (files == NULL)
		return;
	for (size_t i = 0; i < files->count; i++)
		place_free(files->place[i]);
	free(files->place);
	pthread_mutex_destroy(&files->lock);
	free(files);
}

static enum answer
collect_from(struct crl_files *files, const char *path, bool may_be_missing, const struct crl_signers *signers,
	time_t at, struct finding *found, struct error *err)
{
	struct place *p = find_place(files, path, signers->accept_weak, may_be_missing);
	enum answer answer;

	if (p == NULL)
		return no_memory(err);
	answer = bring_up_to_date(files, p, signers, at, err);
	if (answer == ANSWER_YES && !add_files(found, p, signers))
		answer = no_memory(err);
	return answer;
}

enum answer
crl_files_collect(struct crl_files *files, const struct config_strings *paths, const char *imported,
	const struct crl_signers *signers, time_t at, struct crl ***crls, size_t *count, struct error *err)
{
	struct finding found = {.file = NULL};
	enum answer answer = ANSWER_YES;

	*crls = NULL;
	*count = 0;
	pthread_mutex_lock(&files->lock);
	for (size_t i = 0; i < paths->count && answer == ANSWER_YES; i++)
		answer = collect_from(files, paths->item[i], false, signers, at, &found, err);
	if (answer == ANSWER_YES && imported != NULL)
		answer = collect_from(files, imported, true, signers, at, &found, err);
	if (answer == ANSWER_YES)
		answer = hand_out(&found, crls, count, err);
	pthread_mutex_unlock(&files->lock);
	free(found.file);
	return answer;
}
