#include "unit.h"

#include "config/config.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define LISTENER "listener \"l\" { socket = unix:/run/l.sock }\n"
#define SIGNER "signer \"s\" { key = /k }\n"
#define INBOUND "inbound-domains = b.cz listener \"i\" { socket = unix:/run/i.sock direction = inbound }\n"
#define OPENER "decryption-key \"o\" { key = /o for = b.cz }\n"
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define REVOKER "revocation \"v\" { address = v@b.cz authorities = /a signer = s "
#define LDAP "directory \"d\" { type = ldap uri = ldapi:// base = x }\n"
#define FOLDER "anchors = /a\ndirectory \"d\" { type = files path = /d }\n"

/* ---- a file, its configuration, its problems -------------------------------- */

struct result {
	enum answer answer;
	struct config *config;
	struct buf problems; /* one a line, the first one first */
	struct error err;
};

static void
on_problem(void *arg, const char *problem)
{
	struct result *r = arg;

	buf_printf(&r->problems, "%s\n", problem);
}

static void
parse_path(const char *path, struct result *r)
{
	struct buf further;

	*r = (struct result){.err = ERROR_NONE};
	buf_init(&r->problems, 1 << 20);
	r->answer = config_parse(path, &r->config, on_problem, r, &r->err);
	further = r->problems;
	buf_init(&r->problems, 1 << 20);
	if (r->answer != ANSWER_YES)
		buf_printf(&r->problems, "%s\n", r->err.words);
	buf_add_slice(&r->problems, buf_slice(&further));
	buf_free(&further);
}

static void
parse_octets(const void *text, size_t len, struct result *r)
{
	char path[] = "/tmp/seal-config-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
	parse_path(path, r);
	unlink(path);
}

static void
parse(const char *text, struct result *r)
{
	parse_octets(text, strlen(text), r);
}

static void
result_free(struct result *r)
{
	config_unref(r->config);
	buf_free(&r->problems);
}

static bool
has_problem(struct result *r, const char *words)
{
	const char *all = buf_str(&r->problems);

	return all != NULL && strstr(all, words) != NULL;
}

static struct config *
parse_good(const char *text)
{
	struct result r;
	struct config *config;

	parse(text, &r);
	ck_assert_msg(r.answer == ANSWER_YES, "refused: %s", buf_str(&r.problems));
	ck_assert_uint_eq(r.problems.len, 0);
	config = config_ref(r.config);
	result_free(&r);
	return config;
}

/* Refused, with ":LINE: " and the words in one problem. */
static void
assert_problem(const char *text, unsigned line, const char *words)
{
	struct result r;
	char place[32];
	bool found = false;
	char *rest, *one;

	parse(text, &r);
	ck_assert_msg(r.answer == ANSWER_NO, "taken without a problem:\n%s", text);
	ck_assert_ptr_null(r.config);
	snprintf(place, sizeof place, ":%u: ", line);
	rest = strdup(buf_str(&r.problems));
	one = rest;
	for (char *at = rest; (one = strsep(&at, "\n")) != NULL;)
		found = found || (strstr(one, words) != NULL && (line == 0 || strstr(one, place) != NULL));
	free(rest);
	ck_assert_msg(found, "no \"%s\" in line %u among:\n%s", words, line, buf_str(&r.problems));
	result_free(&r);
}

/* ---- defaults and values ------------------------------------------------------ */

START_TEST(defaults_of_the_whole)
{
	struct config *c = parse_good(LISTENER);

	ck_assert_ptr_null(c->user);
	ck_assert_ptr_null(c->keeper_user);
	ck_assert_str_eq(c->run_directory, RUNSTATEDIR "/sealmilter");
	ck_assert_int_eq(c->log_facility, LOG_MAIL);
	ck_assert(!c->allow_old_openssl && !c->allow_remote_mta);
	ck_assert_uint_eq(c->stop_timeout, 30);
	ck_assert_uint_eq(c->keeper_deadline, 5000);
	ck_assert_uint_eq(c->rcpt_deadline, 8);
	ck_assert_uint_eq(c->memory_limit, UINT64_C(1) << 30);
	ck_assert_uint_eq(c->message_size_limit, UINT64_C(50) << 20);
	ck_assert_uint_eq(c->mime_depth_limit, 100);
	ck_assert_uint_eq(c->mime_part_limit, 10000);
	ck_assert_uint_eq(c->header_limit, 1 << 20);
	ck_assert_uint_eq(c->recipient_limit, 1000);
	ck_assert_uint_eq(c->internal_networks.count, 0);
	ck_assert_uint_eq(c->originating_daemons.count, 0);
	ck_assert_ptr_null(c->trace_key_file);
	ck_assert_str_eq(c->sender_login_filter, "(&(uid=%l)(mail=%s))");
	ck_assert_uint_eq(c->cache_positive, 3600);
	ck_assert_uint_eq(c->cache_negative, 60);
	ck_assert_uint_eq(c->cache_size, 10000);
	ck_assert_uint_eq(c->expiry_warning, 30);
	config_unref(c);
}
END_TEST

START_TEST(defaults_of_blocks)
{
	struct config *c = parse_good(LISTENER SIGNER "anchors = /a\n"
		"directory \"d\" { type = ldap uri = ldapi:// base = \"dc=x\" }\n"
		"rule \"r\" { sender-domain = a.cz sign = s encrypt = required }\n");
	const struct config_listener *l = &c->listeners[0];
	const struct config_directory *d = &c->directories[0];
	const struct config_rule *r = &c->rules[0];

	ck_assert_uint_eq(l->mode, 0660);
	ck_assert_int_eq(l->direction, DIRECTION_OUTBOUND);
	ck_assert_int_eq(l->role, ROLE_WORK);
	ck_assert(!d->binds_address && !d->start_tls);
	ck_assert_str_eq(d->filter, "(mail=%s)");
	ck_assert_uint_eq(d->attributes.count, 4);
	ck_assert_str_eq(d->attributes.item[0], "userCertificate;binary");
	ck_assert_str_eq(d->attributes.item[3], "userSMIMECertificate");
	ck_assert_uint_eq(d->connections, 4);
	ck_assert_uint_eq(d->network_timeout, 3);
	ck_assert_uint_eq(d->operation_timeout, 3);
	ck_assert_int_eq(r->form, FORM_CLEAR);
	ck_assert_int_eq(r->digest, DIGEST_SHA256);
	ck_assert_int_eq(r->rsa_signature, RSA_SIGNATURE_PKCS1);
	ck_assert_int_eq(r->already_protected, PROTECTED_KEEP);
	ck_assert_int_eq(r->cipher, CIPHER_AES256_CBC);
	ck_assert_int_eq(r->rsa_transport, RSA_TRANSPORT_PKCS1);
	ck_assert_int_eq(r->missing, MISSING_REFUSE_RECIPIENT);
	ck_assert_int_eq(r->encrypt_to, ENCRYPT_TO_NEWEST);
	ck_assert_int_eq(r->mixed, MIXED_REFUSE);
	ck_assert(!r->any_login && !r->accept_pgp && !r->reveal_hidden);
	config_unref(c);
}
END_TEST

START_TEST(defaults_of_inbound)
{
	struct config *c = parse_good(INBOUND OPENER "trust \"t\" { anchors = /a }\n");

	ck_assert_ptr_null(c->authserv_id);
	ck_assert_uint_eq(c->trusted_authres.count, 0);
	ck_assert_int_eq(c->signature, SIGNATURE_KEEP);
	ck_assert_int_eq(c->bad_signature, FAULT_DELIVER);
	ck_assert_int_eq(c->undecryptable, FAULT_DELIVER);
	ck_assert_int_eq(c->unauthenticated, FAULT_DELIVER);
	ck_assert(!c->accept_weak_signatures && !c->accept_outside_signatures && !c->close_weak_ciphers &&
		!c->refuse_signed_twice);
	ck_assert_uint_eq(c->date_tolerance, 0);
	ck_assert_uint_eq(c->layer_limit, 8);
	ck_assert_uint_eq(c->signer_limit, 16);
	ck_assert_uint_eq(c->certificate_limit, 100);
	ck_assert_uint_eq(c->cms_recipient_limit, 4000);
	ck_assert_uint_eq(c->opened_size_limit, UINT64_C(50) << 20);
	ck_assert_uint_eq(c->sender_may_sign_for.count, 0);
	ck_assert_uint_eq(c->answer_interval, 100);
	ck_assert_uint_eq(c->decryptions[0].recipients.count, 1);
	ck_assert_ptr_null(c->decryptions[0].files.certificate);
	ck_assert(!c->trusts[0].accept_absent_address);
	ck_assert_uint_eq(c->trusts[0].senders.count + c->trusts[0].sender_domains.count, 0);
	config_unref(c);
}
END_TEST

START_TEST(every_inbound_field_takes_its_value)
{
	struct config *c = parse_good(INBOUND
		"authserv-id = mx.b.cz trusted-authres = { dkim.b.cz, x } signature = strip\n"
		"bad-signature = hold undecryptable = hold unauthenticated = hold weak-signatures = accept\n"
		"signature-outside = accept signed-twice = policy weak-ciphers = close layer-limit = 1 signer-limit = 2 "
		"certificate-limit = 3 date-tolerance = 3600\n"
		"cms-recipient-limit = 4 opened-size-limit = 20M answer-interval = 0\n"
		"sender-may-sign-for = { \"a@x.cz: b@x.cz\", \" c@x.cz :d@x.cz \" }\n"
		"decryption-key \"o\" {\n key = /k certificate = /c chain = /h pass-phrase-file = /p for = { a@b.cz, b.cz } }\n"
		"trust \"t\" { anchors = { /a, /b } intermediates = /i absent-address = accept sender = s@x.cz\n"
		"  sender-domain = { x.cz, .x.cz } }\n");
	const struct config_decryption *d = config_decryption(c, "o");
	const struct config_trust *t = &c->trusts[0];

	ck_assert_str_eq(c->inbound_domains.item[0], "b.cz");
	ck_assert_str_eq(c->authserv_id, "mx.b.cz");
	ck_assert_str_eq(c->trusted_authres.item[1], "x");
	ck_assert_int_eq(c->signature, SIGNATURE_STRIP);
	ck_assert_int_eq(c->bad_signature, FAULT_HOLD);
	ck_assert_int_eq(c->undecryptable, FAULT_HOLD);
	ck_assert_int_eq(c->unauthenticated, FAULT_HOLD);
	ck_assert(c->accept_weak_signatures && c->accept_outside_signatures && c->close_weak_ciphers &&
		c->refuse_signed_twice);
	ck_assert_uint_eq(c->date_tolerance, 3600);
	ck_assert_uint_eq(c->layer_limit, 1);
	ck_assert_uint_eq(c->signer_limit, 2);
	ck_assert_uint_eq(c->certificate_limit, 3);
	ck_assert_uint_eq(c->cms_recipient_limit, 4);
	ck_assert_uint_eq(c->opened_size_limit, UINT64_C(20) << 20);
	ck_assert_uint_eq(c->answer_interval, 0);
	ck_assert_uint_eq(c->sender_may_sign_for.count, 2);
	ck_assert_str_eq(c->sender_may_sign_for.item[0].sender, "a@x.cz");
	ck_assert_str_eq(c->sender_may_sign_for.item[0].from, "b@x.cz");
	ck_assert_str_eq(c->sender_may_sign_for.item[1].sender, "c@x.cz");
	ck_assert_str_eq(c->sender_may_sign_for.item[1].from, "d@x.cz");
	ck_assert_ptr_eq(d, &c->decryptions[0]);
	ck_assert_uint_eq(d->files.place.line, 7);
	ck_assert_str_eq(d->files.key, "/k");
	ck_assert_str_eq(d->files.certificate, "/c");
	ck_assert_str_eq(d->files.chain, "/h");
	ck_assert_str_eq(d->files.pass_phrase_file, "/p");
	ck_assert_uint_eq(d->recipients.count, 2);
	ck_assert_str_eq(t->anchors.item[1], "/b");
	ck_assert_str_eq(t->intermediates.item[0], "/i");
	ck_assert(t->accept_absent_address);
	ck_assert_str_eq(t->senders.item[0], "s@x.cz");
	ck_assert_str_eq(t->sender_domains.item[1], ".x.cz");
	config_unref(c);
}
END_TEST

