/* certfacts: what a certificate says of itself, as lists of words that rules can ask for.
 *
 * cert.h has what every certificate is asked; here is the rest, for profiles (profile.h) and
 * for people. A type, extension, policy or purpose is called by the word that profiles use for
 * it where there is one ("CN", "keyUsage", "emailProtection"), else by its OID in dots. Plain
 * data without OpenSSL, read once and never changed: any thread may read it.
 */
#ifndef PKI_CERTFACTS_H
#define PKI_CERTFACTS_H

#include "pki/cert.h"

#define CERTFACTS_LIST_MAX 64    /* words in one list */
#define CERTFACTS_NAMES_MAX 200  /* alternative names */
#define CERTFACTS_TEXT_MAX 4096  /* octets of one text */
#define CERTFACTS_OID_MAX 64     /* octets of an encoded OID: turning it into text takes the square of it */

/* The order is certfacts_list_names[]'s. */
enum certfacts_which {
	CERTFACTS_SUBJECT,          /* types of the subject's attributes, in their order, each as often as it is there */
	CERTFACTS_KEY_USAGE,        /* bits of keyUsage; empty where there is none */
	CERTFACTS_EXT_KEY_USAGE,
	CERTFACTS_POLICIES,         /* OIDs of certificatePolicies */
	CERTFACTS_EXTENSIONS,
	CERTFACTS_CRITICAL,         /* extensions that are marked so */
	CERTFACTS_QC_STATEMENTS,    /* RFC 3739 3.2.6, EN 319 412-5 */
	CERTFACTS_QC_TYPES,         /* "esign", "eseal", "web" of QcType */
	CERTFACTS_QC_COUNTRIES,     /* of QcCClegislation */
	CERTFACTS_ALTERNATIVE,      /* kinds of subjectAltName, each once; an otherName's is its OID */
	CERTFACTS_ACCESS,           /* what has a URL: "crl", "ocsp", "caIssuers"; each once */
	CERTFACTS_KEY_IDENTIFIERS,  /* "subject", "authority" */
	CERTFACTS_PDS_URLS,
	CERTFACTS_CRL_URLS,
	CERTFACTS_OCSP_URLS,
	CERTFACTS_ISSUER_URLS,      /* of caIssuers */
	CERTFACTS_LISTS
};

/* "subject", "key-usage", ...: what rules call them. */
extern const char *const certfacts_list_names[CERTFACTS_LISTS];

struct certfacts_list {
	const char *word[CERTFACTS_LIST_MAX];
	size_t count;
};

struct certfacts_attribute {
	const char *type;
	const char *text; /* UTF-8; NULL: no text can be made of it, or a NUL is in it */
	const char *form; /* "PrintableString", "UTF8String", "IA5String" or "other" */
};

struct certfacts_name {
	const char *kind; /* "rfc822Name", "dNSName", "iPAddress", "URI", "directoryName", "registeredID",
	                   * "x400Address", "ediPartyName" or an otherName's OID */
	const char *text; /* UTF-8; NULL where it is none */
	bool well_formed; /* an address, a name in the preferred syntax of RFC 1034 3.5, 4 or 16
	                   * octets; all other kinds are taken to be */
};

struct certfacts_text;

struct certfacts {
	long version;              /* 3 for v3 */
	unsigned digest_bits;      /* of the digest under which it was issued; 0: not known */
	unsigned rsa_bits;         /* 0: no RSA key, or one restricted to PSS */
	unsigned security_bits;    /* of its key, as NIST SP 800-57 part 1 counts them: 112 for RSA 2048 */
	time_t not_before;
	time_t not_after;
	bool ca;                   /* basicConstraints says so */
	/* One to one with the list CERTFACTS_SUBJECT. serialNumber here is a name of the holder and
	 * has nothing to do with the certificate's serial number. */
	struct certfacts_attribute subject[CERTFACTS_LIST_MAX];
	struct certfacts_name names[CERTFACTS_NAMES_MAX];
	size_t name_count;
	struct certfacts_list list[CERTFACTS_LISTS];
	struct certfacts_text *texts; /* what the words above are kept in */
};

/* NO: "malformed": an extension that is read here cannot be, has octets behind it or is there
 * twice (RFC 5280 4.2); "limit": more than the limits above. Such a certificate keeps no profile. */
enum answer certfacts_read(const struct cert *cert, struct certfacts **facts, struct error *err);
void certfacts_free(struct certfacts *facts); /* NULL is safe */

/* The word for an OID in dots, NULL where it has none. */
const char *certfacts_word(const char *oid);
/* Could this list hold such a word: one of those that are listed in certfacts_words.c, or an OID? */
bool certfacts_is_word(enum certfacts_which which, struct slice word);

#endif
