#include "pki/profiles.h"

#include <string.h>

#define COUNT(rules) (sizeof(rules) / sizeof *(rules))

/* Certificate policies of EN 319 411-2 5.3: for natural and legal persons, without and with a
 * qualified device that holds the key, and for web sites. */
#define QCP_N "0.4.0.194112.1.0"
#define QCP_L "0.4.0.194112.1.1"
#define QCP_N_QSCD "0.4.0.194112.1.2"
#define QCP_L_QSCD "0.4.0.194112.1.3"
#define QCP_W "0.4.0.194112.1.4"

/* ---- I.CA ----------------------------------------------------------------------- */

#define ICA "I.CA CP QC RSA 1.12, "
#define ICA_POLICY "1.3.6.1.4.1.23624.10.1.30.1.1"
#define ICA_TWIN_ID "1.3.6.1.4.1.23624.4.3"
#define ICA_USER_ID "1.3.6.1.4.1.23624.4.6"
#define ICA_INTERCONNECTION "1.3.6.1.4.1.23624.4.7"

/* Footnotes 1 and 2 of the policy: the authority reserves the right to change the sets of
 * attributes and extensions. So what is beyond them is noted only. */
static const struct profile_rule ica_rules[] = {
	{"version", PROFILE_ERROR, ICA "table 4", "the certificate is X.509 v3", {NULL}, {"version", "is", "3"}},
	{"digest", PROFILE_ERROR, ICA "table 4", "it is issued under SHA-256 or better", {NULL},
		{"digest-bits", "at-least", "256"}},
	{"validity", PROFILE_ERROR, ICA "table 4", "notBefore is earlier than notAfter", {NULL}, {"validity", "in-order"}},
	{"key", PROFILE_ERROR, ICA "table 4", "its key is RSA of 2048 bits or more", {NULL},
		{"rsa-bits", "at-least", "2048"}},

	{"country", PROFILE_ERROR, ICA "table 5", "the subject has a countryName", {NULL}, {"subject", "have", "C"}},
	{"country-code", PROFILE_ERROR, ICA "table 5", "countryName is a code of ISO 3166", {NULL},
		{"values", "match", "C", "%C"}},
	{"names", PROFILE_ERROR, ICA "table 5", "the subject has givenName and surname, or a pseudonym", {NULL},
		{"subject", "have-set", "givenName+surname", "pseudonym"}},
	{"common-name", PROFILE_ERROR, ICA "table 5", "the subject has a commonName", {NULL}, {"subject", "have", "CN"}},
	{"common-name-names", PROFILE_ERROR, ICA "table 5", "commonName contains givenName and surname", {NULL},
		{"values", "contain", "CN", "givenName", "surname"}},
	{"common-name-pseudonym", PROFILE_ERROR, ICA "table 5",
		"where there is a pseudonym, commonName ends with \" - PSEUDONYM\"", {"subject", "have", "pseudonym"},
		{"values", "match", "CN", "%* - PSEUDONYM"}},
	{"once", PROFILE_ERROR, ICA "table 5", "attributes of which there may be one are there once", {NULL},
		{"subject", "have-once", "C", "givenName", "surname", "pseudonym", "CN", "initials",
		"generationQualifier", "O", "organizationIdentifier", "ST", "L", "street", "postalCode"}},
	{"serial-number", PROFILE_ERROR, ICA "table 5", "serialNumber is of the form ICA - x, IDCss-n or PASss-n", {NULL},
		{"values", "match", "serialNumber", "ICA - %+", "ICA – %+", "IDC%C-%+", "PAS%C-%+"}},
	{"serial-number-ica", PROFILE_ERROR, ICA "table 5", "exactly one serialNumber is I.CA's (ICA - x)", {NULL},
		{"values", "have-one-only", "serialNumber", "ICA - %+", "ICA – %+"}},
	{"identity-document", PROFILE_ERROR, ICA "table 5", "at most one serialNumber names an identity document", {NULL},
		{"values", "have-once", "serialNumber", "IDC%C-%+", "PAS%C-%+"}},
	{"organization-identifier", PROFILE_ERROR, ICA "table 5",
		"organizationIdentifier is of the form NTRss-id, VATss-id or XX:ss-id", {NULL},
		{"values", "match", "organizationIdentifier", "NTR%C-%+", "VAT%C-%+", "%C:%C-%+"}},
	{"organization-identifier-alone", PROFILE_ERROR, ICA "table 5",
		"organizationIdentifier is there only with organizationName", {"subject", "have", "organizationIdentifier"},
		{"subject", "have", "O"}},

	{"policy", PROFILE_ERROR, ICA "1.2, table 6", "it is issued under this policy, " ICA_POLICY, {NULL},
		{"policies", "have", ICA_POLICY}},
	{"policy-qcp", PROFILE_ERROR, ICA "table 6", "it is issued under one of QCP-n and QCP-n-qscd", {NULL},
		{"policies", "have-one-only", QCP_N, QCP_N_QSCD}},
	{"qc-compliance", PROFILE_ERROR, ICA "table 6", "it claims to be qualified (QcCompliance)", {NULL},
		{"qc-statements", "have", "QcCompliance"}},
	{"qc-type", PROFILE_ERROR, ICA "table 6", "QcType is esign", {NULL}, {"qc-types", "are", "esign"}},
	{"qc-pds", PROFILE_ERROR, ICA "table 6", "QcPDS names the disclosure statement by https", {NULL},
		{"pds", "are-https"}},
	{"qc-sscd", PROFILE_ERROR, ICA "table 6", "under QCP-n-qscd it says that the key is in a qualified device (QcSSCD)",
		{"policies", "have", QCP_N_QSCD}, {"qc-statements", "have", "QcSSCD"}},
	{"qc-sscd-unfounded", PROFILE_ERROR, ICA "table 6", "QcSSCD is there only under QCP-n-qscd",
		{"policies", "lack", QCP_N_QSCD}, {"qc-statements", "lack", "QcSSCD"}},
	{"not-ca", PROFILE_ERROR, ICA "table 6", "cA is false", {NULL}, {"basic-constraints", "not-ca"}},
	{"key-usage-critical", PROFILE_ERROR, ICA "table 6", "keyUsage is critical", {"extensions", "have", "keyUsage"},
		{"critical", "have", "keyUsage"}},
	{"key-usage", PROFILE_ERROR, ICA "table 6", "keyUsage is nonRepudiation, alone or with digitalSignature, or with "
		"digitalSignature and keyEncipherment", {NULL},
		{"key-usage", "are", "nonRepudiation", "digitalSignature+nonRepudiation",
		"digitalSignature+nonRepudiation+keyEncipherment"}},
	{"ext-key-usage", PROFILE_ERROR, ICA "table 6", "extKeyUsage is emailProtection, documentSigning or both", {NULL},
		{"ext-key-usage", "are", "emailProtection", "documentSigning", "emailProtection+documentSigning"}},
	{"subject-key", PROFILE_ERROR, ICA "table 6", "it has a subjectKeyIdentifier", {NULL},
		{"key-identifiers", "have", "subject"}},
	{"authority-key", PROFILE_ERROR, ICA "table 6", "it has an authorityKeyIdentifier by key", {NULL},
		{"key-identifiers", "have", "authority"}},
	{"user-id", PROFILE_ERROR, ICA "table 6", "I.CA_User_ID is there and is a part of serialNumber", {NULL},
		{"alternative-names", "in-value", ICA_USER_ID, "serialNumber"}},

	{"first-email", PROFILE_NOTE, ICA "table 5", "a first certificate has no emailAddress in the subject", {NULL},
		{"subject", "lack", "emailAddress"}},
	{"first-name", PROFILE_NOTE, ICA "table 5", "a first certificate has no attribute name in the subject", {NULL},
		{"subject", "lack", "name"}},
	{"first-address", PROFILE_NOTE, ICA "table 5",
		"a first certificate has localityName, streetAddress and postalCode, or none of them", {NULL},
		{"subject", "are-together", "L", "street", "postalCode"}},
	{"attributes", PROFILE_NOTE, ICA "table 5", "the subject has no attributes beyond the table", {NULL},
		{"subject", "are-only", "C", "givenName", "surname", "pseudonym", "serialNumber", "CN", "initials",
		"emailAddress", "name", "generationQualifier", "O", "organizationIdentifier", "OU", "title", "ST", "L",
		"street", "postalCode"}},
	{"extensions", PROFILE_NOTE, ICA "table 6", "there are no extensions beyond the table", {NULL},
		{"extensions", "are-only", "certificatePolicies", "qcStatements", "cRLDistributionPoints",
		"authorityInfoAccess", "basicConstraints", "keyUsage", "extKeyUsage", "subjectKeyIdentifier",
		"authorityKeyIdentifier", "subjectAltName", "nsComment", ICA_TWIN_ID, ICA_INTERCONNECTION}},
	{"critical", PROFILE_NOTE, ICA "table 6", "no extension of the table but keyUsage is critical", {NULL},
		{"critical", "lack", "certificatePolicies", "qcStatements", "cRLDistributionPoints", "authorityInfoAccess",
		"basicConstraints", "extKeyUsage", "subjectKeyIdentifier", "authorityKeyIdentifier", "subjectAltName",
		"nsComment", ICA_TWIN_ID, ICA_INTERCONNECTION}},
	{"access", PROFILE_NOTE, ICA "table 6", "it says where its CRL, its OCSP responder and its issuer are", {NULL},
		{"access", "have", "crl", "ocsp", "caIssuers"}},
};

