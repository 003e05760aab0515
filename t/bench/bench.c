/* bench: what a message costs the daemon, beside what it must cost at least.
 *
 * Everything is measured in one run on one machine: the real daemon with a keeper and
 * gates, driven over the milter protocol by the scripted MTA (one connection a message, as
 * Postfix does), and the floor:
 *
 *     floor = crypto + echo
 *     crypto  CPU of the same OpenSSL calls in a bare loop (floor.h)
 *     echo    CPU of a libmilter filter that only replaces the body by itself,
 *             same size and as many connections
 *     ratio   daemon's CPU / floor
 *
 * How to read the table: `cpu ms` is user and system time of supervisor, gates
 * and keeper together, per message; on n cores about 1000 n / (cpu ms) messages a second
 * can pass, and `msg/s` is less where this program, on the same cores, needs its
 * share. p50 and p99 are of whole sessions: connecting, negotiating, envelope,
 * content, verdict, goodbye; with more connections than cores they grow by waiting.
 * `peak MiB` is the sum of VmHWM of all the daemon's processes during that line; a `+` says that
 * the kernel did not let it begin anew, so that it holds earlier lines' peaks too.
 * `n` is how many messages were sent; a line with few messages (64 of 25 MiB) is a
 * rough number, and so is every line while something else runs on the machine. A line that
 * says `failed` did not seal or open what it was sent.
 *
 * `decrypt+verify` opens what a partner has signed and encrypted; its echo sends that back.
 *
 * For all this answer-interval is 0, so that work is measured and not waiting.
 *
 * Then come the times of the answers to a message that is good and to such as somebody has
 * altered (timing.h): nobody should be able to tell one from the other. A daemon that answers at
 * once stands beside them to show that there is something to be told.
 *
 * Trust comes before them: what it costs to judge who signed (trust.h), and how others'
 * mail fares while a responder hangs that many sessions want to hear.
 *
 * Requests for revocation come first (requests.h): how many a second can be written down, and how many fsyncs
 * each costs, beside a COMMIT for each, which is the floor of whoever takes them one by one: `ratio` is how many
 * times as fast a line is. Then as many signed requests come over the milter protocol, from the connection to the
 * answer that they are on the disk, while worker takes them and judges them anew. All files, the daemon's inbox and
 * journal too, lie below the build folder, so that its disk is measured.
 *
 *     bench [--quick] [--floor | --trust | --requests] [--seconds S] [--size OCTETS] [--connections N] [--tries N]
 *           [--builddir DIR] [--sealmilter PROGRAM]
 *
 * --floor measures no daemon, --trust nothing but trust, --requests nothing but requests. --quick takes a second for
 * each line, leaves out 64 connections of 25 MiB, writes 1000 requests in place of 10000 and makes 1000 tries of altered
 * messages in place of 10000; --tries 0 makes none. Exit status: 0 done, 1 something failed, 64 usage.
 */
#include "drive.h"
#include "floor.h"
#include "letter.h"
#include "requests.h"
#include "timing.h"
#include "trust.h"
#include "watch.h"

#include "base/buf.h"

#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define LINE_OCTETS 76
#define BIG ((size_t)25 << 20)
#define WARM_UP_SECONDS 0.3
#define OPENED_MAX ((size_t)75 * 1024) /* octets of what is opened */
#define NO_INTERVAL "answer-interval = 0\n"
#define REQUESTS 10000
#define REQUESTS_QUICK 1000
#define JOURNAL_WAIT_MS 30000
#define TRIES 10000
#define TRIES_QUICK 1000
#define TRIES_CONNECTIONS 8 /* few: what waits for a core tells less of the answer than of the machine */
#define TRIES_SIZE ((size_t)4096)
#define HUNG_SESSIONS 64
#define HUNG_OTHERS 8
#define HUNG_LINES "fetch-networks = {\"127.0.0.0/8\"}\nstatus-directory = none\n"

