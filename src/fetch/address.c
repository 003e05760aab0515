#include "fetch/fetch.h"

#include <string.h>

enum judgement { REFUSED, PERMITTED, AS_EMBEDDED };

/* A range of one family, and what is said of it: of those that an address is in, the last one speaks. */
struct range {
	unsigned char prefix[16];
	unsigned bits;
	enum judgement judgement;
	unsigned at; /* AS_EMBEDDED: where in the address the IPv4 address begins */
};

/* https://www.iana.org/assignments/iana-ipv4-special-registry */
static const struct range ranges4[] = {
	{{0}, 0, PERMITTED, 0},
	{{0}, 8, REFUSED, 0},                /* this network (RFC 791) */
	{{10}, 8, REFUSED, 0},               /* private (RFC 1918) */
	{{100, 64}, 10, REFUSED, 0},         /* shared (RFC 6598) */
	{{127}, 8, REFUSED, 0},              /* loopback (RFC 1122) */
	{{169, 254}, 16, REFUSED, 0},        /* link-local (RFC 3927); clouds' metadata */
	{{172, 16}, 12, REFUSED, 0},         /* private */
	{{192, 0, 0}, 24, REFUSED, 0},       /* protocol assignments (RFC 6890) */
	{{192, 0, 2}, 24, REFUSED, 0},       /* documentation (RFC 5737) */
	{{192, 88, 99}, 24, REFUSED, 0},     /* 6to4 relays, deprecated (RFC 7526) */
	{{192, 168}, 16, REFUSED, 0},        /* private */
	{{198, 18}, 15, REFUSED, 0},         /* benchmarking (RFC 2544) */
	{{198, 51, 100}, 24, REFUSED, 0},    /* documentation */
	{{203, 0, 113}, 24, REFUSED, 0},     /* documentation */
	{{224}, 4, REFUSED, 0},              /* multicast (RFC 5771) */
	{{240}, 4, REFUSED, 0},              /* reserved (RFC 1112), and broadcast */
};

/* https://www.iana.org/assignments/iana-ipv6-special-registry. All that is not given out as global
 * unicast is refused: unspecified, loopback, mapped and compatible IPv4 (RFC 4291 2.5.5), link-local,
 * site-local, unique local, multicast, and what will be given out for something else. */
static const struct range ranges6[] = {
	{{0}, 0, REFUSED, 0},
	{{0x20}, 3, PERMITTED, 0},                          /* global unicast (RFC 4291 2.4) */
	{{0, 0x64, 0xff, 0x9b}, 96, AS_EMBEDDED, 12},       /* translated to IPv4 (RFC 6052) */
	{{0x20, 0x01}, 23, REFUSED, 0},                     /* protocol assignments (RFC 2928); Teredo (RFC 4380) */
	{{0x20, 0x01, 0x0d, 0xb8}, 32, REFUSED, 0},         /* documentation (RFC 3849) */
	{{0x20, 0x02}, 16, AS_EMBEDDED, 2},                 /* 6to4 (RFC 3056) */
	{{0x3f, 0xff}, 20, REFUSED, 0},                     /* documentation (RFC 9637) */
};

static bool
is_in(const unsigned char *address, const struct range *range)
{
	size_t whole = range->bits / 8;
	unsigned rest = range->bits % 8;

	if (memcmp(address, range->prefix, whole) != 0)
		return false;
	return rest == 0 || (address[whole] ^ range->prefix[whole]) >> (8 - rest) == 0;
}

static const struct range *
find_last(const unsigned char *address, const struct range *ranges, size_t count)
{
	while (!is_in(address, &ranges[count - 1]))
		count--;
	return &ranges[count - 1]; /* the first one has all */
}

static bool
is_public4(const unsigned char address[4])
{
	return find_last(address, ranges4, sizeof ranges4 / sizeof *ranges4)->judgement == PERMITTED;
}

static bool
is_public6(const unsigned char address[16])
{
	const struct range *range = find_last(address, ranges6, sizeof ranges6 / sizeof *ranges6);

	return range->judgement == AS_EMBEDDED ? is_public4(address + range->at) : range->judgement == PERMITTED;
}

bool
fetch_address_permitted(const struct sockaddr *address, const struct config_networks *networks)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;
	struct in6_addr mapped = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	if (address->sa_family == AF_INET6) {
		memcpy(&six, address, sizeof six);
		return config_network_contains(networks, &six.sin6_addr) || is_public6(six.sin6_addr.s6_addr);
	}
	if (address->sa_family != AF_INET)
		return false;
	memcpy(&four, address, sizeof four);
	memcpy(&mapped.s6_addr[12], &four.sin_addr, sizeof four.sin_addr);
	return config_network_contains(networks, &mapped) || is_public4((const unsigned char *)&four.sin_addr);
}
