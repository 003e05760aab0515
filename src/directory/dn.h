/* dn: a distinguished name in text (RFC 4514), as directories have it, made into one that certificates' are compared with.
 *
 * Pure; any thread.
 */
#ifndef DIRECTORY_DN_H
#define DIRECTORY_DN_H

#include "base/error.h"
#include "base/slice.h"

#include <openssl/x509.h>

#define DN_TEXT_MAX (16 * 1024) /* octets */

/* The order is turned round, as text begins with the last. Values become UTF8Strings, as text does not tell what they
 * were: X509_NAME_cmp() looks through that, and through letter case and blanks; the encoding is not the authority's.
 * Types are the names that RFC 4514 3 has and authorities use, or OIDs. *name is for X509_NAME_free(). NO: "dn": it is no
 * such text, or a type is not known. CANT_TELL: no memory. */
enum answer dn_parse(struct slice text, X509_NAME **name, struct error *err);

#endif
