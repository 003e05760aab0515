/* Envelopes open with the right key, and an altered one tells nothing. */
#include "unit.h"

#include "key_fixture.h"
#include "keys/provider.h"
#include "smime/decrypt.h"
#include "smime/encrypt.h"
#include "smime_fixture.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include <string.h>

#define LIMIT ((size_t)1 << 22)
#define TEXT "Content-Type: text/plain\r\n\r\nP=C5=99edm=C4=9Bt!\r\n"

#define KINDS FIXTURE_KINDS
static struct key_identity *identities[KINDS];
static struct cert *certs[KINDS];

static void
setup(void)
{
	fixture_kinds(identities, certs);
}

static void
teardown(void)
{
	fixture_kinds_free(identities, certs);
}

static void
encrypt(struct cert *const *to, size_t count, enum config_cipher cipher, enum config_rsa_transport transport,
	struct buf *der, struct structure *s)
{
	struct encrypt_options options = {.cipher = cipher, .rsa_transport = transport};

	buf_init(der, LIMIT);
	ck_assert_int_eq(encrypt_entity(slice_str(TEXT), to, count, &options, der, NULL), ANSWER_YES);
	ck_assert(structure_read(buf_slice(der), s));
}

static enum answer
open_it(const struct structure *s, const struct key_identity *identity, EVP_PKEY *key, struct decrypted *d, struct buf *out,
	struct error *err)
{
	struct decrypt_key with = {.certificate = identity->certificate, .key = key};

	buf_init(out, LIMIT);
	buf_add_str(out, "before");
	*err = ERROR_NONE;
	return decrypt_content(s, &with, d, out, err);
}

START_TEST(every_cipher_and_transport)
{
	static const char *const names[] = {"AES-128-CBC", "AES-256-CBC", "AES-128-GCM", "AES-256-GCM"};

	for (size_t k = 0; k < KINDS; k++)
		for (int oaep = 0; oaep <= (k == 0); oaep++) {
			struct decrypted d;
			struct buf der, out;
			struct structure s;
			struct error err;

			encrypt(certs, KINDS, (enum config_cipher)_i, oaep ? RSA_TRANSPORT_OAEP : RSA_TRANSPORT_PKCS1, &der, &s);
			ck_assert(decrypt_is_for(&s, identities[k]->certificate));
			ck_assert_msg(open_it(&s, identities[k], identities[k]->key, &d, &out, &err) == ANSWER_YES, "%s",
				err.words);
			unit_assert_slice_str(buf_slice(&out), "before" TEXT);
			ck_assert_str_eq(d.cipher, names[_i - CIPHER_AES128_CBC]);
			ck_assert_str_eq(d.transport, k > 0 ? "ECDH" : oaep ? "RSA OAEP" : "RSA PKCS#1 v1.5");
			ck_assert_int_eq(d.authenticated, _i >= CIPHER_AES128_GCM);
			ck_assert(!d.rubbish && !d.weak);
			buf_free(&out);
			buf_free(&der);
		}
}
END_TEST

START_TEST(altered_blocks_differ_in_nothing_but_rubbish)
{
	struct structure s;
	struct decrypted d;
	struct buf der, out;
	struct error err;
	unsigned good = 0;

	encrypt(certs, 1, CIPHER_AES256_CBC, RSA_TRANSPORT_PKCS1, &der, &s);
	for (unsigned x = 1; x < 256; x++) {
		der.data[der.len - 17] ^= (unsigned char)x;
		ck_assert_int_eq(open_it(&s, identities[0], identities[0]->key, &d, &out, &err), ANSWER_YES);
		good += !d.rubbish;
		ck_assert(!d.rubbish || out.len == 6 + s.content.content.len);
		der.data[der.len - 17] ^= (unsigned char)x;
		buf_free(&out);
	}
	ck_assert_uint_eq(good, 1);
	buf_free(&der);
}
END_TEST

