/* The inventory, and what is compared of certificates. */
#include "authority.h"
#include "unit.h"

#include "revocation/inventory.h"

#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI"
#define OCTETS(text) slice_of((text), sizeof(text) - 1)

static struct holder_serial
serial_of(struct slice octets)
{
	struct holder_serial s;

	ck_assert(holder_serial_of(octets, &s));
	return s;
}

/* ---- serial numbers ----------------------------------------------------------- */

#define TWENTY "\xff\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14"

START_TEST(test_serial_is_a_number)
{
	struct holder_serial a = serial_of(OCTETS("\x10\x20")), b;

	b = serial_of(OCTETS("\0\0\x10\x20"));
	ck_assert(holder_serial_equal(&a, &b));
	b = serial_of(OCTETS("\x10\x20\0"));
	ck_assert(!holder_serial_equal(&a, &b));
	b = serial_of(OCTETS("\x20"));
	ck_assert(!holder_serial_equal(&a, &b));
	a = serial_of(SLICE_NONE);
	b = serial_of(OCTETS("\0\0\0"));
	ck_assert(holder_serial_equal(&a, &b));
}
END_TEST

START_TEST(test_serial_length)
{
	struct holder_serial s, with_zero;

	ck_assert(holder_serial_of(OCTETS(TWENTY), &s));
	ck_assert(holder_serial_of(OCTETS("\0" TWENTY), &with_zero));
	ck_assert(holder_serial_equal(&s, &with_zero));
	ck_assert(!holder_serial_of(OCTETS("\x01" TWENTY), &s));
	ck_assert(!holder_serial_of(OCTETS(TWENTY "\0"), &s));
}
END_TEST

/* ---- certificates ------------------------------------------------------------- */

/* A certificate with those attributes in its subject, each "type=text", and that serial number in hexadecimal. */
static struct cert *
make_cert(const char *const *attributes, const char *serial, const char *policies)
{
	X509 *x509 = authority_issue(&(struct authority_wish){.name = "Jan", .policies = policies});
	X509_NAME *name = X509_NAME_new();
	BIGNUM *number = NULL;
	struct cert *cert;

	for (; *attributes != NULL; attributes++) {
		const char *text = strchr(*attributes, '=') + 1;
		char type[40];

		snprintf(type, sizeof type, "%.*s", (int)(text - 1 - *attributes), *attributes);
		ck_assert_int_eq(X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0),
			1);
	}
	ck_assert_int_eq(X509_set_subject_name(x509, name), 1);
	ck_assert_int_gt(BN_hex2bn(&number, serial), 0);
	ck_assert_ptr_nonnull(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)));
	ck_assert_int_gt(X509_sign(x509, authority_key("P-256"), EVP_sha256()), 0);
	ck_assert_int_eq(cert_from_x509(x509, &cert, NULL), ANSWER_YES);
	BN_free(number);
	X509_NAME_free(name);
	X509_free(x509);
	return cert;
}

static const char *const plain[] = {"CN=Jan", "O=Alfa a.s.", "C=CZ", "2.5.4.97=NTRCZ-26463318", NULL};
static const char *const two_identifiers[] = {"CN=Jan", "2.5.4.97=NTRCZ-26463318", "2.5.4.97=NTRCZ-00000001", NULL};
static const char *const same_twice[] = {"CN=Jan", "O=Alfa a.s.", "O=Alfa a.s.", "C=CZ", NULL};
static const char *const two_countries[] = {"CN=Jan", "O=Alfa a.s.", "C=CZ", "C=SK", NULL};
static const char *const two_units[] = {"CN=Jan", "O=Alfa a.s.", "C=CZ", "OU=a", "OU=b", NULL};
static const char *const bare[] = {"CN=Jan", NULL};

static struct holder
read_holder(const char *const *attributes, const char *policies)
{
	struct cert *cert = make_cert(attributes, "10", policies);
	struct holder h;

	ck_assert_int_eq(holder_read(cert, &h, NULL), ANSWER_YES);
	cert_unref(cert);
	return h;
}

START_TEST(test_facts_of_a_certificate)
{
	struct holder h = read_holder(plain, "1.2.3.4, 1.2.3.5");

	ck_assert_str_eq(h.organization_identifier, "NTRCZ-26463318");
	ck_assert_str_eq(h.organization, "Alfa a.s.");
	ck_assert_str_eq(h.country, "CZ");
	ck_assert(!h.disputed);
	ck_assert_uint_eq(h.policy_count, 2);
	ck_assert_str_eq(h.policies[0], "1.2.3.4");
	ck_assert_str_eq(h.policies[1], "1.2.3.5");
	ck_assert_uint_eq(h.subject.data[0], 0x30);
	ck_assert_uint_eq(h.subject.len, h.subject.data[1] + 2u);
	holder_free(&h);
	ck_assert_ptr_null(h.kept);
}
END_TEST

