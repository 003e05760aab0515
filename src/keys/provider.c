#include "keys/provider.h"

#include "keys/client.h"
#include "keys/wire.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#include <stdlib.h>
#include <string.h>

/* Inner fetches name the provider, or the order of loading would matter. */
#define DEFAULT "provider=default"
#define OURS "provider=" PROVIDER_NAME
#define PARAM_PUBLIC_KEY "sealmilter-public-key" /* DER of the SubjectPublicKeyInfo: makes a key of ours */

/* Key data. What is public about the key, and all parameters of operations, are
 * delegated to an ordinary key of the default provider. */
struct proxy {
	EVP_PKEY *public; /* NULL until imported */
	bool rsa;
	bool private;     /* keeper has the other half */
	unsigned char handle[KEY_HANDLE_SIZE];
};

static struct {
	OSSL_PROVIDER *base;
	OSSL_PROVIDER *ours;
	struct client *client;
	EVP_MD *digests[WIRE_DIGESTS];
} provider;

static _Thread_local bool outage;

void
provider_outage_clear(void)
{
	outage = false;
}

bool
provider_outage(void)
{
	return outage;
}

/* ---- asking keeper -------------------------------------------------------- */

/* Status WIRE_OK: *len octets at to. An outage is remembered outside OpenSSL's
 * error queue, which its callers empty and hide. */
static enum wire_status
ask(const struct wire_request *request, unsigned char *to, size_t size, size_t *len)
{
	unsigned char message[WIRE_REQUEST_MAX], reply[1 + WIRE_RESULT_MAX];
	size_t message_len = wire_write(request, message, sizeof(message)), reply_len = 0;
	enum wire_status status = WIRE_REFUSED;
	struct error err = ERROR_NONE;

	if (message_len == 0)
		return WIRE_REFUSED;
	if (client_call(provider.client, slice_of(message, message_len), reply, sizeof(reply), &reply_len, &err)
	    == ANSWER_YES) {
		status = (enum wire_status)reply[0];
	} else {
		status = WIRE_UNKNOWN;
		ERR_raise_data(ERR_LIB_USER, 1, "%s", err.words);
	}
	if (status == WIRE_UNKNOWN)
		outage = true;
	if (status == WIRE_OK && reply_len - 1 > size)
		status = WIRE_FAILED;
	if (status == WIRE_OK) {
		*len = reply_len - 1;
		memcpy(to, reply + 1, *len);
	} else {
		ERR_raise_data(ERR_LIB_USER, (int)status + 1, "keeper refused or failed");
	}
	OPENSSL_cleanse(reply, sizeof(reply));
	return status;
}

/* ---- key management ------------------------------------------------------- */

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
	ctx = EVP_PKEY_CTX_new_from_name(NULL, proxy->rsa ? "RSA" : "EC", DEFAULT);
	ok = ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1
	    && EVP_PKEY_fromdata(ctx, &proxy->public, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)params) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static int
proxy_import(void *keydata, int selection, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PARAM_PUBLIC_KEY);
	struct proxy *proxy = keydata;
	const unsigned char *der;
	size_t len;

	(void)selection;
	if (proxy->public != NULL)
		return 0;
	if (p == NULL)
		return import_public(proxy, params);
	if (OSSL_PARAM_get_octet_string_ptr(p, (const void **)&der, &len) != 1
	    || EVP_Digest(der, len, proxy->handle, NULL, provider.digests[WIRE_SHA256], NULL) != 1)
		return 0;
	proxy->public = d2i_PUBKEY_ex(NULL, &der, (long)len, NULL, DEFAULT);
	proxy->private = proxy->public != NULL && EVP_PKEY_is_a(proxy->public, proxy->rsa ? "RSA" : "EC");
	return proxy->private;
}

static const OSSL_PARAM *
proxy_import_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_octet_string(PARAM_PUBLIC_KEY, NULL, 0),
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
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, proxy->public, DEFAULT);
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

/* ---- signatures ----------------------------------------------------------- */

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
	signing->inner = EVP_PKEY_CTX_new_from_pkey(NULL, signing->key->public, DEFAULT);
	signing->digest = digest;
	return signing->inner != NULL && EVP_PKEY_sign_init(signing->inner) == 1
	    && (digest == WIRE_DIGEST_NONE
		|| EVP_PKEY_CTX_set_signature_md(signing->inner, provider.digests[digest]) == 1)
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
	    && EVP_DigestInit_ex2(signing->md, provider.digests[digest], NULL) == 1;
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
	return ask(&request, signature, size, len) == WIRE_OK;
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

/* ---- unwrapping content keys (RSA) ---------------------------------------- */

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
set_digest(enum wire_digest *digest, const OSSL_PARAM *p)
{
	const char *name;

	if (p == NULL)
		return 1;
	if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
		return 0;
	*digest = wire_digest_of(name);
	return *digest != WIRE_DIGEST_NONE;
}

