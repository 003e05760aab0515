#include "pki/profile.h"
#include "pki/profile_pattern.h"
#include "pki/profile_tests.h"

#include <stdio.h>
#include <string.h>

#define NUMBER_DIGITS_MAX 6 /* of a number in a rule */

/* ---- checking --------------------------------------------------------------------- */

static bool
holds(struct profile_question *q, const char *const *test)
{
	const struct profile_test *its = profile_tests_find(test);
	size_t list = profile_tests_list(test[0]);

	q->list = list < CERTFACTS_LISTS ? &q->facts->list[list] : NULL;
	q->args = test + 2;
	return its != NULL && its->holds(q);
}

static void
check_rule(struct profile_question *q, const struct profile_rule *rule, struct profile_result *result)
{
	enum profile_outcome outcome = PROFILE_KEPT;

	if (result->count == PROFILE_RULES_MAX)
		return;
	if (rule->where[0] != NULL && !holds(q, rule->where))
		outcome = PROFILE_ASIDE;
	else if (!holds(q, rule->need))
		outcome = PROFILE_BROKEN;
	if (outcome == PROFILE_BROKEN && rule->severity == PROFILE_ERROR)
		result->errors++;
	else if (outcome == PROFILE_BROKEN)
		result->notes++;
	result->rules[result->count].rule = rule;
	result->rules[result->count++].outcome = outcome;
}

static void
check_profile(struct profile_question *q, const struct profile *profile, struct profile_result *result)
{
	if (profile->base != NULL)
		check_profile(q, profile->base, result);
	for (size_t i = 0; i < profile->rule_count; i++)
		check_rule(q, &profile->rules[i], result);
}

void
profile_check(const struct profile *profile, const struct certfacts *facts, const struct profile_parameter *given,
	time_t at, struct profile_result *result)
{
	struct profile_question q = {.profile = profile, .facts = facts, .given = given, .at = at};

	result->count = result->errors = result->notes = 0;
	check_profile(&q, profile, result);
}

void
profile_name_broken(const struct profile_result *result, enum profile_severity severity, char *names, size_t size)
{
	size_t used = 0;

	names[0] = '\0';
	for (size_t i = 0; i < result->count && used < size - 1; i++) {
		int n;

		if (result->rules[i].outcome != PROFILE_BROKEN || result->rules[i].rule->severity != severity)
			continue;
		n = snprintf(names + used, size - used, "%s%s", used == 0 ? "" : ", ", result->rules[i].rule->id);
		used += n > 0 ? (size_t)n : 0;
	}
}

/* ---- soundness -------------------------------------------------------------------- */

static enum answer
unsound(struct error *err, const char *profile, const char *id, const char *why, const char *word)
{
	return error_no(err, "profile", "profile %s, rule %s: %s: %s", profile, id, why, word);
}

static bool
is_number(const char *word)
{
	size_t len = profile_pattern_digits(word);

	return len > 0 && len <= NUMBER_DIGITS_MAX && word[len] == '\0';
}

static bool
is_type(struct slice word)
{
	return certfacts_is_word(CERTFACTS_SUBJECT, word);
}

/* Each word of a set; "1.2.3.*" for policies. A misspelt one would be lacking for ever. */
static bool
is_of_list(const char *what, const char *set)
{
	enum certfacts_which which = (enum certfacts_which)profile_tests_list(what);
	bool known = *set != '\0';

	while (*set != '\0' && known) {
		struct slice word = profile_tests_next_in_set(&set);

		if (which == CERTFACTS_POLICIES && slice_ends_nocase(word, ".*"))
			word.len -= 2;
		known = certfacts_is_word(which, word);
	}
	return known;
}

static bool
is_beginning(const char *word)
{
	size_t len = strcspn(word, "=");

	return word[len] == '=' && is_type(slice_of(word, len));
}

static bool
is_string_form(const char *word)
{
	return strcmp(word, "PrintableString") == 0 || strcmp(word, "UTF8String") == 0 || strcmp(word, "IA5String") == 0;
}

