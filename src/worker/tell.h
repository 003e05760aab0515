/* tell: notices to writers and alarms to operators, as mail that is queued in the journal.
 *
 * Who is told is whoever the claim names, never just any From; which language, the request's own, or English where
 * notices are not written in that one. What is queued is not sealed yet: post.h does that each time it is handed
 * over. A Message-ID comes from what is told and of which request, so that the same notice has the same. Threads:
 * any.
 */
#ifndef WORKER_TELL_H
#define WORKER_TELL_H

#include "revocation/notice.h"
#include "store/notices.h"
#include "worker/work.h"

#define TELL_MESSAGE_MAX NOTICE_SIZE_MAX /* octets of what is written here */
#define TELL_ALARM "alarm-"              /* with which the kinds of alarms begin in the queue */
#define TELL_TEXT_MAX 1000               /* octets of an alarm's text; more is cut */

struct tell_news {
	const struct authority *authority;
	const struct record *record;
	int64_t request;             /* the journal's number */
	enum notice_kind kind;
	const char *recipient;
	time_t now;
	bool has_revoked_at;         /* REVOKED, ALREADY */
	time_t revoked_at;
	const char *reason;          /* REFUSED; NULL: none was given. Control characters become blanks; the end is cut */
};

/* Appends to message, which the caller has set up for TELL_MESSAGE_MAX, and fills item, which borrows from it and
 * news. NO: "quiet": nobody is to be told about this request by mail; "notice": it cannot be written with these
 * values, as where the recipient is no address in ASCII. CANT_TELL: "memory". */
enum answer tell_writer(const struct tell_news *news, struct buf *message, struct notices_item *item,
	struct error *err);

/* Something that an operator has to know: logged, and mailed where the authority has an operator. authority NULL: it is
 * about none, and each operator is told. request 0: it is about none. kind makes it one: the same again for the same
 * request, or without one on the same day (UTC), is not mailed again. subject and text are one line each; what is not
 * ASCII in them becomes '?'. CANT_TELL: it could not be queued, and is not logged either, as the caller tries again. */
enum answer tell_operator(const struct work *w, const struct authority *authority, int64_t request, const char *kind,
	const char *subject, const char *text, time_t now, struct error *err);

#endif
