/* Revocation requests: what is read, and why what only looks like one is refused. */
#include "revocation/html.h"
#include "revocation/parts.h"
#include "revocation/visible.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENTENCE "Zadam o zneplatneni certifikatu cislo"
#define ASKED SENTENCE " = 4711\r\n"
#define PASS "Heslo pro zneplatneni"
#define PLAIN "Content-Type: text/plain\r\n\r\n"
#define HTML "Content-Type: text/html; charset=utf-8\r\n\r\n"
#define NINES_49 "9999999999999999999999999999999999999999999999999"

static const struct mime_limits limits = {MIME_DEPTH_DEFAULT, MIME_PARTS_DEFAULT};
static struct phrases *phrases;
static struct request *request;
static struct error err;

static void
setup(void)
{
	ck_assert_int_eq(phrases_new(NULL, 0, &phrases, NULL), ANSWER_YES);
	request = NULL;
}

static void
teardown(void)
{
	request_free(request);
	phrases_free(phrases);
}

static enum answer
read_entity(struct slice entity)
{
	const struct header_field *subject;
	struct mime *tree;
	enum answer a;

	request_free(request);
	request = request_new();
	ck_assert_ptr_nonnull(request);
	err = ERROR_NONE;
	ck_assert_int_eq(mime_parse_entity(entity, &limits, &tree, &err), ANSWER_YES);
	subject = mime_field(tree->root, "Subject");
	a = parts_read(tree->root, subject == NULL ? SLICE_NONE : subject->value, phrases, request, &err);
	mime_free(tree);
	return a;
}

static void
assert_line(size_t nth, const char *hex, const char *password)
{
	const struct request_line *line = &request->lines[nth];
	char text[2 * REQUEST_SERIAL_OCTETS_MAX + 1] = "";

	ck_assert_uint_lt(nth, request->line_count);
	for (size_t i = 0; i < line->serial_len; i++)
		sprintf(text + 2 * i, "%02x", line->serial[i]);
	ck_assert_str_eq(text, hex);
	ck_assert_str_eq(line->password, password);
}

/* One request line, in an entity with that header and body. */
static void
assert_reads(const char *entity, const char *hex, const char *password)
{
	enum answer a = read_entity(slice_str(entity));

	ck_assert_msg(a == ANSWER_YES, "refused: %s\n%s", err.code, entity);
	ck_assert_uint_eq(request->line_count, 1);
	assert_line(0, hex, password);
}

static void
assert_refused(const char *entity, enum refusal why)
{
	enum answer a = read_entity(slice_str(entity));

	ck_assert_msg(a == ANSWER_NO, "read: %s", entity);
	ck_assert_msg(strcmp(err.code, refusal_code(why)) == 0, "%s instead of %s:\n%s", err.code, refusal_code(why), entity);
	ck_assert_str_eq(err.words, refusal_words(why));
}

/* Near misses: each has its own reason. */

#define TWO(kind, type1, text1, type2, text2) \
	"Content-Type: multipart/" kind "; boundary=b\r\n\r\n--b\r\nContent-Type: " type1 "\r\n\r\n" text1 \
	"\r\n--b\r\nContent-Type: " type2 "\r\n\r\n" text2 "\r\n--b--\r\n"

