#include "base/deadline.h"
#include "fetch/resolve.h"
#include "fetch/transport.h"
#include "mail/date.h"

#include <curl/curl.h>
#include <openssl/err.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGENT "sealmilter"
#define HEADERS_MAX (64 * 1024) /* octets of all header fields of one answer, interim ones included */
#define FIELD_MAX (FETCH_URL_MAX + 256) /* octets of one that we send, or of an entry for libcurl */
#define HTTP_DATE_SIZE 30

/* One request and its answer. Redirects are followed here, so that each is looked at as the first URL is. */
struct hop {
	const struct fetch_job *job;
	struct fetch_reply *reply;
	CURL *curl;
	struct curl_slist *headers;
	struct curl_slist *addresses; /* whom to connect to */
	bool proxied;
	char reason[CURL_ERROR_SIZE];
	/* what came */
	size_t header_octets;
	bool header_ended;
	long status;                  /* 0: no header has ended */
	char location[FETCH_URL_MAX + 1];
	bool page;                    /* in HTML */
	bool past_limit;              /* by its Content-Length */
	bool too_large;
	unsigned permitted, refused;  /* addresses that were to be connected to */
};

static enum answer
no_memory(struct error *err)
{
	return error_cant_tell(err, "memory", "no memory to fetch it");
}

static bool
is_conditional(const struct fetch_request *request)
{
	return request->modified > 0 || (request->etag != NULL && request->etag[0] != '\0');
}

/* ---- what comes -------------------------------------------------------------- */

/* The check that nothing gets around: whatever the name was said to be, this is who is connected to. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct hop *h = arg;

	if (purpose != CURLSOCKTYPE_IPCXN ||
	    (!h->proxied && !fetch_address_permitted(&address->addr, &h->job->config->fetch_networks))) {
		h->refused++;
		return CURL_SOCKET_BAD;
	}
	h->permitted++;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool
take_field(struct slice line, const char *name, struct slice *value)
{
	size_t len = strlen(name);

	if (!slice_starts_nocase(line, name) || line.len == len || line.data[len] != ':')
		return false;
	*value = slice_trim(slice_sub(line, len + 1, line.len));
	return true;
}

/* RFC 9110 8.8.3, in ASCII: it is sent back, and kept on disk. */
static bool
is_etag(struct slice value)
{
	size_t begin = value.len > 1 && value.data[0] == 'W' && value.data[1] == '/' ? 2 : 0;

	if (value.len < begin + 2 || value.len >= FETCH_TAG_MAX ||
	    value.data[begin] != '"' || value.data[value.len - 1] != '"')
		return false;
	for (size_t i = begin + 1; i < value.len - 1; i++)
		if (value.data[i] <= ' ' || value.data[i] >= 0x7f || value.data[i] == '"')
			return false;
	return true;
}

static void
forget_header(struct hop *h)
{
	h->reply->etag[0] = '\0';
	h->reply->modified = 0;
	h->location[0] = '\0';
	h->page = false;
	h->past_limit = false;
}

static bool
is_past(struct slice digits, uint64_t limit)
{
	uint64_t n = 0;

	for (size_t i = 0; i < digits.len && digits.data[i] >= '0' && digits.data[i] <= '9' && n <= limit; i++)
		n = n > UINT64_MAX / 10 - 1 ? UINT64_MAX : n * 10 + (digits.data[i] - '0');
	return n > limit;
}

static void
take_line(struct hop *h, struct slice line)
{
	struct slice value;

	if (slice_starts_nocase(line, "HTTP/")) {
		forget_header(h);
	} else if (take_field(line, "ETag", &value) && is_etag(value)) {
		memcpy(h->reply->etag, value.data, value.len);
		h->reply->etag[value.len] = '\0';
	} else if (take_field(line, "Last-Modified", &value)) {
		if (!date_parse(value, &h->reply->modified) || h->reply->modified < 0)
			h->reply->modified = 0;
	} else if (take_field(line, "Location", &value) && value.len < sizeof h->location) {
		memcpy(h->location, value.data, value.len);
		h->location[value.len] = '\0';
	} else if (take_field(line, "Content-Length", &value)) {
		h->past_limit = is_past(value, h->job->request->size_limit);
	} else if (take_field(line, "Content-Type", &value)) {
		h->page = slice_starts_nocase(value, "text/html") || slice_starts_nocase(value, "application/xhtml");
	}
}

/* Only the body of a 200 that is no page is of use: with anything else it ends here. That an error's
 * page is long does not matter. */
static bool
end_header(struct hop *h)
{
	long status = 0;

	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200)
		return true;
	h->status = status;
	h->header_ended = true;
	h->too_large = status == 200 && h->past_limit;
	return status == 200 && !h->page && !h->too_large;
}

