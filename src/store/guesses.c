#include "store/guesses.h"

#include "store/query.h"
#include "store/record.h"
#include "store/store.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUESSES_APPLICATION 0x53454731 /* "SEG1" */
#define SCOPES 3
#define NAME_MAX_OCTETS 256
#define FORGET_AT_ONCE 1000 /* rows, where there are too many */

static const char *const schema_steps[] = {
	"CREATE TABLE counts (id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, name TEXT NOT NULL, count INTEGER NOT NULL, "
	"last INTEGER NOT NULL, until INTEGER NOT NULL, UNIQUE (scope, name)) STRICT;"
	"CREATE INDEX counts_by_age ON counts (last);",
};

static const struct store_schema schema = {
	.name = "count of guesses",
	.application = GUESSES_APPLICATION,
	.steps = schema_steps,
	.count = sizeof schema_steps / sizeof *schema_steps,
};

struct guesses {
	struct store *store;
};

static const char *const of_scope[SCOPES] = {
	[GUESSES_SERIAL] = "for this certificate",
	[GUESSES_CLIENT] = "from this address",
	[GUESSES_ALL] = "from anybody",
};

static enum answer
open_as(const char *path, enum store_access access, struct guesses **guesses, struct error *err)
{
	struct guesses *g = calloc(1, sizeof *g);
	enum answer answer;

	*guesses = NULL;
	if (g == NULL)
		return error_cant_tell(err, "memory", "no memory to count guesses");
	answer = store_open(path, &schema, access, &g->store, err);
	if (answer == ANSWER_YES)
		*guesses = g;
	else
		free(g);
	return answer;
}

enum answer
guesses_open(const char *path, struct guesses **guesses, struct error *err)
{
	return open_as(path, STORE_WRITE, guesses, err);
}

enum answer
guesses_open_to_read(const char *path, struct guesses **guesses, struct error *err)
{
	return open_as(path, STORE_READ, guesses, err);
}

void
guesses_close(struct guesses *guesses)
{
	if (guesses == NULL)
		return;
	store_close(guesses->store);
	free(guesses);
}

/* ---- names ---------------------------------------------------------------------- */

/* Who has an IPv6 network has more addresses than can be counted. */
static void
name_client(const char *client, char name[NAME_MAX_OCTETS])
{
	static const unsigned char host_part[8];
	struct in6_addr address;
	char text[INET6_ADDRSTRLEN];

	if (inet_pton(AF_INET6, client, &address) != 1)
		snprintf(name, NAME_MAX_OCTETS, "%s", client);
	else if (IN6_IS_ADDR_V4MAPPED(&address))
		inet_ntop(AF_INET, address.s6_addr + 12, name, NAME_MAX_OCTETS);
	else {
		memcpy(address.s6_addr + 8, host_part, sizeof host_part);
		inet_ntop(AF_INET6, &address, text, sizeof text);
		snprintf(name, NAME_MAX_OCTETS, "%s/64", text);
	}
}

static void
name_serial(const struct guess *guess, char name[NAME_MAX_OCTETS])
{
	size_t used = (size_t)snprintf(name, NAME_MAX_OCTETS, "%.*s ", RECORD_NAME_MAX, guess->authority);

	for (size_t i = 0; i < guess->serial.len && i < RECORD_SERIAL_MAX; i++)
		used += (size_t)snprintf(name + used, NAME_MAX_OCTETS - used, "%02X", guess->serial.data[i]);
}

static void
name_scope(const struct guess *guess, enum guesses_scope scope, char name[NAME_MAX_OCTETS])
{
	name[0] = '\0';
	if (scope == GUESSES_SERIAL)
		name_serial(guess, name);
	else if (scope == GUESSES_CLIENT)
		name_client(guess->client, name);
}

/* ---- rows ------------------------------------------------------------------------ */

struct count {
	int64_t count, last, until;
};

