#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST_CAPACITY 256

void
buf_init(struct buf *b, size_t limit)
{
	*b = (struct buf){.limit = limit};
}

void
buf_init_secret(struct buf *b, size_t limit)
{
	*b = (struct buf){.limit = limit, .secret = true};
}

void
buf_free(struct buf *b)
{
	if (b == NULL)
		return;
	if (b->secret && b->data != NULL)
		explicit_bzero(b->data, b->cap);
	free(b->data);
	*b = (struct buf){.limit = b->limit, .secret = b->secret};
}

void
buf_wipe(struct buf *b)
{
	if (b == NULL)
		return;
	if (b->data != NULL)
		explicit_bzero(b->data, b->cap);
	buf_free(b);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

/* realloc() would leave what it moves behind. NULL: no memory. */
static unsigned char *
grow_secret(struct buf *b, size_t cap)
{
	unsigned char *data = malloc(cap);

	if (data == NULL)
		return NULL;
	if (b->len > 0)
		memcpy(data, b->data, b->len);
	if (b->data != NULL)
		explicit_bzero(b->data, b->cap);
	free(b->data);
	return data;
}

bool
buf_reserve(struct buf *b, size_t n)
{
	size_t want, cap;
	unsigned char *data;

	if (b->failed || n > b->limit || b->len > b->limit - n) {
		b->failed = true;
		return false;
	}
	want = b->len + n;
	if (want <= b->cap)
		return true;
	cap = b->cap < BUF_FIRST_CAPACITY ? BUF_FIRST_CAPACITY : b->cap;
	while (cap < want)
		cap = cap > b->limit / 2 ? b->limit : cap * 2;
	data = b->secret ? grow_secret(b, cap) : realloc(b->data, cap);
	if (data == NULL) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

unsigned char *
buf_extend(struct buf *b, size_t n)
{
	unsigned char *at;

	if (!buf_reserve(b, n))
		return NULL;
	at = b->data + b->len;
	b->len += n;
	return at;
}

void
buf_add(struct buf *b, const void *data, size_t len)
{
	if (len > 0 && buf_reserve(b, len)) {
		memcpy(b->data + b->len, data, len);
		b->len += len;
	}
}

void
buf_add_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.data, s.len);
}

void
buf_add_str(struct buf *b, const char *text)
{
	buf_add_slice(b, slice_str(text));
}

void
buf_add_byte(struct buf *b, unsigned char c)
{
	buf_add(b, &c, 1);
}

void
buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	buf_vprintf(b, format, args);
	va_end(args);
}

void
buf_vprintf(struct buf *b, const char *format, va_list args)
{
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, args);
	/* vsnprintf wants one octet more than it counts, for its NUL. */
	if (n < 0 || !buf_reserve(b, (size_t)n + 1)) {
		b->failed = true;
	} else {
		vsnprintf((char *)b->data + b->len, (size_t)n + 1, format, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

bool
buf_failed(const struct buf *b)
{
	return b->failed;
}

struct slice
buf_slice(const struct buf *b)
{
	return slice_of(b->data, b->len);
}

const char *
buf_str(struct buf *b)
{
	if (b->len > 0 && memchr(b->data, 0, b->len) != NULL)
		return NULL;
	if (!buf_reserve(b, 1))
		return NULL;
	b->data[b->len] = '\0';
	return (const char *)b->data;
}
