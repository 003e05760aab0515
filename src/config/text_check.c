/* What can be seen from one value alone. */
#include "config/settings.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOCKET_PATH_MAX 100   /* octets; sun_path has 108, libmilter and others need a few */
#define RUN_DIRECTORY_MAX 80  /* octets; sockets with names of their own are made in it */
#define NAME_MAX_OCTETS 256
#define FILE_PATH_MAX 1024
#define HOST_MAX 253          /* octets of a name in the DNS (RFC 1035 2.3.4) */
#define OID_MAX 255
#define ANY_POLICY "2.5.29.32.0"
#define WORD_OCTETS_MAX 256   /* octets of one word of a profile's rule, = PROFILE_WORD_MAX */

static bool
refuse(char why[VALUE_WHY_MAX], const char *words)
{
	snprintf(why, VALUE_WHY_MAX, "%s", words);
	return false;
}

bool
check_name(const char *text, char why[VALUE_WHY_MAX])
{
	if (strlen(text) > NAME_MAX_OCTETS)
		return refuse(why, "is too long");
	return true;
}

bool
check_file(const char *text, char why[VALUE_WHY_MAX])
{
	if (text[0] != '/')
		return refuse(why, "is not an absolute path: it must begin with \"/\"");
	if (strlen(text) > FILE_PATH_MAX)
		return refuse(why, "is too long a path");
	return true;
}

bool
check_directory_or_none(const char *text, char why[VALUE_WHY_MAX])
{
	return strcmp(text, "none") == 0 || check_file(text, why);
}

bool
check_run_directory(const char *text, char why[VALUE_WHY_MAX])
{
	if (!check_file(text, why))
		return false;
	if (strlen(text) > RUN_DIRECTORY_MAX)
		return refuse(why, "is longer than 80 octets, too long for the sockets in it");
	return true;
}

/* "port@host" or "port" after "inet:" or "inet6:". */
static bool
check_port(const char *text, char why[VALUE_WHY_MAX])
{
	char *end;
	unsigned long port;

	if (!isdigit((unsigned char)text[0]))
		return refuse(why, "has no port number after \"inet:\"; the form is inet:PORT@HOST");
	port = strtoul(text, &end, 10);
	if (port == 0 || port > 65535)
		return refuse(why, "has a port that is not from 1 to 65535");
	if (*end != '@' || end[1] == '\0')
		return refuse(why, "names no host; the form is inet:PORT@HOST");
	return true;
}

bool
check_socket(const char *text, char why[VALUE_WHY_MAX])
{
	struct slice s = slice_str(text);

	if (slice_starts_nocase(s, "inet:"))
		return check_port(text + strlen("inet:"), why);
	if (slice_starts_nocase(s, "inet6:"))
		return check_port(text + strlen("inet6:"), why);
	if (strncmp(text, "unix:/", strlen("unix:/")) != 0)
		return refuse(why, "is neither unix:/PATH nor inet:PORT@HOST nor inet6:PORT@HOST");
	if (s.len - strlen("unix:") > SOCKET_PATH_MAX)
		return refuse(why, "has a path of more than 100 octets, which a socket cannot have");
	return true;
}

static bool
host_is_local(struct slice host)
{
	if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']')
		host = slice_sub(host, 1, host.len - 1);
	if (slice_eq_str_nocase(host, "localhost") || slice_eq_str(host, "::1"))
		return true;
	if (!slice_starts_nocase(host, "127."))
		return false;
	for (size_t i = 0; i < host.len; i++)
		if (host.data[i] != '.' && !isdigit(host.data[i]))
			return false; /* a name such as 127.example.com */
	return true;
}

bool
socket_is_local(const char *socket)
{
	const char *at = strchr(socket, '@');

	if (strncmp(socket, "unix:", strlen("unix:")) == 0)
		return true;
	return at != NULL && host_is_local(slice_str(at + 1));
}

bool
check_address(const char *text, char why[VALUE_WHY_MAX])
{
	struct address a;

	if (text[0] == '<' || !address_parse(slice_str(text), &a))
		return refuse(why, "is not a mail address of the form name@domain");
	return true;
}

/* Notices are sent in ASCII alone, as other mail takes an MTA and readers that know RFC 6531. */
bool
check_ascii_address(const char *text, char why[VALUE_WHY_MAX])
{
	if (!slice_is_ascii(slice_str(text)))
		return refuse(why, "is not in ASCII, so that no notice could have it; a domain can be written in the form xn--");
	if (strlen(text) > CONFIG_NOTICE_ADDRESS_MAX)
		return refuse(why, "is too long for a mail address");
	return check_address(text, why);
}

