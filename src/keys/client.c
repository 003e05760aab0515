#include "keys/client.h"

#include "base/clock.h"
#include "base/deadline.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_FIRST 2  /* ms between attempts, doubled each time */
#define PAUSE_MAX 50   /* ms */
#define TIMEOUT_STEP 50 /* ms: a socket's own timeout is set anew only when it is off by more */

struct connection {
	int fd;
	long timeout; /* ms, as set on the socket */
};

struct client {
	struct sockaddr_un address;
	unsigned deadline; /* ms */
	unsigned max;
	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t freed;
	unsigned open; /* idle ones and those in use */
	unsigned idle_count;
	struct connection idle[CLIENT_CONNECTIONS_MAX]; /* a stack: the warmest is used first */
};

enum outcome { DONE, AGAIN_NOW, AGAIN_LATER };

struct client *
client_new(const char *path, unsigned deadline_ms, unsigned connections_max, struct error *err)
{
	struct client *client;

	if (strlen(path) >= sizeof(client->address.sun_path)) {
		error_no(err, "keeper-socket", "%s: longer than %zu octets", path, sizeof(client->address.sun_path) - 1);
		return NULL;
	}
	if (connections_max < 1 || connections_max > CLIENT_CONNECTIONS_MAX || deadline_ms < 1) {
		error_no(err, "keeper-socket", "%u connections, %u ms: out of range", connections_max, deadline_ms);
		return NULL;
	}
	client = calloc(1, sizeof(*client));
	if (client == NULL) {
		error_cant_tell(err, "memory", "out of memory");
		return NULL;
	}
	client->address.sun_family = AF_UNIX;
	memcpy(client->address.sun_path, path, strlen(path) + 1);
	client->deadline = deadline_ms;
	client->max = connections_max;
	pthread_mutex_init(&client->mutex, NULL);
	deadline_cond_init(&client->freed);
	return client;
}

void
client_free(struct client *client)
{
	if (client == NULL)
		return;
	while (client->idle_count > 0)
		close(client->idle[--client->idle_count].fd);
	pthread_cond_destroy(&client->freed);
	pthread_mutex_destroy(&client->mutex);
	free(client);
}

/* ---- the pool ------------------------------------------------------------- */

/* An idle connection, or the right to make one (fd -1). False: the deadline came first. */
static bool
take(struct client *client, long long end, struct connection *connection)
{
	struct timespec until = {.tv_sec = end / 1000, .tv_nsec = end % 1000 * 1000000};
	bool taken = true;

	pthread_mutex_lock(&client->mutex);
	while (taken && client->idle_count == 0 && client->open == client->max)
		taken = pthread_cond_timedwait(&client->freed, &client->mutex, &until) == 0
		    || client->idle_count > 0 || client->open < client->max;
	if (taken && client->idle_count > 0) {
		*connection = client->idle[--client->idle_count];
	} else if (taken) {
		client->open++;
		*connection = (struct connection){.fd = -1};
	}
	pthread_mutex_unlock(&client->mutex);
	return taken;
}

static void
put_back(struct client *client, struct connection connection)
{
	pthread_mutex_lock(&client->mutex);
	client->idle[client->idle_count++] = connection;
	pthread_cond_signal(&client->freed);
	pthread_mutex_unlock(&client->mutex);
}

/* The idle ones too, when keeper is gone: they lead to the same dead process. */
static void
drop(struct client *client, struct connection connection, bool idle_too)
{
	if (connection.fd != -1)
		close(connection.fd);
	pthread_mutex_lock(&client->mutex);
	client->open--;
	while (idle_too && client->idle_count > 0) {
		close(client->idle[--client->idle_count].fd);
		client->open--;
	}
	pthread_cond_broadcast(&client->freed);
	pthread_mutex_unlock(&client->mutex);
}

/* ---- one attempt ---------------------------------------------------------- */

static bool
set_timeout(struct connection *connection, long long left)
{
	struct timeval tv = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};

	if (left <= connection->timeout + TIMEOUT_STEP && left >= connection->timeout - TIMEOUT_STEP)
		return true;
	connection->timeout = (long)left;
	return setsockopt(connection->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0
	    && setsockopt(connection->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == 0;
}

/* Blocks for as long as the timeout allows while keeper's queue is full. */
static bool
make(const struct client *client, struct connection *connection, long long left, const char **why)
{
	connection->timeout = -2 * TIMEOUT_STEP;
	connection->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connection->fd != -1 && set_timeout(connection, left)
	    && connect(connection->fd, (const struct sockaddr *)&client->address, sizeof(client->address)) == 0)
		return true;
	*why = strerrordesc_np(errno);
	return false;
}

static bool
exchange(int fd, struct slice request, unsigned char *reply, size_t size, size_t *len, const char **why)
{
	ssize_t n;

	do {
		n = send(fd, request.data, request.len, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n == (ssize_t)request.len) {
		do {
			n = recv(fd, reply, size, MSG_TRUNC);
		} while (n == -1 && errno == EINTR);
		if (n > 0 && (size_t)n <= size) {
			*len = (size_t)n;
			return true;
		}
		*why = n == 0 ? "it closed the connection" : "its reply is too long";
	}
	if (n == -1)
		*why = errno == EAGAIN ? "no reply in time" : strerrordesc_np(errno);
	return false;
}

static enum outcome
attempt(struct client *client, struct connection connection, long long left, struct slice request,
	unsigned char *reply, size_t size, size_t *len, const char **why)
{
	bool reused = connection.fd != -1;

	if (!reused && !make(client, &connection, left, why)) {
		drop(client, connection, true);
		return AGAIN_LATER;
	}
	if (set_timeout(&connection, left) && exchange(connection.fd, request, reply, size, len, why)) {
		put_back(client, connection);
		return DONE;
	}
	/* One of the pool may have died long ago: that says nothing about keeper now. */
	drop(client, connection, true);
	return reused ? AGAIN_NOW : AGAIN_LATER;
}

enum answer
client_call(struct client *client, struct slice request, unsigned char *reply, size_t size, size_t *len,
	struct error *err)
{
	long long end = clock_ms() + client->deadline, left, pause = PAUSE_FIRST;
	const char *why = "all connections are busy";

	while ((left = end - clock_ms()) > 0) {
		struct connection connection;
		enum outcome outcome;

		if (!take(client, end, &connection))
			break;
		left = end - clock_ms();
		outcome = attempt(client, connection, left > 0 ? left : 1, request, reply, size, len, &why);
		if (outcome == DONE)
			return ANSWER_YES;
		if (outcome == AGAIN_NOW)
			continue;
		left = end - clock_ms();
		if (left > 0) {
			struct timespec ts = {.tv_nsec = (left < pause ? left : pause) * 1000000};

			nanosleep(&ts, NULL);
		}
		pause = pause * 2 < PAUSE_MAX ? pause * 2 : PAUSE_MAX;
	}
	return error_cant_tell(err, "keeper-away", "keeper did not answer within %u ms: %s", client->deadline, why);
}
