#include "ctl/requests.h"

#include "base/file.h"
#include "mail/address.h"
#include "revocation/authority.h"
#include "revocation/inventory.h"
#include "store/enrolments.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define SERIAL_DIGITS_MAX 64 /* of a number that may be too large */
#define INPUT_MAX 256 /* octets of a file or line with a password, which may be too long */

_Static_assert(PASSWORD_TEXT_MAX <= ENROLMENT_PASSWORD_MAX, "a password that is hashed can be enrolled");
_Static_assert(CTL_CONTACTS_MAX == INVENTORY_ADDRESSES_MAX, "what can be enrolled can be read");

/* ---- the password ------------------------------------------------------------------- */

/* Up to the end of the line, or of the input. */
static enum answer
read_line(struct buf *line, struct error *err)
{
	char c;
	ssize_t n;

	while ((n = read(STDIN_FILENO, &c, 1)) != 0 && c != '\n') {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return error_no(err, "file", "cannot read standard input: %s", strerror(errno));
		buf_add_byte(line, (unsigned char)c);
	}
	password_wipe(&c, sizeof c);
	return buf_failed(line) ? error_no(err, "password", "that is too long for a password") : ANSWER_YES;
}

static enum answer
ask_password(struct buf *line, struct error *err)
{
	struct termios shown, hidden;
	enum answer answer;

	if (tcgetattr(STDIN_FILENO, &shown) == -1)
		return read_line(line, err);
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	fprintf(stderr, "Password: ");
	answer = read_line(line, err);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	fputc('\n', stderr);
	return answer;
}

/* path: "-": standard input. *text is its hash. */
static enum answer
hash_password(const char *path, unsigned ln, char text[PASSWORD_TEXT_MAX + 1], struct error *err)
{
	unsigned char salt[PASSWORD_SALT];
	struct password_hash hash;
	struct slice password;
	enum answer answer;
	struct buf input;

	buf_init(&input, INPUT_MAX);
	if (!buf_reserve(&input, INPUT_MAX))
		return error_cant_tell(err, "memory", "out of memory");
	answer = strcmp(path, "-") == 0 ? ask_password(&input, err) : file_read(path, FILE_SECRET, &input, err);
	password = buf_slice(&input);
	while (password.len > 0 && (password.data[password.len - 1] == '\n' || password.data[password.len - 1] == '\r'))
		password.len--;
	if (answer == ANSWER_YES && RAND_bytes(salt, sizeof salt) != 1)
		answer = error_cant_tell(err, "random", "no random octets can be had");
	if (answer == ANSWER_YES)
		answer = password_make(password, ln, salt, &hash, err);
	if (answer == ANSWER_YES)
		password_write(&hash, text);
	buf_wipe(&input);
	return answer;
}

/* What the configuration lets a check cost bounds what is made. */
static unsigned
cost(const struct config *config)
{
	return config != NULL && config->password_cost_limit < PASSWORD_LN ? config->password_cost_limit : PASSWORD_LN;
}

static enum ctl_status
password_hash(const struct ctl_options *o, char **arguments)
{
	char text[PASSWORD_TEXT_MAX + 1];
	struct error err = ERROR_NONE;
	struct config *config;
	enum answer answer = ctl_config_if_any(o, &config, &err);

	(void)arguments;
	if (answer == ANSWER_YES)
		answer = hash_password("-", cost(config), text, &err);
	config_unref(config);
	if (answer != ANSWER_YES)
		return ctl_fail(&err);
	printf("%s\n", text);
	return CTL_DONE;
}

/* ---- the certificate ------------------------------------------------------------------ */

/* A revocation block alone, so that what is wrong with another one is no hindrance. */
struct block {
	struct config alone;
	struct authorities *authorities;
	const struct authority *authority;
};

static enum answer
find_block(const struct ctl_options *o, const struct config *config, struct block *b, struct error *err)
{
	const char *inventory;

	b->alone = *config;
	b->alone.revocation_count = 0;
	for (size_t i = 0; i < config->revocation_count; i++)
		if (strcmp(config->revocations[i].name, o->authority) == 0) {
			b->alone.revocations = &config->revocations[i];
			b->alone.revocation_count = 1;
		}
	if (b->alone.revocation_count == 0)
		return error_no(err, "authority", "the configuration has no revocation block %s", o->authority);
	if (authorities_new(&b->alone, &b->authorities, err) != ANSWER_YES)
		return err->answer;
	b->authority = authorities_get(b->authorities, 0);
	inventory = b->authority->config->inventory;
	if (inventory != NULL && strcmp(inventory, CONFIG_ENROLLED) != 0)
		return error_no(err, "authority", "the inventory of revocation %s is %s: what is enrolled would not be looked at",
			o->authority, inventory);
	return ANSWER_YES;
}

