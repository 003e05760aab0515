#include "mail/compose.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define LIMIT (64 * 1024 * 1024)
#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n\r\n"

static const struct mime_limits limits = {MIME_DEPTH_DEFAULT, MIME_PARTS_DEFAULT};
static struct message *message;
static struct mime *tree;
static struct buf entity;
static const char *why;

static void
set_up(void)
{
	buf_init(&entity, LIMIT);
}

static void
tear_down(void)
{
	mime_free(tree);
	message_free(message);
	tree = NULL;
	message = NULL;
	buf_free(&entity);
}

static enum compose_result
compose(struct slice file)
{
	struct error err = ERROR_NONE;
	enum compose_result result;

	tear_down();
	set_up();
	message = message_new(LIMIT);
	ck_assert_int_eq(message_read(file, message, &err), ANSWER_YES);
	ck_assert_int_eq(mime_parse(message, &limits, &tree, &err), ANSWER_YES);
	result = compose_entity(tree, &entity, &why);
	ck_assert((result == COMPOSE_UNTOUCHED) == (why != NULL));
	return result;
}

static void
check_done(const char *file, const char *want)
{
	ck_assert_int_eq(compose(slice_str(file)), COMPOSE_DONE);
	unit_assert_slice_str(buf_slice(&entity), want);
}

/* Is the entity the message's MIME fields, with CRLF, and its body? */
static bool
is_unchanged(void)
{
	struct buf want;
	bool same;

	buf_init(&want, LIMIT);
	for (size_t i = 0; i < message->field_count; i++)
		if (slice_starts_nocase(slice_str(message->fields[i].name), "Content-"))
			message_write_field(message->fields[i].name, message->fields[i].value, &want);
	buf_add_str(&want, "\r\n");
	buf_add_slice(&want, buf_slice(&message->body));
	same = slice_eq(buf_slice(&want), buf_slice(&entity));
	buf_free(&want);
	return same;
}

static bool
is_safe(const char *file)
{
	return compose(slice_str(file)) == COMPOSE_DONE && is_unchanged();
}

START_TEST(test_safe_is_copied)
{
	ck_assert(is_safe("Subject: x\r\nContent-Type: text/plain\r\nContent-Language: cs\r\n\r\nhello\r\n"));
	unit_assert_slice_str(buf_slice(&entity), "Content-Type: text/plain\r\nContent-Language: cs\r\n\r\nhello\r\n");
	ck_assert(is_safe("Content-Type:text/plain\r\nContent-Description:From here\r\n\r\n"));
	ck_assert(is_safe("Content-Type: text/plain;\r\n charset=utf-8\r\n\r\n"));
	unit_assert_slice_str(buf_slice(&entity), "Content-Type: text/plain;\r\n charset=utf-8\r\n\r\n");
}
END_TEST

/* What was decrypted has its folds as they stood there. */
START_TEST(test_entity_with_folds)
{
	static const char folded[] = "Content-Type: text/plain;\r\n charset=utf-8\r\n\r\nhello\r\n";
	struct error err = ERROR_NONE;

	ck_assert_int_eq(mime_parse_entity(slice_str(folded), &limits, &tree, &err), ANSWER_YES);
	ck_assert_int_eq(compose_entity(tree, &entity, &why), COMPOSE_DONE);
	unit_assert_slice_str(buf_slice(&entity), folded);
}
END_TEST

START_TEST(test_missing_type)
{
	ck_assert(!is_safe("Subject: x\r\n\r\nhello\r\n"));
	check_done("Subject: x\r\n\r\nhello\r\n", "Content-Type: text/plain; charset=us-ascii\r\n\r\nhello\r\n");
	check_done("Subject: x\r\n\r\nhello all \xc5\x99\r\n", "Content-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\nhello all =C5=99\r\n");
	check_done("Subject: x\r\n\r\nhello all \xf8\r\n", "Content-Type: text/plain; charset=unknown-8bit\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\nhello all =F8\r\n");
}
END_TEST

