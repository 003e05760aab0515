/* vault: the loaded identities, and what keeper does with them.
 *
 * Never changed after it was made: a reload makes a new one, and whoever is in
 * the middle of an operation keeps a reference to the old one until the end.
 * All functions may be called from any thread.
 */
#ifndef KEYS_VAULT_H
#define KEYS_VAULT_H

#include "base/error.h"
#include "base/slice.h"
#include "keys/key.h"

struct config;
struct vault;

/* Every signer and decryption key of the configuration, or none: NO and CANT_TELL name the first
 * that cannot be loaded, and why. */
enum answer vault_load(const struct config *config, struct vault **vault, struct error *err);
size_t vault_count(const struct vault *vault, enum key_use use);

struct vault *vault_ref(struct vault *vault);
void vault_unref(struct vault *vault); /* NULL is safe */

/* Answers one request of wire.h, whatever its bytes are. reply has room for
 * WIRE_REPLY_MAX octets. Returns how many were written, at least one. */
size_t vault_answer(struct vault *vault, struct slice request, unsigned char *reply);

#endif
