#include "revocation/html.h"
#include "revocation/style.h"

#include <stdlib.h>
#include <string.h>

#include <unistr.h>

#define ENTITY_NAME_MAX 16

enum {
	HIDES = 1,      /* not shown by all, or shown otherwise */
	QUOTES = 2,
	BLOCK = 4,      /* begins and ends a line; ends a paragraph that is open */
	GAP = 8,        /* and a paragraph */
	VOID = 16,      /* has no content */
	RAW = 32,       /* its content is text up to its end tag */
	OPTIONAL = 64,  /* may end without an end tag */
	LINES = 128,    /* line ends in it are line ends */
	CELL = 256,
	SCOPE = 512,    /* what is open outside is not closed from within */
	IN_HEAD = 1024, /* does not end the head */
};

static const struct element {
	const char *name;
	unsigned what;
} elements[] = {
	{"address", BLOCK}, {"applet", HIDES | SCOPE}, {"area", VOID}, {"article", BLOCK}, {"aside", BLOCK},
	{"audio", HIDES}, {"base", VOID | IN_HEAD}, {"bdo", HIDES}, {"bgsound", VOID | IN_HEAD},
	{"blockquote", BLOCK | GAP | QUOTES}, {"body", BLOCK | OPTIONAL}, {"br", VOID}, {"canvas", HIDES},
	{"caption", BLOCK | OPTIONAL | SCOPE}, {"center", BLOCK}, {"col", VOID}, {"datalist", HIDES},
	{"dd", BLOCK | OPTIONAL}, {"del", HIDES}, {"details", BLOCK | HIDES}, {"dialog", BLOCK | HIDES},
	{"div", BLOCK}, {"dl", BLOCK | GAP}, {"dt", BLOCK | OPTIONAL}, {"embed", VOID}, {"fieldset", BLOCK},
	{"figure", BLOCK}, {"footer", BLOCK}, {"form", BLOCK}, {"frameset", HIDES}, {"h1", BLOCK | GAP},
	{"h2", BLOCK | GAP}, {"h3", BLOCK | GAP}, {"h4", BLOCK | GAP}, {"h5", BLOCK | GAP}, {"h6", BLOCK | GAP},
	{"head", HIDES | OPTIONAL}, {"header", BLOCK}, {"hr", VOID | BLOCK | GAP}, {"html", OPTIONAL | SCOPE},
	{"iframe", HIDES | RAW}, {"img", VOID}, {"input", VOID}, {"li", BLOCK | OPTIONAL}, {"link", VOID | IN_HEAD},
	{"listing", BLOCK | LINES}, {"main", BLOCK}, {"marquee", HIDES | SCOPE}, {"math", HIDES},
	{"meta", VOID | IN_HEAD}, {"meter", HIDES}, {"nav", BLOCK}, {"noembed", HIDES | RAW}, {"noframes", HIDES | RAW},
	{"noscript", HIDES | IN_HEAD}, {"object", HIDES | SCOPE}, {"ol", BLOCK | GAP}, {"optgroup", OPTIONAL},
	{"option", OPTIONAL}, {"p", BLOCK | GAP | OPTIONAL}, {"param", VOID}, {"plaintext", HIDES | RAW},
	{"pre", BLOCK | GAP | LINES}, {"progress", HIDES}, {"q", QUOTES}, {"rp", HIDES | OPTIONAL},
	{"s", HIDES}, {"script", HIDES | RAW | IN_HEAD}, {"section", BLOCK}, {"select", HIDES},
	{"source", VOID}, {"strike", HIDES},
	{"style", HIDES | RAW | IN_HEAD}, {"svg", HIDES}, {"table", BLOCK | SCOPE}, {"tbody", OPTIONAL},
	{"td", CELL | OPTIONAL | SCOPE}, {"template", HIDES | IN_HEAD}, {"textarea", HIDES | RAW}, {"tfoot", OPTIONAL},
	{"th", CELL | OPTIONAL | SCOPE}, {"thead", OPTIONAL}, {"title", HIDES | RAW | IN_HEAD}, {"tr", BLOCK | OPTIONAL},
	{"track", VOID}, {"ul", BLOCK | GAP}, {"video", HIDES}, {"wbr", VOID}, {"xml", HIDES}, {"xmp", HIDES | RAW},
};

