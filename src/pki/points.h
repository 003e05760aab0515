/* points: where a certificate says that its status can be had (RFC 5280 4.2.1.13, 4.2.2.1). Pure; any thread. */
#ifndef PKI_POINTS_H
#define PKI_POINTS_H

#include "pki/cert.h"

#define POINTS_MAX 16 /* URLs of a kind; more are left out */

struct points {
	char *ocsp[POINTS_MAX]; /* responders, in their order */
	size_t ocsp_count;
	char *crl[POINTS_MAX];  /* lists, likewise; a name relative to an issuer's is no URL */
	size_t crl_count;
	char **delta;           /* delta lists (freshestCRL) */
	size_t delta_count;
};

/* What cannot be read names nothing. False: no memory. */
bool points_read(const struct cert *cert, struct points *points);
void points_free(struct points *points); /* what it holds */

#endif
