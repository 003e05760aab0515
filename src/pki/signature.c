#include "pki/signature.h"
#include "pki/cert.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#define SECURITY_BITS 112   /* of a key: RSA 2048, P-224 */
#define DIGEST_OCTETS_MIN 28 /* SHA-224: as strong against collisions */

/* How a signature is to be checked. */
struct method {
	const EVP_MD *digest; /* NULL: the algorithm has its own (EdDSA) */
	bool pss;
	const EVP_MD *mask;   /* PSS: of MGF1 */
	int salt;             /* PSS: octets */
};

static enum answer
unknown_algorithm(struct error *err)
{
	return error_no(err, "algorithm", "the signature's algorithm is not known, or not for that key");
}

/* An AlgorithmIdentifier's digest; the default of RFC 4055 3.1 where there is none. */
static const EVP_MD *
digest_of(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *object;

	if (algorithm == NULL)
		return EVP_sha1();
	X509_ALGOR_get0(&object, NULL, NULL, algorithm);
	return EVP_get_digestbyobj(object);
}

static bool
read_pss(const X509_ALGOR *algorithm, struct method *method)
{
	const void *value;
	RSA_PSS_PARAMS *pss;
	int type;
	bool ok = false;

	X509_ALGOR_get0(NULL, &type, &value, algorithm);
	if (type != V_ASN1_SEQUENCE)
		return false;
	pss = ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
	if (pss == NULL)
		return false;
	if (pss->maskGenAlgorithm != NULL) {
		const ASN1_OBJECT *object;

		X509_ALGOR_get0(&object, &type, &value, pss->maskGenAlgorithm);
		if (OBJ_obj2nid(object) == NID_mgf1 && type == V_ASN1_SEQUENCE)
			pss->maskHash = ASN1_item_unpack(value, ASN1_ITEM_rptr(X509_ALGOR));
		ok = pss->maskHash != NULL;
	} else {
		ok = true;
	}
	method->pss = true;
	method->digest = digest_of(pss->hashAlgorithm);
	method->mask = digest_of(pss->maskHash);
	method->salt = pss->saltLength == NULL ? 20 : (int)ASN1_INTEGER_get(pss->saltLength);
	ok = ok && method->digest != NULL && method->mask != NULL && method->salt >= 0 &&
		(pss->trailerField == NULL || ASN1_INTEGER_get(pss->trailerField) == 1);
	RSA_PSS_PARAMS_free(pss);
	return ok;
}

static bool
read_method(const X509_ALGOR *algorithm, const EVP_PKEY *key, struct method *method)
{
	const ASN1_OBJECT *object;
	int nid, digest, kind;

	*method = (struct method){0};
	X509_ALGOR_get0(&object, NULL, NULL, algorithm);
	nid = OBJ_obj2nid(object);
	if (nid == NID_rsassaPss)
		return (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS")) && read_pss(algorithm, method);
	if (OBJ_find_sigid_algs(nid, &digest, &kind) != 1 || !EVP_PKEY_is_a(key, OBJ_nid2sn(kind)))
		return false;
	if (digest == NID_undef)
		return true;
	method->digest = EVP_get_digestbynid(digest);
	return method->digest != NULL;
}

static bool
is_weak(const struct method *method, const EVP_PKEY *key, bool accept_weak)
{
	if (cert_key_is_broken(key) || (!accept_weak && EVP_PKEY_get_security_bits(key) < SECURITY_BITS))
		return true;
	if (method->digest == NULL || EVP_MD_get_size(method->digest) >= DIGEST_OCTETS_MIN)
		return false;
	return !accept_weak || EVP_MD_get_type(method->digest) != NID_sha1;
}

static bool
set_pss(EVP_PKEY_CTX *ctx, const struct method *method)
{
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
		EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, method->mask) > 0 &&
		EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, method->salt) > 0;
}

static enum answer
verify(struct slice octets, const struct method *method, struct slice signature, EVP_PKEY *key, struct error *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	enum answer answer = ANSWER_YES;

	if (ctx == NULL)
		return error_cant_tell(err, "memory", "no memory to check a signature");
	if (EVP_DigestVerifyInit(ctx, &pctx, method->digest, NULL, key) != 1 ||
	    (method->pss && !set_pss(pctx, method)))
		answer = unknown_algorithm(err);
	else if (EVP_DigestVerify(ctx, signature.data, signature.len, octets.data, octets.len) != 1)
		answer = error_no(err, "signature", "the signature does not verify");
	EVP_MD_CTX_free(ctx);
	return answer;
}

enum answer
signature_check(struct slice octets, struct slice algorithm, struct slice signature, EVP_PKEY *key, bool accept_weak,
	struct error *err)
{
	const unsigned char *at = algorithm.data;
	X509_ALGOR *parsed = NULL;
	struct method method;
	enum answer answer;

	ERR_clear_error();
	if (algorithm.len <= SIGNATURE_ALGORITHM_MAX)
		parsed = d2i_X509_ALGOR(NULL, &at, (long)algorithm.len);
	if (parsed == NULL || at != algorithm.data + algorithm.len)
		answer = error_no(err, "malformed", "the signature's algorithm is malformed");
	else if (!read_method(parsed, key, &method))
		answer = unknown_algorithm(err);
	else if (is_weak(&method, key, accept_weak))
		answer = error_no(err, "weak", "the signature's key or digest is too weak");
	else
		answer = verify(octets, &method, signature, key, err);
	X509_ALGOR_free(parsed);
	ERR_clear_error();
	return answer;
}
