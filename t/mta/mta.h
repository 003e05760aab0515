/* mta: the MTA's side of the milter protocol, scripted, for tests and the bench.
 *
 * It speaks version 6 over unix and inet sockets as Postfix 3.7 does. What is said
 * below was read in Postfix's milter8.c and cleanup_milter.c, and test_postfix.py holds
 * most of it against a Postfix that runs:
 *
 *  - All actions and protocol steps are offered. A filter that asks for
 *    SMFIP_HDR_LEADSPC is given header values with their leading blank, another
 *    one without one blank (not a tab).
 *  - Folds in a header value are "\n" on the wire, and NUL ends a value.
 *  - A client without a name is "[address]" with connect, "unknown" in macros.
 *  - Macros: each event has Postfix's default list; a filter's own list
 *    (SMFIF_SETSYMLIST) takes its place. Names without a value are left out and
 *    an empty list is not sent.
 *  - {i}, the queue id, exists in smtpd only after the first recipient was
 *    accepted: with the second RCPT, DATA, end of header, end of message.
 *  - Locally submitted mail (pickup; `local` below) comes from cleanup, which
 *    plays an SMTP client: connect is "localhost", AF_INET, 127.0.0.1, port 0; HELO
 *    is "localhost"; addresses have no angle brackets ("" is the null sender);
 *    {i} is there from MAIL on; there is no {auth_*}, and {daemon_name} is
 *    $milter_macro_daemon_name. A refused RCPT there defers the whole message: it
 *    stays in maildrop.
 *  - The body goes in chunks of 65535 octets, the last one inside the end-of-body
 *    command. Sendmail sends it as a body command of its own (`tail_in_body`).
 *  - At end of message: changing a field counts fields of that name from 1
 *    without letter case, without the MTA's own Received (0 means 1); changing one that is
 *    not there adds it; an empty value deletes. Inserting counts all fields, the
 *    MTA's own Received included: 0 is above it, 1 below it; past the end adds.
 *  - Quarantine is an answer of sorts: filters after the one that says it do not get
 *    the end of that message, so they change nothing in it, held or let go later.
 *  - After the first chunk of a new body every other packet, progress too, ends
 *    the body; a further chunk is then a protocol error.
 *
 * A connection is used by one thread; several connections by several threads.
 * Nothing here exits or waits for ever: each wait has a deadline in ms.
 */
#ifndef MTA_H
#define MTA_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdint.h>
#include <sys/types.h>

#define MTA_VERSION 6
#define MTA_ACTIONS 0x1ffu     /* SMFIF_*: all of version 6 */
#define MTA_STEPS 0x1fffffu    /* SMFIP_*: all of version 6 */
#define MTA_CHUNK 65535u       /* MILTER_CHUNK_SIZE */
#define MTA_PACKET_MAX 1100000u /* octets of one packet that is read */
#define MTA_FIELDS_MAX 1000000u
#define MTA_CHANGES_MAX 1000000u
#define MTA_MESSAGE_MAX ((size_t)1 << 31)

enum mta_action { /* SMFIF_* */
	MTA_ADDHDRS = 0x1, MTA_CHGBODY = 0x2, MTA_ADDRCPT = 0x4, MTA_DELRCPT = 0x8, MTA_CHGHDRS = 0x10,
	MTA_QUARANTINE = 0x20, MTA_CHGFROM = 0x40, MTA_ADDRCPT_PAR = 0x80, MTA_SETSYMLIST = 0x100,
};

enum mta_step { /* SMFIP_* */
	MTA_NOCONNECT = 0x1, MTA_NOHELO = 0x2, MTA_NOMAIL = 0x4, MTA_NORCPT = 0x8, MTA_NOBODY = 0x10,
	MTA_NOHDRS = 0x20, MTA_NOEOH = 0x40, MTA_NR_HDR = 0x80, MTA_NOUNKNOWN = 0x100, MTA_NODATA = 0x200,
	MTA_SKIP = 0x400, MTA_RCPT_REJ = 0x800, MTA_NR_CONN = 0x1000, MTA_NR_HELO = 0x2000, MTA_NR_MAIL = 0x4000,
	MTA_NR_RCPT = 0x8000, MTA_NR_DATA = 0x10000, MTA_NR_UNKN = 0x20000, MTA_NR_EOH = 0x40000,
	MTA_NR_BODY = 0x80000, MTA_HDR_LEADSPC = 0x100000,
};

