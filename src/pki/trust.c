#include "pki/trust.h"
#include "pki/issuers.h"
#include "pki/own_profile.h"
#include "pki/profiles.h"
#include "pki/qualified.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(CONFIG_POLICIES_MAX == CHAIN_POLICIES_MAX, "the configuration has the limit of chains");

struct trust {
	const struct trusts *trusts;
	const struct config_trust *block; /* NULL: "anchors" */
	struct chain_store *store;
	struct cert **signers;            /* the anchors, then the intermediates */
	size_t signer_count;
	size_t anchor_count;
	const struct profile **profiles;  /* one for each of the block's */
	struct checker_set set;
};

struct trusts {
	const struct config *config;
	struct checker *checker;
	struct issuers *issuers; /* NULL: no set has aia-hosts */
	struct own_profiles *own;
	struct trust anchors;
	struct trust *block;     /* one for each of config's */
};

static const struct config_strings nothing;

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "out of memory for trust");
}

/* ---- making them ------------------------------------------------------------------ */

static enum answer
add_signers(struct trust *t, const struct config_strings *files, struct error *err)
{
	for (size_t i = 0; i < files->count; i++) {
		struct cert **certs, **all;
		size_t count;
		enum answer answer = cert_read_file(files->item[i], &certs, &count, err);

		if (answer != ANSWER_YES)
			return answer;
		all = reallocarray(t->signers, t->signer_count + count + 1, sizeof *all);
		if (all == NULL) {
			cert_free_array(certs, count);
			return no_memory(err);
		}
		memcpy(all + t->signer_count, certs, count * sizeof *certs);
		free(certs);
		t->signers = all;
		t->signer_count += count;
	}
	return ANSWER_YES;
}

static enum answer
find_profiles(struct trust *t, struct error *err)
{
	const struct config_strings *names = &t->block->profiles;

	t->profiles = calloc(names->count + 1, sizeof *t->profiles);
	if (t->profiles == NULL)
		return no_memory(err);
	for (size_t i = 0; i < names->count; i++) {
		t->profiles[i] = trusts_profile(t->trusts, slice_str(names->item[i]));
		if (t->profiles[i] == NULL)
			return error_no(err, "profile", "there is no profile %s", names->item[i]);
	}
	return ANSWER_YES;
}

static enum answer
open_set(struct trust *t, const struct config_strings *anchors, const struct config_strings *intermediates,
	bool accept_weak, struct error *err)
{
	enum answer answer = chain_store_new(anchors->item, anchors->count, intermediates->item, intermediates->count,
		accept_weak, &t->store, err);

	if (answer == ANSWER_YES)
		answer = add_signers(t, anchors, err);
	t->anchor_count = t->signer_count;
	if (answer == ANSWER_YES)
		answer = add_signers(t, intermediates, err);
	t->set.store = t->store;
	t->set.signers = t->signers;
	t->set.signer_count = t->signer_count;
	t->set.accept_weak = accept_weak;
	return answer;
}

static enum answer
open_anchors(struct trusts *ts, struct error *err)
{
	struct trust *t = &ts->anchors;

	t->trusts = ts;
	t->set = (struct checker_set){.mode = ts->config->anchors_revocation, .crls = &nothing};
	return open_set(t, &ts->config->anchors, &ts->config->intermediates, false, err);
}

static enum answer
open_block(struct trusts *ts, size_t i, struct error *err)
{
	const struct config_trust *block = &ts->config->trusts[i];
	struct trust *t = &ts->block[i];
	enum answer answer;

	t->trusts = ts;
	t->block = block;
	t->set = (struct checker_set){.mode = block->revocation, .crl_first = block->crl_first, .crls = &block->crls};
	answer = open_set(t, &block->anchors, &block->intermediates, ts->config->accept_weak_signatures, err);
	if (answer == ANSWER_YES)
		answer = find_profiles(t, err);
	if (answer == ANSWER_YES && block->aia_hosts.count > 0 && ts->issuers == NULL)
		answer = issuers_new(ts->config, &ts->issuers, err);
	if (answer != ANSWER_YES)
		error_prefix(err, "trust %s", block->name);
	return answer;
}

