/* Lists are had once, kept, and never exchanged for older ones. */
#include "authority.h"
#include "unit.h"
#include "web.h"

#include "base/deadline.h"
#include "base/log.h"
#include "pki/crl_cache.h"

#include <openssl/x509v3.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_AGE 3600
#define MINUTE 60
#define WEEK (7 * AUTHORITY_DAY)
#define NOW AUTHORITY_NOW

extern char **environ;

static struct {
	X509 *ca, *other;
	struct cert *ca_cert, *other_cert, *leaf;
} pki;

static struct config config;
static struct errands *errands;
static struct crl_cache *cache;

/* ---- the scene ----------------------------------------------------------------- */

static void
open_cache(void)
{
	struct error err = ERROR_NONE;

	ck_assert_int_eq(errands_new(64, &errands, &err), ANSWER_YES);
	ck_assert_msg(crl_cache_new(&config, errands, &cache, &err) == ANSWER_YES, "%s", err.words);
}

static void
close_cache(void)
{
	errands_free(errands);
	crl_cache_free(cache);
}

static void
restart(void)
{
	close_cache();
	open_cache();
}

static void
set_config(const char *folder)
{
	static struct config_network loopback = {.address.s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 127}, .bits = 104};

	config = (struct config){.status_max_age = MAX_AGE, .status_size_limit = 4 * 1024 * 1024, .status_total_limit = 64 << 20,
		.fetch_timeout = 20, .redirect_limit = 3, .status_directory = (char *)folder, .fetch_networks = {.item = &loopback, .count = 1}};
}

static void
set_up(void)
{
	static char folder[256];
	X509 *leaf;

	pki.ca = authority_issue(&(struct authority_wish){.name = "ca", .ca = true, .usage = "keyCertSign,cRLSign"});
	pki.other = authority_issue(&(struct authority_wish){.name = "other", .ca = true, .usage = "keyCertSign,cRLSign",
		.key = "P-384"});
	leaf = authority_issue(&(struct authority_wish){.name = "leaf", .issuer = pki.ca, .begin = -AUTHORITY_DAY,
		.end = 1000 * AUTHORITY_DAY});
	ck_assert_int_eq(cert_from_x509(pki.ca, &pki.ca_cert, NULL), ANSWER_YES);
	ck_assert_int_eq(cert_from_x509(pki.other, &pki.other_cert, NULL), ANSWER_YES);
	ck_assert_int_eq(cert_from_x509(leaf, &pki.leaf, NULL), ANSWER_YES);
	X509_free(leaf);
	snprintf(folder, sizeof folder, "%s", authority_path("status"));
	set_config(folder);
	web_start();
	open_cache();
}

static void
tear_down(void)
{
	close_cache();
	X509_free(pki.ca);
	X509_free(pki.other);
	cert_unref(pki.ca_cert);
	cert_unref(pki.other_cert);
	cert_unref(pki.leaf);
}

/* ---- making lists ---------------------------------------------------------------- */

struct list_wish {
	long number;
	long base;            /* 0: no delta */
	long issued, ends;    /* s from NOW; ends 0: in a week */
	bool lists_leaf;
	const char *freshest; /* URL */
	long more;            /* entries besides */
	bool by_other;
};

static void
add_entry(X509_CRL *crl, ASN1_INTEGER *serial)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *since = ASN1_TIME_set(NULL, NOW - 7200);

	X509_REVOKED_set_serialNumber(entry, serial);
	X509_REVOKED_set_revocationDate(entry, since);
	ck_assert_int_eq(X509_CRL_add0_revoked(crl, entry), 1);
	ASN1_TIME_free(since);
}

static void
add_number(X509_CRL *crl, int nid, long value)
{
	ASN1_INTEGER *number = ASN1_INTEGER_new();

	ASN1_INTEGER_set(number, value);
	ck_assert_int_eq(X509_CRL_add1_ext_i2d(crl, nid, number, nid == NID_delta_crl, 0), 1);
	ASN1_INTEGER_free(number);
}

static void
fill(X509_CRL *crl, const struct list_wish *wish)
{
	ASN1_INTEGER *serial = ASN1_INTEGER_new();

	if (wish->lists_leaf)
		add_entry(crl, X509_get_serialNumber(pki.leaf->x509));
	for (long i = 0; i < wish->more; i++) {
		ASN1_INTEGER_set(serial, 100000 + i);
		add_entry(crl, serial);
	}
	ASN1_INTEGER_free(serial);
	add_number(crl, NID_crl_number, wish->number);
	if (wish->base != 0)
		add_number(crl, NID_delta_crl, wish->base);
	if (wish->freshest != NULL) {
		char value[300];
		X509_EXTENSION *e;

		snprintf(value, sizeof value, "URI:%s", wish->freshest);
		e = X509V3_EXT_conf_nid(NULL, NULL, NID_freshest_crl, value);
		ck_assert_ptr_nonnull(e);
		X509_CRL_add_ext(crl, e, -1);
		X509_EXTENSION_free(e);
	}
}

/* The caller's to OPENSSL_free(). */
static struct slice
make_list(const struct list_wish *wish)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *issued = ASN1_TIME_set(NULL, NOW - 3600 + wish->issued);
	ASN1_TIME *ends = ASN1_TIME_set(NULL, NOW + (wish->ends == 0 ? WEEK : wish->ends));
	unsigned char *der = NULL;
	int len;

	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(wish->by_other ? pki.other : pki.ca));
	X509_CRL_set1_lastUpdate(crl, issued);
	X509_CRL_set1_nextUpdate(crl, ends);
	fill(crl, wish);
	ck_assert_int_gt(X509_CRL_sign(crl, authority_key(wish->by_other ? "P-384" : "P-256"), EVP_sha256()), 0);
	len = i2d_X509_CRL(crl, &der);
	ck_assert_int_gt(len, 0);
	X509_CRL_free(crl);
	ASN1_TIME_free(issued);
	ASN1_TIME_free(ends);
	return slice_of(der, (size_t)len);
}

