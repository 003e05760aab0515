#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#define DATA_LIMIT (64 * 1024 * 1024)

int
unit_run(Suite *s)
{
	SRunner *runner = srunner_create(s);
	int failed;

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* In an out-of-tree build the data is in the source tree, which make check names. */
static FILE *
open_data(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[4096];

	snprintf(path, sizeof path, "%s/t/data/%s", top == NULL ? "." : top, name);
	return fopen(path, "rb");
}

void
unit_read_data(const char *name, struct buf *b)
{
	FILE *f = open_data(name);
	unsigned char chunk[8192];
	size_t n;

	buf_init(b, DATA_LIMIT);
	ck_assert_msg(f != NULL, "cannot open t/data/%s", name);
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_add(b, chunk, n);
	ck_assert_int_eq(ferror(f), 0);
	fclose(f);
	ck_assert(!buf_failed(b));
}

static void
show(struct slice s, char *text, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < s.len && used + 5 < size; i++) {
		unsigned char c = s.data[i];

		if (c >= 0x20 && c < 0x7f && c != '\\')
			text[used++] = (char)c;
		else
			used += (size_t)snprintf(text + used, size - used, "\\x%02x", c);
	}
	text[used] = '\0';
}

void
unit_assert_slice(struct slice got, struct slice want, const char *file, int line)
{
	char got_text[2000], want_text[2000];

	show(got, got_text, sizeof got_text);
	show(want, want_text, sizeof want_text);
	ck_assert_msg(slice_eq(got, want), "%s:%d: got %zu octets \"%s\", want %zu octets \"%s\"", file, line,
		got.len, got_text, want.len, want_text);
}
