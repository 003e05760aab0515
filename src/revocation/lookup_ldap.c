#include "revocation/lookup_ldap.h"

#include "base/utf8.h"
#include "directory/dn.h"
#include "directory/filter.h"
#include "revocation/sighting.h"

#include <openssl/bn.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CERTIFICATES_MAX 64 /* of one entry */
#define DECIMAL_MAX 50      /* digits of 20 octets, and more */

/* ---- attributes ------------------------------------------------------------------ */

enum part { ISSUER, NUMBER, CERTIFICATE, PASSWORD, CONTACT, IDENTIFIER, ORGANIZATION, COUNTRY, PARTS };

/* As they are called in the configuration, and in contrib/slapd/revocation.schema. */
static const struct {
	const char *name;
	const char *attribute;
} parts[PARTS] = {
	[ISSUER] = {"issuer", "sealCertificateIssuer"},
	[NUMBER] = {"number", "sealCertificateNumber"},
	[CERTIFICATE] = {"certificate", "userCertificate;binary"},
	[PASSWORD] = {"password", "sealRevocationPassword"},
	[CONTACT] = {"contact", "sealRevocationContact"},
	[IDENTIFIER] = {"organization-identifier", "organizationIdentifier"},
	[ORGANIZATION] = {"organization", "o"},
	[COUNTRY] = {"country", "c"},
};

static const char *
attribute_of(const struct config_revocation *c, enum part part)
{
	size_t len = strlen(parts[part].name);

	for (size_t i = 0; i < c->inventory_attributes.count; i++) {
		const char *item = c->inventory_attributes.item[i];

		if (strncmp(item, parts[part].name, len) == 0 && item[len] == '=')
			return item + len + 1;
	}
	return parts[part].attribute;
}

/* ---- one entry --------------------------------------------------------------------- */

/* What an attribute says: nothing, what cannot be read, that it is another certificate, or one that is asked for. */
enum says { NOTHING, UNREADABLE, ANOTHER, THIS };

struct reading {
	const struct lookup *lookup;
	const struct holder_serial *serial;
	const char *decimal;
	const char *attributes[PARTS + 1]; /* ended by NULL */
	const struct entry *entry;
	enum says number, issuer;
	size_t issuer_number;              /* where issuer is THIS */
	struct cert *certs[CERTIFICATES_MAX]; /* those of the authority with that number; references */
	size_t issuers[CERTIFICATES_MAX];     /* of each */
	size_t cert_count;
	bool has_others;                   /* other certificates ... */
	bool has_foreign;                  /* ... of another authority, with that very number */
	bool has_unreadable;               /* values that are no certificate, or too many */
};

/* The only value; SLICE_NONE: there is none. False: there are several. */
static bool
only_value(const struct reading *r, enum part part, struct slice *value)
{
	struct slice second;
	size_t at = 0;

	*value = SLICE_NONE;
	return !entries_next(r->entry, r->attributes[part], &at, value) ||
		!entries_next(r->entry, r->attributes[part], &at, &second);
}

static enum says
read_number(const struct reading *r)
{
	struct slice text;

	if (!only_value(r, NUMBER, &text))
		return UNREADABLE;
	if (text.len == 0)
		return NOTHING;
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < '0' || text.data[i] > '9')
			return UNREADABLE;
	while (text.len > 1 && text.data[0] == '0')
		text = slice_sub(text, 1, text.len);
	return slice_eq_str(text, r->decimal) ? THIS : ANOTHER;
}

static enum says
read_issuer(struct reading *r)
{
	struct slice text;
	X509_NAME *name;

	if (!only_value(r, ISSUER, &text))
		return UNREADABLE;
	if (text.len == 0)
		return NOTHING;
	if (dn_parse(text, &name, NULL) != ANSWER_YES)
		return UNREADABLE;
	r->issuer_number = issued_number(r->lookup->authority->issued, name);
	X509_NAME_free(name);
	return r->issuer_number == ISSUED_NOBODY ? ANOTHER : THIS;
}

