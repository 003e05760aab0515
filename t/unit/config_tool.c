/* config_tool: the option table and what config_parse() says, for tests.
 *
 *     config_tool options      one option a line: block, name, values, default, with tabs between
 *     config_tool parse FILE   its problems, one a line, those of its profile blocks too; exit status 1
 *                              where there are any; else of what there are how many, and of each revocation
 *                              block the forms that it opens
 */
#include "config/config.h"
#include "pki/own_profile.h"

#include <stdio.h>
#include <string.h>

static int
print_options(void)
{
	for (const struct config_option *o = config_options(); o->name != NULL; o++)
		printf("%s\t%s\t%s\t%s\n", o->block, o->name, o->values, o->initial != NULL ? o->initial : "");
	return 0;
}

static void
print_problem(void *arg, const char *problem)
{
	(void)arg;
	puts(problem);
}

static void
print_revocations(const struct config *c)
{
	for (size_t i = 0; i < c->revocation_count; i++) {
		const struct config_revocation *r = &c->revocations[i];

		printf("revocation %s:%s%s%s%s\n", r->name, r->form_signed ? " signed" : "",
			r->form_same_subject ? " same-subject" : "", r->form_authorised ? " authorised" : "",
			r->form_password ? " password" : "");
	}
}

static int
parse(const char *path)
{
	struct config *config = NULL;
	struct own_profiles *profiles = NULL;
	struct error err = ERROR_NONE;

	if (config_parse(path, &config, print_problem, NULL, &err) != ANSWER_YES ||
	    own_profiles_new(config, &profiles, &err) != ANSWER_YES) {
		puts(err.words);
		config_unref(config);
		return 1;
	}
	own_profiles_free(profiles);
	printf("listeners %zu, signers %zu, directories %zu, rules %zu\n", config->listener_count,
		config->signer_count, config->directory_count, config->rule_count);
	print_revocations(config);
	config_unref(config);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "options") == 0)
		return print_options();
	if (argc == 3 && strcmp(argv[1], "parse") == 0)
		return parse(argv[2]);
	fputs("usage: config_tool options | parse FILE\n", stderr);
	return 2;
}
