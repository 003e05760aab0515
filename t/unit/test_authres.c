#include "mail/address.h"
#include "mail/authres.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#define ID "mx.example.cz"
#define OUT_MAX 100000
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static bool
claims_of(struct slice value, const char *authserv_id)
{
	struct authres_id id;

	authres_id_init(&id, slice_str(authserv_id));
	authres_claims(value, &id, 1);
	return id.claimed;
}

static bool
claims(const char *value)
{
	return claims_of(slice_str(value), ID);
}

START_TEST(test_claims)
{
	static const char *const good[] = {
		" mx.example.cz; none", "mx.example.cz;none", " MX.Example.CZ; spf=pass", " mx.example.cz 1; none",
		" mx.example.cz", "\n\tmx.example.cz\n\t; none", "\r\n mx.example.cz 1;\r\n none",
		" \"mx.example.cz\"; none", " \"mx.ex\\ample.cz\"; none", " (a) mx.example.cz (b) 1 (c); none",
		" (a (b \\) c) d)mx.example.cz; none", "(mx.other.cz; none) mx.example.cz; none",
	};

	for (size_t i = 0; i < COUNT(good); i++)
		ck_assert_msg(claims(good[i]), "\"%s\" is not claimed", good[i]);
}
END_TEST

START_TEST(test_claims_adversarial)
{
	static const char *const bad[] = {
		" mx.example.cz.; none", " .mx.example.cz; none", " \"mx.example.cz.\"; none", " mx.example.cz/1; none",
		" mx.example.cz(a; none", " mx.example.cz=x; none", " mx.example.cz, x; none", " mx.example.cz:25; none",
		" mx.example.cz foo bar; none", " mx.example.cz\x01; none", " \x7fmx.example.cz; none",
		" mx.exa\x02mple.cz; none", " mx.example.cz\xff; none", " mx.exa\xff\xfemple.cz; none",
		" ((a) x\\) mx.example.cz; none", " mx.example.cz\xc5\x99.org; none",
		" mx.exa\xc2\xadmple.cz; none", " mx.example.cz\xc2\x85; none", " mx\xe3\x80\x82\x65xample.cz; none",
		" mx.example.cz\xe3\x80\x82; none", " \xef\xbd\x8dx.example.cz; none", " \xef\xbb\xbfmx.example.cz; none",
		" \"mx.example.cz; none", " \"mx.example.cz;x\"; none", " mx.example.cz\"; none", " ; mx.example.cz; none",
		";;mx.example.cz; none", " (a (b) mx.example.cz; none", " (a\\) mx.example.cz; none",
		" (a (b\\) c) mx.example.cz; none", " (mx.example.cz; none", " )mx.example.cz; none", " \\mx.example.cz; none",
		" mx.\n example.cz; none", " mx.exam\r\n\tple.cz; none", " mx.example.cz\nX: y", " <mx.example.cz>; none",
		" =?us-ascii?q?mx=2Eexample=2Ecz?=; none", " mx.(a)example(b).cz; none", " mx.example.cz@x; none",
		" =?utf-8?q?x?=; none", " mx.example.cz;", " mx . example . cz; none",
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(claims(bad[i]), "\"%s\" is not claimed", bad[i]);
	ck_assert(claims_of(slice_of(" mx.example.cz\0.evil.cz; none", 30), ID));
	ck_assert(claims_of(slice_of(" mx.exa\0mple.cz; none", 21), ID));
	ck_assert(claims_of(slice_of("\0mx.example.cz; none", 20), ID));
}
END_TEST

START_TEST(test_claims_others)
{
	static const char *const other[] = {
		"", " ", ";", " ; ", " mx.example.czx; none", " amx.example.cz; none", " example.cz; none",
		" mx.example.cz.evil.org; none", " evil.org; mx.example.cz; none", " evil.org; spf=pass (mx.example.cz)",
		" evil.org (a); mx.example.cz=pass", " mx-example-cz; none", " user@mx.example.cz; none", " mx; none",
		" spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.cz; dkim=none", " \"evil; mx.example.cz\"; none",
		" mx.google.com;\r\n dkim=pass header.i=@mx.example.cz", " p\xc5\x99\xc3\xadklad.cz; none", "(((((((", "))))",
		"\\", "\"", "(\\",
	};

	for (size_t i = 0; i < COUNT(other); i++)
		ck_assert_msg(!claims(other[i]), "\"%s\" is claimed", other[i]);
	ck_assert(!claims_of(slice_str(" ; none"), ""));
	ck_assert(!claims_of(slice_str(" a; none"), "..."));
}
END_TEST

START_TEST(test_claims_international)
{
	const char *a = "mx.xn--pklad-zsa96e.cz", *u = "mx.p\xc5\x99\xc3\xadklad.cz";

	ck_assert(claims_of(slice_str(" mx.p\xc5\x99\xc3\xadklad.cz; none"), a));
	ck_assert(claims_of(slice_str(" \"mx.P\xc5\x98\xc3\x8dKLAD.cz\" 1; none"), a));
	ck_assert(claims_of(slice_str(" MX.xn--pklad-zsa96e.cz; none"), u));
	ck_assert(claims_of(slice_str(" mx.p\xc5\x99\xc3\xad\xc2\x85klad.cz.; none"), u));
	ck_assert(claims_of(slice_str(" mx.p\xff\xc5\x99\xc3\xadklad.cz; none"), u));
	ck_assert(!claims_of(slice_str(" mx.pr\xc3\xadklad.cz; none"), u));
	ck_assert(!claims_of(slice_str(" mx.priklad.cz; none"), u));
}
END_TEST

/* What is not ASCII is a name that can be compared, or it may be anybody's. */
START_TEST(test_claims_eight_bit)
{
	static const char *const odd[] = {
		" (\xc5\x99) evil.org; none", " evil.org (\xc5\x99); none", " evil.org \xc5\x99; none", " \xc5\x99 evil.org; none",
		" evil\xff.org; none", " p\xc5\x99.cz\xc2\xa0; none", " p\xc5\x99.cz\xcd\xbe; none", " p\xc5\x99..cz; none",
		" \"p\xc5\x99.cz\"; none", " p\xc5\x99.cz (a); none", " mx.example\xe3\x80\x82\x63z; none", "; p\xc5\x99.cz; none",
	};
	static const char *const others[] = {
		" p\xc5\x99.cz 1; none", "\r\n\tP\xc5\x98.CZ.\r\n\t; none", "p\xc5\x99.cz", " p\xc5\x99.cz\n 1", " evil.org; \xc5\x99",
		" \xd0\xbf.\xd0\xb8; mx.example.cz",
	};

	for (size_t i = 0; i < COUNT(odd); i++)
		ck_assert_msg(claims(odd[i]), "\"%s\" is not claimed", odd[i]);
	for (size_t i = 0; i < COUNT(others); i++)
		ck_assert_msg(!claims(others[i]), "\"%s\" is claimed", others[i]);
}
END_TEST

START_TEST(test_claims_of_several)
{
	static const char *const names[] = {"a.cz", "b.cz", "", "p\xc5\x99.cz"};
	struct authres_id ids[COUNT(names)];

	for (size_t i = 0; i < COUNT(names); i++)
		authres_id_init(&ids[i], slice_str(names[i]));
	authres_claims(slice_str(" (a.cz) b.cz; none"), ids, COUNT(ids));
	ck_assert(ids[0].claimed && ids[1].claimed && !ids[2].claimed && !ids[3].claimed);
	authres_claims(slice_str(" p\xc5\x99.cz; none"), ids, COUNT(ids));
	ck_assert(!ids[0].claimed && !ids[1].claimed && !ids[2].claimed && ids[3].claimed);
	authres_claims(slice_str(" \xc5\x99 a; none"), ids, COUNT(ids));
	ck_assert(ids[0].claimed && ids[1].claimed && ids[2].claimed && ids[3].claimed);
}
END_TEST

START_TEST(test_claims_long)
{
	struct buf b;

	buf_init(&b, 4000000);
	for (int i = 0; i < 1000000; i++)
		buf_add_byte(&b, '(');
	ck_assert(!claims_of(buf_slice(&b), ID));
	buf_clear(&b);
	for (int i = 0; i < 1000000; i++)
		buf_add_str(&b, " \x01");
	buf_add_str(&b, ID ";");
	ck_assert(claims_of(buf_slice(&b), ID));
	buf_clear(&b);
	for (int i = 0; i < 1000; i++)
		buf_add_byte(&b, '.');
	buf_add_str(&b, ID);
	for (int i = 0; i < 1000; i++)
		buf_add_byte(&b, '.');
	ck_assert(claims_of(buf_slice(&b), ID));
	buf_clear(&b);
	for (int i = 0; i < 1000000; i++)
		buf_add_str(&b, "ab");
	ck_assert(!claims_of(buf_slice(&b), ID));
	buf_free(&b);
}
END_TEST

/* value without smime: want, or NULL where left says all */
struct without {
	const char *value;
	enum authres_left left;
	const char *want;
};

static void
check_without(const struct without *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct buf out;
		enum authres_left left;

		buf_init(&out, OUT_MAX);
		left = authres_without(slice_str(cases[i].value), "smime", &out);
		ck_assert_msg(left == cases[i].left, "\"%s\": %d", cases[i].value, left);
		unit_assert_slice_str(buf_slice(&out), cases[i].want == NULL ? "" : cases[i].want);
		ck_assert(!buf_failed(&out));
		buf_clear(&out);
		if (cases[i].want != NULL)
			ck_assert_int_eq(authres_without(slice_str(cases[i].want), "SMIME", &out), AUTHRES_UNTOUCHED);
		buf_free(&out);
	}
}

