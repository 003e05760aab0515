/* cert: an X.509 certificate as plain facts.
 *
 * What policy, choice and log need to know of a certificate is read once into a
 * plain struct (RFC 5280, RFC 8398); nobody else asks OpenSSL for it. A cert is
 * reference-counted and never changed once parsed: any thread may read it.
 */
#ifndef PKI_CERT_H
#define PKI_CERT_H

#include "base/buf.h"
#include "base/error.h"

#include <openssl/x509.h>

#include <time.h>

#define CERT_DER_MAX (64 * 1024)   /* octets of one certificate */
#define CERT_ADDRESSES_MAX 100     /* addresses in one certificate */
#define CERT_NAMES_MAX 200         /* ... with equal and malformed ones: each also in the subject */
#define CERT_FILE_MAX (16 * 1024 * 1024) /* octets of one file of certificates */
#define CERT_FILE_CERTIFICATES_MAX 1000  /* certificates in one file; what follows is left out */
#define CERT_RSA_BITS_MIN 2048
#define CERT_RSA_BITS_MAX 8192     /* RFC 8551 6: cap key sizes before trust is established */

/* EC: P-256, P-384 and P-521 by name; any other curve is OTHER, as are RSA keys
 * restricted to PSS. */
enum cert_key { CERT_KEY_RSA, CERT_KEY_EC, CERT_KEY_OTHER };

struct cert {
	X509 *x509;
	char *subject;          /* RFC 2253 with UTF-8, for people */
	char *issuer;
	char *serial;           /* hexadecimal, upper case, without leading zeros */
	time_t not_before;
	time_t not_after;
	char **addresses;       /* rfc822Name, SmtpUTF8Mailbox and DN emailAddress, each once; those
	                         * that parse */
	char **address_keys;    /* address_key() of each */
	size_t address_count;
	size_t name_count;      /* names that are addresses or should be, equal ones too */
	size_t malformed_addresses; /* present but no address: never trimmed into one (NUL, blanks …) */
	bool has_key_usage;
	uint32_t key_usage;     /* KU_* of openssl/x509v3.h; all bits set where there is none */
	enum cert_key key;
	unsigned key_bits;
	bool ca;
	unsigned char digest[32]; /* SHA-256 of the DER */
};

/* Exactly one DER certificate and nothing behind it. NO: it does not parse; "limit": it is larger
 * than the limits above, or holds more. Such a certificate is good for nothing, whether it is a
 * signer's or a recipient's: part of its addresses would not be whose it is. */
enum answer cert_parse(struct slice der, struct cert **cert, struct error *err);
/* Takes a reference to x509 of its own. NO: as above, but its size is the caller's to look at. */
enum answer cert_from_x509(X509 *x509, struct cert **cert, struct error *err);
struct cert *cert_ref(struct cert *cert);
void cert_unref(struct cert *cert); /* NULL is safe */

/* All certificates of a file: PEM (any number, other blocks are skipped) or one
 * DER. One that does not parse is an error naming its place in the file. *certs
 * is an owned array. NO also: the file cannot be read, is no regular file, or
 * holds no certificate. */
enum answer cert_read_file(const char *path, struct cert ***certs, size_t *count, struct error *err);
void cert_free_array(struct cert **certs, size_t count);
/* The file's only one, *cert is owned. NO also: "several". */
enum answer cert_read_only(const char *path, struct cert **cert, struct error *err);
/* The same where a broken one must not hide the others: each is called for every
 * certificate in turn, with cert NULL and the reason where it does not parse. It
 * takes a reference of its own of what it wants to keep. */
typedef void cert_each(void *arg, struct cert *cert, const struct error *why);
enum answer cert_each_in_file(const char *path, cert_each *each, void *arg, struct error *err);

bool cert_has_address(const struct cert *cert, struct slice address);
/* May content keys be encrypted to it (keyEncipherment for RSA, keyAgreement for
 * EC), may it sign (digitalSignature or nonRepudiation; RFC 8550 4.4.2)? */
bool cert_may_encrypt(const struct cert *cert);
bool cert_may_sign(const struct cert *cert);

/* Can somebody with a few machines find the private key (RSA and DSA below 1024 bits, elliptic
 * curves below 160)? What it signed is never accepted. */
bool cert_key_is_broken(const EVP_PKEY *key);

/* A Name in DER as subject and issuer have it; for free(). NULL: it is none, or there is no memory. */
char *cert_name(struct slice der);

/* "2027-05-31" in UTC, for logs; text of CERT_DATE_SIZE octets. */
#define CERT_DATE_SIZE 11
void cert_date(time_t when, char text[CERT_DATE_SIZE]);

#endif
