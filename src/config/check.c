#include "config/check.h"

#include "config/settings.h"

#include <ctype.h>
#include <string.h>

unsigned
check_line(const struct check *k, const char *option)
{
	unsigned line = scan_option(k->scan, k->block, option);

	if (line == 0 && k->block != SCAN_NONE)
		line = k->scan->entry[k->block].line;
	return line;
}

bool
check_given(const struct check *k, const char *option)
{
	return scan_option(k->scan, k->block, option) > 0;
}

void
check_refuse(const struct check *k, const char *const *option, const char *because)
{
	for (; *option != NULL; option++)
		if (check_given(k, *option))
			problem_add(k->problems, check_line(k, *option), "%s %s", *option, because);
}

void
check_next_block(struct check *k, const char *kind, size_t i)
{
	k->block = scan_block(k->scan, SCAN_NONE, kind, i == 0 ? SCAN_NONE : k->block);
}

/* ---- top level ----------------------------------------------------------- */

static void
check_users(const struct check *k)
{
	const struct config *c = k->config;

	if (c->user != NULL && c->keeper_user != NULL && strcmp(c->user, c->keeper_user) == 0)
		problem_add(k->problems, check_line(k, "keeper-user"),
			"keeper-user is the same as user: the process that reads mail could then read the keys");
	if (c->worker_user != NULL && c->user != NULL && strcmp(c->user, c->worker_user) == 0)
		problem_add(k->problems, check_line(k, "worker-user"),
			"worker-user is the same as user: the process that reads mail could then revoke certificates");
	if (c->worker_user != NULL && c->keeper_user != NULL && strcmp(c->keeper_user, c->worker_user) == 0)
		problem_add(k->problems, check_line(k, "worker-user"),
			"worker-user is the same as keeper-user: the commands that worker runs could then read the keys");
	if (c->message_size_limit > c->memory_limit)
		problem_add(k->problems, check_line(k, check_given(k, "memory-limit") ? "memory-limit" : "message-size-limit"),
			"memory-limit is below message-size-limit: the largest message would never be taken");
}

static void
check_sender_login(const struct check *k)
{
	const struct config *c = k->config;
	const struct config_directory *d;

	if (c->sender_login_directory == NULL) {
		if (check_given(k, "sender-login-filter"))
			problem_add(k->problems, check_line(k, "sender-login-filter"),
				"sender-login-filter has no effect without sender-login-directory");
		return;
	}
	d = config_directory(c, c->sender_login_directory);
	if (d == NULL)
		problem_add(k->problems, check_line(k, "sender-login-directory"),
			"sender-login-directory: there is no directory \"%s\"", c->sender_login_directory);
	else if (d->type != DIRECTORY_LDAP)
		problem_add(k->problems, check_line(k, "sender-login-directory"),
			"sender-login-directory: directory \"%s\" is not of type ldap", d->name);
}

/* ---- revocation status ------------------------------------------------------ */

static void
check_status(const struct check *k)
{
	const struct config *c = k->config;

	if (c->status_timeout < c->fetch_timeout)
		problem_add(k->problems, check_line(k, check_given(k, "status-timeout") ? "status-timeout" : "fetch-timeout"),
			"status-timeout (%u s) is below fetch-timeout (%u s): no fetch would be waited for so long",
			c->status_timeout, c->fetch_timeout);
	if (c->status_total_limit < c->status_size_limit)
		problem_add(k->problems,
			check_line(k, check_given(k, "status-total-limit") ? "status-total-limit" : "status-size-limit"),
			"status-total-limit is below status-size-limit: one list would take the place of all others");
	if (check_given(k, "anchors-revocation") && c->anchors.count == 0)
		problem_add(k->problems, check_line(k, "anchors-revocation"),
			"anchors-revocation has no effect without anchors: each trust block has its own");
	if (check_given(k, "seal-revocation") && c->signer_count == 0)
		problem_add(k->problems, check_line(k, "seal-revocation"), "seal-revocation has no effect without a signer");
}

/* ---- inbound mail ---------------------------------------------------------- */

