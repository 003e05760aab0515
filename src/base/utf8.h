/* utf8: is this UTF-8 (RFC 3629)? No overlong forms, no surrogates, nothing past
 * U+10FFFF. Pure, safe in every thread.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/slice.h"

/* ASCII is UTF-8 too, NUL included. */
bool utf8_is_valid(struct slice s);
/* Octets of the character that begins at at, 0 where none does that is valid. */
size_t utf8_length(struct slice s, size_t at);

#endif
