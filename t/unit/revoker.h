/* revoker: an HTTP server of the test's own that answers as OCSP responders and distribution points do,
 * well or badly. What goes wrong ends the program. */
#ifndef REVOKER_H
#define REVOKER_H

#include "base/slice.h"

#include <openssl/ocsp.h>

#include <stdbool.h>

#define REVOKER_PLACES 16

/* What is at one path. Times are s from AUTHORITY_NOW. */
struct revoker_place {
	const char *path;       /* "/ocsp/leaf"; a request by GET has it in front */
	/* A responder: */
	bool ocsp;
	int failure;            /* OCSP_RESPONSE_STATUS_...; 0: it answers */
	int state;              /* V_OCSP_CERTSTATUS_...; of whatever is asked for */
	int reason;             /* REVOKED; -1: none is said */
	long issued, ends, since;
	X509 *signer;
	const char *key;        /* authority_key()'s */
	bool wrong_nonce;
	/* Anything else: */
	int status;             /* of HTTP; 0: 200 */
	struct slice octets;    /* what is sent, not owned */
	/* Either: */
	bool no_get;            /* 405 */
	bool gated;             /* answers once revoker_open() was called */
	/* What happened: */
	unsigned gets, posts;
};

/* Threads: places are changed only while nobody asks. */
void revoker_start(void);
void revoker_stop(void);
/* The caller's to set up; a path's second place is never used. */
struct revoker_place *revoker_place(const char *path);
/* Different paths are on different hosts, all in 127.0.0.0/24. One of eight buffers in turn. */
const char *revoker_url(const char *path);
unsigned revoker_hits(const char *path);
void revoker_open(void);
/* Until that path has been asked so often. */
void revoker_wait(const char *path, unsigned hits);

#endif