static const char *
fault_word(enum config_fault fault, const char *deliver)
{
	return fault == FAULT_REFUSE ? "refuse" : fault == FAULT_HOLD ? "hold" : deliver;
}

/* In CBC whoever has caught a ciphertext can alter it and learn its text from what is
 * answered to each try (Vaudenay 2002): so all faults that he can bring about have one answer. */
static void
check_oracle(const struct check *k)
{
	static const char *const faults[] = {"undecryptable", "bad-signature", "unauthenticated"};
	const struct config *c = k->config;
	unsigned line = 0;

	if (c->undecryptable == c->bad_signature && c->bad_signature == c->unauthenticated)
		return;
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (check_given(k, faults[i]))
			line = check_line(k, faults[i]);
	problem_add(k->problems, line,
		"undecryptable = %s, bad-signature = %s and unauthenticated = %s do not go together: the answers would tell "
		"whoever sends altered ciphertexts whether they decrypt; let it be deliver, mark and mark, or refuse for "
		"all three, or hold for all three", fault_word(c->undecryptable, "deliver"),
		fault_word(c->bad_signature, "mark"), fault_word(c->unauthenticated, "mark"));
}

static bool
has_inbound_listener(const struct config *c)
{
	for (size_t i = 0; i < c->listener_count; i++)
		if (c->listeners[i].direction != DIRECTION_OUTBOUND && c->listeners[i].role == ROLE_WORK)
			return true;
	return false;
}

static void
check_inbound(const struct check *k)
{
	static const char *const needs_domains[] = {"signature", "bad-signature", "undecryptable", "unauthenticated",
		"weak-signatures", "signature-outside", "signed-twice", "date-tolerance", "weak-ciphers",
		"sender-may-sign-for", NULL};
	const struct config *c = k->config;

	if (c->inbound_domains.count == 0)
		check_refuse(k, needs_domains, "has no effect without inbound-domains");
	else if (c->listener_count > 0 && !has_inbound_listener(c))
		problem_add(k->problems, check_line(k, "inbound-domains"),
			"inbound-domains has no effect without a listener of role work with direction = inbound or by-rule");
	if (c->decryption_count > 0)
		check_oracle(k);
	if (c->opened_size_limit > c->memory_limit / CONFIG_OPENED_MEMORY_FACTOR &&
	    (c->decryption_count > 0 || check_given(k, "opened-size-limit")))
		problem_add(k->problems, check_line(k, check_given(k, "opened-size-limit") ? "opened-size-limit" : "memory-limit"),
			"memory-limit is below %d times opened-size-limit: what grows so far when it is opened would never be taken",
			CONFIG_OPENED_MEMORY_FACTOR);
}

/* ---- listeners ----------------------------------------------------------- */

static void
check_listener(const struct check *k, const struct config_listener *l)
{
	bool is_unix;

	if (l->socket == NULL) {
		if (!check_given(k, "socket"))
			problem_add(k->problems, l->place.line, "listener \"%s\" has no socket", l->name);
		return;
	}
	is_unix = slice_starts_nocase(slice_str(l->socket), "unix:");
	if (!is_unix && check_given(k, "mode"))
		problem_add(k->problems, check_line(k, "mode"), "mode has no effect on an inet socket");
	if (!is_unix && check_given(k, "group"))
		problem_add(k->problems, check_line(k, "group"), "group has no effect on an inet socket");
	if (!socket_is_local(l->socket) && !k->config->allow_remote_mta)
		problem_add(k->problems, check_line(k, "socket"),
			"%s can be reached from other hosts, and whoever reaches it is taken for the MTA; "
			"if a firewall sees to it that only the MTA does, set allow-remote-mta = yes", l->socket);
	if (l->role == ROLE_GUARD && l->direction == DIRECTION_INBOUND)
		problem_add(k->problems, check_line(k, "role"),
			"role = guard looks at mail that leaves, so it cannot go with direction = inbound");
	for (const struct config_listener *other = k->config->listeners; other < l; other++)
		if (other->socket != NULL && strcmp(other->socket, l->socket) == 0)
			problem_add(k->problems, check_line(k, "socket"), "listener \"%s\" has the same socket already",
				other->name);
}

