#include "gateway/taking.h"

#include "base/deadline.h"
#include "gateway/account.h"
#include "pki/status.h"

#include <arpa/inet.h>
#include <openssl/x509.h>

#include <stdlib.h>

#define PATIENCE 10000 /* ms that the disk and other writers may take */

_Static_assert(PASSWORD_MAX + PROOF_OVERHEAD <= INBOX_PROOF_MAX, "a password that is sealed can be written down");

/* ---- the mail ----------------------------------------------------------------------- */

static void
write_client(const struct client *client, char text[TAKING_CLIENT_MAX])
{
	const struct in6_addr *a = &client->address;

	text[0] = '\0';
	if (client->has_address && IN6_IS_ADDR_V4MAPPED(a))
		inet_ntop(AF_INET, a->s6_addr + 12, text, TAKING_CLIENT_MAX);
	else if (client->has_address)
		inet_ntop(AF_INET6, a, text, TAKING_CLIENT_MAX);
}

/* The first word of a value, without comments and parameters behind it. */
static bool
says(const struct header_field *field, const char *word)
{
	struct slice value = slice_trim(field->value);
	size_t end = 0;

	while (end < value.len && value.data[end] != ';' && value.data[end] != '(' && !ascii_is_white(value.data[end]))
		end++;
	return slice_eq_str_nocase(slice_sub(value, 0, end), word);
}

/* RFC 3834 2, RFC 2369, RFC 2919; Precedence is older than these, and programs still write it. */
static bool
is_automatic(const struct header_field *field)
{
	struct slice name = slice_str(field->name);

	if (slice_starts_nocase(name, "List-"))
		return true;
	if (slice_eq_str_nocase(name, "Auto-Submitted"))
		return !says(field, "no");
	return slice_eq_str_nocase(name, "Precedence") && (says(field, "bulk") || says(field, "list") || says(field, "junk") ||
		says(field, "auto_reply"));
}

void
taking_mail_of(const struct message *m, struct taking_mail *mail)
{
	*mail = (struct taking_mail){.message = m, .quiet = m->sender == NULL || *m->sender == '\0'};
	for (size_t i = 0; i < m->field_count && !mail->quiet; i++)
		mail->quiet = is_automatic(&m->fields[i]);
	write_client(&m->client, mail->client);
}

/* ---- records ------------------------------------------------------------------------ */

static const char *
reason_of(const struct authority *authority)
{
	static const enum status_reason reasons[] = {
		[CONFIG_REASON_UNSPECIFIED] = STATUS_UNSPECIFIED,
		[CONFIG_REASON_KEY_COMPROMISE] = STATUS_KEY_COMPROMISE,
		[CONFIG_REASON_AFFILIATION_CHANGED] = STATUS_AFFILIATION_CHANGED,
		[CONFIG_REASON_SUPERSEDED] = STATUS_SUPERSEDED,
		[CONFIG_REASON_CESSATION_OF_OPERATION] = STATUS_CESSATION_OF_OPERATION,
	};

	return status_reason_text(reasons[authority->config->reason]);
}

/* Of one line, being written. */
struct writing {
	struct record record;
	unsigned char *signer;
	char *message_id;
	struct buf proof;
};

static bool
set_message_id(const struct message *m, struct writing *w)
{
	const struct header_field *field = message_field(m, "Message-ID", 0);
	struct slice value = field == NULL ? SLICE_NONE : slice_trim(field->value);

	/* A NUL in it is no Message-ID. */
	w->message_id = slice_dup(slice_sub(value, 0, slice_find(slice_sub(value, 0, RECORD_TEXT_MAX), '\0', 0)));
	w->record.message_id = w->message_id;
	return w->message_id != NULL;
}

static bool
set_signer(const struct claim_line *line, struct writing *w)
{
	int len;

	if (line->signer == NULL)
		return true;
	len = i2d_X509(line->signer->x509, &w->signer);
	w->record.signer = slice_of(w->signer, len < 0 ? 0 : (size_t)len);
	return len > 0;
}

static enum answer
write_line(const struct claim_desk *desk, const struct taking_mail *mail, const struct claim *claim,
	const struct claim_line *line, time_t now, struct writing *w, struct error *err)
{
	const struct message *m = mail->message;

	*w = (struct writing){.record = {
		.authority = claim->authority->config->name,
		.serial = slice_of(line->serial.octets, line->serial.len),
		.digest = slice_of(line->key, sizeof line->key),
		.issuer = line->issuer,
		.form = account_form_name(line->form),
		.mail_digest = slice_of(claim->mail_digest, sizeof claim->mail_digest),
		.queue_id = m->queue_id == NULL ? "" : m->queue_id,
		.client = mail->client,
		.language = line->language,
		.reason = reason_of(claim->authority),
		.evidence = buf_slice(&claim->evidence),
		.received = now,
		.quiet = mail->quiet,
	}};
	buf_init(&w->proof, INBOX_PROOF_MAX);
	if (!set_message_id(m, w) || !set_signer(line, w))
		return error_cant_tell(err, "memory", "out of memory");
	return claim_seal_password(desk, line, &w->record, &w->proof, err);
}

static void
writing_free(struct writing *w)
{
	OPENSSL_free(w->signer);
	free(w->message_id);
	buf_free(&w->proof);
}

/* ---- into the inbox ----------------------------------------------------------------- */

static void
sum_up(const struct journal_receipt *receipts, size_t count, struct taken *taken)
{
	*taken = (struct taken){.repeat = true, .refused = true, .received = receipts[0].received};
	for (size_t i = 0; i < count; i++) {
		taken->repeat = taken->repeat && receipts[i].repeat;
		taken->refused = taken->refused && receipts[i].repeat && receipts[i].state == JOURNAL_REFUSED;
	}
}

enum answer
taking_put(struct intake *intake, const struct claim_desk *desk, const struct taking_mail *mail, const struct claim *claim,
	time_t now, struct taken *taken, struct error *err)
{
	size_t count = claim->line_count;
	struct timespec deadline = deadline_in(PATIENCE);
	struct journal_receipt *receipts = calloc(count, sizeof *receipts);
	struct inbox_item *items = calloc(count, sizeof *items);
	struct writing *writing = calloc(count, sizeof *writing);
	struct inbox *inbox;
	enum answer answer = intake_inbox(intake, &inbox, err);

	if (receipts == NULL || items == NULL || writing == NULL)
		answer = error_cant_tell(err, "memory", "out of memory");
	for (size_t i = 0; i < count && answer == ANSWER_YES; i++) {
		answer = write_line(desk, mail, claim, &claim->lines[i], now, &writing[i], err);
		items[i] = (struct inbox_item){&writing[i].record, buf_slice(&writing[i].proof)};
	}
	if (answer == ANSWER_YES)
		answer = inbox_put_all(inbox, items, count, &deadline, receipts, err);
	if (answer == ANSWER_YES)
		sum_up(receipts, count, taken);
	for (size_t i = 0; writing != NULL && i < count; i++)
		writing_free(&writing[i]);
	free(writing);
	free(items);
	free(receipts);
	return answer;
}
