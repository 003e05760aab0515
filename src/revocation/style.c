#include "revocation/style.h"

#include <stdlib.h>
#include <string.h>

#define COLOR_UNKNOWN 0x1000000u
#define COLOR_UNSET 0x2000000u
#define COLOR_DISTANCE 40 /* of the channel that differs most */
#define ALPHA_MIN 0.2
#define NUMBER_DIGITS_MAX 9
#define EXPONENT_MAX 30
#define FAR 1000        /* of any unit: out of sight */
#define LINE_PIXELS 8   /* lower, and no line of text can be read */
#define LINE_HEIGHT_MIN 0.2 /* of a line's own */

/* Declarations */

enum test {
	TEST_BEGINS, /* with word */
	TEST_HAS,    /* word */
	TEST_SMALL,  /* a number not above limit */
	TEST_SHORT,  /* a size in which no line has room */
	TEST_FAR,    /* a number not above limit or far above, anywhere in the value; of "name-..." too */
	TEST_TINY,   /* a size of letters that cannot be read, or such a line's behind "/" */
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
	{"font-size", TEST_TINY, NULL, 0}, {"font", TEST_TINY, NULL, 0}, {"font-size-adjust", TEST_SMALL, NULL, 0.2},
	{"line-height", TEST_SMALL, NULL, LINE_HEIGHT_MIN}, {"height", TEST_SHORT, NULL, 1}, {"max-height", TEST_SHORT, NULL, 1},
	{"width", TEST_SHORT, NULL, 1}, {"max-width", TEST_SHORT, NULL, 1}, {"block-size", TEST_SHORT, NULL, 1},
	{"max-block-size", TEST_SHORT, NULL, 1}, {"inline-size", TEST_SHORT, NULL, 1},
	{"max-inline-size", TEST_SHORT, NULL, 1}, {"text-indent", TEST_FAR, NULL, -50},
	{"letter-spacing", TEST_FAR, NULL, -0.5}, {"word-spacing", TEST_FAR, NULL, -0.5}, {"left", TEST_FAR, NULL, -50},
	{"right", TEST_FAR, NULL, -50}, {"top", TEST_FAR, NULL, -50}, {"bottom", TEST_FAR, NULL, -50},
	{"margin", TEST_FAR, NULL, -50}, {"inset", TEST_FAR, NULL, -50}, {"z-index", TEST_SMALL, NULL, -1},
	{"clip", TEST_SET, NULL, 0}, {"clip-path", TEST_SET, NULL, 0}, {"transform", TEST_SET, NULL, 0},
	{"translate", TEST_SET, NULL, 0}, {"scale", TEST_SET, NULL, 0}, {"rotate", TEST_SET, NULL, 0},
	{"offset", TEST_SET, NULL, 0}, {"offset-path", TEST_SET, NULL, 0}, {"filter", TEST_SET, NULL, 0},
	{"mix-blend-mode", TEST_SET, NULL, 0}, {"mask", TEST_SET, NULL, 0}, {"mask-image", TEST_SET, NULL, 0},
	{"text-fill-color", TEST_SET, NULL, 0}, {"text-security", TEST_SET, NULL, 0}, {"line-clamp", TEST_SET, NULL, 0},
	{"unicode-bidi", TEST_SET, NULL, 0}, {"content", TEST_SET, NULL, 0}, {"animation", TEST_SET, NULL, 0},
	{"animation-name", TEST_SET, NULL, 0}, {"order", TEST_SET, NULL, 0}, {"flex-direction", TEST_HAS, "reverse", 0},
	{"flex-flow", TEST_HAS, "reverse", 0}, {"text-decoration", TEST_HAS, "line-through", 0},
	{"text-decoration-line", TEST_HAS, "line-through", 0}, {"all", TEST_SET, NULL, 0},
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

/* "e-3" behind a number, at at; where it ends. "em" and "ex" are units. */
static size_t
take_exponent(struct slice s, size_t at, double *number)
{
	size_t from = at + 1;
	unsigned power = 0;
	bool negative;

	if (at >= s.len || ascii_lower(s.data[at]) != 'e')
		return at;
	negative = from < s.len && s.data[from] == '-';
	if (from < s.len && (s.data[from] == '-' || s.data[from] == '+'))
		from++;
	if (from >= s.len || !is_digit(s.data[from]))
		return at;
	for (; from < s.len && is_digit(s.data[from]); from++)
		power = power < EXPONENT_MAX ? 10 * power + (unsigned)(s.data[from] - '0') : power;
	for (power = power < EXPONENT_MAX ? power : EXPONENT_MAX; power > 0; power--)
		*number = negative ? *number / 10 : *number * 10;
	return from;
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
	if (digits > 0)
		at = take_exponent(s, at, number);
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

static bool
is_far(double number, double limit, struct slice unit)
{
	return number <= limit || number >= (unit.len > 0 && unit.data[0] == '%' ? 100 : FAR);
}

static bool
is_short(double number, double limit, struct slice unit)
{
	bool pixels = unit.len == 0 || slice_starts_nocase(unit, "px") || slice_starts_nocase(unit, "pt");

	return number < (pixels ? LINE_PIXELS : 0) || number <= limit;
}

static bool
number_hides(enum test test, double limit, double number, struct slice unit)
{
	switch (test) {
	case TEST_TINY:
		return is_tiny(number, unit);
	case TEST_FAR:
		return is_far(number, limit, unit);
	case TEST_SHORT:
		return is_short(number, limit, unit);
	default:
		return (unit.len > 0 && unit.data[0] == '%' ? number / 100 : number) <= limit;
	}
}

/* Is one of the value's numbers so that it hides? */
static bool
numbers_hide(enum test test, double limit, struct slice value)
{
	struct slice token, unit;
	size_t at = 0;
	double number;

	while ((token = next_token(value, &at)).len > 0) {
		if (take_number(token, &number, &unit) && number_hides(test, limit, number, unit))
			return true;
	}
	return false;
}

static bool
value_hides(size_t nth, struct slice value)
{
	/* Functions may come to anything. */
	bool computed = slice_find(value, '(', 0) < value.len;
	size_t slash = slice_find(value, '/', 0);

	switch (hiding[nth].test) {
	case TEST_BEGINS:
		return computed || slice_starts_nocase(value, hiding[nth].word);
	case TEST_HAS:
		return has(value, hiding[nth].word);
	case TEST_SET:
		return !slice_starts_nocase(value, "none") && !slice_starts_nocase(value, "normal") &&
			!slice_starts_nocase(value, "auto");
	case TEST_TINY:
		return computed || numbers_hide(TEST_TINY, 0, slice_sub(value, 0, slash)) ||
			numbers_hide(TEST_SMALL, LINE_HEIGHT_MIN, slice_sub(value, slash, value.len));
	default:
		return computed || numbers_hide(hiding[nth].test, hiding[nth].limit, value);
	}
}

/* "-webkit-transform" does what "transform" does. */
static struct slice
without_vendor(struct slice name)
{
	size_t dash = name.len > 0 && name.data[0] == '-' ? slice_find(name, '-', 1) : name.len;

	return dash < name.len ? slice_sub(name, dash + 1, name.len) : name;
}

static bool
is_about(size_t nth, struct slice name)
{
	size_t len = strlen(hiding[nth].name);

	if (slice_eq_str_nocase(name, hiding[nth].name))
		return true;
	return hiding[nth].test == TEST_FAR && slice_starts_nocase(name, hiding[nth].name) && name.data[len] == '-';
}

/* Behind "(" at at: an address without quotes ends at the next ")", whatever is in it. */
static size_t
skip_address(struct slice s, size_t at)
{
	size_t from = at + 1;

	if (at < 3 || !slice_starts_nocase(slice_sub(s, at - 3, s.len), "url"))
		return at;
	while (from < s.len && ascii_is_white(s.data[from]))
		from++;
	return from < s.len && s.data[from] != '"' && s.data[from] != '\'' ? slice_find(s, ')', from) : at;
}

/* The next declaration: "name: value". Semicolons within brackets and quotes are the value's; quotes
 * end with their line. */
static void
next_declaration(struct slice s, size_t *at, struct slice *name, struct slice *value)
{
	size_t from = *at, colon, depth = 0;
	unsigned char quote = 0;

	for (; *at < s.len; (*at)++) {
		unsigned char c = s.data[*at];

		if (quote != 0) {
			quote = c == quote || c == '\n' || c == '\r' || c == '\f' ? 0 : quote;
		} else if (c == '"' || c == '\'') {
			quote = c;
		} else if (c == '(') {
			size_t end = skip_address(s, *at);

			depth += end == *at;
			*at = end;
		} else if (c == ')' && depth > 0) {
			depth--;
		} else if (c == ';' && depth == 0) {
			break;
		}
	}
	*at = *at < s.len ? *at : s.len;
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
	{"aliceblue", 0xf0f8ff}, {"antiquewhite", 0xfaebd7}, {"aqua", 0x00ffff}, {"aquamarine", 0x7fffd4},
	{"azure", 0xf0ffff}, {"beige", 0xf5f5dc}, {"bisque", 0xffe4c4}, {"black", 0x000000},
	{"blanchedalmond", 0xffebcd}, {"blue", 0x0000ff}, {"blueviolet", 0x8a2be2}, {"brown", 0xa52a2a},
	{"burlywood", 0xdeb887}, {"cadetblue", 0x5f9ea0}, {"canvas", 0xffffff}, {"canvastext", 0x000000},
	{"chartreuse", 0x7fff00}, {"chocolate", 0xd2691e}, {"coral", 0xff7f50}, {"cornflowerblue", 0x6495ed},
	{"cornsilk", 0xfff8dc}, {"crimson", 0xdc143c}, {"cyan", 0x00ffff}, {"darkblue", 0x00008b},
	{"darkcyan", 0x008b8b}, {"darkgoldenrod", 0xb8860b}, {"darkgray", 0xa9a9a9}, {"darkgreen", 0x006400},
	{"darkgrey", 0xa9a9a9}, {"darkkhaki", 0xbdb76b}, {"darkmagenta", 0x8b008b}, {"darkolivegreen", 0x556b2f},
	{"darkorange", 0xff8c00}, {"darkorchid", 0x9932cc}, {"darkred", 0x8b0000}, {"darksalmon", 0xe9967a},
	{"darkseagreen", 0x8fbc8f}, {"darkslateblue", 0x483d8b}, {"darkslategray", 0x2f4f4f},
	{"darkslategrey", 0x2f4f4f}, {"darkturquoise", 0x00ced1}, {"darkviolet", 0x9400d3}, {"deeppink", 0xff1493},
	{"deepskyblue", 0x00bfff}, {"dimgray", 0x696969}, {"dimgrey", 0x696969}, {"dodgerblue", 0x1e90ff},
	{"firebrick", 0xb22222}, {"floralwhite", 0xfffaf0}, {"forestgreen", 0x228b22}, {"fuchsia", 0xff00ff},
	{"gainsboro", 0xdcdcdc}, {"ghostwhite", 0xf8f8ff}, {"gold", 0xffd700}, {"goldenrod", 0xdaa520},
	{"gray", 0x808080}, {"green", 0x008000}, {"greenyellow", 0xadff2f}, {"grey", 0x808080},
	{"honeydew", 0xf0fff0}, {"hotpink", 0xff69b4}, {"indianred", 0xcd5c5c}, {"indigo", 0x4b0082},
	{"ivory", 0xfffff0}, {"khaki", 0xf0e68c}, {"lavender", 0xe6e6fa}, {"lavenderblush", 0xfff0f5},
	{"lawngreen", 0x7cfc00}, {"lemonchiffon", 0xfffacd}, {"lightblue", 0xadd8e6}, {"lightcoral", 0xf08080},
	{"lightcyan", 0xe0ffff}, {"lightgoldenrodyellow", 0xfafad2}, {"lightgray", 0xd3d3d3},
	{"lightgreen", 0x90ee90}, {"lightgrey", 0xd3d3d3}, {"lightpink", 0xffb6c1}, {"lightsalmon", 0xffa07a},
	{"lightseagreen", 0x20b2aa}, {"lightskyblue", 0x87cefa}, {"lightslategray", 0x778899},
	{"lightslategrey", 0x778899}, {"lightsteelblue", 0xb0c4de}, {"lightyellow", 0xffffe0}, {"lime", 0x00ff00},
	{"limegreen", 0x32cd32}, {"linen", 0xfaf0e6}, {"magenta", 0xff00ff}, {"maroon", 0x800000},
	{"mediumaquamarine", 0x66cdaa}, {"mediumblue", 0x0000cd}, {"mediumorchid", 0xba55d3},
	{"mediumpurple", 0x9370db}, {"mediumseagreen", 0x3cb371}, {"mediumslateblue", 0x7b68ee},
	{"mediumspringgreen", 0x00fa9a}, {"mediumturquoise", 0x48d1cc}, {"mediumvioletred", 0xc71585},
	{"midnightblue", 0x191970}, {"mintcream", 0xf5fffa}, {"mistyrose", 0xffe4e1}, {"moccasin", 0xffe4b5},
	{"navajowhite", 0xffdead}, {"navy", 0x000080}, {"oldlace", 0xfdf5e6}, {"olive", 0x808000},
	{"olivedrab", 0x6b8e23}, {"orange", 0xffa500}, {"orangered", 0xff4500}, {"orchid", 0xda70d6},
	{"palegoldenrod", 0xeee8aa}, {"palegreen", 0x98fb98}, {"paleturquoise", 0xafeeee},
	{"palevioletred", 0xdb7093}, {"papayawhip", 0xffefd5}, {"peachpuff", 0xffdab9}, {"peru", 0xcd853f},
	{"pink", 0xffc0cb}, {"plum", 0xdda0dd}, {"powderblue", 0xb0e0e6}, {"purple", 0x800080},
	{"rebeccapurple", 0x663399}, {"red", 0xff0000}, {"rosybrown", 0xbc8f8f}, {"royalblue", 0x4169e1},
	{"saddlebrown", 0x8b4513}, {"salmon", 0xfa8072}, {"sandybrown", 0xf4a460}, {"seagreen", 0x2e8b57},
	{"seashell", 0xfff5ee}, {"sienna", 0xa0522d}, {"silver", 0xc0c0c0}, {"skyblue", 0x87ceeb},
	{"slateblue", 0x6a5acd}, {"slategray", 0x708090}, {"slategrey", 0x708090}, {"snow", 0xfffafa},
	{"springgreen", 0x00ff7f}, {"steelblue", 0x4682b4}, {"tan", 0xd2b48c}, {"teal", 0x008080},
	{"thistle", 0xd8bfd8}, {"tomato", 0xff6347}, {"turquoise", 0x40e0d0}, {"violet", 0xee82ee},
	{"wheat", 0xf5deb3}, {"white", 0xffffff}, {"whitesmoke", 0xf5f5f5}, {"window", 0xffffff},
	{"windowtext", 0x000000}, {"yellow", 0xffff00}, {"yellowgreen", 0x9acd32},
};

enum shade {
	SHADE_NONE,    /* nothing is said of a colour */
	SHADE_KNOWN,
	SHADE_CLEAR,   /* transparent */
	SHADE_UNKNOWN, /* it may be any */
};

static int
hex_digit(unsigned char c)
{
	int digit = ascii_lower(c);

	if (is_digit((unsigned char)digit))
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static enum shade
hex_color(struct slice s, uint32_t *color)
{
	size_t width = s.len <= 4 ? 1 : 2;
	uint32_t channel[4] = {0, 0, 0, 0xff};

	if (s.len != 3 && s.len != 4 && s.len != 6 && s.len != 8)
		return SHADE_UNKNOWN;
	for (size_t i = 0; i < s.len; i += width) {
		int high = hex_digit(s.data[i]), low = hex_digit(s.data[i + width - 1]);

		if (high < 0 || low < 0)
			return SHADE_UNKNOWN;
		channel[i / width] = (uint32_t)(high << 4 | low);
	}
	*color = channel[0] << 16 | channel[1] << 8 | channel[2];
	return channel[3] < ALPHA_MIN * 0xff ? SHADE_CLEAR : SHADE_KNOWN;
}

/* "rgb(1, 2, 3)" and "rgba(1, 2, 3, 0.5)". */
static enum shade
rgb_color(struct slice s, uint32_t *color)
{
	size_t open = slice_find(s, '(', 0), at = 0;
	struct slice unit, token;
	double n, alpha = 1;
	unsigned count = 0;

	s = slice_sub(s, open + 1, slice_find(s, ')', 0));
	*color = 0;
	for (; (token = next_token(s, &at)).len > 0; count++) {
		if (!take_number(token, &n, &unit))
			return SHADE_UNKNOWN;
		if (unit.len > 0 && unit.data[0] == '%')
			n = count < 3 ? n * 2.55 : n / 100;
		if (count < 3)
			*color = *color << 8 | (uint32_t)(n < 0 ? 0 : n > 255 ? 255 : n);
		else
			alpha = n;
	}
	if (count < 3)
		return SHADE_UNKNOWN;
	return alpha < ALPHA_MIN ? SHADE_CLEAR : SHADE_KNOWN;
}

static enum shade
named_color(struct slice s, uint32_t *color)
{
	for (size_t i = 0; i < sizeof colors_known / sizeof colors_known[0]; i++)
		if (slice_eq_str_nocase(s, colors_known[i].name)) {
			*color = colors_known[i].color;
			return SHADE_KNOWN;
		}
	return SHADE_UNKNOWN;
}

static enum shade
read_color(struct slice s, uint32_t *color)
{
	enum shade shade;

	if (s.len == 0 || slice_starts_nocase(s, "inherit") || slice_starts_nocase(s, "unset") ||
	    slice_starts_nocase(s, "revert"))
		return SHADE_NONE;
	if (slice_starts_nocase(s, "transparent"))
		return SHADE_CLEAR;
	if (slice_starts_nocase(s, "rgb"))
		return rgb_color(s, color);
	shade = named_color(s, color);
	return shade == SHADE_KNOWN ? shade : hex_color(s.data[0] == '#' ? slice_sub(s, 1, s.len) : s, color);
}

static void
take_shade(enum shade shade, uint32_t read, uint32_t *color)
{
	if (shade == SHADE_KNOWN)
		*color = read;
	else if (shade == SHADE_UNKNOWN)
		*color = COLOR_UNKNOWN;
}

void
style_color(struct slice value, uint32_t *color)
{
	uint32_t read = 0;
	enum shade shade = read_color(slice_trim(value), &read);

	take_shade(shade, read, color);
}

/* Can one not be read on the other? */
static bool
is_unreadable(const struct style_colors *colors)
{
	if (colors->text >= COLOR_UNKNOWN || colors->background >= COLOR_UNKNOWN)
		return true;
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

/* The next word of a shorthand, with its brackets. */
static struct slice
next_word(struct slice s, size_t *at)
{
	size_t from, depth = 0;

	while (*at < s.len && (ascii_is_white(s.data[*at]) || s.data[*at] == ',' || s.data[*at] == '/'))
		(*at)++;
	for (from = *at; *at < s.len; (*at)++) {
		unsigned char c = s.data[*at];

		if (depth == 0 && (ascii_is_white(c) || c == ',' || c == '/'))
			break;
		depth += c == '(';
		depth -= c == ')' && depth > 0;
	}
	return slice_sub(s, from, *at);
}

/* One of the shorthand's words may be a colour; images are not looked at, what is computed may be any. */
static void
background_color(struct slice value, uint32_t *color)
{
	struct slice word;

	for (size_t at = 0; (word = next_word(value, &at)).len > 0;) {
		bool computed = slice_find(word, '(', 0) < word.len || slice_eq_str_nocase(word, "currentcolor");
		uint32_t read = 0;

		if (slice_starts_nocase(word, "url("))
			continue;
		if (computed || word.data[0] == '#' || named_color(word, &read) == SHADE_KNOWN)
			style_color(word, color);
	}
}

static bool
declaration_hides(struct slice name, struct slice value, struct style_colors *colors)
{
	uint32_t read = 0;

	name = without_vendor(name);
	value = plain_value(value);
	for (size_t i = 0; i < sizeof hiding / sizeof hiding[0]; i++)
		if (is_about(i, name) && value_hides(i, value))
			return true;
	if (slice_eq_str_nocase(name, "color")) {
		if (slice_eq_str_nocase(value, "initial"))
			colors->text = 0x000000;
		else if (!slice_eq_str_nocase(value, "currentcolor"))
			style_color(value, &colors->text);
		return read_color(value, &read) == SHADE_CLEAR;
	}
	if (slice_eq_str_nocase(name, "background-color") && !slice_eq_str_nocase(value, "initial"))
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
	return hides || is_unreadable(colors);
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

/* What looks like one in quotes is none. */
static void
strip_comments(struct slice s, struct buf *out)
{
	unsigned char quote = 0;

	for (size_t at = 0; at < s.len; at++) {
		unsigned char c = s.data[at];

		if (quote == 0 && c == '/' && at + 1 < s.len && s.data[at + 1] == '*') {
			at += 3 + slice_find_slice(slice_sub(s, at + 2, s.len), slice_str("*/"));
			continue;
		}
		if (quote != 0)
			quote = c == quote || c == '\n' || c == '\r' || c == '\f' ? 0 : quote;
		else if (c == '"' || c == '\'')
			quote = c;
		buf_add_byte(out, c);
	}
}

static bool
is_name_octet(unsigned char c)
{
	return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '-' || c == '_' || c >= 0x80;
}

/* What a selector is about is its last compound; what stands before narrows it only. */
static struct slice
last_compound(struct slice selector)
{
	size_t from;

	selector = slice_trim(selector);
	for (from = selector.len; from > 0 && !ascii_is_white(selector.data[from - 1]) &&
	    memchr(">+~", selector.data[from - 1], 3) == NULL;)
		from--;
	selector = slice_sub(selector, from, selector.len);
	selector = slice_sub(selector, 0, slice_find(selector, ':', 0));
	return selector.len > 0 && selector.data[0] == '*' ? slice_sub(selector, 1, selector.len) : selector;
}

/* The rule for that selector; for one that is not understood it may be about any element. */
static void
add_selector(struct style_sheet *s, struct slice selector, struct style_rule rule)
{
	selector = last_compound(selector);
	for (size_t i = 0; i < selector.len; i++)
		if (!is_name_octet(selector.data[i]) && selector.data[i] != '.' && selector.data[i] != '#')
			selector = SLICE_NONE;
	if (s->count == STYLE_RULES_MAX || s->selectors.len + selector.len > s->selectors.limit ||
	    (rule.hides && selector.len == 0))
		s->everything = true;
	if (s->everything)
		return;
	rule.from = s->selectors.len;
	rule.len = selector.len;
	s->rules[s->count++] = rule;
	buf_add_slice(&s->selectors, selector);
}

static void
add_rule(struct style_sheet *s, struct slice prelude, struct slice declarations)
{
	struct style_colors colors = STYLE_BLACK_ON_WHITE;
	struct style_rule rule = {.colors = {COLOR_UNSET, COLOR_UNSET}};

	prelude = slice_trim(prelude);
	if (prelude.len == 0 || prelude.data[0] == '@')
		return;
	rule.hides = style_hides(declarations, &colors);
	style_hides(declarations, &rule.colors);
	if (!rule.hides && rule.colors.text == COLOR_UNSET && rule.colors.background == COLOR_UNSET)
		return;
	for (size_t at = 0; at <= prelude.len;) {
		size_t comma = slice_find(prelude, ',', at);

		add_selector(s, slice_sub(prelude, at, comma), rule);
		at = comma + 1;
	}
}

/* A rule with rules in it, whose own declarations may stand anywhere between them. */
static bool
is_nested(struct slice prelude)
{
	prelude = slice_trim(prelude);
	return prelude.len > 0 && prelude.data[0] != '@';
}

/* Blocks within blocks (@media) are entered, whatever their condition is. */
static void
add_rules(struct style_sheet *s, struct slice text)
{
	size_t from = 0, open = text.len;

	for (size_t at = 0; at < text.len; at++) {
		if (text.data[at] == '{') {
			if (open < text.len) {
				s->everything = s->everything || is_nested(slice_sub(text, from, open));
				from = open + 1;
			}
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
style_sheet_hides(const struct style_sheet *s, struct slice tag, struct slice classes, struct slice id,
	struct style_colors *colors)
{
	bool hides = s->everything;

	for (size_t i = 0; i < s->count && !hides; i++) {
		const struct style_rule *rule = &s->rules[i];

		if (!matches(slice_sub(buf_slice(&s->selectors), rule->from, rule->from + rule->len), tag, classes, id))
			continue;
		if (rule->colors.text != COLOR_UNSET)
			colors->text = rule->colors.text;
		if (rule->colors.background != COLOR_UNSET)
			colors->background = rule->colors.background;
		hides = rule->hides || is_unreadable(colors);
	}
	return hides;
}