static enum answer
read_count(sqlite3 *db, const struct guess *guess, enum guesses_scope scope, struct count *c, struct error *err)
{
	char name[NAME_MAX_OCTETS];
	struct query q;

	*c = (struct count){.last = guess->now};
	name_scope(guess, scope, name);
	query_init(&q, db, "SELECT count, last, until FROM counts WHERE scope = ? AND name = ?");
	query_bind_int(&q, scope);
	query_bind_text(&q, name);
	if (query_next(&q))
		*c = (struct count){query_int(&q, 0), query_int(&q, 1), query_int(&q, 2)};
	return query_end(&q, err);
}

static enum answer
write_count(sqlite3 *db, const struct guess *guess, enum guesses_scope scope, const struct count *c, struct error *err)
{
	char name[NAME_MAX_OCTETS];
	struct query q;

	name_scope(guess, scope, name);
	query_init(&q, db, "INSERT INTO counts (scope, name, count, last, until) VALUES (?, ?, ?, ?, ?) "
		"ON CONFLICT (scope, name) DO UPDATE SET count = excluded.count, last = excluded.last, until = excluded.until");
	query_bind_int(&q, scope);
	query_bind_text(&q, name);
	query_bind_int(&q, c->count);
	query_bind_int(&q, c->last);
	query_bind_int(&q, c->until);
	return query_run(&q, err);
}

/* So that nobody fills the disk with numbers and addresses. */
static enum answer
forget_oldest(sqlite3 *db, struct error *err)
{
	struct query q;

	query_init(&q, db, "DELETE FROM counts WHERE (SELECT count(*) FROM counts) > ? AND id IN "
		"(SELECT id FROM counts WHERE scope <> ? ORDER BY last LIMIT ?)");
	query_bind_int(&q, GUESSES_ROWS_MAX);
	query_bind_int(&q, GUESSES_ALL);
	query_bind_int(&q, FORGET_AT_ONCE);
	return query_run(&q, err);
}

/* ---- how long -------------------------------------------------------------------- */

struct limit {
	int64_t free, delay_min, delay_max;
};

static struct limit
limit_of(const struct guesses_limits *limits, enum guesses_scope scope)
{
	int64_t delay_max = limits->delay_max < GUESSES_DELAY_CEILING ? limits->delay_max : GUESSES_DELAY_CEILING;

	if (scope == GUESSES_ALL)
		return (struct limit){limits->in_all, 1, GUESSES_DELAY_ALL_MAX};
	return (struct limit){scope == GUESSES_SERIAL ? limits->per_serial : limits->per_client, GUESSES_DELAY_MIN, delay_max};
}

/* Longer than there is a delay for: the clock was set back, and nobody is to wait for it. */
static int64_t
wait_of(const struct count *c, const struct limit *limit, int64_t now)
{
	int64_t seconds = c->until - now;

	return seconds > 0 && seconds <= limit->delay_max ? seconds : 0;
}

static int64_t
delay_of(const struct limit *limit, int64_t count)
{
	int64_t delay = limit->delay_min;

	if (count <= limit->free)
		return 0;
	for (int64_t n = limit->free + 1; n < count && delay < limit->delay_max; n++)
		delay *= 2;
	return delay < limit->delay_max ? delay : limit->delay_max;
}

/* Of two at the same time the one may come from a second before: without a delay there is no time to wait for. */
static void
count_one(struct count *c, const struct limit *limit, int64_t now)
{
	int64_t delay;

	for (int64_t passed = now - c->last; passed >= GUESSES_HALF_LIFE && c->count > 0; passed -= GUESSES_HALF_LIFE)
		c->count /= 2;
	c->count++;
	c->last = now;
	delay = delay_of(limit, c->count);
	c->until = delay == 0 ? 0 : now + delay;
}

/* ---- guessing -------------------------------------------------------------------- */

struct guessing {
	const struct guess *guess;
	const struct guesses_limits *limits;
	struct guesses_wait *wait;
};

static void
look_longest(struct guesses_wait *wait, enum guesses_scope scope, int64_t seconds)
{
	if (seconds > wait->seconds)
		*wait = (struct guesses_wait){scope, seconds};
}

