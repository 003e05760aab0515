#include "directory/connection.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/deadline.h"

#include <ldap.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define FAREWELL_MS 50 /* for telling a server that may not listen */

struct connection {
	LDAP *ld;
	const struct connection_settings *settings;
	char *uri;
	struct timespec until; /* no octet is waited for any longer */
	bool late;             /* it was, in vain */
};

/* ---- reasons ------------------------------------------------------------- */

static int
last_error(struct connection *c)
{
	int rc = LDAP_OTHER;

	ldap_get_option(c->ld, LDAP_OPT_RESULT_CODE, &rc);
	return rc;
}

static enum answer
too_late(struct connection *c, const char *step, struct error *err)
{
	return error_cant_tell(err, "ldap-timeout", "%s: %s: no answer in time", c->uri, step);
}

/* All that libldap with GnuTLS has to say of a certificate that it refuses. */
#define REFUSED_CERTIFICATE "(unknown error code)"

static enum answer
failed(struct connection *c, const char *step, int rc, struct error *err)
{
	char *detail = NULL;
	const char *words;

	if (c->late)
		return too_late(c, step, err);
	ldap_get_option(c->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &detail);
	words = detail == NULL ? "" : strcmp(detail, REFUSED_CERTIFICATE) != 0 ? detail :
		"the server's certificate is refused: it does not lead to ca-file, is out of date, or names another host";
	error_cant_tell(err, "ldap", "%s: %s: %s%s%s", c->uri, step, ldap_err2string(rc), *words != '\0' ? ": " : "", words);
	ldap_memfree(detail);
	return ANSWER_CANT_TELL;
}

/* ---- octets in time ------------------------------------------------------ */

/* libldap waits for a readable socket in time, but for the rest of an answer
 * without end, and with GnuTLS it shakes hands in a loop that no timeout ends.
 * So a layer of ours lies under TLS, and reads and writes only until a moment. */
#define LAYER_LEVEL ((LBER_SBIOD_LEVEL_PROVIDER + LBER_SBIOD_LEVEL_TRANSPORT) / 2)

static int
layer_setup(Sockbuf_IO_Desc *layer, void *arg)
{
	layer->sbiod_pvt = arg;
	return 0;
}

static bool
wait_socket(Sockbuf_IO_Desc *layer, short events)
{
	struct connection *c = layer->sbiod_pvt;
	struct pollfd p = {.fd = -1, .events = events};
	int rc;

	ber_sockbuf_ctrl(layer->sbiod_sb, LBER_SB_OPT_GET_FD, &p.fd);
	do
		rc = poll(&p, 1, (int)deadline_left(&c->until));
	while (rc < 0 && errno == EINTR);
	if (rc > 0)
		return true;
	c->late = true;
	errno = ETIMEDOUT; /* EAGAIN would be tried again */
	return false;
}

static ber_slen_t
layer_read(Sockbuf_IO_Desc *layer, void *data, ber_len_t len)
{
	return wait_socket(layer, POLLIN) ? LBER_SBIOD_READ_NEXT(layer, data, len) : -1;
}

static ber_slen_t
layer_write(Sockbuf_IO_Desc *layer, void *data, ber_len_t len)
{
	return wait_socket(layer, POLLOUT) ? LBER_SBIOD_WRITE_NEXT(layer, data, len) : -1;
}

static int
layer_ctrl(Sockbuf_IO_Desc *layer, int option, void *arg)
{
	return LBER_SBIOD_CTRL_NEXT(layer, option, arg);
}

static Sockbuf_IO bounded_layer = {
	.sbi_setup = layer_setup,
	.sbi_read = layer_read,
	.sbi_write = layer_write,
	.sbi_ctrl = layer_ctrl,
};

/* ---- opening ------------------------------------------------------------- */

