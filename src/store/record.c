#include "store/record.h"

#include "store/digest.h"
#include "store/query.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(RECORD_DIGEST == DIGEST_LEN, "both are of SHA-256");

static enum answer
check_text(const char *what, const char *text, size_t least, size_t most, struct error *err)
{
	size_t len = text == NULL ? 0 : strnlen(text, most + 1);

	if (len < least)
		return error_no(err, "request", "%s is missing", what);
	if (len > most)
		return error_no(err, "request", "%s is longer than %zu octets", what, most);
	return ANSWER_YES;
}

static enum answer
check_octets(const char *what, struct slice octets, size_t least, size_t most, struct error *err)
{
	if (octets.len < least)
		return error_no(err, "request", "%s is missing, or shorter than %zu octets", what, least);
	if (octets.len > most)
		return error_no(err, "request", "%s is longer than %zu octets", what, most);
	return ANSWER_YES;
}

enum answer
record_check(const struct record *r, struct error *err)
{
	if (check_text("the authority", r->authority, 1, RECORD_NAME_MAX, err) != ANSWER_YES ||
	    check_octets("the serial number", r->serial, 1, RECORD_SERIAL_MAX, err) != ANSWER_YES ||
	    check_octets("the digest", r->digest, RECORD_DIGEST, RECORD_DIGEST, err) != ANSWER_YES ||
	    check_octets("the issuer", r->issuer, 1, RECORD_ISSUER_MAX, err) != ANSWER_YES ||
	    check_text("the form", r->form, 1, RECORD_NAME_MAX, err) != ANSWER_YES ||
	    check_text("the Message-ID", r->message_id, 0, RECORD_TEXT_MAX, err) != ANSWER_YES ||
	    check_octets("the mail's digest", r->mail_digest, RECORD_DIGEST, RECORD_DIGEST, err) != ANSWER_YES ||
	    check_text("the queue id", r->queue_id, 0, RECORD_NAME_MAX, err) != ANSWER_YES ||
	    check_text("the client's address", r->client, 0, RECORD_NAME_MAX, err) != ANSWER_YES ||
	    check_text("the language", r->language, 0, RECORD_NAME_MAX, err) != ANSWER_YES ||
	    check_text("the reason", r->reason, 0, RECORD_TEXT_MAX, err) != ANSWER_YES ||
	    check_octets("the signer's certificate", r->signer, 0, RECORD_SIGNER_MAX, err) != ANSWER_YES ||
	    check_octets("the evidence", r->evidence, 0, RECORD_EVIDENCE_MAX, err) != ANSWER_YES)
		return ANSWER_NO;
	if (r->serial.len > 1 && r->serial.data[0] == 0)
		return error_no(err, "request", "the serial number begins with a zero");
	return r->received > 0 ? ANSWER_YES : error_no(err, "request", "the time of receipt is missing");
}

enum answer
record_digest(const struct record *r, unsigned char digest[RECORD_DIGEST], struct error *err)
{
	struct digest d;

	digest_begin(&d);
	digest_text(&d, r->authority);
	digest_octets(&d, r->serial);
	digest_octets(&d, r->digest);
	digest_octets(&d, r->issuer);
	digest_text(&d, r->form);
	digest_text(&d, r->message_id);
	digest_octets(&d, r->mail_digest);
	digest_text(&d, r->queue_id);
	digest_text(&d, r->client);
	digest_text(&d, r->language);
	digest_text(&d, r->reason);
	digest_octets(&d, r->signer);
	digest_octets(&d, r->evidence);
	digest_number(&d, r->received);
	digest_number(&d, r->quiet);
	return digest_end(&d, digest, err);
}

/* ---- copies --------------------------------------------------------------------- */

static char *
put_text(const char **text, char *at)
{
	size_t size = strlen(*text) + 1;

	*text = memcpy(at, *text, size);
	return at + size;
}

static char *
put_octets(struct slice *octets, char *at)
{
	if (octets->len > 0)
		memcpy(at, octets->data, octets->len);
	octets->data = (unsigned char *)at;
	return at + octets->len;
}

struct record *
record_dup(const struct record *request)
{
	struct record r = *request, *copy;
	const char **const texts[] = {&r.authority, &r.form, &r.message_id, &r.queue_id, &r.client, &r.language, &r.reason};
	struct slice *const parts[] = {&r.serial, &r.digest, &r.issuer, &r.mail_digest, &r.signer, &r.evidence};
	size_t size = sizeof r;
	char *at;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		*texts[i] = *texts[i] == NULL ? "" : *texts[i];
		size += strlen(*texts[i]) + 1;
	}
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		size += parts[i]->len;
	copy = malloc(size);
	if (copy == NULL)
		return NULL;
	at = (char *)(copy + 1);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		at = put_text(texts[i], at);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		at = put_octets(parts[i], at);
	*copy = r;
	return copy;
}

/* ---- rows ---------------------------------------------------------------------- */

void
record_bind_key(struct query *q, const struct record *r)
{
	query_bind_text(q, r->authority);
	query_bind_blob(q, r->serial);
	query_bind_blob(q, r->digest);
}

void
record_bind(struct query *q, const struct record *r)
{
	record_bind_key(q, r);
	query_bind_blob(q, r->issuer);
	query_bind_text(q, r->form);
	query_bind_text(q, r->message_id);
	query_bind_blob(q, r->mail_digest);
	query_bind_text(q, r->queue_id);
	query_bind_text(q, r->client);
	query_bind_text(q, r->language);
	query_bind_text(q, r->reason);
	query_bind_blob(q, r->signer);
	query_bind_blob(q, r->evidence);
	query_bind_int(q, r->received);
	query_bind_int(q, r->quiet);
}

void
record_read(struct query *q, int column, struct record *r)
{
	r->authority = query_text(q, column++);
	r->serial = query_blob(q, column++);
	r->digest = query_blob(q, column++);
	r->issuer = query_blob(q, column++);
	r->form = query_text(q, column++);
	r->message_id = query_text(q, column++);
	r->mail_digest = query_blob(q, column++);
	r->queue_id = query_text(q, column++);
	r->client = query_text(q, column++);
	r->language = query_text(q, column++);
	r->reason = query_text(q, column++);
	r->signer = query_blob(q, column++);
	r->evidence = query_blob(q, column++);
	r->received = query_int(q, column++);
	r->quiet = query_int(q, column) != 0;
}
