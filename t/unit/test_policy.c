/* Who gets the seal, what is encrypted, and what is refused: policy as a table.
 * Configurations are written as an administrator would. */
#include "unit.h"

#include "gateway/policy.h"
#include "gateway/trace.h"

#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMON \
	"listener \"work\" { socket = \"unix:/tmp/x\" direction = outbound }\n" \
	"signer \"seal\" { key = \"/k\" certificate = \"/c\" }\n" \
	"signer \"other\" { key = \"/k2\" certificate = \"/c2\" }\n" \
	"directory \"d\" { type = files path = \"/d\" }\n" \
	"anchors = { \"/a\" }\n" \
	"internal-networks = { \"10.0.0.0/8\", \"2001:db8::/32\" }\n"

static struct config *
configure(const char *rules)
{
	char path[] = "/tmp/test_policy.XXXXXX";
	int fd = mkstemp(path);
	struct config *config = NULL;
	struct error err = ERROR_NONE;
	FILE *f;

	ck_assert_int_ge(fd, 0);
	f = fdopen(fd, "w");
	fprintf(f, "%s%s", COMMON, rules);
	fclose(f);
	ck_assert_msg(config_parse(path, &config, NULL, NULL, &err) == ANSWER_YES, "%s", err.words);
	unlink(path);
	return config;
}

/* ---- origin ------------------------------------------------------------------ */

static struct client
client_at(const char *address, unsigned port)
{
	struct client c = {.port = port, .name = (char *)"host.example"};
	char mapped[64];

	if (address == NULL)
		return c;
	c.has_address = true;
	snprintf(mapped, sizeof mapped, "%s%s", strchr(address, ':') == NULL ? "::ffff:" : "", address);
	ck_assert_int_eq(inet_pton(AF_INET6, mapped, &c.address), 1);
	return c;
}

START_TEST(origin)
{
	struct config *config = configure("");
	struct client stranger = client_at("192.0.2.1", 4711), inside = client_at("10.1.2.3", 4711);
	struct client inside6 = client_at("2001:db8::1", 4711), filter = client_at("127.0.0.1", 4711);
	struct client local = client_at("127.0.0.1", 0), unknown = client_at(NULL, 0);
	struct client user = client_at("192.0.2.1", 4711);

	filter.name = local.name = (char *)"localhost";
	user.login = (char *)"jana";
	ck_assert_int_eq(policy_origin(config, &stranger, DIRECTION_OUTBOUND), POLICY_OUTSIDE);
	ck_assert_int_eq(policy_origin(config, &inside, DIRECTION_OUTBOUND), POLICY_INTERNAL);
	ck_assert_int_eq(policy_origin(config, &inside6, DIRECTION_BY_RULE), POLICY_INTERNAL);
	ck_assert_int_eq(policy_origin(config, &user, DIRECTION_OUTBOUND), POLICY_AUTHENTICATED);
	ck_assert_int_eq(policy_origin(config, &local, DIRECTION_OUTBOUND), POLICY_LOCAL);
	/* A content filter that re-injects is no local submission, and loopback is no internal network. */
	ck_assert_int_eq(policy_origin(config, &filter, DIRECTION_OUTBOUND), POLICY_OUTSIDE);
	ck_assert_int_eq(policy_origin(config, &unknown, DIRECTION_OUTBOUND), POLICY_OUTSIDE);
	ck_assert_int_eq(policy_origin(config, &user, DIRECTION_INBOUND), POLICY_OUTSIDE);
	ck_assert_int_eq(policy_origin(config, &local, DIRECTION_INBOUND), POLICY_OUTSIDE);
	ck_assert(policy_is_inside(config, &inside));
	ck_assert(policy_is_inside(config, &inside6));
	ck_assert(policy_is_inside(config, &user));
	ck_assert(policy_is_inside(config, &local));
	ck_assert(!policy_is_inside(config, &stranger));
	ck_assert(!policy_is_inside(config, &filter));
	ck_assert(!policy_is_inside(config, &unknown));
	user.login = (char *)"";
	ck_assert(!policy_is_inside(config, &user));
	config_unref(config);
}
END_TEST

