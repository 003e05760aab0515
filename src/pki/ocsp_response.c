#include "pki/ocsp_response.h"
#include "base/der.h"
#include "pki/signature.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#define SECURITY_BITS 112    /* of what a responder's certificate is signed with, see chain.c */
#define ID_DIGEST_OCTETS 20  /* the shortest that names an issuer: SHA-1 */

/* BasicOCSPResponse's fields as they stand. */
struct outline {
	struct slice data; /* tbsResponseData */
	struct slice algorithm;
	struct slice signature;
};

static enum answer
malformed(struct error *why)
{
	enum answer answer = error_no(why, "malformed", "the OCSP response is malformed");

	why->section = "RFC 6960 4.2.1";
	return answer;
}

static bool
read_outline(struct slice der, struct outline *outline)
{
	struct der whole, bytes, value, octets, basic;
	struct slice rest;

	if (!der_only(der, DER_SEQUENCE, &whole))
		return false;
	rest = whole.content;
	if (!der_take(&rest, DER_ENUMERATED, &value) || !der_only(rest, DER_CONTEXT_CONSTRUCTED(0), &bytes) ||
	    !der_only(bytes.content, DER_SEQUENCE, &value))
		return false;
	rest = value.content;
	if (!der_take(&rest, DER_OBJECT, &value) || !der_only(rest, DER_OCTET_STRING, &octets) ||
	    !der_only(octets.content, DER_SEQUENCE, &basic))
		return false;
	rest = basic.content;
	if (!der_take(&rest, DER_SEQUENCE, &value))
		return false;
	outline->data = value.whole;
	if (!der_take(&rest, DER_SEQUENCE, &value))
		return false;
	outline->algorithm = value.whole;
	if (!der_take(&rest, DER_BIT_STRING, &value) || value.content.len < 1 || value.content.data[0] != 0)
		return false;
	outline->signature = slice_sub(value.content, 1, value.content.len);
	return true;
}

static bool
read_time(const ASN1_GENERALIZEDTIME *from, time_t *to)
{
	struct tm tm;

	if (from == NULL || ASN1_TIME_to_tm(from, &tm) != 1)
		return false;
	*to = timegm(&tm);
	return true;
}

/* ---- who says so? -------------------------------------------------------------- */

static bool
is_named(const OCSP_BASICRESP *basic, const X509 *x509)
{
	const ASN1_OCTET_STRING *hash;
	const X509_NAME *name;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;

	if (OCSP_resp_get0_id(basic, &hash, &name) != 1)
		return false;
	if (name != NULL)
		return X509_NAME_cmp(X509_get_subject_name(x509), name) == 0;
	return X509_pubkey_digest(x509, EVP_sha1(), digest, &len) == 1 &&
		slice_eq(slice_of(digest, len), slice_of(ASN1_STRING_get0_data(hash), (size_t)ASN1_STRING_length(hash)));
}

static bool
is_strongly_issued(X509 *x509, bool accept_weak)
{
	int digest, bits;

	return X509_get_signature_info(x509, &digest, NULL, &bits, NULL) == 1 &&
		(bits >= SECURITY_BITS || (accept_weak && digest == NID_sha1));
}

/* May it answer for the issuer? id-kp-OCSPSigning must be said; anyExtendedKeyUsage is not enough
 * (RFC 6960 4.2.2.2). */
