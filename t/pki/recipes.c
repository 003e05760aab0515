#include "recipes.h"

#include <openssl/conf.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AUTHORITY_KEY "P-384"

#define KEY_IDENTIFIERS "x subjectKeyIdentifier=hash", "x authorityKeyIdentifier=keyid:always"
#define QC_PDS "q QcPDS https://www.example/pds.pdf"
#define ACCESS "x crlDistributionPoints=URI:http://crl.example/a.crl", \
	"x authorityInfoAccess=OCSP;URI:http://ocsp.example,caIssuers;URI:http://ca.example/ca.cer"
#define ICA "ica-qualified-signature"
#define ICA_POLICY "1.3.6.1.4.1.23624.10.1.30.1.1"
#define OCES "key RSA:2048", "x crlDistributionPoints=URI:http://crl.example/a.crl", \
	"x keyUsage=critical,digitalSignature,nonRepudiation", "s C=DK"
/* qcStatements that are critical: QcCompliance, QcType and QcPDS https://a. */
#define QC_CRITICAL(type) "+x 1.3.6.1.5.5.7.1.3=critical,DER:303c3008060604008e460101" \
	"3013060604008e4601063009060704008e460106" type \
	"301b060604008e4601053011300f160968747470733a2f2f611302656e"

const struct recipe recipes[] = {
	{ICA, {"key RSA:2048", "s C=CZ", "s givenName=Jan", "s surname=Novák",
		"s serialNumber=ICA - 10465001", "s serialNumber=IDCCZ-123456789", "s CN=Ing. Jan Novák, CSc.",
		"s O=Účastník, a.s.", "s organizationIdentifier=NTRCZ-26463318", "s L=Praha", "s street=Dlouhá 1",
		"s postalCode=11000", "s OU=1", "s OU=2", "s title=Ing.",
		"x certificatePolicies=1.3.6.1.4.1.23624.10.1.30.1.1,0.4.0.194112.1.0",
		"q QcCompliance", "q QcType esign", QC_PDS, ACCESS, "x basicConstraints=CA:FALSE",
		"x keyUsage=critical,digitalSignature,nonRepudiation", "x extendedKeyUsage=emailProtection", KEY_IDENTIFIERS,
		"x subjectAltName=otherName:1.3.6.1.4.1.23624.4.6;UTF8:10465001,email:jan@ucastnik.example",
		"x 1.3.6.1.4.1.23624.4.3=DER:0500"}},
	{"oces-person", {OCES, "s serialNumber=PID:9208-2002-2-123456789012", "s CN=Test Testesen",
		"s O=Ingen organisatorisk tilknytning", "s givenName=Test", "s surname=Testesen",
		"x certificatePolicies=1.2.208.169.1.1.1.1.4"}},
	{"oces-employee", {OCES, "s O=Firma A/S", "s serialNumber=CVR:12345678-RID:1234", "s CN=Test Testesen",
		"x certificatePolicies=1.2.208.169.1.1.1.2.7"}},
	{"oces-company", {OCES, "s O=Firma A/S", "s serialNumber=CVR:12345678-UID:1234", "s CN=Firma A/S",
		"x certificatePolicies=1.2.208.169.1.1.1.3.7"}},
	{"oces-function", {OCES, "s O=Firma A/S", "s serialNumber=CVR:12345678-FID:1234", "s CN=Post",
		"x certificatePolicies=1.2.208.169.1.1.1.4.7"}},
	{"cesnet", {"i DC=cesnet", "i DC=cz", "p C=CZ", "p L=Brno", "p O=CESNET", "p OU=PKI", "p CN=Jan Novak",
		"x subjectAltName=email:jan@cesnet.example,DNS:www.cesnet.example,IP:192.0.2.1,IP:2001:db8::1"}},
	{"eidas-signature", {"key RSA:2048", "s C=CZ", "s givenName=Jan", "s surname=Novák", "s CN=Jan Novák",
		"s serialNumber=PNOCZ-123", "x certificatePolicies=1.2.3.4,0.4.0.194112.1.0", "q QcCompliance",
		"q QcType esign", QC_PDS, ACCESS, "x keyUsage=critical,nonRepudiation", KEY_IDENTIFIERS}},
	{"eidas-seal", {"s C=CZ", "s O=Účastník, a.s.", "s organizationIdentifier=NTRCZ-26463318", "s CN=Účastník",
		"x certificatePolicies=1.2.3.4,0.4.0.194112.1.1", "q QcCompliance", "q QcType eseal", QC_PDS, ACCESS,
		"x keyUsage=critical,digitalSignature,nonRepudiation", KEY_IDENTIFIERS}},
	{"ote-participant-encryption", {"s CN=Účastník", "x keyUsage=keyAgreement"}},
	{"ote-seal", {"s serialNumber=S251223", "s CN=CSOTE", "s OU=PKI", "s O=OTE, a.s. [IČ 26463318]",
		"s organizationIdentifier=NTRCZ-26463318", "s C=CZ", "q QcCompliance", "q QcType eseal",
		"x keyUsage=nonRepudiation"}},
	{NULL, {NULL}},
};

