#include "milter/milter.h"

#include "base/clock.h"
#include "base/deadline.h"
#include "base/log.h"
#include "base/utf8.h"
#include "mail/address.h"
#include "milter/gate.h"

#include <libmilter/mfapi.h>
#include <openssl/err.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

/* libmilter drops the connection at a longer packet, and its own limit is below
 * what Postfix' header_size_limit lets through. header-limit refuses with words. */
#define PACKET_MAX (1024 * 1024 + 64 * 1024)
#define ACTIONS (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGBODY)
#define ACTIONS_OPENING (SMFIF_CHGFROM | SMFIF_QUARANTINE) /* what opening mail takes besides */
#define ACTIONS_REDIRECTING (SMFIF_ADDRCPT | SMFIF_DELRCPT) /* what handing requests to an operator takes besides */
/* No reply to connect and header fields saves a round trip each. Not so for body chunks: the
 * last one may come inside the end of message, where libmilter (8.17) would
 * take "no reply" for the answer to the message. */
#define STEPS (SMFIP_NOHELO | SMFIP_NODATA | SMFIP_NOEOH | SMFIP_NOUNKNOWN | SMFIP_NR_CONN | SMFIP_NR_HDR | \
	SMFIP_HDR_LEADSPC)
#define MEMORY_MESSAGE (32 * 1024) /* octets for the rest */
#define PROGRESS_INTERVAL 60       /* s */
#define REPLY_TEXT_MAX 480         /* octets, so that the line stays within 512 (RFC 5321 4.5.3.1.5) */
#define HOLD_REASON_MAX 200        /* octets; MTAs log it or keep it in the queue file, in one line */

struct session {
	LIST_ENTRY(session) at_work; /* these two: while the gateway works on it */
	time_t progress;             /* when the MTA heard of us last */
	SMFICTX *context;
	/* of the connection */
	char *client_name;
	bool has_address;
	struct in6_addr address;
	unsigned port;
	/* of the message in hand; gateway NULL: none */
	struct gateway *gateway;
	struct gateway_entry entry;
	struct message *message;
	size_t claimed;
	bool utf8; /* the client asked for SMTPUTF8 */
	bool refused;
	struct edit_reply refusal; /* known before the end of the message, said there */
};

static struct {
	int libmilter_fd, listen_fd, idle_fd;
	atomic_bool redirects; /* the MTA that negotiated last can exchange recipients */
	pthread_mutex_t lock; /* over the list */
	LIST_HEAD(, session) at_work;
} served = {-1, -1, -1, false, PTHREAD_MUTEX_INITIALIZER, LIST_HEAD_INITIALIZER(served.at_work)};

/* ---- a message in hand --------------------------------------------------- */

static void
give_back(struct session *s)
{
	gate_release(s->claimed);
	s->claimed = 0;
}

static void
drop_content(struct session *s)
{
	message_free(s->message);
	s->message = NULL;
	give_back(s);
}

static void
drop_message(struct session *s)
{
	if (s->gateway == NULL)
		return;
	drop_content(s);
	gate_end(s->gateway);
	s->gateway = NULL;
}

/* The first reason counts. What was stored is of no more use. */
static void
refuse_later(struct session *s, const char *code, const char *enhanced, const char *text)
{
	if (s->refused)
		return;
	s->refused = true;
	snprintf(s->refusal.code, sizeof s->refusal.code, "%s", code);
	snprintf(s->refusal.enhanced, sizeof s->refusal.enhanced, "%s", enhanced);
	snprintf(s->refusal.text, sizeof s->refusal.text, "%s", text);
	buf_free(&s->message->body);
	give_back(s);
}

static bool
claim_more(void *session, size_t octets)
{
	struct session *s = session;

	if (!gate_claim(octets))
		return false;
	s->claimed += octets;
	return true;
}

/* False: memory-limit is reached, and the message will be deferred. */
static bool
claim(struct session *s, size_t octets)
{
	if (!claim_more(s, octets)) {
		refuse_later(s, "452", "4.3.1", "more mail at once than the mail filter's memory-limit, try again later");
		return false;
	}
	return true;
}

static bool
claim_for_work(struct session *s)
{
	size_t octets = s->message->header_octets + s->message->body.len;

	return claim(s, octets * (GATE_MEMORY_FACTOR - GATE_MEMORY_COLLECT));
}

/* ---- answers to the MTA -------------------------------------------------- */