bool
check_domain(const char *text, char why[VALUE_WHY_MAX])
{
	const char *domain = text[0] == '.' ? text + 1 : text;
	struct address a;
	char *address;
	bool valid;

	if (asprintf(&address, "x@%s", domain) < 0)
		return refuse(why, "does not fit into memory");
	valid = strchr(domain, '@') == NULL && address_parse(slice_str(address), &a);
	free(address);
	if (!valid)
		return refuse(why, "is not a domain such as example.com, or .example.com for all below it");
	return true;
}

bool
check_address_or_domain(const char *text, char why[VALUE_WHY_MAX])
{
	return strchr(text, '@') != NULL ? check_address(text, why) : check_domain(text, why);
}

/* RFC 8601 2.2 has it as a token (RFC 2045 5.1) or a quoted text; a token will do for everybody. */
bool
check_authserv_id(const char *text, char why[VALUE_WHY_MAX])
{
	for (const char *c = text; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~' || strchr("()<>@,;:\\\"/[]?=", *c) != NULL)
			return refuse(why, "is not a name such as mx.example.com");
	return check_name(text, why);
}

/* What follows "scheme://" up to port, path or end. */
static struct slice
uri_host(const char *uri)
{
	const char *host = strstr(uri, "://") + strlen("://");

	if (host[0] == '[')
		return slice_of(host, strcspn(host, "]") + (strchr(host, ']') != NULL ? 1 : 0));
	return slice_of(host, strcspn(host, ":/?"));
}

bool
check_uri(const char *text, char why[VALUE_WHY_MAX])
{
	struct slice s = slice_str(text);

	if (slice_starts_nocase(s, "ldapi://"))
		return true;
	if (!slice_starts_nocase(s, "ldap://") && !slice_starts_nocase(s, "ldaps://"))
		return refuse(why, "does not begin with ldap://, ldaps:// or ldapi://");
	if (uri_host(text).len == 0)
		return refuse(why, "names no host");
	if (strpbrk(text, " ,?") != NULL)
		return refuse(why, "holds more than scheme, host and port");
	return true;
}

bool
uri_is_local(const char *uri)
{
	return slice_starts_nocase(slice_str(uri), "ldapi://") || host_is_local(uri_host(uri));
}

/* An attribute description with options (RFC 4512 2.5). */
bool
check_attribute(const char *text, char why[VALUE_WHY_MAX])
{
	for (const char *c = text; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr("-.;", *c) == NULL)
			return refuse(why, "is not an LDAP attribute's name");
	return true;
}

/* Parentheses that match, and no % but before one of the letters. seen: which of the
 * letters were there, as bits in their order. */
static bool
check_template(const char *text, const char *letters, unsigned *seen, char why[VALUE_WHY_MAX])
{
	size_t open = 0;

	*seen = 0;
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '(')
			open++;
		if (*c == ')' && (open == 0 || (--open == 0 && c[1] != '\0')))
			return refuse(why, "is not one LDAP filter in parentheses");
		if (*c != '%')
			continue;
		c++;
		if (*c == '\0' || strchr(letters, *c) == NULL) {
			snprintf(why, VALUE_WHY_MAX, "has a %% that none of the letters %s follows", letters);
			return false;
		}
		*seen |= 1u << (strchr(letters, *c) - letters);
	}
	if (text[0] != '(' || open != 0)
		return refuse(why, "is not one LDAP filter in parentheses");
	return true;
}

bool
check_filter(const char *text, char why[VALUE_WHY_MAX])
{
	unsigned seen;

	if (!check_template(text, "sud", &seen, why))
		return false;
	if ((seen & 1) == 0 && (seen & 2) == 0)
		return refuse(why, "has neither %s nor %u: it would find the same entry for everybody");
	return true;
}

bool
check_login_filter(const char *text, char why[VALUE_WHY_MAX])
{
	unsigned seen;

	if (!check_template(text, "ls", &seen, why))
		return false;
	if (seen != 3)
		return refuse(why, "must hold %l (the login) and %s (the address), or any login could use any address");
	return true;
}

/* A host's name as it stands in URLs, an IPv4 address among them. */
static bool
is_host(struct slice host)
{
	for (size_t i = 0; i < host.len; i++)
		if (!isalnum(host.data[i]) && (i == 0 || strchr("-.", host.data[i]) == NULL || host.data[i] == '\0'))
			return false;
	return host.len > 0 && host.len <= HOST_MAX && host.data[host.len - 1] != '.';
}

bool
check_host(const char *text, char why[VALUE_WHY_MAX])
{
	if (!is_host(slice_str(text)))
		return refuse(why, "is not a host's name such as pki.example.com, without scheme, port and path");
	return true;
}

