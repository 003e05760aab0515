/* milter: libmilter's side of a gate; the only file that knows it.
 *
 * It collects a message, hands it to the gateway, and plays the edit back to
 * the MTA. Everything unexpected is a temporary failure; nothing is accepted
 * by default. A session may change threads between callbacks, so all it has
 * is in one struct of its own.
 *
 * libmilter opens its listening socket itself. So that the supervisor's can be
 * used, and so that a stop does not cut sessions off (smfi_stop() would: no
 * session is read from after it), its descriptor is exchanged beneath it: for
 * the supervisor's at the start, at the stop for one that nobody can connect to.
 */
#ifndef MILTER_MILTER_H
#define MILTER_MILTER_H

#include "base/error.h"

#include <time.h>

/* Before any thread was started. Both descriptors become libmilter's and ours. */
enum answer milter_open(int listen_fd, int idle_fd, const char *private_path, struct error *err);
/* Serves; returns only when libmilter gave up. */
void milter_serve(void);
/* No further connection. Those that there are go on. Once. */
void milter_close(void);
/* Tells the MTAs of messages that have been worked on for a minute that we are still at it. */
void milter_progress(time_t now);

#endif
