/* listen: the sockets where MTAs meet the gates.
 *
 * The supervisor makes them and keeps them, so that they outlive each gate: an
 * MTA then waits while a gate that died is started anew, instead of being
 * refused. It is also the one that may still change a group and remove a path
 * when the gates have given up their rights. It never accepts a connection.
 */
#ifndef MILTER_LISTEN_H
#define MILTER_LISTEN_H

#include "config/config.h"
#include "milter/process.h"

#include <sys/stat.h>

#define LISTEN_PATIENCE 2000 /* ms that an orphan of a killed supervisor gets to let go of the address */

struct listen_socket {
	int fd;     /* -1: none; non-blocking, close-on-exec */
	char *path; /* of a unix socket, NULL with inet */
	dev_t device;
	ino_t inode;
};

/* The socket of the listener. A unix socket appears at its path at once with its mode,
 * group and owner (the gate's user); a stale one is replaced.
 * NO: the settings are wrong. CANT_TELL: it cannot be had, for example because
 * somebody answers there. */
enum answer listen_open(const struct config_listener *listener, bool allow_remote,
	const struct process_user *owner, struct listen_socket *s, struct error *err);
/* After a reload: the mode and group that the listener has now. */
enum answer listen_update(const struct config_listener *listener, const struct process_user *owner,
	const struct listen_socket *s, struct error *err);
/* Removes the path, where it is still this socket's. */
void listen_remove(struct listen_socket *s);
/* Closes the descriptor only. */
void listen_close(struct listen_socket *s);

/* A listening socket that nobody can ever connect to; run_directory is where it
 * has a name for a moment. -1 with err. For milter_open(). */
int listen_idle(const char *run_directory, struct error *err);

#endif
