/* html: the text of HTML that a reader sees, and what he may not see.
 *
 * Tokens are taken as HTML's standard takes them (13.2.5), whatever is wrong with them; the
 * tree is followed only as far as it takes to know what is quoted (blockquote) and what is
 * hidden: by an element that is not shown, by attribute, by style, or crossed out. Comments
 * are hidden text too, as some readers show them. Where elements that quote or hide are not
 * closed as they were opened, readers may differ: all that follows counts as hidden.
 */
#ifndef REVOCATION_HTML_H
#define REVOCATION_HTML_H

#include "base/buf.h"
#include "base/error.h"

#define HTML_DEPTH_MAX 128   /* open elements */
#define HTML_TAGS_MAX 50000
#define HTML_VALUE_MAX 16384 /* octets of a style, class or id that are looked at */

struct html_text { /* UTF-8, lines ended by "\n" */
	struct buf *shown;
	struct buf *quoted;
	struct buf *hidden;
};

/* Appends html's text, which is UTF-8, to the three. NO (html-depth, html-tags, html-value): a limit.
 * CANT_TELL: no memory, or a limit of theirs. Time grows with the octets. */
enum answer html_read(struct slice html, const struct html_text *out, struct error *err);

#endif
