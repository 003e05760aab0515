#include "revocation/style.h"

#include <stdlib.h>
#include <string.h>

#define COLOR_OTHER 0x1000000u
#define COLOR_DISTANCE 40 /* of the channel that differs most */
#define NUMBER_DIGITS_MAX 9

/* Declarations */

enum test {
	TEST_BEGINS, /* with word */
	TEST_HAS,    /* word */
	TEST_SMALL,  /* a number not above limit */
	TEST_NEGATIVE, /* a number not above limit, anywhere in the value */
	TEST_TINY,   /* a size of letters that cannot be read, anywhere in the value */
	TEST_SET,    /* anything but none, normal, auto */
};

static const struct {
	const char *name;
	enum test test;
	const char *word;
	double limit;
} hiding[] = {
	{"display", TEST_BEGINS, "none", 0}, {"visibility", TEST_BEGINS, "hidden", 0},
	{"visibility", TEST_BEGINS, "collapse", 0}, {"content-visibility", TEST_BEGINS, "hidden", 0},
	{"mso-hide", TEST_BEGINS, "all", 0}, {"opacity", TEST_SMALL, NULL, 0.2}, {"zoom", TEST_SMALL, NULL, 0.2},
	{"font-size", TEST_TINY, NULL, 0}, {"font", TEST_TINY, NULL, 0}, {"line-height", TEST_SMALL, NULL, 0.2},
	{"height", TEST_SMALL, NULL, 1}, {"max-height", TEST_SMALL, NULL, 1}, {"width", TEST_SMALL, NULL, 1},
	{"max-width", TEST_SMALL, NULL, 1}, {"text-indent", TEST_NEGATIVE, NULL, -50},
	{"letter-spacing", TEST_NEGATIVE, NULL, -0.5}, {"word-spacing", TEST_NEGATIVE, NULL, -0.5},
	{"left", TEST_NEGATIVE, NULL, -50}, {"right", TEST_NEGATIVE, NULL, -50}, {"top", TEST_NEGATIVE, NULL, -50},
	{"bottom", TEST_NEGATIVE, NULL, -50}, {"margin", TEST_NEGATIVE, NULL, -50},
	{"margin-left", TEST_NEGATIVE, NULL, -50}, {"margin-right", TEST_NEGATIVE, NULL, -50},
	{"margin-top", TEST_NEGATIVE, NULL, -50}, {"margin-bottom", TEST_NEGATIVE, NULL, -50},
	{"inset", TEST_NEGATIVE, NULL, -50}, {"clip", TEST_SET, NULL, 0}, {"clip-path", TEST_SET, NULL, 0},
	{"transform", TEST_SET, NULL, 0}, {"translate", TEST_SET, NULL, 0}, {"scale", TEST_SET, NULL, 0},
	{"filter", TEST_SET, NULL, 0}, {"mask", TEST_SET, NULL, 0}, {"mask-image", TEST_SET, NULL, 0},
	{"-webkit-mask", TEST_SET, NULL, 0}, {"-webkit-mask-image", TEST_SET, NULL, 0},
	{"-webkit-text-fill-color", TEST_SET, NULL, 0}, {"-webkit-text-security", TEST_SET, NULL, 0},
	{"unicode-bidi", TEST_SET, NULL, 0}, {"content", TEST_SET, NULL, 0}, {"animation", TEST_SET, NULL, 0},
	{"text-decoration", TEST_HAS, "line-through", 0}, {"text-decoration-line", TEST_HAS, "line-through", 0},
};

static bool
has(struct slice s, const char *word)
{
	for (size_t i = 0; i < s.len; i++)
		if (slice_starts_nocase(slice_sub(s, i, s.len), word))
			return true;
	return false;
}

static bool
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

