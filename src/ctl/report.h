/* report: what a command has found out, printed for people or for programs from one tree (gateway/tree.h). */
#ifndef CTL_REPORT_H
#define CTL_REPORT_H

#include "gateway/tree.h"

#define REPORT_FINGERPRINT_SIZE 96 /* "AB:CD:..." of 32 octets, with the 0 behind it */

void report_fingerprint(const unsigned char digest[32], char text[REPORT_FINGERPRINT_SIZE]);

/* To standard output, with a line's end behind it, and nothing in it that a terminal obeys; flags are jansson's. False: it
 * could not be written, or no memory. */
bool report_json(const json_t *root, size_t flags);

/* To standard output; takes root. For people: a line for each value under its key; texts in an array in
 * one line, objects in an array in one line each. False: it could not be written. */
bool report_print(json_t *root, bool json);

#endif
