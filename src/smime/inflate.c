#include "smime/inflate.h"

#include <limits.h>
#include <zlib.h>

#define CHUNK ((size_t)64 * 1024)
#define SCRATCH (16 * 1024) /* on the stack */

/* Content of the OBJECT IDENTIFIER id-alg-zlibCompress. */
#define ZLIB_COMPRESS "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x08"

struct inflating {
	z_stream z;
	struct buf *out; /* NULL: what comes is only counted */
	size_t len;      /* of out, or counted */
	size_t limit;
	unsigned char scratch[SCRATCH];
	bool ended;
	enum answer answer;
	struct error *err;
};

static bool
stop(struct inflating *i, int status)
{
	i->answer = status == Z_MEM_ERROR ?
		error_cant_tell(i->err, "memory", "no memory for inflating") :
		error_no(i->err, "malformed", "the compressed content is malformed");
	return false;
}

/* Room behind what is there; at the limit one octet of nobody's tells whether more would come. */
static int
inflate_some(struct inflating *i)
{
	size_t most = i->out == NULL ? SCRATCH : CHUNK, room = i->limit - i->len, n = room < most ? room : most;
	int status;

	if (n > 0 && i->out != NULL && !buf_reserve(i->out, n))
		return Z_MEM_ERROR;
	i->z.next_out = n > 0 && i->out != NULL ? i->out->data + i->len : i->scratch;
	i->z.avail_out = n > 0 ? (uInt)n : 1;
	status = inflate(&i->z, Z_NO_FLUSH);
	if (n > 0)
		i->len += n - i->z.avail_out;
	if (i->out != NULL)
		i->out->len = i->len;
	return status;
}

static bool
take_piece(struct slice piece, void *context)
{
	struct inflating *i = context;
	int status;

	if (piece.len > UINT_MAX)
		return stop(i, Z_DATA_ERROR);
	i->z.next_in = (unsigned char *)piece.data; /* only read, in spite of its type */
	i->z.avail_in = (uInt)piece.len;
	/* A full buffer may hide that there is more, without any input. */
	for (i->z.avail_out = 0; i->z.avail_in > 0 || (i->z.avail_out == 0 && !i->ended);) {
		bool full = i->len == i->limit;

		if (i->ended)
			return stop(i, Z_DATA_ERROR);
		status = inflate_some(i);
		if (full && i->z.avail_out == 0) {
			i->answer = error_no(i->err, "too-large", "the content would have more than %zu octets", i->limit);
			return false;
		}
		if (status == Z_BUF_ERROR)
			break;
		if (status != Z_OK && status != Z_STREAM_END)
			return stop(i, status);
		i->ended = status == Z_STREAM_END;
	}
	return true;
}

static enum answer
run(const struct structure *s, struct inflating *i)
{
	if (!slice_eq_str(s->cipher_oid, ZLIB_COMPRESS))
		return error_no(i->err, "unsupported", "the compression is not zlib");
	if (inflateInit(&i->z) != Z_OK)
		return error_cant_tell(i->err, "memory", "no memory for inflating");
	if (!s->has_content || !der_octets(&s->content, take_piece, i) || !i->ended)
		if (i->answer == ANSWER_YES)
			stop(i, Z_DATA_ERROR);
	inflateEnd(&i->z);
	return i->answer;
}

enum answer
inflate_content(const struct structure *s, struct buf *out, struct error *err)
{
	struct inflating i = {.out = out, .len = out->len, .limit = out->limit, .answer = ANSWER_YES, .err = err};
	size_t begin = out->len;
	enum answer answer = run(s, &i);

	if (answer != ANSWER_YES)
		out->len = begin;
	return answer;
}

enum answer
inflate_size(const struct structure *s, size_t limit, size_t *size, struct error *err)
{
	struct inflating i = {.limit = limit, .answer = ANSWER_YES, .err = err};
	enum answer answer = run(s, &i);

	*size = i.len;
	return answer;
}
