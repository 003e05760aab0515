#include "keys/proxy.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <string.h>

/* Unwrapping content keys with RSA. */

struct unwrapping {
	struct proxy *key;
	enum wire_scheme scheme;
	enum wire_digest digest, mgf_digest; /* NONE for the MGF: the same digest */
	unsigned char label[WIRE_EXTRA_MAX];
	size_t label_len;
};

static void *
unwrapping_new(void *context)
{
	(void)context;
	return OPENSSL_zalloc(sizeof(struct unwrapping));
}

static void
unwrapping_free(void *context)
{
	OPENSSL_free(context);
}

static void *
unwrapping_dup(void *context)
{
	return OPENSSL_memdup(context, sizeof(struct unwrapping));
}

static int
set_padding(struct unwrapping *unwrapping, const OSSL_PARAM *p)
{
	const char *name = NULL;
	int padding = 0;

	if (p->data_type == OSSL_PARAM_UTF8_STRING ? OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1
						   : OSSL_PARAM_get_int(p, &padding) != 1)
		return 0;
	if (padding == RSA_PKCS1_PADDING || (name != NULL && strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0))
		unwrapping->scheme = WIRE_PKCS1;
	else if (padding == RSA_PKCS1_OAEP_PADDING || (name != NULL && strcmp(name, OSSL_PKEY_RSA_PAD_MODE_OAEP) == 0))
		unwrapping->scheme = WIRE_OAEP;
	else
		return 0;
	return 1;
}

static int
unwrapping_set_params(void *context, const OSSL_PARAM params[])
{
	struct unwrapping *unwrapping = context;
	const OSSL_PARAM *padding;

	if (params == NULL)
		return 1;
	padding = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE);
	return (padding == NULL || set_padding(unwrapping, padding))
	    && proxy_take_digest(&unwrapping->digest, OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST))
	    && proxy_take_digest(&unwrapping->mgf_digest, OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST))
	    && proxy_take_octets(unwrapping->label, &unwrapping->label_len,
		OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL));
}

static const OSSL_PARAM *
unwrapping_settable_params(void *context, void *provider_context)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)context;
	(void)provider_context;
	return settable;
}

/* RFC 8017 and OpenSSL agree on SHA-1 where OAEP's digest is not said. */
static int
decrypt_init(void *context, void *keydata, const OSSL_PARAM params[])
{
	struct unwrapping *unwrapping = context;

	*unwrapping = (struct unwrapping){.key = keydata, .scheme = WIRE_PKCS1, .digest = WIRE_SHA1};
	return unwrapping->key != NULL && unwrapping->key->private && unwrapping_set_params(unwrapping, params);
}

static int
decrypt(void *context, unsigned char *out, size_t *len, size_t size, const unsigned char *in, size_t in_len)
{
	struct unwrapping *unwrapping = context;
	struct wire_request request = {.op = WIRE_DECRYPT, .scheme = unwrapping->scheme, .input = slice_of(in, in_len)};

	if (out == NULL) {
		*len = (size_t)EVP_PKEY_get_size(unwrapping->key->public);
		return 1;
	}
	if (unwrapping->scheme == WIRE_OAEP) {
		request.digest = unwrapping->digest;
		request.mgf_digest = unwrapping->mgf_digest != WIRE_DIGEST_NONE ? unwrapping->mgf_digest : unwrapping->digest;
		request.extra = slice_of(unwrapping->label, unwrapping->label_len);
	}
	memcpy(request.handle, unwrapping->key->handle, sizeof(request.handle));
	return proxy_ask(&request, out, size, len) == WIRE_OK;
}

const OSSL_DISPATCH proxy_cipher_functions[] = {
	PROXY_FUNCTION(OSSL_FUNC_ASYM_CIPHER_NEWCTX, unwrapping_new),
	PROXY_FUNCTION(OSSL_FUNC_ASYM_CIPHER_FREECTX, unwrapping_free),
	PROXY_FUNCTION(OSSL_FUNC_ASYM_CIPHER_DUPCTX, unwrapping_dup),
	PROXY_FUNCTION(OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, decrypt_init),
	PROXY_FUNCTION(OSSL_FUNC_ASYM_CIPHER_DECRYPT, decrypt),
	PROXY_FUNCTION(OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS, unwrapping_set_params),
	PROXY_FUNCTION(OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, unwrapping_settable_params),
	{0, NULL},
};
