#include "pki/chain.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <openssl/x509_vfy.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_DEPTH_MAX 8        /* intermediates between certificate and anchor */
#define CHAIN_DEAD_ENDS_MAX 32   /* helpers that lead nowhere, of one certificate */
#define CHAIN_SECURITY_LEVEL 2   /* 112 bits: neither SHA-1 signatures nor RSA below 2048 in a chain */
#define CHAIN_SECURITY_BITS 112  /* the same, of a signature; SHA-1 has 63, RIPEMD-160 80 */
#define CHAIN_REMEMBERED 4096    /* certificates whose chain is known to be good; a power of two */

/* One good chain. Valid in its whole from begin to end; end 0: the slot is free. */
struct known_chain {
	unsigned char question[32];
	time_t begin;
	time_t end;
};

struct memory {
	pthread_mutex_t lock;
	struct known_chain slot[CHAIN_REMEMBERED];
};

struct chain_store {
	X509_STORE *anchors;
	STACK_OF(X509) *intermediates;
	struct memory *memory; /* all else is only read once made */
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "no-memory", "no memory for the trust anchors");
}

/* Policy checking is on only with its flag (CVE-2023-0466), and needs anyPolicy
 * said, or many of PKITS's good chains are refused. */
static bool
set_parameters(X509_VERIFY_PARAM *param, bool accept_weak)
{
	ASN1_OBJECT *any = OBJ_nid2obj(NID_any_policy);

	/* An anchor need not be a root: whoever configures an intermediate means it. */
	if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_POLICY_CHECK | X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
		X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY) != 1 ||
		X509_VERIFY_PARAM_add0_policy(param, any) != 1)
		return false;
	X509_VERIFY_PARAM_set_depth(param, CHAIN_DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, accept_weak ? 0 : CHAIN_SECURITY_LEVEL);
	return true;
}

static struct memory *
memory_new(void)
{
	struct memory *m = calloc(1, sizeof *m);

	if (m != NULL)
		pthread_mutex_init(&m->lock, NULL);
	return m;
}

