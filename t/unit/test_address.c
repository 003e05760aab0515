#include "mail/address.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static bool
parses(const char *text)
{
	struct address a;

	return address_parse(slice_str(text), &a);
}

START_TEST(test_parse)
{
	struct address a;

	ck_assert(address_parse(slice_str("Jan.Novak@Example.CZ"), &a));
	unit_assert_slice_str(a.local, "Jan.Novak");
	unit_assert_slice_str(a.domain, "Example.CZ");
	ck_assert(address_parse(slice_str("<a@b>"), &a));
	unit_assert_slice_str(a.local, "a");
	ck_assert(address_parse(slice_str("\"a b\\\"@c\"@d.cz"), &a));
	unit_assert_slice_str(a.local, "\"a b\\\"@c\"");
	ck_assert(parses("root@localhost"));
	ck_assert(parses("a@[127.0.0.1]"));
	ck_assert(parses("a@[IPv6:::1]"));
	ck_assert(parses("a+b=c*d@x_y.example"));
}
END_TEST

START_TEST(test_parse_utf8)
{
	ck_assert(parses("ji\xc5\x99\xc3\xad@p\xc5\x99\xc3\xadklad.cz"));
	ck_assert(!parses("ji\xc5@example.cz"));         /* cut */
	ck_assert(!parses("ji\xc0\xaf@example.cz"));     /* overlong */
	ck_assert(!parses("ji\xed\xa0\x80@example.cz")); /* surrogate */
	ck_assert(!parses("ji\xc2\x85@example.cz"));     /* control character */
	ck_assert(!parses("a@\xc5\x99\xff.cz"));
	ck_assert(!parses("a@x\xe2\x80\xa8y.\xc5\x99")); /* a line separator is in no name */
}
END_TEST

