/* ocsp_response: what one OCSP response says of a certificate (RFC 6960, RFC 5019).
 *
 * Pure: the response was had elsewhere. It is believed when the certificate's issuer signed it,
 * or a responder whose certificate that issuer signed for the purpose. That the issuer's own
 * chain leads to an anchor is the caller's to see to. Any thread.
 */
#ifndef PKI_OCSP_RESPONSE_H
#define PKI_OCSP_RESPONSE_H

#include "pki/cert.h"
#include "pki/status.h"

#define OCSP_RESPONSE_OCTETS_MAX (256 * 1024)
#define OCSP_RESPONSE_SINGLES_MAX 100    /* certificates that one response speaks of */
#define OCSP_RESPONSE_CERTS_MAX 16       /* certificates in it; the rest are not looked at */
#define OCSP_RESPONSE_EXTENSIONS_MAX 32  /* of a response and of each certificate in it */
#define OCSP_RESPONSE_CLOCK_SKEW 300     /* s by which the responder's clock may be ahead of ours */
#define OCSP_RESPONSE_AGE_MAX 3600       /* s after which one without nextUpdate is too old */

struct ocsp_question {
	const struct cert *cert;
	const struct cert *issuer;
	struct slice nonce; /* of the request, none where there was none: a response with another is not ours */
	bool accept_weak;   /* as in chain_store_new() */
	time_t at;
};

/* What is revoked stays so after nextUpdate, a certificate on hold excepted. UNKNOWN, with
 * codes: "malformed", "limit"; "try-later", "unauthorized" (the responder does not answer for that issuer's
 * certificates), "responder" (another failure it names); "no-signer": nobody who may speak for the issuer
 * signed it; "signature", "weak", "algorithm" of signature.h; "critical-extension", "nonce"; "no-answer":
 * the certificate is not in it, or more than once; "not-issued": the responder does not know it;
 * "not-current"; "expired": good, but the certificate had expired by then and the responder does not
 * say that it keeps such. why.answer is CANT_TELL where there was no memory.
 * *responder: NULL, or, the caller's, the certificate of a delegated responder without
 * id-pkix-ocsp-nocheck: the answer holds only if that is not revoked (RFC 6960 4.2.2.2.1). */
void ocsp_response_judge(struct slice der, const struct ocsp_question *question, struct status *status,
	struct cert **responder);

#endif
