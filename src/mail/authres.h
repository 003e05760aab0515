/* authres: Authentication-Results (RFC 8601), read and written.
 *
 * A value is what follows the field's colon, with LF or CRLF folds. What is read may come
 * from an attacker, and so may every slice and text that is written but the names of
 * methods, results, property types and properties. All functions are pure and safe in
 * every thread.
 */
#ifndef MAIL_AUTHRES_H
#define MAIL_AUTHRES_H

#include "base/buf.h"

#define AUTHRES_NAME "Authentication-Results"
#define AUTHRES_TEXT_MAX 900 /* octets of one value, reason or comment as it is written */

#define AUTHRES_ID_MAX 255     /* octets of an authserv-id that can be claimed */

/* An authserv-id, and whether a value claims it. */
struct authres_id {
	char text[AUTHRES_ID_MAX + 1]; /* in lower-case A-labels, without dots around it */
	size_t len;                    /* 0: it is none, or too long */
	bool claimed;
};

/* The id has at least a letter or a digit. */
void authres_id_init(struct authres_id *id, struct slice authserv_id);

/* Sets claimed of each id: could any reader take the value for one of that id's (RFC 8601 2.2,
 * 5)? Letter case and a dot at its end make no difference, A-labels and U-labels are the same.
 * Where the value is odd the answer is yes as soon as some reading, strict or careless, of its
 * comments, quotes, blanks, control characters and 8-bit octets puts the id first: what is no
 * part of a domain name may end the id or not be there at all.
 *
 * What is not ASCII before the first semicolon is compared where a domain name, with or without
 * a version, is alone there; anything else that is not ASCII, and an encoded word, claims every
 * id. A value that begins with another domain name in ASCII and a semicolon claims nothing.
 *
 * The time is that of a few passes over the value, and of one conversion to A-labels. */
void authres_claims(struct slice value, struct authres_id *ids, size_t count);

enum authres_left {
	AUTHRES_UNTOUCHED, /* there is no such result */
	AUTHRES_SHORTENED, /* out has the value without */
	AUTHRES_NOTHING,   /* there were no others: remove the field */
	AUTHRES_MALFORMED, /* who knows what others read in it: remove the field */
};

/* Adds to out the value without method's results, with all that belongs to them; what stays
 * is as it was, but for a fold where the line would be too long. A method's version and its
 * letter case make no difference. Values of properties need not be valid, as those that are
 * about often are not ("header.b=a/b=", "action=none"); quotes, comments, folds, the id and
 * methods with their results must be. With other answers than SHORTENED out is untouched. */
enum authres_left authres_without(struct slice value, const char *method, struct buf *out);

struct authres_found {
	size_t results; /* of the method, whatever they are */
	size_t count;   /* values */
	bool malformed; /* it is another id's, or not as it should be: nothing of it counts */
};

/* The property's value in each result of the method that is "pass": values has room for so many, slices of value. What
 * counts is only what no reader could take in another way: the field is of that id alone, its syntax is right up to each of the
 * method's properties ("word=value" with blanks between), and the property is there once. What is in comments or
 * reasons is none. property: "header.d". */
void authres_passed(struct slice value, const char *authserv_id, const char *method, const char *property,
	struct slice *values, size_t room, struct authres_found *found);

struct authres_property {
	const char *ptype, *property; /* Keywords: "body", "smime-identifier" */
	struct slice value;           /* any octets */
};

/* One resinfo; everything is borrowed. */
struct authres_result {
	const char *method, *result; /* Keywords: "smime", "pass" */
	const char *reason;          /* or NULL */
	const char *comment;         /* without its parentheses, or NULL */
	const struct authres_property *properties;
	size_t property_count;
};

/* Adds the value to out, its leading blank included, with LF folds: no line is longer than
 * 78 octets where a blank permits, none is than TRANSFER_LINE_MAX, the name on the first counted. The
 * id stays on the first. No results are written as "none".
 *
 * Values that are neither a token nor an address of tokens become a quoted-string. Control
 * characters become "?"; so does what is no UTF-8, and everything that is not ASCII unless
 * utf8 (RFC 6532: the message is internationalised): authserv_id is best in A-labels. What is
 * longer than AUTHRES_TEXT_MAX is cut and ends in "...", which no address does. */
void authres_write(const char *authserv_id, const struct authres_result *results, size_t count, bool utf8,
	struct buf *out);

#endif