static const struct profile ica_qualified_signature = {"ica-qualified-signature",
	"I.CA qualified certificate for electronic signatures (RSA)", NULL, ica_rules, COUNT(ica_rules), NULL};

/* ---- OCES ----------------------------------------------------------------------- */

#define OCES "OCES person CP 4, "
/* What the policy for persons says and the three others, which are not at hand, are taken to. */
#define OCES_ALL "OCES CP (as person CP 4, "
#define OCES_FORM "OCES CP, serialNumber as it is seen in certificates"
#define OCES_ARC "1.2.208.169.1.1.1."

static const struct profile_rule oces_rules[] = {
	{"version", PROFILE_ERROR, OCES_ALL "7.3.3)", "the certificate is X.509 v3", {NULL}, {"version", "is", "3"}},
	{"validity", PROFILE_ERROR, OCES_ALL "5.3)", "it is valid for four years at most", {NULL},
		{"validity", "at-most-days", "1461"}},
	{"key", PROFILE_ERROR, OCES_ALL "7.3.1)", "its key is RSA of 2048 bits, or as strong", {NULL},
		{"security-bits", "at-least", "112"}},
	{"country", PROFILE_ERROR, OCES_ALL "7.3.3)", "the subject has a countryName", {NULL}, {"subject", "have", "C"}},
	{"common-name", PROFILE_ERROR, OCES_ALL "7.3.3)", "the subject has a commonName", {NULL},
		{"subject", "have", "CN"}},
	{"serial-number", PROFILE_ERROR, OCES_ALL "7.3.3)", "the subject has a serialNumber", {NULL},
		{"subject", "have", "serialNumber"}},
	{"key-usage", PROFILE_ERROR, OCES_ALL "7.3.3)",
		"keyUsage is that for signing, authentication and encryption, for the first two, or for encryption only", {NULL},
		{"key-usage", "are",
		"digitalSignature+nonRepudiation+keyEncipherment+dataEncipherment+keyAgreement",
		"digitalSignature+nonRepudiation", "keyEncipherment+dataEncipherment+keyAgreement"}},
	{"key-usage-critical", PROFILE_ERROR, OCES_ALL "7.3.3)", "keyUsage is critical",
		{"extensions", "have", "keyUsage"}, {"critical", "have", "keyUsage"}},
	{"crl", PROFILE_ERROR, OCES_ALL "7.3.3)", "it has cRLDistributionPoints", {NULL},
		{"extensions", "have", "cRLDistributionPoints"}},
	{"not-qualified", PROFILE_ERROR, OCES_ALL "5.3, 7.3.3)", "it does not claim to be qualified", {NULL},
		{"qc-statements", "lack", "QcCompliance"}},
	{"not-ca", PROFILE_ERROR, OCES_ALL "5.3)", "it is no authority's", {NULL}, {"basic-constraints", "not-ca"}},
};

