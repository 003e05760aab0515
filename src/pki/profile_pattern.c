#include "pki/profile_pattern.h"
#include "base/slice.h"

#include <stdlib.h>
#include <string.h>

#define UUID_LEN 36

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(int c)
{
	return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

size_t
profile_pattern_digits(const char *text)
{
	size_t len = 0;

	while (is_digit(text[len]))
		len++;
	return len;
}

static bool
is_uuid(const char *text)
{
	for (size_t i = 0; i < UUID_LEN; i++) {
		bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;

		if (hyphen ? text[i] != '-' : !is_hex((unsigned char)text[i]))
			return false;
	}
	return true;
}

/* Octets of the text that the pattern's first element takes, which is none of %* and %+, and
 * where the pattern goes on. False: it is another. */
static bool
take(const char **pattern, const char **text)
{
	const char *p = *pattern, *t = *text;
	size_t wanted, len;

	if (p[0] != '%' || p[1] == '%') {
		if (*t != p[0])
			return false;
		*pattern += p[0] == '%' ? 2 : 1;
		*text += 1;
		return true;
	}
	if (p[1] == 'C') {
		if (t[0] < 'A' || t[0] > 'Z' || t[1] < 'A' || t[1] > 'Z')
			return false;
		*pattern += 2;
		*text += 2;
		return true;
	}
	if (p[1] == 'u') {
		if (!is_uuid(t))
			return false;
		*pattern += 2;
		*text += UUID_LEN;
		return true;
	}
	wanted = profile_pattern_digits(p + 1);
	len = profile_pattern_digits(t);
	if (len == 0 || (wanted > 0 && len != (size_t)atoi(p + 1)))
		return false;
	*pattern += 1 + wanted + 1;
	*text += len;
	return true;
}

static bool
is_open(const char *pattern)
{
	return pattern[0] == '%' && (pattern[1] == '*' || pattern[1] == '+');
}

/* Up to the pattern's end, or to its %* or %+. */
static bool
take_run(const char **pattern, const char **text)
{
	while (**pattern != '\0' && !is_open(*pattern))
		if (!take(pattern, text))
			return false;
	return true;
}

/* At most one %* or %+ is in it: so this looks at each octet no more often than the pattern is long. */
bool
profile_pattern_matches(const char *pattern, const char *text)
{
	if (!take_run(&pattern, &text))
		return false;
	if (*pattern == '\0')
		return *text == '\0';
	if (pattern[1] == '+' && *text++ == '\0')
		return false;
	for (;; text++) {
		const char *p = pattern + 2, *t = text;

		if (take_run(&p, &t) && *t == '\0')
			return true;
		if (*text == '\0')
			return false;
	}
}

bool
profile_pattern_is_sound(const char *pattern)
{
	size_t open = 0;

	for (; *pattern != '\0'; pattern++) {
		size_t count;

		if (*pattern != '%')
			continue;
		count = profile_pattern_digits(++pattern);
		pattern += count;
		if (*pattern == '*' || *pattern == '+')
			open++;
		if (*pattern == '\0' || strchr("Cdu*+%", *pattern) == NULL || count > 2 || (count > 0 && *pattern != 'd'))
			return false;
	}
	return open <= 1;
}
