#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const verdict_names[] = {
	"accepted", "rejected", "tempfailed", "discarded", "replied", "no-recipient", "broken",
};

const char *
mta_verdict_name(enum mta_verdict verdict)
{
	return verdict_names[verdict];
}

/* One message on its way. */
struct talk {
	struct mta *m;
	const struct mta_message *message;
	struct mta_result *r;
	struct buf packet;
	const char *recipient; /* of the RCPT in hand */
	bool has_id;           /* {i} is known to the MTA */
	bool over;             /* the verdict is there */
};

/* ---- macros --------------------------------------------------------------- */

enum symlist { AT_CONNECT, AT_HELO, AT_MAIL, AT_RCPT, AT_DATA, AT_EOM, AT_EOH };

/* milter_*_macros of Postfix 3.7 */
static const char *const default_symbols[MTA_SYMLISTS] = {
	"j {daemon_name} {daemon_addr} v _",
	"{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
	"i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}",
	"i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
	"i",
	"i",
	"i",
};
static const char symlist_command[MTA_SYMLISTS] = {'C', 'H', 'M', 'R', 'T', 'E', 'N'};

static const char *
or_else(const char *given, const char *otherwise)
{
	return given != NULL ? given : otherwise;
}

static const char *
client_address(const struct mta_message *message)
{
	return message->local ? "127.0.0.1" : or_else(message->client_address, "127.0.0.1");
}

/* As the connect event has it: smtpd puts the address there for a client without a name. */
static void
client_name(const struct mta_message *message, char *room, size_t room_len)
{
	if (message->local)
		snprintf(room, room_len, "localhost");
	else if (message->client_name != NULL)
		snprintf(room, room_len, "%s", message->client_name);
	else
		snprintf(room, room_len, "[%s]", client_address(message));
}

/* "i" and "{i}" are one name. */
static bool
same_symbol(const char *a, struct slice b)
{
	struct slice bare = slice_str(a);

	if (bare.len > 2 && bare.data[0] == '{')
		bare = slice_sub(bare, 1, bare.len - 1);
	if (b.len > 2 && b.data[0] == '{')
		b = slice_sub(b, 1, b.len - 1);
	return slice_eq(bare, b);
}

/* NULL: the MTA has no value now. */
static const char *
symbol_value(const struct talk *t, struct slice name, char *room, size_t room_len)
{
	const struct mta_message *message = t->message;
	bool login = !message->local && message->auth_login != NULL;

	if (same_symbol("i", name) && !t->has_id)
		return NULL;
	for (size_t i = 0; i < message->macro_count; i++)
		if (same_symbol(message->macros[i].name, name))
			return message->macros[i].value;
	if (same_symbol("i", name))
		return or_else(message->queue_id, "4Test");
	if (same_symbol("j", name))
		return or_else(message->host, "mta.test");
	if (same_symbol("daemon_name", name))
		return or_else(message->daemon_name, or_else(message->host, "mta.test"));
	if (same_symbol("v", name))
		return "Postfix 3.7.11";
	if (same_symbol("auth_authen", name))
		return login ? message->auth_login : NULL;
	if (same_symbol("auth_type", name))
		return login ? or_else(message->auth_type, "PLAIN") : NULL;
	if (same_symbol("mail_addr", name))
		return or_else(message->sender, "");
	if (same_symbol("rcpt_addr", name))
		return t->recipient;
	if (same_symbol("client_addr", name))
		return client_address(message);
	if (same_symbol("client_name", name) || same_symbol("client_ptr", name))
		return message->local ? "localhost" : or_else(message->client_name, "unknown");
	snprintf(room, room_len, "%u", message->local ? 0 : message->client_port);
	if (same_symbol("client_port", name))
		return room;
	snprintf(room, room_len, "%s [%s]", message->local ? "localhost" : or_else(message->client_name, "unknown"),
		client_address(message));
	return same_symbol("_", name) ? room : NULL;
}

static void
add_string(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text) + 1);
}

static void
add_symbol(struct talk *t, struct slice name)
{
	char room[512];
	const char *value = symbol_value(t, name, room, sizeof room);

	if (value == NULL)
		return;
	buf_add_slice(&t->packet, name);
	buf_add_byte(&t->packet, '\0');
	add_string(&t->packet, value);
}

static bool
in_default_list(const char *name)
{
	for (size_t i = 0; i < MTA_SYMLISTS; i++) {
		struct slice list = slice_str(default_symbols[i]);

		for (size_t at = 0, end; at < list.len; at = end + 1) {
			end = slice_find(list, ' ', at);
			if (same_symbol(name, slice_sub(list, at, end)))
				return true;
		}
	}
	return false;
}