static const struct profile oces = {"oces", "OCES certificate", NULL, oces_rules, COUNT(oces_rules), NULL};

static const struct profile_rule oces_person_rules[] = {
	{"policy", PROFILE_ERROR, OCES "5.2", "it is issued under this policy, " OCES_ARC "1.4", {NULL},
		{"policies", "have", OCES_ARC "1.4"}},
	{"organization", PROFILE_ERROR, OCES "7.3.3",
		"organizationName, if it is there, is \"Ingen organisatorisk tilknytning\"", {NULL},
		{"values", "match", "O", "Ingen organisatorisk tilknytning"}},
	{"serial-number-form", PROFILE_ERROR, OCES "7.3.3", "serialNumber is of the form PID:number", {NULL},
		{"values", "match", "serialNumber", "PID:%+"}},
	{"pseudonym-alone", PROFILE_ERROR, OCES "7.3.3", "where there is a pseudonym, there are no givenName and surname",
		{"subject", "have", "pseudonym"}, {"subject", "lack", "givenName", "surname"}},
	{"pseudonym-common-name", PROFILE_ERROR, OCES "7.3.3", "commonName contains the pseudonym", {NULL},
		{"values", "contain", "CN", "pseudonym"}},
	{"minor-common-name", PROFILE_ERROR, OCES "7.3.3",
		"where organizationalUnitName says that the holder was under 18, commonName does too",
		{"values", "have", "OU", "Ung mellem 15 og 18%*", "Ung under 15%*"},
		{"values", "have", "CN", "%*(Ung under 18)"}},
	{"minor", PROFILE_NOTE, OCES "7.3.3",
		"the holder was 18 or older when it was issued: who is under 18 cannot make binding agreements", {NULL},
		{"values", "lack", "CN", "%*(Ung under 18)"}},
};