static void
serve(const char *path, const struct list_wish *wish, const char *etag)
{
	struct slice list = make_list(wish);

	web_put(path, list, etag);
	OPENSSL_free((void *)list.data);
}

static void
put_file(const char *path, const struct list_wish *wish)
{
	struct slice list = make_list(wish);

	authority_write(path, list);
	OPENSSL_free((void *)list.data);
}

/* ---- asking ------------------------------------------------------------------------ */

struct got {
	enum answer answer;
	long number; /* of the list; 0: none */
	size_t count;
	time_t fetched;
	enum status_state leaf;
	struct error err;
};

static struct got
get_by(struct cert *signer, const char *path, time_t at, bool fetch, unsigned *left)
{
	struct crl_signers signers = {.certs = &signer, .count = 1};
	struct timespec deadline = deadline_in(30000);
	struct got got = {.err = ERROR_NONE};
	struct status status;
	struct crl *crl;

	got.answer = crl_cache_get(cache, web_url(path), &signers, at, fetch, &deadline, left, &crl, &got.fetched, &got.err);
	ck_assert_int_eq(got.answer == ANSWER_YES, crl != NULL);
	if (crl == NULL)
		return got;
	for (size_t i = 0; i < crl->number.len; i++)
		got.number = got.number << 8 | crl->number.octets[i];
	got.count = crl->count;
	crl_look_up((const struct crl *const *)&crl, 1, pki.leaf, at, &status);
	got.leaf = status.state;
	crl_unref(crl);
	return got;
}

static struct got
get(time_t at)
{
	unsigned left = 8;

	return get_by(pki.ca_cert, "/ca.crl", at, true, &left);
}

static struct got
get_what_is_there(time_t at)
{
	unsigned left = 8;
	struct got got = get_by(pki.ca_cert, "/ca.crl", at, false, &left);

	ck_assert_uint_eq(left, 8);
	return got;
}

/* Fetched now, whatever its age: the code, or "". */
static const char *
fetch_now(time_t at)
{
	struct crl_signers signers = {.certs = &pki.ca_cert, .count = 1};
	struct error err = ERROR_NONE;

	return crl_cache_fetch(cache, web_url("/ca.crl"), &signers, at, &err) == ANSWER_YES ? "" : err.code;
}

#define assert_number(got_, number_) do { \
	struct got g_ = (got_); \
	ck_assert_msg(g_.answer == ANSWER_YES, "%s: %s", g_.err.code, g_.err.words); \
	ck_assert_int_eq(g_.number, (number_)); \
} while (0)

/* ---- memory, disk and server ----------------------------------------------------------- */

START_TEST(a_list_is_held_across_restarts)
{
	serve("/ca.crl", &(struct list_wish){.number = 5, .lists_leaf = true}, NULL);
	ck_assert_str_eq(get_what_is_there(NOW).err.code, "not-fetched");
	assert_number(get(NOW), 5);
	assert_number(get(NOW + MAX_AGE - 1), 5);
	restart();
	assert_number(get_what_is_there(NOW + MAX_AGE - 1), 5);
	ck_assert_int_eq(get(NOW + MAX_AGE - 1).fetched, NOW);
	ck_assert_int_eq(get(NOW).leaf, STATUS_REVOKED);
	ck_assert_uint_eq(web_asked().requests, 1);
}
END_TEST

START_TEST(a_url_never_becomes_a_path)
{
	static const char *const hostile[] = {"/../../../../tmp/x", "/a/../b.crl", "/%2e%2e/%00", "/;rm"};
	struct dirent *entry;
	unsigned left = 8;
	size_t files = 0;
	DIR *dir;

	for (size_t i = 0; i < 4; i++) {
		/* A client may tidy up the path, so all that it may ask for are there. */
		serve(hostile[i], &(struct list_wish){.number = 5}, NULL);
		get_by(pki.ca_cert, hostile[i], NOW, true, &left);
	}
	dir = opendir(config.status_directory);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		ck_assert_uint_eq(strspn(entry->d_name, "0123456789abcdef"), 64);
		ck_assert(strcmp(entry->d_name + 64, ".crl") == 0 || strcmp(entry->d_name + 64, ".url") == 0);
		files++;
	}
	closedir(dir);
	ck_assert_uint_gt(files, 0);
	ck_assert_str_eq(get_by(pki.ca_cert, "/a\nfetched 1", NOW, true, &left).err.code, "url");
}
END_TEST

START_TEST(an_older_list_is_refused)
{
	serve("/ca.crl", &(struct list_wish){.number = 5}, NULL);
	assert_number(get(NOW), 5);
	serve("/ca.crl", &(struct list_wish){.number = 4, .issued = 60}, NULL);
	ck_assert_str_eq(fetch_now(NOW + 1), "older");
	assert_number(get(NOW + 2), 5);
	restart();
	ck_assert_str_eq(fetch_now(NOW + 3), "older");
	assert_number(get(NOW + MAX_AGE + 10), 5);
	serve("/ca.crl", &(struct list_wish){.number = 6, .issued = 60}, NULL);
	restart();
	assert_number(get(NOW + MAX_AGE + 20), 6);
}
END_TEST

/* The path of the one list in the folder. */
static const char *
path_on_disk(void)
{
	static char path[600];
	struct dirent *entry;
	DIR *dir = opendir(config.status_directory);

	path[0] = '\0';
	while ((entry = readdir(dir)) != NULL)
		if (strlen(entry->d_name) == 68 && strcmp(entry->d_name + 64, ".crl") == 0)
			snprintf(path, sizeof path, "%s/%s", config.status_directory, entry->d_name);
	closedir(dir);
	ck_assert_str_ne(path, "");
	return path;
}

START_TEST(an_older_list_on_disk_is_refused_and_replaced)
{
	serve("/ca.crl", &(struct list_wish){.number = 5}, "\"five\"");
	assert_number(get(NOW), 5);
	put_file(path_on_disk(), &(struct list_wish){.number = 3});
	assert_number(get(NOW + MAX_AGE), 5);
	/* A conditional GET would have left it there. */
	restart();
	assert_number(get_what_is_there(NOW + MAX_AGE), 5);
	authority_write(path_on_disk(), slice_str("0123456789"));
	restart();
	ck_assert_int_eq(get_what_is_there(NOW).answer, ANSWER_CANT_TELL);
	assert_number(get(NOW), 5);
}
END_TEST