static int
set_octets(unsigned char to[WIRE_EXTRA_MAX], size_t *len, const OSSL_PARAM *p)
{
	void *at = to;

	/* An empty one comes as NULL, which OSSL_PARAM_get_octet_string() takes for an error. */
	if (p != NULL && p->data_size == 0)
		*len = 0;
	return p == NULL || p->data_size == 0 || OSSL_PARAM_get_octet_string(p, &at, WIRE_EXTRA_MAX, len) == 1;
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
	    && set_digest(&unwrapping->digest, OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST))
	    && set_digest(&unwrapping->mgf_digest, OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST))
	    && set_octets(unwrapping->label, &unwrapping->label_len,
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
	return ask(&request, out, size, len) == WIRE_OK;
}

/* ---- key agreement (ECDH, RFC 5753) --------------------------------------- */

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
	    && set_digest(&agreement->digest, OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_DIGEST))
	    && set_octets(agreement->info, &agreement->info_len,
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
	ok = request.input.len > 0 && ask(&request, secret, size, len) == WIRE_OK;
	OPENSSL_free(point);
	return ok;
}

/* ---- tables --------------------------------------------------------------- */

#define FUNCTION(id, function) {id, (void (*)(void))(function)}

#define KEY_FUNCTIONS \
	FUNCTION(OSSL_FUNC_KEYMGMT_FREE, proxy_free), \
	FUNCTION(OSSL_FUNC_KEYMGMT_HAS, proxy_has), \
	FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, proxy_import), \
	FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, proxy_import_types), \
	FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT, proxy_export), \
	FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, proxy_export_types), \
	FUNCTION(OSSL_FUNC_KEYMGMT_MATCH, proxy_match), \
	FUNCTION(OSSL_FUNC_KEYMGMT_DUP, proxy_dup), \
	FUNCTION(OSSL_FUNC_KEYMGMT_GET_PARAMS, proxy_get_params), \
	FUNCTION(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, proxy_gettable_params), \
	FUNCTION(OSSL_FUNC_KEYMGMT_VALIDATE, proxy_validate)

static const OSSL_DISPATCH rsa_key_functions[] = {
	FUNCTION(OSSL_FUNC_KEYMGMT_NEW, rsa_new),
	KEY_FUNCTIONS,
	{0, NULL},
};

static const OSSL_DISPATCH ec_key_functions[] = {
	FUNCTION(OSSL_FUNC_KEYMGMT_NEW, ec_new),
	KEY_FUNCTIONS,
	FUNCTION(OSSL_FUNC_KEYMGMT_SET_PARAMS, proxy_set_params),
	FUNCTION(OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, proxy_settable_params),
	FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, ec_operation_name),
	{0, NULL},
};

static const OSSL_DISPATCH signature_functions[] = {
	FUNCTION(OSSL_FUNC_SIGNATURE_NEWCTX, signing_new),
	FUNCTION(OSSL_FUNC_SIGNATURE_FREECTX, signing_free),
	FUNCTION(OSSL_FUNC_SIGNATURE_DUPCTX, signing_dup),
	FUNCTION(OSSL_FUNC_SIGNATURE_SIGN_INIT, sign_init),
	FUNCTION(OSSL_FUNC_SIGNATURE_SIGN, sign),
	FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, digest_sign_init),
	FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, digest_sign_update),
	FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, digest_sign_final),
	FUNCTION(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signing_set_params),
	FUNCTION(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signing_settable_params),
	FUNCTION(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, signing_get_params),
	FUNCTION(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, signing_gettable_params),
	{0, NULL},
};

static const OSSL_DISPATCH cipher_functions[] = {
	FUNCTION(OSSL_FUNC_ASYM_CIPHER_NEWCTX, unwrapping_new),
	FUNCTION(OSSL_FUNC_ASYM_CIPHER_FREECTX, unwrapping_free),
	FUNCTION(OSSL_FUNC_ASYM_CIPHER_DUPCTX, unwrapping_dup),
	FUNCTION(OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, decrypt_init),
	FUNCTION(OSSL_FUNC_ASYM_CIPHER_DECRYPT, decrypt),
	FUNCTION(OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS, unwrapping_set_params),
	FUNCTION(OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, unwrapping_settable_params),
	{0, NULL},
};

