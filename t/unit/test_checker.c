/* What lists and responders say of a path, put together; asked over HTTP from a server of the test's own. */
#include "authority.h"
#include "revoker.h"
#include "unit.h"

#include "base/deadline.h"
#include "pki/checker.h"

#include <openssl/x509v3.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOOD V_OCSP_CERTSTATUS_GOOD
#define REVOKED V_OCSP_CERTSTATUS_REVOKED
#define UNKNOWN V_OCSP_CERTSTATUS_UNKNOWN
#define MANY 64

/* What a test makes, until it ends. */
static struct {
	X509 *x509[16];
	size_t x509_count;
	unsigned char *der[32];
	size_t der_count;
} made;

/* Root, one below it, and who is below that; a responder and a signer of lists beside them. */
static struct {
	X509 *root, *mid, *leaf;
	STACK_OF(X509) *path;
	struct chain_store *store;
	struct config config;
	struct config_network loopback;
	struct checker *checker;
	struct config_strings no_files;
	struct checker_set set;
	unsigned left;
	/* of the last question */
	struct checker_finding finding;
	struct error err;
} scene;

/* ---- making --------------------------------------------------------------------- */

struct wish {
	const char *name, *key, *issuer_key;
	X509 *issuer;
	bool ca, nocheck;
	const char *ocsp, *crl, *freshest, *usage, *eku, *organisation;
};

static void
add(X509 *x509, int nid, const char *format, const char *value)
{
	X509_EXTENSION *e;
	char text[256];

	if (value == NULL)
		return;
	snprintf(text, sizeof text, "%s%s", format, value);
	e = X509V3_EXT_conf_nid(NULL, NULL, nid, text);
	ck_assert_msg(e != NULL, "%s", text);
	X509_add_ext(x509, e, -1);
	X509_EXTENSION_free(e);
}

static X509 *
issue(const struct wish *wish)
{
	X509 *x509 = authority_issue(&(struct authority_wish){.name = wish->name, .key = wish->key, .issuer = wish->issuer,
		.issuer_key = wish->issuer_key, .ca = wish->ca, .usage = wish->usage, .names_issuer_key = wish->issuer != NULL});

	if (wish->organisation != NULL)
		X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "O", MBSTRING_UTF8,
			(const unsigned char *)wish->organisation, -1, -1, 0);
	add(x509, NID_info_access, "OCSP;URI:", wish->ocsp == NULL ? NULL : revoker_url(wish->ocsp));
	add(x509, NID_crl_distribution_points, "URI:", wish->crl == NULL ? NULL : revoker_url(wish->crl));
	add(x509, NID_freshest_crl, "URI:", wish->freshest == NULL ? NULL : revoker_url(wish->freshest));
	add(x509, NID_ext_key_usage, "", wish->eku);
	if (wish->nocheck) {
		ASN1_NULL *null = ASN1_NULL_new();

		X509_add1_ext_i2d(x509, NID_id_pkix_OCSP_noCheck, null, 0, 0);
		ASN1_NULL_free(null);
	}
	ck_assert_int_gt(X509_sign(x509, authority_key(wish->issuer_key == NULL ? "P-256" : wish->issuer_key),
		EVP_sha256()), 0);
	ck_assert_uint_lt(made.x509_count, sizeof made.x509 / sizeof made.x509[0]);
	made.x509[made.x509_count++] = x509;
	return x509;
}

struct list {
	X509 *issuer;
	const char *key;
	const X509 *revoked; /* or NULL */
	int reason;
	long issued, ends;   /* both 0: an hour ago, in a day */
};

static void
add_number(X509_CRL *crl, int nid, long value)
{
	ASN1_INTEGER *number = ASN1_INTEGER_new();

	ASN1_INTEGER_set(number, value);
	if (value != 0)
		ck_assert_int_eq(X509_CRL_add1_ext_i2d(crl, nid, number, nid == NID_delta_crl, 0), 1);
	ASN1_INTEGER_free(number);
}

static void
revoke(X509_CRL *crl, const struct list *wish)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
	ASN1_TIME *since = ASN1_TIME_set(NULL, AUTHORITY_NOW - AUTHORITY_DAY);

	ASN1_ENUMERATED_set(reason, wish->reason);
	X509_REVOKED_set_serialNumber(entry, (ASN1_INTEGER *)X509_get0_serialNumber(wish->revoked));
	X509_REVOKED_set_revocationDate(entry, since);
	X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0);
	X509_CRL_add0_revoked(crl, entry);
	ASN1_ENUMERATED_free(reason);
	ASN1_TIME_free(since);
}

