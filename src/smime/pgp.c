#include "smime/pgp.h"
#include "mail/mime.h"

/* Packet types, RFC 9580 5. */
#define PACKET_PKESK 1
#define PACKET_SKESK 3
#define PACKET_MARKER 10
#define PACKET_SEIPD 18
#define PACKET_AEAD 20 /* of drafts before RFC 9580, in use by GnuPG */

static struct slice
next_line(struct slice *rest)
{
	size_t end = slice_find(*rest, '\n', 0);
	struct slice line = slice_trim(slice_sub(*rest, 0, end));

	*rest = slice_sub(*rest, end + 1, rest->len);
	return line;
}

/* The base64 between the armour's lines. */
static bool
armoured(struct slice text, struct slice *base64)
{
	struct slice rest = text, line;
	const unsigned char *begin;

	do {
		if (rest.len == 0)
			return false;
		line = next_line(&rest);
	} while (line.len == 0);
	if (!slice_eq_str(line, "-----BEGIN PGP MESSAGE-----"))
		return false;
	do { /* armour headers, to the first empty line */
		if (rest.len == 0)
			return false;
		line = next_line(&rest);
	} while (line.len > 0);
	begin = rest.data;
	do {
		*base64 = slice_of(begin, (size_t)(rest.data - begin));
		if (rest.len == 0)
			return false;
		line = next_line(&rest);
	} while (line.len == 0 || (line.data[0] != '=' && line.data[0] != '-'));
	if (line.data[0] == '=') /* the checksum */
		line = next_line(&rest);
	return slice_eq_str(line, "-----END PGP MESSAGE-----") && slice_trim(rest).len == 0;
}

/* Reads one length of the new format (RFC 9580 4.2.1) and steps over it. */
static bool
take_length(struct slice *rest, size_t *length, bool *partial)
{
	size_t first, octets;

	if (rest->len == 0)
		return false;
	first = rest->data[0];
	*partial = first >= 224 && first < 255;
	octets = first < 192 || *partial ? 1 : first < 224 ? 2 : 5;
	if (rest->len < octets)
		return false;
	if (*partial)
		*length = (size_t)1 << (first & 0x1f);
	else if (octets == 1)
		*length = first;
	else if (octets == 2)
		*length = ((first - 192) << 8) + rest->data[1] + 192;
	else
		*length = (size_t)rest->data[1] << 24 | (size_t)rest->data[2] << 16 | (size_t)rest->data[3] << 8 |
			rest->data[4];
	*rest = slice_sub(*rest, octets, rest->len);
	return *length <= rest->len;
}

/* The old format's length (RFC 9580 4.2.2); an indeterminate one is refused. */
static bool
take_old_length(struct slice *rest, unsigned kind, size_t *length)
{
	size_t octets = (size_t)1 << kind;

	if (kind == 3 || rest->len < octets)
		return false;
	*length = 0;
	for (size_t i = 0; i < octets; i++)
		*length = *length << 8 | rest->data[i];
	*rest = slice_sub(*rest, octets, rest->len);
	return *length <= rest->len;
}

/* Steps over one packet; version is its body's first octet. */
static bool
take_packet(struct slice *rest, unsigned *type, unsigned *version)
{
	unsigned header;
	size_t length = 0;
	bool partial = false, first = true;

	if (rest->len == 0)
		return false;
	header = rest->data[0];
	*rest = slice_sub(*rest, 1, rest->len);
	if ((header & 0x80) == 0)
		return false;
	*type = (header & 0x40) != 0 ? header & 0x3f : header >> 2 & 0x0f;
	do {
		if ((header & 0x40) != 0 ? !take_length(rest, &length, &partial) :
		    !take_old_length(rest, header & 3, &length))
			return false;
		if (first && length == 0)
			return false;
		if (first)
			*version = rest->data[0];
		first = false;
		*rest = slice_sub(*rest, length, rest->len);
	} while (partial);
	return true;
}

static bool
is_session_key(unsigned type, unsigned version)
{
	return (type == PACKET_PKESK && (version == 3 || version == 6)) ||
		(type == PACKET_SKESK && version >= 4 && version <= 6);
}

static bool
is_encrypted_message(struct slice packets)
{
	unsigned type, version, keys = 0;

	while (take_packet(&packets, &type, &version)) {
		if (type == PACKET_SEIPD || type == PACKET_AEAD)
			return keys > 0 && (version == 1 || version == 2) && packets.len == 0;
		if (is_session_key(type, version))
			keys++;
		else if (type != PACKET_MARKER)
			return false;
	}
	return false;
}

bool
pgp_is_encrypted(struct slice text)
{
	struct mime_part part = {.encoding = MIME_BASE64};
	struct buf packets;
	bool encrypted;

	if (!armoured(text, &part.body))
		return false;
	buf_init(&packets, part.body.len);
	encrypted = mime_decode(&part, &packets, NULL) == ANSWER_YES && is_encrypted_message(buf_slice(&packets));
	buf_free(&packets);
	return encrypted;
}
