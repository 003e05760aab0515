#include "unit.h"

#include "gateway/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ID "mx.example"
#define PARTNER "obchod@partner.example"
#define LONG_SUBJECT (60 * 1024)
#define MANY_LAYERS 32
#define MANY_SIGNERS 16

/* ---- what others wrote ------------------------------------------------------------ */

static struct message *
new_message(const char *text)
{
	struct message *m = message_new(1000);

	ck_assert_ptr_nonnull(m);
	ck_assert_int_eq(message_read(slice_str(text), m, NULL), ANSWER_YES);
	return m;
}

static void
assert_left(const char *trusted, const char *before, const char *after)
{
	char *ids[] = {(char *)trusted};
	struct config config = {.trusted_authres = {ids, trusted == NULL ? 0 : 1}};
	struct message *m = new_message(before);
	struct edit e;
	struct buf out;

	edit_init(&e, 1000);
	ck_assert(results_remove_forged(&config, ID, m, &e));
	buf_init(&out, SIZE_MAX);
	edit_apply(&e, m, &out);
	unit_assert_slice_str(buf_slice(&out), after);
	buf_free(&out);
	edit_free(&e);
	message_free(m);
}

START_TEST(what_claims_our_name_is_removed)
{
	assert_left(NULL, "Authentication-Results: other.example; smime=pass\r\nauthentication-results: MX.example; smime=pass\r\n"
		"Authentication-Results: third.example; smime=pass\r\nAUTHENTICATION-RESULTS: (x) mx.example; dkim=pass\r\n"
		"Subject: a\r\nAuthentication-Results: fourth.example; none\r\nX-Authentication-Results: mx.example; smime=pass\r\n\r\n",
		"Authentication-Results: other.example; smime=pass\r\nAuthentication-Results: third.example; smime=pass\r\n"
		"Subject: a\r\nAuthentication-Results: fourth.example; none\r\nX-Authentication-Results: mx.example; smime=pass\r\n\r\n");
}
END_TEST

START_TEST(every_layer_that_came_in_is_removed)
{
	assert_left(NULL, "X-Seal-Layer-1: signed; trust=trusted\r\nx-seal-LAYER-77: signed\r\nX-Seal: encrypt\r\n"
		"X-Seal-Layer-: a\r\nX-Seal-Layer-1: again\r\nX-Seal-Layers: b\r\n\r\n", "X-Seal: encrypt\r\nX-Seal-Layers: b\r\n\r\n");
}
END_TEST

START_TEST(of_who_is_trusted_smime_goes_and_the_rest_stays)
{
	assert_left("filter.example", "Received: a\r\nAuthentication-Results: filter.example; dkim=pass header.d=a.example;\r\n"
		" smime=pass; spf=fail\r\nAuthentication-Results: filter.example; smime=pass\r\n"
		"Authentication-Results: filter.example; spf=pass\r\nAuthentication-Results: filter.example; smime=\"pass\r\n"
		"Authentication-Results: Filter.Example; smime=fail; iprev=pass\r\n\r\n",
		"Authentication-Results: filter.example; dkim=pass header.d=a.example; spf=fail\r\n"
		"Authentication-Results: Filter.Example; iprev=pass\r\nReceived: a\r\n"
		"Authentication-Results: filter.example; spf=pass\r\n\r\n");
}
END_TEST

START_TEST(our_own_name_may_be_trusted)
{
	assert_left("MX.example", "Authentication-Results: mx.example; dkim=pass\r\n"
		"Authentication-Results: mx.example; dkim=fail; smime=pass\r\nAuthentication-Results: mx.example; smime=pass\r\n\r\n",
		"Authentication-Results: mx.example; dkim=fail\r\nAuthentication-Results: mx.example; dkim=pass\r\n\r\n");
}
END_TEST

START_TEST(what_claims_both_is_taken_for_ours)
{
	assert_left("filter.example", "Authentication-Results: (mx.example) filter.example; dkim=pass\r\n\r\n", "\r\n");
}
END_TEST

/* Some readers take a blank before the colon. */
START_TEST(a_blank_before_the_colon_hides_nothing)
{
	struct config config = {.trusted_authres = {NULL, 0}};
	struct message *m = message_new(10);
	struct edit e;

	ck_assert(message_add_field(m, slice_str("Authentication-Results\t"), slice_str(" mx.example; smime=pass")));
	ck_assert(message_add_field(m, slice_str("X-Seal-Layer-1 "), slice_str(" signed")));
	edit_init(&e, 1000);
	ck_assert(results_remove_forged(&config, ID, m, &e));
	ck_assert_uint_eq(e.field_count, 2);
	edit_free(&e);
	message_free(m);
}
END_TEST

