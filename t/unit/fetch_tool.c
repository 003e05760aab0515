/* fetch_tool: fetch one URL, for tests with servers.
 *
 *     fetch_tool [-n network]... [-p proxy] [-c ca-file] [-t seconds] [-r redirects] [-s octets]
 *                [-e etag] [-m modified] [-d post] [-a attribute] [-h] [-o FILE] URL...
 *
 * Prints for each URL "answer: yes|no|cant-tell", "code:", "words:", and with yes "length:", "not-modified:",
 * "etag:", "modified:"; -o writes the body; -h: from one and the same host.
 */
#include "fetch/fetch.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NETWORKS_MAX 8

struct wanted {
	struct config config;
	struct config_network networks[NETWORKS_MAX];
	struct fetch_request request;
	const char *output;
};

static void
add_network(struct wanted *w, const char *text)
{
	struct config_networks *list = &w->config.fetch_networks;
	char address[INET6_ADDRSTRLEN] = "";
	struct in_addr four;
	unsigned bits;

	if (list->count == NETWORKS_MAX || sscanf(text, "%45[^/]/%u", address, &bits) != 2)
		exit(2);
	list->item = w->networks;
	if (inet_pton(AF_INET, address, &four) == 1) {
		w->networks[list->count].address.s6_addr[10] = 0xff;
		w->networks[list->count].address.s6_addr[11] = 0xff;
		memcpy(&w->networks[list->count].address.s6_addr[12], &four, sizeof four);
		bits += 96;
	} else if (inet_pton(AF_INET6, address, &w->networks[list->count].address) != 1) {
		exit(2);
	}
	w->networks[list->count++].bits = bits;
}

static void
parse_arguments(int argc, char **argv, struct wanted *w)
{
	int c;

	while ((c = getopt(argc, argv, "n:p:c:t:r:s:e:m:d:a:ho:")) != -1)
		switch (c) {
		case 'n':
			add_network(w, optarg);
			break;
		case 'p':
			w->config.fetch_proxy = optarg;
			break;
		case 'c':
			w->config.fetch_ca_file = optarg;
			break;
		case 't':
			w->config.fetch_timeout = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			w->config.redirect_limit = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 's':
			w->request.size_limit = strtoull(optarg, NULL, 10);
			break;
		case 'e':
			w->request.etag = optarg;
			break;
		case 'm':
			w->request.modified = strtol(optarg, NULL, 10);
			break;
		case 'd':
			w->request.post = slice_str(optarg);
			break;
		case 'a':
			w->request.attribute = optarg;
			break;
		case 'h':
			w->request.same_host = true;
			break;
		case 'o':
			w->output = optarg;
			break;
		default:
			exit(2);
		}
}

static void
write_body(const char *path, struct slice body)
{
	FILE *f = fopen(path, "wb");

	if (f == NULL || fwrite(body.data, 1, body.len, f) != body.len || fclose(f) != 0)
		exit(2);
}

static void
fetch(const struct wanted *w)
{
	static const char *const names[] = {"yes", "no", "cant-tell"};
	struct error err = ERROR_NONE;
	struct fetch_reply reply;
	enum answer answer = fetch_get(&w->config, &w->request, &reply, &err);

	printf("answer: %s\n", names[answer]);
	if (answer != ANSWER_YES)
		printf("code: %s\nwords: %s\n", err.code, err.words);
	else
		printf("length: %zu\nnot-modified: %s\netag: %s\nmodified: %jd\n", reply.body.len,
			reply.not_modified ? "yes" : "no", reply.etag, (intmax_t)reply.modified);
	if (answer == ANSWER_YES && w->output != NULL)
		write_body(w->output, buf_slice(&reply.body));
	buf_free(&reply.body);
}

int
main(int argc, char **argv)
{
	struct wanted w = {
		.config = {.fetch_timeout = 20, .redirect_limit = 3},
		.request = {.size_limit = 1024 * 1024, .post_type = "application/ocsp-request"},
	};

	parse_arguments(argc, argv, &w);
	for (int i = optind; i < argc; i++) {
		w.request.url = argv[i];
		fetch(&w);
	}
	return 0;
}
