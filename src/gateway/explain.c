#include "gateway/account.h"

#include "gateway/results.h"
#include "gateway/tree.h"
#include "pki/profiles.h"
#include "smime/algorithms.h"

#include <stdlib.h>

static json_t *
candidate(const struct directory_candidate *c)
{
	json_t *o = json_object();
	char date[CERT_DATE_SIZE];

	tree_put(o, "directory", c->directory);
	if (c->cert != NULL) {
		tree_put(o, "subject", c->cert->subject);
		tree_put(o, "issuer", c->cert->issuer);
		tree_put(o, "serial", c->cert->serial);
		cert_date(c->cert->not_before, date);
		tree_put(o, "not-before", date);
		cert_date(c->cert->not_after, date);
		tree_put(o, "not-after", date);
	}
	tree_put(o, "verdict", c->chosen ? "chosen" : c->usable ? "usable, another was chosen" : c->refusal.words);
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

	json_object_set_new(o, "address", tree_text(r->address));
	tree_put(o, "sign-rule", r->wish.sign == NULL ? NULL : r->wish.sign->name);
	tree_put(o, "encrypt-rule", r->wish.encrypt == NULL ? NULL : r->wish.encrypt->name);
	tree_put(o, "trigger-rule", r->wish.trigger == NULL ? NULL : r->wish.trigger->name);
	tree_put(o, "encrypt", level_name(r->wish.level));
	for (size_t i = 0; i < found->candidate_count; i++)
		json_array_append_new(certificates, candidate(&found->candidates[i]));
	json_object_set_new(o, "certificates", certificates);
	if (r->certificates != ANSWER_YES && r->reason != NULL)
		tree_put(o, "no-certificate", r->reason->words);
	return o;
}

static json_t *
facts_object(const struct account *a)
{
	const struct facts *f = a->facts;
	json_t *o = json_object(), *recipients = json_array();

	tree_put(o, "direction", f->policy.origin == POLICY_OUTSIDE ? "inbound" : "outbound");
	tree_put(o, "origin", policy_origin_name(f->policy.origin));
	tree_put(o, "listener", a->entry->listener);
	tree_put(o, "sender", a->message->sender);
	json_object_set_new(o, "from", tree_text(f->policy.from));
	tree_put(o, "login", a->message->client.login);
	tree_put_flag(o, "came-in-from-outside", f->policy.traced);
	tree_put_flag(o, "signed", (f->policy.met & POLICY_MET_SIGN) != 0);
	tree_put_flag(o, "sealed-by-us", (f->policy.met & POLICY_MET_OWN_SEAL) != 0);
	tree_put_flag(o, "encrypted", (f->policy.met & POLICY_MET_ENCRYPT) != 0);
	tree_put_flag(o, "pgp-encrypted", (f->policy.met & POLICY_MET_PGP) != 0);
	tree_put(o, "claims-to-be", f->recognised.claimed);
	tree_put_flag(o, "trigger-ignored", f->trigger_ignored);
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

	tree_put(o, "action", action_name(a));
	if (reason->answer != ANSWER_YES) {
		tree_put(o, "reason", reason->words);
		return o;
	}
	tree_put(o, "sign", plan->sign != NULL ? plan->sign->signer : "no");
	tree_put(o, "unsigned-because", plan->unsigned_because);
	if (plan->sign != NULL) {
		tree_put(o, "rule", plan->sign->name);
		tree_put(o, "form", plan->sign->form == FORM_OPAQUE ? "opaque" : "clear");
		tree_put(o, "digest", algorithms_digest_name(plan->sign->digest));
		/* RFC 8550 section 3: readers compare the two. */
		if (a->seal != NULL && !cert_has_address(a->seal, a->facts->policy.from))
			tree_put(o, "warning", "the seal's certificate lacks the From address: readers will show that sender and "
				"signer differ");
	}
	tree_put(o, "encrypt", plan->encrypt ? "yes" : "no");
	tree_put(o, "unencrypted-because", plan->clear_because);
	if (plan->encrypt)
		tree_put(o, "cipher", algorithms_cipher_name(plan->cipher));
	return o;
}

/* ---- inbound ------------------------------------------------------------------ */

