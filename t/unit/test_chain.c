#include "authority.h"
#include "unit.h"

#include "pki/chain.h"
#include "pki/known.h"

#include <openssl/param_build.h>
#include <openssl/x509v3.h>

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
	answer = chain_validate(store, cert,
		&(struct chain_question){.at = AUTHORITY_NOW + days * AUTHORITY_DAY, .extra = extra}, NULL, &err);
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

/* ---- what is remembered -------------------------------------------------------------- */

static void
add_known(struct known_chains *known, unsigned char number, X509 *issuer)
{
	unsigned char question[KNOWN_QUESTION_SIZE] = {number};
	STACK_OF(X509) *chain = sk_X509_new_null();

	sk_X509_push(chain, pki.leaf);
	sk_X509_push(chain, issuer);
	known_add(known, question, chain);
	sk_X509_free(chain);
}

static bool
is_known(struct known_chains *known, unsigned char number, X509 *issuer)
{
	unsigned char question[KNOWN_QUESTION_SIZE] = {number};
	STACK_OF(X509) *issuers;

	if (!known_find(known, question, AUTHORITY_NOW, &issuers))
		return false;
	ck_assert_int_eq(sk_X509_num(issuers), 1);
	ck_assert_int_eq(X509_cmp(sk_X509_value(issuers, 0), issuer), 0);
	sk_X509_pop_free(issuers, X509_free);
	return true;
}

/* Issuers are kept once each, however many chains they are of; too many, and all is forgotten. */
START_TEST(test_known_issuers)
{
	struct known_chains *known = known_new();
	X509 *issuer = NULL;

	add_known(known, 2, pki.root);
	for (int i = 0; i < 2 * KNOWN_ISSUERS_MAX; i++) {
		X509 *copy = X509_dup(pki.middle);

		add_known(known, 1, copy);
		X509_free(copy);
	}
	ck_assert(is_known(known, 1, pki.middle));
	ck_assert(is_known(known, 2, pki.root));
	ck_assert(!is_known(known, 3, pki.root));
	for (int i = 0; i < KNOWN_ISSUERS_MAX; i++) {
		X509_free(issuer);
		issuer = authority_issue(&(struct authority_wish){.name = "one of many", .ca = true});
		add_known(known, 3, issuer);
	}
	ck_assert(is_known(known, 3, issuer));
	ck_assert(!is_known(known, 2, pki.root));
	X509_free(issuer);
	known_free(known);
	known_free(NULL);
}
END_TEST

/* ---- what a question asks ------------------------------------------------------------ */

#define ANY_POLICY "2.5.29.32.0"

static enum answer
validate(const struct chain_store *store, X509 *x509, struct chain_question question, const char *code)
{
	struct error err = ERROR_NONE;
	STACK_OF(X509) *path;
	enum answer answer;
	struct cert *cert;

	ck_assert_int_eq(cert_from_x509(x509, &cert, NULL), ANSWER_YES);
	if (question.at == 0)
		question.at = AUTHORITY_NOW;
	answer = chain_validate(store, cert, &question, &path, &err);
	ck_assert_int_eq(path != NULL, answer == ANSWER_YES);
	if (answer != ANSWER_YES)
		ck_assert_msg(strcmp(err.code, code) == 0, "%s, not %s: %s", err.code, code, err.words);
	sk_X509_pop_free(path, X509_free);
	cert_unref(cert);
	return answer;
}

START_TEST(test_path)
{
	struct chain_store *store = store_of("root.pem", "middle.pem");
	struct chain_question question = {.at = AUTHORITY_NOW};
	X509 *want[] = {pki.leaf, pki.middle, pki.root};
	struct cert *cert;

	ck_assert_int_eq(cert_from_x509(pki.leaf, &cert, NULL), ANSWER_YES);
	for (int i = 0; i < 2; i++) { /* found, and remembered */
		STACK_OF(X509) *path;

		ck_assert_int_eq(chain_validate(store, cert, &question, &path, NULL), ANSWER_YES);
		ck_assert_int_eq(sk_X509_num(path), 3);
		for (int k = 0; k < 3; k++)
			ck_assert_int_eq(X509_cmp(sk_X509_value(path, k), want[k]), 0);
		sk_X509_pop_free(path, X509_free);
	}
	cert_unref(cert);
	ck_assert_int_eq(validate(store, pki.root, question, ""), ANSWER_YES);
	chain_store_free(store);
	store = store_of("middle.pem", NULL); /* an anchor is believed, whoever issued it */
	ck_assert_int_eq(validate(store, pki.middle, question, ""), ANSWER_YES);
	chain_store_free(store);
}
END_TEST

