/* guesses: passwords are guessed slowly.
 *
 * Counted for each serial number, for each client's address and over all, in the store, so that a restart forgets nothing.
 * From some number on each further guess is possible only after a delay, which doubles with every one and is never
 * more than GUESSES_DELAY_MAX: so nobody is shut out for good. What was counted is halved with every
 * GUESSES_HALF_LIFE. Whether a serial number is known plays no part.
 *
 * A guess is counted before the password is looked at and taken back if it was right: many at a time, or a crash between,
 * gain nothing.
 *
 * Answers, deadlines and threads are those of store.h; times are in seconds since 1970.
 */
#ifndef STORE_GUESSES_H
#define STORE_GUESSES_H

#include "base/error.h"
#include "base/slice.h"

#include <stdint.h>
#include <time.h>

#define GUESSES_FREE_SERIAL 3      /* without a delay */
#define GUESSES_FREE_CLIENT 10
#define GUESSES_FREE_ALL 100
#define GUESSES_DELAY_MIN 30       /* s, after the first that is not free; of all together 1 */
#define GUESSES_DELAY_MAX (60 * 60)
#define GUESSES_DELAY_ALL_MAX 60   /* of all together, as that defers people who have done nothing */
#define GUESSES_HALF_LIFE (6 * 60 * 60) /* s */
#define GUESSES_ROWS_MAX 100000    /* more: those of longest ago are forgotten */

struct guesses;

enum answer guesses_open(const char *path, struct guesses **guesses, struct error *err);
void guesses_close(struct guesses *guesses); /* NULL is safe */

struct guess {
	const char *authority;
	struct slice serial; /* as in struct record */
	const char *client;  /* IP address in text; IPv6 counts by its /64 (one network), others as they stand */
	int64_t now;
};

enum guesses_scope { GUESSES_SERIAL, GUESSES_CLIENT, GUESSES_ALL };

struct guesses_wait {
	enum guesses_scope scope; /* what it is too much for; the one that lasts longest */
	int64_t seconds;          /* until the next is possible */
};

/* YES: it has been counted, the password may be looked at. CANT_TELL "guesses": not now, nothing was counted, *wait says
 * how long. wait->seconds is 0 for all other answers. */
enum answer guesses_begin(struct guesses *guesses, const struct guess *guess, const struct timespec *deadline,
	struct guesses_wait *wait, struct error *err);
/* It was right: what guesses_begin() counted is taken back, and what was counted for the serial number is forgotten. */
enum answer guesses_right(struct guesses *guesses, const struct guess *guess, const struct timespec *deadline,
	struct error *err);

#endif