const struct recipe_variant recipes_good[] = {
	{ICA, NULL, {"-s givenName", "-s surname", "-s CN", "+s pseudonym=Žižka",
		"+s CN=Žižka - PSEUDONYM"}},
	{ICA, NULL, {"-x certificatePolicies", "+q QcSSCD",
		"+x certificatePolicies=1.3.6.1.4.1.23624.10.1.30.1.1,0.4.0.194112.1.2"}},
	{ICA, NULL, {"-x keyUsage", "+x keyUsage=critical,nonRepudiation,digitalSignature,keyEncipherment",
		"-x extendedKeyUsage", "+x extendedKeyUsage=1.3.6.1.4.1.311.10.3.12,emailProtection"}},
	{ICA, NULL, {"-s serialNumber=I", "+s serialNumber=ICA – 10465001", "+s serialNumber=PASSK-1"}},
	{ICA, NULL, {"-s O", "-s organizationIdentifier", "-s L", "-s street", "-s postalCode"}},
	{ICA, NULL, {"-s organizationIdentifier", "+s organizationIdentifier=CZ:CZ-1"}},
	{ICA, NULL, {"-s CN", "+s CN=Jan Nováková-Novák"}},
	{ICA, NULL, {"-x extendedKeyUsage", "+x extendedKeyUsage=1.3.6.1.4.1.311.10.3.12"}},
	{ICA, NULL, {"+s initials=J. N.", "+s generationQualifier=ml.", "+s ST=Praha", "+x nsComment=QSCD 1",
		"+x 1.3.6.1.4.1.23624.4.7=DER:0500"}},
	{"oces-person", NULL, {"-s givenName", "-s surname", "-s CN", "+s CN=Nisse", "+s pseudonym=Nisse", "-s O"}},
	{"oces-", NULL, {"-x keyUsage", "+x keyUsage=critical,keyEncipherment,dataEncipherment,keyAgreement"}},
	{"oces-", NULL, {"-x keyUsage", "+x keyUsage=critical,digitalSignature,nonRepudiation,keyEncipherment,"
		"dataEncipherment,keyAgreement"}},
	{"oces-", NULL, {"+begin -365", "+end 1096", "-key", "+key P-256"}},
	{"oces-employee", NULL, {"-s serial", "+s serialNumber=UI:DK-E:G:0af4c1e5-5b1f-4e0f-9d4c-0123456789AB"}},
	{"oces-company", NULL, {"-s serial", "+s serialNumber=UI:DK-O:G:0af4c1e5-5b1f-4e0f-9d4c-0123456789AB"}},
	{"oces-function", NULL, {"-s serial", "+s serialNumber=UI:DK-O:G:0af4c1e5-5b1f-4e0f-9d4c-0123456789AB"}},
	{"cesnet", NULL, {"-i DC", "-p", "+i DC=CESNET", "+i DC=CZ", "+p CN=www"}},
	{"eidas-", NULL, {"-x keyUsage", "+x keyUsage=nonRepudiation"}},
	{"eidas-", NULL, {"-x keyUsage", "+x keyUsage=nonRepudiation,digitalSignature"}},
	{"eidas-", NULL, {"-x keyUsage", "+x keyUsage=nonRepudiation,digitalSignature,keyEncipherment"}},
	{"eidas-", NULL, {"-x keyUsage", "+x keyUsage=nonRepudiation,digitalSignature,keyAgreement"}},
	{"eidas-", NULL, {"-x crl"}},
	{"eidas-", NULL, {"-x authorityInfo", "+x authorityInfoAccess=caIssuers;URI:http://ca.example"}},
	{"eidas-", NULL, {"-x crl", "-x authorityInfo", "+x authorityInfoAccess=caIssuers;URI:http://ca.example",
		"+x 0.4.0.194121.2.1=DER:0500"}},
	{"eidas-signature", NULL, {"-q QcType", "-s givenName"}},
	{"eidas-signature", NULL, {"-s givenName", "-s surname", "+s pseudonym=x"}},
	{"eidas-signature", NULL, {"-x certificatePolicies", "+x certificatePolicies=1.2.3.4,0.4.0.194112.1.2", "+q QcSSCD"}},
	{"eidas-signature", NULL, {"-s surname"}},
	{"eidas-signature", NULL, {"-s givenName", "+s pseudonym=x"}},
	{"eidas-signature", NULL, {"-s surname", "+s pseudonym=x"}},
	{"eidas-signature", NULL, {"+s serialNumber=PASSK-1", "+s serialNumber=IDCSK-1", "+s serialNumber=TINSK-1",
		"+s serialNumber=CZ:CZ-1"}},
	{"eidas-seal", NULL, {"-x certificatePolicies", "+x certificatePolicies=0.4.0.194112.1.3", "+q QcSSCD"}},
	{"eidas-seal", NULL, {"-s organizationIdentifier", "+s organizationIdentifier=VATCZ-1"}},
	{"eidas-seal", NULL, {"-s organizationIdentifier", "+s organizationIdentifier=PSDCZ-CNB-1"}},
	{"eidas-seal", NULL, {"-s organizationIdentifier", "+s organizationIdentifier=LEIXG-1"}},
	{"eidas-seal", NULL, {"-s organizationIdentifier", "+s organizationIdentifier=CZ:CZ-1"}},
	{"ote-participant-encryption", NULL, {"-x keyUsage"}},
	{"ote-participant-encryption", NULL, {"-x keyUsage", "+x keyUsage=keyEncipherment"}},
	{"ote-seal", NULL, {"-x keyUsage"}},
	{"ote-seal", NULL, {"-x keyUsage", "+x keyUsage=digitalSignature"}},
};

