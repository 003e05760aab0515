/* An OCSP response. The octets are a whole one, and the ResponseData of one that a key made here
 * signs, so that what is behind the signature is reached too. Promises: good is said only while it is
 * current; unknown says why, and nothing else does; only a delegate is to be checked.
 */
#include "base/der.h"
#include "fuzz.h"
#include "fuzz_pki.h"
#include "pki/ocsp_response.h"

#include <stdlib.h>

static const unsigned char ed25519[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};

static struct fuzz_pki pki;

/* out is emptied and filled with a value of that content. */
static void
wrap(unsigned char tag, const struct buf *content, struct buf *out)
{
	buf_clear(out);
	der_add_header(tag, content->len, out);
	buf_add_slice(out, buf_slice(content));
}

static void
make_response(struct slice data, struct buf *response)
{
	static const unsigned char basic[] = {0x06, 0x09, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01};
	unsigned char signature[65] = {0};
	size_t len = sizeof signature - 1;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct buf inner;

	buf_init(&inner, data.len + 512);
	promise(EVP_DigestSignInit(ctx, NULL, NULL, NULL, pki.key) == 1 &&
		EVP_DigestSign(ctx, signature + 1, &len, data.data, data.len) == 1);
	buf_add_slice(&inner, data);
	buf_add(&inner, ed25519, sizeof ed25519);
	der_add_header(DER_BIT_STRING, sizeof signature, &inner);
	buf_add(&inner, signature, sizeof signature);
	wrap(DER_SEQUENCE, &inner, response);
	wrap(DER_OCTET_STRING, response, &inner);
	buf_clear(response);
	buf_add(response, basic, sizeof basic);
	buf_add_slice(response, buf_slice(&inner));
	wrap(DER_SEQUENCE, response, &inner);
	wrap(DER_CONTEXT_CONSTRUCTED(0), &inner, response);
	buf_clear(&inner);
	buf_add(&inner, "\x0a\x01\x00", 3);
	buf_add_slice(&inner, buf_slice(response));
	wrap(DER_SEQUENCE, &inner, response);
	promise(!buf_failed(&inner) && !buf_failed(response));
	buf_free(&inner);
	EVP_MD_CTX_free(ctx);
}

static void
check(struct slice der, time_t at)
{
	struct ocsp_question question = {.cert = pki.leaf, .issuer = pki.ca, .nonce = slice_str("12345678"), .at = at};
	struct cert *responder;
	struct status status;

	ocsp_response_judge(der, &question, &status, &responder);
	promise((status.state == STATUS_UNKNOWN) == (status.why.code != NULL));
	if (status.state == STATUS_GOOD)
		promise(at + OCSP_RESPONSE_CLOCK_SKEW >= status.this_update &&
			at <= (status.next_update != 0 ? status.next_update : status.this_update + OCSP_RESPONSE_AGE_MAX));
	if (status.state == STATUS_REVOKED)
		promise(status_is_reason(status.reason) && status.reason != STATUS_REMOVE_FROM_CRL);
	promise(responder == NULL); /* no certificate comes along here that the issuer signed */
	cert_unref(responder);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice octets = slice_of(data, size);
	struct buf response;

	if (pki.key == NULL)
		fuzz_pki_make(&pki, NULL);
	check(octets, FUZZ_NOW);
	buf_init(&response, size + 1024);
	make_response(octets, &response);
	check(buf_slice(&response), FUZZ_NOW);
	buf_free(&response);
	return 0;
}
