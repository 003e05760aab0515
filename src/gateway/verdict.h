/* verdict: what is said of a message's protection, from plain facts (RFC 8601, RFC 7281).
 *
 * Four questions stay apart for every signer: is the signature intact, does the
 * certificate lead to an anchor, does its address belong to From, is it qualified. They
 * are answered elsewhere; here is decided what they add up to. Pure; any thread.
 */
#ifndef GATEWAY_VERDICT_H
#define GATEWAY_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

enum verdict_intact {
	VERDICT_INTACT,
	VERDICT_BROKEN,
	VERDICT_NO_CERTIFICATE, /* nobody's to be found in the message */
	VERDICT_UNSUPPORTED,    /* an algorithm that cannot be computed here: nothing is known */
};

enum verdict_trust {
	VERDICT_TRUSTED,
	VERDICT_UNTRUSTED,
	VERDICT_TRUST_UNKNOWN, /* it cannot be told now whether it has been revoked */
};

enum verdict_address {
	VERDICT_MATCH,           /* inside the certificate, and From */
	VERDICT_BOUND,           /* none inside, but the directory lists this very certificate for From */
	VERDICT_ABSENT,          /* none inside, and nobody vouches for it */
	VERDICT_MISMATCH,
	VERDICT_SENDER,          /* inside the certificate, and Sender, not From */
	VERDICT_ADDRESS_UNKNOWN, /* the directory cannot be asked now */
};

/* pki/trust.h says what makes one. */
enum verdict_qualified {
	VERDICT_NOT_EVALUATED, /* nothing was looked at: the signature is not intact, or its certificate unreadable */
	VERDICT_NONE,
	VERDICT_ADVANCED,
	VERDICT_QUALIFIED_SIGNATURE,
	VERDICT_QUALIFIED_SIGNATURE_QSCD,
	VERDICT_QUALIFIED_SEAL,
	VERDICT_QUALIFIED_SEAL_QSCD,
};

/* Static texts for log, fields and explain: "intact", "untrusted", "match" and so on. */
const char *verdict_intact_name(enum verdict_intact intact);
const char *verdict_trust_name(enum verdict_trust trust);
const char *verdict_address_name(enum verdict_address address);
const char *verdict_qualified_name(enum verdict_qualified qualified);

struct verdict_signer {
	enum verdict_intact intact;
	bool weak;            /* digest or key that is broken in practice */
	bool may_sign;        /* key usage */
	enum verdict_trust trust;
	bool revoked;         /* UNTRUSTED, for that reason */
	enum verdict_address address;
	bool other_time;      /* it says to be of another time than Date, further than is tolerated */
	bool absent_accepted; /* its trust set takes certificates without address */
	bool sender_accepted; /* this Sender may sign for this From */
	enum verdict_qualified qualified;
};

enum verdict_kind { VERDICT_SIGNED, VERDICT_ENCRYPTED, VERDICT_COMPRESSED, VERDICT_CERTS_ONLY };

/* One layer that is the whole of what is around it. */
struct verdict_layer {
	enum verdict_kind kind;
	bool noisy;     /* layers.h says of what, and why it matters */
	/* SIGNED */
	const struct verdict_signer *signers;
	size_t signer_count;
	const char *unreadable; /* why its signatures cannot be looked at; NULL: they can, or it goes without saying */
	/* ENCRYPTED */
	bool tried;           /* one of our keys was used on it */
	bool opened;          /* and gave content; what is inside of it stands in the layers behind */
	bool authenticated;   /* AuthEnvelopedData: its content is what the sender's program wrote */
};

struct verdict_facts {
	const struct verdict_layer *layers; /* outermost first */
	size_t layer_count;
	bool one_from;        /* exactly one From field with one address */
	bool partly_signed;   /* there is a signature, but over a part of the content only */
	const char *unreadable; /* it claims to be signed, but cannot be read so: why; NULL: it can */
	bool accept_weak;     /* weak-signatures = accept */
	bool accept_outside;  /* signature-outside = accept */
	bool refuse_twice;    /* signed-twice = policy */
};

#define VERDICT_NOBODY ((size_t)-1)

struct verdict {
	const char *result;   /* RFC 8601: "pass", "policy", "fail", "neutral", "permerror", "temperror", "none" */
	const char *reason;   /* static or the facts' text; NULL with pass */
	size_t layer, signer; /* whom it speaks of; VERDICT_NOBODY */
	bool unknown;         /* "temperror": it may pass once somebody who is away now can be asked */
	bool bad_signature;   /* one is broken, and none passes or may pass */
	bool undecryptable;   /* one of our keys was used, and it did not open */
	bool unauthenticated; /* a layer without authentication gave content without an intact signature inside, or
	                       * with noise around that */
	/* A layer that our keys were used on can be altered without that being noticed: the
	 * answer must then be the same for the three above, or it tells whether it decrypted. */
	bool malleable;
};

/* pass: some layer's signatures are all intact, one of them is strong, trusted and by a key for
 * signatures, not of another time than Date, its address matches, is bound or is accepted so,
 * From is one address, and, unless accept_outside, no envelope that was opened stands between the
 * layer and the content. With refuse_twice no other signature is around or in it, but for such
 * an envelope. The innermost such layer speaks.
 *
 * temperror: none is known to pass, but for what cannot be told now one might. Whether an altered
 * envelope opens makes no difference to that: it would be seen from outside.
 * Else what is worst about the signatures that are there: fail, permerror, neutral, policy; of
 * equals the outermost. */
void verdict_reach(const struct verdict_facts *facts, struct verdict *verdict);

#endif
