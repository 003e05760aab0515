/* ocsp_request: one question to one responder, by GET or POST, and what it answers (RFC 6960 A.1, RFC 5019).
 *
 * Blocks, as fetch_get() does. Any thread.
 */
#ifndef PKI_OCSP_REQUEST_H
#define PKI_OCSP_REQUEST_H

#include "config/config.h"
#include "pki/ocsp_response.h"

#define OCSP_REQUEST_NONCE 32 /* octets (RFC 9654 2.1) */

/* question: its nonce is made here where the configuration wants one. YES: *status is GOOD or REVOKED, *responder as in
 * ocsp_response_judge(). NO, CANT_TELL: as there, or as fetch_get(). */
enum answer ocsp_request_send(const struct config *config, const char *url, const struct ocsp_question *question,
	struct status *status, struct cert **responder, struct error *err);

#endif