static bool
send_macros(struct talk *t, enum symlist which)
{
	const char *own = t->m->negotiated.symbols[which];
	struct slice list = slice_str(or_else(own, default_symbols[which]));

	buf_clear(&t->packet);
	buf_add_byte(&t->packet, (unsigned char)symlist_command[which]);
	for (size_t at = 0, end; at < list.len; at = end + 1) {
		end = slice_find(list, ' ', at);
		if (end > at)
			add_symbol(t, slice_sub(list, at, end));
	}
	for (size_t i = 0; which == AT_CONNECT && i < t->message->macro_count; i++)
		if (!in_default_list(t->message->macros[i].name))
			add_symbol(t, slice_str(t->message->macros[i].name));
	if (buf_failed(&t->packet))
		return mta_fail(t->m, MTA_LOCAL, "macros do not fit a packet");
	return t->packet.len == 1 || mta_write(t->m, 'D', buf_slice(&t->packet));
}

/* ---- commands and answers -------------------------------------------------- */

static void
decide(struct talk *t, enum mta_verdict verdict, const struct mta_reply *reply)
{
	t->r->verdict = verdict;
	t->r->reply = *reply;
	t->over = true;
}

/* What ends a message, whenever it is said. False: it is none of these. */
static bool
take_verdict(struct talk *t, const struct mta_reply *reply)
{
	switch (reply->code) {
	case 'a':
		decide(t, MTA_ACCEPTED, reply);
		return true;
	case 'd':
		decide(t, MTA_DISCARDED, reply);
		return true;
	case 'r':
		decide(t, MTA_REJECTED, reply);
		return true;
	case 't':
		decide(t, MTA_TEMPFAILED, reply);
		return true;
	case 'y':
		decide(t, MTA_REPLIED, reply);
		return true;
	default:
		return false;
	}
}

static void
take_reply(struct mta_reply *reply, char code, struct slice data)
{
	size_t n = data.len < MTA_TEXT_MAX - 1 ? data.len : MTA_TEXT_MAX - 1;

	reply->code = code;
	if (code == 'y' && n > 0)
		memcpy(reply->text, data.data, n);
	reply->text[code == 'y' ? n : 0] = '\0';
}

/* Reads the answer to a command before the end of message. */
static bool
read_reply(struct talk *t, struct mta_reply *reply, int deadline)
{
	struct slice data;
	char code;

	do {
		if (!mta_read(t->m, &code, &data, deadline))
			return false;
		t->r->progress += code == 'p';
	} while (code == 'p');
	if (strchr("acdrtys", code) == NULL || (code == 'y' && data.len < 4))
		return mta_fail(t->m, MTA_PROTOCOL, "answer %02x at %s", (unsigned char)code,
			mta_stage_name(t->m->stage));
	take_reply(reply, code, data);
	return true;
}

struct event {
	char command;
	uint32_t unwanted;     /* MTA_NO*: the filter does not want it */
	uint32_t unanswered;   /* MTA_NR_*: the filter does not answer it */
	enum mta_stage stage;
};

static const struct event event_connect = {'C', MTA_NOCONNECT, MTA_NR_CONN, MTA_STAGES};
static const struct event event_helo = {'H', MTA_NOHELO, MTA_NR_HELO, MTA_AT_HELO};
static const struct event event_mail = {'M', MTA_NOMAIL, MTA_NR_MAIL, MTA_AT_MAIL};
static const struct event event_rcpt = {'R', MTA_NORCPT, MTA_NR_RCPT, MTA_AT_RCPT};
static const struct event event_data = {'T', MTA_NODATA, MTA_NR_DATA, MTA_AT_DATA};
static const struct event event_header = {'L', MTA_NOHDRS, MTA_NR_HDR, MTA_AT_HEADER};
static const struct event event_eoh = {'N', MTA_NOEOH, MTA_NR_EOH, MTA_AT_EOH};
static const struct event event_body = {'B', MTA_NOBODY, MTA_NR_BODY, MTA_AT_BODY};

/* Sends it as far as the filter wants it and reads the answer if there is one;
 * reply->code is 'c' where there is none. */
