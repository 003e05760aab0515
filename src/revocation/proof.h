/* proof: octets that only the worker can read: a password on its way to it, evidence in which one stands.
 *
 * A content key in AES-256-GCM (NIST SP 800-38D) is wrapped for the worker's RSA key with OAEP and SHA-256 (RFC 8017 7.1). A
 * label binds it to what it belongs to: with another one it does not open. The worker makes its key once, in
 * journal-directory: proof.key for itself (0600), proof.pub for gate. Threads: any; a key is only read once loaded.
 */
#ifndef REVOCATION_PROOF_H
#define REVOCATION_PROOF_H

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

#define PROOF_RSA_BITS 3072
#define PROOF_OVERHEAD 512                /* octets that it is longer than what is in it, at most */
#define PROOF_OCTETS_MAX (4 * 1024 * 1024 - PROOF_OVERHEAD)

struct proof_key;

/* Makes both files where the private one is missing; what is there is loaded. NO: "proof": it is no such key, or others could read
 * it. CANT_TELL: it cannot be written or read. */
enum answer proof_key_open(const char *directory, struct proof_key **key, struct error *err);
/* Only to seal. CANT_TELL: it is not there yet, or cannot be read now. */
enum answer proof_key_open_public(const char *directory, struct proof_key **key, struct error *err);
void proof_key_free(struct proof_key *key); /* NULL is safe */

/* Appends to out. CANT_TELL: "memory", "random". */
enum answer proof_seal(const struct proof_key *key, struct slice label, struct slice octets, struct buf *out, struct error *err);
bool proof_is_sealed(struct slice octets);
/* NO: "proof": it was not sealed for this key and label, or altered. out: ends with buf_wipe(). */
enum answer proof_open(const struct proof_key *key, struct slice label, struct slice octets, struct buf *out, struct error *err);

#endif
