#include "pki/crl_slots.h"

#include "base/file.h"
#include "base/log.h"
#include "pki/crl_signers.h"

#include <openssl/sha.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct crl_slot {
	/* Never change. */
	char url[FETCH_URL_MAX + 1];
	bool accept_weak;
	char list_path[PATH_MAX];
	char note_path[PATH_MAX];

	/* The slots' lock. */
	unsigned references;
	unsigned long turn;        /* when it was used last, as order */
	time_t used;               /* and as time */
	struct crl *crl;
	unsigned char digest[SHA256_DIGEST_LENGTH]; /* of its octets */
	struct crl_note note;
	struct crl *merged;        /* of base and delta */
	struct crl *base;
	struct crl *delta;
	struct cert **known;       /* who may have signed the next one */
	size_t known_count;
	size_t known_octets;
	size_t list_octets;        /* of crl, merged, base and delta */
	struct crl_tried tried;    /* who did not sign the one that was had last */
	time_t tried_at;           /* when it was fetched */
	unsigned long answers;     /* how often something was fetched */
	bool unsigned_yet;         /* what was fetched is none of theirs, and why */
	struct error why;

	pthread_mutex_t disk;      /* taken before the slots' lock; who holds it looks at disk or writes */
	bool looked;
	bool on_disk;              /* what is there is what is held */
	bool disk_unsigned;        /* what is on disk can perhaps be read when others are known */
	struct crl_stamp list_stamp;
	struct crl_stamp note_stamp;
};

struct crl_slots {
	const struct config *config;
	const char *directory;
	pthread_mutex_t lock;
	struct crl_slot *slot[CRL_CACHE_LISTS_MAX];
	size_t count;
	unsigned long turn;
	bool told;                 /* that nothing can be written */
};

struct crl_slots *
crl_slots_new(const struct config *config, const char *directory)
{
	struct crl_slots *slots = calloc(1, sizeof *slots);

	if (slots == NULL)
		return NULL;
	slots->config = config;
	slots->directory = directory;
	pthread_mutex_init(&slots->lock, NULL);
	return slots;
}

static void
slot_free(struct crl_slot *s)
{
	crl_unref(s->crl);
	crl_unref(s->merged);
	crl_unref(s->base);
	crl_unref(s->delta);
	cert_free_array(s->known, s->known_count);
	crl_tried_free(&s->tried);
	pthread_mutex_destroy(&s->disk);
	free(s);
}

void
crl_slots_free(struct crl_slots *slots)
{
	if (slots == NULL)
		return;
	for (size_t i = 0; i < slots->count; i++)
		slot_free(slots->slot[i]);
	pthread_mutex_destroy(&slots->lock);
	free(slots);
}

/* ---- the table ----------------------------------------------------------- */

static void
give_locked(struct crl_slot *s)
{
	if (--s->references == 0)
		slot_free(s);
}

void
crl_slots_give(struct crl_slots *slots, struct crl_slot *slot)
{
	pthread_mutex_lock(&slots->lock);
	give_locked(slot);
	pthread_mutex_unlock(&slots->lock);
}

struct crl_slot *
crl_slots_ref(struct crl_slots *slots, struct crl_slot *slot)
{
	pthread_mutex_lock(&slots->lock);
	slot->references++;
	pthread_mutex_unlock(&slots->lock);
	return slot;
}

static struct crl_slot *
slot_new(const struct crl_slots *slots, const char *url, bool accept_weak)
{
	struct crl_slot *s;

	if (strlen(url) > FETCH_URL_MAX || (s = calloc(1, sizeof *s)) == NULL)
		return NULL;
	strcpy(s->url, url);
	s->accept_weak = accept_weak;
	s->why = ERROR_NONE;
	if (slots->directory != NULL && !crl_disk_paths(slots->directory, url, s->list_path, s->note_path))
		s->list_path[0] = '\0';
	s->references = 1;
	pthread_mutex_init(&s->disk, NULL);
	return s;
}

/* How many octets it took. Who still uses it keeps it until then. */
static size_t
drop_least_used(struct crl_slots *slots)
{
	size_t least = 0, octets;

	for (size_t i = 1; i < slots->count; i++)
		if (slots->slot[i]->turn < slots->slot[least]->turn)
			least = i;
	octets = slots->slot[least]->list_octets + slots->slot[least]->known_octets;
	give_locked(slots->slot[least]);
	slots->slot[least] = slots->slot[--slots->count];
	return octets;
}

