#include "base/slice.h"

#include <stdlib.h>
#include <string.h>

struct slice
slice_of(const void *data, size_t len)
{
	return (struct slice){data, len};
}

struct slice
slice_str(const char *text)
{
	return text == NULL ? SLICE_NONE : slice_of(text, strlen(text));
}

int
ascii_lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

bool
slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool
slice_eq_str(struct slice a, const char *b)
{
	return slice_eq(a, slice_str(b));
}

bool
slice_eq_nocase(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
			return false;
	return true;
}

bool
slice_eq_str_nocase(struct slice a, const char *b)
{
	return slice_eq_nocase(a, slice_str(b));
}

bool
slice_starts_nocase(struct slice s, const char *prefix)
{
	struct slice p = slice_str(prefix);

	return s.len >= p.len && slice_eq_nocase(slice_sub(s, 0, p.len), p);
}

bool
slice_ends_nocase(struct slice s, const char *suffix)
{
	struct slice p = slice_str(suffix);

	return s.len >= p.len && slice_eq_nocase(slice_sub(s, s.len - p.len, s.len), p);
}

size_t
slice_find(struct slice s, unsigned char c, size_t from)
{
	const unsigned char *at;

	if (from >= s.len)
		return s.len;
	at = memchr(s.data + from, c, s.len - from);
	return at == NULL ? s.len : (size_t)(at - s.data);
}

size_t
slice_find_slice(struct slice s, struct slice word)
{
	const unsigned char *at;

	if (s.len == 0 || word.len > s.len)
		return s.len;
	at = memmem(s.data, s.len, word.data, word.len);
	return at == NULL ? s.len : (size_t)(at - s.data);
}

struct slice
slice_sub(struct slice s, size_t from, size_t to)
{
	if (to > s.len)
		to = s.len;
	if (from >= to)
		return SLICE_NONE;
	return slice_of(s.data + from, to - from);
}

struct slice
slice_trim(struct slice s)
{
	while (s.len > 0 && ascii_is_white(s.data[0])) {
		s.data++;
		s.len--;
	}
	while (s.len > 0 && ascii_is_white(s.data[s.len - 1]))
		s.len--;
	return s;
}

bool
slice_is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] >= 0x80)
			return false;
	return true;
}

char *
slice_dup(struct slice s)
{
	char *copy;

	if (s.len > 0 && memchr(s.data, 0, s.len) != NULL)
		return NULL;
	copy = malloc(s.len + 1);
	if (copy == NULL)
		return NULL;
	if (s.len > 0)
		memcpy(copy, s.data, s.len);
	copy[s.len] = '\0';
	return copy;
}
