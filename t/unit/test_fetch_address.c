/* Which addresses may be asked in the name of a certificate, at the edges of each range. */
#include "unit.h"

#include "fetch/fetch.h"

#include <arpa/inet.h>
#include <string.h>

static const struct {
	const char *address;
	bool permitted;
} addresses[] = {
	{"0.0.0.0", false}, {"0.255.255.255", false}, {"1.0.0.0", true}, {"1.1.1.1", true},
	{"9.255.255.255", true}, {"10.0.0.0", false}, {"10.255.255.255", false}, {"11.0.0.0", true},
	{"100.63.255.255", true}, {"100.64.0.0", false}, {"100.127.255.255", false}, {"100.128.0.0", true},
	{"126.255.255.255", true}, {"127.0.0.0", false}, {"127.0.0.1", false}, {"127.255.255.255", false}, {"128.0.0.0", true},
	{"169.253.255.255", true}, {"169.254.0.0", false}, {"169.254.169.254", false}, {"169.254.255.255", false},
	{"169.255.0.0", true},
	{"172.15.255.255", true}, {"172.16.0.0", false}, {"172.31.255.255", false}, {"172.32.0.0", true},
	{"191.255.255.255", true}, {"192.0.0.0", false}, {"192.0.0.255", false}, {"192.0.1.0", true},
	{"192.0.1.255", true}, {"192.0.2.0", false}, {"192.0.2.255", false}, {"192.0.3.0", true},
	{"192.88.98.255", true}, {"192.88.99.0", false}, {"192.88.99.255", false}, {"192.88.100.0", true},
	{"192.167.255.255", true}, {"192.168.0.0", false}, {"192.168.255.255", false}, {"192.169.0.0", true},
	{"198.17.255.255", true}, {"198.18.0.0", false}, {"198.19.255.255", false}, {"198.20.0.0", true},
	{"198.51.99.255", true}, {"198.51.100.0", false}, {"198.51.100.255", false}, {"198.51.101.0", true},
	{"203.0.112.255", true}, {"203.0.113.0", false}, {"203.0.113.255", false}, {"203.0.114.0", true},
	{"223.255.255.255", true}, {"224.0.0.0", false}, {"239.255.255.255", false},
	{"240.0.0.0", false}, {"255.255.255.254", false}, {"255.255.255.255", false},

	{"::", false}, {"::1", false}, {"::2", false}, {"::127.0.0.1", false}, {"::8.8.8.8", false},
	{"::ffff:127.0.0.1", false}, {"::ffff:10.1.2.3", false}, {"::ffff:8.8.8.8", false},
	{"::ffff:0:8.8.8.8", false}, {"64:ff9b:1::8.8.8.8", false}, {"100::1", false},
	{"64:ff9b::8.8.8.8", true}, {"64:ff9b::127.0.0.1", false}, {"64:ff9b::10.0.0.1", false},
	{"64:ff9b::169.254.169.254", false}, {"64:ff9b::1:8.8.8.8", false},
	{"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false}, {"2000::", true},
	{"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true}, {"2001::", false}, {"2001:0:4136:e378:8000:63bf:3fff:fdd2", false},
	{"2001:2::1", false}, {"2001:20::1", false}, {"2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", false}, {"2001:200::", true},
	{"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", true}, {"2001:db8::", false},
	{"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", false}, {"2001:db9::", true},
	{"2001:718:1:1::1", true}, {"2a00:1450:4001:82a::200e", true},
	{"2002:7f00:1::", false}, {"2002:a9fe:a9fe::1", false}, {"2002:c0a8:101::1", false}, {"2002:808:808::1", true},
	{"2003::", true}, {"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true}, {"3fff::1", false},
	{"3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", false}, {"3fff:1000::", true},
	{"4000::", false}, {"5f00::1", false}, {"fbff::1", false}, {"fc00::", false}, {"fd12:3456:789a::1", false},
	{"fe00::1", false}, {"fe80::1", false}, {"febf::1", false}, {"fec0::1", false}, {"feff::1", false},
	{"ff02::1", false}, {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
};

static bool
permitted(const char *text, const struct config_networks *networks)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(80)};

	if (strchr(text, ':') == NULL) {
		ck_assert_int_eq(inet_pton(AF_INET, text, &four.sin_addr), 1);
		return fetch_address_permitted((const struct sockaddr *)&four, networks);
	}
	ck_assert_int_eq(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
	return fetch_address_permitted((const struct sockaddr *)&six, networks);
}

START_TEST(test_range)
{
	const struct config_networks none = {.count = 0};

	ck_assert_msg(permitted(addresses[_i].address, &none) == addresses[_i].permitted, "%s", addresses[_i].address);
}
END_TEST

START_TEST(test_configured)
{
	/* 10.1.0.0/16, fd00::/8 */
	struct config_network item[] = {
		{.address.s6_addr = {[10] = 0xff, 0xff, 10, 1}, .bits = 112},
		{.address.s6_addr = {0xfd}, .bits = 8},
	};
	const struct config_networks networks = {.item = item, .count = 2};

	ck_assert(permitted("10.1.0.0", &networks) && permitted("10.1.255.255", &networks));
	ck_assert(!permitted("10.0.255.255", &networks) && !permitted("10.2.0.0", &networks));
	ck_assert(permitted("fd00::1", &networks) && !permitted("fc00::1", &networks));
	ck_assert(!permitted("127.0.0.1", &networks) && permitted("8.8.8.8", &networks));
	/* The same address in its other spelling; not one that only holds it. */
	ck_assert(permitted("::ffff:10.1.2.3", &networks) && !permitted("::ffff:10.2.2.3", &networks));
	ck_assert(!permitted("64:ff9b::10.1.2.3", &networks) && !permitted("2002:a01:203::", &networks));
}
END_TEST

START_TEST(test_other_families)
{
	const struct config_networks none = {.count = 0};
	struct sockaddr_storage address = {.ss_family = AF_UNIX};

	ck_assert(!fetch_address_permitted((const struct sockaddr *)&address, &none));
	address.ss_family = AF_UNSPEC;
	ck_assert(!fetch_address_permitted((const struct sockaddr *)&address, &none));
}
END_TEST

static const struct {
	const char *url;
	const char *host; /* NULL: none */
} hosts[] = {
	{"http://crl.example.cz/a.crl", "crl.example.cz"},
	{"HTTPS://CRL.Example.CZ:8443?a", "crl.example.cz"},
	{"ldap://Ldap.example.cz/cn=A B,o=C?certificateRevocationList;binary", "ldap.example.cz"},
	{"http://crl.example.cz:/", "crl.example.cz"},
	{"http://crl.example.cz#@other.example", "crl.example.cz"},
	{"http://[2001:DB8::1]:80/", "2001:db8::1"},
	{"http://192.0.2.1", "192.0.2.1"},
	{"http://a@crl.example.cz/", NULL},
	{"http://crl.example.cz\\@other.example/", NULL},
	{"http://crl.example.cz\t/", NULL},
	{"http://crl example.cz/", NULL},
	{"ldap:///cn=x?y", NULL},
	{"ldaps://crl.example.cz/", NULL},
	{"http:///", NULL},
	{"http://[2001:db8::1", NULL},
	{"http://[2001:db8::1]80/", NULL},
	{"http://2001:db8::1/", NULL},
	{"crl.example.cz", NULL},
	{"", NULL},
};

START_TEST(test_host)
{
	char host[FETCH_HOST_MAX] = "";
	bool is_url = fetch_host(hosts[_i].url, host);

	ck_assert_msg(is_url == (hosts[_i].host != NULL), "%s", hosts[_i].url);
	if (is_url)
		ck_assert_str_eq(host, hosts[_i].host);
}
END_TEST

START_TEST(test_host_length)
{
	char url[FETCH_URL_MAX + 2] = "http://", host[FETCH_HOST_MAX];

	memset(url + 7, 'a', FETCH_HOST_MAX - 1);
	ck_assert(fetch_host(url, host));
	ck_assert_uint_eq(strlen(host), FETCH_HOST_MAX - 1);
	url[7 + FETCH_HOST_MAX - 1] = 'a';
	ck_assert(!fetch_host(url, host));
	url[20] = '/';
	memset(url + 21, 'b', sizeof url - 22);
	url[FETCH_URL_MAX] = '\0';
	ck_assert(fetch_host(url, host));
	url[FETCH_URL_MAX] = 'b';
	ck_assert(!fetch_host(url, host));
}
END_TEST

/* Nobody is to be named by somebody else's port. */
START_TEST(test_server)
{
	static const char *const same[][2] = {
		{"HTTP://CRL.example.cz/a", "http://crl.example.cz:80"},
		{"http://crl.example.cz:80/b", "http://crl.example.cz:80"},
		{"http://crl.example.cz:81/a", "http://crl.example.cz:81"},
		{"https://crl.example.cz:80/a", "https://crl.example.cz:80"},
		{"https://crl.example.cz/a", "https://crl.example.cz:443"},
		{"ldap://crl.example.cz/cn=a?b", "ldap://crl.example.cz:389"},
		{"http://[2001:db8::1]/", "http://2001:db8::1:80"},
	};
	char server[FETCH_SERVER_MAX];

	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
		ck_assert(fetch_server(same[i][0], server));
		ck_assert_str_eq(server, same[i][1]);
	}
	ck_assert(!fetch_server("ftp://crl.example.cz/a", server));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("fetch_address");
	TCase *c = tcase_create("fetch_address");

	tcase_add_loop_test(c, test_range, 0, sizeof addresses / sizeof addresses[0]);
	tcase_add_test(c, test_configured);
	tcase_add_test(c, test_other_families);
	tcase_add_loop_test(c, test_host, 0, sizeof hosts / sizeof hosts[0]);
	tcase_add_test(c, test_host_length);
	tcase_add_test(c, test_server);
	suite_add_tcase(s, c);
	return unit_run(s);
}
