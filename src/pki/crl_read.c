/* What is read of a CRL: outline, signature, extensions, entries, in that order, so that what
 * an authority did not sign costs no more than its hash. */
#include "base/der.h"
#include "pki/crl.h"
#include "pki/signature.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <stdlib.h>
#include <string.h>

/* CertificateList's fields as they stand. */
struct outline {
	struct der tbs;
	struct der algorithm;
	struct slice signature;
	struct der issuer;
	struct slice entries;    /* content of revokedCertificates */
	struct slice extensions; /* content of crlExtensions */
	bool version_2;
	int64_t this_update;
	int64_t next_update;
};

struct extension {
	struct slice oid;
	bool critical;
	struct slice value;
};

static enum answer
malformed(struct error *err, const char *what)
{
	enum answer answer = error_no(err, "malformed", "the CRL's %s is malformed", what);

	if (err != NULL)
		err->section = "RFC 5280 5";
	return answer;
}

static enum answer
too_large(struct error *err, const char *what)
{
	return error_no(err, "limit", "the CRL has %s", what);
}

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory for a CRL");
}

/* ---- values ------------------------------------------------------------------ */

static bool
read_digits(const unsigned char **at, unsigned count, unsigned *number)
{
	*number = 0;
	for (unsigned i = 0; i < count; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*number = *number * 10 + (unsigned)(**at - '0');
	}
	return true;
}

/* Days from 1970-01-01, by the Gregorian calendar; timegm() takes a lock a call. */
static int64_t
days_from_epoch(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month > 2 ? year : year - 1;
	unsigned from_march = month > 2 ? month - 3 : month + 9;

	return 365 * y + y / 4 - y / 100 + y / 400 + (int64_t)((153 * from_march + 2) / 5) + day - 1 - 719468;
}

/* UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 has them: to the second, in UTC. */
static bool
read_time(const struct der *value, int64_t *when)
{
	const unsigned char *at = value->content.data;
	unsigned year, month, day, hour, minute, second;
	bool utc = value->tag == DER_UTC_TIME;

	if ((!utc && value->tag != DER_GENERALIZED_TIME) || value->content.len != (utc ? 13 : 15) ||
	    at[value->content.len - 1] != 'Z')
		return false;
	if (!read_digits(&at, utc ? 2 : 4, &year) || !read_digits(&at, 2, &month) || !read_digits(&at, 2, &day) ||
	    !read_digits(&at, 2, &hour) || !read_digits(&at, 2, &minute) || !read_digits(&at, 2, &second))
		return false;
	if (year == 0 && !utc)
		return false;
	if (utc)
		year += year < 50 ? 2000 : 1900;
	if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
		return false;
	*when = days_from_epoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	return true;
}

static bool
take_time(struct slice *rest, int64_t *when)
{
	struct der value;

	return der_next(rest, &value) && read_time(&value, when);
}

static bool
read_integer(struct slice octets, unsigned char tag, struct crl_number *number)
{
	struct der value;

	return der_only(octets, tag, &value) && crl_number_read(value.content, number) && !number->negative;
}

/* ---- extensions -------------------------------------------------------------- */

/* The next of Extensions' content. */
static bool
take_extension(struct slice *rest, struct extension *extension)
{
	struct der whole, value;
	struct slice inside;

	if (!der_take(rest, DER_SEQUENCE, &whole))
		return false;
	inside = whole.content;
	if (!der_take(&inside, DER_OBJECT, &value))
		return false;
	extension->oid = value.content;
	extension->critical = false;
	if (der_take(&inside, DER_BOOLEAN, &value)) {
		if (value.content.len != 1)
			return false;
		extension->critical = value.content.data[0] != 0;
	}
	if (!der_take(&inside, DER_OCTET_STRING, &value) || inside.len > 0)
		return false;
	extension->value = value.content;
	return true;
}

/* One of id-ce (2.5.29)? Its last arc, else 0. */
static unsigned
certificate_extension(struct slice oid)
{
	return oid.len == 3 && oid.data[0] == 0x55 && oid.data[1] == 0x1d ? oid.data[2] : 0;
}

