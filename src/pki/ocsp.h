/* ocsp: ask a responder about one certificate, and remember what it said (RFC 6960, RFC 5019).
 *
 * An answer is remembered until its nextUpdate, a revocation for ever; when it is older than
 * status-max-age it is asked again, and stands where nobody answers. A small request goes by GET, which caches
 * may answer (RFC 5019 5), and by POST where that fails or the request is larger; ocsp-nonce says
 * whether a nonce goes along, which is never demanded back, but must be the same where there is one.
 *
 * Threads: all functions but _new and _free may be called from any.
 */
#ifndef PKI_OCSP_H
#define PKI_OCSP_H

#include "config/config.h"
#include "fetch/errands.h"
#include "pki/cert.h"
#include "pki/status.h"

#define OCSP_REMEMBERED_MAX 8192 /* answers; the one that was used least lately goes */
#define OCSP_GET_MAX 255         /* octets of a URL with a request in it (RFC 5019 5) */

struct ocsp;

/* config and errands are borrowed and outlive it. */
enum answer ocsp_new(const struct config *config, struct errands *errands, struct ocsp **ocsp, struct error *err);
void ocsp_free(struct ocsp *ocsp); /* NULL is safe */

struct ocsp_inquiry {
	const struct cert *cert;
	const struct cert *issuer;
	const char *const *urls; /* responders, tried in this order */
	size_t url_count;
	bool accept_weak;
	time_t at;
	bool fetch;                       /* false: only what is remembered */
	const struct timespec *deadline;
	unsigned *left;                   /* counts down with each fetch; at 0 none is made */
};

/* *status: as ocsp_response_judge(); UNKNOWN also as errands_do(), and "no-responder": no url,
 * "not-fetched", "fetch-limit". *asked: when the responder said so; *responder as there, the caller's. url: that
 * of the responder who said it, borrowed from inquiry; NULL with UNKNOWN. */
void ocsp_ask(struct ocsp *ocsp, const struct ocsp_inquiry *inquiry, struct status *status, time_t *asked,
	struct cert **responder, const char **url);

#endif
