#include "gateway/claim.h"

#include "gateway/claim_case.h"
#include "gateway/judge.h"
#include "revocation/parts.h"

#include <openssl/bn.h>

#include <stdlib.h>
#include <string.h>

/* One text for all that can be wrong inside of an envelope that can be altered unnoticed: which of them it was would tell
 * whether an altered ciphertext decrypts. */
#define MALLEABLE_CODE "request-not-opened"
#define MALLEABLE_TEXT "the request could not be opened, or it is not signed inside so that nobody can have altered it, or it is not " \
	"granted: sign it before it is encrypted, or send it without encryption"

#define SERIAL_TEXT_MAX 64 /* octets, in decimal */

_Static_assert(REQUEST_LINES_MAX <= AUTHORISE_LINES_MAX, "each line that is read can be decided");
_Static_assert(REQUEST_SERIAL_OCTETS_MAX <= HOLDER_SERIAL_MAX && HOLDER_SERIAL_MAX <= RECORD_SERIAL_MAX,
	"a number that is read can be written down");
_Static_assert(AUTHORISE_KEY == RECORD_DIGEST, "a request's key is its record's digest");
_Static_assert(PROOF_OCTETS_MAX + PROOF_OVERHEAD <= RECORD_EVIDENCE_MAX, "what is sealed can be written down");

static enum answer
out_of_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "out of memory for a request");
}

/* ---- a case ----------------------------------------------------------------------- */

static struct claim_case *
case_new(const struct claim_desk *desk, const struct authority *authority, time_t now, struct claim *claim)
{
	struct claim_case *c = calloc(1, sizeof *c);

	*claim = (struct claim){.authority = authority, .reason = ERROR_NONE, .logged = ERROR_NONE,
		.layers = {.unreadable = ERROR_NONE}};
	buf_init_secret(&claim->evidence, RECORD_EVIDENCE_MAX);
	if (c == NULL)
		return NULL;
	claim->kept = c;
	c->desk = desk;
	c->authority = authority;
	c->claim = claim;
	c->now = now;
	c->only = AUTHORISE_NONE;
	c->fetches_left = desk->gateway->config->fetch_limit;
	c->doubt = ERROR_NONE;
	c->facts.received = now;
	buf_init_secret(&c->opened, PROOF_OCTETS_MAX);
	for (size_t i = 0; i < authority->config->organisation_count; i++)
		if (authority->config->organisations[i].group != NULL)
			c->facts.groups = AUTHORISE_GROUPS_ASK;
	return c;
}

static void
case_free(struct claim_case *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->facts.signer_count; i++)
		holder_free(&c->persons[i].holder);
	for (size_t i = 0; c->asked != NULL && i < c->facts.line_count; i++)
		inventory_free(c->asked[i].inventory);
	for (size_t i = 0; i < AUTHORISE_LINES_MAX; i++)
		free(c->contacts[i]);
	inventory_free(c->own);
	lookup_listings_free(c->listings);
	free(c->signers);
	free(c->persons);
	free(c->lines);
	free(c->asked);
	free(c->languages);
	free(c->decisions);
	mime_free(c->entity);
	message_free(c->empty);
	buf_free(&c->from_text);
	buf_wipe(&c->opened);
	free(c);
}

void
claim_free(struct claim *claim)
{
	layers_free(&claim->layers);
	mime_free(claim->mime);
	request_free(claim->request);
	free(claim->lines);
	buf_wipe(&claim->evidence);
	case_free(claim->kept);
}

/* ---- the answer ------------------------------------------------------------------- */

/* Whatever it is, said once. */
static void
conclude(struct claim *claim, enum answer answer, const struct error *why)
{
	claim->answer = answer;
	claim->logged = *why;
	claim->logged.answer = answer;
	if (answer == ANSWER_NO && claim->malleable) {
		error_no(&claim->reason, MALLEABLE_CODE, "%s", MALLEABLE_TEXT);
		claim->unreadable = true;
	} else {
		claim->reason = claim->logged;
	}
}

