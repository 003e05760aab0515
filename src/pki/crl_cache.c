#include "pki/crl_cache.h"

#include "base/deadline.h"
#include "base/log.h"
#include "fetch/fetch.h"
#include "pki/crl_disk.h"
#include "pki/crl_files.h"
#include "pki/crl_slots.h"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEDIA_TYPES "application/pkix-crl, */*;q=0.1"
#define LDAP_ATTRIBUTE "certificateRevocationList;binary" /* RFC 4523 2.3 */
#define JITTER_FIRST 800 /* thousandths of status-max-age; the rest is a URL's and process' own */
#define JITTER_SPAN 201
#define DAY 86400
#define FETCH_EXTRA 60 /* s for checking a large list besides fetch-timeout */

struct crl_cache {
	const struct config *config;
	struct errands *errands;
	char *directory; /* NULL: in memory only */
	struct error unusable; /* ... why; YES: as configured */
	atomic_bool told;
	char *imported;
	struct crl_slots *slots;
	struct crl_files *files;
	unsigned seed;
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "no-memory", "no memory for lists of revoked certificates");
}

/* ---- beginning and end ------------------------------------------------------- */

/* False: no memory. */
static bool
use_directory(struct crl_cache *c)
{
	if (c->config->status_directory == NULL ||
	    crl_disk_prepare(c->config->status_directory, &c->unusable) != ANSWER_YES)
		return true;
	c->directory = strdup(c->config->status_directory);
	return c->directory != NULL && asprintf(&c->imported, "%s/%s", c->directory, CRL_DISK_IMPORTED) > 0;
}

enum answer
crl_cache_is_kept(const struct crl_cache *cache, struct error *err)
{
	if (cache->directory != NULL)
		return ANSWER_YES;
	if (cache->unusable.answer == ANSWER_YES)
		return error_no(err, "folder", "status-directory is none: no lists are kept");
	return error_no(err, "folder", "status-directory: %s", cache->unusable.words);
}

enum answer
crl_cache_new(const struct config *config, struct errands *errands, struct crl_cache **cache, struct error *err)
{
	struct crl_cache *c = calloc(1, sizeof *c);

	*cache = NULL;
	if (c == NULL)
		return no_memory(err);
	c->config = config;
	c->unusable = ERROR_NONE;
	c->errands = errands;
	if (use_directory(c)) {
		c->slots = crl_slots_new(config, c->directory);
		c->files = crl_files_new(config->status_size_limit);
	}
	if (c->slots == NULL || c->files == NULL || RAND_bytes((unsigned char *)&c->seed, sizeof c->seed) != 1) {
		crl_cache_free(c);
		return no_memory(err);
	}
	*cache = c;
	return ANSWER_YES;
}

void
crl_cache_free(struct crl_cache *cache)
{
	if (cache == NULL)
		return;
	crl_files_free(cache->files);
	crl_slots_free(cache->slots);
	free(cache->imported);
	free(cache->directory);
	free(cache);
}

/* ---- fetching ------------------------------------------------------------------ */

struct fetching {
	struct crl_cache *cache;
	struct crl_slot *slot;
	time_t at;
	bool always;           /* else only where the slot is due by then ... */
	unsigned thousandths;  /* in thousandths of status-max-age, ... */
	bool for_signers;      /* or where what is there is not by those who are asked for ... */
	unsigned long answers; /* and no more than so many came: else somebody who asked at once has just had it fetched */
};

static void
release_fetching(void *arg)
{
	struct fetching *f = arg;

	crl_slots_give(f->cache->slots, f->slot);
	free(f);
}

/* A page in place of a list is no list, whatever it is called. */
static enum answer
fetch_list(const struct fetching *f, const struct crl_note *before, bool there, struct fetch_reply *reply,
	struct error *err)
{
	struct fetch_request request = {
		.url = crl_slot_url(f->slot),
		.size_limit = f->cache->config->status_size_limit,
		.accept = MEDIA_TYPES,
		.attribute = LDAP_ATTRIBUTE,
		.etag = there ? before->etag : NULL,
		.modified = there ? before->modified : 0,
	};
	enum answer answer = fetch_get(f->cache->config, &request, reply, err);

	if (answer == ANSWER_NO && strcmp(err->code, "type") == 0)
		err->code = "malformed";
	return answer;
}

