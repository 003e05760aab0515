#include "worker/reader.h"

#include "base/buf.h"
#include "base/deadline.h"
#include "store/store.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE 65536                      /* octets of an answer in one packet */
#define ANSWER_MAX (32 * 1024 * 1024)    /* octets of an answer: a batch, with its largest request on top */
#define PATIENCE ((READER_SECONDS + 5) * 1000) /* ms after which the one who forks has come to harm himself */
#define NAME_MAX_OCTETS 128              /* of what is under attack */

enum what { READ_BATCH = 1, READ_PROOF, READ_GUESSES };

struct order {
	enum what what;
	int64_t number; /* BATCH: after; GUESSES: now */
	/* PROOF: the request's key */
	char authority[RECORD_NAME_MAX + 1];
	unsigned char serial[RECORD_SERIAL_MAX], digest[RECORD_DIGEST];
	size_t serial_len;
};

/* A packet is a piece of the answer, behind this octet, or says how the look ended, in the next one. */
enum packet { PACKET_PIECE = 'P', PACKET_GOOD = 'G', PACKET_BAD = 'B' };

struct reader {
	int fd;    /* -1: the other one is gone */
	pid_t pid;
};

/* ---- the form of an answer ------------------------------------------------------- */

/* Numbers as they are in memory, as both are the same program. An answer begins with this. */
struct head {
	enum answer answer;
	char words[ERROR_WORDS_MAX];
	unsigned count, refused;
	int64_t last;
	int more; /* not 0: there may be others */
};

static void
write_octets(struct buf *out, struct slice octets)
{
	buf_add(out, &octets.len, sizeof octets.len);
	buf_add_slice(out, octets);
}

/* Takes so many octets off in. */
static bool
read_plain(struct slice *in, void *data, size_t len)
{
	if (in->len < len)
		return false;
	memcpy(data, in->data, len);
	*in = slice_sub(*in, len, in->len);
	return true;
}

static bool
read_octets(struct slice *in, struct slice *octets)
{
	size_t len;

	if (!read_plain(in, &len, sizeof len) || len > in->len)
		return false;
	*octets = slice_sub(*in, 0, len);
	*in = slice_sub(*in, len, in->len);
	return true;
}

/* A text has its NUL with it. */
static void
write_text(struct buf *out, const char *text)
{
	write_octets(out, slice_of(text, strlen(text) + 1));
}

static bool
read_text(struct slice *in, const char **text)
{
	struct slice octets;

	if (!read_octets(in, &octets) || octets.len == 0 || memchr(octets.data, '\0', octets.len) != octets.data + octets.len - 1)
		return false;
	*text = (const char *)octets.data;
	return true;
}

static void
write_record(struct buf *out, const struct record *r)
{
	write_text(out, r->authority);
	write_octets(out, r->serial);
	write_octets(out, r->digest);
	write_octets(out, r->issuer);
	write_text(out, r->form);
	write_text(out, r->message_id);
	write_octets(out, r->mail_digest);
	write_text(out, r->queue_id);
	write_text(out, r->client);
	write_text(out, r->language);
	write_text(out, r->reason);
	write_octets(out, r->signer);
	write_octets(out, r->evidence);
	buf_add(out, &r->received, sizeof r->received);
	buf_add_byte(out, r->quiet ? 1 : 0);
}

static bool
read_record(struct slice *in, struct record *r)
{
	unsigned char quiet = 0;
	bool good = read_text(in, &r->authority) && read_octets(in, &r->serial) && read_octets(in, &r->digest) &&
		read_octets(in, &r->issuer) && read_text(in, &r->form) && read_text(in, &r->message_id) &&
		read_octets(in, &r->mail_digest) && read_text(in, &r->queue_id) && read_text(in, &r->client) &&
		read_text(in, &r->language) && read_text(in, &r->reason) && read_octets(in, &r->signer) &&
		read_octets(in, &r->evidence) && read_plain(in, &r->received, sizeof r->received) &&
		read_plain(in, &quiet, sizeof quiet);

	r->quiet = quiet != 0;
	return good;
}

/* ---- one look: a process ------------------------------------------------------------ */

struct answering {
	struct head head;
	struct buf body;
};

static void
look_at_inbox(const struct order *order, const char *path, struct answering *a, struct error *err)
{
	const struct record key = {.authority = order->authority, .serial = slice_of(order->serial, order->serial_len),
		.digest = slice_of(order->digest, RECORD_DIGEST)};
	struct inbox_batch batch;
	struct inbox *inbox;

	a->head.answer = inbox_open_to_read(path, &inbox, err);
	/* That it is no inbox at all is not said of a request. */
	if (a->head.answer != ANSWER_YES) {
		a->head.answer = ANSWER_CANT_TELL;
		return;
	}
	if (order->what == READ_PROOF) {
		a->head.answer = inbox_proof(inbox, &key, &a->body, err);
		return;
	}
	a->head.answer = inbox_read(inbox, order->number, &batch, err);
	for (size_t i = 0; i < batch.count; i++)
		write_record(&a->body, batch.requests[i]);
	a->head.count = (unsigned)batch.count;
	a->head.refused = batch.refused;
	a->head.last = batch.last;
	a->head.more = batch.more;
}

