#include "ctl/ctl.h"
#include "ctl/report.h"

#include "base/file.h"
#include "pki/hold_faults.h"
#include "pki/trust.h"

#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- who may have signed lists -------------------------------------------------------- */

struct keep {
	struct cert **certs;
	size_t count;
	bool failed;
};

static void
keep_cert(void *arg, struct cert *cert, const struct error *why)
{
	struct keep *k = arg;
	struct cert **more;

	(void)why;
	if (cert == NULL || k->failed)
		return;
	more = reallocarray(k->certs, k->count + 1, sizeof *more);
	k->failed = more == NULL;
	if (k->failed)
		return;
	k->certs = more;
	k->certs[k->count++] = cert_ref(cert);
}

static enum answer
keep_file(struct keep *k, const char *path, struct error *err)
{
	enum answer answer = cert_each_in_file(path, keep_cert, k, err);

	return k->failed ? error_cant_tell(err, "memory", "out of memory") : answer;
}

static enum answer
keep_files(struct keep *k, const struct config_strings *paths, struct error *err)
{
	enum answer answer = ANSWER_YES;

	for (size_t i = 0; answer == ANSWER_YES && i < paths->count; i++)
		answer = keep_file(k, paths->item[i], err);
	return answer;
}

static enum answer
keep_configured(struct keep *k, const struct config *config, struct error *err)
{
	enum answer answer = keep_files(k, &config->anchors, err);

	if (answer == ANSWER_YES)
		answer = keep_files(k, &config->intermediates, err);
	for (size_t i = 0; answer == ANSWER_YES && i < config->trust_count; i++) {
		answer = keep_files(k, &config->trusts[i].anchors, err);
		if (answer == ANSWER_YES)
			answer = keep_files(k, &config->trusts[i].intermediates, err);
	}
	return answer;
}

/* ---- the lists ------------------------------------------------------------------------- */

struct lists {
	struct config *config;
	struct trusts *trusts;
	struct keep keep;
	struct crl_signers signers;
	struct crl_cache *cache; /* trusts' */
};

/* What is written belongs to the gate's user from the start, as the gate is to read and replace it. Without a folder
 * that can be used nothing would be listed, and what is fetched be lost: NO. */
static enum answer
lists_open(struct lists *l, const struct ctl_options *o, struct error *err)
{
	enum answer answer = ANSWER_YES;

	for (size_t i = 0; answer == ANSWER_YES && i < o->signer_count; i++)
		answer = keep_file(&l->keep, o->signers[i], err);
	if (answer == ANSWER_YES) {
		l->config = ctl_config(o, err);
		answer = l->config == NULL ? err->answer : ctl_read_as(l->config, CTL_AS_GATE, err);
	}
	if (answer == ANSWER_YES)
		answer = keep_configured(&l->keep, l->config, err);
	if (answer == ANSWER_YES)
		answer = trusts_new(l->config, &l->trusts, err);
	if (answer == ANSWER_YES) {
		l->signers = (struct crl_signers){l->keep.certs, l->keep.count, l->config->accept_weak_signatures};
		l->cache = checker_lists(trusts_checker(l->trusts));
		answer = crl_cache_is_kept(l->cache, err);
	}
	return answer;
}

static void
lists_close(struct lists *l)
{
	trusts_free(l->trusts);
	cert_free_array(l->keep.certs, l->keep.count);
	config_unref(l->config);
}

/* ---- list ------------------------------------------------------------------------------ */

static void
put_number(json_t *o, const char *key, const struct crl_number *number)
{
	char text[2 * CRL_SERIAL_MAX + 2];
	size_t at = 0;

	if (number->negative)
		text[at++] = '-';
	for (size_t i = 0; i < number->len; i++)
		at += (size_t)sprintf(text + at, "%02X", number->octets[i]);
	text[at] = '\0';
	tree_put(o, key, number->len == 0 ? "00" : text);
}

