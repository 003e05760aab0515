#include "gateway/verdict.h"

const char *
verdict_intact_name(enum verdict_intact intact)
{
	static const char *const names[] = {
		[VERDICT_INTACT] = "intact", [VERDICT_BROKEN] = "broken",
		[VERDICT_NO_CERTIFICATE] = "no-certificate", [VERDICT_UNSUPPORTED] = "unsupported-algorithm",
	};

	return names[intact];
}

const char *
verdict_trust_name(enum verdict_trust trust)
{
	static const char *const names[] = {
		[VERDICT_TRUSTED] = "trusted", [VERDICT_UNTRUSTED] = "untrusted", [VERDICT_TRUST_UNKNOWN] = "unknown",
	};

	return names[trust];
}

const char *
verdict_address_name(enum verdict_address address)
{
	static const char *const names[] = {
		[VERDICT_MATCH] = "match", [VERDICT_BOUND] = "bound", [VERDICT_ABSENT] = "absent",
		[VERDICT_MISMATCH] = "mismatch", [VERDICT_SENDER] = "sender", [VERDICT_ADDRESS_UNKNOWN] = "unknown",
	};

	return names[address];
}

const char *
verdict_qualified_name(enum verdict_qualified qualified)
{
	static const char *const names[] = {
		[VERDICT_NOT_EVALUATED] = "not evaluated", [VERDICT_NONE] = "none", [VERDICT_ADVANCED] = "advanced",
		[VERDICT_QUALIFIED_SIGNATURE] = "qualified-signature",
		[VERDICT_QUALIFIED_SIGNATURE_QSCD] = "qualified-signature-qscd",
		[VERDICT_QUALIFIED_SEAL] = "qualified-seal", [VERDICT_QUALIFIED_SEAL_QSCD] = "qualified-seal-qscd",
	};

	return names[qualified];
}

/* What can be said of a signature, the best first. TEMPERROR may yet be PASS. */
enum standing {
	STANDING_PASS, STANDING_TEMPERROR, STANDING_POLICY, STANDING_NEUTRAL, STANDING_PERMERROR, STANDING_FAIL,
};

static const char *const results[] = {
	[STANDING_PASS] = "pass", [STANDING_TEMPERROR] = "temperror", [STANDING_POLICY] = "policy",
	[STANDING_NEUTRAL] = "neutral", [STANDING_PERMERROR] = "permerror", [STANDING_FAIL] = "fail",
};

struct finding {
	enum standing standing;
	const char *reason;
	size_t signer;
};

static struct finding
find_address(const struct verdict_signer *s)
{
	switch (s->address) {
	case VERDICT_MATCH:
	case VERDICT_BOUND:
		return (struct finding){.standing = STANDING_PASS};
	case VERDICT_ABSENT:
		if (s->absent_accepted)
			return (struct finding){.standing = STANDING_PASS};
		return (struct finding){STANDING_POLICY, "the certificate has no address, and no directory lists it for From", 0};
	case VERDICT_SENDER:
		if (s->sender_accepted)
			return (struct finding){.standing = STANDING_PASS};
		return (struct finding){STANDING_POLICY, "signed by Sender, not From", 0};
	case VERDICT_ADDRESS_UNKNOWN:
		return (struct finding){STANDING_TEMPERROR, "the directory cannot be asked whether the certificate belongs to From",
			0};
	case VERDICT_MISMATCH:
		break;
	}
	return (struct finding){STANDING_POLICY, "the certificate is not From's", 0};
}