/* The certificate that the message has for the signer, whatever it is worth. */
static void
put_certificate(json_t *o, const struct cert *cert)
{
	json_t *addresses = json_array();
	char date[CERT_DATE_SIZE];

	tree_put(o, "subject", cert->subject);
	tree_put(o, "issuer", cert->issuer);
	tree_put(o, "serial", cert->serial);
	for (size_t i = 0; i < cert->address_count; i++)
		json_array_append_new(addresses, tree_text(slice_str(cert->addresses[i])));
	json_object_set_new(o, "addresses", addresses);
	cert_date(cert->not_before, date);
	tree_put(o, "not-before", date);
	cert_date(cert->not_after, date);
	tree_put(o, "not-after", date);
}

static void
put_status(json_t *o, const struct layers_signer *s)
{
	const struct status *status = &s->finding.status;

	if (!s->has_status)
		return;
	tree_put(o, "status", results_status_name(status->state));
	tree_put(o, "status-of", results_status_of(&s->finding));
	if (status->state == STATUS_REVOKED) {
		tree_put_time(o, "status-since", status->since);
		tree_put(o, "status-reason", status_reason_text(status->reason));
	}
	if (status->state == STATUS_UNKNOWN)
		tree_put_reason(o, "status-because", &status->why);
	if (s->finding.source[0] != '\0') {
		tree_put(o, "status-source", s->finding.source);
		tree_put_time(o, "status-told", s->finding.told);
	}
	tree_put(o, "status-fault", results_status_fault(&s->finding));
}

static void
put_broken(json_t *o, const char *key, const struct layers_signer *s, enum profile_severity severity)
{
	struct buf ids;

	buf_init(&ids, SIZE_MAX);
	results_add_broken(s, severity, &ids);
	if (ids.len > 0)
		json_object_set_new(o, key, tree_text(buf_slice(&ids)));
	buf_free(&ids);
}

static void
put_quality(json_t *o, const struct layers_signer *s)
{
	tree_put(o, "qualified", verdict_qualified_name(s->verdict.qualified));
	tree_put_reason(o, "qualified-because", &s->qualified_reason);
	tree_put(o, "profile", s->profile == NULL ? NULL : s->profile->name);
	put_broken(o, "profile-faults", s, PROFILE_ERROR);
	put_broken(o, "profile-notes", s, PROFILE_NOTE);
	tree_put(o, "minor", profiles_minor(&s->kept));
}

static json_t *
signer_object(const struct layers_signer *s)
{
	const struct verify_signer *signature = s->signature;
	bool intact = s->verdict.intact == VERDICT_INTACT;
	json_t *o = json_object();

	tree_put(o, "intact", verdict_intact_name(s->verdict.intact));
	if (!intact)
		tree_put_reason(o, "intact-because", &signature->reason);
	tree_put_flag(o, "weak", s->verdict.weak);
	if (s->verdict.weak)
		tree_put_reason(o, "weak-because", &signature->reason);
	tree_put(o, "trust", verdict_trust_name(s->verdict.trust));
	tree_put(o, "trust-set", s->trust == NULL ? NULL : s->trust->name);
	tree_put_reason(o, "trust-because", &s->trust_reason);
	put_status(o, s);
	if (intact && signature->certificate != NULL)
		tree_put_flag(o, "key-usage-permits", s->verdict.may_sign);
	tree_put(o, "address", verdict_address_name(s->verdict.address));
	tree_put_reason(o, "address-because", &s->address_reason);
	put_quality(o, s);
	tree_put(o, "digest", signature->digest);
	tree_put(o, "algorithm", signature->algorithm);
	if (signature->has_signing_time)
		tree_put_time(o, "signing-time", signature->signing_time);
	if (signature->certificate != NULL)
		put_certificate(o, signature->certificate);
	return o;
}

static void
put_signed(json_t *o, const struct layer *layer)
{
	json_t *signers = json_array();

	tree_put(o, "form", results_form_name(layer));
	tree_put_reason(o, "unreadable-because", &layer->reason);
	for (size_t i = 0; i < layer->verified.signer_count; i++)
		json_array_append_new(signers, signer_object(&layer->signers[i]));
	json_object_set_new(o, "signers", signers);
}

