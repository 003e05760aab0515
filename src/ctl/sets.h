/* sets: one certificate before the sets of authorities that the configuration has.
 *
 * Every set is asked, so that each can say what it thinks; one of them speaks for all: the first
 * that trusts it or says that it was revoked, else the first that cannot tell, else the first that it
 * chains into.
 */
#ifndef CTL_SETS_H
#define CTL_SETS_H

#include "ctl/ctl.h"
#include "pki/trust.h"

struct sets {
	struct config asked;           /* the configuration, its trust blocks being those that are asked ... */
	struct config_trust *blocks;   /* ... with the policies of the command line */
	struct trusts *trusts;         /* NULL: there is nothing to ask */
	const struct trust **sets;
	size_t set_count;
	struct trust_judgement *judgements; /* one for each of them */
	size_t count;
	const struct trust_judgement *speaker; /* NULL: there is no set */
};

/* The last is what stands at top level. The configuration outlives it; NULL: there is none, and
 * nothing is asked. From then on files are read as by the gate. */
enum answer sets_open(struct sets *s, const struct ctl_options *o, const struct config *config, struct error *err);
/* extra: certificates that may help, or NULL. */
enum answer sets_judge(struct sets *s, const struct ctl_options *o, const struct cert *cert, STACK_OF(X509) *extra,
	struct error *err);
void sets_close(struct sets *s);

const char *sets_name(const struct sets *s, const struct trust_judgement *j);

#endif
