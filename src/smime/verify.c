#include "smime/verify.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BITS_MAX CERT_RSA_BITS_MAX  /* looked at before any arithmetic (RFC 8551 6) */
#define EC_BITS_MIN 224                 /* as strong as RSA of CERT_RSA_BITS_MIN */
#define SAME_NAME_MAX 4                 /* certificates tried for one signer: renewed ones share a key identifier */
#define HEAD_SIZE 16                    /* octets of the content that are kept */
#define CURVE_NAME_SIZE 24

enum strength {
	STRONG,
	WEAK,      /* collisions are known, or less than 128 bits of work */
	WORTHLESS, /* anybody makes collisions: it is computed for nobody */
};

static const struct digest {
	int nid;
	const char *name; /* for people, and what OpenSSL fetches it by */
	enum strength strength;
} digests[] = {
	{NID_sha256, "SHA-256", STRONG},
	{NID_sha384, "SHA-384", STRONG},
	{NID_sha512, "SHA-512", STRONG},
	{NID_sha224, "SHA-224", WEAK},
	{NID_sha1, "SHA-1", WEAK},
	{NID_md5, "MD5", WORTHLESS},
	{NID_md4, "MD4", WORTHLESS},
	{NID_md2, "MD2", WORTHLESS},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DIGESTS COUNT(digests)

/* What a certificate of the message is, read once however many signers name it: that takes
 * time, and nobody has vouched for it yet. */
struct known {
	bool read;
	struct cert *cert; /* NULL: it does not read */
	struct error why;  /* ... for this reason */
};

struct verify {
	CMS_ContentInfo *cms;
	STACK_OF(X509) *certificates;
	struct known *known; /* one for each of them */
	size_t known_count;
	const struct structure *structure;
	struct slice clear;
	BIO *computed[DIGESTS]; /* over the content, in the form in which OpenSSL takes it; NULL: not yet */
	unsigned char head[HEAD_SIZE];
	size_t head_len;
	const char *fault;      /* that makes every signature broken; NULL: none */
	int failures;           /* of arithmetic, which is what takes time */
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory to verify a signature");
}

static bool
ran_out_of_memory(void)
{
	return ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
}

/* ---- opening ---------------------------------------------------------------- */

CMS_ContentInfo *
verify_parse_detached(const struct structure *s)
{
	CMS_ContentInfo *cms = NULL;
	const unsigned char *at;
	struct buf der;

	buf_init(&der, VERIFY_DETACHED_MAX);
	structure_add_detached(s, &der);
	at = der.data;
	if (!buf_failed(&der))
		cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
	if (cms != NULL && at != der.data + der.len) {
		CMS_ContentInfo_free(cms);
		cms = NULL;
	}
	buf_free(&der);
	return cms;
}

/* Before OpenSSL makes an object of each. */
static bool
is_within(struct slice values, unsigned limit)
{
	struct der value;

	for (unsigned count = 0; der_next(&values, &value); count++)
		if (count == limit)
			return false;
	return true;
}

static enum answer
check_limits(const struct structure *s, unsigned signer_limit, unsigned certificate_limit, struct error *err)
{
	struct slice tail = s->tail;
	struct der certificates, certificate;

	if (s->head.len + s->content_type.len + s->tail.len > VERIFY_DETACHED_MAX)
		return error_no(err, "signature-size", "a signature of more than %d octets", VERIFY_DETACHED_MAX);
	if (!is_within(s->signer_infos, signer_limit))
		return error_no(err, "signers", "more than %u signers", signer_limit);
	if (!der_take(&tail, DER_CONTEXT_CONSTRUCTED(0), &certificates))
		return ANSWER_YES;
	if (!is_within(certificates.content, certificate_limit))
		return error_no(err, "certificates", "more than %u certificates in one signature", certificate_limit);
	while (der_next(&certificates.content, &certificate))
		if (certificate.whole.len > CERT_DER_MAX)
			return error_no(err, "certificate-size", "a certificate of %zu octets; at most %d are read",
				certificate.whole.len, CERT_DER_MAX);
	return ANSWER_YES;
}

static bool
any_piece(struct slice piece, void *context)
{
	(void)piece;
	(void)context;
	return true;
}

/* What makes every signature broken, whoever's it is. */
static const char *
fault_of_content(const struct verify *v)
{
	if (v->structure->has_content && v->clear.data != NULL)
		return "the signature holds content of its own";
	if (!v->structure->has_content && v->clear.data == NULL)
		return "the signature is without the content that was signed";
	if (v->structure->has_content && !der_octets(&v->structure->content, any_piece, NULL))
		return "the content's octets are malformed";
	if (OBJ_obj2nid(CMS_get0_eContentType(v->cms)) != NID_pkcs7_data)
		return "what is signed is not called mail (id-data)";
	return NULL;
}

static STACK_OF(X509) *
certificates_of(CMS_ContentInfo *cms)
{
	STACK_OF(X509) *certificates = CMS_get1_certs(cms); /* NULL also where there are none */

	return certificates != NULL ? certificates : sk_X509_new_null();
}

static bool
make_known(struct verify *v)
{
	v->known = calloc((size_t)sk_X509_num(v->certificates) + 1, sizeof *v->known);
	if (v->known != NULL)
		v->known_count = (size_t)sk_X509_num(v->certificates);
	return v->known != NULL;
}

enum answer
verify_open(const struct structure *s, struct slice clear, unsigned signer_limit, unsigned certificate_limit,
	struct verify **v, struct error *err)
{
	enum answer answer = check_limits(s, signer_limit, certificate_limit, err);

	*v = NULL;
	if (answer != ANSWER_YES)
		return answer;
	*v = calloc(1, sizeof **v);
	if (*v == NULL)
		return no_memory(err);
	ERR_clear_error();
	(*v)->structure = s;
	(*v)->clear = clear;
	(*v)->cms = verify_parse_detached(s);
	if ((*v)->cms != NULL)
		(*v)->certificates = certificates_of((*v)->cms);
	if ((*v)->cms == NULL)
		answer = error_no(err, "malformed", "a SignedData that OpenSSL does not read");
	else if ((*v)->certificates == NULL || !make_known(*v))
		answer = no_memory(err);
	else
		(*v)->fault = fault_of_content(*v);
	ERR_clear_error();
	if (answer != ANSWER_YES) {
		verify_close(*v);
		*v = NULL;
	}
	return answer;
}

void
verify_close(struct verify *v)
{
	if (v == NULL)
		return;
	for (size_t i = 0; i < DIGESTS; i++)
		BIO_free(v->computed[i]);
	for (size_t i = 0; i < v->known_count; i++)
		cert_unref(v->known[i].cert);
	free(v->known);
	sk_X509_pop_free(v->certificates, X509_free);
	CMS_ContentInfo_free(v->cms);
	free(v);
}

size_t
verify_signer_count(const struct verify *v)
{
	int count = sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(v->cms));

	return count < 0 ? 0 : (size_t)count;
}

