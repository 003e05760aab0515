/* mta-tool: the scripted MTA as a command. Reads a message, sends it to a milter
 * as Postfix would, prints what came back as one JSON object.
 *
 *     mta-tool --socket unix:/run/x.sock --from a@b --rcpt c@d [options] FILE
 *
 *   --client ADDRESS[,PORT]   127.0.0.1,25025; "unknown": no address
 *   --client-name NAME --helo NAME --host NAME({j}) --daemon NAME
 *   --auth LOGIN --auth-type MECHANISM
 *   --local                   as Postfix hands on mail of pickup
 *   --queue-id ID --macro NAME=VALUE --param MAIL-PARAMETER
 *   --exact                   send line ends as they are (else a bare LF becomes CRLF)
 *   --sendmail                the body's end in a body command of its own
 *   --chunk N                 body chunk's octets
 *   --steps HEX --actions HEX protocol steps and actions that are offered (all of them)
 *   --deadline MS             for every answer (60000)
 *   --result FILE             the message as the MTA would queue it
 *   --received TEXT           the MTA's own Received field in it
 *   --stop-at STAGE[:OCTETS]  connected negotiated helo mail rcpt data header eoh body
 *                             eob-sent first-modification replace-body done
 *   --then-kill PID           SIGKILL there, and wait until it is dead; repeatable
 *   --then-ask                say "stopped STAGE" on standard error and wait for a line
 *   --count N --parallel C --per-connection K   load: N messages over C connections at a time
 *   --raw FILE                send these bytes instead of a message; --after-negotiation: then
 *
 * Exit status: 0 the filter gave a verdict, 64 usage, 66 no input, 75 no verdict
 * (killed, hung, unreachable: "trouble" says which).
 */
#include "json.h"
#include "mta.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define LIST_MAX 10000
#define PIDS_MAX 16
#define PARALLEL_MAX 1024
#define DEATH_WAIT_MS 5000
#define RAW_WAIT_MS 3000

struct tool {
	const char *socket, *result, *received, *raw;
	struct mta_message message;
	struct mta_macro macros[LIST_MAX];
	const char *recipients[LIST_MAX], *parameters[LIST_MAX];
	int deadline;
	uint32_t steps, actions;
	bool exact, ask, raw_later;
	enum mta_stage stop;
	size_t stop_octets;
	pid_t pids[PIDS_MAX];
	size_t pid_count;
	bool reached, alive, dead;
	size_t count, parallel, per_connection;
	struct buf input;
};

static struct mta_limits
limits(const struct tool *t)
{
	return (struct mta_limits){t->deadline, t->deadline, t->deadline};
}

/* ---- stops ---------------------------------------------------------------- */

static bool
is_alive(pid_t pid)
{
	char path[64], state = 'X';
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	f = fopen(path, "r");
	if (f == NULL)
		return false;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 'X';
	fclose(f);
	return state != 'Z' && state != 'X';
}

static bool
wait_for_death(pid_t pid)
{
	for (int i = 0; i < DEATH_WAIT_MS && is_alive(pid); i++)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	return !is_alive(pid);
}

static void
stopped(struct mta *m, void *arg)
{
	struct tool *t = arg;
	char line[80];

	(void)m;
	t->reached = true;
	t->alive = t->dead = t->pid_count > 0;
	for (size_t i = 0; i < t->pid_count; i++)
		t->alive = is_alive(t->pids[i]) && kill(t->pids[i], SIGKILL) == 0 && t->alive;
	for (size_t i = 0; i < t->pid_count; i++)
		t->dead = wait_for_death(t->pids[i]) && t->dead;
	if (t->ask) {
		fprintf(stderr, "stopped %s\n", mta_stage_name(t->stop));
		if (fgets(line, sizeof line, stdin) == NULL)
			t->ask = false;
	}
}

static void
print_stop(const struct tool *t)
{
	if (t->stop == MTA_STAGES)
		return;
	json_text(stdout, ",\"stop\":{\"stage\"", mta_stage_name(t->stop));
	json_bool(stdout, ",\"reached\"", t->reached);
	json_bool(stdout, ",\"alive\"", t->alive);
	json_bool(stdout, ",\"dead\"", t->dead);
	/* Landed: it lived until the stage was reached, and the signal ended it there. */
	json_bool(stdout, ",\"landed\"", t->reached && t->alive && t->dead);
	putchar('}');
}

/* ---- what came back -------------------------------------------------------- */

