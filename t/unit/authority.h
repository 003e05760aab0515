/* authority: certificates made to order in memory, valid at moments of the test's choosing.
 * What goes wrong ends the program. */
#ifndef AUTHORITY_H
#define AUTHORITY_H

#include "pki/cert.h"

#define AUTHORITY_NOW ((time_t)1800000000) /* the tests' present */
#define AUTHORITY_DAY 86400L

struct authority_wish {
	const char *name;             /* CN */
	const char *alternative;      /* subjectAltName as openssl.cnf has it: "email:a@b.cz" */
	struct slice alternative_der; /* or its value as it is to be, however wrong */
	const char *dn_address;       /* emailAddress in the subject */
	const char *usage;            /* keyUsage as openssl.cnf has it; NULL: no such extension */
	const char *basic;            /* basicConstraints so; NULL: as ca has it */
	const char *subtrees;         /* nameConstraints so */
	const char *policies;         /* certificatePolicies so */
	long begin, end;              /* s from AUTHORITY_NOW; both 0: 30 days ago to in a year */
	const char *key;              /* of authority_key(); NULL: "P-256" */
	const char *issuer_key;       /* of the issuer; NULL: "P-256" */
	const char *digest;           /* under which it is issued; NULL: "SHA256" */
	X509 *issuer;                 /* NULL: it issues itself, with key */
	bool ca;
	bool names_issuer_key;        /* an authorityKeyIdentifier; issuer is an authority */
};

/* "P-256" or another curve, "RSA:2048", "RSA-PSS:2048", "DSA:2048", "ED25519". Each made once a process. */
EVP_PKEY *authority_key(const char *kind);
X509 *authority_issue(const struct authority_wish *wish);
struct cert *authority_cert(const struct authority_wish *wish);
/* A list of that issuer, of yesterday and for a week, in PEM: with these up to the first NULL
 * revoked ten days ago, as keyCompromise. */
void authority_write_list(const char *path, X509 *issuer, const X509 *first, const X509 *second);
/* The caller's to free(). */
struct slice authority_der(X509 *x509);
/* Up to the first NULL. */
void authority_write_pem(const char *path, X509 *first, X509 *second, X509 *third);
void authority_write(const char *path, struct slice content);

/* A folder of this process' own, removed with what is in it at its end. */
const char *authority_folder(void);
/* A path in it; one of eight buffers in turn. */
const char *authority_path(const char *name);

#endif
