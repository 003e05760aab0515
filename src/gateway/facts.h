/* facts: everything that is asked about one message before it is decided.
 *
 * Every look-up outside the process (directory, login) that the end of a
 * message needs happens here. What nothing depends on is not looked at: mail
 * that is not outbound is not even sliced.
 */
#ifndef GATEWAY_FACTS_H
#define GATEWAY_FACTS_H

#include "gateway/policy.h"
#include "gateway/state.h"
#include "mail/mime.h"
#include "smime/recognise.h"

/* Directory work at the end of one message, s: below the 300 s that MTAs wait,
 * however many recipients take rcpt-deadline each. */
#define FACTS_LOOKUPS_MAX 120

struct facts {
	struct policy_facts policy;
	struct policy_recipient *recipients;  /* policy's */
	struct directory_result *results;     /* one a recipient; answer YES without candidates: not asked */
	bool *triggered;                      /* one a rule */
	bool trigger_ignored;
	struct buf from;                      /* the From address as one text */
	struct mime *mime;                    /* NULL: nothing depended on it */
	struct recognised recognised;
};

/* NO: the message cannot be read (a limit on MIME is passed). CANT_TELL: no
 * memory. In each case f is to be freed. m outlives f. */
enum answer facts_gather(struct gateway *g, const struct gateway_entry *entry, const struct message *m,
	time_t now, struct facts *f, struct error *err);
void facts_free(struct facts *f); /* what it holds */

#endif
