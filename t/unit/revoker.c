#include "revoker.h"
#include "authority.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 16384
#define SERVED_MAX 1024 /* requests */

static struct {
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	struct revoker_place places[REVOKER_PLACES];
	size_t count;
	bool open, stopping;
	int listener;
	int port;
	pthread_t thread;
	pthread_t serving[SERVED_MAX]; /* the thread's, as the count */
	size_t served;
} server = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

/* ---- OCSP --------------------------------------------------------------------- */

/* base64 with what a path may not hold escaped. */
static OCSP_REQUEST *
request_in_path(const char *text)
{
	unsigned char plain[REQUEST_MAX], der[REQUEST_MAX];
	const unsigned char *at = der;
	size_t len = 0;
	unsigned octet;
	int got;

	for (; *text != '\0'; text++) {
		if (*text == '%' && sscanf(text + 1, "%2x", &octet) == 1) {
			plain[len++] = (unsigned char)octet;
			text += 2;
		} else
			plain[len++] = (unsigned char)*text;
	}
	got = EVP_DecodeBlock(der, plain, (int)len);
	must(got > 0, "base64");
	return d2i_OCSP_REQUEST(NULL, &at, got);
}

static ASN1_TIME *
moment(long offset)
{
	return ASN1_GENERALIZEDTIME_set(NULL, AUTHORITY_NOW + offset);
}

static OCSP_RESPONSE *
answer_request(const struct revoker_place *place, OCSP_REQUEST *request)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	ASN1_TIME *since = moment(place->since), *issued = moment(place->issued), *ends = moment(place->ends);
	OCSP_RESPONSE *response;

	for (int i = 0; i < OCSP_request_onereq_count(request); i++)
		OCSP_basic_add1_status(basic, OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, i)), place->state,
			place->reason, since, issued, ends);
	if (place->wrong_nonce)
		OCSP_basic_add1_nonce(basic, (unsigned char *)"12345678", 8);
	else
		OCSP_copy_nonce(basic, request);
	must(OCSP_basic_sign(basic, place->signer, authority_key(place->key), EVP_sha256(), NULL, 0) == 1, "sign");
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	OCSP_BASICRESP_free(basic);
	ASN1_TIME_free(since);
	ASN1_TIME_free(issued);
	ASN1_TIME_free(ends);
	return response;
}

/* The caller's to free(). */
static struct slice
respond(const struct revoker_place *place, OCSP_REQUEST *request)
{
	OCSP_RESPONSE *response = place->failure != 0 ? OCSP_response_create(place->failure, NULL)
		: answer_request(place, request);
	unsigned char *der = NULL, *copy;
	int len = i2d_OCSP_RESPONSE(response, &der);

	must(request != NULL && len > 0, "OCSP");
	copy = malloc((size_t)len);
	memcpy(copy, der, (size_t)len);
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
	OCSP_REQUEST_free(request);
	return slice_of(copy, (size_t)len);
}

/* ---- HTTP --------------------------------------------------------------------- */

static void
say(int fd, int status, struct slice body)
{
	char head[256];
	int len = snprintf(head, sizeof head, "HTTP/1.1 %d x\r\nContent-Type: application/octet-stream\r\n"
		"Content-Length: %zu\r\nConnection: close\r\n\r\n", status, body.len);

	if (send(fd, head, (size_t)len, MSG_NOSIGNAL) == len && body.len > 0)
		send(fd, body.data, body.len, MSG_NOSIGNAL);
}

/* The whole request in text, with a 0 behind it; *body is behind its head. */
static bool
read_request(int fd, char text[REQUEST_MAX], struct slice *body)
{
	size_t len = 0, want = 0;
	char *end = NULL, *field;

	while (end == NULL || len < want) {
		ssize_t n = recv(fd, text + len, REQUEST_MAX - 1 - len, 0);

		if (n <= 0)
			return false;
		len += (size_t)n;
		text[len] = '\0';
		if (end == NULL && (end = strstr(text, "\r\n\r\n")) != NULL) {
			field = strcasestr(text, "\r\nContent-Length:");
			end += 4;
			want = (size_t)(end - text) + (field != NULL && field < end ? strtoul(field + 17, NULL, 10) : 0);
		}
	}
	*body = slice_of(end, want - (size_t)(end - text));
	return true;
}