START_TEST(test_policies)
{
	struct chain_store *store = store_of("root.pem", NULL);
	STACK_OF(X509) *extra = sk_X509_new_null();
	X509 *middle = authority_issue(&(struct authority_wish){.name = "middle", .ca = true, .key = "P-384",
		.issuer = pki.root, .policies = ANY_POLICY});
	X509 *leaf = authority_issue(&(struct authority_wish){.name = "leaf", .issuer = middle, .issuer_key = "P-384",
		.policies = "1.2.3.4"});
	char *its_own[] = {(char *)"1.2.3.5", (char *)"1.2.3.4"}, *wrong[] = {(char *)"1.2.x"};
	char *many[CHAIN_POLICIES_MAX + 1];
	const struct {
		struct chain_question question;
		const char *code; /* NULL: YES */
	} rows[] = {
		{{.explicit_policy = true}, NULL},
		{{.policies = its_own, .policy_count = 2, .explicit_policy = true}, NULL},
		{{.policies = its_own, .policy_count = 1, .explicit_policy = true}, "untrusted"},
		{{.policies = its_own, .policy_count = 1}, NULL},
		{{.explicit_policy = true, .inhibit_any = true}, "untrusted"},
		{{.explicit_policy = true, .inhibit_mapping = true}, NULL},
		{{.inhibit_any = true}, NULL},
		{{.policies = wrong, .policy_count = 1}, "policy"},
		{{.policies = many, .policy_count = CHAIN_POLICIES_MAX}, NULL},
		{{.policies = many, .policy_count = CHAIN_POLICIES_MAX + 1}, "policy"},
	};
	const size_t count = sizeof rows / sizeof *rows;

	for (size_t i = 0; i <= CHAIN_POLICIES_MAX; i++)
		many[i] = its_own[1];
	sk_X509_push(extra, middle);
	for (size_t i = 0; i < 2 * count; i++) { /* what one's answer was is not another's */
		struct chain_question question = rows[i % count].question;
		const char *code = rows[i % count].code;

		question.extra = extra;
		ck_assert_msg(validate(store, leaf, question, code) == (code == NULL ? ANSWER_YES : ANSWER_NO), "%zu", i);
	}
	sk_X509_free(extra);
	X509_free(middle);
	X509_free(leaf);
	chain_store_free(store);
}
END_TEST

/* Two certificates of one authority's name and key, of which one does not permit the leaf:
 * whichever comes first, the other is found. */
START_TEST(test_another_path)
{
	struct chain_store *store = store_of("root.pem", NULL);
	X509 *top = authority_issue(&(struct authority_wish){.name = "top", .ca = true, .key = "P-521",
		.issuer = pki.root});
	X509 *leaf = authority_issue(&(struct authority_wish){.name = "leaf", .issuer = pki.middle, .issuer_key = "P-384",
		.alternative = "email:a@b.cz"});
	struct authority_wish wishes[] = {
		{.subtrees = "critical,permitted;email:c.cz"},
		{.subtrees = "critical,excluded;email:a@b.cz"},
		{.end = -AUTHORITY_DAY, .begin = -9 * AUTHORITY_DAY},
		{.digest = "SHA1"},
		{.basic = "critical,CA:FALSE"},
		{.usage = "critical,digitalSignature"},
		{.issuer = top, .issuer_key = "P-521", .key = "P-384"},
	};
	struct authority_wish narrow = {.name = "top", .ca = true, .key = "P-521", .issuer = pki.root,
		.basic = "critical,CA:TRUE,pathlen:0"};
	X509 *narrow_top = authority_issue(&narrow);

	for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
		STACK_OF(X509) *extra = sk_X509_new_null();
		X509 *bad;

		wishes[i].name = "middle";
		wishes[i].key = "P-384";
		wishes[i].ca = true;
		if (wishes[i].issuer == NULL)
			wishes[i].issuer = pki.root;
		bad = authority_issue(&wishes[i]);
		sk_X509_push(extra, narrow_top);
		sk_X509_push(extra, bad);
		ck_assert_msg(validate(store, leaf, (struct chain_question){.extra = extra}, "untrusted") == ANSWER_NO, "%zu", i);
		sk_X509_push(extra, pki.middle);
		ck_assert_msg(validate(store, leaf, (struct chain_question){.extra = extra}, "") == ANSWER_YES, "%zu", i);
		sk_X509_free(extra);
		X509_free(bad);
	}
	X509_free(narrow_top);
	X509_free(top);
	X509_free(leaf);
	chain_store_free(store);
}
END_TEST

