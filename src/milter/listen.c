#include "milter/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RETRY_INTERVAL 50 /* ms */
#define SOCKET_FLAGS (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

static void
pause_ms(long ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* ---- unix ---------------------------------------------------------------- */

static bool
unix_address(const char *path, struct sockaddr_un *address)
{
	size_t len = strlen(path);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (len >= sizeof address->sun_path)
		return false;
	memcpy(address->sun_path, path, len);
	return true;
}

static bool
is_answered(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
	bool answered;

	if (fd == -1)
		return false;
	/* EAGAIN: somebody listens whose queue is full. */
	answered = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN;
	close(fd);
	return answered;
}

/* May the path be taken? The gates of a supervisor that was killed need a
 * moment to see it, so the answer is not taken from the first look alone. */
static enum answer
check_stale(const char *path, const struct sockaddr_un *address, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? ANSWER_YES : error_cant_tell(err, "socket", "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return error_cant_tell(err, "socket", "%s is there and is no socket", path);
	for (long waited = 0; is_answered(address); waited += RETRY_INTERVAL) {
		if (waited >= LISTEN_PATIENCE)
			return error_cant_tell(err, "socket", "somebody answers on %s already: is another sealmilter running?", path);
		pause_ms(RETRY_INTERVAL);
	}
	return ANSWER_YES;
}

static enum answer
set_rights(const char *path, const struct config_listener *l, const struct process_user *owner,
	struct error *err)
{
	gid_t group = owner->given ? owner->gid : (gid_t)-1;
	uid_t user = owner->given ? owner->uid : (uid_t)-1;

	if (l->group != NULL) {
		const struct group *entry = getgrnam(l->group);

		if (entry == NULL)
			return error_no(err, "socket", "listener %s: there is no group %s", l->name, l->group);
		group = entry->gr_gid;
	}
	if (lchown(path, user, group) != 0)
		return error_cant_tell(err, "socket", "listener %s: cannot give the socket %s to its user and group: %s", l->name,
			path, strerror(errno));
	/* Whoever owns the folder may have put a symbolic link in its place. */
	if (fchmodat(AT_FDCWD, path, l->mode, AT_SYMLINK_NOFOLLOW) != 0)
		return error_cant_tell(err, "socket", "%s: cannot set the mode: %s", path, strerror(errno));
	return ANSWER_YES;
}

/* Nobody can connect before the mode is right: it is bound closed to all. */
static bool
bind_closed(int fd, const struct sockaddr_un *address)
{
	mode_t mask = umask(0777);
	bool bound;

	unlink(address->sun_path);
	bound = bind(fd, (const struct sockaddr *)address, sizeof *address) == 0;
	umask(mask);
	return bound && listen(fd, SOMAXCONN) == 0;
}

static enum answer
open_unix(const char *path, const struct config_listener *l, const struct process_user *owner,
	struct listen_socket *s, struct error *err)
{
	struct sockaddr_un address, own;
	struct stat st;
	char name[sizeof own.sun_path + 32];
	enum answer answer;

	snprintf(name, sizeof name, "%s.%ld", path, (long)getpid());
	if (strlen(path) >= sizeof own.sun_path || !unix_address(path, &address) || !unix_address(name, &own))
		return error_no(err, "socket", "listener %s: the path of its socket is too long", l->name);
	answer = check_stale(path, &address, err);
	if (answer != ANSWER_YES)
		return answer;
	s->fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
	s->path = strdup(path);
	if (s->fd == -1 || s->path == NULL || !bind_closed(s->fd, &own)) {
		answer = error_cant_tell(err, "socket", "listener %s: cannot listen on %s: %s", l->name, path,
			strerror(errno));
		goto fail;
	}
	answer = set_rights(name, l, owner, err);
	if (answer != ANSWER_YES)
		goto fail;
	if (stat(name, &st) != 0 || rename(name, path) != 0) {
		answer = error_cant_tell(err, "socket", "listener %s: cannot put a socket at %s: %s", l->name, path,
			strerror(errno));
		goto fail;
	}
	s->device = st.st_dev;
	s->inode = st.st_ino;
	return ANSWER_YES;
fail:
	unlink(name);
	listen_close(s);
	free(s->path);
	s->path = NULL;
	return answer;
}

/* ---- inet ---------------------------------------------------------------- */

static bool
is_loopback(const struct sockaddr *a)
{
	const struct in6_addr *six;

	if (a->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	six = &((const struct sockaddr_in6 *)a)->sin6_addr;
	return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == IN_LOOPBACKNET);
}

static int
bind_inet(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, SOCKET_FLAGS, 0), on = 1, saved;

	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* Accepted sockets inherit it; without it each message costs two delayed acknowledgements. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (a->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	for (long waited = 0; waited <= LISTEN_PATIENCE; waited += RETRY_INTERVAL) {
		if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
			return fd;
		if (errno != EADDRINUSE)
			break;
		pause_ms(RETRY_INTERVAL);
	}
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* "port@host" in two texts; the host may stand in brackets or be missing. */
static bool
split_inet(const char *text, char *port, size_t port_size, char *host, size_t host_size)
{
	const char *at = strchr(text, '@');
	size_t len = at == NULL ? strlen(text) : (size_t)(at - text);

	if (len == 0 || len >= port_size)
		return false;
	memcpy(port, text, len);
	port[len] = '\0';
	/* getaddrinfo() would cut a larger number. */
	if (strspn(port, "0123456789") != len || strtoul(port, NULL, 10) - 1 >= UINT16_MAX)
		return false;
	*host = '\0';
	if (at == NULL)
		return true;
	if (at[1] == '[')
		at++;
	len = strlen(at + 1);
	if (len > 0 && at[len] == ']')
		len--;
	if (len == 0 || len >= host_size)
		return false;
	memcpy(host, at + 1, len);
	host[len] = '\0';
	return true;
}

static enum answer
open_inet(const char *text, int family, bool allow_remote, const struct config_listener *l,
	struct listen_socket *s, struct error *err)
{
	const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *found;
	char port[32], host[256];
	enum answer answer = ANSWER_YES;
	int problem;

	if (!split_inet(text, port, sizeof port, host, sizeof host))
		return error_no(err, "socket", "listener %s: %s is not PORT@HOST", l->name, text);
	problem = getaddrinfo(*host == '\0' ? NULL : host, port, &hints, &found);
	if (problem != 0)
		return error_cant_tell(err, "socket", "listener %s: %s: %s", l->name, text, gai_strerror(problem));
	if (!allow_remote && !is_loopback(found->ai_addr)) {
		answer = error_no(err, "socket", "listener %s: %s is not a loopback address, and whoever reaches it is "
			"taken for the MTA: see allow-remote-mta", l->name, text);
	} else {
		s->fd = bind_inet(found);
		if (s->fd == -1)
			answer = error_cant_tell(err, "socket", "listener %s: cannot listen on %s: %s", l->name, l->socket,
				strerror(errno));
	}
	freeaddrinfo(found);
	return answer;
}

/* ---- both ---------------------------------------------------------------- */

enum answer
listen_open(const struct config_listener *listener, bool allow_remote, const struct process_user *owner,
	struct listen_socket *s, struct error *err)
{
	struct slice text = slice_str(listener->socket);
	const char *rest = strchr(listener->socket, ':');

	*s = (struct listen_socket){.fd = -1};
	if (rest == NULL)
		return error_no(err, "socket", "listener %s: %s is no socket", listener->name, listener->socket);
	rest++;
	if (slice_starts_nocase(text, "inet6:"))
		return open_inet(rest, AF_INET6, allow_remote, listener, s, err);
	if (slice_starts_nocase(text, "inet:"))
		return open_inet(rest, AF_INET, allow_remote, listener, s, err);
	return open_unix(rest, listener, owner, s, err);
}

enum answer
listen_update(const struct config_listener *listener, const struct process_user *owner,
	const struct listen_socket *s, struct error *err)
{
	return s->path == NULL ? ANSWER_YES : set_rights(s->path, listener, owner, err);
}

void
listen_remove(struct listen_socket *s)
{
	struct stat st;

	if (s->path == NULL)
		return;
	if (lstat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
		unlink(s->path);
	free(s->path);
	s->path = NULL;
}

void
listen_close(struct listen_socket *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
}

int
listen_idle(const char *run_directory, struct error *err)
{
	struct sockaddr_un address;
	char name[sizeof address.sun_path];
	int n = snprintf(name, sizeof name, "%s/idle.%ld", run_directory, (long)getpid()), fd;

	if (n < 0 || (size_t)n >= sizeof name || !unix_address(name, &address)) {
		error_cant_tell(err, "socket", "the name of run-directory is too long");
		return -1;
	}
	fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
	if (fd == -1 || !bind_closed(fd, &address)) {
		error_cant_tell(err, "socket", "cannot listen on %s: %s", name, strerror(errno));
		if (fd != -1)
			close(fd);
		fd = -1;
	}
	unlink(name);
	return fd;
}
