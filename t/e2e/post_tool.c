/* post_tool: queue notices and hand them over, as worker does it, from a script.
 *
 *     post_tool CONFIG JOURNAL [KEEPER]
 *
 * takes keys from the keeper at that socket, or from their files. It reads commands from standard input, fields
 * parted by tabs, with \r and \n in them, and answers each with a line, which begins with yes, no or can't-tell and a
 * code:
 *
 *     notice KIND LANGUAGE RECIPIENT QUIET MESSAGE-ID REASON   a new request, which that is told of; then: its number
 *     alarm KIND REQUEST SUBJECT TEXT SECONDS   so many after the beginning, to the operator of the first authority
 *     round SECONDS                        at so many seconds after the beginning; then: sent, words
 *     fates REQUEST                        then, of each: kind, attempts, done or not, why it was refused
 *     send SERVER RECIPIENT                a small mail to there, within a second; then: words
 *     thread COMMAND                       start, wake, stop
 */
#include "base/deadline.h"
#include "base/log.h"
#include "keys/provider.h"
#include "revocation/authority.h"
#include "worker/post.h"
#include "worker/smtp.h"
#include "worker/tell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 8192
#define FIELDS 7
#define BEGIN 1767225600 /* 2026-01-01 00:00:00 UTC: when requests come */

struct tool {
	struct work work;
	struct config *config;
	struct post *post;
	unsigned char count; /* of requests */
	bool away;           /* keys are with a keeper */
};

static const char *
name_of(enum answer answer)
{
	return answer == ANSWER_YES ? "yes" : answer == ANSWER_NO ? "no" : "can't-tell";
}

static void
answer_with(enum answer answer, const struct error *err)
{
	printf("%s\t%s", name_of(answer), answer == ANSWER_YES ? "" : err->code);
}

/* ---- commands ---------------------------------------------------------------------- */

/* Each differs from those before. */
static enum answer
receive(struct tool *tool, char **f, unsigned char serial[2], unsigned char digest[RECORD_DIGEST], struct record *r,
	struct journal_receipt *receipt, struct error *err)
{
	const struct timespec deadline = deadline_in(WORK_WRITE_MS);

	serial[0] = 0x12;
	serial[1] = ++tool->count;
	memset(digest, tool->count, RECORD_DIGEST);
	*r = (struct record){
		.authority = tool->config->revocations[0].name, .serial = slice_of(serial, 2), .issuer = slice_str("0"),
		.digest = slice_of(digest, RECORD_DIGEST), .mail_digest = slice_of(digest, RECORD_DIGEST), .form = "signed",
		.message_id = f[5], .queue_id = "Q1", .client = "192.0.2.1", .language = f[2], .reason = "", .received = BEGIN,
		.quiet = strcmp(f[4], "yes") == 0,
	};
	return journal_receive(tool->work.journal, r, BEGIN, "by SMTP", &deadline, receipt, err);
}

static void
notice(struct tool *tool, char **f)
{
	static const char *const kinds[] = {"received", "revoked", "already", "refused"};
	unsigned char serial[2], digest[RECORD_DIGEST];
	struct error err = ERROR_NONE;
	struct journal_receipt receipt = {.id = 0};
	struct notices_item item;
	struct record record;
	struct tell_news news = {
		.authority = work_authority(&tool->work, tool->config->revocations[0].name), .record = &record,
		.recipient = f[3], .now = time(NULL), .reason = f[6], .has_revoked_at = true, .revoked_at = BEGIN + 3661,
	};
	struct buf message;
	enum answer answer;

	while (news.kind < NOTICE_REFUSED && strcmp(kinds[news.kind], f[1]) != 0)
		news.kind++;
	buf_init(&message, TELL_MESSAGE_MAX);
	answer = receive(tool, f, serial, digest, &record, &receipt, &err);
	news.request = receipt.id;
	if (answer == ANSWER_YES)
		answer = tell_writer(&news, &message, &item, &err);
	if (answer == ANSWER_YES)
		answer = work_add(&tool->work, receipt.id, JOURNAL_ACCEPTED, BEGIN, "as it should be", &item, &err);
	answer_with(answer, &err);
	printf("\t%lld\n", (long long)receipt.id);
	buf_free(&message);
}

static void
alarm_operator(const struct tool *tool, char **f)
{
	struct error err = ERROR_NONE;
	enum answer answer = tell_operator(&tool->work, work_authority(&tool->work, tool->config->revocations[0].name),
		atoll(f[2]), f[1], f[3], f[4], time(NULL) + atol(f[5]), &err);

	answer_with(answer, &err);
	printf("\n");
}

