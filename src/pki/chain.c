#include "pki/chain.h"
#include "pki/known.h"
#include "pki/path.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <openssl/x509_vfy.h>

#include <stdlib.h>
#include <string.h>

#define CHAIN_SECURITY_LEVEL 2   /* 112 bits: neither SHA-1 signatures nor RSA below 2048 in a chain */
#define CHAIN_SECURITY_BITS 112  /* the same, of a signature; SHA-1 has 63, RIPEMD-160 80 */

/* All but what is known is only read once made. */
struct chain_store {
	STACK_OF(X509) *anchors;
	STACK_OF(X509) *intermediates;
	X509_STORE *store; /* the anchors again: for who issues lists only, whose paths OpenSSL builds */
	struct known_chains *known;
	bool accept_weak;
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory for the trust anchors");
}

static struct chain_store *
store_alloc(bool accept_weak)
{
	struct chain_store *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->anchors = sk_X509_new_null();
	s->intermediates = sk_X509_new_null();
	s->store = X509_STORE_new();
	s->known = known_new();
	s->accept_weak = accept_weak;
	if (s->anchors == NULL || s->intermediates == NULL || s->store == NULL || s->known == NULL) {
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
		if (!push_x509(anchor ? s->anchors : s->intermediates, certs[i]->x509) ||
			(anchor && X509_STORE_add_cert(s->store, certs[i]->x509) != 1))
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
	sk_X509_pop_free(store->anchors, X509_free);
	sk_X509_pop_free(store->intermediates, X509_free);
	X509_STORE_free(store->store);
	known_free(store->known);
	free(store);
}

/* ---- what is asked --------------------------------------------------------------- */

/* What is remembered is the answer for a certificate together with all that the answer depends
 * on but the time: the same question has the same answer, whatever was asked before. */
static bool
digest_question(const struct cert *cert, const struct chain_question *q, unsigned char digest[KNOWN_QUESTION_SIZE])
{
	unsigned char flags = (unsigned char)(q->explicit_policy | q->inhibit_mapping << 1 | q->inhibit_any << 2);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		EVP_DigestUpdate(ctx, cert->digest, sizeof cert->digest) == 1 && EVP_DigestUpdate(ctx, &flags, 1) == 1 &&
		EVP_DigestUpdate(ctx, &q->policy_count, sizeof q->policy_count) == 1;

	for (size_t i = 0; ok && i < q->policy_count; i++)
		ok = EVP_DigestUpdate(ctx, q->policies[i], strlen(q->policies[i]) + 1) == 1;
	for (int i = 0; ok && i < sk_X509_num(q->extra); i++) {
		unsigned char extra[EVP_MAX_MD_SIZE];
		unsigned len;

		ok = X509_digest(sk_X509_value(q->extra, i), EVP_sha256(), extra, &len) == 1 &&
			EVP_DigestUpdate(ctx, extra, len) == 1;
	}
	ok = ok && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* Takes oid, perhaps NULL. */
static enum answer
add_policy(STACK_OF(ASN1_OBJECT) *policies, ASN1_OBJECT *oid, const char *text, struct error *err)
{
	if (oid == NULL)
		return error_no(err, "policy", "%s is no policy's object identifier", text);
	if (sk_ASN1_OBJECT_push(policies, oid) > 0)
		return ANSWER_YES;
	ASN1_OBJECT_free(oid);
	return no_memory(err);
}

static enum answer
parse_policies(const struct chain_question *q, STACK_OF(ASN1_OBJECT) **policies, struct error *err)
{
	enum answer answer = ANSWER_YES;

	*policies = sk_ASN1_OBJECT_new_null();
	if (*policies == NULL)
		return no_memory(err);
	if (q->policy_count == 0)
		return add_policy(*policies, OBJ_nid2obj(NID_any_policy), "anyPolicy", err);
	if (q->policy_count > CHAIN_POLICIES_MAX)
		return error_no(err, "policy", "%zu policies; at most %d are looked for", q->policy_count, CHAIN_POLICIES_MAX);
	for (size_t i = 0; answer == ANSWER_YES && i < q->policy_count; i++)
		answer = add_policy(*policies, OBJ_txt2obj(q->policies[i], 1), q->policies[i], err);
	return answer;
}

/* Borrowed members only: to be freed with sk_X509_free(). */
static STACK_OF(X509) *
join(const STACK_OF(X509) *first, const STACK_OF(X509) *second)
{
	STACK_OF(X509) *all = sk_X509_dup(first);

	for (int i = 0; all != NULL && i < sk_X509_num(second); i++)
		if (sk_X509_push(all, sk_X509_value(second, i)) <= 0) {
			sk_X509_free(all);
			return NULL;
		}
	return all;
}

/* ---- one path -------------------------------------------------------------------- */

/* A certificate with all that one question goes through. */
struct validation {
	const struct chain_store *store;
	const struct cert *cert;
	const struct chain_question *question;
	STACK_OF(ASN1_OBJECT) *policies;
	STACK_OF(X509) *helpers;
	STACK_OF(X509) *path;    /* the good one */
	STACK_OF(X509) *refused; /* one that was remembered, and whose status is not good now; or NULL */
	bool asked;              /* has there been any path? reason is why it is not good */
	bool forged;             /* ... not signed by whose name it bears: another's says more */
	bool valid;              /* ... good but for its status: that says more than any other's */
	bool broken;             /* no memory */
	struct error reason;
};

static enum answer
as_rfc5280(enum answer answer, const char *section, struct error *err)
{
	if (err != NULL)
		err->section = section;
	return answer;
}

static enum answer
no_chain(int code, int depth, struct error *err)
{
	return as_rfc5280(error_no(err, "untrusted", "no chain to a configured anchor: %s (depth %d)",
		X509_verify_cert_error_string(code), depth), "RFC 5280 6", err);
}

static enum answer
not_trusted(struct validation *v, const X509_STORE_CTX *ctx, struct error *err)
{
	int code = X509_STORE_CTX_get_error(ctx);

	v->forged = code == X509_V_ERR_CERT_SIGNATURE_FAILURE;
	v->broken = code == X509_V_ERR_OUT_OF_MEM;
	return v->broken ? no_memory(err) : no_chain(code, X509_STORE_CTX_get_error_depth(ctx), err);
}

/* The path is good, so it is the lists that do not say. */
static enum answer
not_good(struct validation *v, const X509_STORE_CTX *ctx, struct error *err)
{
	int code = X509_STORE_CTX_get_error(ctx), depth = X509_STORE_CTX_get_error_depth(ctx);

	v->broken = code == X509_V_ERR_OUT_OF_MEM;
	if (v->broken)
		return no_memory(err);
	if (code == X509_V_ERR_CERT_REVOKED)
		return as_rfc5280(error_no(err, "revoked", "%s is revoked (depth %d)",
			depth == 0 ? "the certificate" : "an authority's certificate", depth), "RFC 5280 6.3", err);
	return as_rfc5280(error_cant_tell(err, "status-unknown", "whether it is revoked is unknown: %s (depth %d)",
		X509_verify_cert_error_string(code), depth), "RFC 5280 6.3", err);
}

static enum answer
too_weak(const char *what, int depth, struct error *err)
{
	return as_rfc5280(error_no(err, "untrusted", "%s is never accepted in a chain (depth %d)", what, depth),
		"RFC 5280 6", err);
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

/* Policy checking is on only with its flag (CVE-2023-0466), and needs anyPolicy
 * said, or many of PKITS's good chains are refused. */
static bool
set_parameters(const struct validation *v, X509_VERIFY_PARAM *param)
{
	const struct chain_question *q = v->question;
	unsigned long flags = X509_V_FLAG_POLICY_CHECK | X509_V_FLAG_PARTIAL_CHAIN;

	/* An anchor need not be a root: whoever configures an intermediate means it. */
	if (q->explicit_policy)
		flags |= X509_V_FLAG_EXPLICIT_POLICY;
	if (q->inhibit_mapping)
		flags |= X509_V_FLAG_INHIBIT_MAP;
	if (q->inhibit_any)
		flags |= X509_V_FLAG_INHIBIT_ANY;
	X509_VERIFY_PARAM_set_time(param, q->at);
	X509_VERIFY_PARAM_set_depth(param, PATH_DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, v->store->accept_weak ? 0 : CHAIN_SECURITY_LEVEL);
	return X509_VERIFY_PARAM_set_flags(param, flags) == 1 &&
		X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY) == 1 &&
		X509_VERIFY_PARAM_set1_policies(param, v->policies) == 1;
}

/* Do lists lack it, or say it? Nothing else may be passed over: there are paths here of who issues
 * lists only, and nobody has looked at them before. */
static bool
is_of_lists(int code)
{
	switch (code) {
	case X509_V_ERR_CERT_REVOKED:
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
	case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
	case X509_V_ERR_DIFFERENT_CRL_SCOPE:
		return true;
	default:
		return false;
	}
}

/* An anchor needs no status. And who issues lists only has a path of its own, with a status: where
 * its certificate names its own list for that (PKITS 4.14.30), OpenSSL would go round in circles
 * and says no. */
static int
pass_over(int ok, X509_STORE_CTX *ctx)
{
	const X509 *issuer = X509_STORE_CTX_get0_current_issuer(ctx), *cert = X509_STORE_CTX_get_current_cert(ctx);
	int code = X509_STORE_CTX_get_error(ctx), depth = X509_STORE_CTX_get_error_depth(ctx);
	bool anchor = depth == sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1 && is_of_lists(code);
	bool own = code == X509_V_ERR_CRL_PATH_VALIDATION_ERROR && X509_STORE_CTX_get0_parent_ctx(ctx) != NULL &&
		issuer != NULL && X509_cmp(issuer, cert) == 0;

	if (ok == 1 || (!anchor && !own))
		return ok;
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

/* The whole of the path is before it: neither another anchor nor, but for who issues lists,
 * another helper. NULL: no memory. */
static X509_STORE_CTX *
prepare(const struct validation *v, STACK_OF(X509) *untrusted, STACK_OF(X509) *anchor, STACK_OF(X509_CRL) *crls)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	if (ctx == NULL || X509_STORE_CTX_init(ctx, v->store->store, v->cert->x509, untrusted) != 1 ||
		!set_parameters(v, X509_STORE_CTX_get0_param(ctx))) {
		X509_STORE_CTX_free(ctx);
		return NULL;
	}
	X509_STORE_CTX_set0_trusted_stack(ctx, anchor);
	if (crls != NULL) {
		X509_STORE_CTX_set0_crls(ctx, crls);
		X509_STORE_CTX_set_verify_cb(ctx, pass_over);
		X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
			X509_V_FLAG_EXTENDED_CRL_SUPPORT | X509_V_FLAG_USE_DELTAS);
	}
	return ctx;
}

/* path: found, each member owned, after YES. */
static enum answer
check_path(struct validation *v, const STACK_OF(X509) *between, STACK_OF(X509) *anchor, STACK_OF(X509) **path,
	struct error *err)
{
	STACK_OF(X509) *untrusted = sk_X509_dup(between);
	X509_STORE_CTX *ctx = untrusted == NULL ? NULL : prepare(v, untrusted, anchor, NULL);
	enum answer answer;

	*path = NULL;
	if (ctx == NULL) {
		v->broken = true;
		answer = no_memory(err);
	} else if (X509_verify_cert(ctx) != 1) {
		answer = not_trusted(v, ctx, err);
	} else {
		answer = check_strength(X509_STORE_CTX_get0_chain(ctx), err);
		if (answer == ANSWER_YES)
			*path = X509_STORE_CTX_get1_chain(ctx);
		if (answer == ANSWER_YES && *path == NULL) {
			v->broken = true;
			answer = no_memory(err);
		}
	}
	X509_STORE_CTX_free(ctx);
	sk_X509_free(untrusted);
	return answer;
}

/* Apart from the path, as OpenSSL looks into lists before it knows that signatures are good. */
static enum answer
check_lists(struct validation *v, const STACK_OF(X509) *between, STACK_OF(X509) *anchor, struct error *err)
{
	STACK_OF(X509) *untrusted = join(between, v->helpers);
	X509_STORE_CTX *ctx = untrusted == NULL ? NULL : prepare(v, untrusted, anchor, v->question->crls);
	enum answer answer = ANSWER_YES;

	if (ctx == NULL) {
		v->broken = true;
		answer = no_memory(err);
	} else if (X509_verify_cert(ctx) != 1)
		answer = not_good(v, ctx, err);
	X509_STORE_CTX_free(ctx);
	sk_X509_free(untrusted);
	return answer;
}

static enum answer
ask_status(const struct chain_question *q, const STACK_OF(X509) *path, struct error *err)
{
	return q->status == NULL ? ANSWER_YES : q->status(q->status_arg, path, q->at, err);
}

/* ---- all paths ------------------------------------------------------------------- */

/* The first reason is the one that tells something, unless it is that the path is none at
 * all; but what nobody can tell now is no reason to say no. */
static void
note(struct validation *v, bool was_forged, bool valid, const struct error *reason)
{
	bool unknown = reason->answer == ANSWER_CANT_TELL && v->reason.answer == ANSWER_NO;

	if (v->broken || !v->asked || unknown || (valid && !v->valid) || (was_forged && !v->forged)) {
		v->reason = *reason;
		v->valid = valid;
	} else {
		v->forged = was_forged;
	}
	v->asked = true;
}

static bool
is_refused(const struct validation *v, const STACK_OF(X509) *between, X509 *anchor)
{
	int count = sk_X509_num(between);
	bool same = v->refused != NULL && sk_X509_num(v->refused) == count + 2 &&
		X509_cmp(sk_X509_value(v->refused, count + 1), anchor) == 0;

	for (int i = 0; same && i < count; i++)
		same = X509_cmp(sk_X509_value(v->refused, i + 1), sk_X509_value(between, i)) == 0;
	return same;
}

static bool
take_path(void *arg, const STACK_OF(X509) *between, X509 *anchor)
{
	struct validation *v = arg;
	STACK_OF(X509) *anchors = sk_X509_new_null(), *path = NULL;
	struct error reason = ERROR_NONE;
	bool was_forged = v->forged, valid;
	enum answer answer;

	if (is_refused(v, between, anchor)) {
		sk_X509_free(anchors);
		return true;
	}
	v->forged = false;
	if (anchors == NULL || sk_X509_push(anchors, anchor) <= 0) {
		v->broken = true;
		answer = no_memory(&reason);
	} else
		answer = check_path(v, between, anchors, &path, &reason);
	valid = answer == ANSWER_YES;
	if (answer == ANSWER_YES && v->question->crls != NULL)
		answer = check_lists(v, between, anchors, &reason);
	if (answer == ANSWER_YES)
		answer = ask_status(v->question, path, &reason);
	sk_X509_free(anchors);
	ERR_clear_error();
	if (answer == ANSWER_YES) {
		v->path = path;
		return false;
	}
	sk_X509_pop_free(path, X509_free);
	note(v, was_forged, valid, &reason);
	return !v->broken;
}

static enum answer
try_paths(struct validation *v, struct error *err)
{
	int depth;
	enum answer answer = path_each(v->cert->x509, v->store->anchors, v->helpers, take_path, v, &depth);

	if (v->path != NULL)
		return ANSWER_YES;
	if (answer == ANSWER_CANT_TELL)
		return no_memory(err);
	if (!v->asked)
		return no_chain(X509_self_signed(v->cert->x509, 0) == 1 ? X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT :
			X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, depth, err);
	if (err != NULL)
		*err = v->reason;
	return v->reason.answer;
}

/* Is there a chain that was found before, and still good? One whose status has changed is not
 * asked for again. */
static bool
recall(struct validation *v, const unsigned char digest[KNOWN_QUESTION_SIZE], bool wanted)
{
	const struct chain_question *q = v->question;
	struct error reason = ERROR_NONE;
	STACK_OF(X509) *path = NULL;
	enum answer answer;

	wanted = wanted || q->status != NULL;
	if (q->crls != NULL || !known_find(v->store->known, digest, q->at, wanted ? &path : NULL))
		return false;
	if (!wanted)
		return true;
	if (sk_X509_insert(path, v->cert->x509, 0) <= 0) {
		sk_X509_pop_free(path, X509_free);
		return false;
	}
	X509_up_ref(v->cert->x509);
	answer = ask_status(q, path, &reason);
	if (answer == ANSWER_YES) {
		v->path = path;
		return true;
	}
	v->refused = path;
	note(v, false, true, &reason);
	return false;
}

static enum answer
find(struct validation *v, const unsigned char digest[KNOWN_QUESTION_SIZE], struct error *err)
{
	enum answer answer = parse_policies(v->question, &v->policies, err);

	if (answer != ANSWER_YES)
		return answer;
	v->helpers = join(v->store->intermediates, v->question->extra);
	if (v->helpers == NULL)
		return no_memory(err);
	answer = try_paths(v, err);
	if (answer == ANSWER_YES)
		known_add(v->store->known, digest, v->path);
	return answer;
}

enum answer
chain_validate(const struct chain_store *store, const struct cert *cert, const struct chain_question *question,
	STACK_OF(X509) **path, struct error *err)
{
	struct validation v = {.store = store, .cert = cert, .question = question, .reason = ERROR_NONE};
	unsigned char digest[KNOWN_QUESTION_SIZE];
	enum answer answer = ANSWER_YES;

	if (path != NULL)
		*path = NULL;
	ERR_clear_error();
	if (!digest_question(cert, question, digest))
		return no_memory(err);
	if (!recall(&v, digest, path != NULL))
		answer = find(&v, digest, err);
	sk_ASN1_OBJECT_pop_free(v.policies, ASN1_OBJECT_free);
	sk_X509_pop_free(v.refused, X509_free);
	sk_X509_free(v.helpers);
	if (answer == ANSWER_YES && path != NULL)
		*path = v.path;
	else
		sk_X509_pop_free(v.path, X509_free);
	ERR_clear_error();
	return answer;
}