static const struct {
	const char *entity;
	enum refusal why;
} misses[] = {
	{PLAIN "Dobry den, prosim o zneplatneni meho certifikatu 4711.\r\n", REFUSAL_NO_REQUEST},
	{PLAIN "", REFUSAL_NO_REQUEST},
	{PLAIN "Zadam o zneplatneni certifikatu = 4711\r\n", REFUSAL_NO_REQUEST},
	{PLAIN "Zadam o zneplatneni\r\n\r\ncertifikatu cislo = 4711\r\n", REFUSAL_NO_REQUEST},
	{PLAIN "Zadam o zneplatneni\r\n> x\r\ncertifikatu cislo = 4711\r\n", REFUSAL_NO_REQUEST},
	{HTML "Zadam o zneplatneni<div class=gmail_quote>x</div>certifikatu cislo = 4711", REFUSAL_NO_REQUEST},
	{PLAIN SENTENCE "x = 4711\r\n", REFUSAL_NO_REQUEST},
	{PLAIN SENTENCE " 4711\r\n", REFUSAL_NO_EQUALS},
	{PLAIN SENTENCE ": 4711\r\n", REFUSAL_NO_EQUALS},
	{PLAIN ASKED PASS ": abcd1234\r\n", REFUSAL_NO_EQUALS},
	{PLAIN "Nezadam o zneplatneni certifikatu cislo = 4711\r\n", REFUSAL_INSIDE_SENTENCE},
	{PLAIN "x*" ASKED, REFUSAL_INSIDE_SENTENCE},
	{PLAIN SENTENCE " = 4711*\r\n", REFUSAL_NUMBER_CHARACTERS},
	{PLAIN "x.-" ASKED, REFUSAL_INSIDE_SENTENCE},
	{PLAIN "Never write: \"" SENTENCE " = 4711\"\r\n", REFUSAL_INSIDE_SENTENCE},
	{PLAIN "I never said that I request revocation of certificate number = 4711\r\n", REFUSAL_INSIDE_SENTENCE},
	{PLAIN SENTENCE " =\r\n", REFUSAL_NUMBER_MISSING},
	{PLAIN SENTENCE " = .\r\n", REFUSAL_NUMBER_MISSING},
	{PLAIN SENTENCE " = 0x\r\n", REFUSAL_NUMBER_MISSING},
	{PLAIN SENTENCE " =\r\n\r\n4711\r\n", REFUSAL_NUMBER_MISSING},
	{PLAIN SENTENCE " =\r\n" PASS " = abcd1234\r\n", REFUSAL_NUMBER_MISSING},
	{PLAIN SENTENCE " = 47A11\r\n", REFUSAL_NUMBER_LETTERS},
	{PLAIN SENTENCE " = N\r\n", REFUSAL_NUMBER_LETTERS},
	{PLAIN SENTENCE " = 0x47G1\r\n", REFUSAL_NUMBER_NOT_HEX},
	{PLAIN SENTENCE " = 0x47:11\r\n", REFUSAL_NUMBER_NOT_HEX},
	{PLAIN SENTENCE " = 0x0x47\r\n", REFUSAL_NUMBER_NOT_HEX},
	{PLAIN SENTENCE " = 47:11\r\n", REFUSAL_NUMBER_CHARACTERS},
	{PLAIN SENTENCE " = -4711\r\n", REFUSAL_NUMBER_CHARACTERS},
	{PLAIN SENTENCE " == 4711\r\n", REFUSAL_NUMBER_CHARACTERS},
	{PLAIN SENTENCE " = 4711,4712\r\n", REFUSAL_NUMBER_CHARACTERS},
	{PLAIN SENTENCE " = 4.711\r\n", REFUSAL_NUMBER_CHARACTERS},
	{HTML SENTENCE " = 4711&#133;x", REFUSAL_NUMBER_CHARACTERS},
	{"Content-Type: text/plain; charset=utf-8\r\n\r\n" SENTENCE " = \xef\xbc\x94\xef\xbc\x97\r\n", REFUSAL_NUMBER_CHARACTERS},
	{"Content-Type: text/plain; charset=utf-8\r\n\r\n" SENTENCE " = \xe2\x80\xae" "1174\r\n", REFUSAL_NUMBER_CHARACTERS},
	{"Content-Type: text/plain; charset=utf-8\r\n\r\n" SENTENCE " = 47\xcc\xb6" "11\r\n", REFUSAL_NUMBER_CHARACTERS},
	{PLAIN SENTENCE " = 1461501637330902918203684832716283019655932542976\r\n", REFUSAL_NUMBER_TOO_LONG},
	{PLAIN SENTENCE " = 0x010000000000000000000000000000000000000000\r\n", REFUSAL_NUMBER_TOO_LONG},
	{PLAIN SENTENCE " = " NINES_49 NINES_49 NINES_49 NINES_49 "\r\n", REFUSAL_NUMBER_TOO_LONG},
	{PLAIN SENTENCE " = 0\r\n", REFUSAL_NUMBER_ZERO},
	{PLAIN SENTENCE " = 0x0000\r\n", REFUSAL_NUMBER_ZERO},
	{PLAIN SENTENCE " = 47 11\r\n", REFUSAL_NUMBER_FOLLOWED},
	{PLAIN SENTENCE " = 00 1a 2b 3c\r\n", REFUSAL_NUMBER_FOLLOWED},
	{PLAIN SENTENCE " = 4711 a 4712\r\n", REFUSAL_NUMBER_FOLLOWED},
	{PLAIN SENTENCE " = 4711, 4712\r\n", REFUSAL_NUMBER_FOLLOWED},
	{PLAIN SENTENCE " = 4711,\r\n4712\r\n", REFUSAL_NUMBER_FOLLOWED},
	{PLAIN SENTENCE " = 0x47. ab cd\r\n", REFUSAL_NUMBER_FOLLOWED},
	{PLAIN ASKED PASS " =\r\n", REFUSAL_PASSWORD_MISSING},
	{PLAIN ASKED PASS " = abc\r\n", REFUSAL_PASSWORD_TOO_SHORT},
	{PLAIN ASKED PASS " = abcdefghijklmnopqrstuvwxyz0123456\r\n", REFUSAL_PASSWORD_TOO_LONG},
	{PLAIN ASKED PASS " = abcd-1234\r\n", REFUSAL_PASSWORD_CHARACTERS},
	{PLAIN ASKED PASS " = abcd1234!\r\n", REFUSAL_PASSWORD_CHARACTERS},
	{"Content-Type: text/plain; charset=utf-8\r\n\r\n" ASKED PASS " = hesl\xc3\xb3" "1234\r\n", REFUSAL_PASSWORD_CHARACTERS},
	{PLAIN ASKED PASS " = abcd 1234\r\n", REFUSAL_PASSWORD_FOLLOWED},
	{PLAIN PASS " = abcd1234\r\n" ASKED, REFUSAL_PASSWORD_FIRST},
	{PLAIN ASKED PASS " = abcd1234\r\n" PASS " = abcd1234\r\n", REFUSAL_PASSWORD_TWICE},
	{"Subject: " SENTENCE " = 4711\r\n" PLAIN "S pozdravem\r\n", REFUSAL_ONLY_IN_SUBJECT},
	{"Subject: =?utf-8?Q?=C5=BD=C3=A1d=C3=A1m_o_zneplatn=C4=9Bn=C3=AD?=\r\n"
		" =?windows-1250?B?IGNlcnRpZmlr4XR1IOjtc2xvID0gNDcxMQ==?=\r\n" PLAIN "\r\n", REFUSAL_ONLY_IN_SUBJECT},
	{"Content-Type: text/plain; hp-legacy-display=1\r\n\r\nSubject: " ASKED "\r\nDobry den\r\n", REFUSAL_NO_REQUEST},
	{HTML "<div class=header-protection-legacy-display><pre>Subject: " ASKED "</pre></div>", REFUSAL_ONLY_IN_QUOTE},
	{PLAIN "> " ASKED, REFUSAL_ONLY_IN_QUOTE},
	{PLAIN "  > > " ASKED, REFUSAL_ONLY_IN_QUOTE},
	{PLAIN "Dekuji.\r\n\r\n-----Original Message-----\r\n" ASKED, REFUSAL_ONLY_IN_QUOTE},
	{PLAIN "---------- P=C5=AFvodni zprava ----------\r\n" "--------- Puvodni zprava ---------\r\n" ASKED, REFUSAL_ONLY_IN_QUOTE},
	{PLAIN "From: Jan\r\nSent: Monday\r\nTo: Eva\r\nSubject: x\r\n\r\n" ASKED, REFUSAL_ONLY_IN_QUOTE},
	{PLAIN "*Od:* Jan\r\n*Datum:* dnes\r\n*Komu:* Eva\r\n\r\n" ASKED, REFUSAL_ONLY_IN_QUOTE},
	{PLAIN "Von: Jan\r\nGesendet: heute\r\nAn: Eva\r\nBetreff: x\r\n\r\n" ASKED, REFUSAL_ONLY_IN_QUOTE},
	{PLAIN "De : Jan <jan@example.com>\r\nEnvoye : lundi\r\nA : Eva\r\nObjet : x\r\n\r\n" ASKED, REFUSAL_ONLY_IN_QUOTE},
	{PLAIN "*Temat:* x\r\n*Data:* dzis\r\n*Nadawca:* Jan [mailto:jan@example.com]\r\n\r\n" ASKED, REFUSAL_ONLY_IN_QUOTE},
	{HTML "<p><b>Felado:</b> Jan &lt;jan@example.com&gt;<br><b>Cimzett:</b> Eva<br><b>Targy:</b> x</p><p>" ASKED "</p>",
		REFUSAL_ONLY_IN_QUOTE},
	{PLAIN "On Monday Jan wrote:\r\n\r\n" ASKED, REFUSAL_ONLY_IN_QUOTE},
	{PLAIN "Le lundi, Jan <jan@example.com> a ecrit :\r\n\r\n" ASKED, REFUSAL_ONLY_IN_QUOTE},
	{"Content-Type: text/plain; format=flowed\r\n\r\n> Zadam o zneplatneni \r\n> certifikatu cislo = 4711\r\n", REFUSAL_ONLY_IN_QUOTE},
	{"Content-Type: text/plain; format=flowed\r\n\r\n > " ASKED, REFUSAL_ONLY_IN_QUOTE},
	{HTML "<blockquote><p>" ASKED "</p></blockquote>", REFUSAL_ONLY_IN_QUOTE},
	{HTML "<div class=\"x gmail_quote\">" ASKED "</div>", REFUSAL_ONLY_IN_QUOTE},
	{HTML "<p>&gt; " ASKED "</p>", REFUSAL_ONLY_IN_QUOTE},
	{PLAIN "Jan\r\n-- \r\n" ASKED, REFUSAL_ONLY_IN_SIGNATURE},
	{HTML "Jan<br>-- <br>" ASKED, REFUSAL_ONLY_IN_SIGNATURE},
	{TWO("mixed", "text/plain", "Viz priloha.", "text/plain; name=a.txt", ASKED), REFUSAL_ONLY_IN_ATTACHMENT},
	{TWO("mixed", "text/plain", "Viz priloha.", "text/html\r\nContent-Disposition: attachment", ASKED), REFUSAL_ONLY_IN_ATTACHMENT},
	{TWO("alternative", "text/plain", ASKED, "text/html", SENTENCE " = 4712"), REFUSAL_ALTERNATIVES_DIFFER},
	{TWO("alternative", "text/plain", ASKED, "text/html", "Dobry den"), REFUSAL_ALTERNATIVES_DIFFER},
	{TWO("alternative", "text/plain", "Dobry den", "text/html", ASKED), REFUSAL_ALTERNATIVES_DIFFER},
	{TWO("alternative", "text/plain", ASKED, "text/html", ASKED "<br>" PASS " = abcd"), REFUSAL_ALTERNATIVES_DIFFER},
	{TWO("alternative", "text/plain", ASKED, "text/html", ASKED "<br>" ASKED), REFUSAL_ALTERNATIVES_DIFFER},
	{TWO("alternative", "text/plain", ASKED, "text/html", ASKED "<p hidden>" ASKED "</p>"), REFUSAL_HIDDEN},
	{TWO("alternative", "text/plain", ASKED, "text/enriched", ASKED), REFUSAL_TYPE_UNKNOWN},
	{"Content-Type: text/plain; charset=koi8-r\r\n\r\n" ASKED, REFUSAL_CHARSET_UNKNOWN},
	{"Content-Type: text/plain; charset=utf-16\r\n\r\n" ASKED, REFUSAL_CHARSET_UNKNOWN},
	{PLAIN "\x8e\xe1" "d\xe1m o zneplatn\xec" "n\xed certifik\xe1tu \xe8\xedslo = 4711\r\n", REFUSAL_CHARSET_WRONG},
	{"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n*" ASKED, REFUSAL_ENCODING},
	{"Content-Type: text/plain\r\nContent-Transfer-Encoding: uuencode\r\n\r\n" ASKED, REFUSAL_ENCODING},
	{"Content-Type: text/rtf\r\n\r\n" ASKED, REFUSAL_TYPE_UNKNOWN},
	{"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\n" ASKED, REFUSAL_STRUCTURE},
	{TWO("related; start=\"<2>\"", "text/plain", ASKED, "text/plain\r\nContent-ID: <2>", ASKED), REFUSAL_STRUCTURE},
	{"Content-Type: application/pkcs7-mime\r\n\r\n" ASKED, REFUSAL_NOT_OPENED},
	{TWO("encrypted", "text/plain", ASKED, "text/plain", ASKED), REFUSAL_NOT_OPENED},
};