/* The number at the beginning of s, and its unit behind it. False: there is none. */
static bool
take_number(struct slice s, double *number, struct slice *unit)
{
	double sign = 1, scale = 1, n = 0;
	size_t at = 0, digits = 0;
	bool fraction = false;

	if (s.len > 0 && (s.data[0] == '-' || s.data[0] == '+'))
		sign = s.data[at++] == '-' ? -1 : 1;
	for (; at < s.len && (is_digit(s.data[at]) || (s.data[at] == '.' && !fraction)); at++) {
		if (s.data[at] == '.') {
			fraction = true;
		} else if (digits++ < NUMBER_DIGITS_MAX) {
			n = 10 * n + (s.data[at] - '0');
			scale *= fraction ? 10 : 1;
		} else if (!fraction) {
			n *= 10;
		}
	}
	*number = sign * n / scale;
	*unit = slice_sub(s, at, s.len);
	return digits > 0;
}

static struct slice
next_token(struct slice s, size_t *at)
{
	size_t from;

	while (*at < s.len && (ascii_is_white(s.data[*at]) || s.data[*at] == '/' || s.data[*at] == ','))
		(*at)++;
	for (from = *at; *at < s.len && !ascii_is_white(s.data[*at]) && s.data[*at] != '/' && s.data[*at] != ',';)
		(*at)++;
	return slice_sub(s, from, *at);
}

static bool
is_tiny(double number, struct slice unit)
{
	if (unit.len > 0 && unit.data[0] == '%')
		return number < 30;
	return number < (slice_starts_nocase(unit, "em") || slice_starts_nocase(unit, "rem") ? 0.3 : 3);
}

/* Is one of the value's numbers so that it hides? */
static bool
number_hides(enum test test, double limit, struct slice value)
{
	struct slice token, unit;
	size_t at = 0;
	double number;

	while ((token = next_token(value, &at)).len > 0) {
		if (!take_number(token, &number, &unit)) {
			if (test == TEST_SMALL)
				return false;
			continue;
		}
		if (test == TEST_TINY ? is_tiny(number, unit) : number <= limit)
			return true;
	}
	return false;
}

static bool
value_hides(size_t nth, struct slice value)
{
	switch (hiding[nth].test) {
	case TEST_BEGINS:
		return slice_starts_nocase(value, hiding[nth].word);
	case TEST_HAS:
		return has(value, hiding[nth].word);
	case TEST_SET:
		return !slice_starts_nocase(value, "none") && !slice_starts_nocase(value, "normal") &&
			!slice_starts_nocase(value, "auto");
	default:
		return number_hides(hiding[nth].test, hiding[nth].limit, value) || has(value, "calc(") ||
			has(value, "min(");
	}
}

/* The next declaration: "name: value". Semicolons within brackets and quotes are the value's. */
static void
next_declaration(struct slice s, size_t *at, struct slice *name, struct slice *value)
{
	size_t from = *at, colon, depth = 0;
	unsigned char quote = 0;

	for (; *at < s.len; (*at)++) {
		unsigned char c = s.data[*at];

		if (quote != 0)
			quote = c == quote ? 0 : quote;
		else if (c == '"' || c == '\'')
			quote = c;
		else if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (c == ';' && depth == 0)
			break;
	}
	s = slice_sub(s, from, *at);
	colon = slice_find(s, ':', 0);
	*name = slice_trim(slice_sub(s, 0, colon));
	*value = slice_trim(slice_sub(s, colon + 1, s.len));
	(*at)++;
}

/* Colours */