/* What issued_by() refuses, in words. */
static enum answer
not_issued(const struct block *b, const struct cert *cert, struct error *err)
{
	int bits = 0;

	if (issued_number(b->authority->issued, X509_get_issuer_name(cert->x509)) == ISSUED_NOBODY)
		return error_no(err, "issuer", "it was issued by %s, which is none of the authorities of revocation %s", cert->issuer,
			b->authority->config->name);
	if (X509_get_signature_info(cert->x509, NULL, NULL, &bits, NULL) == 1 && bits < ISSUED_BITS_MIN)
		return error_no(err, "issuer", "it is signed with a digest so weak that others could have made it");
	return error_no(err, "issuer", "it names %s as its issuer, but the signature is not by a key of that authority",
		cert->issuer);
}

/* ---- enrol ------------------------------------------------------------------------------ */

struct enrolling {
	const struct ctl_options *o;
	struct requests r;
	struct block block;
	struct cert *cert;
	unsigned char *der;
	int der_len;
	struct holder_serial serial;
	char password[PASSWORD_TEXT_MAX + 1];
	struct buf contacts;
};

static enum answer
read_contacts(struct enrolling *e, struct error *err)
{
	buf_init(&e->contacts, ENROLMENT_CONTACTS_MAX + 1);
	for (size_t i = 0; i < e->o->contact_count; i++) {
		struct slice text = slice_str(e->o->contacts[i]);
		struct address a;

		if (text.len == 0 || text.data[0] == '<' || !slice_is_ascii(text) || !address_parse(text, &a))
			return error_no(err, "usage", "--contact %s is no mail address in ASCII", e->o->contacts[i]);
		buf_add_slice(&e->contacts, text);
		buf_add_byte(&e->contacts, '\n');
	}
	return buf_failed(&e->contacts) ? error_no(err, "usage", "the contacts are longer than %d octets",
		ENROLMENT_CONTACTS_MAX) : ANSWER_YES;
}

/* Files of whoever called are read as who he is, and before the journal is looked for. */
static enum answer
gather(struct enrolling *e, const char *path, struct error *err)
{
	enum answer answer = read_contacts(e, err);

	if (answer == ANSWER_YES)
		answer = requests_configure(&e->r, e->o, err);
	if (answer == ANSWER_YES)
		answer = cert_read_only(path, &e->cert, err);
	if (answer == ANSWER_YES && e->o->password_file != NULL)
		answer = hash_password(e->o->password_file, cost(e->r.config), e->password, err);
	if (answer == ANSWER_YES)
		answer = ctl_read_as(e->r.config, CTL_AS_GATE, err);
	return answer == ANSWER_YES ? find_block(e->o, e->r.config, &e->block, err) : answer;
}

/* One that is enrolled may stand in the certificate too. */
static void
add_address(json_t *addresses, const char *address)
{
	for (size_t i = 0; i < json_array_size(addresses); i++)
		if (address_equal_text(slice_str(json_string_value(json_array_get(addresses, i))), slice_str(address)))
			return;
	json_array_append_new(addresses, tree_text(slice_str(address)));
}

static struct slice
serial_of(const struct enrolling *e)
{
	static const unsigned char zero[1] = {0};

	return e->serial.len == 0 ? slice_of(zero, 1) : slice_of(e->serial.octets, e->serial.len);
}

static void
tell_enrolled(const struct enrolling *e)
{
	json_t *o = json_object(), *contacts = json_array();

	tree_put(o, "enrolled", e->cert->subject);
	tree_put(o, "authority", e->o->authority);
	requests_put_serial(o, serial_of(e));
	tree_put(o, "issuer", e->cert->issuer);
	tree_put_flag(o, "password", e->password[0] != '\0');
	for (size_t i = 0; i < e->o->contact_count; i++)
		add_address(contacts, e->o->contacts[i]);
	for (size_t i = 0; i < e->cert->address_count; i++)
		add_address(contacts, e->cert->addresses[i]);
	json_object_set_new(o, "told-at", contacts);
	report_print(o, e->o->json);
	if (e->o->contact_count + e->cert->address_count == 0)
		fprintf(stderr, "sealctl: no address is in the certificate and none was given: nobody can be told what became of a "
			"request\n");
}

