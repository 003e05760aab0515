/* directory: recipients' certificates, looked up in the configured order.
 *
 * directory_find() asks cache, then each directory, and says for each
 * certificate that was found whether it will do and why not. Certificates that
 * will do of the first directory that has one are chosen from; a directory that has only
 * unusable ones does not end the search. Whether a certificate has been revoked is asked last, and
 * of no more certificates than are needed: with newest up to the first that stands. A directory that cannot be asked, where
 * none before it had a usable one, makes the answer CANT_TELL: never "none". The
 * same holds where none is usable and something was there that did not parse.
 *
 * LDAP's answers are remembered for cache-positive and cache-negative seconds;
 * whether a remembered certificate will do is judged anew each time. CANT_TELL
 * is never remembered.
 *
 * Threads: all functions may be called from any; the cache and the LDAP pools
 * lock inside and are never held locked during network traffic. LDAP's workers are threads of its own:
 * started by the first look-up, so that a process may still fork before.
 */
#ifndef DIRECTORY_DIRECTORY_H
#define DIRECTORY_DIRECTORY_H

#include "config/config.h"
#include "directory/entries.h"
#include "pki/cert.h"
#include "pki/trust.h"

#define DIRECTORY_CERTIFICATES_MAX 100 /* of one address in one directory; more: said, the rest left out */

struct directories; /* those of one configuration, with caches and pools */

/* config and trusts are borrowed and outlive *d. No server is asked; a folder of files is
 * read. NO: an address or filter will not do, named in err. */
enum answer directories_new(const struct config *config, const struct trusts *trusts, struct directories **d,
	struct error *err);
/* Nobody may be asking it. Waits for at most 2 s for servers that hang. */
void directories_free(struct directories *d);

/* One certificate that a directory had, and what became of it. */
struct directory_candidate {
	struct cert *cert;       /* NULL: it did not parse */
	const char *directory;   /* name, the configuration's: borrowed */
	bool usable;
	bool chosen;
	struct error refusal;    /* why it is not usable */
};

struct directory_result {
	enum answer answer;      /* YES: at least one chosen. NO: none. CANT_TELL */
	struct directory_candidate *candidates;
	size_t candidate_count;
	struct error reason;     /* for NO and CANT_TELL, naming the address */
};

struct directory_question {
	struct slice address;
	const struct config_strings *trust; /* a rule's; NULL or empty: recipient-trust; where that is empty too: "anchors" */
	enum config_encrypt_to encrypt_to;  /* newest (latest notBefore) or all */
	time_t now;                         /* for validity */
	/* CLOCK_MONOTONIC, for all network traffic of this look-up, failover and revocation status
	 * included: the function returns by then, whatever a server does. For status it waits
	 * for status-timeout at most. */
	const struct timespec *deadline;
	unsigned *left;                     /* fetches for status that are left for this message, counted down */
};

/* A certificate will do where directory_judge() and a set of authorities say so (trust_judge()); sets are
 * asked in order. Revoked: it will not do. Status unknown, where the set requires it: it cannot be
 * told, and makes the answer CANT_TELL ("status-unknown") where no other will do. The result is
 * the caller's, to be released; its certificates are references. */
void directory_find(struct directories *d, const struct directory_question *question,
	struct directory_result *result);
void directory_result_free(struct directory_result *result);

/* Is it usable for this address now, whoever vouches for it? One certificate's judgement, the rules in
 * sealmilter.conf(5): addresses inside, key usage, validity, key size. Pure. */
enum answer directory_judge(const struct cert *cert, struct slice address, bool binds_address, time_t now,
	struct error *err);

/* Does a directory with binds-address list this very certificate, by its SHA-256 digest, for the
 * address? They are asked in order, up to the first that does. What the certificate would be good
 * for is not looked at; that it has no address inside is the caller's to know. NO: none lists
 * it. CANT_TELL: none of those that could be asked lists it. */
enum answer directory_lists(struct directories *d, struct slice address, const unsigned char digest[32],
	const struct timespec *deadline, struct error *err);

/* Which addresses may this login send from? A LDAP directory's answer for
 * sender-login-directory. YES: at least one entry matches the filter; NO: none. */
enum answer directory_login_matches(struct directories *d, struct slice login, struct slice address,
	const struct timespec *deadline, struct error *err);

/* A search for something else than certificates to encrypt to. */
struct directory_search {
	const char *directory;           /* the name of a LDAP directory in the configuration */
	const char *base;                /* the very entry that is wanted; NULL: all below the directory's own base */
	const char *filter;              /* whole: values in it are escaped (filter.h) */
	const char *const *attributes;   /* ended by NULL */
	size_t entries_max;              /* up to ENTRIES_MAX */
	const struct timespec *deadline; /* as above */
};

/* What it has now: nothing is remembered. YES: *entries is all that matches, perhaps nothing, for entries_free(); an entry
 * that is not there, or not in this directory, is none. CANT_TELL: it cannot be asked now, or there is more than fits
 * ("ldap-limit"). */
enum answer directory_entries(struct directories *d, const struct directory_search *search, struct entries **entries,
	struct error *err);

/* Can each directory be asked right now? For check-config; report is called once a
 * directory that cannot. */
enum answer directories_probe(struct directories *d, const struct timespec *deadline,
	void (*report)(void *arg, const char *directory, const struct error *err), void *arg);

#endif
