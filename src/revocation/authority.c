#include "revocation/authority.h"

#include "mail/address.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(CONFIG_PHRASES_MAX <= PHRASES_ADDED_MAX && CONFIG_LANGUAGE_MAX <= PHRASE_LANGUAGE_MAX,
	"what is configured can be looked for");

/* What an authority's pointers lead to. */
struct kept {
	struct cert *certs[ISSUED_CERTIFICATES_MAX]; /* one to one with config->authorities */
	size_t cert_count;
	struct authorise_listing *listings;
	size_t listing_count;
	struct authorise_sender *senders;
	size_t sender_count;
};

struct authorities {
	struct authority *item;
	size_t count;
};

/* ---- what is read of a block --------------------------------------------------- */

static enum answer
out_of_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "out of memory");
}

static enum answer
read_phrases(const struct config_revocation *c, struct authority *a, struct error *err)
{
	struct phrase *added = calloc(c->phrase_count + 1, sizeof *added);
	enum answer answer;

	if (added == NULL)
		return out_of_memory(err);
	for (size_t i = 0; i < c->phrase_count; i++) {
		const struct config_phrase *p = &c->phrases[i];

		added[i] = (struct phrase){p->language == NULL ? p->name : p->language, p->number, p->password};
	}
	answer = phrases_new(added, c->phrase_count, &a->phrases, err);
	free(added);
	return answer;
}

/* One in each file, so that a command that is given the file knows which is meant. */
static enum answer
read_authorities(const struct config_revocation *c, struct kept *kept, struct authority *a, struct error *err)
{
	enum answer answer = ANSWER_YES;

	if (c->authorities.count > ISSUED_CERTIFICATES_MAX)
		return error_no(err, "issuers", "there are more than %d files of authorities", ISSUED_CERTIFICATES_MAX);
	for (size_t i = 0; answer == ANSWER_YES && i < c->authorities.count; i++) {
		answer = cert_read_only(c->authorities.item[i], &kept->certs[i], err);
		kept->cert_count += answer == ANSWER_YES;
	}
	return answer == ANSWER_YES ? issued_new(kept->certs, kept->cert_count, &a->issued, err) : answer;
}

/* ---- organisations -------------------------------------------------------------- */

struct holder
authority_organisation(const struct config_organisation *o)
{
	return (struct holder){.organization_identifier = o->organization_identifier, .organization = o->organization,
		.country = o->country};
}

static enum answer
add_listings(const struct config_organisation *o, struct kept *kept, struct error *err)
{
	for (size_t i = 0; i < o->certificates.count; i++) {
		struct authorise_listing *more;
		struct cert **certs;
		size_t count;
		enum answer answer = cert_read_file(o->certificates.item[i], &certs, &count, err);

		if (answer != ANSWER_YES)
			return answer;
		more = reallocarray(kept->listings, kept->listing_count + count + 1, sizeof *more);
		if (more != NULL)
			kept->listings = more;
		for (size_t k = 0; more != NULL && k < count; k++) {
			struct authorise_listing *l = &more[kept->listing_count++];

			*l = (struct authorise_listing){.organisation = authority_organisation(o), .by_name = o->by_name};
			memcpy(l->digest, certs[k]->digest, sizeof l->digest);
		}
		cert_free_array(certs, count);
		if (more == NULL)
			return out_of_memory(err);
	}
	return ANSWER_YES;
}

static enum answer
add_senders(const struct config_organisation *o, struct kept *kept, struct error *err)
{
	struct authorise_sender *more = reallocarray(kept->senders, kept->sender_count + o->unsigned_senders.count + 1,
		sizeof *more);

	if (more == NULL)
		return out_of_memory(err);
	kept->senders = more;
	for (size_t i = 0; i < o->unsigned_senders.count; i++)
		more[kept->sender_count++] = (struct authorise_sender){.address = slice_str(o->unsigned_senders.item[i]),
			.organisation = authority_organisation(o), .by_name = o->by_name};
	return ANSWER_YES;
}