static const size_t sizes[] = {4096, 75 * 1024, 1 << 20, BIG};
static const unsigned connections[] = {1, 8, 64};
static const struct mode {
	const char *name;
	unsigned recipients; /* that are encrypted to */
	const char *content_type;
} modes[] = {
	{"sign", 0, "multipart/signed"},
	{"sign+encrypt 1", 1, "enveloped-data"},
	{"sign+encrypt 5", 5, "enveloped-data"},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct bench {
	struct scene scene;
	double seconds;
	bool quick, floor_only, trust_only, requests_only;
	size_t only_size, tries;
	unsigned only_connections;
	bool failed;
	double crypto_ms[COUNT(modes)];
	const char *sealmilter;
};

/* A mail of that size with an attachment in base64, as most big mail is. */
static bool
make_message(size_t size, struct buf *header, struct buf *body)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned long state = 1;

	buf_init(header, 1 << 20);
	buf_init(body, BIG * 2);
	buf_add_str(header, "From: Seal <" SCENE_SENDER ">\r\nTo: ");
	for (unsigned i = 0; i < SCENE_RECIPIENTS; i++)
		buf_printf(header, "%s,\r\n ", scene_recipient(i));
	buf_add_str(header, SCENE_SIGN_ONLY "\r\nSubject: bench\r\nDate: Mon, 02 Jan 2023 03:04:05 +0000\r\n"
		"Message-ID: <bench@bench.test>\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/mixed; boundary=\"part\"\r\n");
	buf_add_str(body, "--part\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nA table is attached.\r\n"
		"--part\r\nContent-Type: application/octet-stream; name=table.bin\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n");
	while (body->len + LINE_OCTETS + 2 < size) {
		for (int i = 0; i < LINE_OCTETS; i++) {
			state = state * 6364136223846793005UL + 1442695040888963407UL;
			buf_add_byte(body, (unsigned char)alphabet[state >> 58]);
		}
		buf_add_str(body, "\r\n");
	}
	buf_add_str(body, "--part--\r\n");
	return !buf_failed(header) && !buf_failed(body);
}

static bool
make_entity(struct slice body, struct buf *entity)
{
	buf_init(entity, BIG * 2);
	buf_add_str(entity, "Content-Type: multipart/mixed; boundary=\"part\"\r\n\r\n");
	buf_add_slice(entity, body);
	return !buf_failed(entity);
}

static bool
measure_crypto(struct bench *b, struct slice entity)
{
	bool ok = true;

	for (size_t i = 0; i < COUNT(modes); i++) {
		b->crypto_ms[i] = floor_ms(&b->scene, entity, modes[i].recipients, b->seconds / 5);
		ok = ok && b->crypto_ms[i] >= 0;
	}
	return ok;
}

struct measured {
	struct drive_result drive;
	double cpu_ms; /* per message */
	double peak_mib;
	bool peak_is_fresh;
	bool restarted;
};

static bool
measure(pid_t pid, const struct drive_job *job, struct measured *m)
{
	struct drive_job warm = *job;
	struct watch before, after;

	*m = (struct measured){0};
	warm.connections = 1;
	warm.seconds = WARM_UP_SECONDS;
	if (!drive_run(&warm, &m->drive) || m->drive.failed > 0 || !watch_take(pid, &before))
		return false;
	m->peak_is_fresh = watch_reset_peak(&before);
	if (!watch_take(pid, &before) || !drive_run(job, &m->drive) || !watch_take(pid, &after))
		return false;
	m->restarted = !watch_same(&before, &after);
	m->peak_mib = (double)after.peak_kib / 1024;
	if (m->drive.messages > 0)
		m->cpu_ms = (double)(after.cpu_ns - before.cpu_ns) / 1e6 / (double)m->drive.messages;
	return m->drive.failed == 0 && !m->restarted;
}

static void
name_size(size_t size, char *text, size_t room)
{
	if (size >= 1 << 20)
		snprintf(text, room, "%zu MiB", size >> 20);
	else
		snprintf(text, room, "%zu KiB", size >> 10);
}

static void
print_head(void)
{
	printf("CPU in ms a message; cipher %s, RSA-2048, one chain certificate\n", SCENE_CIPHER);
	printf("%-8s %5s %-15s %6s %8s %8s %8s %8s %9s | %8s %8s %8s | %5s\n", "size", "conns", "what", "n", "msg/s",
		"cpu ms", "p50 ms", "p99 ms", "peak MiB", "crypto", "echo", "floor", "ratio");
}