/* An authority for addresses of one domain, wherever a certificate has them (RFC 9598 6). */
START_TEST(test_address_constraints)
{
	struct chain_store *store = store_of("root.pem", NULL);
	STACK_OF(X509) *extra = sk_X509_new_null();
	X509 *middle = authority_issue(&(struct authority_wish){.name = "middle", .ca = true, .key = "P-384",
		.issuer = pki.root, .subtrees = "critical,permitted;email:b.cz,excluded;email:c@b.cz"});
	const struct {
		const char *alternative;
		const char *dn_address;
		enum answer answer;
	} rows[] = {
		{NULL, NULL, ANSWER_YES},
		{"email:a@b.cz", NULL, ANSWER_YES},
		{"email:a@B.CZ", NULL, ANSWER_YES},
		{"email:c@b.cz", NULL, ANSWER_NO},
		{"email:a@d.cz", NULL, ANSWER_NO},
		{"email:a@x.b.cz", NULL, ANSWER_NO},
		{"email:a@b.cz,email:a@d.cz", NULL, ANSWER_NO},
		{NULL, "a@b.cz", ANSWER_YES},
		{NULL, "a@d.cz", ANSWER_NO},
		{"email:a@b.cz", "a@d.cz", ANSWER_NO},
		{"otherName:1.3.6.1.5.5.7.8.9;UTF8:a@b.cz", NULL, ANSWER_YES},
		{"otherName:1.3.6.1.5.5.7.8.9;UTF8:a@d.cz", NULL, ANSWER_NO},
	};

	sk_X509_push(extra, middle);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		X509 *leaf = authority_issue(&(struct authority_wish){.name = "leaf", .issuer = middle, .issuer_key = "P-384",
			.alternative = rows[i].alternative, .dn_address = rows[i].dn_address});

		ck_assert_msg(validate(store, leaf, (struct chain_question){.extra = extra}, "untrusted") == rows[i].answer,
			"%zu", i);
		X509_free(leaf);
	}
	sk_X509_free(extra);
	X509_free(middle);
	chain_store_free(store);
}
END_TEST

static void
assert_reason(const struct chain_store *store, X509 *leaf, STACK_OF(X509) *extra, const char *words)
{
	struct error err = ERROR_NONE;
	struct cert *cert;

	ck_assert_int_eq(cert_from_x509(leaf, &cert, NULL), ANSWER_YES);
	ck_assert_int_eq(chain_validate(store, cert, &(struct chain_question){.at = AUTHORITY_NOW, .extra = extra}, NULL,
		&err), ANSWER_NO);
	ck_assert_msg(strstr(err.words, words) != NULL, "%s: %s", words, err.words);
	cert_unref(cert);
}