START_TEST(originating_daemons)
{
	struct config *config = configure("originating-daemons = { \"submission\" }\n");
	struct client inside = client_at("10.1.2.3", 4711);

	ck_assert_int_eq(policy_origin(config, &inside, DIRECTION_OUTBOUND), POLICY_OUTSIDE);
	inside.daemon_name = (char *)"smtpd";
	ck_assert_int_eq(policy_origin(config, &inside, DIRECTION_OUTBOUND), POLICY_OUTSIDE);
	ck_assert(policy_is_inside(config, &inside)); /* whatever daemon it came by */
	inside.daemon_name = (char *)"submission";
	ck_assert_int_eq(policy_origin(config, &inside, DIRECTION_OUTBOUND), POLICY_INTERNAL);
	config_unref(config);
}
END_TEST

/* ---- precedence ---------------------------------------------------------------- */

#define LADDER \
	"rule \"none\" { encrypt = never }\n" \
	"rule \"sender-domain\" { sender-domain = { \"trh.example\" } encrypt = when-possible }\n" \
	"rule \"sender\" { sender = { \"a@trh.example\" } encrypt = required }\n" \
	"rule \"recipient-domain\" { recipient-domain = { \"partner.example\" } encrypt = never }\n" \
	"rule \"recipient\" { recipient = { \"x@partner.example\" } encrypt = required }\n" \
	"rule \"recipient-2\" { recipient = { \"x@partner.example\" } encrypt = never }\n"

static void
expect_rule(struct config *config, const char *from, const char *to, const char *rule)
{
	struct policy_question q = {slice_str(from), slice_str(from), slice_str(to), NULL};
	struct policy_wish wish;

	policy_wish(config, &q, &wish);
	ck_assert_ptr_nonnull(wish.encrypt);
	ck_assert_str_eq(wish.encrypt->name, rule);
}

START_TEST(precedence)
{
	struct config *config = configure(LADDER);

	expect_rule(config, "b@else.example", "y@z.example", "none");
	expect_rule(config, "b@trh.example", "y@z.example", "sender-domain");
	expect_rule(config, "a@trh.example", "y@z.example", "sender");
	expect_rule(config, "A@TRH.example", "y@z.example", "sender");
	expect_rule(config, "a@trh.example", "y@partner.example", "recipient-domain");
	expect_rule(config, "a@trh.example", "x@partner.example", "recipient");
	expect_rule(config, "b@else.example", "X@Partner.Example", "recipient");
	config_unref(config);
}
END_TEST

START_TEST(sign_and_encrypt_are_decided_apart)
{
	struct config *config = configure(
		"rule \"seal\" { sender-domain = { \"trh.example\" } sign = \"seal\" }\n"
		"rule \"partner\" { recipient-domain = { \"partner.example\" } encrypt = required }\n"
		"rule \"plain\" { recipient = { \"robot@partner.example\" } sender-domain = { \"trh.example\" } sign = none }\n");
	struct policy_question q = {slice_str("a@trh.example"), slice_str("a@trh.example"),
		slice_str("x@partner.example"), NULL};
	struct policy_wish wish;

	policy_wish(config, &q, &wish);
	ck_assert_str_eq(wish.sign->name, "seal");
	ck_assert_str_eq(wish.encrypt->name, "partner");
	q.recipient = slice_str("robot@partner.example");
	policy_wish(config, &q, &wish);
	ck_assert_ptr_null(wish.sign);
	ck_assert_str_eq(wish.encrypt->name, "partner");
	config_unref(config);
}
END_TEST

START_TEST(envelope_and_header_senders_both_count_for_encryption)
{
	struct config *config = configure(
		"rule \"strict\" { sender = { \"a@trh.example\" } encrypt = required }\n"
		"rule \"loose\" { sender = { \"b@trh.example\" } encrypt = never }\n");
	struct policy_question q = {slice_str("b@trh.example"), slice_str("a@trh.example"), slice_str("x@z.example"), NULL};
	struct policy_wish wish;

	policy_wish(config, &q, &wish);
	ck_assert_int_eq(wish.level, ENCRYPT_REQUIRED);
	q = (struct policy_question){slice_str("a@trh.example"), slice_str("b@trh.example"), slice_str("x@z.example"), NULL};
	policy_wish(config, &q, &wish);
	ck_assert_int_eq(wish.level, ENCRYPT_REQUIRED);
	config_unref(config);
}
END_TEST

/* ---- triggers -------------------------------------------------------------------- */