static const struct {
	const char *name;
	uint32_t color;
} colors_known[] = {
	{"white", 0xffffff}, {"window", 0xffffff}, {"black", 0}, {"windowtext", 0}, {"snow", 0xfffafa},
	{"ivory", 0xfffff0}, {"ghostwhite", 0xf8f8ff}, {"whitesmoke", 0xf5f5f5}, {"floralwhite", 0xfffaf0},
	{"azure", 0xf0ffff}, {"mintcream", 0xf5fffa}, {"aliceblue", 0xf0f8ff}, {"honeydew", 0xf0fff0},
	{"seashell", 0xfff5ee}, {"lavenderblush", 0xfff0f5}, {"oldlace", 0xfdf5e6}, {"linen", 0xfaf0e6},
	{"lightyellow", 0xffffe0}, {"lightcyan", 0xe0ffff}, {"gainsboro", 0xdcdcdc}, {"silver", 0xc0c0c0},
	{"gray", 0x808080}, {"grey", 0x808080}, {"red", 0xff0000}, {"green", 0x008000}, {"blue", 0x0000ff},
	{"navy", 0x000080}, {"yellow", 0xffff00}, {"maroon", 0x800000}, {"purple", 0x800080}, {"teal", 0x008080},
};

static bool
hex_color(struct slice s, uint32_t *color)
{
	size_t width = s.len == 3 || s.len == 4 ? 1 : 2;
	uint32_t c = 0;

	if (s.len != 3 && s.len != 4 && s.len != 6 && s.len != 8)
		return false;
	for (size_t i = 0; i < 3 * width; i++) {
		int digit = ascii_lower(s.data[i]);

		if (!is_digit((unsigned char)digit) && (digit < 'a' || digit > 'f'))
			return false;
		digit = digit <= '9' ? digit - '0' : digit - 'a' + 10;
		c = c << 4 | (uint32_t)digit;
		if (width == 1)
			c = c << 4 | (uint32_t)digit;
	}
	*color = c;
	return true;
}

/* "rgb(1, 2, 3)" and "rgba(...)"; where it is hardly opaque, alpha is below 1. */
static bool
rgb_color(struct slice s, uint32_t *color, double *alpha)
{
	struct slice unit, token;
	size_t at = 0;
	double n;

	if (!slice_starts_nocase(s, "rgb"))
		return false;
	s = slice_sub(s, slice_find(s, '(', 0) + 1, slice_find(s, ')', 0));
	*color = 0;
	for (unsigned i = 0; (token = next_token(s, &at)).len > 0 && take_number(token, &n, &unit); i++) {
		if (unit.len > 0 && unit.data[0] == '%')
			n = i < 3 ? n * 2.55 : n / 100;
		if (i < 3)
			*color = *color << 8 | (uint32_t)(n < 0 ? 0 : n > 255 ? 255 : n);
		else
			*alpha = n;
	}
	return true;
}

static uint32_t
other_color(struct slice s)
{
	uint32_t hash = 0;

	for (size_t i = 0; i < s.len; i++)
		hash = hash * 31 + (uint32_t)ascii_lower(s.data[i]);
	return COLOR_OTHER | hash;
}

/* False: it is transparent, or says nothing of a colour. */
static bool
read_color(struct slice s, uint32_t *color)
{
	double alpha = 1;

	if (s.len == 0 || slice_starts_nocase(s, "inherit") || slice_starts_nocase(s, "transparent"))
		return false;
	for (size_t i = 0; i < sizeof colors_known / sizeof colors_known[0]; i++)
		if (slice_eq_str_nocase(s, colors_known[i].name)) {
			*color = colors_known[i].color;
			return true;
		}
	if (hex_color(s.data[0] == '#' ? slice_sub(s, 1, s.len) : s, color))
		return true;
	if (!rgb_color(s, color, &alpha))
		*color = other_color(s);
	return alpha >= 0.2;
}

void
style_color(struct slice value, uint32_t *color)
{
	uint32_t read;

	if (read_color(slice_trim(value), &read))
		*color = read;
}

bool
style_is_unreadable(const struct style_colors *colors)
{
	if (colors->text >= COLOR_OTHER || colors->background >= COLOR_OTHER)
		return colors->text == colors->background;
	for (unsigned shift = 0; shift <= 16; shift += 8)
		if (abs((int)(colors->text >> shift & 0xff) - (int)(colors->background >> shift & 0xff)) > COLOR_DISTANCE)
			return false;
	return true;
}

