#include "gateway/edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EDIT_FIELDS_MAX (2 * MESSAGE_HEADER_FIELDS_MAX)

void
edit_init(struct edit *e, size_t body_limit)
{
	*e = (struct edit){.verdict = EDIT_PASS};
	buf_init(&e->body, body_limit);
}

static void
drop_changes(struct edit *e)
{
	for (size_t i = 0; i < e->field_count; i++) {
		free(e->fields[i].name);
		free(e->fields[i].value);
	}
	free(e->fields);
	e->fields = NULL;
	e->field_count = 0;
	e->replaces_body = false;
	buf_free(&e->body);
	e->return_headers = false;
	free(e->redirect);
	e->redirect = NULL;
	free(e->hold);
	e->hold = NULL;
}

void
edit_free(struct edit *e)
{
	if (e != NULL)
		drop_changes(e);
}

/* Room for one more. The array doubles each time the count is a power of two. */
static bool
grow_fields(struct edit *e)
{
	size_t count = e->field_count;
	struct edit_field *fields;

	if (count != 0 && (count & (count - 1)) != 0)
		return true;
	fields = reallocarray(e->fields, count == 0 ? 1 : 2 * count, sizeof *fields);
	if (fields == NULL)
		return false;
	e->fields = fields;
	return true;
}

static bool
append_field(struct edit *e, enum edit_field_action action, const char *name, unsigned nth,
	struct slice value)
{
	struct edit_field f = {.action = action, .nth = nth};

	if (e->field_count >= EDIT_FIELDS_MAX || !grow_fields(e))
		return false;
	f.name = strdup(name);
	if (action != EDIT_FIELD_REMOVE)
		f.value = slice_dup(value);
	if (f.name == NULL || (action != EDIT_FIELD_REMOVE && f.value == NULL)) {
		free(f.name);
		free(f.value);
		return false;
	}
	e->fields[e->field_count++] = f;
	return true;
}

bool
edit_remove_field(struct edit *e, const char *name, unsigned nth)
{
	return append_field(e, EDIT_FIELD_REMOVE, name, nth, SLICE_NONE);
}

/* A field of the message by its name and, among those of that name, its order. */
struct place {
	const char *name;
	size_t at; /* in the message */
};

static int
compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = strcasecmp(x->name, y->name);

	return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

/* The nth field of its name, among all that the message has. */
struct numbered {
	struct place place;
	unsigned nth;
};

static int
last_first(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;

	return (y->place.at > x->place.at) - (y->place.at < x->place.at);
}

/* Sorted by name, because to count anew for each of thousands of fields takes a second;
 * then the last first, as an edit wants removals. */
static void
number_fields(const struct message *m, struct numbered *fields)
{
	for (size_t i = 0; i < m->field_count; i++)
		fields[i] = (struct numbered){{m->fields[i].name, i}, 1};
	qsort(fields, m->field_count, sizeof *fields, compare_places);
	for (size_t i = 1; i < m->field_count; i++)
		if (strcasecmp(fields[i].place.name, fields[i - 1].place.name) == 0)
			fields[i].nth = fields[i - 1].nth + 1;
	qsort(fields, m->field_count, sizeof *fields, last_first);
}

bool
edit_remove_fields(struct edit *e, const struct message *m,
	bool (*which)(const void *arg, const struct header_field *field), const void *arg)
{
	struct numbered *fields = calloc(m->field_count + 1, sizeof *fields);
	bool ok = fields != NULL;

	if (ok)
		number_fields(m, fields);
	for (size_t i = 0; ok && i < m->field_count; i++)
		if (which(arg, &m->fields[fields[i].place.at]))
			ok = edit_remove_field(e, fields[i].place.name, fields[i].nth);
	free(fields);
	return ok;
}

bool
edit_add_field(struct edit *e, const char *name, struct slice value)
{
	return append_field(e, EDIT_FIELD_ADD, name, 0, value);
}

bool
edit_prepend_field(struct edit *e, const char *name, struct slice value)
{
	return append_field(e, EDIT_FIELD_PREPEND, name, 0, value);
}

bool
edit_hold(struct edit *e, const char *format, ...)
{
	struct error words;
	va_list args;

	if (e->hold != NULL)
		return true;
	va_start(args, format);
	error_set(&words, ANSWER_NO, NULL, NULL, format, args);
	va_end(args);
	e->hold = strdup(words.words);
	return e->hold != NULL;
}

bool
edit_redirect(struct edit *e, const char *address)
{
	free(e->redirect);
	e->redirect = strdup(address);
	return e->redirect != NULL;
}

void
edit_return_headers(struct edit *e)
{
	e->return_headers = true;
}

void
edit_answer_every(struct edit *e, const struct timespec *begun, unsigned milliseconds)
{
	e->begun = *begun;
	e->answer_interval = milliseconds;
}

void
edit_answer(struct edit *e, const char *code, const char *enhanced, const char *format, ...)
{
	struct error words;
	va_list args;

	drop_changes(e);
	e->verdict = EDIT_ANSWER;
	snprintf(e->reply.code, sizeof e->reply.code, "%s", code);
	snprintf(e->reply.enhanced, sizeof e->reply.enhanced, "%s", enhanced);
	va_start(args, format);
	error_set(&words, ANSWER_NO, NULL, NULL, format, args);
	va_end(args);
	snprintf(e->reply.text, sizeof e->reply.text, "%s", words.words);
}