START_TEST(test_without)
{
	static const struct without cases[] = {
		{" a; none", AUTHRES_UNTOUCHED, NULL},
		{" a 1; none", AUTHRES_UNTOUCHED, NULL},
		{" a", AUTHRES_UNTOUCHED, NULL},
		{" a;", AUTHRES_UNTOUCHED, NULL},
		{" a; smime=pass", AUTHRES_NOTHING, NULL},
		{" a; smime=pass;", AUTHRES_NOTHING, NULL},
		{" a; sMIME=fail reason=\"x; y\" body.smime-part=1; smime=pass", AUTHRES_NOTHING, NULL},
		{" a; smime=pass; spf=pass", AUTHRES_SHORTENED, " a; spf=pass"},
		{" a; spf=pass; smime=pass", AUTHRES_SHORTENED, " a; spf=pass"},
		{" a; spf=pass; smime=pass;", AUTHRES_SHORTENED, " a; spf=pass;"},
		{" a; spf=pass; SMIME / 1 (x) = (y) pass reason=\"a;b\\\";\" (c;(d)\\));dkim=fail", AUTHRES_SHORTENED,
			" a; spf=pass;dkim=fail"},
		{" a; (x) smime/1=pass (;); spf=pass", AUTHRES_SHORTENED, " a; spf=pass"},
		{" a 1 (x)\n\t; spf=pass (y)\n\t; smime=pass\n\t  body.smime-part=1\n\t; dkim=pass", AUTHRES_SHORTENED,
			" a 1 (x)\n\t; spf=pass (y)\n\t; dkim=pass"},
		{" a;\r\n\tspf=pass;\r\n\tsmime=pass\r\n\t body.smime-part=1", AUTHRES_SHORTENED, " a;\r\n\tspf=pass"},
		{" a\n\t; spf=pass\n\t; smime=pass", AUTHRES_SHORTENED, " a\n\t; spf=pass"},
		{" a; smime=pass; x=y; smime=pass; z=w; smime=fail", AUTHRES_SHORTENED, " a; x=y; z=w"},
		{" a; smimex=pass; x-smime=pass; spf=smime", AUTHRES_UNTOUCHED, NULL},
		{" a; spf=pass (smime=pass) reason=\"; smime=pass\"", AUTHRES_UNTOUCHED, NULL},
		{" \"smime=pass\"; spf=pass", AUTHRES_UNTOUCHED, NULL},
		{" p\xc5\x99.cz; spf=pass (\xc5\x99); smime=pass", AUTHRES_SHORTENED, " p\xc5\x99.cz; spf=pass (\xc5\x99)"},
	};

	check_without(cases, COUNT(cases));
}
END_TEST

