#include "store/enrolments.h"

#include "store/query.h"
#include "store/store.h"

#include <string.h>

#define COLUMNS "authority, serial, issuer, certificate, password, contacts, time, who"

/* ---- what may be in one -------------------------------------------------------- */

static enum answer
check_text(const char *what, const char *text, size_t least, size_t most, struct error *err)
{
	size_t len = text == NULL ? 0 : strnlen(text, most + 1);

	if (len >= least && len <= most)
		return ANSWER_YES;
	return error_no(err, "enrolment", "%s is missing, or longer than %zu octets", what, most);
}

static enum answer
check_octets(const char *what, struct slice octets, size_t least, size_t most, struct error *err)
{
	if (octets.len >= least && octets.len <= most)
		return ANSWER_YES;
	return error_no(err, "enrolment", "%s is missing, or longer than %zu octets", what, most);
}

static enum answer
check(const struct enrolment *e, struct error *err)
{
	size_t len;

	if (check_text("the authority", e->authority, 1, RECORD_NAME_MAX, err) != ANSWER_YES ||
	    check_octets("the serial number", e->serial, 1, RECORD_SERIAL_MAX, err) != ANSWER_YES ||
	    check_octets("the issuer", e->issuer, 1, RECORD_ISSUER_MAX, err) != ANSWER_YES ||
	    check_octets("the certificate", e->certificate, 0, ENROLMENT_CERTIFICATE_MAX, err) != ANSWER_YES ||
	    check_text("the password's hash", e->password, 0, ENROLMENT_PASSWORD_MAX, err) != ANSWER_YES ||
	    check_text("the list of addresses", e->contacts, 0, ENROLMENT_CONTACTS_MAX, err) != ANSWER_YES ||
	    check_text("who enrols it", e->who, 1, JOURNAL_WHO_MAX, err) != ANSWER_YES)
		return ANSWER_NO;
	if (e->serial.len > 1 && e->serial.data[0] == 0)
		return error_no(err, "enrolment", "the serial number begins with a zero");
	len = e->contacts == NULL ? 0 : strlen(e->contacts);
	if (len > 0 && e->contacts[len - 1] != '\n')
		return error_no(err, "enrolment", "the last address does not end");
	return e->time > 0 ? ANSWER_YES : error_no(err, "enrolment", "the time is missing");
}

/* ---- writing ------------------------------------------------------------------- */

static enum answer
put(sqlite3 *db, void *arg, struct error *err)
{
	const struct enrolment *e = arg;
	struct query q;

	query_init(&q, db, "INSERT OR REPLACE INTO enrolments (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
	query_bind_text(&q, e->authority);
	query_bind_blob(&q, e->serial);
	query_bind_blob(&q, e->issuer);
	query_bind_blob(&q, e->certificate);
	query_bind_text(&q, e->password);
	query_bind_text(&q, e->contacts);
	query_bind_int(&q, e->time);
	query_bind_text(&q, e->who);
	return query_run(&q, err);
}

enum answer
enrolments_put(struct journal *journal, const struct enrolment *enrolment, const struct timespec *deadline,
	struct error *err)
{
	struct enrolment copy = *enrolment;

	if (check(enrolment, err) != ANSWER_YES)
		return ANSWER_NO;
	return store_write(journal_store(journal), put, &copy, deadline, err);
}

/* In a savepoint: where there are several, all stay. */
static enum answer
remove_one(sqlite3 *db, void *arg, struct error *err)
{
	const struct enrolment *e = arg;
	struct query q;
	int removed;

	query_init(&q, db, e->issuer.len == 0 ? "DELETE FROM enrolments WHERE authority = ? AND serial = ?" :
		"DELETE FROM enrolments WHERE authority = ? AND serial = ? AND issuer = ?");
	query_bind_text(&q, e->authority);
	query_bind_blob(&q, e->serial);
	if (e->issuer.len > 0)
		query_bind_blob(&q, e->issuer);
	if (query_run(&q, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	removed = sqlite3_changes(db);
	if (removed == 1)
		return ANSWER_YES;
	return removed == 0 ? error_no(err, "enrolment", "there is no such certificate") :
		error_no(err, "enrolment", "%d certificates have that number: say of which issuer", removed);
}

enum answer
enrolments_remove(struct journal *journal, const struct enrolment *enrolment, const struct timespec *deadline,
	struct error *err)
{
	struct enrolment copy = *enrolment;

	return store_write(journal_store(journal), remove_one, &copy, deadline, err);
}

/* ---- reading ------------------------------------------------------------------- */

struct finding {
	const char *authority;
	struct slice serial;
	enrolments_each *each;
	void *arg;
};

static void
begin(const struct finding *f, sqlite3 *db, struct query *q)
{
	query_init(q, db, f->authority == NULL ? "SELECT " COLUMNS " FROM enrolments ORDER BY authority, serial, issuer" :
		f->serial.len == 0 ? "SELECT " COLUMNS " FROM enrolments WHERE authority = ? ORDER BY serial, issuer" :
		"SELECT " COLUMNS " FROM enrolments WHERE authority = ? AND serial = ? ORDER BY issuer");
	if (f->authority != NULL)
		query_bind_text(q, f->authority);
	if (f->authority != NULL && f->serial.len > 0)
		query_bind_blob(q, f->serial);
}

static struct enrolment
read_row(struct query *q)
{
	return (struct enrolment){.authority = query_text(q, 0), .serial = query_blob(q, 1), .issuer = query_blob(q, 2),
		.certificate = query_blob(q, 3), .password = query_text(q, 4), .contacts = query_text(q, 5),
		.time = query_int(q, 6), .who = query_text(q, 7)};
}

static enum answer
find(sqlite3 *db, void *arg, struct error *err)
{
	const struct finding *f = arg;
	struct error why = ERROR_NONE;
	struct query q;

	begin(f, db, &q);
	while (query_next(&q)) {
		struct enrolment e = read_row(&q);

		if (check(&e, &why) != ANSWER_YES || !f->each(f->arg, &e))
			break;
	}
	if (query_end(&q, err) != ANSWER_YES)
		return ANSWER_CANT_TELL;
	return why.answer == ANSWER_YES ? ANSWER_YES : error_cant_tell(err, "store-damaged", "an enrolment: %s", why.words);
}

enum answer
enrolments_find(struct journal *journal, const char *authority, struct slice serial, enrolments_each *each, void *arg,
	struct error *err)
{
	struct finding f = {authority, serial, each, arg};

	return store_read(journal_store(journal), find, &f, err);
}
