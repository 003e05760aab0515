#include "revocation/phrases.h"

#include <stdlib.h>
#include <string.h>

#include <unictype.h>

/* Czech is I.CA's own (CP 4.9.3, which prints it without accents); the others are ours. */
static const struct phrase shipped[] = {
	{"cs", "Žádám o zneplatnění certifikátu číslo =", "Heslo pro zneplatnění ="},
	{"sk", "Žiadam o zneplatnenie certifikátu číslo =", "Heslo pre zneplatnenie ="},
	{"en", "I request revocation of certificate number =", "Revocation password ="},
};

#define SHIPPED (sizeof shipped / sizeof shipped[0])

struct form {
	enum phrase_kind kind;
	char *language;
	struct letters letters;
};

struct phrases {
	struct form forms[2 * (SHIPPED + PHRASES_ADDED_MAX)];
	size_t count;
};

static size_t
next_letter(const struct letters *l, size_t at)
{
	return letters_skip_marks(l, at + 1);
}

/* Does phrase begin at at? *end is the place behind it. */
static bool
begins(const struct letters *phrase, const struct letters *text, size_t at, size_t *end)
{
	size_t i = letters_skip_marks(phrase, 0);

	for (; i < phrase->count; i = next_letter(phrase, i), at = next_letter(text, at))
		if (at >= text->count || text->at[at].kind == LETTER_PARAGRAPH ||
		    text->at[at].folded != phrase->at[i].folded)
			return false;
	*end = at;
	return at >= text->count || !uc_is_alnum(text->at[at].folded);
}

bool
phrases_at(const struct phrases *p, const struct letters *text, size_t at, struct phrase_found *found)
{
	bool any = false;
	size_t end;

	if (at >= text->count || text->at[at].kind != LETTER_TEXT)
		return false;
	for (size_t i = 0; i < p->count; i++) {
		const struct form *form = &p->forms[i];

		if (!begins(&form->letters, text, at, &end) || (any && end <= found->end))
			continue;
		*found = (struct phrase_found){form->kind, form->language, end};
		any = true;
	}
	return any;
}

bool
phrases_anywhere(const struct phrases *p, const struct letters *text)
{
	struct phrase_found found;

	for (size_t i = 0; i < text->count; i++)
		if (phrases_at(p, text, i, &found))
			return true;
	return false;
}

/* The phrase without blanks at its ends and without the "=". */
static struct slice
core(const char *text)
{
	struct slice s = slice_trim(slice_str(text));

	if (s.len > 0 && s.data[s.len - 1] == '=')
		s.len--;
	return slice_trim(s);
}

static bool
is_single_line(const struct letters *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->at[i].kind == LETTER_LINE || l->at[i].kind == LETTER_PARAGRAPH || l->at[i].folded == '=')
			return false;
	return letters_skip_marks(l, 0) < l->count;
}

static bool
is_of_other_kind(const struct phrases *p, const struct form *form)
{
	size_t end;

	for (size_t i = 0; i < p->count; i++)
		if (p->forms[i].kind != form->kind && begins(&p->forms[i].letters, &form->letters, 0, &end) &&
		    end >= form->letters.count)
			return true;
	return false;
}

static enum answer
add(struct phrases *p, const char *language, enum phrase_kind kind, const char *text, struct error *err)
{
	struct form *form = &p->forms[p->count];
	struct slice s = core(text);
	enum answer a;

	if (s.len > PHRASE_OCTETS_MAX)
		return error_no(err, "phrase-length", "a phrase has more than %d octets", PHRASE_OCTETS_MAX);
	if (language[0] == '\0' || strlen(language) > PHRASE_LANGUAGE_MAX)
		return error_no(err, "phrase-language", "a phrase's language has no octets, or more than %d",
			PHRASE_LANGUAGE_MAX);
	a = letters_of(s, &form->letters, err);
	if (a != ANSWER_YES)
		return a;
	form->kind = kind;
	if (!is_single_line(&form->letters) || is_of_other_kind(p, form)) {
		letters_free(&form->letters);
		return error_no(err, "phrase", "a phrase is empty, has \"=\" or a line end within, "
			"or is the number's and the password's");
	}
	form->language = strdup(language);
	p->count++;
	return form->language == NULL ? error_cant_tell(err, "memory", "no memory for a phrase") : ANSWER_YES;
}

static enum answer
add_all(struct phrases *p, const struct phrase *from, size_t count, struct error *err)
{
	enum answer a = ANSWER_YES;

	for (size_t i = 0; i < count && a == ANSWER_YES; i++) {
		a = add(p, from[i].language, PHRASE_NUMBER, from[i].number, err);
		if (a == ANSWER_YES && from[i].password != NULL)
			a = add(p, from[i].language, PHRASE_PASSWORD, from[i].password, err);
	}
	return a;
}

enum answer
phrases_new(const struct phrase *added, size_t count, struct phrases **out, struct error *err)
{
	struct phrases *p;
	enum answer a;

	if (count > PHRASES_ADDED_MAX)
		return error_no(err, "phrases", "there are more than %d added phrases", PHRASES_ADDED_MAX);
	p = calloc(1, sizeof *p);
	if (p == NULL)
		return error_cant_tell(err, "memory", "no memory for the phrases");
	a = add_all(p, shipped, SHIPPED, err);
	if (a == ANSWER_YES)
		a = add_all(p, added, count, err);
	if (a != ANSWER_YES) {
		phrases_free(p);
		return a;
	}
	*out = p;
	return ANSWER_YES;
}

void
phrases_free(struct phrases *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->count; i++) {
		letters_free(&p->forms[i].letters);
		free(p->forms[i].language);
	}
	free(p);
}

const struct phrase *
phrases_shipped(size_t nth)
{
	return nth < SHIPPED ? &shipped[nth] : NULL;
}
