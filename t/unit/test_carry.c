/* Accepted requests are carried out, once, whatever happens meanwhile. The commands are shell scripts, which write down that they ran. */
#include "unit.h"

#include "authority.h"
#include "base/log.h"
#include "journal_fixture.h"
#include "store_fixture.h"
#include "store/notices.h"
#include "worker/carry.h"

#include <openssl/pem.h>
#include <sqlite3.h>

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOUR (60 * 60)
#define REVOKED_AT "echo revoked-at=2026-01-26T14:38:03Z\n"
#define WHEN 1769438283
#define HOLDER "holder@example.cz"

static struct work work = {.who = "worker"};
static struct carry *carry;
static struct slice issuer; /* Name of the authorities' certificate, DER */
static bool no_threads;

/* Stands before the real one. */
int
pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	*(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
	return no_threads ? EAGAIN : real(thread, attr, start, arg);
}

/* ---- the scene ------------------------------------------------------------------------- */

static void
write_file(const char *name, const char *text, mode_t mode)
{
	const char *path = store_fixture_path(name);
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, mode), 0);
}

/* What an authority's command does when it is run next. */
static void
command_does(const char *authority, const char *what)
{
	char name[64], text[1000];

	snprintf(name, sizeof name, "%s.new", authority);
	snprintf(text, sizeof text, "#!/bin/sh\necho \"$@\" >> %s\n%s\n", store_fixture_path(strcmp(authority, "ica") == 0 ?
		"ica.ran" : "cesnet.ran"), what);
	write_file(name, text, 0700);
	ck_assert_int_eq(rename(store_fixture_path(name), store_fixture_path(authority)), 0);
}

static unsigned
runs_of(const char *authority, char *last, size_t size)
{
	FILE *f = fopen(store_fixture_path(strcmp(authority, "ica") == 0 ? "ica.ran" : "cesnet.ran"), "r");
	char line[1000];
	unsigned runs = 0;

	for (; f != NULL && fgets(line, sizeof line, f) != NULL; runs++)
		if (last != NULL)
			snprintf(last, size, "%.*s", (int)strcspn(line, "\n"), line);
	if (f != NULL)
		fclose(f);
	return runs;
}

