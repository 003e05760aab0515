/* control: what supervisor and its children say to each other.
 *
 * A SOCK_SEQPACKET pair, one byte a message. The supervisor keeps one end, the
 * child gets the other. End of file on either end means that the other process
 * is gone, whatever it died of. Any thread may use an end, one at a time.
 */
#ifndef BASE_CONTROL_H
#define BASE_CONTROL_H

enum control_message {
	/* to the child */
	CONTROL_RELOAD = 'R', /* read the configuration anew; answered by KEPT or ERROR */
	CONTROL_STOP = 'S',   /* finish what is in hand, then exit */
	/* from the child */
	CONTROL_UP = 'U',     /* loaded and serving */
	CONTROL_KEPT = 'K',   /* the new configuration is in force */
	CONTROL_ERROR = 'E',  /* the new one is broken, the old one stays in force */
	/* results of control_receive() */
	CONTROL_NONE = 0,     /* nothing has come (the end is non-blocking) */
	CONTROL_GONE = -1,    /* the other process is gone, or what came was no message of ours */
};

/* [0] for the supervisor, [1] for the child; close-on-exec, non-blocking. 0, or -1 with errno. */
int control_pair(int ends[2]);
/* 0, or -1 where the other process is gone or takes nothing. Never raises SIGPIPE. */
int control_send(int end, enum control_message message);
/* Never waits: poll() for POLLIN first. */
enum control_message control_receive(int end);

#endif
