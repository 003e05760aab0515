/* keeper: the process that holds the private keys.
 *
 * It has no listener for mail and no network. It answers requests of gate on a
 * unix socket (wire.h has the form): certificates of a signer or decryption key by
 * its name, signatures over a digest with signers' keys, unwrapped content keys and
 * derived keys with decryption keys, never the other way round. Padding and
 * key derivation are done here, never raw RSA or a raw shared secret, so that
 * somebody who has taken over gate gets no more than those operations.
 *
 * Call keeper_run() in a process of its own, forked before anything secret was
 * read; it must have no other threads. It switches off core dumps and ptrace,
 * keeps private numbers in locked memory as far as the limits allow, and takes
 * SIGHUP, SIGINT, SIGTERM for the supervisor's business: only the control
 * socket stops it.
 */
#ifndef KEYS_KEEPER_H
#define KEYS_KEEPER_H

#include "base/error.h"

#include <stddef.h>
#include <sys/types.h>

struct config;

#define KEEPER_CONNECTIONS_MAX 256 /* a thread each; more wait in the listening socket's queue */
#define KEEPER_KEYS_MAX 512 /* signers and decryption keys together */
#define KEEPER_BACKLOG 256

struct keeper_options {
	const char *config_path;
	int listen_fd;  /* of keeper_listen(); stays the caller's */
	int control_fd; /* base/control.h, the child's end; stays the caller's */
	/* Users whose processes may ask, besides root, the own one and the configuration's worker-user, who seals notices; count 0:
	 * everybody whom the socket's mode lets in. */
	const uid_t *client_uids;
	size_t client_uid_count;
	/* Where the configuration comes from; NULL: config_parse() and config_unref(). */
	enum answer (*parse)(const char *path, struct config **config, struct error *err);
	void (*release)(struct config *config);
};

/* Loads, says CONTROL_UP and serves until CONTROL_STOP or until the supervisor
 * is gone. Then it serves on until no client is connected, at the longest the
 * configuration's stop-timeout. Returns the exit status: 0, EX_CONFIG where the
 * first configuration cannot be loaded, EX_OSERR. Everything was logged. */
int keeper_run(const struct keeper_options *options);

/* The listening socket (SOCK_SEQPACKET), for the supervisor to make and keep, so
 * that it outlives each keeper: clients then wait instead of being refused.
 * A socket that is at path is replaced at once, even when an orphaned keeper
 * still drains behind it: that there is one supervisor only is for its own lock
 * to say. Returns the descriptor (close-on-exec, non-blocking), or -1. */
int keeper_listen(const char *path, mode_t mode, struct error *err);

#endif
