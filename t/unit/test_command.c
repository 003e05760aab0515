/* Commands that hang, flood, fork, die and are not there. Each is a shell script in a
 * folder of the test's own. */
#include "revocation/command.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PATIENCE 600 /* seconds after which the test program is taken to hang */

static char folder[] = "/tmp/command.XXXXXX";
static char script[64], secret[64];
static struct command_result result;

static const struct command_values values = {
	.issuer_file = "/etc/ca/issuer.pem", .serial = "0A1B", .reason = "keyCompromise", .key = "17-ab",
};

static void
write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(chmod(path, mode), 0);
}

static void
setup(void)
{
	strcpy(strrchr(folder, '.'), ".XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(script, sizeof script, "%s/script", folder);
	snprintf(secret, sizeof secret, "%s/secret", folder);
}

static void
teardown(void)
{
	command_result_free(&result);
	unlink(script);
	unlink(secret);
	rmdir(folder);
}

/* Runs a script whose body is this. */
static void
run(const char *body, bool idempotent, unsigned seconds)
{
	char *arguments[] = {script, "%i", "%s", "%r", "%k", "100%%"};
	struct command c = {.arguments = arguments, .argument_count = COUNT(arguments), .idempotent = idempotent,
		.time_limit = seconds};
	struct error err = ERROR_NONE;
	char text[2000];

	snprintf(text, sizeof text, "#!/bin/sh\n%s\n", body);
	write_file(script, text, 0700);
	ck_assert_msg(command_check(&c, &err) == ANSWER_YES, "%s", err.words);
	command_run(&c, &values, &result);
}

static const char *
said(void)
{
	return buf_str(&result.output);
}

START_TEST(test_arguments)
{
	run("printf '%s|' \"$@\"", false, PATIENCE);
	ck_assert_int_eq(result.outcome, COMMAND_DONE);
	ck_assert_str_eq(said(), "/etc/ca/issuer.pem|0A1B|keyCompromise|17-ab|100%|");
}
END_TEST

/* Nothing is a shell's to read, and what is filled in is not looked through again. */
START_TEST(test_no_shell)
{
	char *arguments[] = {"/bin/echo", "$(id)", "a b;%s", "--serial=0x%s%%s"};
	struct command c = {.arguments = arguments, .argument_count = COUNT(arguments), .time_limit = PATIENCE};

	command_run(&c, &values, &result);
	ck_assert_str_eq(said(), "$(id) a b;0A1B --serial=0x0A1B%s\n");
}
END_TEST

START_TEST(test_surroundings)
{
	int stray = open("/dev/null", O_RDONLY);

	ck_assert_int_ge(stray, 0);
	ck_assert_int_eq(setenv("OPENSSL_CONF", "/tmp/evil", 1), 0);
	signal(SIGPIPE, SIG_IGN);
	run("env | grep -v '^_=\\|^PWD=' | sort; pwd; cat; ls /proc/self/fd\n"
	    "echo ignored $((0x$(sed -n 's/^SigIgn:\t//p' /proc/self/status) & 0x7fffffff))\n"
	    "read -r pid name state parent group rest < /proc/$$/stat; [ $group = $$ ] && echo leader", false, PATIENCE);
	/* 3 is the folder that ls reads. Signals 32 and 33 are the C library's own, ignored in what its posix_spawn() starts. */
	ck_assert_str_eq(said(), "LC_ALL=C\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nTZ=UTC\n/\n0\n1\n2\n3\n"
	    "ignored 0\nleader\n");
	close(stray);
}
END_TEST

static const struct {
	const char *body;
	enum command_outcome once, idempotent;
	const char *code;
} statuses[] = {
	{"exit 0", COMMAND_DONE, COMMAND_DONE, NULL},
	{"exit 3", COMMAND_ALREADY, COMMAND_ALREADY, NULL},
	{"exit 75", COMMAND_TRY_AGAIN, COMMAND_TRY_AGAIN, "command-status"},
	{"exit 65", COMMAND_PERSON, COMMAND_PERSON, "command-status"},
	{"exit 1", COMMAND_PERSON, COMMAND_TRY_AGAIN, "command-status"},
	{"exit 127", COMMAND_PERSON, COMMAND_TRY_AGAIN, "command-status"},
	{"kill -KILL $$", COMMAND_PERSON, COMMAND_TRY_AGAIN, "command-signal"},
	{"kill -TERM $$", COMMAND_PERSON, COMMAND_TRY_AGAIN, "command-signal"},
	/* What watches it is killed, so nobody can say what became of it. */
	{"kill -KILL $PPID; exec sleep 1000", COMMAND_PERSON, COMMAND_TRY_AGAIN, "command-lost"},
};

START_TEST(test_statuses)
{
	run(statuses[_i].body, false, PATIENCE);
	ck_assert_int_eq(result.outcome, statuses[_i].once);
	if (statuses[_i].code == NULL)
		ck_assert_ptr_null(result.reason.code);
	else
		ck_assert_str_eq(result.reason.code, statuses[_i].code);
	command_result_free(&result);
	run(statuses[_i].body, true, PATIENCE);
	ck_assert_int_eq(result.outcome, statuses[_i].idempotent);
}
END_TEST

static const struct {
	const char *body;
	time_t when; /* -1: none */
} times[] = {
	{"echo revoked-at=2026-01-26T14:38:03Z", 1769438283},
	{"echo working; echo revoked-at=2026-01-26T14:38:03Z; exit 3", 1769438283},
	{"echo revoked-at=2026-01-26T14:38:03Z; echo revoked-at=2026-01-26T14:38:03Z", 1769438283},
	{"echo revoked-at=2026-01-26T14:38:03Z; echo revoked-at=2026-01-26T14:38:04Z", -1},
	{"echo x revoked-at=2026-01-26T14:38:03Z", -1},
	{"echo revoked-at=2026-02-30T14:38:03Z", -1},
	{"echo revoked-at=2026-01-26T14:38:03", -1},
	{"echo revoked-at=2026-01-26T14:38:03Zulu", -1},
	{"echo revoked-at=", -1},
	{"echo done", -1},
	/* Not of one that says it did nothing. */
	{"echo revoked-at=2026-01-26T14:38:03Z; exit 75", -1},
};

START_TEST(test_times)
{
	run(times[_i].body, true, PATIENCE);
	ck_assert_int_eq(result.has_time, times[_i].when != -1);
	if (times[_i].when != -1)
		ck_assert_int_eq(result.revoked_at, times[_i].when);
}
END_TEST

/* It is no zombie of ours either, as its parent is gone. */
static bool
is_alive(pid_t pid)
{
	return kill(pid, 0) == 0 || errno != ESRCH;
}

/* Each line that it wrote is the number of a process that must be gone. */
static void
assert_all_gone(unsigned count)
{
	unsigned seen = 0;

	for (char *p = strdup(said()), *line = strtok(p, "\n"); line != NULL; line = strtok(NULL, "\n"), seen++)
		ck_assert_msg(!is_alive((pid_t)atol(line)), "process %s is alive", line);
	ck_assert_uint_eq(seen, count);
}

static const char family[] =
	"echo $$\n"
	"sleep 1000 & echo $!\n"
	/* Another session, and one whose parent has left. */
	"setsid sh -c 'echo $$; trap \"\" TERM; sleep 1000' &\n"
	"sh -c 'setsid sh -c \"echo \\$\\$; exec sleep 1000\" & sleep 0.1'\n"
	"while [ $(wc -l < \"$0.said\") -lt 4 ]; do sleep 0.1; done\n";

START_TEST(test_hangs)
{
	char body[1000];

	/* It says who it is only when all are there. */
	snprintf(body, sizeof body, "exec 3>&1 > \"$0.said\"\n%scat \"$0.said\" >&3; rm \"$0.said\"; sleep 1000", family);
	run(body, false, 10);
	ck_assert_int_eq(result.outcome, COMMAND_PERSON);
	ck_assert_str_eq(result.reason.code, "command-time-limit");
	assert_all_gone(4);
}
END_TEST

START_TEST(test_leaves_children)
{
	char body[1000];

	snprintf(body, sizeof body, "exec 3>&1 > \"$0.said\"\n%scat \"$0.said\" >&3; rm \"$0.said\"", family);
	run(body, false, PATIENCE);
	ck_assert_int_eq(result.outcome, COMMAND_DONE);
	assert_all_gone(4);
}
END_TEST

/* The worker's children may not look into each other, which must not hinder the warden. */
START_TEST(test_leaves_children_undumpable)
{
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(folder, 65534, 65534), 0);
		ck_assert_int_eq(setuid(65534), 0);
	}
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	run("setsid sleep 1000 > /dev/null 2>&1 & echo $!", false, PATIENCE);
	ck_assert_int_eq(result.outcome, COMMAND_DONE);
	assert_all_gone(1);
}
END_TEST