START_TEST(an_unchanged_list_is_not_had_again)
{
	struct got got;

	serve("/ca.crl", &(struct list_wish){.number = 5}, "\"five\"");
	assert_number(get(NOW), 5);
	ck_assert_uint_eq(web_asked().conditional, 0);
	got = get(NOW + MAX_AGE);
	assert_number(got, 5);
	ck_assert_int_eq(got.fetched, NOW + MAX_AGE);
	ck_assert_uint_eq(web_asked().unchanged, 1);
	restart();
	assert_number(get(NOW + 2 * MAX_AGE - 1), 5);
	ck_assert_uint_eq(web_asked().requests, 2);
	assert_number(get(NOW + 2 * MAX_AGE), 5);
	ck_assert_uint_eq(web_asked().unchanged, 2);
	serve("/ca.crl", &(struct list_wish){.number = 6}, "\"six\"");
	assert_number(get(NOW + 3 * MAX_AGE), 6);
}
END_TEST

START_TEST(a_list_is_had_again_when_it_is_old_or_has_run_out)
{
	serve("/ca.crl", &(struct list_wish){.number = 5}, NULL);
	assert_number(get(NOW), 5);
	serve("/ca.crl", &(struct list_wish){.number = 6, .lists_leaf = true, .ends = MAX_AGE + 600}, NULL);
	assert_number(get(NOW + MAX_AGE - 1), 5);
	ck_assert_int_eq(get(NOW + MAX_AGE).leaf, STATUS_REVOKED);
	serve("/ca.crl", &(struct list_wish){.number = 7, .ends = MAX_AGE + 700}, NULL);
	assert_number(get(NOW + MAX_AGE + 600), 6);
	assert_number(get(NOW + MAX_AGE + 601), 7);
	ck_assert_uint_eq(web_asked().requests, 3);
	/* Its authority is late: that is looked at now and then, not for each message. */
	for (time_t at = 701; at < 721; at++)
		assert_number(get(NOW + MAX_AGE + at), 7);
	ck_assert_uint_eq(web_asked().requests, 4);
	assert_number(get(NOW + MAX_AGE + 761), 7);
	ck_assert_uint_eq(web_asked().requests, 5);
}
END_TEST

static void *
ask_in_thread(void *arg)
{
	*(struct got *)arg = get(NOW);
	return NULL;
}

START_TEST(however_many_ask_it_is_fetched_once)
{
	static struct got got[32];
	pthread_t threads[32];

	serve("/ca.crl", &(struct list_wish){.number = 5, .more = 20000}, NULL);
	for (size_t i = 0; i < 32; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_in_thread, &got[i]), 0);
	for (size_t i = 0; i < 32; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < 32; i++)
		assert_number(got[i], 5);
	ck_assert_uint_eq(web_asked().requests, 1);
}
END_TEST

START_TEST(what_is_no_list_leaves_the_one_that_is_there)
{
	static const enum web_mood moods[] = {WEB_HTML, WEB_GARBAGE, WEB_HANGS_UP};
	static const char *const codes[] = {"malformed", "malformed", "network"};

	serve("/ca.crl", &(struct list_wish){.number = 5}, NULL);
	assert_number(get(NOW), 5);
	for (size_t i = 0; i < 3; i++) {
		restart();
		web_mood(moods[i]);
		assert_number(get(NOW + MAX_AGE), 5);
		restart();
		ck_assert_str_eq(fetch_now(NOW + MAX_AGE), codes[i]);
		assert_number(get(NOW + MAX_AGE), 5);
	}
	web_mood(WEB_PAGE);
	restart();
	config.status_size_limit = 100000;
	serve("/ca.crl", &(struct list_wish){.number = 6, .more = 10000}, NULL);
	assert_number(get(NOW + MAX_AGE), 5);
	ck_assert_str_eq(fetch_now(NOW + MAX_AGE), "delayed");
	restart();
	ck_assert_str_eq(fetch_now(NOW + MAX_AGE), "too-large");
	web_remove("/ca.crl");
	restart();
	ck_assert_str_eq(fetch_now(NOW + MAX_AGE), "not-found");
	assert_number(get_what_is_there(NOW + MAX_AGE), 5);
	/* The list itself says until when it is believed. */
	ck_assert_int_eq(get_what_is_there(NOW + WEEK + 1).leaf, STATUS_UNKNOWN);
}
END_TEST

START_TEST(where_there_is_no_list_yet_it_is_said_why)
{
	struct got got;

	web_mood(WEB_HTML);
	got = get(NOW);
	ck_assert_int_eq(got.answer, ANSWER_NO);
	ck_assert_str_eq(got.err.code, "malformed");
	ck_assert_ptr_nonnull(strstr(got.err.words, web_url("/ca.crl")));
	restart();
	web_mood(WEB_GARBAGE);
	got = get(NOW);
	ck_assert_int_eq(got.answer, ANSWER_NO);
	ck_assert_str_eq(got.err.code, "malformed");
	ck_assert_ptr_nonnull(strstr(got.err.words, web_url("/ca.crl")));
	restart();
	web_mood(WEB_HANGS_UP);
	ck_assert_int_eq(get(NOW).answer, ANSWER_CANT_TELL);
}
END_TEST

START_TEST(fetches_are_counted_down)
{
	unsigned left = 1;

	serve("/ca.crl", &(struct list_wish){.number = 5}, NULL);
	serve("/b.crl", &(struct list_wish){.number = 7}, NULL);
	ck_assert_int_eq(get_by(pki.ca_cert, "/ca.crl", NOW, true, &left).answer, ANSWER_YES);
	ck_assert_uint_eq(left, 0);
	ck_assert_str_eq(get_by(pki.ca_cert, "/b.crl", NOW, true, &left).err.code, "fetch-limit");
	ck_assert_int_eq(get_by(pki.ca_cert, "/ca.crl", NOW + MAX_AGE, true, &left).answer, ANSWER_YES);
	ck_assert_uint_eq(web_asked().requests, 1);
}
END_TEST