static const char *
answer_name(char code)
{
	switch (code) {
	case 'a': return "accept";
	case 'c': return "continue";
	case 'd': return "discard";
	case 'r': return "reject";
	case 's': return "skip";
	case 't': return "tempfail";
	case 'y': return "reply";
	default: return "none";
	}
}

static const char *
change_name(const struct mta_change *c)
{
	switch (c->code) {
	case 'h': return "addheader";
	case 'i': return "insheader";
	case 'm': return c->value[0] != '\0' ? "chgheader" : "delheader";
	case '+':
	case '2': return "addrcpt";
	case '-': return "delrcpt";
	case 'e': return "chgfrom";
	default: return "quarantine";
	}
}

static void
print_negotiation(const struct mta *m)
{
	static const char *const stages[MTA_SYMLISTS] = {"connect", "helo", "mail", "rcpt", "data", "eom", "eoh"};
	const struct mta_negotiated *n = mta_negotiated(m);
	const char *comma = "";

	json_number(stdout, "\"negotiation\":{\"version\"", n->version);
	json_number(stdout, ",\"actions\"", n->actions);
	json_number(stdout, ",\"steps\"", n->steps);
	fputs(",\"macros\":{", stdout);
	for (size_t i = 0; i < MTA_SYMLISTS; i++) {
		if (n->symbols[i] == NULL)
			continue;
		printf("%s\"%s\"", comma, stages[i]);
		json_text(stdout, "", n->symbols[i]);
		comma = ",";
	}
	fputs("}}", stdout);
}

static void
print_recipients(const struct tool *t, const struct mta_result *r)
{
	fputs(",\"recipients\":[", stdout);
	for (size_t i = 0; i < r->recipient_count; i++) {
		json_text(stdout, i > 0 ? ",{\"address\"" : "{\"address\"", t->recipients[i]);
		json_text(stdout, ",\"answer\"", answer_name(r->recipients[i].code));
		json_text(stdout, ",\"text\"", r->recipients[i].text);
		putchar('}');
	}
	putchar(']');
}

static void
print_changes(const struct mta_result *r)
{
	fputs(",\"changes\":[", stdout);
	for (size_t i = 0; i < r->change_count; i++) {
		const struct mta_change *c = &r->changes[i];

		json_text(stdout, i > 0 ? ",{\"kind\"" : "{\"kind\"", change_name(c));
		if (c->code == 'i' || c->code == 'm')
			json_number(stdout, ",\"index\"", c->index);
		json_text(stdout, ",\"name\"", c->name);
		json_text(stdout, ",\"value\"", c->value);
		putchar('}');
	}
	putchar(']');
}

static void
print_result(const struct tool *t, const struct mta *m, const struct mta_result *r)
{
	putchar('{');
	print_negotiation(m);
	print_recipients(t, r);
	json_text(stdout, ",\"verdict\"", mta_verdict_name(r->verdict));
	json_text(stdout, ",\"answer\"", answer_name(r->reply.code));
	json_text(stdout, ",\"text\"", r->reply.text);
	json_text(stdout, ",\"trouble\"", mta_trouble_name(mta_trouble(m)));
	json_text(stdout, ",\"error\"", mta_error(m));
	json_text(stdout, ",\"stage\"", mta_stage_name(r->stage));
	print_changes(r);
	json_number(stdout, ",\"progress\"", r->progress);
	json_bool(stdout, ",\"body\":{\"replaced\"", r->body_replaced);
	json_number(stdout, ",\"chunks\"", r->body_chunks);
	json_number(stdout, ",\"octets\"", r->body_octets);
	putchar('}');
	json_ms(stdout, ",\"content_ms\"", r->content_us);
	json_ms(stdout, ",\"total_ms\"", r->total_us);
	print_stop(t);
	puts("}");
}

static int
write_result(const struct tool *t, const struct mta_result *r)
{
	struct buf out;
	FILE *f;
	bool ok;

	if (t->result == NULL || r->verdict != MTA_ACCEPTED)
		return EX_OK;
	ok = mta_result_message(&t->message, r, t->received, &out);
	f = ok ? fopen(t->result, "w") : NULL;
	ok = f != NULL && fwrite(out.data, 1, out.len, f) == out.len;
	if (f != NULL && fclose(f) != 0)
		ok = false;
	buf_free(&out);
	if (!ok)
		fprintf(stderr, "mta-tool: %s: cannot be written\n", t->result);
	return ok ? EX_OK : EX_CANTCREAT;
}