/* ---- how much memory it takes ------------------------------------------------ */

#define PARSED 4 /* times the octets of its DER that a certificate or name takes, about */

static size_t
crl_octets(const struct crl *crl)
{
	size_t octets;

	if (crl == NULL)
		return 0;
	octets = sizeof *crl + crl->count * sizeof *crl->entries;
	for (size_t i = 0; i < crl->authority_count; i++)
		octets += PARSED * (size_t)i2d_X509_NAME(crl->authorities[i], NULL);
	return octets;
}

static size_t
cert_octets(const struct cert *cert)
{
	return PARSED * (size_t)i2d_X509(cert->x509, NULL);
}

/* What two slots share is counted for each. */
static void
count_lists(struct crl_slot *s)
{
	s->list_octets = crl_octets(s->crl) + crl_octets(s->merged);
	if (s->base != s->crl)
		s->list_octets += crl_octets(s->base);
	s->list_octets += crl_octets(s->delta);
}

/* The one used last stays, or nothing would ever be of use. */
static void
keep_total_limit(struct crl_slots *slots)
{
	uint64_t total = 0;

	for (size_t i = 0; i < slots->count; i++)
		total += slots->slot[i]->list_octets + slots->slot[i]->known_octets;
	while (total > slots->config->status_total_limit && slots->count > 1)
		total -= drop_least_used(slots);
}

/* ---- finding ------------------------------------------------------------------ */

static struct crl_slot *
find_or_make(struct crl_slots *slots, const char *url, bool accept_weak)
{
	struct crl_slot *s;

	for (size_t i = 0; i < slots->count; i++)
		if (slots->slot[i]->accept_weak == accept_weak && strcmp(slots->slot[i]->url, url) == 0)
			return slots->slot[i];
	s = slot_new(slots, url, accept_weak);
	if (s == NULL)
		return NULL;
	if (slots->count == CRL_CACHE_LISTS_MAX)
		drop_least_used(slots);
	return slots->slot[slots->count++] = s;
}

static size_t
find_known(const struct crl_slot *s, const struct cert *cert)
{
	size_t i = 0;

	while (i < s->known_count && memcmp(s->known[i]->digest, cert->digest, sizeof cert->digest) != 0)
		i++;
	return i;
}

/* The last is the one that nobody has come with for longest. */
static void
forget_last(struct crl_slot *s)
{
	struct cert *last = s->known[--s->known_count];

	s->known_octets -= cert_octets(last);
	cert_unref(last);
}

/* In front of the others, as only so many of one name are tried. Without memory it is known when it comes again. */
static void
learn_one(struct crl_slot *s, struct cert *cert)
{
	size_t i = find_known(s, cert);

	if (i == s->known_count) {
		struct cert **more = reallocarray(s->known, s->known_count + 1, sizeof *more);

		if (more == NULL)
			return;
		s->known = more;
		s->known[s->known_count++] = cert_ref(cert);
		s->known_octets += cert_octets(cert);
	}
	cert = s->known[i];
	memmove(s->known + 1, s->known, i * sizeof *s->known);
	s->known[0] = cert;
	if (s->known_count > CRL_SLOT_SIGNERS_MAX)
		forget_last(s);
}

/* The first of them is in front then. */
static void
learn(struct crl_slot *s, const struct crl_signers *signers)
{
	for (size_t i = signers->count; i-- > 0;)
		if (crl_signers_may(signers->certs[i]))
			learn_one(s, signers->certs[i]);
}

struct crl_slot *
crl_slots_take(struct crl_slots *slots, const char *url, const struct crl_signers *signers, time_t at)
{
	struct crl_slot *s;

	pthread_mutex_lock(&slots->lock);
	s = find_or_make(slots, url, signers->accept_weak);
	if (s != NULL) {
		learn(s, signers);
		s->turn = ++slots->turn;
		if (at > s->used)
			s->used = at;
		s->references++;
		keep_total_limit(slots);
	}
	pthread_mutex_unlock(&slots->lock);
	return s;
}

size_t
crl_slots_used(struct crl_slots *slots, time_t since, struct crl_slot ***taken)
{
	size_t count = 0;

	pthread_mutex_lock(&slots->lock);
	*taken = calloc(slots->count + 1, sizeof **taken);
	for (size_t i = 0; *taken != NULL && i < slots->count; i++) {
		if (slots->slot[i]->used < since)
			continue;
		slots->slot[i]->references++;
		(*taken)[count++] = slots->slot[i];
	}
	pthread_mutex_unlock(&slots->lock);
	return count;
}