const size_t recipes_good_count = sizeof recipes_good / sizeof *recipes_good;

const struct recipe_variant recipes_breaches[] = {
	{ICA, "version", {"+version 2"}},
	{ICA, "digest", {"+digest SHA1"}},
	{ICA, "digest", {"+digest SHA224"}},
	{ICA, "validity", {"+begin 400"}},
	{ICA, "key", {"-key", "+key RSA:1024"}},
	{ICA, "key", {"-key", "+key P-256"}},
	{ICA, "key", {"-key", "+key RSA-PSS:2048"}},
	{ICA, "country", {"-s C="}},
	{ICA, "country-code", {"-s C=", "+s C=cz"}},
	{ICA, "country-code", {"-s C=", "+s C=CZE"}},
	{ICA, "names", {"-s surname"}},
	{ICA, "names", {"-s givenName"}},
	{ICA, "names", {"-s givenName", "-s surname"}},
	{ICA, "common-name", {"-s CN"}},
	{ICA, "common-name-names", {"-s CN", "+s CN=Jan Nováková"}},
	{ICA, "common-name-names", {"-s CN", "+s CN=Novák"}},
	{ICA, "common-name-names", {"-s CN", "+s CN=BoJan Novák"}},
	{ICA, "common-name-pseudonym", {"+s pseudonym=Žižka"}},
	{ICA, "once", {"+s givenName=Jan"}},
	{ICA, "once", {"+s C=CZ"}},
	{ICA, "once", {"+s surname=Novák"}},
	{ICA, "once", {"+s initials=J.", "+s initials=N."}},
	{ICA, "once", {"+s generationQualifier=ml.", "+s generationQualifier=st."}},
	{ICA, "once", {"+s O=Jiná, a.s."}},
	{ICA, "once", {"+s ST=Praha", "+s ST=Brno"}},
	{ICA, "once", {"+s L=Brno"}},
	{ICA, "once", {"+s street=Krátká 1"}},
	{ICA, "once", {"+s postalCode=60200"}},
	{ICA, "once", {"-s givenName", "-s surname", "-s CN", "+s pseudonym=Žižka", "+s pseudonym=Kalich",
		"+s CN=Žižka - PSEUDONYM"}},
	{ICA, "once", {"+s CN=Jan Novák"}},
	{ICA, "once", {"+s organizationIdentifier=VATCZ-CZ1"}},
	{ICA, "serial-number", {"+s serialNumber=10465001"}},
	{ICA, "serial-number", {"+s serialNumber=IDCcz-1"}},
	{ICA, "serial-number", {"+s serialNumber=ICA - "}},
	{ICA, "serial-number-ica", {"+s serialNumber=ICA - 1"}},
	{ICA, "identity-document", {"+s serialNumber=PASCZ-1"}},
	{ICA, "organization-identifier", {"-s organizationIdentifier", "+s organizationIdentifier=26463318"}},
	{ICA, "organization-identifier-alone", {"-s O="}},
	{ICA, "policy", {"-x certificatePolicies", "+x certificatePolicies=1.3.6.1.4.1.23624.10.1.30.1.2,0.4.0.194112.1.0"}},
	{ICA, "policy", {"-x certificatePolicies",
		"+x certificatePolicies=1.3.6.1.4.1.23624.10.1.30.1.1.1,0.4.0.194112.1.0"}},
	{ICA, "policy-qcp", {"-x certificatePolicies", "+x certificatePolicies=" ICA_POLICY}},
	{ICA, "policy-qcp", {"-x certificatePolicies", "+q QcSSCD",
		"+x certificatePolicies=" ICA_POLICY ",0.4.0.194112.1.0,0.4.0.194112.1.2"}},
	{ICA, "qc-compliance", {"-q QcCompliance"}},
	{ICA, "qc-type", {"-q QcType"}},
	{ICA, "qc-type", {"-q QcType", "+q QcType eseal"}},
	{ICA, "qc-type", {"+q QcType eseal"}},
	{ICA, "qc-pds", {"-q QcPDS"}},
	{ICA, "qc-pds", {"-q QcPDS", "+q QcPDS http://www.example/pds.pdf"}},
	{ICA, "qc-pds", {"+q QcPDS ldap://www.example/pds.pdf"}},
	{ICA, "qc-sscd", {"-x certificatePolicies", "+x certificatePolicies=" ICA_POLICY ",0.4.0.194112.1.2"}},
	{ICA, "qc-sscd-unfounded", {"+q QcSSCD"}},
	{ICA, "not-ca", {"-x basicConstraints", "+x basicConstraints=CA:TRUE"}},
	{ICA, "key-usage-critical", {"-x keyUsage", "+x keyUsage=nonRepudiation"}},
	{ICA, "key-usage", {"-x keyUsage"}},
	{ICA, "key-usage", {"-x keyUsage", "+x keyUsage=critical,digitalSignature"}},
	{ICA, "key-usage", {"-x keyUsage", "+x keyUsage=critical,nonRepudiation,keyEncipherment"}},
	{ICA, "key-usage", {"-x keyUsage", "+x keyUsage=critical,nonRepudiation,digitalSignature,keyCertSign"}},
	{ICA, "ext-key-usage", {"-x extendedKeyUsage"}},
	{ICA, "ext-key-usage", {"-x extendedKeyUsage", "+x extendedKeyUsage=emailProtection,clientAuth"}},
	{ICA, "subject-key", {"-x subjectKey"}},
	{ICA, "authority-key", {"-x authorityKey"}},
	{ICA, "authority-key", {"-x authorityKey", "+x authorityKeyIdentifier=DER:3000"}},
	{ICA, "user-id", {"-x subjectAltName"}},
	{ICA, "user-id", {"-x subjectAltName", "+x subjectAltName=otherName:1.3.6.1.4.1.23624.4.6;UTF8:10465002"}},
	{ICA, "user-id", {"-x subjectAltName", "+x subjectAltName=otherName:1.3.6.1.4.1.23624.4.6;UTF8:1046500"}},
	{ICA, "user-id", {"-x subjectAltName", "+x subjectAltName=otherName:1.3.6.1.4.1.23624.4.6;INTEGER:10465001"}},
	{ICA, "first-email", {"+i emailAddress=jan@ucastnik.example"}},
	{ICA, "first-name", {"+s name=Jan Novák"}},
	{ICA, "first-address", {"-s street"}},
	{ICA, "first-address", {"-s L="}},
	{ICA, "first-address", {"-s postalCode"}},
	{ICA, "attributes", {"+s UID=novak"}},
	{ICA, "extensions", {"+x 1.2.3.4=DER:0500"}},
	{ICA, "critical", {"-x certificatePolicies",
		"+x certificatePolicies=critical," ICA_POLICY ",0.4.0.194112.1.0"}},
	{ICA, "critical", {"-q", QC_CRITICAL("01")}},
	{ICA, "critical", {"-x crl", "+x crlDistributionPoints=critical,URI:http://crl.example/a.crl"}},
	{ICA, "critical", {"-x authorityInfo",
		"+x authorityInfoAccess=critical,OCSP;URI:http://ocsp.example,caIssuers;URI:http://ca.example/ca.cer"}},
	{ICA, "critical", {"-x basicConstraints", "+x basicConstraints=critical,CA:FALSE"}},
	{ICA, "critical", {"-x extendedKeyUsage", "+x extendedKeyUsage=critical,emailProtection"}},
	{ICA, "critical", {"-x subjectKey", "+x subjectKeyIdentifier=critical,hash"}},
	{ICA, "critical", {"-x authorityKey", "+x authorityKeyIdentifier=critical,keyid:always"}},
	{ICA, "critical", {"-x subjectAltName",
		"+x subjectAltName=critical,otherName:1.3.6.1.4.1.23624.4.6;UTF8:10465001"}},
	{ICA, "critical", {"+x nsComment=critical,QSCD 1"}},
	{ICA, "critical", {"-x 1.3.6.1.4.1.23624.4.3", "+x 1.3.6.1.4.1.23624.4.3=critical,DER:0500"}},
	{ICA, "critical", {"+x 1.3.6.1.4.1.23624.4.7=critical,DER:0500"}},
	{ICA, "access", {"-x authorityInfo"}},
	{ICA, "access", {"-x crl"}},
	{ICA, "access", {"-x authorityInfo", "+x authorityInfoAccess=OCSP;URI:http://ocsp.example"}},
	{ICA, "access", {"-x authorityInfo", "+x authorityInfoAccess=caIssuers;URI:http://ca.example/ca.cer"}},

	{"oces-", "version", {"+version 2"}},
	{"oces-", "validity", {"+end 1432"}},
	{"oces-", "key", {"-key", "+key RSA:1024"}},
	{"oces-", "country", {"-s C="}},
	{"oces-", "common-name", {"-s CN"}},
	{"oces-", "serial-number", {"-s serialNumber"}},
	{"oces-", "key-usage", {"-x keyUsage", "+x keyUsage=critical,digitalSignature"}},
	{"oces-", "key-usage", {"-x keyUsage"}},
	{"oces-", "key-usage-critical", {"-x keyUsage", "+x keyUsage=digitalSignature,nonRepudiation"}},
	{"oces-", "crl", {"-x crl"}},
	{"oces-", "not-qualified", {"+q QcCompliance"}},
	{"oces-", "not-ca", {"+x basicConstraints=critical,CA:TRUE"}},
	{"oces-", "policy", {"-x certificatePolicies", "+x certificatePolicies=1.2.208.169.1.1.1.5.4"}},
	{"oces-", "policy", {"-x certificatePolicies"}},
	{"oces-", "policy", {"-x certificatePolicies", "+x certificatePolicies=1.2.208.169.1.1.1.20.4"}},
	{"oces-", "serial-number-form", {"-s serialNumber", "+s serialNumber=PID:"}},
	{"oces-", "serial-number-form", {"-s serialNumber", "+s serialNumber=CVR:1234567-RID:1"}},
	{"oces-", "serial-number-form", {"+s serialNumber=UI:DK-E:G:0af4c1e5-5b1f-4e0f-9d4c-0123456789AG"}},
	{"oces-person", "organization", {"-s O", "+s O=Firma A/S"}},
	{"oces-person", "pseudonym-alone", {"+s pseudonym=Testesen"}},
	{"oces-person", "pseudonym-alone", {"-s givenName", "+s pseudonym=Testesen"}},
	{"oces-person", "pseudonym-alone", {"-s surname", "+s pseudonym=Testesen"}},
	{"oces-person", "pseudonym-common-name", {"-s givenName", "-s surname", "+s pseudonym=Nisse"}},
	{"oces-person", "minor", {"-s CN", "+s CN=Test Testesen (Ung under 18)",
		"+s OU=Ung mellem 15 og 18 - Kan som udgangspunkt ikke lave juridisk bindende aftaler"}},
	{"oces-person", "minor", {"-s CN", "+s CN=Test Testesen (Ung under 18)"}},
	{"oces-person", "minor-common-name", {"+s OU=Ung under 15 - kan ikke selv lave juridisk bindende aftaler"}},
	{"oces-person", "minor-common-name",
		{"+s OU=Ung mellem 15 og 18 - Kan som udgangspunkt ikke lave juridisk bindende aftaler"}},

	{"cesnet", "filled", {"-p O=", "-p CN", "-p OU", "+p O=", "+p CN=x"}},
	{"cesnet", "strings", {"-p CN", "+s CN=Jan Novák"}},
	{"cesnet", "beginning", {"-i DC", "-p", "+i DC=cz", "+i DC=cesnet", "+p CN=x"}},
	{"cesnet", "beginning", {"-i DC"}},
	{"cesnet", "beginning", {"-i DC=cz"}},
	{"cesnet", "common-name", {"-p CN"}},
	{"cesnet", "once", {"+p CN=x"}},
	{"cesnet", "once", {"-p OU", "-p CN", "+p O=x", "+p OU=PKI", "+p CN=x"}},
	{"cesnet", "once", {"-p CN", "+p OU=x", "+p CN=x"}},
	{"cesnet", "order", {"-p O=", "+p O=CESNET"}},
	{"cesnet", "order", {"-p OU", "+p OU=PKI"}},
	{"cesnet", "order", {"-p O=", "-p OU", "+p O=CESNET", "+p OU=PKI"}},
	{"cesnet", "order", {"+i DC=x"}},
	{"cesnet", "names", {"-x", "+x subjectAltName=DNS:*.cesnet.example"}},
	{"cesnet", "names", {"-x", "+x subjectAltName=DNS:-a.example"}},
	{"cesnet", "names", {"-x", "+x subjectAltName=DNS:a..example"}},
	{"cesnet", "names", {"-x", "+x subjectAltName=email:jan"}},
	{"cesnet", "names", {"-x", "+x subjectAltName=DER:30058703010203"}},
	{"cesnet", "name-kinds", {"-x", "+x subjectAltName=URI:http://a.example"}},
	{"cesnet", "attributes", {"+p UID=x"}},

	{"eidas-", "version", {"+version 2"}},
	{"eidas-", "qc-compliance", {"-q QcCompliance"}},
	{"eidas-", "qc-legislation", {"+q QcCClegislation CH"}},
	{"eidas-", "qc-pds", {"-q QcPDS"}},
	{"eidas-signature", "qc-sscd", {"-x certificatePolicies", "+x certificatePolicies=0.4.0.194112.1.2"}},
	{"eidas-seal", "qc-sscd", {"-x certificatePolicies", "+x certificatePolicies=0.4.0.194112.1.3"}},
	{"eidas-", "qc-sscd-unfounded", {"+q QcSSCD"}},
	{"eidas-", "country", {"-s C="}},
	{"eidas-", "common-name", {"-s CN"}},
	{"eidas-", "authority-key", {"-x authorityKey"}},
	{"eidas-", "key-usage", {"-x keyUsage", "+x keyUsage=digitalSignature"}},
	{"eidas-", "key-usage", {"-x keyUsage"}},
	{"eidas-", "policies", {"-x certificatePolicies"}},
	{"eidas-", "no-authority-extensions", {"+x nameConstraints=permitted;email:a.example"}},
	{"eidas-", "no-authority-extensions", {"+x policyMappings=1.2.3:1.2.4"}},
	{"eidas-", "no-authority-extensions", {"+x policyConstraints=requireExplicitPolicy:0"}},
	{"eidas-", "no-authority-extensions", {"+x inhibitAnyPolicy=0"}},
	{"eidas-", "not-ca", {"+x basicConstraints=CA:TRUE"}},
	{"eidas-", "not-critical", {"+x subjectAltName=critical,email:a@a.example"}},
	{"eidas-", "not-critical", {"+x issuerAltName=critical,email:a@a.example"}},
	{"eidas-", "not-critical", {"+x extendedKeyUsage=critical,emailProtection"}},
	{"eidas-signature", "not-critical", {"-q", QC_CRITICAL("01")}},
	{"eidas-seal", "not-critical", {"-q", QC_CRITICAL("02")}},
	{"eidas-", "not-critical", {"-x crl", "+x crlDistributionPoints=critical,URI:http://crl.example/a.crl"}},
	{"eidas-", "status", {"-x crl", "-x authorityInfo", "+x authorityInfoAccess=caIssuers;URI:http://ca.example"}},
	{"eidas-", "issuer-access", {"-x authorityInfo"}},
	{"eidas-", "key", {"-key", "+key RSA:1024"}},
	{"eidas-signature", "policies-critical", {"-x certificatePolicies",
		"+x certificatePolicies=critical,0.4.0.194112.1.0"}},
	{"eidas-seal", "policies-critical", {"-x certificatePolicies", "+x certificatePolicies=critical,0.4.0.194112.1.1"}},
	{"eidas-signature", "qc-type", {"-q QcType", "+q QcType eseal"}},
	{"eidas-signature", "qc-type", {"+q QcType web"}},
	{"eidas-signature", "names", {"-s givenName", "-s surname"}},
	{"eidas-signature", "once", {"+s CN=Jan"}},
	{"eidas-signature", "once", {"+s C=SK"}},
	{"eidas-signature", "pseudonym-alone", {"+s pseudonym=x"}},
	{"eidas-signature", "policy-person", {"-x certificatePolicies",
		"+x certificatePolicies=0.4.0.194112.1.0,0.4.0.194112.1.1"}},
	{"eidas-signature", "policy-person", {"-x certificatePolicies", "+q QcSSCD",
		"+x certificatePolicies=0.4.0.194112.1.2,0.4.0.194112.1.3"}},
	{"eidas-signature", "policy-person", {"-x certificatePolicies",
		"+x certificatePolicies=0.4.0.194112.1.0,0.4.0.194112.1.4"}},
	{"eidas-signature", "policy-qcp", {"-x certificatePolicies", "+x certificatePolicies=1.2.3.4"}},
	{"eidas-signature", "serial-number-form", {"+s serialNumber=123"}},
	{"eidas-seal", "qc-type", {"-q QcType"}},
	{"eidas-seal", "qc-type", {"-q QcType", "+q QcType esign"}},
	{"eidas-seal", "organization", {"-s O="}},
	{"eidas-seal", "organization-identifier", {"-s organizationIdentifier"}},
	{"eidas-seal", "once", {"+s O=Jiný"}},
	{"eidas-seal", "once", {"+s C=SK"}},
	{"eidas-seal", "once", {"+s organizationIdentifier=VATCZ-1"}},
	{"eidas-seal", "once", {"+s CN=Jiný"}},
	{"eidas-seal", "organization-identifier-own", {"-s O=", "+s O=ntrcz-26463318"}},
	{"eidas-seal", "policy-person", {"-x certificatePolicies",
		"+x certificatePolicies=0.4.0.194112.1.0,0.4.0.194112.1.1"}},
	{"eidas-seal", "policy-person", {"-x certificatePolicies", "+q QcSSCD",
		"+x certificatePolicies=0.4.0.194112.1.2,0.4.0.194112.1.3"}},
	{"eidas-seal", "policy-person", {"-x certificatePolicies",
		"+x certificatePolicies=0.4.0.194112.1.1,0.4.0.194112.1.4"}},
	{"eidas-seal", "policy-qcp", {"-x certificatePolicies", "+x certificatePolicies=1.2.3.4"}},
	{"eidas-seal", "organization-identifier-form", {"-s organizationIdentifier", "+s organizationIdentifier=26463318"}},

	{"ote-participant-encryption", "key-usage", {"-x keyUsage", "+x keyUsage=digitalSignature"}},
	{"ote-participant-encryption", "validity", {"+end -1"}},
	{"ote-participant-encryption", "validity", {"+begin 1"}},
	{"ote-seal", "qc-compliance", {"-q QcCompliance"}},
	{"ote-seal", "qc-type", {"-q QcType", "+q QcType esign"}},
	{"ote-seal", "qc-legislation", {"+q QcCClegislation CH"}},
	{"ote-seal", "organization-identifier", {"-s organizationIdentifier"}},
	{"ote-seal", "organization-identifier-value", {"-s organizationIdentifier",
		"+s organizationIdentifier=NTRCZ-26463319"}},
	{"ote-seal", "organization-identifier-value", {"+s organizationIdentifier=VATCZ-1"}},
	{"ote-seal", "common-name", {"-s CN"}},
	{"ote-seal", "common-name-value", {"-s CN", "+s CN=CSOTE Secure MIME"}},
	{"ote-seal", "key-usage", {"-x keyUsage", "+x keyUsage=keyEncipherment"}},
};

