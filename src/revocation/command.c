#include "revocation/command.h"

#include "base/file.h"
#include "base/timestamp.h"
#include "revocation/warden.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define STATUS_ALREADY 3

static const char time_key[] = "revoked-at=";

const char *
command_outcome_word(enum command_outcome outcome)
{
	static const char *const words[] = {
		[COMMAND_DONE] = "done",
		[COMMAND_ALREADY] = "already",
		[COMMAND_TRY_AGAIN] = "try-again",
		[COMMAND_PERSON] = "person",
	};

	return words[outcome];
}

/* Its text */

static enum answer
check_placeholders(const char *argument, struct error *err)
{
	for (const char *p = strchr(argument, '%'); p != NULL; p = strchr(p + 2, '%'))
		if (p[1] == '\0' || strchr("isrk%", p[1]) == NULL)
			return error_no(err, "command", "\"%s\" holds a %% that is none of %%i %%s %%r %%k %%%%", argument);
	return ANSWER_YES;
}

enum answer
command_check(const struct command *c, struct error *err)
{
	size_t octets = 0;

	if (c->argument_count == 0 || c->argument_count > COMMAND_ARGUMENTS_MAX || c->file_count > COMMAND_FILES_MAX)
		return error_no(err, "command", "a command has 1 to %d arguments and at most %d files", COMMAND_ARGUMENTS_MAX,
			COMMAND_FILES_MAX);
	if (c->arguments[0][0] != '/')
		return error_no(err, "command", "\"%s\" is not an absolute path", c->arguments[0]);
	if (c->time_limit == 0 || c->time_limit > COMMAND_SECONDS_MAX)
		return error_no(err, "command", "a command's time limit is 1 to %d seconds", COMMAND_SECONDS_MAX);
	for (size_t i = 0; i < c->argument_count; i++) {
		octets += strlen(c->arguments[i]) + 1;
		if (i > 0 && check_placeholders(c->arguments[i], err) != ANSWER_YES)
			return ANSWER_NO;
	}
	if (octets > COMMAND_TEXT_MAX)
		return error_no(err, "command", "the command has more than %d octets", COMMAND_TEXT_MAX);
	for (size_t i = 0; i < c->file_count; i++)
		if (c->files[i][0] != '/')
			return error_no(err, "command", "\"%s\" is not an absolute path", c->files[i]);
	return ANSWER_YES;
}

/* Values */

