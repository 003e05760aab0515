/* structure: the layers of a CMS value, walked in place (RFC 5652, RFC 5083).
 *
 * Every field up to the RecipientInfos and SignerInfos is looked at, nothing is
 * allocated, and nothing is verified or decrypted: it says whether these octets are what
 * they are called. Functions are pure and safe in every thread.
 */
#ifndef SMIME_STRUCTURE_H
#define SMIME_STRUCTURE_H

#include "smime/der.h"

#define STRUCTURE_RECIPIENTS_MAX 4000 /* RecipientInfos; more is no envelope */
#define STRUCTURE_SIGNERS_MAX 100     /* SignerInfos; more is no signature */

enum structure_kind {
	STRUCTURE_SIGNED,         /* SignedData over id-data with a SignerInfo */
	STRUCTURE_ENVELOPED,      /* EnvelopedData */
	STRUCTURE_AUTH_ENVELOPED, /* AuthEnvelopedData */
};

/* Borrows from the octets. */
struct structure {
	enum structure_kind kind;
	bool has_content;
	struct der content;        /* an OCTET STRING, perhaps constructed or tagged implicitly */
	unsigned recipient_infos;  /* of an envelope */
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

/* Appends the ContentInfo without content (detached), and without an envelope's
 * attributes, to out. */
void structure_add_detached(const struct structure *s, struct buf *out);

/* Takes one SignerInfo off the front of signer_infos; sid is the
 * IssuerAndSerialNumber or the [0] key identifier (RFC 5652 5.3). */
bool structure_next_signer(struct slice *signer_infos, struct der *sid);

#endif
