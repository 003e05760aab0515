#include "unit.h"

#include "gateway/verdict.h"

#include <string.h>

/* ---- signers ------------------------------------------------------------------ */

#define SIGNER(its_intact, its_trust, its_address, ...) { \
	.intact = VERDICT_##its_intact, .trust = VERDICT_##its_trust, .address = VERDICT_##its_address, \
	.may_sign = true, __VA_ARGS__}

static const struct verdict_signer
	good = SIGNER(INTACT, TRUSTED, MATCH, .weak = false),
	bound = SIGNER(INTACT, TRUSTED, BOUND, .weak = false),
	broken = SIGNER(BROKEN, TRUSTED, MATCH, .weak = false),
	nobody = SIGNER(NO_CERTIFICATE, TRUSTED, MATCH, .weak = false),
	unsupported = SIGNER(UNSUPPORTED, TRUSTED, MATCH, .weak = false),
	weak = SIGNER(INTACT, TRUSTED, MATCH, .weak = true),
	wrong_usage = {.trust = VERDICT_TRUSTED, .address = VERDICT_MATCH},
	untrusted = SIGNER(INTACT, UNTRUSTED, MATCH, .weak = false),
	revoked = SIGNER(INTACT, UNTRUSTED, MATCH, .revoked = true),
	trust_unknown = SIGNER(INTACT, TRUST_UNKNOWN, MATCH, .weak = false),
	other_time = SIGNER(INTACT, TRUSTED, MATCH, .other_time = true),
	absent = SIGNER(INTACT, TRUSTED, ABSENT, .weak = false),
	absent_accepted = SIGNER(INTACT, TRUSTED, ABSENT, .absent_accepted = true),
	absent_untrusted = SIGNER(INTACT, UNTRUSTED, ABSENT, .absent_accepted = true),
	mismatch = SIGNER(INTACT, TRUSTED, MISMATCH, .weak = false),
	mismatch_accepted = SIGNER(INTACT, TRUSTED, MISMATCH, .absent_accepted = true, .sender_accepted = true),
	sender = SIGNER(INTACT, TRUSTED, SENDER, .weak = false),
	sender_accepted = SIGNER(INTACT, TRUSTED, SENDER, .sender_accepted = true),
	asked_in_vain = SIGNER(INTACT, TRUSTED, ADDRESS_UNKNOWN, .weak = false),
	asked_in_vain_weak = SIGNER(INTACT, TRUSTED, ADDRESS_UNKNOWN, .weak = true),
	nothing_known = SIGNER(INTACT, TRUST_UNKNOWN, ADDRESS_UNKNOWN, .weak = false),
	unknown_and_mismatch = SIGNER(INTACT, TRUST_UNKNOWN, MISMATCH, .weak = false),
	broken_and_unknown = SIGNER(BROKEN, TRUSTED, ADDRESS_UNKNOWN, .weak = false);

/* ---- messages ----------------------------------------------------------------- */

#define LAYERS_MAX 5
#define SIGNERS_MAX 3

struct test_layer {
	char kind; /* 's' signed, 'e' EnvelopedData, 'a' AuthEnvelopedData, 'z' compressed, 'c' certs-only */
	const struct verdict_signer *signers[SIGNERS_MAX];
	const char *unreadable;
	bool tried, opened;
	bool noisy; /* what is not printable stands around what is signed */
};

#define SIGNED(...) {.kind = 's', .signers = {__VA_ARGS__}}
#define NOISY(...) {.kind = 's', .signers = {__VA_ARGS__}, .noisy = true}
#define UNREADABLE(why) {.kind = 's', .unreadable = (why)}
#define CBC_OPENED {.kind = 'e', .tried = true, .opened = true}
#define CBC_FAILED {.kind = 'e', .tried = true}
#define CBC_CLOSED {.kind = 'e'}
#define GCM_OPENED {.kind = 'a', .tried = true, .opened = true}
#define GCM_FAILED {.kind = 'a', .tried = true}
#define GCM_CLOSED {.kind = 'a'}
#define COMPRESSED {.kind = 'z', .opened = true}
#define NOISY_COMPRESSED {.kind = 'z', .opened = true, .noisy = true}
#define CERTIFICATES {.kind = 'c'}