enum { /* last arcs in id-ce */
	CE_ISSUER_ALT_NAME = 18,
	CE_CRL_NUMBER = 20,
	CE_REASON_CODE = 21,
	CE_HOLD_INSTRUCTION = 23,
	CE_INVALIDITY_DATE = 24,
	CE_DELTA_CRL_INDICATOR = 27,
	CE_ISSUING_DISTRIBUTION_POINT = 28,
	CE_CERTIFICATE_ISSUER = 29,
	CE_AUTHORITY_KEY_IDENTIFIER = 35,
	CE_FRESHEST_CRL = 46,
	CE_EXPIRED_CERTS_ON_CRL = 60,
};

static bool
read_scope(struct crl *crl, struct slice value)
{
	const unsigned char *at = value.data;
	ISSUING_DIST_POINT *scope;
	unsigned char *copy;

	crl->scope = scope = d2i_ISSUING_DIST_POINT(NULL, &at, (long)value.len);
	if (scope == NULL || at != value.data + value.len ||
	    (scope->onlyuser != 0) + (scope->onlyCA != 0) + (scope->onlyattr != 0) > 1)
		return false;
	if (scope->distpoint != NULL && scope->distpoint->type == 0 &&
	    sk_GENERAL_NAME_num(scope->distpoint->name.fullname) > CRL_NAMES_MAX)
		return false;
	if (scope->distpoint != NULL && DIST_POINT_set_dpname(scope->distpoint, crl->authorities[0]) != 1)
		return false;
	copy = malloc(value.len);
	if (copy == NULL)
		return false;
	crl->scope_der = slice_of(memcpy(copy, value.data, value.len), value.len);
	return true;
}

static bool
read_expired_since(struct crl *crl, struct slice value)
{
	struct der time;
	int64_t when;

	if (!der_only(value, DER_GENERALIZED_TIME, &time) || !read_time(&time, &when))
		return false;
	crl->keeps_expired = true;
	crl->expired_since = (time_t)when;
	return true;
}

/* *known: false for one that says nothing to us. */
static bool
read_list_extension(struct crl *crl, const struct extension *extension, bool *known)
{
	*known = true;
	switch (certificate_extension(extension->oid)) {
	case CE_CRL_NUMBER:
		crl->has_number = true;
		return read_integer(extension->value, DER_INTEGER, &crl->number);
	case CE_DELTA_CRL_INDICATOR:
		crl->is_delta = true;
		return read_integer(extension->value, DER_INTEGER, &crl->base);
	case CE_ISSUING_DISTRIBUTION_POINT:
		return read_scope(crl, extension->value);
	case CE_EXPIRED_CERTS_ON_CRL:
		return read_expired_since(crl, extension->value);
	case CE_AUTHORITY_KEY_IDENTIFIER: /* the key is found by trying */
	case CE_ISSUER_ALT_NAME:
		return true;
	case CE_FRESHEST_CRL:
		return crl_freshest_read(extension->value, &crl->freshest, &crl->freshest_count);
	default:
		*known = false;
		return true;
	}
}

static enum answer
unknown_critical(struct error *err, const char *what)
{
	enum answer answer = error_no(err, "critical-extension", "the CRL%s a critical extension that is not known", what);

	if (err != NULL)
		err->section = "RFC 5280 5.2";
	return answer;
}

/* Remembers an extension; false: it is there twice (RFC 5280 4.2). */
static bool
is_new(struct slice oid, struct slice seen[CRL_EXTENSIONS_MAX], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_eq(seen[i], oid))
			return false;
	seen[count] = oid;
	return true;
}

static enum answer
read_list_extensions(struct crl *crl, struct slice rest, struct error *err)
{
	struct slice seen[CRL_EXTENSIONS_MAX];
	struct extension extension;
	bool known;

	for (size_t count = 0; rest.len > 0; count++) {
		if (count == CRL_EXTENSIONS_MAX)
			return too_large(err, "too many extensions");
		if (!take_extension(&rest, &extension) || !is_new(extension.oid, seen, count))
			return malformed(err, "extensions");
		if (extension.value.len > CRL_EXTENSION_MAX)
			return too_large(err, "an extension that is too large");
		if (!read_list_extension(crl, &extension, &known))
			return malformed(err, "extension");
		if (extension.critical && !known)
			return unknown_critical(err, " has");
	}
	return ANSWER_YES;
}

