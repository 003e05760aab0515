#include "pki/crl.h"

#include <openssl/err.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct crl_entry) == CRL_ENTRY_SIZE, "an entry is as small as the header says");

/* ReasonFlags as OpenSSL's octets have them, the first lowest; "unused" is none. */
#define REASONS_ALL 0x807fU

/* What the header shows, with the count behind it. */
struct counted_crl {
	struct crl crl; /* first: a struct crl * is a struct counted_crl * */
	atomic_uint references;
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory for a CRL");
}

struct crl *
crl_new(void)
{
	struct counted_crl *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	atomic_init(&c->references, 1);
	return &c->crl;
}

struct crl *
crl_ref(struct crl *crl)
{
	atomic_fetch_add(&((struct counted_crl *)crl)->references, 1);
	return crl;
}

void
crl_unref(struct crl *crl)
{
	if (crl == NULL || atomic_fetch_sub(&((struct counted_crl *)crl)->references, 1) > 1)
		return;
	for (size_t i = 0; i < crl->authority_count; i++)
		X509_NAME_free(crl->authorities[i]);
	free(crl->authorities);
	crl_free_urls(crl->freshest, crl->freshest_count);
	free(crl->entries);
	free((void *)crl->scope_der.data);
	ISSUING_DIST_POINT_free(crl->scope);
	cert_unref(crl->signer);
	free(crl);
}

/* Whoever lists one certificate a million times is not to take the memory of a million. */
static void
give_back_room(struct crl *crl)
{
	struct crl_entry *fewer = reallocarray(crl->entries, crl->count + 1, sizeof *fewer);

	if (fewer != NULL)
		crl->entries = fewer;
}

/* ---- numbers and entries --------------------------------------------------- */

/* Two's complement to the magnitude. */
static void
negate(struct crl_number *number)
{
	unsigned carry = 1;

	for (size_t i = number->len; i-- > 0;) {
		carry += (unsigned char)~number->octets[i];
		number->octets[i] = (unsigned char)carry;
		carry >>= 8;
	}
	if (number->octets[0] == 0) {
		number->len--;
		memmove(number->octets, number->octets + 1, number->len);
		number->octets[number->len] = 0;
	}
}

bool
crl_number_read(struct slice content, struct crl_number *number)
{
	*number = (struct crl_number){0};
	if (content.len == 0)
		return false;
	number->negative = (content.data[0] & 0x80) != 0;
	/* The first nine bits are never equal (X.690 8.3.2): so no number has two forms. */
	if (content.len > 1 && ((content.data[0] == 0 && content.data[1] < 0x80) ||
	    (content.data[0] == 0xff && content.data[1] >= 0x80)))
		return false;
	if (content.data[0] == 0)
		content = slice_sub(content, 1, content.len);
	if (content.len > CRL_SERIAL_MAX)
		return false;
	if (content.len > 0)
		memcpy(number->octets, content.data, content.len);
	number->len = (unsigned char)content.len;
	if (number->negative)
		negate(number);
	return true;
}

static int
compare_numbers(const struct crl_number *a, const struct crl_number *b)
{
	int order;

	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	order = a->len != b->len ? (a->len < b->len ? -1 : 1) : memcmp(a->octets, b->octets, a->len);
	return a->negative ? -order : order;
}

/* Which certificate is it? The order is ours alone. */
static int
compare_keys(const struct crl_entry *a, const struct crl_entry *b)
{
	if (a->authority != b->authority)
		return a->authority < b->authority ? -1 : 1;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->serial, b->serial, sizeof a->serial);
}

/* Equal certificates: the first revocation first, what takes one back last. */
static int
compare_entries(const void *left, const void *right)
{
	const struct crl_entry *a = left, *b = right;
	int order = compare_keys(a, b);
	bool removed = a->reason == STATUS_REMOVE_FROM_CRL;

	if (order != 0)
		return order;
	if (removed != (b->reason == STATUS_REMOVE_FROM_CRL))
		return removed ? 1 : -1;
	return a->since < b->since ? -1 : a->since > b->since;
}

static void
sort_entries(struct crl_entry *entries, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (compare_entries(&entries[i - 1], &entries[i]) > 0) {
			qsort(entries, count, sizeof *entries, compare_entries);
			return;
		}
}

