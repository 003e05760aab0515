#include "pki/own_profile.h"
#include "pki/profiles.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(CONFIG_PROFILE_WORDS_MAX == PROFILE_WORDS_MAX - 1 && CONFIG_PROFILE_RULES_MAX == PROFILE_RULES_MAX,
	"the configuration has the limits of profiles");

#define WORDS_MAX (PROFILE_WORDS_MAX * (PROFILE_WORD_MAX + 1)) /* octets of a test as one text */

struct own_profile {
	struct profile profile;
	struct profile_rule *rules;
	char **words; /* of each rule that has no text of its own; else NULL */
	struct profile_parameter *parameters;
	char **names; /* of the parameters */
};

struct own_profiles {
	const struct config *config;
	struct own_profile *item; /* one for each of config's */
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "out of memory for a profile");
}

/* ---- parameters ------------------------------------------------------------------ */

static bool
is_in(const struct config_strings *words, const char *name)
{
	for (size_t i = 0; i < words->count; i++)
		if (words->item[i][0] == '$' && strcmp(words->item[i] + 1, name) == 0)
			return true;
	return false;
}

static bool
is_used(const struct config_profile *c, const struct profile *base, const char *name)
{
	for (; base != NULL; base = base->base)
		for (const struct profile_parameter *p = base->parameters; p != NULL && p->name != NULL; p++)
			if (strcmp(p->name, name) == 0)
				return true;
	for (size_t i = 0; i < c->rule_count; i++)
		if (is_in(&c->rules[i].where, name) || is_in(&c->rules[i].need, name))
			return true;
	return false;
}

static enum answer
make_parameters(const struct config_profile *c, struct own_profile *own, struct error *err)
{
	own->parameters = calloc(c->parameters.count + 1, sizeof *own->parameters);
	own->names = calloc(c->parameters.count + 1, sizeof *own->names);
	if (own->parameters == NULL || own->names == NULL)
		return no_memory(err);
	for (size_t i = 0; i < c->parameters.count; i++) {
		const char *text = c->parameters.item[i], *equals = strchr(text, '=');

		if (equals == NULL)
			return error_no(err, "profile", "profile %s, parameters: %s is not NAME=VALUE", c->name, text);
		own->names[i] = strndup(text, (size_t)(equals - text));
		if (own->names[i] == NULL)
			return no_memory(err);
		own->parameters[i] = (struct profile_parameter){own->names[i], equals + 1};
		if (!is_used(c, own->profile.base, own->names[i]))
			return error_no(err, "profile", "profile %s, parameters: nothing uses %s", c->name, own->names[i]);
	}
	own->profile.parameters = own->parameters;
	return ANSWER_YES;
}

/* ---- rules ----------------------------------------------------------------------- */

static char *
join(const struct config_strings *words)
{
	struct buf text;
	char *joined;

	buf_init(&text, WORDS_MAX);
	for (size_t i = 0; i < words->count; i++) {
		buf_add_str(&text, i == 0 ? "" : " ");
		buf_add_str(&text, words->item[i]);
	}
	joined = buf_failed(&text) ? NULL : slice_dup(buf_slice(&text));
	buf_free(&text);
	return joined;
}

/* False: too many. */
static bool
put_test(const struct config_strings *words, const char *test[PROFILE_WORDS_MAX])
{
	if (words->count >= PROFILE_WORDS_MAX)
		return false;
	for (size_t i = 0; i < words->count; i++)
		test[i] = words->item[i];
	return true;
}

static enum answer
make_rule(const struct config_profile *c, size_t i, struct own_profile *own, struct error *err)
{
	const struct config_profile_rule *from = &c->rules[i];
	struct profile_rule *rule = &own->rules[i];

	rule->id = from->id;
	rule->severity = from->severity == SEVERITY_NOTE ? PROFILE_NOTE : PROFILE_ERROR;
	rule->section = from->section == NULL ? "sealmilter.conf" : from->section;
	if (!put_test(&from->where, rule->where) || !put_test(&from->need, rule->need))
		return error_no(err, "profile", "profile %s, rule %s: more than %d words", c->name, from->id,
			PROFILE_WORDS_MAX - 1);
	if (from->text == NULL && (own->words[i] = join(&from->need)) == NULL)
		return no_memory(err);
	rule->words = from->text == NULL ? own->words[i] : from->text;
	return ANSWER_YES;
}

static enum answer
make_one(const struct config_profile *c, struct own_profile *own, struct error *err)
{
	enum answer answer;

	own->profile = (struct profile){.name = c->name, .words = "of the configuration"};
	if (c->base != NULL && (own->profile.base = profiles_find(slice_str(c->base))) == NULL)
		return error_no(err, "profile", "profile %s, base: there is no built-in profile %s", c->name, c->base);
	own->rules = calloc(c->rule_count + 1, sizeof *own->rules);
	own->words = calloc(c->rule_count + 1, sizeof *own->words);
	if (own->rules == NULL || own->words == NULL)
		return no_memory(err);
	answer = make_parameters(c, own, err);
	for (size_t i = 0; answer == ANSWER_YES && i < c->rule_count; i++)
		answer = make_rule(c, i, own, err);
	own->profile.rules = own->rules;
	own->profile.rule_count = c->rule_count;
	return answer == ANSWER_YES ? profile_is_sound(&own->profile, err) : answer;
}

/* ---- all ------------------------------------------------------------------------- */

enum answer
own_profiles_new(const struct config *config, struct own_profiles **all, struct error *err)
{
	struct own_profiles *made = calloc(1, sizeof *made);
	enum answer answer = ANSWER_YES;

	*all = NULL;
	if (made == NULL || (made->item = calloc(config->profile_count + 1, sizeof *made->item)) == NULL) {
		free(made);
		return no_memory(err);
	}
	made->config = config;
	for (size_t i = 0; answer == ANSWER_YES && i < config->profile_count; i++)
		answer = make_one(&config->profiles[i], &made->item[i], err);
	if (answer != ANSWER_YES) {
		own_profiles_free(made);
		return answer;
	}
	*all = made;
	return ANSWER_YES;
}

static void
free_texts(char **texts, size_t count)
{
	for (size_t i = 0; texts != NULL && i < count; i++)
		free(texts[i]);
	free(texts);
}

void
own_profiles_free(struct own_profiles *all)
{
	if (all == NULL)
		return;
	for (size_t i = 0; i < all->config->profile_count; i++) {
		struct own_profile *own = &all->item[i];

		free_texts(own->words, all->config->profiles[i].rule_count);
		free_texts(own->names, all->config->profiles[i].parameters.count);
		free(own->rules);
		free(own->parameters);
	}
	free(all->item);
	free(all);
}

const struct profile *
own_profiles_find(const struct own_profiles *all, struct slice name)
{
	for (size_t i = 0; i < all->config->profile_count; i++)
		if (slice_eq_str(name, all->item[i].profile.name))
			return &all->item[i].profile;
	return NULL;
}
