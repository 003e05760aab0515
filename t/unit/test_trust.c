/* A set of authorities says whether a certificate is trusted, what it is like and whether it is qualified. */
#include "../pki/recipes.h"
#include "unit.h"

#include "base/deadline.h"
#include "base/file.h"
#include "pki/issuers.h"
#include "pki/qualified.h"
#include "pki/trust.h"

#include <openssl/cms.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OF_CA .issuer = ca, .issuer_key = "P-384"

static X509 *ca;

/* ---- a configuration ---------------------------------------------------------------- */

/* One block "set" whose anchor is the authority, and whose list is the file "list.pem". */
struct scene {
	struct config config;
	struct config_trust block;
	char *anchor[1], *list[1], *profiles[2];
	char anchor_path[256], list_path[256];
	struct trusts *trusts;
	struct trust_judgement j;
	unsigned left; /* of fetch_limit fetches */
};

static void
begin(struct scene *s)
{
	memset(s, 0, sizeof *s);
	snprintf(s->anchor_path, sizeof s->anchor_path, "%s", authority_path("ca.pem"));
	snprintf(s->list_path, sizeof s->list_path, "%s", authority_path("list.pem"));
	s->anchor[0] = s->anchor_path;
	s->list[0] = s->list_path;
	s->config.status_size_limit = 1 << 20;
	s->config.status_total_limit = 64 << 20;
	s->config.status_timeout = 10;
	s->config.fetch_limit = 5;
	s->config.trusts = &s->block;
	s->config.trust_count = 1;
	s->block = (struct config_trust){.name = (char *)"set", .anchors = {s->anchor, 1}, .crls = {s->list, 1}};
	authority_write_list(s->list_path, ca, NULL, NULL);
}

static void
set_profiles(struct scene *s, const char *first, const char *second)
{
	s->profiles[0] = (char *)first;
	s->profiles[1] = (char *)second;
	s->block.profiles = (struct config_strings){s->profiles, (first != NULL) + (second != NULL)};
}

static void
open_trusts(struct scene *s)
{
	struct error err = ERROR_NONE;

	ck_assert_msg(trusts_new(&s->config, &s->trusts, &err) == ANSWER_YES, "%s", err.words);
}

static void
judge_by(struct scene *s, const char *set, X509 *x509, struct trust_question question)
{
	struct timespec deadline = deadline_in(10000);
	struct cert *cert;

	if (s->trusts == NULL)
		open_trusts(s);
	ck_assert_int_eq(cert_from_x509(x509, &cert, NULL), ANSWER_YES);
	question.cert = cert;
	question.at = AUTHORITY_NOW;
	question.deadline = &deadline;
	question.left = &s->left;
	s->left = s->config.fetch_limit;
	trust_judgement_free(&s->j);
	trust_judge(trusts_find(s->trusts, set), &question, &s->j);
	cert_unref(cert);
}

static void
judge(struct scene *s, X509 *x509)
{
	judge_by(s, "set", x509, (struct trust_question){.fetch = true});
}

static void
end(struct scene *s)
{
	trust_judgement_free(&s->j);
	trusts_free(s->trusts);
}

static X509 *
make(const char *profile, const char *const *changes)
{
	return recipes_make(recipes_find(profile), changes, ca, AUTHORITY_NOW);
}

static void
assert_no(const struct scene *s, const char *code)
{
	ck_assert_int_eq(s->j.answer, ANSWER_NO);
	ck_assert_str_eq(s->j.reason.code, code);
	ck_assert_int_eq(s->j.qualified, TRUST_NONE);
}

/* ---- which sets there are -------------------------------------------------------------- */

START_TEST(test_sets)
{
	struct scene s;

	begin(&s);
	open_trusts(&s);
	ck_assert_ptr_eq(trusts_find(s.trusts, "set"), trusts_block(s.trusts, 0));
	ck_assert_str_eq(trust_name(trusts_find(s.trusts, "anchors")), "anchors");
	ck_assert_ptr_null(trust_block(trusts_find(s.trusts, "anchors")));
	ck_assert_ptr_eq(trust_block(trusts_find(s.trusts, "set")), &s.block);
	ck_assert_ptr_null(trusts_find(s.trusts, "nobody"));
	ck_assert_str_eq(trust_qualified_name(TRUST_SEAL_QSCD), "qualified-seal-qscd");
	end(&s);
	trusts_free(NULL);
}
END_TEST

