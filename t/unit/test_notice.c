#include "mail/mime.h"
#include "mail/transfer.h"
#include "revocation/notice.h"
#include "unit.h"

#include <string.h>

#define KINDS 4
#define LANGUAGES 3

static const struct notice notice = {
	.from = "revocation@ca.example", .to = "jana@trh.example", .message_id = "<17@ca.example>",
	.in_reply_to = "<abc$1@trh.example>", .date = 1769438400, .authority = "CA Žluťoučká", .serial = "1267",
	.issuer = "CN=Třetí CA,O=Kůň\\, a.s.,C=CZ",
	.received = 1769438283, .deadline = 1769438283 + 86400, .has_revoked_at = true, .revoked_at = 1769438300,
	.reason = "Číslo patří jinému držiteli.", .contact = "+420 222 222 222",
};

/* Its text, decoded; *m is its header. */
static void
read_notice(const struct notice *n, struct message **m, struct buf *text)
{
	static const struct mime_limits limits = {.depth = 1, .parts = 1};
	struct error err = ERROR_NONE;
	struct mime *tree;
	struct buf file;

	buf_init(&file, NOTICE_SIZE_MAX);
	buf_init(text, NOTICE_SIZE_MAX);
	ck_assert_msg(notice_write(n, &file, &err) == ANSWER_YES, "%s", err.words);
	ck_assert(transfer_is_safe(buf_slice(&file)));
	*m = message_new(NOTICE_SIZE_MAX);
	ck_assert_int_eq(message_read(buf_slice(&file), *m, NULL), ANSWER_YES);
	ck_assert_int_eq(mime_parse(*m, &limits, &tree, NULL), ANSWER_YES);
	ck_assert(mime_is(tree->root, "text", "plain"));
	ck_assert(mime_parameter_is(tree->root, "charset", "utf-8"));
	ck_assert_int_eq(mime_decode(tree->root, text, NULL), ANSWER_YES);
	mime_free(tree);
	buf_free(&file);
}

static bool
says(struct buf *text, const char *what)
{
	return strstr(buf_str(text), what) != NULL;
}

/* What each of them says, in each language. */
START_TEST(test_texts)
{
	static const char *const codes[LANGUAGES] = {" cs", " sk", " en"};
	static const char *const issuers[LANGUAGES] = {
		"\r\nVydavatel certifikátu: CN=Třetí CA,O=Kůň\\, a.s.,C=CZ\r\n",
		"\r\nVydavateľ certifikátu: CN=Třetí CA,O=Kůň\\, a.s.,C=CZ\r\n",
		"\r\nIssuer of the certificate: CN=Třetí CA,O=Kůň\\, a.s.,C=CZ\r\n",
	};
	static const char *const facts[LANGUAGES][KINDS] = {
		{"přijali jsme", "byl na základě žádosti zneplatněn", "již dříve", "zamítnuta"},
		{"prijali sme", "bol na základe žiadosti zneplatnený", "už skôr", "zamietnutá"},
		{"we received", "was revoked on request", "was revoked before", "was refused"},
	};
	struct notice n = notice;
	struct message *m;
	struct buf text;

	n.kind = (enum notice_kind)(_i % KINDS);
	n.language = (enum notice_language)(_i / KINDS);
	read_notice(&n, &m, &text);
	ck_assert(says(&text, facts[n.language][n.kind]));
	for (size_t i = 0; i < KINDS; i++)
		ck_assert(i == n.kind || !says(&text, facts[n.language][i]));
	ck_assert(says(&text, " 4711 (0x1267)\r\n"));
	ck_assert(says(&text, issuers[n.language]));
	ck_assert(says(&text, " CA Žluťoučká\r\n"));
	ck_assert(says(&text, " 2026-01-26 14:38:03 UTC\r\n"));
	ck_assert_int_eq(says(&text, " 2026-01-27 14:38:03 UTC\r\n"), n.kind == NOTICE_RECEIVED);
	ck_assert_int_eq(says(&text, " 2026-01-26 14:38:20 UTC\r\n"), n.kind == NOTICE_REVOKED || n.kind == NOTICE_ALREADY);
	ck_assert_int_eq(says(&text, "Číslo patří jinému držiteli."), n.kind == NOTICE_REFUSED);
	ck_assert(says(&text, " +420 222 222 222\r\n"));
	unit_assert_slice_str(message_field(m, "Content-Language", 0)->value, codes[n.language]);
	ck_assert_int_eq(slice_starts_nocase(message_field(m, "Subject", 0)->value, " =?utf-8?B?"), n.language != NOTICE_EN);
	buf_free(&text);
	message_free(m);
}
END_TEST