static void
print_line(size_t size, unsigned conns, const char *what, const struct measured *m, double crypto_ms, double echo_ms)
{
	double floor_sum = crypto_ms + echo_ms;
	char name[32];

	name_size(size, name, sizeof name);
	printf("%-8s %5u %-15s ", name, conns, what);
	if (m != NULL)
		printf("%6zu %8.1f %8.3f %8.2f %8.2f %8.0f%c | ", m->drive.messages,
			(double)m->drive.messages / m->drive.seconds, m->cpu_ms, m->drive.p50_ms, m->drive.p99_ms,
			m->peak_mib, m->peak_is_fresh ? ' ' : '+');
	else
		printf("%52s | ", "");
	printf("%8.3f %8.3f %8.3f | ", crypto_ms, echo_ms, floor_sum);
	if (m != NULL)
		printf("%5.2f", m->cpu_ms / floor_sum);
	putchar('\n');
	fflush(stdout);
}

static void
print_failure(struct bench *b, size_t size, unsigned conns, const char *what, const struct measured *m)
{
	char name[32];

	b->failed = true;
	name_size(size, name, sizeof name);
	printf("%-8s %5u %-15s failed: %zu of %zu: %s%s\n", name, conns, what, m->drive.failed,
		m->drive.failed + m->drive.messages, m->drive.error,
		m->restarted ? " (a process of the daemon went away)" : "");
	fflush(stdout);
}

static void
run_connections(struct bench *b, const struct mta_message *base, size_t size, unsigned conns)
{
	const char *to[SCENE_RECIPIENTS];
	struct drive_job job = {.socket = b->scene.echo_socket, .connections = conns, .seconds = b->seconds};
	struct mta_message message = *base;
	struct measured echo, m;

	for (unsigned i = 0; i < SCENE_RECIPIENTS; i++)
		to[i] = scene_recipient(i);
	message.recipients = to;
	message.recipient_count = 1;
	job.message = &message;
	if (!measure(b->scene.echo, &job, &echo)) {
		print_failure(b, size, conns, "echo", &echo);
		return;
	}
	job.socket = b->scene.daemon_socket;
	for (size_t i = 0; i < COUNT(modes); i++) {
		message.recipients = modes[i].recipients > 0 ? to : (const char *const[]){SCENE_SIGN_ONLY};
		message.recipient_count = modes[i].recipients > 0 ? modes[i].recipients : 1;
		job.field = "Content-Type";
		job.holds = modes[i].content_type;
		if (b->floor_only)
			print_line(size, conns, modes[i].name, NULL, b->crypto_ms[i], echo.cpu_ms);
		else if (measure(b->scene.daemon, &job, &m))
			print_line(size, conns, modes[i].name, &m, b->crypto_ms[i], echo.cpu_ms);
		else
			print_failure(b, size, conns, modes[i].name, &m);
	}
}

static bool
is_wanted(const struct bench *b, size_t size, unsigned conns)
{
	return (b->only_connections == 0 || b->only_connections == conns) && !(b->quick && size == BIG && conns > 8);
}

/* ---- mail that comes in --------------------------------------------------------- */

static const char *const office[] = {SCENE_OFFICE};

static struct mta_message
message_of(const struct letter *l)
{
	return (struct mta_message){.client_address = "192.0.2.1", .client_port = 25025, .sender = SCENE_PARTNER,
		.recipients = office, .recipient_count = 1, .discard_body = true, .header = buf_slice(&l->header),
		.body = buf_slice(&l->body)};
}

static void
open_letter(struct bench *b, const struct letter *l, size_t size, unsigned conns, double crypto_ms)
{
	static const char what[] = "decrypt+verify";
	struct mta_message message = message_of(l);
	struct drive_job job = {.socket = b->scene.echo_socket, .message = &message, .connections = conns,
		.seconds = b->seconds};
	struct measured echo, m;

	if (!measure(b->scene.echo, &job, &echo)) {
		print_failure(b, size, conns, "echo", &echo);
		return;
	}
	job.socket = b->scene.inbound_socket;
	job.field = "Authentication-Results";
	job.holds = "smime=pass";
	if (b->floor_only)
		print_line(size, conns, what, NULL, crypto_ms, echo.cpu_ms);
	else if (measure(b->scene.daemon, &job, &m))
		print_line(size, conns, what, &m, crypto_ms, echo.cpu_ms);
	else
		print_failure(b, size, conns, what, &m);
}