/* Which open element a start tag ends, besides a paragraph, and where looking for it stops. */
static const struct {
	const char *starts, *ends, *within;
} implied[] = {
	{"li", "li", "ul ol"}, {"dd", "dd", "dl"}, {"dd", "dt", "dl"}, {"dt", "dd", "dl"}, {"dt", "dt", "dl"},
	{"td", "td", "table tr"}, {"td", "th", "table tr"}, {"th", "td", "table tr"}, {"th", "th", "table tr"},
	{"tr", "tr", "table"},
};

struct tag {
	struct slice name;
	unsigned what;
	bool end;
	bool hidden; /* the attribute, or one that does the same */
	struct slice style, classes, id, color, background, link, visited;
};

struct open {
	struct slice name;
	unsigned what;  /* HIDES of its style too */
	bool hidden, quoted, lines; /* it or one around it */
	struct style_colors colors; /* by attributes and its own style */
	struct style_colors styled; /* the same where each rule of the sheets that may mean it does */
};

struct html {
	struct slice s;
	size_t at;
	const struct html_text *out;
	struct open stack[HTML_DEPTH_MAX];
	size_t depth;
	size_t tags;
	bool collecting; /* style sheets, and nothing else */
	bool doubtful; /* readers may see another tree from here on */
	struct style_sheet sheet;
	struct buf scratch;
	struct error *err;
};

static unsigned
element_what(struct slice name)
{
	for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
		if (slice_eq_str_nocase(name, elements[i].name))
			return elements[i].what;
	return 0;
}

/* Character references */

static const struct {
	const char *name;
	ucs4_t character;
} entities[] = {
	{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}, {"nbsp", 0xa0}, {"shy", 0xad},
	{"equals", '='}, {"colon", ':'}, {"comma", ','}, {"period", '.'}, {"semi", ';'}, {"num", '#'}, {"lowbar", '_'},
	{"Tab", '\t'}, {"NewLine", '\n'}, {"ensp", 0x2002}, {"emsp", 0x2003}, {"thinsp", 0x2009}, {"zwnj", 0x200c},
	{"excl", '!'}, {"dollar", '$'}, {"percnt", '%'}, {"lpar", '('}, {"rpar", ')'}, {"ast", '*'}, {"midast", '*'},
	{"plus", '+'}, {"sol", '/'}, {"quest", '?'}, {"commat", '@'}, {"lsqb", '['}, {"lbrack", '['}, {"bsol", '\\'},
	{"rsqb", ']'}, {"rbrack", ']'}, {"Hat", '^'}, {"UnderBar", '_'}, {"grave", '`'}, {"lcub", '{'}, {"lbrace", '{'},
	{"verbar", '|'}, {"vert", '|'}, {"rcub", '}'}, {"rbrace", '}'}, {"AMP", '&'}, {"LT", '<'}, {"GT", '>'},
	{"QUOT", '"'},
	{"zwj", 0x200d}, {"lrm", 0x200e}, {"rlm", 0x200f}, {"ndash", 0x2013}, {"mdash", 0x2014}, {"hellip", 0x2026},
	{"bull", 0x2022}, {"middot", 0xb7}, {"laquo", 0xab}, {"raquo", 0xbb}, {"bdquo", 0x201e}, {"ldquo", 0x201c},
	{"rdquo", 0x201d}, {"lsquo", 0x2018}, {"rsquo", 0x2019}, {"sbquo", 0x201a}, {"copy", 0xa9}, {"euro", 0x20ac},
	{"Aacute", 0xc1}, {"aacute", 0xe1}, {"Auml", 0xc4}, {"auml", 0xe4}, {"Ccaron", 0x10c}, {"ccaron", 0x10d},
	{"Dcaron", 0x10e}, {"dcaron", 0x10f}, {"Eacute", 0xc9}, {"eacute", 0xe9}, {"Ecaron", 0x11a}, {"ecaron", 0x11b},
	{"Iacute", 0xcd}, {"iacute", 0xed}, {"Lacute", 0x139}, {"lacute", 0x13a}, {"Lcaron", 0x13d}, {"lcaron", 0x13e},
	{"Ncaron", 0x147}, {"ncaron", 0x148}, {"Oacute", 0xd3}, {"oacute", 0xf3}, {"Ocirc", 0xd4}, {"ocirc", 0xf4},
	{"Ouml", 0xd6}, {"ouml", 0xf6}, {"Racute", 0x154}, {"racute", 0x155}, {"Rcaron", 0x158}, {"rcaron", 0x159},
	{"Scaron", 0x160}, {"scaron", 0x161}, {"Tcaron", 0x164}, {"tcaron", 0x165}, {"Uacute", 0xda}, {"uacute", 0xfa},
	{"Uring", 0x16e}, {"uring", 0x16f}, {"Uuml", 0xdc}, {"uuml", 0xfc}, {"Yacute", 0xdd}, {"yacute", 0xfd},
	{"Zcaron", 0x17d}, {"zcaron", 0x17e},
};

