#include "gateway/results.h"

#include "base/utf8.h"
#include "mail/authres.h"
#include "mail/field.h"
#include "pki/profiles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINE_WANTED 77 /* RFC 5322 2.1.1's 78, with one left for a semicolon */
#define VEILED_REASON "encrypted without authentication, and not known to be its sender's"
#define STORY_MAX 1000 /* octets of the comment; authres cuts it shorter */

/* ---- words --------------------------------------------------------------------- */

const char *
results_kind_name(enum verdict_kind kind)
{
	static const char *const names[] = {
		[VERDICT_SIGNED] = "signed", [VERDICT_ENCRYPTED] = "encrypted",
		[VERDICT_COMPRESSED] = "compressed", [VERDICT_CERTS_ONLY] = "certificates",
	};

	return names[kind];
}

const char *
results_form_name(const struct layer *layer)
{
	return layer->entity.kind == ENTITY_CLEAR_SIGNED ? "clear" : "opaque";
}

const char *
results_status_name(enum status_state state)
{
	static const char *const names[] = {
		[STATUS_GOOD] = "good", [STATUS_REVOKED] = "revoked", [STATUS_UNKNOWN] = "unknown",
	};

	return names[state];
}

const char *
results_status_of(const struct checker_finding *finding)
{
	return finding->of == 0 ? NULL : "an authority above the certificate";
}

const char *
results_status_fault(const struct checker_finding *finding)
{
	return finding->fault ? "certificateHold, which its authority never uses" : NULL;
}

static bool
is_broken(const struct layers_signer *s, size_t rule, enum profile_severity severity)
{
	return s->kept.rules[rule].outcome == PROFILE_BROKEN && s->kept.rules[rule].rule->severity == severity;
}

void
results_add_broken(const struct layers_signer *s, enum profile_severity severity, struct buf *ids)
{
	if (s->kept.count == 0 && s->kept.errors > 0 && severity == PROFILE_ERROR)
		buf_add_str(ids, "unreadable");
	for (size_t i = 0; i < s->kept.count; i++)
		if (is_broken(s, i, severity))
			buf_printf(ids, "%s%s", ids->len == 0 ? "" : ", ", s->kept.rules[i].rule->id);
}

void
results_time(time_t when, char text[RESULTS_TIME_SIZE])
{
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL || strftime(text, RESULTS_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, RESULTS_TIME_SIZE, "out of range");
}

/* ---- what others wrote ---------------------------------------------------------- */

struct forged {
	const struct message *message;
	struct authres_id *ids; /* ours, then trusted-authres */
	size_t id_count;
	bool id_is_trusted;
	bool *goes;             /* for each field */
	size_t shortened_count;
};

/* False: no memory. */
static bool
forged_init(struct forged *f, const struct config *config, struct slice id, const struct message *m)
{
	const struct config_strings *trusted = &config->trusted_authres;

	*f = (struct forged){.message = m, .id_count = 1 + trusted->count};
	f->ids = calloc(f->id_count, sizeof *f->ids);
	f->goes = calloc(m->field_count + 1, sizeof *f->goes);
	if (f->ids == NULL || f->goes == NULL)
		return false;
	authres_id_init(&f->ids[0], id);
	for (size_t i = 0; i < trusted->count; i++) {
		authres_id_init(&f->ids[1 + i], slice_str(trusted->item[i]));
		f->id_is_trusted = f->id_is_trusted || address_domain_equal(slice_str(trusted->item[i]), id);
	}
	return true;
}

static void
forged_free(struct forged *f)
{
	free(f->ids);
	free(f->goes);
}

/* Some readers take a blank before the colon. */
static bool
is_named(const struct header_field *field, const char *name)
{
	return slice_eq_str_nocase(slice_trim(slice_str(field->name)), name);
}

/* Of a field named Authentication-Results. Adds to shortened what is to stand in its place. */
static enum authres_left
look_at(struct forged *f, struct slice value, struct buf *shortened)
{
	bool claims_trusted = false;

	authres_claims(value, f->ids, f->id_count);
	for (size_t i = 1; i < f->id_count; i++)
		claims_trusted = claims_trusted || f->ids[i].claimed;
	if (f->ids[0].claimed && !f->id_is_trusted)
		return AUTHRES_NOTHING;
	return claims_trusted ? authres_without(value, "smime", shortened) : AUTHRES_UNTOUCHED;
}

