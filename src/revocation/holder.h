/* holder: what is compared of certificates when one is asked to be revoked.
 *
 * A certificate is (issuer, serial) (RFC 5280 4.1.2.2); whether two are of the same subject, policy or
 * organisation is told from these facts, octet for octet: where two authorities write the same name in
 * two ways, it is not the same here. Pure; any thread.
 */
#ifndef REVOCATION_HOLDER_H
#define REVOCATION_HOLDER_H

#include "pki/cert.h"

#define HOLDER_SERIAL_MAX 20   /* octets of a serial number (RFC 5280 4.1.2.2) */
#define HOLDER_POLICIES_MAX 16
#define HOLDER_TEXT_MAX 4096   /* octets of one text, and of a subject */

/* A number, not negative. */
struct holder_serial {
	size_t len; /* 0: the number 0 */
	unsigned char octets[HOLDER_SERIAL_MAX]; /* the highest first, and that is not 0 */
};

/* Octets as in a request or a certificate, the highest first, with leading zeros or without. False: too long. */
bool holder_serial_of(struct slice octets, struct holder_serial *serial);
/* False: negative or too long, which no authority may issue. */
bool holder_serial_of_cert(const struct cert *cert, struct holder_serial *serial);
bool holder_serial_equal(const struct holder_serial *a, const struct holder_serial *b);

struct holder {
	struct slice subject;                /* the Name in DER; empty: not known */
	const char *organization_identifier; /* UTF-8; NULL: there is none */
	const char *organization;
	const char *country;
	bool disputed;                       /* one of these three is there twice, or cannot be read as text */
	const char *policies[HOLDER_POLICIES_MAX]; /* OIDs in dots, each once */
	size_t policy_count;
	void *kept;                          /* in which all of that lies; NULL: it is borrowed */
};

/* NO: the certificate cannot be read ("malformed", "limit"). CANT_TELL: no memory. */
enum answer holder_read(const struct cert *cert, struct holder *holder, struct error *err);
/* A copy that owns what it holds. NO: "limit". CANT_TELL: no memory. */
enum answer holder_copy(const struct holder *from, struct holder *to, struct error *err);
void holder_free(struct holder *holder); /* what it holds */

/* Both have a subject, and it is the same. */
bool holder_same_subject(const struct holder *a, const struct holder *b);
/* Both have policies, and the same ones, in whatever order. */
bool holder_same_policies(const struct holder *a, const struct holder *b);

/* The same organisation: equal organizationIdentifier (X.520 6.2.10); where neither has one, and by_name, equal
 * organizationName and countryName, which both have. Never where one is disputed. */
bool holder_same_organisation(const struct holder *a, const struct holder *b, bool by_name);

#endif
