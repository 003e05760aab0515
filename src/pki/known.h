/* known: chains that were found to be good.
 *
 * Kept under the question that they answer (a digest of all that the answer depends on),
 * with the time during which all of the chain is valid. Whether one of it has been revoked
 * is never kept: who minds asks each time. The certificate itself is not
 * kept, its issuers once each. Threads: all functions but _new and _free may be called
 * from any at once.
 */
#ifndef PKI_KNOWN_H
#define PKI_KNOWN_H

#include <openssl/x509.h>

#include <stdbool.h>
#include <time.h>

#define KNOWN_CHAINS_MAX 4096 /* a later one takes the place of an earlier one; a power of two, up to 65536 */
#define KNOWN_ISSUERS_MAX 256 /* different ones of all chains; with one more all is forgotten */
#define KNOWN_QUESTION_SIZE 32

struct known_chains;

struct known_chains *known_new(void); /* NULL: no memory */
void known_free(struct known_chains *known);

/* Is there a chain of that question, valid at that time? issuers, unless NULL: filled with a
 * stack of its own of all but the certificate itself, the anchor last, each owned. False
 * also: no memory. */
bool known_find(struct known_chains *known, const unsigned char question[KNOWN_QUESTION_SIZE], time_t at,
	STACK_OF(X509) **issuers);
/* chain: the certificate first, the anchor last. Without memory nothing is kept. */
void known_add(struct known_chains *known, const unsigned char question[KNOWN_QUESTION_SIZE],
	const STACK_OF(X509) *chain);

#endif
