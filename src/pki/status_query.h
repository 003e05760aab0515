/* status_query: the status of each certificate of one path, as lists and responders tell it.
 *
 * checker.h's own; there is said what counts. status_query.c goes down the path and asks responders, status_lists.c
 * looks into lists. Blocks where it may fetch. One thread at a time.
 */
#ifndef PKI_STATUS_QUERY_H
#define PKI_STATUS_QUERY_H

#include "pki/checker.h"
#include "pki/hold_faults.h"
#include "pki/path_certs.h"

/* Who signed a list may need a list of its own: so many times. What is signed by still
 * another then is not believed. */
#define STATUS_QUERY_DEPTH_MAX 1

/* All borrowed. */
struct status_query {
	const struct config *config;
	struct crl_cache *lists;
	struct ocsp *ocsp;
	struct hold_faults *hold_faults;
	struct path_certs *path_certs;
	const struct checker_set *set;
	struct path_cert *const *path; /* certificate first, anchor last */
	size_t count;
	time_t at;
	bool fetch;
	const struct timespec *deadline;
	unsigned *left;
	unsigned depth;            /* 0: the path in question */
	bool *broken;              /* set where there was no memory */
};

/* What one source says of one certificate. */
struct status_answer {
	struct status status;
	char source[CHECKER_SOURCE_MAX];
	time_t when;
	bool fault; /* as in struct checker_finding */
};

/* As checker_path() but for the mode: the certificate's, unless one above it has a worse one. False: no memory. */
bool status_query_path(const struct status_query *query, struct checker_finding *finding);

/* What lists say of a certificate whose issuer is that one of the path. */
void status_query_lists(const struct status_query *query, const struct path_cert *cert, size_t issuer,
	struct status_answer *told);

#endif