/* One line for SMTP: printable, UTF-8 only where the client asked for it (RFC
 * 6531 3.5), '%' doubled because both MTAs take it for the begin of a macro. */
static void
clean_text(struct slice s, bool utf8, char out[2 * REPLY_TEXT_MAX + 1])
{
	size_t n = 0, len;

	for (size_t i = 0; i < s.len; i += len) {
		const unsigned char *c = s.data + i;
		bool printable;

		len = utf8_length(s, i);
		printable = len > 1 ? utf8 && !(c[0] == 0xc2 && c[1] < 0xa0) : len == 1 && *c >= 0x20 && *c != 0x7f;
		len = len == 0 ? 1 : len;
		if (i + len > REPLY_TEXT_MAX)
			break;
		if (*c == '%')
			out[n++] = '%';
		if (printable)
			memcpy(out + n, c, len);
		else
			memset(out + n, '?', len);
		n += len;
	}
	out[n] = '\0';
}

/* Without its words the answer is still the right one. */
static void
set_words(SMFICTX *context, char *code, char *enhanced, const char *text, bool utf8)
{
	char cleaned[EDIT_REPLY_LINES_MAX][2 * REPLY_TEXT_MAX + 1], *l[EDIT_REPLY_LINES_MAX] = {NULL};
	size_t count = 0, len;

	for (bool more = true; more && count < EDIT_REPLY_LINES_MAX; text += len + 1) {
		len = strcspn(text, "\n");
		more = text[len] != '\0';
		clean_text(slice_of(text, len), utf8, cleaned[count]);
		l[count] = cleaned[count];
		count++;
	}
	_Static_assert(EDIT_REPLY_LINES_MAX == 8, "as many as are handed on here");
	if (count > 1)
		smfi_setmlreply(context, code, enhanced, l[0], l[1], l[2], l[3], l[4], l[5], l[6], l[7], (char *)NULL);
	else
		smfi_setreply(context, code, enhanced, l[0]);
}

