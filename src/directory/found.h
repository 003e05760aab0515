/* found: the certificates that one directory has for one address, as they came.
 *
 * What did not parse stays in the list with its reason: it must be shown, and it
 * makes "none" into "can't tell". A found is filled by one thread; once shared
 * it is only read, by any number of them.
 */
#ifndef DIRECTORY_FOUND_H
#define DIRECTORY_FOUND_H

#include "pki/cert.h"

#define FOUND_VALUE_MAX (1024 * 1024) /* octets of one PKCS#7 value */

struct found_item {
	struct cert *cert;     /* a reference; NULL: it did not parse */
	struct error *refusal; /* why not; owned; NULL where there is a cert */
};

struct found {
	struct found_item *items;
	size_t count;     /* at most DIRECTORY_CERTIFICATES_MAX */
	size_t octets;    /* of memory held, as an estimate */
	bool left_out;    /* there were more */
	bool out_of_memory;
};

struct found *found_new(void); /* NULL: no memory */
struct found *found_ref(struct found *found);
void found_unref(struct found *found); /* NULL is safe */
void found_clear(struct found *found);

/* Takes a reference of its own; a certificate that is there already is not added again. */
void found_add(struct found *found, struct cert *cert);
void found_add_broken(struct found *found, const struct error *why);
/* One certificate. */
void found_add_der(struct found *found, struct slice der);
/* userSMIMECertificate (RFC 2798 2.8): a PKCS#7 SignedData that carries
 * certificates. Its signature says nothing about them and is not looked at. */
void found_add_signed_data(struct found *found, struct slice der);

#endif
