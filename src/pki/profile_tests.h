/* profile_tests: what rules may ask of a certificate's facts: the words of profile.h, one function each.
 *
 * profile.c's own. Pure; any thread.
 */
#ifndef PKI_PROFILE_TESTS_H
#define PKI_PROFILE_TESTS_H

#include "pki/profile.h"

/* What a test is asked about. */
struct profile_question {
	const struct profile *profile;
	const struct certfacts *facts;
	const struct profile_parameter *given;
	time_t at;
	const struct certfacts_list *list; /* where its first word names one */
	const char *const *args;           /* up to NULL */
};

/* What the arguments are. */
enum profile_argument {
	PROFILE_ARGUMENT_WORDS,     /* of the list, or with '+' sets of them */
	PROFILE_ARGUMENT_TYPES,     /* of attributes */
	PROFILE_ARGUMENT_PATTERNS,  /* behind a type */
	PROFILE_ARGUMENT_BEGINNING, /* type=text */
	PROFILE_ARGUMENT_STRINGS,   /* forms of strings */
	PROFILE_ARGUMENT_KIND,      /* of an alternative name, and a type */
	PROFILE_ARGUMENT_NUMBER,
};

struct profile_test {
	const char *what; /* NULL: each list */
	const char *how;
	size_t least, most; /* arguments */
	enum profile_argument form;
	bool (*holds)(const struct profile_question *q);
};

/* By its first two words; NULL: there is none. */
const struct profile_test *profile_tests_find(const char *const *words);
/* The list of that name; CERTFACTS_LISTS: it names none. */
size_t profile_tests_list(const char *what);
/* The value that a parameter has unless given; NULL: there is no such parameter. */
const char *profile_tests_default(const struct profile *profile, const char *name);
/* The first word of "a+b"; *set is then what is behind it. */
struct slice profile_tests_next_in_set(const char **set);

#endif
