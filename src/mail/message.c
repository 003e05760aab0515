#include "mail/message.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGE_LINE_OVERHEAD 3 /* colon and CRLF of a field */

struct message *
message_new(size_t body_limit)
{
	struct message *m = calloc(1, sizeof *m);

	if (m != NULL)
		buf_init(&m->body, body_limit);
	return m;
}

void
message_free(struct message *m)
{
	if (m == NULL)
		return;
	free(m->queue_id);
	free(m->client.name);
	free(m->client.login);
	free(m->client.daemon_name);
	free(m->sender);
	for (size_t i = 0; i < m->recipient_count; i++)
		free(m->recipients[i]);
	free(m->recipients);
	for (size_t i = 0; i < m->field_count; i++) {
		if (m->body.secret)
			explicit_bzero((unsigned char *)m->fields[i].value.data, m->fields[i].value.len);
		free(m->fields[i].name);
	}
	free(m->fields);
	buf_free(&m->body);
	free(m);
}

void
message_keep_secret(struct message *m)
{
	m->body.secret = true;
}

/* Room for one element more. The array doubles each time the count is a power of
 * two, so that no capacity has to be kept beside the count. */
static void *
grow(void *array, size_t count, size_t size)
{
	if ((count & (count - 1)) != 0 && count != 0)
		return array;
	return realloc(array, (count == 0 ? 1 : 2 * count) * size);
}

bool
message_add_recipient(struct message *m, struct slice address)
{
	char **recipients, *copy;

	if (m->recipient_count >= MESSAGE_RECIPIENTS_MAX)
		return false;
	recipients = grow(m->recipients, m->recipient_count, sizeof *recipients);
	if (recipients == NULL)
		return false;
	m->recipients = recipients;
	copy = slice_dup(address);
	if (copy == NULL)
		return false;
	m->recipients[m->recipient_count++] = copy;
	return true;
}

/* Copies text without the CR of each CRLF; a CR elsewhere is content. */
static size_t
copy_value(unsigned char *to, struct slice text)
{
	size_t len = 0;

	if (slice_find(text, '\r', 0) == text.len) {
		if (text.len > 0)
			memcpy(to, text.data, text.len);
		return text.len;
	}
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] != '\r' || i + 1 == text.len || text.data[i + 1] != '\n')
			to[len++] = text.data[i];
	return len;
}

bool
message_add_field(struct message *m, struct slice name, struct slice value)
{
	struct header_field *fields;
	unsigned char *block;
	size_t len;

	if (m->field_count >= MESSAGE_HEADER_FIELDS_MAX || name.len > MESSAGE_HEADER_OCTETS_MAX ||
	    value.len > MESSAGE_HEADER_OCTETS_MAX)
		return false;
	len = name.len + value.len + MESSAGE_LINE_OVERHEAD;
	if (len > MESSAGE_HEADER_OCTETS_MAX || m->header_octets > MESSAGE_HEADER_OCTETS_MAX - len)
		return false;
	if (name.len == 0 || memchr(name.data, '\0', name.len) != NULL)
		return false;
	fields = grow(m->fields, m->field_count, sizeof *fields);
	if (fields == NULL)
		return false;
	m->fields = fields;
	/* Name and value in one block, which is freed by the name. */
	block = malloc(name.len + 1 + value.len);
	if (block == NULL)
		return false;
	memcpy(block, name.data, name.len);
	block[name.len] = '\0';
	fields += m->field_count++;
	fields->name = (char *)block;
	fields->value = slice_of(block + name.len + 1, copy_value(block + name.len + 1, value));
	m->header_octets += len;
	return true;
}

/* The line that begins at from, without its line end; *next is the line after it. */
static struct slice
line_at(struct slice text, size_t from, size_t *next)
{
	size_t end = slice_find(text, '\n', from);

	*next = end < text.len ? end + 1 : end;
	if (end > from && end < text.len && text.data[end - 1] == '\r')
		end--;
	return slice_of(text.data + from, end - from);
}

/* RFC 5322 2.2: printable ASCII but the colon. Blanks before the colon (4.5.8)
 * are left out, as every MTA does. */
static bool
split_field(struct slice line, struct slice *name, struct slice *value)
{
	size_t colon = slice_find(line, ':', 0);

	if (colon == line.len)
		return false;
	*value = slice_of(line.data + colon + 1, line.len - colon - 1);
	while (colon > 0 && ascii_is_blank(line.data[colon - 1]))
		colon--;
	*name = slice_sub(line, 0, colon);
	for (size_t i = 0; i < colon; i++)
		if (line.data[i] <= ' ' || line.data[i] >= 0x7f)
			return false;
	return colon > 0;
}

/* Body in file form to body as an MTA has it. */
static void
add_body(struct message *m, struct slice body)
{
	size_t from = 0, lf;

	if (slice_find_slice(body, slice_str("\r\n")) < body.len) {
		buf_add_slice(&m->body, body);
		return;
	}
	while (from < body.len) {
		lf = slice_find(body, '\n', from);
		buf_add(&m->body, body.data + from, lf - from);
		if (lf < body.len)
			buf_add(&m->body, "\r\n", 2);
		from = lf + 1;
	}
}

static enum answer
read_body(struct message *m, struct slice body, struct error *err)
{
	if (body.len > m->body.limit)
		return error_no(err, "too-large", "the body has %zu octets, message-size-limit permits %zu", body.len,
			m->body.limit);
	add_body(m, body);
	if (buf_failed(&m->body))
		return error_cant_tell(err, "memory", "no memory for the body");
	return ANSWER_YES;
}

enum answer
message_read(struct slice file, struct message *m, struct error *err)
{
	size_t at = 0, next = 0, number = 1;

	while (at < file.len) {
		struct slice line = line_at(file, at, &next), name, value;
		size_t after, first = number;

		if (line.len == 0)
			break;
		if (!split_field(line, &name, &value))
			return error_no(err, "not-a-message", "line %zu is no header field", number);
		for (number++; next < file.len && ascii_is_blank(file.data[next]); number++) {
			line = line_at(file, next, &after);
			next = after;
			value.len = (size_t)(line.data + line.len - value.data);
		}
		if (!message_add_field(m, name, value))
			return error_no(err, "header-limit", "line %zu: the header is larger than permitted", first);
		at = next;
	}
	return read_body(m, slice_sub(file, next > at ? next : at, file.len), err);
}

void
message_write_field(const char *name, struct slice value, struct buf *out)
{
	size_t from = 0, lf;

	buf_add_str(out, name);
	buf_add_byte(out, ':');
	while ((lf = slice_find(value, '\n', from)) < value.len) {
		buf_add(out, value.data + from, lf - from);
		buf_add(out, "\r\n", 2);
		from = lf + 1;
	}
	buf_add_slice(out, slice_sub(value, from, value.len));
	buf_add(out, "\r\n", 2);
}

const struct header_field *
message_field(const struct message *m, const char *name, size_t nth)
{
	struct slice wanted = slice_str(name);

	for (size_t i = 0; i < m->field_count; i++)
		if (slice_eq_nocase(slice_str(m->fields[i].name), wanted) && nth-- == 0)
			return &m->fields[i];
	return NULL;
}
