/* The engine's write-ahead log, and what a checkpoint moves from there into the database, written in long pieces. SQLite writes
 * a header of 24 bytes and a page for each frame, some hundred short writes a commit, and most of a commit's CPU time is
 * theirs; a checkpoint writes page after page, in the order of the file. This layer under the engine (a "VFS" as
 * https://www.sqlite.org/vfs.html describes them) gathers writes that follow one another and hands them on before anything
 * else touches the file, above all before it is synced.
 *
 * That loses nothing: with synchronous=FULL the log is synced before the frames of a commit enter the
 * index that other connections read, and frames that no commit follows are the writer's own, who reads
 * them through this file. A checkpoint syncs the database before it says in that index how far it came, and until then
 * all connections read the pages that it moves from the log. A write that fails is reported by the sync, and the commit or
 * checkpoint fails by it as it would have by the write.
 *
 * Only the connection that writes uses it; a file belongs to the thread of its connection. */
#include "gatewayd/core/store/sqlite/sqlite_private.h"

#include <sqlite3.h>
#include <stdlib.h>

/* The engine's own layer splits writes at 128 KiB and takes a multiple of that for an empty one. */
#define GATHER (120 * 1024)

struct wal_file {
	sqlite3_file base; /* what the engine sees */
	char *bytes;       /* gathered, for the place `at` in the file */
	int n;
	sqlite3_int64 at;
	bool unsynced;      /* something may have been written since the last sync, by whomever before it was opened */
	bool later, asked;  /* a sync is only noted: sqlite_sync_later() */
	sqlite3_file *real; /* right behind this struct */
};

static sqlite3_vfs *below; /* set once, before the first use */

static struct wal_file *wal_of(sqlite3_file *file)
{
	return (struct wal_file *)file;
}

static int hand_on(struct wal_file *f)
{
	int n = f->n;

	f->n = 0;
	return n == 0 ? SQLITE_OK : f->real->pMethods->xWrite(f->real, f->bytes, n, f->at);
}

static int wal_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	struct wal_file *f = wal_of(file);

	f->unsynced = true;
	if (f->n > 0 && (at != f->at + f->n || n > GATHER - f->n)) {
		int rc = hand_on(f);
		if (rc != SQLITE_OK)
			return rc;
	}
	if (n > GATHER)
		return f->real->pMethods->xWrite(f->real, p, n, at);
	if (f->n == 0)
		f->at = at;
	memcpy(f->bytes + f->n, p, (size_t)n);
	f->n += n;
	return SQLITE_OK;
}

static int wal_close(sqlite3_file *file)
{
	struct wal_file *f = wal_of(file);
	int written = hand_on(f), closed = f->real->pMethods->xClose(f->real);

	free(f->bytes);
	f->bytes = NULL;
	return written != SQLITE_OK ? written : closed;
}

/* The calls before which everything is handed on. */
static int wal_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
	struct wal_file *f = wal_of(file);
	int rc = hand_on(f);

	return rc != SQLITE_OK ? rc : f->real->pMethods->xRead(f->real, p, n, at);
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct wal_file *f = wal_of(file);
	int rc = hand_on(f);

	f->unsynced = true;
	return rc != SQLITE_OK ? rc : f->real->pMethods->xTruncate(f->real, size);
}

static int wal_sync(sqlite3_file *file, int flags)
{
	struct wal_file *f = wal_of(file);
	int rc = hand_on(f);

	if (rc != SQLITE_OK || !f->unsynced)
		return rc;
	if (f->later) {
		f->asked = true;
		return SQLITE_OK;
	}
	rc = f->real->pMethods->xSync(f->real, flags);
	f->unsynced = rc != SQLITE_OK;
	return rc;
}

void sqlite_sync_later(struct sqlite3_file *file, bool later)
{
	wal_of(file)->later = later;
	if (later)
		wal_of(file)->asked = false;
}

bool sqlite_sync_asked(struct sqlite3_file *file)
{
	return wal_of(file)->asked;
}