START_TEST(test_facts_that_are_not_there)
{
	struct holder h = read_holder(bare, NULL);

	ck_assert_ptr_null(h.organization_identifier);
	ck_assert_ptr_null(h.organization);
	ck_assert_ptr_null(h.country);
	ck_assert(!h.disputed);
	ck_assert_uint_eq(h.policy_count, 0);
	holder_free(&h);
}
END_TEST

START_TEST(test_disputed)
{
	static const struct {
		const char *const *attributes;
		bool disputed;
	} subjects[] = {{plain, false}, {two_identifiers, true}, {same_twice, true}, {two_countries, true},
		{two_units, false}, {bare, false}};
	struct holder h = read_holder(subjects[_i].attributes, NULL);

	ck_assert_int_eq(h.disputed, subjects[_i].disputed);
	holder_free(&h);
}
END_TEST

START_TEST(test_serial_of_a_certificate)
{
	static const struct {
		const char *hexadecimal;
		bool fits;
	} serials[] = {{"10", true}, {"0", true}, {"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", true},
		{"1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", false}, {"-10", false}};
	struct cert *cert = make_cert(plain, serials[_i].hexadecimal, NULL);
	struct holder_serial s, ten = serial_of(OCTETS("\x10"));

	ck_assert_int_eq(holder_serial_of_cert(cert, &s), serials[_i].fits);
	if (_i == 0)
		ck_assert(holder_serial_equal(&s, &ten));
	if (_i == 2)
		ck_assert_uint_eq(s.len, HOLDER_SERIAL_MAX);
	cert_unref(cert);
}
END_TEST

/* Two certificates of one subject, and one whose name is written otherwise. */
START_TEST(test_same_subject)
{
	static const char *const upper[] = {"CN=JAN", "O=Alfa a.s.", "C=CZ", "2.5.4.97=NTRCZ-26463318", NULL};
	struct holder a = read_holder(plain, "1.2.3.4"), b = read_holder(plain, NULL), other = read_holder(upper, NULL);
	struct holder none = {0}, one_twice = {.policies = {"1.2.3.4", "1.2.3.4"}, .policy_count = 2},
		two = {.policies = {"1.2.3.4", "1.2.3.5"}, .policy_count = 2};

	ck_assert(!holder_same_policies(&one_twice, &two));
	ck_assert(!holder_same_policies(&two, &one_twice));
	ck_assert(holder_same_subject(&a, &b));
	ck_assert(!holder_same_subject(&a, &other));
	ck_assert(!holder_same_subject(&none, &none));
	ck_assert(!holder_same_policies(&a, &b));
	ck_assert(!holder_same_policies(&b, &b));
	ck_assert(holder_same_policies(&a, &a));
	ck_assert(holder_same_organisation(&a, &b, false));
	holder_free(&a);
	holder_free(&b);
	holder_free(&other);
}
END_TEST

START_TEST(test_copy_owns)
{
	char identifier[] = "NTRCZ-26463318", policy[] = "1.2.3.4", subject[] = "0\1J";
	struct holder from = {.subject = slice_of(subject, 3), .organization_identifier = identifier, .country = "CZ",
		.policies = {policy}, .policy_count = 1}, to;

	ck_assert_int_eq(holder_copy(&from, &to, NULL), ANSWER_YES);
	memset(identifier, 'x', sizeof identifier - 1);
	memset(policy, 'x', sizeof policy - 1);
	memset(subject, 'x', sizeof subject - 1);
	ck_assert_str_eq(to.organization_identifier, "NTRCZ-26463318");
	ck_assert_ptr_null(to.organization);
	ck_assert_str_eq(to.country, "CZ");
	ck_assert_str_eq(to.policies[0], "1.2.3.4");
	unit_assert_slice_str(to.subject, "0\1J");
	holder_free(&to);
}
END_TEST

