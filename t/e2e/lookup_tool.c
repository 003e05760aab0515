/* lookup_tool: look up what a configuration's revocation blocks know, as gate and worker do, from a script.
 *
 *     lookup_tool CONFIG [JOURNAL]
 *
 * reads commands from standard input, their words parted by tabs, and answers each with a line "answer, code, count, reason",
 * and count lines behind it; fields are parted by tabs:
 *
 *     serial BLOCK HEX        each certificate: issuer's number, organizationIdentifier, organization, country, "disputed" or "",
 *                             password's hash, addresses parted by blanks
 *     group BLOCK             each listing: digest, organizationIdentifier, organization, country, "name" or ""
 *     enrol BLOCK ISSUER HEX CERTIFICATE PASSWORD CONTACTS     into JOURNAL; ISSUER: a file with its certificate; CERTIFICATE:
 *                             a file, or ""; CONTACTS parted by blanks
 *     name TEXT               a name in text: in the authorities' own order, with types as OpenSSL calls them
 *     deadline MILLISECONDS   for what follows; 60000 at first; no answer
 */
#include "revocation/lookup.h"

#include "base/deadline.h"
#include "base/log.h"
#include "directory/dn.h"

#include <openssl/bn.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE (64 * 1024)
#define FIELDS 7

struct tool {
	const struct config *config;
	struct directories *directories;
	struct authorities *authorities;
	struct journal *journal;
	long deadline_ms;
};

static void
die(const char *why)
{
	fprintf(stderr, "lookup_tool: %s\n", why);
	exit(1);
}

static void
print_answer(enum answer answer, const struct error *err, size_t count)
{
	printf("%s\t%s\t%zu\t%s\n", answer == ANSWER_YES ? "yes" : answer == ANSWER_NO ? "no" : "can't-tell",
		err->code == NULL ? "" : err->code, count, err->words);
}

static struct holder_serial
serial_of(const char *hex)
{
	unsigned char octets[HOLDER_SERIAL_MAX] = {0};
	struct holder_serial serial;
	BIGNUM *number = NULL;
	int len;

	if (BN_hex2bn(&number, hex) == 0 || BN_num_bytes(number) > HOLDER_SERIAL_MAX)
		die("no serial number");
	len = BN_bn2bin(number, octets);
	BN_free(number);
	holder_serial_of(slice_of(octets, (size_t)len), &serial);
	return serial;
}

static const char *
or_none(const char *text)
{
	return text == NULL ? "" : text;
}

static void
print_holder(const struct holder *h)
{
	printf("%s\t%s\t%s\t", or_none(h->organization_identifier), or_none(h->organization), or_none(h->country));
}

static void
print_entry(const struct inventory_entry *e)
{
	char hash[PASSWORD_TEXT_MAX + 1] = "";

	if (e->has_password)
		password_write(&e->password, hash);
	printf("%zu\t", e->issuer);
	print_holder(&e->holder);
	printf("%s\t%s\t", e->holder.disputed ? "disputed" : "", hash);
	for (size_t i = 0; i < e->address_count; i++)
		printf("%s%s", i == 0 ? "" : " ", e->addresses[i]);
	printf("\n");
}

static struct lookup
lookup_of(const struct tool *tool, const char *block, const struct timespec *deadline)
{
	struct lookup lookup = {.authority = authorities_named(tool->authorities, block),
		.password_cost_limit = tool->config->password_cost_limit, .directories = tool->directories,
		.journal = tool->journal, .deadline = deadline};

	if (lookup.authority == NULL)
		die("there is no such block");
	return lookup;
}

static void
print_serial(const struct tool *tool, const char *block, const char *hex)
{
	const struct inventory_entry *found[INVENTORY_ISSUERS_MAX];
	struct timespec deadline = deadline_in(tool->deadline_ms);
	struct lookup lookup = lookup_of(tool, block, &deadline);
	struct holder_serial serial = serial_of(hex);
	struct error err = ERROR_NONE;
	struct inventory *inventory;
	enum answer answer = lookup_serial(&lookup, &serial, &inventory, &err);
	size_t count = answer == ANSWER_YES ? inventory_find(inventory, &serial, found) : 0;

	if (answer == ANSWER_YES && inventory_count(inventory) != count)
		die("there is what was not asked for");
	print_answer(answer, &err, count);
	for (size_t i = 0; i < count; i++)
		print_entry(found[i]);
	inventory_free(inventory);
}

