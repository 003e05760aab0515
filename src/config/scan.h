/* scan: a look over the file's text before libconfuse reads it.
 *
 * libconfuse keeps no line numbers of what it has read, takes a comment within a list for
 * an error, counts lines wrongly after block comments, drops characters that it does not
 * expect (so that "*@example.com" without quotes becomes "@example.com") and
 * lets the second of two equal options win silently. So the text is looked over first:
 * comments are made blank, what libconfuse would misread is refused, and the place
 * of every block and option is noted.
 */
#ifndef CONFIG_SCAN_H
#define CONFIG_SCAN_H

#include "config/problems.h"

/* One block (option empty) or one option, in the file's order. Both texts borrow from the
 * scanned text. Options of a block follow it directly. */
struct scan_entry {
	struct slice block;  /* "rule"; empty at top level */
	struct slice option;
	unsigned line;
};

struct scan {
	struct scan_entry *entry;
	size_t count;
	size_t cap;
};

#define SCAN_NONE ((size_t)-1)

/* Changes text: comments become blanks. False: nothing can be read from it, and problems says
 * why. A repeated option is a problem, but the scan goes on. */
bool scan_text(char *text, size_t len, struct scan *s, struct problems *problems);
void scan_free(struct scan *s); /* what it holds, not the struct */

/* The next block of that name at or after from; SCAN_NONE where there is none. */
size_t scan_block(const struct scan *s, const char *block, size_t from);
/* The line of an option of the block at that index (SCAN_NONE: at top level); 0: not given. */
unsigned scan_option(const struct scan *s, size_t block, const char *option);

#endif
