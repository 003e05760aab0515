#include "gateway/layers.h"

#include "smime/inflate.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>


/* One way from the outside in. */
struct walk {
	const struct layers_job *job;
	struct layers *l;
	size_t left;      /* octets that may still be opened, all layers together */
	struct error *err;
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "out of memory for the opened message");
}

/* The rooms below know no options: what is past a limit is said by the name of its own. */
static void
name_option(const struct config *c, struct error *reason)
{
	if (reason->answer != ANSWER_NO)
		return;
	if (strcmp(reason->code, "too-large") == 0)
		error_no(reason, "opened-size-limit", "opened it would have more than opened-size-limit, %llu octets",
			(unsigned long long)c->opened_size_limit);
	else if (strcmp(reason->code, "signers") == 0)
		error_no(reason, "signer-limit", "it has more than signer-limit, %u signers", c->signer_limit);
	else if (strcmp(reason->code, "certificates") == 0)
		error_prefix(reason, "certificate-limit is %u", c->certificate_limit);
}

/* ---- what a layer holds ------------------------------------------------------- */

/* The content as an entity. One that MIME's limits do not let in stays closed: that may
 * depend on what was decrypted, so it is no answer of its own. */
static enum answer
enter(struct walk *w, struct layer *layer, struct slice octets)
{
	struct mime_limits limits = {w->job->config->mime_depth_limit, w->job->config->mime_part_limit};
	enum answer answer = mime_parse_entity(octets, &limits, &layer->mime, &layer->reason);

	if (answer == ANSWER_CANT_TELL)
		return no_memory(w->err);
	if (answer == ANSWER_YES) {
		layer->octets = octets;
		layer->inside = layer->mime->root;
	}
	return ANSWER_YES;
}

static enum answer
enter_own(struct walk *w, struct layer *layer)
{
	w->left -= layer->content.len;
	return enter(w, layer, buf_slice(&layer->content));
}

/* ---- signed -------------------------------------------------------------------- */

static bool
add_piece(struct slice piece, void *context)
{
	buf_add_slice(context, piece);
	return !buf_failed(context);
}

/* What an opaque signature is around. In one piece, as most are, it is not copied. */
static enum answer
enter_signed(struct walk *w, struct layer *layer)
{
	const struct structure *cms = &layer->entity.cms;

	if (layer->entity.kind == ENTITY_CLEAR_SIGNED) {
		layer->inside = layer->entity.content;
		layer->octets = layer->entity.clear;
		return ANSWER_YES;
	}
	if (!cms->has_content)
		return ANSWER_YES;
	if ((cms->content.tag & DER_CONSTRUCTED) == 0)
		return enter(w, layer, cms->content.content);
	buf_init(&layer->content, w->left);
	if (der_octets(&cms->content, add_piece, &layer->content))
		return enter_own(w, layer);
	if (layer->reason.answer == ANSWER_YES)
		error_no(&layer->reason, "malformed", "the signed content is malformed, or larger than opened-size-limit");
	return ANSWER_YES;
}

static enum answer
open_signed(struct walk *w, struct layer *layer)
{
	const struct config *c = w->job->config;
	enum answer answer;

	layer->kind = VERDICT_SIGNED;
	answer = verify_signatures(&layer->entity.cms, layer->entity.clear, c->signer_limit, c->certificate_limit,
		&layer->verified, &layer->reason);
	name_option(c, &layer->reason);
	if (answer == ANSWER_CANT_TELL) {
		*w->err = layer->reason;
		return answer;
	}
	if (answer == ANSWER_YES) {
		layer->signers = calloc(layer->verified.signer_count + 1, sizeof *layer->signers);
		if (layer->signers == NULL)
			return no_memory(w->err);
		for (size_t i = 0; i < layer->verified.signer_count; i++)
			layer->signers[i].signature = &layer->verified.signers[i];
	}
	return enter_signed(w, layer);
}

/* ---- encrypted ------------------------------------------------------------------ */

