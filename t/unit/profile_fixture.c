#include "profile_fixture.h"

#include <openssl/conf.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_IDENTIFIERS "x subjectKeyIdentifier=hash", "x authorityKeyIdentifier=DER:3006800401020304"
#define QC_PDS "q QcPDS https://www.example/pds.pdf"
#define ACCESS "x crlDistributionPoints=URI:http://crl.example/a.crl", \
	"x authorityInfoAccess=OCSP;URI:http://ocsp.example,caIssuers;URI:http://ca.example/ca.cer"
#define OCES "key RSA:2048", "x crlDistributionPoints=URI:http://crl.example/a.crl", \
	"x keyUsage=critical,digitalSignature,nonRepudiation", "s C=DK"

const struct recipe profile_recipes[] = {
	{"ica-qualified-signature", {"key RSA:2048", "s C=CZ", "s givenName=Jan", "s surname=Novák",
		"s serialNumber=ICA - 10465001", "s serialNumber=IDCCZ-123456789", "s CN=Ing. Jan Novák, CSc.",
		"s O=Účastník, a.s.", "s organizationIdentifier=NTRCZ-26463318", "s L=Praha", "s street=Dlouhá 1",
		"s postalCode=11000", "s OU=1", "s OU=2", "s title=Ing.",
		"x certificatePolicies=1.3.6.1.4.1.23624.10.1.30.1.1,0.4.0.194112.1.0",
		"q QcCompliance", "q QcType esign", QC_PDS, ACCESS, "x basicConstraints=CA:FALSE",
		"x keyUsage=critical,digitalSignature,nonRepudiation", "x extendedKeyUsage=emailProtection", KEY_IDENTIFIERS,
		"x subjectAltName=otherName:1.3.6.1.4.1.23624.4.6;UTF8:10465001,email:jan@ucastnik.example",
		"x 1.3.6.1.4.1.23624.4.3=DER:0500"}},
	{"oces-person", {OCES, "s serialNumber=PID:9208-2002-2-123456789012", "s CN=Test Testesen",
		"s O=Ingen organisatorisk tilknytning", "s givenName=Test", "s surname=Testesen",
		"x certificatePolicies=1.2.208.169.1.1.1.1.4"}},
	{"oces-employee", {OCES, "s O=Firma A/S", "s serialNumber=CVR:12345678-RID:1234", "s CN=Test Testesen",
		"x certificatePolicies=1.2.208.169.1.1.1.2.7"}},
	{"oces-company", {OCES, "s O=Firma A/S", "s serialNumber=CVR:12345678-UID:1234", "s CN=Firma A/S",
		"x certificatePolicies=1.2.208.169.1.1.1.3.7"}},
	{"oces-function", {OCES, "s O=Firma A/S", "s serialNumber=CVR:12345678-FID:1234", "s CN=Post",
		"x certificatePolicies=1.2.208.169.1.1.1.4.7"}},
	{"cesnet", {"i DC=cesnet", "i DC=cz", "p C=CZ", "p L=Brno", "p O=CESNET", "p OU=PKI", "p CN=Jan Novak",
		"x subjectAltName=email:jan@cesnet.example,DNS:www.cesnet.example,IP:192.0.2.1,IP:2001:db8::1"}},
	{"eidas-signature", {"key RSA:2048", "s C=CZ", "s givenName=Jan", "s surname=Novák", "s CN=Jan Novák",
		"s serialNumber=PNOCZ-123", "x certificatePolicies=1.2.3.4,0.4.0.194112.1.0", "q QcCompliance",
		"q QcType esign", QC_PDS, ACCESS, "x keyUsage=critical,nonRepudiation", KEY_IDENTIFIERS}},
	{"eidas-seal", {"s C=CZ", "s O=Účastník, a.s.", "s organizationIdentifier=NTRCZ-26463318", "s CN=Účastník",
		"x certificatePolicies=1.2.3.4,0.4.0.194112.1.1", "q QcCompliance", "q QcType eseal", QC_PDS, ACCESS,
		"x keyUsage=critical,digitalSignature,nonRepudiation", KEY_IDENTIFIERS}},
	{"ote-participant-encryption", {"s CN=Účastník", "x keyUsage=keyAgreement"}},
	{"ote-seal", {"s serialNumber=S251223", "s CN=CSOTE", "s OU=PKI", "s O=OTE, a.s. [IČ 26463318]",
		"s organizationIdentifier=NTRCZ-26463318", "s C=CZ", "q QcCompliance", "q QcType eseal",
		"x keyUsage=nonRepudiation"}},
	{NULL, {NULL}},
};

