/* pgp: is this an encrypted OpenPGP message in armour? (RFC 9580 6.2, 4.2, 10.3)
 *
 * Nothing is decrypted: the packets are counted and named. Pure; any thread.
 */
#ifndef SMIME_PGP_H
#define SMIME_PGP_H

#include "base/slice.h"

/* True only where the armour holds session keys encrypted to somebody, then one
 * encrypted and integrity-protected packet, and where nothing stands around or
 * behind it. */
bool pgp_is_encrypted(struct slice text);

#endif
