/* structure: the layers of a CMS value, walked in place (RFC 5652, RFC 5083, RFC 3274).
 *
 * Every field up to the RecipientInfos and SignerInfos is looked at, nothing is
 * allocated, and nothing is verified or decrypted: it says whether these octets are what
 * they are called. Functions are pure and safe in every thread.
 */
#ifndef SMIME_STRUCTURE_H
#define SMIME_STRUCTURE_H

#include "base/der.h"

#define STRUCTURE_RECIPIENTS_MAX 10000 /* RecipientInfos; more is no envelope */
#define STRUCTURE_PARSED_RECIPIENTS_MAX 4000 /* the same for structure_parse() */
#define STRUCTURE_SIGNERS_MAX 1000     /* SignerInfos; more is no signature */

enum structure_kind {
	STRUCTURE_SIGNED,         /* SignedData over id-data with a SignerInfo */
	STRUCTURE_ENVELOPED,      /* EnvelopedData */
	STRUCTURE_AUTH_ENVELOPED, /* AuthEnvelopedData */
	STRUCTURE_CERTS_ONLY,     /* SignedData without SignerInfo; structure_read() only, like the next */
	STRUCTURE_COMPRESSED,     /* CompressedData */
};

/* Borrows from the octets. */
struct structure {
	enum structure_kind kind;
	bool has_content;
	struct der content;        /* an OCTET STRING, perhaps constructed or tagged implicitly */
	bool id_data;              /* the content is id-data */
	unsigned recipient_infos;  /* of an envelope */
	struct slice recipients;   /* the same: content of the SET */
	struct slice cipher_oid;   /* content of the OBJECT: encryption's, or compression's */
	struct slice authenticated; /* AuthEnvelopedData: its authAttrs, whole; empty: none */
	struct slice signer_infos; /* of SignedData: content of the SET */
	/* What stands around the content. */
	struct slice type;         /* the ContentInfo's content type, whole */
	struct slice head;         /* from the version to what stands before the (Encrypted)ContentInfo */
	struct slice content_type; /* of that one: all but the content */
	struct slice tail;         /* SignedData: certificates to signerInfos; AuthEnvelopedData: the tag */
};

/* Exactly one ContentInfo and nothing behind it. An envelope must have content, a
 * KeyTrans or KeyAgree recipient, a cipher that is known to encrypt, with
 * parameters and a length that fit it, and content that is not plainly readable. */
bool structure_parse(struct slice octets, struct structure *s);

/* The same for opening, where a wrong guess lets nothing through: any cipher, parameters,
 * content type and length of keys, no content, content that looks readable, recipients of
 * any kind; also certificates alone and compressed data. */
bool structure_read(struct slice octets, struct structure *s);

/* Does an AuthEnvelopedData end in a tag that is as long as it has to be (RFC 5084 3.1, 3.2)? */
bool structure_has_tag(const struct structure *s);

/* Appends the ContentInfo without content (detached), and without an envelope's
 * attributes, to out. */
void structure_add_detached(const struct structure *s, struct buf *out);
/* The other way: a SignedData without content as one that holds it, which is what was signed, as it was. */
void structure_add_attached(const struct structure *s, struct slice content, struct buf *out);

/* One RecipientInfo (RFC 5652 6.2). */
struct structure_recipient {
	unsigned char tag;      /* DER_SEQUENCE: KeyTrans; DER_CONTEXT_CONSTRUCTED(1): KeyAgree; else no more is said */
	struct slice whole;
	struct slice algorithm; /* content of the key encryption algorithm's OBJECT */
	struct der id;          /* KeyTrans: IssuerAndSerialNumber, or the [0] key identifier */
	struct slice key;       /* KeyTrans: the encrypted key */
	struct slice keys;      /* KeyAgree: the RecipientEncryptedKeys */
};

/* Takes one off the front. False: nothing is left, or it is malformed. */
bool structure_next_recipient(struct slice *recipients, struct structure_recipient *r);
/* The same of a KeyAgree's keys; id is the IssuerAndSerialNumber or the [0] RecipientKeyIdentifier. */
bool structure_next_key(struct slice *keys, struct der *id, struct slice *key);

/* Takes one SignerInfo off the front of signer_infos; sid is the
 * IssuerAndSerialNumber or the [0] key identifier (RFC 5652 5.3). */
bool structure_next_signer(struct slice *signer_infos, struct der *sid);
/* The same; signature is the SignatureValue's octets. */
bool structure_next_signature(struct slice *signer_infos, struct slice *signature);

#endif
