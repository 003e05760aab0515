#include "ctl/ctl.h"
#include "ctl/report.h"

#include "base/file.h"

#include <openssl/pem.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS (2 * 32) /* of a SHA-256 fingerprint */

/* ---- the fingerprint ----------------------------------------------------------- */

/* As tools and authorities write it: with colons, blanks or neither, in either case, behind
 * "SHA256 Fingerprint=" as openssl prints it. text: DIGITS lower-case digits. */
static bool
read_fingerprint(const char *from, char text[DIGITS + 1])
{
	const char *equals = strchr(from, '=');
	size_t len = 0;

	for (from = equals == NULL ? from : equals + 1; *from != '\0'; from++) {
		if (*from == ':' || ascii_is_white(*from))
			continue;
		if (len == DIGITS || strchr("0123456789abcdefABCDEF", *from) == NULL)
			return false;
		text[len++] = (char)ascii_lower(*from);
	}
	text[len] = '\0';
	return len == DIGITS;
}

static bool
is_fingerprint(const struct cert *cert, const char digits[DIGITS + 1])
{
	for (size_t i = 0; i < sizeof cert->digest; i++) {
		char two[3];

		sprintf(two, "%02x", cert->digest[i]);
		if (memcmp(two, digits + 2 * i, 2) != 0)
			return false;
	}
	return true;
}

/* ---- which file ------------------------------------------------------------------ */

struct choice {
	const char *path;
	size_t count;
};

static void
choose_among(struct choice *choice, const struct config_strings *anchors)
{
	for (size_t i = 0; i < anchors->count; i++)
		if (choice->path == NULL || strcmp(choice->path, anchors->item[i]) != 0) {
			choice->path = anchors->item[i];
			choice->count++;
		}
}

static void
choose_in_config(struct choice *choice, const struct config *config)
{
	choose_among(choice, &config->anchors);
	for (size_t i = 0; i < config->trust_count; i++)
		choose_among(choice, &config->trusts[i].anchors);
}

/* config: NULL: there is none. *path is the caller's. */
static enum answer
choose_file(const struct ctl_options *o, const struct config *config, char **path, bool *named, struct error *err)
{
	struct choice choice = {0};

	if (config != NULL)
		choose_in_config(&choice, config);
	if (o->into == NULL && choice.count != 1)
		return error_no(err, "file", "%s: say with --into FILE which file it is to be added to",
			choice.count == 0 ? "the configuration names no anchors" : "the configuration names several files of anchors");
	*named = choice.count == 1 && (o->into == NULL || strcmp(o->into, choice.path) == 0);
	/* What is a link stays one. */
	*path = realpath(o->into != NULL ? o->into : choice.path, NULL);
	if (*path == NULL && errno == ENOENT)
		*path = strdup(o->into != NULL ? o->into : choice.path);
	if (*path == NULL)
		return error_no(err, "file", "%s: %s", o->into != NULL ? o->into : choice.path, strerror(errno));
	return ANSWER_YES;
}

/* ---- the file -------------------------------------------------------------------- */

/* No names in the comment: a reader cuts long lines, and what begins a piece may look like PEM. */
static bool
append_pem(struct buf *content, const struct cert *cert)
{
	char fingerprint[REPORT_FINGERPRINT_SIZE], *pem;
	long len;
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = bio != NULL && PEM_write_bio_X509(bio, cert->x509) == 1;

	if (ok) {
		report_fingerprint(cert->digest, fingerprint);
		if (content->len > 0 && content->data[content->len - 1] != '\n')
			buf_add_byte(content, '\n');
		buf_printf(content, "# SHA-256 %s\n", fingerprint);
		len = BIO_get_mem_data(bio, &pem);
		buf_add(content, pem, (size_t)len);
	}
	BIO_free(bio);
	return ok && !buf_failed(content);
}

static enum answer
cannot_write(const char *path, struct error *err)
{
	return error_no(err, "file", "cannot write %s: %s", path, strerror(errno));
}

/* Whoever reads the file meanwhile finds the old or the new one, whole. before: of the old; NULL:
 * there is none. */
static enum answer
replace_file(const char *path, const struct stat *before, struct slice content, struct error *err)
{
	enum answer answer = ANSWER_YES;
	char *new_path;
	int fd;

	if (asprintf(&new_path, "%s.XXXXXX", path) == -1)
		return error_cant_tell(err, "memory", "out of memory");
	fd = mkostemp(new_path, O_CLOEXEC);
	if (fd == -1) {
		answer = cannot_write(path, err);
		free(new_path);
		return answer;
	}
	if (!file_write(fd, content) || fchmod(fd, before == NULL ? 0644 : before->st_mode & 07777) == -1 ||
		(before != NULL && geteuid() == 0 && fchown(fd, before->st_uid, before->st_gid) == -1) ||
		fsync(fd) == -1 || rename(new_path, path) == -1) {
		answer = cannot_write(path, err);
		unlink(new_path);
	}
	close(fd);
	free(new_path);
	return answer;
}

/* NO: "there": it is in the file already. */
static enum answer
look_for(const char *path, const struct cert *cert, struct error *err)
{
	struct cert **certs = NULL;
	size_t count = 0;
	enum answer answer = cert_read_file(path, &certs, &count, err);

	for (size_t i = 0; answer == ANSWER_YES && i < count; i++)
		if (memcmp(certs[i]->digest, cert->digest, sizeof cert->digest) == 0)
			answer = error_no(err, "there", "it is in %s already: nothing was changed", path);
	cert_free_array(certs, count);
	return answer;
}

