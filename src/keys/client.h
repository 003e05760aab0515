/* client: gate's connections to keeper, and the one deadline over all that can
 * go wrong with them.
 *
 * A pool: a call takes an idle connection, or makes one, or waits for one. When
 * keeper dies in the middle, the call is made again on a new connection, as
 * often as the deadline allows: no operation changes anything in keeper, so
 * twice is as good as once. All functions may be called from any thread.
 */
#ifndef KEYS_CLIENT_H
#define KEYS_CLIENT_H

#include "base/error.h"
#include "base/slice.h"

#include <stddef.h>

struct client;

#define CLIENT_CONNECTIONS_MAX 256

/* NULL with a reason: path too long, numbers out of range, out of memory. */
struct client *client_new(const char *path, unsigned deadline_ms, unsigned connections_max, struct error *err);
void client_free(struct client *client); /* NULL is safe; no call may be under way */

/* One request, one reply of at most size octets. YES: *len octets are in reply.
 * CANT_TELL: not within the deadline. */
enum answer client_call(struct client *client, struct slice request, unsigned char *reply, size_t size,
	size_t *len, struct error *err);

#endif
