#include "mail/message.h"
#include "unit.h"

#include <string.h>

#define BODY_LIMIT 100000

static struct message *
read_message(struct slice file, enum answer want)
{
	struct message *m = message_new(BODY_LIMIT);
	struct error err = ERROR_NONE;

	ck_assert_ptr_nonnull(m);
	ck_assert_int_eq(message_read(file, m, &err), want);
	if (want != ANSWER_YES)
		ck_assert_ptr_nonnull(err.code);
	return m;
}

static void
check_written(const struct message *m, const char *want)
{
	struct buf out;

	buf_init(&out, BODY_LIMIT);
	for (size_t i = 0; i < m->field_count; i++)
		message_write_field(m->fields[i].name, m->fields[i].value, &out);
	buf_add_str(&out, "\r\n");
	buf_add_slice(&out, buf_slice(&m->body));
	unit_assert_slice_str(buf_slice(&out), want);
	buf_free(&out);
}

START_TEST(test_read)
{
	static const char file[] = "Received: a\r\n\tb\r\nSubject:x\r\nEmpty:\r\n folded\r\n\r\nbody\r\n\r\nend";
	struct message *m = read_message(slice_str(file), ANSWER_YES);

	ck_assert_uint_eq(m->field_count, 3);
	ck_assert_str_eq(m->fields[0].name, "Received");
	unit_assert_slice_str(m->fields[0].value, " a\n\tb");
	unit_assert_slice_str(m->fields[1].value, "x");
	unit_assert_slice_str(m->fields[2].value, "\n folded");
	unit_assert_slice_str(buf_slice(&m->body), "body\r\n\r\nend");
	check_written(m, file);
	message_free(m);
}
END_TEST

START_TEST(test_read_lf)
{
	struct message *m = read_message(slice_str("A: b\n c\n\nx\ny"), ANSWER_YES);

	unit_assert_slice_str(m->fields[0].value, " b\n c");
	check_written(m, "A: b\r\n c\r\n\r\nx\r\ny");
	message_free(m);
}
END_TEST

/* A line end of another kind among CRLFs is content, and stays. */
START_TEST(test_read_mixed_line_ends)
{
	struct message *m = read_message(slice_str("A: b\r\n\r\nx\ny\rz\r\n"), ANSWER_YES);

	unit_assert_slice_str(buf_slice(&m->body), "x\ny\rz\r\n");
	message_free(m);
}
END_TEST

START_TEST(test_read_without_body)
{
	struct message *m = read_message(slice_str("A: b\r\n"), ANSWER_YES);

	ck_assert_uint_eq(m->field_count, 1);
	ck_assert_uint_eq(m->body.len, 0);
	message_free(m);
	m = read_message(slice_str("\r\nbody"), ANSWER_YES);
	ck_assert_uint_eq(m->field_count, 0);
	unit_assert_slice_str(buf_slice(&m->body), "body");
	message_free(m);
	message_free(read_message(slice_str(""), ANSWER_YES));
}
END_TEST

START_TEST(test_read_nul)
{
	struct message *m = read_message(slice_of("A: b\0c\r\n\r\nd\0e\r\n", 15), ANSWER_YES);

	unit_assert_slice_eq(m->fields[0].value, slice_of(" b\0c", 4));
	unit_assert_slice_eq(buf_slice(&m->body), slice_of("d\0e\r\n", 5));
	message_free(m);
}
END_TEST

