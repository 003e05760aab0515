#include "pki/certfacts.h"
#include "base/utf8.h"
#include "mail/address.h"
#include "pki/certfacts_words.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <stdlib.h>
#include <string.h>

#define OID_TEXT_MAX 512 /* octets of an OID in dots: CERTFACTS_OID_MAX give at most some 250 */
#define LABEL_MAX 63     /* RFC 1034 3.1 */
#define DNS_NAME_MAX 253

struct certfacts_text {
	struct certfacts_text *next;
	char text[];
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory for a certificate");
}

static enum answer
malformed(struct error *err, const char *what)
{
	enum answer answer = error_no(err, "malformed", "the certificate's %s is malformed", what);

	if (err != NULL)
		err->section = "RFC 5280 4.2";
	return answer;
}

static enum answer
too_many(struct error *err, const char *what)
{
	return error_no(err, "limit", "the certificate holds too many or too long %s", what);
}

/* ---- words and texts ---------------------------------------------------------- */

/* A copy that lives as long as the facts. *kept is NULL after YES where no text can be had: there
 * are NULs in it, which would silently cut it, or it is no UTF-8. */
static enum answer
keep(struct certfacts *f, struct slice text, const char **kept, struct error *err)
{
	struct certfacts_text *copy;

	*kept = NULL;
	if (text.len > CERTFACTS_TEXT_MAX)
		return too_many(err, "texts");
	if (slice_find(text, '\0', 0) < text.len || !utf8_is_valid(text))
		return ANSWER_YES;
	copy = malloc(sizeof *copy + text.len + 1);
	if (copy == NULL)
		return no_memory(err);
	if (text.len > 0)
		memcpy(copy->text, text.data, text.len);
	copy->text[text.len] = '\0';
	copy->next = f->texts;
	f->texts = copy;
	*kept = copy->text;
	return ANSWER_YES;
}

static enum answer
name_oid(struct certfacts *f, const ASN1_OBJECT *object, const char **word, struct error *err)
{
	char oid[OID_TEXT_MAX];
	int len;

	if (OBJ_length(object) > CERTFACTS_OID_MAX)
		return too_many(err, "object identifiers");
	len = OBJ_obj2txt(oid, sizeof oid, object, 1);
	if (len <= 0 || (size_t)len >= sizeof oid)
		return malformed(err, "object identifier");
	*word = certfacts_word(oid);
	return *word != NULL ? ANSWER_YES : keep(f, slice_of(oid, (size_t)len), word, err);
}

static bool
has(const struct certfacts_list *list, const char *word)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->word[i], word) == 0)
			return true;
	return false;
}

static enum answer
add(struct certfacts *f, enum certfacts_which which, const char *word, struct error *err)
{
	struct certfacts_list *list = &f->list[which];

	if (list->count == CERTFACTS_LIST_MAX)
		return too_many(err, certfacts_list_names[which]);
	list->word[list->count++] = word;
	return ANSWER_YES;
}

static enum answer
add_once(struct certfacts *f, enum certfacts_which which, const char *word, struct error *err)
{
	return has(&f->list[which], word) ? ANSWER_YES : add(f, which, word, err);
}

static enum answer
add_oid(struct certfacts *f, enum certfacts_which which, const ASN1_OBJECT *object, struct error *err)
{
	const char *word;
	enum answer answer = name_oid(f, object, &word, err);

	return answer == ANSWER_YES ? add(f, which, word, err) : answer;
}