/* An authority may name many large lists: memory is not its to fill. */
START_TEST(beyond_the_total_limit_the_list_used_least_lately_goes)
{
	static const struct {
		bool on_disk;
		long entries;
		unsigned first, again; /* requests when another list was had, and the first one is asked for again */
	} cases[] = {{false, 10000, 2, 2}, {false, 20000, 2, 3}, {true, 20000, 2, 2}, {false, 60000, 2, 3}};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		unsigned left = 8, before = web_asked().requests;

		close_cache();
		set_config(cases[i].on_disk ? authority_path("status") : NULL);
		config.status_total_limit = 1 << 20;
		open_cache();
		serve("/ca.crl", &(struct list_wish){.number = 5, .more = cases[i].entries}, NULL);
		serve("/b.crl", &(struct list_wish){.number = 7, .more = cases[i].entries}, NULL);
		assert_number(get(NOW), 5);
		assert_number(get(NOW), 5);
		assert_number(get_by(pki.ca_cert, "/b.crl", NOW, true, &left), 7);
		assert_number(get_by(pki.ca_cert, "/b.crl", NOW, true, &left), 7);
		ck_assert_uint_eq(web_asked().requests - before, cases[i].first);
		assert_number(get(NOW), 5);
		ck_assert_uint_eq(web_asked().requests - before, cases[i].again);
	}
}
END_TEST

/* ... nor the certificates that come with its mail. */
START_TEST(who_may_have_signed_counts_towards_the_total_limit)
{
	unsigned left = 8;

	close_cache();
	set_config(NULL);
	config.status_total_limit = 1000;
	open_cache();
	serve("/ca.crl", &(struct list_wish){.number = 5}, NULL);
	assert_number(get(NOW), 5);
	ck_assert_int_eq(get_by(pki.other_cert, "/nothing.crl", NOW, true, &left).answer, ANSWER_NO);
	ck_assert_int_eq(get_what_is_there(NOW).answer, ANSWER_CANT_TELL);
}
END_TEST

/* Whose certificate names a list of somebody else, does not stand in the way of those who may read it. */
START_TEST(a_list_is_only_for_those_who_know_its_signer)
{
	unsigned left = 100;
	struct got got;

	serve("/ca.crl", &(struct list_wish){.number = 5}, NULL);
	for (int i = 0; i < 3; i++) {
		got = get_by(pki.other_cert, "/ca.crl", NOW, true, &left);
		ck_assert_int_eq(got.answer, ANSWER_NO);
		ck_assert_str_eq(got.err.code, "no-signer");
	}
	ck_assert_uint_eq(web_asked().requests, 1);
	assert_number(get(NOW), 5);
	ck_assert_str_eq(get_by(pki.other_cert, "/ca.crl", NOW, true, &left).err.code, "no-signer");
	restart();
	ck_assert_str_eq(get_by(pki.other_cert, "/ca.crl", NOW, false, &left).err.code, "not-fetched");
	assert_number(get_what_is_there(NOW), 5);
	/* What another signed takes no place. */
	serve("/ca.crl", &(struct list_wish){.number = 9, .by_other = true}, NULL);
	ck_assert_str_eq(fetch_now(NOW + MAX_AGE), "other-list");
	assert_number(get(NOW + MAX_AGE + 1), 5);
	restart();
	ck_assert_str_eq(get_by(pki.other_cert, "/ca.crl", NOW + MAX_AGE + 2, false, &left).err.code, "not-fetched");
	ck_assert_str_eq(fetch_now(NOW + MAX_AGE + 2), "other-list");
}
END_TEST

/* More authorities that call themselves as it than are tried, and name the place of its lists. */
static void
crowd(time_t at)
{
	unsigned left = 100;

	for (unsigned i = 0; i < CRL_SIGNERS_MAX; i++) {
		struct cert *cert = authority_cert(&(struct authority_wish){.name = "ca", .ca = true, .usage = "cRLSign",
			.key = "P-384", .end = AUTHORITY_DAY * (100 + i)});

		ck_assert_int_eq(get_by(cert, "/ca.crl", at, true, &left).answer, ANSWER_NO);
		cert_unref(cert);
	}
}

START_TEST(nobody_keeps_out_the_lists_of_whose_name_he_bears)
{
	serve("/ca.crl", &(struct list_wish){.number = 5}, NULL);
	crowd(NOW);
	assert_number(get(NOW), 5);
	serve("/ca.crl", &(struct list_wish){.number = 6}, NULL);
	crowd(NOW + MAX_AGE);
	assert_number(get(NOW + MAX_AGE), 6);
	restart();
	crowd(NOW + MAX_AGE);
	assert_number(get_what_is_there(NOW + MAX_AGE), 6);
}
END_TEST

START_TEST(a_list_of_another_scope_comes_where_the_old_one_has_run_out)
{
	unsigned left = 9;

	serve("/ca.crl", &(struct list_wish){.number = 9, .ends = 2 * MAX_AGE}, NULL);
	assert_number(get(NOW), 9);
	serve("/ca.crl", &(struct list_wish){.number = 2, .by_other = true}, NULL);
	ck_assert_int_eq(get_by(pki.other_cert, "/ca.crl", NOW + MAX_AGE, true, &left).answer, ANSWER_NO);
	assert_number(get(NOW + MAX_AGE), 9);
	restart();
	assert_number(get_what_is_there(NOW), 9);
	assert_number(get_by(pki.other_cert, "/ca.crl", NOW + 2 * MAX_AGE + 1, true, &left), 2);
}
END_TEST

/* ---- deltas -------------------------------------------------------------------------------- */

