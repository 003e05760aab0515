/* servers: the LDAP servers of one directory, asked in order until one answers.
 *
 * The time that is left is divided among those still to be asked. A server that
 * failed is passed over for SERVERS_DEAD_SECONDS, unless all others fail too.
 */
#ifndef DIRECTORY_SERVERS_H
#define DIRECTORY_SERVERS_H

#include "config/config.h"
#include "directory/connection.h"

#define SERVERS_MAX 16
#define SERVERS_DEAD_SECONDS 5
#define SERVERS_FAIR_MS 250 /* a server that had less time than this to answer is not called dead */

struct servers;

/* Copies all that it needs, so that it may outlive the configuration. NO: not
 * usable as configured. */
enum answer servers_new(const struct config_directory *config, struct servers **s, struct error *err);
void servers_free(struct servers *s); /* NULL is safe */

/* What one thread keeps between its searches. All zero at first. */
struct servers_worker {
	struct connection *connection;
	size_t server; /* that it leads to */
};
void servers_disconnect(struct servers_worker *worker);

/* forget is called, with found's arg, before another server is asked, as what the one before had does not count. */
struct servers_sink {
	struct connection_sink found;
	void (*forget)(void *arg);
};
enum answer servers_search(struct servers *s, struct servers_worker *worker,
	const struct connection_search *search, const struct timespec *deadline,
	const struct servers_sink *sink, struct connection_found *found, struct error *err);

const char *servers_base(const struct servers *s);
/* The attributes that hold certificates, ended by NULL. */
char *const *servers_attributes(const struct servers *s);

#endif
