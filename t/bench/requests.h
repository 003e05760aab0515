/* requests: what it costs to write requests for revocation down so that they survive.
 *
 * The floor is SQLite alone, with the settings of store: a row of the same size and a COMMIT for each, one after the
 * other. Beside it requests are put into the inbox, by one thread and by many at a time, who share fsyncs, and are
 * then brought into the journal as worker does.
 */
#ifndef REQUESTS_BENCH_H
#define REQUESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#define REQUESTS_THREADS 64

struct requests_line {
	const char *what;
	size_t count;
	unsigned threads;
	double seconds;
	unsigned fsyncs;
	double p99_ms; /* until one is on the disk; below 0: it was not measured */
};

enum { REQUESTS_FLOOR, REQUESTS_ONE, REQUESTS_MANY, REQUESTS_JOURNAL, REQUESTS_LINES };

struct requests_figures {
	struct requests_line line[REQUESTS_LINES];
};

/* A new folder below that one, whose absolute path ours has then; it should lie on the disk that is meant. False: said on
 * standard error. */
bool requests_folder(const char *below, char *ours, size_t size);
void requests_remove(const char *ours);

/* Its files are made in that folder. False: said on standard error. */
bool requests_measure(const char *folder, size_t count, struct requests_figures *f);

#endif
