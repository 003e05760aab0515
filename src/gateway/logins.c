#include "gateway/logins.h"

#include "base/file.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>

/* One "login may use this" pair; both borrow from the file's octets. */
struct permission {
	struct slice login;
	struct slice pattern; /* an address, or "@domain" */
};

struct logins {
	struct buf file;
	struct permission *items; /* sorted by login */
	size_t count;
	size_t room;
};

static int
compare_login(struct slice a, struct slice b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);

	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

static int
compare_permissions(const void *a, const void *b)
{
	return compare_login(((const struct permission *)a)->login, ((const struct permission *)b)->login);
}

static bool
add(struct logins *l, struct slice login, struct slice pattern)
{
	if (l->count == l->room) {
		size_t room = l->room == 0 ? 64 : l->room * 2;
		struct permission *items = reallocarray(l->items, room, sizeof *items);

		if (items == NULL)
			return false;
		l->items = items;
		l->room = room;
	}
	l->items[l->count++] = (struct permission){login, pattern};
	return true;
}

static bool
is_pattern(struct slice text)
{
	struct address a;

	if (text.len > 1 && text.data[0] == '@')
		return slice_find(text, '@', 1) == text.len;
	return address_parse(text, &a);
}

static enum answer
read_line(struct logins *l, struct slice line, const char *path, unsigned number, struct error *err)
{
	size_t colon;
	struct slice login, list;

	line = slice_trim(slice_sub(line, 0, slice_find(line, '#', 0)));
	if (line.len == 0)
		return ANSWER_YES;
	colon = slice_find(line, ':', 0);
	login = slice_trim(slice_sub(line, 0, colon));
	list = slice_sub(line, colon + 1, line.len);
	if (colon == line.len || login.len == 0 || slice_trim(list).len == 0)
		return error_no(err, "sender-login", "%s:%u: not `login: address, address`", path, number);
	for (size_t from = 0; from <= list.len;) {
		size_t comma = slice_find(list, ',', from);
		struct slice pattern = slice_trim(slice_sub(list, from, comma));

		if (!is_pattern(pattern))
			return error_no(err, "sender-login", "%s:%u: `%.*s` is neither an address nor @domain",
				path, number, SLICE_FMT(pattern));
		if (!add(l, login, pattern))
			return error_cant_tell(err, "memory", "%s: out of memory", path);
		from = comma + 1;
	}
	return ANSWER_YES;
}

enum answer
logins_load(const char *path, struct logins **logins, struct error *err)
{
	struct logins *l = calloc(1, sizeof *l);
	enum answer answer;
	struct slice text;
	unsigned number = 0;

	if (l == NULL)
		return error_cant_tell(err, "memory", "%s: out of memory", path);
	buf_init(&l->file, LOGINS_FILE_MAX);
	answer = file_read(path, FILE_PUBLIC, &l->file, err);
	text = buf_slice(&l->file);
	for (size_t from = 0; answer == ANSWER_YES && from < text.len;) {
		size_t lf = slice_find(text, '\n', from);

		answer = read_line(l, slice_sub(text, from, lf), path, ++number, err);
		from = lf + 1;
	}
	if (answer != ANSWER_YES) {
		logins_free(l);
		return answer;
	}
	if (l->count > 0)
		qsort(l->items, l->count, sizeof *l->items, compare_permissions);
	*logins = l;
	return ANSWER_YES;
}

void
logins_free(struct logins *logins)
{
	if (logins == NULL)
		return;
	buf_free(&logins->file);
	free(logins->items);
	free(logins);
}

static bool
matches(struct slice pattern, struct slice address)
{
	struct address a;

	if (pattern.data[0] != '@')
		return address_equal_text(pattern, address);
	return address_parse(address, &a) && address_domain_equal(a.domain, slice_sub(pattern, 1, pattern.len));
}

bool
logins_allow(const struct logins *logins, struct slice login, struct slice address)
{
	size_t low = 0, high = logins->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_login(logins->items[middle].login, login) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < logins->count && slice_eq(logins->items[low].login, login); low++)
		if (matches(logins->items[low].pattern, address))
			return true;
	return false;
}