/* Of several paths the one is told of that comes nearest. */
START_TEST(test_reasons)
{
	struct chain_store *store = store_of("root.pem", NULL);
	STACK_OF(X509) *extra = sk_X509_new_null();
	X509 *false_middle = authority_issue(&(struct authority_wish){.name = "middle", .ca = true, .key = "P-521",
		.issuer = pki.root});
	X509 *old = authority_issue(&(struct authority_wish){.name = "middle", .ca = true, .key = "P-384",
		.issuer = pki.root, .begin = -9 * AUTHORITY_DAY, .end = -AUTHORITY_DAY});
	X509 *no_issuer = authority_issue(&(struct authority_wish){.name = "middle", .ca = true, .key = "P-384",
		.issuer = pki.root, .usage = "critical,digitalSignature"});
	X509 *self = authority_issue(&(struct authority_wish){.name = "self"});

	assert_reason(store, self, NULL, "self-signed certificate (depth 0)");
	assert_reason(store, pki.leaf, NULL, "unable to get local issuer certificate (depth 0)");
	sk_X509_push(extra, no_issuer);
	assert_reason(store, pki.leaf, extra, "invalid CA certificate (depth 1)");
	sk_X509_set(extra, 0, false_middle);
	assert_reason(store, pki.leaf, extra, "certificate signature failure (depth 0)");
	sk_X509_push(extra, old);
	assert_reason(store, pki.leaf, extra, "certificate has expired (depth 1)");
	sk_X509_set(extra, 0, old);
	sk_X509_set(extra, 1, false_middle);
	sk_X509_push(extra, no_issuer);
	assert_reason(store, pki.leaf, extra, "certificate has expired (depth 1)");
	sk_X509_free(extra);
	X509_free(false_middle);
	X509_free(old);
	X509_free(no_issuer);
	X509_free(self);
	chain_store_free(store);
}
END_TEST

/* What a message brings along is gone through up to a limit, and never in front of what is
 * configured. */
START_TEST(test_many_paths)
{
	struct chain_store *plain = store_of("root.pem", NULL), *helped = store_of("root.pem", "middle.pem");
	STACK_OF(X509) *extra = sk_X509_new_null();

	for (int i = 0; i < 40; i++)
		sk_X509_push(extra, authority_issue(&(struct authority_wish){.name = "middle", .ca = true, .key = "P-521",
			.issuer = pki.root}));
	ck_assert_int_eq(validate(helped, pki.leaf, (struct chain_question){.extra = extra}, ""), ANSWER_YES);
	sk_X509_push(extra, pki.middle);
	X509_up_ref(pki.middle);
	ck_assert_int_eq(validate(plain, pki.leaf, (struct chain_question){.extra = extra}, "untrusted"), ANSWER_NO);
	for (int i = 0; i < 20; i++)
		X509_free(sk_X509_shift(extra));
	ck_assert_int_eq(validate(plain, pki.leaf, (struct chain_question){.extra = extra}, ""), ANSWER_YES);
	for (int i = 0; i < 40; i++) { /* one that comes again is none more */
		sk_X509_unshift(extra, sk_X509_value(extra, 0));
		X509_up_ref(sk_X509_value(extra, 0));
	}
	ck_assert_int_eq(validate(plain, pki.leaf, (struct chain_question){.extra = extra}, ""), ANSWER_YES);
	sk_X509_pop_free(extra, X509_free);
	chain_store_free(plain);
	chain_store_free(helped);
}
END_TEST

