#include "gateway/account.h"

#include "smime/algorithms.h"

/* Recipients that stand in the message's own line; further ones get a line each,
 * so that no line is cut. */
#define RECIPIENTS_IN_LINE 10

static const char *
event_name(const struct account *a)
{
	if (a->edit->verdict == EDIT_ANSWER)
		return a->edit->reply.code[0] == '5' ? "refused" : "deferred";
	if (a->plan->sign != NULL)
		return "sealed";
	return a->plan->encrypt ? "encrypted" : "passed";
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

static void
log_recipient(const struct account *a, size_t at)
{
	struct log_line line;

	log_begin(&line, LOG_INFO, a->message->queue_id, "recipient");
	add_recipient(&line, a->facts, at);
	log_end(&line);
}

void
account_log(const struct account *a)
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