START_TEST(test_floods)
{
	run("head -c 3000000 /dev/zero | tr '\\0' x; echo revoked-at=2026-01-26T14:38:03Z", false, PATIENCE);
	ck_assert_int_eq(result.outcome, COMMAND_DONE);
	ck_assert(result.output_cut);
	ck_assert_uint_eq(result.output.len, COMMAND_OUTPUT_MAX);
	ck_assert(!result.has_time);
}
END_TEST

START_TEST(test_floods_without_end)
{
	run("exec yes", true, 2);
	ck_assert_int_eq(result.outcome, COMMAND_TRY_AGAIN);
	ck_assert_str_eq(result.reason.code, "command-time-limit");
	ck_assert_uint_eq(result.output.len, COMMAND_OUTPUT_MAX);
}
END_TEST

/* Less than the limit is kept whole, though the writer ends at once. */
START_TEST(test_output_is_whole)
{
	run("head -c 16384 /dev/zero | tr '\\0' x", false, PATIENCE);
	ck_assert(!result.output_cut);
	ck_assert_uint_eq(result.output.len, COMMAND_OUTPUT_MAX);
}
END_TEST

/* That nobody reads any more what it writes is no reason to think that it has ended. */
START_TEST(test_closes_its_output)
{
	run("exec > /dev/null 2>&1; sleep 0.2; exit 3", false, PATIENCE);
	ck_assert_int_eq(result.outcome, COMMAND_ALREADY);
}
END_TEST

