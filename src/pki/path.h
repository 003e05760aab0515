/* path: which certificates may lead from one to an anchor? (RFC 4158)
 *
 * Authorities share names: they renew keys, and certify each other. So there may be
 * several paths, and all are gone through, each once, until one is good enough: OpenSSL
 * by itself takes one authority of a name and never turns back. Only names and key
 * identifiers are looked at here; what a path is worth is the caller's to judge.
 * Anchors come before helpers and helpers in their order, so what stands in front is
 * never kept from its turn by what a message brings along. Threads: any.
 */
#ifndef PKI_PATH_H
#define PKI_PATH_H

#include "base/error.h"

#include <openssl/x509.h>

#include <stdbool.h>

#define PATH_DEPTH_MAX 8   /* certificates between the first and the anchor */
#define PATH_COUNT_MAX 32  /* paths offered */
#define PATH_STEPS_MAX 256 /* certificates gone through, on paths that lead nowhere too */

/* between: issuer by issuer up to the anchor's own, perhaps none; all borrowed for the
 * call. anchor may be the certificate itself. False: no more. */
typedef bool path_take(void *arg, const STACK_OF(X509) *between, X509 *anchor);

/* Offers every path. *depth: how many certificates the longest way went up, anchors not counted. A
 * helper whose key has more than CERT_RSA_BITS_MAX bits is none. NO: it ended at PATH_COUNT_MAX or
 * PATH_STEPS_MAX. CANT_TELL: no memory. */
enum answer path_each(X509 *certificate, const STACK_OF(X509) *anchors, const STACK_OF(X509) *helpers,
	path_take *take, void *arg, int *depth);

#endif