/* What is so of the message besides. */
enum {
	FROMS = 1,      /* From is not exactly one address */
	PARTLY = 2,     /* a part of it is signed */
	CLAIMS = 4,     /* it claims to be what cannot be read: CLAIM */
	WEAK_OK = 8,
	OUTSIDE_OK = 16,
	ONCE = 32,      /* signed-twice = policy */
};

/* What is said besides. */
enum {
	BAD = 1,
	SHUT = 2,      /* undecryptable */
	UNPROVEN = 4,  /* unauthenticated */
	SOFT = 8,      /* malleable */
	UNKNOWN = 16,
};

#define CLAIM "no CMS value that can be read"
#define NOT_SPOKEN_OF (-1)

struct row {
	const char *words;
	struct test_layer layers[LAYERS_MAX];
	unsigned is;
	const char *result, *reason; /* a part of it; NULL: there is none */
	int layer, signer;
	unsigned said;
};

static const struct row one_signer[] = {
	{"of another time", {SIGNED(&other_time)}, 0, "policy", "another time", 0, 0, 0},
	{"plain mail", {{0}}, 0, "none", NULL, NOT_SPOKEN_OF, NOT_SPOKEN_OF, 0},
	{"a part signed", {{0}}, PARTLY, "none", "a part", NOT_SPOKEN_OF, NOT_SPOKEN_OF, 0},
	{"what says so only", {{0}}, CLAIMS, "neutral", CLAIM, NOT_SPOKEN_OF, NOT_SPOKEN_OF, 0},
	{"what says so only, beside a signed part", {{0}}, CLAIMS | PARTLY, "neutral", CLAIM, NOT_SPOKEN_OF, NOT_SPOKEN_OF, 0},
	{"certificates only", {CERTIFICATES}, 0, "none", NULL, NOT_SPOKEN_OF, NOT_SPOKEN_OF, 0},
	{"good", {SIGNED(&good)}, 0, "pass", NULL, 0, 0, 0},
	{"good though a part is signed too", {SIGNED(&good)}, PARTLY, "pass", NULL, 0, 0, 0},
	{"listed by a directory", {SIGNED(&bound)}, 0, "pass", NULL, 0, 0, 0},
	{"broken", {SIGNED(&broken)}, 0, "fail", "the signature is not intact", 0, 0, BAD},
	{"no certificate", {SIGNED(&nobody)}, 0, "permerror", "certificate is not in the message", 0, 0, 0},
	{"unsupported", {SIGNED(&unsupported)}, 0, "neutral", "not supported", 0, 0, 0},
	{"weak", {SIGNED(&weak)}, 0, "policy", "too weak", 0, 0, 0},
	{"weak, accepted", {SIGNED(&weak)}, WEAK_OK, "pass", NULL, 0, 0, 0},
	{"broken, and weak accepted", {SIGNED(&broken)}, WEAK_OK | OUTSIDE_OK, "fail", "not intact", 0, 0, BAD},
	{"key usage", {SIGNED(&wrong_usage)}, 0, "policy", "key usage", 0, 0, 0},
	{"untrusted", {SIGNED(&untrusted)}, 0, "policy", "not trusted", 0, 0, 0},
	{"revoked", {SIGNED(&revoked)}, 0, "policy", "has been revoked", 0, 0, 0},
	{"revoked, all else accepted", {SIGNED(&revoked)}, WEAK_OK | OUTSIDE_OK, "policy", "has been revoked", 0, 0, 0},
	{"several From", {SIGNED(&good)}, FROMS, "policy", "From is not exactly one", 0, 0, 0},
	{"several From, all else accepted", {SIGNED(&sender_accepted)}, FROMS | WEAK_OK | OUTSIDE_OK, "policy", "From is not",
		0, 0, 0},
	{"no address", {SIGNED(&absent)}, 0, "policy", "no address", 0, 0, 0},
	{"no address, accepted", {SIGNED(&absent_accepted)}, 0, "pass", NULL, 0, 0, 0},
	{"no address, accepted, untrusted", {SIGNED(&absent_untrusted)}, 0, "policy", "not trusted", 0, 0, 0},
	{"another's", {SIGNED(&mismatch)}, 0, "policy", "not From's", 0, 0, 0},
	{"another's, whatever is accepted", {SIGNED(&mismatch_accepted)}, 0, "policy", "not From's", 0, 0, 0},
	{"Sender's", {SIGNED(&sender)}, 0, "policy", "signed by Sender, not From", 0, 0, 0},
	{"Sender's, accepted", {SIGNED(&sender_accepted)}, 0, "pass", NULL, 0, 0, 0},
	{"unreadable signature", {UNREADABLE("more than 20 signers")}, 0, "neutral", "more than 20 signers", 0, NOT_SPOKEN_OF, 0},
	{"no signature in it", {SIGNED(NULL)}, 0, "neutral", "cannot be read", 0, NOT_SPOKEN_OF, 0},
	/* what cannot be told now */
	{"directory away", {SIGNED(&asked_in_vain)}, 0, "temperror", "directory cannot be asked", 0, 0, UNKNOWN},
	{"status unknown", {SIGNED(&trust_unknown)}, 0, "temperror", "cannot be told now whether the certificate has been revoked",
		0, 0, UNKNOWN},
	{"both unknown", {SIGNED(&nothing_known)}, 0, "temperror", "cannot be told now whether the certificate has been revoked",
		0, 0, UNKNOWN},
	{"no use in asking: weak", {SIGNED(&asked_in_vain_weak)}, 0, "policy", "too weak", 0, 0, 0},
	{"no use in asking: several From", {SIGNED(&nothing_known)}, FROMS, "policy", "From is not", 0, 0, 0},
	{"no use in asking: another's", {SIGNED(&unknown_and_mismatch)}, 0, "policy", "not From's", 0, 0, 0},
	{"no use in asking: broken", {SIGNED(&broken_and_unknown)}, 0, "fail", "not intact", 0, 0, BAD},
};

