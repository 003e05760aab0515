#include "mail/mime.h"
#include "mail/transfer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024 /* of the table of open boundaries; a power of two */
#define HASH_START 2166136261u
#define HASH_STEP 16777619u

/* A multipart whose end has not been seen. */
struct level {
	struct mime_part *part;
	struct mime_part *last_child;
	unsigned char boundary[MIME_BOUNDARY_MAX];
	size_t boundary_len;
	uint32_t hash;
	size_t next_in_bucket; /* level number + 1; 0: none */
	bool closed;           /* its final delimiter was seen: what follows is epilogue */
};

struct raw_field {
	struct slice name;
	struct slice value;
};

struct parser {
	struct slice text;
	const struct mime_limits *limits;
	struct mime *tree;
	struct mime_part *leaf; /* the part whose end is looked for; NULL in preamble and epilogue */
	struct level *levels;
	size_t level_count, level_cap;
	size_t bucket[BUCKETS];                      /* level number + 1 */
	unsigned of_length[MIME_BOUNDARY_MAX + 1];   /* open boundaries of that length */
	struct raw_field *raw;
	size_t raw_count, raw_cap;
	size_t fields_total;
	struct error *err;
};

struct delimiter {
	size_t level;
	bool found;
	bool final;
};

/* RFC 2045 5.1 */
static bool
is_token(unsigned char c)
{
	return c > ' ' && c < 0x7f && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

/* Blanks, folds and comments. False: a comment, of which many readers know nothing. */
static bool
skip_white(struct slice s, size_t *at)
{
	size_t depth = 0, i = *at;
	bool plain = true;

	for (; i < s.len; i++) {
		if (s.data[i] == '(') {
			depth++;
			plain = false;
		} else if (depth > 0 && s.data[i] == ')') {
			depth--;
		} else if (depth > 0 && s.data[i] == '\\') {
			i++;
		} else if (depth == 0 && !ascii_is_white(s.data[i])) {
			break;
		}
	}
	*at = i < s.len ? i : s.len;
	return plain;
}

static struct slice
take_token(struct slice s, size_t *at)
{
	size_t from = *at;

	while (*at < s.len && is_token(s.data[*at]))
		(*at)++;
	return slice_of(s.data + from, *at - from);
}

/* From the octet behind the opening quote. False: the closing one is missing. */
static bool
take_quoted(struct slice s, size_t *at, struct slice *value)
{
	size_t i = *at;

	while (i < s.len && s.data[i] != '"')
		i += s.data[i] == '\\' ? 2 : 1;
	*value = slice_sub(s, *at, i);
	*at = i < s.len ? i + 1 : s.len;
	return i < s.len;
}

/* Mail programs write boundary=----=_x without quotes, and mail readers read it; with
 * blanks in it, or what begins a comment, not all do. See also is_disputed(). */
static bool
take_bare(struct slice s, size_t *at, struct slice *value)
{
	size_t end = slice_find(s, ';', *at);

	*value = slice_trim(slice_sub(s, *at, end));
	*at = end;
	for (size_t i = 0; i < value->len; i++)
		if (!is_token(value->data[i]) && strchr("/:?=", value->data[i]) == NULL)
			return false;
	return value->len > 0;
}

static bool
take_parameter(struct slice s, size_t *at, struct mime_parameter *p)
{
	bool strict;

	p->name = take_token(s, at);
	strict = skip_white(s, at);
	if (p->name.len == 0 || *at >= s.len || s.data[*at] != '=') {
		p->name = SLICE_NONE;
		return false;
	}
	(*at)++;
	strict = skip_white(s, at) && strict;
	p->quoted = *at < s.len && s.data[*at] == '"';
	if (!p->quoted)
		return take_bare(s, at, &p->value) && strict;
	(*at)++;
	return take_quoted(s, at, &p->value) && strict;
}

static bool
has_parameter(const struct mime_value *v, struct slice name)
{
	for (size_t i = 0; i < v->parameter_count; i++)
		if (slice_eq_nocase(v->parameters[i].name, name))
			return true;
	return false;
}

static void
take_parameters(struct slice s, size_t at, struct mime_value *v)
{
	struct mime_parameter p;

	for (;;) {
		v->strict = skip_white(s, &at) && v->strict;
		if (at >= s.len)
			return;
		if (s.data[at] != ';') {
			v->strict = false;
			at = slice_find(s, ';', at);
			continue;
		}
		at++;
		v->strict = skip_white(s, &at) && v->strict;
		if (at >= s.len || s.data[at] == ';')
			continue;
		v->strict = take_parameter(s, &at, &p) && v->strict;
		if (p.name.len == 0)
			continue;
		if (v->parameter_count == MIME_PARAMETERS_MAX || has_parameter(v, p.name))
			v->strict = false;
		if (v->parameter_count < MIME_PARAMETERS_MAX)
			v->parameters[v->parameter_count++] = p;
	}
}

bool
mime_value_parse(struct slice text, struct mime_parameter parameters[MIME_PARAMETERS_MAX],
	struct mime_value *value)
{
	size_t at = 0;

	*value = (struct mime_value){.parameters = parameters};
	value->strict = skip_white(text, &at);
	value->type = take_token(text, &at);
	value->strict = skip_white(text, &at) && value->strict;
	if (at < text.len && text.data[at] == '/') {
		at++;
		value->strict = skip_white(text, &at) && value->strict;
		value->subtype = take_token(text, &at);
		if (value->subtype.len == 0)
			value->strict = false;
	}
	if (value->type.len == 0)
		return false;
	take_parameters(text, at, value);
	return true;
}

/* Content type */

static const struct header_field *
nth_field(const struct mime_part *part, const char *name, size_t nth)
{
	struct slice wanted = slice_str(name);

	for (size_t i = 0; i < part->field_count; i++)
		if (slice_eq_nocase(slice_str(part->fields[i].name), wanted) && nth-- == 0)
			return &part->fields[i];
	return NULL;
}

const struct header_field *
mime_field(const struct mime_part *part, const char *name)
{
	return nth_field(part, name, 0);
}

/* RFC 2046 5.1.5: what is in a digest is a message unless it says otherwise. */
static void
set_default_type(struct mime_part *part)
{
	bool digest = part->parent != NULL && mime_is(part->parent, "multipart", "digest");

	part->defaulted = true;
	part->type = slice_str(digest ? "message" : "text");
	part->subtype = slice_str(digest ? "rfc822" : "plain");
}

static bool
keep_parameters(struct mime_part *part, const struct mime_value *value)
{
	if (value->parameter_count == 0)
		return true;
	part->parameters = calloc(value->parameter_count, sizeof *part->parameters);
	if (part->parameters == NULL)
		return false;
	memcpy(part->parameters, value->parameters, value->parameter_count * sizeof *part->parameters);
	part->parameter_count = value->parameter_count;
	return true;
}

/* A boundary without the quotes that it needs (RFC 2045 5.1) ends for some readers, Python's for
 * one, at the first of these characters; where it begins with one, there is none. Then they show
 * what stands around the parts. For what is signed that is too much, and there no mail program
 * leaves the quotes out. */
static bool
is_disputed(const struct mime_part *part, const struct mime_parameter *p)
{
	size_t end = mime_is(part, "multipart", "signed") ? p->value.len : 1;

	if (p->quoted || !slice_eq_str_nocase(p->name, "boundary"))
		return false;
	for (size_t i = 0; i < end && i < p->value.len; i++)
		if (strchr("/:?=*'", p->value.data[i]) != NULL)
			return true;
	return false;
}

/* False: no memory. */
static bool
read_type(struct mime_part *part)
{
	const struct header_field *field = mime_field(part, "Content-Type");
	struct mime_parameter parameters[MIME_PARAMETERS_MAX];
	struct mime_value value;

	part->has_content_type = field != NULL;
	if (field == NULL) {
		set_default_type(part);
		return true;
	}
	if (nth_field(part, "Content-Type", 1) != NULL)
		part->ambiguous = true;
	if (!mime_value_parse(field->value, parameters, &value) || value.subtype.len == 0) {
		/* "text" alone was valid before MIME (RFC 1049), and everybody reads it so. */
		if (!slice_eq_str_nocase(slice_trim(field->value), "text"))
			part->ambiguous = true;
		set_default_type(part);
		return true;
	}
	part->type = value.type;
	part->subtype = value.subtype;
	/* A file name with blanks and no quotes harms no structure; a boundary does. Not every
	 * reader undoes each quoted-pair, and so finds another closing quote, or another boundary. */
	if (mime_is(part, "multipart", NULL) && (!value.strict || slice_find(field->value, '\\', 0) < field->value.len))
		part->ambiguous = true;
	for (size_t i = 0; i < value.parameter_count; i++)
		if (mime_is(part, "multipart", NULL) && is_disputed(part, &value.parameters[i]))
			part->ambiguous = true;
	return keep_parameters(part, &value);
}

static enum mime_encoding
encoding_of(struct slice value)
{
	static const struct {
		const char *name;
		enum mime_encoding encoding;
	} known[] = {
		{"7bit", MIME_7BIT}, {"8bit", MIME_8BIT}, {"binary", MIME_BINARY},
		{"quoted-printable", MIME_QUOTED_PRINTABLE}, {"base64", MIME_BASE64},
	};
	struct slice word = slice_trim(value);

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (slice_eq_str_nocase(word, known[i].name))
			return known[i].encoding;
	return MIME_UNKNOWN_ENCODING;
}

static void
read_encoding(struct mime_part *part)
{
	const struct header_field *field = mime_field(part, "Content-Transfer-Encoding");

	part->encoding = MIME_7BIT;
	if (field == NULL)
		return;
	part->encoding = encoding_of(field->value);
	if (nth_field(part, "Content-Transfer-Encoding", 1) != NULL)
		part->ambiguous = true;
	/* RFC 2045 6.4: a multipart is never encoded itself; some readers decode it though. */
	if (part->encoding >= MIME_QUOTED_PRINTABLE && mime_is(part, "multipart", NULL))
		part->ambiguous = true;
}

/* Octets in a header that readers stop at, or take for a line end. */
static bool
has_odd_octets(struct slice s)
{
	if (s.len > 0 && memchr(s.data, '\0', s.len) != NULL)
		return true;
	for (size_t cr = slice_find(s, '\r', 0); cr < s.len; cr = slice_find(s, '\r', cr + 1))
		if (cr + 1 == s.len || s.data[cr + 1] != '\n')
			return true;
	return false;
}

/* False: no memory. */
static bool
classify(struct mime_part *part)
{
	for (size_t i = 0; i < part->field_count; i++)
		if (slice_starts_nocase(slice_str(part->fields[i].name), "Content-") && has_odd_octets(part->fields[i].value))
			part->ambiguous = true;
	if (!read_type(part))
		return false;
	read_encoding(part);
	return true;
}

static enum answer
no_memory(struct parser *p)
{
	return error_cant_tell(p->err, "memory", "no memory for the MIME structure");
}

/* Boundaries */

static uint32_t
hash_step(uint32_t hash, unsigned char c)
{
	return (hash ^ c) * HASH_STEP;
}

static uint32_t
hash_of(struct slice s)
{
	uint32_t hash = HASH_START;

	for (size_t i = 0; i < s.len; i++)
		hash = hash_step(hash, s.data[i]);
	return hash;
}

static size_t
find_level(const struct parser *p, struct slice boundary, uint32_t hash)
{
	size_t n = p->bucket[hash % BUCKETS];

	while (n != 0) {
		const struct level *level = &p->levels[n - 1];

		if (level->hash == hash && slice_eq(slice_of(level->boundary, level->boundary_len), boundary))
			break;
		n = level->next_in_bucket;
	}
	return n;
}

/* What follows "--" on a line, compared with every open boundary in one pass over it,
 * however many there are. RFC 2046 5.1.1 lets a reader take a line for a delimiter that
 * only begins like one: those that do so see another structure. */
static struct delimiter
match(struct parser *p, struct slice line)
{
	struct delimiter d = {.found = false};
	uint32_t hash = HASH_START;

	while (line.len > 0 && ascii_is_white(line.data[line.len - 1]))
		line.len--;
	for (size_t k = 1; k <= line.len && k <= MIME_BOUNDARY_MAX; k++) {
		struct slice rest = slice_sub(line, k, line.len);
		size_t n;

		hash = hash_step(hash, line.data[k - 1]);
		n = p->of_length[k] == 0 ? 0 : find_level(p, slice_of(line.data, k), hash);
		if (n == 0)
			continue;
		if (p->levels[n - 1].closed || (rest.len > 0 && !slice_eq_str(rest, "--"))) {
			p->levels[n - 1].part->ambiguous = true;
			continue;
		}
		if (d.found) {
			p->levels[d.level].part->ambiguous = true;
			p->levels[n - 1].part->ambiguous = true;
		}
		d = (struct delimiter){.level = n - 1, .found = true, .final = rest.len > 0};
	}
	return d;
}

static void
pop_level(struct parser *p)
{
	struct level *level = &p->levels[--p->level_count];

	p->bucket[level->hash % BUCKETS] = level->next_in_bucket;
	p->of_length[level->boundary_len]--;
}

static bool
boundary_usable(struct slice boundary)
{
	for (size_t i = 0; i < boundary.len; i++)
		if (boundary.data[i] < ' ' || boundary.data[i] >= 0x7f)
			return false;
	return boundary.len > 0 && boundary.len <= MIME_BOUNDARY_MAX && boundary.data[boundary.len - 1] != ' ';
}

/* RFC 2231 would let a boundary be said twice, in two ways. Some readers leave the line end
 * of a fold in it. */
static bool
boundary_is_plain(const struct mime_part *part)
{
	const struct mime_parameter *boundary = mime_parameter(part, "boundary");

	for (size_t i = 0; i < part->parameter_count; i++)
		if (slice_starts_nocase(part->parameters[i].name, "boundary*"))
			return false;
	return boundary != NULL && slice_find(boundary->value, '\n', 0) == boundary->value.len;
}

static struct level *
new_level(struct parser *p)
{
	struct level *levels;
	size_t cap;

	if (p->level_count < p->level_cap)
		return &p->levels[p->level_count];
	cap = p->level_cap == 0 ? 16 : 2 * p->level_cap;
	levels = realloc(p->levels, cap * sizeof *levels);
	if (levels == NULL)
		return NULL;
	p->levels = levels;
	p->level_cap = cap;
	return &p->levels[p->level_count];
}

/* A multipart is entered if its delimiters can be told from all the others. */
static enum answer
push_level(struct parser *p, struct mime_part *part)
{
	struct buf text;
	struct slice boundary;
	struct level *level = new_level(p);
	size_t same;

	if (level == NULL)
		return no_memory(p);
	buf_init(&text, MIME_BOUNDARY_MAX + 1);
	if (!mime_parameter_text(part, "boundary", &text) || !boundary_usable(buf_slice(&text)) ||
	    !boundary_is_plain(part)) {
		part->ambiguous = true;
		goto out;
	}
	boundary = buf_slice(&text);
	same = find_level(p, boundary, hash_of(boundary));
	if (same != 0) {
		part->ambiguous = true;
		p->levels[same - 1].part->ambiguous = true;
		goto out;
	}
	level->part = part;
	level->last_child = NULL;
	level->closed = false;
	memcpy(level->boundary, boundary.data, boundary.len);
	level->boundary_len = boundary.len;
	level->hash = hash_of(boundary);
	level->next_in_bucket = p->bucket[level->hash % BUCKETS];
	p->bucket[level->hash % BUCKETS] = ++p->level_count;
	p->of_length[boundary.len]++;
	p->leaf = NULL;
out:
	buf_free(&text);
	return ANSWER_YES;
}

/* Headers of parts */

static bool
add_raw(struct parser *p, struct slice name, struct slice value)
{
	if (p->raw_count == p->raw_cap) {
		size_t cap = p->raw_cap == 0 ? 64 : 2 * p->raw_cap;
		struct raw_field *raw = realloc(p->raw, cap * sizeof *raw);

		if (raw == NULL)
			return false;
		p->raw = raw;
		p->raw_cap = cap;
	}
	p->raw[p->raw_count++] = (struct raw_field){name, value};
	return true;
}

/* The colon's place in a field line; 0: it is none. */
static size_t
field_colon(struct slice line)
{
	size_t colon = slice_find(line, ':', 0);

	if (colon == line.len)
		return 0;
	for (size_t i = 0; i < colon; i++)
		if (line.data[i] <= ' ' || line.data[i] >= 0x7f)
			return ascii_is_blank(line.data[i]) && i > 0 && slice_trim(slice_sub(line, i, colon)).len == 0 ? colon : 0;
	return colon;
}

/* Fields and names in one block: names are read as texts everywhere. */
static bool
keep_fields(struct parser *p, struct mime_part *part)
{
	size_t names = 0;
	struct header_field *fields;
	char *name;

	for (size_t i = 0; i < p->raw_count; i++)
		names += p->raw[i].name.len + 1;
	if (p->raw_count == 0)
		return true;
	fields = malloc(p->raw_count * sizeof *fields + names);
	if (fields == NULL)
		return false;
	name = (char *)(fields + p->raw_count);
	for (size_t i = 0; i < p->raw_count; i++) {
		struct slice from = p->raw[i].name;

		fields[i].name = name;
		fields[i].value = p->raw[i].value;
		memcpy(name, from.data, from.len);
		name += from.len;
		*name++ = '\0';
	}
	part->fields = fields;
	part->field_count = p->raw_count;
	return true;
}

static enum answer
add_line(struct parser *p, struct mime_part *part, struct slice line, size_t colon)
{
	struct slice name = slice_sub(line, 0, colon);

	if (++p->fields_total > MIME_FIELDS_MAX)
		return error_no(p->err, "mime-field-limit", "the message's parts have more than %d header fields",
			MIME_FIELDS_MAX);
	if (slice_trim(name).len != name.len)
		part->ambiguous = true;
	if (!add_raw(p, slice_trim(name), slice_of(line.data + colon + 1, line.len - colon - 1)))
		return no_memory(p);
	return ANSWER_YES;
}

/* Collects the fields that begin at from; *end is where the body begins. */
static enum answer
scan_header(struct parser *p, struct mime_part *part, size_t from, size_t *end)
{
	struct slice t = p->text;
	size_t at = from, lf, colon;

	for (; at < t.len; at = lf < t.len ? lf + 1 : lf) {
		struct slice line;

		lf = slice_find(t, '\n', at);
		line = slice_of(t.data + at, lf - at);
		if (line.len > 0 && lf < t.len && line.data[line.len - 1] == '\r')
			line.len--;
		if (line.len == 0) {
			at = lf < t.len ? lf + 1 : lf;
			break;
		}
		if (line.len > 2 && line.data[0] == '-' && line.data[1] == '-' &&
		    match(p, slice_sub(line, 2, line.len)).found)
			break;
		if (ascii_is_blank(line.data[0]) && p->raw_count > 0) {
			struct slice *value = &p->raw[p->raw_count - 1].value;

			value->len = (size_t)(line.data + line.len - value->data);
			continue;
		}
		colon = field_colon(line);
		if (colon == 0) {
			part->ambiguous = true;
			break;
		}
		if (add_line(p, part, line, colon) != ANSWER_YES)
			return p->fields_total > MIME_FIELDS_MAX ? ANSWER_NO : ANSWER_CANT_TELL;
	}
	*end = at;
	return ANSWER_YES;
}

static enum answer
read_header(struct parser *p, struct mime_part *part, size_t from, size_t *end)
{
	enum answer a;

	p->raw_count = 0;
	a = scan_header(p, part, from, end);
	if (a != ANSWER_YES)
		return a;
	if (!keep_fields(p, part))
		return no_memory(p);
	if (has_odd_octets(slice_sub(p->text, from, *end)))
		part->ambiguous = true;
	return ANSWER_YES;
}

/* The tree */

static struct mime_part *
new_part(struct parser *p, struct level *level)
{
	struct mime_part *part = calloc(1, sizeof *part);

	if (part == NULL)
		return NULL;
	p->tree->part_count++;
	if (level == NULL) {
		p->tree->root = part;
		return part;
	}
	part->parent = level->part;
	part->depth = level->part->depth + 1;
	if (level->last_child == NULL)
		level->part->child = part;
	else
		level->last_child->next = part;
	level->last_child = part;
	return part;
}

static enum answer
check_limits(struct parser *p, const struct mime_part *parent)
{
	if (p->tree->part_count >= p->limits->parts)
		return error_no(p->err, "mime-part-limit", "the message has more than %u MIME parts (mime-part-limit)",
			p->limits->parts);
	if (parent->depth >= p->limits->depth)
		return error_no(p->err, "mime-depth-limit",
			"the message's MIME parts are nested deeper than %u (mime-depth-limit)", p->limits->depth);
	return ANSWER_YES;
}

/* Position and length are all that a part has until its end is known. */
static void
begin_part(struct parser *p, struct mime_part *part, size_t from, size_t body)
{
	part->whole = slice_of(p->text.data + from, 0);
	part->body = slice_of(p->text.data + body, 0);
	p->leaf = part;
}

static void
end_part(struct parser *p, struct mime_part *part, size_t end)
{
	size_t from = (size_t)(part->whole.data - p->text.data);
	size_t body = (size_t)(part->body.data - p->text.data);

	if (end < from)
		end = from;
	if (body > end)
		body = end;
	part->whole = slice_of(p->text.data + from, end - from);
	part->body = slice_of(p->text.data + body, end - body);
}

/* Ends the leaf, and every multipart deeper than keep levels, at end. */
static void
end_levels(struct parser *p, size_t keep, size_t end)
{
	if (p->leaf != NULL)
		end_part(p, p->leaf, end);
	p->leaf = NULL;
	while (p->level_count > keep) {
		struct level *level = &p->levels[p->level_count - 1];

		if (!level->closed)
			level->part->ambiguous = true;
		end_part(p, level->part, end);
		pop_level(p);
	}
}

static enum answer
enter(struct parser *p, struct mime_part *part)
{
	if (!classify(part))
		return no_memory(p);
	return mime_is(part, "multipart", NULL) ? push_level(p, part) : ANSWER_YES;
}

static enum answer
open_part(struct parser *p, size_t level, size_t from, size_t *body)
{
	struct mime_part *part;
	enum answer a = check_limits(p, p->levels[level].part);

	if (a != ANSWER_YES)
		return a;
	part = new_part(p, &p->levels[level]);
	if (part == NULL)
		return no_memory(p);
	a = read_header(p, part, from, body);
	if (a != ANSWER_YES)
		return a;
	begin_part(p, part, from, *body);
	return enter(p, part);
}

/* The next "--" at a line's beginning, the end where there is none. Base64 holds no
 * hyphen, so that looking for one passes an attachment at memchr's speed. */
static size_t
next_dashes(struct slice t, size_t at)
{
	while (at < t.len) {
		at = slice_find(t, '-', at);
		if (at + 1 >= t.len)
			return t.len;
		if ((at == 0 || t.data[at - 1] == '\n' || t.data[at - 1] == '\r') && t.data[at + 1] == '-')
			return at;
		at++;
	}
	return t.len;
}

static size_t
before_line_end(struct slice t, size_t at)
{
	if (at > 0 && t.data[at - 1] == '\n')
		at--;
	if (at > 0 && t.data[at] == '\n' && t.data[at - 1] == '\r')
		at--;
	return at;
}

/* Where the line that at is in ends, and the next one begins. False: a bare CR ends it, as
 * some readers see it. */
static bool
find_line_end(struct slice t, size_t at, size_t *end, size_t *next)
{
	while (at < t.len && t.data[at] != '\r' && t.data[at] != '\n')
		at++;
	*end = at;
	while (at < t.len && t.data[at] == '\r')
		at++;
	*next = at < t.len && t.data[at] == '\n' ? at + 1 : at;
	return *next > at || at == t.len;
}

/* A line that begins with "--" at at; *next is where to look on. */
static enum answer
take_line(struct parser *p, size_t at, size_t *next)
{
	struct slice t = p->text;
	size_t end;
	bool bare_before = at > 0 && t.data[at - 1] == '\r';
	bool ended = find_line_end(t, at, &end, next);
	struct delimiter d = match(p, slice_sub(t, at + 2, end));

	if (!d.found)
		return ANSWER_YES;
	/* A bare CR is a line end to some readers, and so would be this delimiter's
	 * beginning, or its end and the next one's. */
	if (bare_before || !ended || *next > end + 2)
		p->levels[d.level].part->ambiguous = true;
	if (bare_before || !ended)
		return ANSWER_YES;
	end_levels(p, d.level + 1, before_line_end(t, at));
	if (!d.final)
		return open_part(p, d.level, *next, next);
	/* A multipart has at least one part (RFC 2046 5.1.1). */
	if (p->levels[d.level].last_child == NULL)
		p->levels[d.level].part->ambiguous = true;
	p->levels[d.level].closed = true;
	return ANSWER_YES;
}

static enum answer
parse_body(struct parser *p, size_t at)
{
	enum answer a = enter(p, p->tree->root);

	while (a == ANSWER_YES && p->level_count > 0) {
		at = next_dashes(p->text, at);
		if (at >= p->text.len)
			break;
		a = take_line(p, at, &at);
	}
	end_levels(p, 0, p->text.len);
	return a;
}

static enum answer
parse(struct parser *p, const struct message *m, struct mime **tree)
{
	struct mime_part *root;
	enum answer a = ANSWER_YES;
	size_t body = 0;

	p->tree = calloc(1, sizeof *p->tree);
	root = p->tree == NULL ? NULL : new_part(p, NULL);
	if (root == NULL) {
		free(p->tree);
		return no_memory(p);
	}
	p->tree->owns_root_fields = m == NULL;
	if (m != NULL) {
		root->fields = m->fields;
		root->field_count = m->field_count;
	} else {
		a = read_header(p, root, 0, &body);
	}
	if (a == ANSWER_YES) {
		begin_part(p, root, 0, body);
		a = parse_body(p, body);
	}
	if (a == ANSWER_YES)
		*tree = p->tree;
	else
		mime_free(p->tree);
	return a;
}

static enum answer
start(struct slice text, const struct message *m, const struct mime_limits *limits, struct mime **tree,
	struct error *err)
{
	struct parser *p = calloc(1, sizeof *p);
	enum answer a;

	if (p == NULL)
		return error_cant_tell(err, "memory", "no memory for the MIME structure");
	/* An empty body may have no address, and positions are counted from one. */
	p->text = text.data == NULL ? slice_str("") : text;
	p->limits = limits;
	p->err = err;
	a = parse(p, m, tree);
	free(p->levels);
	free(p->raw);
	free(p);
	return a;
}

enum answer
mime_parse(const struct message *m, const struct mime_limits *limits, struct mime **tree, struct error *err)
{
	return start(buf_slice(&m->body), m, limits, tree, err);
}

enum answer
mime_parse_entity(struct slice entity, const struct mime_limits *limits, struct mime **tree,
	struct error *err)
{
	return start(entity, NULL, limits, tree, err);
}

/* Without recursion: the nesting is the sender's choice. */
void
mime_free(struct mime *tree)
{
	struct mime_part *part;

	if (tree == NULL)
		return;
	part = tree->root;
	while (part != NULL) {
		struct mime_part *child = part->child, *parent = part->parent;

		if (child != NULL) {
			part->child = child->next;
			part = child;
			continue;
		}
		if (part != tree->root || tree->owns_root_fields)
			free((void *)part->fields);
		free(part->parameters);
		free(part);
		part = parent;
	}
	free(tree);
}

/* Looking at a part */

const struct mime_part *
mime_next(const struct mime_part *root, const struct mime_part *part)
{
	if (part->child != NULL)
		return part->child;
	while (part != root && part->next == NULL)
		part = part->parent;
	return part == root ? NULL : part->next;
}

static bool message_is_ambiguous(struct slice message, unsigned depth, unsigned *left);

static bool
is_ambiguous(const struct mime_part *root, unsigned depth, unsigned *left)
{
	for (const struct mime_part *part = root; part != NULL; part = mime_next(root, part))
		if (part->ambiguous || (mime_is(part, "message", "rfc822") && part->encoding < MIME_QUOTED_PRINTABLE &&
		    message_is_ambiguous(part->body, depth + 1, left)))
			return true;
	return false;
}

static bool
message_is_ambiguous(struct slice message, unsigned depth, unsigned *left)
{
	static const struct mime_limits limits = {.depth = MIME_DEPTH_DEFAULT, .parts = MIME_PARTS_DEFAULT};
	struct mime *tree;
	bool ambiguous;

	if (depth > MIME_MESSAGES_DEPTH || (*left)-- == 0 ||
	    mime_parse_entity(message, &limits, &tree, NULL) != ANSWER_YES)
		return true;
	ambiguous = is_ambiguous(tree->root, depth, left);
	mime_free(tree);
	return ambiguous;
}

bool
mime_is_ambiguous(const struct mime_part *root)
{
	unsigned left = MIME_MESSAGES_MAX;

	return is_ambiguous(root, 0, &left);
}

bool
mime_is(const struct mime_part *part, const char *type, const char *subtype)
{
	return slice_eq_str_nocase(part->type, type) &&
	    (subtype == NULL || slice_eq_str_nocase(part->subtype, subtype));
}

const struct mime_parameter *
mime_parameter(const struct mime_part *part, const char *name)
{
	for (size_t i = 0; i < part->parameter_count; i++)
		if (slice_eq_str_nocase(part->parameters[i].name, name))
			return &part->parameters[i];
	return NULL;
}

bool
mime_parameter_text(const struct mime_part *part, const char *name, struct buf *out)
{
	const struct mime_parameter *p = mime_parameter(part, name);

	if (p == NULL)
		return false;
	for (size_t i = 0; i < p->value.len; i++) {
		if (p->quoted && p->value.data[i] == '\\' && i + 1 < p->value.len)
			i++;
		/* A fold is no content (RFC 5322 2.2.3); the blank behind it is. */
		if (p->value.data[i] != '\r' && p->value.data[i] != '\n')
			buf_add_byte(out, p->value.data[i]);
	}
	return !buf_failed(out);
}

bool
mime_parameter_is(const struct mime_part *part, const char *name, const char *value)
{
	struct buf text;
	bool same;

	buf_init(&text, MESSAGE_HEADER_OCTETS_MAX);
	same = mime_parameter_text(part, name, &text) && slice_eq_str_nocase(buf_slice(&text), value);
	buf_free(&text);
	return same;
}

bool
mime_is_mime_field(const char *name)
{
	struct slice s = slice_str(name);

	return slice_starts_nocase(s, "Content-") || slice_eq_str_nocase(s, "MIME-Version");
}

/* Transfer encodings */

enum answer
mime_decode(const struct mime_part *part, struct buf *out, struct error *err)
{
	switch (part->encoding) {
	case MIME_BASE64:
		return transfer_decode_base64(part->body, out, err);
	case MIME_QUOTED_PRINTABLE:
		return transfer_decode_quoted(part->body, out, err);
	case MIME_UNKNOWN_ENCODING:
		return error_no(err, "transfer-encoding", "a part has an unknown Content-Transfer-Encoding");
	default:
		buf_add_slice(out, part->body);
		if (buf_failed(out))
			return error_cant_tell(err, "memory", "no memory to copy a part");
		return ANSWER_YES;
	}
}