static void
put_issuer(json_t *o, const struct crl *crl)
{
	char *data, *name;
	BIO *bio = BIO_new(BIO_s_mem());

	ERR_clear_error();
	if (bio != NULL && X509_NAME_print_ex(bio, crl->authorities[0], 0,
		XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
		long len = BIO_get_mem_data(bio, &data);

		name = slice_dup(slice_of(data, (size_t)len));
		tree_put(o, "issuer", name);
		free(name);
	}
	BIO_free(bio);
	ERR_clear_error();
}

struct listing {
	json_t *array;
	time_t now;
};

static void
add_entry(void *arg, const struct crl_cache_entry *entry)
{
	struct listing *listing = arg;
	const struct crl *crl = entry->crl;
	json_t *o = json_object();

	tree_put(o, "url", entry->url);
	tree_put_flag(o, "imported", entry->url == NULL);
	tree_put(o, "path", entry->path);
	if (crl != NULL) {
		put_issuer(o, crl);
		tree_put_flag(o, "delta", crl->is_delta);
		if (crl->has_number)
			put_number(o, "number", &crl->number);
		tree_put_time(o, "this-update", crl->this_update);
		tree_put_time(o, "next-update", crl->next_update);
		tree_put_flag(o, "current", listing->now <= crl->next_update);
		tree_put_count(o, "entries", (long long)crl->count);
		tree_put_count(o, "on-hold", (long long)crl->on_hold);
		if (crl->on_hold > 0 && hold_faults_are_of(crl->authorities[0]))
			tree_put(o, "fault", "certificates are on hold, which their authority says it never does");
	} else {
		tree_put_reason(o, "unreadable-because", &entry->why);
	}
	if (entry->fetched != 0) {
		tree_put_time(o, "fetched", entry->fetched);
		tree_put_count(o, "age-seconds", (long long)(listing->now - entry->fetched));
	}
	json_array_append_new(listing->array, o);
}

static enum ctl_status
list(const struct ctl_options *o, char **arguments)
{
	struct listing listing = {.array = json_array(), .now = o->now};
	struct lists l = {0};
	struct error err = ERROR_NONE;
	enum ctl_status status;

	(void)arguments;
	if (lists_open(&l, o, &err) == ANSWER_YES &&
		crl_cache_each(l.cache, &l.signers, add_entry, &listing, &err) == ANSWER_YES) {
		if (json_array_size(listing.array) == 0 && !o->json)
			printf("no lists are kept\n");
		status = report_print(listing.array, o->json) ? CTL_DONE : CTL_CANT_TELL;
	} else {
		json_decref(listing.array);
		status = ctl_fail(&err);
	}
	lists_close(&l);
	return status;
}

/* ---- refresh, import ---------------------------------------------------------------------- */

/* That a list will not do is a no; that the command line or the configuration will not is another matter. */
static enum ctl_status
tell(enum answer answer, const struct error *err, const char *done)
{
	if (answer == ANSWER_YES) {
		printf("%s\n", done);
		return CTL_DONE;
	}
	ctl_fail(err);
	return answer == ANSWER_NO ? CTL_NO : CTL_CANT_TELL;
}

static enum ctl_status
refresh(const struct ctl_options *o, char **arguments)
{
	const char *url = arguments[0]; /* NULL: all */
	struct lists l = {0};
	struct error err = ERROR_NONE;
	enum ctl_status status;

	if (lists_open(&l, o, &err) == ANSWER_YES)
		status = tell(crl_cache_fetch(l.cache, url, &l.signers, o->now, &err), &err,
			url == NULL ? "all lists are fresh" : "the list is fresh");
	else
		status = ctl_fail(&err);
	lists_close(&l);
	return status;
}

static enum ctl_status
import(const struct ctl_options *o, char **arguments)
{
	struct lists l = {0};
	struct error err = ERROR_NONE;
	struct buf content;
	enum ctl_status status;

	/* The file is the caller's, so it is read before sealctl becomes the gate's user. */
	buf_init(&content, CRL_PEM_MAX);
	if (file_read(arguments[0], FILE_PUBLIC, &content, &err) == ANSWER_YES && lists_open(&l, o, &err) == ANSWER_YES)
		status = tell(crl_cache_import(l.cache, buf_slice(&content), &l.signers, &err), &err, "the list is imported");
	else
		status = ctl_fail(&err);
	buf_free(&content);
	lists_close(&l);
	return status;
}

const struct ctl_command ctl_crl_list = {"crl list", "", 0, 0, list};
const struct ctl_command ctl_crl_refresh = {"crl refresh", "[URL]", 0, 1, refresh};
const struct ctl_command ctl_crl_import = {"crl import", "FILE", 1, 1, import};
