#include "pki/ocsp_request.h"
#include "fetch/fetch.h"
#include "pki/ocsp.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/rand.h>

#include <string.h>

#define REQUEST_MAX 4096 /* octets; one certificate takes a hundred */

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory to ask an OCSP responder");
}

/* The hash of a CertID names and does not sign: SHA-1, which all responders know (RFC 5019 2.1.1). */
static bool
add_certificate(OCSP_REQUEST *request, const struct ocsp_question *question)
{
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), question->cert->x509, question->issuer->x509);

	if (id != NULL && OCSP_request_add0_id(request, id) != NULL)
		return true;
	OCSP_CERTID_free(id);
	return false;
}

static bool
add_nonce(OCSP_REQUEST *request, struct slice nonce)
{
	return nonce.len == 0 || OCSP_request_add1_nonce(request, (unsigned char *)nonce.data, (int)nonce.len) == 1;
}

static enum answer
build(const struct ocsp_question *question, struct buf *der, struct error *err)
{
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	unsigned char *octets = NULL;
	int len = -1;

	if (request != NULL && add_certificate(request, question) && add_nonce(request, question->nonce))
		len = i2d_OCSP_REQUEST(request, &octets);
	if (len > 0)
		buf_add(der, octets, (size_t)len);
	OPENSSL_free(octets);
	OCSP_REQUEST_free(request);
	return len > 0 && !buf_failed(der) ? ANSWER_YES : no_memory(err);
}

/* RFC 6960 A.1: the request in base64, with what a path may not hold escaped, behind the URL. */
static void
add_escaped(struct buf *to, struct slice der)
{
	unsigned char text[REQUEST_MAX / 3 * 4 + 8];
	int len = EVP_EncodeBlock(text, der.data, (int)der.len);

	for (int i = 0; i < len; i++)
		if (text[i] == '+' || text[i] == '/' || text[i] == '=')
			buf_printf(to, "%%%02X", text[i]);
		else
			buf_add_byte(to, text[i]);
}

/* What a cache on the way may answer. NULL: it does not go by GET. */
static const char *
get_url(const char *url, struct slice der, struct buf *whole)
{
	size_t len = strlen(url);

	if (len == 0 || strpbrk(url, "?#") != NULL)
		return NULL;
	buf_add_str(whole, url);
	if (url[len - 1] != '/')
		buf_add_byte(whole, '/');
	add_escaped(whole, der);
	return whole->len > OCSP_GET_MAX ? NULL : buf_str(whole);
}

static enum answer
exchange(const struct config *config, const char *url, const char *shown, struct slice post,
	const struct ocsp_question *question, struct status *status, struct cert **responder, struct error *err)
{
	struct fetch_request request = {.url = url, .shown = shown, .size_limit = OCSP_RESPONSE_OCTETS_MAX, .post = post,
		.post_type = post.len == 0 ? NULL : "application/ocsp-request", .accept = "application/ocsp-response"};
	struct fetch_reply reply = {.not_modified = false};
	enum answer answer = fetch_get(config, &request, &reply, err);

	if (answer == ANSWER_YES) {
		ocsp_response_judge(buf_slice(&reply.body), question, status, responder);
		if (status->state == STATUS_UNKNOWN) {
			if (err != NULL)
				*err = status->why;
			answer = status->why.answer;
		}
	}
	buf_free(&reply.body);
	return answer;
}

/* Does the responder merely not know the method? */
static bool
is_posted_then(enum answer answer, const struct error *err)
{
	static const char *const codes[] = {"http", "not-found", "type", "malformed"};

	for (size_t i = 0; answer == ANSWER_NO && i < sizeof codes / sizeof codes[0]; i++)
		if (strcmp(err->code, codes[i]) == 0)
			return true;
	return false;
}

static enum answer
send_request(const struct config *config, const char *url, struct slice der, const struct ocsp_question *question,
	struct status *status, struct cert **responder, struct error *err)
{
	struct error why = ERROR_NONE;
	enum answer answer = ANSWER_NO;
	bool post = true;
	struct buf whole;
	const char *get;

	buf_init(&whole, OCSP_GET_MAX + 3 * REQUEST_MAX + FETCH_URL_MAX);
	get = question->nonce.len > 0 ? NULL : get_url(url, der, &whole);
	if (get != NULL) {
		answer = exchange(config, get, url, SLICE_NONE, question, status, responder, &why);
		post = is_posted_then(answer, &why);
	}
	if (post)
		answer = exchange(config, url, url, der, question, status, responder, &why);
	buf_free(&whole);
	if (answer != ANSWER_YES && err != NULL)
		*err = why;
	return answer;
}

enum answer
ocsp_request_send(const struct config *config, const char *url, const struct ocsp_question *question,
	struct status *status, struct cert **responder, struct error *err)
{
	struct ocsp_question own = *question;
	unsigned char nonce[OCSP_REQUEST_NONCE];
	enum answer answer;
	struct buf der;

	*responder = NULL;
	ERR_clear_error();
	if (config->ocsp_nonce) {
		if (RAND_bytes(nonce, sizeof nonce) != 1)
			return error_cant_tell(err, "random", "no random numbers for an OCSP request");
		own.nonce = slice_of(nonce, sizeof nonce);
	}
	buf_init(&der, REQUEST_MAX);
	answer = build(&own, &der, err);
	if (answer == ANSWER_YES)
		answer = send_request(config, url, buf_slice(&der), &own, status, responder, err);
	buf_free(&der);
	ERR_clear_error();
	return answer;
}