/* Who holds our key opens every mailbox: each recipient must be one whose mail it opens, or
 * whoever caught a message could have it opened by mailing it to himself. */
static bool
is_for_all(const struct layers_job *job, const struct config_decryption *key, struct error *why)
{
	for (size_t i = 0; i < job->message->recipient_count; i++) {
		const char *recipient = job->message->recipients[i];
		struct address a;

		if (!address_parse(slice_str(recipient), &a) || !config_decryption_covers(key, &a)) {
			error_no(why, "not-covered", "decryption-key %s is not for %s", key->files.name, recipient);
			return false;
		}
		/* Whatever its domain says, and though the key is for it. */
		if (address_may_be_sent_on(&a)) {
			error_no(why, "not-covered", "mail for %s may be sent on to another domain (%%, ! or @ in its local part)",
				recipient);
			return false;
		}
	}
	return true;
}

/* YES: used; NO: this key opens nothing here, layer->reason says why. */
static enum answer
decrypt_with(struct walk *w, struct layer *layer, size_t at)
{
	const struct config_decryption *key = &w->job->config->decryptions[at];
	struct decrypt_key with = {w->job->keys[at]->certificate, w->job->keys[at]->key};
	enum answer answer;

	layer->key = key;
	/* Before anything is decrypted: what came of that would be seen in the reason. */
	if (w->job->config->close_weak_ciphers && decrypt_has_weak_cipher(&layer->entity.cms)) {
		error_no(&layer->reason, "weak-cipher", "its cipher is too weak (weak-ciphers = close)");
		return ANSWER_YES;
	}
	layer->tried = true;
	answer = decrypt_content(&layer->entity.cms, &with, &layer->decrypted, &layer->content, &layer->reason);
	name_option(w->job->config, &layer->reason);
	if (answer == ANSWER_CANT_TELL)
		*w->err = layer->reason;
	if (answer != ANSWER_YES)
		return answer;
	layer->reason = ERROR_NONE;
	layer->opened = true;
	return enter_own(w, layer);
}

static bool
may_be_tried(const struct layers_job *job, struct layer *layer, size_t at)
{
	if (!decrypt_is_for(&layer->entity.cms, job->keys[at]->certificate))
		return false;
	if (layer->tried) /* the reason of the one before tells more */
		return is_for_all(job, &job->config->decryptions[at], NULL);
	if (job->closed.answer != ANSWER_YES) {
		layer->reason = job->closed;
		return false;
	}
	return is_for_all(job, &job->config->decryptions[at], &layer->reason);
}

static enum answer
open_envelope(struct walk *w, struct layer *layer)
{
	const struct layers_job *job = w->job;
	unsigned count = layer->entity.cms.recipient_infos;

	layer->kind = VERDICT_ENCRYPTED;
	if (count > job->config->cms_recipient_limit) {
		error_no(&layer->reason, "cms-recipient-limit", "it is encrypted for %u recipients, cms-recipient-limit is %u",
			count, job->config->cms_recipient_limit);
		return ANSWER_YES;
	}
	buf_init(&layer->content, w->left); /* once: a key that failed has left its memory there */
	for (size_t i = 0; i < job->config->decryption_count; i++) {
		enum answer answer;

		if (!may_be_tried(job, layer, i))
			continue;
		answer = decrypt_with(w, layer, i);
		if (answer != ANSWER_NO)
			return answer;
	}
	if (layer->reason.answer == ANSWER_YES)
		error_no(&layer->reason, "not-for-us", "it is encrypted for none of the decryption keys");
	return ANSWER_YES;
}

/* ---- compressed ------------------------------------------------------------------ */

/* Nobody can tell a bomb by its size: it is inflated once to be counted, and once for good
 * when there is memory for it. */
