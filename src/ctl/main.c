#include "ctl/ctl.h"

#include "base/log.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static const struct ctl_command *const commands[] = {
	&ctl_check_config, &ctl_lookup, &ctl_seal, &ctl_open, &ctl_explain, NULL,
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
		"  --json              explain for programs\n"
		"  --edit              seal, open: print the changes in words, not the message\n"
		"  -v, --verbose       the daemon's log lines on standard error\n"
		"exit status: 0 done, 1 a definite no, 2 usage or configuration, 75 cannot tell now\n");
}

static bool
read_time(const char *text, time_t *t)
{
	static const char *const forms[] = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"};
	char *end;

	if (text[0] == '@') {
		*t = (time_t)strtoll(text + 1, &end, 10);
		return text[1] != '\0' && *end == '\0';
	}
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct tm tm = {0};

		end = strptime(text, forms[i], &tm);
		if (end != NULL && *end == '\0') {
			*t = timegm(&tm);
			return true;
		}
	}
	return false;
}

enum { OPTION_FROM = 256, OPTION_TO, OPTION_CLIENT, OPTION_LOGIN, OPTION_DAEMON, OPTION_LISTENER, OPTION_INBOUND,
	OPTION_AT, OPTION_JSON, OPTION_EDIT };

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'}, {"verbose", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'},
	{"from", required_argument, NULL, OPTION_FROM}, {"to", required_argument, NULL, OPTION_TO},
	{"client", required_argument, NULL, OPTION_CLIENT}, {"login", required_argument, NULL, OPTION_LOGIN},
	{"daemon", required_argument, NULL, OPTION_DAEMON}, {"listener", required_argument, NULL, OPTION_LISTENER},
	{"inbound", no_argument, NULL, OPTION_INBOUND}, {"at", required_argument, NULL, OPTION_AT},
	{"json", no_argument, NULL, OPTION_JSON}, {"edit", no_argument, NULL, OPTION_EDIT},
	{NULL, 0, NULL, 0},
};

static bool
take_option(int option, const char *value, struct ctl_options *o)
{
	switch (option) {
	case 'c': o->config_path = value; break;
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
		if (read_time(value, &o->now))
			break;
		fprintf(stderr, "sealctl: --at %s is not a time like 2027-01-31 or 2027-01-31T12:00:00Z\n", value);
		return false;
	case OPTION_TO:
		if (o->recipient_count < CTL_RECIPIENTS_MAX) {
			o->recipients[o->recipient_count++] = value;
			break;
		}
		fprintf(stderr, "sealctl: more than %d recipients\n", CTL_RECIPIENTS_MAX);
		return false;
	default:
		return false;
	}
	return true;
}

static const struct ctl_command *
find_command(const char *name)
{
	for (size_t i = 0; commands[i] != NULL; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

int
main(int argc, char **argv)
{
	struct ctl_options o = {.config_path = CONFIG_FILE, .now = time(NULL)};
	const struct ctl_command *command;
	int option, count;

	while ((option = getopt_long(argc, argv, "c:vh", long_options, NULL)) != -1) {
		if (option == 'h') {
			usage(stdout);
			return CTL_DONE;
		}
		if (!take_option(option, optarg, &o)) {
			usage(stderr);
			return CTL_USAGE;
		}
	}
	command = optind < argc ? find_command(argv[optind]) : NULL;
	count = argc - optind - 1;
	if (command == NULL || count < command->least || count > command->most) {
		usage(stderr);
		return CTL_USAGE;
	}
	log_open("sealctl", LOG_MAIL, true);
	log_without_syslog();
	log_threshold(o.verbose ? LOG_DEBUG : LOG_CRIT);
	return command->run(&o, argv + optind + 1);
}