START_TEST(test_we_are_killed)
{
	char path[80], line[32] = "";
	int ends[2];
	FILE *f;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		run("echo $$ > \"$0.pid\"; mv \"$0.pid\" \"$0.ready\"; sleep 1000", true, PATIENCE);
		_exit(0);
	}
	snprintf(path, sizeof path, "%s.ready", script);
	while ((f = fopen(path, "r")) == NULL)
		usleep(10000);
	ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
	fclose(f);
	unlink(path);
	ck_assert(is_alive((pid_t)atol(line)));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* Whoever waits for ever here is stopped by the test's time limit. */
	while (is_alive((pid_t)atol(line)))
		usleep(10000);
}
END_TEST

/* Without its warden a command must not run on. Here it becomes our child, to be looked at. */
START_TEST(test_warden_is_killed)
{
	int status;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	run("echo $$; kill -KILL $PPID; exec sleep 1000", true, PATIENCE);
	ck_assert_str_eq(result.reason.code, "command-lost");
	ck_assert_int_gt(waitpid((pid_t)atol(said()), &status, 0), 0);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
END_TEST

static void
try_without_running(const struct command *c, const char *code, const char *words)
{
	command_run(c, &values, &result);
	ck_assert_int_eq(result.outcome, COMMAND_TRY_AGAIN);
	ck_assert_str_eq(result.reason.code, code);
	ck_assert_msg(strstr(result.reason.words, words) != NULL, "%s", result.reason.words);
	ck_assert_uint_eq(result.output.len, 0);
	command_result_free(&result);
}

START_TEST(test_cannot_be_run)
{
	char *arguments[] = {script}, *files[] = {secret};
	struct command c = {.arguments = arguments, .argument_count = 1, .time_limit = PATIENCE};

	try_without_running(&c, "command-file", "No such file");
	write_file(script, "#!/bin/sh\necho ran\n", 0600);
	try_without_running(&c, "command-file", "no program");
	write_file(script, "#!/bin/sh\necho ran\n", 0722);
	try_without_running(&c, "command-file", "by others");
	write_file(script, "#!/no/such/interpreter\n", 0700);
	try_without_running(&c, "command-start", "No such file");
	write_file(script, "#!/bin/sh\necho ran\n", 0700);
	c.files = files;
	c.file_count = 1;
	try_without_running(&c, "file", "No such file");
	write_file(secret, "password", 0640);
	try_without_running(&c, "file-mode", "group or others");
	write_file(secret, "password", 0600);
	command_run(&c, &values, &result);
	ck_assert_int_eq(result.outcome, COMMAND_DONE);
}
END_TEST

static const struct command_values wrong_values[] = {
	{.issuer_file = "issuer.pem", .serial = "01", .reason = "superseded", .key = "1"},
	{.issuer_file = "/i", .serial = "", .reason = "superseded", .key = "1"},
	{.issuer_file = "/i", .serial = "-config", .reason = "superseded", .key = "1"},
	{.issuer_file = "/i", .serial = "0x01", .reason = "superseded", .key = "1"},
	{.issuer_file = "/i", .serial = "01 ", .reason = "superseded", .key = "1"},
	{.issuer_file = "/i", .serial = "00112233445566778899AABBCCDDEEFF001122334", .reason = "superseded", .key = "1"},
	{.issuer_file = "/i", .serial = "01", .reason = "", .key = "1"},
	{.issuer_file = "/i", .serial = "01", .reason = "-engine", .key = "1"},
	{.issuer_file = "/i", .serial = "01", .reason = "key Compromise", .key = "1"},
	{.issuer_file = "/i", .serial = "01", .reason = "superseded", .key = ""},
	{.issuer_file = "/i", .serial = "01", .reason = "superseded", .key = "../1"},
	{.issuer_file = "/i", .serial = "01", .reason = "superseded", .key = "1/2"},
	{.issuer_file = "/i", .serial = "01", .reason = "superseded", .key = "1\n2"},
};

START_TEST(test_wrong_values)
{
	char *arguments[] = {"/bin/echo", "%s"};
	struct command c = {.arguments = arguments, .argument_count = 2, .time_limit = PATIENCE};

	command_run(&c, &wrong_values[_i], &result);
	ck_assert_int_eq(result.outcome, COMMAND_PERSON);
	ck_assert_str_eq(result.reason.code, "command-value");
	ck_assert_uint_eq(result.output.len, 0);
}
END_TEST

/* The program's path is what it is. */
START_TEST(test_percent_in_path)
{
	char *arguments[] = {script};
	struct command c = {.arguments = arguments, .argument_count = 1, .time_limit = PATIENCE};

	snprintf(script, sizeof script, "%s/100%%s%%%%", folder);
	write_file(script, "#!/bin/sh\necho \"$0\"\n", 0700);
	command_run(&c, &values, &result);
	ck_assert_int_eq(result.outcome, COMMAND_DONE);
	ck_assert(strncmp(said(), script, strlen(script)) == 0);
}
END_TEST

START_TEST(test_check)
{
	char *relative[] = {"revoke"}, *unknown[] = {"/bin/revoke", "%x"}, *ends[] = {"/bin/revoke", "100%"};
	char *good[] = {"/bin/100%", "%%%s%%%i"}, *file[] = {"secret"};
	struct command c = {.arguments = good, .argument_count = 2, .time_limit = 1};

	ck_assert_int_eq(command_check(&c, NULL), ANSWER_YES);
	c.time_limit = 0;
	ck_assert_int_eq(command_check(&c, NULL), ANSWER_NO);
	c.time_limit = COMMAND_SECONDS_MAX + 1;
	ck_assert_int_eq(command_check(&c, NULL), ANSWER_NO);
	c.time_limit = COMMAND_SECONDS_MAX;
	c.argument_count = 0;
	ck_assert_int_eq(command_check(&c, NULL), ANSWER_NO);
	c.argument_count = 2;
	c.arguments = unknown;
	ck_assert_int_eq(command_check(&c, NULL), ANSWER_NO);
	c.arguments = ends;
	ck_assert_int_eq(command_check(&c, NULL), ANSWER_NO);
	c.arguments = relative;
	c.argument_count = 1;
	ck_assert_int_eq(command_check(&c, NULL), ANSWER_NO);
	c.arguments = good;
	ck_assert_int_eq(command_check(&c, NULL), ANSWER_YES);
	c.files = file;
	c.file_count = 1;
	ck_assert_int_eq(command_check(&c, NULL), ANSWER_NO);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("command");
	TCase *c = tcase_create("command");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, PATIENCE);
	tcase_add_test(c, test_arguments);
	tcase_add_test(c, test_no_shell);
	tcase_add_test(c, test_surroundings);
	tcase_add_loop_test(c, test_statuses, 0, COUNT(statuses));
	tcase_add_loop_test(c, test_times, 0, COUNT(times));
	tcase_add_test(c, test_hangs);
	tcase_add_test(c, test_leaves_children);
	tcase_add_test(c, test_leaves_children_undumpable);
	tcase_add_test(c, test_floods);
	tcase_add_test(c, test_floods_without_end);
	tcase_add_test(c, test_output_is_whole);
	tcase_add_test(c, test_closes_its_output);
	tcase_add_test(c, test_we_are_killed);
	tcase_add_test(c, test_warden_is_killed);
	tcase_add_test(c, test_cannot_be_run);
	tcase_add_loop_test(c, test_wrong_values, 0, COUNT(wrong_values));
	tcase_add_test(c, test_percent_in_path);
	tcase_add_test(c, test_check);
	suite_add_tcase(s, c);
	return unit_run(s);
}
