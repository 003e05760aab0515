#include "mail/mime.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define LIMIT (64 * 1024 * 1024)

static const struct mime_limits limits = {MIME_DEPTH_DEFAULT, MIME_PARTS_DEFAULT};
static struct message *message;
static struct mime *tree;

static void
tear_down(void)
{
	mime_free(tree);
	message_free(message);
	tree = NULL;
	message = NULL;
}

static const struct mime_part *
parse(struct slice file)
{
	struct error err = ERROR_NONE;

	tear_down();
	message = message_new(LIMIT);
	ck_assert_int_eq(message_read(file, message, &err), ANSWER_YES);
	ck_assert_int_eq(mime_parse(message, &limits, &tree, &err), ANSWER_YES);
	return tree->root;
}

static const struct mime_part *
parse_str(const char *file)
{
	return parse(slice_str(file));
}

static size_t
child_count(const struct mime_part *part)
{
	size_t n = 0;

	for (const struct mime_part *p = part->child; p != NULL; p = p->next)
		n++;
	return n;
}

#define MIXED "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n"

START_TEST(test_no_mime)
{
	const struct mime_part *r = parse_str("Subject: x\r\n\r\nhello\r\n");

	ck_assert(mime_is(r, "TEXT", "Plain"));
	ck_assert(r->defaulted && !r->has_content_type && !r->ambiguous);
	ck_assert_int_eq(r->encoding, MIME_7BIT);
	unit_assert_slice_str(r->body, "hello\r\n");
	ck_assert_ptr_null(r->child);
}
END_TEST

START_TEST(test_parts)
{
	const struct mime_part *r = parse_str(MIXED "preamble\r\n--b\r\nContent-Type: Text/HTML;\r\n\tcharset=utf-8\r\n"
		"X-A: 1\r\n\r\none\r\n\r\n--b\r\n\r\ntwo\r\n--b--\r\nepilogue\r\n");
	const struct mime_part *one = r->child, *two = one->next;

	ck_assert_uint_eq(tree->part_count, 3);
	ck_assert_uint_eq(child_count(r), 2);
	ck_assert(!r->ambiguous && !one->ambiguous);
	ck_assert(mime_is(one, "text", "html"));
	ck_assert(mime_parameter_is(one, "CHARSET", "UTF-8"));
	ck_assert_uint_eq(one->field_count, 2);
	unit_assert_slice_str(one->body, "one\r\n");
	unit_assert_slice_str(one->whole, "Content-Type: Text/HTML;\r\n\tcharset=utf-8\r\nX-A: 1\r\n\r\none\r\n");
	unit_assert_slice_str(mime_field(one, "x-a")->value, " 1");
	unit_assert_slice_str(two->body, "two");
	ck_assert_ptr_eq(two->parent, r);
	ck_assert_uint_eq(two->depth, 1);
}
END_TEST

START_TEST(test_nested)
{
	const struct mime_part *r = parse_str(MIXED "--b\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n"
		"--in\r\n\r\n1\r\n--in\r\n\r\n2\r\n--in--\r\n\r\n--b\r\n\r\n3\r\n--b--\r\n");

	ck_assert_uint_eq(tree->part_count, 5);
	ck_assert_uint_eq(child_count(r), 2);
	ck_assert_uint_eq(child_count(r->child), 2);
	ck_assert(!r->child->ambiguous);
	unit_assert_slice_str(r->child->child->next->body, "2");
	unit_assert_slice_str(r->child->next->body, "3");
	unit_assert_slice_str(r->child->body, "--in\r\n\r\n1\r\n--in\r\n\r\n2\r\n--in--\r\n");
}
END_TEST

