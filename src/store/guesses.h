/* guesses: passwords are guessed slowly.
 *
 * Counted for each serial number, for each client's address and over all, in the store, so that a restart forgets nothing.
 * From some number on each further guess is possible only after a delay, which doubles with every one and is never
 * more than a limit: so nobody is shut out for good. What was counted is halved with every
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

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define GUESSES_DELAY_MIN 30       /* s, after the first that is not free; of all together 1 */
#define GUESSES_DELAY_CEILING (24 * 60 * 60) /* s, whatever the limit is */
#define GUESSES_DELAY_ALL_MAX 60   /* of all together, as that defers people who have done nothing */
#define GUESSES_HALF_LIFE (6 * 60 * 60) /* s */
#define GUESSES_ROWS_MAX 100000    /* more: those of longest ago are forgotten */

/* As they are configured; they may be others with each guess. */
struct guesses_limits {
	int64_t per_serial, per_client, in_all; /* without a delay */
	int64_t delay_max;                      /* s, of one serial number or client */
};

#define GUESSES_LIMITS ((struct guesses_limits){3, 10, 100, 60 * 60}) /* unless they are set */

struct guesses;

enum answer guesses_open(const char *path, struct guesses **guesses, struct error *err);
/* For guesses_list() only. CANT_TELL: it is not there yet, or cannot be read now. */
enum answer guesses_open_to_read(const char *path, struct guesses **guesses, struct error *err);
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
enum answer guesses_begin(struct guesses *guesses, const struct guess *guess, const struct guesses_limits *limits,
	const struct timespec *deadline, struct guesses_wait *wait, struct error *err);
/* It was right: what guesses_begin() counted is taken back, and what was counted for the serial number is forgotten. */
enum answer guesses_right(struct guesses *guesses, const struct guess *guess, const struct timespec *deadline,
	struct error *err);

/* One that is in delay now. */
struct guesses_item {
	enum guesses_scope scope;
	const char *name;  /* "ica 01AB"; "192.0.2.1", "2001:db8:1:2::/64"; "" of all together */
	int64_t count;
	int64_t last;      /* the last that was counted */
	int64_t until;
};

/* Borrowed for the call; must not call functions of this file. False: enough. */
typedef bool guesses_each(void *arg, const struct guesses_item *item);
/* Those under attack, the longest delay first: for an operator's alarm. */
enum answer guesses_list(struct guesses *guesses, int64_t now, guesses_each *each, void *arg, struct error *err);

#endif
