/* A disk that is really full, which is a small file system of the test's own: what was answered YES is there, what was not is 451,
 * and all goes on once there is room. */
#include "unit.h"

#include "journal_fixture.h"
#include "store_fixture.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define LARGE (48 * 1024) /* octets of evidence, so that it is full soon */
#define MANY 200          /* of those do not fit */

static unsigned char evidence[LARGE];

/* In a mount namespace of this process, so that it goes with it; where root is not, that takes a user namespace too. */
static void
mount_small(const char *folder)
{
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert_msg(unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0, "no namespace of mounts can be had");
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("small", folder, "tmpfs", 0, "size=1m"), 0);
}

static void
make_larger(void)
{
	ck_assert_int_eq(mount("small", store_fixture_path("small"), NULL, MS_REMOUNT, "size=32m"), 0);
}

static void
set_up(void)
{
	store_fixture_set_up();
	mount_small(store_fixture_path("small"));
}

static void
tear_down(void)
{
	close_all();
	ck_assert_int_eq(umount2(store_fixture_path("small"), MNT_DETACH), 0);
	store_fixture_tear_down();
}

static void
open_small_journal(void)
{
	journal_close(journal);
	ck_assert_int_eq(journal_open(store_fixture_path("small/journal"), &journal, NULL), ANSWER_YES);
}

static const struct record *
large_request(unsigned n)
{
	static struct record r;

	r = *request(n);
	r.evidence = slice_of(evidence, sizeof evidence);
	return &r;
}

static enum answer
receive_large(unsigned n, struct error *err)
{
	struct timespec deadline = far_deadline();
	struct journal_receipt receipt;

	return journal_receive(journal, large_request(n), NOW, "in a test", &deadline, &receipt, err);
}

static enum answer
put_large(unsigned n, struct journal_receipt *receipt, struct error *err)
{
	struct timespec deadline = far_deadline();

	return inbox_put(inbox, large_request(n), SLICE_NONE, &deadline, receipt, err);
}

static unsigned
count_of(const char *line)
{
	unsigned count = 0;

	for (; (line = strchr(line, ':')) != NULL; line++)
		count++;
	return count;
}

START_TEST(journal_keeps_what_it_has)
{
	struct error err = ERROR_NONE;
	unsigned had = 0;

	open_small_journal();
	while (had < MANY && receive_large(had, &err) == ANSWER_YES)
		had++;
	ck_assert_uint_ge(had, 3);
	ck_assert_uint_lt(had, MANY);
	ck_assert_str_eq(err.code, "store-full");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(receive_large(had, &err), ANSWER_CANT_TELL);
	ck_assert_uint_eq(count_of(listed(JOURNAL_ALL, NOW)), had);
	good_head();
	open_small_journal();
	ck_assert_uint_eq(count_of(listed(JOURNAL_ALL, NOW)), had);
	good_head();
	make_larger();
	ck_assert_int_eq(receive_large(had, &err), ANSWER_YES);
	ck_assert_int_eq(add(1, JOURNAL_ACCEPTED), ANSWER_YES);
	ck_assert_uint_eq(count_of(listed(JOURNAL_ALL, NOW)), had + 1);
	good_head();
}
END_TEST

START_TEST(journal_takes_no_step)
{
	struct journal_step step = {.request = 1, .time = NOW, .who = "worker"};
	char how[JOURNAL_HOW_MAX + 1];
	struct error err = ERROR_NONE;
	enum answer answer = ANSWER_YES;
	unsigned steps = 0;

	memset(how, 'x', JOURNAL_HOW_MAX);
	how[JOURNAL_HOW_MAX] = '\0';
	step.how = how;
	open_small_journal();
	ck_assert_int_eq(receive_large(1, &err), ANSWER_YES);
	for (; answer == ANSWER_YES && steps < 10 * MANY; steps += answer == ANSWER_YES) {
		struct timespec deadline = far_deadline();

		step.kind = steps == 0 ? JOURNAL_ACCEPTED : JOURNAL_RETRY;
		answer = journal_add(journal, &step, NULL, &deadline, &err);
	}
	ck_assert_int_eq(answer, ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-full");
	ck_assert_int_eq(good_head().seq, 1 + steps);
	open_small_journal();
	ck_assert_int_eq(good_head().seq, 1 + steps);
	shown(1);
	ck_assert_int_eq(told.item.state, JOURNAL_ACCEPTED);
}
END_TEST

static void
count_request(void *arg, const struct record *r)
{
	unsigned *count = arg;

	ck_assert_uint_eq(r->evidence.len, LARGE);
	(*count)++;
}

static unsigned
in_inbox(void)
{
	unsigned count = 0;

	each_in_inbox(count_request, &count);
	return count;
}

static void
open_small_inbox(void)
{
	inbox_close(inbox);
	ck_assert_int_eq(inbox_open(store_fixture_path("small/inbox"), store_fixture_path("journal"), &inbox, NULL), ANSWER_YES);
}

START_TEST(inbox_takes_nothing_more)
{
	struct journal_receipt receipt;
	struct error err = ERROR_NONE;
	unsigned had = 0;

	open_journal(); /* on another disk, which has room */
	open_small_inbox();
	while (had < MANY && put_large(had, &receipt, &err) == ANSWER_YES)
		had++;
	ck_assert_uint_ge(had, 3);
	ck_assert_uint_lt(had, MANY);
	ck_assert_str_eq(err.code, "store-full");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(put_large(had, &receipt, &err), ANSWER_CANT_TELL);
	ck_assert_uint_eq(in_inbox(), had);
	/* What is there is known all the same. */
	ck_assert_int_eq(put_large(0, &receipt, &err), ANSWER_YES);
	ck_assert(receipt.repeat);
	open_small_inbox();
	ck_assert_uint_eq(in_inbox(), had);
	make_larger();
	ck_assert_int_eq(put_large(had, &receipt, &err), ANSWER_YES);
	ck_assert(!receipt.repeat);
	ck_assert_uint_eq(in_inbox(), had + 1);
}
END_TEST

/* Not even its own files could be made. */
START_TEST(nothing_can_be_opened)
{
	struct error err = ERROR_NONE;
	FILE *f = fopen(store_fixture_path("small/ballast"), "w");

	ck_assert_ptr_nonnull(f);
	while (fwrite(evidence, 4096, 1, f) == 1)
		continue;
	fclose(f);
	ck_assert_int_eq(journal_open(store_fixture_path("small/journal"), &journal, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-full");
	ck_assert_int_eq(remove(store_fixture_path("small/ballast")), 0);
	open_small_journal();
	ck_assert_int_eq(receive_large(1, &err), ANSWER_YES);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("full");
	TCase *t = tcase_create("full");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 240);
	tcase_add_test(t, journal_keeps_what_it_has);
	tcase_add_test(t, journal_takes_no_step);
	tcase_add_test(t, inbox_takes_nothing_more);
	tcase_add_test(t, nothing_can_be_opened);
	suite_add_tcase(s, t);
	return unit_run(s);
}
