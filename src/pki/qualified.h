/* qualified: is it a qualified certificate, and for what? (eIDAS, EN 319 412-5)
 *
 * What a certificate says of itself counts only where those who vouch for it are named as issuing
 * such certificates, and nothing else is wrong or unknown. Pure; any thread.
 */
#ifndef PKI_QUALIFIED_H
#define PKI_QUALIFIED_H

#include "pki/trust.h"

struct qualified_question {
	bool trusted;                  /* trust_judge() says YES */
	bool signatures, seals;        /* the set's qualified-services */
	const struct status *status;   /* of the certificate, or of the one above it that is worse */
	const struct certfacts *facts; /* NULL: they cannot be read */
	/* The set's profile, kept or not, and how that went; NULL: it names none, and what counts is the
	 * built-in one of the kind that the certificate claims to be. */
	const struct profile *profile;
	const struct profile_result *result;
	time_t at;
};

/* reason: as trust_judgement.qualified_reason; YES too with an answer that is qualified. */
enum trust_qualified qualified_decide(const struct qualified_question *q, struct error *reason);

#endif
