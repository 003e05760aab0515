#include "revocation/lookup.h"

#include "base/log.h"

#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

#define ANY "(objectClass=*)"

static const char *const member_attributes[] = {"member", "uniqueMember", NULL}; /* RFC 4519 2.17, 2.40 */

struct gathering {
	const struct lookup *lookup;
	const struct config_organisation *organisation; /* whose group is asked for */
	struct authorise_listing *listings;
	size_t count, room;
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory for a group");
}

static enum answer
too_large(const struct gathering *g, int most, const char *what, struct error *err)
{
	return error_cant_tell(err, "group", "organisation %s: with group %s there are more than %d %s",
		g->organisation->name, g->organisation->group, most, what);
}

static enum answer
ask(const struct gathering *g, const char *name, const char *const *attributes, struct entries **entries, struct error *err)
{
	struct directory_search search = {.directory = g->lookup->authority->config->inventory, .base = name, .filter = ANY,
		.attributes = attributes, .entries_max = 1, .deadline = g->lookup->deadline};
	enum answer answer = directory_entries(g->lookup->directories, &search, entries, err);

	if (answer != ANSWER_YES)
		error_prefix(err, "organisation %s", g->organisation->name);
	return answer;
}

/* ---- certificates ----------------------------------------------------------------- */

static bool
add_listing(struct gathering *g, const unsigned char digest[32])
{
	struct authorise_listing *l;

	if (g->count == g->room) {
		size_t room = g->room * 2 + 16;
		struct authorise_listing *more = reallocarray(g->listings, room, sizeof *more);

		if (more == NULL)
			return false;
		g->listings = more;
		g->room = room;
	}
	l = &g->listings[g->count++];
	*l = (struct authorise_listing){.organisation = authority_organisation(g->organisation),
		.by_name = g->organisation->by_name};
	memcpy(l->digest, digest, sizeof l->digest);
	return true;
}

/* What is no certificate has a digest that no certificate has. */
static enum answer
add_certificates(struct gathering *g, const struct entry *person, struct error *err)
{
	unsigned char digest[32];
	struct slice der;
	size_t at = 0;

	while (entries_next(person, LOOKUP_GROUP_CERTIFICATE, &at, &der)) {
		if (g->count >= LOOKUP_LISTINGS_MAX)
			return too_large(g, LOOKUP_LISTINGS_MAX, "certificates in all", err);
		if (EVP_Digest(der.data, der.len, digest, NULL, EVP_sha256(), NULL) != 1 || !add_listing(g, digest))
			return no_memory(err);
	}
	return ANSWER_YES;
}

/* ---- members ----------------------------------------------------------------------- */

/* A uniqueMember may say behind its name which of its namesakes it is (RFC 4517 3.3.21). */
static struct slice
without_uid(struct slice member)
{
	size_t at = member.len;

	if (at < 4 || member.data[at - 1] != 'B' || member.data[at - 2] != '\'')
		return member;
	for (at -= 2; at > 0 && (member.data[at - 1] == '0' || member.data[at - 1] == '1'); at--)
		;
	return at >= 2 && member.data[at - 1] == '\'' && member.data[at - 2] == '#' ? slice_sub(member, 0, at - 2) : member;
}

static void
log_absent(const struct gathering *g, struct slice member)
{
	struct log_line line;

	log_begin(&line, LOG_INFO, NULL, "group-member-absent");
	log_add(&line, "authority", "%s", g->lookup->authority->config->name);
	log_add(&line, "organisation", "%s", g->organisation->name);
	log_add_slice(&line, "member", member);
	log_end(&line);
}

static enum answer
take_member(struct gathering *g, struct slice member, struct error *err)
{
	static const char *const attributes[] = {LOOKUP_GROUP_CERTIFICATE, NULL};
	char *name = slice_dup(without_uid(member));
	struct entries *entries;
	enum answer answer;

	if (name == NULL)
		return no_memory(err);
	answer = ask(g, name, attributes, &entries, err);
	free(name);
	if (answer != ANSWER_YES)
		return answer;
	if (entries->count == 0)
		log_absent(g, member);
	else
		answer = add_certificates(g, &entries->items[0], err);
	entries_free(entries);
	return answer;
}

/* Some servers hand out long lists in parts, "member;range=0-1499". */
static bool
is_part(const struct entry *group)
{
	for (size_t i = 0; i < group->value_count; i++)
		if (slice_starts_nocase(slice_str(group->values[i].attribute), "member;range=") ||
		    slice_starts_nocase(slice_str(group->values[i].attribute), "uniqueMember;range="))
			return true;
	return false;
}

static enum answer
take_members(struct gathering *g, const struct entry *group, struct error *err)
{
	enum answer answer = ANSWER_YES;

	if (is_part(group) || group->value_count > LOOKUP_GROUP_MAX)
		return too_large(g, LOOKUP_GROUP_MAX, "members", err);
	for (size_t i = 0; member_attributes[i] != NULL; i++) {
		struct slice member;
		size_t at = 0;

		while (answer == ANSWER_YES && entries_next(group, member_attributes[i], &at, &member))
			answer = take_member(g, member, err);
	}
	return answer;
}

static enum answer
take_group(struct gathering *g, struct error *err)
{
	struct entries *entries;
	enum answer answer = ask(g, g->organisation->group, member_attributes, &entries, err);

	if (answer != ANSWER_YES)
		return answer;
	if (entries->count == 0)
		answer = error_cant_tell(err, "group", "organisation %s: group %s is not in directory %s",
			g->organisation->name, g->organisation->group, g->lookup->authority->config->inventory);
	else
		answer = take_members(g, &entries->items[0], err);
	entries_free(entries);
	return answer;
}

/* ---- all of it ----------------------------------------------------------------------- */

static enum answer
gather(struct gathering *g, struct error *err)
{
	const struct authorise_block *block = &g->lookup->authority->block;
	const struct config_revocation *c = g->lookup->authority->config;
	enum answer answer = ANSWER_YES;

	g->room = block->listing_count + 1;
	g->listings = calloc(g->room, sizeof *g->listings);
	if (g->listings == NULL)
		return no_memory(err);
	for (; g->count < block->listing_count; g->count++)
		g->listings[g->count] = block->listings[g->count];
	for (size_t i = 0; answer == ANSWER_YES && i < c->organisation_count; i++) {
		g->organisation = &c->organisations[i];
		if (g->organisation->group != NULL)
			answer = take_group(g, err);
	}
	return answer;
}

enum answer
lookup_listings(const struct lookup *lookup, struct authorise_listing **listings, size_t *count,
	struct error *err)
{
	struct gathering g = {.lookup = lookup};
	enum answer answer = gather(&g, err);

	*listings = NULL;
	*count = 0;
	if (answer != ANSWER_YES) {
		free(g.listings);
		return answer;
	}
	*listings = g.listings;
	*count = g.count;
	return ANSWER_YES;
}

void
lookup_listings_free(struct authorise_listing *listings)
{
	free(listings);
}