/* ---- the content's digest ----------------------------------------------------- */

struct feed {
	struct verify *verify;
	EVP_MD_CTX *ctx;
};

static bool
digest_piece(struct slice piece, void *context)
{
	struct feed *feed = context;
	struct verify *v = feed->verify;
	struct slice head = slice_sub(piece, 0, HEAD_SIZE - v->head_len);

	if (head.len > 0)
		memcpy(v->head + v->head_len, head.data, head.len);
	v->head_len += head.len;
	return EVP_DigestUpdate(feed->ctx, piece.data, piece.len) > 0;
}

bool
verify_canonical(struct slice text, der_take_piece *take, void *context)
{
	size_t begin = 0, end;
	bool good = true;

	for (end = slice_find(text, '\n', 0); good && end < text.len; end = slice_find(text, '\n', end + 1)) {
		if (end > 0 && text.data[end - 1] == '\r')
			continue;
		good = take(slice_sub(text, begin, end), context) && take(slice_str("\r"), context);
		begin = end;
	}
	return good && take(slice_sub(text, begin, text.len), context);
}

/* NULL: no memory, or the library lacks it. */
static BIO *
compute(struct verify *v, size_t which)
{
	BIO *bio = BIO_new(BIO_f_md());
	EVP_MD *md = EVP_MD_fetch(NULL, OBJ_nid2sn(digests[which].nid), NULL);
	struct feed feed = {.verify = v};
	bool good;

	v->head_len = 0;
	good = bio != NULL && md != NULL && BIO_set_md(bio, md) > 0 && BIO_get_md_ctx(bio, &feed.ctx) > 0 &&
		(v->structure->has_content ? der_octets(&v->structure->content, digest_piece, &feed) :
		verify_canonical(v->clear, digest_piece, &feed));
	EVP_MD_free(md); /* the context holds a reference of its own */
	if (good)
		return bio;
	BIO_free(bio);
	return NULL;
}

