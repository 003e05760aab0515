#include "../pki/recipes.h"
#include "unit.h"

#include "pki/profiles.h"

#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ICA "ica-qualified-signature"

static X509 *authority; /* made once, before the tests' processes */

static X509 *
profile_x509(const struct recipe *recipe, const char *const *changes)
{
	return recipes_make(recipe, changes, authority, AUTHORITY_NOW);
}

static struct certfacts *
facts_of(X509 *x509)
{
	struct error err = ERROR_NONE;
	struct certfacts *facts;
	struct cert *cert;

	ck_assert_msg(cert_from_x509(x509, &cert, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_msg(certfacts_read(cert, &facts, &err) == ANSWER_YES, "%s", err.words);
	cert_unref(cert);
	return facts;
}

static struct certfacts *
facts_from(const char *profile, const char *const *changes)
{
	X509 *x509 = profile_x509(recipes_find(profile), changes);
	struct certfacts *facts = facts_of(x509);

	X509_free(x509);
	return facts;
}

/* "id id ": what is broken, in the profile's order. */
static const char *
broken(const struct profile *profile, const struct certfacts *facts, const struct profile_parameter *given)
{
	static char text[2048];
	struct profile_result result;
	size_t used = 0, counted = 0;

	profile_check(profile, facts, given, AUTHORITY_NOW, &result);
	text[0] = '\0';
	for (size_t i = 0; i < result.count; i++) {
		if (result.rules[i].outcome != PROFILE_BROKEN)
			continue;
		counted++;
		used += (size_t)snprintf(text + used, sizeof text - used, "%s ", result.rules[i].rule->id);
	}
	ck_assert_uint_eq(counted, result.errors + result.notes);
	return text;
}

static const struct profile *
find(const char *name)
{
	const struct profile *profile = profiles_find(slice_str(name));

	ck_assert_msg(profile != NULL, "%s", name);
	return profile;
}

/* ---- each profile --------------------------------------------------------------- */

START_TEST(test_sound)
{
	struct error err = ERROR_NONE;
	size_t count = 0;

	for (; profiles[count] != NULL; count++) {
		ck_assert_msg(profile_is_sound(profiles[count], &err) == ANSWER_YES, "%s", err.words);
		ck_assert_ptr_eq(find(profiles[count]->name), profiles[count]);
		ck_assert_str_eq(recipes_find(profiles[count]->name)->profile, profiles[count]->name);
	}
	ck_assert_uint_eq(count, 10);
	ck_assert_ptr_null(profiles_find(slice_str("")));
	ck_assert_ptr_null(profiles_find(slice_str("eidas")));
}
END_TEST

START_TEST(test_good)
{
	const struct recipe *recipe = &recipes[_i];
	struct certfacts *facts = facts_from(recipe->profile, NULL);

	ck_assert_str_eq(broken(find(recipe->profile), facts, NULL), "");
	certfacts_free(facts);
}
END_TEST

START_TEST(test_good_too)
{
	for (const struct profile *const *p = profiles; *p != NULL; p++) {
		struct certfacts *facts;

		if (!recipes_apply(&recipes_good[_i], (*p)->name))
			continue;
		facts = facts_from((*p)->name, recipes_good[_i].changes);
		ck_assert_msg(broken(*p, facts, NULL)[0] == '\0', "%s: %s", (*p)->name, broken(*p, facts, NULL));
		certfacts_free(facts);
	}
}
END_TEST

START_TEST(test_breach)
{
	const struct recipe_variant *breach = &recipes_breaches[_i];
	char want[128];

	snprintf(want, sizeof want, "%s ", breach->rule);
	for (const struct profile *const *p = profiles; *p != NULL; p++) {
		struct certfacts *facts;

		if (!recipes_apply(breach, (*p)->name))
			continue;
		facts = facts_from((*p)->name, breach->changes);
		ck_assert_msg(strcmp(broken(*p, facts, NULL), want) == 0, "%s: %s and not %s", (*p)->name,
			broken(*p, facts, NULL), want);
		certfacts_free(facts);
	}
}
END_TEST

START_TEST(test_each_rule_is_broken_once)
{
	struct profile_result result;

	for (const struct profile *const *p = profiles; *p != NULL; p++) {
		struct certfacts *facts = facts_from((*p)->name, NULL);

		profile_check(*p, facts, NULL, AUTHORITY_NOW, &result);
		ck_assert_uint_gt(result.count, 0);
		for (size_t i = 0; i < result.count; i++) {
			size_t k = 0;

			while (k < recipes_breach_count && !(recipes_apply(&recipes_breaches[k], (*p)->name) &&
			    strcmp(recipes_breaches[k].rule, result.rules[i].rule->id) == 0))
				k++;
			ck_assert_msg(k < recipes_breach_count, "%s: nothing breaks %s", (*p)->name, result.rules[i].rule->id);
		}
		certfacts_free(facts);
	}
}
END_TEST

/* All that are not named here touch the verdict. */
START_TEST(test_severity)
{
	static const struct {
		const char *profile, *notes;
	} rows[] = {
		{ICA, "first-email first-name first-address attributes extensions critical access "},
		{"oces-person", "minor "}, {"oces-employee", ""}, {"oces-company", ""}, {"oces-function", ""},
		{"cesnet", "name-kinds attributes "},
		{"eidas-signature", "key policies-critical policy-qcp serial-number-form "},
		{"eidas-seal", "key policies-critical policy-qcp organization-identifier-form "},
		{"ote-participant-encryption", ""}, {"ote-seal", ""},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct certfacts *facts = facts_from(rows[i].profile, NULL);
		struct profile_result result;
		char notes[1024] = "";

		profile_check(find(rows[i].profile), facts, NULL, AUTHORITY_NOW, &result);
		for (size_t k = 0; k < result.count; k++)
			if (result.rules[k].rule->severity == PROFILE_NOTE)
				strcat(strcat(notes, result.rules[k].rule->id), " ");
		ck_assert_str_eq(notes, rows[i].notes);
		certfacts_free(facts);
	}
}
END_TEST

START_TEST(test_errors_and_notes_are_counted)
{
	static const char *const changes[] = {"-q QcCompliance", "+s UID=x", "-s C=", NULL};
	struct certfacts *facts = facts_from(ICA, changes);
	struct profile_result result;

	profile_check(find(ICA), facts, NULL, AUTHORITY_NOW, &result);
	ck_assert_uint_eq(result.errors, 2);
	ck_assert_uint_eq(result.notes, 1);
	ck_assert_uint_eq(result.count, find(ICA)->rule_count);
	ck_assert_int_eq(result.rules[0].outcome, PROFILE_KEPT);
	for (size_t i = 0; i < result.count; i++)
		if (strcmp(result.rules[i].rule->id, "qc-sscd") == 0)
			ck_assert_int_eq(result.rules[i].outcome, PROFILE_ASIDE);
	certfacts_free(facts);
}
END_TEST

static const char *
minor(const char *const *changes)
{
	struct certfacts *facts = facts_from("oces-person", changes);
	struct profile_result result;

	profile_check(find("oces-person"), facts, NULL, AUTHORITY_NOW, &result);
	certfacts_free(facts);
	return profiles_minor(&result);
}

/* Wherever the mark stands; and not of whom there is none. */
START_TEST(test_minor)
{
	static const char *const name[] = {"-s CN", "+s CN=Test Testesen (Ung under 18)", NULL};
	static const char *const unit[] = {"+s OU=Ung under 15 - kan ikke selv lave juridisk bindende aftaler", NULL};
	static const char *const other[] = {"-s serialNumber", "+s OU=Ungdom", NULL};

	ck_assert_str_eq(minor(name), "cannot make binding agreements");
	ck_assert_str_eq(minor(unit), "cannot make binding agreements");
	ck_assert_ptr_null(minor(other));
	ck_assert_ptr_null(minor(NULL));
}
END_TEST

/* The subject's serialNumber is a name. */
START_TEST(test_serial_number_of_the_subject)
{
	X509 *x509 = profile_x509(recipes_find("ote-seal"), NULL);
	struct certfacts *facts = facts_of(x509);
	struct cert *cert;

	ck_assert_str_eq(facts->subject[0].type, "serialNumber");
	ck_assert_str_eq(facts->subject[0].text, "S251223");
	ck_assert_int_eq(cert_from_x509(x509, &cert, NULL), ANSWER_YES);
	ck_assert_str_eq(cert->serial, "1234");
	cert_unref(cert);
	certfacts_free(facts);
	X509_free(x509);
}
END_TEST

START_TEST(test_parameters)
{
	static const struct profile_parameter other[] = {{"common-name", "%+"}, {NULL, NULL}};
	static const struct profile_parameter firm[] = {{"organization-identifier", "VATCZ-1"}, {NULL, NULL}};
	static const char *const changes[] = {"-s CN", "+s CN=%+", NULL};
	struct certfacts *ote = facts_from("ote-seal", NULL), *literal = facts_from("ote-seal", changes);

	ck_assert_str_eq(broken(find("ote-seal"), ote, other), "common-name-value ");
	ck_assert_str_eq(broken(find("ote-seal"), literal, other), "");
	ck_assert_str_eq(broken(find("ote-seal"), ote, firm), "organization-identifier-value ");
	certfacts_free(ote);
	certfacts_free(literal);
}
END_TEST

/* ---- profiles of one's own -------------------------------------------------------- */

/* As a configuration would make it: based on another, with a parameter. */
START_TEST(test_own_profile)
{
	static const struct profile_rule rules[] = {
		{"company", PROFILE_ERROR, "contract 7", "O is ours", {NULL}, {"values", "match", "O", "$company"}},
		{"country-cz", PROFILE_NOTE, "contract 8", "C is CZ", {"subject", "have", "C"}, {"values", "have", "C", "CZ"}},
	};
	static const struct profile_parameter defaults[] = {{"company", "Nikdo"}, {NULL, NULL}};
	static const struct profile_parameter given[] = {{"company", "Účastník, a.s."}, {NULL, NULL}};
	const struct profile own = {"own", "ours", find("eidas-seal"), rules, 2, defaults};
	struct certfacts *facts = facts_from("eidas-seal", NULL);
	struct error err = ERROR_NONE;
	struct profile_result result;

	ck_assert_msg(profile_is_sound(&own, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_str_eq(broken(&own, facts, given), "");
	ck_assert_str_eq(broken(&own, facts, NULL), "company ");
	profile_check(&own, facts, NULL, AUTHORITY_NOW, &result);
	ck_assert_str_eq(result.rules[0].rule->id, "version"); /* the base's come first */
	ck_assert_str_eq(result.rules[result.count - 1].rule->id, "country-cz");
	certfacts_free(facts);
}
END_TEST

static const struct {
	const char *why, *need[PROFILE_WORDS_MAX];
} unsound[] = {
	{"no words", {NULL}},
	{"one word", {"subject"}},
	{"no such list", {"subjects", "have", "CN"}},
	{"no such relation", {"subject", "has", "CN"}},
	{"a relation of another", {"policies", "are-https"}},
	{"a list without its relation", {"version", "have", "3"}},
	{"no argument", {"subject", "have"}},
	{"too many arguments", {"version", "is", "3", "4"}},
	{"an argument of none", {"pds", "are-https", "CN"}},
	{"a misspelt attribute", {"subject", "lack", "surName"}},
	{"a misspelt attribute in a set", {"subject", "have-set", "givenName+surName"}},
	{"an empty set", {"subject", "have-set", ""}},
	{"a purpose as an extension", {"extensions", "have", "emailProtection"}},
	{"a bit that is none", {"key-usage", "are", "digitalSignature+signing"}},
	{"an OID that has a word", {"subject", "have", "2.5.4.3"}},
	{"no OID", {"policies", "have", "QCP-n"}},
	{"no OID either", {"policies", "have", "1..2"}},
	{"an arc in another list", {"subject", "have", "1.2.3.*"}},
	{"no number", {"rsa-bits", "at-least", "2k"}},
	{"no number either", {"rsa-bits", "at-least", ""}},
	{"a number too large", {"rsa-bits", "at-least", "99999999999"}},
	{"a pattern with two stars", {"values", "match", "CN", "%*a%+"}},
	{"a pattern that ends in %", {"values", "match", "CN", "a%"}},
	{"an unknown element", {"values", "match", "CN", "%s"}},
	{"a count for letters", {"values", "match", "CN", "%2C"}},
	{"no pattern", {"values", "match", "CN"}},
	{"values of what is no attribute", {"values", "match", "keyUsage", "x"}},
	{"no parameter of that name", {"values", "match", "CN", "$nobody"}},
	{"a beginning without a value", {"subject", "begin", "DC"}},
	{"a form that is none", {"subject", "are-strings", "BMPString"}},
	{"a kind that is none", {"alternative-names", "in-value", "mail", "CN"}},
};

START_TEST(test_unsound)
{
	struct profile_rule rule = {.id = "a", .section = "b", .words = "c"};
	struct profile own = {"own", "ours", NULL, &rule, 1, NULL};
	struct error err = ERROR_NONE;

	memcpy(rule.need, unsound[_i].need, sizeof rule.need);
	ck_assert_msg(profile_is_sound(&own, &err) == ANSWER_NO, "%s", unsound[_i].why);
	ck_assert_str_eq(err.code, "profile");
	memcpy(rule.need, (const char *const[PROFILE_WORDS_MAX]){"subject", "have", "CN"}, sizeof rule.need);
	memcpy(rule.where, unsound[_i].need, sizeof rule.where);
	ck_assert_int_eq(profile_is_sound(&own, NULL), unsound[_i].need[0] == NULL ? ANSWER_YES : ANSWER_NO);
}
END_TEST

START_TEST(test_unsound_whole)
{
	static const struct profile_rule twice[] = {
		{"a", PROFILE_ERROR, "b", "c", {NULL}, {"subject", "have", "CN"}},
		{"a", PROFILE_ERROR, "b", "c", {NULL}, {"subject", "have", "O"}},
	};
	static const struct profile_rule version[] = {
		{"version", PROFILE_ERROR, "b", "c", {NULL}, {"version", "is", "3"}},
	};
	static struct profile_rule many[PROFILE_RULES_MAX + 1];
	static char ids[PROFILE_RULES_MAX + 1][8];
	struct profile own = {"own", "ours", NULL, twice, 2, NULL};
	struct profile loop = {"loop", "itself", NULL, twice, 1, NULL};

	ck_assert_int_eq(profile_is_sound(&own, NULL), ANSWER_NO);
	own.rules = version;
	own.rule_count = 1;
	ck_assert_int_eq(profile_is_sound(&own, NULL), ANSWER_YES);
	own.base = find("eidas-seal"); /* which has one of this id */
	ck_assert_int_eq(profile_is_sound(&own, NULL), ANSWER_NO);
	for (size_t i = 0; i <= PROFILE_RULES_MAX; i++) {
		snprintf(ids[i], sizeof ids[i], "%zu", i);
		many[i] = version[0];
		many[i].id = ids[i];
	}
	own = (struct profile){"own", "ours", NULL, many, PROFILE_RULES_MAX, NULL};
	ck_assert_int_eq(profile_is_sound(&own, NULL), ANSWER_YES);
	own.rule_count++;
	ck_assert_int_eq(profile_is_sound(&own, NULL), ANSWER_NO);
	own.rule_count = 1;
	many[0].id = NULL;
	ck_assert_int_eq(profile_is_sound(&own, NULL), ANSWER_NO);
	loop.base = &loop;
	ck_assert_int_eq(profile_is_sound(&loop, NULL), ANSWER_NO);
}
END_TEST

static const struct {
	const char *pattern, *text;
	bool matches;
} patterns[] = {
	{"abc", "abc", true}, {"abc", "ABC", false}, {"abc", "abcd", false}, {"abc", "ab", false}, {"", "", true},
	{"%*", "", true}, {"%*", "anything", true}, {"%+", "", false}, {"%+", "x", true},
	{"a%*b", "ab", true}, {"a%*b", "aXbYb", true}, {"a%*b", "abc", false}, {"a%+b", "ab", false}, {"a%+b", "abb", true},
	{"%C-%+", "CZ-1", true}, {"%C-%+", "cz-1", false}, {"%C-%+", "C", false}, {"%C-%+", "CZE-1", false},
	{"%8d", "12345678", true}, {"%8d", "1234567", false}, {"%8d", "123456789", false}, {"%d-%d", "1-22", true},
	{"%d-%d", "1-", false}, {"%d", "x", false}, {"100%%", "100%", true}, {"100%%", "100", false}, {"%%*", "%*", true},
	{"%u", "0af4c1e5-5b1f-4e0f-9d4c-0123456789ab", true}, {"%u", "0af4c1e5-5b1f-4e0f-9d4c-0123456789a", false},
	{"%u", "0af4c1e55b1f-4e0f-9d4c-0123456789ab-", false},
};

START_TEST(test_pattern)
{
	const struct profile_rule rule = {"a", PROFILE_ERROR, "b", "c", {NULL},
		{"values", "have", "CN", patterns[_i].pattern}};
	const struct profile own = {"own", "ours", NULL, &rule, 1, NULL};
	const char *changes[] = {"-s CN", NULL, NULL};
	struct certfacts *facts;
	char line[128];

	snprintf(line, sizeof line, "+s CN=%s", patterns[_i].text);
	changes[1] = line;
	facts = facts_from("ote-seal", changes);
	ck_assert_int_eq(profile_is_sound(&own, NULL), ANSWER_YES);
	ck_assert_msg((broken(&own, facts, NULL)[0] == '\0') == patterns[_i].matches, "%s: %s", patterns[_i].pattern,
		patterns[_i].text);
	certfacts_free(facts);
}
END_TEST

/* ---- facts, and certificates that mean harm ---------------------------------------- */

START_TEST(test_facts)
{
	struct certfacts *f = facts_from(ICA, NULL);

	ck_assert_int_eq(f->version, 3);
	ck_assert_uint_eq(f->digest_bits, 256);
	ck_assert_uint_eq(f->rsa_bits, 2048);
	ck_assert_uint_eq(f->security_bits, 112);
	ck_assert_str_eq(f->list[CERTFACTS_PDS_URLS].word[0], "https://www.example/pds.pdf");
	ck_assert_str_eq(f->list[CERTFACTS_CRL_URLS].word[0], "http://crl.example/a.crl");
	ck_assert_str_eq(f->list[CERTFACTS_OCSP_URLS].word[0], "http://ocsp.example");
	ck_assert_str_eq(f->list[CERTFACTS_ISSUER_URLS].word[0], "http://ca.example/ca.cer");
	ck_assert_str_eq(f->names[0].kind, "1.3.6.1.4.1.23624.4.6");
	ck_assert_str_eq(f->names[0].text, "10465001");
	ck_assert_str_eq(f->names[1].kind, "rfc822Name");
	ck_assert_uint_eq(f->name_count, 2);
	certfacts_free(f);
	f = facts_from("eidas-seal", (const char *const[]){"+q QcCClegislation CH", NULL});
	ck_assert_str_eq(f->list[CERTFACTS_QC_COUNTRIES].word[0], "CH");
	ck_assert_str_eq(f->list[CERTFACTS_QC_TYPES].word[0], "eseal");
	ck_assert_uint_eq(f->rsa_bits, 0);
	ck_assert_uint_eq(f->security_bits, 128);
	certfacts_free(f);
}
END_TEST

static void
refuse(X509 *x509, const char *code, const char *what)
{
	struct error err = ERROR_NONE;
	struct certfacts *facts;
	struct cert *cert;

	if (cert_from_x509(x509, &cert, &err) == ANSWER_YES) {
		ck_assert_msg(certfacts_read(cert, &facts, &err) == ANSWER_NO, "%s", what);
		ck_assert_ptr_null(facts);
		cert_unref(cert);
	}
	ck_assert_msg(strcmp(err.code, code) == 0, "%s: %s", what, err.words);
	X509_free(x509);
}

static const char *const malformed[] = {
	/* Octets behind the value, where OpenSSL looks away. */
	"x certificatePolicies=DER:3006300406022a030500",
	"x extendedKeyUsage=DER:300406022a030500",
	"x keyUsage=DER:030206400500",
	"x subjectKeyIdentifier=DER:0404010203040500",
	"x authorityKeyIdentifier=DER:30068004010203040500",
	"x basicConstraints=DER:30000500",
	"x subjectAltName=DER:300582036120610500",
	"x crlDistributionPoints=DER:30000500",
	"x authorityInfoAccess=DER:300030000500",
	"x 1.3.6.1.5.5.7.1.3=DER:300a3008060604008e4601010500",
	/* Statements. */
	"x 1.3.6.1.5.5.7.1.3=DER:0500",
	"x 1.3.6.1.5.5.7.1.3=DER:30020500",
	"x 1.3.6.1.5.5.7.1.3=DER:30023000",
	"x 1.3.6.1.5.5.7.1.3=DER:300430020500",
	"x 1.3.6.1.5.5.7.1.3=DER:300e300c060604008e46010105000500",
	"x 1.3.6.1.5.5.7.1.3=DER:300a3008060604008e460106",         /* QcType without a type */
	"x 1.3.6.1.5.5.7.1.3=DER:300c300a060604008e4601060500",     /* QcType NULL */
	"x 1.3.6.1.5.5.7.1.3=DER:300e300c060604008e46010630020500", /* QcType of a NULL */
	"x 1.3.6.1.5.5.7.1.3=DER:300e300c060604008e46010530020500", /* QcPDS of a NULL */
	"x 1.3.6.1.5.5.7.1.3=DER:300e300c060604008e46010730020500", /* QcCClegislation of a NULL */
	"x certificatePolicies=DER:0500",
	"x subjectKeyIdentifier=DER:0400",
};

START_TEST(test_malformed)
{
	const char *changes[] = {"-x", NULL, NULL};
	char line[256];

	snprintf(line, sizeof line, "+%s", malformed[_i]);
	changes[1] = line;
	refuse(profile_x509(recipes_find("ote-participant-encryption"), changes), "malformed", malformed[_i]);
}
END_TEST

START_TEST(test_extension_twice)
{
	static const char *const policies[] = {"+x certificatePolicies=1.2.3", "+x certificatePolicies=1.2.4", NULL};
	static const char *const unknown[] = {"+x 1.2.3.4=DER:0500", "+x 1.2.3.4=DER:0500", NULL};

	refuse(profile_x509(recipes_find("ote-seal"), policies), "malformed", "policies twice");
	refuse(profile_x509(recipes_find("ote-seal"), unknown), "malformed", "unknown twice");
}
END_TEST

/* "before" count times "each%d" with commas. */
static X509 *
with_many(const char *before, const char *each, int count)
{
	const char *changes[] = {NULL, NULL};
	struct buf line;
	X509 *x509;

	buf_init(&line, 65536);
	buf_printf(&line, "+x %s", before);
	for (int i = 0; i < count; i++)
		buf_printf(&line, "%s%s%d", i == 0 ? "" : ",", each, i);
	changes[0] = buf_str(&line);
	x509 = profile_x509(recipes_find("cesnet"), changes);
	buf_free(&line);
	return x509;
}

START_TEST(test_limits)
{
	static const struct {
		const char *before, *each;
		int most;
	} lists[] = {
		{"certificatePolicies=", "1.2.3.", CERTFACTS_LIST_MAX},
		{"extendedKeyUsage=", "1.2.3.", CERTFACTS_LIST_MAX},
		{"crlDistributionPoints=", "URI:http://a.example/", CERTFACTS_LIST_MAX},
		{"authorityInfoAccess=", "OCSP;URI:http://a.example/", CERTFACTS_LIST_MAX},
	};

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		X509 *x509 = with_many(lists[i].before, lists[i].each, lists[i].most);

		certfacts_free(facts_of(x509));
		X509_free(x509);
		refuse(with_many(lists[i].before, lists[i].each, lists[i].most + 1), "limit", lists[i].before);
	}
}
END_TEST

START_TEST(test_limit_of_names)
{
	static const char *const none[] = {"-x", NULL};
	struct recipe recipe = *recipes_find("cesnet");
	struct buf line;

	for (int more = 0; more <= 1; more++) {
		const char *changes[] = {none[0], NULL, NULL};

		buf_init(&line, 65536);
		buf_add_str(&line, "+x subjectAltName=");
		for (int i = 0; i < CERTFACTS_NAMES_MAX + more; i++)
			buf_printf(&line, "%sDNS:a%d.example", i == 0 ? "" : ",", i);
		changes[1] = buf_str(&line);
		if (more == 0) {
			X509 *x509 = profile_x509(&recipe, changes);

			certfacts_free(facts_of(x509));
			X509_free(x509);
		} else {
			refuse(profile_x509(&recipe, changes), "limit", "alternative names");
		}
		buf_free(&line);
	}
}
END_TEST

START_TEST(test_limit_of_subject)
{
	struct recipe recipe = {.profile = "many"};
	const char *changes[2] = {NULL, NULL};
	X509 *x509;
	X509_NAME *name;
	char *text = malloc(CERTFACTS_TEXT_MAX + 16);

	for (int more = 0; more <= 1; more++) {
		x509 = profile_x509(&recipe, NULL);
		name = X509_NAME_new();
		for (int i = 0; i < CERTFACTS_LIST_MAX + more; i++)
			X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_UTF8, (const unsigned char *)"x", -1, -1, 0);
		X509_set_subject_name(x509, name);
		X509_NAME_free(name);
		if (more == 0) {
			certfacts_free(facts_of(x509));
			X509_free(x509);
		} else {
			refuse(x509, "limit", "attributes");
		}
	}
	memset(text, 'x', CERTFACTS_TEXT_MAX + 16);
	memcpy(text, "+s CN=", 6);
	text[CERTFACTS_TEXT_MAX + 6] = '\0';
	changes[0] = text;
	x509 = profile_x509(&recipe, changes);
	certfacts_free(facts_of(x509));
	X509_free(x509);
	text[CERTFACTS_TEXT_MAX + 6] = 'x';
	text[CERTFACTS_TEXT_MAX + 7] = '\0';
	refuse(profile_x509(&recipe, changes), "limit", "text");
	free(text);
}
END_TEST

/* Turning an OID into text takes the square of its length. */
START_TEST(test_limit_of_oid)
{
	const char *changes[] = {NULL, NULL};
	struct buf line;

	for (int octets = CERTFACTS_OID_MAX; octets <= CERTFACTS_OID_MAX + 1; octets++) {
		buf_init(&line, 1024);
		buf_printf(&line, "+x extendedKeyUsage=DER:30%02x06%02x2a", octets + 2, octets);
		for (int i = 2; i < octets; i++)
			buf_add_str(&line, "81");
		buf_add_str(&line, "01");
		changes[0] = buf_str(&line);
		if (octets == CERTFACTS_OID_MAX) {
			X509 *x509 = profile_x509(recipes_find("cesnet"), changes);

			certfacts_free(facts_of(x509));
			X509_free(x509);
		} else {
			refuse(profile_x509(recipes_find("cesnet"), changes), "limit", "OID");
		}
		buf_free(&line);
	}
}
END_TEST

/* What is no text is there, and is like nothing. */
START_TEST(test_unreadable_attribute)
{
	static const struct {
		const char *profile, *drop, *broken;
	} rows[] = {
		{"ote-seal", "-s CN", "common-name-value "},
		{"cesnet", "-p CN", "filled "},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		X509 *x509 = profile_x509(recipes_find(rows[i].profile), (const char *const[]){rows[i].drop, NULL});
		X509_NAME *name = X509_NAME_dup(X509_get_subject_name(x509));
		struct certfacts *facts;

		X509_NAME_add_entry_by_txt(name, "CN", V_ASN1_PRINTABLESTRING, (const unsigned char *)"CSOTE\0.example",
			14, -1, 0);
		X509_set_subject_name(x509, name);
		facts = facts_of(x509);
		ck_assert_str_eq(broken(find(rows[i].profile), facts, NULL), rows[i].broken);
		certfacts_free(facts);
		X509_NAME_free(name);
		X509_free(x509);
	}
}
END_TEST

/* Whatever is altered: an answer, and no memory error. */
START_TEST(test_every_octet)
{
	X509 *x509 = profile_x509(recipes_find(ICA), NULL);
	struct slice der = authority_der(x509);
	unsigned char *copy = malloc(der.len);
	struct profile_result result;
	struct certfacts *facts;
	struct cert *cert;

	memcpy(copy, der.data, der.len);
	for (size_t i = 0; i < der.len; i++) {
		copy[i] ^= 0xff;
		if (cert_parse(slice_of(copy, der.len), &cert, NULL) == ANSWER_YES) {
			if (certfacts_read(cert, &facts, NULL) == ANSWER_YES)
				profile_check(find(ICA), facts, NULL, AUTHORITY_NOW, &result);
			certfacts_free(facts);
			cert_unref(cert);
		}
		copy[i] ^= 0xff;
	}
	free(copy);
	free((void *)der.data);
	X509_free(x509);
}
END_TEST

static TCase *
profiles_case(void)
{
	TCase *c = tcase_create("profiles");

	tcase_add_test(c, test_sound);
	tcase_add_loop_test(c, test_good, 0, 10);
	tcase_add_loop_test(c, test_good_too, 0, (int)recipes_good_count);
	tcase_add_loop_test(c, test_breach, 0, (int)recipes_breach_count);
	tcase_add_test(c, test_each_rule_is_broken_once);
	tcase_add_test(c, test_severity);
	tcase_add_test(c, test_errors_and_notes_are_counted);
	tcase_add_test(c, test_minor);
	tcase_add_test(c, test_serial_number_of_the_subject);
	tcase_add_test(c, test_parameters);
	return c;
}

int
main(void)
{
	Suite *s = suite_create("profile");
	TCase *own = tcase_create("own profiles"), *facts = tcase_create("facts");

	authority_key("RSA:2048"); /* each test is a process of its own: made once before them */
	authority_key("RSA:1024");
	authority_key("RSA-PSS:2048");
	authority_key("P-256");
	authority = recipes_authority(AUTHORITY_NOW);
	suite_add_tcase(s, profiles_case());
	tcase_add_test(own, test_own_profile);
	tcase_add_loop_test(own, test_unsound, 0, sizeof unsound / sizeof *unsound);
	tcase_add_test(own, test_unsound_whole);
	tcase_add_loop_test(own, test_pattern, 0, sizeof patterns / sizeof *patterns);
	suite_add_tcase(s, own);
	tcase_add_test(facts, test_facts);
	tcase_add_loop_test(facts, test_malformed, 0, sizeof malformed / sizeof *malformed);
	tcase_add_test(facts, test_extension_twice);
	tcase_add_test(facts, test_limits);
	tcase_add_test(facts, test_limit_of_names);
	tcase_add_test(facts, test_limit_of_subject);
	tcase_add_test(facts, test_limit_of_oid);
	tcase_add_test(facts, test_unreadable_attribute);
	tcase_add_test(facts, test_every_octet);
	suite_add_tcase(s, facts);
	return unit_run(s);
}
