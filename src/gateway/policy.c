#include "gateway/policy.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- where does the message come from? ------------------------------------ */

const char *
policy_origin_name(enum policy_origin origin)
{
	static const char *const names[] = {
		[POLICY_OUTSIDE] = "outside", [POLICY_INTERNAL] = "internal",
		[POLICY_AUTHENTICATED] = "authenticated", [POLICY_LOCAL] = "local",
	};

	return names[origin];
}

static bool
strings_contain(const struct config_strings *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->item[i], text) == 0)
			return true;
	return false;
}

static bool
is_loopback(const struct in6_addr *a)
{
	return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

/* A content filter that re-injects comes from loopback too, but over TCP: it has
 * a client port, which what was handed to the MTA's own programs has not. */
static bool
is_local(const struct client *client)
{
	if (client->port != 0 || client->name == NULL || strcasecmp(client->name, "localhost") != 0)
		return false;
	return !client->has_address || is_loopback(&client->address);
}

static enum policy_origin
client_origin(const struct config *config, const struct client *client)
{
	if (client->login != NULL && client->login[0] != '\0')
		return POLICY_AUTHENTICATED;
	if (is_local(client))
		return POLICY_LOCAL;
	if (client->has_address && config_network_contains(&config->internal_networks, &client->address))
		return POLICY_INTERNAL;
	return POLICY_OUTSIDE;
}

enum policy_origin
policy_origin(const struct config *config, const struct client *client, enum config_direction listener)
{
	if (listener == DIRECTION_INBOUND)
		return POLICY_OUTSIDE;
	if (config->originating_daemons.count > 0 &&
	    (client->daemon_name == NULL || !strings_contain(&config->originating_daemons, client->daemon_name)))
		return POLICY_OUTSIDE;
	return client_origin(config, client);
}

bool
policy_is_inside(const struct config *config, const struct client *client)
{
	return client_origin(config, client) != POLICY_OUTSIDE;
}

/* ---- which rules speak for one recipient? --------------------------------- */

static bool
list_has_address(const struct config_strings *list, struct slice address)
{
	for (size_t i = 0; i < list->count; i++)
		if (address_equal_text(slice_str(list->item[i]), address))
			return true;
	return false;
}

static bool
list_has_domain(const struct config_strings *list, struct slice domain)
{
	for (size_t i = 0; i < list->count; i++)
		if (address_domain_matches(domain, slice_str(list->item[i])))
			return true;
	return false;
}

static bool
is_one_of(unsigned char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* A recipient as the MTA may take it, which does more with an address that is none
 * than to refuse it: without source route (RFC 5321 appendix C), and without what
 * stands behind the domain. */
static struct slice
without_frills(struct slice text)
{
	size_t route = slice_find(text, ':', 0);

	if (text.len > 0 && text.data[0] == '@' && route < text.len)
		text = slice_sub(text, route + 1, text.len);
	while (text.len > 0 && is_one_of(text.data[text.len - 1], ".@>] \t\r\n"))
		text.len--;
	return text;
}

static size_t
find_last(struct slice s, unsigned char c)
{
	size_t at = s.len;

	while (at > 0 && s.data[at - 1] != c)
		at--;
	return at; /* behind it; 0: there is none */
}

/* Where mail to this recipient would go: behind the "@", whatever is before it;
 * without one, behind the "%" or before the "!" that some MTAs make an "@" of. */
static struct slice
recipient_domain(struct slice text)
{
	struct address a;
	size_t at;

	if (address_parse(text, &a) && a.domain.data[0] != '[')
		return a.domain;
	text = without_frills(text);
	at = find_last(text, '@');
	if (at == 0 && slice_find(text, '!', 0) < text.len)
		return slice_sub(text, 0, slice_find(text, '!', 0));
	if (at == 0)
		at = find_last(text, '%');
	if (at == 0)
		return SLICE_NONE;
	while (at < text.len && is_one_of(text.data[at], "[< "))
		at++;
	return slice_sub(text, at, text.len);
}

bool
policy_senders_matter(const struct config *config)
{
	for (size_t i = 0; i < config->rule_count; i++) {
		const struct config_rule *rule = &config->rules[i];

		if (rule->says_encrypt && rule->encrypt == ENCRYPT_REQUIRED &&
		    (rule->senders.count > 0 || rule->sender_domains.count > 0))
			return true;
	}
	return false;
}

/* Is the address named by the rule's sender or sender-domain? */
static bool
has_sender(const struct config_rule *rule, struct slice address)
{
	struct address a;

	if (rule->senders.count > 0 && !list_has_address(&rule->senders, address))
		return false;
	if (rule->sender_domains.count > 0 &&
	    (!address_parse(address, &a) || !list_has_domain(&rule->sender_domains, a.domain)))
		return false;
	return true;
}

static bool
matches(const struct config_rule *rule, struct slice sender, struct slice recipient)
{
	if (rule->recipients.count > 0 && !list_has_address(&rule->recipients, recipient) &&
	    !list_has_address(&rule->recipients, without_frills(recipient)))
		return false;
	if (rule->recipient_domains.count > 0 &&
	    !list_has_domain(&rule->recipient_domains, recipient_domain(recipient)))
		return false;
	return has_sender(rule, sender);
}

/* The precedence: the most specific condition that a rule has. */
static int
rank(const struct config_rule *rule)
{
	if (rule->recipients.count > 0)
		return 4;
	if (rule->recipient_domains.count > 0)
		return 3;
	if (rule->senders.count > 0)
		return 2;
	return rule->sender_domains.count > 0 ? 1 : 0;
}

enum subject { SUBJECT_SIGN, SUBJECT_ENCRYPT };

static bool
says(const struct config_rule *rule, enum subject subject)
{
	return subject == SUBJECT_SIGN ? rule->says_sign : rule->says_encrypt;
}

/* The best rule without a trigger, or of those that are triggered. */
static const struct config_rule *
best_rule(const struct config *config, enum subject subject, const bool *triggered, struct slice sender,
	struct slice recipient)
{
	const struct config_rule *best = NULL;

	for (size_t i = 0; i < config->rule_count; i++) {
		const struct config_rule *rule = &config->rules[i];
		bool wanted = triggered == NULL ? rule->trigger_name == NULL : triggered[i];

		if (wanted && says(rule, subject) && (best == NULL || rank(rule) > rank(best)) &&
		    matches(rule, sender, recipient))
			best = rule;
	}
	return best;
}

static enum config_encrypt
level_of(const struct config_rule *rule)
{
	return rule == NULL ? ENCRYPT_NEVER : rule->encrypt;
}

/* Header and envelope may name different senders; what either's rule wants
 * encrypted is encrypted, so that the later look at the header is never looser
 * than the earlier one at the envelope. */
static const struct config_rule *
best_encrypt_rule(const struct config *config, const bool *triggered, const struct policy_question *q)
{
	const struct config_rule *by_sender =
		best_rule(config, SUBJECT_ENCRYPT, triggered, q->sender, q->recipient);
	const struct config_rule *by_from;

	if (q->from.len == 0)
		return by_sender;
	by_from = best_rule(config, SUBJECT_ENCRYPT, triggered, q->from, q->recipient);
	return by_from == NULL || level_of(by_sender) > level_of(by_from) ? by_sender : by_from;
}

static enum config_cipher
stronger_cipher(enum config_cipher a, enum config_cipher b)
{
	return a > b ? a : b; /* the enum is in that order */
}

static enum config_rsa_transport
stronger_transport(enum config_rsa_transport a, enum config_rsa_transport b)
{
	return a > b ? a : b;
}

static void
wish_encrypt(struct policy_wish *wish, const struct config_rule *rule)
{
	wish->encrypt = rule;
	wish->level = level_of(rule);
	if (rule != NULL) {
		wish->cipher = stronger_cipher(wish->cipher, rule->cipher);
		wish->rsa_transport = stronger_transport(wish->rsa_transport, rule->rsa_transport);
	}
}

static const struct config_rule *
signing_rule(const struct config_rule *rule)
{
	return rule != NULL && rule->signer != NULL ? rule : NULL;
}

void
policy_wish(const struct config *config, const struct policy_question *q, struct policy_wish *wish)
{
	struct slice sender = q->from.len > 0 ? q->from : q->sender;
	const struct config_rule *rule;

	*wish = (struct policy_wish){0};
	wish->sign = signing_rule(best_rule(config, SUBJECT_SIGN, NULL, sender, q->recipient));
	wish_encrypt(wish, best_encrypt_rule(config, NULL, q));
	if (q->triggered == NULL)
		return;
	rule = signing_rule(best_rule(config, SUBJECT_SIGN, q->triggered, sender, q->recipient));
	if (wish->sign == NULL && rule != NULL)
		wish->sign = wish->trigger = rule;
	rule = best_encrypt_rule(config, q->triggered, q);
	if (level_of(rule) > wish->level) {
		wish->beneath = wish->level == ENCRYPT_NEVER ? NULL : wish->encrypt;
		wish_encrypt(wish, rule);
		wish->trigger = rule;
	}
}

bool
policy_trigger_ignored(const struct config *config, const struct policy_question *q)
{
	struct policy_question plain = *q;
	struct policy_wish wish;

	plain.triggered = NULL;
	policy_wish(config, &plain, &wish);
	for (size_t i = 0; i < config->rule_count; i++) {
		const struct config_rule *rule = &config->rules[i];
		struct slice sender = q->from.len > 0 ? q->from : q->sender;

		if (!q->triggered[i] || !matches(rule, sender, q->recipient))
			continue;
		if (rule->says_encrypt && rule->encrypt < wish.level)
			return true;
		if (rule->says_sign && rule->signer == NULL && wish.sign != NULL)
			return true;
	}
	return false;
}

void
policy_triggers(const struct config *config, const struct message *m, bool *triggered)
{
	for (size_t i = 0; i < config->rule_count; i++) {
		const struct config_rule *rule = &config->rules[i];

		triggered[i] = false;
		if (rule->trigger_name == NULL)
			continue;
		for (size_t k = 0; k < m->field_count && !triggered[i]; k++)
			triggered[i] = strcasecmp(m->fields[k].name, rule->trigger_name) == 0 &&
				slice_eq_str_nocase(slice_trim(m->fields[k].value), rule->trigger_value);
	}
}

static bool
same_signature(const struct config_rule *a, const struct config_rule *b)
{
	if (a == b)
		return true;
	if (a == NULL || b == NULL)
		return false;
	return strcmp(a->signer, b->signer) == 0 && a->form == b->form && a->digest == b->digest &&
		a->rsa_signature == b->rsa_signature && a->already_protected == b->already_protected;
}

bool
policy_same_class(const struct policy_wish *a, const struct policy_wish *b)
{
	if (!same_signature(a->sign, b->sign) || a->level != b->level)
		return false;
	return a->level == ENCRYPT_NEVER || (a->cipher == b->cipher && a->rsa_transport == b->rsa_transport);
}

/* ---- the decision ---------------------------------------------------------- */

static void
refuse(struct policy_plan *plan, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void
refuse(struct policy_plan *plan, const char *code, const char *format, ...)
{
	va_list args;

	plan->action = POLICY_REFUSE;
	plan->enhanced = "5.7.1";
	va_start(args, format);
	error_set(&plan->reason, ANSWER_NO, code, NULL, format, args);
	va_end(args);
}

static void
defer(struct policy_plan *plan, const struct error *reason)
{
	plan->action = POLICY_DEFER;
	plan->enhanced = "4.7.1";
	plan->reason = *reason;
}

/* Addresses joined for a sentence; what does not fit is counted. */
#define NAMES_SIZE 300

static void
name_recipients(const struct policy_facts *facts, bool (*which)(const struct policy_recipient *r),
	char names[NAMES_SIZE])
{
	size_t used = 0, more = 0;

	names[0] = '\0';
	for (size_t i = 0; i < facts->recipient_count; i++) {
		const struct policy_recipient *r = &facts->recipients[i];

		if (!which(r))
			continue;
		if (used + r->address.len + 2 < NAMES_SIZE - 32)
			used += (size_t)snprintf(names + used, NAMES_SIZE - used, "%s%.*s", used > 0 ? ", " : "",
				SLICE_FMT(r->address));
		else
			more++;
	}
	if (more > 0)
		snprintf(names + used, NAMES_SIZE - used, "%s%zu more", used > 0 ? " and " : "", more);
}

static bool
has_none(const struct policy_recipient *r)
{
	return r->certificates == ANSWER_NO;
}

/* His own rule says whether he may be shown to the others, none says no. */
static bool
is_hidden(const struct policy_recipient *r)
{
	const struct policy_wish *wish = &r->wish;

	return !r->visible && (wish->encrypt == NULL || !wish->encrypt->reveal_hidden ||
		(wish->beneath != NULL && !wish->beneath->reveal_hidden));
}

static bool
accepts_pgp(const struct policy_wish *wish)
{
	return wish->encrypt->accept_pgp && (wish->beneath == NULL || wish->beneath->accept_pgp);
}

static bool
is_required(const struct policy_recipient *r)
{
	return r->wish.level == ENCRYPT_REQUIRED;
}

/* The recipient whose rules ask for the most; its rule speaks where one must. */
static const struct policy_recipient *
strictest(const struct policy_facts *facts)
{
	const struct policy_recipient *best = &facts->recipients[0];

	for (size_t i = 1; i < facts->recipient_count; i++)
		if (facts->recipients[i].wish.level > best->wish.level)
			best = &facts->recipients[i];
	return best;
}

bool
policy_encrypt_is_met(const struct policy_facts *facts)
{
	if (facts->met & POLICY_MET_ENCRYPT)
		return true;
	if (!(facts->met & POLICY_MET_PGP))
		return false;
	for (size_t i = 0; i < facts->recipient_count; i++) {
		const struct policy_wish *wish = &facts->recipients[i].wish;

		if (wish->level != ENCRYPT_NEVER && !accepts_pgp(wish))
			return false;
	}
	return true;
}

/* One From with one address, or nobody can say whose seal it is. A bounce may have
 * none; a From that is there and is not one would escape the rules of its senders. */
static bool
check_from(const struct policy_facts *facts, struct policy_plan *plan)
{
	if (facts->sender.len == 0 && facts->from_count == 0)
		return true;
	if (facts->from_count == 0)
		refuse(plan, "from", "the message has no From field, exactly one is needed");
	else if (facts->from_count != 1)
		refuse(plan, "from", "the message has %zu From fields, exactly one is needed", facts->from_count);
	else if (facts->from_addresses == 0)
		refuse(plan, "from", "the From field holds no address that can be read");
	else if (facts->from_addresses != 1)
		refuse(plan, "from", "the From field names %zu addresses, exactly one is needed", facts->from_addresses);
	return plan->action == POLICY_PASS;
}

static void
decide_guard(const struct policy_facts *facts, struct policy_plan *plan)
{
	char names[NAMES_SIZE];

	plan->unsigned_because = plan->clear_because = "a guard seals nothing";
	/* Whose rules speak cannot be told then. */
	if (facts->senders_matter && facts->from_count > 0 && !policy_encrypt_is_met(facts) && !check_from(facts, plan))
		return;
	if (strictest(facts)->wish.level != ENCRYPT_REQUIRED || policy_encrypt_is_met(facts))
		return;
	name_recipients(facts, is_required, names);
	refuse(plan, "guard", "mail to %s must be encrypted and is not", names);
}

/* Of several rules that are the strictest, one that refuses is enough. */
static bool
refuses_mixed(const struct policy_facts *facts, enum config_encrypt level)
{
	for (size_t i = 0; i < facts->recipient_count; i++) {
		const struct policy_wish *wish = &facts->recipients[i].wish;

		if (wish->level == level && wish->encrypt != NULL && wish->encrypt->mixed == MIXED_REFUSE)
			return true;
	}
	return false;
}

static bool
check_mixed(const struct policy_facts *facts, struct policy_plan *plan)
{
	const struct policy_recipient *top = strictest(facts);
	char names[NAMES_SIZE];

	if (facts->origin != POLICY_AUTHENTICATED || !refuses_mixed(facts, top->wish.level))
		return true;
	for (size_t i = 0; i < facts->recipient_count; i++)
		if (!policy_same_class(&facts->recipients[i].wish, &top->wish)) {
			name_recipients(facts, is_required, names);
			refuse(plan, "mixed", "%.*s is treated otherwise than %s: send to them apart",
				SLICE_FMT(facts->recipients[i].address), names[0] != '\0' ? names : "the others");
			return false;
		}
	return true;
}

/* Where the recipients' rules differ, the first in the file: not the first
 * recipient's, as the sender chooses that. The rules are one array. */
static const struct config_rule *
sign_rule(const struct policy_facts *facts)
{
	const struct config_rule *first = NULL;

	for (size_t i = 0; i < facts->recipient_count; i++) {
		const struct config_rule *rule = facts->recipients[i].wish.sign;

		if (rule != NULL && (first == NULL || rule < first))
			first = rule;
	}
	return first;
}

static bool
check_login(const struct policy_facts *facts, const struct config_rule *rule, struct policy_plan *plan)
{
	if (facts->origin != POLICY_AUTHENTICATED || rule->any_login)
		return true;
	if (facts->login_may == ANSWER_NO)
		refuse(plan, "login", "the login %.*s may not send as %.*s", SLICE_FMT(facts->login), SLICE_FMT(facts->from));
	if (facts->login_may == ANSWER_CANT_TELL)
		defer(plan, &(struct error){.answer = ANSWER_CANT_TELL, .code = "login",
			.words = "whether this login may send as that address cannot be told now"});
	return facts->login_may == ANSWER_YES;
}

static bool
check_envelope(const struct policy_facts *facts, const struct config_rule *rule, struct policy_plan *plan)
{
	if (has_sender(rule, facts->sender))
		return true;
	refuse(plan, "sender", "the envelope sender %.*s may not use the seal of %.*s", SLICE_FMT(facts->sender),
		SLICE_FMT(facts->from));
	return false;
}

/* Each recipient's rule has to allow it: one that any login may use speaks for its
 * own recipients only, and would else be lent to all by naming one of them. */
static bool
all_rules(const struct policy_facts *facts, struct policy_plan *plan,
	bool (*check)(const struct policy_facts *, const struct config_rule *, struct policy_plan *))
{
	const struct config_rule *checked = NULL;

	for (size_t i = 0; i < facts->recipient_count; i++) {
		const struct config_rule *rule = facts->recipients[i].wish.sign;

		if (rule == NULL || rule == checked)
			continue;
		if (!check(facts, rule, plan))
			return false;
		checked = rule;
	}
	return true;
}

static bool
decide_sign(const struct policy_facts *facts, struct policy_plan *plan)
{
	const struct config_rule *rule = sign_rule(facts);

	if (rule == NULL)
		plan->unsigned_because = "no rule";
	else if (facts->traced)
		plan->unsigned_because = "came in from outside";
	/* Before what is left unsigned: a sealed message of somebody else's, sent once
	 * more, would pass as his. */
	else if (!all_rules(facts, plan, check_login))
		return false;
	else if (facts->sender.len == 0)
		plan->unsigned_because = "null sender";
	else if (facts->met & POLICY_MET_OWN_SEAL)
		plan->unsigned_because = "sealed already";
	else if ((facts->met & POLICY_MET_SIGN) && rule->already_protected == PROTECTED_KEEP)
		plan->unsigned_because = "signed already";
	else if (!all_rules(facts, plan, check_envelope))
		return false;
	else
		plan->sign = rule;
	return true;
}

static bool
check_certificates(const struct policy_facts *facts, bool required, struct policy_plan *plan)
{
	const struct error *reason = NULL;
	char names[NAMES_SIZE];

	for (size_t i = 0; i < facts->recipient_count; i++)
		if (facts->recipients[i].certificates == ANSWER_CANT_TELL) {
			defer(plan, facts->recipients[i].reason);
			return false;
		}
	for (size_t i = facts->recipient_count; i-- > 0;)
		if (has_none(&facts->recipients[i]))
			reason = facts->recipients[i].reason;
	if (reason == NULL)
		return true;
	if (!required) {
		plan->clear_because = "not every recipient has a certificate";
		return false;
	}
	name_recipients(facts, has_none, names);
	if (strchr(names, ',') == NULL) /* the reason names its address itself */
		refuse(plan, "no-certificate", "the message must be encrypted and cannot be: %s", reason->words);
	else
		refuse(plan, "no-certificate", "the message must be encrypted and cannot be for %s; the first: %s", names,
			reason->words);
	return false;
}

static bool
check_hidden(const struct policy_facts *facts, struct policy_plan *plan)
{
	char names[NAMES_SIZE];

	if (facts->recipient_count < 2)
		return true;
	name_recipients(facts, is_hidden, names);
	if (names[0] == '\0')
		return true;
	refuse(plan, "hidden", "encrypting to all together would show the others the hidden recipient %s: "
		"send to it alone, or through a transport with one recipient a message", names);
	return false;
}

static void
decide_encrypt(const struct policy_facts *facts, struct policy_plan *plan)
{
	const struct policy_recipient *top = strictest(facts);

	if (top->wish.level == ENCRYPT_NEVER) {
		plan->clear_because = top->wish.encrypt == NULL ? "no rule" : "rule says never";
		return;
	}
	if (policy_encrypt_is_met(facts)) {
		plan->clear_because = "encrypted already";
		return;
	}
	if (!check_certificates(facts, top->wish.level == ENCRYPT_REQUIRED, plan) || !check_hidden(facts, plan))
		return;
	plan->encrypt = true;
	for (size_t i = 0; i < facts->recipient_count; i++) {
		plan->cipher = stronger_cipher(plan->cipher, facts->recipients[i].wish.cipher);
		plan->rsa_transport = stronger_transport(plan->rsa_transport, facts->recipients[i].wish.rsa_transport);
	}
}

void
policy_decide(const struct policy_facts *facts, struct policy_plan *plan)
{
	*plan = (struct policy_plan){.action = POLICY_PASS, .reason = ERROR_NONE};
	if (facts->recipient_count == 0) {
		refuse(plan, "recipients", "the message has no recipient");
		return;
	}
	if (facts->role == ROLE_GUARD) {
		decide_guard(facts, plan);
		return;
	}
	if (facts->origin == POLICY_OUTSIDE) {
		plan->unsigned_because = plan->clear_because = "not outbound";
		return;
	}
	if (!check_from(facts, plan) || !check_mixed(facts, plan) || !decide_sign(facts, plan))
		return;
	decide_encrypt(facts, plan);
	if (plan->action == POLICY_PASS && (plan->sign != NULL || plan->encrypt))
		plan->action = POLICY_PROTECT;
}
