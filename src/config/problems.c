#include "config/problems.h"

#include <stdio.h>

void
problem_add(struct problems *p, unsigned line, const char *format, ...)
{
	char words[PROBLEM_WORDS_MAX], whole[2 * PROBLEM_WORDS_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof words, format, args);
	va_end(args);
	if (line > 0)
		snprintf(whole, sizeof whole, "%s:%u: %s", p->path, line, words);
	else
		snprintf(whole, sizeof whole, "%s: %s", p->path, words);
	if (p->count++ == 0)
		error_no(p->err, "configuration", "%s", whole);
	else if (p->report != NULL)
		p->report(p->arg, whole);
}