void
crl_sort(struct crl *crl)
{
	size_t kept = 0;

	sort_entries(crl->entries, crl->count);
	crl->on_hold = 0;
	for (size_t i = 0; i < crl->count; i++) {
		if (kept > 0 && compare_keys(&crl->entries[kept - 1], &crl->entries[i]) == 0)
			continue;
		crl->entries[kept++] = crl->entries[i];
		crl->on_hold += crl->entries[i].reason == STATUS_CERTIFICATE_HOLD;
	}
	crl->count = kept;
	give_back_room(crl);
}

static const struct crl_entry *
find_entry(const struct crl *crl, const struct crl_entry *wanted)
{
	size_t low = 0, high = crl->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_keys(wanted, &crl->entries[middle]);

		if (order == 0)
			return &crl->entries[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

size_t
crl_find_authority(const struct crl *crl, const X509_NAME *name)
{
	size_t i = 0;

	while (i < crl->authority_count && X509_NAME_cmp(crl->authorities[i], name) != 0)
		i++;
	return i;
}

/* ---- one list after another -------------------------------------------------- */

static bool
same_scope(const struct crl *a, const struct crl *b)
{
	return X509_NAME_cmp(a->authorities[0], b->authorities[0]) == 0 && slice_eq(a->scope_der, b->scope_der);
}

enum answer
crl_may_replace(const struct crl *crl, const struct crl *next, struct error *err)
{
	if (!same_scope(crl, next) || crl->is_delta != next->is_delta)
		return error_no(err, "other-list", "the CRL is another authority's, or of another scope");
	if (crl->has_number && !next->has_number)
		return error_no(err, "older", "the CRL has no CRLNumber, but the one before it has");
	if (crl->has_number && compare_numbers(&next->number, &crl->number) < 0)
		return error_no(err, "older", "the CRL's CRLNumber is lower than that of the one before it");
	if (next->this_update < crl->this_update)
		return error_no(err, "older", "the CRL was issued before the one that it is to replace");
	return ANSWER_YES;
}

enum answer
crl_may_merge(const struct crl *base, const struct crl *delta, struct error *err)
{
	if (base->is_delta || !delta->is_delta || !same_scope(base, delta))
		return error_no(err, "delta", "the delta CRL is not for that CRL");
	if (EVP_PKEY_eq(X509_get0_pubkey(base->signer->x509), X509_get0_pubkey(delta->signer->x509)) != 1)
		return error_no(err, "delta", "the delta CRL and its base are not signed with the same key");
	if (!base->has_number || !delta->has_number || compare_numbers(&base->number, &delta->base) < 0)
		return error_no(err, "delta", "the CRL is older than the one that the delta CRL is built on");
	if (compare_numbers(&base->number, &delta->number) >= 0)
		return error_no(err, "older", "the delta CRL is not newer than the CRL");
	return ANSWER_YES;
}

static bool
copy_scope(const struct crl *from, struct crl *to)
{
	const unsigned char *at = from->scope_der.data;
	unsigned char *copy;

	if (from->scope == NULL)
		return true;
	to->scope = d2i_ISSUING_DIST_POINT(NULL, &at, (long)from->scope_der.len);
	copy = malloc(from->scope_der.len);
	if (copy != NULL)
		to->scope_der = slice_of(memcpy(copy, from->scope_der.data, from->scope_der.len), from->scope_der.len);
	return copy != NULL && to->scope != NULL;
}

static bool
copy_authorities(const struct crl *base, const struct crl *delta, struct crl *to)
{
	to->authorities = calloc(base->authority_count + delta->authority_count, sizeof *to->authorities);
	if (to->authorities == NULL)
		return false;
	for (size_t i = 0; i < base->authority_count + delta->authority_count; i++) {
		const X509_NAME *name = i < base->authority_count ? base->authorities[i]
			: delta->authorities[i - base->authority_count];

		if (crl_find_authority(to, name) < to->authority_count)
			continue;
		to->authorities[to->authority_count] = X509_NAME_dup(name);
		if (to->authorities[to->authority_count] == NULL)
			return false;
		to->authority_count++;
	}
	return true;
}

/* The delta's entries as the merged list numbers the authorities. NULL: no memory. */
static struct crl_entry *
renumber(const struct crl *delta, const struct crl *merged)
{
	struct crl_entry *entries = calloc(delta->count + 1, sizeof *entries);
	uint16_t *number = calloc(delta->authority_count, sizeof *number);

	if (entries == NULL || number == NULL) {
		free(entries);
		free(number);
		return NULL;
	}
	for (size_t i = 0; i < delta->authority_count; i++)
		number[i] = (uint16_t)crl_find_authority(merged, delta->authorities[i]);
	for (size_t i = 0; i < delta->count; i++) {
		entries[i] = delta->entries[i];
		entries[i].authority = number[entries[i].authority];
	}
	free(number);
	sort_entries(entries, delta->count);
	return entries;
}

/* What the delta says of a certificate is newer than what the base says. */
static void
merge_entries(const struct crl *base, const struct crl_entry *delta, size_t delta_count, struct crl *to)
{
	size_t b = 0, d = 0;

	while (b < base->count || d < delta_count) {
		int order = b == base->count ? 1 : d == delta_count ? -1 : compare_keys(&base->entries[b], &delta[d]);
		const struct crl_entry *entry = order < 0 ? &base->entries[b] : &delta[d];

		b += order <= 0;
		d += order >= 0;
		if (entry->reason == STATUS_REMOVE_FROM_CRL)
			continue;
		to->on_hold += entry->reason == STATUS_CERTIFICATE_HOLD;
		to->entries[to->count++] = *entry;
	}
}

enum answer
crl_merge(const struct crl *base, const struct crl *delta, struct crl **merged, struct error *err)
{
	struct crl_entry *entries = NULL;
	struct crl *m;

	*merged = NULL;
	if (crl_may_merge(base, delta, err) != ANSWER_YES)
		return ANSWER_NO;
	if (base->count + delta->count > CRL_ENTRIES_MAX ||
	    base->authority_count + delta->authority_count > CRL_AUTHORITIES_MAX)
		return error_no(err, "limit", "the delta CRL and its base are too large together");
	m = crl_new();
	if (m == NULL || !copy_scope(base, m) || !copy_authorities(base, delta, m))
		goto fail;
	entries = renumber(delta, m);
	m->entries = calloc(base->count + delta->count + 1, sizeof *m->entries);
	if (entries == NULL || m->entries == NULL)
		goto fail;
	m->signer = cert_ref(delta->signer);
	m->this_update = delta->this_update;
	/* Where no newer delta can be had, what is known stays as good as the base without any. */
	m->next_update = delta->next_update > base->next_update ? delta->next_update : base->next_update;
	m->has_number = true;
	m->number = delta->number;
	m->keeps_expired = base->keeps_expired;
	m->expired_since = base->expired_since;
	merge_entries(base, entries, delta->count, m);
	give_back_room(m);
	free(entries);
	*merged = m;
	return ANSWER_YES;
fail:
	free(entries);
	crl_unref(m);
	ERR_clear_error();
	return no_memory(err);
}

/* ---- is the list for that certificate? --------------------------------------- */

static bool
has_directory_name(GENERAL_NAMES *names, const X509_NAME *name)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *one = sk_GENERAL_NAME_value(names, i);

		if (one->type == GEN_DIRNAME && X509_NAME_cmp(one->d.directoryName, name) == 0)
			return true;
	}
	return false;
}