START_TEST(test_what_is_unsafe)
{
	static const char *const unsafe[] = {
		"8-bit \xc3\xa9", "trailing \r\n", "tab\t\r\n", "x\r\nFrom y\r\n", "From y", "end ", "bare\rCR", "x\r\nbare\nLF\r\n",
		"\r\n \r\n", "CR at the end\r", "01234567\xe9", "0123456789abcde\xe9",
	};
	static const char *const safe[] = {"", "x", "From", "Fromy\r\n", " From y\r\n", ">From y", "tab\tin", "\x01\x0b\x0c\x1f\x7f", "."};
	char text[200];

	for (size_t i = 0; i < sizeof unsafe / sizeof unsafe[0]; i++) {
		snprintf(text, sizeof text, "Content-Type: text/plain\r\n\r\nx\r\n%s", unsafe[i]);
		ck_assert_msg(!is_safe(text), "\"%s\" passed", unsafe[i]);
	}
	for (size_t i = 0; i < sizeof safe / sizeof safe[0]; i++) {
		snprintf(text, sizeof text, "Content-Type: text/plain\r\n\r\n%s", safe[i]);
		ck_assert_msg(is_safe(text), "\"%s\" did not pass", safe[i]);
	}
	ck_assert_int_eq(compose(slice_of("Content-Type: text/plain\r\n\r\na\0b", 31)), COMPOSE_DONE);
	ck_assert(!is_unchanged());
}
END_TEST

/* Each place of an unsafe octet in a word of eight, and behind each other octet. */
START_TEST(test_every_octet_everywhere)
{
	char text[80];

	for (int octet = 0; octet < 256; octet++)
		for (size_t place = 0; place < 20; place++) {
			size_t head = (size_t)snprintf(text, sizeof text, "Content-Type: text/plain\r\n\r\n");
			bool odd = octet == 0 || octet == '\r' || octet == '\n' || octet >= 0x80;

			memset(text + head, 'x', 30);
			text[head + place] = (char)octet;
			text[head + place + 1] = '\x0e';
			memcpy(text + head + 30, "\r\n", 2); /* so that a lone LF stays one */
			compose(slice_of(text, head + 32));
			ck_assert_msg(is_unchanged() != odd, "octet %d at %zu", octet, place);
		}
}
END_TEST

START_TEST(test_line_length)
{
	char text[2000];
	size_t head = (size_t)snprintf(text, sizeof text, "Content-Type: text/plain\r\n\r\n");

	memset(text + head, 'x', TRANSFER_LINE_MAX);
	memcpy(text + head + TRANSFER_LINE_MAX, "\r\n", 3);
	ck_assert(is_safe(text));
	memcpy(text + head + TRANSFER_LINE_MAX, "x\r\n", 4);
	ck_assert(!is_safe(text));
}
END_TEST

START_TEST(test_quoted_printable)
{
	check_done("Content-Type: text/plain\r\n\r\ntext with = and trailing \t\r\n\r\nFrom a\r\n From b\r\n",
		"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
		"text with =3D and trailing =09\r\n\r\n=46rom a\r\n From b\r\n");
	check_done("Content-Type: text/plain\r\n\r\nno line end at the end ",
		"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nno line end at the end=20");
	check_done("Content-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\nContent-Language: cs\r\n\r\n"
		"r\xc5\x99 and more text\r\n",
		"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Language: cs\r\n\r\n"
		"r=C5=99 and more text\r\n");
}
END_TEST

START_TEST(test_encoding_is_chosen)
{
	check_done("Content-Type: text/plain\r\n\r\n\xc5\x99\xc5\x99\xc5\x99\xc5\x99\r\n",
		"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nxZnFmcWZxZkNCg==\r\n");
	check_done("Content-Type: application/x\r\n\r\nASCII mostly \r\n",
		"Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\nQVNDSUkgbW9zdGx5IA0K\r\n");
}
END_TEST

START_TEST(test_label_alone)
{
	check_done("Content-Type: text/plain\r\nContent-transfer-encoding: 8BIT\r\n\r\nplain\r\n",
		"Content-Type: text/plain\r\nContent-Transfer-Encoding: 7bit\r\n\r\nplain\r\n");
	check_done("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n"
		"Content-Transfer-Encoding: binary\r\nX-A: 1\r\n\r\nx\r\n--b--\r\n",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n"
		"Content-Transfer-Encoding: 7bit\r\nX-A: 1\r\n\r\nx\r\n--b--\r\n");
}
END_TEST

