/* What is sealed for the worker: that only its key and the right label open it, and what lies on the disk. */
#include "authority.h"
#include "unit.h"

#include "revocation/proof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LABEL "authority, serial, digest"
#define SECRET "heslo1234"

static const char *
new_directory(void)
{
	static char paths[4][256];
	static unsigned at;
	char *path = paths[at++ % 4];

	snprintf(path, 256, "%s/XXXXXX", authority_folder());
	ck_assert_ptr_nonnull(mkdtemp(path));
	return path;
}

static const char *
in(const char *directory, const char *name)
{
	static char paths[4][512];
	static unsigned at;
	char *path = paths[at++ % 4];

	snprintf(path, 512, "%s/%s", directory, name);
	return path;
}

static struct proof_key *
open_key(const char *directory)
{
	struct proof_key *key;
	struct error err = ERROR_NONE;

	ck_assert_msg(proof_key_open(directory, &key, &err) == ANSWER_YES, "%s", err.words);
	return key;
}

static struct proof_key *
open_public(const char *directory)
{
	struct proof_key *key;
	struct error err = ERROR_NONE;

	ck_assert_msg(proof_key_open_public(directory, &key, &err) == ANSWER_YES, "%s", err.words);
	return key;
}

static void
seal(const struct proof_key *key, const char *label, struct slice octets, struct buf *out)
{
	struct error err = ERROR_NONE;

	buf_init(out, PROOF_OCTETS_MAX + PROOF_OVERHEAD);
	ck_assert_msg(proof_seal(key, slice_str(label), octets, out, &err) == ANSWER_YES, "%s", err.words);
}

/* NULL: it does not open, and nothing came out. */
static const char *
opened(const struct proof_key *key, const char *label, struct slice octets)
{
	static char text[64];
	struct error err = ERROR_NONE;
	struct buf out;
	enum answer answer;

	buf_init(&out, sizeof text - 1);
	answer = proof_open(key, slice_str(label), octets, &out, &err);
	if (answer == ANSWER_YES) {
		snprintf(text, sizeof text, "%.*s", SLICE_FMT(buf_slice(&out)));
	} else {
		ck_assert_int_eq(answer, ANSWER_NO);
		ck_assert_str_eq(err.code, "proof");
		ck_assert_uint_eq(out.len, 0);
	}
	buf_wipe(&out);
	return answer == ANSWER_YES ? text : NULL;
}

START_TEST(what_gate_seals_only_the_worker_opens)
{
	const char *directory = new_directory(), *elsewhere = new_directory();
	struct proof_key *worker = open_key(directory), *gate = open_public(directory), *other = open_key(elsewhere);
	struct buf sealed, again;

	seal(gate, LABEL, slice_str(SECRET), &sealed);
	seal(gate, LABEL, slice_str(SECRET), &again);
	ck_assert(proof_is_sealed(buf_slice(&sealed)));
	ck_assert(!proof_is_sealed(slice_str("Content-Type: text/plain\n\nnothing")) && !proof_is_sealed(SLICE_NONE));
	ck_assert_uint_le(sealed.len, strlen(SECRET) + PROOF_OVERHEAD);
	ck_assert_ptr_null(memmem(sealed.data, sealed.len, SECRET, strlen(SECRET)));
	ck_assert(!slice_eq(buf_slice(&sealed), buf_slice(&again)));
	ck_assert_str_eq(opened(worker, LABEL, buf_slice(&sealed)), SECRET);
	ck_assert_ptr_null(opened(gate, LABEL, buf_slice(&sealed)));
	ck_assert_ptr_null(opened(other, LABEL, buf_slice(&sealed)));
	buf_free(&sealed);
	buf_free(&again);
	proof_key_free(worker);
	proof_key_free(gate);
	proof_key_free(other);
	proof_key_free(NULL);
}
END_TEST

START_TEST(it_opens_for_its_label_alone)
{
	struct proof_key *key = open_key(new_directory());
	struct buf sealed, bare;

	seal(key, LABEL, slice_str(SECRET), &sealed);
	seal(key, "", slice_str(SECRET), &bare);
	ck_assert_ptr_null(opened(key, LABEL ".", buf_slice(&sealed)));
	ck_assert_ptr_null(opened(key, "", buf_slice(&sealed)));
	ck_assert_ptr_null(opened(key, LABEL, buf_slice(&bare)));
	ck_assert_str_eq(opened(key, "", buf_slice(&bare)), SECRET);
	buf_free(&sealed);
	buf_free(&bare);
	proof_key_free(key);
}
END_TEST

START_TEST(whatever_is_altered_is_noticed)
{
	struct proof_key *key = open_key(new_directory());
	struct buf sealed;

	seal(key, LABEL, slice_str(SECRET), &sealed);
	for (size_t i = 0; i < sealed.len; i += i < 16 || i > sealed.len - 40 ? 1 : 37) {
		sealed.data[i] ^= 1;
		ck_assert_msg(opened(key, LABEL, buf_slice(&sealed)) == NULL, "octet %zu", i);
		sealed.data[i] ^= 1;
	}
	for (size_t len = 0; len < sealed.len; len += len < 16 || len > sealed.len - 40 ? 1 : 37)
		ck_assert_msg(opened(key, LABEL, slice_of(sealed.data, len)) == NULL, "%zu octets", len);
	buf_add_byte(&sealed, '.');
	ck_assert_ptr_null(opened(key, LABEL, buf_slice(&sealed)));
	buf_free(&sealed);
	proof_key_free(key);
}
END_TEST

