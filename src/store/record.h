/* record: a request for the revocation of one certificate, as it is written down.
 *
 * Plain data, borrowed: from whoever fills it in, or from the row that is being read. Its key is
 * authority, serial and digest: the same bytes again are the same request.
 * Passwords are not in it, nor the text of the mail.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define RECORD_NAME_MAX 128               /* octets of authority, form, queue id, client, language */
#define RECORD_TEXT_MAX 1000              /* ... of Message-ID and reason (RFC 5322 2.1.1) */
#define RECORD_ISSUER_MAX (16 * 1024)     /* ... of the issuer's Name in DER */
#define RECORD_SERIAL_MAX 20              /* RFC 5280 4.1.2.2 */
#define RECORD_SIGNER_MAX (64 * 1024)     /* a certificate in DER */
#define RECORD_EVIDENCE_MAX (4 * 1024 * 1024) /* CMS */
#define RECORD_DIGEST 32                  /* SHA-256 */

struct record {
	const char *authority;  /* the block of the configuration */
	struct slice serial;    /* unsigned, the highest octet first and not 0 */
	struct slice digest;    /* SHA-256 of the signature that the request stands on; without one, of the mail */
	struct slice issuer;    /* Name, DER: whose certificate the serial is of */
	const char *form;       /* "signed", "password" ... */
	const char *message_id; /* "": it had none */
	struct slice mail_digest; /* SHA-256 of the mail as it came */
	const char *queue_id;
	const char *client;     /* address of who handed it in */
	const char *language;   /* of the request: "cs" */
	const char *reason;     /* CRLReason's name (RFC 5280 5.3.1), "": none was given */
	struct slice signer;    /* certificate, DER; empty: not signed */
	struct slice evidence;  /* CMS; empty: not signed */
	int64_t received;       /* seconds since 1970 */
	bool quiet;             /* nobody is told by mail: it came from a program, a list or a loop */
};

/* NO: "request": a part is missing, or larger than the limits above; words say which. */
enum answer record_check(const struct record *request, struct error *err);
/* SHA-256 over all of it. CANT_TELL: "memory". */
enum answer record_digest(const struct record *request, unsigned char digest[RECORD_DIGEST], struct error *err);

/* The room's own: the columns of a table that holds requests, in the order of the struct. */
#define RECORD_COLUMNS "authority, serial, digest, issuer, form, message_id, mail_digest, queue_id, client, " \
	"language, reason, signer, evidence, received, quiet"
#define RECORD_PARAMETERS "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
#define RECORD_COLUMN_COUNT 15
#define RECORD_TABLE "authority TEXT NOT NULL, serial BLOB NOT NULL, digest BLOB NOT NULL, issuer BLOB NOT NULL, " \
	"form TEXT NOT NULL, message_id TEXT NOT NULL, mail_digest BLOB NOT NULL, queue_id TEXT NOT NULL, " \
	"client TEXT NOT NULL, language TEXT NOT NULL, reason TEXT NOT NULL, signer BLOB NOT NULL, " \
	"evidence BLOB NOT NULL, received INTEGER NOT NULL, quiet INTEGER NOT NULL"

/* A copy of all of it in one piece, for free(); NULL: no memory. Of one that has passed record_check(). */
struct record *record_dup(const struct record *request);

struct query;
void record_bind(struct query *q, const struct record *request);
/* authority, serial, digest. */
void record_bind_key(struct query *q, const struct record *request);
/* From the columns that begin there. */
void record_read(struct query *q, int column, struct record *request);

#endif