/* The message is left alone, and says why. */
static void
check_untouched(const char *file, const char *want, const char *reason)
{
	ck_assert_int_eq(compose(slice_str(file)), COMPOSE_UNTOUCHED);
	ck_assert_msg(strstr(why, reason) != NULL, "%s", why);
	unit_assert_slice_str(buf_slice(&entity), want);
}

START_TEST(test_untouched)
{
	check_untouched("A: b\r\nContent-Type: message/rfc822\r\n\r\nS: x\r\n\r\n\xe9", "Content-Type: message/rfc822\r\n\r\nS: x\r\n\r\n\xe9",
		"inner message");
	check_untouched("A: b\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xe9\r\n--b--\r\n",
		"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xe9\r\n--b--\r\n", "inner signature");
	check_untouched("Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n\r\nx \r\n--b--\r\n",
		"Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n\r\nx \r\n--b--\r\n", "encryption");
	check_untouched("Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\n\xe9",
		"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\n\xe9", "more than one way");
	check_untouched("Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n\xe9",
		"Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n\xe9", "transfer encoding");
	check_untouched("Content-Type: text/plain\r\nContent-Id: <\xe9>\r\n\r\nx",
		"Content-Type: text/plain\r\nContent-Id: <\xe9>\r\n\r\nx", "header field");
}
END_TEST

START_TEST(test_protected_and_safe)
{
	ck_assert(is_safe("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nS: x\r\n"
		"content-transfer-encoding:7BIT\r\n\r\nContent-Transfer-Encoding:  Quoted-Printable\r\n"
		"Content-Transfer-Encoding: base64"));
	ck_assert(is_safe("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"));
	ck_assert(is_safe("Content-Type: text/plain\r\n\r\nContent-Transfer-Encoding: 8bit\r\n"));
}
END_TEST

