/* Date fields as they come, and what is none. */
#include "unit.h"

#include "mail/date.h"

static const struct {
	const char *text;
	time_t when; /* -1: no date */
} dates[] = {
	{"Mon, 26 Jan 2026 14:38:03 +0000", 1769438283},
	{" mon,26 JAN 2026 15:38:03 +0100", 1769438283},
	{"26 Jan 2026 09:38:03 -0500 (EST)", 1769438283},
	{"26 Jan 2026 09:38:03 EST", 1769438283},
	{"26 Jan 2026 14:38:03 ESTONIA (no zone of RFC 5322's) ", 1769438283},
	{"Mon, 26 Jan\n\t2026 (a \\) comment) 14 : 38 : 03 GMT", 1769438283},
	{"26 Jan 26 14:38:03 +0000", 1769438283},
	{"26 Jan 126 14:38:03 Z", 1769438283},
	{"26 Jan 2026 14:38 +0000", 1769438280},
	{"26 Jan 2026 20:08:03 +0530", 1769438283},
	{"1 Jan 1970 00:00:00 +0000", 0},
	{"", -1},
	{"yesterday", -1},
	{"Mon 26 Jan 2026 14:38:03 +0000", -1},
	{"2026-01-26T14:38:03Z", -1},
	{"26 Jan 2026 14:38:03", -1},
	{"26 Jan 2026 24:38:03 +0000", -1},
	{"26 Jan 2026 14:38:03 +000", -1},
	{"26 Jan 2026 14:38:03 +00000", -1},
	{"26 Jan 2026 14:38:03 +0060", -1},
	{"32 Jan 2026 14:38:03 +0000", -1},
	{"26 Jam 2026 14:38:03 +0000", -1},
	{"26 Jan 20266 14:38:03 +0000", -1},
	{"26 Jan 2026 (14:38:03 +0000", -1},
	{"26 Jan 2026 14:38:03 +0000 27 Jan 2026 14:38:03 +0000", -1},
	{"26 Jan 2026 14:38:03 GMT, 27 Jan 2026 14:38:03 GMT", -1},
	{"26 Jan 2026 14:38:03 ; +0000", -1},
};

START_TEST(test_dates)
{
	time_t when = -1;

	ck_assert_int_eq(date_parse(slice_str(dates[_i].text), &when), dates[_i].when != -1);
	if (dates[_i].when != -1)
		ck_assert_int_eq(when, dates[_i].when);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("date");
	TCase *c = tcase_create("date");

	tcase_add_loop_test(c, test_dates, 0, sizeof dates / sizeof dates[0]);
	suite_add_tcase(s, c);
	return unit_run(s);
}
