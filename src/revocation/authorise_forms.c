#include "revocation/authorise_forms.h"
#include "mail/address.h"

#include <string.h>

/* Who asks, while one form is tried. */
struct asker {
	enum authorise_form form;
	size_t signer; /* AUTHORISE_NONE: it is not signed */
	size_t sender;
};

/* ---- the best answer so far --------------------------------------------------- */

/* Among refusals that which came nearer counts, among other answers of one kind the first. */
static bool
is_better(const struct authorise_try *t, enum authorise_kind kind, enum authorise_reason reason)
{
	if (kind != t->best.kind)
		return kind < t->best.kind;
	return kind == AUTHORISE_REFUSE && reason > t->reason;
}

static void
offer(struct authorise_try *t, enum authorise_kind kind, const struct asker *asker, enum authorise_reason reason)
{
	if (!is_better(t, kind, reason))
		return;
	t->reason = reason;
	t->best.kind = kind;
	t->best.form = asker->form;
	t->best.signer = asker->signer;
	t->best.sender = asker->sender;
}

static void
refuse(struct authorise_try *t, const struct asker *asker, enum authorise_reason reason)
{
	offer(t, AUTHORISE_REFUSE, asker, reason);
}

/* The certificate, unless a better answer is there already. */
static void
grant(struct authorise_try *t, enum authorise_kind kind, const struct asker *asker, enum authorise_reason reason,
	size_t match, size_t issuer)
{
	if (!is_better(t, kind, reason))
		return;
	offer(t, kind, asker, reason);
	t->best.match = match;
	t->best.issuer = issuer;
}

/* ---- what forms have in common ------------------------------------------------ */

/* Anybody can send an old mail again; and what a forged signature says is no reason to act at once. */
static void
grant_signed(struct authorise_try *t, const struct asker *asker, size_t match, size_t issuer)
{
	const struct authorise_signer *s = &t->facts->signers[asker->signer];
	time_t received = t->facts->received;

	if (s->weak)
		grant(t, AUTHORISE_WAIT, asker, REASON_WEAK, match, issuer);
	else if (!s->has_signing_time)
		grant(t, AUTHORISE_WAIT, asker, REASON_NO_TIME, match, issuer);
	else if (s->signing_time > received)
		grant(t, AUTHORISE_WAIT, asker, REASON_FUTURE, match, issuer);
	else if (s->signing_time < received - t->block->request_age)
		grant(t, AUTHORISE_WAIT, asker, REASON_OLD, match, issuer);
	else
		grant(t, AUTHORISE_ACCEPT, asker, REASON_NONE, match, issuer);
}

/* Whether the inventory has answered. */
static bool
has_matches(struct authorise_try *t, const struct asker *asker)
{
	if (t->line->inventory == AUTHORISE_INVENTORY_ASK)
		t->best.ask |= AUTHORISE_ASK_INVENTORY;
	else if (t->line->inventory == AUTHORISE_INVENTORY_AWAY)
		offer(t, AUTHORISE_DEFER, asker, REASON_INVENTORY_AWAY);
	return t->line->inventory == AUTHORISE_INVENTORY_HERE;
}

enum standing { VALID, INVALID, ASKED };

/* Is the signer's certificate valid now, and its status good? What is definite goes before what cannot be
 * told. */
static enum standing
find_standing(struct authorise_try *t, const struct asker *asker)
{
	const struct authorise_signer *s = &t->facts->signers[asker->signer];

	if (!s->may_sign)
		refuse(t, asker, REASON_KEY_USAGE);
	else if (s->trust == AUTHORISE_UNTRUSTED)
		refuse(t, asker, REASON_UNTRUSTED);
	else if (s->status == AUTHORISE_REVOKED)
		refuse(t, asker, REASON_REVOKED);
	else if (s->trust == AUTHORISE_TRUST_UNKNOWN || s->status == AUTHORISE_STATUS_UNKNOWN)
		offer(t, AUTHORISE_DEFER, asker, REASON_STATUS_UNKNOWN);
	else if (s->trust == AUTHORISE_TRUSTED && s->status == AUTHORISE_GOOD)
		return VALID;
	else {
		t->best.ask |= AUTHORISE_ASK_TRUST;
		if (t->best.ask_signer == AUTHORISE_NONE)
			t->best.ask_signer = asker->signer;
		return ASKED;
	}
	return INVALID;
}

/* ---- with the certificate's own key ------------------------------------------- */

/* Neither status nor usage, profile or address are looked at: it is the key itself that asks, and if
 * it was stolen, nothing shall stand in the way. */
static void
try_signed(struct authorise_try *t, size_t signer)
{
	const struct authorise_signer *s = &t->facts->signers[signer];
	const struct asker asker = {AUTHORISE_SIGNED, signer, AUTHORISE_NONE};

	if (s->issuer >= t->block->issuer_count)
		refuse(t, &asker, REASON_OTHER_AUTHORITY);
	else if (!t->one_number)
		refuse(t, &asker, REASON_SEVERAL);
	else if (!holder_serial_equal(&s->serial, &t->line->serial))
		refuse(t, &asker, REASON_OTHER_CERTIFICATE);
	else
		grant_signed(t, &asker, AUTHORISE_NONE, s->issuer);
}