const size_t recipes_breach_count = sizeof recipes_breaches / sizeof *recipes_breaches;

static void
need(bool done, const char *what)
{
	if (done)
		return;
	printf("Bail out! recipes: %s\n", what);
	exit(1);
}

const struct recipe *
recipes_find(const char *profile)
{
	const struct recipe *r = recipes;

	while (r->profile != NULL && strcmp(r->profile, profile) != 0)
		r++;
	need(r->profile != NULL, profile);
	return r;
}

/* ---- the lines ---------------------------------------------------------------- */

static bool
is_taken_away(const char *line, const char *const *changes)
{
	for (; changes != NULL && *changes != NULL; changes++)
		if (**changes == '-' && strncmp(line, *changes + 1, strlen(*changes + 1)) == 0)
			return true;
	return false;
}

static void
apply_changes(const struct recipe *recipe, const char *const *changes, const char **lines)
{
	size_t count = 0;

	for (const char *const *line = recipe->lines; *line != NULL; line++)
		if (!is_taken_away(*line, changes))
			lines[count++] = *line;
	for (; changes != NULL && *changes != NULL; changes++)
		if (**changes == '+') {
			need(count < RECIPE_LINES_MAX - 1, "too many lines");
			lines[count++] = *changes + 1;
		}
	lines[count] = NULL;
}

