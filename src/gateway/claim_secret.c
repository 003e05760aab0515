#include "gateway/claim_case.h"

#include "revocation/html.h"
#include "revocation/visible.h"

/* Whoever answers an earlier mail quotes the password in it, and a signed attachment may hold one. */

static bool
has_phrase(struct slice text, const struct phrases *phrases)
{
	struct letters letters;
	bool found = letters_of(text, &letters, NULL) != ANSWER_YES;

	for (size_t i = 0; !found && i < letters.count; i++) {
		struct phrase_found phrase;

		found = phrases_at(phrases, &letters, i, &phrase) && phrase.kind == PHRASE_PASSWORD;
	}
	letters_free(&letters);
	return found;
}

/* Whatever becomes of its lines, they are all looked into. */
static bool
is_said(struct slice text, bool html, const struct phrases *phrases)
{
	struct visible v;
	struct buf shown;
	const struct html_text out = {&shown, &v.quoted, &v.hidden};
	bool found = false;

	visible_init(&v);
	buf_init_secret(&shown, VISIBLE_GROWTH * VISIBLE_OCTETS_MAX);
	if (html) {
		found = html_read(text, &out, NULL) != ANSWER_YES;
		text = buf_slice(&shown);
	}
	visible_split(text, (struct visible_format){.flowed = false}, &v);
	found = found || visible_failed(&v) || has_phrase(buf_slice(&v.own), phrases) ||
		has_phrase(buf_slice(&v.quoted), phrases) || has_phrase(buf_slice(&v.signature), phrases) ||
		has_phrase(buf_slice(&v.hidden), phrases);
	buf_wipe(&shown);
	visible_free(&v);
	return found;
}

static bool
is_in_text(const struct mime_part *part, const struct phrases *phrases)
{
	const struct mime_parameter *charset = mime_parameter(part, "charset");
	struct slice name = charset == NULL ? slice_str("us-ascii") : charset->value;
	struct buf octets, text;
	bool damaged = false, found = true;

	buf_init_secret(&octets, VISIBLE_OCTETS_MAX);
	buf_init_secret(&text, VISIBLE_GROWTH * VISIBLE_OCTETS_MAX);
	if (visible_knows_charset(name) && mime_decode(part, &octets, NULL) == ANSWER_YES &&
	    visible_decode(buf_slice(&octets), name, &text, &damaged, NULL) == ANSWER_YES)
		found = is_said(buf_slice(&text), mime_is(part, "text", "html"), phrases);
	buf_wipe(&octets);
	buf_wipe(&text);
	return found;
}

bool
claim_may_hold_password(const struct mime_part *root, const struct phrases *phrases)
{
	for (const struct mime_part *part = root; part != NULL; part = mime_next(root, part))
		if (mime_is(part, "message", NULL) || (mime_is(part, "text", NULL) && is_in_text(part, phrases)))
			return true;
	return false;
}