static struct message *
message_with(const char *name, const char *value)
{
	struct message *m = message_new(1000);

	ck_assert(message_add_field(m, slice_str("From"), slice_str(" a@trh.example")));
	if (name != NULL)
		ck_assert(message_add_field(m, slice_str(name), slice_str(value)));
	return m;
}

static struct policy_wish
wish_triggered(struct config *config, const char *to, const char *name, const char *value, bool *ignored)
{
	struct message *m = message_with(name, value);
	bool triggered[16];
	struct policy_question q = {slice_str("a@trh.example"), slice_str("a@trh.example"), slice_str(to), triggered};
	struct policy_wish wish;

	policy_triggers(config, m, triggered);
	policy_wish(config, &q, &wish);
	*ignored = policy_trigger_ignored(config, &q);
	message_free(m);
	return wish;
}

START_TEST(triggers_only_strengthen)
{
	struct config *config = configure(
		"rule \"possible\" { encrypt = when-possible cipher = aes256-gcm }\n"
		"rule \"must\" { recipient = { \"r@p.example\" } encrypt = required }\n"
		"rule \"on\" { trigger = \"X-Seal: encrypt\" encrypt = required cipher = aes128-cbc }\n"
		"rule \"maybe\" { trigger = \"X-Seal: possible\" encrypt = when-possible }\n");
	struct policy_wish wish;
	bool ignored;

	wish = wish_triggered(config, "x@p.example", NULL, NULL, &ignored);
	ck_assert_int_eq(wish.level, ENCRYPT_WHEN_POSSIBLE);
	wish = wish_triggered(config, "x@p.example", "x-SEAL", "  Encrypt ", &ignored);
	ck_assert_int_eq(wish.level, ENCRYPT_REQUIRED);
	ck_assert_str_eq(wish.trigger->name, "on");
	/* Nor does it bring a weaker cipher along. */
	ck_assert_int_eq(wish.cipher, CIPHER_AES256_GCM);
	ck_assert(!ignored);
	wish = wish_triggered(config, "r@p.example", "X-Seal", " possible", &ignored);
	ck_assert_int_eq(wish.level, ENCRYPT_REQUIRED);
	ck_assert(ignored);
	wish = wish_triggered(config, "x@p.example", "X-Seal", " encrypted", &ignored);
	ck_assert_int_eq(wish.level, ENCRYPT_WHEN_POSSIBLE);
	config_unref(config);
}
END_TEST

/* ---- decisions --------------------------------------------------------------------- */

#define RULES \
	"rule \"seal\" { sender-domain = { \"trh.example\" } sign = \"seal\" }\n" \
	"rule \"wrap\" { sender = { \"wrap@trh.example\" } sign = \"seal\" already-protected = wrap any-login = yes }\n" \
	"rule \"must\" { recipient-domain = { \"must.example\" } encrypt = required cipher = aes256-gcm }\n" \
	"rule \"may\" { recipient-domain = { \"may.example\" } encrypt = when-possible }\n" \
	"rule \"pgp\" { recipient-domain = { \"pgp.example\" } encrypt = required accept-pgp = yes }\n" \
	"rule \"reveal\" { recipient-domain = { \"reveal.example\" } encrypt = required hidden-recipients = reveal }\n" \
	"rule \"mixed\" { recipient-domain = { \"mixed.example\" } encrypt = required mixed = strictest }\n"

static const struct error no_certificate = {.answer = ANSWER_NO, .code = "no-certificate",
	.words = "no certificate for that address"};
static const struct error ldap_down = {.answer = ANSWER_CANT_TELL, .code = "ldap", .words = "directory cannot be asked"};

struct given {
	struct policy_facts facts;
	struct policy_recipient recipients[4];
};

/* An ordinary mail of an inside client, to whoever is named. */
static void
give(struct config *config, struct given *g, const char *from, const char *to1, const char *to2)
{
	const char *to[] = {to1, to2};

	memset(g, 0, sizeof *g);
	g->facts = (struct policy_facts){.origin = POLICY_INTERNAL, .from_count = 1, .from_addresses = 1,
		.from = slice_str(from), .sender = slice_str(from), .login_may = ANSWER_NO, .recipients = g->recipients};
	for (size_t i = 0; i < 2 && to[i] != NULL; i++) {
		struct policy_question q = {g->facts.from, g->facts.sender, slice_str(to[i]), NULL};

		g->recipients[i].address = slice_str(to[i]);
		g->recipients[i].visible = true;
		policy_wish(config, &q, &g->recipients[i].wish);
		g->facts.recipient_count++;
	}
}

