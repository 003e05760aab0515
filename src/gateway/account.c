#include "gateway/account.h"

#include "gateway/results.h"
#include "pki/profiles.h"
#include "smime/algorithms.h"

#include <stdio.h>

/* Recipients that stand in the message's own line; further ones get a line each,
 * so that no line is cut. */
#define RECIPIENTS_IN_LINE 10
/* The same for inbound mail, whose texts anybody may have written: nobody can push what
 * matters out of the line. */
#define LAYERS_IN_LINE 8
#define LAYER_TEXT_MAX 300   /* octets of one layer */
#define ADDRESS_TEXT_MAX 320 /* octets of one address: RFC 5321 4.5.3.1 permits no more */
#define NUMBERS_IN_LINE 4 /* of certificates that are to be revoked */
#define SIGNATURE_LINES_MAX 16 /* of one message */

static const char *
outbound_event(const struct account *a)
{
	if (a->plan->sign != NULL)
		return "sealed";
	return a->plan->encrypt ? "encrypted" : "passed";
}

static const char *
inbound_event(const struct inbound *in)
{
	const char *event = "passed";

	for (size_t i = 0; i < in->layers.count; i++) {
		if (in->layers.layer[i].kind == VERDICT_ENCRYPTED && in->layers.layer[i].opened)
			return "opened";
		if (in->layers.layer[i].kind == VERDICT_SIGNED)
			event = "verified";
	}
	return event;
}

static const char *
event_name(const struct account *a)
{
	if (a->edit->verdict == EDIT_ANSWER)
		return a->edit->reply.code[0] == '5' ? "refused" : "deferred";
	if (a->edit->hold != NULL)
		return "held";
	return a->inbound != NULL ? inbound_event(a->inbound) : outbound_event(a);
}

static void
add_message(struct log_line *line, const struct account *a)
{
	const struct facts *f = a->facts;

	log_add(line, "direction", "%s", f->policy.origin == POLICY_OUTSIDE ? "inbound" : "outbound");
	log_add(line, "origin", "%s", policy_origin_name(f->policy.origin));
	log_add(line, "listener", "%s", a->entry->listener);
	if (a->entry->role == ROLE_GUARD)
		log_add(line, "role", "guard");
	log_add(line, "sender", "%s", a->message->sender == NULL ? "" : a->message->sender);
	if (f->policy.from.len > 0)
		log_add_slice(line, "from", f->policy.from);
	if (f->policy.login.len > 0)
		log_add_slice(line, "login", f->policy.login);
}

static void
add_plan(struct log_line *line, const struct account *a)
{
	const struct policy_plan *plan = a->plan;

	if (plan->sign != NULL) {
		bool opaque = a->note != NULL || plan->sign->form == FORM_OPAQUE;

		log_add(line, "rule", "%s", plan->sign->name);
		log_add(line, "signer", "%s", plan->sign->signer);
		log_add(line, "form", "%s", opaque ? "opaque" : "clear");
		log_add(line, "digest", "%s", algorithms_digest_name(plan->sign->digest));
	} else if (plan->unsigned_because != NULL) {
		log_add(line, "unsigned", "%s", plan->unsigned_because);
	}
	if (a->note != NULL)
		log_add(line, "opaque-because", "%s", a->note);
	if (plan->encrypt)
		log_add(line, "cipher", "%s", algorithms_cipher_name(plan->cipher));
	else if (plan->clear_because != NULL)
		log_add(line, "unencrypted", "%s", plan->clear_because);
	if (a->facts->recognised.claimed != NULL)
		log_add(line, "claimed", "%s", a->facts->recognised.claimed);
	if (a->facts->trigger_ignored)
		log_add(line, "trigger", "ignored, as it would weaken a rule");
}

static void
add_certificate(struct log_line *line, const struct cert *cert)
{
	char end[CERT_DATE_SIZE];

	cert_date(cert->not_after, end);
	log_add(line, "certificate", "%s, serial %s, expires %s", cert->subject, cert->serial, end);
}

static void
add_recipient(struct log_line *line, const struct facts *f, size_t at)
{
	const struct policy_recipient *r = &f->recipients[at];
	const struct directory_result *found = &f->results[at];

	log_add_slice(line, "to", r->address);
	if (r->wish.encrypt != NULL)
		log_add(line, "encrypt-rule", "%s", r->wish.encrypt->name);
	if (r->wish.trigger != NULL)
		log_add(line, "trigger-rule", "%s", r->wish.trigger->name);
	for (size_t i = 0; i < found->candidate_count; i++)
		if (found->candidates[i].chosen)
			add_certificate(line, found->candidates[i].cert);
	if (r->certificates != ANSWER_YES && r->reason != NULL)
		log_add(line, "no-certificate", "%s", r->reason->words);
}

