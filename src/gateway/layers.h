/* layers: an inbound message taken apart, S/MIME layer for layer (RFC 8551, RFC 5652).
 *
 * A layer is one only where it is the whole of what is around it: parts of a larger
 * multipart are never opened, however they came there (they may have been put beside
 * other text so that it carries their content away). Of each layer is kept what it is,
 * what it holds and what became of it. What it is worth is judge's and verdict's to say.
 * Threads: any, each its own struct.
 */
#ifndef GATEWAY_LAYERS_H
#define GATEWAY_LAYERS_H

#include "config/config.h"
#include "gateway/verdict.h"
#include "keys/key.h"
#include "mail/mime.h"
#include "pki/checker.h"
#include "pki/profile.h"
#include "smime/decrypt.h"
#include "smime/entity.h"
#include "smime/verify.h"

/* One signature, and what was found out about who made it. */
struct layers_signer {
	const struct verify_signer *signature; /* its layer's */
	struct verdict_signer verdict;
	const struct config_trust *trust;      /* the set that it is trusted by; NULL: none */
	struct error trust_reason;             /* unless TRUSTED */
	struct error address_reason;           /* unless MATCH or BOUND */
	/* What the set that speaks found, whose anchor its chain leads to. */
	bool has_status;                       /* finding holds */
	struct checker_finding finding;        /* of its revocation */
	const struct profile *profile;         /* that it keeps, or the first where it keeps none; NULL: none is asked for */
	struct profile_result kept;            /* of profile */
	struct error qualified_reason;         /* why it is ADVANCED only; YES: nothing claims that it is more */
};

struct layer {
	enum verdict_kind kind;
	struct entity entity;          /* this layer's own: what it is, borrowing from what is around it */
	const struct mime_part *around; /* the entity that this layer is */
	struct error reason;           /* why it stays closed, or its signatures cannot be looked at; YES: neither */
	/* ENCRYPTED */
	const struct config_decryption *key; /* that was used on it; NULL: none */
	struct decrypted decrypted;
	bool tried, opened; /* opened: of COMPRESSED too */
	/* In an envelope without authentication that was opened: there is more around what is signed,
	 * or, opaque, in the entity, than printable ASCII and the usual fields of MIME. What somebody
	 * who has caught it puts in, behind the last boundary say, decrypts to that; readers skip it,
	 * and no signature covers it. */
	bool noisy;
	/* SIGNED. Certificates of CERTS_ONLY are not looked at. */
	struct verified verified;
	struct layers_signer *signers; /* verified.signer_count of them */
	/* What it holds, as an entity; NULL: nothing, or it stays closed. */
	const struct mime_part *inside;
	struct slice octets;           /* the same from header to end, as it was signed or encrypted */
	struct buf content;            /* its octets, where they stood nowhere in the message */
	struct mime *mime;             /* ... and their parts; NULL where inside is a part of what is around */
};

struct layers {
	struct layer *layer;              /* outermost first */
	size_t count;
	const struct mime_part *innermost; /* what is no layer any more, or stays closed */
	bool partly_signed;               /* a part of innermost is signed */
	bool partly_encrypted;            /* a part of innermost is encrypted: it stays closed */
	struct error unreadable;          /* innermost claims to be S/MIME and is not, or layer-limit; YES: neither */
};

/* Whether and with what may be opened. keys[i] belongs to config's decryption i. */
struct layers_job {
	const struct config *config;
	const struct message *message;
	const struct mime_part *root;     /* the message's */
	struct key_identity *const *keys;
	bool (*claim)(void *claim_arg, size_t octets); /* gateway_entry's, or NULL */
	void *claim_arg;
	struct error closed;              /* not YES: why nothing is opened, whatever key it is for */
};

/* What nobody can read is no error of the call: it is said in the layer. CANT_TELL: a key
 * cannot be used now, no memory, or claim refused it. In each case l is to be freed. What the job names
 * outlives l. */
enum answer layers_open(const struct layers_job *job, struct layers *l, struct error *err);
void layers_free(struct layers *l); /* what it holds */

/* Why an envelope, or what is compressed, stays closed; answer YES: none does. */
const struct error *layers_why_closed(const struct layers *l);

/* Of an envelope: does an alteration of its content show? (RFC 5083) */
bool layers_is_authenticated(const struct layer *layer);

#endif
