/* crl_cache: lists of revoked certificates, kept in memory and on disk.
 *
 * Lists come from URLs (distribution points), from files and folders of the configuration, and
 * from the folder "imported" of status-directory. One of a URL is fetched again, by conditional GET,
 * when it is older than status-max-age or has run out, whatever its nextUpdate says (I.CA issues one at
 * once after a revocation). Who asks then waits for it; where it cannot be had in time, the one that is
 * there is used. It takes the place of another only where crl_may_replace() says so, in memory and,
 * atomically, on disk, where a restart finds it; but a list of another scope may also come where the one
 * that is there has run out. What is read from disk is checked as if it had just been fetched.
 *
 * Delta lists (freshestCRL of a list, and files) are merged with the list that they belong to. What a
 * certificate's own freshestCRL names (crl_freshest_of()) is had like any list.
 *
 * Threads: all functions but _new and _free may be called from any.
 */
#ifndef PKI_CRL_CACHE_H
#define PKI_CRL_CACHE_H

#include "config/config.h"
#include "fetch/errands.h"
#include "pki/crl.h"

/* Of URLs, in memory. With more, or with more octets than status-total-limit, the one that was used least
 * lately goes, but never the one used last. */
#define CRL_CACHE_LISTS_MAX 512
#define CRL_CACHE_FILES_MAX 1000    /* lists in one folder of the configuration */
#define CRL_CACHE_LOOK_SECONDS 60   /* how often files are looked at for changes */
#define CRL_CACHE_AGAIN_MAX 16      /* in that time: those whose signer is not known are read for others so often */
#define CRL_CACHE_UNUSED_DAYS 30    /* after which a list is fetched in the background no more */

struct crl_cache;

/* config and errands are borrowed and outlive it. Without a usable status-directory nothing is kept on
 * disk, and that is logged once. */
enum answer crl_cache_new(const struct config *config, struct errands *errands, struct crl_cache **cache,
	struct error *err);
void crl_cache_free(struct crl_cache *cache); /* NULL is safe */

/* Is anything kept on disk? NO: "folder", with what is wrong with status-directory. */
enum answer crl_cache_is_kept(const struct crl_cache *cache, struct error *err);

/* Who may have signed a list: see crl_parse(). Borrowed. */
struct crl_signers {
	struct cert *const *certs;
	size_t count;
	bool accept_weak;
};

/* The list at that URL, its deltas merged. fetch false: only what is there, and that it was asked
 * for is no reason to fetch it later. deadline: for waiting.
 * *left: counts down one for each fetch that was begun or waited for; at 0 none is. YES: *crl is a
 * reference for the caller; it may have run out. *fetched: when it was last had or found unchanged.
 * NO: what is there is no list, or nobody of the signers made it. CANT_TELL: as errands_do(),
 * or "fetch-limit", "not-fetched". */
enum answer crl_cache_get(struct crl_cache *cache, const char *url, const struct crl_signers *signers, time_t at,
	bool fetch, const struct timespec *deadline, unsigned *left, struct crl **crl, time_t *fetched, struct error *err);

/* Those lists of files and folders (paths), and of the imported ones, that one of the signers made. *crls is
 * the caller's, with references. A file that cannot be read or is no list is logged when it is first
 * seen so, and left out. CANT_TELL: no memory. */
enum answer crl_cache_files(struct crl_cache *cache, const struct config_strings *paths,
	const struct crl_signers *signers, time_t at, struct crl ***crls, size_t *count, struct error *err);
void crl_cache_release(struct crl **crls, size_t count);

/* Takes up what another process has put on disk, and fetches, without waiting, each list in use that is
 * due, with jitter. Called about every minute. */
void crl_cache_refresh(struct crl_cache *cache, time_t now);

/* ---- for sealctl ----------------------------------------------------------- */

struct crl_cache_entry {
	const char *url;      /* NULL: imported */
	const char *path;     /* on disk */
	const struct crl *crl; /* NULL: it cannot be read without its signer, or is none; why says it */
	time_t fetched;
	struct error why;
};
typedef void crl_cache_each_entry(void *arg, const struct crl_cache_entry *entry);

/* All that is on disk. signers: as many as are known. */
enum answer crl_cache_each(struct crl_cache *cache, const struct crl_signers *signers, crl_cache_each_entry *each,
	void *arg, struct error *err);
/* Fetches the list at that URL now, or each on disk where url is NULL, whatever its age. */
enum answer crl_cache_fetch(struct crl_cache *cache, const char *url, const struct crl_signers *signers,
	time_t now, struct error *err);
/* Puts a list in the folder "imported". NO: as crl_parse(), "older". */
enum answer crl_cache_import(struct crl_cache *cache, struct slice octets, const struct crl_signers *signers,
	struct error *err);

#endif