/* Once, and not before there is something to keep: tools seldom have any. */
static void
say_not_kept(struct crl_cache *c)
{
	if (c->unusable.answer != ANSWER_YES && !atomic_exchange(&c->told, true))
		log_event(LOG_WARNING, "crl-not-kept", "%s", c->unusable.words);
}

static enum answer
take_reply(const struct fetching *f, const struct fetch_reply *reply, struct error *err)
{
	struct crl_note note = {.fetched = f->at, .modified = reply->modified};
	enum answer answer;

	if (reply->not_modified) {
		crl_slot_unchanged(f->cache->slots, f->slot, SLICE_NONE, f->at);
		return ANSWER_YES;
	}
	strcpy(note.url, crl_slot_url(f->slot));
	strcpy(note.etag, reply->etag);
	answer = crl_slot_offer(f->cache->slots, f->slot, buf_slice(&reply->body), &note, err);
	if (answer != ANSWER_YES)
		error_prefix(err, "%s", note.url);
	else
		say_not_kept(f->cache);
	return answer;
}

/* The one that is there stays; who uses it would not hear of it. */
static void
say_not_refreshed(const struct fetching *f, const struct error *why)
{
	struct log_line line;

	log_begin(&line, LOG_NOTICE, NULL, "crl-not-refreshed");
	log_add(&line, "url", "%s", crl_slot_url(f->slot));
	log_add_error(&line, why);
	log_end(&line);
}

static bool
is_still_wanted(const struct fetching *f)
{
	if (f->always || crl_slot_is_due(f->cache->slots, f->slot, f->at, f->thousandths))
		return true;
	return f->for_signers && crl_slot_answers(f->cache->slots, f->slot) == f->answers;
}

/* In a thread of errands. */
static enum answer
run_fetching(void *arg, struct error *err)
{
	const struct fetching *f = arg;
	struct fetch_reply reply = {.not_modified = false};
	struct crl_note before;
	enum answer answer;
	bool there;

	crl_slot_look_at_disk(f->cache->slots, f->slot, f->at);
	if (!is_still_wanted(f))
		return ANSWER_YES;
	there = crl_slot_note(f->cache->slots, f->slot, &before);
	answer = fetch_list(f, &before, there, &reply, err);
	if (answer == ANSWER_YES)
		answer = take_reply(f, &reply, err);
	else if (there)
		say_not_refreshed(f, err);
	buf_free(&reply.body);
	return answer;
}

/* Waits until deadline; NULL: not at all. */
static enum answer
send_for(struct crl_cache *cache, const struct fetching *wish, const struct timespec *deadline, struct error *err)
{
	char key[ERRANDS_KEY_MAX], server[FETCH_SERVER_MAX];
	struct fetching *f = malloc(sizeof *f);
	struct errand errand = {.key = key, .host = server, .work = run_fetching, .release = release_fetching, .arg = f};

	if (f == NULL)
		return no_memory(err);
	*f = *wish;
	crl_slots_ref(cache->slots, f->slot);
	if (!fetch_server(crl_slot_url(f->slot), server)) {
		release_fetching(f);
		return error_no(err, "url", "%s: no such URL can be fetched", crl_slot_url(wish->slot));
	}
	snprintf(key, sizeof key, "%s %s", crl_slot_accepts_weak(f->slot) ? "weak-crl" : "crl", crl_slot_url(f->slot));
	return errands_do(cache->errands, &errand, deadline, err);
}

/* ---- lists of URLs --------------------------------------------------------------- */

/* How somebody asks. */
struct asking {
	const struct crl_signers *signers;
	time_t at;
	bool fetch;
	const struct timespec *deadline;
	unsigned *left;
};

static enum answer
take_slot(struct crl_cache *cache, const char *url, const struct crl_signers *signers, time_t at,
	struct crl_slot **slot, struct error *err)
{
	char host[FETCH_HOST_MAX];

	*slot = NULL;
	/* One that can has no line ends in it, and so may stand in a note. */
	if (!fetch_host(url, host))
		return error_no(err, "url", "%s: no such URL can be fetched", url);
	*slot = crl_slots_take(cache->slots, url, signers, at);
	return *slot != NULL ? ANSWER_YES : no_memory(err);
}

/* Fetches what is wanted. An errand that somebody else sent out may have come too early to know of
 * our signers: then it goes out once more. */
