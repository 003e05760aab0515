#include "base/deadline.h"
#include "fetch/resolve.h"
#include "fetch/transport.h"

#include <ldap.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define AROUND_MAX (64 * 1024) /* octets of an answer besides the value */
#define URI_SIZE (RESOLVE_TEXT_SIZE + URL_PORT_SIZE + 8)

/* One search at one address. */
struct search {
	const struct fetch_job *job;
	LDAPURLDesc *url;
	char *attributes[2]; /* where the URL names none */
	LDAP *ld;
	int id;
	struct fetch_reply *reply;
	bool found;
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory to fetch it");
}

static enum answer
too_late(struct error *err)
{
	return error_cant_tell(err, "timeout", "no whole answer came in time");
}

static enum answer
too_large(const struct search *s, struct error *err)
{
	return error_no(err, "too-large", "it is too large: the limit is %llu octets",
		(unsigned long long)s->job->request->size_limit);
}

/* ---- the URL ------------------------------------------------------------------ */

/* RFC 5280 4.2.1.13: one entry, and its attribute. */
static enum answer
check_url(const LDAPURLDesc *url, const struct fetch_request *request, struct error *err)
{
	if (url->lud_scope != LDAP_SCOPE_DEFAULT && url->lud_scope != LDAP_SCOPE_BASE)
		return error_no(err, "url", "the URL asks for more than one entry");
	if (url->lud_crit_exts > 0)
		return error_no(err, "url", "the URL has an extension that is critical");
	if (request->attribute == NULL && (url->lud_attrs == NULL || url->lud_attrs[0] == NULL))
		return error_no(err, "url", "the URL names no attribute");
	return ANSWER_YES;
}

static char **
wanted(struct search *s)
{
	if (s->url->lud_attrs != NULL && s->url->lud_attrs[0] != NULL)
		return s->url->lud_attrs;
	s->attributes[0] = (char *)s->job->request->attribute;
	return s->attributes;
}

/* The name without its options: ;binary comes back or not, as a server likes (RFC 4522). */
static struct slice
base_name(const char *attribute)
{
	struct slice name = slice_str(attribute);

	return slice_sub(name, 0, slice_find(name, ';', 0));
}

/* ---- the answer --------------------------------------------------------------- */

static enum answer
failed(struct search *s, const char *step, int rc, struct error *err)
{
	switch (rc) {
	case LDAP_NO_MEMORY:
		return no_memory(err);
	case LDAP_TIMEOUT:
	case LDAP_TIMELIMIT_EXCEEDED:
		return too_late(err);
	case LDAP_FILTER_ERROR:
	case LDAP_INVALID_DN_SYNTAX:
		return error_no(err, "url", "%s: %s", step, ldap_err2string(rc));
	case LDAP_REFERRAL:
		return error_no(err, "redirect", "the server refers to another one, which is not followed");
	case LDAP_NO_SUCH_OBJECT:
	case LDAP_NO_SUCH_ATTRIBUTE:
	case LDAP_UNDEFINED_TYPE:
	case LDAP_INSUFFICIENT_ACCESS:
		return error_no(err, "not-found", "the server has none: %s", ldap_err2string(rc));
	default:
		return deadline_left(&s->job->deadline) == 0 ? too_late(err) :
			error_cant_tell(err, "network", "%s: %s", step, ldap_err2string(rc));
	}
}

static enum answer
take_value(struct search *s, const struct berval *value, struct error *err)
{
	if (value->bv_len > s->job->request->size_limit)
		return too_large(s, err);
	buf_add(&s->reply->body, value->bv_val, value->bv_len);
	s->found = true;
	return buf_failed(&s->reply->body) ? no_memory(err) : ANSWER_YES;
}

/* The first value of the first attribute that was asked for. Values stay in the message. */
static enum answer
read_entry(struct search *s, LDAPMessage *entry, struct error *err)
{
	struct berval name, *values = NULL;
	enum answer answer = ANSWER_YES;
	BerElement *at = NULL;

	if (ldap_get_dn_ber(s->ld, entry, &at, &name) != LDAP_SUCCESS)
		return error_cant_tell(err, "network", "the answer is no LDAP");
	while (!s->found && answer == ANSWER_YES &&
	    ldap_get_attribute_ber(s->ld, entry, at, &name, &values) == LDAP_SUCCESS && name.bv_val != NULL) {
		for (char **a = wanted(s); *a != NULL && !s->found; a++)
			if (values != NULL && values[0].bv_val != NULL && slice_eq_nocase(base_name(*a), base_name(name.bv_val)))
				answer = take_value(s, &values[0], err);
		ber_memfree(values);
		values = NULL;
	}
	ber_free(at, 0);
	return answer;
}

static enum answer
read_final(struct search *s, LDAPMessage *message, struct error *err)
{
	int rc = LDAP_OTHER;

	if (ldap_parse_result(s->ld, message, &rc, NULL, NULL, NULL, NULL, 0) != LDAP_SUCCESS)
		rc = LDAP_DECODING_ERROR;
	if (rc != LDAP_SUCCESS && rc != LDAP_SIZELIMIT_EXCEEDED)
		return failed(s, "search", rc, err);
	return error_no(err, "not-found", "the server has no such attribute there");
}

