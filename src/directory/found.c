#include "directory/found.h"
#include "directory/directory.h"

#include <openssl/cms.h>
#include <openssl/err.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A parsed certificate takes about this many times its DER. */
#define CERT_MEMORY_FACTOR 6

struct counted_found {
	struct found found; /* first */
	atomic_uint references;
};

struct found *
found_new(void)
{
	struct counted_found *f = calloc(1, sizeof *f);

	if (f == NULL)
		return NULL;
	atomic_init(&f->references, 1);
	f->found.octets = sizeof *f;
	return &f->found;
}

struct found *
found_ref(struct found *found)
{
	atomic_fetch_add(&((struct counted_found *)found)->references, 1);
	return found;
}

void
found_unref(struct found *found)
{
	if (found == NULL || atomic_fetch_sub(&((struct counted_found *)found)->references, 1) != 1)
		return;
	found_clear(found);
	free(found);
}

void
found_clear(struct found *found)
{
	for (size_t i = 0; i < found->count; i++) {
		cert_unref(found->items[i].cert);
		free(found->items[i].refusal);
	}
	free(found->items);
	*found = (struct found){.octets = sizeof(struct counted_found)};
}

static struct found_item *
new_item(struct found *found)
{
	struct found_item *items;

	if (found->count == DIRECTORY_CERTIFICATES_MAX) {
		found->left_out = true;
		return NULL;
	}
	items = reallocarray(found->items, found->count + 1, sizeof *items);
	if (items == NULL) {
		found->out_of_memory = true;
		return NULL;
	}
	found->items = items;
	items[found->count] = (struct found_item){.cert = NULL};
	return &items[found->count++];
}

static bool
holds(const struct found *found, const struct cert *cert)
{
	for (size_t i = 0; i < found->count; i++)
		if (found->items[i].cert != NULL &&
			memcmp(found->items[i].cert->digest, cert->digest, sizeof cert->digest) == 0)
			return true;
	return false;
}

void
found_add(struct found *found, struct cert *cert)
{
	struct found_item *item;

	if (holds(found, cert) || (item = new_item(found)) == NULL)
		return;
	item->cert = cert_ref(cert);
	found->octets += sizeof *item + CERT_MEMORY_FACTOR * (size_t)i2d_X509(cert->x509, NULL);
}

void
found_add_broken(struct found *found, const struct error *why)
{
	struct error *copy = malloc(sizeof *copy);
	struct found_item *item;

	if (copy == NULL) {
		found->out_of_memory = true;
		return;
	}
	item = new_item(found);
	if (item == NULL) {
		free(copy);
		return;
	}
	*copy = *why;
	item->refusal = copy;
	found->octets += sizeof *item + sizeof *copy;
}

void
found_add_der(struct found *found, struct slice der)
{
	struct error why = ERROR_NONE;
	struct cert *cert;

	if (cert_parse(der, &cert, &why) != ANSWER_YES) {
		found_add_broken(found, &why);
		return;
	}
	found_add(found, cert);
	cert_unref(cert);
}

static void
add_x509(struct found *found, X509 *x509)
{
	struct error why = ERROR_NONE;
	struct cert *cert;

	if (cert_from_x509(x509, &cert, &why) != ANSWER_YES) {
		found_add_broken(found, &why);
		return;
	}
	found_add(found, cert);
	cert_unref(cert);
}

void
found_add_signed_data(struct found *found, struct slice der)
{
	const unsigned char *at = der.data;
	CMS_ContentInfo *cms = NULL;
	STACK_OF(X509) *certs = NULL;
	struct error why = ERROR_NONE;

	ERR_clear_error();
	if (der.len == 0 || der.len > FOUND_VALUE_MAX) {
		error_no(&why, "limit", "a PKCS#7 value of %zu octets; at most %d are read", der.len, FOUND_VALUE_MAX);
		goto out;
	}
	cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
	if (cms == NULL || at != der.data + der.len || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed) {
		error_no(&why, "malformed", "not exactly one PKCS#7 SignedData");
		goto out;
	}
	certs = CMS_get1_certs(cms);
	if (sk_X509_num(certs) <= 0)
		error_no(&why, "malformed", "a PKCS#7 SignedData without certificates");
	for (int i = 0; i < sk_X509_num(certs); i++)
		add_x509(found, sk_X509_value(certs, i));
out:
	if (why.answer != ANSWER_YES)
		found_add_broken(found, &why);
	sk_X509_pop_free(certs, X509_free);
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
}
