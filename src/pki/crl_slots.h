/* crl_slots: the lists of URLs that are in memory, each with what is on disk of it.
 *
 * The room's own, for crl_cache.c, which fetches. A slot is a URL's place; what is
 * in it is replaced, in memory and on disk, only by what may. Threads: all functions but _new and
 * _free may be called from any.
 */
#ifndef PKI_CRL_SLOTS_H
#define PKI_CRL_SLOTS_H

#include "pki/crl_cache.h"
#include "pki/crl_disk.h"

#define CRL_SLOT_SIGNERS_MAX 1024 /* certificates that are kept for checking the next list */
#define CRL_SLOT_AGAIN 60         /* s after which what was of no use is fetched again */
#define CRL_SLOT_WHOLE 1000       /* of status-max-age, in thousandths */

struct crl_slots;
struct crl_slot;

/* directory: NULL: in memory only; both are borrowed. NULL: no memory. */
struct crl_slots *crl_slots_new(const struct config *config, const char *directory);
void crl_slots_free(struct crl_slots *slots); /* NULL is safe */

/* The place of a URL, which goes back by crl_slots_give(). It knows of the signers from now on. at: when it is
 * used; 0: it is only looked at. NULL: no memory, or the URL is too long. */
struct crl_slot *crl_slots_take(struct crl_slots *slots, const char *url, const struct crl_signers *signers, time_t at);
struct crl_slot *crl_slots_ref(struct crl_slots *slots, struct crl_slot *slot);
void crl_slots_give(struct crl_slots *slots, struct crl_slot *slot);
/* Those that were used since; each goes back so. *taken is the caller's to free(). */
size_t crl_slots_used(struct crl_slots *slots, time_t since, struct crl_slot ***taken);

/* Never changes. */
const char *crl_slot_url(const struct crl_slot *slot);
bool crl_slot_accepts_weak(const struct crl_slot *slot);

/* Older than so many thousandths of status-max-age, or run out since it was had, or not there? */
bool crl_slot_is_due(struct crl_slots *slots, struct crl_slot *slot, time_t at, unsigned thousandths);
/* Is there something to be fetched for those signers; *of_them: although, or as, one of them made
 * the list that is there? */
bool crl_slot_is_wanted(struct crl_slots *slots, struct crl_slot *slot, const struct crl_signers *signers, time_t at,
	bool *of_them);
/* How often an answer to a fetch was offered, or said that nothing has changed. */
unsigned long crl_slot_answers(struct crl_slots *slots, const struct crl_slot *slot);
/* Takes up what another process, or this one before its start, left on disk. Looks only, where that is unchanged. */
void crl_slot_look_at_disk(struct crl_slots *slots, struct crl_slot *slot, time_t at);

/* What is there, for a conditional GET. False: no list. */
bool crl_slot_note(struct crl_slots *slots, struct crl_slot *slot, struct crl_note *note);
/* A list has been had. NO: as crl_parse(), crl_may_replace(). Where only the signer was not known, that is remembered, and
 * the answer is YES: others may know him. */
enum answer crl_slot_offer(struct crl_slots *slots, struct crl_slot *slot, struct slice octets,
	const struct crl_note *note, struct error *err);
/* It was found unchanged. octets: it, where it was had nevertheless. */
void crl_slot_unchanged(struct crl_slots *slots, struct crl_slot *slot, struct slice octets, time_t at);

/* The list that one of them made. NO: there is one, but it is none of theirs. CANT_TELL: "not-fetched". */
enum answer crl_slot_get(struct crl_slots *slots, struct crl_slot *slot, const struct crl_signers *signers,
	struct crl **crl, time_t *fetched, struct error *err);
/* crl, which came from slot, with its delta; merged once. As crl_merge(). */
enum answer crl_slot_merge(struct crl_slots *slots, struct crl_slot *slot, struct crl *crl, struct crl *delta,
	struct crl **merged, struct error *err);

#endif
