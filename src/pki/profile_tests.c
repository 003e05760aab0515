#include "pki/profile_tests.h"
#include "pki/profile_pattern.h"

#include <stdlib.h>
#include <string.h>

#define DAY 86400
#define CONTAIN_TRIES_MAX 16 /* places in one text that are looked at for another */

/* ---- parameters and sets ------------------------------------------------------- */

static const char *
value_in(const struct profile_parameter *list, const char *name)
{
	for (; list != NULL && list->name != NULL; list++)
		if (strcmp(list->name, name) == 0)
			return list->value;
	return NULL;
}

const char *
profile_tests_default(const struct profile *profile, const char *name)
{
	const char *value = NULL;

	for (; profile != NULL && value == NULL; profile = profile->base)
		value = value_in(profile->parameters, name);
	return value;
}

/* The value of "$name", NULL for a word that is none. */
static const char *
parameter(const struct profile_question *q, const char *word)
{
	const char *value;

	if (word[0] != '$')
		return NULL;
	value = value_in(q->given, word + 1);
	return value != NULL ? value : profile_tests_default(q->profile, word + 1);
}

struct slice
profile_tests_next_in_set(const char **set)
{
	size_t len = strcspn(*set, "+");
	struct slice word = slice_of(*set, len);

	*set += (*set)[len] == '+' ? len + 1 : len;
	return word;
}

static bool
set_has(const char *set, const char *word)
{
	while (*set != '\0')
		if (slice_eq_str(profile_tests_next_in_set(&set), word))
			return true;
	return false;
}

/* ---- lists ---------------------------------------------------------------------- */

/* "1.2.3.*" is each OID below 1.2.3. */
static bool
is_word(const struct profile_question *q, const char *wanted, const char *word)
{
	const char *value = parameter(q, wanted);
	size_t len = strlen(wanted);

	if (value != NULL)
		return strcmp(value, word) == 0;
	if (q->list == &q->facts->list[CERTFACTS_POLICIES] && len > 2 && strcmp(wanted + len - 2, ".*") == 0)
		return strncmp(wanted, word, len - 1) == 0;
	return strcmp(wanted, word) == 0;
}

static size_t
occurrences(const struct profile_question *q, const char *wanted)
{
	size_t count = 0;

	for (size_t i = 0; i < q->list->count; i++)
		count += is_word(q, wanted, q->list->word[i]);
	return count;
}

/* How many of the arguments are in the list? */
static size_t
present(const struct profile_question *q)
{
	size_t count = 0;

	for (const char *const *arg = q->args; *arg != NULL; arg++)
		count += occurrences(q, *arg) > 0;
	return count;
}

static size_t
arguments(const struct profile_question *q)
{
	size_t count = 0;

	while (q->args[count] != NULL)
		count++;
	return count;
}

static bool
have(const struct profile_question *q)
{
	return present(q) == arguments(q);
}

static bool
have_one_of(const struct profile_question *q)
{
	return present(q) > 0;
}

static bool
have_one_only(const struct profile_question *q)
{
	return present(q) == 1;
}

static bool
lack(const struct profile_question *q)
{
	return present(q) == 0;
}

static bool
are_together(const struct profile_question *q)
{
	return have(q) || lack(q);
}

static bool
have_once(const struct profile_question *q)
{
	for (const char *const *arg = q->args; *arg != NULL; arg++)
		if (occurrences(q, *arg) > 1)
			return false;
	return true;
}

static bool
are_only(const struct profile_question *q)
{
	for (size_t i = 0; i < q->list->count; i++) {
		const char *const *arg = q->args;

		while (*arg != NULL && !is_word(q, *arg, q->list->word[i]))
			arg++;
		if (*arg == NULL)
			return false;
	}
	return true;
}

static bool
has_whole_set(const struct profile_question *q, const char *set)
{
	while (*set != '\0') {
		struct slice word = profile_tests_next_in_set(&set);
		size_t i = 0;

		while (i < q->list->count && !slice_eq_str(word, q->list->word[i]))
			i++;
		if (i == q->list->count)
			return false;
	}
	return true;
}

