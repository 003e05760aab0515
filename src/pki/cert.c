#include "pki/cert.h"
#include "base/file.h"
#include "mail/address.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Below these a key is broken, see cert_key_is_broken(). */
#define RSA_BITS_LEAST 1024
#define CURVE_BITS_LEAST 160

/* What the header shows, with the count behind it. */
struct counted_cert {
	struct cert cert; /* first: a struct cert * is a struct counted_cert * */
	atomic_uint references;
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory for a certificate");
}

static enum answer
malformed(struct error *err, const char *what)
{
	enum answer answer = error_no(err, "malformed", "the certificate's %s is malformed", what);

	if (err != NULL)
		err->section = "RFC 5280 4";
	return answer;
}

/* RFC 2253 order and escapes, but letters beyond ASCII as they are: logs and
 * people read UTF-8. */
static char *
name_text(const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text = NULL;
	long len;

	if (bio == NULL)
		return NULL;
	if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
		len = BIO_get_mem_data(bio, &data);
		text = slice_dup(slice_of(data, (size_t)len));
	}
	BIO_free(bio);
	return text;
}

char *
cert_name(struct slice der)
{
	const unsigned char *at = der.data;
	X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)der.len);
	char *text = name != NULL && at == der.data + der.len ? name_text(name) : NULL;

	X509_NAME_free(name);
	ERR_clear_error();
	return text;
}

static char *
serial_text(const X509 *x509)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
	char *hex = number == NULL ? NULL : BN_bn2hex(number);
	const char *from = hex;
	char *text = NULL;

	if (from != NULL) {
		while (from[0] == '0' && from[1] != '\0')
			from++;
		text = strdup(from);
	}
	OPENSSL_free(hex);
	BN_free(number);
	return text;
}

static bool
read_time(const ASN1_TIME *from, time_t *to)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(from, &tm) != 1)
		return false;
	*to = timegm(&tm);
	return true;
}

/* RFC 9598 section 3 wants rfc822Name to be ASCII, and an SmtpUTF8Mailbox only
 * where the local part is not: else the one could slip past name constraints
 * that bind the other. */
enum address_form { FORM_RFC822, FORM_SMTPUTF8, FORM_NAME };

static bool
well_formed(struct slice text, enum address_form form)
{
	struct address address;

	/* Angle brackets belong to the envelope, never to a certificate. */
	if (text.len == 0 || text.data[0] == '<' || !address_parse(text, &address))
		return false;
	switch (form) {
	case FORM_RFC822:
		return slice_is_ascii(text);
	case FORM_SMTPUTF8:
		return !slice_is_ascii(address.local);
	case FORM_NAME:
		break;
	}
	return true;
}

/* Before a name is looked at: each takes time, whatever comes of it, and the certificate may
 * be anybody's. */
static enum answer
count_name(struct cert *cert, struct error *err)
{
	if (cert->name_count == CERT_NAMES_MAX)
		return error_no(err, "limit", "the certificate holds more than %d names that are addresses, or should be",
			CERT_NAMES_MAX);
	cert->name_count++;
	return ANSWER_YES;
}

static bool
has_key(const struct cert *cert, const char *key)
{
	for (size_t i = 0; i < cert->address_count; i++)
		if (strcmp(cert->address_keys[i], key) == 0)
			return true;
	return false;
}

/* The key is taken over after YES only. */
static enum answer
keep_address(struct cert *cert, struct slice text, char *key, struct error *err)
{
	char *copy;

	if (cert->address_count == CERT_ADDRESSES_MAX)
		return error_no(err, "limit", "the certificate holds more than %d addresses", CERT_ADDRESSES_MAX);
	copy = slice_dup(text);
	if (copy == NULL)
		return no_memory(err);
	cert->addresses[cert->address_count] = copy;
	cert->address_keys[cert->address_count++] = key;
	return ANSWER_YES;
}

static enum answer
add_address(struct cert *cert, struct slice text, enum address_form form, struct error *err)
{
	enum answer answer = ANSWER_YES;
	bool known;
	char *key;

	if (!well_formed(text, form)) {
		cert->malformed_addresses++;
		return ANSWER_YES;
	}
	key = address_key(text);
	if (key == NULL)
		return no_memory(err);
	known = has_key(cert, key);
	if (!known)
		answer = keep_address(cert, text, key, err);
	if (known || answer != ANSWER_YES)
		free(key);
	return answer;
}

