/* chain: does a certificate lead to a configured anchor?
 *
 * The one place that calls X509_verify_cert() (RFC 5280 6). Purpose checks are left
 * out there (qualified certificates often lack emailProtection) and key usage is
 * judged by whoever uses the certificate. Policies are processed as with the
 * initial set anyPolicy (RFC 5280 6.1.1 c).
 *
 * That a certificate chains is remembered with the time during which all of its
 * chain is valid, so that asking again costs a microsecond. Threads: all
 * functions but _new and _free may be called from any at once.
 */
#ifndef PKI_CHAIN_H
#define PKI_CHAIN_H

#include "pki/cert.h"

struct chain_store; /* anchors and helping intermediates */

/* Paths of PEM files, anchor_count > 0. accept_weak: SHA-1 signatures and keys as weak as
 * RSA below 2048 bits may stand in a chain, the certificate's own key too; never what is weaker
 * still: MD5, RSA below 1024 bits. NO: a file cannot be read, named in err. */
enum answer chain_store_new(char *const *anchors, size_t anchor_count, char *const *intermediates,
	size_t intermediate_count, bool accept_weak, struct chain_store **store, struct error *err);
void chain_store_free(struct chain_store *store);

/* YES: it chains to an anchor at that time. NO: why not ("untrusted"). extra:
 * further certificates that help to build the chain, or NULL; an answer found with them
 * is remembered for the same certificate with the same helpers only. CANT_TELL: no memory. */
enum answer chain_verify(const struct chain_store *store, const struct cert *cert, STACK_OF(X509) *extra,
	time_t at, struct error *err);

#endif
