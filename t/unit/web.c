#include "web.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGES_MAX 8
#define REQUEST_MAX 8192

struct page {
	char path[128];
	char etag[64];
	unsigned char *content;
	size_t len;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below but listener and port */
static struct page pages[PAGES_MAX];
static size_t page_count;
static enum web_mood mood_now;
static struct web_asked asked;
static int listener;
static unsigned port;

static void
need(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(99);
}

static struct page *
find_page(const char *path)
{
	for (size_t i = 0; i < page_count; i++)
		if (strcmp(pages[i].path, path) == 0)
			return &pages[i];
	return NULL;
}

void
web_put(const char *path, struct slice content, const char *etag)
{
	struct page *p;

	pthread_mutex_lock(&lock);
	p = find_page(path);
	if (p == NULL) {
		need(page_count < PAGES_MAX, path);
		p = &pages[page_count++];
		snprintf(p->path, sizeof p->path, "%s", path);
	}
	free(p->content);
	p->content = malloc(content.len + 1);
	need(p->content != NULL, path);
	memcpy(p->content, content.data, content.len);
	p->len = content.len;
	snprintf(p->etag, sizeof p->etag, "%s", etag == NULL ? "" : etag);
	pthread_mutex_unlock(&lock);
}

void
web_remove(const char *path)
{
	struct page *p;

	pthread_mutex_lock(&lock);
	p = find_page(path);
	need(p != NULL, path);
	p->path[0] = '\0';
	pthread_mutex_unlock(&lock);
}

void
web_mood(enum web_mood mood)
{
	pthread_mutex_lock(&lock);
	mood_now = mood;
	pthread_mutex_unlock(&lock);
}

struct web_asked
web_asked(void)
{
	struct web_asked now;

	pthread_mutex_lock(&lock);
	now = asked;
	pthread_mutex_unlock(&lock);
	return now;
}

/* ---- answering ------------------------------------------------------------- */

static void
send_all(int fd, const void *data, size_t len)
{
	const char *at = data;
	ssize_t n;

	for (; len > 0 && (n = write(fd, at, len)) > 0; len -= (size_t)n)
		at += n;
}

static void
reply(int fd, const char *status, const char *type, const char *etag, const void *content, size_t len)
{
	char head[512], tag[128] = "";

	if (etag[0] != '\0')
		snprintf(tag, sizeof tag, "ETag: %s\r\n", etag);
	snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Type: %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n",
		status, type, tag, len);
	send_all(fd, head, strlen(head));
	send_all(fd, content, len);
}

static void
answer_page(int fd, const char *path, const char *known)
{
	const struct page *p = find_page(path);

	if (p == NULL) {
		reply(fd, "404 Not Found", "text/plain", "", "", 0);
	} else if (p->etag[0] != '\0' && strstr(known, p->etag) != NULL) {
		asked.unchanged++;
		reply(fd, "304 Not Modified", "application/pkix-crl", p->etag, "", 0);
	} else {
		reply(fd, "200 OK", "application/pkix-crl", p->etag, p->content, p->len);
	}
}

static void
answer(int fd, const char *request)
{
	static const char html[] = "<html><body>Welcome</body></html>", garbage[] = "\x01\x02 no list at all";
	const char *conditional = strcasestr(request, "\r\nIf-None-Match:");
	char path[128] = "";

	sscanf(request, "%*s %127s", path);
	pthread_mutex_lock(&lock);
	asked.requests++;
	asked.conditional += conditional != NULL;
	if (mood_now == WEB_PAGE)
		answer_page(fd, path, conditional == NULL ? "" : conditional);
	else if (mood_now == WEB_HTML)
		reply(fd, "200 OK", "text/html", "", html, sizeof html - 1);
	else if (mood_now == WEB_GARBAGE)
		reply(fd, "200 OK", "application/pkix-crl", "", garbage, sizeof garbage - 1);
	pthread_mutex_unlock(&lock);
}

static void *
serve(void *arg)
{
	(void)arg;
	for (;;) {
		char request[REQUEST_MAX + 1];
		size_t len = 0;
		ssize_t n;
		int fd = accept(listener, NULL, NULL);

		if (fd == -1)
			continue;
		request[0] = '\0';
		while (len < REQUEST_MAX && strstr(request, "\r\n\r\n") == NULL &&
		    (n = read(fd, request + len, REQUEST_MAX - len)) > 0) {
			len += (size_t)n;
			request[len] = '\0';
		}
		if (len > 0)
			answer(fd, request);
		close(fd);
	}
	return NULL;
}

void
web_start(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	pthread_t thread;

	signal(SIGPIPE, SIG_IGN);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	need(listener != -1 && bind(listener, (struct sockaddr *)&address, sizeof address) == 0 &&
		listen(listener, 64) == 0 && getsockname(listener, (struct sockaddr *)&address, &len) == 0, "socket");
	port = ntohs(address.sin_port);
	need(pthread_create(&thread, NULL, serve, NULL) == 0, "pthread_create");
	pthread_detach(thread);
}

const char *
web_url(const char *path)
{
	static _Thread_local char urls[8][256];
	static _Thread_local unsigned next;
	char *url = urls[next++ % 8];

	snprintf(url, sizeof urls[0], "http://127.0.0.1:%u%s", port, path);
	return url;
}
