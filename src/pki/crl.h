/* crl: a list of revoked certificates in a form of our own (RFC 5280 5, 6.3).
 *
 * OpenSSL makes an object of every entry, so that a list of a million takes hundreds of
 * megabytes and seconds. Here the list is walked in place, its signature checked first, and of an
 * entry CRL_ENTRY_SIZE octets are kept, sorted by serial number: that is the index. A crl is
 * reference-counted and never changed once made: any thread may read it. Pure: nothing is
 * fetched or read.
 *
 * What a list says counts only where its signer's chain leads to the anchor of the certificate
 * in question (RFC 5280 6.3.3 f): that is the caller's to see to, by signer.
 */
#ifndef PKI_CRL_H
#define PKI_CRL_H

#include "pki/cert.h"
#include "pki/status.h"

#include <openssl/x509v3.h>

#include <stdint.h>

#define CRL_OCTETS_MAX (128 * 1024 * 1024) /* of a list in DER */
#define CRL_PEM_MAX (CRL_OCTETS_MAX / 2 * 3) /* and in PEM */
#define CRL_ENTRIES_MAX (4 * 1024 * 1024)
#define CRL_EXTENSIONS_MAX 32        /* of a list, and of an entry */
#define CRL_EXTENSION_MAX (64 * 1024) /* octets of one; of a Name too */
#define CRL_NAMES_MAX 64             /* in a distribution point, and distribution points of a certificate */
#define CRL_AUTHORITIES_MAX 256      /* whose certificates an indirect list holds */
#define CRL_SIGNERS_MAX 8            /* certificates of one name that are tried */
#define CRL_SERIAL_MAX 20            /* octets (RFC 5280 4.1.2.2, 5.2.3) */
#define CRL_FRESHEST_MAX 4           /* URLs of a delta list; more are left out */
#define CRL_CLOCK_SKEW 300           /* s by which an authority's clock may be ahead of ours */
#define CRL_ENTRY_SIZE 32

/* An INTEGER: its magnitude without leading zeros. */
struct crl_number {
	unsigned char octets[CRL_SERIAL_MAX];
	unsigned char len;
	bool negative;
};

struct crl_entry {
	int64_t since;
	unsigned char serial[CRL_SERIAL_MAX];
	uint16_t authority;   /* index into authorities */
	unsigned char len;    /* of serial; CRL_NEGATIVE is added */
	unsigned char reason; /* enum status_reason */
};

struct crl {
	struct cert *signer;
	time_t this_update;
	time_t next_update;
	bool has_number;           /* CRLNumber */
	struct crl_number number;
	bool is_delta;             /* deltaCRLIndicator */
	struct crl_number base;    /* ... its BaseCRLNumber */
	struct slice scope_der;    /* issuingDistributionPoint as it stands; none: all of its authority */
	ISSUING_DIST_POINT *scope; /* the same, or NULL */
	bool keeps_expired;        /* expiredCertsOnCRL (X.509 9.5.2.8): the list also has certificates ... */
	time_t expired_since;      /* ... that expired then or later */
	char **freshest;           /* freshestCRL: URLs where its delta list is to be had */
	size_t freshest_count;
	X509_NAME **authorities;   /* whose certificates are listed; the first is the list's issuer */
	size_t authority_count;
	struct crl_entry *entries; /* sorted */
	size_t count;
	size_t on_hold;            /* entries with certificateHold */
};

/* A list in DER or PEM ("X509 CRL", the first in the text). signers: those who may have signed it,
 * of which those with the issuer's name are tried; it takes a reference of its own. accept_weak as
 * in chain_store_new(). NO: "malformed", "limit"; "critical-extension": one that is not known, so
 * that the list must not be used (RFC 5280 5.2, 5.3); "no-signer": none of signers has the name and may
 * sign lists; "signature", "weak", "algorithm" of signature.h. CANT_TELL: no memory. */
enum answer crl_parse(struct slice octets, struct cert *const *signers, size_t signer_count, bool accept_weak,
	struct crl **crl, struct error *err);
struct crl *crl_ref(struct crl *crl);
void crl_unref(struct crl *crl); /* NULL is safe */

/* May next take the place of crl? NO: "other-list" (another issuer, scope or kind), "older": CRLNumber
 * or thisUpdate goes back, or a number is missing where there was one. */
enum answer crl_may_replace(const struct crl *crl, const struct crl *next, struct error *err);

/* freshestCRL of a certificate: URLs where the delta of its issuer's list is to be had. None: *count 0.
 * *urls is the caller's. NO: "malformed". */
enum answer crl_freshest_of(const struct cert *cert, char ***urls, size_t *count, struct error *err);
void crl_free_urls(char **urls, size_t count);

/* Is the delta for that base? NO: "delta": they do not belong together, or the base is too old for it;
 * "older": the base has all that is in it. */
enum answer crl_may_merge(const struct crl *base, const struct crl *delta, struct error *err);
/* A list as if complete when the delta was issued (RFC 5280 5.2.4), that may be believed as long as
 * either; both are left as they are. NO: as crl_may_merge(); "limit". CANT_TELL: no memory. */
enum answer crl_merge(const struct crl *base, const struct crl *delta, struct crl **merged, struct error *err);

/* What these lists say of a certificate at a time. Several may be needed where each has only some
 * reasons; a delta that was not merged can only revoke. What is listed is revoked even where the
 * list has run out, a certificate on hold excepted. UNKNOWN, with codes: "no-list" (there is none that is
 * for the certificate), "not-current", "expired": it is not listed but had expired when the list was
 * issued, "some-reasons". */
void crl_look_up(const struct crl *const *crls, size_t count, const struct cert *cert, time_t at,
	struct status *status);

/* The length octet of an entry with a negative serial number: those come apart from the positive. */
#define CRL_NEGATIVE 0x80

/* The room's own, for crl_read.c. crl_new(): one reference and nothing else in it. crl_sort(): sorts
 * the entries, and leaves of equal ones the first revocation. */
struct crl *crl_new(void);
void crl_sort(struct crl *crl);
/* The index of that authority; authority_count where nothing of it is listed. */
size_t crl_find_authority(const struct crl *crl, const X509_NAME *name);
/* The URLs of a freshestCRL in DER that can be fetched. False: malformed, or no memory. */
bool crl_freshest_read(struct slice der, char ***urls, size_t *count);
/* From the content octets of an INTEGER in DER. False: longer than CRL_SERIAL_MAX, or not minimal. */
bool crl_number_read(struct slice content, struct crl_number *number);

#endif
