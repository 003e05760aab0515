/* post: queued notices handed over to the MTA by SMTP, each sealed (RFC 5321, RFC 8551).
 *
 * From the null sender. What the MTA refuses for good is given up: logged, noted in the queue and told the operator.
 * All else is tried again, with growing delays, without end: a notice waits where its seal cannot be had, an
 * operator's alarm goes without. Each is sent once; but where the process dies, or the journal fails, between the
 * MTA's 250 and the note of it, the same goes again, with the same Message-ID: SMTP has no other way. The thread of
 * posts is its own.
 */
#ifndef WORKER_POST_H
#define WORKER_POST_H

#include "worker/work.h"

struct post;

/* Starts its thread. w is copied; its journal outlives it. CANT_TELL: no thread, no memory. */
enum answer post_start(const struct work *w, struct post **post, struct error *err);
/* Something may have been queued. Where there was no MTA, or no journal, it rests for half a minute all the same. */
void post_wake(struct post *post);
/* With another configuration's gateway from now on. */
void post_use(struct post *post, struct gateway *gateway);
/* Ends after what is being handed over. NULL is safe. */
void post_stop(struct post *post);

/* One round, at that time: *sent were taken by the MTA. CANT_TELL: the journal, memory, or there is no MTA that
 * speaks, so that the rest of the round waits. For the thread and tests. */
enum answer post_round(const struct work *w, time_t now, unsigned *sent, struct error *err);

#endif
