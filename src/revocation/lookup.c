#include "revocation/lookup.h"

#include "revocation/lookup_ldap.h"
#include "revocation/sighting.h"

#include <openssl/err.h>

#include <string.h>

#define ENROLLED "enrolled" /* in the log, where an entry in a directory has a name */

/* ---- what is enrolled ------------------------------------------------------------ */

struct finding {
	const struct lookup *lookup;
	const struct holder_serial *serial;
	struct inventory *inventory;
	enum answer answer;
	struct error *err;
};

static bool
is_its_certificate(const struct finding *f, size_t issuer, const struct cert *cert)
{
	struct holder_serial serial;

	return holder_serial_of_cert(cert, &serial) && holder_serial_equal(&serial, f->serial) &&
		issued_number(f->lookup->authority->issued, X509_get_issuer_name(cert->x509)) == issuer;
}

/* One address a line. */
static size_t
split_contacts(const char *text, struct slice contacts[INVENTORY_ADDRESSES_MAX + 1])
{
	size_t count = 0;

	while (*text != '\0' && count <= INVENTORY_ADDRESSES_MAX) {
		size_t len = strcspn(text, "\n");

		contacts[count++] = slice_of(text, len);
		text += len + (text[len] == '\n');
	}
	return count;
}

static enum answer
add_enrolled(const struct finding *f, const struct enrolment *e, size_t issuer)
{
	struct slice contacts[INVENTORY_ADDRESSES_MAX + 1];
	struct sighting s = {.where = ENROLLED, .issuer = issuer, .password = slice_str(e->password), .contacts = contacts};
	struct cert *cert = NULL;
	struct error why = ERROR_NONE;
	enum answer answer = e->certificate.len == 0 ? ANSWER_YES : cert_parse(e->certificate, &cert, &why);

	s.contact_count = split_contacts(e->contacts, contacts);
	s.cert = cert;
	if (answer == ANSWER_NO)
		answer = sighting_unclear(f->lookup, ENROLLED, why.words, f->err);
	else if (answer == ANSWER_CANT_TELL && f->err != NULL)
		*f->err = why;
	else if (cert != NULL && !is_its_certificate(f, issuer, cert))
		answer = sighting_unclear(f->lookup, ENROLLED, "the certificate that is there is another one", f->err);
	if (answer == ANSWER_YES)
		answer = sighting_add(f->lookup, f->serial, &s, f->inventory, f->err);
	cert_unref(cert);
	return answer;
}

/* Whose issuer is not, or no longer, the authority's is none of its certificates. */
static bool
take_enrolled(void *arg, const struct enrolment *e)
{
	struct finding *f = arg;
	const unsigned char *at = e->issuer.data;
	X509_NAME *name;
	size_t issuer;

	ERR_clear_error();
	name = d2i_X509_NAME(NULL, &at, (long)e->issuer.len);
	issuer = name == NULL ? ISSUED_NOBODY : issued_number(f->lookup->authority->issued, name);
	if (name == NULL || at != e->issuer.data + e->issuer.len)
		f->answer = sighting_unclear(f->lookup, ENROLLED, "the issuer's name cannot be read", f->err);
	else if (issuer != ISSUED_NOBODY)
		f->answer = add_enrolled(f, e, issuer);
	X509_NAME_free(name);
	ERR_clear_error();
	return f->answer == ANSWER_YES;
}

static enum answer
find_enrolled(const struct lookup *lookup, const struct holder_serial *serial, struct inventory *inventory,
	struct error *err)
{
	static const unsigned char zero[1] = {0};
	struct finding f = {lookup, serial, inventory, ANSWER_YES, err};
	struct slice octets = serial->len == 0 ? slice_of(zero, 1) : slice_of(serial->octets, serial->len);
	enum answer answer;

	if (lookup->journal == NULL)
		return error_cant_tell(err, "inventory", "the journal, which has what is enrolled, cannot be read now");
	answer = enrolments_find(lookup->journal, lookup->authority->config->name, octets, take_enrolled, &f, err);
	return answer == ANSWER_YES ? f.answer : ANSWER_CANT_TELL;
}

/* ---- either ----------------------------------------------------------------------- */

static bool
is_enrolled(const struct config_revocation *c)
{
	return c->inventory == NULL || strcmp(c->inventory, CONFIG_ENROLLED) == 0;
}

enum answer
lookup_serial(const struct lookup *lookup, const struct holder_serial *serial, struct inventory **found,
	struct error *err)
{
	const struct authority *a = lookup->authority;
	struct inventory *inventory = inventory_new(a->block.issuer_count, lookup->password_cost_limit);
	enum answer answer;

	*found = NULL;
	if (inventory == NULL)
		return error_cant_tell(err, "memory", "no memory for a look-up");
	answer = is_enrolled(a->config) ? find_enrolled(lookup, serial, inventory, err) :
		lookup_in_ldap(lookup, serial, inventory, err);
	if (answer == ANSWER_YES)
		*found = inventory;
	else
		inventory_free(inventory);
	return answer;
}