/* RSA or ECDH, the wrong key is rubbish in blocks, and cannot be told from an altered tag. */
START_TEST(a_wrong_key)
{
	for (int c = CIPHER_AES128_CBC; c <= CIPHER_AES256_GCM; c++) {
		struct fixture_wanted wanted = {.curve = fixture_curves[_i]};
		struct key_identity *other = fixture_identity("other", &wanted);
		struct structure s;
		struct decrypted d;
		struct buf der, out;
		struct error err;

		encrypt(&certs[_i], 1, (enum config_cipher)c, RSA_TRANSPORT_PKCS1, &der, &s);
		ck_assert(!decrypt_is_for(&s, other->certificate));
		ck_assert_int_eq(open_it(&s, other, other->key, &d, &out, &err), ANSWER_NO);
		ck_assert_str_eq(err.code, "not-for-us");
		buf_free(&out);
		if (c < CIPHER_AES128_GCM) {
			ck_assert_int_eq(open_it(&s, identities[_i], other->key, &d, &out, &err), ANSWER_YES);
			ck_assert(slice_find_slice(buf_slice(&out), slice_str("text/plain")) == out.len);
			ck_assert(d.rubbish || _i == 0);
		} else {
			ck_assert_int_eq(open_it(&s, identities[_i], other->key, &d, &out, &err), ANSWER_NO);
			ck_assert_str_eq(err.code, "undecryptable");
			unit_assert_slice_str(buf_slice(&out), "before");
		}
		ck_assert_uint_eq(ERR_peek_error(), 0);
		buf_free(&out);
		buf_free(&der);
		key_identity_free(other);
	}
}
END_TEST

START_TEST(an_altered_tag_or_content_leaves_nothing)
{
	static const size_t from_end[] = {1, 16, 20, 40};

	for (size_t i = 0; i < sizeof from_end / sizeof from_end[0]; i++) {
		struct structure s;
		struct decrypted d;
		struct buf der, out;
		struct error err;

		encrypt(certs, 1, CIPHER_AES128_GCM, RSA_TRANSPORT_PKCS1, &der, &s);
		der.data[der.len - from_end[i]] ^= 1;
		ck_assert_int_eq(open_it(&s, identities[0], identities[0]->key, &d, &out, &err), ANSWER_NO);
		ck_assert_str_eq(err.code, "undecryptable");
		ck_assert_str_eq(err.words, "the content cannot be decrypted");
		ck_assert(!d.authenticated);
		unit_assert_slice_str(buf_slice(&out), "before");
		buf_free(&out);
		buf_free(&der);
	}
}
END_TEST

/* The same envelope with other recipients or attributes, content and tag. */
static void
write_envelope(const struct structure *s, struct slice head, struct slice content, struct slice tail, struct buf *out)
{
	size_t inner = s->content_type.len + content.len, data = head.len + der_size(inner) + tail.len;

	buf_init(out, LIMIT);
	der_add_header(DER_SEQUENCE, s->type.len + der_size(der_size(data)), out);
	buf_add_slice(out, s->type);
	der_add_header(DER_CONTEXT_CONSTRUCTED(0), der_size(data), out);
	der_add_header(DER_SEQUENCE, data, out);
	buf_add_slice(out, head);
	der_add_header(DER_SEQUENCE, inner, out);
	buf_add_slice(out, s->content_type);
	buf_add_slice(out, content);
	buf_add_slice(out, tail);
	ck_assert(!buf_failed(out));
}

/* Content split into pieces of one octet (X.690 8.7.3). */
static void
split_content(const struct structure *s, struct buf *out)
{
	struct slice content = s->content.content;
	struct buf pieces;

	buf_init(&pieces, LIMIT);
	der_add_header(DER_CONTEXT_CONSTRUCTED(0), 3 * content.len, &pieces);
	for (size_t i = 0; i < content.len; i++) {
		der_add_header(DER_OCTET_STRING, 1, &pieces);
		buf_add_byte(&pieces, content.data[i]);
	}
	write_envelope(s, s->head, buf_slice(&pieces), s->tail, out);
	buf_free(&pieces);
}

START_TEST(content_in_pieces)
{
	struct structure s;
	struct decrypted d;
	struct buf der, split, out;
	struct error err;

	encrypt(certs, 1, (enum config_cipher)_i, RSA_TRANSPORT_PKCS1, &der, &s);
	split_content(&s, &split);
	ck_assert(structure_read(buf_slice(&split), &s));
	ck_assert_int_eq(open_it(&s, identities[0], identities[0]->key, &d, &out, &err), ANSWER_YES);
	ck_assert(!d.rubbish);
	unit_assert_slice_str(buf_slice(&out), "before" TEXT);
	buf_free(&out);
	buf_free(&split);
	buf_free(&der);
}
END_TEST