/* Says whether the field goes, and prepends what is left of it. False: no memory. */
static bool
judge_field(struct forged *f, size_t at, struct edit *e)
{
	const struct header_field *field = &f->message->fields[at];
	enum authres_left left;
	struct buf shortened;
	bool ok = true;

	f->goes[at] = slice_starts_nocase(slice_str(field->name), RESULTS_LAYER_PREFIX);
	if (!is_named(field, AUTHRES_NAME))
		return true;
	buf_init(&shortened, SIZE_MAX);
	left = look_at(f, field->value, &shortened);
	f->goes[at] = left != AUTHRES_UNTOUCHED;
	if (left == AUTHRES_SHORTENED && f->shortened_count < RESULTS_SHORTENED_MAX) {
		ok = !buf_failed(&shortened) && edit_prepend_field(e, AUTHRES_NAME, buf_slice(&shortened));
		f->shortened_count++;
	}
	buf_free(&shortened);
	return ok;
}

static bool
goes(const void *arg, const struct header_field *field)
{
	const struct forged *f = arg;

	return f->goes[field - f->message->fields];
}

/* A header of a megabyte may be nothing but such fields, so each is looked at once. */
bool
results_remove_forged(const struct config *config, const char *authserv_id, const struct message *m,
	struct edit *e)
{
	struct forged f;
	bool ok = forged_init(&f, config, slice_str(authserv_id), m);

	for (size_t i = 0; ok && i < m->field_count; i++)
		ok = judge_field(&f, i, e);
	ok = ok && edit_remove_fields(e, m, goes, &f);
	forged_free(&f);
	return ok;
}

/* ---- Authentication-Results -------------------------------------------------------- */

static void
tell_layer(const struct layer *layer, bool veiled, struct buf *story)
{
	if (story->len > 0)
		buf_add_str(story, ", ");
	if (layer->kind == VERDICT_ENCRYPTED && veiled)
		buf_add_str(story, results_kind_name(layer->kind));
	else if (layer->kind == VERDICT_ENCRYPTED && layer->opened && layer->decrypted.cipher != NULL)
		buf_printf(story, "encrypted with %s", layer->decrypted.cipher);
	else if (layer->kind == VERDICT_ENCRYPTED && !layer->opened)
		buf_add_str(story, "encrypted and not opened");
	else
		buf_add_str(story, results_kind_name(layer->kind));
}

static const struct layers_signer *
spoken_of(const struct inbound *in)
{
	const struct verdict *v = &in->shown;

	if (v->layer >= in->layers.count || v->signer >= in->layers.layer[v->layer].verified.signer_count)
		return NULL;
	return &in->layers.layer[v->layer].signers[v->signer];
}

/* Does somebody whom we trust say that the certificate, and the signature, are whose they say? */
static bool
is_vouched_for(const struct layers_signer *s)
{
	return s->verdict.intact == VERDICT_INTACT && !s->verdict.weak && s->verdict.trust == VERDICT_TRUSTED &&
		s->signature->certificate != NULL;
}

/* As the certificate writes it. Empty: there is none. */
static struct slice
address_inside(const struct cert *cert, struct slice wanted)
{
	for (size_t i = 0; i < cert->address_count; i++)
		if (address_equal_text(slice_str(cert->addresses[i]), wanted))
			return slice_str(cert->addresses[i]);
	return SLICE_NONE;
}

static struct slice
identifier(const struct inbound *in, const struct layers_signer *s)
{
	switch (s->verdict.address) {
	case VERDICT_MATCH:
		return address_inside(s->signature->certificate, in->from);
	case VERDICT_SENDER:
		return address_inside(s->signature->certificate, in->sender);
	case VERDICT_BOUND:
		return in->from;
	case VERDICT_ABSENT:
	case VERDICT_MISMATCH:
	case VERDICT_ADDRESS_UNKNOWN:
		break;
	}
	return SLICE_NONE;
}

#define PROPERTIES_MAX 3