static enum answer
read_password(const char *path, struct buf *password, struct error *err)
{
	enum answer answer = file_read(path, FILE_SHARED_SECRET, password, err);

	if (answer != ANSWER_YES)
		return answer;
	if (password->len > 0 && password->data[password->len - 1] == '\n')
		password->len--;
	if (password->len > 0 && password->data[password->len - 1] == '\r')
		password->len--;
	/* A simple bind without a password succeeds as nobody (RFC 4513 5.1.2). */
	if (password->len == 0)
		return error_no(err, "file", "%s is empty", path);
	return ANSWER_YES;
}

static bool
set(LDAP *ld, int option, const void *value)
{
	return ldap_set_option(ld, option, value) == LDAP_OPT_SUCCESS;
}

static bool
set_int(LDAP *ld, int option, int value)
{
	return set(ld, option, &value);
}

/* The new context comes last: it takes over what was set before it. */
static bool
set_tls_options(LDAP *ld, const struct connection_settings *s)
{
	if (s->ca_file != NULL && !set(ld, LDAP_OPT_X_TLS_CACERTFILE, s->ca_file))
		return false;
	return set_int(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, LDAP_OPT_X_TLS_DEMAND) &&
		set_int(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, LDAP_OPT_X_TLS_PROTOCOL_TLS1_2) &&
		set_int(ld, LDAP_OPT_X_TLS_NEWCTX, 0);
}

/* What libldap does within one call of its own: connecting, and TLS. */
static bool
bound_network(struct connection *c, const struct timespec *deadline)
{
	struct timeval left = deadline_timeval(deadline);

	c->until = *deadline;
	return deadline_left(deadline) > 0 && set(c->ld, LDAP_OPT_NETWORK_TIMEOUT, &left) &&
		set(c->ld, LDAP_OPT_TIMEOUT, &left);
}

static bool
set_options(struct connection *c)
{
	ber_len_t most = CONNECTION_ANSWER_MAX;
	Sockbuf *sb = NULL;

	return set_int(c->ld, LDAP_OPT_PROTOCOL_VERSION, LDAP_VERSION3) &&
		set(c->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) &&
		set_int(c->ld, LDAP_OPT_DEREF, LDAP_DEREF_NEVER) &&
		ldap_get_option(c->ld, LDAP_OPT_SOCKBUF, &sb) == LDAP_OPT_SUCCESS &&
		ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &most) == 1 &&
		ber_sockbuf_add_io(sb, &bounded_layer, LAYER_LEVEL, c) == 0;
}

/* Waits for the one answer to a request that is not a search. */
static enum answer
wait_result(struct connection *c, const char *step, int id, const struct timespec *deadline, struct error *err)
{
	struct timeval left = deadline_timeval(deadline);
	LDAPMessage *message = NULL;
	int rc, kind;

	c->until = *deadline;
	kind = ldap_result(c->ld, id, LDAP_MSG_ALL, &left, &message);
	if (kind == 0)
		return too_late(c, step, err);
	if (kind < 0)
		return failed(c, step, last_error(c), err);
	if (ldap_parse_result(c->ld, message, &rc, NULL, NULL, NULL, NULL, 1) != LDAP_SUCCESS)
		rc = last_error(c);
	return rc == LDAP_SUCCESS ? ANSWER_YES : failed(c, step, rc, err);
}

static enum answer
start_tls(struct connection *c, const struct timespec *deadline, struct error *err)
{
	enum answer answer;
	int id, rc;

	rc = ldap_start_tls(c->ld, NULL, NULL, &id);
	if (rc != LDAP_SUCCESS)
		return failed(c, "connect", rc, err);
	answer = wait_result(c, "StartTLS", id, deadline, err);
	if (answer != ANSWER_YES)
		return answer;
	if (!bound_network(c, deadline))
		return too_late(c, "StartTLS", err);
	rc = ldap_install_tls(c->ld);
	return rc == LDAP_SUCCESS ? ANSWER_YES : failed(c, "TLS", rc, err);
}

static enum answer
bind_simple(struct connection *c, const struct timespec *connected_by, const struct timespec *deadline,
	struct error *err)
{
	const char *dn = c->settings->bind_dn == NULL ? "" : c->settings->bind_dn;
	struct berval credentials = {.bv_len = 0, .bv_val = NULL};
	enum answer answer = ANSWER_YES;
	struct buf password;
	int id, rc;