static size_t
take_header(char *data, size_t size, size_t count, void *arg)
{
	struct hop *h = arg;
	struct slice line = slice_of(data, size * count);
	struct slice text = slice_trim(line);

	h->header_octets += line.len;
	if (h->header_octets > HEADERS_MAX) {
		h->too_large = true;
		return 0;
	}
	if (h->header_ended) /* trailers */
		return line.len;
	if (text.len == 0)
		return end_header(h) ? line.len : 0;
	take_line(h, text);
	return line.len;
}

static size_t
take_body(char *data, size_t size, size_t count, void *arg)
{
	struct hop *h = arg;
	size_t len = size * count;

	if (len > h->job->request->size_limit - h->reply->body.len) {
		h->too_large = true;
		return 0;
	}
	buf_add(&h->reply->body, data, len);
	return buf_failed(&h->reply->body) ? 0 : len;
}

/* ---- what is asked ------------------------------------------------------------- */

/* RFC 9110 5.6.7, in its own language whatever the locale is. */
static void
write_date(time_t when, char text[HTTP_DATE_SIZE])
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
		"Dec"};
	struct tm t;

	text[0] = '\0';
	if (gmtime_r(&when, &t) == NULL || t.tm_year > 9999 - 1900)
		return;
	snprintf(text, HTTP_DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[t.tm_wday], (unsigned)t.tm_mday % 100,
		months[t.tm_mon], (unsigned)(t.tm_year + 1900) % 10000, (unsigned)t.tm_hour % 100,
		(unsigned)t.tm_min % 100, (unsigned)t.tm_sec % 100);
}

static bool
append(struct curl_slist **list, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool
append(struct curl_slist **list, const char *format, ...)
{
	struct curl_slist *longer = NULL;
	struct buf text;
	va_list args;

	buf_init(&text, FIELD_MAX);
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	if (buf_str(&text) != NULL)
		longer = curl_slist_append(*list, buf_str(&text));
	buf_free(&text);
	if (longer != NULL)
		*list = longer;
	return longer != NULL;
}

static bool
add_headers(struct hop *h)
{
	const struct fetch_request *r = h->job->request;
	char date[HTTP_DATE_SIZE];
	bool done = append(&h->headers, "Expect:"); /* none */

	if (r->accept != NULL)
		done = append(&h->headers, "Accept: %s", r->accept) && done;
	if (r->post.len > 0)
		done = append(&h->headers, "Content-Type: %s", r->post_type) && done;
	if (r->etag != NULL && is_etag(slice_str(r->etag)))
		done = append(&h->headers, "If-None-Match: %s", r->etag) && done;
	if (r->modified > 0) {
		write_date(r->modified, date);
		done = append(&h->headers, "If-Modified-Since: %s", date) && done;
	}
	return done;
}

/* What is not said here is libcurl's default, where it is the safe one: no cookies, no netrc, no
 * authentication, no decoding of contents, no redirects, no HTTP/0.9, certificates and names verified. */
static bool
set_options(struct hop *h, const char *url)
{
	const struct config *config = h->job->config;
	int rc = 0;

	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_URL, url);
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_NOSIGNAL, 1L);
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_TIMEOUT_MS, deadline_left(&h->job->deadline));
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_USERAGENT, AGENT);
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, h->headers);
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_RESOLVE, h->addresses);
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_OPENSOCKETDATA, h);
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_HEADERFUNCTION, take_header);
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_HEADERDATA, h);
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, take_body);
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, h);
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, h->reason);
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (config->fetch_ca_file != NULL) {
		rc |= (int)curl_easy_setopt(h->curl, CURLOPT_CAINFO, config->fetch_ca_file);
		rc |= (int)curl_easy_setopt(h->curl, CURLOPT_CAPATH, NULL);
	}
	if (h->job->request->post.len > 0) {
		rc |= (int)curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)h->job->request->post.len);
		rc |= (int)curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, h->job->request->post.data);
	}
	return rc == 0;
}

/* ---- whom it is asked ------------------------------------------------------------ */

/* A proxy resolves names where we do not see it. What can be told from the URL alone is still refused. */
static bool
may_pass_proxy(const struct config *config, const struct url *url)
{
	struct url plain = *url;
	size_t len = strlen(plain.host);
	struct resolve_found found;
	struct slice host;

	if (len > 0 && plain.host[len - 1] == '.')
		plain.host[--len] = '\0';
	host = slice_of(plain.host, len);
	if (len == 0 || slice_eq_str(host, "localhost") || slice_ends_nocase(host, ".localhost"))
		return false;
	if (!resolve_literal(&plain, &found))
		return true;
	for (size_t i = 0; i < found.count; i++)
		if (!fetch_address_permitted((const struct sockaddr *)&found.item[i].address, &config->fetch_networks))
			return false;
	return true;
}

