/* An OCSP response is believed from the issuer or its delegate, while it is current. */
#include "authority.h"
#include "unit.h"

#include "pki/ocsp_response.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include <string.h>

static struct {
	X509 *ca, *other, *leaf;
	struct cert *ca_cert, *leaf_cert, *old_cert;
} pki;

struct answer_wish {
	const struct cert *about; /* NULL: the leaf */
	int state;                /* V_OCSP_CERTSTATUS_... */
	int reason;               /* REVOKED; -1: none is said */
	long since, issued, ends; /* s from AUTHORITY_NOW; ends 0: nextUpdate is not said */
	int times;                /* how often it is said; 0: once */
	X509 *signer;             /* NULL: the CA */
	const char *key, *digest;
	bool by_key, without_certs, wrong_nonce, nonce, critical;
	const char *id_digest;
	const char *cutoff;       /* archiveCutoff, GeneralizedTime */
};

/* What everything below starts from. */
#define GOOD .state = V_OCSP_CERTSTATUS_GOOD, .issued = -60, .ends = 3600
#define REVOKED .state = V_OCSP_CERTSTATUS_REVOKED, .issued = -60, .ends = 3600, .since = -9999

static void
make_pki(void)
{
	pki.ca = authority_issue(&(struct authority_wish){.name = "ca", .ca = true});
	pki.other = authority_issue(&(struct authority_wish){.name = "other", .ca = true, .key = "P-384"});
	pki.leaf = authority_issue(&(struct authority_wish){.name = "leaf", .issuer = pki.ca});
	pki.old_cert = authority_cert(&(struct authority_wish){.name = "old", .issuer = pki.ca,
		.begin = -90 * AUTHORITY_DAY, .end = -10 * AUTHORITY_DAY});
	ck_assert_int_eq(cert_from_x509(pki.ca, &pki.ca_cert, NULL), ANSWER_YES);
	ck_assert_int_eq(cert_from_x509(pki.leaf, &pki.leaf_cert, NULL), ANSWER_YES);
}

static void
free_pki(void)
{
	X509_free(pki.ca);
	X509_free(pki.other);
	X509_free(pki.leaf);
	cert_unref(pki.ca_cert);
	cert_unref(pki.leaf_cert);
	cert_unref(pki.old_cert);
}

/* ---- making responses ------------------------------------------------------ */

/* A responder's certificate with key "P-521"; eku, nocheck: NULL: not there. */
static X509 *
responder(const char *eku, bool nocheck, X509 *issuer, const char *issuer_key, const char *digest)
{
	X509 *x509 = authority_issue(&(struct authority_wish){.name = "responder", .key = "P-521", .issuer = issuer,
		.issuer_key = issuer_key});

	if (eku != NULL) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, eku);

		X509_add_ext(x509, e, -1);
		X509_EXTENSION_free(e);
	}
	if (nocheck) {
		ASN1_NULL *null = ASN1_NULL_new();

		ck_assert_int_eq(X509_add1_ext_i2d(x509, NID_id_pkix_OCSP_noCheck, null, 0, 0), 1);
		ASN1_NULL_free(null);
	}
	ck_assert_int_gt(X509_sign(x509, authority_key(issuer_key), EVP_get_digestbyname(digest)), 0);
	return x509;
}

