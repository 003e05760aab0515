/* What a message already has is told by its octets, never by what it is called. */
#include "unit.h"

#include "base/der.h"
#include "mail/compose.h"
#include "smime/encrypt.h"
#include "smime/recognise.h"
#include "smime/sign.h"
#include "smime_fixture.h"

#include <sys/resource.h>

#include <string.h>

#define LIMIT ((size_t)1 << 28)
#define TEXT "Content-Type: text/plain\r\n\r\nhello\r\n\r\n- a dash\r\n"
#define PKCS7_MIME "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n"
#define BASE64 "Content-Transfer-Encoding: base64\r\n"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ADDRESS_SPACE RLIM_INFINITY /* a sanitizer's shadow alone needs more */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ADDRESS_SPACE RLIM_INFINITY
#endif
#endif
#ifndef ADDRESS_SPACE
#define ADDRESS_SPACE ((rlim_t)512 << 20)
#endif

static struct key_identity *seal, *other;
static struct cert *seal_cert, *ec_cert;

static void
setup(void)
{
	static const struct fixture_wanted rsa = {0}, ec = {.curve = "P-256"};

	ck_assert_int_eq(algorithms_load(NULL), ANSWER_YES);
	seal = fixture_identity("seal", &rsa);
	other = fixture_identity("other", &ec);
	seal_cert = fixture_cert(seal);
	ec_cert = fixture_cert(other);
}

static void
teardown(void)
{
	cert_unref(seal_cert);
	cert_unref(ec_cert);
	key_identity_free(seal);
	key_identity_free(other);
}

/* ---- making and looking ------------------------------------------------------ */

static struct recognised
look(struct slice text)
{
	struct fixture_message m = fixture_message(text);
	struct recognised r;

	recognise_message(m.message, m.tree, &r);
	fixture_message_free(&m);
	return r;
}

static bool
signed_by(struct slice text, struct key_identity *identity)
{
	struct fixture_message m = fixture_message(text);
	bool found = recognise_signed_by(m.message, m.tree, &identity, 1);

	fixture_message_free(&m);
	return found;
}

/* header: whole lines. */
static void
make_message(const char *header, struct slice body, struct buf *text)
{
	buf_init(text, LIMIT);
	buf_add_str(text, "From: a@b.example\r\nMIME-Version: 1.0\r\n");
	buf_add_str(text, header);
	buf_add_str(text, "\r\n");
	buf_add_slice(text, body);
}

static struct recognised
look_at_der(const char *header, struct slice der)
{
	struct recognised r;
	struct buf body, text;

	buf_init(&body, LIMIT);
	compose_base64(der, &body);
	make_message(header, buf_slice(&body), &text);
	r = look(buf_slice(&text));
	buf_free(&text);
	buf_free(&body);
	return r;
}

static void
sign(struct slice entity, const struct key_identity *signer, bool detached, struct buf *der)
{
	struct sign_options options = {.digest = DIGEST_SHA256, .detached = detached, .now = FIXTURE_NOW};

	buf_init(der, LIMIT);
	ck_assert_int_eq(sign_entity(entity, signer, &options, der, NULL), ANSWER_YES);
}

static void
encrypt(struct slice entity, enum config_cipher cipher, struct buf *der)
{
	struct encrypt_options options = {.cipher = cipher};
	struct cert *to[] = {seal_cert, ec_cert};

	buf_init(der, LIMIT);
	ck_assert_int_eq(encrypt_entity(entity, to, 2, &options, der, NULL), ANSWER_YES);
}

/* As compose writes it, in the message's own header. */
static void
make_clear(struct slice entity, struct slice der, struct buf *text)
{
	static const char boundary[] = "=_0123456789abcdef0123456789abcdef";
	struct buf type, body, header;

	buf_init(&type, LIMIT);
	buf_init(&body, LIMIT);
	buf_init(&header, LIMIT);
	compose_signed_type("sha-256", boundary, &type);
	compose_signed_open(boundary, &body);
	buf_add_slice(&body, entity);
	compose_signed_close(der, boundary, &body);
	buf_printf(&header, "Content-Type: %s\r\n", buf_str(&type));
	make_message(buf_str(&header), buf_slice(&body), text);
	buf_free(&type);
	buf_free(&body);
	buf_free(&header);
}

static void
make_opaque(struct slice der, struct buf *text)
{
	struct buf body;

	buf_init(&body, LIMIT);
	compose_base64(der, &body);
	make_message("Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n" BASE64, buf_slice(&body), text);
	buf_free(&body);
}

static void
assert_claim(struct recognised r, const char *claimed)
{
	ck_assert_int_eq(r.protection, PROTECTION_NONE);
	if (claimed == NULL)
		ck_assert_ptr_null(r.claimed);
	else
		ck_assert_str_eq(r.claimed, claimed);
}

/* ---- what is so ---------------------------------------------------------------- */

