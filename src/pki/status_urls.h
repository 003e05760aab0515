/* status_urls: where a certificate says that its status can be had (RFC 5280 4.2.1.13, 4.2.2.1). Pure; any thread. */
#ifndef PKI_STATUS_URLS_H
#define PKI_STATUS_URLS_H

#include "pki/cert.h"

#define STATUS_URLS_MAX 16 /* URLs of a kind; more are left out */

struct status_urls {
	char *ocsp[STATUS_URLS_MAX]; /* responders, in their order */
	size_t ocsp_count;
	char *crl[STATUS_URLS_MAX];  /* lists, likewise; a name relative to an issuer's is no URL */
	size_t crl_count;
	char **delta;                /* delta lists (freshestCRL) */
	size_t delta_count;
};

/* What cannot be read names nothing. False: no memory. */
bool status_urls_read(const struct cert *cert, struct status_urls *urls);
void status_urls_free(struct status_urls *urls); /* what it holds */

#endif
