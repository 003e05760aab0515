#include "store/digest.h"

#include <openssl/err.h>

void
digest_begin(struct digest *d)
{
	ERR_clear_error();
	d->ctx = EVP_MD_CTX_new();
	d->good = d->ctx != NULL && EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) == 1;
}

static void
add(struct digest *d, const void *data, size_t len)
{
	if (d->good && len > 0)
		d->good = EVP_DigestUpdate(d->ctx, data, len) == 1;
}

void
digest_number(struct digest *d, int64_t number)
{
	unsigned char octets[8];

	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (unsigned char)((uint64_t)number >> (56 - 8 * i));
	add(d, octets, sizeof octets);
}

void
digest_octets(struct digest *d, struct slice octets)
{
	digest_number(d, (int64_t)octets.len);
	add(d, octets.data, octets.len);
}

void
digest_text(struct digest *d, const char *text)
{
	digest_octets(d, slice_str(text));
}

enum answer
digest_end(struct digest *d, unsigned char out[DIGEST_LEN], struct error *err)
{
	bool good = d->good && EVP_DigestFinal_ex(d->ctx, out, NULL) == 1;

	EVP_MD_CTX_free(d->ctx);
	d->ctx = NULL;
	ERR_clear_error();
	return good ? ANSWER_YES : error_cant_tell(err, "memory", "no digest can be made");
}
