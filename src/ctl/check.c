#include "ctl/checks.h"

#include "base/deadline.h"

#include "gateway/logins.h"
#include "gateway/trace.h"
#include "pki/chain.h"

#include <openssl/x509v3.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECONDS_A_DAY 86400

/* ---- signers -------------------------------------------------------------------- */

static X509 *
issuer_in_chain(X509 *cert, STACK_OF(X509) *chain)
{
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (X509_check_issued(sk_X509_value(chain, i), cert) == X509_V_OK)
			return sk_X509_value(chain, i);
	return NULL;
}

static bool
issued_by_one_of(const struct config_strings *files, X509 *cert)
{
	for (size_t i = 0; i < files->count; i++) {
		struct cert **certs = NULL;
		size_t count = 0;
		bool found = false;

		if (cert_read_file(files->item[i], &certs, &count, NULL) != ANSWER_YES)
			continue;
		for (size_t k = 0; !found && k < count; k++)
			found = X509_check_issued(certs[k]->x509, cert) == X509_V_OK;
		cert_free_array(certs, count);
		if (found)
			return true;
	}
	return false;
}

static bool
issued_by_anchor(const struct config *config, X509 *cert)
{
	if (issued_by_one_of(&config->anchors, cert))
		return true;
	for (size_t i = 0; i < config->trust_count; i++)
		if (issued_by_one_of(&config->trusts[i].anchors, cert))
			return true;
	return false;
}

/* A reader builds the chain from what the signature carries; only the root may
 * be missing there, as the reader must have it anyway. So a certificate whose own
 * issuer is not carried needs that issuer to be a root that is known here. */
static void
check_chain(struct checks *c, const struct config_signer *signer, const struct key_identity *identity)
{
	X509 *top = identity->certificate, *issuer;
	struct cert *named = NULL;
	const char *name;

	for (int i = 0; i <= sk_X509_num(identity->chain); i++) {
		issuer = issuer_in_chain(top, identity->chain);
		if (issuer == NULL || issuer == top)
			break;
		top = issuer;
	}
	if (X509_check_issued(top, top) == X509_V_OK || issued_by_anchor(c->config, top))
		return;
	name = cert_from_x509(top, &named, NULL) == ANSWER_YES ? named->issuer : "";
	if (top == identity->certificate)
		checks_problem(c, "signer %s: the chain is incomplete: the certificate of its issuer (%s) is neither behind its own nor in chain",
			signer->name, name);
	else
		checks_warning(c, "signer %s: the chain ends below %s, which is neither in it nor among the anchors; readers must know it",
			signer->name, name);
	cert_unref(named);
}

static void
check_validity(struct checks *c, const struct config_signer *signer, const struct cert *cert)
{
	char begin[CERT_DATE_SIZE], end[CERT_DATE_SIZE];
	time_t horizon = c->now + (time_t)c->config->expiry_warning * SECONDS_A_DAY;

	cert_date(cert->not_before, begin);
	cert_date(cert->not_after, end);
	if (c->now < cert->not_before)
		checks_problem(c, "signer %s: its certificate is not valid before %s", signer->name, begin);
	else if (c->now > cert->not_after)
		checks_problem(c, "signer %s: its certificate expired on %s", signer->name, end);
	else if (horizon > cert->not_after)
		checks_warning(c, "signer %s: its certificate expires on %s, in %lld days", signer->name, end,
			(long long)((cert->not_after - c->now) / SECONDS_A_DAY));
	if (!cert_may_sign(cert))
		checks_problem(c, "signer %s: the key usage of its certificate permits neither digitalSignature nor nonRepudiation",
			signer->name);
}

static bool
has_domain(const struct cert *cert, const char *domain)
{
	for (size_t i = 0; i < cert->address_count; i++) {
		struct address a;

		if (address_parse(slice_str(cert->addresses[i]), &a) && address_domain_matches(a.domain, slice_str(domain)))
			return true;
	}
	return false;
}

