/* transport: what fetch_get() hands to the one that speaks the protocol. Private to this room.
 *
 * Both answer as fetch_get() does, but with words that do not name the URL, and may leave a part of a
 * body behind. Threads: any at once.
 */
#ifndef FETCH_TRANSPORT_H
#define FETCH_TRANSPORT_H

#include "fetch/url.h"

#include <time.h>

struct fetch_job {
	const struct config *config;
	const struct fetch_request *request; /* its URL is good */
	struct url url;                      /* what is in it */
	struct timespec deadline;            /* of it all */
};

enum answer http_get(const struct fetch_job *job, struct fetch_reply *reply, struct error *err);
enum answer ldap_get(const struct fetch_job *job, struct fetch_reply *reply, struct error *err);

#endif