static struct slice
string_slice(const ASN1_STRING *string)
{
	return slice_of(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
}

/* A text that is none is left out: nobody can go there. */
static enum answer
add_text(struct certfacts *f, enum certfacts_which which, const ASN1_STRING *string, struct error *err)
{
	const char *text;
	enum answer answer = keep(f, string_slice(string), &text, err);

	return answer == ANSWER_YES && text != NULL ? add(f, which, text, err) : answer;
}

/* *text as keep() has it. */
static enum answer
keep_string(struct certfacts *f, const ASN1_STRING *string, const char **text, struct error *err)
{
	unsigned char *utf8;
	enum answer answer;
	int len;

	*text = NULL;
	if (ASN1_STRING_length(string) > CERTFACTS_TEXT_MAX)
		return too_many(err, "texts");
	len = ASN1_STRING_to_UTF8(&utf8, string);
	if (len < 0)
		return ANSWER_YES;
	answer = keep(f, slice_of(utf8, (size_t)len), text, err);
	OPENSSL_free(utf8);
	return answer;
}

/* ---- the subject -------------------------------------------------------------- */

static const char *
form_of(const ASN1_STRING *string)
{
	switch (ASN1_STRING_type(string)) {
	case V_ASN1_PRINTABLESTRING:
		return "PrintableString";
	case V_ASN1_UTF8STRING:
		return "UTF8String";
	case V_ASN1_IA5STRING:
		return "IA5String";
	}
	return "other";
}

static enum answer
read_subject(struct certfacts *f, const X509 *x509, struct error *err)
{
	const X509_NAME *name = X509_get_subject_name(x509);
	enum answer answer = ANSWER_YES;

	for (int i = 0; i < X509_NAME_entry_count(name) && answer == ANSWER_YES; i++) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
		struct certfacts_attribute *a;

		answer = add_oid(f, CERTFACTS_SUBJECT, X509_NAME_ENTRY_get_object(entry), err);
		if (answer != ANSWER_YES)
			break;
		a = &f->subject[i];
		a->type = f->list[CERTFACTS_SUBJECT].word[i];
		a->form = form_of(value);
		answer = keep_string(f, value, &a->text, err);
	}
	return answer;
}

/* ---- extensions --------------------------------------------------------------- */

/* The decoded value of an extension's octets, all of them. */
static void *
decode(const ASN1_OCTET_STRING *octets, const ASN1_ITEM *item)
{
	const unsigned char *at = ASN1_STRING_get0_data(octets), *end = at + ASN1_STRING_length(octets);
	ASN1_VALUE *value = ASN1_item_d2i(NULL, &at, ASN1_STRING_length(octets), item);

	if (value != NULL && at != end) {
		ASN1_item_free(value, item);
		value = NULL;
	}
	return value;
}

static enum answer
read_key_usage(struct certfacts *f, const ASN1_OCTET_STRING *octets, struct error *err)
{
	const char *const *bits = certfacts_key_usage;
	ASN1_BIT_STRING *usage = decode(octets, ASN1_ITEM_rptr(ASN1_BIT_STRING));
	enum answer answer = ANSWER_YES;

	if (usage == NULL)
		return malformed(err, "keyUsage");
	for (size_t i = 0; bits[i] != NULL && answer == ANSWER_YES; i++)
		if (ASN1_BIT_STRING_get_bit(usage, (int)i) != 0)
			answer = add(f, CERTFACTS_KEY_USAGE, bits[i], err);
	ASN1_BIT_STRING_free(usage);
	return answer;
}

static enum answer
read_ext_key_usage(struct certfacts *f, const ASN1_OCTET_STRING *octets, struct error *err)
{
	EXTENDED_KEY_USAGE *usage = decode(octets, ASN1_ITEM_rptr(EXTENDED_KEY_USAGE));
	enum answer answer = ANSWER_YES;

	if (usage == NULL)
		return malformed(err, "extKeyUsage");
	for (int i = 0; i < sk_ASN1_OBJECT_num(usage) && answer == ANSWER_YES; i++)
		answer = add_oid(f, CERTFACTS_EXT_KEY_USAGE, sk_ASN1_OBJECT_value(usage, i), err);
	EXTENDED_KEY_USAGE_free(usage);
	return answer;
}

static enum answer
read_policies(struct certfacts *f, const ASN1_OCTET_STRING *octets, struct error *err)
{
	CERTIFICATEPOLICIES *policies = decode(octets, ASN1_ITEM_rptr(CERTIFICATEPOLICIES));
	enum answer answer = ANSWER_YES;

	if (policies == NULL)
		return malformed(err, "certificatePolicies");
	for (int i = 0; i < sk_POLICYINFO_num(policies) && answer == ANSWER_YES; i++)
		answer = add_oid(f, CERTFACTS_POLICIES, sk_POLICYINFO_value(policies, i)->policyid, err);
	CERTIFICATEPOLICIES_free(policies);
	return answer;
}

