/* request_tool: reads many mails in one process, for the test that makes them.
 *
 * Standard input: each mail behind a line with the number of its octets. Standard output: a
 * line for each, "yes" and LANGUAGE:SERIAL:PASSWORD for every request line, or "no CODE".
 */
#include "revocation/parts.h"

#include <stdio.h>
#include <stdlib.h>

#define MAIL_OCTETS_MAX (8 * 1024 * 1024)

static const struct mime_limits limits = {MIME_DEPTH_DEFAULT, MIME_PARTS_DEFAULT};

static void
print(const struct request *r)
{
	printf("yes");
	for (size_t i = 0; i < r->line_count; i++) {
		printf(" %s:", r->lines[i].language);
		for (size_t n = 0; n < r->lines[i].serial_len; n++)
			printf("%02x", r->lines[i].serial[n]);
		printf(":%s", r->lines[i].password);
	}
	printf("\n");
}

static enum answer
read_mail(struct slice file, const struct phrases *phrases, struct request *r, struct error *err)
{
	struct message *m = message_new(MAIL_OCTETS_MAX);
	struct mime *tree = NULL;
	const struct header_field *subject;
	enum answer a;

	if (m == NULL)
		return ANSWER_CANT_TELL;
	a = message_read(file, m, err);
	if (a == ANSWER_YES)
		a = mime_parse(m, &limits, &tree, err);
	if (a == ANSWER_YES) {
		subject = message_field(m, "Subject", 0);
		a = parts_read(tree->root, subject == NULL ? SLICE_NONE : subject->value, phrases, r, err);
	}
	mime_free(tree);
	message_free(m);
	return a;
}

static void
answer(struct slice file, const struct phrases *phrases)
{
	struct request *r = request_new();
	struct error err = ERROR_NONE;

	if (r == NULL)
		exit(2);
	if (read_mail(file, phrases, r, &err) == ANSWER_YES)
		print(r);
	else
		printf("no %s\n", err.code);
	request_free(r);
}

int
main(void)
{
	struct phrases *phrases;
	char line[32];
	char *mail = malloc(MAIL_OCTETS_MAX);

	if (mail == NULL || phrases_new(NULL, 0, &phrases, NULL) != ANSWER_YES)
		return 2;
	while (fgets(line, sizeof line, stdin) != NULL) {
		unsigned long len = strtoul(line, NULL, 10);

		if (len > MAIL_OCTETS_MAX || fread(mail, 1, len, stdin) != len)
			return 2;
		answer(slice_of(mail, len), phrases);
	}
	phrases_free(phrases);
	free(mail);
	return 0;
}