static enum answer
bring_up_to_date(struct crl_cache *cache, struct crl_slot *slot, const struct asking *asking, struct error *err)
{
	enum answer answer = ANSWER_YES;
	bool of_them;

	for (int i = 0; i < 2 && answer == ANSWER_YES; i++) {
		struct fetching wish = {.cache = cache, .slot = slot, .at = asking->at, .thousandths = CRL_SLOT_WHOLE,
			.answers = crl_slot_answers(cache->slots, slot)};

		if (!crl_slot_is_wanted(cache->slots, slot, asking->signers, asking->at, &of_them))
			return ANSWER_YES;
		if (i == 0)
			crl_slot_look_at_disk(cache->slots, slot, asking->at);
		if (!crl_slot_is_wanted(cache->slots, slot, asking->signers, asking->at, &of_them) || (i > 0 && of_them))
			return ANSWER_YES;
		if (!asking->fetch)
			return error_cant_tell(err, "not-fetched", "%s: nothing is fetched now", crl_slot_url(slot));
		if (*asking->left == 0)
			return error_cant_tell(err, "fetch-limit", "%s: too much was fetched already", crl_slot_url(slot));
		--*asking->left;
		wish.for_signers = !of_them;
		answer = send_for(cache, &wish, asking->deadline, err);
	}
	return answer;
}

/* The list of that URL alone; *slot is the caller's to give back. Where nothing may be fetched, that somebody
 * looked is no reason to fetch it in the background either. */
static enum answer
get_one(struct crl_cache *cache, const char *url, const struct asking *asking, struct crl_slot **slot, struct crl **crl,
	time_t *fetched, struct error *err)
{
	struct error why = ERROR_NONE;
	enum answer answer = take_slot(cache, url, asking->signers, asking->fetch ? asking->at : 0, slot, err), brought;

	*crl = NULL;
	*fetched = 0;
	if (answer != ANSWER_YES)
		return answer;
	brought = bring_up_to_date(cache, *slot, asking, &why);
	answer = crl_slot_get(cache->slots, *slot, asking->signers, crl, fetched, err);
	/* That nothing could be had now says more than that nothing is there. */
	if (answer != ANSWER_YES && brought != ANSWER_YES && err != NULL)
		*err = why;
	return answer == ANSWER_YES || brought == ANSWER_YES ? answer : brought;
}

/* *crl: with the newest delta that can be had. Without one it is as good as it was. */
static void
add_delta(struct crl_cache *cache, struct crl_slot *slot, const struct asking *asking, struct crl **crl)
{
	struct crl *merged = NULL;

	for (size_t i = 0; i < (*crl)->freshest_count && merged == NULL; i++) {
		struct crl_slot *delta_slot;
		struct crl *delta;
		time_t fetched;

		if (get_one(cache, (*crl)->freshest[i], asking, &delta_slot, &delta, &fetched, NULL) == ANSWER_YES)
			crl_slot_merge(cache->slots, slot, *crl, delta, &merged, NULL);
		crl_unref(delta);
		if (delta_slot != NULL)
			crl_slots_give(cache->slots, delta_slot);
	}
	if (merged == NULL)
		return;
	crl_unref(*crl);
	*crl = merged;
}

enum answer
crl_cache_get(struct crl_cache *cache, const char *url, const struct crl_signers *signers, time_t at, bool fetch,
	const struct timespec *deadline, unsigned *left, struct crl **crl, time_t *fetched, struct error *err)
{
	struct asking asking = {.signers = signers, .at = at, .fetch = fetch, .deadline = deadline, .left = left};
	struct crl_slot *slot;
	enum answer answer = get_one(cache, url, &asking, &slot, crl, fetched, err);

	if (answer == ANSWER_YES && !(*crl)->is_delta)
		add_delta(cache, slot, &asking, crl);
	if (slot != NULL)
		crl_slots_give(cache->slots, slot);
	return answer;
}

/* ---- in the background -------------------------------------------------------------- */

static unsigned
jitter(const struct crl_cache *cache, const char *url)
{
	unsigned hash = cache->seed;

	for (; *url != '\0'; url++)
		hash = (hash ^ (unsigned char)*url) * 16777619U; /* FNV-1a */
	return JITTER_FIRST + hash % JITTER_SPAN;
}

