/* What is to be opened, and why something that says it is S/MIME is not. */
#include "unit.h"

#include "mail/compose.h"
#include "smime/encrypt.h"
#include "smime/entity.h"
#include "smime/sign.h"
#include "smime_fixture.h"

#include <string.h>

#define LIMIT ((size_t)1 << 26)
#define TEXT "Content-Type: text/plain\r\n\r\nhello\r\n"
#define PKCS7 "Content-Type: application/pkcs7-mime\r\n"
#define BASE64 "Content-Transfer-Encoding: base64\r\n"
#define SIGNED(protocol) "Content-Type: multipart/signed; " protocol " boundary=b\r\n"
#define PROTOCOL "protocol=\"application/pkcs7-signature\";"
#define SIGNATURE "Content-Type: application/pkcs7-signature\r\n" BASE64

static struct key_identity *identity;
static struct buf envelope, detached, opaque; /* DER */

static void
setup(void)
{
	static const struct fixture_wanted wanted = {.curve = "P-256"};
	struct encrypt_options encrypt = {.cipher = CIPHER_AES256_CBC};
	struct sign_options sign = {.digest = DIGEST_SHA256, .now = FIXTURE_NOW};
	struct cert *to;

	ck_assert_int_eq(algorithms_load(NULL), ANSWER_YES);
	identity = fixture_identity("alice", &wanted);
	to = fixture_cert(identity);
	buf_init(&envelope, LIMIT);
	buf_init(&detached, LIMIT);
	buf_init(&opaque, LIMIT);
	ck_assert_int_eq(encrypt_entity(slice_str(TEXT), &to, 1, &encrypt, &envelope, NULL), ANSWER_YES);
	ck_assert_int_eq(sign_entity(slice_str(TEXT), identity, &sign, &opaque, NULL), ANSWER_YES);
	sign.detached = true;
	ck_assert_int_eq(sign_entity(slice_str(TEXT), identity, &sign, &detached, NULL), ANSWER_YES);
	cert_unref(to);
}

static void
teardown(void)
{
	buf_free(&envelope);
	buf_free(&detached);
	buf_free(&opaque);
	key_identity_free(identity);
}

/* ---- making and looking ------------------------------------------------------ */

struct looked {
	struct fixture_message m;
	struct entity e;
};

static struct looked
look(struct slice text)
{
	struct looked l = {.m = fixture_message(text)};

	ck_assert_int_eq(entity_read(l.m.tree->root, &l.e, NULL), ANSWER_YES);
	return l;
}

static void
look_end(struct looked *l)
{
	entity_free(&l->e);
	fixture_message_free(&l->m);
}

/* header: whole lines. */
static struct looked
look_at(const char *header, struct slice body)
{
	struct looked l;
	struct buf text;

	buf_init(&text, LIMIT);
	buf_add_str(&text, "From: a@b.example\r\nMIME-Version: 1.0\r\n");
	buf_add_str(&text, header);
	buf_add_str(&text, "\r\n");
	buf_add_slice(&text, body);
	l = look(buf_slice(&text));
	buf_free(&text);
	return l;
}

static struct looked
look_at_base64(const char *header, const struct buf *der)
{
	struct looked l;
	struct buf body;

	buf_init(&body, LIMIT);
	compose_base64(buf_slice(der), &body);
	l = look_at(header, buf_slice(&body));
	buf_free(&body);
	return l;
}

/* end: what stands behind the second part. */
static struct looked
look_at_signed(const char *header, const char *part, const struct buf *der, const char *end)
{
	struct looked l;
	struct buf body;

	buf_init(&body, LIMIT);
	buf_add_str(&body, "--b\r\n" TEXT "\r\n--b\r\n");
	buf_add_str(&body, part);
	buf_add_str(&body, "\r\n");
	compose_base64(buf_slice(der), &body);
	buf_add_str(&body, end);
	l = look_at(header, buf_slice(&body));
	buf_free(&body);
	return l;
}

