/* The operator's copy of a mail with a password, in every way in which mail programs write one. */
#include "mail/mime.h"
#include "mail/transfer.h"
#include "revocation/masked.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LIMIT (64 * 1024 * 1024)
#define PASSWORD "Heslo42x"

static const struct mime_limits limits = {.depth = 100, .parts = 10000};
static const unsigned char random_octets[16] = {1, 2, 3};

/* The copy, and what its readers see of it. */
struct copy {
	struct buf file;
	struct message *message;
	struct mime *tree;
};

static void
copy_free(struct copy *c)
{
	mime_free(c->tree);
	message_free(c->message);
	buf_free(&c->file);
}

/* Of a mail without layers. */
static enum answer
mask(const struct message *m, const struct slice *passwords, size_t count, struct buf *out, struct error *err)
{
	struct mime *tree;
	enum answer answer;

	ck_assert_int_eq(mime_parse(m, &limits, &tree, NULL), ANSWER_YES);
	answer = masked_message(m, tree->root, passwords, count, random_octets, out, err);
	mime_free(tree);
	return answer;
}

static void
copy_of(struct slice file, const char *password, struct copy *c)
{
	struct message *m = message_new(LIMIT);
	struct slice passwords[] = {slice_str(password), slice_str("another1")};
	struct error err = ERROR_NONE;

	buf_init(&c->file, LIMIT);
	ck_assert_int_eq(message_read(file, m, NULL), ANSWER_YES);
	ck_assert_msg(mask(m, passwords, 2, &c->file, &err) == ANSWER_YES, "%s", err.words);
	message_free(m);
	c->message = message_new(LIMIT);
	ck_assert_int_eq(message_read(buf_slice(&c->file), c->message, NULL), ANSWER_YES);
	ck_assert_int_eq(mime_parse(c->message, &limits, &c->tree, NULL), ANSWER_YES);
	ck_assert(!mime_is_ambiguous(c->tree->root));
}

/* Nothing of the copy, decoded or not, holds word in any letter case. */
static void
assert_nowhere(const struct copy *c, const char *word)
{
	struct buf all;

	buf_init(&all, LIMIT);
	buf_add_slice(&all, buf_slice(&c->file));
	for (const struct mime_part *p = c->tree->root; p != NULL; p = mime_next(c->tree->root, p))
		if (p->child == NULL)
			ck_assert_int_eq(mime_decode(p, &all, NULL), ANSWER_YES);
	ck_assert_ptr_null(strcasestr(buf_str(&all), word));
	buf_free(&all);
}

/* The copy's nth part behind the note, decoded. */
static void
assert_part(const struct copy *c, size_t nth, const char *type, const char *charset, const char *want)
{
	const struct mime_part *part = c->tree->root->child;
	struct buf text;

	for (size_t i = 0; i <= nth && part != NULL; i++)
		part = part->next;
	ck_assert_ptr_nonnull(part);
	ck_assert(mime_is(part, "text", type));
	ck_assert(mime_parameter_is(part, "charset", charset));
	buf_init(&text, LIMIT);
	ck_assert_int_eq(mime_decode(part, &text, NULL), ANSWER_YES);
	/* Base64 ends with a line end of its own, quoted-printable does not. */
	unit_assert_slice_str(slice_trim(buf_slice(&text)), want);
	buf_free(&text);
}

static const struct {
	const char *written;
	const char *rest; /* what is left of it behind MASKED_TEXT */
} plain[] = {
	{"Heslo42x", ""},
	{"hESLO42X", ""},
	{"Hes\r\nlo42x", ""},
	{"Hes \r\n\t lo42x", ""},
	{"Hes\nlo42x", ""},
	{"Hes\r\n> > lo42x", ""},
	{"Hes\r\n>>lo42x", ""},
	{"Hes\xc2\xadlo42x", ""},         /* soft hyphen */
	{"H\xe2\x80\x8b" "eslo4\xe2\x80\x8d" "2x", ""}, /* zero width */
	{"Hes\x01lo42x", ""},
	{"Heslo42xHeslo42x", ""},
	{"Heslo42xy", "y"},
	{"Heslo42x=", "="},
	{"another1", ""},
};

/* How bodies are written. */
enum encoding { EIGHT, QUOTED, QUOTED_ALL, BASE64, ENCODINGS };

