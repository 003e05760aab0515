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
#define CTL_POLICIES_MAX 64 /* = CHAIN_POLICIES_MAX */
#define CTL_SIGNERS_MAX 16
#define CTL_CONTACTS_MAX 16 /* = INVENTORY_ADDRESSES_MAX */

/* sysexits.h has 75 for "try again later" too. */
enum ctl_status { CTL_DONE = 0, CTL_NO = 1, CTL_USAGE = 2, CTL_CANT_TELL = 75 };

struct ctl_options {
	const char *config_path;
	bool config_given;        /* --config; else that path is where one usually is */
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
	bool at_given;
	/* for certificates */
	const char *profile;      /* --profile; NULL: the trust set's, or what fits best */
	const char *trust;        /* --trust; NULL: all sets */
	char *policies[CTL_POLICIES_MAX]; /* --policy; none: as the set says */
	size_t policy_count;
	bool explicit_policy, inhibit_policy_mapping, inhibit_any_policy; /* beside what the set says */
	bool no_fetch;            /* --no-fetch: nobody outside is asked */
	const char *sha256;       /* --sha256 */
	const char *into;         /* --into: the file that an anchor is added to; NULL: the configuration's only one */
	const char *signers[CTL_SIGNERS_MAX]; /* --signer: files of who may have signed lists */
	size_t signer_count;
	/* for requests for revocation */
	bool overdue, open;       /* --overdue, --open: only those */
	const char *evidence;     /* --evidence: the file that it is written to */
	const char *reason;       /* --reason: why it is refused */
	const char *head;         /* --head: NUMBER:HASH, or a file in which that stands */
	const char *authority;    /* --authority: a revocation block */
	const char *password_file; /* --password-file; "-": standard input; NULL: no password */
	const char *contacts[CTL_CONTACTS_MAX]; /* --contact */
	size_t contact_count;
};

/* One command: arguments are what stands behind it, options taken out. */
struct ctl_command {
	const char *name;         /* of one word or two */
	const char *arguments;    /* for the usage text */
	int least, most;          /* number of arguments */
	enum ctl_status (*run)(const struct ctl_options *o, char **arguments);
};

extern const struct ctl_command ctl_check_config, ctl_lookup, ctl_seal, ctl_open, ctl_explain;
extern const struct ctl_command ctl_certificate_check, ctl_certificate_verify, ctl_crl_list, ctl_crl_refresh,
	ctl_crl_import, ctl_anchors_add;
extern const struct ctl_command ctl_revocation_list, ctl_revocation_show, ctl_revocation_approve, ctl_revocation_refuse,
	ctl_revocation_retry, ctl_revocation_done, ctl_revocation_verify, ctl_revocation_export, ctl_revocation_enrol,
	ctl_revocation_enrolled, ctl_revocation_unenrol, ctl_revocation_password_hash;

/* Prints "sealctl: words" and gives the status that stands for the record. */
enum ctl_status ctl_fail(const struct error *err);

/* "2027-01-31", "2027-01-31T12:00:00Z" or "@seconds". False: it is none of them. */
bool ctl_time(const char *text, time_t *t);

/* The configuration, each of its problems said on standard error. NULL: there was one. */
struct config *ctl_config(const struct ctl_options *o, struct error *err);

/* The same for commands that can do without: where --config does not name one and there is none, *config is
 * NULL. */
enum answer ctl_config_if_any(const struct ctl_options *o, struct config **config, struct error *err);

enum ctl_reader { CTL_AS_STARTED, CTL_AS_GATE, CTL_AS_KEEPER, CTL_AS_WORKER };
/* From now on files are opened as this process of the daemon opens them, so that
 * what it could not read is found here already. Who is not root stays who he is.
 * NO: there is no such user. */
enum answer ctl_read_as(const struct config *config, enum ctl_reader reader, struct error *err);

/* The same for good, real user and all: for files that another user may have prepared. */
enum answer ctl_stay_as(const struct config *config, enum ctl_reader reader, struct error *err);

/* A gateway with the keys' files behind it. From then on files are read as by the gate. */
enum answer ctl_gateway(const struct ctl_options *o, struct gateway **g, struct error *err);

#endif
