/* See space.h. */
#include "gatewayd/os/space.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

bool space_look(const char *path, const struct space_reserve *reserve, uint64_t *free_bytes, uint64_t *kept,
                struct error *e)
{
	struct statvfs v;

	if (statvfs(path, &v) < 0)
		return error_at(e, REASON_IO, path, 0, 0, "how much room is left is not known: %s", strerror(errno));
	uint64_t share = (uint64_t)v.f_blocks / 100 * reserve->percent * v.f_frsize;

	*free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	*kept = share < reserve->bytes ? share : reserve->bytes;
	return true;
}
