#include "gateway/inbound.h"

#include "gateway/handover.h"
#include "gateway/judge.h"
#include "gateway/policy.h"
#include "gateway/results.h"

#include <stdlib.h>

/* One text for all that can go wrong with a layer that has no authentication of its own:
 * which of them it was would tell whether an altered ciphertext decrypts. */
#define MALLEABLE_TEXT "the message could not be opened, or is not protected as it must be"

/* ---- is it inbound? ---------------------------------------------------------------- */

bool
inbound_is(const struct gateway *g, const struct gateway_entry *entry, const struct message *m)
{
	if (entry->role != ROLE_WORK || entry->direction == DIRECTION_OUTBOUND ||
	    policy_origin(g->config, &m->client, entry->direction) != POLICY_OUTSIDE)
		return false;
	for (size_t i = 0; i < m->recipient_count; i++) {
		struct address a;

		if (address_parse(slice_str(m->recipients[i]), &a) &&
		    config_domain_among(a.domain, &g->config->inbound_domains))
			return true;
	}
	return false;
}

/* ---- who it says it is from ---------------------------------------------------------- */

struct slice
inbound_only_address(const struct message *m, const char *name, struct buf *text)
{
	const struct header_field *field = message_field(m, name, 0);
	struct address_list list;

	buf_init(text, 2 * ADDRESS_LENGTH_MAX);
	if (field == NULL || message_field(m, name, 1) != NULL || !address_list_parse(field->value, &list))
		return SLICE_NONE;
	if (list.count == 1 && !list.disputed) {
		buf_add_slice(text, list.item[0].local);
		buf_add_byte(text, '@');
		buf_add_slice(text, list.item[0].domain);
	}
	address_list_free(&list);
	return buf_failed(text) ? SLICE_NONE : buf_slice(text);
}

/* ---- opened and judged ---------------------------------------------------------------- */

static enum answer
open_message(struct gateway *g, const struct gateway_entry *entry, struct inbound *in, struct error *err)
{
	struct mime_limits limits = {g->config->mime_depth_limit, g->config->mime_part_limit};
	struct layers_job job = {.config = g->config, .message = in->message, .keys = g->decryptions,
		.claim = entry->claim, .claim_arg = entry->claim_arg, .closed = ERROR_NONE};
	enum answer answer = mime_parse(in->message, &limits, &in->mime, err);

	if (answer != ANSWER_YES)
		return answer;
	job.root = in->mime->root;
	/* Who is inside could mail a message that he has caught to himself. */
	if (policy_is_inside(g->config, &in->message->client))
		error_no(&job.closed, "inside", "its client is one of our own, whose mail is never opened");
	return layers_open(&job, &in->layers, err);
}

static void
state_layer(const struct layer *layer, struct verdict_signer *signers, struct verdict_layer *fact)
{
	*fact = (struct verdict_layer){
		.kind = layer->kind,
		.signers = signers,
		.signer_count = layer->verified.signer_count,
		.unreadable = layer->reason.answer == ANSWER_YES ? NULL : layer->reason.words,
		.noisy = layer->noisy,
		.tried = layer->tried,
		.opened = layer->opened,
		.authenticated = layers_is_authenticated(layer),
	};
	for (size_t i = 0; i < fact->signer_count; i++)
		signers[i] = layer->signers[i].verdict;
}

/* What the header says. Whatever came of an envelope that can be altered unnoticed and is at fault, it
 * is as though it had opened and held nothing that is signed. */
static void
show_verdict(const struct verdict_facts *facts, struct inbound *in)
{
	struct verdict_facts outside = *facts;
	size_t at = 0;
	bool opened;

	in->shown = in->verdict;
	in->told = in->layers.count;
	in->veiled = in->verdict.malleable &&
		(in->verdict.undecryptable || in->verdict.bad_signature || in->verdict.unauthenticated);
	if (!in->veiled)
		return;
	while (in->facts[at].kind != VERDICT_ENCRYPTED || !in->facts[at].tried || in->facts[at].authenticated)
		at++;
	in->told = outside.layer_count = at + 1;
	outside.partly_signed = false;
	outside.unreadable = NULL;
	opened = in->facts[at].opened;
	in->facts[at].opened = true;
	verdict_reach(&outside, &in->shown);
	in->facts[at].opened = opened;
}

static enum answer
reach_verdict(const struct config *c, struct inbound *in, struct error *err)
{
	struct verdict_facts facts = {
		.layer_count = in->layers.count,
		.one_from = in->from.len > 0,
		.partly_signed = in->layers.partly_signed,
		.unreadable = in->layers.unreadable.answer == ANSWER_YES ? NULL : in->layers.unreadable.words,
		.accept_weak = c->accept_weak_signatures,
		.accept_outside = c->accept_outside_signatures,
		.refuse_twice = c->refuse_signed_twice,
	};
	size_t signers = 0;

	for (size_t i = 0; i < in->layers.count; i++)
		signers += in->layers.layer[i].verified.signer_count;
	in->facts = calloc(in->layers.count + 1, sizeof *in->facts);
	in->signers = calloc(signers + 1, sizeof *in->signers);
	if (in->facts == NULL || in->signers == NULL)
		return error_cant_tell(err, "memory", "out of memory");
	signers = 0;
	for (size_t i = 0; i < in->layers.count; i++) {
		state_layer(&in->layers.layer[i], in->signers + signers, &in->facts[i]);
		signers += in->facts[i].signer_count;
	}
	facts.layers = in->facts;
	verdict_reach(&facts, &in->verdict);
	show_verdict(&facts, in);
	return ANSWER_YES;
}

