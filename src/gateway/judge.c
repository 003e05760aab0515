#include "gateway/judge.h"

#include "base/deadline.h"
#include "mail/date.h"

#include <string.h>

struct judgement {
	struct gateway *g;
	struct inbound *in;
	time_t now;
	struct timespec status_deadline; /* for all that is asked about revocation because of this message */
	unsigned fetches_left;           /* ... and how often that may be */
	struct timespec deadline;        /* for all that directories are asked about it */
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

/* What one set says, the more the sooner it is listened to. */
enum weight { WEIGHT_NOTHING, WEIGHT_UNTRUSTED, WEIGHT_NO, WEIGHT_UNKNOWN, WEIGHT_REVOKED, WEIGHT_TRUSTED };

static enum weight
weigh(const struct trust_judgement *told)
{
	if (told->answer != ANSWER_NO)
		return told->answer == ANSWER_YES ? WEIGHT_TRUSTED : WEIGHT_UNKNOWN;
	if (strcmp(told->reason.code, "revoked") == 0)
		return WEIGHT_REVOKED;
	return told->in_set ? WEIGHT_NO : WEIGHT_UNTRUSTED;
}

static enum verdict_qualified
qualified_of(enum trust_qualified qualified)
{
	static const enum verdict_qualified same[] = {
		[TRUST_NONE] = VERDICT_NONE, [TRUST_ADVANCED] = VERDICT_ADVANCED,
		[TRUST_SIGNATURE] = VERDICT_QUALIFIED_SIGNATURE, [TRUST_SIGNATURE_QSCD] = VERDICT_QUALIFIED_SIGNATURE_QSCD,
		[TRUST_SEAL] = VERDICT_QUALIFIED_SEAL, [TRUST_SEAL_QSCD] = VERDICT_QUALIFIED_SEAL_QSCD,
	};

	return same[qualified];
}

/* In the place of what another set said. */
static void
take_told(const struct config_trust *set, const struct trust_judgement *told, struct layers_signer *signer)
{
	const struct status *status = &told->finding.status;
	bool trusted = told->answer == ANSWER_YES;

	signer->trust = trusted ? set : NULL;
	signer->trust_reason = told->reason;
	signer->has_status = told->in_set && (status->state != STATUS_UNKNOWN || status->why.answer != ANSWER_YES);
	signer->finding = told->finding;
	signer->profile = told->profile;
	signer->kept = told->result;
	signer->qualified_reason = trusted ? told->qualified_reason : ERROR_NONE;
	signer->verdict.qualified = qualified_of(told->qualified);
	signer->verdict.trust = trusted ? VERDICT_TRUSTED :
		told->answer == ANSWER_NO ? VERDICT_UNTRUSTED : VERDICT_TRUST_UNKNOWN;
	signer->verdict.revoked = weigh(told) == WEIGHT_REVOKED;
	signer->verdict.absent_accepted = signer->verdict.trust != VERDICT_UNTRUSTED && set->accept_absent_address;
}

static bool
is_intact(const struct layer *layer)
{
	for (size_t i = 0; i < layer->verified.signer_count; i++)
		if (layer->verified.signers[i].intact != VERIFY_INTACT)
			return false;
	return layer->kind == VERDICT_SIGNED && layer->verified.signer_count > 0;
}

/* May anybody outside be asked because of a signature in that layer? Whoever alters what he has caught in
 * CBC mode could see that we ask (he may be the authority, or watch the network), how long it takes, and
 * that nobody is there to answer; and so whether what he sent did decrypt. So nobody is asked because of
 * what stands in an opened envelope without authentication, until a layer of it shows that nothing was
 * altered: all its signatures are intact, and there is no noise around it or between it and the envelope. Then
 * he has sent what he caught, which is answered as it always was. An envelope further in may be one that he caught
 * and signed himself, so with it this begins anew. Signatures around an envelope depend on
 * nothing in it; as outer ones are judged first, neither do time and fetches that are left for them.
 * Verdict calls the same envelopes unauthenticated; with fewer asked, no answer changes but for those. */
bool
judge_may_ask(const struct layers *l, size_t at)
{
	bool altered = false;

	for (size_t i = 0; i <= at; i++) {
		const struct layer *layer = &l->layer[i];

		if (altered && layer->noisy)
			return false;
		if (layer->kind == VERDICT_ENCRYPTED && layer->opened && !layers_is_authenticated(layer))
			altered = true;
		else if (is_intact(layer))
			altered = false;
	}
	return !altered;
}

/* The first set that trusts it speaks; but a revocation is one, whoever else might not know it. */
static enum answer
judge_trust(struct judgement *j, size_t at, struct layers_signer *signer, struct error *err)
{
	const struct config *c = j->g->config;
	struct trust_question question = {
		.cert = signer->signature->certificate, .extra = j->in->layers.layer[at].verified.certificates, .at = j->now,
		.fetch = judge_may_ask(&j->in->layers, at), .deadline = &j->status_deadline, .left = &j->fetches_left,
	};
	enum weight heaviest = WEIGHT_NOTHING;

	signer->verdict.qualified = VERDICT_NONE;
	error_no(&signer->trust_reason, "untrusted", "no trust block is for this From address");
	for (size_t i = 0; i < c->trust_count && heaviest < WEIGHT_REVOKED; i++) {
		struct trust_judgement told;

		if (!speaks_for_from(j, &c->trusts[i]))
			continue;
		trust_judge(trusts_block(j->g->trusts, i), &question, &told);
		if (told.answer == ANSWER_CANT_TELL && strcmp(told.reason.code, "status-unknown") != 0) {
			*err = told.reason;
			trust_judgement_free(&told);
			return ANSWER_CANT_TELL;
		}
		if (weigh(&told) > heaviest) {
			heaviest = weigh(&told);
			take_told(&c->trusts[i], &told, signer);
		}
		trust_judgement_free(&told);
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

/* Only of certificates that lead to an anchor is a directory asked: what a stranger made up
 * is no reason to bother anybody. */
static void
judge_without_address(const struct judgement *j, size_t at, struct layers_signer *signer)
{
	const struct cert *cert = signer->signature->certificate;
	enum answer answer;

	signer->verdict.address = VERDICT_ABSENT;
	error_no(&signer->address_reason, "address-absent", "the certificate holds no address");
	if (signer->verdict.trust == VERDICT_UNTRUSTED || !judge_may_ask(&j->in->layers, at))
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
judge_address(const struct judgement *j, size_t at, struct layers_signer *signer)
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
		judge_without_address(j, at, signer);
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

/* What else is asked about goes by its certificate, which must be known. */
static bool
is_known(const struct layers_signer *signer)
{
	return signer->signature->intact == VERIFY_INTACT && signer->signature->certificate != NULL;
}

/* All but its address. */
static enum answer
judge_signer(struct judgement *j, size_t at, struct layers_signer *signer, struct error *err)
{
	const struct verify_signer *signature = signer->signature;

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
	return judge_trust(j, at, signer, err);
}

static void
judge_addresses(const struct judgement *j)
{
	for (size_t i = 0; i < j->in->layers.count; i++) {
		struct layer *layer = &j->in->layers.layer[i];

		for (size_t k = 0; k < layer->verified.signer_count; k++)
			if (is_known(&layer->signers[k]))
				judge_address(j, i, &layer->signers[k]);
	}
}

enum answer
judge_signers(struct gateway *g, struct inbound *in, time_t now, struct error *err)
{
	struct judgement j = {.g = g, .in = in, .now = now, .fetches_left = g->config->fetch_limit,
		.status_deadline = deadline_in(g->config->status_timeout * 1000L)};

	j.has_from = in->from.len > 0 && address_parse(in->from, &j.from);
	for (size_t i = 0; i < in->layers.count; i++) {
		struct layer *layer = &in->layers.layer[i];

		for (size_t k = 0; k < layer->verified.signer_count; k++) {
			enum answer answer = judge_signer(&j, i, &layer->signers[k], err);

			if (answer != ANSWER_YES)
				return answer;
		}
	}
	j.deadline = deadline_in(g->config->rcpt_deadline * 1000L);
	judge_addresses(&j);
	return ANSWER_YES;
}
