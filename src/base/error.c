#include "base/error.h"
#include "base/buf.h"

#include <openssl/err.h>

#include <stdio.h>
#include <string.h>

/* What came from a mail or a server must not be able to begin a log line or an
 * SMTP answer of its own. */
static void
escape_controls(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

enum answer
error_set(struct error *err, enum answer answer, const char *code, const char *section,
	const char *format, va_list args)
{
	if (err == NULL)
		return answer;
	err->answer = answer;
	err->code = code;
	err->section = section;
	vsnprintf(err->words, sizeof err->words, format, args);
	escape_controls(err->words);
	return answer;
}

enum answer
error_no(struct error *err, const char *code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_set(err, ANSWER_NO, code, NULL, format, args);
	va_end(args);
	return ANSWER_NO;
}

enum answer
error_cant_tell(struct error *err, const char *code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_set(err, ANSWER_CANT_TELL, code, NULL, format, args);
	va_end(args);
	return ANSWER_CANT_TELL;
}

void
error_prefix(struct error *err, const char *format, ...)
{
	char context[ERROR_WORDS_MAX];
	struct buf words;
	va_list args;

	if (err == NULL)
		return;
	va_start(args, format);
	vsnprintf(context, sizeof context, format, args);
	va_end(args);
	buf_init(&words, 2 * ERROR_WORDS_MAX + 2);
	buf_printf(&words, "%s: %s", context, err->words);
	if (!buf_failed(&words)) {
		words.data[words.len < ERROR_WORDS_MAX ? words.len : ERROR_WORDS_MAX - 1] = '\0';
		strcpy(err->words, (const char *)words.data);
		escape_controls(err->words);
	}
	buf_free(&words);
}

void
error_add_openssl(struct error *err)
{
	unsigned long code;

	while ((code = ERR_get_error()) != 0) {
		const char *reason = ERR_reason_error_string(code);
		size_t used;

		if (err == NULL || reason == NULL)
			continue;
		used = strlen(err->words);
		/* The same reason is queued once a level; once is enough for people. */
		if (strstr(err->words, reason) == NULL)
			snprintf(err->words + used, sizeof err->words - used, "; %s", reason);
	}
}