static void
memory_free(struct memory *m)
{
	if (m == NULL)
		return;
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static struct chain_store *
store_alloc(bool accept_weak)
{
	struct chain_store *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->anchors = X509_STORE_new();
	s->intermediates = sk_X509_new_null();
	s->memory = memory_new();
	if (s->anchors == NULL || s->intermediates == NULL || s->memory == NULL ||
		!set_parameters(X509_STORE_get0_param(s->anchors), accept_weak)) {
		chain_store_free(s);
		return NULL;
	}
	return s;
}

static bool
push_x509(STACK_OF(X509) *stack, X509 *x509)
{
	if (sk_X509_push(stack, x509) <= 0)
		return false;
	X509_up_ref(x509);
	return true;
}

static enum answer
add_file(struct chain_store *s, const char *path, bool anchor, struct error *err)
{
	struct cert **certs;
	size_t count;
	enum answer answer = cert_read_file(path, &certs, &count, err);

	if (answer != ANSWER_YES)
		return answer;
	for (size_t i = 0; i < count && answer == ANSWER_YES; i++) {
		bool added = anchor ? X509_STORE_add_cert(s->anchors, certs[i]->x509) == 1
			: push_x509(s->intermediates, certs[i]->x509);

		if (!added)
			answer = no_memory(err);
	}
	cert_free_array(certs, count);
	return answer;
}

enum answer
chain_store_new(char *const *anchors, size_t anchor_count, char *const *intermediates,
	size_t intermediate_count, bool accept_weak, struct chain_store **store, struct error *err)
{
	struct chain_store *s = store_alloc(accept_weak);
	enum answer answer = ANSWER_YES;

	*store = NULL;
	if (s == NULL)
		return no_memory(err);
	for (size_t i = 0; i < anchor_count && answer == ANSWER_YES; i++)
		answer = add_file(s, anchors[i], true, err);
	for (size_t i = 0; i < intermediate_count && answer == ANSWER_YES; i++)
		answer = add_file(s, intermediates[i], false, err);
	if (answer != ANSWER_YES) {
		chain_store_free(s);
		return answer;
	}
	*store = s;
	return ANSWER_YES;
}

void
chain_store_free(struct chain_store *store)
{
	if (store == NULL)
		return;
	X509_STORE_free(store->anchors);
	sk_X509_pop_free(store->intermediates, X509_free);
	memory_free(store->memory);
	free(store);
}

/* What is remembered is the answer for a certificate together with all that came to help
 * it: the same question has the same answer, whatever was asked before. */
static bool
make_question(const struct cert *cert, STACK_OF(X509) *extra, unsigned char question[32])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		EVP_DigestUpdate(ctx, cert->digest, sizeof cert->digest) == 1;

	for (int i = 0; ok && i < sk_X509_num(extra); i++) {
		unsigned char digest[EVP_MAX_MD_SIZE];
		unsigned len;

		ok = X509_digest(sk_X509_value(extra, i), EVP_sha256(), digest, &len) == 1 &&
			EVP_DigestUpdate(ctx, digest, len) == 1;
	}
	ok = ok && EVP_DigestFinal_ex(ctx, question, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* A question names its slot; a later one of the same slot takes it over. */
static struct known_chain *
slot_of(struct memory *m, const unsigned char question[32])
{
	return &m->slot[(((size_t)question[0] << 8) | question[1]) % CHAIN_REMEMBERED];
}

static bool
is_known(struct memory *m, const unsigned char question[32], time_t at)
{
	const struct known_chain *known = slot_of(m, question);
	bool found;

	pthread_mutex_lock(&m->lock);
	found = memcmp(known->question, question, sizeof known->question) == 0 && at >= known->begin &&
		at < known->end;
	pthread_mutex_unlock(&m->lock);
	return found;
}

static bool
narrow(struct known_chain *chain, const X509 *link)
{
	struct tm begin, end;

	if (ASN1_TIME_to_tm(X509_get0_notBefore(link), &begin) != 1 ||
		ASN1_TIME_to_tm(X509_get0_notAfter(link), &end) != 1)
		return false;
	if (timegm(&begin) > chain->begin)
		chain->begin = timegm(&begin);
	if (timegm(&end) < chain->end)
		chain->end = timegm(&end);
	return true;
}

static void
remember(struct memory *m, const struct cert *cert, const unsigned char question[32], const STACK_OF(X509) *chain)
{
	struct known_chain good = {.begin = cert->not_before, .end = cert->not_after};

	memcpy(good.question, question, sizeof good.question);
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (!narrow(&good, sk_X509_value(chain, i)))
			return;
	pthread_mutex_lock(&m->lock);
	*slot_of(m, question) = good;
	pthread_mutex_unlock(&m->lock);
}

/* Borrowed members only: to be freed with sk_X509_free(). */
static STACK_OF(X509) *
helpers(const struct chain_store *s, STACK_OF(X509) *extra)
{
	STACK_OF(X509) *all = sk_X509_dup(s->intermediates);

	for (int i = 0; all != NULL && i < sk_X509_num(extra); i++)
		if (sk_X509_push(all, sk_X509_value(extra, i)) <= 0) {
			sk_X509_free(all);
			return NULL;
		}
	return all;
}

static enum answer
not_trusted(X509_STORE_CTX *ctx, struct error *err)
{
	int code = X509_STORE_CTX_get_error(ctx);
	enum answer answer;

	if (code == X509_V_ERR_OUT_OF_MEM)
		return no_memory(err);
	answer = error_no(err, "untrusted", "no chain to a configured anchor: %s (depth %d)",
		X509_verify_cert_error_string(code), X509_STORE_CTX_get_error_depth(ctx));
	if (err != NULL)
		err->section = "RFC 5280 6";
	return answer;
}

static enum answer
too_weak(const char *what, int depth, struct error *err)
{
	enum answer answer = error_no(err, "untrusted", "%s is never accepted in a chain (depth %d)", what, depth);

	if (err != NULL)
		err->section = "RFC 5280 6";
	return answer;
}

/* Between those of OpenSSL's levels that let SHA-1 in and those that keep MD5 out there is none. */
static enum answer
check_strength(const STACK_OF(X509) *chain, struct error *err)
{
	int count = sk_X509_num(chain), bits, digest;

	for (int i = 0; i < count; i++) {
		X509 *x509 = sk_X509_value(chain, i);
		const EVP_PKEY *key = X509_get0_pubkey(x509);

		if (key != NULL && cert_key_is_broken(key))
			return too_weak("so short a key", i, err);
		if (i == count - 1) /* who signed the anchor matters to nobody */
			break;
		X509_get_signature_info(x509, &digest, NULL, &bits, NULL);
		if (bits < CHAIN_SECURITY_BITS && digest != NID_sha1)
			return too_weak(OBJ_nid2sn(digest), i, err);
	}
	return ANSWER_YES;
}

/* OpenSSL takes one authority of a name and never turns back to another of it (cross
 * certificates). One that leads to nobody who is known is taken out of the helpers: then
 * the next has its turn. */
static bool
drop_dead_end(X509_STORE_CTX *ctx, STACK_OF(X509) *untrusted)
{
	int code = X509_STORE_CTX_get_error(ctx);

	return (code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY || code == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN) &&
		sk_X509_delete_ptr(untrusted, X509_STORE_CTX_get_current_cert(ctx)) != NULL;
}

/* *again: NO, but with fewer helpers there may be another chain. */
static enum answer
build(const struct chain_store *store, const struct cert *cert, STACK_OF(X509) *untrusted, time_t at,
	const unsigned char question[32], bool *again, struct error *err)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum answer answer;

	*again = false;
	if (ctx == NULL || X509_STORE_CTX_init(ctx, store->anchors, cert->x509, untrusted) != 1) {
		X509_STORE_CTX_free(ctx);
		return no_memory(err);
	}
	X509_STORE_CTX_set_time(ctx, 0, at);
	if (X509_verify_cert(ctx) == 1) {
		answer = check_strength(X509_STORE_CTX_get0_chain(ctx), err);
		if (answer == ANSWER_YES)
			remember(store->memory, cert, question, X509_STORE_CTX_get0_chain(ctx));
	} else {
		answer = not_trusted(ctx, err);
		*again = answer == ANSWER_NO && drop_dead_end(ctx, untrusted);
	}
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return answer;
}

enum answer
chain_verify(const struct chain_store *store, const struct cert *cert, STACK_OF(X509) *extra, time_t at,
	struct error *err)
{
	unsigned char question[32];
	STACK_OF(X509) *untrusted;
	enum answer answer;
	bool again;

	ERR_clear_error();
	if (!make_question(cert, extra, question))
		return no_memory(err);
	if (is_known(store->memory, question, at))
		return ANSWER_YES;
	untrusted = helpers(store, extra);
	if (untrusted == NULL)
		return no_memory(err);
	answer = build(store, cert, untrusted, at, question, &again, err);
	/* The first reason is the one that tells something. */
	for (int i = 0; again && i < CHAIN_DEAD_ENDS_MAX; i++) {
		struct error later = ERROR_NONE;

		answer = build(store, cert, untrusted, at, question, &again, &later);
		if (answer == ANSWER_CANT_TELL && err != NULL)
			*err = later;
	}
	sk_X509_free(untrusted);
	return answer;
}
