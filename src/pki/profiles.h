/* profiles: the certificate policies that are known by name, as tables (profile.h).
 *
 *   ica-qualified-signature     I.CA, qualified certificates for electronic signatures (RSA)
 *   oces-person, -employee, -company, -function    Danish OCES certificates
 *   cesnet                      CESNET CA
 *   eidas-signature, eidas-seal qualified certificates of any EU authority (EN 319 412)
 *   ote-participant-encryption  what OTE encrypts to; its chain is the trust set's to check
 *   ote-seal                    what OTE seals with; parameters common-name and
 *                               organization-identifier
 */
#ifndef PKI_PROFILES_H
#define PKI_PROFILES_H

#include "pki/profile.h"

/* In the order above, up to NULL; all are sound. */
extern const struct profile *const profiles[];

/* NULL: there is none of that name. */
const struct profile *profiles_find(struct slice name);

/* What it means that a certificate marks its holder as under age (OCES person CP 4, 7.3.3), for people. NULL: nothing
 * that was checked says so. */
const char *profiles_minor(const struct profile_result *result);

#endif
