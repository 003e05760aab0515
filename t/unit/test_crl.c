/* A CRL says good, revoked or nothing, and is used only where it may be. */
#include "authority.h"
#include "unit.h"

#include "base/der.h"
#include "pki/crl.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <malloc.h>
#include <string.h>

static struct {
	X509 *ca, *other, *leaf, *sub;
	struct cert *ca_cert, *other_cert, *leaf_cert, *sub_cert;
} pki;

/* One entry; reason -1: none is said. */
struct entry_wish {
	const char *serial; /* hexadecimal, with "-" negative; NULL: the leaf's */
	long since;         /* s from AUTHORITY_NOW */
	int reason;
	X509 *authority;    /* certificateIssuer */
	const char *unknown; /* an extension of 1.2.3.4 in openssl.cnf's form */
};

#define ENTRY(n, when, why) .serial = (n), .since = (when), .reason = (why)

struct list_wish {
	long issued, ends;  /* s from AUTHORITY_NOW; both 0: an hour ago to in a day */
	const char *number;
	const char *base;   /* deltaCRLIndicator */
	const char *scope;  /* issuingDistributionPoint */
	const char *raw_scope; /* the same as raw_extension() has it */
	const char *expired_since;
	const char *freshest; /* freshestCRL */
	const char *raw_freshest;
	const char *unknown;
	X509 *issuer;       /* NULL: the CA */
	const char *key, *digest;
	bool pss;
	int more_extensions; /* 1.2.3.4.1 and so on */
	struct entry_wish entries[4];
	size_t count;
};

static void
make_pki(void)
{
	pki.ca = authority_issue(&(struct authority_wish){.name = "ca", .ca = true, .usage = "keyCertSign,cRLSign"});
	pki.other = authority_issue(&(struct authority_wish){.name = "other", .ca = true, .key = "P-384"});
	pki.leaf = authority_issue(&(struct authority_wish){.name = "leaf", .issuer = pki.ca});
	pki.sub = authority_issue(&(struct authority_wish){.name = "sub", .issuer = pki.ca, .ca = true});
	ck_assert_int_eq(cert_from_x509(pki.ca, &pki.ca_cert, NULL), ANSWER_YES);
	ck_assert_int_eq(cert_from_x509(pki.other, &pki.other_cert, NULL), ANSWER_YES);
	ck_assert_int_eq(cert_from_x509(pki.leaf, &pki.leaf_cert, NULL), ANSWER_YES);
	ck_assert_int_eq(cert_from_x509(pki.sub, &pki.sub_cert, NULL), ANSWER_YES);
}

static void
free_pki(void)
{
	X509 *all[] = {pki.ca, pki.other, pki.leaf, pki.sub};
	struct cert *certs[] = {pki.ca_cert, pki.other_cert, pki.leaf_cert, pki.sub_cert};

	for (size_t i = 0; i < 4; i++) {
		X509_free(all[i]);
		cert_unref(certs[i]);
	}
}

/* ---- making lists ---------------------------------------------------------- */

static ASN1_INTEGER *
integer(const char *hex)
{
	BIGNUM *number = NULL;
	ASN1_INTEGER *i;

	ck_assert_int_gt(BN_hex2bn(&number, hex), 0);
	i = BN_to_ASN1_INTEGER(number, NULL);
	BN_free(number);
	return i;
}

static X509_EXTENSION *
extension(int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	ck_assert_msg(e != NULL, "%s", value);
	return e;
}

static void
add_number(X509_CRL *crl, int nid, const char *hex, bool critical)
{
	ASN1_INTEGER *number;

	if (hex == NULL)
		return;
	number = integer(hex);
	ck_assert_int_eq(X509_CRL_add1_ext_i2d(crl, nid, number, critical, 0), 1);
	ASN1_INTEGER_free(number);
}

/* value: "critical," and then DER in hexadecimal. */
static X509_EXTENSION *
raw_extension(const char *oid, const char *value)
{
	bool critical = strncmp(value, "critical,", 9) == 0;
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	X509_EXTENSION *e;
	long len;
	unsigned char *der = OPENSSL_hexstr2buf(critical ? value + 9 : value, &len);

	ASN1_STRING_set0(octets, der, (int)len);
	e = X509_EXTENSION_create_by_OBJ(NULL, object, critical, octets);
	ASN1_OBJECT_free(object);
	ASN1_OCTET_STRING_free(octets);
	return e;
}

static void
add_entry(X509_CRL *crl, const struct entry_wish *wish)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_INTEGER *serial = wish->serial == NULL ? ASN1_INTEGER_dup(X509_get0_serialNumber(pki.leaf))
		: integer(wish->serial);
	ASN1_TIME *since = ASN1_TIME_set(NULL, AUTHORITY_NOW + wish->since);

	X509_REVOKED_set_serialNumber(entry, serial);
	X509_REVOKED_set_revocationDate(entry, since);
	if (wish->reason >= 0) {
		ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();

		ASN1_ENUMERATED_set(reason, wish->reason);
		ck_assert_int_eq(X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0), 1);
		ASN1_ENUMERATED_free(reason);
	}
	if (wish->authority != NULL) {
		GENERAL_NAMES *names = GENERAL_NAMES_new();
		GENERAL_NAME *name = GENERAL_NAME_new();

		GENERAL_NAME_set0_value(name, GEN_DIRNAME, X509_NAME_dup(X509_get_subject_name(wish->authority)));
		sk_GENERAL_NAME_push(names, name);
		ck_assert_int_eq(X509_REVOKED_add1_ext_i2d(entry, NID_certificate_issuer, names, 1, 0), 1);
		GENERAL_NAMES_free(names);
	}
	if (wish->unknown != NULL) {
		X509_EXTENSION *e = raw_extension("1.2.3.4", wish->unknown);

		X509_REVOKED_add_ext(entry, e, -1);
		X509_EXTENSION_free(e);
	}
	ck_assert_int_eq(X509_CRL_add0_revoked(crl, entry), 1);
	ASN1_INTEGER_free(serial);
	ASN1_TIME_free(since);
}