static const struct profile_rule oces_employee_rules[] = {
	{"policy", PROFILE_ERROR, "OCES employee CP, 5.2", "it is issued under a version of this policy, " OCES_ARC "2",
		{NULL}, {"policies", "have-one-of", OCES_ARC "2.*"}},
	{"serial-number-form", PROFILE_ERROR, OCES_FORM, "serialNumber is CVR:number-RID:x or UI:DK-E:G:uuid", {NULL},
		{"values", "match", "serialNumber", "CVR:%8d-RID:%+", "UI:DK-E:G:%u"}},
};

static const struct profile_rule oces_company_rules[] = {
	{"policy", PROFILE_ERROR, "OCES company CP, 5.2", "it is issued under a version of this policy, " OCES_ARC "3",
		{NULL}, {"policies", "have-one-of", OCES_ARC "3.*"}},
	{"serial-number-form", PROFILE_ERROR, OCES_FORM, "serialNumber is CVR:number-UID:x or UI:DK-O:G:uuid", {NULL},
		{"values", "match", "serialNumber", "CVR:%8d-UID:%+", "UI:DK-O:G:%u"}},
};

static const struct profile_rule oces_function_rules[] = {
	{"policy", PROFILE_ERROR, "OCES function CP, 5.2", "it is issued under a version of this policy, " OCES_ARC "4",
		{NULL}, {"policies", "have-one-of", OCES_ARC "4.*"}},
	{"serial-number-form", PROFILE_ERROR, OCES_FORM, "serialNumber is CVR:number-FID:x or UI:DK-O:G:uuid", {NULL},
		{"values", "match", "serialNumber", "CVR:%8d-FID:%+", "UI:DK-O:G:%u"}},
};

static const struct profile oces_person = {"oces-person", "OCES certificate of a person", &oces,
	oces_person_rules, COUNT(oces_person_rules), NULL};
