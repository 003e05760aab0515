/* test_pkits: NIST's path validation suite, where SEAL_CORPORA says that it is. Every row of
 * pkits.json is put to chain_validate() and answered as the suite wants it: good, untrusted,
 * revoked, or of unknown status. Each is a TAP line, and is told twice: with the certificates
 * that the row names, and with all of the suite as helpers, among which its path is to be
 * found. A row that differs is in differs[], with why. */
#include "pki/chain.h"

#include "base/file.h"

#include <jansson.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 246
#define POLICIES_MAX 8
#define FILE_MAX (64 * 1024)
#define NOW ((time_t)1769904000) /* 2026-02-01; the suite ends in 2030 */

static const struct {
	const char *id;
	const char *answer;
	const char *why;
} differs[] = {
	{"40105", "untrusted", "OpenSSL takes no parameters of a DSA key from its issuer's (RFC 5280 6.1.4 f)"},
};

static struct chain_store *strict;
static struct chain_store *lenient; /* for the suite's DSA keys of 1024 bits */
static STACK_OF(X509) *all;
static char *folder;

static _Noreturn void
give_up(const char *what, const char *name)
{
	printf("Bail out! %s: %s\n", name, what);
	exit(EXIT_FAILURE);
}

/* For the caller to free(). */
static char *
path_of(const char *kind, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s%s", folder, kind, name) < 0)
		abort();
	return path;
}

static struct cert *
read_cert(const char *name)
{
	char *path = path_of("certs/", name);
	struct error err = ERROR_NONE;
	struct cert **certs, *cert;
	size_t count;

	if (cert_read_file(path, &certs, &count, &err) != ANSWER_YES)
		give_up(err.words, name);
	cert = cert_ref(certs[0]);
	cert_free_array(certs, count);
	free(path);
	return cert;
}

static void
push_cert(STACK_OF(X509) *stack, const char *name)
{
	struct cert *cert = read_cert(name);

	X509_up_ref(cert->x509);
	sk_X509_push(stack, cert->x509);
	cert_unref(cert);
}

static void
push_crl(STACK_OF(X509_CRL) *stack, const char *name)
{
	char *path = path_of("crls/", name);
	struct error err = ERROR_NONE;
	const unsigned char *der;
	struct buf content;
	X509_CRL *crl;

	buf_init(&content, FILE_MAX);
	if (file_read(path, FILE_PUBLIC, &content, &err) != ANSWER_YES)
		give_up(err.words, name);
	der = content.data;
	crl = d2i_X509_CRL(NULL, &der, (long)content.len);
	if (crl == NULL)
		give_up("no revocation list", name);
	sk_X509_CRL_push(stack, crl);
	buf_free(&content);
	free(path);
}

static STACK_OF(X509) *
certs_of(const json_t *names)
{
	STACK_OF(X509) *certs = sk_X509_new_null();

	for (size_t i = 0; i < json_array_size(names); i++)
		push_cert(certs, json_string_value(json_array_get(names, i)));
	return certs;
}

/* NULL where revocation is none of the row's matter. */
static STACK_OF(X509_CRL) *
crls_of(const json_t *row)
{
	const json_t *revocation = json_object_get(row, "revocation"), *names = json_object_get(row, "crls");
	STACK_OF(X509_CRL) *crls;

	if (revocation != NULL && !json_is_true(revocation))
		return NULL;
	crls = sk_X509_CRL_new_null();
	push_crl(crls, "TrustAnchorRootCRL.crl");
	for (size_t i = 0; i < json_array_size(names); i++)
		push_crl(crls, json_string_value(json_array_get(names, i)));
	return crls;
}

static const char *
told(enum answer answer, const struct error *err)
{
	if (answer == ANSWER_YES)
		return "good";
	return answer == ANSWER_CANT_TELL && strcmp(err->code, "status-unknown") != 0 ? "no memory" : err->code;
}

static const char *
wanted(const json_t *row)
{
	const char *kind = json_string_value(json_object_get(json_object_get(row, "error"), "class"));

	if (kind == NULL)
		return "good";
	if (strcmp(kind, "PathValidationError") == 0)
		return "untrusted";
	return strcmp(kind, "RevokedError") == 0 ? "revoked" : "status-unknown";
}

static const char *
text_of(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));

	if (text == NULL)
		give_up("a row without it", name);
	return text;
}