void
account_log_refused(const char *queue_id, struct slice recipient, const struct directory_result *found)
{
	for (size_t i = 0; i < found->candidate_count; i++) {
		const struct directory_candidate *c = &found->candidates[i];
		struct log_line line;

		if (c->usable)
			continue;
		log_begin(&line, LOG_INFO, queue_id, "certificate-refused");
		log_add_slice(&line, "to", recipient);
		log_add(&line, "directory", "%s", c->directory);
		if (c->cert != NULL)
			add_certificate(&line, c->cert);
		log_add_error(&line, &c->refusal);
		log_end(&line);
	}
}

/* ---- inbound ------------------------------------------------------------------ */

const char *
account_content_name(enum inbound_content content)
{
	static const char *const names[] = {
		[INBOUND_UNCHANGED] = "unchanged", [INBOUND_OPENED] = "opened",
		[INBOUND_CLEAR] = "clear-signed", [INBOUND_STRIPPED] = "stripped",
	};

	return names[content];
}

const struct error *
account_why_closed(const struct inbound *in)
{
	return in->kept_closed.answer != ANSWER_YES ? &in->kept_closed : layers_why_closed(&in->layers);
}

static bool
is_good(const struct layers_signer *s)
{
	const struct verdict_signer *v = &s->verdict;

	return v->intact == VERDICT_INTACT && !v->weak && v->may_sign && v->trust == VERDICT_TRUSTED &&
		(v->address == VERDICT_MATCH || v->address == VERDICT_BOUND ||
		(v->address == VERDICT_ABSENT && v->absent_accepted) || (v->address == VERDICT_SENDER && v->sender_accepted)) &&
		s->kept.errors == 0;
}

/* Cut where a character begins. */
static void
add_cut(struct log_line *line, const char *key, struct slice value, size_t limit)
{
	size_t len = limit;

	if (value.len <= limit) {
		log_add_slice(line, key, value);
		return;
	}
	while (len > 0 && (value.data[len] & 0xc0) == 0x80)
		len--;
	log_add(line, key, "%.*s...", (int)len, (const char *)value.data);
}

static bool
is_status_looked_at(const struct layers_signer *s)
{
	return s->has_status && (s->trust == NULL || s->trust->revocation != REVOCATION_OFF);
}

/* The signer's lines have more of who is not good. */
static void
describe_standing(const struct layers_signer *s, struct buf *text)
{
	if (is_status_looked_at(s))
		buf_printf(text, ", status %s", results_status_name(s->finding.status.state));
	if (s->verdict.qualified != VERDICT_NOT_EVALUATED)
		buf_printf(text, ", qualified %s", verdict_qualified_name(s->verdict.qualified));
	if (s->profile != NULL)
		buf_printf(text, ", profile %s%s", s->profile->name, s->kept.errors == 0 ? "" : " with faults");
	if (profiles_minor(&s->kept) != NULL)
		buf_printf(text, ", %s", profiles_minor(&s->kept));
}

static void
describe_signer(const struct layers_signer *s, struct buf *text)
{
	buf_printf(text, "; %s", verdict_intact_name(s->verdict.intact));
	if (s->verdict.intact != VERDICT_INTACT)
		return;
	buf_printf(text, "%s, %s, address %s", s->verdict.weak ? ", weak" : "", verdict_trust_name(s->verdict.trust),
		verdict_address_name(s->verdict.address));
	describe_standing(s, text);
	if (s->signature->certificate != NULL)
		buf_printf(text, ", serial %s, %s", s->signature->certificate->serial, s->signature->certificate->subject);
}