static const OSSL_DISPATCH exchange_functions[] = {
	FUNCTION(OSSL_FUNC_KEYEXCH_NEWCTX, agreement_new),
	FUNCTION(OSSL_FUNC_KEYEXCH_FREECTX, agreement_free),
	FUNCTION(OSSL_FUNC_KEYEXCH_DUPCTX, agreement_dup),
	FUNCTION(OSSL_FUNC_KEYEXCH_INIT, agreement_init),
	FUNCTION(OSSL_FUNC_KEYEXCH_SET_PEER, agreement_set_peer),
	FUNCTION(OSSL_FUNC_KEYEXCH_DERIVE, agreement_derive),
	FUNCTION(OSSL_FUNC_KEYEXCH_SET_CTX_PARAMS, agreement_set_params),
	FUNCTION(OSSL_FUNC_KEYEXCH_SETTABLE_CTX_PARAMS, agreement_settable_params),
	{0, NULL},
};

/* The default provider's names, so that EVP knows the keys' old type numbers. */
#define RSA_NAMES "RSA:rsaEncryption:1.2.840.113549.1.1.1"

static const OSSL_ALGORITHM keys[] = {
	{RSA_NAMES, OURS, rsa_key_functions, NULL},
	{"EC:id-ecPublicKey:1.2.840.10045.2.1", OURS, ec_key_functions, NULL},
	{NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM signatures[] = {
	{RSA_NAMES, OURS, signature_functions, NULL},
	{"ECDSA", OURS, signature_functions, NULL},
	{NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM ciphers[] = {
	{RSA_NAMES, OURS, cipher_functions, NULL},
	{NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM exchanges[] = {
	{"ECDH", OURS, exchange_functions, NULL},
	{NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *
query_operation(void *context, int operation, int *no_cache)
{
	(void)context;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_KEYMGMT:
		return keys;
	case OSSL_OP_SIGNATURE:
		return signatures;
	case OSSL_OP_ASYM_CIPHER:
		return ciphers;
	case OSSL_OP_KEYEXCH:
		return exchanges;
	default:
		return NULL;
	}
}

static int
init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **context)
{
	static const OSSL_DISPATCH functions[] = {
		FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query_operation),
		{0, NULL},
	};

	(void)in;
	*out = functions;
	*context = (void *)handle;
	return 1;
}

/* ---- opening and closing -------------------------------------------------- */

/* Had ours won over the default provider where nobody asks for one of them, every
 * public key of every mail would come through it. */
static bool
default_wins(void)
{
	EVP_KEYMGMT *rsa = EVP_KEYMGMT_fetch(NULL, "RSA", NULL), *ec = EVP_KEYMGMT_fetch(NULL, "EC", NULL);
	bool wins = rsa != NULL && ec != NULL && EVP_KEYMGMT_get0_provider(rsa) != provider.ours
	    && EVP_KEYMGMT_get0_provider(ec) != provider.ours;

	EVP_KEYMGMT_free(rsa);
	EVP_KEYMGMT_free(ec);
	return wins;
}

static bool
load(void)
{
	provider.base = OSSL_PROVIDER_load(NULL, "default");
	if (provider.base == NULL || OSSL_PROVIDER_add_builtin(NULL, PROVIDER_NAME, init) != 1)
		return false;
	for (int i = 1; i < WIRE_DIGESTS; i++)
		if ((provider.digests[i] = EVP_MD_fetch(NULL, wire_digest_name((enum wire_digest)i), DEFAULT)) == NULL)
			return false;
	provider.ours = OSSL_PROVIDER_load(NULL, PROVIDER_NAME);
	return provider.ours != NULL && default_wins();
}

enum answer
provider_open(const char *keeper_socket_path, unsigned deadline_ms, unsigned connections_max, struct error *err)
{
	if (provider.client != NULL)
		return error_no(err, "provider", "already open");
	provider.client = client_new(keeper_socket_path, deadline_ms, connections_max, err);
	if (provider.client == NULL)
		return ANSWER_NO;
	if (load())
		return ANSWER_YES;
	provider_close();
	error_no(err, "provider", "OpenSSL does not load the key provider");
	error_add_openssl(err);
	return ANSWER_NO;
}

void
provider_close(void)
{
	if (provider.ours != NULL)
		OSSL_PROVIDER_unload(provider.ours);
	for (int i = 0; i < WIRE_DIGESTS; i++) {
		EVP_MD_free(provider.digests[i]);
		provider.digests[i] = NULL;
	}
	if (provider.base != NULL)
		OSSL_PROVIDER_unload(provider.base);
	client_free(provider.client);
	provider.client = NULL;
	provider.ours = provider.base = NULL;
}

/* ---- identities ----------------------------------------------------------- */

static EVP_PKEY *
make_key(X509 *certificate)
{
	EVP_PKEY *public = X509_get0_pubkey(certificate), *key = NULL;
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	EVP_PKEY_CTX *ctx = NULL;

	if (public != NULL && len > 0) {
		OSSL_PARAM params[] = {
			OSSL_PARAM_construct_octet_string(PARAM_PUBLIC_KEY, der, (size_t)len),
			OSSL_PARAM_construct_end(),
		};

		ctx = EVP_PKEY_CTX_new_from_name(NULL, EVP_PKEY_is_a(public, "RSA") ? "RSA" : "EC", OURS);
		if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1
		    || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
			key = NULL;
	}
	EVP_PKEY_CTX_free(ctx);
	OPENSSL_free(der);
	return key;
}

static bool
read_certificates(struct slice rest, struct key_identity *identity)
{
	size_t count;

	if (!wire_take_number(&rest, &count) || count < 1 || count > 1 + KEY_CHAIN_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct slice item;
		const unsigned char *at;
		X509 *certificate;

		if (!wire_take(&rest, &item))
			return false;
		at = item.data;
		certificate = d2i_X509(NULL, &at, (long)item.len);
		if (certificate == NULL || at != item.data + item.len) {
			X509_free(certificate);
			return false;
		}
		if (i == 0) {
			identity->certificate = certificate;
		} else if (sk_X509_push(identity->chain, certificate) <= 0) {
			X509_free(certificate);
			return false;
		}
	}
	return rest.len == 0;
}

/* A reply with any content: *reply is the caller's to free(), content points into it. */
static enum answer
ask_anything(const struct wire_request *request, unsigned char **reply, struct slice *content, struct error *err)
{
	unsigned char message[WIRE_REQUEST_MAX];
	size_t len = wire_write(request, message, sizeof(message)), reply_len = 0;
	enum answer answer;

	*reply = malloc(WIRE_REPLY_MAX);
	if (*reply == NULL || len == 0)
		return error_cant_tell(err, "memory", "out of memory");
	answer = client_call(provider.client, slice_of(message, len), *reply, WIRE_REPLY_MAX, &reply_len, err);
	if (answer != ANSWER_YES) {
		outage = true;
		return answer;
	}
	*content = slice_of(*reply + 1, reply_len - 1);
	if ((*reply)[0] == WIRE_UNKNOWN)
		return error_no(err, "no-signer", "keeper has no such signer");
	if ((*reply)[0] != WIRE_OK)
		return error_cant_tell(err, "keeper-reply", "keeper refuses to tell");
	return ANSWER_YES;
}

enum answer
provider_identity(const char *name, struct key_identity **identity, struct error *err)
{
	struct wire_request request = {.op = WIRE_IDENTITY, .input = slice_str(name)};
	struct key_identity *new = NULL;
	unsigned char *reply = NULL;
	struct slice content;
	enum answer answer;

	*identity = NULL;
	if (provider.client == NULL || request.input.len > KEY_NAME_MAX)
		return error_no(err, "no-signer", "keeper has no signer %.40s", name);
	answer = ask_anything(&request, &reply, &content, err);
	if (answer != ANSWER_YES) {
		error_prefix(err, "signer %s", name);
		goto out;
	}
	new = calloc(1, sizeof(*new));
	if (new == NULL || (new->name = strdup(name)) == NULL || (new->chain = sk_X509_new_null()) == NULL) {
		answer = error_cant_tell(err, "memory", "out of memory");
		goto out;
	}
	if (!read_certificates(content, new) || (new->key = make_key(new->certificate)) == NULL) {
		answer = error_cant_tell(err, "keeper-reply", "signer %s: keeper's reply makes no sense", name);
		error_add_openssl(err);
		goto out;
	}
	*identity = new;
	new = NULL;
out:
	key_identity_free(new);
	free(reply);
	return answer;
}

enum answer
provider_names(char ***names, size_t *count, struct error *err)
{
	struct wire_request request = {.op = WIRE_NAMES};
	unsigned char *reply = NULL;
	struct slice content, item;
	size_t expected = 0;
	enum answer answer;

	*names = NULL;
	*count = 0;
	if (provider.client == NULL)
		return error_no(err, "provider", "not open");
	answer = ask_anything(&request, &reply, &content, err);
	if (answer != ANSWER_YES)
		goto out;
	if (!wire_take_number(&content, &expected) || (*names = calloc(expected + 1, sizeof(**names))) == NULL) {
		answer = error_cant_tell(err, "keeper-reply", "keeper's reply makes no sense");
		goto out;
	}
	while (*count < expected && wire_take(&content, &item) && ((*names)[*count] = slice_dup(item)) != NULL)
		(*count)++;
	if (*count == expected && content.len == 0)
		goto out;
	answer = error_cant_tell(err, "keeper-reply", "keeper's reply makes no sense");
	provider_names_free(*names, *count);
	*names = NULL;
	*count = 0;
out:
	free(reply);
	return answer;
}

void
provider_names_free(char **names, size_t count)
{
	for (size_t i = 0; names != NULL && i < count; i++)
		free(names[i]);
	free(names);
}
