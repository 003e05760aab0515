#include "gateway/revocation.h"

#include "base/deadline.h"
#include "base/timestamp.h"
#include "gateway/account.h"
#include "gateway/claim.h"
#include "gateway/policy.h"
#include "gateway/state.h"
#include "gateway/taking.h"
#include "revocation/letters.h"
#include "revocation/masked.h"

#include <openssl/rand.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_PATIENCE 5000 /* ms for counting a guess */
#define LETTERS_MAX 200     /* of a phrase as it is shown */

/* ---- where it goes ------------------------------------------------------------------ */

static const struct authority *
authority_of(const struct gateway *g, const struct gateway_entry *entry, const struct message *m)
{
	const struct authority *authority = NULL;

	if (entry->role != ROLE_WORK)
		return NULL;
	for (size_t i = 0; i < m->recipient_count && authority == NULL; i++)
		authority = authorities_at(g->authorities, slice_str(m->recipients[i]));
	return authority;
}

bool
revocation_takes(const struct gateway *g, const struct gateway_entry *entry, struct slice recipient)
{
	return entry->role == ROLE_WORK && authorities_at(g->authorities, recipient) != NULL;
}

bool
revocation_is(const struct gateway *g, const struct gateway_entry *entry, const struct message *m)
{
	return authority_of(g, entry, m) != NULL;
}

/* Where its mail goes on to; NULL: where it was sent. */
static const char *
operator_of(const struct authority *authority)
{
	const struct config_revocation *c = authority->config;

	return c->operator_address == NULL || address_equal_text(slice_str(c->operator_address), slice_str(c->address)) ? NULL :
		c->operator_address;
}

bool
revocation_recipient(const struct gateway *g, const struct gateway_entry *entry, const struct message *m,
	struct slice recipient, struct edit_reply *reply)
{
	const struct authority *authority = authorities_at(g->authorities, recipient), *before = authority_of(g, entry, m);

	*reply = (struct edit_reply){.text = ""};
	if (entry->role != ROLE_WORK || (authority == NULL && before == NULL))
		return true;
	if (m->recipient_count > 0 && authority != before) {
		*reply = (struct edit_reply){"452", "4.5.3",
			"requests for revocation go to one address alone: send to the other recipients apart"};
		return false;
	}
	if (operator_of(authority) == NULL || entry->redirects)
		return true;
	*reply = (struct edit_reply){"451", "4.3.5", "requests for revocation cannot be taken now, try again later"};
	log_event(LOG_ERR, "mta-too-old", "the MTA cannot exchange recipients, which handing requests to an operator needs");
	return false;
}

/* ---- one mail ------------------------------------------------------------------------ */

struct matter {
	struct gateway *gateway;
	const struct gateway_entry *entry;
	const struct message *message;
	const struct authority *authority;
	struct intake *intake;      /* NULL: nothing can be taken now */
	time_t now;
	struct timespec deadline;   /* for all that is asked */
	struct taking_mail mail;
	struct claim_desk desk;
	struct claim claim;
	bool guessing;              /* too many passwords were tried */
	struct taken taken;
	const char *result;         /* in the log */
	struct error trouble;       /* what could not be done with a claim that is good */
};

static struct guess
guess_of(const struct matter *x, const struct holder_serial *serial)
{
	return (struct guess){.authority = x->authority->config->name, .serial = slice_of(serial->octets, serial->len),
		.client = x->mail.client, .now = x->now};
}

static void
log_guess(const struct matter *x, int priority, const char *event, const struct holder_serial *serial,
	const struct error *err)
{
	struct log_line line;
	char number[2 * HOLDER_SERIAL_MAX + 1] = "";

	for (size_t i = 0; i < serial->len; i++)
		snprintf(number + 2 * i, 3, "%02X", serial->octets[i]);
	log_begin(&line, priority, x->message->queue_id, event);
	log_add(&line, "authority", "%s", x->authority->config->name);
	log_add(&line, "number", "%s", number);
	log_add(&line, "client", "%s", x->mail.client);
	log_add_error(&line, err);
	log_end(&line);
}

