#include "keys/keeper.h"

#include "base/clock.h"
#include "base/control.h"
#include "base/log.h"
#include "config/config.h"
#include "keys/vault.h"
#include "keys/wire.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE (512 * 1024)     /* octets, of a connection's thread */
#define SECURE_HEAP (4 * 1024 * 1024) /* octets for private numbers, locked in memory: two sets of KEEPER_KEYS_MAX keys */
#define SECURE_HEAP_MIN 32          /* octets, its smallest piece */
#define REPLY_TIMEOUT 5             /* s that a client may leave a reply unread */
#define ACCEPT_PAUSE 100            /* ms, after accept() failed for want of something */
#define LAST_WORDS 2000             /* ms that operations in hand get after stop-timeout */

/* Static, because a thread's very last step is to unlock the mutex: nobody can
 * tell when it would be safe to free it. */
static struct keeper {
	const struct keeper_options *options;
	int wake; /* eventfd: a connection has ended */
	pthread_mutex_t mutex; /* guards all below */
	struct vault *vault;
	int connections[KEEPER_CONNECTIONS_MAX]; /* descriptors, -1 where none */
	unsigned count;
	unsigned stop_timeout; /* s */
	bool has_worker;
	uid_t worker;
} keeper = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* ---- one connection ------------------------------------------------------- */

static void
serve(int fd, unsigned char *request, unsigned char *reply)
{
	for (;;) {
		struct vault *vault;
		ssize_t n;
		size_t len;

		do {
			n = recv(fd, request, WIRE_REQUEST_MAX, MSG_TRUNC);
		} while (n == -1 && errno == EINTR);
		/* Who sends more than any request has is no gate of ours. */
		if (n <= 0 || n > WIRE_REQUEST_MAX)
			return;
		pthread_mutex_lock(&keeper.mutex);
		vault = vault_ref(keeper.vault);
		pthread_mutex_unlock(&keeper.mutex);
		len = vault_answer(vault, slice_of(request, (size_t)n), reply);
		vault_unref(vault);
		do {
			n = send(fd, reply, len, MSG_NOSIGNAL);
		} while (n == -1 && errno == EINTR);
		explicit_bzero(reply, len);
		if (n != (ssize_t)len)
			return;
	}
}

static void *
connection_main(void *arg)
{
	int *place = arg, fd = *place;
	unsigned char *buffer = malloc(WIRE_REQUEST_MAX + WIRE_REPLY_MAX);
	uint64_t one = 1;

	if (buffer != NULL)
		serve(fd, buffer, buffer + WIRE_REQUEST_MAX);
	free(buffer);
	OPENSSL_thread_stop();
	pthread_mutex_lock(&keeper.mutex);
	*place = -1;
	keeper.count--;
	close(fd);
	/* It cannot fail: the counter would have to reach 2^64. */
	if (write(keeper.wake, &one, sizeof(one)) != (ssize_t)sizeof(one))
		log_event(LOG_ERR, "keeper-wake", "%s", strerror(errno));
	pthread_mutex_unlock(&keeper.mutex);
	return NULL;
}

static bool
is_worker(uid_t uid)
{
	bool is;

	pthread_mutex_lock(&keeper.mutex);
	is = keeper.has_worker && keeper.worker == uid;
	pthread_mutex_unlock(&keeper.mutex);
	return is;
}

static bool
client_allowed(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	const struct keeper_options *o = keeper.options;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return false;
	if (o->client_uid_count == 0 || peer.uid == 0 || peer.uid == geteuid())
		return true;
	for (size_t i = 0; i < o->client_uid_count; i++)
		if (o->client_uids[i] == peer.uid)
			return true;
	if (is_worker(peer.uid))
		return true;
	log_event(LOG_WARNING, "keeper-refused", "process %d of user %u may not ask", (int)peer.pid, (unsigned)peer.uid);
	return false;
}

/* Called with the mutex held and a place free. */
static bool
start_connection(int fd)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int *place = keeper.connections;
	bool started;

	while (*place != -1)
		place++;
	*place = fd;
	if (pthread_attr_init(&attributes) != 0)
		return false;
	started = pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0
	    && pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0
	    && pthread_create(&thread, &attributes, connection_main, place) == 0;
	pthread_attr_destroy(&attributes);
	if (started)
		keeper.count++;
	else
		*place = -1;
	return started;
}