int sqlite_sync_now(struct sqlite3_file *file)
{
	return wal_of(file)->real->pMethods->xSync(wal_of(file)->real, SQLITE_SYNC_NORMAL);
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *size)
{
	struct wal_file *f = wal_of(file);
	int rc = hand_on(f);

	return rc != SQLITE_OK ? rc : f->real->pMethods->xFileSize(f->real, size);
}

/* The calls that say nothing about the bytes. */
static int wal_lock(sqlite3_file *file, int level)
{
	return wal_of(file)->real->pMethods->xLock(wal_of(file)->real, level);
}

/* Whoever takes the lock next reads what was written under it. */
static int wal_unlock(sqlite3_file *file, int level)
{
	struct wal_file *f = wal_of(file);
	int written = hand_on(f), unlocked = f->real->pMethods->xUnlock(f->real, level);

	return written != SQLITE_OK ? written : unlocked;
}

static int wal_check_lock(sqlite3_file *file, int *out)
{
	return wal_of(file)->real->pMethods->xCheckReservedLock(wal_of(file)->real, out);
}

static int wal_control(sqlite3_file *file, int op, void *arg)
{
	return wal_of(file)->real->pMethods->xFileControl(wal_of(file)->real, op, arg);
}

static int wal_sector(sqlite3_file *file)
{
	return wal_of(file)->real->pMethods->xSectorSize(wal_of(file)->real);
}

static int wal_device(sqlite3_file *file)
{
	return wal_of(file)->real->pMethods->xDeviceCharacteristics(wal_of(file)->real);
}

/* Of the database alone: the memory in which connections find each other. */
static int map_shared(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	return wal_of(file)->real->pMethods->xShmMap(wal_of(file)->real, page, size, extend, out);
}

static int lock_shared(sqlite3_file *file, int at, int n, int flags)
{
	return wal_of(file)->real->pMethods->xShmLock(wal_of(file)->real, at, n, flags);
}

static void order_shared(sqlite3_file *file)
{
	wal_of(file)->real->pMethods->xShmBarrier(wal_of(file)->real);
}

static int unmap_shared(sqlite3_file *file, int remove)
{
	return wal_of(file)->real->pMethods->xShmUnmap(wal_of(file)->real, remove);
}

/* Version 2: nothing is mapped into memory past this layer. */
static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = wal_close,
	.xRead = wal_read,
	.xWrite = wal_write,
	.xTruncate = wal_truncate,
	.xSync = wal_sync,
	.xFileSize = wal_size,
	.xLock = wal_lock,
	.xUnlock = wal_unlock,
	.xCheckReservedLock = wal_check_lock,
	.xFileControl = wal_control,
	.xSectorSize = wal_sector,
	.xDeviceCharacteristics = wal_device,
	.xShmMap = map_shared,
	.xShmLock = lock_shared,
	.xShmBarrier = order_shared,
	.xShmUnmap = unmap_shared,
};

/* Every other file is the engine's own, opened in the same memory. */
static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	struct wal_file *f = wal_of(file);

	(void)vfs;
	if (!(flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB)))
		return below->xOpen(below, name, file, flags, out_flags);
	*f = (struct wal_file){ .unsynced = true, .real = (sqlite3_file *)(f + 1), .bytes = malloc(GATHER) };
	if (!f->bytes)
		return SQLITE_NOMEM;
	int rc = below->xOpen(below, name, f->real, flags, out_flags);
	if (f->real->pMethods) {
		f->base.pMethods = &methods;
	} else {
		free(f->bytes);
		f->bytes = NULL;
	}
	return rc;
}

void sqlite_wal_register(void)
{
	static sqlite3_vfs vfs;

	below = sqlite3_vfs_find(NULL);
	if (!below)
		return;
	vfs = *below;
	vfs.pNext = NULL;
	vfs.zName = SQLITE_WAL_VFS;
	vfs.szOsFile += (int)sizeof(struct wal_file);
	vfs.xOpen = open_file;
	sqlite3_vfs_register(&vfs, 0);
}
