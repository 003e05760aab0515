#include "base/der.h"

#define TAG_NUMBER 0x1f /* all its bits set: the high-tag-number form */
#define LENGTH_LONG 0x80

/* Reads identifier and length; *header is their size. Indefinite: *indefinite,
 * and *length is meaningless. */
static bool
read_header(struct slice s, size_t *header, size_t *length, bool *indefinite)
{
	size_t octets;

	if (s.len < 2 || (s.data[0] & TAG_NUMBER) == TAG_NUMBER)
		return false;
	*header = 2;
	*length = s.data[1];
	*indefinite = false;
	if (s.data[1] < LENGTH_LONG)
		return true;
	octets = s.data[1] & 0x7f;
	if (octets == 0) {
		*indefinite = true;
		return (s.data[0] & DER_CONSTRUCTED) != 0; /* X.690 8.1.3.2 */
	}
	if (octets > sizeof(size_t) || octets > s.len - 2)
		return false;
	*length = 0;
	for (size_t i = 0; i < octets; i++)
		*length = *length << 8 | s.data[2 + i];
	*header += octets;
	return true;
}

static bool
is_end_of_contents(struct slice s)
{
	return s.len >= 2 && s.data[0] == 0 && s.data[1] == 0;
}

/* Size of the value at the front of s, with its end-of-contents octets. */
static bool
measure(struct slice s, unsigned depth, size_t *size)
{
	size_t header, length, at;
	bool indefinite;

	if (depth > DER_DEPTH_MAX || !read_header(s, &header, &length, &indefinite))
		return false;
	if (!indefinite) {
		*size = header + length;
		return length <= s.len - header;
	}
	at = header;
	while (!is_end_of_contents(slice_sub(s, at, s.len))) {
		if (!measure(slice_sub(s, at, s.len), depth + 1, &length))
			return false;
		at += length;
	}
	*size = at + 2;
	return true;
}

bool
der_next(struct slice *rest, struct der *value)
{
	size_t header, length, size;
	bool indefinite;

	if (!read_header(*rest, &header, &length, &indefinite) || is_end_of_contents(*rest) ||
	    !measure(*rest, 0, &size))
		return false;
	value->tag = rest->data[0];
	value->whole = slice_sub(*rest, 0, size);
	value->content = slice_sub(*rest, header, indefinite ? size - 2 : size);
	*rest = slice_sub(*rest, size, rest->len);
	return true;
}

bool
der_take(struct slice *rest, unsigned char tag, struct der *value)
{
	return rest->len > 0 && rest->data[0] == tag && der_next(rest, value);
}

bool
der_only(struct slice octets, unsigned char tag, struct der *value)
{
	return der_take(&octets, tag, value) && octets.len == 0;
}

static bool
pieces(const struct der *value, unsigned depth, der_take_piece *take, void *context)
{
	struct slice rest = value->content;
	struct der piece;

	if ((value->tag & DER_CONSTRUCTED) == 0)
		return take(value->content, context);
	if (depth > DER_DEPTH_MAX)
		return false;
	while (rest.len > 0)
		if (!der_next(&rest, &piece) || (piece.tag & ~DER_CONSTRUCTED) != DER_OCTET_STRING ||
		    !pieces(&piece, depth + 1, take, context))
			return false;
	return true;
}

bool
der_octets(const struct der *value, der_take_piece *take, void *context)
{
	return pieces(value, 0, take, context);
}

static unsigned
length_octets(size_t content)
{
	unsigned n = 1;

	if (content < LENGTH_LONG)
		return 0;
	while ((content >>= 8) > 0)
		n++;
	return n;
}

size_t
der_size(size_t content)
{
	return 2 + length_octets(content) + content;
}

void
der_add_header(unsigned char tag, size_t content, struct buf *out)
{
	unsigned n = length_octets(content);

	buf_add_byte(out, tag);
	if (n == 0) {
		buf_add_byte(out, (unsigned char)content);
		return;
	}
	buf_add_byte(out, (unsigned char)(LENGTH_LONG | n));
	while (n-- > 0)
		buf_add_byte(out, (unsigned char)(content >> (8 * n)));
}
