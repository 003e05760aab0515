/* timestamp: a moment in text, UTC to the second: "2026-01-26T14:38:03Z" (RFC 3339 5.6). Pure; any thread. */
#ifndef BASE_TIMESTAMP_H
#define BASE_TIMESTAMP_H

#include "base/slice.h"

#include <time.h>

#define TIMESTAMP_LEN 20 /* octets */

/* A moment that has no such text, of no year from 1000 to 9999, gives "". */
void timestamp_write(time_t when, char text[TIMESTAMP_LEN + 1]);
/* False: it is not such a text, or no day of the calendar. */
bool timestamp_parse(struct slice text, time_t *when);

#endif