static void
add_single(OCSP_BASICRESP *basic, const struct answer_wish *wish)
{
	const EVP_MD *digest = wish->id_digest == NULL ? NULL : EVP_get_digestbyname(wish->id_digest);
	const struct cert *about = wish->about == NULL ? pki.leaf_cert : wish->about;
	OCSP_CERTID *id = OCSP_cert_to_id(digest, about->x509, pki.ca);
	ASN1_TIME *since = ASN1_TIME_set(NULL, AUTHORITY_NOW + wish->since);
	ASN1_TIME *issued = ASN1_GENERALIZEDTIME_set(NULL, AUTHORITY_NOW + wish->issued);
	ASN1_TIME *ends = ASN1_GENERALIZEDTIME_set(NULL, AUTHORITY_NOW + wish->ends);
	OCSP_SINGLERESP *single = OCSP_basic_add1_status(basic, id, wish->state, wish->reason, since, issued,
		wish->ends == 0 ? NULL : ends);

	ck_assert_ptr_nonnull(single);
	if (wish->cutoff != NULL) {
		ASN1_GENERALIZEDTIME *cutoff = ASN1_GENERALIZEDTIME_new();

		ck_assert_int_eq(ASN1_GENERALIZEDTIME_set_string(cutoff, wish->cutoff), 1);
		OCSP_SINGLERESP_add1_ext_i2d(single, NID_id_pkix_OCSP_archiveCutoff, cutoff, 0, 0);
		ASN1_GENERALIZEDTIME_free(cutoff);
	}
	if (wish->critical) {
		ASN1_NULL *null = ASN1_NULL_new();

		OCSP_SINGLERESP_add1_ext_i2d(single, NID_id_pkix_OCSP_noCheck, null, 1, 0);
		ASN1_NULL_free(null);
	}
	OCSP_CERTID_free(id);
	ASN1_TIME_free(since);
	ASN1_TIME_free(issued);
	ASN1_TIME_free(ends);
}

/* The caller's to OPENSSL_free(). */
static struct slice
make_response(const struct answer_wish *wish)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	unsigned long flags = (wish->by_key ? OCSP_RESPID_KEY : 0) | (wish->without_certs ? OCSP_NOCERTS : 0);
	OCSP_RESPONSE *response;
	unsigned char *der = NULL;
	int len;

	for (int i = 0; i < (wish->times == 0 ? 1 : wish->times); i++)
		add_single(basic, wish);
	if (wish->nonce)
		OCSP_basic_add1_nonce(basic, (unsigned char *)(wish->wrong_nonce ? "87654321" : "12345678"), 8);
	ck_assert_int_eq(OCSP_basic_sign(basic, wish->signer == NULL ? pki.ca : wish->signer,
		authority_key(wish->key == NULL ? "P-256" : wish->key),
		EVP_get_digestbyname(wish->digest == NULL ? "SHA256" : wish->digest), NULL, flags), 1);
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	len = i2d_OCSP_RESPONSE(response, &der);
	ck_assert_int_gt(len, 0);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	return slice_of(der, (size_t)len);
}

/* nonce, accept_weak and at of the question only; delegate may be NULL. */
static struct status
judge(const struct answer_wish *wish, struct ocsp_question question, bool *to_check)
{
	struct slice der = make_response(wish);
	struct cert *delegate;
	struct status status;

	question.cert = wish->about == NULL ? pki.leaf_cert : wish->about;
	question.issuer = pki.ca_cert;
	question.at += AUTHORITY_NOW;
	ocsp_response_judge(der, &question, &status, &delegate);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	if (to_check != NULL)
		*to_check = delegate != NULL;
	cert_unref(delegate);
	OPENSSL_free((void *)der.data);
	return status;
}

static void
assert_good(const struct answer_wish *wish)
{
	struct status status = judge(wish, (struct ocsp_question){.at = 0}, NULL);

	ck_assert_msg(status.state == STATUS_GOOD, "%s", status.why.words);
	ck_assert_ptr_null(status.why.code);
}

static void
assert_unknown(const struct answer_wish *wish, long at, const char *code)
{
	struct status status = judge(wish, (struct ocsp_question){.at = at}, NULL);

	ck_assert_int_eq(status.state, STATUS_UNKNOWN);
	ck_assert_str_eq(status.why.code, code);
}

/* ---- tests ------------------------------------------------------------------- */

