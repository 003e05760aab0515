/* revocation: mail to an address where requests for revocation are taken.
 *
 * It is judged by its revocation block alone, whatever listener it comes in by: what other inbound mail is refused or deferred for
 * neither refuses nor defers it. It is written into the inbox before the MTA hears 250, and goes on to the operator.
 * Threads: any.
 */
#ifndef GATEWAY_REVOCATION_H
#define GATEWAY_REVOCATION_H

#include "gateway/edit.h"
#include "gateway/gateway.h"

/* Is that recipient such an address? */
bool revocation_takes(const struct gateway *g, const struct gateway_entry *entry, struct slice recipient);
/* Is any of the message's? */
bool revocation_is(const struct gateway *g, const struct gateway_entry *entry, const struct message *m);

/* At RCPT: such an address is alone in its transaction. False: *reply is the answer. */
bool revocation_recipient(const struct gateway *g, const struct gateway_entry *entry, const struct message *m,
	struct slice recipient, struct edit_reply *reply);

/* At the end of the message; e is initialised here. */
void revocation_message(struct gateway *g, const struct gateway_entry *entry, const struct message *m, time_t now,
	struct edit *e);

/* What would become of it, for sealctl explain; passwords do not show. */
void revocation_explain(struct gateway *g, const struct gateway_entry *entry, const struct message *m, time_t now, bool json,
	struct buf *out);

#endif
