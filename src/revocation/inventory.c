#include "revocation/inventory.h"
#include "mail/address.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(INVENTORY_ISSUERS_MAX <= PASSWORD_ROUNDS_MAX, "the passwords of a serial number fit into one check");

struct inventory {
	void *tree; /* of search.h: balanced, by serial and issuer */
	size_t issuers;
	size_t count;
	unsigned ln_max;
};

static int
compare(const void *a, const void *b)
{
	const struct inventory_entry *one = a, *other = b;

	if (one->issuer != other->issuer)
		return one->issuer < other->issuer ? -1 : 1;
	if (one->serial.len != other->serial.len)
		return one->serial.len < other->serial.len ? -1 : 1;
	return memcmp(one->serial.octets, other->serial.octets, one->serial.len);
}

struct inventory *
inventory_new(size_t issuers, unsigned ln_max)
{
	struct inventory *inventory = calloc(1, sizeof *inventory);

	if (inventory == NULL)
		return NULL;
	inventory->issuers = issuers;
	inventory->ln_max = ln_max;
	return inventory;
}

static void
free_entry(void *arg)
{
	struct inventory_entry *e = arg;

	if (e == NULL)
		return;
	holder_free(&e->holder);
	for (size_t i = 0; i < e->address_count; i++)
		free(e->addresses[i]);
	free(e->addresses);
	free(e);
}

void
inventory_free(struct inventory *inventory)
{
	if (inventory == NULL)
		return;
	tdestroy(inventory->tree, free_entry);
	free(inventory);
}

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory for an entry of the inventory");
}

static enum answer
take_addresses(const struct inventory_facts *facts, struct inventory_entry *e, struct error *err)
{
	struct address ignored;

	if (facts->address_count > INVENTORY_ADDRESSES_MAX)
		return error_no(err, "limit", "more than %d addresses for one certificate", INVENTORY_ADDRESSES_MAX);
	e->addresses = calloc(facts->address_count + 1, sizeof *e->addresses);
	if (e->addresses == NULL)
		return no_memory(err);
	for (size_t i = 0; i < facts->address_count; i++) {
		struct slice text = facts->addresses[i];

		if (!address_parse(text, &ignored) || !slice_eq(text, address_strip_brackets(text)))
			return error_no(err, "address", "what is handed in as an address is none");
		e->addresses[i] = slice_dup(text);
		if (e->addresses[i] == NULL)
			return no_memory(err);
		e->address_count++;
	}
	return ANSWER_YES;
}

static enum answer
take_facts(const struct inventory *inventory, const struct inventory_facts *facts, struct inventory_entry *e,
	struct error *err)
{
	enum answer answer;

	e->issuer = facts->issuer;
	if (facts->issuer >= inventory->issuers)
		return error_no(err, "issuer", "the certificate is of no issuer of this authority");
	if (!holder_serial_of(facts->serial, &e->serial))
		return error_no(err, "serial", "a serial number has more than %d octets", HOLDER_SERIAL_MAX);
	e->has_password = facts->password.len > 0;
	if (e->has_password) {
		answer = password_parse(facts->password, inventory->ln_max, &e->password, err);
		if (answer != ANSWER_YES)
			return answer;
	}
	if (facts->holder != NULL) {
		answer = holder_copy(facts->holder, &e->holder, err);
		if (answer != ANSWER_YES)
			return answer;
	}
	return take_addresses(facts, e, err);
}

static enum answer
insert(struct inventory *inventory, struct inventory_entry *e, struct error *err)
{
	struct inventory_entry **place;

	if (inventory->count >= INVENTORY_ENTRIES_MAX)
		return error_no(err, "limit", "more than %d certificates", INVENTORY_ENTRIES_MAX);
	place = tsearch(e, &inventory->tree, compare);
	if (place == NULL)
		return no_memory(err);
	if (*place != e)
		return error_no(err, "duplicate", "two entries for one certificate");
	inventory->count++;
	return ANSWER_YES;
}

enum answer
inventory_add(struct inventory *inventory, const struct inventory_facts *facts, struct error *err)
{
	struct inventory_entry *e = calloc(1, sizeof *e);
	enum answer answer = e == NULL ? no_memory(err) : take_facts(inventory, facts, e, err);

	if (answer == ANSWER_YES)
		answer = insert(inventory, e, err);
	if (answer != ANSWER_YES)
		free_entry(e);
	return answer;
}

size_t
inventory_count(const struct inventory *inventory)
{
	return inventory->count;
}

size_t
inventory_find(const struct inventory *inventory, const struct holder_serial *serial,
	const struct inventory_entry **found)
{
	struct inventory_entry key = {.serial = *serial};
	size_t count = 0;

	for (; key.issuer < inventory->issuers; key.issuer++) {
		struct inventory_entry *const *place = tfind(&key, &inventory->tree, compare);

		if (place != NULL)
			found[count++] = *place;
	}
	return count;
}