static size_t
find_properties(const struct inbound *in, struct authres_property properties[PROPERTIES_MAX])
{
	const struct layers_signer *s = spoken_of(in);
	bool passes = strcmp(in->shown.result, "pass") == 0;
	const struct cert *cert;
	struct slice address;
	size_t count = 0;

	if (s == NULL || s->signature->certificate == NULL || !(passes || is_vouched_for(s)))
		return 0;
	cert = s->signature->certificate;
	address = passes ? identifier(in, s) : SLICE_NONE;
	if (address.len > 0)
		properties[count++] = (struct authres_property){"body", "smime-identifier", address};
	properties[count++] = (struct authres_property){"body", "smime-serial", slice_str(cert->serial)};
	properties[count++] = (struct authres_property){"body", "smime-issuer", slice_str(cert->issuer)};
	return count;
}

/* RFC 6532: 8-bit text where the message is internationalised anyway. */
static bool
has_eight_bit(const struct message *m)
{
	for (size_t i = 0; i < m->field_count; i++)
		if (!slice_is_ascii(m->fields[i].value))
			return true;
	return false;
}

static size_t
layers_told(const struct inbound *in)
{
	return in->told < RESULTS_LAYERS_SHOWN ? in->told : RESULTS_LAYERS_SHOWN;
}

static bool
write_authres(const char *authserv_id, const struct inbound *in, struct edit *e)
{
	const struct layers_signer *s = spoken_of(in);
	struct authres_property properties[PROPERTIES_MAX];
	struct authres_result result = {
		.method = "smime", .result = in->shown.result,
		.reason = in->shown.reason == NULL && in->veiled ? VEILED_REASON : in->shown.reason, .properties = properties,
	};
	struct buf story, value;
	bool ok;

	buf_init(&story, STORY_MAX);
	buf_init(&value, RESULTS_TOTAL_MAX);
	for (size_t i = 0; i < layers_told(in); i++)
		tell_layer(&in->layers.layer[i], in->veiled, &story);
	if (s != NULL && s->trust != NULL && is_vouched_for(s))
		buf_printf(&story, ", trusted by %s", s->trust->name);
	if (story.len > 0)
		result.comment = buf_str(&story);
	result.property_count = find_properties(in, properties);
	authres_write(authserv_id, &result, 1, has_eight_bit(in->message), &value);
	ok = !buf_failed(&story) && !buf_failed(&value) && edit_prepend_field(e, AUTHRES_NAME, buf_slice(&value));
	buf_free(&value);
	buf_free(&story);
	return ok;
}

/* ---- the layers' fields -------------------------------------------------------------- */

struct writer {
	struct buf out;
	struct buf item; /* one parameter */
	size_t line;     /* octets on this line */
};

/* The blank before the word is where the line may be folded. */
static void
put_word(struct writer *w, struct slice word)
{
	if (w->line + 1 + word.len > LINE_WANTED) {
		buf_add_byte(&w->out, '\n');
		w->line = 0;
	}
	buf_add_byte(&w->out, ' ');
	buf_add_slice(&w->out, word);
	w->line += 1 + word.len;
}

