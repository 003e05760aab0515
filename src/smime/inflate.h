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
 * than out's limit ("too-large"). CANT_TELL: "no-memory". Unless YES, out is as it was. */
enum answer inflate_content(const struct structure *s, struct buf *out, struct error *err);

#endif
