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

/* One block or one option, in the file's order: what stands in a block follows it, up to the next
 * entry that does not. The name borrows from the scanned text. */
struct scan_entry {
	struct slice name; /* "rule", "sign" */
	bool is_block;
	size_t in;         /* entry of the block around it; SCAN_NONE: top level */
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

/* The first block of that name behind the entry after (SCAN_NONE: of all), directly in the block at
 * index in (SCAN_NONE: at top level); SCAN_NONE where there is none. */
size_t scan_block(const struct scan *s, size_t in, const char *name, size_t after);
/* The line of an option that stands directly in that block; 0: not given. */
unsigned scan_option(const struct scan *s, size_t in, const char *option);

#endif
