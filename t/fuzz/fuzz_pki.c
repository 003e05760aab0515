#include "fuzz_pki.h"
#include "fuzz.h"

#include <openssl/x509v3.h>

static struct cert *
make_cert(EVP_PKEY *key, const char *name, long serial, const char *points)
{
	X509_NAME *issuer = X509_NAME_new();
	X509 *x509 = X509_new();
	struct cert *cert = NULL;

	X509_NAME_add_entry_by_txt(issuer, "CN", MBSTRING_UTF8, (const unsigned char *)"fuzz", -1, -1, 0);
	X509_set_issuer_name(x509, issuer);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), serial);
	ASN1_TIME_set(X509_getm_notBefore(x509), FUZZ_NOW - 86400);
	ASN1_TIME_set(X509_getm_notAfter(x509), FUZZ_NOW + 86400);
	X509_set_pubkey(x509, key);
	if (points != NULL) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_crl_distribution_points, points);

		X509_add_ext(x509, e, -1);
		X509_EXTENSION_free(e);
	}
	promise(X509_sign(x509, key, NULL) > 0 && cert_from_x509(x509, &cert, NULL) == ANSWER_YES);
	X509_NAME_free(issuer);
	X509_free(x509);
	return cert;
}

void
fuzz_pki_make(struct fuzz_pki *pki, const char *points)
{
	static const unsigned char secret[32] = "what is signed here means nothi";

	pki->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, sizeof secret);
	pki->ca = make_cert(pki->key, "fuzz", 1, NULL);
	pki->leaf = make_cert(pki->key, "leaf", 2, points);
}