/* A signer whose signature is intact. What is definite goes before what cannot be told now. */
static struct finding
find_acceptable(const struct verdict_facts *f, const struct verdict_signer *s)
{
	struct finding address;

	if (s->weak && !f->accept_weak)
		return (struct finding){STANDING_POLICY, "the signature's digest or key is too weak", 0};
	if (!s->may_sign)
		return (struct finding){STANDING_POLICY, "the certificate's key usage does not permit signatures", 0};
	if (s->trust == VERDICT_UNTRUSTED)
		return (struct finding){STANDING_POLICY, s->revoked ? "the certificate has been revoked" :
			"the certificate is not trusted", 0};
	if (s->other_time)
		return (struct finding){STANDING_POLICY, "signed at another time than Date says", 0};
	if (!f->one_from)
		return (struct finding){STANDING_POLICY, "From is not exactly one address", 0};
	address = find_address(s);
	if (s->trust == VERDICT_TRUST_UNKNOWN && address.standing < STANDING_POLICY)
		return (struct finding){STANDING_TEMPERROR, "it cannot be told now whether the certificate has been revoked", 0};
	return address;
}

static struct finding
find_intact(const struct verdict_signer *s, size_t signer_count)
{
	switch (s->intact) {
	case VERDICT_INTACT:
		break;
	case VERDICT_BROKEN:
		return (struct finding){STANDING_FAIL, signer_count > 1 ? "one of several signatures is not intact" :
			"the signature is not intact", 0};
	case VERDICT_NO_CERTIFICATE:
		return (struct finding){STANDING_PERMERROR, "the signer's certificate is not in the message", 0};
	case VERDICT_UNSUPPORTED:
		return (struct finding){STANDING_NEUTRAL, "the signature's algorithm is not supported", 0};
	}
	return (struct finding){.standing = STANDING_PASS};
}

/* Each signature must be intact: beside a broken one, what a good one covers was not
 * what its maker saw. Of the intact ones the best speaks. */
static struct finding
find_layer(const struct verdict_facts *f, const struct verdict_layer *layer)
{
	struct finding worst = {.standing = STANDING_PASS}, best = {.standing = STANDING_PASS};

	if (layer->signer_count == 0)
		return (struct finding){STANDING_NEUTRAL, layer->unreadable != NULL ? layer->unreadable :
			"its signatures cannot be read", VERDICT_NOBODY};
	for (size_t i = 0; i < layer->signer_count; i++) {
		struct finding intact = find_intact(&layer->signers[i], layer->signer_count);
		struct finding acceptable = find_acceptable(f, &layer->signers[i]);

		intact.signer = acceptable.signer = i;
		if (intact.standing > worst.standing)
			worst = intact;
		if (i == 0 || acceptable.standing < best.standing)
			best = acceptable;
	}
	return worst.standing != STANDING_PASS ? worst : best;
}

static size_t
opened_inside(const struct verdict_facts *f, size_t at)
{
	size_t count = 0;

	for (size_t i = at + 1; i < f->layer_count; i++)
		count += f->layers[i].kind == VERDICT_ENCRYPTED && f->layers[i].opened;
	return count;
}

static bool
is_intact(const struct verdict_layer *layer)
{
	for (size_t i = 0; i < layer->signer_count; i++)
		if (layer->signers[i].intact != VERDICT_INTACT)
			return false;
	return layer->kind == VERDICT_SIGNED && layer->signer_count > 0;
}

/* Without noise around it: with blocks of his choice behind the last boundary, somebody would
 * else learn from the answer whether the padding that they decrypt to is right. */
static bool
is_intact_inside(const struct verdict_facts *f, size_t at)
{
	for (size_t i = at + 1; i < f->layer_count && !f->layers[i].noisy; i++)
		if (is_intact(&f->layers[i]))
			return true;
	return false;
}

static bool
is_unauthenticated(const struct verdict_facts *f, size_t at)
{
	const struct verdict_layer *layer = &f->layers[at];

	return layer->kind == VERDICT_ENCRYPTED && layer->opened && !layer->authenticated && !is_intact_inside(f, at);
}

static void
weigh_envelope(const struct verdict_facts *f, size_t at, struct verdict *v)
{
	const struct verdict_layer *layer = &f->layers[at];

	if (!layer->tried)
		return;
	if (!layer->opened)
		v->undecryptable = true;
	if (layer->authenticated)
		return;
	v->malleable = true;
	if (is_unauthenticated(f, at))
		v->unauthenticated = true;
}

