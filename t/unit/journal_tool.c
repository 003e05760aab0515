/* journal_tool: a journal and an inbox with requests in them, for tests of those who read them.
 *
 *     journal_tool JOURNAL receive NUMBER TIME [SIGNER]   a request, as worker writes it; SIGNER: a certificate in DER
 *     journal_tool JOURNAL add ID KIND TIME WHO HOW       a step of it; KIND as in journal.h
 *     journal_tool INBOX put NUMBER TIME JOURNAL          a request, as gate writes it
 *
 * Request NUMBER has it in its serial number; those above 100 are made by somebody who would like to do harm to a
 * terminal, above 200 not in UTF-8.
 */
#include "base/deadline.h"
#include "base/file.h"
#include "store/inbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_MS 30000
#define HARMFUL 100
#define NOT_UTF8 200

struct made {
	unsigned char serial[3], digest[RECORD_DIGEST];
	struct buf signer;
	struct record record;
};

/* CN=Vydavatel, O=Ukázka */
static const unsigned char issuer[] = {0x30, 0x26, 0x31, 0x12, 0x30, 0x10, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x09, 'V', 'y', 'd',
	'a', 'v', 'a', 't', 'e', 'l', 0x31, 0x10, 0x30, 0x0e, 0x06, 0x03, 0x55, 0x04, 0x0a, 0x0c, 0x07, 'U', 'k', 0xc3, 0xa1, 'z',
	'k', 'a'};

static enum answer
make(struct made *m, long number, long long time, const char *signer, struct error *err)
{
	memcpy(m->serial, (unsigned char[]){0x0a, (unsigned char)(number >> 8), (unsigned char)number}, sizeof m->serial);
	memset(m->digest, (int)number, sizeof m->digest);
	buf_init(&m->signer, RECORD_SIGNER_MAX + 1);
	if (signer != NULL && file_read(signer, FILE_PUBLIC, &m->signer, err) != ANSWER_YES)
		return err->answer;
	m->record = (struct record){.authority = "ica", .serial = slice_of(m->serial, sizeof m->serial),
		.digest = slice_of(m->digest, sizeof m->digest), .issuer = slice_of(issuer, sizeof issuer),
		.form = signer == NULL ? "password" : "signed",
		.message_id = number > NOT_UTF8 ? "<\xc2\x9b" "31m\xff@example.cz>" : number > HARMFUL ?
			"<\x1b]0;x\x07\x7f\xc2\x9b" "31m\nnumber: 7@example.cz>" : "<1@example.cz>",
		.mail_digest = slice_of(m->digest, sizeof m->digest), .queue_id = "4XyZ", .client = "192.0.2.1", .language = "cs",
		.reason = "keyCompromise", .signer = buf_slice(&m->signer),
		.evidence = signer == NULL ? SLICE_NONE : slice_str("Content-Type: text/plain\r\n\r\n\x1b[2J signed words\r\n"),
		.received = time};
	return ANSWER_YES;
}

static enum answer
receive(const char *path, const struct record *request, struct error *err)
{
	struct timespec deadline = deadline_in(WRITE_MS);
	struct journal_receipt receipt;
	struct journal *journal;
	enum answer answer = journal_open(path, &journal, err);

	if (answer == ANSWER_YES)
		answer = journal_receive(journal, request, request->received, "from the inbox", &deadline, &receipt, err);
	if (answer == ANSWER_YES)
		printf("%lld\n", (long long)receipt.id);
	journal_close(journal);
	return answer;
}

static enum answer
put(const char *path, const char *journal_path, const struct record *request, struct error *err)
{
	struct timespec deadline = deadline_in(WRITE_MS);
	struct journal_receipt receipt;
	struct inbox *inbox;
	enum answer answer = inbox_open(path, journal_path, &inbox, err);

	if (answer == ANSWER_YES)
		answer = inbox_put(inbox, request, slice_str("proof"), &deadline, &receipt, err);
	inbox_close(inbox);
	return answer;
}

static enum answer
add(const char *path, const struct journal_step *step, struct error *err)
{
	struct timespec deadline = deadline_in(WRITE_MS);
	struct journal *journal;
	enum answer answer = journal_open(path, &journal, err);

	if (answer == ANSWER_YES)
		answer = journal_add(journal, step, NULL, &deadline, err);
	journal_close(journal);
	return answer;
}

int
main(int argc, char **argv)
{
	struct error err = ERROR_NONE;
	struct made m;

	if ((argc == 5 || argc == 6) && strcmp(argv[2], "receive") == 0) {
		if (make(&m, atol(argv[3]), atoll(argv[4]), argv[5], &err) == ANSWER_YES)
			receive(argv[1], &m.record, &err);
		buf_free(&m.signer);
	} else if (argc == 8 && strcmp(argv[2], "add") == 0) {
		struct journal_step step = {.request = atoll(argv[3]), .kind = (enum journal_kind)atoi(argv[4]),
			.time = atoll(argv[5]), .who = argv[6], .how = argv[7]};

		add(argv[1], &step, &err);
	} else if (argc == 6 && strcmp(argv[2], "put") == 0) {
		if (make(&m, atol(argv[3]), atoll(argv[4]), NULL, &err) == ANSWER_YES)
			put(argv[1], argv[5], &m.record, &err);
	} else {
		fputs("usage: journal_tool FILE receive|add|put ...\n", stderr);
		return 2;
	}
	if (err.answer != ANSWER_YES)
		fprintf(stderr, "journal_tool: %s\n", err.words);
	return err.answer != ANSWER_YES;
}
