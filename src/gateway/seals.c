#include "gateway/seals.h"

#include "base/deadline.h"
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum standing {
	SEAL_UNSEEN,
	SEAL_GOOD,    /* or it does not matter */
	SEAL_UNKNOWN,
	SEAL_NO_SET,  /* nobody could tell */
	SEAL_REVOKED,
};

struct seal {
	enum standing standing;
	struct error why;   /* unless GOOD */
	enum standing told; /* in the log */
	time_t told_at;
};

struct seals {
	const struct config *config;
	struct key_identity *const *identities;
	const struct trusts *trusts;
	atomic_llong due;     /* uptime */
	pthread_mutex_t lock; /* over item */
	struct seal *item;    /* one for each of config's signers */
};

enum answer
seals_new(const struct config *config, struct key_identity *const *identities, const struct trusts *trusts,
	struct seals **seals, struct error *err)
{
	struct seals *made = calloc(1, sizeof *made);

	*seals = NULL;
	if (made == NULL || (made->item = calloc(config->signer_count + 1, sizeof *made->item)) == NULL) {
		free(made);
		return error_cant_tell(err, "memory", "out of memory");
	}
	made->config = config;
	made->identities = identities;
	made->trusts = trusts;
	atomic_init(&made->due, 0);
	pthread_mutex_init(&made->lock, NULL);
	*seals = made;
	return ANSWER_YES;
}

void
seals_free(struct seals *seals)
{
	if (seals == NULL)
		return;
	pthread_mutex_destroy(&seals->lock);
	free(seals->item);
	free(seals);
}

/* ---- looking ---------------------------------------------------------------------- */

/* What one set knows. NO_SET: it does not know it at all. */
static enum standing
ask_set(const struct trust *trust, const struct trust_question *question, struct error *why)
{
	enum standing standing = SEAL_NO_SET;
	struct trust_judgement j;

	trust_judge(trust, question, &j);
	*why = j.reason;
	if (j.answer == ANSWER_NO && strcmp(j.reason.code, "revoked") == 0)
		standing = SEAL_REVOKED;
	else if (j.in_set && j.answer == ANSWER_YES && j.finding.status.state == STATUS_GOOD)
		standing = SEAL_GOOD;
	else if (j.answer == ANSWER_CANT_TELL)
		standing = SEAL_UNKNOWN;
	else if (j.in_set) {
		*why = j.finding.status.why;
		standing = SEAL_UNKNOWN;
	}
	trust_judgement_free(&j);
	return standing;
}

/* "anchors" first, then the blocks, up to the first that knows. */
static enum standing
ask_sets(const struct seals *s, const struct trust_question *question, struct error *why)
{
	enum standing standing = ask_set(trusts_find(s->trusts, CONFIG_TRUST_ANCHORS), question, why);

	for (size_t i = 0; i < s->config->trust_count; i++) {
		struct error reason = ERROR_NONE;
		enum standing next;

		if (standing == SEAL_GOOD || standing == SEAL_REVOKED)
			break;
		next = ask_set(trusts_block(s->trusts, i), question, &reason);
		if (next == SEAL_NO_SET || (next == SEAL_UNKNOWN && standing == SEAL_UNKNOWN))
			continue;
		standing = next;
		*why = reason;
	}
	return standing;
}

/* Of one that is out of date its dates are told already, and nobody has to list it any more. */
static enum standing
look(const struct seals *s, size_t i, time_t now, struct error *why)
{
	struct timespec deadline = deadline_in(s->config->status_timeout * 1000L);
	unsigned left = s->config->fetch_limit;
	struct trust_question question = {
		.extra = s->identities[i]->chain, .at = now, .fetch = true, .deadline = &deadline, .left = &left, .seal = true,
	};
	enum standing standing = SEAL_GOOD;
	struct cert *cert;

	*why = ERROR_NONE;
	if (s->config->seal_revocation == REVOCATION_OFF)
		return SEAL_GOOD;
	if (cert_from_x509(s->identities[i]->certificate, &cert, why) != ANSWER_YES)
		return SEAL_NO_SET;
	question.cert = cert;
	if (now >= cert->not_before && now <= cert->not_after)
		standing = ask_sets(s, &question, why);
	cert_unref(cert);
	return standing;
}

