/* key: one identity (private key, certificate, chain) from files.
 *
 * A key may be PEM (PKCS#8 or the traditional RSA and EC forms, encrypted or
 * not) with a PEM certificate file, or PKCS#12 with everything inside. RSA keys
 * have KEY_RSA_BITS_MIN to _MAX bits, those that only open mail at least
 * KEY_RSA_BITS_MIN_DECRYPT, as old mail must stay readable. EC keys are on P-256,
 * P-384 or P-521.
 *
 * A key or pass-phrase file must be a regular file that belongs to root or to
 * the user of this process, and that neither group nor others can touch: this
 * is looked at after opening, so that nobody can exchange the file in between.
 * Nobody is ever prompted for a pass phrase.
 */
#ifndef KEYS_KEY_H
#define KEYS_KEY_H

#include "base/error.h"
#include "base/slice.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

struct config_signer;

#define KEY_FILE_MAX (256 * 1024)   /* octets of a key, certificate or chain file */
#define KEY_PASS_PHRASE_MAX 1023    /* octets without the line end */
#define KEY_NAME_MAX 128           /* octets of a signer's or decryption key's name */
#define KEY_CHAIN_MAX 16            /* certificates without the signer's own */
#define KEY_CERTIFICATES_MAX (60 * 1024) /* octets of DER, the signer's certificate and chain together */
#define KEY_RSA_BITS_MIN 2048
#define KEY_RSA_BITS_MIN_DECRYPT 1024
#define KEY_RSA_BITS_MAX 8192

/* What the configuration gives a key for. Names of signers and of decryption keys are
 * apart from each other; the same key may be given for both. */
enum key_use { KEY_TO_SIGN, KEY_TO_DECRYPT };
const char *key_use_word(enum key_use use); /* "signer", "decryption-key" */

/* Each pointer is the identity's own. A caller who keeps one longer takes a
 * reference (EVP_PKEY_up_ref, X509_up_ref). Never changed after it was made, so
 * all threads may use it at once. */
struct key_identity {
	char *name;
	EVP_PKEY *key;         /* from key_load: the key itself; from provider_identity: its private half is in keeper */
	X509 *certificate;
	STACK_OF(X509) *chain; /* issuers in the order of the file, without the certificate; never NULL, may be empty */
};

/* Reads and checks a signer's or decryption key's files. YES: *identity is the caller's.
 * NO: err's words name the file and what is wrong with it. Codes: key-file
 * (missing, unreadable, too large), key-mode (others can read it), key-format,
 * key-kind (algorithm or size), pass-phrase (wrong or missing), certificate-file,
 * key-mismatch (key and certificate, or the key's two halves, do not belong together).
 * Whether the certificate is in date is for who signs with it to ask. */
enum answer key_load(const struct config_signer *files, enum key_use use, struct key_identity **identity,
	struct error *err);

void key_identity_free(struct key_identity *identity); /* NULL is safe */

/* What keeper and gate call a key by: SHA-256 of the certificate's
 * SubjectPublicKeyInfo. Never an index: after a reload that would sign with
 * another key without any error. */
#define KEY_HANDLE_SIZE 32
bool key_handle(X509 *certificate, unsigned char handle[KEY_HANDLE_SIZE]);

/* Key size and curve as above; NO names what is wrong. Public keys too. */
enum answer key_check_kind(EVP_PKEY *key, enum key_use use, struct error *err);

#endif