static bool
is_bracketed_address(struct slice host)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (host.len < 2 || host.len - 2 >= sizeof text || host.data[0] != '[' || host.data[host.len - 1] != ']')
		return false;
	memcpy(text, host.data + 1, host.len - 2);
	text[host.len - 2] = '\0';
	return inet_pton(AF_INET6, text, &address) == 1;
}

static bool
refuse_server(char why[VALUE_WHY_MAX], const char *scheme, const char *words)
{
	snprintf(why, VALUE_WHY_MAX, "%s; the form is %sHOST:PORT", words, scheme);
	return false;
}

/* scheme, host and port, and no more. */
static bool
check_server(const char *text, const char *scheme, char why[VALUE_WHY_MAX])
{
	const char *port;
	struct slice host;
	char *end;
	unsigned long number;

	if (!slice_starts_nocase(slice_str(text), scheme)) {
		snprintf(why, VALUE_WHY_MAX, "does not begin with %s", scheme);
		return false;
	}
	host = uri_host(text);
	port = (const char *)host.data + host.len;
	if (!is_host(host) && !is_bracketed_address(host))
		return refuse_server(why, scheme, "names no host");
	if (port[0] != ':' || !isdigit((unsigned char)port[1]))
		return refuse_server(why, scheme, "names no port");
	number = strtoul(port + 1, &end, 10);
	if (number == 0 || number > 65535)
		return refuse(why, "has a port that is not from 1 to 65535");
	return *end == '\0' || refuse_server(why, scheme, "holds more than host and port");
}

/* What the proxy is told about us is nobody's choice but fetch's. */
bool
check_proxy(const char *text, char why[VALUE_WHY_MAX])
{
	return check_server(text, "http://", why);
}

bool
check_notice_server(const char *text, char why[VALUE_WHY_MAX])
{
	return check_server(text, "smtp://", why);
}

bool
check_inventory_filter(const char *text, char why[VALUE_WHY_MAX])
{
	unsigned seen;

	if (!check_template(text, "n", &seen, why))
		return false;
	return seen == 1 || refuse(why, "must hold %n, the serial number");
}

/* What of an entry of an inventory in LDAP has an attribute. */
static const char *const inventory_names[] = {"issuer", "number", "certificate", "password", "contact",
	"organization-identifier", "organization", "country", NULL};

bool
check_inventory_attribute(const char *text, char why[VALUE_WHY_MAX])
{
	size_t len = strcspn(text, "=");

	for (size_t i = 0; inventory_names[i] != NULL; i++)
		if (strlen(inventory_names[i]) == len && strncmp(text, inventory_names[i], len) == 0 && text[len] == '=')
			return check_attribute(text + len + 1, why);
	return refuse(why, "is not of the form \"name=attribute\" with one of the names issuer, number, certificate, password, "
		"contact, organization-identifier, organization and country");
}

bool
check_argument(const char *text, char why[VALUE_WHY_MAX])
{
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return refuse(why, "holds a control character");
	return *text != '\0' || refuse(why, "is empty");
}

/* One arc: digits, no zero in front. NULL: it is none. */
static const char *
arc_end(const char *text)
{
	size_t len = strspn(text, "0123456789");

	return len == 0 || (len > 1 && text[0] == '0') ? NULL : text + len;
}

/* In dots, as X.660 has it: at least two arcs, the first 0 to 2, the second below 40 after 0 and 1. */
bool
check_oid(const char *text, char why[VALUE_WHY_MAX])
{
	const char *end = arc_end(text);
	size_t arcs = 1;

	if (strcmp(text, ANY_POLICY) == 0)
		return refuse(why, "is anyPolicy, which chooses nothing: leave the option out");
	for (; end != NULL && *end == '.'; arcs++)
		end = arc_end(end + 1);
	if (end == NULL || *end != '\0' || arcs < 2 || text[0] > '2' || text[1] != '.' || strlen(text) > OID_MAX ||
	    (text[0] < '2' && strtoul(text + 2, NULL, 10) >= 40))
		return refuse(why, "is not an object identifier such as 1.3.6.1.4.1.99999.1");
	return true;
}

bool
check_parameter(const char *text, char why[VALUE_WHY_MAX])
{
	size_t len = strcspn(text, "=");

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '-')
			len = 0;
	if (len == 0 || text[len] == '\0' || text[len + 1] == '\0')
		return refuse(why, "is not of the form \"name=value\"");
	return check_word(text + len + 1, why);
}

bool
check_word(const char *text, char why[VALUE_WHY_MAX])
{
	if (strlen(text) > WORD_OCTETS_MAX)
		return refuse(why, "is too long");
	return true;
}