const char *
crl_slot_url(const struct crl_slot *slot)
{
	return slot->url;
}

bool
crl_slot_accepts_weak(const struct crl_slot *slot)
{
	return slot->accept_weak;
}

/* ---- is it still good enough? ---------------------------------------------- */

static bool
is_due(const struct crl_slots *slots, const struct crl_slot *s, time_t at, unsigned thousandths)
{
	time_t age = at - s->note.fetched;

	if (s->crl == NULL || age < -CRL_CLOCK_SKEW || age * 1000 >= (time_t)slots->config->status_max_age * thousandths)
		return true;
	/* One that had run out already when it was had: its authority is late, and asked now and then. */
	return at > s->crl->next_update && (s->note.fetched <= s->crl->next_update || age >= CRL_SLOT_AGAIN);
}

bool
crl_slot_is_due(struct crl_slots *slots, struct crl_slot *slot, time_t at, unsigned thousandths)
{
	bool due;

	pthread_mutex_lock(&slots->lock);
	due = is_due(slots, slot, at, thousandths);
	pthread_mutex_unlock(&slots->lock);
	return due;
}

bool
crl_slot_is_wanted(struct crl_slots *slots, struct crl_slot *slot, const struct crl_signers *signers, time_t at,
	bool *of_them)
{
	bool wanted;

	pthread_mutex_lock(&slots->lock);
	*of_them = slot->crl != NULL && crl_signers_made(signers, slot->crl);
	if (*of_them && !slot->unsigned_yet)
		wanted = is_due(slots, slot, at, CRL_SLOT_WHOLE);
	else
		wanted = (!*of_them || is_due(slots, slot, at, CRL_SLOT_WHOLE)) &&
			(!crl_tried_all(&slot->tried, signers) || labs((long)(at - slot->tried_at)) >= CRL_SLOT_AGAIN);
	pthread_mutex_unlock(&slots->lock);
	return wanted;
}

/* ---- what takes the place of what -------------------------------------------- */

/* An authority may change the scope of its lists: where the one that is there is of no more use, one that is
 * may come instead. It is never an older one of the same scope. */
static enum answer
may_replace(const struct crl *crl, const struct crl *next, time_t at, struct error *err)
{
	enum answer answer = crl_may_replace(crl, next, err);

	if (answer != ANSWER_YES && strcmp(err->code, "other-list") == 0 && at > crl->next_update && at <= next->next_update)
		return ANSWER_YES;
	return answer;
}

static void
say(const struct crl_slot *s, const char *event, const char *file, const struct error *why)
{
	struct log_line line;

	log_begin(&line, LOG_WARNING, NULL, event);
	log_add(&line, "url", "%s", s->url);
	if (file != NULL)
		log_add(&line, "file", "%s", file);
	log_add_error(&line, why);
	log_end(&line);
}

/* crl is taken over, or released. */
static enum answer
replace(struct crl_slots *slots, struct crl_slot *s, struct crl *crl, const unsigned char *digest,
	const struct crl_note *note, time_t at, struct error *err)
{
	enum answer answer = ANSWER_YES;
	struct crl *unused = crl;

	pthread_mutex_lock(&slots->lock);
	if (s->crl != NULL)
		answer = may_replace(s->crl, crl, at, err);
	if (answer == ANSWER_YES) {
		unused = s->crl;
		s->crl = crl;
		s->note = *note;
		memcpy(s->digest, digest, sizeof s->digest);
		s->unsigned_yet = false;
		s->tried.count = 0;
		count_lists(s);
		keep_total_limit(slots);
	}
	pthread_mutex_unlock(&slots->lock);
	crl_unref(unused);
	return answer;
}

/* ---- checking --------------------------------------------------------------- */

/* Who signed the list that is there comes first: nobody who bears the same name keeps his next one out. False: no
 * memory. */
static bool
copy_known(struct crl_slots *slots, const struct crl_slot *s, struct crl_signers *signers)
{
	struct cert **certs;
	size_t count = 0;

	pthread_mutex_lock(&slots->lock);
	certs = calloc(s->known_count + 1, sizeof *certs);
	if (certs != NULL && s->crl != NULL)
		certs[count++] = cert_ref(s->crl->signer);
	for (size_t i = 0; certs != NULL && i < s->known_count; i++)
		certs[count++] = cert_ref(s->known[i]);
	*signers = (struct crl_signers){.certs = certs, .count = count, .accept_weak = s->accept_weak};
	pthread_mutex_unlock(&slots->lock);
	return certs != NULL;
}