static sfsistat
answer(SMFICTX *context, const struct edit_reply *reply, bool utf8)
{
	char code[4], enhanced[sizeof reply->enhanced];

	memcpy(code, reply->code, sizeof code);
	memcpy(enhanced, reply->enhanced, sizeof enhanced);
	set_words(context, code, *enhanced == '\0' ? NULL : enhanced, reply->text, utf8);
	return code[0] == '5' ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

static sfsistat
answer_words(SMFICTX *context, const char *code, const char *enhanced, const char *text)
{
	struct edit_reply reply;

	snprintf(reply.code, sizeof reply.code, "%s", code);
	snprintf(reply.enhanced, sizeof reply.enhanced, "%s", enhanced);
	snprintf(reply.text, sizeof reply.text, "%s", text);
	return answer(context, &reply, false);
}

static sfsistat
answer_no_memory(SMFICTX *context)
{
	return answer_words(context, "452", "4.3.1", "out of memory, try again later");
}

/* ---- connection ---------------------------------------------------------- */

/* An MTA that cannot do its part is refused before it hands over a message, not
 * after it was opened. While stopping nobody is refused here: MAIL is answered. */
static bool
listener_opens_mail(void)
{
	struct gateway_entry entry;
	struct gateway *gateway = gate_begin(&entry);
	bool opens;

	if (gateway == NULL)
		return false;
	opens = entry.role == ROLE_WORK && entry.direction != DIRECTION_OUTBOUND;
	gate_end(gateway);
	return opens;
}

static bool
mta_is_able(unsigned long actions, unsigned long steps)
{
	if ((actions & ACTIONS) != ACTIONS || (steps & SMFIP_HDR_LEADSPC) == 0) {
		log_event(LOG_ERR, "mta-too-old", "the MTA cannot change header and body, or not with their exact blanks");
		return false;
	}
	if ((actions & ACTIONS_OPENING) != ACTIONS_OPENING && listener_opens_mail()) {
		log_event(LOG_ERR, "mta-too-old", "the MTA cannot hold mail or change the sender's parameters, "
			"which a listener that opens mail needs");
		return false;
	}
	return true;
}

static sfsistat
on_negotiate(SMFICTX *context, unsigned long actions, unsigned long steps, unsigned long unused2,
	unsigned long unused3, unsigned long *want_actions, unsigned long *want_steps, unsigned long *want2,
	unsigned long *want3)
{
	static char connect[] = "{daemon_name}", mail[] = "i {auth_authen}", other[] = "i";

	(void)unused2;
	(void)unused3;
	if (!mta_is_able(actions, steps))
		return SMFIS_REJECT;
	*want_actions = ACTIONS | (actions & (ACTIONS_OPENING | ACTIONS_REDIRECTING | SMFIF_SETSYMLIST));
	served.redirects = (actions & ACTIONS_REDIRECTING) == ACTIONS_REDIRECTING;
	*want_steps = STEPS & (steps | SMFIP_NOUNKNOWN | SMFIP_NODATA);
	*want2 = *want3 = 0;
	if ((actions & SMFIF_SETSYMLIST) != 0) {
		smfi_setsymlist(context, SMFIM_CONNECT, connect);
		smfi_setsymlist(context, SMFIM_ENVFROM, mail);
		smfi_setsymlist(context, SMFIM_ENVRCPT, other);
		smfi_setsymlist(context, SMFIM_EOM, other);
	}
	return SMFIS_CONTINUE;
}

static void
session_free(struct session *s)
{
	if (s == NULL)
		return;
	drop_message(s);
	free(s->client_name);
	free(s);
}

static void
set_address(struct session *s, const struct sockaddr *a)
{
	if (a == NULL)
		return;
	if (a->sa_family == AF_INET) {
		const struct sockaddr_in *four = (const struct sockaddr_in *)a;

		s->address.s6_addr[10] = s->address.s6_addr[11] = 0xff;
		memcpy(&s->address.s6_addr[12], &four->sin_addr, 4);
		s->port = ntohs(four->sin_port);
		s->has_address = true;
	} else if (a->sa_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;

		s->address = six->sin6_addr;
		s->port = ntohs(six->sin6_port);
		s->has_address = true;
	}
}

/* A session that could not be made is missed at MAIL, where there is an answer. */
static sfsistat
on_connect(SMFICTX *context, char *name, _SOCK_ADDR *address)
{
	struct session *s = calloc(1, sizeof *s);

	session_free(smfi_getpriv(context));
	if (s != NULL) {
		s->context = context;
		s->client_name = name == NULL ? NULL : strdup(name);
		set_address(s, (const struct sockaddr *)address);
	}
	smfi_setpriv(context, s);
	return SMFIS_NOREPLY;
}

static sfsistat
on_close(SMFICTX *context)
{
	session_free(smfi_getpriv(context));
	smfi_setpriv(context, NULL);
	return SMFIS_CONTINUE;
}

/* ---- envelope ------------------------------------------------------------ */

/* False: no memory. A macro that is not there leaves NULL. */
static bool
copy_macro(SMFICTX *context, const char *name, char **copy)
{
	char symbol[32];
	const char *value;

	snprintf(symbol, sizeof symbol, "%s", name);
	value = smfi_getsymval(context, symbol);
	if (value == NULL || *value == '\0')
		return true;
	free(*copy);
	*copy = strdup(value);
	return *copy != NULL;
}

static bool
fill_envelope(struct session *s, const char *sender)
{
	struct message *m = s->message;
	char *address = slice_dup(address_strip_brackets(slice_str(sender))); /* Postfix' pickup sends it without */

	if (address == NULL)
		return false;
	free(m->sender);
	m->sender = address;
	m->client.has_address = s->has_address;
	m->client.address = s->address;
	m->client.port = s->port;
	m->client.name = s->client_name == NULL ? NULL : strdup(s->client_name);
	return (m->client.name != NULL || s->client_name == NULL) &&
		copy_macro(s->context, "{auth_authen}", &m->client.login) &&
		copy_macro(s->context, "{daemon_name}", &m->client.daemon_name) &&
		copy_macro(s->context, "i", &m->queue_id);
}

static bool
has_parameter(char *const *parameters, const char *name)
{
	for (; *parameters != NULL; parameters++)
		if (strcasecmp(*parameters, name) == 0)
			return true;
	return false;
}

static sfsistat
on_mail(SMFICTX *context, char **argv)
{
	struct session *s = smfi_getpriv(context);

	if (s == NULL)
		return answer_no_memory(context);
	drop_message(s);
	s->gateway = gate_begin(&s->entry);
	s->entry.claim = claim_more;
	s->entry.claim_arg = s;
	s->entry.redirects = served.redirects;
	if (s->gateway == NULL)
		return answer_words(context, "451", "4.3.2", "the mail filter is being stopped, try again later");
	s->refused = false;
	s->utf8 = has_parameter(argv + 1, "SMTPUTF8");
	s->message = message_new(gateway_config(s->gateway)->message_size_limit);
	if (s->message == NULL || !fill_envelope(s, argv[0]) || !gate_claim(MEMORY_MESSAGE)) {
		drop_message(s);
		return answer_no_memory(context);
	}
	s->claimed = MEMORY_MESSAGE;
	return SMFIS_CONTINUE;
}

static sfsistat
on_recipient(SMFICTX *context, char **argv)
{
	struct session *s = smfi_getpriv(context);
	struct slice recipient = address_strip_brackets(slice_str(argv[0]));
	struct edit_reply reply;
	struct message *m;

	if (s == NULL || s->gateway == NULL)
		return SMFIS_TEMPFAIL;
	m = s->message;
	if (m->recipient_count >= gateway_config(s->gateway)->recipient_limit)
		return answer_words(context, "452", "4.5.3", "more recipients than the mail filter's recipient-limit");
	ERR_clear_error();
	copy_macro(context, "i", &m->queue_id);
	if (!gateway_recipient(s->gateway, &s->entry, m, recipient, time(NULL), &reply))
		return answer(context, &reply, s->utf8);
	if (!message_add_recipient(m, recipient))
		return answer_no_memory(context);
	if (gateway_holds_secret(s->gateway, &s->entry, m))
		message_keep_secret(m);
	return SMFIS_CONTINUE;
}

/* ---- content ------------------------------------------------------------- */

/* libmilter frees its copy as it is. */
static void
wipe_packet(const struct session *s, void *data, size_t len)
{
	if (s->message->body.secret)
		explicit_bzero(data, len);
}

static sfsistat
on_header(SMFICTX *context, char *name, char *value)
{
	struct session *s = smfi_getpriv(context);
	struct slice n = slice_str(name), v = slice_str(value);
	size_t limit, octets = n.len + v.len + 3; /* colon, CR, LF */

	if (s == NULL || s->gateway == NULL || s->refused)
		return SMFIS_NOREPLY;
	limit = gateway_config(s->gateway)->header_limit;
	if (octets > limit || s->message->header_octets > limit - octets ||
	    s->message->field_count >= MESSAGE_HEADER_FIELDS_MAX)
		refuse_later(s, "552", "5.3.4", "the message's header is larger than the mail filter's header-limit");
	else if (claim(s, octets * GATE_MEMORY_COLLECT) && !message_add_field(s->message, n, v))
		refuse_later(s, "452", "4.3.1", "out of memory, try again later");
	wipe_packet(s, value, v.len);
	return SMFIS_NOREPLY;
}

/* Too large is definite: it will be as large tomorrow, and the sender is to
 * hear of it today (RFC 1870 6.4). No memory is not. */
static sfsistat
on_body(SMFICTX *context, unsigned char *data, size_t len)
{
	struct session *s = smfi_getpriv(context);
	size_t limit;

	if (s == NULL || s->gateway == NULL || s->refused)
		return SMFIS_CONTINUE;
	limit = gateway_config(s->gateway)->message_size_limit;
	if (len > limit || s->message->body.len > limit - len) {
		refuse_later(s, "552", "5.3.4", "the message is larger than the mail filter's message-size-limit");
		return SMFIS_CONTINUE;
	}
	if (claim(s, len * GATE_MEMORY_COLLECT)) {
		buf_add(&s->message->body, data, len);
		if (buf_failed(&s->message->body))
			refuse_later(s, "452", "4.3.1", "out of memory, try again later");
	}
	wipe_packet(s, data, len);
	return SMFIS_CONTINUE;
}

/* ---- playing the edit back ----------------------------------------------- */

static bool
play_field(SMFICTX *context, const struct edit_field *f)
{
	switch (f->action) {
	case EDIT_FIELD_REMOVE:
		return smfi_chgheader(context, f->name, (int)f->nth, NULL) == MI_SUCCESS;
	case EDIT_FIELD_ADD:
		return smfi_addheader(context, f->name, f->value) == MI_SUCCESS;
	case EDIT_FIELD_PREPEND:
		return smfi_insheader(context, 0, f->name, f->value) == MI_SUCCESS;
	}
	return false;
}

/* Removals count the fields as they came, so they go first, in the edit's order.
 * Each field put on top goes above the one before it: the last of the edit first. */
static bool
play_fields(SMFICTX *context, const struct edit *e)
{
	for (size_t i = 0; i < e->field_count; i++)
		if (e->fields[i].action == EDIT_FIELD_REMOVE && !play_field(context, &e->fields[i]))
			return false;
	for (size_t i = 0; i < e->field_count; i++)
		if (e->fields[i].action == EDIT_FIELD_ADD && !play_field(context, &e->fields[i]))
			return false;
	for (size_t i = e->field_count; i-- > 0;)
		if (e->fields[i].action == EDIT_FIELD_PREPEND && !play_field(context, &e->fields[i]))
			return false;
	return true;
}

/* Nothing may come between the chunks: Postfix would end the body there. */
static bool
play_body(SMFICTX *context, struct buf *body)
{
	size_t done = 0;

	do {
		size_t n = body->len - done > MILTER_CHUNK_SIZE ? MILTER_CHUNK_SIZE : body->len - done;

		if (smfi_replacebody(context, body->data == NULL ? NULL : body->data + done, (int)n) != MI_SUCCESS)
			return false;
		done += n;
	} while (done < body->len);
	return true;
}

/* The parameter alone cannot be set: the sender is set again to what it is. The
 * null sender gets no bounces. */
static bool
play_return_headers(SMFICTX *context, const char *sender)
{
	static char parameter[] = "RET=HDRS";
	struct buf path;
	bool played;

	if (*sender == '\0')
		return true;
	buf_init(&path, PACKET_MAX);
	buf_printf(&path, "<%s>", sender);
	played = buf_str(&path) != NULL && smfi_chgfrom(context, (char *)path.data, parameter) == MI_SUCCESS;
	buf_free(&path);
	return played;
}

/* As the MTA knows a path: with its brackets. */
static bool
play_recipient(SMFICTX *context, int (*play)(SMFICTX *, char *), const char *recipient)
{
	struct buf path;
	bool played;

	buf_init(&path, PACKET_MAX);
	buf_printf(&path, "<%s>", recipient);
	played = buf_str(&path) != NULL && play(context, (char *)path.data) == MI_SUCCESS;
	buf_free(&path);
	return played;
}

/* The new one first, so that the message is never without any. */
static bool
play_redirect(struct session *s, const char *to)
{
	if (!play_recipient(s->context, smfi_addrcpt, to))
		return false;
	for (size_t i = 0; i < s->message->recipient_count; i++)
		if (!play_recipient(s->context, smfi_delrcpt, s->message->recipients[i]))
			return false;
	return true;
}

static bool
play_hold(SMFICTX *context, const char *reason)
{
	char text[HOLD_REASON_MAX + 1];
	size_t n;

	for (n = 0; n < HOLD_REASON_MAX && reason[n] != '\0'; n++)
		text[n] = reason[n] >= ' ' && reason[n] <= '~' ? reason[n] : '?';
	text[n] = '\0';
	return smfi_quarantine(context, text) == MI_SUCCESS;
}

static bool
play_changes(struct session *s, struct edit *e)
{
	return (!e->return_headers || play_return_headers(s->context, s->message->sender)) &&
		(e->redirect == NULL || play_redirect(s, e->redirect)) &&
		play_fields(s->context, e) &&
		(!e->replaces_body || play_body(s->context, &e->body)) &&
		(e->hold == NULL || play_hold(s->context, e->hold));
}

static sfsistat
play_back(struct session *s, struct edit *e)
{
	if (e->verdict == EDIT_ANSWER)
		return answer(s->context, &e->reply, s->utf8);
	if (e->verdict == EDIT_PASS && play_changes(s, e))
		return SMFIS_CONTINUE;
	log_event(LOG_ERR, "mta-gone", "the changed message could not be given back to the MTA");
	return SMFIS_TEMPFAIL;
}

/* ---- end of message ------------------------------------------------------ */

static void
work_on(struct session *s, struct edit *e)
{
	s->progress = clock_seconds();
	pthread_mutex_lock(&served.lock);
	LIST_INSERT_HEAD(&served.at_work, s, at_work);
	pthread_mutex_unlock(&served.lock);
	ERR_clear_error();
	gateway_message(s->gateway, &s->entry, s->message, time(NULL), e);
	pthread_mutex_lock(&served.lock);
	LIST_REMOVE(s, at_work);
	pthread_mutex_unlock(&served.lock);
}

void
milter_progress(time_t now)
{
	struct session *s;

	pthread_mutex_lock(&served.lock);
	LIST_FOREACH(s, &served.at_work, at_work)
		if (now - s->progress >= PROGRESS_INTERVAL) {
			smfi_progress(s->context);
			s->progress = now;
		}
	pthread_mutex_unlock(&served.lock);
}

static sfsistat
answer_refused(struct session *s)
{
	struct log_line line;

	log_begin(&line, LOG_NOTICE, s->message->queue_id, s->refusal.code[0] == '5' ? "refused" : "deferred");
	log_add(&line, "listener", "%s", s->entry.listener);
	log_add(&line, "sender", "%s", s->message->sender);
	log_add(&line, "reason", "%s", s->refusal.text);
	log_end(&line);
	return answer(s->context, &s->refusal, s->utf8);
}

static sfsistat
on_message(SMFICTX *context)
{
	struct session *s = smfi_getpriv(context);
	struct timespec begun;
	unsigned interval;
	struct edit edit;
	sfsistat status;

	if (s == NULL || s->gateway == NULL)
		return SMFIS_TEMPFAIL;
	copy_macro(context, "i", &s->message->queue_id);
	if (s->refused || !claim_for_work(s)) {
		status = answer_refused(s);
	} else {
		work_on(s, &edit);
		status = play_back(s, &edit);
		begun = edit.begun;
		interval = edit.answer_interval;
		/* Before the wait: how long freeing takes tells what was done before. */
		edit_free(&edit);
		drop_content(s);
		if (interval > 0)
			deadline_sleep_to_multiple(&begun, interval);
	}
	drop_message(s);
	return status;
}

static sfsistat
on_abort(SMFICTX *context)
{
	struct session *s = smfi_getpriv(context);

	if (s != NULL)
		drop_message(s);
	return SMFIS_CONTINUE;
}

/* ---- serving ------------------------------------------------------------- */

static bool
register_callbacks(void)
{
	static char name[] = "sealmilter";
	const struct smfiDesc callbacks = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = ACTIONS | ACTIONS_OPENING | ACTIONS_REDIRECTING | SMFIF_SETSYMLIST,
		.xxfi_connect = on_connect,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_recipient,
		.xxfi_header = on_header,
		.xxfi_body = on_body,
		.xxfi_eom = on_message,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
		.xxfi_negotiate = on_negotiate,
	};

	return smfi_register(callbacks) == MI_SUCCESS;
}