START_TEST(near_miss)
{
	assert_refused(misses[_i].entity, misses[_i].why);
}
END_TEST

/* Reasons that need large mails. */
static const enum refusal made_apart[] = {REFUSAL_TOO_MANY, REFUSAL_TOO_LARGE, REFUSAL_DEPTH, REFUSAL_HTML};

START_TEST(every_reason_is_given)
{
	for (int why = 0; why < REFUSAL_COUNT; why++) {
		bool given = false;

		for (size_t i = 0; i < sizeof misses / sizeof misses[0]; i++)
			given = given || (int)misses[i].why == why;
		for (size_t i = 0; i < sizeof made_apart / sizeof made_apart[0]; i++)
			given = given || (int)made_apart[i] == why;
		ck_assert_msg(given, "no mail is refused as %s", refusal_code((enum refusal)why));
		ck_assert_uint_gt(strlen(refusal_words((enum refusal)why)), 10);
		for (int other = 0; other < why; other++)
			ck_assert_str_ne(refusal_code((enum refusal)why), refusal_code((enum refusal)other));
	}
}
END_TEST

static void
repeat(struct buf *b, const char *text, size_t times)
{
	while (times-- > 0)
		buf_add_str(b, text);
}

START_TEST(limits_hold)
{
	static const struct {
		const char *before, *repeated, *after;
		size_t most;
		enum refusal why;
	} cases[] = {
		{PLAIN, ASKED, "", REQUEST_LINES_MAX, REFUSAL_TOO_MANY},
		{HTML, "<span>", ASKED, HTML_DEPTH_MAX, REFUSAL_HTML},
		{HTML ASKED, "<br>", "", HTML_TAGS_MAX, REFUSAL_HTML},
		{PLAIN "1\r\n" ASKED, "\r", "", VISIBLE_OCTETS_MAX - (sizeof ASKED - 1) - 3, REFUSAL_TOO_LARGE},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (size_t more = 0; more < 2; more++) {
			struct buf b;

			buf_init(&b, 4 * 1024 * 1024);
			buf_add_str(&b, cases[i].before);
			repeat(&b, cases[i].repeated, cases[i].most + more);
			buf_add_str(&b, cases[i].after);
			ck_assert_int_eq(read_entity(buf_slice(&b)), more == 0 ? ANSWER_YES : ANSWER_NO);
			if (more == 1)
				ck_assert_str_eq(err.code, refusal_code(cases[i].why));
			buf_free(&b);
		}
	}
}
END_TEST

