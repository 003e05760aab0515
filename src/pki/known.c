#include "pki/known.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Valid in its whole from begin to end. */
struct known_chain {
	unsigned char question[KNOWN_QUESTION_SIZE];
	time_t begin;
	time_t end;
	STACK_OF(X509) *issuers; /* borrowed from all issuers; NULL: the slot is free */
};

struct known_chains {
	pthread_mutex_t lock;
	STACK_OF(X509) *issuers;
	struct known_chain slot[KNOWN_CHAINS_MAX];
};

struct known_chains *
known_new(void)
{
	struct known_chains *known = calloc(1, sizeof *known);

	if (known == NULL)
		return NULL;
	known->issuers = sk_X509_new_null();
	if (known->issuers == NULL) {
		free(known);
		return NULL;
	}
	pthread_mutex_init(&known->lock, NULL);
	return known;
}

static void
empty(struct known_chain *slot)
{
	sk_X509_free(slot->issuers);
	*slot = (struct known_chain){0};
}

static void
forget_all(struct known_chains *known)
{
	for (size_t i = 0; i < KNOWN_CHAINS_MAX; i++)
		empty(&known->slot[i]);
	while (sk_X509_num(known->issuers) > 0)
		X509_free(sk_X509_pop(known->issuers));
}

void
known_free(struct known_chains *known)
{
	if (known == NULL)
		return;
	forget_all(known);
	sk_X509_free(known->issuers);
	pthread_mutex_destroy(&known->lock);
	free(known);
}

/* A question names its slot; a later one of the same slot takes it over. */
static struct known_chain *
slot_of(struct known_chains *known, const unsigned char question[KNOWN_QUESTION_SIZE])
{
	return &known->slot[(((size_t)question[0] << 8) | question[1]) % KNOWN_CHAINS_MAX];
}

static bool
answers(const struct known_chain *slot, const unsigned char question[KNOWN_QUESTION_SIZE])
{
	return slot->issuers != NULL && memcmp(slot->question, question, sizeof slot->question) == 0;
}

bool
known_find(struct known_chains *known, const unsigned char question[KNOWN_QUESTION_SIZE], time_t at,
	STACK_OF(X509) **issuers)
{
	const struct known_chain *slot = slot_of(known, question);
	bool found;

	pthread_mutex_lock(&known->lock);
	found = answers(slot, question) && at >= slot->begin && at < slot->end;
	if (found && issuers != NULL) {
		*issuers = X509_chain_up_ref(slot->issuers);
		found = *issuers != NULL;
	}
	pthread_mutex_unlock(&known->lock);
	return found;
}

static bool
narrow(struct known_chain *chain, const X509 *link)
{
	struct tm begin, end;

	if (ASN1_TIME_to_tm(X509_get0_notBefore(link), &begin) != 1 ||
		ASN1_TIME_to_tm(X509_get0_notAfter(link), &end) != 1)
		return false;
	if (timegm(&begin) > chain->begin)
		chain->begin = timegm(&begin);
	if (timegm(&end) < chain->end)
		chain->end = timegm(&end);
	return true;
}

/* The one that is kept of its equals; NULL: no memory. */
static X509 *
keep_issuer(struct known_chains *known, X509 *issuer)
{
	for (int i = 0; i < sk_X509_num(known->issuers); i++)
		if (X509_cmp(sk_X509_value(known->issuers, i), issuer) == 0)
			return sk_X509_value(known->issuers, i);
	if (sk_X509_push(known->issuers, issuer) <= 0)
		return NULL;
	X509_up_ref(issuer);
	return issuer;
}

static STACK_OF(X509) *
keep_issuers(struct known_chains *known, const STACK_OF(X509) *chain)
{
	STACK_OF(X509) *issuers = sk_X509_new_null();

	for (int i = 1; issuers != NULL && i < sk_X509_num(chain); i++) {
		X509 *issuer = keep_issuer(known, sk_X509_value(chain, i));

		if (issuer == NULL || sk_X509_push(issuers, issuer) <= 0) {
			sk_X509_free(issuers);
			return NULL;
		}
	}
	return issuers;
}

void
known_add(struct known_chains *known, const unsigned char question[KNOWN_QUESTION_SIZE], const STACK_OF(X509) *chain)
{
	struct known_chain good = {.begin = INT64_MIN, .end = INT64_MAX}, *slot = slot_of(known, question);

	memcpy(good.question, question, sizeof good.question);
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (!narrow(&good, sk_X509_value(chain, i)))
			return;
	pthread_mutex_lock(&known->lock);
	if (sk_X509_num(known->issuers) + sk_X509_num(chain) > KNOWN_ISSUERS_MAX)
		forget_all(known);
	good.issuers = keep_issuers(known, chain);
	if (good.issuers != NULL) {
		empty(slot);
		*slot = good;
	}
	pthread_mutex_unlock(&known->lock);
}
