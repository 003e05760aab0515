#include "authority.h"
#include "unit.h"

#include "base/deadline.h"
#include "directory/directory.h"
#include "directory/filter.h"
#include "directory/found.h"

#include <openssl/cms.h>

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT_ONCE 30000 /* ms: a deadline that nothing here is to reach */

static X509 *root;

/* ---- the configuration ---------------------------------------------------- */

struct set_up {
	struct config config;
	struct config_directory directories[2];
	char *anchor[1];
	char anchor_path[256];
	char folders[2][256];
	struct config_trust blocks[2];
	struct trusts *trusts;
	struct directories *d;
};

static void
begin(struct set_up *s)
{
	*s = (struct set_up){.config = {.cache_positive = 60, .cache_negative = 60, .cache_size = 100,
		.status_size_limit = 1 << 20, .status_total_limit = 64 << 20, .status_timeout = 10}};
	snprintf(s->anchor_path, sizeof s->anchor_path, "%s", authority_path("root.pem"));
	s->anchor[0] = s->anchor_path;
	s->config.anchors = (struct config_strings){.item = s->anchor, .count = 1};
	s->config.directories = s->directories;
}

/* A folder of that name, empty. */
static struct config_directory *
add_folder(struct set_up *s, const char *name)
{
	size_t i = s->config.directory_count++;
	struct config_directory *d = &s->directories[i];

	*d = (struct config_directory){.name = (char *)name, .type = DIRECTORY_FILES, .path = s->folders[i]};
	snprintf(d->path, sizeof s->folders[i], "%s", authority_path(name));
	mkdir(d->path, 0700);
	return d;
}