/* Every part once, in the order of the text, and none that stands behind root. */
START_TEST(test_next)
{
	static const char *const order[] = {"1", "2", "3"};
	const struct mime_part *r = parse_str(MIXED "--b\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n"
		"--in\r\nContent-Type: multipart/mixed; boundary=empty\r\n\r\n--in\r\n\r\n1\r\n--in\r\n\r\n2\r\n--in--\r\n"
		"\r\n--b\r\n\r\n3\r\n--b--\r\n");
	const struct mime_part *inner = r->child, *part = r;
	size_t leaf = 0, count = 1;

	for (part = mime_next(r, part); part != NULL; part = mime_next(r, part), count++)
		if (!mime_is(part, "multipart", NULL)) {
			ck_assert_uint_lt(leaf, 3);
			unit_assert_slice_str(part->body, order[leaf++]);
		}
	ck_assert_uint_eq(leaf, 3);
	ck_assert_uint_eq(count, tree->part_count);
	for (count = 0, part = mime_next(inner, inner); part != NULL; part = mime_next(inner, part))
		count++;
	ck_assert_uint_eq(count, 3);
	part = inner->child->next->next;
	unit_assert_slice_str(part->body, "2");
	ck_assert_ptr_null(mime_next(part, part));
}
END_TEST

#define ATTACHED "Content-Type: message/rfc822\r\n"

