/* refusal: why a mail is no revocation request that can be read.
 *
 * Each reason has a code for logs and programs, which stays as it is, and words for
 * whoever wrote the mail. Neither ever holds anything of the mail itself, so that no
 * password gets out that way. Pure, safe in every thread.
 */
#ifndef REVOCATION_REFUSAL_H
#define REVOCATION_REFUSAL_H

enum refusal {
	/* of the sentence */
	REFUSAL_NO_REQUEST,
	REFUSAL_NO_EQUALS,
	REFUSAL_INSIDE_SENTENCE,
	REFUSAL_TOO_MANY,
	/* of the number */
	REFUSAL_NUMBER_MISSING,
	REFUSAL_NUMBER_LETTERS,
	REFUSAL_NUMBER_NOT_HEX,
	REFUSAL_NUMBER_CHARACTERS,
	REFUSAL_NUMBER_TOO_LONG,
	REFUSAL_NUMBER_ZERO,
	REFUSAL_NUMBER_FOLLOWED,
	/* of the password */
	REFUSAL_PASSWORD_MISSING,
	REFUSAL_PASSWORD_TOO_SHORT,
	REFUSAL_PASSWORD_TOO_LONG,
	REFUSAL_PASSWORD_CHARACTERS,
	REFUSAL_PASSWORD_FOLLOWED,
	REFUSAL_PASSWORD_FIRST,
	REFUSAL_PASSWORD_TWICE,
	/* of where it stands */
	REFUSAL_ONLY_IN_SUBJECT,
	REFUSAL_ONLY_IN_QUOTE,
	REFUSAL_ONLY_IN_SIGNATURE,
	REFUSAL_ONLY_IN_ATTACHMENT,
	REFUSAL_HIDDEN,
	REFUSAL_ALTERNATIVES_DIFFER,
	/* of the mail */
	REFUSAL_CHARSET_UNKNOWN,
	REFUSAL_CHARSET_WRONG,
	REFUSAL_ENCODING,
	REFUSAL_TYPE_UNKNOWN,
	REFUSAL_STRUCTURE,
	REFUSAL_DEPTH,
	REFUSAL_TOO_LARGE,
	REFUSAL_HTML,
	REFUSAL_NOT_OPENED,
	REFUSAL_COUNT,
};

const char *refusal_code(enum refusal refusal);  /* "request-number-missing"; static text */
const char *refusal_words(enum refusal refusal); /* one line of ASCII; static text */

#endif