static bool
run_letter(struct bench *b, struct slice entity, size_t size)
{
	struct letter letter;
	bool ok = letter_make(&b->scene, entity, LETTER_GOOD, &letter);
	double crypto_ms = ok ? floor_open_ms(&b->scene, &letter, b->seconds / 5) : -1;

	for (size_t i = 0; crypto_ms >= 0 && i < COUNT(connections); i++)
		if (is_wanted(b, size, connections[i]))
			open_letter(b, &letter, size, connections[i], crypto_ms);
	letter_free(&letter);
	return crypto_ms >= 0;
}

/* ---- all of one size ------------------------------------------------------------ */

static bool
run_messages(struct bench *b, size_t size, struct slice header, struct slice body)
{
	struct mta_message message = {.client_port = 25025, .sender = SCENE_SENDER, .discard_body = true,
		.header = header, .body = body};
	struct buf entity;
	bool ok = make_entity(body, &entity) && measure_crypto(b, buf_slice(&entity));

	for (size_t i = 0; ok && i < COUNT(connections); i++)
		if (is_wanted(b, size, connections[i]))
			run_connections(b, &message, size, connections[i]);
	ok = ok && (size > OPENED_MAX || run_letter(b, buf_slice(&entity), size));
	buf_free(&entity);
	return ok;
}

static void
run_size(struct bench *b, size_t size)
{
	struct buf header, body;

	if (!make_message(size, &header, &body) || !run_messages(b, size, buf_slice(&header), buf_slice(&body))) {
		fprintf(stderr, "bench: the message or its floor could not be made\n");
		b->failed = true;
	}
	buf_free(&header);
	buf_free(&body);
}

/* ---- times of answers ------------------------------------------------------------ */

static const struct setting {
	const char *faults, *interval, *lines;
} settings[] = {
	{"mark", "100 ms", ""},
	{"refuse", "100 ms", "undecryptable = refuse\nbad-signature = refuse\nunauthenticated = refuse\n"},
	{"refuse", "none", "undecryptable = refuse\nbad-signature = refuse\nunauthenticated = refuse\n" NO_INTERVAL},
};

static void
print_times(const struct setting *setting, const struct timing_result *r)
{
	for (size_t i = 0; i < LETTER_KINDS; i++)
		printf("%-7s %-8s %-24s %6zu %8.2f %8.2f\n", setting->faults, setting->interval, letter_name((enum letter_kind)i),
			r->kind[i].count, r->kind[i].p50_ms, r->kind[i].p99_ms);
	printf("%-7s %-8s largest distance %.3f (\"%s\" from \"%s\"), bound %.3f: %s be told apart\n", setting->faults,
		setting->interval, r->distance, letter_name((enum letter_kind)r->first),
		letter_name((enum letter_kind)r->second), r->bound, r->distance > r->bound ? "can" : "cannot");
	fflush(stdout);
}

static void
run_setting(struct bench *b, const struct setting *setting, const struct mta_message *messages)
{
	struct timing_job job = {.socket = b->scene.inbound_socket, .messages = messages, .kinds = LETTER_KINDS,
		.tries = b->tries, .connections = TRIES_CONNECTIONS};
	struct timing_result result = {.error = "the daemon did not come up"};

	scene_stop_daemon(&b->scene);
	if (scene_start_daemon(&b->scene, b->sealmilter, setting->lines) && timing_run(&job, &result)) {
		print_times(setting, &result);
		return;
	}
	printf("%-7s %-8s failed: %s\n", setting->faults, setting->interval, result.error);
	b->failed = true;
}