/* What went wrong on a connection; it stays until the next mta_connect(). */
enum mta_trouble {
	MTA_FINE,
	MTA_UNREACHABLE, /* no connection could be made */
	MTA_LOST,        /* the filter closed it: what a killed filter looks like */
	MTA_TIMEOUT,     /* a deadline passed */
	MTA_PROTOCOL,    /* what the filter said is no milter protocol */
	MTA_LOCAL,       /* out of memory, or a limit of ours */
};

/* Where a script can stop. The connection is not read at that moment: what the
 * filter answers to the named command is still unread. A command that the filter
 * does not want is not sent, and its stage comes all the same. */
enum mta_stage {
	MTA_AT_CONNECTED,  /* socket connected, nothing said */
	MTA_AT_NEGOTIATED, /* options settled */
	MTA_AT_HELO,       /* connect was answered, HELO is sent */
	MTA_AT_MAIL,       /* MAIL is sent */
	MTA_AT_RCPT,       /* the first RCPT is sent */
	MTA_AT_DATA,       /* DATA is sent */
	MTA_AT_HEADER,     /* the first field is sent */
	MTA_AT_EOH,        /* end of header is sent */
	MTA_AT_BODY,       /* the first body chunk is sent; a body that goes in the end-of-body command never comes here */
	MTA_AT_EOB,        /* end of body is sent */
	MTA_AT_CHANGE,     /* the first modification was read, the others wait */
	MTA_AT_REPLBODY,   /* so many octets of the new body were read, others wait */
	MTA_AT_DONE,       /* the verdict on the message was read */
	MTA_STAGES,
};
/* "connected", "eob-sent" and so on; NULL past the end. */
const char *mta_stage_name(enum mta_stage stage);

struct mta_limits { /* ms */
	int connect;
	int command; /* each answer before the content; Postfix: 30 s */
	int content; /* each answer from the first header field on; Postfix: 300 s */
};
#define MTA_LIMITS_POSTFIX ((struct mta_limits){30000, 30000, 300000})

#define MTA_SYMLISTS 7 /* connect, HELO, MAIL, RCPT, DATA, end of message, end of header (SMFIM_*) */

struct mta_negotiated {
	uint32_t version;
	uint32_t actions; /* SMFIF_* that the filter asked for */
	uint32_t steps;   /* SMFIP_* that the filter asked for */
	char *symbols[MTA_SYMLISTS]; /* its own macro lists; NULL: none */
};

struct mta;

/* ---- one connection ------------------------------------------------------- */

/* NULL: out of memory. */
struct mta *mta_new(struct mta_limits limits);
void mta_free(struct mta *m); /* closes; NULL is safe */
enum mta_trouble mta_trouble(const struct mta *m);
const char *mta_trouble_name(enum mta_trouble trouble);
const char *mta_error(const struct mta *m); /* in words; "" where all is fine */
const struct mta_negotiated *mta_negotiated(const struct mta *m);

/* Called once, when the stage is reached for the first time on this m; octets is for
 * MTA_AT_REPLBODY only. The callback may kill whom it likes and takes as long as
 * it likes; afterwards the script goes on and meets the consequences. */
typedef void mta_stopped(struct mta *m, void *arg);
void mta_stop_at(struct mta *m, enum mta_stage stage, size_t octets, mta_stopped *call, void *arg);
bool mta_was_at(const struct mta *m, enum mta_stage stage); /* any stage, stopped there or not */
void mta_reach(struct mta *m, enum mta_stage stage, size_t octets); /* for whoever scripts packet by packet */

/* "unix:/path", "local:/path", "inet:port@host" or "inet6:port@host". The
 * receive buffer is made small, so that a filter cannot write far ahead (on a unix socket
 * it is the filter's own send buffer, some 200 KiB, that bounds it). False: mta_trouble(). */
bool mta_connect(struct mta *m, const char *socket);
void mta_close(struct mta *m); /* without a word */
bool mta_negotiate(struct mta *m, uint32_t version, uint32_t actions, uint32_t steps);

/* Packets: a length in four octets, a code, data. mta_read() lends the data until
 * the next call; the deadline (ms) is for the whole packet. */
bool mta_write(struct mta *m, char code, struct slice data);
bool mta_write_raw(struct mta *m, struct slice bytes);
bool mta_read(struct mta *m, char *code, struct slice *data, int deadline);

/* ---- one message ---------------------------------------------------------- */

struct mta_macro {
	const char *name; /* as on the wire: "i", "{auth_authen}" */
	const char *value;
};

