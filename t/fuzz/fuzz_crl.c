/* Revoked certificates. The octets are a whole list, and what stands behind the issuer in one
 * that a key made here signs, so that what is behind the signature is reached too. Promises: entries
 * are in order and each once; a list may replace itself; who is called good is so by a list that is
 * current and does not list it; a merged list never takes a delta's revocation back.
 */
#include "base/der.h"
#include "fuzz.h"
#include "fuzz_pki.h"
#include "pki/crl.h"

#include <stdlib.h>
#include <string.h>

static struct fuzz_pki pki;
static struct crl *empty; /* CRLNumber 1, nothing revoked */

static void
add_value(unsigned char tag, struct slice content, struct buf *out)
{
	der_add_header(tag, content.len, out);
	buf_add_slice(out, content);
}

/* The CertificateList with these fields behind its issuer. */
static void
make_list(struct slice fields, struct buf *list)
{
	static const unsigned char ed25519[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};
	unsigned char signature[65] = {0}, *name = NULL;
	int name_len = i2d_X509_NAME(X509_get_subject_name(pki.ca->x509), &name);
	size_t len = sizeof signature - 1;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct buf content, tbs;

	buf_init(&content, fields.len + 1024);
	buf_init(&tbs, fields.len + 1024);
	buf_add(&content, "\x02\x01\x01", 3);
	buf_add(&content, ed25519, sizeof ed25519);
	promise(name_len > 0);
	buf_add(&content, name, (size_t)name_len);
	buf_add_slice(&content, fields);
	add_value(DER_SEQUENCE, buf_slice(&content), &tbs);
	promise(EVP_DigestSignInit(ctx, NULL, NULL, NULL, pki.key) == 1 &&
		EVP_DigestSign(ctx, signature + 1, &len, tbs.data, tbs.len) == 1);
	buf_add(&tbs, ed25519, sizeof ed25519);
	add_value(DER_BIT_STRING, slice_of(signature, sizeof signature), &tbs);
	add_value(DER_SEQUENCE, buf_slice(&tbs), list);
	promise(!buf_failed(&content) && !buf_failed(&tbs) && !buf_failed(list));
	buf_free(&content);
	buf_free(&tbs);
	OPENSSL_free(name);
	EVP_MD_CTX_free(ctx);
}

static struct crl *
parse_signed(struct slice fields)
{
	struct crl *crl;
	struct buf list;

	buf_init(&list, fields.len + 2048);
	make_list(fields, &list);
	crl_parse(buf_slice(&list), &pki.ca, 1, false, &crl, NULL);
	buf_free(&list);
	return crl;
}

static void
make_pki(void)
{
	/* from 2026 to 2029, CRLNumber 1 */
	static const char base[] = "\x17\x0d" "260101000000Z" "\x17\x0d" "290101000000Z"
		"\xa0\x0e\x30\x0c\x30\x0a\x06\x03\x55\x1d\x14\x04\x03\x02\x01\x01";

	fuzz_pki_make(&pki, "URI:http://a.test/a.crl");
	empty = parse_signed(slice_of(base, sizeof base - 1));
	promise(empty != NULL && empty->has_number);
}

static bool
lists(const struct crl *crl, unsigned char serial)
{
	for (size_t i = 0; i < crl->count; i++)
		if (crl->entries[i].len == 1 && crl->entries[i].serial[0] == serial)
			return true;
	return false;
}

static void
check_status(const struct crl *crl, const struct cert *cert, unsigned char serial)
{
	struct status status;

	crl_look_up(&crl, 1, cert, FUZZ_NOW, &status);
	if (status.state == STATUS_GOOD)
		promise(FUZZ_NOW <= crl->next_update && FUZZ_NOW + CRL_CLOCK_SKEW >= crl->this_update &&
			(!lists(crl, serial) || crl->authority_count > 1) && !crl->is_delta);
	if (status.state == STATUS_REVOKED)
		promise(lists(crl, serial) && status.reason != STATUS_REMOVE_FROM_CRL);
	if (status.state == STATUS_UNKNOWN)
		promise(status.why.code != NULL);
}

static void
check_merged(const struct crl *delta)
{
	struct crl *merged;

	if (crl_merge(empty, delta, &merged, NULL) != ANSWER_YES)
		return;
	for (size_t i = 0, k = 0; i < delta->count; i++)
		if (delta->entries[i].reason != STATUS_REMOVE_FROM_CRL)
			promise(k < merged->count && merged->entries[k].len == delta->entries[i].len &&
				memcmp(merged->entries[k++].serial, delta->entries[i].serial, CRL_SERIAL_MAX) == 0);
	promise(!merged->is_delta && crl_may_replace(empty, merged, NULL) ==
		(merged->this_update >= empty->this_update ? ANSWER_YES : ANSWER_NO));
	crl_unref(merged);
}

static void
check(const struct crl *crl)
{
	for (size_t i = 1; i < crl->count; i++) {
		const struct crl_entry *a = &crl->entries[i - 1], *b = &crl->entries[i];

		promise(a->authority < b->authority || (a->authority == b->authority && (a->len < b->len ||
			(a->len == b->len && memcmp(a->serial, b->serial, sizeof a->serial) < 0))));
	}
	promise(crl_may_replace(crl, crl, NULL) == ANSWER_YES);
	check_status(crl, pki.ca, 1);
	check_status(crl, pki.leaf, 2);
	check_merged(crl);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct crl *crl;

	if (pki.key == NULL)
		make_pki();
	crl_parse(slice_of(data, size), &pki.ca, 1, true, &crl, NULL);
	crl_unref(crl);
	crl = parse_signed(slice_of(data, size));
	if (crl != NULL)
		check(crl);
	crl_unref(crl);
	return 0;
}