static void
describe_layer(const struct layer *layer, struct buf *text)
{
	const struct decrypted *d = &layer->decrypted;

	buf_add_str(text, results_kind_name(layer->kind));
	if (layer->kind == VERDICT_SIGNED) {
		buf_printf(text, "; %s", results_form_name(layer));
		for (size_t i = 0; i < layer->verified.signer_count; i++)
			describe_signer(&layer->signers[i], text);
	} else if (layer->kind != VERDICT_CERTS_ONLY) {
		buf_printf(text, "; %s", layer->opened ? "opened" : "closed");
	}
	if (layer->key != NULL)
		buf_printf(text, "; key %s", layer->key->files.name);
	if (d->cipher != NULL)
		buf_printf(text, "; %s%s", d->cipher, d->weak ? ", weak" : "");
	if (d->transport != NULL)
		buf_printf(text, "; %s", d->transport);
	if (layer->reason.answer != ANSWER_YES)
		buf_printf(text, "; %s", layer->reason.words);
}

static void
add_layers(struct log_line *line, const struct layers *l)
{
	for (size_t i = 0; i < l->count && i < LAYERS_IN_LINE; i++) {
		struct buf text;
		char key[32];

		snprintf(key, sizeof key, "layer-%zu", i + 1);
		buf_init(&text, LOG_LINE_MAX);
		describe_layer(&l->layer[i], &text);
		add_cut(line, key, buf_slice(&text), LAYER_TEXT_MAX);
		buf_free(&text);
	}
	if (l->count > LAYERS_IN_LINE)
		log_add(line, "more-layers", "%zu", l->count - LAYERS_IN_LINE);
}

/* Of one who is trusted though his status is not known: said once, as what is away is so for all. */
static void
add_why_unknown(struct log_line *line, const struct layers *l)
{
	for (size_t i = 0; i < l->count; i++)
		for (size_t k = 0; k < l->layer[i].verified.signer_count; k++) {
			const struct layers_signer *s = &l->layer[i].signers[k];

			if (s->verdict.trust != VERDICT_TRUSTED || !is_status_looked_at(s) ||
			    s->finding.status.state != STATUS_UNKNOWN)
				continue;
			add_cut(line, "status-unknown-because", slice_str(s->finding.status.why.words), LAYER_TEXT_MAX);
			return;
		}
}

static void
add_verdict(struct log_line *line, const struct account *a)
{
	const struct inbound *in = a->inbound;
	const struct error *closed = account_why_closed(in);

	if (in->facts != NULL) {
		log_add(line, "smime", "%s", in->verdict.result);
		if (in->verdict.reason != NULL && a->err->answer == ANSWER_YES)
			log_add(line, "reason", "%s", in->verdict.reason);
	}
	log_add_error(line, a->err);
	/* The answer to the sender does not say who cannot be asked. */
	if (in->reason.answer == ANSWER_CANT_TELL)
		log_add(line, "deferred-because", "%s", in->reason.words);
	if (in->reason.answer == ANSWER_NO) {
		log_add(line, "fault", "%s", in->reason.code);
		log_add(line, "fault-because", "%s", in->reason.words);
	}
	if (a->edit->verdict == EDIT_ANSWER)
		log_add(line, "reply", "%s %s %s", a->edit->reply.code, a->edit->reply.enhanced, a->edit->reply.text);
	else
		log_add(line, "content", "%s", account_content_name(in->content));
	if (closed->answer != ANSWER_YES)
		log_add(line, "closed-because", "%s", closed->words);
	if (in->layers.unreadable.answer != ANSWER_YES)
		log_add(line, "unreadable-because", "%s", in->layers.unreadable.words);
	if (in->layers.partly_signed || in->layers.partly_encrypted)
		log_add(line, "a-part-is", "%s%s%s", in->layers.partly_signed ? "signed" : "",
			in->layers.partly_signed && in->layers.partly_encrypted ? " and " : "",
			in->layers.partly_encrypted ? "encrypted" : "");
}

static void
add_reason(struct log_line *line, const char *key, const struct error *reason)
{
	if (reason->answer != ANSWER_YES)
		log_add(line, key, "%s", reason->words);
}

static void
add_broken(struct log_line *line, const char *key, const struct layers_signer *s, enum profile_severity severity)
{
	struct buf ids;

	buf_init(&ids, LOG_LINE_MAX);
	results_add_broken(s, severity, &ids);
	if (ids.len > 0)
		add_cut(line, key, buf_slice(&ids), LAYER_TEXT_MAX);
	buf_free(&ids);
}