enum answer
trusts_new(const struct config *config, struct trusts **trusts, struct error *err)
{
	struct trusts *made = calloc(1, sizeof *made);
	enum answer answer;

	*trusts = NULL;
	if (made == NULL)
		return no_memory(err);
	made->config = config;
	made->block = calloc(config->trust_count + 1, sizeof *made->block);
	answer = made->block == NULL ? no_memory(err) : checker_new(config, &made->checker, err);
	if (answer == ANSWER_YES)
		answer = own_profiles_new(config, &made->own, err);
	if (answer == ANSWER_YES)
		answer = open_anchors(made, err);
	for (size_t i = 0; answer == ANSWER_YES && i < config->trust_count; i++)
		answer = open_block(made, i, err);
	if (answer != ANSWER_YES) {
		trusts_free(made);
		return answer;
	}
	*trusts = made;
	return ANSWER_YES;
}

enum answer
trusts_start(struct trusts *trusts, struct error *err)
{
	return checker_start(trusts->checker, err);
}

static void
close_set(struct trust *t)
{
	chain_store_free(t->store);
	cert_free_array(t->signers, t->signer_count);
	free(t->profiles);
}

void
trusts_free(struct trusts *trusts)
{
	if (trusts == NULL)
		return;
	checker_free(trusts->checker);
	issuers_free(trusts->issuers);
	for (size_t i = 0; trusts->block != NULL && i < trusts->config->trust_count; i++)
		close_set(&trusts->block[i]);
	close_set(&trusts->anchors);
	own_profiles_free(trusts->own);
	free(trusts->block);
	free(trusts);
}

/* ---- which there are --------------------------------------------------------------- */

const struct trust *
trusts_block(const struct trusts *trusts, size_t i)
{
	return &trusts->block[i];
}

const struct trust *
trusts_find(const struct trusts *trusts, const char *name)
{
	if (strcmp(name, CONFIG_TRUST_ANCHORS) == 0)
		return &trusts->anchors;
	for (size_t i = 0; i < trusts->config->trust_count; i++)
		if (strcmp(name, trusts->config->trusts[i].name) == 0)
			return &trusts->block[i];
	return NULL;
}

struct checker *
trusts_checker(const struct trusts *trusts)
{
	return trusts->checker;
}

const char *
trust_name(const struct trust *trust)
{
	return trust->block == NULL ? CONFIG_TRUST_ANCHORS : trust->block->name;
}

const struct config_trust *
trust_block(const struct trust *trust)
{
	return trust->block;
}

const struct profile *
trusts_profile(const struct trusts *trusts, struct slice name)
{
	const struct profile *own = own_profiles_find(trusts->own, name);

	return own != NULL ? own : profiles_find(name);
}

const char *
trust_qualified_name(enum trust_qualified qualified)
{
	static const char *const names[] = {
		[TRUST_NONE] = "none", [TRUST_ADVANCED] = "advanced",
		[TRUST_SIGNATURE] = "qualified-signature", [TRUST_SIGNATURE_QSCD] = "qualified-signature-qscd",
		[TRUST_SEAL] = "qualified-seal", [TRUST_SEAL_QSCD] = "qualified-seal-qscd",
	};

	return names[qualified];
}

/* ---- path and status ---------------------------------------------------------------- */

/* One judgement on its way. Several paths may be good but for status: what was found of the first that
 * had such an answer is kept. */
struct search {
	const struct trust *trust;
	const struct trust_question *question;
	struct checker_set set;
	struct {
		bool had;
		struct checker_finding finding;
		STACK_OF(X509) *path;
	} found[ANSWER_CANT_TELL + 1];
};

static bool
keep(struct search *s, enum answer answer, const STACK_OF(X509) *path, const struct checker_finding *finding)
{
	if (s->found[answer].had)
		return true;
	s->found[answer].path = X509_chain_up_ref((STACK_OF(X509) *)path);
	s->found[answer].finding = *finding;
	s->found[answer].had = s->found[answer].path != NULL;
	return s->found[answer].had;
}

