#include "gateway/protect.h"

#include "mail/compose.h"
#include "smime/encrypt.h"
#include "smime/sign.h"

#include <openssl/rand.h>

#define CONTENT_TYPE_MAX 1024 /* octets; ours are some 150 */

/* What is being built: the Content-Type's value and the body under it. */
struct layer {
	struct buf content_type;
	struct buf *body;
	bool base64;
};

static enum answer
no_room(struct error *err)
{
	return error_cant_tell(err, "memory", "out of memory for the sealed message");
}

static enum answer
sign(const struct protect_job *job, struct slice entity, bool detached, struct buf *der, struct error *err)
{
	const struct config_rule *rule = job->plan->sign;
	struct sign_options options = {rule->digest, rule->rsa_signature, detached, job->now};

	return sign_entity(entity, job->signer, &options, der, err);
}

/* A layer that is the inside of another begins with its own header. */
static void
open_layer(struct layer *layer, bool inside)
{
	if (inside)
		compose_entity_header(buf_slice(&layer->content_type), layer->base64, layer->body);
}

static enum answer
sign_opaque(const struct protect_job *job, struct slice entity, struct layer *layer, bool inside, struct error *err)
{
	struct buf der;
	enum answer answer;

	buf_init(&der, layer->body->limit);
	answer = sign(job, entity, false, &der, err);
	if (answer == ANSWER_YES) {
		/* entity may lie in the body itself: it is in der now. */
		buf_clear(layer->body);
		buf_clear(&layer->content_type);
		layer->base64 = true;
		compose_pkcs7_type("signed-data", &layer->content_type);
		open_layer(layer, inside);
		compose_base64(buf_slice(&der), layer->body);
	}
	buf_free(&der);
	return answer;
}

/* The entity is composed where it stays. One that could not be made 7-bit is
 * never left in multipart/signed: the first relay would break it. */
static enum answer
sign_clear(const struct protect_job *job, struct layer *layer, bool inside, const char **note, struct error *err)
{
	char boundary[COMPOSE_BOUNDARY_SIZE];
	unsigned char random[16];
	enum compose_result composed;
	struct slice entity;
	struct buf der;
	size_t begin;
	enum answer answer;

	if (RAND_bytes(random, sizeof random) != 1)
		return error_cant_tell(err, "random", "no random numbers to be had");
	compose_boundary(random, boundary);
	compose_signed_type(algorithms_micalg(job->plan->sign->digest), boundary, &layer->content_type);
	open_layer(layer, inside);
	compose_signed_open(boundary, layer->body);
	begin = layer->body->len;
	composed = compose_entity(job->mime, layer->body, note);
	if (composed == COMPOSE_NO_MEMORY)
		return no_room(err);
	entity = slice_sub(buf_slice(layer->body), begin, layer->body->len);
	if (composed == COMPOSE_UNTOUCHED)
		return sign_opaque(job, entity, layer, inside, err);
	buf_init(&der, layer->body->limit);
	answer = sign(job, entity, true, &der, err);
	if (answer == ANSWER_YES)
		compose_signed_close(buf_slice(&der), boundary, layer->body);
	buf_free(&der);
	return answer;
}

static enum answer
sign_layer(const struct protect_job *job, struct layer *layer, bool inside, const char **note, struct error *err)
{
	enum answer answer;
	struct buf entity;

	if (job->plan->sign->form == FORM_CLEAR)
		return sign_clear(job, layer, inside, note, err);
	buf_init(&entity, layer->body->limit);
	answer = compose_entity(job->mime, &entity, note) == COMPOSE_NO_MEMORY ? no_room(err) :
		sign_opaque(job, buf_slice(&entity), layer, inside, err);
	*note = NULL; /* the form is the rule's own */
	buf_free(&entity);
	return answer;
}

/* What goes into the envelope: the signed layer, or the message's own content. */
static enum answer
compose_inside(const struct protect_job *job, struct buf *inside, const char **note, struct error *err)
{
	struct layer layer = {.body = inside};
	const char *ignored;
	enum answer answer;

	if (job->plan->sign == NULL)
		return compose_entity(job->mime, inside, &ignored) == COMPOSE_NO_MEMORY ? no_room(err) :
			ANSWER_YES;
	buf_init(&layer.content_type, CONTENT_TYPE_MAX);
	answer = sign_layer(job, &layer, true, note, err);
	if (answer == ANSWER_YES && buf_failed(&layer.content_type))
		answer = no_room(err);
	buf_free(&layer.content_type);
	return answer;
}

static enum answer
encrypt_layer(const struct protect_job *job, struct layer *layer, const char **note, struct error *err)
{
	struct encrypt_options options = {job->plan->cipher, job->plan->rsa_transport};
	bool authenticated = algorithms_cipher_authenticates(options.cipher);
	struct buf inside, der;
	enum answer answer;

	buf_init(&inside, layer->body->limit);
	buf_init(&der, layer->body->limit);
	answer = compose_inside(job, &inside, note, err);
	if (answer == ANSWER_YES && buf_failed(&inside))
		answer = no_room(err);
	if (answer == ANSWER_YES)
		answer = encrypt_entity(buf_slice(&inside), job->certificates, job->certificate_count, &options, &der, err);
	buf_free(&inside);
	if (answer == ANSWER_YES) {
		if (job->plan->sign != NULL && job->made != NULL)
			made_add(job->made, buf_slice(&der));
		layer->base64 = true;
		compose_pkcs7_type(authenticated ? "authEnveloped-data" : "enveloped-data", &layer->content_type);
		compose_base64(buf_slice(&der), layer->body);
	}
	buf_free(&der);
	return answer;
}

static bool
is_mime_field(const void *arg, const struct header_field *field)
{
	(void)arg;
	return mime_is_mime_field(field->name);
}

static bool
write_fields(const struct protect_job *job, const struct layer *layer, struct edit *e)
{
	struct buf value;
	bool ok;

	buf_init(&value, CONTENT_TYPE_MAX);
	buf_add_byte(&value, ' ');
	buf_add_slice(&value, buf_slice(&layer->content_type));
	ok = !buf_failed(&value) && edit_remove_fields(e, job->message, is_mime_field, NULL) &&
		edit_add_field(e, "MIME-Version", slice_str(" 1.0")) &&
		edit_add_field(e, "Content-Type", buf_slice(&value));
	if (ok && layer->base64)
		ok = edit_add_field(e, "Content-Transfer-Encoding", slice_str(" base64")) &&
			edit_add_field(e, "Content-Disposition", slice_str(" attachment; filename=\"smime.p7m\""));
	buf_free(&value);
	return ok;
}

enum answer
protect_message(const struct protect_job *job, struct edit *e, const char **note, struct error *err)
{
	struct layer layer = {.body = &e->body};
	enum answer answer;

	*note = NULL;
	buf_init(&layer.content_type, CONTENT_TYPE_MAX);
	answer = job->plan->encrypt ? encrypt_layer(job, &layer, note, err) : sign_layer(job, &layer, false, note, err);
	if (answer == ANSWER_YES) {
		e->replaces_body = true;
		if (buf_failed(&e->body) || buf_failed(&layer.content_type) || !write_fields(job, &layer, e))
			answer = no_room(err);
	}
	buf_free(&layer.content_type);
	return answer;
}
