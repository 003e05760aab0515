/* wire: the messages between gate and keeper.
 *
 * A SOCK_SEQPACKET unix socket, one message a packet: a request, then its reply,
 * then the next request. All requests have the same fields in the same order, so
 * that there is one reader to get right:
 *
 *     version(1) op(1) scheme(1) digest(1) mgf_digest(1) cofactor(1)
 *     salt_length(2) output_length(2) handle(32) input(2+n) extra(2+n)
 *
 * and replies are status(1) and then, with WIRE_OK, the result:
 *     SIGNER, DECRYPTION_KEY: count(2), then length(2) and DER of the certificate and its chain
 *     SIGN, DECRYPT, DERIVE: the octets.
 * Numbers are big-endian. Both sides treat the other's bytes as hostile: a
 * request with a byte too few or too many is refused as a whole.
 */
#ifndef KEYS_WIRE_H
#define KEYS_WIRE_H

#include "base/slice.h"
#include "keys/key.h"

#define WIRE_VERSION 1
#define WIRE_REQUEST_MAX 4096   /* octets of a request */
#define WIRE_REPLY_MAX 65536    /* octets of a reply */
#define WIRE_RESULT_MAX 1024    /* octets of a signature, content key or derived key: RSA 8192 */
#define WIRE_INPUT_MAX 1024     /* octets of input: a ciphertext of RSA 8192 */
#define WIRE_EXTRA_MAX 1024     /* octets of an OAEP label or of a KDF's shared info */
#define WIRE_DERIVED_MAX 64     /* octets that one derivation may ask for: a key to unwrap with */

enum wire_op {
	WIRE_SIGNER = 1,   /* input: the name */
	WIRE_SIGN = 2,     /* handle, scheme, digest, mgf_digest and salt_length with PSS; input: the digest's value */
	WIRE_DECRYPT = 3,  /* handle, scheme, with OAEP digest, mgf_digest, extra: label; input: the ciphertext */
	WIRE_DERIVE = 4,   /* handle, digest of the X9.63 KDF, cofactor, output_length, extra: shared info; input: peer's point */
	WIRE_DECRYPTION_KEY = 5, /* input: the name, apart from signers' names */
};

enum wire_scheme {
	WIRE_SCHEME_NONE = 0, /* never for RSA: that would be a raw RSA oracle */
	WIRE_PKCS1 = 1,       /* RFC 8017 8.2, 7.2 */
	WIRE_PSS = 2,         /* RFC 8017 8.1 */
	WIRE_OAEP = 3,        /* RFC 8017 7.1 */
	WIRE_ECDSA = 4,
};

enum wire_digest {
	WIRE_DIGEST_NONE = 0,
	WIRE_SHA1 = 1, /* for OAEP, its MGF and KDF only, as other people's mail needs it; never for a signature */
	WIRE_SHA224 = 2,
	WIRE_SHA256 = 3,
	WIRE_SHA384 = 4,
	WIRE_SHA512 = 5,
	WIRE_DIGESTS, /* their number */
};

enum wire_status {
	WIRE_OK = 0,
	WIRE_UNKNOWN = 1, /* keeper has no such name or key now */
	WIRE_REFUSED = 2, /* it will never do that */
	WIRE_FAILED = 3,  /* the operation did not succeed: a bad ciphertext, say; no reason is ever given */
};

struct wire_request {
	enum wire_op op;
	enum wire_scheme scheme;
	enum wire_digest digest;
	enum wire_digest mgf_digest;
	int cofactor;    /* -1 as the key says, 0, 1 */
	int salt_length; /* octets, or OpenSSL's RSA_PSS_SALTLEN_DIGEST and its like */
	size_t output_length;
	unsigned char handle[KEY_HANDLE_SIZE];
	struct slice input;
	struct slice extra;
};

/* Octets written, 0 where it does not fit or a field has a value that cannot be. */
size_t wire_write(const struct wire_request *request, unsigned char *to, size_t size);
/* False for anything but exactly one well-formed request. Slices borrow from message. */
bool wire_read(struct slice message, struct wire_request *request);

/* The next length-prefixed item of a reply: false at its end or when it is cut. */
bool wire_take(struct slice *rest, struct slice *item);
bool wire_take_number(struct slice *rest, size_t *number);
/* Writes number(2) at to. */
void wire_put_number(unsigned char *to, size_t number);

/* OpenSSL's name of a digest, NULL for NONE; and back, any of OpenSSL's aliases. */
const char *wire_digest_name(enum wire_digest digest);
enum wire_digest wire_digest_of(const char *name);

#endif