START_TEST(a_delta_is_merged)
{
	const char *delta = web_url("/delta.crl");
	char kept[256];

	snprintf(kept, sizeof kept, "%s", delta);
	serve("/ca.crl", &(struct list_wish){.number = 5, .freshest = kept, .more = 3}, "\"five\"");
	serve("/delta.crl", &(struct list_wish){.number = 7, .base = 5, .lists_leaf = true, .ends = 2 * MAX_AGE}, NULL);
	assert_number(get(NOW), 7);
	ck_assert_int_eq(get(NOW).leaf, STATUS_REVOKED);
	ck_assert_uint_eq(get(NOW).count, 4);
	ck_assert_uint_eq(web_asked().requests, 2);
	restart();
	assert_number(get_what_is_there(NOW), 7);
	/* A delta that cannot be had takes nothing away: the base stays good. */
	web_remove("/delta.crl");
	assert_number(get(NOW + 3 * MAX_AGE), 7);
	serve("/delta.crl", &(struct list_wish){.number = 8, .base = 5, .ends = WEEK}, NULL);
	restart();
	assert_number(get(NOW + 4 * MAX_AGE), 8);
	ck_assert_int_eq(get(NOW + 4 * MAX_AGE).leaf, STATUS_GOOD);
	/* One that needs a newer base is left alone. */
	serve("/delta.crl", &(struct list_wish){.number = 12, .base = 10}, NULL);
	assert_number(get(NOW + 5 * MAX_AGE), 5);
}
END_TEST

/* ---- in the background ------------------------------------------------------------------------ */

/* How often other lists were asked for when what was sent out before has come back: errands of a host
 * go out in their order. */
static unsigned
requests_at_rest(void)
{
	struct crl_signers signers = {.certs = &pki.ca_cert, .count = 1};
	static unsigned own;

	serve("/rest.crl", &(struct list_wish){.number = 1}, NULL);
	for (int i = 0; i < 4; i++, own++)
		ck_assert_int_eq(crl_cache_fetch(cache, web_url("/rest.crl"), &signers, NOW, NULL), ANSWER_YES);
	return web_asked().requests - own;
}

static void
wait_for_requests(unsigned count)
{
	while (web_asked().requests < count)
		usleep(1000);
}

START_TEST(what_is_in_use_is_kept_fresh)
{
	time_t last = NOW + CRL_CACHE_UNUSED_DAYS * AUTHORITY_DAY;

	serve("/ca.crl", &(struct list_wish){.number = 5, .ends = 300 * AUTHORITY_DAY}, "\"five\"");
	assert_number(get(NOW), 5);
	crl_cache_refresh(cache, NOW + MAX_AGE * 8 / 10 - 1);
	ck_assert_uint_eq(requests_at_rest(), 1);
	crl_cache_refresh(cache, NOW + MAX_AGE + 1);
	ck_assert_uint_eq(requests_at_rest(), 2);
	/* Nobody waits for it now. */
	ck_assert_int_eq(get_what_is_there(NOW).fetched, NOW + MAX_AGE + 1);
	crl_cache_refresh(cache, last);
	ck_assert_uint_eq(requests_at_rest(), 3);
	crl_cache_refresh(cache, last + 2 * MAX_AGE);
	ck_assert_uint_eq(requests_at_rest(), 3);
}
END_TEST

/* Who may not see that something is looked at must not see it a minute later either. */
START_TEST(what_is_only_looked_at_is_not_fetched_later)
{
	serve("/ca.crl", &(struct list_wish){.number = 5, .ends = 300 * AUTHORITY_DAY}, NULL);
	ck_assert_str_eq(get_what_is_there(NOW).err.code, "not-fetched");
	crl_cache_refresh(cache, NOW + 1);
	ck_assert_uint_eq(requests_at_rest(), 0);
}
END_TEST

/* Not all at the same moment. */
/* How many lists are in status-directory, and how many octets they have. */
static size_t
count_on_disk(size_t *octets)
{
	DIR *folder = opendir(config.status_directory);
	size_t count = 0;

	*octets = 0;
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		struct stat st;

		if (strstr(entry->d_name, ".crl") == NULL)
			continue;
		ck_assert_int_eq(fstatat(dirfd(folder), entry->d_name, &st, 0), 0);
		*octets += (size_t)st.st_size;
		count++;
	}
	closedir(folder);
	return count;
}

/* One that is found unchanged is none of the old ones. */
START_TEST(lists_do_not_take_all_of_the_disk)
{
	unsigned left = 100;
	size_t octets;
	char path[32];

	config.status_total_limit = 128 * 1024;
	restart();
	serve("/ca.crl", &(struct list_wish){.number = 1}, "\"1\"");
	assert_number(get(NOW), 1);
	for (unsigned i = 0; i < 7; i++) {
		snprintf(path, sizeof path, "/%u.crl", i);
		serve(path, &(struct list_wish){.number = 1, .more = 2000}, NULL);
		ck_assert_int_eq(get_by(pki.ca_cert, path, NOW, true, &left).answer, ANSWER_YES);
		ck_assert_str_eq(fetch_now(NOW), "");
	}
	ck_assert_uint_ge(count_on_disk(&octets), 2);
	ck_assert_uint_le(octets, 128 * 1024);
	restart();
	assert_number(get_what_is_there(NOW), 1);
	ck_assert_int_eq(get_by(pki.ca_cert, "/6.crl", NOW, false, &left).answer, ANSWER_YES);
	ck_assert_int_eq(get_by(pki.ca_cert, "/0.crl", NOW, false, &left).answer, ANSWER_CANT_TELL);
}
END_TEST

START_TEST(lists_are_kept_fresh_each_at_its_own_time)
{
	unsigned left = 32;

	for (size_t i = 0; i < 6; i++) {
		static const char *const paths[] = {"/1", "/2", "/3", "/4", "/5", "/6"};

		serve(paths[i], &(struct list_wish){.number = 5}, NULL);
		ck_assert_int_eq(get_by(pki.ca_cert, paths[i], NOW, true, &left).answer, ANSWER_YES);
	}
	for (time_t at = NOW + MAX_AGE * 8 / 10; requests_at_rest() == 6; at += MAX_AGE / 100)
		crl_cache_refresh(cache, at);
	ck_assert_uint_lt(requests_at_rest(), 12);
}
END_TEST