static const struct profile oces_employee = {"oces-employee", "OCES certificate of an employee", &oces,
	oces_employee_rules, COUNT(oces_employee_rules), NULL};
static const struct profile oces_company = {"oces-company", "OCES certificate of a company", &oces,
	oces_company_rules, COUNT(oces_company_rules), NULL};
static const struct profile oces_function = {"oces-function", "OCES certificate of a function", &oces,
	oces_function_rules, COUNT(oces_function_rules), NULL};

/* ---- CESNET --------------------------------------------------------------------- */

#define CESNET "CESNET CA CPS, "

static const struct profile_rule cesnet_rules[] = {
	{"filled", PROFILE_ERROR, CESNET "3.1.1", "no attribute of the subject is empty", {NULL},
		{"subject", "are-filled"}},
	{"strings", PROFILE_ERROR, CESNET "3.1.1", "the subject is made of PrintableString", {NULL},
		{"subject", "are-strings", "PrintableString"}},
	{"beginning", PROFILE_ERROR, CESNET "3.1.1", "the subject begins dc=cesnet, dc=cz", {NULL},
		{"subject", "begin", "DC=cesnet", "DC=cz"}},
	{"common-name", PROFILE_ERROR, CESNET "3.1.1", "the subject has a commonName", {NULL}, {"subject", "have", "CN"}},
	{"once", PROFILE_ERROR, CESNET "3.1.1", "organization, organizational unit and commonName are there once", {NULL},
		{"subject", "have-once", "O", "OU", "CN"}},
	{"order", PROFILE_ERROR, CESNET "3.1.1", "organization, organizational unit and commonName are in this order",
		{NULL}, {"subject", "are-ordered", "DC", "O", "OU", "CN"}},
	{"names", PROFILE_ERROR, CESNET "3.1.1.1",
		"alternative names are well-formed: addr-spec, RFC 1034's preferred syntax, 4 or 16 octets", {NULL},
		{"alternative-names", "are-well-formed"}},
	{"name-kinds", PROFILE_NOTE, CESNET "3.1.1.1", "alternative names are of the kinds rfc822Name, dNSName, iPAddress",
		{NULL}, {"alternative-names", "are-only", "rfc822Name", "dNSName", "iPAddress"}},
	{"attributes", PROFILE_NOTE, CESNET "3.1.1", "the subject has no attributes but DC, C, L, O, OU and CN", {NULL},
		{"subject", "are-only", "DC", "C", "L", "O", "OU", "CN"}},
};

static const struct profile cesnet = {"cesnet", "CESNET CA certificate", NULL,
	cesnet_rules, COUNT(cesnet_rules), NULL};

/* ---- eIDAS ---------------------------------------------------------------------- */

#define EN2 "EN 319 412-2, "
#define EN3 "EN 319 412-3, "
#define EN5 "EN 319 412-5, "
#define VALIDITY_ASSURED "0.4.0.194121.2.1" /* EN 319 412-1 5.2: too short a life to be revoked */

