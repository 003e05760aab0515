/* inflate: what CompressedData holds (RFC 3274), by zlib: OpenSSL is often built without it.
 *
 * Threads: any.
 */
#ifndef SMIME_INFLATE_H
#define SMIME_INFLATE_H

#include "base/error.h"
#include "smime/structure.h"

/* Appends the content to out, whose limit is what a small message may become. NO: no
 * zlibCompress ("unsupported"), malformed, cut off or followed by something ("malformed"), more
 * than out's limit ("too-large"). CANT_TELL: "memory". Unless YES, out is as it was. */
enum answer inflate_content(const struct structure *s, struct buf *out, struct error *err);

/* How large that will be, without keeping any of it: for who has to ask for the memory
 * first. The same answers. */
enum answer inflate_size(const struct structure *s, size_t limit, size_t *size, struct error *err);

#endif