/* number, base: CRLNumber and BaseCRLNumber; 0: none. */
static struct slice
make_numbered_list(const struct list *wish, long number, long base)
{
	bool usual = wish->issued == 0 && wish->ends == 0;
	ASN1_TIME *issued = ASN1_TIME_set(NULL, AUTHORITY_NOW + (usual ? -3600 : wish->issued));
	ASN1_TIME *ends = ASN1_TIME_set(NULL, AUTHORITY_NOW + (usual ? AUTHORITY_DAY : wish->ends));
	X509_CRL *crl = X509_CRL_new();
	unsigned char *der = NULL;
	int len;

	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(wish->issuer));
	X509_CRL_set1_lastUpdate(crl, issued);
	X509_CRL_set1_nextUpdate(crl, ends);
	if (wish->revoked != NULL)
		revoke(crl, wish);
	add_number(crl, NID_crl_number, number);
	add_number(crl, NID_delta_crl, base);
	ck_assert_int_gt(X509_CRL_sign(crl, authority_key(wish->key), EVP_sha256()), 0);
	len = i2d_X509_CRL(crl, &der);
	X509_CRL_free(crl);
	ASN1_TIME_free(issued);
	ASN1_TIME_free(ends);
	ck_assert_uint_lt(made.der_count, sizeof made.der / sizeof made.der[0]);
	made.der[made.der_count++] = der;
	return slice_of(der, (size_t)len);
}

static struct slice
make_list(const struct list *wish)
{
	return make_numbered_list(wish, 0, 0);
}

/* What everything below starts from: the CA itself answers, an hour's worth. */
static struct revoker_place *
responder(const char *path, X509 *signer, const char *key, int state)
{
	struct revoker_place *place = revoker_place(path);

	place->ocsp = true;
	place->signer = signer;
	place->key = key;
	place->state = state;
	place->reason = state == REVOKED ? 1 : -1;
	place->since = -86400;
	place->issued = -60;
	place->ends = 3600;
	return place;
}

static void
list_at(const char *path, const struct list *list)
{
	revoker_place(path)->octets = make_list(list);
}

static void
new_checker(void)
{
	checker_free(scene.checker);
	ck_assert_int_eq(checker_new(&scene.config, &scene.checker, NULL), ANSWER_YES);
}

static void
set_path(X509 *leaf)
{
	struct cert *cert;
	struct chain_question question = {.at = AUTHORITY_NOW, .extra = sk_X509_new_null()};

	sk_X509_push(question.extra, scene.mid);
	ck_assert_int_eq(cert_from_x509(leaf, &cert, NULL), ANSWER_YES);
	sk_X509_pop_free(scene.path, X509_free);
	ck_assert_int_eq(chain_validate(scene.store, cert, &question, &scene.path, &scene.err), ANSWER_YES);
	sk_X509_free(question.extra);
	cert_unref(cert);
}

/* organisation: of the authority in the middle. */
static void
set_up_as(const char *organisation)
{
	char *anchor = (char *)authority_path("root.pem");

	revoker_start();
	scene.root = issue(&(struct wish){.name = "root", .ca = true});
	scene.mid = issue(&(struct wish){.name = "mid", .ca = true, .key = "P-384", .issuer = scene.root,
		.ocsp = "/ocsp/mid", .crl = "/crl/root", .organisation = organisation});
	scene.leaf = issue(&(struct wish){.name = "leaf", .issuer = scene.mid, .issuer_key = "P-384",
		.ocsp = "/ocsp/leaf", .crl = "/crl/mid"});
	authority_write_pem(anchor, scene.root, NULL, NULL);
	ck_assert_int_eq(chain_store_new(&anchor, 1, NULL, 0, false, &scene.store, NULL), ANSWER_YES);
	responder("/ocsp/mid", scene.root, "P-256", GOOD);
	responder("/ocsp/leaf", scene.mid, "P-384", GOOD);
	list_at("/crl/root", &(struct list){scene.root, "P-256", NULL, 0, 0, 0});
	list_at("/crl/mid", &(struct list){scene.mid, "P-384", NULL, 0, 0, 0});
	scene.loopback = (struct config_network){.bits = 104};
	memcpy(scene.loopback.address.s6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f", 13);
	scene.config = (struct config){.status_max_age = 3600, .status_size_limit = 1 << 20, .status_total_limit = 64 << 20,
		.fetch_timeout = 5, .waiting_limit = 2 * MANY, .redirect_limit = 3, .fetch_networks = {&scene.loopback, 1}};
	scene.set = (struct checker_set){.mode = REVOCATION_REQUIRE, .crls = &scene.no_files, .store = scene.store};
	scene.left = 100;
	set_path(scene.leaf);
	new_checker();
}

static void
set_up(void)
{
	set_up_as(NULL);
}

static void
tear_down(void)
{
	checker_free(scene.checker);
	revoker_stop();
	sk_X509_pop_free(scene.path, X509_free);
	chain_store_free(scene.store);
	for (size_t i = 0; i < made.x509_count; i++)
		X509_free(made.x509[i]);
	for (size_t i = 0; i < made.der_count; i++)
		OPENSSL_free(made.der[i]);
	memset(&scene, 0, sizeof scene);
	memset(&made, 0, sizeof made);
}

static enum answer
ask_in(long ms, time_t at, struct checker_finding *finding, struct error *err)
{
	struct timespec deadline = deadline_in(ms);
	struct checker_question question = {&scene.set, scene.path, at, true, &deadline, &scene.left};

	*err = ERROR_NONE;
	return checker_path(scene.checker, &question, finding, err);
}

static enum answer
ask_at(time_t at)
{
	return ask_in(30000, at, &scene.finding, &scene.err);
}

static enum answer
ask(void)
{
	return ask_at(AUTHORITY_NOW);
}

#define assert_good(word) ck_assert_msg(ask() == ANSWER_YES && scene.finding.status.state == STATUS_GOOD && \
	strstr(scene.finding.source, (word)) != NULL, "%s; %s", scene.err.words, scene.finding.source)