static int
send_one(struct tool *t)
{
	struct mta *m = mta_new(limits(t));
	struct mta_result r = {.verdict = MTA_BROKEN};
	int status = EX_TEMPFAIL;

	if (m == NULL)
		return EX_TEMPFAIL;
	if (t->stop != MTA_STAGES)
		mta_stop_at(m, t->stop, t->stop_octets, stopped, t);
	if (mta_connect(m, t->socket) && mta_negotiate(m, MTA_VERSION, t->actions, t->steps) &&
	    mta_send(m, &t->message, &r))
		status = write_result(t, &r);
	print_result(t, m, &r);
	mta_result_clear(&r);
	mta_quit(m);
	mta_free(m);
	return status;
}

/* ---- load ----------------------------------------------------------------- */

struct load {
	struct tool *tool;
	pthread_mutex_t lock;
	size_t next;
	size_t verdicts[MTA_BROKEN + 1];
	uint64_t *us; /* of each message that got an answer */
	size_t answered;
	char error[256];
};

/* The number of the next message; the count: there is none. */
static size_t
take_number(struct load *l)
{
	size_t n;

	pthread_mutex_lock(&l->lock);
	n = l->next < l->tool->count ? l->next++ : l->tool->count;
	pthread_mutex_unlock(&l->lock);
	return n;
}

static void
count_result(struct load *l, const struct mta *m, const struct mta_result *r)
{
	pthread_mutex_lock(&l->lock);
	l->verdicts[r->verdict]++;
	if (r->verdict != MTA_BROKEN)
		l->us[l->answered++] = r->total_us;
	else
		snprintf(l->error, sizeof l->error, "%s", mta_error(m));
	pthread_mutex_unlock(&l->lock);
}

static void
load_message(struct load *l, struct mta *m, size_t number, bool fresh)
{
	struct mta_message message = l->tool->message;
	struct mta_result r = {.verdict = MTA_BROKEN};
	char id[64];

	snprintf(id, sizeof id, "%.40sN%zu", message.queue_id != NULL ? message.queue_id : "4Test", number);
	message.queue_id = id;
	message.discard_body = true;
	if (!fresh || (mta_connect(m, l->tool->socket) &&
	    mta_negotiate(m, MTA_VERSION, l->tool->actions, l->tool->steps)))
		(void)mta_send(m, &message, &r);
	count_result(l, m, &r);
	mta_result_clear(&r);
}

static void *
load_run(void *arg)
{
	struct load *l = arg;
	struct mta *m = mta_new(limits(l->tool));
	size_t number, sent = 0;

	while (m != NULL && (number = take_number(l)) < l->tool->count) {
		load_message(l, m, number, sent == 0);
		sent++;
		if (sent == l->tool->per_connection || mta_trouble(m) != MTA_FINE) {
			mta_quit(m);
			sent = 0;
		}
	}
	if (m != NULL)
		mta_quit(m);
	mta_free(m);
	return NULL;
}

