/* authorise: may the writer of a request have these certificates revoked? (I.CA CP 3.4, 4.9.3; CESNET CPS 3.4)
 *
 * Pure: facts and what the configuration says of one authority in, a decision for each line out. Nothing
 * is asked here; where an answer hangs on something that is not yet known, the decision says what is to be
 * asked, and the caller comes again with it. So a password is computed and a status fetched only where that
 * decides something, and the worker comes to the same decision from what was kept of the facts.
 *
 * A certificate is (issuer, serial). Issuers are numbered as in issued.h, one for each name that the
 * authority's certificates have. Everything in the facts is borrowed, and so is what a decision points to; its
 * texts are static. Threads: any.
 */
#ifndef REVOCATION_AUTHORISE_H
#define REVOCATION_AUTHORISE_H

#include "revocation/inventory.h"

#define AUTHORISE_LINES_MAX 100         /* in one request */
#define AUTHORISE_AGE (72 * 60 * 60)    /* s: request-age unless it is set */
#define AUTHORISE_NONE ((size_t)-1)     /* no issuer, signer or match */
#define AUTHORISE_KEY 32                /* octets of a request's key */

/* ---- what is configured for one authority ------------------------------------- */

enum authorise_form {
	AUTHORISE_SIGNED = 1,      /* with the private key of the very certificate */
	AUTHORISE_SAME_SUBJECT = 2, /* with that of another one of the same subject, policy and authority */
	AUTHORISE_AUTHORISED = 4,  /* by somebody listed for an organisation */
	AUTHORISE_PASSWORD = 8,
};

/* Somebody who may speak for an organisation. */
struct authorise_listing {
	unsigned char digest[32];    /* SHA-256 of the certificate's DER */
	struct holder organisation;  /* of it only organizationIdentifier, or organizationName and countryName */
	bool by_name;                /* the latter two will do where neither side has the first */
};

/* The same by mail that is not signed, with dkim=pass of the From address' own domain. */
struct authorise_sender {
	struct slice address;
	struct holder organisation;
	bool by_name;
};

struct authorise_block {
	struct slice name;                 /* the authority's, "ica": a part of a request's key */
	unsigned forms;                    /* those that are open, of enum authorise_form */
	const struct slice *issuers;       /* issued_names() */
	size_t issuer_count;
	time_t request_age;                /* s */
	const struct authorise_listing *listings; /* those that are known without asking */
	size_t listing_count;
	const struct authorise_sender *senders; /* none: the special case is off */
	size_t sender_count;
};

/* ---- facts about one request -------------------------------------------------- */

/* ASK: it was not asked for yet. */
enum authorise_trust { AUTHORISE_TRUST_ASK, AUTHORISE_TRUSTED, AUTHORISE_UNTRUSTED, AUTHORISE_TRUST_UNKNOWN };
enum authorise_status { AUTHORISE_STATUS_ASK, AUTHORISE_GOOD, AUTHORISE_REVOKED, AUTHORISE_STATUS_UNKNOWN };

struct authorise_signer {
	bool covers;                   /* all of the text that was read as the request lies in this layer */
	bool intact;                   /* each signature of this layer is, and this one's certificate is there */
	bool weak;                     /* intact, but what it rests on can be forged */
	bool may_sign;                 /* key usage */
	size_t issuer;                 /* issued_by() it is; AUTHORISE_NONE: another authority's */
	struct holder_serial serial;   /* where there is an issuer */
	const struct holder *holder;   /* NULL: cannot be read */
	unsigned char digest[32];      /* SHA-256 of the certificate's DER */
	unsigned char signature[32];   /* SHA-256 of the signature's octets */
	bool has_signing_time;
	time_t signing_time;
	enum authorise_trust trust;    /* chain valid at receipt, status left out */
	enum authorise_status status;  /* at receipt */
};

enum authorise_inventory { AUTHORISE_INVENTORY_ASK, AUTHORISE_INVENTORY_HERE, AUTHORISE_INVENTORY_AWAY };
/* NONE: there are no groups, so that the block's listings are all. */
enum authorise_groups { AUTHORISE_GROUPS_NONE, AUTHORISE_GROUPS_ASK, AUTHORISE_GROUPS_HERE, AUTHORISE_GROUPS_AWAY };
/* LATER: too many guesses, or too many checks now. */
enum authorise_password { AUTHORISE_PASSWORD_ASK, AUTHORISE_PASSWORD_CHECKED, AUTHORISE_PASSWORD_LATER };

