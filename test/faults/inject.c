/* See inject.h. For the loss of power each file that is written to has a list of what its writes replaced
 * since its last sync; at the loss they are put back, the newest first. The order in which names change is
 * taken as durable at once. */
#include "test/faults/inject.h"

#include <errno.h>
#include <fcntl.h>
#ifdef GATEWAY_COVERAGE
#include <gcov.h>
#endif
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct undo {
	struct undo *next; /* older */
	off_t at;
	size_t n;
	char old[];
};

struct tracked {
	dev_t dev;
	ino_t ino;
	int fd;
	off_t synced_size;
	struct undo *newest;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum inject_kind armed_kind;
static enum inject_effect armed_effect;
static unsigned armed_at, count, lot;
static bool happened;
static struct tracked files[32];
static unsigned n_files;

void inject_arm(enum inject_kind kind, enum inject_effect effect, unsigned at, unsigned seed)
{
	pthread_mutex_lock(&lock);
	armed_kind = kind;
	armed_effect = effect;
	armed_at = at;
	lot = seed;
	count = 0;
	happened = false;
	pthread_mutex_unlock(&lock);
}

bool inject_happened(void)
{
	return happened;
}

_Noreturn void inject_end(int code)
{
#ifdef GATEWAY_COVERAGE
	inject_arm(INJECT_NONE, INJECT_FAIL, 0, 0);
	__gcov_dump();
#endif
	_exit(code);
}

static bool loses_power(void)
{
	return armed_effect == INJECT_POWER_OFF || armed_effect == INJECT_POWER_FLICKER;
}

/* Knuth's MMIX generator: its high bits are a fair lot. */
static bool drawn(void)
{
	static unsigned long long state;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL + lot;
	return state >> 60 & 1;
}

static void put_back(struct tracked *f)
{
	bool all = armed_effect == INJECT_POWER_OFF;

	for (struct undo *u = f->newest; u; u = u->next)
		if (all || drawn())
			syscall(SYS_pwrite64, f->fd, u->old, u->n, u->at);
	if (all)
		syscall(SYS_ftruncate, f->fd, f->synced_size);
}

static void crash(void)
{
	if (loses_power())
		for (unsigned i = 0; i < n_files; i++)
			put_back(&files[i]);
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* Counts a call; true when it must fail. The lock is held. */
static bool strikes(enum inject_kind kind)
{
	bool counted =
	        armed_kind == kind || (armed_kind == INJECT_SYSTEM && (kind == INJECT_WRITE || kind == INJECT_SYNC));

	if (armed_kind == INJECT_NONE || !counted)
		return false;
	count++;
	if (count < armed_at)
		return false;
	if (count > armed_at)
		return armed_effect == INJECT_FAIL_ON;
	happened = true;
	if (armed_effect != INJECT_FAIL && armed_effect != INJECT_FAIL_ON)
		crash();
	return true;
}

static bool is_file(int fd, struct stat *st)
{
	return armed_kind != INJECT_NONE && fstat(fd, st) == 0 && S_ISREG(st->st_mode);
}

static struct tracked *track(int fd, const struct stat *st)
{
	char name[40];

	for (unsigned i = 0; i < n_files; i++)
		if (files[i].dev == st->st_dev && files[i].ino == st->st_ino)
			return &files[i];
	if (n_files == sizeof files / sizeof *files)
		abort();
	/* A descriptor of our own, which may read too; never closed, for closing would drop locks. */
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	files[n_files] = (struct tracked){
		.dev = st->st_dev, .ino = st->st_ino, .fd = open(name, O_RDWR | O_CLOEXEC), .synced_size = st->st_size
	};
	return &files[n_files++];
}

static void remember(int fd, const struct stat *st, size_t n, off_t at)
{
	struct tracked *f = track(fd, st);
	struct undo *u = calloc(1, sizeof *u + n);

	if (!u)
		abort();
	ssize_t had = pread(f->fd, u->old, n, at);
	u->at = at;
	u->n = had > 0 ? (size_t)had : 0;
	u->next = f->newest;
	f->newest = u;
}

static void forget(int fd, const struct stat *st)
{
	struct tracked *f = track(fd, st);

	while (f->newest) {
		struct undo *u = f->newest;

		f->newest = u->next;
		free(u);
	}
	f->synced_size = st->st_size;
}

/* EIO and ENOSPC in turn. */
static int fails(void)
{
	errno = armed_at % 2 ? EIO : ENOSPC;
	return -1;
}

static ssize_t write_at(int fd, const void *p, size_t n, off_t at, bool here)
{
	struct stat st;

	if (!is_file(fd, &st))
		return here ? syscall(SYS_write, fd, p, n) : syscall(SYS_pwrite64, fd, p, n, at);
	pthread_mutex_lock(&lock);
	bool strike = strikes(INJECT_WRITE);
	ssize_t done = -1;
	if (!strike) {
		if (loses_power())
			remember(fd, &st, n, here ? lseek(fd, 0, SEEK_CUR) : at);
		done = here ? syscall(SYS_write, fd, p, n) : syscall(SYS_pwrite64, fd, p, n, at);
	}
	pthread_mutex_unlock(&lock);
	return strike ? fails() : done;
}

ssize_t write(int fd, const void *p, size_t n)
{
	return write_at(fd, p, n, 0, true);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	return write_at(fd, p, n, at, false);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return write_at(fd, p, n, at, false);
}

static int sync_file(int fd, long call)
{
	struct stat st;

	/* Folders are synced too; that is a call like another, with nothing to forget. */
	if (armed_kind == INJECT_NONE || fstat(fd, &st) < 0)
		return (int)syscall(call, fd);
	pthread_mutex_lock(&lock);
	bool strike = strikes(INJECT_SYNC);
	int rc = -1;
	if (!strike) {
		rc = (int)syscall(call, fd);
		if (rc == 0 && loses_power() && S_ISREG(st.st_mode) && fstat(fd, &st) == 0)
			forget(fd, &st);
	}
	pthread_mutex_unlock(&lock);
	return strike ? fails() : rc;
}

int fsync(int fd)
{
	return sync_file(fd, SYS_fsync);
}

int fdatasync(int fd)
{
	return sync_file(fd, SYS_fdatasync);
}

static int strike_or(long call, long a, long b)
{
	pthread_mutex_lock(&lock);
	bool strike = strikes(INJECT_WRITE);
	int rc = strike ? -1 : (int)syscall(call, a, b);
	pthread_mutex_unlock(&lock);
	return strike ? fails() : rc;
}

int ftruncate(int fd, off_t size)
{
	return strike_or(SYS_ftruncate, fd, size);
}

int ftruncate64(int fd, off64_t size)
{
	return strike_or(SYS_ftruncate, fd, size);
}

int rename(const char *from, const char *to)
{
	return strike_or(SYS_rename, (long)from, (long)to);
}

int unlink(const char *path)
{
	return strike_or(SYS_unlink, (long)path, 0);
}

/* --- memory; the names under which the C library keeps its own for those who replace them --- */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static bool memory_strikes(void)
{
	if (armed_kind != INJECT_MEMORY)
		return false;
	pthread_mutex_lock(&lock);
	bool strike = strikes(INJECT_MEMORY);
	pthread_mutex_unlock(&lock);
	if (strike)
		errno = ENOMEM;
	return strike;
}

void *malloc(size_t n)
{
	return memory_strikes() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return memory_strikes() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return memory_strikes() ? NULL : __libc_realloc(p, n);
}

/* --- the engine; its types are of no interest here --- */

#define ENGINE_IOERR 10
#define ENGINE_FULL  13

int __real_sqlite3_step(void *statement);
int __wrap_sqlite3_step(void *statement);
int __real_sqlite3_exec(void *db, const char *sql, void *callback, void *arg, char **message);
int __wrap_sqlite3_exec(void *db, const char *sql, void *callback, void *arg, char **message);

static bool engine_strikes(void)
{
	pthread_mutex_lock(&lock);
	bool strike = strikes(INJECT_ENGINE);
	pthread_mutex_unlock(&lock);
	return strike;
}

int __wrap_sqlite3_step(void *statement)
{
	if (engine_strikes())
		return armed_at % 2 ? ENGINE_IOERR : ENGINE_FULL;
	return __real_sqlite3_step(statement);
}

int __wrap_sqlite3_exec(void *db, const char *sql, void *callback, void *arg, char **message)
{
	if (engine_strikes())
		return armed_at % 2 ? ENGINE_IOERR : ENGINE_FULL;
	return __real_sqlite3_exec(db, sql, callback, arg, message);
}