START_TEST(test_parse_refused)
{
	static const char *const bad[] = {
		"", "a", "@b", "a@", "<>", "<a@b", "a@b>", "a@b ", " a@b", "a @b", "a@b@c", "a..b@c", ".a@c", "a.@c",
		"a@b..c", "a@.b", "a@b.", "a@-b", "a@b-", "a@b,c", "<@r:a@b>", "a@b (x)", "\"a@b", "\"a\"b@c", "a@*",
		"a@b)", "a@[]", "a@[1 2]", "a\\b@c", "a@b\n", "\"a\nb\"@c", "a\x7f@b", "a@b/c", "<<a@b>>",
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(!parses(bad[i]), "\"%s\" was read", bad[i]);
}
END_TEST

START_TEST(test_parse_nul)
{
	struct address a;

	ck_assert(!address_parse(slice_of("a@b\0", 4), &a));
	ck_assert(!address_parse(slice_of("a\0@b", 4), &a));
	ck_assert(!address_parse(slice_of("\"a\0\"@b", 6), &a));
	ck_assert(!address_equal_text(slice_of("a@b\0", 4), slice_str("a@b")));
}
END_TEST

START_TEST(test_parse_length)
{
	char text[1200];

	memset(text, 'a', sizeof text);
	memcpy(text + 256, "@b.cz", 6);
	ck_assert(parses(text));
	text[256] = 'a';
	memcpy(text + 257, "@b.cz", 6);
	ck_assert(!parses(text));
	memset(text, 'a', sizeof text);
	text[1] = '@';
	text[2 + 63] = '\0';
	ck_assert(parses(text));
	text[2 + 63] = 'a';
	text[2 + 64] = '\0';
	ck_assert(!parses(text));
}
END_TEST

START_TEST(test_equal)
{
	ck_assert(address_equal_text(slice_str("Jan@Example.CZ"), slice_str("jan@example.cz")));
	ck_assert(address_equal_text(slice_str("<jan@example.cz>"), slice_str("jan@example.cz")));
	ck_assert(address_equal_text(slice_str("\"jan\"@b"), slice_str("jan@b")));
	ck_assert(address_equal_text(slice_str("\"j\\an\"@b"), slice_str("jan@b")));
	ck_assert(!address_equal_text(slice_str("jan@b"), slice_str("jana@b")));
	ck_assert(!address_equal_text(slice_str("jan@b"), slice_str("jan@b.c")));
	ck_assert(!address_equal_text(slice_str("jan@b "), slice_str("jan@b")));
	ck_assert(!address_equal_text(slice_str("x"), slice_str("x")));
	ck_assert(!address_equal_text(slice_str("\xc5\x98@b"), slice_str("\xc5\x99@b"))); /* Ř and ř: octets count */
}
END_TEST

START_TEST(test_equal_idn)
{
	ck_assert(address_equal_text(slice_str("a@b\xc3\xbc" "cher.example"), slice_str("a@xn--bcher-kva.example")));
	ck_assert(address_equal_text(slice_str("a@B\xc3\x9c" "CHER.example"), slice_str("a@XN--BCHER-KVA.example")));
	ck_assert(!address_equal_text(slice_str("a@b\xc3\xbc" "cher.example"), slice_str("a@bucher.example")));
	ck_assert(address_domain_equal(slice_str("fa\xc3\x9f.de"), slice_str("xn--fa-hia.de")));
	ck_assert(!address_domain_equal(slice_str("fa\xc3\x9f.de"), slice_str("fass.de")));
	ck_assert(!address_domain_equal(slice_str(""), slice_str("")));
}
END_TEST

/* Characters that IDNA maps to ASCII ones which belong into no domain. */
START_TEST(test_idn_mapped_to_punctuation)
{
	static const char *const texts[] = {
		"a@b\xef\xbc\xa0" "c.example", /* U+FF20: @ */
		"a@b\xef\xbc\x8f" "c.example", /* U+FF0F: / */
		"a@x\xef\xbc\x8a.example",     /* U+FF0A: * */
		"a@\xef\xbc\xbb" "1.2.3.4\xef\xbc\xbd", /* U+FF3B, U+FF3D: brackets */
		"a@\xe3\x80\x82trh.example",   /* U+3002: an empty label */
	};
	struct address a;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		ck_assert_msg(!address_parse(slice_str(texts[i]), &a), "%s is an address", texts[i]);
	ck_assert(address_equal_text(slice_str("a@trh\xe3\x80\x82" "example"), slice_str("a@trh.example")));
}
END_TEST

START_TEST(test_may_be_sent_on)
{
	static const char *const away[] = {"a%c@b", "c!a@b", "\"a@c\"@b", "\"a\\%c\"@b", "\"@c:a\"@b"};
	static const char *const here[] = {"a@b", "a.b+c=d@b", "prvs=1_a@b", "\"a b\"@b"};
	struct address a;

	for (size_t i = 0; i < sizeof away / sizeof away[0]; i++)
		ck_assert_msg(address_parse(slice_str(away[i]), &a) && address_may_be_sent_on(&a), "%s", away[i]);
	for (size_t i = 0; i < sizeof here / sizeof here[0]; i++)
		ck_assert_msg(address_parse(slice_str(here[i]), &a) && !address_may_be_sent_on(&a), "%s", here[i]);
}
END_TEST

START_TEST(test_domain_matches)
{
	ck_assert(address_domain_matches(slice_str("Example.cz"), slice_str("example.cz")));
	ck_assert(!address_domain_matches(slice_str("a.example.cz"), slice_str("example.cz")));
	ck_assert(address_domain_matches(slice_str("a.b.EXAMPLE.cz"), slice_str(".example.cz")));
	ck_assert(!address_domain_matches(slice_str("example.cz"), slice_str(".example.cz")));
	ck_assert(!address_domain_matches(slice_str("badexample.cz"), slice_str(".example.cz")));
	ck_assert(!address_domain_matches(slice_str(".example.cz"), slice_str(".example.cz")));
	ck_assert(!address_domain_matches(slice_str("a.cz"), slice_str(".")));
	ck_assert(address_domain_matches(slice_str("x.b\xc3\xbc" "cher.example"), slice_str(".xn--bcher-kva.example")));
}
END_TEST

static void
check_key(const char *text, const char *want)
{
	char *key = address_key(slice_str(text));

	if (want == NULL)
		ck_assert_ptr_null(key);
	else
		ck_assert_str_eq(key, want);
	free(key);
}

START_TEST(test_key)
{
	check_key("Jan.Novak@Example.CZ", "jan.novak@example.cz");
	check_key("\"Jan\"@b", "jan@b");
	check_key("\"J N\"@b", "\"j n\"@b");
	check_key("\"j\\\"\\\\n\"@b", "\"j\\\"\\\\n\"@b");
	check_key("\"\"@b", "\"\"@b");
	check_key("a@B\xc3\xbc" "cher.example", "a@xn--bcher-kva.example");
	check_key("a@b ", NULL);
	check_key("", NULL);
}
END_TEST

/* The list's addresses, comma-separated; "-": it was refused. */
static void
check_list(const char *value, const char *want)
{
	struct address_list list;
	struct buf text;

	buf_init(&text, 100000);
	if (address_list_parse(slice_str(value), &list)) {
		for (size_t i = 0; i < list.count; i++) {
			buf_add_str(&text, i == 0 ? "" : ",");
			buf_add_slice(&text, list.item[i].local);
			buf_add_byte(&text, '@');
			buf_add_slice(&text, list.item[i].domain);
		}
		address_list_free(&list);
	} else {
		buf_add_byte(&text, '-');
	}
	ck_assert_msg(slice_eq_str(buf_slice(&text), want), "\"%s\": got \"%.*s\", want \"%s\"", value,
		SLICE_FMT(buf_slice(&text)), want);
	buf_free(&text);
}

START_TEST(test_list)
{
	check_list(" a@b", "a@b");
	check_list(" Jan Nov\xc3\xa1k <a@b>, c@d", "a@b,c@d");
	check_list(" \"Nov\xc3\xa1k, Jan\" <a@b>", "a@b");
	check_list(" J. R. Doe <a@b>", "a@b");
	check_list(" =?utf-8?Q?=3Cx=40y=3E=2C?= <a@b>", "a@b");
	check_list(" <a@b>", "a@b");
	check_list(" a@b (Jan (the \\) first), x@y)", "a@b");
	check_list(" (x@y) a (c) @ (d) b (e)", "a@b");
	check_list(" Jan\n\t<a@b>,\r\n c@d", "a@b,c@d");
	check_list(" \"a b\"@c", "\"a b\"@c");
	check_list(" \xe9\xe8 <a@b>", "a@b");
	check_list("", "");
	check_list(" a@b,, c@d,", "a@b,c@d");
}
END_TEST

START_TEST(test_list_name_that_looks_like_an_address)
{
	check_list(" \"a@b\" <c@d>", "c@d");
	check_list(" \"<a@b>\" <c@d>", "c@d");
	check_list(" \"a@b,\" <c@d>", "c@d");
	check_list(" a@b <c@d>", "-");
	check_list(" <a@b> <c@d>", "-");
	check_list(" <a@b> c@d", "-");
	check_list(" x <a@b> (c) y", "-");
}
END_TEST

START_TEST(test_list_groups)
{
	check_list(" undisclosed-recipients:;", "");
	check_list(" Team: a@b, \"C\" <c@d>;, e@f", "a@b,c@d,e@f");
	check_list(" T: a@b", "-");
	check_list(" T: U: a@b;;", "-");
	check_list(" T: U: a@b;", "-");
	check_list(" a@b;", "-");
	check_list(" T: a@b; c@d", "-");
}
END_TEST

static void
check_disputed(const char *value, bool want)
{
	struct address_list list;

	ck_assert(address_list_parse(slice_str(value), &list));
	ck_assert_msg(list.disputed == want, "%s", value);
	address_list_free(&list);
}

/* What readers show is not the address that is found, or not only that. */
START_TEST(test_list_disputed)
{
	check_disputed(" \"c@d\": a@b;", true);
	check_disputed(" T:;, a@b", true);
	check_disputed(" a@b, T:;", true);
	check_disputed(" (x(y) c@d,) a@b", true);
	check_disputed(" Jan (x(y) c@d,) <a@b>", true);
	check_disputed(" a@b (x(y))", true);
	check_disputed(" \"T: c@d;\" <a@b>", false);
	check_disputed(" (T: c@d;) (x \\(y) a@b, c@d", false);
	check_disputed("", false);
}
END_TEST

START_TEST(test_list_refused)
{
	check_list(" a", "-");
	check_list(" a b", "-");
	check_list(" <>", "-");
	check_list(" a@b c@d", "-");
	check_list(" a@b; c@d", "-");
	check_list(" <@x:a@b>", "-");
	check_list(" <a@b", "-");
	check_list(" \"a <a@b>", "-");
	check_list(" (a <a@b>", "-");
	check_list(" a@b\n", "-");
	check_list(" a@b\nc@d", "-");
	check_list(" a@b\r, c@d", "-");
	check_list(" a@b, c@d..e", "-");
	check_list(" a. b@c", "-");
	check_list(" \x1b$B <a@b>", "-");
}
END_TEST

START_TEST(test_list_nul)
{
	struct address_list list;

	ck_assert(!address_list_parse(slice_of("a@b\0", 4), &list));
	ck_assert(!address_list_parse(slice_of("\"\0\" <a@b>", 9), &list));
	ck_assert(!address_list_parse(slice_of("(\0) <a@b>", 9), &list));
}
END_TEST

START_TEST(test_list_limit)
{
	struct address_list list;
	struct buf b;

	buf_init(&b, 1000000);
	for (int i = 0; i < ADDRESS_LIST_MAX; i++)
		buf_add_str(&b, "a@b,");
	ck_assert(address_list_parse(buf_slice(&b), &list));
	ck_assert_uint_eq(list.count, ADDRESS_LIST_MAX);
	address_list_free(&list);
	buf_add_str(&b, "a@b");
	ck_assert(!address_list_parse(buf_slice(&b), &list));
	buf_free(&b);
}
END_TEST

START_TEST(test_list_deep_comments)
{
	struct address_list list;
	struct buf b;

	buf_init(&b, 4000000);
	for (int i = 0; i < 1000000; i++)
		buf_add_byte(&b, '(');
	ck_assert(!address_list_parse(buf_slice(&b), &list));
	for (int i = 0; i < 1000000; i++)
		buf_add_byte(&b, ')');
	buf_add_str(&b, "a@b");
	ck_assert(address_list_parse(buf_slice(&b), &list));
	ck_assert_uint_eq(list.count, 1);
	address_list_free(&list);
	buf_free(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("address");
	TCase *c = tcase_create("address");

	tcase_add_test(c, test_parse);
	tcase_add_test(c, test_parse_utf8);
	tcase_add_test(c, test_parse_refused);
	tcase_add_test(c, test_parse_nul);
	tcase_add_test(c, test_parse_length);
	tcase_add_test(c, test_equal);
	tcase_add_test(c, test_equal_idn);
	tcase_add_test(c, test_idn_mapped_to_punctuation);
	tcase_add_test(c, test_may_be_sent_on);
	tcase_add_test(c, test_domain_matches);
	tcase_add_test(c, test_key);
	tcase_add_test(c, test_list);
	tcase_add_test(c, test_list_name_that_looks_like_an_address);
	tcase_add_test(c, test_list_groups);
	tcase_add_test(c, test_list_disputed);
	tcase_add_test(c, test_list_refused);
	tcase_add_test(c, test_list_nul);
	tcase_add_test(c, test_list_limit);
	tcase_add_test(c, test_list_deep_comments);
	suite_add_tcase(s, c);
	return unit_run(s);
}
