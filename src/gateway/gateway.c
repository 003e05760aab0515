#include "gateway/gateway.h"

#include "base/clock.h"
#include "base/deadline.h"
#include "gateway/account.h"
#include "gateway/facts.h"
#include "gateway/inbound.h"
#include "gateway/policy.h"
#include "gateway/protect.h"
#include "gateway/results.h"
#include "gateway/revocation.h"
#include "gateway/state.h"
#include "smime/encrypt.h"

#include <openssl/rand.h>

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define BODY_GROWTH 8 /* two layers of base64, CRLF for LF and quoted-printable, with room to spare */
#define BODY_EXTRA (4 * 1024 * 1024) /* certificates, recipients, fields */
#define SECONDS_A_DAY 86400
#define INTERVAL_OCTETS (256 * 1024) /* of a message, for which there is one answer-interval more */
#define INTERVAL_MAX 120000 /* ms; MTAs wait 300 s */

/* ---- making one ------------------------------------------------------------- */

static enum answer
load_archive(const struct config_rule *rule, struct state_archive *archive, struct error *err)
{
	for (size_t i = 0; i < rule->also_encrypt_to.count; i++) {
		const char *path = rule->also_encrypt_to.item[i];
		struct cert **certs = NULL, **all;
		size_t count = 0;
		enum answer answer = cert_read_file(path, &certs, &count, err);

		if (answer != ANSWER_YES)
			return answer;
		for (size_t k = 0; k < count; k++)
			if (!cert_may_encrypt(certs[k])) {
				cert_free_array(certs, count);
				return error_no(err, "archive", "rule %s, also-encrypt-to %s: its key usage does not permit encryption",
					rule->name, path);
			}
		all = reallocarray(archive->certs, archive->count + count + 1, sizeof *all);
		if (all == NULL) {
			cert_free_array(certs, count);
			return error_cant_tell(err, "memory", "out of memory");
		}
		memcpy(all + archive->count, certs, count * sizeof *certs);
		free(certs);
		archive->certs = all;
		archive->count += count;
	}
	return ANSWER_YES;
}

static enum answer
load_inbound(struct gateway *g, gateway_identity_source *source, void *arg, struct error *err)
{
	const struct config *c = g->config;
	char host[HOST_NAME_MAX + 1] = "";
	enum answer answer = ANSWER_YES;

	if (c->authserv_id == NULL && gethostname(host, sizeof host - 1) != 0)
		return error_no(err, "authserv-id", "this host's name cannot be had: set authserv-id");
	g->authserv_id = strdup(c->authserv_id == NULL ? host : c->authserv_id);
	if (g->authserv_id == NULL)
		return error_cant_tell(err, "memory", "out of memory");
	for (size_t i = 0; answer == ANSWER_YES && i < c->decryption_count; i++) {
		answer = source(arg, &c->decryptions[i].files, KEY_TO_DECRYPT, &g->decryptions[i], err);
		if (answer != ANSWER_YES)
			error_prefix(err, "decryption-key %s", c->decryptions[i].files.name);
	}
	return answer;
}

/* A serial number can have as many passwords as an authority has certificates. */
static enum answer
load_passwords(struct gateway *g, struct error *err)
{
	const struct config *c = g->config;
	size_t rounds = 1;

	for (size_t i = 0; i < c->revocation_count; i++)
		if (c->revocations[i].authorities.count > rounds)
			rounds = c->revocations[i].authorities.count;
	g->passwords = password_work_new(c->password_parallel, c->password_cost_limit,
		rounds < PASSWORD_ROUNDS_MAX ? rounds : PASSWORD_ROUNDS_MAX);
	return g->passwords == NULL ? error_cant_tell(err, "memory", "out of memory") : ANSWER_YES;
}

