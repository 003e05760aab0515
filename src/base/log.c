#include "base/log.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
	bool to_stderr;
	bool to_syslog;
	int threshold;
	const char *ident;
} sink = {.to_stderr = true, .to_syslog = true, .threshold = LOG_INFO, .ident = "sealmilter"};

void
log_open(const char *ident, int facility, bool to_stderr)
{
	sink.ident = ident;
	sink.to_stderr = to_stderr;
	openlog(ident, LOG_PID | LOG_NDELAY, facility);
}

void
log_threshold(int priority)
{
	sink.threshold = priority;
}

void
log_without_syslog(void)
{
	sink.to_syslog = false;
}

static void
append(struct log_line *line, const char *text, size_t len)
{
	size_t room = LOG_LINE_MAX - line->len;

	if (len > room)
		len = room;
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

/* UTF-8 is let through, as addresses and names are written in it; what is none is
 * not, and control characters are not, C1 among them. */
static bool
needs_escape(const unsigned char *c, size_t len)
{
	if (len == 1)
		return *c < 0x20 || *c == 0x7f || *c == '\\' || *c == '"';
	return len == 0 || (c[0] == 0xc2 && c[1] < 0xa0);
}

static bool
needs_quotes(struct slice s)
{
	return s.len == 0 || slice_find(s, ' ', 0) < s.len || slice_find(s, '=', 0) < s.len;
}

static void
append_escaped(struct log_line *line, struct slice s)
{
	size_t len;

	for (size_t i = 0; i < s.len; i += len) {
		const unsigned char *c = s.data + i;
		char hex[5];

		len = utf8_length(s, i);
		if (!needs_escape(c, len)) {
			append(line, (const char *)c, len);
			continue;
		}
		len = len == 0 ? 1 : len;
		for (size_t k = 0; k < len; k++) {
			snprintf(hex, sizeof hex, "\\x%02x", c[k]);
			append(line, hex, 4);
		}
	}
}

void
log_begin(struct log_line *line, int priority, const char *queue_id, const char *event)
{
	line->priority = priority;
	line->len = 0;
	append_escaped(line, slice_str(queue_id == NULL || *queue_id == '\0' ? "-" : queue_id));
	append(line, ": ", 2);
	append(line, event, strlen(event));
}

void
log_add_slice(struct log_line *line, const char *key, struct slice value)
{
	bool quoted = needs_quotes(value);

	append(line, " ", 1);
	append(line, key, strlen(key));
	append(line, quoted ? "=\"" : "=", quoted ? 2 : 1);
	append_escaped(line, value);
	if (quoted)
		append(line, "\"", 1);
}

void
log_add(struct log_line *line, const char *key, const char *format, ...)
{
	char value[LOG_LINE_MAX];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(value, sizeof value, format, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof value)
		n = sizeof value - 1;
	log_add_slice(line, key, slice_of(value, (size_t)n));
}

void
log_add_error(struct log_line *line, const struct error *err)
{
	if (err->answer == ANSWER_YES)
		return;
	log_add(line, "code", "%s", err->code);
	log_add(line, "reason", "%s", err->words);
	if (err->section != NULL)
		log_add(line, "section", "%s", err->section);
}

void
log_end(struct log_line *line)
{
	if (line->priority > sink.threshold)
		return;
	if (line->len == LOG_LINE_MAX)
		memcpy(line->text + LOG_LINE_MAX - 3, "...", 3);
	line->text[line->len] = '\0';
	if (sink.to_syslog)
		syslog(line->priority, "%s", line->text);
	if (sink.to_stderr)
		fprintf(stderr, "%s[%ld]: %s\n", sink.ident, (long)getpid(), line->text);
}

void
log_event(int priority, const char *event, const char *format, ...)
{
	struct log_line line;
	char detail[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof detail, format, args);
	va_end(args);
	log_begin(&line, priority, NULL, event);
	log_add(&line, "detail", "%s", detail);
	log_end(&line);
}