static void
refuse_unreadable(struct claim *claim, const struct error *why)
{
	claim->unreadable = true;
	conclude(claim, ANSWER_NO, why);
}

/* As people write it, and in decimal, as I.CA prints it. */
static void
serial_text(const struct holder_serial *serial, char text[SERIAL_TEXT_MAX])
{
	BIGNUM *number = BN_bin2bn(serial->octets, (int)serial->len, NULL);
	char *decimal = number == NULL ? NULL : BN_bn2dec(number);
	struct buf out;

	buf_init(&out, SERIAL_TEXT_MAX - 1);
	buf_add_str(&out, decimal == NULL ? "?" : decimal);
	memcpy(text, buf_str(&out), out.len + 1);
	buf_free(&out);
	OPENSSL_free(decimal);
	BN_free(number);
}

/* With the number where several are asked for. What somebody who was asked said is for the log alone. */
static void
conclude_line(struct claim_case *c, enum answer answer, size_t line)
{
	const struct authorise_decision *d = &c->decisions[line];
	char number[SERIAL_TEXT_MAX];
	struct error why;

	error_no(&why, d->code, "%s", d->words);
	if (c->facts.line_count > 1) {
		serial_text(&c->lines[line].serial, number);
		error_prefix(&why, "certificate %s", number);
	}
	conclude(c->claim, answer, &why);
	if (answer == ANSWER_CANT_TELL && c->doubt.answer != ANSWER_YES)
		error_no(&c->claim->logged, d->code, "%s: %s", why.words, c->doubt.words);
	c->claim->logged.answer = answer;
}

/* The first that has come to that. */
static size_t
find_decision(const struct claim_case *c, enum authorise_kind kind)
{
	for (size_t i = 0; i < c->facts.line_count; i++)
		if (c->decisions[i].ask == 0 && c->decisions[i].kind == kind)
			return i;
	return 0;
}

/* ---- where its writer is told ------------------------------------------------------ */

static void
add_contact(const char **contacts, size_t *count, size_t room, const char *address)
{
	for (size_t i = 0; i < *count; i++)
		if (address_equal_text(slice_str(contacts[i]), slice_str(address)))
			return;
	if (*count < room)
		contacts[(*count)++] = address;
}

static void
put_from_first(const struct claim_case *c, const char **contacts, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (address_equal_text(slice_str(contacts[i]), c->facts.from)) {
			const char *first = contacts[i];

			memmove(contacts + 1, contacts, i * sizeof *contacts);
			contacts[0] = first;
			return;
		}
}

/* What is known of the writer's own certificate. NULL: nothing. */
static const struct inventory_entry *
find_entry(const struct claim_case *c, const struct claim_asked *asked, size_t match_count,
	const struct authorise_decision *d)
{
	const struct authorise_signer *s = d->signer == AUTHORISE_NONE ? NULL : &c->signers[d->signer];

	if (s == NULL)
		return d->match == AUTHORISE_NONE ? NULL : asked->matches[d->match];
	for (size_t i = 0; i < match_count; i++)
		if (asked->matches[i]->issuer == s->issuer && holder_serial_equal(&asked->matches[i]->serial, &s->serial))
			return asked->matches[i];
	return NULL;
}

/* Only what is bound to the certificate that the request stands on; never what From says besides. */
static bool
find_contacts(struct claim_case *c, size_t line, const struct authorise_decision *d, struct claim_line *out)
{
	const struct cert *cert = out->signer;
	const struct inventory_entry *entry = find_entry(c, &c->asked[d->line], c->lines[d->line].match_count, d);
	size_t room = 1 + (cert == NULL ? 0 : cert->address_count) + (entry == NULL ? 0 : entry->address_count), count = 0;
	const char **contacts = calloc(room, sizeof *contacts);

	c->contacts[line] = contacts;
	if (contacts == NULL)
		return false;
	if (d->sender != AUTHORISE_NONE) {
		const char *from = buf_str(&c->from_text);

		if (from != NULL)
			add_contact(contacts, &count, room, from);
	} else {
		for (size_t i = 0; cert != NULL && i < cert->address_count; i++)
			add_contact(contacts, &count, room, cert->addresses[i]);
		for (size_t i = 0; entry != NULL && i < entry->address_count; i++)
			add_contact(contacts, &count, room, entry->addresses[i]);
	}
	put_from_first(c, contacts, count);
	out->contacts = contacts;
	out->contact_count = count;
	return true;
}