static enum answer
add_to_file(const char *path, const struct cert *cert, struct error *err)
{
	enum answer answer = ANSWER_YES;
	struct buf content;
	struct stat before;
	bool exists = stat(path, &before) == 0;

	buf_init(&content, CERT_FILE_MAX);
	if (!exists && errno != ENOENT)
		answer = error_no(err, "file", "cannot look at %s: %s", path, strerror(errno));
	if (exists && before.st_size > 0) {
		answer = look_for(path, cert, err);
		if (answer == ANSWER_YES)
			answer = file_read(path, FILE_PUBLIC, &content, err);
		if (answer == ANSWER_YES && slice_find_slice(buf_slice(&content), slice_str("-----BEGIN ")) == content.len)
			answer = error_no(err, "file", "%s is DER, which holds one certificate only: make PEM of it", path);
	}
	if (answer == ANSWER_YES)
		answer = append_pem(&content, cert) ? replace_file(path, exists ? &before : NULL, buf_slice(&content), err) :
			error_cant_tell(err, "memory", "%s: out of memory, or larger than %d octets", path, CERT_FILE_MAX);
	buf_free(&content);
	return answer;
}

/* ---- the command ------------------------------------------------------------------ */

static enum answer
judge(const struct ctl_options *o, const char *file, struct cert *const *certs, size_t count, struct error *err)
{
	char digits[DIGITS + 1], fingerprint[REPORT_FINGERPRINT_SIZE], date[CERT_DATE_SIZE];

	if (count != 1)
		return error_no(err, "several", "%s holds %zu certificates: an anchor is added alone, as one fingerprint vouches "
			"for one only", file, count);
	if (!read_fingerprint(o->sha256, digits))
		return error_no(err, "usage", "--sha256 %s is no SHA-256 fingerprint: that has %d hexadecimal digits", o->sha256,
			DIGITS);
	report_fingerprint(certs[0]->digest, fingerprint);
	if (!is_fingerprint(certs[0], digits))
		return error_no(err, "fingerprint", "the fingerprint differs: this is not the certificate that you mean. %s has %s, "
			"wanted is %s", file, fingerprint, o->sha256);
	if (!certs[0]->ca)
		return error_no(err, "not-ca", "%s is no authority's certificate (cA is false)", file);
	cert_date(certs[0]->not_after, date);
	if (o->now > certs[0]->not_after)
		return error_no(err, "expired", "%s expired on %s", file, date);
	return ANSWER_YES;
}

static void
tell(const struct cert *cert, const char *path, bool named)
{
	char fingerprint[REPORT_FINGERPRINT_SIZE];
	json_t *o = json_object();

	report_fingerprint(cert->digest, fingerprint);
	tree_put(o, "added", cert->subject);
	tree_put(o, "issuer", cert->issuer);
	tree_put(o, "serial", cert->serial);
	tree_put_time(o, "not-before", cert->not_before);
	tree_put_time(o, "not-after", cert->not_after);
	tree_put(o, "sha256", fingerprint);
	tree_put(o, "file", path);
	report_print(o, false);
	if (named)
		printf("The configuration names that file: reload sealmilter.\n");
	else
		printf("For the configuration, in a trust block, or beside all blocks for recipients' certificates:\n"
			"anchors = { \"%s\" }\n", path);
}

static enum answer
add(const struct ctl_options *o, const struct cert *cert, struct error *err)
{
	struct config *config;
	char *path = NULL;
	bool named = false;
	enum answer answer = ctl_config_if_any(o, &config, err);

	if (answer == ANSWER_YES)
		answer = choose_file(o, config, &path, &named, err);
	if (answer == ANSWER_YES)
		answer = add_to_file(path, cert, err);
	if (answer == ANSWER_YES)
		tell(cert, path, named);
	free(path);
	config_unref(config);
	return answer;
}

static enum ctl_status
run(const struct ctl_options *o, char **arguments)
{
	struct error err = ERROR_NONE;
	struct cert **certs = NULL;
	size_t count = 0;
	enum answer answer;

	if (o->sha256 == NULL) {
		fprintf(stderr, "sealctl: anchors add wants --sha256 with the fingerprint that the authority publishes\n");
		return CTL_USAGE;
	}
	if (cert_read_file(arguments[0], &certs, &count, &err) != ANSWER_YES)
		return ctl_fail(&err);
	answer = judge(o, arguments[0], certs, count, &err);
	if (answer == ANSWER_YES) {
		answer = add(o, certs[0], &err);
		cert_free_array(certs, count);
		if (answer != ANSWER_YES && strcmp(err.code, "there") == 0) {
			printf("%s\n", err.words);
			return CTL_DONE;
		}
		return answer == ANSWER_YES ? CTL_DONE : ctl_fail(&err);
	}
	cert_free_array(certs, count);
	ctl_fail(&err);
	return strcmp(err.code, "usage") == 0 ? CTL_USAGE : CTL_NO;
}

const struct ctl_command ctl_anchors_add = {"anchors add", "FILE --sha256 DIGITS", 1, 1, run};
