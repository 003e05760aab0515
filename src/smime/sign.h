/* sign: a CAdES-B-B signature over one MIME entity (RFC 5652, RFC 8551 3.5, EN 319 122-1).
 *
 * Signed attributes: content-type, message-digest, signing-time, ESS
 * signing-certificate-v2, our own SMIMECapabilities. The chain is included.
 * The entity is signed as it is: canonical text is mail/compose's work.
 * algorithms_load() has been called before.
 * GnuPG 2.2 calls an ECDSA signature good but ends in error where the digest is shorter than
 * the curve (P-384 with SHA-256), and knows no P-521.
 * Threads: any; what is borrowed is only read.
 */
#ifndef SMIME_SIGN_H
#define SMIME_SIGN_H

#include "base/buf.h"
#include "keys/key.h"
#include "smime/algorithms.h"

struct sign_options {
	enum config_digest digest;
	enum config_rsa_signature rsa_signature; /* for RSA keys */
	bool detached;                           /* clear: without the content */
	time_t now;                              /* signing-time; the certificate must be in date then */
};

/* Appends the DER of the SignedData to out. CANT_TELL: the keeper could not be
 * reached ("keeper-away"), the certificate is not in date ("expired", "not-yet-valid": an
 * administrator can mend that), the key does not sign ("sign-failed"), or "memory". NO: out's
 * limit was reached ("too-large"). Unless YES, out is as it was. */
enum answer sign_entity(struct slice entity, const struct key_identity *signer,
	const struct sign_options *options, struct buf *out, struct error *err);

#endif