START_TEST(nothing_and_very_much_can_be_sealed)
{
	struct proof_key *key = open_key(new_directory());
	unsigned char *much = calloc(1, PROOF_OCTETS_MAX + 1);
	struct buf sealed, out;

	seal(key, LABEL, SLICE_NONE, &sealed);
	ck_assert_str_eq(opened(key, LABEL, buf_slice(&sealed)), "");
	buf_free(&sealed);
	seal(key, LABEL, slice_of(much, PROOF_OCTETS_MAX), &sealed);
	buf_init(&out, PROOF_OCTETS_MAX);
	ck_assert_int_eq(proof_open(key, slice_str(LABEL), buf_slice(&sealed), &out, NULL), ANSWER_YES);
	ck_assert_uint_eq(out.len, PROOF_OCTETS_MAX);
	buf_wipe(&out);
	buf_clear(&sealed);
	ck_assert_int_eq(proof_seal(key, slice_str(LABEL), slice_of(much, PROOF_OCTETS_MAX + 1), &sealed, NULL),
		ANSWER_CANT_TELL);
	buf_free(&sealed);
	free(much);
	proof_key_free(key);
}
END_TEST

START_TEST(the_key_is_made_once)
{
	const char *directory = new_directory();
	struct proof_key *first = open_key(directory), *second;
	struct buf sealed;
	struct stat st;

	seal(first, LABEL, slice_str(SECRET), &sealed);
	proof_key_free(first);
	ck_assert_int_eq(stat(in(directory, "proof.key"), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(stat(in(directory, "proof.pub"), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0644);
	second = open_key(directory);
	ck_assert_str_eq(opened(second, LABEL, buf_slice(&sealed)), SECRET);
	buf_free(&sealed);
	proof_key_free(second);
}
END_TEST

/* Somebody copied only half of the folder back. */
START_TEST(the_public_half_follows_the_private_one)
{
	const char *directory = new_directory(), *elsewhere = new_directory();
	struct proof_key *key = open_key(directory), *gate;
	struct buf sealed;

	proof_key_free(key);
	proof_key_free(open_key(elsewhere));
	ck_assert_int_eq(rename(in(elsewhere, "proof.pub"), in(directory, "proof.pub")), 0);
	key = open_key(directory);
	gate = open_public(directory);
	seal(gate, LABEL, slice_str(SECRET), &sealed);
	ck_assert_str_eq(opened(key, LABEL, buf_slice(&sealed)), SECRET);
	buf_free(&sealed);
	proof_key_free(key);
	proof_key_free(gate);
}
END_TEST

START_TEST(a_key_that_others_can_read_is_none)
{
	const char *directory = new_directory();
	struct error err = ERROR_NONE;
	struct proof_key *key;

	proof_key_free(open_key(directory));
	ck_assert_int_eq(chmod(in(directory, "proof.key"), 0640), 0);
	ck_assert_int_eq(proof_key_open(directory, &key, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "proof");
	ck_assert_ptr_nonnull(strstr(err.words, "chmod 600"));
}
END_TEST

/* It is not made anew: what was sealed for the old one could never be opened. */
START_TEST(a_damaged_key_is_said_to_be)
{
	const char *directory = new_directory();
	struct error err = ERROR_NONE;
	struct proof_key *key;

	authority_write(in(directory, "proof.key"), slice_str("-----BEGIN PRIVATE KEY-----\nAAAA\n"));
	ck_assert_int_eq(chmod(in(directory, "proof.key"), 0600), 0);
	ck_assert_int_eq(proof_key_open(directory, &key, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "proof");
}
END_TEST

START_TEST(gate_waits_for_the_worker_to_make_it)
{
	const char *directory = new_directory();
	struct error err = ERROR_NONE;
	struct proof_key *key;

	ck_assert_int_eq(proof_key_open_public(directory, &key, &err), ANSWER_CANT_TELL);
	ck_assert_int_eq(err.answer, ANSWER_CANT_TELL);
	authority_write(in(directory, "proof.pub"), slice_str("no key"));
	ck_assert_int_eq(proof_key_open_public(directory, &key, &err), ANSWER_CANT_TELL);
	proof_key_free(open_key(directory));
	proof_key_free(open_public(directory));
	ck_assert_int_eq(proof_key_open("/nonexistent", &key, &err), ANSWER_CANT_TELL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proof");
	TCase *c = tcase_create("proof");

	tcase_set_timeout(c, 120);
	tcase_add_test(c, what_gate_seals_only_the_worker_opens);
	tcase_add_test(c, it_opens_for_its_label_alone);
	tcase_add_test(c, whatever_is_altered_is_noticed);
	tcase_add_test(c, nothing_and_very_much_can_be_sealed);
	tcase_add_test(c, the_key_is_made_once);
	tcase_add_test(c, the_public_half_follows_the_private_one);
	tcase_add_test(c, a_key_that_others_can_read_is_none);
	tcase_add_test(c, a_damaged_key_is_said_to_be);
	tcase_add_test(c, gate_waits_for_the_worker_to_make_it);
	suite_add_tcase(s, c);
	return unit_run(s);
}