/* What is behind "word " in the last such line. */
static const char *
setting(const char *const *lines, const char *word, const char *otherwise)
{
	size_t len = strlen(word);

	for (; *lines != NULL; lines++)
		if (strncmp(*lines, word, len) == 0 && (*lines)[len] == ' ')
			otherwise = *lines + len + 1;
	return otherwise;
}

/* ---- the parts ---------------------------------------------------------------- */

static void
add_attribute(X509_NAME *name, const char *line)
{
	int form = line[0] == 's' ? V_ASN1_UTF8STRING : line[0] == 'p' ? V_ASN1_PRINTABLESTRING : V_ASN1_IA5STRING;
	size_t len = strcspn(line + 2, "=");
	char type[64];
	X509_NAME_ENTRY *entry;
	ASN1_OBJECT *object;

	snprintf(type, sizeof type, "%.*s", (int)len, line + 2);
	object = OBJ_txt2obj(type, 0);
	need(object != NULL && line[2 + len] == '=', line);
	entry = X509_NAME_ENTRY_create_by_OBJ(NULL, object, form, (const unsigned char *)line + 3 + len, -1);
	need(entry != NULL && X509_NAME_add_entry(name, entry, -1, 0) == 1, line);
	X509_NAME_ENTRY_free(entry);
	ASN1_OBJECT_free(object);
}