START_TEST(test_ambiguous_inside)
{
	static const struct {
		const char *file;
		bool ambiguous;
	} rows[] = {
		{MIXED "--b\r\n\r\n1\r\n--b--\r\n", false},
		{MIXED "--b\r\n\r\n1\r\n", true},
		{MIXED "--b\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\n1\r\n--b--\r\n", true},
		{ATTACHED "\r\nSubject: x\r\n\r\nx\r\n", false},
		{ATTACHED "\r\n" MIXED "--b\r\n\r\n1\r\n--b--\r\n", false},
		{ATTACHED "\r\n" MIXED "--b\r\n\r\n1\r\n", true},
		{MIXED "--b\r\n" ATTACHED "\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\n1\r\n--b--\r\n", true},
		{ATTACHED "\r\n" ATTACHED "\r\nContent-Type: multipart/mixed\r\n\r\n", true},
		/* Nobody looks into this one. */
		{ATTACHED "Content-Transfer-Encoding: base64\r\n\r\n" MIXED "--b\r\n", false},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ck_assert_msg(mime_is_ambiguous(parse_str(rows[i].file)) == rows[i].ambiguous, "%zu", i);
}
END_TEST

/* What takes long to look at is not looked at: the number of messages, then how many are in each other. */
START_TEST(test_many_messages)
{
	struct buf file;

	for (size_t n = MIME_MESSAGES_MAX; n <= MIME_MESSAGES_MAX + 1; n++) {
		buf_init(&file, LIMIT);
		buf_add_str(&file, MIXED);
		for (size_t i = 0; i < n; i++)
			buf_add_str(&file, "--b\r\n" ATTACHED "\r\n\r\n");
		buf_add_str(&file, "--b--\r\n");
		ck_assert_int_eq(mime_is_ambiguous(parse(buf_slice(&file))), n > MIME_MESSAGES_MAX);
		buf_free(&file);
	}
	for (size_t n = MIME_MESSAGES_DEPTH; n <= MIME_MESSAGES_DEPTH + 1; n++) {
		buf_init(&file, LIMIT);
		for (size_t i = 0; i < n; i++)
			buf_add_str(&file, ATTACHED "\r\n");
		ck_assert_int_eq(mime_is_ambiguous(parse(buf_slice(&file))), n > MIME_MESSAGES_DEPTH);
		buf_free(&file);
	}
}
END_TEST

START_TEST(test_lf_body)
{
	struct slice file = slice_str(MIXED "--b\n\none\n--b\nX: y\n\ntwo\r\n\n--b--\n");
	const struct mime_part *r = parse(file);

	ck_assert_uint_eq(child_count(r), 2);
	unit_assert_slice_str(r->child->body, "one");
	unit_assert_slice_str(r->child->next->body, "two\r\n");
}
END_TEST

/* Blanks behind a delimiter are padding (RFC 2046 5.1.1). */
START_TEST(test_blanks_after_boundary)
{
	const struct mime_part *r = parse_str(MIXED "--b \t\r\n\r\n1\r\n--b--  \r\n");

	ck_assert_uint_eq(child_count(r), 1);
	ck_assert(!r->ambiguous);
	unit_assert_slice_str(r->child->body, "1");
}
END_TEST

START_TEST(test_dashes_that_are_none)
{
	const struct mime_part *r = parse_str(MIXED "--\r\n-- \r\n---b\r\n --b\r\n--b\r\n\r\n-- \r\nx --b\r\n--c\r\n--b--\r\n");

	ck_assert_uint_eq(child_count(r), 1);
	ck_assert(!r->ambiguous);
	unit_assert_slice_str(r->child->body, "-- \r\nx --b\r\n--c");
}
END_TEST

START_TEST(test_boundary_is_prefix)
{
	const struct mime_part *r = parse_str(MIXED "--b\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n"
		"--bb\r\n\r\n1\r\n--bb--\r\n--b\r\n\r\n2\r\n--b--\r\n");

	ck_assert_uint_eq(child_count(r), 2);
	unit_assert_slice_str(r->child->child->body, "1");
	ck_assert(r->ambiguous); /* a reader may take --bb for --b */
	ck_assert(!r->child->ambiguous);
}
END_TEST

START_TEST(test_line_like_a_delimiter)
{
	const struct mime_part *r = parse_str(MIXED "--b\r\n\r\n1\r\n--bx\r\n2\r\n--b--\r\n");

	ck_assert_uint_eq(child_count(r), 1);
	ck_assert(r->ambiguous);
}
END_TEST

START_TEST(test_same_boundary_nested)
{
	const struct mime_part *r = parse_str(MIXED "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
		"--b\r\n\r\n1\r\n--b--\r\n--b--\r\n");

	ck_assert(r->ambiguous);
	ck_assert(r->child->ambiguous);
	ck_assert_ptr_null(r->child->child);
}
END_TEST

START_TEST(test_unclosed)
{
	const struct mime_part *r = parse_str(MIXED "--b\r\n\r\n1\r\n2");

	ck_assert(r->ambiguous);
	unit_assert_slice_str(r->child->body, "1\r\n2");
	r = parse_str(MIXED "--b\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\n1\r\n--b--\r\n");
	ck_assert(!r->ambiguous);
	ck_assert(r->child->ambiguous);
	unit_assert_slice_str(r->child->child->body, "1");
	ck_assert(parse_str(MIXED "no part\r\n")->ambiguous);
	ck_assert(parse_str(MIXED "--b--\r\n")->ambiguous);
	ck_assert(parse_str(MIXED)->ambiguous);
}
END_TEST

START_TEST(test_parts_after_the_end)
{
	const struct mime_part *r = parse_str(MIXED "--b\r\n\r\n1\r\n--b--\r\n--b\r\n\r\n2\r\n--b--\r\n");

	ck_assert_uint_eq(child_count(r), 1);
	ck_assert(r->ambiguous);
}
END_TEST

START_TEST(test_no_boundary)
{
	ck_assert(parse_str("Content-Type: multipart/mixed\r\n\r\n--b\r\n")->ambiguous);
	ck_assert(parse_str("Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n")->ambiguous);
	ck_assert(parse_str("Content-Type: multipart/mixed; boundary=\"b \"\r\n\r\n--b\r\n")->ambiguous);
	ck_assert(parse_str("Content-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n--b\r\n\r\n--b--")->ambiguous);
	ck_assert(parse_str("Content-Type: multipart/mixed; boundary=b; boundary*=c\r\n\r\n--b\r\n\r\n--b--")->ambiguous);
	ck_assert(parse_str("Content-Type: multipart/mixed; boundary=\"b\r\n\r\n--b\r\n\r\n--b--")->ambiguous);
	ck_assert(parse_str("Content-Type: multipart/mixed boundary=b\r\n\r\n--b\r\n\r\n--b--")->ambiguous);
	ck_assert(parse_str("Content-Type: multipart/mixed (x); boundary=b\r\n\r\n--b\r\n\r\n--b--")->ambiguous);
}
END_TEST

START_TEST(test_boundary_forms)
{
	ck_assert(!parse_str("Content-Type: multipart/mixed; boundary=----=_x:/?1\r\n\r\n------=_x:/?1\r\n\r\n1\r\n"
		"------=_x:/?1--\r\n")->ambiguous);
	ck_assert(!parse_str("Content-Type: multipart/mixed; boundary=\"a c\";\r\n\r\n--a c\r\n\r\n1\r\n--a c--")->ambiguous);
	/* Python, for one, reads another boundary here, and a fold's line end in the last. */
	ck_assert(parse_str("Content-Type: multipart/mixed; boundary=\"a\\b c\";\r\n\r\n--ab c\r\n\r\n1\r\n--ab c--")->ambiguous);
	ck_assert(parse_str("Content-Type: multipart/mixed; x=\"\\\\;boundary=c;\\\\\"; boundary=b\r\n\r\n--b\r\n\r\n1\r\n--b--")->ambiguous);
	ck_assert(parse_str("Content-Type: multipart/mixed; boundary=\"a\r\n c\"\r\n\r\n--a c\r\n\r\n1\r\n--a c--")->ambiguous);
	ck_assert(!parse_str("Content-Type: multipart/mixed; Boundary = \"b\" ;\r\n\r\n--b\r\n\r\n1\r\n--b--")->ambiguous);
}
END_TEST

/* Without quotes some readers see another boundary, or none, and so what is not signed. */
START_TEST(test_bare_boundary)
{
	static const struct {
		const char *subtype, *parameter, *delimiter;
		bool ambiguous;
	} forms[] = {
		{"signed", "=_x", "=_x", true},
		{"signed", "----=_x", "----=_x", true},
		{"signed", "a:b", "a:b", true},
		{"signed", "'x'", "'x'", true},
		{"signed", "----_x.1", "----_x.1", false},
		{"signed", "\"=_x\"", "=_x", false},
		{"signed", "\"----=_x:'\"", "----=_x:'", false},
		{"mixed", "=_x", "=_x", true},
		{"mixed", "/x", "/x", true},
		{"mixed", "----=_x", "----=_x", false},
		{"mixed", "\"=_x\"", "=_x", false},
	};
	char text[200];

	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		snprintf(text, sizeof text, "Content-Type: multipart/%s; boundary=%s\r\n\r\n--%s\r\n\r\n1\r\n--%s--\r\n",
			forms[i].subtype, forms[i].parameter, forms[i].delimiter, forms[i].delimiter);
		ck_assert_msg(parse_str(text)->ambiguous == forms[i].ambiguous, "%s", text);
	}
	ck_assert(!parse_str("Content-Type: multipart/signed; micalg=a/b=c; boundary=b\r\n\r\n--b\r\n\r\n1\r\n--b--")->ambiguous);
}
END_TEST

