#include "ctl/ctl.h"

#include <arpa/inet.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_STEP 65536
#define LOCAL_CLIENT_PORT 0
#define REMOTE_CLIENT_PORT 25000 /* any that is none of an MTA's own programs */
#define LOCAL_CLIENT "127.0.0.1"
#define OUTSIDE_CLIENT "192.0.2.1" /* RFC 5737: nobody's */

/* ---- the message ------------------------------------------------------------- */

static enum answer
read_file(const char *path, struct buf *out, struct error *err)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	enum answer answer = ANSWER_YES;
	size_t n;

	if (f == NULL)
		return error_no(err, "file", "cannot open %s: %s", path, strerror(errno));
	do {
		unsigned char *at = buf_extend(out, READ_STEP);

		if (at == NULL) {
			answer = out->len > out->limit - READ_STEP ?
				error_no(err, "file", "%s is larger than message-size-limit permits", path) :
				error_cant_tell(err, "memory", "out of memory for %s", path);
			break;
		}
		n = fread(at, 1, READ_STEP, f);
		out->len -= READ_STEP - n;
	} while (n == READ_STEP);
	if (answer == ANSWER_YES && ferror(f))
		answer = error_no(err, "file", "cannot read %s: %s", path, strerror(errno));
	if (f != stdin)
		fclose(f);
	return answer;
}

static bool
add_named(struct message *m, const char *field_name)
{
	const struct header_field *field;
	bool ok = true;

	for (size_t n = 0; ok && (field = message_field(m, field_name, n)) != NULL; n++) {
		struct address_list list;

		if (!address_list_parse(field->value, &list))
			continue;
		for (size_t i = 0; ok && i < list.count; i++) {
			struct buf text;

			buf_init(&text, 2 * ADDRESS_LENGTH_MAX);
			buf_add_slice(&text, list.item[i].local);
			buf_add_byte(&text, '@');
			buf_add_slice(&text, list.item[i].domain);
			ok = message_add_recipient(m, buf_slice(&text));
			buf_free(&text);
		}
		address_list_free(&list);
	}
	return ok;
}

static char *
sender_of(const struct message *m, const char *given)
{
	const struct header_field *from = message_field(m, "From", 0);
	struct address_list list;
	char *sender = NULL;

	if (given != NULL)
		return slice_dup(address_strip_brackets(slice_str(given)));
	if (from == NULL || !address_list_parse(from->value, &list))
		return strdup("");
	if (list.count == 0 ||
	    asprintf(&sender, "%.*s@%.*s", SLICE_FMT(list.item[0].local), SLICE_FMT(list.item[0].domain)) < 0)
		sender = strdup("");
	address_list_free(&list);
	return sender;
}

static enum answer
set_client(const struct ctl_options *o, bool inbound, struct client *client, struct error *err)
{
	bool local = o->client == NULL && !inbound;
	const char *address = o->client != NULL ? o->client : inbound ? OUTSIDE_CLIENT : LOCAL_CLIENT;
	struct in_addr v4;

	client->port = local ? LOCAL_CLIENT_PORT : REMOTE_CLIENT_PORT;
	client->name = strdup(local ? "localhost" : address);
	client->login = o->login == NULL ? NULL : strdup(o->login);
	client->daemon_name = o->daemon_name == NULL ? NULL : strdup(o->daemon_name);
	client->has_address = true;
	if (client->name == NULL || (o->login != NULL && client->login == NULL) ||
	    (o->daemon_name != NULL && client->daemon_name == NULL))
		return error_cant_tell(err, "memory", "out of memory");
	if (inet_pton(AF_INET, address, &v4) == 1) {
		memset(&client->address, 0, sizeof client->address);
		client->address.s6_addr[10] = client->address.s6_addr[11] = 0xff;
		memcpy(client->address.s6_addr + 12, &v4, sizeof v4);
		return ANSWER_YES;
	}
	if (inet_pton(AF_INET6, address, &client->address) == 1)
		return ANSWER_YES;
	return error_no(err, "usage", "--client %s is not an IP address", address);
}