static bool
have_common_name(GENERAL_NAMES *a, GENERAL_NAMES *b)
{
	if (sk_GENERAL_NAME_num(a) > CRL_NAMES_MAX || sk_GENERAL_NAME_num(b) > CRL_NAMES_MAX)
		return false;
	for (int i = 0; i < sk_GENERAL_NAME_num(a); i++)
		for (int k = 0; k < sk_GENERAL_NAME_num(b); k++)
			if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(a, i), sk_GENERAL_NAME_value(b, k)) == 0)
				return true;
	return false;
}

/* DistributionPointName, in its two forms: 0 fullName, 1 nameRelativeToCRLIssuer, made whole
 * in dpname. */
static bool
same_point(const DIST_POINT_NAME *a, const DIST_POINT_NAME *b)
{
	if (a->type == 0 && b->type == 0)
		return have_common_name(a->name.fullname, b->name.fullname);
	if (a->type == 0)
		return b->dpname != NULL && has_directory_name(a->name.fullname, b->dpname);
	if (a->dpname == NULL)
		return false;
	if (b->type == 0)
		return has_directory_name(b->name.fullname, a->dpname);
	return b->dpname != NULL && X509_NAME_cmp(a->dpname, b->dpname) == 0;
}

static unsigned
reasons_of(const ASN1_BIT_STRING *bits)
{
	unsigned reasons = 0;

	if (bits == NULL)
		return REASONS_ALL;
	if (ASN1_STRING_length(bits) > 0)
		reasons = ASN1_STRING_get0_data(bits)[0];
	if (ASN1_STRING_length(bits) > 1)
		reasons |= (unsigned)ASN1_STRING_get0_data(bits)[1] << 8;
	return reasons & REASONS_ALL;
}

