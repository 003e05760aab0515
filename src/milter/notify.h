/* notify: systemd's service notification (sd_notify(3)) without its library.
 *
 * A datagram to the unix socket that the environment names.
 */
#ifndef MILTER_NOTIFY_H
#define MILTER_NOTIFY_H

/* address: the value of NOTIFY_SOCKET, a path or "@" and an abstract name; NULL
 * does nothing. state: "READY=1" and so on, one assignment a line. 0, or -1 with errno. */
int notify_send(const char *address, const char *state);

#endif