/* A socket of the same family as the one that takes its place: libmilter
 * compares that with the clients'. */
static bool
set_connection(int listen_fd, const char *private_path)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	char text[256];

	if (getsockname(listen_fd, (struct sockaddr *)&address, &len) != 0)
		return false;
	if (address.ss_family == AF_INET)
		snprintf(text, sizeof text, "inet:0@[127.0.0.1]");
	else if (address.ss_family == AF_INET6)
		snprintf(text, sizeof text, "inet6:0@[::1]");
	else
		snprintf(text, sizeof text, "unix:%s", private_path);
	return smfi_setconn(text) == MI_SUCCESS;
}

static bool
is_listening(int fd)
{
	int listening = 0;
	socklen_t len = sizeof listening;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening;
}

enum answer
milter_open(int listen_fd, int idle_fd, const char *private_path, struct error *err)
{
	/* The lowest free number is the one that libmilter's socket will get. */
	int fd = dup(listen_fd);
	bool opened;

	if (fd == -1)
		return error_cant_tell(err, "libmilter", "no descriptor is free: %s", strerror(errno));
	close(fd);
	smfi_setmaxdatasize(PACKET_MAX);
	unlink(private_path);
	opened = register_callbacks() && set_connection(listen_fd, private_path) && smfi_opensocket(0) == MI_SUCCESS;
	unlink(private_path);
	if (!opened || !is_listening(fd) || dup3(listen_fd, fd, O_CLOEXEC) == -1)
		return error_no(err, "libmilter", "libmilter cannot listen; it logs why");
	served.libmilter_fd = fd;
	served.listen_fd = listen_fd;
	served.idle_fd = idle_fd;
	return ANSWER_YES;
}

void
milter_serve(void)
{
	smfi_main();
}

void
milter_close(void)
{
	dup3(served.idle_fd, served.libmilter_fd, O_CLOEXEC);
	/* Wakes libmilter, which waits on what its descriptor was before. */
	shutdown(served.listen_fd, SHUT_RDWR);
	close(served.listen_fd);
	close(served.idle_fd);
}