static enum answer
read_answers(struct search *s, struct error *err)
{
	for (;;) {
		struct timeval left = deadline_timeval(&s->job->deadline);
		LDAPMessage *message = NULL;
		enum answer answer = ANSWER_YES;
		int kind, rc = LDAP_OTHER;

		if (deadline_left(&s->job->deadline) == 0)
			return too_late(err);
		errno = 0;
		kind = ldap_result(s->ld, s->id, LDAP_MSG_ONE, &left, &message);
		if (kind == 0)
			return too_late(err);
		if (kind < 0) {
			if (errno == ERANGE) /* liblber's word for a message past the limit */
				return too_large(s, err);
			ldap_get_option(s->ld, LDAP_OPT_RESULT_CODE, &rc);
			return failed(s, "search", rc, err);
		}
		if (kind == LDAP_RES_SEARCH_ENTRY)
			answer = read_entry(s, message, err);
		else if (kind == LDAP_RES_SEARCH_RESULT)
			answer = read_final(s, message, err);
		ldap_msgfree(message);
		if (answer != ANSWER_YES || s->found)
			return answer;
	}
}

/* ---- asking ------------------------------------------------------------------- */

static bool
set(LDAP *ld, int option, const void *value)
{
	return ldap_set_option(ld, option, value) == LDAP_OPT_SUCCESS;
}

static bool
set_options(struct search *s, const struct timespec *connect_until)
{
	struct timeval connect = deadline_timeval(connect_until), all = deadline_timeval(&s->job->deadline);
	ber_len_t most = s->job->request->size_limit + AROUND_MAX;
	int version = LDAP_VERSION3, never = LDAP_DEREF_NEVER;
	Sockbuf *sb = NULL;

	return set(s->ld, LDAP_OPT_PROTOCOL_VERSION, &version) &&
		set(s->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) &&
		set(s->ld, LDAP_OPT_DEREF, &never) &&
		set(s->ld, LDAP_OPT_NETWORK_TIMEOUT, &connect) &&
		set(s->ld, LDAP_OPT_TIMEOUT, &all) &&
		ldap_get_option(s->ld, LDAP_OPT_SOCKBUF, &sb) == LDAP_OPT_SUCCESS &&
		ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &most) == 1;
}

/* libldap waits for the rest of an answer without end, unless the socket does not wait. */
static bool
stop_waiting(struct search *s)
{
	Sockbuf *sb = NULL;
	char yes;

	return ldap_get_option(s->ld, LDAP_OPT_SOCKBUF, &sb) == LDAP_OPT_SUCCESS &&
		ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_NONBLOCK, &yes) >= 0;
}

static enum answer
search(struct search *s, const struct timespec *connect_until, struct error *err)
{
	struct timeval left;
	int rc;

	if (!set_options(s, connect_until))
		return no_memory(err);
	left = deadline_timeval(&s->job->deadline);
	left.tv_sec++; /* the server's own limit is in whole seconds and is not to cut ours */
	rc = ldap_search_ext(s->ld, s->url->lud_dn != NULL ? s->url->lud_dn : "", LDAP_SCOPE_BASE,
		s->url->lud_filter != NULL ? s->url->lud_filter : "(objectClass=*)", wanted(s), 0, NULL, NULL, &left, 1, &s->id);
	if (rc != LDAP_SUCCESS)
		return failed(s, "connect", rc, err);
	return stop_waiting(s) ? read_answers(s, err) : no_memory(err);
}

/* libldap is given an address and not the name: its connect callback speaks only when the
 * connection is there already. */
static enum answer
ask(struct search *s, const struct resolve_address *address, const struct timespec *connect_until, struct error *err)
{
	char uri[URI_SIZE], text[RESOLVE_TEXT_SIZE];
	enum answer answer;

	if (!fetch_address_permitted((const struct sockaddr *)&address->address, &s->job->config->fetch_networks))
		return error_no(err, "address", "it leads to an address that is neither public nor in fetch-networks");
	resolve_text(address, text);
	snprintf(uri, sizeof uri, "ldap://%s:%s", text, s->job->url.port);
	if (ldap_initialize(&s->ld, uri) != LDAP_SUCCESS)
		return no_memory(err);
	answer = search(s, connect_until, err);
	ldap_unbind_ext(s->ld, NULL, NULL);
	return answer;
}

/* The first that says anything is the one that is believed. */
static enum answer
ask_each(struct search *s, struct error *err)
{
	struct resolve_found found;
	enum answer answer = resolve_host(&s->job->url, &s->job->deadline, &found, err);
	struct error why = ERROR_NONE;
	bool asked = false;

	if (answer != ANSWER_YES)
		return answer;
	for (size_t i = 0; i < found.count; i++) {
		struct timespec until = deadline_share(&s->job->deadline, found.count - i);

		answer = ask(s, &found.item[i], &until, &why);
		if (answer == ANSWER_YES)
			return answer;
		if (answer == ANSWER_NO && strcmp(why.code, "address") != 0) {
			*err = why;
			return answer;
		}
		/* A refusal speaks only where none was permitted. */
		if (answer == ANSWER_CANT_TELL || !asked)
			*err = why;
		asked = asked || answer == ANSWER_CANT_TELL;
	}
	return asked ? ANSWER_CANT_TELL : ANSWER_NO;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
first_use(void)
{
	LDAP *ld = NULL;

	if (ldap_initialize(&ld, NULL) == LDAP_SUCCESS)
		ldap_unbind_ext(ld, NULL, NULL);
}

void
fetch_prepare_ldap(void)
{
	pthread_once(&once, first_use);
}

enum answer
ldap_get(const struct fetch_job *job, struct fetch_reply *reply, struct error *err)
{
	struct search s = {.job = job, .reply = reply};
	enum answer answer;

	fetch_prepare_ldap();
	if (ldap_url_parse(job->request->url, &s.url) != LDAP_URL_SUCCESS)
		return error_no(err, "url", "the URL is none of LDAP");
	answer = check_url(s.url, job->request, err);
	if (answer == ANSWER_YES)
		answer = ask_each(&s, err);
	ldap_free_urldesc(s.url);
	return answer;
}
