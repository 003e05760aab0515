/* Addresses. Promises: what is read equals itself, is found under its own key, and has
 * neither NUL nor line end; every address of a list is one.
 */
#include "fuzz.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>

static void
check_address(const struct address *a)
{
	promise(a->local.len > 0 && a->domain.len > 0);
	promise(memchr(a->local.data, '\0', a->local.len) == NULL && memchr(a->local.data, '\n', a->local.len) == NULL);
	promise(memchr(a->domain.data, '\0', a->domain.len) == NULL && memchr(a->domain.data, '\n', a->domain.len) == NULL);
	promise(address_equal(a, a));
	promise(address_domain_matches(a->domain, a->domain));
}

static void
check_text(struct slice text)
{
	struct address a;
	char *key = address_key(text), *again;

	promise(address_parse(text, &a) == (key != NULL));
	if (key == NULL)
		return;
	check_address(&a);
	promise(address_equal_text(text, slice_str(key)));
	again = address_key(slice_str(key));
	promise(again != NULL && strcmp(key, again) == 0);
	free(again);
	free(key);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	struct address_list list;

	check_text(text);
	if (address_list_parse(text, &list)) {
		for (size_t i = 0; i < list.count; i++)
			check_address(&list.item[i]);
		address_list_free(&list);
	}
	return 0;
}
