/* ctl: what the commands of sealctl share.
 *
 * Everything that the daemon does to one message, sealctl does to one file,
 * through the same gateway. Only the keys come from their files instead of from
 * the keeper, so it runs as a user who can read them: as root it reads each file
 * as the user whose process of the daemon will read it.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include "config/config.h"
#include "gateway/gateway.h"

#include <time.h>

#define CTL_RECIPIENTS_MAX 1000

/* sysexits.h has 75 for "try again later" too. */
enum ctl_status { CTL_DONE = 0, CTL_NO = 1, CTL_USAGE = 2, CTL_CANT_TELL = 75 };

struct ctl_options {
	const char *config_path;
	const char *sender;       /* --from; NULL: the header's From */
	const char *recipients[CTL_RECIPIENTS_MAX]; /* --to; none: the header's To and Cc */
	size_t recipient_count;
	const char *client;       /* --client; NULL: handed in on this machine, or inbound: from outside */
	const char *login;        /* --login */
	const char *daemon_name;  /* --daemon */
	const char *listener;     /* --listener; NULL: the first that does work and takes such mail */
	bool inbound;             /* --inbound: the message comes in from outside */
	bool json;
	bool edit;                /* --edit: the changes in words instead of the message */
	bool verbose;
	time_t now;               /* --at */
};

/* One command: arguments are what stands behind it, options taken out. */
struct ctl_command {
	const char *name;
	const char *arguments;    /* for the usage text */
	int least, most;          /* number of arguments */
	enum ctl_status (*run)(const struct ctl_options *o, char **arguments);
};

extern const struct ctl_command ctl_check_config, ctl_lookup, ctl_seal, ctl_open, ctl_explain;

/* Prints "sealctl: words" and gives the status that stands for the record. */
enum ctl_status ctl_fail(const struct error *err);

/* The configuration, each of its problems said on standard error. NULL: there was one. */
struct config *ctl_config(const struct ctl_options *o, struct error *err);

enum ctl_reader { CTL_AS_STARTED, CTL_AS_GATE, CTL_AS_KEEPER };
/* From now on files are opened as this process of the daemon opens them, so that
 * what it could not read is found here already. Who is not root stays who he is.
 * NO: there is no such user. */
enum answer ctl_read_as(const struct config *config, enum ctl_reader reader, struct error *err);

/* A gateway with the keys' files behind it. From then on files are read as by the gate. */
enum answer ctl_gateway(const struct ctl_options *o, struct gateway **g, struct error *err);

#endif