/* What was revoked stays so until somebody knows better: who keeps the list away lifts nothing. */
static enum standing
look_and_keep(struct seals *s, size_t i, time_t now, struct error *why)
{
	enum standing standing = look(s, i, now, why);
	struct seal *seal = &s->item[i];

	pthread_mutex_lock(&s->lock);
	if (seal->standing == SEAL_REVOKED && standing != SEAL_GOOD) {
		standing = SEAL_REVOKED;
		*why = seal->why;
	}
	seal->standing = standing;
	seal->why = *why;
	pthread_mutex_unlock(&s->lock);
	return standing;
}

/* ---- telling ---------------------------------------------------------------------- */

static bool
is_required(const struct seals *s)
{
	return s->config->seal_revocation == REVOCATION_REQUIRE;
}

static void
add_detail(const struct seals *s, enum standing standing, const struct error *why, struct log_line *line)
{
	static const char deferred[] = ": mail to be signed with it gets 451";
	const char *what = is_required(s) ? deferred : "";

	if (standing == SEAL_REVOKED)
		log_add(line, "detail", "%s%s", why->words, deferred);
	else if (standing == SEAL_UNKNOWN)
		log_add(line, "detail", "whether it is revoked is not known%s; %s", what, why->words);
	else if (standing == SEAL_NO_SET)
		log_add(line, "detail", "nobody can tell whether it is revoked%s; put the authority that it comes from into anchors or "
			"a trust block, or set seal-revocation to off; %s", what, why->words);
	else
		log_add(line, "detail", "in good standing again");
}

static void
tell(const struct seals *s, size_t i, enum standing standing, const struct error *why)
{
	const X509 *x509 = s->identities[i]->certificate;
	int trouble = is_required(s) ? LOG_CRIT : LOG_WARNING;
	struct log_line line;
	struct cert *cert;

	if (cert_from_x509((X509 *)x509, &cert, NULL) != ANSWER_YES)
		return;
	log_begin(&line, standing == SEAL_REVOKED ? LOG_ALERT : standing == SEAL_GOOD ? LOG_NOTICE : trouble, NULL,
		"seal-certificate");
	log_add(&line, "signer", "%s", s->config->signers[i].name);
	log_add(&line, "subject", "%s", cert->subject);
	log_add(&line, "serial", "%s", cert->serial);
	add_detail(s, standing, why, &line);
	log_end(&line);
	cert_unref(cert);
}

/* What is only warned of is said once; what stops mail also each day that it does. */
static bool
is_to_be_told(const struct seals *s, struct seal *seal, time_t now)
{
	bool stops = seal->standing == SEAL_REVOKED || (is_required(s) && seal->standing != SEAL_GOOD);
	bool told = seal->told == SEAL_UNSEEN ? seal->standing == SEAL_GOOD : seal->told == seal->standing;

	if (told && (!stops || now - seal->told_at < SEALS_DAY))
		return false;
	seal->told = seal->standing;
	seal->told_at = now;
	return true;
}

/* ---- for the gateway --------------------------------------------------------------- */

bool
seals_due(const struct seals *seals, time_t uptime)
{
	return uptime >= (time_t)atomic_load(&seals->due);
}

void
seals_check(struct seals *seals, time_t now, time_t uptime, bool tell_it)
{
	bool again = false;

	atomic_store(&seals->due, (long long)uptime + SEALS_AGAIN);
	for (size_t i = 0; i < seals->config->signer_count; i++) {
		struct error why;
		enum standing standing = look_and_keep(seals, i, now, &why);
		bool telling;

		again = again || standing == SEAL_UNKNOWN || standing == SEAL_REVOKED;
		pthread_mutex_lock(&seals->lock);
		telling = tell_it && is_to_be_told(seals, &seals->item[i], now);
		pthread_mutex_unlock(&seals->lock);
		if (telling)
			tell(seals, i, standing, &why);
	}
	if (!again)
		atomic_store(&seals->due, (long long)uptime + SEALS_DAY);
}

enum answer
seals_may_sign(struct seals *seals, size_t signer, time_t now, struct error *err)
{
	enum standing standing;
	struct error why;

	pthread_mutex_lock(&seals->lock);
	standing = seals->item[signer].standing;
	why = seals->item[signer].why;
	pthread_mutex_unlock(&seals->lock);
	if (standing == SEAL_UNSEEN)
		standing = look_and_keep(seals, signer, now, &why);
	if (standing == SEAL_REVOKED)
		return error_cant_tell(err, "revoked", "the certificate of signer %s: %s", seals->config->signers[signer].name,
			why.words);
	if (standing != SEAL_GOOD && is_required(seals))
		return error_cant_tell(err, "status-unknown", "the certificate of signer %s: whether it is revoked is not known: %s",
			seals->config->signers[signer].name, why.words);
	return ANSWER_YES;
}