static void
add_subject(X509 *x509, const char *const *lines)
{
	X509_NAME *name = X509_NAME_new();

	for (; *lines != NULL; lines++)
		if (strchr("spi", **lines) != NULL && (*lines)[1] == ' ')
			add_attribute(name, *lines);
	need(X509_set_subject_name(x509, name) == 1, "subject");
	X509_NAME_free(name);
}

/* A statement's number below 0.4.0.1862.1, and its info as ASN1_generate_nconf() has it. */
static void
write_statement(struct buf *conf, size_t i, const char *line)
{
	static const char *const names[] = {"", "QcCompliance", "QcLimitValue", "QcRetentionPeriod", "QcSSCD", "QcPDS",
		"QcType", "QcCClegislation"};
	static const char *const types[] = {"", "esign", "eseal", "web"};
	size_t len = strcspn(line, " "), n = 1, type = 1;
	const char *value = line[len] == ' ' ? line + len + 1 : "";

	while (n < 8 && !slice_eq_str(slice_of(line, len), names[n]))
		n++;
	need(n < 8, line);
	buf_printf(conf, "[s%zu]\nid=OID:0.4.0.1862.1.%zu\n", i, n);
	if (n == 5)
		buf_printf(conf, "v=SEQUENCE:v%zu\n[v%zu]\nv=SEQUENCE:w%zu\n[w%zu]\nu=IA5STRING:%s\nl=PRINTABLESTRING:en\n",
			i, i, i, i, value);
	if (n == 6) {
		while (type < 4 && strcmp(types[type], value) != 0)
			type++;
		buf_printf(conf, "v=SEQUENCE:v%zu\n[v%zu]\nv=OID:0.4.0.1862.1.6.%zu\n", i, i, type);
	}
	if (n == 7)
		buf_printf(conf, "v=SEQUENCE:v%zu\n[v%zu]\nv=PRINTABLESTRING:%s\n", i, i, value);
}

