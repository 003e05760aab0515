#include "pki/status_urls.h"
#include "fetch/fetch.h"
#include "pki/crl.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <stdlib.h>
#include <string.h>

/* Each once, and none that could not be fetched. */
static bool
add_url(char *known[STATUS_URLS_MAX], size_t *count, const GENERAL_NAME *name)
{
	char host[FETCH_HOST_MAX], *url;
	bool again = false;

	if (name->type != GEN_URI || *count == STATUS_URLS_MAX)
		return true;
	url = slice_dup(slice_of(ASN1_STRING_get0_data(name->d.ia5), (size_t)ASN1_STRING_length(name->d.ia5)));
	if (url == NULL)
		return memchr(ASN1_STRING_get0_data(name->d.ia5), 0, (size_t)ASN1_STRING_length(name->d.ia5)) != NULL;
	for (size_t i = 0; i < *count; i++)
		again = again || strcmp(known[i], url) == 0;
	if (again || strlen(url) >= FETCH_URL_MAX || !fetch_host(url, host))
		free(url);
	else
		known[(*count)++] = url;
	return true;
}

static bool
read_responders(const struct cert *cert, struct status_urls *urls)
{
	AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i(cert->x509, NID_info_access, NULL, NULL);
	bool ok = true;

	for (int i = 0; ok && i < sk_ACCESS_DESCRIPTION_num(access); i++) {
		const ACCESS_DESCRIPTION *one = sk_ACCESS_DESCRIPTION_value(access, i);

		if (OBJ_obj2nid(one->method) == NID_ad_OCSP)
			ok = add_url(urls->ocsp, &urls->ocsp_count, one->location);
	}
	AUTHORITY_INFO_ACCESS_free(access);
	return ok;
}

static bool
read_lists(const struct cert *cert, struct status_urls *urls)
{
	CRL_DIST_POINTS *all = X509_get_ext_d2i(cert->x509, NID_crl_distribution_points, NULL, NULL);
	bool ok = true;

	for (int i = 0; ok && i < sk_DIST_POINT_num(all); i++) {
		const DIST_POINT_NAME *name = sk_DIST_POINT_value(all, i)->distpoint;

		if (name == NULL || name->type != 0)
			continue;
		for (int k = 0; ok && k < sk_GENERAL_NAME_num(name->name.fullname); k++)
			ok = add_url(urls->crl, &urls->crl_count, sk_GENERAL_NAME_value(name->name.fullname, k));
	}
	CRL_DIST_POINTS_free(all);
	return ok;
}

bool
status_urls_read(const struct cert *cert, struct status_urls *urls)
{
	bool ok;

	*urls = (struct status_urls){.ocsp_count = 0};
	ERR_clear_error();
	ok = read_responders(cert, urls) && read_lists(cert, urls) &&
		crl_freshest_of(cert, &urls->delta, &urls->delta_count, NULL) != ANSWER_CANT_TELL;
	ERR_clear_error();
	if (!ok)
		status_urls_free(urls);
	return ok;
}

void
status_urls_free(struct status_urls *urls)
{
	for (size_t i = 0; i < urls->ocsp_count; i++)
		free(urls->ocsp[i]);
	for (size_t i = 0; i < urls->crl_count; i++)
		free(urls->crl[i]);
	crl_free_urls(urls->delta, urls->delta_count);
	*urls = (struct status_urls){.ocsp_count = 0};
}