static enum answer
load(struct gateway *g, gateway_identity_source *source, void *arg, bool takes_mail, struct error *err)
{
	const struct config *c = g->config;
	enum answer answer = algorithms_load(err);

	for (size_t i = 0; answer == ANSWER_YES && i < c->signer_count; i++) {
		answer = source(arg, &c->signers[i], KEY_TO_SIGN, &g->identities[i], err);
		if (answer != ANSWER_YES)
			error_prefix(err, "signer %s", c->signers[i].name);
	}
	for (size_t i = 0; answer == ANSWER_YES && i < c->rule_count; i++)
		answer = load_archive(&c->rules[i], &g->archives[i], err);
	if (answer == ANSWER_YES && takes_mail && c->trace_key_file != NULL)
		answer = trace_key_load(c->trace_key_file, &g->trace_key, err);
	if (answer == ANSWER_YES && takes_mail && c->sender_login_file != NULL)
		answer = logins_load(c->sender_login_file, &g->logins, err);
	if (answer == ANSWER_YES)
		answer = trusts_new(c, &g->trusts, err);
	if (answer == ANSWER_YES)
		answer = seals_new(c, g->identities, g->trusts, &g->seals, err);
	if (answer == ANSWER_YES)
		answer = directories_new(c, g->trusts, &g->directories, err);
	if (answer == ANSWER_YES)
		answer = authorities_new(c, &g->authorities, err);
	if (answer == ANSWER_YES)
		answer = load_passwords(g, err);
	if (answer == ANSWER_YES)
		answer = load_inbound(g, source, arg, err);
	return answer;
}

static enum answer
make(struct config *config, gateway_identity_source *source, void *arg, bool takes_mail, struct gateway **gateway,
	struct error *err)
{
	struct gateway *g = calloc(1, sizeof *g);
	enum answer answer;

	if (g == NULL)
		return error_cant_tell(err, "memory", "out of memory");
	atomic_init(&g->references, 1);
	g->config = config_ref(config);
	g->identities = calloc(config->signer_count + 1, sizeof *g->identities);
	g->archives = calloc(config->rule_count + 1, sizeof *g->archives);
	g->decryptions = calloc(config->decryption_count + 1, sizeof *g->decryptions);
	answer = g->identities == NULL || g->archives == NULL || g->decryptions == NULL ?
		error_cant_tell(err, "memory", "out of memory") : load(g, source, arg, takes_mail, err);
	if (answer != ANSWER_YES) {
		gateway_unref(g);
		return answer;
	}
	*gateway = g;
	return ANSWER_YES;
}

enum answer
gateway_new(struct config *config, gateway_identity_source *source, void *arg, struct made *made,
	struct gateway **gateway, struct error *err)
{
	enum answer answer = make(config, source, arg, true, gateway, err);

	if (answer == ANSWER_YES)
		(*gateway)->made = made;
	return answer;
}

enum answer
gateway_new_for_worker(struct config *config, gateway_identity_source *source, void *arg, struct gateway **gateway,
	struct error *err)
{
	return make(config, source, arg, false, gateway, err);
}

struct gateway *
gateway_ref(struct gateway *g)
{
	atomic_fetch_add(&g->references, 1);
	return g;
}

static void
free_identities(struct key_identity **identities, size_t count)
{
	if (identities != NULL)
		for (size_t i = 0; i < count; i++)
			key_identity_free(identities[i]);
	free(identities);
}

void
gateway_unref(struct gateway *g)
{
	if (g == NULL || atomic_fetch_sub(&g->references, 1) != 1)
		return;
	password_work_free(g->passwords);
	authorities_free(g->authorities);
	directories_free(g->directories);
	logins_free(g->logins);
	trace_key_free(g->trace_key);
	if (g->archives != NULL)
		for (size_t i = 0; i < g->config->rule_count; i++)
			cert_free_array(g->archives[i].certs, g->archives[i].count);
	free(g->archives);
	free_identities(g->identities, g->config->signer_count);
	free_identities(g->decryptions, g->config->decryption_count);
	seals_free(g->seals);
	trusts_free(g->trusts);
	free(g->authserv_id);
	config_unref(g->config);
	free(g);
}

const struct config *
gateway_config(const struct gateway *g)
{
	return g->config;
}

/* The signer's place; a rule names none that is not there. */
static size_t
place_of(const struct gateway *g, const char *signer)
{
	size_t i = 0;

	while (strcmp(g->config->signers[i].name, signer) != 0)
		i++;
	return i;
}

enum answer
gateway_start(struct gateway *g, struct error *err)
{
	return trusts_start(g->trusts, err);
}

struct directories *
gateway_directories(struct gateway *g)
{
	return g->directories;
}

const struct authorities *
gateway_authorities(const struct gateway *g)
{
	return g->authorities;
}

void
gateway_take_requests(struct gateway *g, struct intake *intake)
{
	g->intake = intake;
}

