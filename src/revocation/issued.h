/* issued: by which of an authority's certificates was this one issued? (RFC 5280 4.1.1.3, 6.1.3)
 *
 * An authority that takes requests names its own certificates: one for each year or so, perhaps two with
 * one name and different keys. A certificate's identity is its issuer's name and its serial number, so names
 * are what is numbered here, from 0; but that a certificate is one of theirs is told by the signature on it, never
 * by the name that it gives. Neither validity nor revocation matters: whose key was stolen has it
 * revoked all the same. Threads: any may ask.
 */
#ifndef REVOCATION_ISSUED_H
#define REVOCATION_ISSUED_H

#include "pki/cert.h"

#define ISSUED_NAMES_MAX 64
#define ISSUED_CERTIFICATES_MAX 256
#define ISSUED_NOBODY ((size_t)-1)
#define ISSUED_BITS_MIN 80 /* of security of the digest in a signature: SHA-1 has 63 */

struct issued;

/* Takes references of its own. NO: "issuers": a certificate is of no authority (basicConstraints), its key can be
 * broken, or there are none or more than the limits. CANT_TELL: no memory. */
enum answer issued_new(struct cert *const *authorities, size_t count, struct issued **issued, struct error *err);
void issued_free(struct issued *issued); /* NULL is safe */

/* The names in DER, in the order in which their certificates came. They live as long as issued. */
const struct slice *issued_names(const struct issued *issued, size_t *count);
/* Which number has the name; ISSUED_NOBODY: it is none of theirs. Compared as RFC 5280 7.1 says. */
size_t issued_number(const struct issued *issued, const X509_NAME *name);
/* The number of who issued the certificate; ISSUED_NOBODY: none of them, or with a digest so weak (MD5, SHA-1) that
 * another could have. */
size_t issued_by(const struct issued *issued, const struct cert *cert);

#endif
