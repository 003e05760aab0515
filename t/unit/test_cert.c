#include "authority.h"
#include "unit.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct authority_wish plain = {.name = "Účastník", .alternative = "email:obchod@ucastnik.example",
	.usage = "keyAgreement"};

static void
refuse(struct slice der, const char *code)
{
	struct error err = ERROR_NONE;
	struct cert *cert;

	ck_assert_int_eq(cert_parse(der, &cert, &err), ANSWER_NO);
	ck_assert_ptr_null(cert);
	ck_assert_str_eq(err.code, code);
	ck_assert_str_ne(err.words, "");
}

START_TEST(test_facts)
{
	struct authority_wish wish = plain;
	X509 *root = authority_issue(&(struct authority_wish){.name = "Root, a.s.", .ca = true});
	struct cert *cert;

	wish.issuer = root;
	cert = authority_cert(&wish);
	ck_assert_str_eq(cert->subject, "CN=Účastník");
	ck_assert_str_eq(cert->issuer, "CN=Root\\, a.s.");
	ck_assert_int_eq(cert->serial[0], '1'); /* 0x1000 and on, no leading zeros */
	ck_assert_uint_eq(strlen(cert->serial), 4);
	ck_assert_int_eq(cert->not_before, AUTHORITY_NOW - 30 * AUTHORITY_DAY);
	ck_assert_int_eq(cert->not_after, AUTHORITY_NOW + 365 * AUTHORITY_DAY);
	ck_assert_uint_eq(cert->address_count, 1);
	ck_assert_str_eq(cert->addresses[0], "obchod@ucastnik.example");
	ck_assert(cert->key == CERT_KEY_EC && cert->key_bits == 256);
	ck_assert(cert->has_key_usage && cert->key_usage == KU_KEY_AGREEMENT);
	ck_assert(!cert->ca);
	cert_unref(cert);
	cert = authority_cert(&(struct authority_wish){.name = "Root", .ca = true});
	ck_assert(cert->ca && !cert->has_key_usage && cert->address_count == 0);
	cert_unref(cert);
	X509_free(root);
}
END_TEST

START_TEST(test_exactly_one_der)
{
	X509 *x509 = authority_issue(&plain);
	struct slice der = authority_der(x509);
	unsigned char *more = malloc(CERT_DER_MAX + 1);
	struct cert *cert;

	ck_assert_int_eq(cert_parse(der, &cert, NULL), ANSWER_YES);
	cert_unref(cert);
	memset(more, 0, CERT_DER_MAX + 1);
	memcpy(more, der.data, der.len);
	refuse(slice_of(more, der.len + 1), "malformed");
	refuse(slice_of(more, CERT_DER_MAX + 1), "limit");
	refuse(slice_of(more, der.len - 1), "malformed");
	refuse(SLICE_NONE, "malformed");
	refuse(slice_str("-----BEGIN CERTIFICATE-----"), "malformed");
	for (size_t i = 0; i < der.len; i++) { /* whatever is altered: an answer, and no memory error */
		more[i] ^= 0xff;
		if (cert_parse(slice_of(more, der.len), &cert, NULL) == ANSWER_YES)
			cert_unref(cert);
		more[i] ^= 0xff;
	}
	free(more);
	free((void *)der.data);
	X509_free(x509);
}
END_TEST

START_TEST(test_several_addresses)
{
	struct cert *cert = authority_cert(&(struct authority_wish){.name = "x",
		.alternative = "email:one@a.example,email:TWO@A.example,DNS:a.example,email:two@a.EXAMPLE",
		.dn_address = "three@a.example"});

	ck_assert_uint_eq(cert->address_count, 3); /* the second TWO is the first again */
	ck_assert_uint_eq(cert->malformed_addresses, 0);
	ck_assert(cert_has_address(cert, slice_str("one@a.example")));
	ck_assert(cert_has_address(cert, slice_str("Two@a.example")));
	ck_assert(cert_has_address(cert, slice_str("three@a.example")));
	ck_assert(!cert_has_address(cert, slice_str("four@a.example")));
	ck_assert(!cert_has_address(cert, slice_str("one@b.example")));
	ck_assert(!cert_has_address(cert, slice_str("")));
	cert_unref(cert);
}
END_TEST