static CONF *
statements(const char *const *lines, size_t *count)
{
	CONF *conf = NCONF_new(NULL);
	struct buf text, list;
	BIO *bio;

	*count = 0;
	buf_init(&text, 65536);
	buf_init(&list, 4096);
	buf_add_str(&list, "[q]\n");
	for (; *lines != NULL; lines++)
		if (strncmp(*lines, "q ", 2) == 0) {
			write_statement(&text, *count, *lines + 2);
			buf_printf(&list, "s%zu=SEQUENCE:s%zu\n", *count, *count);
			*count += 1;
		}
	buf_add_slice(&text, buf_slice(&list));
	bio = BIO_new_mem_buf(text.data, (int)text.len);
	need(!buf_failed(&text) && NCONF_load_bio(conf, bio, NULL) == 1, "statements");
	BIO_free(bio);
	buf_free(&text);
	buf_free(&list);
	return conf;
}

static void
add_extension(X509 *x509, X509 *authority, CONF *conf, const char *name, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, authority, x509, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, conf);
	extension = X509V3_EXT_nconf(conf, &ctx, name, value);
	need(extension != NULL, value);
	need(X509_add_ext(x509, extension, -1) == 1, value);
	X509_EXTENSION_free(extension);
}

static void
add_extensions(X509 *x509, X509 *authority, const char *const *lines)
{
	size_t count;
	CONF *conf = statements(lines, &count);

	if (count > 0)
		add_extension(x509, authority, conf, "1.3.6.1.5.5.7.1.3", "ASN1:SEQUENCE:q");
	for (; *lines != NULL; lines++)
		if (strncmp(*lines, "x ", 2) == 0) {
			size_t len = strcspn(*lines + 2, "=");
			char name[64];

			snprintf(name, sizeof name, "%.*s", (int)len, *lines + 2);
			add_extension(x509, authority, conf, name, *lines + 3 + len);
		}
	NCONF_free(conf);
}

