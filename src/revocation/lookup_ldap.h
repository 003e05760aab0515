/* lookup_ldap: the certificates of an authority that a directory has for a number. lookup.c's own; threads: any. */
#ifndef REVOCATION_LOOKUP_LDAP_H
#define REVOCATION_LOOKUP_LDAP_H

#include "revocation/lookup.h"

/* As lookup_serial(), into inventory. */
enum answer lookup_in_ldap(const struct lookup *lookup, const struct holder_serial *serial, struct inventory *inventory,
	struct error *err);

#endif
