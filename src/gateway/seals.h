/* seals: are the certificates that we seal with in good standing?
 *
 * Who has lost the key of a seal has its certificate revoked: then nothing more may be sealed with
 * it, whoever asks. Which of the configured sets of authorities vouches for it does not matter; how
 * much it must be known is seal-revocation's to say.
 *
 * Threads: all functions but _new and _free may be called from any.
 */
#ifndef GATEWAY_SEALS_H
#define GATEWAY_SEALS_H

#include "keys/key.h"
#include "pki/trust.h"

#define SEALS_DAY 86400   /* s between two looks */
#define SEALS_AGAIN 600   /* ... while one is revoked, or cannot be told */

struct seals;

/* All is borrowed and outlives it; identities: one for each of config's signers. CANT_TELL: no memory. */
enum answer seals_new(const struct config *config, struct key_identity *const *identities,
	const struct trusts *trusts, struct seals **seals, struct error *err);
void seals_free(struct seals *seals); /* NULL is safe */

/* Is it time to look? uptime: clock_seconds(). */
bool seals_due(const struct seals *seals, time_t uptime);
/* Looks at each, waiting up to status-timeout for its status. tell: what is not in good standing is logged:
 * when that is found, and once a day. */
void seals_check(struct seals *seals, time_t now, time_t uptime, bool tell);

/* May that signer seal? Nobody has looked yet: it is looked at now, which waits as above. CANT_TELL: "revoked";
 * "status-unknown" with seal-revocation = require. */
enum answer seals_may_sign(struct seals *seals, size_t signer, time_t now, struct error *err);

#endif
