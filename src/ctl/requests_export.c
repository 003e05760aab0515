#include "ctl/requests.h"

#include "base/file.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_FILE_MAX 65536
#define HEAD_KEY "head: " /* as verify prints it, so that what it printed may be kept as it is */

/* ---- a head ------------------------------------------------------------------------ */

static int
digit(char c)
{
	const char *digits = "0123456789ABCDEF", *at = strchr(digits, c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c);

	return c == '\0' || at == NULL ? -1 : (int)(at - digits);
}

/* "NUMBER:HASH", with nothing behind it. */
static bool
parse_head(const char *text, struct journal_head *head)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	head->seq = strtoll(text, &end, 10);
	if (*end != ':' || strlen(end + 1) != 2 * sizeof head->hash)
		return false;
	for (size_t i = 0; i < sizeof head->hash; i++) {
		int high = digit(end[1 + 2 * i]), low = digit(end[2 + 2 * i]);

		if (high < 0 || low < 0)
			return false;
		head->hash[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

/* The last line of the file that is one: so that each day's may be added to it. */
static enum answer
read_head(const char *path, struct journal_head *head, struct error *err)
{
	struct buf content;
	enum answer answer;
	bool found = false;
	char *text, *rest;

	buf_init(&content, HEAD_FILE_MAX);
	answer = file_read(path, FILE_PUBLIC, &content, err);
	text = answer == ANSWER_YES && buf_str(&content) != NULL ? strdup(buf_str(&content)) : NULL;
	buf_free(&content);
	if (answer != ANSWER_YES)
		return answer;
	for (char *line = text == NULL ? NULL : strtok_r(text, "\r\n", &rest); line != NULL; line = strtok_r(NULL, "\r\n", &rest)) {
		bool keyed = strncmp(line, HEAD_KEY, strlen(HEAD_KEY)) == 0;

		found = parse_head(line + (keyed ? strlen(HEAD_KEY) : 0), head) || found;
	}
	free(text);
	return found ? ANSWER_YES : error_no(err, "usage", "%s holds no line with NUMBER:HASH, as verify prints it", path);
}

static enum answer
find_head(const char *given, struct journal_head *head, struct error *err)
{
	struct journal_head read = {0};
	enum answer answer = parse_head(given, &read) ? ANSWER_YES : read_head(given, &read, err);

	*head = read;
	return answer;
}

static void
put_head(json_t *o, const char *key, const struct journal_head *head)
{
	struct buf text;

	buf_init(&text, 128);
	buf_printf(&text, "%lld:", (long long)head->seq);
	for (size_t i = 0; i < sizeof head->hash; i++)
		buf_printf(&text, "%02X", head->hash[i]);
	tree_put(o, key, buf_str(&text));
	buf_free(&text);
}

/* ---- verify -------------------------------------------------------------------------- */

static enum ctl_status
tell(const struct ctl_options *o, enum answer answer, const struct journal_head *head, int64_t bad, const struct error *err)
{
	json_t *object = json_object();

	tree_put(object, "answer", answer == ANSWER_YES ? "intact" : "broken");
	if (answer == ANSWER_YES) {
		put_head(object, "head", head);
	} else {
		tree_put_count(object, "entry", bad);
		tree_put_reason(object, "because", err);
		put_head(object, "intact-up-to", head);
	}
	if (!report_print(object, o->json))
		return CTL_CANT_TELL;
	return answer == ANSWER_YES ? CTL_DONE : CTL_NO;
}

static enum ctl_status
verify(const struct ctl_options *o, char **arguments)
{
	struct journal_head known, head;
	struct error err = ERROR_NONE;
	struct requests r = {0};
	enum ctl_status status;
	enum answer answer;
	int64_t bad;

	(void)arguments;
	answer = o->head == NULL ? ANSWER_YES : find_head(o->head, &known, &err);
	if (answer == ANSWER_YES)
		answer = requests_configure(&r, o, &err);
	if (answer == ANSWER_YES)
		answer = requests_open_journal(&r, REQUESTS_TO_READ, &err);
	if (answer != ANSWER_YES) {
		status = ctl_fail(&err);
	} else {
		answer = journal_verify(r.journal, o->head == NULL ? NULL : &known, &head, &bad, &err);
		status = answer == ANSWER_CANT_TELL ? ctl_fail(&err) : tell(o, answer, &head, bad, &err);
	}
	requests_close(&r);
	return status;
}

/* ---- export ---------------------------------------------------------------------------- */

struct exporting {
	struct journal_head base;
	long long entries, requests;
	bool begun, failed;
};

/* A line. Takes object. */
static void
print_line(struct exporting *x, json_t *object)
{
	x->failed = x->failed || !report_json(object, JSON_COMPACT);
	json_decref(object);
}

static json_t *
line_of(const char *type)
{
	json_t *o = json_object();

	tree_put(o, "type", type);
	return o;
}

/* What is hashed has to be there octet for octet. */
static void
put_text(json_t *o, const char *key, const char *text)
{
	char name[64];

	if (utf8_is_valid(slice_str(text))) {
		tree_put(o, key, text);
		return;
	}
	snprintf(name, sizeof name, "%s-base64", key);
	requests_put_base64(o, name, slice_str(text));
}

static void
print_base(struct exporting *x)
{
	json_t *o;

	if (x->begun)
		return;
	x->begun = true;
	o = line_of("journal");
	put_head(o, "begins-behind", &x->base);
	print_line(x, o);
}

static void
print_request(struct exporting *x, int64_t number, const struct record *r)
{
	json_t *o = line_of("request");

	tree_put_count(o, "number", number);
	put_text(o, "authority", r->authority);
	requests_put_hex(o, "serial", r->serial);
	requests_put_hex(o, "digest", r->digest);
	requests_put_base64(o, "issuer", r->issuer);
	put_text(o, "form", r->form);
	put_text(o, "message-id", r->message_id);
	requests_put_hex(o, "mail-sha256", r->mail_digest);
	put_text(o, "queue-id", r->queue_id);
	put_text(o, "client", r->client);
	put_text(o, "language", r->language);
	put_text(o, "reason", r->reason);
	requests_put_base64(o, "signer", r->signer);
	requests_put_base64(o, "evidence", r->evidence);
	tree_put_time(o, "received", (time_t)r->received);
	tree_put_flag(o, "quiet", r->quiet);
	print_line(x, o);
	x->requests++;
}

static bool
print_entry(void *arg, const struct journal_entry *entry, const struct record *request)
{
	const struct journal_step *step = entry->step;
	struct exporting *x = arg;
	json_t *o = line_of("entry");

	print_base(x);
	if (request != NULL)
		print_request(x, step->request, request);
	tree_put_count(o, "entry", entry->seq);
	tree_put_count(o, "request", step->request);
	tree_put(o, "step", journal_kind_text(step->kind));
	tree_put_count(o, "kind", step->kind);
	tree_put_time(o, "time", (time_t)step->time);
	put_text(o, "who", step->who);
	put_text(o, "how", step->how);
	requests_put_hex(o, "content", entry->content);
	requests_put_hex(o, "previous", entry->previous);
	requests_put_hex(o, "hash", entry->hash);
	print_line(x, o);
	x->entries++;
	return !x->failed;
}

static enum answer
read_span(const struct ctl_options *o, time_t *from, time_t *to, struct error *err)
{
	*from = 0;
	*to = INT64_MAX;
	if (o->recipient_count > 1)
		return error_no(err, "usage", "revocation export takes one --to");
	if (o->sender != NULL && !ctl_time(o->sender, from))
		return error_no(err, "usage", "--from %s is not a time like 2027-01-31 or 2027-01-31T12:00:00Z", o->sender);
	if (o->recipient_count > 0 && !ctl_time(o->recipients[0], to))
		return error_no(err, "usage", "--to %s is not a time like 2027-01-31 or 2027-01-31T12:00:00Z", o->recipients[0]);
	return ANSWER_YES;
}

/* That the last line is there says that nothing was cut off. */
static enum ctl_status
print_end(struct exporting *x)
{
	json_t *o = line_of("end");

	print_base(x);
	tree_put_count(o, "requests", x->requests);
	tree_put_count(o, "entries", x->entries);
	print_line(x, o);
	if (!x->failed && fflush(stdout) == 0 && !ferror(stdout))
		return CTL_DONE;
	fprintf(stderr, "sealctl: the journal could not be written out\n");
	return CTL_CANT_TELL;
}

static enum ctl_status
export(const struct ctl_options *o, char **arguments)
{
	struct exporting x = {0};
	struct error err = ERROR_NONE;
	struct requests r = {0};
	enum ctl_status status;
	enum answer answer;
	time_t from, to;

	(void)arguments;
	answer = read_span(o, &from, &to, &err);
	if (answer == ANSWER_YES)
		answer = requests_configure(&r, o, &err);
	if (answer == ANSWER_YES)
		answer = requests_open_journal(&r, REQUESTS_TO_READ, &err);
	if (answer == ANSWER_YES)
		answer = journal_export(r.journal, from, to, &x.base, print_entry, &x, &err);
	status = answer == ANSWER_YES ? print_end(&x) : ctl_fail(&err);
	requests_close(&r);
	return status;
}

const struct ctl_command ctl_revocation_verify = {"revocation verify", "[--head HEAD]", 0, 0, verify};
const struct ctl_command ctl_revocation_export = {"revocation export", "[--from TIME] [--to TIME]", 0, 0, export};
