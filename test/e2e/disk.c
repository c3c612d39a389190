/* What a daemon asks of the kernel about the files below one folder (DISK_FOLDER), loaded before it (LD_PRELOAD). It
 *   - records every open, write, change of size, sync and change of names in order in the file of DISK_RECORD, which several
 *     daemons may share, so that disk.py can say what a disk would hold had its power gone at some moment;
 *   - fails or kills at the n-th call after a test asked for it, and refuses what needs more room, by the file of DISK_FAULTS.
 * Both files are mapped when the process starts, before it confines itself; a test writes and reads them meanwhile. The
 * calls go to the kernel under one lock, so that the record has them in the order in which they took effect. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HANDLES 4096

enum op { OP_OPEN = 1, OP_WRITE, OP_SIZE, OP_SYNC, OP_RENAME, OP_UNLINK };

/* disk.py has the same; all in the machine's order. */
struct record {
	_Atomic uint64_t head; /* bytes that are used, this header included */
	uint64_t size;
	_Atomic uint32_t locked, handles;
};

struct item {
	uint32_t bytes; /* of the whole item, a multiple of 8 */
	uint32_t op, handle, n;
	uint64_t at; /* offset of a write, size, or flags of an open */
};

struct faults {
	_Atomic uint32_t at;    /* the call that it strikes; 0: none */
	_Atomic uint32_t error; /* what it fails with; 0: the process is killed */
	_Atomic uint32_t count, struck;
	_Atomic uint32_t full; /* nothing may grow */
};

static const char *folder;
static size_t folder_n;
static struct record *record;
static struct faults *faults;
static uint32_t handles[HANDLES]; /* of a descriptor; 0: not below the folder */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *map(const char *name)
{
	const char *path = getenv(name);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	struct stat st;
	void *p = fd >= 0 && fstat(fd, &st) == 0
	                  ? mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
	                  : NULL;

	if (p == MAP_FAILED || (path && !p))
		abort();
	if (fd >= 0)
		close(fd);
	return p;
}

__attribute__((constructor)) static void start(void)
{
	record = map("DISK_RECORD");
	faults = map("DISK_FAULTS");
	folder = getenv("DISK_FOLDER");
	folder_n = folder ? strlen(folder) : 0;
}

static bool below(const char *path)
{
	return folder_n && strncmp(path, folder, folder_n) == 0;
}

static uint32_t handle_of(int fd)
{
	return fd >= 0 && fd < HANDLES ? handles[fd] : 0;
}

/* Among the daemons that record, too. */
static void take(void)
{
	pthread_mutex_lock(&lock);
	if (record)
		while (atomic_exchange(&record->locked, 1))
			sched_yield();
}

static void give(void)
{
	if (record)
		record->locked = 0;
	pthread_mutex_unlock(&lock);
}

static void add(enum op op, uint32_t handle, uint64_t at, const void *p, size_t n)
{
	uint64_t bytes = (sizeof(struct item) + n + 7) & ~UINT64_C(7), head = record ? record->head : 0;

	if (!record)
		return;
	if (head + bytes > record->size)
		abort();
	*(struct item *)((char *)record + head) =
	        (struct item){ .bytes = (uint32_t)bytes, .op = op, .handle = handle, .n = (uint32_t)n, .at = at };
	memcpy((char *)record + head + sizeof(struct item), p, n);
	record->head = head + bytes;
}

/* Counts a call and strikes when it is its turn; the lock is held. True: the call fails, errno says why. */
static bool strikes(bool needs_descriptor)
{
	if (!faults)
		return false;
	if (faults->at == 0 || (faults->error == EMFILE) != needs_descriptor || ++faults->count != faults->at)
		return false;
	faults->struck = 1;
	if (faults->error == 0) {
		kill(getpid(), SIGKILL);
		_exit(1);
	}
	errno = (int)faults->error;
	return true;
}

static bool no_room(void)
{
	if (!faults || !faults->full)
		return false;
	errno = ENOSPC;
	return true;
}

/* --- files --- */

static int open_below(int dir, const char *path, int flags, mode_t mode)
{
	struct stat st;

	take();
	bool makes = (flags & O_CREAT) && syscall(SYS_newfstatat, dir, path, &st, 0) != 0;
	int fd = -1;
	/* A name takes room, too; and each open takes a descriptor. */
	if (!strikes(true) && !(makes && (strikes(false) || no_room())))
		fd = (int)syscall(SYS_openat, dir, path, flags, mode);
	if (fd >= HANDLES)
		abort();
	if (fd >= 0) {
		handles[fd] = record ? ++record->handles : 1;
		add(OP_OPEN, handles[fd], (uint64_t)flags, path, strlen(path));
	}
	int why = errno;
	give();
	errno = why;
	return fd;
}