START_TEST(plain_mail_claims_nothing)
{
	static const char *const texts[] = {
		"Subject: x\r\n\r\nhello\r\n",
		"Content-Type: text/plain\r\n\r\nhello\r\n",
		"Content-Type: application/octet-stream; name=report.pdf\r\n\r\nhello\r\n",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b--\r\n",
		"Subject: x\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_claim(look(slice_str(texts[i])), NULL);
}
END_TEST

START_TEST(envelopes)
{
	static const char *const headers[] = {
		PKCS7_MIME BASE64,
		"content-type: APPLICATION/X-PKCS7-MIME\r\n" BASE64,
		"Content-Type: application/octet-stream; name=\"SMIME.P7M\"\r\n" BASE64,
		"Content-Type: application/octet-stream\r\nContent-Disposition: attachment;\r\n filename=smime.p7m\r\n" BASE64,
	};
	struct recognised r;
	struct buf der;

	encrypt(slice_str(TEXT), (enum config_cipher)_i, &der);
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
		r = look_at_der(headers[i], buf_slice(&der));
		ck_assert_int_eq(r.protection, PROTECTION_ENVELOPED);
		ck_assert_uint_eq(r.recipient_infos, 2);
		ck_assert_ptr_null(r.claimed);
	}
	buf_free(&der);
}
END_TEST

START_TEST(transfer_encodings)
{
	struct buf der, body, text;

	encrypt(slice_str(TEXT), CIPHER_AES256_GCM, &der);
	/* Binary, and the line end that SMTP puts behind it. */
	make_message(PKCS7_MIME "Content-Transfer-Encoding: binary\r\n", buf_slice(&der), &text);
	buf_add_str(&text, "\r\n");
	ck_assert_int_eq(look(buf_slice(&text)).protection, PROTECTION_ENVELOPED);
	buf_free(&text);
	buf_init(&body, LIMIT);
	for (size_t i = 0; i < der.len; i++)
		buf_printf(&body, "=%02X%s", der.data[i], i % 20 == 19 ? "=\r\n" : "");
	make_message(PKCS7_MIME "Content-Transfer-Encoding: quoted-printable\r\n", buf_slice(&body), &text);
	ck_assert_int_eq(look(buf_slice(&text)).protection, PROTECTION_ENVELOPED);
	buf_free(&text);
	/* Base64 that says it is not encoded is no CMS. */
	buf_clear(&body);
	compose_base64(buf_slice(&der), &body);
	make_message(PKCS7_MIME, buf_slice(&body), &text);
	assert_claim(look(buf_slice(&text)), "application/pkcs7-mime");
	buf_free(&text);
	make_message(PKCS7_MIME "Content-Transfer-Encoding: x-strange\r\n", buf_slice(&der), &text);
	assert_claim(look(buf_slice(&text)), "application/pkcs7-mime");
	buf_free(&text);
	buf_free(&body);
	buf_free(&der);
}
END_TEST

/* Indefinite lengths and constructed strings, as streaming programs write them. */
static void
stream(CMS_ContentInfo *cms, unsigned flags, struct buf *out)
{
	static char content[50000];
	BIO *in, *to = BIO_new(BIO_s_mem());
	char *data;
	long len;

	memset(content, 'x', sizeof content);
	in = BIO_new_mem_buf(content, sizeof content);
	ck_assert_ptr_nonnull(cms);
	ck_assert_int_eq(i2d_CMS_bio_stream(to, cms, in, (int)flags), 1);
	len = BIO_get_mem_data(to, &data);
	buf_init(out, LIMIT);
	buf_add(out, data, (size_t)len);
	ck_assert_uint_eq(out->data[1], 0x80);
	BIO_free(in);
	BIO_free(to);
	CMS_ContentInfo_free(cms);
}

START_TEST(streamed_ber)
{
	unsigned flags = CMS_STREAM | CMS_BINARY;
	STACK_OF(X509) *to = sk_X509_new_null();
	struct buf der, text;

	sk_X509_push(to, seal->certificate);
	stream(CMS_encrypt(to, NULL, EVP_aes_256_cbc(), flags), flags, &der);
	ck_assert_int_eq(look_at_der(PKCS7_MIME BASE64, buf_slice(&der)).protection, PROTECTION_ENVELOPED);
	buf_free(&der);
	stream(CMS_sign(seal->certificate, seal->key, NULL, NULL, flags), flags, &der);
	make_opaque(buf_slice(&der), &text);
	ck_assert_int_eq(look(buf_slice(&text)).protection, PROTECTION_SIGNED);
	ck_assert(signed_by(buf_slice(&text), seal));
	buf_free(&text);
	buf_free(&der);
	sk_X509_free(to);
}
END_TEST