static void
run_times(struct bench *b)
{
	struct mta_message messages[LETTER_KINDS];
	struct letter letters[LETTER_KINDS];
	struct buf header, body, entity;
	bool ok = make_message(TRIES_SIZE, &header, &body);

	ok = make_entity(buf_slice(&body), &entity) && ok;
	for (size_t i = 0; i < LETTER_KINDS; i++) {
		ok = letter_make(&b->scene, buf_slice(&entity), (enum letter_kind)i, &letters[i]) && ok;
		messages[i] = message_of(&letters[i]);
	}
	printf("\nTimes of the answers to %zu messages of 4 KiB in AES-256-CBC, %u connections\n", b->tries, TRIES_CONNECTIONS);
	printf("%-7s %-8s %-24s %6s %8s %8s\n", "faults", "interval", "the message", "n", "p50 ms", "p99 ms");
	for (size_t i = 0; ok && i < COUNT(settings); i++)
		run_setting(b, &settings[i], messages);
	b->failed = b->failed || !ok;
	for (size_t i = 0; i < LETTER_KINDS; i++)
		letter_free(&letters[i]);
	buf_free(&header);
	buf_free(&body);
	buf_free(&entity);
}

/* ---- trust ------------------------------------------------------------------------ */

static void
run_trust(struct bench *b)
{
	struct trust_figures f = {0};
	struct buf header, body, entity;

	if (make_message(TRIES_SIZE, &header, &body) && make_entity(buf_slice(&body), &entity) &&
	    trust_measure(&b->scene, buf_slice(&entity), b->seconds, &f)) {
		printf("\nTrust, CPU in this process\n"
			"CMS_verify() of 4 KiB with its chain           %8.3f ms\n"
			"verified, with chain, status known and profile %8.3f ms   ratio %.2f\n"
			"a list of %d entries: read %.2f s, %.1f octets an entry, a look-up %.2f us\n", f.plain_ms, f.judged_ms,
			f.judged_ms / f.plain_ms, TRUST_LIST_ENTRIES, f.load_s, f.octets, f.look_up_us);
		fflush(stdout);
	} else {
		b->failed = true;
	}
	buf_free(&header);
	buf_free(&body);
	buf_free(&entity);
}

/* Mail of one whose responder hangs, on so many connections at once, while a job runs. */
struct hanging {
	struct drive_job job;
	struct drive_result result;
	bool ok;
};

static void *
hang(void *arg)
{
	struct hanging *h = arg;

	h->ok = drive_run(&h->job, &h->result);
	return NULL;
}

static void
print_others(const char *when, const struct drive_result *r)
{
	printf("%-44s %6zu %10.1f %8.2f %8.2f\n", when, r->messages, (double)r->messages / r->seconds, r->p50_ms, r->p99_ms);
}

static bool
run_beside(struct bench *b, const struct mta_message *others, const struct mta_message *hung)
{
	struct drive_job job = {.socket = b->scene.inbound_socket, .message = others, .field = "Authentication-Results",
		.holds = "smime=pass", .connections = HUNG_OTHERS, .seconds = b->seconds};
	struct hanging h = {.job = {.socket = b->scene.inbound_socket, .message = hung, .field = "Authentication-Results",
		.holds = "smime=", .connections = HUNG_SESSIONS, .seconds = b->seconds}};
	struct drive_result alone, beside;
	pthread_t thread;
	bool ok;

	if (!drive_run(&job, &alone) || pthread_create(&thread, NULL, hang, &h) != 0)
		return false;
	ok = drive_run(&job, &beside);
	pthread_join(thread, NULL);
	printf("\nEverybody else's mail while %d sessions are of one whose OCSP responder hangs\n", HUNG_SESSIONS);
	printf("%-44s %6s %10s %8s %8s\n", "", "n", "msg/s", "p50 ms", "p99 ms");
	print_others("alone", &alone);
	print_others("beside them", &beside);
	print_others("they themselves", &h.result);
	fflush(stdout);
	return ok && h.ok && alone.failed + beside.failed == 0 && beside.messages > 0;
}

static void
run_hung(struct bench *b)
{
	struct scene hung = b->scene;
	struct letter ours, theirs;
	struct mta_message others, of_hung;
	struct buf header, body, entity;
	bool ok = make_message(TRIES_SIZE, &header, &body);

	hung.partner = hung.hung;
	ok = make_entity(buf_slice(&body), &entity) && ok;
	ok = letter_make(&b->scene, buf_slice(&entity), LETTER_GOOD, &ours) && ok;
	ok = letter_make(&hung, buf_slice(&entity), LETTER_GOOD, &theirs) && ok;
	others = message_of(&ours);
	of_hung = message_of(&theirs);
	scene_stop_daemon(&b->scene);
	ok = ok && scene_start_daemon(&b->scene, b->sealmilter, NO_INTERVAL HUNG_LINES) && run_beside(b, &others, &of_hung);
	if (!ok)
		printf("64 sessions against a hung responder: failed\n");
	b->failed = b->failed || !ok;
	letter_free(&ours);
	letter_free(&theirs);
	buf_free(&header);
	buf_free(&body);
	buf_free(&entity);
}