static bool
note_guess(void *arg, const struct guesses_item *item)
{
	struct answering *a = arg;

	buf_add(&a->body, item, sizeof *item);
	write_text(&a->body, item->name);
	return ++a->head.count < READER_GUESSES_MAX;
}

static void
look_at_guesses(const struct order *order, const char *path, struct answering *a, struct error *err)
{
	struct guesses *guesses;

	a->head.answer = guesses_open_to_read(path, &guesses, err);
	if (a->head.answer == ANSWER_YES)
		a->head.answer = guesses_list(guesses, order->number, note_guess, a, err);
}

static bool
send_answer(int fd, const struct answering *a)
{
	struct slice octets = buf_slice(&a->body);
	unsigned char packet[PIECE + 1] = {PACKET_PIECE};

	memcpy(packet + 1, &a->head, sizeof a->head);
	if (send(fd, packet, sizeof a->head + 1, MSG_NOSIGNAL) == -1)
		return false;
	while (octets.len > 0) {
		size_t len = octets.len < PIECE ? octets.len : PIECE;

		memcpy(packet + 1, octets.data, len);
		if (send(fd, packet, len + 1, MSG_NOSIGNAL) == -1)
			return false;
		octets = slice_sub(octets, len, octets.len);
	}
	return true;
}

static _Noreturn void
look(int fd, const struct order *order, const char *inbox_path, const char *guesses_path)
{
	struct answering a = {.head = {.answer = ANSWER_CANT_TELL}};
	struct error err = ERROR_NONE;

	signal(SIGALRM, SIG_DFL);
	alarm(READER_SECONDS);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	store_limit_memory();
	buf_init(&a.body, ANSWER_MAX);
	if (order->what == READ_GUESSES)
		look_at_guesses(order, guesses_path, &a, &err);
	else
		look_at_inbox(order, inbox_path, &a, &err);
	memcpy(a.head.words, err.words, sizeof a.head.words);
	_exit(!buf_failed(&a.body) && send_answer(fd, &a) ? 0 : 1);
}

/* ---- the one who forks -------------------------------------------------------------- */

static _Noreturn void
serve(int fd, const char *inbox_path, const char *guesses_path)
{
	struct order order;

	while (recv(fd, &order, sizeof order, 0) == (ssize_t)sizeof order) {
		unsigned char end = PACKET_BAD;
		pid_t pid = fork();
		int status;

		if (pid == 0)
			look(fd, &order, inbox_path, guesses_path);
		if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
			end = PACKET_GOOD;
		if (send(fd, &end, 1, MSG_NOSIGNAL) != 1)
			break;
	}
	_exit(0);
}

/* What else is open is none of its business; standard error stays, for a sanitizer's last words. */
static _Noreturn void
begin(int fd, const char *inbox_path, const char *guesses_path)
{
	prctl(PR_SET_NAME, "seal-reader");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(fd, STDERR_FILENO + 1) == -1 || close_range(STDERR_FILENO + 2, ~0U, 0) != 0)
		_exit(1);
	serve(STDERR_FILENO + 1, inbox_path, guesses_path);
}

enum answer
reader_start(const char *inbox_path, const char *guesses_path, struct reader **reader, struct error *err)
{
	struct reader *r = malloc(sizeof *r);
	int ends[2];

	*reader = NULL;
	if (r == NULL)
		return error_cant_tell(err, "memory", "no memory to read the inbox");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		free(r);
		return error_cant_tell(err, "inbox", "no socket to read the inbox: %s", strerror(errno));
	}
	r->fd = ends[0];
	r->pid = fork();
	if (r->pid == 0) {
		close(ends[0]);
		begin(ends[1], inbox_path, guesses_path);
	}
	close(ends[1]);
	if (r->pid == -1) {
		error_cant_tell(err, "inbox", "no process to read the inbox: %s", strerror(errno));
		close(r->fd);
		free(r);
		return ANSWER_CANT_TELL;
	}
	*reader = r;
	return ANSWER_YES;
}

static void
lose(struct reader *r)
{
	if (r->fd == -1)
		return;
	close(r->fd);
	r->fd = -1;
	kill(r->pid, SIGKILL);
	while (waitpid(r->pid, NULL, 0) == -1 && errno == EINTR)
		continue;
}

void
reader_stop(struct reader *reader)
{
	if (reader == NULL)
		return;
	lose(reader);
	free(reader);
}

bool
reader_is_gone(const struct reader *reader)
{
	return reader->fd == -1;
}

/* ---- asking ---------------------------------------------------------------------------- */