static void
take_certificate(struct reading *r, struct cert *cert)
{
	size_t issuer = issued_number(r->lookup->authority->issued, X509_get_issuer_name(cert->x509));
	struct holder_serial serial;
	bool same = holder_serial_of_cert(cert, &serial) && holder_serial_equal(&serial, r->serial);

	if (same && issuer != ISSUED_NOBODY) {
		r->issuers[r->cert_count] = issuer;
		r->certs[r->cert_count++] = cert_ref(cert);
		return;
	}
	r->has_others = true;
	r->has_foreign = r->has_foreign || same;
}

static enum answer
read_certificates(struct reading *r, struct error *err)
{
	struct slice der;
	size_t at = 0;

	while (entries_next(r->entry, r->attributes[CERTIFICATE], &at, &der)) {
		struct cert *cert;
		enum answer answer = r->cert_count == CERTIFICATES_MAX ? ANSWER_NO : cert_parse(der, &cert, err);

		if (answer == ANSWER_CANT_TELL)
			return answer;
		if (answer == ANSWER_NO) {
			r->has_unreadable = true;
			continue;
		}
		take_certificate(r, cert);
		cert_unref(cert);
	}
	return ANSWER_YES;
}

/* Those that the entry's issuer did not issue are not what it is about. False: none is left. */
static bool
keep_those_of_issuer(struct reading *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->cert_count; i++) {
		if (r->issuer == THIS && r->issuers[i] != r->issuer_number) {
			cert_unref(r->certs[i]);
			continue;
		}
		r->issuers[kept] = r->issuers[i];
		r->certs[kept++] = r->certs[i];
	}
	r->cert_count = kept;
	return kept > 0;
}

#define CONTRADICTS "its certificates are others than its issuer and number say"

/* Which certificate is it about? THIS: those in certs, or without any the one that the attributes name. UNREADABLE:
 * *words say why nobody can tell. */
static enum says
decide(struct reading *r, const char **words)
{
	*words = CONTRADICTS;
	if (r->cert_count > 0)
		return r->number != ANOTHER && r->issuer != ANOTHER && keep_those_of_issuer(r) ? THIS : UNREADABLE;
	if (r->number == ANOTHER || r->issuer == ANOTHER)
		return ANOTHER;
	if (r->has_foreign && r->issuer != THIS)
		return ANOTHER;
	if (r->number == THIS && r->issuer == THIS)
		return r->has_others ? UNREADABLE : THIS;
	if (r->number == NOTHING && r->has_others && !r->has_unreadable)
		return ANOTHER;
	*words = "issuer and number are not there, or cannot be read";
	return UNREADABLE;
}

/* ---- what it says of the certificate -------------------------------------------------- */

/* For free(); NULL: there is none. */
static char *
read_text(const struct reading *r, enum part part, bool *disputed)
{
	struct slice text;
	char *copy = NULL;

	if (!only_value(r, part, &text) || !utf8_is_valid(text) || text.len > HOLDER_TEXT_MAX)
		*disputed = true;
	else if (text.len > 0)
		copy = slice_dup(text);
	if (text.len > 0 && copy == NULL)
		*disputed = true;
	return copy;
}

static void
read_password(const struct reading *r, struct sighting *s)
{
	if (only_value(r, PASSWORD, &s->password))
		return;
	s->password = SLICE_NONE;
	sighting_complain(r->lookup, r->entry->name, "there are several passwords");
}

static size_t
read_contacts(const struct reading *r, struct slice contacts[INVENTORY_ADDRESSES_MAX + 1])
{
	size_t count = 0, at = 0;

	while (count <= INVENTORY_ADDRESSES_MAX && entries_next(r->entry, r->attributes[CONTACT], &at, &contacts[count]))
		count++;
	return count;
}

static enum answer
add_each(const struct reading *r, struct sighting *s, struct inventory *inventory, struct error *err)
{
	enum answer answer = ANSWER_YES;

	if (r->cert_count == 0) {
		s->issuer = r->issuer_number;
		return sighting_add(r->lookup, r->serial, s, inventory, err);
	}
	for (size_t i = 0; answer == ANSWER_YES && i < r->cert_count; i++) {
		s->cert = r->certs[i];
		s->issuer = r->issuers[i];
		answer = sighting_add(r->lookup, r->serial, s, inventory, err);
	}
	return answer;
}