static void
lacks(struct given *g, size_t at, const struct error *reason)
{
	g->recipients[at].certificates = reason->answer;
	g->recipients[at].reason = reason;
}

static struct policy_plan
decide(const struct given *g)
{
	struct policy_plan plan;

	policy_decide(&g->facts, &plan);
	return plan;
}

static void
expect(const struct given *g, enum policy_action action, const char *code)
{
	struct policy_plan plan = decide(g);

	ck_assert_msg(plan.action == action, "action %d, wanted %d: %s", plan.action, action, plan.reason.words);
	if (code != NULL)
		ck_assert_str_eq(plan.reason.code, code);
}

START_TEST(seals_what_belongs_to_the_rule)
{
	struct config *config = configure(RULES);
	struct policy_plan plan;
	struct given g;

	give(config, &g, "a@trh.example", "x@any.example", NULL);
	plan = decide(&g);
	ck_assert_int_eq(plan.action, POLICY_PROTECT);
	ck_assert_str_eq(plan.sign->signer, "seal");
	ck_assert(!plan.encrypt);
	give(config, &g, "a@else.example", "x@any.example", NULL);
	plan = decide(&g);
	ck_assert_int_eq(plan.action, POLICY_PASS);
	ck_assert_str_eq(plan.unsigned_because, "no rule");
	give(config, &g, "a@trh.example", "x@must.example", NULL);
	plan = decide(&g);
	ck_assert(plan.sign != NULL && plan.encrypt);
	ck_assert_int_eq(plan.cipher, CIPHER_AES256_GCM);
	config_unref(config);
}
END_TEST

START_TEST(strangers_get_no_seal)
{
	struct config *config = configure(RULES);
	struct policy_plan plan;
	struct given g;

	give(config, &g, "a@trh.example", "x@must.example", NULL);
	g.facts.origin = POLICY_OUTSIDE;
	plan = decide(&g);
	ck_assert_int_eq(plan.action, POLICY_PASS);
	ck_assert(plan.sign == NULL && !plan.encrypt);
	config_unref(config);
}
END_TEST

START_TEST(from_is_one_address)
{
	struct config *config = configure(RULES);
	struct given g;

	give(config, &g, "a@trh.example", "x@any.example", NULL);
	g.facts.from_count = 0;
	expect(&g, POLICY_REFUSE, "from");
	g.facts.from_count = 2;
	g.facts.from_addresses = 2;
	expect(&g, POLICY_REFUSE, "from");
	g.facts.from_count = 1;
	expect(&g, POLICY_REFUSE, "from");
	g.facts.from_addresses = 0;
	expect(&g, POLICY_REFUSE, "from");
	config_unref(config);
}
END_TEST

START_TEST(envelope_sender_belongs_too)
{
	struct config *config = configure(RULES);
	struct policy_plan plan;
	struct given g;

	give(config, &g, "a@trh.example", "x@any.example", NULL);
	g.facts.sender = slice_str("evil@else.example");
	expect(&g, POLICY_REFUSE, "sender");
	/* Our envelope with somebody else's From gets nothing, and is not refused: forwarders do that. */
	give(config, &g, "a@else.example", "x@any.example", NULL);
	g.facts.sender = slice_str("a@trh.example");
	plan = decide(&g);
	ck_assert_int_eq(plan.action, POLICY_PASS);
	ck_assert_ptr_null(plan.sign);
	config_unref(config);
}
END_TEST

/* What MTAs make another address of does not escape the recipient's rules before they do. */
START_TEST(odd_recipients_have_rules_too)
{
	static const char *const odd[] = {
		"x@must.example.", "x@must.example..", "x@must.example@", "@a.example,@b.example:x@must.example",
		"x..y@must.example", "x y@must.example", "@must.example", "must.example!x", "must.example!a.example!x",
		"x%must.example", "x@[must.example]", "x@ must.example", "<x@must.example", "x@must.example\n", "\"@must.example",
	};
	static const char *const other[] = {
		"x@a.example", "x@notmust.example", "x@must.example.a.example", "must.example", "x", "", "@", "!", "%", "x@",
		"\"x@must.example\"@a.example", "must.example!x@a.example", ".@",
	};
	struct config *config = configure(RULES);
	struct policy_question q = {.from = slice_str("a@trh.example"), .sender = slice_str("a@trh.example")};
	struct policy_wish wish;

	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		q.recipient = slice_str(odd[i]);
		policy_wish(config, &q, &wish);
		ck_assert_msg(wish.level == ENCRYPT_REQUIRED, "%s", odd[i]);
	}
	for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
		q.recipient = slice_str(other[i]);
		policy_wish(config, &q, &wish);
		ck_assert_msg(wish.level == ENCRYPT_NEVER, "%s", other[i]);
	}
	config_unref(config);
}
END_TEST