static const struct row several_signers[] = {
	{"two good", {SIGNED(&good, &good)}, 0, "pass", NULL, 0, 0, 0},
	{"a stranger beside", {SIGNED(&untrusted, &good)}, 0, "pass", NULL, 0, 1, 0},
	{"a weak one beside", {SIGNED(&weak, &good)}, 0, "pass", NULL, 0, 1, 0},
	{"another's beside", {SIGNED(&good, &mismatch)}, 0, "pass", NULL, 0, 0, 0},
	{"a broken one behind", {SIGNED(&good, &broken)}, 0, "fail", "one of several", 0, 1, BAD},
	{"a broken one before", {SIGNED(&broken, &good)}, 0, "fail", "one of several", 0, 0, BAD},
	{"one without certificate", {SIGNED(&good, &nobody)}, 0, "permerror", "not in the message", 0, 1, 0},
	{"one unsupported", {SIGNED(&unsupported, &good)}, 0, "neutral", "not supported", 0, 0, 0},
	{"the worst of three", {SIGNED(&unsupported, &broken, &nobody)}, 0, "fail", "one of several", 0, 1, BAD},
	{"trust of the one, address of the other", {SIGNED(&untrusted, &mismatch)}, 0, "policy", "not trusted", 0, 0, 0},
	{"strength of the one, trust of the other", {SIGNED(&weak, &untrusted)}, 0, "policy", "too weak", 0, 0, 0},
	{"one that may pass yet", {SIGNED(&mismatch, &asked_in_vain)}, 0, "temperror", "directory", 0, 1, UNKNOWN},
	{"one that passes, whoever is away", {SIGNED(&asked_in_vain, &good)}, 0, "pass", NULL, 0, 1, 0},
	{"one broken, whoever is away", {SIGNED(&asked_in_vain, &broken)}, 0, "fail", "one of several", 0, 1, BAD},
};

