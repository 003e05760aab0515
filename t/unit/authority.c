#include "authority.h"

#include <openssl/dsa.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEYS_MAX 16

/* check's own assertions work only inside a test, this also before them all. */
static void
need(bool done, const char *what)
{
	if (done)
		return;
	printf("Bail out! authority: %s\n", what);
	exit(1);
}

static struct {
	const char *kind;
	EVP_PKEY *key;
} keys[KEYS_MAX];

static EVP_PKEY *
make_dsa(size_t bits)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DSA", NULL);
	EVP_PKEY *parameters = NULL, *key = NULL;

	need(EVP_PKEY_paramgen_init(ctx) == 1 && EVP_PKEY_CTX_set_dsa_paramgen_bits(ctx, (int)bits) == 1 &&
		EVP_PKEY_paramgen(ctx, &parameters) == 1, "openssl");
	EVP_PKEY_CTX_free(ctx);
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, parameters, NULL);
	need(EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_generate(ctx, &key) == 1, "openssl");
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(parameters);
	return key;
}

static EVP_PKEY *
make_key(const char *kind)
{
	if (strncmp(kind, "DSA:", 4) == 0)
		return make_dsa((size_t)atoi(kind + 4));
	if (strncmp(kind, "RSA:", 4) == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)atoi(kind + 4));
	if (strcmp(kind, "ED25519") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (strncmp(kind, "RSA-PSS:", 8) == 0) {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
		EVP_PKEY *key = NULL;

		need(EVP_PKEY_keygen_init(ctx) == 1, "openssl");
		EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, atoi(kind + 8));
		need(EVP_PKEY_generate(ctx, &key) == 1, "openssl");
		EVP_PKEY_CTX_free(ctx);
		return key;
	}
	return EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
}

EVP_PKEY *
authority_key(const char *kind)
{
	size_t i = 0;

	while (i < KEYS_MAX - 1 && keys[i].kind != NULL && strcmp(keys[i].kind, kind) != 0)
		i++;
	if (keys[i].kind == NULL) {
		keys[i].kind = kind;
		keys[i].key = make_key(kind);
	}
	need(keys[i].key != NULL, kind);
	return keys[i].key;
}

/* issuer: for a value that is of it. */
static void
add_extension_of(X509 *issuer, X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;
	CONF *conf;

	if (value == NULL)
		return;
	conf = NCONF_new(NULL); /* empty; some extensions insist on one */
	X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, conf);
	extension = X509V3_EXT_nconf_nid(conf, &ctx, nid, value);
	NCONF_free(conf);
	need(extension != NULL, value);
	need(X509_add_ext(x509, extension, -1) == 1, "openssl");
	X509_EXTENSION_free(extension);
}

static void
add_extension(X509 *x509, int nid, const char *value)
{
	add_extension_of(x509, x509, nid, value);
}

static void
add_raw_alternative(X509 *x509, struct slice der)
{
	ASN1_OCTET_STRING *octets;
	X509_EXTENSION *extension;

	if (der.data == NULL)
		return;
	octets = ASN1_OCTET_STRING_new();
	need(ASN1_OCTET_STRING_set(octets, der.data, (int)der.len) == 1, "openssl");
	extension = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, octets);
	need(X509_add_ext(x509, extension, -1) == 1, "openssl");
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(octets);
}

static void
set_names(X509 *x509, const struct authority_wish *wish)
{
	X509_NAME *name = X509_NAME_new();

	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)wish->name, -1, -1, 0);
	if (wish->dn_address != NULL)
		X509_NAME_add_entry_by_txt(name, "emailAddress", MBSTRING_UTF8,
			(const unsigned char *)wish->dn_address, -1, -1, 0);
	X509_set_subject_name(x509, name);
	X509_set_issuer_name(x509, wish->issuer == NULL ? name : X509_get_subject_name(wish->issuer));
	X509_NAME_free(name);
}

X509 *
authority_issue(const struct authority_wish *wish)
{
	static long serial = 0x1000;
	bool usual = wish->begin == 0 && wish->end == 0;
	EVP_PKEY *key = authority_key(wish->key == NULL ? "P-256" : wish->key), *signs;
	X509 *x509 = X509_new();

	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
	ASN1_TIME_set(X509_getm_notBefore(x509), AUTHORITY_NOW + (usual ? -30 * AUTHORITY_DAY : wish->begin));
	ASN1_TIME_set(X509_getm_notAfter(x509), AUTHORITY_NOW + (usual ? 365 * AUTHORITY_DAY : wish->end));
	X509_set_pubkey(x509, key);
	set_names(x509, wish);
	add_extension(x509, NID_basic_constraints, wish->basic == NULL && wish->ca ? "critical,CA:TRUE" : wish->basic);
	add_extension(x509, NID_subject_key_identifier, wish->ca ? "hash" : NULL);
	add_extension_of(wish->issuer, x509, NID_authority_key_identifier, wish->names_issuer_key ? "keyid:always" : NULL);
	add_extension(x509, NID_name_constraints, wish->subtrees);
	add_extension(x509, NID_certificate_policies, wish->policies);
	add_extension(x509, NID_key_usage, wish->usage);
	add_extension(x509, NID_subject_alt_name, wish->alternative);
	add_raw_alternative(x509, wish->alternative_der);
	signs = wish->issuer == NULL ? key : authority_key(wish->issuer_key == NULL ? "P-256" : wish->issuer_key);
	need(X509_sign(x509, signs, EVP_PKEY_is_a(signs, "ED25519") ? NULL :
		EVP_get_digestbyname(wish->digest == NULL ? "SHA256" : wish->digest)) > 0, wish->name);
	return x509;
}