START_TEST(null_sender_is_not_signed_but_encrypted)
{
	struct config *config = configure(RULES);
	struct policy_plan plan;
	struct given g;

	give(config, &g, "a@trh.example", "x@must.example", NULL);
	g.facts.sender = SLICE_NONE;
	plan = decide(&g);
	ck_assert_ptr_null(plan.sign);
	ck_assert(plan.encrypt);
	lacks(&g, 0, &no_certificate);
	expect(&g, POLICY_REFUSE, "no-certificate");
	config_unref(config);
}
END_TEST

/* With two, or one that nobody can read, the rules of its senders were not asked. */
START_TEST(null_sender_needs_a_from_that_can_be_read_or_none)
{
	struct config *config = configure(RULES);
	struct given g;

	give(config, &g, "a@trh.example", "x@any.example", NULL);
	g.facts.sender = SLICE_NONE;
	expect(&g, POLICY_PASS, NULL);
	g.facts.from = SLICE_NONE;
	g.facts.from_count = 2;
	g.facts.from_addresses = 2;
	expect(&g, POLICY_REFUSE, "from");
	g.facts.from_count = 1;
	expect(&g, POLICY_REFUSE, "from");
	g.facts.from_addresses = 0;
	expect(&g, POLICY_REFUSE, "from");
	g.facts.from_count = 0;
	expect(&g, POLICY_PASS, NULL);
	config_unref(config);
}
END_TEST

START_TEST(logins)
{
	struct config *config = configure(RULES);
	struct given g;

	give(config, &g, "a@trh.example", "x@any.example", NULL);
	g.facts.origin = POLICY_AUTHENTICATED;
	g.facts.login = slice_str("b");
	expect(&g, POLICY_REFUSE, "login");
	g.facts.login_may = ANSWER_CANT_TELL;
	expect(&g, POLICY_DEFER, "login");
	g.facts.login_may = ANSWER_YES;
	expect(&g, POLICY_PROTECT, NULL);
	give(config, &g, "wrap@trh.example", "x@any.example", NULL);
	g.facts.origin = POLICY_AUTHENTICATED;
	expect(&g, POLICY_PROTECT, NULL); /* any-login */
	config_unref(config);
}
END_TEST

/* Somebody else's sealed mail, sent once more under his name. */
START_TEST(logins_are_asked_for_what_is_signed_already)
{
	static const unsigned met[] = {POLICY_MET_SIGN, POLICY_MET_SIGN | POLICY_MET_OWN_SEAL,
		POLICY_MET_ENCRYPT | POLICY_MET_OWN_SEAL};
	struct config *config = configure(RULES);
	struct given g;

	for (size_t i = 0; i < sizeof met / sizeof met[0]; i++) {
		give(config, &g, "a@trh.example", "x@any.example", NULL);
		g.facts.origin = POLICY_AUTHENTICATED;
		g.facts.login = slice_str("b");
		g.facts.met = met[i];
		expect(&g, POLICY_REFUSE, "login");
		g.facts.login_may = ANSWER_YES;
		expect(&g, POLICY_PASS, NULL);
	}
	/* A forwarder of ours gives it an envelope sender of its own. */
	give(config, &g, "a@trh.example", "x@any.example", NULL);
	g.facts.sender = slice_str("list@else.example");
	g.facts.met = POLICY_MET_SIGN | POLICY_MET_OWN_SEAL;
	expect(&g, POLICY_PASS, NULL);
	config_unref(config);
}
END_TEST

