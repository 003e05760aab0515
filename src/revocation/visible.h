/* visible: what a reader of mail sees of a text, apart from what is not the writer's.
 *
 * A text is decoded from its charset, format=flowed is undone (RFC 3676), and lines are
 * sorted: what is quoted of an earlier mail, whether marked by ">" or only set apart by
 * a line or by header fields; and what follows the signature separator "-- ".
 */
#ifndef REVOCATION_VISIBLE_H
#define REVOCATION_VISIBLE_H

#include "base/buf.h"
#include "base/error.h"

#define VISIBLE_OCTETS_MAX (1024 * 1024) /* of a mail's texts; what comes out is VISIBLE_GROWTH times that at most */
#define VISIBLE_GROWTH 8       /* UTF-8 of a one-octet charset, and line ends that HTML's tags stand for */
#define VISIBLE_FIELD_MAX 8192 /* octets of a header field that are looked at */

/* Each in UTF-8 with "\n" at its line's ends. */
struct visible {
	struct buf own;       /* what the writer says; where something was taken out, a paragraph ends */
	struct buf quoted;
	struct buf signature;
	struct buf hidden;    /* of HTML: what some readers do not show */
};

void visible_init(struct visible *v);
void visible_free(struct visible *v); /* wiped */
bool visible_failed(const struct visible *v);

/* How a text/plain is to be read: its Content-Type's parameters (RFC 3676 4). */
struct visible_format {
	bool flowed;
	bool delete_space;
};

/* The charset's name is known: us-ascii, utf-8, iso-8859-2, windows-1250, and the western ones that
 * programs use for text without accents; with the names that are in use for them. */
bool visible_knows_charset(struct slice charset);

/* Octets of that charset, appended to out as UTF-8. *damaged: there were some that the charset does
 * not have, and something that is in no request stands in their place. CANT_TELL: no memory, or out's limit. */
enum answer visible_decode(struct slice octets, struct slice charset, struct buf *out, bool *damaged,
	struct error *err);

/* Sorts the lines of text, UTF-8 with LF or CRLF, and appends them to v, whose memory of a failure says
 * whether there was room. */
void visible_split(struct slice text, struct visible_format format, struct visible *v);

/* An unstructured header field's value with its encoded words decoded (RFC 2047), appended to out as UTF-8;
 * what cannot be decoded is left out. CANT_TELL: no memory, or out's limit. */
enum answer visible_field(struct slice value, struct buf *out, struct error *err);

#endif
