#include "pki/hold_faults.h"
#include "base/log.h"

#include <openssl/err.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* I.CA, as the subjects of its authorities have it. */
#define ICA_IDENTIFIER "NTRCZ-26439395"
#define ICA_NAME "Prvn\xc3\xad certifika\xc4\x8dn\xc3\xad autorita, a.s."

struct logged {
	unsigned char digest[32];
	time_t this_update;
};

struct hold_faults {
	pthread_mutex_t lock; /* of all below */
	struct logged logged[HOLD_FAULTS_LOGGED_MAX];
	size_t next;
};

struct hold_faults *
hold_faults_new(void)
{
	struct hold_faults *faults = calloc(1, sizeof *faults);

	if (faults != NULL)
		pthread_mutex_init(&faults->lock, NULL);
	return faults;
}

void
hold_faults_free(struct hold_faults *faults)
{
	if (faults == NULL)
		return;
	pthread_mutex_destroy(&faults->lock);
	free(faults);
}

static bool
has_attribute(const X509_NAME *name, int nid, const char *text)
{
	bool found = false;

	for (int at = -1; !found && (at = X509_NAME_get_index_by_NID(name, nid, at)) >= 0;) {
		unsigned char *utf8;
		int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));

		if (len < 0)
			continue;
		found = slice_eq_str(slice_of(utf8, (size_t)len), text);
		OPENSSL_free(utf8);
	}
	return found;
}

bool
hold_faults_are_of(const X509_NAME *authority)
{
	bool found = has_attribute(authority, NID_organizationIdentifier, ICA_IDENTIFIER) ||
		has_attribute(authority, NID_organizationName, ICA_NAME);

	ERR_clear_error();
	return found;
}

static bool
is_new(struct hold_faults *faults, const struct logged *one)
{
	for (size_t i = 0; i < HOLD_FAULTS_LOGGED_MAX; i++)
		if (faults->logged[i].this_update == one->this_update &&
		    memcmp(faults->logged[i].digest, one->digest, sizeof one->digest) == 0)
			return false;
	faults->logged[faults->next] = *one;
	faults->next = (faults->next + 1) % HOLD_FAULTS_LOGGED_MAX;
	return true;
}

void
hold_faults_log(struct hold_faults *faults, const char *source, const unsigned char digest[32],
	time_t this_update)
{
	struct logged one = {.this_update = this_update};
	struct log_line line;
	bool log;

	memcpy(one.digest, digest, sizeof one.digest);
	pthread_mutex_lock(&faults->lock);
	log = is_new(faults, &one);
	pthread_mutex_unlock(&faults->lock);
	if (!log)
		return;
	log_begin(&line, LOG_WARNING, NULL, "crl-fault");
	log_add(&line, "source", "%s", source);
	log_add(&line, "reason", "certificateHold, which this authority says it never uses");
	log_end(&line);
}
