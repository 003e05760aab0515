/* decide: requests from the inbox into the journal, and what becomes of those that are there as received.
 *
 * received -> accepted | refused | waiting, from the evidence alone. What cannot be told now stays as it is and is tried again.
 * The main thread's.
 */
#ifndef WORKER_DECIDE_H
#define WORKER_DECIDE_H

#include "worker/work.h"

/* inbox NULL: it is not there now; what the journal has as received is decided all the same, but for what needs a proof. CANT_TELL:
 * the journal, or memory. */
enum answer decide_all(struct work *w, struct inbox *inbox, time_t now, struct error *err);

#endif
