#include "milter/gate.h"

#include "base/clock.h"
#include "base/control.h"
#include "base/deadline.h"
#include "base/log.h"
#include "gateway/intake.h"
#include "keys/provider.h"
#include "milter/milter.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define TICK 10                  /* s between two looks at what is due */
#define DAY (24 * 60 * 60)       /* s between two looks at the certificates' ends */
#define ANSWER_GRACE 300         /* ms; libmilter writes an answer after the callback, and does not say when */
#define THREAD_STACK (1024 * 1024)
/* Bodies are large and short-lived: given back to the kernel each time, a fifth of
 * the time for 1 MiB went into page faults. Few arenas keep the sum near what is in use. */
#define HEAP_MMAP_THRESHOLD (32 * 1024 * 1024)
#define HEAP_TRIM_THRESHOLD (64 * 1024 * 1024)
#define HEAP_ARENAS 2

static struct {
	const struct gate_options *o;
	pthread_mutex_t lock; /* over all below */
	pthread_cond_t over;
	struct gateway *gateway;
	struct gateway_entry entry;
	struct intake *intake; /* the main thread's, made once; NULL: no configuration has taken requests yet */
	unsigned in_hand;
	struct timespec last_end;
	bool stopping;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *
end_gateway(void *arg)
{
	gateway_unref(arg);
	return NULL;
}

/* Of one that is out of force the last reference waits for what is being fetched: not in a thread that the
 * MTA or the supervisor waits for. */
static void
let_go(struct gateway *g)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, end_gateway, g) == 0)
		pthread_detach(thread);
	else
		gateway_unref(g);
}

/* ---- for milter.c -------------------------------------------------------- */

struct gateway *
gate_begin(struct gateway_entry *entry)
{
	struct gateway *g = NULL;

	pthread_mutex_lock(&gate.lock);
	if (!gate.stopping) {
		gate.in_hand++;
		g = gateway_ref(gate.gateway);
		*entry = gate.entry;
	}
	pthread_mutex_unlock(&gate.lock);
	return g;
}

void
gate_end(struct gateway *gateway)
{
	bool in_force;

	pthread_mutex_lock(&gate.lock);
	in_force = gateway == gate.gateway;
	pthread_mutex_unlock(&gate.lock);
	if (in_force)
		gateway_unref(gateway);
	else
		let_go(gateway);
	pthread_mutex_lock(&gate.lock);
	gate.in_hand--;
	clock_gettime(CLOCK_MONOTONIC, &gate.last_end);
	pthread_cond_signal(&gate.over);
	pthread_mutex_unlock(&gate.lock);
}

bool
gate_claim(size_t octets)
{
	return budget_take(gate.o->budget, gate.o->slot, octets);
}

void
gate_release(size_t octets)
{
	budget_give(gate.o->budget, gate.o->slot, octets);
}

/* ---- configuration ------------------------------------------------------- */

static enum answer
identity_from_keeper(void *arg, const struct config_signer *files, enum key_use use, struct key_identity **identity,
	struct error *err)
{
	(void)arg;
	return provider_identity(files->name, use, identity, err);
}

static const struct config_listener *
find_listener(const struct config *config)
{
	for (size_t i = 0; i < config->listener_count; i++)
		if (strcmp(config->listeners[i].socket, gate.o->socket) == 0)
			return &config->listeners[i];
	return NULL;
}

/* Made when a configuration first takes requests, and used by all that come after it, as those who write the same files do so
 * for as long as they live. */
static enum answer
take_requests(struct gateway *g, struct error *err)
{
	const struct config *config = gateway_config(g);

	if (config->revocation_count == 0)
		return ANSWER_YES;
	if (gate.intake == NULL)
		gate.intake = intake_new(config);
	if (gate.intake == NULL)
		return error_cant_tell(err, "memory", "out of memory");
	if (!intake_serves(gate.intake, config))
		log_event(LOG_WARNING, "restart-needed", "inbox-directory or journal-directory was changed: requests go to the "
			"old ones until the next start");
	gateway_take_requests(g, gate.intake);
	return ANSWER_YES;
}