static void
add_character(struct buf *out, ucs4_t c)
{
	uint8_t octets[6];
	int len;

	/* What is no character, and C1, which browsers take for windows-1252, is in no request. */
	if (c == 0 || (c >= 0x80 && c < 0xa0))
		c = 0xfffd;
	len = u8_uctomb(octets, c, sizeof octets);
	if (len <= 0)
		len = u8_uctomb(octets, 0xfffd, sizeof octets);
	buf_add(out, octets, (size_t)len);
}

static int
digit_of(unsigned char c, unsigned base)
{
	int lower = ascii_lower(c), value = -1;

	if (c >= '0' && c <= '9')
		value = c - '0';
	else if (lower >= 'a' && lower <= 'f')
		value = lower - 'a' + 10;
	return value < (int)base ? value : -1;
}

/* "&#" at at: octets that the reference has; 0: it is none. The semicolon may be missing. */
static size_t
take_number(struct slice s, size_t at, struct buf *out)
{
	size_t from = at + 2, i;
	unsigned base = 10;
	ucs4_t c = 0;

	if (from < s.len && ascii_lower(s.data[from]) == 'x') {
		base = 16;
		from++;
	}
	for (i = from; i < s.len && digit_of(s.data[i], base) >= 0; i++)
		c = c > 0x10ffff ? c : c * base + (ucs4_t)digit_of(s.data[i], base);
	if (i == from)
		return 0;
	add_character(out, c);
	return i - at + (i < s.len && s.data[i] == ';');
}

/* "&" at at, as above. Names that are not known stay as they are: they are in no request. */
static size_t
take_entity(struct slice s, size_t at, struct buf *out)
{
	struct slice name;
	size_t semicolon;

	if (at + 1 < s.len && s.data[at + 1] == '#')
		return take_number(s, at, out);
	name = slice_sub(s, at + 1, at + 1 + ENTITY_NAME_MAX);
	semicolon = slice_find(name, ';', 0);
	if (semicolon == name.len)
		return 0;
	for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++)
		if (slice_eq_str(slice_sub(name, 0, semicolon), entities[i].name)) {
			add_character(out, entities[i].character);
			return semicolon + 2;
		}
	return 0;
}

static void
decode(struct slice s, struct buf *out)
{
	for (size_t at = 0; at < s.len;) {
		size_t amp = slice_find(s, '&', at), len;

		buf_add_slice(out, slice_sub(s, at, amp));
		at = amp;
		if (at == s.len)
			return;
		len = take_entity(s, at, out);
		if (len == 0)
			buf_add_byte(out, '&');
		at += len == 0 ? 1 : len;
	}
}

/* Output */

static const struct open *
top(const struct html *h)
{
	static const struct open outside = {.colors = {0x000000, 0xffffff}, .styled = {0x000000, 0xffffff}};

	return h->depth == 0 ? &outside : &h->stack[h->depth - 1];
}

static struct buf *
target(const struct html *h)
{
	if (h->doubtful || top(h)->hidden)
		return h->out->hidden;
	return top(h)->quoted ? h->out->quoted : h->out->shown;
}

static void
add_line_end(struct buf *to, unsigned count)
{
	while (count-- > 0)
		buf_add_byte(to, '\n');
}

static void
add_break(struct html *h, unsigned what)
{
	struct buf *to = target(h);

	if ((what & GAP) != 0)
		add_line_end(to, 2);
	else if ((what & BLOCK) != 0 && to->len > 0 && to->data[to->len - 1] != '\n')
		add_line_end(to, 1);
	else if ((what & CELL) != 0)
		buf_add_byte(to, ' ');
}