/* A helper's key that would take long is not even tried (RFC 8551 6). */
START_TEST(test_long_key)
{
	struct chain_store *store = store_of("root.pem", NULL);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_new(), *e = BN_new();
	STACK_OF(X509) *extra = sk_X509_new_null();
	X509 *middle = X509_dup(pki.middle);
	X509 *leaf = authority_issue(&(struct authority_wish){.name = "x", .issuer = pki.middle, .issuer_key = "RSA:2048"});
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params;

	BN_set_bit(n, CERT_RSA_BITS_MAX);
	BN_set_bit(n, 0);
	BN_set_word(e, 65537);
	OSSL_PARAM_BLD_push_BN(build, "n", n);
	OSSL_PARAM_BLD_push_BN(build, "e", e);
	params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_fromdata_init(ctx);
	ck_assert_int_eq(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	X509_set_pubkey(middle, key);
	sk_X509_push(extra, middle);
	assert_reason(store, leaf, extra, "unable to get local issuer certificate (depth 0)");
	X509_free(leaf);
	sk_X509_pop_free(extra, X509_free);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	BN_free(n);
	BN_free(e);
	chain_store_free(store);
}
END_TEST

/* ---- revoked? ------------------------------------------------------------------------ */

struct status_book {
	X509 *bad;
	enum answer answer; /* for paths with bad */
	X509 *unknown;      /* for a path with it nobody can tell */
	int asked;
};

static enum answer
look_up(void *arg, const STACK_OF(X509) *path, time_t at, struct error *err)
{
	struct status_book *book = arg;

	book->asked++;
	ck_assert_int_eq(at, AUTHORITY_NOW);
	ck_assert_int_eq(X509_cmp(sk_X509_value(path, sk_X509_num(path) - 1), pki.root), 0);
	for (int i = 0; i < sk_X509_num(path); i++)
		if (book->unknown != NULL && X509_cmp(sk_X509_value(path, i), book->unknown) == 0)
			return error_cant_tell(err, "book-unknown", "nobody answers");
		else if (book->bad != NULL && X509_cmp(sk_X509_value(path, i), book->bad) == 0)
			return book->answer == ANSWER_NO ? error_no(err, "book-no", "revoked") :
				error_cant_tell(err, "book-unknown", "nobody answers");
	return ANSWER_YES;
}

START_TEST(test_status)
{
	struct chain_store *store = store_of("root.pem", "middle.pem");
	struct status_book book = {.bad = NULL};
	struct chain_question question = {.status = look_up, .status_arg = &book};
	X509 *stranger = authority_issue(&(struct authority_wish){.name = "x", .issuer = pki.middle});

	ck_assert_int_eq(validate(store, stranger, question, "untrusted"), ANSWER_NO);
	ck_assert_int_eq(book.asked, 0); /* not for what no anchor vouches for */
	ck_assert_int_eq(validate(store, pki.leaf, question, ""), ANSWER_YES);
	ck_assert_int_eq(validate(store, pki.leaf, question, ""), ANSWER_YES);
	ck_assert_int_eq(book.asked, 2); /* a remembered path is asked for too */
	book = (struct status_book){.bad = pki.middle, .answer = ANSWER_CANT_TELL};
	ck_assert_int_eq(validate(store, pki.leaf, question, "book-unknown"), ANSWER_CANT_TELL);
	book.answer = ANSWER_NO;
	ck_assert_int_eq(validate(store, pki.leaf, question, "book-no"), ANSWER_NO);
	ck_assert_int_eq(book.asked, 2); /* each once */
	ck_assert_int_eq(validate(store, pki.leaf, (struct chain_question){.at = 0}, ""), ANSWER_YES);
	X509_free(stranger);
	chain_store_free(store);
}
END_TEST

/* One authority's certificate is revoked, another of it is not. */
START_TEST(test_status_of_another_path)
{
	struct chain_store *store = store_of("root.pem", "middle.pem");
	struct status_book book = {.bad = pki.middle, .answer = ANSWER_NO};
	struct chain_question question = {.status = look_up, .status_arg = &book, .extra = sk_X509_new_null()};
	X509 *other = authority_issue(&(struct authority_wish){.name = "middle", .ca = true, .key = "P-384",
		.issuer = pki.root});

	sk_X509_push(question.extra, other);
	ck_assert_int_eq(validate(store, pki.leaf, question, ""), ANSWER_YES);
	ck_assert_int_eq(book.asked, 2);
	book.bad = other; /* which is the remembered one */
	ck_assert_int_eq(validate(store, pki.leaf, question, ""), ANSWER_YES);
	ck_assert_int_eq(book.asked, 4);
	book.bad = pki.leaf;
	ck_assert_int_eq(validate(store, pki.leaf, question, "book-no"), ANSWER_NO);
	book = (struct status_book){.bad = pki.middle, .answer = ANSWER_NO, .unknown = other};
	ck_assert_int_eq(validate(store, pki.leaf, question, "book-unknown"), ANSWER_CANT_TELL);
	book = (struct status_book){.bad = other, .answer = ANSWER_NO, .unknown = pki.middle};
	ck_assert_int_eq(validate(store, pki.leaf, question, "book-unknown"), ANSWER_CANT_TELL);
	sk_X509_free(question.extra);
	X509_free(other);
	chain_store_free(store);
}
END_TEST

/* That the certificate is revoked says more than why another path leads nowhere, whichever is tried first. */
START_TEST(test_status_beside_a_bad_path)
{
	struct chain_store *store = store_of("root.pem", NULL);
	struct status_book book = {.bad = pki.leaf, .answer = ANSWER_NO};
	struct chain_question question = {.status = look_up, .status_arg = &book};
	X509 *old = authority_issue(&(struct authority_wish){.name = "middle", .ca = true, .key = "P-384",
		.issuer = pki.root, .begin = -20 * AUTHORITY_DAY, .end = -AUTHORITY_DAY});

	for (int i = 0; i < 2; i++) {
		question.extra = sk_X509_new_null();
		sk_X509_push(question.extra, i == 0 ? old : pki.middle);
		sk_X509_push(question.extra, i == 0 ? pki.middle : old);
		ck_assert_int_eq(validate(store, pki.leaf, question, "book-no"), ANSWER_NO);
		sk_X509_free(question.extra);
	}
	X509_free(old);
	chain_store_free(store);
}
END_TEST

/* OpenSSL knows of a list's extensions only once it has read it. */
static X509_CRL *
read_again(X509_CRL *crl)
{
	unsigned char *der = NULL;
	int len = i2d_X509_CRL(crl, &der);
	const unsigned char *at = der;
	X509_CRL *again = d2i_X509_CRL(NULL, &at, len);

	ck_assert_ptr_nonnull(again);
	OPENSSL_free(der);
	X509_CRL_free(crl);
	return again;
}

/* revoked NULL: an empty list. */
static X509_CRL *
issue_list(X509 *issuer, const char *key, X509 *revoked, long end)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *begin_time = ASN1_TIME_set(NULL, AUTHORITY_NOW - AUTHORITY_DAY);
	ASN1_TIME *end_time = ASN1_TIME_set(NULL, AUTHORITY_NOW + end);

	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer));
	X509_CRL_set1_lastUpdate(crl, begin_time);
	X509_CRL_set1_nextUpdate(crl, end_time);
	if (revoked != NULL) {
		X509_REVOKED *entry = X509_REVOKED_new();

		X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked));
		X509_REVOKED_set_revocationDate(entry, begin_time);
		X509_CRL_add0_revoked(crl, entry);
	}
	if (X509_get0_subject_key_id(issuer) != NULL) {
		AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();

		id->keyid = ASN1_OCTET_STRING_dup(X509_get0_subject_key_id(issuer));
		X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, id, 0, 0);
		AUTHORITY_KEYID_free(id);
	}
	ck_assert_int_gt(X509_CRL_sign(crl, authority_key(key), EVP_sha256()), 0);
	ASN1_TIME_free(begin_time);
	ASN1_TIME_free(end_time);
	return read_again(crl);
}