START_TEST(a_nul_is_not_put_back)
{
	static const char value[] = " filter.example; smime=pass; dkim=pass (\0)";
	char *trusted[] = {(char *)"filter.example"};
	struct config config = {.trusted_authres = {trusted, 1}};
	struct message *m = message_new(10);
	struct edit e;

	ck_assert(message_add_field(m, slice_str("Authentication-Results"), slice_of(value, sizeof value - 1)));
	edit_init(&e, 1000);
	ck_assert(results_remove_forged(&config, ID, m, &e));
	ck_assert_uint_eq(e.field_count, 1);
	ck_assert_int_eq(e.fields[0].action, EDIT_FIELD_REMOVE);
	edit_free(&e);
	message_free(m);
}
END_TEST

START_TEST(not_any_number_of_fields_is_kept_in_part)
{
	char *trusted[] = {(char *)"filter.example"};
	struct config config = {.trusted_authres = {trusted, 1}};
	struct message *m = message_new(10);
	size_t kept = 0;
	struct edit e;

	for (size_t i = 0; i < MESSAGE_HEADER_FIELDS_MAX; i++)
		ck_assert(message_add_field(m, slice_str("Authentication-Results"),
			slice_str(" filter.example; smime=pass; dkim=pass")));
	edit_init(&e, 1000);
	ck_assert(results_remove_forged(&config, ID, m, &e));
	for (size_t i = 0; i < e.field_count; i++)
		kept += e.fields[i].action == EDIT_FIELD_PREPEND;
	ck_assert_uint_eq(kept, RESULTS_SHORTENED_MAX);
	ck_assert_uint_eq(e.field_count, MESSAGE_HEADER_FIELDS_MAX + RESULTS_SHORTENED_MAX);
	edit_free(&e);
	message_free(m);
}
END_TEST

#define HEADER_OCTETS (1024 * 1024)
#define OTHER_IDS 16
#define CPU_SECONDS 60 /* all of it takes less than one without sanitizers */

/* A header of a megabyte, of nothing but fields with this value. */
static void
look_at_many(const struct config *config, const char *id, struct slice value)
{
	struct message *m = message_new(MESSAGE_HEADER_FIELDS_MAX);
	size_t octets = 0;
	struct edit e;

	for (size_t i = 0; i < MESSAGE_HEADER_FIELDS_MAX && octets < HEADER_OCTETS; i++) {
		ck_assert(message_add_field(m, slice_str("Authentication-Results"), value));
		octets += strlen("Authentication-Results:\r\n") + value.len;
	}
	edit_init(&e, 1000);
	ck_assert(results_remove_forged(config, id, m, &e));
	edit_free(&e);
	message_free(m);
}

/* Each of these took a minute or more when names were converted, or compared with each id, at
 * everything that may end one. */
START_TEST(hostile_fields_take_no_time)
{
	static const char *const filling[] = {"\xc3\xa9 ", "\xc3\xa9, ", "a\xcc\x88.", "\xc3\xa9.", "a ", "(\xc3\xa9)", "((a) "};
	static const size_t lengths[] = {4, 250, 1000, HEADER_OCTETS};
	struct rlimit time = {CPU_SECONDS, CPU_SECONDS + 1};
	char *trusted[OTHER_IDS];
	struct config config = {.trusted_authres = {trusted, OTHER_IDS}};
	struct buf value;

	ck_assert_int_eq(setrlimit(RLIMIT_CPU, &time), 0);
	for (size_t i = 0; i < OTHER_IDS; i++)
		ck_assert_int_ge(asprintf(&trusted[i], "mx%zu.xn--pklad-zsa96e.example", i), 0);
	buf_init(&value, 2 * HEADER_OCTETS);
	for (size_t f = 0; f < sizeof filling / sizeof filling[0]; f++)
		for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
			buf_clear(&value);
			while (value.len < lengths[l])
				buf_add_str(&value, filling[f]);
			look_at_many(&config, ID, buf_slice(&value));
		}
	buf_free(&value);
	for (size_t i = 0; i < OTHER_IDS; i++)
		free(trusted[i]);
}
END_TEST

/* ---- what we say -------------------------------------------------------------------- */

/* A message in an opened envelope, signed by one whom all is right with. */
struct said {
	struct message *message;
	struct config_decryption key;
	struct config_trust trust;
	char *addresses[2];
	struct cert cert;
	struct verify_signer signatures[MANY_SIGNERS];
	struct layers_signer signers[MANY_SIGNERS];
	struct layer layers[MANY_LAYERS];
	struct inbound in;
	struct edit edit;
	struct buf text; /* the edit in words */
	struct buf flat; /* the same unfolded */
};