static enum answer
put(struct enrolling *e, struct error *err)
{
	struct timespec deadline = requests_deadline();
	size_t number = issued_by(e->block.authority->issued, e->cert), names;
	struct enrolment enrolment = {.authority = e->o->authority, .password = e->password, .time = time(NULL),
		.who = e->r.who};

	if (number == ISSUED_NOBODY)
		return not_issued(&e->block, e->cert, err);
	if (!holder_serial_of_cert(e->cert, &e->serial))
		return error_no(err, "serial", "its serial number is negative, or longer than %d octets", HOLDER_SERIAL_MAX);
	e->der_len = i2d_X509(e->cert->x509, &e->der);
	enrolment.contacts = e->contacts.len == 0 ? "" : buf_str(&e->contacts);
	if (e->der_len < 0 || enrolment.contacts == NULL)
		return error_cant_tell(err, "memory", "out of memory");
	enrolment.issuer = issued_names(e->block.authority->issued, &names)[number];
	enrolment.serial = serial_of(e);
	enrolment.certificate = slice_of(e->der, (size_t)e->der_len);
	if (requests_open_journal(&e->r, REQUESTS_TO_WRITE, err) != ANSWER_YES)
		return err->answer;
	return enrolments_put(e->r.journal, &enrolment, &deadline, err);
}

static void
forget(struct enrolling *e)
{
	requests_close(&e->r);
	authorities_free(e->block.authorities);
	cert_unref(e->cert);
	OPENSSL_free(e->der);
	buf_free(&e->contacts);
}

static bool
has_authority(const struct ctl_options *o, const char *command)
{
	if (o->authority == NULL)
		fprintf(stderr, "sealctl: revocation %s wants --authority with the name of a revocation block\n", command);
	return o->authority != NULL;
}

/* That the certificate will not do is a no; that the command line or the configuration will not is another matter. */
static enum ctl_status
enrol(const struct ctl_options *o, char **arguments)
{
	struct enrolling e = {.o = o};
	struct error err = ERROR_NONE;
	enum ctl_status status;

	if (!has_authority(o, "enrol"))
		return CTL_USAGE;
	if (gather(&e, arguments[0], &err) != ANSWER_YES) {
		status = ctl_fail(&err);
	} else if (put(&e, &err) == ANSWER_YES) {
		tell_enrolled(&e);
		status = CTL_DONE;
	} else {
		if (strcmp(err.code, "issuer") == 0 || strcmp(err.code, "serial") == 0)
			error_prefix(&err, "%s", arguments[0]);
		status = requests_fail(err.answer, &err);
		if (strcmp(err.code, "issuer") == 0 || strcmp(err.code, "serial") == 0)
			status = CTL_NO;
	}
	forget(&e);
	return status;
}

/* ---- enrolled ------------------------------------------------------------------------- */

static void
put_contacts(json_t *o, const char *contacts)
{
	json_t *array = json_array();

	while (*contacts != '\0') {
		size_t len = strcspn(contacts, "\n");

		json_array_append_new(array, tree_text(slice_of(contacts, len)));
		contacts += len + (contacts[len] == '\n');
	}
	json_object_set_new(o, "contacts", array);
}

static bool
list_one(void *arg, const struct enrolment *e)
{
	json_t *o = json_object();

	tree_put(o, "authority", e->authority);
	requests_put_serial(o, e->serial);
	requests_put_name(o, "issuer", e->issuer);
	requests_put_signer(o, "owner", e->certificate);
	tree_put_flag(o, "password", e->password[0] != '\0');
	put_contacts(o, e->contacts);
	tree_put_time(o, "enrolled", (time_t)e->time);
	tree_put(o, "who", e->who);
	json_array_append_new(arg, o);
	return true;
}

