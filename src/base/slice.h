/* slice: bytes borrowed from somebody else.
 *
 * A slice owns nothing and is not NUL-terminated: what it points into outlives
 * it. Mail may hold NUL bytes, so no function here stops at one.
 * All functions are pure and safe in every thread.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>

struct slice {
	const unsigned char *data;
	size_t len;
};

#define SLICE_NONE ((struct slice){NULL, 0})
/* For printf's "%.*s"; what is printed so must have been checked for NULs. */
#define SLICE_FMT(s) (int)(s).len, (const char *)(s).data

struct slice slice_of(const void *data, size_t len);
struct slice slice_str(const char *text); /* NULL gives an empty slice */

bool slice_eq(struct slice a, struct slice b);
bool slice_eq_str(struct slice a, const char *b);
/* ASCII letters only are folded, whatever the locale. */
bool slice_eq_nocase(struct slice a, struct slice b);
bool slice_eq_str_nocase(struct slice a, const char *b);
bool slice_starts_nocase(struct slice s, const char *prefix);
bool slice_ends_nocase(struct slice s, const char *suffix);

/* Index of the first byte c at or after from; s.len where there is none. */
size_t slice_find(struct slice s, unsigned char c, size_t from);
/* Index of the first occurrence of word; s.len where there is none. */
size_t slice_find_slice(struct slice s, struct slice word);

/* Bytes from (inclusive) to (exclusive), both cut to the slice's length. */
struct slice slice_sub(struct slice s, size_t from, size_t to);
/* Without blanks, tabs, CR and LF at both ends. */
struct slice slice_trim(struct slice s);

/* A NUL-terminated copy for the caller to free(); NULL when out of memory or
 * when the slice holds a NUL byte, which would silently cut the text. */
char *slice_dup(struct slice s);

/* Whether every octet is below 0x80. */
bool slice_is_ascii(struct slice s);

int ascii_lower(int c);

/* Blanks within a line of mail, and with its line ends. */
static inline bool
ascii_is_blank(int c)
{
	return c == ' ' || c == '\t';
}

static inline bool
ascii_is_white(int c)
{
	return ascii_is_blank(c) || c == '\r' || c == '\n';
}

#endif
