#include "gateway/account.h"

#include "smime/algorithms.h"

#include <jansson.h>

#include <stdlib.h>

/* Built once as JSON; the text for people is written from the same tree, so that
 * the two can never say different things. */

/* What is not UTF-8 cannot stand in JSON: such octets are shown as "?". */
static json_t *
text(struct slice s)
{
	json_t *value = json_stringn((const char *)s.data, s.len);
	struct buf clean;

	if (value != NULL || s.len == 0)
		return value != NULL ? value : json_string("");
	buf_init(&clean, s.len + 1);
	for (size_t i = 0; i < s.len; i++)
		buf_add_byte(&clean, s.data[i] < 0x80 ? s.data[i] : '?');
	value = json_stringn((const char *)clean.data, clean.len);
	buf_free(&clean);
	return value;
}

static void
put(json_t *object, const char *key, const char *value)
{
	if (value != NULL)
		json_object_set_new(object, key, text(slice_str(value)));
}

static json_t *
candidate(const struct directory_candidate *c)
{
	json_t *o = json_object();
	char date[CERT_DATE_SIZE];

	put(o, "directory", c->directory);
	if (c->cert != NULL) {
		put(o, "subject", c->cert->subject);
		put(o, "issuer", c->cert->issuer);
		put(o, "serial", c->cert->serial);
		cert_date(c->cert->not_before, date);
		put(o, "not-before", date);
		cert_date(c->cert->not_after, date);
		put(o, "not-after", date);
	}
	put(o, "verdict", c->chosen ? "chosen" : c->usable ? "usable, another was chosen" : c->refusal.words);
	return o;
}

static const char *
level_name(enum config_encrypt level)
{
	static const char *const names[] = {
		[ENCRYPT_NEVER] = "never", [ENCRYPT_WHEN_POSSIBLE] = "when-possible", [ENCRYPT_REQUIRED] = "required",
	};

	return names[level];
}

static json_t *
recipient(const struct facts *f, size_t at)
{
	const struct policy_recipient *r = &f->recipients[at];
	const struct directory_result *found = &f->results[at];
	json_t *o = json_object(), *certificates = json_array();

	json_object_set_new(o, "address", text(r->address));
	put(o, "sign-rule", r->wish.sign == NULL ? NULL : r->wish.sign->name);
	put(o, "encrypt-rule", r->wish.encrypt == NULL ? NULL : r->wish.encrypt->name);
	put(o, "trigger-rule", r->wish.trigger == NULL ? NULL : r->wish.trigger->name);
	put(o, "encrypt", level_name(r->wish.level));
	for (size_t i = 0; i < found->candidate_count; i++)
		json_array_append_new(certificates, candidate(&found->candidates[i]));
	json_object_set_new(o, "certificates", certificates);
	if (r->certificates != ANSWER_YES && r->reason != NULL)
		put(o, "no-certificate", r->reason->words);
	return o;
}

static json_t *
facts_object(const struct account *a)
{
	const struct facts *f = a->facts;
	json_t *o = json_object(), *recipients = json_array();

	put(o, "direction", f->policy.origin == POLICY_OUTSIDE ? "inbound" : "outbound");
	put(o, "origin", policy_origin_name(f->policy.origin));
	put(o, "listener", a->entry->listener);
	put(o, "sender", a->message->sender);
	json_object_set_new(o, "from", text(f->policy.from));
	put(o, "login", a->message->client.login);
	json_object_set_new(o, "came-in-from-outside", json_boolean(f->policy.traced));
	json_object_set_new(o, "signed", json_boolean((f->policy.met & POLICY_MET_SIGN) != 0));
	json_object_set_new(o, "sealed-by-us", json_boolean((f->policy.met & POLICY_MET_OWN_SEAL) != 0));
	json_object_set_new(o, "encrypted", json_boolean((f->policy.met & POLICY_MET_ENCRYPT) != 0));
	json_object_set_new(o, "pgp-encrypted", json_boolean((f->policy.met & POLICY_MET_PGP) != 0));
	put(o, "claims-to-be", f->recognised.claimed);
	json_object_set_new(o, "trigger-ignored", json_boolean(f->trigger_ignored));
	for (size_t i = 0; i < f->policy.recipient_count; i++)
		json_array_append_new(recipients, recipient(f, i));
	json_object_set_new(o, "recipients", recipients);
	return o;
}

