/* choose: which of several usable certificates a message is encrypted to. Pure. */
#ifndef DIRECTORY_CHOOSE_H
#define DIRECTORY_CHOOSE_H

#include "directory/directory.h"

/* Marks the chosen ones among the usable. newest: the latest notBefore; among
 * equals the latest notAfter, then the first. */
void choose_mark(struct directory_candidate *candidates, size_t count, enum config_encrypt_to encrypt_to);

#endif