/* ---- requests for revocation ------------------------------------------------------------ */

static void
print_requests(const char *what, size_t count, unsigned threads, double seconds, double p99_ms, double floor_s)
{
	printf("%-26s %6zu %7u %10.1f ", what, count, threads, (double)count / seconds);
	if (p99_ms >= 0)
		printf("%8.2f ", p99_ms);
	else
		printf("%8s ", "");
	printf("%6.2f", floor_s / seconds);
}

/* At its very first start gate defers all until worker has made the journal. */
static bool
wait_for_journal(const struct bench *b, const struct mta_message *message)
{
	struct drive_job job = {.socket = b->scene.inbound_socket, .each = message, .each_count = 1, .unchanged = true,
		.connections = 1};
	struct drive_result result = {.failed = 1};

	for (int ms = 0; ms < JOURNAL_WAIT_MS && result.failed > 0; ms += 50) {
		if (!drive_run(&job, &result))
			return false;
		if (result.failed > 0)
			nanosleep(&(struct timespec){0, 50000000}, NULL);
	}
	if (result.failed > 0)
		fprintf(stderr, "bench: no request is taken: %s\n", result.error);
	return result.failed == 0;
}

/* Over the milter protocol, while worker takes and judges them. The message behind them is sent first. */
static bool
send_requests(struct bench *b, const char *folder, const struct mta_message *messages, size_t count, double floor_s)
{
	struct drive_job job = {.socket = b->scene.inbound_socket, .each = messages, .each_count = count, .unchanged = true,
		.connections = REQUESTS_THREADS};
	struct drive_result result;
	char more[2 * PATH_MAX + 1024];

	snprintf(more, sizeof more, "inbox-directory = \"%1$s/inbox\"\njournal-directory = \"%1$s/journal\"\n"
		"revocation bench {\n\taddress = " LETTER_REVOCATIONS "\n\tauthorities = \"%2$s/intermediate.pem\"\n"
		"\tsigner = seal\n\tcommand = \"/bin/true\"\n}\n", folder, b->scene.folder);
	if (!scene_start_daemon(&b->scene, b->sealmilter, more) || !wait_for_journal(b, messages + count) ||
		!drive_run(&job, &result))
		return false;
	scene_stop_daemon(&b->scene);
	if (result.failed > 0 || result.messages != count) {
		fprintf(stderr, "bench: %zu of %zu requests: %s\n", result.failed, count, result.error);
		return false;
	}
	print_requests("over the milter protocol", count, REQUESTS_THREADS, result.seconds, result.p99_ms, floor_s);
	putchar('\n');
	return true;
}

static bool
make_and_send(struct bench *b, const char *folder, size_t count, double floor_s)
{
	struct mta_message *messages = calloc(count + 1, sizeof *messages);
	struct letter *letters = calloc(count + 1, sizeof *letters);
	static const char *const to[] = {LETTER_REVOCATIONS};
	bool ok = messages != NULL && letters != NULL;

	for (size_t i = 0; ok && i <= count; i++) {
		ok = letter_make_request(&b->scene, i, &letters[i]);
		messages[i] = message_of(&letters[i]);
		messages[i].recipients = to;
	}
	ok = ok && send_requests(b, folder, messages, count, floor_s);
	for (size_t i = 0; letters != NULL && i <= count; i++)
		letter_free(&letters[i]);
	free(letters);
	free(messages);
	return ok;
}

/* So many requests as come at a time. */
static double
fsyncs_of(const struct requests_line *l)
{
	return (double)l->fsyncs * REQUESTS_THREADS / (double)l->count;
}

