#include "directory/servers.h"
#include "base/log.h"
#include "base/deadline.h"
#include "fetch/fetch.h"

#include <ldap.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct server {
	char *uri;
	struct timespec dead_until; /* CLOCK_MONOTONIC */
};

struct servers {
	char *name; /* the directory's, for the log */
	struct connection_settings settings;
	char *base;
	char **attributes;
	pthread_mutex_t lock; /* of dead_until; all else is only read */
	struct server server[SERVERS_MAX];
	size_t count;
};

/* ---- making -------------------------------------------------------------- */

static char *
copy(const char *text, bool *complete)
{
	char *made = text == NULL ? NULL : strdup(text);

	if (text != NULL && made == NULL)
		*complete = false;
	return made;
}

static bool
copy_config(struct servers *s, const struct config_directory *config)
{
	bool complete = true;

	s->name = copy(config->name, &complete);
	s->base = copy(config->base == NULL ? "" : config->base, &complete); /* NULL is libldap's own default */
	s->settings.start_tls = config->start_tls;
	s->settings.ca_file = copy(config->ca_file, &complete);
	s->settings.bind_dn = copy(config->bind_dn, &complete);
	s->settings.password_file = copy(config->password_file, &complete);
	s->settings.network_timeout = config->network_timeout;
	s->settings.operation_timeout = config->operation_timeout;
	for (; s->count < config->uris.count; s->count++)
		s->server[s->count].uri = copy(config->uris.item[s->count], &complete);
	s->attributes = calloc(config->attributes.count + 1, sizeof *s->attributes);
	for (size_t i = 0; s->attributes != NULL && i < config->attributes.count; i++)
		s->attributes[i] = copy(config->attributes.item[i], &complete);
	return complete && s->attributes != NULL;
}

static enum answer
check_uris(const struct config_directory *config, struct error *err)
{
	if (config->uris.count == 0 || config->uris.count > SERVERS_MAX)
		return error_no(err, "uri", "directory %s: %zu servers; 1 to %d are possible", config->name,
			config->uris.count, SERVERS_MAX);
	for (size_t i = 0; i < config->uris.count; i++)
		if (!ldap_is_ldap_url(config->uris.item[i]))
			return error_no(err, "uri", "directory %s: %s is no LDAP address", config->name,
				config->uris.item[i]);
	return ANSWER_YES;
}

enum answer
servers_new(const struct config_directory *config, struct servers **s, struct error *err)
{
	struct servers *made;

	*s = NULL;
	if (check_uris(config, err) != ANSWER_YES)
		return ANSWER_NO;
	fetch_prepare_ldap();
	made = calloc(1, sizeof *made);
	if (made == NULL)
		return error_cant_tell(err, "memory", "no memory for directory %s", config->name);
	pthread_mutex_init(&made->lock, NULL);
	if (!copy_config(made, config)) {
		servers_free(made);
		return error_cant_tell(err, "memory", "no memory for directory %s", config->name);
	}
	*s = made;
	return ANSWER_YES;
}

