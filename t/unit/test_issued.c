/* By which of an authority's certificates was one issued? */
#include "authority.h"
#include "unit.h"

#include "revocation/issued.h"

#include <openssl/err.h>

#include <stdio.h>

#define WISH(...) &(struct authority_wish){__VA_ARGS__}

static struct cert *
make_authority(const char *name, const char *key)
{
	return authority_cert(WISH(.name = name, .ca = true, .key = key));
}

static struct issued *
make_issued(struct cert *const *authorities, size_t count)
{
	struct issued *issued;

	ck_assert_int_eq(issued_new(authorities, count, &issued, NULL), ANSWER_YES);
	return issued;
}

/* 2025 has a second certificate with another key, 2026 another name. */
static struct cert *authorities[3];

static struct issued *
make_three(void)
{
	authorities[0] = make_authority("CA 2025", "P-256");
	authorities[1] = make_authority("CA 2025", "P-384");
	authorities[2] = make_authority("CA 2026", "P-521");
	return make_issued(authorities, 3);
}

static void
free_three(struct issued *issued)
{
	issued_free(issued);
	for (size_t i = 0; i < 3; i++)
		cert_unref(authorities[i]);
}

START_TEST(test_names)
{
	struct issued *issued = make_three();
	X509_NAME *name = X509_NAME_new();
	size_t count;
	const struct slice *names = issued_names(issued, &count);

	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(names[0].data[0], 0x30);
	ck_assert_uint_eq(names[0].len, names[0].data[1] + 2u);
	ck_assert(!slice_eq(names[0], names[1]));
	ck_assert_uint_eq(issued_number(issued, X509_get_subject_name(authorities[1]->x509)), 0);
	ck_assert_uint_eq(issued_number(issued, X509_get_subject_name(authorities[2]->x509)), 1);
	ck_assert_uint_eq(issued_number(issued, name), ISSUED_NOBODY);
	/* Letter case and doubled blanks make no other name (RFC 5280 7.1). */
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"ca  2026", -1, -1, 0);
	ck_assert_uint_eq(issued_number(issued, name), 1);
	X509_NAME_free(name);
	free_three(issued);
}
END_TEST

/* Who signs, whose name it gives, and whether that is one of theirs. */
static const struct {
	const char *words;
	size_t issuer; /* whose name */
	const char *signs;
	const char *digest;
	size_t by;
} made[] = {
	{"by the first", 0, "P-256", "SHA256", 0},
	{"by the first's other key", 0, "P-384", "SHA384", 0},
	{"by the second", 2, "P-521", "SHA512", 1},
	{"in the first's name with the second's key", 0, "P-521", "SHA256", ISSUED_NOBODY},
	{"in the second's name with the first's key", 2, "P-256", "SHA256", ISSUED_NOBODY},
	{"in the first's name with anybody's key", 0, "RSA:2048", "SHA256", ISSUED_NOBODY},
	{"with SHA-224", 0, "P-256", "SHA224", 0},
	{"with SHA-1", 0, "P-256", "SHA1", ISSUED_NOBODY},
};

START_TEST(test_issued_by)
{
	struct issued *issued = make_three();
	struct cert *cert = authority_cert(WISH(.name = "Jan", .key = "RSA:2048",
		.issuer = authorities[made[_i].issuer]->x509, .issuer_key = made[_i].signs, .digest = made[_i].digest));

	ck_assert_msg(issued_by(issued, cert) == made[_i].by, "%s", made[_i].words);
	cert_unref(cert);
	free_three(issued);
}
END_TEST

START_TEST(test_issued_by_others)
{
	struct issued *issued = make_three();
	struct cert *other = make_authority("CA 2027", "P-256"), *alone = authority_cert(WISH(.name = "Jan"));
	struct cert *cert = authority_cert(WISH(.name = "Jan", .issuer = other->x509));
	struct cert *expired = authority_cert(WISH(.name = "Jan", .issuer = authorities[0]->x509, .begin = -700 * AUTHORITY_DAY,
		.end = -400 * AUTHORITY_DAY));

	ck_assert_uint_eq(issued_by(issued, cert), ISSUED_NOBODY);
	ck_assert_uint_eq(issued_by(issued, alone), ISSUED_NOBODY);
	ck_assert_uint_eq(issued_by(issued, expired), 0);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	cert_unref(other);
	cert_unref(alone);
	cert_unref(cert);
	cert_unref(expired);
	free_three(issued);
}
END_TEST

static void
alter(const struct issued *issued, struct slice der, size_t at)
{
	unsigned char *octets = (unsigned char *)(uintptr_t)der.data;
	struct cert *cert;

	octets[at] ^= 1;
	ck_assert_int_eq(cert_parse(der, &cert, NULL), ANSWER_YES);
	ck_assert_uint_eq(issued_by(issued, cert), ISSUED_NOBODY);
	cert_unref(cert);
	octets[at] ^= 1;
}

/* One bit of what was signed, or of the signature. */
START_TEST(test_altered)
{
	struct issued *issued = make_three();
	X509 *x509 = authority_issue(WISH(.name = "Jan", .issuer = authorities[0]->x509));
	struct slice der = authority_der(x509);
	struct cert *cert;

	alter(issued, der, slice_find_slice(der, slice_str("Jan")));
	alter(issued, der, der.len - 1);
	ck_assert_int_eq(cert_parse(der, &cert, NULL), ANSWER_YES);
	ck_assert_uint_eq(issued_by(issued, cert), 0);
	cert_unref(cert);
	OPENSSL_free((void *)(uintptr_t)der.data);
	X509_free(x509);
	free_three(issued);
}
END_TEST

static void
refuse(struct cert *const *some, size_t count)
{
	struct issued *issued;
	struct error err = ERROR_NONE;

	ck_assert_int_eq(issued_new(some, count, &issued, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "issuers");
}

START_TEST(test_refused)
{
	struct cert *some[] = {make_authority("CA 2025", "P-256"), authority_cert(WISH(.name = "Jan"))};
	struct cert *weak = authority_cert(WISH(.name = "CA", .ca = true, .key = "RSA:1016"));
	struct cert *same[ISSUED_CERTIFICATES_MAX];

	for (size_t i = 0; i < ISSUED_CERTIFICATES_MAX; i++)
		same[i] = some[0];
	issued_free(make_issued(same, ISSUED_CERTIFICATES_MAX));
	refuse(some, 0);
	refuse(some, 2);
	refuse(some, ISSUED_CERTIFICATES_MAX + 1);
	refuse(&weak, 1);
	cert_unref(weak);
	cert_unref(some[0]);
	cert_unref(some[1]);
	issued_free(NULL);
}
END_TEST

START_TEST(test_many_names)
{
	struct cert *many[ISSUED_NAMES_MAX + 1];
	char name[20];

	for (size_t i = 0; i <= ISSUED_NAMES_MAX; i++) {
		snprintf(name, sizeof name, "CA %zu", i);
		many[i] = make_authority(name, "P-256");
	}
	issued_free(make_issued(many, ISSUED_NAMES_MAX));
	refuse(many, ISSUED_NAMES_MAX + 1);
	for (size_t i = 0; i <= ISSUED_NAMES_MAX; i++)
		cert_unref(many[i]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("issued");
	TCase *c = tcase_create("issued");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, test_names);
	tcase_add_loop_test(c, test_issued_by, 0, sizeof made / sizeof made[0]);
	tcase_add_test(c, test_issued_by_others);
	tcase_add_test(c, test_altered);
	tcase_add_test(c, test_refused);
	tcase_add_test(c, test_many_names);
	suite_add_tcase(s, c);
	return unit_run(s);
}
