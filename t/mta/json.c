#include "json.h"

#include <string.h>

/* Octets of the UTF-8 sequence at p; 0: it is none. */
static size_t
utf8_length(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 :
		p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;

	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f))
		return 0;
	return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) ? 0 : n;
}

static bool
all_utf8(struct slice s)
{
	for (size_t at = 0, n; at < s.len; at += n) {
		n = utf8_length(s.data + at, s.len - at);
		if (n == 0)
			return false;
	}
	return true;
}

void
json_slice(FILE *out, struct slice s)
{
	bool utf8 = all_utf8(s);

	putc('"', out);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.data[i];

		if (c < ' ' || c == '"' || c == '\\' || c == 127 || (c > 127 && !utf8))
			fprintf(out, "\\u%04x", c);
		else
			putc(c, out);
	}
	putc('"', out);
}

void
json_text(FILE *out, const char *key, const char *text)
{
	fprintf(out, "%s:", key);
	if (text != NULL)
		json_slice(out, slice_str(text));
	else
		fputs("null", out);
}

void
json_number(FILE *out, const char *key, unsigned long long n)
{
	fprintf(out, "%s:%llu", key, n);
}

void
json_bool(FILE *out, const char *key, bool b)
{
	fprintf(out, "%s:%s", key, b ? "true" : "false");
}

void
json_ms(FILE *out, const char *key, unsigned long long us)
{
	fprintf(out, "%s:%llu.%03llu", key, us / 1000, us % 1000);
}