static bool
is_digit_or_letter(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

/* Letters, digits and what else is allowed behind the first. */
static bool
is_word(const char *text, size_t most, const char *allowed)
{
	size_t len = strlen(text);

	if (len == 0 || len > most || !is_digit_or_letter(text[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_digit_or_letter(text[i]) && strchr(allowed, text[i]) == NULL)
			return false;
	return true;
}

static enum answer
check_values(const struct command_values *v, struct error *err)
{
	if (strlen(v->serial) > COMMAND_SERIAL_DIGITS || v->serial[0] == '\0' ||
	    v->serial[strspn(v->serial, "0123456789ABCDEFabcdef")] != '\0')
		return error_no(err, "command-value", "\"%s\" is no serial number in hex", v->serial);
	if (!is_word(v->reason, COMMAND_REASON_MAX, ""))
		return error_no(err, "command-value", "\"%s\" is no reason", v->reason);
	if (!is_word(v->key, COMMAND_KEY_MAX, "-._"))
		return error_no(err, "command-value", "\"%s\" is no key of a request", v->key);
	if (v->issuer_file[0] != '/')
		return error_no(err, "command-value", "\"%s\" is not an absolute path", v->issuer_file);
	return ANSWER_YES;
}

static const char *
value_of(const struct command_values *v, char letter)
{
	switch (letter) {
	case 'i':
		return v->issuer_file;
	case 's':
		return v->serial;
	case 'r':
		return v->reason;
	case 'k':
		return v->key;
	default:
		return "%";
	}
}

/* The vector that execve() takes; the texts lie in text, which does not move any more. */
struct vector {
	char *argv[COMMAND_ARGUMENTS_MAX + 1];
	struct buf text;
};

static void
add_argument(const char *argument, const struct command_values *v, struct buf *text)
{
	const char *percent;

	while (v != NULL && (percent = strchr(argument, '%')) != NULL) {
		buf_add(text, argument, (size_t)(percent - argument));
		buf_add_str(text, value_of(v, percent[1]));
		argument = percent + 2;
	}
	buf_add(text, argument, strlen(argument) + 1);
}

static bool
fill(const struct command *c, const struct command_values *v, struct vector *vector)
{
	*vector = (struct vector){.argv = {NULL}};
	buf_init(&vector->text, COMMAND_TEXT_MAX);
	if (!buf_reserve(&vector->text, COMMAND_TEXT_MAX))
		return false;
	for (size_t i = 0; i < c->argument_count; i++) {
		vector->argv[i] = (char *)vector->text.data + vector->text.len;
		add_argument(c->arguments[i], i == 0 ? NULL : v, &vector->text);
	}
	return !buf_failed(&vector->text);
}

/* What it needs */

/* Whoever can write it decides what is revoked. */
static enum answer
look_at_program(const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return error_no(err, "command-file", "cannot look at %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || access(path, X_OK) != 0)
		return error_no(err, "command-file", "%s is no program that can be run here", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022) != 0)
		return error_no(err, "command-file", "%s can be written by others than root and the worker", path);
	return ANSWER_YES;
}

enum answer
command_look_at_files(const struct command *c, struct error *err)
{
	enum answer answer = look_at_program(c->arguments[0], err);

	for (size_t i = 0; i < c->file_count && answer == ANSWER_YES; i++) {
		size_t size;
		int fd;

		answer = file_open(c->files[i], FILE_SECRET, COMMAND_FILE_MAX, &fd, &size, err);
		if (answer == ANSWER_YES)
			close(fd);
	}
	return answer;
}

/* What became of it */

/* The time that it says; two that differ are none. */
static bool
find_time(struct slice output, time_t *when)
{
	bool found = false;
	size_t at = 0;

	while (at < output.len) {
		size_t lf = slice_find(output, '\n', at);
		struct slice line = slice_trim(slice_sub(output, at, lf));
		time_t said;

		at = lf + 1;
		if (line.len < sizeof time_key - 1 || memcmp(line.data, time_key, sizeof time_key - 1) != 0)
			continue;
		if (!timestamp_parse(slice_sub(line, sizeof time_key - 1, line.len), &said) || (found && said != *when))
			return false;
		*when = said;
		found = true;
	}
	return found;
}

/* How far it came is not known. */
static void
left_open(const struct command *c, struct command_result *r)
{
	r->outcome = c->idempotent ? COMMAND_TRY_AGAIN : COMMAND_PERSON;
	error_prefix(&r->reason, c->idempotent ? "it is run again" : "what it did has to be looked at");
}

static void
judge_status(const struct command *c, int status, struct command_result *r)
{
	switch (status) {
	case EX_OK:
		r->outcome = COMMAND_DONE;
		break;
	case STATUS_ALREADY:
		r->outcome = COMMAND_ALREADY;
		break;
	case EX_TEMPFAIL:
		r->outcome = COMMAND_TRY_AGAIN;
		error_cant_tell(&r->reason, "command-status", "the command says: not now");
		break;
	case EX_DATAERR:
		r->outcome = COMMAND_PERSON;
		error_cant_tell(&r->reason, "command-status", "the command says that a person is needed");
		break;
	default:
		error_cant_tell(&r->reason, "command-status", "the command ended with status %d", status);
		left_open(c, r);
	}
	r->has_time = (status == EX_OK || status == STATUS_ALREADY) && find_time(buf_slice(&r->output), &r->revoked_at);
}

static void
judge(const struct command *c, const struct warden_report *report, struct command_result *r)
{
	switch (report->end) {
	case WARDEN_EXITED:
		judge_status(c, report->value, r);
		return;
	case WARDEN_NOT_STARTED:
		r->outcome = COMMAND_TRY_AGAIN;
		error_cant_tell(&r->reason, "command-start", "cannot run %s: %s", c->arguments[0], strerror(report->value));
		return;
	case WARDEN_SIGNAL:
		error_cant_tell(&r->reason, "command-signal", "the command was killed by signal %d (%s)", report->value,
			strsignal(report->value));
		break;
	case WARDEN_TIME_LIMIT:
		error_cant_tell(&r->reason, "command-time-limit", "the command took longer than %u seconds", c->time_limit);
		break;
	case WARDEN_LOST:
		error_cant_tell(&r->reason, "command-lost", "what watched the command was killed");
		break;
	}
	left_open(c, r);
}

void
command_run(const struct command *c, const struct command_values *values, struct command_result *result)
{
	struct warden_report report;
	struct vector vector;

	*result = (struct command_result){.outcome = COMMAND_TRY_AGAIN};
	buf_init(&result->output, COMMAND_OUTPUT_MAX);
	if (check_values(values, &result->reason) != ANSWER_YES) {
		result->outcome = COMMAND_PERSON;
		return;
	}
	if (command_look_at_files(c, &result->reason) != ANSWER_YES)
		return;
	if (fill(c, values, &vector)) {
		warden_run(vector.argv, c->time_limit, &result->output, &report);
		result->output_cut = report.output_cut;
		judge(c, &report, result);
	} else {
		error_cant_tell(&result->reason, "memory", "no memory for the command, or more than %d octets", COMMAND_TEXT_MAX);
	}
	buf_free(&vector.text);
}

void
command_result_free(struct command_result *result)
{
	if (result != NULL)
		buf_free(&result->output);
}