static void
need(bool done, const char *what)
{
	if (done)
		return;
	printf("Bail out! profile_fixture: %s\n", what);
	exit(1);
}

const struct recipe *
profile_recipe(const char *profile)
{
	const struct recipe *r = profile_recipes;

	while (r->profile != NULL && strcmp(r->profile, profile) != 0)
		r++;
	need(r->profile != NULL, profile);
	return r;
}

/* ---- the lines ---------------------------------------------------------------- */

static bool
is_taken_away(const char *line, const char *const *changes)
{
	for (; changes != NULL && *changes != NULL; changes++)
		if (**changes == '-' && strncmp(line, *changes + 1, strlen(*changes + 1)) == 0)
			return true;
	return false;
}

static void
apply_changes(const struct recipe *recipe, const char *const *changes, const char **lines)
{
	size_t count = 0;

	for (const char *const *line = recipe->lines; *line != NULL; line++)
		if (!is_taken_away(*line, changes))
			lines[count++] = *line;
	for (; changes != NULL && *changes != NULL; changes++)
		if (**changes == '+') {
			need(count < RECIPE_LINES_MAX - 1, "too many lines");
			lines[count++] = *changes + 1;
		}
	lines[count] = NULL;
}

/* What is behind "word " in the last such line. */
static const char *
setting(const char *const *lines, const char *word, const char *otherwise)
{
	size_t len = strlen(word);

	for (; *lines != NULL; lines++)
		if (strncmp(*lines, word, len) == 0 && (*lines)[len] == ' ')
			otherwise = *lines + len + 1;
	return otherwise;
}

/* ---- the parts ---------------------------------------------------------------- */

static void
add_attribute(X509_NAME *name, const char *line)
{
	int form = line[0] == 's' ? V_ASN1_UTF8STRING : line[0] == 'p' ? V_ASN1_PRINTABLESTRING : V_ASN1_IA5STRING;
	size_t len = strcspn(line + 2, "=");
	char type[64];
	X509_NAME_ENTRY *entry;
	ASN1_OBJECT *object;

	snprintf(type, sizeof type, "%.*s", (int)len, line + 2);
	object = OBJ_txt2obj(type, 0);
	need(object != NULL && line[2 + len] == '=', line);
	entry = X509_NAME_ENTRY_create_by_OBJ(NULL, object, form, (const unsigned char *)line + 3 + len, -1);
	need(entry != NULL && X509_NAME_add_entry(name, entry, -1, 0) == 1, line);
	X509_NAME_ENTRY_free(entry);
	ASN1_OBJECT_free(object);
}

static void
add_subject(X509 *x509, const char *const *lines)
{
	X509_NAME *name = X509_NAME_new(), *issuer = X509_NAME_new();

	for (; *lines != NULL; lines++)
		if (strchr("spi", **lines) != NULL && (*lines)[1] == ' ')
			add_attribute(name, *lines);
	need(X509_set_subject_name(x509, name) == 1, "subject");
	X509_NAME_add_entry_by_txt(issuer, "CN", MBSTRING_UTF8, (const unsigned char *)"CA", -1, -1, 0);
	need(X509_set_issuer_name(x509, issuer) == 1, "issuer");
	X509_NAME_free(name);
	X509_NAME_free(issuer);
}

