#include "smime/decrypt.h"
#include "keys/provider.h"

#include <openssl/cms.h>
#include <openssl/err.h>

#include <limits.h>

#define ENVELOPE_MAX ((size_t)2 << 20) /* octets of the envelope without content and other recipients */

/* Contents of OBJECT IDENTIFIERs. */
#define OID_AES(n) "\x60\x86\x48\x01\x65\x03\x04\x01" n
#define OID_PKCS1(n) "\x2a\x86\x48\x86\xf7\x0d\x01\x01" n

static const struct known_cipher {
	const char *oid;
	const char *name;
	size_t block; /* of CBC; 0: GCM */
	bool weak;
} known_ciphers[] = {
	{OID_AES("\x02"), "AES-128-CBC", 16, false},
	{OID_AES("\x16"), "AES-192-CBC", 16, false},
	{OID_AES("\x2a"), "AES-256-CBC", 16, false},
	{OID_AES("\x06"), "AES-128-GCM", 0, false},
	{OID_AES("\x1a"), "AES-192-GCM", 0, false},
	{OID_AES("\x2e"), "AES-256-GCM", 0, false},
	{"\x2a\x86\x48\x86\xf7\x0d\x03\x07", "DES-EDE3-CBC", 8, true},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- whom it is for --------------------------------------------------------- */

/* What a recipient may call the certificate by, encoded once for all recipients. */
struct names {
	unsigned char tag; /* of the RecipientInfo that its key can be used with */
	unsigned char *issuer, *serial;
	int issuer_len, serial_len;
	const ASN1_OCTET_STRING *key_id;
};

static bool
names_init(struct names *names, X509 *certificate)
{
	const EVP_PKEY *key = X509_get0_pubkey(certificate);

	*names = (struct names){.key_id = X509_get0_subject_key_id(certificate)};
	if (key == NULL)
		return false;
	names->tag = EVP_PKEY_is_a(key, "RSA") ? DER_SEQUENCE : EVP_PKEY_is_a(key, "EC") ?
		DER_CONTEXT_CONSTRUCTED(1) : 0;
	names->issuer_len = i2d_X509_NAME(X509_get_issuer_name(certificate), &names->issuer);
	names->serial_len = i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), &names->serial);
	return names->issuer_len > 0 && names->serial_len > 0;
}

static void
names_free(struct names *names)
{
	OPENSSL_free(names->issuer);
	OPENSSL_free(names->serial);
}

static bool
is_key_id(struct slice octets, const struct names *names)
{
	return names->key_id != NULL && slice_eq(octets, slice_of(ASN1_STRING_get0_data(names->key_id),
		(size_t)ASN1_STRING_length(names->key_id)));
}

static bool
is_named(const struct der *id, const struct names *names)
{
	size_t issuer = (size_t)names->issuer_len;
	struct slice rest = id->content;
	struct der value;

	if (id->tag == DER_SEQUENCE)
		return slice_eq(slice_sub(rest, 0, issuer), slice_of(names->issuer, issuer)) &&
			slice_eq(slice_sub(rest, issuer, rest.len), slice_of(names->serial, (size_t)names->serial_len));
	if (id->tag == DER_CONTEXT(0))
		return is_key_id(rest, names);
	return der_take(&rest, DER_OCTET_STRING, &value) && is_key_id(value.content, names);
}

/* The first that OpenSSL would take too. */
static bool
find_recipient(const struct structure *s, const struct names *names, struct structure_recipient *r)
{
	struct slice rest = s->recipients, key;
	struct der id;

	while (structure_next_recipient(&rest, r)) {
		if (r->tag != names->tag)
			continue;
		if (r->tag == DER_SEQUENCE && is_named(&r->id, names))
			return true;
		while (structure_next_key(&r->keys, &id, &key))
			if (is_named(&id, names))
				return true;
	}
	return false;
}

static bool
find(const struct structure *s, X509 *certificate, struct structure_recipient *r)
{
	struct names names;
	bool found = names_init(&names, certificate) && find_recipient(s, &names, r);

	names_free(&names);
	return found;
}

bool
decrypt_is_for(const struct structure *s, X509 *certificate)
{
	struct structure_recipient r;
	bool found;

	ERR_clear_error();
	found = find(s, certificate, &r);
	ERR_clear_error();
	return found;
}

/* ---- what can be seen from outside ------------------------------------------- */

struct opening {
	const struct structure *s;
	const struct known_cipher *cipher;
	struct structure_recipient recipient;
	size_t total;           /* octets of encrypted content */
	EVP_CIPHER_CTX *ctx;    /* the chain's */
	unsigned char *to;      /* where the next octets go */
	bool unwrapped;         /* as far as OpenSSL tells */
};