static void
said_init(struct said *s)
{
	*s = (struct said){
		.message = new_message("From: " PARTNER "\r\n\r\n"),
		.key = {.files = {.name = (char *)"mail"}},
		.trust = {.name = (char *)"partners"},
		.addresses = {(char *)"jana@partner.example", (char *)"Obchod@Partner.example"},
	};
	s->cert = (struct cert){.subject = (char *)"CN=Jana", .issuer = (char *)"CN=Authority,C=CZ", .serial = (char *)"1A2B",
		.addresses = s->addresses, .address_count = 2};
	s->signatures[0] = (struct verify_signer){.intact = VERIFY_INTACT, .certificate = &s->cert, .digest = "SHA-256",
		.algorithm = "RSA PKCS#1 v1.5, 2048 bits", .has_signing_time = true, .signing_time = 1800000000};
	s->signers[0] = (struct layers_signer){.signature = s->signatures, .trust = &s->trust,
		.verdict = {.intact = VERDICT_INTACT, .trust = VERDICT_TRUSTED, .address = VERDICT_MATCH}};
	s->layers[0] = (struct layer){.kind = VERDICT_ENCRYPTED, .key = &s->key, .opened = true, .tried = true,
		.decrypted = {.cipher = "AES-256-CBC", .transport = "RSA OAEP"}};
	s->layers[1] = (struct layer){.kind = VERDICT_SIGNED, .entity = {.kind = ENTITY_CLEAR_SIGNED}, .signers = s->signers,
		.verified = {.signers = s->signatures, .signer_count = 1}};
	s->in = (struct inbound){.message = s->message, .from = slice_str(PARTNER), .sender = slice_str("jana@partner.example"),
		.layers = {.layer = s->layers, .count = 2}, .told = 2, .shown = {.result = "pass", .layer = 1, .signer = 0}};
	edit_init(&s->edit, 1000);
	buf_init(&s->text, SIZE_MAX);
	buf_init(&s->flat, SIZE_MAX);
}

static const char *
say(struct said *s)
{
	const char *text;

	ck_assert(results_write(ID, &s->in, &s->edit));
	edit_print(&s->edit, &s->text);
	text = buf_str(&s->text);
	ck_assert_ptr_nonnull(text);
	return text;
}

static const char *
say_unfolded(struct said *s)
{
	for (const char *at = say(s); *at != '\0'; at++)
		if (*at != '\n' || (at[1] != ' ' && at[1] != '\t'))
			buf_add_byte(&s->flat, *at == '\t' ? ' ' : (unsigned char)*at);
	ck_assert_ptr_nonnull(buf_str(&s->flat));
	return buf_str(&s->flat);
}

static void
said_free(struct said *s)
{
	buf_free(&s->flat);
	buf_free(&s->text);
	edit_free(&s->edit);
	message_free(s->message);
}

static void
assert_lines(const char *text, size_t longest)
{
	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
		ck_assert_uint_le(strcspn(line, "\n"), longest);
}

static void
count_octets(const struct edit *e, size_t *octets)
{
	*octets = 0;
	for (size_t i = 0; i < e->field_count; i++)
		*octets += strlen(e->fields[i].name) + strlen(e->fields[i].value) + 3;
}

START_TEST(a_good_message)
{
	struct said s;

	said_init(&s);
	ck_assert_str_eq(say(&s),
		"prepend Authentication-Results: mx.example; smime=pass (encrypted with AES-256-CBC,\n"
		" signed, trusted by partners) body.smime-identifier=Obchod@Partner.example\n"
		"\tbody.smime-serial=1A2B body.smime-issuer=\"CN=Authority,C=CZ\"\n"
		"prepend X-Seal-Layer-1: encrypted; opened=yes; key=mail; cipher=AES-256-CBC;\n"
		" transport=\"RSA OAEP\"; authenticated=no\n"
		"prepend X-Seal-Layer-2: signed; form=clear; intact=intact; trust=trusted;\n"
		" trust-set=partners; address=match; qualified=\"not evaluated\"; digest=SHA-256;\n"
		" algorithm=\"RSA PKCS#1 v1.5, 2048 bits\"; signing-time=\"2027-01-15T08:00:00Z\";\n"
		" subject=\"CN=Jana\"; issuer=\"CN=Authority,C=CZ\"; serial=1A2B\n"
		"pass\n");
	said_free(&s);
}
END_TEST

