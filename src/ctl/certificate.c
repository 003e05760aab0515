#include "ctl/facts.h"

#include "directory/directory.h"
#include "pki/profiles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A certificate with all that it is judged by. */
struct inquiry {
	const struct ctl_options *o;
	const struct config *config;   /* NULL: there is none */
	struct cert **certs;           /* the first is judged, the others may help */
	size_t cert_count;
	STACK_OF(X509) *extra;
	struct sets sets;
	struct certfacts *facts;       /* NULL: they cannot be read, why says */
	struct error why;
	const struct profile *profile; /* NULL: none fits */
	struct profile_result result;
	char because[128];             /* why it is this profile */
};

/* ---- the profile ------------------------------------------------------------------- */

/* By what a certificate shows that it means to keep a built-in profile: that it keeps this rule. What is more
 * special stands first. */
static const struct {
	const char *profile;
	const char *rule;
} shown_by[] = {
	{"ica-qualified-signature", "policy"},
	{"oces-person", "policy"},
	{"oces-employee", "policy"},
	{"oces-company", "policy"},
	{"oces-function", "policy"},
	{"cesnet", "beginning"},
	{"eidas-seal", "qc-type"},
	{"eidas-signature", "qc-compliance"},
};

static bool
is_kept(const struct profile_result *result, const char *id)
{
	for (size_t i = 0; i < result->count; i++)
		if (strcmp(result->rules[i].rule->id, id) == 0)
			return result->rules[i].outcome == PROFILE_KEPT;
	return false;
}

static void
check_against(struct inquiry *q, const struct profile *profile)
{
	q->profile = profile;
	profile_check(profile, q->facts, NULL, q->o->now, &q->result);
}

static void
guess_profile(struct inquiry *q)
{
	for (size_t i = 0; i < sizeof shown_by / sizeof *shown_by; i++) {
		check_against(q, profiles_find(slice_str(shown_by[i].profile)));
		if (is_kept(&q->result, shown_by[i].rule)) {
			snprintf(q->because, sizeof q->because, "it keeps the rule \"%s\": of the built-in ones this fits best",
				shown_by[i].rule);
			return;
		}
	}
	q->profile = NULL;
}

/* NO: there is no profile of that name. */
static enum answer
choose_profile(struct inquiry *q, struct error *err)
{
	const struct trust_judgement *speaker = q->sets.speaker;
	struct slice name = slice_str(q->o->profile);
	const struct profile *given = q->o->profile == NULL ? NULL :
		q->sets.trusts != NULL ? trusts_profile(q->sets.trusts, name) : profiles_find(name);

	if (q->o->profile != NULL && given == NULL)
		return error_no(err, "profile", "there is no profile %s", q->o->profile);
	if (q->facts == NULL)
		return ANSWER_YES;
	if (given != NULL) {
		check_against(q, given);
		snprintf(q->because, sizeof q->because, "it was asked for");
	} else if (speaker != NULL && speaker->profile != NULL) {
		q->profile = speaker->profile;
		q->result = speaker->result;
		snprintf(q->because, sizeof q->because, "trust block %s names it", sets_name(&q->sets, speaker));
	} else {
		guess_profile(q);
	}
	return ANSWER_YES;
}

static json_t *
profile_object(const struct inquiry *q)
{
	json_t *o;

	if (q->profile != NULL)
		return facts_profile(q->profile, &q->result, q->because);
	o = json_object();
	tree_put(o, "because", q->facts == NULL ? "the certificate cannot be read in full, so it keeps none" :
		"no built-in profile fits: none of its policies and statements is known");
	return o;
}

/* ---- what it is fit for ------------------------------------------------------------- */

static enum answer
judge_validity(const struct inquiry *q, struct error *err)
{
	const struct cert *cert = q->certs[0];
	char date[CERT_DATE_SIZE];

	if (q->o->now < cert->not_before) {
		cert_date(cert->not_before, date);
		return error_no(err, "not-yet-valid", "it is valid only from %s on", date);
	}
	if (q->o->now > cert->not_after) {
		cert_date(cert->not_after, date);
		return error_no(err, "expired", "it expired on %s", date);
	}
	if (cert->ca)
		return error_no(err, "ca", "it is an authority's");
	return ANSWER_YES;
}

static enum answer
judge_key(const struct cert *cert, struct error *err)
{
	if (cert->key == CERT_KEY_OTHER)
		return error_no(err, "key-type", "its key is neither RSA nor EC P-256, P-384 or P-521");
	if (cert->key == CERT_KEY_RSA && (cert->key_bits < CERT_RSA_BITS_MIN || cert->key_bits > CERT_RSA_BITS_MAX))
		return error_no(err, "key-size", "its RSA key has %u bits; %d to %d are used", cert->key_bits, CERT_RSA_BITS_MIN,
			CERT_RSA_BITS_MAX);
	return ANSWER_YES;
}

