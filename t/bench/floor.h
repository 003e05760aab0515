/* floor: what OpenSSL alone costs for one message, in a bare loop.
 *
 * Sign: CMS_sign (CAdES, detached, the intermediate included) over the entity, DER,
 * base64 of the signature. Encrypt: CMS_encrypt of entity and signature to n
 * certificates with SCENE_CIPHER, DER, base64 of all; done both buffered and streamed,
 * and the cheaper one counts. Keys, digests and ciphers are fetched once, and the heap's
 * trimming is switched off: the floor is as low as these calls can be had.
 *
 * Open: base64 of the envelope undone, CMS_decrypt, base64 of the signature undone,
 * CMS_verify with the chain up to the root.
 */
#ifndef FLOOR_H
#define FLOOR_H

#include "base/slice.h"
#include "letter.h"
#include "scene.h"

/* CPU ms for one message of that entity, measured for so many CPU seconds (at
 * least three messages); below 0: a call failed. recipients 0: sign only. */
double floor_ms(const struct scene *s, struct slice entity, unsigned recipients, double seconds);
/* The same for opening that letter. */
double floor_open_ms(const struct scene *s, const struct letter *letter, double seconds);

#endif
