#include "smime/structure.h"

#include <string.h>

#define WINDOW 4096        /* octets of encrypted content that are judged at once */
#define WINDOW_MIN 512     /* from here on by their share, below by what chance allows */
#define WRAPPED_KEY_MIN 24 /* 128 bits, wrapped (RFC 3394) */
#define RSA_KEY_MIN 128    /* octets of an encrypted key: RSA of 1024 bits */
#define TAG_MIN 12         /* octets of an authentication tag (RFC 5084 3.1, 3.2) */
#define TAG_MAX 16

/* Contents of OBJECT IDENTIFIERs. */
#define OID_PKCS7(n) "\x2a\x86\x48\x86\xf7\x0d\x01\x07" n
#define OID_AES(n) "\x60\x86\x48\x01\x65\x03\x04\x01" n
#define OID_CAMELLIA(n) "\x2a\x83\x08\x8c\x9a\x4b\x3d\x01\x01\x01" n

static const char id_data[] = OID_PKCS7("\x01");
static const char id_signed_data[] = OID_PKCS7("\x02");
static const char id_enveloped_data[] = OID_PKCS7("\x03");
static const char id_auth_enveloped_data[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";
static const char id_compressed_data[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09";

/* Ciphers that really encrypt. DES, RC2 and whatever is unknown do not count. */
static const struct content_cipher {
	const char *oid;
	unsigned char parameters; /* their tag */
	size_t block;             /* of CBC: of the initialisation vector too; 0: authenticates */
} content_ciphers[] = {
	{OID_AES("\x02"), DER_OCTET_STRING, 16}, /* AES-128-CBC, RFC 3565 */
	{OID_AES("\x16"), DER_OCTET_STRING, 16},
	{OID_AES("\x2a"), DER_OCTET_STRING, 16},
	{OID_CAMELLIA("\x02"), DER_OCTET_STRING, 16}, /* RFC 3657 */
	{OID_CAMELLIA("\x03"), DER_OCTET_STRING, 16},
	{OID_CAMELLIA("\x04"), DER_OCTET_STRING, 16},
	{"\x2a\x86\x48\x86\xf7\x0d\x03\x07", DER_OCTET_STRING, 8}, /* DES-EDE3-CBC */
	{OID_AES("\x06"), DER_SEQUENCE, 0}, /* AES-128-GCM, RFC 5084 */
	{OID_AES("\x1a"), DER_SEQUENCE, 0},
	{OID_AES("\x2e"), DER_SEQUENCE, 0},
	{OID_AES("\x07"), DER_SEQUENCE, 0}, /* AES-128-CCM */
	{OID_AES("\x1b"), DER_SEQUENCE, 0},
	{OID_AES("\x2f"), DER_SEQUENCE, 0},
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x12", DER_OCTET_STRING, 0}, /* ChaCha20-Poly1305, RFC 8103 */
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* An OBJECT IDENTIFIER's octets hold no zero here: no arc of these is 0 or ends so. */
static bool
is_oid(struct slice content, const char *oid)
{
	return slice_eq_str(content, oid);
}

static bool
take_optional(struct slice *rest, unsigned char tag)
{
	struct der value;

	return rest->len == 0 || rest->data[0] != tag || der_next(rest, &value);
}

/* RecipientIdentifier, SignerIdentifier: issuer and serial number, or a key identifier. */
static bool
take_identifier(struct slice *rest, struct der *id)
{
	return der_take(rest, DER_SEQUENCE, id) || der_take(rest, DER_CONTEXT(0), id);
}

/* ---- envelopes ------------------------------------------------------------ */

bool
structure_next_key(struct slice *keys, struct der *id, struct slice *key)
{
	struct der pair, value;
	struct slice rest;

	if (!der_take(keys, DER_SEQUENCE, &pair))
		return false;
	rest = pair.content;
	if ((!der_take(&rest, DER_SEQUENCE, id) && !der_take(&rest, DER_CONTEXT_CONSTRUCTED(0), id)) ||
	    !der_only(rest, DER_OCTET_STRING, &value))
		return false;
	*key = value.content;
	return true;
}

static bool
read_algorithm(struct slice *rest, struct slice *oid)
{
	struct der algorithm, value;

	if (!der_take(rest, DER_SEQUENCE, &algorithm) || !der_take(&algorithm.content, DER_OBJECT, &value))
		return false;
	*oid = value.content;
	return true;
}

static bool
read_key_trans(struct slice rest, struct structure_recipient *r)
{
	struct der value;

	if (!der_take(&rest, DER_INTEGER, &value) || !take_identifier(&rest, &r->id) ||
	    !read_algorithm(&rest, &r->algorithm) || !der_only(rest, DER_OCTET_STRING, &value))
		return false;
	r->key = value.content;
	return true;
}

static bool
read_key_agree(struct slice rest, struct structure_recipient *r)
{
	struct der value, id;
	struct slice keys, key;

	if (!der_take(&rest, DER_INTEGER, &value) || !der_take(&rest, DER_CONTEXT_CONSTRUCTED(0), &value) ||
	    !take_optional(&rest, DER_CONTEXT_CONSTRUCTED(1)) || !read_algorithm(&rest, &r->algorithm) ||
	    !der_only(rest, DER_SEQUENCE, &value) || value.content.len == 0)
		return false;
	r->keys = keys = value.content;
	while (keys.len > 0)
		if (!structure_next_key(&keys, &id, &key))
			return false;
	return true;
}

bool
structure_next_recipient(struct slice *recipients, struct structure_recipient *r)
{
	struct der info;

	*r = (struct structure_recipient){0};
	if (!der_next(recipients, &info))
		return false;
	r->tag = info.tag;
	r->whole = info.whole;
	switch (info.tag) {
	case DER_SEQUENCE:
		return read_key_trans(info.content, r);
	case DER_CONTEXT_CONSTRUCTED(1):
		return read_key_agree(info.content, r);
	case DER_CONTEXT_CONSTRUCTED(2): /* KEKRecipientInfo */
	case DER_CONTEXT_CONSTRUCTED(3): /* PasswordRecipientInfo */
	case DER_CONTEXT_CONSTRUCTED(4): /* OtherRecipientInfo */
		return true;
	default:
		return false;
	}
}

static bool
count_recipients(struct slice rest, unsigned *count)
{
	struct structure_recipient r;

	for (*count = 0; rest.len > 0; (*count)++)
		if (*count == STRUCTURE_RECIPIENTS_MAX || !structure_next_recipient(&rest, &r))
			return false;
	return true;
}

static bool
are_wrapped_keys(struct slice keys)
{
	struct slice key;
	struct der id;

	while (structure_next_key(&keys, &id, &key))
		if (key.len < WRAPPED_KEY_MIN)
			return false;
	return true;
}

/* Passwords and keys shared beforehand are no recipients: nobody can tell here
 * who has them. They may stand beside a real one. */
static bool
has_recipient(struct slice rest)
{
	struct structure_recipient r;
	bool found = false;

	while (structure_next_recipient(&rest, &r)) {
		if ((r.tag == DER_SEQUENCE && r.key.len < RSA_KEY_MIN) || !are_wrapped_keys(r.keys))
			return false;
		found = found || r.tag == DER_SEQUENCE || r.tag == DER_CONTEXT_CONSTRUCTED(1);
	}
	return found;
}

struct sample {
	size_t total;
	size_t seen; /* of the window that is looked at */
	size_t high; /* of the seen: octets above 127 */
};

/* Half of a ciphertext's octets are above 127: it is 5.6 standard deviations to the
 * bounds here, and more in a whole window. Text of whatever script, base64 and UTF-16
 * lie outside, but for the shortest: of 32 octets nobody can tell. */
static bool
is_noise(const struct sample *sample)
{
	size_t twice = 2 * sample->high;
	size_t off = twice > sample->seen ? twice - sample->seen : sample->seen - twice;

	return sample->seen < WINDOW_MIN ? off * off <= 32 * sample->seen : off * 4 <= sample->seen;
}

static bool
take_sample(struct slice piece, void *context)
{
	struct sample *sample = context;

	sample->total += piece.len;
	while (piece.len > 0) {
		size_t n = piece.len < WINDOW - sample->seen ? piece.len : WINDOW - sample->seen;

		for (size_t i = 0; i < n; i++)
			sample->high += piece.data[i] >> 7;
		sample->seen += n;
		piece = slice_sub(piece, n, piece.len);
		if (sample->seen < WINDOW)
			break;
		if (!is_noise(sample))
			return false;
		sample->seen = sample->high = 0;
	}
	return true;
}

/* All of it: what is readable may stand behind what is not. */
static bool
looks_encrypted(const struct der *content, size_t block)
{
	struct sample sample = {0};

	return der_octets(content, take_sample, &sample) && sample.total > 0 &&
		(block == 0 || sample.total % block == 0) && is_noise(&sample);
}

static const struct content_cipher *
find_cipher(struct slice algorithm, bool authenticates)
{
	struct der oid, parameters;

	if (!der_take(&algorithm, DER_OBJECT, &oid))
		return NULL;
	for (size_t i = 0; i < COUNT(content_ciphers); i++) {
		const struct content_cipher *c = &content_ciphers[i];

		if (!is_oid(oid.content, c->oid) || (c->block == 0) != authenticates)
			continue;
		if (!der_only(algorithm, c->parameters, &parameters) ||
		    (c->block > 0 && parameters.content.len != c->block))
			return NULL;
		return c;
	}
	return NULL;
}

/* EncryptedContentInfo, RFC 5652 6.1. */
static bool
read_encrypted_content(struct slice info, struct structure *s)
{
	struct slice rest = info;
	struct der type;

	if (!der_take(&rest, DER_OBJECT, &type) || !read_algorithm(&rest, &s->cipher_oid))
		return false;
	s->id_data = is_oid(type.content, id_data);
	s->content_type = slice_sub(info, 0, info.len - rest.len);
	s->has_content = rest.len > 0;
	return !s->has_content || der_only(rest, DER_CONTEXT(0), &s->content) ||
		der_only(rest, DER_CONTEXT_CONSTRUCTED(0), &s->content);
}

/* What follows the content of AuthEnvelopedData, RFC 5083 2.1. */
static bool
read_authentication(struct slice *rest, struct structure *s)
{
	struct slice before = *rest;
	struct der tag;

	if (!take_optional(rest, DER_CONTEXT_CONSTRUCTED(1)))
		return false;
	s->authenticated = slice_sub(before, 0, before.len - rest->len);
	if (!der_take(rest, DER_OCTET_STRING, &tag))
		return false;
	s->tail = tag.whole;
	return take_optional(rest, DER_CONTEXT_CONSTRUCTED(2));
}

/* EnvelopedData, RFC 5652 6.1; AuthEnvelopedData, RFC 5083 2.1. */
static bool
read_envelope(struct slice data, struct structure *s)
{
	struct slice rest = data;
	struct der value;

	if (!der_take(&rest, DER_INTEGER, &value) || !take_optional(&rest, DER_CONTEXT_CONSTRUCTED(0)) ||
	    !der_take(&rest, DER_SET, &value) || !count_recipients(value.content, &s->recipient_infos))
		return false;
	s->recipients = value.content;
	s->head = slice_sub(data, 0, data.len - rest.len);
	if (!der_take(&rest, DER_SEQUENCE, &value) || !read_encrypted_content(value.content, s))
		return false;
	if (s->kind == STRUCTURE_AUTH_ENVELOPED ? !read_authentication(&rest, s) :
	    !take_optional(&rest, DER_CONTEXT_CONSTRUCTED(1)))
		return false;
	return rest.len == 0;
}

bool
structure_has_tag(const struct structure *s)
{
	struct der tag;

	return der_only(s->tail, DER_OCTET_STRING, &tag) && tag.content.len >= TAG_MIN && tag.content.len <= TAG_MAX;
}

/* Not merely called an envelope. */
static bool
encrypts(const struct structure *s)
{
	bool authenticates = s->kind == STRUCTURE_AUTH_ENVELOPED;
	struct slice rest = s->content_type;
	const struct content_cipher *cipher;
	struct der type, algorithm;

	if (s->recipient_infos > STRUCTURE_PARSED_RECIPIENTS_MAX || !s->has_content || !has_recipient(s->recipients) ||
	    (authenticates && !structure_has_tag(s)) || !der_take(&rest, DER_OBJECT, &type) ||
	    !der_take(&rest, DER_SEQUENCE, &algorithm))
		return false;
	cipher = find_cipher(algorithm.content, authenticates);
	return cipher != NULL && looks_encrypted(&s->content, cipher->block);
}

/* ---- signatures ----------------------------------------------------------- */

static bool
take_signer(struct slice *signer_infos, struct der *sid, struct der *signature)
{
	struct der info, value;
	struct slice rest;

	if (!der_take(signer_infos, DER_SEQUENCE, &info))
		return false;
	rest = info.content;
	return der_take(&rest, DER_INTEGER, &value) && take_identifier(&rest, sid) &&
		der_take(&rest, DER_SEQUENCE, &value) && take_optional(&rest, DER_CONTEXT_CONSTRUCTED(0)) &&
		der_take(&rest, DER_SEQUENCE, &value) && der_take(&rest, DER_OCTET_STRING, signature) &&
		signature->content.len > 0 && take_optional(&rest, DER_CONTEXT_CONSTRUCTED(1)) && rest.len == 0;
}

bool
structure_next_signer(struct slice *signer_infos, struct der *sid)
{
	struct der signature;

	return take_signer(signer_infos, sid, &signature);
}

bool
structure_next_signature(struct slice *signer_infos, struct slice *signature)
{
	struct der sid, value;

	if (!take_signer(signer_infos, &sid, &value))
		return false;
	*signature = value.content;
	return true;
}

static bool
read_content(struct slice rest, struct structure *s)
{
	struct der type, tagged;

	if (!der_take(&rest, DER_OBJECT, &type))
		return false;
	s->id_data = is_oid(type.content, id_data);
	s->content_type = type.whole;
	s->has_content = rest.len > 0;
	if (!s->has_content)
		return true;
	return der_only(rest, DER_CONTEXT_CONSTRUCTED(0), &tagged) &&
		(der_only(tagged.content, DER_OCTET_STRING, &s->content) ||
		der_only(tagged.content, DER_OCTET_STRING | DER_CONSTRUCTED, &s->content));
}

static bool
check_signers(struct slice rest)
{
	struct der sid;
	unsigned count = 0;

	while (rest.len > 0)
		if (count++ == STRUCTURE_SIGNERS_MAX || !structure_next_signer(&rest, &sid))
			return false;
	return true;
}

/* SignedData, RFC 5652 5.1. */
static bool
read_signed(struct slice data, struct structure *s)
{
	struct slice rest = data;
	struct der value;

	if (!der_take(&rest, DER_INTEGER, &value) || !der_take(&rest, DER_SET, &value))
		return false;
	s->head = slice_sub(data, 0, data.len - rest.len);
	if (!der_take(&rest, DER_SEQUENCE, &value) || !read_content(value.content, s))
		return false;
	s->tail = rest;
	if (!take_optional(&rest, DER_CONTEXT_CONSTRUCTED(0)) || !take_optional(&rest, DER_CONTEXT_CONSTRUCTED(1)) ||
	    !der_only(rest, DER_SET, &value))
		return false;
	s->signer_infos = value.content;
	if (value.content.len == 0)
		s->kind = STRUCTURE_CERTS_ONLY;
	return check_signers(s->signer_infos);
}

/* CompressedData, RFC 3274 1.1. */
static bool
read_compressed(struct slice rest, struct structure *s)
{
	struct der value;

	return der_take(&rest, DER_INTEGER, &value) && read_algorithm(&rest, &s->cipher_oid) &&
		der_only(rest, DER_SEQUENCE, &value) && read_content(value.content, s);
}

bool
structure_read(struct slice octets, struct structure *s)
{
	struct der info, type, tagged, data;
	struct slice rest;

	*s = (struct structure){0};
	if (!der_only(octets, DER_SEQUENCE, &info))
		return false;
	rest = info.content;
	if (!der_take(&rest, DER_OBJECT, &type) || !der_only(rest, DER_CONTEXT_CONSTRUCTED(0), &tagged) ||
	    !der_only(tagged.content, DER_SEQUENCE, &data))
		return false;
	s->type = type.whole;
	if (is_oid(type.content, id_signed_data)) {
		s->kind = STRUCTURE_SIGNED;
		return read_signed(data.content, s);
	}
	if (is_oid(type.content, id_compressed_data)) {
		s->kind = STRUCTURE_COMPRESSED;
		return read_compressed(data.content, s);
	}
	if (is_oid(type.content, id_enveloped_data))
		s->kind = STRUCTURE_ENVELOPED;
	else if (is_oid(type.content, id_auth_enveloped_data))
		s->kind = STRUCTURE_AUTH_ENVELOPED;
	else
		return false;
	return read_envelope(data.content, s);
}

bool
structure_parse(struct slice octets, struct structure *s)
{
	if (!structure_read(octets, s))
		return false;
	switch (s->kind) {
	case STRUCTURE_SIGNED:
		return s->id_data;
	case STRUCTURE_ENVELOPED:
	case STRUCTURE_AUTH_ENVELOPED:
		return encrypts(s);
	default: /* certificates alone are no signature, and compressing is no protection */
		return false;
	}
}

/* The ContentInfo up to the EncapsulatedContentInfo, which has that many octets. */
static void
add_head(const struct structure *s, size_t content_info, struct buf *out)
{
	size_t data = s->head.len + der_size(content_info) + s->tail.len;

	der_add_header(DER_SEQUENCE, s->type.len + der_size(der_size(data)), out);
	buf_add_slice(out, s->type);
	der_add_header(DER_CONTEXT_CONSTRUCTED(0), der_size(data), out);
	der_add_header(DER_SEQUENCE, data, out);
	buf_add_slice(out, s->head);
	der_add_header(DER_SEQUENCE, content_info, out);
	buf_add_slice(out, s->content_type);
}

void
structure_add_detached(const struct structure *s, struct buf *out)
{
	add_head(s, s->content_type.len, out);
	buf_add_slice(out, s->tail);
}

void
structure_add_attached(const struct structure *s, struct slice content, struct buf *out)
{
	size_t octets = der_size(content.len);

	add_head(s, s->content_type.len + der_size(octets), out);
	der_add_header(DER_CONTEXT_CONSTRUCTED(0), octets, out);
	der_add_header(DER_OCTET_STRING, content.len, out);
	buf_add_slice(out, content);
	buf_add_slice(out, s->tail);
}