static void
write_certificates(void)
{
	X509 *ca = authority_issue(&(struct authority_wish){.name = "Issuer", .ca = true});
	X509 *seal = authority_issue(&(struct authority_wish){.name = "Revocations", .alternative = "email:revoke@ica.example",
		.usage = "digitalSignature", .issuer = ca});
	unsigned char *der = NULL;
	FILE *f = fopen(store_fixture_path("seal.key"), "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(PEM_write_PrivateKey(f, authority_key("P-256"), NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	ck_assert_int_eq(chmod(store_fixture_path("seal.key"), 0600), 0);
	authority_write_pem(store_fixture_path("seal.pem"), seal, NULL, NULL);
	authority_write_pem(store_fixture_path("ca.pem"), ca, NULL, NULL);
	issuer.len = (size_t)i2d_X509_NAME(X509_get_subject_name(ca), &der);
	issuer.data = der;
	X509_free(seal);
	X509_free(ca);
}

static enum answer
identity_of(void *arg, const struct config_signer *files, enum key_use use, struct key_identity **identity, struct error *err)
{
	(void)arg;
	return key_load(files, use, identity, err);
}

/* With these blocks: "ica" whose command is idempotent, "cesnet" whose is not, "paper" without one. */
static void
configure(const char *blocks)
{
	struct gateway *before = work.gateway;
	struct error err = ERROR_NONE;
	struct config *config;
	char names[100];
	FILE *f = fopen(store_fixture_path("conf"), "w");

	ck_assert_ptr_nonnull(f);
	snprintf(names, sizeof names, "%s", blocks);
	fprintf(f, "listener \"l\" { socket = unix:/run/l.sock }\nsigner \"s\" { key = %s", store_fixture_path("seal.key"));
	fprintf(f, " certificate = %s }\n", store_fixture_path("seal.pem"));
	for (const char *block = strtok(names, " "); block != NULL; block = strtok(NULL, " ")) {
		fprintf(f, "revocation \"%s\" { address = %s@revoke.example authorities = %s signer = s\n operator = %s@operator.example\n",
			block, block, store_fixture_path("ca.pem"), block);
		if (strcmp(block, "paper") != 0)
			fprintf(f, " reason = keyCompromise command = { \"%s\", \"%%i\", \"%%s\", \"%%r\", \"%%k\" } command-idempotent = %s\n",
				store_fixture_path(block), strcmp(block, "ica") == 0 ? "yes" : "no");
		fprintf(f, "}\n");
	}
	fclose(f);
	ck_assert_msg(config_parse(store_fixture_path("conf"), &config, NULL, NULL, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_msg(gateway_new(config, identity_of, NULL, NULL, &work.gateway, &err) == ANSWER_YES, "%s", err.words);
	config_unref(config);
	gateway_unref(before);
}

static void
open_all(void)
{
	open_journal();
	work.journal = journal;
	carry = carry_new(&work);
	ck_assert_ptr_nonnull(carry);
}

static void
set_up(void)
{
	store_fixture_set_up();
	write_certificates();
	configure("ica cesnet paper");
	command_does("ica", REVOKED_AT);
	command_does("cesnet", REVOKED_AT);
	open_all();
}

static void
tear_down(void)
{
	disk_set(DISK_GOOD);
	carry_free(carry);
	close_all();
	gateway_unref(work.gateway);
	store_fixture_tear_down();
}

/* As worker would after a crash. */
static void
start_anew(void)
{
	carry_free(carry);
	carry = NULL;
	open_all();
}

static int64_t
receive_as(unsigned n, const char *authority, struct slice name)
{
	struct timespec deadline = far_deadline();
	struct record r = *request(n);
	struct journal_receipt receipt;

	r.authority = authority;
	r.issuer = name;
	r.quiet = false;
	ck_assert_int_eq(journal_receive(journal, &r, NOW, "in a test", &deadline, &receipt, NULL), ANSWER_YES);
	return receipt.id;
}

static int64_t
accept_as(unsigned n, const char *authority)
{
	int64_t id = receive_as(n, authority, issuer);

	ck_assert_int_eq(work_add(&work, id, JOURNAL_ACCEPTED, NOW, "signed" WORK_TELLS HOLDER, NULL, NULL), ANSWER_YES);
	return id;
}

static enum answer
plan(time_t now, struct error *err)
{
	struct error why = ERROR_NONE;
	enum answer answer = carry_plan(carry, now, &why);

	if (err != NULL)
		*err = why;
	else
		ck_assert_msg(answer == ANSWER_YES, "%s", why.words);
	return answer;
}

static void
wait_for_runs(unsigned left)
{
	while (carry_running(carry) > left)
		poll(NULL, 0, 2);
}

/* What is due then is begun and its end recorded, but nothing that its end makes due. */
static void
round_at(time_t now)
{
	plan(now, NULL);
	wait_for_runs(0);
	plan(now, NULL);
	wait_for_runs(0);
}

static bool
tell_how(void *arg, int64_t seq, const struct journal_step *step)
{
	(void)seq;
	snprintf(arg, JOURNAL_HOW_MAX + 1, "%s", step->how);
	return true;
}

static bool
pass_item(void *arg, const struct journal_item *item)
{
	(void)arg;
	(void)item;
	return true;
}

/* Of the last step. */
static const char *
last_how(int64_t id)
{
	static char how[JOURNAL_HOW_MAX + 1];

	ck_assert_int_eq(journal_show(journal, id, pass_item, tell_how, how, NULL), ANSWER_YES);
	return how;
}

static struct {
	char line[1000], message[4000];
} mail;

static bool
tell_mail(void *arg, const struct notices_item *n, const struct notices_fate *fate)
{
	size_t used = strlen(mail.line);

	(void)arg;
	(void)fate;
	snprintf(mail.line + used, sizeof mail.line - used, "%s>%s ", n->kind, n->recipient);
	snprintf(mail.message, sizeof mail.message, "%.*s", SLICE_FMT(n->message));
	return true;
}

/* "KIND>RECIPIENT " of each mail about that request; the last one's text is in mail. */
static const char *
mails(int64_t id)
{
	memset(&mail, 0, sizeof mail);
	ck_assert_int_eq(notices_list(journal, id, tell_mail, NULL, NULL), ANSWER_YES);
	return mail.line;
}

/* ---- as it should go ---------------------------------------------------------------------- */

START_TEST(carries_out)
{
	int64_t id = accept_as(1, "ica"), when = 0;
	char ran[1000] = "", want[1000], key[65];

	for (int i = 0; i < 32; i++)
		strcpy(key + 2 * i, "01");
	round_at(NOW + 5);
	ck_assert_str_eq(shown(id), "1:executed received accepted begun executed ");
	ck_assert_uint_eq(runs_of("ica", ran, sizeof ran), 1);
	snprintf(want, sizeof want, "%s 01020001 keyCompromise 01020001-%s", store_fixture_path("ca.pem"), key);
	ck_assert_str_eq(ran, want);
	ck_assert(journal_revoked_at(last_how(id), &when));
	ck_assert_int_eq(when, WHEN);
	ck_assert_str_eq(mails(id), "revoked>" HOLDER " ");
	ck_assert_ptr_nonnull(strstr(mail.message, "2026-01-26 14:38:03"));
	round_at(NOW + 90 * HOUR);
	ck_assert_uint_eq(runs_of("ica", NULL, 0), 1);
	ck_assert_str_eq(mails(id), "revoked>" HOLDER " ");
	good_head();
}
END_TEST

static const struct {
	const char *does;
	const char *mail;
	bool has_time;
} ends[] = {
	{REVOKED_AT "exit 3", "already>" HOLDER " ", true},
	{"exit 3", "already>" HOLDER " ", false},
	{"echo done", "revoked>" HOLDER " ", false},
	/* Two times are none, and none is read out of what it wrote either. */
	{REVOKED_AT "echo revoked-at=2026-01-26T14:38:04Z", "revoked>" HOLDER " ", false},
	{"printf 'revoked-at=2026-01-26T14:38:04Z, \\000\\377\\r\\n'", "revoked>" HOLDER " ", false},
	{REVOKED_AT "head -c 100000 /dev/zero | tr '\\000' x", "revoked>" HOLDER " ", true},
};

START_TEST(keeps_the_authoritys_time)
{
	int64_t id = accept_as(1, "ica"), when = 0;

	command_does("ica", ends[_i].does);
	round_at(NOW);
	ck_assert_str_eq(shown(id), "1:executed received accepted begun executed ");
	ck_assert_msg(journal_revoked_at(last_how(id), &when) == ends[_i].has_time, "%s", last_how(id));
	ck_assert_str_eq(mails(id), ends[_i].mail);
	ck_assert_int_eq(strstr(mail.message, "2026-01-26 14:38:0") != NULL, ends[_i].has_time);
}
END_TEST

/* The writer of it is nobody that we know. */
START_TEST(tells_nobody_who_is_not_known)
{
	int64_t id = receive_as(1, "ica", issuer);

	ck_assert_int_eq(work_add(&work, id, JOURNAL_ACCEPTED, NOW, "", NULL, NULL), ANSWER_YES);
	round_at(NOW);
	ck_assert_str_eq(shown(id), "1:executed received accepted begun executed ");
	ck_assert_str_eq(mails(id), "");
}
END_TEST

START_TEST(leaves_what_is_not_accepted)
{
	int64_t received = receive_as(1, "ica", issuer), waiting = receive_as(2, "ica", issuer), refused = receive_as(3, "ica", issuer);

	ck_assert_int_eq(add(waiting, JOURNAL_WAITING), ANSWER_YES);
	ck_assert_int_eq(add(refused, JOURNAL_REFUSED), ANSWER_YES);
	round_at(NOW);
	ck_assert_uint_eq(runs_of("ica", NULL, 0), 0);
	round_at(NOW + 13 * HOUR);
	ck_assert_uint_eq(runs_of("ica", NULL, 0), 0);
	ck_assert_str_eq(mails(received), "alarm-half>ica@operator.example ");
	ck_assert_str_eq(mails(waiting), "alarm-half>ica@operator.example ");
	ck_assert_str_eq(mails(refused), "");
}
END_TEST

/* ---- what does not go at once ---------------------------------------------------------------- */

START_TEST(tries_again)
{
	int64_t id = accept_as(1, "ica");

	command_does("ica", "echo 'not now'; exit 75");
	round_at(NOW);
	ck_assert_str_eq(shown(id), "1:failed received accepted begun failed ");
	ck_assert_ptr_nonnull(strstr(last_how(id), "not now"));
	round_at(NOW + 29);
	ck_assert_uint_eq(runs_of("ica", NULL, 0), 1);
	round_at(NOW + 30);
	ck_assert_uint_eq(runs_of("ica", NULL, 0), 2);
	start_anew();
	round_at(NOW + 89);
	ck_assert_uint_eq(runs_of("ica", NULL, 0), 2);
	/* A clock that goes back brings one try more, not none for a day, nor one each second. */
	round_at(NOW - 24 * HOUR);
	round_at(NOW - 24 * HOUR + 1);
	ck_assert_uint_eq(runs_of("ica", NULL, 0), 3);
	round_at(NOW + 91);
	ck_assert_uint_eq(runs_of("ica", NULL, 0), 4);
	/* Somebody who asks for it does not wait. */
	ck_assert_int_eq(work_add(&work, id, JOURNAL_RETRY, NOW + 92, "", NULL, NULL), ANSWER_YES);
	command_does("ica", REVOKED_AT);
	round_at(NOW + 92);
	ck_assert_str_eq(shown(id), "1:executed received accepted begun failed begun failed begun failed begun failed retry begun "
		"executed ");
	ck_assert_str_eq(mails(id), "revoked>" HOLDER " ");
	good_head();
}
END_TEST

START_TEST(goes_on_past_the_deadline)
{
	int64_t id = accept_as(1, "ica");
	unsigned runs;

	command_does("ica", "exit 75");
	for (time_t at = 0; at < 30 * HOUR; at += HOUR / 4)
		round_at(NOW + at);
	ck_assert_str_eq(mails(id), "alarm-half>ica@operator.example alarm-late>ica@operator.example "
		"alarm-overdue>ica@operator.example ");
	shown(id);
	ck_assert(strstr(told.line, " half ") != NULL && strstr(told.line, " late ") != NULL &&
		strstr(told.line, " overdue ") != NULL);
	runs = runs_of("ica", NULL, 0);
	ck_assert_uint_ge(runs, 110);
	start_anew();
	round_at(NOW + 31 * HOUR);
	ck_assert_uint_eq(runs_of("ica", NULL, 0), runs + 1);
	command_does("ica", REVOKED_AT);
	round_at(NOW + 32 * HOUR);
	ck_assert_ptr_nonnull(strstr(shown(id), "executed"));
	ck_assert_ptr_nonnull(strstr(mails(id), "revoked>" HOLDER));
}
END_TEST

START_TEST(asks_a_person)
{
	int64_t id = accept_as(1, "ica");

	command_does("ica", "echo 'no such certificate'; exit 65");
	round_at(NOW);
	ck_assert_str_eq(shown(id), "1:interrupted received accepted begun interrupted ");
	ck_assert_ptr_nonnull(strstr(last_how(id), "no such certificate"));
	round_at(NOW + HOUR);
	start_anew();
	round_at(NOW + 2 * HOUR);
	ck_assert_uint_eq(runs_of("ica", NULL, 0), 1);
	ck_assert_int_eq(work_add(&work, id, JOURNAL_RETRY, NOW + 3 * HOUR, "", NULL, NULL), ANSWER_YES);
	round_at(NOW + 3 * HOUR);
	ck_assert_str_eq(shown(id), "1:interrupted received accepted begun interrupted retry begun interrupted ");
	/* Told each time that he is needed. */
	ck_assert_str_eq(mails(id), "alarm-interrupted-1800000000>ica@operator.example "
		"alarm-interrupted-1800010800>ica@operator.example ");
	ck_assert_ptr_nonnull(strstr(mail.message, "\r\nReceived: 2027-01-15T08:00:00Z\r\nCertificate: 0x01020001, issued by CN="));
	ck_assert_int_eq(add(id, JOURNAL_REFUSED), ANSWER_YES);
	round_at(NOW + 24 * HOUR);
	ck_assert_uint_eq(runs_of("ica", NULL, 0), 2);
}
END_TEST

/* What a command did that is not idempotent, and that broke off, nobody knows. */
START_TEST(runs_nothing_twice_that_is_not_idempotent)
{
	int64_t id = accept_as(1, "cesnet"), other = accept_as(2, "ica");

	command_does("cesnet", "exit 1");
	command_does("ica", "exit 1");
	round_at(NOW);
	round_at(NOW + HOUR);
	ck_assert_uint_eq(runs_of("cesnet", NULL, 0), 1);
	ck_assert_uint_eq(runs_of("ica", NULL, 0), 2);
	ck_assert_str_eq(shown(id), "1:interrupted received accepted begun interrupted ");
	ck_assert_str_eq(shown(other), "2:failed received accepted begun failed begun failed ");
}
END_TEST

START_TEST(needs_the_issuers_certificate)
{
	int64_t id = receive_as(1, "ica", slice_str("\x30\x00"));

	ck_assert_int_eq(add(id, JOURNAL_ACCEPTED), ANSWER_YES);
	accept_as(2, "ica");
	round_at(NOW);
	round_at(NOW + 1);
	ck_assert_str_eq(shown(id), "1:interrupted received accepted begun interrupted ");
	ck_assert_uint_eq(runs_of("ica", NULL, 0), 1);
}
END_TEST

/* ---- without a command ------------------------------------------------------------------------- */

START_TEST(leaves_it_to_a_person_where_there_is_no_command)
{
	int64_t id = accept_as(1, "paper"), when = 0;

	round_at(NOW);
	start_anew();
	round_at(NOW + 1);
	ck_assert_str_eq(shown(id), "1:accepted received accepted ");
	ck_assert_str_eq(mails(id), "alarm-by-hand>paper@operator.example ");
	ck_assert_int_eq(work_add(&work, id, JOURNAL_DONE, NOW + 2, "on the phone, revoked-at=2026-01-26T14:38:03Z", NULL, NULL),
		ANSWER_YES);
	round_at(NOW + 3);
	ck_assert_str_eq(shown(id), "1:executed received accepted done executed ");
	ck_assert(journal_revoked_at(last_how(id), &when));
	ck_assert_int_eq(when, WHEN);
	ck_assert_str_eq(last_how(id), "worker says: \"on the phone\"; revoked-at=2026-01-26T14:38:03Z");
	ck_assert_str_eq(mails(id), "alarm-by-hand>paper@operator.example revoked>" HOLDER " ");
	good_head();
}
END_TEST

START_TEST(alarms_where_the_block_is_gone)
{
	int64_t id = accept_as(1, "ica");

	configure("cesnet");
	round_at(NOW);
	round_at(NOW + 25 * HOUR);
	ck_assert_str_eq(shown(id), "1:accepted received accepted overdue ");
	ck_assert_str_eq(mails(id), "alarm-by-hand>cesnet@operator.example alarm-overdue>cesnet@operator.example ");
	configure("ica");
	round_at(NOW + 26 * HOUR);
	ck_assert_str_eq(shown(id), "1:executed received accepted overdue begun executed ");
}
END_TEST

static unsigned
alarms_logged(void)
{
	FILE *f = fopen(store_fixture_path("log"), "r");
	char line[LOG_LINE_MAX];
	unsigned count = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof line, f) != NULL)
		count += strstr(line, "revocation-alarm") != NULL;
	fclose(f);
	return count;
}

START_TEST(says_each_thing_once)
{
	accept_as(1, "paper");
	accept_as(2, "paper");
	ck_assert_ptr_nonnull(freopen(store_fixture_path("log"), "w", stderr));
	setlinebuf(stderr);
	log_threshold(LOG_INFO);
	for (int i = 0; i < 5; i++)
		round_at(NOW + i);
	ck_assert_uint_eq(alarms_logged(), 2);
	for (int i = 0; i < 5; i++)
		round_at(NOW + 13 * HOUR + i);
	ck_assert_uint_eq(alarms_logged(), 4);
	for (int i = 0; i < 5; i++)
		round_at(NOW + 25 * HOUR + i);
	ck_assert_uint_eq(alarms_logged(), 6);
}
END_TEST

START_TEST(says_what_another_request_revoked)
{
	int64_t a = accept_as(1, "ica"), b, when = 0;
	struct timespec deadline = far_deadline();
	struct record again = *request(2);
	struct journal_receipt receipt;

	again.serial = request(1)->serial;
	again.issuer = issuer;
	again.quiet = false;
	ck_assert_int_eq(journal_receive(journal, &again, NOW, "", &deadline, &receipt, NULL), ANSWER_YES);
	b = receipt.id;
	ck_assert_int_eq(work_add(&work, b, JOURNAL_ACCEPTED, NOW, WORK_TELLS HOLDER, NULL, NULL), ANSWER_YES);
	round_at(NOW);
	round_at(NOW + 1);
	ck_assert_uint_eq(runs_of("ica", NULL, 0), 1);
	ck_assert_str_eq(shown(a), "1:executed received accepted begun executed ");
	ck_assert_str_eq(shown(b), "2:executed received accepted executed ");
	ck_assert(journal_revoked_at(last_how(b), &when));
	ck_assert_int_eq(when, WHEN);
	ck_assert_str_eq(mails(b), "already>" HOLDER " ");
	ck_assert_ptr_nonnull(strstr(mail.message, "2026-01-26 14:38:03"));
}
END_TEST

/* ---- at a time ----------------------------------------------------------------------------------- */

#define UNTIL_GO "while [ ! -e \"${0%/*}/go\" ]; do sleep 0.02; done\n" REVOKED_AT

static void
wait_for_start(const char *authority)
{
	while (runs_of(authority, NULL, 0) == 0)
		poll(NULL, 0, 2);
}

START_TEST(runs_one_at_a_time_an_authority)
{
	command_does("ica", UNTIL_GO);
	command_does("cesnet", UNTIL_GO);
	for (unsigned n = 1; n <= 3; n++)
		accept_as(n, "ica");
	accept_as(4, "cesnet");
	plan(NOW, NULL);
	wait_for_start("ica");
	wait_for_start("cesnet");
	for (int i = 1; i < 10; i++)
		plan(NOW + i, NULL);
	ck_assert_uint_eq(carry_running(carry), 2);
	ck_assert_uint_eq(runs_of("ica", NULL, 0), 1);
	ck_assert_str_eq(listed(JOURNAL_OPEN, NOW), "1:begun 2:accepted 3:accepted 4:begun ");
	/* A new configuration does not disturb them. */
	configure("cesnet ica");
	plan(NOW + 10, NULL);
	ck_assert_uint_eq(carry_running(carry), 2);
	write_file("go", "", 0600);
	for (int i = 0; i < 3; i++)
		round_at(NOW + 11 + i);
	ck_assert_str_eq(listed(JOURNAL_OPEN, NOW), "");
	ck_assert_uint_eq(runs_of("ica", NULL, 0), 3);
	good_head();
}
END_TEST

START_TEST(waits_for_its_commands_when_it_ends)
{
	int64_t id = accept_as(1, "cesnet");

	command_does("cesnet", "sleep 0.3\n" REVOKED_AT);
	plan(NOW, NULL);
	start_anew();
	ck_assert_str_eq(shown(id), "1:executed received accepted begun executed ");
	round_at(NOW + HOUR);
	ck_assert_uint_eq(runs_of("cesnet", NULL, 0), 1);
}
END_TEST

START_TEST(does_without_a_thread)
{
	int64_t id = accept_as(1, "cesnet");

	no_threads = true;
	round_at(NOW);
	no_threads = false;
	ck_assert_str_eq(shown(id), "1:failed received accepted begun failed ");
	round_at(NOW + 30);
	ck_assert_str_eq(shown(id), "1:executed received accepted begun failed begun executed ");
}
END_TEST

/* ---- what the journal does not take --------------------------------------------------------------- */

START_TEST(runs_nothing_that_the_journal_does_not_have)
{
	int64_t id = accept_as(1, "cesnet");
	struct error err;

	disk_set(_i == 0 ? DISK_FULL : DISK_DYING);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(plan(NOW + i, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-full");
	ck_assert_uint_eq(carry_running(carry), 0);
	ck_assert_uint_eq(runs_of("cesnet", NULL, 0), 0);
	disk_set(DISK_GOOD);
	round_at(NOW + 4);
	ck_assert_str_eq(shown(id), "1:executed received accepted begun executed ");
	ck_assert_uint_eq(runs_of("cesnet", NULL, 0), 1);
	good_head();
}
END_TEST

START_TEST(keeps_a_result_until_it_is_written)
{
	int64_t id = accept_as(1, "cesnet"), when = 0;
	struct error err;

	command_does("cesnet", UNTIL_GO);
	plan(NOW, NULL);
	disk_set(_i == 0 ? DISK_FULL : DISK_DYING);
	write_file("go", "", 0600);
	wait_for_runs(0);
	for (int i = 1; i < 4; i++)
		ck_assert_int_eq(plan(NOW + i, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "store-full");
	disk_set(DISK_GOOD);
	plan(NOW + 5, NULL);
	ck_assert_str_eq(shown(id), "1:executed received accepted begun executed ");
	ck_assert(journal_revoked_at(last_how(id), &when));
	ck_assert_str_eq(mails(id), "revoked>" HOLDER " ");
	round_at(NOW + HOUR);
	ck_assert_uint_eq(runs_of("cesnet", NULL, 0), 1);
	good_head();
}
END_TEST

static void *
unlock_soon(void *db)
{
	poll(NULL, 0, 200);
	ck_assert_int_eq(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	return NULL;
}

/* As by somebody who copies it. */
START_TEST(waits_for_a_journal_that_is_locked)
{
	int64_t id = accept_as(1, "cesnet");
	pthread_t thread;
	sqlite3 *db;

	plan(NOW, NULL);
	wait_for_runs(0);
	ck_assert_int_eq(sqlite3_open(store_fixture_path("journal"), &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(pthread_create(&thread, NULL, unlock_soon, db), 0);
	plan(NOW + 1, NULL);
	pthread_join(thread, NULL);
	sqlite3_close(db);
	ck_assert_str_eq(shown(id), "1:executed received accepted begun executed ");
	ck_assert_uint_eq(runs_of("cesnet", NULL, 0), 1);
}
END_TEST

/* What could not be told to be written may have been. */
START_TEST(goes_on_where_it_was_written_after_all)
{
	int64_t id = accept_as(1, "cesnet");
	struct error err;

	command_does("cesnet", UNTIL_GO);
	disk_set(DISK_FULL);
	ck_assert_int_eq(plan(NOW, &err), ANSWER_CANT_TELL);
	disk_set(DISK_GOOD);
	ck_assert_int_eq(work_add(&work, id, JOURNAL_BEGUN, NOW, "", NULL, NULL), ANSWER_YES);
	plan(NOW + 1, NULL);
	disk_set(DISK_FULL);
	write_file("go", "", 0600);
	wait_for_runs(0);
	ck_assert_int_eq(plan(NOW + 2, &err), ANSWER_CANT_TELL);
	disk_set(DISK_GOOD);
	ck_assert_int_eq(work_add(&work, id, JOURNAL_EXECUTED, NOW + 2, "", NULL, NULL), ANSWER_YES);
	round_at(NOW + 3);
	ck_assert_str_eq(shown(id), "1:executed received accepted begun executed ");
	ck_assert_uint_eq(runs_of("cesnet", NULL, 0), 1);
}
END_TEST

/* ---- crashes ---------------------------------------------------------------------------------------- */

/* A worker that is killed while its command runs, or once that has ended and nothing was recorded. */
static void
crash(const char *authority, bool ended)
{
	pid_t worker;

	command_does(authority, ended ? REVOKED_AT : "sleep 1000");
	accept_as(1, authority);
	carry_free(carry);
	carry = NULL;
	close_all();
	worker = fork();
	if (worker == 0) {
		open_all();
		plan(NOW, NULL);
		if (ended)
			wait_for_runs(0);
		for (;;)
			pause();
	}
	wait_for_start(authority);
	ck_assert_int_eq(kill(worker, SIGKILL), 0);
	ck_assert_int_eq(waitpid(worker, NULL, 0), worker);
	open_all();
	ck_assert_str_eq(shown(1), "1:begun received accepted begun ");
	command_does(authority, REVOKED_AT);
}

START_TEST(runs_again_what_broke_off_where_that_may_be)
{
	crash("ica", _i != 0);
	round_at(NOW + 1);
	ck_assert_str_eq(shown(1), "1:executed received accepted begun failed begun executed ");
	ck_assert_uint_eq(runs_of("ica", NULL, 0), 2);
	ck_assert_str_eq(mails(1), "revoked>" HOLDER " ");
	good_head();
}
END_TEST

START_TEST(asks_a_person_about_what_broke_off)
{
	crash("cesnet", _i != 0);
	round_at(NOW + 1);
	round_at(NOW + HOUR);
	ck_assert_str_eq(shown(1), "1:interrupted received accepted begun interrupted ");
	ck_assert_str_eq(mails(1), "alarm-interrupted-1800000000>cesnet@operator.example ");
	ck_assert_uint_eq(runs_of("cesnet", NULL, 0), 1);
	ck_assert_int_eq(work_add(&work, 1, JOURNAL_RETRY, NOW + HOUR, "it was not", NULL, NULL), ANSWER_YES);
	round_at(NOW + HOUR);
	ck_assert_str_eq(shown(1), "1:executed received accepted begun interrupted retry begun executed ");
	good_head();
}
END_TEST

/* Worker is killed in the midst of each of its writes to the disk, and in its next life once more. What was not idempotent ran at
 * most once, and where nobody knows, a person is asked; of what is, nothing is left undone. */
static bool
lives_through(unsigned operation)
{
	int status;
	pid_t worker;

	carry_free(carry);
	carry = NULL;
	close_all();
	worker = fork();
	if (worker == 0) {
		open_all();
		disk_kill_at(operation);
		round_at(NOW);
		carry_free(carry);
		close_all();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(worker, &status, 0), worker);
	open_all();
	good_head();
	return WIFEXITED(status);
}

static void
check_after(int64_t id, const char *authority, unsigned runs)
{
	bool idempotent = strcmp(authority, "ica") == 0;

	shown(id);
	if (!idempotent && told.item.state == JOURNAL_INTERRUPTED) {
		ck_assert_uint_le(runs, 1);
		ck_assert_ptr_nonnull(strstr(mails(id), "alarm-interrupted"));
		return;
	}
	ck_assert_int_eq(told.item.state, JOURNAL_EXECUTED);
	ck_assert_uint_ge(runs, 1);
	ck_assert_uint_le(runs, idempotent ? 3 : 1);
	ck_assert_str_eq(mails(id), "revoked>" HOLDER " ");
}

START_TEST(survives_being_killed_at_each_write)
{
	const char *authority = _i == 0 ? "ica" : "cesnet";
	unsigned kills = 0, runs = 0;
	bool lived = false;

	for (unsigned operation = 1; !lived; operation++) {
		int64_t id = accept_as(operation, authority);
		unsigned before = runs;

		lived = lives_through(operation);
		kills += !lived;
		if (!lived)
			kills += !lives_through(1 + operation % 23);
		for (int i = 1; i < 4; i++)
			round_at(NOW + i * HOUR);
		runs = runs_of(authority, NULL, 0);
		check_after(id, authority, runs - before);
	}
	ck_assert_uint_ge(kills, 10);
	good_head();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("carry");
	TCase *t = tcase_create("carry");

	log_threshold(LOG_EMERG);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 240);
	tcase_add_test(t, carries_out);
	tcase_add_loop_test(t, keeps_the_authoritys_time, 0, sizeof ends / sizeof *ends);
	tcase_add_test(t, tells_nobody_who_is_not_known);
	tcase_add_test(t, leaves_what_is_not_accepted);
	tcase_add_test(t, tries_again);
	tcase_add_test(t, goes_on_past_the_deadline);
	tcase_add_test(t, asks_a_person);
	tcase_add_test(t, runs_nothing_twice_that_is_not_idempotent);
	tcase_add_test(t, needs_the_issuers_certificate);
	tcase_add_test(t, leaves_it_to_a_person_where_there_is_no_command);
	tcase_add_test(t, alarms_where_the_block_is_gone);
	tcase_add_test(t, says_what_another_request_revoked);
	tcase_add_test(t, runs_one_at_a_time_an_authority);
	tcase_add_test(t, waits_for_its_commands_when_it_ends);
	tcase_add_test(t, does_without_a_thread);
	tcase_add_loop_test(t, runs_nothing_that_the_journal_does_not_have, 0, 2);
	tcase_add_loop_test(t, keeps_a_result_until_it_is_written, 0, 2);
	tcase_add_test(t, waits_for_a_journal_that_is_locked);
	tcase_add_test(t, goes_on_where_it_was_written_after_all);
	tcase_add_test(t, says_each_thing_once);
	tcase_add_loop_test(t, runs_again_what_broke_off_where_that_may_be, 0, 2);
	tcase_add_loop_test(t, asks_a_person_about_what_broke_off, 0, 2);
	tcase_add_loop_test(t, survives_being_killed_at_each_write, 0, 2);
	suite_add_tcase(s, t);
	return unit_run(s);
}
