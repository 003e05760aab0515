#include "ctl/ctl.h"

#include "base/log.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct ctl_command *const commands[] = {
	&ctl_check_config, &ctl_lookup, &ctl_seal, &ctl_open, &ctl_explain, &ctl_certificate_check,
	&ctl_certificate_verify, &ctl_crl_list, &ctl_crl_refresh, &ctl_crl_import, &ctl_anchors_add,
	&ctl_revocation_list, &ctl_revocation_show, &ctl_revocation_approve, &ctl_revocation_refuse, &ctl_revocation_retry,
	&ctl_revocation_done, &ctl_revocation_verify, &ctl_revocation_export, &ctl_revocation_enrol,
	&ctl_revocation_enrolled, &ctl_revocation_unenrol, &ctl_revocation_password_hash, NULL,
};

static void
usage(FILE *to)
{
	fprintf(to, "usage: sealctl [-c FILE] [options] command\n\ncommands:\n");
	for (size_t i = 0; commands[i] != NULL; i++)
		fprintf(to, "  %s%s%s\n", commands[i]->name, *commands[i]->arguments == '\0' ? "" : " ", commands[i]->arguments);
	fprintf(to, "\noptions:\n"
		"  -c, --config FILE   configuration, " CONFIG_FILE " when not given\n"
		"  --from ADDRESS      envelope sender, the From field's when not given; <> is the null sender\n"
		"  --to ADDRESS        envelope recipient, may be repeated; To and Cc when not given\n"
		"  --client ADDRESS    IP address of the client; without it the mail is handed in on this machine,\n"
		"                      inbound mail by somebody outside\n"
		"  --login NAME        the client authenticated as NAME\n"
		"  --daemon NAME       {daemon_name} of the MTA\n"
		"  --listener NAME     judge as this listener would\n"
		"  --inbound           explain: take the message as coming in from outside, as open does\n"
		"  --at TIME           judge at another time: 2027-01-31, 2027-01-31T12:00:00Z or @seconds\n"
		"                      revocation done: when the authority revoked it\n"
		"  --json              explain, certificate, crl list, revocation: for programs\n"
		"  --edit              seal, open: print the changes in words, not the message\n"
		"  --profile NAME      certificate check: check it against this profile\n"
		"  --trust NAME        certificate: ask this set of authorities only; the options' own is \"anchors\"\n"
		"  --policy OID        certificate: it must be issued under this policy, may be repeated\n"
		"  --explicit-policy   certificate: one of the policies must hold, whatever the authorities ask\n"
		"  --inhibit-policy-mapping, --inhibit-any-policy\n"
		"                      certificate: no policy stands for another; anyPolicy stands for none\n"
		"  --no-fetch          certificate: ask nobody outside\n"
		"  --sha256 DIGITS     anchors add: the fingerprint that the certificate must have\n"
		"  --into FILE         anchors add: add it to this file\n"
		"  --signer FILE       crl: certificates that may have signed lists, may be repeated\n"
		"  --open, --overdue   revocation list: only requests that have not come to an end; past their deadline\n"
		"  --evidence FILE     revocation show: write what the request stands on to this file\n"
		"  --reason TEXT       revocation refuse: why, which its writer is told\n"
		"  --head HEAD         revocation verify: NUMBER:HASH of before, or a file in which it stands\n"
		"  --from TIME, --to TIME\n"
		"                      revocation export: entries of that time only\n"
		"  --authority NAME    revocation enrol: the revocation block\n"
		"  --password-file FILE\n"
		"                      revocation enrol: a file with the password; - is standard input\n"
		"  --contact ADDRESS   revocation enrol: where its holder is told, may be repeated\n"
		"  -v, --verbose       the daemon's log lines on standard error\n"
		"exit status: 0 done, 1 a definite no, 2 usage or configuration, 75 cannot tell now\n");
}