START_TEST(what_another_process_had_is_taken_up)
{
	struct crl_cache *mine, *others;
	struct errands *my_errands = errands;

	serve("/ca.crl", &(struct list_wish){.number = 5}, "\"five\"");
	assert_number(get(NOW), 5);
	mine = cache;
	open_cache();
	others = cache;
	serve("/ca.crl", &(struct list_wish){.number = 6}, "\"six\"");
	ck_assert_str_eq(fetch_now(NOW + MAX_AGE), "");
	ck_assert_uint_eq(web_asked().requests, 2);
	cache = mine;
	assert_number(get(NOW + MAX_AGE), 6);
	ck_assert_uint_eq(web_asked().requests, 2);
	/* And that it is unchanged. */
	cache = others;
	assert_number(get(NOW + 2 * MAX_AGE), 6);
	cache = mine;
	ck_assert_int_eq(get(NOW + 2 * MAX_AGE).fetched, NOW + 2 * MAX_AGE);
	ck_assert_uint_eq(web_asked().requests, 3);
	/* sealctl crl refresh, while the daemon runs and finds its own new enough. */
	serve("/ca.crl", &(struct list_wish){.number = 7}, "\"seven\"");
	cache = others;
	ck_assert_str_eq(fetch_now(NOW + 2 * MAX_AGE + 1), "");
	cache = mine;
	crl_cache_refresh(cache, NOW + 2 * MAX_AGE + 2);
	assert_number(get_what_is_there(NOW + 2 * MAX_AGE + 2), 7);
	ck_assert_uint_eq(requests_at_rest(), 4);
	cache = others;
	close_cache();
	cache = mine;
	errands = my_errands;
}
END_TEST

/* ---- files -------------------------------------------------------------------------------------- */

struct found {
	size_t count;
	long numbers; /* added up */
	struct status leaf;
};

static struct found
files_by(struct cert *signer, const char *one, const char *two, time_t at)
{
	char *items[] = {(char *)one, (char *)two};
	struct config_strings paths = {.item = items, .count = two != NULL ? 2 : one != NULL ? 1 : 0};
	struct crl_signers signers = {.certs = &signer, .count = 1};
	struct found found = {.count = 0};
	struct crl **crls;

	ck_assert_int_eq(crl_cache_files(cache, &paths, &signers, at, &crls, &found.count, NULL), ANSWER_YES);
	for (size_t i = 0; i < found.count; i++)
		found.numbers += crls[i]->number.octets[0];
	crl_look_up((const struct crl *const *)crls, found.count, pki.leaf, at, &found.leaf);
	crl_cache_release(crls, found.count);
	return found;
}

START_TEST(files_and_folders_are_read_and_looked_at_for_changes)
{
	char folder[256], inside[300], file[256];
	struct found found;

	snprintf(folder, sizeof folder, "%s", authority_path("lists"));
	snprintf(file, sizeof file, "%s", authority_path("one.crl"));
	snprintf(inside, sizeof inside, "%s/in", folder);
	ck_assert_int_eq(mkdir(folder, 0755), 0);
	put_file(file, &(struct list_wish){.number = 5});
	found = files_by(pki.ca_cert, file, folder, NOW);
	ck_assert_uint_eq(found.count, 1);
	ck_assert_int_eq(found.leaf.state, STATUS_GOOD);
	put_file(inside, &(struct list_wish){.number = 9, .by_other = true});
	put_file(file, &(struct list_wish){.number = 6, .lists_leaf = true});
	ck_assert_int_eq(files_by(pki.ca_cert, file, folder, NOW + CRL_CACHE_LOOK_SECONDS - 1).numbers, 5);
	found = files_by(pki.ca_cert, file, folder, NOW + CRL_CACHE_LOOK_SECONDS);
	ck_assert_int_eq(found.numbers, 6);
	ck_assert_int_eq(found.leaf.state, STATUS_REVOKED);
	/* Each only for those who know its signer, whenever he comes. */
	ck_assert_int_eq(files_by(pki.other_cert, file, folder, NOW + CRL_CACHE_LOOK_SECONDS).numbers, 9);
	ck_assert_int_eq(files_by(pki.ca_cert, file, folder, NOW + CRL_CACHE_LOOK_SECONDS).numbers, 6);
	put_file(file, &(struct list_wish){.number = 4});
	ck_assert_int_eq(files_by(pki.ca_cert, file, folder, NOW + 2 * CRL_CACHE_LOOK_SECONDS).numbers, 6);
	authority_write(file, slice_str("broken"));
	ck_assert_uint_eq(files_by(pki.ca_cert, file, folder, NOW + 3 * CRL_CACHE_LOOK_SECONDS).count, 0);
	ck_assert_int_eq(remove(inside), 0);
	ck_assert_uint_eq(files_by(pki.other_cert, file, folder, NOW + 3 * CRL_CACHE_LOOK_SECONDS).count, 1);
	ck_assert_uint_eq(files_by(pki.other_cert, file, folder, NOW + 4 * CRL_CACHE_LOOK_SECONDS).count, 0);
	ck_assert_uint_eq(files_by(pki.ca_cert, "/nowhere/at/all", NULL, NOW).count, 0);
}
END_TEST

/* Whoever issues certificates may send another authority with each message. */
START_TEST(files_are_not_read_again_for_everybody)
{
	char file[256];

	snprintf(file, sizeof file, "%s", authority_path("others.crl"));
	put_file(file, &(struct list_wish){.number = 9, .by_other = true});
	ck_assert_uint_eq(files_by(pki.ca_cert, file, NULL, NOW).count, 0);
	for (unsigned i = 0; i < CRL_CACHE_AGAIN_MAX; i++) {
		struct cert *cert = authority_cert(&(struct authority_wish){.name = "other", .ca = true, .usage = "cRLSign"});

		ck_assert_uint_eq(files_by(cert, file, NULL, NOW).count, 0);
		cert_unref(cert);
	}
	ck_assert_uint_eq(files_by(pki.other_cert, file, NULL, NOW).count, 0);
	ck_assert_uint_eq(files_by(pki.other_cert, file, NULL, NOW + CRL_CACHE_LOOK_SECONDS).count, 1);
}
END_TEST