/* SmtpUTF8Mailbox (RFC 9598 section 3) */
START_TEST(test_international_address)
{
	static const char der[] = "\x30\x27\xa0\x25\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x09\xa0\x19\x0c\x17"
		"žluťoučký@a.example";
	struct cert *cert = authority_cert(&(struct authority_wish){.name = "x",
		.alternative_der = slice_of(der, sizeof der - 1)});

	ck_assert_uint_eq(cert->malformed_addresses, 0);
	ck_assert(cert_has_address(cert, slice_str("žluťoučký@A.example")));
	ck_assert(!cert_has_address(cert, slice_str("zlutoucky@a.example")));
	cert_unref(cert);
	cert = authority_cert(&(struct authority_wish){.name = "x", .alternative = "email:a@xn--astnk-2sa0g6g.example"});
	ck_assert(cert_has_address(cert, slice_str("a@účastník.example")));
	cert_unref(cert);
}
END_TEST

START_TEST(test_name_without_alternative)
{
	struct cert *cert = authority_cert(&(struct authority_wish){.name = "cn@a.example", .dn_address = "dn@a.example"});

	ck_assert(cert_has_address(cert, slice_str("dn@a.example")));
	ck_assert_msg(!cert_has_address(cert, slice_str("cn@a.example")), "a common name is no address");
	cert_unref(cert);
}
END_TEST

/* What must never be trimmed, cut or bent into an address. */
static const struct {
	const char *what;
	unsigned char der[64];
	size_t len;
} malformed[] = {
	{"a NUL and more", "\x30\x1d\x81\x1b" "boss@a.example\0.evil.example", 31},
	{"a trailing blank", "\x30\x11\x81\x0f" "boss@a.example ", 19},
	{"angle brackets", "\x30\x12\x81\x10" "<boss@a.example>", 20},
	{"a display name", "\x30\x17\x81\x15" "Boss <boss@a.example>", 25},
	{"a line end", "\x30\x11\x81\x0f" "boss@a.example\n", 19},
	{"UTF-8 in rfc822Name", "\x30\x11\x81\x0f" "bo\xc5\xa1s@a.example", 19},
	{"no domain", "\x30\x06\x81\x04" "boss", 8},
	{"nothing", "\x30\x02\x81\x00", 4},
	{"ASCII in SmtpUTF8Mailbox",
		"\x30\x1e\xa0\x1c\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x09\xa0\x10\x0c\x0e" "boss@a.example", 32},
	{"an SmtpUTF8Mailbox that is an integer",
		"\x30\x11\xa0\x0f\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x09\xa0\x03\x02\x01\x01", 19},
};

START_TEST(test_malformed_address)
{
	struct cert *cert = authority_cert(&(struct authority_wish){.name = "x",
		.alternative_der = slice_of(malformed[_i].der, malformed[_i].len)});

	ck_assert_msg(cert->address_count == 0, "%s became %s", malformed[_i].what, cert->addresses[0]);
	ck_assert_uint_eq(cert->malformed_addresses, 1);
	ck_assert(!cert_has_address(cert, slice_str("boss@a.example")));
	cert_unref(cert);
}
END_TEST

