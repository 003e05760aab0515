#include "gateway/protect.h"

#include "mail/compose.h"
#include "smime/encrypt.h"
#include "smime/sign.h"

#include <openssl/rand.h>

#include <stdlib.h>
#include <strings.h>

#define CONTENT_TYPE_MAX 1024 /* octets; ours are some 150 */

/* One layer's result: the Content-Type's value and the body under it. */
struct layer {
	struct buf content_type;
	bool base64;
};

static enum answer
no_room(struct error *err)
{
	return error_cant_tell(err, "memory", "out of memory, or the sealed message would pass message-size-limit");
}

static enum answer
sign_clear(const struct protect_job *job, struct slice entity, struct layer *layer, struct buf *body,
	struct error *err)
{
	const struct config_rule *rule = job->plan->sign;
	struct sign_options options = {rule->digest, rule->rsa_signature, true, job->now};
	char boundary[COMPOSE_BOUNDARY_SIZE];
	unsigned char random[16];
	struct buf der;
	enum answer answer;

	if (RAND_bytes(random, sizeof random) != 1)
		return error_cant_tell(err, "random", "no random numbers to be had");
	compose_boundary(random, boundary);
	buf_init(&der, body->limit);
	answer = sign_entity(entity, job->signer, &options, &der, err);
	if (answer == ANSWER_YES)
		compose_signed(entity, buf_slice(&der), algorithms_micalg(rule->digest), boundary,
			&layer->content_type, body);
	layer->base64 = false;
	buf_free(&der);
	return answer;
}

static enum answer
sign_opaque(const struct protect_job *job, struct slice entity, struct layer *layer, struct buf *body,
	struct error *err)
{
	const struct config_rule *rule = job->plan->sign;
	struct sign_options options = {rule->digest, rule->rsa_signature, false, job->now};
	struct buf der;
	enum answer answer;

	buf_init(&der, body->limit);
	answer = sign_entity(entity, job->signer, &options, &der, err);
	if (answer == ANSWER_YES)
		compose_pkcs7_mime(buf_slice(&der), "signed-data", &layer->content_type, body);
	layer->base64 = true;
	buf_free(&der);
	return answer;
}

static enum answer
encrypt_layer(const struct protect_job *job, struct slice entity, struct layer *layer, struct buf *body,
	struct error *err)
{
	struct encrypt_options options = {job->plan->cipher, job->plan->rsa_transport};
	struct buf der;
	enum answer answer;

	buf_init(&der, body->limit);
	answer = encrypt_entity(entity, job->certificates, job->certificate_count, &options, &der, err);
	if (answer == ANSWER_YES)
		compose_pkcs7_mime(buf_slice(&der),
			algorithms_cipher_authenticates(options.cipher) ? "authEnveloped-data" : "enveloped-data",
			&layer->content_type, body);
	layer->base64 = true;
	buf_free(&der);
	return answer;
}

/* Signs entity into layer and body. An entity that could not be made 7-bit is
 * never put into multipart/signed: the first relay would break it. */
static enum answer
sign_layer(const struct protect_job *job, enum compose_result composed, struct slice entity, struct layer *layer,
	struct buf *body, struct error *err)
{
	if (composed == COMPOSE_UNTOUCHED || job->plan->sign->form == FORM_OPAQUE)
		return sign_opaque(job, entity, layer, body, err);
	return sign_clear(job, entity, layer, body, err);
}

/* Both layers: the signed one becomes an entity of its own inside the envelope. */
static enum answer
sign_and_encrypt(const struct protect_job *job, enum compose_result composed, struct slice entity,
	struct layer *layer, struct buf *body, struct error *err)
{
	struct layer inner = {0};
	struct buf signed_body, signed_entity;
	enum answer answer;

	buf_init(&inner.content_type, CONTENT_TYPE_MAX);
	buf_init(&signed_body, body->limit);
	buf_init(&signed_entity, body->limit);
	answer = sign_layer(job, composed, entity, &inner, &signed_body, err);
	if (answer == ANSWER_YES) {
		compose_entity_header(buf_slice(&inner.content_type), inner.base64, &signed_entity);
		buf_add_slice(&signed_entity, buf_slice(&signed_body));
		answer = buf_failed(&signed_body) || buf_failed(&signed_entity) ? no_room(err) :
			encrypt_layer(job, buf_slice(&signed_entity), layer, body, err);
	}
	buf_free(&inner.content_type);
	buf_free(&signed_body);
	buf_free(&signed_entity);
	return answer;
}

bool
protect_remove_fields(const struct message *m, bool (*which)(const void *arg, const char *name),
	const void *arg, struct edit *e)
{
	for (size_t i = m->field_count; i-- > 0;) {
		unsigned nth = 0;

		if (!which(arg, m->fields[i].name))
			continue;
		for (size_t k = 0; k <= i; k++)
			if (strcasecmp(m->fields[k].name, m->fields[i].name) == 0)
				nth++;
		if (!edit_remove_field(e, m->fields[i].name, nth))
			return false;
	}
	return true;
}

static bool
is_mime_field(const void *arg, const char *name)
{
	(void)arg;
	return mime_is_mime_field(name);
}

static bool
write_fields(const struct protect_job *job, const struct layer *layer, struct edit *e)
{
	struct buf value;
	bool ok;

	buf_init(&value, CONTENT_TYPE_MAX);
	buf_add_byte(&value, ' ');
	buf_add_slice(&value, buf_slice(&layer->content_type));
	ok = !buf_failed(&value) && protect_remove_fields(job->message, is_mime_field, NULL, e) &&
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
	struct layer layer = {0};
	struct buf entity;
	enum compose_result composed;
	enum answer answer;

	buf_init(&layer.content_type, CONTENT_TYPE_MAX);
	buf_init(&entity, e->body.limit);
	composed = compose_entity(job->message, job->mime, &entity, note);
	if (job->plan->sign == NULL || job->plan->sign->form == FORM_OPAQUE)
		*note = NULL; /* the form is what the rule says */
	if (composed == COMPOSE_NO_MEMORY)
		answer = no_room(err);
	else if (job->plan->sign != NULL && job->plan->encrypt)
		answer = sign_and_encrypt(job, composed, buf_slice(&entity), &layer, &e->body, err);
	else if (job->plan->sign != NULL)
		answer = sign_layer(job, composed, buf_slice(&entity), &layer, &e->body, err);
	else
		answer = encrypt_layer(job, buf_slice(&entity), &layer, &e->body, err);
	if (answer == ANSWER_YES) {
		e->replaces_body = true;
		if (buf_failed(&e->body) || buf_failed(&layer.content_type) || !write_fields(job, &layer, e))
			answer = no_room(err);
	}
	buf_free(&layer.content_type);
	buf_free(&entity);
	return answer;
}