START_TEST(multiparts_are_entered_so_deep)
{
	for (unsigned depth = PARTS_DEPTH_MAX; depth <= PARTS_DEPTH_MAX + 1; depth++) {
		struct buf b;

		buf_init(&b, 65536);
		for (unsigned i = 0; i < depth; i++)
			buf_printf(&b, "Content-Type: multipart/mixed; boundary=b%ux\r\n\r\n--b%ux\r\n", i, i);
		buf_add_str(&b, PLAIN ASKED);
		for (unsigned i = depth; i-- > 0;)
			buf_printf(&b, "\r\n--b%ux--\r\n", i);
		ck_assert_int_eq(read_entity(buf_slice(&b)), depth == PARTS_DEPTH_MAX ? ANSWER_YES : ANSWER_NO);
		if (depth > PARTS_DEPTH_MAX)
			ck_assert_str_eq(err.code, refusal_code(REFUSAL_DEPTH));
		buf_free(&b);
	}
}
END_TEST

/* Hidden text: each way refuses. With the same in another value it is read. */

static const struct {
	const char *before, *after;
	const char *shown; /* before, in a form that hides nothing; NULL: there is none */
} hidden[] = {
	{"<div hidden>", "</div>", "<div class=hidden>"},
	{"<div style='display:none'>", "</div>", "<div style='display:block'>"},
	{"<div style='DISPLAY : None !important'>", "</div>", NULL},
	{"<div style='dis&#112;lay&colon;none'>", "</div>", NULL},
	{"<div style='display:n\\6fne'>", "</div>", NULL},
	{"<div style='display:/**/none'>", "</div>", NULL},
	{"<div style=\"background:url('a;b');display:none\">", "</div>", NULL},
	{"<div style='display:var(--x)'>", "</div>", NULL},
	{"<div style='visibility:hidden'>", "</div>", "<div style='visibility:visible'>"},
	{"<div style='opacity:.01'>", "</div>", "<div style='opacity:1'>"},
	{"<div style='font-size:0'>", "</div>", "<div style='font-size:11.0pt'>"},
	{"<div style='font-size:0.1em'>", "</div>", "<div style='font-size:0.9em'>"},
	{"<div style='font:1px Arial'>", "</div>", "<div style='font:12px Arial'>"},
	{"<div style='max-height:0;overflow:hidden'>", "</div>", "<div style='max-height:20px'>"},
	{"<div style='text-indent:-9999px'>", "</div>", "<div style='text-indent:-18pt'>"},
	{"<div style='position:absolute;left:-9999px'>", "</div>", "<div style='position:absolute;left:9px'>"},
	{"<div style='margin:0 0 0 -999em'>", "</div>", "<div style='margin:0cm 0cm 8pt'>"},
	{"<div style='mso-hide:all'>", "</div>", NULL},
	{"<div style='color:transparent'>", "</div>", NULL},
	{"<div style='color:#fff'>", "</div>", "<div style='color:#1F497D'>"},
	{"<div style='color:rgb(250, 250, 250)'>", "</div>", "<div style='color:rgb(0, 0, 0)'>"},
	{"<div style='color:rgba(0,0,0,0)'>", "</div>", "<div style='color:rgba(0,0,0,1)'>"},
	{"<div style='background:#000'>", "</div>", "<div style='background:#000;color:white'>"},
	{"<font color=white>", "</font>", "<font color=red>"},
	{"<table bgcolor=#336699><tr><td><font color=#336699>", "</font></table>", "<table bgcolor=#336699><tr><td><font color=white>"},
	{"<div style='clip:rect(0,0,0,0)'>", "</div>", "<div style='clip:auto'>"},
	{"<div style='transform:scale(0)'>", "</div>", "<div style='transform:none'>"},
	{"<div style='unicode-bidi:bidi-override;direction:rtl'>", "</div>", NULL},
	{"<span style='text-decoration:line-through'>", "</span>", "<span style='text-decoration:underline'>"},
	{"<s>", "</s>", "<u>"}, {"<del>", "</del>", "<ins>"}, {"<bdo dir=rtl>", "</bdo>", NULL},
	{"<!--", "-->", NULL}, {"<!--[if mso]>", "<![endif]-->", "<![if mso]>"},
	{"<style>.x{content:'", "'}</style>", NULL}, {"<script>", "</script>", NULL},
	{"<script><!--<script></script>", "</script>-->", NULL},
	{"<head>", "</head>", "<head></head>"}, {"<head><title>", "</title></head>", NULL},
	{"<template>", "</template>", NULL}, {"<noscript>", "</noscript>", NULL}, {"<select><option>", "</select>", NULL},
	{"<textarea>", "</textarea>", NULL}, {"<svg><text>", "</svg>", NULL}, {"<iframe>", "</iframe>", NULL},
	{"<details><p>", "</details>", NULL}, {"<a title='", "", NULL},
	{"<style>.x{display:none}</style><p class=x>", "</p>", "<style>.x{display:none}</style><p class=y>"},
	{"<style>@media screen{p.x,q{font-size:0px}}</style><p class='a X'>", "</p>",
		"<style>@media screen{p.x,q{font-size:0px}}</style><div class='a X'>"},
	{"<style>/*{*/#a .b > .c:first-child{display:none}</style><p class=c>", "</p>", NULL},
	{"<style>.c:hover{display:none}</style><p class=c>", "</p>", "<style>.c:hover{display:none}</style><p class=y>"},
	{"<style>/*.y{*/.x{display:none}</style><p class=x>", "</p>", "<style>/*.y{*/.x{display:none}</style><p class=y>"},
	{"<style>.a .x{display:none}</style><p class=x>", "</p>", "<style>.a .x{display:none}</style><p class=a>"},
	{"<style>*{display:none}</style><p>", "</p>", NULL},
	{"<style>[lang]{display:none}</style><p>", "</p>", "<style>[lang]{color:red}</style><p>"},
	{"<style>.x::before{content:'9'}</style><p class=x>", "</p>", NULL},
	{"<p class=x>", "</p><style>.x{display:none}</style>", NULL},
	/* The same said in other words, as browsers take them. */
	{"<div style='opacity:5%'>", "</div>", "<div style='opacity:80%'>"},
	{"<div style='opacity:1e-3'>", "</div>", "<div style='opacity:9e-1'>"},
	{"<div style='font-size:12e-3px'>", "</div>", "<div style='font-size:1.2e1px'>"},
	{"<div style='font-size:max(0px)'>", "</div>", NULL},
	{"<div style='display:env(x,none)'>", "</div>", NULL},
	{"<div style='-webkit-transform:scale(0)'>", "</div>", "<div style='-webkit-transform:none'>"},
	{"<div style='rotate:y 90deg'>", "</div>", NULL},
	{"<div style='mix-blend-mode:screen'>", "</div>", "<div style='mix-blend-mode:normal'>"},
	{"<div style='font-size-adjust:0'>", "</div>", "<div style='font-size-adjust:none'>"},
	{"<div style='max-height:3px;overflow:hidden'>", "</div>", "<div style='max-height:30px;overflow:hidden'>"},
	{"<div style='max-block-size:0;overflow:hidden'>", "</div>", NULL},
	{"<div style='margin-inline-start:-9999px'>", "</div>", "<div style='margin-inline-start:9px'>"},
	{"<div style='position:absolute;inset-inline-start:-9999px'>", "</div>", NULL},
	{"<div style='text-indent:100%;overflow:hidden'>", "</div>", "<div style='text-indent:10%'>"},
	{"<div style='position:absolute;left:9999px'>", "</div>", NULL},
	{"<div style='position:absolute;z-index:-1'>", "</div>", "<div style='position:absolute;z-index:1'>"},
	{"<div style='display:flex;flex-direction:row-reverse'>", "</div>", "<div style='display:flex;flex-direction:row'>"},
	{"<div style='color:hsl(0,0%,100%)'>", "</div>", NULL},
	{"<div style='color:#00000000'>", "</div>", "<div style='color:#000000ff'>"},
	{"<div style='color:#0000'>", "</div>", "<div style='color:#000f'>"},
	{"<div style='color:rgb(none none none / 0)'>", "</div>", "<div style='color:rgb(0 0 0 / 1)'>"},
	{"<div style='color:cornsilk'>", "</div>", "<div style='color:darkslateblue'>"},
	{"<div style='color:canvas'>", "</div>", "<div style='color:canvastext'>"},
	{"<div style='background:no-repeat black'>", "</div>", "<div style='background:no-repeat yellow'>"},
	{"<div style='background-color:hsl(0,0%,0%)'>", "</div>", NULL},
	{"<font color=ffffffffffff>", "</font>", NULL},
	{"<body link=white><a href=x>", "</a>", "<body link=blue><a href=x>"},
	{"<div style='font:12px/0 Arial'>", "</div>", "<div style='font:12px/1.5 Arial'>"},
	{"<div style='background:#000;color:#fff'><p style='color:initial'>", "</div>",
		"<div style='background:#ff0;color:#f00'><p style='color:initial;background-color:initial'>"},
	{"<div style='background:#000;color:#ff0'><p style='all:initial'>", "</div>", NULL},
	{"<div style='color:#f00;background-color:currentcolor'>", "</div>", "<div style='color:unset;background-color:unset'>"},
	{"<div style='background:currentcolor'>", "</div>", "<div style='color:currentcolor'>"},
	{"<div style='font-size:max&lpar;0px&rpar;'>", "</div>", NULL},
	{"<div style='a:\"\n;display:none;b:\"'>", "</div>", NULL},
	{"<div style='a:url(();display:none;b:)'>", "</div>", NULL},
	{"<div style='a:url(x\");display:none;b:\"'>", "</div>", NULL},
	{"<title>", "</title>", NULL}, {"<div popover>", "</div>", "<div class=popover>"}, {"<ruby><rp>", "</rp></ruby>", "<ruby><b>"},
	{"<xml>", "</xml>", NULL},
	{"<style>.x{display:none;.y{color:red}}</style><p class=x>", "</p>", NULL},
	{"<style>.x{.y{color:red} display:none}</style><p class=x>", "</p>", NULL},
	{"<style>.y{a:'/*'} .x{display:none} .z{a:'*/'}</style><p class=x>", "</p>",
		"<style>.y{a:'/*'} .x{color:red} .z{a:'*/'}</style><p class=x>"},
	{"<style>font.x{background:#336699}font{background:#fff}</style><font class=x color=#336699>", "</font>",
		"<style>font.y{background:#336699}font{background:#fff}</style><font class=x color=#336699>"},
	{"<style>.x{background:#336699}</style><p class=x><font color=#336699>", "</font></p>",
		"<style>.x{background:#336699}</style><p class=x><font color=#ffff00>"},
	{"<style>.x{color:#336699}</style><table bgcolor=#336699><tr><td><p class=x>", "</table>",
		"<style>.x{color:#336699}</style><table bgcolor=#ffff00><tr><td><p class=x>"},
	{"<p>", "</p><body hidden>", NULL},
	/* Where what hides is not closed as it was opened. */
	{"<span hidden><div></span>", "</div>", NULL}, {"<div><b hidden></div>", "</b>", NULL},
	{"<blockquote><table></blockquote>", "</table>", "<blockquote><p>x</blockquote>"},
	{"<p><font color=white>x<p>", "", NULL}, {"<!-->", "-->", NULL}, {"<!-- x --!>", "-->", NULL},
};