static int open_any(int dir, const char *path, int flags, mode_t mode)
{
	if (path[0] == '/' && below(path))
		return open_below(dir, path, flags, mode);
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

#define MODE_OF(flags, mode) \
	mode_t mode = 0; \
	if ((flags) & (O_CREAT | O_TMPFILE) & ~O_DIRECTORY) { \
		va_list list; \
		va_start(list, flags); \
		mode = va_arg(list, mode_t); \
		va_end(list); \
	}

int open(const char *path, int flags, ...)
{
	MODE_OF(flags, mode)
	return open_any(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	MODE_OF(flags, mode)
	return open_any(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	MODE_OF(flags, mode)
	return open_any(dir, path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...)
{
	MODE_OF(flags, mode)
	return open_any(dir, path, flags | O_LARGEFILE, mode);
}

/* What the C library's checked headers make of an open without a mode. */
int __open_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags | O_LARGEFILE, 0);
}

int close(int fd)
{
	if (handle_of(fd) == 0)
		return (int)syscall(SYS_close, fd);
	take();
	handles[fd] = 0;
	int rc = (int)syscall(SYS_close, fd);
	give();
	return rc;
}

/* --- writes --- */

/* How much of a write there is room for: what lies within the file. */
static ssize_t room_for(int fd, size_t n, off_t at)
{
	struct stat st;

	if (!faults || !faults->full || fstat(fd, &st) < 0 || at + (off_t)n <= st.st_size)
		return (ssize_t)n;
	if (at < st.st_size)
		return st.st_size - at;
	errno = ENOSPC;
	return -1;
}

/* `at` below 0: where the descriptor stands. */
static ssize_t write_below(int fd, const void *p, size_t n, off_t at)
{
	take();
	off_t from = at >= 0 ? at : (fcntl(fd, F_GETFL) & O_APPEND) ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
	ssize_t done = strikes(false) ? -1 : room_for(fd, n, from);

	if (done >= 0)
		done = at < 0 ? syscall(SYS_write, fd, p, done) : syscall(SYS_pwrite64, fd, p, done, at);
	if (done > 0)
		add(OP_WRITE, handles[fd], (uint64_t)from, p, (size_t)done);
	int why = errno;
	give();
	errno = why;
	return done;
}

ssize_t write(int fd, const void *p, size_t n)
{
	return handle_of(fd) ? write_below(fd, p, n, -1) : syscall(SYS_write, fd, p, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	return handle_of(fd) ? write_below(fd, p, n, at) : syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return pwrite(fd, p, n, at);
}

int ftruncate(int fd, off_t size)
{
	struct stat st;

	if (handle_of(fd) == 0)
		return (int)syscall(SYS_ftruncate, fd, size);
	take();
	bool grows = fstat(fd, &st) == 0 && size > st.st_size;
	int rc = strikes(false) || (grows && no_room()) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
	if (rc == 0)
		add(OP_SIZE, handles[fd], (uint64_t)size, "", 0);
	int why = errno;
	give();
	errno = why;
	return rc;
}

int ftruncate64(int fd, off64_t size)
{
	return ftruncate(fd, size);
}

/* --- syncs and names --- */

static int sync_file(int fd, long call)
{
	if (handle_of(fd) == 0)
		return (int)syscall(call, fd);
	take();
	int rc = strikes(false) ? -1 : (int)syscall(call, fd);
	if (rc == 0)
		add(OP_SYNC, handles[fd], 0, "", 0);
	int why = errno;
	give();
	errno = why;
	return rc;
}

int fsync(int fd)
{
	return sync_file(fd, SYS_fsync);
}

int fdatasync(int fd)
{
	return sync_file(fd, SYS_fdatasync);
}

int rename(const char *from, const char *to)
{
	char both[2 * PATH_MAX];

	if (!below(to))
		return (int)syscall(SYS_rename, from, to);
	take();
	int rc = strikes(false) ? -1 : (int)syscall(SYS_rename, from, to);
	if (rc == 0)
		add(OP_RENAME, 0, 0, both, (size_t)snprintf(both, sizeof both, "%s%c%s", from, 0, to));
	int why = errno;
	give();
	errno = why;
	return rc;
}

int unlink(const char *path)
{
	if (!below(path))
		return (int)syscall(SYS_unlink, path);
	take();
	int rc = strikes(false) ? -1 : (int)syscall(SYS_unlink, path);
	if (rc == 0)
		add(OP_UNLINK, 0, 0, path, strlen(path));
	int why = errno;
	give();
	errno = why;
	return rc;
}