/* Readers compare From with the addresses in the certificate (RFC 8550 3). */
static void
check_addresses(struct checks *c, const struct config_rule *rule, const struct cert *cert)
{
	static const char words[] = "rule %s: the certificate of signer %s lacks %s: readers will show that sender and signer differ";

	for (size_t i = 0; i < rule->senders.count; i++)
		if (!cert_has_address(cert, slice_str(rule->senders.item[i])))
			checks_warning(c, words, rule->name, rule->signer, rule->senders.item[i]);
	for (size_t i = 0; i < rule->sender_domains.count; i++)
		if (!has_domain(cert, rule->sender_domains.item[i]))
			checks_warning(c, words, rule->name, rule->signer, rule->sender_domains.item[i]);
}

static void
check_signer(struct checks *c, const struct config_signer *signer)
{
	struct key_identity *identity;
	struct cert *cert;
	struct error err;

	if (key_load(signer, KEY_TO_SIGN, &identity, &err) != ANSWER_YES) {
		checks_problem(c, "signer %s: %s", signer->name, err.words);
		return;
	}
	check_chain(c, signer, identity);
	if (cert_from_x509(identity->certificate, &cert, &err) == ANSWER_YES) {
		check_validity(c, signer, cert);
		for (size_t i = 0; i < c->config->rule_count; i++) {
			const struct config_rule *rule = &c->config->rules[i];

			if (rule->signer != NULL && strcmp(rule->signer, signer->name) == 0)
				check_addresses(c, rule, cert);
		}
		cert_unref(cert);
	} else {
		checks_problem(c, "signer %s: %s", signer->name, err.words);
	}
	key_identity_free(identity);
}

/* A certificate that has ended is fine: old mail names it. */
static void
check_decryption(struct checks *c, const struct config_signer *files)
{
	struct key_identity *identity;
	struct error err;

	if (key_load(files, KEY_TO_DECRYPT, &identity, &err) != ANSWER_YES)
		checks_problem(c, "decryption-key %s: %s", files->name, err.words);
	else
		key_identity_free(identity);
}

/* ---- files and directories --------------------------------------------------------- */

static void
check_archives(struct checks *c, const struct config_rule *rule)
{
	for (size_t i = 0; i < rule->also_encrypt_to.count; i++) {
		struct cert **certs = NULL;
		size_t count = 0;
		struct error err;

		if (cert_read_file(rule->also_encrypt_to.item[i], &certs, &count, &err) != ANSWER_YES) {
			checks_problem(c, "rule %s, also-encrypt-to: %s", rule->name, err.words);
			continue;
		}
		for (size_t k = 0; k < count; k++) {
			if (!cert_may_encrypt(certs[k]))
				checks_problem(c, "rule %s, also-encrypt-to: the key usage of %s does not permit encryption", rule->name,
					certs[k]->subject);
			if (c->now > certs[k]->not_after)
				checks_warning(c, "rule %s, also-encrypt-to: %s has expired", rule->name, certs[k]->subject);
		}
		cert_free_array(certs, count);
	}
}

static void
check_fetch_authorities(struct checks *c, const char *path)
{
	struct cert **certs = NULL;
	size_t count = 0;
	struct error err;

	if (cert_read_file(path, &certs, &count, &err) != ANSWER_YES)
		checks_problem(c, "fetch-ca-file: %s", err.words);
	cert_free_array(certs, count);
}

static void
check_files(struct checks *c)
{
	const struct config *config = c->config;
	struct trace_key *key = NULL;
	struct logins *logins = NULL;
	struct error err;

	if (config->trace_key_file != NULL && trace_key_load(config->trace_key_file, &key, &err) != ANSWER_YES)
		checks_problem(c, "trace-key-file: %s", err.words);
	trace_key_free(key);
	if (config->sender_login_file != NULL && logins_load(config->sender_login_file, &logins, &err) != ANSWER_YES)
		checks_problem(c, "sender-login-file: %s", err.words);
	logins_free(logins);
	if (config->fetch_ca_file != NULL)
		check_fetch_authorities(c, config->fetch_ca_file);
	for (size_t i = 0; i < config->rule_count; i++)
		check_archives(c, &config->rules[i]);
}

