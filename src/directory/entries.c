#include "directory/entries.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BINARY ";binary"

struct entries *
entries_new(size_t max)
{
	struct entries *entries = calloc(1, sizeof *entries);

	if (entries != NULL)
		entries->max = max;
	return entries;
}

static void
free_entry(struct entry *e)
{
	for (size_t i = 0; i < e->value_count; i++) {
		free(e->values[i].attribute);
		free((void *)(uintptr_t)e->values[i].value.data);
	}
	free(e->values);
	free(e->name);
}

void
entries_clear(struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		free_entry(&entries->items[i]);
	free(entries->items);
	*entries = (struct entries){.max = entries->max};
}

void
entries_free(struct entries *entries)
{
	if (entries == NULL)
		return;
	entries_clear(entries);
	free(entries);
}

/* False: it does not fit. What is over the limit makes all of it useless, so nothing more is taken either. */
static bool
has_room(struct entries *entries, size_t octets)
{
	if (octets > ENTRIES_OCTETS_MAX - entries->octets)
		entries->left_out = true;
	if (entries->left_out || entries->out_of_memory)
		return false;
	entries->octets += octets;
	return true;
}

void
entries_add(struct entries *entries, const char *name)
{
	struct entry *items;

	if (entries->count == entries->max)
		entries->left_out = true;
	if (!has_room(entries, sizeof *items + strlen(name)))
		return;
	items = reallocarray(entries->items, entries->count + 1, sizeof *items);
	if (items != NULL) {
		entries->items = items;
		items[entries->count] = (struct entry){.name = strdup(name)};
	}
	if (items == NULL || items[entries->count].name == NULL)
		entries->out_of_memory = true;
	else
		entries->count++;
}

void
entries_add_value(struct entries *entries, const char *attribute, struct slice value)
{
	struct entries_value *values;
	struct entry *e;
	char *name, *octets;

	if (!has_room(entries, sizeof *values + strlen(attribute) + value.len) || entries->count == 0)
		return;
	e = &entries->items[entries->count - 1];
	values = reallocarray(e->values, e->value_count + 1, sizeof *values);
	if (values != NULL)
		e->values = values;
	name = strdup(attribute);
	octets = malloc(value.len + 1);
	if (values == NULL || name == NULL || octets == NULL) {
		free(name);
		free(octets);
		entries->out_of_memory = true;
		return;
	}
	if (value.len > 0)
		memcpy(octets, value.data, value.len);
	values[e->value_count++] = (struct entries_value){name, slice_of(octets, value.len)};
}

static struct slice
without_binary(const char *attribute)
{
	struct slice name = slice_str(attribute);

	return slice_ends_nocase(name, BINARY) ? slice_sub(name, 0, name.len - strlen(BINARY)) : name;
}

bool
entries_next(const struct entry *entry, const char *attribute, size_t *at, struct slice *value)
{
	struct slice wanted = without_binary(attribute);

	while (*at < entry->value_count) {
		const struct entries_value *v = &entry->values[(*at)++];

		if (slice_eq_nocase(without_binary(v->attribute), wanted)) {
			*value = v->value;
			return true;
		}
	}
	return false;
}
