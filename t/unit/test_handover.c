/* What was inside arrives as the message, and nothing else of it does. */
#include "unit.h"

#include "gateway/handover.h"
#include "mail/compose.h"
#include "smime/encrypt.h"
#include "smime/sign.h"
#include "smime_fixture.h"

#include <string.h>
#include <zlib.h>

#define LIMIT ((size_t)1 << 24)
#define TEXT "Content-Type: text/plain\r\n\r\nhello\r\n"
#define OUTER "From: partner@ucastnik.example\r\nSubject: outer\r\n"

static struct key_identity *ours, *partner;
static struct cert *our_cert, *partner_cert;

static char *recipients[] = {"example.cz"};
static struct config_decryption decryption = {.files = {.name = "ours"}, .recipients = {recipients, 1}};

static void
setup(void)
{
	static const struct fixture_wanted wanted = {.curve = "P-256"};

	ck_assert_int_eq(algorithms_load(NULL), ANSWER_YES);
	ours = fixture_identity("ours", &wanted);
	partner = fixture_identity("partner", &wanted);
	our_cert = fixture_cert(ours);
	partner_cert = fixture_cert(partner);
}

static void
teardown(void)
{
	cert_unref(our_cert);
	cert_unref(partner_cert);
	key_identity_free(ours);
	key_identity_free(partner);
}

/* ---- making ------------------------------------------------------------------- */

static void
add_pkcs7(const char *smime_type, struct buf *der, struct buf *out)
{
	struct buf type;

	buf_init(&type, LIMIT);
	compose_pkcs7_type(smime_type, &type);
	compose_entity_header(buf_slice(&type), true, out);
	compose_base64(buf_slice(der), out);
	buf_free(&type);
}

static void
sign(struct slice entity, bool clear, struct buf *out)
{
	struct sign_options options = {.digest = DIGEST_SHA256, .detached = clear, .now = FIXTURE_NOW};
	struct buf der, type;

	buf_init(&der, LIMIT);
	ck_assert_int_eq(sign_entity(entity, partner, &options, &der, NULL), ANSWER_YES);
	if (clear) {
		buf_init(&type, LIMIT);
		compose_signed_type("sha-256", "theirs", &type);
		compose_entity_header(buf_slice(&type), false, out);
		compose_signed_open("theirs", out);
		buf_add_slice(out, entity);
		compose_signed_close(buf_slice(&der), "theirs", out);
		buf_free(&type);
	} else {
		add_pkcs7("signed-data", &der, out);
	}
	buf_free(&der);
}

static void
encrypt(struct slice entity, struct cert *to, struct buf *out)
{
	struct encrypt_options options = {.cipher = CIPHER_AES256_GCM};
	struct buf der;

	buf_init(&der, LIMIT);
	ck_assert_int_eq(encrypt_entity(entity, &to, 1, &options, &der, NULL), ANSWER_YES);
	add_pkcs7("authEnveloped-data", &der, out);
	buf_free(&der);
}

static void
compress_entity(struct slice entity, struct buf *out)
{
	static const unsigned char type[] = {0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 9};
	static const unsigned char middle[] = {0x02, 1, 0, 0x30, 13, 0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 3, 8};
	static const unsigned char data[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1};
	unsigned char packed[4096];
	uLongf len = sizeof packed;
	size_t inner, outer;
	struct buf der;

	ck_assert_int_eq(compress2(packed, &len, entity.data, entity.len, 9), Z_OK);
	inner = sizeof data + der_size(der_size(len));
	outer = sizeof middle + der_size(inner);
	buf_init(&der, LIMIT);
	der_add_header(DER_SEQUENCE, sizeof type + der_size(der_size(outer)), &der);
	buf_add(&der, type, sizeof type);
	der_add_header(DER_CONTEXT_CONSTRUCTED(0), der_size(outer), &der);
	der_add_header(DER_SEQUENCE, outer, &der);
	buf_add(&der, middle, sizeof middle);
	der_add_header(DER_SEQUENCE, inner, &der);
	buf_add(&der, data, sizeof data);
	der_add_header(DER_CONTEXT_CONSTRUCTED(0), der_size(len), &der);
	der_add_header(DER_OCTET_STRING, len, &der);
	buf_add(&der, packed, len);
	add_pkcs7("compressed-data", &der, out);
	buf_free(&der);
}

