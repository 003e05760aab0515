#include "directory/backend.h"
#include "base/deadline.h"
#include "directory/directory.h"
#include "directory/filter.h"
#include "directory/pool.h"
#include "directory/servers.h"

#include <stdlib.h>
#include <string.h>

#define MARGIN_MAX 200 /* ms before the caller's deadline that a worker is to be ready */
#define MARGIN_PARTS 20

struct ldap_directory {
	struct pool *pool; /* owns servers */
	struct servers *servers;
	char *filter;
};

/* One search as a job. It owns what it names, as the pool may run it when the
 * caller has gone. */
struct ldap_job {
	struct pool_job job; /* first */
	struct connection_search search;
	char *filter;
	char *base;        /* NULL: search has the directory's */
	char **attributes; /* so too; ends with NULL */
	struct servers_sink sink;
	struct timespec deadline;
	/* the answer */
	enum answer answer;
	struct connection_found found;
	struct found *certificates; /* NULL: entries are wanted */
	struct entries *entries;
	struct error err;
};

/* ---- in the worker ------------------------------------------------------- */

/* The name without its options: `;binary` comes back or not, as a server likes. */
static struct slice
base_name(const char *attribute)
{
	struct slice name = slice_str(attribute);

	return slice_sub(name, 0, slice_find(name, ';', 0));
}

static bool
is_wanted(char *const *attributes, const char *attribute)
{
	for (size_t i = 0; attributes[i] != NULL; i++)
		if (slice_eq_nocase(base_name(attributes[i]), base_name(attribute)))
			return true;
	return false;
}

static void
add_value(void *arg, const char *attribute, struct slice value)
{
	struct ldap_job *job = arg;

	if (!is_wanted(job->search.attributes, attribute))
		return;
	if (slice_eq_str_nocase(base_name(attribute), "userSMIMECertificate"))
		found_add_signed_data(job->certificates, value);
	else
		found_add_der(job->certificates, value);
}

static void
forget_values(void *arg)
{
	struct ldap_job *job = arg;

	found_clear(job->certificates);
}

static void
add_entry(void *arg, const char *name)
{
	struct ldap_job *job = arg;

	entries_add(job->entries, name);
}

static void
add_entry_value(void *arg, const char *attribute, struct slice value)
{
	struct ldap_job *job = arg;

	entries_add_value(job->entries, attribute, value);
}

static void
forget_entries(void *arg)
{
	struct ldap_job *job = arg;

	entries_clear(job->entries);
}

static void
job_run(struct pool_job *pool_job, void *worker, void *shared)
{
	struct ldap_job *job = (struct ldap_job *)pool_job;

	job->answer = servers_search(shared, worker, &job->search, &job->deadline, &job->sink, &job->found, &job->err);
	if (job->found.left_out && job->certificates != NULL)
		job->certificates->left_out = true;
}

static void
job_free(struct pool_job *pool_job)
{
	struct ldap_job *job = (struct ldap_job *)pool_job;

	found_unref(job->certificates);
	entries_free(job->entries);
	for (size_t i = 0; job->attributes != NULL && job->attributes[i] != NULL; i++)
		free(job->attributes[i]);
	free(job->attributes);
	free(job->base);
	free(job->filter);
	free(job);
}

static void
worker_idle(void *worker)
{
	servers_disconnect(worker);
}

static void
shared_free(void *shared)
{
	servers_free(shared);
}

static const struct pool_kind ldap_pool = {
	.worker_size = sizeof(struct servers_worker),
	.idle = worker_idle,
	.free_shared = shared_free,
};

/* ---- in the caller ------------------------------------------------------- */

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory for an LDAP search");
}

static enum answer
ldap_open(const struct config_directory *config, void **state, struct error *err)
{
	struct ldap_directory *d;
	enum answer answer;

	answer = filter_check(config->filter, "sud", err);
	if (answer != ANSWER_YES) {
		error_prefix(err, "directory %s", config->name);
		return answer;
	}
	d = calloc(1, sizeof *d);
	if (d == NULL || (d->filter = strdup(config->filter)) == NULL) {
		free(d);
		return no_memory(err);
	}
	answer = servers_new(config, &d->servers, err);
	if (answer == ANSWER_YES) {
		d->pool = pool_new(&ldap_pool, config->connections, d->servers);
		if (d->pool == NULL)
			answer = no_memory(err);
	}
	if (answer != ANSWER_YES) {
		free(d->filter);
		free(d);
		return answer;
	}
	*state = d;
	return ANSWER_YES;
}