START_TEST(deltas_among_files_are_merged)
{
	char base[256], delta[300], stale[300], folder[256];
	struct found found;

	snprintf(folder, sizeof folder, "%s", authority_path("deltas"));
	snprintf(base, sizeof base, "%s", authority_path("base.crl"));
	snprintf(delta, sizeof delta, "%s/new", folder);
	snprintf(stale, sizeof stale, "%s/stale", folder);
	ck_assert_int_eq(mkdir(folder, 0755), 0);
	put_file(base, &(struct list_wish){.number = 5});
	put_file(delta, &(struct list_wish){.number = 8, .base = 4, .more = 1});
	put_file(stale, &(struct list_wish){.number = 6, .base = 4, .lists_leaf = true});
	found = files_by(pki.ca_cert, base, folder, NOW);
	ck_assert_uint_eq(found.count, 1);
	ck_assert_int_eq(found.numbers, 8);
	ck_assert_int_eq(found.leaf.state, STATUS_GOOD);
	/* Without its base a delta can still revoke. */
	found = files_by(pki.ca_cert, folder, NULL, NOW);
	ck_assert_uint_eq(found.count, 2);
	ck_assert_int_eq(found.leaf.state, STATUS_REVOKED);
}
END_TEST

/* ---- sealctl's ------------------------------------------------------------------------------------- */

static const char *
import(const struct list_wish *wish)
{
	struct crl_signers signers = {.certs = &pki.ca_cert, .count = 1};
	struct slice list = make_list(wish);
	struct error err = ERROR_NONE;
	enum answer answer = crl_cache_import(cache, list, &signers, &err);

	OPENSSL_free((void *)list.data);
	return answer == ANSWER_YES ? "" : err.code;
}

static void
count_entry(void *arg, const struct crl_cache_entry *entry)
{
	int *kinds = arg;

	ck_assert_int_eq(access(entry->path, R_OK), 0);
	kinds[entry->url != NULL]++;
	if (entry->crl == NULL)
		kinds[2]++;
	else if (entry->url != NULL)
		ck_assert_str_eq(entry->url, web_url("/ca.crl"));
}