START_TEST(defaults_of_trust)
{
	struct config *c = parse_good(INBOUND "trust \"t\" { anchors = /a }\n"
		"profile \"p\" { rule \"r\" { need = { policies, have, 1.2.3 } } }\n");
	const struct config_trust *t = &c->trusts[0];
	const struct config_profile *p = &c->profiles[0];

	ck_assert_uint_eq(c->recipient_trust.count, 0);
	ck_assert_int_eq(c->anchors_revocation, REVOCATION_PREFER);
	ck_assert_int_eq(c->seal_revocation, REVOCATION_PREFER);
	ck_assert_uint_eq(c->status_max_age, 3600);
	ck_assert_str_eq(c->status_directory, LOCALSTATEDIR "/lib/sealmilter/status");
	ck_assert_uint_eq(c->status_size_limit, 64 << 20);
	ck_assert_uint_eq(c->status_total_limit, 512 << 20);
	ck_assert(!c->ocsp_nonce);
	ck_assert_uint_eq(c->fetch_timeout, 5);
	ck_assert_uint_eq(c->status_timeout, 10);
	ck_assert_uint_eq(c->fetch_limit, 16);
	ck_assert_uint_eq(c->redirect_limit, 3);
	ck_assert_uint_eq(c->waiting_limit, 16);
	ck_assert_uint_eq(c->fetch_networks.count, 0);
	ck_assert_ptr_null(c->fetch_proxy);
	ck_assert_ptr_null(c->fetch_ca_file);
	ck_assert_uint_eq(t->policies.count + t->crls.count + t->profiles.count + t->aia_hosts.count, 0);
	ck_assert(!t->explicit_policy && !t->inhibit_policy_mapping && !t->inhibit_any_policy);
	ck_assert_int_eq(t->revocation, REVOCATION_PREFER);
	ck_assert(!t->crl_first && !t->profile_required && !t->qualified_signatures && !t->qualified_seals);
	ck_assert_ptr_null(p->base);
	ck_assert_uint_eq(p->parameters.count, 0);
	ck_assert_int_eq(p->rules[0].severity, SEVERITY_ERROR);
	ck_assert_ptr_null(p->rules[0].section);
	ck_assert_ptr_null(p->rules[0].text);
	ck_assert_uint_eq(p->rules[0].where.count, 0);
	config_unref(c);
}
END_TEST

START_TEST(every_field_of_trust_takes_its_value)
{
	struct config *c = parse_good(INBOUND SIGNER FOLDER
		"recipient-trust = { t, anchors } anchors-revocation = require seal-revocation = off status-max-age = 60\n"
		"status-directory = /s status-size-limit = 1M status-total-limit = 2M ocsp-nonce = yes fetch-timeout = 6 status-timeout = 7\n"
		"fetch-limit = 8 redirect-limit = 0 waiting-limit = 9 fetch-networks = { 127.0.0.0/8, \"::1/128\" }\n"
		"fetch-proxy = \"http://[2001:db8::1]:3128\" fetch-ca-file = /ca\n"
		"trust \"t\" { anchors = /a policies = { 1.2.3, 2.999.1 } explicit-policy = yes\n"
		"  inhibit-policy-mapping = yes inhibit-any-policy = yes revocation = require revocation-order = crl-first\n"
		"  crls = { /c, /d } profiles = { cesnet, own } profile-faults = refuse qualified-services = seals\n"
		"  aia-hosts = { pki.example.com, 127.0.0.1 } }\n"
		"trust \"both\" { anchors = /a qualified-services = { seals, signatures } revocation = off }\n"
		"trust \"first\" { anchors = /a qualified-services = signatures }\n"
		"rule \"r\" { recipient-domain = x.cz encrypt = required trust = { both, t } }\n");
	const struct config_trust *t = &c->trusts[0];

	ck_assert_str_eq(c->recipient_trust.item[1], "anchors");
	ck_assert_int_eq(c->anchors_revocation, REVOCATION_REQUIRE);
	ck_assert_int_eq(c->seal_revocation, REVOCATION_OFF);
	ck_assert_uint_eq(c->status_max_age, 60);
	ck_assert_str_eq(c->status_directory, "/s");
	ck_assert_uint_eq(c->status_size_limit, 1 << 20);
	ck_assert_uint_eq(c->status_total_limit, 2 << 20);
	ck_assert(c->ocsp_nonce);
	ck_assert_uint_eq(c->fetch_timeout, 6);
	ck_assert_uint_eq(c->status_timeout, 7);
	ck_assert_uint_eq(c->fetch_limit, 8);
	ck_assert_uint_eq(c->redirect_limit, 0);
	ck_assert_uint_eq(c->waiting_limit, 9);
	ck_assert_uint_eq(c->fetch_networks.count, 2);
	ck_assert_uint_eq(c->fetch_networks.item[0].bits, 104);
	ck_assert_str_eq(c->fetch_proxy, "http://[2001:db8::1]:3128");
	ck_assert_str_eq(c->fetch_ca_file, "/ca");
	ck_assert_str_eq(t->policies.item[1], "2.999.1");
	ck_assert(t->explicit_policy && t->inhibit_policy_mapping && t->inhibit_any_policy);
	ck_assert_int_eq(t->revocation, REVOCATION_REQUIRE);
	ck_assert(t->crl_first && t->profile_required);
	ck_assert_str_eq(t->crls.item[1], "/d");
	ck_assert_str_eq(t->profiles.item[1], "own");
	ck_assert_str_eq(t->aia_hosts.item[1], "127.0.0.1");
	ck_assert(!t->qualified_signatures && t->qualified_seals);
	ck_assert(c->trusts[1].qualified_signatures && c->trusts[1].qualified_seals);
	ck_assert(c->trusts[2].qualified_signatures && !c->trusts[2].qualified_seals);
	ck_assert_int_eq(c->trusts[1].revocation, REVOCATION_OFF);
	ck_assert_str_eq(c->rules[0].trust.item[0], "both");
	config_unref(c);
	c = parse_good(LISTENER "status-directory = none\n");
	ck_assert_ptr_null(c->status_directory);
	config_unref(c);
}
END_TEST

START_TEST(defaults_of_revocation)
{
	struct config *c = parse_good(LISTENER SIGNER REVOKER "}\n");
	const struct config_revocation *r = &c->revocations[0];

	ck_assert_str_eq(c->inbox_directory, LOCALSTATEDIR "/lib/sealmilter/inbox");
	ck_assert_str_eq(c->journal_directory, LOCALSTATEDIR "/lib/sealmilter/journal");
	ck_assert_ptr_null(c->worker_user);
	ck_assert_uint_eq(c->retention, 10);
	ck_assert_str_eq(c->notice_server, "smtp://localhost:25");
	ck_assert_uint_eq(c->notice_timeout, 60);
	ck_assert_uint_eq(c->request_line_limit, 100);
	ck_assert_uint_eq(c->password_parallel, 2);
	ck_assert_uint_eq(c->password_cost_limit, 16);
	ck_assert_uint_eq(c->guesses_per_certificate, 3);
	ck_assert_uint_eq(c->guesses_per_client, 10);
	ck_assert_uint_eq(c->guesses_in_all, 100);
	ck_assert_uint_eq(c->guess_delay_limit, 3600);
	ck_assert_uint_eq(c->revocation_count, 1);
	ck_assert(r->form_signed && !r->form_same_subject && !r->form_authorised && !r->form_password);
	ck_assert_str_eq(r->inventory, CONFIG_ENROLLED);
	ck_assert_str_eq(r->inventory_filter, "(sealCertificateNumber=%n)");
	ck_assert_uint_eq(r->inventory_attributes.count + r->command.count + r->trust.count, 0);
	ck_assert_ptr_null(r->title);
	ck_assert_ptr_null(r->operator_address);
	ck_assert_ptr_null(r->notice_from);
	ck_assert_ptr_null(r->contact);
	ck_assert_uint_eq(r->request_age, 72 * 60 * 60);
	ck_assert_int_eq(r->reason, CONFIG_REASON_UNSPECIFIED);
	ck_assert_uint_eq(r->command_timeout, 300);
	ck_assert(!r->approve_by_hand && !r->command_idempotent);
	ck_assert_uint_eq(r->phrase_count + r->organisation_count, 0);
	config_unref(c);
}
END_TEST

START_TEST(every_field_of_revocation_takes_its_value)
{
	struct config *c = parse_good(INBOUND SIGNER LDAP "trust \"t\" { anchors = /a } trusted-authres = mx\n"
		"user = g keeper-user = k worker-user = w inbox-directory = /i journal-directory = /j retention = 11\n"
		"notice-server = \"smtp://[::1]:2525\" notice-timeout = 5 request-line-limit = 1 password-parallel = 3\n"
		"password-cost-limit = 17 guesses-per-certificate = 4 guesses-per-client = 5 guesses-in-all = 6\n"
		"guess-delay-limit = 30\n"
		"revocation \"ica\" {\n title = \"I.CA\" address = v@b.cz authorities = { /1, /2 }\n"
		"  forms = { password, authorised, signed, same-subject } trust = t inventory = d\n"
		"  inventory-filter = \"(n=%n)\" inventory-attributes = { \"number=n\", \"password=p\" }\n"
		"  operator = o@b.cz signer = s notice-from = f@b.cz contact = \"call 1\" request-age = 3600\n"
		"  approve-by-hand = yes reason = cessationOfOperation command = { /c, \"-s\", \"%s\" } command-files = /f\n"
		"  command-timeout = 7 command-idempotent = yes\n"
		"  phrase \"de\" { number = \"Nummer =\" password = \"Kennwort =\" }\n"
		"  phrase \"second\" { language = de-AT number = \"Zahl =\" }\n"
		"  organisation \"x\" {\n certificates = /x unsigned-senders = u@x.cz organization-identifier = NTRCZ-1 }\n"
		"  organisation \"y\" { group = \"cn=y\" organization = Y country = CZ match = name }\n}\n"
		"revocation \"second\" { address = w@b.cz authorities = /1 signer = s reason = keyCompromise }\n");
	const struct config_revocation *r = &c->revocations[0];
	const struct config_organisation *o = r->organisations;

	ck_assert_str_eq(c->worker_user, "w");
	ck_assert_str_eq(c->inbox_directory, "/i");
	ck_assert_str_eq(c->journal_directory, "/j");
	ck_assert_uint_eq(c->retention, 11);
	ck_assert_str_eq(c->notice_server, "smtp://[::1]:2525");
	ck_assert_uint_eq(c->notice_timeout, 5);
	ck_assert_uint_eq(c->request_line_limit, 1);
	ck_assert_uint_eq(c->password_parallel, 3);
	ck_assert_uint_eq(c->password_cost_limit, 17);
	ck_assert_uint_eq(c->guesses_per_certificate, 4);
	ck_assert_uint_eq(c->guesses_per_client, 5);
	ck_assert_uint_eq(c->guesses_in_all, 6);
	ck_assert_uint_eq(c->guess_delay_limit, 30);
	ck_assert_uint_eq(c->revocation_count, 2);
	ck_assert_str_eq(r->name, "ica");
	ck_assert_uint_eq(r->place.line, 9);
	ck_assert_str_eq(r->title, "I.CA");
	ck_assert_str_eq(r->address, "v@b.cz");
	ck_assert_str_eq(r->authorities.item[1], "/2");
	ck_assert(r->form_signed && r->form_same_subject && r->form_authorised && r->form_password);
	ck_assert_str_eq(r->trust.item[0], "t");
	ck_assert_str_eq(r->inventory, "d");
	ck_assert_str_eq(r->inventory_filter, "(n=%n)");
	ck_assert_str_eq(r->inventory_attributes.item[1], "password=p");
	ck_assert_str_eq(r->operator_address, "o@b.cz");
	ck_assert_str_eq(r->signer, "s");
	ck_assert_str_eq(r->notice_from, "f@b.cz");
	ck_assert_str_eq(r->contact, "call 1");
	ck_assert_uint_eq(r->request_age, 3600);
	ck_assert(r->approve_by_hand && r->command_idempotent);
	ck_assert_int_eq(r->reason, CONFIG_REASON_CESSATION_OF_OPERATION);
	ck_assert_uint_eq(r->command.count, 3);
	ck_assert_str_eq(r->command.item[2], "%s");
	ck_assert_str_eq(r->command_files.item[0], "/f");
	ck_assert_uint_eq(r->command_timeout, 7);
	ck_assert_uint_eq(r->phrase_count, 2);
	ck_assert_str_eq(r->phrases[0].name, "de");
	ck_assert_ptr_null(r->phrases[0].language);
	ck_assert_str_eq(r->phrases[0].password, "Kennwort =");
	ck_assert_str_eq(r->phrases[1].language, "de-AT");
	ck_assert_ptr_null(r->phrases[1].password);
	ck_assert_uint_eq(r->organisation_count, 2);
	ck_assert_uint_eq(o[0].place.line, 18);
	ck_assert_str_eq(o[0].certificates.item[0], "/x");
	ck_assert_str_eq(o[0].unsigned_senders.item[0], "u@x.cz");
	ck_assert_str_eq(o[0].organization_identifier, "NTRCZ-1");
	ck_assert(!o[0].by_name && o[1].by_name);
	ck_assert_str_eq(o[1].group, "cn=y");
	ck_assert_str_eq(o[1].organization, "Y");
	ck_assert_str_eq(o[1].country, "CZ");
	ck_assert_int_eq(c->revocations[1].reason, CONFIG_REASON_KEY_COMPROMISE);
	ck_assert_uint_eq(c->revocations[1].organisation_count, 0);
	config_unref(c);
}
END_TEST