/* A relative name is one below the point's CRL issuer, or the certificate's where none is named. */
static bool
complete_name(DIST_POINT *point, const X509_NAME *issuer)
{
	if (point->distpoint == NULL || point->distpoint->type == 0)
		return true;
	for (int i = 0; i < sk_GENERAL_NAME_num(point->CRLissuer); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(point->CRLissuer, i);

		if (name->type == GEN_DIRNAME) {
			issuer = name->d.directoryName;
			break;
		}
	}
	return DIST_POINT_set_dpname(point->distpoint, issuer) == 1;
}

/* RFC 5280 6.3.3 b 1 and 2 i. */
static bool
is_at_point(const struct crl *crl, DIST_POINT *point, const X509_NAME *issuer)
{
	const DIST_POINT_NAME *own = crl->scope == NULL ? NULL : crl->scope->distpoint;

	if (point->CRLissuer == NULL) {
		if (X509_NAME_cmp(crl->authorities[0], issuer) != 0)
			return false;
	} else if (crl->scope == NULL || !crl->scope->indirectCRL ||
	    !has_directory_name(point->CRLissuer, crl->authorities[0])) {
		return false;
	}
	if (own == NULL)
		return true;
	if (point->distpoint != NULL)
		return complete_name(point, issuer) && same_point(point->distpoint, own);
	return own->type == 0 ? have_common_name(own->name.fullname, point->CRLissuer)
		: own->dpname != NULL && has_directory_name(point->CRLissuer, own->dpname);
}

/* The reasons for which the list is the certificate's, by its distribution points. */
static unsigned
reasons_at_points(const struct crl *crl, const struct cert *cert)
{
	const X509_NAME *issuer = X509_get_issuer_name(cert->x509);
	CRL_DIST_POINTS *points = X509_get_ext_d2i(cert->x509, NID_crl_distribution_points, NULL, NULL);
	unsigned reasons = 0;

	for (int i = 0; i < sk_DIST_POINT_num(points) && i < CRL_NAMES_MAX; i++) {
		DIST_POINT *point = sk_DIST_POINT_value(points, i);

		if (is_at_point(crl, point, issuer))
			reasons |= reasons_of(point->reasons);
	}
	CRL_DIST_POINTS_free(points);
	ERR_clear_error();
	return reasons;
}

/* A list that the certificate does not name is as if named by its issuer's name alone. */
static bool
is_issuers_own(const struct crl *crl, const struct cert *cert)
{
	const X509_NAME *issuer = X509_get_issuer_name(cert->x509);
	const DIST_POINT_NAME *own = crl->scope == NULL ? NULL : crl->scope->distpoint;

	if (X509_NAME_cmp(crl->authorities[0], issuer) != 0)
		return false;
	return own == NULL || (own->type == 0 ? has_directory_name(own->name.fullname, issuer)
		: own->dpname != NULL && X509_NAME_cmp(own->dpname, issuer) == 0);
}

/* For which reasons is this the list to look into for the certificate? 0: it is not. */
static unsigned
reasons_for(const struct crl *crl, const struct cert *cert)
{
	const ISSUING_DIST_POINT *scope = crl->scope;
	unsigned reasons;

	if (scope != NULL && (scope->onlyattr || (cert->ca ? scope->onlyuser : scope->onlyCA)))
		return 0;
	reasons = is_issuers_own(crl, cert) ? REASONS_ALL : reasons_at_points(crl, cert);
	return scope == NULL ? reasons : reasons & reasons_of(scope->onlysomereasons);
}

