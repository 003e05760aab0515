#include "keys/proxy.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>

#include <string.h>

/* Key agreement with ECDH (RFC 5753). */

struct agreement {
	struct proxy *key;
	EVP_PKEY *peer;
	bool kdf;
	enum wire_digest digest;
	size_t output_length;
	int cofactor;
	unsigned char info[WIRE_EXTRA_MAX]; /* the DER of ECC-CMS-SharedInfo */
	size_t info_len;
};

static void *
agreement_new(void *context)
{
	(void)context;
	return OPENSSL_zalloc(sizeof(struct agreement));
}

static void
agreement_free(void *context)
{
	struct agreement *agreement = context;

	EVP_PKEY_free(agreement->peer);
	OPENSSL_free(agreement);
}

static void *
agreement_dup(void *context)
{
	struct agreement *agreement = OPENSSL_memdup(context, sizeof(*agreement));

	if (agreement != NULL && agreement->peer != NULL)
		EVP_PKEY_up_ref(agreement->peer);
	return agreement;
}

static int
set_kdf(struct agreement *agreement, const OSSL_PARAM *p)
{
	const char *name;

	if (p == NULL)
		return 1;
	if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
		return 0;
	agreement->kdf = strcmp(name, OSSL_KDF_NAME_X963KDF) == 0;
	return agreement->kdf || *name == '\0';
}

static int
agreement_set_params(void *context, const OSSL_PARAM params[])
{
	struct agreement *agreement = context;
	const OSSL_PARAM *cofactor, *length;

	if (params == NULL)
		return 1;
	cofactor = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE);
	length = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_OUTLEN);
	return set_kdf(agreement, OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_TYPE))
	    && proxy_take_digest(&agreement->digest, OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_DIGEST))
	    && proxy_take_octets(agreement->info, &agreement->info_len,
		OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_UKM))
	    && (cofactor == NULL || OSSL_PARAM_get_int(cofactor, &agreement->cofactor) == 1)
	    && (length == NULL || OSSL_PARAM_get_size_t(length, &agreement->output_length) == 1);
}

static const OSSL_PARAM *
agreement_settable_params(void *context, void *provider_context)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, NULL),
		OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST_PROPS, NULL, 0),
		OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL),
		OSSL_PARAM_octet_string(OSSL_EXCHANGE_PARAM_KDF_UKM, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)context;
	(void)provider_context;
	return settable;
}

static int
agreement_init(void *context, void *keydata, const OSSL_PARAM params[])
{
	struct agreement *agreement = context;

	EVP_PKEY_free(agreement->peer);
	*agreement = (struct agreement){.key = keydata, .cofactor = -1};
	return agreement->key != NULL && agreement->key->private && agreement_set_params(agreement, params);
}

static int
agreement_set_peer(void *context, void *keydata)
{
	struct agreement *agreement = context;
	struct proxy *peer = keydata;

	if (peer == NULL || peer->public == NULL || EVP_PKEY_parameters_eq(agreement->key->public, peer->public) != 1
	    || EVP_PKEY_up_ref(peer->public) != 1)
		return 0;
	EVP_PKEY_free(agreement->peer);
	agreement->peer = peer->public;
	return 1;
}

/* Without a KDF keeper would have to give away the raw shared secret, and refuses. */
static int
agreement_derive(void *context, unsigned char *secret, size_t *len, size_t size)
{
	struct agreement *agreement = context;
	struct wire_request request = {.op = WIRE_DERIVE, .digest = agreement->digest, .cofactor = agreement->cofactor,
		.output_length = agreement->output_length, .extra = slice_of(agreement->info, agreement->info_len)};
	unsigned char *point = NULL;
	int ok;

	if (!agreement->kdf || agreement->peer == NULL)
		return 0;
	if (secret == NULL) {
		*len = agreement->output_length;
		return 1;
	}
	request.input.len = EVP_PKEY_get1_encoded_public_key(agreement->peer, &point);
	request.input.data = point;
	memcpy(request.handle, agreement->key->handle, sizeof(request.handle));
	ok = request.input.len > 0 && proxy_ask(&request, secret, size, len) == WIRE_OK;
	OPENSSL_free(point);
	return ok;
}

const OSSL_DISPATCH proxy_exchange_functions[] = {
	PROXY_FUNCTION(OSSL_FUNC_KEYEXCH_NEWCTX, agreement_new),
	PROXY_FUNCTION(OSSL_FUNC_KEYEXCH_FREECTX, agreement_free),
	PROXY_FUNCTION(OSSL_FUNC_KEYEXCH_DUPCTX, agreement_dup),
	PROXY_FUNCTION(OSSL_FUNC_KEYEXCH_INIT, agreement_init),
	PROXY_FUNCTION(OSSL_FUNC_KEYEXCH_SET_PEER, agreement_set_peer),
	PROXY_FUNCTION(OSSL_FUNC_KEYEXCH_DERIVE, agreement_derive),
	PROXY_FUNCTION(OSSL_FUNC_KEYEXCH_SET_CTX_PARAMS, agreement_set_params),
	PROXY_FUNCTION(OSSL_FUNC_KEYEXCH_SETTABLE_CTX_PARAMS, agreement_settable_params),
	{0, NULL},
};
