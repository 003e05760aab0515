/* claim_case: one claim while it is judged; for the files of claim.
 *
 * What is known of it in authorise.h's terms, and where to ask for what is not. Threads: as claim.
 */
#ifndef GATEWAY_CLAIM_CASE_H
#define GATEWAY_CLAIM_CASE_H

#include "gateway/claim.h"
#include "gateway/state.h"
#include "revocation/lookup.h"

#define CLAIM_DKIM_MAX 64 /* values of header.d that are looked at */

/* What was asked about the line of the same number. */
struct claim_asked {
	struct inventory *inventory;
	const struct inventory_entry *matches[INVENTORY_ISSUERS_MAX];
	bool right[INVENTORY_ISSUERS_MAX];
};

/* Whose signature it is, one to one with the facts' signers. */
struct claim_person {
	const struct layer *layer;
	const struct cert *cert; /* NULL: it is not there */
	struct holder holder;
};

struct claim_case {
	const struct claim_desk *desk;
	const struct authority *authority;
	struct claim *claim;
	time_t now;
	struct authorise_facts facts;
	struct authorise_signer *signers;
	struct claim_person *persons;
	struct authorise_line *lines;
	struct claim_asked *asked;            /* of each line */
	const char **languages;               /* ... */
	struct authorise_decision *decisions; /* ... */
	size_t only;                          /* the line that is judged; AUTHORISE_NONE: all are */
	struct authorise_listing *listings;
	unsigned fetches_left;
	struct error doubt;                   /* why the last one that was asked could not tell, for the log */
	/* What facts borrow. */
	struct buf from_text;
	struct slice dkim[CLAIM_DKIM_MAX];
	struct buf opened;                    /* a record's evidence or password, without its seal; wiped */
	struct message *empty;                /* a record's, for layers: nobody's */
	struct mime *entity;
	struct inventory *own;                /* the signer's certificate, where nothing else says where to write to */
	const char **contacts[AUTHORISE_LINES_MAX];
};

/* The last envelope's number + 1: signatures from there on cover the text. */
size_t claim_inside(const struct layers *l);

/* ---- claim_facts.c ---------------------------------------------------------------- */

/* Signers, and whether there is any signature at all. CANT_TELL: "memory". */
enum answer claim_find_signers(struct claim_case *c, struct error *err);
/* The one From address, and who m's MTA says signed it (DKIM). */
void claim_find_sender(struct claim_case *c, const struct message *m);
/* A field that says so, as claim_find_sender() looks at it: only the uppermost of each trusted id that has a result of dkim. */
bool claim_is_trusted_result(const struct config *config, const struct message *m, size_t field);
/* Room for so many lines. */
enum answer claim_make_lines(struct claim_case *c, size_t count, struct error *err);
bool claim_digest(const struct slice *pieces, size_t count, unsigned char digest[32]);

/* ---- claim_ask.c ------------------------------------------------------------------ */

struct lookup claim_lookup(const struct claim_case *c);
/* Until there is a decision of each line, or the only one. */
enum authorise_whole claim_decide(struct claim_case *c);

/* ---- claim_secret.c ---------------------------------------------------------------- */

/* Stands a password's phrase anywhere in its texts, quoted or attached ones too? Yes also where that cannot be read. */
bool claim_may_hold_password(const struct mime_part *root, const struct phrases *phrases);

/* ---- claim_evidence.c -------------------------------------------------------------- */

/* Of what was taken, into the claim. m: the mail. NO: "limit": it is too large. */
enum answer claim_write_evidence(struct claim_case *c, const struct message *m, struct error *err);
/* What a record has, without its seal, in c->opened or as it stands: *evidence. NO: "proof". */
enum answer claim_open_evidence(struct claim_case *c, const struct record *record, struct slice *evidence, struct error *err);
/* The password in c->opened. NO: "proof". */
enum answer claim_open_password(struct claim_case *c, const struct record *record, struct slice proof, struct error *err);

#endif
