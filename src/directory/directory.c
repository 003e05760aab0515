#include "directory/directory.h"
#include "base/clock.h"
#include "base/deadline.h"
#include "base/log.h"
#include "directory/backend.h"
#include "directory/cache.h"
#include "directory/choose.h"
#include "directory/filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct directory {
	const struct config_directory *config;
	const struct backend *backend;
	void *state;
	struct cache *cache; /* NULL: not worth it */
};

struct directories {
	const struct config *config;
	const struct trusts *trusts;
	struct directory *item;
	size_t count;
};

static const struct backend *const backends[] = {
	[DIRECTORY_FILES] = &files_backend,
	[DIRECTORY_LDAP] = &ldap_backend,
};

/* ---- opening and closing ------------------------------------------------- */

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory for a look-up");
}

static enum answer
open_one(struct directories *d, const struct config_directory *config, struct error *err)
{
	struct directory *item = &d->item[d->count];
	enum answer answer;

	item->config = config;
	item->backend = backends[config->type];
	answer = item->backend->open(config, &item->state, err);
	if (answer != ANSWER_YES)
		return answer;
	d->count++;
	if (!item->backend->cached)
		return ANSWER_YES;
	item->cache = cache_new(d->config->cache_size, CACHE_OCTETS_MAX);
	return item->cache == NULL ? no_memory(err) : ANSWER_YES;
}

static enum answer
check_login(const struct config *config, struct error *err)
{
	const struct config_directory *named;

	if (config->sender_login_directory == NULL)
		return ANSWER_YES;
	named = config_directory(config, config->sender_login_directory);
	if (named == NULL || named->type != DIRECTORY_LDAP)
		return error_no(err, "sender-login", "sender-login-directory %s is no LDAP directory",
			config->sender_login_directory);
	if (config->sender_login_filter == NULL)
		return error_no(err, "sender-login", "sender-login-directory without sender-login-filter");
	return filter_check(config->sender_login_filter, "ls", err);
}

static enum answer
open_all(struct directories *d, struct error *err)
{
	const struct config *config = d->config;
	enum answer answer = check_login(config, err);

	for (size_t i = 0; i < config->directory_count && answer == ANSWER_YES; i++)
		answer = open_one(d, &config->directories[i], err);
	return answer;
}

enum answer
directories_new(const struct config *config, const struct trusts *trusts, struct directories **d,
	struct error *err)
{
	struct directories *made = calloc(1, sizeof *made);
	enum answer answer;

	*d = NULL;
	if (made == NULL || (made->item = calloc(config->directory_count + 1, sizeof *made->item)) == NULL) {
		free(made);
		return no_memory(err);
	}
	made->config = config;
	made->trusts = trusts;
	answer = open_all(made, err);
	if (answer != ANSWER_YES) {
		directories_free(made);
		return answer;
	}
	*d = made;
	return ANSWER_YES;
}

void
directories_free(struct directories *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->count; i++) {
		d->item[i].backend->close(d->item[i].state);
		cache_free(d->item[i].cache);
	}
	free(d->item);
	free(d);
}

/* ---- looking up ---------------------------------------------------------- */

/* One look-up on its way through the directories. */
struct look_up {
	struct directories *d;
	struct slice address; /* without angle brackets */
	const char *key;
	const struct config_strings *sets; /* names; empty: "anchors" */
	enum config_encrypt_to encrypt_to;
	time_t now;
	const struct timespec *deadline;
	struct timespec status_deadline; /* as soon as asks_status */
	bool asks_status;
	unsigned *left;
	struct directory_result *result;
	bool unclear; /* there was something that might be a certificate */
	bool unknown; /* there was one of which its sets cannot tell now whether it will do */
};

static void
drop_candidates(struct directory_result *result, size_t from)
{
	while (result->candidate_count > from)
		cert_unref(result->candidates[--result->candidate_count].cert);
}

/* ---- which will do --------------------------------------------------------- */

static const struct trust *
set_at(const struct look_up *l, size_t i)
{
	return trusts_find(l->d->trusts, l->sets->count == 0 ? CONFIG_TRUST_ANCHORS : l->sets->item[i]);
}

/* The first set that says yes speaks; that it was revoked ends the search. What cannot be told comes before
 * no, and of those who say no first whoever knows the certificate. */