/* Postfix encodes what is labelled so, though there is nothing to encode. */
START_TEST(test_labels_that_stay)
{
	static const struct {
		const char *file, *reason;
	} rows[] = {
		{"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nS: x\r\n\r\nx", "inner message"},
		{"Content-Type: message/rfc822\r\n\r\nS: x\r\nContent-Transfer-Encoding: 8bit\r\n\r\nx", "inner message"},
		{"Content-Type: message/rfc822\r\n\r\nS: x\r\ncontent-transfer-encoding:\r\n binary\r\n\r\nx", "inner message"},
		{"Content-Type: message/rfc822\r\n\r\nContent-Transfer-Encoding: 8bit", "inner message"},
		{MIXED "--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: binary\r\n\r\nS: x\r\n\r\nx\r\n--b--\r\n",
			"inner message"},
		{"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\nx\r\n--b--\r\n",
			"inner signature"},
		{"Content-Type: multipart/encrypted; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
			"inner signature or encryption"},
		{"Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nx", "transfer encoding"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		check_untouched(rows[i].file, rows[i].file, rows[i].reason);
}
END_TEST

/* Sendmail writes what stands between the parts that it sees anew. */
START_TEST(test_ambiguous_and_safe)
{
	static const char *const files[] = {
		MIXED "--b\r\n\r\nunclosed",
		MIXED "--b\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\nunclosed\r\n--b--\r\n",
		MIXED "--b\r\nContent-Type : text/plain\r\n\r\nx\r\n--b--\r\n",
		"Content-Type: message/rfc822\r\n\r\nS: x\r\nContent-Transfer-Encoding : binary\r\n\r\nx",
		"Content-Type: message/rfc822\r\n\r\n" MIXED "--b\r\n\r\nunclosed",
		("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n"
		"--in\r\n\r\nunclosed\r\n--b\r\n\r\nx\r\n--b--\r\n"),
		"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
	};

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		check_untouched(files[i], files[i], "more than one way");
}
END_TEST

/* An inner signature keeps its octets when something beside it is encoded. */
START_TEST(test_beside_a_signature)
{
	static const char inner[] = "--b\r\nContent-Type: multipart/signed; boundary=in\r\n\r\n--in\r\n\r\n=41\r\n--in--\r\n\r\n--b";
	char text[500];

	snprintf(text, sizeof text, "Content-Type: multipart/mixed; boundary=b\r\n\r\n%s\r\n\r\ntext \r\n--b--\r\n", inner);
	ck_assert_int_eq(compose(slice_str(text)), COMPOSE_DONE);
	ck_assert(slice_find_slice(buf_slice(&entity), slice_str(inner)) < entity.len);
	ck_assert(slice_find_slice(buf_slice(&entity), slice_str("text=20\r\n--b--")) < entity.len);
}
END_TEST

/* A value with a line end and no blank behind it would be a field of its own. */
START_TEST(test_field_injection)
{
	struct error err = ERROR_NONE;

	message = message_new(LIMIT);
	ck_assert(message_add_field(message, slice_str("Content-Type"), slice_str(" text/plain\nX-Evil: 1")));
	ck_assert_int_eq(mime_parse(message, &limits, &tree, &err), ANSWER_YES);
	ck_assert_int_eq(compose_entity(tree, &entity, &why), COMPOSE_UNTOUCHED);
}
END_TEST

/* Nothing can be put in place of a name, and not every MTA looks at it. */
START_TEST(test_field_name)
{
	struct error err = ERROR_NONE;

	message = message_new(LIMIT);
	ck_assert(message_add_field(message, slice_str("Content-\xc5\xbe"), slice_str(" x")));
	ck_assert_int_eq(mime_parse(message, &limits, &tree, &err), ANSWER_YES);
	ck_assert_int_eq(compose_entity(tree, &entity, &why), COMPOSE_UNTOUCHED);
}
END_TEST

START_TEST(test_out_of_room)
{
	struct buf small;

	compose(slice_str("Content-Type: text/plain\r\n\r\nhello\r\n"));
	buf_init(&small, 10);
	ck_assert_int_eq(compose_entity(tree, &small, &why), COMPOSE_NO_MEMORY);
	buf_free(&small);
}
END_TEST

START_TEST(test_appends)
{
	struct buf out;

	compose(slice_str("Content-Type: text/plain\r\nContent-Id: <\xe9>\r\n\r\nhello\r\n"));
	buf_init(&out, 1000);
	buf_add_str(&out, "before:");
	ck_assert_int_eq(compose_entity(tree, &out, NULL), COMPOSE_UNTOUCHED);
	unit_assert_slice_str(slice_sub(buf_slice(&out), 0, 19), "before:Content-Type");
	buf_free(&out);
}
END_TEST

START_TEST(test_base64)
{
	static const unsigned char octets[100] = {0xfb, 0xff, 0xbf, 1};
	struct buf out;

	buf_init(&out, 1000);
	compose_base64(SLICE_NONE, &out);
	ck_assert_uint_eq(out.len, 0);
	compose_base64(slice_of(octets, 4), &out);
	unit_assert_slice_str(buf_slice(&out), "+/+/AQ==\r\n");
	buf_clear(&out);
	compose_base64(slice_str("abcde"), &out);
	unit_assert_slice_str(buf_slice(&out), "YWJjZGU=\r\n");
	buf_clear(&out);
	compose_base64(slice_of(octets, 48), &out);
	ck_assert_uint_eq(out.len, TRANSFER_BASE64_LINE + 2);
	buf_clear(&out);
	compose_base64(slice_of(octets, 49), &out);
	ck_assert_uint_eq(out.len, TRANSFER_BASE64_LINE + 2 + 4 + 2);
	buf_free(&out);
}
END_TEST

START_TEST(test_base64_round_trip)
{
	unsigned char octets[512];
	struct buf text, back;
	struct error err;

	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (unsigned char)(i * 167 + i / 256);
	buf_init(&text, 2000);
	buf_init(&back, 2000);
	for (size_t len = 0; len <= sizeof octets; len++) {
		struct mime_part part = {.encoding = MIME_BASE64};

		buf_clear(&text);
		buf_clear(&back);
		compose_base64(slice_of(octets, len), &text);
		part.body = buf_slice(&text);
		ck_assert_int_eq(mime_decode(&part, &back, &err), ANSWER_YES);
		unit_assert_slice_eq(buf_slice(&back), slice_of(octets, len));
	}
	buf_free(&text);
	buf_free(&back);
}
END_TEST

START_TEST(test_boundary)
{
	static const unsigned char random[16] = {0x00, 0x1f, 0xff, 0xa5};
	char boundary[COMPOSE_BOUNDARY_SIZE];

	compose_boundary(random, boundary);
	ck_assert_str_eq(boundary, "=_001fffa5000000000000000000000000");
}
END_TEST

START_TEST(test_signed)
{
	struct error err = ERROR_NONE;
	struct buf type, body, whole;
	const struct mime_part *child;

	buf_init(&type, 1000);
	buf_init(&body, 1000);
	buf_init(&whole, 2000);
	compose_signed_type("sha-256", "=_00", &type);
	compose_signed_open("=_00", &body);
	buf_add_str(&body, "Content-Type: text/plain\r\n\r\nx");
	compose_signed_close(slice_str("DER"), "=_00", &body);
	unit_assert_slice_str(buf_slice(&type), "multipart/signed; protocol=\"application/pkcs7-signature\";\n"
		"\tmicalg=\"sha-256\"; boundary=\"=_00\"");
	compose_entity_header(buf_slice(&type), false, &whole);
	buf_add_slice(&whole, buf_slice(&body));
	ck_assert_int_eq(mime_parse_entity(buf_slice(&whole), &limits, &tree, &err), ANSWER_YES);
	child = tree->root->child;
	ck_assert(!tree->root->ambiguous);
	ck_assert(mime_parameter_is(tree->root, "protocol", "application/pkcs7-signature"));
	unit_assert_slice_str(child->whole, "Content-Type: text/plain\r\n\r\nx");
	ck_assert(mime_is(child->next, "application", "pkcs7-signature"));
	ck_assert_int_eq(child->next->encoding, MIME_BASE64);
	buf_clear(&body);
	ck_assert_int_eq(mime_decode(child->next, &body, &err), ANSWER_YES);
	unit_assert_slice_str(buf_slice(&body), "DER");
	ck_assert_ptr_null(child->next->next);
	buf_free(&type);
	buf_free(&body);
	buf_free(&whole);
}
END_TEST

START_TEST(test_pkcs7_mime)
{
	struct buf type, body, header;

	buf_init(&type, 1000);
	buf_init(&body, 1000);
	buf_init(&header, 1000);
	compose_pkcs7_type("authEnveloped-data", &type);
	compose_base64(slice_str("DER"), &body);
	unit_assert_slice_str(buf_slice(&type), "application/pkcs7-mime; smime-type=authEnveloped-data;\n\tname=\"smime.p7m\"");
	unit_assert_slice_str(buf_slice(&body), "REVS\r\n");
	compose_entity_header(buf_slice(&type), true, &header);
	unit_assert_slice_str(buf_slice(&header), "Content-Type: application/pkcs7-mime; smime-type=authEnveloped-data;\r\n"
		"\tname=\"smime.p7m\"\r\nContent-Transfer-Encoding: base64\r\n"
		"Content-Disposition: attachment; filename=\"smime.p7m\"\r\n\r\n");
	buf_free(&type);
	buf_free(&body);
	buf_free(&header);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("compose");
	TCase *c = tcase_create("compose");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, test_safe_is_copied);
	tcase_add_test(c, test_entity_with_folds);
	tcase_add_test(c, test_missing_type);
	tcase_add_test(c, test_what_is_unsafe);
	tcase_add_test(c, test_every_octet_everywhere);
	tcase_add_test(c, test_line_length);
	tcase_add_test(c, test_quoted_printable);
	tcase_add_test(c, test_encoding_is_chosen);
	tcase_add_test(c, test_label_alone);
	tcase_add_test(c, test_untouched);
	tcase_add_test(c, test_protected_and_safe);
	tcase_add_test(c, test_labels_that_stay);
	tcase_add_test(c, test_ambiguous_and_safe);
	tcase_add_test(c, test_beside_a_signature);
	tcase_add_test(c, test_field_injection);
	tcase_add_test(c, test_field_name);
	tcase_add_test(c, test_out_of_room);
	tcase_add_test(c, test_appends);
	tcase_add_test(c, test_base64);
	tcase_add_test(c, test_base64_round_trip);
	tcase_add_test(c, test_boundary);
	tcase_add_test(c, test_signed);
	tcase_add_test(c, test_pkcs7_mime);
	suite_add_tcase(s, c);
	return unit_run(s);
}