/* ---- with another certificate of the same subject ----------------------------- */

/* Which match has the signer's subject and policy and is another certificate; AUTHORISE_NONE: none. */
static size_t
find_same_subject(const struct authorise_try *t, const struct authorise_signer *s)
{
	for (size_t i = 0; i < t->line->match_count; i++) {
		const struct inventory_entry *e = t->line->matches[i];

		if (e->issuer == s->issuer && holder_serial_equal(&e->serial, &s->serial))
			continue;
		if (holder_same_subject(&e->holder, s->holder) && holder_same_policies(&e->holder, s->holder))
			return i;
	}
	return AUTHORISE_NONE;
}

/* Whoever only has some certificate of the authority is told the same of each serial number. */
static void
try_same_subject(struct authorise_try *t, size_t signer)
{
	const struct authorise_signer *s = &t->facts->signers[signer];
	const struct asker asker = {AUTHORISE_SAME_SUBJECT, signer, AUTHORISE_NONE};
	size_t match;

	if (s->issuer >= t->block->issuer_count) {
		refuse(t, &asker, REASON_OTHER_AUTHORITY);
		return;
	}
	if (!t->one_number) {
		refuse(t, &asker, REASON_SEVERAL);
		return;
	}
	if (s->holder == NULL) {
		refuse(t, &asker, REASON_OTHER_SUBJECT);
		return;
	}
	if (!has_matches(t, &asker))
		return;
	match = find_same_subject(t, s);
	if (match == AUTHORISE_NONE)
		refuse(t, &asker, REASON_OTHER_SUBJECT);
	else if (find_standing(t, &asker) != VALID)
		return;
	else if (t->line->match_count > 1)
		refuse(t, &asker, REASON_AMBIGUOUS);
	else
		grant_signed(t, &asker, match, t->line->matches[match]->issuer);
}

/* ---- by somebody authorised --------------------------------------------------- */

/* All that are known now. */
struct listed {
	const struct authorise_listing *item;
	size_t count;
};

static struct listed
known_listings(const struct authorise_try *t)
{
	if (t->facts->groups == AUTHORISE_GROUPS_HERE)
		return (struct listed){t->facts->listings, t->facts->listing_count};
	return (struct listed){t->block->listings, t->block->listing_count};
}

/* target NULL: for any. Somebody may be listed for several organisations. */
static bool
is_listed(const struct authorise_try *t, const struct authorise_signer *s, const struct holder *target)
{
	const struct listed l = known_listings(t);

	for (size_t i = 0; i < l.count; i++)
		if (memcmp(l.item[i].digest, s->digest, sizeof s->digest) == 0 &&
		    (target == NULL || holder_same_organisation(&l.item[i].organisation, target, l.item[i].by_name)))
			return true;
	return false;
}

/* Whether the number names one certificate. */
static bool
names_one(struct authorise_try *t, const struct asker *asker)
{
	if (t->line->match_count == 0)
		refuse(t, asker, REASON_UNKNOWN_SERIAL);
	else if (t->line->match_count > 1)
		refuse(t, asker, REASON_AMBIGUOUS);
	return t->line->match_count == 1;
}

/* He is not listed by what is known without asking. */
static void
refuse_unlisted(struct authorise_try *t, const struct asker *asker, enum authorise_reason reason)
{
	if (t->facts->groups == AUTHORISE_GROUPS_ASK)
		t->best.ask |= AUTHORISE_ASK_GROUPS;
	else if (t->facts->groups == AUTHORISE_GROUPS_AWAY)
		offer(t, AUTHORISE_DEFER, asker, REASON_GROUPS_AWAY);
	else
		refuse(t, asker, reason);
}

/* Groups are asked for before anybody's standing, as they are nearer; where they are away, who is not in good standing is
 * no reason to wait for them. */
static void
try_authorised(struct authorise_try *t, size_t signer)
{
	const struct authorise_signer *s = &t->facts->signers[signer];
	const struct asker asker = {AUTHORISE_AUTHORISED, signer, AUTHORISE_NONE};
	bool listed = is_listed(t, s, NULL), has_all;
	enum standing standing;

	if (!listed && t->facts->groups != AUTHORISE_GROUPS_AWAY) {
		refuse_unlisted(t, &asker, REASON_NOT_LISTED);
		return;
	}
	standing = find_standing(t, &asker);
	if (standing == INVALID)
		return;
	if (!listed) {
		if (standing == VALID)
			refuse_unlisted(t, &asker, REASON_NOT_LISTED);
		return;
	}
	has_all = has_matches(t, &asker) && standing == VALID;
	if (!has_all || !names_one(t, &asker))
		return;
	if (is_listed(t, s, &t->line->matches[0]->holder))
		grant_signed(t, &asker, 0, t->line->matches[0]->issuer);
	else
		refuse_unlisted(t, &asker, REASON_OTHER_ORGANISATION);
}

static size_t
find_sender(const struct authorise_try *t)
{
	for (size_t i = 0; i < t->block->sender_count; i++)
		if (address_equal_text(t->block->senders[i].address, t->facts->from))
			return i;
	return AUTHORISE_NONE;
}