struct authorise_line {
	struct holder_serial serial;
	struct slice password;         /* empty: none */
	enum authorise_inventory inventory;
	const struct inventory_entry *const *matches; /* HERE: those with that serial number, each issuer's once */
	size_t match_count;
	enum authorise_password check;
	const bool *password_matches;  /* CHECKED: one to one with matches */
};

struct authorise_facts {
	time_t received;
	const struct authorise_line *lines; /* in their order, one at least */
	size_t line_count;
	const struct authorise_signer *signers; /* of all layers that are the whole of what is around them */
	size_t signer_count;
	bool is_signed;                /* it has a signature of any kind, readable or not */
	enum authorise_groups groups;
	const struct authorise_listing *listings; /* HERE: all of them, the block's too */
	size_t listing_count;
	struct slice from;             /* the From address where it is exactly one; else empty */
	const struct slice *dkim;      /* header.d of each dkim=pass in a trusted Authentication-Results */
	size_t dkim_count;
	unsigned char content[32];     /* SHA-256 of the body, for the key of what is not signed */
};

/* ---- decisions ---------------------------------------------------------------- */

enum authorise_kind {
	AUTHORISE_ACCEPT,
	AUTHORISE_WAIT,    /* for a person's word: it is the writer's, but may be an old one */
	AUTHORISE_DEFER,   /* 451 */
	AUTHORISE_REFUSE,  /* 550 */
};

/* What is to be asked before there is a decision. */
enum authorise_ask {
	AUTHORISE_ASK_INVENTORY = 1, /* for line's serial number */
	AUTHORISE_ASK_PASSWORD = 2,  /* is it any match's? Also where there are no matches, so that it costs the same */
	AUTHORISE_ASK_TRUST = 4,     /* chain and status of ask_signer */
	AUTHORISE_ASK_GROUPS = 8,    /* whom they list */
};

struct authorise_decision {
	unsigned ask;             /* of enum authorise_ask; unless 0, only line, ask_signer and same_as hold besides */
	size_t line;              /* whose password and matches count: this, or a later one with its number */
	size_t ask_signer;        /* whose trust, one at a time; AUTHORISE_NONE: nobody's */
	enum authorise_kind kind;
	enum authorise_form form; /* ACCEPT, WAIT */
	size_t signer;            /* ACCEPT, WAIT: whose signature; AUTHORISE_NONE: none counted */
	size_t sender;            /* of the block, who sent it unsigned; AUTHORISE_NONE */
	size_t match;             /* of line's, the certificate; AUTHORISE_NONE: it is the signer's own */
	size_t issuer;            /* ACCEPT, WAIT: of the certificate */
	size_t same_as;           /* an earlier line with the same number, whose decision this is; AUTHORISE_NONE */
	const char *code;         /* unless ACCEPT: for log and programs; static */
	const char *words;        /* ... and why, for people */
	unsigned char key[AUTHORISE_KEY]; /* ACCEPT, WAIT: the same for the same request, sent again */
};

/* What is to be done with the mail as a whole: all or nothing, as whoever is told that it was refused does not look for what
 * was done nevertheless. */
enum authorise_whole {
	AUTHORISE_WHOLE_ASK,    /* some line is to be asked for, and none is refused */
	AUTHORISE_WHOLE_DEFER,  /* some line is deferred, and none is refused: it comes again as a whole */
	AUTHORISE_WHOLE_TAKE,   /* each line is accepted or waits */
	AUTHORISE_WHOLE_REFUSE, /* some line is refused, whatever is still to be asked for others */
};

/* Fills decisions, one for each line, line_count of them; more than AUTHORISE_LINES_MAX: the first says why it is
 * refused, no other is filled. Each is made for itself, so that one that asks for nothing is final. */
enum authorise_whole authorise(const struct authorise_block *block, const struct authorise_facts *facts,
	struct authorise_decision *decisions);

#endif
