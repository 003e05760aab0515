#include "gateway/policy.h"
#include "gateway/protect.h"
#include "gateway/state.h"

#include <string.h>

#define GROWTH 8 /* base64 and quoted-printable, with room to spare */
#define EXTRA (256 * 1024) /* the signature with its certificates */

/* In clear, so that any mail program shows it. */
static enum answer
seal(const struct gateway *g, size_t signer, const struct message *m, time_t now, struct edit *e, struct error *err)
{
	const struct config *c = g->config;
	const struct mime_limits limits = {.depth = c->mime_depth_limit, .parts = c->mime_part_limit};
	const struct config_rule rule = {
		.says_sign = true, .form = FORM_CLEAR, .digest = DIGEST_SHA256, .rsa_signature = RSA_SIGNATURE_PKCS1,
	};
	const struct policy_plan plan = {.action = POLICY_PROTECT, .sign = &rule};
	struct protect_job job = {.message = m, .plan = &plan, .signer = g->identities[signer], .now = now};
	struct mime *mime;
	const char *note;
	enum answer answer = mime_parse(m, &limits, &mime, err);

	if (answer != ANSWER_YES)
		return answer;
	job.mime = mime;
	answer = protect_message(&job, e, &note, err);
	mime_free(mime);
	return answer;
}

static enum answer
seal_into(const struct gateway *g, size_t signer, struct slice file, struct message *m, time_t now, struct buf *out,
	struct error *err)
{
	enum answer answer = message_read(file, m, err);
	struct edit e;

	if (answer != ANSWER_YES)
		return answer;
	edit_init(&e, file.len * GROWTH + EXTRA);
	answer = seal(g, signer, m, now, &e, err);
	if (answer == ANSWER_YES) {
		edit_apply(&e, m, out);
		if (buf_failed(out))
			answer = error_cant_tell(err, "memory", "out of memory for the sealed message");
	}
	edit_free(&e);
	return answer;
}

enum answer
gateway_seal(struct gateway *g, const char *signer, struct slice file, time_t now, struct buf *out, struct error *err)
{
	struct message *m;
	enum answer answer;
	size_t i = 0;

	while (i < g->config->signer_count && strcmp(g->config->signers[i].name, signer) != 0)
		i++;
	if (i == g->config->signer_count)
		return error_no(err, "no-signer", "there is no signer %s", signer);
	answer = seals_may_sign(g->seals, i, now, err);
	if (answer != ANSWER_YES)
		return answer;
	m = message_new(file.len);
	if (m == NULL)
		return error_cant_tell(err, "memory", "out of memory for the sealed message");
	answer = seal_into(g, i, file, m, now, out, err);
	message_free(m);
	return answer;
}
