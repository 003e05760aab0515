/* chain: does a certificate lead to a configured anchor?
 *
 * The one place that calls X509_verify_cert() (RFC 5280 6). It looks at signatures,
 * validity, names and name constraints (of e-mail addresses too), path length, key usage of
 * authorities, policies, critical extensions, and how strong keys and digests are. Every path
 * that path.h finds is tried, until one is good. Purpose checks are left out (qualified
 * certificates often lack emailProtection): key usage of the certificate itself is judged by
 * whoever uses it.
 *
 * That a certificate chains is remembered with the time during which all of its
 * chain is valid, so that asking again costs a microsecond. Threads: all
 * functions but _new and _free may be called from any at once.
 */
#ifndef PKI_CHAIN_H
#define PKI_CHAIN_H

#include "pki/cert.h"

#define CHAIN_POLICIES_MAX 64 /* in one question */

struct chain_store; /* anchors and helping intermediates */

/* Paths of PEM files, anchor_count > 0. accept_weak: SHA-1 signatures and keys as weak as
 * RSA below 2048 bits may stand in a chain, the certificate's own key too; never what is weaker
 * still: MD5, RSA below 1024 bits. NO: a file cannot be read, named in err. */
enum answer chain_store_new(char *const *anchors, size_t anchor_count, char *const *intermediates,
	size_t intermediate_count, bool accept_weak, struct chain_store **store, struct error *err);
void chain_store_free(struct chain_store *store);

/* Has any certificate of a path been revoked (RFC 5280 6.3)? The path is good but for that:
 * certificate first, anchor last, who needs no status; nothing is asked for another one, so
 * what is fetched here is fetched for certificates that an anchor vouches for. NO: revoked.
 * CANT_TELL: unknown, and it matters. */
typedef enum answer chain_status(void *arg, const STACK_OF(X509) *path, time_t at, struct error *err);

/* The inputs of RFC 5280 6.1.1. All but the time may be left 0: any policy will do, and nobody
 * asks for revocation. */
struct chain_question {
	time_t at;
	STACK_OF(X509) *extra;     /* certificates that may help; a good chain found with them is remembered
	                            * for the same helpers only. NULL: none */
	char *const *policies;     /* user-initial-policy-set, as "2.5.29.32.0" */
	size_t policy_count;       /* 0: anyPolicy */
	bool explicit_policy;      /* the path must be valid for one of them, whatever its certificates ask */
	bool inhibit_mapping;      /* policies of one authority are not taken for another's */
	bool inhibit_any;          /* anyPolicy in a certificate stands for none */
	STACK_OF(X509_CRL) *crls;  /* unless NULL: each certificate of the path but the anchor must be on none of
	                            * these, and in the scope of one: complete, delta or indirect. Which digests
	                            * lists are signed with is the caller's to judge. Nothing remembered counts */
	chain_status *status;      /* unless NULL: asked once for each path that is good so far, a remembered one
	                            * too. Where it does not say YES, the next is tried */
	void *status_arg;
};

/* YES: it chains to an anchor at that time. path, unless NULL: certificate first, anchor last, for the
 * caller to free with each; else it is NULL. NO: "untrusted": why not; "revoked"; "policy": what stands in
 * policies is none, or they are too many; or what status said. CANT_TELL: no path is good, but one that
 * is good save for "status-unknown", or where status cannot tell; or no memory. */
enum answer chain_validate(const struct chain_store *store, const struct cert *cert,
	const struct chain_question *question, STACK_OF(X509) **path, struct error *err);

#endif