static bool
is_delegate(X509 *x509, const struct ocsp_question *question)
{
	X509 *issuer = question->issuer->x509;
	uint32_t flags = X509_get_extension_flags(x509);
	EVP_PKEY *key = X509_get0_pubkey(issuer);

	if ((flags & (EXFLAG_INVALID | EXFLAG_CRITICAL)) != 0 || (flags & EXFLAG_XKUSAGE) == 0 ||
	    (X509_get_extended_key_usage(x509) & XKU_OCSP_SIGN) == 0 ||
	    (X509_get_key_usage(x509) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0)
		return false;
	if (X509_NAME_cmp(X509_get_issuer_name(x509), X509_get_subject_name(issuer)) != 0 || key == NULL ||
	    X509_verify(x509, key) != 1 || !is_strongly_issued(x509, question->accept_weak))
		return false;
	return X509_cmp_time(X509_get0_notBefore(x509), &(time_t){question->at}) < 0 &&
		X509_cmp_time(X509_get0_notAfter(x509), &(time_t){question->at}) > 0;
}

static enum answer
check_signed_by(const struct outline *outline, X509 *x509, const struct ocsp_question *question, struct error *why)
{
	EVP_PKEY *key = X509_get0_pubkey(x509);

	if (key == NULL)
		return error_no(why, "algorithm", "the OCSP responder's key is of no known kind");
	return signature_check(outline->data, outline->algorithm, outline->signature, key, question->accept_weak, why);
}

/* The issuer itself, or one of the certificates that came along. *delegate is borrowed from basic. */
static enum answer
find_signer(const OCSP_BASICRESP *basic, const struct outline *outline, const struct ocsp_question *question,
	X509 **delegate, struct error *why)
{
	const STACK_OF(X509) *certs = OCSP_resp_get0_certs(basic);
	enum answer answer = ANSWER_NO;
	bool tried = is_named(basic, question->issuer->x509);

	if (tried)
		answer = check_signed_by(outline, question->issuer->x509, question, why);
	for (int i = 0; answer == ANSWER_NO && i < sk_X509_num(certs) && i < OCSP_RESPONSE_CERTS_MAX; i++) {
		X509 *x509 = sk_X509_value(certs, i);

		if (!is_named(basic, x509) || !is_delegate(x509, question))
			continue;
		tried = true;
		answer = check_signed_by(outline, x509, question, why);
		if (answer == ANSWER_YES)
			*delegate = x509;
	}
	return tried ? answer
		: error_no(why, "no-signer", "nobody who may answer for the issuer signed the OCSP response");
}

/* ---- what is said? ------------------------------------------------------------- */

static bool
is_known_extension(X509_EXTENSION *extension)
{
	switch (OBJ_obj2nid(X509_EXTENSION_get_object(extension))) {
	case NID_id_pkix_OCSP_Nonce:
	case NID_id_pkix_OCSP_archiveCutoff:
	case NID_id_pkix_OCSP_CrlID:
	case NID_id_pkix_OCSP_extendedStatus:
		return true;
	default:
		return false;
	}
}

static enum answer
check_extension(X509_EXTENSION *extension, struct error *why)
{
	if (!X509_EXTENSION_get_critical(extension) || is_known_extension(extension))
		return ANSWER_YES;
	return error_no(why, "critical-extension", "the OCSP response has a critical extension that is not known");
}

static enum answer
check_extensions(OCSP_BASICRESP *basic, OCSP_SINGLERESP *single, struct error *why)
{
	int all = OCSP_BASICRESP_get_ext_count(basic), own = OCSP_SINGLERESP_get_ext_count(single);
	enum answer answer = ANSWER_YES;

	if (all > OCSP_RESPONSE_EXTENSIONS_MAX || own > OCSP_RESPONSE_EXTENSIONS_MAX)
		return error_no(why, "limit", "the OCSP response has too many extensions");
	for (int i = 0; i < all && answer == ANSWER_YES; i++)
		answer = check_extension(OCSP_BASICRESP_get_ext(basic, i), why);
	for (int i = 0; i < own && answer == ANSWER_YES; i++)
		answer = check_extension(OCSP_SINGLERESP_get_ext(single, i), why);
	return answer;
}

/* One without a nonce may have been made before (RFC 5019 4). */
static enum answer
check_nonce(OCSP_BASICRESP *basic, struct slice nonce, struct error *why)
{
	int at = OCSP_BASICRESP_get_ext_by_NID(basic, NID_id_pkix_OCSP_Nonce, -1);
	const ASN1_OCTET_STRING *value;
	struct slice octets;
	struct der inside;

	if (nonce.len == 0 || at < 0)
		return ANSWER_YES;
	value = X509_EXTENSION_get_data(OCSP_BASICRESP_get_ext(basic, at));
	octets = slice_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
	if (!der_only(octets, DER_OCTET_STRING, &inside) || !slice_eq(inside.content, nonce))
		return error_no(why, "nonce", "the OCSP response answers another request");
	return ANSWER_YES;
}

/* Does it speak of the certificate? By the hash that the responder chose. */
static bool
is_about(const OCSP_SINGLERESP *single, const struct ocsp_question *question)
{
	OCSP_CERTID *id = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single), *own;
	ASN1_OBJECT *algorithm;
	const EVP_MD *digest;
	bool same;

	if (OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, id) != 1)
		return false;
	digest = EVP_get_digestbyobj(algorithm);
	if (digest == NULL || EVP_MD_get_size(digest) < ID_DIGEST_OCTETS)
		return false;
	own = OCSP_cert_to_id(digest, question->cert->x509, question->issuer->x509);
	if (own == NULL)
		return false;
	same = OCSP_id_issuer_cmp(own, id) == 0 && OCSP_id_cmp(own, id) == 0;
	OCSP_CERTID_free(own);
	return same;
}

