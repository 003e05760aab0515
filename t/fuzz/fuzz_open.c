/* Opening, layer for layer, of messages and entities, and of bare CMS values, with an RSA and
 * an EC key. Promises: an answer that is not yes leaves no content and has a reason; what is
 * opened is within the limits; a signature that is called intact has an algorithm; what stays
 * closed has a reason, and noise shows nothing of what it looks like.
 */
#include "fuzz.h"
#include "gateway/layers.h"
#include "open_keys.h"
#include "smime/inflate.h"

#include <openssl/pem.h>

#include <stdlib.h>

#define BODY_LIMIT (16 * 1024 * 1024)
#define OPENED_LIMIT (1024 * 1024)
#define LAYERS 8
#define SIGNERS 16
#define CERTIFICATES 100
#define KEYS 2

static const struct mime_limits limits = {50, 1000};

static char *const key_names[KEYS] = {"rsa", "ec"};
static struct key_identity identities[KEYS];
static struct key_identity *const keys[KEYS] = {&identities[0], &identities[1]};
static struct config_decryption decryptions[KEYS];
static const struct config config = {
	.mime_depth_limit = 50,
	.mime_part_limit = 1000,
	.layer_limit = LAYERS,
	.signer_limit = SIGNERS,
	.certificate_limit = CERTIFICATES,
	.cms_recipient_limit = 4000,
	.opened_size_limit = OPENED_LIMIT,
	.decryptions = decryptions,
	.decryption_count = KEYS,
};

static void
read_key(const char *pem, size_t at)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);

	identities[at].key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	identities[at].certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	promise(identities[at].key != NULL && identities[at].certificate != NULL);
	decryptions[at].files.name = key_names[at];
}

static void
read_keys(void)
{
	if (identities[0].key != NULL)
		return;
	read_key(OPEN_RSA, 0);
	read_key(OPEN_EC, 1);
}

/* ---- bare CMS ------------------------------------------------------------------ */

/* What stands in out and in the record fits the answer. */
static void
check_answer(enum answer answer, const struct error *err, const struct buf *out)
{
	promise(answer == ANSWER_YES ? out->len <= OPENED_LIMIT : out->len == 0 && err->code != NULL);
	promise(answer != ANSWER_CANT_TELL);
}

static void
check_decrypt(const struct structure *s, const struct key_identity *identity)
{
	struct decrypt_key key = {identity->certificate, identity->key};
	struct error err = ERROR_NONE;
	struct decrypted d;
	enum answer answer;
	struct buf out;

	buf_init(&out, OPENED_LIMIT);
	answer = decrypt_content(s, &key, &d, &out, &err);
	check_answer(answer, &err, &out);
	if (answer == ANSWER_YES) {
		promise(decrypt_is_for(s, key.certificate) && d.cipher != NULL && d.transport != NULL);
		promise(d.authenticated == (s->kind == STRUCTURE_AUTH_ENVELOPED) && !(d.authenticated && d.rubbish));
	}
	buf_free(&out);
}

static void
check_inflate(const struct structure *s)
{
	struct error err = ERROR_NONE;
	enum answer answer;
	struct buf out;

	buf_init(&out, OPENED_LIMIT);
	answer = inflate_content(s, &out, &err);
	check_answer(answer, &err, &out);
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
check_verified(const struct verified *v)
{
	promise(v->signer_count <= SIGNERS && sk_X509_num(v->certificates) <= CERTIFICATES);
	for (size_t i = 0; i < v->signer_count; i++)
		check_signer(&v->signers[i]);
}

static void
check_verify(const struct structure *s)
{
	struct error err = ERROR_NONE;
	struct verified v;
	enum answer answer = verify_signatures(s, SLICE_NONE, SIGNERS, CERTIFICATES, &v, &err);

	promise(answer != ANSWER_CANT_TELL && (answer == ANSWER_YES || err.code != NULL));
	if (answer != ANSWER_YES)
		return;
	promise(v.signer_count > 0);
	check_verified(&v);
	verified_free(&v);
}

static void
check_cms(struct slice octets)
{
	struct structure s;

	if (!structure_read(octets, &s))
		return;
	switch (s.kind) {
	case STRUCTURE_SIGNED:
		check_verify(&s);
		break;
	case STRUCTURE_ENVELOPED:
	case STRUCTURE_AUTH_ENVELOPED:
		for (size_t i = 0; i < KEYS; i++)
			check_decrypt(&s, keys[i]);
		break;
	case STRUCTURE_COMPRESSED:
		check_inflate(&s);
		break;
	case STRUCTURE_CERTS_ONLY:
		break;
	}
}

/* ---- what is in MIME ------------------------------------------------------------- */

static void
check_layer(const struct layer *layer, bool last)
{
	promise(layer->entity.kind != ENTITY_PLAIN && layer->around != NULL);
	promise(layer->inside != NULL || last);
	promise(!layer->opened || layer->inside != NULL);
	promise(!layer->tried || layer->key != NULL);
	if (layer->kind == VERDICT_ENCRYPTED || layer->kind == VERDICT_COMPRESSED)
		promise(layer->opened == (layer->reason.answer == ANSWER_YES));
	if (layer->decrypted.rubbish)
		promise(last && !layer->opened && layer->inside == NULL);
	if (layer->kind == VERDICT_SIGNED) {
		promise(layer->verified.signer_count > 0 || layer->reason.code != NULL);
		check_verified(&layer->verified);
	}
}

static void
check_layers(const struct message *m, const struct mime *tree)
{
	struct layers_job job = {.config = &config, .message = m, .root = tree->root, .keys = keys, .closed = ERROR_NONE};
	struct error err = ERROR_NONE;
	size_t opened = 0;
	struct layers l;

	promise(layers_open(&job, &l, &err) == ANSWER_YES);
	promise(l.count <= LAYERS && l.innermost != NULL);
	for (size_t i = 0; i < l.count; i++) {
		check_layer(&l.layer[i], i + 1 == l.count);
		opened += l.layer[i].content.len;
	}
	promise(opened <= OPENED_LIMIT);
	layers_free(&l);
}

static void
check_message(struct slice file)
{
	struct message *m = message_new(BODY_LIMIT);
	struct mime *tree;

	promise(m != NULL);
	if (message_read(file, m, NULL) == ANSWER_YES && mime_parse(m, &limits, &tree, NULL) == ANSWER_YES) {
		check_layers(m, tree);
		mime_free(tree);
	}
	message_free(m);
}

/* As it comes out of an envelope, with binary content too. */
static void
check_entity(struct slice file)
{
	struct message *m = message_new(BODY_LIMIT);
	struct mime *tree;

	promise(m != NULL);
	if (mime_parse_entity(file, &limits, &tree, NULL) == ANSWER_YES) {
		check_layers(m, tree);
		mime_free(tree);
	}
	message_free(m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_keys();
	check_cms(slice_of(data, size));
	check_message(slice_of(data, size));
	check_entity(slice_of(data, size));
	return 0;
}
