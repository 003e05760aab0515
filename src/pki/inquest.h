/* inquest: the status of each certificate of one path, as lists and responders tell it.
 *
 * checker.h's own; there is said what counts. inquest.c goes down the path and asks responders, listed.c
 * looks into lists. Blocks where it may fetch. One thread at a time.
 */
#ifndef PKI_INQUEST_H
#define PKI_INQUEST_H

#include "pki/checker.h"
#include "pki/holds.h"
#include "pki/subjects.h"

/* Who signed a list may need a list of its own: so many times. What is signed by still
 * another then is not believed. */
#define INQUEST_DEPTH_MAX 1

/* All borrowed. */
struct inquest {
	const struct config *config;
	struct crl_cache *lists;
	struct ocsp *ocsp;
	struct holds *holds;
	struct subjects *subjects;
	const struct checker_set *set;
	struct subject *const *path; /* certificate first, anchor last */
	size_t count;
	time_t at;
	bool fetch;
	const struct timespec *deadline;
	unsigned *left;
	unsigned depth;            /* 0: the path in question */
	bool *broken;              /* set where there was no memory */
};

/* What one source says of one certificate. */
struct told {
	struct status status;
	char source[CHECKER_SOURCE_MAX];
	time_t when;
	bool fault; /* as in struct checker_finding */
};

/* As checker_path() but for the mode: the certificate's, unless one above it has a worse one. False: no memory. */
bool inquest_path(const struct inquest *inquest, struct checker_finding *finding);

/* What lists say of a certificate whose issuer is that one of the path. */
void listed_status(const struct inquest *inquest, const struct subject *subject, size_t issuer, struct told *told);

#endif
