/* issuers: certificates of authorities that a message lacks, fetched from where the ones below them
 * say that they are (caIssuers, RFC 5280 4.2.2.1).
 *
 * Nobody vouches yet for the certificate that names the place, so only hosts that the trust set names
 * (aia-hosts) are asked. What comes is a helper like those that a message brings along: it is the
 * path's to show what it is worth. What was had, or was no certificate, is remembered for an hour.
 *
 * Threads: all functions but _new and _free may be called from any.
 */
#ifndef PKI_ISSUERS_H
#define PKI_ISSUERS_H

#include "config/config.h"
#include "pki/cert.h"

#define ISSUERS_REMEMBERED_MAX 256      /* URLs; the one that was had first goes */
#define ISSUERS_REMEMBERED_SECONDS 3600
#define ISSUERS_OCTETS_MAX (256 * 1024) /* of one answer */
#define ISSUERS_CERTIFICATES_MAX 8      /* that are looked at in one answer */

struct issuers;

/* config is borrowed and outlives it. */
enum answer issuers_new(const struct config *config, struct issuers **issuers, struct error *err);
void issuers_free(struct issuers *issuers); /* NULL is safe; nobody may be asking */

struct issuers_question {
	const struct cert *cert;
	struct cert *const *own;         /* the set's: the first anchor_count are anchors */
	size_t own_count, anchor_count;
	const struct config_strings *hosts;
	bool fetch;                      /* false: only what is remembered */
	const struct timespec *deadline; /* of these as of trust_question's */
	unsigned *left;
	unsigned *places;                /* URLs that may still be looked at for this certificate; counted down */
};

/* Finds who is missing above the certificate, among helpers and the set's own, and adds its issuers to
 * helpers, each a reference. YES: at least one was added. NO: nobody is missing, or nobody says where it
 * may be had. CANT_TELL: it cannot be had now. */
enum answer issuers_add(struct issuers *issuers, const struct issuers_question *question, STACK_OF(X509) *helpers,
	struct error *err);

/* The certificates of an answer: PEM, one in DER, or a SignedData that has nothing else (RFC 5280
 * 4.2.2.1), added to certs. NO: it is none of these. */
enum answer issuers_parse(struct slice octets, STACK_OF(X509) *certs, struct error *err);

#endif
