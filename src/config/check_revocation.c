#include "config/check.h"

#include "config/settings.h"

#include <ctype.h>
#include <string.h>

/* ---- top level ----------------------------------------------------------- */

static bool
any_password(const struct config *c)
{
	for (size_t i = 0; i < c->revocation_count; i++)
		if (c->revocations[i].form_password)
			return true;
	return false;
}

static void
check_same_folder(const struct check *k, const char *option, const char *path, const char *other,
	const char *other_path)
{
	if (path != NULL && other_path != NULL && strcmp(path, other_path) == 0)
		problem_add(k->problems, check_line(k, check_given(k, option) ? option : other),
			"%s is the same as %s: each belongs to another user", option, other);
}

static void
check_folders(const struct check *k)
{
	const struct config *c = k->config;

	check_same_folder(k, "journal-directory", c->journal_directory, "inbox-directory", c->inbox_directory);
	check_same_folder(k, "journal-directory", c->journal_directory, "status-directory", c->status_directory);
	check_same_folder(k, "inbox-directory", c->inbox_directory, "status-directory", c->status_directory);
}

static bool
has_working_listener(const struct config *c)
{
	for (size_t i = 0; i < c->listener_count; i++)
		if (c->listeners[i].role == ROLE_WORK)
			return true;
	return false;
}

static void
check_top(const struct check *k)
{
	static const char *const needs_block[] = {"worker-user", "inbox-directory", "journal-directory", "retention",
		"notice-server", "notice-timeout", "request-line-limit", NULL};
	static const char *const needs_password[] = {"password-parallel", "password-cost-limit",
		"guesses-per-certificate", "guesses-per-client", "guesses-in-all", "guess-delay-limit", NULL};
	const struct config *c = k->config;

	if (!any_password(c))
		check_refuse(k, needs_password, "has no effect without a revocation block that opens the form password");
	if (c->revocation_count == 0) {
		check_refuse(k, needs_block, "has no effect without a revocation block");
		return;
	}
	check_folders(k);
	if (c->user != NULL && c->worker_user == NULL)
		problem_add(k->problems, check_line(k, "user"), "there is a user but no worker-user: what carries revocations "
			"out would run as root");
	if (c->notice_server != NULL && !uri_is_local(c->notice_server) && !c->allow_remote_mta)
		problem_add(k->problems, check_line(k, "notice-server"),
			"%s is another host, and notices would go there in clear; if the network on the way is yours, set "
			"allow-remote-mta = yes", c->notice_server);
}

/* ---- addresses ----------------------------------------------------------- */

static bool
is_same_address(const char *a, const char *b)
{
	return a != NULL && b != NULL && address_equal_text(slice_str(a), slice_str(b));
}

static void
check_addresses(const struct check *k, const struct config_revocation *r)
{
	const struct config *c = k->config;

	if (!check_given(k, "address"))
		problem_add(k->problems, r->place.line, "revocation \"%s\" has no address", r->name);
	for (size_t i = 0; i < c->revocation_count; i++) {
		const struct config_revocation *other = &c->revocations[i];

		if (other < r && is_same_address(other->address, r->address))
			problem_add(k->problems, check_line(k, "address"), "revocation \"%s\" has the same address already",
				other->name);
		if (is_same_address(r->operator_address, other->address))
			problem_add(k->problems, check_line(k, "operator"),
				"operator is the address of revocation \"%s\": what goes on to it, and alarms, would be taken for requests",
				other->name);
	}
}

/* ---- forms --------------------------------------------------------------- */

static bool
needs_trust(const struct config_revocation *r)
{
	return r->form_same_subject || r->form_authorised;
}

/* Who asks for another certificate than the signature's own has to be known as not revoked. */
static void
check_trusted_status(const struct check *k, const struct config_revocation *r)
{
	const struct config *c = k->config;

	if (c->anchors_revocation == REVOCATION_OFF && config_strings_have(&r->trust, CONFIG_TRUST_ANCHORS))
		problem_add(k->problems, check_line(k, "trust"),
			"trust: anchors has anchors-revocation = off: nobody would be known as not revoked, and all requests be deferred");
	for (size_t i = 0; i < c->trust_count; i++)
		if (c->trusts[i].revocation == REVOCATION_OFF && config_strings_have(&r->trust, c->trusts[i].name))
			problem_add(k->problems, check_line(k, "trust"),
				"trust: \"%s\" has revocation = off: nobody would be known as not revoked, and all requests be deferred",
				c->trusts[i].name);
}