/* layers, outermost first: e encrypted to us, E to somebody else, s signed opaque, c clear, z compressed. */
static void
wrap(const char *layers, struct slice entity, struct buf *out)
{
	struct buf inner;

	if (*layers == '\0') {
		buf_add_slice(out, entity);
		return;
	}
	buf_init(&inner, LIMIT);
	wrap(layers + 1, entity, &inner);
	switch (*layers) {
	case 'e':
	case 'E':
		encrypt(buf_slice(&inner), *layers == 'e' ? our_cert : partner_cert, out);
		break;
	case 's':
	case 'c':
		sign(buf_slice(&inner), *layers == 'c', out);
		break;
	case 'z':
		compress_entity(buf_slice(&inner), out);
		break;
	default:
		ck_abort();
	}
	buf_free(&inner);
}

/* ---- handing on ------------------------------------------------------------------ */

struct scene {
	struct config config;
	struct fixture_message mail;
	struct inbound in;
	struct edit e;
	struct buf out; /* the message as it is handed on */
};

static const struct config defaults = {
	.mime_depth_limit = MIME_DEPTH_DEFAULT,
	.mime_part_limit = MIME_PARTS_DEFAULT,
	.signature = SIGNATURE_KEEP,
	.layer_limit = 8,
	.signer_limit = 20,
	.certificate_limit = 100,
	.cms_recipient_limit = 100,
	.opened_size_limit = LIMIT,
	.decryptions = &decryption,
	.decryption_count = 1,
};

/* The entity's header is the mail's. */
static enum answer
hand_on(const struct config *config, struct slice entity, size_t body_limit, struct scene *s, struct error *err)
{
	struct layers_job job = {.config = &s->config, .keys = &ours, .closed = ERROR_NONE};
	struct buf file;
	enum answer answer;

	*s = (struct scene){.config = *config};
	buf_init(&file, LIMIT);
	buf_add_str(&file, OUTER "MIME-Version: 1.0\r\n");
	buf_add_slice(&file, entity);
	s->mail = fixture_message(buf_slice(&file));
	ck_assert(message_add_recipient(s->mail.message, slice_str("jan@example.cz")));
	job.message = s->in.message = s->mail.message;
	job.root = s->mail.tree->root;
	ck_assert_int_eq(layers_open(&job, &s->in.layers, err), ANSWER_YES);
	edit_init(&s->e, body_limit);
	buf_init(&s->out, LIMIT);
	answer = handover_write(&s->config, &s->in, &s->e, err);
	if (answer == ANSWER_YES)
		edit_apply(&s->e, s->mail.message, &s->out);
	buf_free(&file);
	return answer;
}

static struct scene
run_slice(const struct config *config, const char *layers, struct slice content)
{
	struct error err = ERROR_NONE;
	struct scene s;
	struct buf entity;

	buf_init(&entity, LIMIT);
	wrap(layers, content, &entity);
	ck_assert_msg(hand_on(config, buf_slice(&entity), LIMIT, &s, &err) == ANSWER_YES, "%s", err.words);
	buf_free(&entity);
	return s;
}

static struct scene
run(const char *layers, const char *content)
{
	return run_slice(&defaults, layers, slice_str(content));
}

static struct scene
strip(const char *layers, const char *content)
{
	struct config config = defaults;

	config.signature = SIGNATURE_STRIP;
	return run_slice(&config, layers, slice_str(content));
}

static void
end(struct scene *s)
{
	buf_free(&s->out);
	edit_free(&s->e);
	layers_free(&s->in.layers);
	fixture_message_free(&s->mail);
}

/* ---- looking ---------------------------------------------------------------------- */

/* rest: what follows MIME-Version. */
static void
assert_is(const struct scene *s, enum inbound_content content, const char *rest)
{
	struct buf want;

	ck_assert_msg(s->in.kept_closed.answer == ANSWER_YES, "%s", s->in.kept_closed.words);
	ck_assert_int_eq(s->in.content, content);
	buf_init(&want, LIMIT);
	buf_add_str(&want, OUTER "MIME-Version: 1.0\r\n");
	buf_add_str(&want, rest);
	unit_assert_slice_eq(buf_slice(&s->out), buf_slice(&want));
	buf_free(&want);
}

static void
assert_opened(const char *layers, const char *content, const char *rest)
{
	struct scene s = run(layers, content);

	assert_is(&s, INBOUND_OPENED, rest);
	ck_assert(s.e.return_headers);
	end(&s);
}

