/* connection: one bound LDAP connection (RFC 4511), every step ended by a deadline.
 *
 * ldap://, ldaps:// and ldapi://; StartTLS; verification of the server's
 * certificate and name; anonymous or simple bind; no referral is ever followed.
 * A connection belongs to one thread at a time.
 */
#ifndef DIRECTORY_CONNECTION_H
#define DIRECTORY_CONNECTION_H

#include "base/error.h"
#include "base/slice.h"

#include <time.h>

#define CONNECTION_ANSWER_MAX (8 * 1024 * 1024) /* octets of one entry */
#define CONNECTION_ENTRIES_MAX 200              /* of one search */
#define CONNECTION_PASSWORD_MAX 1024            /* octets of a password file */

struct connection_settings {
	bool start_tls;
	char *ca_file;       /* or NULL: libldap's own default */
	char *bind_dn;       /* or NULL: anonymous */
	char *password_file; /* or NULL; read anew for each connection, refused where others can read it */
	unsigned network_timeout;   /* s, for connecting and TLS */
	unsigned operation_timeout; /* s, for one request */
};

struct connection;

struct connection_search {
	const char *base;
	bool base_only;          /* the entry itself, not what is below */
	const char *filter;
	char *const *attributes; /* ends with NULL */
	int size_limit;          /* entries; what is more is left out */
	bool absent_is_none;     /* a base that is not there, elsewhere (referral) or no name: no entries, not CANT_TELL */
};

/* Each entry (its name as it came), and behind it each value of each attribute (name with its options); all of it is
 * borrowed for the call. */
typedef void connection_entry(void *arg, const char *name);
typedef void connection_value(void *arg, const char *attribute, struct slice value);
struct connection_sink {
	connection_entry *entry; /* NULL: entries need not be told apart */
	connection_value *value;
	void *arg;
};

struct connection_found {
	size_t entries;
	bool left_out; /* a size limit was reached, here or on the server */
};

/* CANT_TELL: why not, naming the server. */
enum answer connection_open(const struct connection_settings *settings, const char *uri,
	const struct timespec *deadline, struct connection **c, struct error *err);
void connection_close(struct connection *c); /* NULL is safe */

/* CANT_TELL: the search could not be finished; the connection is to be closed then. *stale:
 * the server had closed it before, as it may with an idle one: a fresh one may do. */
enum answer connection_search(struct connection *c, const struct connection_search *search,
	const struct timespec *deadline, const struct connection_sink *sink, struct connection_found *found,
	bool *stale, struct error *err);

#endif
