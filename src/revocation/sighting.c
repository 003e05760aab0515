#include "revocation/sighting.h"

#include "base/log.h"
#include "mail/address.h"

#include <string.h>

/* ---- complaints ---------------------------------------------------------------- */

void
sighting_complain(const struct lookup *lookup, const char *where, const char *words)
{
	struct log_line line;

	log_begin(&line, LOG_WARNING, NULL, "inventory-entry");
	log_add(&line, "authority", "%s", lookup->authority->config->name);
	log_add(&line, "entry", "%s", where);
	log_add(&line, "reason", "%s", words);
	log_end(&line);
}

enum answer
sighting_unclear(const struct lookup *lookup, const char *where, const char *words, struct error *err)
{
	sighting_complain(lookup, where, words);
	return error_cant_tell(err, "inventory", "the inventory has an entry for this number that cannot be used");
}

/* ---- addresses ------------------------------------------------------------------ */

struct addresses {
	struct slice item[INVENTORY_ADDRESSES_MAX];
	size_t count;
};

static bool
is_there(const struct addresses *all, struct slice address)
{
	for (size_t i = 0; i < all->count; i++)
		if (address_equal_text(all->item[i], address))
			return true;
	return false;
}

static void
take_address(const struct lookup *lookup, const struct sighting *s, struct slice text, struct addresses *all)
{
	struct address ignored;

	if (!address_parse(text, &ignored) || !slice_eq(text, address_strip_brackets(text)))
		sighting_complain(lookup, s->where, "what is written as a contact is no address");
	else if (is_there(all, text))
		return;
	else if (all->count == INVENTORY_ADDRESSES_MAX)
		sighting_complain(lookup, s->where, "there are more addresses than one certificate may have here");
	else
		all->item[all->count++] = text;
}

/* Those that somebody wrote down come first. */
static void
take_addresses(const struct lookup *lookup, const struct sighting *s, struct addresses *all)
{
	for (size_t i = 0; i < s->contact_count; i++)
		take_address(lookup, s, s->contacts[i], all);
	for (size_t i = 0; s->cert != NULL && i < s->cert->address_count; i++)
		take_address(lookup, s, slice_str(s->cert->addresses[i]), all);
}

/* ---- adding --------------------------------------------------------------------- */

/* Takes out what will not do. False: it is the certificate itself. */
static bool
take_out(struct inventory_facts *facts, const struct error *why)
{
	if (strncmp(why->code, "password", strlen("password")) == 0 && facts->password.len > 0)
		facts->password = SLICE_NONE;
	else if (strcmp(why->code, "limit") == 0 && facts->holder != NULL)
		facts->holder = NULL;
	else
		return false;
	return true;
}

static enum answer
add(const struct lookup *lookup, const struct sighting *s, struct inventory_facts *facts, struct inventory *inventory,
	struct error *err)
{
	struct error why = ERROR_NONE;
	enum answer answer;

	while ((answer = inventory_add(inventory, facts, &why)) == ANSWER_NO && take_out(facts, &why))
		sighting_complain(lookup, s->where, why.words);
	if (answer == ANSWER_NO)
		return sighting_unclear(lookup, s->where, why.words, err);
	if (answer == ANSWER_CANT_TELL && err != NULL)
		*err = why;
	return answer;
}

enum answer
sighting_add(const struct lookup *lookup, const struct holder_serial *serial, const struct sighting *s,
	struct inventory *inventory, struct error *err)
{
	struct inventory_facts facts = {.issuer = s->issuer, .serial = slice_of(serial->octets, serial->len),
		.holder = s->holder, .password = s->password};
	struct addresses addresses = {.count = 0};
	struct holder holder = {0};
	struct error why = ERROR_NONE;
	enum answer answer = s->cert == NULL ? ANSWER_YES : holder_read(s->cert, &holder, &why);

	if (answer == ANSWER_CANT_TELL) {
		if (err != NULL)
			*err = why;
		return answer;
	}
	if (answer == ANSWER_NO)
		sighting_complain(lookup, s->where, why.words);
	else if (s->cert != NULL)
		facts.holder = &holder;
	take_addresses(lookup, s, &addresses);
	facts.addresses = addresses.item;
	facts.address_count = addresses.count;
	answer = add(lookup, s, &facts, inventory, err);
	holder_free(&holder);
	return answer;
}