static void
html_with(const char *before, const char *after, struct buf *b)
{
	buf_init(b, 4096);
	buf_printf(b, "%s<p>Dobry den</p>%s%s = 4711%s", HTML, before, SENTENCE, after);
}

START_TEST(hidden_is_refused)
{
	struct buf b;

	html_with(hidden[_i].before, hidden[_i].after, &b);
	assert_refused(buf_str(&b), REFUSAL_HIDDEN);
	buf_free(&b);
	if (hidden[_i].shown == NULL)
		return;
	html_with(hidden[_i].shown, "", &b);
	assert_reads(buf_str(&b), "1267", "");
	buf_free(&b);
}
END_TEST

/* What is read, one line of 4711, or as said. */

static const struct {
	const char *entity, *hex, *password;
} read_as[] = {
	{PLAIN "Jmeno: Jan\r\nE-mail: jan@example.com\r\nTelefon: 1\r\n\r\n" ASKED, "1267", ""},
	{"\r\n" ASKED, "1267", ""},
	{PLAIN SENTENCE "=4711", "1267", ""},
	{"Content-Type: text/plain; hp-legacy-display=1\r\n\r\nSubject: x\r\n\r\n" ASKED, "1267", ""},
	{PLAIN SENTENCE " = 1461501637330902918203684832716283019655932542975\r\n", "ffffffffffffffffffffffffffffffffffffffff", ""},
	{PLAIN SENTENCE " = 0x000000ffffffffffffffffffffffffffffffffffffffff\r\n", "ffffffffffffffffffffffffffffffffffffffff", ""},
	{PLAIN SENTENCE " = 0010\r\n", "0a", ""},
	{PLAIN SENTENCE " = 0X1aBc\r\n", "1abc", ""},
	{PLAIN "Dobry den, zadam o zneplatneni certifikatu cislo = 4711. Dekuji, Jan.\r\n", "1267", ""},
	{PLAIN "- " SENTENCE " = 4711\r\n", "1267", ""},
	{PLAIN "*" SENTENCE " = 4711*\r\n*" PASS " = abcd.*\r\n", "1267", "abcd"},
	{PLAIN ASKED PASS " = abcd\r\n", "1267", "abcd"},
	{PLAIN ASKED PASS " = abcdefghijklmnopqrstuvwxyz012345.\r\n", "1267", "abcdefghijklmnopqrstuvwxyz012345"},
	{PLAIN SENTENCE " = 4711, " PASS " = Ab12, dekuji\r\n", "1267", "Ab12"},
	{PLAIN ASKED "\r\nJan wrote:\r\n> Zadam o zneplatneni certifikatu cislo = 1\r\n\r\n" PASS " = abcd\r\n", "1267", "abcd"},
	{PLAIN ASKED "\r\n-- \r\n" SENTENCE " = 1\r\n", "1267", ""},
	{"Subject: " SENTENCE " = 1\r\n" PLAIN ASKED, "1267", ""},
	{"Content-Type: text/plain; charset=utf-8\r\n\r\n" SENTENCE " = \xe2\x80\x8e" "47\xe2\x80\x8b" "11\r\n", "1267", ""},
	{"Content-Type: text/plain; charset=utf-8\r\n\r\n\xef\xbb\xbf" ASKED "\xff\xfe\r\n", "1267", ""},
	{"Content-Type: text/plain; charset=\"Windows-1250\"\r\n\r\n\x8e\xe1" "d\xe1m o zneplatn\xec" "n\xed certifik\xe1tu \xe8\xedslo = 4711\r\n", "1267", ""},
	{HTML "&#381;&aacute;d&#xe1m o zneplatn&ecaron;n&iacute; certifik&aacute;tu &ccaron;&iacute;slo&nbsp;&equals; 4711", "1267", ""},
	{HTML "<table><tr><td>" SENTENCE "<td>=<td>4711<tr><td>x</table>", "1267", ""},
	{HTML "<p>" ASKED PASS " = abcd</p>", "1267", "abcd"},
	{HTML "<p hidden>x<p>" ASKED, "1267", ""},
	{HTML "<div style='background:url(a;display:none)'>" ASKED, "1267", ""},
	{HTML "<pre>" SENTENCE " = 4711\r\nJan Novak</pre>", "1267", ""},
	{HTML "<div style='white-space:pre-wrap'>" SENTENCE " = 4711\r\nJan Novak</div>", "1267", ""},
	{HTML "<html><head><title>x</title><meta name=a><body>" ASKED "<blockquote>" SENTENCE " = 1</blockquote>", "1267", ""},
	{HTML "<blockquote>x</blockquote><ul><li>a<li>" SENTENCE " = 4711</ul><img src=a width=0>", "1267", ""},
	{HTML SENTENCE " = 47<span hidden>99</span>11<br>", "1267", ""},
	{TWO("alternative", "text/plain", ASKED, "text/html", "<p>" SENTENCE " = 0x1267</p>"), "1267", ""},
	{TWO("signed; protocol=\"application/pkcs7-signature\"", "text/plain", ASKED, "text/plain", SENTENCE " = 1"), "1267", ""},
	{TWO("related", "text/html", ASKED, "text/plain", SENTENCE " = 1"), "1267", ""},
	{TWO("mixed", "text/plain; name*=utf-8''a", SENTENCE " = 1", "text/plain", ASKED), "1267", ""},
	{TWO("mixed", "text/plain", ASKED, "message/rfc822", PLAIN SENTENCE " = 1"), "1267", ""},
};