START_TEST(the_issuer_says_good)
{
	struct status status = judge(&(struct answer_wish){GOOD}, (struct ocsp_question){.at = 0}, NULL);

	ck_assert_int_eq(status.state, STATUS_GOOD);
	ck_assert_int_eq(status.this_update, AUTHORITY_NOW - 60);
	ck_assert_int_eq(status.next_update, AUTHORITY_NOW + 3600);
	assert_good(&(struct answer_wish){GOOD, .by_key = true, .without_certs = true});
	assert_good(&(struct answer_wish){GOOD, .id_digest = "SHA256"});
}
END_TEST

START_TEST(revoked_comes_with_date_and_reason)
{
	struct status status = judge(&(struct answer_wish){REVOKED, .reason = 1}, (struct ocsp_question){.at = 0}, NULL);

	ck_assert_int_eq(status.state, STATUS_REVOKED);
	ck_assert_int_eq(status.since, AUTHORITY_NOW - 9999);
	ck_assert_int_eq(status.reason, STATUS_KEY_COMPROMISE);
	status = judge(&(struct answer_wish){REVOKED, .reason = -1}, (struct ocsp_question){.at = 0}, NULL);
	ck_assert_int_eq(status.state, STATUS_REVOKED);
	ck_assert_int_eq(status.reason, STATUS_UNSPECIFIED);
	assert_unknown(&(struct answer_wish){REVOKED, .reason = 8}, 0, "malformed");
}
END_TEST

START_TEST(a_revocation_outlasts_its_response_but_a_hold_does_not)
{
	struct ocsp_question later = {.at = 99999};

	ck_assert_int_eq(judge(&(struct answer_wish){REVOKED, .reason = 1}, later, NULL).state, STATUS_REVOKED);
	assert_unknown(&(struct answer_wish){REVOKED, .reason = 6}, 99999, "not-current");
	ck_assert_int_eq(judge(&(struct answer_wish){REVOKED, .reason = 6}, (struct ocsp_question){.at = 0}, NULL).reason,
		STATUS_CERTIFICATE_HOLD);
}
END_TEST

START_TEST(good_holds_only_in_its_window)
{
	struct answer_wish endless = {GOOD};

	endless.ends = 0;
	ck_assert_int_eq(judge(&(struct answer_wish){GOOD}, (struct ocsp_question){.at = 3600}, NULL).state, STATUS_GOOD);
	assert_unknown(&(struct answer_wish){GOOD}, 3601, "not-current");
	assert_unknown(&(struct answer_wish){GOOD}, -61 - OCSP_RESPONSE_CLOCK_SKEW, "not-current");
	ck_assert_int_eq(judge(&endless, (struct ocsp_question){.at = OCSP_RESPONSE_AGE_MAX - 60}, NULL).state, STATUS_GOOD);
	assert_unknown(&endless, OCSP_RESPONSE_AGE_MAX - 59, "not-current");
}
END_TEST

START_TEST(good_says_nothing_of_what_had_expired)
{
	assert_unknown(&(struct answer_wish){GOOD, .about = pki.old_cert}, 0, "expired");
	assert_good(&(struct answer_wish){GOOD, .about = pki.old_cert, .cutoff = "20270101000000Z"});
	assert_unknown(&(struct answer_wish){GOOD, .about = pki.old_cert, .cutoff = "20270107000000Z"}, 0, "expired");
}
END_TEST