static const struct row nested[] = {
	{"twice is once too many", {SIGNED(&good), SIGNED(&good)}, ONCE, "policy", "signed again", 0, 0, 0},
	{"twice, another's inside", {SIGNED(&good), SIGNED(&mismatch)}, ONCE, "policy", "signed again", 0, 0, 0},
	{"twice, compressed between", {SIGNED(&good), COMPRESSED, SIGNED(&good)}, ONCE, "policy", "signed again", 0, 0, 0},
	{"twice in an envelope", {GCM_OPENED, SIGNED(&good), SIGNED(&good)}, ONCE, "policy", "signed again", 1, 0, 0},
	{"an envelope between", {SIGNED(&good), GCM_OPENED, SIGNED(&good)}, ONCE, "pass", NULL, 2, 0, 0},
	{"twice, directory away", {SIGNED(&good), SIGNED(&asked_in_vain)}, ONCE, "policy", "signed again", 0, 0, 0},
	{"twice outside, directory away", {SIGNED(&asked_in_vain), SIGNED(&good), CBC_OPENED}, ONCE, "policy", "signed again",
		0, 0, SOFT | UNPROVEN},
	{"twice outside, directory away, closed", {SIGNED(&asked_in_vain), SIGNED(&good), CBC_FAILED}, ONCE, "policy",
		"signed again", 0, 0, SOFT | SHUT},
	{"twice, one broken", {SIGNED(&good), SIGNED(&broken)}, ONCE, "fail", "not intact", 1, 0, BAD},
	{"two layers, both good", {SIGNED(&good), SIGNED(&good)}, 0, "pass", NULL, 1, 0, 0},
	{"broken outside", {SIGNED(&broken), SIGNED(&good)}, 0, "pass", NULL, 1, 0, 0},
	{"broken inside", {SIGNED(&good), SIGNED(&broken)}, 0, "pass", NULL, 0, 0, 0},
	{"broken within", {SIGNED(&good), SIGNED(&broken), SIGNED(&mismatch)}, 0, "pass", NULL, 0, 0, 0},
	{"no pass, worst inside", {SIGNED(&untrusted), SIGNED(&broken)}, 0, "fail", "not intact", 1, 0, BAD},
	{"no pass, worst outside", {SIGNED(&nobody), SIGNED(&unsupported)}, 0, "permerror", "not in", 0, 0, 0},
	{"no pass, equals", {SIGNED(&untrusted), SIGNED(&mismatch)}, 0, "policy", "not trusted", 0, 0, 0},
	{"forwarded: another's inside", {SIGNED(&good), SIGNED(&mismatch)}, 0, "pass", NULL, 0, 0, 0},
	{"unreadable inside", {SIGNED(&mismatch), UNREADABLE(NULL)}, 0, "neutral", "cannot be read", 1, NOT_SPOKEN_OF, 0},
	{"unreadable inside, good outside", {SIGNED(&good), UNREADABLE(NULL)}, CLAIMS, "pass", NULL, 0, 0, 0},
	{"may pass yet, broken inside", {SIGNED(&asked_in_vain), SIGNED(&broken)}, 0, "temperror", "directory", 0, 0, UNKNOWN},
	{"may pass yet, broken outside", {SIGNED(&broken), SIGNED(&asked_in_vain)}, 0, "temperror", "directory", 1, 0, UNKNOWN},
	{"two may pass yet", {SIGNED(&trust_unknown), SIGNED(&asked_in_vain)}, 0, "temperror", "has been revoked", 0, 0, UNKNOWN},
	{"passes outside, may pass inside", {SIGNED(&good), SIGNED(&asked_in_vain)}, 0, "pass", NULL, 0, 0, 0},
	{"compressed in it", {SIGNED(&good), COMPRESSED}, 0, "pass", NULL, 0, 0, 0},
	{"compressed around it", {COMPRESSED, SIGNED(&good)}, 0, "pass", NULL, 1, 0, 0},
	{"certificates in it", {SIGNED(&good), CERTIFICATES}, 0, "pass", NULL, 0, 0, 0},
};