	buf_init(&password, CONNECTION_PASSWORD_MAX);
	if (c->settings->password_file != NULL) {
		if (read_password(c->settings->password_file, &password, err) != ANSWER_YES) {
			answer = ANSWER_CANT_TELL;
			goto out;
		}
		credentials = (struct berval){.bv_len = password.len, .bv_val = (char *)password.data};
	}
	if (!bound_network(c, connected_by)) {
		answer = too_late(c, "connect", err);
		goto out;
	}
	/* Without StartTLS this is the first request, which connects. */
	rc = ldap_sasl_bind(c->ld, dn, LDAP_SASL_SIMPLE, &credentials, NULL, NULL, &id);
	if (rc != LDAP_SUCCESS)
		answer = failed(c, "connect", rc, err);
	else
		answer = wait_result(c, "bind", id, deadline, err);
out:
	buf_wipe(&password);
	if (answer != ANSWER_YES && err != NULL)
		err->answer = ANSWER_CANT_TELL;
	return answer;
}

static enum answer
set_up(struct connection *c, const struct timespec *deadline, struct error *err)
{
	struct timespec network = deadline_earlier(*deadline, deadline_in(c->settings->network_timeout * 1000L));
	struct timespec operation;
	enum answer answer;

	if (!set_options(c) || !set_tls_options(c->ld, c->settings))
		return error_cant_tell(err, "tls", "%s: TLS cannot be set up%s%s", c->uri,
			c->settings->ca_file != NULL ? " with ca-file " : "",
			c->settings->ca_file != NULL ? c->settings->ca_file : "");
	if (!bound_network(c, &network))
		return too_late(c, "connect", err);
	if (c->settings->start_tls) {
		answer = start_tls(c, &network, err);
		if (answer != ANSWER_YES)
			return answer;
	}
	operation = deadline_earlier(*deadline,
		deadline_in((c->settings->network_timeout + c->settings->operation_timeout) * 1000L));
	return bind_simple(c, &network, &operation, err);
}

enum answer
connection_open(const struct connection_settings *settings, const char *uri, const struct timespec *deadline,
	struct connection **c, struct error *err)
{
	struct connection *made = calloc(1, sizeof *made);
	enum answer answer;

	*c = NULL;
	if (made == NULL || (made->uri = strdup(uri)) == NULL) {
		free(made);
		return error_cant_tell(err, "memory", "no memory for a connection");
	}
	made->settings = settings;
	if (ldap_initialize(&made->ld, uri) != LDAP_SUCCESS)
		answer = error_cant_tell(err, "ldap", "%s: not a server's address", uri);
	else
		answer = set_up(made, deadline, err);
	if (answer != ANSWER_YES) {
		connection_close(made);
		return answer;
	}
	*c = made;
	return ANSWER_YES;
}

void
connection_close(struct connection *c)
{
	if (c == NULL)
		return;
	c->until = deadline_in(FAREWELL_MS);
	if (c->ld != NULL)
		ldap_unbind_ext(c->ld, NULL, NULL);
	free(c->uri);
	free(c);
}

/* ---- searching ----------------------------------------------------------- */

static void
read_name(struct connection *c, LDAPMessage *entry, const struct connection_sink *sink)
{
	char *name = ldap_get_dn(c->ld, entry);

	sink->entry(sink->arg, name == NULL ? "" : name);
	ldap_memfree(name);
}

static void
read_attribute(struct connection *c, LDAPMessage *entry, const char *name, const struct connection_sink *sink)
{
	struct berval **values = ldap_get_values_len(c->ld, entry, name);

	for (size_t i = 0; values != NULL && values[i] != NULL; i++)
		sink->value(sink->arg, name, slice_of(values[i]->bv_val, values[i]->bv_len));
	ldap_value_free_len(values);
}