static enum answer
ask_sets(const struct look_up *l, const struct cert *cert, bool path_only, struct error *err)
{
	struct trust_question question = {
		.cert = cert, .at = l->now, .fetch = true, .deadline = path_only ? l->deadline : &l->status_deadline,
		.left = l->left, .path_only = path_only,
	};
	struct error no = ERROR_NONE, unknown = ERROR_NONE;
	bool known = false;

	for (size_t i = 0; i < l->sets->count || i == 0; i++) {
		struct trust_judgement j;
		enum answer answer;
		bool final;

		trust_judge(set_at(l, i), &question, &j);
		answer = j.answer;
		final = answer == ANSWER_YES || strcmp(j.reason.code, "revoked") == 0;
		if (answer == ANSWER_CANT_TELL && unknown.answer == ANSWER_YES)
			unknown = j.reason;
		if (answer == ANSWER_NO && (final || !known)) {
			no = j.reason;
			known = j.in_set;
		}
		trust_judgement_free(&j);
		if (final) {
			*err = no;
			return answer;
		}
	}
	*err = unknown.answer != ANSWER_YES ? unknown : no;
	return err->answer;
}

static void
judge(const struct look_up *l, const struct directory *dir, const struct found_item *item,
	struct directory_candidate *c)
{
	*c = (struct directory_candidate){.directory = dir->config->name, .refusal = ERROR_NONE};
	if (item->cert == NULL) {
		c->refusal = *item->refusal;
		return;
	}
	c->cert = cert_ref(item->cert);
	c->usable = directory_judge(item->cert, l->address, dir->config->binds_address, l->now, &c->refusal) == ANSWER_YES &&
		ask_sets(l, item->cert, true, &c->refusal) == ANSWER_YES;
}

/* Chooses among what is usable so far. Status is asked only here, as somebody may have to be waited for. How
 * many were chosen. */
static size_t
choose(struct look_up *l, struct directory_candidate *candidates, size_t count)
{
	struct directory_candidate *c;
	size_t chosen = 0;

	if (!l->asks_status)
		l->status_deadline = deadline_earlier(*l->deadline, deadline_in(l->d->config->status_timeout * 1000L));
	l->asks_status = true;
	while ((l->encrypt_to == ENCRYPT_TO_ALL || chosen == 0) && (c = choose_next(candidates, count)) != NULL) {
		if (ask_sets(l, c->cert, false, &c->refusal) == ANSWER_YES) {
			c->chosen = true;
			chosen++;
		} else {
			c->usable = false;
		}
	}
	return chosen;
}

/* Appends one directory's certificates to the candidates, judged and chosen from. False: no memory. */
static bool
judge_all(struct look_up *l, const struct directory *dir, const struct found *found, size_t *usable)
{
	struct directory_result *r = l->result;
	struct directory_candidate *candidates;
	size_t first = r->candidate_count;

	*usable = 0;
	if (found->count == 0)
		return true;
	candidates = reallocarray(r->candidates, r->candidate_count + found->count, sizeof *candidates);
	if (candidates == NULL)
		return false;
	r->candidates = candidates;
	for (size_t i = 0; i < found->count; i++)
		judge(l, dir, &found->items[i], &candidates[r->candidate_count++]);
	*usable = choose(l, candidates + first, found->count);
	return true;
}

/* What did not parse, or was left out, might have been the recipient's good
 * certificate: then nobody may say that there is none. Nor where a set cannot tell now. */
static bool
is_unclear(struct look_up *l, const struct found *found, size_t first)
{
	bool unclear = found->left_out, unknown = false;

	for (size_t i = first; i < l->result->candidate_count; i++) {
		const struct directory_candidate *c = &l->result->candidates[i];

		unclear = unclear || c->cert == NULL;
		unknown = unknown || (c->cert != NULL && c->refusal.answer == ANSWER_CANT_TELL);
	}
	l->unclear = l->unclear || unclear;
	l->unknown = l->unknown || unknown;
	return unclear || unknown;
}

static void
log_left_out(const struct look_up *l, const struct directory *dir)
{
	struct log_line line;

	log_begin(&line, LOG_WARNING, NULL, "certificates-left-out");
	log_add(&line, "directory", "%s", dir->config->name);
	log_add_slice(&line, "address", l->address);
	log_add(&line, "limit", "%d", DIRECTORY_CERTIFICATES_MAX);
	log_end(&line);
}

static void
remember(const struct look_up *l, const struct directory *dir, struct found *found, bool positive)
{
	const struct config *config = l->d->config;

	if (dir->cache != NULL)
		cache_put(dir->cache, l->key, found, positive, clock_seconds(),
			positive ? config->cache_positive : config->cache_negative);
}

/* YES: the cache's answer still holds. That what was good is so no longer ends
 * it: a new certificate may be there. NO: the directory is to be asked. */
