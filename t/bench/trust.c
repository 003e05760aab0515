#include "trust.h"

#include "pki/trust.h"
#include "smime/verify.h"

#include <openssl/cms.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LIST_SECONDS 86400
#define LOOK_UPS 200000
#define ASKED 64 /* certificates that the large list is asked about in turn */
#define SERIAL_OCTETS 16
#define REASON_ROOM (2 * ERROR_WORDS_MAX + 2)

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool
complain(const char *what, const char *why)
{
	fprintf(stderr, "bench: %s: %s\n", what, why);
	return false;
}

/* ---- lists ---------------------------------------------------------------------- */

static bool
add_entry(X509_CRL *crl, const unsigned char serial[SERIAL_OCTETS], ASN1_TIME *since)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	bool ok = entry != NULL && number != NULL && ASN1_STRING_set(number, serial, SERIAL_OCTETS) == 1 &&
		X509_REVOKED_set_serialNumber(entry, number) == 1 && X509_REVOKED_set_revocationDate(entry, since) == 1 &&
		X509_CRL_add0_revoked(crl, entry) == 1;

	ASN1_INTEGER_free(number);
	return ok;
}

static bool
add_entries(X509_CRL *crl, size_t count)
{
	ASN1_TIME *since = X509_gmtime_adj(NULL, -LIST_SECONDS);
	unsigned char serial[SERIAL_OCTETS];
	bool ok = since != NULL;

	for (size_t i = 0; ok && i < count; i++) {
		ok = RAND_bytes(serial, sizeof serial) == 1;
		serial[0] = serial[0] % 127 + 1;
		ok = ok && add_entry(crl, serial, since);
	}
	ASN1_TIME_free(since);
	return ok;
}

/* NULL: a call failed. */
static X509_CRL *
make_list(X509 *issuer, EVP_PKEY *key, size_t count)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *now = X509_gmtime_adj(NULL, 0), *next = X509_gmtime_adj(NULL, LIST_SECONDS);

	if (crl != NULL && now != NULL && next != NULL && X509_CRL_set_version(crl, 1) == 1 &&
	    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) == 1 && X509_CRL_set1_lastUpdate(crl, now) == 1 &&
	    X509_CRL_set1_nextUpdate(crl, next) == 1 && add_entries(crl, count) && X509_CRL_sign(crl, key, EVP_sha256()) > 0) {
		ASN1_TIME_free(now);
		ASN1_TIME_free(next);
		return crl;
	}
	ASN1_TIME_free(now);
	ASN1_TIME_free(next);
	X509_CRL_free(crl);
	return NULL;
}

static double
memory(void)
{
	struct mallinfo2 info = mallinfo2();

	return (double)(info.uordblks + info.hblkhd);
}

static bool
ask_list(const struct crl *list, const struct scene *s, struct trust_figures *f)
{
	struct cert *certs[ASKED] = {NULL};
	struct status status;
	bool ok = true;
	double begun;

	/* Entries of the list itself, so that each look-up goes all the way. */
	for (size_t i = 0; ok && i < ASKED; i++) {
		const struct crl_entry *entry = &list->entries[list->count / ASKED * i];
		X509 *x = X509_dup(s->partner);

		ok = x != NULL && ASN1_STRING_set(X509_get_serialNumber(x), entry->serial, entry->len) == 1 &&
			X509_sign(x, s->intermediate_key, EVP_sha256()) > 0 && cert_from_x509(x, &certs[i], NULL) == ANSWER_YES;
		X509_free(x);
	}
	begun = cpu_seconds();
	for (size_t i = 0; ok && i < LOOK_UPS; i++) {
		crl_look_up(&list, 1, certs[i % ASKED], time(NULL), &status);
		ok = status.state == STATUS_REVOKED;
	}
	f->look_up_us = (cpu_seconds() - begun) / LOOK_UPS * 1e6;
	for (size_t i = 0; i < ASKED; i++)
		cert_unref(certs[i]);
	return ok || complain("the large list", "does not say that its entries are revoked");
}

static bool
measure_list(const struct scene *s, struct trust_figures *f)
{
	X509_CRL *made = make_list(s->intermediate, s->intermediate_key, TRUST_LIST_ENTRIES);
	unsigned char *der = NULL;
	int n = made != NULL ? i2d_X509_CRL(made, &der) : -1;
	struct error err = {.words = "could not be made"};
	struct cert *signer = NULL;
	struct crl *list = NULL;
	double begun, before;
	bool ok;

	X509_CRL_free(made);
	if (n <= 0 || cert_from_x509(s->intermediate, &signer, &err) != ANSWER_YES)
		return complain("the large list", err.words);
	malloc_trim(0);
	before = memory();
	begun = cpu_seconds();
	ok = crl_parse(slice_of(der, (size_t)n), &signer, 1, false, &list, &err) == ANSWER_YES;
	f->load_s = cpu_seconds() - begun;
	f->octets = (memory() - before) / TRUST_LIST_ENTRIES;
	ok = ok ? ask_list(list, s, f) : complain("the large list", err.words);
	crl_unref(list);
	cert_unref(signer);
	OPENSSL_free(der);
	return ok;
}

/* ---- one signed message ------------------------------------------------------------ */

struct judging {
	const struct scene *scene;
	struct slice entity;
	struct buf der;           /* the detached signature */
	X509_STORE *store;
	struct config *config;
	struct trusts *trusts;
	char why[REASON_ROOM];
};

