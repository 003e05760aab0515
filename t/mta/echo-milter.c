/* echo-milter: the least filter there can be over libmilter, as the scripted MTA's
 * peer in its own tests, and as the floor of the bench: with -b it replaces the
 * body by itself, which is what any filter that changes bodies pays at least.
 *
 *   -p SOCKET         where to listen, as libmilter takes it
 *   -b                replace the body by itself
 *   -M h|p            replace the body twice, with a field added or progress told in between
 *   -e                header values with their leading blank (SMFIP_HDR_LEADSPC)
 *   -a NAME:VALUE     add a field
 *   -i N:NAME:VALUE   insert a field at N
 *   -c N:NAME:VALUE   change the N-th field of that name; no value: delete it
 *   -m MACRO          add "X-Macro: MACRO=value at=STAGE" for each stage that knows it
 *   -l MACROS         ask for these macros with MAIL instead of the usual ones
 *   -x                add what connect, HELO, MAIL and RCPT said as X-Seen fields
 *   -r ADDRESS        refuse this recipient with 550 5.7.1
 *   -v VERDICT        at end of message: accept, reject, tempfail, discard, reply
 *   -h                hand the first header field back with reject
 *   -s                say skip at the first body chunk
 *   -k                progress, twice, before anything else at end of message
 *   -E                change the envelope: sender, one recipient more, one less, quarantine
 *   -w MS             wait so long at end of message
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "libmilter/mfapi.h"

#define EDITS_MAX 64
#define SEEN_MAX 64
#define SEEN_LENGTH 400

struct edit {
	char kind; /* a i c */
	int index;
	char *name;
	char *value;
};

static struct {
	bool replace_body, exact, seen, refuse_header, skip, progress, envelope;
	struct edit edits[EDITS_MAX];
	size_t edit_count;
	char *macro, *macro_list, *refuse, *verdict, *mix;
	long wait_ms;
} option;

struct session {
	unsigned char *body;
	size_t len;
	size_t room;
	char seen[SEEN_MAX][SEEN_LENGTH];
	size_t seen_count;
};

static struct session *
session(SMFICTX *ctx)
{
	struct session *s = smfi_getpriv(ctx);

	if (s == NULL) {
		s = calloc(1, sizeof *s);
		smfi_setpriv(ctx, s);
	}
	return s;
}

__attribute__((format(printf, 2, 3))) static void
note(SMFICTX *ctx, const char *format, ...)
{
	struct session *s = session(ctx);
	va_list args;

	if (s == NULL || s->seen_count == SEEN_MAX)
		return;
	va_start(args, format);
	vsnprintf(s->seen[s->seen_count++], SEEN_LENGTH, format, args);
	va_end(args);
}

static void
note_macro(SMFICTX *ctx, const char *stage)
{
	const char *value = option.macro != NULL ? smfi_getsymval(ctx, option.macro) : NULL;

	if (value != NULL)
		note(ctx, "X-Macro:%s=%s at=%s", option.macro, value, stage);
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long f2, unsigned long f3,
	unsigned long *wanted_actions, unsigned long *wanted_steps, unsigned long *p2, unsigned long *p3)
{
	(void)f2;
	(void)f3;
	if (option.macro_list != NULL)
		smfi_setsymlist(ctx, SMFIM_ENVFROM, option.macro_list);
	*wanted_actions = actions & (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGBODY | SMFIF_ADDRCPT | SMFIF_DELRCPT |
		SMFIF_CHGFROM | SMFIF_QUARANTINE | (option.macro_list != NULL ? SMFIF_SETSYMLIST : 0));
	*wanted_steps = steps & ((option.exact ? SMFIP_HDR_LEADSPC : 0) | (option.skip ? SMFIP_SKIP : 0));
	*p2 = 0;
	*p3 = 0;
	return SMFIS_CONTINUE;
}