START_TEST(test_without_malformed)
{
	static const char *const bad[] = {
		"", ";", " ; smime=pass", " a b; spf=pass", " a/1; spf=pass", " a; smime", " a; smime pass", " a; smime=",
		" a; smime/x=pass", " a; smime/=pass", " a; none; spf=pass", " a; none x", " a; =pass",
		" a; spf=pass smime=pass", " a; spf=pass Smime /1=pass", " a; spf=smime=pass", " a; spf==",
		" a; spf=pass (x", " a; spf=pass x)",
		" a; spf=pass (x\\", " a; spf=pass reason=\"x", " a; spf=pass \"\\", " a; spf=pass \\; smime=pass",
		" a; spf=pass\nX: y", " a; spf=pass\n", " a; spf=pass (\n)", " a; spf=pass\r; smime=pass", " a; spf=p\x01",
		" a; spf=pass (\x7f)", " a; spf=pass (\\\n)", " a; spf=pass \xff", " a; sm\xc5\x99me=pass", " a; \"smime\"=pass",
		" spf=pass (sender) smtp.mailfrom=x; smime=pass", " smime=pass", " a; s_mime=pass", " a; smime.x=pass",
	};
	struct buf out;

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct without one = {bad[i], AUTHRES_MALFORMED, NULL};

		check_without(&one, 1);
	}
	buf_init(&out, OUT_MAX);
	ck_assert_int_eq(authres_without(slice_of(" a; spf=pass (\0); smime=pass", 29), "smime", &out), AUTHRES_MALFORMED);
	ck_assert_int_eq(authres_without(slice_of(" a; spf=pass\0; smime=pass", 25), "smime", &out), AUTHRES_MALFORMED);
	buf_free(&out);
}
END_TEST