/* A recipient whose rule lets any login sign lends that to no other. */
START_TEST(any_login_is_for_its_own_recipients)
{
	struct config *config = configure(
		"rule \"seal\" { sender-domain = { \"trh.example\" } sign = \"seal\" }\n"
		"rule \"easy\" { sender-domain = { \"trh.example\" } recipient-domain = { \"easy.example\" }\n"
		"  sign = \"seal\" any-login = yes }\n");
	struct given g;

	give(config, &g, "a@trh.example", "x@easy.example", NULL);
	g.facts.origin = POLICY_AUTHENTICATED;
	g.facts.login = slice_str("b");
	expect(&g, POLICY_PROTECT, NULL);
	give(config, &g, "a@trh.example", "x@easy.example", "y@any.example");
	g.facts.origin = POLICY_AUTHENTICATED;
	g.facts.login = slice_str("b");
	expect(&g, POLICY_REFUSE, "login");
	config_unref(config);
}
END_TEST

START_TEST(traced_mail_is_not_sealed)
{
	struct config *config = configure(RULES);
	struct policy_plan plan;
	struct given g;

	give(config, &g, "a@trh.example", "x@must.example", NULL);
	g.facts.traced = true;
	plan = decide(&g);
	ck_assert_ptr_null(plan.sign);
	ck_assert(plan.encrypt);
	config_unref(config);
}
END_TEST

START_TEST(existing_protection_meets_what_it_provides)
{
	struct config *config = configure(RULES);
	struct policy_plan plan;
	struct given g;

	give(config, &g, "a@trh.example", "x@must.example", NULL);
	g.facts.met = POLICY_MET_SIGN;
	plan = decide(&g);
	ck_assert(plan.sign == NULL && plan.encrypt);
	g.facts.met = POLICY_MET_ENCRYPT;
	plan = decide(&g);
	ck_assert(plan.sign != NULL && !plan.encrypt);
	g.facts.met = POLICY_MET_PGP;
	plan = decide(&g);
	ck_assert(plan.encrypt);
	give(config, &g, "a@trh.example", "x@pgp.example", NULL);
	g.facts.met = POLICY_MET_PGP;
	plan = decide(&g);
	ck_assert(!plan.encrypt);
	give(config, &g, "wrap@trh.example", "x@any.example", NULL);
	g.facts.met = POLICY_MET_SIGN;
	ck_assert_ptr_nonnull(decide(&g).sign);
	g.facts.met |= POLICY_MET_OWN_SEAL;
	ck_assert_ptr_null(decide(&g).sign);
	config_unref(config);
}
END_TEST

START_TEST(missing_certificates)
{
	struct config *config = configure(RULES);
	struct policy_plan plan;
	struct given g;

	give(config, &g, "a@trh.example", "x@must.example", "y@must.example");
	lacks(&g, 1, &no_certificate);
	plan = decide(&g);
	ck_assert_int_eq(plan.action, POLICY_REFUSE);
	ck_assert_ptr_nonnull(strstr(plan.reason.words, no_certificate.words));
	lacks(&g, 0, &no_certificate);
	plan = decide(&g);
	ck_assert_ptr_nonnull(strstr(plan.reason.words, "x@must.example, y@must.example"));
	g.recipients[0].certificates = ANSWER_YES;
	lacks(&g, 1, &ldap_down);
	expect(&g, POLICY_DEFER, "ldap");
	give(config, &g, "a@trh.example", "x@may.example", "y@may.example");
	lacks(&g, 0, &no_certificate);
	plan = decide(&g);
	ck_assert(plan.action == POLICY_PROTECT && plan.sign != NULL && !plan.encrypt);
	lacks(&g, 0, &ldap_down);
	expect(&g, POLICY_DEFER, "ldap"); /* never plaintext because a directory is down */
	config_unref(config);
}
END_TEST

START_TEST(strictest_class_wins)
{
	struct config *config = configure(RULES);
	struct given g;

	/* Triggers and local submission: all or nothing. */
	give(config, &g, "a@trh.example", "x@must.example", "y@any.example");
	g.facts.origin = POLICY_LOCAL;
	ck_assert(decide(&g).encrypt);
	lacks(&g, 1, &no_certificate);
	expect(&g, POLICY_REFUSE, "no-certificate");
	/* A mail program is told which addresses do not go together, or gets the strictest. */
	give(config, &g, "wrap@trh.example", "x@must.example", "y@any.example");
	g.facts.origin = POLICY_AUTHENTICATED;
	expect(&g, POLICY_REFUSE, "mixed");
	ck_assert_ptr_nonnull(strstr(decide(&g).reason.words, "y@any.example"));
	give(config, &g, "wrap@trh.example", "x@mixed.example", "y@any.example");
	g.facts.origin = POLICY_AUTHENTICATED;
	ck_assert(decide(&g).encrypt);
	/* Of two that are as strict, the one that refuses counts, in whatever order. */
	give(config, &g, "wrap@trh.example", "x@mixed.example", "y@must.example");
	g.facts.origin = POLICY_AUTHENTICATED;
	expect(&g, POLICY_REFUSE, "mixed");
	give(config, &g, "wrap@trh.example", "x@must.example", "y@mixed.example");
	g.facts.origin = POLICY_AUTHENTICATED;
	expect(&g, POLICY_REFUSE, "mixed");
	config_unref(config);
}
END_TEST

