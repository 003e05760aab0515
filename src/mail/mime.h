/* mime: a message sliced into its MIME parts, in place.
 *
 * Nothing is copied or decoded: a part is positions in the message's body
 * (RFC 2045, RFC 2046). Where two readers could disagree about the structure,
 * the part is marked, so that nobody seals or trusts what others read
 * differently. The message outlives the tree. A tree is only read once made.
 */
#ifndef MAIL_MIME_H
#define MAIL_MIME_H

#include "mail/message.h"

#define MIME_PARAMETERS_MAX 32      /* of one field */
#define MIME_BOUNDARY_MAX 200       /* octets; RFC 2046 allows 70, mail programs pass that */
#define MIME_DEPTH_DEFAULT 100
#define MIME_PARTS_DEFAULT 10000
#define MIME_MESSAGES_DEPTH 5
#define MIME_MESSAGES_MAX 1000
#define MIME_FIELDS_MAX 100000      /* header fields of all parts together */

enum mime_encoding { /* Content-Transfer-Encoding (RFC 2045 6) */
	MIME_7BIT, MIME_8BIT, MIME_BINARY, MIME_QUOTED_PRINTABLE, MIME_BASE64,
	MIME_UNKNOWN_ENCODING,
};

struct mime_parameter {
	struct slice name;
	struct slice value; /* without quotes; quoted-pairs are still in it: see mime_parameter_text() */
	bool quoted;
};

struct mime_part {
	/* Header fields: of the message itself for the root, else of the part. In a
	 * part's values the folds are as they stand in the body, LF or CRLF. */
	const struct header_field *fields; /* root: the message's own; else owned by the tree */
	size_t field_count;
	struct slice body;       /* octets between header and the boundary line's line end */
	struct slice whole;      /* part: header, empty line and body; a message's root: the body;
	                          * an entity's root: the entity */

	struct slice type;       /* "text"; slices into the field's value */
	struct slice subtype;    /* "plain"; both as written */
	struct mime_parameter *parameters; /* the tree's own; no larger than their count, as there may be many parts */
	size_t parameter_count;
	enum mime_encoding encoding;
	bool has_content_type;
	bool defaulted;          /* Content-Type absent or malformed: text/plain or, in a digest, message/rfc822 */
	/* Readers may see another structure than this: a duplicate or malformed
	 * Content-Type or Content-Transfer-Encoding, a multipart without a usable boundary,
	 * unclosed, or with an encoding of its own, or with a quoted-pair in its Content-Type or a
	 * boundary that lacks the quotes it needs (in multipart/signed; else at its first octet), a
	 * line that is only almost its delimiter, a delimiter with a bare CR before or behind it, NUL
	 * or bare CR in the part's header. */
	bool ambiguous;

	struct mime_part *parent;
	struct mime_part *child; /* first; of multipart only, and of nothing else: a message/rfc822 is not entered */
	struct mime_part *next;
	unsigned depth;          /* root: 0 */
};

struct mime {
	struct mime_part *root;
	size_t part_count;
	bool owns_root_fields; /* an entity's; a message's are the message's */
};

struct mime_limits {
	unsigned depth;
	unsigned parts;
};

/* NO: a limit is passed, said by name (mime-depth-limit, mime-part-limit,
 * mime-field-limit). CANT_TELL: no memory. Time grows with the octets, whatever they are. */
enum answer mime_parse(const struct message *m, const struct mime_limits *limits, struct mime **tree,
	struct error *err);
/* The same for an entity in one piece (header, empty line, body), as decryption
 * and opaque signatures give; fields and body borrow from entity. */
enum answer mime_parse_entity(struct slice entity, const struct mime_limits *limits, struct mime **tree,
	struct error *err);
void mime_free(struct mime *tree); /* NULL is safe */

/* The next part in the message's order, below root; NULL: none. From root itself on it is every
 * part of root but itself. */
const struct mime_part *mime_next(const struct mime_part *root, const struct mime_part *part);
/* Is root or a part below it, or in a message that is attached (message/rfc822)? Then relays too see
 * different structures, and write what they see anew. Also where messages are in each other deeper than
 * MIME_MESSAGES_DEPTH, or more than MIME_MESSAGES_MAX, or one passes the limits of above, or there is no
 * memory to look. */
bool mime_is_ambiguous(const struct mime_part *root);

bool mime_is(const struct mime_part *part, const char *type, const char *subtype); /* no letter case; subtype NULL: any */
const struct mime_parameter *mime_parameter(const struct mime_part *part, const char *name);
/* The parameter's value with quoted-pairs undone, appended to out. */
bool mime_parameter_text(const struct mime_part *part, const char *name, struct buf *out);
bool mime_parameter_is(const struct mime_part *part, const char *name, const char *value); /* no letter case */
const struct header_field *mime_field(const struct mime_part *part, const char *name);

/* The part's body with its transfer encoding undone, appended to out. Blanks and
 * line ends in base64 are skipped; anything else that is no base64: NO, and so is
 * an unknown encoding. What is no quoted-printable behind "=" is taken literally, as
 * RFC 2045 6.7 advises. CANT_TELL: no memory, or out's limit. */
enum answer mime_decode(const struct mime_part *part, struct buf *out, struct error *err);

/* A field's value, parsed as Content-Type's and Content-Disposition's are
 * (RFC 2045 5.1, RFC 2183): a token, for Content-Type "/" and another, then parameters. */
struct mime_value {
	struct slice type;
	struct slice subtype; /* empty where there is none */
	struct mime_parameter *parameters; /* the caller's, MIME_PARAMETERS_MAX of them */
	size_t parameter_count;
	bool strict; /* nothing in it that readers could take in another way */
};
/* False: there is no token at its beginning. */
bool mime_value_parse(struct slice text, struct mime_parameter parameters[MIME_PARAMETERS_MAX],
	struct mime_value *value);

/* Is this a field that describes the content (Content-* and MIME-Version)? */
bool mime_is_mime_field(const char *name);

#endif
