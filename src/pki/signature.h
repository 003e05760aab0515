/* signature: an authority's signature over octets as they stand (RFC 5280 4.1.1.3, 5.1.1.3).
 *
 * OpenSSL checks that of what it has made an object of; here the octets are enough. Pure; any
 * thread.
 */
#ifndef PKI_SIGNATURE_H
#define PKI_SIGNATURE_H

#include "base/error.h"
#include "base/slice.h"

#include <openssl/evp.h>

#define SIGNATURE_ALGORITHM_MAX 1024 /* octets of an AlgorithmIdentifier with its parameters */

/* algorithm: an AlgorithmIdentifier in DER: RSA, RSASSA-PSS (RFC 4055), ECDSA or EdDSA. accept_weak as
 * in chain_store_new(): SHA-1 and keys as weak as RSA below 2048 bits. NO: "signature" (it does not
 * verify), "algorithm" (not known, or not for that key), "weak", "malformed". CANT_TELL: no memory. */
enum answer signature_check(struct slice octets, struct slice algorithm, struct slice signature, EVP_PKEY *key,
	bool accept_weak, struct error *err);

#endif
