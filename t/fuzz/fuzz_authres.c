/* Authentication-Results. Promises: what authres_without() leaves has no result of the method
 * for another reader and is left alone the second time; a value that begins with the id, or with
 * what is no UTF-8, is claimed; an id is claimed whoever else is asked for; what is written with
 * any octets is one result, in ASCII.
 */
#include "fuzz.h"
#include "mail/authres.h"

#include <stdlib.h>
#include <string.h>

#define METHOD "smime"
#define ID "mx.example.cz"

/* Asked for alone and among others. */
static bool
claims(struct slice value)
{
	static const char *const names[] = {ID, "xn--pklad-zsa96e.cz", "m"};
	struct authres_id ids[3], one;

	for (size_t i = 0; i < 3; i++)
		authres_id_init(&ids[i], slice_str(names[i]));
	authres_claims(value, ids, 3);
	for (size_t i = 0; i < 3; i++) {
		one = ids[i];
		one.claimed = !one.claimed; /* whatever it was */
		authres_claims(value, &one, 1);
		promise(one.claimed == ids[i].claimed);
	}
	return ids[0].claimed;
}

/* Whatever is behind a beginning that claims the id. */
static void
check_claims(const char *beginning, struct slice value)
{
	struct buf claim;

	buf_init(&claim, strlen(beginning) + value.len);
	buf_add_str(&claim, beginning);
	buf_add_slice(&claim, value);
	promise(!buf_failed(&claim) && claims(buf_slice(&claim)));
	buf_free(&claim);
}

/* The value without comments, quoted-strings and white space. Both are closed by then. */
static void
strip(struct slice s, struct buf *out)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.data[i];

		if ((depth > 0 || quoted) && c == '\\')
			i++;
		else if (quoted)
			quoted = c != '"';
		else if (c == '(')
			depth++;
		else if (c == ')')
			depth--;
		else if (depth == 0 && c == '"')
			quoted = true;
		else if (depth == 0 && !ascii_is_white(c))
			buf_add_byte(out, c);
	}
	promise(depth == 0 && !quoted);
}

/* How many results of the method are in the value? */
static size_t
results(struct slice value, const char *method)
{
	struct buf text;
	size_t count = 0, len = strlen(method);

	buf_init(&text, value.len + 1);
	strip(value, &text);
	for (size_t at = 0; at < text.len; at++) {
		struct slice rest = slice_sub(buf_slice(&text), at + 1, text.len);

		if (text.data[at] == ';' && slice_starts_nocase(rest, method) && rest.len > len)
			count += rest.data[len] == '=' || rest.data[len] == '/';
	}
	buf_free(&text);
	return count;
}

static void
check_without(struct slice value)
{
	struct buf once, twice;
	enum authres_left left;

	buf_init(&once, 2 * value.len + 2);
	buf_init(&twice, 2 * value.len + 2);
	left = authres_without(value, METHOD, &once);
	promise(!buf_failed(&once) && (left == AUTHRES_SHORTENED) == (once.len > 0));
	if (left == AUTHRES_UNTOUCHED)
		promise(results(value, METHOD) == 0);
	if (left == AUTHRES_SHORTENED) {
		promise(results(value, METHOD) > 0 && results(buf_slice(&once), METHOD) == 0);
		promise(authres_without(buf_slice(&once), METHOD, &twice) == AUTHRES_UNTOUCHED);
	}
	buf_free(&once);
	buf_free(&twice);
}

/* The octets as a value, a reason and a comment: one result is read back, and all is ASCII. */
static void
check_write(struct slice octets)
{
	struct authres_property p = {"body", "smime-issuer", octets};
	struct authres_result result = {.method = METHOD, .result = "fail", .properties = &p, .property_count = 1};
	char *text = slice_dup(octets);
	struct buf out, left;

	result.reason = text;
	result.comment = text;
	buf_init(&out, 8 * AUTHRES_TEXT_MAX);
	buf_init(&left, 8 * AUTHRES_TEXT_MAX);
	authres_write(ID, &result, 1, false, &out);
	promise(!buf_failed(&out) && slice_is_ascii(buf_slice(&out)));
	promise(claims(buf_slice(&out)));
	promise(results(buf_slice(&out), METHOD) == 1);
	promise(authres_without(buf_slice(&out), METHOD, &left) == AUTHRES_NOTHING);
	buf_free(&out);
	buf_free(&left);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice value = slice_of(data, size);

	check_without(value);
	check_write(value);
	claims(value);
	check_claims(ID ";", value);
	check_claims("\xff", value);
	return 0;
}
