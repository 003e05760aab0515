/* digest: SHA-256 over parts, each with its length before it, so that none can be taken for another.
 *
 * The room's own. What fails is remembered: digest_end() says so.
 */
#ifndef STORE_DIGEST_H
#define STORE_DIGEST_H

#include "base/error.h"
#include "base/slice.h"

#include <openssl/evp.h>

#include <stdint.h>

#define DIGEST_LEN 32 /* octets */

struct digest {
	EVP_MD_CTX *ctx;
	bool good;
};

void digest_begin(struct digest *d);
void digest_number(struct digest *d, int64_t number);
void digest_octets(struct digest *d, struct slice octets);
void digest_text(struct digest *d, const char *text);
/* Frees what it holds. CANT_TELL: "memory". */
enum answer digest_end(struct digest *d, unsigned char out[DIGEST_LEN], struct error *err);

#endif
