#include "config/settings.h"

#include "mail/message.h"

#include <pthread.h>

#define K UINT64_C(1024)
#define M (K * K)
#define G (K * M)

#define TOP(name, values, initial, shape, field, ...) \
	{{"", name, values, initial}, shape, offsetof(struct config, field), __VA_ARGS__}
#define LISTENER(name, values, initial, shape, field, ...) \
	{{"listener", name, values, initial}, shape, offsetof(struct config_listener, field), __VA_ARGS__}
#define SIGNER(name, values, initial, shape, field, ...) \
	{{"signer", name, values, initial}, shape, offsetof(struct config_signer, field), __VA_ARGS__}
#define DECRYPTION(name, values, initial, shape, field, ...) \
	{{"decryption-key", name, values, initial}, shape, offsetof(struct config_decryption, field), __VA_ARGS__}
#define TRUST(name, values, initial, shape, field, ...) \
	{{"trust", name, values, initial}, shape, offsetof(struct config_trust, field), __VA_ARGS__}
#define PROFILE(name, values, initial, shape, field, ...) \
	{{"profile", name, values, initial}, shape, offsetof(struct config_profile, field), __VA_ARGS__}
#define PROFILE_RULE(name, values, initial, shape, field, ...) \
	{{"profile rule", name, values, initial}, shape, offsetof(struct config_profile_rule, field), __VA_ARGS__}
#define DIRECTORY(name, values, initial, shape, field, ...) \
	{{"directory", name, values, initial}, shape, offsetof(struct config_directory, field), __VA_ARGS__}
#define REVOCATION(name, values, initial, shape, field, ...) \
	{{"revocation", name, values, initial}, shape, offsetof(struct config_revocation, field), __VA_ARGS__}
#define PHRASE(name, values, initial, shape, field, ...) \
	{{"revocation phrase", name, values, initial}, shape, offsetof(struct config_phrase, field), __VA_ARGS__}
#define ORGANISATION(name, values, initial, shape, field, ...) \
	{{"revocation organisation", name, values, initial}, shape, offsetof(struct config_organisation, field), __VA_ARGS__}
#define RULE(name, values, initial, shape, field, ...) \
	{{"rule", name, values, initial}, shape, offsetof(struct config_rule, field), __VA_ARGS__}