static int
compare_us(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void
print_load(struct load *l, uint64_t us)
{
	qsort(l->us, l->answered, sizeof *l->us, compare_us);
	json_number(stdout, "{\"messages\"", l->tool->count);
	for (size_t i = 0; i <= MTA_BROKEN; i++) {
		printf(",\"%s\"", mta_verdict_name((enum mta_verdict)i));
		json_number(stdout, "", l->verdicts[i]);
	}
	json_text(stdout, ",\"error\"", l->error);
	json_ms(stdout, ",\"total_ms\"", us);
	json_ms(stdout, ",\"p50_ms\"", l->answered > 0 ? l->us[l->answered / 2] : 0);
	json_ms(stdout, ",\"p99_ms\"", l->answered > 0 ? l->us[l->answered * 99 / 100] : 0);
	puts("}");
}

static int
send_load(struct tool *t)
{
	struct load l = {.tool = t, .lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_t threads[PARALLEL_MAX];
	size_t started = 0;
	uint64_t begun = now_us();

	l.us = calloc(t->count, sizeof *l.us);
	if (l.us == NULL)
		return EX_TEMPFAIL;
	while (started < t->parallel && pthread_create(&threads[started], NULL, load_run, &l) == 0)
		started++;
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	print_load(&l, now_us() - begun);
	free(l.us);
	return l.answered == t->count ? EX_OK : EX_TEMPFAIL;
}

/* ---- rubbish --------------------------------------------------------------- */

static int
send_raw(struct tool *t)
{
	struct mta *m = mta_new(limits(t));
	struct slice data;
	size_t packets = 0;
	char code;

	if (m == NULL)
		return EX_TEMPFAIL;
	if (mta_connect(m, t->socket) &&
	    (!t->raw_later || mta_negotiate(m, MTA_VERSION, t->actions, t->steps)) &&
	    mta_write_raw(m, buf_slice(&t->input)))
		while (mta_read(m, &code, &data, RAW_WAIT_MS))
			packets++;
	json_number(stdout, "{\"packets\"", packets);
	json_text(stdout, ",\"trouble\"", mta_trouble_name(mta_trouble(m)));
	json_text(stdout, ",\"error\"", mta_error(m));
	puts("}");
	mta_close(m);
	mta_free(m);
	return EX_OK;
}

/* ---- options --------------------------------------------------------------- */

static int
usage(const char *why)
{
	fprintf(stderr, "mta-tool: %s; the head of mta-tool.c lists the options\n", why);
	exit(EX_USAGE);
}

static bool
read_file(struct tool *t, const char *path, bool exact)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	int c, last = 0;

	buf_init(&t->input, MTA_MESSAGE_MAX);
	if (f == NULL) {
		fprintf(stderr, "mta-tool: %s: %s\n", path, strerror(errno));
		return false;
	}
	while ((c = getc(f)) != EOF) {
		if (c == '\n' && last != '\r' && !exact)
			buf_add_byte(&t->input, '\r');
		buf_add_byte(&t->input, (unsigned char)c);
		last = c;
	}
	if (f != stdin)
		fclose(f);
	return !buf_failed(&t->input);
}

static enum mta_stage
parse_stage(struct tool *t, char *text)
{
	char *colon = strchr(text, ':');

	if (colon != NULL) {
		*colon = '\0';
		t->stop_octets = strtoul(colon + 1, NULL, 10);
	}
	for (int i = 0; i < MTA_STAGES; i++)
		if (strcmp(text, mta_stage_name((enum mta_stage)i)) == 0)
			return (enum mta_stage)i;
	usage("no such stage");
	return MTA_STAGES;
}

static void
add_macro(struct tool *t, char *text)
{
	char *equals = strchr(text, '=');

	if (equals == NULL || t->message.macro_count == LIST_MAX)
		usage("--macro NAME=VALUE");
	*equals = '\0';
	t->macros[t->message.macro_count++] = (struct mta_macro){text, equals + 1};
}

static void
add_pid(struct tool *t, const char *text)
{
	long pid = atol(text);

	/* 0 and below name groups of processes, ours among them. */
	if (pid <= 1 || t->pid_count == PIDS_MAX)
		usage("--then-kill PID");
	t->pids[t->pid_count++] = (pid_t)pid;
}

static void
set_client(struct tool *t, char *text)
{
	char *comma = strchr(text, ',');

	t->message.client_port = 25025;
	if (comma != NULL) {
		*comma = '\0';
		t->message.client_port = (unsigned)strtoul(comma + 1, NULL, 10);
	}
	t->message.client_address = strcmp(text, "unknown") == 0 ? "" : text;
}

enum {
	O_SOCKET = 256, O_CLIENT, O_CLIENT_NAME, O_LOCAL, O_AUTH, O_AUTH_TYPE, O_DAEMON, O_HELO, O_HOST, O_FROM, O_RCPT,
	O_MACRO, O_QUEUE_ID, O_PARAM, O_RESULT, O_RECEIVED, O_STOP, O_KILL, O_ASK, O_COUNT, O_PARALLEL,
	O_PER_CONNECTION, O_RAW, O_RAW_LATER, O_EXACT, O_SENDMAIL, O_CHUNK, O_STEPS, O_ACTIONS, O_DEADLINE,
};

static const struct option long_options[] = {
	{"socket", 1, NULL, O_SOCKET}, {"client", 1, NULL, O_CLIENT}, {"client-name", 1, NULL, O_CLIENT_NAME},
	{"local", 0, NULL, O_LOCAL}, {"auth", 1, NULL, O_AUTH}, {"auth-type", 1, NULL, O_AUTH_TYPE},
	{"daemon", 1, NULL, O_DAEMON}, {"helo", 1, NULL, O_HELO}, {"host", 1, NULL, O_HOST},
	{"from", 1, NULL, O_FROM}, {"rcpt", 1, NULL, O_RCPT}, {"macro", 1, NULL, O_MACRO},
	{"queue-id", 1, NULL, O_QUEUE_ID}, {"param", 1, NULL, O_PARAM}, {"result", 1, NULL, O_RESULT},
	{"received", 1, NULL, O_RECEIVED}, {"stop-at", 1, NULL, O_STOP}, {"then-kill", 1, NULL, O_KILL},
	{"then-ask", 0, NULL, O_ASK}, {"count", 1, NULL, O_COUNT}, {"parallel", 1, NULL, O_PARALLEL},
	{"per-connection", 1, NULL, O_PER_CONNECTION}, {"raw", 1, NULL, O_RAW},
	{"after-negotiation", 0, NULL, O_RAW_LATER}, {"exact", 0, NULL, O_EXACT}, {"sendmail", 0, NULL, O_SENDMAIL},
	{"chunk", 1, NULL, O_CHUNK}, {"steps", 1, NULL, O_STEPS}, {"actions", 1, NULL, O_ACTIONS},
	{"deadline", 1, NULL, O_DEADLINE}, {0},
};

static void
set_message_option(struct tool *t, int c, char *text)
{
	struct mta_message *m = &t->message;

	switch (c) {
	case O_CLIENT: set_client(t, text); break;
	case O_CLIENT_NAME: m->client_name = text; break;
	case O_LOCAL: m->local = true; break;
	case O_AUTH: m->auth_login = text; break;
	case O_AUTH_TYPE: m->auth_type = text; break;
	case O_DAEMON: m->daemon_name = text; break;
	case O_HELO: m->helo = text; break;
	case O_HOST: m->host = text; break;
	case O_FROM: m->sender = text; break;
	case O_RCPT:
		if (m->recipient_count == LIST_MAX)
			usage("too many recipients");
		t->recipients[m->recipient_count++] = text;
		break;
	case O_MACRO: add_macro(t, text); break;
	case O_QUEUE_ID: m->queue_id = text; break;
	case O_PARAM:
		if (m->mail_parameter_count == LIST_MAX)
			usage("too many parameters");
		t->parameters[m->mail_parameter_count++] = text;
		break;
	case O_SENDMAIL: m->tail_in_body = true; break;
	case O_CHUNK: m->chunk = strtoul(text, NULL, 10); break;
	default: usage("unknown option");
	}
}

static void
set_option(struct tool *t, int c, char *text)
{
	switch (c) {
	case O_SOCKET: t->socket = text; break;
	case O_RESULT: t->result = text; break;
	case O_RECEIVED: t->received = text; break;
	case O_STOP: t->stop = parse_stage(t, text); break;
	case O_KILL: add_pid(t, text); break;
	case O_ASK: t->ask = true; break;
	case O_COUNT: t->count = strtoul(text, NULL, 10); break;
	case O_PARALLEL: t->parallel = strtoul(text, NULL, 10); break;
	case O_PER_CONNECTION: t->per_connection = strtoul(text, NULL, 10); break;
	case O_RAW: t->raw = text; break;
	case O_RAW_LATER: t->raw_later = true; break;
	case O_EXACT: t->exact = true; break;
	case O_STEPS: t->steps = (uint32_t)strtoul(text, NULL, 16); break;
	case O_ACTIONS: t->actions = (uint32_t)strtoul(text, NULL, 16); break;
	case O_DEADLINE: t->deadline = atoi(text); break;
	default: set_message_option(t, c, text);
	}
}

int
main(int argc, char **argv)
{
	static struct tool t = {.deadline = 60000, .steps = MTA_STEPS, .actions = MTA_ACTIONS, .stop = MTA_STAGES,
		.count = 1, .parallel = 1, .per_connection = 1};
	const char *path;
	int c, status;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		set_option(&t, c, optarg);
	path = t.raw != NULL ? t.raw : argv[optind];
	if (t.socket == NULL || path == NULL || t.count == 0 || t.parallel == 0 || t.parallel > PARALLEL_MAX ||
	    t.per_connection == 0 || t.deadline <= 0)
		usage("--socket and a file are needed, numbers must be above 0");
	if (t.message.client_address == NULL)
		t.message.client_port = 25025; /* port 0 would look like local mail */
	t.message.macros = t.macros;
	t.message.recipients = t.recipients;
	t.message.mail_parameters = t.parameters;
	if (!read_file(&t, path, t.exact || t.raw != NULL))
		return EX_NOINPUT;
	mta_split(buf_slice(&t.input), &t.message.header, &t.message.body);
	if (t.raw != NULL)
		status = send_raw(&t);
	else if (t.count > 1)
		status = send_load(&t);
	else
		status = send_one(&t);
	buf_free(&t.input);
	return status;
}