static enum answer
read_basic_constraints(struct certfacts *f, const ASN1_OCTET_STRING *octets, struct error *err)
{
	BASIC_CONSTRAINTS *constraints = decode(octets, ASN1_ITEM_rptr(BASIC_CONSTRAINTS));

	if (constraints == NULL)
		return malformed(err, "basicConstraints");
	f->ca = constraints->ca != 0;
	BASIC_CONSTRAINTS_free(constraints);
	return ANSWER_YES;
}

static enum answer
read_subject_key(struct certfacts *f, const ASN1_OCTET_STRING *octets, struct error *err)
{
	ASN1_OCTET_STRING *id = decode(octets, ASN1_ITEM_rptr(ASN1_OCTET_STRING));
	bool empty = id == NULL || ASN1_STRING_length(id) == 0;

	ASN1_OCTET_STRING_free(id);
	return empty ? malformed(err, "subjectKeyIdentifier") : add(f, CERTFACTS_KEY_IDENTIFIERS, "subject", err);
}

static enum answer
read_authority_key(struct certfacts *f, const ASN1_OCTET_STRING *octets, struct error *err)
{
	AUTHORITY_KEYID *id = decode(octets, ASN1_ITEM_rptr(AUTHORITY_KEYID));
	bool named;

	if (id == NULL)
		return malformed(err, "authorityKeyIdentifier");
	named = id->keyid != NULL && ASN1_STRING_length(id->keyid) > 0;
	AUTHORITY_KEYID_free(id);
	return named ? add(f, CERTFACTS_KEY_IDENTIFIERS, "authority", err) : ANSWER_YES;
}

/* ---- where to ask ------------------------------------------------------------- */

static enum answer
add_access(struct certfacts *f, enum certfacts_which which, const char *word, const GENERAL_NAME *name,
	struct error *err)
{
	enum answer answer;

	if (name->type != GEN_URI)
		return ANSWER_YES;
	answer = add_text(f, which, name->d.uniformResourceIdentifier, err);
	return answer == ANSWER_YES ? add_once(f, CERTFACTS_ACCESS, word, err) : answer;
}

static enum answer
read_distribution_points(struct certfacts *f, const ASN1_OCTET_STRING *octets, struct error *err)
{
	CRL_DIST_POINTS *points = decode(octets, ASN1_ITEM_rptr(CRL_DIST_POINTS));
	enum answer answer = ANSWER_YES;

	if (points == NULL)
		return malformed(err, "cRLDistributionPoints");
	for (int i = 0; i < sk_DIST_POINT_num(points) && answer == ANSWER_YES; i++) {
		const DIST_POINT_NAME *point = sk_DIST_POINT_value(points, i)->distpoint;

		if (point == NULL || point->type != 0)
			continue;
		for (int k = 0; k < sk_GENERAL_NAME_num(point->name.fullname) && answer == ANSWER_YES; k++)
			answer = add_access(f, CERTFACTS_CRL_URLS, "crl",
				sk_GENERAL_NAME_value(point->name.fullname, k), err);
	}
	CRL_DIST_POINTS_free(points);
	return answer;
}

static enum answer
read_access(struct certfacts *f, const ASN1_OCTET_STRING *octets, struct error *err)
{
	AUTHORITY_INFO_ACCESS *access = decode(octets, ASN1_ITEM_rptr(AUTHORITY_INFO_ACCESS));
	enum answer answer = ANSWER_YES;

	if (access == NULL)
		return malformed(err, "authorityInfoAccess");
	for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(access) && answer == ANSWER_YES; i++) {
		const ACCESS_DESCRIPTION *one = sk_ACCESS_DESCRIPTION_value(access, i);

		if (OBJ_obj2nid(one->method) == NID_ad_OCSP)
			answer = add_access(f, CERTFACTS_OCSP_URLS, "ocsp", one->location, err);
		else if (OBJ_obj2nid(one->method) == NID_ad_ca_issuers)
			answer = add_access(f, CERTFACTS_ISSUER_URLS, "caIssuers", one->location, err);
	}
	AUTHORITY_INFO_ACCESS_free(access);
	return answer;
}

