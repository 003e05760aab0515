/* checker: has any certificate of a path been revoked? (RFC 5280 6.3, RFC 6960)
 *
 * Puts together what lists (crl_cache.h) and responders (ocsp.h) say, in the order that a trust
 * set asks for. It goes down from the anchor, whose status nobody can tell, so that nothing is asked
 * of an authority that was revoked itself. What a list or a delegated responder says counts only
 * where its signer chains to the same anchor and has not been revoked either.
 *
 * Threads: all functions but _new, _start and _free may be called from any.
 */
#ifndef PKI_CHECKER_H
#define PKI_CHECKER_H

#include "pki/chain.h"
#include "pki/crl_cache.h"
#include "pki/ocsp.h"

#define CHECKER_SOURCE_MAX 512 /* octets, with the 0 behind it; a longer one is cut */

struct checker;

/* config is borrowed and outlives it. */
enum answer checker_new(const struct config *config, struct checker **checker, struct error *err);
/* From now on what is in use is kept fresh by a thread of its own. */
enum answer checker_start(struct checker *checker, struct error *err);
void checker_free(struct checker *checker); /* NULL is safe; nobody may be asking */

/* How a trust set wants to be told. Borrowed. */
struct checker_set {
	enum config_status mode; /* REVOCATION_OFF: nothing is looked at */
	bool crl_first;
	const struct config_strings *crls;  /* files and folders */
	const struct chain_store *store;    /* the set's, that a list's signer must chain to */
	struct cert *const *signers;        /* certificates that may have signed lists: the set's own */
	size_t signer_count;
	bool accept_weak;
};

/* What is found of the certificate in question; of those above it where that is worse. */
struct checker_finding {
	struct status status;
	size_t of;                       /* index into path */
	char source[CHECKER_SOURCE_MAX]; /* "OCSP http://…", "CRL http://…", "CRL /file"; "": UNKNOWN */
	time_t told;                     /* when that was had */
	bool fault;                      /* certificateHold where its authority never uses it (I.CA) */
};

struct checker_question {
	const struct checker_set *set;
	const STACK_OF(X509) *path; /* chain_validate()'s */
	time_t at;
	bool fetch;                 /* false: only what is here */
	const struct timespec *deadline;
	unsigned *left;             /* fetches that may still be made; counted down */
};

/* YES: good; or unknown, where mode is REVOCATION_PREFER, or mode is OFF: finding->status says which. NO:
 * "revoked": "revoked since 2026-11-01, keyCompromise". CANT_TELL: "status-unknown" with REVOCATION_REQUIRE; no
 * memory. */
enum answer checker_path(struct checker *checker, const struct checker_question *question,
	struct checker_finding *finding, struct error *err);

/* For sealctl; borrowed. */
struct crl_cache *checker_lists(struct checker *checker);

#endif