START_TEST(a_profile_holds_rules_of_its_own)
{
	struct config *c = parse_good(LISTENER
		"rule \"qc\" { sign = none }\n"
		"profile \"a\" {\n"
		"  base = ote-seal\n"
		"  rule \"qc\" {\n severity = note section = \"CP 7.1\" text = 'a text'\n"
		"    where = { version, is, 3 } need = { subject, lack, \"$word\", \"1.2.*\" } }\n"
		"  rule \"second\" { need = { version, is, 3 } }\n"
		"  parameters = { \"common-name=x\", \"organization-identifier=VATCZ-1\" } }\n"
		"rule \"last\" { sign = none }\n"
		"profile \"b\" {\n rule \"qc\" {\n need = { version, is, 3 } } }\n");
	const struct config_profile *a = &c->profiles[0];

	ck_assert_uint_eq(c->rule_count, 2);
	ck_assert_str_eq(c->rules[1].name, "last");
	ck_assert(c->rules[1].says_sign);
	ck_assert_uint_eq(c->profile_count, 2);
	ck_assert_str_eq(a->name, "a");
	ck_assert_uint_eq(a->place.line, 3);
	ck_assert_str_eq(a->base, "ote-seal");
	ck_assert_uint_eq(a->parameters.count, 2);
	ck_assert_str_eq(a->parameters.item[1], "organization-identifier=VATCZ-1");
	ck_assert_uint_eq(a->rule_count, 2);
	ck_assert_str_eq(a->rules[0].id, "qc");
	ck_assert_uint_eq(a->rules[0].place.line, 5);
	ck_assert_int_eq(a->rules[0].severity, SEVERITY_NOTE);
	ck_assert_str_eq(a->rules[0].section, "CP 7.1");
	ck_assert_str_eq(a->rules[0].text, "a text");
	ck_assert_uint_eq(a->rules[0].where.count, 3);
	ck_assert_uint_eq(a->rules[0].need.count, 4);
	ck_assert_str_eq(a->rules[0].need.item[2], "$word");
	ck_assert_str_eq(a->rules[0].need.item[3], "1.2.*");
	ck_assert_uint_eq(a->rules[1].place.line, 8);
	ck_assert_uint_eq(c->profiles[1].rule_count, 1);
	ck_assert_uint_eq(c->profiles[1].rules[0].place.line, 12);
	config_unref(c);
}
END_TEST

static bool
covers(const struct config *c, const char *recipient)
{
	struct address a;

	ck_assert(address_parse(slice_str(recipient), &a));
	return config_decryption_covers(&c->decryptions[0], &a);
}

START_TEST(a_decryption_key_covers_whom_it_names)
{
	struct config *c = parse_good(
		"inbound-domains = { b.cz, .b.cz } listener \"i\" { socket = unix:/i direction = by-rule }\n"
		"decryption-key \"o\" { key = /o for = { jana@b.cz, \"b\303\274ro.b.cz\", .d.b.cz } }\n");

	ck_assert(covers(c, "jana@b.cz") && covers(c, "Jana@B.CZ"));
	ck_assert(!covers(c, "petr@b.cz") && !covers(c, "jana@x.b.cz"));
	ck_assert(covers(c, "anybody@xn--bro-hoa.b.cz"));
	ck_assert(covers(c, "x@e.d.b.cz") && !covers(c, "x@d.b.cz") && !covers(c, "x@ed.b.cz"));
	ck_assert(config_domain_among(slice_str("B.cz"), &c->inbound_domains));
	ck_assert(config_domain_among(slice_str("x.y.b.cz"), &c->inbound_domains));
	ck_assert(!config_domain_among(slice_str("bb.cz"), &c->inbound_domains));
	ck_assert_ptr_null(config_decryption(c, "O"));
	config_unref(c);
}
END_TEST

START_TEST(every_field_takes_its_value)
{
	struct config *c = parse_good(
		"user = a keeper-user = b run-directory = /r log-facility = local7\n"
		"allow-old-openssl = yes memory-limit = 2G message-size-limit = 100m header-limit = 2M\n"
		"internal-networks = { 10.0.0.0/8, 192.0.2.1 } originating-daemons = { \"x\", y }\n"
		"trace-key-file = /t sender-login-file = /s anchors = { /a, /b } intermediates = /i\n"
		"listener one { socket = \"unix:/one\" mode = 0600 group = g direction = by-rule role = guard }\n"
		"listener two { socket = inet6:25@[::1] direction = inbound }\n"
		"signer s { key = /k certificate = /c chain = /h pass-phrase-file = /p }\n"
		"directory d { type = ldap uri = { ldap://h, ldap://i:1389 } start-tls = yes ca-file = /ca\n"
		"  bind-dn = \"cn=x\" password-file = /pw base = b filter = '(|(mail=%s)(uid=%u))' attributes = x\n"
		"  connections = 9 network-timeout = 2 operation-timeout = 7 binds-address = yes }\n"
		"rule r { sender = a@b.cz sender-domain = .b.cz recipient = \"+x@y.cz\" recipient-domain = y.cz\n"
		"  trigger = \"X-Seal :  Encrypt \" sign = s form = opaque digest = sha512 rsa-signature = pss\n"
		"  already-protected = wrap any-login = yes encrypt = when-possible cipher = aes128-gcm\n"
		"  rsa-transport = oaep missing-certificate = refuse-all encrypt-to = all-suitable mixed = strictest\n"
		"  accept-pgp = yes hidden-recipients = reveal also-encrypt-to = { /x, /y } }\n");
	const struct config_directory *d = &c->directories[0];
	const struct config_rule *r = &c->rules[0];

	ck_assert_str_eq(c->user, "a");
	ck_assert_str_eq(c->keeper_user, "b");
	ck_assert_int_eq(c->log_facility, LOG_LOCAL7);
	ck_assert(c->allow_old_openssl);
	ck_assert_uint_eq(c->memory_limit, UINT64_C(2) << 30);
	ck_assert_uint_eq(c->message_size_limit, UINT64_C(100) << 20);
	ck_assert_uint_eq(c->header_limit, 2 << 20);
	ck_assert_uint_eq(c->originating_daemons.count, 2);
	ck_assert_uint_eq(c->anchors.count, 2);
	ck_assert_str_eq(c->intermediates.item[0], "/i");
	ck_assert_str_eq(c->listeners[0].socket, "unix:/one");
	ck_assert_uint_eq(c->listeners[0].mode, 0600);
	ck_assert_str_eq(c->listeners[0].group, "g");
	ck_assert_int_eq(c->listeners[0].direction, DIRECTION_BY_RULE);
	ck_assert_int_eq(c->listeners[0].role, ROLE_GUARD);
	ck_assert_int_eq(c->listeners[1].direction, DIRECTION_INBOUND);
	ck_assert_str_eq(c->signers[0].pass_phrase_file, "/p");
	ck_assert_int_eq(d->type, DIRECTORY_LDAP);
	ck_assert_str_eq(d->uris.item[1], "ldap://i:1389");
	ck_assert_str_eq(d->filter, "(|(mail=%s)(uid=%u))");
	ck_assert_uint_eq(d->attributes.count, 1);
	ck_assert_uint_eq(d->operation_timeout, 7);
	ck_assert_str_eq(r->recipients.item[0], "+x@y.cz");
	ck_assert_str_eq(r->trigger_name, "X-Seal");
	ck_assert_str_eq(r->trigger_value, "Encrypt");
	ck_assert_str_eq(r->signer, "s");
	ck_assert_int_eq(r->form, FORM_OPAQUE);
	ck_assert_int_eq(r->digest, DIGEST_SHA512);
	ck_assert_int_eq(r->rsa_signature, RSA_SIGNATURE_PSS);
	ck_assert_int_eq(r->already_protected, PROTECTED_WRAP);
	ck_assert_int_eq(r->encrypt, ENCRYPT_WHEN_POSSIBLE);
	ck_assert_int_eq(r->cipher, CIPHER_AES128_GCM);
	ck_assert_int_eq(r->rsa_transport, RSA_TRANSPORT_OAEP);
	ck_assert_int_eq(r->missing, MISSING_REFUSE_ALL);
	ck_assert_int_eq(r->encrypt_to, ENCRYPT_TO_ALL);
	ck_assert_int_eq(r->mixed, MIXED_STRICTEST);
	ck_assert(r->any_login && r->accept_pgp && r->reveal_hidden);
	ck_assert_uint_eq(r->also_encrypt_to.count, 2);
	config_unref(c);
}
END_TEST

START_TEST(a_rule_speaks_only_of_what_it_was_given)
{
	struct config *c = parse_good(LISTENER SIGNER FOLDER
		"rule \"none\" { sign = none }\n"
		"rule \"seal\" { sender = a@b.cz sign = s }\n"
		"rule \"crypt\" { encrypt = never }\n");

	ck_assert_uint_eq(c->rule_count, 3);
	ck_assert(c->rules[0].says_sign && c->rules[0].signer == NULL && !c->rules[0].says_encrypt);
	ck_assert(c->rules[1].says_sign && c->rules[1].signer != NULL && !c->rules[1].says_encrypt);
	ck_assert(!c->rules[2].says_sign && c->rules[2].says_encrypt);
	ck_assert_str_eq(c->rules[2].name, "crypt");
	config_unref(c);
}
END_TEST

START_TEST(names_are_found)
{
	struct config *c = parse_good(LISTENER SIGNER FOLDER);

	ck_assert_ptr_eq(config_signer(c, "s"), &c->signers[0]);
	ck_assert_ptr_null(config_signer(c, "S"));
	ck_assert_ptr_eq(config_directory(c, "d"), &c->directories[0]);
	ck_assert_ptr_null(config_directory(c, "x"));
	config_unref(c);
}
END_TEST

START_TEST(a_reference_outlives_the_first_owner)
{
	struct config *c = parse_good(LISTENER);
	struct config *second = config_ref(c);

	config_unref(c);
	ck_assert_str_eq(second->listeners[0].name, "l");
	config_unref(second);
	config_unref(NULL);
}
END_TEST

/* ---- each option of the table -------------------------------------------------- */