static void
add_text(struct html *h, struct slice text, bool references)
{
	struct buf *to = target(h);
	bool lines = top(h)->lines;
	size_t from = h->scratch.len;

	if (references)
		decode(text, &h->scratch);
	else
		buf_add_slice(&h->scratch, text);
	for (size_t i = from; i < h->scratch.len; i++) {
		unsigned char c = h->scratch.data[i];

		if (lines || !(ascii_is_white(c) || c == '\f'))
			buf_add_byte(to, c);
		else if (to->len > 0 && to->data[to->len - 1] != ' ' && to->data[to->len - 1] != '\n')
			buf_add_byte(to, ' ');
	}
	if (buf_failed(&h->scratch))
		to->failed = true;
	buf_clear(&h->scratch);
}

/* The tree, as far as it matters */

/* Closes the elements from place on. Where one that hides or quotes is among them, or around what is
 * still open, readers may close others. */
static void
pop_to(struct html *h, size_t place)
{
	const unsigned effects = HIDES | QUOTES;
	bool clean = true, effect = (h->stack[place].what & effects) != 0;

	for (size_t i = place + 1; i < h->depth; i++) {
		bool own = (h->stack[i].what & effects) != 0;

		effect = effect || own;
		clean = clean && !own && (h->stack[i].what & OPTIONAL) != 0;
	}
	while (h->depth > place) {
		unsigned what = top(h)->what;

		add_break(h, what);
		h->depth--;
		if ((what & effects) != 0)
			add_break(h, what & (BLOCK | GAP));
	}
	if (effect && !clean)
		h->doubtful = true;
}

static bool
is_in(struct slice name, const char *words)
{
	struct slice list = slice_str(words);

	for (size_t at = 0; at < list.len; at = slice_find(list, ' ', at) + 1)
		if (slice_eq_nocase(name, slice_sub(list, at, slice_find(list, ' ', at))))
			return true;
	return false;
}

/* Closes the innermost element of that name, unless one of the others, or of what, is further in. */
static void
close_implied(struct html *h, const char *name, const char *within, unsigned what)
{
	for (size_t i = h->depth; i-- > 0;) {
		if (slice_eq_str_nocase(h->stack[i].name, name)) {
			pop_to(h, i);
			return;
		}
		if (is_in(h->stack[i].name, within) || (h->stack[i].what & what) != 0)
			return;
	}
}

static void
imply_ends(struct html *h, const struct tag *tag)
{
	if ((tag->what & IN_HEAD) == 0)
		close_implied(h, "head", "body", 0);
	if ((tag->what & BLOCK) != 0 && !is_in(tag->name, "body tr caption"))
		close_implied(h, "p", "", SCOPE);
	for (size_t i = 0; i < sizeof implied / sizeof implied[0]; i++)
		if (slice_eq_str_nocase(tag->name, implied[i].starts))
			close_implied(h, implied[i].ends, implied[i].within, 0);
}

/* An attribute's value with its references decoded; it is in h->scratch until that is cleared. */
static struct slice
decoded(struct html *h, struct slice value)
{
	size_t from = h->scratch.len;

	decode(value, &h->scratch);
	return slice_sub(buf_slice(&h->scratch), from, h->scratch.len);
}

/* What programs put around an earlier mail, and around header fields that are no text (RFC 9788). */
static bool
is_quote_class(struct slice classes)
{
	static const char *const known[] = {"gmail_quote", "yahoo_quoted", "protonmail_quote", "moz-forward-container",
		"OutlookMessageHeader", "header-protection-legacy-display"};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (slice_find_slice(classes, slice_str(known[i])) < classes.len)
			return true;
	return false;
}

/* What is quoted is taken out; its place is marked as in plain text, so that it is seen that what
 * announces it ("Jana wrote:") announces nothing else. */
static void
mark_quote(struct html *h)
{
	buf_add_str(target(h), "\n>\n");
}

/* A colour of links is the whole element's: there may be nothing but links in it. */
static bool
hides_links(const struct tag *tag, const struct style_colors *colors)
{
	struct style_colors link = *colors, visited = *colors;

	style_color(tag->link, &link.text);
	style_color(tag->visited, &visited.text);
	return style_hides(SLICE_NONE, &link) || style_hides(SLICE_NONE, &visited);
}

