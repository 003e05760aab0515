/* edit: what is to become of a message, as plain data.
 *
 * The gateway fills it, the milter plays it back to the MTA, sealctl prints it
 * or applies it to a file. It owns all it holds. One thread at a time.
 */
#ifndef GATEWAY_EDIT_H
#define GATEWAY_EDIT_H

#include "mail/message.h"

#define EDIT_REPLY_LINES_MAX 8
#define EDIT_REPLY_TEXT_MAX 2048

/* The SMTP answer of a refusal or a deferral (RFC 5321 4.2, RFC 3463). */
struct edit_reply {
	char code[4];       /* "550", "451", "452" */
	char enhanced[12];  /* "5.7.1" */
	char text[EDIT_REPLY_TEXT_MAX]; /* printable; "\n" before each further line; not yet escaped for any protocol */
};

enum edit_verdict {
	EDIT_PASS,   /* goes on, with the changes below */
	EDIT_ANSWER, /* is answered with the reply: 4xx deferred, 5xx refused */
};

enum edit_field_action {
	EDIT_FIELD_REMOVE, /* the nth field of that name */
	EDIT_FIELD_ADD,    /* behind the last field */
	EDIT_FIELD_PREPEND,/* before the first field, above what the MTA itself has put there */
};

struct edit_field {
	enum edit_field_action action;
	char *name;
	unsigned nth;  /* from 1, as libmilter counts; for REMOVE. Removals come highest nth first */
	char *value;   /* with its leading blank; folds are "\n" and white space; NULL for REMOVE */
};

struct edit {
	enum edit_verdict verdict;
	struct edit_reply reply;
	struct edit_field *fields;
	size_t field_count;
	bool replaces_body;
	struct buf body;
	bool return_headers; /* a later DSN carries the header only: RET=HDRS (RFC 3461 4.3) */
	struct timespec begun; /* CLOCK_MONOTONIC, where answer_interval is not 0 */
	unsigned answer_interval; /* ms: the MTA is answered at a whole multiple of it after begun; 0: at once */
	char *redirect;      /* the one recipient, instead of all that there are; NULL: they stay */
	char *hold;          /* why the MTA is to hold the message back (its quarantine); NULL: it is not */
};

void edit_init(struct edit *e, size_t body_limit);
void edit_free(struct edit *e); /* what it holds */

/* False: no memory; the caller then answers 451. */
bool edit_remove_field(struct edit *e, const char *name, unsigned nth);
/* Removes every field of m that which() takes. The fields of one name are all to be taken in one
 * call, as removals come highest nth first. */
bool edit_remove_fields(struct edit *e, const struct message *m,
	bool (*which)(const void *arg, const struct header_field *field), const void *arg);
bool edit_add_field(struct edit *e, const char *name, struct slice value);
bool edit_prepend_field(struct edit *e, const char *name, struct slice value);
/* The reason is not empty and becomes one line as an answer's text does; the first one stays. */
bool edit_hold(struct edit *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The message goes to this address alone. The last one counts. */
bool edit_redirect(struct edit *e, const char *address);

/* For a message that was opened: its bounce is not to carry in clear what came encrypted. Also for
 * one that stayed closed, where a bounce is not to tell which. */
void edit_return_headers(struct edit *e);

/* So that the time of the answer does not tell what work it took. 0 ms: nothing. */
void edit_answer_every(struct edit *e, const struct timespec *begun, unsigned milliseconds);

/* Drops all changes, the hold too, and answers. The text's control characters become '?'. */
void edit_answer(struct edit *e, const char *code, const char *enhanced, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* A further line of the answer, behind those that there are; beyond EDIT_REPLY_LINES_MAX, or what has no room, is left out. */
void edit_answer_line(struct edit *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The answer that an error record stands for: NO 550 5.7.1, CANT_TELL 451 4.7.1. */
void edit_answer_error(struct edit *e, const struct error *err);

/* The changes in words, one a line, for golden files and sealctl; of the body only its length. */
void edit_print(const struct edit *e, struct buf *out);
/* The changed message in file form; what concerns the envelope and the queue does not
 * show there. Only with EDIT_PASS. Out of memory, out has failed. */
void edit_apply(const struct edit *e, const struct message *m, struct buf *out);

#endif
