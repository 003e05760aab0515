/* What gate hands on gets into the journal, and is decided by its evidence alone; and who asked hears of it. */
#include "authority.h"
#include "unit.h"

#include "base/deadline.h"
#include "gateway/state.h"
#include "mail/transfer.h"
#include "revocation/password.h"
#include "smime/algorithms.h"
#include "smime/sign.h"
#include "store/enrolments.h"
#include "store/notices.h"
#include "store/store.h"
#include "worker/decide.h"

#include <sqlite3.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW AUTHORITY_NOW
#define HOUR 3600L
#define ADDRESS "zneplatneni@ca.example"
#define PASSWORD "tajne1234"
#define LN 10 /* cheap */
#define LOOKS_MAX 20000 /* of which one meets the spoiler at the wrong moment */
#define HOLDER_SERIAL 0x1001
#define SILENT_SERIAL 0x1007

static struct key_identity ca, holder, silent;
static char *authority_files[1];
static struct config_revocation block;
static struct config config;
static struct gateway gateway;
static struct journal *journal;
static struct proof_key *for_gate, *for_worker;
static struct inbox *inbox;
static struct reader *reader;
static struct decide *decide;
static struct work work;
static struct timespec deadline;

/* ---- people, and what gate has ------------------------------------------------------ */

static struct key_identity
identity(const char *name, const char *alternative, long serial)
{
	struct authority_wish wish = {.name = name, .alternative = alternative, .ca = serial == 0,
		.key = serial == 0 ? "P-256" : "RSA:2048", .issuer = serial == 0 ? NULL : ca.certificate};
	X509 *x509 = authority_issue(&wish);

	if (serial != 0) {
		ASN1_INTEGER_set(X509_get_serialNumber(x509), serial);
		X509_sign(x509, authority_key("P-256"), EVP_sha256());
	}
	return (struct key_identity){(char *)(uintptr_t)name, authority_key(wish.key), x509, sk_X509_new_null()};
}

static struct holder_serial
serial_of(const struct key_identity *who)
{
	struct holder_serial serial;
	struct cert *cert;

	ck_assert_int_eq(cert_from_x509(who->certificate, &cert, NULL), ANSWER_YES);
	ck_assert(holder_serial_of_cert(cert, &serial));
	cert_unref(cert);
	return serial;
}

static struct slice
issuer_name(void)
{
	return authorities_get(gateway.authorities, 0)->block.issuers[0];
}

static void
enrol(const struct key_identity *who, const char *password, const char *contacts)
{
	static const unsigned char salt[PASSWORD_SALT] = {1};
	struct holder_serial serial = serial_of(who);
	struct slice der = authority_der(who->certificate);
	char text[PASSWORD_TEXT_MAX + 1] = "";
	struct password_hash hash;

	ck_assert_int_eq(password_make(slice_str(password), LN, salt, &hash, NULL), ANSWER_YES);
	password_write(&hash, text);
	ck_assert_int_eq(enrolments_put(journal, &(struct enrolment){"ica", issuer_name(), slice_of(serial.octets, serial.len), der,
		text, contacts, NOW, "test"}, &deadline, NULL), ANSWER_YES);
	free((void *)(uintptr_t)der.data);
}

static void
configure(void)
{
	static char path[256];

	snprintf(path, sizeof path, "%s", authority_path("ca.pem"));
	authority_files[0] = path;
	block = (struct config_revocation){.name = (char *)(uintptr_t)"ica", .address = (char *)(uintptr_t)ADDRESS,
		.operator_address = (char *)(uintptr_t)"obsluha@ca.example", .authorities = {authority_files, 1}, .form_signed = true,
		.form_password = true, .inventory = (char *)(uintptr_t)CONFIG_ENROLLED, .request_age = 72 * HOUR};
	config = (struct config){.mime_depth_limit = 100, .mime_part_limit = 1000, .layer_limit = 8, .signer_limit = 20,
		.certificate_limit = 50, .cms_recipient_limit = 50, .opened_size_limit = 16 << 20, .fetch_limit = 5,
		.status_timeout = 2, .status_size_limit = 1 << 20, .status_total_limit = 64 << 20, .request_line_limit = 3,
		.password_cost_limit = LN, .revocations = &block, .revocation_count = 1, .rcpt_deadline = 2, .cache_size = 10};
}