static void
print_written(const struct requests_figures *f)
{
	printf("Requests for revocation, each on the disk before it is answered\n%-26s %6s %7s %10s %8s %6s %s\n", "", "n",
		"threads", "requests/s", "p99 ms", "ratio", "fsyncs a request");
	for (size_t i = 0; i < REQUESTS_LINES; i++) {
		const struct requests_line *l = &f->line[i];

		print_requests(l->what, l->count, l->threads, l->seconds, l->p99_ms, f->line[REQUESTS_FLOOR].seconds);
		printf(" %.3f\n", (double)l->fsyncs / (double)l->count);
	}
	fflush(stdout);
}

static void
run_requests(struct bench *b, const char *builddir)
{
	size_t count = b->quick ? REQUESTS_QUICK : REQUESTS;
	struct requests_figures f;
	char folder[PATH_MAX];

	if (!requests_folder(builddir, folder, sizeof folder)) {
		b->failed = true;
		return;
	}
	if (requests_measure(folder, count, &f)) {
		print_written(&f);
		if (!b->floor_only && !make_and_send(b, folder, count, f.line[REQUESTS_FLOOR].seconds)) {
			printf("%-26s failed\n", "over the milter protocol");
			b->failed = true;
		}
		printf("%d requests at a time cost %.1f fsyncs together, one after the other %.1f\n\n", REQUESTS_THREADS,
			fsyncs_of(&f.line[REQUESTS_MANY]), fsyncs_of(&f.line[REQUESTS_ONE]));
		fflush(stdout);
	} else {
		b->failed = true;
	}
	requests_remove(folder);
}

static int
run(struct bench *b, const char *builddir)
{
	char daemon[256], echo[256];
	bool ready;

	snprintf(daemon, sizeof daemon, "%s/sealmilter", builddir);
	snprintf(echo, sizeof echo, "%s/t/mta/echo-milter", builddir);
	if (b->sealmilter == NULL)
		b->sealmilter = daemon;
	ready = scene_make(&b->scene);
	if (ready && !b->trust_only && b->only_size == 0)
		run_requests(b, builddir);
	if (!ready || b->requests_only) {
		scene_end(&b->scene);
		return ready && !b->failed ? EX_OK : 1;
	}
	ready = scene_start_echo(&b->scene, echo) &&
		(b->floor_only || scene_start_daemon(&b->scene, b->sealmilter, NO_INTERVAL));
	if (ready && !b->trust_only)
		print_head();
	for (size_t i = 0; ready && !b->trust_only && i < COUNT(sizes); i++)
		if (b->only_size == 0 || b->only_size == sizes[i])
			run_size(b, sizes[i]);
	if (ready && (b->only_size == 0 || b->trust_only)) {
		run_trust(b);
		if (!b->floor_only)
			run_hung(b);
	}
	if (ready && !b->floor_only && !b->trust_only && b->tries > 0)
		run_times(b);
	scene_end(&b->scene);
	return ready && !b->failed ? EX_OK : 1;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{"quick", 0, NULL, 'q'}, {"floor", 0, NULL, 'f'}, {"seconds", 1, NULL, 's'}, {"size", 1, NULL, 'z'},
		{"connections", 1, NULL, 'n'}, {"tries", 1, NULL, 't'}, {"trust", 0, NULL, 'u'},
		{"requests", 0, NULL, 'r'},
		{"builddir", 1, NULL, 'b'}, {"sealmilter", 1, NULL, 'd'}, {0},
	};
	static struct bench b = {.seconds = 5, .tries = TRIES};
	const char *builddir = ".";
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'q': b.quick = true; b.seconds = 1; b.tries = TRIES_QUICK; break;
		case 'f': b.floor_only = true; break;
		case 'u': b.trust_only = true; break;
		case 'r': b.requests_only = true; break;
		case 's': b.seconds = atof(optarg); break;
		case 'z': b.only_size = strtoul(optarg, NULL, 10); break;
		case 'n': b.only_connections = (unsigned)strtoul(optarg, NULL, 10); break;
		case 't': b.tries = strtoul(optarg, NULL, 10); break;
		case 'b': builddir = optarg; break;
		case 'd': b.sealmilter = optarg; break;
		default: return EX_USAGE;
		}
	}
	return optind == argc && b.seconds > 0 ? run(&b, builddir) : EX_USAGE;
}
