#include "mta.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

#define RECEIVE_BUFFER 16384 /* small: the filter must wait for us */

static const char *const stage_names[MTA_STAGES] = {
	"connected", "negotiated", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "eob-sent",
	"first-modification", "replace-body", "done",
};

static const char *const trouble_names[] = {
	"fine", "unreachable", "lost", "timeout", "protocol", "local",
};

const char *
mta_stage_name(enum mta_stage stage)
{
	return stage < MTA_STAGES ? stage_names[stage] : NULL;
}

const char *
mta_trouble_name(enum mta_trouble trouble)
{
	return trouble_names[trouble];
}

struct mta *
mta_new(struct mta_limits limits)
{
	struct mta *m = calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	m->fd = -1;
	m->limits = limits;
	m->stop = MTA_STAGES;
	buf_init(&m->in, MTA_PACKET_MAX);
	return m;
}

static void
forget_negotiated(struct mta *m)
{
	for (size_t i = 0; i < MTA_SYMLISTS; i++)
		free(m->negotiated.symbols[i]);
	m->negotiated = (struct mta_negotiated){0};
}

void
mta_free(struct mta *m)
{
	if (m == NULL)
		return;
	mta_close(m);
	forget_negotiated(m);
	buf_free(&m->in);
	free(m);
}

void
mta_close(struct mta *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

enum mta_trouble
mta_trouble(const struct mta *m)
{
	return m->trouble;
}

const char *
mta_error(const struct mta *m)
{
	return m->error;
}

const struct mta_negotiated *
mta_negotiated(const struct mta *m)
{
	return &m->negotiated;
}

bool
mta_fail(struct mta *m, enum mta_trouble trouble, const char *format, ...)
{
	va_list args;

	if (m->trouble != MTA_FINE)
		return false; /* the first trouble is the cause of all later ones */
	m->trouble = trouble;
	va_start(args, format);
	vsnprintf(m->error, sizeof m->error, format, args);
	va_end(args);
	return false;
}

/* ---- stops ---------------------------------------------------------------- */

void
mta_stop_at(struct mta *m, enum mta_stage stage, size_t octets, mta_stopped *call, void *arg)
{
	m->stop = stage;
	m->stop_octets = octets;
	m->stop_call = call;
	m->stop_arg = arg;
}

bool
mta_was_at(const struct mta *m, enum mta_stage stage)
{
	return stage < MTA_STAGES && m->reached[stage];
}

void
mta_reach(struct mta *m, enum mta_stage stage, size_t octets)
{
	m->stage = stage;
	m->reached[stage] = true;
	if (m->stop != stage || octets < m->stop_octets)
		return;
	m->stop = MTA_STAGES;
	m->stop_call(m, m->stop_arg);
}

/* ---- sockets -------------------------------------------------------------- */

uint64_t
mta_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* True: the descriptor is ready, or broken, which the next call on it tells. */
static bool
wait_for(struct mta *m, short events, uint64_t until)
{
	struct pollfd p = {.fd = m->fd, .events = events};
	uint64_t now;
	int n;

	do {
		now = mta_now_us();
		n = now < until ? poll(&p, 1, (int)((until - now) / 1000) + 1) : 0;
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return true;
	return mta_fail(m, n == 0 ? MTA_TIMEOUT : MTA_LOCAL, "%s at %s",
		n == 0 ? "no answer within the deadline" : strerror(errno), mta_stage_name(m->stage));
}

static bool
unix_address(const char *path, struct sockaddr_un *a)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof a->sun_path)
		return false;
	strcpy(a->sun_path, path);
	return true;
}

