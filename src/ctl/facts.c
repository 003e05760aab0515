#include "ctl/facts.h"

#include "gateway/results.h"
#include "pki/profiles.h"

#include <openssl/x509v3.h>

#include <stdio.h>
#include <string.h>

/* ---- the certificate -------------------------------------------------------------- */

static void
put_list(json_t *o, const char *key, const struct certfacts *facts, enum certfacts_which which)
{
	const struct certfacts_list *list = &facts->list[which];
	json_t *words = json_array();

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(words, tree_text(slice_str(list->word[i])));
	json_object_set_new(o, key, words);
}

static void
put_key(json_t *o, const struct cert *cert)
{
	static const char *const names[] = {[CERT_KEY_RSA] = "RSA", [CERT_KEY_EC] = "EC", [CERT_KEY_OTHER] = "another kind"};
	char text[64];

	snprintf(text, sizeof text, "%s, %u bits", names[cert->key], cert->key_bits);
	tree_put(o, "key", text);
}

static void
put_lists(json_t *o, const struct certfacts *facts)
{
	put_list(o, "key-usage", facts, CERTFACTS_KEY_USAGE);
	put_list(o, "extended-key-usage", facts, CERTFACTS_EXT_KEY_USAGE);
	put_list(o, "policies", facts, CERTFACTS_POLICIES);
	put_list(o, "qc-statements", facts, CERTFACTS_QC_STATEMENTS);
	put_list(o, "qc-types", facts, CERTFACTS_QC_TYPES);
	put_list(o, "qc-countries", facts, CERTFACTS_QC_COUNTRIES);
	put_list(o, "disclosure-statements", facts, CERTFACTS_PDS_URLS);
	put_list(o, "crl", facts, CERTFACTS_CRL_URLS);
	put_list(o, "ocsp", facts, CERTFACTS_OCSP_URLS);
	put_list(o, "issuer-certificates", facts, CERTFACTS_ISSUER_URLS);
}

json_t *
facts_certificate(const struct cert *cert, const struct certfacts *facts, const struct error *why, time_t at)
{
	char fingerprint[REPORT_FINGERPRINT_SIZE];
	json_t *o = json_object(), *addresses = json_array();

	report_fingerprint(cert->digest, fingerprint);
	tree_put(o, "owner", cert->subject);
	tree_put(o, "issuer", cert->issuer);
	tree_put(o, "serial", cert->serial);
	tree_put(o, "sha256", fingerprint);
	tree_put_time(o, "not-before", cert->not_before);
	tree_put_time(o, "not-after", cert->not_after);
	tree_put(o, "validity", at < cert->not_before ? "not yet valid" : at > cert->not_after ? "expired" : "valid");
	put_key(o, cert);
	tree_put_flag(o, "authority", cert->ca);
	for (size_t i = 0; i < cert->address_count; i++)
		json_array_append_new(addresses, tree_text(slice_str(cert->addresses[i])));
	json_object_set_new(o, "addresses", addresses);
	if (facts != NULL)
		put_lists(o, facts);
	else
		tree_put_reason(o, "unreadable-because", why);
	return o;
}

/* ---- the profile ------------------------------------------------------------------ */

static json_t *
rule_object(const struct profile_rule *rule, enum profile_outcome outcome)
{
	static const char *const outcomes[] = {
		[PROFILE_KEPT] = "kept", [PROFILE_BROKEN] = "broken", [PROFILE_ASIDE] = "not applicable",
	};
	json_t *o = json_object();

	tree_put(o, "outcome", outcomes[outcome]);
	tree_put(o, "id", rule->id);
	tree_put(o, "text", rule->words);
	tree_put(o, "section", rule->section);
	tree_put(o, "severity", rule->severity == PROFILE_ERROR ? "error" : "note");
	return o;
}

json_t *
facts_profile(const struct profile *profile, const struct profile_result *result, const char *because)
{
	json_t *o = json_object(), *rules = json_array();

	tree_put(o, "name", profile->name);
	tree_put(o, "text", profile->words);
	tree_put(o, "because", because);
	tree_put(o, "minor", profiles_minor(result));
	tree_put_count(o, "errors", (long long)result->errors);
	tree_put_count(o, "notes", (long long)result->notes);
	for (size_t i = 0; i < result->count; i++)
		json_array_append_new(rules, rule_object(result->rules[i].rule, result->rules[i].outcome));
	json_object_set_new(o, "rules", rules);
	return o;
}

/* ---- what the sets say ------------------------------------------------------------- */

