/* Revocation blocks, put to use. */
#include "authority.h"
#include "unit.h"

#include "revocation/authority.h"
#include "revocation/request.h"

#include <stdio.h>
#include <string.h>

#define TEXT(text) ((char *)(uintptr_t)(text))

static X509 *old_ca, *new_ca, *end_entity;
static char old_path[256], new_path[256], both_path[256], leaf_path[256], missing_path[256];
static char *files[3], *listed[2], *senders[2];
static struct config_phrase phrase;
static struct config_organisation organisations[2];
static struct config_revocation blocks[2];
static struct config config;

static void
path(char out[256], const char *name)
{
	snprintf(out, 256, "%s", authority_path(name));
}

static void
begin(void)
{
	old_ca = authority_issue(&(struct authority_wish){.name = "CA 2025", .ca = true});
	new_ca = authority_issue(&(struct authority_wish){.name = "CA 2026", .ca = true});
	end_entity = authority_issue(&(struct authority_wish){.name = "leaf", .issuer = old_ca});
	path(old_path, "old.pem");
	path(new_path, "new.pem");
	path(both_path, "both.pem");
	path(leaf_path, "leaf.pem");
	path(missing_path, "missing.pem");
	authority_write_pem(old_path, old_ca, NULL, NULL);
	authority_write_pem(new_path, new_ca, NULL, NULL);
	authority_write_pem(both_path, old_ca, new_ca, NULL);
	authority_write_pem(leaf_path, end_entity, NULL, NULL);
	files[0] = new_path;
	files[1] = old_path;
	listed[0] = leaf_path;
	listed[1] = both_path;
	senders[0] = TEXT("a@alfa.example");
	senders[1] = TEXT("b@alfa.example");
	phrase = (struct config_phrase){.name = TEXT("de"), .number = TEXT("Widerruf von Nummer ="), .password = TEXT("Kennwort =")};
	organisations[0] = (struct config_organisation){.name = TEXT("alfa"), .certificates = {listed, 1},
		.unsigned_senders = {senders, 2}, .organization_identifier = TEXT("NTRCZ-1")};
	organisations[1] = (struct config_organisation){.name = TEXT("beta"), .certificates = {listed, 2},
		.organization = TEXT("Beta"), .country = TEXT("CZ"), .by_name = true};
	blocks[0] = (struct config_revocation){.name = TEXT("ica"), .address = TEXT("revoke@ca.example"), .authorities = {files, 2},
		.form_signed = true, .form_password = true, .request_age = 77, .phrases = &phrase, .phrase_count = 1,
		.organisations = organisations, .organisation_count = 2};
	blocks[1] = (struct config_revocation){.name = TEXT("cesnet"), .address = TEXT("revoke2@ca.example"),
		.authorities = {files, 1}, .form_same_subject = true, .form_authorised = true};
	config = (struct config){.revocations = blocks, .revocation_count = 2};
}

static void
end(void)
{
	X509_free(old_ca);
	X509_free(new_ca);
	X509_free(end_entity);
}

static struct authorities *
made(void)
{
	struct authorities *all;
	struct error err = ERROR_NONE;

	ck_assert_msg(authorities_new(&config, &all, &err) == ANSWER_YES, "%s", err.words);
	return all;
}

START_TEST(blocks_are_found_by_name_and_address)
{
	struct authorities *all = made();
	const struct authority *ica = authorities_get(all, 0);

	ck_assert_ptr_eq(authorities_named(all, "ica"), ica);
	ck_assert_ptr_eq(authorities_at(all, slice_str("Revoke@CA.Example")), ica);
	ck_assert_ptr_eq(authorities_at(all, slice_str("revoke2@ca.example")), authorities_get(all, 1));
	ck_assert_ptr_null(authorities_named(all, "IC"));
	ck_assert_ptr_null(authorities_at(all, slice_str("revoke3@ca.example")));
	ck_assert_ptr_null(authorities_at(all, slice_str("revoke")));
	authorities_free(all);
	authorities_free(NULL);
}
END_TEST

START_TEST(what_a_block_says_is_what_counts)
{
	struct authorities *all = made();
	const struct authority *ica = authorities_get(all, 0), *cesnet = authorities_get(all, 1);
	const struct authorise_block *b = &ica->block;

	unit_assert_slice_str(b->name, "ica");
	ck_assert_uint_eq(b->forms, AUTHORISE_SIGNED | AUTHORISE_PASSWORD);
	ck_assert_uint_eq(cesnet->block.forms, AUTHORISE_SAME_SUBJECT | AUTHORISE_AUTHORISED);
	ck_assert_int_eq(b->request_age, 77);
	ck_assert_uint_eq(b->issuer_count, 2);
	ck_assert_str_eq(authority_file(ica, 0), new_path);
	ck_assert_str_eq(authority_file(ica, 1), old_path);
	ck_assert_ptr_null(authority_file(ica, 2));
	ck_assert_uint_eq(b->listing_count, 4);
	ck_assert_str_eq(b->listings[0].organisation.organization_identifier, "NTRCZ-1");
	ck_assert(!b->listings[0].by_name && b->listings[3].by_name);
	ck_assert_str_eq(b->listings[3].organisation.organization, "Beta");
	ck_assert_mem_eq(b->listings[0].digest, b->listings[1].digest, 32);
	ck_assert_uint_eq(b->sender_count, 2);
	unit_assert_slice_str(b->senders[1].address, "b@alfa.example");
	ck_assert_uint_eq(cesnet->block.sender_count, 0);
	authorities_free(all);
}
END_TEST

START_TEST(phrases_are_added)
{
	struct authorities *all = made();
	struct request *request = request_new();

	ck_assert_int_eq(request_read(slice_str("Widerruf von Nummer = 12\nKennwort = abcd\n"), authorities_get(all, 0)->phrases,
		request, NULL), ANSWER_YES);
	ck_assert_uint_eq(request->line_count, 1);
	ck_assert_str_eq(request->lines[0].language, "de");
	ck_assert_str_eq(request->lines[0].password, "abcd");
	request_free(request);
	request = request_new();
	ck_assert_int_eq(request_read(slice_str("Widerruf von Nummer = 12\n"), authorities_get(all, 1)->phrases, request, NULL),
		ANSWER_YES);
	ck_assert_uint_eq(request->line_count, 0);
	request_free(request);
	authorities_free(all);
}
END_TEST

/* Each is named after its block. */
static void
assert_refused(const char *words)
{
	struct authorities *all = NULL;
	struct error err = ERROR_NONE;

	ck_assert_int_eq(authorities_new(&config, &all, &err), ANSWER_NO);
	ck_assert_msg(strstr(err.words, words) != NULL, "%s", err.words);
	ck_assert_ptr_null(all);
}

START_TEST(what_will_not_do_is_named)
{
	files[1] = missing_path;
	assert_refused("revocation ica: cannot open ");
	files[1] = both_path;
	assert_refused("holds 2 certificates");
	files[1] = leaf_path;
	assert_refused("revocation ica: ");
	files[1] = old_path;
	listed[1] = missing_path;
	assert_refused("revocation ica: organisation beta: cannot open ");
	listed[1] = both_path;
	phrase.number = TEXT("=");
	assert_refused("revocation ica: ");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("authority");
	TCase *c = tcase_create("authority");

	tcase_add_checked_fixture(c, begin, end);
	tcase_add_test(c, blocks_are_found_by_name_and_address);
	tcase_add_test(c, what_a_block_says_is_what_counts);
	tcase_add_test(c, phrases_are_added);
	tcase_add_test(c, what_will_not_do_is_named);
	suite_add_tcase(s, c);
	return unit_run(s);
}
