/* wire: what mta.c and send.c share; see mta.h for the interface. */
#ifndef WIRE_H
#define WIRE_H

#include "mta.h"

struct mta {
	int fd; /* -1: closed */
	struct mta_limits limits;
	enum mta_trouble trouble;
	char error[256];
	struct mta_negotiated negotiated;
	struct buf in;   /* the packet last read */
	bool introduced; /* connect and HELO were told */
	enum mta_stage stage;
	bool reached[MTA_STAGES];
	enum mta_stage stop; /* MTA_STAGES: nowhere */
	size_t stop_octets;
	mta_stopped *stop_call;
	void *stop_arg;
};

/* A header field with LF between its lines and none at its end. */
struct field {
	char *text;      /* NUL-terminated, and may hold further NULs */
	size_t len;
	size_t name_len;
	size_t value;    /* where the value begins, after the colon */
};

struct fields {
	struct field *item;
	size_t count;
	size_t room;
};

/* False: out of memory, a limit, or a line that is no field. */
bool fields_parse(struct fields *f, struct slice header);
void fields_free(struct fields *f);

/* Notes the first trouble; always false. */
bool mta_fail(struct mta *m, enum mta_trouble trouble, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
uint64_t mta_now_us(void);

static inline void
put_u32(unsigned char *to, uint32_t v)
{
	to[0] = (unsigned char)(v >> 24);
	to[1] = (unsigned char)(v >> 16);
	to[2] = (unsigned char)(v >> 8);
	to[3] = (unsigned char)v;
}

static inline uint32_t
get_u32(const unsigned char *from)
{
	return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

#endif