START_TEST(reads)
{
	assert_reads(read_as[_i].entity, read_as[_i].hex, read_as[_i].password);
}
END_TEST

START_TEST(all_lines_in_order)
{
	const char *text = PLAIN "1. " SENTENCE " = 3\r\n2. " SENTENCE " = 1\r\n   " PASS " = abcd\r\n"
		"I request revocation of certificate number = 3\r\n";

	ck_assert_int_eq(read_entity(slice_str(text)), ANSWER_YES);
	ck_assert_uint_eq(request->line_count, 3);
	assert_line(0, "03", "");
	assert_line(1, "01", "abcd");
	assert_line(2, "03", "");
	ck_assert_str_eq(request->lines[0].language, "cs");
	ck_assert_str_eq(request->lines[2].language, "en");
}
END_TEST

/* Reasons say which line they are about; the lines that were good stay. */
START_TEST(reasons_name_their_line)
{
	const char *text = TWO("mixed", "text/plain", ASKED SENTENCE " = x\r\n", "text/plain", SENTENCE " =\r\n\r\n" PASS " = 1\r\n");

	ck_assert_int_eq(read_entity(slice_str(text)), ANSWER_NO);
	ck_assert_uint_eq(request->line_count, 1);
	ck_assert_uint_eq(request->reason_count, 2);
	ck_assert_int_eq(request->reasons[0].refusal, REFUSAL_NUMBER_LETTERS);
	ck_assert_uint_eq(request->reasons[0].line, 2);
	ck_assert_int_eq(request->reasons[1].refusal, REFUSAL_NUMBER_MISSING);
	ck_assert_uint_eq(request->reasons[1].line, 3);
}
END_TEST

