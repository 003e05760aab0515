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
}

void
edit_free(struct edit *e)
{
	if (e != NULL)
		drop_changes(e);
}

static bool
append_field(struct edit *e, enum edit_field_action action, const char *name, unsigned nth,
	struct slice value)
{
	struct edit_field *fields, f = {.action = action, .nth = nth};

	if (e->field_count >= EDIT_FIELDS_MAX)
		return false;
	fields = reallocarray(e->fields, e->field_count + 1, sizeof *fields);
	if (fields == NULL)
		return false;
	e->fields = fields;
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
	memcpy(e->reply.text, words.words, sizeof e->reply.text);
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

void
edit_print(const struct edit *e, struct buf *out)
{
	if (e->verdict == EDIT_ANSWER) {
		buf_printf(out, "answer %s %s %s\n", e->reply.code, e->reply.enhanced, e->reply.text);
		return;
	}
	for (size_t i = 0; i < e->field_count; i++)
		print_field(&e->fields[i], out);
	if (e->replaces_body)
		buf_printf(out, "body %zu octets\n", e->body.len);
	buf_add_str(out, "pass\n");
}

static bool
is_removed(const struct edit *e, const char *name, unsigned nth)
{
	for (size_t i = 0; i < e->field_count; i++) {
		const struct edit_field *f = &e->fields[i];

		if (f->action == EDIT_FIELD_REMOVE && f->nth == nth && strcasecmp(f->name, name) == 0)
			return true;
	}
	return false;
}

/* How many fields up to and with this one bear its name. */
static unsigned
nth_of_name(const struct message *m, size_t at)
{
	unsigned nth = 0;

	for (size_t i = 0; i <= at; i++)
		if (strcasecmp(m->fields[i].name, m->fields[at].name) == 0)
			nth++;
	return nth;
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
	for (size_t i = 0; i < m->field_count; i++)
		if (e->field_count == 0 || !is_removed(e, m->fields[i].name, nth_of_name(m, i)))
			message_write_field(m->fields[i].name, m->fields[i].value, out);
	write_new_fields(e, EDIT_FIELD_ADD, out);
	buf_add_str(out, "\r\n");
	buf_add_slice(out, buf_slice(e->replaces_body ? &e->body : &m->body));
}