/* claimed, words: NULL where there is no complaint. */
static void
assert_plain(struct looked l, const char *claimed, const char *words)
{
	ck_assert_int_eq(l.e.kind, ENTITY_PLAIN);
	ck_assert_ptr_null(l.e.content);
	if (claimed == NULL)
		ck_assert_ptr_null(l.e.claimed);
	else
		ck_assert_str_eq(l.e.claimed, claimed);
	if (words == NULL)
		ck_assert_int_eq(l.e.reason.answer, ANSWER_YES);
	else
		ck_assert_msg(strstr(l.e.reason.words, words) != NULL, "%s", l.e.reason.words);
	look_end(&l);
}

static void
assert_cms(struct looked l, enum structure_kind kind)
{
	ck_assert_msg(l.e.kind == ENTITY_CMS, "%s", l.e.reason.words);
	ck_assert_int_eq(l.e.cms.kind, kind);
	ck_assert_ptr_null(l.e.claimed);
	ck_assert_int_eq(l.e.reason.answer, ANSWER_YES);
	look_end(&l);
}

/* ---- what is so ---------------------------------------------------------------- */

START_TEST(cms_by_all_its_names)
{
	static const char *const headers[] = {
		PKCS7 BASE64,
		"Content-Type: APPLICATION/x-pkcs7-mime; smime-type=whatever\r\n" BASE64,
		"Content-Type: application/octet-stream; name=smime.p7m\r\n" BASE64,
		"Content-Type: application/octet-stream; name=\"SMIME.P7S\"\r\n" BASE64,
		"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=a.p7c\r\n" BASE64,
		"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=a.p7z\r\n" BASE64,
	};

	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
		assert_cms(look_at_base64(headers[i], &envelope), STRUCTURE_ENVELOPED);
		assert_cms(look_at_base64(headers[i], &opaque), STRUCTURE_SIGNED);
	}
	assert_plain(look_at_base64("Content-Type: application/octet-stream; name=a.pdf\r\n" BASE64, &envelope), NULL,
		NULL);
}
END_TEST

/* What no gateway would send, but people do. */
START_TEST(certificates_alone)
{
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, identity->chain, NULL, CMS_DETACHED | CMS_PARTIAL);
	unsigned char *octets = NULL;
	int len = i2d_CMS_ContentInfo(cms, &octets);
	struct buf der;

	buf_init(&der, LIMIT);
	buf_add(&der, octets, (size_t)len);
	assert_cms(look_at_base64("Content-Type: application/pkcs7-mime; smime-type=certs-only\r\n" BASE64, &der),
		STRUCTURE_CERTS_ONLY);
	assert_plain(look_at_signed(SIGNED(PROTOCOL), SIGNATURE, &der, "--b--\r\n"), "multipart/signed", "no signature");
	buf_free(&der);
	OPENSSL_free(octets);
	CMS_ContentInfo_free(cms);
}
END_TEST

START_TEST(transfer_encodings)
{
	static const char *const identity_encodings[] = {"7bit", "8bit", "binary"};
	struct buf header, body;

	buf_init(&body, LIMIT);
	buf_add_slice(&body, buf_slice(&envelope));
	buf_add_str(&body, "\r\n"); /* SMTP's */
	for (size_t i = 0; i < 3; i++) {
		buf_init(&header, LIMIT);
		buf_printf(&header, PKCS7 "Content-Transfer-Encoding: %s\r\n", identity_encodings[i]);
		assert_cms(look_at(buf_str(&header), buf_slice(&body)), STRUCTURE_ENVELOPED);
		buf_free(&header);
	}
	buf_clear(&body);
	for (size_t i = 0; i < envelope.len; i++)
		buf_printf(&body, "=%02X%s", envelope.data[i], i % 20 == 19 ? "=\r\n" : "");
	assert_cms(look_at(PKCS7 "Content-Transfer-Encoding: quoted-printable\r\n", buf_slice(&body)),
		STRUCTURE_ENVELOPED);
	buf_free(&body);
}
END_TEST