START_TEST(first_rule_in_the_file_signs_for_all)
{
	struct config *config = configure(
		"rule \"one\" { sender-domain = { \"trh.example\" } sign = \"seal\" }\n"
		"rule \"two\" { sender-domain = { \"trh.example\" } recipient = { \"y@any.example\" } sign = \"other\" }\n");
	struct given g;

	give(config, &g, "a@trh.example", "x@any.example", "y@any.example");
	ck_assert_str_eq(decide(&g).sign->signer, "seal");
	give(config, &g, "a@trh.example", "y@any.example", "x@any.example");
	ck_assert_str_eq(decide(&g).sign->signer, "seal");
	config_unref(config);
}
END_TEST

START_TEST(hidden_recipients)
{
	struct config *config = configure(RULES);
	struct given g;

	give(config, &g, "a@trh.example", "x@must.example", "y@must.example");
	g.recipients[1].visible = false;
	expect(&g, POLICY_REFUSE, "hidden");
	give(config, &g, "a@trh.example", "y@must.example", NULL);
	g.recipients[0].visible = false;
	expect(&g, POLICY_PROTECT, NULL); /* alone it shows nobody */
	give(config, &g, "a@trh.example", "x@reveal.example", "y@reveal.example");
	g.recipients[1].visible = false;
	ck_assert(decide(&g).encrypt);
	/* The hidden one's rule counts, whichever comes first. */
	give(config, &g, "a@trh.example", "x@reveal.example", "y@must.example");
	g.recipients[1].visible = false;
	expect(&g, POLICY_REFUSE, "hidden");
	give(config, &g, "a@trh.example", "y@must.example", "x@reveal.example");
	g.recipients[1].visible = false;
	ck_assert(decide(&g).encrypt);
	config_unref(config);
}
END_TEST

/* What the plain rule demands beside the level, a trigger does not take away. */
START_TEST(triggers_keep_other_demands)
{
	struct config *config = configure(
		"rule \"may\" { encrypt = when-possible }\n"
		"rule \"on\" { trigger = \"X-Seal: encrypt\" encrypt = required accept-pgp = yes\n"
		"  hidden-recipients = reveal }\n");
	struct policy_wish wish;
	struct given g;
	bool ignored;

	wish = wish_triggered(config, "x@p.example", "X-Seal", "encrypt", &ignored);
	ck_assert_str_eq(wish.encrypt->name, "on");
	ck_assert_str_eq(wish.beneath->name, "may");
	give(config, &g, "a@trh.example", "x@p.example", "y@p.example");
	g.recipients[0].wish = g.recipients[1].wish = wish;
	g.facts.met = POLICY_MET_PGP;
	ck_assert(decide(&g).encrypt);
	g.recipients[1].visible = false;
	expect(&g, POLICY_REFUSE, "hidden");
	config_unref(config);
}
END_TEST

START_TEST(guard_refuses_what_is_not_encrypted)
{
	struct config *config = configure(RULES);
	struct policy_plan plan;
	struct given g;

	give(config, &g, "a@trh.example", "x@must.example", NULL);
	g.facts.role = ROLE_GUARD;
	g.facts.origin = POLICY_OUTSIDE; /* wherever it comes from */
	expect(&g, POLICY_REFUSE, "guard");
	g.facts.met = POLICY_MET_SIGN;
	expect(&g, POLICY_REFUSE, "guard");
	g.facts.met = POLICY_MET_ENCRYPT;
	plan = decide(&g);
	ck_assert_int_eq(plan.action, POLICY_PASS);
	give(config, &g, "a@trh.example", "x@may.example", NULL);
	g.facts.role = ROLE_GUARD;
	expect(&g, POLICY_PASS, NULL);
	config_unref(config);
}
END_TEST