static void
open_directories(struct set_up *s)
{
	struct error err = ERROR_NONE;

	ck_assert_msg(trusts_new(&s->config, &s->trusts, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_msg(directories_new(&s->config, s->trusts, &s->d, &err) == ANSWER_YES, "%s", err.words);
}

static struct directory_result
find_as(struct set_up *s, const char *address, enum config_encrypt_to encrypt_to, long days)
{
	struct timespec deadline = deadline_in(AT_ONCE);
	unsigned left = 0;
	struct directory_question question = {.address = slice_str(address), .encrypt_to = encrypt_to,
		.now = AUTHORITY_NOW + days * AUTHORITY_DAY, .deadline = &deadline, .left = &left};
	struct directory_result r;

	directory_find(s->d, &question, &r);
	if (r.answer != ANSWER_YES && r.candidate_count > 0)
		ck_assert_ptr_nonnull(strstr(r.reason.words, address)); /* the sender is told whose */
	return r;
}

/* The answer, and the subjects of those chosen: "CN=a CN=b". */
static enum answer
chosen(struct set_up *s, const char *address, enum config_encrypt_to encrypt_to, char names[200])
{
	struct directory_result r = find_as(s, address, encrypt_to, 0);
	enum answer answer = r.answer;

	names[0] = '\0';
	for (size_t i = 0; i < r.candidate_count; i++)
		if (r.candidates[i].chosen) {
			strcat(names, names[0] == '\0' ? "" : " ");
			strcat(names, r.candidates[i].cert->subject);
		}
	directory_result_free(&r);
	return answer;
}

static void
assert_chosen(struct set_up *s, const char *address, const char *want)
{
	char names[200];

	ck_assert_msg(chosen(s, address, ENCRYPT_TO_NEWEST, names) == ANSWER_YES, "%s: none, want %s", address, want);
	ck_assert_msg(strcmp(names, want) == 0, "%s: %s, want %s", address, names, want);
}

static enum answer
answer_of(struct set_up *s, const char *address)
{
	char names[200];

	return chosen(s, address, ENCRYPT_TO_NEWEST, names);
}

/* The code with which the only certificate is refused. */
static const char *
refusal_of(struct set_up *s, const char *address)
{
	struct directory_result r = find_as(s, address, ENCRYPT_TO_NEWEST, 0);
	const char *code = r.candidate_count == 1 ? r.candidates[0].refusal.code : NULL;

	ck_assert_int_eq(r.answer, ANSWER_NO);
	directory_result_free(&r);
	return code == NULL ? "" : code;
}

static void
end(struct set_up *s)
{
	directories_free(s->d);
	trusts_free(s->trusts);
}

static void
write_cert(const struct config_directory *d, const char *file, struct authority_wish wish)
{
	char path[512];
	X509 *x509;

	if (wish.issuer == NULL)
		wish.issuer = root;
	if (wish.usage == NULL)
		wish.usage = "keyAgreement";
	x509 = authority_issue(&wish);
	snprintf(path, sizeof path, "%s/%s", d->path, file);
	authority_write_pem(path, x509, NULL, NULL);
	X509_free(x509);
}

static void
write_text(const struct config_directory *d, const char *file, const char *text)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", d->path, file);
	authority_write(path, slice_str(text));
}

/* ---- judging and choosing ------------------------------------------------- */

#define A .alternative = "email:a@a.example"

static const struct {
	struct authority_wish wish;
	const char *code; /* NULL: usable */
	bool binds;
} judged[] = {
	{{.name = "good", A}, NULL, false},
	{{.name = "rsa", A, .key = "RSA:2048", .usage = "keyEncipherment"}, NULL, false},
	{{.name = "in the subject", .dn_address = "A@a.EXAMPLE"}, NULL, false},
	{{.name = "among several", .alternative = "email:b@a.example,email:a@a.example"}, NULL, false},
	{{.name = "none inside", .usage = "keyAgreement"}, NULL, true},
	{{.name = "none inside", .usage = "keyAgreement"}, "no-address", false},
	{{.name = "another's", .alternative = "email:b@a.example"}, "other-address", false},
	{{.name = "another's", .alternative = "email:b@a.example"}, "other-address", true},
	{{.name = "malformed", .alternative_der = {(const unsigned char *)"\x30\x06\x81\x04" "boss", 8}}, "other-address", true},
	{{.name = "expired", A, .begin = -100 * AUTHORITY_DAY, .end = -1}, "expired", false},
	{{.name = "last second", A, .begin = -100 * AUTHORITY_DAY, .end = 1}, NULL, false},
	{{.name = "future", A, .begin = 1, .end = 100 * AUTHORITY_DAY}, "not-yet-valid", false},
	{{.name = "signs", A, .usage = "digitalSignature,nonRepudiation"}, "key-usage", false},
	{{.name = "agrees", A, .key = "RSA:2048", .usage = "keyAgreement"}, "key-usage", false},
	{{.name = "enciphers", A, .usage = "keyEncipherment"}, "key-usage", false},
	{{.name = "small", A, .key = "RSA:1024", .usage = "keyEncipherment"}, "key-size", false},
	{{.name = "odd curve", A, .key = "secp256k1", .usage = "keyAgreement"}, "key-type", false},
	{{.name = "edwards", A, .key = "ED25519"}, "key-type", false},
	{{.name = "authority", A, .ca = true}, "ca", false},
};

START_TEST(test_judge)
{
	struct authority_wish wish = judged[_i].wish;
	struct error err = ERROR_NONE;
	struct cert *cert;
	enum answer answer;

	wish.issuer = root;
	cert = authority_cert(&wish);
	answer = directory_judge(cert, slice_str("a@a.example"), judged[_i].binds, AUTHORITY_NOW, &err);
	if (judged[_i].code == NULL) {
		ck_assert_msg(answer == ANSWER_YES, "%s: %s", wish.name, err.words);
	} else {
		ck_assert_msg(answer == ANSWER_NO && strcmp(err.code, judged[_i].code) == 0, "%s: %s", wish.name,
			answer == ANSWER_YES ? "usable" : err.code);
		ck_assert_str_ne(err.words, "");
	}
	cert_unref(cert);
}
END_TEST

START_TEST(test_newest_or_all)
{
	struct set_up s;
	struct config_directory *d;
	char names[200];

	begin(&s);
	d = add_folder(&s, "several");
	write_cert(d, "1.pem", (struct authority_wish){.name = "old", A, .begin = -200 * AUTHORITY_DAY, .end = 900 * AUTHORITY_DAY});
	write_cert(d, "2.pem", (struct authority_wish){.name = "new", A, .begin = -2 * AUTHORITY_DAY, .end = 100 * AUTHORITY_DAY});
	write_cert(d, "3.pem", (struct authority_wish){.name = "newest but expired", A, .begin = -AUTHORITY_DAY, .end = -1});
	write_cert(d, "4.pem", (struct authority_wish){.name = "future", A, .begin = 10, .end = 100 * AUTHORITY_DAY});
	write_text(d, "5.pem", "rubbish");
	open_directories(&s);
	assert_chosen(&s, "a@a.example", "CN=new");
	assert_chosen(&s, "<A@A.Example>", "CN=new");
	ck_assert_int_eq(chosen(&s, "a@a.example", ENCRYPT_TO_ALL, names), ANSWER_YES);
	ck_assert(strcmp(names, "CN=old CN=new") == 0 || strcmp(names, "CN=new CN=old") == 0);
	end(&s);
}
END_TEST

/* ---- a folder of files ----------------------------------------------------- */

START_TEST(test_by_file_name)
{
	struct set_up s;
	struct config_directory *d;

	begin(&s);
	d = add_folder(&s, "names");
	write_cert(d, "User@Example.CZ.pem", (struct authority_wish){.name = "bare"});
	write_cert(d, "wrong@example.cz.crt", (struct authority_wish){.name = "a", A});
	write_cert(d, "notes.txt", (struct authority_wish){.name = "t", .alternative = "email:t@a.example"});
	write_cert(d, ".hidden.pem", (struct authority_wish){.name = "h", .alternative = "email:h@a.example"});
	open_directories(&s);
	ck_assert_str_eq(refusal_of(&s, "user@example.cz"), "no-address");
	ck_assert_str_eq(refusal_of(&s, "wrong@example.cz"), "other-address");
	assert_chosen(&s, "a@a.example", "CN=a"); /* found by what is inside all the same */
	ck_assert_int_eq(answer_of(&s, "t@a.example"), ANSWER_NO);
	ck_assert_int_eq(answer_of(&s, "h@a.example"), ANSWER_NO);
	end(&s);
	d->binds_address = true;
	open_directories(&s);
	assert_chosen(&s, "user@example.cz", "CN=bare");
	ck_assert_str_eq(refusal_of(&s, "wrong@example.cz"), "other-address");
	end(&s);
}
END_TEST

START_TEST(test_broken_file)
{
	struct set_up s;
	struct config_directory *d;

	begin(&s);
	d = add_folder(&s, "broken");
	write_text(d, "0.pem", "");
	write_text(d, "b@a.example.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	write_cert(d, "good.pem", (struct authority_wish){.name = "good", A});
	ck_assert_int_eq(mkfifo(authority_path("broken/pipe.pem"), 0600), 0);
	ck_assert_int_eq(mkdir(authority_path("broken/folder.pem"), 0700), 0);
	open_directories(&s);
	assert_chosen(&s, "a@a.example", "CN=good");
	ck_assert_int_eq(answer_of(&s, "c@a.example"), ANSWER_NO);
	/* What was meant to be this one's certificate cannot be read: that is not "none". */
	ck_assert_int_eq(answer_of(&s, "b@a.example"), ANSWER_CANT_TELL);
	end(&s);
}
END_TEST

START_TEST(test_changes_are_seen)
{
	struct set_up s;
	struct config_directory *d;

	begin(&s);
	d = add_folder(&s, "changes");
	open_directories(&s);
	ck_assert_int_eq(answer_of(&s, "a@a.example"), ANSWER_NO);
	write_cert(d, "x.pem", (struct authority_wish){.name = "first", A});
	assert_chosen(&s, "a@a.example", "CN=first");
	write_cert(d, "x.pem", (struct authority_wish){.name = "second", A}); /* in place, at once */
	assert_chosen(&s, "a@a.example", "CN=second");
	write_cert(d, "new", (struct authority_wish){.name = "third", A});
	ck_assert_int_eq(rename(authority_path("changes/new"), authority_path("changes/x.pem")), 0);
	assert_chosen(&s, "a@a.example", "CN=third");
	ck_assert_int_eq(unlink(authority_path("changes/x.pem")), 0);
	ck_assert_int_eq(answer_of(&s, "a@a.example"), ANSWER_NO);
	end(&s);
}
END_TEST

static void
nobody_to_ask(void *arg, const char *directory, const struct error *err)
{
	ck_assert_str_ne(err->words, "");
	snprintf(arg, 100, "%s", directory);
}

START_TEST(test_folder_away)
{
	struct timespec deadline = deadline_in(AT_ONCE);
	struct set_up s;
	char name[100] = "";

	begin(&s);
	add_folder(&s, "away");
	ck_assert_int_eq(rmdir(authority_path("away")), 0);
	open_directories(&s);
	ck_assert_int_eq(answer_of(&s, "a@a.example"), ANSWER_CANT_TELL);
	ck_assert_int_eq(directories_probe(s.d, &deadline, nobody_to_ask, name), ANSWER_CANT_TELL);
	ck_assert_str_eq(name, "away");
	write_cert(add_folder(&s, "away"), "x.pem", (struct authority_wish){.name = "back", A});
	assert_chosen(&s, "a@a.example", "CN=back");
	end(&s);
}
END_TEST

/* ---- several directories --------------------------------------------------- */

START_TEST(test_order)
{
	struct set_up s;
	struct config_directory *first, *second;

	begin(&s);
	first = add_folder(&s, "first");
	second = add_folder(&s, "second");
	write_cert(first, "a.pem", (struct authority_wish){.name = "a first", A});
	write_cert(second, "a.pem", (struct authority_wish){.name = "a second", A, .begin = -AUTHORITY_DAY, .end = AUTHORITY_DAY});
	write_cert(first, "b.pem", (struct authority_wish){.name = "b first", .alternative = "email:b@a.example",
		.begin = -10, .end = -1});
	write_cert(second, "b.pem", (struct authority_wish){.name = "b second", .alternative = "email:b@a.example"});
	open_directories(&s);
	assert_chosen(&s, "a@a.example", "CN=a first");  /* though the other's is newer */
	assert_chosen(&s, "b@a.example", "CN=b second"); /* an unusable one does not end the search */
	ck_assert_int_eq(rename(authority_path("second"), authority_path("second.away")), 0);
	assert_chosen(&s, "a@a.example", "CN=a first");
	ck_assert_int_eq(answer_of(&s, "b@a.example"), ANSWER_CANT_TELL);
	ck_assert_int_eq(answer_of(&s, "c@a.example"), ANSWER_CANT_TELL);
	ck_assert_int_eq(rename(authority_path("second.away"), authority_path("second")), 0);
	ck_assert_int_eq(rename(authority_path("first"), authority_path("first.away")), 0);
	ck_assert_int_eq(answer_of(&s, "a@a.example"), ANSWER_CANT_TELL);
	end(&s);
}
END_TEST

/* ---- vouching -------------------------------------------------------------- */

static enum answer
lists(struct set_up *s, const char *address, const struct cert *cert, const char *code)
{
	struct timespec deadline = deadline_in(AT_ONCE);
	struct error err = ERROR_NONE;
	enum answer answer = directory_lists(s->d, slice_str(address), cert->digest, &deadline, &err);

	if (answer != ANSWER_YES)
		ck_assert_str_eq(err.code, code);
	return answer;
}

/* Writes it and yields the same. */
static struct cert *
written_cert(const struct config_directory *d, const char *file, struct authority_wish wish)
{
	struct cert **certs, *cert;
	char path[512];
	size_t count;

	write_cert(d, file, wish);
	snprintf(path, sizeof path, "%s/%s", d->path, file);
	ck_assert_int_eq(cert_read_file(path, &certs, &count, NULL), ANSWER_YES);
	cert = cert_ref(certs[0]);
	cert_free_array(certs, count);
	return cert;
}

#define SIGNS .usage = "digitalSignature", .begin = -100 * AUTHORITY_DAY, .end = -1

START_TEST(test_vouching)
{
	struct set_up s;
	struct config_directory *first, *second;
	struct cert *in_first, *in_second, *elsewhere;

	begin(&s);
	first = add_folder(&s, "vouches first");
	second = add_folder(&s, "vouches second");
	second->binds_address = true;
	in_first = written_cert(first, "a@a.example.pem", (struct authority_wish){.name = "x", SIGNS});
	in_second = written_cert(second, "a@a.example.pem", (struct authority_wish){.name = "x", SIGNS});
	elsewhere = written_cert(second, "b@a.example.pem", (struct authority_wish){.name = "x", SIGNS});
	write_text(second, "c@a.example.pem", "rubbish");
	open_directories(&s);
	/* Whether it could be encrypted to does not matter, but that it is this one does. */
	ck_assert_int_eq(lists(&s, "a@a.example", in_second, NULL), ANSWER_YES);
	ck_assert_int_eq(lists(&s, "<A@A.Example>", in_second, NULL), ANSWER_YES);
	ck_assert_int_eq(lists(&s, "a@a.example", elsewhere, "not-listed"), ANSWER_NO);
	ck_assert_int_eq(lists(&s, "a@a.example", in_first, "not-listed"), ANSWER_NO); /* does not vouch */
	ck_assert_int_eq(lists(&s, "c@a.example", in_second, "not-listed"), ANSWER_NO);
	ck_assert_int_eq(lists(&s, "a@a.example, b@a.example", in_second, "address"), ANSWER_NO);
	end(&s);
	first->binds_address = true;
	open_directories(&s);
	ck_assert_int_eq(lists(&s, "a@a.example", in_first, NULL), ANSWER_YES);
	ck_assert_int_eq(lists(&s, "a@a.example", in_second, NULL), ANSWER_YES);
	ck_assert_int_eq(rename(first->path, authority_path("vouches no more")), 0);
	ck_assert_int_eq(lists(&s, "a@a.example", in_second, NULL), ANSWER_YES);
	ck_assert_int_eq(lists(&s, "a@a.example", in_first, "folder"), ANSWER_CANT_TELL);
	ck_assert_int_eq(rename(second->path, authority_path("nor this one")), 0);
	ck_assert_int_eq(lists(&s, "a@a.example", in_second, "folder"), ANSWER_CANT_TELL);
	end(&s);
	cert_unref(in_first);
	cert_unref(in_second);
	cert_unref(elsewhere);
}
END_TEST

START_TEST(test_no_address)
{
	static const char *const none[] = {"", "<>", "postmaster", "a@", "@a.example", "a@b@c", "a b@c.example",
		"a@a.example\n", "<a@a.example"};
	struct set_up s;

	begin(&s);
	add_folder(&s, "empty");
	open_directories(&s);
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		ck_assert_msg(answer_of(&s, none[i]) == ANSWER_NO, "%s", none[i]);
	end(&s);
}
END_TEST

/* ---- who vouches, and what was revoked ------------------------------------------ */

static const struct authority_wish old_wish = {.name = "old", A, .begin = -200 * AUTHORITY_DAY, .end = 900 * AUTHORITY_DAY,
	.usage = "keyAgreement"};
static const struct authority_wish new_wish = {.name = "new", A, .usage = "keyAgreement"};

/* A set of that name with the root, and a list of it. */
static struct config_trust *
add_set(struct set_up *s, const char *name, char *list[1], enum config_status revocation)
{
	struct config_trust *t = &s->blocks[s->config.trust_count++];

	*t = (struct config_trust){.name = (char *)name, .anchors = {s->anchor, 1}, .revocation = revocation,
		.crls = {list, list != NULL}};
	s->config.trusts = s->blocks;
	return t;
}

static X509 *
put(const struct config_directory *d, const char *file, const struct authority_wish *wish)
{
	struct authority_wish of_root = *wish;
	char path[512];
	X509 *x509;

	of_root.issuer = root;
	x509 = authority_issue(&of_root);
	snprintf(path, sizeof path, "%s/%s", d->path, file);
	authority_write_pem(path, x509, NULL, NULL);
	return x509;
}

/* A folder with two certificates of one address, that may have been revoked, and what is made of them. */
static void
begin_revoked(struct set_up *s, const char *folder, bool old_too, bool new_too, enum config_status revocation,
	char *names[1], char *list[1])
{
	static char list_path[256];
	struct config_directory *d;
	X509 *old, *new;

	begin(s);
	snprintf(list_path, sizeof list_path, "%s", authority_path("list.pem"));
	list[0] = list_path;
	d = add_folder(s, folder);
	old = put(d, "1.pem", &old_wish);
	new = put(d, "2.pem", &new_wish);
	authority_write_list(list_path, root, old_too ? old : new_too ? new : NULL, old_too && new_too ? new : NULL);
	X509_free(old);
	X509_free(new);
	add_set(s, "set", list, revocation);
	names[0] = (char *)"set";
	s->config.recipient_trust = (struct config_strings){names, 1};
	open_directories(s);
}

START_TEST(test_revoked)
{
	char *names[1], *list[1], *two[] = {NULL, (char *)"anchors"};
	struct directory_result r;
	struct set_up s;

	begin_revoked(&s, "none-revoked", false, false, REVOCATION_REQUIRE, names, list);
	assert_chosen(&s, "a@a.example", "CN=new");
	end(&s);
	begin_revoked(&s, "new-revoked", false, true, REVOCATION_PREFER, names, list);
	assert_chosen(&s, "a@a.example", "CN=old");
	end(&s);
	begin_revoked(&s, "both-revoked", true, true, REVOCATION_PREFER, names, list);
	r = find_as(&s, "a@a.example", ENCRYPT_TO_ALL, 0);
	ck_assert_int_eq(r.answer, ANSWER_NO);
	ck_assert_str_eq(r.reason.code, "no-usable-certificate");
	ck_assert_ptr_nonnull(strstr(r.reason.words, "revoked since 2027-01-05, keyCompromise"));
	directory_result_free(&r);
	end(&s);
	begin_revoked(&s, "elsewhere", true, true, REVOCATION_PREFER, names, list);
	two[0] = names[0];
	s.config.recipient_trust = (struct config_strings){two, 2}; /* "anchors" asks nobody, but is not asked itself */
	ck_assert_int_eq(answer_of(&s, "a@a.example"), ANSWER_NO);
	end(&s);
	begin_revoked(&s, "not-asked", true, true, REVOCATION_OFF, names, list);
	assert_chosen(&s, "a@a.example", "CN=new");
	end(&s);
}
END_TEST

/* Where newest are wanted, the others' status is nobody's business, and costs nothing. */
START_TEST(test_no_more_than_needed)
{
	char *names[1], *list[1];
	struct directory_result r;
	struct set_up s;

	begin_revoked(&s, "old-revoked", true, false, REVOCATION_REQUIRE, names, list);
	r = find_as(&s, "a@a.example", ENCRYPT_TO_NEWEST, 0);
	ck_assert_int_eq(r.answer, ANSWER_YES);
	ck_assert(r.candidates[0].usable && !r.candidates[0].chosen);
	directory_result_free(&r);
	r = find_as(&s, "a@a.example", ENCRYPT_TO_ALL, 0);
	ck_assert_int_eq(r.answer, ANSWER_YES);
	ck_assert(!r.candidates[0].usable && r.candidates[1].chosen);
	ck_assert_str_eq(r.candidates[0].refusal.code, "revoked");
	directory_result_free(&r);
	end(&s);
}
END_TEST

/* Nobody says whether it was revoked: where that must be known, it is neither used nor taken for none. */
START_TEST(test_unknown)
{
	char *names[] = {(char *)"careful", (char *)"easy"};
	struct directory_result r;
	struct set_up s;

	begin(&s);
	write_cert(add_folder(&s, "unknown"), "1.pem", (struct authority_wish){.name = "one", A});
	add_set(&s, "careful", NULL, REVOCATION_REQUIRE);
	add_set(&s, "easy", NULL, REVOCATION_PREFER);
	s.config.recipient_trust = (struct config_strings){names, 1};
	open_directories(&s);
	r = find_as(&s, "a@a.example", ENCRYPT_TO_NEWEST, 0);
	ck_assert_int_eq(r.answer, ANSWER_CANT_TELL);
	ck_assert_str_eq(r.reason.code, "status-unknown");
	directory_result_free(&r);
	s.config.recipient_trust.count = 2; /* the next set is content */
	assert_chosen(&s, "a@a.example", "CN=one");
	s.config.recipient_trust.count = 0; /* "anchors" as well */
	assert_chosen(&s, "a@a.example", "CN=one");
	end(&s);
}
END_TEST

/* A rule's sets come before those of recipient-trust. */
START_TEST(test_rule_sets)
{
	char *careful[] = {(char *)"careful"}, *easy[] = {(char *)"easy"};
	struct config_strings rule = {careful, 1};
	struct timespec deadline = deadline_in(AT_ONCE);
	unsigned left = 0;
	struct directory_question question = {.address = slice_str("a@a.example"), .now = AUTHORITY_NOW,
		.deadline = &deadline, .left = &left, .trust = &rule};
	struct directory_result r;
	struct set_up s;

	begin(&s);
	write_cert(add_folder(&s, "ruled"), "1.pem", (struct authority_wish){.name = "one", A});
	add_set(&s, "careful", NULL, REVOCATION_REQUIRE);
	add_set(&s, "easy", NULL, REVOCATION_PREFER);
	s.config.recipient_trust = (struct config_strings){easy, 1};
	open_directories(&s);
	directory_find(s.d, &question, &r);
	ck_assert_int_eq(r.answer, ANSWER_CANT_TELL);
	directory_result_free(&r);
	rule.item = easy;
	directory_find(s.d, &question, &r);
	ck_assert_int_eq(r.answer, ANSWER_YES);
	directory_result_free(&r);
	end(&s);
}
END_TEST

START_TEST(test_profile_refused)
{
	char *profiles[] = {(char *)"eidas-seal"}, *names[] = {(char *)"set"};
	struct directory_result r;
	struct config_trust *t;
	struct set_up s;

	begin(&s);
	write_cert(add_folder(&s, "profile"), "1.pem", (struct authority_wish){.name = "one", A});
	t = add_set(&s, "set", NULL, REVOCATION_PREFER);
	t->profiles = (struct config_strings){profiles, 1};
	s.config.recipient_trust = (struct config_strings){names, 1};
	open_directories(&s);
	assert_chosen(&s, "a@a.example", "CN=one"); /* is marked only */
	t->profile_required = true;
	ck_assert_str_eq(refusal_of(&s, "a@a.example"), "profile");
	r = find_as(&s, "a@a.example", ENCRYPT_TO_NEWEST, 0);
	ck_assert_ptr_nonnull(strstr(r.reason.words, "eidas-seal: "));
	directory_result_free(&r);
	end(&s);
}
END_TEST

START_TEST(test_untrusted)
{
	struct config_directory *d;
	struct set_up s;

	begin(&s);
	d = add_folder(&s, "untrusted");
	write_cert(d, "1.pem", (struct authority_wish){.name = "forged", A, .issuer_key = "P-521"});
	open_directories(&s);
	ck_assert_str_eq(refusal_of(&s, "a@a.example"), "untrusted");
	end(&s);
	begin(&s);
	s.config.anchors.count = 0;
	write_cert(add_folder(&s, "nobody"), "1.pem", (struct authority_wish){.name = "one", A});
	open_directories(&s);
	ck_assert_str_eq(refusal_of(&s, "a@a.example"), "untrusted");
	end(&s);
}
END_TEST

START_TEST(test_configuration)
{
	char *uris[] = {(char *)"ldap://127.0.0.1:1/"}, *bad_uris[] = {(char *)"http://127.0.0.1/"};
	struct error err = ERROR_NONE;
	struct set_up s;

	begin(&s);
	add_folder(&s, "l");
	s.directories[0] = (struct config_directory){.name = (char *)"l", .type = DIRECTORY_LDAP, .base = (char *)"",
		.filter = (char *)"(mail=%x)", .uris = {uris, 1}, .connections = 1, .network_timeout = 1,
		.operation_timeout = 1};
	ck_assert_int_eq(directories_new(&s.config, s.trusts, &s.d, &err), ANSWER_NO);
	s.directories[0].filter = (char *)"(mail=%s)";
	s.directories[0].uris.item = bad_uris;
	ck_assert_int_eq(directories_new(&s.config, s.trusts, &s.d, &err), ANSWER_NO);
	s.directories[0].uris.item = uris;
	open_directories(&s);
	ck_assert_int_eq(answer_of(&s, "a@a.example"), ANSWER_CANT_TELL); /* nobody listens there */
	end(&s);
	directories_free(NULL);
}
END_TEST

/* ---- a server that never answers ------------------------------------------- */

static void *
find_in_thread(void *arg)
{
	struct timespec deadline = deadline_in(300);
	unsigned left = 0;
	struct directory_question question = {.address = slice_str("a@a.example"), .now = AUTHORITY_NOW,
		.deadline = &deadline, .left = &left};
	struct directory_result r;

	directory_find(arg, &question, &r);
	ck_assert_int_eq(r.answer, ANSWER_CANT_TELL);
	directory_result_free(&r);
	return NULL;
}

/* More callers than workers, none of whom gets an answer: all return, most of them
 * before any worker took up their question, and nothing is left behind. The
 * server's own timeouts alone would outlast the test's. */
START_TEST(test_hung_server)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof in;
	char uri[100], *uris[] = {uri, uri, uri};
	pthread_t threads[10];
	struct set_up s;

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, len), 0);
	ck_assert_int_eq(listen(fd, 100), 0);
	getsockname(fd, (struct sockaddr *)&in, &len);
	snprintf(uri, sizeof uri, "ldaps://127.0.0.1:%u/", ntohs(in.sin_port));
	begin(&s);
	s.config.directory_count = 1;
	s.directories[0] = (struct config_directory){.name = (char *)"l", .type = DIRECTORY_LDAP, .base = (char *)"",
		.filter = (char *)"(mail=%s)", .uris = {uris, 3}, .connections = 2, .network_timeout = 300,
		.operation_timeout = 300};
	open_directories(&s);
	for (size_t i = 0; i < 10; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, find_in_thread, s.d), 0);
	for (size_t i = 0; i < 10; i++)
		pthread_join(threads[i], NULL);
	end(&s);
	close(fd);
}
END_TEST

