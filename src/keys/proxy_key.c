#include "keys/proxy.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

#include <string.h>

static void *
rsa_new(void *context)
{
	struct proxy *proxy = OPENSSL_zalloc(sizeof(*proxy));

	(void)context;
	if (proxy != NULL)
		proxy->rsa = true;
	return proxy;
}

static void *
ec_new(void *context)
{
	(void)context;
	return OPENSSL_zalloc(sizeof(struct proxy));
}

static void
proxy_free(void *keydata)
{
	struct proxy *proxy = keydata;

	if (proxy == NULL)
		return;
	EVP_PKEY_free(proxy->public);
	OPENSSL_free(proxy);
}

static int
proxy_has(const void *keydata, int selection)
{
	const struct proxy *proxy = keydata;

	if (proxy == NULL || proxy->public == NULL)
		return 0;
	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || proxy->private;
}

/* Other providers' public keys come in this way too: as an ECDH peer, or to be compared. */
static int
import_public(struct proxy *proxy, const OSSL_PARAM params[])
{
	EVP_PKEY_CTX *ctx;
	int ok;

	if (OSSL_PARAM_locate_const(params, proxy->rsa ? OSSL_PKEY_PARAM_RSA_D : OSSL_PKEY_PARAM_PRIV_KEY) != NULL)
		return 0;
	ctx = EVP_PKEY_CTX_new_from_name(NULL, proxy->rsa ? "RSA" : "EC", PROXY_DEFAULT);
	ok = ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1
	    && EVP_PKEY_fromdata(ctx, &proxy->public, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)params) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static int
proxy_import(void *keydata, int selection, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PROXY_PUBLIC_KEY);
	struct proxy *proxy = keydata;
	const unsigned char *der;
	size_t len;

	(void)selection;
	if (proxy->public != NULL)
		return 0;
	if (p == NULL)
		return import_public(proxy, params);
	if (OSSL_PARAM_get_octet_string_ptr(p, (const void **)&der, &len) != 1
	    || EVP_Digest(der, len, proxy->handle, NULL, proxy_digest(WIRE_SHA256), NULL) != 1)
		return 0;
	proxy->public = d2i_PUBKEY_ex(NULL, &der, (long)len, NULL, PROXY_DEFAULT);
	proxy->private = proxy->public != NULL && EVP_PKEY_is_a(proxy->public, proxy->rsa ? "RSA" : "EC");
	return proxy->private;
}

static const OSSL_PARAM *
proxy_import_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_octet_string(PROXY_PUBLIC_KEY, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)selection;
	return types;
}

/* EVP tries the default provider first, by exporting the whole key. Because that
 * is refused it comes to ours, without any property query in the caller. */
static int
proxy_export(void *keydata, int selection, OSSL_CALLBACK *callback, void *arg)
{
	struct proxy *proxy = keydata;
	OSSL_PARAM *params = NULL;
	int ok;

	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 || proxy->public == NULL)
		return 0;
	ok = EVP_PKEY_todata(proxy->public, selection, &params) == 1 && callback(params, arg) == 1;
	OSSL_PARAM_free(params);
	return ok;
}

static const OSSL_PARAM *
proxy_export_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_END,
	};

	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? NULL : types;
}

static int
proxy_match(const void *one, const void *other, int selection)
{
	const struct proxy *a = one, *b = other;

	if (a->public == NULL || b->public == NULL)
		return 0;
	if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0)
		return EVP_PKEY_parameters_eq(a->public, b->public) == 1;
	return EVP_PKEY_eq(a->public, b->public) == 1;
}

/* CMS makes an ECDH peer from our key's curve: the domain parameters alone, whose
 * public point is set afterwards. */
static void *
proxy_dup(const void *keydata, int selection)
{
	const struct proxy *from = keydata;
	struct proxy *proxy = OPENSSL_zalloc(sizeof(*proxy));

	if (proxy == NULL || from->public == NULL)
		goto fail;
	proxy->rsa = from->rsa;
	if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0) {
		proxy->public = EVP_PKEY_dup(from->public);
		proxy->private = from->private && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
		memcpy(proxy->handle, from->handle, sizeof(proxy->handle));
	} else {
		proxy->public = EVP_PKEY_new();
		if (proxy->public != NULL && EVP_PKEY_copy_parameters(proxy->public, from->public) != 1)
			goto fail;
	}
	if (proxy->public != NULL)
		return proxy;