#define assert_revoked(word) ck_assert_msg(ask() == ANSWER_NO && scene.finding.status.state == STATUS_REVOKED && \
	strcmp(scene.err.code, "revoked") == 0 && strstr(scene.finding.source, (word)) != NULL, \
	"%s; %s", scene.err.words, scene.finding.source)
#define assert_unknown(word) ck_assert_msg(ask() == ANSWER_CANT_TELL && strcmp(scene.err.code, "status-unknown") == 0 && \
	scene.finding.status.state == STATUS_UNKNOWN && strstr(scene.err.words, (word)) != NULL, \
	"%s; %s", scene.err.words, scene.finding.source)

static void
no_lists(void)
{
	revoker_place("/crl/root")->status = 404;
	revoker_place("/crl/mid")->status = 404;
}

static void
no_responders(void)
{
	responder("/ocsp/leaf", scene.mid, "P-384", GOOD)->status = 404;
	responder("/ocsp/mid", scene.root, "P-256", GOOD)->status = 404;
}

/* ---- the first source ------------------------------------------------------------- */

START_TEST(good_by_responders_and_no_list_is_fetched)
{
	assert_good("OCSP http://127.0.0.");
	ck_assert_int_eq(scene.finding.of, 0);
	ck_assert_int_eq(scene.finding.told, AUTHORITY_NOW);
	ck_assert_uint_eq(revoker_hits("/ocsp/leaf"), 1);
	ck_assert_uint_eq(revoker_hits("/ocsp/mid"), 1);
	ck_assert_uint_eq(revoker_hits("/crl/mid") + revoker_hits("/crl/root"), 0);
	ck_assert_uint_eq(scene.left, 98);
	/* What was said is remembered. */
	assert_good("OCSP");
	ck_assert_uint_eq(revoker_hits("/ocsp/leaf"), 1);
	ck_assert_uint_eq(scene.left, 98);
}
END_TEST

START_TEST(good_by_lists_and_no_responder_is_asked)
{
	scene.set.crl_first = true;
	assert_good("CRL http://127.0.0.");
	ck_assert_uint_eq(revoker_hits("/ocsp/leaf") + revoker_hits("/ocsp/mid"), 0);
	ck_assert_uint_eq(revoker_hits("/crl/mid"), 1);
	ck_assert_uint_eq(revoker_hits("/crl/root"), 1);
}
END_TEST

START_TEST(the_other_source_is_asked_where_the_first_is_away)
{
	no_responders();
	assert_good("CRL");
	new_checker();
	no_lists();
	responder("/ocsp/leaf", scene.mid, "P-384", GOOD);
	responder("/ocsp/mid", scene.root, "P-256", GOOD);
	scene.set.crl_first = true;
	assert_good("OCSP");
}
END_TEST

START_TEST(revoked_says_since_when_and_why)
{
	responder("/ocsp/leaf", scene.mid, "P-384", REVOKED);
	assert_revoked("OCSP");
	ck_assert_str_eq(scene.err.words, "revoked since 2027-01-14, keyCompromise");
	ck_assert_int_eq(scene.finding.status.reason, STATUS_KEY_COMPROMISE);
	new_checker();
	scene.set.crl_first = true;
	list_at("/crl/mid", &(struct list){scene.mid, "P-384", scene.leaf, 5, 0, 0});
	assert_revoked("CRL");
	ck_assert_str_eq(scene.err.words, "revoked since 2027-01-14, cessationOfOperation");
}
END_TEST

START_TEST(nothing_is_asked_below_a_revoked_authority)
{
	responder("/ocsp/mid", scene.root, "P-256", REVOKED);
	assert_revoked("OCSP");
	ck_assert_int_eq(scene.finding.of, 1);
	ck_assert_ptr_nonnull(strstr(scene.err.words, "authority CN=mid: revoked since"));
	ck_assert_uint_eq(revoker_hits("/ocsp/leaf") + revoker_hits("/crl/mid"), 0);
}
END_TEST

START_TEST(an_authority_whose_status_is_unknown_is_worse_than_a_good_leaf)
{
	no_lists();
	responder("/ocsp/mid", scene.root, "P-256", UNKNOWN);
	assert_unknown("authority CN=mid");
	ck_assert_int_eq(scene.finding.of, 1);
	scene.set.mode = REVOCATION_PREFER;
	ck_assert_int_eq(ask(), ANSWER_YES);
	ck_assert_int_eq(scene.finding.status.state, STATUS_UNKNOWN);
}
END_TEST

