/* What an operator enrolled is found as it was, by all who may read the journal, and by nothing but what it is. */
#include "unit.h"

#include "journal_fixture.h"
#include "store_fixture.h"

#include "store/enrolments.h"

#include <sqlite3.h>

#include <stdio.h>
#include <string.h>

static void
set_up(void)
{
	store_fixture_set_up();
	open_journal();
}

static void
tear_down(void)
{
	close_all();
	store_fixture_tear_down();
}

static const unsigned char long_serial[RECORD_SERIAL_MAX + 1] = {0x80};
static const unsigned char zeros[2] = {0, 1};
static char large[ENROLMENT_CERTIFICATE_MAX + 2];

static struct enrolment
enrolment(const char *authority, const char *serial, const char *issuer)
{
	return (struct enrolment){.authority = authority, .issuer = slice_str(issuer), .serial = slice_str(serial),
		.certificate = slice_str("certificate"), .password = "$scrypt$", .contacts = "jan@alfa.example\n",
		.time = NOW, .who = "operator root"};
}

static enum answer
put_one(const struct enrolment *e, struct error *err)
{
	struct timespec deadline = far_deadline();

	return enrolments_put(journal, e, &deadline, err);
}

static void
put(const char *authority, const char *serial, const char *issuer)
{
	struct enrolment e = enrolment(authority, serial, issuer);

	ck_assert_int_eq(put_one(&e, NULL), ANSWER_YES);
}

static enum answer
take_out(const char *authority, const char *serial, const char *issuer, struct error *err)
{
	struct enrolment e = enrolment(authority, serial, issuer);
	struct timespec deadline = far_deadline();

	return enrolments_remove(journal, &e, &deadline, err);
}

static bool
note(void *arg, const struct enrolment *e)
{
	char *line = arg;

	sprintf(line + strlen(line), "%s/%.*s/%.*s ", e->authority, SLICE_FMT(e->serial), SLICE_FMT(e->issuer));
	return true;
}

static const char *
found(const char *authority, const char *serial)
{
	static char line[1000];

	line[0] = '\0';
	ck_assert_int_eq(enrolments_find(journal, authority, slice_str(serial), note, line, NULL), ANSWER_YES);
	return line;
}

/* ---- finding ------------------------------------------------------------------------- */

START_TEST(finds_by_authority_and_number)
{
	put("ica", "12", "First");
	put("ica", "1", "Second");
	put("ica", "1", "First");
	put("cesnet", "1", "First");
	ck_assert_str_eq(found("ica", "1"), "ica/1/First ica/1/Second ");
	ck_assert_str_eq(found("ica", "12"), "ica/12/First ");
	ck_assert_str_eq(found("ica", "2"), "");
	ck_assert_str_eq(found("ica", ""), "ica/1/First ica/1/Second ica/12/First ");
	ck_assert_str_eq(found("IC", "1"), "");
	ck_assert_str_eq(found(NULL, ""), "cesnet/1/First ica/1/First ica/1/Second ica/12/First ");
}
END_TEST

static bool
compare(void *arg, const struct enrolment *e)
{
	const struct enrolment *expected = arg;

	ck_assert_str_eq(e->authority, expected->authority);
	ck_assert(slice_eq(e->issuer, expected->issuer));
	ck_assert(slice_eq(e->serial, expected->serial));
	ck_assert(slice_eq(e->certificate, expected->certificate));
	ck_assert_str_eq(e->password, expected->password == NULL ? "" : expected->password);
	ck_assert_str_eq(e->contacts, expected->contacts == NULL ? "" : expected->contacts);
	ck_assert_int_eq(e->time, expected->time);
	ck_assert_str_eq(e->who, expected->who);
	return true;
}

START_TEST(keeps_all_of_it)
{
	static const unsigned char octets[RECORD_SERIAL_MAX] = {0xff, 0, 0xff}, zero[1] = {0};
	struct enrolment e = enrolment("ica", "", "0\00121\0");

	e.serial = slice_of(octets, sizeof octets);
	e.certificate = slice_of(large, ENROLMENT_CERTIFICATE_MAX);
	e.contacts = "žaneta@příklad.example\njan@alfa.example\n";
	ck_assert_int_eq(put_one(&e, NULL), ANSWER_YES);
	open_journal();
	ck_assert_int_eq(enrolments_find(journal, "ica", e.serial, compare, &e, NULL), ANSWER_YES);
	e = (struct enrolment){.authority = "none", .serial = slice_of(zero, 1), .issuer = slice_str("I"), .time = 1, .who = "w"};
	ck_assert_int_eq(put_one(&e, NULL), ANSWER_YES);
	ck_assert_int_eq(enrolments_find(journal, "none", e.serial, compare, &e, NULL), ANSWER_YES);
}
END_TEST

