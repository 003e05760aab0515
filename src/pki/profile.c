#include "pki/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY 86400
#define NUMBER_DIGITS_MAX 6 /* of a number in a rule */
#define UUID_LEN 36
#define CONTAIN_TRIES_MAX 16 /* places in one text that are looked at for another */

/* What a test is asked about. */
struct question {
	const struct profile *profile;
	const struct certfacts *facts;
	const struct profile_parameter *given;
	time_t at;
	const struct certfacts_list *list; /* where its first word names one */
	const char *const *args;           /* up to NULL */
};

/* ---- parameters and sets ------------------------------------------------------- */

static const char *
value_in(const struct profile_parameter *list, const char *name)
{
	for (; list != NULL && list->name != NULL; list++)
		if (strcmp(list->name, name) == 0)
			return list->value;
	return NULL;
}

static const char *
default_of(const struct profile *profile, const char *name)
{
	const char *value = NULL;

	for (; profile != NULL && value == NULL; profile = profile->base)
		value = value_in(profile->parameters, name);
	return value;
}

/* The value of "$name", NULL for a word that is none. */
static const char *
parameter(const struct question *q, const char *word)
{
	const char *value;

	if (word[0] != '$')
		return NULL;
	value = value_in(q->given, word + 1);
	return value != NULL ? value : default_of(q->profile, word + 1);
}

/* The first word of "a+b", and what is behind it. */
static struct slice
next_in_set(const char **set)
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
		if (slice_eq_str(next_in_set(&set), word))
			return true;
	return false;
}

/* ---- lists ---------------------------------------------------------------------- */

/* "1.2.3.*" is each OID below 1.2.3. */
static bool
is_word(const struct question *q, const char *wanted, const char *word)
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
occurrences(const struct question *q, const char *wanted)
{
	size_t count = 0;

	for (size_t i = 0; i < q->list->count; i++)
		count += is_word(q, wanted, q->list->word[i]);
	return count;
}

/* How many of the arguments are in the list? */
static size_t
present(const struct question *q)
{
	size_t count = 0;

	for (const char *const *arg = q->args; *arg != NULL; arg++)
		count += occurrences(q, *arg) > 0;
	return count;
}

static size_t
arguments(const struct question *q)
{
	size_t count = 0;

	while (q->args[count] != NULL)
		count++;
	return count;
}

static bool
have(const struct question *q)
{
	return present(q) == arguments(q);
}

static bool
have_one_of(const struct question *q)
{
	return present(q) > 0;
}

static bool
have_one_only(const struct question *q)
{
	return present(q) == 1;
}

static bool
lack(const struct question *q)
{
	return present(q) == 0;
}

static bool
are_together(const struct question *q)
{
	return have(q) || lack(q);
}

static bool
have_once(const struct question *q)
{
	for (const char *const *arg = q->args; *arg != NULL; arg++)
		if (occurrences(q, *arg) > 1)
			return false;
	return true;
}

static bool
are_only(const struct question *q)
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
has_whole_set(const struct question *q, const char *set)
{
	while (*set != '\0') {
		struct slice word = next_in_set(&set);
		size_t i = 0;

		while (i < q->list->count && !slice_eq_str(word, q->list->word[i]))
			i++;
		if (i == q->list->count)
			return false;
	}
	return true;
}

static bool
have_set(const struct question *q)
{
	for (const char *const *arg = q->args; *arg != NULL; arg++)
		if (has_whole_set(q, *arg))
			return true;
	return false;
}

static bool
is_set(const struct question *q, const char *set)
{
	for (size_t i = 0; i < q->list->count; i++)
		if (!set_has(set, q->list->word[i]))
			return false;
	return has_whole_set(q, set);
}

static bool
are(const struct question *q)
{
	for (const char *const *arg = q->args; *arg != NULL; arg++)
		if (is_set(q, *arg))
			return true;
	return false;
}