static void
remember_tried(struct crl_slots *slots, struct crl_slot *s, const struct crl_signers *signers)
{
	pthread_mutex_lock(&slots->lock);
	crl_tried_add(&s->tried, signers);
	pthread_mutex_unlock(&slots->lock);
}

/* With whoever is known; where none of them signed it, that is remembered. */
static enum answer
parse(struct crl_slots *slots, struct crl_slot *s, struct slice octets, struct crl **crl, struct error *err)
{
	struct crl_signers signers;
	enum answer answer;

	*crl = NULL;
	if (!copy_known(slots, s, &signers))
		return error_cant_tell(err, "memory", "no memory for a CRL");
	answer = crl_parse(octets, signers.certs, signers.count, signers.accept_weak, crl, err);
	if (answer == ANSWER_NO && crl_signers_missing(err))
		remember_tried(slots, s, &signers);
	cert_free_array((struct cert **)signers.certs, signers.count);
	return answer;
}

/* ---- the disk ----------------------------------------------------------------- */

static bool
is_kept(const struct crl_slots *slots, const struct crl_slot *s)
{
	return slots->directory != NULL && s->list_path[0] != '\0';
}

/* So that the next fetch brings a whole list, which then is written. */
static void
forget_tags(struct crl_slots *slots, struct crl_slot *s)
{
	pthread_mutex_lock(&slots->lock);
	s->note.etag[0] = '\0';
	s->note.modified = 0;
	pthread_mutex_unlock(&slots->lock);
}

static void
read_list(struct crl_slots *slots, struct crl_slot *s, time_t at)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct error why = ERROR_NONE;
	struct crl_note note;
	struct crl *crl = NULL;
	enum answer answer;
	struct buf octets;

	buf_init(&octets, (size_t)slots->config->status_size_limit + 1);
	answer = file_read(s->list_path, FILE_PUBLIC, &octets, &why);
	if (answer == ANSWER_YES)
		answer = parse(slots, s, buf_slice(&octets), &crl, &why);
	SHA256(octets.data, octets.len, digest);
	buf_free(&octets);
	s->disk_unsigned = answer == ANSWER_NO && crl_signers_missing(&why);
	s->on_disk = false;
	if (answer == ANSWER_YES) {
		if (!crl_disk_read_note(s->note_path, &note) || strcmp(note.url, s->url) != 0)
			note = (struct crl_note){.fetched = 0};
		answer = replace(slots, s, crl, digest, &note, at, &why);
		s->on_disk = answer == ANSWER_YES;
		if (s->on_disk)
			return;
		say(s, "crl-refused", s->list_path, &why);
	} else if (!s->disk_unsigned) {
		say(s, "crl-unusable", s->list_path, &why);
	}
	forget_tags(slots, s);
}

/* Another process found the same list unchanged. */
static void
read_note(struct crl_slots *slots, struct crl_slot *s)
{
	struct crl_note note;

	if (!crl_disk_read_note(s->note_path, &note) || strcmp(note.url, s->url) != 0)
		return;
	pthread_mutex_lock(&slots->lock);
	if (s->on_disk && note.fetched > s->note.fetched)
		s->note.fetched = note.fetched;
	pthread_mutex_unlock(&slots->lock);
}

static bool
others_are_known(struct crl_slots *slots, const struct crl_slot *s)
{
	struct crl_signers signers;
	bool others;

	pthread_mutex_lock(&slots->lock);
	signers = (struct crl_signers){.certs = s->known, .count = s->known_count};
	others = !crl_tried_all(&s->tried, &signers);
	pthread_mutex_unlock(&slots->lock);
	return others;
}

static void
look_locked(struct crl_slots *slots, struct crl_slot *s, time_t at)
{
	struct crl_stamp list = crl_stamp_of(s->list_path), note = crl_stamp_of(s->note_path);
	bool same = s->looked && crl_stamp_same(&list, &s->list_stamp);

	if (!same || (s->disk_unsigned && others_are_known(slots, s))) {
		s->disk_unsigned = s->on_disk = false;
		if (list.there)
			read_list(slots, s, at);
		else
			forget_tags(slots, s);
	} else if (!crl_stamp_same(&note, &s->note_stamp)) {
		read_note(slots, s);
	}
	s->looked = true;
	s->list_stamp = list;
	s->note_stamp = note;
}