START_TEST(signatures)
{
	struct buf der, text;

	sign(slice_str(TEXT), seal, true, &der);
	make_clear(slice_str(TEXT), buf_slice(&der), &text);
	ck_assert_int_eq(look(buf_slice(&text)).protection, PROTECTION_SIGNED);
	buf_free(&text);
	/* Whether it is intact is not asked. */
	make_clear(slice_str("Content-Type: text/plain\r\n\r\nother\r\n"), buf_slice(&der), &text);
	ck_assert_int_eq(look(buf_slice(&text)).protection, PROTECTION_SIGNED);
	buf_free(&text);
	/* Without its content it is no opaque signature. */
	assert_claim(look_at_der(PKCS7_MIME BASE64, buf_slice(&der)), "application/pkcs7-mime");
	buf_free(&der);
	sign(slice_str(TEXT), seal, false, &der);
	ck_assert_int_eq(look_at_der(PKCS7_MIME BASE64, buf_slice(&der)).protection, PROTECTION_SIGNED);
	/* And with content it is no detached one. */
	make_clear(slice_str(TEXT), buf_slice(&der), &text);
	assert_claim(look(buf_slice(&text)), "multipart/signed");
	buf_free(&text);
	buf_free(&der);
}
END_TEST

/* A seal around an envelope, as a gateway puts it on what a user has encrypted. */
START_TEST(an_envelope_inside_a_signature)
{
	static const char header[] = PKCS7_MIME BASE64 "\r\n";
	static const char mixed[] = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsecret\r\n--b\r\n";
	struct buf der, inside, text;

	for (int plain = 0; plain <= 2; plain++) {
		encrypt(slice_str(TEXT), CIPHER_AES256_CBC, &der);
		buf_init(&inside, LIMIT);
		if (plain == 2)
			buf_add_str(&inside, mixed);
		buf_add_str(&inside, header);
		if (plain == 1)
			buf_add_str(&inside, "b3VyIHNlY3JldCBvZmZlcg==\r\n");
		else
			compose_base64(buf_slice(&der), &inside);
		if (plain == 2)
			buf_add_str(&inside, "--b--\r\n");
		buf_free(&der);
		for (int detached = 0; detached <= 1; detached++) {
			sign(buf_slice(&inside), seal, detached, &der);
			if (detached)
				make_clear(buf_slice(&inside), buf_slice(&der), &text);
			else
				make_opaque(buf_slice(&der), &text);
			ck_assert_int_eq(look(buf_slice(&text)).protection, PROTECTION_SIGNED);
			ck_assert_int_eq(look(buf_slice(&text)).envelope_inside, plain == 0);
			buf_free(&text);
			buf_free(&der);
		}
		buf_free(&inside);
	}
}
END_TEST

START_TEST(certificates_alone_are_no_signature)
{
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, seal->chain, NULL, CMS_DETACHED | CMS_PARTIAL);
	unsigned char *der = NULL;
	int len = i2d_CMS_ContentInfo(cms, &der);

	ck_assert_int_gt(len, 0);
	assert_claim(look_at_der("Content-Type: application/pkcs7-mime; smime-type=certs-only\r\n" BASE64,
		slice_of(der, (size_t)len)), "application/pkcs7-mime");
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
}
END_TEST

/* ---- what only says so ----------------------------------------------------------- */

