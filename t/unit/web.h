/* web: an HTTP server in a thread of the test, on a port of its own of 127.0.0.1. Tells what it was asked. */
#ifndef WEB_H
#define WEB_H

#include "base/slice.h"

enum web_mood {
	WEB_PAGE,     /* the page, or 304 where its ETag is known to who asks */
	WEB_HTML,     /* a page in HTML, called so */
	WEB_GARBAGE,  /* octets that are nothing */
	WEB_HANGS_UP, /* without an answer */
};

struct web_asked {
	unsigned requests;
	unsigned conditional; /* with If-None-Match */
	unsigned unchanged;   /* answered by 304 */
};

/* From now on. What goes wrong ends the program. */
void web_start(void);
/* "http://127.0.0.1:PORT" and path; one of the thread's eight buffers in turn. */
const char *web_url(const char *path);
/* content is copied; etag NULL: none, and no conditional answer. Replaces what is there. */
void web_put(const char *path, struct slice content, const char *etag);
void web_remove(const char *path);
void web_mood(enum web_mood mood);
struct web_asked web_asked(void);

#endif