static void
add_standing(struct log_line *line, const struct layers_signer *s)
{
	if (is_status_looked_at(s)) {
		log_add(line, "status", "%s", results_status_name(s->finding.status.state));
		if (s->finding.source[0] != '\0')
			add_cut(line, "status-source", slice_str(s->finding.source), LAYER_TEXT_MAX);
		if (results_status_fault(&s->finding) != NULL)
			log_add(line, "status-fault", "%s", results_status_fault(&s->finding));
	}
	log_add(line, "qualified", "%s", verdict_qualified_name(s->verdict.qualified));
	add_reason(line, "qualified-because", &s->qualified_reason);
	if (s->profile != NULL)
		log_add(line, "profile", "%s", s->profile->name);
	add_broken(line, "profile-faults", s, PROFILE_ERROR);
	add_broken(line, "profile-notes", s, PROFILE_NOTE);
}

static void
log_signature(const struct account *a, size_t layer, size_t signer, const struct layers_signer *s)
{
	const struct cert *cert = s->signature->certificate;
	struct log_line line;

	log_begin(&line, LOG_INFO, a->message->queue_id, "signature");
	log_add(&line, "layer", "%zu", layer + 1);
	log_add(&line, "signer", "%zu", signer + 1);
	log_add(&line, "intact", "%s", verdict_intact_name(s->verdict.intact));
	if (s->verdict.weak || s->verdict.intact != VERDICT_INTACT)
		add_reason(&line, s->verdict.weak ? "weak-because" : "intact-because", &s->signature->reason);
	log_add(&line, "trust", "%s", verdict_trust_name(s->verdict.trust));
	add_reason(&line, "trust-because", &s->trust_reason);
	log_add(&line, "address", "%s", verdict_address_name(s->verdict.address));
	add_reason(&line, "address-because", &s->address_reason);
	add_standing(&line, s);
	if (s->verdict.intact == VERDICT_INTACT && !s->verdict.may_sign)
		log_add(&line, "key-usage", "does not permit signatures");
	if (s->signature->algorithm[0] != '\0')
		log_add(&line, "algorithm", "%s, %s", s->signature->digest, s->signature->algorithm);
	if (cert != NULL) {
		log_add(&line, "serial", "%s", cert->serial);
		add_cut(&line, "subject", slice_str(cert->subject), LAYER_TEXT_MAX);
		add_cut(&line, "issuer", slice_str(cert->issuer), LAYER_TEXT_MAX);
	}
	log_end(&line);
}

/* Of each signer with whom something is wrong, so that the log alone says what. */
static void
log_signatures(const struct account *a)
{
	const struct layers *l = &a->inbound->layers;
	size_t lines = 0;

	for (size_t i = 0; i < l->count; i++)
		for (size_t k = 0; k < l->layer[i].verified.signer_count && lines < SIGNATURE_LINES_MAX; k++)
			if (!is_good(&l->layer[i].signers[k])) {
				log_signature(a, i, k, &l->layer[i].signers[k]);
				lines++;
			}
}

static void
log_inbound(const struct account *a)
{
	const struct message *m = a->message;
	bool quiet = a->edit->verdict == EDIT_PASS && a->edit->hold == NULL;
	struct log_line line;

	log_begin(&line, quiet ? LOG_INFO : LOG_NOTICE, m->queue_id, event_name(a));
	log_add(&line, "direction", "inbound");
	log_add(&line, "origin", "%s", policy_origin_name(a->facts->policy.origin));
	log_add(&line, "listener", "%s", a->entry->listener);
	add_cut(&line, "sender", slice_str(m->sender), ADDRESS_TEXT_MAX);
	add_cut(&line, "from", a->inbound->from, ADDRESS_TEXT_MAX);
	add_verdict(&line, a);
	add_layers(&line, &a->inbound->layers);
	add_why_unknown(&line, &a->inbound->layers);
	for (size_t i = 0; i < m->recipient_count && i < RECIPIENTS_IN_LINE; i++)
		add_cut(&line, "to", slice_str(m->recipients[i]), ADDRESS_TEXT_MAX);
	log_add(&line, "ms", "%.1f", a->milliseconds);
	log_end(&line);
	for (size_t i = RECIPIENTS_IN_LINE; i < m->recipient_count; i++) {
		log_begin(&line, LOG_INFO, m->queue_id, "recipient");
		log_add(&line, "to", "%s", m->recipients[i]);
		log_end(&line);
	}
	log_signatures(a);
}

/* ---- outbound ----------------------------------------------------------------- */

static void
log_recipient(const struct account *a, size_t at)
{
	struct log_line line;

	log_begin(&line, LOG_INFO, a->message->queue_id, "recipient");
	add_recipient(&line, a->facts, at);
	log_end(&line);
}

