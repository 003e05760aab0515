#include "fetch/resolve.h"
#include "base/deadline.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Between the one who asks and the thread that looks up; the last of them frees it. */
struct lookup {
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t done;
	bool is_done;
	bool is_left;         /* the other one has gone */
	int rc;               /* getaddrinfo()'s */
	struct resolve_found found;
	struct url url;       /* constant */
};

static atomic_uint running;

static int
look_up(const struct url *url, int flags, struct resolve_found *found)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(url->host, url->port, &hints, &list);

	found->count = 0;
	if (rc != 0)
		return rc;
	for (const struct addrinfo *a = list; a != NULL && found->count < RESOLVE_ADDRESSES_MAX; a = a->ai_next) {
		struct resolve_address *item = &found->item[found->count];

		if (a->ai_family != AF_INET && a->ai_family != AF_INET6)
			continue;
		memcpy(&item->address, a->ai_addr, a->ai_addrlen);
		item->length = a->ai_addrlen;
		found->count++;
	}
	freeaddrinfo(list);
	return found->count > 0 ? 0 : EAI_NONAME;
}

bool
resolve_literal(const struct url *url, struct resolve_found *found)
{
	return look_up(url, AI_NUMERICHOST, found) == 0;
}

void
resolve_text(const struct resolve_address *address, char text[RESOLVE_TEXT_SIZE])
{
	bool six = address->address.ss_family == AF_INET6;
	char digits[INET6_ADDRSTRLEN] = "";

	/* No zone is written: neither library is given one. */
	inet_ntop(address->address.ss_family, six ?
		(const void *)&((const struct sockaddr_in6 *)&address->address)->sin6_addr :
		(const void *)&((const struct sockaddr_in *)&address->address)->sin_addr, digits, sizeof digits);
	snprintf(text, RESOLVE_TEXT_SIZE, six ? "[%s]" : "%s", digits);
}

/* ---- the thread ---------------------------------------------------------- */

static struct lookup *
lookup_new(const struct url *url)
{
	struct lookup *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	l->url = *url;
	pthread_mutex_init(&l->lock, NULL);
	deadline_cond_init(&l->done);
	return l;
}

/* With its lock held, which is let go. */
static void
lookup_leave(struct lookup *l)
{
	bool last = l->is_left;

	l->is_left = true;
	pthread_mutex_unlock(&l->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->done);
	free(l);
}

static void *
run(void *arg)
{
	struct lookup *l = arg;
	struct resolve_found found;
	int rc = look_up(&l->url, 0, &found);

	pthread_mutex_lock(&l->lock);
	l->rc = rc;
	l->found = found;
	l->is_done = true;
	pthread_cond_signal(&l->done);
	atomic_fetch_sub(&running, 1);
	lookup_leave(l);
	return NULL;
}

static bool
start(struct lookup *l)
{
	pthread_attr_t attr;
	pthread_t thread;
	bool started = false;

	if (atomic_fetch_add(&running, 1) < RESOLVE_LATE_MAX && pthread_attr_init(&attr) == 0) {
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		started = pthread_create(&thread, &attr, run, l) == 0;
		pthread_attr_destroy(&attr);
	}
	if (!started)
		atomic_fetch_sub(&running, 1);
	return started;
}

/* ---- whoever asks -------------------------------------------------------- */

static enum answer
judge(const struct lookup *l, struct resolve_found *found, struct error *err)
{
	if (!l->is_done)
		return error_cant_tell(err, "timeout", "no address of %s was found in time", l->url.host);
	if (l->rc == EAI_MEMORY)
		return error_cant_tell(err, "memory", "no memory for the addresses of %s", l->url.host);
	if (l->rc != 0)
		return error_cant_tell(err, "network", "no address of %s is found: %s", l->url.host, gai_strerror(l->rc));
	*found = l->found;
	return ANSWER_YES;
}

enum answer
resolve_host(const struct url *url, const struct timespec *deadline, struct resolve_found *found, struct error *err)
{
	struct lookup *l;
	enum answer answer;
	int rc = 0;

	if (resolve_literal(url, found))
		return ANSWER_YES;
	l = lookup_new(url);
	if (l == NULL)
		return error_cant_tell(err, "memory", "no memory for the addresses of %s", url->host);
	pthread_mutex_lock(&l->lock);
	if (!start(l)) {
		l->is_left = true;
		lookup_leave(l);
		return error_cant_tell(err, "network", "too many names are being looked up to ask for %s", url->host);
	}
	while (!l->is_done && rc == 0)
		rc = pthread_cond_timedwait(&l->done, &l->lock, deadline);
	answer = judge(l, found, err);
	lookup_leave(l);
	return answer;
}
