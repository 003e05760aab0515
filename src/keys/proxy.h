/* proxy: the parts of the key provider, for the files of this room only.
 *
 * A proxy stands for a key whose private half is in keeper. What is public about
 * it, and all parameters of operations, are delegated to an ordinary key of the default
 * provider. One file for each of OpenSSL's operations (provider-keymgmt(7),
 * provider-signature(7), provider-asym_cipher(7), provider-keyexch(7)).
 * Threads: a proxy is only read once imported; an operation's context is its caller's.
 */
#ifndef KEYS_PROXY_H
#define KEYS_PROXY_H

#include "keys/key.h"
#include "keys/wire.h"

#include <openssl/core.h>
#include <openssl/evp.h>

/* Inner fetches name the provider, or the order of loading would matter. */
#define PROXY_DEFAULT "provider=default"
#define PROXY_PUBLIC_KEY "sealmilter-public-key" /* DER of the SubjectPublicKeyInfo: makes a key of ours */

struct proxy {
	EVP_PKEY *public; /* NULL until imported */
	bool rsa;
	bool private;     /* keeper has the other half */
	unsigned char handle[KEY_HANDLE_SIZE];
};

/* A line of a dispatch table. */
#define PROXY_FUNCTION(id, function) {id, (void (*)(void))(function)}

extern const OSSL_DISPATCH proxy_rsa_key_functions[], proxy_ec_key_functions[];
extern const OSSL_DISPATCH proxy_signature_functions[];
extern const OSSL_DISPATCH proxy_cipher_functions[];
extern const OSSL_DISPATCH proxy_exchange_functions[];

/* Parameters that several operations have. p may be NULL: nothing is changed. 1 or 0. */
int proxy_take_digest(enum wire_digest *digest, const OSSL_PARAM *p);
int proxy_take_octets(unsigned char to[WIRE_EXTRA_MAX], size_t *len, const OSSL_PARAM *p);

/* ---- provider.c's ----------------------------------------------------------- */

/* Status WIRE_OK: *len octets at to. An outage is remembered outside OpenSSL's
 * error queue, which its callers empty and hide. */
enum wire_status proxy_ask(const struct wire_request *request, unsigned char *to, size_t size, size_t *len);
/* Fetched when the provider was opened. */
const EVP_MD *proxy_digest(enum wire_digest digest);

#endif
