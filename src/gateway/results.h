/* results: what is said about a message in its header (RFC 8601, RFC 7281).
 *
 *     Authentication-Results: mx.example; smime=pass (signed, trusted by partners)
 *      body.smime-identifier=obchod@partner.example body.smime-serial=1A2B
 *      body.smime-issuer="CN=..."
 *     X-Seal-Layer-1: encrypted; opened=yes; key=mail; cipher=AES-256-CBC; transport="RSA OAEP"
 *     X-Seal-Layer-2: signed; intact=intact; trust=trusted; address=match; qualified="not evaluated"; ...
 *
 * Everything of a certificate or message that is quoted there may come from an attacker.
 * Threads: any.
 */
#ifndef GATEWAY_RESULTS_H
#define GATEWAY_RESULTS_H

#include "gateway/inbound.h"

#define RESULTS_LAYER_PREFIX "X-Seal-Layer-"
#define RESULTS_SIGNERS_SHOWN 5 /* of one layer; that there are more is said */

/* Fields that somebody else has written in our name: Authentication-Results of our
 * authserv-id, of trusted-authres the results of smime, every X-Seal-Layer. False: no memory. */
bool results_remove_forged(const struct config *config, const char *authserv_id, const struct message *m,
	struct edit *e);
/* Ours, above all others. False: no memory. */
bool results_write(const char *authserv_id, const struct inbound *in, struct edit *e);

#endif