static enum answer
ask_cache(struct look_up *l, const struct directory *dir, size_t *usable, struct error *err)
{
	size_t first = l->result->candidate_count;
	enum answer answer = ANSWER_YES;
	struct found *found;
	bool positive;

	found = dir->cache == NULL ? NULL : cache_get(dir->cache, l->key, clock_seconds(), &positive);
	if (found == NULL)
		return ANSWER_NO;
	if (!judge_all(l, dir, found, usable))
		answer = no_memory(err);
	else if (*usable == 0 && positive)
		answer = ANSWER_NO;
	else if (*usable == 0)
		is_unclear(l, found, first);
	if (answer != ANSWER_YES)
		drop_candidates(l->result, first);
	found_unref(found);
	return answer;
}

static enum answer
ask_backend(struct look_up *l, const struct directory *dir, size_t *usable, struct error *err)
{
	size_t first = l->result->candidate_count;
	struct found *found;
	enum answer answer;

	answer = dir->backend->find(dir->state, l->address, l->deadline, &found, err);
	if (answer != ANSWER_YES)
		return ANSWER_CANT_TELL;
	if (found->left_out)
		log_left_out(l, dir);
	if (!judge_all(l, dir, found, usable))
		answer = no_memory(err);
	else if (*usable > 0 || !is_unclear(l, found, first))
		remember(l, dir, found, *usable > 0);
	found_unref(found);
	return answer;
}

static enum answer
ask(struct look_up *l, const struct directory *dir, struct error *err)
{
	size_t usable;
	enum answer answer;

	answer = ask_cache(l, dir, &usable, err);
	if (answer == ANSWER_NO)
		answer = ask_backend(l, dir, &usable, err);
	if (answer != ANSWER_YES)
		return ANSWER_CANT_TELL;
	return usable == 0 ? ANSWER_NO : ANSWER_YES;
}

/* All refusals in one line, as many as fit. */
static enum answer
explain_none(const struct look_up *l, struct error *err)
{
	const struct directory_result *r = l->result;
	char words[ERROR_WORDS_MAX] = "none is in any directory";
	size_t used = 0;

	for (size_t i = 0; i < r->candidate_count && used < sizeof words - 1; i++) {
		int n = snprintf(words + used, sizeof words - used, "%s%s", i == 0 ? "" : "; ",
			r->candidates[i].refusal.words);

		used += n > 0 ? (size_t)n : 0;
	}
	if (l->unclear)
		return error_cant_tell(err, "garbage", "%.*s: no usable certificate, and not all could be read: %s",
			SLICE_FMT(l->address), words);
	if (l->unknown)
		return error_cant_tell(err, "status-unknown", "%.*s: no usable certificate, and not all can be judged now: %s",
			SLICE_FMT(l->address), words);
	return error_no(err, r->candidate_count == 0 ? "no-certificate" : "no-usable-certificate",
		"%.*s: no usable certificate: %s", SLICE_FMT(l->address), words);
}

static enum answer
ask_in_order(struct look_up *l, struct error *err)
{
	for (size_t i = 0; i < l->d->count; i++) {
		enum answer answer = ask(l, &l->d->item[i], err);

		if (answer == ANSWER_CANT_TELL)
			error_prefix(err, "%.*s", SLICE_FMT(l->address));
		if (answer != ANSWER_NO)
			return answer;
	}
	return explain_none(l, err);
}

void
directory_find(struct directories *d, const struct directory_question *question, struct directory_result *result)
{
	struct address parsed;
	struct look_up l = {
		.d = d,
		.address = address_strip_brackets(question->address),
		.sets = question->trust != NULL && question->trust->count > 0 ? question->trust : &d->config->recipient_trust,
		.encrypt_to = question->encrypt_to,
		.now = question->now,
		.deadline = question->deadline,
		.left = question->left,
		.result = result,
	};
	char *key;

	*result = (struct directory_result){.reason = ERROR_NONE};
	if (!address_parse(question->address, &parsed)) {
		result->answer = error_no(&result->reason, "address", "%.*s: not a mail address", SLICE_FMT(question->address));
		return;
	}
	key = address_key(question->address);
	l.key = key;
	result->answer = key == NULL ? no_memory(&result->reason) : ask_in_order(&l, &result->reason);
	free(key);
}

void
directory_result_free(struct directory_result *result)
{
	drop_candidates(result, 0);
	free(result->candidates);
	*result = (struct directory_result){.candidates = NULL};
}

/* ---- vouching -------------------------------------------------------------- */

static bool
has_digest(const struct found *found, const unsigned char digest[32])
{
	for (size_t i = 0; i < found->count; i++) {
		const struct cert *cert = found->items[i].cert;

		if (cert != NULL && memcmp(cert->digest, digest, sizeof cert->digest) == 0)
			return true;
	}
	return false;
}