/* ---- at RCPT ----------------------------------------------------------------- */

static void
set_reply(struct edit_reply *reply, const char *code, const char *enhanced, const char *text)
{
	snprintf(reply->code, sizeof reply->code, "%s", code);
	snprintf(reply->enhanced, sizeof reply->enhanced, "%s", enhanced);
	snprintf(reply->text, sizeof reply->text, "%s", text);
}

static void
log_recipient(const struct gateway_entry *entry, const struct message *m, struct slice recipient,
	const struct edit_reply *reply)
{
	struct log_line line;

	log_begin(&line, LOG_NOTICE, m->queue_id, "recipient-refused");
	log_add(&line, "listener", "%s", entry->listener);
	log_add(&line, "sender", "%s", m->sender);
	log_add_slice(&line, "to", recipient);
	log_add(&line, "reply", "%s %s %s", reply->code, reply->enhanced, reply->text);
	log_end(&line);
}

/* Mail programs show a 452 to their user and do not come back; MTAs do, with
 * the recipients apart. */
static bool
fits_others(struct gateway *g, enum policy_origin origin, const struct message *m, const struct policy_wish *wish)
{
	struct policy_question q = {.sender = slice_str(m->sender)};
	struct policy_wish first;

	if (origin != POLICY_INTERNAL || m->recipient_count == 0)
		return true;
	q.recipient = slice_str(m->recipients[0]);
	policy_wish(g->config, &q, &first);
	return policy_same_class(&first, wish);
}

static bool
has_certificate(struct gateway *g, const struct message *m, struct slice recipient, const struct policy_wish *wish,
	time_t now, struct edit_reply *reply)
{
	struct timespec deadline = deadline_in(g->config->rcpt_deadline * 1000L);
	unsigned left = g->config->fetch_limit;
	struct directory_question question = {
		.address = recipient, .trust = &wish->encrypt->trust, .encrypt_to = wish->encrypt->encrypt_to, .now = now,
		.deadline = &deadline, .left = &left,
	};
	struct directory_result result;
	bool ok = true;

	directory_find(g->directories, &question, &result);
	if (result.answer == ANSWER_CANT_TELL) {
		set_reply(reply, "451", "4.7.1", result.reason.words);
		ok = false;
	} else if (result.answer == ANSWER_NO && wish->level == ENCRYPT_REQUIRED &&
		wish->encrypt->missing == MISSING_REFUSE_RECIPIENT) {
		set_reply(reply, "550", "5.7.1", result.reason.words);
		ok = false;
	}
	if (!ok)
		account_log_refused(m->queue_id, recipient, &result);
	directory_result_free(&result);
	return ok;
}

bool
gateway_recipient(struct gateway *g, const struct gateway_entry *entry, const struct message *m,
	struct slice recipient, time_t now, struct edit_reply *reply)
{
	enum policy_origin origin = policy_origin(g->config, &m->client, entry->direction);
	struct policy_question q = {.sender = slice_str(m->sender), .recipient = recipient};
	struct policy_wish wish;
	bool ok = true;

	if (!revocation_recipient(g, entry, m, recipient, reply)) {
		log_recipient(entry, m, recipient, reply);
		return false;
	}
	if (revocation_takes(g, entry, recipient))
		return true;
	if (entry->role == ROLE_GUARD || origin == POLICY_OUTSIDE || origin == POLICY_LOCAL)
		return true;
	policy_wish(g->config, &q, &wish);
	if (!fits_others(g, origin, m, &wish)) {
		set_reply(reply, "452", "4.5.3", "this recipient is treated otherwise than the others: send to it apart");
		ok = false;
	} else if (wish.level != ENCRYPT_NEVER) {
		ok = has_certificate(g, m, recipient, &wish, now, reply);
	}
	if (!ok)
		log_recipient(entry, m, recipient, reply);
	return ok;
}

bool
gateway_holds_secret(const struct gateway *g, const struct gateway_entry *entry, const struct message *m)
{
	return revocation_is(g, entry, m);
}

/* ---- at the end of the message ------------------------------------------------ */

static bool
is_own_field(const void *arg, const struct header_field *field)
{
	const struct gateway *g = arg;

	for (size_t i = 0; i < g->config->rule_count; i++) {
		const char *trigger = g->config->rules[i].trigger_name;

		if (trigger != NULL && strcasecmp(trigger, field->name) == 0)
			return true;
	}
	return false;
}

