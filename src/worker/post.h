/* post: queued notices handed over to the MTA by SMTP, each sealed (RFC 5321, RFC 8551).
 *
 * From the null sender. What is refused for good (5xx) is logged and given up; what cannot be handed over now is tried again. The
 * thread of posts is its own.
 */
#ifndef WORKER_POST_H
#define WORKER_POST_H

#include "worker/work.h"

struct post;

/* Starts its thread. CANT_TELL: no thread, no memory. */
enum answer post_start(struct work *w, struct post **post, struct error *err);
/* Something may have been queued. */
void post_wake(struct post *post);
/* With another configuration's gateway from now on. */
void post_use(struct post *post, struct gateway *gateway);
/* Ends after what is being handed over. NULL is safe. */
void post_stop(struct post *post);

/* One round, at that time: *sent were taken by the MTA. For the thread and tests. */
enum answer post_round(struct work *w, time_t now, unsigned *sent, struct error *err);

#endif