/* A file in which the option stands where it may, with that value. */
static void
file_with(const struct config_option *o, const char *value, char *text, size_t size)
{
	static const char *const frame[][3] = {
		{"", LISTENER, ""},
		{"listener", "listener \"l\" { socket = unix:/run/l.sock\n", "}\n"},
		{"signer", LISTENER "signer \"s\" { key = /k\n", "}\n"},
		{"decryption-key", LISTENER "decryption-key \"o\" { \n", "}\n"},
		{"trust", LISTENER "trust \"t\" { \n", "}\n"},
		{"profile", LISTENER "profile \"p\" { \n", "}\n"},
		{"profile rule", LISTENER "profile \"p\" { rule \"r\" { \n", "} }\n"},
		{"directory", LISTENER "directory \"d\" { base = b\n", "}\n"},
		{"rule", LISTENER "rule \"r\" { \n", "}\n"},
		{"revocation", LISTENER "revocation \"v\" { \n", "}\n"},
		{"revocation phrase", LISTENER "revocation \"v\" { phrase \"de\" { \n", "} }\n"},
		{"revocation organisation", LISTENER "revocation \"v\" { organisation \"o\" { \n", "} }\n"},
	};

	for (size_t i = 0; i < sizeof frame / sizeof *frame; i++)
		if (strcmp(frame[i][0], o->block) == 0)
			snprintf(text, size, "%s%s = \"%s\"\n%s", frame[i][1], o->name, value, frame[i][2]);
}

static bool
value_is_refused(const struct config_option *o, const char *value)
{
	char text[1000], words[200];
	struct result r;
	bool refused;

	file_with(o, value, text, sizeof text);
	parse(text, &r);
	snprintf(words, sizeof words, ": %s = %s: ", o->name, value);
	refused = has_problem(&r, words);
	snprintf(words, sizeof words, ": %s: \"%s\" ", o->name, value); /* of a list */
	refused = refused || has_problem(&r, words);
	result_free(&r);
	return refused;
}

static uint64_t
read_bound(const char **text)
{
	char *end;
	uint64_t n = strtoull(*text, &end, 10);

	*text = end + 1;
	switch (*end) {
	case 'K':
		return n << 10;
	case 'M':
		return n << 20;
	case 'G':
		return n << 30;
	default:
		*text = end;
		return n;
	}
}

START_TEST(ranges_are_as_the_table_says)
{
	unsigned ranges = 0;

	for (const struct config_option *o = config_options(); o->name != NULL; o++) {
		const char *at = strstr(o->values, ", ");
		char value[32];
		uint64_t min, max;

		if (strstr(o->values, " to ") == NULL)
			continue;
		ranges++;
		at += 2;
		min = read_bound(&at);
		at += strlen(" to ");
		max = read_bound(&at);
		snprintf(value, sizeof value, "%ju", (uintmax_t)max);
		ck_assert_msg(!value_is_refused(o, value), "%s = %s", o->name, value);
		snprintf(value, sizeof value, "%ju", (uintmax_t)max + 1);
		ck_assert_msg(value_is_refused(o, value), "%s = %s", o->name, value);
		snprintf(value, sizeof value, "%ju", (uintmax_t)min);
		ck_assert_msg(!value_is_refused(o, value), "%s = %s", o->name, value);
		snprintf(value, sizeof value, "%jd", (intmax_t)min - 1);
		ck_assert_msg(value_is_refused(o, value), "%s = %s", o->name, value);
		ck_assert(value_is_refused(o, "12x"));
		ck_assert(value_is_refused(o, "99999999999999999999999"));
	}
	ck_assert_uint_ge(ranges, 15);
}
END_TEST

START_TEST(choices_are_as_the_table_says)
{
	unsigned choices = 0;

	for (const struct config_option *o = config_options(); o->name != NULL; o++) {
		char *all = strdup(o->values), *at = all, *word;

		if (strstr(o->values, " | none") == NULL && strstr(o->values, " | ") != NULL) {
			while ((word = strsep(&at, "|")) != NULL) {
				word += strspn(word, " ");
				word[strcspn(word, " ")] = '\0';
				ck_assert_msg(!value_is_refused(o, word), "%s = %s", o->name, word);
				choices++;
			}
			ck_assert_msg(value_is_refused(o, "other"), "%s", o->name);
			ck_assert_msg(value_is_refused(o, "|"), "%s", o->name);
		}
		free(all);
	}
	ck_assert_uint_ge(choices, 40);
}
END_TEST

START_TEST(an_empty_value_is_refused_everywhere)
{
	for (const struct config_option *o = config_options(); o->name != NULL; o++) {
		char text[1000], words[100];

		file_with(o, "", text, sizeof text);
		snprintf(words, sizeof words, ": %s", o->name);
		assert_problem(text, 0, words);
	}
}
END_TEST

/* ---- what is refused, and where it says so ---------------------------------------- */