static void
post(const struct tool *tool, char **f)
{
	struct error err = ERROR_NONE;
	unsigned sent;
	enum answer answer = post_round(&tool->work, time(NULL) + atol(f[1]), &sent, &err);

	answer_with(answer, &err);
	printf("\t%u\t%s\n", sent, err.words);
}

static bool
print_fate(void *arg, const struct notices_item *item, const struct notices_fate *fate)
{
	(void)arg;
	printf("\t%s %u %s %s", item->kind, fate->attempts, fate->done != 0 ? "done" : "waits", fate->refused);
	return true;
}

static void
fates(const struct tool *tool, char **f)
{
	struct error err = ERROR_NONE;

	printf("fates");
	if (notices_list(tool->work.journal, atoll(f[1]), print_fate, NULL, &err) != ANSWER_YES)
		printf("\t%s", err.words);
	printf("\n");
}

static void
send_one(char **f)
{
	struct smtp_job job = {f[1], 1, f[2], slice_str("From: a@b.example\r\nSubject: x\r\n\r\n.\r\n..a\r\n")};
	struct error err = ERROR_NONE;

	answer_with(smtp_send(&job, &err), &err);
	printf("\t%s\n", err.words);
}

static void
thread(struct tool *tool, char **f)
{
	struct error err = ERROR_NONE;
	enum answer answer = ANSWER_YES;

	if (strcmp(f[1], "start") == 0)
		answer = post_start(&tool->work, &tool->post, &err);
	else if (strcmp(f[1], "wake") == 0)
		post_wake(tool->post);
	else
		post_stop(tool->post);
	answer_with(answer, &err);
	printf("\n");
}

/* "\\r" and "\\n" stand for what they do in C. */
static void
unescape(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++)
		if (text[0] == '\\' && (text[1] == 'r' || text[1] == 'n'))
			*to++ = *++text == 'r' ? '\r' : '\n';
		else
			*to++ = *text;
	*to = '\0';
}

static void
do_command(struct tool *tool, char *line)
{
	static char nothing[1];
	char *f[FIELDS];

	for (size_t i = 0; i < FIELDS; i++) {
		char *field = strsep(&line, "\t");

		f[i] = field == NULL ? nothing : field;
		unescape(f[i]);
	}
	if (strcmp(f[0], "notice") == 0)
		notice(tool, f);
	else if (strcmp(f[0], "alarm") == 0)
		alarm_operator(tool, f);
	else if (strcmp(f[0], "round") == 0)
		post(tool, f);
	else if (strcmp(f[0], "fates") == 0)
		fates(tool, f);
	else if (strcmp(f[0], "send") == 0)
		send_one(f);
	else
		thread(tool, f);
	fflush(stdout);
}

/* ---- beginning ------------------------------------------------------------------------- */

static enum answer
identity_of(void *arg, const struct config_signer *files, enum key_use use, struct key_identity **identity,
	struct error *err)
{
	const struct tool *tool = arg;

	return tool->away ? provider_identity(files->name, use, identity, err) : key_load(files, use, identity, err);
}

static enum answer
begin(struct tool *tool, int argc, char **argv, struct error *err)
{
	enum answer answer = config_parse(argv[1], &tool->config, NULL, NULL, err);

	tool->away = argc > 3;
	if (answer == ANSWER_YES && tool->away)
		answer = provider_open(argv[3], 500, 4, err);
	if (answer == ANSWER_YES)
		answer = gateway_new(tool->config, identity_of, tool, NULL, &tool->work.gateway, err);
	if (answer == ANSWER_YES)
		answer = journal_open(argv[2], &tool->work.journal, err);
	tool->work.who = "worker";
	return answer;
}

int
main(int argc, char **argv)
{
	struct tool tool = {.count = 0};
	struct error err = ERROR_NONE;
	char line[LINE_SIZE];

	if (argc < 3)
		return 2;
	log_open("post_tool", LOG_MAIL, true);
	if (begin(&tool, argc, argv, &err) != ANSWER_YES) {
		fprintf(stderr, "%s\n", err.words);
		return 1;
	}
	while (fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		do_command(&tool, line);
	}
	journal_close(tool.work.journal);
	gateway_unref(tool.work.gateway);
	config_unref(tool.config);
	provider_close();
	return 0;
}
