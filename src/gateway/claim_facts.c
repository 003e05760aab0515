#include "gateway/claim_case.h"

#include "gateway/inbound.h"
#include "mail/authres.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static enum answer
out_of_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "out of memory for a request");
}

bool
claim_digest(const struct slice *pieces, size_t count, unsigned char digest[32])
{
	EVP_MD_CTX *ctx;
	bool good;

	ERR_clear_error();
	ctx = EVP_MD_CTX_new();
	good = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
	for (size_t i = 0; good && i < count; i++)
		good = pieces[i].len == 0 || EVP_DigestUpdate(ctx, pieces[i].data, pieces[i].len) == 1;
	good = good && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

enum answer
claim_make_lines(struct claim_case *c, size_t count, struct error *err)
{
	c->lines = calloc(count, sizeof *c->lines);
	c->asked = calloc(count, sizeof *c->asked);
	c->languages = calloc(count, sizeof *c->languages);
	c->decisions = calloc(count, sizeof *c->decisions);
	if (c->lines == NULL || c->asked == NULL || c->languages == NULL || c->decisions == NULL)
		return out_of_memory(err);
	c->facts.lines = c->lines;
	c->facts.line_count = count;
	return ANSWER_YES;
}

/* ---- who signed ------------------------------------------------------------------- */

size_t
claim_inside(const struct layers *l)
{
	size_t inside = 0;

	for (size_t i = 0; i < l->count; i++)
		if (l->layer[i].kind == VERDICT_ENCRYPTED)
			inside = i + 1;
	return inside;
}

static bool
is_intact(const struct layer *layer)
{
	for (size_t i = 0; i < layer->verified.signer_count; i++)
		if (layer->verified.signers[i].intact != VERIFY_INTACT)
			return false;
	return true;
}

/* What its certificate says. */
static enum answer
read_certificate(struct claim_case *c, const struct cert *cert, struct authorise_signer *s, struct holder *holder,
	struct error *err)
{
	enum answer answer;

	s->may_sign = cert_may_sign(cert);
	memcpy(s->digest, cert->digest, sizeof s->digest);
	s->issuer = issued_by(c->authority->issued, cert);
	if (!holder_serial_of_cert(cert, &s->serial))
		s->issuer = AUTHORISE_NONE;
	answer = holder_read(cert, holder, err);
	if (answer == ANSWER_YES)
		s->holder = holder;
	return answer == ANSWER_CANT_TELL ? answer : ANSWER_YES;
}

static enum answer
add_signer(struct claim_case *c, size_t at, size_t signer, struct slice signature, struct error *err)
{
	const struct layer *layer = &c->claim->layers.layer[at];
	const struct verify_signer *v = &layer->verified.signers[signer];
	struct authorise_signer *s = &c->signers[c->facts.signer_count];
	struct claim_person *person = &c->persons[c->facts.signer_count];

	*s = (struct authorise_signer){
		.covers = at >= claim_inside(&c->claim->layers), .intact = is_intact(layer) && v->certificate != NULL,
		.weak = v->weak, .issuer = AUTHORISE_NONE,
		.has_signing_time = v->has_signing_time, .signing_time = v->signing_time,
	};
	*person = (struct claim_person){.layer = layer, .cert = v->certificate};
	c->facts.signer_count++;
	if (!claim_digest(&signature, 1, s->signature))
		return out_of_memory(err);
	return v->certificate == NULL ? ANSWER_YES : read_certificate(c, v->certificate, s, &person->holder, err);
}

/* SignerInfos stand in the same order in both. */
static enum answer
add_layer(struct claim_case *c, size_t at, struct error *err)
{
	const struct layer *layer = &c->claim->layers.layer[at];
	struct slice rest = layer->entity.cms.signer_infos, signature;
	enum answer answer = ANSWER_YES;

	for (size_t i = 0; answer == ANSWER_YES && i < layer->verified.signer_count; i++) {
		if (!structure_next_signature(&rest, &signature))
			return error_no(err, "malformed", "a SignerInfo is malformed");
		answer = add_signer(c, at, i, signature, err);
	}
	return answer;
}

/* Also one of another kind, or over a part only: what is signed is no unsigned mail, whatever came of it. */
static bool
is_signed(const struct layers *l)
{
	if (l->partly_signed || l->unreadable.answer != ANSWER_YES)
		return true;
	for (size_t i = 0; i < l->count; i++)
		if (l->layer[i].kind == VERDICT_SIGNED)
			return true;
	for (const struct mime_part *part = l->innermost; part != NULL; part = mime_next(l->innermost, part))
		if (mime_is(part, "multipart", "signed"))
			return true;
	return false;
}

enum answer
claim_find_signers(struct claim_case *c, struct error *err)
{
	const struct layers *l = &c->claim->layers;
	enum answer answer = ANSWER_YES;
	size_t count = 0;

	for (size_t i = 0; i < l->count; i++)
		count += l->layer[i].verified.signer_count;
	c->signers = calloc(count + 1, sizeof *c->signers);
	c->persons = calloc(count + 1, sizeof *c->persons);
	if (c->signers == NULL || c->persons == NULL)
		return out_of_memory(err);
	c->facts.signers = c->signers;
	c->facts.is_signed = is_signed(l);
	for (size_t i = 0; answer == ANSWER_YES && i < l->count; i++)
		answer = add_layer(c, i, err);
	return answer;
}

/* ---- who sent it ------------------------------------------------------------------ */

/* What the field says of dkim in that id's name. */
static bool
has_results(const struct header_field *field, const char *id, struct slice *values, size_t room, struct authres_found *found)
{
	*found = (struct authres_found){.results = 0};
	if (strcasecmp(field->name, AUTHRES_NAME) == 0)
		authres_passed(field->value, id, "dkim", "header.d", values, room, found);
	return found->results > 0 && !found->malformed;
}

/* Each MTA on the way puts its own on top, so that what stands below another one of its id may be anybody's. */
static const struct header_field *
uppermost(const struct message *m, const char *id, struct slice *values, size_t room, struct authres_found *found)
{
	for (size_t i = 0; i < m->field_count; i++)
		if (has_results(&m->fields[i], id, values, room, found))
			return &m->fields[i];
	return NULL;
}

bool
claim_is_trusted_result(const struct config *config, const struct message *m, size_t field)
{
	struct slice value;
	struct authres_found found;

	for (size_t i = 0; i < config->trusted_authres.count; i++)
		if (uppermost(m, config->trusted_authres.item[i], &value, 1, &found) == &m->fields[field])
			return true;
	return false;
}

void
claim_find_sender(struct claim_case *c, const struct message *m)
{
	const struct config_strings *trusted = &c->desk->gateway->config->trusted_authres;

	c->facts.from = inbound_only_address(m, "From", &c->from_text);
	c->facts.dkim = c->dkim;
	for (size_t i = 0; i < trusted->count; i++) {
		struct authres_found found;

		if (uppermost(m, trusted->item[i], c->dkim + c->facts.dkim_count, CLAIM_DKIM_MAX - c->facts.dkim_count,
		    &found) != NULL)
			c->facts.dkim_count += found.count;
	}
}
