#include "smime/encrypt.h"
#include "base/der.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <limits.h>

#define TAG_LENGTH 16 /* octets of a GCM tag: the longest (RFC 5084 3.2) */

/* OpenSSL makes keys, RecipientInfos and parameters; the content is encrypted
 * straight into out, because OpenSSL's own way there is a chain of BIOs with a
 * growing buffer at its end, and one copy more to encode it. These are the parts of
 * its ContentInfo without content, as slices of its DER. */
struct frame {
	struct slice type;      /* id-envelopedData or id-ct-authEnvelopedData */
	struct slice head;      /* version to recipientInfos */
	struct slice algorithm; /* contentType and contentEncryptionAlgorithm */
};

/* RFC 5753 7.1.4, RFC 8551 2.3: a KDF digest as strong as the curve. */
static const EVP_MD *
kdf_digest(const EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);

	if (bits <= 256)
		return algorithms_digest(DIGEST_SHA256);
	return algorithms_digest(bits <= 384 ? DIGEST_SHA384 : DIGEST_SHA512);
}

static bool
add_recipient(CMS_ContentInfo *cms, const struct cert *cert, enum config_rsa_transport transport)
{
	const EVP_MD *digest = algorithms_digest(DIGEST_SHA256);
	bool oaep = cert->key == CERT_KEY_RSA && transport == RSA_TRANSPORT_OAEP;
	CMS_RecipientInfo *ri = CMS_add1_recipient_cert(cms, cert->x509, oaep ? CMS_KEY_PARAM : 0);
	EVP_PKEY_CTX *ctx = ri == NULL ? NULL : CMS_RecipientInfo_get0_pkey_ctx(ri);

	if (ri == NULL)
		return false;
	if (cert->key == CERT_KEY_EC)
		return EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, kdf_digest(X509_get0_pubkey(cert->x509))) > 0;
	return !oaep || (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
		EVP_PKEY_CTX_set_rsa_oaep_md(ctx, digest) > 0 &&
		EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, digest) > 0);
}

static enum answer
cannot_encrypt(const char *what, struct error *err)
{
	error_cant_tell(err, "encrypt-failed", "%s", what);
	error_add_openssl(err);
	return ANSWER_CANT_TELL;
}

static enum answer
add_recipients(CMS_ContentInfo *cms, struct cert *const *certificates, size_t count,
	enum config_rsa_transport transport, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if ((certificates[i]->key != CERT_KEY_RSA && certificates[i]->key != CERT_KEY_EC) ||
		    !add_recipient(cms, certificates[i], transport)) {
			error_no(err, "recipient-key", "cannot encrypt to the key of %s, serial %s",
				certificates[i]->subject, certificates[i]->serial);
			error_add_openssl(err);
			return ANSWER_NO;
		}
	return ANSWER_YES;
}

static bool
parse_frame(struct slice der, struct frame *frame)
{
	struct der info, type, tagged, data, value, content_info;
	struct slice rest;

	if (!der_only(der, DER_SEQUENCE, &info))
		return false;
	rest = info.content;
	if (!der_take(&rest, DER_OBJECT, &type) || !der_only(rest, DER_CONTEXT_CONSTRUCTED(0), &tagged) ||
	    !der_only(tagged.content, DER_SEQUENCE, &data))
		return false;
	rest = data.content;
	do { /* version, recipientInfos: the SET is the last before the content */
		if (!der_next(&rest, &value))
			return false;
	} while (value.tag != DER_SET);
	if (!der_take(&rest, DER_SEQUENCE, &content_info))
		return false;
	frame->type = type.whole;
	frame->head = slice_of(data.content.data, (size_t)(content_info.whole.data - data.content.data));
	frame->algorithm = content_info.content;
	return true;
}

static size_t
encrypted_size(EVP_CIPHER_CTX *ctx, size_t plain)
{
	size_t block = (size_t)EVP_CIPHER_CTX_get_block_size(ctx);

	return block == 1 ? plain : (plain / block + 1) * block; /* RFC 5652 6.3 */
}

/* All that stands before the encrypted content; the lengths include what follows it. */
static void
add_head(const struct frame *frame, size_t content, bool tag, struct buf *out)
{
	size_t encrypted = frame->algorithm.len + der_size(content);
	size_t data = frame->head.len + der_size(encrypted) + (tag ? der_size(TAG_LENGTH) : 0);

	der_add_header(DER_SEQUENCE, frame->type.len + der_size(der_size(data)), out);
	buf_add_slice(out, frame->type);
	der_add_header(DER_CONTEXT_CONSTRUCTED(0), der_size(data), out);
	der_add_header(DER_SEQUENCE, data, out);
	buf_add_slice(out, frame->head);
	der_add_header(DER_SEQUENCE, encrypted, out);
	buf_add_slice(out, frame->algorithm);
	der_add_header(DER_CONTEXT(0), content, out);
}