/* code: of the reason; NULL: there is none. */
static void
assert_closed(struct scene *s, const char *code)
{
	ck_assert_int_eq(s->in.content, INBOUND_UNCHANGED);
	ck_assert_uint_eq(s->e.field_count, 0);
	ck_assert(!s->e.replaces_body && !s->e.return_headers);
	ck_assert_uint_eq(s->e.body.len, 0);
	if (code == NULL)
		ck_assert_int_eq(s->in.kept_closed.answer, ANSWER_YES);
	else
		ck_assert_str_eq(s->in.kept_closed.code, code);
	end(s);
}

/* As "openssl cms -verify" reads it. */
static void
assert_openssl_verifies(struct slice mail, struct slice content)
{
	BIO *in = BIO_new_mem_buf(mail.data, (int)mail.len), *clear = NULL, *out = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms = SMIME_read_CMS(in, &clear);
	char *data;
	long len;

	ck_assert_ptr_nonnull(cms);
	ck_assert_ptr_nonnull(clear);
	ck_assert_int_eq(CMS_verify(cms, NULL, NULL, clear, out, CMS_NO_SIGNER_CERT_VERIFY), 1);
	len = BIO_get_mem_data(out, &data);
	unit_assert_slice_eq(slice_of(data, (size_t)len), content);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	BIO_free(clear);
	BIO_free(out);
}