/* Named by its subject key identifier, among passwords that are nobody's here. */
START_TEST(by_key_identifier)
{
	CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, EVP_aes_256_cbc(), CMS_PARTIAL | CMS_BINARY);
	BIO *in = BIO_new_mem_buf(TEXT, -1);
	unsigned char *der = NULL;
	struct structure s;
	struct decrypted d;
	struct error err;
	struct buf out;
	int len;

	ck_assert_ptr_nonnull(CMS_add0_recipient_password(cms, -1, NID_undef, NID_undef, (unsigned char *)OPENSSL_strdup("secret"), 6,
		NULL));
	ck_assert_ptr_nonnull(CMS_add1_recipient_cert(cms, identities[_i]->certificate, CMS_USE_KEYID));
	ck_assert_int_eq(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	len = i2d_CMS_ContentInfo(cms, &der);
	ck_assert(structure_read(slice_of(der, (size_t)len), &s));
	ck_assert(decrypt_is_for(&s, identities[_i]->certificate));
	ck_assert(!decrypt_is_for(&s, identities[(_i + 1) % KINDS]->certificate));
	ck_assert_int_eq(open_it(&s, identities[_i], identities[_i]->key, &d, &out, &err), ANSWER_YES);
	unit_assert_slice_str(buf_slice(&out), "before" TEXT);
	buf_free(&out);
	OPENSSL_free(der);
	BIO_free(in);
	CMS_ContentInfo_free(cms);
}
END_TEST

/* ---- what others send --------------------------------------------------------------- */

struct wanted {
	const char *cipher;
	const char *oaep; /* its digest and MGF1's; there is a label too */
	const char *kdf;  /* ECDH's digest */
	unsigned flags;
};

static void
set_parameters(EVP_PKEY_CTX *ctx, const struct wanted *wanted)
{
	if (wanted->oaep != NULL) {
		const EVP_MD *digest = EVP_get_digestbyname(wanted->oaep);

		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, digest), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, digest), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_strdup("label"), 5), 1);
	}
	if (wanted->kdf != NULL)
		ck_assert_int_eq(EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_get_digestbyname(wanted->kdf)), 1);
}

static void
encrypt_as_others(X509 *to, const struct wanted *wanted, struct buf *der, struct structure *s)
{
	unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_KEY_PARAM | wanted->flags;
	BIO *in = BIO_new_mem_buf(TEXT, -1), *out = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms = CMS_encrypt(NULL, in, EVP_get_cipherbyname(wanted->cipher), flags);
	CMS_RecipientInfo *ri = CMS_add1_recipient_cert(cms, to, flags);
	char *octets;
	long len;

	set_parameters(CMS_RecipientInfo_get0_pkey_ctx(ri), wanted);
	if ((flags & CMS_STREAM) == 0)
		ck_assert_int_eq(CMS_final(cms, in, NULL, flags), 1);
	ck_assert_int_eq(i2d_CMS_bio_stream(out, cms, in, (int)flags), 1);
	len = BIO_get_mem_data(out, &octets);
	buf_init(der, LIMIT);
	buf_add(der, octets, (size_t)len);
	ck_assert(structure_read(buf_slice(der), s));
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	BIO_free(out);
}

static void
assert_opens(const struct structure *s, const struct key_identity *identity, const char *cipher, const char *transport)
{
	struct decrypted d;
	struct error err;
	struct buf out;

	ck_assert(decrypt_is_for(s, identity->certificate));
	ck_assert_msg(open_it(s, identity, identity->key, &d, &out, &err) == ANSWER_YES, "%s", err.words);
	unit_assert_slice_str(buf_slice(&out), "before" TEXT);
	ck_assert_str_eq(d.cipher, cipher);
	ck_assert_str_eq(d.transport, transport);
	ck_assert(!d.rubbish);
	ck_assert_int_eq(d.weak, strcmp(cipher, "DES-EDE3-CBC") == 0);
	ck_assert_int_eq(d.authenticated, strstr(cipher, "GCM") != NULL);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	buf_free(&out);
}