START_TEST(clear_signatures)
{
	static const char *const headers[] = {
		SIGNED(PROTOCOL), SIGNED("micalg=x; Protocol=\"APPLICATION/X-PKCS7-SIGNATURE\";"),
	};
	static const char *const parts[] = {SIGNATURE, "Content-Type: application/x-pkcs7-signature; name=A.P7S\r\n" BASE64};

	for (int i = 0; i < 4; i++) {
		struct looked l = look_at_signed(headers[i / 2], parts[i % 2], &detached, "--b--\r\n");

		ck_assert_msg(l.e.kind == ENTITY_CLEAR_SIGNED, "%s", l.e.reason.words);
		ck_assert_int_eq(l.e.cms.kind, STRUCTURE_SIGNED);
		ck_assert(!l.e.cms.has_content);
		unit_assert_slice_str(l.e.clear, TEXT);
		ck_assert_ptr_eq(l.e.content, l.m.tree->root->child);
		ck_assert_ptr_null(l.e.claimed);
		look_end(&l);
	}
}
END_TEST

/* A reader without S/MIME shows the file by its name, with what no signature covers in it. */
START_TEST(signatures_named_as_other_files)
{
	static const char *const names[] = {
		"Content-Type: application/pkcs7-signature; name=order.html\r\n" BASE64,
		"Content-Type: application/pkcs7-signature; name=smime.p7s\r\n"
			"Content-Disposition: inline; filename=\"order.html\"\r\n" BASE64,
		"Content-Type: application/pkcs7-signature; name=smime.p7s; name*=utf-8''order.html\r\n" BASE64,
		"Content-Type: application/pkcs7-signature\r\nContent-Disposition: inline; filename*0=smime.p7s; "
			"filename*1=.html\r\n" BASE64,
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_plain(look_at_signed(SIGNED(PROTOCOL), names[i], &detached, "--b--\r\n"), "multipart/signed", "file name");
	assert_plain(look_at_base64("Content-Type: application/pkcs7-mime; name=order.html\r\n" BASE64, &opaque),
		"application/pkcs7-mime", "file name");
	assert_plain(look_at_base64("Content-Type: application/octet-stream; name=order.html\r\n"
		"Content-Disposition: attachment; filename=order.html; x=.p7m\r\n" BASE64, &opaque), NULL, NULL);
	assert_plain(look_at_base64("Content-Type: application/octet-stream; name=order.html\r\n"
		"Content-Disposition: attachment; filename=smime.p7m\r\n" BASE64, &opaque), NULL, NULL);
}
END_TEST

START_TEST(a_clear_signature_with_content_of_its_own)
{
	struct looked l = look_at_signed(SIGNED(PROTOCOL), SIGNATURE, &opaque, "--b--\r\n");

	ck_assert_int_eq(l.e.kind, ENTITY_CLEAR_SIGNED);
	ck_assert(l.e.cms.has_content);
	unit_assert_slice_str(l.e.clear, TEXT);
	look_end(&l);
}
END_TEST

START_TEST(plain_mail_and_pgp_are_no_complaint)
{
	static const char pgp[] = "--b\r\n\r\nhello\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n";

	assert_plain(look_at("Content-Type: text/plain\r\n", slice_str("hello\r\n")), NULL, NULL);
	assert_plain(look_at("", slice_str("")), NULL, NULL);
	assert_plain(look_at("Content-Type: multipart/mixed; boundary=b\r\n", slice_str(pgp)), NULL, NULL);
	assert_plain(look_at(SIGNED("protocol=\"application/pgp-signature\";"), slice_str(pgp)), NULL, NULL);
	assert_plain(look_at(SIGNED(""), slice_str(pgp)), NULL, NULL);
	assert_plain(look_at("Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n",
		slice_str(pgp)), NULL, NULL);
}
END_TEST

/* ---- what only says so ----------------------------------------------------------- */

START_TEST(cms_that_is_none)
{
	static const char name[] = "application/pkcs7-mime";
	struct buf cut = envelope;

	assert_plain(look_at(PKCS7, slice_str("our secret offer\r\n")), name, "no CMS");
	assert_plain(look_at(PKCS7 BASE64, slice_str("b3VyIHNlY3JldCBvZmZlcg==\r\n")), name, "no CMS");
	assert_plain(look_at(PKCS7 BASE64, slice_str("our secret offer!\r\n")), name, "base64");
	assert_plain(look_at(PKCS7 BASE64, slice_str("")), name, "no CMS");
	assert_plain(look_at(PKCS7 "Content-Transfer-Encoding: x-strange\r\n", buf_slice(&envelope)), name,
		"Content-Transfer-Encoding");
	cut.len--;
	assert_plain(look_at_base64(PKCS7 BASE64, &cut), name, "no CMS");
	assert_plain(look_at("Content-Type: application/octet-stream; name=smime.p7m\r\n", slice_str("secret\r\n")),
		"application/octet-stream with an S/MIME file name", "no CMS");
}
END_TEST

START_TEST(signatures_that_are_none)
{
	static const char name[] = "multipart/signed", third[] = "--b\r\n\r\nunsigned\r\n--b--\r\n";

	assert_plain(look_at_signed(SIGNED(PROTOCOL), SIGNATURE, &detached, third), name, "two parts");
	assert_plain(look_at(SIGNED(PROTOCOL), slice_str("--b\r\n" TEXT "\r\n--b--\r\n")), name, "two parts");
	assert_plain(look_at_signed(SIGNED(""), SIGNATURE, &detached, "--b--\r\n"), name, "protocol");
	assert_plain(look_at_signed(SIGNED("protocol=\"application/pgp-signature\";"), SIGNATURE, &detached, "--b--\r\n"),
		name, "protocol");
	assert_plain(look_at_signed(SIGNED(PROTOCOL), "Content-Type: text/plain\r\n" BASE64, &detached, "--b--\r\n"), name,
		"type");
	assert_plain(look_at_signed(SIGNED(PROTOCOL), SIGNATURE, &envelope, "--b--\r\n"), name, "no signature");
	assert_plain(look_at_signed(SIGNED(PROTOCOL), "Content-Type: application/pkcs7-signature\r\n", &detached,
		"--b--\r\n"), name, "no CMS");
	assert_plain(look_at_signed(SIGNED(PROTOCOL), SIGNATURE SIGNATURE, &detached, "--b--\r\n"), name, "two parts");
}
END_TEST

START_TEST(what_readers_disagree_about)
{
	assert_plain(look_at_base64("Content-Type: text/plain\r\n" PKCS7 BASE64, &envelope), NULL, "disagree");
	assert_plain(look_at_base64(PKCS7 "Content-Type: text/plain\r\n" BASE64, &envelope), "application/pkcs7-mime",
		"disagree");
	assert_plain(look_at_signed(SIGNED(PROTOCOL), SIGNATURE, &detached, ""), "multipart/signed", "disagree");
}
END_TEST

START_TEST(freeing_twice)
{
	struct looked l = look_at_base64(PKCS7 BASE64, &envelope);

	entity_free(&l.e);
	look_end(&l);
	entity_free(NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("entity");
	TCase *t = tcase_create("entity");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, cms_by_all_its_names);
	tcase_add_test(t, certificates_alone);
	tcase_add_test(t, transfer_encodings);
	tcase_add_test(t, clear_signatures);
	tcase_add_test(t, signatures_named_as_other_files);
	tcase_add_test(t, a_clear_signature_with_content_of_its_own);
	tcase_add_test(t, plain_mail_and_pgp_are_no_complaint);
	tcase_add_test(t, cms_that_is_none);
	tcase_add_test(t, signatures_that_are_none);
	tcase_add_test(t, what_readers_disagree_about);
	tcase_add_test(t, freeing_twice);
	suite_add_tcase(s, t);
	return unit_run(s);
}