/* A statement's number below 0.4.0.1862.1, and its info as ASN1_generate_nconf() has it. */
static void
write_statement(struct buf *conf, size_t i, const char *line)
{
	static const char *const names[] = {"", "QcCompliance", "QcLimitValue", "QcRetentionPeriod", "QcSSCD", "QcPDS",
		"QcType", "QcCClegislation"};
	static const char *const types[] = {"", "esign", "eseal", "web"};
	size_t len = strcspn(line, " "), n = 1, type = 1;
	const char *value = line[len] == ' ' ? line + len + 1 : "";

	while (n < 8 && !slice_eq_str(slice_of(line, len), names[n]))
		n++;
	need(n < 8, line);
	buf_printf(conf, "[s%zu]\nid=OID:0.4.0.1862.1.%zu\n", i, n);
	if (n == 5)
		buf_printf(conf, "v=SEQUENCE:v%zu\n[v%zu]\nv=SEQUENCE:w%zu\n[w%zu]\nu=IA5STRING:%s\nl=PRINTABLESTRING:en\n",
			i, i, i, i, value);
	if (n == 6) {
		while (type < 4 && strcmp(types[type], value) != 0)
			type++;
		buf_printf(conf, "v=SEQUENCE:v%zu\n[v%zu]\nv=OID:0.4.0.1862.1.6.%zu\n", i, i, type);
	}
	if (n == 7)
		buf_printf(conf, "v=SEQUENCE:v%zu\n[v%zu]\nv=PRINTABLESTRING:%s\n", i, i, value);
}

static CONF *
statements(const char *const *lines, size_t *count)
{
	CONF *conf = NCONF_new(NULL);
	struct buf text, list;
	BIO *bio;

	*count = 0;
	buf_init(&text, 65536);
	buf_init(&list, 4096);
	buf_add_str(&list, "[q]\n");
	for (; *lines != NULL; lines++)
		if (strncmp(*lines, "q ", 2) == 0) {
			write_statement(&text, *count, *lines + 2);
			buf_printf(&list, "s%zu=SEQUENCE:s%zu\n", *count, *count);
			*count += 1;
		}
	buf_add_slice(&text, buf_slice(&list));
	bio = BIO_new_mem_buf(text.data, (int)text.len);
	need(!buf_failed(&text) && NCONF_load_bio(conf, bio, NULL) == 1, "statements");
	BIO_free(bio);
	buf_free(&text);
	buf_free(&list);
	return conf;
}

static void
add_extension(X509 *x509, CONF *conf, const char *name, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, x509, x509, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, conf);
	extension = X509V3_EXT_nconf(conf, &ctx, name, value);
	need(extension != NULL, value);
	need(X509_add_ext(x509, extension, -1) == 1, value);
	X509_EXTENSION_free(extension);
}

static void
add_extensions(X509 *x509, const char *const *lines)
{
	size_t count;
	CONF *conf = statements(lines, &count);

	if (count > 0)
		add_extension(x509, conf, "1.3.6.1.5.5.7.1.3", "ASN1:SEQUENCE:q");
	for (; *lines != NULL; lines++)
		if (strncmp(*lines, "x ", 2) == 0) {
			size_t len = strcspn(*lines + 2, "=");
			char name[64];

			snprintf(name, sizeof name, "%.*s", (int)len, *lines + 2);
			add_extension(x509, conf, name, *lines + 3 + len);
		}
	NCONF_free(conf);
}

X509 *
profile_x509(const struct recipe *recipe, const char *const *changes)
{
	const char *lines[RECIPE_LINES_MAX];
	X509 *x509 = X509_new();

	apply_changes(recipe, changes, lines);
	X509_set_version(x509, atol(setting(lines, "version", "3")) - 1);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 0x1234);
	ASN1_TIME_set(X509_getm_notBefore(x509), AUTHORITY_NOW + AUTHORITY_DAY * atol(setting(lines, "begin", "-30")));
	ASN1_TIME_set(X509_getm_notAfter(x509), AUTHORITY_NOW + AUTHORITY_DAY * atol(setting(lines, "end", "365")));
	X509_set_pubkey(x509, authority_key(setting(lines, "key", "P-256")));
	add_subject(x509, lines);
	add_extensions(x509, lines);
	need(X509_sign(x509, authority_key("P-256"), EVP_get_digestbyname(setting(lines, "digest", "SHA256"))) > 0, "sign");
	return x509;
}
