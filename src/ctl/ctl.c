#include "ctl/ctl.h"

#include <stdio.h>

enum ctl_status
ctl_fail(const struct error *err)
{
	fprintf(stderr, "sealctl: %s\n", err->words);
	return err->answer == ANSWER_CANT_TELL ? CTL_CANT_TELL : CTL_USAGE;
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

static enum answer
identity_from_file(void *arg, const struct config_signer *signer, struct key_identity **identity, struct error *err)
{
	(void)arg;
	return key_load(signer, identity, err);
}

enum answer
ctl_gateway(const struct ctl_options *o, struct gateway **g, struct error *err)
{
	struct config *config = ctl_config(o, err);
	enum answer answer;

	if (config == NULL)
		return err->answer;
	answer = gateway_new(config, identity_from_file, NULL, NULL, g, err);
	config_unref(config);
	return answer;
}
