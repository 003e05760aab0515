/* authorise_reasons: why a request is not accepted, in words. Static; any thread. */
#ifndef REVOCATION_AUTHORISE_REASONS_H
#define REVOCATION_AUTHORISE_REASONS_H

/* Of several refusals that which stands last here is told: it came nearest. Whoever writes a password is told
 * nothing else than that it is wrong, whatever else is so of the mail and of the serial number. */
enum authorise_reason {
	REASON_NONE, /* it is accepted */
	REASON_FORM_CLOSED,
	REASON_UNSIGNED,
	REASON_NOT_LISTED,
	REASON_NOT_COVERED,
	REASON_BAD_SIGNATURE,
	REASON_NO_DKIM,
	REASON_OTHER_AUTHORITY,
	REASON_OTHER_CERTIFICATE,
	REASON_OTHER_SUBJECT,
	REASON_SEVERAL,
	REASON_KEY_USAGE,
	REASON_UNTRUSTED,
	REASON_REVOKED,
	REASON_UNKNOWN_SERIAL,
	REASON_OTHER_ORGANISATION,
	REASON_PASSWORD,
	REASON_AMBIGUOUS,
	REASON_LIMIT,
	/* It waits. */
	REASON_WEAK,
	REASON_NO_TIME,
	REASON_FUTURE,
	REASON_OLD,
	/* It is deferred. */
	REASON_INVENTORY_AWAY,
	REASON_GROUPS_AWAY,
	REASON_STATUS_UNKNOWN,
	REASON_PASSWORD_LATER,
	REASON_MEMORY,
	REASONS,
};

struct authorise_reason_text {
	const char *code, *words;
};

extern const struct authorise_reason_text authorise_reasons[REASONS];

#endif
