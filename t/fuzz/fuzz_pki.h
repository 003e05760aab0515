/* fuzz_pki: an authority and a certificate of it, made in memory, for targets that sign what they are given. */
#ifndef FUZZ_PKI_H
#define FUZZ_PKI_H

#include "pki/cert.h"

#define FUZZ_NOW ((time_t)1800000000)

struct fuzz_pki {
	EVP_PKEY *key;     /* Ed25519, of both */
	struct cert *ca;   /* with serial 1 */
	struct cert *leaf; /* with serial 2 */
};

/* points: the leaf's crlDistributionPoints as openssl.cnf has them; NULL: none. What goes wrong ends in abort(). */
void fuzz_pki_make(struct fuzz_pki *pki, const char *points);

#endif