/* ---- the whole ---------------------------------------------------------------- */

bool
recipes_apply(const struct recipe_variant *variant, const char *profile)
{
	return strncmp(variant->profile, profile, strlen(variant->profile)) == 0;
}

X509 *
recipes_authority(time_t now)
{
	const struct authority_wish wish = {.name = "Profile CA", .ca = true, .key = AUTHORITY_KEY,
		.usage = "critical,keyCertSign,cRLSign", .begin = now - AUTHORITY_NOW - 2000 * AUTHORITY_DAY,
		.end = now - AUTHORITY_NOW + 2000 * AUTHORITY_DAY};

	return authority_issue(&wish);
}

X509 *
recipes_make(const struct recipe *recipe, const char *const *changes, X509 *authority, time_t now)
{
	static long serial = 0x1234;
	const char *lines[RECIPE_LINES_MAX];
	X509 *x509 = X509_new();

	apply_changes(recipe, changes, lines);
	X509_set_version(x509, atol(setting(lines, "version", "3")) - 1);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
	ASN1_TIME_set(X509_getm_notBefore(x509), now + AUTHORITY_DAY * atol(setting(lines, "begin", "-30")));
	ASN1_TIME_set(X509_getm_notAfter(x509), now + AUTHORITY_DAY * atol(setting(lines, "end", "365")));
	X509_set_pubkey(x509, authority_key(setting(lines, "key", "P-256")));
	need(X509_set_issuer_name(x509, X509_get_subject_name(authority)) == 1, "issuer");
	add_subject(x509, lines);
	add_extensions(x509, authority, lines);
	need(X509_sign(x509, authority_key(AUTHORITY_KEY), EVP_get_digestbyname(setting(lines, "digest", "SHA256"))) > 0,
		"sign");
	return x509;
}