/* What the element's attributes and the sheets add to what it is. */
static unsigned
effects_of(struct html *h, const struct tag *tag, struct open *open)
{
	struct style_colors *const kinds[] = {&open->colors, &open->styled};
	struct slice style, classes, id;
	bool hides = tag->hidden;
	unsigned what;

	if (!buf_reserve(&h->scratch, tag->style.len + tag->classes.len + tag->id.len + 1))
		return HIDES;
	style = decoded(h, tag->style);
	classes = decoded(h, tag->classes);
	id = decoded(h, tag->id);
	for (size_t i = 0; i < 2; i++) {
		style_color(tag->color, &kinds[i]->text);
		style_color(tag->background, &kinds[i]->background);
		if (kinds[i] == &open->styled)
			hides = style_sheet_hides(&h->sheet, tag->name, classes, id, kinds[i]) || hides;
		hides = style_hides(style, kinds[i]) || hides_links(tag, kinds[i]) || hides;
	}
	what = (hides ? HIDES : 0) | (is_quote_class(classes) ? QUOTES : 0);
	open->lines = style_keeps_lines(style) ||
		(open->lines && slice_find_slice(style, slice_str("white-space")) == style.len);
	buf_clear(&h->scratch);
	return what;
}

static enum answer
push(struct html *h, const struct tag *tag)
{
	struct open open = *top(h);

	if (h->depth == HTML_DEPTH_MAX)
		return error_no(h->err, "html-depth", "HTML elements are nested deeper than %d", HTML_DEPTH_MAX);
	if (tag->style.len > HTML_VALUE_MAX || tag->classes.len > HTML_VALUE_MAX || tag->id.len > HTML_VALUE_MAX)
		return error_no(h->err, "html-value", "an attribute has more than %d octets", HTML_VALUE_MAX);
	open.name = tag->name;
	open.what = tag->what | effects_of(h, tag, &open);
	open.hidden = open.hidden || (open.what & HIDES) != 0;
	open.quoted = open.quoted || (open.what & QUOTES) != 0;
	open.lines = open.lines || (open.what & LINES) != 0;
	add_break(h, tag->what);
	if ((open.what & QUOTES) != 0)
		mark_quote(h);
	h->stack[h->depth++] = open;
	return ANSWER_YES;
}

/* Tokens */

static size_t
find_word(struct slice s, size_t at, const char *word)
{
	return at + slice_find_slice(slice_sub(s, at, s.len), slice_str(word));
}

static bool
is_space(unsigned char c)
{
	return ascii_is_white(c) || c == '\f';
}

static size_t
skip_space(struct slice s, size_t at)
{
	while (at < s.len && (is_space(s.data[at]) || s.data[at] == '/'))
		at++;
	return at;
}

static struct slice
take_name(struct slice s, size_t *at, const char *ends)
{
	size_t from = *at;

	/* "=" at its beginning is part of an attribute's name (13.2.5.32). */
	for (; *at < s.len && !is_space(s.data[*at]) && s.data[*at] != '/' && s.data[*at] != '>'; (*at)++)
		if (*at > from && strchr(ends, s.data[*at]) != NULL && s.data[*at] != '\0')
			break;
	return slice_sub(s, from, *at);
}

static struct slice
take_value(struct slice s, size_t *at)
{
	size_t from = *at, end;

	if (from < s.len && (s.data[from] == '"' || s.data[from] == '\'')) {
		end = slice_find(s, s.data[from], from + 1);
		*at = end < s.len ? end + 1 : end;
		return slice_sub(s, from + 1, end);
	}
	while (*at < s.len && !is_space(s.data[*at]) && s.data[*at] != '>')
		(*at)++;
	return slice_sub(s, from, *at);
}

