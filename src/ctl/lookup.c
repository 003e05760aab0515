#include "ctl/ctl.h"

#include "base/deadline.h"

#include "directory/directory.h"
#include "gateway/policy.h"

#include <stdio.h>
#include <stdlib.h>

static void
print_candidate(const struct directory_candidate *c)
{
	char begin[CERT_DATE_SIZE], end[CERT_DATE_SIZE];

	printf("  %s", c->chosen ? "chosen" : c->usable ? "usable" : "refused");
	if (c->cert != NULL) {
		cert_date(c->cert->not_before, begin);
		cert_date(c->cert->not_after, end);
		printf("  %s\n          issuer %s\n          serial %s, valid %s to %s, from directory %s\n", c->cert->subject,
			c->cert->issuer, c->cert->serial, begin, end, c->directory);
	} else {
		printf("  a value that is no certificate, from directory %s\n", c->directory);
	}
	if (!c->usable)
		printf("          why: %s\n", c->refusal.words);
	else if (!c->chosen)
		printf("          why: a newer one was chosen\n");
}

static enum ctl_status
lookup_address(struct gateway *g, const struct ctl_options *o, const char *address)
{
	const struct config *config = gateway_config(g);
	struct policy_question q = {.sender = slice_str(o->sender), .recipient = slice_str(address)};
	struct policy_wish wish;
	struct directory_result result;
	struct directory_question question;
	struct timespec deadline;
	unsigned left = config->fetch_limit;
	struct address parsed;
	enum ctl_status status;

	if (!address_parse(slice_str(address), &parsed)) {
		fprintf(stderr, "sealctl: %s is not a mail address\n", address);
		return CTL_USAGE;
	}
	policy_wish(config, &q, &wish);
	deadline = deadline_in(config->rcpt_deadline * 1000L);
	question = (struct directory_question){
		.address = slice_str(address), .trust = wish.encrypt == NULL ? NULL : &wish.encrypt->trust,
		.encrypt_to = wish.encrypt == NULL ? ENCRYPT_TO_NEWEST : wish.encrypt->encrypt_to, .now = o->now,
		.deadline = &deadline, .left = &left,
	};
	directory_find(gateway_directories(g), &question, &result);
	printf("%s\n", address);
	for (size_t i = 0; i < result.candidate_count; i++)
		print_candidate(&result.candidates[i]);
	if (result.answer != ANSWER_YES)
		printf("  %s: %s\n", result.answer == ANSWER_NO ? "none" : "cannot tell now", result.reason.words);
	status = result.answer == ANSWER_YES ? CTL_DONE : result.answer == ANSWER_NO ? CTL_NO : CTL_CANT_TELL;
	directory_result_free(&result);
	return status;
}

static enum ctl_status
run(const struct ctl_options *o, char **arguments)
{
	enum ctl_status worst = CTL_DONE;
	struct gateway *g;
	struct error err;

	if (ctl_gateway(o, &g, &err) != ANSWER_YES)
		return ctl_fail(&err);
	for (; *arguments != NULL; arguments++) {
		enum ctl_status status = lookup_address(g, o, *arguments);

		if (status > worst)
			worst = status;
	}
	gateway_unref(g);
	return worst;
}

const struct ctl_command ctl_lookup = {"lookup", "ADDRESS...", 1, CTL_RECIPIENTS_MAX, run};