/* ---- what was granted --------------------------------------------------------------- */

static bool
add_line(struct claim_case *c, size_t line)
{
	const struct authorise_decision *d = &c->decisions[line];
	struct claim_line *out = &c->claim->lines[c->claim->line_count++];

	*out = (struct claim_line){
		.serial = c->lines[line].serial, .issuer = c->authority->block.issuers[d->issuer], .issuer_number = d->issuer,
		.language = c->languages[line], .form = d->form, .waits = d->kind == AUTHORISE_WAIT,
		.signer = d->signer == AUTHORISE_NONE ? NULL : c->persons[d->signer].cert,
		.password = d->form == AUTHORISE_PASSWORD ? c->lines[d->line].password : SLICE_NONE,
	};
	memcpy(out->key, d->key, sizeof out->key);
	return find_contacts(c, line, d, out);
}

/* All lines, or the only one. */
static void
grant(struct claim_case *c)
{
	struct claim *claim = c->claim;
	struct error err = ERROR_NONE;
	size_t waiting = AUTHORISE_NONE;
	bool good;

	claim->lines = calloc(c->facts.line_count, sizeof *claim->lines);
	good = claim->lines != NULL;
	for (size_t i = 0; good && i < c->facts.line_count; i++) {
		if (c->only == AUTHORISE_NONE ? c->decisions[i].same_as != AUTHORISE_NONE : c->only != i)
			continue;
		good = add_line(c, i);
		if (waiting == AUTHORISE_NONE && c->decisions[i].kind == AUTHORISE_WAIT)
			waiting = i;
	}
	if (!good) {
		claim->line_count = 0;
		out_of_memory(&err);
		conclude(claim, ANSWER_CANT_TELL, &err);
	} else if (waiting != AUTHORISE_NONE) {
		error_no(&claim->reason, c->decisions[waiting].code, "%s", c->decisions[waiting].words);
		claim->logged = claim->reason;
	}
}

static void
decide(struct claim_case *c)
{
	enum authorise_whole whole = claim_decide(c);

	if (c->only != AUTHORISE_NONE) {
		enum authorise_kind kind = c->decisions[c->only].kind;

		whole = kind == AUTHORISE_REFUSE ? AUTHORISE_WHOLE_REFUSE : kind == AUTHORISE_DEFER ? AUTHORISE_WHOLE_DEFER :
			AUTHORISE_WHOLE_TAKE;
	}
	if (whole == AUTHORISE_WHOLE_TAKE)
		grant(c);
	else if (whole == AUTHORISE_WHOLE_REFUSE)
		conclude_line(c, ANSWER_NO, c->only != AUTHORISE_NONE ? c->only : find_decision(c, AUTHORISE_REFUSE));
	else
		conclude_line(c, ANSWER_CANT_TELL, c->only != AUTHORISE_NONE ? c->only : find_decision(c, AUTHORISE_DEFER));
}

/* ---- a mail ----------------------------------------------------------------------- */

static enum answer
digest_mail(struct claim_case *c, const struct message *m, struct error *err)
{
	const struct slice body = buf_slice(&m->body);
	struct slice pieces[2];
	struct buf header;
	bool good;

	buf_init_secret(&header, SIZE_MAX);
	for (size_t i = 0; i < m->field_count; i++)
		message_write_field(m->fields[i].name, m->fields[i].value, &header);
	buf_add_str(&header, "\r\n");
	pieces[0] = buf_slice(&header);
	pieces[1] = body;
	good = !buf_failed(&header) && claim_digest(pieces, 2, c->claim->mail_digest) &&
		claim_digest(&body, 1, c->facts.content);
	buf_free(&header);
	return good ? ANSWER_YES : out_of_memory(err);
}

