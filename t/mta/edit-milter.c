/* edit-milter: src/milter/milter.c with a gate and a gateway of its own, which give
 * every message the same edit: how an edit reaches the MTA, whatever mail it is for.
 *
 *   -p unix:PATH      where to listen
 *   -d DIRECTION      of the listener: outbound (unless given), inbound, by-rule
 *   -g                the listener is a guard
 *   -R                bounces with the header only
 *   -H REASON         hold
 *   -a NAME:VALUE     add a field
 *   -b                replace the body by itself
 *   -t ADDRESS        redirect
 *   -r LINE           refuse; each further one is a further line of the answer
 */
#include "base/log.h"
#include "milter/gate.h"
#include "milter/listen.h"
#include "milter/milter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define LIMIT (64 * 1024 * 1024)

struct gateway {
	struct config config;
	struct gateway_entry entry;
	bool return_headers, replaces_body;
	const char *hold, *field, *redirect, *refusal[20];
	size_t refusal_count;
};

static struct gateway the_gateway = {
	.config = {.message_size_limit = LIMIT, .header_limit = LIMIT, .recipient_limit = 1000},
	.entry = {.direction = DIRECTION_OUTBOUND, .role = ROLE_WORK, .listener = "work"},
};

/* ---- what milter.c asks for -------------------------------------------------- */

struct gateway *
gate_begin(struct gateway_entry *entry)
{
	*entry = the_gateway.entry;
	return &the_gateway;
}

void
gate_end(struct gateway *gateway)
{
	(void)gateway;
}

bool
gate_claim(size_t octets)
{
	(void)octets;
	return true;
}

void
gate_release(size_t octets)
{
	(void)octets;
}

const struct config *
gateway_config(const struct gateway *g)
{
	return &g->config;
}

bool
gateway_recipient(struct gateway *g, const struct gateway_entry *entry, const struct message *m,
	struct slice recipient, time_t now, struct edit_reply *reply)
{
	(void)g;
	(void)entry;
	(void)m;
	(void)recipient;
	(void)now;
	(void)reply;
	return true;
}

bool
gateway_holds_secret(const struct gateway *g, const struct gateway_entry *entry, const struct message *m)
{
	(void)g;
	(void)entry;
	(void)m;
	return true;
}

static bool
add_field(struct edit *e, const char *field)
{
	size_t len = strcspn(field, ":");
	char name[64];

	snprintf(name, sizeof name, "%.*s", (int)len, field);
	return edit_add_field(e, name, slice_str(field + len + (field[len] == ':')));
}

static void
refuse(const struct gateway *g, struct edit *e)
{
	edit_answer(e, "550", "5.7.1", "%s", g->refusal[0]);
	for (size_t i = 1; i < g->refusal_count; i++)
		edit_answer_line(e, "%s", g->refusal[i]);
}

void
gateway_message(struct gateway *g, const struct gateway_entry *entry, const struct message *m,
	time_t now, struct edit *e)
{
	(void)entry;
	(void)now;
	edit_init(e, LIMIT);
	if (g->return_headers)
		edit_return_headers(e);
	if (g->replaces_body) {
		e->replaces_body = true;
		buf_add_slice(&e->body, buf_slice(&m->body));
	}
	if ((g->hold != NULL && !edit_hold(e, "%s", g->hold)) || (g->field != NULL && !add_field(e, g->field)) ||
	    (g->redirect != NULL && !edit_redirect(e, g->redirect)) || buf_failed(&e->body))
		edit_answer(e, "451", "4.3.0", "out of memory");
	if (g->refusal_count > 0)
		refuse(g, e);
}

/* ---- the program ------------------------------------------------------------- */

static enum config_direction
direction(const char *name)
{
	if (strcmp(name, "inbound") == 0)
		return DIRECTION_INBOUND;
	return strcmp(name, "by-rule") == 0 ? DIRECTION_BY_RULE : DIRECTION_OUTBOUND;
}

static char *
set_options(int argc, char **argv)
{
	struct gateway *g = &the_gateway;
	char *socket = NULL;
	int c;

	while ((c = getopt(argc, argv, "p:d:gRH:a:bt:r:")) != -1)
		switch (c) {
		case 'p': socket = optarg; break;
		case 'd': g->entry.direction = direction(optarg); break;
		case 'g': g->entry.role = ROLE_GUARD; break;
		case 'R': g->return_headers = true; break;
		case 'H': g->hold = optarg; break;
		case 'a': g->field = optarg; break;
		case 't': g->redirect = optarg; break;
		case 'r': g->refusal[g->refusal_count++ % 20] = optarg; break;
		case 'b': g->replaces_body = true; break;
		default: exit(EX_USAGE);
		}
	return socket;
}

int
main(int argc, char **argv)
{
	char *socket = set_options(argc, argv), private_path[200], folder[200];
	const struct process_user nobody = {.given = false};
	struct config_listener listener = {.name = "work", .socket = socket, .mode = 0777};
	struct listen_socket listening;
	struct error err;
	int idle_fd;

	if (socket == NULL || strncmp(socket, "unix:/", 6) != 0)
		return EX_USAGE;
	snprintf(private_path, sizeof private_path, "%s.private", socket + 5);
	snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(socket, '/') - socket - 5), socket + 5);
	if (listen_open(&listener, false, &nobody, &listening, &err) != ANSWER_YES ||
	    (idle_fd = listen_idle(folder, &err)) == -1 ||
	    milter_open(listening.fd, idle_fd, private_path, &err) != ANSWER_YES) {
		fprintf(stderr, "edit-milter: %s\n", err.words);
		return EX_OSERR;
	}
	log_open("edit-milter", LOG_MAIL, true);
	milter_serve();
	return EX_SOFTWARE;
}