START_TEST(guard_is_not_fooled_by_two_senders)
{
	struct config *config = configure(RULES);
	struct given g;

	give(config, &g, "a@trh.example", "x@any.example", NULL);
	g.facts.role = ROLE_GUARD;
	g.facts.from_count = 2;
	expect(&g, POLICY_PASS, NULL); /* no rule asks who sends */
	g.facts.senders_matter = true;
	expect(&g, POLICY_REFUSE, "from");
	g.facts.met = POLICY_MET_ENCRYPT;
	expect(&g, POLICY_PASS, NULL);
	config_unref(config);
}
END_TEST

START_TEST(no_recipient_no_message)
{
	struct config *config = configure(RULES);
	struct given g;

	give(config, &g, "a@trh.example", NULL, NULL);
	expect(&g, POLICY_REFUSE, "recipients");
	config_unref(config);
}
END_TEST

/* ---- trace -------------------------------------------------------------------------- */

static struct trace_key *
trace_key_of(const char *octets)
{
	char path[] = "/tmp/test_policy.XXXXXX";
	struct trace_key *key = NULL;
	struct error err = ERROR_NONE;
	int fd = mkstemp(path);

	ck_assert_int_eq(write(fd, octets, strlen(octets)), (ssize_t)strlen(octets));
	close(fd);
	ck_assert_msg(trace_key_load(path, &key, &err) == ANSWER_YES, "%s", err.words);
	unlink(path);
	return key;
}

/* Every blank as a fold, and every fold as a blank; the text is the buf's. */
static const char *
refolded(struct buf *value)
{
	struct buf text;

	buf_init(&text, 1000);
	for (size_t i = 0; i < value->len; i++)
		if (value->data[i] == ' ')
			buf_add_str(&text, "\r\n \t");
		else
			buf_add_byte(&text, value->data[i] == '\n' ? ' ' : value->data[i]);
	buf_clear(value);
	buf_add_slice(value, buf_slice(&text));
	buf_free(&text);
	return buf_str(value);
}

START_TEST(trace_is_keyed)
{
	struct trace_key *ours = trace_key_of("0123456789abcdef"), *theirs = trace_key_of("fedcba9876543210");
	struct buf value;

	buf_init(&value, 1000);
	trace_write(ours, 1795420800, (const unsigned char *)"sixteen octets!!", &value);
	ck_assert(!buf_failed(&value));
	ck_assert(trace_verify(ours, buf_slice(&value)));
	ck_assert(!trace_verify(theirs, buf_slice(&value)));
	for (size_t i = 1; i < value.len; i++) {
		if (value.data[i] == '\n' || value.data[i] == '\t' || value.data[i - 1] == ';')
			continue;
		value.data[i] ^= 1;
		ck_assert_msg(!trace_verify(ours, buf_slice(&value)), "octet %zu may be changed", i);
		value.data[i] ^= 1;
	}
	/* Forwarders fold anew. */
	ck_assert(trace_verify(ours, slice_str(refolded(&value))));
	ck_assert(!trace_verify(ours, slice_str("")));
	ck_assert(!trace_verify(ours, slice_str("h=")));
	buf_free(&value);
	trace_key_free(ours);
	trace_key_free(theirs);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("policy");
	TCase *tests = tcase_create("policy");
	const TTest *all[] = {origin, originating_daemons, precedence, sign_and_encrypt_are_decided_apart,
		envelope_and_header_senders_both_count_for_encryption, triggers_only_strengthen,
		seals_what_belongs_to_the_rule, strangers_get_no_seal, from_is_one_address, envelope_sender_belongs_too,
		odd_recipients_have_rules_too, null_sender_is_not_signed_but_encrypted,
		null_sender_needs_a_from_that_can_be_read_or_none, logins, logins_are_asked_for_what_is_signed_already,
		any_login_is_for_its_own_recipients,
		traced_mail_is_not_sealed,
		existing_protection_meets_what_it_provides, missing_certificates, strictest_class_wins,
		first_rule_in_the_file_signs_for_all, hidden_recipients,
		triggers_keep_other_demands,
		guard_refuses_what_is_not_encrypted, guard_is_not_fooled_by_two_senders,
		no_recipient_no_message, trace_is_keyed};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		tcase_add_test(tests, all[i]);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