START_TEST(a_delegate_must_be_one_and_is_checked)
{
	static const struct {
		const char *eku;
		bool nocheck;
		enum { CA, OTHER, SAME_NAME, SAME_KEY } issuer;
		const char *digest;
		const char *code; /* NULL: good */
	} rows[] = {
		{"OCSPSigning", true, CA, "SHA256", NULL},
		{"critical,OCSPSigning,emailProtection", false, CA, "SHA256", NULL},
		{"emailProtection", true, CA, "SHA256", "no-signer"},
		{"anyExtendedKeyUsage", true, CA, "SHA256", "no-signer"},
		{NULL, true, CA, "SHA256", "no-signer"},
		{"OCSPSigning", true, OTHER, "SHA256", "no-signer"},
		{"OCSPSigning", true, SAME_NAME, "SHA256", "no-signer"},
		{"OCSPSigning", true, SAME_KEY, "SHA256", "no-signer"},
		{"OCSPSigning", true, CA, "SHA1", "no-signer"},
	};

	X509 *issuers[] = {pki.ca, pki.other,
		authority_issue(&(struct authority_wish){.name = "ca", .ca = true, .key = "P-384"}),
		authority_issue(&(struct authority_wish){.name = "other", .ca = true})};
	static const char *const keys[] = {"P-256", "P-384", "P-384", "P-256"};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		X509 *x509 = responder(rows[i].eku, rows[i].nocheck, issuers[rows[i].issuer], keys[rows[i].issuer],
			rows[i].digest);
		struct answer_wish wish = {GOOD, .signer = x509, .key = "P-521"};
		bool to_check;
		struct status status = judge(&wish, (struct ocsp_question){.at = 0}, &to_check);

		ck_assert_msg((status.state == STATUS_GOOD) == (rows[i].code == NULL), "%zu: %s", i, status.why.words);
		ck_assert_int_eq(to_check, rows[i].code == NULL && !rows[i].nocheck);
		if (rows[i].code != NULL)
			ck_assert_str_eq(status.why.code, rows[i].code);
		wish.without_certs = true;
		assert_unknown(&wish, 0, "no-signer");
		X509_free(x509);
	}
	X509_free(issuers[SAME_NAME]);
	X509_free(issuers[SAME_KEY]);
}
END_TEST

START_TEST(a_delegate_counts_in_its_time)
{
	X509 *x509 = responder("OCSPSigning", true, pki.ca, "P-256", "SHA256");
	struct answer_wish wish = {GOOD, .signer = x509, .key = "P-521"};

	wish.ends = 500 * AUTHORITY_DAY;
	ck_assert_int_eq(judge(&wish, (struct ocsp_question){.at = 364 * AUTHORITY_DAY}, NULL).state, STATUS_GOOD);
	assert_unknown(&wish, 366 * AUTHORITY_DAY, "no-signer");
	wish.issued = -40 * AUTHORITY_DAY;
	assert_unknown(&wish, -31 * AUTHORITY_DAY, "no-signer");
	X509_free(x509);
}
END_TEST

START_TEST(weak_signatures_are_refused)
{
	struct answer_wish wish = {GOOD, .digest = "SHA1"};

	assert_unknown(&wish, 0, "weak");
	ck_assert_int_eq(judge(&wish, (struct ocsp_question){.accept_weak = true}, NULL).state, STATUS_GOOD);
}
END_TEST

START_TEST(a_nonce_is_ours_or_absent)
{
	struct ocsp_question asked = {.nonce = slice_str("12345678")};
	struct status status;

	ck_assert_int_eq(judge(&(struct answer_wish){GOOD}, asked, NULL).state, STATUS_GOOD);
	ck_assert_int_eq(judge(&(struct answer_wish){GOOD, .nonce = true}, asked, NULL).state, STATUS_GOOD);
	status = judge(&(struct answer_wish){GOOD, .nonce = true, .wrong_nonce = true}, asked, NULL);
	ck_assert_int_eq(status.state, STATUS_UNKNOWN);
	ck_assert_str_eq(status.why.code, "nonce");
}
END_TEST

START_TEST(the_certificate_is_in_it_once)
{
	struct ocsp_question other = {.cert = pki.leaf_cert, .issuer = pki.ca_cert, .at = AUTHORITY_NOW};
	struct slice der = make_response(&(struct answer_wish){GOOD, .about = pki.old_cert});
	struct cert *delegate;
	struct status status;

	ocsp_response_judge(der, &other, &status, &delegate);
	ck_assert_str_eq(status.why.code, "no-answer");
	OPENSSL_free((void *)der.data);
	assert_unknown(&(struct answer_wish){GOOD, .times = 2}, 0, "no-answer");
	assert_unknown(&(struct answer_wish){GOOD, .times = OCSP_RESPONSE_SINGLES_MAX + 1}, 0, "limit");
	assert_unknown(&(struct answer_wish){GOOD, .critical = true}, 0, "critical-extension");
	assert_unknown(&(struct answer_wish){.state = V_OCSP_CERTSTATUS_UNKNOWN, .issued = -60, .ends = 60}, 0, "not-issued");
	assert_unknown(&(struct answer_wish){.state = V_OCSP_CERTSTATUS_GOOD, .issued = 60, .ends = -60}, 0, "malformed");
}
END_TEST