/* Could the content's beginning be that of a SET of attributes? No header field's is: its
 * third value, an OBJECT IDENTIFIER, begins with a control character. */
static bool
looks_like_attributes(const struct verify *v)
{
	static const unsigned char tags[] = {DER_SET, DER_SEQUENCE, DER_OBJECT};
	size_t at = 0;

	for (size_t i = 0; i < COUNT(tags); i++) {
		if (at + 1 >= v->head_len || v->head[at] != tags[i])
			return false;
		at += 2 + (v->head[at + 1] < 0x80 ? 0 : v->head[at + 1] & 0x7f);
	}
	return true;
}

/* ---- signed attributes (RFC 5652 11, RFC 8551 2.5) ------------------------------ */

/* At most one such attribute, with one value: *value is it, or NULL. */
static bool
take_attribute(CMS_SignerInfo *si, int nid, const ASN1_TYPE **value)
{
	int at = CMS_signed_get_attr_by_NID(si, nid, -1);
	X509_ATTRIBUTE *attribute;

	*value = NULL;
	if (at < 0)
		return true;
	attribute = CMS_signed_get_attr(si, at);
	if (CMS_signed_get_attr_by_NID(si, nid, at) >= 0 || X509_ATTRIBUTE_count(attribute) != 1)
		return false;
	*value = X509_ATTRIBUTE_get0_type(attribute, 0);
	return *value != NULL;
}

static void
read_signing_time(const ASN1_TYPE *value, struct verify_signer *signer)
{
	struct tm tm;

	if (value == NULL || (value->type != V_ASN1_UTCTIME && value->type != V_ASN1_GENERALIZEDTIME) ||
	    ASN1_TIME_to_tm(value->value.asn1_string, &tm) != 1)
		return;
	signer->has_signing_time = true;
	signer->signing_time = timegm(&tm);
}

/* The fault's name; NULL: there is none. What the message-digest says is looked at later. */
static const char *
fault_of_attributes(CMS_SignerInfo *si, struct verify_signer *signer)
{
	const ASN1_TYPE *type, *digest, *time, *other;

	if (!take_attribute(si, NID_pkcs9_contentType, &type) || type == NULL || type->type != V_ASN1_OBJECT)
		return "there is not exactly one content-type attribute";
	if (OBJ_obj2nid(type->value.object) != NID_pkcs7_data)
		return "it was signed as another type of content";
	if (!take_attribute(si, NID_pkcs9_messageDigest, &digest) || digest == NULL ||
	    digest->type != V_ASN1_OCTET_STRING)
		return "there is not exactly one message-digest attribute";
	if (!take_attribute(si, NID_pkcs9_signingTime, &time))
		return "there is more than one signing-time";
	if (!take_attribute(si, NID_SMIMECapabilities, &other))
		return "there is more than one SMIMECapabilities attribute";
	if (!take_attribute(si, NID_id_smime_aa_encrypKeyPref, &other))
		return "there is more than one encryption key preference";
	read_signing_time(time, signer);
	return NULL;
}

/* ---- ESS signing-certificate (RFC 5035 5) ----------------------------------------- */

/* The hash algorithm of an ESSCertIDv2: SHA-256 where there is none. NULL: unknown. */
static const EVP_MD *
ess_digest(struct slice *rest)
{
	struct der algorithm, oid;
	const unsigned char *at;
	ASN1_OBJECT *object;
	const EVP_MD *md;

	if (!der_take(rest, DER_SEQUENCE, &algorithm))
		return EVP_sha256();
	if (!der_take(&algorithm.content, DER_OBJECT, &oid))
		return NULL;
	at = oid.whole.data;
	object = d2i_ASN1_OBJECT(NULL, &at, (long)oid.whole.len);
	md = object == NULL ? NULL : EVP_get_digestbyobj(object);
	ASN1_OBJECT_free(object);
	return md;
}