static bool
has_broken(const struct verdict_layer *layer)
{
	for (size_t i = 0; i < layer->signer_count; i++)
		if (layer->signers[i].intact == VERDICT_BROKEN)
			return true;
	return false;
}

static void
take_finding(const struct finding *finding, size_t layer, struct verdict *v)
{
	v->result = results[finding->standing];
	v->reason = finding->reason;
	v->layer = layer;
	v->signer = finding->signer;
}

static bool
is_in_unauthenticated(const struct verdict_facts *f, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (is_unauthenticated(f, i))
			return true;
	return false;
}

/* Is there another signature around this one, or in it, without an envelope between that was opened? */
static bool
is_signed_twice(const struct verdict_facts *f, size_t at)
{
	for (size_t i = 0; i < f->layer_count; i++)
		if (i != at && f->layers[i].kind == VERDICT_SIGNED && opened_inside(f, i) == opened_inside(f, at))
			return true;
	return false;
}

static struct finding
find_in_its_place(const struct verdict_facts *f, size_t at)
{
	struct finding finding = find_layer(f, &f->layers[at]);

	if (finding.standing == STANDING_PASS && opened_inside(f, at) > 0 && !f->accept_outside)
		return (struct finding){STANDING_POLICY, "signed outside of the encryption, not the content itself",
			finding.signer};
	/* No answer of whom we wait for would change that; nor does it depend on what opens. */
	if (finding.standing <= STANDING_TEMPERROR && f->refuse_twice && is_signed_twice(f, at))
		return (struct finding){STANDING_POLICY, "signed again around a signature", finding.signer};
	if (finding.standing == STANDING_TEMPERROR && is_in_unauthenticated(f, at))
		finding.standing = STANDING_POLICY;
	return finding;
}

/* Of those that pass the innermost speaks, which is next to the content; where none does, one
 * that may pass yet; else the worst. Among equals it is the outermost. */
static bool
speaks_before(const struct finding *new, const struct finding *old)
{
	if (new->standing == STANDING_PASS || old->standing == STANDING_PASS)
		return new->standing == STANDING_PASS;
	if (new->standing == STANDING_TEMPERROR || old->standing == STANDING_TEMPERROR)
		return old->standing != STANDING_TEMPERROR;
	return new->standing > old->standing;
}

/* False: there is no signature. */
static bool
weigh_signatures(const struct verdict_facts *f, struct verdict *v)
{
	struct finding speaker = {.standing = STANDING_FAIL};
	bool broken = false, found = false;

	for (size_t i = 0; i < f->layer_count; i++) {
		struct finding finding;

		if (f->layers[i].kind != VERDICT_SIGNED)
			continue;
		broken = broken || has_broken(&f->layers[i]);
		finding = find_in_its_place(f, i);
		if (!found || speaks_before(&finding, &speaker)) {
			speaker = finding;
			take_finding(&finding, i, v);
		}
		found = true;
	}
	v->unknown = found && speaker.standing == STANDING_TEMPERROR;
	v->bad_signature = broken && speaker.standing > STANDING_TEMPERROR;
	return found;
}

void
verdict_reach(const struct verdict_facts *facts, struct verdict *v)
{
	*v = (struct verdict){.result = "none", .layer = VERDICT_NOBODY, .signer = VERDICT_NOBODY};
	for (size_t i = 0; i < facts->layer_count; i++)
		if (facts->layers[i].kind == VERDICT_ENCRYPTED)
			weigh_envelope(facts, i, v);
	if (weigh_signatures(facts, v))
		return;
	if (facts->unreadable != NULL) {
		v->result = results[STANDING_NEUTRAL];
		v->reason = facts->unreadable;
	} else if (facts->partly_signed) {
		v->reason = "a part of the message is signed, not the whole";
	}
}