static void
put_envelope(json_t *o, const struct layer *layer)
{
	tree_put(o, "key", layer->key == NULL ? NULL : layer->key->files.name);
	tree_put(o, "cipher", layer->decrypted.cipher);
	tree_put(o, "transport", layer->decrypted.transport);
	tree_put_flag(o, "authenticated", layers_is_authenticated(layer));
	if (layer->decrypted.cipher != NULL)
		tree_put_flag(o, "weak", layer->decrypted.weak);
}

static json_t *
layer_object(const struct layer *layer, size_t at)
{
	json_t *o = json_object();

	tree_put_count(o, "layer", (long long)at + 1);
	tree_put(o, "kind", results_kind_name(layer->kind));
	if (layer->kind == VERDICT_SIGNED)
		put_signed(o, layer);
	if (layer->kind == VERDICT_ENCRYPTED || layer->kind == VERDICT_COMPRESSED) {
		tree_put_flag(o, "opened", layer->opened);
		tree_put_reason(o, "closed-because", &layer->reason);
	}
	if (layer->kind == VERDICT_ENCRYPTED)
		put_envelope(o, layer);
	return o;
}

static json_t *
smime_object(const struct inbound *in)
{
	json_t *o = json_object(), *layers = json_array();

	tree_put(o, "result", in->verdict.result);
	tree_put(o, "reason", in->verdict.reason);
	for (size_t i = 0; i < in->layers.count; i++)
		json_array_append_new(layers, layer_object(&in->layers.layer[i], i));
	json_object_set_new(o, "layers", layers);
	tree_put_flag(o, "a-part-is-signed", in->layers.partly_signed);
	tree_put_flag(o, "a-part-is-encrypted", in->layers.partly_encrypted);
	tree_put_reason(o, "claims", &in->layers.unreadable);
	return o;
}

static json_t *
inbound_message_object(const struct account *a)
{
	json_t *o = json_object(), *recipients = json_array();

	tree_put(o, "direction", "inbound");
	tree_put(o, "origin", policy_origin_name(a->facts->policy.origin));
	tree_put(o, "listener", a->entry->listener);
	tree_put(o, "sender", a->message->sender);
	json_object_set_new(o, "from", tree_text(a->inbound->from));
	for (size_t i = 0; i < a->message->recipient_count; i++) {
		json_t *recipient_object = json_object();

		tree_put(recipient_object, "address", a->message->recipients[i]);
		json_array_append_new(recipients, recipient_object);
	}
	json_object_set_new(o, "recipients", recipients);
	return o;
}

static json_t *
inbound_plan_object(const struct account *a)
{
	static const char *const names[] = {
		[FAULT_DELIVER] = "deliver", [FAULT_REFUSE] = "refuse", [FAULT_HOLD] = "hold",
	};
	const struct inbound *in = a->inbound;
	const struct error *reason = a->err->answer != ANSWER_YES ? a->err : &in->reason;
	json_t *o = json_object();

	if (reason->answer == ANSWER_CANT_TELL)
		tree_put(o, "action", "defer");
	else
		tree_put(o, "action", a->err->answer == ANSWER_NO ? "refuse" : names[in->action]);
	tree_put_reason(o, "reason", reason);
	if (a->err->answer == ANSWER_YES)
		tree_put(o, "content", account_content_name(in->content));
	tree_put_reason(o, "kept-closed-because", account_why_closed(in));
	return o;
}

/* ---- written ------------------------------------------------------------------ */

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
	} else if (json_is_integer(value)) {
		buf_printf(out, " %" JSON_INTEGER_FORMAT "\n", json_integer_value(value));
	} else if (json_is_array(value)) {
		buf_add_str(out, json_array_size(value) == 0 ? " none\n" : "\n");
		for (size_t i = 0; i < json_array_size(value); i++) {
			buf_printf(out, "%*s-", (int)(2 * depth), "");
			write_value(json_array_get(value, i), depth + 1, out);
		}
	} else {
		buf_add_byte(out, '\n');
		write_object(value, depth, out);
	}
}