static sfsistat
on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
	char text[INET6_ADDRSTRLEN] = "none";
	unsigned port = 0;

	if (address != NULL && address->sa_family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)address;

		inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
		port = ntohs(in->sin_port);
	}
	if (address != NULL && address->sa_family == AF_INET6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;

		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
		port = ntohs(in6->sin6_port);
	}
	if (option.seen)
		note(ctx, "X-Seen:connect %s %s %u", name, text, port);
	note_macro(ctx, "connect");
	return SMFIS_CONTINUE;
}

static sfsistat
on_helo(SMFICTX *ctx, char *name)
{
	if (option.seen)
		note(ctx, "X-Seen:helo %s", name);
	return SMFIS_CONTINUE;
}

static sfsistat
on_mail(SMFICTX *ctx, char **argv)
{
	if (option.seen)
		note(ctx, "X-Seen:mail %s %s", argv[0], argv[1] != NULL ? argv[1] : "");
	note_macro(ctx, "mail");
	return SMFIS_CONTINUE;
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **argv)
{
	if (option.seen)
		note(ctx, "X-Seen:rcpt %s", argv[0]);
	note_macro(ctx, "rcpt");
	if (option.refuse == NULL || strstr(argv[0], option.refuse) == NULL)
		return SMFIS_CONTINUE;
	smfi_setreply(ctx, "550", "5.7.1", "refused by the test");
	return SMFIS_REJECT;
}

static sfsistat
on_data(SMFICTX *ctx)
{
	note_macro(ctx, "data");
	return SMFIS_CONTINUE;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	if (option.seen)
		note(ctx, "X-Seen:field %s|%s", name, value);
	return option.refuse_header ? SMFIS_REJECT : SMFIS_CONTINUE;
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *chunk, size_t len)
{
	struct session *s = session(ctx);

	if (option.skip)
		return SMFIS_SKIP;
	if (s == NULL)
		return SMFIS_TEMPFAIL;
	if (s->room - s->len < len) {
		size_t room = (s->len + len) * 2;
		unsigned char *body = realloc(s->body, room);

		if (body == NULL)
			return SMFIS_TEMPFAIL;
		s->body = body;
		s->room = room;
	}
	memcpy(s->body + s->len, chunk, len);
	s->len += len;
	return SMFIS_CONTINUE;
}

static void
edit_header(SMFICTX *ctx)
{
	for (size_t i = 0; i < option.edit_count; i++) {
		struct edit *e = &option.edits[i];

		if (e->kind == 'a')
			smfi_addheader(ctx, e->name, e->value);
		else if (e->kind == 'i')
			smfi_insheader(ctx, e->index, e->name, e->value);
		else
			smfi_chgheader(ctx, e->name, e->index, e->value[0] != '\0' ? e->value : NULL);
	}
}

static void
edit_envelope(SMFICTX *ctx)
{
	smfi_chgfrom(ctx, "<new@sender.test>", "RET=HDRS");
	smfi_addrcpt(ctx, "<more@rcpt.test>");
	smfi_delrcpt(ctx, "<less@rcpt.test>");
	smfi_quarantine(ctx, "to be looked at");
}

static void
replace_mixed(SMFICTX *ctx, struct session *s)
{
	smfi_replacebody(ctx, s->body, (int)s->len);
	if (option.mix[0] == 'p')
		smfi_progress(ctx);
	else
		smfi_addheader(ctx, "X-Between", "yes");
	smfi_replacebody(ctx, s->body, (int)s->len);
}

static sfsistat
verdict(SMFICTX *ctx)
{
	const char *v = option.verdict != NULL ? option.verdict : "continue";

	if (strcmp(v, "accept") == 0)
		return SMFIS_ACCEPT;
	if (strcmp(v, "reject") == 0)
		return SMFIS_REJECT;
	if (strcmp(v, "tempfail") == 0)
		return SMFIS_TEMPFAIL;
	if (strcmp(v, "discard") == 0)
		return SMFIS_DISCARD;
	if (strcmp(v, "reply") == 0) {
		smfi_setreply(ctx, "451", "4.7.1", "not now, says the test");
		return SMFIS_TEMPFAIL;
	}
	return SMFIS_CONTINUE;
}

static void
forget(struct session *s)
{
	free(s->body);
	s->body = NULL;
	s->len = s->room = 0;
}