struct cert *
authority_cert(const struct authority_wish *wish)
{
	X509 *x509 = authority_issue(wish);
	struct error err = ERROR_NONE;
	struct cert *cert;

	need(cert_from_x509(x509, &cert, &err) == ANSWER_YES, err.words);
	X509_free(x509);
	return cert;
}

struct slice
authority_der(X509 *x509)
{
	unsigned char *der = NULL;
	int len = i2d_X509(x509, &der);

	need(len > 0, "i2d_X509");
	return slice_of(der, (size_t)len);
}

void
authority_write(const char *path, struct slice content)
{
	FILE *f = fopen(path, "wb");

	need(f != NULL, path);
	need(content.len == 0 || fwrite(content.data, content.len, 1, f) == 1, path);
	need(fclose(f) == 0, path);
}

void
authority_write_pem(const char *path, X509 *first, X509 *second, X509 *third)
{
	X509 *all[] = {first, second, third, NULL};
	FILE *f = fopen(path, "w");

	need(f != NULL, path);
	for (size_t i = 0; all[i] != NULL; i++)
		need(PEM_write_X509(f, all[i]) == 1, path);
	need(fclose(f) == 0, path);
}

static EVP_PKEY *
key_of(X509 *x509)
{
	size_t i = 0;

	while (i < KEYS_MAX && keys[i].key != NULL && EVP_PKEY_eq(keys[i].key, X509_get0_pubkey(x509)) != 1)
		i++;
	need(i < KEYS_MAX && keys[i].key != NULL, "no key of that issuer");
	return keys[i].key;
}

static void
add_revoked(X509_CRL *list, const X509 *x509)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *when = ASN1_TIME_set(NULL, AUTHORITY_NOW - 10 * AUTHORITY_DAY);
	ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();

	need(ASN1_ENUMERATED_set(reason, 1) == 1, "openssl"); /* keyCompromise */
	need(X509_REVOKED_set_serialNumber(entry, (ASN1_INTEGER *)X509_get0_serialNumber(x509)) == 1, "openssl");
	need(X509_REVOKED_set_revocationDate(entry, when) == 1, "openssl");
	need(X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0) == 1, "openssl");
	need(X509_CRL_add0_revoked(list, entry) == 1, "openssl");
	ASN1_ENUMERATED_free(reason);
	ASN1_TIME_free(when);
}

void
authority_write_list(const char *path, X509 *issuer, const X509 *first, const X509 *second)
{
	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *this_update = ASN1_TIME_set(NULL, AUTHORITY_NOW - AUTHORITY_DAY);
	ASN1_TIME *next_update = ASN1_TIME_set(NULL, AUTHORITY_NOW + 7 * AUTHORITY_DAY);
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	FILE *f = fopen(path, "w");

	need(f != NULL, path);
	X509_CRL_set_version(list, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer));
	X509_CRL_set1_lastUpdate(list, this_update);
	X509_CRL_set1_nextUpdate(list, next_update);
	need(ASN1_INTEGER_set(number, 1) == 1 && X509_CRL_add1_ext_i2d(list, NID_crl_number, number, 0, 0) == 1, "openssl");
	if (first != NULL)
		add_revoked(list, first);
	if (second != NULL)
		add_revoked(list, second);
	need(X509_CRL_sign(list, key_of(issuer), EVP_sha256()) > 0, "openssl");
	need(PEM_write_X509_CRL(f, list) == 1 && fclose(f) == 0, path);
	ASN1_INTEGER_free(number);
	ASN1_TIME_free(this_update);
	ASN1_TIME_free(next_update);
	X509_CRL_free(list);
}

/* ---- the folder ---------------------------------------------------------- */

static char folder[] = "/tmp/sm.XXXXXX";
static pid_t folder_owner;

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void
remove_folder(void)
{
	if (getpid() == folder_owner)
		nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *
authority_folder(void)
{
	if (folder_owner == 0) {
		need(mkdtemp(folder) != NULL, folder);
		folder_owner = getpid();
		atexit(remove_folder);
	}
	return folder;
}

const char *
authority_path(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof paths[0], "%s/%s", authority_folder(), name);
	return path;
}
