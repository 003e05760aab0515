/* decrypt: an envelope opened with one recipient's key (RFC 5652 6, RFC 5083, RFC 8551 3.3, 3.4).
 *
 * No oracle: whoever sends altered envelopes and watches what becomes of them learns
 * nothing about key or padding. So a content key that cannot be had, or wrong padding of
 * CBC, is no failure but rubbish, and the caller goes on with it as with any content, in the
 * same way and with the same work. NO says only what everybody can see in the envelope, or, of
 * what authenticates its content, one and the same thing whatever the cause.
 * Threads: any.
 */
#ifndef SMIME_DECRYPT_H
#define SMIME_DECRYPT_H

#include "base/error.h"
#include "smime/structure.h"

#include <openssl/x509.h>

/* Borrowed. The key may be keeper's (keys/provider.h). */
struct decrypt_key {
	X509 *certificate;
	EVP_PKEY *key;
};

/* Does a KeyTrans (RSA) or KeyAgree (EC) recipient name the certificate, by issuer and serial
 * number or by its subject key identifier? */
bool decrypt_is_for(const struct structure *s, X509 *certificate);

/* Is the content encrypted with a cipher that decrypt_content() knows, but that is not AES? */
bool decrypt_has_weak_cipher(const struct structure *s);

struct decrypted {
	const char *cipher;    /* "AES-256-CBC"; static, as is the next */
	const char *transport; /* "RSA PKCS#1 v1.5", "RSA OAEP", "ECDH" */
	bool authenticated;    /* AuthEnvelopedData, and the tag is right */
	bool weak;             /* the cipher is not AES */
	bool rubbish;          /* out holds noise; not to be told to anybody outside in any way */
};

/* Appends the content to out. NO: not for this certificate ("not-for-us"), a cipher or key
 * transport that is not known ("unsupported-cipher", "unsupported-transport"), "malformed", out's
 * limit ("too-large"), a tag that does not fit ("undecryptable"). CANT_TELL: the key cannot be
 * used now ("keeper-away"), "memory". Unless YES, out is as it was. */
enum answer decrypt_content(const struct structure *s, const struct decrypt_key *key, struct decrypted *d,
	struct buf *out, struct error *err);

#endif