static void
add_extensions(X509_CRL *crl, const struct list_wish *wish)
{
	X509_EXTENSION *e[4] = {NULL};

	add_number(crl, NID_crl_number, wish->number, false);
	add_number(crl, NID_delta_crl, wish->base, true);
	if (wish->scope != NULL)
		e[0] = extension(NID_issuing_distribution_point, wish->scope);
	else if (wish->raw_scope != NULL)
		e[0] = raw_extension("2.5.29.28", wish->raw_scope);
	if (wish->expired_since != NULL)
		e[1] = raw_extension("2.5.29.60", wish->expired_since);
	if (wish->unknown != NULL)
		e[2] = raw_extension("1.2.3.4", wish->unknown);
	if (wish->freshest != NULL)
		e[3] = extension(NID_freshest_crl, wish->freshest);
	else if (wish->raw_freshest != NULL)
		e[3] = raw_extension("2.5.29.46", wish->raw_freshest);
	for (size_t i = 0; i < 4; i++)
		if (e[i] != NULL) {
			X509_CRL_add_ext(crl, e[i], -1);
			X509_EXTENSION_free(e[i]);
		}
	for (int i = 1; i <= wish->more_extensions; i++) {
		char oid[32];
		X509_EXTENSION *more;

		snprintf(oid, sizeof oid, "1.2.3.4.%d", i);
		more = raw_extension(oid, wish->unknown);
		X509_CRL_add_ext(crl, more, -1);
		X509_EXTENSION_free(more);
	}
}

static void
sign(X509_CRL *crl, const struct list_wish *wish)
{
	EVP_PKEY *key = authority_key(wish->key == NULL ? "P-256" : wish->key);
	const EVP_MD *digest = EVP_PKEY_is_a(key, "ED25519") ? NULL
		: EVP_get_digestbyname(wish->digest == NULL ? "SHA256" : wish->digest);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;

	ck_assert_int_eq(EVP_DigestSignInit(ctx, &pctx, digest, NULL, key), 1);
	if (wish->pss)
		ck_assert_int_gt(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 0);
	ck_assert_int_gt(X509_CRL_sign_ctx(crl, ctx), 0);
	EVP_MD_CTX_free(ctx);
}

/* The caller's to OPENSSL_free(). */
static struct slice
make_list(const struct list_wish *wish)
{
	bool usual = wish->issued == 0 && wish->ends == 0;
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *issued = ASN1_TIME_set(NULL, AUTHORITY_NOW + (usual ? -3600 : wish->issued));
	ASN1_TIME *ends = ASN1_TIME_set(NULL, AUTHORITY_NOW + (usual ? AUTHORITY_DAY : wish->ends));
	unsigned char *der = NULL;
	int len;

	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(wish->issuer == NULL ? pki.ca : wish->issuer));
	X509_CRL_set1_lastUpdate(crl, issued);
	X509_CRL_set1_nextUpdate(crl, ends);
	for (size_t i = 0; i < wish->count; i++)
		add_entry(crl, &wish->entries[i]);
	add_extensions(crl, wish);
	sign(crl, wish);
	len = i2d_X509_CRL(crl, &der);
	ck_assert_int_gt(len, 0);
	X509_CRL_free(crl);
	ASN1_TIME_free(issued);
	ASN1_TIME_free(ends);
	return slice_of(der, (size_t)len);
}

static enum answer
try_parse(const struct list_wish *wish, struct cert *signer, bool accept_weak, struct crl **crl, struct error *err)
{
	struct slice der = make_list(wish);
	struct cert *signers[] = {pki.other_cert, signer == NULL ? pki.ca_cert : signer};
	enum answer answer = crl_parse(der, signers, 2, accept_weak, crl, err);

	OPENSSL_free((void *)der.data);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	return answer;
}

static struct crl *
parse(const struct list_wish *wish)
{
	struct error err = ERROR_NONE;
	struct crl *crl;

	ck_assert_msg(try_parse(wish, NULL, false, &crl, &err) == ANSWER_YES, "%s", err.words);
	return crl;
}

static void
assert_refused(const struct list_wish *wish, const char *code)
{
	struct error err = ERROR_NONE;
	struct crl *crl;

	ck_assert_int_eq(try_parse(wish, NULL, false, &crl, &err), ANSWER_NO);
	ck_assert_ptr_null(crl);
	ck_assert_str_eq(err.code, code);
}

/* The status by one list, which is freed. */
static struct status
status_by(struct crl *crl, const struct cert *cert, long seconds)
{
	const struct crl *crls[] = {crl};
	struct status status;

	crl_look_up(crls, 1, cert, AUTHORITY_NOW + seconds, &status);
	crl_unref(crl);
	return status;
}

static void
assert_good(struct crl *crl, const struct cert *cert)
{
	struct status status = status_by(crl, cert, 0);

	ck_assert_msg(status.state == STATUS_GOOD, "%d %s", (int)status.state, status.why.words);
}

