/* trust: what it costs to say who signed and whether that is qualified and not revoked. */
#ifndef TRUST_BENCH_H
#define TRUST_BENCH_H

#include "base/slice.h"
#include "scene.h"

#define TRUST_LIST_ENTRIES 1000000

struct trust_figures {
	double plain_ms;   /* CPU of CMS_verify() with its chain */
	double judged_ms;  /* ... of our verification with chain, lists in memory and profile */
	double load_s;     /* CPU of reading and checking a list of TRUST_LIST_ENTRIES */
	double look_up_us; /* ... of asking it about one certificate */
	double octets;     /* of memory that an entry takes */
};

/* entity: what is signed. False: said on standard error. */
bool trust_measure(const struct scene *s, struct slice entity, double seconds, struct trust_figures *f);

#endif