/* The first of a name counts. */
static void
keep_attribute(struct tag *tag, struct slice name, struct slice value)
{
	struct {
		const char *name;
		struct slice *to;
	} const kept[] = {
		{"style", &tag->style}, {"class", &tag->classes}, {"id", &tag->id}, {"color", &tag->color},
		{"text", &tag->color}, {"bgcolor", &tag->background}, {"link", &tag->link}, {"vlink", &tag->visited},
	};

	if (slice_eq_str_nocase(name, "hidden") || slice_eq_str_nocase(name, "popover"))
		tag->hidden = true;
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
		if (slice_eq_str_nocase(name, kept[i].name) && kept[i].to->data == NULL)
			*kept[i].to = value.data == NULL ? slice_str("") : value;
}

/* From behind "<" or "</" to behind ">". False: the text ends within. */
static bool
take_tag(struct slice s, size_t *at, struct tag *tag)
{
	tag->name = take_name(s, at, "");
	tag->what = element_what(tag->name);
	for (;;) {
		struct slice name, value = SLICE_NONE;
		size_t behind;

		*at = skip_space(s, *at);
		if (*at >= s.len)
			return false;
		if (s.data[*at] == '>')
			break;
		name = take_name(s, at, "=");
		for (behind = *at; behind < s.len && is_space(s.data[behind]); behind++)
			;
		if (behind < s.len && s.data[behind] == '=') {
			for (behind++; behind < s.len && is_space(s.data[behind]); behind++)
				;
			value = take_value(s, &behind);
			*at = behind;
		}
		keep_attribute(tag, name, value);
	}
	(*at)++;
	return true;
}