START_TEST(test_files)
{
	struct error err = ERROR_NONE;
	char *absent[] = {(char *)"/nowhere/absent.pem"};
	struct scene s;

	begin(&s);
	s.block.intermediates = (struct config_strings){absent, 1};
	ck_assert_int_eq(trusts_new(&s.config, &s.trusts, &err), ANSWER_NO);
	ck_assert_msg(strncmp(err.words, "trust set: ", 11) == 0 && strstr(err.words, absent[0]) != NULL, "%s", err.words);
	s.block.intermediates.count = 0;
	s.config.anchors = (struct config_strings){absent, 1};
	ck_assert_int_eq(trusts_new(&s.config, &s.trusts, &err), ANSWER_NO);
	ck_assert_ptr_nonnull(strstr(err.words, "/nowhere/absent.pem"));
	s.config.anchors.count = 0;
	set_profiles(&s, "no-such", NULL);
	ck_assert_int_eq(trusts_new(&s.config, &s.trusts, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "profile");
	ck_assert_ptr_null(s.trusts);
}
END_TEST

/* ---- trusted? --------------------------------------------------------------------------- */

START_TEST(test_modes)
{
	X509 *one = authority_issue(&(struct authority_wish){.name = "one", OF_CA});
	X509 *strange = authority_issue(&(struct authority_wish){.name = "strange"});
	struct scene s;

	begin(&s);
	s.block.revocation = REVOCATION_REQUIRE;
	judge(&s, one);
	ck_assert_msg(s.j.answer == ANSWER_YES, "%s", s.j.reason.words);
	ck_assert(s.j.in_set && s.j.finding.status.state == STATUS_GOOD && sk_X509_num(s.j.path) == 2);
	ck_assert_int_eq(s.j.qualified, TRUST_ADVANCED);
	ck_assert_int_eq(s.j.qualified_reason.answer, ANSWER_YES); /* it claims nothing */
	judge(&s, strange);
	assert_no(&s, "untrusted");
	ck_assert(!s.j.in_set && s.j.path == NULL && s.j.facts == NULL);
	judge_by(&s, "anchors", one, (struct trust_question){.fetch = true}); /* there are none */
	assert_no(&s, "untrusted");
	end(&s);

	begin(&s);
	authority_write_list(s.list_path, ca, one, NULL);
	judge(&s, one);
	assert_no(&s, "revoked");
	ck_assert_str_eq(s.j.reason.words, "revoked since 2027-01-05, keyCompromise");
	ck_assert(s.j.in_set && sk_X509_num(s.j.path) == 2);
	ck_assert_int_eq(s.j.finding.status.state, STATUS_REVOKED);
	judge_by(&s, "set", one, (struct trust_question){.path_only = true});
	ck_assert_int_eq(s.j.answer, ANSWER_YES);
	end(&s);

	begin(&s);
	authority_write_list(s.list_path, ca, one, NULL);
	s.block.revocation = REVOCATION_OFF;
	judge(&s, one);
	ck_assert_int_eq(s.j.answer, ANSWER_YES);
	ck_assert_int_eq(s.j.finding.status.state, STATUS_UNKNOWN);
	judge_by(&s, "set", one, (struct trust_question){.fetch = true, .seal = true}); /* seal-revocation is prefer */
	assert_no(&s, "revoked");
	end(&s);
	X509_free(one);
	X509_free(strange);
}
END_TEST

START_TEST(test_unknown)
{
	X509 *one = authority_issue(&(struct authority_wish){.name = "one", OF_CA});
	struct scene s;

	begin(&s);
	s.block.crls.count = 0;
	judge(&s, one);
	ck_assert_int_eq(s.j.answer, ANSWER_YES);
	ck_assert_int_eq(s.j.finding.status.state, STATUS_UNKNOWN);
	s.config.seal_revocation = REVOCATION_REQUIRE;
	judge_by(&s, "set", one, (struct trust_question){.seal = true});
	ck_assert_int_eq(s.j.answer, ANSWER_CANT_TELL);
	end(&s);
	begin(&s);
	s.block.crls.count = 0;
	s.block.revocation = REVOCATION_REQUIRE;
	judge(&s, one);
	ck_assert_int_eq(s.j.answer, ANSWER_CANT_TELL);
	ck_assert_str_eq(s.j.reason.code, "status-unknown");
	ck_assert(s.j.in_set);
	ck_assert_int_eq(s.j.qualified, TRUST_NONE);
	end(&s);
	X509_free(one);
}
END_TEST

START_TEST(test_policies)
{
	X509 *one = authority_issue(&(struct authority_wish){.name = "one", OF_CA, .policies = "1.2.3.4"});
	char *good[] = {(char *)"1.2.3.4"}, *other[] = {(char *)"1.2.3.5"};
	struct scene s;

	begin(&s);
	s.block.explicit_policy = true;
	s.block.policies = (struct config_strings){good, 1};
	judge(&s, one);
	ck_assert_msg(s.j.answer == ANSWER_YES, "%s", s.j.reason.words);
	s.block.policies.item = other;
	judge(&s, one);
	assert_no(&s, "untrusted");
	ck_assert(s.j.in_set); /* its path is good, and only the policy is not */
	end(&s);
	X509_free(one);
}
END_TEST

START_TEST(test_any_policy)
{
	X509 *any = authority_issue(&(struct authority_wish){.name = "any", OF_CA, .policies = "2.5.29.32.0"});
	char *one[] = {(char *)"1.2.3.4"};
	struct scene s;

	begin(&s);
	s.block.explicit_policy = true;
	s.block.policies = (struct config_strings){one, 1};
	judge(&s, any);
	ck_assert_msg(s.j.answer == ANSWER_YES, "%s", s.j.reason.words);
	s.block.inhibit_any_policy = true;
	judge(&s, any);
	assert_no(&s, "untrusted");
	end(&s);
	X509_free(any);
}
END_TEST

/* ---- profiles ------------------------------------------------------------------------------ */

START_TEST(test_profiles)
{
	X509 *seal = make("eidas-seal", NULL), *plain = authority_issue(&(struct authority_wish){.name = "one", OF_CA});
	struct scene s;

	begin(&s);
	set_profiles(&s, "eidas-signature", "eidas-seal");
	judge(&s, seal);
	ck_assert_str_eq(s.j.profile->name, "eidas-seal"); /* that it keeps, though not the first */
	ck_assert_uint_eq(s.j.result.errors, 0);
	judge(&s, plain);
	ck_assert_int_eq(s.j.answer, ANSWER_YES);
	ck_assert_str_eq(s.j.profile->name, "eidas-signature");
	ck_assert_uint_gt(s.j.result.errors, 0);
	s.block.profile_required = true;
	judge(&s, seal);
	ck_assert_int_eq(s.j.answer, ANSWER_YES);
	judge(&s, plain);
	assert_no(&s, "profile");
	ck_assert_ptr_nonnull(strstr(s.j.reason.words, "eidas-signature: "));
	ck_assert_ptr_nonnull(strstr(s.j.reason.words, "qc-compliance"));
	ck_assert(s.j.in_set);
	end(&s);
	X509_free(seal);
	X509_free(plain);
}
END_TEST

/* What stands in it twice cannot be read: it keeps no profile, whatever that asks. */
START_TEST(test_unreadable)
{
	X509 *one = make("eidas-seal", NULL);
	struct scene s;
	int at = X509_get_ext_by_NID(one, NID_qcStatements, -1);

	ck_assert_int_eq(X509_add_ext(one, X509_get_ext(one, at), -1), 1);
	ck_assert_int_gt(X509_sign(one, authority_key("P-384"), EVP_sha256()), 0);
	begin(&s);
	set_profiles(&s, "ote-participant-encryption", NULL);
	judge(&s, one);
	if (s.j.in_set) { /* OpenSSL may refuse it, too */
		ck_assert_ptr_null(s.j.facts);
		ck_assert_uint_eq(s.j.result.errors, 1);
		ck_assert_int_ne(s.j.qualified, TRUST_SEAL);
	}
	end(&s);
	X509_free(one);
}
END_TEST

static const struct {
	const char *id, *need[4];
	const char *base, *parameter;
	const char *words; /* of what is wrong; NULL: nothing is */
} own[] = {
	{"firm", {"values", "match", "O", "Účastník%*"}, NULL, NULL, NULL},
	{"firm", {"values", "match", "O", "$firm"}, NULL, "firm=Účastník, a.s.", NULL},
	{"firm", {"values", "match", "O", "Účastník%*"}, "eidas-seal", NULL, NULL},
	{"firm", {"values", "match", "O", "Účastník%*"}, "ote-seal", "common-name=Účastník", NULL},
	{"firm", {"values", "match", "O", "$firm"}, NULL, NULL, "no such parameter"},
	{"firm", {"values", "match", "O", "Účastník%*"}, NULL, "frim=x", "nothing uses frim"},
	{"firm", {"values", "match", "O", "x"}, NULL, "firm", "not NAME=VALUE"},
	{"firm", {"values", "like", "O", "x"}, NULL, NULL, "no such test: values like"},
	{"firm", {"valeus", "match", "O", "x"}, NULL, NULL, "no such test: valeus match"},
	{"firm", {"values", "match", "O", "x"}, "no-such", NULL, "no built-in profile no-such"},
	{"qc-type", {"values", "match", "O", "x"}, "eidas-seal", NULL, "twice"},
};

START_TEST(test_own_profile)
{
	struct config_profile_rule rule = {.id = (char *)own[_i].id, .need = {(char **)own[_i].need, 4}};
	char *parameters[] = {(char *)own[_i].parameter};
	struct config_profile profile = {.name = (char *)"mine", .base = (char *)own[_i].base, .rules = &rule,
		.rule_count = 1, .parameters = {parameters, own[_i].parameter != NULL}};
	const char *const other[] = {"-s O=", "+s O=Někdo jiný", NULL};
	X509 *good = make("eidas-seal", NULL), *bad = make("eidas-seal", other);
	struct error err = ERROR_NONE;
	struct scene s;

	begin(&s);
	s.config.profiles = &profile;
	s.config.profile_count = 1;
	set_profiles(&s, "mine", NULL);
	if (own[_i].words != NULL) {
		ck_assert_int_eq(trusts_new(&s.config, &s.trusts, &err), ANSWER_NO);
		ck_assert_msg(strstr(err.words, own[_i].words) != NULL, "%s", err.words);
		ck_assert_ptr_nonnull(strstr(err.words, "profile mine"));
	} else {
		judge(&s, good);
		ck_assert_str_eq(s.j.profile->name, "mine");
		ck_assert_uint_eq(s.j.result.errors, 0);
		judge(&s, bad);
		ck_assert_uint_eq(s.j.result.errors, 1);
		ck_assert_ptr_nonnull(trusts_profile(s.trusts, slice_str("mine")));
		ck_assert_ptr_nonnull(trusts_profile(s.trusts, slice_str("cesnet")));
		ck_assert_ptr_null(trusts_profile(s.trusts, slice_str("no-such")));
	}
	end(&s);
	X509_free(good);
	X509_free(bad);
}
END_TEST

/* ---- qualified? ------------------------------------------------------------------------------ */

#define QSCD_SEAL {"-x certificatePolicies", "+x certificatePolicies=0.4.0.194112.1.3", "+q QcSSCD"}
#define QSCD_SIGNATURE {"-x certificatePolicies", "+x certificatePolicies=1.2.3.4,0.4.0.194112.1.2", "+q QcSSCD"}
#define SIGNATURES 1
#define SEALS 2

static const struct {
	const char *recipe, *changes[4];
	int services;
	const char *profile; /* the set's; NULL: none */
	enum config_status revocation;
	bool listed;         /* somebody says that it is good */
	const char *qualified;
	const char *why;     /* code; NULL: there is nothing to say */
} qualified[] = {
	{"eidas-seal", {NULL}, SEALS, NULL, REVOCATION_PREFER, true, "qualified-seal", NULL},
	{"eidas-seal", QSCD_SEAL, SEALS, NULL, REVOCATION_PREFER, true, "qualified-seal-qscd", NULL},
	{"eidas-signature", {NULL}, SIGNATURES, NULL, REVOCATION_REQUIRE, true, "qualified-signature", NULL},
	{"eidas-signature", QSCD_SIGNATURE, SIGNATURES, NULL, REVOCATION_PREFER, true, "qualified-signature-qscd", NULL},
	{"eidas-signature", {"-q QcType"}, SIGNATURES | SEALS, NULL, REVOCATION_PREFER, true, "qualified-signature", NULL},
	{"eidas-seal", {NULL}, SIGNATURES, NULL, REVOCATION_PREFER, true, "advanced", "service"},
	{"eidas-signature", {NULL}, SEALS, NULL, REVOCATION_PREFER, true, "advanced", "service"},
	{"eidas-signature", {NULL}, 0, NULL, REVOCATION_PREFER, true, "advanced", "service"},
	{"eidas-seal", {"-q QcType"}, SEALS, NULL, REVOCATION_PREFER, true, "advanced", "service"}, /* esign, then */
	{"eidas-seal", {"-q QcType", "+q QcType web"}, SIGNATURES | SEALS, NULL, REVOCATION_PREFER, true, "advanced", "qc-type"},
	{"eidas-seal", {"+q QcType esign"}, SIGNATURES | SEALS, NULL, REVOCATION_PREFER, true, "advanced",
		"qc-type"},
	{"eidas-seal", {"-q QcCompliance"}, SEALS, NULL, REVOCATION_PREFER, true, "advanced", NULL},
	{"eidas-seal", {"+q QcCClegislation CH"}, SEALS, NULL, REVOCATION_PREFER, true, "advanced", "country"},
	{"eidas-signature", {"+q QcCClegislation CH"}, SIGNATURES, NULL, REVOCATION_PREFER, true, "advanced", "country"},
	{"eidas-seal", {"-s CN"}, SEALS, NULL, REVOCATION_PREFER, true, "advanced", "profile"},
	{"eidas-seal", {"-x certificatePolicies", "+x certificatePolicies=1.2.3.4"}, SEALS, NULL, REVOCATION_PREFER, true,
		"qualified-seal", NULL}, /* worth a note only */
	{"eidas-seal", {"-s CN"}, SEALS, "ote-participant-encryption", REVOCATION_PREFER, true, "advanced", "profile"},
	{"eidas-seal", {NULL}, SEALS, "ote-seal", REVOCATION_PREFER, true, "advanced", "profile"},
	{"ote-seal", {NULL}, SEALS, "ote-seal", REVOCATION_PREFER, true, "qualified-seal", NULL},
	{"eidas-seal", {NULL}, SEALS, NULL, REVOCATION_PREFER, false, "advanced", "status-unknown"},
	{"eidas-seal", {NULL}, SEALS, NULL, REVOCATION_OFF, true, "advanced", "status-unknown"},
	{"eidas-seal", {NULL}, SEALS, NULL, REVOCATION_REQUIRE, false, "none", "untrusted"},
};

START_TEST(test_qualified)
{
	X509 *x509 = make(qualified[_i].recipe, qualified[_i].changes);
	const struct error *why;
	struct scene s;

	begin(&s);
	set_profiles(&s, qualified[_i].profile, NULL);
	s.block.qualified_signatures = (qualified[_i].services & SIGNATURES) != 0;
	s.block.qualified_seals = (qualified[_i].services & SEALS) != 0;
	s.block.revocation = qualified[_i].revocation;
	s.block.crls.count = qualified[_i].listed;
	judge_by(&s, "set", x509, (struct trust_question){.fetch = false});
	why = &s.j.qualified_reason;
	ck_assert_msg(strcmp(trust_qualified_name(s.j.qualified), qualified[_i].qualified) == 0, "%d: %s, want %s: %s", _i,
		trust_qualified_name(s.j.qualified), qualified[_i].qualified, why->words);
	if (qualified[_i].why == NULL)
		ck_assert_int_eq(why->answer, ANSWER_YES);
	else
		ck_assert_msg(why->answer == ANSWER_NO && strcmp(why->code, qualified[_i].why) == 0, "%d: %s", _i, why->words);
	end(&s);
	X509_free(x509);
}
END_TEST

START_TEST(test_revoked_is_not_qualified)
{
	X509 *seal = make("eidas-seal", NULL);
	struct scene s;

	begin(&s);
	s.block.qualified_seals = true;
	authority_write_list(s.list_path, ca, seal, NULL);
	judge(&s, seal);
	assert_no(&s, "revoked");
	end(&s);
	X509_free(seal);
}
END_TEST

/* ---- missing issuers ---------------------------------------------------------------------------- */

static X509 *
issued_by_missing(X509 *missing, const char *where)
{
	X509 *x509 = authority_issue(&(struct authority_wish){.name = "leaf", .issuer = missing});
	X509_EXTENSION *access = X509V3_EXT_nconf_nid(NULL, NULL, NID_info_access, where);

	ck_assert_ptr_nonnull(access);
	ck_assert_int_eq(X509_add_ext(x509, access, -1), 1);
	ck_assert_int_gt(X509_sign(x509, authority_key("P-256"), EVP_sha256()), 0);
	X509_EXTENSION_free(access);
	return x509;
}

/* Nothing is asked unless aia-hosts names it: here the answer would be "cannot tell". */
START_TEST(test_missing_issuer)
{
	X509 *missing = authority_issue(&(struct authority_wish){.name = "missing", .ca = true, OF_CA});
	X509 *leaf = issued_by_missing(missing, "caIssuers;URI:http://127.0.0.1:1/missing.cer");
	char *hosts[] = {(char *)"127.0.0.1"}, *others[] = {(char *)"ca.example"};
	STACK_OF(X509) *extra = sk_X509_new_null();
	struct scene s;

	begin(&s);
	judge(&s, leaf);
	assert_no(&s, "untrusted");
	end(&s);
	begin(&s);
	s.block.aia_hosts = (struct config_strings){others, 1};
	judge(&s, leaf);
	assert_no(&s, "untrusted");
	ck_assert_uint_eq(s.left, 5);
	end(&s);
	begin(&s);
	s.config.waiting_limit = 1;
	s.config.fetch_timeout = 5;
	s.config.fetch_networks = (struct config_networks){&(struct config_network){
		.address = {{{[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}}}, .bits = 128}, 1};
	s.block.aia_hosts = (struct config_strings){hosts, 1};
	judge_by(&s, "set", leaf, (struct trust_question){.fetch = false});
	assert_no(&s, "untrusted");
	ck_assert_uint_eq(s.left, 5);
	judge(&s, leaf);
	assert_no(&s, "untrusted"); /* revocation = prefer makes nobody wait */
	ck_assert_msg(strstr(s.j.reason.words, "cannot be had now") != NULL, "%s", s.j.reason.words);
	end(&s);
	begin(&s);
	s.config.waiting_limit = 1;
	s.config.fetch_timeout = 5;
	s.config.fetch_networks = (struct config_networks){&(struct config_network){
		.address = {{{[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}}}, .bits = 128}, 1};
	s.block.aia_hosts = (struct config_strings){hosts, 1};
	s.block.revocation = REVOCATION_REQUIRE;
	judge(&s, leaf);
	ck_assert_uint_eq(s.left, 4);
	ck_assert_int_eq(s.j.answer, ANSWER_CANT_TELL); /* nobody listens there */
	ck_assert_str_eq(s.j.reason.code, "status-unknown");
	ck_assert(!s.j.in_set);
	end(&s);
	begin(&s);
	sk_X509_push(extra, missing);
	judge_by(&s, "set", leaf, (struct trust_question){.fetch = false, .extra = extra});
	ck_assert_msg(s.j.answer == ANSWER_YES, "%s", s.j.reason.words);
	end(&s);
	sk_X509_free(extra);
	X509_free(missing);
	X509_free(leaf);
}
END_TEST

/* However many places a certificate names. */
START_TEST(test_places_of_missing_issuer)
{
	X509 *missing = authority_issue(&(struct authority_wish){.name = "missing", .ca = true, OF_CA});
	X509 *leaf = issued_by_missing(missing, "caIssuers;URI:http://127.0.0.1:1/1,caIssuers;URI:http://127.0.0.1:1/2,"
		"caIssuers;URI:http://127.0.0.1:1/3,caIssuers;URI:http://127.0.0.1:1/4,caIssuers;URI:http://127.0.0.1:1/5");
	char *hosts[] = {(char *)"127.0.0.1"};
	struct scene s;

	begin(&s);
	s.config.waiting_limit = 1;
	s.config.fetch_timeout = 5;
	s.block.aia_hosts = (struct config_strings){hosts, 1};
	judge(&s, leaf);
	assert_no(&s, "untrusted");
	ck_assert_uint_eq(s.left, 5 - TRUST_ISSUERS_FETCHED_MAX);
	end(&s);
	begin(&s);
	s.config.fetch_limit = TRUST_ISSUERS_FETCHED_MAX - 1;
	s.config.waiting_limit = 1;
	s.config.fetch_timeout = 5;
	s.block.aia_hosts = (struct config_strings){hosts, 1};
	judge(&s, leaf);
	assert_no(&s, "untrusted");
	ck_assert_uint_eq(s.left, 0);
	end(&s);
	X509_free(missing);
	X509_free(leaf);
}
END_TEST

static size_t
parsed(struct slice octets)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	enum answer answer = issuers_parse(octets, certs, NULL);
	size_t count = answer == ANSWER_YES ? (size_t)sk_X509_num(certs) : 0;

	sk_X509_pop_free(certs, X509_free);
	return count;
}

START_TEST(test_what_is_fetched)
{
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_DETACHED);
	struct slice der = authority_der(ca);
	unsigned char *bag = NULL;
	struct buf text;
	int len;

	ck_assert_uint_eq(parsed(der), 1);
	buf_init(&text, 10000);
	buf_add_slice(&text, der);
	buf_add_byte(&text, 0);
	ck_assert_uint_eq(parsed(buf_slice(&text)), 0);
	ck_assert_uint_eq(parsed(SLICE_NONE), 0);
	ck_assert_uint_eq(parsed(slice_str("<html>not found</html>")), 0);
	ck_assert_uint_eq(parsed(slice_str("-----BEGIN CERTIFICATE-----")), 0);
	CMS_add1_cert(cms, ca);
	len = i2d_CMS_ContentInfo(cms, &bag);
	ck_assert_uint_eq(parsed(slice_of(bag, (size_t)len)), 1);
	ck_assert_uint_eq(parsed(slice_of(bag, (size_t)len - 1)), 0);
	buf_clear(&text);
	buf_add(&text, bag, (size_t)len);
	buf_add_byte(&text, 0);
	ck_assert_uint_eq(parsed(buf_slice(&text)), 0);
	buf_clear(&text);
	ck_assert_int_eq(file_read(authority_path("ca.pem"), FILE_PUBLIC, &text, NULL), ANSWER_YES);
	ck_assert_uint_eq(parsed(buf_slice(&text)), 1);
	buf_free(&text);
	OPENSSL_free(bag);
	OPENSSL_free((void *)der.data);
	CMS_ContentInfo_free(cms);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("trust");
	TCase *t = tcase_create("trust");
	int status;

	ca = recipes_authority(AUTHORITY_NOW);
	authority_write_pem(authority_path("ca.pem"), ca, NULL, NULL);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_sets);
	tcase_add_test(t, test_files);
	tcase_add_test(t, test_modes);
	tcase_add_test(t, test_unknown);
	tcase_add_test(t, test_policies);
	tcase_add_test(t, test_any_policy);
	tcase_add_test(t, test_profiles);
	tcase_add_test(t, test_unreadable);
	tcase_add_loop_test(t, test_own_profile, 0, sizeof own / sizeof *own);
	tcase_add_loop_test(t, test_qualified, 0, sizeof qualified / sizeof *qualified);
	tcase_add_test(t, test_revoked_is_not_qualified);
	tcase_add_test(t, test_missing_issuer);
	tcase_add_test(t, test_places_of_missing_issuer);
	tcase_add_test(t, test_what_is_fetched);
	suite_add_tcase(s, t);
	status = unit_run(s);
	X509_free(ca);
	return status;
}