/* Phrases of a configuration */

START_TEST(phrases_are_added)
{
	const struct phrase added[] = {
		{"pl", "Wnoszę o unieważnienie certyfikatu numer =", "Hasło ="},
		{"cs", "Zrušte certifikát", NULL},
	};

	phrases_free(phrases);
	ck_assert_int_eq(phrases_new(added, 2, &phrases, &err), ANSWER_YES);
	assert_reads("Content-Type: text/plain; charset=utf-8\r\n\r\nWNOSZE o uniewaznienie certyfikatu numer = 4711\r\nHas\xc5\x82o = abcd\r\n",
		"1267", "abcd");
	ck_assert_str_eq(request->lines[0].language, "pl");
	assert_reads(PLAIN "Zruste certifikat=4711\r\n", "1267", "");
	assert_reads(PLAIN ASKED, "1267", "");
}
END_TEST

static const struct phrase bad[] = {
	{"cs", "", NULL}, {"cs", " = ", NULL}, {"cs", "a = b", NULL}, {"cs", "a\nb", NULL}, {"", "abc", NULL},
	{"cs", "\xff", NULL}, {"cs", "Heslo pro zneplatneni", NULL}, {"cs", "abc", "ABC"},
};

START_TEST(bad_phrases_are_refused)
{
	struct phrases *p = NULL;

	ck_assert_int_eq(phrases_new(&bad[_i], 1, &p, &err), ANSWER_NO);
	ck_assert_ptr_null(p);
}
END_TEST