/* What is known already counts, though the first source says otherwise. */
START_TEST(a_revocation_counts_whoever_says_it)
{
	list_at("/crl/mid", &(struct list){scene.mid, "P-384", scene.leaf, 1, 0, 0});
	scene.set.crl_first = true;
	assert_revoked("CRL");
	scene.set.crl_first = false;
	assert_revoked("CRL");
	new_checker();
	responder("/ocsp/leaf", scene.mid, "P-384", REVOKED);
	list_at("/crl/mid", &(struct list){scene.mid, "P-384", NULL, 0, 0, 0});
	assert_revoked("OCSP");
	scene.set.crl_first = true;
	assert_revoked("OCSP");
}
END_TEST

START_TEST(modes_say_what_unknown_means)
{
	no_lists();
	no_responders();
	assert_unknown("/ocsp/");
	ck_assert_ptr_nonnull(strstr(scene.err.words, "/crl/"));
	scene.set.mode = REVOCATION_PREFER;
	ck_assert_int_eq(ask(), ANSWER_YES);
	ck_assert_int_eq(scene.finding.status.state, STATUS_UNKNOWN);
	ck_assert_str_eq(scene.finding.source, "");
	scene.set.mode = REVOCATION_OFF;
	new_checker();
	responder("/ocsp/leaf", scene.mid, "P-384", REVOKED);
	ck_assert_int_eq(ask(), ANSWER_YES);
	ck_assert_int_eq(scene.finding.status.state, STATUS_UNKNOWN);
	ck_assert_uint_eq(revoker_hits("/ocsp/leaf"), 0);
}
END_TEST

START_TEST(without_fetching_no_server_is_asked)
{
	struct checker_question question = {&scene.set, scene.path, AUTHORITY_NOW, false, NULL, NULL};

	ck_assert_int_eq(checker_path(scene.checker, &question, &scene.finding, &scene.err), ANSWER_CANT_TELL);
	ck_assert_uint_eq(revoker_hits("/ocsp/leaf") + revoker_hits("/ocsp/mid"), 0);
	ck_assert_uint_eq(revoker_hits("/crl/mid") + revoker_hits("/crl/root"), 0);
	assert_good("OCSP");
	ck_assert_int_eq(checker_path(scene.checker, &question, &scene.finding, &scene.err), ANSWER_YES);
	ck_assert_int_eq(scene.finding.status.state, STATUS_GOOD);
}
END_TEST

/* Else who can make the authority's server hang could hide that the certificate was revoked. */
START_TEST(a_hung_server_leaves_time_for_the_others)
{
	responder("/ocsp/mid", scene.root, "P-256", GOOD)->gated = true;
	revoker_place("/crl/root")->gated = true;
	responder("/ocsp/leaf", scene.mid, "P-384", GOOD)->failure = OCSP_RESPONSE_STATUS_TRYLATER;
	list_at("/crl/mid", &(struct list){scene.mid, "P-384", scene.leaf, 1, 0, 0});
	scene.config.fetch_timeout = 60;
	scene.set.mode = REVOCATION_PREFER;
	ck_assert_int_eq(ask_in(4000, AUTHORITY_NOW, &scene.finding, &scene.err), ANSWER_NO);
	ck_assert_int_eq(scene.finding.of, 0);
	revoker_open();
}
END_TEST

START_TEST(a_hung_responder_leaves_time_for_lists)
{
	responder("/ocsp/leaf", scene.mid, "P-384", GOOD)->gated = true;
	list_at("/crl/mid", &(struct list){scene.mid, "P-384", scene.leaf, 1, 0, 0});
	scene.config.fetch_timeout = 60;
	ck_assert_int_eq(ask_in(2000, AUTHORITY_NOW, &scene.finding, &scene.err), ANSWER_NO);
	revoker_open();
}
END_TEST

START_TEST(no_more_is_fetched_than_may_be)
{
	scene.left = 1;
	assert_unknown("too much was fetched");
	ck_assert_uint_eq(revoker_hits("/ocsp/mid"), 1);
	ck_assert_uint_eq(revoker_hits("/ocsp/leaf"), 0);
}
END_TEST

START_TEST(a_lone_anchor_needs_no_status)
{
	sk_X509_pop_free(scene.path, X509_free);
	scene.path = sk_X509_new_null();
	X509_up_ref(scene.root);
	sk_X509_push(scene.path, scene.root);
	ck_assert_int_eq(ask(), ANSWER_YES);
	ck_assert_int_eq(scene.finding.status.state, STATUS_UNKNOWN);
}
END_TEST

static void *
ask_in_thread(void *arg)
{
	struct checker_finding finding;
	struct error err;
	struct timespec deadline = deadline_in(30000);
	unsigned left = 100;
	struct checker_question question = {&scene.set, scene.path, AUTHORITY_NOW, true, &deadline, &left};

	*(enum answer *)arg = checker_path(scene.checker, &question, &finding, &err);
	return NULL;
}