START_TEST(test_read_refused)
{
	static const char *const bad[] = {
		"no field\r\n\r\n", ": x\r\n\r\n", " x\r\n\r\n", "From a b: c\r\n\r\n", "A: b\r\nrubbish\r\n\r\n",
		"A\xc3\xa9: b\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		message_free(read_message(slice_str(bad[i]), ANSWER_NO));
}
END_TEST

START_TEST(test_read_names_the_line)
{
	struct message *m = message_new(BODY_LIMIT);
	struct error err = ERROR_NONE;

	ck_assert_int_eq(message_read(slice_str("A: b\r\n c\r\n d\r\nrubbish\r\n\r\n"), m, &err), ANSWER_NO);
	ck_assert_ptr_nonnull(strstr(err.words, "line 4"));
	message_free(m);
}
END_TEST

START_TEST(test_body_limit)
{
	struct message *m = message_new(4);
	struct error err = ERROR_NONE;

	ck_assert_int_eq(message_read(slice_str("A: b\r\n\r\n1234"), m, &err), ANSWER_YES);
	message_free(m);
	m = message_new(4);
	ck_assert_int_eq(message_read(slice_str("A: b\r\n\r\n12345"), m, &err), ANSWER_NO);
	ck_assert_ptr_nonnull(strstr(err.words, "message-size-limit"));
	message_free(m);
}
END_TEST

START_TEST(test_fields)
{
	struct message *m = message_new(BODY_LIMIT);

	ck_assert(message_add_field(m, slice_str("To"), slice_str(" a\r\n b")));
	ck_assert(message_add_field(m, slice_str("TO"), slice_str("c\r")));
	unit_assert_slice_str(message_field(m, "to", 0)->value, " a\n b");
	unit_assert_slice_str(message_field(m, "To", 1)->value, "c\r");
	ck_assert_ptr_null(message_field(m, "to", 2));
	ck_assert_ptr_null(message_field(m, "t", 0));
	ck_assert(!message_add_field(m, slice_of("A\0", 2), slice_str("x")));
	ck_assert(!message_add_field(m, slice_str(""), slice_str("x")));
	ck_assert_uint_eq(m->field_count, 2);
	message_free(m);
}
END_TEST

START_TEST(test_field_limits)
{
	struct message *m = message_new(BODY_LIMIT);
	struct buf big;

	for (int i = 0; i < MESSAGE_HEADER_FIELDS_MAX; i++)
		ck_assert(message_add_field(m, slice_str("A"), slice_str("b")));
	ck_assert(!message_add_field(m, slice_str("A"), slice_str("b")));
	message_free(m);
	m = message_new(BODY_LIMIT);
	buf_init(&big, MESSAGE_HEADER_OCTETS_MAX);
	memset(buf_extend(&big, MESSAGE_HEADER_OCTETS_MAX / 2), 'x', MESSAGE_HEADER_OCTETS_MAX / 2);
	ck_assert(message_add_field(m, slice_str("A"), buf_slice(&big)));
	ck_assert(!message_add_field(m, slice_str("A"), buf_slice(&big)));
	ck_assert_uint_eq(m->field_count, 1);
	buf_free(&big);
	message_free(m);
}
END_TEST

START_TEST(test_recipients)
{
	struct message *m = message_new(BODY_LIMIT);

	for (int i = 0; i < 100; i++)
		ck_assert(message_add_recipient(m, slice_of("a@bcd", 3)));
	ck_assert_uint_eq(m->recipient_count, 100);
	ck_assert_str_eq(m->recipients[99], "a@b");
	ck_assert(!message_add_recipient(m, slice_of("a\0b", 3)));
	ck_assert_uint_eq(m->recipient_count, 100);
	message_free(m);
	message_free(NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("message");
	TCase *c = tcase_create("message");

	tcase_add_test(c, test_read);
	tcase_add_test(c, test_read_lf);
	tcase_add_test(c, test_read_mixed_line_ends);
	tcase_add_test(c, test_read_without_body);
	tcase_add_test(c, test_read_nul);
	tcase_add_test(c, test_read_refused);
	tcase_add_test(c, test_read_names_the_line);
	tcase_add_test(c, test_body_limit);
	tcase_add_test(c, test_fields);
	tcase_add_test(c, test_field_limits);
	tcase_add_test(c, test_recipients);
	suite_add_tcase(s, c);
	return unit_run(s);
}
