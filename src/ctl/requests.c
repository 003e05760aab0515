#include "ctl/requests.h"

#include "base/deadline.h"
#include "base/file.h"
#include "gateway/intake.h"
#include "pki/cert.h"

#include <openssl/bn.h>
#include <openssl/err.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_MS 30000
#define NAME_MAX_OCTETS 64 /* of a user */

/* ---- the journal ----------------------------------------------------------------- */

/* Who may not write it would be told so by SQLite in words of its own. */
static enum answer
look_at_journal(const char *path, enum requests_access access, struct error *err)
{
	char me[FILE_USER_SIZE], owner[FILE_USER_SIZE];
	struct stat st;
	int why = stat(path, &st) == 0 ? 0 : errno;

	if (why == ENOENT)
		return error_cant_tell(err, "journal", "there is no journal %s: worker makes it when sealmilter is started", path);
	if (why != 0)
		return error_no(err, "journal", "user %s cannot look at %s: %s", file_user_name(geteuid(), me), path, strerror(why));
	if (access == REQUESTS_TO_READ || geteuid() == 0 || geteuid() == st.st_uid)
		return ANSWER_YES;
	return error_no(err, "journal", "user %s may not write %s: that is for root and its owner, %s",
		file_user_name(geteuid(), me), path, file_user_name(st.st_uid, owner));
}

enum answer
requests_open_journal(struct requests *r, enum requests_access access, struct error *err)
{
	enum answer answer = r->returns ? ctl_read_as(r->config, CTL_AS_WORKER, err) :
		ctl_stay_as(r->config, CTL_AS_WORKER, err);
	char *path;

	if (answer != ANSWER_YES)
		return answer;
	if (asprintf(&path, "%s/%s", r->config->journal_directory, INTAKE_JOURNAL) == -1)
		return error_cant_tell(err, "memory", "out of memory");
	answer = look_at_journal(path, access, err);
	if (answer == ANSWER_YES)
		answer = access == REQUESTS_TO_WRITE ? journal_open(path, &r->journal, err) :
			journal_open_to_read(path, &r->journal, err);
	free(path);
	return answer;
}

void
requests_close(struct requests *r)
{
	journal_close(r->journal);
	config_unref(r->config);
}

struct timespec
requests_deadline(void)
{
	return deadline_in(WRITE_MS);
}

/* ---- who, which ------------------------------------------------------------------- */

/* sudo's word for it comes from the environment, so it is looked at; only root can have got it from sudo. */
static bool
is_plain(const char *name)
{
	size_t len = name == NULL ? 0 : strnlen(name, NAME_MAX_OCTETS + 1);

	if (len == 0 || len > NAME_MAX_OCTETS)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	return true;
}

static void
find_out_who(char who[JOURNAL_WHO_MAX + 1])
{
	const char *name = getuid() == 0 ? getenv("SUDO_USER") : NULL;
	char own[FILE_USER_SIZE];

	if (!is_plain(name))
		name = file_user_name(getuid(), own);
	snprintf(who, JOURNAL_WHO_MAX + 1, "operator %s", name);
}

enum answer
requests_configure(struct requests *r, const struct ctl_options *o, struct error *err)
{
	r->config = ctl_config(o, err);
	find_out_who(r->who);
	return r->config == NULL ? err->answer : ANSWER_YES;
}

enum answer
requests_number(const char *text, int64_t *number, struct error *err)
{
	char *end;

	errno = 0;
	*number = strtoll(text, &end, 10);
	if (text[0] < '1' || text[0] > '9' || *end != '\0' || errno != 0)
		return error_no(err, "usage", "%s is no number of a request: that is what list prints", text);
	return ANSWER_YES;
}

enum ctl_status
requests_fail(enum answer answer, const struct error *err)
{
	enum ctl_status status = ctl_fail(err);
	bool of_journal = strncmp(err->code, "journal-", strlen("journal-")) == 0 || strcmp(err->code, "enrolment") == 0;

	return answer == ANSWER_NO && of_journal ? CTL_NO : status;
}

/* ---- words ------------------------------------------------------------------------- */

void
requests_put_hex(json_t *object, const char *key, struct slice octets)
{
	struct buf text;

	buf_init(&text, 2 * octets.len + 1);
	for (size_t i = 0; i < octets.len; i++)
		buf_printf(&text, "%02X", octets.data[i]);
	if (octets.len > 0)
		tree_put(object, key, buf_str(&text));
	buf_free(&text);
}

void
requests_put_base64(json_t *object, const char *key, struct slice octets)
{
	size_t size = (octets.len + 2) / 3 * 4 + 1;
	char *text = malloc(size);

	if (text != NULL) {
		EVP_EncodeBlock((unsigned char *)text, octets.data, (int)octets.len);
		tree_put(object, key, text);
	}
	free(text);
}

void
requests_put_serial(json_t *object, struct slice serial)
{
	BIGNUM *number = BN_bin2bn(serial.data, (int)serial.len, NULL);
	char *decimal = number == NULL ? NULL : BN_bn2dec(number);
	struct buf text;

	buf_init(&text, 2 * RECORD_SERIAL_MAX + 3);
	buf_add_str(&text, "0x");
	for (size_t i = 0; i < serial.len; i++)
		buf_printf(&text, "%02X", serial.data[i]);
	tree_put(object, "serial", buf_str(&text));
	tree_put(object, "serial-decimal", decimal);
	buf_free(&text);
	OPENSSL_free(decimal);
	BN_free(number);
	ERR_clear_error();
}

void
requests_put_name(json_t *object, const char *key, struct slice der)
{
	char *name = cert_name(der);

	if (name != NULL)
		json_object_set_new(object, key, tree_text(slice_str(name)));
	free(name);
}

void
requests_put_signer(json_t *object, const char *key, struct slice der)
{
	struct cert *cert;

	if (der.len == 0 || cert_parse(der, &cert, NULL) != ANSWER_YES)
		return;
	tree_put(object, key, cert->subject);
	cert_unref(cert);
}