/* ---- trust ---------------------------------------------------------------------------- */

/* A configuration without any trust, to which one thing is added: so what is wrong with it does not hide
 * what is wrong with another. */
static struct config
without_trust(const struct checks *c)
{
	struct config config = *c->config;

	config.anchors = config.intermediates = (struct config_strings){0};
	config.trust_count = config.profile_count = 0;
	return config;
}

static bool
try_trust(struct checks *c, const struct config *config, const char *what)
{
	struct trusts *trusts;
	struct error err;
	enum answer answer = trusts_new(config, &trusts, &err);

	if (answer != ANSWER_YES)
		checks_problem(c, "%s%s", what, err.words);
	trusts_free(trusts);
	return answer == ANSWER_YES;
}

static bool
check_profiles(struct checks *c)
{
	struct config config = without_trust(c);
	bool sound = true;

	config.profile_count = 1;
	for (size_t i = 0; i < c->config->profile_count; i++) {
		config.profiles = &c->config->profiles[i];
		sound = try_trust(c, &config, "") && sound;
	}
	return sound;
}

/* That they can be read has been looked at. */
static void
check_anchors(struct checks *c, const char *set, const struct config_strings *files)
{
	time_t horizon = c->now + (time_t)c->config->expiry_warning * SECONDS_A_DAY;

	for (size_t i = 0; i < files->count; i++) {
		struct cert **certs = NULL;
		size_t count = 0;
		char end[CERT_DATE_SIZE];

		if (cert_read_file(files->item[i], &certs, &count, NULL) != ANSWER_YES)
			continue;
		for (size_t k = 0; k < count; k++) {
			cert_date(certs[k]->not_after, end);
			if (c->now > certs[k]->not_after)
				checks_warning(c, "%s: its anchor %s expired on %s, so whom it vouches for is not trusted", set, certs[k]->subject,
					end);
			else if (horizon > certs[k]->not_after)
				checks_warning(c, "%s: its anchor %s expires on %s, in %lld days", set, certs[k]->subject, end,
					(long long)((certs[k]->not_after - c->now) / SECONDS_A_DAY));
		}
		cert_free_array(certs, count);
	}
}

static void
check_lists(struct checks *c, const struct config_trust *t)
{
	for (size_t i = 0; i < t->crls.count; i++)
		if (faccessat(AT_FDCWD, t->crls.item[i], R_OK, AT_EACCESS) == -1)
			checks_problem(c, "trust %s, crls: cannot read %s: %s", t->name, t->crls.item[i], strerror(errno));
}

/* profiles: are the configuration's own all sound? Where one is not, that has been said, and sets are looked at
 * without them. */
static void
check_block(struct checks *c, const struct config_trust *t, bool profiles)
{
	struct config config = without_trust(c);
	struct config_trust alone = *t;
	char *set;

	config.trusts = &alone;
	config.trust_count = 1;
	config.profile_count = profiles ? c->config->profile_count : 0;
	if (!profiles)
		alone.profiles.count = 0;
	if (asprintf(&set, "trust %s", t->name) == -1)
		return;
	if (try_trust(c, &config, ""))
		check_anchors(c, set, &t->anchors);
	check_lists(c, t);
	free(set);
}