static bool
have_set(const struct profile_question *q)
{
	for (const char *const *arg = q->args; *arg != NULL; arg++)
		if (has_whole_set(q, *arg))
			return true;
	return false;
}

static bool
is_set(const struct profile_question *q, const char *set)
{
	for (size_t i = 0; i < q->list->count; i++)
		if (!set_has(set, q->list->word[i]))
			return false;
	return has_whole_set(q, set);
}

static bool
are(const struct profile_question *q)
{
	for (const char *const *arg = q->args; *arg != NULL; arg++)
		if (is_set(q, *arg))
			return true;
	return false;
}

/* ---- the subject ---------------------------------------------------------------- */

static const struct certfacts_attribute *
next_of(const struct profile_question *q, const char *type, const struct certfacts_attribute *after)
{
	const struct certfacts_attribute *a = after == NULL ? q->facts->subject : after + 1;
	const struct certfacts_attribute *end = q->facts->subject + q->facts->list[CERTFACTS_SUBJECT].count;

	while (a < end && strcmp(a->type, type) != 0)
		a++;
	return a < end ? a : NULL;
}

static bool
matches(const struct profile_question *q, const struct certfacts_attribute *a)
{
	if (a->text == NULL)
		return false;
	for (const char *const *pattern = q->args + 1; *pattern != NULL; pattern++) {
		const char *value = parameter(q, *pattern);

		if (value != NULL ? strcmp(value, a->text) == 0 : profile_pattern_matches(*pattern, a->text))
			return true;
	}
	return false;
}

static void
count_matches(const struct profile_question *q, size_t *all, size_t *matching)
{
	const struct certfacts_attribute *a = NULL;

	*all = *matching = 0;
	while ((a = next_of(q, q->args[0], a)) != NULL) {
		*all += 1;
		*matching += matches(q, a);
	}
}

static bool
values_match(const struct profile_question *q)
{
	size_t all, matching;

	count_matches(q, &all, &matching);
	return all == matching;
}

static bool
values_have(const struct profile_question *q)
{
	size_t all, matching;

	count_matches(q, &all, &matching);
	return matching > 0;
}

static bool
values_have_one_only(const struct profile_question *q)
{
	size_t all, matching;

	count_matches(q, &all, &matching);
	return matching == 1;
}

static bool
values_have_once(const struct profile_question *q)
{
	size_t all, matching;

	count_matches(q, &all, &matching);
	return matching <= 1;
}

static bool
values_lack(const struct profile_question *q)
{
	return !values_have(q);
}

/* A letter or digit; those beyond ASCII are taken to be letters. */
static bool
in_word(int c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c >= 0x80;
}

static bool
contains_words(const char *text, const char *words)
{
	size_t len = strlen(words), tries = 0;

	if (len == 0)
		return true;
	for (const char *at = text; (at = strstr(at, words)) != NULL && tries < CONTAIN_TRIES_MAX; at++, tries++) {
		bool begins = at == text || !in_word((unsigned char)at[-1]) || !in_word((unsigned char)words[0]);
		bool ends = !in_word((unsigned char)at[len]) || !in_word((unsigned char)words[len - 1]);

		if (begins && ends)
			return true;
	}
	return false;
}

/* Does every A contain every B? */
static bool
values_contain(const struct profile_question *q)
{
	const struct certfacts_attribute *a = NULL, *b;

	while ((a = next_of(q, q->args[0], a)) != NULL)
		for (const char *const *type = q->args + 1; *type != NULL; type++)
			for (b = NULL; (b = next_of(q, *type, b)) != NULL;)
				if (a->text == NULL || b->text == NULL || !contains_words(a->text, b->text))
					return false;
	return true;
}

static bool
values_differ(const struct profile_question *q)
{
	const struct certfacts_attribute *a = NULL, *b;

	while ((a = next_of(q, q->args[0], a)) != NULL)
		for (b = NULL; (b = next_of(q, q->args[1], b)) != NULL;)
			if (a->text != NULL && b->text != NULL &&
			    slice_eq_str_nocase(slice_str(a->text), b->text))
				return false;
	return true;
}