static void
check_listeners(struct check *k)
{
	const struct config *c = k->config;

	if (c->listener_count == 0)
		problem_add(k->problems, 0, "there is no listener, so no MTA could connect");
	for (size_t i = 0; i < c->listener_count; i++) {
		check_next_block(k, "listener", i);
		check_listener(k, &c->listeners[i]);
	}
}

/* ---- signers ------------------------------------------------------------- */

static void
check_signers(struct check *k)
{
	const struct config *c = k->config;

	for (size_t i = 0; i < c->signer_count; i++) {
		const struct config_signer *s = &c->signers[i];

		check_next_block(k, "signer", i);
		if (!check_given(k, "key"))
			problem_add(k->problems, s->place.line, "signer \"%s\" has no key", s->name);
		if (strcmp(s->name, "none") == 0)
			problem_add(k->problems, s->place.line, "a signer cannot be called \"none\": sign = none would mean it");
	}
}

/* ---- decryption keys ------------------------------------------------------ */

/* ".example.cz", any domain below it, is inbound where ".example.cz" or ".cz" is. */
static bool
is_inbound(const struct config *c, struct slice recipient)
{
	struct address a;

	if (address_parse(recipient, &a))
		return config_domain_among(a.domain, &c->inbound_domains);
	if (recipient.data[0] != '.')
		return config_domain_among(recipient, &c->inbound_domains);
	recipient = slice_sub(recipient, 1, recipient.len);
	for (size_t i = 0; i < c->inbound_domains.count; i++) {
		struct slice one = slice_str(c->inbound_domains.item[i]);

		if (one.data[0] == '.' && (address_domain_matches(recipient, one)
		    || address_domain_equal(recipient, slice_sub(one, 1, one.len))))
			return true;
	}
	return false;
}

static void
check_decryption(const struct check *k, const struct config_decryption *d)
{
	const struct config *c = k->config;

	if (!check_given(k, "key"))
		problem_add(k->problems, d->files.place.line, "decryption-key \"%s\" has no key", d->files.name);
	if (c->inbound_domains.count == 0)
		problem_add(k->problems, d->files.place.line,
			"decryption-key \"%s\" has no effect without inbound-domains", d->files.name);
	if (!check_given(k, "for"))
		problem_add(k->problems, d->files.place.line,
			"decryption-key \"%s\" has no for: whose mail may be opened with it must be said", d->files.name);
	for (size_t i = 0; c->inbound_domains.count > 0 && i < d->recipients.count; i++)
		if (!is_inbound(c, slice_str(d->recipients.item[i])))
			problem_add(k->problems, check_line(k, "for"), "for: \"%.100s\" does not lie in inbound-domains",
				d->recipients.item[i]);
}

static void
check_decryptions(struct check *k)
{
	for (size_t i = 0; i < k->config->decryption_count; i++) {
		check_next_block(k, "decryption-key", i);
		check_decryption(k, &k->config->decryptions[i]);
	}
}

/* ---- trust --------------------------------------------------------------- */

void
check_trust_names(const struct check *k, const char *option, const struct config_strings *names)
{
	const struct config *c = k->config;

	for (size_t i = 0; i < names->count; i++) {
		const char *name = names->item[i];
		bool found = false;

		for (size_t j = 0; j < c->trust_count; j++)
			found = found || strcmp(c->trusts[j].name, name) == 0;
		if (strcmp(name, CONFIG_TRUST_ANCHORS) == 0 && c->anchors.count == 0)
			problem_add(k->problems, check_line(k, option), "%s: \"%s\" stands for the option anchors, which is not given",
				option, name);
		else if (!found && strcmp(name, CONFIG_TRUST_ANCHORS) != 0)
			problem_add(k->problems, check_line(k, option), "%s: there is no trust \"%.100s\"", option, name);
	}
}

/* By what judges other than inbound mail. */
static bool
is_named(const struct config *c, const char *name)
{
	bool named = config_strings_have(&c->recipient_trust, name);

	for (size_t i = 0; i < c->rule_count; i++)
		named = named || config_strings_have(&c->rules[i].trust, name);
	for (size_t i = 0; i < c->revocation_count; i++)
		named = named || config_strings_have(&c->revocations[i].trust, name);
	return named;
}