/* ---- status, profile, qualified -------------------------------------------------- */

static const struct profile_rule broken_rules[] = {
	{"qc-type", PROFILE_ERROR, "section", "words", {NULL}, {NULL}},
	{"e-mail", PROFILE_NOTE, "section", "words", {NULL}, {NULL}},
	{"kept", PROFILE_ERROR, "section", "words", {NULL}, {NULL}},
	{"names", PROFILE_ERROR, "section", "words", {NULL}, {NULL}},
	{"minor", PROFILE_NOTE, "section", "words", {NULL}, {NULL}},
};
#define BROKEN_RULES (sizeof broken_rules / sizeof *broken_rules)

static void
break_rules(const struct profile *profile, struct layers_signer *s)
{
	s->profile = profile;
	for (size_t i = 0; i < BROKEN_RULES; i++) {
		s->kept.rules[i].rule = &broken_rules[i];
		s->kept.rules[i].outcome = strcmp(broken_rules[i].id, "kept") == 0 ? PROFILE_KEPT : PROFILE_BROKEN;
	}
	s->kept.count = BROKEN_RULES;
	s->kept.errors = s->kept.notes = 2;
}

static void
give_status(enum status_state state, const char *source, struct layers_signer *s)
{
	s->has_status = true;
	s->finding = (struct checker_finding){.status = {.state = state}, .told = 1800000000};
	snprintf(s->finding.source, sizeof s->finding.source, "%s", source);
}

START_TEST(a_qualified_signer_in_good_standing)
{
	static const struct profile profile = {.name = "ica-qualified-signature"};
	struct said s;

	said_init(&s);
	give_status(STATUS_GOOD, "OCSP http://ocsp.example/", &s.signers[0]);
	s.signers[0].profile = &profile;
	s.signers[0].verdict.qualified = VERDICT_QUALIFIED_SIGNATURE_QSCD;
	ck_assert_ptr_nonnull(strstr(say_unfolded(&s), "; trust=trusted; trust-set=partners; status=good; "
		"status-source=\"OCSP http://ocsp.example/\"; status-told=\"2027-01-15T08:00:00Z\"; address=match; "
		"qualified=qualified-signature-qscd; profile=ica-qualified-signature; digest=SHA-256;"));
	said_free(&s);
}
END_TEST

START_TEST(a_revoked_signer)
{
	struct said s;
	const char *text;

	said_init(&s);
	give_status(STATUS_REVOKED, "CRL /lists/a.crl", &s.signers[0]);
	s.signers[0].finding.status.since = 1700000000;
	s.signers[0].finding.status.reason = STATUS_KEY_COMPROMISE;
	s.signers[0].finding.fault = true;
	s.signers[0].finding.of = 1;
	s.signers[0].verdict.trust = VERDICT_UNTRUSTED;
	s.signers[0].verdict.revoked = true;
	s.signers[0].verdict.qualified = VERDICT_NONE;
	s.signers[0].trust = NULL;
	error_no(&s.signers[0].trust_reason, "revoked", "revoked since 2023-11-14, keyCompromise");
	s.in.shown.result = "policy";
	s.in.shown.reason = "the certificate has been revoked";
	text = say_unfolded(&s);
	ck_assert_ptr_nonnull(strstr(text, "smime=policy"));
	ck_assert_ptr_nonnull(strstr(text, "reason=\"the certificate has been revoked\""));
	ck_assert_ptr_null(strstr(text, "body."));
	ck_assert_ptr_nonnull(strstr(text, "; trust=untrusted; trust-because=\"revoked since 2023-11-14, keyCompromise\"; "
		"status=revoked; status-of=\"an authority above the certificate\"; status-since=\"2023-11-14T22:13:20Z\"; "
		"status-reason=keyCompromise; status-source=\"CRL /lists/a.crl\"; status-told=\"2027-01-15T08:00:00Z\"; "
		"status-fault=\"certificateHold, which its authority never uses\"; address=match; qualified=none; digest="));
	ck_assert_ptr_nonnull(strstr(text, "; claimed-subject="));
	said_free(&s);
}
END_TEST

