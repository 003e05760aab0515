/* buf: bytes that we own, growing up to a hard limit.
 *
 * A failed addition (out of memory, limit reached) is remembered: further
 * additions do nothing, and one look at buf_failed() at the end is enough.
 * What was added before a failure stays readable. Not for use by several
 * threads at once.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/slice.h"

#include <stdarg.h>

struct buf {
	unsigned char *data;
	size_t len;
	size_t cap;
	size_t limit; /* octets that it may never exceed */
	bool failed;
	bool secret;  /* whatever memory it leaves is overwritten: also what it outgrows, which costs a copy each time */
};

void buf_init(struct buf *b, size_t limit);
void buf_init_secret(struct buf *b, size_t limit);
void buf_free(struct buf *b);  /* NULL is safe; the buf is empty afterwards */
void buf_wipe(struct buf *b);  /* overwrites the bytes first: for secrets */
void buf_clear(struct buf *b); /* keeps the memory, forgets bytes and failure */

/* Room for n octets more, so that many small additions do not grow it often. */
bool buf_reserve(struct buf *b, size_t n);
/* Moves the end to after n further octets and returns where they begin, for the
 * caller to fill in; NULL on failure. */
unsigned char *buf_extend(struct buf *b, size_t n);

void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_str(struct buf *b, const char *text);
void buf_add_byte(struct buf *b, unsigned char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

bool buf_failed(const struct buf *b);
struct slice buf_slice(const struct buf *b);
/* The content as a NUL-terminated text, which stays the buf's; NULL on failure
 * or where the content holds a NUL. */
const char *buf_str(struct buf *b);

#endif