const struct setting settings[] = {
	TOP("user", "user", NULL, SHAPE_TEXT, user, check_name, 0, 0),
	TOP("keeper-user", "user", NULL, SHAPE_TEXT, keeper_user, check_name, 0, 0),
	TOP("worker-user", "user", NULL, SHAPE_TEXT, worker_user, check_name, 0, 0),
	TOP("run-directory", "directory", RUNSTATEDIR "/sealmilter", SHAPE_TEXT, run_directory,
		check_run_directory, 0, 0),
	TOP("log-facility", "mail | daemon | user | local0 | local1 | local2 | local3 | local4 | local5 | "
		"local6 | local7", "mail", SHAPE_FACILITY, log_facility, NULL, 0, 0),
	TOP("allow-old-openssl", "no | yes", "no", SHAPE_FLAG, allow_old_openssl, NULL, 0, 0),
	TOP("allow-remote-mta", "no | yes", "no", SHAPE_FLAG, allow_remote_mta, NULL, 0, 0),
	TOP("stop-timeout", "seconds, 0 to 3600", "30", SHAPE_NUMBER, stop_timeout, NULL, 0, 3600),
	TOP("keeper-deadline", "milliseconds, 100 to 60000", "5000", SHAPE_NUMBER, keeper_deadline, NULL,
		100, 60000),
	TOP("rcpt-deadline", "seconds, 1 to 300", "8", SHAPE_NUMBER, rcpt_deadline, NULL, 1, 300),
	TOP("memory-limit", "size, 1M to 1024G", "1G", SHAPE_SIZE, memory_limit, NULL, M, 1024 * G),
	TOP("message-size-limit", "size, 10K to 2G", "50M", SHAPE_SIZE, message_size_limit, NULL, 10 * K, 2 * G),
	TOP("mime-depth-limit", "number, 1 to 1000", "100", SHAPE_NUMBER, mime_depth_limit, NULL, 1, 1000),
	TOP("mime-part-limit", "number, 1 to 100000", "10000", SHAPE_NUMBER, mime_part_limit, NULL, 1, 100000),
	TOP("header-limit", "size, 1K to 16M", "1M", SHAPE_SIZE32, header_limit, NULL, K,
		MESSAGE_HEADER_OCTETS_MAX),
	TOP("recipient-limit", "number, 1 to 100000", "1000", SHAPE_NUMBER, recipient_limit, NULL, 1, 100000),

	TOP("internal-networks", "networks", NULL, SHAPE_NETWORKS, internal_networks, NULL, 0, 0),
	TOP("originating-daemons", "names", NULL, SHAPE_LIST, originating_daemons, check_name, 0, 0),
	TOP("trace-key-file", "file", NULL, SHAPE_TEXT, trace_key_file, check_file, 0, 0),
	TOP("sender-login-file", "file", NULL, SHAPE_TEXT, sender_login_file, check_file, 0, 0),
	TOP("sender-login-directory", "directory's name", NULL, SHAPE_TEXT, sender_login_directory, check_name,
		0, 0),
	TOP("sender-login-filter", "filter", "(&(uid=%l)(mail=%s))", SHAPE_TEXT, sender_login_filter,
		check_login_filter, 0, 0),

	TOP("anchors", "files", NULL, SHAPE_LIST, anchors, check_file, 0, 0),
	TOP("intermediates", "files", NULL, SHAPE_LIST, intermediates, check_file, 0, 0),
	TOP("cache-positive", "seconds, 0 to 604800", "3600", SHAPE_NUMBER, cache_positive, NULL, 0, 604800),
	TOP("cache-negative", "seconds, 0 to 86400", "60", SHAPE_NUMBER, cache_negative, NULL, 0, 86400),
	TOP("cache-size", "number, 0 to 1000000", "10000", SHAPE_NUMBER, cache_size, NULL, 0, 1000000),
	TOP("expiry-warning", "days, 0 to 3650", "30", SHAPE_NUMBER, expiry_warning, NULL, 0, 3650),

	TOP("recipient-trust", "names", NULL, SHAPE_LIST, recipient_trust, check_name, 0, 0),
	TOP("anchors-revocation", "prefer | require | off", "prefer", SHAPE_CHOICE, anchors_revocation, NULL, 0, 0),
	TOP("seal-revocation", "prefer | require | off", "prefer", SHAPE_CHOICE, seal_revocation, NULL, 0, 0),

	TOP("status-max-age", "seconds, 60 to 604800", "3600", SHAPE_NUMBER, status_max_age, NULL, 60, 604800),
	TOP("status-directory", "directory | none", LOCALSTATEDIR "/lib/sealmilter/status", SHAPE_OR_NONE,
		status_directory, check_directory_or_none, 0, 0),
	TOP("status-size-limit", "size, 1K to 128M", "64M", SHAPE_SIZE, status_size_limit, NULL, K, 128 * M),
	TOP("status-total-limit", "size, 1M to 64G", "512M", SHAPE_SIZE, status_total_limit, NULL, M, 64 * G),
	TOP("ocsp-nonce", "no | yes", "no", SHAPE_FLAG, ocsp_nonce, NULL, 0, 0),
	TOP("fetch-timeout", "seconds, 1 to 60", "5", SHAPE_NUMBER, fetch_timeout, NULL, 1, 60),
	TOP("status-timeout", "seconds, 1 to 120", "10", SHAPE_NUMBER, status_timeout, NULL, 1, 120),
	TOP("fetch-limit", "number, 0 to 1000", "16", SHAPE_NUMBER, fetch_limit, NULL, 0, 1000),
	TOP("redirect-limit", "number, 0 to 20", "3", SHAPE_NUMBER, redirect_limit, NULL, 0, 20),
	TOP("waiting-limit", "number, 1 to 1000", "16", SHAPE_NUMBER, waiting_limit, NULL, 1, 1000),
	TOP("fetch-networks", "networks", NULL, SHAPE_NETWORKS, fetch_networks, NULL, 0, 0),
	TOP("fetch-proxy", "URL", NULL, SHAPE_TEXT, fetch_proxy, check_proxy, 0, 0),
	TOP("fetch-ca-file", "file", NULL, SHAPE_TEXT, fetch_ca_file, check_file, 0, 0),

	TOP("inbound-domains", "domains", NULL, SHAPE_LIST, inbound_domains, check_domain, 0, 0),
	TOP("authserv-id", "name", NULL, SHAPE_TEXT, authserv_id, check_authserv_id, 0, 0),
	TOP("trusted-authres", "names", NULL, SHAPE_LIST, trusted_authres, check_authserv_id, 0, 0),
	TOP("signature", "keep | strip", "keep", SHAPE_CHOICE, signature, NULL, 0, 0),
	TOP("bad-signature", "mark | refuse | hold", "mark", SHAPE_CHOICE, bad_signature, NULL, 0, 0),
	TOP("undecryptable", "deliver | refuse | hold", "deliver", SHAPE_CHOICE, undecryptable, NULL, 0, 0),
	TOP("unauthenticated", "mark | refuse | hold", "mark", SHAPE_CHOICE, unauthenticated, NULL, 0, 0),
	TOP("weak-signatures", "policy | accept", "policy", SHAPE_FLAG, accept_weak_signatures, NULL, 0, 0),
	TOP("signature-outside", "policy | accept", "policy", SHAPE_FLAG, accept_outside_signatures, NULL, 0, 0),
	TOP("signed-twice", "accept | policy", "accept", SHAPE_FLAG, refuse_signed_twice, NULL, 0, 0),
	TOP("date-tolerance", "seconds, 0 to 31536000", "0", SHAPE_NUMBER, date_tolerance, NULL, 0, 31536000),
	TOP("weak-ciphers", "open | close", "open", SHAPE_FLAG, close_weak_ciphers, NULL, 0, 0),
	TOP("layer-limit", "number, 1 to 32", "8", SHAPE_NUMBER, layer_limit, NULL, 1, 32),
	TOP("signer-limit", "number, 1 to 100", "16", SHAPE_NUMBER, signer_limit, NULL, 1, 100),
	TOP("certificate-limit", "number, 1 to 1000", "100", SHAPE_NUMBER, certificate_limit, NULL, 1, 1000),
	TOP("cms-recipient-limit", "number, 1 to 10000", "4000", SHAPE_NUMBER, cms_recipient_limit, NULL, 1, 10000),
	TOP("opened-size-limit", "size, 10K to 2G", "50M", SHAPE_SIZE, opened_size_limit, NULL, 10 * K, 2 * G),
	TOP("sender-may-sign-for", "sender: from", NULL, SHAPE_PAIRS, sender_may_sign_for, NULL, 0, 0),
	TOP("answer-interval", "milliseconds, 0 to 10000", "100", SHAPE_NUMBER, answer_interval, NULL, 0, 10000),

	TOP("inbox-directory", "directory", LOCALSTATEDIR "/lib/sealmilter/inbox", SHAPE_TEXT, inbox_directory,
		check_file, 0, 0),
	TOP("journal-directory", "directory", LOCALSTATEDIR "/lib/sealmilter/journal", SHAPE_TEXT, journal_directory,
		check_file, 0, 0),
	TOP("retention", "years, 10 to 100", "10", SHAPE_NUMBER, retention, NULL, CONFIG_RETENTION_MIN, 100),
	TOP("notice-server", "URL", "smtp://localhost:25", SHAPE_TEXT, notice_server, check_notice_server, 0, 0),
	TOP("notice-timeout", "seconds, 1 to 600", "60", SHAPE_NUMBER, notice_timeout, NULL, 1, 600),
	TOP("request-line-limit", "number, 1 to 100", "100", SHAPE_NUMBER, request_line_limit, NULL, 1, 100),
	TOP("password-parallel", "number, 1 to 64", "2", SHAPE_NUMBER, password_parallel, NULL, 1, 64),
	TOP("password-cost-limit", "number, 10 to 20", "16", SHAPE_NUMBER, password_cost_limit, NULL, 10, 20),
	TOP("guesses-per-certificate", "number, 1 to 1000", "3", SHAPE_NUMBER, guesses_per_certificate, NULL, 1, 1000),
	TOP("guesses-per-client", "number, 1 to 10000", "10", SHAPE_NUMBER, guesses_per_client, NULL, 1, 10000),
	TOP("guesses-in-all", "number, 1 to 1000000", "100", SHAPE_NUMBER, guesses_in_all, NULL, 1, 1000000),
	TOP("guess-delay-limit", "seconds, 30 to 86400", "3600", SHAPE_NUMBER, guess_delay_limit, NULL, 30, 86400),

	LISTENER("socket", "socket", NULL, SHAPE_TEXT, socket, check_socket, 0, 0),
	LISTENER("mode", "octal mode", "0660", SHAPE_MODE, mode, NULL, 0, 0),
	LISTENER("group", "group", NULL, SHAPE_TEXT, group, check_name, 0, 0),
	LISTENER("direction", "outbound | inbound | by-rule", "outbound", SHAPE_CHOICE, direction, NULL, 0, 0),
	LISTENER("role", "work | guard", "work", SHAPE_CHOICE, role, NULL, 0, 0),

	SIGNER("key", "file", NULL, SHAPE_TEXT, key, check_file, 0, 0),
	SIGNER("certificate", "file", NULL, SHAPE_TEXT, certificate, check_file, 0, 0),
	SIGNER("chain", "file", NULL, SHAPE_TEXT, chain, check_file, 0, 0),
	SIGNER("pass-phrase-file", "file", NULL, SHAPE_TEXT, pass_phrase_file, check_file, 0, 0),

	DECRYPTION("key", "file", NULL, SHAPE_TEXT, files.key, check_file, 0, 0),
	DECRYPTION("certificate", "file", NULL, SHAPE_TEXT, files.certificate, check_file, 0, 0),
	DECRYPTION("chain", "file", NULL, SHAPE_TEXT, files.chain, check_file, 0, 0),
	DECRYPTION("pass-phrase-file", "file", NULL, SHAPE_TEXT, files.pass_phrase_file, check_file, 0, 0),
	DECRYPTION("for", "addresses and domains", NULL, SHAPE_LIST, recipients, check_address_or_domain, 0, 0),

	TRUST("anchors", "files", NULL, SHAPE_LIST, anchors, check_file, 0, 0),
	TRUST("intermediates", "files", NULL, SHAPE_LIST, intermediates, check_file, 0, 0),
	TRUST("absent-address", "policy | accept", "policy", SHAPE_FLAG, accept_absent_address, NULL, 0, 0),
	TRUST("sender", "addresses", NULL, SHAPE_LIST, senders, check_address, 0, 0),
	TRUST("sender-domain", "domains", NULL, SHAPE_LIST, sender_domains, check_domain, 0, 0),
	TRUST("policies", "OIDs", NULL, SHAPE_LIST, policies, check_oid, 0, 0),
	TRUST("explicit-policy", "no | yes", "no", SHAPE_FLAG, explicit_policy, NULL, 0, 0),
	TRUST("inhibit-policy-mapping", "no | yes", "no", SHAPE_FLAG, inhibit_policy_mapping, NULL, 0, 0),
	TRUST("inhibit-any-policy", "no | yes", "no", SHAPE_FLAG, inhibit_any_policy, NULL, 0, 0),
	TRUST("revocation", "prefer | require | off", "prefer", SHAPE_CHOICE, revocation, NULL, 0, 0),
	TRUST("revocation-order", "ocsp-first | crl-first", "ocsp-first", SHAPE_FLAG, crl_first, NULL, 0, 0),
	TRUST("crls", "files and directories", NULL, SHAPE_LIST, crls, check_file, 0, 0),
	TRUST("profiles", "names", NULL, SHAPE_LIST, profiles, check_name, 0, 0),
	TRUST("profile-faults", "mark | refuse", "mark", SHAPE_FLAG, profile_required, NULL, 0, 0),
	TRUST("qualified-services", "signatures | seals", NULL, SHAPE_FLAGS, qualified_signatures, NULL, 0, 0),
	TRUST("aia-hosts", "hosts", NULL, SHAPE_LIST, aia_hosts, check_host, 0, 0),

	PROFILE("base", "profile's name", NULL, SHAPE_TEXT, base, check_name, 0, 0),
	PROFILE("parameters", "name=value", NULL, SHAPE_LIST, parameters, check_parameter, 0, 0),

	PROFILE_RULE("severity", "error | note", "error", SHAPE_CHOICE, severity, NULL, 0, 0),
	PROFILE_RULE("section", "text", NULL, SHAPE_TEXT, section, check_name, 0, 0),
	PROFILE_RULE("text", "text", NULL, SHAPE_TEXT, text, check_name, 0, 0),
	PROFILE_RULE("where", "words", NULL, SHAPE_LIST, where, check_word, 0, 0),
	PROFILE_RULE("need", "words", NULL, SHAPE_LIST, need, check_word, 0, 0),

	DIRECTORY("type", "files | ldap", NULL, SHAPE_CHOICE, type, NULL, 0, 0),
	DIRECTORY("binds-address", "no | yes", "no", SHAPE_FLAG, binds_address, NULL, 0, 0),
	DIRECTORY("path", "directory", NULL, SHAPE_TEXT, path, check_file, 0, 0),
	DIRECTORY("uri", "URIs", NULL, SHAPE_LIST, uris, check_uri, 0, 0),
	DIRECTORY("start-tls", "no | yes", "no", SHAPE_FLAG, start_tls, NULL, 0, 0),
	DIRECTORY("ca-file", "file", NULL, SHAPE_TEXT, ca_file, check_file, 0, 0),
	DIRECTORY("bind-dn", "DN", NULL, SHAPE_TEXT, bind_dn, NULL, 0, 0),
	DIRECTORY("password-file", "file", NULL, SHAPE_TEXT, password_file, check_file, 0, 0),
	DIRECTORY("base", "DN", NULL, SHAPE_TEXT, base, NULL, 0, 0),
	DIRECTORY("filter", "filter", "(mail=%s)", SHAPE_TEXT, filter, check_filter, 0, 0),
	DIRECTORY("attributes", "attributes",
		"userCertificate;binary, userCertificate, userSMIMECertificate;binary, userSMIMECertificate",
		SHAPE_LIST, attributes, check_attribute, 0, 0),
	DIRECTORY("connections", "number, 1 to 64", "4", SHAPE_NUMBER, connections, NULL, 1, 64),
	DIRECTORY("network-timeout", "seconds, 1 to 300", "3", SHAPE_NUMBER, network_timeout, NULL, 1, 300),
	DIRECTORY("operation-timeout", "seconds, 1 to 300", "3", SHAPE_NUMBER, operation_timeout, NULL, 1, 300),

	RULE("sender", "addresses", NULL, SHAPE_LIST, senders, check_address, 0, 0),
	RULE("sender-domain", "domains", NULL, SHAPE_LIST, sender_domains, check_domain, 0, 0),
	RULE("recipient", "addresses", NULL, SHAPE_LIST, recipients, check_address, 0, 0),
	RULE("recipient-domain", "domains", NULL, SHAPE_LIST, recipient_domains, check_domain, 0, 0),
	RULE("trigger", "field: value", NULL, SHAPE_TRIGGER, trigger_name, NULL, 0, 0),
	RULE("sign", "signer's name | none", NULL, SHAPE_OR_NONE, signer, check_name, 0, 0),
	RULE("form", "clear | opaque", "clear", SHAPE_CHOICE, form, NULL, 0, 0),
	RULE("digest", "sha256 | sha384 | sha512", "sha256", SHAPE_CHOICE, digest, NULL, 0, 0),
	RULE("rsa-signature", "pkcs1 | pss", "pkcs1", SHAPE_CHOICE, rsa_signature, NULL, 0, 0),
	RULE("already-protected", "keep | wrap", "keep", SHAPE_CHOICE, already_protected, NULL, 0, 0),
	RULE("any-login", "no | yes", "no", SHAPE_FLAG, any_login, NULL, 0, 0),
	RULE("encrypt", "never | when-possible | required", "never", SHAPE_CHOICE, encrypt, NULL, 0, 0),
	RULE("cipher", "aes128-cbc | aes256-cbc | aes128-gcm | aes256-gcm", "aes256-cbc", SHAPE_CHOICE, cipher,
		NULL, 0, 0),
	RULE("rsa-transport", "pkcs1 | oaep", "pkcs1", SHAPE_CHOICE, rsa_transport, NULL, 0, 0),
	RULE("missing-certificate", "refuse-all | refuse-recipient", "refuse-recipient", SHAPE_CHOICE, missing,
		NULL, 0, 0),
	RULE("encrypt-to", "newest | all-suitable", "newest", SHAPE_CHOICE, encrypt_to, NULL, 0, 0),
	RULE("mixed", "strictest | refuse", "refuse", SHAPE_CHOICE, mixed, NULL, 0, 0),
	RULE("accept-pgp", "no | yes", "no", SHAPE_FLAG, accept_pgp, NULL, 0, 0),
	RULE("hidden-recipients", "refuse | reveal", "refuse", SHAPE_FLAG, reveal_hidden, NULL, 0, 0),
	RULE("trust", "names", NULL, SHAPE_LIST, trust, check_name, 0, 0),
	RULE("also-encrypt-to", "files", NULL, SHAPE_LIST, also_encrypt_to, check_file, 0, 0),

	REVOCATION("title", "text", NULL, SHAPE_TEXT, title, check_name, 0, 0),
	REVOCATION("address", "address", NULL, SHAPE_TEXT, address, check_ascii_address, 0, 0),
	REVOCATION("authorities", "files", NULL, SHAPE_LIST, authorities, check_file, 0, 0),
	REVOCATION("forms", "signed | same-subject | authorised | password", "signed", SHAPE_FLAGS, form_signed, NULL, 0, 0),
	REVOCATION("trust", "names", NULL, SHAPE_LIST, trust, check_name, 0, 0),
	REVOCATION("inventory", "directory's name, or enrolled", CONFIG_ENROLLED, SHAPE_TEXT, inventory, check_name, 0, 0),
	REVOCATION("inventory-filter", "filter", "(sealCertificateNumber=%n)", SHAPE_TEXT, inventory_filter,
		check_inventory_filter, 0, 0),
	REVOCATION("inventory-attributes", "name=attribute", NULL, SHAPE_LIST, inventory_attributes,
		check_inventory_attribute, 0, 0),
	REVOCATION("operator", "address", NULL, SHAPE_TEXT, operator_address, check_ascii_address, 0, 0),
	REVOCATION("signer", "signer's name", NULL, SHAPE_TEXT, signer, check_name, 0, 0),
	REVOCATION("notice-from", "address", NULL, SHAPE_TEXT, notice_from, check_ascii_address, 0, 0),
	REVOCATION("contact", "text", NULL, SHAPE_TEXT, contact, check_name, 0, 0),
	REVOCATION("request-age", "seconds, 60 to 31536000", "259200", SHAPE_NUMBER, request_age, NULL, 60, 31536000),
	REVOCATION("approve-by-hand", "no | yes", "no", SHAPE_FLAG, approve_by_hand, NULL, 0, 0),
	REVOCATION("reason", "unspecified | keyCompromise | affiliationChanged | superseded | cessationOfOperation",
		"unspecified", SHAPE_CHOICE, reason, NULL, 0, 0),
	REVOCATION("command", "program and arguments", NULL, SHAPE_LIST, command, check_argument, 0, 0),
	REVOCATION("command-files", "files", NULL, SHAPE_LIST, command_files, check_file, 0, 0),
	REVOCATION("command-timeout", "seconds, 1 to 3600", "300", SHAPE_NUMBER, command_timeout, NULL, 1, 3600),
	REVOCATION("command-idempotent", "no | yes", "no", SHAPE_FLAG, command_idempotent, NULL, 0, 0),

	PHRASE("language", "language tag", NULL, SHAPE_TEXT, language, check_name, 0, 0),
	PHRASE("number", "text", NULL, SHAPE_TEXT, number, check_name, 0, 0),
	PHRASE("password", "text", NULL, SHAPE_TEXT, password, check_name, 0, 0),

	ORGANISATION("certificates", "files", NULL, SHAPE_LIST, certificates, check_file, 0, 0),
	ORGANISATION("group", "DN", NULL, SHAPE_TEXT, group, check_name, 0, 0),
	ORGANISATION("unsigned-senders", "addresses", NULL, SHAPE_LIST, unsigned_senders, check_address, 0, 0),
	ORGANISATION("organization-identifier", "text", NULL, SHAPE_TEXT, organization_identifier, check_name, 0, 0),
	ORGANISATION("organization", "text", NULL, SHAPE_TEXT, organization, check_name, 0, 0),
	ORGANISATION("country", "text", NULL, SHAPE_TEXT, country, check_name, 0, 0),
	ORGANISATION("match", "identifier | name", "identifier", SHAPE_FLAG, by_name, NULL, 0, 0),
	{{"", NULL, NULL, NULL}, SHAPE_TEXT, 0, NULL, 0, 0},
};

static struct config_option options[sizeof settings / sizeof *settings];

static void
fill_options(void)
{
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		options[i] = settings[i].option;
}

const struct config_option *
config_options(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fill_options);
	return options;
}

bool
setting_is_list(const struct setting *s)
{
	return s->shape == SHAPE_LIST || s->shape == SHAPE_NETWORKS || s->shape == SHAPE_PAIRS ||
		s->shape == SHAPE_FLAGS;
}
