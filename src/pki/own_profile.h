/* own_profile: the profile blocks of a configuration as profiles (profile.h).
 *
 * Never changed once made; any thread may read them.
 */
#ifndef PKI_OWN_PROFILE_H
#define PKI_OWN_PROFILE_H

#include "config/config.h"
#include "pki/profile.h"

struct own_profiles;

/* config is borrowed and outlives them. NO: a block is based on no built-in profile, gives a parameter that
 * nothing uses, or is not sound: named in err. */
enum answer own_profiles_new(const struct config *config, struct own_profiles **all, struct error *err);
void own_profiles_free(struct own_profiles *all); /* NULL is safe */
/* NULL: there is none of that name. */
const struct profile *own_profiles_find(const struct own_profiles *all, struct slice name);

#endif