enum { OPTION_FROM = 256, OPTION_TO, OPTION_CLIENT, OPTION_LOGIN, OPTION_DAEMON, OPTION_LISTENER, OPTION_INBOUND,
	OPTION_AT, OPTION_JSON, OPTION_EDIT, OPTION_PROFILE, OPTION_TRUST, OPTION_POLICY, OPTION_EXPLICIT_POLICY,
	OPTION_INHIBIT_MAPPING, OPTION_INHIBIT_ANY, OPTION_NO_FETCH, OPTION_SHA256, OPTION_INTO, OPTION_SIGNER,
	OPTION_OPEN, OPTION_OVERDUE, OPTION_EVIDENCE, OPTION_REASON, OPTION_HEAD, OPTION_AUTHORITY, OPTION_PASSWORD_FILE,
	OPTION_CONTACT };

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'}, {"verbose", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'},
	{"from", required_argument, NULL, OPTION_FROM}, {"to", required_argument, NULL, OPTION_TO},
	{"client", required_argument, NULL, OPTION_CLIENT}, {"login", required_argument, NULL, OPTION_LOGIN},
	{"daemon", required_argument, NULL, OPTION_DAEMON}, {"listener", required_argument, NULL, OPTION_LISTENER},
	{"inbound", no_argument, NULL, OPTION_INBOUND}, {"at", required_argument, NULL, OPTION_AT},
	{"json", no_argument, NULL, OPTION_JSON}, {"edit", no_argument, NULL, OPTION_EDIT},
	{"profile", required_argument, NULL, OPTION_PROFILE}, {"trust", required_argument, NULL, OPTION_TRUST},
	{"policy", required_argument, NULL, OPTION_POLICY}, {"explicit-policy", no_argument, NULL, OPTION_EXPLICIT_POLICY},
	{"inhibit-policy-mapping", no_argument, NULL, OPTION_INHIBIT_MAPPING},
	{"inhibit-any-policy", no_argument, NULL, OPTION_INHIBIT_ANY}, {"no-fetch", no_argument, NULL, OPTION_NO_FETCH},
	{"sha256", required_argument, NULL, OPTION_SHA256}, {"into", required_argument, NULL, OPTION_INTO},
	{"signer", required_argument, NULL, OPTION_SIGNER},
	{"open", no_argument, NULL, OPTION_OPEN}, {"overdue", no_argument, NULL, OPTION_OVERDUE},
	{"evidence", required_argument, NULL, OPTION_EVIDENCE}, {"reason", required_argument, NULL, OPTION_REASON},
	{"head", required_argument, NULL, OPTION_HEAD}, {"authority", required_argument, NULL, OPTION_AUTHORITY},
	{"password-file", required_argument, NULL, OPTION_PASSWORD_FILE},
	{"contact", required_argument, NULL, OPTION_CONTACT},
	{NULL, 0, NULL, 0},
};

static bool
too_many(int most, const char *what)
{
	fprintf(stderr, "sealctl: more than %d %s\n", most, what);
	return false;
}

/* Those about requests for revocation. */
static bool
take_revocation_option(int option, char *value, struct ctl_options *o)
{
	switch (option) {
	case OPTION_OPEN: o->open = true; break;
	case OPTION_OVERDUE: o->overdue = true; break;
	case OPTION_EVIDENCE: o->evidence = value; break;
	case OPTION_REASON: o->reason = value; break;
	case OPTION_HEAD: o->head = value; break;
	case OPTION_AUTHORITY: o->authority = value; break;
	case OPTION_PASSWORD_FILE: o->password_file = value; break;
	case OPTION_CONTACT:
		if (o->contact_count == CTL_CONTACTS_MAX)
			return too_many(CTL_CONTACTS_MAX, "contacts");
		o->contacts[o->contact_count++] = value;
		break;
	default:
		return false;
	}
	return true;
}

/* Those about certificates. */
static bool
take_certificate_option(int option, char *value, struct ctl_options *o)
{
	switch (option) {
	case OPTION_PROFILE: o->profile = value; break;
	case OPTION_TRUST: o->trust = value; break;
	case OPTION_EXPLICIT_POLICY: o->explicit_policy = true; break;
	case OPTION_INHIBIT_MAPPING: o->inhibit_policy_mapping = true; break;
	case OPTION_INHIBIT_ANY: o->inhibit_any_policy = true; break;
	case OPTION_NO_FETCH: o->no_fetch = true; break;
	case OPTION_SHA256: o->sha256 = value; break;
	case OPTION_INTO: o->into = value; break;
	case OPTION_POLICY:
		if (o->policy_count == CTL_POLICIES_MAX)
			return too_many(CTL_POLICIES_MAX, "policies");
		o->policies[o->policy_count++] = value;
		break;
	case OPTION_SIGNER:
		if (o->signer_count == CTL_SIGNERS_MAX)
			return too_many(CTL_SIGNERS_MAX, "files of signers");
		o->signers[o->signer_count++] = value;
		break;
	default:
		return take_revocation_option(option, value, o);
	}
	return true;
}

