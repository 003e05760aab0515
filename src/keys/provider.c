#include "keys/provider.h"

#include "keys/client.h"
#include "keys/proxy.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>

#include <stdlib.h>
#include <string.h>

#define OURS "provider=" PROVIDER_NAME

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

enum wire_status
proxy_ask(const struct wire_request *request, unsigned char *to, size_t size, size_t *len)
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

const EVP_MD *
proxy_digest(enum wire_digest digest)
{
	return provider.digests[digest];
}

/* ---- what OpenSSL is offered ------------------------------------------------ */

/* The default provider's names, so that EVP knows the keys' old type numbers. */
#define RSA_NAMES "RSA:rsaEncryption:1.2.840.113549.1.1.1"

static const OSSL_ALGORITHM keys[] = {
	{RSA_NAMES, OURS, proxy_rsa_key_functions, NULL},
	{"EC:id-ecPublicKey:1.2.840.10045.2.1", OURS, proxy_ec_key_functions, NULL},
	{NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM signatures[] = {
	{RSA_NAMES, OURS, proxy_signature_functions, NULL},
	{"ECDSA", OURS, proxy_signature_functions, NULL},
	{NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM ciphers[] = {
	{RSA_NAMES, OURS, proxy_cipher_functions, NULL},
	{NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM exchanges[] = {
	{"ECDH", OURS, proxy_exchange_functions, NULL},
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
		PROXY_FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query_operation),
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
		if ((provider.digests[i] = EVP_MD_fetch(NULL, wire_digest_name((enum wire_digest)i), PROXY_DEFAULT)) == NULL)
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
			OSSL_PARAM_construct_octet_string(PROXY_PUBLIC_KEY, der, (size_t)len),
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
		return error_no(err, request->op == WIRE_SIGNER ? "no-signer" : "no-decryption-key", "keeper does not have it");
	if ((*reply)[0] != WIRE_OK)
		return error_cant_tell(err, "keeper-reply", "keeper refuses to tell");
	return ANSWER_YES;
}

enum answer
provider_identity(const char *name, enum key_use use, struct key_identity **identity, struct error *err)
{
	struct wire_request request = {.op = use == KEY_TO_SIGN ? WIRE_SIGNER : WIRE_DECRYPTION_KEY,
		.input = slice_str(name)};
	struct key_identity *new = NULL;
	unsigned char *reply = NULL;
	struct slice content;
	enum answer answer;

	*identity = NULL;
	if (provider.client == NULL || request.input.len > KEY_NAME_MAX)
		return error_no(err, use == KEY_TO_SIGN ? "no-signer" : "no-decryption-key", "keeper has no %s %.40s",
			key_use_word(use), name);
	answer = ask_anything(&request, &reply, &content, err);
	if (answer != ANSWER_YES) {
		error_prefix(err, "%s %s", key_use_word(use), name);
		goto out;
	}
	new = calloc(1, sizeof(*new));
	if (new == NULL || (new->name = strdup(name)) == NULL || (new->chain = sk_X509_new_null()) == NULL) {
		answer = error_cant_tell(err, "memory", "out of memory");
		goto out;
	}
	if (!read_certificates(content, new) || (new->key = make_key(new->certificate)) == NULL) {
		answer = error_cant_tell(err, "keeper-reply", "%s %s: keeper's reply makes no sense", key_use_word(use), name);
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