static void
ldap_close(void *state)
{
	struct ldap_directory *d = state;

	pool_free(d->pool);
	free(d->filter);
	free(d);
}

/* A worker that gives up by itself can say which server did not answer. */
static struct timespec
worker_deadline(const struct timespec *deadline)
{
	long left = deadline_left(deadline);
	long margin = left / MARGIN_PARTS;

	return deadline_in(left - (margin < MARGIN_MAX ? margin : MARGIN_MAX));
}

/* YES: job is to be freed by the caller; else it has been. */
static enum answer
run_job(struct ldap_directory *d, struct ldap_job *job, const struct timespec *deadline, struct error *err)
{
	enum answer answer;

	job->job.run = job_run;
	job->job.free = job_free;
	job->search.filter = job->filter;
	job->sink.found.arg = job;
	job->deadline = worker_deadline(deadline);
	if (!pool_run(d->pool, &job->job, deadline))
		return error_cant_tell(err, "ldap-timeout", "no answer of the directory before the deadline");
	answer = job->answer;
	if (answer != ANSWER_YES) {
		if (err != NULL)
			*err = job->err;
		job_free(&job->job);
	}
	return answer;
}

/* For certificates. filter is taken over. YES: *done is to be freed by the caller. */
static enum answer
run(struct ldap_directory *d, struct connection_search search, char *filter, const struct timespec *deadline,
	struct ldap_job **done, struct error *err)
{
	struct ldap_job *job = calloc(1, sizeof *job);

	if (job == NULL || filter == NULL || (job->certificates = found_new()) == NULL) {
		free(job);
		free(filter);
		return no_memory(err);
	}
	job->filter = filter;
	job->search = search;
	job->sink = (struct servers_sink){.found = {.value = add_value}, .forget = forget_values};
	*done = job;
	return run_job(d, job, deadline, err);
}

static bool
add_address_filter(const char *template, struct slice login, struct slice text, struct buf *out)
{
	struct address address;
	struct filter_value values[] = {
		{.letter = 's', .value = text},
		{.letter = 'l', .value = login},
		{.letter = 'u', .value = SLICE_NONE},
		{.letter = 'd', .value = SLICE_NONE},
	};

	if (address_parse(text, &address)) {
		values[2].value = address.local;
		values[3].value = address.domain;
	}
	return filter_expand(template, values, sizeof values / sizeof *values, out);
}

/* Directories hold an internationalised domain as it is written or as A-labels:
 * both are asked for at once where they differ. The text is the caller's. */
static char *
address_filter(const char *template, struct slice login, struct slice address)
{
	struct slice text = address_strip_brackets(address);
	char *key = address_key(address);
	bool differ = key != NULL && !slice_eq_str_nocase(text, key), complete;
	struct buf out;
	char *made;

	buf_init(&out, FILTER_MAX);
	buf_add_str(&out, differ ? "(|" : "");
	complete = add_address_filter(template, login, text, &out) &&
		(!differ || add_address_filter(template, login, slice_str(key), &out));
	buf_add_str(&out, differ ? ")" : "");
	made = complete && !buf_failed(&out) ? slice_dup(buf_slice(&out)) : NULL;
	buf_free(&out);
	free(key);
	return made;
}

static enum answer
ldap_find(void *state, struct slice address, const struct timespec *deadline, struct found **found,
	struct error *err)
{
	struct ldap_directory *d = state;
	struct connection_search search = {
		.base = servers_base(d->servers),
		.attributes = servers_attributes(d->servers),
		.size_limit = DIRECTORY_CERTIFICATES_MAX,
	};
	struct ldap_job *job;
	enum answer answer;