static struct slice
string_slice(const ASN1_STRING *string)
{
	return slice_of(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
}

static enum answer
add_general_name(struct cert *cert, const GENERAL_NAME *name, struct error *err)
{
	if (name->type != GEN_EMAIL && (name->type != GEN_OTHERNAME ||
	    OBJ_obj2nid(name->d.otherName->type_id) != NID_id_on_SmtpUTF8Mailbox))
		return ANSWER_YES;
	if (count_name(cert, err) != ANSWER_YES)
		return ANSWER_NO;
	if (name->type == GEN_EMAIL)
		return add_address(cert, string_slice(name->d.rfc822Name), FORM_RFC822, err);
	if (name->d.otherName->value->type != V_ASN1_UTF8STRING) {
		cert->malformed_addresses++;
		return ANSWER_YES;
	}
	return add_address(cert, string_slice(name->d.otherName->value->value.utf8string), FORM_SMTPUTF8, err);
}

static enum answer
read_alternative_names(struct cert *cert, struct error *err)
{
	int critical; /* -1: there is none; -2: several */
	GENERAL_NAMES *names = X509_get_ext_d2i(cert->x509, NID_subject_alt_name, &critical, NULL);
	enum answer answer = ANSWER_YES;

	if (names == NULL)
		return critical == -1 ? ANSWER_YES : malformed(err, "subjectAltName");
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && answer == ANSWER_YES; i++)
		answer = add_general_name(cert, sk_GENERAL_NAME_value(names, i), err);
	GENERAL_NAMES_free(names);
	return answer;
}

/* emailAddress in the subject: old, but still issued (RFC 8550 section 3). */
static enum answer
read_subject_addresses(struct cert *cert, struct error *err)
{
	const X509_NAME *name = X509_get_subject_name(cert->x509);
	enum answer answer = ANSWER_YES;
	int at = -1;

	while (answer == ANSWER_YES && (at = X509_NAME_get_index_by_NID(name, NID_pkcs9_emailAddress, at)) >= 0) {
		unsigned char *utf8;
		int len;

		answer = count_name(cert, err);
		if (answer != ANSWER_YES)
			break;
		len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
		if (len < 0) {
			cert->malformed_addresses++;
			continue;
		}
		answer = add_address(cert, slice_of(utf8, (size_t)len), FORM_NAME, err);
		OPENSSL_free(utf8);
	}
	return answer;
}

static enum answer
read_addresses(struct cert *cert, struct error *err)
{
	enum answer answer;

	cert->addresses = calloc(CERT_ADDRESSES_MAX, sizeof *cert->addresses);
	cert->address_keys = calloc(CERT_ADDRESSES_MAX, sizeof *cert->address_keys);
	if (cert->addresses == NULL || cert->address_keys == NULL)
		return no_memory(err);
	answer = read_alternative_names(cert, err);
	if (answer == ANSWER_YES)
		answer = read_subject_addresses(cert, err);
	return answer;
}

/* Named curves only (RFC 5480 2.1.1): parameters of one's own choosing are an
 * attack surface and no mail program reads them. */
static bool
is_permitted_curve(const EVP_PKEY *key)
{
	static const char *const permitted[] = {"prime256v1", "P-256", "secp384r1", "P-384", "secp521r1", "P-521"};
	char name[64];
	size_t len;
	int explicit_parameters = 0;

	EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_parameters);
	if (explicit_parameters != 0 || EVP_PKEY_get_group_name(key, name, sizeof name, &len) != 1)
		return false;
	for (size_t i = 0; i < sizeof permitted / sizeof *permitted; i++)
		if (strcmp(name, permitted[i]) == 0)
			return true;
	return false;
}

bool
cert_key_is_broken(const EVP_PKEY *key)
{
	bool curve = !EVP_PKEY_is_a(key, "RSA") && !EVP_PKEY_is_a(key, "RSA-PSS") && !EVP_PKEY_is_a(key, "DSA");

	return EVP_PKEY_get_bits(key) < (curve ? CURVE_BITS_LEAST : RSA_BITS_LEAST);
}

/* A key that OpenSSL cannot read leaves a certificate that is good for nothing
 * but can still be shown. */
static void
read_key(struct cert *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert->x509);

	cert->key = CERT_KEY_OTHER;
	if (key == NULL)
		return;
	cert->key_bits = (unsigned)EVP_PKEY_get_bits(key);
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		cert->key = CERT_KEY_RSA;
	else if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && is_permitted_curve(key))
		cert->key = CERT_KEY_EC;
}