/* What was handed on is signed in that form, and what is signed is content. */
static void
assert_signed(const struct scene *s, enum entity_kind kind, struct slice content)
{
	struct fixture_message m = fixture_message(buf_slice(&s->out));
	struct error err = ERROR_NONE;
	struct verified v;
	struct entity e;

	ck_assert_msg(s->in.kept_closed.answer == ANSWER_YES, "%s", s->in.kept_closed.words);
	ck_assert_int_eq(entity_read(m.tree->root, &e, &err), ANSWER_YES);
	ck_assert_msg(e.kind == kind, "%d: %s", e.kind, e.reason.words);
	ck_assert_int_eq(e.cms.has_content, kind == ENTITY_CMS);
	unit_assert_slice_eq(kind == ENTITY_CMS ? e.cms.content.content : e.clear, content);
	ck_assert_msg(verify_signatures(&e.cms, e.clear, 9, 9, &v, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_uint_ge(v.signer_count, 1);
	for (size_t i = 0; i < v.signer_count; i++)
		ck_assert_msg(v.signers[i].intact == VERIFY_INTACT, "%s", v.signers[i].reason.words);
	verified_free(&v);
	entity_free(&e);
	fixture_message_free(&m);
	if (kind == ENTITY_CLEAR_SIGNED)
		assert_openssl_verifies(buf_slice(&s->out), content);
}

static bool
contains(const struct scene *s, const char *words)
{
	return slice_find_slice(buf_slice(&s->out), slice_str(words)) < s->out.len;
}

/* The root's body without its transfer encoding is this. */
static void
assert_decodes_to(const struct scene *s, struct slice content)
{
	struct fixture_message m = fixture_message(buf_slice(&s->out));
	struct buf decoded;

	buf_init(&decoded, LIMIT);
	ck_assert_int_eq(mime_decode(m.tree->root, &decoded, NULL), ANSWER_YES);
	unit_assert_slice_eq(buf_slice(&decoded), content);
	buf_free(&decoded);
	fixture_message_free(&m);
}

/* ---- the header -------------------------------------------------------------------- */

START_TEST(only_fields_about_content)
{
	assert_opened("e", "From: boss@example.cz\r\nContent-type: text/plain;\r\n charset=utf-8\r\nSubject: inner\r\n"
		"Authentication-Results: mx.example.cz; smime=pass\r\nMIME-Version: 1.1\r\nContent-Disposition: inline\r\n"
		"Content-Description: a note\r\nContent-ID: <a@b>\r\nContent-Language:cs\r\nContent-Location: x\r\n"
		"Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\nX-Seal-Layer-1: signed\r\n\r\nhello\r\n",
		"Content-Type: text/plain;\r\n charset=utf-8\r\nContent-Disposition: inline\r\nContent-Description: a note\r\n"
		"Content-ID: <a@b>\r\nContent-Language:cs\r\nContent-Location: x\r\n\r\nhello\r\n");
}
END_TEST

START_TEST(the_first_of_each_name)
{
	assert_opened("e", "Content-Type : text/plain\r\nContent-Type: text/html\r\nContent-ID: <1>\r\ncontent-id: <2>\r\n\r\nhello\r\n",
		"Content-Type: text/plain\r\nContent-ID: <1>\r\n\r\nhello\r\n");
}
END_TEST

START_TEST(folds_are_the_milters)
{
	struct scene s = run("e", "Content-Type: text/plain;\r\n\tcharset=utf-8\r\n\r\nhello\r\n");
	const struct edit_field *last = &s.e.fields[s.e.field_count - 1];

	ck_assert_str_eq(last->name, "Content-Type");
	ck_assert_str_eq(last->value, " text/plain;\n\tcharset=utf-8");
	end(&s);
}
END_TEST

START_TEST(names_are_made_7bit)
{
	assert_opened("e", "Content-Type: text/plain\r\nContent-Disposition: attachment; filename=\"\xc5\x99.txt\"\r\n"
		"Content-Description: \xc5\x99" "e\xc4\x8d\r\n\r\nhello\r\n",
		"Content-Type: text/plain\r\nContent-Disposition: attachment; filename*=utf-8''%C5%99.txt\r\n"
		"Content-Description: =?utf-8?B?xZllxI0=?=\r\n\r\nhello\r\n");
}
END_TEST

static void
assert_field_closes(struct slice field, const char *code)
{
	struct scene s;
	struct buf content;

	buf_init(&content, LIMIT);
	buf_add_slice(&content, field);
	buf_add_str(&content, "\r\n" TEXT);
	s = run_slice(&defaults, "e", buf_slice(&content));
	if (code != NULL) {
		assert_closed(&s, code);
	} else {
		assert_is(&s, INBOUND_OPENED, TEXT);
		end(&s);
	}
	buf_free(&content);
}

START_TEST(a_field_that_cannot_be_written)
{
	struct buf field;

	assert_field_closes(slice_str("Content-ID: <\xc5\x99>"), "header-field");
	assert_field_closes(slice_str("Content-Location: a\rb"), "header-field");
	assert_field_closes(slice_of("Content-Location: a\0b", 21), "header-field");
	assert_field_closes(slice_str("Content-Foo: <\xc5\x99>"), NULL);
	for (int i = 0; i < 3; i++) {
		buf_init(&field, LIMIT);
		buf_add_str(&field, i == 0 ? "Content-Disposition: attachment; filename=" : i == 1 ? "Content-Description: " : "X-Y: ");
		for (int k = 0; k < 1900; k++)
			buf_add_str(&field, i == 1 ? "0123456 \r\n " : "0");
		assert_field_closes(buf_slice(&field), i == 2 ? NULL : "header-field");
		buf_free(&field);
	}
}
END_TEST

START_TEST(content_without_a_header)
{
	static const char type[] = "Content-Type: text/plain; charset=us-ascii\r\n\r\n";
	static const struct {
		const char *content, *body;
	} rows[] = {
		{"This is some sample content.", "This is some sample content."},
		{"Password: 1234", "Password: 1234"},
		{"Password: 1234\r\nUser: jan\r\nas ever\r\n", "Password: 1234\r\nUser: jan\r\nas ever\r\n"},
		{"\r\nhello\r\n", "hello\r\n"},
		{"\nhello\n", "hello\r\n"},
		{"Subject: inner\r\n\r\nhello\r\n", "Subject: inner\r\n\r\nhello\r\n"},
		{"Subject: inner\r\n\r\n", "Subject: inner\r\n\r\n"},
		{"", ""},
	};
	struct buf want;

	buf_init(&want, LIMIT);
	buf_add_str(&want, type);
	buf_add_str(&want, rows[_i].body);
	assert_opened("e", rows[_i].content, buf_str(&want));
	buf_free(&want);
}
END_TEST

/* ---- the body ------------------------------------------------------------------------ */

START_TEST(lines_get_crlf)
{
	assert_opened("e", "Content-Type: text/plain\n\nhello\nyou\n", "Content-Type: text/plain\r\n\r\nhello\r\nyou\r\n");
	assert_opened("e", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b--\n",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b--\r\n");
	/* Nothing may be encoded in a message part. */
	assert_opened("e", "Content-Type: message/rfc822\n\nSubject: \xc5\x99\n\nhello\n",
		"Content-Type: message/rfc822\r\n\r\nSubject: \xc5\x99\r\n\r\nhello\r\n");
}
END_TEST

START_TEST(octets_stay)
{
	static const struct {
		const char *header, *body;
		size_t len;
	} rows[] = {
		{"Content-Type: application/pdf\r\nContent-Transfer-Encoding: binary\r\n\r\n", "%PDF\n\xff\n", 7},
		{"Content-Type: application/pdf\n\n", "%PDF\n\0\n", 7},
		{"Content-Type: text/plain; charset=utf-16be\r\n\r\n", "\0h\0\r\0\n", 6},
		{"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", "\xc5\x99" "e\xc4\x8d\r\n", 7},
		{"Content-Type: text/plain\r\n\r\n", "From here\r\n.\r\nend \r\n", 19},
	};
	struct scene s;
	struct buf content;

	buf_init(&content, LIMIT);
	buf_add_str(&content, rows[_i].header);
	buf_add(&content, rows[_i].body, rows[_i].len);
	s = run_slice(&defaults, "e", buf_slice(&content));
	ck_assert_int_eq(s.in.content, INBOUND_OPENED);
	assert_decodes_to(&s, slice_of(rows[_i].body, rows[_i].len));
	ck_assert(transfer_is_safe(buf_slice(&s.out)));
	end(&s);
	buf_free(&content);
}
END_TEST

START_TEST(what_may_not_be_encoded)
{
	struct buf content;
	struct scene s;

	buf_init(&content, LIMIT);
	buf_add(&content, "Content-Type: message/rfc822\r\n\r\na\0b", 35);
	s = run_slice(&defaults, "e", buf_slice(&content));
	assert_closed(&s, "content");
	buf_clear(&content);
	buf_add_str(&content, "Content-Type: message/rfc822\r\n\r\n");
	for (size_t i = 0; i < 999; i++)
		buf_add_byte(&content, 'x');
	s = run_slice(&defaults, "e", buf_slice(&content));
	assert_closed(&s, "content");
	for (size_t n = 998; n <= 999; n++) {
		buf_clear(&content);
		buf_add_str(&content, "Content-Type: text/plain\r\n\r\n\xff\r\n");
		for (size_t i = 0; i < n; i++)
			buf_add_byte(&content, 'x');
		buf_add_str(&content, "\r\n");
		s = run_slice(&defaults, "ec", buf_slice(&content));
		/* The signature goes around what no MTA takes as it is. */
		assert_signed(&s, n == 999 ? ENTITY_CMS : ENTITY_CLEAR_SIGNED, buf_slice(&content));
		end(&s);
	}
	buf_free(&content);
}
END_TEST

/* ---- signatures that stay ---------------------------------------------------------------- */

START_TEST(opaque_becomes_clear)
{
	static const char *const contents[] = {
		TEXT, TEXT "no line end", TEXT "-- \r\nblanks \t\r\n", TEXT ".\r\n from\r\nFromage\r\n", "\r\nhello\r\n",
		"content-transfer-encoding: Base64 \r\n\r\naGVsbG8=\r\n", "Content-Transfer-Encoding:7BIT\r\n\r\nhello\r\n",
		"Content-Transfer-Encoding: quoted-printable\r\n\r\nhello\r\n",
		"Subject: inner\r\nContent-Type: text/plain\r\n\r\nhello\r\n",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b--\r\n",
	};
	struct scene s = run("s", contents[_i]);

	ck_assert_int_eq(s.in.content, INBOUND_CLEAR);
	ck_assert(!s.e.return_headers);
	assert_signed(&s, ENTITY_CLEAR_SIGNED, slice_str(contents[_i]));
	ck_assert(contains(&s, "micalg=\"sha-256\""));
	ck_assert(contains(&s, OUTER "MIME-Version: 1.0\r\nContent-Type: multipart/signed; protocol="));
	ck_assert(!contains(&s, "smime.p7m"));
	end(&s);
	s = run("es", contents[_i]);
	ck_assert_int_eq(s.in.content, INBOUND_OPENED);
	ck_assert(s.e.return_headers);
	assert_signed(&s, ENTITY_CLEAR_SIGNED, slice_str(contents[_i]));
	end(&s);
}
END_TEST

START_TEST(opaque_stays)
{
#define ROW(content) {content, sizeof content - 1}
	static const struct {
		const char *content;
		size_t len;
	} rows[] = {
		ROW(TEXT "a\nb\r\n"),
		ROW(TEXT "\n"),
		ROW(TEXT "a\rb\r\n"),
		ROW(TEXT "a\r\r\n"),
		ROW(TEXT "a\r"),
		ROW(TEXT "a\0b\r\n"),
		ROW(TEXT "\xc5\x99\r\n"),
		ROW(TEXT "From me\r\n"),
		ROW("This is some sample content."),
		ROW("Subject: inner\r\n\r\nhello\r\n"),
		ROW("Content-Type: text/plain\r\nhello\r\n"),
		ROW("Content-Type: text/plain\r\n"),
		ROW("Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx"),
		ROW("Content-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\n\r\nx"),
		ROW("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
			"--c\r\n\r\nx\r\n--c--\r\n--b\r\nContent-Transfer-Encoding: binary\r\n\r\nx\r\n--b--\r\n"),
		ROW("Content-Type: message/rfc822\r\n\r\ncontent-transfer-encoding:\r\n 8bit\r\n\r\nx"),
		ROW("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b \r\n\r\nx\r\n--b--\r\n"),
		ROW("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
			"--c\r\n\r\nx\r\n--b--\r\n"),
		ROW("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type : text/plain\r\n\r\nx\r\n--b--\r\n"),
		ROW("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
			"--c\r\n\r\nx\r\n--c--\r\n--b\r\nContent-Type : text/plain\r\n\r\nx\r\n--b--\r\n"),
	};
#undef ROW
	struct slice content = slice_of(rows[_i].content, rows[_i].len);
	struct scene s = run_slice(&defaults, "s", content);

	assert_closed(&s, NULL);
	s = run_slice(&defaults, "es", content);
	ck_assert_int_eq(s.in.content, INBOUND_OPENED);
	assert_signed(&s, ENTITY_CMS, content);
	ck_assert(contains(&s, "Content-Disposition: attachment; filename=\"smime.p7m\"\r\n\r\n"));
	end(&s);
}
END_TEST

START_TEST(a_line_too_long_stays_opaque)
{
	struct buf content;
	struct scene s;

	for (size_t n = 990; n <= 991; n++) {
		buf_init(&content, LIMIT);
		buf_add_str(&content, TEXT);
		for (size_t i = 0; i < n; i++)
			buf_add_byte(&content, 'x');
		s = run_slice(&defaults, "es", buf_slice(&content));
		assert_signed(&s, n == 990 ? ENTITY_CLEAR_SIGNED : ENTITY_CMS, buf_slice(&content));
		end(&s);
		buf_free(&content);
	}
}
END_TEST

START_TEST(clear_stays)
{
	struct scene s = run("c", TEXT);
	struct buf entity;

	assert_closed(&s, NULL);
	s = run("ec", "Content-Type: text/plain\r\n\r\n\xc5\x99 \r\n");
	ck_assert_int_eq(s.in.content, INBOUND_OPENED);
	assert_signed(&s, ENTITY_CLEAR_SIGNED, slice_str("Content-Type: text/plain\r\n\r\n\xc5\x99 \r\n"));
	end(&s);
	/* A partner who encrypted it with LF. */
	buf_init(&entity, LIMIT);
	wrap("c", slice_str(TEXT), &entity);
	for (size_t i = entity.len; i-- > 0;)
		if (entity.data[i] == '\r')
			memmove(entity.data + i, entity.data + i + 1, --entity.len - i);
	s = run_slice(&defaults, "e", buf_slice(&entity));
	assert_signed(&s, ENTITY_CLEAR_SIGNED, slice_str(TEXT));
	end(&s);
	buf_free(&entity);
}
END_TEST

START_TEST(compressed_in_signed_stays)
{
	struct scene s;
	struct buf entity;

	buf_init(&entity, LIMIT);
	wrap("z", slice_str(TEXT), &entity);
	s = run("sz", TEXT);
	ck_assert_int_eq(s.in.content, INBOUND_CLEAR);
	assert_signed(&s, ENTITY_CLEAR_SIGNED, buf_slice(&entity));
	end(&s);
	s = run("cz", TEXT);
	assert_closed(&s, NULL);
	buf_free(&entity);
}
END_TEST

START_TEST(compression_comes_off)
{
	struct scene s = run("z", TEXT);

	assert_is(&s, INBOUND_OPENED, TEXT);
	ck_assert(!s.e.return_headers);
	end(&s);
	s = run("zs", TEXT);
	ck_assert_int_eq(s.in.content, INBOUND_OPENED);
	assert_signed(&s, ENTITY_CLEAR_SIGNED, slice_str(TEXT));
	end(&s);
	assert_opened("ez", TEXT, TEXT);
	assert_opened("ze", TEXT, TEXT);
}
END_TEST

START_TEST(three_layers)
{
	static const char *const layers[] = {"ses", "cec", "szes", "ees", "secec"};
	struct scene s = run(layers[_i], TEXT);

	ck_assert_int_eq(s.in.content, INBOUND_OPENED);
	ck_assert(s.e.return_headers);
	assert_signed(&s, ENTITY_CLEAR_SIGNED, slice_str(TEXT));
	end(&s);
}
END_TEST

/* ---- signatures that go -------------------------------------------------------------------- */

START_TEST(stripped)
{
	static const struct {
		const char *layers;
		enum inbound_content content;
		bool decrypted;
	} rows[] = {
		{"s", INBOUND_STRIPPED, false}, {"c", INBOUND_STRIPPED, false}, {"cs", INBOUND_STRIPPED, false},
		{"sz", INBOUND_OPENED, false}, {"es", INBOUND_OPENED, true}, {"ec", INBOUND_OPENED, true},
		{"cecs", INBOUND_OPENED, true}, {"se", INBOUND_OPENED, true},
	};
	struct scene s = strip(rows[_i].layers, TEXT);

	assert_is(&s, rows[_i].content, TEXT);
	ck_assert_int_eq(s.e.return_headers, rows[_i].decrypted);
	end(&s);
}
END_TEST

START_TEST(stripped_content_is_written_safely)
{
	struct scene s = strip("c", "Content-Type: text/plain; charset=utf-8\r\n\r\n\xc5\x99 \r\n");

	assert_is(&s, INBOUND_STRIPPED, "Content-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n=C5=99=20\r\n");
	end(&s);
}
END_TEST

/* Nobody has checked it. */
START_TEST(what_could_not_be_looked_at_stays)
{
	struct config config = defaults;
	struct scene s;

	config.signer_limit = 0;
	for (int i = 0; i < 2; i++) {
		config.signature = i == 0 ? SIGNATURE_KEEP : SIGNATURE_STRIP;
		s = run_slice(&config, "s", slice_str(TEXT));
		assert_closed(&s, NULL);
		s = run_slice(&config, "es", slice_str(TEXT));
		ck_assert_int_eq(s.in.content, INBOUND_OPENED);
		assert_signed(&s, ENTITY_CMS, slice_str(TEXT));
		end(&s);
	}
}
END_TEST

/* ---- micalg ---------------------------------------------------------------------------------- */

static void
assert_micalg(struct buf *der, const char *micalg)
{
	struct error err = ERROR_NONE;
	struct buf entity;
	struct scene s;

	buf_init(&entity, LIMIT);
	add_pkcs7("signed-data", der, &entity);
	ck_assert_int_eq(hand_on(&defaults, buf_slice(&entity), LIMIT, &s, &err), ANSWER_YES);
	ck_assert_int_eq(s.in.content, INBOUND_CLEAR);
	ck_assert_msg(contains(&s, micalg), "%.*s", SLICE_FMT(buf_slice(&s.out)));
	end(&s);
	buf_free(&entity);
}

START_TEST(several_digests)
{
	static const int digests[] = {NID_sha512, NID_sha1, NID_sha512};
	static const char sha512[] = "\x60\x86\x48\x01\x65\x03\x04\x02\x03";
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_BINARY);
	BIO *in = BIO_new_mem_buf(TEXT, -1);
	struct structure s;
	unsigned char *octets = NULL;
	struct buf der;
	int len;

	for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++)
		ck_assert_ptr_nonnull(CMS_add1_signer(cms, partner->certificate, partner->key,
			EVP_get_digestbynid(digests[i]), CMS_PARTIAL | CMS_BINARY | (i == 0 ? 0 : CMS_NOCERTS)));
	ck_assert_int_eq(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	len = i2d_CMS_ContentInfo(cms, &octets);
	buf_init(&der, LIMIT);
	buf_add(&der, octets, (size_t)len);
	assert_micalg(&der, "micalg=\"sha-1,sha-512\"");
	/* One whose digest nobody knows. */
	ck_assert(structure_read(buf_slice(&der), &s));
	der.data[(size_t)(s.signer_infos.data - der.data) + slice_find_slice(s.signer_infos, slice_str(sha512)) + 8] = 0x7f;
	assert_micalg(&der, "micalg=\"sha-1,sha-512,unknown\"");
	buf_free(&der);
	OPENSSL_free(octets);
	BIO_free(in);
	CMS_ContentInfo_free(cms);
}
END_TEST

/* multipart/signed can only mean id-data. */
START_TEST(no_mail_is_signed)
{
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_BINARY);
	BIO *in = BIO_new_mem_buf(TEXT, -1);
	unsigned char *octets = NULL;
	struct buf der, entity;
	struct scene s;
	int len;

	ck_assert_int_eq(CMS_set1_eContentType(cms, OBJ_nid2obj(NID_id_smime_ct_TSTInfo)), 1);
	ck_assert_ptr_nonnull(CMS_add1_signer(cms, partner->certificate, partner->key, EVP_sha256(), CMS_PARTIAL | CMS_BINARY));
	ck_assert_int_eq(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	len = i2d_CMS_ContentInfo(cms, &octets);
	buf_init(&der, LIMIT);
	buf_add(&der, octets, (size_t)len);
	buf_init(&entity, LIMIT);
	add_pkcs7("signed-data", &der, &entity);
	s = run_slice(&defaults, "", buf_slice(&entity));
	ck_assert_uint_eq(s.in.layers.count, 1);
	assert_closed(&s, NULL);
	buf_free(&entity);
	buf_free(&der);
	OPENSSL_free(octets);
	BIO_free(in);
	CMS_ContentInfo_free(cms);
}
END_TEST

/* ---- what stays closed -------------------------------------------------------------------------- */

START_TEST(not_for_us)
{
	struct scene s = run("E", TEXT);

	assert_closed(&s, "not-for-us");
	s = run("cE", TEXT);
	assert_closed(&s, "not-for-us");
	s = run("eE", TEXT);
	ck_assert_int_eq(s.in.content, INBOUND_OPENED);
	ck_assert_str_eq(s.in.kept_closed.code, "not-for-us");
	ck_assert(contains(&s, "smime-type=authEnveloped-data"));
	end(&s);
}
END_TEST

START_TEST(plain_mail)
{
	struct scene s = run("", TEXT);

	assert_closed(&s, NULL);
}
END_TEST

START_TEST(certificates_alone)
{
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, partner->chain, NULL, CMS_DETACHED | CMS_PARTIAL);
	unsigned char *octets = NULL;
	struct buf der, entity;
	struct scene s;
	int len = i2d_CMS_ContentInfo(cms, &octets);

	buf_init(&der, LIMIT);
	buf_add(&der, octets, (size_t)len);
	buf_init(&entity, LIMIT);
	add_pkcs7("certs-only", &der, &entity);
	s = run_slice(&defaults, "", buf_slice(&entity));
	ck_assert_uint_eq(s.in.layers.count, 1);
	assert_closed(&s, NULL);
	assert_opened("e", buf_str(&entity), buf_str(&entity));
	buf_free(&entity);
	buf_free(&der);
	OPENSSL_free(octets);
	CMS_ContentInfo_free(cms);
}
END_TEST

