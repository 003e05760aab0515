/* Opening, layer for layer, of messages, entities and bare CMS values, with an RSA and an EC
 * key. Promises: an answer that is not yes leaves no content and has a reason; what is opened is
 * within its limit; a signature that is called intact has an algorithm and a certificate.
 */
#include "fuzz.h"
#include "mail/message.h"
#include "open_keys.h"
#include "smime/decrypt.h"
#include "smime/entity.h"
#include "smime/inflate.h"
#include "smime/verify.h"

#include <openssl/pem.h>

#include <stdlib.h>

#define BODY_LIMIT (16 * 1024 * 1024)
#define OPENED_LIMIT (1024 * 1024)
#define LAYERS 8
#define SIGNERS 16
#define CERTIFICATES 100
#define KEYS 2

static const struct mime_limits limits = {50, 1000};

static struct decrypt_key keys[KEYS];

static void open_entity(struct slice entity, unsigned layer);

static void
promise(bool kept)
{
	if (!kept)
		abort();
}

static struct decrypt_key
read_key(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	struct decrypt_key key;

	key.key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	key.certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	promise(key.key != NULL && key.certificate != NULL);
	return key;
}

static void
read_keys(void)
{
	if (keys[0].key != NULL)
		return;
	keys[0] = read_key(OPEN_RSA);
	keys[1] = read_key(OPEN_EC);
}

/* What stands in out and in the record fits the answer. */
static void
check_answer(enum answer answer, const struct error *err, const struct buf *out)
{
	promise(answer == ANSWER_YES ? out->len <= OPENED_LIMIT : out->len == 0 && err->code != NULL);
	promise(answer != ANSWER_CANT_TELL);
}

static void
check_decrypt(const struct structure *s, const struct decrypt_key *key, unsigned layer)
{
	struct error err = ERROR_NONE;
	struct decrypted d;
	enum answer answer;
	struct buf out;

	buf_init(&out, OPENED_LIMIT);
	answer = decrypt_content(s, key, &d, &out, &err);
	check_answer(answer, &err, &out);
	if (answer == ANSWER_YES) {
		promise(decrypt_is_for(s, key->certificate) && d.cipher != NULL && d.transport != NULL);
		promise(d.authenticated == (s->kind == STRUCTURE_AUTH_ENVELOPED) && !(d.authenticated && d.rubbish));
		open_entity(buf_slice(&out), layer + 1);
	}
	buf_free(&out);
}

static void
check_inflate(const struct structure *s, unsigned layer)
{
	struct error err = ERROR_NONE;
	enum answer answer;
	struct buf out;

	buf_init(&out, OPENED_LIMIT);
	answer = inflate_content(s, &out, &err);
	check_answer(answer, &err, &out);
	if (answer == ANSWER_YES)
		open_entity(buf_slice(&out), layer + 1);
	buf_free(&out);
}

static void
check_signer(const struct verify_signer *signer)
{
	promise((signer->intact == VERIFY_INTACT && !signer->weak) || signer->reason.code != NULL);
	promise(signer->intact == VERIFY_INTACT || (!signer->weak && !signer->has_signing_time));
	promise(signer->intact != VERIFY_INTACT || (signer->algorithm[0] != '\0' && signer->digest[0] != '\0'));
	promise(!signer->weak_algorithm || signer->weak);
}

static void
check_verify(const struct structure *s, struct slice clear)
{
	struct error err = ERROR_NONE;
	struct verified v;
	enum answer answer = verify_signatures(s, clear, SIGNERS, CERTIFICATES, &v, &err);

	promise(answer != ANSWER_CANT_TELL && (answer == ANSWER_YES || err.code != NULL));
	if (answer != ANSWER_YES)
		return;
	promise(v.signer_count > 0 && v.signer_count <= SIGNERS && sk_X509_num(v.certificates) <= CERTIFICATES);
	for (size_t i = 0; i < v.signer_count; i++)
		check_signer(&v.signers[i]);
	verified_free(&v);
}

static bool
add_piece(struct slice piece, void *context)
{
	buf_add_slice(context, piece);
	return true;
}

static void
open_signed(const struct structure *s, unsigned layer)
{
	struct buf content;

	check_verify(s, SLICE_NONE);
	buf_init(&content, OPENED_LIMIT);
	if (s->has_content && der_octets(&s->content, add_piece, &content) && !buf_failed(&content))
		open_entity(buf_slice(&content), layer + 1);
	buf_free(&content);
}

static void
open_cms(const struct structure *s, unsigned layer)
{
	switch (s->kind) {
	case STRUCTURE_SIGNED:
		open_signed(s, layer);
		break;
	case STRUCTURE_ENVELOPED:
	case STRUCTURE_AUTH_ENVELOPED:
		for (size_t i = 0; i < KEYS; i++)
			check_decrypt(s, &keys[i], layer);
		break;
	case STRUCTURE_COMPRESSED:
		check_inflate(s, layer);
		break;
	case STRUCTURE_CERTS_ONLY:
		break;
	}
}

static void
open_part(const struct mime_part *part, unsigned layer)
{
	struct error err = ERROR_NONE;
	struct entity e;

	promise(entity_read(part, &e, &err) == ANSWER_YES);
	promise((e.kind == ENTITY_CLEAR_SIGNED) == (e.content != NULL));
	promise(e.kind == ENTITY_PLAIN || e.claimed == NULL);
	promise(e.claimed == NULL || e.reason.code != NULL);
	if (e.kind == ENTITY_CMS)
		open_cms(&e.cms, layer);
	if (e.kind == ENTITY_CLEAR_SIGNED) {
		check_verify(&e.cms, e.clear);
		if (layer < LAYERS)
			open_part(e.content, layer + 1);
	}
	entity_free(&e);
}

static void
open_entity(struct slice entity, unsigned layer)
{
	struct mime *tree;

	if (layer > LAYERS || mime_parse_entity(entity, &limits, &tree, NULL) != ANSWER_YES)
		return;
	open_part(tree->root, layer);
	mime_free(tree);
}

static void
open_message(struct slice file)
{
	struct message *m = message_new(BODY_LIMIT);
	struct mime *tree;

	if (m != NULL && message_read(file, m, NULL) == ANSWER_YES &&
	    mime_parse(m, &limits, &tree, NULL) == ANSWER_YES) {
		open_part(tree->root, 1);
		mime_free(tree);
	}
	message_free(m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct structure s;

	read_keys();
	open_message(slice_of(data, size));
	open_entity(slice_of(data, size), 1);
	if (structure_read(slice_of(data, size), &s))
		open_cms(&s, 1);
	return 0;
}