START_TEST(fakes_are_plain_mail)
{
	static const struct {
		const char *text, *claimed;
	} rows[] = {
		{PKCS7_MIME "\r\nour secret offer\r\n", "application/pkcs7-mime"},
		{PKCS7_MIME BASE64 "\r\nb3VyIHNlY3JldCBvZmZlcg==\r\n", "application/pkcs7-mime"},
		{PKCS7_MIME BASE64 "\r\n", "application/pkcs7-mime"},
		{"Content-Type: application/x-pkcs7-mime; name=smime.p7m\r\n\r\nsecret\r\n", "application/x-pkcs7-mime"},
		{"Content-Type: application/octet-stream; name=smime.p7m\r\n\r\nsecret\r\n",
			"application/octet-stream with an S/MIME file name"},
		{"Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n\r\n"
			"--b\r\nContent-Type: text/plain\r\n\r\nsecret\r\n--b--\r\n", "multipart/encrypted"},
		{"Content-Type: multipart/encrypted; protocol=\"application/pkcs7-mime\"; boundary=b\r\n\r\n"
			"--b\r\n\r\nsecret\r\n--b\r\n\r\nmore\r\n--b--\r\n", "multipart/encrypted"},
		{"Content-Type: multipart/encrypted\r\n\r\nsecret\r\n", "multipart/encrypted"},
		{"Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b\r\n\r\n"
			"--b\r\n\r\nhello\r\n--b\r\nContent-Type: application/pkcs7-signature\r\n" BASE64 "\r\n"
			"b3VyIHNlY3JldCBvZmZlcg==\r\n--b--\r\n", "multipart/signed"},
		{"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b--\r\n", "multipart/signed"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_claim(look(slice_str(rows[i].text)), rows[i].claimed);
}
END_TEST

START_TEST(nothing_behind_and_nothing_missing)
{
	struct buf der;

	for (int c = CIPHER_AES128_CBC; c <= CIPHER_AES256_GCM; c += 2) {
		encrypt(slice_str(TEXT), (enum config_cipher)c, &der);
		buf_add_byte(&der, 0);
		assert_claim(look_at_der(PKCS7_MIME BASE64, buf_slice(&der)), "application/pkcs7-mime");
		for (size_t n = 0; n + 1 < der.len; n++)
			assert_claim(look_at_der(PKCS7_MIME BASE64, slice_sub(buf_slice(&der), 0, n)),
				"application/pkcs7-mime");
		buf_free(&der);
	}
}
END_TEST

START_TEST(doubled_content_type_is_nothing)
{
	struct buf der;

	encrypt(slice_str(TEXT), CIPHER_AES256_CBC, &der);
	ck_assert_int_eq(look_at_der("Content-Type: text/plain\r\n" PKCS7_MIME BASE64, buf_slice(&der)).protection,
		PROTECTION_NONE);
	ck_assert_int_eq(look_at_der(PKCS7_MIME "Content-Type: text/plain\r\n" BASE64, buf_slice(&der)).protection,
		PROTECTION_NONE);
	buf_free(&der);
}
END_TEST

/* An EnvelopedData written by hand. */
struct forged {
	const char *cipher; /* the OBJECT IDENTIFIER's content */
	size_t iv;          /* octets */
	const char *content;
	size_t content_len;
	unsigned char recipient; /* identifier octet: DER_SEQUENCE KeyTrans, [2] KEK, [3] password; 0: none */
	bool nameless;           /* the issuer's name is none */
};

static void
wrap(unsigned char tag, struct buf *value)
{
	struct buf whole;

	buf_init(&whole, LIMIT);
	der_add_header(tag, value->len, &whole);
	buf_add_slice(&whole, buf_slice(value));
	buf_free(value);
	*value = whole;
}

static void
add_value(struct buf *to, unsigned char tag, const void *content, size_t len)
{
	der_add_header(tag, len, to);
	buf_add(to, content, len);
}

static void
add_recipients(const struct forged *f, struct buf *to)
{
	static const unsigned char key[256] = {1};
	struct buf info;

	buf_init(&info, LIMIT);
	if (f->recipient != 0) {
		add_value(&info, DER_INTEGER, "\0", 1);
		add_value(&info, DER_SEQUENCE, f->nameless ? "\x04\0\x02\1\1" : "\x30\0\x02\1\1", 5);
		add_value(&info, DER_SEQUENCE, "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\0", 13);
		add_value(&info, DER_OCTET_STRING, key, sizeof key);
		wrap(f->recipient, &info);
	}
	wrap(DER_SET, &info);
	buf_add_slice(to, buf_slice(&info));
	buf_free(&info);
}

static enum protection
look_at_forged(const struct forged *f)
{
	static const unsigned char iv[32];
	struct buf algorithm, content, data;
	struct recognised r;

	buf_init(&algorithm, LIMIT);
	add_value(&algorithm, DER_OBJECT, f->cipher, strlen(f->cipher));
	add_value(&algorithm, DER_OCTET_STRING, iv, f->iv);
	wrap(DER_SEQUENCE, &algorithm);
	buf_init(&content, LIMIT);
	add_value(&content, DER_OBJECT, "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01", 9);
	buf_add_slice(&content, buf_slice(&algorithm));
	if (f->content != NULL)
		add_value(&content, DER_CONTEXT(0), f->content, f->content_len);
	wrap(DER_SEQUENCE, &content);
	buf_init(&data, LIMIT);
	add_value(&data, DER_INTEGER, "\0", 1);
	add_recipients(f, &data);
	buf_add_slice(&data, buf_slice(&content));
	wrap(DER_SEQUENCE, &data);
	wrap(DER_CONTEXT_CONSTRUCTED(0), &data);
	buf_clear(&content);
	add_value(&content, DER_OBJECT, "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", 9);
	buf_add_slice(&content, buf_slice(&data));
	wrap(DER_SEQUENCE, &content);
	r = look_at_der(PKCS7_MIME BASE64, buf_slice(&content));
	buf_free(&algorithm);
	buf_free(&content);
	buf_free(&data);
	return r.protection;
}

START_TEST(forged_envelopes)
{
	static const char aes[] = "\x60\x86\x48\x01\x65\x03\x04\x01\x2a", gcm[] = "\x60\x86\x48\x01\x65\x03\x04\x01\x2e",
		nonsense[] = "\x2a\x03\x04\x05", rc2[] = "\x2a\x86\x48\x86\xf7\x0d\x03\x02",
		data[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01",
		des3[] = "\x2a\x86\x48\x86\xf7\x0d\x03\x07";
	static char secret[1024];
	static const char block[32] = "\xd0\x1f\x9a\x33";
	static const struct {
		struct forged forged;
		enum protection protection;
	} rows[] = {
		{{aes, 16, block, 32, DER_SEQUENCE, false}, PROTECTION_ENVELOPED},
		{{des3, 8, block, 24, DER_SEQUENCE, false}, PROTECTION_ENVELOPED},
		{{nonsense, 16, block, 32, DER_SEQUENCE, false}, PROTECTION_NONE},
		{{data, 16, block, 32, DER_SEQUENCE, false}, PROTECTION_NONE},
		{{rc2, 16, block, 32, DER_SEQUENCE, false}, PROTECTION_NONE},
		{{gcm, 16, block, 32, DER_SEQUENCE, false}, PROTECTION_NONE}, /* only in AuthEnvelopedData */
		{{aes, 15, block, 32, DER_SEQUENCE, false}, PROTECTION_NONE},
		{{aes, 17, block, 32, DER_SEQUENCE, false}, PROTECTION_NONE}, /* nobody can decrypt that */
		{{aes, 16, block, 31, DER_SEQUENCE, false}, PROTECTION_NONE},
		{{aes, 16, block, 0, DER_SEQUENCE, false}, PROTECTION_NONE},
		{{aes, 16, NULL, 0, DER_SEQUENCE, false}, PROTECTION_NONE},
		{{aes, 16, block, 32, 0, false}, PROTECTION_NONE},
		{{aes, 16, block, 32, DER_CONTEXT_CONSTRUCTED(2), false}, PROTECTION_NONE},
		{{aes, 16, block, 32, DER_CONTEXT_CONSTRUCTED(3), false}, PROTECTION_NONE},
		{{aes, 16, block, 32, DER_CONTEXT_CONSTRUCTED(5), false}, PROTECTION_NONE},
		{{aes, 16, block, 32, DER_SEQUENCE, true}, PROTECTION_NONE},
		{{aes, 16, secret, sizeof secret, DER_SEQUENCE, false}, PROTECTION_NONE}, /* plain text under an honest name */
		{{aes, 16, secret, 48, DER_SEQUENCE, false}, PROTECTION_NONE}, /* however short */
	};

	memset(secret, 's', sizeof secret);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ck_assert_msg(look_at_forged(&rows[i].forged) == rows[i].protection, "row %zu", i);
}
END_TEST

/* A true ciphertext never looks like text: 200 of them, at the sizes where it is hardest. */
START_TEST(ciphertexts_are_not_taken_for_text)
{
	static char content[600];
	struct buf der;

	for (int i = 0; i < 200; i++) {
		encrypt(slice_of(content, i < 100 ? sizeof content : (size_t)i - 90), CIPHER_AES128_CBC, &der);
		ck_assert_int_eq(look_at_der(PKCS7_MIME BASE64, buf_slice(&der)).protection, PROTECTION_ENVELOPED);
		buf_free(&der);
	}
}
END_TEST

START_TEST(passwords_are_no_recipients)
{
	CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, EVP_aes_256_cbc(), CMS_PARTIAL);
	BIO *in = BIO_new_mem_buf(TEXT, -1);
	unsigned char *der = NULL;
	int len;

	ck_assert_ptr_nonnull(CMS_add0_recipient_password(cms, -1, NID_id_alg_PWRI_KEK, NID_undef,
		(unsigned char *)OPENSSL_strdup("password"), 8, NULL));
	ck_assert_int_eq(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	len = i2d_CMS_ContentInfo(cms, &der);
	assert_claim(look_at_der(PKCS7_MIME BASE64, slice_of(der, (size_t)len)), "application/pkcs7-mime");
	OPENSSL_free(der);
	BIO_free(in);
	CMS_ContentInfo_free(cms);
}
END_TEST

/* ---- PGP/MIME ---------------------------------------------------------------------- */

#define PGP_TYPE "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n\r\n"
#define PGP_VERSION "--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
#define PGP_DATA "--b\r\nContent-Type: application/octet-stream\r\n\r\n"
#define ARMOUR_BEGIN "-----BEGIN PGP MESSAGE-----\r\n\r\n"
#define ARMOUR_END "-----END PGP MESSAGE-----\r\n"
#define PGP_END "\r\n--b--\r\n"
/* PKESK of version 3 in the old format (84 04 03…), SEIPD of version 1 (d2 05 01…); PKESK, then literal data (cb). */
#define PACKETS_GOOD "hAQDAQID0gUBqrvM3Q==\r\n"
#define PACKETS_SPLIT "hAQDAQ\r\nID0gUBqrvM\r\n3Q==\r\n"
#define PACKETS_NO_KEY "0gUBqrvM3Q==\r\n"
#define PACKETS_LITERAL "hAQDAQIDywViqrvM3Q==\r\n"
#define PACKETS_TRAILING "hAQDAQID0gUBqrvM3Wh1\r\n"
#define PACKETS_SHORT "hAQDAQID0gYBqrvM3Q==\r\n"
#define PACKETS_LONG_LENGTH "hAQDAQID0v////8Bqrs=\r\n"

START_TEST(pgp_encrypted)
{
	static const struct {
		const char *text;
		enum protection protection;
	} rows[] = {
		{PGP_TYPE PGP_VERSION PGP_DATA ARMOUR_BEGIN PACKETS_GOOD ARMOUR_END PGP_END, PROTECTION_PGP_ENCRYPTED},
		{PGP_TYPE PGP_VERSION PGP_DATA ARMOUR_BEGIN PACKETS_SPLIT "=abcd\r\n" ARMOUR_END PGP_END,
			PROTECTION_PGP_ENCRYPTED},
		{PGP_TYPE PGP_VERSION PGP_DATA "-----BEGIN PGP MESSAGE-----\r\nComment: x\r\n\r\n" PACKETS_GOOD ARMOUR_END
			PGP_END, PROTECTION_PGP_ENCRYPTED},
		{PGP_TYPE PGP_VERSION PGP_DATA ARMOUR_BEGIN PACKETS_NO_KEY ARMOUR_END PGP_END, PROTECTION_NONE},
		{PGP_TYPE PGP_VERSION PGP_DATA ARMOUR_BEGIN PACKETS_LITERAL ARMOUR_END PGP_END, PROTECTION_NONE},
		{PGP_TYPE PGP_VERSION PGP_DATA ARMOUR_BEGIN PACKETS_TRAILING ARMOUR_END PGP_END, PROTECTION_NONE},
		{PGP_TYPE PGP_VERSION PGP_DATA ARMOUR_BEGIN PACKETS_SHORT ARMOUR_END PGP_END, PROTECTION_NONE},
		{PGP_TYPE PGP_VERSION PGP_DATA ARMOUR_BEGIN PACKETS_LONG_LENGTH ARMOUR_END PGP_END, PROTECTION_NONE},
		{PGP_TYPE PGP_VERSION PGP_DATA ARMOUR_BEGIN PACKETS_GOOD PGP_END, PROTECTION_NONE},
		{PGP_TYPE PGP_VERSION PGP_DATA ARMOUR_BEGIN PACKETS_GOOD ARMOUR_END "and a secret" PGP_END, PROTECTION_NONE},
		{PGP_TYPE PGP_VERSION PGP_DATA "a secret\r\n" ARMOUR_BEGIN PACKETS_GOOD ARMOUR_END PGP_END, PROTECTION_NONE},
		{PGP_TYPE PGP_VERSION PGP_DATA "a secret" PGP_END, PROTECTION_NONE},
		{PGP_TYPE PGP_VERSION PGP_DATA PGP_END, PROTECTION_NONE},
		{PGP_TYPE PGP_VERSION PGP_END, PROTECTION_NONE},
		{PGP_TYPE PGP_VERSION "a secret\r\n" PGP_DATA ARMOUR_BEGIN PACKETS_GOOD ARMOUR_END PGP_END, PROTECTION_NONE},
		{PGP_TYPE PGP_VERSION PGP_DATA ARMOUR_BEGIN PACKETS_GOOD ARMOUR_END "\r\n--b\r\n\r\na secret" PGP_END,
			PROTECTION_NONE},
		{"Content-Type: multipart/encrypted; boundary=b\r\n\r\n" PGP_VERSION PGP_DATA ARMOUR_BEGIN PACKETS_GOOD
			ARMOUR_END PGP_END, PROTECTION_NONE},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct recognised r = look(slice_str(rows[i].text));

		ck_assert_msg(r.protection == rows[i].protection, "row %zu", i);
		ck_assert_int_eq(r.claimed == NULL, r.protection != PROTECTION_NONE);
	}
}
END_TEST

START_TEST(pgp_signed)
{
	ck_assert_int_eq(look(slice_str("Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; "
		"boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n"))
		.protection, PROTECTION_PGP_SIGNED);
}
END_TEST

/* ---- our own output ------------------------------------------------------------------ */

START_TEST(own_signatures_are_known)
{
	struct buf der, text;

	sign(slice_str(TEXT), seal, true, &der);
	make_clear(slice_str(TEXT), buf_slice(&der), &text);
	ck_assert(signed_by(buf_slice(&text), seal));
	ck_assert(!signed_by(buf_slice(&text), other));
	buf_free(&text);
	make_clear(slice_str("Content-Type: text/plain\r\n\r\nhello\r\n\r\n- a dosh\r\n"), buf_slice(&der), &text);
	ck_assert(!signed_by(buf_slice(&text), seal));
	buf_free(&text);
	buf_free(&der);
	sign(slice_str(TEXT), seal, false, &der);
	make_opaque(buf_slice(&der), &text);
	ck_assert(signed_by(buf_slice(&text), seal));
	ck_assert(!signed_by(buf_slice(&text), other));
	buf_free(&text);
	der.data[slice_find_slice(buf_slice(&der), slice_str("hello"))] = 'H';
	make_opaque(buf_slice(&der), &text);
	ck_assert(!signed_by(buf_slice(&text), seal));
	ck_assert_int_eq(look(buf_slice(&text)).protection, PROTECTION_SIGNED);
	buf_free(&text);
	buf_free(&der);
}
END_TEST

START_TEST(any_of_our_identities)
{
	struct key_identity *const both[] = {other, seal};
	struct fixture_message m;
	struct buf der, text;

	sign(slice_str(TEXT), seal, false, &der);
	make_opaque(buf_slice(&der), &text);
	m = fixture_message(buf_slice(&text));
	ck_assert(recognise_signed_by(m.message, m.tree, both, 2));
	ck_assert(!recognise_signed_by(m.message, m.tree, both, 1));
	ck_assert(!recognise_signed_by(m.message, m.tree, NULL, 0));
	fixture_message_free(&m);
	buf_free(&text);
	buf_free(&der);
}
END_TEST

/* It was signed with CRLF; here it stands with LF. */
START_TEST(line_ends_are_made_canonical)
{
	struct buf der, clear, text;

	sign(slice_str(TEXT), seal, true, &der);
	make_clear(slice_str(TEXT), buf_slice(&der), &clear);
	buf_init(&text, LIMIT);
	for (size_t i = 0, body = slice_find_slice(buf_slice(&clear), slice_str("\r\n\r\n")); i < clear.len; i++)
		/* One line keeps its CR, else the reader of files takes the whole for a Unix file. */
		if (clear.data[i] != '\r' || i <= body + 4 || clear.data[i + 2] == '-')
			buf_add_byte(&text, clear.data[i]);
	ck_assert_uint_lt(text.len, clear.len);
	ck_assert(signed_by(buf_slice(&text), seal));
	buf_free(&text);
	buf_free(&clear);
	buf_free(&der);
}
END_TEST

/* The same name and number, another key: the cheap look is not the proof. */
START_TEST(an_imposter_is_found_out)
{
	static const struct fixture_wanted rsa = {0};
	struct key_identity *imposter = fixture_identity("seal", &rsa);
	struct buf der, text;

	X509_set_serialNumber(imposter->certificate, X509_get_serialNumber(seal->certificate));
	X509_sign(imposter->certificate, imposter->key, EVP_sha256());
	sign(slice_str(TEXT), imposter, false, &der);
	make_opaque(buf_slice(&der), &text);
	ck_assert(signed_by(buf_slice(&text), imposter));
	ck_assert(!signed_by(buf_slice(&text), seal));
	buf_free(&text);
	buf_free(&der);
	key_identity_free(imposter);
}
END_TEST

START_TEST(one_of_two_signers_is_enough)
{
	CMS_ContentInfo *cms = CMS_sign(other->certificate, other->key, NULL, NULL, CMS_PARTIAL | CMS_BINARY);
	BIO *in = BIO_new_mem_buf(TEXT, -1);
	unsigned char *der = NULL;
	struct buf text;
	int len;

	ck_assert_ptr_nonnull(CMS_add1_signer(cms, seal->certificate, seal->key, EVP_sha256(), CMS_PARTIAL | CMS_USE_KEYID));
	ck_assert_int_eq(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	len = i2d_CMS_ContentInfo(cms, &der);
	make_opaque(slice_of(der, (size_t)len), &text);
	ck_assert(signed_by(buf_slice(&text), seal));
	ck_assert(signed_by(buf_slice(&text), other));
	buf_free(&text);
	OPENSSL_free(der);
	BIO_free(in);
	CMS_ContentInfo_free(cms);
}
END_TEST

/* Signed as something else than a mail: the attribute says so, the unsigned label lies (RFC 5652 11.1). */
START_TEST(what_was_signed_as_another_type_is_not_known)
{
	static const int types[] = {NID_pkcs7_data, NID_id_smime_ct_TSTInfo};

	for (int i = 0; i < 2; i++) {
		CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_BINARY);
		BIO *in = BIO_new_mem_buf(TEXT, -1);
		unsigned char *der = NULL;
		struct buf text;
		int len;

		ck_assert_int_eq(CMS_set1_eContentType(cms, OBJ_nid2obj(types[i])), 1);
		ck_assert_ptr_nonnull(CMS_add1_signer(cms, seal->certificate, seal->key, EVP_sha256(), CMS_PARTIAL));
		ck_assert_int_eq(CMS_final(cms, in, NULL, CMS_BINARY), 1);
		ck_assert_int_eq(CMS_set1_eContentType(cms, OBJ_nid2obj(NID_pkcs7_data)), 1);
		len = i2d_CMS_ContentInfo(cms, &der);
		make_opaque(slice_of(der, (size_t)len), &text);
		ck_assert_int_eq(look(buf_slice(&text)).protection, PROTECTION_SIGNED);
		ck_assert_int_eq(signed_by(buf_slice(&text), seal), types[i] == NID_pkcs7_data);
		buf_free(&text);
		OPENSSL_free(der);
		BIO_free(in);
		CMS_ContentInfo_free(cms);
	}
}
END_TEST

START_TEST(only_the_outermost_whole_counts)
{
	struct slice end = slice_str("--=_0123456789abcdef0123456789abcdef--");
	struct buf der, text, more;
	size_t at;

	sign(slice_str(TEXT), seal, true, &der);
	make_clear(slice_str(TEXT), buf_slice(&der), &text);
	/* A third part that nobody has signed. */
	at = slice_find_slice(buf_slice(&text), end);
	buf_init(&more, LIMIT);
	buf_add(&more, text.data, at);
	buf_add_str(&more, "--=_0123456789abcdef0123456789abcdef\r\n\r\nunsigned\r\n\r\n");
	buf_add_slice(&more, slice_sub(buf_slice(&text), at, text.len));
	ck_assert(!signed_by(buf_slice(&more), seal));
	buf_free(&more);
	buf_free(&text);
	/* Inside another multipart. */
	buf_init(&text, LIMIT);
	buf_add_str(&text, "--o\r\n");
	make_clear(slice_str(TEXT), buf_slice(&der), &more);
	buf_add_slice(&text, buf_slice(&more));
	buf_add_str(&text, "\r\n--o--\r\n");
	buf_free(&more);
	make_message("Content-Type: multipart/mixed; boundary=o\r\n", buf_slice(&text), &more);
	ck_assert(!signed_by(buf_slice(&more), seal));
	buf_free(&more);
	buf_free(&text);
	buf_free(&der);
}
END_TEST

/* ---- hostile sizes --------------------------------------------------------------------- */

static void
bound_memory(void)
{
	struct rlimit space = {ADDRESS_SPACE, ADDRESS_SPACE};

	ck_assert_int_eq(setrlimit(RLIMIT_AS, &space), 0);
}

START_TEST(a_large_message_fits)
{
	static const size_t size = 25 * 1024 * 1024;
	struct buf entity, der, text;

	bound_memory();
	buf_init(&entity, LIMIT);
	memset(buf_extend(&entity, size), 'x', size);
	sign(buf_slice(&entity), seal, false, &der);
	buf_free(&entity);
	make_opaque(buf_slice(&der), &text);
	buf_free(&der);
	ck_assert(signed_by(buf_slice(&text), seal));
	ck_assert_int_eq(look(buf_slice(&text)).protection, PROTECTION_SIGNED);
	buf_free(&text);
}
END_TEST

/* What a parser would make an object of each: attributes, certificates, pieces of a string, levels. */
START_TEST(hostile_structures_cost_no_memory)
{
	static const char *const filling[] = {
		"\x30\x04\x06\0\x31\0", "\x30\0", "\x04\0", "\x24\x80", "\x30\x80", "\xa0\x80", "\x24\x00", "\x1f\x81",
	};
	static const size_t lengths[] = {6, 2, 2, 2, 2, 2, 2, 2};
	static const size_t size = 25 * 1024 * 1024;
	static const char head[] = "\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x02\x01\x01\x31\0"
		"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x80\x24\x80";
	struct recognised r;
	struct buf der, body, text;

	bound_memory();
	buf_init(&der, LIMIT);
	buf_reserve(&der, size + 100);
	buf_add(&der, head, sizeof head - 1);
	while (der.len < size)
		buf_add(&der, filling[_i], lengths[_i]);
	for (int end = 0; end < 12; end++)
		buf_add(&der, "\0", 1);
	buf_init(&body, LIMIT);
	compose_base64(buf_slice(&der), &body);
	buf_free(&der);
	make_message(PKCS7_MIME BASE64, buf_slice(&body), &text);
	buf_free(&body);
	r = look(buf_slice(&text));
	assert_claim(r, "application/pkcs7-mime");
	ck_assert(!signed_by(buf_slice(&text), seal));
	buf_free(&text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("recognise");
	TCase *t = tcase_create("recognise"), *h = tcase_create("hostile");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, plain_mail_claims_nothing);
	tcase_add_loop_test(t, envelopes, CIPHER_AES128_CBC, CIPHER_AES256_GCM + 1);
	tcase_add_test(t, transfer_encodings);
	tcase_add_test(t, streamed_ber);
	tcase_add_test(t, signatures);
	tcase_add_test(t, an_envelope_inside_a_signature);
	tcase_add_test(t, certificates_alone_are_no_signature);
	tcase_add_test(t, fakes_are_plain_mail);
	tcase_add_test(t, nothing_behind_and_nothing_missing);
	tcase_add_test(t, doubled_content_type_is_nothing);
	tcase_add_test(t, forged_envelopes);
	tcase_add_test(t, ciphertexts_are_not_taken_for_text);
	tcase_add_test(t, passwords_are_no_recipients);
	tcase_add_test(t, pgp_encrypted);
	tcase_add_test(t, pgp_signed);
	tcase_add_test(t, own_signatures_are_known);
	tcase_add_test(t, any_of_our_identities);
	tcase_add_test(t, line_ends_are_made_canonical);
	tcase_add_test(t, an_imposter_is_found_out);
	tcase_add_test(t, one_of_two_signers_is_enough);
	tcase_add_test(t, what_was_signed_as_another_type_is_not_known);
	tcase_add_test(t, only_the_outermost_whole_counts);
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(h, setup, teardown);
	tcase_set_timeout(h, 120);
	tcase_add_test(h, a_large_message_fits);
	tcase_add_loop_test(h, hostile_structures_cost_no_memory, 0, 8);
	suite_add_tcase(s, h);
	return unit_run(s);
}