static bool
tell(struct talk *t, const struct event *e, struct slice data, struct mta_reply *reply)
{
	bool content = e->command == 'L' || e->command == 'N' || e->command == 'B';
	bool wanted = (t->m->negotiated.steps & e->unwanted) == 0;

	reply->code = 'c';
	if (wanted && !mta_write(t->m, e->command, data))
		return false;
	if (e->stage < MTA_STAGES && !t->m->reached[e->stage])
		mta_reach(t->m, e->stage, 0);
	if (!wanted || (t->m->negotiated.steps & e->unanswered) != 0)
		return true;
	return read_reply(t, reply, content ? t->m->limits.content : t->m->limits.command);
}

/* tell(), where every answer but "go on" is the verdict. */
static bool
tell_all(struct talk *t, const struct event *e, struct slice data)
{
	struct mta_reply reply = {0};

	if (!tell(t, e, data, &reply))
		return false;
	(void)take_verdict(t, &reply);
	return true;
}

static bool
packet_ok(struct talk *t)
{
	return !buf_failed(&t->packet) || mta_fail(t->m, MTA_LOCAL, "a command does not fit a packet");
}

/* ---- envelope -------------------------------------------------------------- */

static bool
send_connect(struct talk *t)
{
	const char *address = client_address(t->message);
	unsigned port = t->message->local ? 0 : t->message->client_port;
	struct in_addr four;
	struct in6_addr six;
	char family = 'U', name[512];

	if (inet_pton(AF_INET, address, &four) == 1)
		family = '4';
	else if (inet_pton(AF_INET6, address, &six) == 1)
		family = '6';
	else if (address[0] == '/')
		family = 'L';
	if (!send_macros(t, AT_CONNECT))
		return false;
	buf_clear(&t->packet);
	client_name(t->message, name, sizeof name);
	add_string(&t->packet, name);
	buf_add_byte(&t->packet, (unsigned char)family);
	if (family != 'U') {
		buf_add_byte(&t->packet, (unsigned char)(port >> 8));
		buf_add_byte(&t->packet, (unsigned char)port);
		add_string(&t->packet, address);
	}
	return packet_ok(t) && tell_all(t, &event_connect, buf_slice(&t->packet));
}

static bool
introduce(struct talk *t)
{
	if (t->m->introduced)
		return true;
	t->m->introduced = true;
	if (!send_connect(t))
		return false;
	if (t->over)
		return true;
	if (!send_macros(t, AT_HELO))
		return false;
	buf_clear(&t->packet);
	add_string(&t->packet, t->message->local ? "localhost" : or_else(t->message->helo, "localhost"));
	return packet_ok(t) && tell_all(t, &event_helo, buf_slice(&t->packet));
}

/* smtpd hands addresses on as they were written, cleanup without brackets. */
static void
add_address(struct talk *t, const char *address)
{
	buf_clear(&t->packet);
	buf_printf(&t->packet, t->message->local ? "%s" : "<%s>", address);
	buf_add_byte(&t->packet, '\0');
}

static bool
send_mail(struct talk *t)
{
	t->has_id = t->message->local;
	if (!send_macros(t, AT_MAIL))
		return false;
	add_address(t, or_else(t->message->sender, ""));
	for (size_t i = 0; i < t->message->mail_parameter_count; i++)
		add_string(&t->packet, t->message->mail_parameters[i]);
	return packet_ok(t) && tell_all(t, &event_mail, buf_slice(&t->packet));
}

static bool
send_recipient(struct talk *t, size_t i)
{
	struct mta_reply *reply = &t->r->recipients[i];

	t->recipient = t->message->recipients[i];
	if (!send_macros(t, AT_RCPT))
		return false;
	add_address(t, t->recipient);
	if (!packet_ok(t) || !tell(t, &event_rcpt, buf_slice(&t->packet), reply))
		return false;
	if (reply->code == 'a' || reply->code == 'd')
		return take_verdict(t, reply);
	if (reply->code == 'c') {
		t->r->recipients_accepted++;
		t->has_id = true;
	} else if (t->message->local) {
		decide(t, MTA_TEMPFAILED, reply);
	}
	return true;
}

static bool
send_recipients(struct talk *t)
{
	size_t n = t->message->recipient_count;

	t->r->recipients = n > 0 ? calloc(n, sizeof *t->r->recipients) : NULL;
	if (n > 0 && t->r->recipients == NULL)
		return mta_fail(t->m, MTA_LOCAL, "out of memory");
	t->r->recipient_count = n;
	for (size_t i = 0; i < n && !t->over; i++)
		if (!send_recipient(t, i))
			return false;
	t->recipient = NULL;
	if (!t->over && n > 0 && t->r->recipients_accepted == 0)
		decide(t, MTA_NO_RECIPIENT, &t->r->recipients[n - 1]);
	return true;
}