static void
encode(enum encoding how, struct slice text, struct buf *out)
{
	switch (how) {
	case QUOTED:
		transfer_quoted(text, out);
		break;
	case QUOTED_ALL:
		for (size_t i = 0; i < text.len; i++)
			buf_printf(out, "=%02X%s", text.data[i], i % 20 == 19 ? "=\r\n" : "");
		break;
	case BASE64:
		transfer_base64(text, out);
		break;
	default:
		buf_add_slice(out, text);
	}
}

static const char *const encodings[ENCODINGS] = {"8bit", "quoted-printable", "quoted-printable", "base64"};

static void
check_text(const char *type, const char *before, const char *written, const char *behind, const char *want)
{
	for (enum encoding e = 0; e < ENCODINGS; e++) {
		struct buf text, mail;
		struct copy c;

		buf_init(&text, LIMIT);
		buf_init(&mail, LIMIT);
		buf_printf(&text, "%s%s%s", before, written, behind);
		buf_printf(&mail, "From: a@example.cz\r\nContent-Type: text/%s; charset=UTF-8\r\n"
		    "Content-Transfer-Encoding: %s\r\n\r\n", type, encodings[e]);
		encode(e, buf_slice(&text), &mail);
		copy_of(buf_slice(&mail), PASSWORD, &c);
		assert_part(&c, 0, type, "utf-8", want);
		assert_nowhere(&c, PASSWORD);
		copy_free(&c);
		buf_free(&text);
		buf_free(&mail);
	}
}

START_TEST(test_plain)
{
	char want[200];

	snprintf(want, sizeof want, "Heslo pro zneplatn\xc4\x9bn\xc3\xad = %s%s\r\nNov\xc3\xa1k", MASKED_TEXT,
	    plain[_i].rest);
	check_text("plain", "Heslo pro zneplatn\xc4\x9bn\xc3\xad = ", plain[_i].written, "\r\nNov\xc3\xa1k", want);
}
END_TEST

static const char *const html[] = {
	"Heslo42x",
	"H&#101;slo42x",
	"&#72;&#101;&#115;&#108;&#111;&#52;&#50;&#120;",
	"&#x48;&#x65;&#x73;&#x6C;&#x6f;&#x34;&#x32;&#x78;",
	"&#X00048;&#000101slo42x",
	"H&#101slo4&#x32x",
	"Hes<b>lo</b>42x",
	"Hes<b class=\"x>y\" id='>'>lo</b>42x",
	"Hes<!-- a > b -->lo42x",
	"Hes<!>lo42x",
	"Hes<wbr>lo<wbr/>42x",
	"Hes&shy;lo&zwnj;42&#8203;x",
	"Hes<b\r\nclass=x>\r\nlo</b>&#173;42x",
	"&Heslo42x;",
	"<i>H</i><i>e</i><i>s</i><i>l</i><i>o</i><i>4</i><i>2</i><i>&#120;</i>",
	"<a href=\"mailto:a@b?body=Heslo42x\">x</a>",
	"<a href=\"mailto:a@b?body=%48e%73lo42%78\">x</a>",
	"<a title='He&#115;lo42x'>x</a>",
	"<!-- Heslo42x -->",
	"<style>p:before{content:'Heslo42x'}</style>",
	"Hes<b <b lo <!-- Heslo42x",
	"Hes<b title=\"never closed>lo42x",
};

START_TEST(test_html)
{
	struct buf mail;
	struct copy c;
	struct buf text;

	buf_init(&mail, LIMIT);
	buf_init(&text, LIMIT);
	buf_printf(&mail, "From: a@example.cz\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>before %s behind</p>\r\n",
	    html[_i]);
	copy_of(buf_slice(&mail), PASSWORD, &c);
	ck_assert_int_eq(mime_decode(c.tree->root->child->next, &text, NULL), ANSWER_YES);
	ck_assert_ptr_nonnull(strstr(buf_str(&text), MASKED_TEXT));
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "<p>before "));
	ck_assert_ptr_nonnull(strstr(buf_str(&text), " behind</p>"));
	/* No piece of it, in whatever form, is left on its own. */
	ck_assert_ptr_null(strcasestr(buf_str(&text), "lo42"));
	ck_assert_ptr_null(strstr(buf_str(&text), "&#"));
	ck_assert_ptr_null(strstr(buf_str(&text), "%"));
	copy_free(&c);
	buf_free(&text);
	buf_free(&mail);
}
END_TEST

