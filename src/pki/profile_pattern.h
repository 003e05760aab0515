/* profile_pattern: the patterns that profile.h describes, over texts that certificates hold. Pure; any thread. */
#ifndef PKI_PROFILE_PATTERN_H
#define PKI_PROFILE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

bool profile_pattern_is_sound(const char *pattern);
/* Of a sound pattern, against the whole text. */
bool profile_pattern_matches(const char *pattern, const char *text);
/* How many digits the text begins with. */
size_t profile_pattern_digits(const char *text);

#endif
