#include "unit.h"

#include "gateway/edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_LIMIT 1000

static struct message *
new_message(const char *text)
{
	struct message *m = message_new(BODY_LIMIT);

	ck_assert_ptr_nonnull(m);
	ck_assert_int_eq(message_read(slice_str(text), m, NULL), ANSWER_YES);
	return m;
}

static void
assert_prints(const struct edit *e, const char *want)
{
	struct buf out;

	buf_init(&out, SIZE_MAX);
	edit_print(e, &out);
	unit_assert_slice_str(buf_slice(&out), want);
	buf_free(&out);
}

static void
assert_applies(const struct edit *e, const struct message *m, const char *want)
{
	struct buf out;

	buf_init(&out, SIZE_MAX);
	edit_apply(e, m, &out);
	ck_assert(!buf_failed(&out));
	unit_assert_slice_str(buf_slice(&out), want);
	buf_free(&out);
}

START_TEST(fields_are_removed_by_name_and_number)
{
	struct message *m = new_message("B: 1\r\nA: 1\r\nb: 2\r\nAA: 1\r\nB: 3\r\na: 2\r\n\r\nbody\r\n");
	struct edit e;

	edit_init(&e, BODY_LIMIT);
	ck_assert(edit_remove_field(&e, "b", 3));
	ck_assert(edit_remove_field(&e, "B", 1));
	ck_assert(edit_remove_field(&e, "A", 2));
	ck_assert(edit_add_field(&e, "C", slice_str(" new")));
	ck_assert(edit_prepend_field(&e, "B", slice_str(" top\n fold")));
	assert_applies(&e, m, "B: top\r\n fold\r\nA: 1\r\nb: 2\r\nAA: 1\r\nC: new\r\n\r\nbody\r\n");
	edit_free(&e);
	message_free(m);
}
END_TEST

START_TEST(fields_that_are_not_there_are_not_removed)
{
	static const char text[] = "B: 1\r\nA: 1\r\nD: 1\r\n\r\nbody\r\n";
	struct message *m = new_message(text);
	struct edit e;

	edit_init(&e, BODY_LIMIT);
	ck_assert(edit_remove_field(&e, "A", 2)); /* what comes next by name is not taken for it */
	ck_assert(edit_remove_field(&e, "A", 0));
	ck_assert(edit_remove_field(&e, "D", 2));
	ck_assert(edit_remove_field(&e, "B", 4294967295U));
	ck_assert(edit_remove_field(&e, "0", 1));
	ck_assert(edit_remove_field(&e, "C", 1));
	ck_assert(edit_remove_field(&e, "E", 1));
	assert_applies(&e, m, text);
	edit_free(&e);
	message_free(m);
}
END_TEST

START_TEST(a_message_without_fields_can_be_changed)
{
	struct message *m = message_new(BODY_LIMIT);
	struct edit e;

	edit_init(&e, BODY_LIMIT);
	ck_assert(edit_remove_field(&e, "A", 1));
	assert_applies(&e, m, "\r\n");
	edit_free(&e);
	message_free(m);
}
END_TEST

static bool
has_value(const void *arg, const struct header_field *field)
{
	return slice_eq_str(field->value, arg);
}

/* They are numbered among all of their name, those that stay too, the last goes first. */
START_TEST(fields_are_removed_by_what_is_in_them)
{
	struct message *m = new_message("A: x\r\nB: 1\r\nb: x\r\nC: 1\r\nB: x\r\nb: 2\r\n\r\n");
	struct edit e;

	edit_init(&e, BODY_LIMIT);
	ck_assert(edit_remove_fields(&e, m, has_value, " x"));
	assert_prints(&e, "remove B #3\nremove b #2\nremove A #1\npass\n");
	assert_applies(&e, m, "B: 1\r\nC: 1\r\nb: 2\r\n\r\n");
	edit_free(&e);
	edit_init(&e, BODY_LIMIT);
	ck_assert(edit_remove_fields(&e, m, has_value, " y"));
	assert_prints(&e, "pass\n");
	edit_free(&e);
	message_free(m);
}
END_TEST