void
crl_cache_refresh(struct crl_cache *cache, time_t now)
{
	struct crl_slot **slots;
	size_t count = crl_slots_used(cache->slots, now - (time_t)CRL_CACHE_UNUSED_DAYS * DAY, &slots);

	for (size_t i = 0; i < count; i++) {
		struct fetching wish = {.cache = cache, .slot = slots[i], .at = now,
			.thousandths = jitter(cache, crl_slot_url(slots[i]))};

		crl_slot_look_at_disk(cache->slots, slots[i], now); /* sealctl may have been told to refresh it */
		if (crl_slot_is_due(cache->slots, slots[i], now, wish.thousandths))
			send_for(cache, &wish, NULL, NULL);
		crl_slots_give(cache->slots, slots[i]);
	}
	free(slots);
}

/* ---- lists of files --------------------------------------------------------------------- */

enum answer
crl_cache_files(struct crl_cache *cache, const struct config_strings *paths, const struct crl_signers *signers,
	time_t at, struct crl ***crls, size_t *count, struct error *err)
{
	return crl_files_collect(cache->files, paths, cache->imported, signers, at, crls, count, err);
}

void
crl_cache_release(struct crl **crls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		crl_unref(crls[i]);
	free(crls);
}

/* ---- for sealctl --------------------------------------------------------------------------- */

static enum answer
show_list(struct crl_cache *cache, const char *path, bool imported, const struct crl_signers *signers,
	crl_cache_each_entry *each, void *arg, struct error *err)
{
	struct crl_cache_entry entry = {.path = path, .why = ERROR_NONE};
	char note_path[PATH_MAX];
	struct crl_note note;
	struct crl *crl;
	enum answer answer = crl_files_parse(path, cache->config->status_size_limit, signers, &crl, &entry.why);

	if (answer == ANSWER_CANT_TELL) {
		*err = entry.why;
		return answer;
	}
	if (!imported) {
		if (!crl_disk_note_path(path, note_path) || !crl_disk_read_note(note_path, &note))
			note = (struct crl_note){.fetched = 0};
		entry.url = note.url;
		entry.fetched = note.fetched;
	}
	entry.crl = crl;
	each(arg, &entry);
	crl_unref(crl);
	return ANSWER_YES;
}

static enum answer
show_folder(struct crl_cache *cache, const char *folder, bool imported, const struct crl_signers *signers,
	crl_cache_each_entry *each, void *arg, struct error *err)
{
	enum answer answer = ANSWER_YES;
	struct dirent **names;
	int count = scandir(folder, &names, crl_disk_is_list, alphasort);

	if (count < 0)
		return imported && errno == ENOENT ? ANSWER_YES
			: error_cant_tell(err, "folder", "cannot read %s: %s", folder, strerror(errno));
	for (int i = 0; i < count; i++) {
		char *path = NULL;

		if (answer == ANSWER_YES)
			answer = asprintf(&path, "%s/%s", folder, names[i]->d_name) < 0 ? no_memory(err)
				: show_list(cache, path, imported, signers, each, arg, err);
		free(path);
		free(names[i]);
	}
	free(names);
	return answer;
}

enum answer
crl_cache_each(struct crl_cache *cache, const struct crl_signers *signers, crl_cache_each_entry *each, void *arg,
	struct error *err)
{
	enum answer answer;

	if (cache->directory == NULL)
		return ANSWER_YES;
	answer = show_folder(cache, cache->directory, false, signers, each, arg, err);
	if (answer == ANSWER_YES)
		answer = show_folder(cache, cache->imported, true, signers, each, arg, err);
	return answer;
}

static enum answer
fetch_now(struct crl_cache *cache, const char *url, const struct crl_signers *signers, time_t now, struct error *err)
{
	struct timespec deadline = deadline_in(((long)cache->config->fetch_timeout + FETCH_EXTRA) * 1000);
	struct fetching wish = {.cache = cache, .at = now, .always = true};
	enum answer answer = take_slot(cache, url, signers, now, &wish.slot, err);
	struct crl *crl;
	time_t fetched;

	if (answer != ANSWER_YES)
		return answer;
	answer = send_for(cache, &wish, &deadline, err);
	if (answer == ANSWER_YES) {
		answer = crl_slot_get(cache->slots, wish.slot, signers, &crl, &fetched, err);
		crl_unref(crl);
	}
	crl_slots_give(cache->slots, wish.slot);
	return answer;
}

