#include "revocation/warden.h"

#include "base/deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_SIZE 8192
#define SPARE_DESCRIPTOR 10 /* above those that the warden uses */
#define KILL_PAUSE 5        /* ms between two looks whether all are gone */

/* Who reads and who writes. */
struct pipe_ends {
	int in;
	int out;
};

struct pipes {
	struct pipe_ends output; /* what the program writes */
	struct pipe_ends report; /* struct warden_report, from warden or program; its end is the warden's */
	struct pipe_ends life;   /* nothing is written: its end tells the warden that it is over */
};

/* The warden. Forked from a process that may have threads, so that from here on only
 * system calls are made, and all memory is there already. */

enum { WARDEN_NULL, WARDEN_OUTPUT, WARDEN_ERRORS, WARDEN_LIFE, WARDEN_REPORT, WARDEN_DESCRIPTORS };

static void
tell(enum warden_end end, int value)
{
	struct warden_report report = {.end = end, .value = value};

	/* Shorter than PIPE_BUF, so it is written whole; and if nobody listens, nobody wants to know. */
	if (write(WARDEN_REPORT, &report, sizeof report) == -1)
		_exit(1);
}

/* Descriptors to their places, and all others closed. */
static bool
settle(const struct pipes *p)
{
	int from[WARDEN_DESCRIPTORS] = {open("/dev/null", O_RDONLY), p->output.out, p->output.out, p->life.in,
		p->report.out};

	for (int i = 0; i < WARDEN_DESCRIPTORS; i++)
		if (from[i] == -1 || (from[i] = fcntl(from[i], F_DUPFD, SPARE_DESCRIPTOR)) == -1)
			return false;
	for (int i = 0; i < WARDEN_DESCRIPTORS; i++)
		if (i <= WARDEN_ERRORS ? dup2(from[i], i) == -1 : dup3(from[i], i, O_CLOEXEC) == -1)
			return false;
	return close_range(WARDEN_DESCRIPTORS, ~0U, 0) == 0;
}

static _Noreturn void
become_program(char *const argv[], pid_t warden)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C", zone[] = "TZ=UTC";
	static char *const environment[] = {path, locale, zone, NULL};
	sigset_t none;

	setpgid(0, 0);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Where the warden itself is killed, this is what is left to do; it may be gone already. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == warden && chdir("/") == 0)
		execve(argv[0], argv, environment);
	tell(WARDEN_NOT_STARTED, errno);
	_exit(127);
}

/* Our children, killed. False: they cannot be listed. A list that is cut is not the last one. */
static bool
kill_children(void)
{
	char text[READ_SIZE];
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	ssize_t n;
	pid_t pid = 0;

	if (fd == -1)
		return false;
	n = read(fd, text, sizeof text);
	close(fd);
	for (ssize_t i = 0; i < n; i++) {
		if (text[i] >= '0' && text[i] <= '9') {
			pid = pid * 10 + (text[i] - '0');
			continue;
		}
		if (pid > 0)
			kill(pid, SIGKILL);
		pid = 0;
	}
	return n >= 0;
}

/* The children of one that is killed become ours, so it ends when we have none. */
static void
kill_all(pid_t program)
{
	pid_t pid;

	kill(-program, SIGKILL);
	kill(program, SIGKILL);
	while ((pid = waitpid(-1, NULL, WNOHANG)) != -1) {
		if (pid > 0)
			continue;
		if (!kill_children())
			return;
		poll(NULL, 0, KILL_PAUSE);
	}
}

/* Has the program ended? It is not reaped, so that its number stays its own. */
static bool
has_ended(pid_t program, siginfo_t *info)
{
	info->si_pid = 0;
	return waitid(P_PID, (id_t)program, info, WEXITED | WNOHANG | WNOWAIT) == 0 && info->si_pid == program;
}

static void
guard(pid_t program, int children)
{
	struct pollfd fds[] = {{.fd = WARDEN_LIFE, .events = POLLIN}, {.fd = children, .events = POLLIN}};
	struct signalfd_siginfo ignored;
	siginfo_t info;

	/* It may have ended before this descriptor was made, so look first. */
	while (!has_ended(program, &info)) {
		if (poll(fds, 2, -1) == -1 && errno != EINTR)
			break;
		if (fds[0].revents != 0)
			break;
		if (fds[1].revents != 0 && read(children, &ignored, sizeof ignored) == -1)
			break;
	}
	kill_all(program);
	if (info.si_pid == program)
		tell(info.si_code == CLD_EXITED ? WARDEN_EXITED : WARDEN_SIGNAL, info.si_status);
}