	*found = NULL;
	answer = run(d, search, address_filter(d->filter, SLICE_NONE, address), deadline, &job, err);
	if (answer != ANSWER_YES)
		return answer;
	if (job->certificates->out_of_memory)
		answer = no_memory(err);
	else
		*found = found_ref(job->certificates);
	job_free(&job->job);
	return answer;
}

static char *no_attributes[] = {"1.1", NULL}; /* RFC 4511 4.5.1.8 */

static enum answer
ldap_probe(void *state, const struct timespec *deadline, struct error *err)
{
	struct ldap_directory *d = state;
	struct connection_search search = {
		.base = servers_base(d->servers),
		.base_only = true,
		.attributes = no_attributes,
		.size_limit = 1,
	};
	struct ldap_job *job;
	enum answer answer;

	answer = run(d, search, strdup("(objectClass=*)"), deadline, &job, err);
	if (answer == ANSWER_YES)
		job_free(&job->job);
	return answer;
}

enum answer
ldap_login_matches(void *state, const char *filter, struct slice login, struct slice address,
	const struct timespec *deadline, struct error *err)
{
	struct ldap_directory *d = state;
	struct connection_search search = {
		.base = servers_base(d->servers),
		.attributes = no_attributes,
		.size_limit = 1,
	};
	struct ldap_job *job;
	enum answer answer;

	answer = run(d, search, address_filter(filter, login, address), deadline, &job, err);
	if (answer != ANSWER_YES)
		return answer;
	if (job->found.entries == 0)
		answer = error_no(err, "login", "the directory has no entry that lets this login use the address");
	job_free(&job->job);
	return answer;
}

/* ---- entries as they are ------------------------------------------------- */

static char **
copy_strings(const char *const *from)
{
	size_t count = 0;
	char **to;

	while (from[count] != NULL)
		count++;
	to = calloc(count + 1, sizeof *to);
	for (size_t i = 0; to != NULL && i < count; i++) {
		to[i] = strdup(from[i]);
		if (to[i] != NULL)
			continue;
		while (i-- > 0)
			free(to[i]);
		free(to);
		return NULL;
	}
	return to;
}

static struct ldap_job *
entries_job(const struct ldap_directory *d, const struct directory_search *search)
{
	struct ldap_job *job = calloc(1, sizeof *job);

	if (job == NULL)
		return NULL;
	job->filter = strdup(search->filter);
	job->base = search->base == NULL ? NULL : strdup(search->base);
	job->attributes = copy_strings(search->attributes);
	job->entries = entries_new(search->entries_max);
	if (job->filter == NULL || (job->base == NULL && search->base != NULL) || job->attributes == NULL ||
	    job->entries == NULL) {
		job_free(&job->job);
		return NULL;
	}
	job->search = (struct connection_search){
		.base = job->base == NULL ? servers_base(d->servers) : job->base,
		.base_only = search->base != NULL,
		.absent_is_none = search->base != NULL,
		.attributes = job->attributes,
		.size_limit = (int)search->entries_max,
	};
	job->sink = (struct servers_sink){
		.found = {.entry = add_entry, .value = add_entry_value},
		.forget = forget_entries,
	};
	return job;
}

enum answer
ldap_entries(void *state, const struct directory_search *search, struct entries **entries, struct error *err)
{
	struct ldap_directory *d = state;
	struct ldap_job *job = entries_job(d, search);
	enum answer answer;

	*entries = NULL;
	if (job == NULL)
		return no_memory(err);
	answer = run_job(d, job, search->deadline, err);
	if (answer != ANSWER_YES)
		return answer;
	if (job->entries->out_of_memory)
		answer = no_memory(err);
	else if (job->entries->left_out || job->found.left_out)
		answer = error_cant_tell(err, "ldap-limit", "more than %zu entries, or too large ones, for %s",
			search->entries_max, search->filter);
	if (answer == ANSWER_YES) {
		*entries = job->entries;
		job->entries = NULL;
	}
	job_free(&job->job);
	return answer;
}

const struct backend ldap_backend = {
	.cached = true,
	.open = ldap_open,
	.find = ldap_find,
	.probe = ldap_probe,
	.close = ldap_close,
};