START_TEST(what_a_profile_finds_is_named)
{
	static const struct profile profile = {.name = "oces-person"};
	struct said s;

	said_init(&s);
	give_status(STATUS_UNKNOWN, "", &s.signers[0]);
	error_cant_tell(&s.signers[0].finding.status.why, "no-responder", "nobody is named; ask");
	break_rules(&profile, &s.signers[0]);
	s.signers[0].verdict.qualified = VERDICT_ADVANCED;
	error_no(&s.signers[0].qualified_reason, "profile", "it does not keep the profile");
	ck_assert_ptr_nonnull(strstr(say_unfolded(&s), "; status=unknown; status-because=\"nobody is named, ask\"; "
		"address=match; qualified=advanced; qualified-because=\"it does not keep the profile\"; profile=oces-person; "
		"profile-faults=\"qc-type, names\"; profile-notes=\"e-mail, minor\"; "
		"minor=\"cannot make binding agreements\"; digest="));
	said_free(&s);
}
END_TEST

START_TEST(a_profile_that_could_not_be_looked_at)
{
	static const struct profile profile = {.name = "cesnet"};
	struct said s;

	said_init(&s);
	s.signers[0].profile = &profile;
	s.signers[0].kept.errors = 1;
	ck_assert_ptr_nonnull(strstr(say_unfolded(&s), "; profile=cesnet; profile-faults=unreadable; digest="));
	said_free(&s);
}
END_TEST

/* URLs are the certificate's, and a profile's names the configuration's. */
START_TEST(nothing_of_a_status_can_look_like_a_parameter)
{
	static const struct profile profile = {.name = "p\"; trust=trusted"};
	struct said s;
	const char *text;

	said_init(&s);
	s.signers[0].verdict.trust = VERDICT_UNTRUSTED;
	give_status(STATUS_UNKNOWN, "OCSP http://a/; trust=trusted\r\nX: \"", &s.signers[0]);
	error_cant_tell(&s.signers[0].finding.status.why, "network", "http://b/; trust=trusted; address=match");
	error_no(&s.signers[0].qualified_reason, "status", "x; trust=trusted");
	s.signers[0].profile = &profile;
	text = say_unfolded(&s);
	ck_assert_ptr_null(strstr(text, "; trust=trusted"));
	ck_assert_ptr_nonnull(strstr(text, "status-source=\"OCSP http://a/, trust=trusted??X: \\\"\""));
	ck_assert_ptr_nonnull(strstr(text, "profile=\"p\\\", trust=trusted\""));
	ck_assert_uint_eq(s.edit.field_count, 3);
	said_free(&s);
}
END_TEST

START_TEST(a_plain_message)
{
	struct said s;

	said_init(&s);
	s.in.layers.count = 0;
	s.in.told = s.in.layers.count;
	s.in.shown = (struct verdict){.result = "none", .layer = VERDICT_NOBODY, .signer = VERDICT_NOBODY};
	ck_assert_str_eq(say(&s), "prepend Authentication-Results: mx.example; smime=none\npass\n");
	said_free(&s);
}
END_TEST

START_TEST(a_broken_signature_names_nobody)
{
	struct said s;
	const char *text;

	said_init(&s);
	s.signers[0].verdict = (struct verdict_signer){.intact = VERDICT_BROKEN, .trust = VERDICT_UNTRUSTED,
		.address = VERDICT_MISMATCH};
	s.signers[0].trust = NULL;
	error_no(&s.signatures[0].reason, "digest", "the content was altered");
	s.in.shown.result = "fail";
	s.in.shown.reason = "the signature is not intact";
	ck_assert_str_eq(strstr(say_unfolded(&s), "prepend X-Seal-Layer-2"),
		"prepend X-Seal-Layer-2: signed; form=clear; intact=broken; "
		"intact-because=\"the content was altered\"; trust=untrusted; address=mismatch; "
		"qualified=\"not evaluated\"; digest=SHA-256; "
		"algorithm=\"RSA PKCS#1 v1.5, 2048 bits\"\npass\n");
	text = buf_str(&s.flat);
	ck_assert_ptr_nonnull(strstr(text, "smime=fail"));
	ck_assert_ptr_null(strstr(text, "body."));
	ck_assert_ptr_null(strstr(text, "trusted by"));
	ck_assert_ptr_null(strstr(text, "Jana"));
	said_free(&s);
}
END_TEST

START_TEST(who_is_not_trusted_only_claims_a_name)
{
	struct said s;
	const char *text;

	said_init(&s);
	s.signers[0].verdict.trust = VERDICT_UNTRUSTED;
	s.signers[0].trust = NULL;
	error_no(&s.signers[0].trust_reason, "chain", "self-signed; nobody knows it");
	s.in.shown.result = "policy";
	s.in.shown.reason = "the certificate is not trusted";
	text = say_unfolded(&s);
	ck_assert_ptr_null(strstr(text, "body."));
	ck_assert_ptr_null(strstr(text, "trusted by"));
	ck_assert_ptr_nonnull(strstr(text, "; trust=untrusted; trust-because=\"self-signed, nobody knows it\"; address=match;"));
	ck_assert_ptr_nonnull(strstr(text, " claimed-subject=\"CN=Jana\"; claimed-issuer="));
	ck_assert_ptr_nonnull(strstr(text, " claimed-serial=1A2B"));
	ck_assert_ptr_null(strstr(text, "; subject="));
	said_free(&s);
}
END_TEST

