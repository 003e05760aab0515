#include "worker/smtp.h"

#include "fetch/fetch.h"
#include "mail/address.h"

#include <curl/curl.h>
#include <openssl/err.h>
#include <string.h>

#define LINE_SIZE 400 /* octets of what the server says that are kept */

/* One conversation. */
struct talk {
	const struct smtp_job *job;
	size_t sent;            /* octets of the message */
	bool about_mail;        /* the last command was RCPT or what follows: before it, an answer is about the server */
	bool ended;             /* and whatever is still said is about nothing */
	char line[LINE_SIZE];   /* the last that the server said */
	char reason[CURL_ERROR_SIZE];
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory to hand a notice over");
}

/* What libcurl writes into a command as it stands. */
static bool
is_recipient(const char *text)
{
	struct address address;

	for (const char *c = text; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			return false;
	return text[0] != '<' && address_parse(slice_str(text), &address);
}

/* ---- what goes and comes --------------------------------------------------------- */

static size_t
give(char *data, size_t size, size_t count, void *arg)
{
	struct talk *t = arg;
	struct slice rest = slice_sub(t->job->message, t->sent, t->sent + size * count);

	if (rest.len > 0)
		memcpy(data, rest.data, rest.len);
	t->sent += rest.len;
	return rest.len;
}

static void
keep_line(struct talk *t, struct slice line)
{
	size_t i;

	for (i = 0; i < line.len && i < LINE_SIZE - 1; i++)
		t->line[i] = line.data[i] < ' ' || line.data[i] > '~' ? '?' : (char)line.data[i];
	t->line[i] = '\0';
}

/* libcurl tells commands and answers to who debugs only. */
static int
watch(CURL *curl, curl_infotype type, char *data, size_t len, void *arg)
{
	struct slice text = slice_trim(slice_of(data, len));
	struct talk *t = arg;

	(void)curl;
	if (type == CURLINFO_HEADER_OUT && slice_eq_str_nocase(text, "QUIT"))
		t->ended = true;
	if (t->ended)
		return 0;
	if (type == CURLINFO_HEADER_IN)
		keep_line(t, text);
	else if (type == CURLINFO_HEADER_OUT)
		t->about_mail = slice_starts_nocase(text, "RCPT ") || slice_eq_str_nocase(text, "DATA");
	return 0;
}

/* ---- all of it -------------------------------------------------------------------- */

/* The proxy is set to none, or the environment's would be used. */
static bool
set_options(CURL *curl, struct talk *t, struct curl_slist *recipients)
{
	const struct smtp_job *job = t->job;
	int rc = 0;

	rc |= (int)curl_easy_setopt(curl, CURLOPT_URL, job->server);
	rc |= (int)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	rc |= (int)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	rc |= (int)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)job->timeout);
	rc |= (int)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)job->timeout);
	rc |= (int)curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)job->timeout);
	rc |= (int)curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)CURLUSESSL_TRY);
	rc |= (int)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	rc |= (int)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	rc |= (int)curl_easy_setopt(curl, CURLOPT_MAIL_FROM, "");
	rc |= (int)curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients);
	rc |= (int)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	rc |= (int)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)job->message.len);
	rc |= (int)curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
	rc |= (int)curl_easy_setopt(curl, CURLOPT_READDATA, t);
	rc |= (int)curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
	rc |= (int)curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, watch);
	rc |= (int)curl_easy_setopt(curl, CURLOPT_DEBUGDATA, t);
	rc |= (int)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->reason);
	return rc == 0;
}

/* Whoever does not let us in, or wants another way in, may be told better: no notice is given up for that. */
static enum answer
judge(CURL *curl, CURLcode rc, const struct talk *t, struct error *err)
{
	long code = 0;

	if (rc == CURLE_OK)
		return ANSWER_YES;
	if (rc == CURLE_OUT_OF_MEMORY)
		return no_memory(err);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
	if (t->about_mail && code >= 500 && code < 600)
		return error_no(err, "refused", "%s", t->line);
	if (code >= 400 && code < 600)
		return error_cant_tell(err, "deferred", "%s", t->line);
	return error_cant_tell(err, "network", "%s", t->reason[0] != '\0' ? t->reason : curl_easy_strerror(rc));
}

enum answer
smtp_send(const struct smtp_job *job, struct error *err)
{
	struct talk t = {.job = job};
	struct curl_slist *recipients;
	enum answer answer;
	CURL *curl;

	if (!is_recipient(job->recipient))
		return error_no(err, "recipient", "the recipient is no address in ASCII: %.200s", job->recipient);
	if (!fetch_set_up())
		return no_memory(err);
	ERR_clear_error();
	curl = curl_easy_init();
	recipients = curl_slist_append(NULL, job->recipient);
	if (curl == NULL || recipients == NULL || !set_options(curl, &t, recipients))
		answer = no_memory(err);
	else
		answer = judge(curl, curl_easy_perform(curl), &t, err);
	curl_easy_cleanup(curl);
	curl_slist_free_all(recipients);
	ERR_clear_error();
	return answer;
}