static bool
is_trace_field(const void *arg, const struct header_field *field)
{
	(void)arg;
	return strcasecmp(field->name, TRACE_FIELD) == 0;
}

/* Whatever traces it brings along are replaced by the one of its last way in. */
static enum answer
mark_as_outside(const struct gateway *g, const struct message *m, time_t now, struct edit *e, struct error *err)
{
	unsigned char random[16];
	struct buf value;
	bool ok;

	if (g->trace_key == NULL)
		return ANSWER_YES;
	if (RAND_bytes(random, sizeof random) != 1)
		return error_cant_tell(err, "random", "no random numbers to be had");
	buf_init(&value, 1024);
	trace_write(g->trace_key, now, random, &value);
	ok = !buf_failed(&value) && edit_remove_fields(e, m, is_trace_field, NULL) &&
		edit_prepend_field(e, TRACE_FIELD, buf_slice(&value));
	buf_free(&value);
	return ok ? ANSWER_YES : error_cant_tell(err, "memory", "out of memory");
}

/* Certificates to encrypt to, each once: what the directories gave for the
 * recipients, and the archives of the rules that asked for it. */
struct selection {
	struct cert **certs; /* borrowed */
	size_t count;
	size_t room;
	time_t now;
	struct timespec deadline; /* for all that is asked about the status of archives */
	unsigned left;            /* ... and how often it may be */
};

static bool
is_selected(const struct selection *s, const struct cert *cert)
{
	for (size_t i = 0; i < s->count; i++)
		if (memcmp(s->certs[i]->digest, cert->digest, sizeof cert->digest) == 0)
			return true;
	return false;
}

static bool
select_cert(struct selection *s, struct cert *cert)
{
	if (is_selected(s, cert))
		return true;
	if (s->count == s->room)
		return false;
	s->certs[s->count++] = cert;
	return true;
}

/* Whoever configured an archive's certificate vouches for it, so that it need not chain to any set; but
 * where one knows that it was revoked, or has to know, mail waits: it goes neither to a key that is
 * lost nor past the archive. */
static enum answer
ask_archive(const struct gateway *g, const struct config_rule *rule, const struct cert *cert,
	struct selection *s, struct error *err)
{
	const struct config_strings *names = rule->trust.count > 0 ? &rule->trust : &g->config->recipient_trust;
	struct trust_question question = {
		.cert = cert, .at = s->now, .fetch = true, .deadline = &s->deadline, .left = &s->left,
	};
	enum answer answer = ANSWER_YES;

	for (size_t i = 0; i < names->count || i == 0; i++) {
		const char *name = names->count == 0 ? CONFIG_TRUST_ANCHORS : names->item[i];
		struct trust_judgement j;
		bool good, revoked;

		trust_judge(trusts_find(g->trusts, name), &question, &j);
		good = j.answer == ANSWER_YES;
		revoked = j.answer == ANSWER_NO && strcmp(j.reason.code, "revoked") == 0;
		if (revoked || j.answer == ANSWER_CANT_TELL)
			answer = error_cant_tell(err, j.reason.code, "rule %s, also-encrypt-to, %s: %s", rule->name, cert->subject,
				j.reason.words);
		trust_judgement_free(&j);
		if (good || revoked)
			return good ? ANSWER_YES : answer;
	}
	return answer;
}

static enum answer
too_many(struct error *err)
{
	return error_no(err, "recipients", "the message would be encrypted to more than %d certificates",
		ENCRYPT_RECIPIENTS_MAX);
}

static enum answer
select_archive(const struct gateway *g, const struct config_rule *rule, struct selection *s, struct error *err)
{
	const struct state_archive *archive = rule == NULL ? NULL : &g->archives[rule - g->config->rules];

	for (size_t i = 0; archive != NULL && i < archive->count; i++) {
		enum answer answer;

		if (is_selected(s, archive->certs[i]))
			continue;
		answer = ask_archive(g, rule, archive->certs[i], s, err);
		if (answer != ANSWER_YES)
			return answer;
		if (!select_cert(s, archive->certs[i]))
			return too_many(err);
	}
	return ANSWER_YES;
}