static enum answer
open_mail(struct claim_case *c, const struct gateway_entry *entry, const struct message *m, const struct error *closed,
	struct error *err)
{
	struct gateway *g = c->desk->gateway;
	struct claim *claim = c->claim;
	const struct mime_limits limits = {g->config->mime_depth_limit, g->config->mime_part_limit};
	struct layers_job job = {.config = g->config, .message = m, .keys = g->decryptions, .claim = entry->claim,
		.claim_arg = entry->claim_arg, .closed = closed == NULL ? ERROR_NONE : *closed};
	enum answer answer = mime_parse(m, &limits, &claim->mime, err);

	if (answer != ANSWER_YES)
		return answer;
	job.root = claim->mime->root;
	answer = layers_open(&job, &claim->layers, err);
	for (size_t i = 0; i < claim->layers.count; i++) {
		const struct layer *layer = &claim->layers.layer[i];

		claim->malleable = claim->malleable || (layer->tried && !layers_is_authenticated(layer));
	}
	return answer;
}

/* What may have been altered is read like any other, so that it takes the same work. */
static enum answer
read_text(struct claim_case *c, const struct message *m, struct error *err)
{
	struct claim *claim = c->claim;
	const struct layers *l = &claim->layers;
	const struct error *why_closed = layers_why_closed(l);
	const struct header_field *subject;
	enum answer answer;

	if (why_closed->answer != ANSWER_YES)
		return error_no(err, refusal_code(REFUSAL_NOT_OPENED), "%s: %s", refusal_words(REFUSAL_NOT_OPENED),
			why_closed->words);
	claim->text = l->innermost;
	claim->request = request_new();
	if (claim->request == NULL)
		return out_of_memory(err);
	subject = mime_field(claim->text, "Subject");
	if (subject == NULL && m != NULL)
		subject = message_field(m, "Subject", 0);
	answer = parts_read(claim->text, subject == NULL ? SLICE_NONE : subject->value, c->authority->phrases, claim->request,
		err);
	if (answer == ANSWER_YES && claim->malleable && !judge_may_ask(l, l->count - 1))
		return error_no(err, MALLEABLE_CODE, "it was encrypted without authentication, and no intact signature inside covers it");
	return answer;
}

static enum answer
take_lines(struct claim_case *c, struct error *err)
{
	const struct request *request = c->claim->request;
	enum answer answer = claim_make_lines(c, request->line_count, err);

	for (size_t i = 0; answer == ANSWER_YES && i < request->line_count; i++) {
		const struct request_line *line = &request->lines[i];

		holder_serial_of(slice_of(line->serial, line->serial_len), &c->lines[i].serial);
		c->lines[i].password = slice_str(line->password);
		c->languages[i] = line->language;
	}
	return answer;
}

static bool
asks_too_much(const struct claim_case *c)
{
	size_t count = 0;

	for (size_t i = 0; i < c->facts.line_count; i++) {
		bool is_new = true;

		for (size_t k = 0; k < i; k++)
			is_new = is_new && !holder_serial_equal(&c->lines[i].serial, &c->lines[k].serial);
		count += is_new;
	}
	return count > c->desk->gateway->config->request_line_limit;
}

static enum answer
gather(struct claim_case *c, const struct message *m, struct error *err)
{
	enum answer answer = take_lines(c, err);

	if (answer == ANSWER_YES)
		answer = claim_find_signers(c, err);
	if (answer == ANSWER_YES && m != NULL)
		claim_find_sender(c, m);
	return answer;
}