static void
assert_closed(const struct structure *s, const struct key_identity *identity, const char *code)
{
	struct decrypted d;
	struct error err;
	struct buf out;

	ck_assert_int_eq(open_it(s, identity, identity->key, &d, &out, &err), ANSWER_NO);
	ck_assert_msg(strcmp(err.code, code) == 0, "%s: %s", err.code, err.words);
	unit_assert_slice_str(buf_slice(&out), "before");
	ck_assert_uint_eq(ERR_peek_error(), 0);
	buf_free(&out);
}

static const struct {
	size_t to; /* of identities */
	struct wanted wanted;
	const char *transport;
} others[] = {
	{0, {.cipher = "AES-192-CBC"}, "RSA PKCS#1 v1.5"},
	{0, {.cipher = "id-aes192-GCM"}, "RSA PKCS#1 v1.5"},
	{0, {.cipher = "DES-EDE3-CBC"}, "RSA PKCS#1 v1.5"},
	{1, {.cipher = "DES-EDE3-CBC", .kdf = "SHA1"}, "ECDH"},
	{0, {.cipher = "AES-256-CBC", .oaep = "SHA1"}, "RSA OAEP"},
	{0, {.cipher = "AES-256-CBC", .oaep = "SHA256"}, "RSA OAEP"},
	{0, {.cipher = "id-aes256-GCM", .oaep = "SHA512"}, "RSA OAEP"},
	{1, {.cipher = "AES-128-CBC", .kdf = "SHA1"}, "ECDH"},
	{2, {.cipher = "AES-256-CBC", .kdf = "SHA224"}, "ECDH"},
	{2, {.cipher = "id-aes256-GCM", .kdf = "SHA384"}, "ECDH"},
	{3, {.cipher = "AES-192-CBC", .kdf = "SHA512"}, "ECDH"},
	{0, {.cipher = "AES-256-CBC", .flags = CMS_STREAM}, "RSA PKCS#1 v1.5"}, /* indefinite length */
	{1, {.cipher = "AES-256-CBC", .kdf = "SHA256", .flags = CMS_STREAM}, "ECDH"},
};

START_TEST(what_others_send)
{
	const char *cipher = others[_i].wanted.cipher;
	struct structure s;
	struct buf der;

	encrypt_as_others(identities[others[_i].to]->certificate, &others[_i].wanted, &der, &s);
	ck_assert_int_eq((others[_i].wanted.flags & CMS_STREAM) != 0, der.data[1] == 0x80);
	assert_opens(&s, identities[others[_i].to], strcmp(cipher, "id-aes192-GCM") == 0 ? "AES-192-GCM" :
		strcmp(cipher, "id-aes256-GCM") == 0 ? "AES-256-GCM" : cipher, others[_i].transport);
	buf_free(&der);
}
END_TEST