fail:
	proxy_free(proxy);
	return NULL;
}

static int
proxy_get_params(void *keydata, OSSL_PARAM params[])
{
	struct proxy *proxy = keydata;

	return proxy->public != NULL && EVP_PKEY_get_params(proxy->public, params) == 1;
}

static const OSSL_PARAM *
proxy_gettable_params(void *context)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)context;
	return gettable;
}

/* Never on a key with a handle: its public half is what the handle stands for. */
static int
proxy_set_params(void *keydata, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY);
	struct proxy *proxy = keydata;
	const void *point;
	size_t len;

	if (p == NULL)
		return 1;
	return proxy->public != NULL && !proxy->private && OSSL_PARAM_get_octet_string_ptr(p, &point, &len) == 1
	    && EVP_PKEY_set1_encoded_public_key(proxy->public, point, len) == 1;
}

static const OSSL_PARAM *
proxy_settable_params(void *context)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)context;
	return settable;
}

static int
proxy_validate(const void *keydata, int selection, int type)
{
	const struct proxy *proxy = keydata;
	EVP_PKEY_CTX *ctx;
	int ok;

	if (proxy->public == NULL)
		return 0;
	if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0)
		return 1;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, proxy->public, PROXY_DEFAULT);
	ok = ctx != NULL
	    && (type == OSSL_KEYMGMT_VALIDATE_QUICK_CHECK ? EVP_PKEY_public_check_quick(ctx) : EVP_PKEY_public_check(ctx)) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static const char *
ec_operation_name(int operation)
{
	switch (operation) {
	case OSSL_OP_SIGNATURE:
		return "ECDSA";
	case OSSL_OP_KEYEXCH:
		return "ECDH";
	default:
		return NULL;
	}
}

#define KEY_FUNCTIONS \
	PROXY_FUNCTION(OSSL_FUNC_KEYMGMT_FREE, proxy_free), \
	PROXY_FUNCTION(OSSL_FUNC_KEYMGMT_HAS, proxy_has), \
	PROXY_FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, proxy_import), \
	PROXY_FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, proxy_import_types), \
	PROXY_FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT, proxy_export), \
	PROXY_FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, proxy_export_types), \
	PROXY_FUNCTION(OSSL_FUNC_KEYMGMT_MATCH, proxy_match), \
	PROXY_FUNCTION(OSSL_FUNC_KEYMGMT_DUP, proxy_dup), \
	PROXY_FUNCTION(OSSL_FUNC_KEYMGMT_GET_PARAMS, proxy_get_params), \
	PROXY_FUNCTION(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, proxy_gettable_params), \
	PROXY_FUNCTION(OSSL_FUNC_KEYMGMT_VALIDATE, proxy_validate)

const OSSL_DISPATCH proxy_rsa_key_functions[] = {
	PROXY_FUNCTION(OSSL_FUNC_KEYMGMT_NEW, rsa_new),
	KEY_FUNCTIONS,
	{0, NULL},
};

const OSSL_DISPATCH proxy_ec_key_functions[] = {
	PROXY_FUNCTION(OSSL_FUNC_KEYMGMT_NEW, ec_new),
	KEY_FUNCTIONS,
	PROXY_FUNCTION(OSSL_FUNC_KEYMGMT_SET_PARAMS, proxy_set_params),
	PROXY_FUNCTION(OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, proxy_settable_params),
	PROXY_FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, ec_operation_name),
	{0, NULL},
};

/* ---- parameters of several operations ---------------------------------------- */

int
proxy_take_digest(enum wire_digest *digest, const OSSL_PARAM *p)
{
	const char *name;

	if (p == NULL)
		return 1;
	if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
		return 0;
	*digest = wire_digest_of(name);
	return *digest != WIRE_DIGEST_NONE;
}

int
proxy_take_octets(unsigned char to[WIRE_EXTRA_MAX], size_t *len, const OSSL_PARAM *p)
{
	void *at = to;

	/* An empty one comes as NULL, which OSSL_PARAM_get_octet_string() takes for an error. */
	if (p != NULL && p->data_size == 0)
		*len = 0;
	return p == NULL || p->data_size == 0 || OSSL_PARAM_get_octet_string(p, &at, WIRE_EXTRA_MAX, len) == 1;
}
