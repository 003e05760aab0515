/* recognise: what protection does a message already have? (RFC 8551 3.10)
 *
 * Content-Type is a claim; the answer here is what the octets really are. Only
 * CMS that parses counts, by our own walk (structure.h) and by OpenSSL, and what does
 * not parse is plain mail. An envelope is one only with a cipher that is known to encrypt, a
 * KeyTrans or KeyAgree recipient, and content that does not look like text; a triple-wrapped
 * message is SIGNED, since that is its outermost layer.
 * Threads: any.
 */
#ifndef SMIME_RECOGNISE_H
#define SMIME_RECOGNISE_H

#include "keys/key.h"
#include "mail/mime.h"

enum protection {
	PROTECTION_NONE,
	PROTECTION_SIGNED,        /* multipart/signed or SignedData, parsed */
	PROTECTION_ENVELOPED,     /* EnvelopedData or AuthEnvelopedData, parsed, with a recipient and content */
	PROTECTION_PGP_SIGNED,    /* PGP/MIME by its structure (RFC 3156): a claim, nothing was checked */
	PROTECTION_PGP_ENCRYPTED, /* PGP/MIME whose second part is PGP armour with an encrypted-data packet */
};

struct recognised {
	enum protection protection;
	const char *claimed;     /* what the Content-Type says it is though it is not ("application/pkcs7-mime");
	                          * NULL: nothing. Static text, for the log */
	unsigned recipient_infos;/* of an envelope */
	bool envelope_inside;    /* SIGNED: what is signed is as a whole an envelope, one that would count by itself */
};

/* Looks at the message's outermost entity. */
void recognise_message(const struct message *m, const struct mime *tree, struct recognised *r);

/* Is the outermost entity a signature made with exactly one of these identities' certificates,
 * intact over what is there (clear or opaque)? So our own output is known again. */
bool recognise_signed_by(const struct message *m, const struct mime *tree,
	struct key_identity *const *identities, size_t count);

/* Is the outermost entity a signature that is intact over what is there, by an RSA or EC
 * certificate that it brings along, with signed attributes and SHA-256 or better? It says
 * nothing about whose it is, whether that certificate is good, or trusted. */
bool recognise_intact(const struct message *m, const struct mime *tree);

#endif
