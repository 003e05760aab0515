#include "base/control.h"

#include <errno.h>
#include <sys/socket.h>

int
control_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
}

int
control_send(int end, enum control_message message)
{
	unsigned char byte = (unsigned char)message;
	ssize_t n;

	do {
		n = send(end, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n == -1 && errno == EINTR);
	return n == 1 ? 0 : -1;
}

enum control_message
control_receive(int end)
{
	unsigned char byte;
	ssize_t n;

	do {
		n = recv(end, &byte, 1, MSG_DONTWAIT);
	} while (n == -1 && errno == EINTR);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return CONTROL_NONE;
	if (n != 1)
		return CONTROL_GONE;
	switch (byte) {
	case CONTROL_RELOAD:
	case CONTROL_STOP:
	case CONTROL_UP:
	case CONTROL_KEPT:
	case CONTROL_ERROR:
		return (enum control_message)byte;
	default:
		return CONTROL_GONE;
	}
}