static bool
take_option(int option, char *value, struct ctl_options *o)
{
	switch (option) {
	case 'c': o->config_path = value; o->config_given = true; break;
	case 'v': o->verbose = true; break;
	case OPTION_FROM: o->sender = value; break;
	case OPTION_CLIENT: o->client = value; break;
	case OPTION_LOGIN: o->login = value; break;
	case OPTION_DAEMON: o->daemon_name = value; break;
	case OPTION_LISTENER: o->listener = value; break;
	case OPTION_INBOUND: o->inbound = true; break;
	case OPTION_JSON: o->json = true; break;
	case OPTION_EDIT: o->edit = true; break;
	case OPTION_AT:
		o->at_given = true;
		if (ctl_time(value, &o->now))
			break;
		fprintf(stderr, "sealctl: --at %s is not a time like 2027-01-31 or 2027-01-31T12:00:00Z\n", value);
		return false;
	case OPTION_TO:
		if (o->recipient_count == CTL_RECIPIENTS_MAX)
			return too_many(CTL_RECIPIENTS_MAX, "recipients");
		o->recipients[o->recipient_count++] = value;
		break;
	default:
		return take_certificate_option(option, value, o);
	}
	return true;
}

/* How many of the words are the command's name; 0: they name another. */
static int
words_of_name(const char *name, char *const *words)
{
	size_t len = strcspn(name, " ");

	if (words[0] == NULL || strlen(words[0]) != len || strncmp(words[0], name, len) != 0)
		return 0;
	if (name[len] == '\0')
		return 1;
	return words[1] != NULL && strcmp(words[1], name + len + 1) == 0 ? 2 : 0;
}

static const struct ctl_command *
find_command(char *const *words, int *name_words)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		*name_words = words_of_name(commands[i]->name, words);
		if (*name_words > 0)
			return commands[i];
	}
	return NULL;
}

/* With those that begin like it: "certificate" alone is the beginning of several. */
static void
tell_unknown(char *const *words)
{
	size_t len = strlen(words[0]);
	const char *before = "; there are: ";

	fprintf(stderr, "sealctl: there is no command %s%s%s", words[0], words[1] == NULL ? "" : " ",
		words[1] == NULL ? "" : words[1]);
	for (size_t i = 0; commands[i] != NULL; i++)
		if (strncmp(commands[i]->name, words[0], len) == 0 && commands[i]->name[len] == ' ') {
			fprintf(stderr, "%s%s", before, commands[i]->name);
			before = ", ";
		}
	fprintf(stderr, "\n");
}

/* In few lines, so that what is wrong does not scroll away. */
static enum ctl_status
wrong(const struct ctl_command *command)
{
	if (command != NULL)
		fprintf(stderr, "usage: sealctl [-c FILE] [options] %s %s\n", command->name, command->arguments);
	fprintf(stderr, "sealctl --help shows all commands and options\n");
	return CTL_USAGE;
}

int
main(int argc, char **argv)
{
	struct ctl_options o = {.config_path = CONFIG_FILE, .now = time(NULL)};
	const struct ctl_command *command;
	int option, count, name_words;

	while ((option = getopt_long(argc, argv, "c:vh", long_options, NULL)) != -1) {
		if (option == 'h') {
			usage(stdout);
			return CTL_DONE;
		}
		/* What is wrong with it has been said. */
		if (!take_option(option, optarg, &o))
			return wrong(NULL);
	}
	command = find_command(argv + optind, &name_words);
	count = argc - optind - name_words;
	if (command == NULL && argv[optind] != NULL)
		tell_unknown(argv + optind);
	if (command == NULL || count < command->least || count > command->most)
		return wrong(command);
	log_open("sealctl", LOG_MAIL, true);
	log_without_syslog();
	log_threshold(o.verbose ? LOG_DEBUG : LOG_CRIT);
	return command->run(&o, argv + optind + name_words);
}