static enum answer
read_facts(struct cert *cert, struct error *err)
{
	X509 *x509 = cert->x509;
	uint32_t flags = X509_get_extension_flags(x509);
	unsigned len = sizeof cert->digest;

	if ((flags & EXFLAG_INVALID) != 0)
		return malformed(err, "extensions or version");
	if (!read_time(X509_get0_notBefore(x509), &cert->not_before) ||
		!read_time(X509_get0_notAfter(x509), &cert->not_after))
		return malformed(err, "validity");
	cert->subject = name_text(X509_get_subject_name(x509));
	cert->issuer = name_text(X509_get_issuer_name(x509));
	cert->serial = serial_text(x509);
	if (cert->subject == NULL || cert->issuer == NULL || cert->serial == NULL)
		return malformed(err, "name or serial number");
	if (X509_digest(x509, EVP_sha256(), cert->digest, &len) != 1)
		return no_memory(err);
	cert->has_key_usage = (flags & EXFLAG_KUSAGE) != 0;
	cert->key_usage = X509_get_key_usage(x509);
	cert->ca = (flags & EXFLAG_CA) != 0;
	read_key(cert);
	return read_addresses(cert, err);
}

enum answer
cert_from_x509(X509 *x509, struct cert **cert, struct error *err)
{
	struct counted_cert *made = calloc(1, sizeof *made);
	enum answer answer;

	*cert = NULL;
	if (made == NULL)
		return no_memory(err);
	atomic_init(&made->references, 1);
	X509_up_ref(x509);
	made->cert.x509 = x509;
	answer = read_facts(&made->cert, err);
	ERR_clear_error(); /* reasons of attempts that were judged above */
	if (answer != ANSWER_YES) {
		cert_unref(&made->cert);
		return answer;
	}
	*cert = &made->cert;
	return ANSWER_YES;
}

enum answer
cert_parse(struct slice der, struct cert **cert, struct error *err)
{
	const unsigned char *at = der.data;
	enum answer answer;
	X509 *x509;

	*cert = NULL;
	if (der.len > CERT_DER_MAX)
		return error_no(err, "limit", "a certificate of %zu octets; at most %d are read", der.len, CERT_DER_MAX);
	if (der.len == 0)
		return error_no(err, "malformed", "an empty value is no certificate");
	ERR_clear_error();
	x509 = d2i_X509(NULL, &at, (long)der.len);
	if (x509 == NULL) {
		answer = error_no(err, "malformed", "not an X.509 certificate");
		error_add_openssl(err);
		return answer;
	}
	if (at != der.data + der.len)
		answer = error_no(err, "malformed", "%zu octets behind the certificate",
			der.len - (size_t)(at - der.data));
	else
		answer = cert_from_x509(x509, cert, err);
	X509_free(x509);
	return answer;
}

struct cert *
cert_ref(struct cert *cert)
{
	atomic_fetch_add(&((struct counted_cert *)cert)->references, 1);
	return cert;
}

void
cert_unref(struct cert *cert)
{
	if (cert == NULL || atomic_fetch_sub(&((struct counted_cert *)cert)->references, 1) != 1)
		return;
	for (size_t i = 0; i < cert->address_count; i++) {
		free(cert->addresses[i]);
		free(cert->address_keys[i]);
	}
	free(cert->addresses);
	free(cert->address_keys);
	free(cert->subject);
	free(cert->issuer);
	free(cert->serial);
	X509_free(cert->x509);
	free(cert);
}

/* ---- files --------------------------------------------------------------- */

static enum answer
parse_base64(struct slice text, struct cert **cert, struct error *err)
{
	EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
	unsigned char *der = malloc(text.len + 1);
	enum answer answer;
	int len = 0, rest = 0;

	*cert = NULL;
	if (ctx == NULL || der == NULL) {
		answer = no_memory(err);
		goto out;
	}
	EVP_DecodeInit(ctx);
	if (EVP_DecodeUpdate(ctx, der, &len, text.data, (int)text.len) < 0 ||
		EVP_DecodeFinal(ctx, der + len, &rest) < 0)
		answer = error_no(err, "malformed", "not base64");
	else
		answer = cert_parse(slice_of(der, (size_t)len + (size_t)rest), cert, err);
out:
	EVP_ENCODE_CTX_free(ctx);
	free(der);
	return answer;
}

static void
report(const char *path, size_t place, enum answer answer, struct cert *cert, struct error *why,
	cert_each *each, void *arg)
{
	if (answer != ANSWER_YES)
		error_prefix(why, "%s: certificate %zu", path, place);
	each(arg, cert, why);
	cert_unref(cert);
}

/* Blocks are found by their lines and not by PEM_read_bio(), which ends at the
 * first broken one and would hide those behind it. */
