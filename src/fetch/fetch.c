#include "fetch/fetch.h"
#include "base/deadline.h"
#include "fetch/transport.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 200 /* octets of a URL in words, so that the reason has room behind it */

/* Words are UTF-8, and servers say what they like. */
static void
name_url(const char *url, struct error *err)
{
	error_prefix(err, "%.*s%s", SHOWN_MAX, url, strnlen(url, SHOWN_MAX + 1) > SHOWN_MAX ? "..." : "");
	for (char *c = err->words; *c != '\0'; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
}

enum answer
fetch_get(const struct config *config, const struct fetch_request *request, struct fetch_reply *reply,
	struct error *err)
{
	struct fetch_job job = {.config = config, .request = request};
	struct error why = ERROR_NONE;
	enum answer answer;

	*reply = (struct fetch_reply){.modified = 0};
	buf_init(&reply->body, request->size_limit);
	job.deadline = deadline_in(config->fetch_timeout * 1000L);
	answer = url_parse(request->url, &job.url, &why);
	if (answer == ANSWER_YES)
		answer = job.url.scheme == URL_LDAP ? ldap_get(&job, reply, &why) : http_get(&job, reply, &why);
	if (answer == ANSWER_YES)
		return answer;
	buf_free(&reply->body);
	name_url(request->shown != NULL ? request->shown : request->url, &why);
	if (err != NULL)
		*err = why;
	return answer;
}

bool
fetch_host(const char *text, char host[FETCH_HOST_MAX])
{
	struct url url;

	if (url_parse(text, &url, NULL) != ANSWER_YES)
		return false;
	strcpy(host, url.host);
	return true;
}

bool
fetch_server(const char *text, char server[FETCH_SERVER_MAX])
{
	static const char *const schemes[] = {[URL_HTTP] = "http", [URL_HTTPS] = "https", [URL_LDAP] = "ldap"};
	struct url url;

	if (url_parse(text, &url, NULL) != ANSWER_YES)
		return false;
	snprintf(server, FETCH_SERVER_MAX, "%s://%s:%s", schemes[url.scheme], url.host, url.port);
	return true;
}
