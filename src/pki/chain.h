/* chain: does a certificate lead to a configured anchor?
 *
 * The one place that calls X509_verify_cert() (RFC 5280 6). Purpose checks are left
 * out there (qualified certificates often lack emailProtection) and key usage is
 * judged by whoever uses the certificate. Threads: a chain_store is only read once made.
 */
#ifndef PKI_CHAIN_H
#define PKI_CHAIN_H

#include "pki/cert.h"

struct chain_store; /* anchors and helping intermediates */

/* Paths of PEM files, anchor_count > 0. NO: a file cannot be read, named in err. */
enum answer chain_store_new(char *const *anchors, size_t anchor_count, char *const *intermediates,
	size_t intermediate_count, struct chain_store **store, struct error *err);
void chain_store_free(struct chain_store *store);

/* YES: it chains to an anchor at that time. NO: why not. extra may be NULL. */
enum answer chain_verify(const struct chain_store *store, const struct cert *cert, STACK_OF(X509) *extra,
	time_t at, struct error *err);

#endif
