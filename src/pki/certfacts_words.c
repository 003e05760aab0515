#include "pki/certfacts_words.h"

#include <string.h>

const char *const certfacts_list_names[CERTFACTS_LISTS] = {
	"subject", "key-usage", "ext-key-usage", "policies", "extensions", "critical", "qc-statements", "qc-types",
	"qc-countries", "alternative-names", "access", "key-identifiers", "pds", "crl-urls", "ocsp-urls", "issuer-urls",
};

static const struct {
	const char *oid, *word;
	enum certfacts_which of;
} words[] = {
	/* attributes: X.520, RFC 4519, RFC 2985 */
	{"2.5.4.3", "CN", CERTFACTS_SUBJECT},
	{"2.5.4.4", "surname", CERTFACTS_SUBJECT},
	{"2.5.4.5", "serialNumber", CERTFACTS_SUBJECT},
	{"2.5.4.6", "C", CERTFACTS_SUBJECT},
	{"2.5.4.7", "L", CERTFACTS_SUBJECT},
	{"2.5.4.8", "ST", CERTFACTS_SUBJECT},
	{"2.5.4.9", "street", CERTFACTS_SUBJECT},
	{"2.5.4.10", "O", CERTFACTS_SUBJECT},
	{"2.5.4.11", "OU", CERTFACTS_SUBJECT},
	{"2.5.4.12", "title", CERTFACTS_SUBJECT},
	{"2.5.4.16", "postalAddress", CERTFACTS_SUBJECT},
	{"2.5.4.17", "postalCode", CERTFACTS_SUBJECT},
	{"2.5.4.41", "name", CERTFACTS_SUBJECT},
	{"2.5.4.42", "givenName", CERTFACTS_SUBJECT},
	{"2.5.4.43", "initials", CERTFACTS_SUBJECT},
	{"2.5.4.44", "generationQualifier", CERTFACTS_SUBJECT},
	{"2.5.4.46", "dnQualifier", CERTFACTS_SUBJECT},
	{"2.5.4.65", "pseudonym", CERTFACTS_SUBJECT},
	{"2.5.4.97", "organizationIdentifier", CERTFACTS_SUBJECT},
	{"0.9.2342.19200300.100.1.1", "UID", CERTFACTS_SUBJECT},
	{"0.9.2342.19200300.100.1.25", "DC", CERTFACTS_SUBJECT},
	{"1.2.840.113549.1.9.1", "emailAddress", CERTFACTS_SUBJECT},
	/* RFC 5280 4.2, RFC 3739 3.2 */
	{"2.5.29.9", "subjectDirectoryAttributes", CERTFACTS_EXTENSIONS},
	{"2.5.29.14", "subjectKeyIdentifier", CERTFACTS_EXTENSIONS},
	{"2.5.29.15", "keyUsage", CERTFACTS_EXTENSIONS},
	{"2.5.29.16", "privateKeyUsagePeriod", CERTFACTS_EXTENSIONS},
	{"2.5.29.17", "subjectAltName", CERTFACTS_EXTENSIONS},
	{"2.5.29.18", "issuerAltName", CERTFACTS_EXTENSIONS},
	{"2.5.29.19", "basicConstraints", CERTFACTS_EXTENSIONS},
	{"2.5.29.30", "nameConstraints", CERTFACTS_EXTENSIONS},
	{"2.5.29.31", "cRLDistributionPoints", CERTFACTS_EXTENSIONS},
	{"2.5.29.32", "certificatePolicies", CERTFACTS_EXTENSIONS},
	{"2.5.29.33", "policyMappings", CERTFACTS_EXTENSIONS},
	{"2.5.29.35", "authorityKeyIdentifier", CERTFACTS_EXTENSIONS},
	{"2.5.29.36", "policyConstraints", CERTFACTS_EXTENSIONS},
	{"2.5.29.37", "extKeyUsage", CERTFACTS_EXTENSIONS},
	{"2.5.29.46", "freshestCRL", CERTFACTS_EXTENSIONS},
	{"2.5.29.54", "inhibitAnyPolicy", CERTFACTS_EXTENSIONS},
	{"1.3.6.1.5.5.7.1.1", "authorityInfoAccess", CERTFACTS_EXTENSIONS},
	{"1.3.6.1.5.5.7.1.3", "qcStatements", CERTFACTS_EXTENSIONS},
	{"2.16.840.1.113730.1.13", "nsComment", CERTFACTS_EXTENSIONS},
	/* purposes */
	{"1.3.6.1.5.5.7.3.1", "serverAuth", CERTFACTS_EXT_KEY_USAGE},
	{"1.3.6.1.5.5.7.3.2", "clientAuth", CERTFACTS_EXT_KEY_USAGE},
	{"1.3.6.1.5.5.7.3.4", "emailProtection", CERTFACTS_EXT_KEY_USAGE},
	{"1.3.6.1.4.1.311.10.3.12", "documentSigning", CERTFACTS_EXT_KEY_USAGE},
	/* RFC 3739 3.2.6.1, EN 319 412-5 4.2, 4.3 */
	{"1.3.6.1.5.5.7.11.2", "semantics", CERTFACTS_QC_STATEMENTS},
	{"0.4.0.1862.1.1", "QcCompliance", CERTFACTS_QC_STATEMENTS},
	{"0.4.0.1862.1.2", "QcLimitValue", CERTFACTS_QC_STATEMENTS},
	{"0.4.0.1862.1.3", "QcRetentionPeriod", CERTFACTS_QC_STATEMENTS},
	{"0.4.0.1862.1.4", "QcSSCD", CERTFACTS_QC_STATEMENTS},
	{"0.4.0.1862.1.5", "QcPDS", CERTFACTS_QC_STATEMENTS},
	{"0.4.0.1862.1.6", "QcType", CERTFACTS_QC_STATEMENTS},
	{"0.4.0.1862.1.7", "QcCClegislation", CERTFACTS_QC_STATEMENTS},
	/* EN 319 412-5 4.2.3 */
	{"0.4.0.1862.1.6.1", "esign", CERTFACTS_QC_TYPES},
	{"0.4.0.1862.1.6.2", "eseal", CERTFACTS_QC_TYPES},
	{"0.4.0.1862.1.6.3", "web", CERTFACTS_QC_TYPES},
};

