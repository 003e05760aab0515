#include "gateway/judge.h"

#include "base/deadline.h"
#include "mail/date.h"

#include <string.h>

struct judgement {
	struct gateway *g;
	struct inbound *in;
	time_t now;
	struct timespec deadline; /* for all that directories are asked about this message */
	bool has_from;
	struct address from;
};

/* ---- trusted? -------------------------------------------------------------------- */

static bool
speaks_for_from(const struct judgement *j, const struct config_trust *t)
{
	if (t->senders.count == 0 && t->sender_domains.count == 0)
		return true;
	if (!j->has_from)
		return false;
	for (size_t i = 0; i < t->senders.count; i++)
		if (address_equal_text(slice_str(t->senders.item[i]), j->in->from))
			return true;
	return config_domain_among(j->from.domain, &t->sender_domains);
}

/* The first set that its chain ends in speaks; where there is none, the reason is the
 * last set's. */
static enum answer
judge_trust(const struct judgement *j, const struct layer *layer, struct layers_signer *signer, struct error *err)
{
	const struct config *c = j->g->config;

	signer->verdict.trust = VERDICT_UNTRUSTED;
	error_no(&signer->trust_reason, "untrusted", "no trust block is for this From address");
	for (size_t i = 0; i < c->trust_count; i++) {
		struct trust_question question = {
			.cert = signer->signature->certificate, .extra = layer->verified.certificates, .at = j->now,
		};
		struct trust_judgement judgement;
		enum answer answer;

		if (!speaks_for_from(j, &c->trusts[i]))
			continue;
		trust_judge(trusts_block(j->g->trusts, i), &question, &judgement);
		answer = judgement.answer;
		signer->trust_reason = judgement.reason;
		trust_judgement_free(&judgement);
		if (answer == ANSWER_CANT_TELL) {
			*err = signer->trust_reason;
			return answer;
		}
		if (answer == ANSWER_YES) {
			signer->trust_reason = ERROR_NONE;
			signer->trust = &c->trusts[i];
			signer->verdict.trust = VERDICT_TRUSTED;
			signer->verdict.absent_accepted = c->trusts[i].accept_absent_address;
			return ANSWER_YES;
		}
	}
	return ANSWER_YES;
}

/* ---- whose address? ---------------------------------------------------------------- */

static bool
may_sign_for(const struct judgement *j)
{
	const struct config_pairs *pairs = &j->g->config->sender_may_sign_for;

	for (size_t i = 0; i < pairs->count; i++)
		if (address_equal_text(slice_str(pairs->item[i].sender), j->in->sender) &&
		    address_equal_text(slice_str(pairs->item[i].from), j->in->from))
			return true;
	return false;
}

/* Only of certificates that are trusted is a directory asked: what a stranger made up
 * is no reason to bother anybody. Nor is it where noise shows that an altered envelope
 * did decrypt: the time that it takes, or an outage, would tell that. */
static void
judge_without_address(const struct judgement *j, bool noisy, struct layers_signer *signer)
{
	const struct cert *cert = signer->signature->certificate;
	enum answer answer;

	signer->verdict.address = VERDICT_ABSENT;
	error_no(&signer->address_reason, "address-absent", "the certificate holds no address");
	if (signer->verdict.trust != VERDICT_TRUSTED || noisy)
		return;
	answer = directory_lists(j->g->directories, j->in->from, cert->digest, &j->deadline, &signer->address_reason);
	if (answer == ANSWER_YES) {
		signer->address_reason = ERROR_NONE;
		signer->verdict.address = VERDICT_BOUND;
	} else if (answer == ANSWER_CANT_TELL && !signer->verdict.absent_accepted) {
		signer->verdict.address = VERDICT_ADDRESS_UNKNOWN;
	}
}