/* The last octet of 3DES's identifier, which RC2's differs in, and of RSA's. */
START_TEST(what_is_not_known)
{
	static const char des3[] = "\x2a\x86\x48\x86\xf7\x0d\x03\x07", rsa[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
	struct wanted wanted = {.cipher = "DES-EDE3-CBC"};
	struct structure s;
	struct decrypted d;
	struct error err;
	struct buf der, out;
	size_t at;

	encrypt_as_others(identities[0]->certificate, &wanted, &der, &s);
	at = slice_find_slice(buf_slice(&der), slice_str(des3)) + 7;
	der.data[at] = 0x02;
	ck_assert(structure_read(buf_slice(&der), &s));
	ck_assert_int_eq(open_it(&s, identities[0], identities[0]->key, &d, &out, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, "unsupported-cipher");
	ck_assert_ptr_nonnull(strstr(err.words, "rc2-cbc"));
	buf_free(&out);
	der.data[at] = 0x07;
	der.data[slice_find_slice(buf_slice(&der), slice_str(rsa)) + 8] = 0x63;
	ck_assert(structure_read(buf_slice(&der), &s));
	assert_closed(&s, identities[0], "unsupported-transport");
	buf_free(&der);
}
END_TEST

START_TEST(for_a_password_alone)
{
	CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, EVP_aes_256_cbc(), CMS_PARTIAL | CMS_BINARY);
	BIO *in = BIO_new_mem_buf(TEXT, -1);
	unsigned char *der = NULL;
	struct structure s;
	int len;

	ck_assert_ptr_nonnull(CMS_add0_recipient_password(cms, -1, NID_undef, NID_undef, (unsigned char *)OPENSSL_strdup("secret"), 6,
		NULL));
	ck_assert_int_eq(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	len = i2d_CMS_ContentInfo(cms, &der);
	ck_assert(structure_read(slice_of(der, (size_t)len), &s));
	for (size_t i = 0; i < KINDS; i++) {
		ck_assert(!decrypt_is_for(&s, identities[i]->certificate));
		assert_closed(&s, identities[i], "not-for-us");
	}
	OPENSSL_free(der);
	BIO_free(in);
	CMS_ContentInfo_free(cms);
}
END_TEST

/* ---- attributes that are authenticated (RFC 5083 2.2) -------------------------------- */

#define ATTRIBUTES "\xa1\x1a\x30\x18\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03" \
	"\x31\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01" /* content type: data */

/* The content key, which is for the first identity. */
static size_t
content_key(const struct structure *s, unsigned char key[256])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(identities[0]->key, NULL);
	struct slice recipients = s->recipients;
	struct structure_recipient r;
	size_t len = 256;

	ck_assert(structure_next_recipient(&recipients, &r));
	ck_assert_int_eq(EVP_PKEY_decrypt_init(ctx), 1);
	ck_assert_int_eq(EVP_PKEY_decrypt(ctx, key, &len, r.key.data, r.key.len), 1);
	EVP_PKEY_CTX_free(ctx);
	return len;
}

/* Content and tag anew, with the attributes as a SET OF. */
static void
encrypt_with_attributes(const struct structure *s, struct buf *content, struct buf *tail)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char key[256], octets[sizeof TEXT], tag[16];
	size_t nonce = slice_find_slice(s->content_type, slice_str("\x04\x0c")) + 2;
	int len;

	ck_assert_uint_eq(content_key(s, key), 32);
	ck_assert_int_eq(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, s->content_type.data + nonce), 1);
	ck_assert_int_eq(EVP_EncryptUpdate(ctx, NULL, &len, (const unsigned char *)"\x31", 1), 1);
	ck_assert_int_eq(EVP_EncryptUpdate(ctx, NULL, &len, (const unsigned char *)ATTRIBUTES + 1, sizeof ATTRIBUTES - 2), 1);
	ck_assert_int_eq(EVP_EncryptUpdate(ctx, octets, &len, (const unsigned char *)TEXT, sizeof TEXT - 1), 1);
	ck_assert_int_eq(EVP_EncryptFinal_ex(ctx, octets + len, &len), 1);
	ck_assert_int_eq(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, sizeof tag, tag), 1);
	EVP_CIPHER_CTX_free(ctx);
	buf_init(content, LIMIT);
	der_add_header(DER_CONTEXT(0), sizeof TEXT - 1, content);
	buf_add(content, octets, sizeof TEXT - 1);
	buf_init(tail, LIMIT);
	buf_add(tail, ATTRIBUTES, sizeof ATTRIBUTES - 1);
	der_add_header(DER_OCTET_STRING, sizeof tag, tail);
	buf_add(tail, tag, sizeof tag);
}