/* The value without "!important". */
static struct slice
plain_value(struct slice value)
{
	return slice_trim(slice_sub(value, 0, slice_find(value, '!', 0)));
}

/* In the shorthand the colour stands first where programs write it. */
static void
background_color(struct slice value, uint32_t *color)
{
	if (slice_starts_nocase(value, "url") || slice_starts_nocase(value, "none"))
		return;
	if (!slice_starts_nocase(value, "rgb"))
		value = slice_sub(value, 0, slice_find(value, ' ', 0));
	style_color(value, color);
}

static bool
declaration_hides(struct slice name, struct slice value, struct style_colors *colors)
{
	value = plain_value(value);
	for (size_t i = 0; i < sizeof hiding / sizeof hiding[0]; i++)
		if (slice_eq_str_nocase(name, hiding[i].name) && value_hides(i, value))
			return true;
	if (slice_eq_str_nocase(name, "color")) {
		uint32_t none = COLOR_OTHER;

		style_color(value, &colors->text);
		return !slice_starts_nocase(value, "inherit") && !read_color(value, &none);
	}
	if (slice_eq_str_nocase(name, "background-color"))
		style_color(value, &colors->background);
	if (slice_eq_str_nocase(name, "background"))
		background_color(value, &colors->background);
	return false;
}

bool
style_hides(struct slice s, struct style_colors *colors)
{
	struct slice name, value;
	bool hides = false;

	/* Escapes and comments may spell anything, variables may be anything. */
	if (slice_find(s, '\\', 0) < s.len || has(s, "/*") || has(s, "var(") || has(s, "expression("))
		hides = true;
	for (size_t at = 0; at < s.len;) {
		next_declaration(s, &at, &name, &value);
		hides = declaration_hides(name, value, colors) || hides;
	}
	return hides || style_is_unreadable(colors);
}

bool
style_keeps_lines(struct slice s)
{
	struct slice name, value;
	bool keeps = false;

	for (size_t at = 0; at < s.len;) {
		next_declaration(s, &at, &name, &value);
		if (slice_eq_str_nocase(name, "white-space"))
			keeps = slice_starts_nocase(value, "pre") || slice_starts_nocase(value, "break-spaces");
	}
	return keeps;
}

/* Sheets */

void
style_sheet_init(struct style_sheet *s)
{
	*s = (struct style_sheet){.count = 0};
	buf_init(&s->selectors, STYLE_SELECTOR_OCTETS_MAX);
}

void
style_sheet_free(struct style_sheet *s)
{
	buf_free(&s->selectors);
}

static void
strip_comments(struct slice s, struct buf *out)
{
	for (size_t at = 0; at < s.len;) {
		size_t begin = at + slice_find_slice(slice_sub(s, at, s.len), slice_str("/*")), end;

		buf_add_slice(out, slice_sub(s, at, begin));
		if (begin >= s.len)
			return;
		end = begin + 2 + slice_find_slice(slice_sub(s, begin + 2, s.len), slice_str("*/"));
		at = end + 2;
	}
}

static bool
is_name_octet(unsigned char c)
{
	return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '-' || c == '_' || c >= 0x80;
}

/* What a selector is about is its last compound; what stands before narrows it only. */
static void
add_selector(struct style_sheet *s, struct slice selector)
{
	size_t from, colon;

	selector = slice_trim(selector);
	for (from = selector.len; from > 0 && !ascii_is_white(selector.data[from - 1]) &&
	    memchr(">+~", selector.data[from - 1], 3) == NULL;)
		from--;
	selector = slice_sub(selector, from, selector.len);
	colon = slice_find(selector, ':', 0);
	selector = slice_sub(selector, 0, colon);
	if (selector.len > 0 && selector.data[0] == '*')
		selector = slice_sub(selector, 1, selector.len);
	for (size_t i = 0; i < selector.len; i++)
		if (!is_name_octet(selector.data[i]) && selector.data[i] != '.' && selector.data[i] != '#')
			s->everything = true;
	if (selector.len == 0 || s->count == STYLE_SELECTORS_MAX ||
	    s->selectors.len + selector.len + 1 > s->selectors.limit)
		s->everything = true;
	if (s->everything)
		return;
	s->count++;
	buf_add_slice(&s->selectors, selector);
	buf_add_byte(&s->selectors, '\n');
}

