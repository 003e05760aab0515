#include "ctl/checks.h"

#include "base/file.h"
#include "revocation/authority.h"
#include "revocation/command.h"
#include "worker/folders.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SMTP "smtp://"
#define SMTP_MS 5000
#define HOST_MAX 255
#define INVENTORY_FILE_MAX (1024 * 1024)

/* ---- one block ------------------------------------------------------------------- */

/* Each alone, so that what is wrong with one does not hide what is wrong with another. */
static bool
check_authority(struct checks *c, const struct config_revocation *block, const char *who)
{
	struct config alone = *c->config;
	struct config_revocation copy = *block;
	struct authorities *authorities = NULL;
	enum answer answer;
	struct error err;

	alone.revocations = &copy;
	alone.revocation_count = 1;
	answer = authorities_new(&alone, &authorities, &err);
	if (answer != ANSWER_YES)
		checks_problem(c, "%s%s", err.words, who);
	authorities_free(authorities);
	return answer == ANSWER_YES;
}

static bool
says_serial(const struct command *command)
{
	for (size_t i = 1; i < command->argument_count; i++)
		for (const char *at = command->arguments[i]; (at = strchr(at, '%')) != NULL; at += 2)
			if (at[1] == 's')
				return true;
	return false;
}

static void
check_command(struct checks *c, const struct config_revocation *block)
{
	const struct command command = {.arguments = block->command.item, .argument_count = block->command.count,
		.files = block->command_files.item, .file_count = block->command_files.count,
		.time_limit = block->command_timeout, .idempotent = block->command_idempotent};
	struct error err;

	if (block->command.count == 0)
		return;
	if (command_check(&command, &err) != ANSWER_YES || command_look_at_files(&command, &err) != ANSWER_YES)
		checks_problem(c, "revocation %s, command: %s", block->name, err.words);
	else if (!says_serial(&command))
		checks_warning(c, "revocation %s, command: without %%s it is not told which certificate to revoke", block->name);
}

/* The directory was asked as gate, and worker asks it too. */
static void
check_inventory(struct checks *c, const struct config_revocation *block)
{
	const struct config_directory *d = block->inventory == NULL ? NULL : config_directory(c->config, block->inventory);
	struct error err = ERROR_NONE;
	struct buf content;

	if (d == NULL)
		return;
	buf_init_secret(&content, INVENTORY_FILE_MAX);
	if ((d->password_file != NULL && file_read(d->password_file, FILE_SHARED_SECRET, &content, &err) != ANSWER_YES) ||
	    (d->ca_file != NULL && file_read(d->ca_file, FILE_PUBLIC, &content, &err) != ANSWER_YES))
		checks_problem(c, "revocation %s, inventory %s: %s", block->name, d->name, err.words);
	buf_wipe(&content);
}

/* ---- folders ------------------------------------------------------------------------ */

/* They are made at the first start, and the ones above them, but no more. */
static void
check_missing(struct checks *c, const char *option, const char *path)
{
	char above[4096];
	int depth = 0;

	snprintf(above, sizeof above, "%s", path);
	while (depth++ < 2 && strrchr(above, '/') != NULL && strrchr(above, '/') != above)
		*strrchr(above, '/') = '\0';
	if (access(above, F_OK) == -1)
		checks_problem(c, "%s: there is neither %s nor %s", option, path, above);
}

/* NULL: who it was started as. False: there is none, which is said elsewhere. */
static bool
find_user(const char *name, struct folders_user *user)
{
	const struct passwd *entry = name == NULL ? NULL : getpwnam(name);

	*user = (struct folders_user){.name = name, .uid = entry == NULL ? geteuid() : entry->pw_uid,
		.gid = entry == NULL ? getegid() : entry->pw_gid};
	return name == NULL || entry != NULL;
}