static void
print_group(const struct tool *tool, const char *block)
{
	struct timespec deadline = deadline_in(tool->deadline_ms);
	struct lookup lookup = lookup_of(tool, block, &deadline);
	struct error err = ERROR_NONE;
	struct authorise_listing *listings;
	size_t count;
	enum answer answer = lookup_listings(&lookup, &listings, &count, &err);

	print_answer(answer, &err, count);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < sizeof listings[i].digest; k++)
			printf("%02x", listings[i].digest[k]);
		printf("\t");
		print_holder(&listings[i].organisation);
		printf("%s\n", listings[i].by_name ? "name" : "");
	}
	lookup_listings_free(listings);
}

/* The first certificate of a file, in DER, and its issuer's name or its own subject's. */
static void
read_certificate(const char *path, struct buf *der, struct buf *subject)
{
	unsigned char *octets = NULL;
	struct cert **certs;
	size_t count;
	int len;

	if (cert_read_file(path, &certs, &count, NULL) != ANSWER_YES)
		die("a certificate cannot be read");
	len = i2d_X509(certs[0]->x509, &octets);
	buf_add(der, octets, (size_t)len);
	OPENSSL_free(octets);
	octets = NULL;
	len = i2d_X509_NAME(X509_get_subject_name(certs[0]->x509), &octets);
	buf_add(subject, octets, (size_t)len);
	OPENSSL_free(octets);
	cert_free_array(certs, count);
}

static void
enrol(const struct tool *tool, char *const *field)
{
	struct timespec deadline = deadline_in(tool->deadline_ms);
	struct holder_serial serial = serial_of(field[3]);
	struct buf der, issuer, ignored;
	struct error err = ERROR_NONE;
	struct enrolment e;

	buf_init(&der, LINE_SIZE);
	buf_init(&issuer, LINE_SIZE);
	buf_init(&ignored, 2 * LINE_SIZE);
	read_certificate(field[2], &ignored, &issuer);
	if (*field[4] != '\0')
		read_certificate(field[4], &der, &ignored);
	for (char *c = field[6]; *c != '\0'; c++)
		*c = *c == ' ' ? '\n' : *c;
	e = (struct enrolment){.authority = field[1], .issuer = buf_slice(&issuer),
		.serial = slice_of(serial.octets, serial.len == 0 ? 1 : serial.len), .certificate = buf_slice(&der),
		.password = field[5], .contacts = field[6], .time = 1800000000, .who = "test"};
	print_answer(enrolments_put(tool->journal, &e, &deadline, &err), &err, 0);
	buf_free(&der);
	buf_free(&issuer);
	buf_free(&ignored);
}

static void
print_name(const char *text)
{
	struct error err = ERROR_NONE;
	char line[LINE_SIZE];
	X509_NAME *name;
	enum answer answer = dn_parse(slice_str(text), &name, &err);

	print_answer(answer, &err, answer == ANSWER_YES);
	if (answer == ANSWER_YES)
		puts(X509_NAME_oneline(name, line, sizeof line));
	X509_NAME_free(name);
}

static void
obey(struct tool *tool, char *line)
{
	char *field[FIELDS] = {line}, *rest = line;
	size_t count = 0;

	while (count < FIELDS && rest != NULL)
		field[count++] = strsep(&rest, "\t");
	if (strcmp(field[0], "serial") == 0 && count == 3)
		print_serial(tool, field[1], field[2]);
	else if (strcmp(field[0], "group") == 0 && count == 2)
		print_group(tool, field[1]);
	else if (strcmp(field[0], "enrol") == 0 && count == 7)
		enrol(tool, field);
	else if (strcmp(field[0], "name") == 0 && count == 2)
		print_name(field[1]);
	else if (strcmp(field[0], "deadline") == 0 && count == 2)
		tool->deadline_ms = atol(field[1]);
	else
		die("there is no such command");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct tool tool = {.deadline_ms = 60000};
	static char line[LINE_SIZE];
	struct config *config;
	struct error err = ERROR_NONE;

	log_open("lookup_tool", LOG_MAIL, true);
	log_without_syslog();
	if (argc < 2 || argc > 3)
		die("usage: lookup_tool CONFIG [JOURNAL]");
	if (config_parse(argv[1], &config, NULL, NULL, &err) != ANSWER_YES ||
	    directories_new(config, NULL, &tool.directories, &err) != ANSWER_YES ||
	    authorities_new(config, &tool.authorities, &err) != ANSWER_YES ||
	    (argc == 3 && journal_open(argv[2], &tool.journal, &err) != ANSWER_YES))
		die(err.words);
	tool.config = config;
	while (fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		obey(&tool, line);
	}
	journal_close(tool.journal);
	authorities_free(tool.authorities);
	directories_free(tool.directories);
	config_unref(config);
	return 0;
}
