#include "worker/run.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SIZE (COMMAND_SERIAL_DIGITS + 1 + 2 * RECORD_DIGEST + 1)

_Static_assert(CONFIG_COMMAND_ARGUMENTS_MAX <= COMMAND_ARGUMENTS_MAX && CONFIG_COMMAND_FILES_MAX <= COMMAND_FILES_MAX,
	"what is configured is a command");
_Static_assert(KEY_SIZE <= COMMAND_KEY_MAX + 1, "the key of a request is one for a command");

struct run {
	int64_t request;
	time_t decided;
	struct record *record;
	struct command command; /* its texts are ours */
	char *issuer_file;      /* NULL: none of the authority's certificates has the name */
	const char *reason;     /* static */
	char serial[COMMAND_SERIAL_DIGITS + 1];
	char key[KEY_SIZE];
	struct command_result result; /* the thread's until it has ended */
	bool started, joinable;
	atomic_bool ended;
	pthread_t thread;
};

/* ---- what it needs -------------------------------------------------------------- */

static const char *
reason_text(enum config_reason reason)
{
	static const char *const texts[] = {
		[CONFIG_REASON_UNSPECIFIED] = "unspecified",
		[CONFIG_REASON_KEY_COMPROMISE] = "keyCompromise",
		[CONFIG_REASON_AFFILIATION_CHANGED] = "affiliationChanged",
		[CONFIG_REASON_SUPERSEDED] = "superseded",
		[CONFIG_REASON_CESSATION_OF_OPERATION] = "cessationOfOperation",
	};

	return texts[reason];
}

static char *
write_hex(struct slice octets, char *text)
{
	for (size_t i = 0; i < octets.len; i++)
		text += sprintf(text, "%02X", octets.data[i]);
	return text;
}

/* Of a certificate, so that it differs where one mail asks for several. */
static void
write_values(struct run *run)
{
	char *end;

	write_hex(run->record->serial, run->serial);
	end = write_hex(run->record->serial, run->key);
	*end++ = '-';
	write_hex(run->record->digest, end);
}

static bool
copy_texts(const struct config_strings *from, char ***texts, size_t *count)
{
	*texts = calloc(from->count + 1, sizeof **texts);
	for (size_t i = 0; *texts != NULL && i < from->count; i++) {
		(*texts)[i] = strdup(from->item[i]);
		if ((*texts)[i] == NULL)
			return false;
		(*count)++;
	}
	return *texts != NULL;
}

static void
free_texts(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

static const char *
find_issuer(const struct authority *authority, struct slice name)
{
	const unsigned char *p = name.data;
	X509_NAME *parsed = d2i_X509_NAME(NULL, &p, (long)name.len);
	size_t issuer = parsed == NULL || p != name.data + name.len ? ISSUED_NOBODY : issued_number(authority->issued, parsed);

	X509_NAME_free(parsed);
	ERR_clear_error();
	return issuer == ISSUED_NOBODY ? NULL : authority_file(authority, issuer);
}

static bool
fill(struct run *run, const struct authority *authority, const struct record *record)
{
	const struct config_revocation *config = authority->config;
	const char *issuer_file = find_issuer(authority, record->issuer);

	run->command.time_limit = config->command_timeout;
	run->command.idempotent = config->command_idempotent;
	run->reason = reason_text(config->reason);
	run->record = record_dup(record);
	if (issuer_file != NULL)
		run->issuer_file = strdup(issuer_file);
	if ((issuer_file != NULL && run->issuer_file == NULL) || run->record == NULL ||
	    !copy_texts(&config->command, &run->command.arguments, &run->command.argument_count) ||
	    !copy_texts(&config->command_files, &run->command.files, &run->command.file_count))
		return false;
	write_values(run);
	return true;
}

enum answer
run_new(const struct authority *authority, int64_t request, const struct record *record, time_t now, struct run **run,
	struct error *err)
{
	struct run *r = calloc(1, sizeof *r);

	*run = NULL;
	if (r == NULL || !fill(r, authority, record)) {
		run_free(r);
		return error_cant_tell(err, "memory", "no memory for a run");
	}
	r->request = request;
	r->decided = now;
	*run = r;
	return ANSWER_YES;
}

void
run_free(struct run *run)
{
	if (run == NULL)
		return;
	run_wait(run);
	command_result_free(&run->result);
	free_texts(run->command.arguments, run->command.argument_count);
	free_texts(run->command.files, run->command.file_count);
	free(run->issuer_file);
	free(run->record);
	free(run);
}

int64_t
run_request(const struct run *run)
{
	return run->request;
}

const struct record *
run_record(const struct run *run)
{
	return run->record;
}

time_t
run_decided(const struct run *run)
{
	return run->decided;
}

/* ---- its thread ----------------------------------------------------------------- */

static void *
thread_main(void *arg)
{
	struct run *run = arg;
	const struct command_values values = {.issuer_file = run->issuer_file, .serial = run->serial, .reason = run->reason,
		.key = run->key};

	command_run(&run->command, &values, &run->result);
	atomic_store(&run->ended, true);
	return NULL;
}

static void
end_without(struct run *run, enum command_outcome outcome)
{
	run->result.outcome = outcome;
	atomic_store(&run->ended, true);
}

/* The thread takes no signals: those are for the main thread. */
void
run_start(struct run *run)
{
	sigset_t all, before;
	int rc;

	run->started = true;
	if (run->issuer_file == NULL) {
		error_no(&run->result.reason, "issuer", "no certificate in the configuration has the name of the issuer");
		end_without(run, COMMAND_PERSON);
		return;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&run->thread, NULL, thread_main, run);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	run->joinable = rc == 0;
	if (rc == 0)
		return;
	error_cant_tell(&run->result.reason, "thread", "cannot start a thread for the command: %s", strerror(rc));
	end_without(run, COMMAND_TRY_AGAIN);
}

bool
run_started(const struct run *run)
{
	return run->started;
}

const struct command_result *
run_ended(struct run *run)
{
	return atomic_load(&run->ended) ? &run->result : NULL;
}

void
run_wait(struct run *run)
{
	if (run->joinable)
		pthread_join(run->thread, NULL);
	run->joinable = false;
}