/* Without a proxy "" is set, or the environment's would be used. */
static enum answer
choose_proxy(struct hop *h, const struct url *url, struct url *asked, struct error *err)
{
	const struct config *config = h->job->config;
	int rc = 0;

	*asked = *url;
	h->proxied = config->fetch_proxy != NULL;
	if (h->proxied && !may_pass_proxy(config, url))
		return error_no(err, "address", "%s leads to an address that is neither public nor in fetch-networks", url->host);
	if (h->proxied && (url_parse(config->fetch_proxy, asked, err) != ANSWER_YES || asked->scheme != URL_HTTP))
		return error_cant_tell(err, "network", "fetch-proxy is no http://host:port");
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_NOPROXY, "");
	rc |= (int)curl_easy_setopt(h->curl, CURLOPT_PROXY, h->proxied ? config->fetch_proxy : "");
	if (h->proxied)
		rc |= (int)curl_easy_setopt(h->curl, CURLOPT_PROXYPORT, strtol(asked->port, NULL, 10));
	return rc == 0 ? ANSWER_YES : no_memory(err);
}

/* "*:port:address,address": whatever name libcurl has for it, it looks up none itself. */
static enum answer
set_addresses(struct hop *h, const struct url *asked, struct error *err)
{
	struct resolve_found found;
	char text[RESOLVE_TEXT_SIZE];
	struct buf entry;
	enum answer answer = resolve_host(asked, &h->job->deadline, &found, err);

	if (answer != ANSWER_YES)
		return answer;
	buf_init(&entry, FIELD_MAX);
	for (size_t i = 0; i < found.count; i++) {
		resolve_text(&found.item[i], text);
		buf_printf(&entry, "%s%s", i > 0 ? "," : "", text);
	}
	if (buf_str(&entry) == NULL || !append(&h->addresses, "*:%s:%s", asked->port, buf_str(&entry)))
		answer = no_memory(err);
	buf_free(&entry);
	return answer;
}

/* ---- what it says ------------------------------------------------------------------ */

static enum answer
judge_failure(const struct hop *h, CURLcode rc, struct error *err)
{
	const char *words = h->reason[0] != '\0' ? h->reason : curl_easy_strerror(rc);

	switch (rc) {
	case CURLE_OPERATION_TIMEDOUT:
		return error_cant_tell(err, "timeout", "no whole answer came in time");
	case CURLE_OUT_OF_MEMORY:
		return no_memory(err);
	case CURLE_URL_MALFORMAT:
		return error_no(err, "url", "%s", words);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ENGINE_INITFAILED:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CRL_BADFILE:
		return error_cant_tell(err, "tls", "%s", words);
	default:
		return error_cant_tell(err, "network", "%s", words);
	}
}

static enum answer
judge_status(const struct hop *h, struct error *err)
{
	long status = h->status;

	if (status == 404 || status == 410)
		return error_no(err, "not-found", "the server has none (%ld)", status);
	if (status == 429 || status < 400 || status >= 500)
		return error_cant_tell(err, "http", "the server answers %ld", status);
	return error_no(err, "http", "the server answers %ld", status);
}

/* Captive portals and error pages come with 200, and with any type. */
static bool
begins_as_page(struct slice body)
{
	static const char mark[] = "\xef\xbb\xbf";

	if (slice_starts_nocase(body, mark))
		body = slice_sub(body, strlen(mark), body.len);
	body = slice_trim(body);
	return slice_starts_nocase(body, "<!DOCTYPE html") || slice_starts_nocase(body, "<html");
}

/* What a 304 does not repeat holds on (RFC 9110 15.4.5). */
static enum answer
keep(const struct fetch_request *request, struct fetch_reply *reply)
{
	reply->not_modified = true;
	if (reply->etag[0] == '\0' && request->etag != NULL && is_etag(slice_str(request->etag)))
		strcpy(reply->etag, request->etag);
	if (reply->modified == 0)
		reply->modified = request->modified;
	return ANSWER_YES;
}

static enum answer
judge(const struct hop *h, CURLcode rc, struct error *err)
{
	const struct fetch_request *request = h->job->request;
	struct fetch_reply *reply = h->reply;

	if (h->too_large)
		return error_no(err, "too-large", "it is too large: the limit is %llu octets", (unsigned long long)request->size_limit);
	if (buf_failed(&reply->body))
		return no_memory(err);
	if (rc == CURLE_COULDNT_CONNECT && h->permitted == 0 && h->refused > 0)
		return error_no(err, "address", "it leads to an address that is neither public nor in fetch-networks");
	if (h->status == 304 && is_conditional(request))
		return keep(request, reply);
	if (h->status != 0 && h->status != 200)
		return judge_status(h, err);
	if (h->page || (rc == CURLE_OK && begins_as_page(buf_slice(&reply->body))))
		return error_no(err, "type", "the answer is a page in HTML");
	return rc == CURLE_OK ? ANSWER_YES : judge_failure(h, rc, err);
}

