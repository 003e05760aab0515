#include "base/budget.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "unit.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(test_slice_compare)
{
	ck_assert(slice_eq(SLICE_NONE, slice_str("")));
	ck_assert(slice_eq(slice_of("a\0b", 3), slice_of("a\0b", 3)));
	ck_assert(!slice_eq(slice_of("a\0b", 3), slice_of("a\0c", 3)));
	ck_assert(slice_eq_str_nocase(slice_str("aBZ[`"), "AbZ[`"));
	ck_assert(!slice_eq_str_nocase(slice_str("@"), "`"));       /* no letters, one bit apart */
	ck_assert(!slice_eq_str_nocase(slice_str("\xc9"), "\xe9")); /* no ASCII */
	ck_assert(slice_starts_nocase(slice_str("Content-Type"), "content-"));
	ck_assert(!slice_starts_nocase(slice_str("Con"), "content"));
	ck_assert(slice_ends_nocase(slice_str("a.P7M"), ".p7m"));
	ck_assert(!slice_ends_nocase(slice_str("7m"), ".p7m"));
}
END_TEST

START_TEST(test_slice_find)
{
	struct slice s = slice_of("ab\0ab", 5);

	ck_assert_uint_eq(slice_find(s, 'b', 0), 1);
	ck_assert_uint_eq(slice_find(s, 'b', 2), 4);
	ck_assert_uint_eq(slice_find(s, '\0', 0), 2);
	ck_assert_uint_eq(slice_find(s, 'x', 0), 5);
	ck_assert_uint_eq(slice_find(s, 'a', 9), 5);
	ck_assert_uint_eq(slice_find_slice(s, slice_of("\0a", 2)), 2);
	ck_assert_uint_eq(slice_find_slice(s, slice_str("abc")), 5);
	ck_assert_uint_eq(slice_find(SLICE_NONE, 'a', 0), 0);
}
END_TEST

START_TEST(test_slice_parts)
{
	unit_assert_slice_str(slice_sub(slice_str("abcdef"), 2, 4), "cd");
	unit_assert_slice_str(slice_sub(slice_str("abc"), 2, 99), "c");
	ck_assert_uint_eq(slice_sub(slice_str("abc"), 3, 2).len, 0);
	unit_assert_slice_str(slice_trim(slice_str(" \t\r\na b\r\n ")), "a b");
	ck_assert_uint_eq(slice_trim(slice_str(" \r\n")).len, 0);
	unit_assert_slice_eq(slice_trim(slice_of("\0", 1)), slice_of("\0", 1));
}
END_TEST

START_TEST(test_slice_dup)
{
	char *copy = slice_dup(slice_of("abcd", 3));

	ck_assert_str_eq(copy, "abc");
	free(copy);
	copy = slice_dup(SLICE_NONE);
	ck_assert_str_eq(copy, "");
	free(copy);
	ck_assert_ptr_null(slice_dup(slice_of("a\0b", 3)));
}
END_TEST

START_TEST(test_buf_grows)
{
	struct buf b;

	buf_init(&b, 100000);
	for (int i = 0; i < 10000; i++)
		buf_add_byte(&b, (unsigned char)i);
	buf_add_str(&b, "end");
	buf_printf(&b, "%05d", 42);
	ck_assert_uint_eq(b.len, 10008);
	ck_assert_uint_eq(b.data[257], 1);
	unit_assert_slice_str(slice_sub(buf_slice(&b), 10000, b.len), "end00042");
	ck_assert(!buf_failed(&b));
	buf_free(&b);
	ck_assert_uint_eq(b.len, 0);
	buf_free(NULL);
}
END_TEST

START_TEST(test_buf_limit)
{
	struct buf b;

	buf_init(&b, 4);
	buf_add_str(&b, "abcd");
	ck_assert(!buf_failed(&b));
	buf_add_byte(&b, 'e');
	ck_assert(buf_failed(&b));
	unit_assert_slice_str(buf_slice(&b), "abcd");
	buf_add_str(&b, "");
	ck_assert_ptr_null(buf_extend(&b, 0));
	buf_clear(&b);
	buf_add_str(&b, "xy");
	ck_assert(!buf_failed(&b));
	ck_assert(!buf_reserve(&b, (size_t)-1));
	buf_free(&b);
}
END_TEST