START_TEST(test_copy_limits)
{
	char text[HOLDER_TEXT_MAX + 2];
	struct holder from = {.organization = text}, to;
	struct error err = ERROR_NONE;

	memset(text, 'x', sizeof text);
	text[HOLDER_TEXT_MAX] = '\0';
	ck_assert_int_eq(holder_copy(&from, &to, &err), ANSWER_YES);
	holder_free(&to);
	text[HOLDER_TEXT_MAX] = 'x';
	text[HOLDER_TEXT_MAX + 1] = '\0';
	ck_assert_int_eq(holder_copy(&from, &to, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "limit");
	from = (struct holder){.policy_count = HOLDER_POLICIES_MAX + 1};
	ck_assert_int_eq(holder_copy(&from, &to, &err), ANSWER_NO);
}
END_TEST

START_TEST(test_policies_limit)
{
	char policies[(HOLDER_POLICIES_MAX + 1) * 12] = "1.2.3.0";
	struct error err = ERROR_NONE;
	struct holder h;

	for (int i = 1; i <= HOLDER_POLICIES_MAX; i++) {
		struct cert *cert = make_cert(plain, "10", policies);

		ck_assert_int_eq(holder_read(cert, &h, &err), ANSWER_YES);
		ck_assert_uint_eq(h.policy_count, (size_t)i);
		holder_free(&h);
		cert_unref(cert);
		snprintf(policies + strlen(policies), sizeof policies - strlen(policies), ",1.2.3.%d", i);
	}
	struct cert *cert = make_cert(plain, "10", policies);
	ck_assert_int_eq(holder_read(cert, &h, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "limit");
	cert_unref(cert);
}
END_TEST

/* ---- the inventory ------------------------------------------------------------ */

#define ISSUERS 3

static enum answer
add(struct inventory *inventory, size_t issuer, struct slice serial, const char *password, const char *address,
	struct error *err)
{
	struct slice addresses[] = {slice_str(address)};
	struct holder holder = {.organization_identifier = "NTRCZ-26463318"};
	struct inventory_facts facts = {.issuer = issuer, .serial = serial, .holder = &holder, .addresses = addresses,
		.address_count = address != NULL, .password = slice_str(password)};

	return inventory_add(inventory, &facts, err);
}

START_TEST(test_look_up)
{
	struct inventory *inventory = inventory_new(ISSUERS, 15);
	const struct inventory_entry *found[INVENTORY_ISSUERS_MAX];
	struct holder_serial ten = serial_of(OCTETS("\0\x10")), eleven = serial_of(OCTETS("\x11")),
		long_ten = serial_of(OCTETS("\x10\0")), none = serial_of(OCTETS("\x7f"));

	ck_assert_int_eq(add(inventory, 2, OCTETS("\x10"), HASH, "jan@alfa.example", NULL), ANSWER_YES);
	ck_assert_int_eq(add(inventory, 0, OCTETS("\0\0\x10"), NULL, NULL, NULL), ANSWER_YES);
	ck_assert_int_eq(add(inventory, 1, OCTETS("\x11"), NULL, NULL, NULL), ANSWER_YES);
	ck_assert_int_eq(add(inventory, 1, OCTETS("\x10\0"), NULL, NULL, NULL), ANSWER_YES);
	ck_assert_uint_eq(inventory_count(inventory), 4);
	ck_assert_uint_eq(inventory_find(inventory, &ten, found), 2);
	ck_assert_uint_eq(found[0]->issuer, 0);
	ck_assert(!found[0]->has_password);
	ck_assert_uint_eq(found[0]->address_count, 0);
	ck_assert_uint_eq(found[1]->issuer, 2);
	ck_assert(found[1]->has_password);
	ck_assert_uint_eq(found[1]->password.ln, 14);
	ck_assert_uint_eq(found[1]->address_count, 1);
	ck_assert_str_eq(found[1]->addresses[0], "jan@alfa.example");
	ck_assert_str_eq(found[1]->holder.organization_identifier, "NTRCZ-26463318");
	ck_assert_uint_eq(inventory_find(inventory, &eleven, found), 1);
	ck_assert_uint_eq(found[0]->issuer, 1);
	ck_assert_uint_eq(inventory_find(inventory, &long_ten, found), 1);
	ck_assert_uint_eq(inventory_find(inventory, &none, found), 0);
	inventory_free(inventory);
}
END_TEST

static const struct {
	const char *words;
	size_t issuer;
	struct slice serial;
	const char *password, *address, *code; /* NULL: it is added */
} facts_rows[] = {
	{"good", 0, {(const unsigned char *)"\x11", 1}, HASH, "jan@alfa.example", NULL},
	{"nobody's password or address", 0, {(const unsigned char *)"\x11", 1}, NULL, NULL, NULL},
	{"the last issuer", ISSUERS - 1, {(const unsigned char *)"\x11", 1}, NULL, NULL, NULL},
	{"the same number of another issuer", 1, {(const unsigned char *)"\x10", 1}, NULL, NULL, NULL},
	{"no issuer", ISSUERS, {(const unsigned char *)"\x11", 1}, NULL, NULL, "issuer"},
	{"there already", 0, {(const unsigned char *)"\x10", 1}, NULL, NULL, "duplicate"},
	{"there already, with zeros", 0, {(const unsigned char *)"\0\x10", 2}, NULL, NULL, "duplicate"},
	{"too long a number", 0, {(const unsigned char *)"\x01" TWENTY, 21}, NULL, NULL, "serial"},
	{"no hash", 0, {(const unsigned char *)"\x11", 1}, "tajne10", NULL, "password-hash"},
	{"too costly", 0, {(const unsigned char *)"\x11", 1},
		"$scrypt$ln=16,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", NULL, "password-cost"},
	{"no address", 0, {(const unsigned char *)"\x11", 1}, NULL, "jan", "address"},
	{"two addresses", 0, {(const unsigned char *)"\x11", 1}, NULL, "jan@alfa.example, eva@alfa.example", "address"},
	{"an address in brackets", 0, {(const unsigned char *)"\x11", 1}, NULL, "<jan@alfa.example>", "address"},
	{"an address with a line end", 0, {(const unsigned char *)"\x11", 1}, NULL, "jan@alfa.example\r\nBcc: x@y.example",
		"address"},
	{"an empty address", 0, {(const unsigned char *)"\x11", 1}, NULL, "", "address"},
};

START_TEST(test_facts)
{
	struct inventory *inventory = inventory_new(ISSUERS, 15);
	struct error err = ERROR_NONE;
	enum answer answer;

	ck_assert_int_eq(add(inventory, 0, OCTETS("\x10"), NULL, NULL, NULL), ANSWER_YES);
	answer = add(inventory, facts_rows[_i].issuer, facts_rows[_i].serial, facts_rows[_i].password,
		facts_rows[_i].address, &err);
	ck_assert_msg(answer == (facts_rows[_i].code == NULL ? ANSWER_YES : ANSWER_NO), "%s", facts_rows[_i].words);
	if (facts_rows[_i].code != NULL)
		ck_assert_str_eq(err.code, facts_rows[_i].code);
	ck_assert_uint_eq(inventory_count(inventory), facts_rows[_i].code == NULL ? 2 : 1);
	inventory_free(inventory);
}
END_TEST

START_TEST(test_addresses_limit)
{
	struct inventory *inventory = inventory_new(1, 15);
	struct slice addresses[INVENTORY_ADDRESSES_MAX + 1];
	struct inventory_facts facts = {.serial = OCTETS("\x10"), .addresses = addresses,
		.address_count = INVENTORY_ADDRESSES_MAX + 1};
	struct error err = ERROR_NONE;

	for (size_t i = 0; i <= INVENTORY_ADDRESSES_MAX; i++)
		addresses[i] = slice_str("jan@alfa.example");
	ck_assert_int_eq(inventory_add(inventory, &facts, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "limit");
	facts.address_count--;
	ck_assert_int_eq(inventory_add(inventory, &facts, &err), ANSWER_YES);
	inventory_free(inventory);
}
END_TEST

/* In order, as authorities number them, and each is found again. */
START_TEST(test_many)
{
	struct inventory *inventory = inventory_new(2, 15);
	const struct inventory_entry *found[INVENTORY_ISSUERS_MAX];

	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < 20000; i++) {
			unsigned char octets[] = {i >> 8 & 0xff, i & 0xff};
			struct holder_serial serial = serial_of(slice_of(octets, 2));

			if (pass == 0)
				ck_assert_int_eq(add(inventory, i % 2, slice_of(octets, 2), NULL, NULL, NULL), ANSWER_YES);
			else
				ck_assert_uint_eq(inventory_find(inventory, &serial, found), 1);
			ck_assert(pass == 0 || (found[0]->issuer == i % 2 && holder_serial_equal(&found[0]->serial, &serial)));
		}
	ck_assert_uint_eq(inventory_count(inventory), 20000);
	inventory_free(inventory);
	inventory_free(NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("inventory");
	TCase *c = tcase_create("certificates"), *other = tcase_create("inventory");

	tcase_add_test(c, test_serial_is_a_number);
	tcase_add_test(c, test_serial_length);
	tcase_add_test(c, test_facts_of_a_certificate);
	tcase_add_test(c, test_facts_that_are_not_there);
	tcase_add_loop_test(c, test_disputed, 0, 6);
	tcase_add_loop_test(c, test_serial_of_a_certificate, 0, 5);
	tcase_add_test(c, test_same_subject);
	tcase_add_test(c, test_copy_owns);
	tcase_add_test(c, test_copy_limits);
	tcase_add_test(c, test_policies_limit);
	suite_add_tcase(s, c);
	tcase_set_timeout(other, 60);
	tcase_add_test(other, test_look_up);
	tcase_add_loop_test(other, test_facts, 0, sizeof facts_rows / sizeof facts_rows[0]);
	tcase_add_test(other, test_addresses_limit);
	tcase_add_test(other, test_many);
	suite_add_tcase(s, other);
	return unit_run(s);
}