static bool
add_size(struct slice piece, void *context)
{
	*(size_t *)context += piece.len;
	return true;
}

static const struct known_cipher *
find_cipher(const struct structure *s)
{
	for (size_t i = 0; i < COUNT(known_ciphers); i++)
		if (slice_eq_str(s->cipher_oid, known_ciphers[i].oid) &&
		    (known_ciphers[i].block == 0) == (s->kind == STRUCTURE_AUTH_ENVELOPED))
			return &known_ciphers[i];
	return NULL;
}

bool
decrypt_has_weak_cipher(const struct structure *s)
{
	const struct known_cipher *cipher = find_cipher(s);

	return cipher != NULL && cipher->weak;
}

static const char *
transport_name(const struct structure_recipient *r)
{
	if (r->tag != DER_SEQUENCE)
		return "ECDH";
	if (slice_eq_str(r->algorithm, OID_PKCS1("\x01")))
		return "RSA PKCS#1 v1.5";
	return slice_eq_str(r->algorithm, OID_PKCS1("\x07")) ? "RSA OAEP" : NULL;
}

static enum answer
unsupported_cipher(const struct structure *s, struct error *err)
{
	char name[80] = "an unknown one";
	ASN1_OBJECT *object = NULL;
	const unsigned char *at;
	struct buf der;

	buf_init(&der, 64);
	der_add_header(DER_OBJECT, s->cipher_oid.len, &der);
	buf_add_slice(&der, s->cipher_oid);
	at = der.data;
	if (!buf_failed(&der))
		object = d2i_ASN1_OBJECT(NULL, &at, (long)der.len);
	if (object != NULL)
		OBJ_obj2txt(name, sizeof name, object, 0);
	ASN1_OBJECT_free(object);
	buf_free(&der);
	return error_no(err, "unsupported-cipher", "the cipher cannot be used: %s", name);
}

static enum answer
malformed(struct error *err)
{
	return error_no(err, "malformed", "the envelope is malformed");
}

static enum answer
look(const struct decrypt_key *key, struct opening *o, struct decrypted *d, const struct buf *out, struct error *err)
{
	const struct structure *s = o->s;

	if (s->kind != STRUCTURE_ENVELOPED && s->kind != STRUCTURE_AUTH_ENVELOPED)
		return malformed(err);
	if (!find(s, key->certificate, &o->recipient))
		return error_no(err, "not-for-us", "the envelope does not name the certificate");
	o->cipher = find_cipher(s);
	if (o->cipher == NULL)
		return unsupported_cipher(s, err);
	d->cipher = o->cipher->name;
	d->weak = o->cipher->weak;
	d->transport = transport_name(&o->recipient);
	if (d->transport == NULL)
		return error_no(err, "unsupported-transport", "the content key's encryption is not known");
	if (!s->has_content || !der_octets(&s->content, add_size, &o->total) ||
	    (o->cipher->block > 0 && (o->total == 0 || o->total % o->cipher->block != 0)))
		return malformed(err);
	if (o->total > INT_MAX / 2 || out->len > out->limit || o->total > out->limit - out->len)
		return error_no(err, "too-large", "the content would have more than %zu octets", out->limit);
	return ANSWER_YES;
}

/* ---- opening ------------------------------------------------------------------- */

static enum answer
undecryptable(struct error *err)
{
	return error_no(err, "undecryptable", "the content cannot be decrypted");
}

/* With our recipient alone, so that OpenSSL makes few objects and chooses as we did. */
static CMS_ContentInfo *
parse(const struct opening *o)
{
	static const unsigned char version[] = {DER_INTEGER, 1, 2};
	struct structure mine = *o->s;
	CMS_ContentInfo *cms = NULL;
	const unsigned char *at;
	struct buf head, der;

	buf_init(&head, ENVELOPE_MAX);
	buf_init(&der, ENVELOPE_MAX);
	buf_add(&head, version, sizeof version);
	der_add_header(DER_SET, o->recipient.whole.len, &head);
	buf_add_slice(&head, o->recipient.whole);
	mine.head = buf_slice(&head);
	structure_add_detached(&mine, &der);
	at = der.data;
	if (!buf_failed(&head) && !buf_failed(&der))
		cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
	if (cms != NULL && at != der.data + der.len) {
		CMS_ContentInfo_free(cms);
		cms = NULL;
	}
	buf_free(&head);
	buf_free(&der);
	return cms;
}

static bool
decrypt_piece(struct slice piece, void *context)
{
	struct opening *o = context;
	int done = 0;

	if (piece.len == 0)
		return true;
	if (EVP_DecryptUpdate(o->ctx, o->to, &done, piece.data, (int)piece.len) <= 0)
		return false;
	o->to += done;
	return true;
}

