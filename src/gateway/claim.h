/* claim: a mail, or what was kept of one, as a claim to have certificates revoked: what it asks for, and whether its writer
 * may (I.CA CP 3.4, 4.9.3).
 *
 * The one function by which gate answers the mail and worker, on its own, judges what gate handed on. All that must be asked
 * for is asked here: inventory, groups, the standing of signers, passwords. It is all or nothing: one line that is refused
 * refuses the mail. Threads: any, each its own struct.
 */
#ifndef GATEWAY_CLAIM_H
#define GATEWAY_CLAIM_H

#include "gateway/gateway.h"
#include "gateway/layers.h"
#include "revocation/authority.h"
#include "revocation/proof.h"
#include "revocation/request.h"
#include "store/record.h"

/* Who judges, and what he has to do it with. */
struct claim_desk {
	struct gateway *gateway;
	struct journal *journal;         /* read for enrolled certificates; NULL: it cannot be had now */
	const struct proof_key *proof;   /* gate: to seal with; worker: to open with; NULL: it cannot be had now */
	/* Asked before a password is looked at. YES: it has been counted. CANT_TELL: not now. NULL: nothing is counted. */
	enum answer (*may_guess)(void *arg, const struct authority *authority, const struct holder_serial *serial,
		struct error *err);
	void (*guessed_right)(void *arg, const struct authority *authority, const struct holder_serial *serial);
	void *arg;
	const struct timespec *deadline; /* CLOCK_MONOTONIC, for all that is asked */
};

/* One certificate that is asked for; YES claims only. */
struct claim_line {
	struct holder_serial serial;
	struct slice issuer;             /* Name, DER */
	size_t issuer_number;            /* the authority's */
	const char *language;            /* "cs" */
	enum authorise_form form;
	bool waits;                      /* for a person's word; claim's reason says why */
	const struct cert *signer;       /* whose signature counts; NULL: none does */
	unsigned char key[AUTHORISE_KEY];/* the same for the same request sent again: the record's digest */
	struct slice password;           /* PASSWORD form, in memory that is wiped; else empty */
	const char *const *contacts;     /* addresses that are bound to the writer's certificate, or enrolled for it; contact_count
	                                  * of them, the From address first where it is one of them */
	size_t contact_count;
};

struct claim {
	const struct authority *authority;
	enum answer answer;      /* YES: each line is accepted or waits. NO: refused. CANT_TELL: not now */
	struct error reason;     /* NO, CANT_TELL: for the writer; YES: why lines wait, else YES */
	struct error logged;     /* the same for the log: of a malleable one it may say more than its writer may know */
	bool unreadable;         /* NO: the text is no request (550 5.6.0); else its writer may not ask for it (5.7.1) */
	bool malleable;          /* an envelope without authentication was tried: each NO is the same, and so must be its time */
	unsigned char mail_digest[RECORD_DIGEST]; /* of the mail as it came; not of a record */
	struct claim_line *lines; /* each certificate once */
	size_t line_count;
	struct request *request; /* as it was read; may hold passwords */
	struct mime *mime;       /* of the mail; NULL of a record */
	struct layers layers;
	const struct mime_part *text; /* the entity that was read: what masked.h copies; NULL: none was */
	/* What worker needs to come to the same answer, the same for each line: the outermost signed entity below the last
	 * envelope, as a message in file form with its MIME fields, byte for byte; sealed by proof.h where a password may stand in it;
	 * of an unsigned mail that counts for its sender, its From and trusted Authentication-Results; empty with PASSWORD. */
	struct buf evidence;
	void *kept;              /* in which the rest lies */
};

/* m came to the authority's address. closed: not YES: why nothing of it is opened (layers.h). */
void claim_mail(const struct claim_desk *desk, const struct authority *authority, const struct gateway_entry *entry,
	const struct message *m, const struct error *closed, time_t now, struct claim *claim);
/* What the inbox had. now: with which signing times and certificates are compared. proof: what was handed on with it. The claim
 * has the one line of the record, borrows from it, and its key is the record's digest. Of the record only authority, serial, issuer,
 * digest, mail_digest, language and evidence are looked at. */
void claim_record(const struct claim_desk *desk, const struct authority *authority, const struct record *record,
	struct slice proof, time_t now, struct claim *claim);
/* For gate: the line's password, sealed for the worker and bound to record, which is filled in; nothing without a
 * password. CANT_TELL: the key cannot be had now, or memory. */
enum answer claim_seal_password(const struct claim_desk *desk, const struct claim_line *line, const struct record *record,
	struct buf *proof, struct error *err);
void claim_free(struct claim *claim); /* what it holds; secrets are wiped */

#endif