static void
assert_revoked(struct crl *crl, const struct cert *cert, enum status_reason reason)
{
	struct status status = status_by(crl, cert, 0);

	ck_assert_msg(status.state == STATUS_REVOKED, "%d %s", (int)status.state, status.why.words);
	ck_assert_int_eq(status.reason, reason);
}

static void
assert_unknown(struct crl *crl, const struct cert *cert, long seconds, const char *code)
{
	struct status status = status_by(crl, cert, seconds);

	ck_assert_int_eq(status.state, STATUS_UNKNOWN);
	ck_assert_str_eq(status.why.code, code);
}

/* A certificate of the CA with that extension in it. */
static struct cert *
with_points(const char *points)
{
	X509 *x509 = authority_issue(&(struct authority_wish){.name = "pointed", .issuer = pki.ca});
	X509_EXTENSION *e = extension(NID_crl_distribution_points, points);
	struct cert *cert;

	X509_add_ext(x509, e, -1);
	X509_EXTENSION_free(e);
	X509_sign(x509, authority_key("P-256"), EVP_sha256());
	ck_assert_int_eq(cert_from_x509(x509, &cert, NULL), ANSWER_YES);
	X509_free(x509);
	return cert;
}

/* ---- tests ------------------------------------------------------------------- */

START_TEST(a_listed_certificate_is_revoked_since_and_why)
{
	struct crl *crl = parse(&(struct list_wish){.number = "0102", .count = 3, .entries = {
		{ENTRY("7f", -50, -1)}, {ENTRY(NULL, -7200, STATUS_KEY_COMPROMISE)}, {ENTRY("00ff00ff00ff00ff", -60, 5)}}});
	const struct crl *crls[] = {crl};
	struct status status;

	ck_assert_uint_eq(crl->count, 3);
	ck_assert(crl->has_number && crl->number.len == 2 && !crl->is_delta);
	crl_look_up(crls, 1, pki.leaf_cert, AUTHORITY_NOW, &status);
	ck_assert_int_eq(status.state, STATUS_REVOKED);
	ck_assert_int_eq(status.since, AUTHORITY_NOW - 7200);
	ck_assert_int_eq(status.reason, STATUS_KEY_COMPROMISE);
	ck_assert_int_eq(status.this_update, AUTHORITY_NOW - 3600);
	ck_assert_int_eq(status.next_update, AUTHORITY_NOW + AUTHORITY_DAY);
	crl_unref(crl_ref(crl));
	crl_look_up(crls, 1, pki.sub_cert, AUTHORITY_NOW, &status);
	ck_assert_int_eq(status.state, STATUS_GOOD);
	crl_unref(crl);
}
END_TEST

START_TEST(every_entry_is_found_whatever_the_order)
{
	static const char *const serials[] = {"1234567890abcdef1234567890abcdef12345678", "-80", "80", "0", "-81", "ff",
		"7fffffffffffffffffffffffffffffffffffffff", "ffffffffffffffffffffffffffffffffffffffff", "-0100", "0100"};

	for (size_t i = 0; i < sizeof serials / sizeof serials[0]; i++) {
		X509 *x509 = authority_issue(&(struct authority_wish){.name = "any", .issuer = pki.ca});
		struct list_wish without = {.count = 3, .entries = {{ENTRY("ffffffff", 0, -1)}, {ENTRY("01", 0, -1)},
			{ENTRY("-ff", 0, -1)}, {ENTRY(serials[i], -9, -1)}}};
		struct list_wish wish = without;
		ASN1_INTEGER *serial = integer(serials[i]);
		struct cert *cert;

		wish.count = 4;
		X509_set_serialNumber(x509, serial);
		ck_assert_int_eq(cert_from_x509(x509, &cert, NULL), ANSWER_YES);
		assert_revoked(parse(&wish), cert, STATUS_UNSPECIFIED);
		assert_good(parse(&without), cert);
		cert_unref(cert);
		ASN1_INTEGER_free(serial);
		X509_free(x509);
	}
}
END_TEST

START_TEST(of_equal_entries_the_first_revocation_counts)
{
	struct crl *crl = parse(&(struct list_wish){.count = 3, .entries = {{ENTRY(NULL, -10, 4)},
		{ENTRY(NULL, -20, 1)}, {ENTRY(NULL, -5, 3)}}});

	ck_assert_uint_eq(crl->count, 1);
	/* It takes no more memory than is told. */
	ck_assert_uint_lt(malloc_usable_size(crl->entries), 3 * CRL_ENTRY_SIZE);
	assert_revoked(crl, pki.leaf_cert, STATUS_KEY_COMPROMISE);
}
END_TEST