static sfsistat
on_eom(SMFICTX *ctx)
{
	struct session *s = session(ctx);

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	if (option.wait_ms > 0)
		nanosleep(&(struct timespec){option.wait_ms / 1000, option.wait_ms % 1000 * 1000000}, NULL);
	if (option.progress && (smfi_progress(ctx) != MI_SUCCESS || smfi_progress(ctx) != MI_SUCCESS))
		return SMFIS_TEMPFAIL;
	note_macro(ctx, "eom");
	for (size_t i = 0; i < s->seen_count; i++) {
		char *colon = strchr(s->seen[i], ':');

		*colon = '\0';
		smfi_addheader(ctx, s->seen[i], colon + 1);
	}
	s->seen_count = 0;
	edit_header(ctx);
	if (option.envelope)
		edit_envelope(ctx);
	if (option.mix != NULL)
		replace_mixed(ctx, s);
	if (option.replace_body && smfi_replacebody(ctx, s->body, (int)s->len) != MI_SUCCESS)
		return SMFIS_TEMPFAIL;
	forget(s);
	return verdict(ctx);
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	struct session *s = smfi_getpriv(ctx);

	if (s != NULL)
		forget(s);
	return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct session *s = smfi_getpriv(ctx);

	if (s != NULL)
		forget(s);
	free(s);
	smfi_setpriv(ctx, NULL);
	return SMFIS_CONTINUE;
}

/* "[N:]NAME:VALUE" */
static void
add_edit(char kind, char *text)
{
	struct edit *e = &option.edits[option.edit_count];

	if (option.edit_count == EDITS_MAX)
		exit(EX_USAGE);
	option.edit_count++;
	e->kind = kind;
	e->index = kind != 'a' ? (int)strtol(text, &text, 10) : 0;
	e->name = kind != 'a' ? text + 1 : text;
	e->value = strchr(e->name, ':');
	if (e->value == NULL)
		exit(EX_USAGE);
	*e->value++ = '\0';
}

static void
set_option(int c)
{
	switch (c) {
	case 'b': option.replace_body = true; break;
	case 'M': option.mix = optarg; break;
	case 'e': option.exact = true; break;
	case 'a':
	case 'i':
	case 'c': add_edit((char)c, optarg); break;
	case 'm': option.macro = optarg; break;
	case 'l': option.macro_list = optarg; break;
	case 'x': option.seen = true; break;
	case 'r': option.refuse = optarg; break;
	case 'v': option.verdict = optarg; break;
	case 'h': option.refuse_header = true; break;
	case 's': option.skip = true; break;
	case 'k': option.progress = true; break;
	case 'E': option.envelope = true; break;
	case 'w': option.wait_ms = atol(optarg); break;
	default: exit(EX_USAGE);
	}
}

int
main(int argc, char **argv)
{
	struct smfiDesc filter = {
		.xxfi_name = "echo-milter", .xxfi_version = SMFI_VERSION,
		.xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGBODY | SMFIF_ADDRCPT | SMFIF_DELRCPT |
			SMFIF_CHGFROM | SMFIF_QUARANTINE | SMFIF_SETSYMLIST,
		.xxfi_negotiate = on_negotiate, .xxfi_connect = on_connect, .xxfi_helo = on_helo,
		.xxfi_envfrom = on_mail, .xxfi_envrcpt = on_rcpt, .xxfi_data = on_data, .xxfi_header = on_header,
		.xxfi_body = on_body, .xxfi_eom = on_eom, .xxfi_abort = on_abort, .xxfi_close = on_close,
	};
	char *socket = NULL;
	int c;

	while ((c = getopt(argc, argv, "p:bM:ea:i:c:m:l:xr:v:hskEw:")) != -1) {
		if (c == 'p')
			socket = optarg;
		else
			set_option(c);
	}
	if (socket == NULL || smfi_setconn(socket) != MI_SUCCESS || smfi_register(filter) != MI_SUCCESS)
		return EX_USAGE;
	return smfi_main() == MI_SUCCESS ? EX_OK : EX_SOFTWARE;
}
