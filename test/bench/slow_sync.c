/* For benchmarks: a disk whose sync takes a while. Loaded before a daemon (LD_PRELOAD), it has each fsync() and fdatasync() take
 * SLOW_SYNC_US microseconds more, on the thread that called; those of several threads pass side by side. Read once, before the
 * daemon confines itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct timespec more;

__attribute__((constructor)) static void start(void)
{
	const char *text = getenv("SLOW_SYNC_US");
	long us = text ? atol(text) : 0;

	more = (struct timespec){ .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
}

static int slowly(long call, int fd)
{
	int rc = (int)syscall(call, fd), error = errno;

	if (more.tv_sec > 0 || more.tv_nsec > 0)
		nanosleep(&more, NULL);
	errno = error;
	return rc;
}

int fsync(int fd)
{
	return slowly(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return slowly(SYS_fdatasync, fd);
}