static enum answer
may_guess(void *arg, const struct authority *authority, const struct holder_serial *serial, struct error *err)
{
	struct matter *x = arg;
	const struct config *c = x->gateway->config;
	struct guesses_limits limits = {c->guesses_per_certificate, c->guesses_per_client, c->guesses_in_all,
		c->guess_delay_limit};
	struct timespec deadline = deadline_in(COUNT_PATIENCE);
	struct guess guess = guess_of(x, serial);
	struct error why = ERROR_NONE;
	struct guesses_wait wait;
	struct guesses *guesses;
	enum answer answer;

	(void)authority;
	answer = intake_guesses(x->intake, &guesses, &why);
	if (answer == ANSWER_YES)
		answer = guesses_begin(guesses, &guess, &limits, &deadline, &wait, &why);
	if (answer == ANSWER_YES)
		return answer;
	if (strcmp(why.code, "guesses") == 0) {
		x->guessing = true;
		log_guess(x, LOG_ALERT, "guessing", serial, &why);
	}
	*err = why;
	return ANSWER_CANT_TELL;
}

/* Where it cannot be taken back now it stays counted: the holder may wait somewhat longer the next time. */
static void
guessed_right(void *arg, const struct authority *authority, const struct holder_serial *serial)
{
	struct matter *x = arg;
	struct timespec deadline = deadline_in(COUNT_PATIENCE);
	struct guess guess = guess_of(x, serial);
	struct error why = ERROR_NONE;
	struct guesses *guesses;

	(void)authority;
	if (intake_guesses(x->intake, &guesses, &why) != ANSWER_YES ||
	    guesses_right(guesses, &guess, &deadline, &why) != ANSWER_YES)
		log_guess(x, LOG_WARNING, "guess-stays-counted", serial, &why);
}

/* What is not there, claim says where it is needed. */
static void
set_desk(struct matter *x, bool counts)
{
	const struct config *c = x->gateway->config;
	struct journal *journal = NULL;
	const struct proof_key *proof = NULL;

	if (x->intake != NULL) {
		intake_journal(x->intake, &journal, NULL);
		intake_proof(x->intake, &proof, NULL);
	}
	x->deadline = deadline_in((c->rcpt_deadline + c->status_timeout) * 1000L);
	x->desk = (struct claim_desk){.gateway = x->gateway, .journal = journal, .proof = proof, .arg = x,
		.deadline = &x->deadline};
	if (counts) {
		x->desk.may_guess = may_guess;
		x->desk.guessed_right = guessed_right;
	}
}

static void
judge(struct matter *x, bool counts)
{
	struct error closed = ERROR_NONE;

	taking_mail_of(x->message, &x->mail);
	set_desk(x, counts);
	/* As with all inbound mail: who is inside could mail a message that he has caught. */
	if (policy_is_inside(x->gateway->config, &x->message->client))
		error_no(&closed, "inside", "its client is one of our own, whose mail is never opened");
	claim_mail(&x->desk, x->authority, x->entry, x->message, &closed, x->now, &x->claim);
}

/* ---- what its writer is told ----------------------------------------------------------- */

/* Without accents, as SMTP's replies are in ASCII, and I.CA prints its own so (CP 4.9.3). */
static bool
without_accents(const char *phrase, char out[LETTERS_MAX + 1])
{
	struct letters letters;
	size_t len = 0;

	if (letters_of(slice_str(phrase), &letters, NULL) != ANSWER_YES) {
		letters_free(&letters);
		return false;
	}
	for (size_t i = 0; i < letters.count && len < LETTERS_MAX; i++)
		if (letters.at[i].kind != LETTER_MARK)
			out[len++] = letters.at[i].character < 0x80 ? (char)letters.at[i].character : '?';
	out[len] = '\0';
	letters_free(&letters);
	return true;
}