START_TEST(test_buf_str)
{
	struct buf b;

	buf_init(&b, 100);
	ck_assert_str_eq(buf_str(&b), "");
	buf_add_str(&b, "abc");
	ck_assert_str_eq(buf_str(&b), "abc");
	ck_assert_uint_eq(b.len, 3);
	buf_add(&b, "\0x", 2);
	ck_assert_ptr_null(buf_str(&b));
	buf_wipe(&b);
	ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(test_error)
{
	struct error err = ERROR_NONE;

	ck_assert_int_eq(error_no(&err, "no-certificate", "%s has\r\nnone\x7f", "a@b"), ANSWER_NO);
	ck_assert_int_eq(err.answer, ANSWER_NO);
	ck_assert_str_eq(err.code, "no-certificate");
	ck_assert_str_eq(err.words, "a@b has??none?");
	error_prefix(&err, "rule %d\n", 7);
	ck_assert_str_eq(err.words, "rule 7?: a@b has??none?");
	ck_assert_int_eq(error_cant_tell(&err, "directory", "down"), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.words, "down");
	ck_assert_int_eq(error_no(NULL, "x", "y"), ANSWER_NO);
	error_prefix(NULL, "x");
}
END_TEST

START_TEST(test_error_is_cut)
{
	struct error err = ERROR_NONE;
	char text[2 * ERROR_WORDS_MAX];

	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	error_no(&err, "x", "%s", text);
	ck_assert_uint_eq(strlen(err.words), ERROR_WORDS_MAX - 1);
	error_prefix(&err, "%s", text);
	ck_assert_uint_eq(strlen(err.words), ERROR_WORDS_MAX - 1);
}
END_TEST

START_TEST(test_error_openssl)
{
	struct error err = ERROR_NONE;

	error_no(&err, "x", "cannot");
	ERR_raise(ERR_LIB_EVP, EVP_R_BAD_DECRYPT);
	ERR_raise(ERR_LIB_EVP, EVP_R_BAD_DECRYPT);
	error_add_openssl(&err);
	ck_assert_str_eq(err.words, "cannot; bad decrypt");
	ck_assert_uint_eq(ERR_peek_error(), 0);
}
END_TEST

static void
check_log(struct slice value, const char *want)
{
	struct log_line line;

	log_begin(&line, LOG_DEBUG, "4Xy", "event");
	log_add_slice(&line, "k", value);
	unit_assert_slice_str(slice_of(line.text, line.len), want);
}

START_TEST(test_log_escapes)
{
	check_log(slice_str("a@b.cz"), "4Xy: event k=a@b.cz");
	check_log(slice_str(""), "4Xy: event k=\"\"");
	check_log(slice_str("two words"), "4Xy: event k=\"two words\"");
	check_log(slice_str("x=y"), "4Xy: event k=\"x=y\"");
	check_log(slice_str("a\nb\r\x1b[0m"), "4Xy: event k=a\\x0ab\\x0d\\x1b[0m");
	check_log(slice_of("a\0b", 3), "4Xy: event k=a\\x00b");
	check_log(slice_str("say \"x\" \\"), "4Xy: event k=\"say \\x22x\\x22 \\x5c\"");
	check_log(slice_str("\xc5\x99"), "4Xy: event k=\xc5\x99");
	/* C1 control characters, and what is no UTF-8 and may be one in another charset. */
	check_log(slice_str("\xc2\x85\xc2\xa7"), "4Xy: event k=\\xc2\\x85\xc2\xa7");
	check_log(slice_str("a\x9b" "2J\xff\xc5"), "4Xy: event k=a\\x9b2J\\xff\\xc5");
}
END_TEST

START_TEST(test_log_queue_id)
{
	struct log_line line;

	log_begin(&line, LOG_DEBUG, NULL, "event");
	unit_assert_slice_str(slice_of(line.text, line.len), "-: event");
	log_begin(&line, LOG_DEBUG, "x\ny: z", "event");
	unit_assert_slice_str(slice_of(line.text, line.len), "x\\x0ay: z: event");
}
END_TEST

START_TEST(test_log_error)
{
	struct error err = ERROR_NONE;
	struct log_line line;

	log_begin(&line, LOG_DEBUG, "q", "event");
	log_add_error(&line, &err);
	unit_assert_slice_str(slice_of(line.text, line.len), "q: event");
	error_no(&err, "expired", "since May");
	err.section = "RFC 5280 4.1.2.5";
	log_add_error(&line, &err);
	unit_assert_slice_str(slice_of(line.text, line.len),
		"q: event code=expired reason=\"since May\" section=\"RFC 5280 4.1.2.5\"");
}
END_TEST

/* The line that log_end() writes to standard error. */
static void
capture(struct log_line *line, char *text, size_t size)
{
	int pipe_ends[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	ck_assert_int_eq(pipe(pipe_ends), 0);
	ck_assert_int_eq(dup2(pipe_ends[1], STDERR_FILENO), STDERR_FILENO);
	close(pipe_ends[1]);
	log_end(line);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = read(pipe_ends[0], text, size - 1);
	close(pipe_ends[0]);
	text[n < 0 ? 0 : n] = '\0';
}

START_TEST(test_log_long_line)
{
	static char value[2 * LOG_LINE_MAX], text[2 * LOG_LINE_MAX];
	struct log_line line;

	memset(value, 'x', sizeof value);
	log_begin(&line, LOG_ERR, "q", "event");
	log_add_slice(&line, "k", slice_of(value, sizeof value));
	ck_assert_uint_eq(line.len, LOG_LINE_MAX);
	capture(&line, text, sizeof text);
	ck_assert(slice_ends_nocase(slice_str(text), "x...\n"));
}
END_TEST

START_TEST(test_log_threshold)
{
	char text[200];
	struct log_line line;

	log_begin(&line, LOG_INFO, "q", "event");
	capture(&line, text, sizeof text);
	ck_assert(slice_ends_nocase(slice_str(text), "q: event\n"));
	log_threshold(LOG_NOTICE);
	capture(&line, text, sizeof text);
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(test_budget)
{
	struct budget *b = budget_new(100);

	ck_assert_ptr_nonnull(b);
	ck_assert(!budget_take(b, 0, 101));
	ck_assert(budget_take(b, 0, 60));
	ck_assert(!budget_take(b, 1, 41));
	ck_assert(budget_take(b, 1, 40));
	ck_assert(!budget_take(b, 2, 1));
	budget_give(b, 0, 10);
	ck_assert(budget_take(b, 2, 10));
	ck_assert(!budget_take(b, 2, (size_t)-1));
	budget_free(b);
	budget_free(NULL);
}
END_TEST

/* What a dead gate held is free again, and what the others hold is not. */
START_TEST(test_budget_after_death)
{
	struct budget *b = budget_new(100);
	pid_t pid;

	ck_assert(budget_take(b, 0, 30));
	pid = fork();
	if (pid == 0)
		_exit(budget_take(b, 1, 70) ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert(!budget_take(b, 0, 1));
	budget_reset_slot(b, 1);
	ck_assert(!budget_take(b, 2, 71));
	ck_assert(budget_take(b, 2, 70));
	budget_free(b);
}
END_TEST

START_TEST(test_timestamp)
{
	static const char *const none[] = {"", "2026-02-30T14:38:03Z", "2026-01-26T14:38:03", "2026-01-26T14:38:03Zulu",
		"2026-01-26t14:38:03Z", "2026-01-26 14:38:03Z", "2026-01-26T24:00:00Z", " 026-01-26T14:38:03Z"};
	char text[TIMESTAMP_LEN + 1];
	time_t when = 0;

	timestamp_write(1769438283, text);
	ck_assert_str_eq(text, "2026-01-26T14:38:03Z");
	ck_assert(timestamp_parse(slice_str(text), &when));
	ck_assert_int_eq(when, 1769438283);
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		ck_assert_msg(!timestamp_parse(slice_str(none[i]), &when), "%s", none[i]);
	timestamp_write((time_t)INT64_MAX, text);
	ck_assert_str_eq(text, "");
	timestamp_write(253402300800, text); /* the year 10000 */
	ck_assert_str_eq(text, "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base");
	TCase *c = tcase_create("base");

	tcase_add_test(c, test_slice_compare);
	tcase_add_test(c, test_slice_find);
	tcase_add_test(c, test_slice_parts);
	tcase_add_test(c, test_slice_dup);
	tcase_add_test(c, test_buf_grows);
	tcase_add_test(c, test_buf_limit);
	tcase_add_test(c, test_buf_str);
	tcase_add_test(c, test_error);
	tcase_add_test(c, test_error_is_cut);
	tcase_add_test(c, test_error_openssl);
	tcase_add_test(c, test_log_escapes);
	tcase_add_test(c, test_log_queue_id);
	tcase_add_test(c, test_log_error);
	tcase_add_test(c, test_log_long_line);
	tcase_add_test(c, test_log_threshold);
	tcase_add_test(c, test_timestamp);
	tcase_add_test(c, test_budget);
	tcase_add_test(c, test_budget_after_death);
	suite_add_tcase(s, c);
	return unit_run(s);
}