START_TEST(many_ask_a_responder_once)
{
	enum answer answers[MANY];
	pthread_t threads[MANY];

	responder("/ocsp/mid", scene.root, "P-256", GOOD)->gated = true;
	for (size_t i = 0; i < MANY; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_in_thread, &answers[i]), 0);
	revoker_wait("/ocsp/mid", 1);
	revoker_open();
	for (size_t i = 0; i < MANY; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(answers[i], ANSWER_YES);
	}
	ck_assert_uint_eq(revoker_hits("/ocsp/mid"), 1);
	ck_assert_uint_eq(revoker_hits("/ocsp/leaf"), 1);
}
END_TEST

START_TEST(the_thread_that_refreshes_ends_at_once)
{
	ck_assert_int_eq(checker_start(scene.checker, NULL), ANSWER_YES);
	assert_good("OCSP");
}
END_TEST

/* ---- responders --------------------------------------------------------------------- */

START_TEST(what_a_responder_does_not_tell_is_said)
{
	static const struct {
		int failure;
		const char *words;
	} rows[] = {
		{OCSP_RESPONSE_STATUS_TRYLATER, "try later"},
		{OCSP_RESPONSE_STATUS_UNAUTHORIZED, "does not answer for certificates of that issuer"},
	};

	no_lists();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		new_checker();
		responder("/ocsp/leaf", scene.mid, "P-384", GOOD)->failure = rows[i].failure;
		assert_unknown(rows[i].words);
		/* It is not asked again at once, and what it said is not forgotten. */
		assert_unknown(rows[i].words);
		ck_assert_uint_eq(revoker_hits("/ocsp/leaf"), 1);
	}
	new_checker();
	responder("/ocsp/leaf", scene.mid, "P-384", UNKNOWN);
	assert_unknown("does not know the certificate");
	new_checker();
	responder("/ocsp/leaf", scene.mid, "P-384", GOOD)->ends = -30;
	assert_unknown("is too old");
}
END_TEST

START_TEST(the_second_responder_is_asked_where_the_first_is_away)
{
	X509 *leaf = issue(&(struct wish){.name = "two", .issuer = scene.mid, .issuer_key = "P-384"});
	char two[256];

	snprintf(two, sizeof two, "%s,OCSP;URI:%s", revoker_url("/ocsp/away"), revoker_url("/ocsp/leaf"));
	add(leaf, NID_info_access, "OCSP;URI:", two);
	ck_assert_int_gt(X509_sign(leaf, authority_key("P-384"), EVP_sha256()), 0);
	revoker_place("/ocsp/away")->status = 404;
	set_path(leaf);
	assert_good("/ocsp/leaf");
	ck_assert_uint_gt(revoker_hits("/ocsp/away"), 0);
}
END_TEST

START_TEST(a_foreign_responder_is_not_believed)
{
	X509 *foreign = issue(&(struct wish){.name = "foreign", .key = "RSA:2048", .issuer = scene.root,
		.eku = "OCSPSigning", .nocheck = true});

	no_lists();
	responder("/ocsp/leaf", foreign, "RSA:2048", GOOD);
	assert_unknown("nobody who may answer for the issuer");
}
END_TEST

START_TEST(a_delegate_with_nocheck_is_believed)
{
	X509 *delegate = issue(&(struct wish){.name = "delegate", .key = "RSA:2048", .issuer = scene.mid,
		.issuer_key = "P-384", .eku = "OCSPSigning", .nocheck = true, .crl = "/crl/mid"});

	list_at("/crl/mid", &(struct list){scene.mid, "P-384", delegate, 1, 0, 0});
	responder("/ocsp/leaf", delegate, "RSA:2048", GOOD);
	assert_good("OCSP");
	ck_assert_uint_eq(revoker_hits("/crl/mid"), 0);
}
END_TEST

START_TEST(a_delegate_without_nocheck_must_be_on_no_list)
{
	X509 *delegate = issue(&(struct wish){.name = "delegate", .key = "RSA:2048", .issuer = scene.mid,
		.issuer_key = "P-384", .eku = "OCSPSigning", .crl = "/crl/delegates"});

	responder("/ocsp/leaf", delegate, "RSA:2048", GOOD);
	list_at("/crl/delegates", &(struct list){scene.mid, "P-384", NULL, 0, 0, 0});
	assert_good("OCSP");
	ck_assert_uint_eq(revoker_hits("/crl/delegates"), 1);

	no_lists();
	new_checker();
	list_at("/crl/delegates", &(struct list){scene.mid, "P-384", delegate, 1, 0, 0});
	assert_unknown("it was revoked");
	scene.set.mode = REVOCATION_PREFER;
	ck_assert_int_eq(ask(), ANSWER_YES);
	ck_assert_int_eq(scene.finding.status.state, STATUS_UNKNOWN);

	new_checker();
	revoker_place("/crl/delegates")->status = 404;
	ck_assert_int_eq(ask(), ANSWER_YES);
	ck_assert_int_eq(scene.finding.status.state, STATUS_GOOD);
	ck_assert_ptr_nonnull(strstr(scene.finding.source, "its own status is unknown"));
	scene.set.mode = REVOCATION_REQUIRE;
	assert_unknown("the responder's own status");
}
END_TEST

