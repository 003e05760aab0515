#include "gateway/tree.h"

#include "base/buf.h"
#include "gateway/results.h"

json_t *
tree_text(struct slice s)
{
	json_t *value = json_stringn((const char *)s.data, s.len);
	struct buf clean;

	if (value != NULL || s.len == 0)
		return value != NULL ? value : json_string("");
	buf_init(&clean, s.len + 1);
	for (size_t i = 0; i < s.len; i++)
		buf_add_byte(&clean, s.data[i] < 0x80 ? s.data[i] : '?');
	value = json_stringn((const char *)clean.data, clean.len);
	buf_free(&clean);
	return value;
}

void
tree_put(json_t *object, const char *key, const char *value)
{
	if (value != NULL)
		json_object_set_new(object, key, tree_text(slice_str(value)));
}

void
tree_put_flag(json_t *object, const char *key, bool flag)
{
	json_object_set_new(object, key, json_boolean(flag));
}

void
tree_put_count(json_t *object, const char *key, long long count)
{
	json_object_set_new(object, key, json_integer(count));
}

void
tree_put_time(json_t *object, const char *key, time_t when)
{
	char text[RESULTS_TIME_SIZE];

	results_time(when, text);
	tree_put(object, key, text);
}

void
tree_put_reason(json_t *object, const char *key, const struct error *reason)
{
	if (reason->answer != ANSWER_YES)
		tree_put(object, key, reason->words);
}
