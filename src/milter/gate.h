/* gate: the process that reads mail; one for each listener.
 *
 * It holds no private key. Its main thread does what the supervisor says
 * (base/control.h); libmilter has a thread of its own, which starts others.
 * SIGHUP, SIGINT and SIGTERM are ignored: libmilter would take each of them as
 * an order to drop all sessions at once.
 *
 * Stop. On CONTROL_STOP, or when the supervisor is gone, no connection is
 * accepted and no message begun any more; those in hand are finished, at the
 * longest stop-timeout seconds, and the process leaves.
 */
#ifndef MILTER_GATE_H
#define MILTER_GATE_H

#include "base/budget.h"
#include "gateway/gateway.h"
#include "milter/process.h"

#define GATE_KEEPER_CONNECTIONS 16 /* so that 16 gates do not have more than keeper serves */
/* What a message costs for each octet of it: while it is collected, a buffer that
 * grows by doubling; then its canonical form, DER and base64 besides. Measured at 10 MiB, peak of
 * the process: base64 attachments 3.3 to 5.5, text that must be re-encoded up to
 * 7.2. (10 MiB of bare line feeds alone need 10 to 13; MTAs do not hand on such.) */
#define GATE_MEMORY_COLLECT 2
#define GATE_MEMORY_FACTOR 7

struct gate_options {
	const char *config_path;  /* the text in force; read at the start and at each reload */
	const char *socket;       /* the listener's, which is what it is known by */
	int listen_fd;            /* listening there */
	int idle_fd;              /* of listen_idle() */
	const char *private_path; /* where libmilter may put a socket for a moment */
	const char *keeper_path;
	int control_fd;
	struct budget *budget;
	struct made *made;
	unsigned slot;
	const struct process_user *user;
	bool to_stderr; /* log there too once started */
};

/* The process' exit status: 0, or EX_CONFIG, EX_TEMPFAIL, EX_OSERR where it cannot
 * start. All was logged. */
int gate_run(const struct gate_options *options);

/* ---- for milter.c, in any thread ------------------------------------------ */

/* A message begins. A reference to the gateway in force, and the listener's
 * place in it; NULL: the process is stopping. Else gate_end() follows. */
struct gateway *gate_begin(struct gateway_entry *entry);
void gate_end(struct gateway *gateway);

/* Octets of memory-limit. */
bool gate_claim(size_t octets);
void gate_release(size_t octets);

#endif