static enum answer
set_envelope(const struct ctl_options *o, bool inbound, struct message *m, struct error *err)
{
	bool ok = true;

	free(m->sender);
	m->sender = sender_of(m, o->sender);
	m->queue_id = strdup("sealctl");
	for (size_t i = 0; ok && i < o->recipient_count; i++)
		ok = message_add_recipient(m, address_strip_brackets(slice_str(o->recipients[i])));
	if (o->recipient_count == 0)
		ok = ok && add_named(m, "To") && add_named(m, "Cc");
	if (!ok || m->sender == NULL || m->queue_id == NULL)
		return error_cant_tell(err, "memory", "out of memory, or too many recipients");
	if (m->recipient_count == 0)
		return error_no(err, "usage", "no recipient: give --to, or a message with To or Cc");
	return set_client(o, inbound, &m->client, err);
}

static enum answer
load_message(const struct ctl_options *o, const struct config *config, const char *path, bool inbound,
	struct message **out, struct error *err)
{
	struct message *m = message_new(config->message_size_limit);
	struct buf file;
	enum answer answer;

	if (m == NULL)
		return error_cant_tell(err, "memory", "out of memory");
	buf_init(&file, config->message_size_limit + config->header_limit + READ_STEP);
	answer = read_file(path, &file, err);
	if (answer == ANSWER_YES)
		answer = message_read(buf_slice(&file), m, err);
	buf_free(&file);
	if (answer == ANSWER_YES)
		answer = set_envelope(o, inbound, m, err);
	if (answer != ANSWER_YES) {
		message_free(m);
		return answer;
	}
	*out = m;
	return ANSWER_YES;
}

/* ---- how it is taken to come in ------------------------------------------------ */

/* Does the listener do work on outbound, or on inbound mail? */
static bool
takes(const struct config_listener *l, bool inbound)
{
	return l->role == ROLE_WORK && l->direction != (inbound ? DIRECTION_OUTBOUND : DIRECTION_INBOUND);
}

static enum answer
choose_entry(const struct ctl_options *o, const struct config *config, bool inbound, struct gateway_entry *entry,
	struct error *err)
{
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct config_listener *l = &config->listeners[i];

		if (o->listener != NULL ? strcmp(l->name, o->listener) == 0 : takes(l, inbound)) {
			*entry = (struct gateway_entry){.direction = l->direction, .role = l->role, .listener = l->name};
			return ANSWER_YES;
		}
	}
	if (o->listener != NULL)
		return error_no(err, "usage", "the configuration has no listener %s", o->listener);
	return error_no(err, "usage", "the configuration has no listener for %s mail: name one with --listener",
		inbound ? "inbound" : "outbound");
}

struct job {
	struct gateway *g;
	struct message *m;
	struct gateway_entry entry;
};

enum way { OUTBOUND, INBOUND, EITHER };

/* EITHER: outbound, unless --inbound is given or the listeners leave no choice. */
static bool
is_inbound(const struct ctl_options *o, const struct config *config, enum way way)
{
	bool outbound = false, inbound = false;

	for (size_t i = 0; i < config->listener_count; i++) {
		const struct config_listener *l = &config->listeners[i];

		if (o->listener == NULL ? l->role == ROLE_WORK : strcmp(l->name, o->listener) == 0) {
			outbound = outbound || l->direction != DIRECTION_INBOUND;
			inbound = inbound || l->direction == DIRECTION_INBOUND;
		}
	}
	return way == INBOUND || (way == EITHER && (o->inbound || (inbound && !outbound)));
}

static enum answer
open_job(const struct ctl_options *o, const char *path, enum way way, struct job *job, struct error *err)
{
	enum answer answer;
	bool inbound = false;

	*job = (struct job){0};
	answer = ctl_gateway(o, &job->g, err);
	if (answer == ANSWER_YES) {
		inbound = is_inbound(o, gateway_config(job->g), way);
		answer = choose_entry(o, gateway_config(job->g), inbound, &job->entry, err);
	}
	if (answer == ANSWER_YES)
		answer = ctl_read_as(gateway_config(job->g), CTL_AS_STARTED, err);
	if (answer == ANSWER_YES)
		answer = load_message(o, gateway_config(job->g), path, inbound, &job->m, err);
	if (answer == ANSWER_YES)
		answer = ctl_read_as(gateway_config(job->g), CTL_AS_GATE, err);
	return answer;
}

static void
close_job(struct job *job)
{
	message_free(job->m);
	gateway_unref(job->g);
}

/* ---- the commands --------------------------------------------------------------- */

static enum ctl_status
print_reply(const struct edit_reply *reply, const char *recipient)
{
	fprintf(stderr, "sealctl: %s%s%s %s %s\n", recipient, *recipient != '\0' ? ": " : "", reply->code, reply->enhanced,
		reply->text);
	return reply->code[0] == '5' ? CTL_NO : CTL_CANT_TELL;
}