static void
check_forms(const struct check *k, const struct config_revocation *r)
{
	if (needs_trust(r) && !check_given(k, "trust"))
		problem_add(k->problems, check_line(k, "forms"),
			"revocation \"%s\" has no trust: the forms same-subject and authorised need to know whose signature counts",
			r->name);
	if (!needs_trust(r) && check_given(k, "trust"))
		problem_add(k->problems, check_line(k, "trust"),
			"trust has no effect without one of the forms same-subject and authorised");
	check_trust_names(k, "trust", &r->trust);
	check_trusted_status(k, r);
	if (r->form_authorised && r->organisation_count == 0)
		problem_add(k->problems, check_line(k, "forms"),
			"revocation \"%s\" has no organisation: nobody could ask in the form authorised", r->name);
	if (!r->form_signed && !needs_trust(r) && check_given(k, "request-age"))
		problem_add(k->problems, check_line(k, "request-age"), "request-age has no effect without a signed form");
}

/* ---- inventory ----------------------------------------------------------- */

static bool
is_enrolled(const struct config_revocation *r)
{
	return r->inventory == NULL || strcmp(r->inventory, CONFIG_ENROLLED) == 0;
}

static void
check_attributes(const struct check *k, const struct config_revocation *r)
{
	const struct config_strings *all = &r->inventory_attributes;

	for (size_t i = 0; i < all->count; i++) {
		size_t len = strcspn(all->item[i], "=") + 1;

		for (size_t j = 0; j < i; j++)
			if (strncmp(all->item[j], all->item[i], len) == 0)
				problem_add(k->problems, check_line(k, "inventory-attributes"),
					"inventory-attributes: \"%.*s\" is given twice", (int)len - 1, all->item[i]);
	}
}

static void
check_inventory(const struct check *k, const struct config_revocation *r)
{
	static const char *const needs_ldap[] = {"inventory-filter", "inventory-attributes", NULL};
	const struct config_directory *d;

	if (is_enrolled(r)) {
		if (check_given(k, "inventory") && config_directory(k->config, CONFIG_ENROLLED) != NULL)
			problem_add(k->problems, check_line(k, "inventory"),
				"inventory = " CONFIG_ENROLLED " means what sealctl enrolled: give the directory another name");
		check_refuse(k, needs_ldap, "has no effect with inventory = " CONFIG_ENROLLED);
		return;
	}
	d = config_directory(k->config, r->inventory);
	if (d == NULL)
		problem_add(k->problems, check_line(k, "inventory"), "inventory: there is no directory \"%.100s\"",
			r->inventory);
	else if (d->type != DIRECTORY_LDAP)
		problem_add(k->problems, check_line(k, "inventory"), "inventory: directory \"%s\" is not of type ldap",
			d->name);
	check_attributes(k, r);
}

/* ---- the command and what is said ---------------------------------------- */

static void
check_command(const struct check *k, const struct config_revocation *r)
{
	static const char *const needs_command[] = {"approve-by-hand", "command-files", "command-timeout",
		"command-idempotent", NULL};

	if (!check_given(k, "command"))
		check_refuse(k, needs_command, "has no effect without command: a person carries everything out");
	else if (r->command.count > 0 && r->command.item[0][0] != '/')
		problem_add(k->problems, check_line(k, "command"), "command: \"%.100s\" is not an absolute path",
			r->command.item[0]);
	if (r->command.count > CONFIG_COMMAND_ARGUMENTS_MAX)
		problem_add(k->problems, check_line(k, "command"), "command: there are more than %d arguments",
			CONFIG_COMMAND_ARGUMENTS_MAX);
	if (r->command_files.count > CONFIG_COMMAND_FILES_MAX)
		problem_add(k->problems, check_line(k, "command-files"), "command-files: there are more than %d",
			CONFIG_COMMAND_FILES_MAX);
}

static void
check_notices(const struct check *k, const struct config_revocation *r)
{
	if (!check_given(k, "signer"))
		problem_add(k->problems, r->place.line, "revocation \"%s\" has no signer: notices are sealed", r->name);
	else if (r->signer != NULL && config_signer(k->config, r->signer) == NULL)
		problem_add(k->problems, check_line(k, "signer"), "signer: there is no signer \"%.100s\"", r->signer);
}

/* ---- phrases ------------------------------------------------------------- */