START_TEST(failures_are_named)
{
	static const struct {
		const char *der;
		size_t len;
		const char *code;
	} rows[] = {
		{"\x30\x03\x0a\x01\x03", 5, "try-later"},
		{"\x30\x03\x0a\x01\x06", 5, "unauthorized"},
		{"\x30\x03\x0a\x01\x01", 5, "responder"},
		{"\x30\x03\x0a\x01\x00", 5, "malformed"},
		{"\x30\x03\x0a\x01\x03\x00", 6, "malformed"},
		{"<html>", 6, "malformed"},
		{"", 0, "malformed"},
	};
	struct ocsp_question question = {.cert = pki.leaf_cert, .issuer = pki.ca_cert, .at = AUTHORITY_NOW};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct cert *delegate;
		struct status status;

		ocsp_response_judge(slice_of(rows[i].der, rows[i].len), &question, &status, &delegate);
		ck_assert_int_eq(status.state, STATUS_UNKNOWN);
		ck_assert_str_eq(status.why.code, rows[i].code);
		ck_assert_ptr_null(delegate);
	}
}
END_TEST

/* Certificates that came along are no part of what is signed: changing those may change nothing. */
START_TEST(no_altered_response_is_believed)
{
	struct slice der = make_response(&(struct answer_wish){REVOKED, .reason = 1, .without_certs = true});
	struct ocsp_question question = {.cert = pki.leaf_cert, .issuer = pki.ca_cert, .at = AUTHORITY_NOW};
	unsigned char *octets = (unsigned char *)der.data;
	struct cert *delegate;
	struct status status;

	for (size_t i = 0; i < der.len; i++)
		for (unsigned bit = 1; bit < 256; bit <<= 3) {
			octets[i] ^= (unsigned char)bit;
			ocsp_response_judge(der, &question, &status, &delegate);
			ck_assert_msg(status.state == STATUS_UNKNOWN, "octet %zu", i);
			ck_assert_ptr_nonnull(status.why.code);
			octets[i] ^= (unsigned char)bit;
		}
	for (size_t len = 0; len < der.len; len++) {
		ocsp_response_judge(slice_of(octets, len), &question, &status, &delegate);
		ck_assert_int_eq(status.state, STATUS_UNKNOWN);
	}
	OPENSSL_free(octets);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ocsp_response");
	TCase *t = tcase_create("ocsp_response");

	tcase_add_unchecked_fixture(t, make_pki, free_pki);
	tcase_add_test(t, the_issuer_says_good);
	tcase_add_test(t, revoked_comes_with_date_and_reason);
	tcase_add_test(t, a_revocation_outlasts_its_response_but_a_hold_does_not);
	tcase_add_test(t, good_holds_only_in_its_window);
	tcase_add_test(t, good_says_nothing_of_what_had_expired);
	tcase_add_test(t, a_delegate_must_be_one_and_is_checked);
	tcase_add_test(t, a_delegate_counts_in_its_time);
	tcase_add_test(t, weak_signatures_are_refused);
	tcase_add_test(t, a_nonce_is_ours_or_absent);
	tcase_add_test(t, the_certificate_is_in_it_once);
	tcase_add_test(t, failures_are_named);
	tcase_add_test(t, no_altered_response_is_believed);
	suite_add_tcase(s, t);
	return unit_run(s);
}
