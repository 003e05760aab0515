/* choose: which of several usable certificates a message is encrypted to. Pure. */
#ifndef DIRECTORY_CHOOSE_H
#define DIRECTORY_CHOOSE_H

#include "directory/directory.h"

/* The newest of those that are usable and not chosen yet: the latest notBefore; among equals the
 * latest notAfter, then the first. NULL: there is none. */
struct directory_candidate *choose_next(struct directory_candidate *candidates, size_t count);

#endif