/* One From address that the block speaks for is enough; where the certificate has none, a directory may list it for
 * any. */
static bool
speaks_for(const struct config_trust *block, const struct cert *cert)
{
	if (cert->address_count == 0 || (block->senders.count == 0 && block->sender_domains.count == 0))
		return true;
	for (size_t i = 0; i < cert->address_count; i++) {
		struct slice text = slice_str(cert->addresses[i]);
		struct address address;

		if (address_parse(text, &address) && config_domain_among(address.domain, &block->sender_domains))
			return true;
		for (size_t k = 0; k < block->senders.count; k++)
			if (address_equal_text(slice_str(block->senders.item[k]), text))
				return true;
	}
	return false;
}

/* Recipients' certificates are for the sets that a rule or recipient-trust names, else for what stands at top
 * level. */
static bool
judges_recipients(const struct config *config, const char *set)
{
	for (size_t i = 0; i < config->rule_count; i++)
		if (config_strings_have(&config->rules[i].trust, set))
			return true;
	return config->recipient_trust.count == 0 ? strcmp(set, CONFIG_TRUST_ANCHORS) == 0 :
		config_strings_have(&config->recipient_trust, set);
}

static bool
is_asked(const struct inquiry *q, const struct trust *set, bool recipients)
{
	if (recipients)
		return judges_recipients(q->config, trust_name(set));
	return trust_block(set) != NULL && speaks_for(trust_block(set), q->certs[0]);
}

static enum answer
judge_trust(const struct inquiry *q, bool recipients, struct error *err)
{
	const struct sets *s = &q->sets;
	const struct trust_judgement *no = NULL;

	for (size_t i = 0; i < s->count; i++) {
		const struct trust_judgement *j = &s->judgements[i];

		if (!is_asked(q, s->sets[i], recipients))
			continue;
		if (j->answer == ANSWER_YES)
			return ANSWER_YES;
		if (no == NULL || j->in_set)
			no = j;
	}
	if (no == NULL)
		return error_no(err, "no-set", "there is no set of authorities that is asked about %s",
			recipients ? "recipients" : "signers with its addresses");
	*err = no->reason;
	return no->answer;
}

/* As the gateway asks, whatever the sets themselves require. */
static enum answer
judge_standing(const struct inquiry *q, struct error *err)
{
	const struct trust_judgement *speaker = q->sets.speaker;
	bool required = q->config != NULL && q->config->seal_revocation == REVOCATION_REQUIRE;

	if (speaker != NULL && speaker->finding.status.state == STATUS_REVOKED)
		return error_no(err, "revoked", "it was revoked");
	if (required && (speaker == NULL || speaker->finding.status.state != STATUS_GOOD))
		return error_cant_tell(err, "status-unknown", "seal-revocation = require, and whether it is revoked is not known");
	return ANSWER_YES;
}

static enum answer
fit_to_seal(const struct inquiry *q, struct error *err)
{
	const struct cert *cert = q->certs[0];
	enum answer answer = judge_validity(q, err);

	if (answer == ANSWER_YES)
		answer = judge_key(cert, err);
	if (answer == ANSWER_YES && !cert_may_sign(cert))
		answer = error_no(err, "key-usage", "its key usage permits neither digitalSignature nor nonRepudiation");
	return answer == ANSWER_YES ? judge_standing(q, err) : answer;
}

static enum answer
fit_to_sign(const struct inquiry *q, struct error *err)
{
	enum answer answer = judge_validity(q, err);

	if (answer == ANSWER_YES && !cert_may_sign(q->certs[0]))
		answer = error_no(err, "key-usage", "its key usage permits neither digitalSignature nor nonRepudiation");
	return answer == ANSWER_YES ? judge_trust(q, false, err) : answer;
}

/* For an address of its own, or where it has none for one that a directory lists it for. */
static enum answer
fit_to_encrypt(const struct inquiry *q, struct error *err)
{
	const struct cert *cert = q->certs[0];
	struct slice address = slice_str(cert->address_count > 0 ? cert->addresses[0] : NULL);
	enum answer answer = directory_judge(cert, address, true, q->o->now, err);

	return answer == ANSWER_YES ? judge_trust(q, true, err) : answer;
}

static json_t *
fit_array(const struct inquiry *q)
{
	static const struct {
		const char *what;
		enum answer (*judge)(const struct inquiry *, struct error *);
	} uses[] = {
		{"sealing", fit_to_seal}, {"signing", fit_to_sign}, {"encrypting", fit_to_encrypt},
	};
	json_t *array = json_array();

	for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
		struct error err = ERROR_NONE;
		json_t *use = json_object();

		tree_put(use, "use", uses[i].what);
		tree_put_flag(use, "fit", uses[i].judge(q, &err) == ANSWER_YES);
		tree_put_reason(use, "because", &err);
		json_array_append_new(array, use);
	}
	return array;
}

/* ---- the commands -------------------------------------------------------------------- */

