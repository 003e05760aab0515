/* provider: gate's side of keeper, as a small OpenSSL provider.
 *
 * To the rest of the code a key is an ordinary EVP_PKEY: CMS_add1_signer (RSA
 * PKCS#1 v1.5, PSS by CMS_KEY_PARAM, ECDSA; CMS_CADES), EVP_DigestSign*,
 * EVP_PKEY_sign and CMS_decrypt (RSA PKCS#1 v1.5, OAEP, ECDH with X9.63 KDF) work
 * unmodified, and each private operation is forwarded to keeper over a unix
 * socket. The key's private half is never in this process: exporting it fails.
 *
 * Outage. Several OpenSSL calls hide why they failed: with an unreachable keeper
 * CMS_decrypt_set1_pkey even returns 1 and goes on with a random key. So call
 * provider_outage_clear() before, and provider_outage() after a piece of work;
 * where it is true the answer is "can't tell" (451), whatever OpenSSL said.
 *
 * Threads: any number may share the keys. One provider a process.
 */
#ifndef KEYS_PROVIDER_H
#define KEYS_PROVIDER_H

#include "base/error.h"
#include "keys/key.h"

#include <stdbool.h>

#define PROVIDER_NAME "sealmilter-keeper" /* sorts behind "default", which must win where both have an algorithm */
#define PROVIDER_CONNECTIONS_MAX 256

/* Loads OpenSSL's default provider and ours. Opens no connection yet.
 * deadline_ms: how long one private operation may take at the most, waiting for
 * a free connection, reconnecting and retrying included.
 * connections_max: 1 to PROVIDER_CONNECTIONS_MAX; made when they are needed.
 * NO: bad arguments, already open, or OpenSSL refused. */
enum answer provider_open(const char *keeper_socket_path, unsigned deadline_ms, unsigned connections_max,
	struct error *err);
/* Every identity and every key's last use must be over. Safe when not open. */
void provider_close(void);

/* The certificate and chain of the signer or decryption key of that name, with a key as
 * described, which does no more than its use. YES: *identity is the caller's, for
 * key_identity_free(). NO: keeper has no such one (no-signer, no-decryption-key).
 * CANT_TELL: keeper is away, or what it said makes no sense. */
enum answer provider_identity(const char *name, enum key_use use, struct key_identity **identity,
	struct error *err);

/* This thread's flag. Set when an operation could not be done because keeper was
 * away, too slow, or does not have the key now (a reload has taken it out). */
void provider_outage_clear(void);
bool provider_outage(void);

#endif
