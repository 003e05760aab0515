#include "keys/vault.h"

#include "config/config.h"
#include "keys/keeper.h"
#include "keys/key.h"
#include "keys/wire.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/rsa.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct slot {
	struct key_identity *identity;
	enum key_use use;
	unsigned char handle[KEY_HANDLE_SIZE];
	bool rsa;
	unsigned char *certificates; /* SIGNER's or DECRYPTION_KEY's reply, ready to be sent */
	size_t certificates_len;
};

struct vault {
	atomic_uint references;
	EVP_MD *digests[WIRE_DIGESTS]; /* fetched once */
	struct slot *slots;
	size_t count;
};

/* ---- loading -------------------------------------------------------------- */

static bool
add_der(unsigned char **at, const unsigned char *end, X509 *certificate)
{
	int len = i2d_X509(certificate, NULL);
	unsigned char *der;

	if (len <= 0 || len > UINT16_MAX || len + 2 > end - *at)
		return false;
	wire_put_number(*at, (size_t)len);
	der = *at + 2;
	*at += 2 + i2d_X509(certificate, &der);
	return true;
}

/* KEY_CERTIFICATES_MAX was looked at when the identity was loaded, so it fits. */
static bool
prepare_certificates(struct slot *slot)
{
	int chain = sk_X509_num(slot->identity->chain);
	size_t size = 1 + 2 + KEY_CERTIFICATES_MAX + 2 * (1 + KEY_CHAIN_MAX);
	unsigned char *reply = malloc(size), *at;
	bool ok;

	_Static_assert(1 + 2 + KEY_CERTIFICATES_MAX + 2 * (1 + KEY_CHAIN_MAX) <= WIRE_REPLY_MAX, "an identity fits");
	if (reply == NULL)
		return false;
	reply[0] = WIRE_OK;
	wire_put_number(reply + 1, 1 + (size_t)chain);
	at = reply + 3;
	ok = add_der(&at, reply + size, slot->identity->certificate);
	for (int i = 0; ok && i < chain; i++)
		ok = add_der(&at, reply + size, sk_X509_value(slot->identity->chain, i));
	slot->certificates = reply;
	slot->certificates_len = (size_t)(at - reply);
	return ok;
}

static enum answer
load_slot(const struct config_signer *files, enum key_use use, struct slot *slot, struct error *err)
{
	enum answer answer = key_load(files, use, &slot->identity, err);

	if (answer != ANSWER_YES) {
		error_prefix(err, "%s %s", key_use_word(use), files->name);
		return answer;
	}
	slot->use = use;
	slot->rsa = EVP_PKEY_is_a(slot->identity->key, "RSA") == 1;
	if (!key_handle(slot->identity->certificate, slot->handle) || !prepare_certificates(slot))
		return error_cant_tell(err, "memory", "%s %s: out of memory", key_use_word(use), files->name);
	return ANSWER_YES;
}

static void
vault_free(struct vault *vault)
{
	for (size_t i = 0; i < vault->count; i++) {
		key_identity_free(vault->slots[i].identity);
		free(vault->slots[i].certificates);
	}
	for (int i = 0; i < WIRE_DIGESTS; i++)
		EVP_MD_free(vault->digests[i]);
	free(vault->slots);
	free(vault);
}

static enum answer
load_slots(struct vault *vault, const struct config *config, struct error *err)
{
	enum answer answer = ANSWER_YES;

	for (size_t i = 0; answer == ANSWER_YES && i < config->signer_count; i++)
		answer = load_slot(&config->signers[i], KEY_TO_SIGN, &vault->slots[vault->count++], err);
	for (size_t i = 0; answer == ANSWER_YES && i < config->decryption_count; i++)
		answer = load_slot(&config->decryptions[i].files, KEY_TO_DECRYPT, &vault->slots[vault->count++], err);
	return answer;
}

enum answer
vault_load(const struct config *config, struct vault **vault, struct error *err)
{
	size_t keys = config->signer_count + config->decryption_count;
	enum answer answer = ANSWER_YES;
	struct vault *new;

	*vault = NULL;
	if (keys > KEEPER_KEYS_MAX)
		return error_no(err, "keys", "more than %d signers and decryption keys", KEEPER_KEYS_MAX);
	new = calloc(1, sizeof(*new));
	if (new == NULL)
		return error_cant_tell(err, "memory", "out of memory");
	atomic_init(&new->references, 1);
	new->slots = calloc(keys + 1, sizeof(*new->slots));
	if (new->slots == NULL)
		answer = error_cant_tell(err, "memory", "out of memory");
	for (int i = 1; answer == ANSWER_YES && i < WIRE_DIGESTS; i++) {
		new->digests[i] = EVP_MD_fetch(NULL, wire_digest_name((enum wire_digest)i), NULL);
		if (new->digests[i] == NULL)
			answer = error_cant_tell(err, "openssl", "OpenSSL does not have %s",
				wire_digest_name((enum wire_digest)i));
	}
	if (answer == ANSWER_YES)
		answer = load_slots(new, config, err);
	if (answer == ANSWER_YES)
		*vault = new;
	else
		vault_free(new);
	return answer;
}