/* ---- entries ----------------------------------------------------------------- */

/* Where in an indirect list are we? */
struct place {
	uint16_t authority;
	struct slice name; /* the certificateIssuer that said so */
};

static bool
add_authority(struct crl *crl, const X509_NAME *name, uint16_t *authority)
{
	size_t i = crl_find_authority(crl, name);

	if (i == crl->authority_count) {
		if (i == CRL_AUTHORITIES_MAX || (crl->authorities[i] = X509_NAME_dup(name)) == NULL)
			return false;
		crl->authority_count++;
	}
	*authority = (uint16_t)i;
	return true;
}

/* It holds for the entries behind too (RFC 5280 5.3.3). */
static bool
read_certificate_issuer(struct crl *crl, struct slice value, struct place *place)
{
	const unsigned char *at = value.data;
	GENERAL_NAMES *names;
	bool found = false;

	if (crl->scope == NULL || !crl->scope->indirectCRL || value.len > CRL_EXTENSION_MAX)
		return false;
	if (slice_eq(value, place->name))
		return true;
	names = d2i_GENERAL_NAMES(NULL, &at, (long)value.len);
	for (int i = 0; at == value.data + value.len && !found && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		found = name->type == GEN_DIRNAME && add_authority(crl, name->d.directoryName, &place->authority);
	}
	GENERAL_NAMES_free(names);
	place->name = value;
	return found;
}

static bool
read_reason(const struct crl *crl, struct slice value, struct crl_entry *entry)
{
	struct der reason;

	if (!der_only(value, DER_ENUMERATED, &reason) || reason.content.len != 1 ||
	    !status_is_reason(reason.content.data[0]))
		return false;
	entry->reason = reason.content.data[0];
	return entry->reason != STATUS_REMOVE_FROM_CRL || crl->is_delta;
}

static enum answer
read_entry_extensions(struct crl *crl, struct slice rest, struct place *place, struct crl_entry *entry,
	struct error *err)
{
	struct slice seen[CRL_EXTENSIONS_MAX];
	struct extension extension;
	bool good = true;

	for (size_t count = 0; rest.len > 0; count++) {
		if (count == CRL_EXTENSIONS_MAX)
			return too_large(err, "an entry with too many extensions");
		if (!take_extension(&rest, &extension) || !is_new(extension.oid, seen, count))
			return malformed(err, "entry");
		switch (certificate_extension(extension.oid)) {
		case CE_REASON_CODE:
			good = read_reason(crl, extension.value, entry);
			break;
		case CE_CERTIFICATE_ISSUER:
			good = read_certificate_issuer(crl, extension.value, place);
			break;
		case CE_INVALIDITY_DATE:
		case CE_HOLD_INSTRUCTION:
			break;
		default:
			if (extension.critical)
				return unknown_critical(err, "'s entry has");
		}
		if (!good)
			return malformed(err, "entry");
	}
	return ANSWER_YES;
}

static enum answer
read_entry(struct crl *crl, const struct outline *outline, struct slice rest, struct place *place,
	struct crl_entry *entry, struct error *err)
{
	struct der serial, extensions;
	struct crl_number number;

	if (!der_take(&rest, DER_INTEGER, &serial) || !crl_number_read(serial.content, &number) ||
	    !take_time(&rest, &entry->since))
		return malformed(err, "entry");
	memcpy(entry->serial, number.octets, sizeof entry->serial);
	entry->len = number.len;
	if (number.negative)
		entry->len |= CRL_NEGATIVE;
	entry->reason = STATUS_UNSPECIFIED;
	if (rest.len > 0) {
		if (!outline->version_2 || !der_only(rest, DER_SEQUENCE, &extensions))
			return malformed(err, "entry");
		if (read_entry_extensions(crl, extensions.content, place, entry, err) != ANSWER_YES)
			return ANSWER_NO;
	}
	entry->authority = place->authority;
	return ANSWER_YES;
}