/* ---- values and filters ----------------------------------------------------- */

static struct slice
signed_data(X509 **certs, size_t count)
{
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_DETACHED);
	unsigned char *der = NULL;
	int len;

	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(CMS_add1_cert(cms, certs[i]), 1);
	len = i2d_CMS_ContentInfo(cms, &der);
	ck_assert_int_gt(len, 0);
	CMS_ContentInfo_free(cms);
	return slice_of(der, (size_t)len);
}

START_TEST(test_signed_data)
{
	X509 *certs[] = {authority_issue(&(struct authority_wish){.name = "one", A}), root};
	struct slice der = signed_data(certs, 2), none = signed_data(certs, 0);
	unsigned char *longer = calloc(1, der.len + 1);
	struct found *found = found_new();

	found_add_signed_data(found, der);
	found_add_signed_data(found, der); /* each certificate once */
	ck_assert_uint_eq(found->count, 2);
	ck_assert(found->items[0].cert != NULL && found->items[1].cert != NULL);
	found_clear(found);
	memcpy(longer, der.data, der.len);
	found_add_signed_data(found, none);
	found_add_signed_data(found, slice_of(longer, der.len + 1));
	found_add_signed_data(found, slice_of(longer, der.len - 1));
	found_add_signed_data(found, SLICE_NONE);
	found_add_signed_data(found, slice_str("rubbish"));
	ck_assert_uint_eq(found->count, 5);
	for (size_t i = 0; i < found->count; i++)
		ck_assert(found->items[i].cert == NULL && found->items[i].refusal->answer == ANSWER_NO);
	for (size_t i = 0; i < der.len; i++) { /* whatever is altered: no memory error */
		longer[i] ^= 0xff;
		found_clear(found);
		found_add_signed_data(found, slice_of(longer, der.len));
		longer[i] ^= 0xff;
	}
	found_unref(found);
	free(longer);
	OPENSSL_free((void *)der.data);
	OPENSSL_free((void *)none.data);
	X509_free(certs[0]);
}
END_TEST

