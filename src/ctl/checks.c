#include "ctl/checks.h"

#include <stdarg.h>
#include <stdio.h>

static void say(const char *kind, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static void
say(const char *kind, const char *format, va_list args)
{
	printf("%s: ", kind);
	vprintf(format, args);
	putchar('\n');
}

void
checks_problem(struct checks *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("problem", format, args);
	va_end(args);
	c->problems++;
}

void
checks_warning(struct checks *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("warning", format, args);
	va_end(args);
	c->warnings++;
}

void
checks_error(struct checks *c, const struct error *err)
{
	checks_problem(c, "%s", err->words);
	if (err->answer == ANSWER_CANT_TELL)
		c->unsure++;
}
