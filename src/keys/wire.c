#include "keys/wire.h"

#include <string.h>
#include <strings.h>

#define HEAD 10 /* octets before the handle */
#define FIXED (HEAD + KEY_HANDLE_SIZE)

static const struct {
	const char *name;     /* first the one that OpenSSL's providers give */
	const char *alias;
	const char *alias2;
} digests[WIRE_DIGESTS] = {
	[WIRE_SHA1] = {"SHA1", "SHA-1", "SSL3-SHA1"},
	[WIRE_SHA224] = {"SHA2-224", "SHA224", "SHA-224"},
	[WIRE_SHA256] = {"SHA2-256", "SHA256", "SHA-256"},
	[WIRE_SHA384] = {"SHA2-384", "SHA384", "SHA-384"},
	[WIRE_SHA512] = {"SHA2-512", "SHA512", "SHA-512"},
};

const char *
wire_digest_name(enum wire_digest digest)
{
	return digests[digest].name;
}

enum wire_digest
wire_digest_of(const char *name)
{
	for (int i = 1; name != NULL && i < WIRE_DIGESTS; i++)
		if (strcasecmp(name, digests[i].name) == 0 || strcasecmp(name, digests[i].alias) == 0
		    || strcasecmp(name, digests[i].alias2) == 0)
			return (enum wire_digest)i;
	return WIRE_DIGEST_NONE;
}

void
wire_put_number(unsigned char *to, size_t number)
{
	to[0] = (unsigned char)(number >> 8);
	to[1] = (unsigned char)number;
}

static size_t
number_at(const unsigned char *from)
{
	return (size_t)from[0] << 8 | from[1];
}

bool
wire_take_number(struct slice *rest, size_t *number)
{
	if (rest->len < 2)
		return false;
	*number = number_at(rest->data);
	*rest = slice_sub(*rest, 2, rest->len);
	return true;
}

bool
wire_take(struct slice *rest, struct slice *item)
{
	size_t len;

	if (!wire_take_number(rest, &len) || len > rest->len)
		return false;
	*item = slice_sub(*rest, 0, len);
	*rest = slice_sub(*rest, len, rest->len);
	return true;
}

size_t
wire_write(const struct wire_request *request, unsigned char *to, size_t size)
{
	size_t len = FIXED + 2 + request->input.len + 2 + request->extra.len;
	unsigned char *at = to + FIXED;

	if (request->input.len > WIRE_INPUT_MAX || request->extra.len > WIRE_EXTRA_MAX || len > size
	    || request->output_length > WIRE_DERIVED_MAX || request->salt_length < -128
	    || request->salt_length > WIRE_RESULT_MAX)
		return 0;
	to[0] = WIRE_VERSION;
	to[1] = (unsigned char)request->op;
	to[2] = (unsigned char)request->scheme;
	to[3] = (unsigned char)request->digest;
	to[4] = (unsigned char)request->mgf_digest;
	to[5] = (unsigned char)request->cofactor;
	wire_put_number(to + 6, (uint16_t)request->salt_length);
	wire_put_number(to + 8, request->output_length);
	memcpy(to + HEAD, request->handle, KEY_HANDLE_SIZE);
	wire_put_number(at, request->input.len);
	if (request->input.len > 0)
		memcpy(at + 2, request->input.data, request->input.len);
	at += 2 + request->input.len;
	wire_put_number(at, request->extra.len);
	if (request->extra.len > 0)
		memcpy(at + 2, request->extra.data, request->extra.len);
	return len;
}

bool
wire_read(struct slice message, struct wire_request *request)
{
	struct slice rest = slice_sub(message, FIXED, message.len);
	const unsigned char *at = message.data;

	*request = (struct wire_request){0};
	if (message.len < FIXED || message.len > WIRE_REQUEST_MAX || at[0] != WIRE_VERSION)
		return false;
	if (at[1] < WIRE_SIGNER || at[1] > WIRE_DECRYPTION_KEY || at[2] > WIRE_ECDSA || at[3] >= WIRE_DIGESTS
	    || at[4] >= WIRE_DIGESTS)
		return false;
	request->op = (enum wire_op)at[1];
	request->scheme = (enum wire_scheme)at[2];
	request->digest = (enum wire_digest)at[3];
	request->mgf_digest = (enum wire_digest)at[4];
	request->cofactor = (signed char)at[5];
	request->salt_length = (int16_t)number_at(at + 6);
	request->output_length = number_at(at + 8);
	memcpy(request->handle, at + HEAD, KEY_HANDLE_SIZE);
	return wire_take(&rest, &request->input) && wire_take(&rest, &request->extra) && rest.len == 0
	    && request->input.len <= WIRE_INPUT_MAX && request->extra.len <= WIRE_EXTRA_MAX
	    && request->output_length <= WIRE_DERIVED_MAX;
}