static void
log_outbound(const struct account *a)
{
	size_t count = a->facts->policy.recipient_count;
	struct log_line line;

	log_begin(&line, a->edit->verdict == EDIT_ANSWER ? LOG_NOTICE : LOG_INFO, a->message->queue_id, event_name(a));
	add_message(&line, a);
	if (a->edit->verdict == EDIT_ANSWER)
		log_add(&line, "reply", "%s %s %s", a->edit->reply.code, a->edit->reply.enhanced, a->edit->reply.text);
	else
		add_plan(&line, a);
	log_add_error(&line, a->err->answer != ANSWER_YES ? a->err : &a->plan->reason);
	for (size_t i = 0; i < count && i < RECIPIENTS_IN_LINE; i++)
		add_recipient(&line, a->facts, i);
	log_add(&line, "ms", "%.1f", a->milliseconds);
	log_end(&line);
	for (size_t i = RECIPIENTS_IN_LINE; i < count; i++)
		log_recipient(a, i);
	for (size_t i = 0; i < count; i++)
		account_log_refused(a->message->queue_id, a->facts->recipients[i].address, &a->facts->results[i]);
}

void
account_log(const struct account *a)
{
	if (a->inbound != NULL)
		log_inbound(a);
	else
		log_outbound(a);
}

/* ---- requests for revocation --------------------------------------------------- */

const char *
account_form_name(enum authorise_form form)
{
	switch (form) {
	case AUTHORISE_SIGNED:
		return "signed";
	case AUTHORISE_SAME_SUBJECT:
		return "same-subject";
	case AUTHORISE_AUTHORISED:
		return "authorised";
	case AUTHORISE_PASSWORD:
		return "password";
	}
	return "unknown";
}

static void
add_number(struct log_line *line, const unsigned char *octets, size_t len)
{
	char text[2 * REQUEST_SERIAL_OCTETS_MAX + 1] = "";

	for (size_t i = 0; i < len && i < REQUEST_SERIAL_OCTETS_MAX; i++)
		snprintf(text + 2 * i, 3, "%02X", octets[i]);
	log_add(line, "number", "%s", text);
}

/* What was asked for, also where it was refused. */
static void
add_request(struct log_line *line, const struct request *r)
{
	if (r == NULL || r->line_count == 0)
		return;
	for (size_t i = 0; i < r->line_count && i < NUMBERS_IN_LINE; i++)
		add_number(line, r->lines[i].serial, r->lines[i].serial_len);
	if (r->line_count > NUMBERS_IN_LINE)
		log_add(line, "numbers", "%zu", r->line_count);
	log_add(line, "language", "%s", r->lines[0].language);
}

static void
add_claim(struct log_line *line, const struct claim *claim)
{
	const struct claim_line *first = claim->lines;
	char digest[2 * RECORD_DIGEST + 1] = "";

	if (claim->answer == ANSWER_YES && claim->line_count > 0) {
		log_add(line, "form", "%s", account_form_name(first->form));
		if (first->waits)
			log_add(line, "waits", "yes");
		if (first->signer != NULL) {
			log_add(line, "signer", "%s", first->signer->subject);
			log_add(line, "signer-serial", "%s", first->signer->serial);
			log_add(line, "signer-issuer", "%s", first->signer->issuer);
		}
	}
	for (size_t i = 0; i < RECORD_DIGEST; i++)
		snprintf(digest + 2 * i, 3, "%02x", claim->mail_digest[i]);
	log_add(line, "mail-digest", "%s", digest);
}

void
account_log_revocation(const struct account_revocation *a)
{
	const struct edit *e = a->edit;
	struct log_line line;

	log_begin(&line, e->verdict == EDIT_ANSWER ? LOG_NOTICE : LOG_INFO, a->message->queue_id, "revocation");
	log_add(&line, "authority", "%s", a->authority);
	log_add(&line, "result", "%s", a->result);
	if (e->verdict == EDIT_ANSWER)
		log_add(&line, "reply", "%s %s", e->reply.code, e->reply.enhanced);
	log_add(&line, "listener", "%s", a->entry->listener);
	log_add(&line, "client", "%s", a->client);
	log_add(&line, "sender", "%s", a->message->sender == NULL ? "" : a->message->sender);
	add_request(&line, a->claim->request);
	add_claim(&line, a->claim);
	log_add_error(&line, a->err);
	log_add(&line, "ms", "%.1f", a->milliseconds);
	log_end(&line);
}