static const struct row enveloped[] = {
	/* CBC: a signature inside shows that nothing was altered. */
	{"CBC", {CBC_OPENED}, 0, "none", NULL, NOT_SPOKEN_OF, NOT_SPOKEN_OF, SOFT | UNPROVEN},
	{"CBC, a part signed", {CBC_OPENED}, PARTLY, "none", "a part", NOT_SPOKEN_OF, NOT_SPOKEN_OF, SOFT | UNPROVEN},
	{"CBC, says so only", {CBC_OPENED}, CLAIMS, "neutral", CLAIM, NOT_SPOKEN_OF, NOT_SPOKEN_OF, SOFT | UNPROVEN},
	{"CBC, certificates", {CBC_OPENED, CERTIFICATES}, 0, "none", NULL, NOT_SPOKEN_OF, NOT_SPOKEN_OF, SOFT | UNPROVEN},
	{"CBC, compressed", {CBC_OPENED, COMPRESSED}, 0, "none", NULL, NOT_SPOKEN_OF, NOT_SPOKEN_OF, SOFT | UNPROVEN},
	{"CBC, signed", {CBC_OPENED, SIGNED(&good)}, 0, "pass", NULL, 1, 0, SOFT},
	{"CBC, compressed, signed", {CBC_OPENED, COMPRESSED, SIGNED(&good)}, 0, "pass", NULL, 2, 0, SOFT},
	{"CBC, signed by a stranger", {CBC_OPENED, SIGNED(&untrusted)}, 0, "policy", "not trusted", 1, 0, SOFT},
	{"CBC, badly signed", {CBC_OPENED, SIGNED(&broken)}, 0, "fail", "not intact", 1, 0, SOFT | BAD | UNPROVEN},
	{"CBC, one of two bad", {CBC_OPENED, SIGNED(&good, &broken)}, 0, "fail", "one of several", 1, 1, SOFT | BAD | UNPROVEN},
	{"CBC, signed by nobody", {CBC_OPENED, SIGNED(&nobody)}, 0, "permerror", "not in", 1, 0, SOFT | UNPROVEN},
	{"CBC, signed in an unknown way", {CBC_OPENED, SIGNED(&unsupported)}, 0, "neutral", "not supp", 1, 0, SOFT | UNPROVEN},
	{"CBC, unreadable signature", {CBC_OPENED, UNREADABLE(NULL)}, 0, "neutral", "cannot be read", 1, NOT_SPOKEN_OF,
		SOFT | UNPROVEN},
	{"CBC, directory away", {CBC_OPENED, SIGNED(&asked_in_vain)}, 0, "temperror", "directory", 1, 0, SOFT | UNKNOWN},
	/* What nobody signed tells too whether the envelope decrypts. */
	{"CBC, noise around the signature", {CBC_OPENED, NOISY(&good)}, 0, "pass", NULL, 1, 0, SOFT | UNPROVEN},
	{"CBC, noise, directory away", {CBC_OPENED, NOISY(&asked_in_vain)}, 0, "policy", "directory", 1, 0, SOFT | UNPROVEN},
	{"CBC, noise outside of two", {CBC_OPENED, NOISY(&good), SIGNED(&good)}, 0, "pass", NULL, 2, 0, SOFT | UNPROVEN},
	{"CBC, noise between two", {CBC_OPENED, SIGNED(&good), NOISY(&good)}, 0, "pass", NULL, 2, 0, SOFT},
	{"CBC, noise around what is compressed", {CBC_OPENED, NOISY_COMPRESSED, SIGNED(&good)}, 0, "pass", NULL, 2, 0,
		SOFT | UNPROVEN},
	{"GCM, noise around the signature", {GCM_OPENED, NOISY(&asked_in_vain)}, 0, "temperror", "directory", 1, 0, UNKNOWN},
	{"CBC that did not open", {CBC_FAILED}, 0, "none", NULL, NOT_SPOKEN_OF, NOT_SPOKEN_OF, SOFT | SHUT},
	{"CBC that was not tried", {CBC_CLOSED}, 0, "none", NULL, NOT_SPOKEN_OF, NOT_SPOKEN_OF, 0},
	/* AuthEnvelopedData shows that itself. */
	{"GCM", {GCM_OPENED}, 0, "none", NULL, NOT_SPOKEN_OF, NOT_SPOKEN_OF, 0},
	{"GCM, badly signed", {GCM_OPENED, SIGNED(&broken)}, 0, "fail", "not intact", 1, 0, BAD},
	{"GCM that did not open", {GCM_FAILED}, 0, "none", NULL, NOT_SPOKEN_OF, NOT_SPOKEN_OF, SHUT},
	{"GCM that was not tried", {GCM_CLOSED}, 0, "none", NULL, NOT_SPOKEN_OF, NOT_SPOKEN_OF, 0},
	/* Around a caught CBC envelope anything can be put that opens or verifies. */
	{"GCM around CBC", {GCM_OPENED, CBC_OPENED}, 0, "none", NULL, NOT_SPOKEN_OF, NOT_SPOKEN_OF, SOFT | UNPROVEN},
	{"GCM around CBC that did not open", {GCM_OPENED, CBC_FAILED}, 0, "none", NULL, NOT_SPOKEN_OF, NOT_SPOKEN_OF, SOFT | SHUT},
	{"CBC around GCM", {CBC_OPENED, GCM_OPENED}, 0, "none", NULL, NOT_SPOKEN_OF, NOT_SPOKEN_OF, SOFT | UNPROVEN},
	{"CBC around GCM that did not open", {CBC_OPENED, GCM_FAILED}, 0, "none", NULL, NOT_SPOKEN_OF, NOT_SPOKEN_OF,
		SOFT | SHUT | UNPROVEN},
	{"CBC around a stranger's signature around CBC", {CBC_OPENED, SIGNED(&untrusted), CBC_OPENED}, 0, "policy",
		"not trusted", 1, 0, SOFT | UNPROVEN},
	{"CBC around CBC around a signature", {CBC_OPENED, CBC_OPENED, SIGNED(&good)}, 0, "pass", NULL, 2, 0, SOFT},
};