/* True: what is remembered decides. As with ask_cache(), that it is others than this does not. */
static bool
cache_decides(const struct look_up *l, const struct directory *dir, const unsigned char digest[32], bool *listed)
{
	struct found *found;
	bool positive;

	found = dir->cache == NULL ? NULL : cache_get(dir->cache, l->key, clock_seconds(), &positive);
	if (found == NULL)
		return false;
	*listed = has_digest(found, digest);
	found_unref(found);
	return *listed || !positive;
}

/* What did not parse is not this certificate. It is no "none" either: whoever asks
 * for certificates to encrypt to must not find it remembered as one. */
static enum answer
is_listed(const struct look_up *l, const struct directory *dir, const unsigned char digest[32], struct error *err)
{
	struct found *found;
	bool listed;

	if (cache_decides(l, dir, digest, &listed))
		return listed ? ANSWER_YES : ANSWER_NO;
	if (dir->backend->find(dir->state, l->address, l->deadline, &found, err) != ANSWER_YES) {
		error_prefix(err, "%.*s", SLICE_FMT(l->address));
		return ANSWER_CANT_TELL;
	}
	if (found->left_out)
		log_left_out(l, dir);
	listed = has_digest(found, digest);
	remember(l, dir, found, found->count > 0);
	found_unref(found);
	return listed ? ANSWER_YES : ANSWER_NO;
}

/* err is that of the first that could not be asked. */
static enum answer
ask_who_vouches(const struct look_up *l, const unsigned char digest[32], struct error *err)
{
	enum answer answer = ANSWER_NO;

	for (size_t i = 0; i < l->d->count; i++) {
		const struct directory *dir = &l->d->item[i];
		enum answer one;

		if (!dir->config->binds_address)
			continue;
		one = is_listed(l, dir, digest, answer == ANSWER_NO ? err : NULL);
		if (one == ANSWER_YES)
			return ANSWER_YES;
		if (one == ANSWER_CANT_TELL)
			answer = ANSWER_CANT_TELL;
	}
	return answer == ANSWER_CANT_TELL ? answer :
		error_no(err, "not-listed", "%.*s: no directory with binds-address lists this certificate", SLICE_FMT(l->address));
}

enum answer
directory_lists(struct directories *d, struct slice address, const unsigned char digest[32],
	const struct timespec *deadline, struct error *err)
{
	struct look_up l = {.d = d, .address = address_strip_brackets(address), .deadline = deadline};
	struct address parsed;
	enum answer answer;
	char *key;

	if (!address_parse(address, &parsed))
		return error_no(err, "address", "%.*s: not a mail address", SLICE_FMT(address));
	key = address_key(address);
	l.key = key;
	answer = key == NULL ? no_memory(err) : ask_who_vouches(&l, digest, err);
	free(key);
	return answer;
}

/* ---- other questions ----------------------------------------------------- */

enum answer
directory_login_matches(struct directories *d, struct slice login, struct slice address,
	const struct timespec *deadline, struct error *err)
{
	const struct config *config = d->config;
	struct address parsed;

	if (login.len == 0 || !address_parse(address, &parsed))
		return error_no(err, "login", "no login, or not a mail address");
	for (size_t i = 0; i < d->count; i++)
		if (config->sender_login_directory != NULL &&
			strcmp(d->item[i].config->name, config->sender_login_directory) == 0)
			return ldap_login_matches(d->item[i].state, config->sender_login_filter, login, address,
				deadline, err);
	return error_no(err, "login", "no sender-login-directory is configured");
}

enum answer
directory_entries(struct directories *d, const struct directory_search *search, struct entries **entries, struct error *err)
{
	*entries = NULL;
	for (size_t i = 0; i < d->count; i++) {
		const struct config_directory *config = d->item[i].config;
		enum answer answer;

		if (config->type != DIRECTORY_LDAP || strcmp(config->name, search->directory) != 0)
			continue;
		answer = ldap_entries(d->item[i].state, search, entries, err);
		return answer == ANSWER_YES ? answer : ANSWER_CANT_TELL;
	}
	return error_cant_tell(err, "ldap", "there is no LDAP directory %s", search->directory);
}

enum answer
directories_probe(struct directories *d, const struct timespec *deadline,
	void (*report)(void *arg, const char *directory, const struct error *err), void *arg)
{
	enum answer answer = ANSWER_YES;

	for (size_t i = 0; i < d->count; i++) {
		struct error err = ERROR_NONE;

		if (d->item[i].backend->probe(d->item[i].state, deadline, &err) == ANSWER_YES)
			continue;
		report(arg, d->item[i].config->name, &err);
		answer = ANSWER_CANT_TELL;
	}
	return answer;
}