static const struct {
	const char *text;
	unsigned line;
	const char *words;
} bad[] = {
	/* the text */
	{"foo = 1\n" LISTENER, 1, "no such option 'foo'"},
	{"\n\nlistener \"l\" {\n socke = x\n}\n", 4, "no such option 'socke' (in listener \"l\")"},
	{"rule \"a\" {\n rule \"b\" { }\n}\n", 2, "no such option 'rule'"},
	{"user = a\nuser = b\n" LISTENER, 2, "\"user\" is given twice, first in line 1"},
	{LISTENER "rule \"r\" { sign = none\n sign = none }", 3, "\"sign\" is given twice, first in line 2"},
	{"listener \"l\" { socket = unix:/a }\n\nlistener \"l\" { socket = unix:/b }\n", 3, "duplicate title 'l'"},
	{"\nuser = \"abc\nuser = \"x\"\n", 2, "does not end in its line"},
	{"\nuser = 'abc\n", 2, "does not end in its line"},
	{"\n/* abc\n\n", 2, "the comment that begins here does not end"},
	{"\nlistener \"l\" {\n socket = unix:/a\n", 2, "the brace that opens here is never closed"},
	{"\nanchors = { /a,\n /b\n", 2, "the brace that opens here is never closed"},
	{"}\n", 1, "unexpected closing brace"},
	{"\noriginating-daemons = *\n", 2, "must stand in quotes"},
	{"\nuser = a+b\n", 2, "must stand in quotes"},
	{"user = ${HOME}\n", 1, "settings never come from the environment"},
	{"user = \"${HOME}\"\n", 1, "settings never come from the environment"},
	{"user = \"a\\x41\"\n", 1, "a backslash in double quotes"},
	{"user = \"a\tb\"\n", 1, "control character"},
	{"user = a\001b\n", 1, "control character"},
	{"rule {\n}\n", 1, "missing title"},
	{"rule \"\" { sign = none }\n" LISTENER, 1, "the name of a rule"},
	/* the whole */
	{"", 0, "there is no listener"},
	{"user = x\nkeeper-user = x\n" LISTENER, 2, "keeper-user is the same as user"},
	{LISTENER "message-size-limit = 20M\nmemory-limit = 10M\n", 3, "memory-limit is below message-size-limit"},
	{"anchors = a.pem\n" LISTENER, 1, "\"a.pem\" is not an absolute path"},
	{"run-directory = /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
		1, "longer than 80 octets"},
	{"internal-networks = 10.0.0.1/8\n", 1, "\"10.0.0.1/8\" has bits set beyond its network part"},
	{"internal-networks = { 10.0.0.0/8, 2001:db8::1/64 }\n", 1, "\"2001:db8::1/64\" has bits set"},
	{"internal-networks = 10.0.0.0/33\n", 1, "no valid number of bits"},
	{"internal-networks = 10.0.0.0/\n", 1, "no valid number of bits"},
	{"internal-networks = 10.0.0/24\n", 1, "is not an IP address or network"},
	{"internal-networks = example.cz\n", 1, "is not an IP address or network"},
	{"internal-networks = 0.0.0.0/0\n", 1, "the whole Internet"},
	{"internal-networks = ::/0\n", 1, "the whole Internet"},
	{"internal-networks = ::ffff:0:0/96\n", 1, "the whole Internet"},
	{"sender-login-directory = d\n" LISTENER, 1, "there is no directory \"d\""},
	{LISTENER FOLDER "sender-login-directory = d\n", 4, "is not of type ldap"},
	{LISTENER "sender-login-filter = '(&(uid=%l)(mail=%s))'\n", 2, "no effect without sender-login-directory"},
	{"sender-login-filter = '(mail=%s)'\n", 1, "must hold %l"},
	{"sender-login-filter = '(uid=%l)'\n", 1, "must hold %l"},
	/* listeners */
	{"\nlistener \"l\" { }\n", 2, "listener \"l\" has no socket"},
	{"listener \"l\" { socket = /run/x }\n", 1, "is neither unix:/PATH nor"},
	{"listener \"l\" { socket = unix:x }\n", 1, "is neither unix:/PATH nor"},
	{"listener \"l\" { socket = inet:host }\n", 1, "has no port number"},
	{"listener \"l\" { socket = inet:0@localhost }\n", 1, "a port that is not from 1 to 65535"},
	{"listener \"l\" { socket = inet:65536@localhost }\n", 1, "a port that is not from 1 to 65535"},
	{"listener \"l\" { socket = inet:25 }\n", 1, "names no host"},
	{"\nlistener \"l\" {\n socket = inet:25@0.0.0.0 }\n", 3, "set allow-remote-mta = yes"},
	{"listener \"l\" { socket = inet:25@mx.example.cz }\n", 1, "set allow-remote-mta = yes"},
	{"listener \"l\" { socket = inet:25@127.example.cz }\n", 1, "set allow-remote-mta = yes"},
	{"listener \"l\" { socket = inet6:25@[::] }\n", 1, "set allow-remote-mta = yes"},
	{"listener \"l\" { socket = unix:/a mode = 0666 }\n", 1, "lets every user of this host connect"},
	{"listener \"l\" { socket = unix:/a mode = 0662 }\n", 1, "lets every user of this host connect"},
	{"listener \"l\" { socket = unix:/a mode = 0060 }\n", 1, "shuts the owner out"},
	{"listener \"l\" { socket = unix:/a mode = 1777 }\n", 1, "is not an octal file mode"},
	{"listener \"l\" { socket = unix:/a mode = 68 }\n", 1, "is not an octal file mode"},
	{"listener \"l\" { socket = inet:25@localhost mode = 0660 }\n", 1, "mode has no effect"},
	{"listener \"l\" { socket = inet:25@localhost group = g }\n", 1, "group has no effect"},
	{"listener \"l\" { socket = unix:/a direction = inbound\n role = guard }\n", 2, "cannot go with direction = inbound"},
	{"listener \"a\" { socket = unix:/a }\nlistener \"b\" { socket = unix:/a }\n", 2, "has the same socket"},
	/* signers */
	{LISTENER "signer \"s\" { }\n", 2, "signer \"s\" has no key"},
	{LISTENER "signer \"none\" { key = /k }\n", 2, "cannot be called \"none\""},
	{LISTENER "signer \"s\" { key = k }\n", 2, "is not an absolute path"},
	/* inbound mail */
	{LISTENER "\ninbound-domains = b.cz\n", 3, "inbound-domains has no effect without a listener"},
	{"inbound-domains = b.cz\nlistener \"l\" { socket = unix:/l direction = by-rule role = guard }\n", 1,
		"inbound-domains has no effect without a listener"},
	{"inbound-domains = '*.b.cz'\n", 1, "is not a domain"},
	{LISTENER "signature = strip\n", 2, "signature has no effect without inbound-domains"},
	{LISTENER "sender-may-sign-for = 'a@b.cz: c@b.cz'\n", 2, "sender-may-sign-for has no effect without"},
	{"authserv-id = 'a b'\n", 1, "is not a name such as"},
	{"authserv-id = 'a;b'\n", 1, "is not a name such as"},
	{"authserv-id = 'm\303\241x'\n", 1, "is not a name such as"},
	{"trusted-authres = { a, 'b c' }\n", 1, "\"b c\" is not a name such as"},
	{INBOUND "sender-may-sign-for = { 'a@b.cz: c@b.cz', 'a@b.cz' }\n", 2, "\"a@b.cz\" is not of the form"},
	{INBOUND "sender-may-sign-for = 'a@b.cz: b.cz'\n", 2, "is not of the form"},
	{INBOUND "sender-may-sign-for = 'a@b.cz: <c@b.cz>'\n", 2, "is not of the form"},
	{INBOUND "opened-size-limit = 2G\n", 2, "memory-limit is below 4 times opened-size-limit"},
	{INBOUND OPENER "memory-limit = 60M\n", 3, "memory-limit is below 4 times opened-size-limit"},
	/* one answer to whoever sends altered ciphertexts */
	{INBOUND OPENER "undecryptable = refuse\n", 3, "do not go together"},
	{INBOUND OPENER "bad-signature = hold\n", 3, "do not go together"},
	{INBOUND OPENER "unauthenticated = refuse\n", 3, "bad-signature = mark and unauthenticated = refuse do not go"},
	{INBOUND OPENER "undecryptable = refuse bad-signature = refuse\n", 3, "do not go together"},
	{INBOUND OPENER "undecryptable = refuse\nbad-signature = hold unauthenticated = refuse\n", 4, "do not go together"},
	{INBOUND OPENER "undecryptable = hold bad-signature = hold unauthenticated = mark\n", 3, "do not go together"},
	/* decryption keys and trust */
	{LISTENER "\n" OPENER, 3, "decryption-key \"o\" has no effect without inbound-domains"},
	{INBOUND "decryption-key \"o\" { for = b.cz }\n", 2, "decryption-key \"o\" has no key"},
	{INBOUND "decryption-key \"o\" { key = /o }\n", 2, "decryption-key \"o\" has no for"},
	{INBOUND "decryption-key \"o\" { key = /o\n for = { b.cz, x.b.cz } }\n", 3, "\"x.b.cz\" does not lie in inbound-domains"},
	{INBOUND "decryption-key \"o\" { key = /o\n for = { b.cz, .b.cz } }\n", 3, "\".b.cz\" does not lie in inbound-domains"},
	{INBOUND "decryption-key \"o\" { key = /o\n for = a@c.cz }\n", 3, "\"a@c.cz\" does not lie in inbound-domains"},
	{INBOUND "decryption-key \"o\" { key = /o\n for = 'a b@b.cz' }\n", 3, "is not a mail address"},
	{INBOUND "decryption-key \"o\" { key = /o\n for = '*.b.cz' }\n", 3, "is not a domain"},
	{LISTENER "\ntrust \"t\" { anchors = /a }\n", 3, "trust \"t\" has no effect without inbound-domains, as no"},
	{LISTENER "signer \"s\" { key = /k certificate = /c }\nseal-revocation = off\ntrust \"t\" { anchors = /a }\n", 4,
		"and no signer needs it"},
	{INBOUND "trust \"t\" { }\n", 2, "trust \"t\" has no anchors"},
	{INBOUND "trust \"anchors\" { anchors = /a }\n", 2, "a trust cannot be called \"anchors\""},
	{LISTENER "\nrecipient-trust = { x }\n", 3, "recipient-trust: there is no trust \"x\""},
	{LISTENER "\nrecipient-trust = anchors\n", 3, "\"anchors\" stands for the option anchors, which is not given"},
	{LISTENER FOLDER "rule \"r\" { encrypt = required\n trust = { anchors, x } }\n", 5, "trust: there is no trust \"x\""},
	{LISTENER FOLDER "rule \"r\" { sign = none\n trust = anchors }\n", 5, "trust has no effect in a rule without encrypt"},
	{INBOUND "trust \"t\" { anchors = /a\n policies = { 1.2.3, x } }\n", 3, "\"x\" is not an object identifier"},
	{INBOUND "trust \"t\" { anchors = /a policies = 1 }\n", 2, "is not an object identifier"},
	{INBOUND "trust \"t\" { anchors = /a policies = 3.1 }\n", 2, "is not an object identifier"},
	{INBOUND "trust \"t\" { anchors = /a policies = 1.40 }\n", 2, "is not an object identifier"},
	{INBOUND "trust \"t\" { anchors = /a policies = 1.2. }\n", 2, "is not an object identifier"},
	{INBOUND "trust \"t\" { anchors = /a policies = .1.2 }\n", 2, "is not an object identifier"},
	{INBOUND "trust \"t\" { anchors = /a policies = 1..2 }\n", 2, "is not an object identifier"},
	{INBOUND "trust \"t\" { anchors = /a policies = 1.2.03 }\n", 2, "is not an object identifier"},
	{INBOUND "trust \"t\" { anchors = /a policies = 11.2 }\n", 2, "is not an object identifier"},
	{INBOUND "trust \"t\" { anchors = /a policies = '1.2.*' }\n", 2, "is not an object identifier"},
	{INBOUND "trust \"t\" { anchors = /a policies = 2.5.29.32.0 }\n", 2, "is anyPolicy"},
	{INBOUND "trust \"t\" { anchors = /a revocation = maybe }\n", 2, "is none of prefer | require | off"},
	{INBOUND "trust \"t\" { anchors = /a revocation = off\n crls = /c }\n", 3, "crls has no effect with revocation = off"},
	{INBOUND "trust \"t\" { anchors = /a revocation = off\n revocation-order = crl-first }\n", 3,
		"revocation-order has no effect with"},
	{INBOUND "trust \"t\" { anchors = /a crls = c }\n", 2, "\"c\" is not an absolute path"},
	{INBOUND "trust \"t\" { anchors = /a\n profile-faults = refuse }\n", 3, "profile-faults has no effect without profiles"},
	{INBOUND "trust \"t\" { anchors = /a qualified-services = { seals, websites } }\n", 2,
		"\"websites\" is none of signatures | seals"},
	{INBOUND "trust \"t\" { anchors = /a qualified-services = {} }\n", 2, "qualified-services: is empty"},
	{INBOUND "trust \"t\" { anchors = /a aia-hosts = 'http://h' }\n", 2, "\"http://h\" is not a host's name"},
	{INBOUND "trust \"t\" { anchors = /a aia-hosts = h:80 }\n", 2, "is not a host's name"},
	{INBOUND "trust \"t\" { anchors = /a aia-hosts = .h.cz }\n", 2, "is not a host's name"},
	{INBOUND "trust \"t\" { anchors = /a aia-hosts = h. }\n", 2, "is not a host's name"},
	{INBOUND "trust \"t\" { anchors = /a aia-hosts = 'h i' }\n", 2, "is not a host's name"},
	{INBOUND "trust \"t\" { anchors = /a\n aia-hosts = h }\nfetch-limit = 0\n", 3, "aia-hosts has no effect with fetch-limit = 0"},
	/* revocation status and fetching */
	{LISTENER "anchors-revocation = require\n", 2, "anchors-revocation has no effect without anchors"},
	{LISTENER "seal-revocation = require\n", 2, "seal-revocation has no effect without a signer"},
	{LISTENER "fetch-timeout = 11\n", 2, "status-timeout (10 s) is below fetch-timeout (11 s)"},
	{LISTENER "fetch-timeout = 3\nstatus-timeout = 2\n", 3, "status-timeout (2 s) is below fetch-timeout (3 s)"},
	{LISTENER "status-directory = s\n", 2, "is not an absolute path"},
	{LISTENER "status-directory = None\n", 2, "is not an absolute path"},
	{LISTENER "status-size-limit = 129M\n", 2, "is out of range (size, 1K to 128M)"},
	{LISTENER "status-total-limit = 63M\n", 2, "is below status-size-limit"},
	{LISTENER "status-total-limit = 2M\nstatus-size-limit = 3M\n", 2, "is below status-size-limit"},
	{LISTENER "fetch-networks = localhost\n", 2, "\"localhost\" is not an IP address or network"},
	{LISTENER "fetch-networks = { 127.0.0.0/8, 10.0.0.1/8 }\n", 2, "\"10.0.0.1/8\" has bits set beyond"},
	{LISTENER "fetch-networks = 0.0.0.0/0\n", 2, "the whole Internet"},
	{LISTENER "fetch-proxy = proxy:3128\n", 2, "does not begin with http://"},
	{LISTENER "fetch-proxy = https://proxy:3128\n", 2, "does not begin with http://"},
	{LISTENER "fetch-proxy = socks5://proxy:3128\n", 2, "does not begin with http://"},
	{LISTENER "fetch-proxy = http://proxy\n", 2, "names no port"},
	{LISTENER "fetch-proxy = http://:3128\n", 2, "names no host"},
	{LISTENER "fetch-proxy = 'http://[::1:3128'\n", 2, "names no host"},
	{LISTENER "fetch-proxy = 'http://[]:3128'\n", 2, "names no host"},
	{LISTENER "fetch-proxy = 'http://[proxy]:3128'\n", 2, "names no host"},
	{LISTENER "fetch-proxy = 'http://user@proxy:3128'\n", 2, "names no host"},
	{LISTENER "fetch-proxy = 'http://user:1@proxy:3128'\n", 2, "holds more than host and port"},
	{LISTENER "fetch-proxy = http://proxy:0\n", 2, "a port that is not from 1 to 65535"},
	{LISTENER "fetch-proxy = http://proxy:65536\n", 2, "a port that is not from 1 to 65535"},
	{LISTENER "fetch-proxy = http://proxy:3128/\n", 2, "holds more than host and port"},
	{LISTENER "fetch-ca-file = ca\n", 2, "is not an absolute path"},
	/* profiles */
	{LISTENER "profile \"p\" { }\n", 2, "profile \"p\" has neither base nor rules"},
	{LISTENER "profile \"p q\" { base = x }\n", 2, "the name of a profile has letters"},
	{LISTENER "profile \"\" { base = x }\n", 2, "the name of a profile has from 1 to 64 octets"},
	{LISTENER "profile \"p\" { base = x }\nprofile \"p\" { base = x }\n", 3, "duplicate title 'p'"},
	{LISTENER "profile \"p\" { base = x\n parameters = { 'a=1', b } }\n", 3, "\"b\" is not of the form \"name=value\""},
	{LISTENER "profile \"p\" { base = x parameters = '=v' }\n", 2, "is not of the form"},
	{LISTENER "profile \"p\" { base = x parameters = 'a=' }\n", 2, "is not of the form"},
	{LISTENER "profile \"p\" { base = x parameters = 'a b=c' }\n", 2, "is not of the form"},
	{LISTENER "profile \"p\" { base = x\n parameters = { 'a=1', 'ab=1', 'a=2' } }\n", 3, "parameters: \"a\" is given twice"},
	{LISTENER "profile \"p\" {\n rule \"r\" {\n } }\n", 3, "rule \"r\" has no need"},
	{LISTENER "profile \"p\" {\n rule \"r\" {\n need = {} } }\n", 4, "need: is empty"},
	{LISTENER "profile \"p\" {\n rule \"r\" { need = { a, '' } } }\n", 3, "\"\" is empty"},
	{LISTENER "profile \"p\" {\n rule \"r s\" { need = a } }\n", 3, "the name of a rule in a profile has letters"},
	{LISTENER "profile \"p\" {\n rule \"r;s\" { need = a } }\n", 3, "the name of a rule in a profile has letters"},
	{LISTENER "profile \"p\" {\n rule \"\" { need = a } }\n", 3, "the name of a rule has from 1 to 64 octets"},
	{LISTENER "profile \"p\" {\n rule \"r\" { need = a }\n rule \"r\" { need = a } }\n", 4, "duplicate title 'r'"},
	{LISTENER "profile \"p\" {\n rule \"r\" { need = a }\n rule \"s\" { need = a\n severity = fatal } }\n", 5,
		"severity = fatal: is none of error | note"},
	{LISTENER "profile \"p\" {\n rule \"r\" { need = a }\n rule \"s\" { need = a\n sign = none } }\n", 5,
		"no such option 'sign' (in rule \"s\")"},
	{LISTENER "profile \"p\" {\n rule \"r\" { need = a\n need = b } }\n", 4, "\"need\" is given twice, first in line 3"},
	{LISTENER "profile \"p\" {\n base = a\n rule \"r\" { need = a }\n base = b }\n", 5,
		"\"base\" is given twice, first in line 3"},
	{LISTENER "profile \"p\" {\n rule \"r\" { need = a\n rule \"s\" { need = b } } }\n", 4, "no such option 'rule'"},
	{LISTENER "profile \"p\" {\n rule \"r\" {\n need = a }\n", 2, "the brace that opens here is never closed"},
	{LISTENER "trust \"t\" {\n profile \"p\" { base = a } }\n", 3, "no such option 'profile'"},
	/* requests for revocation: the options at top level */
	{LISTENER "inbox-directory = /i\n", 2, "inbox-directory has no effect without a revocation block"},
	{LISTENER "journal-directory = /j\n", 2, "journal-directory has no effect without a revocation block"},
	{LISTENER "worker-user = w\n", 2, "worker-user has no effect without a revocation block"},
	{LISTENER "retention = 10\n", 2, "retention has no effect without a revocation block"},
	{LISTENER "notice-server = smtp://localhost:25\n", 2, "notice-server has no effect without a revocation block"},
	{LISTENER "guesses-in-all = 5\n", 2, "guesses-in-all has no effect without a revocation block that opens the form"},
	{LISTENER SIGNER REVOKER "}\nguesses-per-client = 5\n", 4, "guesses-per-client has no effect without"},
	{LISTENER SIGNER REVOKER "}\npassword-parallel = 5\n", 4, "password-parallel has no effect without"},
	{LISTENER SIGNER REVOKER "}\njournal-directory = /i\ninbox-directory = /i\n", 4,
		"journal-directory is the same as inbox-directory"},
	{LISTENER SIGNER REVOKER "}\nstatus-directory = /i\ninbox-directory = /i\n", 5,
		"inbox-directory is the same as status-directory"},
	{LISTENER SIGNER REVOKER "}\nuser = u\n", 4, "would run as root"},
	{LISTENER SIGNER REVOKER "}\nuser = u\nworker-user = u\n", 5, "worker-user is the same as user"},
	{LISTENER SIGNER REVOKER "}\nuser = u keeper-user = k\nworker-user = k\n", 5,
		"worker-user is the same as keeper-user"},
	{LISTENER SIGNER REVOKER "}\nnotice-server = smtp://mx.b.cz:25\n", 4, "set allow-remote-mta = yes"},
	{LISTENER SIGNER REVOKER "}\nnotice-server = localhost:25\n", 4, "does not begin with smtp://"},
	{LISTENER SIGNER REVOKER "}\nretention = 9\n", 4, "is out of range (years, 10 to 100)"},
	/* the block */
	{"listener \"l\" { socket = unix:/l role = guard }\n" SIGNER REVOKER "}\n", 3, "no effect without a listener of role work"},
	{LISTENER SIGNER "revocation \"v\" { authorities = /a signer = s }\n", 3, "revocation \"v\" has no address"},
	{LISTENER SIGNER "revocation \"v\" { address = v@b.cz signer = s }\n", 3, "revocation \"v\" has no authorities"},
	{LISTENER SIGNER "revocation \"v\" { address = v@b.cz authorities = /a }\n", 3, "revocation \"v\" has no signer"},
	{LISTENER "revocation \"v\" { address = v@b.cz authorities = /a\n signer = x }\n", 3, "signer: there is no signer \"x\""},
	{LISTENER SIGNER REVOKER "}\nrevocation \"v\" { }\n", 4, "duplicate title 'v'"},
	{LISTENER SIGNER REVOKER "}\nrevocation \"w\" { authorities = /a signer = s\n address = v@B.cz }\n", 5,
		"revocation \"v\" has the same address already"},
	{LISTENER SIGNER REVOKER "\n operator = v@b.cz }\n", 4, "operator is the address of revocation \"v\""},
	{LISTENER SIGNER REVOKER "\n operator = o@č.cz }\n", 4, "operator = o@č.cz: is not in ASCII"},
	{LISTENER SIGNER REVOKER "\n notice-from = ž@b.cz }\n", 4, "notice-from = ž@b.cz: is not in ASCII"},
	{LISTENER SIGNER "revocation \"v\" { address = ž@b.cz\n authorities = /a signer = s }\n", 3, "address = ž@b.cz: is not in ASCII"},
	{LISTENER SIGNER REVOKER "\n operator = " A64 A64 A64 A64 "@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.cz }\n", 4, "is too long for a mail address"},
	{LISTENER SIGNER REVOKER "\n operator = w@b.cz }\n"
		"revocation \"w\" { authorities = /a signer = s address = w@b.cz }\n", 4, "operator is the address of revocation \"w\""},
	{LISTENER SIGNER REVOKER "\n forms = { signed, fax } }\n", 4,
		"\"fax\" is none of signed | same-subject | authorised | password"},
	{LISTENER SIGNER REVOKER "\n forms = same-subject }\n", 4, "revocation \"v\" has no trust"},
	{LISTENER SIGNER REVOKER "\n forms = authorised }\n", 4, "revocation \"v\" has no trust"},
	{LISTENER SIGNER REVOKER "\n forms = authorised }\n", 4, "revocation \"v\" has no organisation"},
	{LISTENER SIGNER REVOKER "forms = same-subject\n trust = t }\n", 4, "trust: there is no trust \"t\""},
	{INBOUND SIGNER "trust \"t\" { anchors = /a }\n" REVOKER "\n trust = t }\n", 5, "trust has no effect without one of"},
	{INBOUND SIGNER "trust \"t\" { anchors = /a revocation = off }\n" REVOKER "forms = same-subject\n trust = t }\n", 5,
		"trust: \"t\" has revocation = off"},
	{LISTENER SIGNER "anchors = /a anchors-revocation = off\n" REVOKER "forms = same-subject\n trust = anchors }\n", 5,
		"trust: anchors has anchors-revocation = off"},
	{LISTENER SIGNER REVOKER "forms = password\n request-age = 60 }\n", 4, "request-age has no effect without a signed form"},
	{LISTENER SIGNER REVOKER "\n inventory = d }\n", 4, "inventory: there is no directory \"d\""},
	{LISTENER SIGNER FOLDER REVOKER "\n inventory = d }\n", 6, "inventory: directory \"d\" is not of type ldap"},
	{LISTENER SIGNER "directory \"enrolled\" { type = files path = /d }\n" REVOKER "\n inventory = enrolled }\n", 5,
		"give the directory another name"},
	{LISTENER SIGNER "directory \"d\" { type = ldap base = x\n uri = ldap://h }\n" REVOKER "inventory = d }\n", 4,
		"ldap://h: an inventory relies on answers"},
	{LISTENER SIGNER REVOKER "\n inventory-filter = '(a=%n)' }\n", 4, "inventory-filter has no effect with inventory = enrolled"},
	{LISTENER SIGNER REVOKER "\n inventory-attributes = 'number=a' }\n", 4, "inventory-attributes has no effect with"},
	{LISTENER SIGNER LDAP REVOKER "inventory = d\n inventory-filter = '(a=b)' }\n", 5, "must hold %n"},
	{LISTENER SIGNER LDAP REVOKER "inventory = d\n inventory-filter = '(a=%s)' }\n", 5, "none of the letters"},
	{LISTENER SIGNER LDAP REVOKER "inventory = d\n inventory-attributes = 'serial=a' }\n", 5, "is not of the form"},
	{LISTENER SIGNER LDAP REVOKER "inventory = d\n inventory-attributes = { 'number=a', 'number=b' } }\n", 5,
		"\"number\" is given twice"},
	{LISTENER SIGNER REVOKER "\n approve-by-hand = yes }\n", 4, "approve-by-hand has no effect without command"},
	{LISTENER SIGNER REVOKER "\n command-files = /f }\n", 4, "command-files has no effect without command"},
	{LISTENER SIGNER REVOKER "\n command-timeout = 5 }\n", 4, "command-timeout has no effect without command"},
	{LISTENER SIGNER REVOKER "\n command-idempotent = yes }\n", 4, "command-idempotent has no effect without command"},
	{LISTENER SIGNER REVOKER "\n command = { sh, '-c' } }\n", 4, "\"sh\" is not an absolute path"},
	{LISTENER SIGNER REVOKER "command = /c\n command-files = f }\n", 4, "\"f\" is not an absolute path"},
	{LISTENER SIGNER REVOKER "command = /c\n command-timeout = 3601 }\n", 4, "is out of range"},
	/* phrases and organisations in it */
	{LISTENER SIGNER REVOKER "\n phrase \"de\" { password = x } }\n", 4, "phrase \"de\" has no number"},
	{LISTENER SIGNER REVOKER "\n phrase \"in German\" { number = x } }\n", 4, "\"in German\" is not a language tag"},
	{LISTENER SIGNER REVOKER "\n phrase \"x\" { number = x\n language = 1 } }\n", 5, "\"1\" is not a language tag"},
	{LISTENER SIGNER REVOKER "\n phrase \"de\" { number = x\n title = x } }\n", 5, "no such option 'title' (in phrase \"de\")"},
	{LISTENER SIGNER REVOKER "\n organisation \"o\" { certificates = /o organization-identifier = x } }\n", 4,
		"organisation \"o\" has no effect without the form authorised"},
	{LISTENER SIGNER REVOKER "forms = authorised\n organisation \"o\" { organization-identifier = x } }\n", 4,
		"nobody could speak for it"},
	{LISTENER SIGNER REVOKER "forms = authorised\n organisation \"o\" { certificates = /o } }\n", 4,
		"has neither organization-identifier nor both"},
	{LISTENER SIGNER REVOKER "forms = authorised\n organisation \"o\" { certificates = /o organization = x match = name } }\n",
		4, "has neither organization-identifier nor both"},
	{LISTENER SIGNER REVOKER "forms = authorised\n organisation \"o\" { certificates = /o organization = x country = CZ } }\n",
		4, "are compared only with match = name"},
	{LISTENER SIGNER REVOKER "forms = authorised\n organisation \"o\" { organization-identifier = x\n organization = x } }\n",
		5, "organization has no effect beside organization-identifier"},
	{LISTENER SIGNER REVOKER "forms = authorised\n organisation \"o\" { organization-identifier = x\n match = name } }\n", 5,
		"match = name has no effect beside organization-identifier"},
	{LISTENER SIGNER REVOKER "forms = authorised\n organisation \"o\" { organization = x match = name\n country = cz } }\n", 5,
		"is not a code of two capitals"},
	{LISTENER SIGNER REVOKER "forms = authorised\n organisation \"o\" { organization-identifier = x\n group = x } }\n", 5,
		"group has no effect with inventory = enrolled"},
	{LISTENER SIGNER REVOKER "forms = authorised\n organisation \"o\" { organization-identifier = x\n unsigned-senders = a@b.cz } }\n",
		5, "unsigned-senders has no effect without trusted-authres"},
	{LISTENER SIGNER REVOKER "organisation \"o\" { certificates = /o }\n organisation \"o\" { } }\n", 4, "duplicate title 'o'"},
	/* directories */
	{LISTENER "directory \"d\" { }\n", 2, "directory \"d\" has no type"},
	{LISTENER "directory \"d\" { type = files }\n", 2, "has no path"},
	{LISTENER "directory \"d\" { type = files path = /d\n base = x }\n", 3, "base has no effect"},
	{LISTENER "directory \"d\" { type = ldap uri = ldapi:// }\n", 2, "has no base"},
	{LISTENER "directory \"d\" { type = ldap base = x }\n", 2, "has no uri"},
	{LISTENER "directory \"d\" { type = ldap uri = ldapi:// base = x path = /d }\n", 2, "path has no effect"},
	{LISTENER "directory \"d\" { type = ldap uri = http://x base = x }\n", 2, "does not begin with ldap://"},
	{LISTENER "directory \"d\" { type = ldap uri = ldap:// base = x }\n", 2, "names no host"},
	{LISTENER "directory \"d\" { type = ldap uri = ldaps://h base = x start-tls = yes }\n", 2, "start-tls = yes is for ldap://"},
	{LISTENER "directory \"d\" { type = ldap uri = ldap://h base = x ca-file = /c }\n", 2, "ca-file has no effect"},
	{LISTENER "directory \"d\" { type = ldap uri = ldapi:// base = x bind-dn = x }\n", 2, "go together"},
	{LISTENER "directory \"d\" { type = ldap uri = ldapi:// base = x password-file = /x }\n", 2, "go together"},
	{LISTENER "directory \"d\" { type = ldap\n uri = ldap://h base = x bind-dn = x password-file = /x }\n", 3,
		"send the password over the network in clear"},
	{LISTENER "directory \"d\" { type = ldap uri = ldap://h base = x binds-address = yes }\n", 2,
		"binds-address = yes relies on"},
	{LISTENER "sender-login-directory = d\ndirectory \"d\" { type = ldap uri = ldap://h base = x }\n", 3,
		"sender-login-directory relies on"},
	{LISTENER "directory \"d\" { type = ldap uri = { ldap://h, ldap://i } base = x network-timeout = 8 }\n", 2,
		"the second server would never be asked"},
	{LISTENER "directory \"d\" { type = ldap uri = ldapi:// base = x filter = 'mail=%s' }\n", 2, "not one LDAP filter"},
	{LISTENER "directory \"d\" { type = ldap uri = ldapi:// base = x filter = '(mail=%s' }\n", 2, "not one LDAP filter"},
	{LISTENER "directory \"d\" { type = ldap uri = ldapi:// base = x filter = '(a=%s)(b=c)' }\n", 2, "not one LDAP filter"},
	{LISTENER "directory \"d\" { type = ldap uri = ldapi:// base = x filter = '(a=*)' }\n", 2, "the same entry for everybody"},
	{LISTENER "directory \"d\" { type = ldap uri = ldapi:// base = x filter = '(a=%x)' }\n", 2, "none of the letters"},
	{LISTENER "directory \"d\" { type = ldap uri = ldapi:// base = x attributes = 'a b' }\n", 2, "LDAP attribute's name"},
	/* rules */
	{LISTENER "\nrule \"r\" { sender = a@b.cz }\n", 3, "says neither sign nor encrypt"},
	{LISTENER "rule \"r\" { sender = a@b.cz\n sign = x }\n", 3, "there is no signer \"x\""},
	{LISTENER SIGNER "rule \"r\" { recipient = a@b.cz\n sign = s }\n", 4, "who may use the seal \"s\" must be said"},
	{LISTENER "rule \"r\" { sender = { a@b.cz, nobody }\n sign = none }\n", 2, "\"nobody\" is not a mail address"},
	{LISTENER "rule \"r\" { sender = '<a@b.cz>'\n sign = none }\n", 2, "is not a mail address"},
	{LISTENER "rule \"r\" { sender = {}\n sign = none }\n", 2, "sender: is empty"},
	{LISTENER "rule \"r\" { sender-domain = '*.b.cz' sign = none }\n", 2, "is not a domain"},
	{LISTENER "rule \"r\" { recipient-domain = a@b.cz sign = none }\n", 2, "is not a domain"},
	{LISTENER "rule \"r\" { recipient-domain = '.' sign = none }\n", 2, "is not a domain"},
	{LISTENER FOLDER "rule \"r\" { trigger = X-Seal encrypt = required }\n", 4, "not of the form"},
	{LISTENER FOLDER "rule \"r\" { trigger = 'X-Seal: ' encrypt = required }\n", 4, "not of the form"},
	{LISTENER FOLDER "rule \"r\" { trigger = 'X Seal: a' encrypt = required }\n", 4, "header field's name"},
	{LISTENER FOLDER "rule \"r\" { trigger = 'SUBJECT: a' encrypt = required }\n", 4, "names a field that mail needs"},
	{LISTENER FOLDER "rule \"r\" { trigger = 'content-type: a' encrypt = required }\n", 4, "names a field that mail needs"},
	{LISTENER "rule \"r\" { trigger = 'X-Seal: n'\n sign = none }\n", 3, "triggers can only strengthen"},
	{LISTENER "rule \"r\" { trigger = 'X-Seal: n'\n encrypt = never }\n", 3, "triggers can only strengthen"},
	{LISTENER "rule \"r\" { encrypt = never\n form = opaque }\n", 3, "form has no effect in a rule without sign"},
	{LISTENER "rule \"r\" { sign = none\n cipher = aes128-cbc }\n", 3, "cipher has no effect in a rule without encrypt"},
	{LISTENER "rule \"r\" {\n encrypt = required }\n", 3, "there is no directory"},
	{LISTENER "directory \"d\" { type = files path = /d }\nrule \"r\" {\n encrypt = when-possible }\n", 4,
		"without anchors, recipient-trust or trust no recipient's"},
	{LISTENER "anchors = {}\ndirectory \"d\" { type = files path = /d }\nrule \"r\" { encrypt = required }\n", 4,
		"without anchors"},
};