/* ---- all of it ------------------------------------------------------------------------ */

static bool
is_redirect(const struct hop *h)
{
	long s = h->status;

	return (s == 301 || s == 302 || s == 303 || s == 307 || s == 308) && h->location[0] != '\0';
}

static bool
is_absolute(const char *reference)
{
	return reference[strcspn(reference, ":/?#")] == ':';
}

/* libcurl puts relative references together (RFC 3986 5); in absolute ones it sees more URLs than there are,
 * so they are read as they stand. *whole: to be freed with curl_free(). */
static bool
resolve_reference(const char *from, const char *reference, char **whole)
{
	CURLU *u = curl_url();
	bool done = u != NULL && curl_url_set(u, CURLUPART_URL, from, 0) == CURLUE_OK &&
		curl_url_set(u, CURLUPART_URL, reference, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_URL, whole, 0) == CURLUE_OK;

	curl_url_cleanup(u);
	return done;
}

/* What is posted is posted again wherever it leads: a responder that has moved wants the same request. */
static enum answer
follow(const struct hop *h, char at[FETCH_URL_MAX + 1], struct url *url, struct error *err)
{
	char *whole = NULL;
	const char *to = h->location;
	enum answer answer = ANSWER_YES;

	if (!is_absolute(to))
		to = resolve_reference(at, to, &whole) ? whole : "";
	if (url_parse(to, url, NULL) != ANSWER_YES || url->scheme == URL_LDAP)
		answer = error_no(err, "redirect", "it redirects to what is not followed: %.200s", h->location);
	else if (h->job->request->same_host && strcmp(url->host, h->job->url.host) != 0)
		answer = error_no(err, "redirect", "it redirects to another host: %.200s", h->location);
	else
		strcpy(at, to);
	curl_free(whole);
	return answer;
}

static enum answer
ask(struct hop *h, const char *at, const struct url *url, struct error *err)
{
	struct url asked;
	enum answer answer = choose_proxy(h, url, &asked, err);
	CURLcode rc;

	if (answer == ANSWER_YES)
		answer = set_addresses(h, &asked, err);
	if (answer != ANSWER_YES)
		return answer;
	if (!add_headers(h) || !set_options(h, at))
		return no_memory(err);
	if (deadline_left(&h->job->deadline) == 0)
		return error_cant_tell(err, "timeout", "no whole answer came in time");
	rc = curl_easy_perform(h->curl);
	return is_redirect(h) ? ANSWER_YES : judge(h, rc, err);
}

/* *moved: to what is in at and url now. */
static enum answer
take_hop(const struct fetch_job *job, char at[FETCH_URL_MAX + 1], struct url *url, struct fetch_reply *reply,
	bool *moved, struct error *err)
{
	struct hop h = {.job = job, .reply = reply, .curl = curl_easy_init()};
	enum answer answer;

	*moved = false;
	forget_header(&h);
	if (h.curl == NULL)
		return no_memory(err);
	answer = ask(&h, at, url, err);
	if (answer == ANSWER_YES && is_redirect(&h)) {
		*moved = true;
		answer = follow(&h, at, url, err);
	}
	curl_easy_cleanup(h.curl);
	curl_slist_free_all(h.headers);
	curl_slist_free_all(h.addresses);
	return answer;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode set_up = CURLE_FAILED_INIT;

static void
first_use(void)
{
	set_up = curl_global_init(CURL_GLOBAL_DEFAULT);
}

bool
fetch_set_up(void)
{
	pthread_once(&once, first_use);
	return set_up == CURLE_OK;
}

enum answer
http_get(const struct fetch_job *job, struct fetch_reply *reply, struct error *err)
{
	char at[FETCH_URL_MAX + 1];
	struct url url = job->url;
	enum answer answer;
	bool moved;

	if (!fetch_set_up())
		return no_memory(err);
	ERR_clear_error();
	strcpy(at, job->request->url);
	answer = take_hop(job, at, &url, reply, &moved, err);
	for (unsigned n = 0; answer == ANSWER_YES && moved; n++) {
		if (n == job->config->redirect_limit) {
			answer = error_no(err, "redirect", "it redirects more than %u times", n);
			break;
		}
		answer = take_hop(job, at, &url, reply, &moved, err);
		if (answer != ANSWER_YES)
			error_prefix(err, "redirected to %.200s", at);
	}
	ERR_clear_error();
	return answer;
}
