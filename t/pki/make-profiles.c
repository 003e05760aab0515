/* make-profiles DIR: write the certificates of recipes.h.
 *
 *   PROFILE/good.pem      keeps the profile; so do good-2.pem and so on, which are other forms
 *   PROFILE/RULE.pem      breaks that rule and no other; so do RULE-2.pem and so on
 *   authority.pem         issued them all
 *   list                  a line a certificate: file, profile, the rule that it breaks or "-"
 */
#include "recipes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct work {
	const char *folder;
	const char *profile;
	X509 *authority;
	time_t now;
	FILE *list;
};

static void
need(bool done, const char *what)
{
	if (done)
		return;
	perror(what);
	exit(1);
}

/* number: from 1, of those with this name. */
static void
write_one(const struct work *work, const char *name, const char *rule, unsigned number, const char *const *changes)
{
	X509 *x509 = recipes_make(recipes_find(work->profile), changes, work->authority, work->now);
	char file[256], path[4096], count[16] = "";

	if (number > 1)
		snprintf(count, sizeof count, "-%u", number);
	snprintf(file, sizeof file, "%s/%s%s.pem", work->profile, name, count);
	snprintf(path, sizeof path, "%s/%s", work->folder, file);
	authority_write_pem(path, x509, NULL, NULL);
	need(fprintf(work->list, "%s %s %s\n", file, work->profile, rule == NULL ? "-" : rule) > 0, "list");
	X509_free(x509);
}

static bool
is_same_rule(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* first: the number of the first of each rule. */
static void
write_variants(const struct work *work, const struct recipe_variant *variants, size_t count, unsigned first)
{
	for (size_t i = 0; i < count; i++) {
		const char *rule = variants[i].rule;
		unsigned number = first;

		if (!recipes_apply(&variants[i], work->profile))
			continue;
		for (size_t k = 0; k < i; k++)
			number += recipes_apply(&variants[k], work->profile) && is_same_rule(variants[k].rule, rule);
		write_one(work, rule == NULL ? "good" : rule, rule, number, variants[i].changes);
	}
}

int
main(int argc, char **argv)
{
	struct work work = {.now = time(NULL)};
	char path[4096];

	if (argc != 2) {
		fprintf(stderr, "usage: make-profiles DIR\n");
		return 2;
	}
	work.folder = argv[1];
	work.authority = recipes_authority(work.now);
	snprintf(path, sizeof path, "%s/authority.pem", work.folder);
	authority_write_pem(path, work.authority, NULL, NULL);
	snprintf(path, sizeof path, "%s/list", work.folder);
	work.list = fopen(path, "w");
	need(work.list != NULL, path);
	for (const struct recipe *r = recipes; r->profile != NULL; r++) {
		work.profile = r->profile;
		snprintf(path, sizeof path, "%s/%s", work.folder, r->profile);
		need(mkdir(path, 0755) == 0, path);
		write_one(&work, "good", NULL, 1, NULL);
		write_variants(&work, recipes_good, recipes_good_count, 2);
		write_variants(&work, recipes_breaches, recipes_breach_count, 1);
	}
	need(fclose(work.list) == 0, "list");
	X509_free(work.authority);
	return 0;
}