static bool
subject_begins(const struct profile_question *q)
{
	size_t i = 0;

	for (; q->args[i] != NULL; i++) {
		const struct certfacts_attribute *a = &q->facts->subject[i];
		size_t len = strcspn(q->args[i], "=");

		if (i >= q->list->count || a->text == NULL || !slice_eq_str(slice_of(q->args[i], len), a->type) ||
		    !slice_eq_str_nocase(slice_str(a->text), q->args[i] + len + 1))
			return false;
	}
	return true;
}

static bool
subject_is_ordered(const struct profile_question *q)
{
	size_t reached = 0;

	for (size_t i = 0; i < q->list->count; i++)
		for (size_t k = 0; q->args[k] != NULL; k++)
			if (strcmp(q->args[k], q->list->word[i]) == 0) {
				if (k < reached)
					return false;
				reached = k;
			}
	return true;
}

/* domainComponent and emailAddress are IA5String always (RFC 4519 2.4, RFC 2985 5.2.1). */
static bool
subject_is_strings(const struct profile_question *q)
{
	for (size_t i = 0; i < q->list->count; i++) {
		const struct certfacts_attribute *a = &q->facts->subject[i];
		const char *const *form = q->args;

		if (strcmp(a->type, "DC") == 0 || strcmp(a->type, "emailAddress") == 0)
			continue;
		while (*form != NULL && strcmp(*form, a->form) != 0)
			form++;
		if (*form == NULL)
			return false;
	}
	return true;
}

static bool
subject_is_filled(const struct profile_question *q)
{
	for (size_t i = 0; i < q->list->count; i++)
		if (q->facts->subject[i].text == NULL || q->facts->subject[i].text[0] == '\0')
			return false;
	return q->list->count > 0;
}

/* ---- alternative names, statements ---------------------------------------------- */

static bool
names_are_well_formed(const struct profile_question *q)
{
	for (size_t i = 0; i < q->facts->name_count; i++)
		if (!q->facts->names[i].well_formed)
			return false;
	return true;
}

static bool
is_in_value(const struct profile_question *q, const char *text, const char *type)
{
	const struct certfacts_attribute *a = NULL;

	while ((a = next_of(q, type, a)) != NULL)
		if (a->text != NULL && contains_words(a->text, text))
			return true;
	return false;
}

static bool
name_is_in_value(const struct profile_question *q)
{
	size_t found = 0;

	for (size_t i = 0; i < q->facts->name_count; i++) {
		const struct certfacts_name *name = &q->facts->names[i];

		if (strcmp(name->kind, q->args[0]) != 0)
			continue;
		if (name->text == NULL || name->text[0] == '\0' || !is_in_value(q, name->text, q->args[1]))
			return false;
		found++;
	}
	return found > 0;
}

static bool
are_https(const struct profile_question *q)
{
	for (size_t i = 0; i < q->list->count; i++)
		if (!slice_starts_nocase(slice_str(q->list->word[i]), "https://"))
			return false;
	return q->list->count > 0;
}

/* ---- numbers and the rest --------------------------------------------------------- */

static bool
version_is(const struct profile_question *q)
{
	return q->facts->version == atol(q->args[0]);
}

static bool
digest_at_least(const struct profile_question *q)
{
	return q->facts->digest_bits >= (unsigned)atoi(q->args[0]);
}

static bool
rsa_at_least(const struct profile_question *q)
{
	return q->facts->rsa_bits >= (unsigned)atoi(q->args[0]);
}

static bool
security_at_least(const struct profile_question *q)
{
	return q->facts->security_bits >= (unsigned)atoi(q->args[0]);
}

static bool
days_at_most(const struct profile_question *q)
{
	return q->facts->not_after - q->facts->not_before <= (time_t)atol(q->args[0]) * DAY;
}

static bool
in_order(const struct profile_question *q)
{
	return q->facts->not_before < q->facts->not_after;
}

static bool
is_now(const struct profile_question *q)
{
	return q->facts->not_before <= q->at && q->at <= q->facts->not_after;
}

static bool
is_not_ca(const struct profile_question *q)
{
	return !q->facts->ca;
}

/* ---- the words -------------------------------------------------------------------- */

#define MOST (PROFILE_WORDS_MAX - 3)

