/* journal_fixture: a journal, an inbox and requests for them, in the folder of store_fixture.
 *
 * What fails here fails the test.
 */
#ifndef JOURNAL_FIXTURE_H
#define JOURNAL_FIXTURE_H

#include "store/inbox.h"
#include "store/journal.h"
#include "store/notices.h"

#define NOW 1800000000
#define DAY (24 * 60 * 60)

extern struct journal *journal;
extern struct inbox *inbox;

/* Anew, if they are open. */
void open_journal(void);
void open_inbox(void);
void close_all(void);

/* Number n; static, of a table that holds sixteen at a time. */
const struct record *request(unsigned n);
/* Its number in the journal. */
int64_t receive(unsigned n);
enum answer add(int64_t id, enum journal_kind kind);
enum answer add_with(int64_t id, enum journal_kind kind, int64_t time, const struct notices_item *notice, struct error *err);

/* What was listed last: a line, and the last request of it, whose texts are gone. */
struct told {
	char line[4000];
	struct journal_item item;
};

extern struct told told;

/* All that lies in the inbox, as worker reads it. */
void each_in_inbox(void (*each)(void *arg, const struct record *request), void *arg);

/* For journal_list() and journal_show(): adds "ID:STATE " to the line of a struct told. */
bool tell_item(void *arg, const struct journal_item *item);
/* For journal_show(): is it that struct record? */
bool compare_request(void *arg, const struct journal_item *item);
/* "ID:STATE " and the kinds of its steps. */
const char *shown(int64_t id);
/* "ID:STATE " of each. */
const char *listed(enum journal_filter filter, int64_t now);
/* Verifies it. */
struct journal_head good_head(void);

/* As somebody who may write the file, and takes away what is in his way. */
void tamper_with(const char *file, const char *sql);

#endif