START_TEST(puts_it_in_the_place_of_what_was_there)
{
	struct enrolment e = enrolment("ica", "1", "First");

	put("ica", "1", "First");
	e.password = "";
	e.contacts = "";
	e.certificate = SLICE_NONE;
	e.time = NOW + 1;
	ck_assert_int_eq(put_one(&e, NULL), ANSWER_YES);
	ck_assert_str_eq(found("ica", "1"), "ica/1/First ");
	ck_assert_int_eq(enrolments_find(journal, "ica", e.serial, compare, &e, NULL), ANSWER_YES);
}
END_TEST

static bool
stop(void *arg, const struct enrolment *e)
{
	(void)e;
	++*(int *)arg;
	return false;
}

START_TEST(stops_where_it_is_told_to)
{
	int calls = 0;

	put("ica", "1", "First");
	put("ica", "2", "First");
	ck_assert_int_eq(enrolments_find(journal, NULL, SLICE_NONE, stop, &calls, NULL), ANSWER_YES);
	ck_assert_int_eq(calls, 1);
}
END_TEST

/* ---- taking out ---------------------------------------------------------------------- */

START_TEST(takes_out_only_the_one_that_is_meant)
{
	struct error err = ERROR_NONE;

	put("ica", "1", "First");
	put("ica", "1", "Second");
	put("cesnet", "1", "First");
	ck_assert_int_eq(take_out("ica", "1", "", &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "enrolment");
	ck_assert_int_eq(take_out("ica", "2", "", &err), ANSWER_NO);
	ck_assert_int_eq(take_out("ica", "1", "Third", &err), ANSWER_NO);
	ck_assert_str_eq(found(NULL, ""), "cesnet/1/First ica/1/First ica/1/Second ");
	ck_assert_int_eq(take_out("ica", "1", "First", &err), ANSWER_YES);
	ck_assert_str_eq(found(NULL, ""), "cesnet/1/First ica/1/Second ");
	ck_assert_int_eq(take_out("ica", "1", "", &err), ANSWER_YES);
	ck_assert_str_eq(found(NULL, ""), "cesnet/1/First ");
}
END_TEST

/* ---- limits -------------------------------------------------------------------------- */

static const struct {
	const char *what;
	struct enrolment e; /* what is not given is as in a good one: spoilt() */
} wrong[] = {
	{"authority", {.authority = ""}},
	{"authority", {.authority = large}},
	{"serial", {.serial = {long_serial, sizeof long_serial}}},
	{"serial", {.serial = {zeros, sizeof zeros}}},
	{"serial", {.serial = {zeros, 0}}},
	{"issuer", {.issuer = {zeros, 0}}},
	{"issuer", {.issuer = {(const unsigned char *)large, RECORD_ISSUER_MAX + 1}}},
	{"certificate", {.certificate = {(const unsigned char *)large, ENROLMENT_CERTIFICATE_MAX + 1}}},
	{"password", {.password = large}},
	{"contacts", {.contacts = large}},
	{"contacts", {.contacts = "jan@alfa.example"}},
	{"time", {.time = -1}},
	{"who", {.who = ""}},
	{"who", {.who = large}},
};

static struct enrolment
spoilt(const struct enrolment *with)
{
	struct enrolment e = enrolment("ica", "1", "First");

	e.authority = with->authority != NULL ? with->authority : e.authority;
	e.serial = with->serial.data != NULL ? with->serial : e.serial;
	e.issuer = with->issuer.data != NULL ? with->issuer : e.issuer;
	e.certificate = with->certificate.data != NULL ? with->certificate : e.certificate;
	e.password = with->password != NULL ? with->password : e.password;
	e.contacts = with->contacts != NULL ? with->contacts : e.contacts;
	e.time = with->time != 0 ? with->time : e.time;
	e.who = with->who != NULL ? with->who : e.who;
	return e;
}

START_TEST(takes_nothing_that_is_missing_or_too_large)
{
	struct enrolment e = spoilt(&wrong[_i].e);
	struct error err = ERROR_NONE;

	ck_assert_msg(put_one(&e, &err) == ANSWER_NO, "%s", wrong[_i].what);
	ck_assert_str_eq(err.code, "enrolment");
	ck_assert_str_eq(found(NULL, ""), "");
}
END_TEST

/* ---- a file that somebody spoilt ------------------------------------------------------- */

static void
by_hand(const char *sql)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(store_fixture_path("journal"), &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

static const char *const spoilings[] = {
	"UPDATE enrolments SET serial = zeroblob(21) WHERE issuer = CAST('Second' AS BLOB)",
	"UPDATE enrolments SET certificate = zeroblob(70000) WHERE issuer = CAST('Second' AS BLOB)",
	"UPDATE enrolments SET password = printf('%200d', 1) WHERE issuer = CAST('Second' AS BLOB)",
	"UPDATE enrolments SET password = CAST(x'610062' AS TEXT) WHERE issuer = CAST('Second' AS BLOB)",
	"UPDATE enrolments SET contacts = 'no end' WHERE issuer = CAST('Second' AS BLOB)",
	"DROP TABLE enrolments",
};

/* To leave one out could make one of two certificates with that number look like the only one. */
START_TEST(tells_nothing_of_what_is_spoilt)
{
	struct error err = ERROR_NONE;
	char line[1000] = "";

	put("ica", "1", "First");
	put("ica", "1", "Second");
	by_hand(spoilings[_i]);
	ck_assert_int_eq(enrolments_find(journal, "ica", SLICE_NONE, note, line, &err), ANSWER_CANT_TELL);
	ck_assert_ptr_nonnull(err.code);
}
END_TEST

/* ---- who reads and who writes ----------------------------------------------------------- */

START_TEST(is_read_by_others_and_written_by_none_of_them)
{
	struct enrolment e = enrolment("ica", "1", "First");
	struct timespec deadline = far_deadline();
	struct error err = ERROR_NONE;
	struct journal *reader;
	char line[1000] = "";

	put("ica", "1", "First");
	ck_assert_int_eq(journal_open_to_read(store_fixture_path("journal"), &reader, NULL), ANSWER_YES);
	put("ica", "1", "Second");
	ck_assert_int_eq(enrolments_find(reader, "ica", slice_str("1"), note, line, NULL), ANSWER_YES);
	ck_assert_str_eq(line, "ica/1/First ica/1/Second ");
	ck_assert_int_eq(enrolments_put(reader, &e, &deadline, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-rights");
	ck_assert_int_eq(enrolments_remove(reader, &e, &deadline, NULL), ANSWER_CANT_TELL);
	journal_close(reader);
	ck_assert_str_eq(found(NULL, ""), "ica/1/First ica/1/Second ");
}
END_TEST

/* The chain says nothing of them, and purging leaves them. */
START_TEST(stays_beside_the_chain)
{
	struct timespec deadline = far_deadline();
	struct journal_head head;
	uint64_t removed;
	int64_t bad;

	put("ica", "1", "First");
	ck_assert_int_eq(add(receive(1), JOURNAL_REFUSED), ANSWER_YES);
	ck_assert_int_eq(take_out("ica", "1", "", NULL), ANSWER_YES);
	put("ica", "2", "First");
	ck_assert_int_eq(journal_verify(journal, NULL, &head, &bad, NULL), ANSWER_YES);
	ck_assert_int_eq(journal_purge(journal, NOW + 2 * JOURNAL_RETENTION_MIN, JOURNAL_RETENTION_MIN, "operator", &deadline,
		&removed, NULL), ANSWER_YES);
	ck_assert_int_gt(removed, 0);
	ck_assert_str_eq(found(NULL, ""), "ica/2/First ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("enrolments");
	TCase *tests = tcase_create("enrolments");

	memset(large, 'x', sizeof large - 1);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, finds_by_authority_and_number);
	tcase_add_test(tests, keeps_all_of_it);
	tcase_add_test(tests, puts_it_in_the_place_of_what_was_there);
	tcase_add_test(tests, stops_where_it_is_told_to);
	tcase_add_test(tests, takes_out_only_the_one_that_is_meant);
	tcase_add_loop_test(tests, takes_nothing_that_is_missing_or_too_large, 0, sizeof wrong / sizeof *wrong);
	tcase_add_loop_test(tests, tells_nothing_of_what_is_spoilt, 0, sizeof spoilings / sizeof *spoilings);
	tcase_add_test(tests, is_read_by_others_and_written_by_none_of_them);
	tcase_add_test(tests, stays_beside_the_chain);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