static bool
is_plain(struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		int c = ascii_lower(value.data[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_')
			return false;
	}
	return value.len > 0 && value.len <= RESULTS_VALUE_MAX;
}

static void
add_quoted(struct buf *item, struct slice value)
{
	size_t from = item->len, len;

	buf_add_byte(item, '"');
	for (size_t at = 0; at < value.len && !buf_failed(item); at += len) {
		unsigned char c = value.data[at];

		if (item->len - from > RESULTS_VALUE_MAX - sizeof "\\x...\"") {
			buf_add_str(item, "...");
			break;
		}
		len = utf8_length(value, at);
		if (len != 1 || c < ' ' || c == 0x7f)
			c = '?';
		else if (c == ';')
			c = ',';
		else if (c == '"' || c == '\\')
			buf_add_byte(item, '\\');
		if (c != ' ' || item->data[item->len - 1] != ' ')
			buf_add_byte(item, c);
		len = len == 0 ? 1 : len;
	}
	buf_add_byte(item, '"');
}

static void
put(struct writer *w, const char *name, struct slice value)
{
	struct slice item;
	size_t end;

	buf_clear(&w->item);
	buf_printf(&w->item, "%s=", name);
	if (is_plain(value))
		buf_add_slice(&w->item, value);
	else
		add_quoted(&w->item, value);
	w->out.failed = w->out.failed || buf_failed(&w->item);
	buf_add_byte(&w->out, ';');
	w->line++;
	item = buf_slice(&w->item);
	for (size_t at = 0; at <= item.len; at = end + 1) {
		end = item.len < LINE_WANTED ? item.len : slice_find(item, ' ', at);
		put_word(w, slice_sub(item, at, end));
	}
}

/* NULL and "": there is nothing to say. */
static void
put_text(struct writer *w, const char *name, const char *value)
{
	if (value != NULL && *value != '\0')
		put(w, name, slice_str(value));
}

static void
put_reason(struct writer *w, const char *name, const struct error *reason)
{
	if (reason->answer != ANSWER_YES)
		put_text(w, name, reason->words);
}

static void
put_number(struct writer *w, const char *name, size_t number)
{
	char text[24];

	snprintf(text, sizeof text, "%zu", number);
	put_text(w, name, text);
}

static void
put_names(struct writer *w, const struct layers_signer *s)
{
	const struct cert *cert = s->signature->certificate;
	bool vouched = is_vouched_for(s);

	if (cert == NULL)
		return;
	put_text(w, vouched ? "subject" : "claimed-subject", cert->subject);
	put_text(w, vouched ? "issuer" : "claimed-issuer", cert->issuer);
	put_text(w, vouched ? "serial" : "claimed-serial", cert->serial);
}

static void
put_time(struct writer *w, const char *name, time_t when)
{
	char text[RESULTS_TIME_SIZE];

	results_time(when, text);
	put_text(w, name, text);
}

static void
put_status(struct writer *w, const struct layers_signer *s)
{
	const struct status *status = &s->finding.status;

	if (!s->has_status)
		return;
	put_text(w, "status", results_status_name(status->state));
	put_text(w, "status-of", results_status_of(&s->finding));
	if (status->state == STATUS_REVOKED) {
		put_time(w, "status-since", status->since);
		put_text(w, "status-reason", status_reason_text(status->reason));
	}
	if (status->state == STATUS_UNKNOWN)
		put_reason(w, "status-because", &status->why);
	put_text(w, "status-source", s->finding.source);
	if (s->finding.source[0] != '\0')
		put_time(w, "status-told", s->finding.told);
	put_text(w, "status-fault", results_status_fault(&s->finding));
}

static void
put_broken(struct writer *w, const char *name, const struct layers_signer *s, enum profile_severity severity)
{
	struct buf ids;

	buf_init(&ids, SIZE_MAX);
	results_add_broken(s, severity, &ids);
	put(w, name, buf_slice(&ids));
	w->out.failed = w->out.failed || buf_failed(&ids);
	buf_free(&ids);
}

static void
put_quality(struct writer *w, const struct layers_signer *s)
{
	put_text(w, "qualified", verdict_qualified_name(s->verdict.qualified));
	put_reason(w, "qualified-because", &s->qualified_reason);
	put_text(w, "profile", s->profile == NULL ? NULL : s->profile->name);
	if (s->kept.errors > 0)
		put_broken(w, "profile-faults", s, PROFILE_ERROR);
	if (s->kept.notes > 0)
		put_broken(w, "profile-notes", s, PROFILE_NOTE);
	put_text(w, "minor", profiles_minor(&s->kept));
}

static void
put_signer(struct writer *w, const struct layers_signer *s)
{
	const struct verify_signer *signature = s->signature;

	put_text(w, "intact", verdict_intact_name(s->verdict.intact));
	if (s->verdict.intact != VERDICT_INTACT)
		put_reason(w, "intact-because", &signature->reason);
	if (s->verdict.weak) {
		put_text(w, "weak", "yes");
		put_reason(w, "weak-because", &signature->reason);
	}
	put_text(w, "trust", verdict_trust_name(s->verdict.trust));
	put_text(w, "trust-set", s->trust == NULL ? NULL : s->trust->name);
	put_reason(w, "trust-because", &s->trust_reason);
	put_status(w, s);
	put_text(w, "address", verdict_address_name(s->verdict.address));
	put_reason(w, "address-because", &s->address_reason);
	put_quality(w, s);
	put_text(w, "digest", signature->digest);
	put_text(w, "algorithm", signature->algorithm);
	if (s->verdict.intact != VERDICT_INTACT)
		return;
	if (signature->has_signing_time)
		put_time(w, "signing-time", signature->signing_time);
	put_names(w, s);
}

#define NOT_SHOWN_ROOM 40 /* "; not-shown=NNN" with a fold */

static void
put_signers(struct writer *w, const struct layer *layer)
{
	size_t count = layer->verified.signer_count, shown;

	for (shown = 0; shown < count && shown < RESULTS_SIGNERS_SHOWN; shown++) {
		size_t len = w->out.len, line = w->line;

		if (count > 1)
			put_number(w, "signer", shown + 1);
		put_signer(w, &layer->signers[shown]);
		if (w->out.len > RESULTS_FIELD_MAX - NOT_SHOWN_ROOM) {
			w->out.len = len;
			w->line = line;
			break;
		}
	}
	if (shown < count)
		put_number(w, "not-shown", count - shown);
}

static void
put_envelope(struct writer *w, const struct layer *layer, bool veiled)
{
	veiled = veiled && layer->tried && !layers_is_authenticated(layer);
	if (!veiled)
		put_text(w, "opened", layer->opened ? "yes" : "no");
	put_text(w, "key", layer->key == NULL ? NULL : layer->key->files.name);
	put_text(w, "cipher", layer->decrypted.cipher);
	put_text(w, "transport", layer->decrypted.transport);
	put_text(w, "authenticated", layers_is_authenticated(layer) ? "yes" : "no");
	if (layer->decrypted.weak)
		put_text(w, "weak", "yes");
	if (!veiled)
		put_reason(w, "closed-because", &layer->reason);
}

static void
put_layer(struct writer *w, const struct layer *layer, bool veiled)
{
	put_word(w, slice_str(results_kind_name(layer->kind)));
	switch (layer->kind) {
	case VERDICT_ENCRYPTED:
		put_envelope(w, layer, veiled);
		break;
	case VERDICT_SIGNED:
		put_text(w, "form", results_form_name(layer));
		put_reason(w, "unreadable-because", &layer->reason);
		put_signers(w, layer);
		break;
	case VERDICT_COMPRESSED:
		put_text(w, "opened", layer->opened ? "yes" : "no");
		put_reason(w, "closed-because", &layer->reason);
		break;
	case VERDICT_CERTS_ONLY:
		break;
	}
}

#define LAYER_NAME_SIZE (sizeof RESULTS_LAYER_PREFIX + 24)

/* The field of layer at or, behind the last that is shown, of how many more there are. */
static void
compose_layer(const struct layers *l, size_t at, bool veiled, char name[LAYER_NAME_SIZE], struct writer *w)
{
	snprintf(name, LAYER_NAME_SIZE, RESULTS_LAYER_PREFIX "%zu", at + 1);
	/* A signer more may stand there until it is seen that it does not fit. */
	buf_init(&w->out, 2 * RESULTS_FIELD_MAX);
	buf_init(&w->item, RESULTS_FIELD_MAX);
	w->line = strlen(name) + 1;
	if (at < RESULTS_LAYERS_SHOWN) {
		put_layer(w, &l->layer[at], veiled);
	} else {
		put_word(w, slice_str("more"));
		put_number(w, "not-shown", l->count - at);
	}
	buf_free(&w->item);
}

bool
results_write(const char *authserv_id, const struct inbound *in, struct edit *e)
{
	size_t told = layers_told(in), fields = told < in->told ? told + 1 : told;
	bool ok = write_authres(authserv_id, in, e);

	for (size_t i = 0; ok && i < fields; i++) {
		char name[LAYER_NAME_SIZE];
		struct writer w;

		compose_layer(&in->layers, i, in->veiled, name, &w);
		ok = !buf_failed(&w.out) && edit_prepend_field(e, name, buf_slice(&w.out));
		buf_free(&w.out);
	}
	return ok;
}

void
results_add_layers(const struct layers *l, struct buf *out)
{
	for (size_t i = 0; i < l->count && i <= RESULTS_LAYERS_SHOWN; i++) {
		char name[LAYER_NAME_SIZE];
		struct writer w;

		compose_layer(l, i, false, name, &w);
		field_copy(name, buf_slice(&w.out), out);
		out->failed = out->failed || buf_failed(&w.out);
		buf_free(&w.out);
	}
}
