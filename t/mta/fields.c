#include "wire.h"

#include <stdlib.h>
#include <string.h>

/* The length of the line at from, without its end; *next is where the next begins. */
static size_t
line_length(struct slice s, size_t from, size_t *next)
{
	size_t end = slice_find(s, '\n', from);

	*next = end < s.len ? end + 1 : s.len;
	return end > from && s.data[end - 1] == '\r' ? end - 1 - from : end - from;
}

/* How long the field name is that a line begins with; 0: it begins with none (RFC 5322 3.6.8).
 * *value is where the value begins. */
static size_t
name_length(const unsigned char *line, size_t len, size_t *value)
{
	size_t n = 0, colon;

	while (n < len && line[n] > ' ' && line[n] < 127 && line[n] != ':')
		n++;
	colon = n;
	while (colon < len && (line[colon] == ' ' || line[colon] == '\t'))
		colon++;
	if (n == 0 || colon >= len || line[colon] != ':')
		return 0;
	*value = colon + 1;
	return n;
}

void
mta_split(struct slice message, struct slice *header, struct slice *body)
{
	size_t at = 0, next, len, value;

	while (at < message.len) {
		len = line_length(message, at, &next);
		if (len == 0)
			break;
		if (name_length(message.data + at, len, &value) == 0 &&
		    (at == 0 || (message.data[at] != ' ' && message.data[at] != '\t'))) {
			next = at;
			break;
		}
		at = next;
	}
	*header = slice_sub(message, 0, at);
	*body = at < message.len ? slice_sub(message, next, message.len) : SLICE_NONE;
}

static struct field *
fields_add(struct fields *f)
{
	if (f->count == f->room) {
		size_t room = f->room == 0 ? 32 : f->room * 2;
		struct field *item = room <= MTA_FIELDS_MAX * 2 ? realloc(f->item, room * sizeof *item) : NULL;

		if (item == NULL)
			return NULL;
		f->item = item;
		f->room = room;
	}
	f->item[f->count] = (struct field){0};
	return &f->item[f->count++];
}

/* Copies the lines from..to of the header. */
static bool
field_copy(struct field *field, struct slice header, size_t from, size_t to)
{
	size_t next;

	field->text = malloc(to - from + 1);
	if (field->text == NULL)
		return false;
	for (size_t at = from; at < to; at = next) {
		size_t len = line_length(header, at, &next);

		if (at > from)
			field->text[field->len++] = '\n';
		memcpy(field->text + field->len, header.data + at, len);
		field->len += len;
	}
	field->text[field->len] = '\0';
	field->name_len = name_length((unsigned char *)field->text, field->len, &field->value);
	return field->name_len > 0;
}

bool
fields_parse(struct fields *f, struct slice header)
{
	size_t at = 0, end, next;

	*f = (struct fields){0};
	while (at < header.len) {
		struct field *field = fields_add(f);

		line_length(header, at, &end);
		while (end < header.len && (header.data[end] == ' ' || header.data[end] == '\t')) {
			line_length(header, end, &next);
			end = next;
		}
		if (field == NULL || !field_copy(field, header, at, end)) {
			fields_free(f);
			return false;
		}
		at = end;
	}
	return true;
}

void
fields_free(struct fields *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->item[i].text);
	free(f->item);
	*f = (struct fields){0};
}

/* ---- what a filter changed ------------------------------------------------- */

static bool
same_name(const struct field *f, const char *name)
{
	return slice_eq_str_nocase(slice_of(f->text, f->name_len), name);
}

/* Puts "name:value" at the place; the blank was sent with the value where the filter asked for that. */
static bool
field_put(struct fields *f, size_t place, const char *name, const char *value, bool exact)
{
	size_t name_len = strlen(name), value_len = strlen(value);
	struct field made = {0}, *last;

	made.text = malloc(name_len + value_len + 3);
	if (made.text == NULL)
		return false;
	memcpy(made.text, name, name_len);
	memcpy(made.text + name_len, exact ? ":" : ": ", 2);
	made.value = name_len + 1;
	strcpy(made.text + name_len + (exact ? 1 : 2), value);
	made.len = strlen(made.text);
	made.name_len = name_len;
	last = fields_add(f);
	if (last == NULL) {
		free(made.text);
		return false;
	}
	memmove(&f->item[place + 1], &f->item[place], (f->count - 1 - place) * sizeof made);
	f->item[place] = made;
	return true;
}

static void
field_remove(struct fields *f, size_t place)
{
	free(f->item[place].text);
	memmove(&f->item[place], &f->item[place + 1], (f->count - 1 - place) * sizeof *f->item);
	f->count--;
}

/* The n-th field of that name, the MTA's own Received not counted; f->count: there is none. */
static size_t
field_find(const struct fields *f, const char *name, uint32_t n)
{
	if (slice_eq_str_nocase(slice_str("Received"), name))
		n++;
	for (size_t i = 0; i < f->count; i++)
		if (same_name(&f->item[i], name) && --n == 0)
			return i;
	return f->count;
}

static bool
apply(struct fields *f, const struct mta_change *c, bool exact)
{
	size_t place;

	switch (c->code) {
	case 'h':
		return field_put(f, f->count, c->name, c->value, exact);
	case 'i':
		place = c->index < f->count ? c->index : f->count;
		return field_put(f, place, c->name, c->value, exact);
	case 'm':
		place = field_find(f, c->name, c->index > 0 ? c->index : 1);
		if (place < f->count)
			field_remove(f, place);
		return c->value[0] == '\0' || field_put(f, place, c->name, c->value, exact);
	default:
		return true; /* the envelope's */
	}
}

/* Postfix begins a field's further lines with a tab where the filter gave no blank. */
static void
add_field(struct buf *out, const struct field *f)
{
	for (size_t i = 0; i < f->len; i++) {
		if (f->text[i] != '\n') {
			buf_add_byte(out, (unsigned char)f->text[i]);
			continue;
		}
		buf_add_str(out, "\r\n");
		if (i + 1 < f->len && f->text[i + 1] != ' ' && f->text[i + 1] != '\t')
			buf_add_byte(out, '\t');
	}
	buf_add_str(out, "\r\n");
}

static void
add_lines(struct buf *out, struct slice body)
{
	size_t next;

	for (size_t at = 0; at < body.len; at = next) {
		buf_add(out, body.data + at, line_length(body, at, &next));
		buf_add_str(out, "\r\n");
	}
}

bool
mta_result_message(const struct mta_message *message, const struct mta_result *r, const char *received,
	struct buf *out)
{
	const char *own = received != NULL ? received : "Received: hidden";
	const char *hidden = NULL;
	struct fields f;
	bool ok;

	buf_init(out, MTA_MESSAGE_MAX);
	ok = fields_parse(&f, message->header) && field_put(&f, 0, "Received", strchr(own, ':') + 1, true);
	if (ok && received == NULL)
		hidden = f.item[0].text;
	for (size_t i = 0; ok && i < r->change_count; i++)
		ok = apply(&f, &r->changes[i], r->exact_values);
	for (size_t i = 0; ok && i < f.count; i++)
		if (f.item[i].text != hidden)
			add_field(out, &f.item[i]);
	buf_add_str(out, "\r\n");
	add_lines(out, r->body_replaced ? buf_slice(&r->body) : message->body);
	fields_free(&f);
	return ok && !buf_failed(out);
}
