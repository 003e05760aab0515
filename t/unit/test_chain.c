#include "authority.h"
#include "unit.h"

#include "pki/chain.h"

#include <string.h>

static struct {
	X509 *root;
	X509 *middle; /* ends in 100 days */
	X509 *leaf;   /* of middle; ends in 365 days */
} pki;

#define LEAF {.name = "leaf", .issuer = pki.middle, .issuer_key = "P-384"}

static void
make_pki(void)
{
	pki.root = authority_issue(&(struct authority_wish){.name = "root", .ca = true, .begin = -1000 * AUTHORITY_DAY,
		.end = 1000 * AUTHORITY_DAY});
	pki.middle = authority_issue(&(struct authority_wish){.name = "middle", .ca = true, .key = "P-384",
		.issuer = pki.root, .begin = -20 * AUTHORITY_DAY, .end = 100 * AUTHORITY_DAY});
	pki.leaf = authority_issue(&(struct authority_wish)LEAF);
	authority_write_pem(authority_path("root.pem"), pki.root, NULL, NULL);
	authority_write_pem(authority_path("middle.pem"), pki.middle, NULL, NULL);
}

static void
free_pki(void)
{
	X509_free(pki.root);
	X509_free(pki.middle);
	X509_free(pki.leaf);
}

static struct chain_store *
store_for(const char *anchor, const char *intermediate, bool accept_weak)
{
	char *anchors[] = {(char *)authority_path(anchor)};
	char *intermediates[] = {intermediate == NULL ? NULL : (char *)authority_path(intermediate)};
	struct error err = ERROR_NONE;
	struct chain_store *store;

	ck_assert_msg(chain_store_new(anchors, 1, intermediates, intermediate != NULL, accept_weak, &store, &err) ==
		ANSWER_YES, "%s", err.words);
	return store;
}

static struct chain_store *
store_of(const char *anchor, const char *intermediate)
{
	return store_for(anchor, intermediate, false);
}

static enum answer
verify(const struct chain_store *store, X509 *x509, STACK_OF(X509) *extra, long days)
{
	struct error err = ERROR_NONE;
	enum answer answer;
	struct cert *cert;

	ck_assert_int_eq(cert_from_x509(x509, &cert, NULL), ANSWER_YES);
	answer = chain_verify(store, cert, extra, AUTHORITY_NOW + days * AUTHORITY_DAY, &err);
	if (answer == ANSWER_NO) {
		ck_assert_str_eq(err.code, "untrusted");
		ck_assert_str_eq(err.section, "RFC 5280 6");
	}
	cert_unref(cert);
	return answer;
}

START_TEST(test_chain)
{
	struct chain_store *store = store_of("root.pem", "middle.pem");

	ck_assert_int_eq(verify(store, pki.leaf, NULL, 0), ANSWER_YES);
	ck_assert_int_eq(verify(store, pki.middle, NULL, 0), ANSWER_YES);
	chain_store_free(store);
	store = store_of("root.pem", NULL);
	ck_assert_int_eq(verify(store, pki.leaf, NULL, 0), ANSWER_NO);
	chain_store_free(store);
	chain_store_free(NULL);
}
END_TEST

START_TEST(test_extra)
{
	struct chain_store *store = store_of("root.pem", NULL);
	STACK_OF(X509) *extra = sk_X509_new_null();

	sk_X509_push(extra, pki.middle);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(verify(store, pki.leaf, extra, 0), ANSWER_YES);
		ck_assert_int_eq(verify(store, pki.leaf, extra, 101), ANSWER_NO);
		ck_assert_int_eq(verify(store, pki.leaf, NULL, 0), ANSWER_NO); /* what was found with help stays apart */
	}
	sk_X509_free(extra);
	chain_store_free(store);
}
END_TEST

