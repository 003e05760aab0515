/* smtp: one mail handed over to the MTA, from the null sender to one recipient (RFC 5321).
 *
 * TLS where the server offers it (RFC 3207), with whatever certificate it has, as mail servers do: who could put
 * another in its place could as well take the offer out. notice-server is this host, or across a network that is
 * trusted. Threads: any.
 */
#ifndef WORKER_SMTP_H
#define WORKER_SMTP_H

#include "base/error.h"
#include "base/slice.h"

struct smtp_job {
	const char *server;    /* "smtp://localhost:25" */
	unsigned timeout;      /* s for all of it */
	const char *recipient; /* addr-spec in ASCII: what is more takes an MTA and readers that know RFC 6531 */
	struct slice message;  /* file form, with CRLF */
};

/* YES: the server has taken it. NO: "recipient": that is no address that could be sent to; "refused": the server will
 * not have this mail (5xx to the recipient or content), with what it says. CANT_TELL: "deferred": the server will not
 * have it now, or will have nothing (any other answer); "network": no server that speaks, or it broke off; "memory".
 * After "network" it may have been taken nevertheless. */
enum answer smtp_send(const struct smtp_job *job, struct error *err);

#endif