/* Its first ESSCertID is the signer's. */
static bool
ess_names(const ASN1_TYPE *value, bool v2, X509 *certificate)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = sizeof hash;
	const EVP_MD *md = EVP_sha1();
	struct der outer, ids, id, said;

	if (value->type != V_ASN1_SEQUENCE ||
	    !der_only(slice_of(value->value.sequence->data, (size_t)value->value.sequence->length), DER_SEQUENCE,
		&outer) ||
	    !der_take(&outer.content, DER_SEQUENCE, &ids) || !der_take(&ids.content, DER_SEQUENCE, &id))
		return false;
	if (v2)
		md = ess_digest(&id.content);
	return md != NULL && der_take(&id.content, DER_OCTET_STRING, &said) &&
		X509_digest(certificate, md, hash, &len) == 1 && slice_eq(said.content, slice_of(hash, len));
}

static bool
ess_matches(CMS_SignerInfo *si, X509 *certificate)
{
	const ASN1_TYPE *first, *second;

	return take_attribute(si, NID_id_smime_aa_signingCertificate, &first) &&
		take_attribute(si, NID_id_smime_aa_signingCertificateV2, &second) &&
		(first == NULL || ess_names(first, false, certificate)) &&
		(second == NULL || ess_names(second, true, certificate));
}

/* ---- algorithms -------------------------------------------------------------------- */

/* Its place in digests; DIGESTS: unknown. */
static size_t
digest_of(CMS_SignerInfo *si)
{
	const ASN1_OBJECT *oid;
	X509_ALGOR *algorithm;
	size_t i = 0;

	CMS_SignerInfo_get0_algs(si, NULL, NULL, &algorithm, NULL);
	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	while (i < DIGESTS && digests[i].nid != OBJ_obj2nid(oid))
		i++;
	return i;
}

/* The key's kind that the signatureAlgorithm asks for; old programs name the key's
 * algorithm, others the signature's. */
static int
signature_nid(CMS_SignerInfo *si)
{
	const ASN1_OBJECT *oid;
	X509_ALGOR *algorithm;
	int nid, key;

	CMS_SignerInfo_get0_algs(si, NULL, NULL, NULL, &algorithm);
	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	nid = OBJ_obj2nid(oid);
	if (nid == NID_rsassaPss || OBJ_find_sigid_algs(nid, NULL, &key) != 1)
		return nid;
	return key;
}

static bool
is_named_curve(const EVP_PKEY *key, char name[CURVE_NAME_SIZE])
{
	int explicit_parameters = 0;
	const char *nist;
	size_t len;

	EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_parameters);
	if (explicit_parameters != 0 || EVP_PKEY_get_group_name(key, name, CURVE_NAME_SIZE, &len) != 1)
		return false;
	nist = EC_curve_nid2nist(OBJ_sn2nid(name));
	if (nist != NULL)
		snprintf(name, CURVE_NAME_SIZE, "%s", nist);
	return true;
}

/* Says what it is signed with; false: nothing that can be verified here, or that would
 * take long. */
static bool
read_algorithm(CMS_SignerInfo *si, const EVP_PKEY *key, struct verify_signer *signer)
{
	char curve[CURVE_NAME_SIZE];
	int nid = signature_nid(si), bits = key == NULL ? 0 : EVP_PKEY_get_bits(key);
	bool rsa = key != NULL && EVP_PKEY_is_a(key, "RSA");
	const char *name = NULL;

	if (key == NULL || bits > KEY_BITS_MAX)
		return false;
	if (nid == NID_rsassaPss && (rsa || EVP_PKEY_is_a(key, "RSA-PSS")))
		name = "RSA-PSS";
	else if (nid == NID_rsaEncryption && rsa)
		name = "RSA PKCS#1 v1.5";
	else if ((nid == NID_dsa || nid == NID_dsa_2) && EVP_PKEY_is_a(key, "DSA"))
		name = "DSA";
	if (name != NULL)
		snprintf(signer->algorithm, sizeof signer->algorithm, "%s, %d bits", name, bits);
	else if (nid == NID_X9_62_id_ecPublicKey && EVP_PKEY_is_a(key, "EC") && is_named_curve(key, curve))
		snprintf(signer->algorithm, sizeof signer->algorithm, "ECDSA, %s", curve);
	return signer->algorithm[0] != '\0';
}

