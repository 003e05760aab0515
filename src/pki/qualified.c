#include "pki/qualified.h"
#include "pki/profiles.h"

#include <string.h>

enum kind { KIND_SIGNATURE, KIND_SEAL, KIND_OTHER };

static bool
says(const struct certfacts *facts, enum certfacts_which which, const char *word)
{
	const struct certfacts_list *list = &facts->list[which];

	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->word[i], word) == 0)
			return true;
	return false;
}

/* EN 319 412-5 4.2.3: without QcType it is for signatures. */
static enum kind
kind_of(const struct certfacts *facts)
{
	const struct certfacts_list *types = &facts->list[CERTFACTS_QC_TYPES];

	if (!says(facts, CERTFACTS_QC_STATEMENTS, "QcType"))
		return KIND_SIGNATURE;
	if (types->count != 1)
		return KIND_OTHER;
	if (strcmp(types->word[0], "esign") == 0)
		return KIND_SIGNATURE;
	return strcmp(types->word[0], "eseal") == 0 ? KIND_SEAL : KIND_OTHER;
}

/* NO: what it says of itself does not make it one that the set's authorities issue. */
static enum answer
check_claim(const struct qualified_question *q, enum kind kind, struct error *reason)
{
	if (says(q->facts, CERTFACTS_QC_STATEMENTS, "QcCClegislation"))
		return error_no(reason, "country", "it is qualified by the law of another country than those of the EU");
	if (kind == KIND_OTHER)
		return error_no(reason, "qc-type", "its QcType is not just one of esign and eseal");
	if (kind == KIND_SIGNATURE ? !q->signatures : !q->seals)
		return error_no(reason, "service", "its authorities are not named as issuing qualified certificates for %s",
			kind == KIND_SIGNATURE ? "signatures" : "seals");
	return ANSWER_YES;
}

static enum answer
broken(const struct profile *profile, const struct profile_result *result, struct error *reason)
{
	char ids[ERROR_WORDS_MAX];

	if (result->errors == 0)
		return ANSWER_YES;
	profile_name_broken(result, PROFILE_ERROR, ids, sizeof ids);
	return error_no(reason, "profile", "it breaks the profile %s: %s", profile->name, ids);
}

static enum answer
check_profile(const struct qualified_question *q, enum kind kind, struct error *reason)
{
	const struct profile *profile;
	struct profile_result result;

	if (q->profile != NULL)
		return broken(q->profile, q->result, reason);
	profile = profiles_find(slice_str(kind == KIND_SIGNATURE ? "eidas-signature" : "eidas-seal"));
	profile_check(profile, q->facts, NULL, q->at, &result);
	return broken(profile, &result, reason);
}

static enum answer
check_status(const struct status *status, struct error *reason)
{
	switch (status->state) {
	case STATUS_GOOD:
		return ANSWER_YES;
	case STATUS_REVOKED:
		return error_no(reason, "revoked", "it is revoked");
	case STATUS_UNKNOWN:
		break;
	}
	return error_no(reason, "status-unknown", "whether it is revoked is not known%s%s",
		status->why.words[0] == '\0' ? "" : ": ", status->why.words);
}

enum trust_qualified
qualified_decide(const struct qualified_question *q, struct error *reason)
{
	enum kind kind;
	bool qscd;

	*reason = ERROR_NONE;
	if (!q->trusted) {
		error_no(reason, "untrusted", "it is not trusted");
		return TRUST_NONE;
	}
	if (q->facts == NULL) {
		error_no(reason, "unreadable", "what it says of itself cannot be read");
		return TRUST_ADVANCED;
	}
	if (!says(q->facts, CERTFACTS_QC_STATEMENTS, "QcCompliance"))
		return TRUST_ADVANCED;
	kind = kind_of(q->facts);
	if (check_claim(q, kind, reason) != ANSWER_YES || check_profile(q, kind, reason) != ANSWER_YES ||
	    check_status(q->status, reason) != ANSWER_YES)
		return TRUST_ADVANCED;
	qscd = says(q->facts, CERTFACTS_QC_STATEMENTS, "QcSSCD");
	if (kind == KIND_SEAL)
		return qscd ? TRUST_SEAL_QSCD : TRUST_SEAL;
	return qscd ? TRUST_SIGNATURE_QSCD : TRUST_SIGNATURE;
}
