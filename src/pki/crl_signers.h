/* crl_signers: which certificates may have signed a list that is there, and which were tried.
 *
 * The room's own, for crl_cache.c and crl_files.c. A list is checked once, with whatever certificates are known
 * then; here it is told who may believe it afterwards, and whether it is worth trying again. Pure.
 */
#ifndef PKI_CRL_SIGNERS_H
#define PKI_CRL_SIGNERS_H

#include "pki/crl_cache.h"

#define CRL_TRIED_MAX 4096 /* certificates; then they are forgotten and tried again */

/* Those with which a list could not be verified, by digest. */
struct crl_tried {
	unsigned char (*digest)[32];
	size_t count;
	size_t room;
};

void crl_tried_free(struct crl_tried *tried);

/* May a certificate sign lists at all? */
bool crl_signers_may(const struct cert *cert);
/* Was the list signed with the key and in the name of one of them? */
bool crl_signers_made(const struct crl_signers *signers, const struct crl *crl);
bool crl_tried_all(const struct crl_tried *tried, const struct crl_signers *signers);
/* Without memory they are tried once more than needed. */
void crl_tried_add(struct crl_tried *tried, const struct crl_signers *signers);
/* Did a list fail for want of the right certificate only? */
bool crl_signers_missing(const struct error *err);

#endif