/* An intact signature is worth what it rests on. */
static void
judge_strength(const struct digest *digest, const EVP_PKEY *key, struct verify_signer *signer)
{
	int bits = EVP_PKEY_get_bits(key), least = EVP_PKEY_is_a(key, "EC") ? EC_BITS_MIN : CERT_RSA_BITS_MIN;

	signer->weak_algorithm = digest->strength != STRONG || EVP_PKEY_is_a(key, "DSA");
	signer->weak = signer->weak_algorithm || bits < least;
	if (digest->strength != STRONG)
		error_no(&signer->reason, "weak", "the digest %s is weak", digest->name);
	else if (bits < least)
		error_no(&signer->reason, "weak", "a key of %d bits is weak", bits);
	else if (signer->weak)
		error_no(&signer->reason, "weak", "DSA is no longer permitted");
}

/* ---- one signer ---------------------------------------------------------------------- */

static enum answer
broken(struct verify_signer *signer, const char *words)
{
	signer->intact = VERIFY_BROKEN;
	error_no(&signer->reason, "broken", "%s", words);
	return ANSWER_YES;
}

static enum answer
unsupported(struct verify_signer *signer, const char *what)
{
	signer->intact = VERIFY_UNSUPPORTED;
	error_no(&signer->reason, "unsupported", "unsupported algorithm: %s", what);
	return ANSWER_YES;
}

/* Whatever it says, somebody else can have said it. */
static enum answer
never_accepted(struct verify_signer *signer, const char *what)
{
	signer->intact = VERIFY_UNSUPPORTED;
	error_no(&signer->reason, "unsupported", "%s is never accepted", what);
	return ANSWER_YES;
}

/* Without signed attributes the signature is over the content, which then must not be able to
 * pass for attributes that somebody signed elsewhere. OpenSSL's verify_content does both:
 * it compares the message-digest, or verifies the signature. */
static enum answer
verify_arithmetic(struct verify *v, CMS_SignerInfo *si, BIO *content, struct verify_signer *signer, struct error *err)
{
	if (!signer->signed_attributes && looks_like_attributes(v))
		return broken(signer, "the content could be attributes that were signed elsewhere");
	ERR_clear_error();
	if (CMS_SignerInfo_verify_content(si, content) <= 0)
		broken(signer, signer->signed_attributes ? "the content has been altered" :
			"the content or the signature has been altered");
	else if (signer->signed_attributes && CMS_SignerInfo_verify(si) <= 0)
		broken(signer, "the signature is not by the certificate's key, or has been altered");
	if (ran_out_of_memory())
		return no_memory(err);
	v->failures += signer->intact != VERIFY_INTACT;
	return ANSWER_YES;
}

/* The content is digested where no signer before has asked for that digest. */
static enum answer
digest_content(struct verify *v, size_t which, struct verify_signer *signer, struct error *err)
{
	ERR_clear_error();
	if (v->computed[which] == NULL)
		v->computed[which] = compute(v, which);
	if (v->computed[which] != NULL)
		return ANSWER_YES;
	if (ran_out_of_memory())
		return no_memory(err);
	return unsupported(signer, digests[which].name);
}

static enum answer
read_certificate(X509 *certificate, struct known *known, struct verify_signer *signer, struct error *err)
{
	if (!known->read && cert_from_x509(certificate, &known->cert, &known->why) == ANSWER_CANT_TELL)
		return no_memory(err);
	known->read = true;
	signer->certificate = known->cert == NULL ? NULL : cert_ref(known->cert);
	signer->reason = known->why;
	return ANSWER_YES;
}

