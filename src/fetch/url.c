#include "fetch/url.h"

#include <string.h>

static const struct {
	const char *name;
	enum url_scheme scheme;
	const char *port;
} schemes[] = {
	{"http://", URL_HTTP, "80"},
	{"https://", URL_HTTPS, "443"},
	{"ldap://", URL_LDAP, "389"},
};

static enum answer
refuse(struct error *err, const char *why)
{
	return error_no(err, "url", "%s", why);
}

/* Blanks are seen in the names of LDAP URLs, as a certificate's issuer wrote them. */
static bool
is_printable(struct slice text)
{
	size_t first = slice_starts_nocase(text, "ldap:") ? ' ' : ' ' + 1;

	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < first || text.data[i] >= 0x7f)
			return false;
	return true;
}

static bool
holds_only(struct slice text, const char *letters)
{
	for (size_t i = 0; i < text.len; i++)
		if (strchr(letters, text.data[i]) == NULL)
			return false;
	return text.len > 0;
}

/* No zone: an address with one is never of the internet. */
static bool
is_host(struct slice host, bool bracketed)
{
	if (host.len >= FETCH_HOST_MAX)
		return false;
	if (bracketed)
		return holds_only(host, "0123456789abcdefABCDEF:.") && slice_find(host, ':', 0) < host.len;
	return holds_only(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
}

static bool
take_port(struct slice text, char port[URL_PORT_SIZE])
{
	unsigned number = 0;

	if (!holds_only(text, "0123456789") || text.len >= URL_PORT_SIZE)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		number = number * 10 + (text.data[i] - '0');
		port[i] = (char)text.data[i];
	}
	port[text.len] = '\0';
	return number > 0 && number <= UINT16_MAX;
}

static enum answer
take_authority(struct slice authority, struct url *url, struct error *err)
{
	bool bracketed = authority.len > 0 && authority.data[0] == '[';
	size_t end = slice_find(authority, bracketed ? ']' : ':', 0);
	struct slice host = slice_sub(authority, bracketed ? 1 : 0, end);
	struct slice rest = slice_sub(authority, bracketed ? end + 1 : end, authority.len);

	if (slice_find(authority, '@', 0) < authority.len)
		return refuse(err, "a user or password is in the URL");
	if (authority.len == 0)
		return refuse(err, "the URL names no host");
	if (!is_host(host, bracketed) || (bracketed && end == authority.len))
		return refuse(err, "the host in the URL is none");
	for (size_t i = 0; i < host.len; i++)
		url->host[i] = (char)ascii_lower(host.data[i]);
	url->host[host.len] = '\0';
	/* "host:" is the same as "host". */
	if (rest.len > 0 && rest.data[0] != ':')
		return refuse(err, "the host in the URL is none");
	if (rest.len > 1 && !take_port(slice_sub(rest, 1, rest.len), url->port))
		return refuse(err, "the port in the URL is none");
	return ANSWER_YES;
}

enum answer
url_parse(const char *text, struct url *url, struct error *err)
{
	size_t len = strnlen(text, FETCH_URL_MAX + 1);
	struct slice whole = slice_of(text, len);

	if (len > FETCH_URL_MAX)
		return refuse(err, "the URL is too long");
	if (!is_printable(whole))
		return refuse(err, "the URL holds what is no character of a URL");
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		size_t begin = strlen(schemes[i].name), end;

		if (!slice_starts_nocase(whole, schemes[i].name))
			continue;
		for (end = begin; end < len && strchr("/?#", text[end]) == NULL; end++)
			;
		url->scheme = schemes[i].scheme;
		strcpy(url->port, schemes[i].port);
		return take_authority(slice_sub(whole, begin, end), url, err);
	}
	return refuse(err, "the URL is none of http, https or ldap");
}
