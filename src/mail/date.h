/* date: the time that a Date field says (RFC 5322 3.3, 4.3). Pure; any thread. */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include "base/slice.h"

#include <time.h>

/* False: it is no date-time. The name of the day is not compared with the day; zones that RFC 5322
 * gives no time for are taken as UTC, as it says. */
bool date_parse(struct slice value, time_t *when);

#endif