START_TEST(test_duplicate_fields)
{
	const struct mime_part *r;

	ck_assert(parse_str("Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\n")->ambiguous);
	ck_assert(parse_str("Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\n")->ambiguous);
	r = parse_str(MIXED "--b\r\nContent-Type: text/plain\r\nContent-type: text/html\r\n\r\n1\r\n--b--\r\n");
	ck_assert(!r->ambiguous);
	ck_assert(r->child->ambiguous);
}
END_TEST

START_TEST(test_malformed_type)
{
	const struct mime_part *r = parse_str("Content-Type: text\r\n\r\n");

	ck_assert(r->defaulted && r->has_content_type && !r->ambiguous);
	ck_assert(mime_is(r, "text", "plain"));
	ck_assert(parse_str("Content-Type: /plain\r\n\r\n")->ambiguous);
	ck_assert(parse_str("Content-Type: multipart\r\n\r\n")->ambiguous);
	ck_assert(parse_str("Content-Type:\r\n\r\n")->ambiguous);
}
END_TEST

START_TEST(test_encodings)
{
	ck_assert_int_eq(parse_str("Content-Transfer-Encoding: BASE64 \r\n\r\n")->encoding, MIME_BASE64);
	ck_assert_int_eq(parse_str("Content-Transfer-Encoding:\r\n Quoted-Printable\r\n\r\n")->encoding,
		MIME_QUOTED_PRINTABLE);
	ck_assert_int_eq(parse_str("Content-Transfer-Encoding: 8-bit\r\n\r\n")->encoding, MIME_UNKNOWN_ENCODING);
	ck_assert_int_eq(parse_str("Content-Transfer-Encoding: 8bit; x\r\n\r\n")->encoding, MIME_UNKNOWN_ENCODING);
	ck_assert(parse_str("Content-Transfer-Encoding: base64\r\n" MIXED "--b\r\n\r\n1\r\n--b--\r\n")->ambiguous);
}
END_TEST