static enum answer
find_single(OCSP_BASICRESP *basic, const struct ocsp_question *question, OCSP_SINGLERESP **single, struct error *why)
{
	int count = OCSP_resp_count(basic);

	*single = NULL;
	if (count > OCSP_RESPONSE_SINGLES_MAX)
		return error_no(why, "limit", "the OCSP response speaks of too many certificates");
	for (int i = 0; i < count; i++) {
		OCSP_SINGLERESP *one = OCSP_resp_get0(basic, i);

		if (!is_about(one, question))
			continue;
		if (*single != NULL)
			return error_no(why, "no-answer", "the OCSP response speaks twice of the certificate");
		*single = one;
	}
	if (*single == NULL)
		return error_no(why, "no-answer", "the OCSP response does not speak of the certificate");
	return ANSWER_YES;
}

/* *next is 0 where nextUpdate is not said. */
static bool
read_times(const ASN1_GENERALIZEDTIME *from, const ASN1_GENERALIZEDTIME *to, struct status *status)
{
	if (!read_time(from, &status->this_update))
		return false;
	return to == NULL || (read_time(to, &status->next_update) && status->next_update >= status->this_update);
}

static bool
is_current(const struct status *status, time_t at)
{
	time_t end = status->next_update != 0 ? status->next_update : status->this_update + OCSP_RESPONSE_AGE_MAX;

	return at >= status->this_update - OCSP_RESPONSE_CLOCK_SKEW && at <= end;
}

/* archiveCutoff (RFC 6960 4.4.4): certificates that expired then or later are kept. */
static bool
keeps(const OCSP_SINGLERESP *single, time_t not_after)
{
	ASN1_GENERALIZEDTIME *cutoff =
		OCSP_SINGLERESP_get1_ext_d2i((OCSP_SINGLERESP *)single, NID_id_pkix_OCSP_archiveCutoff, NULL, NULL);
	time_t when;
	bool kept = read_time(cutoff, &when) && not_after >= when;

	ASN1_GENERALIZEDTIME_free(cutoff);
	return kept;
}

static enum answer
say_good(const OCSP_SINGLERESP *single, const struct ocsp_question *question, struct status *status)
{
	if (!is_current(status, question->at))
		return error_no(&status->why, "not-current", "the OCSP response %s",
			question->at < status->this_update ? "is not valid yet" : "is too old");
	if (question->cert->not_after < status->this_update && !keeps(single, question->cert->not_after))
		return error_no(&status->why, "expired", "the certificate had expired when the OCSP response was made");
	status->state = STATUS_GOOD;
	return ANSWER_YES;
}

static enum answer
say_revoked(int reason, const ASN1_GENERALIZEDTIME *since, const struct ocsp_question *question, struct status *status)
{
	if (reason != -1 && (reason < 0 || !status_is_reason((unsigned)reason) || reason == STATUS_REMOVE_FROM_CRL))
		return malformed(&status->why);
	if (!read_time(since, &status->since))
		return malformed(&status->why);
	status->reason = reason == -1 ? STATUS_UNSPECIFIED : (enum status_reason)reason;
	if (status->reason == STATUS_CERTIFICATE_HOLD && !is_current(status, question->at))
		return error_no(&status->why, "not-current", "the OCSP response, which says on hold, has run out");
	status->state = STATUS_REVOKED;
	return ANSWER_YES;
}