/* An authority that names a port of somebody else's host where nobody listens. */
START_TEST(a_dead_port_keeps_nobody_from_another)
{
	const char *url = revoker_url("/ocsp/leaf");
	char dead[64];
	X509 *other = issue(&(struct wish){.name = "other", .issuer = scene.mid, .issuer_key = "P-384"});

	snprintf(dead, sizeof dead, "%.*s:1/", (int)(strrchr(url, ':') - url), url);
	add(other, NID_info_access, "OCSP;URI:", dead);
	ck_assert_int_gt(X509_sign(other, authority_key("P-384"), EVP_sha256()), 0);
	set_path(other);
	assert_unknown("");
	set_path(scene.leaf);
	assert_good("OCSP");
	ck_assert_uint_eq(revoker_hits("/ocsp/leaf"), 1);
}
END_TEST

START_TEST(a_nonce_that_is_not_ours_is_refused)
{
	struct revoker_place *place = responder("/ocsp/leaf", scene.mid, "P-384", GOOD);

	no_lists();
	scene.config.ocsp_nonce = true;
	assert_good("OCSP");
	/* A cache could not answer it. */
	ck_assert_uint_eq(place->gets, 0);
	ck_assert_uint_eq(place->posts, 1);
	responder("/ocsp/leaf", scene.mid, "P-384", GOOD)->wrong_nonce = true;
	new_checker();
	assert_unknown("answers another request");
}
END_TEST

START_TEST(a_request_goes_by_get_and_by_post_where_that_fails)
{
	struct revoker_place *place = responder("/ocsp/leaf", scene.mid, "P-384", GOOD);

	assert_good("OCSP");
	ck_assert_uint_eq(place->gets, 1);
	ck_assert_uint_eq(place->posts, 0);
	new_checker();
	place = responder("/ocsp/leaf", scene.mid, "P-384", GOOD);
	place->no_get = true;
	assert_good("OCSP");
	ck_assert_uint_eq(place->gets, 1);
	ck_assert_uint_eq(place->posts, 1);
}
END_TEST

START_TEST(an_answer_is_asked_for_again_and_stands_where_nobody_answers)
{
	responder("/ocsp/leaf", scene.mid, "P-384", GOOD)->ends = 99999;
	responder("/ocsp/mid", scene.root, "P-256", GOOD)->ends = 99999;
	assert_good("OCSP");
	responder("/ocsp/leaf", scene.mid, "P-384", GOOD)->failure = OCSP_RESPONSE_STATUS_TRYLATER;
	responder("/ocsp/mid", scene.root, "P-256", GOOD)->failure = OCSP_RESPONSE_STATUS_TRYLATER;
	no_lists();
	ck_assert_int_eq(ask_at(AUTHORITY_NOW + 3599), ANSWER_YES);
	ck_assert_uint_eq(revoker_hits("/ocsp/leaf"), 0);
	ck_assert_int_eq(ask_at(AUTHORITY_NOW + 3600), ANSWER_YES);
	ck_assert_int_eq(scene.finding.status.state, STATUS_GOOD);
	ck_assert_int_eq(scene.finding.told, AUTHORITY_NOW);
	ck_assert_uint_eq(revoker_hits("/ocsp/leaf"), 1);
	ck_assert_int_eq(ask_at(AUTHORITY_NOW + 100000), ANSWER_CANT_TELL);
}
END_TEST

START_TEST(an_older_answer_takes_no_newer_ones_place)
{
	assert_good("OCSP");
	responder("/ocsp/leaf", scene.mid, "P-384", GOOD)->issued = -3000;
	responder("/ocsp/mid", scene.root, "P-256", GOOD)->issued = -3000;
	ck_assert_int_eq(ask_at(AUTHORITY_NOW + 3600), ANSWER_YES);
	ck_assert_uint_eq(revoker_hits("/ocsp/leaf"), 1);
	ck_assert_int_eq(scene.finding.status.this_update, AUTHORITY_NOW - 60);
	/* But a revocation is never taken back. */
	responder("/ocsp/leaf", scene.mid, "P-384", REVOKED)->ends = 99999;
	ck_assert_int_eq(ask_at(AUTHORITY_NOW + 7200), ANSWER_NO);
	responder("/ocsp/leaf", scene.mid, "P-384", GOOD)->ends = 999999;
	responder("/ocsp/mid", scene.root, "P-256", GOOD)->ends = 999999;
	ck_assert_int_eq(ask_at(AUTHORITY_NOW + 500000), ANSWER_NO);
	ck_assert_uint_eq(revoker_hits("/ocsp/leaf"), 0);
}
END_TEST