void
servers_free(struct servers *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		free(s->server[i].uri);
	for (size_t i = 0; s->attributes != NULL && s->attributes[i] != NULL; i++)
		free(s->attributes[i]);
	free(s->attributes);
	free(s->name);
	free(s->base);
	free(s->settings.ca_file);
	free(s->settings.bind_dn);
	free(s->settings.password_file);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

const char *
servers_base(const struct servers *s)
{
	return s->base;
}

char *const *
servers_attributes(const struct servers *s)
{
	return s->attributes;
}

/* ---- asking -------------------------------------------------------------- */

static bool
is_dead(struct servers *s, size_t i)
{
	bool dead;

	pthread_mutex_lock(&s->lock);
	dead = deadline_left(&s->server[i].dead_until) > 0;
	pthread_mutex_unlock(&s->lock);
	return dead;
}

/* Each outage is logged once, not once a look-up, as long as it lasts. */
static void
mark_dead(struct servers *s, size_t i, const struct error *why)
{
	bool was_alive;

	pthread_mutex_lock(&s->lock);
	was_alive = s->server[i].dead_until.tv_sec == 0;
	s->server[i].dead_until = deadline_in(SERVERS_DEAD_SECONDS * 1000L);
	pthread_mutex_unlock(&s->lock);
	if (was_alive)
		log_event(LOG_WARNING, "directory-server-failed", "%s: %s", s->name, why->words);
}

static void
mark_alive(struct servers *s, size_t i)
{
	bool was_alive;

	pthread_mutex_lock(&s->lock);
	was_alive = s->server[i].dead_until.tv_sec == 0;
	s->server[i].dead_until = (struct timespec){.tv_sec = 0};
	pthread_mutex_unlock(&s->lock);
	if (!was_alive)
		log_event(LOG_NOTICE, "directory-server-answers", "%s: %s", s->name, s->server[i].uri);
}

void
servers_disconnect(struct servers_worker *worker)
{
	connection_close(worker->connection);
	worker->connection = NULL;
}

/* One server: over the connection that is there, and once more over a fresh one
 * where the server has closed that meanwhile. */
static enum answer
ask(struct servers *s, struct servers_worker *worker, size_t i, const struct connection_search *search,
	const struct timespec *deadline, const struct servers_sink *sink, struct connection_found *found,
	struct error *err)
{
	bool reused = worker->connection != NULL && worker->server == i;
	enum answer answer = ANSWER_YES;
	bool stale;

	sink->forget(sink->found.arg);
	if (!reused) {
		servers_disconnect(worker);
		answer = connection_open(&s->settings, s->server[i].uri, deadline, &worker->connection, err);
		worker->server = i;
	}
	if (answer != ANSWER_YES)
		return answer;
	answer = connection_search(worker->connection, search, deadline, &sink->found, found, &stale, err);
	if (answer == ANSWER_YES)
		return ANSWER_YES;
	servers_disconnect(worker);
	return reused && stale ? ask(s, worker, i, search, deadline, sink, found, err) : answer;
}

/* The server that is connected to comes first, then those alive, in order, and
 * behind them the dead. Returns how many count for dividing the time. */
static size_t
order(struct servers *s, const struct servers_worker *worker, size_t list[SERVERS_MAX])
{
	size_t connected = worker->connection != NULL && !is_dead(s, worker->server) ? worker->server : s->count;
	size_t dead[SERVERS_MAX] = {0}, dead_count = 0, alive = 0;

	if (connected < s->count)
		list[alive++] = connected;
	for (size_t i = 0; i < s->count; i++) {
		if (i == connected)
			continue;
		if (is_dead(s, i))
			dead[dead_count++] = i;
		else
			list[alive++] = i;
	}
	for (size_t i = 0; i < dead_count; i++)
		list[alive + i] = dead[i];
	return alive;
}

enum answer
servers_search(struct servers *s, struct servers_worker *worker, const struct connection_search *search,
	const struct timespec *deadline, const struct servers_sink *sink, struct connection_found *found,
	struct error *err)
{
	enum answer answer = error_cant_tell(err, "ldap-timeout", "%s: no time is left", s->name);
	size_t list[SERVERS_MAX], alive = order(s, worker, list);

	for (size_t n = 0; n < s->count && deadline_left(deadline) > 0; n++) {
		struct timespec share = deadline_share(deadline, (n < alive ? alive : s->count) - n);
		struct error why = ERROR_NONE;

		bool had_time = deadline_left(&share) >= SERVERS_FAIR_MS;

		answer = ask(s, worker, list[n], search, &share, sink, found, &why);
		if (answer == ANSWER_YES) {
			mark_alive(s, list[n]);
			return ANSWER_YES;
		}
		if (had_time || strcmp(why.code, "ldap-timeout") != 0)
			mark_dead(s, list[n], &why);
		if (err != NULL)
			*err = why;
	}
	if (err != NULL && err->code != NULL)
		error_prefix(err, "directory %s", s->name);
	return answer;
}