static void
judge_address(const struct judgement *j, bool noisy, struct layers_signer *signer)
{
	const struct cert *cert = signer->signature->certificate;

	signer->verdict.address = VERDICT_MISMATCH;
	if (!j->has_from) {
		error_no(&signer->address_reason, "from", "From is not exactly one address");
	} else if (cert_has_address(cert, j->in->from)) {
		signer->verdict.address = VERDICT_MATCH;
	} else if (j->in->sender.len > 0 && cert_has_address(cert, j->in->sender)) {
		signer->verdict.address = VERDICT_SENDER;
		signer->verdict.sender_accepted = may_sign_for(j);
		error_no(&signer->address_reason, "sender", "the certificate is for the Sender %.*s", SLICE_FMT(j->in->sender));
	} else if (cert->address_count > 0) {
		error_no(&signer->address_reason, "address-mismatch", "the certificate is for %s%s", cert->addresses[0],
			cert->address_count > 1 ? " and others" : "");
	} else if (cert->malformed_addresses > 0) {
		error_no(&signer->address_reason, "address-malformed", "what the certificate has for an address is none");
	} else {
		judge_without_address(j, noisy, signer);
	}
}

/* ---- when? --------------------------------------------------------------------------- */

/* Date is not signed: an old message may have been sent again with a new one. */
static bool
is_of_other_time(const struct judgement *j, const struct verify_signer *signature)
{
	const struct header_field *date = message_field(j->in->message, "Date", 0);
	long tolerance = j->g->config->date_tolerance;
	time_t when;

	if (tolerance == 0 || !signature->has_signing_time)
		return false;
	return date == NULL || message_field(j->in->message, "Date", 1) != NULL || !date_parse(date->value, &when) ||
		when - signature->signing_time > tolerance || signature->signing_time - when > tolerance;
}

/* ---- one signer ---------------------------------------------------------------------- */

static enum verdict_intact
intact_of(enum verify_intact intact)
{
	static const enum verdict_intact same[] = {
		[VERIFY_INTACT] = VERDICT_INTACT, [VERIFY_BROKEN] = VERDICT_BROKEN,
		[VERIFY_NO_CERTIFICATE] = VERDICT_NO_CERTIFICATE, [VERIFY_UNSUPPORTED] = VERDICT_UNSUPPORTED,
	};

	return same[intact];
}

static enum answer
judge_signer(const struct judgement *j, size_t at, struct layers_signer *signer, struct error *err)
{
	const struct verify_signer *signature = signer->signature;
	enum answer answer;

	signer->trust_reason = signer->address_reason = ERROR_NONE;
	signer->verdict = (struct verdict_signer){
		.intact = intact_of(signature->intact),
		.weak = signature->weak,
		.trust = VERDICT_UNTRUSTED,
		.address = VERDICT_MISMATCH,
		.qualified = VERDICT_NOT_EVALUATED,
	};
	if (signature->intact != VERIFY_INTACT) {
		error_no(&signer->trust_reason, "not-intact", "not looked at, as the signature is not known to be its own");
		signer->address_reason = signer->trust_reason;
		return ANSWER_YES;
	}
	if (signature->certificate == NULL) {
		/* Of a weak signature the reason says that. */
		error_no(&signer->trust_reason, "unreadable", "the certificate cannot be read%s%s", signature->weak ? "" : ": ",
			signature->weak ? "" : signature->reason.words);
		signer->address_reason = signer->trust_reason;
		signer->verdict.may_sign = true; /* nobody knows, and it is not what is wrong */
		return ANSWER_YES;
	}
	signer->verdict.may_sign = cert_may_sign(signature->certificate);
	signer->verdict.other_time = is_of_other_time(j, signature);
	answer = judge_trust(j, &j->in->layers.layer[at], signer, err);
	if (answer == ANSWER_YES)
		judge_address(j, layers_is_noisy(&j->in->layers, at), signer);
	return answer;
}

enum answer
judge_signers(struct gateway *g, struct inbound *in, time_t now, struct error *err)
{
	struct judgement j = {.g = g, .in = in, .now = now, .deadline = deadline_in(g->config->rcpt_deadline * 1000L)};

	j.has_from = in->from.len > 0 && address_parse(in->from, &j.from);
	for (size_t i = 0; i < in->layers.count; i++) {
		struct layer *layer = &in->layers.layer[i];

		for (size_t k = 0; k < layer->verified.signer_count; k++) {
			enum answer answer = judge_signer(&j, i, &layer->signers[k], err);

			if (answer != ANSWER_YES)
				return answer;
		}
	}
	return ANSWER_YES;
}