START_TEST(pem_is_read_like_der)
{
	struct slice der = make_list(&(struct list_wish){.count = 1, .entries = {{ENTRY(NULL, 0, -1)}}});
	BIO *bio = BIO_new(BIO_s_mem());
	struct error err = ERROR_NONE;
	struct crl *crl;
	char *text;
	long len;

	PEM_write_bio_X509(bio, pki.leaf);
	PEM_write_bio(bio, PEM_STRING_X509_CRL, "", der.data, (long)der.len);
	len = BIO_get_mem_data(bio, &text);
	ck_assert_int_eq(crl_parse(slice_of(text, (size_t)len), &pki.ca_cert, 1, false, &crl, &err), ANSWER_YES);
	assert_revoked(crl, pki.leaf_cert, STATUS_UNSPECIFIED);
	ck_assert_int_eq(crl_parse(slice_of(text, (size_t)len - 80), &pki.ca_cert, 1, false, &crl, &err), ANSWER_NO);
	ck_assert_int_eq(crl_parse(slice_str("<html>no such page</html>"), &pki.ca_cert, 1, false, &crl, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "malformed");
	ck_assert_int_eq(crl_parse(SLICE_NONE, &pki.ca_cert, 1, false, &crl, &err), ANSWER_NO);
	BIO_free(bio);
	OPENSSL_free((void *)der.data);
}
END_TEST

START_TEST(only_the_issuers_key_signs)
{
	static const struct authority_wish may_not = {.name = "ca", .ca = true, .usage = "keyCertSign"};
	static const struct authority_wish same_name = {.name = "ca", .ca = true, .key = "P-384"};
	struct cert *bad = authority_cert(&may_not), *two[] = {authority_cert(&same_name), pki.ca_cert};
	struct list_wish wish = {.count = 0};
	struct slice der = make_list(&wish);
	struct error err = ERROR_NONE;
	struct crl *crl;

	ck_assert_int_eq(crl_parse(der, &bad, 1, false, &crl, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "no-signer");
	ck_assert_int_eq(crl_parse(der, &pki.other_cert, 1, false, &crl, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "no-signer");
	ck_assert_int_eq(crl_parse(der, two, 1, false, &crl, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "signature");
	ck_assert_int_eq(crl_parse(der, two, 2, false, &crl, &err), ANSWER_YES);
	ck_assert_ptr_eq(crl->signer, pki.ca_cert);
	crl_unref(crl);
	cert_unref(two[0]);
	cert_unref(bad);
	OPENSSL_free((void *)der.data);
}
END_TEST

/* Whatever octet is changed: what is read then was still signed. */
START_TEST(no_altered_list_is_believed)
{
	struct slice der = make_list(&(struct list_wish){.number = "05", .scope = "critical,onlyuser:TRUE", .count = 2,
		.entries = {{ENTRY(NULL, -9, 1)}, {ENTRY("01", -8, -1)}}});
	unsigned char *octets = (unsigned char *)der.data;
	struct crl *crl;

	for (size_t i = 0; i < der.len; i++)
		for (unsigned bit = 1; bit < 256; bit <<= 3) {
			octets[i] ^= (unsigned char)bit;
			ck_assert_msg(crl_parse(der, &pki.ca_cert, 1, false, &crl, NULL) != ANSWER_YES, "octet %zu", i);
			octets[i] ^= (unsigned char)bit;
		}
	for (size_t len = 0; len < der.len; len++)
		ck_assert_int_ne(crl_parse(slice_of(octets, len), &pki.ca_cert, 1, false, &crl, NULL), ANSWER_YES);
	OPENSSL_free(octets);
}
END_TEST

static const struct {
	const char *key, *digest;
	bool pss;
	const char *strict, *weak; /* codes; NULL: accepted */
} signatures[] = {
	{"RSA:2048", "SHA256", false, NULL, NULL},
	{"RSA:2048", "SHA384", true, NULL, NULL},
	{"RSA-PSS:2048", "SHA256", false, NULL, NULL},
	{"P-384", "SHA512", false, NULL, NULL},
	{"ED25519", NULL, false, NULL, NULL},
	{"RSA:2048", "SHA1", false, "weak", NULL},
	{"RSA:2048", "SHA1", true, "weak", NULL},
	{"P-256", "SHA1", false, "weak", NULL},
	{"RSA:2048", "MD5", false, "weak", "weak"},
	{"RSA:1024", "SHA256", false, "weak", NULL},
	{"RSA:768", "SHA256", false, "weak", "weak"},
};

START_TEST(signatures_are_as_strong_as_in_chains)
{
	struct cert *signer = authority_cert(&(struct authority_wish){.name = "ca", .ca = true,
		.key = signatures[_i].key, .issuer = pki.other, .issuer_key = "P-384"});
	struct list_wish wish = {.key = signatures[_i].key, .digest = signatures[_i].digest, .pss = signatures[_i].pss};

	for (int weak = 0; weak <= 1; weak++) {
		const char *code = weak ? signatures[_i].weak : signatures[_i].strict;
		struct error err = ERROR_NONE;
		struct crl *crl;
		enum answer answer = try_parse(&wish, signer, weak, &crl, &err);

		ck_assert_msg(answer == (code == NULL ? ANSWER_YES : ANSWER_NO), "%s", err.words);
		if (code != NULL)
			ck_assert_str_eq(err.code, code);
		crl_unref(crl);
	}
	cert_unref(signer);
}
END_TEST

START_TEST(absence_counts_only_while_the_list_is_current)
{
	struct list_wish wish = {.issued = -100, .ends = 1000};

	ck_assert_int_eq(status_by(parse(&wish), pki.leaf_cert, 1000).state, STATUS_GOOD);
	assert_unknown(parse(&wish), pki.leaf_cert, 1001, "not-current");
	ck_assert_int_eq(status_by(parse(&wish), pki.leaf_cert, -100 - CRL_CLOCK_SKEW).state, STATUS_GOOD);
	assert_unknown(parse(&wish), pki.leaf_cert, -101 - CRL_CLOCK_SKEW, "not-current");
}
END_TEST

START_TEST(a_revocation_outlasts_its_list_but_a_hold_does_not)
{
	struct list_wish wish = {.issued = -1000, .ends = -500, .count = 1, .entries = {{ENTRY(NULL, -5000, 1)}}};
	struct crl *crl;

	assert_revoked(parse(&wish), pki.leaf_cert, STATUS_KEY_COMPROMISE);
	wish.entries[0].reason = STATUS_CERTIFICATE_HOLD;
	assert_unknown(parse(&wish), pki.leaf_cert, 0, "not-current");
	wish.ends = 500;
	crl = parse(&wish);
	ck_assert_uint_eq(crl->on_hold, 1);
	assert_revoked(crl, pki.leaf_cert, STATUS_CERTIFICATE_HOLD);
}
END_TEST

START_TEST(absence_says_nothing_of_what_had_expired)
{
	struct cert *old = authority_cert(&(struct authority_wish){.name = "old", .issuer = pki.ca,
		.begin = -90 * AUTHORITY_DAY, .end = -10 * AUTHORITY_DAY});
	struct list_wish wish = {.count = 0};

	assert_unknown(parse(&wish), old, 0, "expired");
	wish.expired_since = "180f32303237303130313030303030305a"; /* 2027-01-01, it expired on the 5th */
	assert_good(parse(&wish), old);
	wish.expired_since = "180f32303237303130373030303030305a";
	assert_unknown(parse(&wish), old, 0, "expired");
	cert_unref(old);
}
END_TEST

START_TEST(a_list_is_for_the_certificates_of_its_scope)
{
	assert_good(parse(&(struct list_wish){.scope = "critical,onlyuser:TRUE"}), pki.leaf_cert);
	assert_unknown(parse(&(struct list_wish){.scope = "critical,onlyuser:TRUE"}), pki.sub_cert, 0, "no-list");
	assert_good(parse(&(struct list_wish){.scope = "critical,onlyCA:TRUE"}), pki.sub_cert);
	assert_unknown(parse(&(struct list_wish){.scope = "critical,onlyCA:TRUE"}), pki.leaf_cert, 0, "no-list");
	assert_unknown(parse(&(struct list_wish){.scope = "critical,onlyAA:TRUE"}), pki.leaf_cert, 0, "no-list");
	assert_refused(&(struct list_wish){.scope = "critical,onlyuser:TRUE,onlyCA:TRUE"}, "malformed");
	/* Another authority's list says nothing, though it may list the number. */
	assert_unknown(parse(&(struct list_wish){.issuer = pki.other, .key = "P-384", .count = 1,
		.entries = {{ENTRY(NULL, 0, 1)}}}), pki.leaf_cert, 0, "no-list");
}
END_TEST

START_TEST(a_distribution_point_is_the_one_that_the_certificate_names)
{
	static const struct list_wish at_a = {.scope = "critical,fullname:URI:http://a.test/a.crl"};
	struct cert *a = with_points("URI:http://b.test/b.crl,URI:http://a.test/a.crl");
	struct cert *b = with_points("URI:http://b.test/b.crl");

	assert_good(parse(&at_a), a);
	assert_unknown(parse(&at_a), b, 0, "no-list");
	assert_unknown(parse(&at_a), pki.leaf_cert, 0, "no-list");
	assert_good(parse(&(struct list_wish){.count = 0}), b); /* all of the authority's */
	cert_unref(a);
	cert_unref(b);
}
END_TEST

START_TEST(lists_of_some_reasons_are_added_up)
{
	/* keyCompromise and cACompromise; all others */
	struct crl *some = parse(&(struct list_wish){.raw_scope = "critical,300483020560"});
	struct crl *rest = parse(&(struct list_wish){.ends = 600, .issued = -9, .raw_scope = "critical,30058303071f80"});
	const struct crl *crls[] = {some, rest};
	struct status status;

	crl_look_up(crls, 2, pki.leaf_cert, AUTHORITY_NOW, &status);
	ck_assert_int_eq(status.state, STATUS_GOOD);
	ck_assert_int_eq(status.next_update, AUTHORITY_NOW + 600);
	ck_assert_int_eq(status.this_update, AUTHORITY_NOW - 3600);
	crl_unref(rest);
	assert_unknown(some, pki.leaf_cert, 0, "some-reasons");
}
END_TEST

START_TEST(without_any_list_nothing_is_known)
{
	struct status status;

	crl_look_up(NULL, 0, pki.leaf_cert, AUTHORITY_NOW, &status);
	ck_assert_int_eq(status.state, STATUS_UNKNOWN);
	ck_assert_str_eq(status.why.code, "no-list");
}
END_TEST

START_TEST(an_indirect_list_holds_certificates_of_others)
{
	struct list_wish wish = {.issuer = pki.other, .key = "P-384", .scope = "critical,indirectCRL:TRUE", .count = 3,
		.entries = {{ENTRY(NULL, 0, 3)}, {ENTRY("01", 0, 4), .authority = pki.ca}, {ENTRY(NULL, 0, 5)}}};
	X509 *x509 = authority_issue(&(struct authority_wish){.name = "elsewhere", .issuer = pki.ca});
	CRL_DIST_POINTS *points = CRL_DIST_POINTS_new();
	DIST_POINT *point = DIST_POINT_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	struct cert *cert;

	GENERAL_NAME_set0_value(name, GEN_DIRNAME, X509_NAME_dup(X509_get_subject_name(pki.other)));
	point->CRLissuer = GENERAL_NAMES_new();
	sk_GENERAL_NAME_push(point->CRLissuer, name);
	sk_DIST_POINT_push(points, point);
	X509_add1_ext_i2d(x509, NID_crl_distribution_points, points, 0, 0);
	X509_set_serialNumber(x509, X509_get_serialNumber(pki.leaf));
	X509_sign(x509, authority_key("P-256"), EVP_sha256());
	ck_assert_int_eq(cert_from_x509(x509, &cert, NULL), ANSWER_YES);
	/* The first of that number is the list's issuer's own; the CA's is behind the change. */
	assert_revoked(parse(&wish), cert, STATUS_CESSATION_OF_OPERATION);
	wish.count = 2;
	assert_good(parse(&wish), cert);
	assert_unknown(parse(&wish), pki.leaf_cert, 0, "no-list"); /* which names no such issuer */
	wish.scope = NULL;
	assert_refused(&wish, "malformed");
	wish.count = 1;
	assert_unknown(parse(&wish), cert, 0, "no-list");
	CRL_DIST_POINTS_free(points);
	cert_unref(cert);
	X509_free(x509);
}
END_TEST

START_TEST(unknown_critical_extensions_make_it_unusable)
{
	assert_refused(&(struct list_wish){.unknown = "critical,0500"}, "critical-extension");
	assert_good(parse(&(struct list_wish){.unknown = "0500"}), pki.leaf_cert);
	assert_refused(&(struct list_wish){.count = 1, .entries = {{ENTRY("01", 0, -1), .unknown = "critical,0500"}}},
		"critical-extension");
	assert_good(parse(&(struct list_wish){.count = 1, .entries = {{ENTRY("01", 0, -1), .unknown = "0500"}}}), pki.leaf_cert);
}
END_TEST

START_TEST(what_is_against_the_standard_is_refused)
{
	assert_refused(&(struct list_wish){.count = 1, .entries = {{ENTRY("01", 0, 7)}}}, "malformed");
	assert_refused(&(struct list_wish){.count = 1, .entries = {{ENTRY("01", 0, 11)}}}, "malformed");
	/* removeFromCRL in a complete list */
	assert_refused(&(struct list_wish){.count = 1, .entries = {{ENTRY("01", 0, 8)}}}, "malformed");
	assert_refused(&(struct list_wish){.count = 1,
		.entries = {{ENTRY("ff1234567890abcdef1234567890abcdef1234567890", 0, -1)}}}, "malformed");
	assert_refused(&(struct list_wish){.number = "-01"}, "malformed");
	assert_refused(&(struct list_wish){.issued = 10, .ends = -10}, "malformed");
}
END_TEST

START_TEST(what_is_larger_than_the_limits_is_refused)
{
	struct cert *signers[CRL_SIGNERS_MAX + 1];
	struct slice der = make_list(&(struct list_wish){.count = 0});
	struct error err = ERROR_NONE;
	struct crl *crl;

	/* Not looked at, so they need not be there. */
	ck_assert_int_eq(crl_parse(slice_of(der.data, CRL_OCTETS_MAX + 1), &pki.ca_cert, 1, false, &crl, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "limit");
	ck_assert_int_eq(crl_parse(slice_of("-----", CRL_PEM_MAX + 1), &pki.ca_cert, 1, false, &crl, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "limit");
	for (size_t i = 0; i < CRL_SIGNERS_MAX; i++)
		signers[i] = authority_cert(&(struct authority_wish){.name = "ca", .ca = true, .key = "P-384"});
	signers[CRL_SIGNERS_MAX] = pki.ca_cert;
	ck_assert_int_eq(crl_parse(der, signers, CRL_SIGNERS_MAX + 1, false, &crl, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "signature");
	ck_assert_int_eq(crl_parse(der, signers + 1, CRL_SIGNERS_MAX, false, &crl, &err), ANSWER_YES);
	crl_unref(crl);
	assert_refused(&(struct list_wish){.unknown = "0500", .more_extensions = CRL_EXTENSIONS_MAX}, "limit");
	crl_unref(parse(&(struct list_wish){.unknown = "0500", .more_extensions = CRL_EXTENSIONS_MAX - 1}));
	for (size_t i = 0; i < CRL_SIGNERS_MAX; i++)
		cert_unref(signers[i]);
	OPENSSL_free((void *)der.data);
}
END_TEST

static void
assert_may_replace(const struct list_wish *old, const struct list_wish *new, const char *code)
{
	struct crl *a = parse(old), *b = parse(new);
	struct error err = ERROR_NONE;

	ck_assert_int_eq(crl_may_replace(a, b, &err), code == NULL ? ANSWER_YES : ANSWER_NO);
	if (code != NULL)
		ck_assert_str_eq(err.code, code);
	crl_unref(a);
	crl_unref(b);
}

START_TEST(a_list_never_goes_back)
{
	static const struct list_wish ff = {.number = "ff"}, big = {.number = "0100"}, none = {.number = NULL};
	static const struct list_wish old = {.number = "0101", .issued = -7200, .ends = 7200};

	assert_may_replace(&ff, &big, NULL);
	assert_may_replace(&big, &ff, "older");
	assert_may_replace(&big, &big, NULL);
	assert_may_replace(&big, &old, "older");
	assert_may_replace(&ff, &none, "older");
	assert_may_replace(&(struct list_wish){.number = "0"}, &none, "older");
	assert_may_replace(&none, &ff, NULL);
	assert_may_replace(&ff, &(struct list_wish){.number = "0100", .scope = "critical,onlyuser:TRUE"}, "other-list");
	assert_may_replace(&ff, &(struct list_wish){.number = "0100", .base = "ff"}, "other-list");
	assert_may_replace(&ff, &(struct list_wish){.number = "0100", .issuer = pki.other, .key = "P-384"}, "other-list");
}
END_TEST

START_TEST(a_delta_brings_its_base_up_to_date)
{
	struct crl *base = parse(&(struct list_wish){.number = "05", .issued = -90000, .ends = -10, .count = 3,
		.entries = {{ENTRY("01", -99999, 6)}, {ENTRY("02", -99999, 6)}, {ENTRY("03", -99999, 1)}}});
	struct crl *delta = parse(&(struct list_wish){.number = "07", .base = "04", .count = 3,
		.entries = {{ENTRY(NULL, -4000, 4)}, {ENTRY("01", 0, 8)}, {ENTRY("02", -5000, 1)}}});
	struct crl *merged, *again;
	struct error err = ERROR_NONE;

	ck_assert_msg(crl_merge(base, delta, &merged, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_uint_eq(merged->count, 3);
	ck_assert_uint_eq(merged->on_hold, 0);
	ck_assert_uint_eq(merged->number.octets[0], 7);
	ck_assert_int_eq(merged->this_update, AUTHORITY_NOW - 3600);
	ck_assert_int_eq(merged->entries[0].serial[0], 2);
	ck_assert_int_eq(merged->entries[0].reason, STATUS_KEY_COMPROMISE);
	ck_assert_int_eq(crl_merge(merged, delta, &again, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "older");
	assert_good(crl_ref(merged), pki.sub_cert);
	assert_revoked(merged, pki.leaf_cert, STATUS_SUPERSEDED);
	/* Alone it can only revoke. */
	assert_unknown(crl_ref(delta), pki.sub_cert, 0, "no-list");
	assert_revoked(delta, pki.leaf_cert, STATUS_SUPERSEDED);
	crl_unref(base);
	assert_unknown(parse(&(struct list_wish){.number = "07", .base = "04", .count = 1, .entries = {{ENTRY(NULL, 0, 8)}}}),
		pki.leaf_cert, 0, "no-list");
}
END_TEST

START_TEST(a_merged_list_is_believed_as_long_as_either)
{
	struct crl *base = parse(&(struct list_wish){.number = "05", .issued = -90000, .ends = 90000});
	struct crl *delta = parse(&(struct list_wish){.number = "07", .base = "05", .issued = -100, .ends = 600}), *merged;

	ck_assert_int_eq(crl_merge(base, delta, &merged, NULL), ANSWER_YES);
	ck_assert_int_eq(merged->next_update, AUTHORITY_NOW + 90000);
	crl_unref(base);
	crl_unref(delta);
	crl_unref(merged);
}
END_TEST

/* RFC 5280 5.2.6, 4.2.1.15. */
START_TEST(it_is_told_where_the_delta_is)
{
	struct crl *crl = parse(&(struct list_wish){.number = "05",
		.freshest = "URI:http://a.example/1,URI:ftp://a.example/2,URI:ldap://b.example/cn=x,URI:http:///3,"
		"URI:http://c/4,URI:http://c/5,URI:http://c/6"});
	X509 *x509 = authority_issue(&(struct authority_wish){.name = "fresh", .issuer = pki.ca});
	X509_EXTENSION *e = extension(NID_freshest_crl, "URI:http://d.example/delta.crl");
	struct cert *cert;
	size_t count;
	char **urls;

	ck_assert_uint_eq(crl->freshest_count, CRL_FRESHEST_MAX);
	ck_assert_str_eq(crl->freshest[0], "http://a.example/1");
	ck_assert_str_eq(crl->freshest[1], "ldap://b.example/cn=x");
	ck_assert_str_eq(crl->freshest[3], "http://c/5");
	crl_unref(crl);
	assert_refused(&(struct list_wish){.number = "05", .raw_freshest = "3000ff"}, "malformed");
	assert_refused(&(struct list_wish){.number = "05", .raw_freshest = "0500"}, "malformed");

	ck_assert_int_eq(crl_freshest_of(pki.leaf_cert, &urls, &count, NULL), ANSWER_YES);
	ck_assert_uint_eq(count, 0);
	X509_add_ext(x509, e, -1);
	X509_EXTENSION_free(e);
	X509_sign(x509, authority_key("P-256"), EVP_sha256());
	ck_assert_int_eq(cert_from_x509(x509, &cert, NULL), ANSWER_YES);
	ck_assert_int_eq(crl_freshest_of(cert, &urls, &count, NULL), ANSWER_YES);
	ck_assert_uint_eq(count, 1);
	ck_assert_str_eq(urls[0], "http://d.example/delta.crl");
	crl_free_urls(urls, count);
	cert_unref(cert);
	X509_free(x509);
}
END_TEST

static void
assert_no_merge(const struct list_wish *base, const struct list_wish *delta, const char *code)
{
	struct crl *a = parse(base), *b = parse(delta), *merged;
	struct error err = ERROR_NONE;

	ck_assert_int_eq(crl_merge(a, b, &merged, &err), ANSWER_NO);
	ck_assert_ptr_null(merged);
	ck_assert_str_eq(err.code, code);
	crl_unref(a);
	crl_unref(b);
}

START_TEST(a_delta_is_for_its_base_alone)
{
	static const struct list_wish base = {.number = "05"}, delta = {.number = "07", .base = "05"};

	assert_no_merge(&(struct list_wish){.number = "04"}, &delta, "delta"); /* too old */
	assert_no_merge(&(struct list_wish){.number = "07"}, &delta, "older"); /* newer */
	assert_no_merge(&(struct list_wish){.number = NULL}, &delta, "delta");
	assert_no_merge(&base, &base, "delta");
	assert_no_merge(&delta, &delta, "delta");
	assert_no_merge(&(struct list_wish){.number = "06", .base = "01"}, &delta, "delta");
	assert_no_merge(&(struct list_wish){.number = "05", .scope = "critical,onlyuser:TRUE"}, &delta, "delta");
	assert_no_merge(&(struct list_wish){.number = "05", .issuer = pki.other, .key = "P-384"}, &delta, "delta");
}
END_TEST

START_TEST(a_delta_is_signed_with_its_bases_key)
{
	struct cert *rekeyed = authority_cert(&(struct authority_wish){.name = "ca", .ca = true, .key = "P-384"});
	struct crl *base = parse(&(struct list_wish){.number = "05"}), *delta, *merged;
	struct list_wish wish = {.number = "06", .base = "05", .key = "P-384"};
	struct error err = ERROR_NONE;

	ck_assert_int_eq(try_parse(&wish, rekeyed, false, &delta, &err), ANSWER_YES);
	ck_assert_int_eq(crl_merge(base, delta, &merged, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "delta");
	crl_unref(base);
	crl_unref(delta);
	cert_unref(rekeyed);
}
END_TEST

/* RFC 5280 5.1.1.2: what is inside says the same algorithm as what is outside, which nobody signed. */
START_TEST(the_algorithm_is_the_one_that_was_signed)
{
	static const unsigned char sha256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2};
	struct slice der = make_list(&(struct list_wish){.count = 0});
	unsigned char signature[200] = {0}, *inside;
	struct slice rest, tbs_rest;
	struct der whole, tbs, algorithm;
	size_t len = sizeof signature - 1;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct buf content, list;
	struct crl *crl;

	ck_assert(der_only(der, DER_SEQUENCE, &whole));
	rest = whole.content;
	ck_assert(der_next(&rest, &tbs) && der_next(&rest, &algorithm));
	tbs_rest = tbs.whole;
	inside = (unsigned char *)tbs_rest.data + slice_find_slice(tbs_rest, slice_of(sha256, sizeof sha256));
	inside[sizeof sha256 - 1] = 3; /* SHA-384 */
	ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, authority_key("P-256")), 1);
	ck_assert_int_eq(EVP_DigestSign(ctx, signature + 1, &len, tbs.whole.data, tbs.whole.len), 1);
	buf_init(&content, 4096);
	buf_init(&list, 4096);
	buf_add_slice(&content, tbs.whole);
	buf_add_slice(&content, algorithm.whole);
	der_add_header(DER_BIT_STRING, len + 1, &content);
	buf_add(&content, signature, len + 1);
	der_add_header(DER_SEQUENCE, content.len, &list);
	buf_add_slice(&list, buf_slice(&content));
	ck_assert_int_eq(crl_parse(buf_slice(&list), &pki.ca_cert, 1, false, &crl, NULL), ANSWER_NO);
	buf_free(&content);
	buf_free(&list);
	EVP_MD_CTX_free(ctx);
	OPENSSL_free((void *)der.data);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("crl");
	TCase *t = tcase_create("crl");

	tcase_add_unchecked_fixture(t, make_pki, free_pki);
	tcase_add_test(t, a_listed_certificate_is_revoked_since_and_why);
	tcase_add_test(t, every_entry_is_found_whatever_the_order);
	tcase_add_test(t, of_equal_entries_the_first_revocation_counts);
	tcase_add_test(t, pem_is_read_like_der);
	tcase_add_test(t, only_the_issuers_key_signs);
	tcase_add_test(t, no_altered_list_is_believed);
	tcase_add_loop_test(t, signatures_are_as_strong_as_in_chains, 0, sizeof signatures / sizeof signatures[0]);
	tcase_add_test(t, absence_counts_only_while_the_list_is_current);
	tcase_add_test(t, a_revocation_outlasts_its_list_but_a_hold_does_not);
	tcase_add_test(t, absence_says_nothing_of_what_had_expired);
	tcase_add_test(t, a_list_is_for_the_certificates_of_its_scope);
	tcase_add_test(t, a_distribution_point_is_the_one_that_the_certificate_names);
	tcase_add_test(t, lists_of_some_reasons_are_added_up);
	tcase_add_test(t, without_any_list_nothing_is_known);
	tcase_add_test(t, an_indirect_list_holds_certificates_of_others);
	tcase_add_test(t, unknown_critical_extensions_make_it_unusable);
	tcase_add_test(t, what_is_against_the_standard_is_refused);
	tcase_add_test(t, what_is_larger_than_the_limits_is_refused);
	tcase_add_test(t, a_list_never_goes_back);
	tcase_add_test(t, a_delta_brings_its_base_up_to_date);
	tcase_add_test(t, a_merged_list_is_believed_as_long_as_either);
	tcase_add_test(t, it_is_told_where_the_delta_is);
	tcase_add_test(t, a_delta_is_for_its_base_alone);
	tcase_add_test(t, a_delta_is_signed_with_its_bases_key);
	tcase_add_test(t, the_algorithm_is_the_one_that_was_signed);
	suite_add_tcase(s, t);
	return unit_run(s);
}
