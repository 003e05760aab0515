#include "ctl/report.h"

#include <stdio.h>
#include <stdlib.h>

void
report_fingerprint(const unsigned char digest[32], char text[REPORT_FINGERPRINT_SIZE])
{
	for (size_t i = 0; i < 32; i++)
		sprintf(text + 3 * i, i < 31 ? "%02X:" : "%02X", digest[i]);
}

/* ---- for people ------------------------------------------------------------------ */

static void print_object(const json_t *object, unsigned depth);

/* Octets of a control character that a terminal may obey: of C0, DEL, or of C1 in UTF-8; else 0. */
static size_t
control_length(const char *at)
{
	unsigned char c = (unsigned char)at[0], next = (unsigned char)(c == '\0' ? 0 : at[1]);

	if (c < 0x20 || c == 0x7f)
		return 1;
	return c == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

/* A value must not be able to write a line of its own. */
static void
print_plain(const json_t *value)
{
	if (json_is_boolean(value)) {
		fputs(json_is_true(value) ? "yes" : "no", stdout);
	} else if (json_is_integer(value)) {
		printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	} else {
		for (const char *at = json_string_value(value); at != NULL && *at != '\0'; at++) {
			size_t len = control_length(at);

			putchar(len > 0 ? '?' : *at);
			at += len > 1;
		}
	}
}

static void
print_row(const json_t *object, unsigned depth)
{
	const char *key, *gap = "";
	json_t *value;

	printf("%*s", (int)(2 * depth), "");
	json_object_foreach((json_t *)object, key, value) {
		fputs(gap, stdout);
		print_plain(value);
		gap = "  ";
	}
	putchar('\n');
}

static void
print_array(const json_t *array, unsigned depth)
{
	size_t count = json_array_size(array);

	if (count > 0 && json_is_object(json_array_get(array, 0))) {
		putchar('\n');
		for (size_t i = 0; i < count; i++)
			print_row(json_array_get(array, i), depth);
		return;
	}
	fputs(count == 0 ? " none" : " ", stdout);
	for (size_t i = 0; i < count; i++) {
		fputs(i == 0 ? "" : ", ", stdout);
		print_plain(json_array_get(array, i));
	}
	putchar('\n');
}

static void
print_object(const json_t *object, unsigned depth)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		printf("%*s%s:", (int)(2 * depth), "", key);
		if (json_is_object(value)) {
			putchar('\n');
			print_object(value, depth + 1);
		} else if (json_is_array(value)) {
			print_array(value, depth + 1);
		} else {
			putchar(' ');
			print_plain(value);
			putchar('\n');
		}
	}
}

static void
print_for_people(const json_t *root)
{
	if (json_is_object(root))
		print_object(root, 0);
	for (size_t i = 0; i < json_array_size(root); i++) {
		if (i > 0)
			putchar('\n');
		print_object(json_array_get(root, i), 0);
	}
}

/* JSON escapes C0 itself. */
bool
report_json(const json_t *root, size_t flags)
{
	char *text = json_dumps(root, flags | JSON_PRESERVE_ORDER);

	for (const char *at = text; at != NULL && *at != '\0'; at++) {
		size_t len = control_length(at);

		if (len == 0 || *at == '\n')
			putchar(*at);
		else
			printf("\\u%04x", (unsigned char)at[len - 1]);
		at += len > 1;
	}
	putchar('\n');
	free(text);
	return text != NULL && !ferror(stdout);
}

bool
report_print(json_t *root, bool json)
{
	bool written = true;

	if (json) {
		written = report_json(root, JSON_INDENT(2));
	} else {
		print_for_people(root);
	}
	json_decref(root);
	return fflush(stdout) == 0 && !ferror(stdout) && written;
}