START_TEST(shipped_phrases_are_shown)
{
	size_t count = 0;

	for (const struct phrase *p; (p = phrases_shipped(count)) != NULL; count++) {
		struct buf b;

		buf_init(&b, 4096);
		buf_printf(&b, "Content-Type: text/plain; charset=utf-8\r\n\r\n%s 4711\r\n%s abcd\r\n", p->number, p->password);
		assert_reads(buf_str(&b), "1267", "abcd");
		ck_assert_str_eq(request->lines[0].language, p->language);
		buf_free(&b);
	}
	ck_assert_uint_eq(count, 3);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("request");
	TCase *c = tcase_create("request");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, near_miss, 0, sizeof misses / sizeof misses[0]);
	tcase_add_test(c, every_reason_is_given);
	tcase_add_test(c, limits_hold);
	tcase_add_test(c, multiparts_are_entered_so_deep);
	tcase_add_loop_test(c, hidden_is_refused, 0, sizeof hidden / sizeof hidden[0]);
	tcase_add_loop_test(c, reads, 0, sizeof read_as / sizeof read_as[0]);
	tcase_add_test(c, all_lines_in_order);
	tcase_add_test(c, reasons_name_their_line);
	tcase_add_test(c, phrases_are_added);
	tcase_add_loop_test(c, bad_phrases_are_refused, 0, sizeof bad / sizeof bad[0]);
	tcase_add_test(c, shipped_phrases_are_shown);
	suite_add_tcase(s, c);
	return unit_run(s);
}
