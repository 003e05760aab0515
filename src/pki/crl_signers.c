#include "pki/crl_signers.h"

#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>

bool
crl_signers_may(const struct cert *cert)
{
	/* An end entity without keyUsage would have all its bits. */
	return (cert->key_usage & KU_CRL_SIGN) != 0 && (cert->ca || cert->has_key_usage);
}

static bool
is_same_signer(const struct cert *a, const struct cert *b)
{
	bool same;

	if (memcmp(a->digest, b->digest, sizeof a->digest) == 0)
		return true;
	/* An authority may have several certificates for one key. */
	same = (a->key_usage & KU_CRL_SIGN) != 0 &&
		X509_NAME_cmp(X509_get_subject_name(a->x509), X509_get_subject_name(b->x509)) == 0 &&
		EVP_PKEY_eq(X509_get0_pubkey(a->x509), X509_get0_pubkey(b->x509)) == 1;
	ERR_clear_error();
	return same;
}

bool
crl_signers_made(const struct crl_signers *signers, const struct crl *crl)
{
	for (size_t i = 0; i < signers->count; i++)
		if (is_same_signer(signers->certs[i], crl->signer))
			return true;
	return false;
}

static bool
was_tried(const struct crl_tried *tried, const struct cert *cert)
{
	for (size_t i = 0; i < tried->count; i++)
		if (memcmp(tried->digest[i], cert->digest, sizeof cert->digest) == 0)
			return true;
	return false;
}

bool
crl_tried_all(const struct crl_tried *tried, const struct crl_signers *signers)
{
	for (size_t i = 0; i < signers->count; i++)
		if (crl_signers_may(signers->certs[i]) && !was_tried(tried, signers->certs[i]))
			return false;
	return true;
}

static bool
make_room(struct crl_tried *tried)
{
	size_t room = tried->room == 0 ? 16 : 2 * tried->room;
	unsigned char (*digest)[32];

	if (tried->count == CRL_TRIED_MAX)
		tried->count = 0;
	if (tried->count < tried->room)
		return true;
	digest = reallocarray(tried->digest, room, sizeof *digest);
	if (digest == NULL)
		return false;
	tried->digest = digest;
	tried->room = room;
	return true;
}

void
crl_tried_add(struct crl_tried *tried, const struct crl_signers *signers)
{
	for (size_t i = 0; i < signers->count; i++) {
		if (!crl_signers_may(signers->certs[i]) || was_tried(tried, signers->certs[i]) || !make_room(tried))
			continue;
		memcpy(tried->digest[tried->count++], signers->certs[i]->digest, sizeof tried->digest[0]);
	}
}

bool
crl_signers_missing(const struct error *err)
{
	return strcmp(err->code, "no-signer") == 0 || strcmp(err->code, "signature") == 0;
}

void
crl_tried_free(struct crl_tried *tried)
{
	free(tried->digest);
	*tried = (struct crl_tried){.digest = NULL};
}
