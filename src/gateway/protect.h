/* protect: carry a plan out: compose, sign, encrypt, and write the edit.
 *
 * What the job names is borrowed and only read; the edit is the caller's, its
 * body's limit is what a layer may grow to. Threads: any, each its own edit.
 */
#ifndef GATEWAY_PROTECT_H
#define GATEWAY_PROTECT_H

#include "gateway/edit.h"
#include "gateway/made.h"
#include "gateway/policy.h"
#include "keys/key.h"
#include "mail/mime.h"
#include "pki/cert.h"

struct protect_job {
	const struct message *message;
	const struct mime *mime;
	const struct policy_plan *plan;
	const struct key_identity *signer;   /* where the plan signs */
	struct cert *const *certificates;    /* where it encrypts, each once */
	size_t certificate_count;
	struct made *made;                   /* where a signed and encrypted result is remembered, or NULL */
	time_t now;
};

/* Fills the body and the MIME fields of e. NO: a recipient's key or a size that
 * will never do. CANT_TELL: keeper, a certificate out of date, memory. e is then to be
 * answered with err (edit_answer_error() drops what was filled in). note: why the form is another than
 * the rule's, static text or NULL. */
enum answer protect_message(const struct protect_job *job, struct edit *e, const char **note, struct error *err);

#endif
