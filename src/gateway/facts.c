#include "gateway/facts.h"

#include "base/deadline.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void
facts_free(struct facts *f)
{
	if (f->results != NULL)
		for (size_t i = 0; i < f->policy.recipient_count; i++)
			directory_result_free(&f->results[i]);
	free(f->results);
	free(f->recipients);
	free(f->triggered);
	buf_free(&f->from);
	mime_free(f->mime);
}

/* ---- the header ------------------------------------------------------------ */

static void
read_from_field(const struct header_field *field, struct facts *f)
{
	struct address_list list;

	f->policy.from_count++;
	if (!address_list_parse(field->value, &list))
		return;
	f->policy.from_addresses += list.count;
	if (list.count == 1 && f->from.len == 0) {
		buf_add_slice(&f->from, list.item[0].local);
		buf_add_byte(&f->from, '@');
		buf_add_slice(&f->from, list.item[0].domain);
	}
	address_list_free(&list);
}

static enum answer
read_from(const struct message *m, struct facts *f, struct error *err)
{
	for (size_t i = 0; i < m->field_count; i++)
		if (strcasecmp(m->fields[i].name, "From") == 0)
			read_from_field(&m->fields[i], f);
	if (buf_failed(&f->from)) /* without it the rules of its sender would be escaped */
		return error_cant_tell(err, "memory", "out of memory");
	if (f->policy.from_count == 1 && f->policy.from_addresses == 1)
		f->policy.from = buf_slice(&f->from);
	return ANSWER_YES;
}

static bool
is_traced(const struct gateway *g, const struct message *m)
{
	const struct header_field *field;

	if (g->trace_key == NULL)
		return false;
	for (size_t i = 0; i < TRACE_FIELDS_MAX && (field = message_field(m, TRACE_FIELD, i)) != NULL; i++)
		if (trace_verify(g->trace_key, field->value))
			return true;
	return false;
}

/* ---- who is named for all to see ------------------------------------------- */

struct names {
	char **key; /* address_key() of each, sorted */
	size_t count;
	size_t room;
};