#define OPENDKIM " mx.example.cz;\n\tdkim=pass (2048-bit key; unprotected) header.d=example.org " \
	"header.i=@example.org header.a=rsa-sha256 header.s=mail header.b=\"ab/c+d\";\n\tdkim-atps=neutral"
#define RSPAMD " mx.example.cz;\r\n\tdkim=pass header.d=example.org header.s=2024 header.b=Ab/c+9=;\r\n\t" \
	"dmarc=pass (policy=reject) header.from=example.org;\r\n\tspf=pass (mx.example.cz: domain of " \
	"\"a b\"@example.org designates 2001:db8::1 as permitted sender) smtp.mailfrom=\"a b\"@example.org;\r\n\t" \
	"arc=pass (\"example.com:s=arc:i=1\")"
#define POSTFIX " mx.example.cz; auth=pass smtp.auth=jan smtp.mailfrom=jan@example.cz;\n\t" \
	"iprev=pass policy.iprev=2001:db8::1 (host.example.org);\n\tspf=none smtp.helo=[192.0.2.1] smtp.mailfrom=<>"
#define EXCHANGE " mx.example.cz; spf=pass (sender IP is 192.0.2.1)\n smtp.mailfrom=example.org; " \
	"dkim=pass (signature was verified)\n header.d=example.org;dmarc=pass action=none\n " \
	"header.from=example.org;compauth=pass reason=100"
#define SMIME "smime=pass (jan@example.cz) body.smime-identifier=jan@example.cz body.smime-serial=0A1b " \
	"body.smime-issuer=\"CN=A, O=B\\\"; C\""

START_TEST(test_without_in_the_wild)
{
	static const struct without cases[] = {
		{OPENDKIM, AUTHRES_UNTOUCHED, NULL},
		{RSPAMD, AUTHRES_UNTOUCHED, NULL},
		{POSTFIX, AUTHRES_UNTOUCHED, NULL},
		{EXCHANGE, AUTHRES_UNTOUCHED, NULL},
		{OPENDKIM ";\n\t" SMIME, AUTHRES_SHORTENED, OPENDKIM},
		{RSPAMD ";\r\n\t" SMIME "\r\n\t", AUTHRES_SHORTENED, RSPAMD},
		{POSTFIX "; " SMIME, AUTHRES_SHORTENED, POSTFIX},
		{EXCHANGE ";" SMIME ";arc=none", AUTHRES_SHORTENED, EXCHANGE ";arc=none"},
	};

	check_without(cases, COUNT(cases));
}
END_TEST

/* Two lines of 600 octets that a result with folds was between. */
START_TEST(test_without_long_lines)
{
	struct buf value, out;
	struct slice rest;

	buf_init(&value, OUT_MAX);
	buf_init(&out, OUT_MAX);
	buf_printf(&value, " a; x=y (%0600d); smime=pass\n\tbody.smime-part=1; x=z (%0600d)", 1, 2);
	ck_assert_int_eq(authres_without(buf_slice(&value), "smime", &out), AUTHRES_SHORTENED);
	rest = buf_slice(&out);
	ck_assert_uint_lt(slice_find(rest, '\n', 0), 800);
	ck_assert_uint_lt(rest.len - slice_find(rest, '\n', 0), 800);
	buf_clear(&value);
	ck_assert_int_eq(authres_without(rest, "smime", &value), AUTHRES_UNTOUCHED);
	buf_free(&value);
	buf_free(&out);
}
END_TEST