static enum answer
begin(sqlite3 *db, void *arg, struct error *err)
{
	const struct guessing *g = arg;
	struct count counts[SCOPES];
	enum answer answer = ANSWER_YES;

	*g->wait = (struct guesses_wait){.seconds = 0};
	for (enum guesses_scope s = 0; s < SCOPES && answer == ANSWER_YES; s++) {
		struct limit limit = limit_of(g->limits, s);

		answer = read_count(db, g->guess, s, &counts[s], err);
		look_longest(g->wait, s, wait_of(&counts[s], &limit, g->guess->now));
	}
	if (answer == ANSWER_YES && g->wait->seconds > 0)
		return error_cant_tell(err, "guesses", "too many passwords were tried %s: the next may be in %lld seconds",
			of_scope[g->wait->scope], (long long)g->wait->seconds);
	for (enum guesses_scope s = 0; s < SCOPES && answer == ANSWER_YES; s++) {
		struct limit limit = limit_of(g->limits, s);

		count_one(&counts[s], &limit, g->guess->now);
		answer = write_count(db, g->guess, s, &counts[s], err);
	}
	return answer == ANSWER_YES ? forget_oldest(db, err) : answer;
}

enum answer
guesses_begin(struct guesses *guesses, const struct guess *guess, const struct guesses_limits *limits,
	const struct timespec *deadline, struct guesses_wait *wait, struct error *err)
{
	struct guesses_wait found = {.seconds = 0};
	struct guessing g = {guess, limits, &found};
	struct error why = ERROR_NONE;
	enum answer answer = store_write(guesses->store, begin, &g, deadline, &why);

	if (answer == ANSWER_YES || strcmp(why.code, "guesses") != 0)
		found.seconds = 0;
	*wait = found;
	if (answer != ANSWER_YES && err != NULL)
		*err = why;
	return answer;
}

/* What it counted for itself; others may have been counted since. */
static enum answer
take_back(sqlite3 *db, const struct guess *guess, enum guesses_scope scope, struct error *err)
{
	struct count c;

	if (read_count(db, guess, scope, &c, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	c.count = scope == GUESSES_SERIAL || c.count == 0 ? 0 : c.count - 1;
	c.until = 0;
	return write_count(db, guess, scope, &c, err);
}

static enum answer
right(sqlite3 *db, void *arg, struct error *err)
{
	const struct guess *guess = arg;
	enum answer answer = ANSWER_YES;

	for (int s = 0; s < SCOPES && answer == ANSWER_YES; s++)
		answer = take_back(db, guess, (enum guesses_scope)s, err);
	return answer;
}

enum answer
guesses_right(struct guesses *guesses, const struct guess *guess, const struct timespec *deadline, struct error *err)
{
	struct guess copy = *guess;

	return store_write(guesses->store, right, &copy, deadline, err);
}

/* ---- lists ----------------------------------------------------------------------- */

struct listing {
	int64_t now;
	guesses_each *each;
	void *arg;
};

/* The same of what is listed as of who would guess: a delay that no limit permits is none. */
static enum answer
list(sqlite3 *db, void *arg, struct error *err)
{
	const struct listing *l = arg;
	struct query q;

	query_init(&q, db, "SELECT scope, name, count, last, until FROM counts WHERE until > ? AND until <= ? "
		"AND scope BETWEEN 0 AND 2 ORDER BY until DESC");
	query_bind_int(&q, l->now);
	query_bind_int(&q, l->now + GUESSES_DELAY_CEILING);
	while (query_next(&q)) {
		struct guesses_item item = {(enum guesses_scope)query_int(&q, 0), query_text(&q, 1), query_int(&q, 2),
			query_int(&q, 3), query_int(&q, 4)};

		if (!l->each(l->arg, &item))
			break;
	}
	return query_end(&q, err);
}

enum answer
guesses_list(struct guesses *guesses, int64_t now, guesses_each *each, void *arg, struct error *err)
{
	struct listing l = {now, each, arg};

	return store_read(guesses->store, list, &l, err);
}