static void
check_trust(const struct check *k, const struct config_trust *t)
{
	static const char *const needs_status[] = {"revocation-order", "crls", NULL};
	const struct config *c = k->config;

	if (!check_given(k, "anchors"))
		problem_add(k->problems, t->place.line, "trust \"%s\" has no anchors: it would trust nobody", t->name);
	if (strcmp(t->name, CONFIG_TRUST_ANCHORS) == 0)
		problem_add(k->problems, t->place.line,
			"a trust cannot be called \"%s\": that is what the option anchors makes", t->name);
	/* Any set may know the seals' own certificates. */
	if (c->inbound_domains.count == 0 && !is_named(c, t->name) &&
	    (c->signer_count == 0 || c->seal_revocation == REVOCATION_OFF))
		problem_add(k->problems, t->place.line,
			"trust \"%s\" has no effect without inbound-domains, as no recipient-trust, rule or revocation names it, "
			"and no signer needs it", t->name);
	if (t->policies.count > CONFIG_POLICIES_MAX)
		problem_add(k->problems, check_line(k, "policies"), "policies: there are more than %d", CONFIG_POLICIES_MAX);
	if (t->revocation == REVOCATION_OFF)
		check_refuse(k, needs_status, "has no effect with revocation = off");
	if (t->profiles.count == 0 && check_given(k, "profile-faults"))
		problem_add(k->problems, check_line(k, "profile-faults"), "profile-faults has no effect without profiles");
	if (c->fetch_limit == 0 && t->aia_hosts.count > 0)
		problem_add(k->problems, check_line(k, "aia-hosts"), "aia-hosts has no effect with fetch-limit = 0");
}

static void
check_trusts(struct check *k)
{
	const struct config *c = k->config;

	for (size_t i = 0; i < c->trust_count; i++) {
		const struct config_trust *t = &c->trusts[i];

		check_next_block(k, "trust", i);
		check_trust(k, t);
	}
}

/* ---- profiles ------------------------------------------------------------ */

/* Names of profiles and their rules stand in header fields. */
static bool
is_token(const char *name)
{
	for (const char *c = name; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr("-_.", *c) == NULL)
			return false;
	return true;
}

static void
check_parameters(const struct check *k, const struct config_profile *p)
{
	for (size_t i = 0; i < p->parameters.count; i++) {
		const char *one = p->parameters.item[i];
		size_t len = strcspn(one, "=") + 1;

		for (size_t j = 0; j < i; j++)
			if (strncmp(p->parameters.item[j], one, len) == 0)
				problem_add(k->problems, check_line(k, "parameters"), "parameters: \"%.*s\" is given twice", (int)len - 1,
					one);
	}
}

static void
check_words(const struct check *k, const char *option, const struct config_strings *words)
{
	if (words->count > CONFIG_PROFILE_WORDS_MAX)
		problem_add(k->problems, check_line(k, option), "%s: there are more than %d words", option,
			CONFIG_PROFILE_WORDS_MAX);
}

static void
check_profile_rule(const struct check *k, const struct config_profile_rule *r)
{
	if (!is_token(r->id))
		problem_add(k->problems, r->place.line,
			"the name of a rule in a profile has letters, digits, \"-\", \"_\" and \".\" only");
	if (!check_given(k, "need"))
		problem_add(k->problems, r->place.line, "rule \"%s\" has no need: it would say nothing", r->id);
	check_words(k, "where", &r->where);
	check_words(k, "need", &r->need);
}

static void
check_profile(struct check *k, const struct config_profile *p)
{
	struct check inner = *k;

	if (!is_token(p->name))
		problem_add(k->problems, p->place.line,
			"the name of a profile has letters, digits, \"-\", \"_\" and \".\" only");
	if (p->base == NULL && p->rule_count == 0)
		problem_add(k->problems, p->place.line, "profile \"%s\" has neither base nor rules: anything would keep it",
			p->name);
	check_parameters(k, p);
	inner.block = SCAN_NONE;
	for (size_t i = 0; i < p->rule_count; i++) {
		inner.block = scan_block(k->scan, k->block, "rule", inner.block);
		check_profile_rule(&inner, &p->rules[i]);
	}
}