START_TEST(test_limit)
{
	struct found *found = found_new();

	for (int i = 0; i < DIRECTORY_CERTIFICATES_MAX; i++)
		found_add_der(found, slice_str("rubbish"));
	ck_assert(!found->left_out);
	found_add_der(found, slice_str("rubbish"));
	ck_assert(found->left_out);
	ck_assert_uint_eq(found->count, DIRECTORY_CERTIFICATES_MAX);
	found_unref(found);
	found_unref(NULL);
}
END_TEST

START_TEST(test_filter)
{
	static const char hostile[] = "*)(mail=*\\\0x";
	struct filter_value values[] = {
		{.letter = 's', .value = slice_of(hostile, sizeof hostile - 1)},
		{.letter = 'u', .value = slice_str("plain")},
		{.letter = 'd', .value = SLICE_NONE},
	};
	struct buf out;

	buf_init(&out, FILTER_MAX);
	ck_assert(filter_expand("(&(a=%s)(b=%u)(c=%d)(d=100%%))", values, 3, &out));
	unit_assert_slice_str(buf_slice(&out), "(&(a=\\2A\\29\\28mail=\\2A\\5C\\00x)(b=plain)(c=)(d=100%))");
	buf_free(&out);
	ck_assert_int_eq(filter_check("(&(a=%s)(b=%u%%))", "su", NULL), ANSWER_YES);
	ck_assert_int_eq(filter_check("(a=%d)", "su", NULL), ANSWER_NO);
	ck_assert_int_eq(filter_check("(a=%", "su", NULL), ANSWER_NO);
	buf_init(&out, 10);
	ck_assert(!filter_expand("(a=%s)", values, 3, &out));
	buf_free(&out);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("directory");
	TCase *t = tcase_create("directory");
	int status;

	root = authority_issue(&(struct authority_wish){.name = "root", .ca = true});
	authority_write_pem(authority_path("root.pem"), root, NULL, NULL);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_judge, 0, sizeof judged / sizeof *judged);
	tcase_add_test(t, test_revoked);
	tcase_add_test(t, test_no_more_than_needed);
	tcase_add_test(t, test_unknown);
	tcase_add_test(t, test_rule_sets);
	tcase_add_test(t, test_profile_refused);
	tcase_add_test(t, test_untrusted);
	tcase_add_test(t, test_newest_or_all);
	tcase_add_test(t, test_by_file_name);
	tcase_add_test(t, test_broken_file);
	tcase_add_test(t, test_changes_are_seen);
	tcase_add_test(t, test_folder_away);
	tcase_add_test(t, test_order);
	tcase_add_test(t, test_vouching);
	tcase_add_test(t, test_no_address);
	tcase_add_test(t, test_configuration);
	tcase_add_test(t, test_hung_server);
	tcase_add_test(t, test_signed_data);
	tcase_add_test(t, test_limit);
	tcase_add_test(t, test_filter);
	suite_add_tcase(s, t);
	status = unit_run(s);
	X509_free(root);
	return status;
}