START_TEST(test_lists)
{
	struct chain_store *store = store_of("root.pem", "middle.pem");
	X509_CRL *of_root = issue_list(pki.root, "P-256", NULL, AUTHORITY_DAY);
	X509 *stranger = authority_issue(&(struct authority_wish){.name = "x", .issuer = pki.middle});
	const struct {
		X509_CRL *crl;
		enum answer answer;
		const char *code;
	} rows[] = {
		{issue_list(pki.middle, "P-384", NULL, AUTHORITY_DAY), ANSWER_YES, ""},
		{issue_list(pki.middle, "P-384", pki.leaf, AUTHORITY_DAY), ANSWER_NO, "revoked"},
		{issue_list(pki.middle, "P-384", NULL, -1), ANSWER_CANT_TELL, "status-unknown"},            /* old */
		{issue_list(pki.middle, "P-521", NULL, AUTHORITY_DAY), ANSWER_CANT_TELL, "status-unknown"}, /* forged */
		{issue_list(pki.leaf, "P-256", NULL, AUTHORITY_DAY), ANSWER_CANT_TELL, "status-unknown"},   /* another's */
		{issue_list(pki.root, "P-256", pki.middle, AUTHORITY_DAY), ANSWER_CANT_TELL, "status-unknown"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct chain_question question = {.crls = sk_X509_CRL_new_null()};

		ck_assert_int_eq(validate(store, pki.leaf, (struct chain_question){.at = 0}, ""), ANSWER_YES);
		sk_X509_CRL_push(question.crls, of_root);
		sk_X509_CRL_push(question.crls, rows[i].crl);
		ck_assert_msg(validate(store, pki.leaf, question, rows[i].code) == rows[i].answer, "%zu", i);
		ck_assert_int_eq(validate(store, stranger, question, "untrusted"), ANSWER_NO);
		sk_X509_CRL_free(question.crls);
		X509_CRL_free(rows[i].crl);
	}
	X509_CRL_free(of_root);
	X509_free(stranger);
	chain_store_free(store);
}
END_TEST

/* Whatever lists say of it, or do not. */
START_TEST(test_no_status_of_anchor)
{
	struct chain_store *store = store_of("middle.pem", NULL);
	X509_CRL *by_anchor = issue_list(pki.middle, "P-384", NULL, AUTHORITY_DAY);
	X509_CRL *of_root = issue_list(pki.root, "P-256", pki.middle, AUTHORITY_DAY);
	struct chain_question question = {.crls = sk_X509_CRL_new_null()};

	ck_assert_int_eq(validate(store, pki.leaf, question, "status-unknown"), ANSWER_CANT_TELL);
	sk_X509_CRL_push(question.crls, by_anchor);
	ck_assert_int_eq(validate(store, pki.leaf, question, ""), ANSWER_YES);
	sk_X509_CRL_push(question.crls, of_root);
	ck_assert_int_eq(validate(store, pki.leaf, question, ""), ANSWER_YES);
	sk_X509_CRL_free(question.crls);
	X509_CRL_free(by_anchor);
	X509_CRL_free(of_root);
	chain_store_free(store);
}
END_TEST

/* An authority may have its lists signed with a key of their own, whose own status is on them
 * (RFC 5280 6.3.3 f); but not on that of yet another such key. */
START_TEST(test_list_keys)
{
	struct chain_store *store = store_of("root.pem", "middle.pem");
	X509 *root_lists = authority_issue(&(struct authority_wish){.name = "root", .ca = true, .key = "P-521",
		.issuer = pki.root, .names_issuer_key = true});
	X509 *middle_lists = authority_issue(&(struct authority_wish){.name = "middle", .ca = true, .key = "RSA:2048",
		.issuer = pki.root});
	X509 *stranger = authority_issue(&(struct authority_wish){.name = "middle", .ca = true, .key = "P-521"});
	X509_CRL *by_stranger = issue_list(stranger, "P-521", NULL, AUTHORITY_DAY);
	X509_CRL *of_root = issue_list(root_lists, "P-521", NULL, AUTHORITY_DAY);
	X509_CRL *by_itself = issue_list(pki.middle, "P-384", NULL, AUTHORITY_DAY);
	X509_CRL *by_another = issue_list(middle_lists, "RSA:2048", NULL, AUTHORITY_DAY);
	struct chain_question question = {.crls = sk_X509_CRL_new_null(), .extra = sk_X509_new_null()};

	sk_X509_push(question.extra, root_lists);
	sk_X509_push(question.extra, middle_lists);
	sk_X509_push(question.extra, stranger);
	sk_X509_CRL_push(question.crls, of_root);
	sk_X509_CRL_push(question.crls, by_itself);
	ck_assert_int_eq(validate(store, pki.leaf, question, ""), ANSWER_YES);
	sk_X509_CRL_set(question.crls, 1, by_another);
	ck_assert_int_eq(validate(store, pki.leaf, question, "status-unknown"), ANSWER_CANT_TELL);
	sk_X509_CRL_set(question.crls, 1, by_stranger);
	ck_assert_int_eq(validate(store, pki.leaf, question, "status-unknown"), ANSWER_CANT_TELL);
	sk_X509_CRL_free(question.crls);
	sk_X509_free(question.extra);
	X509_CRL_free(of_root);
	X509_CRL_free(by_itself);
	X509_CRL_free(by_another);
	X509_CRL_free(by_stranger);
	X509_free(stranger);
	X509_free(root_lists);
	X509_free(middle_lists);
	chain_store_free(store);
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
	tcase_add_test(t, test_known_issuers);
	tcase_add_test(t, test_path);
	tcase_add_test(t, test_policies);
	tcase_add_test(t, test_another_path);
	tcase_add_test(t, test_address_constraints);
	tcase_add_test(t, test_reasons);
	tcase_add_test(t, test_many_paths);
	tcase_add_test(t, test_long_key);
	tcase_add_test(t, test_status);
	tcase_add_test(t, test_status_of_another_path);
	tcase_add_test(t, test_status_beside_a_bad_path);
	tcase_add_test(t, test_lists);
	tcase_add_test(t, test_no_status_of_anchor);
	tcase_add_test(t, test_list_keys);
	suite_add_tcase(s, t);
	status = unit_run(s);
	free_pki();
	return status;
}
