#include "gateway/claim_case.h"

#include "mail/mime.h"

#include <strings.h>

#define LABEL_MAX 512

/* ---- labels ----------------------------------------------------------------------- */

/* Evidence is one for all lines of a mail. A password is bound to the certificate and to the request's key. */
static bool
evidence_label(const char *authority, struct slice mail_digest, struct buf *label)
{
	buf_init(label, LABEL_MAX);
	buf_add_str(label, "evidence");
	buf_add_byte(label, '\0');
	buf_add_str(label, authority);
	buf_add_byte(label, '\0');
	buf_add_slice(label, mail_digest);
	return !buf_failed(label);
}

static bool
password_label(const struct record *record, struct buf *label)
{
	buf_init(label, LABEL_MAX);
	buf_add_str(label, "password");
	buf_add_byte(label, '\0');
	buf_add_str(label, record->authority);
	buf_add_byte(label, '\0');
	buf_add_slice(label, record->digest);
	buf_add_slice(label, record->serial);
	return !buf_failed(label);
}

static enum answer
out_of_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "out of memory for a request's evidence");
}

static enum answer
no_key(struct error *err)
{
	return error_cant_tell(err, "proof", "what is sealed for the worker cannot be now, as its key is not there");
}

static enum answer
seal(const struct proof_key *key, const struct buf *label, bool labelled, struct slice octets, struct buf *out,
	struct error *err)
{
	if (key == NULL)
		return no_key(err);
	return labelled ? proof_seal(key, buf_slice(label), octets, out, err) : out_of_memory(err);
}

enum answer
claim_seal_password(const struct claim_desk *desk, const struct claim_line *line, const struct record *record,
	struct buf *proof, struct error *err)
{
	struct buf label;
	enum answer answer;

	if (line->password.len == 0)
		return ANSWER_YES;
	answer = seal(desk->proof, &label, password_label(record, &label), line->password, proof, err);
	buf_free(&label);
	return answer;
}

static enum answer
open_seal(struct claim_case *c, const struct buf *label, bool labelled, struct slice sealed, struct error *err)
{
	if (c->desk->proof == NULL)
		return no_key(err);
	return labelled ? proof_open(c->desk->proof, buf_slice(label), sealed, &c->opened, err) : out_of_memory(err);
}

enum answer
claim_open_password(struct claim_case *c, const struct record *record, struct slice proof, struct error *err)
{
	struct buf label;
	enum answer answer = open_seal(c, &label, password_label(record, &label), proof, err);

	buf_free(&label);
	return answer;
}

enum answer
claim_open_evidence(struct claim_case *c, const struct record *record, struct slice *evidence, struct error *err)
{
	struct buf label;
	enum answer answer;

	*evidence = record->evidence;
	if (!proof_is_sealed(record->evidence))
		return ANSWER_YES;
	answer = open_seal(c, &label, evidence_label(record->authority, record->mail_digest, &label), record->evidence, err);
	buf_free(&label);
	*evidence = buf_slice(&c->opened);
	return answer;
}

/* ---- what worker judges by ---------------------------------------------------------- */

/* Of the mail itself only the fields that describe the content; what is further in begins with its own header. */
static void
add_entity(const struct mime_part *around, struct buf *out)
{
	if (around->whole.data != around->body.data || around->whole.len != around->body.len) {
		buf_add_slice(out, around->whole);
		return;
	}
	for (size_t i = 0; i < around->field_count; i++)
		if (mime_is_mime_field(around->fields[i].name))
			message_write_field(around->fields[i].name, around->fields[i].value, out);
	buf_add_str(out, "\r\n");
	buf_add_slice(out, around->body);
}

/* The outermost signature below the last envelope is around all that counts. */
static void
add_signed(const struct layers *l, struct buf *out)
{
	for (size_t i = claim_inside(l); i < l->count; i++)
		if (l->layer[i].kind == VERDICT_SIGNED) {
			add_entity(l->layer[i].around, out);
			return;
		}
}

static void
add_sender(const struct config *config, const struct message *m, struct buf *out)
{
	for (size_t i = 0; i < m->field_count; i++)
		if (strcasecmp(m->fields[i].name, "From") == 0 || claim_is_trusted_result(config, m, i))
			message_write_field(m->fields[i].name, m->fields[i].value, out);
	buf_add_str(out, "\r\n");
}

/* Twice the header, as its folds become longer. */
static bool
is_too_large(const struct layers *l, const struct message *m)
{
	size_t at = claim_inside(l);

	return at < l->count && (m->header_octets > PROOF_OCTETS_MAX / 2 ||
		l->layer[at].around->whole.len > PROOF_OCTETS_MAX - 2 * m->header_octets);
}

static enum answer
seal_evidence(struct claim_case *c, const struct buf *plain, struct error *err)
{
	struct claim *claim = c->claim;
	struct buf label;
	enum answer answer = seal(c->desk->proof, &label, evidence_label(c->authority->config->name,
		slice_of(claim->mail_digest, sizeof claim->mail_digest), &label), buf_slice(plain), &claim->evidence, err);

	buf_free(&label);
	return answer;
}

enum answer
claim_write_evidence(struct claim_case *c, const struct message *m, struct error *err)
{
	struct claim *claim = c->claim;
	const struct authorise_decision *d = &c->decisions[0];
	struct buf plain;
	enum answer answer = ANSWER_YES;

	if (d->form == AUTHORISE_PASSWORD)
		return ANSWER_YES;
	if (is_too_large(&claim->layers, m))
		return error_no(err, "too-large", "what is signed has more than %d octets: send the request without attachments",
			PROOF_OCTETS_MAX);
	buf_init_secret(&plain, PROOF_OCTETS_MAX);
	if (d->signer == AUTHORISE_NONE)
		add_sender(c->desk->gateway->config, m, &plain);
	else
		add_signed(&claim->layers, &plain);
	if (buf_failed(&plain))
		answer = out_of_memory(err);
	else if (d->signer != AUTHORISE_NONE && claim_may_hold_password(claim->text, c->authority->phrases))
		answer = seal_evidence(c, &plain, err);
	else
		buf_add_slice(&claim->evidence, buf_slice(&plain));
	if (answer == ANSWER_YES && buf_failed(&claim->evidence))
		answer = out_of_memory(err);
	buf_wipe(&plain);
	return answer;
}