static const struct profile_test tests[] = {
	{"subject", "begin", 1, MOST, PROFILE_ARGUMENT_BEGINNING, subject_begins},
	{"subject", "are-ordered", 2, MOST, PROFILE_ARGUMENT_TYPES, subject_is_ordered},
	{"subject", "are-strings", 1, MOST, PROFILE_ARGUMENT_STRINGS, subject_is_strings},
	{"subject", "are-filled", 0, 0, PROFILE_ARGUMENT_WORDS, subject_is_filled},
	{"values", "match", 2, MOST, PROFILE_ARGUMENT_PATTERNS, values_match},
	{"values", "have", 2, MOST, PROFILE_ARGUMENT_PATTERNS, values_have},
	{"values", "have-one-only", 2, MOST, PROFILE_ARGUMENT_PATTERNS, values_have_one_only},
	{"values", "have-once", 2, MOST, PROFILE_ARGUMENT_PATTERNS, values_have_once},
	{"values", "lack", 2, MOST, PROFILE_ARGUMENT_PATTERNS, values_lack},
	{"values", "contain", 2, MOST, PROFILE_ARGUMENT_TYPES, values_contain},
	{"values", "differ", 2, 2, PROFILE_ARGUMENT_TYPES, values_differ},
	{"alternative-names", "are-well-formed", 0, 0, PROFILE_ARGUMENT_WORDS, names_are_well_formed},
	{"alternative-names", "in-value", 2, 2, PROFILE_ARGUMENT_KIND, name_is_in_value},
	{"pds", "are-https", 0, 0, PROFILE_ARGUMENT_WORDS, are_https},
	{"version", "is", 1, 1, PROFILE_ARGUMENT_NUMBER, version_is},
	{"digest-bits", "at-least", 1, 1, PROFILE_ARGUMENT_NUMBER, digest_at_least},
	{"rsa-bits", "at-least", 1, 1, PROFILE_ARGUMENT_NUMBER, rsa_at_least},
	{"security-bits", "at-least", 1, 1, PROFILE_ARGUMENT_NUMBER, security_at_least},
	{"validity", "at-most-days", 1, 1, PROFILE_ARGUMENT_NUMBER, days_at_most},
	{"validity", "in-order", 0, 0, PROFILE_ARGUMENT_WORDS, in_order},
	{"validity", "now", 0, 0, PROFILE_ARGUMENT_WORDS, is_now},
	{"basic-constraints", "not-ca", 0, 0, PROFILE_ARGUMENT_WORDS, is_not_ca},
	{NULL, "have", 1, MOST, PROFILE_ARGUMENT_WORDS, have},
	{NULL, "have-one-of", 1, MOST, PROFILE_ARGUMENT_WORDS, have_one_of},
	{NULL, "have-one-only", 1, MOST, PROFILE_ARGUMENT_WORDS, have_one_only},
	{NULL, "have-set", 1, MOST, PROFILE_ARGUMENT_WORDS, have_set},
	{NULL, "have-once", 1, MOST, PROFILE_ARGUMENT_WORDS, have_once},
	{NULL, "are", 1, MOST, PROFILE_ARGUMENT_WORDS, are},
	{NULL, "are-only", 1, MOST, PROFILE_ARGUMENT_WORDS, are_only},
	{NULL, "are-together", 2, MOST, PROFILE_ARGUMENT_WORDS, are_together},
	{NULL, "lack", 1, MOST, PROFILE_ARGUMENT_WORDS, lack},
};

size_t
profile_tests_list(const char *what)
{
	size_t i = 0;

	while (i < CERTFACTS_LISTS && strcmp(certfacts_list_names[i], what) != 0)
		i++;
	return i;
}

const struct profile_test *
profile_tests_find(const char *const *words)
{
	bool list = profile_tests_list(words[0]) < CERTFACTS_LISTS;

	for (size_t i = 0; words[1] != NULL && i < sizeof tests / sizeof *tests; i++)
		if (strcmp(tests[i].how, words[1]) == 0 &&
		    (tests[i].what == NULL ? list : strcmp(tests[i].what, words[0]) == 0))
			return &tests[i];
	return NULL;
}