/* As the MTA would: each recipient first, alone with those before it. */
static enum ctl_status
ask_recipients(const struct job *job, time_t now)
{
	struct message so_far = *job->m;
	enum ctl_status worst = CTL_DONE;

	for (size_t i = 0; i < job->m->recipient_count; i++) {
		struct edit_reply reply;
		enum ctl_status status;

		so_far.recipient_count = i;
		if (gateway_recipient(job->g, &job->entry, &so_far, slice_str(job->m->recipients[i]), now, &reply))
			continue;
		status = print_reply(&reply, job->m->recipients[i]);
		if (worst != CTL_NO)
			worst = status;
	}
	return worst;
}

static enum ctl_status
write_result(const struct ctl_options *o, const struct edit *e, const struct message *m)
{
	struct buf out;
	bool ok;

	buf_init(&out, SIZE_MAX);
	if (o->edit)
		edit_print(e, &out);
	else
		edit_apply(e, m, &out);
	ok = !buf_failed(&out) && fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
	buf_free(&out);
	if (ok)
		return CTL_DONE;
	fprintf(stderr, "sealctl: cannot write the message: %s\n", strerror(errno));
	return CTL_CANT_TELL;
}

static enum ctl_status
run_seal(const struct ctl_options *o, char **arguments)
{
	enum ctl_status status;
	struct job job;
	struct error err;
	struct edit e;

	if (open_job(o, arguments[0], OUTBOUND, &job, &err) != ANSWER_YES) {
		close_job(&job);
		return ctl_fail(&err);
	}
	status = ask_recipients(&job, o->now);
	if (status == CTL_DONE) {
		gateway_message(job.g, &job.entry, job.m, o->now, &e);
		status = e.verdict == EDIT_ANSWER ? print_reply(&e.reply, "") : write_result(o, &e, job.m);
		edit_free(&e);
	}
	close_job(&job);
	return status;
}

/* What the reader of the message on standard output must know besides. */
static void
warn_of(const struct gateway_opened *opened)
{
	const char *reason = opened->reason.answer == ANSWER_YES ? "" : opened->reason.words;

	if (opened->closed.answer != ANSWER_YES)
		fprintf(stderr, "sealctl: %s stays closed: %s\n", opened->changed ? "an inner layer" : "the message",
			opened->closed.words);
	if (strcmp(opened->result, "pass") != 0 && strcmp(opened->result, "none") != 0)
		fprintf(stderr, "sealctl: smime=%s: %s\n", opened->result, reason);
}

static enum ctl_status
run_open(const struct ctl_options *o, char **arguments)
{
	struct gateway_opened opened;
	enum ctl_status status;
	struct job job;
	struct error err;
	struct edit e;

	if (open_job(o, arguments[0], INBOUND, &job, &err) != ANSWER_YES) {
		close_job(&job);
		return ctl_fail(&err);
	}
	gateway_open(job.g, &job.entry, job.m, o->now, &e, &opened);
	if (e.verdict == EDIT_ANSWER) {
		status = print_reply(&e.reply, "");
	} else {
		warn_of(&opened);
		status = opened.closed.answer != ANSWER_YES && !opened.changed ? CTL_NO : write_result(o, &e, job.m);
	}
	edit_free(&e);
	close_job(&job);
	return status;
}

static enum ctl_status
run_explain(const struct ctl_options *o, char **arguments)
{
	enum ctl_status status = CTL_DONE;
	struct job job;
	struct error err;
	struct buf out;

	if (open_job(o, arguments[0], EITHER, &job, &err) != ANSWER_YES) {
		close_job(&job);
		return ctl_fail(&err);
	}
	buf_init(&out, SIZE_MAX);
	gateway_explain(job.g, &job.entry, job.m, o->now, o->json, &out);
	if (buf_failed(&out) || fwrite(out.data, 1, out.len, stdout) != out.len)
		status = CTL_CANT_TELL;
	buf_free(&out);
	close_job(&job);
	return status;
}

const struct ctl_command ctl_seal = {"seal", "FILE", 1, 1, run_seal};
const struct ctl_command ctl_open = {"open", "FILE", 1, 1, run_open};
const struct ctl_command ctl_explain = {"explain", "FILE", 1, 1, run_explain};