/* RFC 5646 2.1 */
static bool
is_language(const char *tag)
{
	for (const char *c = tag; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && *c != '-')
			return false;
	return isalpha((unsigned char)tag[0]) && strlen(tag) <= CONFIG_LANGUAGE_MAX;
}

static void
check_phrase(const struct check *k, const struct config_phrase *p)
{
	const char *tag = p->language != NULL ? p->language : p->name;

	if (!check_given(k, "number"))
		problem_add(k->problems, p->place.line, "phrase \"%s\" has no number", p->name);
	if (!is_language(tag))
		problem_add(k->problems, check_line(k, "language"), "phrase \"%s\": \"%.100s\" is not a language tag such as de",
			p->name, tag);
}

/* ---- organisations ------------------------------------------------------- */

/* The country is a code (X.520 6.3.1), as in certificates. */
static bool
is_country(const char *country)
{
	return strlen(country) == 2 && isupper((unsigned char)country[0]) && isupper((unsigned char)country[1]);
}

/* By which of the two ways its certificates are told: one organisation has one. */
static void
check_identity(const struct check *k, const struct config_organisation *o)
{
	static const char *const name_only[] = {"organization", "country", NULL};
	bool named = check_given(k, "organization") && check_given(k, "country");

	if (check_given(k, "organization-identifier")) {
		check_refuse(k, name_only, "has no effect beside organization-identifier, which alone is compared");
		if (o->by_name)
			problem_add(k->problems, check_line(k, "match"),
				"match = name has no effect beside organization-identifier, which alone is compared");
		return;
	}
	if (!named)
		problem_add(k->problems, o->place.line,
			"organisation \"%s\" has neither organization-identifier nor both organization and country", o->name);
	else if (!o->by_name)
		problem_add(k->problems, check_line(k, "match"),
			"organisation \"%s\" has no organization-identifier: organization and country are compared only with "
			"match = name", o->name);
	if (o->country != NULL && !is_country(o->country))
		problem_add(k->problems, check_line(k, "country"), "country = %.100s: is not a code of two capitals", o->country);
}

static void
check_organisation(const struct check *k, const struct config_revocation *r, const struct config_organisation *o)
{
	if (!r->form_authorised)
		problem_add(k->problems, o->place.line, "organisation \"%s\" has no effect without the form authorised", o->name);
	if (!check_given(k, "certificates") && !check_given(k, "group") && !check_given(k, "unsigned-senders"))
		problem_add(k->problems, o->place.line,
			"organisation \"%s\" has neither certificates nor group nor unsigned-senders: nobody could speak for it",
			o->name);
	if (check_given(k, "group") && is_enrolled(r))
		problem_add(k->problems, check_line(k, "group"),
			"group has no effect with inventory = " CONFIG_ENROLLED ": it is looked for in the inventory's directory");
	if (check_given(k, "unsigned-senders") && k->config->trusted_authres.count == 0)
		problem_add(k->problems, check_line(k, "unsigned-senders"),
			"unsigned-senders has no effect without trusted-authres: nobody would say dkim=pass");
	check_identity(k, o);
}

/* ---- the block ----------------------------------------------------------- */

static void
check_revocation(const struct check *k, const struct config_revocation *r)
{
	struct check inner = *k;

	if (k->config->listener_count > 0 && !has_working_listener(k->config))
		problem_add(k->problems, r->place.line, "revocation \"%s\" has no effect without a listener of role work",
			r->name);
	if (!check_given(k, "authorities"))
		problem_add(k->problems, r->place.line, "revocation \"%s\" has no authorities", r->name);
	check_addresses(k, r);
	check_forms(k, r);
	check_inventory(k, r);
	check_command(k, r);
	check_notices(k, r);
	inner.block = SCAN_NONE;
	for (size_t i = 0; i < r->phrase_count; i++) {
		inner.block = scan_block(k->scan, k->block, "phrase", inner.block);
		check_phrase(&inner, &r->phrases[i]);
	}
	inner.block = SCAN_NONE;
	for (size_t i = 0; i < r->organisation_count; i++) {
		inner.block = scan_block(k->scan, k->block, "organisation", inner.block);
		check_organisation(&inner, r, &r->organisations[i]);
	}
}

void
check_revocations(struct check *k)
{
	const struct config *c = k->config;

	k->block = SCAN_NONE;
	check_top(k);
	for (size_t i = 0; i < c->revocation_count; i++) {
		check_next_block(k, "revocation", i);
		check_revocation(k, &c->revocations[i]);
	}
}