static enum answer
read_file(struct inquiry *q, const char *path, struct error *err)
{
	enum answer answer = cert_read_file(path, &q->certs, &q->cert_count, err);

	if (answer != ANSWER_YES)
		return answer;
	q->extra = sk_X509_new_null();
	if (q->extra == NULL)
		return error_cant_tell(err, "memory", "out of memory");
	for (size_t i = 1; i < q->cert_count; i++)
		if (sk_X509_push(q->extra, q->certs[i]->x509) <= 0)
			return error_cant_tell(err, "memory", "out of memory");
	if (certfacts_read(q->certs[0], &q->facts, &q->why) == ANSWER_CANT_TELL) {
		*err = q->why;
		return ANSWER_CANT_TELL;
	}
	return ANSWER_YES;
}

static enum answer
inquire(struct inquiry *q, struct config *config, struct error *err)
{
	enum answer answer = sets_open(&q->sets, q->o, config, err);

	q->config = config;
	if (answer == ANSWER_YES)
		answer = sets_judge(&q->sets, q->o, q->certs[0], q->extra, err);
	if (answer == ANSWER_YES)
		answer = choose_profile(q, err);
	return answer;
}

static void
inquiry_free(struct inquiry *q)
{
	sets_close(&q->sets);
	certfacts_free(q->facts);
	sk_X509_free(q->extra);
	cert_free_array(q->certs, q->cert_count);
}

static enum ctl_status
status_of(const struct inquiry *q)
{
	const struct trust_judgement *speaker = q->sets.speaker;

	if (speaker == NULL)
		return CTL_NO;
	return speaker->answer == ANSWER_YES ? CTL_DONE : speaker->answer == ANSWER_NO ? CTL_NO : CTL_CANT_TELL;
}

static enum ctl_status
tell_verified(const struct inquiry *q)
{
	json_t *root = json_object();

	json_object_set_new(root, "chain", facts_chain(&q->sets));
	json_object_set_new(root, "sets", facts_sets(&q->sets));
	json_object_set_new(root, "status", facts_status(&q->sets, q->o->now));
	return report_print(root, q->o->json) ? status_of(q) : CTL_CANT_TELL;
}

/* Who asks about a profile where there is no configuration wants to know of that only. */
static enum ctl_status
status_with_profile(const struct inquiry *q)
{
	enum ctl_status status = q->config == NULL && q->o->profile != NULL ? CTL_DONE : status_of(q);
	bool good = q->facts != NULL && (q->profile == NULL || q->result.errors == 0);

	return status == CTL_DONE && !good ? CTL_NO : status;
}

static enum ctl_status
tell_checked(const struct inquiry *q)
{
	enum ctl_status status = status_with_profile(q);
	json_t *root = json_object();

	json_object_set_new(root, "certificate", facts_certificate(q->certs[0], q->facts, &q->why, q->o->now));
	json_object_set_new(root, "profile", profile_object(q));
	json_object_set_new(root, "chain", facts_chain(&q->sets));
	json_object_set_new(root, "sets", facts_sets(&q->sets));
	json_object_set_new(root, "status", facts_status(&q->sets, q->o->now));
	json_object_set_new(root, "qualified", facts_qualified(&q->sets));
	json_object_set_new(root, "fit", fit_array(q));
	return report_print(root, q->o->json) ? status : CTL_CANT_TELL;
}

/* What cannot be read as a certificate is a definite no, a file that is not there a wrong command line. */
static enum ctl_status
fail(const struct error *err)
{
	enum ctl_status status = ctl_fail(err);

	return strcmp(err->code, "malformed") == 0 || strcmp(err->code, "limit") == 0 ? CTL_NO : status;
}

static enum ctl_status
run(const struct ctl_options *o, const char *path, enum ctl_status (*tell)(const struct inquiry *))
{
	struct inquiry q = {.o = o};
	struct error err = ERROR_NONE;
	struct config *config = NULL;
	enum ctl_status status;
	/* The file is the caller's, so it is read before sealctl becomes the gate's user. */
	enum answer answer = read_file(&q, path, &err);

	if (answer == ANSWER_YES)
		answer = ctl_config_if_any(o, &config, &err);
	if (answer == ANSWER_YES)
		answer = inquire(&q, config, &err);
	status = answer == ANSWER_YES ? tell(&q) : fail(&err);
	inquiry_free(&q);
	config_unref(config);
	return status;
}

static enum ctl_status
check(const struct ctl_options *o, char **arguments)
{
	return run(o, arguments[0], tell_checked);
}

static enum ctl_status
verify(const struct ctl_options *o, char **arguments)
{
	return run(o, arguments[0], tell_verified);
}

const struct ctl_command ctl_certificate_check = {"certificate check", "FILE", 1, 1, check};
const struct ctl_command ctl_certificate_verify = {"certificate verify", "FILE", 1, 1, verify};
