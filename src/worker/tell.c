#include "worker/tell.h"

#include "base/deadline.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "base/utf8.h"
#include "mail/address.h"
#include "pki/cert.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_SIZE (2 + 2 * ID_OCTETS + 1 + ADDRESS_DOMAIN_MAX + 1)
#define ID_OCTETS 16   /* of a digest, in a Message-ID */
#define KIND_SIZE (RECORD_NAME_MAX + 1)
#define SUBJECT_MAX 200 /* octets */
#define LINE_MAX_LEN 72 /* of an alarm */
#define DATE_SIZE 64
#define DAY (24 * 60 * 60)

_Static_assert(CONFIG_NOTICE_ADDRESS_MAX == NOTICES_ADDRESS_MAX, "an alarm to a configured address can be queued");

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory for a notice");
}

static const char *
notice_from(const struct config_revocation *c)
{
	return c->notice_from != NULL ? c->notice_from : c->address;
}

/* ---- Message-ID ------------------------------------------------------------------- */

/* The same notice has the same, and no other has: not even that of a request with the same number in another journal. */
static enum answer
write_id(const struct notices_item *item, struct slice origin, const char *from, char id[ID_SIZE],
	struct error *err)
{
	char domain[ADDRESS_DOMAIN_MAX + 1], hex[2 * ID_OCTETS + 1];
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct address address;
	struct buf text;
	bool done;

