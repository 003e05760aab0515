/* store_fixture: a folder for databases, and a disk below SQLite that counts, fills up, fails and kills.
 *
 * It lies between SQLite and the real files of this process, and is inherited by its children.
 */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <stdbool.h>
#include <time.h>

/* A new empty folder, and a disk that does nothing strange. To be the first and the last of each test. */
void store_fixture_set_up(void);
void store_fixture_tear_down(void);
/* Path of a file in the folder; static, of the last few calls. */
const char *store_fixture_path(const char *name);

enum disk_fault {
	DISK_GOOD,
	DISK_FULL,  /* what is to be written does not fit: as for ENOSPC */
	DISK_DYING, /* what is written does not get there: fsync fails */
};

void disk_set(enum disk_fault fault);
/* fsyncs so far. */
unsigned disk_syncs(void);
/* Writes, truncations and fsyncs so far. */
unsigned disk_operations(void);
/* This process kills itself (SIGKILL) in the midst of the operation of that number from now on; 0: it does not.
 * Of a write half has been done by then. */
void disk_kill_at(unsigned operation);

/* A moment that is never reached by a test that goes well. */
struct timespec far_deadline(void);
struct timespec near_deadline(void);

#endif
