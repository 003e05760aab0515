#include "gateway/claim_case.h"

#include "base/deadline.h"

#include <string.h>

/* ---- the inventory ---------------------------------------------------------------- */

struct lookup
claim_lookup(const struct claim_case *c)
{
	return (struct lookup){.authority = c->authority,
		.password_cost_limit = c->desk->gateway->config->password_cost_limit,
		.directories = c->desk->gateway->directories, .journal = c->desk->journal, .deadline = c->desk->deadline};
}

static void
ask_inventory(struct claim_case *c, size_t line)
{
	const struct lookup lookup = claim_lookup(c);
	struct claim_asked *asked = &c->asked[line];
	struct authorise_line *l = &c->lines[line];
	struct error err = ERROR_NONE;

	if (l->inventory != AUTHORISE_INVENTORY_ASK)
		return;
	if (lookup_serial(&lookup, &l->serial, &asked->inventory, &err) == ANSWER_YES) {
		l->inventory = AUTHORISE_INVENTORY_HERE;
		l->match_count = inventory_find(asked->inventory, &l->serial, asked->matches);
		l->matches = asked->matches;
		l->password_matches = asked->right;
	} else {
		l->inventory = AUTHORISE_INVENTORY_AWAY;
		c->doubt = err;
	}
}

static void
ask_groups(struct claim_case *c)
{
	const struct lookup lookup = claim_lookup(c);
	struct error err = ERROR_NONE;

	if (c->facts.groups != AUTHORISE_GROUPS_ASK)
		return;
	if (lookup_listings(&lookup, &c->listings, &c->facts.listing_count, &err) == ANSWER_YES) {
		c->facts.listings = c->listings;
		c->facts.groups = AUTHORISE_GROUPS_HERE;
	} else {
		c->facts.groups = AUTHORISE_GROUPS_AWAY;
		c->doubt = err;
	}
}

/* ---- passwords -------------------------------------------------------------------- */

/* Each number costs the same, whether or not anything is known of it. */
static enum answer
check_password(struct claim_case *c, size_t line, struct error *err)
{
	const struct authorise_line *l = &c->lines[line];
	struct password_hash hashes[INVENTORY_ISSUERS_MAX];
	bool right[INVENTORY_ISSUERS_MAX];
	size_t count = 0, at = 0;
	enum answer answer;

	for (size_t i = 0; i < l->match_count; i++)
		if (l->matches[i]->has_password)
			hashes[count++] = l->matches[i]->password;
	answer = password_check(c->desk->gateway->passwords, l->password, hashes, count, c->desk->deadline, right, err);
	if (answer != ANSWER_YES)
		return answer;
	for (size_t i = 0; i < l->match_count; i++)
		c->asked[line].right[i] = l->matches[i]->has_password && right[at++];
	return ANSWER_YES;
}

static bool
is_right(const struct claim_case *c, size_t line)
{
	for (size_t i = 0; i < c->lines[line].match_count; i++)
		if (c->asked[line].right[i])
			return true;
	return false;
}

static void
ask_password(struct claim_case *c, size_t line)
{
	const struct claim_desk *desk = c->desk;
	struct authorise_line *l = &c->lines[line];
	struct error err = ERROR_NONE;
	enum answer answer = ANSWER_YES;

	if (l->inventory != AUTHORISE_INVENTORY_HERE || l->check != AUTHORISE_PASSWORD_ASK)
		return;
	if (desk->may_guess != NULL)
		answer = desk->may_guess(desk->arg, c->authority, &l->serial, &err);
	if (answer == ANSWER_YES)
		answer = check_password(c, line, &err);
	if (answer == ANSWER_CANT_TELL) {
		l->check = AUTHORISE_PASSWORD_LATER;
		c->doubt = err;
		return;
	}
	l->check = AUTHORISE_PASSWORD_CHECKED;
	if (is_right(c, line) && desk->guessed_right != NULL)
		desk->guessed_right(desk->arg, c->authority, &l->serial);
}

/* ---- standing --------------------------------------------------------------------- */

/* What one set says, the more the sooner it is listened to. */
enum weight { WEIGHT_NO, WEIGHT_UNKNOWN, WEIGHT_REVOKED, WEIGHT_GOOD };

static enum weight
weigh(const struct trust_judgement *told)
{
	if (told->answer == ANSWER_YES)
		return told->finding.status.state == STATUS_GOOD ? WEIGHT_GOOD : WEIGHT_UNKNOWN;
	if (told->answer == ANSWER_CANT_TELL)
		return WEIGHT_UNKNOWN;
	return strcmp(told->reason.code, "revoked") == 0 ? WEIGHT_REVOKED : WEIGHT_NO;
}

static void
take_weight(enum weight weight, struct authorise_signer *s)
{
	s->trust = weight == WEIGHT_NO ? AUTHORISE_UNTRUSTED : AUTHORISE_TRUSTED;
	s->status = weight == WEIGHT_GOOD ? AUTHORISE_GOOD : weight == WEIGHT_REVOKED ? AUTHORISE_REVOKED :
		AUTHORISE_STATUS_UNKNOWN;
}

/* The first set that trusts it speaks, but a revocation is one, whoever else might not know it. */
static void
ask_trust(struct claim_case *c, size_t signer)
{
	const struct gateway *g = c->desk->gateway;
	const struct config_strings *sets = &c->authority->config->trust;
	const struct claim_person *person = &c->persons[signer];
	const struct timespec deadline = deadline_earlier(*c->desk->deadline, deadline_in(g->config->status_timeout * 1000L));
	const struct trust_question question = {
		.cert = person->cert, .extra = person->layer->verified.certificates, .at = c->now, .fetch = true,
		.deadline = &deadline, .left = &c->fetches_left,
	};
	enum weight heaviest = WEIGHT_NO;

	for (size_t i = 0; i < sets->count && heaviest < WEIGHT_REVOKED; i++) {
		const struct trust *set = trusts_find(g->trusts, sets->item[i]);
		struct trust_judgement told;

		if (set == NULL)
			continue;
		trust_judge(set, &question, &told);
		if (weigh(&told) > heaviest)
			heaviest = weigh(&told);
		if (weigh(&told) != WEIGHT_GOOD)
			c->doubt = told.reason;
		trust_judgement_free(&told);
	}
	take_weight(heaviest, &c->signers[signer]);
}

/* ---- all of it -------------------------------------------------------------------- */

static void
answer_questions(struct claim_case *c, const struct authorise_decision *d)
{
	if (d->ask & AUTHORISE_ASK_GROUPS)
		ask_groups(c);
	if (d->ask & AUTHORISE_ASK_INVENTORY)
		ask_inventory(c, d->line);
	if (d->ask & AUTHORISE_ASK_PASSWORD)
		ask_password(c, d->line);
	if (d->ask & AUTHORISE_ASK_TRUST)
		ask_trust(c, d->ask_signer);
}

/* Each round answers at least one question, and none is asked twice. */
enum authorise_whole
claim_decide(struct claim_case *c)
{
	const struct authorise_facts *f = &c->facts;

	for (;;) {
		enum authorise_whole whole = authorise(&c->authority->block, f, c->decisions);

		if (c->only == AUTHORISE_NONE ? whole != AUTHORISE_WHOLE_ASK : c->decisions[c->only].ask == 0)
			return whole;
		for (size_t i = 0; i < f->line_count; i++)
			if (c->decisions[i].ask != 0 && c->decisions[i].same_as == AUTHORISE_NONE &&
			    (c->only == AUTHORISE_NONE || c->only == i))
				answer_questions(c, &c->decisions[i]);
	}
}