/* What is wrong with the mail itself, before it matters who its writer is. */
static enum answer
read_mail(struct claim_case *c, const struct gateway_entry *entry, const struct message *m, const struct error *closed,
	struct error *err)
{
	enum answer answer = digest_mail(c, m, err);

	if (answer == ANSWER_YES)
		answer = open_mail(c, entry, m, closed, err);
	if (answer == ANSWER_YES)
		answer = read_text(c, m, err);
	if (answer == ANSWER_YES)
		answer = gather(c, m, err);
	if (answer == ANSWER_YES && asks_too_much(c))
		answer = error_no(err, "request-line-limit", "the mail asks for more than %u certificates",
			c->desk->gateway->config->request_line_limit);
	return answer;
}

void
claim_mail(const struct claim_desk *desk, const struct authority *authority, const struct gateway_entry *entry,
	const struct message *m, const struct error *closed, time_t now, struct claim *claim)
{
	struct claim_case *c = case_new(desk, authority, now, claim);
	struct error err = ERROR_NONE;
	enum answer answer = c == NULL ? out_of_memory(&err) : read_mail(c, entry, m, closed, &err);

	if (answer == ANSWER_CANT_TELL) {
		conclude(claim, answer, &err);
	} else if (answer == ANSWER_NO) {
		refuse_unreadable(claim, &err);
	} else {
		decide(c);
		if (claim->answer == ANSWER_YES)
			answer = claim_write_evidence(c, m, &err);
		if (answer == ANSWER_NO)
			refuse_unreadable(claim, &err);
		else if (answer == ANSWER_CANT_TELL)
			conclude(claim, answer, &err);
	}
}

/* ---- a record --------------------------------------------------------------------- */

static enum answer
forged(struct error *err, const char *words)
{
	return error_no(err, "record", "the record is not what its evidence says: %s", words);
}

/* One line, of which nothing but the number is the record's. */
static enum answer
take_record_line(struct claim_case *c, const struct record *record, struct error *err)
{
	enum answer answer = claim_make_lines(c, 1, err);

	if (answer != ANSWER_YES)
		return answer;
	c->only = 0;
	c->languages[0] = record->language;
	if (!holder_serial_of(record->serial, &c->lines[0].serial))
		return forged(err, "no serial number");
	return ANSWER_YES;
}

static enum answer
read_password(struct claim_case *c, const struct record *record, struct slice proof, struct error *err)
{
	enum answer answer = take_record_line(c, record, err);

	if (answer == ANSWER_YES && proof.len == 0)
		answer = forged(err, "there is neither evidence nor a password");
	if (answer == ANSWER_YES)
		answer = claim_open_password(c, record, proof, err);
	if (answer != ANSWER_YES)
		return answer;
	c->lines[0].password = buf_slice(&c->opened);
	return password_is_valid(c->lines[0].password) ? answer : forged(err, "the password is none");
}

/* Whoever could have it opened here would have us open what we are handed. */
static enum answer
open_evidence(struct claim_case *c, struct slice evidence, struct error *err)
{
	struct gateway *g = c->desk->gateway;
	const struct mime_limits limits = {g->config->mime_depth_limit, g->config->mime_part_limit};
	struct layers_job job = {.config = g->config, .keys = g->decryptions};
	enum answer answer = mime_parse_entity(evidence, &limits, &c->entity, err);

	if (answer != ANSWER_YES)
		return answer;
	c->empty = message_new(0);
	if (c->empty == NULL)
		return out_of_memory(err);
	error_no(&job.closed, "evidence", "evidence is never encrypted");
	job.message = c->empty;
	job.root = c->entity->root;
	return layers_open(&job, &c->claim->layers, err);
}

