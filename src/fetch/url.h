/* url: as much of a URL as has to be known before anybody is asked (RFC 3986 3.2, RFC 4516 2).
 *
 * Private to this room. Strict: a host holds nothing that two readers could read in two ways, so what
 * libcurl and libldap make of the same URL is what is seen here. Pure; any thread.
 */
#ifndef FETCH_URL_H
#define FETCH_URL_H

#include "base/error.h"
#include "fetch/fetch.h"

#define URL_PORT_SIZE 6 /* octets of a port in digits, with the 0 behind it */

enum url_scheme { URL_HTTP, URL_HTTPS, URL_LDAP };

struct url {
	enum url_scheme scheme;
	char host[FETCH_HOST_MAX]; /* in lower case, without brackets; never empty */
	char port[URL_PORT_SIZE];  /* the scheme's own where the URL has none */
};

/* NO "url": words say why, without the URL. */
enum answer url_parse(const char *text, struct url *url, struct error *err);

#endif
