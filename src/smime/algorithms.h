/* algorithms: what is permitted, in one table (RFC 8551 2, RFC 8550 4).
 *
 * Names of the configuration, of MIME (micalg), of OpenSSL and for people, side by side.
 */
#ifndef SMIME_ALGORITHMS_H
#define SMIME_ALGORITHMS_H

#include "config/config.h"

#include <openssl/cms.h>

/* Fetched once a process; every later use borrows. Called before any thread
 * signs or encrypts. NO: the library lacks one of them, named in err. */
enum answer algorithms_load(struct error *err);

const EVP_MD *algorithms_digest(enum config_digest digest);
const char *algorithms_micalg(enum config_digest digest);     /* "sha-256" (RFC 8551 3.5.3.2) */
const EVP_CIPHER *algorithms_cipher(enum config_cipher cipher);
bool algorithms_cipher_authenticates(enum config_cipher cipher); /* GCM: AuthEnvelopedData (RFC 5083) */
const char *algorithms_cipher_name(enum config_cipher cipher);
const char *algorithms_digest_name(enum config_digest digest);

/* Our own SMIMECapabilities as DER of the attribute's value, without weak ciphers (RFC 8551 2.5.2). */
struct slice algorithms_capabilities(void);

#endif