/* ---- content --------------------------------------------------------------- */

static bool
send_field(struct talk *t, const struct field *f)
{
	const char *value = f->text + f->value;

	if ((t->m->negotiated.steps & MTA_HDR_LEADSPC) == 0 && *value == ' ')
		value++;
	buf_clear(&t->packet);
	buf_add(&t->packet, f->text, f->name_len);
	buf_add_byte(&t->packet, '\0');
	add_string(&t->packet, value);
	return packet_ok(t) && tell_all(t, &event_header, buf_slice(&t->packet));
}

static bool
send_header(struct talk *t)
{
	struct fields f;
	bool ok = true;

	if (!fields_parse(&f, t->message->header))
		return mta_fail(t->m, MTA_LOCAL, "the header holds a line that is no field");
	for (size_t i = 0; ok && !t->over && i < f.count; i++)
		ok = send_field(t, &f.item[i]);
	fields_free(&f);
	return ok;
}

static bool
send_body(struct talk *t, struct slice *tail)
{
	size_t chunk = t->message->chunk > 0 ? t->message->chunk : MTA_CHUNK, least;
	struct slice left = t->message->body;
	struct mta_reply reply = {0};

	/* Postfix flushes its chunk when it is full, Sendmail whatever is left too. */
	least = t->message->tail_in_body ? 1 : chunk;
	while (left.len >= least && !t->over) {
		size_t n = left.len < chunk ? left.len : chunk;

		if (!tell(t, &event_body, slice_sub(left, 0, n), &reply))
			return false;
		left = slice_sub(left, n, left.len);
		if (reply.code == 's') {
			left = SLICE_NONE;
			break;
		}
		(void)take_verdict(t, &reply);
	}
	*tail = (t->m->negotiated.steps & MTA_NOBODY) == 0 ? left : SLICE_NONE;
	return true;
}

/* ---- end of message -------------------------------------------------------- */

/* The next NUL-ended string of the packet; false where there is none. */
static bool
take_string(struct slice *data, char **text)
{
	size_t end = slice_find(*data, '\0', 0);

	if (end >= data->len)
		return false;
	*text = slice_dup(slice_sub(*data, 0, end));
	*data = slice_sub(*data, end + 1, data->len);
	return *text != NULL;
}

static struct mta_change *
new_change(struct mta_result *r)
{
	if (r->change_count == r->change_room) {
		size_t room = r->change_room == 0 ? 16 : r->change_room * 2;
		struct mta_change *c = room <= MTA_CHANGES_MAX ? realloc(r->changes, room * sizeof *c) : NULL;

		if (c == NULL)
			return NULL;
		r->changes = c;
		r->change_room = room;
	}
	r->changes[r->change_count] = (struct mta_change){0};
	return &r->changes[r->change_count++];
}

/* The action that a modification needs (SMFIF_*); 0: it is no modification. */
static uint32_t
action_of(char code)
{
	switch (code) {
	case 'h':
	case 'i':
		return MTA_ADDHDRS;
	case 'm':
		return MTA_CHGHDRS;
	case 'b':
		return MTA_CHGBODY;
	case '+':
		return MTA_ADDRCPT;
	case '2':
		return MTA_ADDRCPT_PAR;
	case '-':
		return MTA_DELRCPT;
	case 'e':
		return MTA_CHGFROM;
	case 'q':
		return MTA_QUARANTINE;
	default:
		return 0;
	}
}

static bool
take_change(struct talk *t, char code, struct slice data)
{
	struct mta_change *c = new_change(t->r);
	bool header = code == 'h' || code == 'i' || code == 'm';
	bool ok;

	if (c == NULL)
		return mta_fail(t->m, MTA_LOCAL, "out of memory");
	c->code = code;
	if ((code == 'i' || code == 'm') && data.len >= 4) {
		c->index = get_u32(data.data);
		data = slice_sub(data, 4, data.len);
	}
	ok = take_string(&data, &c->name) && (!header || take_string(&data, &c->value));
	if (ok && (code == '2' || code == 'e') && data.len > 0)
		ok = take_string(&data, &c->value);
	if (!ok || data.len > 0 || (header && c->name[0] == '\0'))
		return mta_fail(t->m, MTA_PROTOCOL, "modification %c does not parse", code);
	return true;
}