/* A strict reader of what is written: its own, so that both have to be right. */

struct strict {
	struct slice s;
	size_t at;
};

static bool
strict_peek(const struct strict *r, char c)
{
	return r->at < r->s.len && r->s.data[r->at] == (unsigned char)c;
}

static bool
strict_white(struct strict *r)
{
	size_t from = r->at;

	while (strict_peek(r, ' ') || strict_peek(r, '\n')) {
		if (strict_peek(r, '\n')) {
			r->at++;
			ck_assert(strict_peek(r, '\t') || strict_peek(r, ' '));
		}
		r->at++;
	}
	return r->at > from;
}

static void
strict_enclosed(struct strict *r, char open, char close, struct buf *out)
{
	ck_assert(strict_peek(r, open));
	for (r->at++; !strict_peek(r, close); r->at++) {
		ck_assert_uint_lt(r->at, r->s.len);
		if (strict_peek(r, '\n'))
			r->at++;
		ck_assert(!strict_peek(r, open));
		if (strict_peek(r, '\\'))
			r->at++;
		ck_assert_uint_lt(r->at, r->s.len);
		ck_assert(r->s.data[r->at] >= ' ' && r->s.data[r->at] != 0x7f);
		buf_add_byte(out, r->s.data[r->at]);
	}
	r->at++;
}