/* ---- alternative names -------------------------------------------------------- */

/* RFC 1034 3.5, with RFC 1123 2.1: labels of letters, digits and inner hyphens. */
static bool
is_dns_name(struct slice name)
{
	size_t label = 0;

	if (name.len == 0 || name.len > DNS_NAME_MAX)
		return false;
	for (size_t i = 0; i <= name.len; i++) {
		int c = i < name.len ? ascii_lower(name.data[i]) : '.';

		if (c == '.') {
			if (label == 0 || label > LABEL_MAX || name.data[i - 1] == '-' || name.data[i - label] == '-')
				return false;
			label = 0;
		} else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-') {
			label++;
		} else {
			return false;
		}
	}
	return true;
}

static bool
is_address(struct slice text)
{
	struct address address;

	return text.len > 0 && text.data[0] != '<' && slice_is_ascii(text) && address_parse(text, &address);
}

static enum answer
read_other_name(struct certfacts *f, const OTHERNAME *other, struct certfacts_name *name, struct error *err)
{
	enum answer answer = name_oid(f, other->type_id, &name->kind, err);

	if (answer != ANSWER_YES)
		return answer;
	switch (other->value->type) {
	case V_ASN1_UTF8STRING:
	case V_ASN1_PRINTABLESTRING:
	case V_ASN1_IA5STRING:
	case V_ASN1_NUMERICSTRING:
		return keep_string(f, other->value->value.asn1_string, &name->text, err);
	}
	return ANSWER_YES;
}

static enum answer
read_name(struct certfacts *f, const GENERAL_NAME *from, struct certfacts_name *name, struct error *err)
{
	name->well_formed = true;
	if (from->type == GEN_OTHERNAME)
		return read_other_name(f, from->d.otherName, name, err);
	name->kind = certfacts_name_kinds[from->type - GEN_EMAIL];
	switch (from->type) {
	case GEN_EMAIL:
		name->well_formed = is_address(string_slice(from->d.rfc822Name));
		return keep(f, string_slice(from->d.rfc822Name), &name->text, err);
	case GEN_DNS:
		name->well_formed = is_dns_name(string_slice(from->d.dNSName));
		return keep(f, string_slice(from->d.dNSName), &name->text, err);
	case GEN_URI:
		return keep(f, string_slice(from->d.uniformResourceIdentifier), &name->text, err);
	case GEN_IPADD:
		name->well_formed = ASN1_STRING_length(from->d.iPAddress) == 4 ||
			ASN1_STRING_length(from->d.iPAddress) == 16;
		break;
	}
	return ANSWER_YES;
}

static enum answer
read_names(struct certfacts *f, const ASN1_OCTET_STRING *octets, struct error *err)
{
	GENERAL_NAMES *names = decode(octets, ASN1_ITEM_rptr(GENERAL_NAMES));
	enum answer answer = ANSWER_YES;

	if (names == NULL)
		return malformed(err, "subjectAltName");
	if (sk_GENERAL_NAME_num(names) > CERTFACTS_NAMES_MAX)
		answer = too_many(err, "alternative names");
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && answer == ANSWER_YES; i++) {
		struct certfacts_name *name = &f->names[f->name_count];

		answer = read_name(f, sk_GENERAL_NAME_value(names, i), name, err);
		if (answer == ANSWER_YES)
			answer = add_once(f, CERTFACTS_ALTERNATIVE, name->kind, err);
		f->name_count += answer == ANSWER_YES;
	}
	GENERAL_NAMES_free(names);
	return answer;
}

/* ---- qcStatements ------------------------------------------------------------- */

/* A SEQUENCE whose elements are not looked into; NULL: it is none, or has more than fit. */
static ASN1_SEQUENCE_ANY *
sequence(struct slice der)
{
	const unsigned char *at = der.data;
	ASN1_SEQUENCE_ANY *s = d2i_ASN1_SEQUENCE_ANY(NULL, &at, (long)der.len);

	if (s != NULL && (at != der.data + der.len || sk_ASN1_TYPE_num(s) > CERTFACTS_LIST_MAX)) {
		sk_ASN1_TYPE_pop_free(s, ASN1_TYPE_free);
		s = NULL;
	}
	return s;
}