/* As the daemon does at its start. */
static void
check_folders(struct checks *c)
{
	const struct config *config = c->config;
	const char *const options[] = {[FOLDERS_INBOX] = "inbox-directory", [FOLDERS_JOURNAL] = "journal-directory"};
	const char *const paths[] = {[FOLDERS_INBOX] = config->inbox_directory, [FOLDERS_JOURNAL] = config->journal_directory};
	struct folders_users users;
	struct error err;

	if (ctl_read_as(config, CTL_AS_STARTED, &err) != ANSWER_YES || !find_user(config->user, &users.gate) ||
	    !find_user(config->keeper_user, &users.keeper) || !find_user(config->worker_user, &users.worker))
		return;
	for (enum folders_which i = FOLDERS_INBOX; i <= FOLDERS_JOURNAL; i++) {
		if (access(paths[i], F_OK) == -1 && errno == ENOENT)
			check_missing(c, options[i], paths[i]);
		else if (folders_look(config, &users, i, &err) != ANSWER_YES)
			checks_problem(c, "%s", err.words);
		else if (getuid() != 0 && access(paths[i], R_OK | W_OK | X_OK) == -1)
			checks_problem(c, "%s: %s may not be read and written: %s", options[i], paths[i], strerror(errno));
	}
}

/* ---- notice-server -------------------------------------------------------------------- */

static bool
connects(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol), failed = 0;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof failed;
	bool good;

	if (fd == -1)
		return false;
	good = connect(fd, a->ai_addr, a->ai_addrlen) == 0 || (errno == EINPROGRESS && poll(&p, 1, SMTP_MS) == 1 &&
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) == 0 && failed == 0);
	close(fd);
	return good;
}

/* Host and port of "smtp://host:port"; port is left as it is where there is none. */
static bool
split(const char *server, char host[HOST_MAX + 1], char port[6])
{
	const char *at = strncmp(server, SMTP, strlen(SMTP)) == 0 ? server + strlen(SMTP) : server, *end;
	bool literal = *at == '[';

	at += literal;
	end = at + strcspn(at, literal ? "]" : ":/");
	if (end == at || end - at > HOST_MAX)
		return false;
	snprintf(host, HOST_MAX + 1, "%.*s", (int)(end - at), at);
	end += literal && *end == ']';
	if (*end == ':')
		snprintf(port, 6, "%.*s", (int)strcspn(end + 1, "/"), end + 1);
	return true;
}

/* Notices wait where it is away, so it is no more than a warning. */
static void
check_server(struct checks *c)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *all = NULL;
	char host[HOST_MAX + 1], port[6] = "25";
	bool reached = false;

	if (split(c->config->notice_server, host, port) && getaddrinfo(host, port, &hints, &all) == 0)
		for (const struct addrinfo *a = all; !reached && a != NULL; a = a->ai_next)
			reached = connects(a);
	if (all != NULL)
		freeaddrinfo(all);
	if (!reached)
		checks_warning(c, "notice-server: %s cannot be reached, so notices wait", c->config->notice_server);
}

/* ---- all ---------------------------------------------------------------------------------- */

void
checks_revocations(struct checks *c)
{
	const struct config *config = c->config;
	bool sound[CONFIG_REVOCATIONS_MAX] = {false};
	struct error err;

	if (config->revocation_count == 0)
		return;
	if (ctl_read_as(config, CTL_AS_GATE, &err) == ANSWER_YES)
		for (size_t i = 0; i < config->revocation_count; i++)
			sound[i] = check_authority(c, &config->revocations[i], "");
	if (ctl_read_as(config, CTL_AS_WORKER, &err) == ANSWER_YES) {
		for (size_t i = 0; i < config->revocation_count; i++) {
			if (sound[i]) /* else it has been said */
				check_authority(c, &config->revocations[i], " (as worker-user)");
			check_command(c, &config->revocations[i]);
			check_inventory(c, &config->revocations[i]);
		}
	} else {
		checks_problem(c, "worker-user: %s", err.words);
	}
	check_folders(c);
	check_server(c);
}