const char *const certfacts_key_usage[] = {
	"digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign",
	"cRLSign", "encipherOnly", "decipherOnly", NULL,
};

const char *const certfacts_name_kinds[] = {
	"rfc822Name", "dNSName", "x400Address", "directoryName", "ediPartyName", "URI", "iPAddress", "registeredID", NULL,
};

static const char *const access_words[] = {"crl", "ocsp", "caIssuers", NULL};
static const char *const identifier_words[] = {"subject", "authority", NULL};

/* Words that stand for no OID. */
static const struct {
	enum certfacts_which of;
	const char *const *word; /* up to NULL */
} plain_words[] = {
	{CERTFACTS_KEY_USAGE, certfacts_key_usage},
	{CERTFACTS_ALTERNATIVE, certfacts_name_kinds},
	{CERTFACTS_ACCESS, access_words},
	{CERTFACTS_KEY_IDENTIFIERS, identifier_words},
};

const char *
certfacts_word(const char *oid)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].oid, oid) == 0)
			return words[i].word;
	return NULL;
}

static bool
is_dotted(struct slice text)
{
	bool digit = false;

	for (size_t i = 0; i < text.len; i++) {
		if (!digit && text.data[i] == '.')
			return false;
		digit = text.data[i] >= '0' && text.data[i] <= '9';
		if (!digit && text.data[i] != '.')
			return false;
	}
	return digit && slice_find(text, '.', 0) < text.len;
}

bool
certfacts_is_word(enum certfacts_which which, struct slice word)
{
	enum certfacts_which of = which == CERTFACTS_CRITICAL ? CERTFACTS_EXTENSIONS : which;
	bool oids = of == CERTFACTS_POLICIES || of == CERTFACTS_ALTERNATIVE;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (words[i].of == of && slice_eq_str(word, words[i].word))
			return true;
		oids = oids || words[i].of == of;
	}
	for (size_t i = 0; i < sizeof plain_words / sizeof *plain_words; i++)
		for (const char *const *plain = plain_words[i].word; plain_words[i].of == of && *plain != NULL; plain++)
			if (slice_eq_str(word, *plain))
				return true;
	if (of == CERTFACTS_QC_COUNTRIES || of >= CERTFACTS_PDS_URLS)
		return true;
	return oids && is_dotted(word);
}