static enum answer
ask_checker(void *arg, const STACK_OF(X509) *path, time_t at, struct error *err)
{
	struct search *s = arg;
	const struct trust_question *q = s->question;
	struct checker_question question = {
		.set = &s->set, .path = path, .at = at, .fetch = q->fetch, .deadline = q->deadline, .left = q->left,
	};
	struct checker_finding finding = {.status = {.state = STATUS_UNKNOWN, .why = ERROR_NONE}};
	enum answer answer = checker_path(s->trust->trusts->checker, &question, &finding, err);

	return keep(s, answer, path, &finding) ? answer : no_memory(err);
}

static struct chain_question
chain_question(struct search *s, STACK_OF(X509) *extra)
{
	const struct config_trust *block = s->trust->block;
	struct chain_question q = {.at = s->question->at, .extra = extra};

	if (!s->question->path_only) {
		q.status = ask_checker;
		q.status_arg = s;
	}
	if (block == NULL)
		return q;
	q.policies = block->policies.item;
	q.policy_count = block->policies.count;
	q.explicit_policy = block->explicit_policy;
	q.inhibit_mapping = block->inhibit_policy_mapping;
	q.inhibit_any = block->inhibit_any_policy;
	return q;
}

static bool
is_untrusted(enum answer answer, const struct error *err)
{
	return answer == ANSWER_NO && strcmp(err->code, "untrusted") == 0;
}

/* The same once more, with authorities that the message lacks. */
static enum answer
validate_with_issuers(struct search *s, struct error *err)
{
	const struct trust *t = s->trust;
	const struct trust_question *q = s->question;
	unsigned places = TRUST_ISSUERS_FETCHED_MAX;
	struct issuers_question wanted = {
		.cert = q->cert, .own = t->signers, .own_count = t->signer_count, .anchor_count = t->anchor_count,
		.hosts = &t->block->aia_hosts, .fetch = q->fetch, .deadline = q->deadline, .left = q->left, .places = &places,
	};
	STACK_OF(X509) *helpers = q->extra == NULL ? sk_X509_new_null() : X509_chain_up_ref(q->extra);
	enum answer answer = ANSWER_NO, added = ANSWER_YES;
	struct error why = ERROR_NONE;

	if (helpers == NULL)
		return no_memory(err);
	while (is_untrusted(answer, err) && (added = issuers_add(t->trusts->issuers, &wanted, helpers, &why)) == ANSWER_YES) {
		struct chain_question question = chain_question(s, helpers);

		answer = chain_validate(t->store, q->cert, &question, NULL, err);
	}
	/* What is only preferred never makes mail wait. */
	if (added == ANSWER_CANT_TELL && q->fetch && s->set.mode == REVOCATION_REQUIRE)
		answer = error_cant_tell(err, "status-unknown", "its issuer's certificate cannot be had now: %s", why.words);
	else if (added == ANSWER_CANT_TELL && q->fetch)
		answer = error_no(err, "untrusted", "its issuer's certificate cannot be had now: %s", why.words);
	sk_X509_pop_free(helpers, X509_free);
	return answer;
}

/* Which paths there are where any policy will do: its path is good then, and only the policies are not. */
static bool
fails_by_policy_only(const struct search *s, STACK_OF(X509) **path)
{
	const struct config_trust *block = s->trust->block;
	struct chain_question question = {.at = s->question->at, .extra = s->question->extra};

	if (block == NULL || (block->policies.count == 0 && !block->explicit_policy && !block->inhibit_policy_mapping &&
	    !block->inhibit_any_policy))
		return false;
	return chain_validate(s->trust->store, s->question->cert, &question, path, NULL) == ANSWER_YES;
}

static void
take_found(struct search *s, struct trust_judgement *j)
{
	if (!s->found[j->answer].had)
		return;
	j->in_set = true;
	j->finding = s->found[j->answer].finding;
	j->path = s->found[j->answer].path;
	s->found[j->answer].path = NULL;
}

