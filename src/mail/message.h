/* message: one message as the MTA gave it: envelope, client, header fields, body.
 *
 * It is filled by whoever receives it (the milter, or message_read() for a
 * file), then only read. It owns every byte that others borrow slices of, and
 * outlives them. One thread at a time; libmilter moves a session between
 * threads, so nothing here is tied to a thread.
 */
#ifndef MAIL_MESSAGE_H
#define MAIL_MESSAGE_H

#include "base/buf.h"
#include "base/error.h"

#include <netinet/in.h>

#define MESSAGE_HEADER_FIELDS_MAX 10000
#define MESSAGE_RECIPIENTS_MAX 50000
#define MESSAGE_HEADER_OCTETS_MAX (16 * 1024 * 1024) /* never more, whatever header-limit says */

/* Who handed the message to the MTA, from the MTA's macros. */
struct client {
	bool has_address;         /* false: AF_UNSPEC, or none given */
	struct in6_addr address;  /* IPv4 mapped into IPv6 */
	unsigned port;            /* TCP client port; 0: none, as with local submission */
	char *name;               /* {client_name} or the connect callback's; may be NULL */
	char *login;              /* {auth_authen}; NULL: not authenticated */
	char *daemon_name;        /* {daemon_name}; may be NULL */
};

struct header_field {
	char *name;           /* as written */
	struct slice value;   /* after the colon, leading blank included, without the final line
	                       * end; folds are "\n" and their white space */
};

struct message {
	char *queue_id;                /* {i}; NULL until the MTA tells it */
	struct client client;
	char *sender;                  /* envelope, without angle brackets; "" is the null sender */
	char **recipients;             /* envelope, without angle brackets, those accepted */
	size_t recipient_count;
	struct header_field *fields;   /* in the message's order */
	size_t field_count;
	size_t header_octets;
	struct buf body;               /* exact octets; secret: so is the header */
};

/* body_limit: octets that the body may have (message-size-limit). NULL: no memory. */
struct message *message_new(size_t body_limit);
void message_free(struct message *m); /* NULL is safe */

/* From now on what is added is overwritten when it goes, as there may be a secret in it. */
void message_keep_secret(struct message *m);

/* False: no memory, a limit was reached, a NUL in an address or a name, or an
 * empty name; the message stays as it was. A CRLF in a value becomes "\n". */
bool message_add_recipient(struct message *m, struct slice address);
bool message_add_field(struct message *m, struct slice name, struct slice value);

/* Reads a message in file form (header, empty line, body; LF or CRLF). The body's
 * octets stay as they are; a body whose every line ends in LF alone is given CRLF, as an MTA
 * would. m is fresh from message_new(). NO: not a message (a header line that is none), with the
 * line's number, or a limit; CANT_TELL: no memory. m is fit for message_free() only, then. */
enum answer message_read(struct slice file, struct message *m, struct error *err);
/* Writes a field in file form: its folds, which are "\n" in memory, with CRLF. */
void message_write_field(const char *name, struct slice value, struct buf *out);

/* The nth (from 0) field of that name, NULL where there is none. */
const struct header_field *message_field(const struct message *m, const char *name, size_t nth);

#endif