static const struct row signed_outside[] = {
	{"around GCM", {SIGNED(&good), GCM_OPENED}, 0, "policy", "outside of the encryption", 0, 0, 0},
	{"around GCM, accepted", {SIGNED(&good), GCM_OPENED}, OUTSIDE_OK, "pass", NULL, 0, 0, 0},
	{"around CBC", {SIGNED(&good), CBC_OPENED}, 0, "policy", "outside of the encryption", 0, 0, SOFT | UNPROVEN},
	{"around CBC, accepted", {SIGNED(&good), CBC_OPENED}, OUTSIDE_OK, "pass", NULL, 0, 0, SOFT | UNPROVEN},
	{"around compressed CBC", {SIGNED(&good), COMPRESSED, CBC_OPENED}, 0, "policy", "outside", 0, 0, SOFT | UNPROVEN},
	/* What stays closed is handed on as it was signed. */
	{"around what did not open", {SIGNED(&good), CBC_FAILED}, 0, "pass", NULL, 0, 0, SOFT | SHUT},
	{"around what was not tried", {SIGNED(&good), CBC_CLOSED}, 0, "pass", NULL, 0, 0, 0},
	{"around an opened one around a closed one", {SIGNED(&good), GCM_OPENED, GCM_CLOSED}, 0, "policy", "outside", 0, 0, 0},
	{"between the two", {GCM_OPENED, SIGNED(&good), GCM_CLOSED}, 0, "pass", NULL, 1, 0, 0},
	{"another's around", {SIGNED(&mismatch), GCM_OPENED}, OUTSIDE_OK, "policy", "not From's", 0, 0, 0},
	{"broken around", {SIGNED(&broken), GCM_OPENED}, OUTSIDE_OK, "fail", "not intact", 0, 0, BAD},
	/* It is no excuse for a broken one inside, unless it was to be accepted. */
	{"around a broken one", {SIGNED(&good), GCM_OPENED, SIGNED(&broken)}, 0, "fail", "not intact", 2, 0, BAD},
	{"around another's", {SIGNED(&good), GCM_OPENED, SIGNED(&mismatch)}, 0, "policy", "outside", 0, 0, 0},
	{"around a broken one, accepted", {SIGNED(&good), GCM_OPENED, SIGNED(&broken)}, OUTSIDE_OK, "pass", NULL, 0, 0, 0},
	{"around a broken one in CBC, accepted", {SIGNED(&good), CBC_OPENED, SIGNED(&broken)}, OUTSIDE_OK, "pass", NULL, 0, 0,
		SOFT | UNPROVEN},
	/* triple wrapped (RFC 2634 1.1) */
	{"triple", {SIGNED(&good), CBC_OPENED, SIGNED(&good)}, 0, "pass", NULL, 2, 0, SOFT},
	{"triple, a gateway's outside", {SIGNED(&mismatch), CBC_OPENED, SIGNED(&good)}, 0, "pass", NULL, 2, 0, SOFT},
	{"triple, broken outside", {SIGNED(&broken), CBC_OPENED, SIGNED(&good)}, 0, "pass", NULL, 2, 0, SOFT},
	/* Whether it may pass yet does not depend on what opens. */
	{"may pass yet, around an opened one", {SIGNED(&asked_in_vain), CBC_OPENED}, 0, "temperror", "directory", 0, 0,
		SOFT | UNPROVEN | UNKNOWN},
	{"may pass yet, around one that did not open", {SIGNED(&asked_in_vain), CBC_FAILED}, 0, "temperror", "directory", 0, 0,
		SOFT | SHUT | UNKNOWN},
	{"may pass yet, around a broken one", {SIGNED(&asked_in_vain), CBC_OPENED, SIGNED(&broken)}, 0, "temperror", "directory",
		0, 0, SOFT | UNPROVEN | UNKNOWN},
};

