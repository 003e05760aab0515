/* journal_rows: what the parts of the journal share. The room's own. */
#ifndef STORE_JOURNAL_ROWS_H
#define STORE_JOURNAL_ROWS_H

#include "store/journal.h"
#include "store/query.h"

/* As they stand in SQL below. */
_Static_assert(JOURNAL_REFUSED == 4 && JOURNAL_EXECUTED == 8 && JOURNAL_HALF == 16,
	"the numbers of the kinds in SQL are those of the header");
#define STATES_OPEN "(1, 2, 3, 5, 6, 7)" /* all but refused and executed */
#define KINDS_OF_STATE "BETWEEN 1 AND 8"
#define KINDS_NOTED "BETWEEN 16 AND 18"  /* HALF, LATE, OVERDUE: once each */

/* What the table current holds of HALF, LATE and OVERDUE. */
#define NOTED(kind) (1 << ((kind) - JOURNAL_HALF))

/* By its key. NO: there is none. */
enum answer rows_find(sqlite3 *db, const struct record *request, struct journal_receipt *receipt, struct error *err);
/* As journal_receive(). The request has passed record_check(). */
enum answer rows_receive(sqlite3 *db, const struct record *request, int64_t now, const char *how,
	struct journal_receipt *receipt, struct error *err);

#endif