/* All signals are blocked: it has to outlive those that are for everybody. */
static _Noreturn void
become_warden(const struct pipes *p, char *const argv[])
{
	pid_t self = getpid(), program;
	sigset_t child;
	int children;

	if (!settle(p))
		_exit(1);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	/* Where it is ignored, the kernel reaps. */
	if (setpgid(0, 0) != 0 || signal(SIGCHLD, SIG_DFL) == SIG_ERR ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0 || (children = signalfd(-1, &child, SFD_CLOEXEC)) == -1 ||
	    (program = fork()) == -1) {
		tell(WARDEN_NOT_STARTED, errno);
		_exit(1);
	}
	if (program == 0)
		become_program(argv, self);
	guard(program, children);
	_exit(0);
}

/* Our side */

static bool
open_pipe(struct pipe_ends *ends)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	*ends = (struct pipe_ends){.in = fds[0], .out = fds[1]};
	return true;
}

static void
close_end(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void
close_pipes(struct pipes *p)
{
	close_end(&p->output.in);
	close_end(&p->output.out);
	close_end(&p->report.in);
	close_end(&p->report.out);
	close_end(&p->life.in);
	close_end(&p->life.out);
}

/* Without signals from before the fork on, so that no handler of ours runs in the warden. */
static pid_t
fork_warden(const struct pipes *p, char *const argv[])
{
	sigset_t all, before;
	pid_t pid;
	int why;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	why = errno;
	if (pid == 0)
		become_warden(p, argv);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = why;
	return pid;
}

/* What is there to be read now. False: nothing more will come. */
static bool
read_output(int fd, struct buf *output, bool *cut)
{
	unsigned char text[READ_SIZE];
	ssize_t n;

	while ((n = read(fd, text, sizeof text)) > 0 || (n == -1 && errno == EINTR)) {
		size_t len = n > 0 ? (size_t)n : 0, room = output->limit - output->len;

		*cut = *cut || len > room;
		buf_add(output, text, len < room ? len : room);
		/* One that never stops writing must not keep us from looking at the clock. */
		if (len == sizeof text)
			return true;
	}
	return n == -1 && errno == EAGAIN;
}

/* Until the warden has left. */
static void
watch(struct pipes *p, unsigned seconds, struct buf *output, struct warden_report *report)
{
	struct timespec deadline = deadline_in(seconds * 1000L);
	struct warden_report told;
	bool cut = false;
	ssize_t n = -1;

	*report = (struct warden_report){.end = WARDEN_LOST};
	while (n != 0) {
		struct pollfd fds[] = {{.fd = p->report.in, .events = POLLIN}, {.fd = p->output.in, .events = POLLIN}};
		long left = p->life.out == -1 ? -1 : deadline_left(&deadline);

		if (left == 0) {
			close_end(&p->life.out);
			report->end = WARDEN_TIME_LIMIT;
			continue;
		}
		if (poll(fds, 2, (int)left) == -1)
			continue;
		if (fds[1].revents != 0 && !read_output(p->output.in, output, &cut))
			close_end(&p->output.in);
		if (fds[0].revents == 0 || (n = read(p->report.in, &told, sizeof told)) != (ssize_t)sizeof told)
			continue;
		/* What the program says of itself comes first: that it could not be started. */
		if (report->end != WARDEN_NOT_STARTED)
			*report = told;
	}
	while (p->output.in != -1 && poll(&(struct pollfd){.fd = p->output.in, .events = POLLIN}, 1, 0) > 0)
		if (!read_output(p->output.in, output, &cut))
			break;
	report->output_cut = cut;
}

static pid_t
start(struct pipes *p, char *const argv[])
{
	pid_t pid;

	if (!open_pipe(&p->output) || !open_pipe(&p->report) || !open_pipe(&p->life) ||
	    fcntl(p->output.in, F_SETFL, O_NONBLOCK) != 0)
		return -1;
	pid = fork_warden(p, argv);
	if (pid != -1) {
		close_end(&p->output.out);
		close_end(&p->report.out);
		close_end(&p->life.in);
	}
	return pid;
}

void
warden_run(char *const argv[], unsigned seconds, struct buf *output, struct warden_report *report)
{
	struct pipes p = {{-1, -1}, {-1, -1}, {-1, -1}};
	pid_t pid = start(&p, argv);

	if (pid == -1) {
		*report = (struct warden_report){.end = WARDEN_NOT_STARTED, .value = errno};
	} else {
		watch(&p, seconds, output, report);
		while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
			continue;
	}
	close_pipes(&p);
}