size_t
vault_count(const struct vault *vault, enum key_use use)
{
	size_t count = 0;

	for (size_t i = 0; i < vault->count; i++)
		count += vault->slots[i].use == use;
	return count;
}

struct vault *
vault_ref(struct vault *vault)
{
	atomic_fetch_add_explicit(&vault->references, 1, memory_order_relaxed);
	return vault;
}

void
vault_unref(struct vault *vault)
{
	if (vault != NULL && atomic_fetch_sub_explicit(&vault->references, 1, memory_order_acq_rel) == 1)
		vault_free(vault);
}

/* ---- operations ----------------------------------------------------------- */

static enum wire_status
use(EVP_PKEY_CTX *ctx, int (*operation)(EVP_PKEY_CTX *, unsigned char *, size_t *, const unsigned char *, size_t),
	struct slice input, unsigned char *to, size_t *len)
{
	*len = WIRE_RESULT_MAX;
	return operation(ctx, to, len, input.data, input.len) == 1 ? WIRE_OK : WIRE_FAILED;
}

static bool
set_pss(const struct vault *vault, EVP_PKEY_CTX *ctx, const struct wire_request *r)
{
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1
	    && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, vault->digests[r->mgf_digest]) == 1
	    && EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, r->salt_length) == 1;
}

static enum wire_status
sign(const struct vault *vault, const struct slot *slot, const struct wire_request *r, unsigned char *to, size_t *len)
{
	EVP_PKEY_CTX *ctx;
	enum wire_status status = WIRE_REFUSED;
	bool pss = r->scheme == WIRE_PSS;

	if (r->digest < WIRE_SHA256 || (pss && r->mgf_digest < WIRE_SHA256)
	    || r->input.len != (size_t)EVP_MD_get_size(vault->digests[r->digest]))
		return WIRE_REFUSED;
	if (slot->rsa ? r->scheme != WIRE_PKCS1 && !pss : r->scheme != WIRE_ECDSA)
		return WIRE_REFUSED;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, slot->identity->key, NULL);
	if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1)
		status = WIRE_FAILED;
	else if (EVP_PKEY_CTX_set_signature_md(ctx, vault->digests[r->digest]) == 1 && (!pss || set_pss(vault, ctx, r)))
		status = use(ctx, EVP_PKEY_sign, r->input, to, len);
	EVP_PKEY_CTX_free(ctx);
	return status;
}

static bool
set_oaep(const struct vault *vault, EVP_PKEY_CTX *ctx, const struct wire_request *r)
{
	void *label = r->extra.len == 0 ? NULL : OPENSSL_memdup(r->extra.data, r->extra.len);

	if ((r->extra.len > 0 && label == NULL)
	    || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1
	    || EVP_PKEY_CTX_set_rsa_oaep_md(ctx, vault->digests[r->digest]) != 1
	    || EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, vault->digests[r->mgf_digest]) != 1
	    || (label != NULL && EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, (int)r->extra.len) != 1)) {
		OPENSSL_free(label);
		return false;
	}
	return true;
}

static enum wire_status
decrypt(const struct vault *vault, const struct slot *slot, const struct wire_request *r, unsigned char *to, size_t *len)
{
	bool oaep = r->scheme == WIRE_OAEP;
	enum wire_status status = WIRE_REFUSED;
	EVP_PKEY_CTX *ctx;

	if (!slot->rsa || (r->scheme != WIRE_PKCS1 && !oaep)
	    || (oaep && (r->digest == WIRE_DIGEST_NONE || r->mgf_digest == WIRE_DIGEST_NONE)))
		return WIRE_REFUSED;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, slot->identity->key, NULL);
	if (ctx == NULL || EVP_PKEY_decrypt_init(ctx) != 1)
		status = WIRE_FAILED;
	else if (oaep ? set_oaep(vault, ctx, r) : EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1)
		status = use(ctx, EVP_PKEY_decrypt, r->input, to, len);
	EVP_PKEY_CTX_free(ctx);
	return status;
}