static void
open_gateway(void)
{
	struct error err = ERROR_NONE;

	gateway.config = &config;
	ck_assert_msg(trusts_new(&config, &gateway.trusts, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_msg(authorities_new(&config, &gateway.authorities, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_msg(directories_new(&config, gateway.trusts, &gateway.directories, &err) == ANSWER_YES, "%s", err.words);
}

/* As after a start, over the files that are there. */
static void
open_worker(void)
{
	work = (struct work){.gateway = &gateway, .journal = journal, .proof = for_worker, .who = "worker"};
	decide = decide_new(&work, reader);
	ck_assert_ptr_nonnull(decide);
}

static void
begin(void)
{
	struct error err = ERROR_NONE;
	char path[256], guesses[256];

	ck_assert_int_eq(algorithms_load(&err), ANSWER_YES);
	deadline = deadline_in(60000);
	snprintf(path, sizeof path, "%s", authority_path("inbox"));
	snprintf(guesses, sizeof guesses, "%s", authority_path("guesses"));
	ck_assert_msg(reader_start(path, guesses, &reader, &err) == ANSWER_YES, "%s", err.words);
	ca = identity("CA", NULL, 0);
	holder = identity("Jan", "email:jan@alfa.example", HOLDER_SERIAL);
	silent = identity("Ticha", NULL, SILENT_SERIAL);
	authority_write_pem(authority_path("ca.pem"), ca.certificate, NULL, NULL);
	configure();
	open_gateway();
	ck_assert_msg(journal_open(authority_path("journal"), &journal, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_msg(inbox_open(path, authority_path("journal"), &inbox, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_msg(proof_key_open(authority_folder(), &for_worker, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_msg(proof_key_open_public(authority_folder(), &for_gate, &err) == ANSWER_YES, "%s", err.words);
	gateway.passwords = password_work_new(2, LN, 2);
	enrol(&holder, PASSWORD, "dopis@alfa.example\n");
	open_worker();
}

static void
end(void)
{
	static const char *const files[] = {"journal", "inbox", "proof.key", "proof.pub"};
	char path[300];

	decide_free(decide);
	reader_stop(reader);
	inbox_close(inbox);
	journal_close(journal);
	password_work_free(gateway.passwords);
	proof_key_free(for_gate);
	proof_key_free(for_worker);
	directories_free(gateway.directories);
	authorities_free(gateway.authorities);
	trusts_free(gateway.trusts);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		remove(authority_path(files[i]));
		snprintf(path, sizeof path, "%s-wal", authority_path(files[i]));
		remove(path);
		snprintf(path, sizeof path, "%s-shm", authority_path(files[i]));
		remove(path);
	}
}

/* ---- what gate does -------------------------------------------------------------------- */

static struct buf
new_buf(void)
{
	struct buf b;

	buf_init(&b, 8 << 20);
	return b;
}

static struct buf
request_for(long serial, const char *password)
{
	struct buf b = new_buf();

	buf_printf(&b, "Content-Type: text/plain; charset=us-ascii\r\n\r\nZadam o zneplatneni certifikatu cislo = %ld\r\n", serial);
	if (password != NULL)
		buf_printf(&b, "Heslo pro zneplatneni = %s\r\n", password);
	return b;
}

static struct buf
sign(struct buf entity, const struct key_identity *who, time_t when)
{
	const struct sign_options options = {.now = when};
	struct error err = ERROR_NONE;
	struct buf der = new_buf(), b = new_buf();

	ck_assert_msg(sign_entity(buf_slice(&entity), who, &options, &der, &err) == ANSWER_YES, "%s", err.words);
	buf_add_str(&b, "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n");
	transfer_base64(buf_slice(&der), &b);
	buf_free(&entity);
	buf_free(&der);
	return b;
}

/* A request as gate hands it on; each part may be made another one before it is put. */
static struct handed {
	struct record record;
	struct claim claim;
	struct message *mail;
	struct buf proof;
} handed;

static void
take_mail(struct buf entity, time_t now)
{
	static const struct gateway_entry entry = {.direction = DIRECTION_INBOUND, .role = ROLE_WORK, .listener = "in"};
	const struct claim_desk desk = {.gateway = &gateway, .journal = journal, .proof = for_gate,
		.deadline = &deadline};
	const struct error closed = ERROR_NONE;
	const struct claim_line *line;
	struct buf file = new_buf();

	buf_add_str(&file, "From: Jan <jan@alfa.example>\r\nSubject: zneplatneni\r\n");
	buf_add_slice(&file, buf_slice(&entity));
	handed.mail = message_new(8 << 20);
	ck_assert_int_eq(message_read(buf_slice(&file), handed.mail, NULL), ANSWER_YES);
	claim_mail(&desk, authorities_get(gateway.authorities, 0), &entry, handed.mail, &closed, now, &handed.claim);
	ck_assert_msg(handed.claim.answer == ANSWER_YES, "%s", handed.claim.logged.words);
	line = handed.claim.lines;
	handed.record = (struct record){.authority = "ica", .serial = slice_of(line->serial.octets, line->serial.len),
		.digest = slice_of(line->key, sizeof line->key), .issuer = line->issuer, .form = "signed", .message_id = "<1@alfa.example>",
		.mail_digest = slice_of(handed.claim.mail_digest, sizeof handed.claim.mail_digest), .queue_id = "4XyZ",
		.client = "192.0.2.1", .language = line->language, .reason = "", .evidence = buf_slice(&handed.claim.evidence),
		.received = now};
	handed.proof = new_buf();
	ck_assert_int_eq(claim_seal_password(&desk, line, &handed.record, &handed.proof, NULL), ANSWER_YES);
	buf_free(&file);
	buf_free(&entity);
}

static void
put(void)
{
	struct journal_receipt receipt;
	struct error err = ERROR_NONE;

	ck_assert_msg(inbox_put(inbox, &handed.record, buf_slice(&handed.proof), &deadline, &receipt, &err) == ANSWER_YES, "%s",
		err.words);
	claim_free(&handed.claim);
	buf_wipe(&handed.proof);
	message_free(handed.mail);
}

static void
hand_on_signed(const struct key_identity *who, long serial)
{
	take_mail(sign(request_for(serial, NULL), who, NOW - HOUR), NOW);
	put();
}

/* ---- what comes of it --------------------------------------------------------------------- */

static void
round_at(time_t now)
{
	struct error err = ERROR_NONE;
	bool more;

	ck_assert_msg(decide_all(decide, now, &more, &err) == ANSWER_YES, "%s", err.words);
	ck_assert(!more);
}

static bool
note_item(void *arg, const struct journal_item *item)
{
	buf_printf(arg, "%lld:%s ", (long long)item->id, journal_kind_text(item->state));
	return true;
}

static bool
note_notice(void *arg, int64_t id, const struct notices_item *notice, unsigned attempts)
{
	(void)id;
	(void)attempts;
	buf_printf(arg, "%s>%s ", notice->kind, notice->recipient);
	return true;
}

/* "ID:STATE " of each, and "KIND>RECIPIENT " of each notice. */
static void
assert_journal(const char *states, const char *notices)
{
	struct buf got = new_buf();

	ck_assert_int_eq(journal_list(journal, JOURNAL_ALL, NOW, note_item, &got, NULL), ANSWER_YES);
	ck_assert_str_eq(got.len == 0 ? "" : buf_str(&got), states);
	buf_clear(&got);
	ck_assert_int_eq(notices_due(journal, NOW + 1000 * HOUR, note_notice, &got, NULL), ANSWER_YES);
	ck_assert_str_eq(got.len == 0 ? "" : buf_str(&got), notices);
	buf_free(&got);
}

static enum answer
step_of(const char *who, int64_t id, enum journal_kind kind, const char *how)
{
	return journal_add(journal, &(struct journal_step){id, kind, NOW, who, how}, NULL, &deadline, NULL);
}

START_TEST(accepts_what_the_certificates_key_has_signed)
{
	begin();
	hand_on_signed(&holder, HOLDER_SERIAL);
	round_at(NOW);
	assert_journal("1:accepted ", "received>jan@alfa.example ");
	round_at(NOW + 1);
	assert_journal("1:accepted ", "received>jan@alfa.example ");
	end();
}
END_TEST

START_TEST(accepts_a_password_by_its_proof)
{
	begin();
	take_mail(request_for(HOLDER_SERIAL, PASSWORD), NOW);
	ck_assert_uint_eq(handed.record.evidence.len, 0);
	put();
	round_at(NOW);
	assert_journal("1:accepted ", "received>dopis@alfa.example ");
	end();
}
END_TEST

/* Whatever the row says: that gate took it, counts for nothing. */
START_TEST(refuses_what_the_evidence_does_not_say)
{
	static const unsigned char other[] = {0x10, 0x07};
	unsigned char digest[RECORD_DIGEST] = {1};

	begin();
	take_mail(sign(request_for(HOLDER_SERIAL, NULL), &holder, NOW - HOUR), NOW);
	handed.record.serial = slice_of(other, sizeof other);
	put();
	take_mail(sign(request_for(HOLDER_SERIAL, NULL), &holder, NOW - HOUR), NOW);
	handed.record.issuer = slice_str("0CN=somebody else");
	put();
	take_mail(sign(request_for(HOLDER_SERIAL, NULL), &holder, NOW - HOUR), NOW);
	handed.record.digest = slice_of(digest, sizeof digest);
	put();
	take_mail(sign(request_for(HOLDER_SERIAL, NULL), &holder, NOW - 2 * HOUR), NOW);
	((unsigned char *)(uintptr_t)handed.record.evidence.data)[handed.record.evidence.len - 40] ^= 1;
	put();
	take_mail(request_for(HOLDER_SERIAL, PASSWORD), NOW);
	handed.proof.data[handed.proof.len - 1] ^= 1;
	put();
	round_at(NOW);
	assert_journal("1:refused 2:refused 3:refused 4:refused 5:refused ",
		"alarm-refused>obsluha@ca.example alarm-refused>obsluha@ca.example alarm-refused>obsluha@ca.example "
		"alarm-refused>obsluha@ca.example alarm-refused>obsluha@ca.example ");
	end();
}
END_TEST

/* By hand, with all that gate's user may do: more than received it cannot say, and what it says besides is not read. */
START_TEST(is_not_told_by_gate_that_it_is_accepted)
{
	sqlite3 *db;

	begin();
	take_mail(sign(request_for(HOLDER_SERIAL, NULL), &holder, NOW - HOUR), NOW);
	handed.record.evidence = slice_str("accepted");
	put();
	ck_assert_int_eq(sqlite3_open(authority_path("inbox"), &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "ALTER TABLE requests ADD COLUMN state INTEGER NOT NULL DEFAULT 3", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	round_at(NOW);
	assert_journal("1:refused ", "alarm-refused>obsluha@ca.example ");
	end();
}
END_TEST

START_TEST(lets_an_old_request_wait_and_tells_what_a_person_decides)
{
	begin();
	take_mail(sign(request_for(HOLDER_SERIAL, NULL), &holder, NOW - 100 * HOUR), NOW);
	put();
	round_at(NOW);
	assert_journal("1:waiting ", "alarm-waiting>obsluha@ca.example ");
	ck_assert_int_eq(step_of("operator root", 1, JOURNAL_ACCEPTED, "she called; notices go to eva@alfa.example"), ANSWER_YES);
	round_at(NOW + 1);
	assert_journal("1:accepted ", "alarm-waiting>obsluha@ca.example received>jan@alfa.example ");
	ck_assert_int_eq(step_of("operator root", 1, JOURNAL_REFUSED, "she called again"), ANSWER_YES);
	round_at(NOW + 2);
	assert_journal("1:refused ", "alarm-waiting>obsluha@ca.example received>jan@alfa.example refused>jan@alfa.example ");
	end();
}
END_TEST

/* The proof is gone by then, and so is whatever worker had in memory. */
START_TEST(tells_a_person_s_refusal_after_a_restart)
{
	uint64_t removed;

	begin();
	block.approve_by_hand = true;
	take_mail(request_for(HOLDER_SERIAL, PASSWORD), NOW);
	put();
	round_at(NOW);
	assert_journal("1:waiting ", "alarm-waiting>obsluha@ca.example ");
	ck_assert_int_eq(inbox_tidy(inbox, &deadline, &removed, NULL), ANSWER_YES);
	ck_assert_uint_eq(removed, 1);
	ck_assert_int_eq(step_of("operator root", 1, JOURNAL_REFUSED, "not today; notices go to eva@alfa.example"), ANSWER_YES);
	decide_free(decide);
	open_worker();
	round_at(NOW + HOUR);
	assert_journal("1:refused ", "alarm-waiting>obsluha@ca.example refused>dopis@alfa.example ");
	decide_free(decide);
	open_worker();
	round_at(NOW + 2 * HOUR);
	assert_journal("1:refused ", "alarm-waiting>obsluha@ca.example refused>dopis@alfa.example ");
	end();
}
END_TEST

START_TEST(tells_nobody_of_what_came_from_a_program)
{
	begin();
	take_mail(sign(request_for(HOLDER_SERIAL, NULL), &holder, NOW - HOUR), NOW);
	handed.record.quiet = true;
	put();
	hand_on_signed(&silent, SILENT_SERIAL);
	round_at(NOW);
	assert_journal("1:accepted 2:accepted ", "");
	end();
}
END_TEST

/* ---- what cannot be told now ---------------------------------------------------------------- */

START_TEST(tries_again_what_cannot_be_told_now)
{
	struct proof_key *key;

	begin();
	take_mail(request_for(HOLDER_SERIAL, PASSWORD), NOW);
	put();
	key = work.proof;
	work.proof = NULL;
	round_at(NOW);
	assert_journal("1:received ", "");
	work.proof = key;
	round_at(NOW + DECIDE_PAUSE - 1);
	assert_journal("1:received ", "");
	round_at(NOW + DECIDE_PAUSE);
	assert_journal("1:accepted ", "received>dopis@alfa.example ");
	end();
}
END_TEST

START_TEST(tells_the_operator_what_cannot_be_told_for_long)
{
	begin();
	hand_on_signed(&holder, HOLDER_SERIAL);
	block.name = (char *)(uintptr_t)"another";
	for (time_t now = NOW; now <= NOW + DECIDE_PATIENCE + DECIDE_PAUSE_MAX; now += DECIDE_PAUSE)
		round_at(now);
	block.name = (char *)(uintptr_t)"ica";
	assert_journal("1:received ", "alarm-undecided>obsluha@ca.example ");
	end();
}
END_TEST

/* Its file is hostile: nothing of it may keep what the journal has from being decided. */
START_TEST(goes_on_without_an_inbox)
{
	struct inbox_batch batch;
	struct error err = ERROR_NONE;
	struct buf told = new_buf();

	begin();
	hand_on_signed(&holder, HOLDER_SERIAL);
	ck_assert_int_eq(reader_batch(reader, 0, &batch, &err), ANSWER_YES);
	ck_assert_uint_eq(batch.count, 1);
	inbox_batch_free(&batch);
	inbox_close(inbox);
	inbox = NULL;
	authority_write(authority_path("inbox"), slice_str("this is no database, however long one looks at it"));
	ck_assert_int_eq(reader_batch(reader, 0, &batch, &err), ANSWER_CANT_TELL);
	ck_assert(!reader_is_gone(reader));
	round_at(NOW);
	assert_journal("", "");
	round_at(NOW + DECIDE_PATIENCE);
	ck_assert_int_eq(notices_due(journal, NOW + 1000 * HOUR, note_notice, &told, NULL), ANSWER_YES);
	ck_assert_msg(told.len > 0 && strstr(buf_str(&told), "alarm-inbox") != NULL, "the operator hears of it");
	buf_free(&told);
	end();
}
END_TEST

/* So that each of these serial numbers has to wait. */
static void
guess_at(struct guesses *guesses, unsigned serials)
{
	const struct guesses_limits limits = {.per_serial = 1, .per_client = 1000, .in_all = 1000, .delay_max = HOUR};
	struct guesses_wait wait = {.seconds = 0};

	for (unsigned char serial = 1; serial <= serials; serial++) {
		const struct guess guess = {.authority = "ica", .serial = slice_of(&serial, 1), .client = "192.0.2.1", .now = NOW};
		struct error err = ERROR_NONE;

		while (guesses_begin(guesses, &guess, &limits, &deadline, &wait, &err) == ANSWER_YES)
			continue;
		ck_assert_msg(wait.scope == GUESSES_SERIAL && wait.seconds > 0, "%s", err.words);
	}
}

static bool
count_guess(void *arg, const struct guesses_item *item)
{
	unsigned *count = arg;

	ck_assert_int_eq(item->scope, GUESSES_SERIAL);
	ck_assert_msg(strncmp(item->name, "ica ", 4) == 0, "%s", item->name);
	++*count;
	return true;
}

/* More of them are not the operator's to read in one mail, and not gate's to have worker hold. */
START_TEST(hears_of_so_many_under_attack)
{
	struct error err = ERROR_NONE;
	struct guesses *guesses;
	unsigned count = 0;

	begin();
	ck_assert_msg(guesses_open(authority_path("guesses"), &guesses, &err) == ANSWER_YES, "%s", err.words);
	guess_at(guesses, READER_GUESSES_MAX);
	ck_assert_msg(reader_guesses(reader, NOW, count_guess, &count, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_uint_eq(count, READER_GUESSES_MAX);
	guess_at(guesses, READER_GUESSES_MAX + 5);
	count = 0;
	ck_assert_msg(reader_guesses(reader, NOW, count_guess, &count, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_uint_eq(count, READER_GUESSES_MAX);
	guesses_close(guesses);
	ck_assert_int_eq(remove(authority_path("guesses")), 0);
	end();
}
END_TEST

/* Another table of that name, as gate's user could make it: without a key to read it by, so that all of it is sorted in memory,
 * and with evidence of which the file holds nothing. */
static void
replace_table(const char *path, int rows, long octets)
{
	char sql[1000];
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	snprintf(sql, sizeof sql, "BEGIN; DROP TABLE requests; CREATE TABLE requests (id INTEGER, authority DEFAULT 'ica', "
		"serial DEFAULT x'01', digest DEFAULT (zeroblob(32)), issuer DEFAULT x'30', form DEFAULT 'signed', message_id DEFAULT '', "
		"mail_digest DEFAULT (zeroblob(32)), queue_id DEFAULT '', client DEFAULT '', language DEFAULT 'cs', reason DEFAULT '', "
		"signer DEFAULT x'', evidence GENERATED ALWAYS AS (zeroblob(%ld)) VIRTUAL, received DEFAULT 1, quiet DEFAULT 0, "
		"proof DEFAULT x'')", octets);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	for (int i = 0; i < rows; i++) {
		snprintf(sql, sizeof sql, "INSERT INTO requests (id) VALUES (%d)", i + 1);
		ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	}
	ck_assert_int_eq(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

START_TEST(a_look_has_so_much_memory)
{
	const long octets = 4000000;
	const int many = STORE_FOREIGN_MEMORY / octets;
	struct error err = ERROR_NONE;
	struct inbox_batch batch;

	begin();
	inbox_close(inbox);
	inbox = NULL;
	replace_table(authority_path("inbox"), 4, octets);
	ck_assert_msg(reader_batch(reader, 0, &batch, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_uint_eq(batch.count, 4);
	inbox_batch_free(&batch);
	replace_table(authority_path("inbox"), many + 1, octets);
	ck_assert_int_eq(reader_batch(reader, 0, &batch, &err), ANSWER_CANT_TELL);
	ck_assert_msg(strstr(err.words, "out of memory") != NULL, "%s", err.words);
	ck_assert(!reader_is_gone(reader));
	end();
}
END_TEST

/* As gate's user could: the memory that SQLite maps goes away under who looks. */
static pid_t
spoil(const char *path)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	for (off_t size = 0;; size ^= 32768)
		if (truncate(path, size) != 0)
			_exit(1);
}

/* Such a look ends in a signal, and the next one is another process. */
START_TEST(outlives_looks_that_kill)
{
	struct error err = ERROR_NONE;
	struct inbox_batch batch;
	unsigned died = 0;
	char path[300];
	pid_t pid;

	begin();
	hand_on_signed(&holder, HOLDER_SERIAL);
	inbox_close(inbox);
	inbox = NULL;
	snprintf(path, sizeof path, "%s-shm", authority_path("inbox"));
	pid = spoil(path);
	for (unsigned i = 0; i < LOOKS_MAX && died == 0; i++) {
		if (reader_batch(reader, 0, &batch, &err) != ANSWER_YES)
			died += strstr(err.words, "died of it") != NULL;
		inbox_batch_free(&batch);
		ck_assert(!reader_is_gone(reader));
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ck_assert_uint_gt(died, 0);
	remove(path);
	round_at(NOW);
	assert_journal("1:accepted ", "received>jan@alfa.example ");
	end();
}
END_TEST

START_TEST(takes_many_in_their_order)
{
	bool more = true;

	begin();
	for (unsigned n = 0; n < INBOX_BATCH + 5; n++) {
		take_mail(sign(request_for(HOLDER_SERIAL, NULL), &holder, NOW - HOUR - (time_t)n), NOW);
		put();
	}
	while (more)
		ck_assert_int_eq(decide_all(decide, NOW, &more, NULL), ANSWER_YES);
	for (int64_t id = 1; id <= INBOX_BATCH + 5; id++)
		ck_assert_int_eq(step_of("operator root", id, JOURNAL_EXECUTED, ""), ANSWER_YES);
	end();
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("decide");
	Suite *suite = suite_create("decide");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, accepts_what_the_certificates_key_has_signed);
	tcase_add_test(tcase, accepts_a_password_by_its_proof);
	tcase_add_test(tcase, refuses_what_the_evidence_does_not_say);
	tcase_add_test(tcase, is_not_told_by_gate_that_it_is_accepted);
	tcase_add_test(tcase, lets_an_old_request_wait_and_tells_what_a_person_decides);
	tcase_add_test(tcase, tells_a_person_s_refusal_after_a_restart);
	tcase_add_test(tcase, tells_nobody_of_what_came_from_a_program);
	tcase_add_test(tcase, tries_again_what_cannot_be_told_now);
	tcase_add_test(tcase, tells_the_operator_what_cannot_be_told_for_long);
	tcase_add_test(tcase, goes_on_without_an_inbox);
	tcase_add_test(tcase, outlives_looks_that_kill);
	tcase_add_test(tcase, hears_of_so_many_under_attack);
	tcase_add_test(tcase, a_look_has_so_much_memory);
	tcase_add_test(tcase, takes_many_in_their_order);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
