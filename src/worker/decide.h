/* decide: requests from the inbox into the journal, and what becomes of those that are there as received.
 *
 * received -> accepted | refused | waiting, from the evidence alone. What cannot be told now stays as it is and is tried again, after
 * pauses that grow; the operator is told where that lasts. What a person has decided is told to who asked. The main thread's.
 */
#ifndef WORKER_DECIDE_H
#define WORKER_DECIDE_H

#include "worker/reader.h"
#include "worker/work.h"

struct decide;

/* Both are borrowed. NULL: no memory. */
struct decide *decide_new(struct work *w, struct reader *reader);
void decide_free(struct decide *d); /* NULL is safe */

/* One round. *more: there is more to do at once. An inbox that cannot be read now is no error: what the journal has is decided all
 * the same, but for what needs a proof. CANT_TELL: the journal, or memory. */
enum answer decide_all(struct decide *d, time_t now, bool *more, struct error *err);

/* When what cannot be told now is tried again: s, doubled each time. */
#define DECIDE_PAUSE 10
#define DECIDE_PAUSE_MAX (10 * 60)
#define DECIDE_PATIENCE (15 * 60) /* s after which the operator hears of it */

#endif