void
crl_slot_look_at_disk(struct crl_slots *slots, struct crl_slot *slot, time_t at)
{
	if (!is_kept(slots, slot))
		return;
	pthread_mutex_lock(&slot->disk);
	look_locked(slots, slot, at);
	pthread_mutex_unlock(&slot->disk);
}

/* That nothing can be kept is said once. */
static void
say_not_kept(struct crl_slots *slots, enum answer answer, const struct error *why)
{
	bool told;

	pthread_mutex_lock(&slots->lock);
	told = slots->told;
	slots->told = answer != ANSWER_YES;
	pthread_mutex_unlock(&slots->lock);
	if (answer != ANSWER_YES && !told)
		log_event(LOG_WARNING, "crl-not-kept", "%s", why->words);
}

/* octets: of the list, which is written where it is not there yet; none: only the note is. The folder's
 * lock is held. */
static void
write_down(struct crl_slots *slots, struct crl_slot *s, struct slice octets, const struct crl_note *note)
{
	struct error why = ERROR_NONE;
	enum answer answer = ANSWER_YES;

	if (!s->on_disk && octets.len == 0)
		return;
	if (!s->on_disk) {
		crl_disk_make_room(slots->directory, s->list_path, octets.len, slots->config->status_total_limit);
		answer = crl_disk_write(slots->directory, s->list_path, octets, &why);
	}
	s->on_disk = answer == ANSWER_YES;
	if (s->on_disk)
		answer = crl_disk_write_note(slots->directory, s->note_path, note, &why);
	s->list_stamp = crl_stamp_of(s->list_path);
	s->note_stamp = crl_stamp_of(s->note_path);
	say_not_kept(slots, answer, &why);
}

/* ---- what was fetched ----------------------------------------------------------- */

bool
crl_slot_note(struct crl_slots *slots, struct crl_slot *slot, struct crl_note *note)
{
	bool there;

	pthread_mutex_lock(&slots->lock);
	there = slot->crl != NULL;
	*note = slot->note;
	pthread_mutex_unlock(&slots->lock);
	return there;
}

static bool
is_same(struct crl_slots *slots, const struct crl_slot *s, const unsigned char *digest)
{
	bool same;

	pthread_mutex_lock(&slots->lock);
	same = s->crl != NULL && memcmp(s->digest, digest, sizeof s->digest) == 0;
	pthread_mutex_unlock(&slots->lock);
	return same;
}

static enum answer
keep_unsigned(struct crl_slots *slots, struct crl_slot *s, time_t at, const struct error *why)
{
	pthread_mutex_lock(&slots->lock);
	s->unsigned_yet = true;
	s->tried_at = at;
	s->why = *why;
	pthread_mutex_unlock(&slots->lock);
	return ANSWER_YES;
}

/* Whoever was faster is looked at first; from then on nobody writes before we have. */
static enum answer
install(struct crl_slots *slots, struct crl_slot *s, struct crl *crl, struct slice octets, const unsigned char *digest,
	const struct crl_note *note, struct error *err)
{
	enum answer answer;
	int lock = -1;

	pthread_mutex_lock(&s->disk);
	if (is_kept(slots, s)) {
		lock = crl_disk_lock(slots->directory);
		look_locked(slots, s, note->fetched);
	}
	answer = replace(slots, s, crl, digest, note, note->fetched, err);
	if (answer == ANSWER_YES && lock != -1) {
		s->disk_unsigned = s->on_disk = false;
		write_down(slots, s, octets, note);
	}
	if (lock != -1)
		close(lock);
	pthread_mutex_unlock(&s->disk);
	return answer;
}

static void
count_answer(struct crl_slots *slots, struct crl_slot *s)
{
	pthread_mutex_lock(&slots->lock);
	s->answers++;
	pthread_mutex_unlock(&slots->lock);
}

unsigned long
crl_slot_answers(struct crl_slots *slots, const struct crl_slot *slot)
{
	unsigned long answers;

	pthread_mutex_lock(&slots->lock);
	answers = slot->answers;
	pthread_mutex_unlock(&slots->lock);
	return answers;
}

