/* parts: which parts of a mail hold its text, and what it requests.
 *
 * Text is every text/plain and text/html that is no attachment (RFC 2183; also what has a
 * file name); of multipart/alternative all are read and have to say the same; of
 * multipart/signed and multipart/related it is the first part. An attached message is none.
 * What is quoted, stands below the signature separator, in the subject or in an attachment
 * is never the request, but told where there is no other. The entity is the protected one
 * where there is one, for the caller to choose (RFC 9788 4.8.1).
 */
#ifndef REVOCATION_PARTS_H
#define REVOCATION_PARTS_H

#include "mail/mime.h"
#include "revocation/request.h"

#define PARTS_DEPTH_MAX 16 /* multiparts in each other on the way to a text */

/* Fills request, which is fresh. YES: it has a line or more and no reason to refuse. NO: it has reasons, and err
 * the first. CANT_TELL: no memory. subject: the field's value as it stands. */
enum answer parts_read(const struct mime_part *root, struct slice subject, const struct phrases *phrases,
	struct request *request, struct error *err);

#endif
