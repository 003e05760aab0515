#include "directory/choose.h"

static enum answer
judge_identity(const struct cert *cert, struct slice address, bool binds_address, struct error *err)
{
	if (cert->address_count > 0 || cert->malformed_addresses > 0) {
		if (cert_has_address(cert, address))
			return ANSWER_YES;
		return error_no(err, "other-address", "issued for %s%s, not for this address",
			cert->address_count > 0 ? cert->addresses[0] : "a malformed address",
			cert->address_count > 1 ? " and others" : "");
	}
	if (!binds_address)
		return error_no(err, "no-address", "contains no address, and the directory has no binds-address");
	return ANSWER_YES;
}

static enum answer
judge_key(const struct cert *cert, struct error *err)
{
	switch (cert->key) {
	case CERT_KEY_RSA:
		if (cert->key_bits < CERT_RSA_BITS_MIN || cert->key_bits > CERT_RSA_BITS_MAX)
			return error_no(err, "key-size", "an RSA key of %u bits; %d to %d are used", cert->key_bits,
				CERT_RSA_BITS_MIN, CERT_RSA_BITS_MAX);
		break;
	case CERT_KEY_EC:
		break;
	case CERT_KEY_OTHER:
		return error_no(err, "key-type", "its key is neither RSA nor EC P-256, P-384 or P-521");
	}
	if (!cert_may_encrypt(cert))
		return error_no(err, "key-usage", "its key usage does not permit %s",
			cert->key == CERT_KEY_RSA ? "keyEncipherment" : "keyAgreement");
	return ANSWER_YES;
}

static enum answer
judge_validity(const struct cert *cert, time_t now, struct error *err)
{
	char date[CERT_DATE_SIZE];

	if (now < cert->not_before) {
		cert_date(cert->not_before, date);
		return error_no(err, "not-yet-valid", "valid only from %s on", date);
	}
	if (now > cert->not_after) {
		cert_date(cert->not_after, date);
		return error_no(err, "expired", "expired on %s", date);
	}
	return ANSWER_YES;
}

enum answer
directory_judge(const struct cert *cert, struct slice address, bool binds_address, time_t now,
	struct error *err)
{
	enum answer answer;

	if (cert->ca)
		return error_no(err, "ca", "an authority's certificate is no recipient's");
	answer = judge_identity(cert, address, binds_address, err);
	if (answer == ANSWER_YES)
		answer = judge_validity(cert, now, err);
	if (answer == ANSWER_YES)
		answer = judge_key(cert, err);
	return answer;
}

static bool
newer(const struct cert *a, const struct cert *b)
{
	if (a->not_before != b->not_before)
		return a->not_before > b->not_before;
	return a->not_after > b->not_after;
}

struct directory_candidate *
choose_next(struct directory_candidate *candidates, size_t count)
{
	struct directory_candidate *best = NULL;

	for (size_t i = 0; i < count; i++) {
		struct directory_candidate *c = &candidates[i];

		if (c->usable && !c->chosen && (best == NULL || newer(c->cert, best->cert)))
			best = c;
	}
	return best;
}
