/* field: header fields of MIME parts, written so that no relay changes them.
 *
 * A value is what follows the colon, without the last line end; its folds are LF or CRLF
 * and white space, and are written as CRLF. All functions are safe in every thread.
 */
#ifndef MAIL_FIELD_H
#define MAIL_FIELD_H

#include "base/buf.h"

/* Is there nothing that field_add() would change, but for its folds' LF? */
bool field_is_safe(const char *name, struct slice value);

/* The field, changed as little as makes it safe:
 * - 8-bit text that is UTF-8 goes into RFC 2231's form in parameters of Content-Type and
 *   Content-Disposition, and into RFC 2047's in Content-Description and Subject;
 * - blanks at a line's end go to the next line's beginning: unfolded, it is the same;
 * - a line that is too long is folded where a blank is.
 * False: that is not enough; out holds part of it then. */
bool field_add(const char *name, struct slice value, struct buf *out);

/* The field as it is. */
void field_copy(const char *name, struct slice value, struct buf *out);
/* The same without name and colon. */
void field_copy_value(struct slice value, struct buf *out);

#endif