/* ---- the answer ---------------------------------------------------------------- */

static bool
make_key(const struct crl *crl, const struct cert *cert, struct crl_entry *key)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert->x509);
	struct slice octets = slice_of(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
	size_t authority = crl_find_authority(crl, X509_get_issuer_name(cert->x509));

	while (octets.len > 0 && octets.data[0] == 0)
		octets = slice_sub(octets, 1, octets.len);
	if (authority == crl->authority_count || octets.len > CRL_SERIAL_MAX)
		return false;
	*key = (struct crl_entry){.authority = (uint16_t)authority, .len = (unsigned char)octets.len};
	if (octets.len > 0)
		memcpy(key->serial, octets.data, octets.len);
	if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER)
		key->len |= CRL_NEGATIVE;
	return true;
}

static bool
is_current(const struct crl *crl, time_t at)
{
	return at >= crl->this_update - CRL_CLOCK_SKEW && at <= crl->next_update;
}

static void
say_revoked(const struct crl *crl, const struct crl_entry *entry, struct status *status)
{
	*status = (struct status){.state = STATUS_REVOKED, .since = (time_t)entry->since,
		.reason = (enum status_reason)entry->reason,
		.this_update = crl->this_update, .next_update = crl->next_update, .why = ERROR_NONE};
}

/* Does absence from this list say anything? */
static bool
absence_counts(const struct crl *crl, const struct cert *cert, time_t at, struct error *why)
{
	if (!is_current(crl, at)) {
		error_no(why, "not-current", "the CRL %s", at < crl->this_update ? "is not valid yet" : "has run out");
		return false;
	}
	if (cert->not_after < crl->this_update && !(crl->keeps_expired && cert->not_after >= crl->expired_since)) {
		error_no(why, "expired", "the certificate had expired when the CRL was issued");
		return false;
	}
	return true;
}

/* What one list says: true where the certificate is revoked. reasons: those for which it is not,
 * are added; why is set where the list says nothing. */
static bool
look_into(const struct crl *crl, const struct cert *cert, time_t at, unsigned *reasons, struct status *status,
	struct error *why)
{
	unsigned covered = reasons_for(crl, cert);
	const struct crl_entry *entry;
	struct crl_entry key;

	if (covered == 0)
		return false;
	entry = make_key(crl, cert, &key) ? find_entry(crl, &key) : NULL;
	if (entry != NULL && entry->reason != STATUS_REMOVE_FROM_CRL &&
	    (entry->reason != STATUS_CERTIFICATE_HOLD || is_current(crl, at))) {
		say_revoked(crl, entry, status);
		return true;
	}
	if (crl->is_delta)
		error_no(why, "no-list", "there is a delta CRL, but not the CRL that it is built on");
	else if (absence_counts(crl, cert, at, why))
		*reasons |= covered;
	return false;
}

void
crl_look_up(const struct crl *const *crls, size_t count, const struct cert *cert, time_t at, struct status *status)
{
	struct error why = ERROR_NONE;
	unsigned reasons = 0;

	*status = (struct status){.state = STATUS_UNKNOWN, .why = ERROR_NONE};
	for (size_t i = 0; i < count; i++) {
		unsigned before = reasons;

		if (look_into(crls[i], cert, at, &reasons, status, &why))
			return;
		if (reasons == before)
			continue;
		/* All that was needed are believed for as long as the one that ends first. */
		if (before == 0 || crls[i]->next_update < status->next_update)
			status->next_update = crls[i]->next_update;
		if (before == 0 || crls[i]->this_update < status->this_update)
			status->this_update = crls[i]->this_update;
	}
	if (reasons == REASONS_ALL) {
		status->state = STATUS_GOOD;
		return;
	}
	status->this_update = status->next_update = 0;
	if (reasons != 0)
		error_no(&why, "some-reasons", "the CRLs that there are hold certificates revoked for some reasons only");
	else if (why.code == NULL)
		error_no(&why, "no-list", "there is no CRL for the certificate");
	status->why = why;
}