START_TEST(a_list_is_imported)
{
	struct crl_signers signers = {.certs = &pki.ca_cert, .count = 1};
	int kinds[3] = {0};
	struct stat st;

	ck_assert_str_eq(import(&(struct list_wish){.number = 5, .by_other = true}), "no-signer");
	ck_assert_str_eq(import(&(struct list_wish){.number = 5}), "");
	ck_assert_int_eq(files_by(pki.ca_cert, NULL, NULL, NOW).numbers, 5);
	ck_assert_str_eq(import(&(struct list_wish){.number = 4}), "older");
	ck_assert_str_eq(import(&(struct list_wish){.number = 6, .lists_leaf = true}), "");
	ck_assert_int_eq(files_by(pki.ca_cert, NULL, NULL, NOW + CRL_CACHE_LOOK_SECONDS).leaf.state, STATUS_REVOKED);
	restart();
	ck_assert_int_eq(files_by(pki.ca_cert, NULL, NULL, NOW).numbers, 6);
	serve("/ca.crl", &(struct list_wish){.number = 5}, NULL);
	assert_number(get(NOW), 5);
	ck_assert_int_eq(crl_cache_each(cache, &signers, count_entry, kinds, NULL), ANSWER_YES);
	ck_assert_int_eq(kinds[0], 1);
	ck_assert_int_eq(kinds[1], 1);
	signers.certs = &pki.other_cert;
	ck_assert_int_eq(crl_cache_each(cache, &signers, count_entry, kinds, NULL), ANSWER_YES);
	ck_assert_int_eq(kinds[2], 2);
	ck_assert_int_eq(stat(config.status_directory, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0750);
}
END_TEST

START_TEST(all_on_disk_are_fetched_at_once)
{
	struct crl_signers signers = {.certs = &pki.ca_cert, .count = 1};
	struct error err = ERROR_NONE;
	unsigned left = 8;

	serve("/ca.crl", &(struct list_wish){.number = 5}, NULL);
	serve("/b.crl", &(struct list_wish){.number = 7}, NULL);
	assert_number(get(NOW), 5);
	assert_number(get_by(pki.ca_cert, "/b.crl", NOW, true, &left), 7);
	restart();
	serve("/ca.crl", &(struct list_wish){.number = 6}, NULL);
	serve("/b.crl", &(struct list_wish){.number = 8}, NULL);
	ck_assert_msg(crl_cache_fetch(cache, NULL, &signers, NOW + 1, &err) == ANSWER_YES, "%s", err.words);
	assert_number(get_what_is_there(NOW + 1), 6);
	ck_assert_uint_eq(web_asked().requests, 4);
}
END_TEST

/* ---- what may go wrong with the folder -------------------------------------------------------------- */

static int saved_stderr;

static void
catch_log(void)
{
	int fd = open(authority_path("log"), O_RDWR | O_CREAT | O_TRUNC, 0600);

	fflush(stderr);
	saved_stderr = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
	log_without_syslog();
	log_open("test", LOG_MAIL, true);
}

static size_t
count_in_log(const char *word)
{
	char line[2000];
	size_t count = 0;
	FILE *f;

	dup2(saved_stderr, STDERR_FILENO);
	f = fopen(authority_path("log"), "r");
	while (fgets(line, sizeof line, f) != NULL)
		count += strstr(line, word) != NULL;
	fclose(f);
	return count;
}

static void
work_in_memory(const char *folder, size_t lines)
{
	config.status_directory = (char *)folder;
	catch_log();
	restart();
	serve("/ca.crl", &(struct list_wish){.number = 5}, NULL);
	assert_number(get(NOW), 5);
	serve("/ca.crl", &(struct list_wish){.number = 6}, NULL);
	assert_number(get(NOW + MAX_AGE), 6);
	ck_assert_uint_eq(count_in_log("crl-not-kept"), lines);
	restart();
	ck_assert_int_eq(get_what_is_there(NOW).answer, ANSWER_CANT_TELL);
}

START_TEST(without_a_usable_folder_lists_are_kept_in_memory)
{
	char folder[256];

	snprintf(folder, sizeof folder, "%s", authority_path("open"));
	ck_assert_int_eq(mkdir(folder, 0755), 0);
	ck_assert_int_eq(chmod(folder, 0777), 0);
	work_in_memory(folder, 1);
	work_in_memory("/nowhere/at/all", 1);
	work_in_memory(NULL, 0);
	ck_assert_str_eq(import(&(struct list_wish){.number = 5}), "folder");
	/* One that cannot be written; its temporary name is a folder, which stops root too. */
	snprintf(folder, sizeof folder, "%s", authority_path("full"));
	ck_assert_int_eq(mkdir(folder, 0755), 0);
	ck_assert_int_eq(mkdir(authority_path("full/.new"), 0755), 0);
	work_in_memory(folder, 1);
}
END_TEST

/* ---- a process that dies while it writes ------------------------------------------------------------ */

/* Run as another process: fetches the list for ever. */
static int
write_for_ever(char **argv)
{
	struct crl_signers signers;
	struct cert **certs;

	set_config(argv[2]);
	log_without_syslog();
	if (cert_read_file(argv[4], &certs, &signers.count, NULL) != ANSWER_YES ||
	    errands_new(64, &errands, NULL) != ANSWER_YES || crl_cache_new(&config, errands, &cache, NULL) != ANSWER_YES)
		return 2;
	signers = (struct crl_signers){.certs = certs, .count = 1};
	for (time_t at = NOW;; at++)
		if (crl_cache_fetch(cache, argv[3], &signers, at, NULL) != ANSWER_YES)
			return 3;
}

/* While it was writing? */
static bool
kill_one(const char *certificate, unsigned requests, unsigned pause)
{
	char *argv[] = {(char *)"test_crl_cache", (char *)"--write", config.status_directory, (char *)web_url("/ca.crl"),
		(char *)certificate, NULL};
	char temporary[300];
	unsigned before = web_asked().requests;
	int status;
	pid_t pid;

	snprintf(temporary, sizeof temporary, "%s/.new", config.status_directory);
	unlink(temporary);
	ck_assert_int_eq(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
	wait_for_requests(before + requests);
	usleep(pause);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSIGNALED(status), "the writer ended by itself: %d", status);
	return access(temporary, F_OK) == 0;
}

START_TEST(a_process_that_dies_leaves_a_whole_list)
{
	char certificate[256];
	unsigned landed = 0;
	long last = 0;

	snprintf(certificate, sizeof certificate, "%s", authority_path("ca.pem"));
	authority_write_pem(certificate, pki.ca, NULL, NULL);
	for (unsigned i = 0; i < 400 && (landed < 5 || last == 0); i++) {
		struct got got;

		serve("/ca.crl", &(struct list_wish){.number = i + 1, .more = 3000 + i}, NULL);
		landed += kill_one(certificate, 1 + i % 2, i % 40 * 300);
		restart();
		got = get_what_is_there(NOW);
		ck_assert_msg(got.answer == ANSWER_YES || last == 0, "%s", got.err.words);
		ck_assert_int_ge(got.number, last);
		if (got.answer == ANSWER_YES)
			ck_assert_uint_eq(got.count, (size_t)(3000 + got.number - 1));
		last = got.number;
	}
	ck_assert_uint_ge(landed, 5);
	ck_assert_int_gt(last, 0);
	/* What was left behind is in nobody's way. */
	serve("/ca.crl", &(struct list_wish){.number = 1000}, NULL);
	ck_assert_str_eq(fetch_now(NOW + 1), "");
	restart();
	assert_number(get_what_is_there(NOW + 1), 1000);
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *s = suite_create("crl_cache");
	TCase *t = tcase_create("crl_cache");

	if (argc == 5 && strcmp(argv[1], "--write") == 0)
		return write_for_ever(argv);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_list_is_held_across_restarts);
	tcase_add_test(t, a_url_never_becomes_a_path);
	tcase_add_test(t, an_older_list_is_refused);
	tcase_add_test(t, an_older_list_on_disk_is_refused_and_replaced);
	tcase_add_test(t, an_unchanged_list_is_not_had_again);
	tcase_add_test(t, a_list_is_had_again_when_it_is_old_or_has_run_out);
	tcase_add_test(t, however_many_ask_it_is_fetched_once);
	tcase_add_test(t, what_is_no_list_leaves_the_one_that_is_there);
	tcase_add_test(t, where_there_is_no_list_yet_it_is_said_why);
	tcase_add_test(t, fetches_are_counted_down);
	tcase_add_test(t, beyond_the_total_limit_the_list_used_least_lately_goes);
	tcase_add_test(t, who_may_have_signed_counts_towards_the_total_limit);
	tcase_add_test(t, a_list_is_only_for_those_who_know_its_signer);
	tcase_add_test(t, nobody_keeps_out_the_lists_of_whose_name_he_bears);
	tcase_add_test(t, a_list_of_another_scope_comes_where_the_old_one_has_run_out);
	tcase_add_test(t, a_delta_is_merged);
	tcase_add_test(t, what_is_in_use_is_kept_fresh);
	tcase_add_test(t, what_is_only_looked_at_is_not_fetched_later);
	tcase_add_test(t, lists_do_not_take_all_of_the_disk);
	tcase_add_test(t, lists_are_kept_fresh_each_at_its_own_time);
	tcase_add_test(t, what_another_process_had_is_taken_up);
	tcase_add_test(t, files_and_folders_are_read_and_looked_at_for_changes);
	tcase_add_test(t, files_are_not_read_again_for_everybody);
	tcase_add_test(t, deltas_among_files_are_merged);
	tcase_add_test(t, a_list_is_imported);
	tcase_add_test(t, all_on_disk_are_fetched_at_once);
	tcase_add_test(t, without_a_usable_folder_lists_are_kept_in_memory);
	tcase_add_test(t, a_process_that_dies_leaves_a_whole_list);
	suite_add_tcase(s, t);
	return unit_run(s);
}