static void
add_rule(struct style_sheet *s, struct slice prelude, struct slice declarations)
{
	struct style_colors colors = STYLE_BLACK_ON_WHITE;

	prelude = slice_trim(prelude);
	if (prelude.len == 0 || prelude.data[0] == '@' || !style_hides(declarations, &colors))
		return;
	for (size_t at = 0; at <= prelude.len;) {
		size_t comma = slice_find(prelude, ',', at);

		add_selector(s, slice_sub(prelude, at, comma));
		at = comma + 1;
	}
}

/* Blocks within blocks (@media) are entered, whatever their condition is. */
static void
add_rules(struct style_sheet *s, struct slice text)
{
	size_t from = 0, open = text.len;

	for (size_t at = 0; at < text.len; at++) {
		if (text.data[at] == '{') {
			if (open < text.len)
				from = open + 1;
			open = at;
		} else if (text.data[at] == '}') {
			if (open < text.len)
				add_rule(s, slice_sub(text, from, open), slice_sub(text, open + 1, at));
			from = at + 1;
			open = text.len;
		} else if (text.data[at] == ';' && open == text.len) {
			from = at + 1; /* behind @import and its like */
		}
	}
	/* The end of the sheet closes what is open. */
	if (open < text.len)
		add_rule(s, slice_sub(text, from, open), slice_sub(text, open + 1, text.len));
}

bool
style_sheet_add(struct style_sheet *s, struct slice text)
{
	struct buf plain;
	bool ok;

	buf_init(&plain, text.len + 1);
	strip_comments(text, &plain);
	ok = !buf_failed(&plain);
	/* A sheet may hide itself in a comment of HTML. */
	for (size_t i = 0; i + 4 <= plain.len; i++)
		if (memcmp(plain.data + i, "<!--", 4) == 0)
			memset(plain.data + i, ' ', 4);
	add_rules(s, buf_slice(&plain));
	buf_free(&plain);
	return ok && !buf_failed(&s->selectors);
}

static bool
has_class(struct slice classes, struct slice name)
{
	size_t at = 0, from;

	while (at < classes.len) {
		for (; at < classes.len && ascii_is_white(classes.data[at]); at++)
			;
		for (from = at; at < classes.len && !ascii_is_white(classes.data[at]); at++)
			;
		if (slice_eq_nocase(slice_sub(classes, from, at), name) && name.len > 0)
			return true;
	}
	return false;
}

static bool
matches(struct slice selector, struct slice tag, struct slice classes, struct slice id)
{
	size_t at = 0;

	while (at < selector.len) {
		unsigned char kind = selector.data[at] == '.' || selector.data[at] == '#' ? selector.data[at] : ' ';
		size_t from = kind == ' ' ? at : at + 1;
		struct slice name;

		for (at = from; at < selector.len && is_name_octet(selector.data[at]); at++)
			;
		name = slice_sub(selector, from, at);
		if (kind == ' ' && !slice_eq_nocase(name, tag))
			return false;
		if (kind == '.' && !has_class(classes, name))
			return false;
		if (kind == '#' && !slice_eq_nocase(name, slice_trim(id)))
			return false;
	}
	return true;
}

bool
style_sheet_hides(const struct style_sheet *s, struct slice tag, struct slice classes, struct slice id)
{
	struct slice all = buf_slice(&s->selectors);

	if (s->everything)
		return true;
	for (size_t at = 0; at < all.len; at = slice_find(all, '\n', at) + 1)
		if (matches(slice_sub(all, at, slice_find(all, '\n', at)), tag, classes, id))
			return true;
	return false;
}
