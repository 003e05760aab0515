/* What a notice to a writer is made of, and which Message-ID it gets. */
#include "unit.h"
#include "worker/tell.h"

#include <string.h>

#define RECEIVED 1767225600 /* 2026-01-01 00:00:00 UTC */

static const unsigned char serial[] = {0x12, 0x67};
/* CN=Druhá CA */
static const unsigned char issuer[] = "\x30\x14\x31\x12\x30\x10\x06\x03\x55\x04\x03\x0c\x09" "Druh\xc3\xa1 CA";
static unsigned char digest[RECORD_DIGEST] = {1};

static char name[] = "ica", address[] = "revoke@Ca.example", other[] = "notices@xn--hkyrky-ptac70bc.example";
static char operator_address[] = "operator@ca.example", contact[] = "+420 123 456 789", title[] = "The CA";
static struct config_revocation block;
static struct authority authority;
static struct record record;
static struct tell_news news;

static void
set_up(void)
{
	block = (struct config_revocation){.name = name, .address = address};
	authority = (struct authority){.config = &block};
	record = (struct record){
		.authority = "ica", .serial = slice_of(serial, sizeof serial), .issuer = slice_of(issuer, sizeof issuer - 1),
		.digest = slice_of(digest, sizeof digest),
		.message_id = "<request@holder.example>", .language = "cs", .received = RECEIVED,
	};
	news = (struct tell_news){
		.authority = &authority, .record = &record, .request = 7, .kind = NOTICE_RECEIVED,
		.recipient = "holder@holder.example", .now = RECEIVED + 60,
	};
	digest[0] = 1;
}

/* The notice, and in id its Message-ID. */
static const char *
told(struct buf *message, char id[200])
{
	struct error err = ERROR_NONE;
	struct notices_item item;
	const char *text, *at;

	buf_init(message, TELL_MESSAGE_MAX);
	ck_assert_msg(tell_writer(&news, message, &item, &err) == ANSWER_YES, "%s", err.words);
	text = buf_str(message);
	at = strstr(text, "\r\nMessage-ID: ") + 14;
	snprintf(id, 200, "%.*s", (int)strcspn(at, "\r"), at);
	ck_assert_str_eq(item.authority, "ica");
	ck_assert_str_eq(item.recipient, news.recipient);
	ck_assert_int_eq(item.request, news.request);
	unit_assert_slice_str(item.message, text);
	return text;
}

static void
assert_id_is(const char *want, bool same)
{
	struct buf message;
	char id[200];

	told(&message, id);
	ck_assert_msg((strcmp(id, want) == 0) == same, "%s, %s", id, want);
	buf_free(&message);
}

START_TEST(test_message_id)
{
	struct buf message;
	char id[200];

	told(&message, id);
	buf_free(&message);
	ck_assert_ptr_nonnull(strstr(id, "@ca.example>"));
	news.now += 1000;
	assert_id_is(id, true);
	news.kind = NOTICE_REFUSED;
	assert_id_is(id, false);
	news.kind = NOTICE_RECEIVED;
	news.request = 8;
	assert_id_is(id, false);
	news.request = 7;
	news.recipient = "other@holder.example";
	assert_id_is(id, false);
	news.recipient = "holder@holder.example";
	/* Number 7 of another journal. */
	digest[0] = 2;
	assert_id_is(id, false);
	digest[0] = 1;
	assert_id_is(id, true);
	block.notice_from = other;
	assert_id_is(id, false);
}
END_TEST

static void
assert_says(const char *words, bool there)
{
	struct buf message;
	char id[200];
	const char *text = told(&message, id);

	ck_assert_msg((strstr(text, words) != NULL) == there, "%s in:\n%s", words, text);
	buf_free(&message);
}

START_TEST(test_words)
{
	assert_says("\r\nContent-Language: cs\r\n", true);
	assert_says("\r\nIn-Reply-To: <request@holder.example>\r\n", true);
	assert_says("\r\nFrom: revoke@Ca.example\r\n", true);
	assert_says("4711 (0x1267)", true);
	assert_says("CN=3DDruh=C3=A1 CA\r\n", true);
	record.language = "SK";
	assert_says("\r\nContent-Language: sk\r\n", true);
	record.language = "pl";
	assert_says("\r\nContent-Language: en\r\n", true);
	assert_says("Certification authority: ica\r\n", true);
	assert_says("Latest time for that: 2026-01-02 00:00:00 UTC\r\n", true);
	assert_says("Questions: revoke@Ca.example\r\n", true);
	block.operator_address = operator_address;
	assert_says("Questions: operator@ca.example\r\n", true);
	block.contact = contact;
	assert_says("Questions: +420 123 456 789\r\n", true);
	block.title = title;
	assert_says("Certification authority: The CA\r\n", true);
	record.issuer = slice_sub(record.issuer, 0, 10);
	assert_says("Issuer", false);
	record.message_id = "";
	assert_says("In-Reply-To", false);
	record.message_id = "<a>\r\nBcc: x@y.example";
	assert_says("In-Reply-To", false);
	assert_says("Bcc", false);
}
END_TEST

START_TEST(test_reasons)
{
	static char much[3000];

	record.language = "en";
	news.kind = NOTICE_REFUSED;
	assert_says("Reason:", false);
	news.reason = " \r\n ";
	assert_says("Reason:", false);
	news.reason = "it is\r\n\tnot \x80 hers\x7f.\n";
	assert_says("Reason: it is   not ? hers .\r\n", true);
	/* Cut between characters, never within one. */
	memset(much, 'x', NOTICE_WORDS_MAX - 1);
	strcpy(much + NOTICE_WORDS_MAX - 1, "\xc5\xbe and more");
	news.reason = much;
	assert_says("and more", false);
	assert_says("\xc5", false);
	assert_says("=C5", false);
}
END_TEST

static const char *const nobodies[] = {"", "holder", "<a@b.example>", "a@b.example\r\nBcc: c@d.example",
	"dr\xc5\xbeitel@b.example", "a@b.example, c@d.example"};

START_TEST(test_nobody_is_told)
{
	struct notices_item item;
	struct error err = ERROR_NONE;
	struct buf message;

	buf_init(&message, TELL_MESSAGE_MAX);
	for (size_t i = 0; i < sizeof nobodies / sizeof *nobodies; i++) {
		news.recipient = nobodies[i];
		ck_assert_int_eq(tell_writer(&news, &message, &item, &err), ANSWER_NO);
		ck_assert_str_eq(err.code, "notice");
	}
	news.recipient = "holder@holder.example";
	record.quiet = true;
	ck_assert_int_eq(tell_writer(&news, &message, &item, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "quiet");
	ck_assert_uint_eq(message.len, 0);
	buf_free(&message);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tell");
	TCase *c = tcase_create("tell");

	tcase_add_checked_fixture(c, set_up, NULL);
	tcase_add_test(c, test_message_id);
	tcase_add_test(c, test_words);
	tcase_add_test(c, test_reasons);
	tcase_add_test(c, test_nobody_is_told);
	suite_add_tcase(s, c);
	return unit_run(s);
}