START_TEST(is_refused_with_line_and_reason)
{
	assert_problem(bad[_i].text, bad[_i].line, bad[_i].words);
}
END_TEST

START_TEST(what_looks_alike_is_taken)
{
	static const char *const good[] = {
		"allow-remote-mta = yes listener \"l\" { socket = inet:25@0.0.0.0 }",
		"listener \"l\" { socket = inet:25@127.1.2.3 }",
		LISTENER "directory \"d\" { type = ldap uri = ldap://127.0.0.1:1389 base = x bind-dn = x password-file = /x }",
		LISTENER "directory \"d\" { type = ldap uri = ldap://h base = x bind-dn = x password-file = /x start-tls = yes }",
		LISTENER "directory \"d\" { type = ldap uri = ldaps://h base = x bind-dn = x password-file = /x ca-file = /c }",
		LISTENER "directory \"d\" { type = ldap uri = ldap://h base = x }",
		LISTENER "sender-login-file = /x sender-login-directory = d\n"
			"directory \"d\" { type = ldap uri = ldapi:// base = x }",
		LISTENER "internal-networks = {}",
		LISTENER "rule \"r\" { sender-domain = { b\303\274cher.example, xn--bcher-kva.example } sign = none }",
		INBOUND OPENER "undecryptable = refuse bad-signature = refuse unauthenticated = refuse",
		INBOUND OPENER "undecryptable = hold bad-signature = hold unauthenticated = hold",
		INBOUND OPENER "undecryptable = deliver bad-signature = mark unauthenticated = mark",
		INBOUND "bad-signature = refuse",
		INBOUND OPENER "signer \"o\" { key = /o }",
		INBOUND "decryption-key \"o\" { key = /o for = { B.cz, \"a@b.CZ\" } }",
		"inbound-domains = .cz listener \"i\" { socket = unix:/i direction = by-rule }\n"
			"decryption-key \"o\" { key = /o for = { .cz, .b.cz, b.cz, a@b.cz } }",
		INBOUND "authserv-id = mx.b.cz trusted-authres = { mx.a.cz, MX.b.cz }",
		LISTENER "memory-limit = 60M",
		LISTENER "signer \"r\" { key = /k }\nrule \"r\" { sign = none }",
		INBOUND "trust \"t\" { anchors = /a explicit-policy = yes revocation = require }",
		INBOUND "trust \"t\" { anchors = /a revocation = off }\nanchors = /b anchors-revocation = require",
		LISTENER "recipient-trust = t directory \"d\" { type = files path = /d }\n"
			"trust \"t\" { anchors = /a } rule \"r\" { encrypt = required }",
		LISTENER "directory \"d\" { type = files path = /d }\n"
			"trust \"t\" { anchors = /a } rule \"r\" { encrypt = required trust = t }",
		LISTENER FOLDER "recipient-trust = anchors anchors-revocation = off rule \"r\" { encrypt = required trust = anchors }",
		INBOUND "trust \"t\" { anchors = /a policies = { 0.39, 1.39.1, 2.999, 2.16.840.1.101.3.2.1.48.1 } }",
		INBOUND "trust \"t\" { anchors = /a profiles = { unknown, cesnet } profile-faults = mark }",
		INBOUND "trust \"t\" { anchors = /a aia-hosts = { Pki-1.example.COM, xn--bcher-kva.example } }",
		LISTENER "fetch-timeout = 10 fetch-limit = 0 fetch-proxy = HTTP://proxy.example.com:65535",
		LISTENER "profile \"p\" { base = ote-seal } profile \"p.2_B-x\" { rule \"r\" { need = '%+' } base = y }",
		LISTENER "profile \"p\" { parameters = { 'a=b', \"ab=c=d e\" } rule \"r\" { need = '$a' } }",
		LISTENER "// comment\n# comment\n/* a\n * b */ user = x# y\n",
		LISTENER "anchors = { # first\n /a, /* second */ /b // third\n }",
		LISTENER SIGNER REVOKER "forms = password } guesses-in-all = 7 notice-server = smtp://127.0.0.1:1025",
		LISTENER SIGNER REVOKER "} allow-remote-mta = yes notice-server = smtp://mx.b.cz:25",
		LISTENER SIGNER REVOKER "} user = u keeper-user = k worker-user = w",
		LISTENER SIGNER REVOKER "operator = o@b.cz notice-from = v@b.cz }\n"
			"revocation \"w\" { address = w@b.cz authorities = /a signer = s operator = o@b.cz }",
		LISTENER SIGNER "directory \"enrolled\" { type = files path = /d }" REVOKER "}",
		LISTENER SIGNER "directory \"d\" { type = ldap uri = ldap://h base = x start-tls = yes }" REVOKER "inventory = d }",
		"listener \"l\" { socket = unix:/l } seal-revocation = off trust \"t\" { anchors = /a }" SIGNER REVOKER
			"forms = same-subject trust = t }",
		LISTENER SIGNER "anchors = /a " REVOKER "forms = { password, same-subject } trust = anchors request-age = 60 }",
		LISTENER SIGNER REVOKER "phrase \"a\" { language = x-own number = '\303\241 = ' } phrase \"hu\" { number = a } }",
		"\r\n" LISTENER "\r\nuser = x\r\n",
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		config_unref(parse_good(good[i]));
}
END_TEST

START_TEST(comments_never_become_values)
{
	struct config *c = parse_good(LISTENER "user = x# y\nanchors = { # /n,\n /a, /* /n, */ /b // , /n\n }");

	ck_assert_str_eq(c->user, "x");
	ck_assert_uint_eq(c->anchors.count, 2);
	ck_assert_str_eq(c->anchors.item[1], "/b");
	config_unref(c);
}
END_TEST

START_TEST(line_numbers_survive_comments)
{
	struct config *c = parse_good("/* one */ # two\n/* a\n b */\n\n" LISTENER "rule \"r\" {\n/* x */\nsign = none }\n");

	ck_assert_uint_eq(c->listeners[0].place.line, 5);
	ck_assert_uint_eq(c->rules[0].place.line, 6);
	config_unref(c);
	assert_problem("/* one */ # two\n/* a\n b */\n\n" LISTENER "rule \"r\" {\n/* x */\nsing = none }\n", 8, "sing");
}
END_TEST

START_TEST(every_problem_is_reported)
{
	struct result r;

	parse("rcpt-deadline = 900\nlistener \"l\" {\n socket = tcp:9\n mode = 0666\n}\n"
		"rule \"r\" {\n sign = x\n form = round\n}\n", &r);
	ck_assert_int_eq(r.answer, ANSWER_NO);
	ck_assert_str_eq(r.err.code, "configuration");
	ck_assert(strstr(r.err.words, ":1: rcpt-deadline = 900: is out of range (seconds, 1 to 300)") != NULL);
	ck_assert(has_problem(&r, ":3: socket = tcp:9: "));
	ck_assert(has_problem(&r, ":4: mode = 0666: "));
	ck_assert(has_problem(&r, ":7: sign: there is no signer \"x\""));
	ck_assert(has_problem(&r, ":8: form = round: is none of clear | opaque"));
	result_free(&r);
}
END_TEST

START_TEST(sixteen_listeners_and_no_more)
{
	struct result r;
	struct buf text;

	buf_init(&text, 100000);
	for (int i = 0; i < CONFIG_LISTENERS_MAX; i++)
		buf_printf(&text, "listener \"%d\" { socket = unix:/run/%d }\n", i, i);
	config_unref(parse_good(buf_str(&text)));
	buf_add_str(&text, "listener \"more\" { socket = unix:/run/more }\n");
	parse(buf_str(&text), &r);
	ck_assert(has_problem(&r, ":17: there are more than 16 blocks of the kind listener"));
	result_free(&r);
	buf_free(&text);
}
END_TEST

START_TEST(sixty_four_policies_and_no_more)
{
	struct buf text;

	buf_init(&text, 10000);
	for (unsigned count = CONFIG_POLICIES_MAX; count <= CONFIG_POLICIES_MAX + 1; count++) {
		buf_clear(&text);
		buf_printf(&text, "%strust \"t\" { anchors = /a\n policies = { ", INBOUND);
		for (unsigned i = 0; i < count; i++)
			buf_printf(&text, "1.2.%u, ", i);
		buf_printf(&text, "} }\n");
		if (count == CONFIG_POLICIES_MAX)
			config_unref(parse_good(buf_str(&text)));
	}
	assert_problem(buf_str(&text), 3, "policies: there are more than 64");
	buf_free(&text);
}
END_TEST

static void
add_words(struct buf *text, unsigned count)
{
	buf_printf(text, "need = { ");
	for (unsigned i = 0; i < count; i++)
		buf_printf(text, "w%u, ", i);
	buf_printf(text, "}");
}

/* So many profiles, the last with so many rules, each with so many words. */
static void
many_profiles(struct buf *text, unsigned profiles, unsigned rules, unsigned words)
{
	buf_clear(text);
	buf_printf(text, "%s", LISTENER);
	for (unsigned i = 1; i < profiles; i++)
		buf_printf(text, "profile \"p%u\" { base = x }\n", i);
	buf_printf(text, "profile \"last\" {\n");
	for (unsigned i = 0; i < rules; i++) {
		buf_printf(text, "rule \"r%u\" { ", i);
		add_words(text, words);
		buf_printf(text, " }\n");
	}
	buf_printf(text, "}\n");
}

START_TEST(profiles_have_their_limits)
{
	struct config *c;
	struct buf text;

	buf_init(&text, 1 << 20);
	many_profiles(&text, CONFIG_PROFILES_MAX, CONFIG_PROFILE_RULES_MAX, CONFIG_PROFILE_WORDS_MAX);
	c = parse_good(buf_str(&text));
	ck_assert_uint_eq(c->profiles[63].rule_count, 64);
	ck_assert_uint_eq(c->profiles[63].rules[63].need.count, 31);
	config_unref(c);
	many_profiles(&text, CONFIG_PROFILES_MAX + 1, 1, 1);
	assert_problem(buf_str(&text), 66, "there are more than 64 blocks of the kind profile");
	many_profiles(&text, 1, CONFIG_PROFILE_RULES_MAX + 1, 1);
	assert_problem(buf_str(&text), 67, "there are more than 64 blocks of the kind rule");
	many_profiles(&text, 1, 1, CONFIG_PROFILE_WORDS_MAX + 1);
	assert_problem(buf_str(&text), 3, "need: there are more than 31 words");
	buf_free(&text);
}
END_TEST

START_TEST(a_word_has_its_limit)
{
	char word[258], text[400];

	memset(word, 'w', 257);
	word[257] = '\0';
	snprintf(text, sizeof text, LISTENER "profile \"p\" { rule \"r\" { need = \"%s\" } }\n", word + 1);
	config_unref(parse_good(text));
	snprintf(text, sizeof text, LISTENER "profile \"p\" { rule \"r\" { need = \"%s\" } }\n", word);
	assert_problem(text, 2, "is too long");
}
END_TEST

START_TEST(a_command_has_its_limits)
{
	struct buf text;

	buf_init(&text, 10000);
	for (unsigned over = 0; over <= 1; over++) {
		buf_clear(&text);
		buf_printf(&text, "%s%s%s\n command = { /c, ", LISTENER, SIGNER, REVOKER);
		for (unsigned i = 1; i < CONFIG_COMMAND_ARGUMENTS_MAX + over; i++)
			buf_printf(&text, "a, ");
		buf_printf(&text, "}\n command-files = { ");
		for (unsigned i = 0; i < CONFIG_COMMAND_FILES_MAX + over; i++)
			buf_printf(&text, "/f, ");
		buf_printf(&text, "} }\n");
		if (over == 0)
			config_unref(parse_good(buf_str(&text)));
	}
	assert_problem(buf_str(&text), 4, "command: there are more than 64 arguments");
	assert_problem(buf_str(&text), 5, "command-files: there are more than 16");
	buf_free(&text);
}
END_TEST

/* Far more braces than anybody means: refused, and in little memory. */
START_TEST(deep_blocks_are_refused)
{
	struct result r;
	struct buf text;

	buf_init(&text, 4 << 20);
	buf_printf(&text, "profile \"p\" {\n");
	for (int i = 0; i < 100000; i++)
		buf_printf(&text, "rule \"r%d\" { ", i);
	for (int i = 0; i < 100001; i++)
		buf_printf(&text, "}");
	parse(buf_str(&text), &r);
	ck_assert_int_eq(r.answer, ANSWER_NO);
	ck_assert(has_problem(&r, ":2: no such option 'rule'"));
	result_free(&r);
	buf_free(&text);
}
END_TEST

START_TEST(a_socket_path_fits_into_its_address)
{
	char path[101], text[300];

	memset(path, 'a', 100);
	path[0] = '/';
	path[100] = '\0';
	snprintf(text, sizeof text, "listener \"l\" { socket = unix:%s }", path);
	config_unref(parse_good(text));
	snprintf(text, sizeof text, "listener \"l\" { socket = unix:%sa }", path);
	assert_problem(text, 1, "a path of more than 100 octets");
}
END_TEST

START_TEST(what_is_no_text_file_is_refused)
{
	struct result r;
	char *large = malloc(5 << 20);

	parse_path("/nonexistent/sealmilter.conf", &r);
	ck_assert_int_eq(r.answer, ANSWER_NO);
	ck_assert(has_problem(&r, "/nonexistent/sealmilter.conf"));
	result_free(&r);
	parse_path("/tmp", &r);
	ck_assert_int_eq(r.answer, ANSWER_NO);
	result_free(&r);
	parse_octets("user = a\0b\n", 11, &r);
	ck_assert_int_eq(r.answer, ANSWER_NO);
	result_free(&r);
	memset(large, '\n', 5 << 20);
	parse_octets(large, 5 << 20, &r);
	ck_assert_int_eq(r.answer, ANSWER_NO);
	result_free(&r);
	free(large);
}
END_TEST

START_TEST(no_broken_file_spoils_the_next)
{
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct result r;

		parse(bad[i].text, &r);
		result_free(&r);
		config_unref(parse_good(LISTENER));
	}
}
END_TEST