/* Appends what comes up to the end of the look. */
static enum answer
receive(struct reader *r, struct buf *answer, struct error *err)
{
	struct timespec deadline = deadline_in(PATIENCE);
	unsigned char packet[PIECE + 1];

	for (;;) {
		struct pollfd wait = {.fd = r->fd, .events = POLLIN};
		ssize_t n;

		if (poll(&wait, 1, (int)deadline_left(&deadline)) <= 0 && deadline_left(&deadline) == 0)
			break;
		n = recv(r->fd, packet, sizeof packet, MSG_DONTWAIT);
		if (n == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;
		if (packet[0] == PACKET_PIECE)
			buf_add(answer, packet + 1, (size_t)n - 1);
		else
			return packet[0] == PACKET_GOOD ? ANSWER_YES :
				error_cant_tell(err, "inbox", "who looked into gate's files died of it, or took too long");
	}
	lose(r);
	return error_cant_tell(err, "inbox", "the process that looks into gate's files is gone");
}

/* body: behind the head. */
static enum answer
ask(struct reader *r, const struct order *order, struct buf *octets, struct head *head, struct slice *body, struct error *err)
{
	if (r->fd == -1 || send(r->fd, order, sizeof *order, MSG_NOSIGNAL) != (ssize_t)sizeof *order) {
		lose(r);
		return error_cant_tell(err, "inbox", "the process that looks into gate's files is gone");
	}
	if (receive(r, octets, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	*body = buf_slice(octets);
	if (buf_failed(octets) || !read_plain(body, head, sizeof *head))
		return error_cant_tell(err, "inbox", "who looked into gate's files said what makes no sense");
	head->words[sizeof head->words - 1] = '\0';
	if (head->answer == ANSWER_YES)
		return ANSWER_YES;
	return head->answer == ANSWER_NO ? error_no(err, "inbox", "%s", head->words) :
		error_cant_tell(err, "inbox", "%s", head->words);
}

static enum answer
read_batch(const struct head *head, struct slice body, struct inbox_batch *batch, struct error *err)
{
	struct record request;

	for (unsigned i = 0; i < head->count && i < INBOX_BATCH; i++) {
		if (!read_record(&body, &request))
			return error_cant_tell(err, "inbox", "who looked into the inbox said what makes no sense");
		if (record_check(&request, NULL) != ANSWER_YES) {
			batch->refused++;
			continue;
		}
		batch->requests[batch->count] = record_dup(&request);
		if (batch->requests[batch->count] == NULL)
			return error_cant_tell(err, "memory", "no memory for a request");
		batch->count++;
	}
	batch->refused += head->refused;
	batch->last = head->last;
	batch->more = head->more != 0;
	return ANSWER_YES;
}

enum answer
reader_batch(struct reader *reader, int64_t after, struct inbox_batch *batch, struct error *err)
{
	const struct order order = {.what = READ_BATCH, .number = after};
	enum answer answer;
	struct slice body;
	struct buf octets;
	struct head head;

	memset(batch, 0, sizeof *batch);
	batch->last = after;
	buf_init(&octets, ANSWER_MAX + sizeof head);
	answer = ask(reader, &order, &octets, &head, &body, err);
	if (answer == ANSWER_YES)
		answer = read_batch(&head, body, batch, err);
	buf_free(&octets);
	return answer == ANSWER_YES ? ANSWER_YES : ANSWER_CANT_TELL;
}

enum answer
reader_proof(struct reader *reader, const struct record *request, struct buf *out, struct error *err)
{
	struct order order = {.what = READ_PROOF, .serial_len = request->serial.len};
	enum answer answer;
	struct slice body;
	struct buf octets;
	struct head head;

	memcpy(order.authority, request->authority, strnlen(request->authority, RECORD_NAME_MAX));
	memcpy(order.serial, request->serial.data, request->serial.len);
	memcpy(order.digest, request->digest.data, RECORD_DIGEST);
	buf_init(&octets, ANSWER_MAX + sizeof head);
	answer = ask(reader, &order, &octets, &head, &body, err);
	if (answer == ANSWER_YES)
		buf_add_slice(out, body);
	buf_wipe(&octets);
	if (answer == ANSWER_YES && buf_failed(out))
		return error_cant_tell(err, "memory", "no memory for a proof");
	return answer;
}

enum answer
reader_guesses(struct reader *reader, int64_t now, guesses_each *each, void *arg, struct error *err)
{
	const struct order order = {.what = READ_GUESSES, .number = now};
	struct guesses_item item;
	enum answer answer;
	struct slice body;
	struct buf octets;
	struct head head;

	buf_init(&octets, ANSWER_MAX + sizeof head);
	answer = ask(reader, &order, &octets, &head, &body, err);
	for (unsigned i = 0; answer == ANSWER_YES && i < head.count && i < READER_GUESSES_MAX; i++) {
		if (!read_plain(&body, &item, sizeof item) || !read_text(&body, &item.name) ||
		    strlen(item.name) > NAME_MAX_OCTETS)
			answer = error_cant_tell(err, "inbox", "who looked at the guesses said what makes no sense");
		else if (!each(arg, &item))
			break;
	}
	buf_free(&octets);
	return answer;
}
