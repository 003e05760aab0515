#include "revocation/refusal.h"

static const struct {
	const char *code;
	const char *words;
} refusals[REFUSAL_COUNT] = {
	[REFUSAL_NO_REQUEST] = {"request-none", "the sentence that requests a revocation is not in the text"},
	[REFUSAL_NO_EQUALS] = {"request-no-equals", "there is no \"=\" behind the sentence"},
	[REFUSAL_INSIDE_SENTENCE] = {"request-inside-sentence",
		"the sentence is within another one; it has to begin a line"},
	[REFUSAL_TOO_MANY] = {"request-too-many", "there are too many requests in one mail"},
	[REFUSAL_NUMBER_MISSING] = {"request-number-missing", "the certificate's number is missing behind \"=\""},
	[REFUSAL_NUMBER_LETTERS] = {"request-number-letters",
		"there are letters in a decimal number; a hexadecimal one begins with 0x"},
	[REFUSAL_NUMBER_NOT_HEX] = {"request-number-not-hexadecimal",
		"behind 0x there is something else than 0-9 and A-F"},
	[REFUSAL_NUMBER_CHARACTERS] = {"request-number-characters",
		"in the certificate's number there is something else than digits"},
	[REFUSAL_NUMBER_TOO_LONG] = {"request-number-too-long", "the certificate's number is longer than 20 octets"},
	[REFUSAL_NUMBER_ZERO] = {"request-number-zero", "no certificate has the number 0"},
	[REFUSAL_NUMBER_FOLLOWED] = {"request-number-followed",
		"something follows the certificate's number that may belong to it; end the line there"},
	[REFUSAL_PASSWORD_MISSING] = {"request-password-missing", "the password is missing behind \"=\""},
	[REFUSAL_PASSWORD_TOO_SHORT] = {"request-password-too-short", "the password has less than 4 characters"},
	[REFUSAL_PASSWORD_TOO_LONG] = {"request-password-too-long", "the password has more than 32 characters"},
	[REFUSAL_PASSWORD_CHARACTERS] = {"request-password-characters",
		"in the password there is something else than 0-9, A-Z and a-z"},
	[REFUSAL_PASSWORD_FOLLOWED] = {"request-password-followed",
		"something follows the password that may belong to it; end the line there"},
	[REFUSAL_PASSWORD_FIRST] = {"request-password-first", "the password stands before the certificate's number"},
	[REFUSAL_PASSWORD_TWICE] = {"request-password-twice", "there are two passwords for one certificate"},
	[REFUSAL_ONLY_IN_SUBJECT] = {"request-only-in-subject",
		"the request is in the subject only; it has to be in the text"},
	[REFUSAL_ONLY_IN_QUOTE] = {"request-only-in-quote", "the request is only in an earlier mail that this one quotes"},
	[REFUSAL_ONLY_IN_SIGNATURE] = {"request-only-in-signature",
		"the request is only behind the line \"--\", where the text has ended"},
	[REFUSAL_ONLY_IN_ATTACHMENT] = {"request-only-in-attachment",
		"the request is in an attachment only; it has to be in the text"},
	[REFUSAL_HIDDEN] = {"request-hidden", "a request is in text that not every mail program shows"},
	[REFUSAL_ALTERNATIVES_DIFFER] = {"request-alternatives-differ",
		"the text and the HTML of the mail do not request the same"},
	[REFUSAL_CHARSET_UNKNOWN] = {"request-charset-unknown",
		"the text's charset is not known here; send it in UTF-8"},
	[REFUSAL_CHARSET_WRONG] = {"request-charset-wrong",
		"there is no request in the text, but octets that its charset does not have"},
	[REFUSAL_ENCODING] = {"request-encoding", "the text's transfer encoding cannot be undone"},
	[REFUSAL_TYPE_UNKNOWN] = {"request-type-unknown",
		"there is text of another kind than text/plain and text/html"},
	[REFUSAL_STRUCTURE] = {"request-structure", "mail programs may read the structure of the mail in different ways"},
	[REFUSAL_DEPTH] = {"request-depth", "the parts of the mail are nested too deep"},
	[REFUSAL_TOO_LARGE] = {"request-too-large", "the text is too long for a request"},
	[REFUSAL_HTML] = {"request-html", "the HTML of the mail is too complicated; send plain text"},
	[REFUSAL_NOT_OPENED] = {"request-not-opened", "the mail, or part of it, is closed and could not be opened"},
};

const char *
refusal_code(enum refusal refusal)
{
	return refusals[refusal].code;
}

const char *
refusal_words(enum refusal refusal)
{
	return refusals[refusal].words;
}