	if (!address_parse(slice_str(from), &address) || !address_domain_labels(address.domain, domain))
		return error_no(err, "notice", "%s is no address that notices could come from", from);
	buf_init(&text, TELL_MESSAGE_MAX);
	buf_printf(&text, "%s\n%lld\n%s\n%s\n", item->authority, (long long)item->request, item->kind, item->recipient);
	buf_add_slice(&text, origin);
	ERR_clear_error();
	done = !buf_failed(&text) && EVP_Q_digest(NULL, "SHA256", NULL, text.data, text.len, digest, NULL) == 1;
	buf_free(&text);
	if (!done)
		return no_memory(err);
	for (size_t i = 0; i < ID_OCTETS; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	snprintf(id, ID_SIZE, "<%s@%s>", hex, domain);
	return ANSWER_YES;
}

/* ---- to who asked --------------------------------------------------------------------- */

static const char *const kinds[] = {
	[NOTICE_RECEIVED] = "received",
	[NOTICE_REVOKED] = "revoked",
	[NOTICE_ALREADY] = "already",
	[NOTICE_REFUSED] = "refused",
};

static void
write_hex(struct slice octets, char hex[NOTICE_SERIAL_DIGITS + 1])
{
	hex[0] = '\0';
	for (size_t i = 0; i < octets.len && i < NOTICE_SERIAL_DIGITS / 2; i++)
		snprintf(hex + 2 * i, 3, "%02X", octets.data[i]);
}

/* Others wrote it, in whatever form: he who waits for the notice is not to suffer from that. */
static void
write_line(const char *words, char line[NOTICE_WORDS_MAX + 1])
{
	struct slice text = slice_trim(slice_str(words));
	size_t at = 0, len = 0, step;

	for (; at < text.len; at += step) {
		size_t valid = utf8_length(text, at);
		unsigned char c = text.data[at];

		step = valid == 0 ? 1 : valid;
		if (len + step > NOTICE_WORDS_MAX)
			break;
		memcpy(line + len, text.data + at, step);
		if (valid == 0 || c < ' ' || c == 0x7f)
			line[len] = valid == 0 ? '?' : ' ';
		len += step;
	}
	line[len] = '\0';
}

/* What is written anew for a notice. */
struct lines {
	char serial[NOTICE_SERIAL_DIGITS + 1];
	char issuer[NOTICE_WORDS_MAX + 1], reason[NOTICE_WORDS_MAX + 1]; /* "": there is none */
};

static void
make_lines(const struct tell_news *news, struct lines *l)
{
	char *issuer = cert_name(news->record->issuer);

	write_hex(news->record->serial, l->serial);
	write_line(issuer == NULL ? "" : issuer, l->issuer);
	write_line(news->reason, l->reason);
	free(issuer);
}

static void
fill(const struct tell_news *news, const char *id, const struct lines *l, struct notice *n)
{
	const struct config_revocation *c = news->authority->config;

	*n = (struct notice){
		.kind = news->kind,
		.language = NOTICE_EN,
		.from = notice_from(c),
		.to = news->recipient,
		.message_id = id,
		.in_reply_to = news->record->message_id[0] != '\0' ? news->record->message_id : NULL,
		.date = news->now,
		.authority = c->title != NULL ? c->title : c->name,
		.serial = l->serial,
		.issuer = l->issuer[0] != '\0' ? l->issuer : NULL,
		.received = news->record->received,
		.deadline = news->record->received + JOURNAL_DEADLINE,
		.has_revoked_at = news->has_revoked_at,
		.revoked_at = news->revoked_at,
		.reason = l->reason[0] != '\0' ? l->reason : NULL,
		.contact = c->contact != NULL ? c->contact : c->operator_address != NULL ? c->operator_address : notice_from(c),
	};
	notice_language_find(news->record->language, &n->language);
}

enum answer
tell_writer(const struct tell_news *news, struct buf *message, struct notices_item *item, struct error *err)
{
	char id[ID_SIZE];
	struct notice notice;
	struct lines lines;
	enum answer answer;

	if (news->record->quiet)
		return error_no(err, "quiet", "the request came from a program, a list or a loop: nobody is told by mail");
	*item = (struct notices_item){
		.authority = news->authority->config->name, .request = news->request, .kind = kinds[news->kind],
		.recipient = news->recipient, .created = news->now,
	};
	answer = write_id(item, news->record->digest, notice_from(news->authority->config), id, err);
	if (answer != ANSWER_YES)
		return answer;
	make_lines(news, &lines);
	fill(news, id, &lines, &notice);
	answer = notice_write(&notice, message, err);
	item->message = buf_slice(message);
	return answer;
}

/* ---- to operators --------------------------------------------------------------------- */

struct alarm {
	const struct config_revocation *to;
	const char *authority; /* that it is about; NULL: none */
	int64_t request;
	const char *kind, *subject, *text;
	time_t now;
	char received[TIMESTAMP_LEN + 1];                                    /* of the request; "": not known */
	char serial[NOTICE_SERIAL_DIGITS + 1], issuer[NOTICE_WORDS_MAX + 1]; /* of its certificate */
};

static void
write_ascii(const char *text, size_t max, char *line)
{
	size_t i;

	for (i = 0; text[i] != '\0' && i < max; i++)
		line[i] = text[i] < ' ' || text[i] > '~' ? '?' : text[i];
	line[i] = '\0';
}

/* In lines that no relay breaks elsewhere. */
static void
write_lines(const char *text, struct buf *out)
{
	struct slice rest = slice_trim(slice_str(text));

	while (rest.len > 0) {
		size_t end = rest.len > LINE_MAX_LEN ? LINE_MAX_LEN : rest.len;

		while (end < rest.len && end > LINE_MAX_LEN / 2 && rest.data[end] != ' ')
			end--;
		buf_add_slice(out, slice_sub(rest, 0, end));
		buf_add_str(out, "\r\n");
		rest = slice_trim(slice_sub(rest, end, rest.len));
	}
}

static bool
see_request(void *arg, const struct journal_item *item)
{
	char *issuer = cert_name(item->request->issuer);
	struct alarm *a = arg;

	timestamp_write((time_t)item->request->received, a->received);
	write_hex(item->request->serial, a->serial);
	write_ascii(issuer == NULL ? "?" : issuer, NOTICE_WORDS_MAX, a->issuer);
	free(issuer);
	return true;
}

static bool
see_step(void *arg, int64_t seq, const struct journal_step *step)
{
	(void)arg;
	(void)seq;
	(void)step;
	return false;
}

/* Who reads it at night is to know which certificate it is about. Where that cannot be had now he is told without. */
static void
write_request(const struct alarm *a, struct buf *out)
{
	char line[NOTICE_WORDS_MAX + 100];

	buf_printf(out, "Request: %lld (sealctl revocation show %lld)\r\n", (long long)a->request, (long long)a->request);
	if (a->received[0] == '\0')
		return;
	buf_printf(out, "Received: %s\r\n", a->received);
	snprintf(line, sizeof line, "Certificate: 0x%s, issued by %s", a->serial, a->issuer);
	write_lines(line, out);
}

static void
write_alarm(const struct alarm *a, const char *id, struct buf *out)
{
	char subject[SUBJECT_MAX + 1], text[TELL_TEXT_MAX + 1], date[DATE_SIZE] = "";
	struct tm tm;

	write_ascii(a->subject, SUBJECT_MAX, subject);
	write_ascii(a->text, TELL_TEXT_MAX, text);
	/* Names of days and months are those of the C locale, in which the daemon is. */
	if (gmtime_r(&a->now, &tm) == NULL || strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &tm) == 0)
		out->failed = true;
	buf_printf(out, "Date: %s\r\nFrom: %s\r\nTo: %s\r\nSubject: [revocation] %s\r\nMessage-ID: %s\r\n", date,
		notice_from(a->to), a->to->operator_address, subject, id);
	buf_add_str(out, "Auto-Submitted: auto-generated\r\nContent-Language: en\r\nMIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n");
	write_lines(text, out);
	buf_printf(out, "\r\nRevocation block: %s\r\n", a->authority != NULL ? a->authority : "none of its own");
	if (a->request != 0)
		write_request(a, out);
}

