/* state: what a gateway holds, for the files of this room only. */
#ifndef GATEWAY_STATE_H
#define GATEWAY_STATE_H

#include "gateway/gateway.h"
#include "gateway/intake.h"
#include "gateway/logins.h"
#include "gateway/seals.h"
#include "gateway/trace.h"
#include "revocation/authority.h"
#include "revocation/password.h"

#include <stdatomic.h>

/* Certificates that a rule's also-encrypt-to names, read once. */
struct state_archive {
	struct cert **certs;
	size_t count;
};

struct gateway {
	atomic_uint references;
	struct config *config;
	struct key_identity **identities; /* one for each of config's signers */
	struct key_identity **decryptions; /* one for each of config's decryption keys */
	struct trusts *trusts;            /* sets of authorities */
	struct seals *seals;              /* the standing of identities' certificates */
	char *authserv_id;                /* never NULL: configured, or the host's name */
	struct directories *directories;
	struct authorities *authorities;  /* where requests for revocation are taken */
	struct password_work *passwords;  /* checks of requests' passwords */
	struct intake *intake;            /* borrowed; NULL: none are taken now */
	struct trace_key *trace_key;      /* NULL: none configured */
	struct logins *logins;            /* NULL: none configured */
	struct state_archive *archives;   /* one for each of config's rules */
	struct made *made;                /* borrowed; NULL: nothing is remembered */
};

/* ms: how often such a message is answered, whose work must not tell what is in it (answer-interval). */
unsigned state_answer_interval(const struct config *config, size_t octets);
/* Octets that a message's content may have when it was opened. */
size_t state_opened_limit(const struct gateway *g, const struct message *m);

#endif