/* As many as a message may have, every other one removed: what is left is the rest, in order. */
START_TEST(all_fields_that_a_message_may_have)
{
	struct message *m = message_new(BODY_LIMIT);
	struct buf want;
	struct edit e;
	char name[16];

	buf_init(&want, SIZE_MAX);
	edit_init(&e, BODY_LIMIT);
	for (unsigned i = 0; i < MESSAGE_HEADER_FIELDS_MAX; i++) {
		snprintf(name, sizeof name, "X-%u", i % 100);
		ck_assert(message_add_field(m, slice_str(name), slice_str(" v")));
		if (i % 2 == 0)
			ck_assert(edit_remove_field(&e, name, i / 100 + 1));
		else
			buf_printf(&want, "%s: v\r\n", name);
	}
	buf_add_str(&want, "\r\n");
	assert_applies(&e, m, buf_str(&want));
	buf_free(&want);
	edit_free(&e);
	message_free(m);
}
END_TEST

START_TEST(envelope_and_queue_are_printed_and_not_applied)
{
	static const char text[] = "A: 1\r\n\r\nbody\r\n";
	struct message *m = new_message(text);
	struct edit e;

	edit_init(&e, BODY_LIMIT);
	assert_prints(&e, "pass\n");
	edit_return_headers(&e);
	ck_assert(edit_hold(&e, "signed by %s\r\nX", "nobody"));
	ck_assert(edit_hold(&e, "another reason"));
	ck_assert(edit_remove_field(&e, "B", 2));
	assert_prints(&e, "sender-parameters RET=HDRS\nremove B #2\nhold signed by nobody??X\npass\n");
	assert_applies(&e, m, text);
	edit_free(&e);
	message_free(m);
}
END_TEST

START_TEST(recipients_give_way_to_one)
{
	struct edit e;

	edit_init(&e, BODY_LIMIT);
	ck_assert(edit_redirect(&e, "first@example.cz"));
	ck_assert(edit_redirect(&e, "operator@example.cz"));
	assert_prints(&e, "redirect operator@example.cz\npass\n");
	edit_answer(&e, "451", "4.3.0", "later");
	ck_assert_ptr_null(e.redirect);
	edit_free(&e);
}
END_TEST

START_TEST(an_answer_may_have_several_lines)
{
	struct edit e;

	edit_init(&e, BODY_LIMIT);
	edit_answer(&e, "550", "5.6.0", "no\nrequest");
	edit_answer_line(&e, "write\r%s", "it so");
	assert_prints(&e, "answer 550 5.6.0 no?request\nanswer 550 5.6.0 write?it so\n");
	for (int i = 0; i < 2 * EDIT_REPLY_LINES_MAX; i++)
		edit_answer_line(&e, "%0400d", i);
	ck_assert_uint_lt(strlen(e.reply.text), EDIT_REPLY_TEXT_MAX);
	ck_assert_ptr_nonnull(strstr(e.reply.text, "it so\n00"));
	edit_free(&e);
}
END_TEST

START_TEST(an_answer_drops_all_changes)
{
	struct edit e;

	edit_init(&e, BODY_LIMIT);
	edit_return_headers(&e);
	ck_assert(edit_hold(&e, "not trusted"));
	ck_assert(edit_add_field(&e, "A", slice_str(" 1")));
	buf_add_str(&e.body, "new");
	e.replaces_body = true;
	edit_answer(&e, "550", "5.7.1", "no\n%s", "mail");
	ck_assert(!e.return_headers);
	ck_assert_ptr_null(e.hold);
	ck_assert_uint_eq(e.field_count, 0);
	ck_assert(!e.replaces_body);
	assert_prints(&e, "answer 550 5.7.1 no?mail\n");
	edit_free(&e);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("edit");
	TCase *t = tcase_create("edit");

	tcase_add_test(t, fields_are_removed_by_name_and_number);
	tcase_add_test(t, fields_that_are_not_there_are_not_removed);
	tcase_add_test(t, a_message_without_fields_can_be_changed);
	tcase_add_test(t, fields_are_removed_by_what_is_in_them);
	tcase_add_test(t, all_fields_that_a_message_may_have);
	tcase_add_test(t, envelope_and_queue_are_printed_and_not_applied);
	tcase_add_test(t, recipients_give_way_to_one);
	tcase_add_test(t, an_answer_may_have_several_lines);
	tcase_add_test(t, an_answer_drops_all_changes);
	suite_add_tcase(s, t);
	return unit_run(s);
}