/* What is no password stays as it is, octet for octet. */
START_TEST(test_nothing_else_changes)
{
	static const char *const texts[] = {"Hes lo42x", "Heslo-42x", "Heslo42", "eslo42x", "Heslo 42x Hes. lo42x",
		"\xc5\xbd\xc3\xa1\x64\xc3\xa1m o zneplatn\xc4\x9bn\xc3\xad = 0x0A1B2C"};
	static const char *const pages[] = {"<p>Hes lo42x &amp; &lt;b&gt; 100 % <br> &#353;</p>", "a < b > c &", "&#; %4",
		"<b", "<!--", "</", "&"};

	for (size_t i = 0; i < COUNT(texts); i++)
		check_text("plain", "", texts[i], "", texts[i]);
	for (size_t i = 0; i < COUNT(pages); i++)
		check_text("html", "", pages[i], "", pages[i]);
}
END_TEST

#define LEFT_OUT "[left out: "

static const struct {
	const char *header; /* of a part */
	const char *body;
} unsearchable[] = {
	{"Content-Type: application/pdf; name=Heslo42x.pdf\r\nContent-Transfer-Encoding: base64\r\n", "SGVzbG80Mng=\r\n"},
	{"Content-Type: application/Heslo42x\r\n", "x\r\n"},
	{"Content-Type: message/rfc822\r\n", "Subject: Heslo42x\r\n\r\nHeslo42x\r\n"},
	{"Content-Type: text/plain; charset=utf-7\r\n", "+AEgAZQBzAGwAbwA0ADIAeA-\r\n"},
	{"Content-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n", "AEgAZQBzAGwAbwA0ADIAeA==\r\n"},
	{"Content-Type: text/plain; charset=\"iso-8859-Heslo42x\"\r\n", "Heslo42x\r\n"},
	{"Content-Type: text/plain; charset=ebcdic-cp-us\r\n", "Heslo42x\r\n"},
	{"Content-Type: text/rtf\r\n", "{\\rtf1 \\'48eslo42x}\r\n"},
	{"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n", "SGVz!bG80Mng*\r\n"},
	{"Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode\r\n", "(2&5S;&\\T,G@\r\n"},
	/* Readers disagree about what it is. */
	{"Content-Type: text/plain\r\nContent-Type: text/html\r\n", "Hes<b>lo42x\r\n"},
	{"Content-Type: application/pkcs7-signature; name=smime.p7s\r\n", "Heslo42x\r\n"},
};

START_TEST(test_unsearchable)
{
	struct buf mail, text;
	struct copy c;

	buf_init(&mail, LIMIT);
	buf_init(&text, LIMIT);
	buf_printf(&mail, "From: a@example.cz\r\nContent-Type: multipart/signed; boundary=b; comment=Heslo42x\r\n\r\n"
	    "Heslo42x preamble\r\n--b\r\nContent-Type: text/plain\r\nContent-Description: Heslo42x\r\nX-Y: Heslo42x\r\n\r\n"
	    "Hes=\r\n--b\r\n%s\r\n%s\r\n--b--\r\nHeslo42x epilogue\r\n", unsearchable[_i].header, unsearchable[_i].body);
	copy_of(buf_slice(&mail), PASSWORD, &c);
	assert_nowhere(&c, PASSWORD);
	assert_nowhere(&c, "preamble");
	assert_nowhere(&c, "epilogue");
	assert_part(&c, 0, "plain", "utf-8", "Hes=");
	ck_assert(mime_is(c.tree->root, "multipart", "mixed"));
	ck_assert_int_eq(mime_decode(c.tree->root->child->next->next, &text, NULL), ANSWER_YES);
	ck_assert_msg(strncmp(buf_str(&text), LEFT_OUT, strlen(LEFT_OUT)) == 0, "%s", buf_str(&text));
	/* Not one of its lines came along. */
	ck_assert_ptr_null(strstr(buf_str(&text), "+AEg"));
	copy_free(&c);
	buf_free(&mail);
	buf_free(&text);
}
END_TEST

