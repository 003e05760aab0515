/* certfacts_words: the words by which certfacts.h calls what a certificate holds. Plain data; any thread.
 * certfacts.c's own; what others need of it is in certfacts.h.
 */
#ifndef PKI_CERTFACTS_WORDS_H
#define PKI_CERTFACTS_WORDS_H

#include "pki/certfacts.h"

extern const char *const certfacts_key_usage[];  /* by bit, up to NULL */
extern const char *const certfacts_name_kinds[]; /* by tag, from rfc822Name's, 1; up to NULL */

#endif