static enum answer
judge_single(OCSP_SINGLERESP *single, const struct ocsp_question *question, struct status *status)
{
	ASN1_GENERALIZEDTIME *since, *from, *to;
	int reason, state = OCSP_single_get0_status(single, &reason, &since, &from, &to);

	if (!read_times(from, to, status))
		return malformed(&status->why);
	switch (state) {
	case V_OCSP_CERTSTATUS_GOOD:
		return say_good(single, question, status);
	case V_OCSP_CERTSTATUS_REVOKED:
		return say_revoked(reason, since, question, status);
	default:
		return error_no(&status->why, "not-issued", "the OCSP responder does not know the certificate");
	}
}

static enum answer
judge_basic(OCSP_BASICRESP *basic, const struct outline *outline, const struct ocsp_question *question,
	struct status *status, X509 **delegate)
{
	struct error *why = &status->why;
	OCSP_SINGLERESP *single;
	enum answer answer = find_signer(basic, outline, question, delegate, why);

	if (answer == ANSWER_YES)
		answer = check_nonce(basic, question->nonce, why);
	if (answer == ANSWER_YES)
		answer = find_single(basic, question, &single, why);
	if (answer == ANSWER_YES)
		answer = check_extensions(basic, single, why);
	return answer == ANSWER_YES ? judge_single(single, question, status) : answer;
}

/* A delegate whose own status is to be asked for, and which then must be had. */
static enum answer
hand_over(X509 *delegate, struct cert **responder, struct error *why)
{
	if (delegate == NULL || X509_get_ext_by_NID(delegate, NID_id_pkix_OCSP_noCheck, -1) >= 0)
		return ANSWER_YES;
	return cert_from_x509(delegate, responder, why);
}

/* These are not signed: whoever answers can say so, and nothing follows but that nothing is known. */
static enum answer
no_success(int code, struct error *why)
{
	switch (code) {
	case OCSP_RESPONSE_STATUS_TRYLATER:
		return error_no(why, "try-later", "the OCSP responder says: try later");
	case OCSP_RESPONSE_STATUS_UNAUTHORIZED:
		return error_no(why, "unauthorized", "the OCSP responder does not answer for certificates of that issuer");
	default:
		return error_no(why, "responder", "the OCSP responder says: %s", OCSP_response_status_str(code));
	}
}

static enum answer
judge(OCSP_RESPONSE *response, struct slice der, const struct ocsp_question *question, struct status *status,
	struct cert **responder)
{
	int code = OCSP_response_status(response);
	struct outline outline;
	OCSP_BASICRESP *basic;
	X509 *delegate = NULL;
	enum answer answer;

	if (code != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		return no_success(code, &status->why);
	basic = OCSP_response_get1_basic(response);
	if (basic == NULL || !read_outline(der, &outline))
		answer = malformed(&status->why);
	else
		answer = judge_basic(basic, &outline, question, status, &delegate);
	if (answer == ANSWER_YES)
		answer = hand_over(delegate, responder, &status->why);
	OCSP_BASICRESP_free(basic);
	return answer;
}

void
ocsp_response_judge(struct slice der, const struct ocsp_question *question, struct status *status,
	struct cert **responder)
{
	const unsigned char *at = der.data;
	OCSP_RESPONSE *response = NULL;
	struct error why;

	*status = (struct status){.state = STATUS_UNKNOWN, .why = ERROR_NONE};
	*responder = NULL;
	ERR_clear_error();
	if (der.len > OCSP_RESPONSE_OCTETS_MAX) {
		error_no(&status->why, "limit", "the OCSP response is too large");
		return;
	}
	response = d2i_OCSP_RESPONSE(NULL, &at, (long)der.len);
	if (response == NULL || at != der.data + der.len)
		malformed(&status->why);
	else if (judge(response, der, question, status, responder) == ANSWER_YES)
		status->why = ERROR_NONE;
	/* What was read before a fault was found is no answer. */
	why = status->why;
	if (why.code != NULL)
		*status = (struct status){.state = STATUS_UNKNOWN, .why = why};
	OCSP_RESPONSE_free(response);
	ERR_clear_error();
}