static enum answer
read_organisations(const struct config_revocation *c, struct kept *kept, struct error *err)
{
	enum answer answer = ANSWER_YES;

	for (size_t i = 0; answer == ANSWER_YES && i < c->organisation_count; i++) {
		const struct config_organisation *o = &c->organisations[i];

		answer = add_listings(o, kept, err);
		if (answer == ANSWER_YES)
			answer = add_senders(o, kept, err);
		if (answer != ANSWER_YES)
			error_prefix(err, "organisation %s", o->name);
	}
	return answer;
}

/* ---- a block ------------------------------------------------------------------- */

static unsigned
forms_of(const struct config_revocation *c)
{
	return (c->form_signed ? AUTHORISE_SIGNED : 0u) | (c->form_same_subject ? AUTHORISE_SAME_SUBJECT : 0u) |
		(c->form_authorised ? AUTHORISE_AUTHORISED : 0u) | (c->form_password ? AUTHORISE_PASSWORD : 0u);
}

static void
fill_block(const struct config_revocation *c, const struct kept *kept, struct authority *a)
{
	a->block = (struct authorise_block){
		.name = slice_str(c->name),
		.forms = forms_of(c),
		.request_age = c->request_age,
		.listings = kept->listings,
		.listing_count = kept->listing_count,
		.senders = kept->senders,
		.sender_count = kept->sender_count,
	};
	a->block.issuers = issued_names(a->issued, &a->block.issuer_count);
}

static enum answer
read_block(const struct config_revocation *c, struct authority *a, struct error *err)
{
	struct kept *kept = calloc(1, sizeof *kept);
	enum answer answer;

	if (kept == NULL)
		return out_of_memory(err);
	a->config = c;
	a->kept = kept;
	answer = read_phrases(c, a, err);
	if (answer == ANSWER_YES)
		answer = read_authorities(c, kept, a, err);
	if (answer == ANSWER_YES)
		answer = read_organisations(c, kept, err);
	if (answer == ANSWER_YES)
		fill_block(c, kept, a);
	return answer;
}

static void
free_block(struct authority *a)
{
	struct kept *kept = a->kept;

	phrases_free(a->phrases);
	issued_free(a->issued);
	if (kept == NULL)
		return;
	for (size_t i = 0; i < kept->cert_count; i++)
		cert_unref(kept->certs[i]);
	free(kept->listings);
	free(kept->senders);
	free(kept);
}

/* ---- all of them ---------------------------------------------------------------- */

enum answer
authorities_new(const struct config *config, struct authorities **authorities, struct error *err)
{
	struct authorities *all = calloc(1, sizeof *all);
	enum answer answer = ANSWER_YES;

	if (all != NULL)
		all->item = calloc(config->revocation_count + 1, sizeof *all->item);
	if (all == NULL || all->item == NULL) {
		authorities_free(all);
		return out_of_memory(err);
	}
	for (size_t i = 0; answer == ANSWER_YES && i < config->revocation_count; i++) {
		all->count++;
		answer = read_block(&config->revocations[i], &all->item[i], err);
		if (answer != ANSWER_YES)
			error_prefix(err, "revocation %s", config->revocations[i].name);
	}
	if (answer == ANSWER_YES)
		*authorities = all;
	else
		authorities_free(all);
	return answer;
}

void
authorities_free(struct authorities *authorities)
{
	if (authorities == NULL)
		return;
	for (size_t i = 0; i < authorities->count; i++)
		free_block(&authorities->item[i]);
	free(authorities->item);
	free(authorities);
}

const struct authority *
authorities_get(const struct authorities *authorities, size_t i)
{
	return &authorities->item[i];
}

const struct authority *
authorities_at(const struct authorities *authorities, struct slice address)
{
	for (size_t i = 0; i < authorities->count; i++)
		if (address_equal_text(slice_str(authorities->item[i].config->address), address))
			return &authorities->item[i];
	return NULL;
}

const struct authority *
authorities_named(const struct authorities *authorities, const char *name)
{
	for (size_t i = 0; i < authorities->count; i++)
		if (strcmp(authorities->item[i].config->name, name) == 0)
			return &authorities->item[i];
	return NULL;
}

const char *
authority_file(const struct authority *authority, size_t issuer)
{
	const struct kept *kept = authority->kept;

	for (size_t i = 0; i < kept->cert_count; i++)
		if (issued_number(authority->issued, X509_get_subject_name(kept->certs[i]->x509)) == issuer)
			return authority->config->authorities.item[i];
	return NULL;
}
