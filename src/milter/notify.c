#include "milter/notify.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* A service manager that does not read is not waited for longer: signals and
 * children must be seen to. */
#define NOTIFY_SECONDS 1

int
notify_send(const char *address, const char *state)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = NOTIFY_SECONDS};
	size_t len;
	ssize_t n;
	int fd, problem;

	if (address == NULL)
		return 0;
	len = strlen(address);
	if (len < 2 || len >= sizeof to.sun_path || (*address != '/' && *address != '@')) {
		errno = EINVAL;
		return -1;
	}
	memcpy(to.sun_path, address, len);
	if (*address == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	n = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	problem = errno;
	close(fd);
	errno = problem;
	return n == -1 ? -1 : 0;
}