START_TEST(no_room)
{
	static const char *const layers[] = {"e", "s"};
	struct error err = ERROR_NONE;
	struct buf entity;
	struct scene s;

	buf_init(&entity, LIMIT);
	wrap(layers[_i], slice_str(TEXT), &entity);
	for (size_t limit = 0; limit < strlen(TEXT); limit++) {
		ck_assert_int_eq(hand_on(&defaults, buf_slice(&entity), limit, &s, &err), ANSWER_CANT_TELL);
		ck_assert_str_eq(err.code, "memory");
		end(&s);
	}
	buf_free(&entity);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("handover");
	TCase *t = tcase_create("handover");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, only_fields_about_content);
	tcase_add_test(t, the_first_of_each_name);
	tcase_add_test(t, folds_are_the_milters);
	tcase_add_test(t, names_are_made_7bit);
	tcase_add_test(t, a_field_that_cannot_be_written);
	tcase_add_loop_test(t, content_without_a_header, 0, 8);
	tcase_add_test(t, lines_get_crlf);
	tcase_add_loop_test(t, octets_stay, 0, 5);
	tcase_add_test(t, what_may_not_be_encoded);
	tcase_add_loop_test(t, opaque_becomes_clear, 0, 10);
	tcase_add_loop_test(t, opaque_stays, 0, 20);
	tcase_add_test(t, a_line_too_long_stays_opaque);
	tcase_add_test(t, clear_stays);
	tcase_add_test(t, compressed_in_signed_stays);
	tcase_add_test(t, compression_comes_off);
	tcase_add_loop_test(t, three_layers, 0, 5);
	tcase_add_loop_test(t, stripped, 0, 8);
	tcase_add_test(t, stripped_content_is_written_safely);
	tcase_add_test(t, what_could_not_be_looked_at_stays);
	tcase_add_test(t, several_digests);
	tcase_add_test(t, no_mail_is_signed);
	tcase_add_test(t, not_for_us);
	tcase_add_test(t, plain_mail);
	tcase_add_test(t, certificates_alone);
	tcase_add_loop_test(t, no_room, 0, 2);
	suite_add_tcase(s, t);
	return unit_run(s);
}