static enum answer
select_recipient(const struct gateway *g, const struct facts *f, size_t at, struct selection *s, struct error *err)
{
	const struct policy_wish *wish = &f->recipients[at].wish;
	const struct directory_result *found = &f->results[at];
	enum answer answer;

	for (size_t i = 0; i < found->candidate_count; i++)
		if (found->candidates[i].chosen && !select_cert(s, found->candidates[i].cert))
			return too_many(err);
	answer = select_archive(g, wish->encrypt, s, err);
	return answer == ANSWER_YES ? select_archive(g, wish->beneath, s, err) : answer;
}

static enum answer
select_certificates(const struct gateway *g, const struct facts *f, struct selection *s, struct error *err)
{
	enum answer answer = ANSWER_YES;

	s->room = ENCRYPT_RECIPIENTS_MAX;
	s->certs = calloc(s->room, sizeof *s->certs);
	if (s->certs == NULL)
		return error_cant_tell(err, "memory", "out of memory");
	for (size_t i = 0; answer == ANSWER_YES && i < f->policy.recipient_count; i++)
		answer = select_recipient(g, f, i, s, err);
	return answer;
}

/* May it be done, and with which certificates? s has now; its certs are the caller's to free in each case. */
static enum answer
prepare(const struct gateway *g, const struct facts *f, const struct policy_plan *plan, struct selection *s,
	struct error *err)
{
	enum answer answer = ANSWER_YES;

	s->deadline = deadline_in(g->config->status_timeout * 1000L);
	s->left = g->config->fetch_limit;
	if (plan->sign != NULL)
		answer = seals_may_sign(g->seals, place_of(g, plan->sign->signer), s->now, err);
	if (answer == ANSWER_YES && plan->encrypt)
		answer = select_certificates(g, f, s, err);
	return answer;
}

static enum answer
protect(const struct gateway *g, const struct message *m, const struct facts *f, const struct policy_plan *plan,
	time_t now, struct edit *e, const char **note, struct error *err)
{
	struct selection selection = {.now = now};
	struct protect_job job = {.message = m, .mime = f->mime, .plan = plan, .made = g->made, .now = now};
	enum answer answer = prepare(g, f, plan, &selection, err);

	if (plan->sign != NULL)
		job.signer = g->identities[place_of(g, plan->sign->signer)];
	job.certificates = selection.certs;
	job.certificate_count = selection.count;
	if (answer == ANSWER_YES)
		answer = protect_message(&job, e, note, err);
	free(selection.certs);
	return answer;
}

static enum answer
carry_out(const struct gateway *g, const struct gateway_entry *entry, const struct message *m,
	const struct facts *f, const struct policy_plan *plan, time_t now, struct edit *e, const char **note,
	struct error *err)
{
	enum answer answer = ANSWER_YES;

	if (plan->action == POLICY_PROTECT)
		answer = protect(g, m, f, plan, now, e, note, err);
	if (answer != ANSWER_YES || entry->role == ROLE_GUARD)
		return answer;
	if (!edit_remove_fields(e, m, is_own_field, g))
		return error_cant_tell(err, "memory", "out of memory");
	if (f->policy.origin == POLICY_OUTSIDE)
		answer = mark_as_outside(g, m, now, e, err);
	return answer;
}

static double
milliseconds_since(const struct timespec *begin)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	return (double)(end.tv_sec - begin->tv_sec) * 1e3 + (double)(end.tv_nsec - begin->tv_nsec) / 1e6;
}

static void
answer_plan(const struct policy_plan *plan, struct edit *e)
{
	edit_answer(e, plan->action == POLICY_REFUSE ? "550" : "451", plan->enhanced, "%s", plan->reason.words);
}

/* Whoever the recipients are said to be: the MTA may deliver to a domain of ours what was addressed
 * to an alias, "user@domain." or "domain!user" (RFC 8601 5). */
static enum answer
remove_forged(const struct gateway *g, const struct gateway_entry *entry, const struct message *m,
	const struct facts *f, struct edit *e, struct error *err)
{
	if (entry->role != ROLE_WORK || entry->direction == DIRECTION_OUTBOUND || g->config->inbound_domains.count == 0 ||
	    f->policy.origin != POLICY_OUTSIDE || e->verdict != EDIT_PASS)
		return ANSWER_YES;
	if (!results_remove_forged(g->config, g->authserv_id, m, e))
		return error_cant_tell(err, "memory", "out of memory");
	return ANSWER_YES;
}