static enum answer
count_entries(struct slice rest, size_t *count, struct error *err)
{
	struct der entry;

	for (*count = 0; rest.len > 0; (*count)++) {
		if (*count == CRL_ENTRIES_MAX)
			return too_large(err, "too many entries");
		if (!der_take(&rest, DER_SEQUENCE, &entry))
			return malformed(err, "entry");
	}
	return ANSWER_YES;
}

static enum answer
read_entries(struct crl *crl, const struct outline *outline, struct error *err)
{
	struct slice rest = outline->entries;
	struct place place = {0, SLICE_NONE};
	struct der whole;
	size_t count;

	if (count_entries(rest, &count, err) != ANSWER_YES)
		return ANSWER_NO;
	crl->entries = calloc(count + 1, sizeof *crl->entries);
	if (crl->entries == NULL)
		return no_memory(err);
	while (der_take(&rest, DER_SEQUENCE, &whole)) {
		if (read_entry(crl, outline, whole.content, &place, &crl->entries[crl->count], err) != ANSWER_YES)
			return ANSWER_NO;
		crl->count++;
	}
	crl_sort(crl);
	return ANSWER_YES;
}

/* ---- the list ---------------------------------------------------------------- */

static bool
read_optional_fields(struct slice rest, struct outline *outline)
{
	struct der value, inside;

	if (der_take(&rest, DER_SEQUENCE, &value))
		outline->entries = value.content;
	if (der_take(&rest, DER_CONTEXT_CONSTRUCTED(0), &value)) {
		if (!outline->version_2 || !der_only(value.content, DER_SEQUENCE, &inside))
			return false;
		outline->extensions = inside.content;
	}
	return rest.len == 0;
}

/* TBSCertList (RFC 5280 5.1.2). nextUpdate must be there: a list without an end would be believed
 * for ever. */
static bool
read_tbs(struct outline *outline)
{
	struct slice rest = outline->tbs.content;
	struct der value;

	if (der_take(&rest, DER_INTEGER, &value)) {
		if (value.content.len != 1 || value.content.data[0] != 1)
			return false;
		outline->version_2 = true;
	}
	return der_take(&rest, DER_SEQUENCE, &value) && slice_eq(value.whole, outline->algorithm.whole) &&
		der_take(&rest, DER_SEQUENCE, &outline->issuer) && take_time(&rest, &outline->this_update) &&
		take_time(&rest, &outline->next_update) && outline->next_update >= outline->this_update &&
		read_optional_fields(rest, outline);
}

static bool
read_outline(struct slice der, struct outline *outline)
{
	struct der whole, bits;
	struct slice rest;

	*outline = (struct outline){.version_2 = false};
	if (!der_only(der, DER_SEQUENCE, &whole))
		return false;
	rest = whole.content;
	if (!der_take(&rest, DER_SEQUENCE, &outline->tbs) || !der_take(&rest, DER_SEQUENCE, &outline->algorithm) ||
	    !der_take(&rest, DER_BIT_STRING, &bits) || rest.len > 0)
		return false;
	if (bits.content.len < 1 || bits.content.data[0] != 0)
		return false;
	outline->signature = slice_sub(bits.content, 1, bits.content.len);
	return read_tbs(outline);
}

static enum answer
read_issuer(struct crl *crl, const struct outline *outline, struct error *err)
{
	const unsigned char *at = outline->issuer.whole.data;
	X509_NAME *name;

	if (outline->issuer.whole.len > CRL_EXTENSION_MAX)
		return too_large(err, "a name that is too large");
	crl->authorities = calloc(CRL_AUTHORITIES_MAX, sizeof(X509_NAME *));
	if (crl->authorities == NULL)
		return no_memory(err);
	name = d2i_X509_NAME(NULL, &at, (long)outline->issuer.whole.len);
	if (name == NULL || at != outline->issuer.whole.data + outline->issuer.whole.len ||
	    X509_NAME_entry_count(name) == 0) {
		X509_NAME_free(name);
		return malformed(err, "issuer");
	}
	crl->authorities[crl->authority_count++] = name;
	return ANSWER_YES;
}