static bool
take_body(struct talk *t, struct slice data, bool ended)
{
	struct mta_result *r = t->r;

	if (ended)
		return mta_fail(t->m, MTA_PROTOCOL, "body replacement mixed with other answers");
	r->body_replaced = true;
	r->body_chunks++;
	r->body_octets += data.len;
	if (!t->message->discard_body)
		buf_add_slice(&r->body, data);
	if (buf_failed(&r->body))
		return mta_fail(t->m, MTA_LOCAL, "the new body does not fit");
	mta_reach(t->m, MTA_AT_REPLBODY, r->body_octets);
	return true;
}

static bool
take_modification(struct talk *t, char code, struct slice data, bool body_ended)
{
	if ((t->m->negotiated.actions & action_of(code)) == 0)
		return mta_fail(t->m, MTA_PROTOCOL, "modification %c was not negotiated", code);
	if (!t->m->reached[MTA_AT_CHANGE])
		mta_reach(t->m, MTA_AT_CHANGE, 0);
	return code == 'b' ? take_body(t, data, body_ended) : take_change(t, code, data);
}

static bool
read_end(struct talk *t)
{
	struct mta_reply reply = {0};
	struct slice data;
	bool body_ended = false;
	char code;

	while (!t->over) {
		if (!mta_read(t->m, &code, &data, t->m->limits.content))
			return false;
		body_ended = body_ended || (t->r->body_replaced && code != 'b');
		t->r->progress += code == 'p';
		if (code == 'p')
			continue;
		if (action_of(code) != 0) {
			if (!take_modification(t, code, data, body_ended))
				return false;
			continue;
		}
		take_reply(&reply, code, data);
		if (code == 'c')
			decide(t, MTA_ACCEPTED, &reply);
		else if (!take_verdict(t, &reply))
			return mta_fail(t->m, MTA_PROTOCOL, "answer %02x at end of message", (unsigned char)code);
	}
	return true;
}

static bool
send_end(struct talk *t, struct slice tail)
{
	uint64_t begun;

	if (!send_macros(t, AT_EOM) || !mta_write(t->m, 'E', tail))
		return false;
	begun = mta_now_us();
	mta_reach(t->m, MTA_AT_EOB, 0);
	if (!read_end(t))
		return false;
	t->r->content_us = mta_now_us() - begun;
	mta_reach(t->m, MTA_AT_DONE, 0);
	return true;
}

static bool
send_content(struct talk *t)
{
	struct slice tail = SLICE_NONE;

	if (!send_macros(t, AT_DATA) || !tell_all(t, &event_data, SLICE_NONE))
		return false;
	if (!t->over && !send_header(t))
		return false;
	if (!t->over && (!send_macros(t, AT_EOH) || !tell_all(t, &event_eoh, SLICE_NONE)))
		return false;
	if (!t->over && !send_body(t, &tail))
		return false;
	return t->over || send_end(t, tail);
}

static bool
send_message(struct talk *t)
{
	if (!introduce(t))
		return false;
	if (!t->over && !send_mail(t))
		return false;
	if (!t->over && !send_recipients(t))
		return false;
	return t->over || send_content(t);
}

bool
mta_send(struct mta *m, const struct mta_message *message, struct mta_result *r)
{
	struct talk t = {.m = m, .message = message, .r = r};
	uint64_t begun = mta_now_us();
	bool ok;

	*r = (struct mta_result){.verdict = MTA_BROKEN};
	r->exact_values = (m->negotiated.steps & MTA_HDR_LEADSPC) != 0;
	memset(m->reached + MTA_AT_MAIL, 0, (MTA_STAGES - MTA_AT_MAIL) * sizeof m->reached[0]);
	buf_init(&r->body, MTA_MESSAGE_MAX);
	buf_init(&t.packet, MTA_PACKET_MAX);
	ok = send_message(&t);
	buf_free(&t.packet);
	if (!ok)
		r->verdict = MTA_BROKEN;
	else if (!m->reached[MTA_AT_DONE])
		(void)mta_write(m, 'A', SLICE_NONE); /* a filter that is gone now has answered all the same */
	r->trouble = m->trouble;
	r->stage = m->stage;
	r->total_us = mta_now_us() - begun;
	return ok;
}

void
mta_result_clear(struct mta_result *r)
{
	for (size_t i = 0; i < r->change_count; i++) {
		free(r->changes[i].name);
		free(r->changes[i].value);
	}
	free(r->changes);
	free(r->recipients);
	buf_free(&r->body);
	*r = (struct mta_result){0};
}