static void
work_outbound(struct gateway *g, const struct gateway_entry *entry, const struct message *m, time_t now,
	struct edit *e)
{
	struct policy_plan plan = {.action = POLICY_PASS};
	struct error err = ERROR_NONE;
	struct timespec begin;
	struct facts facts;
	const char *note = NULL;
	enum answer answer;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	edit_init(e, m->body.len * BODY_GROWTH + BODY_EXTRA);
	answer = facts_gather(g, entry, m, now, &facts, &err);
	if (answer == ANSWER_YES) {
		policy_decide(&facts.policy, &plan);
		if (plan.action == POLICY_REFUSE || plan.action == POLICY_DEFER)
			answer_plan(&plan, e);
		else
			answer = carry_out(g, entry, m, &facts, &plan, now, e, &note, &err);
	}
	if (answer == ANSWER_YES)
		answer = remove_forged(g, entry, m, &facts, e, &err);
	if (answer != ANSWER_YES)
		edit_answer_error(e, &err);
	account_log(&(struct account){.entry = entry, .message = m, .facts = &facts, .plan = &plan, .edit = e, .note = note,
		.err = &err, .milliseconds = milliseconds_since(&begin)});
	facts_free(&facts);
}

static void
tell_opened(const struct inbound *in, struct gateway_opened *opened)
{
	*opened = (struct gateway_opened){
		.result = in->verdict.result,
		.reason = ERROR_NONE,
		.closed = *account_why_closed(in),
		.changed = in->content != INBOUND_UNCHANGED,
	};
	if (in->verdict.reason != NULL)
		error_no(&opened->reason, in->verdict.result, "%s", in->verdict.reason);
}

/* The work for a larger message takes longer, and what it is may make a difference of as
 * much: so that all of it ends within one interval, that grows with the message. */
unsigned
state_answer_interval(const struct config *c, size_t octets)
{
	uint64_t interval = c->answer_interval * (1 + (uint64_t)octets / INTERVAL_OCTETS);

	return interval < INTERVAL_MAX ? (unsigned)interval : INTERVAL_MAX;
}

size_t
state_opened_limit(const struct gateway *g, const struct message *m)
{
	return (m->body.len + g->config->opened_size_limit) * BODY_GROWTH + BODY_EXTRA;
}

/* opened NULL: as the configuration says. Else nothing is refused or held, and it is filled. */
static void
work_inbound(struct gateway *g, const struct gateway_entry *entry, const struct message *m, time_t now,
	struct edit *e, struct gateway_opened *opened)
{
	struct policy_plan plan = {.action = POLICY_PASS};
	struct error err = ERROR_NONE;
	struct inbound in;
	struct timespec begin;
	struct facts facts;
	enum answer answer;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	edit_init(e, state_opened_limit(g, m));
	inbound_init(m, &in);
	answer = facts_gather(g, entry, m, now, &facts, &err);
	if (answer == ANSWER_YES)
		answer = inbound_gather(g, entry, now, &in, &err);
	if (opened != NULL)
		in.action = FAULT_DELIVER;
	if (answer == ANSWER_YES)
		answer = carry_out(g, entry, m, &facts, &plan, now, e, NULL, &err);
	if (answer == ANSWER_YES)
		answer = inbound_carry_out(g, &in, e, &err);
	if (answer != ANSWER_YES)
		edit_answer_error(e, &err);
	if (in.verdict.malleable)
		edit_answer_every(e, &begin, state_answer_interval(g->config, m->body.len));
	account_log(&(struct account){.entry = entry, .message = m, .facts = &facts, .plan = &plan, .edit = e, .err = &err,
		.milliseconds = milliseconds_since(&begin), .inbound = &in});
	if (opened != NULL)
		tell_opened(&in, opened);
	inbound_free(&in);
	facts_free(&facts);
}

void
gateway_message(struct gateway *g, const struct gateway_entry *entry, const struct message *m, time_t now,
	struct edit *e)
{
	if (revocation_is(g, entry, m))
		revocation_message(g, entry, m, now, e);
	else if (inbound_is(g, entry, m))
		work_inbound(g, entry, m, now, e, NULL);
	else
		work_outbound(g, entry, m, now, e);
}

void
gateway_open(struct gateway *g, const struct gateway_entry *entry, const struct message *m, time_t now,
	struct edit *e, struct gateway_opened *opened)
{
	work_inbound(g, entry, m, now, e, opened);
}

