/* resolve: the addresses of a host, within a deadline.
 *
 * Private to this room. The system's resolver knows no deadline, and libcurl and libldap wait for it in
 * ways that none of theirs ends; so a name is looked up here, by a thread that is left alone when it is
 * late, and they get addresses. Threads: any at once.
 */
#ifndef FETCH_RESOLVE_H
#define FETCH_RESOLVE_H

#include "fetch/url.h"

#include <time.h>

#define RESOLVE_ADDRESSES_MAX 16 /* of one host; more are left out */
#define RESOLVE_LATE_MAX 64      /* look-ups at a time, with those that nobody waits for any longer */

struct resolve_address {
	struct sockaddr_storage address; /* of IPv4 or IPv6, with the port */
	socklen_t length;
};

struct resolve_found {
	struct resolve_address item[RESOLVE_ADDRESSES_MAX];
	size_t count; /* YES: not 0 */
};

#define RESOLVE_TEXT_SIZE 48 /* octets of an address as text, with the 0 behind it */

/* An address that is written in digits is taken in any form that inet_aton() knows. Whether it may be
 * connected to is looked at later. CANT_TELL: "network", "timeout", "memory"; words name the host. */
enum answer resolve_host(const struct url *url, const struct timespec *deadline, struct resolve_found *found,
	struct error *err);

/* The same for what is written in digits; false where it is a name. Nobody is asked. */
bool resolve_literal(const struct url *url, struct resolve_found *found);

/* IPv6 in brackets, as a URL has it. */
void resolve_text(const struct resolve_address *address, char text[RESOLVE_TEXT_SIZE]);

#endif