/* ---- what is done about it -------------------------------------------------------------- */

/* Goes before all that is wrong: what is asked about an outer signer must not be answered
 * otherwise because of what an inner layer decrypts to. */
static const struct error *
what_is_unknown(const struct inbound *in)
{
	const struct layers_signer *s;

	if (!in->verdict.unknown)
		return NULL;
	s = &in->layers.layer[in->verdict.layer].signers[in->verdict.signer];
	return s->verdict.trust == VERDICT_TRUST_UNKNOWN ? &s->trust_reason : &s->address_reason;
}

/* Of several faults the one that is treated most severely, with its reason. */
static void
weigh(struct inbound *in, bool fault, enum config_fault treatment, const char *code, const char *words)
{
	if (!fault || (in->reason.answer != ANSWER_YES && treatment <= in->action))
		return;
	in->action = treatment;
	error_no(&in->reason, code, "%s", words);
}

static void
decide(const struct config *c, struct inbound *in)
{
	const struct verdict *v = &in->verdict;
	const struct error *unknown = what_is_unknown(in);

	in->action = FAULT_DELIVER;
	in->reason = ERROR_NONE;
	if (unknown != NULL) {
		in->reason = *unknown;
		return;
	}
	weigh(in, v->undecryptable, c->undecryptable, "undecryptable", layers_why_closed(&in->layers)->words);
	weigh(in, v->bad_signature, c->bad_signature, "bad-signature", v->reason);
	weigh(in, v->unauthenticated, c->unauthenticated, "unauthenticated",
		"it was encrypted without authentication, and no intact signature is inside");
}

void
inbound_init(const struct message *m, struct inbound *in)
{
	*in = (struct inbound){
		.message = m,
		.verdict = {.result = "none", .layer = VERDICT_NOBODY, .signer = VERDICT_NOBODY},
		.reason = ERROR_NONE,
		.kept_closed = ERROR_NONE,
	};
}

enum answer
inbound_gather(struct gateway *g, const struct gateway_entry *entry, time_t now, struct inbound *in,
	struct error *err)
{
	enum answer answer;

	in->from = inbound_only_address(in->message, "From", &in->from_text);
	in->sender = inbound_only_address(in->message, "Sender", &in->sender_text);
	answer = open_message(g, entry, in, err);
	if (answer == ANSWER_YES)
		answer = judge_signers(g, in, now, err);
	if (answer == ANSWER_YES)
		answer = reach_verdict(g->config, in, err);
	if (answer == ANSWER_YES)
		decide(g->config, in);
	return answer;
}

void
inbound_free(struct inbound *in)
{
	layers_free(&in->layers);
	mime_free(in->mime);
	free(in->facts);
	free(in->signers);
	buf_free(&in->from_text);
	buf_free(&in->sender_text);
}

/* ---- carried out --------------------------------------------------------------------------- */

static void
refuse(const struct inbound *in, struct edit *e)
{
	if (in->verdict.malleable)
		edit_answer(e, "550", "5.7.1", "%s", MALLEABLE_TEXT);
	else if (in->verdict.undecryptable)
		edit_answer(e, "550", "5.7.5", "the message could not be opened: %s", in->reason.words);
	else
		edit_answer(e, "550", "5.7.7", "%s", in->reason.words);
}

enum answer
inbound_carry_out(const struct gateway *g, struct inbound *in, struct edit *e, struct error *err)
{
	enum answer answer = ANSWER_YES;

	/* Strangers need not know what is asked, and where. */
	if (in->reason.answer == ANSWER_CANT_TELL)
		return error_cant_tell(err, in->reason.code, "it cannot be told now whether the signature is the sender's, try "
			"again later");
	if (in->action == FAULT_REFUSE) {
		refuse(in, e);
		return ANSWER_YES;
	}
	/* What is held stays as it came, so that it can be opened when it is let go. */
	if (in->action == FAULT_DELIVER)
		answer = handover_write(g->config, in, e, err);
	if (answer != ANSWER_YES)
		return answer;
	/* Whatever has become of it: a bounce would show whether an altered one was opened. */
	if (in->verdict.malleable)
		edit_return_headers(e);
	if (!results_write(g->authserv_id, in, e) || !results_remove_forged(g->config, g->authserv_id, in->message, e) ||
	    (in->action == FAULT_HOLD && !edit_hold(e, "%s", in->reason.words)))
		return error_cant_tell(err, "memory", "out of memory");
	return ANSWER_YES;
}