/* Octets of padding (RFC 5652 6.3), 0 where it is wrong; the same work whatever they are. */
static size_t
padding(const unsigned char *end, size_t block)
{
	unsigned pad = end[-1], bad = (pad - 1) >> 8; /* all ones above for 0 */

	bad |= ((unsigned)block - pad) >> 8;
	for (unsigned i = 1; i <= block; i++) {
		unsigned within = ((i - 1 - pad) >> 8) & 0xff; /* 0xff for i <= pad */

		bad |= within & (end[-(int)i] ^ pad);
	}
	return pad & (((bad | (0u - bad)) >> 31) - 1u);
}

static bool
open_blocks(struct opening *o, struct decrypted *d, struct buf *out)
{
	size_t pad;

	EVP_CIPHER_CTX_set_padding(o->ctx, 0);
	if (!der_octets(&o->s->content, decrypt_piece, o))
		return false;
	pad = padding(out->data + out->len, o->cipher->block) & (0u - (size_t)o->unwrapped);
	d->rubbish = pad == 0;
	out->len -= pad;
	return true;
}

/* RFC 5083 2.2: what is authenticated besides is the attributes' DER, as a SET OF. */
static bool
open_authenticated(struct opening *o)
{
	static const unsigned char set = DER_SET;
	struct slice attributes = o->s->authenticated;
	unsigned char last[EVP_MAX_BLOCK_LENGTH];
	int done;

	if (attributes.len > INT_MAX / 2)
		return false;
	if (attributes.len > 0 && (EVP_DecryptUpdate(o->ctx, NULL, &done, &set, 1) <= 0 ||
	    EVP_DecryptUpdate(o->ctx, NULL, &done, attributes.data + 1, (int)attributes.len - 1) <= 0))
		return false;
	return der_octets(&o->s->content, decrypt_piece, o) && EVP_DecryptFinal_ex(o->ctx, last, &done) > 0;
}

static enum answer
open_content(struct opening *o, struct decrypted *d, struct buf *out, struct error *err)
{
	bool authenticates = o->cipher->block == 0;
	size_t begin = out->len;

	if (!buf_reserve(out, o->total + 1))
		return error_cant_tell(err, "memory", "no memory for the decrypted content");
	o->to = out->data + begin;
	out->len += o->total;
	d->authenticated = authenticates && open_authenticated(o);
	if (authenticates ? d->authenticated : open_blocks(o, d, out))
		return ANSWER_YES;
	OPENSSL_cleanse(out->data + begin, o->total);
	out->len = begin;
	return authenticates ? undecryptable(err) : malformed(err);
}

/* Where RSA fails OpenSSL goes on with a random content key and says nothing (RFC 3218 2.3.2);
 * where the unwrapping of an agreed key fails it says so, but CMS_dataInit() makes a
 * random key then. So both run on here, to the same end by the same way. */
static enum answer
open_with(CMS_ContentInfo *cms, const struct decrypt_key *key, struct opening *o, struct decrypted *d, struct buf *out,
	struct error *err)
{
	BIO *sink = BIO_new(BIO_s_mem()), *chain = NULL;
	enum answer answer;

	provider_outage_clear();
	o->unwrapped = CMS_decrypt_set1_pkey(cms, key->key, key->certificate) > 0;
	if (provider_outage())
		answer = error_cant_tell(err, "keeper-away", "the key cannot be used now");
	else if (sink == NULL)
		answer = error_cant_tell(err, "memory", "no memory for decrypting");
	else if ((chain = CMS_dataInit(cms, sink)) == NULL || BIO_get_cipher_ctx(chain, &o->ctx) <= 0)
		answer = malformed(err);
	else
		answer = open_content(o, d, out, err);
	if (chain != NULL && chain != sink)
		BIO_free(chain); /* the cipher alone: what it was pushed on is sink */
	BIO_free(sink);
	return answer;
}

enum answer
decrypt_content(const struct structure *s, const struct decrypt_key *key, struct decrypted *d, struct buf *out,
	struct error *err)
{
	struct opening o = {.s = s};
	CMS_ContentInfo *cms;
	enum answer answer;

	*d = (struct decrypted){0};
	ERR_clear_error();
	answer = look(key, &o, d, out, err);
	if (answer == ANSWER_YES && s->kind == STRUCTURE_AUTH_ENVELOPED && !structure_has_tag(s))
		answer = undecryptable(err);
	if (answer == ANSWER_YES) {
		cms = parse(&o);
		answer = cms == NULL ? malformed(err) : open_with(cms, key, &o, d, out, err);
		CMS_ContentInfo_free(cms);
	}
	ERR_clear_error();
	return answer;
}
