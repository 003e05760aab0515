/* results: what is said about a message in its header (RFC 8601, RFC 7281).
 *
 *     Authentication-Results: mx.example; smime=pass (signed, trusted by partners)
 *      body.smime-identifier=obchod@partner.example body.smime-serial=1A2B
 *      body.smime-issuer="CN=..."
 *     X-Seal-Layer-1: encrypted; opened=yes; key=mail; cipher=AES-256-CBC; transport="RSA OAEP"
 *     X-Seal-Layer-2: signed; form=clear; intact=intact; trust=trusted; trust-set=partners; status=good;
 *      status-source="OCSP http://..."; status-told="..."; address=match; qualified=qualified-signature;
 *      profile=ica-qualified-signature; ...; subject="CN=..."; issuer="CN=..."; serial=1A2B
 *
 * Everything of a certificate or message that is quoted there may come from an attacker, so
 * - what nobody vouches for must not look like an identity. smime-identifier (RFC 7281 3.2)
 *   stands with pass only, and is an address that is inside the certificate, or From where a
 *   directory binds the certificate to it. smime-serial and smime-issuer, always both
 *   (RFC 7281 3.2.3), need an intact and strong signature whose certificate is trusted. In
 *   the layers' fields no name of the certificate stands unless the signature is intact, and
 *   the names are claimed-subject, claimed-issuer and claimed-serial unless it is strong and
 *   trusted. Trust and address of one that is not intact are untrusted and mismatch, as
 *   judge does not look at them; nor at those of one that it cannot read the certificate of.
 *   Log and explain say more.
 * - in a layer's field "; " stands nowhere but before a parameter, whatever a value holds, so
 *   that a filter which looks for "; trust=trusted" cannot be deceived: semicolons become
 *   commas, and a fold is before the blank. Control characters and what is not ASCII become
 *   "?", runs of blanks one, and a value that is longer than RESULTS_VALUE_MAX ends in "...".
 *   No line is longer than 78 octets where a blank permits.
 * Threads: any.
 */
#ifndef GATEWAY_RESULTS_H
#define GATEWAY_RESULTS_H

#include "gateway/inbound.h"

#include <time.h>

#define RESULTS_LAYER_PREFIX "X-Seal-Layer-"
#define RESULTS_SIGNERS_SHOWN 5  /* of one layer; that there are more is said */
#define RESULTS_LAYERS_SHOWN 8   /* outermost; likewise */
#define RESULTS_VALUE_MAX 200    /* octets of one value in a layer's field, escapes included */
#define RESULTS_FIELD_MAX 4096   /* octets of one such field; signers that do not fit are not shown */
/* Octets of all that is added, folds included; MTAs take 100 KiB of header. */
#define RESULTS_TOTAL_MAX (48 * 1024)
#define RESULTS_SHORTENED_MAX 100 /* fields of trusted-authres that are kept in part; more are removed */

/* Fields that somebody else may have written in our name:
 * - Authentication-Results that any reader could take for authserv_id's (RFC 8601 5) go,
 *   also where one could take them for one of trusted-authres;
 * - of those that could be one of trusted-authres, our own id among them, the results of
 *   smime go. The field is put on top without them, several in their order; it goes as a whole
 *   where nothing is left or its syntax is wrong;
 * - each X-Seal-Layer goes.
 * To be called once an edit, and behind results_write(), whose fields then stand above all
 * others. False: no memory. */
bool results_remove_forged(const struct config *config, const char *authserv_id, const struct message *m,
	struct edit *e);
/* One Authentication-Results, smime=none too, and a field for each layer under it. in is what
 * inbound_gather() left. False: no memory. */
bool results_write(const char *authserv_id, const struct inbound *in, struct edit *e);
/* The layers' fields as header lines, for the part of a veiled message (inbound.h) that holds its
 * content: the message's own header says nothing of what is in the envelope, nor whether it
 * opened. out has failed: no memory. */
void results_add_layers(const struct layers *l, struct buf *out);

/* ---- the words in which fields, log and explain agree ------------------------- */

const char *results_kind_name(enum verdict_kind kind); /* "signed", "encrypted", "compressed", "certificates" */
const char *results_form_name(const struct layer *layer); /* of a SIGNED one: "clear", "opaque" */

const char *results_status_name(enum status_state state); /* "good", "revoked", "unknown" */
/* Ids of the rules of its profile that it breaks: "qc-type, common-name". "unreadable": no rule could be asked. */
void results_add_broken(const struct layers_signer *s, enum profile_severity severity, struct buf *ids);
/* Of a finding of more than the certificate itself, or a list's fault. NULL: there is nothing of it. */
const char *results_status_of(const struct checker_finding *finding);
const char *results_status_fault(const struct checker_finding *finding);

#define RESULTS_TIME_SIZE 32
/* "2027-05-31T12:00:00Z"; "out of range" for what no calendar holds. */
void results_time(time_t when, char text[RESULTS_TIME_SIZE]);

#endif
