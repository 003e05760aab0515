/* A certificate's facts and the profiles over them. Promises: what a list holds is within its
 * limits and is UTF-8; types and list of the subject are the same; every profile says something of
 * each of its rules, says the same when asked again, and counts what it says; another time changes
 * nothing but what rules on validity say.
 */
#include "fuzz.h"
#include "base/utf8.h"
#include "pki/profiles.h"

#include <stdlib.h>
#include <string.h>

static void
check_text(const char *text)
{
	promise(strlen(text) <= CERTFACTS_TEXT_MAX && utf8_is_valid(slice_str(text)));
}

static void
check_facts(const struct certfacts *f)
{
	const struct certfacts_list *subject = &f->list[CERTFACTS_SUBJECT];

	for (size_t i = 0; i < CERTFACTS_LISTS; i++) {
		promise(f->list[i].count <= CERTFACTS_LIST_MAX);
		for (size_t k = 0; k < f->list[i].count; k++)
			check_text(f->list[i].word[k]);
	}
	for (size_t i = 0; i < subject->count; i++) {
		promise(f->subject[i].type == subject->word[i] && f->subject[i].form != NULL);
		if (f->subject[i].text != NULL)
			check_text(f->subject[i].text);
	}
	promise(f->name_count <= CERTFACTS_NAMES_MAX);
	for (size_t i = 0; i < f->name_count; i++) {
		check_text(f->names[i].kind);
		if (f->names[i].text != NULL)
			check_text(f->names[i].text);
	}
	promise(f->list[CERTFACTS_CRITICAL].count <= f->list[CERTFACTS_EXTENSIONS].count);
}

static size_t
rules_of(const struct profile *profile)
{
	return profile == NULL ? 0 : profile->rule_count + rules_of(profile->base);
}

static void
check_result(const struct profile *profile, const struct profile_result *result)
{
	size_t broken = 0;

	for (size_t i = 0; i < result->count; i++)
		broken += result->rules[i].outcome == PROFILE_BROKEN;
	promise(result->count == rules_of(profile) && broken == result->errors + result->notes);
}

static void
check_profile(const struct profile *profile, const struct certfacts *f)
{
	struct profile_result one, again, later;

	profile_check(profile, f, NULL, f->not_before, &one);
	profile_check(profile, f, NULL, f->not_before, &again);
	profile_check(profile, f, NULL, f->not_after, &later);
	check_result(profile, &one);
	check_result(profile, &later);
	for (size_t i = 0; i < one.count; i++) {
		promise(one.rules[i].rule == later.rules[i].rule && one.rules[i].outcome == again.rules[i].outcome);
		promise(one.rules[i].outcome == later.rules[i].outcome ||
			strcmp(one.rules[i].rule->id, "validity") == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct certfacts *facts;
	struct cert *cert;

	if (cert_parse(slice_of(data, size), &cert, NULL) != ANSWER_YES)
		return 0;
	if (certfacts_read(cert, &facts, NULL) == ANSWER_YES) {
		check_facts(facts);
		for (const struct profile *const *p = profiles; *p != NULL; p++)
			check_profile(*p, facts);
	}
	certfacts_free(facts);
	cert_unref(cert);
	return 0;
}