static bool
set_kdf(const struct vault *vault, EVP_PKEY_CTX *ctx, const struct wire_request *r)
{
	unsigned char *info = r->extra.len == 0 ? NULL : OPENSSL_memdup(r->extra.data, r->extra.len);

	if ((r->extra.len > 0 && info == NULL)
	    || EVP_PKEY_CTX_set_ecdh_cofactor_mode(ctx, r->cofactor) != 1
	    || EVP_PKEY_CTX_set_ecdh_kdf_type(ctx, EVP_PKEY_ECDH_KDF_X9_63) != 1
	    || EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, vault->digests[r->digest]) != 1
	    || EVP_PKEY_CTX_set_ecdh_kdf_outlen(ctx, (int)r->output_length) != 1
	    || (info != NULL && EVP_PKEY_CTX_set0_ecdh_kdf_ukm(ctx, info, (int)r->extra.len) != 1)) {
		OPENSSL_free(info);
		return false;
	}
	return true;
}

/* The point is checked to be on the curve by EVP_PKEY_derive_set_peer(). */
static enum wire_status
derive(const struct vault *vault, const struct slot *slot, const struct wire_request *r, unsigned char *to, size_t *len)
{
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *peer = NULL;
	enum wire_status status = WIRE_REFUSED;

	if (slot->rsa || r->digest == WIRE_DIGEST_NONE || r->output_length == 0 || r->cofactor < -1 || r->cofactor > 1)
		return WIRE_REFUSED;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, slot->identity->key, NULL);
	peer = EVP_PKEY_new();
	*len = r->output_length;
	if (ctx == NULL || peer == NULL || EVP_PKEY_derive_init(ctx) != 1
	    || EVP_PKEY_copy_parameters(peer, slot->identity->key) != 1
	    || EVP_PKEY_set1_encoded_public_key(peer, r->input.data, r->input.len) != 1
	    || EVP_PKEY_derive_set_peer(ctx, peer) != 1)
		status = WIRE_FAILED;
	else if (set_kdf(vault, ctx, r))
		status = EVP_PKEY_derive(ctx, to, len) == 1 ? WIRE_OK : WIRE_FAILED;
	EVP_PKEY_free(peer);
	EVP_PKEY_CTX_free(ctx);
	return status;
}

/* ---- answers -------------------------------------------------------------- */

static size_t
answer_identity(const struct vault *vault, enum key_use use, struct slice name, unsigned char *reply)
{
	for (size_t i = 0; i < vault->count; i++) {
		const struct slot *slot = &vault->slots[i];

		if (slot->use == use && slice_eq_str(name, slot->identity->name)) {
			memcpy(reply, slot->certificates, slot->certificates_len);
			return slot->certificates_len;
		}
	}
	reply[0] = WIRE_UNKNOWN;
	return 1;
}

/* Somebody who has taken over gate can neither sign with what opens mail nor open mail
 * with what signs, unless the configuration gives one key for both. */
static const struct slot *
find_slot(const struct vault *vault, const struct wire_request *r, enum wire_status *status)
{
	enum key_use use = r->op == WIRE_SIGN ? KEY_TO_SIGN : KEY_TO_DECRYPT;

	*status = WIRE_UNKNOWN;
	for (size_t i = 0; i < vault->count; i++) {
		const struct slot *slot = &vault->slots[i];

		if (memcmp(slot->handle, r->handle, KEY_HANDLE_SIZE) != 0)
			continue;
		if (slot->use == use)
			return slot;
		*status = WIRE_REFUSED;
	}
	return NULL;
}

static size_t
answer_operation(const struct vault *vault, const struct wire_request *r, unsigned char *reply)
{
	enum wire_status status;
	const struct slot *slot = find_slot(vault, r, &status);
	size_t len = 0;

	ERR_clear_error();
	if (slot == NULL)
		reply[0] = (unsigned char)status;
	else if (r->op == WIRE_SIGN)
		reply[0] = (unsigned char)sign(vault, slot, r, reply + 1, &len);
	else if (r->op == WIRE_DECRYPT)
		reply[0] = (unsigned char)decrypt(vault, slot, r, reply + 1, &len);
	else
		reply[0] = (unsigned char)derive(vault, slot, r, reply + 1, &len);
	ERR_clear_error();
	return reply[0] == WIRE_OK ? 1 + len : 1;
}

size_t
vault_answer(struct vault *vault, struct slice request, unsigned char *reply)
{
	struct wire_request r;

	if (!wire_read(request, &r)) {
		reply[0] = WIRE_REFUSED;
		return 1;
	}
	if (r.op == WIRE_SIGNER)
		return answer_identity(vault, KEY_TO_SIGN, r.input, reply);
	if (r.op == WIRE_DECRYPTION_KEY)
		return answer_identity(vault, KEY_TO_DECRYPT, r.input, reply);
	return answer_operation(vault, &r, reply);
}
