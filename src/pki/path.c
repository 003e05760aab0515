#include "pki/path.h"
#include "pki/cert.h"

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

struct search {
	X509 *certificate;
	const STACK_OF(X509) *anchors;
	const STACK_OF(X509) *helpers;
	STACK_OF(X509) *between;
	path_take *take;
	void *arg;
	int depth;
	int steps;
	int count;
	bool over; /* answer says why */
	enum answer answer;
};

static void
stop(struct search *s, enum answer answer)
{
	s->over = true;
	s->answer = answer;
}

/* That an issuer may not issue is told better by who validates the path. */
static bool
may_have_issued(X509 *issuer, X509 *subject)
{
	int code = X509_check_issued(issuer, subject);

	return code == X509_V_OK || code == X509_V_ERR_KEYUSAGE_NO_CERTSIGN;
}

static void
offer(struct search *s, X509 *anchor)
{
	if (s->count == PATH_COUNT_MAX) {
		stop(s, ANSWER_NO);
		return;
	}
	s->count++;
	if (!s->take(s->arg, s->between, anchor))
		stop(s, ANSWER_YES);
}

static bool
is_among(const STACK_OF(X509) *certificates, int count, const X509 *x509)
{
	for (int i = 0; i < count; i++)
		if (X509_cmp(sk_X509_value(certificates, i), x509) == 0)
			return true;
	return false;
}

/* Not what is there already, as an equal helper or an anchor, nor a key that takes long. */
static bool
is_next(const struct search *s, int helper, X509 *subject)
{
	X509 *x509 = sk_X509_value(s->helpers, helper);
	const EVP_PKEY *key;

	if (!may_have_issued(x509, subject) || X509_cmp(x509, s->certificate) == 0 ||
		is_among(s->between, sk_X509_num(s->between), x509) || is_among(s->helpers, helper, x509) ||
		is_among(s->anchors, sk_X509_num(s->anchors), x509))
		return false;
	key = X509_get0_pubkey(x509);
	return key != NULL && EVP_PKEY_get_bits(key) <= CERT_RSA_BITS_MAX;
}

static void
go_up(struct search *s, X509 *from)
{
	int depth = sk_X509_num(s->between);

	if (s->steps++ == PATH_STEPS_MAX) {
		stop(s, ANSWER_NO);
		return;
	}
	if (depth > s->depth)
		s->depth = depth;
	for (int i = 0; !s->over && i < sk_X509_num(s->anchors); i++)
		if (may_have_issued(sk_X509_value(s->anchors, i), from))
			offer(s, sk_X509_value(s->anchors, i));
	for (int i = 0; !s->over && depth < PATH_DEPTH_MAX && i < sk_X509_num(s->helpers); i++) {
		if (!is_next(s, i, from))
			continue;
		if (sk_X509_push(s->between, sk_X509_value(s->helpers, i)) <= 0) {
			stop(s, ANSWER_CANT_TELL);
			return;
		}
		go_up(s, sk_X509_value(s->helpers, i));
		sk_X509_pop(s->between);
	}
}

enum answer
path_each(X509 *certificate, const STACK_OF(X509) *anchors, const STACK_OF(X509) *helpers, path_take *take, void *arg,
	int *depth)
{
	struct search s = {.certificate = certificate, .anchors = anchors, .helpers = helpers, .take = take, .arg = arg,
		.between = sk_X509_new_null(), .answer = ANSWER_YES};

	*depth = 0;
	if (s.between == NULL)
		return ANSWER_CANT_TELL;
	for (int i = 0; !s.over && i < sk_X509_num(anchors); i++)
		if (X509_cmp(sk_X509_value(anchors, i), certificate) == 0 &&
			!may_have_issued(sk_X509_value(anchors, i), certificate)) /* or it comes by itself */
			offer(&s, sk_X509_value(anchors, i));
	if (!s.over)
		go_up(&s, certificate);
	sk_X509_free(s.between);
	*depth = s.depth;
	return s.answer;
}
