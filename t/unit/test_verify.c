/* Intact is what nobody has altered; what nobody here can judge is neither. */
#include "unit.h"

#include "authority.h"
#include "keys/key.h"
#include "smime/sign.h"
#include "smime/verify.h"
#include "smime_fixture.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include <string.h>

#define LIMIT ((size_t)1 << 26)
#define TEXT "Content-Type: text/plain\r\n\r\nhello\r\n"
#define OTHER "Content-Type: text/plain\r\n\r\nhullo\r\n"

static const struct slice none;

static void
setup(void)
{
	ck_assert_int_eq(algorithms_load(NULL), ANSWER_YES);
}

/* ---- making --------------------------------------------------------------------- */

static struct key_identity
identity_of(const char *name, const char *key)
{
	struct authority_wish wish = {.name = name, .key = key};

	return (struct key_identity){
		.name = (char *)(uintptr_t)name,
		.certificate = authority_issue(&wish),
		.key = authority_key(key),
		.chain = sk_X509_new_null(),
	};
}

static void
identity_end(struct key_identity *identity)
{
	X509_free(identity->certificate);
	sk_X509_pop_free(identity->chain, X509_free);
}

static void
sign(const struct key_identity *signer, bool detached, bool pss, struct buf *der)
{
	struct sign_options options = {.digest = DIGEST_SHA256, .detached = detached, .now = FIXTURE_NOW,
		.rsa_signature = pss ? RSA_SIGNATURE_PSS : RSA_SIGNATURE_PKCS1};

	buf_init(der, LIMIT);
	ck_assert_int_eq(sign_entity(slice_str(TEXT), signer, &options, der, NULL), ANSWER_YES);
}

/* type: of the signed content. The attribute extra, pkcs-9 99, becomes another of that arc; 0: none. */
struct made {
	const EVP_MD *digest;
	unsigned flags;
	int type;
	unsigned char extra;
	const struct key_identity *second;
};

static void
add_extra(CMS_SignerInfo *si)
{
	ASN1_OBJECT *extra = OBJ_txt2obj("1.2.840.113549.1.9.99", 1);

	ck_assert_int_eq(CMS_signed_add1_attr_by_OBJ(si, extra, V_ASN1_OCTET_STRING, "x", 1), 1);
	ASN1_OBJECT_free(extra);
}

