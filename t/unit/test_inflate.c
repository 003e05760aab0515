/* Compressed content comes out whole, or not at all. */
#include "unit.h"

#include "smime/inflate.h"

#include <string.h>
#include <zlib.h>

#define SIZE 200000

static const unsigned char type[] = {0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 9};
static const unsigned char inner[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1};
static const unsigned char zlib[] = {0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 3, 8};
static const unsigned char version[] = {DER_INTEGER, 1, 0};

static unsigned char plain[SIZE], packed[SIZE];

static size_t
pack(void)
{
	uLongf len = sizeof packed;

	memset(plain, 'x', sizeof plain);
	memcpy(plain, "before all the others", 21);
	ck_assert_int_eq(compress2(packed, &len, plain, sizeof plain, 9), Z_OK);
	return len;
}

/* One OCTET STRING, or one of each octet within a constructed one. */
static void
build(struct slice content, bool pieces, unsigned char algorithm, struct buf *der)
{
	size_t n = pieces ? 3 * content.len : content.len, in = sizeof inner + der_size(der_size(n));
	size_t data = sizeof version + der_size(sizeof zlib) + der_size(in);

	buf_init(der, (size_t)1 << 22);
	der_add_header(DER_SEQUENCE, sizeof type + der_size(der_size(data)), der);
	buf_add(der, type, sizeof type);
	der_add_header(DER_CONTEXT_CONSTRUCTED(0), der_size(data), der);
	der_add_header(DER_SEQUENCE, data, der);
	buf_add(der, version, sizeof version);
	der_add_header(DER_SEQUENCE, sizeof zlib, der);
	buf_add(der, zlib, sizeof zlib - 1);
	buf_add_byte(der, algorithm);
	der_add_header(DER_SEQUENCE, in, der);
	buf_add(der, inner, sizeof inner);
	der_add_header(DER_CONTEXT_CONSTRUCTED(0), der_size(n), der);
	der_add_header(pieces ? DER_OCTET_STRING | DER_CONSTRUCTED : DER_OCTET_STRING, n, der);
	for (size_t i = 0; pieces && i < content.len; i++) {
		der_add_header(DER_OCTET_STRING, 1, der);
		buf_add_byte(der, content.data[i]);
	}
	if (!pieces)
		buf_add_slice(der, content);
}

static void
assert_inflates(struct slice content, bool pieces, unsigned char algorithm, size_t limit, const char *code)
{
	struct error err = ERROR_NONE;
	struct structure s;
	struct buf der, out;
	size_t size;

	build(content, pieces, algorithm, &der);
	ck_assert(structure_read(buf_slice(&der), &s));
	ck_assert_int_eq(s.kind, STRUCTURE_COMPRESSED);
	ck_assert(!structure_parse(buf_slice(&der), &s));
	ck_assert(structure_read(buf_slice(&der), &s));
	buf_init(&out, limit);
	buf_add_str(&out, "!");
	ck_assert_int_eq(inflate_content(&s, &out, &err), code == NULL ? ANSWER_YES : ANSWER_NO);
	if (code != NULL)
		ck_assert_str_eq(err.code, code);
	ck_assert_int_eq(inflate_size(&s, limit - 1, &size, &err), code == NULL ? ANSWER_YES : ANSWER_NO);
	if (code == NULL)
		ck_assert_uint_eq(size, SIZE);
	else
		ck_assert_str_eq(err.code, code);
	unit_assert_slice_eq(slice_sub(buf_slice(&out), 1, out.len), slice_of(plain, code == NULL ? SIZE : 0));
	buf_free(&out);
	buf_free(&der);
}

START_TEST(whole_or_in_pieces)
{
	size_t len = pack();

	assert_inflates(slice_of(packed, len), _i, 8, SIZE + 1, NULL);
	assert_inflates(slice_of(packed, len), _i, 8, SIZE, "too-large");
	assert_inflates(slice_of(packed, len), _i, 8, 100, "too-large");
	assert_inflates(slice_of(packed, len - 1), _i, 8, SIZE + 1, "malformed");
	assert_inflates(slice_of(packed, 10), _i, 8, SIZE + 1, "malformed");
	packed[len] = 0;
	assert_inflates(slice_of(packed, len + 1), _i, 8, SIZE + 1, "malformed");
	assert_inflates(slice_of(packed, len), _i, 9, SIZE + 1, "unsupported");
	packed[len - 1] ^= 1; /* the checksum */
	assert_inflates(slice_of(packed, len), _i, 8, SIZE + 1, "malformed");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("inflate");
	TCase *t = tcase_create("inflate");

	tcase_add_loop_test(t, whole_or_in_pieces, 0, 2);
	suite_add_tcase(s, t);
	return unit_run(s);
}
