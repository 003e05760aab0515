#include "revocation/holder.h"
#include "pki/certfacts.h"

#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>

/* ---- serial numbers ----------------------------------------------------------- */

bool
holder_serial_of(struct slice octets, struct holder_serial *serial)
{
	while (octets.len > 0 && octets.data[0] == 0)
		octets = slice_sub(octets, 1, octets.len);
	if (octets.len > HOLDER_SERIAL_MAX)
		return false;
	*serial = (struct holder_serial){.len = octets.len};
	if (octets.len > 0)
		memcpy(serial->octets, octets.data, octets.len);
	return true;
}

bool
holder_serial_of_cert(const struct cert *cert, struct holder_serial *serial)
{
	const ASN1_INTEGER *number = X509_get0_serialNumber(cert->x509);

	if (ASN1_STRING_type(number) != V_ASN1_INTEGER) /* that of a negative number is another */
		return false;
	return holder_serial_of(slice_of(ASN1_STRING_get0_data(number), (size_t)ASN1_STRING_length(number)), serial);
}

bool
holder_serial_equal(const struct holder_serial *a, const struct holder_serial *b)
{
	return slice_eq(slice_of(a->octets, a->len), slice_of(b->octets, b->len));
}

/* ---- facts -------------------------------------------------------------------- */

static bool
keep_octets(struct buf *kept, struct slice octets)
{
	if (octets.len > HOLDER_TEXT_MAX)
		return false;
	buf_add_slice(kept, octets);
	buf_add_byte(kept, '\0');
	return true;
}

static bool
keep_text(struct buf *kept, const char *text)
{
	return text == NULL || keep_octets(kept, slice_str(text));
}

/* The next of the texts that were kept, in the order in which they were. */
static const char *
next_text(const char *was, const char **at)
{
	const char *text = *at;

	if (was == NULL)
		return NULL;
	*at += strlen(text) + 1;
	return text;
}

static void
point_into(const struct holder *from, unsigned char *kept, struct holder *to)
{
	const char *at = (const char *)kept + from->subject.len + 1;

	*to = *from;
	to->kept = kept;
	if (from->subject.len > 0)
		to->subject = slice_of(kept, from->subject.len);
	to->organization_identifier = next_text(from->organization_identifier, &at);
	to->organization = next_text(from->organization, &at);
	to->country = next_text(from->country, &at);
	for (size_t i = 0; i < from->policy_count; i++)
		to->policies[i] = next_text(from->policies[i], &at);
}

enum answer
holder_copy(const struct holder *from, struct holder *to, struct error *err)
{
	struct buf kept;
	bool fits = from->policy_count <= HOLDER_POLICIES_MAX;

	buf_init(&kept, (4 + HOLDER_POLICIES_MAX) * (HOLDER_TEXT_MAX + 1));
	fits = fits && keep_octets(&kept, from->subject) && keep_text(&kept, from->organization_identifier) &&
		keep_text(&kept, from->organization) && keep_text(&kept, from->country);
	for (size_t i = 0; fits && i < from->policy_count; i++)
		fits = keep_text(&kept, from->policies[i]);
	if (!fits || buf_failed(&kept)) {
		buf_free(&kept);
		return fits ? error_cant_tell(err, "memory", "no memory for a certificate's facts") :
			error_no(err, "limit", "a certificate's subject, organisation or policies are too long or too many");
	}
	point_into(from, kept.data, to); /* which takes it over */
	return ANSWER_YES;
}

void
holder_free(struct holder *h)
{
	free(h->kept);
	*h = (struct holder){0};
}

static void
take_attribute(const struct certfacts_attribute *attribute, struct holder *h)
{
	const char **place = strcmp(attribute->type, "organizationIdentifier") == 0 ? &h->organization_identifier :
		strcmp(attribute->type, "O") == 0 ? &h->organization :
		strcmp(attribute->type, "C") == 0 ? &h->country : NULL;

	if (place == NULL)
		return;
	if (*place != NULL || attribute->text == NULL)
		h->disputed = true;
	*place = attribute->text;
}

static enum answer
collect(const struct certfacts *facts, struct slice subject, struct holder *holder, struct error *err)
{
	const struct certfacts_list *policies = &facts->list[CERTFACTS_POLICIES];
	struct holder h = {.subject = subject};

	for (size_t i = 0; i < facts->list[CERTFACTS_SUBJECT].count; i++)
		take_attribute(&facts->subject[i], &h);
	if (policies->count > HOLDER_POLICIES_MAX)
		return error_no(err, "limit", "the certificate has more than %d policies", HOLDER_POLICIES_MAX);
	for (; h.policy_count < policies->count; h.policy_count++)
		h.policies[h.policy_count] = policies->word[h.policy_count];
	return holder_copy(&h, holder, err);
}

enum answer
holder_read(const struct cert *cert, struct holder *holder, struct error *err)
{
	struct certfacts *facts;
	unsigned char *der = NULL;
	enum answer answer = certfacts_read(cert, &facts, err);
	int len;

	if (answer != ANSWER_YES)
		return answer;
	ERR_clear_error();
	len = i2d_X509_NAME(X509_get_subject_name(cert->x509), &der);
	if (len < 0)
		answer = error_cant_tell(err, "memory", "no memory for a certificate's subject");
	else
		answer = collect(facts, slice_of(der, (size_t)len), holder, err);
	ERR_clear_error();
	OPENSSL_free(der);
	certfacts_free(facts);
	return answer;
}

/* ---- comparing ---------------------------------------------------------------- */

bool
holder_same_subject(const struct holder *a, const struct holder *b)
{
	return a->subject.len > 0 && slice_eq(a->subject, b->subject);
}

static bool
has_policy(const struct holder *h, const char *policy)
{
	for (size_t i = 0; i < h->policy_count; i++)
		if (strcmp(h->policies[i], policy) == 0)
			return true;
	return false;
}

bool
holder_same_policies(const struct holder *a, const struct holder *b)
{
	if (a->policy_count == 0 || a->policy_count != b->policy_count)
		return false;
	for (size_t i = 0; i < a->policy_count; i++)
		if (!has_policy(a, b->policies[i]) || !has_policy(b, a->policies[i]))
			return false;
	return true;
}

static bool
is_same_text(const char *a, const char *b)
{
	return a != NULL && b != NULL && *a != '\0' && strcmp(a, b) == 0;
}

bool
holder_same_organisation(const struct holder *a, const struct holder *b, bool by_name)
{
	if (a->disputed || b->disputed)
		return false;
	if (a->organization_identifier != NULL || b->organization_identifier != NULL)
		return is_same_text(a->organization_identifier, b->organization_identifier);
	return by_name && is_same_text(a->organization, b->organization) && is_same_text(a->country, b->country);
}
