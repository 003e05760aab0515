/* error: the one record in which a reason travels up to the coordinator.
 *
 * Every question that can go wrong has three answers. A caller that gets
 * ANSWER_NO or ANSWER_CANT_TELL passes the record on unchanged or adds context
 * in front; the coordinator logs it once, and turns it into the SMTP answer:
 * NO is 550 with an enhanced code of class 5, CANT_TELL is 451 with class 4
 * (RFC 3463, RFC 5248).
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>

enum answer {
	ANSWER_YES,
	ANSWER_NO,        /* definite, and will be so tomorrow */
	ANSWER_CANT_TELL, /* something that is needed cannot be had now */
};

#define ERROR_WORDS_MAX 512 /* octets of text, the end is cut */

struct error {
	enum answer answer;
	const char *code;    /* short and stable, for log and programs: "no-certificate"; static text */
	const char *section; /* of the standard that says so: "RFC 5652 6.1"; static text or NULL */
	char words[ERROR_WORDS_MAX]; /* for people, in one line of UTF-8, control characters escaped */
};

#define ERROR_NONE ((struct error){.answer = ANSWER_YES})

/* Fills the record and returns the answer, so that `return error_no(…)` reads
 * as one step. err may be NULL where the caller does not want the reason. */
enum answer error_no(struct error *err, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
enum answer error_cant_tell(struct error *err, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
enum answer error_set(struct error *err, enum answer answer, const char *code, const char *section,
	const char *format, va_list args) __attribute__((format(printf, 5, 0)));
/* Puts "context: " in front of the words that are there. */
void error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds OpenSSL's queued reasons for this thread to the words and empties the queue. */
void error_add_openssl(struct error *err);

#endif