START_TEST(test_header)
{
	struct notice n = notice;
	struct message *m;
	struct buf text;

	n.language = NOTICE_EN;
	read_notice(&n, &m, &text);
	unit_assert_slice_str(message_field(m, "Date", 0)->value, " Mon, 26 Jan 2026 14:40:00 +0000");
	unit_assert_slice_str(message_field(m, "From", 0)->value, " revocation@ca.example");
	unit_assert_slice_str(message_field(m, "To", 0)->value, " jana@trh.example");
	unit_assert_slice_str(message_field(m, "Subject", 0)->value, " Revocation request received: 4711 (0x1267)");
	unit_assert_slice_str(message_field(m, "Message-ID", 0)->value, " <17@ca.example>");
	unit_assert_slice_str(message_field(m, "In-Reply-To", 0)->value, " <abc$1@trh.example>");
	unit_assert_slice_str(message_field(m, "References", 0)->value, " <abc$1@trh.example>");
	unit_assert_slice_str(message_field(m, "Auto-Submitted", 0)->value, " auto-replied");
	unit_assert_slice_str(message_field(m, "MIME-Version", 0)->value, " 1.0");
	buf_free(&text);
	message_free(m);
}
END_TEST

/* What the writer chose for a Message-ID brings no fields along. */
START_TEST(test_strange_ids)
{
	static const char *const ids[] = {"", "<>", "abc", "<a b@c>", "<a>\r\nBcc: x@y>", "<a\nb@c>", "<\xc5\x99@c>", "<a><b>"};
	struct notice n = notice;

	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		struct message *m;
		struct buf text;

		n.in_reply_to = ids[i];
		read_notice(&n, &m, &text);
		ck_assert_ptr_null(message_field(m, "In-Reply-To", 0));
		ck_assert_ptr_null(message_field(m, "References", 0));
		ck_assert_ptr_null(message_field(m, "Bcc", 0));
		buf_free(&text);
		message_free(m);
	}
}
END_TEST

static const struct {
	const char *from, *to, *id, *serial, *authority, *reason, *issuer;
} wrong[] = {
	{"", "a@b.cz", "<1@b>", "01", "CA", NULL, NULL},
	{"a@b.cz", NULL, "<1@b>", "01", "CA", NULL, NULL},
	{"a@b.cz", "a@b.cz\r\nBcc: c@d.cz", "<1@b>", "01", "CA", NULL, NULL},
	{"a@b.cz", "a@b.cz, c@d.cz", "<1@b>", "01", "CA", NULL, NULL},
	{"a@b.cz", "<a@b.cz>", "<1@b>", "01", "CA", NULL, NULL},
	{"a@b.cz", "a@b.cz", "1@b", "01", "CA", NULL, NULL},
	{"a@b.cz", "a@b.cz", "<1@b>", "", "CA", NULL, NULL},
	{"a@b.cz", "a@b.cz", "<1@b>", "0x01", "CA", NULL, NULL},
	{"a@b.cz", "a@b.cz", "<1@b>", "-1", "CA", NULL, NULL},
	{"a@b.cz", "a@b.cz", "<1@b>", "00112233445566778899AABBCCDDEEFF001122334", "CA", NULL, NULL},
	{"a@b.cz", "a@b.cz", "<1@b>", "01", "C\nA", NULL, NULL},
	{"a@b.cz", "a@b.cz", "<1@b>", "01", "C\xffQ", NULL, NULL},
	{"a@b.cz", "a@b.cz", "<1@b>", "01", "CA", "first\r\nsecond", NULL},
	{"a@b.cz", "a@b.cz", "<1@b>", "01", "CA", NULL, "CN=a\r\nb"},
};

START_TEST(test_wrong)
{
	struct notice n = notice;
	struct error err = ERROR_NONE;
	struct buf out;

	buf_init(&out, NOTICE_SIZE_MAX);
	n.from = wrong[_i].from;
	n.to = wrong[_i].to;
	n.message_id = wrong[_i].id;
	n.serial = wrong[_i].serial;
	n.authority = wrong[_i].authority;
	n.reason = wrong[_i].reason;
	n.issuer = wrong[_i].issuer;
	ck_assert_int_eq(notice_write(&n, &out, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "notice");
	ck_assert_uint_eq(out.len, 0);
	buf_free(&out);
}
END_TEST

START_TEST(test_without)
{
	struct notice n = notice;
	struct message *m;
	struct buf text;

	n.kind = NOTICE_REVOKED;
	n.language = NOTICE_EN;
	n.has_revoked_at = false;
	n.contact = n.in_reply_to = n.issuer = NULL;
	read_notice(&n, &m, &text);
	ck_assert(!says(&text, "which counts"));
	ck_assert(!says(&text, "Questions"));
	ck_assert(!says(&text, "Issuer"));
	ck_assert_ptr_null(message_field(m, "In-Reply-To", 0));
	buf_free(&text);
	message_free(m);
}
END_TEST

START_TEST(test_languages)
{
	enum notice_language language;

	ck_assert(notice_language_find("sk", &language));
	ck_assert_int_eq(language, NOTICE_SK);
	ck_assert(notice_language_find("EN", &language));
	ck_assert_int_eq(language, NOTICE_EN);
	ck_assert(!notice_language_find("de", &language));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("notice");
	TCase *c = tcase_create("notice");

	tcase_add_loop_test(c, test_texts, 0, KINDS * LANGUAGES);
	tcase_add_test(c, test_header);
	tcase_add_test(c, test_strange_ids);
	tcase_add_loop_test(c, test_wrong, 0, sizeof wrong / sizeof wrong[0]);
	tcase_add_test(c, test_without);
	tcase_add_test(c, test_languages);
	suite_add_tcase(s, c);
	return unit_run(s);
}