START_TEST(test_malformed_extension)
{
	X509 *x509 = authority_issue(&(struct authority_wish){.name = "x", .alternative_der = slice_str("rubbish")});
	struct error err = ERROR_NONE;
	struct cert *cert;

	ck_assert_int_eq(cert_from_x509(x509, &cert, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "malformed");
	X509_free(x509);
}
END_TEST

START_TEST(test_too_many_addresses)
{
	struct error err = ERROR_NONE;
	struct cert *cert;
	struct buf names;
	X509 *x509;

	buf_init(&names, 100000);
	for (int i = 0; i < CERT_ADDRESSES_MAX; i++)
		buf_printf(&names, "%semail:a%d@a.example", i == 0 ? "" : ",", i);
	cert = authority_cert(&(struct authority_wish){.name = "x", .alternative = buf_str(&names)});
	ck_assert_uint_eq(cert->address_count, CERT_ADDRESSES_MAX);
	cert_unref(cert);
	buf_add_str(&names, ",email:more@a.example");
	x509 = authority_issue(&(struct authority_wish){.name = "x", .alternative = buf_str(&names)});
	ck_assert_int_eq(cert_from_x509(x509, &cert, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "limit");
	X509_free(x509);
	buf_free(&names);
}
END_TEST

/* Names that come to nothing take time too: a certificate full of them is none. */
static const struct {
	const char *der; /* of at most 127 octets */
	size_t addresses, malformed;
} repeated[] = {
	{"\x81\x0b" "a@a.example", 1, 0},
	{"\xa0\x1a\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x09\xa0\x0e\x0c\x0c" "\xc5\x99@a.example", 1, 0},
	{"\x81\x0b" "a a.example", 0, CERT_NAMES_MAX},
	{"\xa0\x0f\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x09\xa0\x03\x02\x01\x01", 0, CERT_NAMES_MAX},
};

START_TEST(test_too_many_names)
{
	size_t octets = CERT_NAMES_MAX * strlen(repeated[_i].der);
	struct error err = ERROR_NONE;
	struct cert *cert;
	struct buf names;
	X509 *x509;

	buf_init(&names, 100000);
	buf_add(&names, "\x30\x82", 2);
	buf_add_byte(&names, (unsigned char)(octets >> 8));
	buf_add_byte(&names, (unsigned char)octets);
	for (int i = 0; i < CERT_NAMES_MAX; i++)
		buf_add_str(&names, repeated[_i].der);
	cert = authority_cert(&(struct authority_wish){.name = "x", .alternative_der = buf_slice(&names)});
	ck_assert_uint_eq(cert->address_count, repeated[_i].addresses);
	ck_assert_uint_eq(cert->malformed_addresses, repeated[_i].malformed);
	cert_unref(cert);
	x509 = authority_issue(&(struct authority_wish){.name = "x", .alternative_der = buf_slice(&names),
		.dn_address = "a@a.example"});
	ck_assert_int_eq(cert_from_x509(x509, &cert, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "limit");
	ck_assert_ptr_null(cert);
	X509_free(x509);
	buf_free(&names);
}
END_TEST

static const struct {
	const char *key;
	const char *usage;
	enum cert_key kind;
	bool encrypts;
	bool signs;
} keys[] = {
	{"RSA:2048", "keyEncipherment", CERT_KEY_RSA, true, false},
	{"RSA:2048", "keyAgreement", CERT_KEY_RSA, false, false},
	{"RSA:2048", "digitalSignature", CERT_KEY_RSA, false, true},
	{"RSA:2048", "nonRepudiation", CERT_KEY_RSA, false, true},
	{"RSA:2048", "dataEncipherment", CERT_KEY_RSA, false, false},
	{"RSA:2048", NULL, CERT_KEY_RSA, true, true},
	{"P-256", "keyAgreement", CERT_KEY_EC, true, false},
	{"P-384", "keyAgreement,digitalSignature", CERT_KEY_EC, true, true},
	{"P-521", "keyEncipherment", CERT_KEY_EC, false, false},
	{"secp256k1", "keyAgreement", CERT_KEY_OTHER, false, false},
	{"ED25519", NULL, CERT_KEY_OTHER, false, true},
	{"RSA-PSS:2048", NULL, CERT_KEY_OTHER, false, true},
};

START_TEST(test_keys)
{
	struct cert *cert = authority_cert(&(struct authority_wish){.name = "x", .key = keys[_i].key,
		.usage = keys[_i].usage});

	ck_assert_int_eq(cert->key, keys[_i].kind);
	ck_assert_int_eq(cert_may_encrypt(cert), keys[_i].encrypts);
	ck_assert_int_eq(cert_may_sign(cert), keys[_i].signs);
	cert_unref(cert);
}
END_TEST

/* The curve's parameters spelt out, in place of its name. */
START_TEST(test_explicit_curve)
{
	EVP_PKEY *key = EVP_PKEY_dup(authority_key("P-256"));
	X509 *x509 = authority_issue(&plain);
	struct cert *cert;
	struct slice der;

	ck_assert(EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit") == 1);
	X509_set_pubkey(x509, key);
	ck_assert(X509_sign(x509, key, EVP_sha256()) > 0);
	der = authority_der(x509);
	ck_assert_int_eq(cert_parse(der, &cert, NULL), ANSWER_YES);
	ck_assert_int_eq(cert->key, CERT_KEY_OTHER);
	cert_unref(cert);
	free((void *)der.data);
	X509_free(x509);
	EVP_PKEY_free(key);
}
END_TEST

/* ---- files --------------------------------------------------------------- */

static struct {
	size_t good;
	size_t bad;
} seen;

static void
count(void *arg, struct cert *cert, const struct error *why)
{
	(void)arg;
	if (cert != NULL)
		seen.good++;
	else if (strstr(why->words, authority_path("")) != NULL)
		seen.bad++;
}

static void
read_as(const char *content, size_t good, size_t bad)
{
	struct error err = ERROR_NONE;

	seen.good = seen.bad = 0;
	authority_write(authority_path("f"), slice_str(content));
	ck_assert_int_eq(cert_each_in_file(authority_path("f"), count, NULL, &err),
		good + bad > 0 ? ANSWER_YES : ANSWER_NO);
	ck_assert_uint_eq(seen.good, good);
	ck_assert_uint_eq(seen.bad, bad);
}

static char *
pem_of(X509 *x509)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;
	long len;

	PEM_write_bio_X509(bio, x509);
	len = BIO_get_mem_data(bio, &data);
	text = strndup(data, (size_t)len);
	BIO_free(bio);
	return text;
}

START_TEST(test_pem)
{
	X509 *x509 = authority_issue(&plain);
	char *pem = pem_of(x509);
	struct buf text;
	static const char *const between[] = {"", "some words\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"};
	static const char *const broken[] = {
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nAAAA\n",
	};

	buf_init(&text, 1000000);
	for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
		buf_clear(&text);
		buf_printf(&text, " 0 s:%s%s%s", pem, between[i], pem);
		read_as(buf_str(&text), 2, 0);
	}
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) { /* never hides those around it */
		buf_clear(&text);
		buf_printf(&text, "%s%s%s", pem, broken[i], pem);
		read_as(buf_str(&text), 2, 1);
	}
	read_as("", 0, 0);
	read_as("nothing to see\n", 0, 0);
	buf_free(&text);
	free(pem);
	X509_free(x509);
}
END_TEST

START_TEST(test_read_file)
{
	X509 *one = authority_issue(&plain), *two = authority_issue(&plain);
	struct error err = ERROR_NONE;
	struct cert **certs;
	struct slice der;
	size_t n;

	authority_write_pem(authority_path("two.pem"), one, two, NULL);
	ck_assert_int_eq(cert_read_file(authority_path("two.pem"), &certs, &n, &err), ANSWER_YES);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_ne(certs[0]->serial, certs[1]->serial);
	cert_free_array(certs, n);

	der = authority_der(one);
	authority_write(authority_path("one.der"), der);
	ck_assert_int_eq(cert_read_file(authority_path("one.der"), &certs, &n, &err), ANSWER_YES);
	ck_assert_uint_eq(n, 1);
	cert_free_array(certs, n);

	authority_write(authority_path("broken.pem"), slice_str(
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
	ck_assert_int_eq(cert_read_file(authority_path("broken.pem"), &certs, &n, &err), ANSWER_NO);
	ck_assert_ptr_nonnull(strstr(err.words, "broken.pem: certificate 1: "));
	ck_assert_ptr_null(certs);
	free((void *)der.data);
	X509_free(one);
	X509_free(two);
}
END_TEST

START_TEST(test_no_file)
{
	struct error err = ERROR_NONE;
	struct cert **certs;
	size_t n;

	ck_assert_int_eq(mkfifo(authority_path("fifo"), 0600), 0);
	ck_assert_int_eq(cert_read_file(authority_path("fifo"), &certs, &n, &err), ANSWER_NO);
	ck_assert_int_eq(cert_read_file(authority_folder(), &certs, &n, &err), ANSWER_NO);
	ck_assert_int_eq(cert_read_file(authority_path("absent"), &certs, &n, &err), ANSWER_NO);
	ck_assert_ptr_nonnull(strstr(err.words, authority_path("absent")));
	cert_free_array(NULL, 0);
	cert_unref(NULL);
}
END_TEST

START_TEST(test_date)
{
	char text[CERT_DATE_SIZE];

	cert_date(AUTHORITY_NOW, text);
	ck_assert_str_eq(text, "2027-01-15");
	cert_date((time_t)253402300799, text);
	ck_assert_str_eq(text, "9999-12-31");
	cert_date((time_t)1 << 62, text);
	ck_assert_str_eq(text, "unknown");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cert");
	TCase *t = tcase_create("cert");

	authority_folder();
	tcase_add_test(t, test_facts);
	tcase_add_test(t, test_exactly_one_der);
	tcase_add_test(t, test_several_addresses);
	tcase_add_test(t, test_international_address);
	tcase_add_test(t, test_name_without_alternative);
	tcase_add_loop_test(t, test_malformed_address, 0, sizeof malformed / sizeof *malformed);
	tcase_add_test(t, test_malformed_extension);
	tcase_add_test(t, test_too_many_addresses);
	tcase_add_loop_test(t, test_too_many_names, 0, sizeof repeated / sizeof repeated[0]);
	tcase_add_loop_test(t, test_keys, 0, sizeof keys / sizeof *keys);
	tcase_add_test(t, test_explicit_curve);
	tcase_add_test(t, test_pem);
	tcase_add_test(t, test_read_file);
	tcase_add_test(t, test_no_file);
	tcase_add_test(t, test_date);
	suite_add_tcase(s, t);
	return unit_run(s);
}