static enum ctl_status
enrolled(const struct ctl_options *o, char **arguments)
{
	json_t *array = json_array();
	struct error err = ERROR_NONE;
	struct requests r = {0};
	enum answer answer;

	(void)arguments;
	answer = requests_configure(&r, o, &err);
	if (answer == ANSWER_YES)
		answer = requests_open_journal(&r, REQUESTS_TO_READ, &err);
	if (answer == ANSWER_YES)
		answer = enrolments_find(r.journal, o->authority, SLICE_NONE, list_one, array, &err);
	requests_close(&r);
	if (answer != ANSWER_YES) {
		json_decref(array);
		return ctl_fail(&err);
	}
	if (json_array_size(array) == 0 && !o->json)
		printf("no certificates are enrolled\n");
	return report_print(array, o->json) ? CTL_DONE : CTL_CANT_TELL;
}

/* ---- unenrol ----------------------------------------------------------------------------- */

struct removing {
	unsigned char serial[HOLDER_SERIAL_MAX + 1];
	unsigned char *issuer; /* NULL: whoever it is */
	struct enrolment enrolment;
};

/* Decimal, or hexadecimal behind 0x, as list prints it. False: it is no number. */
static bool
parse_serial(const char *text, struct removing *m)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	BIGNUM *number = NULL;
	bool good = digits[0] != '\0' && strlen(digits) <= SERIAL_DIGITS_MAX &&
		strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") == strlen(digits);

	good = good && (hex ? BN_hex2bn(&number, digits) : BN_dec2bn(&number, digits)) > 0;
	good = good && BN_num_bytes(number) <= HOLDER_SERIAL_MAX;
	if (good) {
		size_t len = (size_t)BN_bn2bin(number, m->serial);

		m->enrolment.serial = slice_of(m->serial, len == 0 ? 1 : len);
	}
	BN_free(number);
	ERR_clear_error();
	return good;
}

/* By its own issuer and number: nobody but who enrolled it has to have issued it. */
static enum answer
read_whose(const char *path, struct removing *m, struct error *err)
{
	struct holder_serial serial;
	struct cert *cert = NULL;
	enum answer answer = cert_read_only(path, &cert, err);
	int len;

	if (answer != ANSWER_YES)
		return answer;
	if (holder_serial_of_cert(cert, &serial)) {
		memcpy(m->serial, serial.octets, serial.len);
		m->enrolment.serial = slice_of(m->serial, serial.len == 0 ? 1 : serial.len);
		len = i2d_X509_NAME(X509_get_issuer_name(cert->x509), &m->issuer);
		m->enrolment.issuer = len < 0 ? SLICE_NONE : slice_of(m->issuer, (size_t)len);
	} else {
		answer = error_no(err, "enrolment", "%s: its serial number is negative or too long", path);
	}
	cert_unref(cert);
	return answer;
}

static enum ctl_status
unenrol(const struct ctl_options *o, char **arguments)
{
	struct removing m = {.enrolment = {.authority = o->authority}};
	struct timespec deadline = requests_deadline();
	struct error err = ERROR_NONE;
	struct requests r = {0};
	enum answer answer;

	if (!has_authority(o, "unenrol"))
		return CTL_USAGE;
	answer = parse_serial(arguments[0], &m) ? ANSWER_YES : read_whose(arguments[0], &m, &err);
	if (answer == ANSWER_YES)
		answer = requests_configure(&r, o, &err);
	if (answer == ANSWER_YES)
		answer = requests_open_journal(&r, REQUESTS_TO_WRITE, &err);
	if (answer == ANSWER_YES)
		answer = enrolments_remove(r.journal, &m.enrolment, &deadline, &err);
	requests_close(&r);
	OPENSSL_free(m.issuer);
	if (answer != ANSWER_YES)
		return requests_fail(answer, &err);
	printf("the certificate is enrolled no more\n");
	return CTL_DONE;
}

const struct ctl_command ctl_revocation_enrol = {"revocation enrol", "FILE --authority NAME", 1, 1, enrol};
const struct ctl_command ctl_revocation_enrolled = {"revocation enrolled", "[--authority NAME]", 0, 0, enrolled};
const struct ctl_command ctl_revocation_unenrol = {"revocation unenrol", "FILE|SERIAL --authority NAME", 1, 1, unenrol};
const struct ctl_command ctl_revocation_password_hash = {"revocation password-hash", "", 0, 0, password_hash};