static void
read_entry(struct connection *c, LDAPMessage *entry, const struct connection_sink *sink)
{
	BerElement *at = NULL;
	char *name;

	if (sink->entry != NULL)
		read_name(c, entry, sink);
	name = ldap_first_attribute(c->ld, entry, &at);
	while (name != NULL) {
		read_attribute(c, entry, name, sink);
		ldap_memfree(name);
		name = ldap_next_attribute(c->ld, entry, at);
	}
	ber_free(at, 0);
}

static bool
is_absent(int rc)
{
	return rc == LDAP_NO_SUCH_OBJECT || rc == LDAP_INVALID_DN_SYNTAX || rc == LDAP_REFERRAL;
}

static enum answer
read_final(struct connection *c, const struct connection_search *search, LDAPMessage *message,
	struct connection_found *found, struct error *err)
{
	int rc;

	if (ldap_parse_result(c->ld, message, &rc, NULL, NULL, NULL, NULL, 0) != LDAP_SUCCESS)
		rc = last_error(c);
	if (rc == LDAP_SIZELIMIT_EXCEEDED) {
		found->left_out = true;
		return ANSWER_YES;
	}
	if (search->absent_is_none && is_absent(rc))
		return ANSWER_YES;
	/* Also where the base does not exist: whoever asks at a wrong place is not
	 * told "none". */
	return rc == LDAP_SUCCESS ? ANSWER_YES : failed(c, "search", rc, err);
}

static bool
is_stale(int rc)
{
	return rc == LDAP_SERVER_DOWN || rc == LDAP_CONNECT_ERROR || rc == LDAP_UNAVAILABLE;
}

/* One entry at a time, so that what a server sends is never all in memory. */
static enum answer
read_answers(struct connection *c, const struct connection_search *search, int id, const struct timespec *deadline,
	const struct connection_sink *sink, struct connection_found *found, bool *stale, struct error *err)
{
	for (;;) {
		struct timeval left = deadline_timeval(deadline);
		LDAPMessage *message = NULL;
		enum answer answer;
		int kind;

		/* A server may have entries without end, each in time. */
		if (deadline_left(deadline) == 0)
			return too_late(c, "search", err);
		kind = ldap_result(c->ld, id, LDAP_MSG_ONE, &left, &message);
		if (kind == 0)
			return too_late(c, "search", err);
		if (kind < 0) {
			*stale = !c->late && is_stale(last_error(c)) && found->entries == 0;
			return failed(c, "search", last_error(c), err);
		}
		if (kind == LDAP_RES_SEARCH_RESULT) {
			answer = read_final(c, search, message, found, err);
			ldap_msgfree(message);
			return answer;
		}
		/* Active Directory adds references to every answer; they are not followed. */
		if (kind == LDAP_RES_SEARCH_ENTRY && found->entries < CONNECTION_ENTRIES_MAX) {
			found->entries++;
			read_entry(c, message, sink);
		} else if (kind == LDAP_RES_SEARCH_ENTRY) {
			found->left_out = true;
		}
		ldap_msgfree(message);
	}
}

enum answer
connection_search(struct connection *c, const struct connection_search *search, const struct timespec *deadline,
	const struct connection_sink *sink, struct connection_found *found, bool *stale, struct error *err)
{
	struct timespec until = deadline_earlier(*deadline, deadline_in(c->settings->operation_timeout * 1000L));
	struct timeval left = deadline_timeval(&until);
	int id, rc;

	*found = (struct connection_found){.entries = 0};
	*stale = false;
	if (deadline_left(&until) == 0)
		return too_late(c, "search", err);
	c->until = until;
	left.tv_sec++; /* the server's own limit is in whole seconds and is not to cut ours */
	rc = ldap_search_ext(c->ld, search->base, search->base_only ? LDAP_SCOPE_BASE : LDAP_SCOPE_SUBTREE,
		search->filter, (char **)search->attributes, 0, NULL, NULL, &left, search->size_limit, &id);
	if (rc != LDAP_SUCCESS) {
		*stale = !c->late && is_stale(rc);
		return failed(c, "search", rc, err);
	}
	return read_answers(c, search, id, &until, sink, found, stale, err);
}