/* Whoever has a revoked certificate may choose among those of its authority. */
START_TEST(a_revocation_counts_on_every_path)
{
	X509 *again = issue(&(struct wish){.name = "mid", .ca = true, .key = "P-384", .issuer = scene.root});

	responder("/ocsp/leaf", scene.mid, "P-384", REVOKED);
	scene.set.mode = REVOCATION_PREFER;
	no_lists();
	assert_revoked("OCSP");
	scene.mid = again;
	scene.left = 0;
	set_path(scene.leaf);
	ck_assert_int_eq(X509_cmp(sk_X509_value(scene.path, 1), again), 0);
	assert_revoked("OCSP");
	ck_assert_uint_eq(revoker_hits("/ocsp/leaf"), 1);
}
END_TEST

/* ---- lists --------------------------------------------------------------------------- */

START_TEST(a_list_of_the_configuration_is_enough)
{
	char *files[] = {(char *)authority_path("mid.crl"), (char *)authority_path("root.crl")};
	struct config_strings strings = {files, 2};

	authority_write(files[0], make_list(&(struct list){scene.mid, "P-384", NULL, 0, -60, 3600}));
	authority_write(files[1], make_list(&(struct list){scene.root, "P-256", NULL, 0, -60, 3600}));
	scene.set.crls = &strings;
	scene.set.crl_first = true;
	assert_good("CRL file of CN=mid");
	ck_assert_uint_eq(revoker_hits("/crl/mid") + revoker_hits("/ocsp/leaf"), 0);
	/* One that is old is believed where nothing newer can be had. */
	new_checker();
	authority_write(files[0], make_list(&(struct list){scene.mid, "P-384", NULL, 0, -7200, 3600}));
	list_at("/crl/mid", &(struct list){scene.mid, "P-384", scene.leaf, 1, -60, 3600});
	assert_revoked("CRL http");
	new_checker();
	no_lists();
	assert_good("CRL file");
}
END_TEST

/* freshestCRL (RFC 5280 4.2.1.15). */
START_TEST(a_delta_that_the_certificate_names_is_asked)
{
	X509 *leaf = issue(&(struct wish){.name = "fresh", .issuer = scene.mid, .issuer_key = "P-384", .crl = "/crl/mid",
		.freshest = "/crl/delta"});

	no_responders();
	set_path(leaf);
	revoker_place("/crl/mid")->octets = make_numbered_list(&(struct list){scene.mid, "P-384", NULL, 0, 0, 0}, 5, 0);
	revoker_place("/crl/delta")->octets = make_numbered_list(&(struct list){scene.mid, "P-384", NULL, 0, 0, 0}, 6, 5);
	assert_good("CRL");
	ck_assert_uint_eq(revoker_hits("/crl/delta"), 1);
	new_checker();
	revoker_place("/crl/delta")->octets = make_numbered_list(&(struct list){scene.mid, "P-384", leaf, 1, 0, 0}, 6, 5);
	assert_revoked("CRL");
}
END_TEST

/* The authority has a key and certificate for lists alone, which the path does not hold. */
START_TEST(a_signer_of_lists_must_be_good_itself)
{
	X509 *x509 = issue(&(struct wish){.name = "mid", .key = "RSA:2048", .issuer = scene.root, .usage = "cRLSign",
		.crl = "/crl/signers"});
	struct cert *signer;

	ck_assert_int_eq(cert_from_x509(x509, &signer, NULL), ANSWER_YES);
	no_responders();
	list_at("/crl/mid", &(struct list){x509, "RSA:2048", NULL, 0, 0, 0});
	list_at("/crl/signers", &(struct list){scene.root, "P-256", NULL, 0, 0, 0});
	assert_unknown("/crl/mid");
	new_checker();
	scene.set.signers = &signer;
	scene.set.signer_count = 1;
	assert_good("CRL");
	ck_assert_uint_eq(revoker_hits("/crl/signers"), 1);
	new_checker();
	list_at("/crl/signers", &(struct list){scene.root, "P-256", x509, 1, 0, 0});
	assert_unknown("signer");
	new_checker();
	revoker_place("/crl/signers")->status = 404;
	assert_unknown("the status of the CRL's signer is unknown");
	scene.set.mode = REVOCATION_PREFER;
	new_checker();
	ck_assert_int_eq(ask(), ANSWER_YES);
	ck_assert_int_eq(scene.finding.status.state, STATUS_GOOD);
	cert_unref(signer);
}
END_TEST

/* The root's lists are signed by another certificate of its name, which is on those lists itself. */
START_TEST(a_signer_of_lists_may_speak_for_itself_but_for_no_other_signer)
{
	X509 *roots = issue(&(struct wish){.name = "root", .key = "P-521", .issuer = scene.root, .usage = "cRLSign",
		.ca = true /* for its key identifier */, .crl = "/crl/root"});
	X509 *mids = issue(&(struct wish){.name = "mid", .key = "RSA:2048", .issuer = scene.root, .usage = "cRLSign",
		.crl = "/crl/root"});
	struct cert *signers[2];

	ck_assert_int_eq(cert_from_x509(roots, &signers[0], NULL), ANSWER_YES);
	ck_assert_int_eq(cert_from_x509(mids, &signers[1], NULL), ANSWER_YES);
	scene.set.signers = signers;
	scene.set.signer_count = 2;
	no_responders();
	list_at("/crl/root", &(struct list){roots, "P-521", NULL, 0, 0, 0});
	assert_good("CRL");
	new_checker();
	list_at("/crl/root", &(struct list){roots, "P-521", roots, 1, 0, 0});
	assert_unknown("authority CN=mid");
	new_checker();
	list_at("/crl/root", &(struct list){roots, "P-521", NULL, 0, 0, 0});
	list_at("/crl/mid", &(struct list){mids, "RSA:2048", NULL, 0, 0, 0});
	assert_unknown("too far");
	cert_unref(signers[0]);
	cert_unref(signers[1]);
}
END_TEST

