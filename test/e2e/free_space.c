/* A file system whose room a test decides, loaded before a daemon (LD_PRELOAD): statvfs() says so many free blocks of a
 * million as the file of FREE_SPACE says, 8 bytes in the machine's order. The file is mapped when the process starts, so that
 * a process which may open nothing any more still sees it change. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

static volatile const int64_t *free_blocks;

__attribute__((constructor)) static void map_file(void)
{
	const char *path = getenv("FREE_SPACE");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *p = fd >= 0 ? mmap(NULL, sizeof *free_blocks, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

	if (p == MAP_FAILED)
		abort();
	free_blocks = p;
	close(fd);
}

int statvfs(const char *restrict path, struct statvfs *restrict out)
{
	(void)path;
	*out = (struct statvfs){
		.f_bsize = 4096, .f_frsize = 4096, .f_blocks = 1000000, .f_bavail = (fsblkcnt_t)*free_blocks
	};
	return 0;
}