START_TEST(test_parameters)
{
	const struct mime_part *r = parse_str("Content-Type: a/b; name=\"x\\\"y\\\\\"; n2=my file.txt ; n3=\"\"; =x; n4;\r\n\r\n");
	struct buf text;

	buf_init(&text, 100);
	ck_assert(mime_parameter_text(r, "NAME", &text));
	unit_assert_slice_str(buf_slice(&text), "x\"y\\");
	unit_assert_slice_str(mime_parameter(r, "n2")->value, "my file.txt");
	ck_assert_uint_eq(mime_parameter(r, "n3")->value.len, 0);
	ck_assert_ptr_null(mime_parameter(r, "n4"));
	ck_assert(!mime_parameter_text(r, "n4", &text));
	ck_assert(!mime_parameter_is(r, "n4", ""));
	buf_free(&text);
}
END_TEST

START_TEST(test_many_parameters)
{
	const struct mime_part *r;
	struct buf file;

	buf_init(&file, LIMIT);
	buf_add_str(&file, "Content-Type: multipart/mixed");
	for (int i = 0; i < 100000; i++)
		buf_printf(&file, "; p%d=x", i);
	buf_add_str(&file, "; boundary=b\r\n\r\n--b\r\n\r\n--b--\r\n");
	r = parse(buf_slice(&file));
	ck_assert_uint_eq(r->parameter_count, MIME_PARAMETERS_MAX);
	ck_assert(r->ambiguous);
	buf_free(&file);
}
END_TEST

START_TEST(test_digest)
{
	const struct mime_part *r = parse_str("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\n1\r\n"
		"--b\r\nContent-Type: text/plain\r\n\r\n2\r\n--b--\r\n");

	ck_assert(mime_is(r->child, "message", "rfc822"));
	ck_assert(r->child->defaulted);
	ck_assert_ptr_null(r->child->child);
	ck_assert(mime_is(r->child->next, "text", "plain"));
}
END_TEST

START_TEST(test_part_headers)
{
	const struct mime_part *r = parse_str(MIXED "--b\r\n--b\r\n\r\n--b\r\nX: y\r\n--b\r\nX: y\r\n\r\n--b--\r\n");

	ck_assert_uint_eq(child_count(r), 4);
	for (const struct mime_part *p = r->child; p != NULL; p = p->next) {
		ck_assert_uint_eq(p->body.len, 0);
		ck_assert(!p->ambiguous);
	}
	r = parse_str(MIXED "--b\r\nno header\r\n--b\r\n folded\r\n\r\n\r\n--b\r\nContent-Type : text/html\r\n\r\n\r\n--b--\r\n");
	ck_assert_uint_eq(child_count(r), 3);
	for (const struct mime_part *p = r->child; p != NULL; p = p->next)
		ck_assert(p->ambiguous);
	unit_assert_slice_str(r->child->body, "no header");
}
END_TEST