/* The same authority under two roots: whichever the other certificate is of, the anchor's is found. */
START_TEST(test_cross)
{
	struct chain_store *store = store_of("root.pem", NULL);
	X509 *other_root = authority_issue(&(struct authority_wish){.name = "other root", .ca = true, .key = "P-521"});
	X509 *cross = authority_issue(&(struct authority_wish){.name = "middle", .ca = true, .key = "P-384",
		.issuer = other_root, .issuer_key = "P-521"});
	X509 *others[] = {cross, other_root, pki.middle};

	for (int first = 0; first < 3; first++) {
		STACK_OF(X509) *extra = sk_X509_new_null();

		for (int i = 0; i < 3; i++)
			sk_X509_push(extra, others[(first + i) % 3]);
		ck_assert_int_eq(verify(store, pki.leaf, extra, 0), ANSWER_YES);
		ck_assert_int_eq(verify(store, pki.leaf, extra, 101), ANSWER_NO);
		sk_X509_delete_ptr(extra, pki.middle);
		ck_assert_int_eq(verify(store, pki.leaf, extra, 0), ANSWER_NO);
		sk_X509_free(extra);
	}
	X509_free(other_root);
	X509_free(cross);
	chain_store_free(store);
}
END_TEST

/* That a chain is remembered changes no answer: neither before nor after the
 * time in which all of it is valid. */
START_TEST(test_remembered)
{
	struct chain_store *store = store_of("root.pem", "middle.pem");

	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(verify(store, pki.leaf, NULL, 0), ANSWER_YES);
		ck_assert_int_eq(verify(store, pki.leaf, NULL, 99), ANSWER_YES);
		ck_assert_int_eq(verify(store, pki.leaf, NULL, 101), ANSWER_NO); /* the intermediate's end */
		ck_assert_int_eq(verify(store, pki.leaf, NULL, 366), ANSWER_NO);
		ck_assert_int_eq(verify(store, pki.leaf, NULL, -21), ANSWER_NO); /* its begin */
		ck_assert_int_eq(verify(store, pki.leaf, NULL, -19), ANSWER_YES);
	}
	chain_store_free(store);
}
END_TEST

START_TEST(test_untrusted)
{
	struct chain_store *store = store_of("root.pem", "middle.pem");
	X509 *self = authority_issue(&(struct authority_wish){.name = "self"});
	X509 *false_root = authority_issue(&(struct authority_wish){.name = "root", .ca = true, .key = "P-521"});
	X509 *false_leaf = authority_issue(&(struct authority_wish){.name = "x", .issuer = false_root, .issuer_key = "P-521"});
	X509 *by_leaf = authority_issue(&(struct authority_wish){.name = "x", .issuer = pki.leaf});

	ck_assert_int_eq(verify(store, self, NULL, 0), ANSWER_NO);
	ck_assert_int_eq(verify(store, false_leaf, NULL, 0), ANSWER_NO);
	ck_assert_int_eq(verify(store, by_leaf, NULL, 0), ANSWER_NO);
	chain_store_free(store);
	store = store_of("root.pem", NULL);
	X509_free(self);
	X509_free(false_root);
	X509_free(false_leaf);
	X509_free(by_leaf);
	chain_store_free(store);
}
END_TEST

/* Whoever configures an intermediate as anchor means it; one that only helps is none. */
START_TEST(test_intermediate_as_anchor)
{
	struct chain_store *store = store_of("middle.pem", NULL);
	X509 *other = authority_issue(&(struct authority_wish){.name = "x", .issuer = pki.root});

	ck_assert_int_eq(verify(store, pki.leaf, NULL, 0), ANSWER_YES);
	ck_assert_int_eq(verify(store, other, NULL, 0), ANSWER_NO);
	chain_store_free(store);
	authority_write_pem(authority_path("other.pem"), other, NULL, NULL);
	store = store_of("other.pem", "middle.pem");
	ck_assert_int_eq(verify(store, pki.leaf, NULL, 0), ANSWER_NO);
	X509_free(other);
	chain_store_free(store);
}
END_TEST

/* What is weak is a key, an issuer's or its own, or the digest under which it was issued. */
START_TEST(test_weak)
{
	X509 *weak = authority_issue(&(struct authority_wish){.name = "weak", .ca = true, .key = "RSA:1024"});
	X509 *leaves[] = {
		authority_issue(&(struct authority_wish){.name = "by weak", .issuer = weak, .issuer_key = "RSA:1024"}),
		authority_issue(&(struct authority_wish){.name = "weak itself", .issuer = pki.root, .key = "RSA:1024"}),
		authority_issue(&(struct authority_wish){.name = "digest", .issuer = pki.root, .digest = "SHA1"}),
	};
	X509 *stranger = authority_issue(&(struct authority_wish){.name = "self"});
	struct chain_store *strict, *lenient;

	authority_write_pem(authority_path("both.pem"), pki.root, weak, NULL);
	strict = store_for("both.pem", NULL, false);
	lenient = store_for("both.pem", NULL, true);
	for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
		ck_assert_int_eq(verify(strict, leaves[i], NULL, 0), ANSWER_NO);
		ck_assert_int_eq(verify(lenient, leaves[i], NULL, 0), ANSWER_YES);
		ck_assert_int_eq(verify(lenient, leaves[i], NULL, 366), ANSWER_NO); /* all else is judged as ever */
		X509_free(leaves[i]);
	}
	ck_assert_int_eq(verify(lenient, stranger, NULL, 0), ANSWER_NO);
	chain_store_free(strict);
	chain_store_free(lenient);
	X509_free(weak);
	X509_free(stranger);
}
END_TEST