/* All are tried; the first failure is told. */
static enum answer
fetch_each(struct crl_cache *cache, const struct crl_signers *signers, time_t now, struct error *err)
{
	enum answer answer = ANSWER_YES;
	struct dirent **names;
	int count = scandir(cache->directory, &names, crl_disk_is_list, alphasort);

	if (count < 0)
		return error_cant_tell(err, "folder", "cannot read %s: %s", cache->directory, strerror(errno));
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX], note_path[PATH_MAX];
		struct crl_note note;
		enum answer one = ANSWER_YES;

		snprintf(path, sizeof path, "%s/%s", cache->directory, names[i]->d_name);
		if (crl_disk_note_path(path, note_path) && crl_disk_read_note(note_path, &note))
			one = fetch_now(cache, note.url, signers, now, answer == ANSWER_YES ? err : NULL);
		if (answer == ANSWER_YES)
			answer = one;
		free(names[i]);
	}
	free(names);
	return answer;
}

enum answer
crl_cache_fetch(struct crl_cache *cache, const char *url, const struct crl_signers *signers, time_t now,
	struct error *err)
{
	if (url != NULL)
		return fetch_now(cache, url, signers, now, err);
	return cache->directory == NULL ? ANSWER_YES : fetch_each(cache, signers, now, err);
}

/* ---- imported lists -------------------------------------------------------------------------- */

/* One list a kind, issuer and scope, as those may replace each other. */
static bool
imported_path(const struct crl_cache *cache, const struct crl *crl, char path[PATH_MAX])
{
	unsigned char digest[SHA256_DIGEST_LENGTH], *name = NULL;
	int len = i2d_X509_NAME(crl->authorities[0], &name);
	struct buf what;
	bool good;

	buf_init(&what, 2 * CRL_EXTENSION_MAX + 16);
	if (len > 0)
		buf_add(&what, name, (size_t)len);
	buf_add_slice(&what, crl->scope_der);
	buf_add_byte(&what, crl->is_delta);
	OPENSSL_free(name);
	good = len > 0 && !buf_failed(&what);
	if (good) {
		SHA256(what.data, what.len, digest);
		len = snprintf(path, PATH_MAX, "%s/", cache->imported);
		for (size_t i = 0; i < sizeof digest && len < PATH_MAX; i++)
			len += snprintf(path + len, PATH_MAX - (size_t)len, "%02x", digest[i]);
		if (len < PATH_MAX)
			len += snprintf(path + len, PATH_MAX - (size_t)len, ".crl");
		good = len < PATH_MAX;
	}
	buf_free(&what);
	return good;
}

static enum answer
import(struct crl_cache *cache, struct slice octets, const struct crl *crl, const struct crl_signers *signers,
	struct error *err)
{
	enum answer answer = ANSWER_YES;
	char path[PATH_MAX];
	struct crl *before;

	if (!imported_path(cache, crl, path))
		return error_no(err, "file", "%s: the path is too long", cache->imported);
	/* One that cannot be read is no loss. */
	if (crl_files_parse(path, cache->config->status_size_limit, signers, &before, NULL) == ANSWER_YES) {
		answer = crl_may_replace(before, crl, err);
		crl_unref(before);
	}
	if (answer == ANSWER_YES)
		answer = crl_disk_write(cache->directory, path, octets, err);
	return answer;
}

enum answer
crl_cache_import(struct crl_cache *cache, struct slice octets, const struct crl_signers *signers, struct error *err)
{
	struct crl *crl;
	enum answer answer;
	int lock;

	if (crl_cache_is_kept(cache, err) != ANSWER_YES)
		return ANSWER_NO;
	if (octets.len > cache->config->status_size_limit)
		return error_no(err, "limit", "the CRL is larger than status-size-limit");
	answer = crl_parse(octets, signers->certs, signers->count, signers->accept_weak, &crl, err);
	if (answer != ANSWER_YES)
		return answer;
	answer = crl_disk_prepare(cache->imported, err);
	lock = answer == ANSWER_YES ? crl_disk_lock(cache->directory) : -1;
	if (answer == ANSWER_YES && lock == -1)
		answer = error_no(err, "folder", "cannot lock %s: %s", cache->directory, strerror(errno));
	if (answer == ANSWER_YES)
		answer = import(cache, octets, crl, signers, err);
	if (lock != -1)
		close(lock);
	crl_unref(crl);
	return answer;
}
