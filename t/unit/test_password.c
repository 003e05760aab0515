/* Passwords: the text form, what they cost, and how many are checked at once. */
#include "memory_scan.h"
#include "unit.h"

#include "base/deadline.h"
#include "revocation/password.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LN 12 /* of the tests' own, which are many */

static const unsigned char salt[PASSWORD_SALT] = "0123456789abcde";

static struct timespec
soon(void)
{
	return deadline_in(60000);
}

static struct password_hash
hash_of(const char *password, unsigned ln)
{
	struct password_hash h;

	ck_assert_int_eq(password_make(slice_str(password), ln, salt, &h, NULL), ANSWER_YES);
	return h;
}

/* ---- what is a password ------------------------------------------------------- */

static const struct {
	const char *text;
	size_t len;
	bool valid;
} passwords[] = {
	{"abcd", 4, true}, {"0000", 4, true}, {"ZZZZ", 4, true}, {"azAZ09", 6, true},
	{"abcdefghijklmnopqrstuvwxyz012345", 32, true},
	{"abc", 3, false}, {"", 0, false}, {"abcdefghijklmnopqrstuvwxyz0123456", 33, false},
	{"abc d", 5, false}, {"abcd\n", 5, false}, {"abcd.", 5, false}, {"ab\0cd", 5, false}, {"he\xc5\xa1lo", 6, false},
	{"a/cd", 4, false}, {"a:cd", 4, false}, {"a@cd", 4, false}, {"a[cd", 4, false}, {"a`cd", 4, false}, {"a{cd", 4, false},
};

START_TEST(test_valid)
{
	struct password_hash h;
	struct slice password = slice_of(passwords[_i].text, passwords[_i].len);
	struct error err = ERROR_NONE;

	ck_assert_int_eq(password_is_valid(password), passwords[_i].valid);
	ck_assert_int_eq(password_make(password, PASSWORD_LN_MIN, salt, &h, &err),
		passwords[_i].valid ? ANSWER_YES : ANSWER_NO);
	if (!passwords[_i].valid)
		ck_assert_str_eq(err.code, "password");
}
END_TEST

/* ---- the text form ------------------------------------------------------------ */

/* RFC 7914 12, the third vector, whose first 32 octets are the same as of a hash of 32. */
#define RFC7914 "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI"

START_TEST(test_rfc_7914)
{
	struct password_work *work = password_work_new(1, 14, 1);
	struct password_hash h;
	struct timespec deadline = soon();
	char text[PASSWORD_TEXT_MAX + 1];
	bool matches = false;

	ck_assert_int_eq(password_parse(slice_str(RFC7914), 14, &h, NULL), ANSWER_YES);
	ck_assert_uint_eq(h.salt_len, strlen("SodiumChloride"));
	ck_assert_mem_eq(h.salt, "SodiumChloride", h.salt_len);
	password_write(&h, text);
	ck_assert_str_eq(text, RFC7914);
	ck_assert_int_eq(password_check(work, slice_str("pleaseletmein"), &h, 1, &deadline, &matches, NULL), ANSWER_YES);
	ck_assert(matches);
	ck_assert_int_eq(password_check(work, slice_str("pleaseletmeim"), &h, 1, &deadline, &matches, NULL), ANSWER_YES);
	ck_assert(!matches);
	password_work_free(work);
}
END_TEST