static struct revoker_place *
find(const char *path)
{
	for (size_t i = 0; i < server.count; i++) {
		size_t len = strlen(server.places[i].path);

		if (strncmp(server.places[i].path, path, len) == 0 && (path[len] == '\0' || path[len] == '/'))
			return &server.places[i];
	}
	return NULL;
}

static void
count_and_wait(struct revoker_place *place, bool post)
{
	pthread_mutex_lock(&server.lock);
	*(post ? &place->posts : &place->gets) += 1;
	pthread_cond_broadcast(&server.changed);
	while (place->gated && !server.open && !server.stopping)
		pthread_cond_wait(&server.changed, &server.lock);
	pthread_mutex_unlock(&server.lock);
}

static void
serve(int fd)
{
	char text[REQUEST_MAX], method[8], path[4096];
	struct revoker_place *place;
	struct slice body, answer;

	if (!read_request(fd, text, &body) || sscanf(text, "%7s %4095s", method, path) != 2)
		return;
	place = find(path);
	if (place == NULL) {
		say(fd, 404, SLICE_NONE);
		return;
	}
	count_and_wait(place, body.len > 0);
	if (body.len == 0 && place->no_get)
		say(fd, 405, SLICE_NONE);
	else if (place->ocsp && place->status == 0) {
		const unsigned char *at = body.data;

		answer = respond(place, body.len > 0 ? d2i_OCSP_REQUEST(NULL, &at, (long)body.len)
			: request_in_path(path + strlen(place->path) + 1));
		say(fd, 200, answer);
		free((void *)answer.data);
	} else
		say(fd, place->status == 0 ? 200 : place->status, place->octets);
}

static void *
serve_one(void *arg)
{
	int fd = (int)(long)arg;

	serve(fd);
	close(fd);
	return NULL;
}

static void *
accept_all(void *arg)
{
	for (;;) {
		int fd = accept(server.listener, NULL, NULL);

		if (fd < 0)
			return arg;
		must(server.served < SERVED_MAX &&
			pthread_create(&server.serving[server.served++], NULL, serve_one, (void *)(long)fd) == 0, "thread");
	}
}

/* ---- what tests do -------------------------------------------------------------- */

void
revoker_start(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
	socklen_t len = sizeof address;

	server.count = 0;
	server.open = server.stopping = false;
	server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(server.listener >= 0 && bind(server.listener, (struct sockaddr *)&address, sizeof address) == 0 &&
		listen(server.listener, 128) == 0 && getsockname(server.listener, (struct sockaddr *)&address, &len) == 0,
		"listen");
	server.port = ntohs(address.sin_port);
	must(pthread_create(&server.thread, NULL, accept_all, NULL) == 0, "thread");
}

void
revoker_stop(void)
{
	shutdown(server.listener, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.listener);
	pthread_mutex_lock(&server.lock);
	server.stopping = true;
	pthread_cond_broadcast(&server.changed);
	pthread_mutex_unlock(&server.lock);
	while (server.served > 0)
		pthread_join(server.serving[--server.served], NULL);
}

struct revoker_place *
revoker_place(const char *path)
{
	struct revoker_place *place = find(path);

	if (place == NULL) {
		must(server.count < REVOKER_PLACES, "places");
		place = &server.places[server.count++];
	}
	*place = (struct revoker_place){.path = path};
	return place;
}

const char *
revoker_url(const char *path)
{
	static char url[8][128];
	static size_t next;
	unsigned host = 0;

	next = (next + 1) % 8;
	for (const char *c = path; *c != '\0'; c++)
		host += (unsigned char)*c;
	snprintf(url[next], sizeof url[next], "http://127.0.0.%u:%d%s", host % 250 + 1, server.port, path);
	return url[next];
}

static unsigned
hits(const char *path)
{
	const struct revoker_place *place = find(path);

	return place == NULL ? 0 : place->gets + place->posts;
}

unsigned
revoker_hits(const char *path)
{
	unsigned count;

	pthread_mutex_lock(&server.lock);
	count = hits(path);
	pthread_mutex_unlock(&server.lock);
	return count;
}

void
revoker_open(void)
{
	pthread_mutex_lock(&server.lock);
	server.open = true;
	pthread_cond_broadcast(&server.changed);
	pthread_mutex_unlock(&server.lock);
}

void
revoker_wait(const char *path, unsigned count)
{
	pthread_mutex_lock(&server.lock);
	while (hits(path) < count)
		pthread_cond_wait(&server.changed, &server.lock);
	pthread_mutex_unlock(&server.lock);
}
