#include "gateway/trace.h"

#include "base/file.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdlib.h>
#include <string.h>

#define TRACE_VALUE_MAX 256
#define MAC_SIZE 32
#define MARK "h="

struct trace_key {
	struct buf octets;
};

enum answer
trace_key_load(const char *path, struct trace_key **key, struct error *err)
{
	struct trace_key *k = calloc(1, sizeof *k);
	enum answer answer;

	if (k == NULL)
		return error_cant_tell(err, "memory", "%s: out of memory", path);
	buf_init(&k->octets, TRACE_KEY_MAX + 1);
	answer = file_read(path, FILE_SECRET, &k->octets, err);
	if (answer == ANSWER_YES && k->octets.len < TRACE_KEY_MIN)
		answer = error_no(err, "trace-key", "trace-key-file %s holds %zu octets, a key needs at least %d",
			path, k->octets.len, TRACE_KEY_MIN);
	if (answer != ANSWER_YES) {
		trace_key_free(k);
		return answer;
	}
	*key = k;
	return ANSWER_YES;
}

void
trace_key_free(struct trace_key *key)
{
	if (key == NULL)
		return;
	buf_wipe(&key->octets);
	free(key);
}

static void
add_hex(struct buf *out, const unsigned char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(out, "%02x", data[i]);
}

/* White space is the forwarders': they fold anew. */
static void
add_compact(struct slice text, struct buf *out)
{
	for (size_t i = 0; i < text.len && !buf_failed(out); i++)
		if (!ascii_is_blank(text.data[i]) && text.data[i] != '\r' && text.data[i] != '\n')
			buf_add_byte(out, text.data[i]);
}

/* The hexadecimal HMAC of the text before "h=", which holds no white space. */
static void
add_mac(const struct trace_key *key, struct slice text, struct buf *out)
{
	unsigned char mac[MAC_SIZE];
	unsigned len = 0;

	if (HMAC(EVP_sha256(), key->octets.data, (int)key->octets.len, text.data, text.len, mac, &len) == NULL) {
		out->failed = true;
		return;
	}
	add_hex(out, mac, sizeof mac);
}

void
trace_write(const struct trace_key *key, time_t now, const unsigned char random[16], struct buf *out)
{
	struct buf text, compact;

	buf_init(&text, TRACE_VALUE_MAX);
	buf_init(&compact, TRACE_VALUE_MAX);
	buf_printf(&text, " v=1; t=%lld; n=", (long long)now);
	add_hex(&text, random, 16);
	buf_add_byte(&text, ';');
	add_compact(buf_slice(&text), &compact);
	buf_add_slice(out, buf_slice(&text));
	buf_add_str(out, "\n\t" MARK);
	add_mac(key, buf_slice(&compact), out);
	buf_free(&compact);
	buf_free(&text);
}

bool
trace_verify(const struct trace_key *key, struct slice value)
{
	struct buf compact, expected;
	struct slice mac;
	size_t at;
	bool same;

	buf_init(&compact, TRACE_VALUE_MAX);
	buf_init(&expected, 2 * MAC_SIZE + 1);
	add_compact(value, &compact);
	at = slice_find_slice(buf_slice(&compact), slice_str(MARK));
	same = !buf_failed(&compact) && at > 0 && at < compact.len && compact.data[at - 1] == ';';
	if (same) {
		mac = slice_sub(buf_slice(&compact), at + strlen(MARK), compact.len);
		add_mac(key, slice_sub(buf_slice(&compact), 0, at), &expected);
		same = !buf_failed(&expected) && expected.len == mac.len &&
			CRYPTO_memcmp(expected.data, mac.data, mac.len) == 0;
	}
	buf_free(&expected);
	buf_free(&compact);
	return same;
}
