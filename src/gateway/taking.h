/* taking: the certificates that a claim asks for, written into the inbox.
 *
 * All of them or none: what is answered YES is on the disk. Threads: any.
 */
#ifndef GATEWAY_TAKING_H
#define GATEWAY_TAKING_H

#include "gateway/claim.h"
#include "gateway/intake.h"

#define TAKING_CLIENT_MAX 64 /* octets of an address in text */

/* The mail that it came in. */
struct taking_mail {
	const struct message *message;
	char client[TAKING_CLIENT_MAX]; /* "192.0.2.1"; "": it has none */
	bool quiet;                     /* from a program, a list or a loop: nobody is told by mail */
};

void taking_mail_of(const struct message *m, struct taking_mail *mail);

struct taken {
	bool repeat;      /* all of it was there before */
	bool refused;     /* ... and was refused */
	time_t received;  /* the first time */
};

/* Of a YES claim. NO: it is larger than what can be written down. CANT_TELL: inbox, journal or the worker's key cannot be had now. */
enum answer taking_put(struct intake *intake, const struct claim_desk *desk, const struct taking_mail *mail,
	const struct claim *claim, time_t now, struct taken *taken, struct error *err);

#endif