static enum answer
inflate_claimed(struct walk *w, struct layer *layer)
{
	const struct structure *cms = &layer->entity.cms;
	size_t size;
	enum answer answer = inflate_size(cms, w->left, &size, &layer->reason);

	if (answer != ANSWER_YES)
		return answer;
	if (w->job->claim != NULL && !w->job->claim(w->job->claim_arg, size * CONFIG_OPENED_MEMORY_FACTOR))
		return error_cant_tell(&layer->reason, "memory-limit", "more mail at once than the mail filter's memory-limit, "
			"try again later");
	buf_init(&layer->content, size);
	return inflate_content(cms, &layer->content, &layer->reason);
}

static enum answer
open_compressed(struct walk *w, struct layer *layer)
{
	enum answer answer;

	layer->kind = VERDICT_COMPRESSED;
	answer = inflate_claimed(w, layer);
	name_option(w->job->config, &layer->reason);
	if (answer == ANSWER_CANT_TELL)
		*w->err = layer->reason;
	if (answer != ANSWER_YES)
		return answer == ANSWER_NO ? ANSWER_YES : answer;
	layer->opened = true;
	return enter_own(w, layer);
}

/* ---- the walk --------------------------------------------------------------------- */

static enum answer
open_layer(struct walk *w, struct layer *layer)
{
	switch (layer->entity.cms.kind) {
	case STRUCTURE_SIGNED:
		return open_signed(w, layer);
	case STRUCTURE_ENVELOPED:
	case STRUCTURE_AUTH_ENVELOPED:
		return open_envelope(w, layer);
	case STRUCTURE_COMPRESSED:
		return open_compressed(w, layer);
	case STRUCTURE_CERTS_ONLY:
		break;
	}
	layer->kind = VERDICT_CERTS_ONLY;
	return ANSWER_YES;
}

/* YES: one layer further in. NO: there is none. */
static enum answer
step(struct walk *w)
{
	struct layers *l = w->l;
	unsigned limit = w->job->config->layer_limit;
	struct layer *layer = &l->layer[l->count];
	enum answer answer;

	*layer = (struct layer){.around = l->innermost, .reason = ERROR_NONE};
	answer = entity_read(l->innermost, &layer->entity, w->err);
	if (answer != ANSWER_YES || layer->entity.kind == ENTITY_PLAIN || l->count == limit) {
		if (layer->entity.kind != ENTITY_PLAIN)
			error_no(&l->unreadable, "layer-limit", "there are more than %u layers in each other (layer-limit)", limit);
		else if (layer->entity.claimed != NULL)
			l->unreadable = layer->entity.reason;
		entity_free(&layer->entity);
		return answer == ANSWER_YES ? ANSWER_NO : answer;
	}
	l->count++;
	answer = open_layer(w, layer);
	if (answer != ANSWER_YES)
		return answer;
	if (layer->inside == NULL) {
		layer->opened = false;
		return ANSWER_NO;
	}
	l->innermost = layer->inside;
	return ANSWER_YES;
}

static void
free_layer(struct layer *layer)
{
	verified_free(&layer->verified);
	free(layer->signers);
	entity_free(&layer->entity);
	mime_free(layer->mime);
	buf_free(&layer->content);
	*layer = (struct layer){.reason = ERROR_NONE};
}

/* Noise was walked through like any content, so that it took the same work. */
static void
close_rubbish(struct layers *l)
{
	size_t at = 0;

	while (at < l->count && !l->layer[at].decrypted.rubbish)
		at++;
	if (at == l->count)
		return;
	while (l->count > at + 1)
		free_layer(&l->layer[--l->count]);
	l->unreadable = ERROR_NONE;
	l->innermost = l->layer[at].around;
	l->layer[at].opened = false;
	l->layer[at].inside = NULL;
	error_no(&l->layer[at].reason, "undecryptable", "decryption-key %s does not decrypt it", l->layer[at].key->files.name);
}

/* ---- noise ---------------------------------------------------------------------------- */

static bool
is_printable(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((s.data[i] < ' ' || s.data[i] >= 0x7f) && !ascii_is_white(s.data[i]))
			return false;
	return true;
}

/* The first block can be altered without noise, through the vector that stands before it; so there
 * is to be nothing in it that is not known anyway. */