static void
accept_one(void)
{
	struct timeval timeout = {.tv_sec = REPLY_TIMEOUT};
	int fd = accept4(keeper.options->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	bool started = false;

	if (fd == -1) {
		if (errno != EINTR && errno != EAGAIN && errno != ECONNABORTED) {
			log_event(LOG_ERR, "keeper-accept", "%s", strerror(errno));
			poll(NULL, 0, ACCEPT_PAUSE);
		}
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (client_allowed(fd)) {
		pthread_mutex_lock(&keeper.mutex);
		started = start_connection(fd);
		pthread_mutex_unlock(&keeper.mutex);
		if (!started)
			log_event(LOG_ERR, "keeper-thread", "cannot start a thread");
	}
	if (!started)
		close(fd);
}

/* ---- configuration -------------------------------------------------------- */

static enum answer
parse_file(const char *path, struct config **config, struct error *err)
{
	return config_parse(path, config, NULL, NULL, err);
}

/* Meaningless where the configuration has none. */
static enum answer
find_worker(const struct config *config, uid_t *uid, struct error *err)
{
	const struct passwd *entry = config->worker_user == NULL ? NULL : getpwnam(config->worker_user);

	*uid = entry == NULL ? 0 : entry->pw_uid;
	return entry != NULL || config->worker_user == NULL ? ANSWER_YES :
		error_no(err, "user", "there is no user %s", config->worker_user);
}

/* The old identities stay in force where the new ones cannot be loaded. */
static enum answer
load(const char *event)
{
	const struct keeper_options *o = keeper.options;
	struct error err = ERROR_NONE;
	struct config *config = NULL;
	struct vault *new = NULL, *old;
	uid_t worker = 0;
	struct log_line line;
	enum answer answer = (o->parse != NULL ? o->parse : parse_file)(o->config_path, &config, &err);

	if (answer == ANSWER_YES)
		answer = find_worker(config, &worker, &err);
	if (answer == ANSWER_YES)
		answer = vault_load(config, &new, &err);
	log_begin(&line, answer == ANSWER_YES ? LOG_INFO : LOG_ERR, NULL, event);
	if (answer == ANSWER_YES) {
		pthread_mutex_lock(&keeper.mutex);
		old = keeper.vault;
		keeper.vault = new;
		keeper.stop_timeout = config->stop_timeout;
		keeper.has_worker = config->worker_user != NULL;
		keeper.worker = worker;
		pthread_mutex_unlock(&keeper.mutex);
		vault_unref(old);
		log_add(&line, "result", "loaded");
		log_add(&line, "signers", "%zu", vault_count(new, KEY_TO_SIGN));
		log_add(&line, "decryption-keys", "%zu", vault_count(new, KEY_TO_DECRYPT));
	} else {
		log_add(&line, "result", "%s", keeper.vault == NULL ? "failed" : "kept-old");
		log_add_error(&line, &err);
	}
	log_end(&line);
	if (config != NULL)
		(o->release != NULL ? o->release : config_unref)(config);
	return answer;
}

/* ---- the process ---------------------------------------------------------- */

static void
harden(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		log_event(LOG_WARNING, "keeper-dumpable", "%s", strerror(errno));
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* 2: there, but not locked, as RLIMIT_MEMLOCK is too small. */
	if (!CRYPTO_secure_malloc_initialized() && CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_HEAP_MIN) != 1)
		log_event(LOG_WARNING, "keeper-memory", "private keys are not locked in memory: RLIMIT_MEMLOCK is too small");
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

static unsigned
connected(void)
{
	unsigned count;

	pthread_mutex_lock(&keeper.mutex);
	count = keeper.count;
	pthread_mutex_unlock(&keeper.mutex);
	return count;
}

/* Waits for what comes next: a client, a message, the end of a connection.
 * True: control_fd has something to say. */
static bool
step(int control_fd, int timeout)
{
	struct pollfd fds[] = {
		{.fd = keeper.wake, .events = POLLIN},
		{.fd = connected() < KEEPER_CONNECTIONS_MAX ? keeper.options->listen_fd : -1, .events = POLLIN},
		{.fd = control_fd, .events = POLLIN},
	};
	uint64_t ended;

	if (poll(fds, 3, timeout) <= 0)
		return false;
	if (fds[0].revents != 0 && read(keeper.wake, &ended, sizeof(ended)) == -1 && errno != EAGAIN)
		log_event(LOG_ERR, "keeper-wake", "%s", strerror(errno));
	if (fds[1].revents != 0)
		accept_one();
	return fds[2].revents != 0;
}

/* Until the supervisor wants it to end, or is gone itself. */
static const char *
run(void)
{
	int control_fd = keeper.options->control_fd;

	for (;;) {
		if (!step(control_fd, -1))
			continue;
		switch (control_receive(control_fd)) {
		case CONTROL_RELOAD:
			control_send(control_fd, load("keeper-reload") == ANSWER_YES ? CONTROL_KEPT : CONTROL_ERROR);
			break;
		case CONTROL_STOP:
			return "stop";
		case CONTROL_GONE:
			return "supervisor-gone";
		default:
			break;
		}
	}
}

/* Serves on until nobody is connected any more: gates end first, and finish
 * their messages with keeper's help. Then cuts off who is left. */
static void
drain(void)
{
	long long end = clock_ms() + (long long)keeper.stop_timeout * 1000, left;

	while (connected() > 0 && (left = end - clock_ms()) > 0)
		step(-1, left > INT_MAX ? INT_MAX : (int)left);
	pthread_mutex_lock(&keeper.mutex);
	for (size_t i = 0; i < KEEPER_CONNECTIONS_MAX; i++)
		if (keeper.connections[i] != -1)
			shutdown(keeper.connections[i], SHUT_RD);
	pthread_mutex_unlock(&keeper.mutex);
	end = clock_ms() + LAST_WORDS;
	while (connected() > 0 && (left = end - clock_ms()) > 0) {
		struct pollfd ended = {.fd = keeper.wake, .events = POLLIN};
		uint64_t count;

		if (poll(&ended, 1, (int)left) == 1 && read(keeper.wake, &count, sizeof(count)) == -1)
			break;
	}
}

int
keeper_run(const struct keeper_options *options)
{
	const char *why;

	keeper.options = options;
	for (size_t i = 0; i < KEEPER_CONNECTIONS_MAX; i++)
		keeper.connections[i] = -1;
	harden();
	keeper.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (keeper.wake == -1) {
		log_event(LOG_ERR, "keeper-wake", "%s", strerror(errno));
		return EX_OSERR;
	}
	if (load("keeper-start") != ANSWER_YES) {
		close(keeper.wake);
		return EX_CONFIG;
	}
	control_send(options->control_fd, CONTROL_UP);
	why = run();
	drain();
	log_event(LOG_INFO, "keeper-end", "%s, %u clients left", why, connected());
	if (connected() > 0)
		return 0; /* their threads still use what would be freed here */
	vault_unref(keeper.vault);
	keeper.vault = NULL;
	close(keeper.wake);
	return 0;
}

/* ---- the socket ----------------------------------------------------------- */

/* Bound under another name first: there is no moment without a socket, and none
 * when it is open to more users than it will be. */
static bool
bind_and_listen(int fd, const struct sockaddr_un *address, const char *path, mode_t mode)
{
	mode_t old;
	int bound;

	if (unlink(address->sun_path) == -1 && errno != ENOENT)
		return false;
	old = umask(0177);
	bound = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	umask(old);
	if (bound == -1)
		return false;
	if (chmod(address->sun_path, mode) == 0 && listen(fd, KEEPER_BACKLOG) == 0
	    && rename(address->sun_path, path) == 0)
		return true;
	bound = errno;
	unlink(address->sun_path);
	errno = bound;
	return false;
}

int
keeper_listen(const char *path, mode_t mode, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	int fd, n;

	n = snprintf(address.sun_path, sizeof(address.sun_path), "%s.new", path);
	if (n < 0 || (size_t)n >= sizeof(address.sun_path)) {
		error_no(err, "keeper-socket", "%s: longer than %zu octets", path, sizeof(address.sun_path) - sizeof(".new"));
		return -1;
	}
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		error_no(err, "keeper-socket", "%s is there and is not a socket", path);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1 || !bind_and_listen(fd, &address, path, mode)) {
		error_no(err, "keeper-socket", "cannot listen on %s: %s", path, strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	return fd;
}
