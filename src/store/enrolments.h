/* enrolments: certificates that may be asked to be revoked, as `sealctl revocation enrol` wrote them.
 *
 * A table in the journal's file, of which the chain of entries says nothing: each is there once, and may be replaced or
 * taken out. Writing is for who may write the journal; gate and worker read.
 * Answers, deadlines and threads are those of store.h.
 */
#ifndef STORE_ENROLMENTS_H
#define STORE_ENROLMENTS_H

#include "store/journal.h"

#define ENROLMENT_CERTIFICATE_MAX (64 * 1024) /* octets */
#define ENROLMENT_PASSWORD_MAX 127            /* octets of the hash in text */
#define ENROLMENT_CONTACTS_MAX 4096           /* octets of all addresses */

/* Borrowed: from whoever fills it in, or from the row that is being read. */
struct enrolment {
	const char *authority;    /* the block of the configuration */
	struct slice issuer;      /* Name, DER */
	struct slice serial;      /* as in record.h */
	struct slice certificate; /* DER; empty: it is not there, and nothing is known of its holder */
	const char *password;     /* as revocation/password.h writes it; "": none */
	const char *contacts;     /* addresses, each followed by "\n"; "": none but those in the certificate */
	int64_t time;             /* seconds since 1970, of enrolment */
	const char *who;
};

/* In the place of what was there for that authority, issuer and serial number; password and addresses are not looked at.
 * NO: "enrolment": a part is missing or too large. */
enum answer enrolments_put(struct journal *journal, const struct enrolment *enrolment, const struct timespec *deadline,
	struct error *err);
/* By authority, serial and issuer. issuer empty: whoever issued it, where there is only one. NO: "enrolment": there is
 * none, or several. */
enum answer enrolments_remove(struct journal *journal, const struct enrolment *enrolment, const struct timespec *deadline,
	struct error *err);

/* Borrowed for the call, which must not call the journal's functions. False: enough. */
typedef bool enrolments_each(void *arg, const struct enrolment *enrolment);

/* Those of the authority with that serial number; serial empty: all of it; authority NULL: all. In the order of
 * authorities, numbers, issuers. CANT_TELL also where one is not as enrolments_put() takes it ("store-damaged"): what it
 * was nobody knows. */
enum answer enrolments_find(struct journal *journal, const char *authority, struct slice serial, enrolments_each *each,
	void *arg, struct error *err);

#endif
