/* command: what an authority's command for revoking a certificate is, and what became of a run.
 *
 * It is an argument vector; no shell sees it. In each argument but the first, which is the
 * program's absolute path, these are filled in:
 *
 *     %i  file with the issuer's certificate     %s  serial number in hex digits
 *     %r  reason of RFC 5280 5.3.1, keyCompromise %k  key of the request, the same for each run
 *     %%  a percent sign
 *
 * What is filled in is looked at: none can be taken for an option or a path of somebody's choice.
 *
 * The command says by its exit status what became of it:
 *
 *      0  revoked, and the list published
 *      3  it was revoked already
 *     65  a person is needed (EX_DATAERR): no run will do it as things stand
 *     75  not now (EX_TEMPFAIL); nothing is changed, or what is does not hinder the next run
 *
 * and by a line "revoked-at=2026-01-26T14:38:03Z" when the authority revoked it, which is the time that counts.
 * Any other status, a signal or the time limit leaves open what was done. An idempotent command, which may be
 * run again whatever was done before, is; for another a person has to look.
 */
#ifndef REVOCATION_COMMAND_H
#define REVOCATION_COMMAND_H

#include "base/buf.h"
#include "base/error.h"

#include <time.h>

#define COMMAND_ARGUMENTS_MAX 64
#define COMMAND_FILES_MAX 16
#define COMMAND_TEXT_MAX 4096          /* octets of all arguments, filled in */
#define COMMAND_FILE_MAX (1024 * 1024) /* octets of a file that it needs */
#define COMMAND_OUTPUT_MAX 16384       /* octets that are kept */
#define COMMAND_SECONDS_MAX 3600
#define COMMAND_SERIAL_DIGITS 40       /* 20 octets, RFC 5280 4.1.2.2 */
#define COMMAND_REASON_MAX 32
#define COMMAND_KEY_MAX 128

struct command {
	char **arguments;
	size_t argument_count;
	char **files; /* secrets that it reads: looked at first, so that nothing is begun that must fail */
	size_t file_count;
	unsigned time_limit; /* seconds */
	bool idempotent;
};

struct command_values {
	const char *issuer_file; /* absolute */
	const char *serial;
	const char *reason;
	const char *key;         /* letters, digits and "-._", the first a letter or digit */
};

enum command_outcome {
	COMMAND_DONE,
	COMMAND_ALREADY,
	COMMAND_TRY_AGAIN,
	COMMAND_PERSON,
};

struct command_result {
	enum command_outcome outcome;
	bool has_time;      /* DONE and ALREADY: the command said when */
	time_t revoked_at;
	struct buf output;  /* the first COMMAND_OUTPUT_MAX octets of what it wrote; may hold anything */
	bool output_cut;
	struct error reason; /* TRY_AGAIN, PERSON */
};

/* Is it a command that can be run, as far as its text goes? NO says what is wrong (code "command"). */
enum answer command_check(const struct command *c, struct error *err);

/* Are the program and its files there, and as they have to be for the user that this process is? NO: "command-file", "file",
 * "file-mode". */
enum answer command_look_at_files(const struct command *c, struct error *err);

/* Runs it as warden.h says and waits for it. Where the program or a file that it needs is not there, can be written
 * by others or a secret read by them, nothing is run and the outcome is TRY_AGAIN, as whoever mends that has no
 * need to do more. command_result_free() afterwards. Threads: as warden_run(). */
void command_run(const struct command *c, const struct command_values *values, struct command_result *result);
void command_result_free(struct command_result *result);

const char *command_outcome_word(enum command_outcome outcome); /* for log and programs */

#endif