START_TEST(a_weak_signature_vouches_for_nothing)
{
	struct said s;
	const char *text;

	said_init(&s);
	s.signers[0].verdict.weak = true;
	error_no(&s.signatures[0].reason, "weak", "SHA-1");
	s.in.shown.result = "policy";
	text = say_unfolded(&s);
	ck_assert_ptr_null(strstr(text, "body."));
	ck_assert_ptr_nonnull(strstr(text, " weak=yes; weak-because=SHA-1;"));
	ck_assert_ptr_nonnull(strstr(text, "claimed-subject="));
	said_free(&s);
}
END_TEST

START_TEST(without_pass_there_is_no_identifier)
{
	struct said s;
	const char *text;

	said_init(&s);
	s.in.shown.result = "policy";
	s.in.shown.reason = "signed outside of the encryption, not the content itself";
	text = say_unfolded(&s);
	ck_assert_ptr_null(strstr(text, "smime-identifier"));
	ck_assert_ptr_nonnull(strstr(text, "body.smime-serial=1A2B"));
	ck_assert_ptr_nonnull(strstr(text, "body.smime-issuer="));
	said_free(&s);
}
END_TEST

START_TEST(the_identifier_is_who_was_found)
{
	static const struct {
		enum verdict_address address;
		const char *want;
	} cases[] = {
		{VERDICT_BOUND, "body.smime-identifier=" PARTNER " "},
		{VERDICT_SENDER, "body.smime-identifier=jana@partner.example "},
	};
	struct said s;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		said_init(&s);
		s.signers[0].verdict.address = cases[i].address;
		ck_assert_ptr_nonnull(strstr(say_unfolded(&s), cases[i].want));
		said_free(&s);
	}
	/* absent-address = accept: nobody knows an address. */
	said_init(&s);
	s.signers[0].verdict.address = VERDICT_ABSENT;
	s.signers[0].verdict.absent_accepted = true;
	ck_assert_ptr_null(strstr(say_unfolded(&s), "smime-identifier"));
	said_free(&s);
}
END_TEST

START_TEST(what_stays_closed_says_why)
{
	struct said s;

	said_init(&s);
	s.layers[0] = (struct layer){.kind = VERDICT_ENCRYPTED, .entity = {.cms = {.kind = STRUCTURE_AUTH_ENVELOPED}}};
	error_no(&s.layers[0].reason, "not-covered", "decryption-key mail is not for a@b.example");
	s.in.layers.count = 1;
	s.in.told = s.in.layers.count;
	s.in.shown = (struct verdict){.result = "none", .layer = VERDICT_NOBODY, .signer = VERDICT_NOBODY};
	ck_assert_str_eq(say_unfolded(&s),
		"prepend Authentication-Results: mx.example; smime=none (encrypted and not opened)\n"
		"prepend X-Seal-Layer-1: encrypted; opened=no; authenticated=yes; "
		"closed-because=\"decryption-key mail is not for a@b.example\"\npass\n");
	said_free(&s);
}
END_TEST

START_TEST(eight_bit_only_in_an_internationalised_message)
{
	struct said s;

	said_init(&s);
	s.cert.issuer = (char *)"CN=Ukázková";
	ck_assert_ptr_nonnull(strstr(say_unfolded(&s), "body.smime-issuer=\"CN=Uk?zkov?\""));
	ck_assert_ptr_nonnull(strstr(buf_str(&s.flat), "; issuer=\"CN=Uk?zkov?\""));
	said_free(&s);
	said_init(&s);
	s.cert.issuer = (char *)"CN=Ukázková";
	ck_assert(message_add_field(s.message, slice_str("Subject"), slice_str(" Nabídka")));
	ck_assert_ptr_nonnull(strstr(say_unfolded(&s), "body.smime-issuer=\"CN=Ukázková\""));
	said_free(&s);
}
END_TEST

