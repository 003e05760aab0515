#include "pki/reasons.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

void
reasons_add(struct error *all, const char *what, const struct error *one)
{
	const char *colon = ": ", *between = "; ";
	size_t used;

	if (all->code == NULL) {
		*all = (struct error){.answer = one->answer, .code = one->code, .section = one->section};
		between = "";
	}
	if (one->answer == ANSWER_CANT_TELL)
		all->answer = ANSWER_CANT_TELL;
	if (strstr(one->words, what) != NULL)
		what = colon = "";
	used = strlen(all->words);
	/* The end is cut, as of all words. */
	if (snprintf(all->words + used, sizeof all->words - used, "%s%s%s%s", between, what, colon, one->words) < 0)
		all->words[used] = '\0';
}
