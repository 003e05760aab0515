/* compose_tool FILE: what compose_entity() makes of a message in file form goes to
 * standard output, and the result ("done", "untouched: why") to standard error. For
 * tests that read it with other people's MIME readers.
 */
#include "mail/compose.h"

#include <stdio.h>
#include <stdlib.h>

#define SIZE_LIMIT (256 * 1024 * 1024)

static bool
read_file(const char *path, struct buf *b)
{
	FILE *f = fopen(path, "rb");
	unsigned char chunk[65536];
	size_t n;

	if (f == NULL)
		return false;
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_add(b, chunk, n);
	fclose(f);
	return !buf_failed(b);
}

static int
compose(const struct message *m)
{
	static const struct mime_limits limits = {MIME_DEPTH_DEFAULT, MIME_PARTS_DEFAULT};
	struct error err = ERROR_NONE;
	struct buf out;
	struct mime *tree;
	const char *why;
	enum compose_result result;

	if (mime_parse(m, &limits, &tree, &err) != ANSWER_YES) {
		fprintf(stderr, "refused: %s\n", err.code);
		return EXIT_FAILURE;
	}
	buf_init(&out, SIZE_LIMIT);
	result = compose_entity(tree, &out, &why);
	if (result == COMPOSE_UNTOUCHED)
		fprintf(stderr, "untouched: %s\n", why);
	else
		fprintf(stderr, "%s\n", result == COMPOSE_NO_MEMORY ? "no memory" : "done");
	fwrite(out.data, 1, out.len, stdout);
	buf_free(&out);
	mime_free(tree);
	return result == COMPOSE_NO_MEMORY ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct error err = ERROR_NONE;
	struct message *m = message_new(SIZE_LIMIT);
	struct buf file;
	int status = EXIT_FAILURE;

	buf_init(&file, SIZE_LIMIT);
	if (argc != 2 || m == NULL || !read_file(argv[1], &file))
		fprintf(stderr, "usage: compose_tool FILE\n");
	else if (message_read(buf_slice(&file), m, &err) != ANSWER_YES)
		fprintf(stderr, "refused: %s\n", err.words);
	else
		status = compose(m);
	buf_free(&file);
	message_free(m);
	return status;
}