static bool
sign(struct judging *j)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	BIO *in = BIO_new_mem_buf(j->entity.data, (int)j->entity.len);
	CMS_ContentInfo *cms = NULL;
	unsigned char *der = NULL;
	int n = -1;

	if (chain != NULL && in != NULL && sk_X509_push(chain, j->scene->intermediate) > 0)
		cms = CMS_sign(j->scene->qualified, j->scene->partner_key, chain, in, CMS_BINARY | CMS_DETACHED);
	if (cms != NULL)
		n = i2d_CMS_ContentInfo(cms, &der);
	if (n > 0)
		buf_add(&j->der, der, (size_t)n);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	sk_X509_free(chain);
	return n > 0 && !buf_failed(&j->der);
}

static bool
write_lists(const struct scene *s, const char *path)
{
	X509_CRL *root = make_list(s->root, s->root_key, 1), *intermediate = make_list(s->intermediate, s->intermediate_key, 1000);
	char other[256];
	FILE *f, *g;
	bool ok;

	snprintf(other, sizeof other, "%s/root.crl", s->folder);
	f = fopen(path, "w");
	g = fopen(other, "w");
	ok = f != NULL && g != NULL && root != NULL && intermediate != NULL && PEM_write_X509_CRL(g, root) == 1 &&
		PEM_write_X509_CRL(f, intermediate) == 1;
	X509_CRL_free(root);
	X509_CRL_free(intermediate);
	return f != NULL && fclose(f) == 0 && g != NULL && fclose(g) == 0 && ok;
}

static bool
write_configuration(const struct scene *s, const char *path)
{
	FILE *f = fopen(path, "w");

	if (f == NULL)
		return false;
	fprintf(f, "status-directory = none\nlistener bench {\n\tsocket = \"unix:%1$s/no\"\n\tdirection = inbound\n}\n"
		"inbound-domains = bench.test\n"
		"trust partners {\n\tanchors = {\"%1$s/root.pem\"}\n\trevocation = require\n\trevocation-order = crl-first\n"
		"\tcrls = {\"%1$s/root.crl\", \"%1$s/intermediate.crl\"}\n\tprofiles = {\"eidas-signature\"}\n"
		"\tqualified-services = {\"signatures\"}\n}\n", s->folder);
	return fclose(f) == 0;
}

static bool
prepare(struct judging *j)
{
	char list[256], path[256];
	struct error err = {.words = "cannot be written"};

	snprintf(list, sizeof list, "%s/intermediate.crl", j->scene->folder);
	snprintf(path, sizeof path, "%s/trust.conf", j->scene->folder);
	buf_init(&j->der, 1 << 20);
	j->store = X509_STORE_new();
	if (j->store == NULL || X509_STORE_add_cert(j->store, j->scene->root) != 1 || !sign(j))
		return complain("a signature", "could not be made");
	if (!write_lists(j->scene, list) || !write_configuration(j->scene, path) ||
	    config_parse(path, &j->config, NULL, NULL, &err) != ANSWER_YES ||
	    trusts_new(j->config, &j->trusts, &err) != ANSWER_YES)
		return complain(path, err.words);
	return true;
}

static bool
verify_plain(struct judging *j)
{
	const unsigned char *at = j->der.data;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)j->der.len);
	BIO *in = BIO_new_mem_buf(j->entity.data, (int)j->entity.len);
	bool ok = cms != NULL && in != NULL && CMS_verify(cms, NULL, j->store, in, NULL, CMS_BINARY) == 1;

	BIO_free(in);
	CMS_ContentInfo_free(cms);
	return ok;
}

static bool
verify_judged(struct judging *j)
{
	struct structure structure;
	struct trust_judgement judgement;
	struct verified v;
	struct error err;
	bool ok;

	if (!structure_read(buf_slice(&j->der), &structure) ||
	    verify_signatures(&structure, j->entity, 16, 100, &v, &err) != ANSWER_YES)
		return false;
	trust_judge(trusts_block(j->trusts, 0), &(struct trust_question){.cert = v.signers[0].certificate,
		.extra = v.certificates, .at = time(NULL)}, &judgement);
	ok = v.signers[0].intact == VERIFY_INTACT && judgement.answer == ANSWER_YES && judgement.qualified == TRUST_SIGNATURE;
	if (!ok)
		snprintf(j->why, sizeof j->why, "%s %s", judgement.reason.words, judgement.qualified_reason.words);
	trust_judgement_free(&judgement);
	verified_free(&v);
	return ok;
}

/* CPU ms of one; below 0: it failed. */
static double
loop(struct judging *j, bool (*once)(struct judging *), double seconds)
{
	double begun, now;
	unsigned runs = 0;

	if (!once(j)) /* caches are warm afterwards */
		return -1;
	begun = cpu_seconds();
	do {
		if (!once(j))
			return -1;
		runs++;
		now = cpu_seconds();
	} while (now - begun < seconds);
	return (now - begun) * 1000 / runs;
}

static bool
measure_judging(struct judging *j, double seconds, struct trust_figures *f)
{
	if (!prepare(j))
		return false;
	f->plain_ms = loop(j, verify_plain, seconds);
	f->judged_ms = loop(j, verify_judged, seconds);
	if (f->plain_ms < 0 || f->judged_ms < 0)
		return complain("the signature of one who is qualified", j->why);
	return true;
}

bool
trust_measure(const struct scene *s, struct slice entity, double seconds, struct trust_figures *f)
{
	struct judging j = {.scene = s, .entity = entity};
	bool ok = measure_list(s, f) && measure_judging(&j, seconds, f);

	trusts_free(j.trusts);
	config_unref(j.config);
	X509_STORE_free(j.store);
	buf_free(&j.der);
	return ok;
}
