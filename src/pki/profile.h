/* profile: what a certificate policy promises of its certificates, as a table of rules.
 *
 * A rule says what must hold ("need"), sometimes only where something else does ("where"), each
 * as a list of words over a certificate's facts:
 *
 *     what how argument ...       {"policies", "have", "1.3.6.1.4.1.23624.10.1.30.1.1"}
 *
 * so that a profile of one's own, read from a configuration, is made of the same words as the
 * built-in ones (profiles.h). Checking is pure: facts and time in, rules kept and broken out.
 *
 * Of every list (certfacts_list_names):
 *   have W...           all of them
 *   have-one-of W...    at least one
 *   have-one-only W...  exactly one
 *   have-set S...       all words of at least one set, "givenName+surname"
 *   are S...            these are the words of one of the sets, no more and no less; the same word
 *                       twice counts once
 *   lack W...           none of them
 *   are-only W...       nothing but some of them
 *   are-together W...   all of them or none
 *   have-once W...      none of them more than once
 * In policies "1.2.3.*" is each OID below 1.2.3.
 *
 * Of the subject's attributes, where A is a type and P a pattern:
 *   subject begin A=T...      its first attributes are these, T without regard to case
 *   subject are-ordered A...  those that are there stand in this order
 *   subject are-strings F...  each is encoded as one of the forms, but domainComponent and
 *                             emailAddress, which have a form of their own
 *   subject are-filled        there are some, and none is empty or unreadable
 *   values match A P...       every A matches one of the patterns
 *   values have A P...        at least one A does
 *   values have-one-only A P...
 *   values have-once A P...   at most one A does
 *   values lack A P...        none does
 *   values contain A B...     every A contains every B as whole words
 *   values differ A B         no A equals a B, without regard to case
 * What is said of every A holds where there is none: that it is there is another rule.
 *
 * Of alternative names: "alternative-names are-well-formed"; "alternative-names in-value KIND A":
 * one of that kind is there, and each is a part of some A.
 * Of the pds: "pds are-https".
 * Of numbers: "version is N", "digest-bits at-least N", "rsa-bits at-least N", "security-bits
 * at-least N", "validity at-most-days N".
 * Besides: "validity in-order", "validity now", "basic-constraints not-ca".
 *
 * Patterns are matched against the whole text, octet for octet: %C two upper-case letters (an
 * ISO 3166 code by its form), %d digits, %8d so many, %u a UUID (RFC 4122), %* anything or
 * nothing, %+ anything; %* or %+ once in a pattern; %% a per cent sign. A pattern or word "$name"
 * is the value of that parameter, taken as it is.
 *
 * Threads: everything here is plain data that no function changes.
 */
#ifndef PKI_PROFILE_H
#define PKI_PROFILE_H

#include "pki/certfacts.h"

#define PROFILE_WORDS_MAX 32 /* words of one test and the NULL behind them */
#define PROFILE_RULES_MAX 64 /* rules of a profile and all it is based on */
#define PROFILE_BASES_MAX 4  /* profiles in such a row */
#define PROFILE_WORD_MAX 256 /* octets of one word */

enum profile_severity {
	PROFILE_ERROR, /* what breaks it is not what the policy promises: touches the verdict */
	PROFILE_NOTE,  /* worth knowing */
};

struct profile_rule {
	const char *id;          /* "qc-type"; once in a profile */
	enum profile_severity severity;
	const char *section;     /* where it comes from: "I.CA CP QC RSA 1.12, table 6" */
	const char *words;       /* for people, what must be so: "QcType is esign" */
	const char *where[PROFILE_WORDS_MAX]; /* up to NULL; none: everywhere */
	const char *need[PROFILE_WORDS_MAX];
};

struct profile_parameter {
	const char *name; /* NULL ends a list */
	const char *value;
};

struct profile {
	const char *name;            /* "ica-qualified-signature" */
	const char *words;           /* for people */
	const struct profile *base;  /* its rules come first; or NULL */
	const struct profile_rule *rules;
	size_t rule_count;
	const struct profile_parameter *parameters; /* with the values they have unless given; or NULL */
};

enum profile_outcome {
	PROFILE_KEPT,
	PROFILE_BROKEN,
	PROFILE_ASIDE, /* its "where" does not hold */
};

struct profile_result {
	struct {
		const struct profile_rule *rule;
		enum profile_outcome outcome;
	} rules[PROFILE_RULES_MAX]; /* in the profile's order */
	size_t count;
	size_t errors; /* broken rules of this severity */
	size_t notes;
};

/* Are all words known, with as many arguments as they take, numbers numbers and patterns
 * patterns, all parameters declared, every id there once? NO: "profile", naming rule and word.
 * What comes from a configuration is asked once, before it is used. */
enum answer profile_is_sound(const struct profile *profile, struct error *err);

/* Of a sound profile. given: values for some of its parameters, or NULL; at: the time at which the
 * certificate is judged. */
void profile_check(const struct profile *profile, const struct certfacts *facts,
	const struct profile_parameter *given, time_t at, struct profile_result *result);

/* The ids of the rules of that severity that are broken, "qc-type, pds", cut at size octets. */
void profile_name_broken(const struct profile_result *result, enum profile_severity severity, char *names, size_t size);

#endif