static size_t
each_pem(struct slice rest, const char *path, cert_each *each, void *arg)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
	size_t count = 0, at;

	while (count < CERT_FILE_CERTIFICATES_MAX && (at = slice_find_slice(rest, slice_str(begin))) < rest.len) {
		struct error why = ERROR_NONE;
		struct cert *cert = NULL;
		enum answer answer;
		size_t stop;

		rest = slice_sub(rest, at + strlen(begin), rest.len);
		stop = slice_find_slice(rest, slice_str(end));
		if (stop == rest.len || slice_find_slice(slice_sub(rest, 0, stop), slice_str(begin)) < stop)
			answer = error_no(&why, "malformed", "no END line");
		else
			answer = parse_base64(slice_sub(rest, 0, stop), &cert, &why);
		report(path, ++count, answer, cert, &why, each, arg);
	}
	return count;
}

/* DER of a certificate begins with a SEQUENCE of a length in the long form, which
 * no text does. */
static bool
looks_like_der(struct slice content)
{
	return content.len >= 2 && content.data[0] == 0x30 && content.data[1] >= 0x80;
}

enum answer
cert_each_in_file(const char *path, cert_each *each, void *arg, struct error *err)
{
	struct error why = ERROR_NONE;
	struct cert *cert;
	struct buf content;
	enum answer answer;

	buf_init(&content, CERT_FILE_MAX);
	answer = file_read(path, FILE_PUBLIC, &content, err);
	if (answer != ANSWER_YES)
		goto out;
	if (looks_like_der(buf_slice(&content))) {
		answer = cert_parse(buf_slice(&content), &cert, &why);
		report(path, 1, answer, cert, &why, each, arg);
		answer = ANSWER_YES;
	} else if (each_pem(buf_slice(&content), path, each, arg) == 0) {
		answer = error_no(err, "file", "%s: holds no certificate", path);
	}
out:
	buf_free(&content);
	return answer;
}

struct collection {
	struct cert **certs;
	size_t count;
	enum answer answer;
	struct error *err;
};

static void
collect(void *arg, struct cert *cert, const struct error *why)
{
	struct collection *c = arg;

	if (c->answer != ANSWER_YES)
		return;
	if (cert != NULL) {
		c->certs[c->count++] = cert_ref(cert);
		return;
	}
	c->answer = why->answer;
	if (c->err != NULL)
		*c->err = *why;
}

enum answer
cert_read_file(const char *path, struct cert ***certs, size_t *count, struct error *err)
{
	struct collection c = {.answer = ANSWER_YES, .err = err};
	enum answer answer;

	*certs = NULL;
	*count = 0;
	c.certs = calloc(CERT_FILE_CERTIFICATES_MAX, sizeof(*c.certs));
	if (c.certs == NULL)
		return no_memory(err);
	answer = cert_each_in_file(path, collect, &c, err);
	if (answer == ANSWER_YES)
		answer = c.answer;
	if (answer != ANSWER_YES) {
		cert_free_array(c.certs, c.count);
		return answer;
	}
	*certs = c.certs;
	*count = c.count;
	return ANSWER_YES;
}

void
cert_free_array(struct cert **certs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		cert_unref(certs[i]);
	free(certs);
}

enum answer
cert_read_only(const char *path, struct cert **cert, struct error *err)
{
	struct cert **certs;
	size_t count;
	enum answer answer = cert_read_file(path, &certs, &count, err);

	if (answer != ANSWER_YES)
		return answer;
	if (count == 1)
		*cert = cert_ref(certs[0]);
	else
		answer = error_no(err, "several", "%s holds %zu certificates: it is to hold one", path, count);
	cert_free_array(certs, count);
	return answer;
}

/* ---- questions ----------------------------------------------------------- */

bool
cert_has_address(const struct cert *cert, struct slice address)
{
	char labels[ADDRESS_DOMAIN_MAX + 1];
	struct address asked, own;

	if (!address_parse(address, &asked) || !address_domain_labels(asked.domain, labels))
		return false;
	asked.domain = slice_str(labels); /* converted once, as the keys are */
	for (size_t i = 0; i < cert->address_count; i++)
		if (address_parse(slice_str(cert->address_keys[i]), &own) && address_equal(&own, &asked))
			return true;
	return false;
}

bool
cert_may_encrypt(const struct cert *cert)
{
	switch (cert->key) {
	case CERT_KEY_RSA:
		return (cert->key_usage & KU_KEY_ENCIPHERMENT) != 0;
	case CERT_KEY_EC:
		return (cert->key_usage & KU_KEY_AGREEMENT) != 0;
	case CERT_KEY_OTHER:
		break;
	}
	return false;
}

bool
cert_may_sign(const struct cert *cert)
{
	return (cert->key_usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) != 0;
}

void
cert_date(time_t when, char text[CERT_DATE_SIZE])
{
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL || strftime(text, CERT_DATE_SIZE, "%Y-%m-%d", &tm) == 0)
		strcpy(text, "unknown");
}
