/* Where a delta list is to be had (RFC 5280 4.2.1.15, 5.2.6). */
#include "pki/crl.h"

#include "fetch/fetch.h"

#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>

void
crl_free_urls(char **urls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(urls[i]);
	free(urls);
}

/* False: no memory. What cannot be fetched is left out. */
static bool
add_url(const GENERAL_NAME *name, char **urls, size_t *count)
{
	char host[FETCH_HOST_MAX], *url;

	if (name->type != GEN_URI || *count == CRL_FRESHEST_MAX || ASN1_STRING_length(name->d.ia5) > FETCH_URL_MAX)
		return true;
	if (memchr(ASN1_STRING_get0_data(name->d.ia5), 0, (size_t)ASN1_STRING_length(name->d.ia5)) != NULL)
		return true;
	url = slice_dup(slice_of(ASN1_STRING_get0_data(name->d.ia5), (size_t)ASN1_STRING_length(name->d.ia5)));
	if (url == NULL)
		return false;
	if (fetch_host(url, host))
		urls[(*count)++] = url;
	else
		free(url);
	return true;
}

bool
crl_freshest_read(struct slice der, char ***urls, size_t *count)
{
	const unsigned char *at = der.data;
	CRL_DIST_POINTS *points;
	bool good;

	*urls = NULL;
	*count = 0;
	if (der.len > CRL_EXTENSION_MAX)
		return false;
	points = d2i_CRL_DIST_POINTS(NULL, &at, (long)der.len);
	good = points != NULL && at == der.data + der.len && (*urls = calloc(CRL_FRESHEST_MAX, sizeof **urls)) != NULL;
	for (int i = 0; good && i < sk_DIST_POINT_num(points) && i < CRL_NAMES_MAX; i++) {
		const DIST_POINT_NAME *point = sk_DIST_POINT_value(points, i)->distpoint;

		if (point == NULL || point->type != 0)
			continue;
		for (int k = 0; good && k < sk_GENERAL_NAME_num(point->name.fullname) && k < CRL_NAMES_MAX; k++)
			good = add_url(sk_GENERAL_NAME_value(point->name.fullname, k), *urls, count);
	}
	CRL_DIST_POINTS_free(points);
	ERR_clear_error();
	if (good)
		return true;
	crl_free_urls(*urls, *count);
	*urls = NULL;
	*count = 0;
	return false;
}

enum answer
crl_freshest_of(const struct cert *cert, char ***urls, size_t *count, struct error *err)
{
	int at = X509_get_ext_by_NID(cert->x509, NID_freshest_crl, -1);
	const ASN1_OCTET_STRING *value;

	*urls = NULL;
	*count = 0;
	if (at < 0)
		return ANSWER_YES;
	value = X509_EXTENSION_get_data(X509_get_ext(cert->x509, at));
	if (crl_freshest_read(slice_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)), urls, count))
		return ANSWER_YES;
	return error_no(err, "malformed", "the certificate's freshestCRL is malformed");
}