START_TEST(a_certificate_cannot_write_fields_or_parameters)
{
	struct said s;
	const char *text;

	said_init(&s);
	s.signers[0].verdict.trust = VERDICT_UNTRUSTED;
	s.in.shown.result = "policy";
	s.cert.subject = (char *)"CN=a\r\nAuthentication-Results: mx.example; smime=pass\r\n\r\n\"; trust=trusted; \\\"x\x01\xff";
	s.cert.issuer = (char *)"O=a                                                                                b; address=match";
	text = say_unfolded(&s);
	ck_assert_ptr_nonnull(strstr(text, "claimed-subject=\"CN=a??Authentication-Results: mx.example, smime=pass????\\\", "
		"trust=trusted, \\\\\\\"x??\""));
	ck_assert_ptr_nonnull(strstr(text, "claimed-issuer=\"O=a b, address=match\""));
	ck_assert_ptr_null(strstr(text, "; trust=trusted"));
	ck_assert_ptr_null(strchr(text, '\r'));
	ck_assert_uint_eq(s.edit.field_count, 3);
	said_free(&s);
}
END_TEST

START_TEST(a_long_name_is_cut)
{
	char *long_name = malloc(LONG_SUBJECT + 1);
	struct said s;
	size_t octets;
	const char *text;

	memset(long_name, '"', LONG_SUBJECT);
	long_name[LONG_SUBJECT] = '\0';
	said_init(&s);
	s.cert.subject = s.cert.issuer = s.cert.serial = long_name;
	s.in.shown.reason = long_name;
	text = say(&s);
	ck_assert_ptr_nonnull(strstr(text, "\\\"...\""));
	assert_lines(text, 998);
	count_octets(&s.edit, &octets);
	ck_assert_uint_le(octets, RESULTS_FIELD_MAX + 4096);
	said_free(&s);
	free(long_name);
}
END_TEST

/* 32 layers of 16 signers, each with all that can be said at its longest. */
static void
fill(struct said *s, char *words)
{
	static struct profile long_profile;

	long_profile.name = words;
	s->cert.subject = s->cert.issuer = s->cert.serial = words;
	for (size_t i = 0; i < MANY_SIGNERS; i++) {
		s->signatures[i] = s->signatures[0];
		s->signers[i] = s->signers[0];
		s->signers[i].signature = &s->signatures[i];
		s->signers[i].verdict.weak = true;
		error_no(&s->signatures[i].reason, "weak", "%s", words);
		error_no(&s->signers[i].trust_reason, "chain", "%s", words);
		error_no(&s->signers[i].address_reason, "address", "%s", words);
		give_status(STATUS_UNKNOWN, words, &s->signers[i]);
		error_no(&s->signers[i].finding.status.why, "network", "%s", words);
		error_no(&s->signers[i].qualified_reason, "status", "%s", words);
		break_rules(&long_profile, &s->signers[i]);
	}
	for (size_t i = 0; i < MANY_LAYERS; i++) {
		s->layers[i] = s->layers[1];
		s->layers[i].signers = s->signers;
		s->layers[i].verified.signer_count = MANY_SIGNERS;
		error_no(&s->layers[i].reason, "reason", "%s", words);
	}
	s->in.layers.count = MANY_LAYERS;
}

START_TEST(all_that_is_added_has_a_limit)
{
	char words[ERROR_WORDS_MAX];
	struct said s;
	size_t octets;
	const char *text;

	for (size_t i = 0; i < sizeof words; i++)
		words[i] = i % 7 == 0 ? ' ' : '"';
	words[sizeof words - 1] = '\0';
	said_init(&s);
	fill(&s, words);
	s.in.told = s.in.layers.count;
	text = say(&s);
	count_octets(&s.edit, &octets);
	ck_assert_uint_le(octets, RESULTS_TOTAL_MAX);
	assert_lines(text, sizeof "prepend" + 78);
	for (size_t i = 1; i <= RESULTS_LAYERS_SHOWN; i++) {
		ck_assert_uint_le(strlen(s.edit.fields[i].value), RESULTS_FIELD_MAX);
		ck_assert_ptr_nonnull(strstr(s.edit.fields[i].value, "signer=1;"));
		ck_assert_ptr_nonnull(strstr(s.edit.fields[i].value, "not-shown="));
	}
	ck_assert_uint_eq(s.edit.field_count, RESULTS_LAYERS_SHOWN + 2);
	ck_assert_str_eq(s.edit.fields[0].name, "Authentication-Results");
	ck_assert_str_eq(s.edit.fields[1].name, "X-Seal-Layer-1");
	ck_assert_str_eq(s.edit.fields[RESULTS_LAYERS_SHOWN + 1].name, "X-Seal-Layer-9");
	ck_assert_str_eq(s.edit.fields[RESULTS_LAYERS_SHOWN + 1].value, " more; not-shown=24");
	said_free(&s);
}
END_TEST