static bool
names_add(struct names *names, const struct address *a)
{
	struct buf text;
	char *key;

	buf_init(&text, 2 * ADDRESS_LENGTH_MAX);
	buf_add_slice(&text, a->local);
	buf_add_byte(&text, '@');
	buf_add_slice(&text, a->domain);
	key = buf_failed(&text) ? NULL : address_key(buf_slice(&text));
	buf_free(&text);
	if (key == NULL)
		return true; /* what is no address names nobody */
	if (names->count == names->room) {
		size_t room = names->room == 0 ? 64 : names->room * 2;
		char **keys = reallocarray(names->key, room, sizeof *keys);

		if (keys == NULL) {
			free(key);
			return false;
		}
		names->key = keys;
		names->room = room;
	}
	names->key[names->count++] = key;
	return true;
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool
is_recipient_field(const char *name)
{
	static const char *const fields[] = {"To", "Cc", "Resent-To", "Resent-Cc"};

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (strcasecmp(name, fields[i]) == 0)
			return true;
	return false;
}

static bool
names_read(const struct message *m, struct names *names)
{
	bool ok = true;

	for (size_t i = 0; ok && i < m->field_count; i++) {
		struct address_list list;

		if (!is_recipient_field(m->fields[i].name) || !address_list_parse(m->fields[i].value, &list))
			continue;
		for (size_t k = 0; ok && k < list.count; k++)
			ok = names->count < ADDRESS_LIST_MAX && names_add(names, &list.item[k]);
		address_list_free(&list);
	}
	if (names->count > 0)
		qsort(names->key, names->count, sizeof *names->key, compare_texts);
	return ok;
}

static void
mark_visible(const struct names *names, struct policy_recipient *r)
{
	char *key = address_key(r->address);

	r->visible = key != NULL && names->count > 0 &&
		bsearch(&key, names->key, names->count, sizeof *names->key, compare_texts) != NULL;
	free(key);
}

/* Where memory is short or there are too many names, whoever is not found stays
 * hidden: that refuses, and shows nobody. */
static void
find_visible(const struct message *m, struct facts *f)
{
	struct names names = {0};

	names_read(m, &names);
	for (size_t i = 0; i < f->policy.recipient_count; i++)
		mark_visible(&names, &f->recipients[i]);
	for (size_t i = 0; i < names.count; i++)
		free(names.key[i]);
	free(names.key);
}

/* ---- what the message already is -------------------------------------------- */

static bool
is_own_envelope(const struct gateway *g, const struct mime *mime, size_t limit)
{
	struct buf der;
	bool own;

	if (g->made == NULL)
		return false;
	buf_init(&der, limit);
	own = mime_decode(mime->root, &der, NULL) == ANSWER_YES && made_has(g->made, buf_slice(&der));
	buf_free(&der);
	return own;
}

static enum answer
recognise(const struct gateway *g, const struct message *m, struct facts *f, struct error *err)
{
	struct mime_limits limits = {g->config->mime_depth_limit, g->config->mime_part_limit};
	enum answer answer = mime_parse(m, &limits, &f->mime, err);

	if (answer != ANSWER_YES)
		return answer;
	recognise_message(m, f->mime, &f->recognised);
	switch (f->recognised.protection) {
	case PROTECTION_SIGNED:
		/* One that is broken or made up provides nothing. */
		if (recognise_signed_by(m, f->mime, g->identities, g->config->signer_count))
			f->policy.met = POLICY_MET_SIGN | POLICY_MET_OWN_SEAL;
		else if (recognise_intact(m, f->mime))
			f->policy.met = POLICY_MET_SIGN;
		/* A seal around somebody's own envelope does not undo that. */
		if (f->recognised.envelope_inside)
			f->policy.met |= POLICY_MET_ENCRYPT;
		break;
	case PROTECTION_ENVELOPED:
		f->policy.met = POLICY_MET_ENCRYPT;
		if (is_own_envelope(g, f->mime, m->body.len + 1))
			f->policy.met |= POLICY_MET_OWN_SEAL;
		break;
	case PROTECTION_PGP_ENCRYPTED:
		f->policy.met = POLICY_MET_PGP;
		break;
	case PROTECTION_PGP_SIGNED:
	case PROTECTION_NONE:
		break;
	}
	return ANSWER_YES;
}

/* ---- what rules and directories say ----------------------------------------- */

static enum config_encrypt
wish_recipients(const struct gateway *g, struct facts *f)
{
	enum config_encrypt top = ENCRYPT_NEVER;

	for (size_t i = 0; i < f->policy.recipient_count; i++) {
		struct policy_recipient *r = &f->recipients[i];
		struct policy_question q = {f->policy.from, f->policy.sender, r->address, f->triggered};

		policy_wish(g->config, &q, &r->wish);
		if (f->triggered != NULL && policy_trigger_ignored(g->config, &q))
			f->trigger_ignored = true;
		if (r->wish.level > top)
			top = r->wish.level;
	}
	return top;
}

static bool
any_wish(const struct facts *f)
{
	for (size_t i = 0; i < f->policy.recipient_count; i++)
		if (f->recipients[i].wish.sign != NULL || f->recipients[i].wish.level != ENCRYPT_NEVER)
			return true;
	return false;
}

/* One directory that hangs must not be waited for once a recipient: the first
 * "can't tell" is the message's answer. */
static void
look_up(struct gateway *g, time_t now, struct facts *f)
{
	struct timespec last = deadline_in(FACTS_LOOKUPS_MAX * 1000L);
	unsigned left = g->config->fetch_limit;

	for (size_t i = 0; i < f->policy.recipient_count; i++) {
		struct policy_recipient *r = &f->recipients[i];
		struct timespec deadline = deadline_earlier(deadline_in(g->config->rcpt_deadline * 1000L), last);

		directory_find(g->directories, &(struct directory_question){
			.address = r->address, .trust = r->wish.encrypt == NULL ? NULL : &r->wish.encrypt->trust,
			.encrypt_to = r->wish.encrypt == NULL ? ENCRYPT_TO_NEWEST : r->wish.encrypt->encrypt_to, .now = now,
			.deadline = &deadline, .left = &left}, &f->results[i]);
		r->certificates = f->results[i].answer;
		r->reason = &f->results[i].reason;
		if (r->certificates == ANSWER_CANT_TELL)
			return;
	}
}

/* The rule that may need the login's permission; NULL: none does. */
static const struct config_rule *
rule_asking_login(const struct facts *f)
{
	for (size_t i = 0; i < f->policy.recipient_count; i++) {
		const struct config_rule *rule = f->recipients[i].wish.sign;

		if (rule != NULL && !rule->any_login)
			return rule;
	}
	return NULL;
}

static enum answer
ask_login(struct gateway *g, const struct facts *f)
{
	struct timespec deadline = deadline_in(g->config->rcpt_deadline * 1000L);

	if (g->logins != NULL && logins_allow(g->logins, f->policy.login, f->policy.from))
		return ANSWER_YES;
	if (g->config->sender_login_directory == NULL)
		return ANSWER_NO;
	return directory_login_matches(g->directories, f->policy.login, f->policy.from, &deadline, NULL);
}

static enum answer
start(const struct gateway *g, const struct gateway_entry *entry, const struct message *m, struct facts *f,
	struct error *err)
{
	*f = (struct facts){.policy = {
		.origin = policy_origin(g->config, &m->client, entry->direction),
		.role = entry->role,
		.sender = slice_str(m->sender),
		.login = slice_str(m->client.login),
		.login_may = ANSWER_NO,
	}};
	buf_init(&f->from, 2 * ADDRESS_LENGTH_MAX);
	f->recipients = calloc(m->recipient_count + 1, sizeof *f->recipients);
	f->results = calloc(m->recipient_count + 1, sizeof *f->results);
	f->triggered = calloc(g->config->rule_count + 1, sizeof *f->triggered);
	if (f->recipients == NULL || f->results == NULL || f->triggered == NULL)
		return error_cant_tell(err, "memory", "out of memory");
	f->policy.recipients = f->recipients;
	f->policy.recipient_count = m->recipient_count;
	for (size_t i = 0; i < m->recipient_count; i++)
		f->recipients[i].address = slice_str(m->recipients[i]);
	return ANSWER_YES;
}

enum answer
facts_gather(struct gateway *g, const struct gateway_entry *entry, const struct message *m, time_t now,
	struct facts *f, struct error *err)
{
	enum answer answer = start(g, entry, m, f, err);
	enum config_encrypt top;

	if (answer != ANSWER_YES)
		return answer;
	if (f->policy.role == ROLE_WORK && f->policy.origin == POLICY_OUTSIDE)
		return ANSWER_YES;
	answer = read_from(m, f, err);
	if (answer != ANSWER_YES)
		return answer;
	f->policy.traced = is_traced(g, m);
	if (f->policy.role == ROLE_WORK)
		policy_triggers(g->config, m, f->triggered);
	top = wish_recipients(g, f);
	f->policy.senders_matter = policy_senders_matter(g->config);
	if (!any_wish(f) && !(f->policy.role == ROLE_GUARD && f->policy.senders_matter))
		return ANSWER_YES;
	answer = recognise(g, m, f, err);
	if (answer != ANSWER_YES || f->policy.role == ROLE_GUARD)
		return answer;
	if (f->policy.origin == POLICY_AUTHENTICATED && rule_asking_login(f) != NULL)
		f->policy.login_may = ask_login(g, f);
	if (top == ENCRYPT_NEVER || policy_encrypt_is_met(&f->policy))
		return ANSWER_YES;
	if (f->policy.recipient_count > 1)
		find_visible(m, f);
	look_up(g, now, f);
	return ANSWER_YES;
}
