/* fetch: what certificates name, had from outside: http, https and ldap.
 *
 * Whoever issues a certificate chooses the URLs in it, so this is where our own network is
 * kept from being asked in somebody's name. Each address is looked at when it is connected to,
 * after resolving and for every redirect and attempt: what is no unicast address of the
 * internet (loopback, private, link-local, unique local, shared, mapped, multicast and so on) is
 * refused unless fetch-networks has it. The environment's proxies count for nothing.
 *
 * With fetch-proxy it is the proxy who looks names up and connects, so that names that lead inside
 * cannot be told here: only what stands in a URL can, an address in any spelling or "localhost". What the
 * proxy may reach is to be limited at the proxy. It is for http and https; ldap goes without it.
 *
 * A fetch blocks its thread until it is done or its time is over, whatever the server does.
 * Threads: any at once.
 */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include "base/buf.h"
#include "base/error.h"
#include "config/config.h"

#include <sys/socket.h>

#define FETCH_URL_MAX 2048 /* octets */
#define FETCH_HOST_MAX 256 /* ... of a host's name, with the 0 behind it */
#define FETCH_SERVER_MAX (FETCH_HOST_MAX + 16) /* ... with scheme and port */
#define FETCH_TAG_MAX 256  /* ... of an ETag, likewise; a longer one is not kept */

/* Borrowed for the call. */
struct fetch_request {
	const char *url;
	const char *shown;        /* what words call it, where url is a responder's and the request; NULL: url */
	uint64_t size_limit;      /* octets of the answer, after any decoding */
	struct slice post;        /* http, https: what is posted; none: GET */
	const char *post_type;    /* its media type */
	bool same_host;           /* a redirect to another host is not followed */
	const char *accept;       /* media types that are wanted, or NULL */
	const char *attribute;    /* ldap: the attribute where the URL names none; its first value is the answer */
	const char *etag;         /* http, https: of what is there already; "" or NULL: nothing */
	time_t modified;          /* ... its Last-Modified; 0: not known */
};

struct fetch_reply {
	struct buf body;          /* the caller's, to be freed in each case */
	bool not_modified;        /* what is there already is still the newest; body is empty */
	char etag[FETCH_TAG_MAX]; /* "": none; with not_modified the one that was there holds on */
	time_t modified;          /* 0: not known */
};

/* NO: it will not do whoever is asked: "url" (no such scheme, no host, too long, user or password in
 * it), "address" (it leads to an address that is not permitted), "redirect" (too many, to another scheme
 * than http and https, or a referral of LDAP), "too-large", "not-found" (404, 410; no such object), "http"
 * (another status of 4xx), "type" (a page in HTML). CANT_TELL: "network", "timeout", "http" (5xx, 429 and
 * what is no answer to such a request), "tls", "memory". words name the URL. The configuration has time,
 * redirects, networks, proxy and authorities. */
enum answer fetch_get(const struct config *config, const struct fetch_request *request, struct fetch_reply *reply,
	struct error *err);

/* Of http, https and ldap with a host: the host in lower case, without port. False: fetch_get() would
 * answer "url". */
bool fetch_host(const char *url, char host[FETCH_HOST_MAX]);
/* Who is asked: "scheme://host:port". Another port, or scheme, is another server: whoever issues certificates
 * may name a port of somebody else's host where nobody answers. */
bool fetch_server(const char *url, char server[FETCH_SERVER_MAX]);

/* libldap sets up what it keeps for the whole process at its first use, without a lock around all of it:
 * whoever uses it calls this before. */
void fetch_prepare_ldap(void);

/* The same of libcurl, once a process. False: no memory. */
bool fetch_set_up(void);

/* May be connected to? networks: configured ones, permitted whatever they are. */
bool fetch_address_permitted(const struct sockaddr *address, const struct config_networks *networks);

#endif