/* What natural and legal persons' certificates have in common. */
static const struct profile_rule eidas_rules[] = {
	{"version", PROFILE_ERROR, EN2 "4.1", "the certificate is X.509 v3", {NULL}, {"version", "is", "3"}},
	{"qc-compliance", PROFILE_ERROR, EN5 "4.2.1", "it claims to be qualified (QcCompliance)", {NULL},
		{"qc-statements", "have", "QcCompliance"}},
	{"qc-legislation", PROFILE_ERROR, EN5 "4.2.4",
		"it is qualified under EU law: QcCClegislation names another country's", {NULL},
		{"qc-statements", "lack", "QcCClegislation"}},
	{"qc-pds", PROFILE_ERROR, EN5 "4.3.4", "QcPDS names the disclosure statement by https", {NULL},
		{"pds", "are-https"}},
	{"qc-sscd", PROFILE_ERROR, "EN 319 411-2, 6.6.1",
		"under a policy with QSCD it says that the key is in a qualified device (QcSSCD)",
		{"policies", "have-one-of", QCP_N_QSCD, QCP_L_QSCD}, {"qc-statements", "have", "QcSSCD"}},
	{"qc-sscd-unfounded", PROFILE_ERROR, "EN 319 411-2, 6.6.1", "QcSSCD is not there under a policy without QSCD",
		{"policies", "have-one-of", QCP_N, QCP_L}, {"qc-statements", "lack", "QcSSCD"}},
	{"country", PROFILE_ERROR, EN2 "NAT-4.2.4-1; " EN3 "LEG-4.2.1-2", "the subject has a countryName", {NULL},
		{"subject", "have", "C"}},
	{"common-name", PROFILE_ERROR, EN2 "NAT-4.2.4-1; " EN3 "LEG-4.2.1-2", "the subject has a commonName", {NULL},
		{"subject", "have", "CN"}},
	{"authority-key", PROFILE_ERROR, EN2 "GEN-4.3.1-1", "it has an authorityKeyIdentifier by key", {NULL},
		{"key-identifiers", "have", "authority"}},
	/* Table 1, types A, B and F: the others are no commitment to what is signed. */
	{"key-usage", PROFILE_ERROR, EN2 "NAT-4.3.2-2; " EN3 "LEG-4.3.1-3",
		"keyUsage is nonRepudiation, alone or with digitalSignature, or with digitalSignature and one of "
		"keyEncipherment and keyAgreement", {NULL},
		{"key-usage", "are", "nonRepudiation", "digitalSignature+nonRepudiation",
		"digitalSignature+nonRepudiation+keyEncipherment", "digitalSignature+nonRepudiation+keyAgreement"}},
	{"policies", PROFILE_ERROR, EN2 "GEN-4.3.3-2", "it has certificatePolicies", {NULL},
		{"extensions", "have", "certificatePolicies"}},
	{"no-authority-extensions", PROFILE_ERROR, EN2 "4.3.4, 4.3.8, 4.3.9, 4.3.12",
		"it has no policyMappings, nameConstraints, policyConstraints or inhibitAnyPolicy", {NULL},
		{"extensions", "lack", "policyMappings", "nameConstraints", "policyConstraints", "inhibitAnyPolicy"}},
	{"not-ca", PROFILE_ERROR, EN2 "1", "it is an end entity's", {NULL}, {"basic-constraints", "not-ca"}},
	{"not-critical", PROFILE_ERROR, EN2 "GEN-4.3.5-1, GEN-4.3.6-1, GEN-4.3.10-1, GEN-4.3.11-5; " EN5 "QCS-4.1-02",
		"subjectAltName, issuerAltName, extKeyUsage, cRLDistributionPoints and qcStatements are not critical", {NULL},
		{"critical", "lack", "subjectAltName", "issuerAltName", "extKeyUsage", "cRLDistributionPoints",
		"qcStatements"}},
	{"status", PROFILE_ERROR, EN2 "GEN-4.3.11-2", "it says where its CRL or its OCSP responder is",
		{"extensions", "lack", VALIDITY_ASSURED}, {"access", "have-one-of", "crl", "ocsp"}},
	{"issuer-access", PROFILE_ERROR, EN2 "GEN-4.4.1-3", "it says where its issuer's certificate is", {NULL},
		{"access", "have", "caIssuers"}},
	{"key", PROFILE_NOTE, EN2 "GEN-4.2.5-1", "its key is as strong as RSA of 2048 bits", {NULL},
		{"security-bits", "at-least", "112"}},
	{"policies-critical", PROFILE_NOTE, EN2 "GEN-4.3.3-1", "certificatePolicies is not critical", {NULL},
		{"critical", "lack", "certificatePolicies"}},
};

static const struct profile eidas = {"eidas", "EU qualified certificate", NULL,
	eidas_rules, COUNT(eidas_rules), NULL};