/* ---- checking ------------------------------------------------------------------- */

static enum verdict_kind
kind_of(char letter)
{
	switch (letter) {
	case 's':
		return VERDICT_SIGNED;
	case 'z':
		return VERDICT_COMPRESSED;
	case 'c':
		return VERDICT_CERTS_ONLY;
	}
	return VERDICT_ENCRYPTED;
}

static struct verdict_layer
state(const struct test_layer *layer, struct verdict_signer signers[SIGNERS_MAX])
{
	struct verdict_layer fact = {.kind = kind_of(layer->kind), .signers = signers, .unreadable = layer->unreadable,
		.tried = layer->tried, .opened = layer->opened, .authenticated = layer->kind == 'a', .noisy = layer->noisy};

	while (fact.signer_count < SIGNERS_MAX && layer->signers[fact.signer_count] != NULL) {
		signers[fact.signer_count] = *layer->signers[fact.signer_count];
		fact.signer_count++;
	}
	return fact;
}

static int
index_of(size_t at)
{
	return at == VERDICT_NOBODY ? NOT_SPOKEN_OF : (int)at;
}

static void
assert_says(const struct row *row, const struct verdict *v)
{
	unsigned said = (v->bad_signature ? BAD : 0u) | (v->undecryptable ? SHUT : 0u) | (v->unauthenticated ? UNPROVEN : 0u) |
		(v->malleable ? SOFT : 0u) | (v->unknown ? UNKNOWN : 0u);

	ck_assert_msg(strcmp(v->result, row->result) == 0, "%s: %s (%s), want %s", row->words, v->result,
		v->reason == NULL ? "" : v->reason, row->result);
	if (row->reason == NULL)
		ck_assert_msg(v->reason == NULL, "%s: %s", row->words, v->reason);
	else
		ck_assert_msg(v->reason != NULL && strstr(v->reason, row->reason) != NULL, "%s: %s, want %s", row->words,
			v->reason == NULL ? "no reason" : v->reason, row->reason);
	ck_assert_msg(index_of(v->layer) == row->layer && index_of(v->signer) == row->signer,
		"%s: speaks of layer %d, signer %d", row->words, index_of(v->layer), index_of(v->signer));
	ck_assert_msg(said == row->said, "%s: says %#x, want %#x", row->words, said, row->said);
}

static void
check(const struct row *row)
{
	struct verdict_signer signers[LAYERS_MAX][SIGNERS_MAX];
	struct verdict_layer layers[LAYERS_MAX];
	struct verdict_facts facts = {
		.layers = layers,
		.one_from = (row->is & FROMS) == 0,
		.partly_signed = (row->is & PARTLY) != 0,
		.unreadable = (row->is & CLAIMS) != 0 ? CLAIM : NULL,
		.accept_weak = (row->is & WEAK_OK) != 0,
		.accept_outside = (row->is & OUTSIDE_OK) != 0,
		.refuse_twice = (row->is & ONCE) != 0,
	};
	struct verdict v;

	while (facts.layer_count < LAYERS_MAX && row->layers[facts.layer_count].kind != '\0') {
		layers[facts.layer_count] = state(&row->layers[facts.layer_count], signers[facts.layer_count]);
		facts.layer_count++;
	}
	verdict_reach(&facts, &v);
	assert_says(row, &v);
}