/* Whether it opened, and what is inside, only the part around the content says. */
START_TEST(a_veiled_message_is_always_the_same)
{
	static const char want[] = "prepend Authentication-Results: mx.example; smime=none (encrypted) "
		"reason=\"encrypted without authentication, and not known to be its sender's\"\n"
		"prepend X-Seal-Layer-1: encrypted; key=mail; cipher=AES-256-CBC; transport=\"RSA OAEP\"; authenticated=no\npass\n";
	struct said s;

	for (int opened = 0; opened < 2; opened++) {
		struct buf inside;

		said_init(&s);
		s.in.veiled = true;
		s.in.told = 1;
		s.in.shown = (struct verdict){.result = "none", .layer = VERDICT_NOBODY, .signer = VERDICT_NOBODY};
		s.layers[0].opened = opened;
		if (!opened)
			error_no(&s.layers[0].reason, "undecryptable", "it does not decrypt");
		ck_assert_str_eq(say_unfolded(&s), want);
		buf_init(&inside, SIZE_MAX);
		results_add_layers(&s.in.layers, &inside);
		ck_assert_ptr_nonnull(strstr(buf_str(&inside), opened ? "opened=yes" : "opened=no"));
		ck_assert_ptr_nonnull(strstr(buf_str(&inside), "\r\nX-Seal-Layer-2: signed;"));
		buf_free(&inside);
		said_free(&s);
	}
}
END_TEST

START_TEST(each_of_several_signers_has_its_number)
{
	struct said s;
	const char *text;

	said_init(&s);
	for (size_t i = 1; i < MANY_SIGNERS; i++)
		s.signers[i] = s.signers[0];
	s.signers[1].verdict.intact = VERDICT_BROKEN;
	s.layers[1].verified.signer_count = MANY_SIGNERS;
	text = say_unfolded(&s);
	ck_assert_ptr_nonnull(strstr(text, "form=clear; signer=1; intact=intact;"));
	ck_assert_ptr_nonnull(strstr(text, "signer=2; intact=broken;"));
	ck_assert_ptr_nonnull(strstr(text, "signer=5;"));
	ck_assert_ptr_null(strstr(text, "signer=6"));
	ck_assert_ptr_nonnull(strstr(text, "not-shown=11\n"));
	said_free(&s);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("results");
	TCase *others = tcase_create("others"), *hostile = tcase_create("hostile"), *ours = tcase_create("ours");

	tcase_add_test(others, what_claims_our_name_is_removed);
	tcase_add_test(others, every_layer_that_came_in_is_removed);
	tcase_add_test(others, of_who_is_trusted_smime_goes_and_the_rest_stays);
	tcase_add_test(others, our_own_name_may_be_trusted);
	tcase_add_test(others, what_claims_both_is_taken_for_ours);
	tcase_add_test(others, a_blank_before_the_colon_hides_nothing);
	tcase_add_test(others, a_nul_is_not_put_back);
	tcase_add_test(others, not_any_number_of_fields_is_kept_in_part);
	suite_add_tcase(suite, others);
	tcase_add_test(hostile, hostile_fields_take_no_time);
	tcase_set_timeout(hostile, 600);
	suite_add_tcase(suite, hostile);
	tcase_add_test(ours, a_good_message);
	tcase_add_test(ours, a_qualified_signer_in_good_standing);
	tcase_add_test(ours, a_revoked_signer);
	tcase_add_test(ours, what_a_profile_finds_is_named);
	tcase_add_test(ours, a_profile_that_could_not_be_looked_at);
	tcase_add_test(ours, nothing_of_a_status_can_look_like_a_parameter);
	tcase_add_test(ours, a_plain_message);
	tcase_add_test(ours, a_broken_signature_names_nobody);
	tcase_add_test(ours, who_is_not_trusted_only_claims_a_name);
	tcase_add_test(ours, a_weak_signature_vouches_for_nothing);
	tcase_add_test(ours, without_pass_there_is_no_identifier);
	tcase_add_test(ours, the_identifier_is_who_was_found);
	tcase_add_test(ours, what_stays_closed_says_why);
	tcase_add_test(ours, eight_bit_only_in_an_internationalised_message);
	tcase_add_test(ours, a_certificate_cannot_write_fields_or_parameters);
	tcase_add_test(ours, a_long_name_is_cut);
	tcase_add_test(ours, all_that_is_added_has_a_limit);
	tcase_add_test(ours, a_veiled_message_is_always_the_same);
	tcase_add_test(ours, each_of_several_signers_has_its_number);
	suite_add_tcase(suite, ours);
	return unit_run(suite);
}
