/* Envelopes open with the right key, and an altered one tells nothing. */
#include "unit.h"

#include "smime/decrypt.h"
#include "smime/encrypt.h"
#include "smime_fixture.h"

#include <openssl/err.h>

#include <string.h>

#define LIMIT ((size_t)1 << 22)
#define TEXT "Content-Type: text/plain\r\n\r\nP=C5=99edm=C4=9Bt!\r\n"

static const char *const curves[] = {NULL, "P-256", "P-384", "P-521"};
#define KINDS (sizeof curves / sizeof curves[0])
static struct key_identity *identities[KINDS];
static struct cert *certs[KINDS];

static void
setup(void)
{
	ck_assert_int_eq(algorithms_load(NULL), ANSWER_YES);
	for (size_t i = 0; i < KINDS; i++) {
		struct fixture_wanted wanted = {.curve = curves[i]};

		identities[i] = fixture_identity(curves[i] == NULL ? "rsa" : curves[i], &wanted);
		certs[i] = fixture_cert(identities[i]);
	}
}

static void
teardown(void)
{
	for (size_t i = 0; i < KINDS; i++) {
		cert_unref(certs[i]);
		key_identity_free(identities[i]);
	}
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
		struct fixture_wanted wanted = {.curve = curves[_i]};
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

/* The same envelope, its content split into pieces of one octet (X.690 8.7.3). */
static void
split_content(const struct structure *s, struct buf *out)
{
	struct slice type = s->type, content = s->content.content, tail = s->tail;
	size_t inner = s->content_type.len + der_size(3 * content.len), data = s->head.len + der_size(inner) + tail.len;

	buf_init(out, LIMIT);
	der_add_header(DER_SEQUENCE, type.len + der_size(der_size(data)), out);
	buf_add_slice(out, type);
	der_add_header(DER_CONTEXT_CONSTRUCTED(0), der_size(data), out);
	der_add_header(DER_SEQUENCE, data, out);
	buf_add_slice(out, s->head);
	der_add_header(DER_SEQUENCE, inner, out);
	buf_add_slice(out, s->content_type);
	der_add_header(DER_CONTEXT_CONSTRUCTED(0), 3 * content.len, out);
	for (size_t i = 0; i < content.len; i++) {
		der_add_header(DER_OCTET_STRING, 1, out);
		buf_add_byte(out, content.data[i]);
	}
	buf_add_slice(out, tail);
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

int
main(void)
{
	Suite *s = suite_create("decrypt");
	TCase *t = tcase_create("decrypt");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, every_cipher_and_transport, CIPHER_AES128_CBC, CIPHER_AES256_GCM + 1);
	tcase_add_test(t, altered_blocks_differ_in_nothing_but_rubbish);
	tcase_add_loop_test(t, a_wrong_key, 0, KINDS);
	tcase_add_test(t, an_altered_tag_or_content_leaves_nothing);
	tcase_add_loop_test(t, content_in_pieces, CIPHER_AES128_CBC, CIPHER_AES256_GCM + 1);
	tcase_add_loop_test(t, by_key_identifier, 0, 2);
	suite_add_tcase(s, t);
	return unit_run(s);
}
