#include <config.h>

#include "base/log.h"
#include "config/config.h"
#include "milter/supervisor.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBLEMS_MAX (1024 * 1024) /* octets of text about one configuration */

static void
usage(void)
{
	fputs("usage: sealmilter [-ftV] [-c file]\n", stderr);
	exit(SUPERVISOR_MISUSED);
}

static void
note_problem(void *arg, const char *problem)
{
	buf_printf(arg, "sealmilter: %s\n", problem);
}

/* The first problem comes back last, when the others have been noted. */
static int
check_text(const char *path)
{
	struct error err = ERROR_NONE;
	struct config *config;
	struct buf further;
	enum answer answer;

	buf_init(&further, PROBLEMS_MAX);
	answer = config_parse(path, &config, note_problem, &further, &err);
	if (answer == ANSWER_YES)
		config_unref(config);
	else
		fprintf(stderr, "sealmilter: %s\n%.*s", err.words, SLICE_FMT(buf_slice(&further)));
	buf_free(&further);
	return answer == ANSWER_YES ? 0 : SUPERVISOR_MISUSED;
}

/* ---- into the background -------------------------------------------------- */

struct waiting {
	int status_fd; /* where the one who waits hears that all is up */
};

static void
say_up(void *arg)
{
	const struct waiting *w = arg;
	int null = open("/dev/null", O_RDWR);

	if (null != -1) {
		dup2(null, STDERR_FILENO);
		close(null);
	}
	if (write(w->status_fd, "", 1) != 1)
		log_event(LOG_WARNING, "start", "whoever started this did not wait for it");
	close(w->status_fd);
}

/* Hands on what the daemon says until it says that it is up, or leaves. */
static int
wait_for_daemon(pid_t pid, int text_fd, int status_fd)
{
	struct pollfd wait[2] = {{.fd = text_fd, .events = POLLIN}, {.fd = status_fd, .events = POLLIN}};
	char text[4096];
	int status;
	ssize_t n;

	for (;;) {
		if (poll(wait, 2, -1) == -1 && errno != EINTR)
			return SUPERVISOR_FAILED;
		if ((wait[0].revents & POLLIN) != 0 && (n = read(text_fd, text, sizeof text)) > 0) {
			fwrite(text, 1, (size_t)n, stderr);
			continue;
		}
		if (wait[1].revents != 0)
			break;
		if (wait[0].revents != 0)
			wait[0].fd = -1; /* closed by all who could say something */
	}
	if (read(status_fd, text, 1) == 1)
		return 0;
	/* It left without being up: no success, even where it was told to. */
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) == 0)
		return SUPERVISOR_FAILED;
	return WEXITSTATUS(status);
}

/* Returns in the daemon only. Its standard error goes to the one who waits. */
static void
detach(struct waiting *w)
{
	int text[2], status[2], null = open("/dev/null", O_RDWR);
	pid_t pid;

	if (null == -1 || pipe2(text, O_CLOEXEC) != 0 || pipe2(status, O_CLOEXEC) != 0 || (pid = fork()) == -1) {
		fprintf(stderr, "sealmilter: cannot go into the background: %s\n", strerror(errno));
		exit(SUPERVISOR_FAILED);
	}
	if (pid != 0) {
		close(text[1]);
		close(status[1]);
		exit(wait_for_daemon(pid, text[0], status[0]));
	}
	close(text[0]);
	close(status[0]);
	setsid();
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(text[1], STDERR_FILENO);
	close(text[1]);
	close(null);
	w->status_fd = status[1];
}

static int
run(const char *path, bool foreground)
{
	char *absolute = realpath(path, NULL);
	struct waiting waiting;
	struct supervisor_options options = {.config_path = absolute, .to_stderr = foreground};
	int status;

	if (absolute == NULL) {
		fprintf(stderr, "sealmilter: %s: %s\n", path, strerror(errno));
		return SUPERVISOR_MISUSED;
	}
	if (!foreground) {
		detach(&waiting);
		options.ready = say_up;
		options.arg = &waiting;
	}
	if (chdir("/") != 0)
		log_event(LOG_WARNING, "start", "cannot leave the current folder: %s", strerror(errno));
	status = supervisor_run(&options);
	free(absolute);
	return status;
}

int
main(int argc, char **argv)
{
	const char *path = CONFIG_FILE;
	bool foreground = false, check = false;
	int option;

	while ((option = getopt(argc, argv, "c:ftV")) != -1)
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 'f':
			foreground = true;
			break;
		case 't':
			check = true;
			break;
		case 'V':
			printf("sealmilter %s, %s\n", PACKAGE_VERSION, OpenSSL_version(OPENSSL_VERSION));
			return 0;
		default:
			usage();
		}
	if (optind != argc)
		usage();
	return check ? check_text(path) : run(path, foreground);
}
