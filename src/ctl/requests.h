/* requests: what the commands about requests for revocation share.
 *
 * The journal is worker's, and is opened as worker's user where sealctl was started by root: what SQLite makes beside
 * it then belongs to whom it should, and nobody who could write it is read by root. It is never made here.
 */
#ifndef CTL_REQUESTS_H
#define CTL_REQUESTS_H

#include "ctl/ctl.h"
#include "ctl/report.h"
#include "store/journal.h"

struct requests {
	struct config *config;
	struct journal *journal;
	char who[JOURNAL_WHO_MAX + 1]; /* is doing this, for the journal: "operator NAME" */
	bool returns;                  /* who called is to be become again after the journal was read */
};

enum requests_access { REQUESTS_TO_READ, REQUESTS_TO_WRITE };

/* The configuration, and then the journal. NO: it is not for this user. CANT_TELL: it is not there yet, or cannot be
 * read now. requests_close() in each case. */
enum answer requests_configure(struct requests *r, const struct ctl_options *o, struct error *err);
enum answer requests_open_journal(struct requests *r, enum requests_access access, struct error *err);
void requests_close(struct requests *r);

/* How long writing waits. */
struct timespec requests_deadline(void);
/* The number of a request as it is given. NO: it is none. */
enum answer requests_number(const char *text, int64_t *number, struct error *err);
/* A definite no of the journal is CTL_NO, where ctl_fail() would say that the configuration is wrong. */
enum ctl_status requests_fail(enum answer answer, const struct error *err);

/* ---- words, for people and programs ----------------------------------------------------- */

/* "0A1B"; empty octets are left out. */
void requests_put_hex(json_t *object, const char *key, struct slice octets);
void requests_put_base64(json_t *object, const char *key, struct slice octets);
/* The serial number: "serial" in hexadecimal behind "0x", "serial-decimal". */
void requests_put_serial(json_t *object, struct slice serial);
/* A Name in DER as people read it; nothing where it is none. */
void requests_put_name(json_t *object, const char *key, struct slice der);
/* Subject and serial number of a certificate; nothing where it is empty or cannot be read. */
void requests_put_signer(json_t *object, const char *key, struct slice der);

#endif