/* Several certificates may have the name, as authorities change their keys. */
static enum answer
find_signer(struct crl *crl, const struct outline *outline, struct cert *const *signers, size_t count,
	bool accept_weak, struct error *err)
{
	enum answer answer = ANSWER_NO;
	size_t tried = 0;

	for (size_t i = 0; i < count && tried < CRL_SIGNERS_MAX; i++) {
		EVP_PKEY *key = X509_get0_pubkey(signers[i]->x509);

		if (key == NULL || (signers[i]->key_usage & KU_CRL_SIGN) == 0 ||
		    X509_NAME_cmp(X509_get_subject_name(signers[i]->x509), crl->authorities[0]) != 0)
			continue;
		tried++;
		answer = signature_check(outline->tbs.whole, outline->algorithm.whole, outline->signature, key, accept_weak,
			err);
		if (answer == ANSWER_YES)
			crl->signer = cert_ref(signers[i]);
		if (answer != ANSWER_NO)
			break;
	}
	return tried > 0 ? answer : error_no(err, "no-signer", "nobody who may have signed the CRL is known");
}

static enum answer
parse_der(struct slice der, struct cert *const *signers, size_t signer_count, bool accept_weak, struct crl **crl,
	struct error *err)
{
	struct outline outline;
	struct crl *c;
	enum answer answer;

	if (der.len > CRL_OCTETS_MAX)
		return too_large(err, "too many octets");
	if (!read_outline(der, &outline))
		return malformed(err, "outline");
	c = crl_new();
	if (c == NULL)
		return no_memory(err);
	c->this_update = (time_t)outline.this_update;
	c->next_update = (time_t)outline.next_update;
	answer = read_issuer(c, &outline, err);
	if (answer == ANSWER_YES)
		answer = find_signer(c, &outline, signers, signer_count, accept_weak, err);
	if (answer == ANSWER_YES)
		answer = read_list_extensions(c, outline.extensions, err);
	if (answer == ANSWER_YES)
		answer = read_entries(c, &outline, err);
	if (answer == ANSWER_YES)
		*crl = c;
	else
		crl_unref(c);
	return answer;
}

/* The first block of that name; others are skipped. */
static enum answer
parse_pem(struct slice text, struct cert *const *signers, size_t signer_count, bool accept_weak, struct crl **crl,
	struct error *err)
{
	BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
	enum answer answer = malformed(err, "form");
	char *name, *header;
	unsigned char *der;
	bool found = false;
	long len;

	if (bio == NULL)
		return no_memory(err);
	while (!found && PEM_read_bio(bio, &name, &header, &der, &len) == 1) {
		found = strcmp(name, PEM_STRING_X509_CRL) == 0;
		if (found)
			answer = parse_der(slice_of(der, (size_t)len), signers, signer_count, accept_weak, crl, err);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	BIO_free(bio);
	return answer;
}

/* A SEQUENCE of a length in the long form, which no text begins with. */
static bool
looks_like_der(struct slice octets)
{
	return octets.len >= 2 && octets.data[0] == DER_SEQUENCE && octets.data[1] >= 0x80;
}

enum answer
crl_parse(struct slice octets, struct cert *const *signers, size_t signer_count, bool accept_weak, struct crl **crl,
	struct error *err)
{
	enum answer answer;

	*crl = NULL;
	ERR_clear_error();
	if (octets.len > CRL_PEM_MAX)
		return too_large(err, "too many octets");
	if (octets.len == 0)
		answer = malformed(err, "form");
	else if (looks_like_der(octets))
		answer = parse_der(octets, signers, signer_count, accept_weak, crl, err);
	else
		answer = parse_pem(octets, signers, signer_count, accept_weak, crl, err);
	ERR_clear_error();
	return answer;
}
