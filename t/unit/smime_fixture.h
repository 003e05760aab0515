/* smime_fixture: identities in memory, and messages made of text. Everything
 * fails the test by itself. */
#ifndef SMIME_FIXTURE_H
#define SMIME_FIXTURE_H

#include "keys/key.h"
#include "mail/mime.h"
#include "pki/cert.h"

#include <openssl/cms.h>

#include <time.h>

#define FIXTURE_NOW ((time_t)1800000000) /* 2027-01-15 */

struct fixture_wanted {
	const char *curve;     /* NULL: RSA of 2048 bits; "ED25519" */
	time_t begin, end;     /* 0: the epoch, and 2060 */
	const char *key_usage; /* as in openssl.cnf; NULL: none */
};

/* Self-signed, named NAME, with an issuer of its own in the chain. For key_identity_free(). */
struct key_identity *fixture_identity(const char *name, const struct fixture_wanted *wanted);
struct cert *fixture_cert(const struct key_identity *identity);

/* One identity of each kind of key that mail is encrypted to: RSA and the three curves. Loads the
 * algorithms. */
#define FIXTURE_KINDS 4
extern const char *const fixture_curves[FIXTURE_KINDS]; /* NULL: RSA */
void fixture_kinds(struct key_identity *identities[FIXTURE_KINDS], struct cert *certs[FIXTURE_KINDS]);
void fixture_kinds_free(struct key_identity *identities[FIXTURE_KINDS], struct cert *certs[FIXTURE_KINDS]);

/* A message in file form, read and sliced. */
struct fixture_message {
	struct message *message;
	struct mime *tree;
};
struct fixture_message fixture_message(struct slice text);
void fixture_message_free(struct fixture_message *m);

CMS_ContentInfo *fixture_cms(struct slice der); /* nothing behind it */
/* What the envelope holds, in out; false: identity cannot open it. */
bool fixture_decrypt(struct slice der, const struct key_identity *identity, struct buf *out);

#endif