START_TEST(attributes_are_authenticated)
{
	struct wanted wanted = {.cipher = "id-aes256-GCM"};
	struct buf der, content, tail, with;
	struct structure plain, s;
	struct slice tag;

	encrypt_as_others(identities[0]->certificate, &wanted, &der, &plain);
	encrypt_with_attributes(&plain, &content, &tail);
	write_envelope(&plain, plain.head, buf_slice(&content), buf_slice(&tail), &with);
	ck_assert(structure_read(buf_slice(&with), &s));
	ck_assert_uint_eq(s.authenticated.len, sizeof ATTRIBUTES - 1);
	assert_opens(&s, identities[0], "AES-256-GCM", "RSA PKCS#1 v1.5");
	buf_free(&with);
	tail.data[sizeof ATTRIBUTES - 2] ^= 1; /* another type */
	write_envelope(&plain, plain.head, buf_slice(&content), buf_slice(&tail), &with);
	ck_assert(structure_read(buf_slice(&with), &s));
	assert_closed(&s, identities[0], "undecryptable");
	buf_free(&with);
	tag = slice_sub(buf_slice(&tail), sizeof ATTRIBUTES - 1, tail.len); /* none */
	write_envelope(&plain, plain.head, buf_slice(&content), tag, &with);
	ck_assert(structure_read(buf_slice(&with), &s));
	assert_closed(&s, identities[0], "undecryptable");
	buf_free(&with);
	buf_free(&content);
	buf_free(&tail);
	buf_free(&der);
}
END_TEST

/* ---- as nobody should send ------------------------------------------------------------ */

/* Ours stands behind as many of another's as there may be. */
START_TEST(thousands_of_recipients)
{
	struct structure both, s;
	struct slice rest;
	struct structure_recipient r, ours = {.tag = 0}, other = {.tag = 0};
	struct buf der, head, many;

	encrypt(certs, 2, CIPHER_AES256_CBC, RSA_TRANSPORT_PKCS1, &der, &both);
	rest = both.recipients;
	while (structure_next_recipient(&rest, &r))
		*(r.tag == DER_SEQUENCE ? &other : &ours) = r;
	buf_init(&head, LIMIT);
	buf_add_str(&head, "\x02\x01\x02");
	der_add_header(DER_SET, (STRUCTURE_RECIPIENTS_MAX - 1) * other.whole.len + ours.whole.len, &head);
	for (size_t i = 1; i < STRUCTURE_RECIPIENTS_MAX; i++)
		buf_add_slice(&head, other.whole);
	buf_add_slice(&head, ours.whole);
	write_envelope(&both, buf_slice(&head), both.content.whole, both.tail, &many);
	ck_assert(structure_read(buf_slice(&many), &s));
	ck_assert_uint_eq(s.recipient_infos, STRUCTURE_RECIPIENTS_MAX);
	assert_opens(&s, identities[1], "AES-256-CBC", "ECDH");
	ck_assert(!decrypt_is_for(&s, identities[2]->certificate));
	buf_free(&many);
	buf_free(&head);
	buf_free(&der);
}
END_TEST

START_TEST(larger_than_the_limit)
{
	for (int c = CIPHER_AES256_CBC; c <= CIPHER_AES256_GCM; c++) {
		struct decrypt_key with = {identities[0]->certificate, identities[0]->key};
		struct error err = ERROR_NONE;
		struct structure s;
		struct decrypted d;
		struct buf der, out;

		encrypt(certs, 1, (enum config_cipher)c, RSA_TRANSPORT_PKCS1, &der, &s);
		buf_init(&out, 6 + s.content.content.len - 1);
		buf_add_str(&out, "before");
		ck_assert_int_eq(decrypt_content(&s, &with, &d, &out, &err), ANSWER_NO);
		ck_assert_str_eq(err.code, "too-large");
		unit_assert_slice_str(buf_slice(&out), "before");
		buf_free(&out);
		buf_init(&out, 6 + s.content.content.len + 1);
		buf_add_str(&out, "before");
		ck_assert_int_eq(decrypt_content(&s, &with, &d, &out, &err), ANSWER_YES);
		unit_assert_slice_str(buf_slice(&out), "before" TEXT);
		buf_free(&out);
		buf_free(&der);
	}
}
END_TEST

/* Nothing that is cut off is an envelope; whatever octet is another one, what opens is what
 * was sent or, in blocks, at most as long, and else nothing is left. */
