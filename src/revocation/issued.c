#include "revocation/issued.h"

#include <openssl/err.h>

#include <stdlib.h>

struct issued {
	struct cert **certs;
	size_t *numbers; /* of each certificate's name */
	size_t count;
	const X509_NAME *parsed[ISSUED_NAMES_MAX]; /* the certificates' own */
	struct slice names[ISSUED_NAMES_MAX];      /* owned */
	size_t name_count;
};

void
issued_free(struct issued *issued)
{
	if (issued == NULL)
		return;
	for (size_t i = 0; i < issued->name_count; i++)
		OPENSSL_free((void *)(uintptr_t)issued->names[i].data);
	for (size_t i = 0; i < issued->count; i++)
		cert_unref(issued->certs[i]);
	free(issued->certs);
	free(issued->numbers);
	free(issued);
}

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory for the certificates of an authority");
}

static enum answer
number_name(struct issued *issued, const X509_NAME *name, size_t *number, struct error *err)
{
	unsigned char *der = NULL;
	int len;

	*number = issued_number(issued, name);
	if (*number != ISSUED_NOBODY)
		return ANSWER_YES;
	if (issued->name_count == ISSUED_NAMES_MAX)
		return error_no(err, "issuers", "the authority has more than %d names", ISSUED_NAMES_MAX);
	len = i2d_X509_NAME(name, &der);
	if (len < 0)
		return no_memory(err);
	*number = issued->name_count++;
	issued->parsed[*number] = name;
	issued->names[*number] = slice_of(der, (size_t)len);
	return ANSWER_YES;
}

static enum answer
take_authority(struct issued *issued, struct cert *cert, struct error *err)
{
	EVP_PKEY *key = X509_get0_pubkey(cert->x509);
	enum answer answer;

	if (!cert->ca || key == NULL || cert_key_is_broken(key))
		return error_no(err, "issuers", "%s: this is no certificate of an authority, or its key is too weak", cert->subject);
	answer = number_name(issued, X509_get_subject_name(cert->x509), &issued->numbers[issued->count], err);
	if (answer == ANSWER_YES)
		issued->certs[issued->count++] = cert_ref(cert);
	return answer;
}

enum answer
issued_new(struct cert *const *authorities, size_t count, struct issued **result, struct error *err)
{
	struct issued *issued;
	enum answer answer = ANSWER_YES;

	if (count == 0 || count > ISSUED_CERTIFICATES_MAX)
		return error_no(err, "issuers", "an authority has one to %d certificates", ISSUED_CERTIFICATES_MAX);
	issued = calloc(1, sizeof *issued);
	if (issued == NULL)
		return no_memory(err);
	issued->certs = calloc(count, sizeof(struct cert *));
	issued->numbers = calloc(count, sizeof *issued->numbers);
	if (issued->certs == NULL || issued->numbers == NULL)
		answer = no_memory(err);
	ERR_clear_error();
	for (size_t i = 0; answer == ANSWER_YES && i < count; i++)
		answer = take_authority(issued, authorities[i], err);
	ERR_clear_error();
	if (answer == ANSWER_YES)
		*result = issued;
	else
		issued_free(issued);
	return answer;
}

const struct slice *
issued_names(const struct issued *issued, size_t *count)
{
	*count = issued->name_count;
	return issued->names;
}

size_t
issued_number(const struct issued *issued, const X509_NAME *name)
{
	for (size_t i = 0; i < issued->name_count; i++)
		if (X509_NAME_cmp(issued->parsed[i], name) == 0)
			return i;
	return ISSUED_NOBODY;
}

static bool
is_strong(X509 *x509)
{
	int bits = 0;

	return X509_get_signature_info(x509, NULL, NULL, &bits, NULL) == 1 && bits >= ISSUED_BITS_MIN;
}

size_t
issued_by(const struct issued *issued, const struct cert *cert)
{
	size_t number, by = ISSUED_NOBODY;

	ERR_clear_error();
	number = issued_number(issued, X509_get_issuer_name(cert->x509));
	for (size_t i = 0; number != ISSUED_NOBODY && by == ISSUED_NOBODY && i < issued->count; i++)
		if (issued->numbers[i] == number && is_strong(cert->x509) &&
		    X509_verify(cert->x509, X509_get0_pubkey(issued->certs[i]->x509)) == 1)
			by = number;
	ERR_clear_error();
	return by;
}