/* A request has an end; without one, what was told once may happen again. */
static bool
write_kind(const struct alarm *a, char kind[KIND_SIZE])
{
	int len;

	if (a->request != 0)
		len = snprintf(kind, KIND_SIZE, TELL_ALARM "%s", a->kind);
	else
		len = snprintf(kind, KIND_SIZE, TELL_ALARM "%s-day-%lld", a->kind, (long long)(a->now / DAY));
	return len >= 0 && len < KIND_SIZE;
}

static enum answer
queue_alarm(const struct work *w, const struct alarm *a, struct error *err)
{
	const struct timespec deadline = deadline_in(WORK_WRITE_MS);
	char id[ID_SIZE], kind[KIND_SIZE];
	struct notices_item item = {
		.authority = a->to->name, .request = a->request, .kind = kind, .recipient = a->to->operator_address,
		.created = a->now,
	};
	struct buf message;
	enum answer answer;

	if (!write_kind(a, kind))
		return error_no(err, "notice", "the kind of an alarm is too long");
	answer = write_id(&item, slice_of(&a->now, sizeof a->now), notice_from(a->to), id, err);
	if (answer != ANSWER_YES)
		return answer;
	buf_init(&message, TELL_MESSAGE_MAX);
	write_alarm(a, id, &message);
	item.message = buf_slice(&message);
	answer = buf_failed(&message) ? no_memory(err) : notices_add(w->journal, &item, &deadline, err);
	buf_free(&message);
	return answer;
}

static void
log_alarm(const struct alarm *a)
{
	struct log_line line;

	log_begin(&line, LOG_WARNING, NULL, "revocation-alarm");
	log_add(&line, "kind", "%s", a->kind);
	if (a->authority != NULL)
		log_add(&line, "authority", "%s", a->authority);
	if (a->request != 0)
		log_add(&line, "request", "%lld", (long long)a->request);
	log_add(&line, "subject", "%s", a->subject);
	log_add(&line, "detail", "%s", a->text);
	log_end(&line);
}

enum answer
tell_operator(const struct work *w, const struct authority *authority, int64_t request, const char *kind,
	const char *subject, const char *text, time_t now, struct error *err)
{
	const struct config *c = work_config(w);
	struct alarm a = {.authority = authority == NULL ? NULL : authority->config->name, .request = request, .kind = kind,
		.subject = subject, .text = text, .now = now};
	enum answer answer = ANSWER_YES;

	if (request != 0)
		journal_show(w->journal, request, see_request, see_step, &a, NULL);
	for (size_t i = 0; answer == ANSWER_YES && i < c->revocation_count; i++) {
		a.to = &c->revocations[i];
		if (a.to->operator_address != NULL && (a.authority == NULL || strcmp(a.authority, a.to->name) == 0))
			answer = queue_alarm(w, &a, err);
	}
	/* Else it is told again with the next try, a second later, and who tries says why it cannot be. */
	if (answer != ANSWER_CANT_TELL)
		log_alarm(&a);
	return answer;
}
