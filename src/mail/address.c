#include "mail/address.h"

#include "base/utf8.h"

#include <idn2.h>
#include <stdlib.h>
#include <string.h>

/* RFC 5321 4.5.3.1.1 gives the local part 64 octets and asks not to insist: return
 * addresses with another address inside pass that every day. */
#define LOCAL_MAX 256
#define LABEL_MAX 63   /* RFC 1035 2.3.4 */

struct reader {
	struct slice s;
	size_t at;
	bool nested; /* there was a comment in a comment */
};

static bool
is_digit_or_letter(unsigned char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

/* RFC 5322 3.2.3, with UTF-8 (RFC 6532 3.2) */
static bool
is_atext(unsigned char c)
{
	return c >= 0x80 || is_digit_or_letter(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* C1 control characters are valid UTF-8 and belong into no address. */
static bool
has_c1(struct slice s)
{
	for (size_t i = 0; i + 1 < s.len; i++)
		if (s.data[i] == 0xc2 && s.data[i + 1] < 0xa0)
			return true;
	return false;
}

static bool
is_address_text(struct slice s)
{
	return utf8_is_valid(s) && !has_c1(s);
}

static bool
peek(const struct reader *r, unsigned char c)
{
	return r->at < r->s.len && r->s.data[r->at] == c;
}

static bool
take(struct reader *r, unsigned char c)
{
	if (!peek(r, c))
		return false;
	r->at++;
	return true;
}

/* dot-atom-text: atoms with single dots between them */
static bool
take_dot_atom(struct reader *r, struct slice *text)
{
	size_t from = r->at;

	do {
		size_t atom = r->at;

		while (r->at < r->s.len && is_atext(r->s.data[r->at]))
			r->at++;
		if (r->at == atom)
			return false;
	} while (take(r, '.'));
	*text = slice_sub(r->s, from, r->at);
	return true;
}

/* With its quotes. Control characters, folds too, are refused (RFC 5322 3.2.4, the
 * obsolete forms aside). */
static bool
take_quoted(struct reader *r, struct slice *text)
{
	size_t from = r->at;

	if (!take(r, '"'))
		return false;
	while (r->at < r->s.len && !peek(r, '"')) {
		if (peek(r, '\\'))
			r->at++;
		if (r->at == r->s.len || r->s.data[r->at] < ' ' || r->s.data[r->at] == 0x7f)
			return false;
		r->at++;
	}
	if (!take(r, '"'))
		return false;
	*text = slice_sub(r->s, from, r->at);
	return true;
}

/* An address literal, with its brackets (RFC 5321 4.1.3). */
static bool
take_literal(struct reader *r, struct slice *text)
{
	size_t from = r->at;

	if (!take(r, '['))
		return false;
	while (r->at < r->s.len && (is_digit_or_letter(r->s.data[r->at]) || peek(r, '.') || peek(r, ':') ||
	    peek(r, '-')))
		r->at++;
	if (!take(r, ']') || r->at - from == 2)
		return false;
	*text = slice_sub(r->s, from, r->at);
	return true;
}

/* Host names as they are in mail: letters, digits, hyphens inside, underscores. */
static bool
domain_is_valid(struct slice domain)
{
	size_t from = 0;

	if (domain.len == 0 || domain.len > ADDRESS_DOMAIN_MAX)
		return false;
	if (domain.data[0] == '[')
		return true;
	for (;;) {
		size_t dot = slice_find(domain, '.', from);
		bool ascii = true;

		if (dot == from || domain.data[from] == '-' || domain.data[dot - 1] == '-')
			return false;
		for (size_t i = from; i < dot; i++) {
			unsigned char c = domain.data[i];

			if (c < 0x80 && !is_digit_or_letter(c) && c != '-' && c != '_')
				return false;
			ascii = ascii && c < 0x80;
		}
		if (ascii && dot - from > LABEL_MAX)
			return false;
		if (dot == domain.len)
			return true;
		from = dot + 1;
	}
}

bool
address_domain_labels(struct slice domain, char labels[ADDRESS_DOMAIN_MAX + 1])
{
	char text[ADDRESS_DOMAIN_MAX + 1];
	uint8_t *converted;
	size_t len = domain.len;

	if (len == 0 || len > ADDRESS_DOMAIN_MAX || memchr(domain.data, '\0', len) != NULL)
		return false;
	memcpy(text, domain.data, len);
	text[len] = '\0';
	if (!slice_is_ascii(domain)) {
		if (idn2_lookup_u8((const uint8_t *)text, &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
			return false;
		len = strlen((char *)converted);
		if (len <= ADDRESS_DOMAIN_MAX)
			memcpy(text, converted, len + 1);
		idn2_free(converted);
		/* Some characters become "@", "*" or "/" by it, or a label that is empty. */
		if (len > ADDRESS_DOMAIN_MAX || text[0] == '[' || !domain_is_valid(slice_of(text, len)))
			return false;
	}
	for (size_t i = 0; i <= len; i++)
		labels[i] = (char)ascii_lower((unsigned char)text[i]);
	return true;
}

static bool
address_is_valid(const struct address *a)
{
	char labels[ADDRESS_DOMAIN_MAX + 1];

	if (a->local.len > LOCAL_MAX || !is_address_text(a->local) || !is_address_text(a->domain) ||
	    !domain_is_valid(a->domain))
		return false;
	return slice_is_ascii(a->domain) || address_domain_labels(a->domain, labels);
}

static bool
take_local(struct reader *r, struct slice *local)
{
	return peek(r, '"') ? take_quoted(r, local) : take_dot_atom(r, local);
}

static bool
take_domain(struct reader *r, struct slice *domain)
{
	return peek(r, '[') ? take_literal(r, domain) : take_dot_atom(r, domain);
}

struct slice
address_strip_brackets(struct slice text)
{
	if (text.len >= 2 && text.data[0] == '<' && text.data[text.len - 1] == '>')
		return slice_of(text.data + 1, text.len - 2);
	return text;
}

bool
address_parse(struct slice text, struct address *a)
{
	struct reader r = {.s = address_strip_brackets(text)};
	struct address found;

	if (r.s.len > ADDRESS_LENGTH_MAX || !take_local(&r, &found.local) || !take(&r, '@') ||
	    !take_domain(&r, &found.domain) || r.at != r.s.len || !address_is_valid(&found))
		return false;
	*a = found;
	return true;
}

/* Comparing */

/* The local part's next character without quoting; false at its end. */
static bool
next_local(struct slice local, size_t *at, unsigned char *c)
{
	bool quoted = local.len > 0 && local.data[0] == '"';

	if (quoted && *at == 0)
		*at = 1;
	if (*at >= local.len - quoted)
		return false;
	if (quoted && local.data[*at] == '\\')
		(*at)++;
	*c = (unsigned char)ascii_lower(local.data[(*at)++]);
	return true;
}

static bool
local_equal(struct slice a, struct slice b)
{
	size_t at_a = 0, at_b = 0;
	unsigned char ca = 0, cb = 0;

	for (;;) {
		bool more_a = next_local(a, &at_a, &ca), more_b = next_local(b, &at_b, &cb);

		if (!more_a || !more_b)
			return more_a == more_b;
		if (ca != cb)
			return false;
	}
}

bool
address_domain_equal(struct slice a, struct slice b)
{
	char labels_a[ADDRESS_DOMAIN_MAX + 1], labels_b[ADDRESS_DOMAIN_MAX + 1];

	if (a.len == 0 || b.len == 0)
		return false;
	if (slice_is_ascii(a) && slice_is_ascii(b))
		return slice_eq_nocase(a, b);
	return address_domain_labels(a, labels_a) && address_domain_labels(b, labels_b) &&
	    strcmp(labels_a, labels_b) == 0;
}

bool
address_domain_matches(struct slice domain, struct slice pattern)
{
	char labels[ADDRESS_DOMAIN_MAX + 1], wanted[ADDRESS_DOMAIN_MAX + 1];
	size_t len, tail;

	if (pattern.len == 0 || pattern.data[0] != '.')
		return address_domain_equal(domain, pattern);
	if (!address_domain_labels(domain, labels) || !address_domain_labels(slice_sub(pattern, 1, pattern.len), wanted))
		return false;
	len = strlen(labels);
	tail = strlen(wanted);
	return len > tail + 1 && labels[len - tail - 1] == '.' && strcmp(labels + len - tail, wanted) == 0;
}

bool
address_equal(const struct address *a, const struct address *b)
{
	return local_equal(a->local, b->local) && address_domain_equal(a->domain, b->domain);
}

bool
address_equal_text(struct slice a, struct slice b)
{
	struct address first, second;

	return address_parse(a, &first) && address_parse(b, &second) && address_equal(&first, &second);
}

bool
address_may_be_sent_on(const struct address *a)
{
	return slice_find(a->local, '%', 0) < a->local.len || slice_find(a->local, '!', 0) < a->local.len ||
	    slice_find(a->local, '@', 0) < a->local.len;
}

static bool
needs_quotes(const unsigned char *text, size_t len)
{
	struct reader r = {.s = slice_of(text, len)};
	struct slice atom;

	return !take_dot_atom(&r, &atom) || r.at != len;
}

char *
address_key(struct slice text)
{
	unsigned char local[LOCAL_MAX], c;
	char labels[ADDRESS_DOMAIN_MAX + 1], *key, *to;
	struct address a;
	size_t len = 0, at = 0;
	bool quotes;

	if (!address_parse(text, &a) || !address_domain_labels(a.domain, labels))
		return NULL;
	while (len < sizeof local && next_local(a.local, &at, &c))
		local[len++] = c;
	quotes = needs_quotes(local, len);
	key = malloc(2 * len + strlen(labels) + sizeof "\"\"@");
	if (key == NULL)
		return NULL;
	to = key;
	if (quotes)
		*to++ = '"';
	for (size_t i = 0; i < len; i++) {
		if (quotes && (local[i] == '"' || local[i] == '\\'))
			*to++ = '\\';
		*to++ = (char)local[i];
	}
	if (quotes)
		*to++ = '"';
	*to++ = '@';
	strcpy(to, labels);
	return key;
}

/* Lists */

/* A fold: a line end with a blank behind it. A line end without one would begin
 * another field for some readers. */
static bool
take_fold(struct reader *r)
{
	size_t at = r->at;

	if (at < r->s.len && r->s.data[at] == '\r')
		at++;
	if (at + 1 >= r->s.len || r->s.data[at] != '\n' || (r->s.data[at + 1] != ' ' && r->s.data[at + 1] != '\t'))
		return false;
	r->at = at + 2;
	return true;
}

/* From behind "(" to behind its ")". Its text is not looked at, but for what would
 * end it for another reader. */
static bool
take_comment(struct reader *r)
{
	size_t depth = 1;

	while (r->at < r->s.len && depth > 0) {
		unsigned char c = r->s.data[r->at];

		if (c == '\r' || c == '\n') {
			if (!take_fold(r))
				return false;
			continue;
		}
		if (c == '\\')
			r->at++;
		else if (c == '(')
			depth++;
		else if (c == ')')
			depth--;
		if (r->at >= r->s.len || r->s.data[r->at] == '\0')
			return false;
		r->nested = r->nested || depth > 1;
		r->at++;
	}
	return depth == 0;
}

static bool
skip_cfws(struct reader *r)
{
	while (r->at < r->s.len) {
		if (take(r, ' ') || take(r, '\t') || take_fold(r))
			continue;
		if (!take(r, '('))
			break;
		if (!take_comment(r))
			return false;
	}
	return true;
}

/* A quoted string in a display name: folds may be in it. */
static bool
skip_quoted(struct reader *r)
{
	r->at++;
	while (r->at < r->s.len && !peek(r, '"')) {
		unsigned char c = r->s.data[r->at];

		if (c == '\r' || c == '\n') {
			if (!take_fold(r))
				return false;
			continue;
		}
		if (c == '\\')
			r->at++;
		if (r->at >= r->s.len || r->s.data[r->at] == '\0')
			return false;
		r->at++;
	}
	return take(r, '"');
}

/* Words of a display name, with the dots that people write there (RFC 5322 4.1). False:
 * there is no word, or what is there is none. */
static bool
skip_phrase(struct reader *r)
{
	size_t from = r->at;

	while (r->at < r->s.len) {
		if (peek(r, '"')) {
			if (!skip_quoted(r))
				return false;
		} else if (is_atext(r->s.data[r->at]) || peek(r, '.')) {
			r->at++;
		} else {
			size_t before = r->at;

			if (!skip_cfws(r))
				return false;
			if (r->at == before)
				break;
		}
	}
	return r->at > from;
}

static bool
add(struct address_list *list, const struct address *a)
{
	size_t n = list->count;

	if (n >= ADDRESS_LIST_MAX || a->local.len + a->domain.len >= ADDRESS_LENGTH_MAX || !address_is_valid(a))
		return false;
	if ((n & (n - 1)) == 0) { /* a power of two: as many as there is room for */
		struct address *item = realloc(list->item, (n == 0 ? 1 : 2 * n) * sizeof *item);

		if (item == NULL)
			return false;
		list->item = item;
	}
	list->item[list->count++] = *a;
	return true;
}

/* addr-spec with the comments and folds that RFC 5322 3.4.1 lets stand around it */
static bool
take_addr_spec(struct reader *r, struct address *a)
{
	return skip_cfws(r) && take_local(r, &a->local) && skip_cfws(r) && take(r, '@') && skip_cfws(r) &&
	    take_domain(r, &a->domain) && skip_cfws(r);
}

static bool
at_end_of_mailbox(const struct reader *r)
{
	return r->at == r->s.len || peek(r, ',') || peek(r, ';');
}

/* Reads a mailbox, or the name of a group: then *group is set and r is behind its colon. */
static bool
take_mailbox(struct reader *r, struct address_list *list, bool *group)
{
	struct reader start = *r;
	struct address a;

	*group = false;
	if (take_addr_spec(r, &a) && at_end_of_mailbox(r))
		return add(list, &a);
	*r = start;
	if (!peek(r, '<')) {
		if (!skip_phrase(r))
			return false;
		if (take(r, ':')) {
			*group = true;
			return true;
		}
	}
	return take(r, '<') && take_addr_spec(r, &a) && take(r, '>') && skip_cfws(r) && at_end_of_mailbox(r) &&
	    add(list, &a);
}

static bool
take_list(struct reader *r, struct address_list *list)
{
	bool in_group = false, group;

	for (;;) {
		if (!skip_cfws(r))
			return false;
		if (r->at == r->s.len)
			return !in_group;
		/* Empty elements (RFC 5322 4.4) say nothing, and hide nothing. */
		if (take(r, ','))
			continue;
		if (in_group && take(r, ';')) {
			in_group = false;
			if (!skip_cfws(r) || (r->at < r->s.len && !peek(r, ',')))
				return false;
			continue;
		}
		if (!take_mailbox(r, list, &group) || (group && in_group))
			return false;
		list->disputed = list->disputed || group;
		in_group = in_group || group;
		if (!group && peek(r, ';') && !in_group)
			return false;
	}
}

bool
address_list_parse(struct slice value, struct address_list *list)
{
	struct reader r = {.s = value};
	struct address_list found = {.item = NULL};

	if (!take_list(&r, &found)) {
		address_list_free(&found);
		return false;
	}
	found.disputed = found.disputed || r.nested;
	*list = found;
	return true;
}

void
address_list_free(struct address_list *list)
{
	if (list == NULL)
		return;
	free(list->item);
	*list = (struct address_list){.item = NULL};
}