/* How chain_validate() answers the row; err why. */
static const char *
ask(const json_t *row, STACK_OF(X509) *helpers, struct error *err)
{
	const json_t *params = json_object_get(row, "params"), *set = json_object_get(params, "user_initial_policy_set");
	const struct chain_store *store = strstr(text_of(row, "name"), "_dsa_") == NULL ? strict : lenient;
	struct cert *cert = read_cert(text_of(row, "cert"));
	char *policies[POLICIES_MAX];
	struct chain_question question = {.at = NOW, .extra = helpers, .policies = policies,
		.policy_count = json_array_size(set), .crls = crls_of(row),
		.explicit_policy = json_is_true(json_object_get(params, "initial_explicit_policy")),
		.inhibit_mapping = json_is_true(json_object_get(params, "initial_policy_mapping_inhibit")),
		.inhibit_any = json_is_true(json_object_get(params, "initial_any_policy_inhibit"))};
	STACK_OF(X509) *path;
	enum answer answer;
	int length;

	for (size_t i = 0; i < question.policy_count && i < POLICIES_MAX; i++)
		policies[i] = (char *)json_string_value(json_array_get(set, i));
	answer = chain_validate(store, cert, &question, &path, err);
	length = sk_X509_num(path);
	sk_X509_pop_free(path, X509_free);
	sk_X509_CRL_pop_free(question.crls, X509_CRL_free);
	cert_unref(cert);
	if (answer == ANSWER_YES && length != json_integer_value(json_object_get(row, "path_len")))
		return "another path";
	return told(answer, err);
}

static bool
is_as_wanted(const json_t *row, STACK_OF(X509) *helpers, const char *which)
{
	struct error err = ERROR_NONE;
	const char *answer = ask(row, helpers, &err), *want = wanted(row);
	bool equal = strcmp(answer, want) == 0;

	for (size_t i = 0; i < sizeof differs / sizeof *differs; i++)
		if (strcmp(differs[i].id, text_of(row, "id")) == 0) {
			printf("# %s: %s\n", differs[i].id, differs[i].why);
			equal = strcmp(answer, differs[i].answer) == 0;
		}
	if (!equal)
		printf("# with %s: %s is wanted, not %s: %s\n", which, want, answer, err.words);
	return equal;
}

static bool
test_row(int number, const json_t *row)
{
	STACK_OF(X509) *helpers = certs_of(json_object_get(row, "other_certs"));
	bool own = is_as_wanted(row, helpers, "the row's certificates");
	bool among_all = is_as_wanted(row, all, "all certificates");

	printf("%s %d - %s %s\n", own && among_all ? "ok" : "not ok", number, text_of(row, "id"), text_of(row, "name"));
	sk_X509_pop_free(helpers, X509_free);
	return own && among_all;
}

static struct chain_store *
store_of(bool accept_weak)
{
	char *anchor = path_of("certs/", "TrustAnchorRootCertificate.crt");
	struct error err = ERROR_NONE;
	struct chain_store *store;

	if (chain_store_new(&anchor, 1, NULL, 0, accept_weak, &store, &err) != ANSWER_YES)
		give_up(err.words, anchor);
	free(anchor);
	return store;
}

static STACK_OF(X509) *
read_all(void)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	char *path = path_of("certs/", "");
	struct dirent **entry;
	int n = scandir(path, &entry, NULL, alphasort);

	if (n < 0)
		give_up("no such folder", path);
	for (int i = 0; i < n; i++) {
		if (entry[i]->d_name[0] != '.')
			push_cert(certs, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	free(path);
	return certs;
}

int
main(void)
{
	const char *corpora = getenv("SEAL_CORPORA");
	bool passed = true;
	json_t *rows;
	char *path;

	if (corpora == NULL || *corpora == '\0') {
		printf("1..0 # SKIP SEAL_CORPORA is not set\n");
		return EXIT_SUCCESS;
	}
	if (asprintf(&folder, "%s/pkits", corpora) < 0)
		abort();
	path = path_of("", "pkits.json");
	rows = json_load_file(path, 0, NULL);
	if (json_array_size(rows) != ROWS)
		give_up("not the rows that it should have", path);
	strict = store_of(false);
	lenient = store_of(true);
	all = read_all();
	for (int i = 0; i < ROWS; i++)
		passed &= test_row(i + 1, json_array_get(rows, (size_t)i));
	printf("1..%d\n", ROWS);
	sk_X509_pop_free(all, X509_free);
	chain_store_free(strict);
	chain_store_free(lenient);
	json_decref(rows);
	free(path);
	free(folder);
	return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
