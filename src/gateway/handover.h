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
 * multipart/signed where it was opaque and its content is such that no MTA changes it, else as
 * it is; strip: signatures are taken off. What cannot be written so that it stays what it was
 * stays closed. CANT_TELL: no memory. */
enum answer handover_write(const struct config *config, struct inbound *in, struct edit *e, struct error *err);

#endif