static ASN1_SEQUENCE_ANY *
inner_sequence(const ASN1_TYPE *type)
{
	return type == NULL || type->type != V_ASN1_SEQUENCE ? NULL : sequence(string_slice(type->value.sequence));
}

typedef enum answer element_reader(struct certfacts *f, const ASN1_TYPE *element, struct error *err);

static enum answer
each_element(struct certfacts *f, ASN1_SEQUENCE_ANY *s, element_reader *read, struct error *err)
{
	enum answer answer = s == NULL ? malformed(err, "qcStatements") : ANSWER_YES;

	for (int i = 0; i < sk_ASN1_TYPE_num(s) && answer == ANSWER_YES; i++)
		answer = read(f, sk_ASN1_TYPE_value(s, i), err);
	sk_ASN1_TYPE_pop_free(s, ASN1_TYPE_free);
	return answer;
}

static enum answer
read_qc_type(struct certfacts *f, const ASN1_TYPE *element, struct error *err)
{
	return element->type != V_ASN1_OBJECT ? malformed(err, "QcType") :
		add_oid(f, CERTFACTS_QC_TYPES, element->value.object, err);
}

static enum answer
read_qc_country(struct certfacts *f, const ASN1_TYPE *element, struct error *err)
{
	return element->type != V_ASN1_PRINTABLESTRING ? malformed(err, "QcCClegislation") :
		add_text(f, CERTFACTS_QC_COUNTRIES, element->value.printablestring, err);
}

/* SEQUENCE { url IA5String, language PrintableString } (EN 319 412-5 4.3.4) */
static enum answer
read_qc_pds(struct certfacts *f, const ASN1_TYPE *element, struct error *err)
{
	ASN1_SEQUENCE_ANY *pair = inner_sequence(element);
	const ASN1_TYPE *url = sk_ASN1_TYPE_num(pair) == 2 ? sk_ASN1_TYPE_value(pair, 0) : NULL;
	enum answer answer = url == NULL || url->type != V_ASN1_IA5STRING ? malformed(err, "QcPDS") :
		add_text(f, CERTFACTS_PDS_URLS, url->value.ia5string, err);

	sk_ASN1_TYPE_pop_free(pair, ASN1_TYPE_free);
	return answer;
}

static enum answer
read_statement_info(struct certfacts *f, const char *statement, const ASN1_TYPE *info, struct error *err)
{
	if (strcmp(statement, "QcType") == 0)
		return each_element(f, inner_sequence(info), read_qc_type, err);
	if (strcmp(statement, "QcPDS") == 0)
		return each_element(f, inner_sequence(info), read_qc_pds, err);
	if (strcmp(statement, "QcCClegislation") == 0)
		return each_element(f, inner_sequence(info), read_qc_country, err);
	return ANSWER_YES;
}

/* SEQUENCE { statementId OBJECT IDENTIFIER, statementInfo ANY OPTIONAL } (RFC 3739 3.2.6) */
static enum answer
read_statement(struct certfacts *f, const ASN1_TYPE *element, struct error *err)
{
	ASN1_SEQUENCE_ANY *statement = inner_sequence(element);
	int count = sk_ASN1_TYPE_num(statement);
	const char *word;
	enum answer answer;

	if (count < 1 || count > 2 || sk_ASN1_TYPE_value(statement, 0)->type != V_ASN1_OBJECT)
		answer = malformed(err, "qcStatements");
	else
		answer = name_oid(f, sk_ASN1_TYPE_value(statement, 0)->value.object, &word, err);
	if (answer == ANSWER_YES)
		answer = add(f, CERTFACTS_QC_STATEMENTS, word, err);
	if (answer == ANSWER_YES)
		answer = read_statement_info(f, word, count == 2 ? sk_ASN1_TYPE_value(statement, 1) : NULL, err);
	sk_ASN1_TYPE_pop_free(statement, ASN1_TYPE_free);
	return answer;
}

