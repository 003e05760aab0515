/* transfer: octets in a form that mail carries (RFC 2045 6), and back.
 *
 * What is added goes to the end of out; out's memory of a failed addition (base/buf.h)
 * says whether there was room. All functions are safe in every thread.
 */
#ifndef MAIL_TRANSFER_H
#define MAIL_TRANSFER_H

#include "base/buf.h"
#include "base/error.h"

#define TRANSFER_LINE_MAX 990   /* octets without CRLF; RFC 5322 2.1.1 allows 998, Sendmail cuts above 990 */
#define TRANSFER_BASE64_LINE 64 /* what every reader was seen to accept */

/* Lines that no relay has a reason to change: 7-bit without NUL, ended by CRLF, of at most
 * TRANSFER_LINE_MAX octets, no blanks at their ends, none that begins with "From ". The
 * last may lack its line end. One pass, eight octets at a time. */
bool transfer_is_safe(struct slice text);
/* Is there a line that labels content as 8bit, binary or what is unknown? Where the next hop takes no
 * 8-bit mail, Postfix encodes what is labelled so, whatever octets it has, and looks into message
 * parts too. */
bool transfer_has_8bit_label(struct slice text);

/* Quoted-printable; CRLF is a line end, any other CR or LF an octet. No line of what is
 * written begins with "From ", nor with a hyphen that was not at a line's beginning before. */
void transfer_quoted(struct slice text, struct buf *out);
/* What transfer_quoted() will add, to within a few octets. */
size_t transfer_quoted_size(struct slice text);
/* Text that is quoted-printable already: its unsafe lines are written anew, the others
 * copied. A line end is a line end whatever it is made of, and blanks before one are
 * none (RFC 2045 6.7 (3), (4)). */
void transfer_repair_quoted(struct slice text, struct buf *out);

/* Base64 in lines of TRANSFER_BASE64_LINE octets, each ended by CRLF. */
void transfer_base64(struct slice data, struct buf *out);
size_t transfer_base64_size(size_t len);
/* Text that is base64 already: its characters line by line, too long lines cut, each line
 * ended by CRLF. False: something else than base64, blanks and line ends is in it. */
bool transfer_repair_base64(struct slice text, struct buf *out);

/* The octets that text stands for. Blanks and line ends in base64 are skipped. NO: it is no
 * base64; nothing was added. CANT_TELL: no memory, or out's limit. */
enum answer transfer_decode_base64(struct slice text, struct buf *out, struct error *err);
/* What is no quoted-printable behind "=" is taken literally (RFC 2045 6.7). CANT_TELL as above. */
enum answer transfer_decode_quoted(struct slice text, struct buf *out, struct error *err);

#endif
