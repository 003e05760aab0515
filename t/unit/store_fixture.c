#include "store_fixture.h"

#include "base/deadline.h"

#include <check.h>
#include <sqlite3.h>

#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAR_MS 60000
#define NEAR_MS 1000
#define PATHS 8

static char folder[64];

static struct {
	char paths[PATHS][PATH_MAX];
	unsigned next_path;
	atomic_int fault;
	atomic_uint syncs, operations, kill_at;
	sqlite3_vfs *real;
	sqlite3_vfs vfs;
} disk;

/* The real file lies behind it. */
struct disk_file {
	sqlite3_file base;
};

static sqlite3_file *
real(sqlite3_file *file)
{
	return (sqlite3_file *)((struct disk_file *)file + 1);
}

static bool
is_to_die(void)
{
	return atomic_fetch_add(&disk.operations, 1) + 1 == atomic_load(&disk.kill_at);
}

static int
disk_close(sqlite3_file *f)
{
	return real(f)->pMethods->xClose(real(f));
}

static int
disk_read(sqlite3_file *f, void *data, int len, sqlite3_int64 at)
{
	return real(f)->pMethods->xRead(real(f), data, len, at);
}

static int
disk_write(sqlite3_file *f, const void *data, int len, sqlite3_int64 at)
{
	if (is_to_die()) {
		real(f)->pMethods->xWrite(real(f), data, len / 2, at);
		raise(SIGKILL);
	}
	if (disk.fault == DISK_FULL)
		return SQLITE_FULL;
	return real(f)->pMethods->xWrite(real(f), data, len, at);
}

static int
disk_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	if (is_to_die())
		raise(SIGKILL);
	return real(f)->pMethods->xTruncate(real(f), size);
}

static int
disk_sync(sqlite3_file *f, int flags)
{
	if (is_to_die())
		raise(SIGKILL);
	disk.syncs++;
	return disk.fault == DISK_DYING ? SQLITE_IOERR_FSYNC : real(f)->pMethods->xSync(real(f), flags);
}

static int
disk_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real(f)->pMethods->xFileSize(real(f), size);
}

static int
disk_lock(sqlite3_file *f, int lock)
{
	return real(f)->pMethods->xLock(real(f), lock);
}

static int
disk_unlock(sqlite3_file *f, int lock)
{
	return real(f)->pMethods->xUnlock(real(f), lock);
}

static int
disk_check_lock(sqlite3_file *f, int *out)
{
	return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int
disk_control(sqlite3_file *f, int op, void *arg)
{
	return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int
disk_sector(sqlite3_file *f)
{
	return real(f)->pMethods->xSectorSize(real(f));
}

static int
disk_device(sqlite3_file *f)
{
	return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int
disk_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}

static int
disk_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
	return real(f)->pMethods->xShmLock(real(f), at, n, flags);
}

static void
disk_shm_barrier(sqlite3_file *f)
{
	real(f)->pMethods->xShmBarrier(real(f));
}

static int
disk_shm_unmap(sqlite3_file *f, int delete)
{
	return real(f)->pMethods->xShmUnmap(real(f), delete);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = disk_close,
	.xRead = disk_read,
	.xWrite = disk_write,
	.xTruncate = disk_truncate,
	.xSync = disk_sync,
	.xFileSize = disk_size,
	.xLock = disk_lock,
	.xUnlock = disk_unlock,
	.xCheckReservedLock = disk_check_lock,
	.xFileControl = disk_control,
	.xSectorSize = disk_sector,
	.xDeviceCharacteristics = disk_device,
	.xShmMap = disk_shm_map,
	.xShmLock = disk_shm_lock,
	.xShmBarrier = disk_shm_barrier,
	.xShmUnmap = disk_shm_unmap,
};

static int
disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	int rc = disk.real->xOpen(disk.real, name, real(f), flags, out);

	(void)vfs;
	f->pMethods = real(f)->pMethods == NULL ? NULL : &methods;
	return rc;
}

/* ---- for tests --------------------------------------------------------------- */

void
store_fixture_set_up(void)
{
	snprintf(folder, sizeof folder, "/tmp/seal-store.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	disk_set(DISK_GOOD);
	disk_kill_at(0);
	disk.real = sqlite3_vfs_find("unix");
	disk.vfs = *disk.real;
	disk.vfs.zName = "disk";
	disk.vfs.szOsFile = (int)sizeof(struct disk_file) + disk.real->szOsFile;
	disk.vfs.xOpen = disk_open;
	ck_assert_int_eq(sqlite3_vfs_register(&disk.vfs, 1), SQLITE_OK);
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

void
store_fixture_tear_down(void)
{
	ck_assert_int_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

const char *
store_fixture_path(const char *name)
{
	char *path = disk.paths[disk.next_path++ % PATHS];

	snprintf(path, PATH_MAX, "%s/%s", folder, name);
	return path;
}

void
disk_set(enum disk_fault fault)
{
	disk.fault = fault;
}

unsigned
disk_syncs(void)
{
	return disk.syncs;
}

unsigned
disk_operations(void)
{
	return disk.operations;
}

void
disk_kill_at(unsigned operation)
{
	disk.kill_at = operation == 0 ? 0 : disk.operations + operation;
}

struct timespec
far_deadline(void)
{
	return deadline_in(FAR_MS);
}

struct timespec
near_deadline(void)
{
	return deadline_in(NEAR_MS);
}
