/* trust: what a configured set of authorities says of a certificate.
 *
 * The one function that gateway, directories and sealctl ask: path (chain.h), revocation
 * (checker.h), profiles (profile.h), and whether it is qualified (eIDAS, EN 319 412-5). A set is a trust
 * block of sealmilter.conf(5), or the one that the options anchors and intermediates make, whose name is
 * "anchors".
 *
 * Threads: all functions but _new and _free may be called from any.
 */
#ifndef PKI_TRUST_H
#define PKI_TRUST_H

#include "pki/checker.h"
#include "pki/profile.h"

#define TRUST_ISSUERS_FETCHED_MAX 3 /* intermediates that are fetched for one certificate (caIssuers) */

struct trust;  /* one set */
struct trusts; /* those of one configuration, with what they share */

/* config is borrowed and outlives it. NO: a file or profile will not do, named in err. */
enum answer trusts_new(const struct config *config, struct trusts **trusts, struct error *err);
/* Keeps lists fresh from now on. */
enum answer trusts_start(struct trusts *trusts, struct error *err);
void trusts_free(struct trusts *trusts); /* NULL is safe; nobody may be asking */

/* The configuration's trust block i. */
const struct trust *trusts_block(const struct trusts *trusts, size_t i);
/* By name; NULL: there is none. "anchors": that of the top-level options; never NULL, may be empty. */
const struct trust *trusts_find(const struct trusts *trusts, const char *name);
struct checker *trusts_checker(const struct trusts *trusts); /* for sealctl */

const char *trust_name(const struct trust *trust);
const struct config_trust *trust_block(const struct trust *trust); /* NULL: "anchors" */

enum trust_qualified {
	TRUST_NONE,             /* not trusted */
	TRUST_ADVANCED,         /* trusted, not qualified */
	TRUST_SIGNATURE,        /* qualified certificate for electronic signatures */
	TRUST_SIGNATURE_QSCD,   /* ... its key in a qualified device */
	TRUST_SEAL,
	TRUST_SEAL_QSCD,
};
/* "none", "advanced", "qualified-signature", "qualified-signature-qscd", "qualified-seal", "qualified-seal-qscd". */
const char *trust_qualified_name(enum trust_qualified qualified);

struct trust_question {
	const struct cert *cert;
	STACK_OF(X509) *extra;           /* that may help, or NULL */
	time_t at;
	bool fetch;                      /* false: nothing outside is asked; what is here already counts */
	const struct timespec *deadline; /* CLOCK_MONOTONIC; for all that is waited for. NULL only with fetch false */
	unsigned *left;                  /* fetches left for this message, counted down; likewise */
	bool path_only;                  /* neither status nor profile is looked at, and nothing is said of them */
	bool seal;                       /* it is our own: seal-revocation counts in place of the set's revocation */
};

struct trust_judgement {
	enum answer answer;             /* YES: trusted, in good standing, and profile-faults do not forbid it */
	/* NO: chain_validate()'s codes, "profile". CANT_TELL: "status-unknown" (or an issuer's certificate that cannot
	 * be fetched now), "memory" */
	struct error reason;
	struct checker_finding finding; /* NO "untrusted": nothing in it */
	bool in_set;                    /* its path is good but for revocation, policy or profile */
	STACK_OF(X509) *path;           /* NULL unless in_set, and with path_only */
	/* The profile of the set that it keeps, or the first where it keeps none; NULL: the set names none. */
	const struct profile *profile;
	struct profile_result result;   /* where facts cannot be read: one error, and no rules */
	enum trust_qualified qualified;
	struct error qualified_reason;  /* with ADVANCED and NONE: why not; YES: nothing claims that it is */
	struct certfacts *facts;        /* NULL: they cannot be read, or it is not in_set */
};

/* j is filled in each case, and to be freed. */
void trust_judge(const struct trust *trust, const struct trust_question *question, struct trust_judgement *j);
void trust_judgement_free(struct trust_judgement *j); /* what it holds */

/* A profile by name: the configuration's own ones first, then profiles.h. NULL: there is none. */
const struct profile *trusts_profile(const struct trusts *trusts, struct slice name);

#endif