/* Who the holder is the certificate says where there is one. */
static enum answer
add_entry(const struct reading *r, struct inventory *inventory, struct error *err)
{
	struct slice contacts[INVENTORY_ADDRESSES_MAX + 1];
	struct holder holder = {0};
	struct sighting s = {.where = r->entry->name, .holder = &holder, .contacts = contacts};
	char *identifier = read_text(r, IDENTIFIER, &holder.disputed);
	char *organization = read_text(r, ORGANIZATION, &holder.disputed);
	char *country = read_text(r, COUNTRY, &holder.disputed);
	enum answer answer;

	holder.organization_identifier = identifier;
	holder.organization = organization;
	holder.country = country;
	read_password(r, &s);
	s.contact_count = read_contacts(r, contacts);
	if (r->has_unreadable)
		sighting_complain(r->lookup, s.where, "what is written as a certificate is none");
	answer = add_each(r, &s, inventory, err);
	free(identifier);
	free(organization);
	free(country);
	return answer;
}

static enum answer
take_entry(struct reading *r, const struct entry *entry, struct inventory *inventory, struct error *err)
{
	enum answer answer;
	const char *words;

	r->entry = entry;
	r->cert_count = 0;
	r->has_others = r->has_foreign = r->has_unreadable = false;
	r->number = read_number(r);
	r->issuer = read_issuer(r);
	answer = read_certificates(r, err);
	if (answer == ANSWER_YES) {
		switch (decide(r, &words)) {
		case THIS:
			answer = add_entry(r, inventory, err);
			break;
		case ANOTHER:
			break;
		default:
			answer = sighting_unclear(r->lookup, entry->name, words, err);
		}
	}
	while (r->cert_count > 0)
		cert_unref(r->certs[--r->cert_count]);
	return answer;
}

/* ---- asking ---------------------------------------------------------------------------- */

static bool
write_decimal(const struct holder_serial *serial, char decimal[DECIMAL_MAX + 1])
{
	BIGNUM *number = BN_bin2bn(serial->octets, (int)serial->len, NULL);
	char *text = number == NULL ? NULL : BN_bn2dec(number);
	bool written = text != NULL && snprintf(decimal, DECIMAL_MAX + 1, "%s", text) <= DECIMAL_MAX;

	OPENSSL_free(text);
	BN_free(number);
	return written;
}

static enum answer
ask(const struct reading *r, struct entries **entries, struct error *err)
{
	const struct config_revocation *c = r->lookup->authority->config;
	struct filter_value number = {.letter = 'n', .value = slice_str(r->decimal)};
	struct directory_search search = {.directory = c->inventory, .attributes = r->attributes,
		.entries_max = LOOKUP_ENTRIES_MAX, .deadline = r->lookup->deadline};
	enum answer answer;
	struct buf filter;

	buf_init(&filter, FILTER_MAX);
	if (filter_expand(c->inventory_filter, &number, 1, &filter))
		search.filter = buf_str(&filter);
	answer = search.filter == NULL ? error_cant_tell(err, "memory", "no memory for a filter") :
		directory_entries(r->lookup->directories, &search, entries, err);
	buf_free(&filter);
	return answer;
}

enum answer
lookup_in_ldap(const struct lookup *lookup, const struct holder_serial *serial, struct inventory *inventory,
	struct error *err)
{
	char decimal[DECIMAL_MAX + 1];
	struct reading r = {.lookup = lookup, .serial = serial, .decimal = decimal};
	struct entries *entries;
	enum answer answer;

	if (!write_decimal(serial, decimal))
		return error_cant_tell(err, "memory", "no memory for a number");
	for (enum part part = 0; part < PARTS; part++)
		r.attributes[part] = attribute_of(lookup->authority->config, part);
	answer = ask(&r, &entries, err);
	if (answer != ANSWER_YES)
		return answer;
	for (size_t i = 0; answer == ANSWER_YES && i < entries->count; i++)
		answer = take_entry(&r, &entries->items[i], inventory, err);
	entries_free(entries);
	return answer;
}
