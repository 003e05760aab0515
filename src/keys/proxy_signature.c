#include "keys/proxy.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <string.h>

struct signing {
	struct proxy *key; /* EVP keeps the key for as long as the context */
	EVP_PKEY_CTX *inner; /* a signing context of the default provider on the public key: holds the parameters */
	EVP_MD_CTX *md;    /* NULL: the caller gives the digest's value */
	enum wire_digest digest;
};

static void *
signing_new(void *context, const char *properties)
{
	(void)context;
	(void)properties;
	return OPENSSL_zalloc(sizeof(struct signing));
}

static void
signing_free(void *context)
{
	struct signing *signing = context;

	EVP_PKEY_CTX_free(signing->inner);
	EVP_MD_CTX_free(signing->md);
	OPENSSL_free(signing);
}

static void *
signing_dup(void *context)
{
	const struct signing *from = context;
	struct signing *signing = OPENSSL_zalloc(sizeof(*signing));

	if (signing == NULL)
		return NULL;
	signing->key = from->key;
	signing->digest = from->digest;
	signing->inner = from->inner == NULL ? NULL : EVP_PKEY_CTX_dup(from->inner);
	signing->md = from->md == NULL ? NULL : EVP_MD_CTX_new();
	if ((from->inner != NULL && signing->inner == NULL)
	    || (from->md != NULL && (signing->md == NULL || EVP_MD_CTX_copy_ex(signing->md, from->md) != 1))) {
		signing_free(signing);
		return NULL;
	}
	return signing;
}

static int
signing_set_params(void *context, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
	struct signing *signing = context;
	const char *name;
	enum wire_digest digest;

	if (params == NULL)
		return 1;
	if (p != NULL) {
		if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
			return 0;
		digest = wire_digest_of(name);
		/* What has been hashed by one digest cannot be signed as another. */
		if (digest < WIRE_SHA256 || (signing->md != NULL && digest != signing->digest))
			return 0;
		signing->digest = digest;
	}
	return EVP_PKEY_CTX_set_params(signing->inner, params) == 1;
}

static int
signing_get_params(void *context, OSSL_PARAM params[])
{
	struct signing *signing = context;

	return EVP_PKEY_CTX_get_params(signing->inner, params) == 1;
}

static const OSSL_PARAM signing_settable[] = {
	OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_PROPERTIES, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
	OSSL_PARAM_END,
};

static const OSSL_PARAM *
signing_settable_params(void *context, void *provider_context)
{
	(void)context;
	(void)provider_context;
	return signing_settable;
}

static const OSSL_PARAM *
signing_gettable_params(void *context, void *provider_context)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)context;
	(void)provider_context;
	return gettable;
}

static int
signing_init(struct signing *signing, void *keydata, enum wire_digest digest, const OSSL_PARAM params[])
{
	if (keydata != NULL)
		signing->key = keydata;
	if (signing->key == NULL || !signing->key->private)
		return 0;
	EVP_PKEY_CTX_free(signing->inner);
	signing->inner = EVP_PKEY_CTX_new_from_pkey(NULL, signing->key->public, PROXY_DEFAULT);
	signing->digest = digest;
	return signing->inner != NULL && EVP_PKEY_sign_init(signing->inner) == 1
	    && (digest == WIRE_DIGEST_NONE
		|| EVP_PKEY_CTX_set_signature_md(signing->inner, proxy_digest(digest)) == 1)
	    && signing_set_params(signing, params);
}

static int
sign_init(void *context, void *keydata, const OSSL_PARAM params[])
{
	struct signing *signing = context;

	EVP_MD_CTX_free(signing->md);
	signing->md = NULL;
	return signing_init(signing, keydata, WIRE_DIGEST_NONE, params);
}

static int
digest_sign_init(void *context, const char *name, void *keydata, const OSSL_PARAM params[])
{
	struct signing *signing = context;
	enum wire_digest digest = name == NULL || *name == '\0' ? WIRE_SHA256 : wire_digest_of(name);

	if (digest < WIRE_SHA256)
		return 0;
	if (signing->md == NULL && (signing->md = EVP_MD_CTX_new()) == NULL)
		return 0;
	signing->digest = digest;
	return signing_init(signing, keydata, digest, params)
	    && EVP_DigestInit_ex2(signing->md, proxy_digest(digest), NULL) == 1;
}

static int
digest_sign_update(void *context, const unsigned char *data, size_t len)
{
	struct signing *signing = context;

	return signing->md != NULL && EVP_DigestUpdate(signing->md, data, len) == 1;
}

static bool
signing_scheme(const struct signing *signing, struct wire_request *request)
{
	const EVP_MD *mgf;
	int padding;

	request->scheme = WIRE_ECDSA;
	if (!signing->key->rsa)
		return true;
	if (EVP_PKEY_CTX_get_rsa_padding(signing->inner, &padding) <= 0)
		return false;
	request->scheme = padding == RSA_PKCS1_PADDING ? WIRE_PKCS1 : WIRE_PSS;
	if (padding == RSA_PKCS1_PADDING)
		return true;
	if (padding != RSA_PKCS1_PSS_PADDING || EVP_PKEY_CTX_get_rsa_mgf1_md(signing->inner, &mgf) <= 0
	    || EVP_PKEY_CTX_get_rsa_pss_saltlen(signing->inner, &request->salt_length) <= 0)
		return false;
	request->mgf_digest = wire_digest_of(EVP_MD_get0_name(mgf));
	return true;
}

static int
sign(void *context, unsigned char *signature, size_t *len, size_t size, const unsigned char *value, size_t value_len)
{
	struct signing *signing = context;
	struct wire_request request = {.op = WIRE_SIGN, .digest = signing->digest, .input = slice_of(value, value_len)};

	if (signature == NULL) {
		*len = (size_t)EVP_PKEY_get_size(signing->key->public);
		return 1;
	}
	if (!signing_scheme(signing, &request))
		return 0;
	memcpy(request.handle, signing->key->handle, sizeof(request.handle));
	return proxy_ask(&request, signature, size, len) == WIRE_OK;
}

static int
digest_sign_final(void *context, unsigned char *signature, size_t *len, size_t size)
{
	struct signing *signing = context;
	unsigned char value[EVP_MAX_MD_SIZE];
	unsigned value_len = 0;

	if (signature != NULL && (signing->md == NULL || EVP_DigestFinal_ex(signing->md, value, &value_len) != 1))
		return 0;
	return sign(signing, signature, len, size, value, value_len);
}

const OSSL_DISPATCH proxy_signature_functions[] = {
	PROXY_FUNCTION(OSSL_FUNC_SIGNATURE_NEWCTX, signing_new),
	PROXY_FUNCTION(OSSL_FUNC_SIGNATURE_FREECTX, signing_free),
	PROXY_FUNCTION(OSSL_FUNC_SIGNATURE_DUPCTX, signing_dup),
	PROXY_FUNCTION(OSSL_FUNC_SIGNATURE_SIGN_INIT, sign_init),
	PROXY_FUNCTION(OSSL_FUNC_SIGNATURE_SIGN, sign),
	PROXY_FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, digest_sign_init),
	PROXY_FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, digest_sign_update),
	PROXY_FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, digest_sign_final),
	PROXY_FUNCTION(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signing_set_params),
	PROXY_FUNCTION(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signing_settable_params),
	PROXY_FUNCTION(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, signing_get_params),
	PROXY_FUNCTION(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, signing_gettable_params),
	{0, NULL},
};