/* Puts the configuration to work; messages that have begun keep theirs. start: its threads too. */
static enum answer
put_in_force(struct config *config, bool start, struct error *err)
{
	const struct config_listener *listener = find_listener(config);
	struct gateway *fresh, *old;
	enum answer answer;

	if (listener == NULL)
		return error_no(err, "listener", "there is no listener at %s any more", gate.o->socket);
	answer = gateway_new(config, identity_from_keeper, NULL, gate.o->made, &fresh, err);
	if (answer != ANSWER_YES)
		return answer;
	answer = take_requests(fresh, err);
	if (answer == ANSWER_YES && start)
		answer = gateway_start(fresh, err);
	if (answer != ANSWER_YES) {
		gateway_unref(fresh);
		return answer;
	}
	pthread_mutex_lock(&gate.lock);
	old = gate.gateway;
	gate.gateway = fresh;
	gate.entry = (struct gateway_entry){
		.direction = listener->direction, .role = listener->role, .listener = listener->name};
	pthread_mutex_unlock(&gate.lock);
	if (old != NULL)
		let_go(old);
	return ANSWER_YES;
}

static void
log_problem(const char *event, const struct error *err)
{
	struct log_line line;

	log_begin(&line, LOG_ERR, NULL, event);
	log_add(&line, "socket", "%s", gate.o->socket);
	log_add_error(&line, err);
	log_end(&line);
}

static enum answer
load(struct error *err)
{
	struct config *config;
	enum answer answer = config_parse(gate.o->config_path, &config, NULL, NULL, err);

	if (answer != ANSWER_YES)
		return answer;
	answer = put_in_force(config, true, err);
	config_unref(config);
	return answer;
}

/* One gate speaks for all: that of the first listener. */
static bool
is_speaker(struct gateway *g)
{
	return strcmp(gateway_config(g)->listeners[0].socket, gate.o->socket) == 0;
}

static void
warn_of_expiry(void)
{
	if (is_speaker(gate.gateway))
		gateway_warn_expiry(gate.gateway, time(NULL));
}

static void
reload(void)
{
	struct error err = ERROR_NONE;
	enum answer answer = load(&err);

	if (answer != ANSWER_YES)
		log_problem("reload-failed", &err);
	else
		warn_of_expiry();
	control_send(gate.o->control_fd, answer == ANSWER_YES ? CONTROL_KEPT : CONTROL_ERROR);
}

/* ---- start --------------------------------------------------------------- */

static void
set_limits(void)
{
	struct rlimit files;
	pthread_attr_t attributes;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	mallopt(M_MMAP_THRESHOLD, HEAP_MMAP_THRESHOLD);
	mallopt(M_TRIM_THRESHOLD, HEAP_TRIM_THRESHOLD);
	mallopt(M_ARENA_MAX, HEAP_ARENAS);
	if (pthread_attr_init(&attributes) == 0) {
		pthread_attr_setstacksize(&attributes, THREAD_STACK);
		pthread_setattr_default_np(&attributes); /* libmilter's threads take the default */
		pthread_attr_destroy(&attributes);
	}
}

/* A process-directed signal is dropped where the main thread ignores it and does
 * not block it; libmilter, which waits for these, blocks them in its own threads. */