static void *
parse_many(void *arg)
{
	bool *good = arg;

	*good = true;
	for (int i = 0; i < 50; i++) {
		struct result r;

		parse(i % 2 == 0 ? LISTENER : "user = \"x\n", &r);
		*good = *good && r.answer == (i % 2 == 0 ? ANSWER_YES : ANSWER_NO);
		*good = *good && (i % 2 == 0 || has_problem(&r, ":1: the quoted text"));
		result_free(&r);
	}
	return NULL;
}

START_TEST(threads_do_not_disturb_each_other)
{
	pthread_t thread[4];
	bool good[4];

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, parse_many, &good[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		ck_assert(good[i]);
	}
}
END_TEST

/* ---- networks ------------------------------------------------------------------------ */

static bool
contains(const struct config *c, const char *text)
{
	struct in6_addr address;

	ck_assert_int_eq(inet_pton(AF_INET6, text, &address), 1);
	return config_network_contains(&c->internal_networks, &address);
}

START_TEST(networks_hold_their_addresses_only)
{
	struct config *c = parse_good(LISTENER
		"internal-networks = { 10.20.0.0/15, 192.0.2.7, 2001:db8:2::/47, ::1 }");

	ck_assert(contains(c, "::ffff:10.20.0.0"));
	ck_assert(contains(c, "::ffff:10.21.255.255"));
	ck_assert(!contains(c, "::ffff:10.22.0.0"));
	ck_assert(!contains(c, "::ffff:10.19.255.255"));
	ck_assert(contains(c, "::ffff:192.0.2.7"));
	ck_assert(!contains(c, "::ffff:192.0.2.6"));
	ck_assert(contains(c, "2001:db8:2::1") && contains(c, "2001:db8:3:ffff::1"));
	ck_assert(!contains(c, "2001:db8:1::1") && !contains(c, "2001:db8:4::1"));
	ck_assert(contains(c, "::1"));
	ck_assert(!contains(c, "::ffff:127.0.0.1"));
	ck_assert(!contains(c, "::10.20.0.1"));
	config_unref(c);
}
END_TEST

