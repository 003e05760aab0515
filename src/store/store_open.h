/* store_open: a connection to a database, set up and of the right version.
 *
 * The room's own, for store.c.
 */
#ifndef STORE_STORE_OPEN_H
#define STORE_STORE_OPEN_H

#include "store/store.h"

#include <sqlite3.h>

/* As store_open(). */
enum answer store_open_connection(const char *path, const struct store_schema *schema, enum store_access access,
	sqlite3 **db, struct error *err);

#endif