static const struct profile_rule eidas_signature_rules[] = {
	/* Without QcType a qualified certificate is for signatures (EN 319 412-5 4.2.3). */
	{"qc-type", PROFILE_ERROR, EN5 "4.2.3", "QcType is esign, or there is none", {"qc-statements", "have", "QcType"},
		{"qc-types", "are", "esign"}},
	{"names", PROFILE_ERROR, EN2 "NAT-4.2.4-1", "the subject has givenName, surname or a pseudonym", {NULL},
		{"subject", "have-one-of", "givenName", "surname", "pseudonym"}},
	{"once", PROFILE_ERROR, EN2 "NAT-4.2.4-3", "countryName and commonName are there once", {NULL},
		{"subject", "have-once", "C", "CN"}},
	{"pseudonym-alone", PROFILE_ERROR, EN2 "NAT-4.2.4-4", "givenName, surname and pseudonym are not there together",
		{"subject", "have", "givenName", "surname"}, {"subject", "lack", "pseudonym"}},
	{"policy-person", PROFILE_ERROR, EN2 "QCS-5.2-2", "it is not issued under a policy for legal persons or web sites",
		{NULL}, {"policies", "lack", QCP_L, QCP_L_QSCD, QCP_W}},
	{"policy-qcp", PROFILE_NOTE, EN2 "QCS-5.2-1", "it is issued under QCP-n or QCP-n-qscd",
		{"extensions", "have", "certificatePolicies"}, {"policies", "have-one-of", QCP_N, QCP_N_QSCD}},
	{"serial-number-form", PROFILE_NOTE, "EN 319 412-1, 5.1.3",
		"serialNumber, if it is there, is of the form PASss-id, IDCss-id, PNOss-id, TINss-id or XX:ss-id", {NULL},
		{"values", "match", "serialNumber", "PAS%C-%+", "IDC%C-%+", "PNO%C-%+", "TIN%C-%+", "%C:%C-%+"}},
};

static const struct profile_rule eidas_seal_rules[] = {
	{"qc-type", PROFILE_ERROR, EN5 "4.2.3", "QcType is eseal", {NULL}, {"qc-types", "are", "eseal"}},
	{"organization", PROFILE_ERROR, EN3 "LEG-4.2.1-2", "the subject has an organizationName", {NULL},
		{"subject", "have", "O"}},
	{"organization-identifier", PROFILE_ERROR, EN3 "LEG-4.2.1-2", "the subject has an organizationIdentifier", {NULL},
		{"subject", "have", "organizationIdentifier"}},
	{"once", PROFILE_ERROR, EN3 "LEG-4.2.1-3",
		"countryName, organizationName, organizationIdentifier and commonName are there once", {NULL},
		{"subject", "have-once", "C", "O", "organizationIdentifier", "CN"}},
	{"organization-identifier-own", PROFILE_ERROR, EN3 "LEG-4.2.1-6",
		"organizationIdentifier is another than organizationName", {NULL},
		{"values", "differ", "organizationIdentifier", "O"}},
	{"policy-person", PROFILE_ERROR, EN2 "QCS-5.2-2", "it is not issued under a policy for natural persons or web sites",
		{NULL}, {"policies", "lack", QCP_N, QCP_N_QSCD, QCP_W}},
	{"policy-qcp", PROFILE_NOTE, EN2 "QCS-5.2-1", "it is issued under QCP-l or QCP-l-qscd",
		{"extensions", "have", "certificatePolicies"}, {"policies", "have-one-of", QCP_L, QCP_L_QSCD}},
	{"organization-identifier-form", PROFILE_NOTE, "EN 319 412-1, 5.1.4",
		"organizationIdentifier is of the form NTRss-id, VATss-id, PSDss-id, LEIss-id or XX:ss-id", {NULL},
		{"values", "match", "organizationIdentifier", "NTR%C-%+", "VAT%C-%+", "PSD%C-%+", "LEI%C-%+", "%C:%C-%+"}},
};

static const struct profile eidas_signature = {"eidas-signature", "EU qualified certificate for electronic signatures",
	&eidas, eidas_signature_rules, COUNT(eidas_signature_rules), NULL};