START_TEST(a_signer_of_another_anchor_is_not_believed)
{
	X509 *x509 = issue(&(struct wish){.name = "mid", .key = "RSA:2048", .issuer_key = "RSA:2048", .ca = true});
	char *anchors[] = {(char *)authority_path("root.pem"), (char *)authority_path("foreign.pem")};
	struct cert *signer;

	authority_write_pem(anchors[1], x509, NULL, NULL);
	chain_store_free(scene.store);
	ck_assert_int_eq(chain_store_new(anchors, 2, NULL, 0, false, &scene.store, NULL), ANSWER_YES);
	ck_assert_int_eq(cert_from_x509(x509, &signer, NULL), ANSWER_YES);
	scene.set.store = scene.store;
	scene.set.signers = &signer;
	scene.set.signer_count = 1;
	no_responders();
	list_at("/crl/mid", &(struct list){x509, "RSA:2048", NULL, 0, 0, 0});
	assert_unknown("another anchor");
	cert_unref(signer);
}
END_TEST

START_TEST(a_hold_of_ica_is_a_fault)
{
	tear_down();
	set_up_as("Prvn\xc3\xad certifika\xc4\x8dn\xc3\xad autorita, a.s.");
	no_responders();
	list_at("/crl/mid", &(struct list){scene.mid, "P-384", scene.leaf, 6, 0, 0});
	assert_revoked("CRL");
	ck_assert(scene.finding.fault);
	ck_assert_int_eq(scene.finding.status.reason, STATUS_CERTIFICATE_HOLD);
}
END_TEST

START_TEST(a_hold_of_another_is_none)
{
	no_responders();
	list_at("/crl/mid", &(struct list){scene.mid, "P-384", scene.leaf, 6, 0, 0});
	assert_revoked("CRL");
	ck_assert(!scene.finding.fault);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("checker");
	TCase *t = tcase_create("checker");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, good_by_responders_and_no_list_is_fetched);
	tcase_add_test(t, good_by_lists_and_no_responder_is_asked);
	tcase_add_test(t, the_other_source_is_asked_where_the_first_is_away);
	tcase_add_test(t, revoked_says_since_when_and_why);
	tcase_add_test(t, nothing_is_asked_below_a_revoked_authority);
	tcase_add_test(t, an_authority_whose_status_is_unknown_is_worse_than_a_good_leaf);
	tcase_add_test(t, a_revocation_counts_whoever_says_it);
	tcase_add_test(t, modes_say_what_unknown_means);
	tcase_add_test(t, without_fetching_no_server_is_asked);
	tcase_add_test(t, a_hung_server_leaves_time_for_the_others);
	tcase_add_test(t, a_hung_responder_leaves_time_for_lists);
	tcase_add_test(t, no_more_is_fetched_than_may_be);
	tcase_add_test(t, a_lone_anchor_needs_no_status);
	tcase_add_test(t, many_ask_a_responder_once);
	tcase_add_test(t, the_thread_that_refreshes_ends_at_once);
	tcase_add_test(t, what_a_responder_does_not_tell_is_said);
	tcase_add_test(t, the_second_responder_is_asked_where_the_first_is_away);
	tcase_add_test(t, a_foreign_responder_is_not_believed);
	tcase_add_test(t, a_delegate_with_nocheck_is_believed);
	tcase_add_test(t, a_delegate_without_nocheck_must_be_on_no_list);
	tcase_add_test(t, a_dead_port_keeps_nobody_from_another);
	tcase_add_test(t, a_nonce_that_is_not_ours_is_refused);
	tcase_add_test(t, a_request_goes_by_get_and_by_post_where_that_fails);
	tcase_add_test(t, an_answer_is_asked_for_again_and_stands_where_nobody_answers);
	tcase_add_test(t, an_older_answer_takes_no_newer_ones_place);
	tcase_add_test(t, a_revocation_counts_on_every_path);
	tcase_add_test(t, a_list_of_the_configuration_is_enough);
	tcase_add_test(t, a_delta_that_the_certificate_names_is_asked);
	tcase_add_test(t, a_signer_of_lists_must_be_good_itself);
	tcase_add_test(t, a_signer_of_lists_may_speak_for_itself_but_for_no_other_signer);
	tcase_add_test(t, a_signer_of_another_anchor_is_not_believed);
	tcase_add_test(t, a_hold_of_ica_is_a_fault);
	tcase_add_test(t, a_hold_of_another_is_none);
	suite_add_tcase(s, t);
	return unit_run(s);
}
