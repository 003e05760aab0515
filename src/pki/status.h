/* status: what is known of a certificate's revocation, whoever said it (CRL or OCSP).
 *
 * Plain data. A revocation that is listed stays one; "unknown" always says why, in the record
 * that errors travel in.
 */
#ifndef PKI_STATUS_H
#define PKI_STATUS_H

#include "base/error.h"

#include <stdbool.h>
#include <time.h>

enum status_state { STATUS_GOOD, STATUS_REVOKED, STATUS_UNKNOWN };

/* CRLReason (RFC 5280 5.3.1) with its numbers; 7 is not used. */
enum status_reason {
	STATUS_UNSPECIFIED = 0, /* or no reason was given */
	STATUS_KEY_COMPROMISE = 1,
	STATUS_CA_COMPROMISE = 2,
	STATUS_AFFILIATION_CHANGED = 3,
	STATUS_SUPERSEDED = 4,
	STATUS_CESSATION_OF_OPERATION = 5,
	STATUS_CERTIFICATE_HOLD = 6, /* may be taken back */
	STATUS_REMOVE_FROM_CRL = 8,  /* in a delta CRL only, never in an answer */
	STATUS_PRIVILEGE_WITHDRAWN = 9,
	STATUS_AA_COMPROMISE = 10,
};

struct status {
	enum status_state state;
	time_t since;              /* REVOKED: revocationDate */
	enum status_reason reason; /* REVOKED */
	time_t this_update;        /* GOOD, REVOKED: when that was said */
	time_t next_update;        /* ... and until when it may be believed; 0: it was not said */
	struct error why;          /* UNKNOWN: code and words */
};

/* Does RFC 5280 know the number? */
bool status_is_reason(unsigned number);
/* "keyCompromise" and so on. */
const char *status_reason_text(enum status_reason reason);

#endif