static enum answer
read_signed(struct claim_case *c, const struct record *record, struct error *err)
{
	struct holder_serial wanted;
	enum answer answer = read_text(c, NULL, err);

	if (answer == ANSWER_YES)
		answer = gather(c, NULL, err);
	if (answer != ANSWER_YES)
		return answer;
	if (!holder_serial_of(record->serial, &wanted))
		return forged(err, "no serial number");
	for (size_t i = 0; c->only == AUTHORISE_NONE && i < c->facts.line_count; i++)
		if (holder_serial_equal(&c->lines[i].serial, &wanted))
			c->only = i;
	return c->only == AUTHORISE_NONE ? forged(err, "another serial number") : ANSWER_YES;
}

static enum answer
read_unsigned(struct claim_case *c, const struct record *record, struct slice evidence, struct error *err)
{
	struct message *m = message_new(PROOF_OCTETS_MAX);
	enum answer answer = m == NULL ? out_of_memory(err) : message_read(evidence, m, err);

	message_free(c->empty);
	c->empty = m;
	if (answer == ANSWER_YES)
		answer = take_record_line(c, record, err);
	if (answer == ANSWER_YES)
		claim_find_sender(c, m);
	return answer;
}

static enum answer
read_record(struct claim_case *c, const struct record *record, struct slice proof, struct error *err)
{
	struct slice evidence;
	enum answer answer;

	if (strcmp(record->authority, c->authority->config->name) != 0)
		return forged(err, "another authority");
	if (record->evidence.len == 0)
		return read_password(c, record, proof, err);
	answer = claim_open_evidence(c, record, &evidence, err);
	if (answer == ANSWER_YES)
		answer = open_evidence(c, evidence, err);
	if (answer != ANSWER_YES)
		return answer;
	return c->claim->layers.count > 0 ? read_signed(c, record, err) : read_unsigned(c, record, evidence, err);
}

/* Whose signature it stands on is known by its octets; what stands on none has the key that gate gave it. */
static enum answer
compare(const struct claim_case *c, const struct record *record, struct claim_line *line, struct error *err)
{
	if (!slice_eq(line->issuer, record->issuer))
		return forged(err, "another issuer");
	if (record->digest.len != sizeof line->key)
		return forged(err, "no key");
	if (c->decisions[c->only].signer == AUTHORISE_NONE)
		memcpy(line->key, record->digest.data, sizeof line->key);
	return memcmp(line->key, record->digest.data, sizeof line->key) == 0 ? ANSWER_YES : forged(err, "another key");
}

/* Where the certificate holds no address, there may be one enrolled for it; gate has no need of it. */
static void
look_for_contact(struct claim_case *c, struct claim_line *line)
{
	const struct authorise_decision *d = &c->decisions[c->only];
	const struct authorise_signer *s = d->signer == AUTHORISE_NONE ? NULL : &c->signers[d->signer];
	const struct lookup lookup = claim_lookup(c);
	const struct inventory_entry *entry;
	struct claim_asked own;

	if (line->contact_count > 0 || s == NULL || s->issuer == AUTHORISE_NONE ||
	    lookup_serial(&lookup, &s->serial, &c->own, NULL) != ANSWER_YES)
		return;
	entry = find_entry(c, &own, inventory_find(c->own, &s->serial, own.matches), d);
	if (entry == NULL || entry->address_count == 0)
		return;
	line->contacts = (const char *const *)entry->addresses;
	line->contact_count = entry->address_count;
}

void
claim_record(const struct claim_desk *desk, const struct authority *authority, const struct record *record,
	struct slice proof, time_t now, struct claim *claim)
{
	struct claim_case *c = case_new(desk, authority, now, claim);
	struct error err = ERROR_NONE;
	enum answer answer = c == NULL ? out_of_memory(&err) : read_record(c, record, proof, &err);

	if (answer == ANSWER_YES) {
		decide(c);
		if (claim->answer != ANSWER_YES)
			return;
		answer = compare(c, record, &claim->lines[0], &err);
		if (answer == ANSWER_YES)
			look_for_contact(c, &claim->lines[0]);
	}
	if (answer == ANSWER_YES)
		return;
	claim->line_count = 0;
	conclude(claim, answer, &err);
}