static const struct {
	const char *text, *code;
} wrong_texts[] = {
	{"", "password-hash"},
	{"$scrypt$", "password-hash"},
	{"tajne10", "password-hash"},
	{"$2b$12$abcdefghijklmnopqrstuv", "password-hash"},
	{"$SCRYPT$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{"$scrypt$ln=,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{"$scrypt$ln=014,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{"$scrypt$ln=1x,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{"$scrypt$ln=-4,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{"$scrypt$ln=9,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{"$scrypt$ln=15,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-cost"},
	{"$scrypt$ln=99,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-cost"},
	{"$scrypt$ln=14,r=16,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{"$scrypt$ln=14,r=8,p=5$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{"$scrypt$r=8,ln=14,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{"$scrypt$ln=14,r=8,p=1$$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{"$scrypt$ln=14,r=8,p=1$c29sc29s$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{"$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU=$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{"$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGV$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{"$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdof", "password-hash"},
	{"$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofJ", "password-hash"},
	{"$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046_2o-7qQT44-qbVD9lRdofI", "password-hash"},
	{"$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI\n", "password-hash"},
	{"$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI$x", "password-hash"},
	{"$scrypt$ln=14", "password-hash"},
	{"$scrypt$ln=14,", "password-hash"},
	{"$scrypt$ln=14,r=8,p=1", "password-hash"},
	{"$scrypt$ln=14,r=8,p=1$", "password-hash"},
	{"$scrypt$ln=/:,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{"$scrypt$ln=0>,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{" $scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{"$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU", "password-hash"},
	{"$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVV$"
		"cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
	{"$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$U29kaXVtQ2hsb3JpZGVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVV"
		"cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofIcCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI", "password-hash"},
};

START_TEST(test_wrong_text)
{
	struct password_hash h;
	struct error err = ERROR_NONE;

	ck_assert_msg(password_parse(slice_str(wrong_texts[_i].text), 14, &h, &err) == ANSWER_NO, "%s",
		wrong_texts[_i].text);
	ck_assert_str_eq(err.code, wrong_texts[_i].code);
}
END_TEST

START_TEST(test_every_salt)
{
	struct password_hash h = {.ln = 10}, again;
	char text[PASSWORD_TEXT_MAX + 1];

	for (size_t i = 0; i < sizeof h.hash; i++)
		h.hash[i] = (unsigned char)(i * 37);
	for (h.salt_len = PASSWORD_SALT_MIN; h.salt_len <= PASSWORD_SALT_MAX; h.salt_len++) {
		memset(h.salt, (int)(h.salt_len * 51 & 0xff), h.salt_len);
		password_write(&h, text);
		ck_assert_int_eq(password_parse(slice_str(text), PASSWORD_LN_MAX, &again, NULL), ANSWER_YES);
		ck_assert_uint_eq(again.salt_len, h.salt_len);
		ck_assert_mem_eq(again.salt, h.salt, h.salt_len);
		ck_assert_mem_eq(again.hash, h.hash, sizeof h.hash);
	}
}
END_TEST

START_TEST(test_highest_cost)
{
	struct password_hash h = {.ln = PASSWORD_LN_MAX, .salt_len = PASSWORD_SALT};
	char text[PASSWORD_TEXT_MAX + 1];
	struct error err = ERROR_NONE;

	password_write(&h, text);
	ck_assert_int_eq(password_parse(slice_str(text), PASSWORD_LN_MAX, &h, NULL), ANSWER_YES);
	ck_assert_int_eq(password_parse(slice_str(text), PASSWORD_LN_MAX - 1, &h, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "password-cost");
	h.ln++;
	password_write(&h, text);
	ck_assert_int_eq(password_parse(slice_str(text), PASSWORD_LN_MAX + 1, &h, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "password-cost");
}
END_TEST

START_TEST(test_salt_counts)
{
	static const unsigned char other[PASSWORD_SALT] = "0123456789abcdf";
	struct password_hash a = hash_of("tajne10", 10), b;

	ck_assert_int_eq(password_make(slice_str("tajne10"), 10, other, &b, NULL), ANSWER_YES);
	ck_assert(memcmp(a.hash, b.hash, sizeof a.hash) != 0);
	b = hash_of("tajne10", 11);
	ck_assert(memcmp(a.hash, b.hash, sizeof a.hash) != 0);
}
END_TEST

/* ---- checking ----------------------------------------------------------------- */

START_TEST(test_which_match)
{
	struct password_work *work = password_work_new(2, LN, 4);
	struct password_hash hashes[4] = {hash_of("prvni", LN), hash_of("tajne10", LN), hash_of("treti", 10),
		hash_of("tajne10", 11)};
	struct timespec deadline = soon();
	bool matches[4] = {true, true, true, true};

	ck_assert_int_eq(password_check(work, slice_str("tajne10"), hashes, 4, &deadline, matches, NULL), ANSWER_YES);
	ck_assert(!matches[0] && matches[1] && !matches[2] && matches[3]);
	ck_assert_int_eq(password_check(work, slice_str("treti"), hashes, 4, &deadline, matches, NULL), ANSWER_YES);
	ck_assert(!matches[0] && !matches[1] && matches[2] && !matches[3]);
	ck_assert_int_eq(password_check(work, slice_str("Treti"), hashes, 4, &deadline, matches, NULL), ANSWER_YES);
	ck_assert(!matches[0] && !matches[1] && !matches[2] && !matches[3]);
	password_work_free(work);
}
END_TEST

/* What somebody outside may find in the inventory. */
static const struct {
	const char *words;
	unsigned ln[3]; /* of each hash, 0: no more */
	const char *password;
} costs[] = {
	{"nobody has that number", {0}, "spatne"},
	{"wrong", {LN}, "spatne"},
	{"right", {LN}, "tajne10"},
	{"wrong, an old hash", {10}, "spatne"},
	{"right, an old hash", {10}, "tajne10"},
	{"right, two issuers", {LN, LN}, "tajne10"},
	{"wrong, two issuers, one hash older", {LN, 11}, "spatne"},
	{"right, three issuers, all old", {10, 10, 11}, "tajne10"},
};

START_TEST(test_same_cost)
{
	struct password_work *work = password_work_new(1, LN, 3);
	/* What lies behind those that there are would cost more. */
	struct password_hash hashes[3] = {{.ln = LN + 1}, {.ln = LN + 1}, {.ln = LN + 1}};
	struct password_usage usage;
	struct timespec deadline = soon();
	bool matches[3];
	size_t count = 0;

	for (; count < 3 && costs[_i].ln[count] != 0; count++)
		hashes[count] = hash_of("tajne10", costs[_i].ln[count]);
	ck_assert_int_eq(password_check(work, slice_str(costs[_i].password), hashes, count, &deadline, matches, NULL),
		ANSWER_YES);
	password_work_usage(work, &usage);
	ck_assert_msg(usage.cost == 3 << LN, "%s: %llu", costs[_i].words, (unsigned long long)usage.cost);
	ck_assert_uint_eq(usage.running, 0);
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(matches[i], strcmp(costs[_i].password, "tajne10") == 0);
	password_work_free(work);
}
END_TEST

START_TEST(test_refused_before_it_costs)
{
	struct password_work *work = password_work_new(1, LN, 1);
	struct password_hash hashes[2] = {hash_of("tajne10", LN), hash_of("tajne10", LN)};
	struct password_usage usage;
	struct timespec deadline = soon();
	struct error err = ERROR_NONE;
	bool matches[2] = {true, true};

	ck_assert_int_eq(password_check(work, slice_str("hes lo"), hashes, 1, &deadline, matches, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "password");
	ck_assert(!matches[0]);
	ck_assert_int_eq(password_check(work, slice_str("tajne10"), hashes, 2, &deadline, matches, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "limit");
	ck_assert(!matches[0] && !matches[1]);
	hashes[0].ln = LN + 1;
	ck_assert_int_eq(password_check(work, slice_str("tajne10"), hashes, 1, &deadline, matches, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "limit");
	password_work_usage(work, &usage);
	ck_assert_uint_eq(usage.cost, 0);
	password_work_free(work);
}
END_TEST

/* ---- how many at once --------------------------------------------------------- */

struct many {
	struct password_work *work;
	struct password_hash hash;
	enum answer answer;
	bool matches;
};

static void *
check_one(void *arg)
{
	struct many *m = arg;
	struct timespec deadline = soon();

	m->answer = password_check(m->work, slice_str("tajne10"), &m->hash, 1, &deadline, &m->matches, NULL);
	return NULL;
}

#define THREADS 12

START_TEST(test_bounded)
{
	struct many many[THREADS];
	pthread_t threads[THREADS];
	struct password_usage usage;
	struct password_work *work = password_work_new(2, LN, 4);

	for (size_t i = 0; i < THREADS; i++) {
		many[i] = (struct many){.work = work, .hash = hash_of("tajne10", LN)};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, check_one, &many[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(many[i].answer, ANSWER_YES);
		ck_assert(many[i].matches);
	}
	password_work_usage(work, &usage);
	ck_assert_uint_ge(usage.most, 1);
	ck_assert_uint_le(usage.most, 2);
	ck_assert_uint_eq(usage.running, 0);
	ck_assert_uint_eq(usage.waiting, 0);
	ck_assert_uint_eq(usage.cost, (uint64_t)THREADS * 4 << LN);
	password_work_free(work);
}
END_TEST

/* Checks again and again until somebody has been told to come later. */
struct crowd {
	struct password_work *work;
	struct password_hash hash;
	long patience; /* ms */
	atomic_bool *told;
};

static void *
check_until_told(void *arg)
{
	const struct crowd *c = arg;
	struct error err = ERROR_NONE;
	bool matches;

	while (!atomic_load(c->told)) {
		struct timespec deadline = deadline_in(c->patience);

		if (password_check(c->work, slice_str("tajne10"), &c->hash, 1, &deadline, &matches, &err) == ANSWER_YES) {
			ck_assert(matches);
			continue;
		}
		ck_assert_str_eq(err.code, "password-busy");
		ck_assert(!matches);
		atomic_store(c->told, true);
	}
	return NULL;
}

/* Ends only if one of so many is told. */
static void
crowd(size_t count, long patience)
{
	struct password_work *work = password_work_new(1, LN, 1);
	struct password_usage usage;
	atomic_bool told = false;
	struct crowd c = {work, hash_of("tajne10", LN), patience, &told};
	pthread_t threads[THREADS * 2];

	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, check_until_told, &c), 0);
	for (size_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	password_work_usage(work, &usage);
	ck_assert_uint_eq(usage.most, 1);
	ck_assert_uint_eq(usage.running, 0);
	ck_assert_uint_eq(usage.waiting, 0);
	password_work_free(work);
}

START_TEST(test_without_patience)
{
	crowd(2, 0);
}
END_TEST

START_TEST(test_few_wait)
{
	ck_assert_uint_lt(PASSWORD_WAITING_MAX + 1, THREADS * 2);
	crowd(THREADS * 2, 600000);
}
END_TEST

START_TEST(test_free)
{
	password_work_free(NULL);
}
END_TEST

/* ---- what is left behind ------------------------------------------------------ */

#define SECRET 24

/* Nowhere in this program as it stands, so that one who looks for it finds what was done with it. */
static void
make_secret(unsigned char secret[SECRET])
{
	for (size_t i = 0; i < SECRET; i++)
		secret[i] = (unsigned char)('A' + (i * 7 + 3) % 26);
}

/* Makes a hash and checks it, overwrites the password if it should, says so and waits to be killed. */
static void
use_secret(bool wipe, int ready)
{
	unsigned char secret[SECRET];
	struct password_work *work = password_work_new(1, 10, 2);
	struct password_hash hash;
	struct timespec deadline = soon();
	bool matches;

	make_secret(secret);
	if (password_make(slice_of(secret, SECRET), 10, salt, &hash, NULL) != ANSWER_YES ||
	    password_check(work, slice_of(secret, SECRET), &hash, 1, &deadline, &matches, NULL) != ANSWER_YES || !matches)
		_exit(1);
	password_work_free(work);
	if (wipe)
		password_wipe(secret, sizeof secret);
	if (write(ready, "r", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static size_t
count_left(bool wipe)
{
	struct memory_scan scan;
	unsigned char secret[SECRET];
	int ready[2];
	char said;
	pid_t pid;
	size_t hits;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		use_secret(wipe, ready[1]);
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &said, 1), 1);
	make_secret(secret);
	memory_scan_init(&scan);
	ck_assert(memory_scan_add(&scan, "password", secret, SECRET));
	ck_assert_int_gt(memory_scan_process(&scan, pid), 0);
	hits = memory_scan_hits(&scan, "");
	memory_scan_free(&scan);
	password_wipe(secret, SECRET);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	return hits;
}

START_TEST(test_nothing_left)
{
	/* In this order: what this process leaves behind itself, its children have too. */
	ck_assert_uint_eq(count_left(true), 0);
	ck_assert_uint_ge(count_left(false), 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("password");
	TCase *c = tcase_create("password");

	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, test_valid, 0, sizeof passwords / sizeof passwords[0]);
	tcase_add_test(c, test_rfc_7914);
	tcase_add_loop_test(c, test_wrong_text, 0, sizeof wrong_texts / sizeof wrong_texts[0]);
	tcase_add_test(c, test_every_salt);
	tcase_add_test(c, test_highest_cost);
	tcase_add_test(c, test_salt_counts);
	tcase_add_test(c, test_which_match);
	tcase_add_loop_test(c, test_same_cost, 0, sizeof costs / sizeof costs[0]);
	tcase_add_test(c, test_refused_before_it_costs);
	tcase_add_test(c, test_bounded);
	tcase_add_test(c, test_without_patience);
	tcase_add_test(c, test_few_wait);
	tcase_add_test(c, test_free);
	tcase_add_test(c, test_nothing_left);
	suite_add_tcase(s, c);
	return unit_run(s);
}