static bool
encrypt_content(EVP_CIPHER_CTX *ctx, struct slice entity, unsigned char *to, size_t size)
{
	int done = 0, last = 0;

	return EVP_EncryptUpdate(ctx, to, &done, entity.data, (int)entity.len) > 0 &&
		EVP_EncryptFinal_ex(ctx, to + done, &last) > 0 && (size_t)done + (size_t)last == size;
}

static bool
add_tag(EVP_CIPHER_CTX *ctx, struct buf *out)
{
	unsigned char *at;

	der_add_header(DER_OCTET_STRING, TAG_LENGTH, out);
	at = buf_extend(out, TAG_LENGTH);
	return at != NULL && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LENGTH, at) > 0;
}

/* A failure leaves nothing of it in out. */
static enum answer
write_envelope(struct slice frame_der, EVP_CIPHER_CTX *ctx, bool tag, struct slice entity, struct buf *out,
	struct error *err)
{
	struct frame frame;
	size_t begin = out->len, content = encrypted_size(ctx, entity.len), size;
	unsigned char *at;

	if (!parse_frame(frame_der, &frame))
		return cannot_encrypt("the envelope could not be encoded", err);
	/* Twice each header at its longest is more than what the frame grows by. */
	size = frame_der.len + content + 64;
	if (out->limit < size || out->len > out->limit - size)
		return error_no(err, "too-large", "the encrypted message would have more than %zu octets",
			out->limit);
	if (!buf_reserve(out, size))
		return error_cant_tell(err, "memory", "no memory for the encrypted message");
	add_head(&frame, content, tag, out);
	at = buf_extend(out, content);
	if (at != NULL && encrypt_content(ctx, entity, at, content) && (!tag || add_tag(ctx, out)) && !buf_failed(out))
		return ANSWER_YES;
	out->len = begin;
	return cannot_encrypt("the content could not be encrypted", err);
}

/* Makes the content key and encrypts it to each recipient. */
static enum answer
seal_keys(CMS_ContentInfo *cms, BIO *sink, BIO **chain, EVP_CIPHER_CTX **ctx, unsigned char **der, int *len,
	struct error *err)
{
	*chain = CMS_dataInit(cms, sink);
	if (*chain == NULL || BIO_get_cipher_ctx(*chain, ctx) <= 0)
		return cannot_encrypt("the content key could not be encrypted", err);
	*len = i2d_CMS_ContentInfo(cms, der);
	return *len > 0 ? ANSWER_YES : cannot_encrypt("the envelope could not be encoded", err);
}

enum answer
encrypt_entity(struct slice entity, struct cert *const *certificates, size_t count,
	const struct encrypt_options *options, struct buf *out, struct error *err)
{
	const EVP_CIPHER *cipher = algorithms_cipher(options->cipher);
	bool tag = algorithms_cipher_authenticates(options->cipher);
	CMS_ContentInfo *cms = NULL;
	EVP_CIPHER_CTX *ctx = NULL;
	BIO *sink = NULL, *chain = NULL;
	unsigned char *der = NULL;
	int len = 0;
	enum answer answer;

	if (count == 0 || count > ENCRYPT_RECIPIENTS_MAX)
		return error_no(err, "recipients", "%zu certificates to encrypt to; 1 to %d are possible", count,
			ENCRYPT_RECIPIENTS_MAX);
	if (entity.len > INT_MAX / 2)
		return error_no(err, "too-large", "the message is too large to be encrypted");
	ERR_clear_error();
	cms = tag ? CMS_AuthEnvelopedData_create(cipher) : CMS_EnvelopedData_create(cipher);
	sink = BIO_new(BIO_s_null());
	if (cms == NULL || sink == NULL) {
		answer = cannot_encrypt("no envelope could be made", err);
		goto out;
	}
	answer = add_recipients(cms, certificates, count, options->rsa_transport, err);
	if (answer == ANSWER_YES)
		answer = seal_keys(cms, sink, &chain, &ctx, &der, &len, err);
	if (answer == ANSWER_YES)
		answer = write_envelope(slice_of(der, (size_t)len), ctx, tag, entity, out, err);
out:
	if (chain != NULL && chain != sink)
		BIO_free(chain); /* the cipher alone: what it was pushed on is sink */
	BIO_free(sink);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	return answer;
}