static bool
is_from_its_domain(const struct authorise_facts *f)
{
	struct address from;

	if (!address_parse(f->from, &from))
		return false;
	for (size_t i = 0; i < f->dkim_count; i++)
		if (address_domain_equal(f->dkim[i], from.domain))
			return true;
	return false;
}

/* The CP's special case. Nothing that is signed is one, however badly. */
static void
try_unsigned(struct authorise_try *t)
{
	const struct asker asker = {AUTHORISE_AUTHORISED, AUTHORISE_NONE, find_sender(t)};
	const struct authorise_sender *sender;

	if (t->facts->is_signed || t->facts->signer_count > 0 || asker.sender == AUTHORISE_NONE)
		return;
	if (!is_from_its_domain(t->facts)) {
		refuse(t, &asker, REASON_NO_DKIM);
		return;
	}
	if (!has_matches(t, &asker) || !names_one(t, &asker))
		return;
	sender = &t->block->senders[asker.sender];
	if (holder_same_organisation(&sender->organisation, &t->line->matches[0]->holder, sender->by_name))
		grant(t, AUTHORISE_ACCEPT, &asker, REASON_NONE, 0, t->line->matches[0]->issuer);
	else
		refuse(t, &asker, REASON_OTHER_ORGANISATION);
}

/* ---- with the password -------------------------------------------------------- */

static void
take_password(struct authorise_try *t, const struct asker *asker)
{
	size_t match = AUTHORISE_NONE, count = 0;

	for (size_t i = 0; i < t->line->match_count; i++)
		if (t->line->password_matches[i]) {
			match = i;
			count++;
		}
	if (count == 1)
		grant(t, AUTHORISE_ACCEPT, asker, REASON_NONE, match, t->line->matches[match]->issuer);
	else
		refuse(t, asker, count == 0 ? REASON_PASSWORD : REASON_AMBIGUOUS);
}

/* A number that nobody knows is checked like any other. */
static void
try_password(struct authorise_try *t)
{
	const struct asker asker = {AUTHORISE_PASSWORD, AUTHORISE_NONE, AUTHORISE_NONE};

	if (t->line->password.len == 0)
		return;
	if (!t->one_number || !t->one_password)
		refuse(t, &asker, REASON_SEVERAL);
	else if (!has_matches(t, &asker))
		return;
	else if (t->line->check == AUTHORISE_PASSWORD_ASK)
		t->best.ask |= AUTHORISE_ASK_PASSWORD;
	else if (t->line->check == AUTHORISE_PASSWORD_LATER)
		offer(t, AUTHORISE_DEFER, &asker, REASON_PASSWORD_LATER);
	else
		take_password(t, &asker);
}

/* ---- all of them -------------------------------------------------------------- */

void
authorise_try_begin(struct authorise_try *t)
{
	t->best = (struct authorise_decision){.kind = AUTHORISE_REFUSE, .signer = AUTHORISE_NONE,
		.sender = AUTHORISE_NONE, .match = AUTHORISE_NONE, .issuer = AUTHORISE_NONE, .same_as = AUTHORISE_NONE,
		.ask_signer = AUTHORISE_NONE};
	t->reason = t->line->password.len == 0 && !t->facts->is_signed ? REASON_UNSIGNED : REASON_FORM_CLOSED;
}

static void
try_signer(struct authorise_try *t, size_t i)
{
	const struct authorise_signer *s = &t->facts->signers[i];
	const struct asker asker = {AUTHORISE_SIGNED, i, AUTHORISE_NONE};

	if (!s->covers) {
		refuse(t, &asker, REASON_NOT_COVERED);
		return;
	}
	if (!s->intact) {
		refuse(t, &asker, REASON_BAD_SIGNATURE);
		return;
	}
	if (t->block->forms & AUTHORISE_SIGNED)
		try_signed(t, i);
	/* It can only come to the same in another form: nobody is to be asked for that. */
	if (t->best.kind <= AUTHORISE_WAIT && t->best.signer == i)
		return;
	if (t->block->forms & AUTHORISE_SAME_SUBJECT)
		try_same_subject(t, i);
	if (t->block->forms & AUTHORISE_AUTHORISED)
		try_authorised(t, i);
}

void
authorise_try_forms(struct authorise_try *t)
{
	const struct asker nobody = {AUTHORISE_SIGNED, AUTHORISE_NONE, AUTHORISE_NONE};
	const unsigned by_signature = AUTHORISE_SIGNED | AUTHORISE_SAME_SUBJECT | AUTHORISE_AUTHORISED;

	if ((t->block->forms & by_signature) && t->facts->is_signed && t->facts->signer_count == 0)
		refuse(t, &nobody, REASON_BAD_SIGNATURE);
	for (size_t i = 0; (t->block->forms & by_signature) && i < t->facts->signer_count; i++)
		try_signer(t, i);
	if (t->block->forms & AUTHORISE_AUTHORISED)
		try_unsigned(t);
	if (t->block->forms & AUTHORISE_PASSWORD)
		try_password(t);
}