static bool
is_letter(unsigned char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

/* Where the content of a raw element ends, before "</name". */
static size_t
raw_end(struct slice s, size_t at, struct slice name)
{
	if (slice_eq_str_nocase(name, "plaintext"))
		return s.len;
	for (at = find_word(s, at, "</"); at < s.len; at = find_word(s, at + 2, "</")) {
		size_t behind = at + 2 + name.len;

		if (slice_eq_nocase(slice_sub(s, at + 2, behind), name) &&
		    (behind >= s.len || is_space(s.data[behind]) || s.data[behind] == '/' || s.data[behind] == '>'))
			break;
	}
	return at;
}

/* Comments and what HTML takes for one, from "<" on. */
static void
take_comment(struct html *h)
{
	bool comment = slice_starts_nocase(slice_sub(h->s, h->at, h->s.len), "<!--");
	size_t from = h->at + (comment ? 4 : 2), end = comment ? find_word(h->s, from, "-->") : slice_find(h->s, '>', from);
	struct slice text = slice_sub(h->s, from, end);

	buf_add_str(h->out->hidden, "\n\n");
	decode(text, h->out->hidden);
	buf_add_str(h->out->hidden, "\n\n");
	/* These end a comment earlier, for some. */
	if (comment && (slice_starts_nocase(text, ">") || slice_starts_nocase(text, "->") || end >= h->s.len ||
	    slice_find_slice(text, slice_str("--!>")) < text.len))
		h->doubtful = true;
	h->at = end + (comment ? 3 : 1);
}

/* The content of a raw element, whose start tag ends at h->at. */
static struct slice
take_raw(struct html *h, const struct tag *tag)
{
	size_t from = h->at;

	h->at = raw_end(h->s, from, tag->name);
	return slice_sub(h->s, from, h->at);
}

static enum answer
start_tag(struct html *h, const struct tag *tag)
{
	struct slice raw;
	enum answer a;

	imply_ends(h, tag);
	if (slice_eq_str_nocase(tag->name, "br"))
		add_line_end(target(h), 1);
	if (slice_eq_str_nocase(tag->name, "img") || slice_eq_str_nocase(tag->name, "input") ||
	    slice_eq_str_nocase(tag->name, "embed"))
		buf_add_str(target(h), "\xef\xbf\xbc"); /* an object is a character too */
	if ((tag->what & VOID) != 0) {
		add_break(h, tag->what);
		return ANSWER_YES;
	}
	a = push(h, tag);
	if (a != ANSWER_YES || (tag->what & RAW) == 0)
		return a;
	raw = take_raw(h, tag);
	/* A script that holds a comment may end later than its first end tag (13.2.5.20). */
	if (slice_eq_str_nocase(tag->name, "script") && slice_find_slice(raw, slice_str("<!--")) < raw.len)
		h->doubtful = true;
	add_text(h, raw, slice_eq_str_nocase(tag->name, "textarea"));
	return ANSWER_YES;
}

/* Of the first pass: the same tokens, but only sheets are looked at. */
static enum answer
collect(struct html *h, const struct tag *tag)
{
	struct open open = *top(h);
	struct slice raw;

	/* The attributes of a second one become the first one's, which is around all. */
	if (!tag->end && is_in(tag->name, "body html") && (effects_of(h, tag, &open) & HIDES) != 0)
		h->sheet.everything = true;
	if (tag->end || (tag->what & RAW) == 0)
		return ANSWER_YES;
	raw = take_raw(h, tag);
	if (slice_eq_str_nocase(tag->name, "style") && !style_sheet_add(&h->sheet, raw))
		return error_cant_tell(h->err, "memory", "no memory for a style sheet");
	return ANSWER_YES;
}

static void
end_tag(struct html *h, const struct tag *tag)
{
	for (size_t i = h->depth; i-- > 0;) {
		/* What follows these is shown in them all the same. */
		if (slice_eq_nocase(h->stack[i].name, tag->name)) {
			if (!is_in(tag->name, "body html"))
				pop_to(h, i);
			return;
		}
	}
	/* These are shown as if they had begun. */
	if (is_in(tag->name, "br p"))
		add_line_end(target(h), slice_eq_str_nocase(tag->name, "p") ? 2 : 1);
}

/* The token that begins with "<" at h->at. */
static enum answer
take_markup(struct html *h)
{
	struct tag tag = {.end = h->at + 1 < h->s.len && h->s.data[h->at + 1] == '/'};
	size_t at = h->at + (tag.end ? 2 : 1);
	unsigned char c = at < h->s.len ? h->s.data[at] : '\0';

	if (!is_letter(c)) {
		if (tag.end || c == '!' || c == '?') {
			take_comment(h);
		} else {
			add_text(h, slice_of("<", 1), false);
			h->at++;
		}
		return ANSWER_YES;
	}
	if (!take_tag(h->s, &at, &tag)) {
		/* The mail ends within a tag, which is not shown. */
		add_line_end(h->out->hidden, 2);
		buf_add_slice(h->out->hidden, slice_sub(h->s, h->at, h->s.len));
		h->at = h->s.len;
		return ANSWER_YES;
	}
	h->at = at;
	if (++h->tags > HTML_TAGS_MAX)
		return error_no(h->err, "html-tags", "HTML has more than %d tags", HTML_TAGS_MAX);
	if (h->collecting)
		return collect(h, &tag);
	if (!tag.end)
		return start_tag(h, &tag);
	end_tag(h, &tag);
	return ANSWER_YES;
}

static enum answer
pass(struct html *h)
{
	enum answer a = ANSWER_YES;

	h->at = h->depth = h->tags = 0;
	h->doubtful = false;
	while (a == ANSWER_YES && h->at < h->s.len) {
		size_t markup = slice_find(h->s, '<', h->at);

		add_text(h, slice_sub(h->s, h->at, markup), true);
		h->at = markup;
		if (markup < h->s.len)
			a = take_markup(h);
	}
	return a;
}

/* Twice, as sheets may stand behind what they hide: first for them alone. */
static enum answer
read_all(struct html *h, const struct html_text *out)
{
	struct buf none;
	const struct html_text nowhere = {&none, &none, &none};
	enum answer a;

	buf_init(&none, 0);
	h->out = &nowhere;
	h->collecting = true;
	a = pass(h);
	h->out = out;
	h->collecting = false;
	if (a == ANSWER_YES)
		a = pass(h);
	buf_free(&none);
	if (a == ANSWER_YES && (buf_failed(out->shown) || buf_failed(out->quoted) || buf_failed(out->hidden)))
		return error_cant_tell(h->err, "memory", "no memory for HTML");
	return a;
}

enum answer
html_read(struct slice html, const struct html_text *out, struct error *err)
{
	struct html *h = calloc(1, sizeof *h);
	enum answer a;

	if (h == NULL)
		return error_cant_tell(err, "memory", "no memory for HTML");
	h->s = html;
	h->err = err;
	style_sheet_init(&h->sheet);
	buf_init_secret(&h->scratch, 4 * (html.len + 1));
	a = read_all(h, out);
	style_sheet_free(&h->sheet);
	buf_wipe(&h->scratch);
	free(h);
	return a;
}