static const char *
action_name(const struct account *a)
{
	static const char *const names[] = {
		[POLICY_PASS] = "pass", [POLICY_PROTECT] = "protect", [POLICY_REFUSE] = "refuse", [POLICY_DEFER] = "defer",
	};

	if (a->err->answer != ANSWER_YES)
		return names[a->err->answer == ANSWER_NO ? POLICY_REFUSE : POLICY_DEFER];
	return names[a->plan->action];
}

static json_t *
plan_object(const struct account *a)
{
	const struct policy_plan *plan = a->plan;
	const struct error *reason = a->err->answer != ANSWER_YES ? a->err : &plan->reason;
	json_t *o = json_object();

	put(o, "action", action_name(a));
	if (reason->answer != ANSWER_YES) {
		put(o, "reason", reason->words);
		return o;
	}
	put(o, "sign", plan->sign != NULL ? plan->sign->signer : "no");
	put(o, "unsigned-because", plan->unsigned_because);
	if (plan->sign != NULL) {
		put(o, "rule", plan->sign->name);
		put(o, "form", plan->sign->form == FORM_OPAQUE ? "opaque" : "clear");
		put(o, "digest", algorithms_digest_name(plan->sign->digest));
		/* RFC 8550 section 3: readers compare the two. */
		if (a->seal != NULL && !cert_has_address(a->seal, a->facts->policy.from))
			put(o, "warning", "the seal's certificate lacks the From address: readers will show that sender and "
				"signer differ");
	}
	put(o, "encrypt", plan->encrypt ? "yes" : "no");
	put(o, "unencrypted-because", plan->clear_because);
	if (plan->encrypt)
		put(o, "cipher", algorithms_cipher_name(plan->cipher));
	return o;
}

static void write_value(const json_t *value, unsigned depth, struct buf *out);

static void
write_object(const json_t *object, unsigned depth, struct buf *out)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		buf_printf(out, "%*s%s:", (int)(2 * depth), "", key);
		write_value(value, depth + 1, out);
	}
}

/* A value must not be able to write a line of its own. */
static void
write_text(const char *value, struct buf *out)
{
	buf_add_byte(out, ' ');
	for (; *value != '\0'; value++)
		buf_add_byte(out, (unsigned char)*value < 0x20 || *value == 0x7f ? '?' : (unsigned char)*value);
	buf_add_byte(out, '\n');
}

static void
write_value(const json_t *value, unsigned depth, struct buf *out)
{
	if (json_is_string(value)) {
		write_text(json_string_value(value), out);
	} else if (json_is_boolean(value)) {
		buf_printf(out, " %s\n", json_is_true(value) ? "yes" : "no");
	} else if (json_is_array(value)) {
		buf_add_str(out, json_array_size(value) == 0 ? " none\n" : "\n");
		for (size_t i = 0; i < json_array_size(value); i++) {
			buf_printf(out, "%*s-\n", (int)(2 * depth), "");
			write_object(json_array_get(value, i), depth + 1, out);
		}
	} else {
		buf_add_byte(out, '\n');
		write_object(value, depth, out);
	}
}

void
account_explain(const struct account *a, bool json, struct buf *out)
{
	json_t *root = json_object();

	json_object_set_new(root, "message", facts_object(a));
	json_object_set_new(root, "plan", plan_object(a));
	if (json) {
		char *dump = json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER);

		buf_add_str(out, dump);
		buf_add_byte(out, '\n');
		free(dump);
	} else {
		write_object(root, 0, out);
	}
	json_decref(root);
}