static void
ignore_signals(void)
{
	sigset_t none;

	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void *
serve(void *arg)
{
	(void)arg;
	milter_serve();
	log_event(LOG_ERR, "libmilter-gave-up", "this gate is started anew");
	_exit(EX_OSERR);
}

static enum answer
start_serving(struct error *err)
{
	pthread_t thread;
	int problem;

	deadline_cond_init(&gate.over);
	problem = pthread_create(&thread, NULL, serve, NULL);
	if (problem != 0)
		return error_cant_tell(err, "thread", "cannot start a thread: %s", strerror(problem));
	pthread_detach(thread);
	return ANSWER_YES;
}

/* The configuration is read while we may still read it, the sockets are made
 * while we may still make them; what a mail can reach comes after that. */
static enum answer
start(struct error *err)
{
	const struct gate_options *o = gate.o;
	struct config *config;
	enum answer answer;

	answer = config_parse(o->config_path, &config, NULL, NULL, err);
	if (answer != ANSWER_YES)
		return answer;
	if ((answer = milter_open(o->listen_fd, o->idle_fd, o->private_path, err)) == ANSWER_YES &&
	    (answer = process_confine(o->user, err)) == ANSWER_YES &&
	    (answer = provider_open(o->keeper_path, config->keeper_deadline, GATE_KEEPER_CONNECTIONS, err)) == ANSWER_YES)
		answer = put_in_force(config, false, err);
	/* While there is one thread only. */
	if (answer == ANSWER_YES) {
		log_open("sealmilter", config->log_facility, o->to_stderr);
		answer = gateway_start(gate.gateway, err);
	}
	config_unref(config);
	return answer != ANSWER_YES ? answer : start_serving(err);
}

/* ---- running ------------------------------------------------------------- */

/* Returns when it is time to stop. */
static void
obey(void)
{
	struct pollfd control = {.fd = gate.o->control_fd, .events = POLLIN};
	time_t warned = clock_seconds();

	warn_of_expiry();
	for (;;) {
		gateway_check_seals(gate.gateway, is_speaker(gate.gateway));
		if (gate.intake != NULL && is_speaker(gate.gateway))
			intake_tidy(gate.intake);
		poll(&control, 1, TICK * 1000);
		switch (control_receive(control.fd)) {
		case CONTROL_RELOAD:
			reload();
			break;
		case CONTROL_STOP:
		case CONTROL_GONE:
			return;
		default:
			break;
		}
		milter_progress(clock_seconds());
		if (clock_seconds() - warned >= DAY) {
			warn_of_expiry();
			warned = clock_seconds();
		}
	}
}

static unsigned
wait_for_messages(time_t deadline)
{
	unsigned left;

	pthread_mutex_lock(&gate.lock);
	while (gate.in_hand > 0 && clock_seconds() < deadline) {
		struct timespec until = deadline_in(1000);

		pthread_cond_timedwait(&gate.over, &gate.lock, &until);
		pthread_mutex_unlock(&gate.lock);
		milter_progress(clock_seconds());
		pthread_mutex_lock(&gate.lock);
	}
	left = gate.in_hand;
	pthread_mutex_unlock(&gate.lock);
	return left;
}

static void
wait_for_last_answer(void)
{
	struct timespec until = gate.last_end;

	until.tv_nsec += ANSWER_GRACE * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		continue;
}

static void
drain(void)
{
	unsigned left;

	pthread_mutex_lock(&gate.lock);
	gate.stopping = true;
	pthread_mutex_unlock(&gate.lock);
	milter_close();
	left = wait_for_messages(clock_seconds() + gateway_config(gate.gateway)->stop_timeout);
	if (left > 0)
		log_event(LOG_WARNING, "cut-off", "stop-timeout has passed with messages in hand: the MTA still has them");
	else
		wait_for_last_answer();
}

int
gate_run(const struct gate_options *options)
{
	struct error err = ERROR_NONE;

	gate.o = options;
	ignore_signals();
	set_limits();
	switch (start(&err)) {
	case ANSWER_YES:
		break;
	case ANSWER_NO:
		log_problem("gate-cannot-start", &err);
		return EX_CONFIG;
	default:
		log_problem("gate-cannot-start", &err);
		return EX_TEMPFAIL;
	}
	if (control_send(options->control_fd, CONTROL_UP) != 0)
		return EX_OSERR;
	obey();
	drain();
	return 0;
}
