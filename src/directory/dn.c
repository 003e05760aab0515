#include "directory/dn.h"

#include "base/utf8.h"

#include <openssl/err.h>

#include <ldap.h>

#include <ctype.h>
#include <string.h>

#define TEXTS (B_ASN1_DIRECTORYSTRING | B_ASN1_IA5STRING)

/* What directories call them, in any letter case; OpenSSL's own names have one. */
static const struct {
	const char *name;
	int nid;
} types[] = {
	{"CN", NID_commonName}, {"commonName", NID_commonName},
	{"O", NID_organizationName}, {"organizationName", NID_organizationName},
	{"OU", NID_organizationalUnitName}, {"organizationalUnitName", NID_organizationalUnitName},
	{"C", NID_countryName}, {"countryName", NID_countryName},
	{"L", NID_localityName}, {"localityName", NID_localityName},
	{"ST", NID_stateOrProvinceName}, {"stateOrProvinceName", NID_stateOrProvinceName},
	{"STREET", NID_streetAddress}, {"streetAddress", NID_streetAddress},
	{"DC", NID_domainComponent}, {"domainComponent", NID_domainComponent},
	{"UID", NID_userId}, {"userId", NID_userId},
	{"organizationIdentifier", NID_organizationIdentifier},
	{"serialNumber", NID_serialNumber},
	{"emailAddress", NID_pkcs9_emailAddress}, {"email", NID_pkcs9_emailAddress}, {"E", NID_pkcs9_emailAddress},
	{"SN", NID_surname}, {"surname", NID_surname},
	{"GN", NID_givenName}, {"givenName", NID_givenName},
	{"title", NID_title},
	{"postalCode", NID_postalCode},
	{"description", NID_description},
};

/* NULL: not known. */
static ASN1_OBJECT *
type_of(const struct berval *text)
{
	struct slice name = slice_of(text->bv_val, text->bv_len);
	char oid[100];

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (slice_eq_str_nocase(name, types[i].name))
			return OBJ_nid2obj(types[i].nid);
	if (name.len == 0 || name.len >= sizeof oid || !isdigit(name.data[0]))
		return NULL;
	memcpy(oid, name.data, name.len);
	oid[name.len] = '\0';
	return OBJ_txt2obj(oid, 1);
}

/* A value given as "#" and the hexadecimal digits of its BER (RFC 4514 2.4), of which libldap makes octets. */
static X509_NAME_ENTRY *
entry_of_ber(const ASN1_OBJECT *type, struct slice ber)
{
	const unsigned char *at = ber.data;
	ASN1_TYPE *value = d2i_ASN1_TYPE(NULL, &at, (long)ber.len);
	X509_NAME_ENTRY *entry = NULL;

	if (value != NULL && at == ber.data + ber.len && (ASN1_tag2bit(value->type) & TEXTS) != 0)
		entry = X509_NAME_ENTRY_create_by_OBJ(NULL, type, value->type,
			ASN1_STRING_get0_data(value->value.asn1_string), ASN1_STRING_length(value->value.asn1_string));
	ASN1_TYPE_free(value);
	return entry;
}

/* set: as X509_NAME_add_entry() takes it. */
static bool
add_value(X509_NAME *name, const LDAPAVA *ava, int set)
{
	struct slice value = slice_of(ava->la_value.bv_val, ava->la_value.bv_len);
	ASN1_OBJECT *type = type_of(&ava->la_attr);
	X509_NAME_ENTRY *entry = NULL;
	bool added;

	if (type != NULL && (ava->la_flags & LDAP_AVA_BINARY) != 0)
		entry = entry_of_ber(type, value);
	else if (type != NULL && utf8_is_valid(value))
		entry = X509_NAME_ENTRY_create_by_OBJ(NULL, type, V_ASN1_UTF8STRING, value.data, (int)value.len);
	added = entry != NULL && X509_NAME_add_entry(name, entry, -1, set) == 1;
	X509_NAME_ENTRY_free(entry);
	ASN1_OBJECT_free(type);
	return added;
}

static bool
add_all(X509_NAME *name, LDAPDN dn)
{
	size_t count = 0;

	while (dn[count] != NULL)
		count++;
	while (count-- > 0)
		for (size_t i = 0; dn[count][i] != NULL; i++)
			if (!add_value(name, dn[count][i], i == 0 ? 0 : -1))
				return false;
	return true;
}

enum answer
dn_parse(struct slice text, X509_NAME **name, struct error *err)
{
	struct berval octets = {.bv_len = text.len, .bv_val = (char *)(uintptr_t)text.data};
	LDAPDN dn = NULL;
	bool good;

	*name = NULL;
	if (text.len == 0 || text.len > DN_TEXT_MAX || slice_find(text, '\0', 0) < text.len)
		return error_no(err, "dn", "a name is empty, longer than %d octets or has a NUL", DN_TEXT_MAX);
	if (ldap_bv2dn(&octets, &dn, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS || dn == NULL)
		return error_no(err, "dn", "%.*s: no distinguished name", SLICE_FMT(text));
	*name = X509_NAME_new();
	ERR_clear_error();
	good = *name != NULL && add_all(*name, dn);
	ERR_clear_error();
	ldap_dnfree(dn);
	if (good)
		return ANSWER_YES;
	if (*name == NULL)
		return error_cant_tell(err, "memory", "no memory for a name");
	X509_NAME_free(*name);
	*name = NULL;
	return error_no(err, "dn", "%.*s: a type in it is not known, or a value is none", SLICE_FMT(text));
}
