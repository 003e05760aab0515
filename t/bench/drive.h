/* drive: many connections at once, each sending message after message. */
#ifndef DRIVE_H
#define DRIVE_H

#include "t/mta/mta.h"

#define DRIVE_CONNECTIONS_MAX 256
#define DRIVE_MESSAGES_MAX 200000u /* of one connection in one run */

struct drive_job {
	const char *socket;
	const struct mta_message *message; /* shared; its queue id is replaced */
	const struct mta_message *each;    /* or each of these once, each_count of them, however long it takes */
	size_t each_count;
	bool unchanged;                    /* it is to be accepted with the body that it has; else with another */
	const char *field, *holds;         /* a new field and what it must hold; NULL: do not look */
	unsigned connections;
	double seconds;                    /* no message begins later; each connection sends one at least */
};

struct drive_result {
	size_t messages;  /* that came back as they should */
	size_t failed;
	char error[512];  /* of one that failed */
	double seconds;   /* from the first beginning to the last end */
	double p50_ms;    /* connecting, negotiating and goodbye included */
	double p99_ms;
};

/* False: out of memory or threads. */
bool drive_run(const struct drive_job *job, struct drive_result *result);

#endif