static void
show_form(struct edit *e, const struct phrase *phrase, bool password)
{
	char number[LETTERS_MAX + 1], secret[LETTERS_MAX + 1];

	if (!without_accents(phrase->number, number) || !without_accents(phrase->password, secret))
		return;
	if (password)
		edit_answer_line(e, "%s: %s 0x1A2B (with a password, in the next line: %s abcd1234)", phrase->language, number,
			secret);
	else
		edit_answer_line(e, "%s: %s 0x1A2B", phrase->language, number);
}

/* claim says the same of all that is wrong in an envelope that can be altered unnoticed. */
static void
refuse(const struct matter *x, struct edit *e)
{
	const struct claim *claim = &x->claim;
	const struct phrase *phrase;

	edit_answer(e, "550", claim->unreadable ? "5.6.0" : "5.7.1", "%s", claim->reason.words);
	edit_answer_line(e, "A request is written as text, in a line of its own, with the certificate's number:");
	for (size_t i = 0; (phrase = phrases_shipped(i)) != NULL; i++)
		show_form(e, phrase, x->authority->config->form_password);
}

/* Strangers need not know what is asked, and where. */
static void
defer(const struct matter *x, struct edit *e)
{
	const struct config_revocation *c = x->authority->config;

	if (!x->guessing) {
		edit_answer(e, "451", "4.7.1", "it cannot be told now whether the certificate may be revoked, try again later");
		return;
	}
	edit_answer(e, "451", "4.7.1", "passwords cannot be checked now, as too many were tried: this request is tried again later");
	edit_answer_line(e, "At once, and without a password: a request that is signed with the certificate's own key.");
	if (c->contact != NULL)
		edit_answer_line(e, "For other ways turn to %s.", c->contact);
	else
		edit_answer_line(e, "The authority names other ways in its certification policy.");
}

/* ---- where it goes on ------------------------------------------------------------------ */

static bool
any_field(const void *arg, const struct header_field *field)
{
	(void)arg;
	(void)field;
	return true;
}

static enum answer
put_copy(const struct message *m, struct slice copy, struct edit *e, struct error *err)
{
	struct message *masked = message_new(copy.len);
	enum answer answer = masked == NULL ? error_cant_tell(err, "memory", "out of memory") :
		message_read(copy, masked, err);
	bool ok = answer == ANSWER_YES && edit_remove_fields(e, m, any_field, NULL);

	for (size_t i = 0; ok && i < masked->field_count; i++) {
		char *value = slice_dup(masked->fields[i].value);

		ok = value != NULL && edit_add_field(e, masked->fields[i].name, slice_str(value));
		free(value);
	}
	if (ok)
		buf_add_slice(&e->body, buf_slice(&masked->body));
	e->replaces_body = true;
	if (answer == ANSWER_YES && (!ok || buf_failed(&e->body)))
		answer = error_cant_tell(err, "memory", "out of memory");
	message_free(masked);
	return answer;
}

/* Nobody but the worker is to have the password, the operator neither. */
static enum answer
mask(const struct matter *x, const struct slice *passwords, size_t count, struct edit *e, struct error *err)
{
	const struct claim *claim = &x->claim;
	unsigned char random[16];
	enum answer answer;
	struct buf copy;

	if (RAND_bytes(random, sizeof random) != 1)
		return error_cant_tell(err, "random", "no random numbers to be had");
	buf_init_secret(&copy, e->body.limit);
	answer = masked_message(x->message, claim->text, passwords, count, random, &copy, err);
	if (answer == ANSWER_YES)
		answer = put_copy(x->message, buf_slice(&copy), e, err);
	buf_wipe(&copy);
	/* What came encrypted is not to go back in clear in a bounce. */
	edit_return_headers(e);
	return answer;
}

static enum answer
hand_on(const struct matter *x, struct edit *e, struct error *err)
{
	const char *operator = operator_of(x->authority);
	struct slice passwords[MASKED_PASSWORDS_MAX];
	const struct request *r = x->claim.request;
	size_t count = 0;

	if (operator != NULL && !edit_redirect(e, operator))
		return error_cant_tell(err, "memory", "out of memory");
	for (size_t i = 0; r != NULL && i < r->line_count; i++) {
		if (r->lines[i].password[0] == '\0')
			continue;
		if (count == MASKED_PASSWORDS_MAX)
			return error_no(err, "request", "there are more than %d passwords in it", MASKED_PASSWORDS_MAX);
		passwords[count++] = slice_str(r->lines[i].password);
	}
	return count == 0 ? ANSWER_YES : mask(x, passwords, count, e, err);
}

