/* told: what a command has found out, as one tree, printed for people or for programs.
 *
 * Both are printed from the same tree, so that the two can never say different things. A function that
 * makes values of it gives up quietly without memory: told_print() then says so.
 */
#ifndef CTL_TOLD_H
#define CTL_TOLD_H

#include "base/error.h"
#include "base/slice.h"

#include <jansson.h>

#include <stdbool.h>
#include <time.h>

#define TOLD_FINGERPRINT_SIZE 96 /* "AB:CD:..." of 32 octets, with the 0 behind it */

/* What is not UTF-8 cannot stand in JSON: such octets are shown as "?". */
json_t *told_text(struct slice s);
void told_put(json_t *object, const char *key, const char *value); /* NULL: nothing is put */
void told_put_flag(json_t *object, const char *key, bool flag);
void told_put_count(json_t *object, const char *key, long long count);
void told_put_time(json_t *object, const char *key, time_t when);  /* "2027-05-31T12:00:00Z" */
void told_put_reason(json_t *object, const char *key, const struct error *reason); /* YES: nothing is put */
void told_fingerprint(const unsigned char digest[32], char text[TOLD_FINGERPRINT_SIZE]);

/* To standard output; takes root. For people: a line for each value under its key; texts in an array in
 * one line, objects in an array in one line each. False: it could not be written. */
bool told_print(json_t *root, bool json);

#endif