enum answer
crl_slot_offer(struct crl_slots *slots, struct crl_slot *slot, struct slice octets, const struct crl_note *note,
	struct error *err)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct crl *crl;
	struct crl_note before;
	enum answer answer;

	SHA256(octets.data, octets.len, digest);
	if (is_same(slots, slot, digest)) {
		crl_slot_unchanged(slots, slot, octets, note->fetched);
		return ANSWER_YES;
	}
	answer = parse(slots, slot, octets, &crl, err);
	if (answer == ANSWER_YES)
		answer = install(slots, slot, crl, octets, digest, note, err);
	count_answer(slots, slot);
	if (answer != ANSWER_NO)
		return answer;
	/* Where another one is there, who uses that would not hear of it. */
	if (crl_slot_note(slots, slot, &before))
		say(slot, "crl-refused", NULL, err);
	return crl_signers_missing(err) ? keep_unsigned(slots, slot, note->fetched, err) : ANSWER_NO;
}

void
crl_slot_unchanged(struct crl_slots *slots, struct crl_slot *slot, struct slice octets, time_t at)
{
	struct crl_signers signers;
	struct crl_note note;
	int lock;

	if (copy_known(slots, slot, &signers)) {
		remember_tried(slots, slot, &signers);
		cert_free_array((struct cert **)signers.certs, signers.count);
	}
	pthread_mutex_lock(&slot->disk);
	pthread_mutex_lock(&slots->lock);
	slot->note.fetched = at;
	slot->tried_at = at;
	slot->answers++;
	slot->unsigned_yet = false;
	pthread_mutex_unlock(&slots->lock);
	lock = is_kept(slots, slot) ? crl_disk_lock(slots->directory) : -1;
	if (lock != -1) {
		look_locked(slots, slot, at);
		if (crl_slot_note(slots, slot, &note)) {
			memcpy(note.url, slot->url, sizeof note.url);
			write_down(slots, slot, octets, &note);
		}
		close(lock);
	}
	pthread_mutex_unlock(&slot->disk);
}

/* ---- what is there ---------------------------------------------------------------- */

enum answer
crl_slot_get(struct crl_slots *slots, struct crl_slot *slot, const struct crl_signers *signers, struct crl **crl,
	time_t *fetched, struct error *err)
{
	enum answer answer = ANSWER_YES;

	*crl = NULL;
	*fetched = 0;
	pthread_mutex_lock(&slots->lock);
	if (slot->crl != NULL && crl_signers_made(signers, slot->crl)) {
		*crl = crl_ref(slot->crl);
		*fetched = slot->note.fetched;
	} else if (slot->crl != NULL) {
		answer = error_no(err, "no-signer", "%s: nobody who may have signed the CRL is known", slot->url);
	} else if (slot->unsigned_yet) {
		answer = error_no(err, slot->why.code, "%s: %s", slot->url, slot->why.words);
	} else {
		answer = error_cant_tell(err, "not-fetched", "%s: there is no list yet", slot->url);
	}
	pthread_mutex_unlock(&slots->lock);
	return answer;
}

static struct crl *
find_merged(struct crl_slots *slots, const struct crl_slot *s, const struct crl *crl, const struct crl *delta)
{
	struct crl *merged = NULL;

	pthread_mutex_lock(&slots->lock);
	if (s->merged != NULL && s->base == crl && s->delta == delta)
		merged = crl_ref(s->merged);
	pthread_mutex_unlock(&slots->lock);
	return merged;
}

enum answer
crl_slot_merge(struct crl_slots *slots, struct crl_slot *slot, struct crl *crl, struct crl *delta, struct crl **merged,
	struct error *err)
{
	struct crl *before[3];
	enum answer answer;

	*merged = find_merged(slots, slot, crl, delta);
	if (*merged != NULL)
		return ANSWER_YES;
	answer = crl_merge(crl, delta, merged, err);
	if (answer != ANSWER_YES)
		return answer;
	pthread_mutex_lock(&slots->lock);
	before[0] = slot->merged;
	before[1] = slot->base;
	before[2] = slot->delta;
	slot->merged = crl_ref(*merged);
	slot->base = crl_ref(crl);
	slot->delta = crl_ref(delta);
	count_lists(slot);
	keep_total_limit(slots);
	pthread_mutex_unlock(&slots->lock);
	for (size_t i = 0; i < 3; i++)
		crl_unref(before[i]);
	return ANSWER_YES;
}