static void
make_slice(const struct key_identity *signer, const struct made *made, struct slice content, struct buf *der)
{
	static const char extra[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x63";
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_BINARY);
	BIO *in = BIO_new_mem_buf(content.data, (int)content.len);
	unsigned flags = CMS_PARTIAL | CMS_BINARY | made->flags;
	unsigned char *octets = NULL;
	CMS_SignerInfo *si;
	int len;

	if (made->type != 0)
		ck_assert_int_eq(CMS_set1_eContentType(cms, OBJ_nid2obj(made->type)), 1);
	si = CMS_add1_signer(cms, signer->certificate, signer->key, made->digest, flags);
	ck_assert_ptr_nonnull(si);
	if (made->second != NULL)
		ck_assert_ptr_nonnull(CMS_add1_signer(cms, made->second->certificate, made->second->key, made->digest, flags));
	if (made->extra != 0)
		add_extra(si);
	ck_assert_int_eq(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	len = i2d_CMS_ContentInfo(cms, &octets);
	buf_init(der, LIMIT);
	buf_add(der, octets, (size_t)len);
	if (made->extra != 0)
		der->data[slice_find_slice(buf_slice(der), slice_str(extra)) + 8] = made->extra;
	OPENSSL_free(octets);
	BIO_free(in);
	CMS_ContentInfo_free(cms);
}

static void
make(const struct key_identity *signer, const struct made *made, struct buf *der)
{
	make_slice(signer, made, slice_str(TEXT), der);
}

/* ---- looking ---------------------------------------------------------------------- */

static struct verified
verify(struct slice der, struct slice clear)
{
	struct error err = ERROR_NONE;
	struct structure s;
	struct verified v;

	ck_assert(structure_read(der, &s));
	ck_assert_msg(verify_signatures(&s, clear, 20, 100, &v, &err) == ANSWER_YES, "%s", err.words);
	ck_assert_ptr_nonnull(v.certificates);
	return v;
}

/* words: in the reason; NULL: there is none. */
static void
assert_signer(const struct verify_signer *signer, enum verify_intact intact, bool weak, const char *words)
{
	ck_assert_msg(signer->intact == intact, "%d: %s", signer->intact, signer->reason.words);
	ck_assert_int_eq(signer->weak, weak);
	if (words == NULL)
		ck_assert_int_eq(signer->reason.answer, ANSWER_YES);
	else
		ck_assert_msg(strstr(signer->reason.words, words) != NULL, "%s", signer->reason.words);
}

static void
assert_one(struct slice der, struct slice clear, enum verify_intact intact, bool weak, const char *words)
{
	struct verified v = verify(der, clear);

	ck_assert_uint_eq(v.signer_count, 1);
	assert_signer(&v.signers[0], intact, weak, words);
	verified_free(&v);
}

/* ---- good ones ---------------------------------------------------------------------- */

START_TEST(what_is_intact)
{
	static const struct {
		const char *key, *algorithm;
		bool pss;
	} rows[] = {
		{"RSA:2048", "RSA PKCS#1 v1.5, 2048 bits", false},
		{"RSA:2048", "RSA-PSS, 2048 bits", true},
		{"P-256", "ECDSA, P-256", false},
		{"P-384", "ECDSA, P-384", false},
		{"P-521", "ECDSA, P-521", false},
	};
	struct key_identity signer = identity_of("alice", rows[_i].key);
	struct verified v;
	struct buf der;

	for (int detached = 0; detached <= 1; detached++) {
		sign(&signer, detached, rows[_i].pss, &der);
		v = verify(buf_slice(&der), detached ? slice_str(TEXT) : none);
		ck_assert_uint_eq(v.signer_count, 1);
		assert_signer(&v.signers[0], VERIFY_INTACT, false, NULL);
		ck_assert_str_eq(v.signers[0].digest, "SHA-256");
		ck_assert_str_eq(v.signers[0].algorithm, rows[_i].algorithm);
		ck_assert_str_eq(v.signers[0].certificate->subject, "CN=alice");
		ck_assert(v.signers[0].has_signing_time);
		ck_assert_int_eq(v.signers[0].signing_time, FIXTURE_NOW);
		ck_assert_int_eq(sk_X509_num(v.certificates), 1);
		verified_free(&v);
		buf_free(&der);
	}
	identity_end(&signer);
}
END_TEST

START_TEST(line_ends_are_made_canonical)
{
	struct key_identity signer = identity_of("alice", "P-256");
	struct buf der;

	sign(&signer, true, false, &der);
	assert_one(buf_slice(&der), slice_str("Content-Type: text/plain\n\nhello\r\n"), VERIFY_INTACT, false, NULL);
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

START_TEST(without_attributes)
{
	static const struct made made = {.flags = CMS_NOATTR};
	struct key_identity signer = identity_of("alice", _i == 0 ? "P-256" : "RSA:2048");
	struct buf der;

	make(&signer, &made, &der);
	assert_one(buf_slice(&der), none, VERIFY_INTACT, false, NULL);
	der.data[slice_find_slice(buf_slice(&der), slice_str("hello"))] = 'H';
	assert_one(buf_slice(&der), none, VERIFY_BROKEN, false, "altered");
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

/* Constructed, of indefinite length, an octet a piece. */
START_TEST(content_in_pieces)
{
	struct key_identity signer = identity_of("alice", "P-256");
	struct buf der, content, data;
	struct structure s;

	sign(&signer, false, false, &der);
	ck_assert(structure_parse(buf_slice(&der), &s));
	buf_init(&content, LIMIT);
	buf_add(&content, "\xa0\x80\x24\x80", 4);
	for (const char *at = TEXT; *at != '\0'; at++) {
		buf_add(&content, "\x04\x01", 2);
		buf_add_byte(&content, (unsigned char)*at);
	}
	buf_add(&content, "\0\0\0\0", 4);
	buf_init(&data, LIMIT);
	buf_add(&data, "\x30\x80", 2);
	buf_add_slice(&data, s.type);
	buf_add(&data, "\xa0\x80\x30\x80", 4);
	buf_add_slice(&data, s.head);
	buf_add(&data, "\x30\x80", 2);
	buf_add_slice(&data, s.content_type);
	buf_add_slice(&data, buf_slice(&content));
	buf_add(&data, "\0\0", 2);
	buf_add_slice(&data, s.tail);
	buf_add(&data, "\0\0\0\0\0\0", 6);
	assert_one(buf_slice(&data), none, VERIFY_INTACT, false, NULL);
	data.data[slice_find_slice(buf_slice(&data), slice_str("\x04\x01h\x04\x01" "e")) + 2] = 'H';
	assert_one(buf_slice(&data), none, VERIFY_BROKEN, false, "altered");
	buf_free(&data);
	buf_free(&content);
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

/* Renewed certificates stand before the one that signed: a SET is sorted. */
START_TEST(the_right_one_of_two_certificates)
{
	struct key_identity signer = identity_of("alice", "RSA:2048");
	struct buf der;

	for (int i = 0; i < 3; i++) {
		X509 *renewed = X509_dup(signer.certificate);

		ASN1_TIME_set(X509_getm_notAfter(renewed), FIXTURE_NOW + (i + 7) * AUTHORITY_DAY);
		ck_assert_int_gt(X509_sign(renewed, signer.key, EVP_sha256()), 0);
		sk_X509_push(signer.chain, renewed);
	}
	sign(&signer, true, false, &der);
	assert_one(buf_slice(&der), slice_str(TEXT), VERIFY_INTACT, false, NULL);
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

/* ---- weak and unknown ------------------------------------------------------------------ */

START_TEST(what_is_weak)
{
	static const struct {
		const char *key, *words;
		int digest;
	} rows[] = {
		{"RSA:2048", "SHA-1", NID_sha1},
		{"P-256", "SHA-224", NID_sha224},
		{"RSA:1024", "1024 bits", NID_sha256},
		{"DSA:2048", "DSA", NID_sha256},
		{"P-192", "192 bits", NID_sha256},
	};
	struct key_identity signer = identity_of("alice", rows[_i].key);
	struct made made = {.digest = EVP_get_digestbynid(rows[_i].digest)};
	struct buf der;

	make(&signer, &made, &der);
	assert_one(buf_slice(&der), none, VERIFY_INTACT, true, rows[_i].words);
	der.data[slice_find_slice(buf_slice(&der), slice_str("hello"))] = 'H';
	assert_one(buf_slice(&der), none, VERIFY_BROKEN, false, "altered");
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

/* Whoever accepts what is weak has not asked for these. oid: what the digest's, MD5's, becomes at its end. */
START_TEST(what_is_never_accepted)
{
	static const struct {
		const char *key, *words, *digest;
		int nid;
		unsigned char oid;
	} rows[] = {
		{"RSA:2048", "MD5 is never accepted", "MD5", NID_md5, 5},
		{"RSA:2048", "MD4 is never accepted", "MD4", NID_md5, 4},
		{"RSA:2048", "MD2 is never accepted", "MD2", NID_md5, 2},
		{"RSA:1016", "1016 bits is never accepted", "SHA-256", NID_sha256, 0},
		{"secp128r1", "secp128r1 is never accepted", "SHA-256", NID_sha256, 0},
	};
	static const char md5[] = "\x2a\x86\x48\x86\xf7\x0d\x02\x05";
	struct key_identity signer = identity_of("alice", rows[_i].key);
	struct made made = {.digest = EVP_get_digestbynid(rows[_i].nid)};
	struct structure s;
	struct verified v;
	struct buf der;

	make(&signer, &made, &der);
	ck_assert(structure_read(buf_slice(&der), &s));
	if (rows[_i].oid != 0)
		der.data[(size_t)(s.signer_infos.data - der.data) + slice_find_slice(s.signer_infos, slice_str(md5)) + 7] =
			rows[_i].oid;
	v = verify(buf_slice(&der), none);
	assert_signer(&v.signers[0], VERIFY_UNSUPPORTED, false, rows[_i].words);
	ck_assert_str_eq(v.signers[0].digest, rows[_i].digest);
	ck_assert(!v.signers[0].has_signing_time);
	verified_free(&v);
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

/* Any curve that has a name will do for others' signatures; with parameters of its own, it
 * may be one made so that the key is known (RFC 5480 2.1.1). */
START_TEST(other_curves)
{
	struct key_identity signer = identity_of("alice", "brainpoolP256r1");
	struct made made = {.digest = EVP_sha256()};
	struct verified v;
	struct buf der;

	make(&signer, &made, &der);
	v = verify(buf_slice(&der), none);
	assert_signer(&v.signers[0], VERIFY_INTACT, false, NULL);
	ck_assert_str_eq(v.signers[0].algorithm, "ECDSA, brainpoolP256r1");
	verified_free(&v);
	buf_free(&der);
	identity_end(&signer);
	ck_assert_int_eq(EVP_PKEY_set_utf8_string_param(authority_key("P-224"), OSSL_PKEY_PARAM_EC_ENCODING, "explicit"), 1);
	signer = identity_of("alice", "P-224");
	make(&signer, &made, &der);
	assert_one(buf_slice(&der), none, VERIFY_UNSUPPORTED, false, "unsupported algorithm");
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

/* The SignerInfo names the certificate; the algorithm is one that nobody knows. */
START_TEST(what_nobody_knows_is_not_broken)
{
	static const char ecdsa[] = "\x2a\x86\x48\xce\x3d\x04\x03\x02", sha256[] = "\x60\x86\x48\x01\x65\x03\x04\x02\x01";
	struct key_identity signer = identity_of("alice", "P-256");
	struct structure s;
	struct verify *run;
	struct verify_signer judged;
	struct buf der;
	X509 *ed;
	size_t at;

	sign(&signer, true, false, &der);
	/* A certificate of the same name and number with an Ed25519 key. */
	ed = X509_dup(signer.certificate);
	X509_set_pubkey(ed, authority_key("ED25519"));
	X509_sign(ed, authority_key("ED25519"), NULL);
	ck_assert(structure_parse(buf_slice(&der), &s));
	ck_assert_int_eq(verify_open(&s, slice_str(TEXT), 1, 1, &run, NULL), ANSWER_YES);
	ck_assert_int_eq(verify_one(run, 0, ed, &judged, NULL), ANSWER_YES);
	assert_signer(&judged, VERIFY_UNSUPPORTED, false, "unsupported algorithm");
	verify_signer_free(&judged);
	verify_close(run);
	X509_free(ed);
	/* The last mention of the signature's algorithm, then of the digest's, is the SignerInfo's. */
	at = der.len;
	while (memcmp(der.data + --at, ecdsa, 8) != 0)
		;
	der.data[at + 7] = 0x7f;
	assert_one(buf_slice(&der), slice_str(TEXT), VERIFY_UNSUPPORTED, false, "unsupported algorithm");
	der.data[at + 7] = 0x02;
	at = (size_t)(s.signer_infos.data - der.data);
	at += slice_find_slice(s.signer_infos, slice_str(sha256));
	der.data[at + 8] = 0x7f;
	assert_one(buf_slice(&der), slice_str(TEXT), VERIFY_UNSUPPORTED, false, "unsupported algorithm");
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

/* Nobody has the private key to it. */
static EVP_PKEY *
public_rsa(int bits)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *n = BN_new();
	EVP_PKEY *key = NULL;
	OSSL_PARAM *parameters;

	BN_set_bit(n, bits - 1);
	BN_set_bit(n, 0);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
	OSSL_PARAM_BLD_push_uint(builder, OSSL_PKEY_PARAM_RSA_E, 3);
	parameters = OSSL_PARAM_BLD_to_param(builder);
	ck_assert_int_eq(EVP_PKEY_fromdata_init(ctx), 1);
	ck_assert_int_eq(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, parameters), 1);
	OSSL_PARAM_free(parameters);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	return key;
}

START_TEST(huge_keys_are_not_tried)
{
	struct key_identity signer = identity_of("alice", "RSA:2048");
	struct structure s;
	struct verify *run;
	struct verify_signer judged;
	struct buf der;
	EVP_PKEY *key = public_rsa(8201);
	X509 *huge = X509_dup(signer.certificate);

	sign(&signer, true, false, &der);
	X509_set_pubkey(huge, key);
	EVP_PKEY_free(key);
	X509_sign(huge, signer.key, EVP_sha256());
	ck_assert(structure_parse(buf_slice(&der), &s));
	ck_assert_int_eq(verify_open(&s, slice_str(TEXT), 1, 1, &run, NULL), ANSWER_YES);
	ck_assert_int_eq(verify_one(run, 0, huge, &judged, NULL), ANSWER_YES);
	assert_signer(&judged, VERIFY_UNSUPPORTED, false, "unsupported algorithm");
	verify_signer_free(&judged);
	verify_close(run);
	X509_free(huge);
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

/* ---- broken ----------------------------------------------------------------------------- */

START_TEST(what_is_altered)
{
	struct key_identity signer = identity_of("alice", _i == 0 ? "P-256" : "RSA:2048");
	struct verified v;
	struct buf der;

	sign(&signer, true, false, &der);
	v = verify(buf_slice(&der), slice_str(OTHER));
	assert_signer(&v.signers[0], VERIFY_BROKEN, false, "the content has been altered");
	ck_assert(!v.signers[0].has_signing_time);
	ck_assert_ptr_nonnull(v.signers[0].certificate);
	verified_free(&v);
	der.data[der.len - 1] ^= 1;
	assert_one(buf_slice(&der), slice_str(TEXT), VERIFY_BROKEN, false, "not by the certificate's key");
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

START_TEST(one_of_two_is_bad)
{
	struct key_identity alice = identity_of("alice", "P-256"), bob = identity_of("bob", "RSA:2048");
	struct made made = {.second = &bob};
	struct verified v;
	struct buf der;
	unsigned intact = 0, broken = 0;

	make(&alice, &made, &der);
	der.data[der.len - 1] ^= 1;
	v = verify(buf_slice(&der), none);
	ck_assert_uint_eq(v.signer_count, 2);
	for (int i = 0; i < 2; i++) {
		intact += v.signers[i].intact == VERIFY_INTACT;
		broken += v.signers[i].intact == VERIFY_BROKEN;
	}
	ck_assert_uint_eq(intact, 1);
	ck_assert_uint_eq(broken, 1);
	verified_free(&v);
	buf_free(&der);
	identity_end(&alice);
	identity_end(&bob);
}
END_TEST

START_TEST(no_certificate)
{
	static const struct made made = {.flags = CMS_NOCERTS};
	struct key_identity signer = identity_of("alice", "P-256");
	struct verified v;
	struct buf der;

	make(&signer, &made, &der);
	v = verify(buf_slice(&der), none);
	assert_signer(&v.signers[0], VERIFY_NO_CERTIFICATE, false, "certificate");
	ck_assert_ptr_null(v.signers[0].certificate);
	ck_assert_int_eq(sk_X509_num(v.certificates), 0);
	verified_free(&v);
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

START_TEST(attributes_twice)
{
	static const struct {
		unsigned char extra;
		const char *words;
	} rows[] = {
		{0x03, "content-type"}, {0x04, "message-digest"}, {0x05, "signing-time"}, {0x0f, "SMIMECapabilities"},
	};
	struct key_identity signer = identity_of("alice", "P-256");
	struct made made = {.extra = rows[_i].extra};
	struct buf der;

	make(&signer, &made, &der);
	assert_one(buf_slice(&der), none, VERIFY_BROKEN, false, rows[_i].words);
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

START_TEST(another_type_of_content)
{
	static const struct made made = {.type = NID_id_smime_ct_TSTInfo};
	static const char data[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
	struct key_identity signer = identity_of("alice", "P-256");
	CMS_ContentInfo *cms;
	unsigned char *octets = NULL;
	struct buf der;
	int len;

	make(&signer, &made, &der);
	assert_one(buf_slice(&der), none, VERIFY_BROKEN, false, "not called mail");
	/* The label, which nobody signed, says that it is mail. */
	cms = fixture_cms(buf_slice(&der));
	CMS_set1_eContentType(cms, OBJ_nid2obj(NID_pkcs7_data));
	len = i2d_CMS_ContentInfo(cms, &octets);
	assert_one(slice_of(octets, (size_t)len), none, VERIFY_BROKEN, false, "another type");
	ck_assert_uint_lt(slice_find_slice(slice_of(octets, (size_t)len), slice_str(data)), (size_t)len);
	OPENSSL_free(octets);
	CMS_ContentInfo_free(cms);
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

START_TEST(content_in_both_or_neither)
{
	struct key_identity signer = identity_of("alice", "P-256");
	struct buf der;

	sign(&signer, false, false, &der);
	assert_one(buf_slice(&der), slice_str(OTHER), VERIFY_BROKEN, false, "content of its own");
	assert_one(buf_slice(&der), slice_str(TEXT), VERIFY_BROKEN, false, "content of its own");
	buf_free(&der);
	sign(&signer, true, false, &der);
	assert_one(buf_slice(&der), none, VERIFY_BROKEN, false, "without the content");
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

/* The same name, number and key: only the hash in the signature tells them apart. */
START_TEST(signing_certificate_of_another)
{
	struct key_identity signer = identity_of("alice", "P-256");
	X509 *other = X509_dup(signer.certificate);
	struct verify_signer judged;
	struct structure s;
	struct verify *run;
	struct buf der;

	ASN1_TIME_set(X509_getm_notAfter(other), FIXTURE_NOW + AUTHORITY_DAY);
	X509_sign(other, signer.key, EVP_sha256());
	sign(&signer, true, false, &der);
	ck_assert(structure_parse(buf_slice(&der), &s));
	ck_assert_int_eq(verify_open(&s, slice_str(TEXT), 1, 1, &run, NULL), ANSWER_YES);
	ck_assert_int_eq(verify_one(run, 0, other, &judged, NULL), ANSWER_YES);
	assert_signer(&judged, VERIFY_BROKEN, false, "signing-certificate");
	verify_signer_free(&judged);
	verify_close(run);
	X509_free(other);
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

/* Somebody's signature over attributes, shown as one over that content. */
START_TEST(attributes_as_content)
{
	static const struct made plain = {.flags = CMS_NOATTR};
	struct key_identity signer = identity_of("alice", "P-256");
	struct slice rest, infos;
	struct der info, value;
	struct structure s;
	struct buf der, attributes, forged;

	sign(&signer, false, false, &der);
	ck_assert(structure_parse(buf_slice(&der), &s));
	infos = s.signer_infos;
	ck_assert(der_take(&infos, DER_SEQUENCE, &info));
	rest = info.content;
	while (der_next(&rest, &value) && value.tag != DER_CONTEXT_CONSTRUCTED(0))
		;
	buf_init(&attributes, LIMIT);
	buf_add_slice(&attributes, value.whole);
	attributes.data[0] = DER_SET;
	ck_assert(der_next(&rest, &value) && der_next(&rest, &value)); /* algorithm, signature */
	make_slice(&signer, &plain, buf_slice(&attributes), &forged);
	ck_assert(structure_parse(buf_slice(&forged), &s));
	{
		CMS_ContentInfo *cms = fixture_cms(buf_slice(&forged));
		CMS_SignerInfo *si = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);
		unsigned char *octets = NULL;
		int len;

		ASN1_STRING_set(CMS_SignerInfo_get0_signature(si), value.content.data, (int)value.content.len);
		len = i2d_CMS_ContentInfo(cms, &octets);
		assert_one(slice_of(octets, (size_t)len), none, VERIFY_BROKEN, false, "signed elsewhere");
		OPENSSL_free(octets);
		CMS_ContentInfo_free(cms);
	}
	buf_free(&forged);
	buf_free(&attributes);
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

/* ---- hostile ----------------------------------------------------------------------------- */

static void
assert_refused(const struct structure *s, unsigned signers, unsigned certificates, const char *code)
{
	struct error err = ERROR_NONE;
	struct verified v;

	ck_assert_int_eq(verify_signatures(s, slice_str(TEXT), signers, certificates, &v, &err), ANSWER_NO);
	ck_assert_str_eq(err.code, code);
}

START_TEST(too_many)
{
	struct key_identity signer = identity_of("alice", "P-256");
	struct structure s, many;
	struct buf der, infos, certificates;
	struct verified v;

	sign(&signer, true, false, &der);
	ck_assert(structure_parse(buf_slice(&der), &s));
	ck_assert_int_eq(verify_signatures(&s, slice_str(TEXT), 1, 1, &v, NULL), ANSWER_YES);
	verified_free(&v);
	assert_refused(&s, 0, 1, "signers");
	assert_refused(&s, 1, 0, "certificates");
	buf_init(&infos, LIMIT);
	for (int i = 0; i < 500; i++)
		buf_add_slice(&infos, s.signer_infos);
	many = s;
	many.signer_infos = buf_slice(&infos);
	assert_refused(&many, 100, 100, "signers");
	buf_init(&certificates, LIMIT);
	der_add_header(DER_CONTEXT_CONSTRUCTED(0), 600, &certificates);
	for (int i = 0; i < 300; i++)
		buf_add(&certificates, "\x30\0", 2);
	many = s;
	many.tail = buf_slice(&certificates);
	assert_refused(&many, 100, 100, "certificates");
	many.tail = slice_of(certificates.data, VERIFY_DETACHED_MAX);
	assert_refused(&many, 100, 100, "signature-size");
	buf_free(&certificates);
	buf_free(&infos);
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

/* Before anything of it is read: its names alone could take minutes. */
START_TEST(a_certificate_too_large)
{
	struct key_identity signer = identity_of("alice", "P-256");
	struct structure s;
	struct verified v;
	struct buf der, tail;
	size_t spare = CERT_DER_MAX - 4; /* with a header of four octets: just as large as it may be */

	sign(&signer, true, false, &der);
	ck_assert(structure_parse(buf_slice(&der), &s));
	for (size_t more = 0; more < 2; more++) {
		struct error err = ERROR_NONE;

		buf_init(&tail, LIMIT);
		der_add_header(DER_CONTEXT_CONSTRUCTED(0), 4 + spare + more, &tail);
		der_add_header(DER_SEQUENCE, spare + more, &tail);
		for (size_t i = 0; i < spare + more; i++)
			buf_add_byte(&tail, 0);
		s.tail = buf_slice(&tail);
		ck_assert_int_eq(verify_signatures(&s, slice_str(TEXT), 9, 9, &v, &err), ANSWER_NO);
		ck_assert_str_eq(err.code, more == 0 ? "malformed" : "certificate-size");
		buf_free(&tail);
	}
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

START_TEST(what_is_cut_off)
{
	struct key_identity signer = identity_of("alice", "P-256");
	struct structure s;
	struct verified v;
	struct buf der;

	sign(&signer, true, false, &der);
	for (size_t n = 0; n < der.len; n++)
		ck_assert(!structure_parse(slice_sub(buf_slice(&der), 0, n), &s));
	/* The walk is content with less than OpenSSL is. */
	ck_assert(structure_parse(buf_slice(&der), &s));
	s.tail = slice_sub(s.tail, 0, s.tail.len - 1);
	ck_assert_int_eq(verify_signatures(&s, slice_str(TEXT), 9, 9, &v, NULL), ANSWER_NO);
	buf_free(&der);
	identity_end(&signer);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("verify");
	TCase *t = tcase_create("verify");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, what_is_intact, 0, 5);
	tcase_add_test(t, line_ends_are_made_canonical);
	tcase_add_loop_test(t, without_attributes, 0, 2);
	tcase_add_test(t, content_in_pieces);
	tcase_add_test(t, the_right_one_of_two_certificates);
	tcase_add_loop_test(t, what_is_weak, 0, 5);
	tcase_add_loop_test(t, what_is_never_accepted, 0, 5);
	tcase_add_test(t, other_curves);
	tcase_add_test(t, what_nobody_knows_is_not_broken);
	tcase_add_test(t, huge_keys_are_not_tried);
	tcase_add_loop_test(t, what_is_altered, 0, 2);
	tcase_add_test(t, one_of_two_is_bad);
	tcase_add_test(t, no_certificate);
	tcase_add_loop_test(t, attributes_twice, 0, 4);
	tcase_add_test(t, another_type_of_content);
	tcase_add_test(t, content_in_both_or_neither);
	tcase_add_test(t, signing_certificate_of_another);
	tcase_add_test(t, attributes_as_content);
	tcase_add_test(t, too_many);
	tcase_add_test(t, a_certificate_too_large);
	tcase_add_test(t, what_is_cut_off);
	suite_add_tcase(s, t);
	return unit_run(s);
}
