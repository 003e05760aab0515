/* account: say what became of a message, for the log and for explain.
 *
 * Everything is borrowed for the length of a call and only read. Nothing of a
 * body or a secret is said. Threads: any.
 */
#ifndef GATEWAY_ACCOUNT_H
#define GATEWAY_ACCOUNT_H

#include "base/log.h"
#include "gateway/claim.h"
#include "gateway/facts.h"
#include "gateway/inbound.h"
#include "gateway/policy.h"

struct account {
	const struct gateway_entry *entry;
	const struct message *message;
	const struct facts *facts;
	const struct policy_plan *plan;
	const struct edit *edit;
	const char *note;        /* or NULL */
	const struct error *err; /* of what could not be carried out; answer YES: none */
	double milliseconds;
	const struct cert *seal; /* for explain: whose key would sign; NULL: not known */
	const struct inbound *inbound; /* NULL: the message is not inbound */
};

/* The one line of the message, and one for each certificate that was refused, or each
 * signature with which something is wrong. */
void account_log(const struct account *a);

/* A line for each certificate that was found for the recipient and will not do,
 * with the reason: at RCPT, where a refused recipient never comes to the above. */
void account_log_refused(const char *queue_id, struct slice recipient, const struct directory_result *found);

/* The same for people, or as one JSON object (sealctl(8) has its keys). */
void account_explain(const struct account *a, bool json, struct buf *out);

/* A mail to an address where requests for revocation are taken. */
struct account_revocation {
	const struct gateway_entry *entry;
	const struct message *message;
	const char *authority;
	const char *client;      /* address in text */
	const struct claim *claim;
	const struct error *err; /* why it is not accepted, or waits; YES: neither */
	/* for the log */
	const struct edit *edit;
	const char *result;      /* "received", "repeat", "refused", "deferred" */
	double milliseconds;
	/* for explain */
	const char *operator;    /* whom it goes on to; NULL: it stays */
	bool quiet;
};

/* Its one line; passwords do not show. */
void account_log_revocation(const struct account_revocation *a);
void account_explain_revocation(const struct account_revocation *a, bool json, struct buf *out);

/* ---- the words in which both agree ------------------------------------------- */

const char *account_form_name(enum authorise_form form); /* "signed", as in the configuration */
const char *account_content_name(enum inbound_content content); /* "unchanged", "opened" ... */
/* Why something encrypted stays closed, or is not handed on opened as the configuration
 * asks; answer YES: it is not so. */
const struct error *account_why_closed(const struct inbound *in);

#endif