static void
judge_path(const struct trust *trust, const struct trust_question *question, struct trust_judgement *j)
{
	struct search s = {.trust = trust, .question = question, .set = trust->set};
	struct chain_question chain = chain_question(&s, question->extra);

	if (question->seal)
		s.set.mode = trust->trusts->config->seal_revocation;
	j->answer = chain_validate(trust->store, question->cert, &chain, NULL, &j->reason);
	if (is_untrusted(j->answer, &j->reason) && trust->block != NULL && trust->block->aia_hosts.count > 0)
		j->answer = validate_with_issuers(&s, &j->reason);
	take_found(&s, j);
	if (j->answer == ANSWER_YES || (is_untrusted(j->answer, &j->reason) && !j->in_set && fails_by_policy_only(&s, &j->path)))
		j->in_set = true;
	for (size_t i = 0; i < sizeof s.found / sizeof s.found[0]; i++)
		sk_X509_pop_free(s.found[i].path, X509_free);
}

/* ---- what the certificate is like ---------------------------------------------------- */

/* The first that it keeps; else the first. */
static void
check_profiles(const struct trust *trust, time_t at, struct trust_judgement *j)
{
	size_t count = trust->block == NULL ? 0 : trust->block->profiles.count;

	if (count > 0 && j->facts == NULL) {
		j->profile = trust->profiles[0];
		j->result.errors = 1;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct profile_result result;

		profile_check(trust->profiles[i], j->facts, NULL, at, &result);
		if (i > 0 && result.errors > 0)
			continue;
		j->profile = trust->profiles[i];
		j->result = result;
		if (result.errors == 0)
			return;
	}
}

static void
demand_profile(const struct trust *trust, struct trust_judgement *j)
{
	char names[ERROR_WORDS_MAX];

	if (j->answer != ANSWER_YES || j->profile == NULL || j->result.errors == 0 || !trust->block->profile_required)
		return;
	if (j->facts == NULL)
		snprintf(names, sizeof names, "what it says of itself cannot be read");
	else
		profile_name_broken(&j->result, PROFILE_ERROR, names, sizeof names);
	j->answer = error_no(&j->reason, "profile", "it breaks the profile %s: %s", j->profile->name, names);
}

static void
judge_what_it_is(const struct trust *trust, const struct trust_question *question, struct trust_judgement *j)
{
	struct qualified_question q = {
		.signatures = trust->block != NULL && trust->block->qualified_signatures,
		.seals = trust->block != NULL && trust->block->qualified_seals,
		.at = question->at,
	};
	struct error err = ERROR_NONE;

	if (certfacts_read(question->cert, &j->facts, &err) == ANSWER_CANT_TELL) {
		j->answer = no_memory(&j->reason);
		return;
	}
	check_profiles(trust, question->at, j);
	demand_profile(trust, j);
	q.trusted = j->answer == ANSWER_YES;
	q.status = &j->finding.status;
	q.facts = j->facts;
	q.profile = j->profile;
	q.result = &j->result;
	j->qualified = qualified_decide(&q, &j->qualified_reason);
}

/* ---- all of it ------------------------------------------------------------------------ */

void
trust_judge(const struct trust *trust, const struct trust_question *question, struct trust_judgement *j)
{
	*j = (struct trust_judgement){
		.reason = ERROR_NONE,
		.finding = {.status = {.state = STATUS_UNKNOWN, .why = ERROR_NONE}},
		.qualified = TRUST_NONE,
	};
	error_no(&j->qualified_reason, "untrusted", "it is not trusted");
	judge_path(trust, question, j);
	if (j->in_set && !question->path_only)
		judge_what_it_is(trust, question, j);
	if (j->answer == ANSWER_YES)
		j->reason = ERROR_NONE;
}

void
trust_judgement_free(struct trust_judgement *j)
{
	sk_X509_pop_free(j->path, X509_free);
	certfacts_free(j->facts);
	*j = (struct trust_judgement){.path = NULL};
}