static const char *
why_none(const struct sets *s)
{
	return s->trusts == NULL ? "there is no configuration" : "the configuration names no authorities to ask";
}

static const char *
answer_name(const struct trust_judgement *j)
{
	if (j->answer == ANSWER_YES)
		return "trusted";
	if (j->answer == ANSWER_CANT_TELL)
		return "unknown";
	return j->finding.status.state == STATUS_REVOKED ? "revoked" : "untrusted";
}

static json_t *
link_object(X509 *x509)
{
	struct cert *cert;
	json_t *o = json_object();

	if (cert_from_x509(x509, &cert, NULL) != ANSWER_YES)
		return o;
	tree_put(o, "serial", cert->serial);
	tree_put_time(o, "not-after", cert->not_after);
	tree_put(o, "owner", cert->subject);
	cert_unref(cert);
	return o;
}

json_t *
facts_chain(const struct sets *s)
{
	const struct trust_judgement *j = s->speaker;
	json_t *o = json_object(), *path = json_array();

	if (j == NULL) {
		tree_put(o, "answer", s->trusts == NULL ? "no configuration" : "no authorities");
		tree_put(o, "because", why_none(s));
		json_decref(path);
		return o;
	}
	tree_put(o, "answer", answer_name(j));
	tree_put_reason(o, "because", &j->reason);
	if (j->in_set)
		tree_put(o, "set", sets_name(s, j));
	for (int i = 0; i < sk_X509_num(j->path); i++)
		json_array_append_new(path, link_object(sk_X509_value(j->path, i)));
	json_object_set_new(o, "path", path);
	return o;
}

json_t *
facts_sets(const struct sets *s)
{
	json_t *array = json_array();

	for (size_t i = 0; i < s->count; i++) {
		const struct trust_judgement *j = &s->judgements[i];
		json_t *o = json_object();

		tree_put(o, "set", sets_name(s, j));
		tree_put(o, "answer", answer_name(j));
		tree_put_reason(o, "because", &j->reason);
		json_array_append_new(array, o);
	}
	return array;
}

static void
put_of(json_t *o, const struct trust_judgement *j)
{
	X509 *x509 = j->path != NULL && j->finding.of < (size_t)sk_X509_num(j->path) ?
		sk_X509_value(j->path, (int)j->finding.of) : NULL;
	struct cert *cert;

	if (x509 == NULL || cert_from_x509(x509, &cert, NULL) != ANSWER_YES)
		return;
	tree_put(o, "of", cert->subject);
	cert_unref(cert);
}

static void
put_told(json_t *o, const struct checker_finding *f, time_t at)
{
	if (f->status.state == STATUS_REVOKED) {
		tree_put_time(o, "since", f->status.since);
		tree_put(o, "reason", status_reason_text(f->status.reason));
	}
	tree_put(o, "source", f->source);
	tree_put_time(o, "this-update", f->status.this_update);
	if (f->status.next_update != 0)
		tree_put_time(o, "next-update", f->status.next_update);
	if (f->told != 0) {
		tree_put_time(o, "told", f->told);
		tree_put_count(o, "age-seconds", (long long)(at - f->told));
	}
	tree_put(o, "fault", results_status_fault(f));
}

json_t *
facts_status(const struct sets *s, time_t at)
{
	const struct trust_judgement *j = s->speaker;
	json_t *o = json_object();
	bool asked = j != NULL && j->in_set && (j->answer == ANSWER_YES || j->finding.source[0] != '\0' ||
		j->finding.status.why.answer != ANSWER_YES);

	if (!asked) {
		tree_put(o, "state", "unknown");
		tree_put(o, "because", j == NULL ? why_none(s) : "nothing is asked of a certificate that is not trusted without it");
		return o;
	}
	tree_put(o, "state", results_status_name(j->finding.status.state));
	put_of(o, j);
	if (j->finding.status.state == STATUS_UNKNOWN)
		tree_put_reason(o, "because", &j->finding.status.why);
	else
		put_told(o, &j->finding, at);
	return o;
}

json_t *
facts_qualified(const struct sets *s)
{
	json_t *o = json_object();

	if (s->speaker == NULL) {
		tree_put(o, "verdict", trust_qualified_name(TRUST_NONE));
		tree_put(o, "because", why_none(s));
	} else {
		tree_put(o, "verdict", trust_qualified_name(s->speaker->qualified));
		tree_put_reason(o, "because", &s->speaker->qualified_reason);
	}
	return o;
}
