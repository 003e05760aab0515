/* verify: are the signatures of a SignedData intact? (RFC 5652 5.4, 5.6, RFC 8551 2.5)
 *
 * Arithmetic and structure only: whether a certificate is trusted, in date, may sign, or
 * fits the sender is the caller's to judge. Never more than the detached form is parsed
 * by OpenSSL, and each digest of the content is made once, however many signers there are.
 * Threads: any; one struct verify is one thread's.
 */
#ifndef SMIME_VERIFY_H
#define SMIME_VERIFY_H

#include "pki/cert.h"
#include "smime/structure.h"

#include <openssl/cms.h>

#define VERIFY_DETACHED_MAX (2 * 1024 * 1024) /* octets of a CMS value without its content */

enum verify_intact {
	VERIFY_INTACT,
	VERIFY_BROKEN,         /* altered, or not signed as mail */
	VERIFY_NO_CERTIFICATE, /* the message does not bring the signer's along */
	VERIFY_UNSUPPORTED,    /* an algorithm that this program or its library does not know: nobody can say;
	                        * or one that proves nothing (MD5, MD4, MD2, RSA below 1024 bits) */
};

struct verify_signer {
	enum verify_intact intact;
	bool weak;                /* INTACT, but what it rests on can be forged: reason says what */
	bool weak_algorithm;      /* ... and not for the key's length: SHA-1, SHA-224 or DSA */
	bool signed_attributes;
	struct error reason;      /* unless INTACT, not weak and with a certificate */
	struct cert *certificate; /* NULL: there is none, or it does not read. Owned, shared by who signed with it */
	char digest[32];          /* "SHA-256"; empty: unknown */
	char algorithm[48];       /* "RSA PKCS#1 v1.5, 2048 bits"; empty: unknown */
	bool has_signing_time;    /* INTACT only: what the signer said, and nobody else */
	time_t signing_time;
};

struct verified {
	struct verify_signer *signers;
	size_t signer_count;
	STACK_OF(X509) *certificates; /* of the message, each owned; perhaps empty */
};

/* s: SIGNED. clear: the signed entity where the SignedData does not hold it, with whatever line
 * ends; else SLICE_NONE. Content in both or in neither: every signer is BROKEN.
 * NO: "signers", "certificates": more than the limits; "certificate-size": one of more than
 * CERT_DER_MAX; "signature-size": more than VERIFY_DETACHED_MAX; "malformed": OpenSSL
 * does not read it. CANT_TELL: no memory. v is to be freed after YES only. */
enum answer verify_signatures(const struct structure *s, struct slice clear, unsigned signer_limit,
	unsigned certificate_limit, struct verified *v, struct error *err);
void verified_free(struct verified *v);

/* Hands a signed entity to take in pieces, in the form that is digested: with CRLF line ends,
 * whatever the ends are here (RFC 8551 3.1.1). False: take said so. */
bool verify_canonical(struct slice text, der_take_piece *take, void *context);

/* ---- the same in steps, for callers that do not want every signer ------------- */

struct verify;

enum answer verify_open(const struct structure *s, struct slice clear, unsigned signer_limit,
	unsigned certificate_limit, struct verify **v, struct error *err);
void verify_close(struct verify *v); /* NULL is safe */
size_t verify_signer_count(const struct verify *v);
/* Judges SignerInfo i, with that certificate (BROKEN: it is another's), or where NULL
 * with the message's own. CANT_TELL: no memory. */
enum answer verify_one(struct verify *v, size_t i, X509 *certificate, struct verify_signer *signer,
	struct error *err);
void verify_signer_free(struct verify_signer *signer);

/* By OpenSSL, without the content, so that it copies little; its objects take many
 * times the memory of the octets. Any kind of structure. NULL: it does not read it. */
CMS_ContentInfo *verify_parse_detached(const struct structure *s);

#endif