static void
write_tree(json_t *root, bool json, struct buf *out)
{
	if (json) {
		char *dump = json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER);

		out->failed = out->failed || dump == NULL;
		buf_add_str(out, dump);
		buf_add_byte(out, '\n');
		free(dump);
	} else {
		write_object(root, 0, out);
	}
	json_decref(root);
}

void
account_explain(const struct account *a, bool json, struct buf *out)
{
	json_t *root = json_object();

	if (a->inbound == NULL) {
		json_object_set_new(root, "message", facts_object(a));
		json_object_set_new(root, "plan", plan_object(a));
	} else {
		json_object_set_new(root, "message", inbound_message_object(a));
		if (a->inbound->facts != NULL) /* else the reason why nothing is known is the plan's */
			json_object_set_new(root, "smime", smime_object(a->inbound));
		json_object_set_new(root, "plan", inbound_plan_object(a));
	}
	write_tree(root, json, out);
}

/* ---- requests for revocation ---------------------------------------------------- */

static void
put_number(json_t *o, const unsigned char *octets, size_t len)
{
	char text[2 + 2 * REQUEST_SERIAL_OCTETS_MAX + 1] = "0x";

	for (size_t i = 0; i < len && i < REQUEST_SERIAL_OCTETS_MAX; i++)
		snprintf(text + 2 + 2 * i, 3, "%02X", octets[i]);
	tree_put(o, "number", text);
}

static json_t *
request_object(const struct request *r)
{
	json_t *o = json_object(), *lines = json_array();

	for (size_t i = 0; i < r->line_count; i++) {
		json_t *line = json_object();

		put_number(line, r->lines[i].serial, r->lines[i].serial_len);
		tree_put(line, "language", r->lines[i].language);
		tree_put_flag(line, "has-password", r->lines[i].password[0] != '\0');
		json_array_append_new(lines, line);
	}
	json_object_set_new(o, "lines", lines);
	return o;
}

static json_t *
accepted_object(const struct claim_line *line)
{
	json_t *o = json_object(), *contacts = json_array();

	put_number(o, line->serial.octets, line->serial.len);
	tree_put(o, "form", account_form_name(line->form));
	tree_put_flag(o, "waits", line->waits);
	if (line->signer != NULL) {
		tree_put(o, "signer", line->signer->subject);
		tree_put(o, "signer-serial", line->signer->serial);
		tree_put(o, "signer-issuer", line->signer->issuer);
	}
	for (size_t i = 0; i < line->contact_count; i++)
		json_array_append_new(contacts, tree_text(slice_str(line->contacts[i])));
	json_object_set_new(o, "contacts", contacts);
	return o;
}

static json_t *
claim_object(const struct account_revocation *a)
{
	static const char *const actions[] = {
		[ANSWER_YES] = "take", [ANSWER_NO] = "refuse", [ANSWER_CANT_TELL] = "defer",
	};
	json_t *o = json_object(), *lines = json_array();
	const struct claim *claim = a->claim;

	tree_put(o, "action", actions[claim->answer]);
	tree_put_reason(o, "reason", a->err);
	tree_put_flag(o, "unreadable", claim->answer == ANSWER_NO && claim->unreadable);
	for (size_t i = 0; claim->answer == ANSWER_YES && i < claim->line_count; i++)
		json_array_append_new(lines, accepted_object(&claim->lines[i]));
	json_object_set_new(o, "certificates", lines);
	tree_put(o, "goes-on-to", a->operator);
	tree_put_flag(o, "writer-is-told-by-mail", !a->quiet);
	return o;
}

void
account_explain_revocation(const struct account_revocation *a, bool json, struct buf *out)
{
	json_t *root = json_object(), *message = json_object();

	tree_put(message, "direction", "revocation");
	tree_put(message, "authority", a->authority);
	tree_put(message, "listener", a->entry->listener);
	tree_put(message, "client", a->client);
	tree_put(message, "sender", a->message->sender);
	json_object_set_new(root, "message", message);
	if (a->claim->request != NULL)
		json_object_set_new(root, "request", request_object(a->claim->request));
	json_object_set_new(root, "plan", claim_object(a));
	write_tree(root, json, out);
}
