#include "ctl/sets.h"

#include "base/deadline.h"

#include <openssl/err.h>
#include <openssl/objects.h>

#include <stdlib.h>
#include <string.h>

/* ---- which sets ---------------------------------------------------------------- */

static bool
is_wanted(const struct ctl_options *o, const char *name)
{
	return o->trust == NULL || strcmp(o->trust, name) == 0;
}

static bool
asks_policy(const struct ctl_options *o)
{
	return o->policy_count > 0 || o->explicit_policy || o->inhibit_policy_mapping || o->inhibit_any_policy;
}

static enum answer
check_policies(const struct ctl_options *o, struct error *err)
{
	enum answer answer = ANSWER_YES;

	for (size_t i = 0; answer == ANSWER_YES && i < o->policy_count; i++) {
		ASN1_OBJECT *policy = OBJ_txt2obj(o->policies[i], 1);

		if (policy == NULL)
			answer = error_no(err, "usage", "--policy %s is not an object identifier such as 1.3.6.1.4.1.99999.1",
				o->policies[i]);
		ASN1_OBJECT_free(policy);
	}
	ERR_clear_error();
	return answer;
}

static void
add_block(struct sets *s, const struct ctl_options *o, const struct config_trust *block)
{
	struct config_trust *added = &s->blocks[s->asked.trust_count++];

	*added = *block;
	if (o->policy_count > 0)
		added->policies = (struct config_strings){(char **)o->policies, o->policy_count};
	added->explicit_policy |= o->explicit_policy;
	added->inhibit_policy_mapping |= o->inhibit_policy_mapping;
	added->inhibit_any_policy |= o->inhibit_any_policy;
}

/* Who stands at top level asks for no policies, so he is left out where the command line does. */
static enum answer
choose_blocks(struct sets *s, const struct ctl_options *o, const struct config *config, struct error *err)
{
	s->blocks = calloc(config->trust_count + 1, sizeof *s->blocks);
	s->sets = calloc(config->trust_count + 1, sizeof *s->sets);
	s->judgements = calloc(config->trust_count + 1, sizeof *s->judgements);
	if (s->blocks == NULL || s->sets == NULL || s->judgements == NULL)
		return error_cant_tell(err, "memory", "out of memory");
	s->asked = *config;
	s->asked.trusts = s->blocks;
	s->asked.trust_count = 0;
	for (size_t i = 0; i < config->trust_count; i++)
		if (is_wanted(o, config->trusts[i].name))
			add_block(s, o, &config->trusts[i]);
	if (asks_policy(o) || !is_wanted(o, CONFIG_TRUST_ANCHORS))
		s->asked.anchors.count = s->asked.intermediates.count = 0;
	if (o->trust != NULL && s->asked.trust_count + s->asked.anchors.count == 0)
		return error_no(err, "usage", "there is no trust block %s%s", o->trust,
			asks_policy(o) && strcmp(o->trust, CONFIG_TRUST_ANCHORS) == 0 ? " that policies could be asked of" : "");
	return ANSWER_YES;
}

static void
list_sets(struct sets *s)
{
	while (s->set_count < s->asked.trust_count) {
		s->sets[s->set_count] = trusts_block(s->trusts, s->set_count);
		s->set_count++;
	}
	if (s->asked.anchors.count > 0)
		s->sets[s->set_count++] = trusts_find(s->trusts, CONFIG_TRUST_ANCHORS);
}

enum answer
sets_open(struct sets *s, const struct ctl_options *o, const struct config *config, struct error *err)
{
	enum answer answer;

	*s = (struct sets){0};
	if (config == NULL && o->trust != NULL)
		return error_no(err, "usage", "there is no configuration, so no trust block %s", o->trust);
	if (config == NULL)
		return ANSWER_YES;
	answer = check_policies(o, err);
	if (answer == ANSWER_YES)
		answer = choose_blocks(s, o, config, err);
	if (answer == ANSWER_YES)
		answer = ctl_read_as(config, CTL_AS_GATE, err);
	if (answer == ANSWER_YES)
		answer = trusts_new(&s->asked, &s->trusts, err);
	if (answer == ANSWER_YES)
		list_sets(s);
	return answer;
}

void
sets_close(struct sets *s)
{
	for (size_t i = 0; i < s->count; i++)
		trust_judgement_free(&s->judgements[i]);
	trusts_free(s->trusts);
	free(s->judgements);
	free(s->sets);
	free(s->blocks);
}

/* ---- what they say --------------------------------------------------------------- */

static bool
is_final(const struct trust_judgement *j)
{
	return j->answer == ANSWER_YES || j->finding.status.state == STATUS_REVOKED;
}

/* As the gateway chooses, see trust.h. */
static unsigned
rank(const struct trust_judgement *j)
{
	return is_final(j) ? 3 : j->answer == ANSWER_CANT_TELL ? 2 : j->in_set ? 1 : 0;
}

enum answer
sets_judge(struct sets *s, const struct ctl_options *o, const struct cert *cert, STACK_OF(X509) *extra,
	struct error *err)
{
	unsigned left = s->asked.fetch_limit;
	struct timespec deadline = deadline_in(s->asked.status_timeout * 1000L);
	struct trust_question q = {.cert = cert, .extra = extra, .at = o->now, .fetch = !o->no_fetch,
		.deadline = &deadline, .left = &left};

	for (s->count = 0; s->count < s->set_count; s->count++) {
		struct trust_judgement *j = &s->judgements[s->count];

		trust_judge(s->sets[s->count], &q, j);
		if (s->speaker == NULL || rank(j) > rank(s->speaker))
			s->speaker = j;
	}
	if (s->speaker != NULL && s->speaker->answer == ANSWER_CANT_TELL &&
		strcmp(s->speaker->reason.code, "status-unknown") != 0) {
		*err = s->speaker->reason;
		return ANSWER_CANT_TELL;
	}
	return ANSWER_YES;
}

const char *
sets_name(const struct sets *s, const struct trust_judgement *j)
{
	return trust_name(s->sets[j - s->judgements]);
}