static void
check_profiles(struct check *k)
{
	const struct config *c = k->config;

	for (size_t i = 0; i < c->profile_count; i++) {
		check_next_block(k, "profile", i);
		check_profile(k, &c->profiles[i]);
	}
}

/* ---- directories --------------------------------------------------------- */

static void
check_files_directory(const struct check *k, const struct config_directory *d)
{
	static const char *const ldap_only[] = {"uri", "start-tls", "ca-file", "bind-dn", "password-file", "base",
		"filter", "attributes", "connections", "network-timeout", "operation-timeout", NULL};

	if (!check_given(k, "path"))
		problem_add(k->problems, d->place.line, "directory \"%s\" has no path", d->name);
	check_refuse(k, ldap_only, "has no effect in a directory of type files");
}

static bool
is_inventory(const struct config *c, const struct config_directory *d)
{
	bool named = false;

	for (size_t i = 0; i < c->revocation_count; i++)
		named = named || (c->revocations[i].inventory != NULL && strcmp(c->revocations[i].inventory, d->name) == 0);
	return named;
}

/* What an unprotected connection over the network would let others read or forge. */
static void
check_transport(const struct check *k, const struct config_directory *d)
{
	const char *login = k->config->sender_login_directory;

	for (size_t i = 0; i < d->uris.count; i++) {
		const char *uri = d->uris.item[i];
		bool plain = slice_starts_nocase(slice_str(uri), "ldap://");
		unsigned line = check_line(k, "uri");

		if (!plain && d->start_tls)
			problem_add(k->problems, line, "start-tls = yes is for ldap:// only, not for %s", uri);
		if (!plain || d->start_tls || uri_is_local(uri))
			continue;
		if (d->bind_dn != NULL)
			problem_add(k->problems, line,
				"%s would send the password over the network in clear: use ldaps:// or start-tls = yes", uri);
		if (d->binds_address)
			problem_add(k->problems, line, "%s: binds-address = yes relies on answers that anybody on the "
				"way can change: use ldaps:// or start-tls = yes", uri);
		if (login != NULL && strcmp(login, d->name) == 0)
			problem_add(k->problems, line, "%s: sender-login-directory relies on answers that anybody on the "
				"way can change: use ldaps:// or start-tls = yes", uri);
		if (is_inventory(k->config, d))
			problem_add(k->problems, line, "%s: an inventory relies on answers that anybody on the way can change: "
				"use ldaps:// or start-tls = yes", uri);
	}
}

static bool
uses_tls(const struct config_directory *d)
{
	for (size_t i = 0; i < d->uris.count; i++)
		if (slice_starts_nocase(slice_str(d->uris.item[i]), "ldaps://"))
			return true;
	return d->start_tls;
}

static void
check_ldap_directory(const struct check *k, const struct config_directory *d)
{
	static const char *const files_only[] = {"path", NULL};

	check_refuse(k, files_only, "has no effect in a directory of type ldap");
	if (!check_given(k, "uri"))
		problem_add(k->problems, d->place.line, "directory \"%s\" has no uri", d->name);
	if (!check_given(k, "base"))
		problem_add(k->problems, d->place.line, "directory \"%s\" has no base", d->name);
	if (check_given(k, "bind-dn") != check_given(k, "password-file"))
		problem_add(k->problems, check_line(k, check_given(k, "bind-dn") ? "bind-dn" : "password-file"),
			"bind-dn and password-file go together");
	if (check_given(k, "ca-file") && !uses_tls(d))
		problem_add(k->problems, check_line(k, "ca-file"), "ca-file has no effect without ldaps:// or start-tls = yes");
	if (d->uris.count > 1 && d->network_timeout >= k->config->rcpt_deadline)
		problem_add(k->problems, check_line(k, "network-timeout"),
			"network-timeout is not below rcpt-deadline (%u s): the second server would never be asked",
			k->config->rcpt_deadline);
	check_transport(k, d);
}