/* ---- patterns ------------------------------------------------------------------- */

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(int c)
{
	return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

static size_t
digits(const char *text)
{
	size_t len = 0;

	while (is_digit(text[len]))
		len++;
	return len;
}

static bool
is_uuid(const char *text)
{
	for (size_t i = 0; i < UUID_LEN; i++) {
		bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;

		if (hyphen ? text[i] != '-' : !is_hex((unsigned char)text[i]))
			return false;
	}
	return true;
}

/* Octets of the text that the pattern's first element takes, which is none of %* and %+, and
 * where the pattern goes on. False: it is another. */
static bool
take(const char **pattern, const char **text)
{
	const char *p = *pattern, *t = *text;
	size_t wanted, len;

	if (p[0] != '%' || p[1] == '%') {
		if (*t != p[0])
			return false;
		*pattern += p[0] == '%' ? 2 : 1;
		*text += 1;
		return true;
	}
	if (p[1] == 'C') {
		if (t[0] < 'A' || t[0] > 'Z' || t[1] < 'A' || t[1] > 'Z')
			return false;
		*pattern += 2;
		*text += 2;
		return true;
	}
	if (p[1] == 'u') {
		if (!is_uuid(t))
			return false;
		*pattern += 2;
		*text += UUID_LEN;
		return true;
	}
	wanted = digits(p + 1);
	len = digits(t);
	if (len == 0 || (wanted > 0 && len != (size_t)atoi(p + 1)))
		return false;
	*pattern += 1 + wanted + 1;
	*text += len;
	return true;
}

static bool
is_open(const char *pattern)
{
	return pattern[0] == '%' && (pattern[1] == '*' || pattern[1] == '+');
}

/* Up to the pattern's end, or to its %* or %+. */
static bool
take_run(const char **pattern, const char **text)
{
	while (**pattern != '\0' && !is_open(*pattern))
		if (!take(pattern, text))
			return false;
	return true;
}

/* At most one %* or %+ is in it: so this looks at each octet no more often than the pattern is long. */
static bool
matches_pattern(const char *pattern, const char *text)
{
	if (!take_run(&pattern, &text))
		return false;
	if (*pattern == '\0')
		return *text == '\0';
	if (pattern[1] == '+' && *text++ == '\0')
		return false;
	for (;; text++) {
		const char *p = pattern + 2, *t = text;

		if (take_run(&p, &t) && *t == '\0')
			return true;
		if (*text == '\0')
			return false;
	}
}

static bool
is_pattern(const char *pattern)
{
	size_t open = 0;

	for (; *pattern != '\0'; pattern++) {
		size_t count;

		if (*pattern != '%')
			continue;
		count = digits(++pattern);
		pattern += count;
		if (*pattern == '*' || *pattern == '+')
			open++;
		if (*pattern == '\0' || strchr("Cdu*+%", *pattern) == NULL || count > 2 || (count > 0 && *pattern != 'd'))
			return false;
	}
	return open <= 1;
}

/* ---- the subject ---------------------------------------------------------------- */

static const struct certfacts_attribute *
next_of(const struct question *q, const char *type, const struct certfacts_attribute *after)
{
	const struct certfacts_attribute *a = after == NULL ? q->facts->subject : after + 1;
	const struct certfacts_attribute *end = q->facts->subject + q->facts->list[CERTFACTS_SUBJECT].count;

	while (a < end && strcmp(a->type, type) != 0)
		a++;
	return a < end ? a : NULL;
}

static bool
matches(const struct question *q, const struct certfacts_attribute *a)
{
	if (a->text == NULL)
		return false;
	for (const char *const *pattern = q->args + 1; *pattern != NULL; pattern++) {
		const char *value = parameter(q, *pattern);

		if (value != NULL ? strcmp(value, a->text) == 0 : matches_pattern(*pattern, a->text))
			return true;
	}
	return false;
}

static void
count_matches(const struct question *q, size_t *all, size_t *matching)
{
	const struct certfacts_attribute *a = NULL;

	*all = *matching = 0;
	while ((a = next_of(q, q->args[0], a)) != NULL) {
		*all += 1;
		*matching += matches(q, a);
	}
}

static bool
values_match(const struct question *q)
{
	size_t all, matching;

	count_matches(q, &all, &matching);
	return all == matching;
}

static bool
values_have(const struct question *q)
{
	size_t all, matching;

	count_matches(q, &all, &matching);
	return matching > 0;
}

static bool
values_have_one_only(const struct question *q)
{
	size_t all, matching;

	count_matches(q, &all, &matching);
	return matching == 1;
}

static bool
values_have_once(const struct question *q)
{
	size_t all, matching;

	count_matches(q, &all, &matching);
	return matching <= 1;
}

static bool
values_lack(const struct question *q)
{
	return !values_have(q);
}

/* A letter or digit; those beyond ASCII are taken to be letters. */
static bool
in_word(int c)
{
	return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c >= 0x80;
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
values_contain(const struct question *q)
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
values_differ(const struct question *q)
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
subject_begins(const struct question *q)
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
subject_is_ordered(const struct question *q)
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
subject_is_strings(const struct question *q)
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
subject_is_filled(const struct question *q)
{
	for (size_t i = 0; i < q->list->count; i++)
		if (q->facts->subject[i].text == NULL || q->facts->subject[i].text[0] == '\0')
			return false;
	return q->list->count > 0;
}

/* ---- alternative names, statements ---------------------------------------------- */

static bool
names_are_well_formed(const struct question *q)
{
	for (size_t i = 0; i < q->facts->name_count; i++)
		if (!q->facts->names[i].well_formed)
			return false;
	return true;
}

static bool
is_in_value(const struct question *q, const char *text, const char *type)
{
	const struct certfacts_attribute *a = NULL;

	while ((a = next_of(q, type, a)) != NULL)
		if (a->text != NULL && contains_words(a->text, text))
			return true;
	return false;
}

static bool
name_is_in_value(const struct question *q)
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
are_https(const struct question *q)
{
	for (size_t i = 0; i < q->list->count; i++)
		if (!slice_starts_nocase(slice_str(q->list->word[i]), "https://"))
			return false;
	return q->list->count > 0;
}

/* ---- numbers and the rest --------------------------------------------------------- */

static bool
version_is(const struct question *q)
{
	return q->facts->version == atol(q->args[0]);
}

static bool
digest_at_least(const struct question *q)
{
	return q->facts->digest_bits >= (unsigned)atoi(q->args[0]);
}

static bool
rsa_at_least(const struct question *q)
{
	return q->facts->rsa_bits >= (unsigned)atoi(q->args[0]);
}

static bool
security_at_least(const struct question *q)
{
	return q->facts->security_bits >= (unsigned)atoi(q->args[0]);
}

static bool
days_at_most(const struct question *q)
{
	return q->facts->not_after - q->facts->not_before <= (time_t)atol(q->args[0]) * DAY;
}

static bool
in_order(const struct question *q)
{
	return q->facts->not_before < q->facts->not_after;
}

static bool
is_now(const struct question *q)
{
	return q->facts->not_before <= q->at && q->at <= q->facts->not_after;
}

static bool
is_not_ca(const struct question *q)
{
	return !q->facts->ca;
}

/* ---- the words -------------------------------------------------------------------- */

/* What the arguments are. */
enum form {
	FORM_WORDS,     /* of the list, or with '+' sets of them */
	FORM_TYPES,     /* of attributes */
	FORM_PATTERNS,  /* behind a type */
	FORM_BEGINNING, /* type=text */
	FORM_STRINGS,   /* forms of strings */
	FORM_KIND,      /* of an alternative name, and a type */
	FORM_NUMBER,
};

struct verb {
	const char *what; /* NULL: each list */
	const char *how;
	size_t least, most; /* arguments */
	enum form form;
	bool (*holds)(const struct question *q);
};

#define MOST (PROFILE_WORDS_MAX - 3)

static const struct verb verbs[] = {
	{"subject", "begin", 1, MOST, FORM_BEGINNING, subject_begins},
	{"subject", "are-ordered", 2, MOST, FORM_TYPES, subject_is_ordered},
	{"subject", "are-strings", 1, MOST, FORM_STRINGS, subject_is_strings},
	{"subject", "are-filled", 0, 0, FORM_WORDS, subject_is_filled},
	{"values", "match", 2, MOST, FORM_PATTERNS, values_match},
	{"values", "have", 2, MOST, FORM_PATTERNS, values_have},
	{"values", "have-one-only", 2, MOST, FORM_PATTERNS, values_have_one_only},
	{"values", "have-once", 2, MOST, FORM_PATTERNS, values_have_once},
	{"values", "lack", 2, MOST, FORM_PATTERNS, values_lack},
	{"values", "contain", 2, MOST, FORM_TYPES, values_contain},
	{"values", "differ", 2, 2, FORM_TYPES, values_differ},
	{"alternative-names", "are-well-formed", 0, 0, FORM_WORDS, names_are_well_formed},
	{"alternative-names", "in-value", 2, 2, FORM_KIND, name_is_in_value},
	{"pds", "are-https", 0, 0, FORM_WORDS, are_https},
	{"version", "is", 1, 1, FORM_NUMBER, version_is},
	{"digest-bits", "at-least", 1, 1, FORM_NUMBER, digest_at_least},
	{"rsa-bits", "at-least", 1, 1, FORM_NUMBER, rsa_at_least},
	{"security-bits", "at-least", 1, 1, FORM_NUMBER, security_at_least},
	{"validity", "at-most-days", 1, 1, FORM_NUMBER, days_at_most},
	{"validity", "in-order", 0, 0, FORM_WORDS, in_order},
	{"validity", "now", 0, 0, FORM_WORDS, is_now},
	{"basic-constraints", "not-ca", 0, 0, FORM_WORDS, is_not_ca},
	{NULL, "have", 1, MOST, FORM_WORDS, have},
	{NULL, "have-one-of", 1, MOST, FORM_WORDS, have_one_of},
	{NULL, "have-one-only", 1, MOST, FORM_WORDS, have_one_only},
	{NULL, "have-set", 1, MOST, FORM_WORDS, have_set},
	{NULL, "have-once", 1, MOST, FORM_WORDS, have_once},
	{NULL, "are", 1, MOST, FORM_WORDS, are},
	{NULL, "are-only", 1, MOST, FORM_WORDS, are_only},
	{NULL, "are-together", 2, MOST, FORM_WORDS, are_together},
	{NULL, "lack", 1, MOST, FORM_WORDS, lack},
};

/* CERTFACTS_LISTS: it names none. */
static size_t
list_named(const char *what)
{
	size_t i = 0;

	while (i < CERTFACTS_LISTS && strcmp(certfacts_list_names[i], what) != 0)
		i++;
	return i;
}

static const struct verb *
verb_of(const char *const *test)
{
	bool list = list_named(test[0]) < CERTFACTS_LISTS;

	for (size_t i = 0; test[1] != NULL && i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verbs[i].how, test[1]) == 0 &&
		    (verbs[i].what == NULL ? list : strcmp(verbs[i].what, test[0]) == 0))
			return &verbs[i];
	return NULL;
}

/* ---- checking --------------------------------------------------------------------- */

static bool
holds(struct question *q, const char *const *test)
{
	const struct verb *verb = verb_of(test);
	size_t list = list_named(test[0]);

	q->list = list < CERTFACTS_LISTS ? &q->facts->list[list] : NULL;
	q->args = test + 2;
	return verb != NULL && verb->holds(q);
}

static void
check_rule(struct question *q, const struct profile_rule *rule, struct profile_result *result)
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
check_profile(struct question *q, const struct profile *profile, struct profile_result *result)
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
	struct question q = {.profile = profile, .facts = facts, .given = given, .at = at};

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
	size_t len = digits(word);

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
	enum certfacts_which which = (enum certfacts_which)list_named(what);
	bool known = *set != '\0';

	while (*set != '\0' && known) {
		struct slice word = next_in_set(&set);

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
is_argument(const struct verb *verb, const char *what, size_t place, const char *word)
{
	switch (verb->form) {
	case FORM_WORDS:
		return is_of_list(what, word);
	case FORM_TYPES:
		return is_type(slice_str(word));
	case FORM_PATTERNS:
		return place == 0 ? is_type(slice_str(word)) : is_pattern(word);
	case FORM_BEGINNING:
		return is_beginning(word);
	case FORM_STRINGS:
		return is_string_form(word);
	case FORM_KIND:
		return place == 0 ? is_of_list(what, word) : is_type(slice_str(word));
	case FORM_NUMBER:
		return is_number(word);
	}
	return false;
}

/* What is wrong with the argument; NULL: nothing. */
static const char *
fault_of(const struct profile *profile, const struct verb *verb, const char *what, size_t place, const char *word)
{
	if (strlen(word) > PROFILE_WORD_MAX)
		return "too long";
	if (word[0] == '$' && (verb->form == FORM_WORDS || (verb->form == FORM_PATTERNS && place > 0)))
		return default_of(profile, word + 1) == NULL ? "no such parameter" : NULL;
	if (certfacts_word(word) != NULL)
		return "an OID that has a word";
	return is_argument(verb, what, place, word) ? NULL : "not understood";
}

static enum answer
check_test(const struct profile *profile, const char *id, const char *const *test, struct error *err)
{
	const struct verb *verb;
	size_t count = 0;

	while (count < PROFILE_WORDS_MAX && test[count] != NULL)
		count++;
	if (count == PROFILE_WORDS_MAX || count < 2)
		return unsound(err, profile->name, id, "too many words, or too few", test[0] == NULL ? "" : test[0]);
	verb = verb_of(test);
	if (verb == NULL)
		return unsound(err, profile->name, id, "no such test", test[1]);
	if (count - 2 < verb->least || count - 2 > verb->most)
		return unsound(err, profile->name, id, "too many arguments, or too few", test[1]);
	for (size_t i = 2; i < count; i++) {
		const char *fault = fault_of(profile, verb, test[0], i - 2, test[i]);

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
