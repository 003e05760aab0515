#include "base/utf8.h"

/* RFC 3629 4: the second octet's range depends on the first. */
static bool
second_is_valid(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0 && second <= 0xbf;
	case 0xed:
		return second >= 0x80 && second <= 0x9f;
	case 0xf0:
		return second >= 0x90 && second <= 0xbf;
	case 0xf4:
		return second >= 0x80 && second <= 0x8f;
	default:
		return second >= 0x80 && second <= 0xbf;
	}
}

size_t
utf8_length(struct slice s, size_t at)
{
	unsigned char first;
	size_t len;

	if (at >= s.len)
		return 0;
	first = s.data[at];
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	len = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (s.len - at < len || !second_is_valid(first, s.data[at + 1]))
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((s.data[at + i] & 0xc0) != 0x80)
			return 0;
	return len;
}

bool
utf8_is_valid(struct slice s)
{
	size_t at = 0, len;

	for (; at < s.len; at += len) {
		len = utf8_length(s, at);
		if (len == 0)
			return false;
	}
	return true;
}
