/* tried: one line that says of each source why it told nothing. Any thread. */
#ifndef PKI_REASONS_H
#define PKI_REASONS_H

#include "base/error.h"

/* Adds "what: words" to what is there, without what where the words name it. The first code stays; the
 * answer is CANT_TELL as soon as one is. */
void reasons_add(struct error *all, const char *what, const struct error *one);

#endif