/* All borrowed. Zero and NULL mean what the comment says. */
struct mta_message {
	bool local;               /* as Postfix's cleanup plays pickup's mail, see above */
	const char *client_name;  /* none is known: "[address]" with connect, "unknown" in macros */
	const char *client_address; /* "127.0.0.1"; its form gives the family; "" is AF_UNSPEC, "/path" AF_UNIX */
	unsigned client_port;
	const char *helo;         /* "localhost" */
	const char *host;         /* {j}: "mta.test" */
	const char *daemon_name;  /* {daemon_name}: same as host */
	const char *auth_login;   /* {auth_authen}: none */
	const char *auth_type;    /* "PLAIN" where there is a login */
	const char *queue_id;     /* "4Test" */
	const struct mta_macro *macros; /* win over the above; unknown names go with connect */
	size_t macro_count;
	const char *sender;       /* "user@host" without brackets, "" or NULL: null sender */
	const char *const *mail_parameters; /* "BODY=8BITMIME", "SMTPUTF8" */
	size_t mail_parameter_count;
	const char *const *recipients; /* without brackets */
	size_t recipient_count;
	struct slice header;      /* without the empty line; line ends LF or CRLF */
	struct slice body;        /* as it goes over the wire, CRLF */
	size_t chunk;             /* octets of a body chunk; 0: MTA_CHUNK */
	bool tail_in_body;        /* the last chunk is a body command too, as Sendmail does it */
	bool discard_body;        /* a new body is counted, not kept */
};

/* A whole message parted as Postfix does it: at its first empty line, which belongs
 * to neither, or before the first line that is no header field. */
void mta_split(struct slice message, struct slice *header, struct slice *body);

#define MTA_TEXT_MAX 1024

struct mta_reply {
	char code; /* SMFIR_*: a c d r t y s; 0: none came */
	char text[MTA_TEXT_MAX]; /* of y: "550 5.7.1 words" */
};

struct mta_change {
	char code;      /* SMFIR_*: h i m + - 2 e q */
	uint32_t index; /* of i and m */
	char *name;     /* of h i m; address of + - 2 e; reason of q */
	char *value;    /* of h i m, parameters of 2 and e; NULL: none */
};

enum mta_verdict {
	MTA_ACCEPTED, /* accept or continue at the end, or accept earlier */
	MTA_REJECTED,
	MTA_TEMPFAILED,
	MTA_DISCARDED,
	MTA_REPLIED,  /* text of its own: reply.text */
	MTA_NO_RECIPIENT, /* every recipient was refused; the message was not sent */
	MTA_BROKEN,   /* no answer: mta_trouble() says why. Postfix then does milter_default_action */
};
const char *mta_verdict_name(enum mta_verdict verdict);

struct mta_result {
	enum mta_verdict verdict;
	enum mta_trouble trouble; /* where the verdict is MTA_BROKEN */
	enum mta_stage stage;     /* the last one that was reached */
	struct mta_reply reply;   /* the deciding one */
	struct mta_reply *recipients; /* one each, in order */
	size_t recipient_count;   /* = the message's */
	size_t recipients_accepted;
	struct mta_change *changes; /* in order; the body's place is not kept, Postfix does it at its own */
	size_t change_count;
	size_t change_room;
	unsigned progress;        /* how often the filter asked for patience */
	bool exact_values;        /* values come with their leading blank (SMFIP_HDR_LEADSPC) */
	bool body_replaced;
	size_t body_chunks;
	size_t body_octets;       /* of the new body, as received */
	struct buf body;          /* the new body as received; empty with discard_body */
	uint64_t content_us;      /* from end of body sent to the verdict */
	uint64_t total_us;        /* from MAIL (or connect, where mta_send() did it) to the verdict */
};
void mta_result_clear(struct mta_result *r); /* frees what is in it; a zeroed one is safe */

/* Sends one message over m, which is connected and negotiated. The first call
 * tells connect and HELO first; further calls are further messages of the same
 * client. True: the verdict is an answer. False: MTA_BROKEN, m is of no more use.
 * r is filled in either way and is the caller's to clear. */
bool mta_send(struct mta *m, const struct mta_message *message, struct mta_result *r);
/* Says goodbye and closes. */
void mta_quit(struct mta *m);

/* The message as Postfix would queue it: changes done to header and body, CRLF
 * line ends throughout. False: out of memory or past MTA_MESSAGE_MAX. received is the MTA's own
 * field (without its line end) which no filter sees, or NULL: left out, but still counted. */
bool mta_result_message(const struct mta_message *message, const struct mta_result *r, const char *received,
	struct buf *out);

#endif