START_TEST(test_all_parts)
{
	static const char mail[] =
		"From: =?utf-8?Q?Nov=C3=A1k?= <a@example.cz>\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/mixed; boundary=m\r\n\r\n"
		"--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
		"--a\r\nContent-Type: text/plain; charset=iso-8859-2\r\n\r\n\xbe\xe1" "d\xe1m Heslo42x\r\n"
		"--a\r\nContent-Type: text/html; charset=windows-1250\r\nContent-Transfer-Encoding: base64\r\n\r\n"
		"PHA+SGVzPGI+bG80Mng8L2I+\r\n"
		"--a--\r\n"
		"--m\r\n\r\nHeslo42x\r\n"
		"--m--\r\n";
	struct copy c;

	copy_of(slice_str(mail), PASSWORD, &c);
	assert_part(&c, 0, "plain", "iso-8859-2", "\xbe\xe1" "d\xe1m " MASKED_TEXT);
	assert_part(&c, 1, "html", "windows-1250", "<p>" MASKED_TEXT "</b>");
	assert_part(&c, 2, "plain", "utf-8", MASKED_TEXT);
	unit_assert_slice_str(message_field(c.message, "From", 0)->value, " =?utf-8?Q?Nov=C3=A1k?= <a@example.cz>");
	assert_nowhere(&c, PASSWORD);
	copy_free(&c);
}
END_TEST

static const struct {
	const char *name, *value;
	const char *copied; /* NULL: it is not */
} fields[] = {
	{"Subject", " Heslo pro zneplatneni", " Heslo pro zneplatneni"},
	{"Subject", " =?utf-8?Q?zneplatn=C4=9Bn=C3=AD?=\n =?utf-8?B?eA==?=", " =?utf-8?Q?zneplatn=C4=9Bn=C3=AD?=\n =?utf-8?B?eA==?="},
	{"Subject", " =?utf-8?", " =?utf-8?"},
	{"Subject", " Heslo42x", " " MASKED_TEXT},
	{"Subject", " x Hes\n lo42x", " " MASKED_TEXT},
	{"Subject", " =?utf-8?Q?Hes=6Co42x?=", " " MASKED_TEXT},
	{"Subject", " =?utf-8?q?Hes=6C?=\n =?iso-8859-2?b?bzQyeA==?=", " " MASKED_TEXT},
	{"Subject", " =?utf-8?B?SGVzbG8=?=   =?utf-8?Q?42x?=", " " MASKED_TEXT},
	{"Subject", " =?utf-8*cs?B?SGVzbG80Mng=?=", " " MASKED_TEXT},
	{"Subject", " =?utf-8?B?SGVz?=lo42x", " " MASKED_TEXT},
	{"Subject", " =?utf-16?B?AEgAZQBzAGwAbwA0ADIAeA==?=", " " MASKED_TEXT},
	{"Subject", " =?utf-8?B?SGVz!bG80Mng=?=", " " MASKED_TEXT},
	{"Subject", " =?utf-8?B?Heslo42x?=", " " MASKED_TEXT}, /* it is base64 too */
	{"Subject", " =?utf-8?X?SGVzbG80Mng=?=", " " MASKED_TEXT},
	{"To", " \"Heslo42x\" <a@example.cz>", NULL},
	{"Message-ID", " <heslo42x@example.cz>", NULL},
	{"Message-ID", " <1@example.cz>", " <1@example.cz>"},
	{"X-Mailer", " x", NULL},
	{"Heslo42x", " x", NULL},
	{"Thread-Topic", " Heslo42x", NULL},
	{"DKIM-Signature", " x", NULL},
};

START_TEST(test_fields)
{
	struct buf mail;
	struct copy c;
	const struct header_field *f;

	buf_init(&mail, LIMIT);
	buf_printf(&mail, "%s:%s\n\ntext\n", fields[_i].name, fields[_i].value);
	copy_of(buf_slice(&mail), PASSWORD, &c);
	f = message_field(c.message, fields[_i].name, 0);
	ck_assert_int_eq(f != NULL, fields[_i].copied != NULL);
	if (f != NULL)
		unit_assert_slice_str(f->value, fields[_i].copied);
	assert_nowhere(&c, PASSWORD);
	copy_free(&c);
	buf_free(&mail);
}
END_TEST