START_TEST(lengths_that_lie)
{
	static const unsigned char changes[] = {0x01, 0x80, 0xff};
	bool authenticates = _i >= CIPHER_AES128_GCM;
	struct structure s;
	struct decrypted d;
	struct buf der, out;
	struct error err;

	encrypt(certs, 2, (enum config_cipher)_i, RSA_TRANSPORT_PKCS1, &der, &s);
	for (size_t len = 0; len < der.len; len++)
		ck_assert(!structure_read(slice_sub(buf_slice(&der), 0, len), &s));
	for (size_t at = 0; at < der.len; at++)
		for (size_t i = 0; i < sizeof changes; i++) {
			enum answer answer;

			der.data[at] ^= changes[i];
			if (structure_read(buf_slice(&der), &s)) {
				answer = open_it(&s, identities[1], identities[1]->key, &d, &out, &err);
				ck_assert_int_ne(answer, ANSWER_CANT_TELL);
				if (answer == ANSWER_NO)
					unit_assert_slice_str(buf_slice(&out), "before");
				else if (authenticates)
					unit_assert_slice_str(buf_slice(&out), "before" TEXT);
				else
					ck_assert_uint_le(out.len, 6 + s.content.content.len);
				ck_assert_uint_eq(ERR_peek_error(), 0);
				buf_free(&out);
			}
			der.data[at] ^= changes[i];
		}
	buf_free(&der);
}
END_TEST

/* ---- keeper ------------------------------------------------------------------------------ */

START_TEST(keeper_opens_and_its_absence_is_said)
{
	static const char *const names[] = {"rsa", "p256"};
	EVP_PKEY *key = _i == 0 ? fixture_rsa(2048) : fixture_ec("P-256");
	X509 *certificate = fixture_certificate(key, names[_i], NULL, NULL);
	struct wanted wanted = {.cipher = "AES-256-CBC"};
	struct fixture_keeper keeper;
	struct key_identity *identity;
	struct structure s;
	struct decrypted d;
	struct error err;
	struct buf der, out;

	fixture_decryption_key(names[_i], key, certificate);
	keeper = fixture_keeper_start();
	ck_assert_int_eq(provider_open(fixture_path("k"), 300, 2, &err), ANSWER_YES);
	ck_assert_int_eq(provider_identity(names[_i], KEY_TO_DECRYPT, &identity, &err), ANSWER_YES);
	encrypt_as_others(certificate, &wanted, &der, &s);
	assert_opens(&s, identity, "AES-256-CBC", _i == 0 ? "RSA PKCS#1 v1.5" : "ECDH");
	fixture_keeper_kill(&keeper);
	ck_assert_int_eq(open_it(&s, identity, identity->key, &d, &out, &err), ANSWER_CANT_TELL);
	ck_assert_str_eq(err.code, "keeper-away");
	unit_assert_slice_str(buf_slice(&out), "before");
	buf_free(&out);
	fixture_keeper_restart(&keeper);
	assert_opens(&s, identity, "AES-256-CBC", _i == 0 ? "RSA PKCS#1 v1.5" : "ECDH");
	buf_free(&der);
	key_identity_free(identity);
	provider_close();
	ck_assert_int_eq(fixture_keeper_stop(&keeper), 0);
	X509_free(certificate);
	EVP_PKEY_free(key);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("decrypt");
	TCase *t = tcase_create("decrypt"), *k = tcase_create("keeper");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, every_cipher_and_transport, CIPHER_AES128_CBC, CIPHER_AES256_GCM + 1);
	tcase_add_test(t, altered_blocks_differ_in_nothing_but_rubbish);
	tcase_add_loop_test(t, a_wrong_key, 0, KINDS);
	tcase_add_test(t, an_altered_tag_or_content_leaves_nothing);
	tcase_add_loop_test(t, content_in_pieces, CIPHER_AES128_CBC, CIPHER_AES256_GCM + 1);
	tcase_add_loop_test(t, by_key_identifier, 0, 2);
	tcase_add_loop_test(t, what_others_send, 0, sizeof others / sizeof others[0]);
	tcase_add_test(t, what_is_not_known);
	tcase_add_test(t, for_a_password_alone);
	tcase_add_test(t, attributes_are_authenticated);
	tcase_add_test(t, thousands_of_recipients);
	tcase_add_test(t, larger_than_the_limit);
	tcase_add_loop_test(t, lengths_that_lie, CIPHER_AES256_CBC, CIPHER_AES256_GCM + 1);
	suite_add_tcase(s, t);
	tcase_set_timeout(k, 60);
	tcase_add_loop_test(k, keeper_opens_and_its_absence_is_said, 0, 2);
	suite_add_tcase(s, k);
	return unit_run(s);
}
