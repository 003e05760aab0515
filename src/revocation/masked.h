/* masked: a copy of a mail in which no password is left, for the operator.
 *
 * What cannot be searched is not copied. The copy has the fields of the header by which mail is known, a note, and
 * after it each text part in the mail's order (text/plain and text/html, in a charset in which letters and digits
 * have their ASCII values); for each other part there is a line that says of what kind and how large it was. No
 * preamble, file name or signature comes along.
 *
 * A password is found in any letter case and however it is written: in base64 or quoted-printable, over line ends
 * and quote marks, with characters in it that nobody sees, in HTML as character references, with tags or comments
 * within, in attributes and there as %XX; in a header in encoded words (RFC 2047). It gives way to MASKED_TEXT,
 * whatever its length; a Subject that holds it gives way as a whole, any other such field is left out.
 */
#ifndef REVOCATION_MASKED_H
#define REVOCATION_MASKED_H

#include "mail/mime.h"

#define MASKED_TEXT "********"
#define MASKED_PASSWORDS_MAX 16

/* Appends the copy to out in file form: m's header over the parts of entity, which is what was in m's innermost
 * layer, be it encrypted, or where it has none m itself. random is for a boundary (mail/compose.h). NO: one of passwords
 * is none, or there are too many. CANT_TELL: no memory or out's limit. Whatever
 * out then holds is masked. Memory that held a password is wiped. Any thread. */
enum answer masked_message(const struct message *m, const struct mime_part *entity, const struct slice *passwords,
	size_t count, const unsigned char random[16], struct buf *out, struct error *err);

#endif