/* Long before the test's time limit, whatever the text is made of. */
START_TEST(test_takes_no_ages)
{
	static const char *const pieces[] = {"<a ", "<!--", "<b c=\"", "&#1", "\r\n> ", "\r", "Heslo42", "=?"};
	static const char *const types[] = {"plain", "html"};

	for (size_t i = 0; i < COUNT(pieces) * 2; i++) {
		struct buf mail;
		struct copy c;

		buf_init(&mail, LIMIT);
		buf_printf(&mail, "Subject: ");
		while (mail.len < 1000000)
			buf_add_str(&mail, pieces[7]);
		buf_printf(&mail, "\r\nContent-Type: text/%s\r\n\r\n", types[i % 2]);
		while (mail.len < 4000000)
			buf_add_str(&mail, pieces[i / 2]);
		copy_of(buf_slice(&mail), PASSWORD, &c);
		copy_free(&c);
		buf_free(&mail);
	}
}
END_TEST

/* Of a mail that was encrypted: its header, and what was in it; nothing of the envelope. */
START_TEST(test_opened_entity)
{
	static const char mail[] = "From: a@b.example\r\nSubject: Zneplatneni\r\nContent-Type: application/pkcs7-mime\r\n\r\n"
		"MIIenvelope\r\n";
	static const char inside[] = "Subject: inner\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n\r\n"
		"one Heslo42x\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<b>Hes</b>lo42x\r\n--x--\r\n";
	struct message *m = message_new(LIMIT);
	struct slice password = slice_str(PASSWORD);
	struct mime *opened;
	struct copy c;

	buf_init(&c.file, LIMIT);
	ck_assert_int_eq(message_read(slice_str(mail), m, NULL), ANSWER_YES);
	ck_assert_int_eq(mime_parse_entity(slice_str(inside), &limits, &opened, NULL), ANSWER_YES);
	ck_assert_int_eq(masked_message(m, opened->root, &password, 1, random_octets, &c.file, NULL), ANSWER_YES);
	mime_free(opened);
	message_free(m);
	c.message = message_new(LIMIT);
	ck_assert_int_eq(message_read(buf_slice(&c.file), c.message, NULL), ANSWER_YES);
	ck_assert_int_eq(mime_parse(c.message, &limits, &c.tree, NULL), ANSWER_YES);
	unit_assert_slice_str(message_field(c.message, "Subject", 0)->value, " Zneplatneni");
	assert_part(&c, 0, "plain", "utf-8", "one " MASKED_TEXT);
	assert_part(&c, 1, "html", "utf-8", "<b>" MASKED_TEXT);
	assert_nowhere(&c, PASSWORD);
	assert_nowhere(&c, "envelope");
	copy_free(&c);
}
END_TEST

START_TEST(test_passwords)
{
	static const char *const wrong[] = {"", "abc", "123456789012345678901234567890123", "abc d", "hesl\xc3\xb3"};
	struct message *m = message_new(LIMIT);
	struct slice password, many[MASKED_PASSWORDS_MAX + 1];
	struct buf out;
	struct copy c;

	buf_init(&out, LIMIT);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		password = slice_str(wrong[i]);
		ck_assert_int_eq(mask(m, &password, 1, &out, NULL), ANSWER_NO);
	}
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = slice_str(PASSWORD);
	ck_assert_int_eq(mask(m, many, COUNT(many), &out, NULL), ANSWER_NO);
	ck_assert_uint_eq(out.len, 0);
	ck_assert_int_eq(mask(m, many, COUNT(many) - 1, &out, NULL), ANSWER_YES);
	buf_free(&out);
	buf_init(&out, 100);
	ck_assert_int_eq(mask(m, many, 1, &out, NULL), ANSWER_CANT_TELL);
	buf_free(&out);
	message_free(m);

	copy_of(slice_str("Subject: x\r\n\r\n=12345678901234567890123456789012="), "12345678901234567890123456789012", &c);
	assert_part(&c, 0, "plain", "utf-8", "=" MASKED_TEXT "=");
	copy_free(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("masked");
	TCase *c = tcase_create("masked");

	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, test_plain, 0, COUNT(plain));
	tcase_add_loop_test(c, test_html, 0, COUNT(html));
	tcase_add_test(c, test_nothing_else_changes);
	tcase_add_loop_test(c, test_unsearchable, 0, COUNT(unsearchable));
	tcase_add_test(c, test_all_parts);
	tcase_add_loop_test(c, test_fields, 0, COUNT(fields));
	tcase_add_test(c, test_takes_no_ages);
	tcase_add_test(c, test_opened_entity);
	tcase_add_test(c, test_passwords);
	suite_add_tcase(s, c);
	return unit_run(s);
}
