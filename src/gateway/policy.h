/* policy: facts and configuration in, plan out. Pure: no I/O, no OpenSSL, no clock.
 *
 * It is asked three times: which rules speak for a recipient (before any
 * certificate is looked up), who the message comes from, and, when everything is
 * known, what is to be done. sealmilter.conf(5) says in words what is decided here.
 */
#ifndef GATEWAY_POLICY_H
#define GATEWAY_POLICY_H

#include "config/config.h"
#include "mail/message.h"

/* ---- where does the message come from? ------------------------------------ */

enum policy_origin {
	POLICY_OUTSIDE,       /* none of the below, or the listener does not allow it: not outbound */
	POLICY_INTERNAL,      /* client address in internal-networks */
	POLICY_AUTHENTICATED, /* SASL login */
	POLICY_LOCAL,         /* handed to the MTA on its own machine: no client address to speak of */
};
const char *policy_origin_name(enum policy_origin origin);

enum policy_origin policy_origin(const struct config *config, const struct client *client,
	enum config_direction listener);

/* Is the client one of our own, by login, network or machine, whatever listener and
 * daemon it came by? What such a client sends is never opened. */
bool policy_is_inside(const struct config *config, const struct client *client);

/* ---- which rules speak for one recipient? --------------------------------- */

/* What one recipient's rules ask for. The strings and rules are the configuration's. */
struct policy_wish {
	const struct config_rule *sign;    /* NULL: no rule says sign, or it says none */
	const struct config_rule *encrypt; /* the rule that decided level; NULL: no rule says encrypt */
	const struct config_rule *trigger; /* the triggered rule that strengthened it, or NULL */
	const struct config_rule *beneath; /* the rule that decided level before a trigger raised it, where it wants
	                                    * encryption too: its other demands still hold. NULL: none */
	enum config_encrypt level;         /* NEVER where no rule says encrypt */
	enum config_cipher cipher;         /* the stronger of the trigger's and what it strengthened */
	enum config_rsa_transport rsa_transport;
};

struct policy_question {
	struct slice from;      /* header From; empty: not known (yet) */
	struct slice sender;    /* envelope; empty: null sender */
	struct slice recipient;
	const bool *triggered;  /* one for each of config's rules; NULL: none known yet */
};
void policy_wish(const struct config *config, const struct policy_question *q, struct policy_wish *wish);

/* Is any trigger of the configuration in the message? triggered has rule_count items. */
void policy_triggers(const struct config *config, const struct message *m, bool *triggered);
/* Would this trigger's rule have weakened what the others ask for? For the log. */
bool policy_trigger_ignored(const struct config *config, const struct policy_question *q);

/* Does any rule demand encryption by who the sender is? */
bool policy_senders_matter(const struct config *config);

/* ---- the decision ---------------------------------------------------------- */

enum policy_met { /* what the message's existing protection provides */
	POLICY_MET_NOTHING = 0,
	POLICY_MET_SIGN = 1,      /* somebody's signature, intact */
	POLICY_MET_ENCRYPT = 2,   /* an envelope that parses */
	POLICY_MET_PGP = 4,       /* PGP/MIME encryption */
	POLICY_MET_OWN_SEAL = 8,  /* our own signature, verified */
};

struct policy_recipient {
	struct slice address;
	bool visible;             /* named in To, Cc or a Resent field */
	struct policy_wish wish;
	enum answer certificates; /* YES: there are usable ones; NO; CANT_TELL. Not looked at where level is NEVER */
	const struct error *reason; /* for NO and CANT_TELL */
};

struct policy_facts {
	enum policy_origin origin;
	enum config_role role;
	size_t from_count;        /* From fields */
	size_t from_addresses;    /* addresses in them; 0 where malformed */
	struct slice from;        /* where both are 1 */
	struct slice sender;
	struct slice login;       /* empty: not authenticated */
	enum answer login_may;    /* may the login use From? Asked only where the sign rule wants it */
	bool senders_matter;      /* policy_senders_matter() */
	bool traced;              /* it came in from outside once */
	unsigned met;             /* enum policy_met, or-ed */
	const struct policy_recipient *recipients;
	size_t recipient_count;
};

enum policy_action {
	POLICY_PASS,    /* untouched but for our own fields */
	POLICY_PROTECT, /* sign and/or encrypt as below */
	POLICY_REFUSE,  /* 5xx */
	POLICY_DEFER,   /* 4xx */
};

struct policy_plan {
	enum policy_action action;
	struct error reason;              /* REFUSE and DEFER: why. PASS: why nothing is done, for the log */
	const char *enhanced;             /* status code of the answer: "5.7.1" */
	const struct config_rule *sign;   /* NULL: not signed */
	const char *unsigned_because;     /* static text, NULL where signed */
	bool encrypt;                     /* to every recipient's certificates */
	const char *clear_because;        /* static text, NULL where encrypted */
	/* effective parameters, the strongest of all recipients' rules */
	enum config_cipher cipher;
	enum config_rsa_transport rsa_transport;
};

void policy_decide(const struct policy_facts *facts, struct policy_plan *plan);

/* Does what the message already is meet every wish for encryption? Then no
 * certificate need be looked up. */
bool policy_encrypt_is_met(const struct policy_facts *facts);

/* Do two wishes belong in one message, or would the one make the other's
 * recipient get something else than his rules ask for? */
bool policy_same_class(const struct policy_wish *a, const struct policy_wish *b);

#endif