/* Without it all works, but after a restart everything is fetched again. */
static void
check_status_directory(struct checks *c)
{
	const char *path = c->config->status_directory, *end = path == NULL ? NULL : strrchr(path, '/');
	char *parent = end == NULL || end == path ? NULL : strndup(path, (size_t)(end - path));
	struct stat st;

	if (path == NULL)
		return;
	if (stat(path, &st) == -1 && errno == ENOENT) {
		if (parent != NULL && access(parent, F_OK) == -1)
			checks_warning(c, "status-directory: there is no directory %s, so lists are kept in memory only", parent);
	} else if (faccessat(AT_FDCWD, path, R_OK | W_OK | X_OK, AT_EACCESS) == -1) {
		checks_warning(c, "status-directory: the gate's user cannot write to %s (%s), so lists are kept in memory only", path,
			strerror(errno));
	} else if ((st.st_mode & S_IWOTH) != 0) {
		checks_warning(c, "status-directory: everybody can write to %s, so lists are kept in memory only", path);
	}
	free(parent);
}

static void
check_trusts(struct checks *c)
{
	struct config config = without_trust(c);
	bool profiles = check_profiles(c);

	config.anchors = c->config->anchors;
	config.intermediates = c->config->intermediates;
	if (try_trust(c, &config, "anchors: "))
		check_anchors(c, "anchors", &config.anchors);
	for (size_t i = 0; i < c->config->trust_count; i++)
		check_block(c, &c->config->trusts[i], profiles);
	if (c->config->anchors.count + c->config->trust_count > 0)
		check_status_directory(c);
}

/* An LDAP directory's words begin with its name, a folder's do not. */
static void
unreachable(void *arg, const char *directory, const struct error *err)
{
	struct checks *c = arg;

	if (config_directory(c->config, directory)->type == DIRECTORY_LDAP)
		checks_problem(c, "%s", err->words);
	else
		checks_problem(c, "directory %s: %s", directory, err->words);
	if (err->answer == ANSWER_CANT_TELL)
		c->unsure++;
}

static void
server_away(void *arg, const char *directory, const struct error *err)
{
	(void)directory;
	checks_warning(arg, "%s; the directory's other servers are asked", err->words);
}

static enum answer
probe(struct checks *c, const struct config *config, const struct trusts *trusts,
	void (*report)(void *, const char *, const struct error *), struct error *err)
{
	struct directories *d;
	struct timespec deadline;
	enum answer answer = directories_new(config, trusts, &d, err);

	if (answer != ANSWER_YES)
		return answer;
	deadline = deadline_in(config->rcpt_deadline * 1000L);
	answer = directories_probe(d, &deadline, report, c);
	directories_free(d);
	return answer;
}

/* One server that answers hides from the daemon that another does not; so each is
 * asked as if it were the only one. */
static void
probe_servers(struct checks *c, const struct trusts *trusts, const struct config_directory *directory)
{
	for (size_t i = 0; i < directory->uris.count; i++) {
		struct config_directory alone = *directory;
		struct config config = *c->config;
		struct error err;

		alone.uris.item = &directory->uris.item[i];
		alone.uris.count = 1;
		config.directories = &alone;
		config.directory_count = 1;
		config.sender_login_directory = NULL;
		probe(c, &config, trusts, server_away, &err);
	}
}

static void
check_directories(struct checks *c)
{
	struct error err = ERROR_NONE;
	struct trusts *trusts;

	if (trusts_new(c->config, &trusts, &err) != ANSWER_YES) /* which has been said */
		return;
	if (probe(c, c->config, trusts, unreachable, &err) == ANSWER_YES) {
		for (size_t i = 0; i < c->config->directory_count; i++)
			if (c->config->directories[i].type == DIRECTORY_LDAP && c->config->directories[i].uris.count > 1)
				probe_servers(c, trusts, &c->config->directories[i]);
	} else if (err.code != NULL) {
		checks_error(c, &err);
	}
	trusts_free(trusts);
}

/* ---- listeners ------------------------------------------------------------------------ */

