#include "gateway/trace.h"

#include "base/file.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdlib.h>
#include <string.h>

#define TRACE_VALUE_MAX 256
#define MAC_SIZE 32

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

/* " v=1; …; h=" and then the hexadecimal HMAC of the text between blank and "; h=". */
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
	struct buf text;

	buf_init(&text, TRACE_VALUE_MAX);
	buf_printf(&text, "v=1; t=%lld; n=", (long long)now);
	add_hex(&text, random, 16);
	buf_printf(out, " %.*s;\n\th=", SLICE_FMT(buf_slice(&text)));
	add_mac(key, buf_slice(&text), out);
	buf_free(&text);
}

bool
trace_verify(const struct trace_key *key, struct slice value)
{
	static const char mark[] = "h=";
	struct slice text, mac;
	struct buf expected;
	size_t at;
	bool same;

	value = slice_trim(value);
	if (value.len > TRACE_VALUE_MAX)
		return false;
	at = slice_find_slice(value, slice_str(mark));
	if (at == value.len)
		return false;
	mac = slice_sub(value, at + strlen(mark), value.len);
	text = slice_trim(slice_sub(value, 0, at));
	if (text.len == 0 || text.data[text.len - 1] != ';')
		return false;
	text.len--;
	buf_init(&expected, 2 * MAC_SIZE + 1);
	add_mac(key, text, &expected);
	same = !buf_failed(&expected) && expected.len == mac.len && CRYPTO_memcmp(expected.data, mac.data, mac.len) == 0;
	buf_free(&expected);
	return same;
}
