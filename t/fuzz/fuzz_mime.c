/* Messages: read, sliced, composed. Promises: what is DONE is 7-bit with CRLF and short
 * lines, is DONE again without a change, and has as many parts as before.
 */
#include "fuzz.h"
#include "mail/compose.h"

#include <stdlib.h>
#include <string.h>

#define BODY_LIMIT (16 * 1024 * 1024)

static const struct mime_limits limits = {50, 1000};

/* Slowly and plainly, not as compose.c does it. */
static void
check_lines(struct slice s)
{
	size_t length = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.data[i], before = i == 0 ? '\n' : s.data[i - 1];

		promise(c != '\0' && c < 0x80);
		promise((c == '\n') == (before == '\r' && i > 0));
		if (c == '\r')
			promise(before != ' ' && before != '\t');
		if (before == '\n')
			promise(s.len - i < 5 || memcmp(s.data + i, "From ", 5) != 0);
		length = c == '\n' ? 0 : length + 1;
		promise(length <= TRANSFER_LINE_MAX + (c == '\r'));
	}
}

/* The children lie in their parent, in order, and do not overlap. */
static void
check_tree(const struct mime *tree)
{
	size_t parts = 0;

	for (const struct mime_part *p = tree->root, *up; p != NULL; p = up) {
		parts++;
		promise(p->depth <= limits.depth);
		promise(p->body.data >= p->whole.data && p->body.data + p->body.len == p->whole.data + p->whole.len);
		if (p->parent != NULL)
			promise(p->whole.data >= p->parent->body.data &&
			    p->whole.data + p->whole.len <= p->parent->body.data + p->parent->body.len);
		if (p->next != NULL)
			promise(p->whole.data + p->whole.len <= p->next->whole.data);
		for (up = p->child; up == NULL && p != NULL; p = p->parent)
			up = p->next;
	}
	promise(parts == tree->part_count);
}

static void
decode(const struct mime_part *part)
{
	struct error err = ERROR_NONE;
	struct buf out;

	buf_init(&out, BODY_LIMIT);
	mime_decode(part, &out, &err);
	buf_free(&out);
}

/* What was made safe is left as it is when it is looked at again. */
static void
check_again(const struct buf *entity, size_t part_count)
{
	struct message *m = message_new(2 * BODY_LIMIT);
	struct error err = ERROR_NONE;
	struct mime *tree;
	struct buf again;

	promise(m != NULL);
	buf_init(&again, 2 * BODY_LIMIT);
	if (message_read(buf_slice(entity), m, &err) == ANSWER_YES &&
	    mime_parse(m, &limits, &tree, &err) == ANSWER_YES) {
		promise(tree->part_count == part_count);
		promise(compose_entity(tree, &again, NULL) == COMPOSE_DONE);
		promise(slice_eq(buf_slice(&again), buf_slice(entity)));
		mime_free(tree);
	}
	buf_free(&again);
	message_free(m);
}

static void
compose(const struct mime *tree)
{
	struct buf entity;
	const char *why;
	enum compose_result result;

	buf_init(&entity, 2 * BODY_LIMIT);
	result = compose_entity(tree, &entity, &why);
	promise((result == COMPOSE_UNTOUCHED) == (why != NULL));
	if (result == COMPOSE_DONE) {
		check_lines(buf_slice(&entity));
		check_again(&entity, tree->part_count);
	}
	buf_free(&entity);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice file = slice_of(data, size);
	struct error err = ERROR_NONE;
	struct message *m = message_new(BODY_LIMIT);
	struct mime *tree;

	if (m != NULL && message_read(file, m, &err) == ANSWER_YES &&
	    mime_parse(m, &limits, &tree, &err) == ANSWER_YES) {
		check_tree(tree);
		decode(tree->root);
		compose(tree);
		mime_free(tree);
	}
	message_free(m);
	if (mime_parse_entity(file, &limits, &tree, &err) == ANSWER_YES) {
		check_tree(tree);
		mime_free(tree);
	}
	return 0;
}