/* "port@host" */
static bool
inet_address(const char *where, int family, struct sockaddr_storage *a, socklen_t *len)
{
	struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM}, *found;
	const char *at = strchr(where, '@');
	char port[16];

	if (at == NULL || (size_t)(at - where) >= sizeof port)
		return false;
	memcpy(port, where, (size_t)(at - where));
	port[at - where] = '\0';
	if (getaddrinfo(at + 1, port, &hints, &found) != 0)
		return false;
	memcpy(a, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

static bool
parse_socket(const char *text, struct sockaddr_storage *a, socklen_t *len)
{
	const char *colon = strchr(text, ':');

	if (colon == NULL)
		return false;
	if (strncmp(text, "unix:", 5) == 0 || strncmp(text, "local:", 6) == 0) {
		*len = sizeof(struct sockaddr_un);
		return unix_address(colon + 1, (struct sockaddr_un *)a);
	}
	if (strncmp(text, "inet:", 5) == 0)
		return inet_address(colon + 1, AF_INET, a, len);
	if (strncmp(text, "inet6:", 6) == 0)
		return inet_address(colon + 1, AF_INET6, a, len);
	return false;
}

static bool
finish_connect(struct mta *m, const char *text)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (!wait_for(m, POLLOUT, mta_now_us() + (uint64_t)m->limits.connect * 1000))
		return false;
	if (getsockopt(m->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0)
		return mta_fail(m, MTA_UNREACHABLE, "connect %s: %s", text, strerror(error));
	return true;
}

bool
mta_connect(struct mta *m, const char *text)
{
	struct sockaddr_storage a;
	socklen_t len = 0;
	int size = RECEIVE_BUFFER, n;
	uint64_t until = mta_now_us() + (uint64_t)m->limits.connect * 1000;

	mta_close(m);
	forget_negotiated(m);
	m->trouble = MTA_FINE;
	m->error[0] = '\0';
	m->introduced = false;
	memset(m->reached, 0, sizeof m->reached);
	m->stage = MTA_AT_CONNECTED;
	if (!parse_socket(text, &a, &len))
		return mta_fail(m, MTA_UNREACHABLE, "%s: not a socket", text);
	m->fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (m->fd < 0)
		return mta_fail(m, MTA_LOCAL, "socket: %s", strerror(errno));
	(void)setsockopt(m->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	/* A unix socket whose queue is full says EAGAIN and cannot be waited for. */
	while ((n = connect(m->fd, (struct sockaddr *)&a, len)) != 0 && errno == EAGAIN && mta_now_us() < until)
		(void)poll(NULL, 0, 1);
	if (n != 0 && errno != EINPROGRESS)
		return mta_fail(m, MTA_UNREACHABLE, "connect %s: %s", text, strerror(errno));
	if (n != 0 && !finish_connect(m, text))
		return false;
	mta_reach(m, MTA_AT_CONNECTED, 0);
	return true;
}

/* ---- packets -------------------------------------------------------------- */

static void
advance(struct msghdr *h, size_t n)
{
	while (n > 0) {
		size_t step = n < h->msg_iov->iov_len ? n : h->msg_iov->iov_len;

		h->msg_iov->iov_base = (char *)h->msg_iov->iov_base + step;
		h->msg_iov->iov_len -= step;
		n -= step;
		if (h->msg_iov->iov_len == 0 && n > 0) {
			h->msg_iov++;
			h->msg_iovlen--;
		}
	}
}

static bool
write_all(struct mta *m, struct iovec *iov, size_t count, size_t left)
{
	struct msghdr h = {.msg_iov = iov, .msg_iovlen = count};
	uint64_t until = mta_now_us() + (uint64_t)m->limits.content * 1000;
	ssize_t n;

	if (m->fd < 0)
		return mta_fail(m, MTA_LOST, "not connected");
	while (left > 0) {
		n = sendmsg(m->fd, &h, MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			if (!wait_for(m, POLLOUT, until))
				return false;
			continue;
		}
		if (n < 0)
			return mta_fail(m, MTA_LOST, "lost connection while writing, after %s: %s",
				mta_stage_name(m->stage), strerror(errno));
		left -= (size_t)n;
		advance(&h, (size_t)n);
	}
	return true;
}

bool
mta_write_raw(struct mta *m, struct slice bytes)
{
	struct iovec iov = {(void *)(uintptr_t)bytes.data, bytes.len};

	return write_all(m, &iov, 1, bytes.len);
}

bool
mta_write(struct mta *m, char code, struct slice data)
{
	unsigned char head[5];
	struct iovec iov[2] = {{head, sizeof head}, {(void *)(uintptr_t)data.data, data.len}};

	put_u32(head, (uint32_t)data.len + 1);
	head[4] = (unsigned char)code;
	return write_all(m, iov, data.len > 0 ? 2 : 1, sizeof head + data.len);
}

static bool
read_exactly(struct mta *m, unsigned char *to, size_t len, uint64_t until)
{
	ssize_t n;

	while (len > 0) {
		n = recv(m->fd, to, len, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			if (!wait_for(m, POLLIN, until))
				return false;
			continue;
		}
		if (n <= 0)
			return mta_fail(m, MTA_LOST, "lost connection after %s: %s", mta_stage_name(m->stage),
				n == 0 ? "closed" : strerror(errno));
		to += n;
		len -= (size_t)n;
	}
	return true;
}

bool
mta_read(struct mta *m, char *code, struct slice *data, int deadline)
{
	uint64_t until = mta_now_us() + (uint64_t)deadline * 1000;
	unsigned char head[5], *to;
	uint32_t len;

	if (m->fd < 0)
		return mta_fail(m, MTA_LOST, "not connected");
	if (!read_exactly(m, head, sizeof head, until))
		return false;
	len = get_u32(head);
	if (len < 1 || len > MTA_PACKET_MAX)
		return mta_fail(m, MTA_PROTOCOL, "packet of %lu octets", (unsigned long)len);
	buf_clear(&m->in);
	to = buf_extend(&m->in, len - 1);
	if (len > 1 && to == NULL)
		return mta_fail(m, MTA_LOCAL, "out of memory");
	if (len > 1 && !read_exactly(m, to, len - 1, until))
		return false;
	*code = (char)head[4];
	*data = buf_slice(&m->in);
	return true;
}

/* ---- negotiation ---------------------------------------------------------- */

static bool
read_symbols(struct mta *m, struct slice data)
{
	while (data.len > 0) {
		size_t end = data.len > 4 ? slice_find(data, '\0', 4) : data.len;
		uint32_t which;

		if (end >= data.len || (which = get_u32(data.data)) >= MTA_SYMLISTS)
			return mta_fail(m, MTA_PROTOCOL, "bad list of macros");
		free(m->negotiated.symbols[which]);
		m->negotiated.symbols[which] = slice_dup(slice_sub(data, 4, end));
		if (m->negotiated.symbols[which] == NULL)
			return mta_fail(m, MTA_LOCAL, "out of memory");
		data = slice_sub(data, end + 1, data.len);
	}
	return true;
}

bool
mta_negotiate(struct mta *m, uint32_t version, uint32_t actions, uint32_t steps)
{
	unsigned char offer[12];
	struct slice data;
	char code;

	put_u32(offer, version);
	put_u32(offer + 4, actions);
	put_u32(offer + 8, steps);
	if (!mta_write(m, 'O', slice_of(offer, sizeof offer)) || !mta_read(m, &code, &data, m->limits.command))
		return false;
	if (code != 'O' || data.len < 12)
		return mta_fail(m, MTA_PROTOCOL, "answer %02x of %zu octets to the offer", (unsigned char)code, data.len);
	m->negotiated.version = get_u32(data.data);
	m->negotiated.actions = get_u32(data.data + 4);
	m->negotiated.steps = get_u32(data.data + 8);
	if (m->negotiated.version > version || (m->negotiated.actions & ~actions) != 0)
		return mta_fail(m, MTA_PROTOCOL, "version %lu, actions %#lx were not offered",
			(unsigned long)m->negotiated.version, (unsigned long)m->negotiated.actions);
	/* Postfix warns of steps that it did not offer and goes on; they have no effect. */
	m->negotiated.steps &= steps;
	if (!read_symbols(m, slice_sub(data, 12, data.len)))
		return false;
	mta_reach(m, MTA_AT_NEGOTIATED, 0);
	return true;
}

void
mta_quit(struct mta *m)
{
	if (m->fd >= 0 && m->trouble == MTA_FINE)
		(void)mta_write(m, 'Q', SLICE_NONE);
	mta_close(m);
}
