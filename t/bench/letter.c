#include "letter.h"

#include "mail/transfer.h"

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#define LETTER_MAX ((size_t)256 << 20)
#define REQUEST_MAX ((size_t)64 << 10)
#define BLOCK 16 /* of AES */

const char *
letter_name(enum letter_kind kind)
{
	static const char *const names[LETTER_KINDS] = {
		[LETTER_GOOD] = "is good", [LETTER_BAD_PADDING] = "does not decrypt",
		[LETTER_NOISE] = "decrypts to noise", [LETTER_UNSIGNED] = "is not signed inside",
		[LETTER_BAD_SIGNATURE] = "is badly signed inside",
	};

	return names[kind];
}

/* The DER of the CMS object, which is freed. */
static bool
add_cms(CMS_ContentInfo *cms, struct buf *out)
{
	unsigned char *der = NULL;
	int n = cms != NULL ? i2d_CMS_ContentInfo(cms, &der) : -1;

	if (n > 0)
		buf_add(out, der, (size_t)n);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	return n > 0 && !buf_failed(out);
}

static bool
sign(const struct scene *s, struct slice entity, struct buf *der)
{
	unsigned flags = CMS_BINARY | CMS_DETACHED;
	STACK_OF(X509) *chain = sk_X509_new_null();
	BIO *in = BIO_new_mem_buf(entity.data, (int)entity.len);
	bool ok = in != NULL && chain != NULL && sk_X509_push(chain, s->intermediate) > 0 &&
		add_cms(CMS_sign(s->partner, s->partner_key, chain, in, flags), der);

	sk_X509_free(chain);
	BIO_free(in);
	return ok;
}

static bool
add_signed(const struct scene *s, struct slice entity, struct letter *l, struct buf *out)
{
	struct buf der;
	bool ok;

	buf_init(&der, LETTER_MAX);
	buf_add_str(out, "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256;\r\n"
		"\tboundary=\"signed\"\r\n\r\n--signed\r\n");
	l->signed_at = out->len;
	l->signed_len = entity.len;
	buf_add_slice(out, entity);
	buf_add_str(out, "\r\n--signed\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n");
	l->signature_at = out->len;
	ok = sign(s, entity, &der);
	transfer_base64(buf_slice(&der), out);
	l->signature_len = out->len - l->signature_at;
	buf_add_str(out, "--signed--\r\n");
	buf_free(&der);
	return ok && !buf_failed(out);
}

/* What is encrypted; of the same length whatever it is. */
static bool
spoil_content(enum letter_kind kind, const struct letter *l, struct buf *content)
{
	static const char plain[] = "Content-Type: text/plain\r\n\r\n";

	if (kind == LETTER_NOISE)
		return RAND_bytes(content->data, (int)content->len) == 1;
	if (kind == LETTER_UNSIGNED || kind == LETTER_BAD_PADDING)
		for (size_t i = 0; i < content->len; i++)
			content->data[i] = i < sizeof plain - 1 ? (unsigned char)plain[i] : i % 64 == 0 ? '\n' : 'x';
	if (kind == LETTER_BAD_SIGNATURE)
		content->data[l->signed_at + l->signed_len / 2] ^= 1;
	return true;
}

static bool
encrypt(const struct scene *s, struct slice content, struct buf *der)
{
	STACK_OF(X509) *to = sk_X509_new_null();
	BIO *in = BIO_new_mem_buf(content.data, (int)content.len);
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	bool ok = to != NULL && in != NULL && cipher != NULL && sk_X509_push(to, s->office) > 0 &&
		add_cms(CMS_encrypt(to, in, cipher, CMS_BINARY), der);

	EVP_CIPHER_free(cipher);
	BIO_free(in);
	sk_X509_free(to);
	return ok;
}

bool
letter_make(const struct scene *s, struct slice entity, enum letter_kind kind, struct letter *l)
{
	struct buf content, der;
	bool ok;

	buf_init(&l->header, 4096);
	buf_init(&l->body, LETTER_MAX);
	buf_init(&content, LETTER_MAX);
	buf_init(&der, LETTER_MAX);
	buf_add_str(&l->header, "From: " SCENE_PARTNER "\r\nTo: " SCENE_OFFICE "\r\nSubject: bench\r\n"
		"Date: Mon, 02 Jan 2023 03:04:05 +0000\r\nMessage-ID: <bench@partner.test>\r\nMIME-Version: 1.0\r\n"
		"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\n"
		"Content-Transfer-Encoding: base64\r\n");
	ok = add_signed(s, entity, l, &content) && spoil_content(kind, l, &content) &&
		encrypt(s, buf_slice(&content), &der);
	/* The ciphertext ends the DER: this turns an octet of the padding into none. */
	if (ok && kind == LETTER_BAD_PADDING)
		der.data[der.len - BLOCK - 1] ^= 0x80;
	transfer_base64(buf_slice(&der), &l->body);
	ok = ok && !buf_failed(&l->body) && !buf_failed(&l->header);
	buf_free(&content);
	buf_free(&der);
	return ok;
}

bool
letter_make_request(const struct scene *s, size_t number, struct letter *l)
{
	struct buf entity, all;
	size_t end;
	bool ok;

	buf_init(&l->header, 4096);
	buf_init(&l->body, REQUEST_MAX);
	buf_init(&entity, REQUEST_MAX);
	buf_init(&all, REQUEST_MAX);
	buf_printf(&entity, "Content-Type: text/plain; charset=us-ascii\r\n\r\n"
		"Zadam o zneplatneni certifikatu cislo = 200\r\n\r\nNumber %zu\r\n", number);
	ok = add_signed(s, buf_slice(&entity), l, &all);
	end = slice_find_slice(buf_slice(&all), slice_str("\r\n\r\n"));
	buf_printf(&l->header, "From: " SCENE_PARTNER "\r\nTo: " LETTER_REVOCATIONS "\r\nSubject: bench\r\n"
		"Date: Mon, 02 Jan 2023 03:04:05 +0000\r\nMessage-ID: <%zu@partner.test>\r\nMIME-Version: 1.0\r\n", number);
	buf_add_slice(&l->header, slice_sub(buf_slice(&all), 0, end + 2));
	buf_add_slice(&l->body, slice_sub(buf_slice(&all), end + 4, all.len));
	ok = ok && !buf_failed(&l->body) && !buf_failed(&l->header);
	buf_free(&entity);
	buf_free(&all);
	return ok;
}

void
letter_free(struct letter *l)
{
	buf_free(&l->header);
	buf_free(&l->body);
}
