/* encrypt: one MIME entity to several recipients (RFC 5652 6, RFC 5083, RFC 8551 3.3, 3.4).
 *
 * RSA v1.5 or OAEP (SHA-256) for RSA certificates; ephemeral-static ECDH with a SHA-256
 * KDF (or the curve's size: SHA-384, SHA-512) and an AES key wrap of the content key's size for EC
 * (RFC 5753, RFC 8551 2.3). GCM gives AuthEnvelopedData.
 * Threads: any.
 */
#ifndef SMIME_ENCRYPT_H
#define SMIME_ENCRYPT_H

#include "base/buf.h"
#include "pki/cert.h"
#include "smime/algorithms.h"

#define ENCRYPT_RECIPIENTS_MAX 1000 /* certificates in one message */

struct encrypt_options {
	enum config_cipher cipher;
	enum config_rsa_transport rsa_transport;
};

/* Appends the DER to out. certificates: each once, at least one. NO: one of them has a key that
 * cannot be encrypted to ("recipient-key"; nobody gets anything then), their number
 * ("recipients"), out's limit ("too-large"). CANT_TELL: OpenSSL failed ("encrypt-failed"),
 * or "memory". Unless YES, out is as it was. */
enum answer encrypt_entity(struct slice entity, struct cert *const *certificates, size_t count,
	const struct encrypt_options *options, struct buf *out, struct error *err);

#endif