/* run-directory is made at start, in a directory that is there. */
static void
check_parent(struct checks *c, const char *what, const char *name, const char *path)
{
	char *copy = strdup(path), *slash = copy == NULL ? NULL : strrchr(copy, '/');
	struct stat st;

	if (slash != NULL && slash != copy) {
		*slash = '\0';
		if (strcmp(copy, c->config->run_directory) != 0 && (stat(copy, &st) != 0 || !S_ISDIR(st.st_mode)))
			checks_problem(c, "%s%s: there is no directory %s", what, name, copy);
	}
	free(copy);
}

static void
check_listeners(struct checks *c)
{
	check_parent(c, "run-directory", "", c->config->run_directory);
	for (size_t i = 0; i < c->config->listener_count; i++) {
		const struct config_listener *l = &c->config->listeners[i];

		if (strncmp(l->socket, "unix:", strlen("unix:")) == 0)
			check_parent(c, "listener ", l->name, l->socket + strlen("unix:"));
		if (l->group != NULL && getgrnam(l->group) == NULL)
			checks_problem(c, "listener %s: there is no group %s", l->name, l->group);
	}
}

/* ---- settings that are each right and together are not ------------------------------- */

static void
check_settings(struct checks *c)
{
	const struct config *config = c->config;
	bool has_logins = config->sender_login_file != NULL || config->sender_login_directory != NULL;
	bool takes_outside = false;

	for (size_t i = 0; i < config->listener_count; i++)
		if (config->listeners[i].role == ROLE_WORK && config->listeners[i].direction != DIRECTION_OUTBOUND)
			takes_outside = true;
	for (size_t i = 0; i < config->rule_count; i++) {
		const struct config_rule *rule = &config->rules[i];

		if (rule->signer != NULL && !rule->any_login && !has_logins)
			checks_warning(c, "rule %s: there is no sender-login, so what authenticated clients send as its senders is refused; "
				"any-login = yes permits it to all of them", rule->name);
	}
	if (takes_outside && config->trace_key_file == NULL && config->signer_count > 0)
		checks_warning(c, "trace-key-file is not set: mail from outside that an inside server forwards may be sealed");
	if (config->internal_networks.count == 0 && config->rule_count > 0)
		checks_warning(c, "internal-networks is empty: only authenticated and locally submitted mail is outbound");
}

static void
report(void *arg, const char *words)
{
	checks_problem(arg, "%s", words);
}

/* Each process' files as its user sees them; without the user that cannot be told. */
static void
check_all(struct checks *c)
{
	const struct config *config = c->config;
	struct error err;

	check_listeners(c);
	if (ctl_read_as(config, CTL_AS_KEEPER, &err) == ANSWER_YES) {
		for (size_t i = 0; i < config->signer_count; i++)
			check_signer(c, &config->signers[i]);
		for (size_t i = 0; i < config->decryption_count; i++)
			check_decryption(c, &config->decryptions[i].files);
	} else {
		checks_problem(c, "keeper-user: %s", err.words);
	}
	if (ctl_read_as(config, CTL_AS_GATE, &err) == ANSWER_YES) {
		check_files(c);
		check_trusts(c);
		check_directories(c);
	} else {
		checks_problem(c, "user: %s", err.words);
	}
	checks_revocations(c);
	check_settings(c);
}

static enum ctl_status
run(const struct ctl_options *o, char **arguments)
{
	struct checks c = {.now = o->now};
	struct config *config;
	struct error err;

	(void)arguments;
	if (config_parse(o->config_path, &config, report, &c, &err) != ANSWER_YES) {
		checks_problem(&c, "%s", err.words);
		return err.answer == ANSWER_CANT_TELL ? CTL_CANT_TELL : CTL_USAGE;
	}
	c.config = config;
	check_all(&c);
	printf("%u problem%s, %u warning%s\n", c.problems, c.problems == 1 ? "" : "s", c.warnings, c.warnings == 1 ? "" : "s");
	config_unref(config);
	if (c.problems == 0)
		return CTL_DONE;
	return c.problems == c.unsure ? CTL_CANT_TELL : CTL_USAGE;
}

const struct ctl_command ctl_check_config = {"check-config", "", 0, 0, run};