/* What accept_weak does not promise. An anchor is believed for its key, whoever signed it. */
#define BY_ANCHOR .issuer = anchor, .issuer_key = "RSA:2048"

START_TEST(test_never_accepted)
{
	X509 *anchor = authority_issue(&(struct authority_wish){.name = "anchor", .ca = true, .key = "RSA:2048",
		.digest = "MD5"});
	X509 *middle = authority_issue(&(struct authority_wish){.name = "middle", .ca = true, BY_ANCHOR, .digest = "MD5"});
	X509 *brief = authority_issue(&(struct authority_wish){.name = "brief", .ca = true, .key = "RSA:1016"});
	X509 *leaves[] = {
		authority_issue(&(struct authority_wish){.name = "digest", BY_ANCHOR, .digest = "MD5"}),
		authority_issue(&(struct authority_wish){.name = "its issuer's digest", .issuer = middle}),
		authority_issue(&(struct authority_wish){.name = "key", BY_ANCHOR, .key = "RSA:1016"}),
		authority_issue(&(struct authority_wish){.name = "its issuer's key", .issuer = brief, .issuer_key = "RSA:1016"}),
		authority_issue(&(struct authority_wish){.name = "a digest that nobody promised", BY_ANCHOR,
			.digest = "RIPEMD160"}),
	};
	X509 *good = authority_issue(&(struct authority_wish){.name = "good", BY_ANCHOR, .digest = "SHA1"});
	struct chain_store *store;

	authority_write_pem(authority_path("anchors.pem"), anchor, brief, NULL);
	authority_write_pem(authority_path("md5.pem"), middle, NULL, NULL);
	store = store_for("anchors.pem", "md5.pem", true);
	for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
		ck_assert_msg(verify(store, leaves[i], NULL, 0) == ANSWER_NO, "%zu", i);
		ck_assert_int_eq(verify(store, leaves[i], NULL, 0), ANSWER_NO); /* nor is it remembered as good */
		X509_free(leaves[i]);
	}
	ck_assert_int_eq(verify(store, good, NULL, 0), ANSWER_YES);
	chain_store_free(store);
	X509_free(anchor);
	X509_free(middle);
	X509_free(brief);
	X509_free(good);
}
END_TEST

START_TEST(test_files)
{
	char *absent[] = {(char *)authority_path("absent.pem")}, *good[] = {(char *)authority_path("root.pem")};
	struct error err = ERROR_NONE;
	struct chain_store *store;

	ck_assert_int_eq(chain_store_new(absent, 1, NULL, 0, false, &store, &err), ANSWER_NO);
	ck_assert_ptr_nonnull(strstr(err.words, "absent.pem"));
	ck_assert_ptr_null(store);
	ck_assert_int_eq(chain_store_new(good, 1, absent, 1, false, &store, &err), ANSWER_NO);
	ck_assert_int_eq(chain_store_new(NULL, 0, NULL, 0, false, &store, &err), ANSWER_YES);
	ck_assert_int_eq(verify(store, pki.root, NULL, 0), ANSWER_NO); /* no anchor: nothing is trusted */
	chain_store_free(store);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("chain");
	TCase *t = tcase_create("chain");
	int status;

	make_pki();
	tcase_add_test(t, test_chain);
	tcase_add_test(t, test_extra);
	tcase_add_test(t, test_cross);
	tcase_add_test(t, test_remembered);
	tcase_add_test(t, test_untrusted);
	tcase_add_test(t, test_intermediate_as_anchor);
	tcase_add_test(t, test_weak);
	tcase_add_test(t, test_never_accepted);
	tcase_add_test(t, test_files);
	suite_add_tcase(s, t);
	status = unit_run(s);
	free_pki();
	return status;
}