/* ---- at the end of the message ----------------------------------------------------------- */

/* First what goes on, as nothing is to be taken that then is refused. */
static void
take(struct matter *x, struct edit *e)
{
	enum answer answer = hand_on(x, e, &x->trouble);

	if (answer == ANSWER_YES)
		answer = taking_put(x->intake, &x->desk, &x->mail, &x->claim, x->now, &x->taken, &x->trouble);
	if (answer == ANSWER_CANT_TELL) {
		x->result = "deferred";
		edit_answer(e, "451", "4.3.0", "the request cannot be recorded now, try again later");
	} else if (answer == ANSWER_NO) {
		x->result = "refused";
		edit_answer(e, "550", "5.6.0", "%s", x->trouble.words);
	} else if (x->taken.refused) {
		char received[TIMESTAMP_LEN + 1];

		x->result = "refused";
		timestamp_write(x->taken.received, received);
		error_no(&x->trouble, "repeat", "this request was received before, on %s, and was refused", received);
		edit_answer(e, "550", "5.7.1", "%s", x->trouble.words);
	} else {
		x->result = x->taken.repeat ? "repeat" : "received";
	}
}

static void
answer_claim(struct matter *x, struct edit *e)
{
	switch (x->claim.answer) {
	case ANSWER_YES:
		take(x, e);
		break;
	case ANSWER_NO:
		x->result = "refused";
		refuse(x, e);
		break;
	case ANSWER_CANT_TELL:
		x->result = "deferred";
		defer(x, e);
		break;
	}
}

static void
tell(const struct matter *x, const struct timespec *begun, const struct edit *e)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	account_log_revocation(&(struct account_revocation){.entry = x->entry, .message = x->message,
		.authority = x->authority->config->name, .client = x->mail.client, .claim = &x->claim, .edit = e,
		.result = x->result, .err = x->trouble.answer == ANSWER_YES ? &x->claim.logged : &x->trouble,
		.milliseconds = (double)(end.tv_sec - begun->tv_sec) * 1e3 + (double)(end.tv_nsec - begun->tv_nsec) / 1e6});
}

void
revocation_message(struct gateway *g, const struct gateway_entry *entry, const struct message *m, time_t now,
	struct edit *e)
{
	struct matter x = {.gateway = g, .entry = entry, .message = m, .authority = authority_of(g, entry, m),
		.intake = g->intake, .now = now, .trouble = ERROR_NONE};
	struct timespec begun;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	edit_init(e, state_opened_limit(g, m));
	if (x.intake == NULL) {
		edit_answer(e, "451", "4.3.2", "requests for revocation are not taken here");
		return;
	}
	judge(&x, true);
	answer_claim(&x, e);
	if (x.claim.malleable)
		edit_answer_every(e, &begun, state_answer_interval(g->config, m->body.len));
	tell(&x, &begun, e);
	claim_free(&x.claim);
}

/* ---- for sealctl ------------------------------------------------------------------------- */

void
revocation_explain(struct gateway *g, const struct gateway_entry *entry, const struct message *m, time_t now, bool json,
	struct buf *out)
{
	struct matter x = {.gateway = g, .entry = entry, .message = m, .authority = authority_of(g, entry, m), .now = now,
		.trouble = ERROR_NONE};

	/* To read only: who looks counts no guess. */
	x.intake = g->intake == NULL ? intake_new(g->config) : g->intake;
	judge(&x, false);
	account_explain_revocation(&(struct account_revocation){.entry = entry, .message = m,
		.authority = x.authority->config->name, .client = x.mail.client, .claim = &x.claim, .err = &x.claim.logged,
		.operator = operator_of(x.authority), .quiet = x.mail.quiet}, json, out);
	claim_free(&x.claim);
	if (x.intake != g->intake)
		intake_free(x.intake);
}