START_TEST(test_odd_octets)
{
	ck_assert(parse(slice_of("Content-Type: text/plain\0; a=b\r\n\r\n", 34))->ambiguous);
	ck_assert(parse_str(MIXED "--b\r\nX: a\rContent-Type: text/html\r\n\r\n1\r\n--b--\r\n")->child->ambiguous);
	/* A bare CR ends a line to some readers: these would see a delimiter. */
	ck_assert(parse_str(MIXED "--b\r\n\r\n1\r--b\r\n\r\n2\r\n--b--\r\n")->ambiguous);
	ck_assert(parse_str(MIXED "--b\r\n\r\n1\r\n--b\rX: y\r\n\r\n2\r\n--b--\r\n")->ambiguous);
	ck_assert(parse_str(MIXED "--b\r\n\r\n--x\r--b\r\n\r\n2\r\n--b--\r\n")->ambiguous);
	ck_assert(parse_str(MIXED "--b\r\n\r\n1\r--x\r--b\r\n\r\n2\r\n--b--\r\n")->ambiguous);
	ck_assert(parse_str(MIXED "--b\r\n\r\n1\r\n--b\r\r\n\r\n2\r\n--b--\r\n")->ambiguous);
	ck_assert(!parse_str(MIXED "--b\r\n\r\n--x\r--y\r\n--b--\r\n")->ambiguous);
	ck_assert(!parse_str(MIXED "--b\r\n\r\n1\r2\r\n--b--\r\n")->ambiguous);
}
END_TEST

START_TEST(test_entity)
{
	static const char text[] = "Content-Type: multipart/mixed; boundary=b\r\nX-A: 1\r\n\r\n--b\r\n\r\n1\r\n--b--\r\n";
	struct error err = ERROR_NONE;

	tear_down();
	ck_assert_int_eq(mime_parse_entity(slice_str(text), &limits, &tree, &err), ANSWER_YES);
	ck_assert_uint_eq(tree->root->field_count, 2);
	unit_assert_slice_str(tree->root->whole, text);
	unit_assert_slice_str(tree->root->body, "--b\r\n\r\n1\r\n--b--\r\n");
	unit_assert_slice_str(tree->root->child->body, "1");
	tear_down();
	ck_assert_int_eq(mime_parse_entity(SLICE_NONE, &limits, &tree, &err), ANSWER_YES);
	ck_assert(mime_is(tree->root, "text", "plain"));
}
END_TEST

static enum answer
parse_with(struct slice file, unsigned depth, unsigned parts, struct error *err)
{
	struct mime_limits small = {depth, parts};
	enum answer a;

	tear_down();
	message = message_new(LIMIT);
	ck_assert_int_eq(message_read(file, message, err), ANSWER_YES);
	a = mime_parse(message, &small, &tree, err);
	if (a != ANSWER_YES)
		tree = NULL;
	return a;
}

static void
nest(struct buf *file, unsigned depth)
{
	buf_init(file, LIMIT);
	buf_add_str(file, "Content-Type: multipart/mixed; boundary=b0\r\n\r\n");
	for (unsigned i = 0; i + 1 < depth; i++)
		buf_printf(file, "--b%u\r\nContent-Type: multipart/mixed; boundary=b%u\r\n\r\n", i, i + 1);
	buf_printf(file, "--b%u\r\n\r\nleaf\r\n", depth - 1);
	for (unsigned i = depth; i-- > 0;)
		buf_printf(file, "--b%u--\r\n", i);
}