static bool
has_usual_fields(const struct mime_part *part)
{
	static const char *const usual[] = {
		"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition",
	};

	for (size_t i = 0; i < part->field_count; i++) {
		bool found = false;

		for (size_t k = 0; k < sizeof usual / sizeof *usual; k++)
			found = found || strcasecmp(part->fields[i].name, usual[k]) == 0;
		if (!found)
			return false;
	}
	return true;
}

/* All of the entity, but for what a signature beside it covers, and base64, whose decoder
 * takes no noise: it may be megabytes. A SignedData in binary is never let through, though its
 * signature ends it: in the certificates before that, which it does not cover, is room for noise,
 * and what stands behind the noise is DER or not. */
static bool
is_printable_around(const struct layer *layer)
{
	const struct mime_part *around = layer->around;
	struct slice whole = around->whole, left_out = layer->entity.clear;
	size_t begin;

	if (layer->entity.kind == ENTITY_CMS && around->encoding == MIME_BASE64)
		left_out = around->body;
	begin = left_out.len == 0 ? 0 : (size_t)(left_out.data - whole.data);
	return is_printable(slice_sub(whole, 0, begin)) && is_printable(slice_sub(whole, begin + left_out.len, whole.len));
}

bool
layers_is_authenticated(const struct layer *layer)
{
	return layer->entity.cms.kind == STRUCTURE_AUTH_ENVELOPED;
}

static void
look_for_noise(struct layers *l)
{
	bool malleable = false;

	for (size_t i = 0; i < l->count; i++) {
		struct layer *layer = &l->layer[i];

		layer->noisy = malleable && !(has_usual_fields(layer->around) && is_printable_around(layer));
		malleable = malleable || (layer->kind == VERDICT_ENCRYPTED && layer->opened && !layers_is_authenticated(layer));
	}
}

/* ---- parts that stay closed ------------------------------------------------------- */

static enum answer
look_at_parts(struct layers *l, struct error *err)
{
	const struct mime_part *root = l->innermost, *part = root;

	while ((part = mime_next(root, part)) != NULL) {
		struct entity e;
		enum answer answer;

		if (entity_claim(part) == NULL)
			continue;
		answer = entity_read(part, &e, err);
		if (answer == ANSWER_YES && e.kind != ENTITY_PLAIN) {
			if (e.cms.kind == STRUCTURE_SIGNED)
				l->partly_signed = true;
			if (e.cms.kind == STRUCTURE_ENVELOPED || e.cms.kind == STRUCTURE_AUTH_ENVELOPED)
				l->partly_encrypted = true;
		}
		entity_free(&e);
		if (answer != ANSWER_YES)
			return answer;
	}
	return ANSWER_YES;
}

enum answer
layers_open(const struct layers_job *job, struct layers *l, struct error *err)
{
	struct walk w = {job, l, job->config->opened_size_limit, err};
	enum answer answer;

	*l = (struct layers){.innermost = job->root, .unreadable = ERROR_NONE};
	l->layer = calloc(job->config->layer_limit + 1, sizeof *l->layer);
	if (l->layer == NULL)
		return no_memory(err);
	do
		answer = step(&w);
	while (answer == ANSWER_YES);
	if (answer == ANSWER_CANT_TELL)
		return answer;
	close_rubbish(l);
	look_for_noise(l);
	return look_at_parts(l, err);
}

/* What stays closed is always the last layer. */
const struct error *
layers_why_closed(const struct layers *l)
{
	static const struct error nothing = {.answer = ANSWER_YES};
	const struct layer *last = l->count == 0 ? NULL : &l->layer[l->count - 1];

	if (last != NULL && !last->opened && (last->kind == VERDICT_ENCRYPTED || last->kind == VERDICT_COMPRESSED))
		return &last->reason;
	return &nothing;
}

void
layers_free(struct layers *l)
{
	while (l->count > 0)
		free_layer(&l->layer[--l->count]);
	free(l->layer);
	*l = (struct layers){.layer = NULL};
}