static enum answer
read_statements(struct certfacts *f, const ASN1_OCTET_STRING *octets, struct error *err)
{
	return each_element(f, sequence(string_slice(octets)), read_statement, err);
}

/* ---- all of it ---------------------------------------------------------------- */

static const struct {
	const char *extension;
	enum answer (*read)(struct certfacts *f, const ASN1_OCTET_STRING *octets, struct error *err);
} readers[] = {
	{"keyUsage", read_key_usage},
	{"extKeyUsage", read_ext_key_usage},
	{"certificatePolicies", read_policies},
	{"basicConstraints", read_basic_constraints},
	{"subjectKeyIdentifier", read_subject_key},
	{"authorityKeyIdentifier", read_authority_key},
	{"cRLDistributionPoints", read_distribution_points},
	{"authorityInfoAccess", read_access},
	{"subjectAltName", read_names},
	{"qcStatements", read_statements},
};

static enum answer
read_extension(struct certfacts *f, X509_EXTENSION *extension, struct error *err)
{
	const char *word;
	enum answer answer = name_oid(f, X509_EXTENSION_get_object(extension), &word, err);

	if (answer != ANSWER_YES)
		return answer;
	if (has(&f->list[CERTFACTS_EXTENSIONS], word))
		return malformed(err, "list of extensions");
	answer = add(f, CERTFACTS_EXTENSIONS, word, err);
	if (answer == ANSWER_YES && X509_EXTENSION_get_critical(extension) != 0)
		answer = add(f, CERTFACTS_CRITICAL, word, err);
	for (size_t i = 0; i < sizeof readers / sizeof *readers && answer == ANSWER_YES; i++)
		if (strcmp(readers[i].extension, word) == 0)
			answer = readers[i].read(f, X509_EXTENSION_get_data(extension), err);
	return answer;
}

/* Ed25519 and Ed448 have their digest within (RFC 8032). */
static void
read_signature(struct certfacts *f, X509 *x509)
{
	int digest, key;
	const EVP_MD *md;

	if (X509_get_signature_info(x509, &digest, &key, NULL, NULL) != 1)
		return;
	md = digest == NID_undef ? NULL : EVP_get_digestbynid(digest);
	if (md != NULL)
		f->digest_bits = 8 * (unsigned)EVP_MD_get_size(md);
	else if (key == NID_ED25519 || key == NID_ED448)
		f->digest_bits = 512;
}

static enum answer
read_all(struct certfacts *f, const struct cert *cert, struct error *err)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert->x509);
	int security = key == NULL ? 0 : EVP_PKEY_get_security_bits(key);
	enum answer answer;

	f->version = X509_get_version(cert->x509) + 1;
	f->not_before = cert->not_before;
	f->not_after = cert->not_after;
	f->rsa_bits = cert->key == CERT_KEY_RSA ? cert->key_bits : 0;
	f->security_bits = security < 0 ? 0 : (unsigned)security;
	read_signature(f, cert->x509);
	answer = read_subject(f, cert->x509, err);
	for (int i = 0; i < X509_get_ext_count(cert->x509) && answer == ANSWER_YES; i++)
		answer = read_extension(f, X509_get_ext(cert->x509, i), err);
	return answer;
}

enum answer
certfacts_read(const struct cert *cert, struct certfacts **facts, struct error *err)
{
	struct certfacts *f = calloc(1, sizeof *f);
	enum answer answer;

	*facts = NULL;
	if (f == NULL)
		return no_memory(err);
	ERR_clear_error();
	answer = read_all(f, cert, err);
	ERR_clear_error(); /* reasons of attempts that were judged above */
	if (answer != ANSWER_YES) {
		certfacts_free(f);
		return answer;
	}
	*facts = f;
	return ANSWER_YES;
}

void
certfacts_free(struct certfacts *facts)
{
	if (facts == NULL)
		return;
	while (facts->texts != NULL) {
		struct certfacts_text *text = facts->texts;

		facts->texts = text->next;
		free(text);
	}
	free(facts);
}