#define TABLE(name) \
	START_TEST(test_##name) \
	{ \
		check(&name[_i]); \
	} \
	END_TEST

TABLE(one_signer)
TABLE(several_signers)
TABLE(nested)
TABLE(enveloped)
TABLE(signed_outside)

/* ---- nothing passes by accident --------------------------------------------------- */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Around, between and beside whatever else: without a good signature nothing passes, and
 * what was altered is never taken for proven. */
START_TEST(no_pass_without_a_good_signature)
{
	static const struct test_layer kinds[] = {{0}, SIGNED(&broken), SIGNED(&nobody), SIGNED(&unsupported), SIGNED(&weak),
		SIGNED(&wrong_usage), SIGNED(&untrusted), SIGNED(&absent), SIGNED(&mismatch), SIGNED(&sender),
		SIGNED(&good, &broken), UNREADABLE(NULL), CBC_OPENED, CBC_FAILED, GCM_OPENED, GCM_CLOSED, COMPRESSED, CERTIFICATES};
	struct verdict_signer signers[3][SIGNERS_MAX];
	struct verdict_layer layers[3];
	struct verdict_facts facts = {.layers = layers, .layer_count = 3, .one_from = true};
	struct verdict v;

	for (size_t i = 0; i < COUNT(kinds) * COUNT(kinds) * COUNT(kinds); i++) {
		layers[0] = state(&kinds[i % COUNT(kinds)], signers[0]);
		layers[1] = state(&kinds[i / COUNT(kinds) % COUNT(kinds)], signers[1]);
		layers[2] = state(&kinds[i / COUNT(kinds) / COUNT(kinds)], signers[2]);
		verdict_reach(&facts, &v);
		ck_assert_msg(strcmp(v.result, "pass") != 0, "combination %zu passes", i);
		ck_assert_int_eq(v.reason == NULL, strcmp(v.result, "none") == 0);
	}
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(verdict_intact_name(VERDICT_INTACT), "intact");
	ck_assert_str_eq(verdict_intact_name(VERDICT_BROKEN), "broken");
	ck_assert_str_eq(verdict_intact_name(VERDICT_NO_CERTIFICATE), "no-certificate");
	ck_assert_str_eq(verdict_intact_name(VERDICT_UNSUPPORTED), "unsupported-algorithm");
	ck_assert_str_eq(verdict_trust_name(VERDICT_TRUSTED), "trusted");
	ck_assert_str_eq(verdict_trust_name(VERDICT_UNTRUSTED), "untrusted");
	ck_assert_str_eq(verdict_trust_name(VERDICT_TRUST_UNKNOWN), "unknown");
	ck_assert_str_eq(verdict_address_name(VERDICT_MATCH), "match");
	ck_assert_str_eq(verdict_address_name(VERDICT_BOUND), "bound");
	ck_assert_str_eq(verdict_address_name(VERDICT_ABSENT), "absent");
	ck_assert_str_eq(verdict_address_name(VERDICT_MISMATCH), "mismatch");
	ck_assert_str_eq(verdict_address_name(VERDICT_SENDER), "sender");
	ck_assert_str_eq(verdict_address_name(VERDICT_ADDRESS_UNKNOWN), "unknown");
	ck_assert_str_eq(verdict_qualified_name(VERDICT_NOT_EVALUATED), "not evaluated");
	ck_assert_str_eq(verdict_qualified_name(VERDICT_NONE), "none");
	ck_assert_str_eq(verdict_qualified_name(VERDICT_ADVANCED), "advanced");
	ck_assert_str_eq(verdict_qualified_name(VERDICT_QUALIFIED_SIGNATURE), "qualified-signature");
	ck_assert_str_eq(verdict_qualified_name(VERDICT_QUALIFIED_SIGNATURE_QSCD), "qualified-signature-qscd");
	ck_assert_str_eq(verdict_qualified_name(VERDICT_QUALIFIED_SEAL), "qualified-seal");
	ck_assert_str_eq(verdict_qualified_name(VERDICT_QUALIFIED_SEAL_QSCD), "qualified-seal-qscd");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("verdict");
	TCase *t = tcase_create("verdict");

	tcase_add_loop_test(t, test_one_signer, 0, COUNT(one_signer));
	tcase_add_loop_test(t, test_several_signers, 0, COUNT(several_signers));
	tcase_add_loop_test(t, test_nested, 0, COUNT(nested));
	tcase_add_loop_test(t, test_enveloped, 0, COUNT(enveloped));
	tcase_add_loop_test(t, test_signed_outside, 0, COUNT(signed_outside));
	tcase_add_test(t, no_pass_without_a_good_signature);
	tcase_add_test(t, names);
	suite_add_tcase(s, t);
	return unit_run(s);
}
