/* Which process keeps the write-ahead log from being emptied. Readers hold shared locks on bytes of the log's index, the file
 * `-shm` (https://www.sqlite.org/walformat.html section 2.3.2): whoever asks whether one of them could be locked is told who is
 * in the way. Locks of the asking process itself are none in its way. */
#include "gatewayd/core/store/sqlite/sqlite_private.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_LOCKS 123 /* WAL_READ_LOCK(0) is the fourth of the lock bytes, which begin at 120 */
#define READERS    5

/* To close any descriptor of a file gives up all locks that this process has on it (POSIX, fcntl), those of its readers too:
 * this one stays open until the process ends. */
static struct {
	pthread_mutex_t lock;
	dev_t dev;
	ino_t ino;
	int fd;
} looked = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

/* The lock is held. */
static int index_file(const char *name)
{
	struct stat st;

	if (stat(name, &st) < 0)
		return -1;
	if (looked.fd >= 0 && looked.dev == st.st_dev && looked.ino == st.st_ino)
		return looked.fd;
	looked.fd = open(name, O_RDONLY | O_CLOEXEC);
	looked.dev = st.st_dev;
	looked.ino = st.st_ino;
	return looked.fd;
}

int sqlite_holder(const char *path)
{
	char name[PATH_MAX];
	int holder = 0;

	if ((size_t)snprintf(name, sizeof name, "%s-shm", path) >= sizeof name)
		return 0;
	pthread_mutex_lock(&looked.lock);
	int fd = index_file(name);
	for (int i = 0; fd >= 0 && holder == 0 && i < READERS; i++) {
		struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = READ_LOCKS + i, .l_len = 1 };
		/* Of another pid namespace it is 0, of an open file description -1. */
		if (fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK && l.l_pid > 0)
			holder = l.l_pid;
	}
	pthread_mutex_unlock(&looked.lock);
	return holder;
}
