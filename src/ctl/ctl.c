#include "ctl/ctl.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum ctl_status
ctl_fail(const struct error *err)
{
	fprintf(stderr, "sealctl: %s\n", err->words);
	return err->answer == ANSWER_CANT_TELL ? CTL_CANT_TELL : CTL_USAGE;
}

bool
ctl_time(const char *text, time_t *t)
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

static void
report(void *arg, const char *problem)
{
	(void)arg;
	fprintf(stderr, "sealctl: %s\n", problem);
}

struct config *
ctl_config(const struct ctl_options *o, struct error *err)
{
	struct config *config;

	return config_parse(o->config_path, &config, report, NULL, err) == ANSWER_YES ? config : NULL;
}

enum answer
ctl_config_if_any(const struct ctl_options *o, struct config **config, struct error *err)
{
	*config = NULL;
	if (!o->config_given && access(o->config_path, F_OK) == -1 && errno == ENOENT)
		return ANSWER_YES;
	*config = ctl_config(o, err);
	return *config == NULL ? err->answer : ANSWER_YES;
}

static enum answer
become(const char *name, struct error *err)
{
	const struct passwd *user = getpwnam(name);

	if (user == NULL)
		return error_no(err, "user", "there is no user %s", name);
	if (initgroups(name, user->pw_gid) != 0 || setegid(user->pw_gid) != 0 || seteuid(user->pw_uid) != 0)
		return error_no(err, "user", "cannot become user %s: %s", name, strerror(errno));
	return ANSWER_YES;
}

enum answer
ctl_read_as(const struct config *config, enum ctl_reader reader, struct error *err)
{
	const char *const users[] = {[CTL_AS_STARTED] = NULL, [CTL_AS_GATE] = config->user,
		[CTL_AS_KEEPER] = config->keeper_user, [CTL_AS_WORKER] = config->worker_user};
	const char *name = users[reader];

	if (getuid() != 0)
		return ANSWER_YES;
	if (seteuid(0) != 0 || setegid(0) != 0)
		return error_no(err, "user", "cannot become root again: %s", strerror(errno));
	return name == NULL ? ANSWER_YES : become(name, err);
}

enum answer
ctl_stay_as(const struct config *config, enum ctl_reader reader, struct error *err)
{
	enum answer answer = ctl_read_as(config, reader, err);

	if (answer == ANSWER_YES && (setresgid(getegid(), getegid(), getegid()) != 0 ||
	    setresuid(geteuid(), geteuid(), geteuid()) != 0))
		answer = error_no(err, "user", "cannot stay user %lu: %s", (unsigned long)geteuid(), strerror(errno));
	return answer;
}

static enum answer
identity_from_file(void *arg, const struct config_signer *files, enum key_use use, struct key_identity **identity,
	struct error *err)
{
	const struct config *config = arg;
	enum answer answer = ctl_read_as(config, CTL_AS_KEEPER, err);

	if (answer == ANSWER_YES)
		answer = key_load(files, use, identity, err);
	return answer == ANSWER_YES ? ctl_read_as(config, CTL_AS_GATE, err) : answer;
}

enum answer
ctl_gateway(const struct ctl_options *o, struct gateway **g, struct error *err)
{
	struct config *config = ctl_config(o, err);
	enum answer answer;

	if (config == NULL)
		return err->answer;
	answer = ctl_read_as(config, CTL_AS_GATE, err);
	if (answer == ANSWER_YES)
		answer = gateway_new(config, identity_from_file, config, NULL, g, err);
	config_unref(config);
	return answer;
}
