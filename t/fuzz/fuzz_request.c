/* Revocation requests. Promises: what is read has a number of 1 to 20 octets without leading
 * zeros, and no password or one that is allowed; a refusal has a reason; and a text of which
 * every line is quoted requests nothing.
 */
#include "fuzz.h"
#include "revocation/parts.h"

#include <string.h>

#define BODY_LIMIT (4 * 1024 * 1024)

static const struct mime_limits limits = {50, 1000};

static void
check_line(const struct request_line *line)
{
	size_t len = strlen(line->password);

	promise(line->serial_len >= 1 && line->serial_len <= REQUEST_SERIAL_OCTETS_MAX && line->serial[0] != 0);
	promise(len == 0 || (len >= PASSWORD_MIN && len <= PASSWORD_MAX));
	for (size_t i = 0; i < len; i++)
		promise((line->password[i] >= '0' && line->password[i] <= '9') ||
			(ascii_lower(line->password[i]) >= 'a' && ascii_lower(line->password[i]) <= 'z'));
	promise(line->language != NULL && strlen(line->language) == 2);
}

static enum answer
read_entity(struct slice entity, const struct phrases *phrases, struct request *request)
{
	struct error err = ERROR_NONE;
	const struct header_field *subject;
	struct mime *tree;
	enum answer a = ANSWER_CANT_TELL;

	if (mime_parse_entity(entity, &limits, &tree, &err) != ANSWER_YES)
		return a;
	subject = mime_field(tree->root, "Subject");
	a = parts_read(tree->root, subject == NULL ? SLICE_NONE : subject->value, phrases, request, &err);
	promise(a == ANSWER_CANT_TELL || (a == ANSWER_YES) == (request->reason_count == 0));
	promise(a != ANSWER_YES || request->line_count > 0);
	for (size_t i = 0; i < request->line_count; i++)
		check_line(&request->lines[i]);
	mime_free(tree);
	return a;
}

static void
check_quoted(struct slice text, const struct phrases *phrases)
{
	struct request *request = request_new();
	struct buf quoted;

	buf_init(&quoted, BODY_LIMIT);
	buf_add_str(&quoted, "Content-Type: text/plain; charset=utf-8\r\n\r\n");
	for (size_t at = 0; at < text.len; at = slice_find(text, '\n', at) + 1) {
		buf_add_str(&quoted, "> ");
		buf_add_slice(&quoted, slice_sub(text, at, slice_find(text, '\n', at)));
		buf_add_byte(&quoted, '\n');
	}
	if (request != NULL && !buf_failed(&quoted)) {
		read_entity(buf_slice(&quoted), phrases, request);
		promise(request->line_count == 0);
	}
	buf_free(&quoted);
	request_free(request);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct phrases *phrases;
	struct slice entity = slice_of(data, size);
	struct request *request = request_new();

	if (phrases == NULL)
		promise(phrases_new(NULL, 0, &phrases, NULL) == ANSWER_YES);
	if (request != NULL)
		read_entity(entity, phrases, request);
	request_free(request);
	check_quoted(entity, phrases);
	return 0;
}