START_TEST(test_deep)
{
	struct error err = ERROR_NONE;
	struct buf file;
	const struct mime_part *p;

	nest(&file, 1000);
	ck_assert_int_eq(parse_with(buf_slice(&file), 1000, 10000, &err), ANSWER_YES);
	ck_assert_uint_eq(tree->part_count, 1001);
	for (p = tree->root; p->child != NULL; p = p->child)
		;
	ck_assert_uint_eq(p->depth, 1000);
	unit_assert_slice_str(p->body, "leaf");
	ck_assert_int_eq(parse_with(buf_slice(&file), 999, 10000, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "mime-depth-limit");
	ck_assert_ptr_nonnull(strstr(err.words, "mime-depth-limit"));
	buf_free(&file);
}
END_TEST

START_TEST(test_many_parts)
{
	struct error err = ERROR_NONE;
	struct buf file;

	buf_init(&file, LIMIT);
	buf_add_str(&file, MIXED);
	for (int i = 0; i < 9999; i++)
		buf_add_str(&file, "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n");
	buf_add_str(&file, "--b--\r\n");
	ck_assert_int_eq(parse_with(buf_slice(&file), 10, 10000, &err), ANSWER_YES);
	ck_assert_uint_eq(tree->part_count, 10000);
	ck_assert_int_eq(parse_with(buf_slice(&file), 10, 9999, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "mime-part-limit");
	ck_assert_ptr_nonnull(strstr(err.words, "mime-part-limit"));
	buf_free(&file);
}
END_TEST

START_TEST(test_many_fields)
{
	struct error err = ERROR_NONE;
	struct buf file;

	buf_init(&file, LIMIT);
	buf_add_str(&file, MIXED "--b\r\n");
	for (int i = 0; i <= MIME_FIELDS_MAX; i++)
		buf_add_str(&file, "a:\r\n");
	buf_add_str(&file, "\r\n--b--\r\n");
	ck_assert_int_eq(parse_with(buf_slice(&file), 10, 10, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "mime-field-limit");
	buf_free(&file);
}
END_TEST

START_TEST(test_long_lines)
{
	struct buf file;

	buf_init(&file, LIMIT);
	buf_add_str(&file, "Content-Type: multipart/mixed; boundary=\"");
	memset(buf_extend(&file, 1 << 20), 'b', 1 << 20);
	buf_add_str(&file, "\"\r\n\r\n--b\r\n");
	ck_assert(parse(buf_slice(&file))->ambiguous);
	buf_clear(&file);
	buf_add_str(&file, MIXED "--b\r\nContent-Type: text/plain; name=\"");
	memset(buf_extend(&file, 1 << 20), 'x', 1 << 20);
	buf_add_str(&file, "\"\r\n\r\n1\r\n--b--\r\n");
	ck_assert(mime_is(parse(buf_slice(&file))->child, "text", "plain"));
	ck_assert_uint_eq(mime_parameter(tree->root->child, "name")->value.len, 1 << 20);
	buf_free(&file);
}
END_TEST

/* Lines that begin like delimiters, under as many boundaries as there may be: what this
 * costs must not be their product. The run's own time-out is the judge. */
START_TEST(test_hostile_dashes)
{
	struct buf file;

	nest(&file, MIME_DEPTH_DEFAULT);
	for (int i = 0; i < 2000000; i++)
		buf_add_str(&file, "--\r\n--bb\r\n");
	parse(buf_slice(&file));
	ck_assert_uint_eq(tree->part_count, MIME_DEPTH_DEFAULT + 1);
	buf_free(&file);
}
END_TEST

/* decoded NULL: it is to be refused. */
static void
check_decoded(const char *encoding, struct slice body, const char *decoded)
{
	struct mime_part part = {.body = body};
	struct error err = ERROR_NONE;
	struct buf out;

	part.encoding = strcmp(encoding, "base64") == 0 ? MIME_BASE64 : MIME_QUOTED_PRINTABLE;
	buf_init(&out, 1000);
	buf_add_str(&out, "+");
	if (decoded == NULL) {
		ck_assert_int_eq(mime_decode(&part, &out, &err), ANSWER_NO);
		ck_assert_uint_eq(out.len, 1);
	} else {
		ck_assert_int_eq(mime_decode(&part, &out, &err), ANSWER_YES);
		unit_assert_slice_str(slice_sub(buf_slice(&out), 1, out.len), decoded);
	}
	buf_free(&out);
}

START_TEST(test_base64)
{
	check_decoded("base64", slice_str(""), "");
	check_decoded("base64", slice_str("YQ=="), "a");
	check_decoded("base64", slice_str("YWI=\r\n"), "ab");
	check_decoded("base64", slice_str("YWJj"), "abc");
	check_decoded("base64", slice_str(" Y W\r\nJ\tjZ GVm\r\n\r\n"), "abcdef");
	check_decoded("base64", slice_str("+/+/"), "\xfb\xff\xbf");
	check_decoded("base64", slice_str("Y"), NULL);
	check_decoded("base64", slice_str("YQ"), NULL);
	check_decoded("base64", slice_str("YQ="), NULL);
	check_decoded("base64", slice_str("YWJj="), NULL);
	check_decoded("base64", slice_str("YWJj===="), NULL);
	check_decoded("base64", slice_str("YQ==YQ=="), NULL);
	check_decoded("base64", slice_str("YW-j"), NULL);
	check_decoded("base64", slice_str("YWJj\r\n-- \r\nfooter\r\n"), NULL);
	check_decoded("base64", slice_str("YWJ\xe9"), NULL);
	check_decoded("base64", slice_of("YW\0Jj", 5), NULL);
}
END_TEST

START_TEST(test_quoted_printable)
{
	check_decoded("qp", slice_str("a=3Db=\r\nc=c5=99 \t\r\nd"), "a=bc\xc5\x99\r\nd");
	check_decoded("qp", slice_str("a= \r\nb\nc="), "ab\nc");
	check_decoded("qp", slice_str("a=xyb=4"), "a=xyb=4");
	check_decoded("qp", slice_str(""), "");
}
END_TEST

START_TEST(test_decode_other)
{
	struct mime_part part = {.body = slice_str("a\xe9 \r\n"), .encoding = MIME_8BIT};
	struct error err = ERROR_NONE;
	struct buf out;

	buf_init(&out, 10);
	ck_assert_int_eq(mime_decode(&part, &out, &err), ANSWER_YES);
	unit_assert_slice_eq(buf_slice(&out), part.body);
	part.encoding = MIME_UNKNOWN_ENCODING;
	ck_assert_int_eq(mime_decode(&part, &out, &err), ANSWER_NO);
	part.encoding = MIME_BINARY;
	part.body = slice_str("more than ten");
	ck_assert_int_eq(mime_decode(&part, &out, &err), ANSWER_CANT_TELL);
	buf_free(&out);
}
END_TEST

START_TEST(test_mime_fields)
{
	ck_assert(mime_is_mime_field("CONTENT-type"));
	ck_assert(mime_is_mime_field("mime-version"));
	ck_assert(!mime_is_mime_field("MIME-Versions"));
	ck_assert(!mime_is_mime_field("Content"));
	ck_assert(!mime_is_mime_field("X-Content-Type"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mime");
	TCase *c = tcase_create("mime");

	tcase_add_checked_fixture(c, NULL, tear_down);
	tcase_add_test(c, test_no_mime);
	tcase_add_test(c, test_parts);
	tcase_add_test(c, test_nested);
	tcase_add_test(c, test_next);
	tcase_add_test(c, test_ambiguous_inside);
	tcase_add_test(c, test_many_messages);
	tcase_add_test(c, test_lf_body);
	tcase_add_test(c, test_blanks_after_boundary);
	tcase_add_test(c, test_dashes_that_are_none);
	tcase_add_test(c, test_boundary_is_prefix);
	tcase_add_test(c, test_line_like_a_delimiter);
	tcase_add_test(c, test_same_boundary_nested);
	tcase_add_test(c, test_unclosed);
	tcase_add_test(c, test_parts_after_the_end);
	tcase_add_test(c, test_no_boundary);
	tcase_add_test(c, test_boundary_forms);
	tcase_add_test(c, test_bare_boundary);
	tcase_add_test(c, test_duplicate_fields);
	tcase_add_test(c, test_malformed_type);
	tcase_add_test(c, test_encodings);
	tcase_add_test(c, test_parameters);
	tcase_add_test(c, test_many_parameters);
	tcase_add_test(c, test_digest);
	tcase_add_test(c, test_part_headers);
	tcase_add_test(c, test_odd_octets);
	tcase_add_test(c, test_entity);
	tcase_add_test(c, test_deep);
	tcase_add_test(c, test_many_parts);
	tcase_add_test(c, test_many_fields);
	tcase_add_test(c, test_long_lines);
	tcase_add_test(c, test_hostile_dashes);
	tcase_add_test(c, test_base64);
	tcase_add_test(c, test_quoted_printable);
	tcase_add_test(c, test_decode_other);
	tcase_add_test(c, test_mime_fields);
	suite_add_tcase(s, c);
	return unit_run(s);
}