static void
strict_chars(struct strict *r, const char *more, struct buf *out)
{
	static const char ldh[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	size_t from = r->at;

	while (r->at < r->s.len && r->s.data[r->at] != 0 &&
	    (strchr(ldh, r->s.data[r->at]) != NULL || strchr(more, r->s.data[r->at]) != NULL))
		r->at++;
	ck_assert_uint_gt(r->at, from);
	buf_add_slice(out, slice_sub(r->s, from, r->at));
}

static void
strict_value(struct strict *r, struct buf *out)
{
	static const char token[] = "!#$%&'*+.^_`{|}~";
	size_t from = out->len;

	if (strict_peek(r, '"')) {
		strict_enclosed(r, '"', '"', out);
		return;
	}
	strict_chars(r, token, out);
	if (strict_peek(r, '@')) {
		struct address a;

		r->at++;
		buf_add_byte(out, '@');
		strict_chars(r, ".", out);
		ck_assert(address_parse(slice_sub(buf_slice(out), from, out->len), &a));
	}
}

/* All that is in value, in lines: "id", "method=result", "(comment)", "reason=…", "p.q=…" */
static void
strict_read(struct slice value, struct buf *out)
{
	struct strict r = {.s = value};

	ck_assert(strict_white(&r));
	strict_value(&r, out);
	while (strict_peek(&r, ';')) {
		r.at++;
		ck_assert(strict_white(&r));
		buf_add_str(out, "\n");
		strict_chars(&r, "", out);
		if (r.at == r.s.len)
			break;
		ck_assert(strict_peek(&r, '='));
		r.at++;
		buf_add_str(out, "=");
		strict_chars(&r, "", out);
		while (strict_white(&r)) {
			buf_add_str(out, "\n");
			if (strict_peek(&r, '(')) {
				buf_add_str(out, "(");
				strict_enclosed(&r, '(', ')', out);
				buf_add_str(out, ")");
				continue;
			}
			strict_chars(&r, ".", out);
			ck_assert(strict_peek(&r, '='));
			r.at++;
			buf_add_str(out, "=");
			strict_value(&r, out);
		}
	}
	ck_assert_uint_eq(r.at, r.s.len);
}

static void
check_lines(struct slice value, size_t limit)
{
	size_t at = 0, first = strlen(AUTHRES_NAME ":");

	while (at <= value.len) {
		size_t lf = slice_find(value, '\n', at);

		ck_assert_uint_le(first + lf - at, limit);
		ck_assert_uint_gt(slice_trim(slice_sub(value, at, lf)).len, 0);
		ck_assert(!ascii_is_blank(value.data[lf - 1]));
		first = 0;
		at = lf + 1;
	}
}

/* One property's value as it is written, and as it is read back. */
static void
check_value(struct slice value, bool utf8, const char *written, const char *read)
{
	struct authres_property p = {"body", "x", value};
	struct authres_result result = {.method = "smime", .result = "pass", .properties = &p, .property_count = 1};
	struct buf out, back, want;

	buf_init(&out, OUT_MAX);
	buf_init(&back, OUT_MAX);
	buf_init(&want, OUT_MAX);
	authres_write("a", &result, 1, utf8, &out);
	buf_printf(&want, " a; smime=pass body.x=%s", written);
	unit_assert_slice_eq(buf_slice(&out), buf_slice(&want));
	strict_read(buf_slice(&out), &back);
	buf_clear(&want);
	buf_printf(&want, "a\nsmime=pass\nbody.x=%s", read);
	unit_assert_slice_eq(buf_slice(&back), buf_slice(&want));
	buf_free(&out);
	buf_free(&back);
	buf_free(&want);
}

START_TEST(test_write_values)
{
	static const struct {
		const char *value, *written, *read;
	} cases[] = {
		{"0a1B", "0a1B", "0a1B"},
		{"jan@example.cz", "jan@example.cz", "jan@example.cz"},
		{"a.b+c@x-y.cz", "a.b+c@x-y.cz", "a.b+c@x-y.cz"},
		{"", "\"\"", ""},
		{"CN=A, O=B", "\"CN=A, O=B\"", "CN=A, O=B"},
		{"a\"b\\c", "\"a\\\"b\\\\c\"", "a\"b\\c"},
		{"a; smime=fail", "\"a; smime=fail\"", "a; smime=fail"},
		{"a\r\nX: y", "\"a??X: y\"", "a??X: y"},
		{"a\tb\x01\x7f", "\"a?b??\"", "a?b??"},
		{"<a@b>", "\"<a@b>\"", "<a@b>"},
		{"a@b@c", "\"a@b@c\"", "a@b@c"},
		{"smime=pass@b.cz", "\"smime=pass@b.cz\"", "smime=pass@b.cz"},
		{"\"a b\"@c", "\"\\\"a b\\\"@c\"", "\"a b\"@c"},
		{"a@[127.0.0.1]", "\"a@[127.0.0.1]\"", "a@[127.0.0.1]"},
		{"(a)", "\"(a)\"", "(a)"},
		{"a/b=", "\"a/b=\"", "a/b="},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		check_value(slice_str(cases[i].value), false, cases[i].written, cases[i].read);
	check_value(slice_of("a\0b", 3), false, "\"a?b\"", "a?b");
}
END_TEST

START_TEST(test_write_utf8)
{
	check_value(slice_str("P\xc5\x99\xc3\xad"), false, "\"P??\"", "P??");
	check_value(slice_str("P\xc5\x99\xc3\xad"), true, "\"P\xc5\x99\xc3\xad\"", "P\xc5\x99\xc3\xad");
	check_value(slice_str("a\xc5@b\xff"), true, "\"a?@b?\"", "a?@b?");
	check_value(slice_str("a\xc2\x85\xe2\x80\xa8x"), true, "\"a??x\"", "a??x");
	check_value(slice_str("ji\xc5\x99\xc3\xad@x.cz"), false, "\"ji??@x.cz\"", "ji??@x.cz");
}
END_TEST

START_TEST(test_write_none)
{
	struct buf out;

	buf_init(&out, OUT_MAX);
	authres_write(ID, NULL, 0, false, &out);
	unit_assert_slice_str(buf_slice(&out), " mx.example.cz; none");
	buf_clear(&out);
	authres_write("a b;c", NULL, 0, false, &out);
	unit_assert_slice_str(buf_slice(&out), " \"a b;c\"; none");
	buf_free(&out);
}
END_TEST

START_TEST(test_write_folds)
{
	struct authres_property p[] = {
		{"body", "smime-identifier", slice_str("jan.novak@example.cz")},
		{"body", "smime-serial", slice_str("0a1b2c3d4e5f60718293")},
		{"body", "smime-issuer", slice_str("CN=Example Issuing Authority 1, O=\"Example\", s.r.o., L=Brno  mesto, C=CZ")},
	};
	struct authres_result results[] = {
		{.method = "smime", .result = "pass", .comment = "rsa) (sha256", .properties = p, .property_count = 3},
		{.method = "smime", .result = "fail", .reason = "the signature\nis broken"},
	};
	struct buf out, back;

	buf_init(&out, OUT_MAX);
	buf_init(&back, OUT_MAX);
	authres_write(ID, results, 2, false, &out);
	unit_assert_slice_str(buf_slice(&out), " mx.example.cz; smime=pass (rsa\\) \\(sha256)\n"
	    "\tbody.smime-identifier=jan.novak@example.cz\n"
	    "\tbody.smime-serial=0a1b2c3d4e5f60718293 body.smime-issuer=\"CN=Example Issuing\n"
	    " Authority 1, O=\\\"Example\\\", s.r.o., L=Brno  mesto, C=CZ\"; smime=fail\n"
	    "\treason=\"the signature?is broken\"");
	check_lines(buf_slice(&out), 78);
	strict_read(buf_slice(&out), &back);
	unit_assert_slice_str(buf_slice(&back), "mx.example.cz\nsmime=pass\n(rsa) (sha256)\n"
	    "body.smime-identifier=jan.novak@example.cz\nbody.smime-serial=0a1b2c3d4e5f60718293\n"
	    "body.smime-issuer=CN=Example Issuing Authority 1, O=\"Example\", s.r.o., L=Brno  mesto, C=CZ\n"
	    "smime=fail\nreason=the signature?is broken");
	buf_clear(&back);
	ck_assert(claims_of(buf_slice(&out), ID));
	ck_assert_int_eq(authres_without(buf_slice(&out), "smime", &back), AUTHRES_NOTHING);
	buf_free(&out);
	buf_free(&back);
}
END_TEST

/* Without a blank, with quotes only, a token: cut, and no address any more. */
START_TEST(test_write_long)
{
	char text[4][3001];
	struct authres_property p[COUNT(text)];
	struct authres_result result = {.method = "smime", .result = "pass", .properties = p, .property_count = COUNT(p)};
	struct buf out, back;

	for (size_t i = 0; i < COUNT(text); i++) {
		memset(text[i], "=\"a "[i], 3000);
		text[i][3000] = '\0';
		p[i] = (struct authres_property){"body", "smime-issuer", slice_of(text[i], 3000)};
	}
	result.reason = text[1];
	result.comment = text[0];
	buf_init(&out, OUT_MAX);
	buf_init(&back, OUT_MAX);
	authres_write(text[2], &result, 1, true, &out);
	ck_assert(!buf_failed(&out));
	strict_read(buf_slice(&out), &back);
	for (size_t at = 0, lf; at < out.len; at = lf + 1) {
		lf = slice_find(buf_slice(&out), '\n', at);
		ck_assert_uint_le(lf - at + (at == 0 ? strlen(AUTHRES_NAME ":") : 0), 998);
	}
	ck_assert_uint_lt(slice_find_slice(buf_slice(&out), slice_str("aaa...\"")), out.len);
	buf_free(&out);
	buf_free(&back);
}
END_TEST

/* What counts as passed, each value between brackets; "!": nothing does, as it is another's or malformed. */
static const struct {
	const char *value, *passed;
} dkim[] = {
	{" mx.example.cz; dkim=pass header.d=a.cz", "[a.cz]"},
	{" mx.example.cz;dkim=pass header.d=a.cz", "[a.cz]"},
	{"\tMX.Example.CZ 1;\n dkim=PASS\n\theader.d=a.cz;\n spf=pass smtp.mailfrom=b.cz", "[a.cz]"},
	{" \"mx.example.cz\"; DKIM=pass HEADER.D=a.cz", "[a.cz]"},
	{" mx.example.cz; dkim/1=pass header.d=a.cz", "[a.cz]"},
	{" mx.example.cz; dkim=pass (2048-bit key; header.d=x.cz) header.d=a.cz header.i=@a.cz header.b=\"x/y\"", "[a.cz]"},
	{" mx.example.cz; dkim=pass header.b=a/b= header.d=a.cz header.s=s", "[a.cz]"},
	{" mx.example.cz; dkim=pass reason=\"ok\" header.d=\"a.cz\"", "[a.cz]"},
	{" mx.example.cz; dkim=pass header.d=a.cz; dkim=pass header.d=b.cz", "[a.cz][b.cz]"},
	{" mx.example.cz; dkim=fail header.d=a.cz; dkim=pass header.d=b.cz", "[b.cz]"},
	{" mx.example.cz; dkim=fail header.d=a.cz", ""},
	{" mx.example.cz; dkim=pass", ""},
	{" mx.example.cz; none", ""},
	{" mx.example.cz; x-dkim=pass header.d=a.cz", ""},
	{" mx.example.cz; dkim=pass header.i=@a.cz", ""},
	{" mx.example.cz; dkim=pass header.d=a.cz header.d=b.cz", ""},
	{" mx.example.cz; dkim=pass header.d=a.cz/b.cz", ""},
	{" mx.example.cz; dkim=pass header.d=\"a\\.cz\"", ""},
	{" mx.example.cz; dkim=pass reason=\"header.d=a.cz\"", ""},
	{" mx.example.cz; spf=pass header.d=a.cz; dkim=none", ""},
	{" mx.example.cz; dkim=passed header.d=a.cz", ""},
	/* Another's, or anybody's. */
	{" a.cz; dkim=pass header.d=a.cz", "!"},
	{" mx.example.cz.evil.cz; dkim=pass header.d=a.cz", "!"},
	{" a.cz (mx.example.cz; dkim=pass header.d=a.cz", "!"},
	{" mx.example.cz a.cz; dkim=pass header.d=a.cz", "!"},
	{" mx.example.cz/a; dkim=pass header.d=a.cz", "!"},
	{" mx.example.cz=a; dkim=pass header.d=a.cz", "!"},
	{" mx.example.cz\r; dkim=pass header.d=a.cz", "!"},
	{" \"mx.example.cz;\"; dkim=pass header.d=a.cz", "!"},
	{" mx.example.cz dkim=pass header.d=a.cz", "!"},
	{" ; dkim=pass header.d=a.cz", "!"},
	/* Malformed. */
	{" mx.example.cz; dkim=pass header.d", "!"},
	{" mx.example.cz; dkim=pass header.d=", "!"},
	{" mx.example.cz; dkim=pass header . d=a.cz", "!"},
	{" mx.example.cz; dkim=pass a header.d=a.cz", "!"},
	{" mx.example.cz; dkim=pass header.d=a.cz; dkim", "!"},
	{" mx.example.cz; spf=pass dkim=pass header.d=a.cz", "!"},
	{" mx.example.cz; dkim=pass header.d=a.cz (", "!"},
	{" mx.example.cz; dkim=pass header.d=a.cz \"", "!"},
	{" mx.example.cz; dkim=pass header.d=a.cz\n; x=y", "!"},
	{" mx.example.cz; dkim=pass header.d=\xff.cz", "!"},
};

START_TEST(test_passed)
{
	struct slice value = slice_str(dkim[_i].value), values[2];
	struct authres_found found;
	struct buf out;

	authres_passed(value, ID, "dkim", "header.d", values, COUNT(values), &found);
	buf_init(&out, OUT_MAX);
	for (size_t i = 0; i < found.count; i++)
		buf_printf(&out, "[%.*s]", SLICE_FMT(values[i]));
	if (found.malformed)
		buf_add_str(&out, "!");
	unit_assert_slice_str(buf_slice(&out), dkim[_i].passed);
	buf_free(&out);
}
END_TEST

START_TEST(test_passed_limits)
{
	struct slice value = slice_str(" mx.example.cz; dkim=pass header.d=a.cz; dkim=pass header.d=b.cz; dkim=fail"), values[1];
	struct authres_found found;

	authres_passed(value, ID, "dkim", "header.d", values, 1, &found);
	ck_assert_uint_eq(found.count, 1);
	ck_assert_uint_eq(found.results, 3);
	authres_passed(value, "", "dkim", "header.d", values, 1, &found);
	ck_assert(found.malformed && found.count == 0);
	authres_passed(SLICE_NONE, ID, "dkim", "header.d", values, 1, &found);
	ck_assert(found.malformed && found.results == 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("authres");
	TCase *c = tcase_create("authres");

	tcase_add_test(c, test_claims);
	tcase_add_test(c, test_claims_adversarial);
	tcase_add_test(c, test_claims_others);
	tcase_add_test(c, test_claims_international);
	tcase_add_test(c, test_claims_eight_bit);
	tcase_add_test(c, test_claims_of_several);
	tcase_add_test(c, test_claims_long);
	tcase_add_test(c, test_without);
	tcase_add_test(c, test_without_malformed);
	tcase_add_test(c, test_without_in_the_wild);
	tcase_add_test(c, test_without_long_lines);
	tcase_add_loop_test(c, test_passed, 0, COUNT(dkim));
	tcase_add_test(c, test_passed_limits);
	tcase_add_test(c, test_write_values);
	tcase_add_test(c, test_write_utf8);
	tcase_add_test(c, test_write_none);
	tcase_add_test(c, test_write_folds);
	tcase_add_test(c, test_write_long);
	suite_add_tcase(s, c);
	return unit_run(s);
}