void
edit_answer_line(struct edit *e, const char *format, ...)
{
	size_t used = strlen(e->reply.text), lines = 1;
	struct error words;
	va_list args;

	for (const char *c = e->reply.text; *c != '\0'; c++)
		lines += *c == '\n';
	va_start(args, format);
	error_set(&words, ANSWER_NO, NULL, NULL, format, args);
	va_end(args);
	if (lines < EDIT_REPLY_LINES_MAX && strlen(words.words) + 2 <= sizeof e->reply.text - used)
		snprintf(e->reply.text + used, sizeof e->reply.text - used, "\n%s", words.words);
}

void
edit_answer_error(struct edit *e, const struct error *err)
{
	bool no = err->answer == ANSWER_NO;

	edit_answer(e, no ? "550" : "451", no ? "5.7.1" : "4.7.1", "%s", err->words);
}

static void
print_field(const struct edit_field *f, struct buf *out)
{
	static const char *const words[] = {
		[EDIT_FIELD_REMOVE] = "remove", [EDIT_FIELD_ADD] = "add", [EDIT_FIELD_PREPEND] = "prepend",
	};

	buf_printf(out, "%s %s", words[f->action], f->name);
	if (f->action == EDIT_FIELD_REMOVE)
		buf_printf(out, " #%u\n", f->nth);
	else
		buf_printf(out, ":%s\n", f->value);
}

static void
print_reply(const struct edit_reply *reply, struct buf *out)
{
	for (const char *line = reply->text;; line++) {
		size_t len = strcspn(line, "\n");

		buf_printf(out, "answer %s %s %.*s\n", reply->code, reply->enhanced, (int)len, line);
		line += len;
		if (*line == '\0')
			return;
	}
}

void
edit_print(const struct edit *e, struct buf *out)
{
	if (e->verdict == EDIT_ANSWER) {
		print_reply(&e->reply, out);
		return;
	}
	if (e->return_headers)
		buf_add_str(out, "sender-parameters RET=HDRS\n");
	if (e->redirect != NULL)
		buf_printf(out, "redirect %s\n", e->redirect);
	for (size_t i = 0; i < e->field_count; i++)
		print_field(&e->fields[i], out);
	if (e->replaces_body)
		buf_printf(out, "body %zu octets\n", e->body.len);
	if (e->hold != NULL)
		buf_printf(out, "hold %s\n", e->hold);
	if (e->answer_interval > 0)
		buf_printf(out, "answer-interval %u ms\n", e->answer_interval);
	buf_add_str(out, "pass\n");
}

/* The first of the sorted places that has this name, or count. */
static size_t
first_of_name(const struct place *places, size_t count, const char *name)
{
	size_t from = 0, to = count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (strcasecmp(places[middle].name, name) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from < count && strcasecmp(places[from].name, name) == 0 ? from : count;
}

/* removed[i]: the message's field i goes. There may be thousands of fields, and
 * as many removals, so the names are sorted once. */
static void
mark_removed(const struct edit *e, const struct message *m, struct place *places, bool *removed)
{
	size_t count = m->field_count;

	for (size_t i = 0; i < count; i++)
		places[i] = (struct place){m->fields[i].name, i};
	qsort(places, count, sizeof *places, compare_places);
	for (size_t i = 0; i < e->field_count; i++) {
		const struct edit_field *f = &e->fields[i];
		size_t first, nth = f->nth;

		if (f->action != EDIT_FIELD_REMOVE || nth == 0)
			continue;
		first = first_of_name(places, count, f->name);
		if (nth <= count - first && strcasecmp(places[first + nth - 1].name, f->name) == 0)
			removed[places[first + nth - 1].at] = true;
	}
}

/* False: no memory. */
static bool
write_kept_fields(const struct edit *e, const struct message *m, struct buf *out)
{
	struct place *places = calloc(m->field_count + 1, sizeof *places);
	bool *removed = calloc(m->field_count + 1, sizeof *removed);
	bool enough = places != NULL && removed != NULL;

	if (enough) {
		mark_removed(e, m, places, removed);
		for (size_t i = 0; i < m->field_count; i++)
			if (!removed[i])
				message_write_field(m->fields[i].name, m->fields[i].value, out);
	}
	free(places);
	free(removed);
	return enough;
}

static void
write_new_fields(const struct edit *e, enum edit_field_action action, struct buf *out)
{
	for (size_t i = 0; i < e->field_count; i++)
		if (e->fields[i].action == action)
			message_write_field(e->fields[i].name, slice_str(e->fields[i].value), out);
}

void
edit_apply(const struct edit *e, const struct message *m, struct buf *out)
{
	write_new_fields(e, EDIT_FIELD_PREPEND, out);
	if (!write_kept_fields(e, m, out))
		out->failed = true;
	write_new_fields(e, EDIT_FIELD_ADD, out);
	buf_add_str(out, "\r\n");
	buf_add_slice(out, buf_slice(e->replaces_body ? &e->body : &m->body));
}