static bool
is_argument(const struct profile_test *its, const char *what, size_t place, const char *word)
{
	switch (its->form) {
	case PROFILE_ARGUMENT_WORDS:
		return is_of_list(what, word);
	case PROFILE_ARGUMENT_TYPES:
		return is_type(slice_str(word));
	case PROFILE_ARGUMENT_PATTERNS:
		return place == 0 ? is_type(slice_str(word)) : profile_pattern_is_sound(word);
	case PROFILE_ARGUMENT_BEGINNING:
		return is_beginning(word);
	case PROFILE_ARGUMENT_STRINGS:
		return is_string_form(word);
	case PROFILE_ARGUMENT_KIND:
		return place == 0 ? is_of_list(what, word) : is_type(slice_str(word));
	case PROFILE_ARGUMENT_NUMBER:
		return is_number(word);
	}
	return false;
}

/* What is wrong with the argument; NULL: nothing. */
static const char *
fault_of(const struct profile *profile, const struct profile_test *its, const char *what, size_t place,
	const char *word)
{
	if (strlen(word) > PROFILE_WORD_MAX)
		return "too long";
	if (word[0] == '$' && (its->form == PROFILE_ARGUMENT_WORDS || (its->form == PROFILE_ARGUMENT_PATTERNS && place > 0)))
		return profile_tests_default(profile, word + 1) == NULL ? "no such parameter" : NULL;
	if (certfacts_word(word) != NULL)
		return "an OID that has a word";
	return is_argument(its, what, place, word) ? NULL : "not understood";
}

static enum answer
check_test(const struct profile *profile, const char *id, const char *const *test, struct error *err)
{
	const struct profile_test *its;
	size_t count = 0;

	while (count < PROFILE_WORDS_MAX && test[count] != NULL)
		count++;
	if (count == PROFILE_WORDS_MAX || count < 2)
		return unsound(err, profile->name, id, "too many words, or too few", test[0] == NULL ? "" : test[0]);
	its = profile_tests_find(test);
	if (its == NULL)
		return error_no(err, "profile", "profile %s, rule %s: no such test: %s %s", profile->name, id, test[0], test[1]);
	if (count - 2 < its->least || count - 2 > its->most)
		return unsound(err, profile->name, id, "too many arguments, or too few", test[1]);
	for (size_t i = 2; i < count; i++) {
		const char *fault = fault_of(profile, its, test[0], i - 2, test[i]);

		if (fault != NULL)
			return unsound(err, profile->name, id, fault, test[i]);
	}
	return ANSWER_YES;
}

static size_t
count_id(const struct profile *profile, const char *id)
{
	size_t count = 0;

	for (; profile != NULL; profile = profile->base)
		for (size_t i = 0; i < profile->rule_count; i++)
			count += profile->rules[i].id != NULL && strcmp(profile->rules[i].id, id) == 0;
	return count;
}

static enum answer
check_form(const struct profile *profile, const struct profile_rule *rule, struct error *err)
{
	enum answer answer;

	if (rule->id == NULL || rule->section == NULL || rule->words == NULL)
		return unsound(err, profile->name, rule->id == NULL ? "?" : rule->id, "incomplete", "id, section or words");
	if (count_id(profile, rule->id) != 1)
		return unsound(err, profile->name, rule->id, "twice", rule->id);
	answer = rule->where[0] == NULL ? ANSWER_YES : check_test(profile, rule->id, rule->where, err);
	return answer == ANSWER_YES ? check_test(profile, rule->id, rule->need, err) : answer;
}

enum answer
profile_is_sound(const struct profile *profile, struct error *err)
{
	size_t rules = 0, bases = 0;

	for (const struct profile *p = profile; p != NULL; p = p->base) {
		rules += p->rule_count;
		if (++bases > PROFILE_BASES_MAX || rules > PROFILE_RULES_MAX)
			return error_no(err, "profile", "profile %s: more than %d rules, or based on more than %d profiles",
				profile->name, PROFILE_RULES_MAX, PROFILE_BASES_MAX - 1);
	}
	for (const struct profile *p = profile; p != NULL; p = p->base)
		for (size_t i = 0; i < p->rule_count; i++)
			if (check_form(profile, &p->rules[i], err) != ANSWER_YES)
				return ANSWER_NO;
	return ANSWER_YES;
}