static void
plan_outbound(const struct gateway *g, const struct facts *f, time_t now, struct policy_plan *plan, struct error *err)
{
	struct selection selection = {.now = now};

	policy_decide(&f->policy, plan);
	if (plan->action == POLICY_PROTECT)
		prepare(g, f, plan, &selection, err);
	free(selection.certs);
}

void
gateway_explain(struct gateway *g, const struct gateway_entry *entry, const struct message *m, time_t now,
	bool json, struct buf *out)
{
	struct policy_plan plan = {.action = POLICY_PASS};
	bool is_inbound = inbound_is(g, entry, m);
	struct error err = ERROR_NONE;
	struct inbound in;
	struct facts facts;
	struct cert *seal = NULL;
	struct edit e;

	if (revocation_is(g, entry, m)) {
		revocation_explain(g, entry, m, now, json, out);
		return;
	}
	edit_init(&e, state_opened_limit(g, m));
	inbound_init(m, &in);
	if (facts_gather(g, entry, m, now, &facts, &err) == ANSWER_YES) {
		if (!is_inbound)
			plan_outbound(g, &facts, now, &plan, &err);
		/* What can be handed on is only known when it is tried. */
		else if (inbound_gather(g, entry, now, &in, &err) == ANSWER_YES && in.reason.answer != ANSWER_CANT_TELL)
			inbound_carry_out(g, &in, &e, &err);
	}
	if (plan.sign != NULL)
		cert_from_x509(g->identities[place_of(g, plan.sign->signer)]->certificate, &seal, NULL);
	account_explain(&(struct account){.entry = entry, .message = m, .facts = &facts, .plan = &plan, .err = &err,
		.seal = seal, .inbound = is_inbound ? &in : NULL}, json, out);
	cert_unref(seal);
	inbound_free(&in);
	edit_free(&e);
	facts_free(&facts);
}

/* ---- the seals' own certificates ------------------------------------------------ */

struct seals_look {
	struct gateway *gateway;
	bool tell;
};

static void *
look_at_seals(void *arg)
{
	struct seals_look *look = arg;

	seals_check(look->gateway->seals, time(NULL), clock_seconds(), look->tell);
	gateway_unref(look->gateway);
	free(look);
	return NULL;
}

void
gateway_check_seals(struct gateway *g, bool tell)
{
	struct seals_look *look;
	pthread_t thread;

	if (!seals_due(g->seals, clock_seconds()))
		return;
	look = calloc(1, sizeof *look);
	if (look == NULL)
		return;
	*look = (struct seals_look){gateway_ref(g), tell};
	if (pthread_create(&thread, NULL, look_at_seals, look) == 0) {
		pthread_detach(thread);
		return;
	}
	gateway_unref(g);
	free(look);
}

/* ---- expiry --------------------------------------------------------------------- */

static void
warn(const struct config_signer *signer, const struct cert *cert, time_t now)
{
	struct log_line line;
	char end[CERT_DATE_SIZE];

	cert_date(now < cert->not_before ? cert->not_before : cert->not_after, end);
	log_begin(&line, now > cert->not_after ? LOG_ERR : LOG_WARNING, NULL, "seal-certificate");
	log_add(&line, "signer", "%s", signer->name);
	log_add(&line, "subject", "%s", cert->subject);
	log_add(&line, "serial", "%s", cert->serial);
	if (now < cert->not_before)
		log_add(&line, "detail", "not valid before %s: mail to be signed with it gets 451", end);
	else if (now > cert->not_after)
		log_add(&line, "detail", "expired on %s: mail to be signed with it gets 451", end);
	else
		log_add(&line, "detail", "expires on %s, in %lld days", end,
			(long long)((cert->not_after - now) / SECONDS_A_DAY));
	log_end(&line);
}

void
gateway_warn_expiry(const struct gateway *g, time_t now)
{
	time_t horizon = now + (time_t)g->config->expiry_warning * SECONDS_A_DAY;

	for (size_t i = 0; i < g->config->signer_count; i++) {
		struct cert *cert;

		if (cert_from_x509(g->identities[i]->certificate, &cert, NULL) != ANSWER_YES)
			continue;
		if (now < cert->not_before || horizon > cert->not_after)
			warn(&g->config->signers[i], cert, now);
		cert_unref(cert);
	}
}