static const struct profile eidas_seal = {"eidas-seal", "EU qualified certificate for electronic seals",
	&eidas, eidas_seal_rules, COUNT(eidas_seal_rules), NULL};

/* ---- OTE ------------------------------------------------------------------------ */

#define OTE "OTE, use of certificates, "

/* That it has serverAuth and a URL as commonName is asked of the servers of web services, not
 * of mail. */
static const struct profile_rule ote_participant_rules[] = {
	{"key-usage", PROFILE_ERROR, OTE "SMTP e-mail communication", "it may be encrypted to",
		{"extensions", "have", "keyUsage"}, {"key-usage", "have-one-of", "keyEncipherment", "keyAgreement"}},
	{"validity", PROFILE_ERROR, OTE "Server-server communication", "it is valid now", {NULL}, {"validity", "now"}},
};

static const struct profile ote_participant_encryption = {"ote-participant-encryption",
	"commercial certificate to which OTE encrypts mail", NULL,
	ote_participant_rules, COUNT(ote_participant_rules), NULL};

/* Its subject has a serialNumber too: that is the holder's number at the authority, and says
 * nothing of the certificate's. */
static const struct profile_rule ote_seal_rules[] = {
	{"qc-compliance", PROFILE_ERROR, EN5 "4.2.1", "it claims to be qualified (QcCompliance)", {NULL},
		{"qc-statements", "have", "QcCompliance"}},
	{"qc-type", PROFILE_ERROR, OTE "certificate 2; " EN5 "4.2.3", "QcType is eseal", {NULL},
		{"qc-types", "are", "eseal"}},
	{"qc-legislation", PROFILE_ERROR, EN5 "4.2.4",
		"it is qualified under EU law: QcCClegislation names another country's", {NULL},
		{"qc-statements", "lack", "QcCClegislation"}},
	{"organization-identifier", PROFILE_ERROR, OTE "certificate 2", "the subject has an organizationIdentifier", {NULL},
		{"subject", "have", "organizationIdentifier"}},
	{"organization-identifier-value", PROFILE_ERROR, OTE "certificate 2",
		"organizationIdentifier is that of the parameter", {NULL},
		{"values", "match", "organizationIdentifier", "$organization-identifier"}},
	{"common-name", PROFILE_ERROR, OTE "certificate 2", "the subject has a commonName", {NULL},
		{"subject", "have", "CN"}},
	{"common-name-value", PROFILE_ERROR, OTE "certificate 2", "commonName is that of the parameter", {NULL},
		{"values", "match", "CN", "$common-name"}},
	{"key-usage", PROFILE_ERROR, OTE "SMTP e-mail communication", "it may sign", {"extensions", "have", "keyUsage"},
		{"key-usage", "have-one-of", "digitalSignature", "nonRepudiation"}},
};

static const struct profile_parameter ote_parameters[] = {
	{"common-name", "CSOTE"},
	{"organization-identifier", "NTRCZ-26463318"},
	{NULL, NULL},
};

static const struct profile ote_seal = {"ote-seal", "OTE's certificate for electronic seals", NULL,
	ote_seal_rules, COUNT(ote_seal_rules), ote_parameters};

/* ---- all ------------------------------------------------------------------------ */

const struct profile *const profiles[] = {
	&ica_qualified_signature, &oces_person, &oces_employee, &oces_company, &oces_function, &cesnet,
	&eidas_signature, &eidas_seal, &ote_participant_encryption, &ote_seal, NULL,
};

const struct profile *
profiles_find(struct slice name)
{
	const struct profile *const *p = profiles;

	while (*p != NULL && !slice_eq_str(name, (*p)->name))
		p++;
	return *p;
}

/* The one rule looks at the name, the other at what it must agree with. */
const char *
profiles_minor(const struct profile_result *result)
{
	for (size_t i = 0; i < result->count; i++)
		if (result->rules[i].outcome == PROFILE_BROKEN && (strcmp(result->rules[i].rule->id, "minor") == 0 ||
		    strcmp(result->rules[i].rule->id, "minor-common-name") == 0))
			return "cannot make binding agreements";
	return NULL;
}
