/* handover: the opened entity as the message that is handed on (RFC 8551 3.1, RFC 2045).
 *
 * The opened entity takes the place of the message's own content: of its header only the
 * fields that describe content (an allow-list) come along, as all others, From, Subject or
 * Authentication-Results, would be taken for the message's. Threads: any.
 */
#ifndef GATEWAY_HANDOVER_H
#define GATEWAY_HANDOVER_H

#include "gateway/inbound.h"

/* Decides from layers and configuration's signature = keep | strip what is handed on,
 * and writes body and MIME fields into e; in->content and in->kept_closed are set.
 *
 * It begins with what was in the innermost envelope that was opened, or with the message.
 * From there inwards: compression is undone; keep: the first signature stays, as
 * multipart/signed where it was opaque and its content is such that no MTA changes it (7-bit, CRLF,
 * lines of at most TRANSFER_LINE_MAX octets, none that begins with "From ", no blanks behind
 * boundaries, nothing labelled 8bit or binary, a header, one way to read it), else as it is;
 * strip: signatures are taken off, but for those that could not be looked at; one beside content
 * that MTAs cannot be given (NUL, lines above 998 octets) goes around it. Content without a
 * field of MIME's is text, all of it. Lines that all end in LF get CRLF, and what an MTA would change and no
 * signature covers is encoded (mail/compose.h).
 *
 * A veiled message (inbound.h) becomes a multipart/mixed whose only part that is, or what came,
 * with the layers' fields in its header.
 *
 * What cannot be written so that it stays what it was stays closed: content UNCHANGED, kept_closed
 * NO: "header-field": a field that is too long, 8-bit or malformed; "content": NUL or a line above
 * 998 octets where nothing may be encoded; MIME's limits. kept_closed is also the reason of an
 * envelope, or of compression, that was not opened, whatever came off around it. CANT_TELL: no
 * memory, no random numbers, or more than the limit of e's body; e is then to be answered. */
enum answer handover_write(const struct config *config, struct inbound *in, struct edit *e, struct error *err);

#endif
