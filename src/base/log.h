/* log: one event, one line, `key=value`, to syslog and, when asked, standard error.
 *
 *     struct log_line line;
 *     log_begin(&line, LOG_NOTICE, queue_id, "sealed");
 *     log_add(&line, "rule", "%s", rule->name);
 *     log_end(&line);
 *
 * gives `4XyZ: sealed rule=default`. Values are escaped here: control
 * characters, backslash, quotes and what is no UTF-8 as \xNN, and a value with a blank, `=` or nothing
 * in it is put in double quotes. Bodies and secrets are never logged.
 * Each line is owned by its caller's stack; log_end() may be called from any
 * thread. Lines longer than LOG_LINE_MAX are cut, with "..." at the end.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"
#include "base/slice.h"

#include <syslog.h>

#define LOG_LINE_MAX 8000 /* octets; rsyslog's default limit is 8 KiB */

struct log_line {
	int priority; /* LOG_ERR and so on, of syslog.h */
	size_t len;
	char text[LOG_LINE_MAX + 1];
};

/* ident is kept, not copied. facility is syslog's (LOG_MAIL). Called once a process. */
void log_open(const char *ident, int facility, bool to_stderr);
/* For a tool, whose lines are for the one who called it and for nobody else. */
void log_without_syslog(void);
/* Lines of lower importance than this priority are dropped (LOG_INFO at first). */
void log_threshold(int priority);

/* queue_id NULL or "": the event belongs to no message; "-" stands there. */
void log_begin(struct log_line *line, int priority, const char *queue_id, const char *event);
void log_add(struct log_line *line, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void log_add_slice(struct log_line *line, const char *key, struct slice value);
/* Adds code=, reason= and section= of the record. */
void log_add_error(struct log_line *line, const struct error *err);
void log_end(struct log_line *line);

/* A whole line in one call, for events with one fact: `event detail="…"`. */
void log_event(int priority, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