START_TEST(a_wide_ipv6_network_does_not_mean_ipv4)
{
	struct config *c = parse_good(LISTENER "internal-networks = ::/64");

	ck_assert(contains(c, "::1"));
	ck_assert(!contains(c, "::ffff:203.0.113.9"));
	config_unref(c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("config");
	TCase *values = tcase_create("values"), *refused = tcase_create("refused"), *net = tcase_create("networks");

	tcase_add_test(values, defaults_of_the_whole);
	tcase_add_test(values, defaults_of_blocks);
	tcase_add_test(values, defaults_of_inbound);
	tcase_add_test(values, every_field_takes_its_value);
	tcase_add_test(values, every_inbound_field_takes_its_value);
	tcase_add_test(values, defaults_of_trust);
	tcase_add_test(values, every_field_of_trust_takes_its_value);
	tcase_add_test(values, defaults_of_revocation);
	tcase_add_test(values, every_field_of_revocation_takes_its_value);
	tcase_add_test(values, a_profile_holds_rules_of_its_own);
	tcase_add_test(values, a_decryption_key_covers_whom_it_names);
	tcase_add_test(values, a_rule_speaks_only_of_what_it_was_given);
	tcase_add_test(values, names_are_found);
	tcase_add_test(values, a_reference_outlives_the_first_owner);
	tcase_add_test(values, ranges_are_as_the_table_says);
	tcase_add_test(values, choices_are_as_the_table_says);
	tcase_add_test(values, an_empty_value_is_refused_everywhere);
	tcase_add_loop_test(refused, is_refused_with_line_and_reason, 0, (int)(sizeof bad / sizeof *bad));
	tcase_add_test(refused, what_looks_alike_is_taken);
	tcase_add_test(refused, comments_never_become_values);
	tcase_add_test(refused, line_numbers_survive_comments);
	tcase_add_test(refused, every_problem_is_reported);
	tcase_add_test(refused, sixteen_listeners_and_no_more);
	tcase_add_test(refused, sixty_four_policies_and_no_more);
	tcase_add_test(refused, profiles_have_their_limits);
	tcase_add_test(refused, a_word_has_its_limit);
	tcase_add_test(refused, a_command_has_its_limits);
	tcase_add_test(refused, deep_blocks_are_refused);
	tcase_add_test(refused, a_socket_path_fits_into_its_address);
	tcase_add_test(refused, what_is_no_text_file_is_refused);
	tcase_add_test(refused, no_broken_file_spoils_the_next);
	tcase_add_test(refused, threads_do_not_disturb_each_other);
	tcase_add_test(net, networks_hold_their_addresses_only);
	tcase_add_test(net, a_wide_ipv6_network_does_not_mean_ipv4);
	suite_add_tcase(s, values);
	suite_add_tcase(s, refused);
	suite_add_tcase(s, net);
	return unit_run(s);
}
