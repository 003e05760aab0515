/* tell: notices to writers and alarms to operators, as mail that is queued in the journal.
 *
 * Who is told is whoever the claim names, never just any From; which language, the request's own. What is queued is not sealed
 * yet: post.h does that each time it is handed over. Threads: any.
 */
#ifndef WORKER_TELL_H
#define WORKER_TELL_H

#include "revocation/notice.h"
#include "store/notices.h"
#include "worker/work.h"

struct tell_news {
	const struct authority *authority;
	const struct record *record;
	int64_t request;             /* the journal's number */
	enum notice_kind kind;
	const char *recipient;
	time_t now;
	bool has_revoked_at;         /* REVOKED, ALREADY */
	time_t revoked_at;
	const char *reason;          /* REFUSED */
};

/* Fills item, whose message is message's. NO: the notice cannot be written with these values (code "notice"). */
enum answer tell_writer(const struct work *w, const struct tell_news *news, struct buf *message, struct notices_item *item,
	struct error *err);

/* Something that the operator has to know: subject and text are one line each, ASCII; kind makes it one. Logged, and mailed where the
 * authority has an operator. */
enum answer tell_operator(const struct work *w, const struct authority *authority, int64_t request, const char *kind,
	const char *subject, const char *text, time_t now, struct error *err);

#endif
