#include "revocation/authorise.h"
#include "revocation/authorise_forms.h"

#include <openssl/err.h>
#include <openssl/evp.h>

/* ---- the key of a request ----------------------------------------------------- */

/* Each with its length in front, so that no two lists of values are the same octets. */
static bool
digest_value(EVP_MD_CTX *ctx, const void *octets, size_t len)
{
	unsigned char size[4] = {len >> 24 & 0xff, len >> 16 & 0xff, len >> 8 & 0xff, len & 0xff};

	return EVP_DigestUpdate(ctx, size, sizeof size) == 1 && (len == 0 || EVP_DigestUpdate(ctx, octets, len) == 1);
}

/* Authority, issuer and serial number, and the signature's octets, or where there is none that counts the
 * body's. The same mail again has the same key, whoever sends it and whenever. */
static bool
make_key(const struct authorise_try *t, struct authorise_decision *d)
{
	const struct authorise_signer *s = d->signer == AUTHORISE_NONE ? NULL : &t->facts->signers[d->signer];
	struct slice issuer = t->block->issuers[d->issuer];
	EVP_MD_CTX *ctx;
	bool made;

	ERR_clear_error();
	ctx = EVP_MD_CTX_new();
	made = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		digest_value(ctx, t->block->name.data, t->block->name.len) &&
		digest_value(ctx, issuer.data, issuer.len) &&
		digest_value(ctx, t->line->serial.octets, t->line->serial.len) &&
		digest_value(ctx, s != NULL ? s->signature : t->facts->content, 32) &&
		EVP_DigestFinal_ex(ctx, d->key, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return made;
}

/* ---- lines -------------------------------------------------------------------- */

static bool
has_one_number(const struct authorise_facts *f)
{
	for (size_t i = 1; i < f->line_count; i++)
		if (!holder_serial_equal(&f->lines[0].serial, &f->lines[i].serial))
			return false;
	return true;
}

static bool
has_one_password(const struct authorise_facts *f)
{
	struct slice first = SLICE_NONE;

	for (size_t i = 0; i < f->line_count; i++) {
		if (first.len == 0)
			first = f->lines[i].password;
		else if (f->lines[i].password.len > 0 && !slice_eq(first, f->lines[i].password))
			return false;
	}
	return true;
}

/* Somebody may write the same in two languages: an earlier line with this number, or AUTHORISE_NONE. */
static size_t
find_same(const struct authorise_facts *f, size_t line)
{
	for (size_t i = 0; i < line; i++)
		if (holder_serial_equal(&f->lines[i].serial, &f->lines[line].serial))
			return i;
	return AUTHORISE_NONE;
}

/* Of this line and later ones with its number the first that has a password; where none has, this one. */
static size_t
find_password(const struct authorise_facts *f, size_t line)
{
	for (size_t i = line; i < f->line_count; i++)
		if (f->lines[i].password.len > 0 && holder_serial_equal(&f->lines[i].serial, &f->lines[line].serial))
			return i;
	return line;
}

static void
say_why(enum authorise_reason reason, struct authorise_decision *d)
{
	d->code = authorise_reasons[reason].code;
	d->words = authorise_reasons[reason].words;
}

/* What was asked for in vain does not matter once some form accepts. */
static void
conclude(const struct authorise_try *t, struct authorise_decision *d)
{
	*d = t->best;
	if (d->kind == AUTHORISE_ACCEPT)
		d->ask = 0;
	if (d->ask != 0)
		return;
	say_why(t->reason, d);
	if (d->kind == AUTHORISE_ACCEPT || d->kind == AUTHORISE_WAIT) {
		if (make_key(t, d))
			return;
		d->kind = AUTHORISE_DEFER;
		say_why(REASON_MEMORY, d);
	}
	d->signer = d->sender = d->match = d->issuer = AUTHORISE_NONE;
}

static void
decide_line(struct authorise_try *t, size_t line, struct authorise_decision *d)
{
	size_t asked = find_password(t->facts, line);

	t->line = &t->facts->lines[asked];
	authorise_try_begin(t);
	t->best.line = asked;
	authorise_try_forms(t);
	conclude(t, d);
}

/* ---- the whole ---------------------------------------------------------------- */

static enum authorise_whole
sum_up(const struct authorise_decision *decisions, size_t count)
{
	bool asks = false, defers = false, refuses = false;

	for (size_t i = 0; i < count; i++) {
		bool is_final = decisions[i].ask == 0;

		asks = asks || !is_final;
		defers = defers || (is_final && decisions[i].kind == AUTHORISE_DEFER);
		refuses = refuses || (is_final && decisions[i].kind == AUTHORISE_REFUSE);
	}
	return refuses ? AUTHORISE_WHOLE_REFUSE : asks ? AUTHORISE_WHOLE_ASK :
		defers ? AUTHORISE_WHOLE_DEFER : AUTHORISE_WHOLE_TAKE;
}

enum authorise_whole
authorise(const struct authorise_block *block, const struct authorise_facts *facts,
	struct authorise_decision *decisions)
{
	struct authorise_try t = {.block = block, .facts = facts};

	if (facts->line_count > AUTHORISE_LINES_MAX) {
		t.line = &facts->lines[0];
		authorise_try_begin(&t);
		t.reason = REASON_LIMIT;
		conclude(&t, &decisions[0]);
		return AUTHORISE_WHOLE_REFUSE;
	}
	t.one_number = has_one_number(facts);
	t.one_password = has_one_password(facts);
	for (size_t i = 0; i < facts->line_count; i++) {
		size_t same = find_same(facts, i);

		if (same == AUTHORISE_NONE) {
			decide_line(&t, i, &decisions[i]);
			continue;
		}
		decisions[i] = decisions[same];
		decisions[i].same_as = same;
	}
	return sum_up(decisions, facts->line_count);
}