/* With one certificate. What is not known is said before what is broken. */
static enum answer
judge(struct verify *v, CMS_SignerInfo *si, X509 *certificate, struct known *known, struct verify_signer *signer,
	struct error *err)
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	size_t which = digest_of(si);
	const char *fault;
	enum answer answer;

	if (read_certificate(certificate, known, signer, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	if (which < DIGESTS)
		snprintf(signer->digest, sizeof signer->digest, "%s", digests[which].name);
	if (v->fault != NULL)
		return broken(signer, v->fault);
	if (!read_algorithm(si, key, signer))
		return unsupported(signer, "a signature of a kind or size that is not known here");
	if (which == DIGESTS)
		return unsupported(signer, "a digest that is not known here");
	if (digests[which].strength == WORTHLESS)
		return never_accepted(signer, digests[which].name);
	if (cert_key_is_broken(key))
		return never_accepted(signer, signer->algorithm);
	fault = signer->signed_attributes ? fault_of_attributes(si, signer) : NULL;
	if (fault != NULL)
		return broken(signer, fault);
	if (!ess_matches(si, certificate))
		return broken(signer, "signing-certificate names another certificate");
	CMS_SignerInfo_set1_signer_cert(si, certificate);
	signer->intact = VERIFY_INTACT;
	answer = digest_content(v, which, signer, err);
	if (answer == ANSWER_YES && signer->intact == VERIFY_INTACT)
		answer = verify_arithmetic(v, si, v->computed[which], signer, err);
	if (answer == ANSWER_YES && signer->intact == VERIFY_INTACT) {
		if (signer->certificate != NULL)
			signer->reason = ERROR_NONE;
		judge_strength(&digests[which], key, signer);
	}
	return answer;
}

/* A signer's word counts only where it is the signer's. */
static enum answer
judge_with(struct verify *v, CMS_SignerInfo *si, X509 *certificate, struct known *known,
	struct verify_signer *signer, struct error *err)
{
	enum answer answer;

	verify_signer_free(signer);
	signer->signed_attributes = CMS_signed_get_attr_count(si) >= 0;
	answer = judge(v, si, certificate, known, signer, err);
	if (signer->intact != VERIFY_INTACT)
		signer->has_signing_time = false;
	if (answer != ANSWER_YES)
		verify_signer_free(signer);
	ERR_clear_error();
	return answer;
}

enum answer
verify_one(struct verify *v, size_t i, X509 *certificate, struct verify_signer *signer, struct error *err)
{
	CMS_SignerInfo *si = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(v->cms), (int)i);
	enum answer answer = ANSWER_YES;
	int tried = 0;

	*signer = (struct verify_signer){.intact = VERIFY_NO_CERTIFICATE};
	error_no(&signer->reason, "no-certificate", "the message does not hold the signer's certificate");
	if (certificate != NULL && CMS_SignerInfo_cert_cmp(si, certificate) != 0)
		return broken(signer, "it is by another certificate");
	if (certificate != NULL) {
		struct known given = {.why = ERROR_NONE};

		answer = judge_with(v, si, certificate, &given, signer, err);
		cert_unref(given.cert);
		return answer;
	}
	for (int k = 0; k < sk_X509_num(v->certificates) && tried < SAME_NAME_MAX; k++) {
		X509 *own = sk_X509_value(v->certificates, k);

		if (CMS_SignerInfo_cert_cmp(si, own) != 0)
			continue;
		/* Each signer has one try, and all together a few more: else many signers times many
		 * certificates are much work for a small message. */
		if (tried > 0 && v->failures >= SAME_NAME_MAX)
			break;
		tried++;
		answer = judge_with(v, si, own, &v->known[k], signer, err);
		if (answer != ANSWER_YES || signer->intact == VERIFY_INTACT)
			break;
	}
	if (tried == 0 && v->fault != NULL)
		return broken(signer, v->fault);
	return answer;
}

void
verify_signer_free(struct verify_signer *signer)
{
	cert_unref(signer->certificate);
	*signer = (struct verify_signer){.reason = ERROR_NONE};
}

/* ---- all of them ------------------------------------------------------------------- */

enum answer
verify_signatures(const struct structure *s, struct slice clear, unsigned signer_limit, unsigned certificate_limit,
	struct verified *v, struct error *err)
{
	struct verify *run;
	enum answer answer = verify_open(s, clear, signer_limit, certificate_limit, &run, err);
	size_t count;

	*v = (struct verified){0};
	if (answer != ANSWER_YES)
		return answer;
	count = verify_signer_count(run);
	v->signers = calloc(count + 1, sizeof *v->signers);
	if (v->signers == NULL)
		answer = no_memory(err);
	for (; answer == ANSWER_YES && v->signer_count < count; v->signer_count++)
		answer = verify_one(run, v->signer_count, NULL, &v->signers[v->signer_count], err);
	v->certificates = run->certificates;
	run->certificates = NULL;
	verify_close(run);
	if (answer != ANSWER_YES)
		verified_free(v);
	return answer;
}

void
verified_free(struct verified *v)
{
	if (v == NULL)
		return;
	for (size_t i = 0; i < v->signer_count; i++)
		verify_signer_free(&v->signers[i]);
	free(v->signers);
	sk_X509_pop_free(v->certificates, X509_free);
	*v = (struct verified){0};
}
