#include "gateway/intake.h"

#include "base/buf.h"
#include "base/deadline.h"
#include "base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PATH_OCTETS_MAX 4096
#define TIDY_PATIENCE 5000 /* ms */

struct intake {
	char *inbox_directory, *journal_directory;
	char *inbox_path, *guesses_path, *journal_path;
	pthread_mutex_t lock; /* over what is opened when it is first wanted */
	struct inbox *inbox;
	struct guesses *guesses;
	struct journal *journal;
	struct proof_key *proof;
};

static char *
path_in(const char *directory, const char *name)
{
	struct buf path;
	char *copy;

	buf_init(&path, PATH_OCTETS_MAX);
	buf_printf(&path, "%s/%s", directory, name);
	copy = buf_failed(&path) ? NULL : slice_dup(buf_slice(&path));
	buf_free(&path);
	return copy;
}

struct intake *
intake_new(const struct config *config)
{
	struct intake *intake = calloc(1, sizeof *intake);

	if (intake == NULL)
		return NULL;
	pthread_mutex_init(&intake->lock, NULL);
	intake->inbox_directory = strdup(config->inbox_directory);
	intake->journal_directory = strdup(config->journal_directory);
	intake->inbox_path = path_in(config->inbox_directory, INTAKE_INBOX);
	intake->guesses_path = path_in(config->inbox_directory, INTAKE_GUESSES);
	intake->journal_path = path_in(config->journal_directory, INTAKE_JOURNAL);
	if (intake->inbox_directory == NULL || intake->journal_directory == NULL || intake->inbox_path == NULL ||
	    intake->guesses_path == NULL || intake->journal_path == NULL) {
		intake_free(intake);
		return NULL;
	}
	return intake;
}

void
intake_free(struct intake *intake)
{
	if (intake == NULL)
		return;
	inbox_close(intake->inbox);
	guesses_close(intake->guesses);
	journal_close(intake->journal);
	proof_key_free(intake->proof);
	pthread_mutex_destroy(&intake->lock);
	free(intake->inbox_directory);
	free(intake->journal_directory);
	free(intake->inbox_path);
	free(intake->guesses_path);
	free(intake->journal_path);
	free(intake);
}

bool
intake_serves(const struct intake *intake, const struct config *config)
{
	return strcmp(intake->inbox_directory, config->inbox_directory) == 0 &&
		strcmp(intake->journal_directory, config->journal_directory) == 0;
}

/* ---- opened when it is wanted ------------------------------------------------------- */

/* That a file is of another kind, or version, says nothing about the mail. */
static enum answer
had(enum answer answer, const char *what, struct error *err)
{
	if (answer == ANSWER_YES)
		return answer;
	error_prefix(err, "%s", what);
	if (err != NULL)
		err->answer = ANSWER_CANT_TELL;
	return ANSWER_CANT_TELL;
}

enum answer
intake_inbox(struct intake *intake, struct inbox **inbox, struct error *err)
{
	enum answer answer = ANSWER_YES;

	pthread_mutex_lock(&intake->lock);
	if (intake->inbox == NULL)
		answer = inbox_open(intake->inbox_path, intake->journal_path, &intake->inbox, err);
	*inbox = intake->inbox;
	pthread_mutex_unlock(&intake->lock);
	return had(answer, "inbox", err);
}

enum answer
intake_guesses(struct intake *intake, struct guesses **guesses, struct error *err)
{
	enum answer answer = ANSWER_YES;

	pthread_mutex_lock(&intake->lock);
	if (intake->guesses == NULL)
		answer = guesses_open(intake->guesses_path, &intake->guesses, err);
	*guesses = intake->guesses;
	pthread_mutex_unlock(&intake->lock);
	return had(answer, "count of guesses", err);
}

enum answer
intake_journal(struct intake *intake, struct journal **journal, struct error *err)
{
	enum answer answer = ANSWER_YES;

	pthread_mutex_lock(&intake->lock);
	if (intake->journal == NULL)
		answer = journal_open_to_read(intake->journal_path, &intake->journal, err);
	*journal = intake->journal;
	pthread_mutex_unlock(&intake->lock);
	return had(answer, "journal", err);
}

enum answer
intake_proof(struct intake *intake, const struct proof_key **key, struct error *err)
{
	enum answer answer = ANSWER_YES;

	pthread_mutex_lock(&intake->lock);
	if (intake->proof == NULL)
		answer = proof_key_open_public(intake->journal_directory, &intake->proof, err);
	*key = intake->proof;
	pthread_mutex_unlock(&intake->lock);
	return had(answer, "worker's key", err);
}

/* ---- tidying ------------------------------------------------------------------------ */

/* What cannot be done now is done the next time; where it matters, mail is deferred and says so. */
void
intake_tidy(struct intake *intake)
{
	struct timespec deadline = deadline_in(TIDY_PATIENCE);
	struct error err = ERROR_NONE;
	struct inbox *inbox;
	uint64_t removed;

	if (intake_inbox(intake, &inbox, &err) != ANSWER_YES || inbox_tidy(inbox, &deadline, &removed, &err) != ANSWER_YES) {
		struct log_line line;

		log_begin(&line, LOG_DEBUG, NULL, "inbox-not-tidied");
		log_add_error(&line, &err);
		log_end(&line);
	}
}