static void
check_directories(struct check *k)
{
	const struct config *c = k->config;

	for (size_t i = 0; i < c->directory_count; i++) {
		const struct config_directory *d = &c->directories[i];

		check_next_block(k, "directory", i);
		if (!check_given(k, "type"))
			problem_add(k->problems, d->place.line, "directory \"%s\" has no type", d->name);
		else if (d->type == DIRECTORY_FILES)
			check_files_directory(k, d);
		else
			check_ldap_directory(k, d);
	}
}

/* ---- rules --------------------------------------------------------------- */

static void
check_signing(const struct check *k, const struct config_rule *r)
{
	static const char *const needs_sign[] = {"form", "digest", "rsa-signature", "already-protected",
		"any-login", NULL};

	if (!r->says_sign) {
		check_refuse(k, needs_sign, "has no effect in a rule without sign");
		return;
	}
	if (r->signer == NULL)
		return;
	if (config_signer(k->config, r->signer) == NULL)
		problem_add(k->problems, check_line(k, "sign"), "sign: there is no signer \"%s\"", r->signer);
	if (!check_given(k, "sender") && !check_given(k, "sender-domain"))
		problem_add(k->problems, check_line(k, "sign"),
			"rule \"%s\" has neither sender nor sender-domain: who may use the seal \"%s\" must be said", r->name,
			r->signer);
}

static void
check_encrypting(const struct check *k, const struct config_rule *r)
{
	static const char *const needs_encrypt[] = {"cipher", "rsa-transport", "missing-certificate", "encrypt-to",
		"mixed", "accept-pgp", "hidden-recipients", "trust", "also-encrypt-to", NULL};

	check_trust_names(k, "trust", &r->trust);
	if (!r->says_encrypt) {
		check_refuse(k, needs_encrypt, "has no effect in a rule without encrypt");
		return;
	}
	if (r->encrypt == ENCRYPT_NEVER)
		return;
	if (k->config->directory_count == 0)
		problem_add(k->problems, check_line(k, "encrypt"),
			"rule \"%s\" encrypts, but there is no directory to find certificates in", r->name);
	else if (k->config->anchors.count == 0 && k->config->recipient_trust.count == 0 && r->trust.count == 0)
		problem_add(k->problems, check_line(k, "encrypt"),
			"rule \"%s\" encrypts, but without anchors, recipient-trust or trust no recipient's certificate would be "
			"accepted", r->name);
}

static void
check_rule(const struct check *k, const struct config_rule *r)
{
	if (!r->says_sign && !r->says_encrypt)
		problem_add(k->problems, r->place.line, "rule \"%s\" says neither sign nor encrypt", r->name);
	if (r->trigger_name != NULL && r->says_sign && r->signer == NULL && check_given(k, "sign"))
		problem_add(k->problems, check_line(k, "sign"),
			"sign = none has no effect in a rule with a trigger: triggers can only strengthen");
	if (r->trigger_name != NULL && r->says_encrypt && r->encrypt == ENCRYPT_NEVER)
		problem_add(k->problems, check_line(k, "encrypt"),
			"encrypt = never has no effect in a rule with a trigger: triggers can only strengthen");
	check_signing(k, r);
	check_encrypting(k, r);
}

static void
check_rules(struct check *k)
{
	const struct config *c = k->config;

	for (size_t i = 0; i < c->rule_count; i++) {
		check_next_block(k, "rule", i);
		check_rule(k, &c->rules[i]);
	}
}

void
config_check(const struct config *c, const struct scan *scan, struct problems *problems)
{
	struct check k = {.config = c, .scan = scan, .problems = problems, .block = SCAN_NONE};

	check_users(&k);
	check_sender_login(&k);
	check_trust_names(&k, "recipient-trust", &c->recipient_trust);
	check_status(&k);
	check_inbound(&k);
	check_listeners(&k);
	check_signers(&k);
	check_decryptions(&k);
	check_trusts(&k);
	check_profiles(&k);
	check_directories(&k);
	check_rules(&k);
	check_revocations(&k);
}
